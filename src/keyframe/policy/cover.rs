//! How many operations a revision is from its base, and the fewest bases that bound that.
//!
//! A base is named by how many operations it includes, and there always is one that includes none. The state after `n`
//! operations is replayed from the greatest base at or below `n`.

use crate::model::ids::OpIndex;

/// The most operations that any of the first `operations` states is from its base. `bases` ascend.
#[must_use]
pub fn worst_distance(bases: impl IntoIterator<Item = u64>, operations: u64) -> u64 {
    let (mut worst, mut last) = (0, 0_u64);
    for base in bases.into_iter().take_while(|base| *base <= operations) {
        // The state before a base is the one that is farthest from the base before.
        worst = worst.max(base.saturating_sub(last + 1));
        last = base;
    }
    worst.max(operations.saturating_sub(last))
}

/// Visits the fewest bases that, with those that are kept anyway, leave no state farther than `most` from its base, but for
/// those that are so with all bases, which get no farther. Items are `(operations, kept anyway)`, ascending.
///
/// Each state that would be too far without a base needs one of those between its farthest and itself. Going from the
/// first to the last, the greatest of them serves all later states best, so that no choice with fewer bases exists.
///
/// `back` are operations that look back, ascending: a base serves no state that includes one which the base does not. The
/// beginning serves all.
pub(super) fn cover(bases: &[(u64, bool)], back: &[OpIndex], operations: u64, most: u64, mut keep: impl FnMut(usize)) {
    // The last state that a base serves.
    let reach = |base: u64| {
        let next = back.partition_point(|index| index.get() < base);
        let barrier = back.get(next).map_or(u64::MAX, |index| index.get());
        base.saturating_add(most).min(barrier).max(most)
    };
    let mut last = most;
    for (at, (base, kept_anyway)) in bases.iter().enumerate() {
        let next = bases.get(at + 1).map_or(operations.saturating_add(1), |(next, _)| *next);
        // The last state that this base is the nearest of.
        let farthest = next.saturating_sub(1);
        let reached = reach(*base);
        if *kept_anyway {
            last = last.max(reached);
        } else if farthest > last && reached > last {
            keep(at);
            last = reached;
        }
    }
}
