//! What SQLite's error codes mean to a caller.

use std::io;

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::store::StoreError;

/// Sorts an error of SQLite by what can be done about it.
pub(super) fn sort(location: &str, action: &'static str, error: rusqlite::Error) -> StoreError {
    let location = location.to_owned();
    // A value of another kind than its table holds, in a column that is read without naming its row.
    if let rusqlite::Error::InvalidColumnType(..)
    | rusqlite::Error::IntegralValueOutOfRange(..)
    | rusqlite::Error::FromSqlConversionFailure(..) = error
    {
        return StoreError::Damaged { location, source: Box::new(error) };
    }
    let Some(code) = error.sqlite_error().copied() else {
        return StoreError::Unavailable { location, action, source: Box::new(error) };
    };
    match (code.code, code.extended_code) {
        (_, ffi::SQLITE_READONLY_ROLLBACK) => StoreError::NeedsRecovery {
            location,
            reason: "a -journal file is beside it and nobody is writing; open it once with the program it belongs to"
                .into(),
        },
        (_, ffi::SQLITE_READONLY_RECOVERY | ffi::SQLITE_READONLY_CANTINIT) => StoreError::NeedsRecovery {
            location,
            reason: "the index of its -wal file is broken; open it once with the program it belongs to".into(),
        },
        (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => StoreError::Busy { location },
        // A value beyond any that is read; see `session::MAX_VALUE_BYTES`.
        (ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TooBig, _) => {
            StoreError::Damaged { location, source: Box::new(error) }
        }
        (ErrorCode::ReadOnly, _) => StoreError::ReadOnly { location },
        (ErrorCode::DiskFull, _) => {
            let source = Box::new(io::Error::new(io::ErrorKind::StorageFull, error));
            StoreError::Unavailable { location, action, source }
        }
        // Of that file only the size is ever asked for, which fails for nothing else.
        (_, ffi::SQLITE_IOERR_SHMSIZE) => {
            let reason = "the disk is full: there is no room for the index of its write-ahead log";
            let source = Box::new(io::Error::new(io::ErrorKind::StorageFull, reason));
            StoreError::Unavailable { location, action, source }
        }
        _ => StoreError::Unavailable { location, action, source: Box::new(error) },
    }
}
