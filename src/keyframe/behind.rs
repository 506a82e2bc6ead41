//! Keyframes that are written behind the operations, of states that are at hand.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::body::Bodies;
use super::make::Made;
use super::rule::Rule;
use super::write::{Change, Different, Filling, Task, Writer};
use crate::cache::Entry;
use crate::model::checksum::Checksum;
use crate::model::ids::{NextIndex, OperationId, Revision, Span, StreamKey};
use crate::model::prefix::Prefix;
use crate::model::time::Timestamp;
use crate::queue::{Item, Sink, SinkError};
use crate::reducer::Registry;
use crate::replay::{Landing, Position, Trust, stamped_header};
use crate::store::history::RunId;
use crate::store::records::Proof;
use crate::store::{Order, Read, Store, StoreError, answer};

/// A state that is to become a keyframe.
#[derive(Clone, Debug)]
pub struct Due {
    /// The state, which has a revision.
    pub entry: Arc<Entry>,
    /// Whether the keyframe is to stay when a newer one of its stream is there.
    pub stays: bool,
}

impl Item for Due {
    type Group = StreamKey;

    fn group(&self) -> &StreamKey {
        &self.entry.facts.stream
    }

    fn supersedes(&self, earlier: &Self) -> bool {
        !earlier.stays
    }
}

/// Writes keyframes of states that are at hand, without replaying anything: what it reads are the rows since the last
/// keyframe of the stream, for the seal. All that it writes is one run of the history.
pub struct KeyframeSink {
    store: Arc<dyn Store>,
    /// What the history says was done.
    command: String,
    clock: fn() -> Timestamp,
    run: Option<RunId>,
    /// Nothing is replayed, so there are no models.
    registry: Registry,
}

impl KeyframeSink {
    /// A sink that has written nothing yet.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, command: String, clock: fn() -> Timestamp) -> Self {
        KeyframeSink { store, command, clock, run: None, registry: Registry::default() }
    }

    fn with_writer(&mut self, work: impl FnOnce(&Writer<'_>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let task = Task {
            store: &*self.store,
            registry: &self.registry,
            trust: Trust::None,
            rule: Rule::At(Vec::new()),
            different: Different::Leave,
            codec: None,
            change: Change::Make,
            command: self.command.clone(),
            clock: &self.clock,
        };
        let writer = Writer::of_run(&task, self.run);
        let result = work(&writer);
        self.run = writer.run();
        result
    }
}

/// Keyframes that are ready to be written.
pub struct Ready(Vec<Made>);

impl KeyframeSink {
    /// Makes keyframes, which takes a look into the store and changes nothing.
    ///
    /// # Errors
    /// When the store cannot be read, or its log is not the one that a state was made of.
    pub fn make(&self, batch: &[Arc<Due>]) -> Result<Ready, SinkError> {
        let made = answer(&*self.store, |read| {
            batch.iter().map(|due| made(read, &due.entry)).collect::<Result<Vec<Made>, StoreError>>()
        });
        made.map(Ready).map_err(sorted)
    }

    /// Writes keyframes.
    ///
    /// # Errors
    /// When the store cannot be changed.
    pub fn put(&mut self, Ready(made): &Ready) -> Result<(), SinkError> {
        self.with_writer(|writer| writer.put(made, &mut Filling::default())).map_err(sorted)
    }

    /// Whether [`KeyframeSink::make`] keeps nobody waiting who writes.
    #[must_use]
    pub fn makes_beside_writers(&self) -> bool {
        self.store.reads_beside_writers()
    }
}

impl Sink<Due> for KeyframeSink {
    fn write(&mut self, batch: &[Arc<Due>]) -> Result<(), SinkError> {
        let ready = self.make(batch)?;
        self.put(&ready)
    }
}

impl Drop for KeyframeSink {
    fn drop(&mut self) {
        // That the run has ended is for the eye; a run without an end is one that was killed.
        let _ = self.with_writer(finish);
    }
}

/// Says in the history that all is written.
fn finish(writer: &Writer<'_>) -> Result<(), StoreError> {
    writer.finish()
}

/// Whether trying again may help.
fn sorted(error: StoreError) -> SinkError {
    match error {
        StoreError::Busy { .. } | StoreError::Moved { .. } | StoreError::Unavailable { .. } => {
            SinkError::passing(error)
        }
        error => SinkError::permanent(error),
    }
}

/// The keyframe of a state, and what proves that it is one.
fn made(read: &dyn Read, entry: &Entry) -> Result<Made, StoreError> {
    let facts = &entry.facts;
    let stream = &facts.stream;
    let gone = |reason: &str| StoreError::Corrupt {
        table: "Operation",
        key: format!(
            "operation {} of {stream}",
            facts.revision.map_or_else(String::new, |revision| revision.to_string())
        ),
        column: "opId",
        reason: reason.to_owned(),
    };
    let (Some(revision), Some(operation)) = (facts.revision, &facts.operation) else {
        return Err(gone("a state before operation 0 is no keyframe"));
    };
    let (Prefix { seal, newest }, last) = prefix(read, stream, revision)?;
    if last.as_ref() != Some(operation) {
        return Err(gone("the operation that the state was made with is not there any more"));
    }
    let landing = Landing {
        document_type: facts.document_type.clone(),
        header: stamped_header(entry, Position::At(Some(revision))),
        state: entry.state.clone(),
        initial: entry.initial.clone(),
    };
    let (body, state_hash) = Bodies::new(&stream.scope).write(&landing);
    Ok(Made {
        stream: stream.clone(),
        revision,
        document_type: landing.document_type,
        checksum: Checksum::of(&body),
        body,
        fingerprint: facts.fingerprint.clone(),
        proof: Proof { operation_id: operation.clone(), seal, newest, state_hash },
    })
}

/// What the rows of a stream up to a revision come to, and the id of the operation there. Goes on from the newest record that
/// the log does not contradict.
fn prefix(
    read: &dyn Read,
    stream: &StreamKey,
    revision: Revision,
) -> Result<(Prefix, Option<OperationId>), StoreError> {
    let known = match read.records().newest_sound(stream, revision) {
        Err(StoreError::Unsupported { .. } | StoreError::Corrupt { .. }) => None,
        known => known?,
    };
    let known = known.and_then(|record| Some((record.revision, record.proof()?.clone())));
    if let Some((from, Proof { operation_id, seal, newest: newest @ Some(_), .. })) = known {
        let at = Span { from: NextIndex::new(from.get()), through: Some(from.last()) };
        let (_, found) = rows(read, stream, at, Prefix::EMPTY)?;
        if found.as_ref() == Some(&operation_id) {
            let rest = Span::between(Some(from), Some(revision));
            let (prefix, last) = rows(read, stream, rest, Prefix { seal, newest })?;
            return Ok((prefix, last.or(found)));
        }
    }
    rows(read, stream, Span::between(None, Some(revision)), Prefix::EMPTY)
}

/// Adds the rows of a span, and gives the id of the last one.
fn rows(
    read: &dyn Read,
    stream: &StreamKey,
    span: Span,
    mut prefix: Prefix,
) -> Result<(Prefix, Option<OperationId>), StoreError> {
    let mut last = None;
    read.operations(stream, span, Order::Forward, &mut |row| {
        prefix = prefix.then(row);
        if Some(row.index) == span.through {
            last = Some(row.id.into());
        }
        ControlFlow::Continue(())
    })?;
    Ok((prefix, last))
}
