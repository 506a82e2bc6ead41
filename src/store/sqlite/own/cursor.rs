//! Two tables read side by side.

use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator as _;
use rusqlite::{CachedStatement, Row, Rows};

use crate::store::StoreError;
use crate::store::sqlite::Transaction;

/// The rows of a table, which may be absent, one at a time.
pub(super) struct Cursor<'s> {
    /// The table's name, for errors.
    pub(super) table: &'static str,
    rows: Option<Rows<'s>>,
}

impl Transaction<'_> {
    pub(super) fn prepare_if(&self, wanted: bool, statement: &str) -> Result<Option<CachedStatement<'_>>, StoreError> {
        if wanted { self.prepare(statement).map(Some) } else { Ok(None) }
    }

    /// Goes to the first row.
    pub(super) fn open_cursor<'s>(
        &self,
        table: &'static str,
        rows: rusqlite::Result<Option<Rows<'s>>>,
    ) -> Result<Cursor<'s>, StoreError> {
        let mut cursor = Cursor { table, rows: self.driver("read", rows)? };
        self.driver("read", cursor.advance())?;
        Ok(cursor)
    }
}

impl Cursor<'_> {
    /// Goes to the next row.
    pub(super) fn advance(&mut self) -> rusqlite::Result<()> {
        self.rows.as_mut().map_or(Ok(()), Rows::advance)
    }

    /// The row, if there is one left.
    pub(super) fn row(&self) -> Option<&Row<'_>> {
        self.rows.as_ref().and_then(Rows::get)
    }
}
