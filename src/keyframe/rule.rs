//! Which keyframes are wanted of a stream.

use std::num::NonZeroU64;
use std::ops::ControlFlow;

use super::make::every;
use crate::model::ids::{NextIndex, OpIndex, Revision, Scope, Span, StreamKey};
use crate::store::records::Within;
use crate::store::{Order, Read, StoreError};

/// Which keyframes are wanted of each stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// At each so-manieth revision; see [`every`].
    Every(NonZeroU64),
    /// At these revisions, as far as a stream has them.
    At(Vec<Label>),
    /// At so few that no revision is more than so many operations after a base that is trusted. Scope `document` is left out,
    /// because rebuilds of it start from no keyframe.
    MaxReplayOps(NonZeroU64),
}

/// A revision that is meant in several streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// The same in all of them.
    Revision(Revision),
    /// So many operations before the head of each.
    BeforeHead(u64),
}

impl Label {
    fn of(self, head: Revision) -> Option<Revision> {
        match self {
            Label::Revision(revision) => Some(revision),
            Label::BeforeHead(distance) => head.checked_sub(distance),
        }
    }
}

impl Rule {
    /// The revisions at which keyframes are wanted of a stream with this head, ascending, whether they are there or not;
    /// with [`Rule::MaxReplayOps`] only those that are not there or not trusted.
    ///
    /// # Errors
    /// `Corrupt`, `Unsupported`, `Busy`, `Unavailable`.
    pub fn wanted(&self, read: &dyn Read, stream: &StreamKey, head: Revision) -> Result<Vec<Revision>, StoreError> {
        Ok(match self {
            Rule::Every(interval) => every(*interval, head).collect(),
            Rule::At(labels) => {
                let mut revisions: Vec<Revision> = labels.iter().filter_map(|label| label.of(head)).collect();
                revisions.sort_unstable();
                revisions.dedup();
                revisions
            }
            Rule::MaxReplayOps(_) if stream.scope == Scope::document() => Vec::new(),
            Rule::MaxReplayOps(most) => {
                let skips = read.skips(stream, Span::ALL)?;
                let back = skips.iter().filter(|row| !row.denied).map(|row| row.index).collect::<Vec<_>>();
                fewest(most.get(), head, &trusted(read, stream)?, &back, &mut |at| first_since(read, stream, at))?
            }
        })
    }
}

/// The labels of the keyframes that were found right, ascending.
fn trusted(read: &dyn Read, stream: &StreamKey) -> Result<Vec<Revision>, StoreError> {
    let mut labels = Vec::new();
    read.records().keyframe_records(Within::Stream(stream), &mut |record| {
        if record.proof().is_some() {
            labels.push(record.revision);
        }
        ControlFlow::Continue(())
    })?;
    let mut there = Vec::with_capacity(labels.len());
    for label in labels {
        // Another program may have deleted it.
        let nearest = read.nearest_keyframe(stream, label)?;
        if nearest.is_some_and(|nearest| u64::try_from(nearest.label) == Ok(label.get())) {
            there.push(label);
        }
    }
    Ok(there)
}

/// The fewest further keyframes with which each revision up to `head` is at most `most` operations after a keyframe or the
/// beginning. No operation at `back`, which looks back behind it, may be between the two. `first_since` tells which is the
/// first revision at or after another that is there: where the log has a gap there is none.
///
/// The first revision that is too far from all before it needs a keyframe at or before it, and none reaches farther than
/// one at that revision itself.
///
/// # Errors
/// What `first_since` says.
pub(super) fn fewest(
    most: u64,
    head: Revision,
    trusted: &[Revision],
    back: &[OpIndex],
    first_since: &mut dyn FnMut(Revision) -> Result<Option<Revision>, StoreError>,
) -> Result<Vec<Revision>, StoreError> {
    let mut wanted = Vec::new();
    // The first revision that is not known to be near enough to something.
    let mut far = most;
    let mut trusted = trusted.iter().copied().peekable();
    let reach = |base: u64| {
        let next = back.partition_point(|index| index.get() <= base);
        let barrier = back.get(next).map_or(u64::MAX, |index| index.get());
        base.saturating_add(most).saturating_add(1).min(barrier)
    };
    while far <= head.get() {
        let at_far = Revision::of(NextIndex::new(far).index());
        if let Some(label) = trusted.next_if(|label| *label <= at_far) {
            far = far.max(reach(label.get()));
            continue;
        }
        match first_since(at_far)? {
            None => break,
            Some(there) if there == at_far => {
                wanted.push(there);
                far = reach(far);
            }
            Some(there) => far = there.get(),
        }
    }
    Ok(wanted)
}

/// The first revision at or after another that has an operation.
///
/// # Errors
/// `Corrupt`, `Busy`, `Unavailable`.
pub(super) fn first_since(read: &dyn Read, stream: &StreamKey, at: Revision) -> Result<Option<Revision>, StoreError> {
    let span = Span { from: NextIndex::new(at.get()), ..Span::ALL };
    let mut found = None;
    read.operations(stream, span, Order::Forward, &mut |row| {
        found = Some(Revision::of(row.index));
        ControlFlow::Break(())
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(label: u64) -> Revision {
        Revision::of(OpIndex::new(label))
    }

    /// Operations from the nearest base to a revision.
    fn distance(revision: u64, labels: &[u64], back: &[u64]) -> u64 {
        let safe = |label: &&u64| **label <= revision && !back.iter().any(|at| **label < *at && *at <= revision);
        labels.iter().rev().find(safe).map_or(revision + 1, |label| revision - label)
    }

    fn check(most: u64, head: u64, trusted: &[u64], back: &[u64]) -> Vec<u64> {
        let known: Vec<Revision> = trusted.iter().copied().map(at).collect();
        let indices: Vec<OpIndex> = back.iter().copied().map(OpIndex::new).collect();
        let wanted = fewest(most, at(head), &known, &indices, &mut |at| Ok(Some(at))).unwrap();
        let wanted: Vec<u64> = wanted.into_iter().map(Revision::get).collect();
        let mut labels = [trusted, &wanted].concat();
        labels.sort_unstable();
        for revision in 0..=head {
            assert!(distance(revision, &labels, back) <= most, "{revision}: {wanted:?}");
        }
        wanted
    }

    #[test]
    fn so_few_that_no_revision_is_too_far() {
        assert_eq!(check(10, 35, &[], &[]), [10, 21, 32]);
        assert_eq!(check(10, 9, &[], &[]), [0_u64; 0]);
        assert_eq!(check(1, 5, &[], &[]), [1, 3, 5]);
        assert_eq!(check(10, 35, &[5, 12], &[]), [23, 34]);
        assert_eq!(check(10, 35, &[11, 30], &[]), [10, 22]);
        assert_eq!(check(10, 35, &[], &[3, 15, 16]), [10, 15, 16, 27]);
        assert_eq!(check(10, 30, &[8], &[15]), [15, 26]);
    }

    #[test]
    fn where_the_log_has_a_gap_there_is_none() {
        let log = [0, 1, 2, 3, 4, 5, 6, 7, 30, 31, 32, 33, 34];
        let mut since = |from: Revision| Ok(log.iter().copied().map(at).find(|there| *there >= from));
        let mut wanted = |trusted: &[Revision]| fewest(4, at(34), trusted, &[], &mut since).unwrap();
        let first = wanted(&[]);
        assert_eq!(first, [at(4), at(30)]);
        assert_eq!(wanted(&first), [], "and none anew");
    }

    #[test]
    fn none_can_be_left_out() {
        for most in 1..6 {
            for trusted in [&[][..], &[4], &[0, 7, 9]] {
                for back in [&[][..], &[6], &[2, 8]] {
                    let wanted = check(most, 14, trusted, back);
                    for left in 0..wanted.len() {
                        let mut labels = [trusted, &wanted[..left], &wanted[left + 1..]].concat();
                        labels.sort_unstable();
                        assert!((0..=14).any(|revision| distance(revision, &labels, back) > most));
                    }
                }
            }
        }
    }
}
