//! Recent states in this process.
//!
//! A ring of the last states of each stream; streams are forgotten least recently used first when there are too many of
//! them. When there are too many bytes, what goes first is what streams have besides their newest state, from the least
//! recently used stream on, since the next operation goes to the newest; and then whole streams. What a state takes is told
//! by its model from above ([`Entry::heap_bytes`]): states that follow each other share most of what they hold, and each
//! counts in full, so that what is really taken stays below the budget.
//!
//! The rules are those of the reference's cache (reactor format §6.1), and a budget of bytes, which it has not. As the bytes
//! are bounded, there may be more streams than its thousand: of small documents, that would be the bound that is met first.

mod recency;
mod rings;
#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Cause, Entry, Facts, Listed, Lookup, Put, Tier, TierName, TierStats, Want, Which};
use crate::model::ids::{Revision, StreamKey};
use crate::model::stamp::Stamp;

use rings::TooLarge;
pub(super) use rings::{Rings, Slot};

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
        Bounds { ring: at_least_one(10), streams: at_least_one(10_000), bytes: 50 << 20 }
    }
}

/// The tier. Its states are shared with whoever asks, and cannot be written through.
#[derive(Debug)]
pub struct MemoryTier {
    bounds: Bounds,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    rings: Rings<StreamKey, Held>,
    stats: TierStats,
}

/// An entry that is kept.
#[derive(Debug)]
struct Held {
    entry: Arc<Entry>,
    /// The stamp at which it was the head.
    head: Option<Stamp>,
    reads: u64,
}

impl MemoryTier {
    /// An empty tier.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        let stats = TierStats { bytes_most: bounds.bytes, ..TierStats::default() };
        MemoryTier { bounds, kept: Mutex::new(Kept { rings: Rings::new(bounds), stats }) }
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
        kept.stats.count_exact(entry.facts.cost, begun.elapsed());
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
        let held = kept.rings.touch(stream, |held| held.head.as_ref() == Some(stamp))?;
        held.reads += 1;
        let entry = held.entry.clone();
        kept.stats.count_exact(entry.facts.cost, begun.elapsed());
        Some(entry)
    }

    fn missed_head(&self) {
        self.kept().stats.count(&Lookup::Miss, Duration::ZERO);
    }

    fn put(&self, puts: &[Put]) {
        let mut kept = self.kept();
        for put in puts {
            kept.put(put);
        }
    }

    fn drop_entries(&self, which: &Which, cause: Cause) -> u64 {
        let mut kept = self.kept();
        let streams: Vec<StreamKey> = match which {
            Which::Stream(stream) => vec![stream.clone()],
            _ => kept.rings.streams().cloned().collect(),
        };
        let goes = |slot: &Slot<Held>| which.includes(&slot.item.entry.facts);
        let dropped = streams.iter().map(|stream| kept.rings.drop_of(stream, goes)).sum();
        kept.stats.count_dropped(cause, dropped);
        dropped
    }

    fn list(&self, visit: &mut dyn FnMut(&Listed<'_>)) {
        let kept = self.kept();
        let mut streams: Vec<&StreamKey> = kept.rings.streams().collect();
        streams.sort_unstable();
        for stream in streams {
            let mut slots: Vec<&Slot<Held>> = kept.rings.slots(stream).collect();
            slots.sort_by_key(|slot| slot.revision);
            for Slot { bytes, item, .. } in slots {
                let Held { entry, head, reads } = item;
                let (facts, head) = (&entry.facts, head.is_some());
                visit(&Listed { facts, head, size_bytes: *bytes, reads: *reads });
            }
        }
    }

    fn stats(&self) -> TierStats {
        let kept = self.kept();
        let (entries, bytes) = (kept.rings.entries(), kept.rings.bytes());
        let mut stats = TierStats { entries, bytes, ..kept.stats.clone() };
        kept.rings.dropped().iter().for_each(|(cause, n)| stats.count_dropped(*cause, *n));
        stats
    }
}

impl Kept {
    /// The entry of a stream at a revision.
    fn at(&self, stream: &StreamKey, revision: Option<Revision>) -> Option<Arc<Entry>> {
        let mut slots = self.rings.slots(stream).rev();
        slots.find(|slot| slot.revision == revision).map(|slot| slot.item.entry.clone())
    }

    /// The entries of a stream at or below a revision, the newest first.
    fn at_or_below(&self, stream: &StreamKey, most: Option<Revision>) -> Vec<Arc<Entry>> {
        let slots = self.rings.slots(stream).filter(|slot| slot.revision <= most);
        let mut found: Vec<Arc<Entry>> = slots.map(|slot| slot.item.entry.clone()).collect();
        found.sort_by_key(|entry| std::cmp::Reverse(entry.facts.revision));
        found
    }

    /// Notes that an entry was found, if it is there still.
    fn used(&mut self, stream: &StreamKey, entry: &Arc<Entry>) {
        if let Some(held) = self.rings.touch(stream, |held| Arc::ptr_eq(&held.entry, entry)) {
            held.reads += 1;
        }
    }

    fn put(&mut self, put: &Put) {
        let Put { entry, head } = put;
        let Facts { stream, revision, .. } = &entry.facts;
        self.stats.puts += 1;
        let held = Held { entry: entry.clone(), head: head.clone(), reads: 0 };
        if self.rings.put(stream, *revision, entry.heap_bytes(), held) == Err(TooLarge) {
            self.stats.too_large += 1;
        }
    }
}
