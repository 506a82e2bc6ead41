//! Writing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{ErrorCode, params};

use super::keyframes::as_text;
use super::rows::{self, BadValue, RowError};
use super::schema::{KEYFRAME, OPERATION};
use super::{Transaction, own, sql};
use crate::model::ids::{NextIndex, OpIndex, OperationId, Revision, StreamKey};
use crate::model::operation::OperationRow;
use crate::store::repeat::Stored;
use crate::store::{Codec, HistoryMut, NewKeyframe, NewOperation, Previous, Recoded, RecordsMut, StoreError, Write};

impl Write for Transaction<'_> {
    fn add(
        &mut self,
        stream: &StreamKey,
        operation: &NewOperation<'_>,
        previous: Previous,
    ) -> Result<bool, StoreError> {
        let row = &operation.row;
        let looked_up;
        let tail = if let Some(tail) = self.tails.of.get(stream) {
            tail
        } else {
            looked_up = self.tail(stream)?;
            &looked_up
        };
        if row.index.get() < tail.next.get() && self.is_stored(stream, row)? {
            return Ok(false);
        }
        if row.index != tail.next.index() {
            return Err(StoreError::does_not_follow(stream, row.index, tail.next));
        }
        let previous_id = match previous {
            Previous::Derived => &tail.id,
            Previous::Given => row.previous_id,
        };
        self.insert(stream, operation, previous_id)?;
        self.tails.put(stream, Tail { next: row.index.next(), id: row.id.to_owned() });
        self.note_change();
        Ok(true)
    }

    fn last_operation(&mut self, stream: &StreamKey) -> Result<Option<(Revision, OperationId)>, StoreError> {
        if !self.tails.of.contains_key(stream) {
            let tail = self.tail(stream)?;
            self.tails.put(stream, tail);
        }
        let tail = self.tails.of.get(stream);
        Ok(tail.and_then(|tail| Some((tail.next.last_applied()?, tail.id.as_str().into()))))
    }

    fn put_keyframe_as(&mut self, keyframe: &NewKeyframe<'_>, codec: Codec) -> Result<(), StoreError> {
        let NewKeyframe { stream, revision, document_type, document, created } = *keyframe;
        if !self.session().schema.keyframes {
            return Err(self.unsupported(format!("there is no table {KEYFRAME}")));
        }
        self.has_own()?;
        let body = as_text(stream, revision, document)?;
        if codec != Codec::Json {
            self.put_compressed(keyframe, codec)?;
            self.note_change();
            return Ok(());
        }
        let StreamKey { document: id, scope, branch } = stream;
        let label = self.column_number(revision.get())?;
        let connection = &self.session().connection;
        let replaced = connection.prepare_cached(sql::REPLACE_KEYFRAME).and_then(|mut replace| {
            replace.execute(params![id.as_str(), scope.as_str(), branch.as_str(), label, body])
        });
        let place = (id.as_str(), scope.as_str(), branch.as_str(), label);
        if self.driver("write", replaced)? == 0 && !self.put_in_place(place, document)? {
            let inserted = connection.prepare_cached(sql::INSERT_KEYFRAME).and_then(|mut insert| {
                let created = created.to_string();
                insert.execute(params![
                    id.as_str(),
                    scope.as_str(),
                    branch.as_str(),
                    label,
                    body,
                    document_type.as_str(),
                    created
                ])
            });
            self.driver("write", inserted)?;
        }
        self.row_written(stream, revision, document)?;
        self.note_change();
        Ok(())
    }

    fn recode(&mut self, stream: &StreamKey, revision: Revision, codec: Codec) -> Result<Option<Recoded>, StoreError> {
        let recoded = self.recode_keyframe(stream, revision, codec)?;
        if recoded.is_some_and(|recoded| recoded.from != codec) {
            self.note_change();
        }
        Ok(recoded)
    }

    fn delete_keyframe(&mut self, stream: &StreamKey, revision: Revision) -> Result<bool, StoreError> {
        let Some(place) = own::place(stream, revision) else { return Ok(false) };
        let forgotten = self.forget_own(place)?;
        let deleted = self.session().schema.keyframes && self.change_at(sql::DELETE_KEYFRAME, place)? > 0;
        if deleted || forgotten != own::Forgotten::Nothing {
            self.note_change();
        }
        Ok(deleted || forgotten == own::Forgotten::Keyframe)
    }

    fn records_mut(&mut self) -> Result<&mut dyn RecordsMut, StoreError> {
        Ok(self)
    }

    fn history_mut(&mut self) -> Result<&mut dyn HistoryMut, StoreError> {
        Ok(self)
    }

    fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.settle()?;
        self.driver("write", self.run(sql::COMMIT))
    }
}

/// Where streams end, as a write transaction knows after it has looked once.
#[derive(Default)]
pub(super) struct Tails {
    of: HashMap<StreamKey, Tail>,
}

/// The end of a stream.
#[derive(Default)]
struct Tail {
    /// Where the next operation goes.
    next: NextIndex,
    /// Id of the last operation; empty if there is none.
    id: String,
}

impl Tails {
    /// Some 10 MB of them.
    const MOST: usize = 30_000;

    fn put(&mut self, stream: &StreamKey, tail: Tail) {
        if let Some(known) = self.of.get_mut(stream) {
            *known = tail;
            return;
        }
        if self.of.len() >= Self::MOST {
            // They are found again in the store.
            self.of.clear();
        }
        self.of.insert(stream.clone(), tail);
    }
}

impl Transaction<'_> {
    fn tail(&self, stream: &StreamKey) -> Result<Tail, StoreError> {
        let mut statement = self.prepare(sql::LAST_OPERATION)?;
        let StreamKey { document, scope, branch } = stream;
        let mut found = self.driver("read", statement.query([document.as_str(), scope.as_str(), branch.as_str()]))?;
        let Some(row) = self.driver("read", found.next())? else { return Ok(Tail::default()) };
        let decode = || -> Result<_, RowError> {
            let id = rows::text(row.get_ref(1)?, "opId")?.to_owned();
            Ok(Tail { next: rows::index(row.get_ref(0)?, "index")?.next(), id })
        };
        decode().map_err(|error| {
            self.row_error(OPERATION, error, || {
                format!("document {document}, scope {scope}, branch {branch}, last index")
            })
        })
    }

    /// Whether the row is there already. Another one in its place is a conflict.
    fn is_stored(&self, stream: &StreamKey, row: &OperationRow<'_>) -> Result<bool, StoreError> {
        let mut statement = self.prepare(&self.session().schema.adapt(sql::OPERATION_AT))?;
        let StreamKey { document, scope, branch } = stream;
        let index = self.column_number(row.index.get())?;
        let mut found =
            self.driver("read", statement.query(params![document.as_str(), scope.as_str(), branch.as_str(), index]))?;
        let Some(stored) = self.driver("read", found.next())? else { return Ok(false) };
        let decode = || -> Result<_, RowError> {
            Ok(Stored {
                id: rows::text(stored.get_ref(0)?, "opId")?,
                skip: rows::skip(stored.get_ref(1)?)?,
                hash: rows::text(stored.get_ref(2)?, "hash")?,
                error: rows::optional_text(stored.get_ref(3)?, "error")?,
                denied: rows::optional_text(stored.get_ref(4)?, "deniedReason")?,
                action: rows::json(stored.get_ref(5)?, &self.session().connection)?.unwrap_or_default(),
            })
        };
        let stored = decode().map_err(|error| {
            self.row_error(OPERATION, error, || {
                format!("document {document}, scope {scope}, branch {branch}, index {index}")
            })
        })?;
        stored.repeats(stream, row).map(|()| true)
    }

    fn insert(&self, stream: &StreamKey, operation: &NewOperation<'_>, previous_id: &str) -> Result<(), StoreError> {
        let NewOperation { row, written, job_id } = operation;
        let StreamKey { document, scope, branch } = stream;
        let session = self.session();
        let lost = [("error", row.error), ("deniedReason", row.denied)];
        if let Some(column) =
            lost.iter().filter(|(_, value)| value.is_some()).find_map(|(column, _)| session.schema.lacks(column))
        {
            return Err(self.unsupported(format!(
                "table {OPERATION} has no column {column} for a value of operation {}",
                row.index
            )));
        }
        let action = std::str::from_utf8(row.action)
            .map_err(|error| BadValue { column: "action", reason: error.to_string() })
            .map_err(|bad| self.row_error(OPERATION, bad.into(), || new_key(stream, row.index)))?;
        let skip = row.skip.map_or(0, std::num::NonZeroU32::get);
        let inserted = session.connection.prepare_cached(&session.schema.insert_operation).and_then(|mut insert| {
            insert.execute(params![
                job_id,
                previous_id,
                written.to_string(),
                row.error,
                row.denied,
                row.id,
                document.as_str(),
                row.document_type,
                scope.as_str(),
                branch.as_str(),
                row.timestamp.to_string(),
                i64::try_from(row.index.get()).unwrap_or(i64::MAX),
                action,
                skip,
                row.hash,
            ])
        });
        match inserted {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                Err(StoreError::Conflict { stream: stream.clone(), index: row.index, reason: error.to_string() })
            }
            other => self.driver("write", other).map(|_| ()),
        }
    }

    pub(super) fn column_number(&self, number: u64) -> Result<i64, StoreError> {
        i64::try_from(number).map_err(|_| self.unsupported(format!("{number} is beyond what a column holds")))
    }

    pub(super) fn unsupported(&self, reason: String) -> StoreError {
        StoreError::Unsupported { location: self.store.location.clone(), reason }
    }

    pub(super) fn note_change(&mut self) {
        static CHANGES: AtomicU64 = AtomicU64::new(0);
        self.change = Some(CHANGES.fetch_add(1, Ordering::Relaxed));
    }
}

fn new_key(stream: &StreamKey, index: OpIndex) -> String {
    format!(
        "a new row for document {}, scope {}, branch {}, index {index}",
        stream.document, stream.scope, stream.branch
    )
}
