//! What can be wrong with the file, and what is said of it.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::{ErrorCode, ffi};

/// Why the tier had nothing or took nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// There is no file, or nothing in it: nothing is wrong.
    Absent,
    /// The file was moved or removed while it was open.
    Moved,
    /// Its bytes are not what they should be.
    Damaged(String),
    /// An older version made it.
    Outdated,
    /// What users hear of as it is.
    Told(WarningKind, String),
}

/// What was wrong with the file of the disk tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WarningKind {
    /// Another process had it for longer than was waited.
    Locked,
    /// There is no room for more.
    Full,
    /// It can be read, and not be written.
    ReadOnly,
    /// It cannot be opened, made, read or written.
    OutOfReach,
    /// It is a database of another program. It is left alone.
    Foreign,
    /// A newer version made it. It is left alone.
    Newer,
    /// An older version made it. It was emptied.
    Outdated,
    /// It was damaged. It was emptied.
    Damaged,
    /// It is damaged, and was not emptied: that did not help before, or it cannot be seen to be ours.
    Broken,
}

/// Something that a user may want to know. Answers are right all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What it is.
    pub kind: WarningKind,
    /// The file.
    pub path: PathBuf,
    /// What SQLite or the system said; may be empty.
    pub detail: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Warning { kind, path, detail } = self;
        let what = match kind {
            WarningKind::Locked => "is locked by another process: it is passed over for now",
            WarningKind::Full => "cannot grow, the disk is full: nothing more is kept in it",
            WarningKind::ReadOnly => "cannot be written: nothing more is kept in it",
            WarningKind::OutOfReach => "is out of reach: it is passed over",
            WarningKind::Foreign => {
                "is a database of another program: it is left alone; move it away, or set another folder"
            }
            WarningKind::Newer => "was made by a newer version: it is left alone; update, or set another folder",
            WarningKind::Outdated => "was made by an older version: it begins anew",
            WarningKind::Damaged => "was damaged: it begins anew",
            WarningKind::Broken => "is damaged: it is passed over; remove it, and it begins anew",
        };
        write!(f, "the disk cache {} {what}", path.display())?;
        if detail.is_empty() { Ok(()) } else { write!(f, " ({detail})") }
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        let detail = error.to_string();
        let Some(code) = error.sqlite_error() else {
            // A value of another kind than the statement gives, or no row where there always is one.
            return Trouble::Damaged(detail);
        };
        let told = |kind| Trouble::Told(kind, detail.clone());
        match (code.code, code.extended_code) {
            (_, ffi::SQLITE_READONLY_DBMOVED) => Trouble::Moved,
            (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed, _) => {
                told(WarningKind::Locked)
            }
            (ErrorCode::DiskFull, _) => told(WarningKind::Full),
            (ErrorCode::ReadOnly, _) => told(WarningKind::ReadOnly),
            // The last four: the statements are right, so it is the tables that are not what they were made as.
            (_, ffi::SQLITE_IOERR_CORRUPTFS)
            | (
                ErrorCode::NotADatabase
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::TooBig
                | ErrorCode::Unknown
                | ErrorCode::SchemaChanged
                | ErrorCode::ConstraintViolation
                | ErrorCode::TypeMismatch,
                _,
            ) => Trouble::Damaged(detail),
            _ => told(WarningKind::OutOfReach),
        }
    }
}

/// Warnings that nobody has taken yet. Each kind is said once.
#[derive(Default)]
pub(super) struct Warnings(Mutex<(BTreeSet<WarningKind>, Vec<Warning>)>);

impl Warnings {
    pub(super) fn say(&self, kind: WarningKind, path: &Path, detail: &str) {
        let mut warnings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (said, waiting) = &mut *warnings;
        if said.insert(kind) {
            waiting.push(Warning { kind, path: path.to_owned(), detail: detail.to_owned() });
        }
    }

    pub(super) fn take(&self) -> Vec<Warning> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).1)
    }
}
