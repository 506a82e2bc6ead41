//! Histories that are not in the order of their positions: operations of the document scope and rows of another stream
//! that name its scope come one after the other, each from 0.
//!
//! The reference appends them as they come, and sorts a copy where it looks for what an undo or a skip leaves. No state
//! is kept for such a history: everything is applied again, as the reference does it.

use super::document::Document;
use super::gc::{self, Slot, Slotted};
use super::history::Entry;
use super::step::Step;
use super::{Actions, ProtocolError, Version};
use crate::model::operation::Action;
use crate::reducer::Outcome;

/// An entry of a list, by its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    slot: Slot,
    entry: usize,
}

impl Slotted for At {
    fn slot(&self) -> Slot {
        self.slot
    }
}

/// All entries, in the order in which they came.
pub(super) fn appended(entries: &[Entry]) -> Vec<At> {
    entries.iter().enumerate().map(|(entry, kept)| At { slot: kept.slot, entry }).collect()
}

/// What the first collection rule leaves.
pub(super) fn collected(entries: &[Entry]) -> Vec<At> {
    let mut list = appended(entries);
    gc::sort(&mut list);
    gc::collect(&mut list);
    list
}

/// What a skip of the last entry leaves to be replayed before it is applied (`skipHeaderOperations`, reactor format
/// §4.3 and §4.4). Where the entry is not the last by its position, another one is left out instead of it.
pub(super) fn left_by_last(entries: &[Entry]) -> Vec<At> {
    let mut list = appended(entries);
    list.extend(list.last().copied());
    gc::sort(&mut list);
    gc::collect(&mut list);
    list.pop();
    list
}

/// The entries that apply when a list is replayed, in the order in which their effects come. Under the second version
/// every undo on the way replays what it leaves of all before it, in the order of positions; the last of them counts.
pub(super) fn standing(entries: &[Entry], list: &[At], version: Version) -> Vec<usize> {
    let undoes = |at: &At| at.slot.noop && at.slot.skip > 0 && !entries[at.entry].denied;
    let last_undo = list.iter().rposition(undoes).filter(|_| version == Version::V2);
    let (before, after) = list.split_at(last_undo.map_or(0, |at| at + 1));
    let mut left = before.to_vec();
    gc::sort(&mut left);
    gc::collect_v2(&mut left);
    left.iter().chain(after).map(|at| at.entry).filter(|&entry| entries[entry].applies).collect()
}

impl Document {
    /// A skip on an ordinary action (reactor format §4.4) where a history is out of order, or gets so by it.
    pub(super) fn retract_in_order(
        &mut self,
        step: &Step<'_>,
        entry: Entry,
        action: &Action<'_>,
        source: &mut dyn Actions,
    ) -> Result<Outcome, ProtocolError> {
        let version = self.version()?;
        let before = self.fold.checkpoint()?;
        let at = self.history(step.scope, source)?;
        let fresh = self.histories[at].entries.is_empty();
        self.histories[at].append(entry, version, None);
        let left = |(n, entries): (usize, &[Entry])| {
            let list = if n == at { left_by_last(entries) } else { collected(entries) };
            standing(entries, &list, version)
        };
        let lists: Vec<_> =
            self.histories.iter().map(|history| &history.entries[..]).enumerate().map(left).collect();
        let kept = self.replay_in_order(&lists, source)?;
        self.fold.restore(&before)?;
        self.fold.restore_scope(step.scope, &kept)?;
        let outcome = self.apply(step.scope, action)?;
        if let Outcome::Failed(_) = outcome {
            if fresh {
                return Err(super::step::no_operations(step.scope));
            }
            self.fold.restore(&before)?;
            if let Some(mut entry) = self.histories[at].take_last() {
                entry.slot.skip = 0;
                self.histories[at].append(entry, version, None);
            }
        } else {
            self.histories.iter_mut().for_each(|history| history.tidy(version));
        }
        self.invalidate();
        Ok(outcome)
    }
}
