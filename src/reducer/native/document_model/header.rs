//! The rules on the members of the state that say what the model is called and whose it is.

use super::rules::{Field, text};
use crate::model::json::{Json, Object};
use crate::object;
use crate::reducer::coerce::{Checked, read};
use crate::reducer::native::engine::set_member;

/// Sets a member of the state.
pub(super) fn set_model(state: &mut Object<'static>, member: &'static str, input: &Json<'_>) {
    state.insert(member.into(), text(input, member));
}

/// Sets a member of the author, whom there may not have been.
///
/// # Errors
/// The `TypeError` for an author that is neither an object nor falsy.
pub(super) fn set_author(state: &mut Object<'static>, Field(member, from): Field, input: &Json<'_>) -> Checked<()> {
    if state.get("author").is_none_or(Json::is_falsy) {
        state.insert("author".into(), object! { "name" => "", "website" => Json::Null }.into());
    }
    set_member(state.get_mut(&"author".into()), member, text(input, from))
}

/// What [`set_model`] fails with on a state that is no object; `None` is `undefined`.
///
/// # Errors
/// Always.
pub(super) fn refuse_model(state: Option<&mut Json<'static>>, member: &'static str) -> Checked<()> {
    set_member(state, member, Json::Null)
}

/// What [`set_author`] fails with on a state that is no object; `None` is `undefined`.
///
/// # Errors
/// Always.
pub(super) fn refuse_author(state: Option<&mut Json<'static>>) -> Checked<()> {
    read(state.as_deref(), "author")?;
    set_member(state, "author", Json::Null)
}
