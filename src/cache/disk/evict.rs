//! What goes when there is too much.
//!
//! GreedyDual-Size-Frequency (L. Cherkasova, *Improving WWW Proxies Performance with Greedy-Dual-Size-Frequency Caching
//! Policy*, HP Laboratories, HPL-98-69R1, 1998): an entry is worth
//!
//! ```text
//! value = clock + uses · cost / size
//! ```
//!
//! where *uses* is how often it was found, and one for being there, *cost* the time that a rebuild took (`Facts::cost`) and *size* what its row
//! and its state take. What is worth least goes, and the clock becomes what that was worth: so that what was not used for
//! long, however dear it once was, is worth less than what is new. An entry that is used again is worth what the clock says
//! then and its uses. A large state that is cheap to rebuild goes before a small one that is not.
//!
//! What is shared counts in full for each that shares it, other than the initial state, which all documents of a type share.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::counters;
use super::digest::Digest;
use super::rows;
use super::settings::Bounds;
use super::sql;
use super::trouble::Trouble;
use crate::cache::{Cause, TierStats};

/// Entries and bytes that are kept.
pub(super) fn total(connection: &Connection) -> Result<(u64, u64), Trouble> {
    let mut statement = connection.prepare_cached(sql::TOTAL)?;
    let n = |n: i64| u64::try_from(n).unwrap_or_default();
    Ok(statement.query_row([], |row| Ok((n(row.get(0)?), n(row.get(1)?))))?)
}

/// Deletes rows, and says how many of them there were.
pub(super) fn delete(connection: &Connection, entries: &[i64]) -> Result<u64, Trouble> {
    let mut statement = connection.prepare_cached(sql::DELETE)?;
    let mut deleted = 0;
    for entry in entries {
        deleted += statement.execute([entry])? as u64;
    }
    Ok(deleted)
}

/// Evicts the cheapest entries until nothing is over its bound, and a little more, so that not every put has to evict. Counts
/// them in the file, and says how many they were.
pub(super) fn to_bounds(connection: &Connection, bounds: Bounds) -> Result<u64, Trouble> {
    /// The part of a bound that is made free.
    const SLACK: u64 = 16;
    let Bounds { most_bytes, most_entries } = bounds;
    let (entries, bytes) = total(connection)?;
    let aim = |n: u64, most: u64| if n > most { most - most / SLACK } else { most };
    let (most_entries, most_bytes) = (aim(entries, most_entries), aim(bytes, most_bytes));
    let mut evicted = Evicted::default();
    'all: loop {
        let cheapest = cheapest(connection)?;
        let before = evicted.n;
        for (entry, value, store) in cheapest {
            let (entries, bytes) = total(connection)?;
            let cause = match (bytes > most_bytes, entries > most_entries) {
                (true, _) => Cause::Bytes,
                (false, true) => Cause::Count,
                (false, false) => break 'all,
            };
            evicted.count(store, cause, delete(connection, &[entry])?);
            evicted.clock = evicted.clock.max(value);
        }
        if evicted.n == before {
            break;
        }
    }
    if evicted.n > 0 {
        connection.prepare_cached(sql::SET_CLOCK)?.execute(params![evicted.clock])?;
        for (store, stats) in &evicted.stats {
            counters::add(connection, store, stats)?;
        }
    }
    Ok(evicted.n)
}

#[derive(Default)]
struct Evicted {
    n: u64,
    clock: f64,
    stats: BTreeMap<Digest, TierStats>,
}

impl Evicted {
    fn count(&mut self, store: Digest, cause: Cause, n: u64) {
        self.n += n;
        self.stats.entry(store).or_default().count_dropped(cause, n);
    }
}

/// The cheapest entries, the cheapest first, with the stores they are of.
fn cheapest(connection: &Connection) -> Result<Vec<(i64, f64, Digest)>, Trouble> {
    let mut statement = connection.prepare_cached(sql::CHEAPEST)?;
    let cheapest = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, rows::digest_of(row, 2).unwrap_or_default())))?
        .collect::<Result<_, _>>()?;
    Ok(cheapest)
}
