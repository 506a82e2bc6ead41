//! A running document.

use super::header::Header;
use super::history::{Entry, History};
use super::scopes::default_document_state;
use super::{ProtocolError, Schedule, Version};
use crate::model::ids::Scope;
use crate::model::json::{Json, Text};
use crate::model::state::{JsonState, State};
use crate::reducer::auth;
use crate::reducer::{Fold, Outcome};

/// A document between two operations: header, state, initial state, and what of its history a later operation
/// can reach.
pub struct Document {
    pub(super) header: Header,
    pub(super) fold: Box<dyn Fold>,
    pub(super) initial: State,
    pub(super) histories: Vec<History>,
    pub(super) clipboard: Vec<Entry>,
    pub(super) schedule: Schedule,
    /// Whether anything was appended to scope `global`, kept or not.
    pub(super) has_global: bool,
    /// Whether a history has an operation that replaces the states of all scopes.
    pub(super) loads: bool,
    pub(super) applied: u64,
    pub(super) outcomes: Vec<Outcome>,
}

impl Document {
    /// The document that a `CREATE_DOCUMENT` input makes (reactor format §5.1): no model scopes yet. `created`
    /// stands in for a creation time the input does not carry.
    ///
    /// # Errors
    /// `Fold` if the fold does not take the state.
    pub fn create(input: &Json<'_>, created: &Text<'_>, fold: Box<dyn Fold>) -> Result<Self, ProtocolError> {
        Self::create_with(input, created, [], fold)
    }

    /// The same with the states of some model scopes, which are then part of the initial state, too.
    ///
    /// # Errors
    /// `Fold` if the fold does not take the state.
    pub fn create_with(
        input: &Json<'_>,
        created: &Text<'_>,
        states: impl IntoIterator<Item = (Scope, Json<'static>)>,
        mut fold: Box<dyn Fold>,
    ) -> Result<Self, ProtocolError> {
        let mut state = JsonState::default();
        states.into_iter().for_each(|(scope, value)| state.set(scope, value));
        state.set("auth".into(), auth::default_state());
        state.set(Scope::document(), default_document_state());
        fold.restore(&State::new(state))?;
        Self::start(Header::create(input, created), fold)
    }

    /// A document with this header in the fold's present state, which is also its initial state.
    ///
    /// # Errors
    /// `Fold` if the fold does not give its state.
    pub fn start(header: Header, mut fold: Box<dyn Fold>) -> Result<Self, ProtocolError> {
        let initial = fold.checkpoint()?;
        Ok(Document {
            header,
            fold,
            initial,
            histories: Vec::new(),
            clipboard: Vec::new(),
            schedule: Schedule::unknown(),
            has_global: false,
            loads: false,
            applied: 0,
            outcomes: Vec::new(),
        })
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The header, to stamp it.
    pub fn header_mut(&mut self) -> &mut Header {
        &mut self.header
    }

    /// The state.
    ///
    /// # Errors
    /// `Fold` if the fold does not give its state.
    pub fn state(&mut self) -> Result<State, ProtocolError> {
        Ok(self.fold.checkpoint()?)
    }

    /// The initial state, to which undos and skips go back.
    #[must_use]
    pub fn initial(&self) -> &State {
        &self.initial
    }

    /// The state of one scope.
    ///
    /// # Errors
    /// `Fold` if the fold does not give its state.
    pub fn scope(&mut self, scope: &str) -> Result<Option<Json<'static>>, ProtocolError> {
        Ok(self.fold.checkpoint()?.scope(scope))
    }

    /// How often a reducer was called.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// What became of the rows of the last call of [`Document::replay`], one outcome a row.
    #[must_use]
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// Says what lies ahead in the stream that will be replayed next.
    pub fn set_schedule(&mut self, schedule: Schedule) {
        self.schedule = schedule;
    }

    /// Exchanges the fold for one of another version of the model; the state is carried over.
    ///
    /// # Errors
    /// `Fold` if either fold fails.
    pub fn set_fold(&mut self, mut fold: Box<dyn Fold>) -> Result<(), ProtocolError> {
        fold.restore(&self.fold.checkpoint()?)?;
        self.fold = fold;
        self.invalidate();
        Ok(())
    }

    /// Replaces one scope's state by one that is known from elsewhere, as if it had been replayed up to there.
    ///
    /// # Errors
    /// `Fold` if the fold does not take the state.
    pub fn resume(&mut self, scope: &Scope, from: &State) -> Result<(), ProtocolError> {
        self.fold.restore_scope(scope, from)?;
        Ok(())
    }

    /// Which base protocol the document follows.
    ///
    /// # Errors
    /// `Thrown` if the header does not say.
    pub fn version(&self) -> Result<Version, ProtocolError> {
        match self.header.base_reducer() {
            Some(version) if version >= 2.0 => Ok(Version::V2),
            Some(_) => Ok(Version::V1),
            None => {
                let id = self.header.id();
                Err(ProtocolError::Thrown(format!("Document {id} carries no base-reducer protocol version")))
            }
        }
    }

    pub(super) fn invalidate(&mut self) {
        self.histories.iter_mut().for_each(History::invalidate);
    }
}
