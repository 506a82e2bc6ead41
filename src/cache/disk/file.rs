//! The file of a disk tier: transactions in it, and what is done when it is not as it should be.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::schema::{self, Made};
use super::session::{self, Need, Pool};
use super::trouble::{Trouble, Warning, WarningKind, Warnings};

/// How a transaction ended that did not give an answer. Whoever needs to know has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Without {
    /// There is no file yet.
    File,
    /// It is out of order, locked, full or read-only.
    Luck,
}

/// What is done in a transaction. It may be done twice.
pub(super) type Work<'a, T> = &'a mut dyn FnMut(&Connection) -> Result<T, Trouble>;

/// The file, shared by threads.
pub(super) struct CacheFile {
    path: PathBuf,
    patience: Duration,
    pool: Pool,
    /// Threads take turns to change the file, so that none of them finds it locked by another.
    writing: Mutex<()>,
    remaking: Mutex<()>,
    /// How often it was emptied.
    n_made_anew: AtomicU32,
    /// Nothing is to be had any more.
    off: AtomicBool,
    warnings: Warnings,
    /// What tests do to a connection.
    #[cfg(test)]
    pub(super) hinder: Mutex<Option<fn(&Connection)>>,
}

/// A file that is damaged again and again is on a disk that is.
const MOST_MADE_ANEW: u32 = 4;

impl CacheFile {
    pub(super) fn new(path: PathBuf, patience: Duration) -> Self {
        CacheFile {
            path,
            patience,
            pool: Pool::default(),
            writing: Mutex::default(),
            remaking: Mutex::default(),
            n_made_anew: AtomicU32::default(),
            off: AtomicBool::default(),
            warnings: Warnings::default(),
            #[cfg(test)]
            hinder: Mutex::default(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn take_warnings(&self) -> Vec<Warning> {
        self.warnings.take()
    }

    /// Does something that changes nothing, at one moment of the file.
    pub(super) fn look<T>(&self, work: Work<'_, T>) -> Result<T, Without> {
        self.run(Need::Look, TransactionBehavior::Deferred, work)
    }

    /// Changes something, all or nothing of it; makes the file if there is none.
    pub(super) fn change<T>(&self, work: Work<'_, T>) -> Result<T, Without> {
        let _turn = lock(&self.writing);
        self.run(Need::Change, TransactionBehavior::Immediate, work)
    }

    /// Changes something in a file that is there, if no other thread is changing something.
    pub(super) fn change_if_idle<T>(&self, work: Work<'_, T>) -> Result<T, Without> {
        let _turn = match self.writing.try_lock() {
            Ok(turn) => turn,
            Err(std::sync::TryLockError::Poisoned(turn)) => turn.into_inner(),
            Err(std::sync::TryLockError::WouldBlock) => return Err(Without::Luck),
        };
        self.run(Need::Look, TransactionBehavior::Immediate, work)
    }

    /// Does something outside of a transaction, in a file that is there.
    pub(super) fn outside<T>(&self, work: Work<'_, T>) -> Result<T, Without> {
        let _turn = lock(&self.writing);
        self.again_if_mended(|| {
            let session = self.session(Need::Look)?;
            let done = work(&session.connection).map_err(|trouble| (trouble, session.made.clone()))?;
            self.pool.put(session);
            Ok(done)
        })
    }

    fn run<T>(&self, need: Need, behavior: TransactionBehavior, work: Work<'_, T>) -> Result<T, Without> {
        self.again_if_mended(|| {
            let session = self.session(need)?;
            let done = transaction(&session.connection, need, behavior, work);
            let done = done.map_err(|trouble| (trouble, session.made.clone()))?;
            self.pool.put(session);
            Ok(done)
        })
    }

    fn session(&self, need: Need) -> Result<session::Session, (Trouble, Option<Made>)> {
        let session = match self.pool.take(&self.path) {
            Some(session) => session,
            None => self.pool.open(&self.path, need, self.patience).map_err(|trouble| (trouble, None))?,
        };
        #[cfg(test)]
        if let Some(hinder) = *lock(&self.hinder) {
            hinder(&session.connection);
        }
        Ok(session)
    }

    /// Tries something; if the file was the trouble and could be put in order, tries once more.
    fn again_if_mended<T>(&self, mut once: impl FnMut() -> Result<T, (Trouble, Option<Made>)>) -> Result<T, Without> {
        if self.off.load(Ordering::Relaxed) {
            return Err(Without::Luck);
        }
        match once() {
            Ok(done) => return Ok(done),
            Err((trouble, seen)) => self.mend(trouble, seen.as_ref())?,
        }
        once().map_err(|(trouble, _)| self.give_up(trouble))
    }

    fn mend(&self, trouble: Trouble, seen: Option<&Made>) -> Result<(), Without> {
        let (kind, detail) = match trouble {
            Trouble::Moved => {
                self.pool.forget();
                return Ok(());
            }
            Trouble::Damaged(detail) => (WarningKind::Damaged, detail),
            Trouble::Outdated => (WarningKind::Outdated, String::new()),
            other => return Err(self.give_up(other)),
        };
        let _turn = lock(&self.remaking);
        if self.n_made_anew.load(Ordering::Relaxed) == MOST_MADE_ANEW {
            return Err(self.give_up(Trouble::Told(WarningKind::Broken, detail)));
        }
        let made_anew = session::connect(&self.path, Need::Look, self.patience)
            .and_then(|connection| schema::make_anew(&connection, seen));
        self.pool.forget();
        match made_anew {
            Ok(by_us) => {
                self.n_made_anew.fetch_add(u32::from(by_us), Ordering::Relaxed);
                self.warnings.say(kind, &self.path, &detail);
                Ok(())
            }
            // What does not become whole by being emptied cannot be helped.
            Err(Trouble::Damaged(detail)) => Err(self.give_up(Trouble::Told(WarningKind::Broken, detail))),
            Err(other) => Err(self.give_up(other)),
        }
    }

    fn give_up(&self, trouble: Trouble) -> Without {
        let (kind, detail) = match trouble {
            Trouble::Absent => return Without::File,
            // It was mended a moment ago, and others are at it as well.
            Trouble::Moved | Trouble::Damaged(_) | Trouble::Outdated => return Without::Luck,
            Trouble::Told(kind, detail) => (kind, detail),
        };
        if matches!(kind, WarningKind::Foreign | WarningKind::Newer | WarningKind::Broken) {
            self.off.store(true, Ordering::Relaxed);
        }
        self.warnings.say(kind, &self.path, &detail);
        Without::Luck
    }
}

fn transaction<T>(
    connection: &Connection,
    need: Need,
    behavior: TransactionBehavior,
    work: Work<'_, T>,
) -> Result<T, Trouble> {
    let transaction = Transaction::new_unchecked(connection, behavior)?;
    schema::enter(&transaction, need == Need::Change)?;
    let done = work(&transaction)?;
    transaction.commit()?;
    Ok(done)
}

/// A thread that panicked leaves nothing half done in what these guard.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
