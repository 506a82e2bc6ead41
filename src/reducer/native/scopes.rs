//! The states of all scopes of a document, each in a form of its model.

use std::collections::BTreeMap;

use crate::model::ids::Scope;
use crate::model::json::{Json, Text};
use crate::model::state::{Piece, State, StateParts};

/// How a model holds the state of one scope. A clone shares what it can, and is cheap.
pub(super) trait Form: Clone + Send + Sync + 'static {
    /// Takes the form that fits a state of that scope.
    fn read(scope: &Scope, state: Json<'static>) -> Self;

    /// The state as JSON.
    fn to_json(&self) -> Json<'static>;

    /// The canonical text of the state.
    fn canonical(&self) -> Vec<u8>;

    /// Visits the canonical text in pieces; see [`StateParts::pieces`].
    fn pieces(&self, each: &mut dyn FnMut(Piece<'_>)) {
        each(Piece::Text(&self.canonical()));
    }
}

/// The states of all scopes. A clone costs as much as there are scopes, which are few.
#[derive(Clone)]
pub(super) struct Scopes<F>(BTreeMap<Scope, F>);

impl<F> Default for Scopes<F> {
    fn default() -> Self {
        Scopes(BTreeMap::new())
    }
}

impl<F: Form> Scopes<F> {
    /// The state of one scope.
    #[cfg(test)]
    pub(super) fn get(&self, scope: &str) -> Option<&F> {
        self.0.get(scope)
    }

    /// The state of one scope, to change.
    pub(super) fn get_mut(&mut self, scope: &str) -> Option<&mut F> {
        self.0.get_mut(scope)
    }

    /// Replaces the state of one scope; `None` removes it.
    pub(super) fn put(&mut self, scope: &Scope, state: Option<F>) {
        match state {
            Some(state) => drop(self.0.insert(scope.clone(), state)),
            None => drop(self.0.remove(scope)),
        }
    }

    /// Replaces all states by those of `state`, whichever model it is of.
    pub(super) fn restore(&mut self, state: &State) {
        if let Some(parts) = state.downcast::<Self>() {
            *self = parts.clone();
            return;
        }
        let read = |scope: Scope| state.scope(scope.as_str()).map(|value| (scope.clone(), F::read(&scope, value)));
        self.0 = state.scopes().into_iter().filter_map(read).collect();
    }

    /// Replaces the state of one scope by that scope of `from`, whichever model it is of.
    pub(super) fn restore_scope(&mut self, scope: &Scope, from: &State) {
        let state = match from.downcast::<Self>() {
            Some(parts) => parts.0.get(scope).cloned(),
            None => from.scope(scope.as_str()).map(|value| F::read(scope, value)),
        };
        self.put(scope, state);
    }

    /// Replaces the state of one scope by JSON; `None` removes it.
    pub(super) fn set(&mut self, scope: &Scope, state: Option<Json<'static>>) {
        self.put(scope, state.map(|value| F::read(scope, value)));
    }
}

impl<F: Form> StateParts for Scopes<F> {
    fn scopes(&self) -> Vec<Scope> {
        let mut scopes: Vec<Scope> = self.0.keys().cloned().collect();
        scopes.sort_by(|a, b| Text::from(a.as_str()).cmp(&Text::from(b.as_str())));
        scopes
    }

    fn scope(&self, scope: &str) -> Option<Json<'static>> {
        self.0.get(scope).map(F::to_json)
    }

    fn canonical(&self, scope: &str) -> Option<Vec<u8>> {
        self.0.get(scope).map(F::canonical)
    }

    fn pieces(&self, scope: &str, each: &mut dyn FnMut(Piece<'_>)) -> bool {
        let state = self.0.get(scope);
        if let Some(state) = state {
            state.pieces(each);
        }
        state.is_some()
    }
}
