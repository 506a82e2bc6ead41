//! Whose a file is, and how it is made and made anew.

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Transaction, TransactionBehavior};

use super::session::Opened;
use super::sql;
use super::trouble::{Trouble, WarningKind};
use crate::cache::FORMAT;

/// In the header of every file of ours (<https://www.sqlite.org/fileformat.html#application_id>).
const APPLICATION: i32 = 0x736E_4344;

/// The form of the tables.
const SCHEMA: u32 = 1;

/// Of files and of us. Files of a lower one are emptied, those of a higher one left alone.
pub(super) const VERSION: i32 = version(SCHEMA, FORMAT);

const fn version(schema: u32, format: u32) -> i32 {
    assert!(schema < 1 << 15 && format < 1 << 16);
    (schema << 16 | format).cast_signed()
}

/// Tells a file from what it becomes when it is made anew.
pub(super) type Made = Vec<u8>;

/// Whose a file is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Nobody's: there is nothing in it.
    Nobody,
    /// Ours, and of this version.
    Us(Made),
}

/// Looks at a file that is open, at one moment of it. Whatever is wrong with it is an error.
pub(super) fn owner(connection: &Connection) -> Result<Owner, Trouble> {
    let _moment = connection.is_autocommit().then(|| connection.unchecked_transaction()).transpose()?;
    let application: i32 = connection.query_row(sql::APPLICATION, [], |row| row.get(0))?;
    let version: i32 = connection.query_row(sql::VERSION, [], |row| row.get(0))?;
    match (application, version) {
        (APPLICATION, VERSION) => Ok(Owner::Us(connection.query_row(sql::MADE, [], |row| row.get(0))?)),
        (APPLICATION, older) if older < VERSION => Err(Trouble::Outdated),
        (APPLICATION, newer) => Err(Trouble::Told(WarningKind::Newer, format!("version {newer:#x}"))),
        (0, 0) if connection.query_row(sql::N_TABLES, [], |row| row.get::<_, i64>(0))? == 0 => Ok(Owner::Nobody),
        _ => Err(Trouble::Told(WarningKind::Foreign, String::new())),
    }
}

/// Whether a transaction sees our tables; makes them, if it may and there is nothing.
pub(super) fn enter(transaction: &Transaction<'_>, may_create: bool) -> Result<(), Trouble> {
    let version = transaction.prepare_cached(sql::VERSION)?.query_row([], |row| row.get::<_, i32>(0))?;
    if version == VERSION {
        return Ok(());
    }
    match owner(transaction)? {
        Owner::Us(_) => Ok(()),
        Owner::Nobody if may_create => create(transaction),
        Owner::Nobody => Err(Trouble::Absent),
    }
}

fn create(transaction: &Transaction<'_>) -> Result<(), Trouble> {
    transaction.execute_batch(sql::CREATE)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(())
}

/// Empties a file that is damaged or of an older version, unless somebody else did so since `seen` was read from it;
/// says whether it did.
///
/// The file is not removed: other processes may have it open, and would go on with one that has no name, or with the log
/// of another one. SQLite empties it in place, under its locks, whatever is in it
/// (<https://www.sqlite.org/c3ref/c_dbconfig_defensive.html>, `SQLITE_DBCONFIG_RESET_DATABASE`).
///
/// # Errors
/// `Broken` if it is damaged in a way that does not show that it is ours.
pub(super) fn make_anew(opened: &Opened, seen: Option<&Made>) -> Result<bool, Trouble> {
    let connection = &opened.connection;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, false)?;
    let mut looks = 0;
    loop {
        match opened.owner() {
            Ok(Owner::Us(made)) if Some(&made) != seen => return Ok(false),
            Ok(_) | Err(Trouble::Outdated) => break,
            Err(Trouble::Damaged(_)) if is_ours(connection) => break,
            // Somebody may empty it between the two looks.
            Err(Trouble::Damaged(_)) if looks < 10 => looks += 1,
            Err(Trouble::Damaged(detail)) => return Err(Trouble::Told(WarningKind::Broken, detail)),
            Err(other) => return Err(other),
        }
    }
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_RESET_DATABASE, true)?;
    let emptied = connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; VACUUM");
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_RESET_DATABASE, false)?;
    emptied?;
    prepare_empty(connection)?;
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    enter(&transaction, true)?;
    transaction.commit()?;
    Ok(true)
}

/// Whether a damaged file may be emptied: it has our number, or is not a database at all, in the folder and under the name
/// that are ours.
fn is_ours(connection: &Connection) -> bool {
    // A file that was cut off shows its number to those only who say that they write into the schema.
    let mend = |on| connection.set_db_config(DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, on).is_ok();
    let application = mend(true).then(|| connection.query_row(sql::APPLICATION, [], |row| row.get::<_, i32>(0)));
    mend(false);
    // Shorter than the shortest page: no database is.
    let is_short = connection.path().and_then(|path| std::fs::metadata(path).ok()).is_some_and(|file| file.len() < 512);
    match application {
        _ if is_short => true,
        Some(Ok(application)) => application == APPLICATION,
        Some(Err(error)) => error.sqlite_error_code() == Some(ErrorCode::NotADatabase),
        None => false,
    }
}

/// What a file has to be told before its first table: pages can be given back, and readers do not wait for writers
/// (<https://www.sqlite.org/wal.html>).
pub(super) fn prepare_empty(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).optional()?;
    Ok(())
}
