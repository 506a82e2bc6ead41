//! All scopes of a document, as a running state.

use std::collections::BTreeMap;

use super::GenericKind;
use super::node::Node;
use super::pointer::shown;
use crate::model::ids::Scope;
use crate::model::json::{Json, Text};
use crate::model::operation::Action;
use crate::model::state::{Piece, State, StateParts};
use crate::reducer::{Fold, FoldError, Outcome};

/// The state of a document. A clone shares everything.
#[derive(Clone, Default)]
struct GenericState {
    scopes: BTreeMap<Scope, Node>,
}

impl StateParts for GenericState {
    fn scopes(&self) -> Vec<Scope> {
        let mut scopes: Vec<Scope> = self.scopes.keys().cloned().collect();
        scopes.sort_by(|a, b| Text::from(a.as_str()).cmp(&Text::from(b.as_str())));
        scopes
    }

    fn scope(&self, scope: &str) -> Option<Json<'static>> {
        self.scopes.get(scope).map(Node::to_json)
    }

    fn canonical(&self, scope: &str) -> Option<Vec<u8>> {
        let node = self.scopes.get(scope)?;
        let mut text = Vec::with_capacity(node.weight().bytes);
        node.write_canonical(&mut text);
        Some(text)
    }

    fn heap_bytes(&self) -> usize {
        /// Values of a few bytes take most: a number in a list has 2 bytes of text and some 40 of memory.
        const BYTES_A_BYTE: usize = 8;
        self.scopes.values().map(|state| size_of::<Node>() + BYTES_A_BYTE * state.weight().bytes).sum()
    }

    fn pieces(&self, scope: &str, each: &mut dyn FnMut(Piece<'_>)) -> bool {
        let state = self.scopes.get(scope);
        state.inspect(|state| state.pieces(each)).is_some()
    }
}

/// Applies actions of one kind. An action costs about as much as its input is long; a checkpoint and its restoration
/// cost as much as there are scopes.
pub(super) struct GenericFold {
    kind: GenericKind,
    state: GenericState,
}

impl GenericFold {
    pub(super) fn new(kind: GenericKind) -> Self {
        GenericFold { kind, state: GenericState::default() }
    }

    fn one(&mut self, action: &Action<'_>) -> Result<(), String> {
        let Some(scope) = action.scope.as_str() else {
            return Err(format!("the scope {} holds a lone surrogate", shown(&action.scope)));
        };
        if scope == Scope::document().as_str() {
            return document_action(action);
        }
        let state = match self.state.scopes.get_mut(scope) {
            Some(state) => state,
            None => self.state.scopes.entry(Scope::from(scope)).or_insert_with(Node::empty),
        };
        let before = state.clone();
        let applied = self.kind.apply(state, &action.input);
        if applied.is_err() {
            *state = before;
        }
        applied
    }

    fn put(&mut self, scope: &Scope, state: Option<Node>) {
        match state {
            Some(state) => drop(self.state.scopes.insert(scope.clone(), state)),
            None => drop(self.state.scopes.remove(scope)),
        }
    }
}

/// What the scope `document` may hold besides what the protocol does itself (reactor format §5.4): it changes nothing.
fn document_action(action: &Action<'_>) -> Result<(), String> {
    match action.kind.as_bytes() {
        b"CREATE_DOCUMENT" | b"ADD_RELATIONSHIP" | b"REMOVE_RELATIONSHIP" | b"UPDATE_RELATIONSHIP" => Ok(()),
        _ => Err(format!("the scope \"document\" is not the model's: it has no action {}", shown(&action.kind))),
    }
}

impl Fold for GenericFold {
    fn apply(&mut self, actions: &[Action<'_>], outcomes: &mut Vec<Outcome>) -> Result<(), FoldError> {
        outcomes.extend(actions.iter().map(|action| match self.one(action) {
            Ok(()) => Outcome::Applied,
            Err(text) => Outcome::Failed(text.into()),
        }));
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<State, FoldError> {
        Ok(State::new(self.state.clone()))
    }

    fn restore(&mut self, state: &State) -> Result<(), FoldError> {
        if let Some(parts) = state.downcast::<GenericState>() {
            self.state = parts.clone();
            return Ok(());
        }
        let read = |scope: Scope| state.scope(scope.as_str()).map(|value| (scope, Node::from(&value)));
        self.state.scopes = state.scopes().into_iter().filter_map(read).collect();
        Ok(())
    }

    fn restore_scope(&mut self, scope: &Scope, from: &State) -> Result<(), FoldError> {
        let state = match from.downcast::<GenericState>() {
            Some(parts) => parts.scopes.get(scope).cloned(),
            None => from.scope(scope.as_str()).map(|value| Node::from(&value)),
        };
        self.put(scope, state);
        Ok(())
    }

    fn set_scope(&mut self, scope: &Scope, state: Option<Json<'static>>) -> Result<(), FoldError> {
        self.put(scope, state.map(|value| Node::from(&value)));
        Ok(())
    }
}
