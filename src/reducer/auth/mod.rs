//! The `auth` scope (reactor format §5.5, §5.6).
//!
//! A policy is data here: its shape is checked when it changes, and nothing is ever permitted or denied by it.
//! Input is hostile by assumption. Where JavaScript would throw a `TypeError`, the text of V8 is recorded; the
//! cases the format does not list were found by calling the published package (6.2.2, Node 20) with such input.

mod condition;
mod edit;
mod genesis;
mod grant;
mod key;
mod reach;

pub use self::genesis::resolve_snapshot;
pub(crate) use self::key::compressed_point;

use crate::model::json::{Json, Object, Text};
use crate::model::operation::Action;
use crate::object;
use crate::reducer::coerce::{self, Checked, text};

/// How many grants a policy may hold.
const MAX_GRANTS: usize = 100;

/// What the auth rules need to know of the document's header.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// `header.id`.
    pub document_id: &'a str,
    /// `header.documentType`.
    pub document_type: &'a str,
    /// `header.sig.publicKey`, a JWK; `{}` or `None` for a document that nobody signed.
    pub public_key: Option<&'a Json<'a>>,
}

/// The state of the scope before its first action.
#[must_use]
pub fn default_state() -> Json<'static> {
    default_members().into()
}

/// Spreads `auth` over the default state, as data written before the scope had a default needs
/// (reactor format §1.4). Members of `auth` win, of whatever type they are.
#[must_use]
pub fn backfill(auth: Option<&Json<'_>>) -> Json<'static> {
    let mut state = default_members();
    for (key, value) in auth.map(coerce::spread).unwrap_or_default() {
        state.insert(key, value);
    }
    state.into()
}

/// Why the base protocol must not even try an action of type `kind` on this scope (reactor format §4.1, step 1);
/// the text is thrown, not recorded.
#[must_use]
pub fn refusal(kind: &Text<'_>) -> Option<Text<'static>> {
    let refused = matches!(kind.as_bytes(), b"UNDO" | b"REDO" | b"PRUNE");
    refused.then(|| text![kind, " is not permitted on the auth scope"])
}

/// Applies an action to the state of the scope. `None`: the action changes nothing.
///
/// # Errors
/// The text that the operation records; the state is then unchanged.
pub fn reduce(auth: &Json<'static>, action: &Action<'_>, owner: &Owner<'_>) -> Checked<Option<Json<'static>>> {
    let input = || match &action.input {
        Json::Object(input) => Ok(input),
        _ => Err(invalid_input("input", "must be an object")),
    };
    match action.kind.as_bytes() {
        b"INITIALIZE_AUTH" => genesis::initialize(auth, input()?, action.context.as_ref(), owner),
        b"SET_GRANT" => edit::set(auth, input()?, owner),
        b"REMOVE_GRANT" => edit::remove(auth, input()?),
        b"MOVE_GRANT" => edit::relocate(auth, input()?),
        _ => return Ok(None),
    }
    .map(Some)
}

fn default_members() -> Object<'static> {
    object! { "version" => 0.0, "grants" => Json::Array(Vec::new()) }
}

fn invalid_input(member: &str, problem: &str) -> Text<'static> {
    text!["Invalid action input: {\n  \"", member, "\": \"", problem, "\"\n}"]
}

#[cfg(test)]
mod tests;
