//! Stored rows on their way through the protocol.

use super::document::Document;
use super::gc::Slot;
use super::history::{Entry, Recorded};
use super::odd::is_history_action;
use super::step::{Part, Step, part, scope_of};
use super::{Actions, NoActions, ProtocolError, Version, level, odd};
use crate::model::ids::OpIndex;
use crate::model::operation::Action;
use crate::reducer::Outcome;

/// What the protocol needs of a stored row besides its action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowHead {
    /// Position in the stream.
    pub index: OpIndex,
    /// How many positions directly before it are retracted.
    pub skip: u32,
    /// Whether it was denied: it takes its position and is not applied.
    pub denied: bool,
    /// Whether it records an error. Only the document scope passes over such rows; elsewhere they are run again.
    pub failed: bool,
}

impl Document {
    /// Replays stored rows of one stream, in order. `heads` and `actions` are of one length.
    ///
    /// # Errors
    /// `Thrown` where the reference fails to rebuild; `Fold`; `Again` if a row was needed again and could not be
    /// read. The document is then of no further use.
    pub fn replay(
        &mut self,
        heads: &[RowHead],
        actions: &[Action<'_>],
        source: &mut dyn Actions,
    ) -> Result<(), ProtocolError> {
        self.outcomes.clear();
        let mut at = 0;
        while at < heads.len() {
            let run = self.plain_run(&heads[at..], &actions[at..])?;
            if run > 0 {
                self.replay_run(&heads[at..at + run], &actions[at..at + run], source)?;
                at += run;
            } else {
                let outcome = self.replay_one(heads[at], &actions[at], source)?;
                self.outcomes.push(outcome);
                at += 1;
            }
        }
        Ok(())
    }

    /// Reduces an operation of the document scope that is neither an upgrade nor a deletion (reactor format §5.4).
    /// Such operations are numbered anew from 0.
    ///
    /// # Errors
    /// As [`Document::replay`].
    pub fn relate(&mut self, action: &Action<'_>, skip: u32) -> Result<Outcome, ProtocolError> {
        level::check_scope(action)?;
        let scope = scope_of(action)?;
        if is_history_action(action) && !self.schedule.looks_back_from(OpIndex::FIRST) {
            return Err(ProtocolError::LooksBack(OpIndex::FIRST));
        }
        let known = self.histories.iter().any(|history| history.scope == scope);
        match action.kind.as_bytes() {
            b"UNDO" if !known && self.version()? == Version::V1 => {
                return Err(ProtocolError::Thrown(odd::NO_HISTORY.to_owned()));
            }
            // There is no stored operation that would be replayed again.
            b"UNDO" | b"REDO" => return self.reduce(action, skip).map(|()| Outcome::Applied),
            _ => {}
        }
        self.clipboard.clear();
        let next =
            self.histories.iter().find(|history| history.scope == scope).and_then(|history| history.entries.last());
        let index = next.map_or(0, |last| last.slot.index + 1);
        let row = OpIndex::new(index);
        let step = Step { scope: &scope, index, skip, row };
        self.step(&step, action, &mut NoActions, Some(recorded(action)))
    }

    /// How many rows from the first on are for the model alone, and end in no state worth keeping but the last.
    fn plain_run(&self, heads: &[RowHead], actions: &[Action<'_>]) -> Result<usize, ProtocolError> {
        let mut run = 0;
        for (head, action) in heads.iter().zip(actions) {
            if head.denied || head.skip > 0 || part(action) != Part::Model || action.scope != actions[0].scope {
                break;
            }
            if run == 0 {
                self.version()?;
            }
            run += 1;
            if self.schedule.keeps(head.index) {
                break;
            }
        }
        Ok(run)
    }

    fn replay_run(
        &mut self,
        heads: &[RowHead],
        actions: &[Action<'_>],
        source: &mut dyn Actions,
    ) -> Result<(), ProtocolError> {
        let version = self.version()?;
        let scope = scope_of(&actions[0])?;
        let tracked = self.schedule.looks_back_from(heads[0].index);
        let history = if tracked { Some(self.history(&scope, source)?) } else { None };
        self.fold.apply(actions, &mut self.outcomes)?;
        self.applied += actions.len() as u64;
        let Some(at) = history else { return Ok(()) };
        let last = heads.len() - 1;
        for (n, (head, action)) in heads.iter().zip(actions).enumerate() {
            let keep = n == last && self.schedule.keeps(head.index);
            let state = if keep { Some(self.fold.checkpoint()?) } else { None };
            let slot = Slot { index: head.index.get(), skip: head.skip, noop: false };
            let recorded = self.repeated(*head, action);
            let entry = Entry { slot, row: head.index, applies: true, denied: false, lost: false, recorded };
            self.histories[at].append(entry, version, state);
        }
        self.others_changed(at);
        Ok(())
    }

    /// Replays a row that is not for the model alone.
    fn replay_one(
        &mut self,
        head: RowHead,
        action: &Action<'_>,
        source: &mut dyn Actions,
    ) -> Result<Outcome, ProtocolError> {
        if head.denied {
            if self.schedule.looks_back_from(head.index) {
                // Nothing is applied, so it does not take a version.
                let version = self.version().unwrap_or(Version::V2);
                let slot = Slot { index: head.index.get(), skip: head.skip, noop: action.kind == *"NOOP" };
                // Unlike others, it stays with its stream.
                let scope = self.stream.clone().map_or_else(|| scope_of(action), Ok)?;
                let foreign = (action.scope != *scope.as_str()).then(|| recorded(action));
                let recorded = self.repeated(head, action).or(foreign);
                let at = self.history(&scope, source)?;
                let entry = Entry { slot, row: head.index, applies: false, denied: true, lost: false, recorded };
                self.histories[at].append(entry, version, None);
                self.others_changed(at);
            }
            return Ok(Outcome::Applied);
        }
        self.version()?;
        level::check_scope(action)?;
        let scope = scope_of(action)?;
        let row = Step { scope: &scope, index: head.index.get(), skip: head.skip, row: head.index };
        self.refuse_odd(&row, action)?;
        let recorded = self.repeated(head, action);
        self.step(&row, action, source, recorded)
    }

    /// The operation itself, if the row before it has the same position, which then does not tell them apart.
    fn repeated(&mut self, head: RowHead, action: &Action<'_>) -> Option<Box<Recorded>> {
        let repeats = self.last_row.replace(head.index) == Some(head.index);
        repeats.then(|| recorded(action))
    }
}

fn recorded(action: &Action<'_>) -> Box<Recorded> {
    Box::new(Recorded { action: action.clone().into_owned(), hash: String::new(), error: None })
}
