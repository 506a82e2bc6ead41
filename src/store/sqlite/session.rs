//! One connection, opened in the way that suits the moment.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use super::file::{self, Mark};
use super::schema::{Misfit, Schema};

/// How a connection gets at the file. All but the last create nothing and change nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Nobody is writing, and no log is beside the file: read the file alone, without locks
    /// (`immutable`, <https://www.sqlite.org/uri.html>).
    Still,
    /// A write-ahead log without its shared index, from a crash or a copy: index it in memory, without locks.
    /// SQLite does that for a connection with `locking_mode=EXCLUSIVE`
    /// (<https://www.sqlite.org/wal.html#noshm>); a file system layer without locks makes it work for a file
    /// that is only read and for several readers.
    Copied,
    /// A write-ahead log with its shared index: take part, without writing to the index (`readonly_shm`).
    Shared,
    /// A writer with a rollback journal may be at work: take turns with it.
    Locked,
    /// Opened to be changed.
    Changing,
}

impl Way {
    /// The way to read a store that looks like `mark`; `contended` if a writer has been met before.
    pub(super) fn of(mark: &Mark, contended: bool) -> Way {
        match (mark.has_wal(), mark.has_shm()) {
            (true, true) => Way::Shared,
            (true, false) => Way::Copied,
            // An ordinary connection to a file that wants a log would create one.
            (false, _) if mark.wants_wal() => Way::Still,
            (false, _) if contended || mark.has_journal() => Way::Locked,
            (false, _) => Way::Still,
        }
    }

    /// Whether no lock keeps writers from changing what is being read, so that it must be checked afterwards.
    pub(super) fn is_unguarded(self) -> bool {
        matches!(self, Way::Still | Way::Copied)
    }

    /// The way as [`super::StoreInfo`] names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Way::Still => "immutable",
            Way::Copied => "logIndexedInMemory",
            Way::Shared => "sharedLog",
            Way::Locked => "locked",
            Way::Changing => "readWrite",
        }
    }
}

/// A connection with what is known about it.
pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) schema: Schema,
    pub(super) way: Way,
    /// How the files looked before the connection was opened.
    pub(super) opened_at: Mark,
}

/// Statements a connection keeps ready: all of `sql` fit.
const STATEMENTS: usize = 100;
/// Page cache of a connection that reads, in KiB. Small on purpose: most pages are read once, and fresh memory
/// for a page costs more than another read of it from the system's cache. (`mmap_size` would be faster still, but a
/// file that is truncated while it is mapped kills the process.)
const PAGE_CACHE_KIB: i64 = 1024;
/// Page cache of a connection that writes, in KiB. Rows go to the end of the table and to random places of five
/// indexes, whose inner pages have to stay in memory; what does not fit is written out before the commit.
const WRITE_CACHE_KIB: i64 = 32 * 1024;

/// Larger values are not read into memory, whatever a file declares: PostgreSQL, for which the tables were made, holds no
/// larger JSON either (<https://www.postgresql.org/docs/current/limits.html>, `jsonb`).
pub(super) const MAX_VALUE_BYTES: i32 = 256 << 20;

/// Opens a connection. The file is not yet looked at.
pub(super) fn connect(path: &Path, way: Way, busy_timeout: Duration) -> rusqlite::Result<Connection> {
    let query = match way {
        Way::Still => "mode=ro&immutable=1",
        Way::Copied if cfg!(windows) => "mode=ro&vfs=win32-none",
        Way::Copied => "mode=ro&vfs=unix-none",
        Way::Shared => "mode=ro&readonly_shm=1",
        Way::Locked => "mode=ro",
        Way::Changing => "mode=rw",
    };
    let access =
        if way == Way::Changing { OpenFlags::SQLITE_OPEN_READ_WRITE } else { OpenFlags::SQLITE_OPEN_READ_ONLY };
    // A connection is used by one thread at a time, so SQLite need not lock its own structures.
    let flags = access | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file::uri(path, query), flags)?;
    if way == Way::Copied {
        // Before the first look at the file, or SQLite makes the shared index.
        connection.query_row("PRAGMA locking_mode = EXCLUSIVE", [], |_| Ok(()))?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    }
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)?;
    connection.busy_timeout(busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // A misspelt column must be an error, not a text.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    // Otherwise a statement is planned again, which costs more than running it, whenever a bound of a range is bound.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // A schema is data that others wrote.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    Ok(connection)
}

/// Connections that wait for their next transaction.
#[derive(Default)]
pub(super) struct Pool {
    idle: Mutex<Vec<Session>>,
}

/// Connections kept open while idle; more than one thread per core is not of use here.
const MOST_IDLE: usize = 32;

/// Idle connections of [`Way::Copied`], of all stores of the process. They are reused and never closed, because
/// the lock-free layer really closes its descriptors (see [`super::file`]).
static COPIED: Pool = Pool { idle: Mutex::new(Vec::new()) };

impl Pool {
    /// Takes a connection that reads what `mark` shows, in the way wanted. Others that can never be used again
    /// are closed.
    pub(super) fn take(&self, way: Way, mark: &Mark) -> Option<Session> {
        let pool = if way == Way::Copied { &COPIED } else { self };
        let mut idle = pool.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if way != Way::Copied {
            idle.retain(|session| session.way == way && !session.is_stale(mark));
            return idle.pop();
        }
        let fitting = idle.iter().position(|session| !session.is_stale(mark))?;
        Some(idle.swap_remove(fitting))
    }

    /// Keeps a connection for later.
    pub(super) fn put(&self, session: Session) {
        let copied = session.way == Way::Copied;
        let pool = if copied { &COPIED } else { self };
        let mut idle = pool.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if copied || idle.len() < MOST_IDLE {
            idle.push(session);
        }
    }
}

impl Session {
    /// Looks at the content that a new connection shows.
    pub(super) fn begin(connection: Connection, way: Way, opened_at: Mark) -> Result<Session, Misfit> {
        let look = || {
            let cache_kib = if way == Way::Changing { WRITE_CACHE_KIB } else { PAGE_CACHE_KIB };
            connection.pragma_update(None, "cache_size", -cache_kib)?;
            Schema::of(&connection)
        };
        match look() {
            Ok(schema) => Ok(Session { connection, schema, way, opened_at }),
            Err(misfit) => {
                if way == Way::Copied {
                    // Closing it would drop locks of other connections (see `super::file`).
                    std::mem::forget(connection);
                }
                Err(misfit)
            }
        }
    }

    /// Whether pages that the connection has cached may be old.
    fn is_stale(&self, mark: &Mark) -> bool {
        self.way.is_unguarded() && self.opened_at != *mark || !self.opened_at.is_same_file(mark)
    }
}
