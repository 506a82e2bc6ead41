//! The file of a disk tier: transactions in it, and what is done when it is not as it should be.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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

/// Why the file is wanted. Looking waits for nobody who changes it.
#[derive(Clone, Copy)]
enum Purpose {
    Look,
    Change,
}

/// What is done in a transaction. It may be done more than once.
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
    n_renewed: AtomicU32,
    /// Until when the file is not tried, because it was locked for too long: for looking, and for changing.
    resting: [Mutex<Option<Instant>>; 2],
    /// Nothing is to be had any more.
    off: AtomicBool,
    warnings: Warnings,
    /// What tests do to a connection.
    #[cfg(test)]
    pub(super) hinder: Mutex<Option<fn(&Connection)>>,
}

/// A lock that was waited for in vain is not waited for again for so many times that long, so that many requests to a file
/// that stays locked take little longer than without it.
const REST: u32 = 10;

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
            n_renewed: AtomicU32::default(),
            resting: Default::default(),
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
        self.run(Need::Look, Purpose::Look, work)
    }

    /// Changes something, all or nothing of it; makes the file if there is none.
    pub(super) fn change<T>(&self, work: Work<'_, T>) -> Result<T, Without> {
        let _turn = lock(&self.writing);
        self.run(Need::Change, Purpose::Change, work)
    }

    /// Changes something in a file that is there, if no other thread is changing something.
    pub(super) fn change_if_idle<T>(&self, work: Work<'_, T>) -> Result<T, Without> {
        let _turn = match self.writing.try_lock() {
            Ok(turn) => turn,
            Err(std::sync::TryLockError::Poisoned(turn)) => turn.into_inner(),
            Err(std::sync::TryLockError::WouldBlock) => return Err(Without::Luck),
        };
        self.run(Need::Look, Purpose::Change, work)
    }

    /// Does something outside of a transaction, in a file that is there.
    pub(super) fn outside<T>(&self, work: Work<'_, T>) -> Result<T, Without> {
        let _turn = lock(&self.writing);
        self.again_if_mended(Purpose::Change, || {
            let session = self.session(Need::Look)?;
            let done = work(&session.connection).map_err(|trouble| (trouble, session.made.clone()))?;
            self.pool.put(session);
            Ok(done)
        })
    }

    fn run<T>(&self, need: Need, purpose: Purpose, work: Work<'_, T>) -> Result<T, Without> {
        self.again_if_mended(purpose, || {
            let session = self.session(need)?;
            let done = transaction(&session.connection, need, purpose, work);
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
    fn again_if_mended<T>(
        &self,
        purpose: Purpose,
        mut once: impl FnMut() -> Result<T, (Trouble, Option<Made>)>,
    ) -> Result<T, Without> {
        let resting = &self.resting[purpose as usize];
        if self.off.load(Ordering::Relaxed) || lock(resting).is_some_and(|until| Instant::now() < until) {
            return Err(Without::Luck);
        }
        let rest_if_locked = |tried: Result<T, (Trouble, Option<Made>)>| {
            if let Err((Trouble::Told(WarningKind::Locked, _), _)) = tried {
                *lock(resting) = Instant::now().checked_add(self.patience.saturating_mul(REST));
            }
            tried
        };
        let mut once = || patiently(self.patience, &mut once, |(trouble, _)| trouble);
        match rest_if_locked(once()) {
            Ok(done) => return Ok(done),
            Err((trouble, seen)) => self.mend(trouble, seen.as_ref())?,
        }
        rest_if_locked(once()).map_err(|(trouble, _)| self.give_up(trouble))
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
        if self.n_renewed.load(Ordering::Relaxed) == MOST_MADE_ANEW {
            return Err(self.give_up(Trouble::Told(WarningKind::Broken, detail)));
        }
        let mut make_anew = || {
            let opened = session::connect(&self.path, Need::Look, self.patience)?;
            schema::make_anew(&opened, seen)
        };
        let renewed = patiently(self.patience, &mut make_anew, |trouble| trouble);
        self.pool.forget();
        match renewed {
            Ok(by_us) => {
                self.n_renewed.fetch_add(u32::from(by_us), Ordering::Relaxed);
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

/// Tries something again while a lock is in its way. SQLite itself waits for most locks, but not for those that are wanted
/// for a change of the journal's mode, or by somebody who has a lesser one.
fn patiently<T, E>(
    patience: Duration,
    once: &mut dyn FnMut() -> Result<T, E>,
    trouble: impl Fn(&E) -> &Trouble,
) -> Result<T, E> {
    let start = Instant::now();
    loop {
        let tried = once();
        let is_locked = matches!(tried.as_ref().map_err(&trouble), Err(Trouble::Told(WarningKind::Locked, _)));
        if !is_locked || start.elapsed() >= patience {
            return tried;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn transaction<T>(connection: &Connection, need: Need, purpose: Purpose, work: Work<'_, T>) -> Result<T, Trouble> {
    let behavior = match purpose {
        Purpose::Look => TransactionBehavior::Deferred,
        Purpose::Change => TransactionBehavior::Immediate,
    };
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
