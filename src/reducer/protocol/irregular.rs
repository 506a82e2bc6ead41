//! Histories that are irregular: out of the order of their positions, or with an operation that names another scope.
//!
//! Operations of the document scope and rows of another stream that name its scope come one after the other, each from 0.
//! A denied row stays with its stream, and so does the operation that a stored document carries, whatever they name; when
//! they are replayed they count in the scope that they name. The reference appends all of them as they come, and sorts a
//! copy where it looks for what an undo or a skip leaves. No state is kept for such histories: everything is applied again,
//! as the reference does it.

use super::document::Document;
use super::gc::{self, Slot, Slotted};
use super::history::{Entry, History};
use super::step::Step;
use super::{Actions, ProtocolError, Version};
use crate::model::json::Text;
use crate::model::operation::Action;
use crate::model::state::State;
use crate::reducer::Outcome;

/// An entry of a history, by their numbers.
#[derive(Clone, Copy, Debug)]
struct At {
    slot: Slot,
    history: usize,
    entry: usize,
}

impl Slotted for At {
    fn slot(&self) -> Slot {
        self.slot
    }
}

/// What is replayed of a history.
type List = Vec<At>;

/// What a skip of its last entry leaves to be replayed before that is applied (`skipHeaderOperations`, reactor format §4.3
/// and §4.4). Where another entry has its position and a greater skip, that is left out instead of it.
fn left_by_last(mut list: List) -> List {
    list.extend(list.last().copied());
    let mut left = collected(list);
    left.pop();
    left
}

/// What the first collection rule leaves.
fn collected(mut list: List) -> List {
    gc::sort(&mut list);
    gc::collect(&mut list);
    list
}

/// What an undo under the second version leaves, without the undos themselves.
fn left_by_undos(mut list: List) -> List {
    gc::sort(&mut list);
    gc::collect_v2(&mut list);
    list.retain(|at| !at.slot.noop);
    list
}

impl Document {
    /// Whether any history is irregular.
    pub(super) fn is_irregular(&self) -> bool {
        self.histories.iter().any(History::is_irregular)
    }

    /// The state that an undo under the second version leaves, which is the last entry of the history at `at`.
    pub(super) fn undo_in_order(&mut self, at: usize, source: &mut dyn Actions) -> Result<State, ProtocolError> {
        let lists = self.lists(|n, list| if n == at { left_by_undos(list) } else { list });
        self.replay_in_order(&lists, source)
    }

    /// A skip on an ordinary action (reactor format §4.4).
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
        if let Some(last) = self.histories[at].entries.iter().map(|entry| entry.slot.index).max()
            && entry.slot.index < last
        {
            let text = format!("The skip header operation index must be greater than or equal to {last}");
            return Err(ProtocolError::Thrown(text));
        }
        self.histories[at].append(entry, version, None);
        let lists = self.lists(|n, list| if n == at { left_by_last(list) } else { collected(list) });
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

    /// All histories, each as `rule` leaves it.
    fn lists(&self, rule: impl Fn(usize, List) -> List) -> Vec<List> {
        let list = |(history, kept): (usize, &History)| {
            let at = |(entry, kept): (usize, &Entry)| At { slot: kept.slot, history, entry };
            rule(history, kept.entries.iter().enumerate().map(at).collect())
        };
        self.histories.iter().enumerate().map(list).collect()
    }

    /// The scope that the operation of an entry names.
    fn named(&self, at: At) -> Text<'_> {
        let history = &self.histories[at.history];
        match &history.entries[at.entry].recorded {
            Some(recorded) => recorded.action.scope.clone(),
            None => Text::from(history.scope.as_str()),
        }
    }

    /// Replays lists from the initial state, one after the other, without any of the states that are kept.
    fn replay_in_order(&mut self, lists: &[List], source: &mut dyn Actions) -> Result<State, ProtocolError> {
        let version = self.version()?;
        // The scopes keep the order in which they came up, whatever is named first.
        let known = self.histories.iter().map(|history| (Text::from(history.scope.as_str()), List::new()));
        let mut scopes: Vec<(Text<'_>, List)> = known.collect();
        for &at in lists.iter().flatten() {
            let named = self.named(at);
            match scopes.iter_mut().find(|(scope, _)| *scope == named) {
                Some((_, list)) => list.push(at),
                None => scopes.push((named, vec![at])),
            }
        }
        let standing: List = scopes.into_iter().flat_map(|(_, list)| self.standing(&list, version)).collect();
        self.invalidate();
        self.restore_initial()?;
        for run in standing.chunk_by(|a, b| a.history == b.history) {
            let entries: Vec<usize> = run.iter().map(|at| at.entry).collect();
            self.again_unkept(run[0].history, &entries, source)?;
        }
        Ok(self.fold.checkpoint()?)
    }

    /// The entries that apply when a list is replayed, in the order in which their effects come. Under the second version
    /// every undo on the way replays what it leaves of all before it, in the order of positions; the last of them counts.
    fn standing(&self, list: &[At], version: Version) -> List {
        let entry = |at: &At| &self.histories[at.history].entries[at.entry];
        let undoes = |at: &At| at.slot.noop && at.slot.skip > 0 && !entry(at).denied;
        let last_undo = list.iter().rposition(undoes).filter(|_| version == Version::V2);
        let (before, after) = list.split_at(last_undo.map_or(0, |at| at + 1));
        let mut standing = left_by_undos(before.to_vec());
        standing.extend(after);
        standing.retain(|at| entry(at).applies);
        standing
    }
}
