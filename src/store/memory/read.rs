//! What a transaction in memory sees.

use std::sync::Arc;

use imbl::OrdMap;

use super::{Moment, Row, first_stream, text};
use crate::model::ids::{Branch, DocumentId, OpIndex, OperationId, Revision, Scope, Span, StreamKey};
use crate::model::operation::{Action, OperationRow, Retraction};
use crate::model::time::Timestamp;
use crate::store::{
    Detail, DocumentEntry, Flow, History, InsertedKeyframe, InsertedOperation, KeyframeEntry, Order, Previous, Read,
    Records, Selection, Serial, Stamp, Storage, StoreError, StoreInfo, StreamHead,
};

impl Read for Moment<'_> {
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

    fn last_inserted(&self) -> Result<Serial, StoreError> {
        let rows = self.tables.operations.values().flat_map(OrdMap::values);
        Ok(rows.map(|row| Serial::of(row.sequence)).max().unwrap_or(Serial::START))
    }

    fn numbered_keyframes(
        &self,
        storage: Storage,
        from: Serial,
        order: Order,
        visit: &mut dyn FnMut(Serial, &KeyframeEntry) -> Flow,
    ) -> Result<(), StoreError> {
        let streams = self.tables.keyframes.iter();
        let bodies =
            streams.flat_map(|(stream, bodies)| bodies.iter().map(move |(label, body)| (stream, *label, body)));
        let mut chosen: Vec<_> = bodies
            .filter(|(.., body)| Storage::of(body.codec) == storage && Serial::of(body.sequence) >= from)
            .map(|(stream, label, body)| (Serial::of(body.sequence), body.entry(stream, label, Detail::Label)))
            .collect();
        chosen.sort_by_key(|(serial, _)| *serial);
        if order == Order::Backward {
            chosen.reverse();
        }
        let _ = chosen.iter().try_for_each(|(serial, entry)| visit(*serial, entry));
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
            size_bytes: self.store.about.size_bytes,
            details: self.store.about.details.clone(),
        })
    }

    fn stamp(&self) -> Result<Stamp, StoreError> {
        Ok(Stamp(format!("{}:{:x}", self.store.about.name, self.tables.generation)))
    }

    fn finish(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}
