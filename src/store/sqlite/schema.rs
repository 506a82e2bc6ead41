//! Which of the reference's tables and columns a file has.

use std::borrow::Cow;

use rusqlite::Connection;

use super::sql;

/// The log.
pub(super) const OPERATION: &str = "Operation";
/// The keyframes.
pub(super) const KEYFRAME: &str = "Keyframe";
/// The read model.
pub(super) const SNAPSHOT: &str = "DocumentSnapshot";

const OPERATION_COLUMNS: [&str; 11] = [
    "id",
    "opId",
    "documentId",
    "documentType",
    "scope",
    "branch",
    "timestampUtcMs",
    "index",
    "action",
    "skip",
    "hash",
];
/// Columns a log may lack, and what stands for them when reading.
const OPTIONAL_COLUMNS: [(&str, &str); 5] = [
    ("jobId", "NULL"),
    ("prevOpId", "''"),
    ("writeTimestampUtcMs", "NULL"),
    ("error", "NULL"),
    ("deniedReason", "NULL"),
];
const KEYFRAME_COLUMNS: [&str; 8] =
    ["id", "documentId", "documentType", "scope", "branch", "revision", "document", "createdAt"];

const SNAPSHOT_COLUMNS: [&str; 5] = ["documentId", "scope", "branch", "content", "lastOperationIndex"];

/// What was found in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Schema {
    /// Whether there is a table for keyframes.
    pub(super) keyframes: bool,
    /// Whether there is the read model of the reference, of which only a check takes note.
    pub(super) snapshots: bool,
    /// Optional columns of the log that it lacks, with what stands for them.
    absent: Vec<(&'static str, &'static str)>,
    /// The statement that inserts an operation, without the columns that are absent.
    pub(super) insert_operation: String,
}

/// Why a file cannot be read as a store.
pub(super) enum Misfit {
    /// There is no log in it.
    NoLog,
    /// There is one, and it is different from what we know.
    Different(String),
    /// SQLite did not answer.
    Driver(rusqlite::Error),
}

impl From<rusqlite::Error> for Misfit {
    fn from(error: rusqlite::Error) -> Self {
        Misfit::Driver(error)
    }
}

impl Schema {
    /// Looks at the tables and checks that everything needed is there. Other tables and columns are left alone.
    pub(super) fn of(connection: &Connection) -> Result<Schema, Misfit> {
        let encoding: String = connection.query_row(sql::ENCODING, [], |row| row.get(0))?;
        if encoding != "UTF-8" {
            return Err(Misfit::Different(format!("the texts in it are {encoding}; only UTF-8 is read")));
        }
        let operation = columns(connection, OPERATION)?;
        if operation.is_empty() {
            return Err(Misfit::NoLog);
        }
        require(&operation, OPERATION, &OPERATION_COLUMNS)?;
        let keyframe = columns(connection, KEYFRAME)?;
        if !keyframe.is_empty() {
            require(&keyframe, KEYFRAME, &KEYFRAME_COLUMNS)?;
        }
        let snapshot = columns(connection, SNAPSHOT)?;
        let snapshots = SNAPSHOT_COLUMNS.iter().all(|column| has(&snapshot, column));
        let absent: Vec<_> = OPTIONAL_COLUMNS.into_iter().filter(|(column, _)| !has(&operation, column)).collect();
        let insert_operation = insert_operation(&absent);
        Ok(Schema { keyframes: !keyframe.is_empty(), snapshots, absent, insert_operation })
    }

    /// `statement` with stand-ins for columns that are absent.
    pub(super) fn adapt<'a>(&self, statement: &'a str) -> Cow<'a, str> {
        self.absent.iter().fold(Cow::Borrowed(statement), |statement, (column, instead)| {
            Cow::Owned(statement.replace(&format!("\"{column}\""), instead))
        })
    }

    /// The column, if it is one that the log lacks.
    pub(super) fn lacks(&self, column: &str) -> Option<&'static str> {
        self.absent.iter().map(|(absent, _)| *absent).find(|absent| *absent == column)
    }

    /// What is absent, for people: columns by name, tables as such.
    pub(super) fn absent(&self) -> impl Iterator<Item = String> + '_ {
        let table = (!self.keyframes).then(|| format!("table {KEYFRAME}"));
        self.absent.iter().map(|(column, _)| format!("{OPERATION}.{column}")).chain(table)
    }
}

fn insert_operation(absent: &[(&str, &str)]) -> String {
    let present = |(column, _): &&(&str, &str)| !absent.iter().any(|(absent, _)| *absent == column.trim_matches('"'));
    let (columns, values): (Vec<_>, Vec<_>) = sql::INSERT_OPERATION.iter().filter(present).copied().unzip();
    format!("INSERT INTO \"{OPERATION}\" ({}) VALUES ({})", columns.join(", "), values.join(", "))
}

fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    connection.prepare(sql::COLUMNS)?.query_map([table], |row| row.get(0))?.collect()
}

/// SQLite compares the names of columns without case.
fn has(columns: &[String], column: &str) -> bool {
    columns.iter().any(|known| known.eq_ignore_ascii_case(column))
}

fn require(columns: &[String], table: &str, required: &[&str]) -> Result<(), Misfit> {
    let missing: Vec<&str> = required.iter().copied().filter(|column| !has(columns, column)).collect();
    match missing[..] {
        [] => Ok(()),
        [column] => Err(Misfit::Different(format!("table {table} has no column {column}"))),
        _ => Err(Misfit::Different(format!("table {table} has no columns {}", missing.join(", ")))),
    }
}
