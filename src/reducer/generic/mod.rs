//! Models for any JSON document: the operation log of an application that has no model package.
//!
//! Three kinds, after what the input of an action is:
//! - `json-patch`: a JSON Patch (RFC 6902), an array of steps;
//! - `json-merge-patch`: a JSON Merge Patch (RFC 7396), any value;
//! - `set`: `{"pointer": "/a/b", "value": …}`, which puts a value where a JSON Pointer (RFC 6901) leads.
//!
//! What holds for all of them:
//! - The type of an action is free text, document-level actions excepted (`reducer::protocol`), which mean what they
//!   always mean, and so do skips, undos and denied rows.
//! - The state of a scope is `{}` until its first action. A document needs no `CREATE_DOCUMENT`.
//! - An action works wholly or not at all. One that does not is an operation with an error, and the state is the one
//!   before it.
//! - Values are those of `model::json`: doubles, lone surrogates, keys in the order of UTF-16 code units. `test`
//!   compares numbers as numbers and objects without order.
//! - A state is bounded ([`MAX_STATE_BYTES`], [`MAX_STATE_DEPTH`]). An action that makes it grow while it is past a
//!   bound fails: a JSON Patch after any of its steps, whatever the later ones would do, the others at their end. The
//!   bounds are part of the model, so that a log has one outcome on every machine.
//!
//! The scope `document` is the protocol's: relationships leave it alone, and anything that is not one of the
//! reference's actions there fails.
//!
//! - `node` is a state: a persistent tree that knows its size and depth, so that copying a part of it costs nothing
//!   and both bounds are looked up, not measured;
//! - `pointer` is a place in one, `patch`, `merge` and `set` are the kinds, `fold` all scopes of a document.

mod fold;
mod merge;
mod node;
mod patch;
mod pointer;
mod set;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use super::{Fingerprint, Fold, FoldError, Model, ModelKind};
use crate::model::json::{Json, MAX_DEPTH};
use node::Node;

/// How long the canonical text of a scope's state may get, in bytes. A `copy` of everything doubles a state, and a
/// hundred of them are a short log.
pub const MAX_STATE_BYTES: usize = 64 << 20;

/// How deeply the arrays and objects of a scope's state may be nested: a little less than JSON texts may
/// ([`MAX_DEPTH`]), because keyframes and answers wrap states.
pub const MAX_STATE_DEPTH: u32 = 992;
const _: () = assert!(MAX_STATE_DEPTH as usize + 8 == MAX_DEPTH);

/// What the input of an action is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GenericKind {
    /// A JSON Patch (RFC 6902).
    JsonPatch,
    /// A JSON Merge Patch (RFC 7396).
    JsonMergePatch,
    /// A pointer and a value.
    Set,
}

impl GenericKind {
    /// All of them.
    pub const ALL: [GenericKind; 3] = [GenericKind::JsonPatch, GenericKind::JsonMergePatch, GenericKind::Set];

    /// What it is called; also the document type it is built in under.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            GenericKind::JsonPatch => "json-patch",
            GenericKind::JsonMergePatch => "json-merge-patch",
            GenericKind::Set => "set",
        }
    }

    /// Applies the input of an action to a state, which may be left half changed when that fails.
    fn apply(self, state: &mut Node, input: &Json<'_>) -> Result<(), String> {
        let before = state.weight();
        match self {
            GenericKind::JsonPatch => patch::apply(state, input),
            GenericKind::JsonMergePatch => {
                merge::merge(state, input);
                state.check_growth(before)
            }
            GenericKind::Set => {
                set::set(state, input)?;
                state.check_growth(before)
            }
        }
    }
}

impl fmt::Display for GenericKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no kind of generic model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is none of json-patch, json-merge-patch, set")]
pub struct UnknownKind(pub String);

impl FromStr for GenericKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        GenericKind::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

/// The model of a kind, whatever the document type.
pub struct Generic(pub GenericKind);

impl Model for Generic {
    fn kind(&self) -> ModelKind {
        ModelKind::Generic
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::from(format!("generic-{}-1", self.0))
    }

    fn fold(&self) -> Result<Box<dyn Fold>, FoldError> {
        Ok(Box::new(fold::GenericFold::new(self.0)))
    }
}
