//! A store in an SQLite file, with the reference's tables.
//!
//! **Reading creates nothing and changes nothing**: no file, no `-wal`, `-shm` or `-journal`, no table, no byte.
//! `session::Way` lists how that is done beside nobody, beside a live writer, and after a crash. Where locks
//! cannot shield a reader, the files are looked at before and after, and an answer that may be torn is `Moved`.
//!
//! One thing remains to chance: if the last writer leaves, and removes its log, in the microseconds between our
//! look and SQLite's, an empty `-wal` may stay behind.

mod check;
mod create;
mod fault;
mod file;
mod inserted;
mod keyframes;
mod own;
mod read;
mod rows;
mod schema;
mod session;
mod sql;
mod vacuum;
mod write;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

pub use create::create;
pub(in crate::store) use create::create_as;
use file::Mark;
use schema::Misfit;
use session::{Pool, Session, Way, connect};

use super::{Access, Capabilities, Options, Read, Stamp, Store, StoreError, Vacuumed, Write};

/// An SQLite file that holds operations and keyframes.
pub struct SqliteStore {
    /// As given.
    location: String,
    /// Without symbolic links, because SQLite looks for a log beside the file itself.
    path: PathBuf,
    options: Options,
    pool: Pool,
    /// Whether a writer came while the file was read without locks.
    contended: AtomicBool,
    /// A connection that asks for a lock before the file is read without, and the file it was opened on.
    gate: Mutex<Option<(Connection, Mark)>>,
}

/// What the SQLite backend can do.
pub const CAPABILITIES: Capabilities =
    Capabilities { append: true, keyframes: true, follow: true, transactional: true, durable: true };

/// Opens a store and checks that it is one.
///
/// Within one process, a file that is written through the write-ahead log should be opened for reading only while
/// a connection that writes is open already, or not be written at all: SQLite shares the log's index between all
/// connections of a process, and the first to open it decides whether it can be written.
///
/// # Errors
/// `Missing`, `NotAStore`, `Unsupported` (a table or column is absent), `Damaged`, `Busy`, `NeedsRecovery`,
/// `Unavailable`.
pub fn open(path: &Path, options: &Options) -> Result<SqliteStore, StoreError> {
    open_as(path.display().to_string(), path, options)
}

/// [`open`], with the name that messages use.
pub(in crate::store) fn open_as(location: String, path: &Path, options: &Options) -> Result<SqliteStore, StoreError> {
    let unavailable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StoreError::Missing { location: location.clone() },
        _ => StoreError::Unavailable { location: location.clone(), action: "open", source: source.into() },
    };
    let not_a_store = |reason: &str| StoreError::NotAStore { location: location.clone(), reason: reason.into() };
    let path = path.canonicalize().map_err(unavailable)?;
    let metadata = path.metadata().map_err(unavailable)?;
    if metadata.is_dir() {
        return Err(not_a_store("it is a directory"));
    }
    if !metadata.is_file() {
        return Err(not_a_store("it is not a regular file"));
    }
    if metadata.len() == 0 {
        return Err(not_a_store("the file is empty"));
    }
    let store = SqliteStore {
        location,
        path,
        options: options.clone(),
        pool: Pool::default(),
        contended: AtomicBool::new(false),
        gate: Mutex::default(),
    };
    // A file that moves while it is opened has a writer, and is opened again beside it.
    let session = match store.session() {
        Err(StoreError::Moved { .. }) => store.session(),
        other => other,
    };
    store.pool.put(session?.0);
    Ok(store)
}

impl Store for SqliteStore {
    fn location(&self) -> &str {
        &self.location
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    /// With a write-ahead log (<https://www.sqlite.org/wal.html>).
    fn reads_beside_writers(&self) -> bool {
        self.look("read").is_ok_and(|mark| mark.wants_wal())
    }

    fn read(&self) -> Result<Box<dyn Read + '_>, StoreError> {
        let (session, mark) = self.session()?;
        let transaction = Transaction::new(self, session, mark);
        transaction.begin(sql::BEGIN)?;
        Ok(Box::new(transaction))
    }

    /// By a look at the files alone: no lock is taken.
    fn stamp(&self) -> Result<Stamp, StoreError> {
        self.look("read").map(|mark| mark.stamp())
    }

    fn write(&self) -> Result<Box<dyn Write + '_>, StoreError> {
        if self.options.access == Access::Read {
            return Err(StoreError::ReadOnly { location: self.location.clone() });
        }
        let (session, mark) = self.session()?;
        let transaction = Transaction::new(self, session, mark);
        transaction.begin(sql::BEGIN_IMMEDIATE)?;
        Ok(Box::new(transaction))
    }

    fn vacuum(&self) -> Result<Vacuumed, StoreError> {
        self.rewrite()
    }
}

impl SqliteStore {
    /// An idle connection, or a new one, in the way that suits the moment, and how the files look.
    fn session(&self) -> Result<(Session, Mark), StoreError> {
        let mark = self.look("open")?;
        let way = match self.options.access {
            Access::Read => Way::of(&mark, self.contended.load(Ordering::Relaxed)),
            Access::Change => Way::Changing,
        };
        if way == Way::Still && !mark.wants_wal() {
            self.pass_gate(&mark)?;
        }
        if let Some(session) = self.pool.take(way, &mark) {
            return Ok((session, mark));
        }
        if mark.is_empty() {
            return Err(self.not_a_store("the file is empty"));
        }
        if let Some(missing) = mark.truncated().filter(|_| way == Way::Still) {
            return Err(StoreError::Damaged { location: self.location.clone(), source: missing.into() });
        }
        if way == Way::Still && mark.has_journal() && file::has_hot_journal(&self.path) {
            let reason = "a -journal file is beside it; open it once with the program it belongs to".into();
            return Err(StoreError::NeedsRecovery { location: self.location.clone(), reason });
        }
        let connection =
            connect(&self.path, way, self.timeout()).map_err(|error| fault::sort(&self.location, "open", error))?;
        match Session::begin(connection, way, mark.clone()) {
            Ok(session) => Ok((session, mark)),
            Err(misfit) => {
                self.check_still(way, &mark)?;
                Err(self.misfit(misfit, &mark))
            }
        }
    }

    /// Waits until no program holds the file for writing. One that writes without a journal beside the file (in
    /// memory, or none at all) shows by its lock only, and what it has written so far is no state of the store.
    fn pass_gate(&self, mark: &Mark) -> Result<(), StoreError> {
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let sort = |error| fault::sort(&self.location, "open", error);
        let (connection, _) = match gate.take().filter(|(_, opened_at)| opened_at.is_same_file(mark)) {
            Some(open) => gate.insert(open),
            None => gate.insert((connect(&self.path, Way::Locked, self.timeout()).map_err(sort)?, mark.clone())),
        };
        match connection.query_row(sql::TOUCH, [], |_| Ok(())).map_err(sort) {
            Err(error @ StoreError::Busy { .. }) => Err(error),
            // Whatever else is wrong shows when the file is read.
            _ => Ok(()),
        }
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(self.options.busy_timeout_ms.map_or(0, NonZeroU64::get))
    }

    fn look(&self, action: &'static str) -> Result<Mark, StoreError> {
        Mark::look(&self.path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => StoreError::Missing { location: self.location.clone() },
            _ => StoreError::Unavailable { location: self.location.clone(), action, source: source.into() },
        })
    }

    /// Fails if the store is read without locks and does not look as before.
    fn check_still(&self, way: Way, before: &Mark) -> Result<(), StoreError> {
        if !way.is_unguarded() || self.look("read").is_ok_and(|now| now == *before) {
            return Ok(());
        }
        self.contended.store(true, Ordering::Relaxed);
        Err(StoreError::Moved { location: self.location.clone() })
    }

    fn not_a_store(&self, reason: &str) -> StoreError {
        StoreError::NotAStore { location: self.location.clone(), reason: reason.into() }
    }

    fn misfit(&self, misfit: Misfit, mark: &Mark) -> StoreError {
        let error = match misfit {
            Misfit::NoLog => return self.not_a_store("an SQLite file without a table Operation"),
            Misfit::Different(reason) => return StoreError::Unsupported { location: self.location.clone(), reason },
            Misfit::Driver(error) => error,
        };
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) && !mark.has_magic() {
            return self.not_a_store("the file is not an SQLite database");
        }
        fault::sort(&self.location, "open", error)
    }
}

/// A transaction on one connection, for reading or for both; which one, the trait it is handed out as tells.
struct Transaction<'s> {
    store: &'s SqliteStore,
    /// Given back when the transaction ends.
    session: Option<Session>,
    /// How the files looked just before it began.
    mark: Mark,
    /// Names what it has changed so far; see [`Read::stamp`].
    change: Option<u64>,
    /// Where the streams end that it has added to.
    tails: write::Tails,
    /// Whether our tables can be used, once that was asked.
    own: Cell<Option<own::Own>>,
    /// The base that compressed bodies were last read with.
    base: RefCell<own::Base>,
    /// Bases that belong to no keyframe any more; see `own::bodies`.
    orphans: RefCell<BTreeSet<i64>>,
}

impl<'s> Transaction<'s> {
    fn new(store: &'s SqliteStore, session: Session, mark: Mark) -> Self {
        Transaction {
            store,
            session: Some(session),
            mark,
            change: None,
            tails: write::Tails::default(),
            own: Cell::new(None),
            base: RefCell::new(None),
            orphans: RefCell::default(),
        }
    }

    /// Fixes the moment, before the first question.
    fn begin(&self, statement: &str) -> Result<(), StoreError> {
        self.driver("open", self.run(statement))?;
        let mut pin = self.prepare(sql::PIN)?;
        self.driver("open", pin.query_row([], |_| Ok(())))
    }

    fn session(&self) -> &Session {
        self.session.as_ref().expect("only dropping the transaction takes the connection away")
    }

    fn run(&self, statement: &str) -> rusqlite::Result<()> {
        self.session().connection.prepare_cached(statement)?.execute([]).map(|_| ())
    }

    /// Sorts an error of SQLite.
    fn driver<T>(&self, action: &'static str, result: rusqlite::Result<T>) -> Result<T, StoreError> {
        result.map_err(|error| fault::sort(&self.store.location, action, error))
    }

    /// Fails if what was read may be torn.
    fn check_still(&self) -> Result<(), StoreError> {
        let session = self.session();
        self.store.check_still(session.way, &session.opened_at)
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        let ended = self.session().connection.is_autocommit() || self.run(sql::ROLLBACK).is_ok();
        if let Some(session) = self.session.take().filter(|session| ended || session.way == Way::Copied) {
            self.store.pool.put(session);
        }
    }
}

#[cfg(test)]
mod tests;
