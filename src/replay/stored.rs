//! Keyframes as the reference reads them: the one with the greatest label at or below a position, believed whatever it
//! says (reactor format §6.3, §6.5).

use std::ops::ControlFlow;

use super::page::{PAGE_ROWS, pages};
use super::timeline::{Halt, Keep, Timeline, rejected, thrown, version_of};
use super::upgrade::HeldUpgrade;
use super::{Base, Position, ReplayError, Sources};
use crate::model::ids::{DocumentType, NextIndex, OpIndex, Revision, Scope, Span, StreamKey};
use crate::model::json::{Json, Object, Text, canonical, parse};
use crate::model::operation::Action;
use crate::model::state::{JsonState, State};
use crate::model::time::Timestamp;
use crate::reducer::Inert;
use crate::reducer::protocol::gc::Slot;
use crate::reducer::protocol::{Carried, Document, Header, ProtocolError};
use crate::store::{Detail, Order, Part, Selection, Serial, StoreError};

/// A stored document, and where to go on from it.
pub(super) struct StoredDocument {
    header: Object<'static>,
    state: JsonState,
    initial: Option<JsonState>,
    operations: Vec<(Scope, Vec<Carried>)>,
    /// The last index of its scope that it includes; fractions and numbers below 0 occur in damaged stores.
    start: f64,
    /// The same of the document scope, if another scope is read.
    document_start: Option<f64>,
    /// Size of its body.
    pub(super) bytes: u64,
}

impl StoredDocument {
    /// The keyframe that the reference starts from to read `stream` at `target`; `None` if there is none.
    pub(super) fn find(
        sources: &Sources<'_>,
        stream: &StreamKey,
        target: Revision,
    ) -> Result<Option<Self>, ReplayError> {
        let found = match sources.read.nearest_keyframe(stream, target)? {
            Some(entry) => match u64::try_from(entry.label).map(|label| Revision::of(OpIndex::new(label))) {
                Ok(label) => sources.read.keyframe_document(stream, label)?.map(|text| (entry.label, text)),
                Err(_) => None,
            },
            None => early(sources, stream)?,
        };
        let Some((label, text)) = found else { return Ok(None) };
        let stored = Self::read(sources, stream, label, &text)?;
        Ok(Some(stored))
    }

    fn read(sources: &Sources<'_>, stream: &StreamKey, label: i64, text: &[u8]) -> Result<Self, ReplayError> {
        let document = parse(text).map_err(|error| StoreError::Corrupt {
            table: "Keyframe",
            key: format!("keyframe {label} of {stream}"),
            column: "document",
            reason: error.to_string(),
        })?;
        let document = document.into_owned();
        let id = &stream.document;
        let refused = |text| rejected(stream, None, text);
        let header = member(Some(&document), "header").map_err(refused)?;
        let last = |scope: &Scope| -> Result<f64, ReplayError> {
            let next = member(header, "revision").and_then(|revision| member(revision, scope.as_str()));
            let next = next.map_err(refused)?.and_then(Json::as_number);
            let text = || {
                format!("Corrupt keyframe for document {id} at revision {label}: header carries no {scope} revision")
            };
            Ok(next.ok_or_else(|| refused(text()))? - 1.0)
        };
        #[expect(clippy::cast_precision_loss, reason = "the reference compares doubles")]
        let start = last(&stream.scope)?.min(label as f64);
        let document_scope = Scope::document();
        let other = stream.scope != document_scope;
        let document_start = if other { Some(last(&document_scope)?) } else { None };
        let state = document.get("state");
        if other {
            // The reference looks there for the version of the model, or to note a deletion.
            member(state, "document").map_err(refused)?;
        }
        let mut operations = carried(document.get("operations"));
        if let Some(resumed) = if other { operation_at(sources, stream, start)? } else { None } {
            match operations.iter_mut().find(|(scope, _)| *scope == stream.scope) {
                Some((_, held)) => *held = vec![resumed],
                None => operations.push((stream.scope.clone(), vec![resumed])),
            }
        }
        Ok(StoredDocument {
            header: header.and_then(Json::as_object).cloned().unwrap_or_default(),
            state: scopes(state),
            initial: document.get("initialState").map(|initial| scopes(Some(initial))),
            operations,
            start,
            document_start,
            bytes: text.len() as u64,
        })
    }

    /// The last revision that is part of it; `None` if it is from before operation 0.
    pub(super) fn start(&self) -> Option<Revision> {
        floor(self.start).map(|index| Revision::of(OpIndex::new(index)))
    }

    /// The same as it is stored.
    pub(super) fn exact_start(&self) -> f64 {
        self.start
    }

    /// What an explanation says of it.
    pub(super) fn base(&self) -> Base {
        self.start().map_or(Base::EarlyKeyframe, Base::Keyframe)
    }

    fn open(&self) -> Result<(DocumentType, Document), ProtocolError> {
        let document_type = self.header.get("documentType").and_then(Json::as_text).and_then(Text::as_str);
        let document = Document::reopen(
            Header::stored(&self.header),
            self.initial.clone().map(State::new).as_ref(),
            Box::new(Inert::new(self.state.clone())),
        )?;
        Ok((DocumentType::from(document_type.unwrap_or("undefined")), document))
    }
}

impl Timeline {
    /// A document that goes on from a keyframe. Of what its document scope holds after it, only upgrades that change the
    /// version and deletions count.
    pub(super) fn resume(
        sources: &Sources<'_>,
        stream: &StreamKey,
        position: Position,
        keep: Keep,
        stored: &StoredDocument,
    ) -> Result<Self, Halt> {
        let (document_type, document) = stored.open().map_err(|error| thrown(stream, None, error))?;
        let mut timeline = Timeline::start(sources, stream, document, document_type, keep);
        // No version: the model is looked for with the first row that needs one.
        (timeline.created, timeline.version) = (true, 0);
        for (scope, operations) in &stored.operations {
            timeline.document.carry(scope.clone(), operations.clone());
        }
        let from = floor(stored.document_start.unwrap_or(stored.start)).map_or(0, |index| index + 1);
        let span = Span { from: NextIndex::new(from), through: None };
        pages::<Halt>(sources, stream, span, PAGE_ROWS, &mut |page| {
            let included = page.heads().iter().take_while(|head| position.includes(head.index)).count();
            let (actions, parsed) = page.first_actions(stream, included);
            for ((head, action), &time) in page.heads().iter().zip(&actions).zip(page.times()) {
                if !(head.denied || head.failed) {
                    timeline.later_row(sources, head.index, action, time)?;
                }
            }
            timeline.rows += actions.len() as u64;
            timeline.bytes += page.bytes();
            parsed?;
            let more = included == page.heads().len();
            Ok(if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        timeline.first_version = if let Some(upgrade) = timeline.held.first() {
            upgrade.from
        } else {
            let state = timeline.document.state().map_err(|error| thrown(stream, None, error))?;
            if stored.document_start.is_some() {
                let version = member(state.scope("document").as_ref(), "version").map(drop);
                version.map_err(|text| rejected(stream, None, text))?;
            }
            version_of(&state)
        };
        Ok(timeline)
    }

    fn later_row(
        &mut self,
        sources: &Sources<'_>,
        index: OpIndex,
        action: &Action<'_>,
        time: Timestamp,
    ) -> Result<(), Halt> {
        match action.kind.as_bytes() {
            b"UPGRADE_DOCUMENT" => {
                let upgrade = HeldUpgrade::read(sources, &self.stream, &self.document_type, (index, time), action)?;
                self.held.extend(upgrade);
                Ok(())
            }
            b"DELETE_DOCUMENT" => self.delete(index, action, time),
            _ => Ok(()),
        }
    }
}

/// The keyframe with the greatest label below 0. Only damaged stores have one.
fn early(sources: &Sources<'_>, stream: &StreamKey) -> Result<Option<(i64, Vec<u8>)>, ReplayError> {
    let mut label: Option<i64> = None;
    sources.read.keyframes(&stream.document, Detail::Label, &mut |entry| {
        if entry.stream == *stream && entry.label < 0 {
            label = label.max(Some(entry.label));
        }
        ControlFlow::Continue(())
    })?;
    let Some(label) = label else { return Ok(None) };
    let part = Part {
        document: stream.document.clone(),
        scope: Some(stream.scope.clone()),
        branch: Some(stream.branch.clone()),
        span: Span { from: NextIndex::default(), through: Some(OpIndex::FIRST) },
    };
    let selection = Selection { parts: vec![part], document_type: None };
    let mut found = None;
    sources.read.inserted_keyframes(&selection, Serial::START, &mut |keyframe| {
        if keyframe.label != label {
            return ControlFlow::Continue(());
        }
        found = Some((label, keyframe.document.as_bytes().to_vec()));
        ControlFlow::Break(())
    })?;
    Ok(found)
}

/// The row at an index, if there is one at just that.
fn operation_at(sources: &Sources<'_>, stream: &StreamKey, index: f64) -> Result<Option<Carried>, ReplayError> {
    let Some(index) = floor(index).filter(|_| index.fract() == 0.0).map(OpIndex::new) else { return Ok(None) };
    let mut found = None;
    let span = Span { from: NextIndex::new(index.get()), through: Some(index) };
    sources.read.operations(stream, span, Order::Forward, &mut |row| {
        let skip = row.skip.map_or(0, std::num::NonZeroU32::get);
        found = Some(Action::parse(row.action).map(|action| Carried {
            slot: Slot { index: index.get(), skip, noop: action.kind == *"NOOP" },
            denied: row.denied.is_some(),
            action: Some(action.into_owned()),
        }));
        ControlFlow::Break(())
    })?;
    found.transpose().map_err(|error| StoreError::corrupt_action(stream, index, error).into())
}

/// The operations that a document of a release before 6.0 was stored with.
fn carried(operations: Option<&Json<'_>>) -> Vec<(Scope, Vec<Carried>)> {
    let scopes = operations.and_then(Json::as_object).into_iter().flat_map(Object::iter);
    let list = |(scope, list): (&Text<'_>, &Json<'_>)| {
        let operations = list.as_array()?.iter().map(|operation| {
            let number = |name| operation.get(name).and_then(Json::as_number);
            let action =
                operation.get("action").and_then(|action| Action::parse(&canonical(action)).ok()?.into_owned().into());
            let index = number("index").and_then(floor).unwrap_or_default();
            let skip = number("skip").and_then(floor).and_then(|skip| skip.try_into().ok()).unwrap_or_default();
            let denied = operation.get("deniedReason").is_some_and(|reason| !reason.is_falsy());
            let noop = action.as_ref().is_some_and(|action: &Action<'_>| action.kind == *"NOOP");
            Carried { slot: Slot { index, skip, noop }, denied, action }
        });
        Some((Scope::from(scope.as_str()?), operations.collect()))
    };
    scopes.filter_map(list).collect()
}

/// A member of a value, or the text with which JavaScript refuses to look for it.
fn member<'a>(value: Option<&'a Json<'static>>, name: &str) -> Result<Option<&'a Json<'static>>, String> {
    let nothing = match value {
        None => "undefined",
        Some(Json::Null) => "null",
        Some(value) => return Ok(value.get(name)),
    };
    Err(format!("Cannot read properties of {nothing} (reading '{name}')"))
}

/// A state as it is stored, scope by scope.
fn scopes(state: Option<&Json<'static>>) -> JsonState {
    let mut scopes = JsonState::default();
    for (scope, value) in state.and_then(Json::as_object).into_iter().flat_map(Object::iter) {
        if let Some(scope) = scope.as_str() {
            scopes.set(scope.into(), value.clone());
        }
    }
    scopes
}

/// The greatest index at or below a number; `None` below 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast saturates, and no log is that long"
)]
fn floor(number: f64) -> Option<u64> {
    (number >= 0.0).then_some(number as u64)
}
