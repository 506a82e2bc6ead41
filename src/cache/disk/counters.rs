//! What became of requests, as it is kept.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::{Connection, params};

use super::digest::Digest;
use super::sql;
use super::trouble::Trouble;
use crate::cache::stats::Latencies;
use crate::cache::{Cause, Cost, Reads, TierName, TierStats};

/// Adds what was counted here for a store.
pub(super) fn add(connection: &Connection, store: &Digest, stats: &TierStats) -> Result<(), Trouble> {
    add_of(TierName::Disk, connection, store, stats)
}

/// Adds what a tier counted for a store.
pub(super) fn add_of(
    tier: TierName,
    connection: &Connection,
    store: &Digest,
    stats: &TierStats,
) -> Result<(), Trouble> {
    add_pairs(connection, store, prefix(tier), pairs(stats))
}

/// Adds what was counted of all tiers together for a store.
pub(super) fn add_reads(connection: &Connection, store: &Digest, reads: Reads) -> Result<(), Trouble> {
    let Reads { requests, exact, below, operations_read } = reads;
    let pairs = [("requests", requests), ("exact", exact), ("below", below), (OPERATIONS_READ, operations_read)];
    add_pairs(connection, store, READS, pairs.map(|(name, n)| (name.to_owned(), n)))
}

fn add_pairs(
    connection: &Connection,
    store: &Digest,
    prefix: &str,
    pairs: impl IntoIterator<Item = (String, u64)>,
) -> Result<(), Trouble> {
    let mut count = connection.prepare_cached(sql::COUNT)?;
    for (name, n) in pairs.into_iter().filter(|(_, n)| *n > 0) {
        count.execute(params![&store[..], format!("{prefix}{name}"), i64::try_from(n).unwrap_or(i64::MAX)])?;
    }
    Ok(())
}

/// What a tier counted for a store, or for all of them.
pub(super) fn read(tier: TierName, connection: &Connection, store: Option<&Digest>) -> Result<TierStats, Trouble> {
    Ok(from_pairs(&read_pairs(connection, store, prefix(tier))?))
}

/// What was counted of all tiers together for a store, or for all of them.
pub(super) fn read_reads(connection: &Connection, store: Option<&Digest>) -> Result<Reads, Trouble> {
    let pairs = read_pairs(connection, store, READS)?;
    let n = |name: &str| pairs.get(name).copied().unwrap_or_default().min(MOST);
    let (requests, exact, below) = (n("requests"), n("exact"), n("below"));
    Ok(Reads { requests, exact, below, operations_read: n(OPERATIONS_READ) })
}

/// Counters whose names begin with a prefix, without it.
fn read_pairs(connection: &Connection, store: Option<&Digest>, prefix: &str) -> Result<BTreeMap<String, u64>, Trouble> {
    let mut statement = connection.prepare_cached(if store.is_some() { sql::COUNTERS } else { sql::ALL_COUNTERS })?;
    let mut rows = match store {
        Some(store) => statement.query([&store[..]])?,
        None => statement.query([])?,
    };
    let mut all: BTreeMap<String, u64> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let Some(name) = name.strip_prefix(prefix) else { continue };
        let n = all.entry(name.to_owned()).or_default();
        *n = n.saturating_add(u64::try_from(row.get::<_, i64>(1)?).unwrap_or_default());
    }
    Ok(all)
}

/// What the names of the counters of a tier begin with.
fn prefix(tier: TierName) -> &'static str {
    match tier {
        TierName::Disk => "",
        TierName::Memory => "memory.",
    }
}

/// What the names of the counters of all tiers together begin with.
const READS: &str = "reads.";
const OPERATIONS_READ: &str = "operationsRead";

/// No counter can have counted more; those that say so are cut, so that sums of them stay numbers.
const MOST: u64 = 1 << 48;

const DROPPED: &str = "dropped.";
const NANOS: &str = "saved.nanos";
const LOADS: &str = "loads.";

fn pairs(stats: &TierStats) -> Vec<(String, u64)> {
    let TierStats { requests, exact, below, misses, puts, too_large, failures, dropped, saved, loads, .. } = stats;
    let mut pairs = vec![
        ("requests".to_owned(), *requests),
        ("exact".to_owned(), *exact),
        ("below".to_owned(), *below),
        ("misses".to_owned(), *misses),
        ("puts".to_owned(), *puts),
        ("tooLarge".to_owned(), *too_large),
        ("failures".to_owned(), *failures),
        ("saved.operations".to_owned(), saved.operations),
        (NANOS.to_owned(), u64::try_from(saved.elapsed.as_nanos()).unwrap_or(u64::MAX)),
    ];
    pairs.extend(dropped.iter().map(|(cause, n)| (format!("{DROPPED}{cause}"), *n)));
    pairs.extend(loads.steps().map(|(step, n)| (format!("{LOADS}{step}"), n)));
    pairs
}

/// Names that mean nothing are passed over.
fn from_pairs(pairs: &BTreeMap<String, u64>) -> TierStats {
    const MOST_NANOS: u64 = 1 << 60;
    let n = |name: &str| pairs.get(name).copied().unwrap_or_default().min(MOST);
    let nanos = pairs.get(NANOS).copied().unwrap_or_default().min(MOST_NANOS);
    let dropped = Cause::ALL.into_iter().map(|cause| (cause, n(&format!("{DROPPED}{cause}"))));
    let step = |(name, n): (&String, &u64)| Some((name.strip_prefix(LOADS)?.parse().ok()?, (*n).min(MOST)));
    TierStats {
        requests: n("requests"),
        exact: n("exact"),
        below: n("below"),
        misses: n("misses"),
        puts: n("puts"),
        too_large: n("tooLarge"),
        failures: n("failures"),
        dropped: dropped.filter(|(_, n)| *n > 0).collect(),
        saved: Cost { operations: n("saved.operations"), elapsed: Duration::from_nanos(nanos) },
        loads: Latencies::from_steps(pairs.iter().filter_map(step)),
        ..TierStats::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Lookup;

    #[test]
    fn every_counter_reads_back() {
        let mut stats =
            TierStats { requests: 9, exact: 3, below: 2, puts: 7, too_large: 1, failures: 4, ..Default::default() };
        stats.count(&Lookup::Miss, Duration::ZERO);
        stats.saved = Cost { operations: 40, elapsed: Duration::from_micros(77) };
        stats.loads.add(Duration::from_micros(3));
        stats.loads.add(Duration::from_micros(900));
        Cause::ALL.into_iter().zip(1..).for_each(|(cause, n)| stats.count_dropped(cause, n));
        let mut pairs: BTreeMap<String, u64> = pairs(&stats).into_iter().collect();
        pairs.insert("loads.x".into(), 1);
        pairs.insert("news".into(), 1);
        assert_eq!(from_pairs(&pairs), stats);
    }
}
