//! Keyframes of both tables in the order of their insertion.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use rusqlite::{Row, params};

use super::bodies::Body;
use super::{records, sql};
use crate::model::ids::{Branch, Scope, StreamKey};
use crate::store::sqlite::inserted::{key, same_stream};
use crate::store::sqlite::read::{Through, from};
use crate::store::sqlite::rows::{self, BadValue, RowError};
use crate::store::sqlite::schema::KEYFRAME;
use crate::store::sqlite::{Transaction, sql as reference};
use crate::store::{Flow, InsertedKeyframe, Part, Selection, Serial, StoreError};

/// A keyframe by its number. Where several have the same, ours come first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Ticket {
    /// One of ours.
    Compressed { number: i64, document: String, scope: String, branch: String, label: i64 },
    /// One of the reference's.
    Row { number: i64 },
}

/// A visit of keyframes, by ascending number.
struct Visit<'a, 's, 'v> {
    transaction: &'a Transaction<'s>,
    selection: &'a Selection,
    after: Serial,
    last: Option<Serial>,
    stream: Option<StreamKey>,
    visitor: &'v mut dyn FnMut(&InsertedKeyframe<'_>) -> Flow,
}

impl Transaction<'_> {
    pub(in crate::store::sqlite) fn visit_inserted_keyframes(
        &self,
        selection: &Selection,
        after: Serial,
        visit: &mut dyn FnMut(&InsertedKeyframe<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        let mut visit = Visit { transaction: self, selection, after, last: None, stream: None, visitor: visit };
        if selection.parts.is_empty() { visit.all() } else { visit.parts() }
    }
}

impl Visit<'_, '_, '_> {
    /// The row of the statements before the first that is visited.
    fn before(&self) -> Serial {
        Serial::of(self.after.row.saturating_sub(1))
    }

    /// Visits the keyframes of both tables in two scans side by side.
    fn all(&mut self) -> Result<(), StoreError> {
        let transaction = self.transaction;
        let driver = |moved| transaction.driver("read", moved);
        let mut rows = transaction.prepare(reference::INSERTED_KEYFRAMES.all)?;
        let mut compressed = transaction.prepare_if(transaction.has_own()?, sql::INSERTED)?;
        let rows = rows.query([self.before().row]).map(Some);
        let compressed = compressed.as_mut().map(|compressed| compressed.query([self.after.row])).transpose();
        let mut rows = transaction.open_cursor(KEYFRAME, rows)?;
        let mut compressed = transaction.open_cursor(records::KEYFRAME, compressed)?;
        loop {
            let order = match (rows.row(), compressed.row()) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(row), Some(other)) => self.number(row)?.cmp(&self.number(other)?),
            };
            // Of two with one number ours comes first.
            let (cursor, shown) = if order.is_lt() {
                let shown = rows.row().map(|row| self.row(row));
                (&mut rows, shown)
            } else {
                let shown = compressed.row().map(|row| self.compressed(row));
                (&mut compressed, shown)
            };
            if shown.transpose()?.is_some_and(|flow| flow.is_break()) {
                return Ok(());
            }
            driver(cursor.advance())?;
        }
    }

    /// Visits the keyframes of parts of documents, found first.
    fn parts(&mut self) -> Result<(), StoreError> {
        let transaction = self.transaction;
        let mut numbers = Vec::new();
        let mut tickets = BTreeSet::new();
        for part in &self.selection.parts {
            transaction.ids_in(reference::INSERTED_KEYFRAMES.ids, part, self.before(), &mut numbers)?;
            if transaction.has_own()? {
                self.compressed_in(part, &mut tickets)?;
            }
        }
        tickets.extend(numbers.into_iter().map(|number| Ticket::Row { number }));
        let mut tickets: Vec<Ticket> = tickets.into_iter().collect();
        tickets.sort_by_key(|ticket| match ticket {
            Ticket::Compressed { number, .. } => (*number, 0),
            Ticket::Row { number } => (*number, 1),
        });
        for ticket in tickets {
            let flow = match ticket {
                Ticket::Row { number } => {
                    let mut statement = transaction.prepare(reference::INSERTED_KEYFRAMES.one)?;
                    transaction.each_row(&mut statement, number, &mut |row| self.row(row))?
                }
                Ticket::Compressed { document, scope, branch, label, .. } => {
                    let mut statement = transaction.prepare(sql::INSERTED_ONE)?;
                    let found = statement.query(params![document, scope, branch, label]);
                    let mut found = transaction.driver("read", found)?;
                    match transaction.driver("read", found.next())? {
                        Some(row) => self.compressed(row)?,
                        None => Flow::Continue(()),
                    }
                }
            };
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn compressed_in(&self, part: &Part, tickets: &mut BTreeSet<Ticket>) -> Result<(), StoreError> {
        let transaction = self.transaction;
        let mut statement = transaction.prepare(sql::INSERTED_PLACES)?;
        let (scope, branch) = (part.scope.as_ref().map(Scope::as_str), part.branch.as_ref().map(Branch::as_str));
        let (from, through) = (from(part.span), Through(part.span.through));
        let found = statement.query(params![part.document.as_str(), scope, branch, from, through, self.after.row]);
        let mut found = transaction.driver("read", found)?;
        while let Some(row) = transaction.driver("read", found.next())? {
            let ticket = (|| {
                let (number, label) = (row.get(0)?, row.get(4)?);
                Ok(Ticket::Compressed { number, document: row.get(1)?, scope: row.get(2)?, branch: row.get(3)?, label })
            })();
            tickets.insert(transaction.driver("read", ticket)?);
        }
        Ok(())
    }

    fn number(&self, row: &Row<'_>) -> Result<i64, StoreError> {
        let number = || -> Result<i64, RowError> { Ok(rows::integer(row.get_ref(0)?, "id")?) };
        number().map_err(|error| self.transaction.row_error(KEYFRAME, error, || key(row, 1, "revision", 5, 0)))
    }

    /// The place of the next keyframe; `None` if it is to be passed over.
    fn serial(&mut self, number: i64) -> Option<Serial> {
        let nth = self.last.filter(|last| last.row == number).map_or(0, |last| last.nth + 1);
        let serial = Serial { row: number, nth };
        self.last = Some(serial);
        Some(serial).filter(|serial| *serial > self.after || self.after == Serial::START)
    }

    /// Shows a keyframe of the reference's table.
    fn row(&mut self, row: &Row<'_>) -> Result<Flow, StoreError> {
        let transaction = self.transaction;
        self.show(KEYFRAME, row, &|row| {
            let body = row.get_ref(7).map_err(RowError::from).and_then(|stored| transaction.body(stored));
            body.map_err(|error| transaction.row_error(KEYFRAME, error, || key(row, 1, "revision", 5, 0)))
        })
    }

    /// Shows a compressed keyframe.
    fn compressed(&mut self, row: &Row<'_>) -> Result<Flow, StoreError> {
        let transaction = self.transaction;
        self.show(records::KEYFRAME, row, &|row| {
            let known = || -> Result<_, RowError> {
                let (document, scope) =
                    (rows::text(row.get_ref(1)?, "documentId")?, rows::text(row.get_ref(2)?, "scope")?);
                let (branch, label) =
                    (rows::text(row.get_ref(3)?, "branch")?, rows::integer(row.get_ref(5)?, "revision")?);
                Ok(((document, scope, branch, label), Body::decode(row, 7)?))
            };
            let known = known()
                .map_err(|error| transaction.row_error(records::KEYFRAME, error, || key(row, 1, "revision", 5, 0)));
            known.and_then(|(place, body)| transaction.read_body(place, &body))
        })
    }

    /// Shows a keyframe; the columns before the body are the same for both tables.
    fn show(
        &mut self,
        table: &'static str,
        row: &Row<'_>,
        body: &dyn Fn(&Row<'_>) -> Result<Vec<u8>, StoreError>,
    ) -> Result<Flow, StoreError> {
        let transaction = self.transaction;
        let error = |error| transaction.row_error(table, error, || key(row, 1, "revision", 5, 0));
        let Some(serial) = self.serial(self.number(row)?) else { return Ok(Flow::Continue(())) };
        let (selection, last) = (self.selection, &mut self.stream);
        let label = || -> Result<_, RowError> {
            let document_type = rows::text(row.get_ref(4)?, "documentType")?;
            let label = rows::integer(row.get_ref(5)?, "revision")?;
            Ok((document_type, label))
        };
        let (document_type, label) = label().map_err(error)?;
        if !selection.includes_type(document_type) {
            return Ok(Flow::Continue(()));
        }
        let stream = same_stream(last, row, 1).map_err(error)?;
        let created = row.get_ref(6).map_err(RowError::from).and_then(|value| Ok(rows::timestamp(value, "createdAt")?));
        let created = created.map_err(error)?;
        let document = body(row)?;
        let document = std::str::from_utf8(&document).map_err(|bad| {
            let reason = format!("invalid UTF-8 at byte {}", bad.valid_up_to());
            error(BadValue { column: "document", reason }.into())
        })?;
        Ok((self.visitor)(&InsertedKeyframe { serial, stream, label, document_type, created, document }))
    }
}
