//! Compressed states in one file that any number of threads and processes use at once.
//!
//! The file is a SQLite database in write-ahead mode. `entry` has a row for each document at a revision: what it is
//! ([`Facts`](super::Facts)), its header, and which states are its own; `body` has each state once, compressed, whoever
//! refers to it, so that several revisions with one state take the space of one.
//!
//! **What an entry is known by.** The key is a digest of everything the answer depends on and a lookup can know: store, stream,
//! revision, id of the last operation, fingerprint of the models, and [`FORMAT`](super::FORMAT). The seal of the prefix is
//! kept with the entry where it was computed, and is no part of the key: to make it for a lookup, all rows before it would
//! have to be read, and that is the replay which the lookup is to save. Whoever looks can compare it
//! ([`Want::fits`](super::Want::fits)).
//!
//! **What is believed.** Nothing that is read. Each row has a checksum of all that it says, each body one of its bytes, and a
//! row is an answer only if it says that it is what was asked for. What does not agree is dropped and is a miss. Sizes that
//! are declared decide how much memory is asked for, up to a bound.
//!
//! **What goes wrong.** A file that is locked, full, read-only, or out of reach is a [`Warning`] and a miss. A damaged one, or
//! one of an older version, is emptied in place, if it has our number or is no database at all; one of a newer version or of
//! another program is left alone. Looking makes no file.
//!
//! **What a hit costs.** No transaction that writes: counters and what was found wait in memory for the next put, some
//! hundred requests, or the end. A process that is killed loses them.
//!
//! `evict` says what goes first when there is too much.

mod body;
mod contents;
mod counters;
mod digest;
mod evict;
mod exact;
mod facts;
mod file;
mod find;
mod maintain;
mod packed;
mod pending;
mod put;
mod rows;
mod schema;
mod session;
mod settings;
mod sql;
#[cfg(test)]
mod tests;
mod tier;
mod trouble;
mod wire;

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rusqlite::params;

use super::{Cause, Listed, Reads, StoreIdentity, TierName, TierStats, Which};
use contents::{Sum, Visit};
use digest::Digest;
use file::{CacheFile, Without, lock};
use maintain::Extent;
use pending::Pending;
use rows::Damage;

pub use maintain::Maintained;
pub use settings::{Bounds, Clock, HeadTtl, Settings};
pub use tier::DiskTier;
pub use trouble::{Warning, WarningKind};

/// What the file is called in its folder. Beside it, SQLite keeps its log and the log's index.
pub const FILE_NAME: &str = "snapshots.sqlite";

/// The file of the disk tier, for all stores. Clones are cheap, and share it.
#[derive(Clone, Debug)]
pub struct DiskCache {
    inner: Arc<Inner>,
}

/// What the clones share.
struct Inner {
    file: CacheFile,
    settings: Settings,
    pending: Mutex<Pending>,
    n_puts: AtomicU64,
}

impl DiskCache {
    /// The cache in a folder. Neither folder nor file have to be there: the first put makes them. Nothing is opened before
    /// it is used.
    #[must_use]
    pub fn open(folder: &Path, settings: Settings) -> Self {
        let file = CacheFile::new(folder.join(FILE_NAME), settings.patience);
        let inner = Inner { file, settings, pending: Mutex::default(), n_puts: AtomicU64::default() };
        DiskCache { inner: Arc::new(inner) }
    }

    /// The entries of one store.
    #[must_use]
    pub fn tier(&self, store: StoreIdentity) -> DiskTier {
        DiskTier { inner: Arc::clone(&self.inner), store }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.inner.file.path()
    }

    /// What readable keys begin with.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.inner.settings.namespace
    }

    /// What users should hear of and have not heard yet. Each kind of trouble is told once.
    #[must_use]
    pub fn take_warnings(&self) -> Vec<Warning> {
        self.inner.file.take_warnings()
    }

    /// Drops what `which` includes, of all stores, and says how many entries those were.
    #[expect(clippy::must_use_candidate, reason = "it is done for what it does")]
    pub fn drop_entries(&self, which: &Which, cause: Cause) -> u64 {
        self.inner.drop_entries(None, which, cause)
    }

    /// Visits what is kept of all stores, with the location of the store, by location, stream and revision. A
    /// body that several entries share counts with the first of them.
    pub fn list(&self, visit: &mut dyn FnMut(&str, &Listed<'_>)) {
        self.inner.list(None, visit);
    }

    /// What became of requests, and what is kept now, of all stores: the sum of [`DiskCache::list`].
    #[must_use]
    pub fn stats(&self) -> TierStats {
        self.inner.stats(None)
    }

    /// Adds what was counted in this process for a store, in memory and of all tiers together, so that it outlives the process.
    pub fn count_run(&self, store: &StoreIdentity, memory: Option<&TierStats>, reads: Reads) {
        let counted = self.inner.file.change(&mut |connection| {
            connection.prepare_cached(sql::ADD_STORE)?.execute(params![&store.digest()[..], store.location()])?;
            if let Some(memory) = memory {
                counters::add_of(TierName::Memory, connection, store.digest(), memory)?;
            }
            counters::add_reads(connection, store.digest(), reads)
        });
        if counted == Err(Without::Luck) {
            self.inner.count_failure(Some(store));
        }
    }

    /// What processes have counted in memory and of all tiers together, for one store or for all.
    #[must_use]
    pub fn runs(&self, store: Option<&StoreIdentity>) -> (TierStats, Reads) {
        let digest = store.map(StoreIdentity::digest);
        let read = self.inner.file.look(&mut |connection| {
            let memory = counters::read(TierName::Memory, connection, digest)?;
            Ok((memory, counters::read_reads(connection, digest)?))
        });
        read.unwrap_or_default()
    }

    /// Whether [`DiskCache::maintain`] has something to do. Costs little.
    #[must_use]
    pub fn needs_maintenance(&self) -> bool {
        let Inner { file, settings, .. } = &*self.inner;
        let now = (settings.clock)();
        file.look(&mut |connection| maintain::is_needed(connection, settings, now)).unwrap_or_default()
    }

    /// Looks after the file: heads whose time is over are heads no longer, what is over a bound goes, and so does what damage
    /// left; free pages are given back. `None` if there is no file, or it cannot be changed now. Puts do the urgent part of
    /// this by themselves now and then.
    #[must_use]
    pub fn maintain(&self) -> Option<Maintained> {
        let Inner { file, settings, .. } = &*self.inner;
        // Whether there is a file.
        file.look(&mut |_| Ok(())).ok()?;
        self.save();
        maintain::maintain(file, settings, (settings.clock)(), Extent::All).ok()
    }

    /// Writes down what waits in memory: counters, and which entries were found. The last clone does so when it goes.
    pub fn save(&self) {
        self.inner.save();
    }
}

impl Inner {
    fn save(&self) {
        let waiting = std::mem::take(&mut *lock(&self.pending));
        if !waiting.is_empty() && self.file.change_if_idle(&mut |connection| waiting.write(connection)).is_err() {
            lock(&self.pending).absorb(waiting);
        }
    }

    fn drop_entries(&self, store: Option<&StoreIdentity>, which: &Which, cause: Cause) -> u64 {
        let any = self.file.look(&mut |_| Ok(()));
        let dropped = any
            .and_then(|()| self.file.change(&mut |connection| contents::drop_entries(connection, store, which, cause)));
        if dropped == Err(Without::Luck) {
            self.count_failure(store);
        }
        dropped.unwrap_or_default()
    }

    fn list(&self, store: Option<&StoreIdentity>, visit: Visit<'_>) {
        self.sum(store, visit, &mut |_| Ok(()));
    }

    fn stats(&self, store: Option<&StoreIdentity>) -> TierStats {
        let mut stats = TierStats::default();
        let sum = self.sum(store, &mut |_, _| (), &mut |connection| {
            stats = counters::read(TierName::Disk, connection, store.map(StoreIdentity::digest))?;
            Ok(())
        });
        for (other, waiting) in lock(&self.pending).all() {
            if store.is_none_or(|store| store == other) {
                stats.absorb(waiting);
            }
        }
        TierStats { entries: sum.entries, bytes: sum.bytes, bytes_most: self.settings.bounds.most_bytes, ..stats }
    }

    /// Visits what is kept, and drops what is damaged of it.
    fn sum(&self, store: Option<&StoreIdentity>, visit: Visit<'_>, besides: file::Work<'_, ()>) -> Sum {
        let listed = self.file.look(&mut |connection| {
            let mut sum = Sum::default();
            let stores = match store {
                Some(store) => vec![*store.digest()],
                None => contents::stores(connection)?,
            };
            for store in stores {
                contents::list(connection, &store, &mut sum, visit)?;
            }
            besides(connection)?;
            Ok(sum)
        });
        if listed.as_ref().err() == Some(&Without::Luck) {
            self.count_failure(store);
        }
        let sum = listed.unwrap_or_default();
        self.drop_damaged(&sum.damaged);
        sum
    }

    /// Drops what is damaged, unless another thread is changing something, and counts them.
    fn drop_damaged(&self, damaged: &[(Damage, Digest)]) {
        if damaged.is_empty() {
            return;
        }
        // Whoever finds them next drops them, if this fails.
        let _ = self.file.change_if_idle(&mut |connection| {
            for (damage, store) in damaged {
                let mut stats = TierStats::default();
                stats.count_dropped(Cause::Damaged, contents::drop_damaged(connection, *damage)?);
                counters::add(connection, store, &stats)?;
            }
            Ok(())
        });
    }

    fn count_failure(&self, store: Option<&StoreIdentity>) {
        if let Some(store) = store {
            lock(&self.pending).stats(store).failures += 1;
        }
    }

    /// Looks whether the file needs looking after, once in so many puts.
    fn maintain_now_and_then(&self, puts: u64) {
        const EVERY: u64 = 128;
        let before = self.n_puts.fetch_add(puts, Ordering::Relaxed);
        if before / EVERY == (before + puts) / EVERY {
            return;
        }
        let now = (self.settings.clock)();
        let needed = self.file.look(&mut |connection| maintain::is_needed(connection, &self.settings, now));
        if needed == Ok(true) {
            let _ = maintain::maintain(&self.file, &self.settings, now, Extent::Some);
        }
    }
}

/// What waits in memory is written down. Whether that succeeds changes no answer.
impl Drop for Inner {
    fn drop(&mut self) {
        self.save();
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskCache").field("path", &self.file.path()).finish_non_exhaustive()
    }
}
