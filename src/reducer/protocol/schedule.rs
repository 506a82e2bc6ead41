//! Which states of a replay will be returned to.

use super::Version;
use super::gc::Slot;
use crate::model::ids::OpIndex;
use crate::model::operation::Retraction;

/// What lies ahead of a replay: after which operations the state is worth keeping because an undo or a skip
/// will return to it, and up to where the history is needed at all.
///
/// Computed from the rows with a skip alone, before the replay. It is a forecast: a skip that fails (reactor
/// format §4.9) retracts nothing. A wrong forecast costs time, never the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Positions worth keeping, ascending; `None`: every one.
    keep: Option<Vec<u64>>,
    /// The last operation that looks back.
    horizon: Option<u64>,
}

impl Schedule {
    /// For a document whose future is unknown: everything is kept.
    #[must_use]
    pub fn unknown() -> Self {
        Schedule { keep: None, horizon: Some(u64::MAX) }
    }

    /// For a stream in which nothing looks back.
    #[must_use]
    pub fn plain() -> Self {
        Schedule { keep: Some(Vec::new()), horizon: None }
    }

    /// Reads the future of a stream from its rows with a skip, ascending by index.
    #[must_use]
    pub fn forecast(retractions: &[Retraction], version: Version) -> Self {
        let mut standing = Standing::default();
        let mut keep = Vec::new();
        for row in retractions {
            let slot = Slot { index: row.index.get(), skip: row.skip.get(), noop: row.noop };
            standing.extend_to(slot.index);
            match version {
                Version::V2 if row.noop => standing.pop(),
                _ if row.denied => standing.push(slot.index),
                _ => standing.truncate(slot.index.saturating_sub(u64::from(slot.skip))),
            }
            if !row.denied {
                keep.extend(standing.top());
                if version == Version::V1 || !row.noop {
                    standing.push(slot.index);
                }
            }
        }
        keep.sort_unstable();
        keep.dedup();
        let horizon = retractions.iter().rev().find(|row| !row.denied).map(|row| row.index.get());
        Schedule { keep: Some(keep), horizon }
    }

    /// Whether the state after `index` is worth keeping.
    #[must_use]
    pub fn keeps(&self, index: OpIndex) -> bool {
        let horizon = self.horizon.is_some_and(|horizon| index.get() < horizon);
        horizon && self.keep.as_ref().is_none_or(|keep| keep.binary_search(&index.get()).is_ok())
    }

    /// Whether `index` or anything after it looks back, so that the history up to it is needed.
    #[must_use]
    pub fn looks_back_from(&self, index: OpIndex) -> bool {
        self.horizon.is_some_and(|horizon| index.get() <= horizon)
    }
}

/// The operations that stand, as ascending ranges of indices: a long log with few undos has few ranges.
#[derive(Default)]
struct Standing {
    /// `from..to`, neither empty nor touching a later one out of order.
    ranges: Vec<(u64, u64)>,
    /// Every index below this is accounted for.
    seen: u64,
}

impl Standing {
    /// Lets all operations before `index` that were not mentioned stand.
    fn extend_to(&mut self, index: u64) {
        if self.seen < index {
            self.ranges.push((self.seen, index));
        }
        self.seen = index + 1;
    }

    fn push(&mut self, index: u64) {
        self.ranges.push((index, index + 1));
    }

    fn pop(&mut self) {
        if let Some((from, to)) = self.ranges.pop()
            && from + 1 < to
        {
            self.ranges.push((from, to - 1));
        }
    }

    /// Retracts every operation from `index` on.
    fn truncate(&mut self, index: u64) {
        while let Some((from, to)) = self.ranges.pop() {
            if from < index {
                self.ranges.push((from, to.min(index)));
                break;
            }
        }
    }

    fn top(&self) -> Option<u64> {
        self.ranges.last().map(|(_, to)| to - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn rows(rows: &[(u64, u32, bool)]) -> Vec<Retraction> {
        let row = |&(index, skip, noop): &(u64, u32, bool)| Retraction {
            index: OpIndex::new(index),
            skip: NonZeroU32::new(skip).unwrap(),
            noop,
            denied: false,
        };
        rows.iter().map(row).collect()
    }

    fn kept(schedule: &Schedule) -> Vec<u64> {
        (0..100).filter(|&index| schedule.keeps(OpIndex::new(index))).collect()
    }

    #[test]
    fn a_chain_of_undos_returns_to_every_operation_it_passes() {
        let schedule = Schedule::forecast(&rows(&[(5, 1, true), (6, 1, true), (7, 1, true)]), Version::V2);
        assert_eq!(kept(&schedule), [1, 2, 3]);
        assert!(schedule.looks_back_from(OpIndex::new(7)) && !schedule.looks_back_from(OpIndex::new(8)));
    }

    #[test]
    fn alternating_undos_return_to_one_operation() {
        let schedule = Schedule::forecast(&rows(&[(2, 1, true), (4, 1, true), (6, 1, true)]), Version::V2);
        assert_eq!(kept(&schedule), [0]);
    }

    #[test]
    fn a_skip_returns_to_the_operation_before_what_it_retracts() {
        let schedule = Schedule::forecast(&rows(&[(3, 2, false), (6, 1, false)]), Version::V1);
        assert_eq!(kept(&schedule), [0, 4]);
        let first = Schedule::forecast(&rows(&[(2, 2, false), (4, 4, true)]), Version::V1);
        assert_eq!(kept(&first), [0_u64; 0]);
    }
}
