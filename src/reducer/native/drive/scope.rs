//! The state of one scope.

use std::sync::Arc;

use super::engine::{Failure, cannot_create, cannot_read, cannot_set, not_a_function};
use super::loose::Loose;
use super::rules::{self, NodeAction};
use super::tree::Tree;
use crate::model::json::{Json, Object, canonical, write_canonical};
use crate::model::state::{Piece, piece_id};

/// The state of one scope: with indexed nodes if it has nodes that fit, else plain JSON.
#[derive(Clone)]
#[expect(clippy::large_enum_variant, reason = "there are few scopes, and most of what is done is done to trees")]
pub(super) enum ScopeState {
    /// An object with a list of well-formed nodes.
    Tree(Tree),
    /// Anything else; the usual form of the scopes without nodes.
    Json(Arc<Json<'static>>),
}

impl ScopeState {
    /// Takes the form that `state` fits.
    pub(super) fn new(state: Json<'static>) -> Self {
        match state.as_object().and_then(Tree::read) {
            Some(tree) => ScopeState::Tree(tree),
            None => ScopeState::Json(Arc::new(state)),
        }
    }

    /// The state as JSON.
    pub(super) fn to_json(&self) -> Json<'static> {
        match self {
            ScopeState::Tree(tree) => tree.to_object().into(),
            ScopeState::Json(state) => Json::clone(state),
        }
    }

    /// The canonical text of the state.
    pub(super) fn canonical(&self) -> Vec<u8> {
        match self {
            ScopeState::Tree(tree) => tree.canonical(),
            ScopeState::Json(state) => canonical(state),
        }
    }

    /// Visits the canonical text of the state in pieces.
    pub(super) fn pieces(&self, each: &mut dyn FnMut(Piece<'_>)) {
        match self {
            ScopeState::Tree(tree) => tree.pieces(each),
            ScopeState::Json(state) => {
                each(Piece::Shared { id: piece_id(state, 0), write: &|out| write_canonical(state, out) });
            }
        }
    }

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
            return Err(cannot_read("undefined", member));
        };
        match state {
            ScopeState::Tree(tree) => edit_member(tree.members_mut(), member, method, edit),
            ScopeState::Json(state) => match Arc::make_mut(state) {
                Json::Object(object) => edit_member(object, member, method, edit),
                Json::Null => Err(cannot_read("null", member)),
                _ => Err(cannot_read("undefined", method)),
            },
        }
    }

    /// Sets `state[member]`. On an array that has no effect that JSON shows.
    pub(super) fn set(state: Option<&mut Self>, member: &'static str, value: Json<'static>) -> Result<(), Failure> {
        let Some(state) = state else {
            return Err(cannot_set("undefined", member));
        };
        match state {
            ScopeState::Tree(tree) => drop(tree.members_mut().insert(member.into(), value)),
            ScopeState::Json(state) => match Arc::make_mut(state) {
                Json::Object(object) => drop(object.insert(member.into(), value)),
                Json::Array(_) => {}
                Json::Null => return Err(cannot_set("null", member)),
                other => return Err(cannot_create(member, other)),
            },
        }
        Ok(())
    }
}

fn edit_member(
    object: &mut Object<'static>,
    member: &'static str,
    method: &str,
    edit: impl FnOnce(&mut Vec<Json<'static>>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (value, result) = match object.remove(member) {
        None => return Err(cannot_read("undefined", method)),
        Some(Json::Array(mut items)) => {
            let result = edit(&mut items);
            (Json::Array(items), result)
        }
        Some(Json::Null) => (Json::Null, Err(cannot_read("null", method))),
        Some(other) => (other, Err(not_a_function(&format!("state.{member}.{method}")))),
    };
    object.insert(member.into(), value);
    result
}
