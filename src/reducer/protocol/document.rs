//! A running document.

use super::header::Header;
use super::history::{Entry, History};
use super::scopes::default_document_state;
use super::{ProtocolError, Schedule, Version};
use crate::model::ids::{OpIndex, Scope};
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
    /// Whether there is no initial state, so that nothing can be replayed.
    pub(super) initial_lost: bool,
    /// The base protocol, unless the header names one.
    assumed: Option<Version>,
    /// Whether the initial state is another object than the state, even where both are equal.
    pub(super) parted: bool,
    pub(super) histories: Vec<History>,
    pub(super) clipboard: Vec<Entry>,
    pub(super) schedule: Schedule,
    /// The scope of the stream that is replayed, if that was said.
    pub(super) stream: Option<Scope>,
    /// The row of that stream which came last.
    pub(super) last_row: Option<OpIndex>,
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
        Ok(Self::resumed(header, fold, initial))
    }

    /// The same document beside this one, run by another fold, without its history: for what does not look back.
    ///
    /// # Errors
    /// `Fold` if either fold fails.
    pub fn fork(&mut self, mut fold: Box<dyn Fold>) -> Result<Self, ProtocolError> {
        fold.restore(&self.fold.checkpoint()?)?;
        let Document { initial_lost, assumed, parted, .. } = *self;
        let initial = self.initial.clone();
        Ok(Document { initial, initial_lost, assumed, parted, ..Self::start(self.header.clone(), fold)? })
    }

    /// A document that goes on from a state, without its history; `initial` is what its undos go back to.
    #[must_use]
    pub fn resumed(header: Header, fold: Box<dyn Fold>, initial: State) -> Self {
        Document {
            header,
            fold,
            initial,
            initial_lost: false,
            assumed: None,
            parted: false,
            histories: Vec::new(),
            clipboard: Vec::new(),
            schedule: Schedule::unknown(),
            stream: None,
            last_row: None,
            loads: false,
            applied: 0,
            outcomes: Vec::new(),
        }
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

    /// The state that skips and undos go back to.
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

    /// Says which stream will be replayed next.
    pub fn set_stream(&mut self, scope: &Scope) {
        (self.stream, self.last_row) = (Some(scope.clone()), None);
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

    /// Replaces one scope's state by one that is known from elsewhere, as if it had been replayed up to there; `None` is none.
    ///
    /// # Errors
    /// `Fold` if the fold does not take the state.
    pub fn resume(&mut self, scope: &Scope, state: Option<Json<'static>>) -> Result<(), ProtocolError> {
        self.fold.set_scope(scope, state)?;
        Ok(())
    }

    /// Says which base protocol the document follows if its header does not.
    pub fn assume(&mut self, version: Option<Version>) {
        self.assumed = version;
    }

    /// Which base protocol the document follows.
    ///
    /// # Errors
    /// `Thrown` if neither the header nor anybody else says.
    pub fn version(&self) -> Result<Version, ProtocolError> {
        match self.header.base_reducer() {
            Some(version) if version >= 2.0 => Ok(Version::V2),
            Some(_) => Ok(Version::V1),
            None => self.assumed.ok_or_else(|| {
                let id = self.header.id();
                ProtocolError::Thrown(format!("Document {id} carries no base-reducer protocol version"))
            }),
        }
    }

    pub(super) fn invalidate(&mut self) {
        self.histories.iter_mut().for_each(History::invalidate);
    }
}
