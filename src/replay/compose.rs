//! Answers: one scope's rebuild, the composed document, or a stored keyframe.

use std::collections::BTreeMap;

use super::resolve::prefix_at;
use super::walk::{Goal, part_at, state_at};
use super::{Base, Explain, Moment, Position, ReplayError, Resolved, Snapshot, Sources, View};
use crate::model::ids::{DocumentType, NextIndex, Revision, Scope, StreamKey};
use crate::model::json::{Json, Object, Text, parse};
use crate::model::state::{JsonState, State};
use crate::store::{StoreError, StreamHead};

/// Rebuilds the document that `resolved` points at.
///
/// # Errors
/// `Store`, `Model`, `Rejected`, `Fold`, `Stopped`.
pub fn rebuild(sources: &Sources<'_>, resolved: &Resolved) -> Result<Snapshot, ReplayError> {
    match resolved.view() {
        View::Composed(moment) => composed(sources, resolved, *moment, &part_at),
        View::Scoped(scope, position) => state_at(sources, goal(resolved, scope, *position)),
        View::Keyframe(scope, revision) => stored(sources, resolved, scope, *revision),
    }
}

fn goal<'a>(resolved: &'a Resolved, scope: &'a Scope, position: Position) -> Goal<'a> {
    Goal { document: resolved.document(), branch: resolved.branch(), scope, position }
}

/// Rebuilds one scope, with a header that knows of some streams only.
type PartAt<'f> = &'f dyn Fn(&Sources<'_>, Goal<'_>, &[StreamHead]) -> Result<Snapshot, ReplayError>;

/// The document composed of all its scopes, each rebuilt alone (reactor format §6.7) by `part_at`.
pub(super) fn composed(
    sources: &Sources<'_>,
    resolved: &Resolved,
    moment: Moment,
    part_at: PartAt<'_>,
) -> Result<Snapshot, ReplayError> {
    let streams = sources.read.streams(resolved.document())?;
    let streams: Vec<StreamHead> = streams.into_iter().filter(|stream| stream.branch == *resolved.branch()).collect();
    let position = |scope: &Scope| -> Result<Position, ReplayError> {
        let stream = StreamKey {
            document: resolved.document().clone(),
            scope: scope.clone(),
            branch: resolved.branch().clone(),
        };
        Ok(match moment {
            Moment::Head => Position::Head,
            Moment::Initial => Position::At(None),
            Moment::Time(time) => Position::At(prefix_at(sources.read, &stream, time)?),
        })
    };
    let document = Scope::document();
    let mut whole = part_at(sources, goal(resolved, &document, position(&document)?), &streams)?;
    let mut state = JsonState::default();
    let mut revision = BTreeMap::new();
    let mut parts: BTreeMap<Scope, Option<Json<'static>>> = BTreeMap::new();
    let shared_warnings = whole.warnings.clone();
    let spine = streams.iter().find(|stream| stream.scope == document);
    // A document that a generic model serves may do without that scope.
    if spine.is_some() {
        revision.insert(document.clone(), whole.revision.get(&document).copied().flatten());
    }
    for stream in streams.iter().filter(|stream| stream.scope != document) {
        let scope = &stream.scope;
        // What the header says of the other scopes is taken from the document scope, so that the time for one scope
        // does not grow with their number.
        let concerned: Vec<StreamHead> = spine.into_iter().chain([stream]).cloned().collect();
        let part = part_at(sources, goal(resolved, scope, position(scope)?), &concerned)?;
        revision.insert(scope.clone(), part.revision.get(scope).copied().flatten());
        for (from, member) in [("global", "name"), ("header", "meta")] {
            if *scope == *from
                && let Some(value) = part.header.get(member)
            {
                whole.header.insert(member.into(), value.clone());
            }
        }
        parts.insert(scope.clone(), part.state.scope(scope.as_str()));
        whole.explain.absorb(part.explain);
        whole.warnings.extend(part.warnings.into_iter().filter(|warning| !shared_warnings.contains(warning)));
    }
    for scope in whole.state.scopes() {
        parts.entry(scope).or_insert_with_key(|scope| whole.state.scope(scope.as_str()));
    }
    for (scope, value) in parts {
        if let Some(value) = value {
            state.set(scope, value);
        }
    }
    whole.header.insert("revision".into(), Json::Object(next_indices(&revision)));
    whole.state = State::new(state);
    whole.scope = None;
    whole.revision = revision;
    Ok(whole)
}

#[expect(clippy::cast_precision_loss, reason = "headers store indices as JSON numbers")]
fn next_indices(revision: &BTreeMap<Scope, Option<Revision>>) -> Object<'static> {
    let next = |(scope, revision): (&Scope, &Option<Revision>)| {
        (Text::from(scope.as_str()).into_owned(), Json::Number(NextIndex::from(*revision).get() as f64))
    };
    revision.iter().map(next).collect()
}

/// A stored keyframe as it is.
fn stored(
    sources: &Sources<'_>,
    resolved: &Resolved,
    scope: &Scope,
    revision: Revision,
) -> Result<Snapshot, ReplayError> {
    let stream =
        StreamKey { document: resolved.document().clone(), scope: scope.clone(), branch: resolved.branch().clone() };
    let Some(text) = sources.read.keyframe_document(&stream, revision)? else {
        return Err(ReplayError::NoKeyframe { stream, revision });
    };
    let corrupt = |reason: String| StoreError::Corrupt {
        table: "Keyframe",
        key: format!("keyframe {revision} of {stream}"),
        column: "document",
        reason,
    };
    let document = parse(&text).map_err(|error| corrupt(error.to_string()))?.into_owned();
    let member = |name: &str| match document.get(name) {
        Some(Json::Object(object)) => Ok(object.clone()),
        Some(other) => Err(corrupt(format!("member \"{name}\" is {}, not an object", other.type_name()))),
        None => Err(corrupt(format!("it has no member \"{name}\""))),
    };
    let (header, scopes) = (member("header")?, member("state")?);
    let mut state = JsonState::default();
    for (name, value) in scopes.iter() {
        let name = name.as_str().ok_or_else(|| corrupt("a scope name holds a lone surrogate".to_owned()))?;
        state.set(name.into(), value.clone());
    }
    let document_type = header.get("documentType").and_then(Json::as_text).and_then(Text::as_str).unwrap_or_default();
    Ok(Snapshot {
        document: stream.document,
        scope: Some(stream.scope.clone()),
        branch: stream.branch,
        revision: [(stream.scope, Some(revision))].into(),
        document_type: DocumentType::from(document_type),
        header,
        state: State::new(state),
        explain: Explain { base: Base::Keyframe(revision), bytes_read: text.len() as u64, ..Explain::default() },
        warnings: Vec::new(),
    })
}

impl Explain {
    /// Adds what another part of the answer took.
    fn absorb(&mut self, other: Explain) {
        if other.base != Base::Genesis {
            self.base = other.base;
        }
        self.considered.extend(other.considered);
        self.operations_read += other.operations_read;
        self.operations_applied += other.operations_applied;
        self.bytes_read += other.bytes_read;
    }
}
