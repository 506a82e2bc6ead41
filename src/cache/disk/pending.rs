//! What is not yet in the file: counters, and which entries were found. A hit that wrote them down at once would cost a
//! transaction.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, params};

use super::counters;
use super::sql;
use super::trouble::Trouble;
use crate::cache::{StoreIdentity, TierStats};

/// What is not yet in the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Pending {
    stats: BTreeMap<StoreIdentity, TierStats>,
    /// How often entries were found, by row.
    found: HashMap<i64, u64>,
    n_requests: u64,
}

/// So many requests are written down together, at the latest.
const MOST_REQUESTS: u64 = 256;

impl Pending {
    /// The counters of a store.
    pub(super) fn stats(&mut self, store: &StoreIdentity) -> &mut TierStats {
        self.stats.entry(store.clone()).or_default()
    }

    /// Those of all stores.
    pub(super) fn all(&self) -> impl Iterator<Item = (&StoreIdentity, &TierStats)> {
        self.stats.iter()
    }

    /// Notes that entries were found.
    pub(super) fn found(&mut self, entries: impl IntoIterator<Item = i64>) {
        entries.into_iter().for_each(|entry| *self.found.entry(entry).or_default() += 1);
    }

    /// Whether it is time to write, after some more requests.
    pub(super) fn is_due(&mut self, requests: u64) -> bool {
        self.n_requests += requests;
        let due = self.n_requests >= MOST_REQUESTS;
        if due {
            self.n_requests = 0;
        }
        due
    }

    pub(super) fn is_empty(&self) -> bool {
        self.stats.is_empty() && self.found.is_empty()
    }

    /// Writes all of it.
    pub(super) fn write(&self, connection: &Connection) -> Result<(), Trouble> {
        let mut touch = connection.prepare_cached(sql::TOUCH)?;
        for (entry, n) in &self.found {
            touch.execute(params![entry, i64::try_from(*n).unwrap_or(i64::MAX)])?;
        }
        let mut add_store = connection.prepare_cached(sql::ADD_STORE)?;
        for (store, stats) in &self.stats {
            add_store.execute(params![&store.digest()[..], store.location()])?;
            counters::add(connection, store.digest(), stats)?;
        }
        Ok(())
    }

    /// Takes back what could not be written, beside what came since.
    pub(super) fn absorb(&mut self, older: Pending) {
        /// What is forgotten beyond that is which of very many entries were found.
        const MOST_FOUND: usize = 1 << 16;
        older.stats.iter().for_each(|(store, stats)| self.stats(store).absorb(stats));
        for (entry, n) in older.found {
            if self.found.len() < MOST_FOUND {
                *self.found.entry(entry).or_default() += n;
            }
        }
    }
}
