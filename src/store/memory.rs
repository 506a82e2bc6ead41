//! A store in memory: the reference implementation of the contract.
//!
//! The tables are persistent maps. A transaction holds the maps as they were when it began; a write transaction
//! changes its own and puts them in place at commit.

mod history;
mod own;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use imbl::{HashSet, OrdMap};

use own::Own;

use super::repeat::Stored;
use super::{
    Capabilities, Codec, Detail, DocumentEntry, Flow, History, HistoryMut, InsertedKeyframe, InsertedOperation,
    KeyframeEntry, NewKeyframe, NewOperation, Options, Order, Previous, Read, Recoded, Records, RecordsMut, Selection,
    Serial, Stamp, Store, StoreError, StoreInfo, StreamHead, Write,
};
use crate::model::ids::{
    Branch, DocumentId, DocumentType, NextIndex, OpIndex, OperationId, Revision, Scope, Skip, Span, StreamKey,
};
use crate::model::operation::{Action, OperationRow, Retraction};
use crate::model::time::Timestamp;

/// A store that is gone when it is dropped.
pub struct MemoryStore {
    /// Tells this store's stamps from those of others.
    number: u64,
    tables: Mutex<Tables>,
    writer: Mutex<Writer>,
    writer_left: Condvar,
    busy_timeout: Duration,
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
        MemoryStore {
            number: STORES.fetch_add(1, Ordering::Relaxed),
            tables: Mutex::default(),
            writer: Mutex::new(Writer::Absent),
            writer_left: Condvar::new(),
            busy_timeout: Duration::from_millis(options.busy_timeout_ms.map_or(0, std::num::NonZeroU64::get)),
        }
    }

    /// A store that holds these operations, in this order of insertion, whether they follow each other or not. Ids before
    /// them are as given.
    pub(super) fn holding<'a>(operations: impl Iterator<Item = (&'a StreamKey, NewOperation<'a>)>) -> Self {
        let store = MemoryStore::new(&Options::default());
        let mut tables = Tables::default();
        for (stream, operation) in operations {
            tables.sequence += 1;
            let row = Row::of(&operation, operation.row.previous_id.into(), tables.sequence);
            tables.operations.entry(stream.clone()).or_default().insert(operation.row.index, Arc::new(row));
        }
        *store.tables() = tables;
        store
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
        Ok(Box::new(Moment { store: self.number, tables: self.tables().clone() }))
    }

    fn write(&self) -> Result<Box<dyn Write + '_>, StoreError> {
        let waited =
            self.writer_left.wait_timeout_while(self.writer(), self.busy_timeout, |writer| *writer == Writer::Present);
        let (mut writer, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() && *writer == Writer::Present {
            return Err(StoreError::Busy { location: self.location().into() });
        }
        *writer = Writer::Present;
        Ok(Box::new(Change { store: self, moment: Moment { store: self.number, tables: self.tables().clone() } }))
    }
}

/// A transaction: the tables as it sees them.
struct Moment {
    store: u64,
    tables: Tables,
}

impl Moment {
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

impl Read for Moment {
    fn documents(&self, prefix: &str, visit: &mut dyn FnMut(DocumentEntry) -> Flow) -> Result<(), StoreError> {
        let mut from = DocumentId::from(prefix);
        let mut streams = self.tables.operations.range(first_stream(&from)..);
        while let Some((stream, _)) = streams.next().filter(|(stream, _)| stream.document.as_str().starts_with(prefix))
        {
            from = stream.document.clone();
            let rows = self.streams_of(&from).flat_map(|(_, rows)| rows.values());
            let first = rows.min_by_key(|row| row.sequence).expect("a stream is made with its first row");
            if visit(DocumentEntry { id: from.clone(), document_type: first.document_type.clone() }).is_break() {
                break;
            }
            let n_streams = self.streams_of(&from).count();
            if n_streams > 1 {
                streams.nth(n_streams - 2);
            }
        }
        Ok(())
    }

    fn orphans(&self) -> Result<Vec<DocumentEntry>, StoreError> {
        let mut orphans: Vec<DocumentEntry> = Vec::new();
        for (stream, keyframes) in &self.tables.keyframes {
            let id = &stream.document;
            let known = orphans.last().is_some_and(|last| last.id == *id) || self.streams_of(id).next().is_some();
            if let (Some((_, body)), false) = (keyframes.get_min(), known) {
                orphans.push(DocumentEntry { id: id.clone(), document_type: body.document_type.clone() });
            }
        }
        Ok(orphans)
    }

    fn streams(&self, document: &DocumentId) -> Result<Vec<StreamHead>, StoreError> {
        let head = |(stream, rows): (&StreamKey, &OrdMap<OpIndex, Arc<Row>>)| {
            let (last, _) = rows.get_max().expect("a stream is made with its first row");
            StreamHead { branch: stream.branch.clone(), scope: stream.scope.clone(), head: Revision::of(*last) }
        };
        let mut streams: Vec<_> = self.streams_of(document).map(head).collect();
        streams.sort_by(|a, b| (&a.branch, &a.scope).cmp(&(&b.branch, &b.scope)));
        Ok(streams)
    }

    fn operations(
        &self,
        stream: &StreamKey,
        span: Span,
        order: Order,
        visit: &mut dyn FnMut(&OperationRow<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        let mut visit = |(index, row): (OpIndex, &Row)| visit(&row.view(index));
        let _ = match order {
            Order::Forward => self.rows(stream, span).try_for_each(&mut visit),
            Order::Backward => self.rows(stream, span).rev().try_for_each(&mut visit),
        };
        Ok(())
    }

    fn skips(&self, stream: &StreamKey, span: Span) -> Result<Vec<Retraction>, StoreError> {
        let entry = |(index, row): (OpIndex, &Row)| {
            let skip = row.skip?;
            let action =
                Action::parse_head(&row.action).map_err(|error| StoreError::corrupt_action(stream, index, error));
            let denied = text(row.denied.as_ref()).is_some();
            Some(action.map(|action| Retraction { index, skip, noop: action.kind.as_str() == Some("NOOP"), denied }))
        };
        self.rows(stream, span).filter_map(entry).collect()
    }

    fn find_operation(
        &self,
        document: &DocumentId,
        branch: &Branch,
        scope: Option<&Scope>,
        id: &OperationId,
    ) -> Result<Option<(Scope, OpIndex)>, StoreError> {
        let within = |stream: &StreamKey| stream.branch == *branch && scope.is_none_or(|scope| stream.scope == *scope);
        let rows = self
            .streams_of(document)
            .filter(|(stream, _)| within(stream))
            .flat_map(|(stream, rows)| rows.iter().map(move |(index, row)| (stream, index, row)));
        let newest = rows.filter(|(_, _, row)| row.id == *id).max_by_key(|(_, _, row)| row.sequence);
        Ok(newest.map(|(stream, index, _)| (stream.scope.clone(), *index)))
    }

    fn copies(
        &self,
        stream: &StreamKey,
        id: &OperationId,
        visit: &mut dyn FnMut(&OperationRow<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        let mut rows = self.rows(stream, Span::ALL).filter(|(_, row)| row.id == *id);
        let _ = rows.try_for_each(|(index, row)| visit(&row.view(index)));
        Ok(())
    }

    fn newest_time(&self, stream: &StreamKey, span: Span) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.rows(stream, span).map(|(_, row)| row.timestamp).max())
    }

    fn nearest_keyframe(&self, stream: &StreamKey, at_most: Revision) -> Result<Option<KeyframeEntry>, StoreError> {
        let nearest = self.tables.keyframes.get(stream).and_then(|keyframes| keyframes.get_prev(&at_most));
        Ok(nearest.map(|(revision, body)| body.entry(stream, *revision, Detail::Label)))
    }

    fn keyframe_document(&self, stream: &StreamKey, revision: Revision) -> Result<Option<Vec<u8>>, StoreError> {
        let body = self.tables.keyframes.get(stream).and_then(|keyframes| keyframes.get(&revision));
        Ok(body.map(|body| body.document.clone()))
    }

    fn keyframes(
        &self,
        document: &DocumentId,
        detail: Detail,
        visit: &mut dyn FnMut(&KeyframeEntry) -> Flow,
    ) -> Result<(), StoreError> {
        let streams = self
            .tables
            .keyframes
            .range(first_stream(document)..)
            .take_while(|(stream, _)| stream.document == *document);
        let mut entries: Vec<KeyframeEntry> = streams
            .flat_map(|(stream, keyframes)| {
                keyframes.iter().map(|(revision, body)| body.entry(stream, *revision, detail))
            })
            .collect();
        entries.sort_by(|a, b| {
            (&a.stream.branch, &a.stream.scope, a.label).cmp(&(&b.stream.branch, &b.stream.scope, b.label))
        });
        let _ = entries.iter().try_for_each(visit);
        Ok(())
    }

    fn inserted_operations(
        &self,
        selection: &Selection,
        after: Serial,
        visit: &mut dyn FnMut(&InsertedOperation<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        let streams = self.tables.operations.iter();
        let rows = streams.flat_map(|(stream, rows)| rows.iter().map(move |(index, row)| (stream, *index, row)));
        let mut chosen: Vec<_> = rows
            .filter(|(stream, index, row)| selection.includes(stream, *index, row.document_type.as_str()))
            .filter(|(.., row)| Serial::of(row.sequence) > after)
            .collect();
        chosen.sort_by_key(|(.., row)| row.sequence);
        let _ = chosen.into_iter().try_for_each(|(stream, index, row)| {
            visit(&InsertedOperation {
                serial: Serial::of(row.sequence),
                stream,
                row: OperationRow { error: row.error.as_deref(), denied: row.denied.as_deref(), ..row.view(index) },
                previous: Previous::Given,
                written: Some(row.written),
                job_id: Some(&row.job_id),
            })
        });
        Ok(())
    }

    fn inserted_keyframes(
        &self,
        selection: &Selection,
        after: Serial,
        visit: &mut dyn FnMut(&InsertedKeyframe<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        let streams = self.tables.keyframes.iter();
        let bodies =
            streams.flat_map(|(stream, bodies)| bodies.iter().map(move |(label, body)| (stream, *label, body)));
        let mut chosen: Vec<_> = bodies
            .filter(|(stream, label, body)| selection.includes(stream, label.last(), body.document_type.as_str()))
            .filter(|(.., body)| Serial::of(body.sequence) > after)
            .collect();
        chosen.sort_by_key(|(.., body)| body.sequence);
        let _ = chosen.into_iter().try_for_each(|(stream, label, body)| {
            visit(&InsertedKeyframe {
                serial: Serial::of(body.sequence),
                stream,
                label: label.get().try_into().unwrap_or(i64::MAX),
                document_type: body.document_type.as_str(),
                created: body.created,
                document: std::str::from_utf8(&body.document).expect("checked when it was written"),
            })
        });
        Ok(())
    }

    fn records(&self) -> &dyn Records {
        self
    }

    fn history(&self) -> &dyn History {
        self
    }

    fn info(&self) -> Result<StoreInfo, StoreError> {
        let mut documents: Vec<_> = self.tables.operations.keys().map(|stream| &stream.document).collect();
        documents.dedup();
        let count = |n: usize| n as u64;
        Ok(StoreInfo {
            documents: count(documents.len()),
            operations: self.tables.operations.values().map(|rows| count(rows.len())).sum(),
            keyframes: self.tables.keyframes.values().map(|keyframes| count(keyframes.len())).sum(),
            size_bytes: 0,
            details: Vec::new(),
        })
    }

    fn stamp(&self) -> Result<Stamp, StoreError> {
        Ok(Stamp(format!("memory:{:x}:{:x}:{:x}", std::process::id(), self.store, self.tables.generation)))
    }

    fn finish(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A transaction that may change the store.
struct Change<'s> {
    store: &'s MemoryStore,
    moment: Moment,
}

impl Change<'_> {
    /// Every change makes content that was never there before, committed or not.
    fn note_change(&mut self) {
        static CHANGES: AtomicU64 = AtomicU64::new(1);
        self.moment.tables.generation = CHANGES.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        *self.store.writer() = Writer::Absent;
        self.store.writer_left.notify_one();
    }
}

impl Write for Change<'_> {
    fn add(
        &mut self,
        stream: &StreamKey,
        operation: &NewOperation<'_>,
        previous: Previous,
    ) -> Result<bool, StoreError> {
        let row = &operation.row;
        let tables = &mut self.moment.tables;
        let rows = tables.operations.get(stream);
        if let Some(stored) = rows.and_then(|rows| rows.get(&row.index)) {
            let stored = Stored {
                id: stored.id.as_str(),
                skip: stored.skip,
                hash: &stored.hash,
                error: stored.error.as_deref(),
                denied: stored.denied.as_deref(),
                action: stored.action.as_slice().into(),
            };
            return stored.repeats(stream, row).map(|()| false);
        }
        let last = rows.and_then(OrdMap::get_max);
        let next = last.map_or(NextIndex::default(), |(index, _)| index.next());
        if row.index != next.index() {
            return Err(StoreError::does_not_follow(stream, row.index, next));
        }
        let previous_id = match previous {
            Previous::Derived => last.map_or("".into(), |(_, row)| row.id.clone()),
            Previous::Given => row.previous_id.into(),
        };
        std::str::from_utf8(row.action).map_err(|error| StoreError::Corrupt {
            table: "Operation",
            key: format!("a new row for {stream}, index {}", row.index),
            column: "action",
            reason: error.to_string(),
        })?;
        let instance = (row.id.into(), row.index, row.skip);
        if tables.instances.contains(&instance) {
            let reason = format!("operation {} with this index and skip is in another stream", row.id);
            return Err(StoreError::Conflict { stream: stream.clone(), index: row.index, reason });
        }
        tables.instances.insert(instance);
        tables.sequence += 1;
        let stored = Row::of(operation, previous_id, tables.sequence);
        tables.operations.entry(stream.clone()).or_default().insert(row.index, Arc::new(stored));
        self.note_change();
        Ok(true)
    }

    fn put_keyframe_as(&mut self, keyframe: &NewKeyframe<'_>, codec: Codec) -> Result<(), StoreError> {
        let NewKeyframe { stream, revision, document_type, document, created } = *keyframe;
        std::str::from_utf8(document).map_err(|error| StoreError::Corrupt {
            table: "Keyframe",
            key: format!("{stream}, revision {revision}"),
            column: "document",
            reason: error.to_string(),
        })?;
        let tables = &mut self.moment.tables;
        let keyframes = tables.keyframes.entry(stream.clone()).or_default();
        let former = keyframes.get(&revision);
        tables.own.written(stream, revision, former.map(|body| &body.document[..]), document, codec);
        let (sequence, document_type, created) = match former {
            Some(body) => (body.sequence, body.document_type.clone(), body.created),
            None => (tables.sequence + 1, document_type.clone(), created),
        };
        tables.sequence = tables.sequence.max(sequence);
        let body = Body { sequence, document_type, document: document.to_vec(), created, codec };
        keyframes.insert(revision, Arc::new(body));
        self.note_change();
        Ok(())
    }

    fn recode(&mut self, stream: &StreamKey, revision: Revision, codec: Codec) -> Result<Option<Recoded>, StoreError> {
        let tables = &mut self.moment.tables;
        let Some(keyframes) = tables.keyframes.get_mut(stream) else { return Ok(None) };
        let Some(body) = keyframes.get(&revision).cloned() else { return Ok(None) };
        let size = body.document.len() as u64;
        tables.own.written(stream, revision, Some(&body.document), &body.document, codec);
        keyframes.insert(revision, Arc::new(body.as_codec(codec)));
        self.note_change();
        Ok(Some(Recoded { from: body.codec, before_bytes: size, after_bytes: size }))
    }

    fn delete_keyframe(&mut self, stream: &StreamKey, revision: Revision) -> Result<bool, StoreError> {
        let keyframes = self.moment.tables.keyframes.get_mut(stream);
        let deleted = keyframes.is_some_and(|keyframes| keyframes.remove(&revision).is_some());
        if deleted {
            self.moment.tables.own.forget(stream, revision);
            self.note_change();
        }
        Ok(deleted)
    }

    fn records_mut(&mut self) -> Result<&mut dyn RecordsMut, StoreError> {
        Ok(self)
    }

    fn history_mut(&mut self) -> Result<&mut dyn HistoryMut, StoreError> {
        Ok(self)
    }

    fn commit(self: Box<Self>) -> Result<(), StoreError> {
        *self.store.tables() = self.moment.tables.clone();
        Ok(())
    }
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
}

/// A write transaction reads what it would commit.
impl Read for Change<'_> {
    fn documents(&self, prefix: &str, visit: &mut dyn FnMut(DocumentEntry) -> Flow) -> Result<(), StoreError> {
        self.moment.documents(prefix, visit)
    }

    fn orphans(&self) -> Result<Vec<DocumentEntry>, StoreError> {
        self.moment.orphans()
    }

    fn streams(&self, document: &DocumentId) -> Result<Vec<StreamHead>, StoreError> {
        self.moment.streams(document)
    }

    fn operations(
        &self,
        stream: &StreamKey,
        span: Span,
        order: Order,
        visit: &mut dyn FnMut(&OperationRow<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        self.moment.operations(stream, span, order, visit)
    }

    fn skips(&self, stream: &StreamKey, span: Span) -> Result<Vec<Retraction>, StoreError> {
        self.moment.skips(stream, span)
    }

    fn find_operation(
        &self,
        document: &DocumentId,
        branch: &Branch,
        scope: Option<&Scope>,
        id: &OperationId,
    ) -> Result<Option<(Scope, OpIndex)>, StoreError> {
        self.moment.find_operation(document, branch, scope, id)
    }

    fn copies(
        &self,
        stream: &StreamKey,
        id: &OperationId,
        visit: &mut dyn FnMut(&OperationRow<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        self.moment.copies(stream, id, visit)
    }

    fn newest_time(&self, stream: &StreamKey, span: Span) -> Result<Option<Timestamp>, StoreError> {
        self.moment.newest_time(stream, span)
    }

    fn nearest_keyframe(&self, stream: &StreamKey, at_most: Revision) -> Result<Option<KeyframeEntry>, StoreError> {
        self.moment.nearest_keyframe(stream, at_most)
    }

    fn keyframe_document(&self, stream: &StreamKey, revision: Revision) -> Result<Option<Vec<u8>>, StoreError> {
        self.moment.keyframe_document(stream, revision)
    }

    fn keyframes(
        &self,
        document: &DocumentId,
        detail: Detail,
        visit: &mut dyn FnMut(&KeyframeEntry) -> Flow,
    ) -> Result<(), StoreError> {
        self.moment.keyframes(document, detail, visit)
    }

    fn inserted_operations(
        &self,
        selection: &Selection,
        after: Serial,
        visit: &mut dyn FnMut(&InsertedOperation<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        self.moment.inserted_operations(selection, after, visit)
    }

    fn inserted_keyframes(
        &self,
        selection: &Selection,
        after: Serial,
        visit: &mut dyn FnMut(&InsertedKeyframe<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        self.moment.inserted_keyframes(selection, after, visit)
    }

    fn records(&self) -> &dyn Records {
        &self.moment
    }

    fn history(&self) -> &dyn History {
        &self.moment
    }

    fn info(&self) -> Result<StoreInfo, StoreError> {
        self.moment.info()
    }

    fn stamp(&self) -> Result<Stamp, StoreError> {
        self.moment.stamp()
    }

    fn finish(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}
