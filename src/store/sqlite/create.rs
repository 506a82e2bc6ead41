//! Making a store.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::TransactionBehavior;

use super::session::{Way, connect};
use super::{SqliteStore, fault, open_as, sql};
use crate::store::{Access, Options, StoreError};

/// Makes a new store with the tables of the reference, and opens it to be changed. An empty file counts as none: it
/// holds nothing, and a process that is stopped in here leaves one.
///
/// # Errors
/// `Exists` if anything is there; `Busy` if another process is making it and does not finish; `Unavailable`.
pub fn create(path: &Path) -> Result<SqliteStore, StoreError> {
    create_as(path.display().to_string(), path, &Options { access: Access::Change, ..Options::default() })
}

/// [`create`], with the name that messages use.
pub(in crate::store) fn create_as(location: String, path: &Path, options: &Options) -> Result<SqliteStore, StoreError> {
    let exists = || StoreError::Exists { location: location.clone() };
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if !path.metadata().is_ok_and(|there| there.is_file() && there.len() == 0) {
                return Err(exists());
            }
        }
        Err(error) => {
            let source = error.into();
            return Err(StoreError::Unavailable { location, action: "create", source });
        }
    }
    let timeout = Duration::from_millis(options.busy_timeout_ms.map_or(0, std::num::NonZeroU64::get));
    // An empty file is left behind where this fails: another process may be about to fill it.
    match make_tables(path, timeout).map_err(|error| fault::sort(&location, "create", error))? {
        Made::Now => open_as(location, path, options),
        Made::Before => Err(exists()),
    }
}

/// Who made the tables.
enum Made {
    Now,
    Before,
}

/// Makes the tables in one transaction, unless another process was faster.
fn make_tables(path: &Path, timeout: Duration) -> rusqlite::Result<Made> {
    let path = path.canonicalize().map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let mut connection = connect(&path, Way::Changing, timeout)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let tables: i64 = transaction.query_row(sql::COUNT_TABLES, [], |row| row.get(0))?;
    if tables > 0 {
        return Ok(Made::Before);
    }
    transaction.execute_batch(sql::CREATE)?;
    transaction.commit()?;
    Ok(Made::Now)
}
