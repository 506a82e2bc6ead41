//! How far rebuilds have to replay: the replay distances of the revisions of streams.
//!
//! The distance of a revision is the number of operations between it and the nearest base at or below it: 0 at a base, and
//! one more than its number where there is no base below, since operation 0 is the first to be applied. Bases are the
//! keyframes that may serve as such; which these are is said by whoever collects them ([`super::Listed::is_base`]).

use std::collections::BTreeMap;

use crate::model::ids::{OpIndex, Revision};

/// The revision of a stream that takes the longest replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worst {
    /// How many operations have to be replayed.
    pub operations: u64,
    /// For which revision; the first of several.
    pub at: Revision,
    /// From which base; `None` is from before the first operation.
    pub from: Option<Revision>,
}

/// The replay distances of one stream, while its bases come, ascending.
#[derive(Clone, Debug)]
pub struct StreamDistances {
    head: Revision,
    last: Option<Revision>,
    n_bases: u64,
    worst: Worst,
    all: Distances,
}

/// The replay distances of all revisions of any number of streams.
///
/// Revisions between two bases have ascending distances, so only the lengths of such runs are counted. Of these there are few
/// different ones: N operations cannot have more than about √(2N).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distances {
    /// How many runs there are of each length that begin at distance 1, before the first base.
    from_start: BTreeMap<u64, u64>,
    /// The same of those that begin with a base, at distance 0.
    from_base: BTreeMap<u64, u64>,
}

impl StreamDistances {
    /// Those of a stream up to its head.
    #[must_use]
    pub fn new(head: Revision) -> Self {
        let worst = Worst { operations: 0, at: Revision::of(OpIndex::FIRST), from: None };
        StreamDistances { head, last: None, n_bases: 0, worst, all: Distances::default() }
    }

    /// Takes note of the next base. One past the head, or at or below the one before, is none.
    pub fn base(&mut self, at: Revision) {
        if at > self.head || self.last.is_some_and(|last| at <= last) {
            return;
        }
        self.run_to(at.get());
        self.last = Some(at);
        self.n_bases += 1;
    }

    /// Ends with the head: how many bases there were, the worst revision, and all distances.
    #[must_use]
    pub fn finish(mut self) -> (u64, Worst, Distances) {
        self.run_to(self.head.next().get());
        (self.n_bases, self.worst, self.all)
    }

    /// The run of revisions from the last base up to, and without, `end`.
    fn run_to(&mut self, end: u64) {
        let begin = self.last.map_or(0, Revision::get);
        let length = end - begin;
        if length == 0 {
            return;
        }
        let (runs, operations) = match self.last {
            None => (&mut self.all.from_start, length),
            Some(_) => (&mut self.all.from_base, length - 1),
        };
        *runs.entry(length).or_default() += 1;
        if operations > self.worst.operations {
            self.worst = Worst { operations, at: Revision::of(OpIndex::new(end - 1)), from: self.last };
        }
    }
}

impl Distances {
    /// Adds those of other streams.
    pub fn add(&mut self, other: &Distances) {
        for (runs, more) in [(&mut self.from_start, &other.from_start), (&mut self.from_base, &other.from_base)] {
            for (length, n) in more {
                *runs.entry(*length).or_default() += n;
            }
        }
    }

    /// How many revisions there are.
    #[must_use]
    pub fn revisions(&self) -> u64 {
        self.runs().map(|(_, length, n)| length * n).sum()
    }

    /// The sum of all distances.
    #[must_use]
    pub fn sum(&self) -> u64 {
        let sum = |(first, length, n): (u64, u64, u64)| {
            // An even number and the one beside it.
            let (length, first) = (u128::from(length), u128::from(first));
            u128::from(n) * (length * first + length * (length - 1) / 2)
        };
        self.runs().map(sum).sum::<u128>().try_into().unwrap_or(u64::MAX)
    }

    /// The greatest distance; `None` if there are no revisions.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        self.runs().map(|(first, length, _)| first + length - 1).max()
    }

    /// The least distance that at least `per_mille` of a thousand revisions do not exceed (nearest rank); `None` if there are
    /// no revisions.
    #[must_use]
    pub fn percentile(&self, per_mille: u32) -> Option<u64> {
        let rank = (u128::from(self.revisions()) * u128::from(per_mille)).div_ceil(1000).max(1);
        let (mut low, mut high) = (0, self.max()?);
        while low < high {
            let middle = low + (high - low) / 2;
            if u128::from(self.at_most(middle)) >= rank { high = middle } else { low = middle + 1 }
        }
        Some(low)
    }

    /// How many revisions have at most this distance.
    fn at_most(&self, distance: u64) -> u64 {
        self.runs().map(|(first, length, n)| n * length.min((distance + 1).saturating_sub(first))).sum()
    }

    /// The first distance of runs, their length, and how many there are.
    fn runs(&self) -> impl Iterator<Item = (u64, u64, u64)> {
        let start = self.from_start.iter().map(|(length, n)| (1, *length, *n));
        start.chain(self.from_base.iter().map(|(length, n)| (0, *length, *n)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(revision: u64) -> Revision {
        Revision::of(OpIndex::new(revision))
    }

    fn distances(head: u64, bases: &[u64]) -> (u64, Worst, Distances) {
        let mut distances = StreamDistances::new(at(head));
        for base in bases {
            distances.base(at(*base));
        }
        distances.finish()
    }

    /// The distance of each revision, from the definition.
    fn plainly(head: u64, bases: &[u64]) -> Vec<u64> {
        let below = |revision: u64| bases.iter().copied().filter(|base| *base <= revision).max();
        (0..=head).map(|revision| below(revision).map_or(revision + 1, |base| revision - base)).collect()
    }

    #[test]
    fn the_worst_is_before_a_base_or_at_the_head() {
        let worst =
            |operations, revision, from: Option<u64>| Worst { operations, at: at(revision), from: from.map(at) };
        assert_eq!(distances(20, &[]).1, worst(21, 20, None));
        assert_eq!(distances(20, &[10, 15]).1, worst(10, 9, None));
        assert_eq!(distances(20, &[2, 12]).1, worst(9, 11, Some(2)));
        assert_eq!(distances(30, &[2, 12]).1, worst(18, 30, Some(12)));
        assert_eq!(distances(0, &[0]).1, worst(0, 0, None));
        assert_eq!(distances(3, &[1, 1, 0, 9]).0, 1, "no base twice, none behind, none past the head");
    }

    #[test]
    fn without_revisions_there_is_no_percentile() {
        assert_eq!((Distances::default().percentile(500), Distances::default().max()), (None, None));
    }

    proptest! {
        #[test]
        fn they_are_those_of_every_revision(
            streams in proptest::collection::vec((0..60_u64, proptest::collection::btree_set(0..60_u64, 0..8)), 1..5),
            per_mille in 1..=1000_u32,
        ) {
            let (mut all, mut plain) = (Distances::default(), Vec::new());
            for (head, bases) in streams {
                let bases: Vec<u64> = bases.into_iter().filter(|base| *base <= head).collect();
                let (n_bases, worst, distances) = distances(head, &bases);
                let every = plainly(head, &bases);
                prop_assert_eq!(n_bases, bases.len() as u64);
                prop_assert_eq!(worst.operations, *every.iter().max().unwrap());
                prop_assert_eq!(every[usize::try_from(worst.at.get()).unwrap()], worst.operations);
                all.add(&distances);
                plain.extend(every);
            }
            plain.sort_unstable();
            prop_assert_eq!(all.revisions(), plain.len() as u64);
            prop_assert_eq!(all.sum(), plain.iter().sum::<u64>());
            prop_assert_eq!(all.max(), plain.last().copied());
            let rank = (plain.len() * per_mille as usize).div_ceil(1000);
            prop_assert_eq!(all.percentile(per_mille), Some(plain[rank - 1]));
        }
    }
}
