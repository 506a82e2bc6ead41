//! The states of all scopes of a document, each in a form of its model: a running document.

use super::engine::Failure;
use crate::model::ids::Scope;
use crate::model::json::{Json, Text};
use crate::model::operation::Action;
use crate::model::state::{Piece, State, StateParts};
use crate::reducer::{Fold, FoldError, Outcome};

/// How a model holds the state of one scope, and what its actions do to it. A clone shares what it can, and is cheap.
pub(super) trait Form: Clone + Send + Sync + 'static {
    /// The scope that an action works on; `None` if it has a name that no scope has.
    fn scope_of<'a>(action: &'a Action<'_>) -> Option<&'a str>;

    /// Applies an action to the state of that scope; `None` is `undefined`.
    ///
    /// # Errors
    /// The text that the operation records.
    fn reduce(state: Option<&mut Self>, action: &Action<'_>) -> Result<(), Failure>;

    /// Takes the form that fits a state of that scope.
    fn read(scope: &Scope, state: Json<'static>) -> Self;

    /// The state as JSON.
    fn to_json(&self) -> Json<'static>;

    /// The canonical text of the state.
    fn canonical(&self) -> Vec<u8>;

    /// About how many bytes of memory the state takes; see [`StateParts::heap_bytes`].
    fn heap_bytes(&self) -> usize;

    /// Visits the canonical text in pieces; see [`StateParts::pieces`].
    fn pieces(&self, each: &mut dyn FnMut(Piece<'_>)) {
        each(Piece::Text(&self.canonical()));
    }
}

/// The states of all scopes. A clone, and so a checkpoint and its restoration, costs as much as there are scopes, which
/// are few.
#[derive(Clone)]
pub(super) struct Scopes<F>(Vec<(Scope, F)>);

impl<F> Default for Scopes<F> {
    fn default() -> Self {
        Scopes(Vec::new())
    }
}

impl<F: Form> Scopes<F> {
    /// The state of one scope.
    pub(super) fn get(&self, scope: &str) -> Option<&F> {
        self.0.iter().find_map(|(name, state)| (*name == *scope).then_some(state))
    }

    fn get_mut(&mut self, scope: &str) -> Option<&mut F> {
        self.0.iter_mut().find_map(|(name, state)| (*name == *scope).then_some(state))
    }

    /// Replaces the state of one scope; `None` removes it.
    pub(super) fn put(&mut self, scope: &Scope, state: Option<F>) {
        match (state, self.get_mut(scope.as_str())) {
            (Some(state), Some(place)) => *place = state,
            (Some(state), None) => self.0.push((scope.clone(), state)),
            (None, _) => self.0.retain(|(name, _)| name != scope),
        }
    }
}

impl<F: Form> Fold for Scopes<F> {
    fn apply(&mut self, actions: &[Action<'_>], outcomes: &mut Vec<Outcome>) -> Result<(), FoldError> {
        for actions in actions.chunk_by(|a, b| F::scope_of(a) == F::scope_of(b)) {
            let mut state = F::scope_of(&actions[0]).and_then(|scope| self.get_mut(scope));
            outcomes.extend(actions.iter().map(|action| match F::reduce(state.as_deref_mut(), action) {
                Ok(()) => Outcome::Applied,
                Err(text) => Outcome::Failed(text),
            }));
        }
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<State, FoldError> {
        Ok(State::new(self.clone()))
    }

    fn restore(&mut self, state: &State) -> Result<(), FoldError> {
        if let Some(parts) = state.downcast::<Self>() {
            *self = parts.clone();
            return Ok(());
        }
        let read = |scope: Scope| state.scope(scope.as_str()).map(|value| (scope.clone(), F::read(&scope, value)));
        self.0 = state.scopes().into_iter().filter_map(read).collect();
        Ok(())
    }

    fn restore_scope(&mut self, scope: &Scope, from: &State) -> Result<(), FoldError> {
        let state = match from.downcast::<Self>() {
            Some(parts) => parts.get(scope.as_str()).cloned(),
            None => from.scope(scope.as_str()).map(|value| F::read(scope, value)),
        };
        self.put(scope, state);
        Ok(())
    }

    fn set_scope(&mut self, scope: &Scope, state: Option<Json<'static>>) -> Result<(), FoldError> {
        self.put(scope, state.map(|value| F::read(scope, value)));
        Ok(())
    }
}

impl<F: Form> StateParts for Scopes<F> {
    fn scopes(&self) -> Vec<Scope> {
        let mut scopes: Vec<Scope> = self.0.iter().map(|(scope, _)| scope.clone()).collect();
        scopes.sort_by(|a, b| Text::from(a.as_str()).cmp(&Text::from(b.as_str())));
        scopes
    }

    fn scope(&self, scope: &str) -> Option<Json<'static>> {
        self.get(scope).map(F::to_json)
    }

    fn canonical(&self, scope: &str) -> Option<Vec<u8>> {
        self.get(scope).map(F::canonical)
    }

    fn heap_bytes(&self) -> usize {
        self.0.iter().map(|(_, state)| size_of::<(Scope, F)>() + state.heap_bytes()).sum()
    }

    fn pieces(&self, scope: &str, each: &mut dyn FnMut(Piece<'_>)) -> bool {
        let state = self.get(scope);
        if let Some(state) = state {
            state.pieces(each);
        }
        state.is_some()
    }
}

/// A document of which only the global scope has a state.
#[cfg(test)]
pub(super) fn with_global<F: Form>(state: F) -> Scopes<F> {
    Scopes(vec![(Scope::global(), state)])
}

/// Applies one action to the global scope.
#[cfg(test)]
pub(super) fn apply<F: Form>(document: &mut Scopes<F>, kind: &'static str, input: &Json<'static>) -> Outcome {
    let (id, scope, timestamp) = (Text::from("a"), Text::from("global"), Text::from("t"));
    let action = Action { id, kind: kind.into(), scope, timestamp, input: input.clone(), context: None };
    let mut outcomes = Vec::new();
    document.apply(&[action], &mut outcomes).unwrap();
    outcomes.remove(0)
}
