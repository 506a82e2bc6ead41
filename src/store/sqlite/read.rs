//! Reading.

use std::fmt::Write as _;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, OptionalExtension as _, Params, Row, params};

use super::rows::{self, BadValue, RowError};
use super::schema::OPERATION;
use super::session::MAX_VALUE_BYTES;
use super::{Transaction, sql};
use crate::model::ids::{Branch, DocumentId, OpIndex, OperationId, Revision, Scope, Span, StreamKey};
use crate::model::operation::{Action, OperationRow, Retraction};
use crate::model::progress::Progress;
use crate::model::time::Timestamp;
use crate::store::check::{Condition, Depth};
use crate::store::{
    Detail, DocumentEntry, Fact, Flow, History, InsertedKeyframe, InsertedOperation, KeyframeEntry, Order, Read,
    ReadModelRow, Records, Selection, Serial, Stamp, Storage, StoreError, StoreInfo, StreamHead,
};

impl Read for Transaction<'_> {
    fn documents(&self, prefix: &str, visit: &mut dyn FnMut(DocumentEntry) -> Flow) -> Result<(), StoreError> {
        self.still(self.visit_documents(prefix, &mut |id| {
            let document_type = self.document_type(&id)?;
            Ok(visit(DocumentEntry { id, document_type: document_type.as_str().into() }))
        }))
    }

    fn orphans(&self) -> Result<Vec<DocumentEntry>, StoreError> {
        if !self.session().schema.keyframes {
            return Ok(Vec::new());
        }
        self.still(self.find_orphans())
    }

    fn streams(&self, document: &DocumentId) -> Result<Vec<StreamHead>, StoreError> {
        self.still(
            self.stream_keys(document)
                .and_then(|streams| streams.into_iter().map(|stream| self.head(&stream)).collect()),
        )
    }

    fn operations(
        &self,
        stream: &StreamKey,
        span: Span,
        order: Order,
        visit: &mut dyn FnMut(&OperationRow<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        let statement = match order {
            Order::Forward => sql::OPERATIONS_FORWARD,
            Order::Backward => sql::OPERATIONS_BACKWARD,
        };
        self.still(self.visit_operations(statement, stream, span, visit))
    }

    fn skips(&self, stream: &StreamKey, span: Span) -> Result<Vec<Retraction>, StoreError> {
        let mut skips = Vec::new();
        self.still(self.visit_rows(sql::SKIPS, stream, span, 4, &mut |row| {
            let index = rows::index(row.get_ref(0)?, "index")?;
            let Some(skip) = rows::skip(row.get_ref(1)?)? else { return Ok(()) };
            let denied = rows::optional_text(row.get_ref(2)?, "deniedReason")?.is_some();
            let noop = self.is_noop(row.get_ref(3)?)?;
            skips.push(Retraction { index, skip, noop, denied });
            Ok(())
        }))?;
        Ok(skips)
    }

    fn find_operation(
        &self,
        document: &DocumentId,
        branch: &Branch,
        scope: Option<&Scope>,
        id: &OperationId,
    ) -> Result<Option<(Scope, OpIndex)>, StoreError> {
        let find = || {
            let mut statement = self.prepare(sql::FIND_OPERATION)?;
            let values = params![document.as_str(), id.as_str(), branch.as_str(), scope.map(Scope::as_str)];
            let mut found = self.driver("read", statement.query(values))?;
            let Some(row) = self.driver("read", found.next())? else { return Ok(None) };
            let decode = || -> Result<_, RowError> {
                Ok((rows::text(row.get_ref(0)?, "scope")?.into(), rows::index(row.get_ref(1)?, "index")?))
            };
            decode().map(Some).map_err(|error| {
                self.row_error(OPERATION, error, || format!("document {document}, operation {id}, {}", row_id(row, 2)))
            })
        };
        self.still(find())
    }

    fn copies(
        &self,
        stream: &StreamKey,
        id: &OperationId,
        visit: &mut dyn FnMut(&OperationRow<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        let StreamKey { document, scope, branch } = stream;
        let values = params![id.as_str(), document.as_str(), scope.as_str(), branch.as_str()];
        self.still(self.visit_selected(sql::COPIES, values, stream, Span::ALL, visit))
    }

    fn newest_time(&self, stream: &StreamKey, span: Span) -> Result<Option<Timestamp>, StoreError> {
        // Texts of different forms do not sort as the times they mean, so SQL cannot find the newest.
        let mut newest = None;
        self.still(self.visit_rows(sql::TIMES, stream, span, 2, &mut |row| {
            newest = newest.max(Some(rows::timestamp(row.get_ref(1)?, "timestampUtcMs")?));
            Ok(())
        }))?;
        Ok(newest)
    }

    fn nearest_keyframe(&self, stream: &StreamKey, at_most: Revision) -> Result<Option<KeyframeEntry>, StoreError> {
        if !self.session().schema.keyframes {
            return Ok(None);
        }
        self.still(self.find_nearest(stream, at_most))
    }

    fn keyframe_document(&self, stream: &StreamKey, revision: Revision) -> Result<Option<Vec<u8>>, StoreError> {
        if !self.session().schema.keyframes {
            return Ok(None);
        }
        self.still(self.find_document(stream, revision))
    }

    fn keyframes(
        &self,
        document: &DocumentId,
        detail: Detail,
        visit: &mut dyn FnMut(&KeyframeEntry) -> Flow,
    ) -> Result<(), StoreError> {
        if !self.session().schema.keyframes {
            return Ok(());
        }
        self.still(self.visit_keyframes(document, detail, visit))
    }

    fn read_model(
        &self,
        document: &DocumentId,
        visit: &mut dyn FnMut(&ReadModelRow<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        if !self.session().schema.snapshots {
            return Ok(());
        }
        self.still(self.visit_read_model(document, visit))
    }

    fn inserted_operations(
        &self,
        selection: &Selection,
        after: Serial,
        visit: &mut dyn FnMut(&InsertedOperation<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        self.still(self.visit_inserted_operations(selection, after, visit))
    }

    fn inserted_keyframes(
        &self,
        selection: &Selection,
        after: Serial,
        visit: &mut dyn FnMut(&InsertedKeyframe<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        if !self.session().schema.keyframes {
            return Ok(());
        }
        self.still(self.visit_inserted_keyframes(selection, after, visit))
    }

    fn last_inserted(&self) -> Result<Serial, StoreError> {
        self.still(self.find_last_inserted())
    }

    fn numbered_keyframes(
        &self,
        storage: Storage,
        from: Serial,
        order: Order,
        visit: &mut dyn FnMut(Serial, &KeyframeEntry) -> Flow,
    ) -> Result<(), StoreError> {
        self.still(self.visit_numbered(storage, from, order, visit))
    }

    fn records(&self) -> &dyn Records {
        self
    }

    fn history(&self) -> &dyn History {
        self
    }

    fn condition(&self, depth: Depth, progress: &(dyn Progress + Sync)) -> Result<Option<Condition>, StoreError> {
        self.still(self.look_at_condition(depth, progress)).map(Some)
    }

    fn info(&self) -> Result<StoreInfo, StoreError> {
        let session = self.session();
        let count = |statement| -> Result<u64, StoreError> {
            self.driver("read", self.prepare(statement)?.query_row([], |row| row.get::<_, i64>(0)))
                .map(i64::unsigned_abs)
        };
        let gather = || {
            let mut documents = 0;
            self.visit_documents("", &mut |_| {
                documents += 1;
                Ok(Flow::Continue(()))
            })?;
            let page_size = count(sql::PAGE_SIZE)?;
            let own = self.own_facts()?;
            let mut details = vec![
                ("absent", Fact::Names(session.schema.absent().collect())),
                ("journal", Fact::Word(if self.mark.wants_wal() { "writeAheadLog" } else { "rollback" })),
                ("opened", Fact::Word(session.way.name())),
                ("pageSizeBytes", Fact::Number(page_size)),
            ];
            details.extend(own);
            details.sort_by_key(|(name, _)| *name);
            Ok(StoreInfo {
                documents,
                operations: count(sql::COUNT_OPERATIONS)?,
                keyframes: self.count_keyframes()?,
                size_bytes: self.mark.size_bytes(),
                details,
            })
        };
        self.still(gather())
    }

    fn stamp(&self) -> Result<Stamp, StoreError> {
        let mut stamp = self.mark.stamp();
        if let Some(change) = self.change {
            // Unique, so that what is not yet committed is never taken for anything else.
            let _ = write!(stamp.0, "+change:{:x}:{change:x}", std::process::id());
        }
        Ok(stamp)
    }

    fn finish(self: Box<Self>) -> Result<(), StoreError> {
        self.check_still()
    }
}

/// The end of a span. Without one it is a blob, which SQLite sorts after all numbers and texts, so that an index
/// of the wrong type is met and reported.
pub(super) struct Through(pub(super) Option<OpIndex>);

impl ToSql for Through {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Some(last) => ValueRef::Integer(i64::try_from(last.get()).unwrap_or(i64::MAX)),
            None => ValueRef::Blob(&[0xff; 8]),
        }))
    }
}

/// The start of a span. From the first operation on, negative indices are met too, and reported. An index that
/// no row can have is after all of them.
pub(super) fn from(span: Span) -> i64 {
    match span.from.get() {
        0 => i64::MIN,
        from => i64::try_from(from).unwrap_or(i64::MAX),
    }
}

pub(super) fn row_id(row: &Row<'_>, column: usize) -> String {
    row.get_ref(column).map_or_else(|error| error.to_string(), |value| format!("id {}", rows::shown(value)))
}

impl Transaction<'_> {
    /// What was read without locks may be torn, which is then the reason of any error.
    pub(super) fn still<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if result.is_err() {
            self.check_still()?;
        }
        result
    }

    pub(super) fn prepare(&self, statement: &str) -> Result<CachedStatement<'_>, StoreError> {
        self.driver("read", self.session().connection.prepare_cached(statement))
    }

    pub(super) fn row_error(&self, table: &'static str, error: RowError, key: impl FnOnce() -> String) -> StoreError {
        match error {
            RowError::Value(BadValue { column, reason }) => StoreError::Corrupt { table, key: key(), column, reason },
            RowError::Driver(error) => super::fault::sort(&self.store.location, "read", error),
        }
    }

    fn visit_operations(
        &self,
        statement: &str,
        stream: &StreamKey,
        span: Span,
        visit: &mut dyn FnMut(&OperationRow<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        let StreamKey { document, scope, branch } = stream;
        let (first, last) = (from(span), Through(span.through));
        let values = params![document.as_str(), scope.as_str(), branch.as_str(), first, last];
        self.visit_selected(statement, values, stream, span, visit)
    }

    /// Visits the rows of a stream that a statement with the columns of `rows::operation` selects.
    fn visit_selected(
        &self,
        statement: &str,
        values: impl Params,
        stream: &StreamKey,
        span: Span,
        visit: &mut dyn FnMut(&OperationRow<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        let session = self.session();
        let mut statement = self.prepare(&session.schema.adapt(statement))?;
        let mut found = self.driver("read", statement.query(values))?;
        let mut converted = Vec::new();
        while let Some(row) = found.next().map_err(|error| self.step_error(stream, span, error))? {
            let operation = rows::operation(row, &session.connection, &mut converted)
                .map_err(|error| self.row_error(OPERATION, error, || operation_key(stream, row, rows::OPERATION_ID)))?;
            if visit(&operation).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Visits rows of a stream whose first column is the index and whose column `id` is the row's id.
    fn visit_rows(
        &self,
        statement: &str,
        stream: &StreamKey,
        span: Span,
        id: usize,
        visit: &mut dyn FnMut(&Row<'_>) -> Result<(), RowError>,
    ) -> Result<(), StoreError> {
        let mut statement = self.prepare(&self.session().schema.adapt(statement))?;
        let StreamKey { document, scope, branch } = stream;
        let mut found = self.driver(
            "read",
            statement.query(params![
                document.as_str(),
                scope.as_str(),
                branch.as_str(),
                from(span),
                Through(span.through)
            ]),
        )?;
        while let Some(row) = found.next().map_err(|error| self.step_error(stream, span, error))? {
            visit(row).map_err(|error| self.row_error(OPERATION, error, || operation_key(stream, row, id)))?;
        }
        Ok(())
    }

    /// Why the next row of a stream did not come. If a value of it is too large, the row is looked for and named.
    fn step_error(&self, stream: &StreamKey, span: Span, error: rusqlite::Error) -> StoreError {
        let plain = |error| super::fault::sort(&self.store.location, "read", error);
        if error.sqlite_error_code() != Some(rusqlite::ErrorCode::TooBig) {
            return plain(error);
        }
        let find = || {
            let connection = &self.session().connection;
            let mut statement = connection.prepare(&self.session().schema.adapt(sql::OVERSIZED))?;
            let StreamKey { document, scope, branch } = stream;
            let (first, last) = (from(span), Through(span.through));
            let parameters = params![document.as_str(), scope.as_str(), branch.as_str(), first, last, MAX_VALUE_BYTES];
            statement.query_row(parameters, |row| Ok((operation_key(stream, row, 1), row.get::<_, u8>(2)?)))
        };
        match find() {
            Ok((key, column)) => StoreError::Corrupt {
                table: OPERATION,
                key,
                column: sql::TEXT_COLUMNS[usize::from(column)],
                reason: too_big(),
            },
            Err(_) => plain(error),
        }
    }

    /// The text that a statement of one text column answers, if it answers any.
    fn next_text(
        &self,
        statement: &str,
        parameters: &[&str],
        column: &'static str,
        key: impl FnOnce() -> String,
    ) -> Result<Option<String>, StoreError> {
        let mut statement = self.prepare(statement)?;
        let mut found = self.driver("read", statement.query(rusqlite::params_from_iter(parameters)))?;
        let Some(row) = self.driver("read", found.next())? else { return Ok(None) };
        let text = self.driver("read", row.get_ref(0))?;
        let text = rows::text(text, column).map_err(|bad| self.row_error(OPERATION, bad.into(), key))?;
        Ok(Some(text.to_owned()))
    }

    fn visit_documents(
        &self,
        prefix: &str,
        visit: &mut dyn FnMut(DocumentId) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError> {
        let key = |known: &str| format!("the first documentId after {known:?}");
        let mut next = self.next_text(sql::DOCUMENT_FROM, &[prefix], "documentId", || key(prefix))?;
        while let Some(document) = next.filter(|document| document.starts_with(prefix)) {
            if visit(document.as_str().into())?.is_break() {
                break;
            }
            next = self.next_text(sql::DOCUMENT_AFTER, &[&document], "documentId", || key(&document))?;
        }
        Ok(())
    }

    /// The streams of a document, by branch and scope.
    fn stream_keys(&self, document: &DocumentId) -> Result<Vec<StreamKey>, StoreError> {
        let mut streams = Vec::new();
        let id = document.as_str();
        let scope_key = || format!("document {document}, a scope");
        let mut next_scope = self.next_text(sql::SCOPE_FROM, &[id, ""], "scope", scope_key)?;
        while let Some(scope) = next_scope {
            let branch_key = || format!("document {document}, scope {scope}, a branch");
            let mut next_branch = self.next_text(sql::BRANCH_FROM, &[id, &scope, ""], "branch", branch_key)?;
            while let Some(branch) = next_branch {
                next_branch = self.next_text(sql::BRANCH_AFTER, &[id, &scope, &branch], "branch", branch_key)?;
                streams.push(StreamKey {
                    document: document.clone(),
                    scope: scope.as_str().into(),
                    branch: branch.into(),
                });
            }
            next_scope = self.next_text(sql::SCOPE_AFTER, &[id, &scope], "scope", scope_key)?;
        }
        streams.sort_by(|a, b| (&a.branch, &a.scope).cmp(&(&b.branch, &b.scope)));
        Ok(streams)
    }

    fn head(&self, stream: &StreamKey) -> Result<StreamHead, StoreError> {
        let mut statement = self.prepare(sql::HEAD)?;
        let StreamKey { document, scope, branch } = stream;
        let mut found = self.driver("read", statement.query([document.as_str(), scope.as_str(), branch.as_str()]))?;
        let row = self.driver("read", found.next())?.ok_or_else(|| self.vanished(stream))?;
        let decode = || -> Result<OpIndex, RowError> { Ok(rows::index(row.get_ref(0)?, "index")?) };
        let head = decode().map_err(|error| self.row_error(OPERATION, error, || operation_key(stream, row, 1)))?;
        Ok(StreamHead { branch: branch.clone(), scope: scope.clone(), head: Revision::of(head) })
    }

    /// The type of a document as its first row names it: the first of the first rows of its streams.
    fn document_type(&self, document: &DocumentId) -> Result<String, StoreError> {
        let mut first: Option<i64> = None;
        for stream in self.stream_keys(document)? {
            let StreamKey { document, scope, branch } = &stream;
            let id: Option<i64> = self.driver(
                "read",
                self.prepare(sql::FIRST_ROW)?
                    .query_row([document.as_str(), scope.as_str(), branch.as_str()], |row| row.get(0))
                    .optional(),
            )?;
            first = first.into_iter().chain(id).min();
        }
        let id = first.ok_or_else(|| self.lost(&format!("document {document}")))?;
        let mut statement = self.prepare(sql::DOCUMENT_TYPE)?;
        let mut found = self.driver("read", statement.query(params![id, document.as_str()]))?;
        let row =
            self.driver("read", found.next())?.ok_or_else(|| self.lost(&format!("document {document}, id {id}")))?;
        let decode = || -> Result<String, RowError> { Ok(rows::text(row.get_ref(0)?, "documentType")?.to_owned()) };
        decode().map_err(|error| self.row_error(OPERATION, error, || format!("document {document}, id {id}")))
    }

    fn vanished(&self, stream: &StreamKey) -> StoreError {
        self.lost(&format!("stream {stream}"))
    }

    /// An index names a row that the table does not have, or the other way round.
    fn lost(&self, what: &str) -> StoreError {
        let source = format!("{what} is in one index of table {OPERATION} and not in another");
        StoreError::Damaged { location: self.store.location.clone(), source: source.into() }
    }

    fn is_noop(&self, action: ValueRef<'_>) -> Result<bool, RowError> {
        let text = rows::json(action, &self.session().connection)?;
        let text = text.ok_or_else(|| rows::wrong(action, "action", "JSON"))?;
        let action = Action::parse(&text).map_err(|error| BadValue { column: "action", reason: error.to_string() })?;
        Ok(action.kind.as_str() == Some("NOOP"))
    }
}

/// What is wrong with a value that SQLite does not hand out.
pub(super) fn too_big() -> String {
    format!("it is larger than {MAX_VALUE_BYTES} bytes, the most that is read")
}

/// A row of the log as a person would look for it.
fn operation_key(stream: &StreamKey, row: &Row<'_>, id: usize) -> String {
    let index = row.get_ref(0).map_or_else(|error| error.to_string(), rows::shown);
    let StreamKey { document, scope, branch } = stream;
    format!("document {document}, scope {scope}, branch {branch}, index {index}, {}", row_id(row, id))
}
