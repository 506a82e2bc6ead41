//! What was done to keyframes.

use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension as _, Row, params};

use super::records::{bytes, check, codec, millis, pin, size};
use super::{place, sql};
use crate::model::checksum::Checksum;
use crate::model::ids::{Revision, StreamKey};
use crate::model::time::Timestamp;
use crate::store::codec::decompress;
use crate::store::history::{BodyBefore, Former, Mutation, MutationId, MutationKind, NewMutation, Run, RunId};
use crate::store::records::Verdict;
use crate::store::sqlite::Transaction;
use crate::store::sqlite::rows::{self, BadValue, RowError};
use crate::store::sqlite::session::MAX_VALUE_BYTES;
use crate::store::{Flow, History, HistoryMut, Read as _, StoreError};

const RUN: &str = "snapctl_run";
const MUTATION: &str = "snapctl_mutation";

/// A keyframe as it was, and its body if that is kept.
type FormerWithBody = (Former, Option<Vec<u8>>);

impl History for Transaction<'_> {
    fn runs(&self, visit: &mut dyn FnMut(&Run) -> Flow) -> Result<(), StoreError> {
        self.still(self.visit_history(RUN, sql::RUNS, None, &mut |row| Ok(visit(&run(row)?))))
    }

    fn mutations(&self, run: Option<RunId>, visit: &mut dyn FnMut(&Mutation) -> Flow) -> Result<(), StoreError> {
        let statement = if run.is_some() { sql::MUTATIONS_OF } else { sql::MUTATIONS };
        let mut visit = |row: &Row<'_>| Ok(visit(&mutation(row)?));
        self.still(self.visit_history(MUTATION, statement, run, &mut visit))
    }

    fn mutation_body(&self, id: MutationId) -> Result<Option<Vec<u8>>, StoreError> {
        self.still(self.find_mutation_body(id))
    }
}

impl HistoryMut for Transaction<'_> {
    fn begin_run(&mut self, command: &str, started: Timestamp) -> Result<RunId, StoreError> {
        self.make_own()?;
        let connection = &self.session().connection;
        let begun = connection
            .prepare_cached(sql::BEGIN_RUN)
            .and_then(|mut begin| begin.insert(params![command, started.as_millis()]));
        let id = self.driver("write", begun)?;
        self.note_change();
        Ok(RunId(id.unsigned_abs()))
    }

    fn finish_run(&mut self, id: RunId, finished: Timestamp) -> Result<(), StoreError> {
        if self.has_own()? && self.set(sql::FINISH_RUN, id.0, finished.as_millis())? {
            self.note_change();
        }
        Ok(())
    }

    fn note(&mut self, mutation: &NewMutation<'_>) -> Result<MutationId, StoreError> {
        self.make_own()?;
        let (before, body) = match self.former(mutation.stream, mutation.revision)? {
            None => (None, None),
            Some((former, body)) => (Some(former), body.filter(|_| mutation.body == BodyBefore::Keep)),
        };
        let before = before.map(|before| Former { body_kept: body.is_some(), ..before });
        let id = self.put_mutation(mutation, before.as_ref())?;
        if let Some(body) = body {
            self.put_mutation_body(id, &body)?;
        }
        self.note_change();
        Ok(id)
    }

    fn mark_undone(&mut self, id: MutationId, by: RunId) -> Result<bool, StoreError> {
        let by = self.column_number(by.0)?;
        let marked = self.has_own()? && self.set(sql::MARK_UNDONE, id.0, by)?;
        if marked {
            self.note_change();
        }
        Ok(marked)
    }
}

impl Transaction<'_> {
    fn visit_history(
        &self,
        table: &'static str,
        statement: &str,
        of: Option<RunId>,
        visit: &mut dyn FnMut(&Row<'_>) -> Result<Flow, RowError>,
    ) -> Result<(), StoreError> {
        if !self.has_own()? {
            return Ok(());
        }
        let mut statement = self.prepare_own(statement)?;
        let found = match of {
            Some(run) => statement.query([i64::try_from(run.0).unwrap_or(i64::MAX)]),
            None => statement.query([]),
        };
        let mut found = self.driver("read", found)?;
        while let Some(row) = self.driver("read", found.next())? {
            let flow = visit(row).map_err(|error| {
                let id = row.get_ref(0).map_or_else(|error| error.to_string(), rows::shown);
                self.row_error(table, error, || format!("id {id}"))
            })?;
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn find_mutation_body(&self, id: MutationId) -> Result<Option<Vec<u8>>, StoreError> {
        let (Ok(id), true) = (i64::try_from(id.0), self.has_own()?) else { return Ok(None) };
        let mut statement = self.prepare(sql::MUTATION_BODY)?;
        let found = statement.query_row([id], |row| row.get::<_, Vec<u8>>(0)).optional();
        let Some(stored) = self.driver("read", found)? else { return Ok(None) };
        let text = decompress(&stored, None, MAX_VALUE_BYTES as usize);
        text.map(Some).map_err(|error| StoreError::Corrupt {
            table: "snapctl_mutation_body",
            key: format!("id {id}"),
            column: "body",
            reason: error.to_string(),
        })
    }

    /// A keyframe as it is now, and its body if it can be read.
    fn former(&self, stream: &StreamKey, revision: Revision) -> Result<Option<FormerWithBody>, StoreError> {
        let Some((document, scope, branch, label)) = place(stream, revision) else { return Ok(None) };
        let mut statement = if self.has_row((document, scope, branch, label))? {
            self.prepare(sql::FORMER_ROW)?
        } else {
            self.prepare(sql::FORMER_COMPRESSED)?
        };
        let mut found = self.driver("read", statement.query(params![document, scope, branch, label]))?;
        let Some(row) = self.driver("read", found.next())? else { return Ok(None) };
        let decode = || -> Result<_, RowError> {
            Ok((
                rows::text(row.get_ref(0)?, "documentType")?.into(),
                rows::timestamp(row.get_ref(1)?, "createdAt")?,
                codec(row.get_ref(2)?)?,
            ))
        };
        let key = || format!("document {document}, scope {scope}, branch {branch}, revision {label}");
        let (document_type, created, codec) = decode().map_err(|error| self.row_error("Keyframe", error, key))?;
        let body = match self.keyframe_document(stream, revision) {
            Err(StoreError::Corrupt { .. }) => None,
            body => body?,
        };
        let record = self.find_record(sql::RECORD, stream, revision)?;
        let former = Former {
            document_type,
            created,
            codec,
            checksum: body.as_deref().map(Checksum::of),
            body_bytes: body.as_ref().map_or(0, |body| body.len() as u64),
            body_kept: false,
            check: record.as_ref().and_then(|record| record.check.clone()),
            pin: record.and_then(|record| record.pin),
        };
        Ok(Some((former, body)))
    }

    fn put_mutation(&self, mutation: &NewMutation<'_>, before: Option<&Former>) -> Result<MutationId, StoreError> {
        let NewMutation { run, at, kind, stream, revision, .. } = *mutation;
        let (run, revision) = (self.column_number(run.0)?, self.column_number(revision.get())?);
        let check = before.and_then(|before| before.check.as_ref());
        let pin = before.and_then(|before| before.pin.as_ref());
        let (proof, failure) = match check.map(|check| &check.verdict) {
            Some(Verdict::Ok(proof)) => (Some(proof), None),
            Some(Verdict::Failed { code }) => (None, Some(code)),
            None => (None, None),
        };
        let put = self.session().connection.prepare_cached(sql::PUT_MUTATION).and_then(|mut put| {
            put.insert(params![
                run,
                at.as_millis(),
                kind.name(),
                stream.document.as_str(),
                stream.scope.as_str(),
                stream.branch.as_str(),
                revision,
                before.map(|before| before.codec.name()),
                before.map(|before| before.document_type.as_str()),
                before.map(|before| before.created.as_millis()),
                before.and_then(|before| before.checksum.as_ref()).map(Checksum::bytes),
                before.map(|before| i64::try_from(before.body_bytes).unwrap_or(i64::MAX)),
                before.map(|before| before.body_kept),
                check.map(|check| check.checked.as_millis()),
                failure,
                check.map(|check| check.fingerprint.as_str()),
                pin.map(|pin| &pin.reason),
                pin.and_then(|pin| pin.expires).map(Timestamp::as_millis),
                proof.map(|proof| proof.operation_id.as_str()),
                proof.map(|proof| proof.seal.bytes()),
                proof.map(|proof| proof.state_hash.bytes()),
                proof.and_then(|proof| proof.newest).map(Timestamp::as_millis),
            ])
        });
        Ok(MutationId(self.driver("write", put)?.unsigned_abs()))
    }

    fn put_mutation_body(&self, id: MutationId, body: &[u8]) -> Result<(), StoreError> {
        let id = self.column_number(id.0)?;
        let body = self.compressed(body, None)?;
        let put = self.session().connection.prepare_cached(sql::PUT_MUTATION_BODY);
        self.driver("write", put.and_then(|mut put| put.execute(params![id, body])).map(drop))
    }

    /// Sets the one value of a statement for an id, and says whether a row was changed.
    fn set(&self, statement: &str, id: u64, value: i64) -> Result<bool, StoreError> {
        let Ok(id) = i64::try_from(id) else { return Ok(false) };
        let set = self.session().connection.prepare_cached(statement);
        Ok(self.driver("write", set.and_then(|mut set| set.execute([id, value])))? > 0)
    }
}

/// Decodes what [`sql::RUNS`] selects.
fn run(row: &Row<'_>) -> Result<Run, RowError> {
    Ok(Run {
        id: RunId(size(row.get_ref(0)?, "id")?),
        command: rows::text(row.get_ref(1)?, "command")?.to_owned(),
        started: millis(row.get_ref(2)?, "startedAtMs")?,
        finished: match row.get_ref(3)? {
            ValueRef::Null => None,
            value => Some(millis(value, "finishedAtMs")?),
        },
    })
}

/// Decodes what [`sql::MUTATIONS`] selects.
fn mutation(row: &Row<'_>) -> Result<Mutation, RowError> {
    let kind = rows::text(row.get_ref(3)?, "kind")?;
    let no_kind = || BadValue { column: "kind", reason: format!("there is no change {kind:?}") };
    let before = match row.get_ref(9)? {
        ValueRef::Null => None,
        _ => Some(former(row)?),
    };
    Ok(Mutation {
        id: MutationId(size(row.get_ref(0)?, "id")?),
        run: RunId(size(row.get_ref(1)?, "run")?),
        at: millis(row.get_ref(2)?, "atMs")?,
        kind: MutationKind::parse(kind).ok_or_else(no_kind)?,
        stream: StreamKey {
            document: rows::text(row.get_ref(4)?, "documentId")?.into(),
            scope: rows::text(row.get_ref(5)?, "scope")?.into(),
            branch: rows::text(row.get_ref(6)?, "branch")?.into(),
        },
        revision: Revision::of(rows::index(row.get_ref(7)?, "revision")?),
        before,
        undone: match row.get_ref(8)? {
            ValueRef::Null => None,
            value => Some(RunId(size(value, "undoneBy")?)),
        },
    })
}

fn former(row: &Row<'_>) -> Result<Former, RowError> {
    Ok(Former {
        codec: codec(row.get_ref(9)?)?,
        document_type: rows::text(row.get_ref(10)?, "documentType")?.into(),
        created: millis(row.get_ref(11)?, "createdAtMs")?,
        checksum: match row.get_ref(12)? {
            ValueRef::Null => None,
            value => Some(Checksum::from_bytes(bytes(value, "checksum")?)),
        },
        body_bytes: size(row.get_ref(13)?, "bodyBytes")?,
        body_kept: rows::integer(row.get_ref(14)?, "bodyKept")? != 0,
        check: check(row, [15, 16, 17, 20, 21, 22, 23])?,
        pin: pin(row, [18, 19])?,
    })
}
