//! What a plan has to know of a document beside what the inventory shows, looked up when it is asked for.

use std::collections::HashMap;
use std::ops::ControlFlow;

use crate::keyframe::policy::Soundness;
use crate::model::ids::{Branch, DocumentId, Fingerprint, NextIndex, OpIndex, Revision, Scope, Span, StreamKey};
use crate::model::json::Json;
use crate::model::operation::Action;
use crate::model::time::Timestamp;
use crate::replay::{Lineage, ReplayError, Sources};
use crate::store::{Detail, Order, Read, StoreError, StreamHead};

/// A document.
pub(super) struct Facts {
    pub(super) document: DocumentId,
    streams: Vec<StreamHead>,
    created: Option<HashMap<(Branch, Scope, i64), Timestamp>>,
    lineage: Option<(Branch, Option<Lineage>)>,
}

impl Facts {
    pub(super) fn of(read: &dyn Read, document: &DocumentId) -> Result<Self, StoreError> {
        let streams = read.streams(document)?;
        Ok(Facts { document: document.clone(), streams, created: None, lineage: None })
    }

    pub(super) fn head(&self, stream: &StreamKey) -> Option<Revision> {
        let is_meant = |head: &&StreamHead| head.scope == stream.scope && head.branch == stream.branch;
        self.streams.iter().find(is_meant).map(|head| head.head)
    }

    /// When a keyframe was first written, as its row says. Passes over the bodies of the document's keyframes, once.
    pub(super) fn created(
        &mut self,
        read: &dyn Read,
        stream: &StreamKey,
        label: i64,
    ) -> Result<Option<Timestamp>, StoreError> {
        if self.created.is_none() {
            let mut created = HashMap::new();
            read.keyframes(&self.document, Detail::Created, &mut |entry| {
                if let Some(time) = entry.created {
                    let StreamKey { branch, scope, .. } = &entry.stream;
                    created.insert((branch.clone(), scope.clone(), entry.label), time);
                }
                ControlFlow::Continue(())
            })?;
            self.created = Some(created);
        }
        let key = (stream.branch.clone(), stream.scope.clone(), label);
        Ok(self.created.as_ref().and_then(|created| created.get(&key)).copied())
    }

    /// Whether a keyframe that was found right depends on models that are others now. Where nobody can say, it is sound.
    pub(super) fn soundness(
        &mut self,
        sources: &Sources<'_>,
        stream: &StreamKey,
        revision: Revision,
        recorded: &Fingerprint,
    ) -> Result<Soundness, ReplayError> {
        if self.lineage.as_ref().is_none_or(|(branch, _)| *branch != stream.branch) {
            let lineage = match Lineage::read(sources, &self.document, &stream.branch) {
                Ok(lineage) => Some(lineage),
                Err(error @ (ReplayError::Store(_) | ReplayError::Stopped(_))) => return Err(error),
                Err(_) => None,
            };
            self.lineage = Some((stream.branch.clone(), lineage));
        }
        let Some((_, Some(lineage))) = &self.lineage else { return Ok(Soundness::Sound) };
        let mut time = Timestamp::from_millis(0);
        if !lineage.is_single() {
            time = row_time(sources.read, stream, revision)?;
        }
        let now = time.and_then(|time| lineage.fingerprint(sources.registry, &stream.scope, revision.last(), time));
        Ok(if now.is_some_and(|now| now != *recorded) { Soundness::Stale } else { Soundness::Sound })
    }
}

fn row_time(read: &dyn Read, stream: &StreamKey, revision: Revision) -> Result<Option<Timestamp>, StoreError> {
    let mut time = None;
    let span = Span { from: NextIndex::new(revision.get()), through: Some(revision.last()) };
    read.operations(stream, span, Order::Forward, &mut |row| {
        time = Some(row.timestamp);
        ControlFlow::Break(())
    })?;
    Ok(time)
}

/// The first operation of a stream after each upgrade that changes the version of the model, ascending: where the upgrade
/// says how far the scope was, that one, and else the first that is not older (reactor format §5.2). In scope `document`
/// it is the upgrade itself. An action that is none is no upgrade.
pub(super) fn upgrades(read: &dyn Read, stream: &StreamKey) -> Result<Vec<OpIndex>, StoreError> {
    let spine = StreamKey { scope: Scope::document(), ..stream.clone() };
    let mut found = Vec::new();
    read.operations(&spine, Span::ALL, Order::Forward, &mut |row| {
        let Ok(action) = Action::parse(row.action) else { return ControlFlow::Continue(()) };
        let version = |name| action.input.get(name).and_then(Json::as_number).unwrap_or(f64::NAN);
        let (from, to) = (version("fromVersion"), version("toVersion"));
        if action.kind == *"UPGRADE_DOCUMENT" && 0.0 < from && from < to {
            let said = action.input.get("revision").filter(|revision| !revision.is_falsy());
            let said = said.map(|said| said.get(stream.scope.as_str()).and_then(Json::as_number).unwrap_or(0.0));
            found.push((row.index, row.timestamp, said));
        }
        ControlFlow::Continue(())
    })?;
    let mut firsts = Vec::new();
    for (index, time, said) in found {
        let first = match said {
            _ if stream.scope == spine.scope => Some(index),
            Some(said) => NextIndex::from_number(said).map(NextIndex::index),
            None => first_since(read, stream, time)?,
        };
        firsts.extend(first);
    }
    firsts.sort_unstable();
    firsts.dedup();
    Ok(firsts)
}

/// The first operation that is not older than `time`.
fn first_since(read: &dyn Read, stream: &StreamKey, time: Timestamp) -> Result<Option<OpIndex>, StoreError> {
    let mut first = None;
    read.operations(stream, Span::ALL, Order::Forward, &mut |row| {
        if row.timestamp < time {
            return ControlFlow::Continue(());
        }
        first = Some(row.index);
        ControlFlow::Break(())
    })?;
    Ok(first)
}
