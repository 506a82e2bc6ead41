//! A running drive.

use super::actions;
use super::scope::ScopeState;
use crate::model::ids::Scope;
use crate::model::json::Json;
use crate::model::operation::Action;
use crate::model::state::State;
use crate::reducer::native::scopes::Scopes;
use crate::reducer::{Fold, FoldError, Outcome};

/// Applies the drive's actions. An action costs a few searches in the indices of its scope; a checkpoint and
/// its restoration cost as much as there are scopes.
#[derive(Default)]
pub(super) struct DriveFold {
    pub(super) state: Scopes<ScopeState>,
}

impl Fold for DriveFold {
    fn apply(&mut self, actions: &[Action<'_>], outcomes: &mut Vec<Outcome>) -> Result<(), FoldError> {
        for actions in actions.chunk_by(|a, b| a.scope == b.scope) {
            let mut state = actions[0].scope.as_str().and_then(|scope| self.state.get_mut(scope));
            outcomes.extend(actions.iter().map(|action| {
                match actions::apply(action.kind.as_bytes(), &action.input, state.as_deref_mut()) {
                    Ok(()) => Outcome::Applied,
                    Err(text) => Outcome::Failed(text),
                }
            }));
        }
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
