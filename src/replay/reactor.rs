//! What the reference itself would answer, with an empty cache: from a keyframe where it would use one, however wrong that
//! is, and from the first operation otherwise (reactor format §6.2 to §6.9).

use std::ops::ControlFlow;

use super::compose::composed;
use super::pass::{Pass, failure, settle};
use super::resolve::head_of;
use super::stored::StoredDocument;
use super::timeline::{Keep, to_number};
use super::{Goal, Position, ReplayError, Resolved, Snapshot, Sources, Trust, View, rebuild};
use crate::model::ids::{OpIndex, Revision, Scope, Span, StreamKey};
use crate::model::operation::Action;
use crate::reducer::protocol::gc::Slot;
use crate::reducer::protocol::{Carried, Document};
use crate::store::{Order, StoreError, StreamHead};

/// Rebuilds what `resolved` points at as the reference would read it with an empty cache. The trust of `sources` does
/// not matter: the reference looks for a keyframe where a position after operation 0 is asked for, and believes the one
/// with the greatest label at or below it. What it then replays has no history but the operation at the label, so that
/// undos and skips take back more than they should (reactor format §6.9).
///
/// Without keyframes it is what [`rebuild`] answers.
///
/// # Errors
/// As [`rebuild`]; `Rejected` also where a keyframe lacks what the reference looks for in it, and `Store` with `Corrupt`
/// where it is not JSON.
pub fn as_reactor(sources: &Sources<'_>, resolved: &Resolved) -> Result<Snapshot, ReplayError> {
    let Resolved { document, branch, .. } = resolved;
    match resolved.view() {
        View::Composed(moment) => composed(sources, resolved, *moment, &read),
        View::Scoped(scope, position) => {
            let goal = Goal { document, branch, scope, position: *position };
            state_as_reactor(sources, goal)
        }
        View::Keyframe(..) => rebuild(sources, resolved),
    }
}

/// The same read of one scope, also at a position past its head.
///
/// # Errors
/// As [`as_reactor`].
pub fn state_as_reactor(sources: &Sources<'_>, goal: Goal<'_>) -> Result<Snapshot, ReplayError> {
    read(sources, goal, &sources.read.streams(goal.document)?)
}

/// One scope's read, with a header that knows of `streams` only.
fn read(sources: &Sources<'_>, goal: Goal<'_>, streams: &[StreamHead]) -> Result<Snapshot, ReplayError> {
    let sources = &Sources { trust: Trust::None, ..*sources };
    let stored = keyframe(sources, goal)?;
    settle(|keep| Pass::new(sources, goal, streams, keep).from(stored.as_ref()).run())
}

/// The same read of one scope as a running document with a stamped header, and with its histories as the reference
/// returns them: for those who go on from it, as the cache of the reference does.
///
/// # Errors
/// As [`as_reactor`].
pub fn document_as_reactor(sources: &Sources<'_>, goal: Goal<'_>) -> Result<Document, ReplayError> {
    let sources = &Sources { trust: Trust::None, ..*sources };
    let streams = &sources.read.streams(goal.document)?;
    let stored = keyframe(sources, goal)?;
    let mut pass = Pass::new(sources, goal, streams, Keep::Everything).from(stored.as_ref());
    let mut document = pass.replay().map_err(failure)?.timeline.document;
    if *goal.scope == Scope::document() {
        let first = stored.as_ref().map(StoredDocument::exact_start);
        document.carry(goal.scope.clone(), last_row(sources, goal, streams, first)?.into_iter().collect());
    }
    Ok(document)
}

/// Where the reference starts from, if not from the first operation.
fn keyframe(sources: &Sources<'_>, goal: Goal<'_>) -> Result<Option<StoredDocument>, ReplayError> {
    match goal.position {
        Position::At(Some(target)) if target.last() > OpIndex::FIRST => {
            StoredDocument::find(sources, &stream(goal), target)
        }
        _ => Ok(None),
    }
}

fn stream(goal: Goal<'_>) -> StreamKey {
    StreamKey { document: goal.document.clone(), scope: goal.scope.clone(), branch: goal.branch.clone() }
}

/// The newest row of the document scope that a read includes, at least the first one; not before that of a keyframe.
fn last_row(
    sources: &Sources<'_>,
    goal: Goal<'_>,
    streams: &[StreamHead],
    not_before: Option<f64>,
) -> Result<Option<Carried>, ReplayError> {
    let stream = stream(goal);
    let target = match goal.position {
        Position::Head => head_of(streams, goal.branch, goal.scope),
        Position::At(target) => Some(target.unwrap_or(Revision::of(OpIndex::FIRST))),
    };
    let mut found = None;
    sources.read.operations(&stream, Span::between(None, target), Order::Forward, &mut |row| {
        let skip = row.skip.map_or(0, std::num::NonZeroU32::get);
        let carried = |action: Action<'_>| Carried {
            slot: Slot { index: row.index.get(), skip, noop: action.kind == *"NOOP" },
            denied: row.denied.is_some(),
            action: Some(action.into_owned()),
        };
        let action = Action::parse(row.action).map(carried);
        found = Some(action.map_err(|error| StoreError::corrupt_action(&stream, row.index, error)));
        ControlFlow::Continue(())
    })?;
    let found = found.transpose()?;
    Ok(found.filter(|row| not_before.is_none_or(|first| to_number(OpIndex::new(row.slot.index)) >= first)))
}
