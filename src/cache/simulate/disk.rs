//! The disk tier without its file: what it admits and what goes, as in `cache/disk/evict.rs`.
//!
//! Bodies that states share are counted for each of them, and what was read counts at once.

use std::collections::BTreeMap;

use super::TierOutcome;
use super::run::StateId;
use crate::cache::disk::Bounds;

/// The tier, with counters.
pub(super) struct DiskTier {
    bounds: Bounds,
    kept: BTreeMap<StateId, Kept>,
    /// What goes first, by worth and age.
    order: BTreeMap<(Worth, u64), StateId>,
    clock: f64,
    born: u64,
    pub(super) counted: TierOutcome,
}

struct Kept {
    stored_bytes: u64,
    /// What it saves by the byte, in microseconds.
    weight: f64,
    reads: u64,
    place: (Worth, u64),
    /// The stamp at which it was the head.
    head: Option<u64>,
}

/// A number that is not negative, in order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Worth(u64);

/// A state as it is put.
pub(super) struct DiskPut {
    pub(super) state: StateId,
    pub(super) stored_bytes: u64,
    /// What a rebuild takes, in microseconds.
    pub(super) cost_us: f64,
    pub(super) head: Option<u64>,
}

impl DiskTier {
    pub(super) fn new(bounds: Bounds) -> Self {
        DiskTier {
            bounds,
            kept: BTreeMap::new(),
            order: BTreeMap::new(),
            clock: 0.0,
            born: 0,
            counted: TierOutcome::default(),
        }
    }

    /// Whether a state was the head when the stamp was this.
    pub(super) fn is_head(&self, state: StateId, stamp: u64) -> bool {
        self.kept.get(&state).is_some_and(|kept| kept.head == Some(stamp))
    }

    /// The newest state of the stream up to `state`.
    pub(super) fn newest(&self, state: StateId) -> Option<StateId> {
        let first = StateId { revision: None, ..state };
        self.kept.range(first..=state).next_back().map(|(found, _)| *found)
    }

    /// Counts a use.
    pub(super) fn touch(&mut self, state: StateId) {
        let Some(kept) = self.kept.get_mut(&state) else { return };
        self.order.remove(&kept.place);
        kept.reads += 1;
        kept.place.0 = Worth::of(self.clock + super::cost::real(kept.reads + 1) * kept.weight);
        self.order.insert(kept.place, state);
    }

    pub(super) fn put(&mut self, put: &DiskPut) {
        if let Some(kept) = self.kept.get_mut(&put.state) {
            kept.head = put.head.or(kept.head);
            return;
        }
        if put.stored_bytes > self.bounds.largest() {
            self.counted.too_large += 1;
            return;
        }
        let weight = put.cost_us.max(1.0) / super::cost::real(put.stored_bytes.max(1));
        self.born += 1;
        let place = (Worth::of(self.clock + weight), self.born);
        self.order.insert(place, put.state);
        let kept = Kept { stored_bytes: put.stored_bytes, weight, reads: 0, place, head: put.head };
        self.kept.insert(put.state, kept);
        self.counted.entries += 1;
        self.counted.bytes += put.stored_bytes;
        self.evict();
        self.counted.bytes_peak = self.counted.bytes_peak.max(self.counted.bytes);
    }

    /// Evicts until nothing is over its bound, and a little more.
    fn evict(&mut self) {
        /// The part of a bound that is made free.
        const SLACK: u64 = 16;
        let Bounds { most_bytes, most_entries } = self.bounds;
        let aim = |n: u64, most: u64| if n > most { most - most / SLACK } else { most };
        let (entries, bytes) = (aim(self.counted.entries, most_entries), aim(self.counted.bytes, most_bytes));
        while self.counted.entries > entries || self.counted.bytes > bytes {
            let Some(((worth, _), state)) = self.order.pop_first() else { return };
            self.clock = self.clock.max(worth.get());
            if let Some(kept) = self.kept.remove(&state) {
                self.counted.entries -= 1;
                self.counted.bytes -= kept.stored_bytes;
                self.counted.dropped += 1;
            }
        }
    }
}

impl Worth {
    /// The bits of numbers that are not negative are in the order of the numbers.
    fn of(value: f64) -> Self {
        Worth(value.max(0.0).to_bits())
    }

    fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::{OpIndex, Revision};

    fn state(index: u64) -> StateId {
        StateId { stream: crate::cache::trace::StreamId::default(), revision: Some(Revision::of(OpIndex::new(index))) }
    }

    fn put(disk: &mut DiskTier, index: u64, stored_bytes: u64, cost_us: f64) {
        disk.put(&DiskPut { state: state(index), stored_bytes, cost_us, head: None });
    }

    #[test]
    fn what_is_large_and_cheap_goes_first() {
        let mut disk = DiskTier::new(Bounds { most_bytes: 1000, most_entries: 100 });
        put(&mut disk, 0, 126, 1e9);
        assert_eq!((disk.counted.too_large, disk.counted.entries), (1, 0));
        (1..=8).for_each(|index| put(&mut disk, index, 120, if index == 5 { 10.0 } else { 1000.0 }));
        disk.touch(state(5));
        put(&mut disk, 9, 120, 1000.0);
        // 1080 bytes are brought below 938.
        assert_eq!((disk.counted.dropped, disk.counted.bytes), (2, 840));
        assert_eq!(disk.newest(state(5)), Some(state(4)), "the cheap one went, though it was used");
        assert_eq!(disk.newest(state(1)), None, "and the oldest of the others");
    }
}
