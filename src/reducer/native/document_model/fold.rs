//! A running document model.

use super::actions;
use super::form::ModelState;
use crate::model::ids::Scope;
use crate::model::json::Json;
use crate::model::operation::Action;
use crate::model::state::State;
use crate::reducer::native::scopes::Scopes;
use crate::reducer::{Fold, FoldError, Outcome};

/// Applies the model's actions. An action costs a few searches by id, and about as much as the modules, operations and
/// lists that it changes are large; a checkpoint and its restoration cost as much as there are scopes.
#[derive(Default)]
pub(super) struct DocumentModelFold {
    pub(super) state: Scopes<ModelState>,
}

impl Fold for DocumentModelFold {
    /// All actions work on the global state, whatever their scope.
    fn apply(&mut self, actions: &[Action<'_>], outcomes: &mut Vec<Outcome>) -> Result<(), FoldError> {
        let mut state = self.state.get_mut("global");
        outcomes.extend(actions.iter().map(|action| {
            match actions::apply(action.kind.as_bytes(), &action.input, state.as_deref_mut()) {
                Ok(()) => Outcome::Applied,
                Err(text) => Outcome::Failed(text),
            }
        }));
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<State, FoldError> {
        Ok(State::new(self.state.clone()))
    }

    fn restore(&mut self, state: &State) -> Result<(), FoldError> {
        self.state.restore(state);
        Ok(())
    }

    fn restore_scope(&mut self, scope: &Scope, from: &State) -> Result<(), FoldError> {
        self.state.restore_scope(scope, from);
        Ok(())
    }

    fn set_scope(&mut self, scope: &Scope, state: Option<Json<'static>>) -> Result<(), FoldError> {
        self.state.set(scope, state);
        Ok(())
    }
}
