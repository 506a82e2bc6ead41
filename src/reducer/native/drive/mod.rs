//! `powerhouse/document-drive` (reactor format §7).
//!
//! - `schema` says what inputs must look like, `actions` finds the rule for an action;
//! - `rules` states each rule on nodes once, over the traits of `nodes`, `settings` the other rules;
//! - `tree` is the usual form of a state with nodes: typed, indexed, persistent. `loose` serves states that
//!   do not fit it, in linear time, and is the model that the tree is tested against;
//! - `scope` holds one scope's state in either form.

mod actions;
mod loose;
mod names;
mod nodes;
mod rules;
mod schema;
mod scope;
mod settings;
#[cfg(test)]
mod tests;
mod tree;

use scope::ScopeState;

use super::scopes::Scopes;
use crate::model::ids::Scope;
use crate::model::json::Json;
use crate::object;
use crate::reducer::{Fingerprint, Fold, FoldError, Model, ModelId, ModelKind};

/// The model.
pub struct Drive;

/// The id the model is registered under.
#[must_use]
pub fn id() -> ModelId {
    ModelId { document_type: "powerhouse/document-drive".into(), version: 1 }
}

impl Model for Drive {
    fn kind(&self) -> ModelKind {
        ModelKind::Native
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::from("native-drive-1")
    }

    fn initial(&self) -> Vec<(Scope, Json<'static>)> {
        let list = || Json::Array(Vec::new());
        let global = object! { "name" => "", "nodes" => list(), "icon" => Json::Null };
        let local = object! {
            "listeners" => list(),
            "triggers" => list(),
            "sharingType" => "private",
            "availableOffline" => false,
        };
        vec![(Scope::global(), global.into()), ("local".into(), local.into())]
    }

    fn fold(&self) -> Result<Box<dyn Fold>, FoldError> {
        Ok(Box::new(Scopes::<ScopeState>::default()))
    }
}
