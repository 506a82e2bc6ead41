//! How far the keyframes that are stored in one way have been told.
//!
//! Unlike operations, keyframes go, and a number is given again when it was the greatest. So what is remembered is not one
//! number, but the last few keyframes: as long as one of them is there, each new one has a number after the first of them,
//! and those that were told are known by what they are. Once all of them are gone, new ones may have any number.

use std::collections::VecDeque;

use crate::model::ids::StreamKey;
use crate::store::{Flow, KeyframeEntry, Order, Read, Serial, Storage, StoreError};

/// How many are remembered. Whoever prunes keeps some of the newest, as a rule; and as long as there are no more than this,
/// all of them are looked at, also those that come under a number from before.
const REMEMBERED: usize = 1024;

/// How far keyframes have been told.
#[derive(Clone, Debug)]
pub(super) struct Keyframes {
    storage: Storage,
    /// The last that were told or were there at the start, by number.
    told: VecDeque<Place>,
    /// Where a look begins: the first that is remembered, unless all are.
    from: Serial,
    /// The number of the last one that was told.
    last: Serial,
}

/// What tells a keyframe from any other that may get its number.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    serial: Serial,
    stream: StreamKey,
    label: i64,
}

/// What a look at keyframes has found.
pub(super) enum Look {
    /// Those that are remembered are gone, and there are others.
    Lost,
    /// Keyframes that were added.
    Added {
        /// By number.
        rows: Vec<(Serial, KeyframeEntry)>,
        /// Whether there are more.
        more: bool,
        /// How far keyframes have been told once these are.
        next: Keyframes,
    },
}

impl Keyframes {
    /// None has been told.
    pub(super) fn none(storage: Storage) -> Self {
        Keyframes { storage, told: VecDeque::new(), from: Serial::START, last: Serial::START }
    }

    /// All of those up to a number that are there have been told; without one all of them.
    pub(super) fn up_to(read: &dyn Read, storage: Storage, last: Option<Serial>) -> Result<Self, StoreError> {
        let mut keyframes = Keyframes::none(storage);
        read.numbered_keyframes(storage, Serial::START, Order::Backward, &mut |serial, entry| {
            if keyframes.told.len() == REMEMBERED {
                keyframes.from = keyframes.told[0].serial;
                return Flow::Break(());
            }
            if last.is_none_or(|last| serial <= last) {
                keyframes.told.push_front(Place::of(serial, entry));
            }
            Flow::Continue(())
        })?;
        keyframes.last = keyframes.told.back().map_or(Serial::START, |last| last.serial);
        Ok(keyframes)
    }

    /// The number of the last one that was told.
    pub(super) fn last(&self) -> Serial {
        self.last
    }

    /// The next keyframes, at most so many.
    pub(super) fn added(&self, read: &dyn Read, most: usize) -> Result<Look, StoreError> {
        let (mut rows, mut more, mut is_alive) = (Vec::new(), false, false);
        let mut next = Keyframes { from: self.from, ..Keyframes::none(self.storage) };
        read.numbered_keyframes(self.storage, self.from, Order::Forward, &mut |serial, entry| {
            let is_told = self.has_told(serial, entry);
            is_alive |= is_told;
            more = !is_told && rows.len() == most;
            if more {
                return Flow::Break(());
            }
            if !is_told {
                rows.push((serial, entry.clone()));
            }
            next.remember(Place::of(serial, entry));
            Flow::Continue(())
        })?;
        if !self.told.is_empty() && !is_alive && !self.is_alive(read)? {
            let empty = Look::Added { rows: Vec::new(), more: false, next: Keyframes::none(self.storage) };
            return Ok(if is_empty(read, self.storage)? { empty } else { Look::Lost });
        }
        if more {
            // Those that were not come to stay remembered; the next look begins before them.
            next.told.extend(self.told.iter().filter(|told| told.serial > next.last).cloned());
        }
        Ok(Look::Added { rows, more, next })
    }

    /// Remembers the next one, and if those are too many, no longer the first.
    fn remember(&mut self, place: Place) {
        self.last = place.serial;
        self.told.push_back(place);
        if self.told.len() > REMEMBERED {
            self.told.pop_front();
            self.from = self.told[0].serial;
        }
    }

    fn has_told(&self, serial: Serial, entry: &KeyframeEntry) -> bool {
        let first = self.told.partition_point(|told| told.serial < serial);
        let of_number = self.told.range(first..).take_while(|told| told.serial == serial);
        of_number.into_iter().any(|told| told.label == entry.label && told.stream == entry.stream)
    }

    /// Whether one that is remembered is there, wherever among the others.
    fn is_alive(&self, read: &dyn Read) -> Result<bool, StoreError> {
        let last = self.told.back().map_or(Serial::START, |last| last.serial);
        let mut is_alive = false;
        read.numbered_keyframes(self.storage, self.from, Order::Forward, &mut |serial, entry| {
            is_alive = self.has_told(serial, entry);
            if is_alive || serial > last { Flow::Break(()) } else { Flow::Continue(()) }
        })?;
        Ok(is_alive)
    }
}

fn is_empty(read: &dyn Read, storage: Storage) -> Result<bool, StoreError> {
    let mut is_empty = true;
    read.numbered_keyframes(storage, Serial::START, Order::Forward, &mut |_, _| {
        is_empty = false;
        Flow::Break(())
    })?;
    Ok(is_empty)
}

impl Place {
    fn of(serial: Serial, entry: &KeyframeEntry) -> Self {
        Place { serial, stream: entry.stream.clone(), label: entry.label }
    }
}
