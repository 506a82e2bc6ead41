//! Reading everything, in the order of insertion.

use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Row, params};

use super::read::{Through, from, row_id};
use super::rows::{self, BadValue, RowError};
use super::schema::OPERATION;
use super::{Transaction, sql};
use crate::model::ids::{Branch, Scope, StreamKey};
use crate::model::operation::OperationRow;
use crate::store::{Flow, InsertedOperation, Part, Previous, Selection, Serial, StoreError};

/// Positions behind those of `rows::operation`.
const STREAM: usize = 11;
const WRITTEN: usize = 14;
const JOB: usize = 15;

impl Transaction<'_> {
    pub(super) fn visit_inserted_operations(
        &self,
        selection: &Selection,
        after: Serial,
        visit: &mut dyn FnMut(&InsertedOperation<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        let session = self.session();
        let mut stream = None;
        let mut converted = Vec::new();
        self.visit_inserted(&sql::INSERTED_OPERATIONS, selection, after, &mut |row| {
            let mut decode = || -> Result<Flow, RowError> {
                let document_type = rows::text(row.get_ref(4)?, "documentType")?;
                if !selection.includes_type(document_type) {
                    return Ok(Flow::Continue(()));
                }
                let serial = Serial::of(rows::integer(row.get_ref(rows::OPERATION_ID)?, "id")?);
                let stream = same_stream(&mut stream, row, STREAM)?;
                // What is of no interest need not decode.
                if !selection.includes_document(&stream.document) {
                    return Ok(Flow::Continue(()));
                }
                let texts = (row.get_ref(7)?, row.get_ref(8)?);
                let operation = OperationRow {
                    error: stored_text(texts.0, "error")?,
                    denied: stored_text(texts.1, "deniedReason")?,
                    ..rows::operation(row, &session.connection, &mut converted)?
                };
                if !selection.includes(stream, operation.index, document_type) {
                    return Ok(Flow::Continue(()));
                }
                let written = match row.get_ref(WRITTEN)? {
                    ValueRef::Null => None,
                    value => Some(rows::timestamp(value, "writeTimestampUtcMs")?),
                };
                Ok(visit(&InsertedOperation {
                    serial,
                    stream,
                    row: operation,
                    previous: match session.schema.lacks("prevOpId") {
                        Some(_) => Previous::Derived,
                        None => Previous::Given,
                    },
                    written,
                    job_id: stored_text(row.get_ref(JOB)?, "jobId")?,
                }))
            };
            decode()
                .map_err(|error| self.row_error(OPERATION, error, || key(row, STREAM, "index", 0, rows::OPERATION_ID)))
        })
    }

    /// Visits the rows of a table in the order of their ids: all of them in one scan, or those of the parts of
    /// `selection` one by one. Where few rows follow, there is one scan of these, too: to find those of a document takes a
    /// look at all that it has.
    fn visit_inserted(
        &self,
        statements: &sql::Inserted,
        selection: &Selection,
        after: Serial,
        visit: &mut dyn FnMut(&Row<'_>) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError> {
        let adapt = |statement| self.session().schema.adapt(statement);
        if selection.parts.is_empty() || self.few_follow(after)? {
            return self.each_row(&mut self.prepare(&adapt(statements.all))?, after.row, visit).map(drop);
        }
        let mut ids = Vec::new();
        for part in &selection.parts {
            self.ids_in(statements.ids, part, after, &mut ids)?;
        }
        ids.sort_unstable();
        ids.dedup();
        let mut statement = self.prepare(&adapt(statements.one))?;
        for id in ids {
            if self.each_row(&mut statement, id, visit)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Whether there are few operations behind a number, however many there are before it.
    fn few_follow(&self, after: Serial) -> Result<bool, StoreError> {
        const FEW: i64 = 4096;
        if after == Serial::START {
            return Ok(false);
        }
        Ok(self.find_last_inserted()?.row.saturating_sub(after.row) <= FEW)
    }

    pub(super) fn find_last_inserted(&self) -> Result<Serial, StoreError> {
        let mut statement = self.prepare(sql::LAST_INSERTED)?;
        let last: Option<i64> = self.driver("read", statement.query_row([], |row| row.get(0)))?;
        Ok(last.map_or(Serial::START, Serial::of))
    }

    pub(super) fn each_row(
        &self,
        statement: &mut CachedStatement<'_>,
        parameter: i64,
        visit: &mut dyn FnMut(&Row<'_>) -> Result<Flow, StoreError>,
    ) -> Result<Flow, StoreError> {
        let mut found = self.driver("read", statement.query([parameter]))?;
        while let Some(row) = self.driver("read", found.next())? {
            if visit(row)?.is_break() {
                return Ok(Flow::Break(()));
            }
        }
        Ok(Flow::Continue(()))
    }

    pub(super) fn ids_in(
        &self,
        statement: &str,
        part: &Part,
        after: Serial,
        ids: &mut Vec<i64>,
    ) -> Result<(), StoreError> {
        let mut statement = self.prepare(statement)?;
        let (scope, branch) = (part.scope.as_ref().map(Scope::as_str), part.branch.as_ref().map(Branch::as_str));
        let (from, through) = (from(part.span), Through(part.span.through));
        let found = statement.query(params![part.document.as_str(), scope, branch, from, through, after.row]);
        let mut found = self.driver("read", found)?;
        while let Some(row) = self.driver("read", found.next())? {
            ids.push(self.driver("read", row.get(0))?);
        }
        Ok(())
    }
}

/// The stream that the three columns from `at` on name, made anew only when it is another than before.
pub(super) fn same_stream<'s>(
    last: &'s mut Option<StreamKey>,
    row: &Row<'_>,
    at: usize,
) -> Result<&'s StreamKey, RowError> {
    let document = rows::text(row.get_ref(at)?, "documentId")?;
    let scope = rows::text(row.get_ref(at + 1)?, "scope")?;
    let branch = rows::text(row.get_ref(at + 2)?, "branch")?;
    let same = last.take().filter(|last| last.document == *document && last.scope == *scope && last.branch == *branch);
    let stream =
        same.unwrap_or_else(|| StreamKey { document: document.into(), scope: scope.into(), branch: branch.into() });
    Ok(last.insert(stream))
}

/// A text that may be absent; an empty one is there.
fn stored_text<'r>(value: ValueRef<'r>, column: &'static str) -> Result<Option<&'r str>, BadValue> {
    match value {
        ValueRef::Null => Ok(None),
        _ => rows::text(value, column).map(Some),
    }
}

/// A row as a person would look for it.
pub(super) fn key(row: &Row<'_>, stream: usize, position: &str, at: usize, id: usize) -> String {
    let part = |column| row.get_ref(column).map_or_else(|error| error.to_string(), rows::shown);
    let (document, scope, branch) = (part(stream), part(stream + 1), part(stream + 2));
    format!("document {document}, scope {scope}, branch {branch}, {position} {}, {}", part(at), row_id(row, id))
}
