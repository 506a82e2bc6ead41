//! A store in memory: the reference implementation of the contract.
//!
//! The tables are persistent maps. A transaction holds the maps as they were when it began; a write transaction
//! changes its own and puts them in place at commit.

mod history;
mod own;
mod read;
mod write;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use imbl::{HashSet, OrdMap};

use own::Own;

use super::{Capabilities, Codec, Detail, Fact, KeyframeEntry, NewOperation, Options, Read, Store, StoreError, Write};
use crate::model::ids::{DocumentId, DocumentType, OpIndex, OperationId, Revision, Skip, Span, StreamKey};
use crate::model::operation::OperationRow;
use crate::model::time::Timestamp;

/// A store that is gone when it is dropped.
pub struct MemoryStore {
    about: About,
    tables: Mutex<Tables>,
    writer: Mutex<Writer>,
    writer_left: Condvar,
    busy_timeout: Duration,
}

/// What a store in memory says of itself, beside what its rows say.
pub(super) struct About {
    /// Names the content that it starts with, for stamps.
    pub(super) name: String,
    /// Of where its rows are from.
    pub(super) size_bytes: u64,
    /// As [`super::StoreInfo::details`].
    pub(super) details: Vec<(&'static str, Fact)>,
}

/// What a store in memory can do.
pub const CAPABILITIES: Capabilities =
    Capabilities { append: true, keyframes: true, follow: true, transactional: true, durable: false };

/// Whether somebody is writing.
#[derive(PartialEq, Eq)]
enum Writer {
    Absent,
    Present,
}

#[derive(Clone, Default)]
struct Tables {
    operations: OrdMap<StreamKey, OrdMap<OpIndex, Arc<Row>>>,
    keyframes: OrdMap<StreamKey, OrdMap<Revision, Arc<Body>>>,
    own: Own,
    /// The second unique key of the reference's table (reactor format §2.1).
    instances: HashSet<(OperationId, OpIndex, Skip)>,
    /// Rows inserted so far.
    sequence: i64,
    /// Names the content.
    generation: u64,
}

struct Row {
    /// Order of insertion.
    sequence: i64,
    written: Timestamp,
    job_id: String,
    skip: Skip,
    id: OperationId,
    previous_id: OperationId,
    document_type: DocumentType,
    timestamp: Timestamp,
    hash: String,
    error: Option<String>,
    denied: Option<String>,
    action: Vec<u8>,
}

struct Body {
    /// Order of insertion.
    sequence: i64,
    document_type: DocumentType,
    /// As it is handed out, whatever the codec: memory is not worth the time to compress it.
    document: Vec<u8>,
    created: Timestamp,
    codec: Codec,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        static STORES: AtomicU64 = AtomicU64::new(0);
        let number = STORES.fetch_add(1, Ordering::Relaxed);
        MemoryStore {
            about: About {
                name: format!("memory:{:x}:{number:x}", std::process::id()),
                size_bytes: 0,
                details: Vec::new(),
            },
            tables: Mutex::default(),
            writer: Mutex::new(Writer::Absent),
            writer_left: Condvar::new(),
            busy_timeout: Duration::from_millis(options.busy_timeout_ms.map_or(0, std::num::NonZeroU64::get)),
        }
    }

    /// A store that holds these operations, in this order of insertion, whether they follow each other or not. Ids before
    /// them are as given.
    pub(super) fn holding<'a>(
        operations: impl Iterator<Item = (&'a StreamKey, NewOperation<'a>)>,
        about: About,
    ) -> Self {
        let store = MemoryStore { about, ..MemoryStore::default() };
        let mut tables = Tables::default();
        for (stream, operation) in operations {
            tables.sequence += 1;
            let row = Row::of(&operation, operation.row.previous_id.into(), tables.sequence);
            tables.operations.entry(stream.clone()).or_default().insert(operation.row.index, Arc::new(row));
        }
        *store.tables() = tables;
        store
    }

    fn moment<'s>(&'s self, turn: Option<Turn<'s>>) -> Moment<'s> {
        Moment { store: self, tables: self.tables().clone(), _turn: turn }
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // Tables are replaced whole, so a panic elsewhere cannot have left them half done.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        MemoryStore::new(&Options::default())
    }
}

impl Store for MemoryStore {
    fn location(&self) -> &'static str {
        "memory:"
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    fn read(&self) -> Result<Box<dyn Read + '_>, StoreError> {
        Ok(Box::new(self.moment(None)))
    }

    fn write(&self) -> Result<Box<dyn Write + '_>, StoreError> {
        let waited =
            self.writer_left.wait_timeout_while(self.writer(), self.busy_timeout, |writer| *writer == Writer::Present);
        let (mut writer, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() && *writer == Writer::Present {
            return Err(StoreError::Busy { location: self.location().into() });
        }
        *writer = Writer::Present;
        Ok(Box::new(self.moment(Some(Turn(self)))))
    }
}

/// A transaction: the tables as it sees them.
struct Moment<'s> {
    store: &'s MemoryStore,
    tables: Tables,
    /// Of a transaction that may change the store.
    _turn: Option<Turn<'s>>,
}

/// Nobody else writes as long as it is held.
struct Turn<'s>(&'s MemoryStore);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.writer() = Writer::Absent;
        self.0.writer_left.notify_one();
    }
}

impl Moment<'_> {
    /// Every change makes content that was never there before, committed or not.
    fn note_change(&mut self) {
        static CHANGES: AtomicU64 = AtomicU64::new(1);
        self.tables.generation = CHANGES.fetch_add(1, Ordering::Relaxed);
    }

    fn streams_of(&self, document: &DocumentId) -> impl Iterator<Item = (&StreamKey, &OrdMap<OpIndex, Arc<Row>>)> {
        self.tables
            .operations
            .range(first_stream(document)..)
            .take_while(move |(stream, _)| stream.document == *document)
    }

    fn rows(&self, stream: &StreamKey, span: Span) -> impl DoubleEndedIterator<Item = (OpIndex, &Row)> {
        let rows = self.tables.operations.get(stream).into_iter();
        let last = span.through.unwrap_or(OpIndex::new(u64::MAX));
        let span = (span.from.index() <= last).then_some(span.from.index()..=last);
        rows.zip(span).flat_map(|(rows, span)| rows.range(span)).map(|(index, row)| (*index, &**row))
    }
}

/// Nothing of the document sorts before it.
fn first_stream(document: &DocumentId) -> StreamKey {
    StreamKey { document: document.clone(), scope: "".into(), branch: "".into() }
}

fn text(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

impl Row {
    fn of(NewOperation { row, written, job_id }: &NewOperation<'_>, previous_id: OperationId, sequence: i64) -> Self {
        Row {
            sequence,
            written: *written,
            job_id: (*job_id).to_owned(),
            skip: row.skip,
            id: row.id.into(),
            previous_id,
            document_type: row.document_type.into(),
            timestamp: row.timestamp,
            hash: row.hash.into(),
            error: row.error.map(Into::into),
            denied: row.denied.map(Into::into),
            action: row.action.to_vec(),
        }
    }

    fn view(&self, index: OpIndex) -> OperationRow<'_> {
        OperationRow {
            index,
            skip: self.skip,
            id: self.id.as_str(),
            previous_id: self.previous_id.as_str(),
            document_type: self.document_type.as_str(),
            timestamp: self.timestamp,
            hash: &self.hash,
            error: text(self.error.as_ref()),
            denied: text(self.denied.as_ref()),
            action: &self.action,
        }
    }
}

impl Body {
    fn entry(&self, stream: &StreamKey, revision: Revision, detail: Detail) -> KeyframeEntry {
        KeyframeEntry {
            stream: stream.clone(),
            document_type: self.document_type.clone(),
            label: revision.get().try_into().unwrap_or(i64::MAX),
            created: (detail == Detail::Created).then_some(self.created),
            size_bytes: self.document.len() as u64,
            codec: self.codec,
        }
    }

    fn as_codec(&self, codec: Codec) -> Body {
        let Body { sequence, document_type, document, created, .. } = self;
        Body {
            sequence: *sequence,
            document_type: document_type.clone(),
            document: document.clone(),
            created: *created,
            codec,
        }
    }
}
