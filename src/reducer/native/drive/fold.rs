//! All scopes of a drive, as a running state.

use std::collections::BTreeMap;

use super::actions;
use super::scope::ScopeState;
use crate::model::ids::Scope;
use crate::model::json::{Json, Text};
use crate::model::operation::Action;
use crate::model::state::{Piece, State, StateParts};
use crate::reducer::{Fold, FoldError, Outcome};

/// The state of a drive. A clone shares all but the few scopes' handles.
#[derive(Clone, Default)]
pub struct DriveState {
    pub(super) scopes: BTreeMap<Scope, ScopeState>,
}

impl StateParts for DriveState {
    fn scopes(&self) -> Vec<Scope> {
        let mut scopes: Vec<Scope> = self.scopes.keys().cloned().collect();
        scopes.sort_by(|a, b| Text::from(a.as_str()).cmp(&Text::from(b.as_str())));
        scopes
    }

    fn scope(&self, scope: &str) -> Option<Json<'static>> {
        self.scopes.get(scope).map(ScopeState::to_json)
    }

    fn canonical(&self, scope: &str) -> Option<Vec<u8>> {
        self.scopes.get(scope).map(ScopeState::canonical)
    }

    fn pieces(&self, scope: &str, each: &mut dyn FnMut(Piece<'_>)) -> bool {
        let state = self.scopes.get(scope);
        state.inspect(|state| state.pieces(each)).is_some()
    }
}

/// Applies the drive's actions. An action costs a few searches in the indices of its scope; a checkpoint and
/// its restoration cost as much as there are scopes.
#[derive(Default)]
pub struct DriveFold {
    pub(super) state: DriveState,
}

impl Fold for DriveFold {
    fn apply(&mut self, actions: &[Action<'_>], outcomes: &mut Vec<Outcome>) -> Result<(), FoldError> {
        for actions in actions.chunk_by(|a, b| a.scope == b.scope) {
            let mut state = actions[0].scope.as_str().and_then(|scope| self.state.scopes.get_mut(scope));
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
        if let Some(parts) = state.downcast::<DriveState>() {
            self.state = parts.clone();
            return Ok(());
        }
        let read = |scope: Scope| state.scope(scope.as_str()).map(|value| (scope, ScopeState::new(value)));
        self.state.scopes = state.scopes().into_iter().filter_map(read).collect();
        Ok(())
    }

    fn restore_scope(&mut self, scope: &Scope, from: &State) -> Result<(), FoldError> {
        let state = match from.downcast::<DriveState>() {
            Some(parts) => parts.scopes.get(scope).cloned(),
            None => from.scope(scope.as_str()).map(ScopeState::new),
        };
        self.put(scope, state);
        Ok(())
    }

    fn set_scope(&mut self, scope: &Scope, state: Option<Json<'static>>) -> Result<(), FoldError> {
        self.put(scope, state.map(ScopeState::new));
        Ok(())
    }
}

impl DriveFold {
    fn put(&mut self, scope: &Scope, state: Option<ScopeState>) {
        match state {
            Some(state) => drop(self.state.scopes.insert(scope.clone(), state)),
            None => drop(self.state.scopes.remove(scope)),
        }
    }
}
