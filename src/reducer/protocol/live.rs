//! The reducer as an application calls it: bare actions, UNDO and REDO among them (reactor format §4.5, §4.6).

use super::document::Document;
use super::gc::{self, Slot, Slotted};
use super::history::{Collected, Entry, Recorded};
use super::step::{Step, scope_of};
use super::{NoActions, ProtocolError, Version, level, odd};
use crate::model::ids::{OpIndex, Scope};
use crate::model::json::{Json, Object};
use crate::model::operation::Action;
use crate::reducer::Outcome;

/// What an UNDO is stored as.
#[derive(Clone, Debug)]
pub struct Undone {
    /// A NOOP with the id and time of the UNDO.
    pub action: Action<'static>,
    /// Its position. Under the first version of the protocol one undo after another takes the place of the one before.
    pub index: OpIndex,
    /// How many positions before it, or operations, are taken back.
    pub skip: u32,
}

/// Where an action goes, after UNDO and REDO have become what they stand for.
struct Placed {
    action: Action<'static>,
    index: u64,
    skip: u32,
}

impl Document {
    /// Applies an action as the newest operation of its scope and records it.
    ///
    /// # Errors
    /// `Thrown` where the reference throws: nothing was recorded and the document is as before. `Fold` if the
    /// fold failed.
    pub fn reduce(&mut self, action: &Action<'_>, skip: u32) -> Result<(), ProtocolError> {
        let (header, state) = (self.header.clone(), self.fold.checkpoint()?);
        let clipboard = self.clipboard.clone();
        let result = self.reduce_unguarded(action, skip);
        if let Err(ProtocolError::Thrown(_)) = result {
            (self.header, self.clipboard) = (header, clipboard);
            self.fold.restore(&state)?;
        }
        result
    }

    /// What an UNDO of the last operation that stands in a scope is stored as. The document has to have kept its history.
    ///
    /// # Errors
    /// `Thrown` where the reference throws: nothing is left to undo, or there is no version.
    pub fn undo(&self, scope: &Scope, undo: &Action<'_>) -> Result<Undone, ProtocolError> {
        let Placed { action, index, skip } = self.place_undo(scope, undo, self.version()?)?;
        Ok(Undone { action, index: OpIndex::new(index), skip })
    }

    fn reduce_unguarded(&mut self, action: &Action<'_>, skip: u32) -> Result<(), ProtocolError> {
        let version = self.version()?;
        level::check_scope(action)?;
        let scope = scope_of(action)?;
        let undo = action.kind == *"UNDO";
        let placed = match action.kind.as_bytes() {
            b"UNDO" => self.place_undo(&scope, action, version)?,
            b"REDO" => self.place_redo(&scope, action, skip)?,
            _ => {
                self.clipboard.clear();
                Placed { action: action.clone().into_owned(), index: self.next_index(&scope), skip }
            }
        };
        let next = OpIndex::new(placed.index).next();
        self.header.set_revision(&scope, next);
        self.header.touch(&placed.action.timestamp);
        let recorded = Recorded { action: placed.action.clone(), hash: String::new(), error: None };
        let row = OpIndex::new(placed.index);
        if undo && version == Version::V1 {
            return self.undo_v1(&scope, &placed, recorded);
        }
        let step = Step { scope: &scope, index: placed.index, skip: placed.skip, row };
        let outcome = self.step(&step, &placed.action, &mut NoActions, Some(Box::new(recorded)))?;
        let reset = version == Version::V2 && placed.action.kind == *"NOOP" && placed.skip > 0;
        let hash = if reset { String::new() } else { self.fold.checkpoint()?.hash(scope.as_str()).to_string() };
        let at = self.history(&scope, &mut NoActions)?;
        if let Some(recorded) = self.histories[at].entries.last_mut().and_then(|entry| entry.recorded.as_mut()) {
            recorded.hash = hash;
            if let Outcome::Failed(text) = outcome {
                recorded.error = Some(text);
            }
        }
        Ok(())
    }

    /// The operations of one scope that the document still holds, each with its position.
    pub fn operations(&self, scope: &str) -> impl Iterator<Item = (Slot, &Recorded)> {
        let history = self.histories.iter().find(move |history| history.scope == *scope);
        history
            .into_iter()
            .flat_map(|history| &history.entries)
            .filter_map(|entry| Some((entry.slot, entry.recorded.as_deref()?)))
    }

    /// What REDO would bring back, the next one last.
    pub fn clipboard(&self) -> impl Iterator<Item = (Slot, &Recorded)> {
        self.clipboard.iter().filter_map(|entry| Some((entry.slot, entry.recorded.as_deref()?)))
    }

    fn slots(&self, scope: &Scope) -> Vec<Slot> {
        let history = self.histories.iter().find(|history| history.scope == *scope);
        let mut slots: Vec<Slot> =
            history.map_or_else(Vec::new, |history| history.entries.iter().map(Slotted::slot).collect());
        gc::sort(&mut slots);
        slots
    }

    /// The operation with the last position in a scope.
    fn last_slot(&self, scope: &Scope) -> Option<Slot> {
        match self.histories.iter().find(|history| history.scope == *scope) {
            Some(history) if !history.is_irregular() => history.entries.last().map(Slotted::slot),
            _ => self.slots(scope).last().copied(),
        }
    }

    fn next_index(&self, scope: &Scope) -> u64 {
        self.last_slot(scope).map_or(0, |last| last.index + 1)
    }

    /// Whether there are more operations than undone steps at the end of a scope's history. Looks no further back than it
    /// takes to know.
    fn has_more_than_undone(&self, scope: &Scope) -> bool {
        fn more(slots: impl Iterator<Item = Slot> + Clone) -> bool {
            let undone = slots.clone().take_while(|slot| slot.noop).count();
            slots.filter(|slot| !slot.noop).nth(undone).is_some()
        }
        match self.histories.iter().find(|history| history.scope == *scope) {
            Some(history) if !history.is_irregular() => more(history.entries.iter().rev().map(Slotted::slot)),
            _ => more(self.slots(scope).into_iter().rev()),
        }
    }

    /// An UNDO becomes a NOOP with a skip.
    fn place_undo(&self, scope: &Scope, undo: &Action<'_>, version: Version) -> Result<Placed, ProtocolError> {
        let action = Action {
            kind: "NOOP".into(),
            input: Json::Object(Object::new()),
            context: None,
            ..undo.clone().into_owned()
        };
        let nothing = || ProtocolError::Thrown(odd::nothing_to_undo(version).to_owned());
        let last = self.last_slot(scope);
        let next = last.map_or(0, |last| last.index + 1);
        if version == Version::V2 {
            if !self.has_more_than_undone(scope) {
                return Err(nothing());
            }
            return Ok(Placed { action, index: next, skip: 1 });
        }
        let mut slots = self.slots(scope);
        let again = last.filter(|last| last.noop);
        if again.is_none() {
            slots.push(Slot { index: next, skip: 0, noop: false });
        }
        let skip = gc::next_skip_number(&slots).ok_or_else(nothing)?;
        let overlap = last.is_some_and(|last| skip > last.skip + 1);
        Ok(Placed { action, index: again.map_or(next, |last| last.index), skip: skip + u32::from(overlap) })
    }

    /// A REDO becomes the last action of its scope that an undo took away.
    fn place_redo(&mut self, scope: &Scope, redo: &Action<'_>, skip: u32) -> Result<Placed, ProtocolError> {
        level::redo_count(skip, redo)?;
        if self.clipboard.is_empty() {
            return Err(ProtocolError::Thrown(odd::NOTHING_TO_REDO.to_owned()));
        }
        let of_scope =
            |entry: &Entry| entry.recorded.as_ref().is_some_and(|recorded| recorded.action.scope == *scope.as_str());
        let found = self.clipboard.iter().rposition(of_scope).map(|at| self.clipboard.remove(at));
        let Some(recorded) = found.and_then(|entry| entry.recorded) else {
            let text = format!("Cannot redo: no operations in clipboard for scope \"{scope}\"");
            return Err(ProtocolError::Thrown(text));
        };
        let action = Action { id: "".into(), timestamp: "".into(), context: None, ..recorded.action };
        Ok(Placed { action, index: self.next_index(scope), skip: 0 })
    }

    /// Under the first version an undo collects the whole history and replays it.
    fn undo_v1(&mut self, scope: &Scope, placed: &Placed, recorded: Recorded) -> Result<(), ProtocolError> {
        let slot = Slot { index: placed.index, skip: placed.skip, noop: true };
        if let Some(text) = self.missing_for_undo(scope, slot) {
            return Err(ProtocolError::Thrown(text));
        }
        let entry = Entry {
            slot,
            row: OpIndex::new(placed.index),
            applies: false,
            denied: false,
            lost: false,
            recorded: Some(Box::new(recorded)),
        };
        let at = self.history(scope, &mut NoActions)?;
        self.histories[at].append(entry, Version::V1, None);
        let taken: Vec<Collected> =
            self.histories.iter_mut().map(|history| history.collect(None, Version::V1)).collect();
        self.changed_others(at, &taken);
        let mut dropped = Vec::new();
        for (history, taken) in self.histories.iter().zip(taken) {
            let kept = |entry: &Entry| history.entries.iter().any(|kept| kept.slot == entry.slot);
            dropped.extend(taken.into_entries().filter(|entry| !entry.slot.noop && !kept(entry)));
        }
        self.others_changed(at);
        self.clipboard.extend(dropped);
        gc::sort(&mut self.clipboard);
        self.clipboard.reverse();
        let state = self.settle(at, &mut NoActions)?;
        let hash = state.hash(scope.as_str()).to_string();
        if let Some(recorded) = self.histories[at].entries.last_mut().and_then(|entry| entry.recorded.as_mut()) {
            recorded.hash = hash;
        }
        Ok(())
    }
}
