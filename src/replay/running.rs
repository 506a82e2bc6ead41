//! A document that goes on from an entry of a tier, or from the log.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use smallvec::SmallVec;

use super::again::Again;
use super::models::Models;
use super::page::{PAGE_ROWS, pages};
use super::pass::{Pass, failure};
use super::timeline::{Halt, Keep, thrown, version_of};
use super::{Goal, Rejection, ReplayError, Sources};
use crate::cache::{Cost, Entry, Facts, Head};
use crate::model::ids::{DocumentType, OperationId, Revision, Span, StreamKey};
use crate::model::json::Object;
use crate::model::operation::Action;
use crate::model::state::State;
use crate::model::time::Timestamp;
use crate::reducer::protocol::{Document, Header, ProtocolError, RowHead, Schedule, Undone, Version};
use crate::reducer::{ModelId, Outcome, Registry};
use crate::store::StreamHead;

/// A document that operations of one of its streams are still to be applied to. The stream is not `document`.
///
/// One that was resumed from an entry has no history: it knows nothing of what an operation that looks back would have to
/// know, and says so when it meets one ([`Next::LooksBack`]). One that was read from the log has all of it.
pub struct Running {
    stream: StreamKey,
    document_type: DocumentType,
    versions: SmallVec<[u32; 4]>,
    document: Document,
    newest: Option<Timestamp>,
    cost: Cost,
}

/// What became of an operation that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It was applied, or failed with a text that it records.
    Done(Outcome),
    /// It looks back on a history that is not there. The document is of no further use.
    LooksBack,
    /// The reference throws here, with this text: nothing is recorded. The document is of no further use.
    Refused(String),
}

/// Where in its stream a document is, and what else an entry says of that.
#[derive(Clone, Debug)]
pub struct EntryPlace {
    /// The last operation that was applied.
    pub revision: Revision,
    /// Its id.
    pub operation: OperationId,
    /// The heads of the streams of the branch, by scope.
    pub heads: Vec<Head>,
    /// The newest of the times of the operations that were applied.
    pub newest: Option<Timestamp>,
    /// What applying them took.
    pub cost: Cost,
}

/// What a replay of rows came to.
pub(super) struct Replayed {
    /// How many there were.
    pub(super) rows: u64,
    /// Bytes of their actions.
    pub(super) bytes: u64,
    /// The newest of their times.
    pub(super) newest: Option<Timestamp>,
}

impl Running {
    /// Goes on from an entry, which costs next to nothing where its state has the form of its model.
    ///
    /// # Errors
    /// `Model`, `Fold`.
    pub fn resume(registry: &Registry, entry: &Entry) -> Result<Self, ReplayError> {
        let stream = &entry.facts.stream;
        let document_type = &entry.facts.document_type;
        let version = version_of(&entry.state);
        let mut fold = registry.model(&ModelId { document_type: document_type.clone(), version })?.fold()?;
        fold.restore(&entry.state)?;
        let header = Header::unstamped(entry.header.clone());
        let mut document = Document::resumed(header, fold, entry.initial.clone());
        document.assume(registry.base_reducer());
        document.set_schedule(Schedule::plain());
        document.set_stream(&stream.scope);
        let Facts { stream, document_type, versions, newest, cost, .. } = entry.facts.clone();
        Ok(Running { stream, document_type, versions, document, newest, cost })
    }

    /// Reads the whole log of the stream, and keeps all of its history: what an undo or a skip needs. `None` where an
    /// upgrade is to come, so that there is no going on with operations of the stream alone.
    ///
    /// # Errors
    /// `Store`, `Model`, `Rejected`, `Fold`, `Stopped`.
    pub fn read(sources: &Sources<'_>, goal: Goal<'_>, streams: &[StreamHead]) -> Result<Option<Self>, ReplayError> {
        let Goal { document, branch, scope, .. } = goal;
        let stream = StreamKey { document: document.clone(), scope: scope.clone(), branch: branch.clone() };
        let begun = Instant::now();
        let (timeline, newest) = Pass::new(sources, goal, streams, Keep::Everything).replay_only().map_err(failure)?;
        if timeline.first_held().is_some() {
            return Ok(None);
        }
        let versions = timeline.all_versions();
        let (document_type, mut document) = (timeline.document_type, timeline.document);
        document.set_schedule(Schedule::unknown());
        let cost = Cost { operations: document.applied(), elapsed: begun.elapsed() };
        Ok(Some(Running { stream, document_type, versions, document, newest, cost }))
    }

    /// The document type.
    #[must_use]
    pub fn document_type(&self) -> &DocumentType {
        &self.document_type
    }

    /// The newest operation time of the branch, as far as it is known.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// An entry of the document as it is now.
    ///
    /// # Errors
    /// `Model`, `Fold`.
    pub fn entry(&mut self, registry: &Registry, place: EntryPlace) -> Result<Entry, ReplayError> {
        let EntryPlace { revision, operation, heads, newest, cost } = place;
        let fingerprint = Models::new(registry, &self.document_type, self.versions.iter().copied()).fingerprint()?;
        let facts = Facts {
            stream: self.stream.clone(),
            revision: Some(revision),
            operation: Some(operation),
            document_type: self.document_type.clone(),
            versions: self.versions.clone(),
            fingerprint,
            heads,
            newest: self.newest.max(newest),
            seal: None,
            cost: self.cost.and(cost),
        };
        let state = self.state()?;
        Ok(Entry { facts, header: self.header().clone(), state, initial: self.document.initial().clone() })
    }

    /// Applies an operation that is not in the log, as the next of the stream.
    ///
    /// # Errors
    /// `Fold`, `Stopped`; `Store` if an operation of the log was needed again.
    pub fn apply(&mut self, sources: &Sources<'_>, head: RowHead, action: &Action<'_>) -> Result<Next, ReplayError> {
        let mut source = Again { sources, stream: &self.stream };
        let applied = self.document.replay(&[head], std::slice::from_ref(action), &mut source);
        match applied.map_err(|error| self.halted(head, error)) {
            Ok(()) => Ok(Next::Done(self.document.outcomes().first().cloned().unwrap_or(Outcome::Applied))),
            Err(Halt::LooksBack) => Ok(Next::LooksBack),
            Err(Halt::Failed(ReplayError::Rejected { message, .. })) => Ok(Next::Refused(message)),
            Err(halt) => Err(failure(halt)),
        }
    }

    /// What an undo of the last operation of the stream is stored as (reactor format §4.5, §4.6). Only a document that was
    /// read from the log knows.
    ///
    /// # Errors
    /// The text with which the reference refuses.
    pub fn undo(&self, action: &Action<'_>) -> Result<Undone, String> {
        self.document.undo(&self.stream.scope, action).map_err(|error| error.to_string())
    }

    /// Whether an undo takes back one operation, and not positions: that of the second version of the protocol does, and
    /// records no hash (reactor format §4.6).
    #[must_use]
    pub fn takes_back_by_count(&self) -> bool {
        self.document.version().is_ok_and(|version| version == Version::V2)
    }

    /// The state, all scopes of it.
    ///
    /// # Errors
    /// `Fold`.
    pub fn state(&mut self) -> Result<State, ReplayError> {
        self.document.state().map_err(|error| failure(thrown(&self.stream, None, error)))
    }

    /// The state that undos go back to.
    #[must_use]
    pub fn initial(&self) -> &State {
        self.document.initial()
    }

    /// The members of the header, but for `revision` and `lastModifiedAtUtcIso`.
    #[must_use]
    pub fn header(&self) -> &Arc<Object<'static>> {
        self.document.header().members()
    }

    /// Replays the rows of the log after `base` up to `target`.
    pub(super) fn catch_up(
        &mut self,
        sources: &Sources<'_>,
        base: Option<Revision>,
        target: Option<Revision>,
    ) -> Result<Replayed, Halt> {
        let mut replayed = Replayed { rows: 0, bytes: 0, newest: None };
        let stream = self.stream.clone();
        let span = Span::between(base, target);
        let mut expected = span.from;
        pages::<Halt>(sources, &stream, span, PAGE_ROWS, &mut |page| {
            let (actions, parsed) = page.actions(&stream);
            let heads = &page.heads()[..actions.len()];
            if heads.iter().any(|head| std::mem::replace(&mut expected, head.index.next()).index() != head.index) {
                // Of a gap a replay from the log tells more.
                return Err(Halt::LooksBack);
            }
            let mut source = Again { sources, stream: &stream };
            if let Err(error) = self.document.replay(heads, &actions, &mut source) {
                return Err(self.halted(heads[self.document.outcomes().len()], error));
            }
            replayed.rows += heads.len() as u64;
            replayed.bytes += page.bytes();
            replayed.newest = replayed.newest.max(page.times().iter().max().copied());
            parsed?;
            Ok(ControlFlow::Continue(()))
        })?;
        if target.is_some_and(|target| expected.index() <= target.last()) {
            return Err(Halt::LooksBack);
        }
        Ok(replayed)
    }

    fn halted(&self, head: RowHead, error: ProtocolError) -> Halt {
        thrown(&self.stream, Some(head.index), error).blame(Rejection::Other)
    }
}
