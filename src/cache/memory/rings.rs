//! The rules of the tier, over whatever has a revision and a size: what is kept, and what goes.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;

use super::Bounds;
use super::recency::{Place, Recency};
use crate::cache::Cause;
use crate::model::ids::Revision;

/// A ring of slots for each stream, within bounds. Streams are named by `K`; `T` is what is kept.
#[derive(Debug)]
pub(in crate::cache) struct Rings<K, T> {
    bounds: Bounds,
    by_stream: HashMap<K, Ring<T>>,
    recency: Recency<K>,
    /// The streams with more than one slot.
    several: Recency<K>,
    entries: u64,
    bytes: u64,
    dropped: BTreeMap<Cause, u64>,
}

/// The slots of one stream, in the order in which they came. No two have the same revision.
#[derive(Debug)]
struct Ring<T> {
    slots: VecDeque<Slot<T>>,
    bytes: u64,
    place: Place,
    /// Its place among the streams with more than one slot.
    several: Option<Place>,
}

/// What is kept at a revision.
#[derive(Debug)]
pub(in crate::cache) struct Slot<T> {
    pub(in crate::cache) revision: Option<Revision>,
    pub(in crate::cache) bytes: u64,
    pub(in crate::cache) item: T,
}

/// It is larger than all that may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cache) struct TooLarge;

impl<K: Clone + Eq + Hash, T> Rings<K, T> {
    pub(in crate::cache) fn new(bounds: Bounds) -> Self {
        Rings {
            bounds,
            by_stream: HashMap::new(),
            recency: Recency::default(),
            several: Recency::default(),
            entries: 0,
            bytes: 0,
            dropped: BTreeMap::new(),
        }
    }

    /// How many slots there are.
    pub(in crate::cache) fn entries(&self) -> u64 {
        self.entries
    }

    /// What they take together.
    pub(in crate::cache) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many the bounds have cost, by cause.
    pub(in crate::cache) fn dropped(&self) -> &BTreeMap<Cause, u64> {
        &self.dropped
    }

    /// The streams, in no order.
    pub(in crate::cache) fn streams(&self) -> impl Iterator<Item = &K> {
        self.by_stream.keys()
    }

    /// The slots of a stream, in the order in which they came.
    pub(in crate::cache) fn slots(&self, stream: &K) -> impl DoubleEndedIterator<Item = &Slot<T>> {
        self.by_stream.get(stream).into_iter().flat_map(|ring| &ring.slots)
    }

    /// Finds what `is` names, the newest first, and notes that it was found.
    pub(in crate::cache) fn touch(&mut self, stream: &K, is: impl Fn(&T) -> bool) -> Option<&mut T> {
        let ring = self.by_stream.get_mut(stream)?;
        let slot = ring.slots.iter_mut().rev().find(|slot| is(&slot.item))?;
        self.recency.touch(ring.place);
        ring.several.iter().for_each(|place| self.several.touch(*place));
        Some(&mut slot.item)
    }

    /// Keeps something as the last of its ring; what is over a bound then goes.
    ///
    /// # Errors
    /// When it is too large. What it would have replaced is out of date and gone all the same.
    pub(in crate::cache) fn put(
        &mut self,
        stream: &K,
        revision: Option<Revision>,
        bytes: u64,
        item: T,
    ) -> Result<(), TooLarge> {
        self.drop_of(stream, |slot| slot.revision == revision);
        if bytes > self.bounds.bytes {
            return Err(TooLarge);
        }
        if !self.by_stream.contains_key(stream) && self.by_stream.len() >= self.bounds.streams.get() {
            self.drop_least_recent(Cause::Count);
        }
        let recency = &mut self.recency;
        let ring = self.by_stream.entry(stream.clone()).or_insert_with(|| Ring {
            slots: VecDeque::new(),
            bytes: 0,
            place: recency.add(stream.clone()),
            several: None,
        });
        recency.touch(ring.place);
        ring.slots.push_back(Slot { revision, bytes, item });
        ring.bytes += bytes;
        if ring.slots.len() > 1 {
            match ring.several {
                Some(place) => self.several.touch(place),
                None => ring.several = Some(self.several.add(stream.clone())),
            }
        }
        self.entries += 1;
        self.bytes += bytes;
        if ring.slots.len() > self.bounds.ring.get() {
            self.drop_oldest(stream, Cause::Ring);
        }
        while self.bytes > self.bounds.bytes {
            match self.several.least_recent().cloned() {
                Some(stream) => self.drop_oldest(&stream, Cause::Bytes),
                None => self.drop_least_recent(Cause::Bytes),
            }
        }
        Ok(())
    }

    /// Drops the slots of a stream that `goes` names, and says how many.
    pub(in crate::cache) fn drop_of(&mut self, stream: &K, goes: impl Fn(&Slot<T>) -> bool) -> u64 {
        let Some(ring) = self.by_stream.get_mut(stream) else { return 0 };
        let (entries, bytes) = (ring.slots.len(), ring.bytes);
        ring.slots.retain(|slot| !goes(slot));
        let dropped = (entries - ring.slots.len()) as u64;
        if dropped == 0 {
            return 0;
        }
        ring.bytes = ring.slots.iter().map(|slot| slot.bytes).sum();
        self.entries -= dropped;
        self.bytes -= bytes - ring.bytes;
        self.settle(stream);
        dropped
    }

    /// Drops what came first in a ring: of several slots not the newest revision, which may have come before others.
    fn drop_oldest(&mut self, stream: &K, cause: Cause) {
        let Some(ring) = self.by_stream.get_mut(stream) else { return };
        let newest = ring.slots.iter().map(|slot| slot.revision).max();
        let is_newest = |slot: &Slot<T>| ring.slots.len() > 1 && Some(slot.revision) == newest;
        let oldest = ring.slots.iter().position(|slot| !is_newest(slot));
        if let Some(slot) = oldest.and_then(|at| ring.slots.remove(at)) {
            ring.bytes -= slot.bytes;
            self.bytes -= slot.bytes;
            self.entries -= 1;
            self.count_dropped(cause, 1);
        }
        self.settle(stream);
    }

    fn drop_least_recent(&mut self, cause: Cause) {
        let Some(stream) = self.recency.least_recent().cloned() else { return };
        let dropped = self.drop_of(&stream, |_| true);
        self.count_dropped(cause, dropped);
    }

    fn count_dropped(&mut self, cause: Cause, n: u64) {
        *self.dropped.entry(cause).or_default() += n;
    }

    /// Notes what a stream has left.
    fn settle(&mut self, stream: &K) {
        let Some(ring) = self.by_stream.get_mut(stream) else { return };
        if ring.slots.len() < 2
            && let Some(place) = ring.several.take()
        {
            self.several.remove(place);
        }
        if ring.slots.is_empty()
            && let Some(ring) = self.by_stream.remove(stream)
        {
            self.recency.remove(ring.place);
        }
    }
}
