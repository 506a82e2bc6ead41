//! The rules on the states that a specification describes: a schema, an initial value and examples a scope.

use super::items;
use super::rules::{given, order, text};
use crate::model::json::{Json, Text};
use crate::object;
use crate::reducer::coerce::{Checked, not_a_function, read, spread, unreadable};
use crate::reducer::native::engine::{Failure, failure, set_member};

/// An action on the description of one scope's state.
#[derive(Clone, Copy)]
pub(super) enum StateRule {
    /// Sets this member.
    Set(&'static str),
    /// `ADD_STATE_EXAMPLE`
    AddExample,
    /// `UPDATE_STATE_EXAMPLE`
    UpdateExample,
    /// `DELETE_STATE_EXAMPLE`
    DeleteExample,
    /// `REORDER_STATE_EXAMPLES`
    ReorderExamples,
}

/// What the reference calls a scope's list of examples.
const EXAMPLES: &str = "latestSpec.state[action.input.scope].examples";

/// Checks that `Object.keys(state)` has the scope; an absent state is `undefined`.
///
/// # Errors
/// If it has not.
pub(super) fn check_scope(state: Option<&Json<'static>>, scope: &Text<'_>) -> Checked<()> {
    let is_index = |n: usize| (0..n).any(|index| *scope == *index.to_string());
    let known = match state {
        None | Some(Json::Null) => return Err("Cannot convert undefined or null to object".into()),
        Some(Json::Object(object)) => object.find(scope).is_some(),
        Some(Json::Array(items)) => is_index(items.len()),
        Some(Json::String(text)) => is_index(text.len_utf16()),
        Some(Json::Bool(_) | Json::Number(_)) => false,
    };
    if known { Ok(()) } else { Err(failure(&[b"Invalid scope: ", scope.as_bytes()])) }
}

/// Applies a rule to the description of one scope's state, which there is.
///
/// # Errors
/// The text that the operation records.
pub(super) fn apply(state: &mut Json<'static>, rule: StateRule, input: &Json<'_>) -> Checked<()> {
    let scope = given(input, "scope");
    match state {
        Json::Object(object) => match object.get_mut(scope) {
            Some(value) => apply_to(value, rule, input),
            None => Ok(()),
        },
        // The keys of an array or a string are those that spreading it shows; its items are primitives in the one case,
        // and in the other, too, as far as anything can be set in them.
        Json::Array(items) => {
            let at = scope.as_str().and_then(|index| index.parse::<usize>().ok());
            at.and_then(|at| items.get_mut(at)).map_or(Ok(()), |value| apply_to(value, rule, input))
        }
        text => match spread(text).into_iter().find(|(key, _)| key == scope) {
            Some((_, mut unit)) => apply_to(&mut unit, rule, input),
            None => Ok(()),
        },
    }
}

fn apply_to(value: &mut Json<'static>, rule: StateRule, input: &Json<'_>) -> Checked<()> {
    match rule {
        StateRule::Set(member) => set_member(Some(value), member, text(input, member)),
        StateRule::AddExample => {
            let example = object! { "id" => text(input, "id"), "value" => text(input, "example") };
            list(value, EXAMPLES, "push")?.push(example.into());
            Ok(())
        }
        StateRule::UpdateExample => {
            let examples = list(value, EXAMPLES, "find")?;
            match items::position(examples, given(input, "id"), items::has_like_id)? {
                Some(at) => set_member(examples.get_mut(at), "value", text(input, "newExample")),
                None => Err(missing(input)),
            }
        }
        StateRule::DeleteExample => {
            let examples = list(value, "scopeState.examples", "some")?;
            if items::position(examples, given(input, "id"), items::has_like_id)?.is_none() {
                return Err(missing(input));
            }
            items::remove(examples, given(input, "id"))
        }
        StateRule::ReorderExamples => items::reorder(list(value, "items", "map")?, order(input)),
    }
}

/// `value.examples`, an array of which `method` is called; `name` is what the reference calls it.
fn list<'v>(value: &'v mut Json<'static>, name: &str, method: &str) -> Checked<&'v mut Vec<Json<'static>>> {
    read(Some(value), "examples")?;
    let examples = match value {
        Json::Object(object) => object.get_mut(&"examples".into()),
        _ => None,
    };
    match examples {
        Some(Json::Array(items)) => Ok(items),
        Some(Json::Null) => Err(unreadable("null", method)),
        None => Err(unreadable("undefined", method)),
        Some(_) => Err(not_a_function(name, method)),
    }
}

fn missing(input: &Json<'_>) -> Failure {
    let (id, scope) = (given(input, "id"), given(input, "scope"));
    failure(&[b"State example \"", id.as_bytes(), b"\" not found in scope \"", scope.as_bytes(), b"\""])
}
