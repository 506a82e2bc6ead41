//! Recent states in this process.
//!
//! A ring of the last states of each stream; streams are forgotten least recently used first when there are too many of
//! them. When there are too many bytes, what goes first is what streams have besides their newest state, from the least
//! recently used stream on, since the next operation goes to the newest; and then whole streams. What a state takes is told by its model from above ([`Entry::heap_bytes`]): states that follow
//! each other share most of what they hold, and each counts in full, so that what is really taken stays below the budget.
//!
//! The rules are those of the reference's cache (reactor format §6.1), and a budget of bytes, which it has not.

mod recency;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Cause, Entry, Facts, Listed, Lookup, Put, Tier, TierName, TierStats, Want, Which};
use crate::model::ids::{Revision, StreamKey};
use crate::model::stamp::Stamp;
use recency::{Place, Recency};

/// How much the tier keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// States of one stream.
    pub ring: NonZeroUsize,
    /// Streams.
    pub streams: NonZeroUsize,
    /// Bytes of all states together.
    pub bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        let at_least_one = |n| NonZeroUsize::new(n).unwrap_or(NonZeroUsize::MIN);
        Bounds { ring: at_least_one(10), streams: at_least_one(1000), bytes: 50 << 20 }
    }
}

/// The tier. Its states are shared with whoever asks, and cannot be written through.
#[derive(Debug)]
pub struct MemoryTier {
    bounds: Bounds,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    streams: HashMap<StreamKey, Ring>,
    recency: Recency<StreamKey>,
    /// The streams with more than one state.
    several: Recency<StreamKey>,
    stats: TierStats,
}

/// The states of one stream, in the order in which they came.
#[derive(Debug)]
struct Ring {
    slots: VecDeque<Slot>,
    bytes: u64,
    place: Place,
    /// Its place among the streams with more than one state.
    several: Option<Place>,
}

#[derive(Debug)]
struct Slot {
    entry: Arc<Entry>,
    /// The stamp at which it was the head.
    head: Option<Stamp>,
    bytes: u64,
    reads: u64,
}

impl MemoryTier {
    /// An empty tier.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        let stats = TierStats { bytes_most: bounds.bytes, ..TierStats::default() };
        MemoryTier { bounds, kept: Mutex::new(Kept { stats, ..Kept::default() }) }
    }

    /// How much it keeps.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Nothing that runs under the lock can fail half way.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tier for MemoryTier {
    fn name(&self) -> TierName {
        TierName::Memory
    }

    fn find_exact(&self, want: &Want<'_>) -> Option<Arc<Entry>> {
        let begun = Instant::now();
        let entry = self.kept().at(want.stream, want.revision)?;
        if !(want.fits)(&entry.facts) {
            return None;
        }
        let mut kept = self.kept();
        kept.used(want.stream, &entry);
        let found = Lookup::Exact(entry.clone());
        kept.stats.count(&found, begun.elapsed());
        Some(entry)
    }

    fn find(&self, want: &Want<'_>) -> Lookup {
        let begun = Instant::now();
        // Whether an entry fits may take a look into the store, which is not for a time under the lock.
        let candidates = self.kept().at_or_below(want.stream, want.revision);
        let found = candidates.into_iter().find(|entry| (want.fits)(&entry.facts));
        let lookup = match found {
            Some(entry) if entry.facts.revision == want.revision => Lookup::Exact(entry),
            Some(entry) => Lookup::Below(entry),
            None => Lookup::Miss,
        };
        let mut kept = self.kept();
        if let Lookup::Exact(entry) | Lookup::Below(entry) = &lookup {
            kept.used(want.stream, entry);
        }
        kept.stats.count(&lookup, begun.elapsed());
        lookup
    }

    fn find_head(&self, stream: &StreamKey, stamp: &Stamp) -> Option<Arc<Entry>> {
        let begun = Instant::now();
        let mut kept = self.kept();
        let ring = kept.streams.get(stream)?;
        let slot = ring.slots.iter().rev().find(|slot| slot.head.as_ref() == Some(stamp))?;
        let entry = slot.entry.clone();
        kept.used(stream, &entry);
        let found = Lookup::Exact(entry.clone());
        kept.stats.count(&found, begun.elapsed());
        Some(entry)
    }

    fn missed_head(&self) {
        self.kept().stats.count(&Lookup::Miss, Duration::ZERO);
    }

    fn put(&self, puts: &[Put]) {
        let mut kept = self.kept();
        for put in puts {
            kept.put(put, &self.bounds);
        }
    }

    fn drop_entries(&self, which: &Which, cause: Cause) -> u64 {
        let mut kept = self.kept();
        let of_stream;
        let streams: Vec<StreamKey> = match which {
            Which::Stream(stream) => {
                of_stream = stream.clone();
                vec![of_stream]
            }
            _ => kept.streams.keys().cloned().collect(),
        };
        let dropped = streams.iter().map(|stream| kept.drop_of(stream, &|facts| which.includes(facts))).sum();
        kept.stats.count_dropped(cause, dropped);
        dropped
    }

    fn list(&self, visit: &mut dyn FnMut(&Listed<'_>)) {
        let kept = self.kept();
        let mut streams: Vec<(&StreamKey, &Ring)> = kept.streams.iter().collect();
        streams.sort_unstable_by_key(|(stream, _)| *stream);
        for (_, ring) in streams {
            let mut slots: Vec<&Slot> = ring.slots.iter().collect();
            slots.sort_by_key(|slot| slot.entry.facts.revision);
            for slot in slots {
                let Slot { entry, head, bytes, reads } = slot;
                let (facts, head) = (&entry.facts, head.is_some());
                visit(&Listed { facts, head, size_bytes: *bytes, reads: *reads });
            }
        }
    }

    fn stats(&self) -> TierStats {
        self.kept().stats.clone()
    }
}

impl Kept {
    /// The entry of a stream at a revision.
    fn at(&self, stream: &StreamKey, revision: Option<Revision>) -> Option<Arc<Entry>> {
        let slots = &self.streams.get(stream)?.slots;
        slots.iter().rev().find(|slot| slot.entry.facts.revision == revision).map(|slot| slot.entry.clone())
    }

    /// The entries of a stream at or below a revision, the newest first.
    fn at_or_below(&self, stream: &StreamKey, most: Option<Revision>) -> Vec<Arc<Entry>> {
        let Some(ring) = self.streams.get(stream) else { return Vec::new() };
        let slots = ring.slots.iter().filter(|slot| slot.entry.facts.revision <= most);
        let mut found: Vec<Arc<Entry>> = slots.map(|slot| slot.entry.clone()).collect();
        found.sort_by_key(|entry| std::cmp::Reverse(entry.facts.revision));
        found
    }

    /// Notes that an entry was found, if it is there still.
    fn used(&mut self, stream: &StreamKey, entry: &Arc<Entry>) {
        let Some(ring) = self.streams.get_mut(stream) else { return };
        if let Some(slot) = ring.slots.iter_mut().find(|slot| Arc::ptr_eq(&slot.entry, entry)) {
            slot.reads += 1;
            self.recency.touch(ring.place);
            ring.several.iter().for_each(|place| self.several.touch(*place));
        }
    }

    fn put(&mut self, put: &Put, bounds: &Bounds) {
        let Put { entry, head } = put;
        let facts = &entry.facts;
        let stream = &facts.stream;
        self.stats.puts += 1;
        // The one it replaces is out of date, whether or not this one is taken.
        self.drop_of(stream, &|other| other.revision == facts.revision);
        let bytes = entry.heap_bytes();
        if bytes > bounds.bytes {
            self.stats.too_large += 1;
            return;
        }
        if !self.streams.contains_key(stream) && self.streams.len() >= bounds.streams.get() {
            self.drop_least_recent(Cause::Count);
        }
        let recency = &mut self.recency;
        let ring = self.streams.entry(stream.clone()).or_insert_with(|| Ring {
            slots: VecDeque::new(),
            bytes: 0,
            place: recency.add(stream.clone()),
            several: None,
        });
        recency.touch(ring.place);
        ring.slots.push_back(Slot { entry: entry.clone(), head: head.clone(), bytes, reads: 0 });
        ring.bytes += bytes;
        if ring.slots.len() > 1 {
            match ring.several {
                Some(place) => self.several.touch(place),
                None => ring.several = Some(self.several.add(stream.clone())),
            }
        }
        self.stats.entries += 1;
        self.stats.bytes += bytes;
        if ring.slots.len() > bounds.ring.get() {
            self.drop_oldest(stream, Cause::Ring);
        }
        while self.stats.bytes > bounds.bytes {
            match self.several.least_recent().cloned() {
                Some(stream) => self.drop_oldest(&stream, Cause::Bytes),
                None => self.drop_least_recent(Cause::Bytes),
            }
        }
    }

    /// Drops the entries of a stream that `goes` names, and says how many.
    fn drop_of(&mut self, stream: &StreamKey, goes: &dyn Fn(&Facts) -> bool) -> u64 {
        let Some(ring) = self.streams.get_mut(stream) else { return 0 };
        let (entries, bytes) = (ring.slots.len(), ring.bytes);
        ring.slots.retain(|slot| !goes(&slot.entry.facts));
        ring.bytes = ring.slots.iter().map(|slot| slot.bytes).sum();
        let dropped = (entries - ring.slots.len()) as u64;
        self.stats.entries -= dropped;
        self.stats.bytes -= bytes - ring.bytes;
        self.settle(stream);
        dropped
    }

    /// Drops what came first in a ring: of several states not the newest revision, which may have come before others.
    fn drop_oldest(&mut self, stream: &StreamKey, cause: Cause) {
        let Some(ring) = self.streams.get_mut(stream) else { return };
        let newest = ring.slots.iter().map(|slot| slot.entry.facts.revision).max();
        let is_newest = |slot: &Slot| ring.slots.len() > 1 && Some(slot.entry.facts.revision) == newest;
        let oldest = ring.slots.iter().position(|slot| !is_newest(slot));
        if let Some(slot) = oldest.and_then(|at| ring.slots.remove(at)) {
            ring.bytes -= slot.bytes;
            self.stats.bytes -= slot.bytes;
            self.stats.entries -= 1;
            self.stats.count_dropped(cause, 1);
        }
        self.settle(stream);
    }

    fn drop_least_recent(&mut self, cause: Cause) {
        let Some(stream) = self.recency.least_recent().cloned() else { return };
        let dropped = self.drop_of(&stream, &|_| true);
        self.stats.count_dropped(cause, dropped);
    }

    /// Notes what a stream has left.
    fn settle(&mut self, stream: &StreamKey) {
        let Some(ring) = self.streams.get_mut(stream) else { return };
        if ring.slots.len() < 2
            && let Some(place) = ring.several.take()
        {
            self.several.remove(place);
        }
        if ring.slots.is_empty()
            && let Some(ring) = self.streams.remove(stream)
        {
            self.recency.remove(ring.place);
        }
    }
}
