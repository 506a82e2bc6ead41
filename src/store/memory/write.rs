//! What a transaction in memory changes.

use std::sync::Arc;

use imbl::OrdMap;

use super::{Body, Moment, Row};
use crate::model::ids::{NextIndex, OperationId, Revision, StreamKey};
use crate::store::repeat::Stored;
use crate::store::{Codec, HistoryMut, NewKeyframe, NewOperation, Previous, Recoded, RecordsMut, StoreError, Write};

impl Write for Moment<'_> {
    fn last_operation(&mut self, stream: &StreamKey) -> Result<Option<(Revision, OperationId)>, StoreError> {
        let last = self.tables.operations.get(stream).and_then(OrdMap::get_max);
        Ok(last.map(|(index, row)| (Revision::of(*index), row.id.clone())))
    }

    fn add(
        &mut self,
        stream: &StreamKey,
        operation: &NewOperation<'_>,
        previous: Previous,
    ) -> Result<bool, StoreError> {
        let row = &operation.row;
        let tables = &mut self.tables;
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
        let tables = &mut self.tables;
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
        let tables = &mut self.tables;
        let Some(keyframes) = tables.keyframes.get_mut(stream) else { return Ok(None) };
        let Some(body) = keyframes.get(&revision).cloned() else { return Ok(None) };
        let size = body.document.len() as u64;
        tables.own.written(stream, revision, Some(&body.document), &body.document, codec);
        keyframes.insert(revision, Arc::new(body.as_codec(codec)));
        self.note_change();
        Ok(Some(Recoded { from: body.codec, before_bytes: size, after_bytes: size }))
    }

    fn delete_keyframe(&mut self, stream: &StreamKey, revision: Revision) -> Result<bool, StoreError> {
        let keyframes = self.tables.keyframes.get_mut(stream);
        let deleted = keyframes.is_some_and(|keyframes| keyframes.remove(&revision).is_some());
        if deleted {
            self.tables.own.forget(stream, revision);
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

    fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        *self.store.tables() = std::mem::take(&mut self.tables);
        Ok(())
    }
}
