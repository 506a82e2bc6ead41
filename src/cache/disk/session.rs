//! Connections.

use std::fs::DirBuilder;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use super::schema::{self, Made, Owner};
use super::trouble::{Trouble, WarningKind};

/// A connection to a file that was not yet looked at.
pub(super) struct Opened {
    pub(super) connection: Connection,
    /// Whether the system does not let us write.
    read_only: bool,
}

impl Opened {
    /// Whose the file is. Whatever is wrong with it is an error.
    pub(super) fn owner(&self) -> Result<Owner, Trouble> {
        let owner = schema::owner(&self.connection)?;
        if !self.read_only && self.connection.is_readonly(rusqlite::MAIN_DB)? {
            return Err(Trouble::Damaged("its header says that only a newer SQLite may write it".to_owned()));
        }
        Ok(owner)
    }
}

/// What a connection is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// To look: makes no folder, no file, and no tables.
    Look,
    /// To change: makes what is missing.
    Change,
}

/// An open connection to a file that is ours or empty.
pub(super) struct Session {
    pub(super) connection: Connection,
    /// Which file it was when it was opened; `None` if it was empty.
    pub(super) made: Option<Made>,
    mark: Mark,
    /// See [`Pool::forget`].
    age: u64,
}

/// Tells the file at a place from another one there: device and inode; where there are none, that one is there.
type Mark = Option<(u64, u64)>;

/// Connections that wait for their next transaction.
#[derive(Default)]
pub(super) struct Pool {
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    sessions: Vec<Session>,
    age: u64,
}

/// Connections kept open while idle; more than one thread per core is not of use here.
const MOST_IDLE: usize = 16;

/// Statements a connection keeps ready: all of `sql` fit.
const STATEMENTS: usize = 64;

/// Larger values are not read, whatever a file declares; those that are written are compressed texts of a bounded length.
const MOST_VALUE: i32 = 300 << 20;

/// The log of a file is cut back to this when it is begun again, in bytes.
const MOST_LOG: i64 = 4 << 20;

/// Opens a connection.
///
/// # Errors
/// Whatever keeps the file from being used as it is.
pub(super) fn open(path: &Path, need: Need, patience: Duration) -> Result<Session, Trouble> {
    let opened = connect(path, need, patience)?;
    let owner = match opened.owner()? {
        Owner::Nobody if need == Need::Look => return Err(Trouble::Absent),
        owner => owner,
    };
    let connection = opened.connection;
    let made = match owner {
        Owner::Us(made) => Some(made),
        Owner::Nobody => {
            schema::prepare_empty(&connection)?;
            None
        }
    };
    tune(&connection)?;
    Ok(Session { connection, made, mark: mark(path), age: 0 })
}

/// Opens a connection, and does not look at the file.
pub(super) fn connect(path: &Path, need: Need, patience: Duration) -> Result<Opened, Trouble> {
    let out_of_reach = |error: std::io::Error| Trouble::Told(WarningKind::OutOfReach, error.to_string());
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    match need {
        Need::Look if !path.try_exists().map_err(out_of_reach)? => return Err(Trouble::Absent),
        Need::Look => {}
        Need::Change => {
            path.parent().map_or(Ok(()), make_folder).map_err(out_of_reach)?;
            flags |= OpenFlags::SQLITE_OPEN_CREATE;
        }
    }
    let connection = Connection::open_with_flags(path, flags)?;
    configure(&connection, patience)?;
    Ok(Opened { read_only: connection.is_readonly(rusqlite::MAIN_DB)?, connection })
}

fn mark(path: &Path) -> Mark {
    let metadata = std::fs::metadata(path).ok()?;
    #[cfg(unix)]
    let mark = (std::os::unix::fs::MetadataExt::dev(&metadata), std::os::unix::fs::MetadataExt::ino(&metadata));
    #[cfg(not(unix))]
    let mark = (0, u64::from(metadata.is_file()));
    Some(mark)
}

/// Documents are nobody else's business.
fn make_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn configure(connection: &Connection, patience: Duration) -> rusqlite::Result<()> {
    connection.busy_timeout(patience)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MOST_VALUE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    // A schema is data that others may have written.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    Ok(())
}

/// What looks into the file.
fn tune(connection: &Connection) -> rusqlite::Result<()> {
    // A page that is damaged is noticed before it is believed.
    connection.pragma_update(None, "cell_size_check", true)?;
    // A commit waits for no disk, and a power failure takes the last commits at most: only when the log is brought into the
    // file, every few megabytes, the disk is waited for. `OFF` would spare that, and after a power failure the whole cache
    // might have to be thrown away.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.query_row(&format!("PRAGMA journal_size_limit = {MOST_LOG}"), [], |_| Ok(()))
}

impl Pool {
    /// Takes a connection to the file that is there now; `None` if one has to be opened.
    pub(super) fn take(&self, path: &Path) -> Option<Session> {
        let session = self.lock().sessions.pop()?;
        if session.mark.is_some() && session.mark == mark(path) {
            return Some(session);
        }
        // SQLite itself would go on with the one that was removed.
        self.forget();
        None
    }

    /// Opens one more.
    pub(super) fn open(&self, path: &Path, need: Need, patience: Duration) -> Result<Session, Trouble> {
        let age = self.lock().age;
        open(path, need, patience).map(|session| Session { age, ..session })
    }

    /// Keeps a connection for later.
    pub(super) fn put(&self, session: Session) {
        let mut idle = self.lock();
        if session.age == idle.age && idle.sessions.len() < MOST_IDLE {
            idle.sessions.push(session);
        }
    }

    /// Closes what was opened so far: the file is another one now.
    pub(super) fn forget(&self) {
        let mut idle = self.lock();
        idle.age += 1;
        let old = std::mem::take(&mut idle.sessions);
        drop(idle);
        drop(old);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
