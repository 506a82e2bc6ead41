//! Documents that go on from where they were stored, with the operations that they still carry.

use super::document::Document;
use super::gc::{Slot, Slotted};
use super::header::Header;
use super::history::{Entry, History, Recorded};
use super::step::{Part, part};
use super::{ProtocolError, Version, level};
use crate::model::ids::{OpIndex, Scope};
use crate::model::json::{Json, Text};
use crate::model::operation::Action;
use crate::model::state::{JsonState, State};
use crate::reducer::{Fold, auth};

/// An operation that a stored document carries.
#[derive(Clone, Debug)]
pub struct Carried {
    /// Position, skip and kind.
    pub slot: Slot,
    /// Whether it was denied.
    pub denied: bool,
    /// What it did; `None` where that is stored in another form, as by the first releases (reactor format §11), which
    /// nobody can replay any more.
    pub action: Option<Action<'static>>,
}

/// An operation of a document's history.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// Position, skip and kind.
    pub slot: Slot,
    /// Its row in the stream that was replayed, unless `recorded` has it.
    pub row: OpIndex,
    /// Whether it was denied.
    pub denied: bool,
    /// The operation, where it is not a row of that stream.
    pub recorded: Option<&'a Recorded>,
}

impl Document {
    /// A document in the state of a fold that goes on from there: what undos and skips leave is found by replaying
    /// `initial`, the operations it is then told to [carry](Document::carry), and what comes after. Without an initial state
    /// nothing can be undone.
    ///
    /// # Errors
    /// `Fold` if the fold does not give its state.
    pub fn reopen(header: Header, initial: Option<&State>, fold: Box<dyn Fold>) -> Result<Self, ProtocolError> {
        let mut document = Document::start(header, fold)?;
        let mut state = initial.map_or_else(JsonState::default, JsonState::from);
        state.set("auth".into(), auth::backfill(state.get("auth")));
        document.initial = State::new(state);
        (document.parted, document.initial_lost) = (true, initial.is_none());
        Ok(document)
    }

    /// Replaces the history of a scope, in the order of the list.
    pub fn carry(&mut self, scope: Scope, operations: Vec<Carried>) {
        // Without a version nothing can be applied, and what stands does not matter.
        let version = self.version().unwrap_or(Version::V2);
        let mut history = History::new(scope);
        for Carried { slot, denied, action } in operations {
            let lost = action.is_none();
            let action = action.unwrap_or_else(|| Action {
                id: "".into(),
                kind: "".into(),
                scope: Text::from(history.scope.as_str()).into_owned(),
                timestamp: "".into(),
                input: Json::Null,
                context: None,
            });
            self.loads |= action.kind == *"LOAD_STATE";
            let matters = part(&action) != Part::Level || level::matters_again(&action);
            let entry = Entry {
                slot,
                row: OpIndex::new(slot.index),
                applies: matters && !denied,
                denied,
                lost,
                recorded: Some(Box::new(Recorded { action, hash: String::new(), error: None })),
            };
            history.append(entry, version, None);
        }
        match self.histories.iter_mut().find(|known| known.scope == history.scope) {
            Some(known) => *known = history,
            None => drop(self.insert(history)),
        }
        self.invalidate();
    }

    /// The initial state, unless it was lost.
    #[must_use]
    pub fn known_initial(&self) -> Option<&State> {
        Some(&self.initial).filter(|_| !self.initial_lost)
    }

    /// The history of each scope, in the order in which they came up; complete with [`Schedule::unknown`] alone.
    ///
    /// [`Schedule::unknown`]: super::Schedule::unknown
    pub fn histories(&self) -> impl Iterator<Item = (&Scope, Vec<Held<'_>>)> {
        self.histories.iter().map(|history| {
            let entries = history.entries.iter().map(|entry| Held {
                slot: entry.slot(),
                row: entry.row,
                denied: entry.denied,
                recorded: entry.recorded.as_deref(),
            });
            (&history.scope, entries.collect())
        })
    }
}
