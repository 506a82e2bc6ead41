//! The state of one scope.

use std::sync::Arc;

use super::indexed::Indexed;
use super::loose::Loose;
use super::rules::{self, Rule};
use super::{actions, header};
use crate::model::ids::Scope;
use crate::model::json::{Json, canonical};
use crate::model::operation::Action;
use crate::model::state::Piece;
use crate::reducer::coerce::Checked;
use crate::reducer::native::engine::Failure;
use crate::reducer::native::scopes::Form;

/// The state of one scope.
#[derive(Clone)]
pub(super) enum ModelState {
    /// A global state that fits.
    Indexed(Arc<Indexed>),
    /// Anything else; the usual form of the other scopes.
    Json(Arc<Json<'static>>),
}

impl ModelState {
    /// Applies a rule to the global state; `None` is `undefined`.
    ///
    /// # Errors
    /// The text that the operation records.
    #[expect(clippy::needless_pass_by_value, reason = "a borrow that may be absent")]
    pub(super) fn apply(state: Option<&mut Self>, rule: Rule, input: &Json<'_>) -> Checked<()> {
        let state = match state {
            Some(ModelState::Indexed(state)) => return apply_indexed(Arc::make_mut(state), rule, input),
            Some(ModelState::Json(state)) => Some(state),
            None => None,
        };
        match rule {
            Rule::SetModel(member) => match state.map(Arc::make_mut) {
                Some(Json::Object(state)) => {
                    header::set_model(state, member, input);
                    Ok(())
                }
                state => header::refuse_model(state, member),
            },
            Rule::SetAuthor(field) => match state.map(Arc::make_mut) {
                Some(Json::Object(state)) => header::set_author(state, field, input),
                state => header::refuse_author(state),
            },
            rule => rules::apply(&mut Loose(state), rule, input),
        }
    }
}

fn apply_indexed(state: &mut Indexed, rule: Rule, input: &Json<'_>) -> Checked<()> {
    match rule {
        Rule::SetModel(member) => {
            header::set_model(state.members_mut(), member, input);
            Ok(())
        }
        Rule::SetAuthor(field) => header::set_author(state.members_mut(), field, input),
        rule => rules::apply(state, rule, input),
    }
}

impl Form for ModelState {
    /// All actions work on the global state, whatever their scope.
    fn scope_of<'a>(_: &'a Action<'_>) -> Option<&'a str> {
        Some("global")
    }

    fn reduce(state: Option<&mut Self>, action: &Action<'_>) -> Result<(), Failure> {
        actions::apply(action.kind.as_bytes(), &action.input, state)
    }

    fn read(scope: &Scope, state: Json<'static>) -> Self {
        let indexed = if *scope == *"global" { Indexed::read(&state) } else { None };
        match indexed {
            Some(state) => ModelState::Indexed(Arc::new(state)),
            None => ModelState::Json(Arc::new(state)),
        }
    }

    fn to_json(&self) -> Json<'static> {
        match self {
            ModelState::Indexed(state) => state.to_json(),
            ModelState::Json(state) => Json::clone(state),
        }
    }

    fn canonical(&self) -> Vec<u8> {
        match self {
            ModelState::Indexed(state) => state.canonical(),
            ModelState::Json(state) => canonical(state),
        }
    }

    fn heap_bytes(&self) -> usize {
        /// Objects of short texts: each has some dozens of bytes around it.
        const BYTES_A_BYTE: usize = 4;
        match self {
            ModelState::Indexed(state) => BYTES_A_BYTE * state.canonical().len(),
            ModelState::Json(state) => state.heap_bytes(),
        }
    }

    fn pieces(&self, each: &mut dyn FnMut(Piece<'_>)) {
        match self {
            ModelState::Indexed(state) => state.pieces(each),
            ModelState::Json(state) => each(Piece::Text(&canonical(state))),
        }
    }
}
