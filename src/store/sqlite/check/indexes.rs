//! Indexes that are missing, and such that are not needed.

use rusqlite::OptionalExtension as _;

use super::{Check, Checked, sql};
use crate::store::StoreError;
use crate::store::check::{Code, FileCheck, Remedy, Severity};
use crate::store::sqlite::Transaction;
use crate::store::sqlite::schema::{KEYFRAME, OPERATION};

/// An index that the reference makes (reactor format §2.1 and §2.2).
struct Wanted {
    table: &'static str,
    name: &'static str,
    columns: &'static [&'static str],
    /// Whether no two rows may have the same values; otherwise rows with the same values are to be in the order of their
    /// numbers.
    unique: bool,
}

const STREAM: [&str; 4] = ["documentId", "scope", "branch", "index"];

/// Those whose work no other one of them does.
const WANTED: [Wanted; 5] = [
    Wanted { table: OPERATION, name: "unique_revision", columns: &STREAM, unique: true },
    Wanted { table: OPERATION, name: "unique_operation_instance", columns: &["opId", "index", "skip"], unique: true },
    Wanted { table: OPERATION, name: "streamOperations", columns: &["documentId", "scope", "branch"], unique: false },
    Wanted { table: OPERATION, name: "branchlessStreamOperations", columns: &["documentId", "scope"], unique: false },
    Wanted {
        table: KEYFRAME,
        name: "unique_keyframe",
        columns: &["documentId", "scope", "branch", "revision"],
        unique: true,
    },
];

/// The index of the reference that its own unique key makes superfluous.
const KNOWN_REDUNDANT: &str = "keyframe_lookup";

/// An index of a table.
pub(super) struct Index {
    name: String,
    unique: bool,
    /// Whether a constraint of the table has made it, so that it cannot be dropped.
    is_constraint: bool,
    /// Whether it has only some of the rows.
    partial: bool,
    columns: Vec<Column>,
}

#[derive(PartialEq, Eq)]
struct Column {
    /// `None` is an expression.
    name: Option<String>,
    descending: bool,
    collation: String,
}

impl Index {
    /// Whether it keeps rows from having these columns in common.
    pub(super) fn makes_unique(&self, columns: &[&str]) -> bool {
        self.unique && !self.partial && self.columns.len() == columns.len() && self.begins_with(columns)
    }

    fn begins_with(&self, columns: &[&str]) -> bool {
        self.columns.len() >= columns.len()
            && self.columns.iter().zip(columns).all(|(column, name)| column.is_named(name) && column.is_plain())
    }

    /// Whether it finds rows by these columns, in the order of their numbers.
    fn lists_by(&self, columns: &[&str], rowid: Option<&str>) -> bool {
        let next = self.columns.get(columns.len());
        !self.partial
            && self.begins_with(columns)
            && next.is_none_or(|next| rowid.is_some_and(|rowid| next.is_named(rowid)))
    }

    /// Whether all that it does is done by another one.
    fn is_covered_by(&self, other: &Index) -> bool {
        !self.is_constraint
            && !self.unique
            && !self.partial
            && !other.partial
            && self.columns.len() <= other.columns.len()
            && self.columns.iter().zip(&other.columns).all(|(a, b)| a.name.is_some() && a == b)
    }
}

impl Column {
    fn is_named(&self, name: &str) -> bool {
        self.name.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(name))
    }

    fn is_plain(&self) -> bool {
        self.collation.eq_ignore_ascii_case("BINARY")
    }
}

impl Check<'_> {
    pub(super) fn indexes(&mut self) -> Checked {
        let read = self.transaction;
        let mut statement = read.prepare(sql::TABLES)?;
        let tables = statement.query_map([], |row| row.get::<_, String>(0)).and_then(Iterator::collect);
        let tables: Vec<String> = read.driver("read", tables)?;
        for table in &tables {
            let indexes = read.indexes_of(table)?;
            self.missing(table, &indexes)?;
            self.redundant(table, &indexes)?;
        }
        Ok(())
    }

    fn missing(&mut self, table: &str, indexes: &[Index]) -> Checked {
        for wanted in WANTED.iter().filter(|wanted| wanted.table == table) {
            let rowid = self.transaction.rowid_of(table)?;
            let is_there = |index: &Index| {
                if wanted.unique {
                    index.makes_unique(wanted.columns)
                } else {
                    index.lists_by(wanted.columns, rowid.as_deref())
                }
            };
            if indexes.iter().any(is_there) {
                continue;
            }
            let names = wanted.columns.iter().copied().chain(rowid.as_deref().filter(|_| !wanted.unique));
            let columns = names.map(quoted).collect::<Vec<_>>().join(", ");
            let (unique, what) = if wanted.unique { ("UNIQUE ", "unique key") } else { ("", "index") };
            let name = wanted.name;
            // One of that name may be there, with other columns.
            let taken = indexes.iter().any(|index| index.name.eq_ignore_ascii_case(name));
            let drop = if taken { format!("DROP INDEX {}; ", quoted(name)) } else { String::new() };
            let sql = format!("{drop}CREATE {unique}INDEX {} ON {} ({columns})", quoted(name), quoted(table));
            let message = format!("table {table} lacks the {what} {name}");
            self.find(Code::IndexMissing, 1, message, Some(Remedy::Sql(sql)));
        }
        Ok(())
    }

    fn redundant(&mut self, table: &str, indexes: &[Index]) -> Checked {
        for (n, index) in indexes.iter().enumerate() {
            // Of two that are the same one stays.
            let covers = |(m, other): &(usize, &Index)| {
                *m != n && index.is_covered_by(other) && (*m < n || !other.is_covered_by(index))
            };
            let Some((_, other)) = indexes.iter().enumerate().find(covers) else { continue };
            let bytes = match self.depth.file {
                FileCheck::Whole => self.transaction.index_bytes(&index.name)?,
                FileCheck::Quick => None,
            };
            let costs = bytes.map(|bytes| format!(", and takes {bytes} bytes")).unwrap_or_default();
            let message =
                format!("index {} of table {table} does nothing that {} does not{costs}", index.name, other.name);
            let sql = format!("DROP INDEX {}", quoted(&index.name));
            let finding = self.find(Code::IndexRedundant, 1, message, Some(Remedy::Sql(sql)));
            if index.name == KNOWN_REDUNDANT {
                // The reference makes it again, and nothing is wrong with that.
                finding.severity = Severity::Note;
            }
        }
        Ok(())
    }
}

impl Transaction<'_> {
    /// The indexes of a table, those that its constraints have made first.
    pub(super) fn indexes_of(&self, table: &str) -> Result<Vec<Index>, StoreError> {
        let mut statement = self.prepare(sql::INDEXES)?;
        let listed = statement
            .query_map([table], |row| {
                let (name, unique, origin, partial) = (row.get(0)?, row.get(1)?, row.get::<_, String>(2)?, row.get(3)?);
                Ok(Index { name, unique, is_constraint: origin != "c", partial, columns: Vec::new() })
            })
            .and_then(Iterator::collect);
        let mut indexes: Vec<Index> = self.driver("read", listed)?;
        let mut statement = self.prepare(sql::INDEX_COLUMNS)?;
        for index in &mut indexes {
            let column = |row: &rusqlite::Row<'_>| {
                let collation = row.get::<_, Option<String>>(2)?.unwrap_or_default();
                Ok(Column { name: row.get(0)?, descending: row.get(1)?, collation })
            };
            let columns = statement.query_map([&index.name], column).and_then(Iterator::collect);
            index.columns = self.driver("read", columns)?;
        }
        Ok(indexes)
    }

    fn rowid_of(&self, table: &str) -> Result<Option<String>, StoreError> {
        let found = self.prepare(sql::ROWID)?.query_row([table], |row| row.get(0)).optional();
        self.driver("read", found)
    }

    /// Bytes that an index takes; `None` if SQLite was built without what says it.
    fn index_bytes(&self, index: &str) -> Result<Option<u64>, StoreError> {
        let Ok(mut statement) = self.prepare(sql::INDEX_BYTES) else { return Ok(None) };
        let bytes = statement.query_row([index], |row| row.get::<_, i64>(0)).optional();
        Ok(self.driver("read", bytes)?.map(i64::unsigned_abs))
    }
}

/// A name as it stands in SQL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
