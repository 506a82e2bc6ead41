//! One operation through the reducer (reactor format §4.1, steps 4 to 8).

use super::document::Document;
use super::gc::Slot;
use super::history::{Collected, Entry, History, Recorded};
use super::settle::same_but;
use super::{Actions, ProtocolError, Version, level};
use crate::model::ids::{NextIndex, OpIndex, Scope};
use crate::model::operation::Action;
use crate::reducer::Outcome;
use crate::reducer::auth;

/// One operation on its way through the reducer.
pub(super) struct Step<'a> {
    pub(super) scope: &'a Scope,
    pub(super) index: u64,
    pub(super) skip: u32,
    pub(super) row: OpIndex,
}

/// What an operation is to the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// For the model's reducer.
    Model,
    /// For the auth reducer.
    Auth,
    /// Document-level: the protocol does it itself.
    Level,
}

impl Document {
    /// Steps 4 to 8 of the reference's reducer (reactor format §4.1) for one action.
    pub(super) fn step(
        &mut self,
        step: &Step<'_>,
        action: &Action<'_>,
        source: &mut dyn Actions,
        recorded: Option<Box<Recorded>>,
    ) -> Result<Outcome, ProtocolError> {
        let version = self.version()?;
        let part = part(action);
        if part == Part::Level {
            self.apply_level(action)?;
        }
        if step.skip > 0 && !self.schedule.looks_back_from(step.row) {
            return Err(ProtocolError::LooksBack(step.row));
        }
        let noop = action.kind == *"NOOP";
        let slot = Slot { index: step.index, skip: step.skip, noop };
        let applies = part != Part::Level || action.kind == *"LOAD_STATE";
        let mut entry = Entry { slot, row: step.row, applies, denied: false, lost: false, recorded };
        if step.skip == 0 && !self.schedule.looks_back_from(step.row) {
            return self.apply(step.scope, action);
        }
        self.loads |= action.kind == *"LOAD_STATE";
        let fresh = !self.histories.iter().any(|history| history.scope == *step.scope);
        let at = self.history(step.scope, source)?;
        if step.skip == 0 {
            let outcome = self.apply(step.scope, action)?;
            let state = if self.schedule.keeps(step.row) { Some(self.fold.checkpoint()?) } else { None };
            self.histories[at].append(entry, version, state);
            self.others_changed(at);
            return Ok(outcome);
        }
        if noop && version == Version::V2 {
            self.histories[at].append(entry, version, None);
            if self.is_irregular() {
                self.undo_in_order(at, source)?;
            } else {
                self.settle(at, source)?;
                self.others_changed(at);
            }
            self.revise(at);
            return Ok(Outcome::Applied);
        }
        if self.is_irregular() || self.histories[at].comes_late(slot) {
            return self.retract_in_order(step, entry, action, source);
        }
        let before = self.fold.checkpoint()?;
        let header = |history: &History| Some(slot).filter(|_| history.scope == *step.scope);
        let taken: Vec<Collected> =
            self.histories.iter_mut().map(|history| history.collect(header(history), version)).collect();
        let others = self.changed_others(at, &taken);
        let kept = self.settle(at, source)?;
        self.fold.restore(&before)?;
        self.fold.restore_scope(step.scope, &kept)?;
        let outcome = self.apply(step.scope, action)?;
        if let Outcome::Failed(_) = outcome {
            if fresh {
                self.histories.remove(at);
                return Err(no_operations(step.scope));
            }
            self.fold.restore(&before)?;
            self.histories.iter_mut().zip(taken).for_each(|(history, taken)| history.restore(taken));
            if others {
                self.invalidate();
            }
            entry.slot.skip = 0;
            self.histories[at].append_apart(entry, version);
            self.others_changed(at);
            return Ok(outcome);
        }
        // A load leaves the scope as the skip made it, where a replay leaves it as it was loaded.
        if action.kind != *"LOAD_STATE" && same_but(&before, &kept, step.scope) {
            let state = if self.schedule.keeps(step.row) { Some(self.fold.checkpoint()?) } else { None };
            self.histories[at].append(entry, version, state);
        } else {
            self.histories[at].append_apart(entry, version);
        }
        self.others_changed(at);
        Ok(outcome)
    }

    /// Forgets all states if a history other than the one at `at` was collected, and says whether one was.
    pub(super) fn changed_others(&mut self, at: usize, taken: &[Collected]) -> bool {
        let changed = |n: usize| n != at && taken[n].anything();
        let others = (0..taken.len()).any(changed);
        if others {
            self.invalidate();
        }
        others
    }

    /// Hands one action to the reducer it is for.
    pub(super) fn apply(&mut self, scope: &Scope, action: &Action<'_>) -> Result<Outcome, ProtocolError> {
        match part(action) {
            Part::Level => Ok(Outcome::Applied),
            Part::Model => {
                let mut outcomes = Vec::with_capacity(1);
                self.fold.apply(std::slice::from_ref(action), &mut outcomes)?;
                self.applied += 1;
                Ok(outcomes.pop().unwrap_or(Outcome::Applied))
            }
            Part::Auth => {
                self.applied += 1;
                let auth = self.scope("auth")?.unwrap_or_default();
                match self.header.with_owner(|owner| auth::reduce(&auth, action, owner)) {
                    Ok(Some(auth)) => self.fold.set_scope(scope, Some(auth))?,
                    Ok(None) => {}
                    Err(text) => return Ok(Outcome::Failed(text)),
                }
                Ok(Outcome::Applied)
            }
        }
    }

    /// After an undo under the second version the header counts what was replayed (reactor format §4.6).
    fn revise(&mut self, at: usize) {
        for (n, history) in self.histories.iter().enumerate() {
            let last =
                if n == at { history.last_standing() } else { history.entries.last().map(|entry| entry.slot.index) };
            if let Some(last) = last {
                self.header.set_revision(
                    &history.scope,
                    NextIndex::from(Some(crate::model::ids::Revision::of(OpIndex::new(last)))),
                );
            }
        }
    }
}

/// Why a skip cannot fail as the first operation of its scope (reactor format §4.9).
pub(super) fn no_operations(scope: &Scope) -> ProtocolError {
    ProtocolError::Thrown(format!("No operations found for scope: {scope}"))
}

/// Who an action is for.
pub(super) fn part(action: &Action<'_>) -> Part {
    if level::is_document_level(&action.kind) {
        Part::Level
    } else if action.scope == *"auth" {
        Part::Auth
    } else {
        Part::Model
    }
}

/// The scope an action names.
pub(super) fn scope_of(action: &Action<'_>) -> Result<Scope, ProtocolError> {
    action.scope.as_str().map(Scope::from).ok_or_else(|| {
        ProtocolError::Thrown(format!("the scope \"{}\" of an action holds a lone surrogate", action.scope))
    })
}
