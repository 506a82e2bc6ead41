//! What turns operations into documents: models, their running folds, and the registry of both.
//!
//! The layers, from the outside in:
//! - `replay` feeds rows of a stream to the base protocol;
//! - [`protocol`] gives skips, undos, denied rows, upgrades and the `document` and `auth` scopes their
//!   meaning, and hands what is left to a fold;
//! - a [`Fold`] applies a model's own actions to a state. Only the protocol calls it.
//!
//! [`archive`] goes another way through the protocol: as the reference's loaders read files.
//!
//! Nothing here sees a store, a clock, a locale or randomness: the same input gives the same bytes.

pub mod archive;
pub mod auth;
mod coerce;
pub mod generic;
mod inert;
pub mod native;
pub mod protocol;
mod registry;
mod seq;
pub mod validation;

use std::fmt;

use crate::model::ids::{DocumentType, Scope};
use crate::model::json::{Json, Text};
use crate::model::operation::Action;
use crate::model::state::State;

pub use crate::model::ids::Fingerprint;
pub use inert::Inert;
pub use registry::{AliasStep, Known, Registry, RegistryError, UpgradePath, UpgradeStep};

/// A document type at a version. Versions start at 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId {
    /// The document type.
    pub document_type: DocumentType,
    /// The version of its reducers.
    pub version: u32,
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.document_type, self.version)
    }
}

/// Where a model's reducer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelKind {
    /// Compiled into snapctl.
    Native,
    /// Compiled into snapctl, for any document type.
    Generic,
    /// A package's own JavaScript in an embedded engine.
    JavaScript,
}

/// What a document type is: it starts folds. One model serves many threads.
pub trait Model: Send + Sync {
    /// Where the reducer comes from.
    fn kind(&self) -> ModelKind;

    /// What the results depend on.
    fn fingerprint(&self) -> Fingerprint;

    /// The states of the model's own scopes that a new document begins with; none where a document of the type begins with
    /// nothing.
    fn initial(&self) -> Vec<(Scope, Json<'static>)> {
        Vec::new()
    }

    /// Starts a fold on a document without any state.
    ///
    /// # Errors
    /// When the engine behind the model cannot be started.
    fn fold(&self) -> Result<Box<dyn Fold>, FoldError>;
}

/// A running state that applies actions. It stays on the thread it was started on (an engine may be `!Send`);
/// the states it gives out do not.
///
/// A fold holds *all* scopes of a document, `document` and `auth` among them, because a JavaScript reducer is
/// handed the whole state; the protocol reads and replaces those two.
pub trait Fold {
    /// Applies `actions` in order and appends one outcome for each. An action that fails does not stop the
    /// ones after it; what it changed before it failed stays changed (reactor format §4.9).
    ///
    /// The protocol sends actions of model scopes only: no document-level action, nothing of scope `auth`.
    ///
    /// # Errors
    /// When the engine itself failed; the fold is then of no further use.
    fn apply(&mut self, actions: &[Action<'_>], outcomes: &mut Vec<Outcome>) -> Result<(), FoldError>;

    /// The state as it is now. Cheap: shares what it can with the running state.
    ///
    /// # Errors
    /// When the engine itself failed.
    fn checkpoint(&mut self) -> Result<State, FoldError>;

    /// Replaces the state, all scopes of it. Cheap for a state that a fold of the same model gave out.
    ///
    /// # Errors
    /// When the engine itself failed.
    fn restore(&mut self, state: &State) -> Result<(), FoldError>;

    /// Replaces the state of one scope by that scope of `from`, or removes it where `from` has none.
    ///
    /// # Errors
    /// When the engine itself failed.
    fn restore_scope(&mut self, scope: &Scope, from: &State) -> Result<(), FoldError> {
        self.set_scope(scope, from.scope(scope.as_str()))
    }

    /// Replaces the state of one scope; `None` removes it.
    ///
    /// # Errors
    /// When the engine itself failed.
    fn set_scope(&mut self, scope: &Scope, state: Option<Json<'static>>) -> Result<(), FoldError>;

    /// How many actions a call of [`Fold::apply`] should carry when there is a choice: 1 for a fold that a
    /// call costs nothing, more for one behind an engine boundary.
    fn batch_size(&self) -> usize {
        1
    }
}

/// What became of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was applied.
    Applied,
    /// The reducer failed with this text, which the operation records.
    Failed(Text<'static>),
}

/// The engine behind a fold failed; what it holds is not a state of the document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// The reducer reached for something that it is not given.
    #[error("the reducer uses {0}, which snapctl does not provide")]
    Unsupported(String),
    /// A limit was reached.
    #[error("the reducer exceeded its {0} limit")]
    Limit(&'static str),
}
