//! What a document was before its operations: the state that undos go back to, and that files keep.

use super::origin::Origin;
use super::pass::failure;
use super::timeline::{Halt, Keep, Timeline};
use super::{Position, ReplayError, Sources};
use crate::model::ids::{Branch, DocumentId, Scope, StreamKey};
use crate::model::state::{JsonState, State};

/// A document before the operations of its scopes.
#[derive(Clone, Debug)]
pub struct Initial {
    /// The state, all scopes of it, as the document's upgrades have left it.
    pub state: State,
    /// Whether an operation created the document; those that generic models serve may do without.
    pub created: bool,
}

/// The initial state of a document at the head of its document scope (`initialState` in reactor format §1.4).
///
/// # Errors
/// `Store`, `Model`, `Rejected`, `Fold`, `Stopped`.
pub fn initial(sources: &Sources<'_>, document: &DocumentId, branch: &Branch) -> Result<Initial, ReplayError> {
    let streams = sources.read.streams(document)?;
    let spine = StreamKey { document: document.clone(), scope: Scope::document(), branch: branch.clone() };
    let of = |scope: &Scope| -> Result<Initial, Halt> {
        let origin = Origin { scope, streams: &streams };
        let mut timeline = Timeline::read(sources, &spine, Position::Head, Keep::History, origin, None)?;
        timeline.finish(scope, Position::Head)?;
        Ok(Initial { state: timeline.document.initial().clone(), created: timeline.created })
    };
    let whole = of(&spine.scope).map_err(failure)?;
    if whole.created {
        return Ok(whole);
    }
    // A document that nothing created has a scope as soon as something happens in it.
    let mut state = JsonState::from(&whole.state);
    for stream in streams.iter().filter(|stream| stream.branch == *branch) {
        let scope = &stream.scope;
        if state.get(scope.as_str()).is_none()
            && let Some(value) = of(scope).map_err(failure)?.state.scope(scope.as_str())
        {
            state.set(scope.clone(), value);
        }
    }
    Ok(Initial { state: State::new(state), created: false })
}
