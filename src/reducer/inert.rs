//! A fold without a model.

use super::{Fold, FoldError, Outcome};
use crate::model::ids::Scope;
use crate::model::json::Json;
use crate::model::operation::Action;
use crate::model::state::{JsonState, State};

/// Holds the state of a stored document until the model is known that its next action needs; it applies none itself.
#[derive(Default)]
pub struct Inert(JsonState);

impl Inert {
    /// Holds a state.
    #[must_use]
    pub fn new(state: JsonState) -> Self {
        Inert(state)
    }
}

impl Fold for Inert {
    fn apply(&mut self, actions: &[Action<'_>], _: &mut Vec<Outcome>) -> Result<(), FoldError> {
        match actions {
            [] => Ok(()),
            _ => Err(FoldError::Unsupported("a model".to_owned())),
        }
    }

    fn checkpoint(&mut self) -> Result<State, FoldError> {
        Ok(State::new(self.0.clone()))
    }

    fn restore(&mut self, state: &State) -> Result<(), FoldError> {
        self.0 = JsonState::from(state);
        Ok(())
    }

    fn set_scope(&mut self, scope: &Scope, state: Option<Json<'static>>) -> Result<(), FoldError> {
        match state {
            Some(state) => self.0.set(scope.clone(), state),
            None => self.0.remove(scope.as_str()),
        }
        Ok(())
    }
}
