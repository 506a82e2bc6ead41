//! `powerhouse/document-model` (reactor format §8): specifications of document models, edited by operations.
//!
//! - `actions` is the table of the actions: what their inputs must look like, and which rule each follows;
//! - `rules` states each rule on the latest specification once, over the trait of `latest`; `header` has the rules on
//!   the other members of the state, `spec_state` those on the states that a specification describes, `names` the one
//!   for names of operations, `release` what a new version is made of;
//! - `indexed` is the usual form of a state: modules and operations in lists that states share, found by id. `loose`
//!   serves states that do not fit it, in linear time, and is the model that the other is tested against;
//! - `form` holds one scope's state in either form.
//!
//! What the format leaves open, which is what states of odd shapes do, was found by calling the published package
//! (6.2.2, Node 20) with such states.

mod actions;
mod form;
mod header;
mod indexed;
mod items;
mod kinds;
mod latest;
mod loose;
mod names;
mod release;
mod rules;
mod spec_state;
#[cfg(test)]
mod tests;

use form::ModelState;

use super::scopes::Scopes;
use crate::model::ids::Scope;
use crate::model::json::{Json, Object};
use crate::object;
use crate::reducer::{Fingerprint, Fold, FoldError, Model, ModelId, ModelKind};

/// The model.
pub struct DocumentModel;

/// The id the model is registered under.
#[must_use]
pub fn id() -> ModelId {
    ModelId { document_type: "powerhouse/document-model".into(), version: 1 }
}

impl Model for DocumentModel {
    fn kind(&self) -> ModelKind {
        ModelKind::Native
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::from("native-document-model-1")
    }

    fn initial(&self) -> Vec<(Scope, Json<'static>)> {
        let list = || Json::Array(Vec::new());
        let described = || object! { "schema" => "", "initialValue" => "", "examples" => list() };
        let specification = object! {
            "version" => 1.0,
            "changeLog" => list(),
            "state" => object! { "global" => described(), "local" => described() },
            "modules" => list(),
        };
        let global = object! {
            "id" => "",
            "name" => "",
            "extension" => "",
            "description" => "",
            "author" => object! { "name" => "", "website" => "" },
            "specifications" => Json::Array(vec![specification.into()]),
        };
        vec![(Scope::global(), global.into()), ("local".into(), Object::new().into())]
    }

    fn fold(&self) -> Result<Box<dyn Fold>, FoldError> {
        Ok(Box::new(Scopes::<ModelState>::default()))
    }
}
