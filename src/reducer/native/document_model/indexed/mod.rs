//! The usual form of a state: modules and operations in lists whose changed copies share the rest, and found by id.
//!
//! - `spec` are specifications, with modules and operations as JSON objects; `list` keeps them in order;
//! - `index` says where in the latest specification an id or a name is;
//! - `edit` are the searches and changes of the rules;
//! - `write` gives the text of a state, in pieces that states share.
//!
//! A released version is never written to again: it shares its modules with the version that was made of it until those
//! change.

mod edit;
mod index;
mod list;
mod spec;
mod write;

use std::sync::Arc;

use crate::model::json::{Json, Object};
use crate::model::state::Piece;
use index::Index;
use spec::{Released, Spec};

/// A state whose latest specification is what it should be: modules, operations, errors and examples have ids that are
/// different from each other.
#[derive(Clone)]
pub(super) struct Indexed {
    /// The members of the state other than `specifications`.
    members: Arc<Object<'static>>,
    /// The specifications before the latest.
    earlier: Arc<Vec<Earlier>>,
    latest: Spec,
    /// Where what is in `latest` is.
    index: Index,
}

/// A specification that is not the latest.
#[derive(Clone)]
enum Earlier {
    /// One with modules and operations.
    Known(Arc<Released>),
    /// Any other value.
    Other(Arc<Json<'static>>),
}

impl Indexed {
    /// Indexes a state; `None` if it does not fit.
    pub(super) fn read(state: &Json<'static>) -> Option<Self> {
        let mut members = state.as_object()?.clone();
        let Json::Array(specifications) = members.remove("specifications")? else { return None };
        let (latest, earlier) = specifications.split_last()?;
        let latest = Spec::read(latest)?;
        let index = Index::build(&latest)?;
        let earlier = earlier.iter().map(|spec| match Spec::read(spec) {
            Some(spec) => Earlier::Known(Arc::new(Released::new(spec))),
            None => Earlier::Other(Arc::new(spec.clone())),
        });
        Some(Indexed { members: Arc::new(members), earlier: Arc::new(earlier.collect()), latest, index })
    }

    /// The state as JSON.
    pub(super) fn to_json(&self) -> Json<'static> {
        let earlier = self.earlier.iter().map(|earlier| match earlier {
            Earlier::Known(released) => released.spec.to_json(),
            Earlier::Other(value) => Json::clone(value),
        });
        let mut state = Object::clone(&self.members);
        let specifications = earlier.chain([self.latest.to_json()]).collect();
        state.insert("specifications".into(), Json::Array(specifications));
        state.into()
    }

    /// The canonical text of the state.
    pub(super) fn canonical(&self) -> Vec<u8> {
        let mut text = Vec::new();
        self.write_to(&mut text);
        text
    }

    /// Visits the canonical text in pieces.
    pub(super) fn pieces(&self, each: &mut dyn FnMut(Piece<'_>)) {
        let mut pieces = write::Pieces::new(each);
        self.write_to(&mut pieces);
        pieces.flush();
    }

    /// The members of the state other than its specifications, to change.
    pub(super) fn members_mut(&mut self) -> &mut Object<'static> {
        Arc::make_mut(&mut self.members)
    }
}
