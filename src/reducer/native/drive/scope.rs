//! The state of one scope.

use std::sync::Arc;

use super::actions;
use super::loose::Loose;
use super::rules::{self, NodeAction};
use super::tree::Tree;
use crate::model::ids::Scope;
use crate::model::json::{Json, Object, canonical, write_canonical};
use crate::model::operation::Action;
use crate::model::state::{Piece, piece_id};
use crate::reducer::coerce::{not_a_function, unreadable};
use crate::reducer::native::engine::{Failure, set_member};
use crate::reducer::native::scopes::Form;

/// The state of one scope: with indexed nodes if it has nodes that fit, else plain JSON.
#[derive(Clone)]
#[expect(clippy::large_enum_variant, reason = "there are few scopes, and most of what is done is done to trees")]
pub(super) enum ScopeState {
    /// An object with a list of well-formed nodes.
    Tree(Tree),
    /// Anything else; the usual form of the scopes without nodes.
    Json(Arc<Json<'static>>),
}

impl Form for ScopeState {
    fn scope_of<'a>(action: &'a Action<'_>) -> Option<&'a str> {
        action.scope.as_str()
    }

    fn reduce(state: Option<&mut Self>, action: &Action<'_>) -> Result<(), Failure> {
        actions::apply(action.kind.as_bytes(), &action.input, state)
    }

    fn read(_: &Scope, state: Json<'static>) -> Self {
        match state.as_object().and_then(Tree::read) {
            Some(tree) => ScopeState::Tree(tree),
            None => ScopeState::Json(Arc::new(state)),
        }
    }

    fn to_json(&self) -> Json<'static> {
        match self {
            ScopeState::Tree(tree) => tree.to_object().into(),
            ScopeState::Json(state) => Json::clone(state),
        }
    }

    fn canonical(&self) -> Vec<u8> {
        match self {
            ScopeState::Tree(tree) => tree.canonical(),
            ScopeState::Json(state) => canonical(state),
        }
    }

    fn heap_bytes(&self) -> usize {
        match self {
            ScopeState::Tree(tree) => tree.heap_bytes(),
            ScopeState::Json(state) => state.heap_bytes(),
        }
    }

    fn pieces(&self, each: &mut dyn FnMut(Piece<'_>)) {
        match self {
            ScopeState::Tree(tree) => tree.pieces(each),
            ScopeState::Json(state) => {
                each(Piece::Shared { id: piece_id(state, 0), write: &|out| write_canonical(state, out) });
            }
        }
    }
}

impl ScopeState {
    /// Applies an action on nodes to `state.nodes`.
    pub(super) fn apply(state: Option<&mut Self>, action: NodeAction, input: &Json<'_>) -> Result<(), Failure> {
        match state {
            Some(ScopeState::Tree(tree)) => rules::apply(tree, action, input),
            state => {
                ScopeState::edit_list(state, "nodes", "find", |nodes| rules::apply(&mut Loose(nodes), action, input))
            }
        }
    }

    /// Lets `edit` change the list `state[member]`, of which JavaScript calls `method` first. The nodes of a
    /// tree cannot be reached this way.
    pub(super) fn edit_list(
        state: Option<&mut Self>,
        member: &'static str,
        method: &str,
        edit: impl FnOnce(&mut Vec<Json<'static>>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Some(state) = state else {
            return Err(unreadable("undefined", member));
        };
        match state {
            ScopeState::Tree(tree) => edit_member(tree.members_mut(), member, method, edit),
            ScopeState::Json(state) => match Arc::make_mut(state) {
                Json::Object(object) => edit_member(object, member, method, edit),
                Json::Null => Err(unreadable("null", member)),
                _ => Err(unreadable("undefined", method)),
            },
        }
    }

    /// Sets `state[member]`.
    #[expect(clippy::needless_pass_by_value, reason = "a borrow that may be absent")]
    pub(super) fn set(state: Option<&mut Self>, member: &'static str, value: Json<'static>) -> Result<(), Failure> {
        match state {
            Some(ScopeState::Tree(tree)) => {
                tree.members_mut().insert(member.into(), value);
                Ok(())
            }
            Some(ScopeState::Json(state)) => set_member(Some(Arc::make_mut(state)), member, value),
            None => set_member(None, member, value),
        }
    }
}

fn edit_member(
    object: &mut Object<'static>,
    member: &'static str,
    method: &str,
    edit: impl FnOnce(&mut Vec<Json<'static>>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (value, result) = match object.remove(member) {
        None => return Err(unreadable("undefined", method)),
        Some(Json::Array(mut items)) => {
            let result = edit(&mut items);
            (Json::Array(items), result)
        }
        Some(Json::Null) => (Json::Null, Err(unreadable("null", method))),
        Some(other) => (other, Err(not_a_function(&format!("state.{member}"), method))),
    };
    object.insert(member.into(), value);
    result
}
