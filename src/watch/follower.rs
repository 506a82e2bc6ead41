//! Looks at a store, one after the other.

use super::Position;
use super::event::{Event, Lost, Told};
use super::keyframes::{Keyframes, Look};
use super::operations::Operations;
use crate::model::ids::OpIndex;
use crate::store::{KeyframeEntry, Read, Selection, Serial, Stamp, Storage, Store, StoreError, answer};

/// What tells each operation and each keyframe that is added to a store, once and in the order of insertion.
///
/// A keyframe is told after all operations that were there when it was met, and so after those that it includes.
pub struct Follower {
    selection: Selection,
    state: State,
    /// How the store was when all of it had been told.
    seen: Option<Stamp>,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With what comes after the first look.
    Now,
    /// Behind an operation, and with keyframes that come after the first look.
    Behind(Serial),
    /// Where another follower has been.
    At(Position),
}

/// Some of what has happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// In order.
    pub told: Vec<Told>,
    /// Whether there is more already.
    pub more: bool,
}

/// What has been told.
#[derive(Clone)]
enum State {
    /// Nothing, and nothing has been looked at.
    New(Start),
    Running(Running),
}

/// What has been told, by tables.
#[derive(Clone)]
struct Running {
    operations: Operations,
    keyframes: [Keyframes; 2],
}

/// How many events of a kind a page has at most.
const PAGE: usize = 1000;

impl Follower {
    /// Follows what `selection` includes.
    #[must_use]
    pub fn new(selection: Selection, start: Start) -> Self {
        Follower { selection, state: State::New(start), seen: None }
    }

    /// Where another follower would go on.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        match &self.state {
            State::New(_) => None,
            State::Running(running) => Some(running.position()),
        }
    }

    /// What has been added since the last time, a page of it at most. Where nothing has changed, that costs a look at the
    /// stamp of the store, and no transaction is begun.
    ///
    /// # Errors
    /// Those of the store. Nothing is lost by one: the next poll tells what this one would have.
    pub fn poll(&mut self, store: &dyn Store) -> Result<Page, StoreError> {
        if let Some(seen) = &self.seen
            && store.stamp()? == *seen
        {
            return Ok(Page::default());
        }
        let (page, running, stamp) = answer(store, |read| {
            let (page, running) = self.state.look(read, &self.selection, PAGE)?;
            Ok::<_, StoreError>((page, running, read.stamp()?))
        })?;
        self.state = State::Running(running);
        self.seen = (!page.more).then_some(stamp);
        Ok(page)
    }
}

impl State {
    /// What one moment of a store has that was not told, at most `most` of a kind, and what has been told then.
    fn look(&self, read: &dyn Read, selection: &Selection, most: usize) -> Result<(Page, Running), StoreError> {
        match self {
            State::New(start) => Running::start(read, *start)?.look(read, selection, most),
            State::Running(running) => running.look(read, selection, most),
        }
    }
}

impl Running {
    fn start(read: &dyn Read, start: Start) -> Result<Self, StoreError> {
        let operations = match start {
            Start::Now => read.last_inserted()?,
            Start::Behind(serial) => serial,
            Start::At(position) => position.operations,
        };
        let keyframes = |storage| match start {
            Start::Now | Start::Behind(_) => Keyframes::up_to(read, storage, None),
            Start::At(position) => Keyframes::up_to(read, storage, Some(position.keyframes(storage))),
        };
        Ok(Running {
            operations: Operations::up_to(read, operations)?,
            keyframes: [keyframes(STORAGES[0])?, keyframes(STORAGES[1])?],
        })
    }

    fn anew() -> Self {
        Running { operations: Operations::START, keyframes: STORAGES.map(Keyframes::none) }
    }

    fn position(&self) -> Position {
        let [plain, compressed] = &self.keyframes;
        Position { operations: self.operations.after(), plain: plain.last(), compressed: compressed.last() }
    }

    fn look(&self, read: &dyn Read, selection: &Selection, most: usize) -> Result<(Page, Self), StoreError> {
        let mut telling = Telling { page: Page::default(), position: self.position() };
        let mut running = self.clone();
        if !self.operations.holds(read)? {
            running = Running::anew();
            telling.position = running.position();
            telling.tell(Event::Reset(Lost::Log));
        }
        let added = running.operations.added(read, selection, most)?;
        for operation in added.rows {
            telling.position.operations = operation.serial;
            telling.tell(Event::Operation(operation));
        }
        running.operations = added.next;
        telling.position.operations = running.operations.after();
        telling.page.more = added.more;
        // Keyframes wait for the operations before them.
        if !added.more {
            running.keyframes = telling.keyframes(running.keyframes, read, selection, most)?;
        }
        Ok((telling.page, running))
    }
}

/// How keyframes are stored, in the order of [`Running::keyframes`].
const STORAGES: [Storage; 2] = [Storage::Plain, Storage::Compressed];

/// A page that is being filled.
struct Telling {
    page: Page,
    position: Position,
}

impl Telling {
    fn tell(&mut self, event: Event) {
        self.page.told.push(Told { event, position: self.position });
    }

    /// Tells the next keyframes after those that `told` says, and says what has been told then.
    fn keyframes(
        &mut self,
        told: [Keyframes; 2],
        read: &dyn Read,
        selection: &Selection,
        most: usize,
    ) -> Result<[Keyframes; 2], StoreError> {
        let look = |told: &[Keyframes; 2]| -> Result<[Look; 2], StoreError> {
            Ok([told[0].added(read, most)?, told[1].added(read, most)?])
        };
        let mut looks = look(&told)?;
        if looks.iter().any(|look| matches!(look, Look::Lost)) {
            let none = STORAGES.map(Keyframes::none);
            (self.position.plain, self.position.compressed) = (Serial::START, Serial::START);
            self.tell(Event::Reset(Lost::Keyframes));
            looks = look(&none)?;
        }
        let mut reached = told;
        for ((look, storage), reached) in looks.into_iter().zip(STORAGES).zip(&mut reached) {
            let Look::Added { rows, more, next } = look else { continue };
            for (serial, entry) in rows {
                *self.position.keyframes_mut(storage) = serial;
                if includes(selection, &entry) {
                    self.tell(Event::Keyframe { serial, entry });
                }
            }
            *self.position.keyframes_mut(storage) = next.last();
            self.page.more |= more;
            *reached = next;
        }
        Ok(reached)
    }
}

/// Whether a keyframe is meant. Labels below 0, which damaged stores have, count as the first.
fn includes(selection: &Selection, entry: &KeyframeEntry) -> bool {
    let label = OpIndex::new(u64::try_from(entry.label).unwrap_or(0));
    selection.includes(&entry.stream, label, entry.document_type.as_str())
}

#[cfg(test)]
mod tests;
