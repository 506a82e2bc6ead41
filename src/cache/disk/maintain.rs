//! Looking after the file.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::digest::Digest;
use super::file::{CacheFile, Without};
use super::settings::Settings;
use super::trouble::Trouble;
use super::{counters, evict, rows, sql};
use crate::cache::{Cause, TierStats};
use crate::model::time::Timestamp;

/// What looking after the file did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Heads whose time was over. They are states of their revisions still.
    pub expired: u64,
    /// Entries that were over a bound.
    pub evicted: u64,
    /// Entries that lacked a part, and bodies that no entry had: what a damage left.
    pub orphans: u64,
    /// Bytes kept before, as the budget counts them.
    pub bytes_before: u64,
    /// And after.
    pub bytes_after: u64,
    /// Size of the file before, in bytes.
    pub file_bytes_before: u64,
    /// And after.
    pub file_bytes_after: u64,
}

/// How much is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// What has to be, at the expense of somebody who only wanted to put something.
    Some,
    /// Everything.
    All,
}

/// Whether there is something to do: too much is kept, much of the file is free, or heads are over.
pub(super) fn is_needed(connection: &Connection, settings: &Settings, now: Timestamp) -> Result<bool, Trouble> {
    /// So many free pages are kept for what comes next.
    const FEW_PAGES: u64 = 64;
    let (entries, bytes) = evict::total(connection)?;
    if entries > settings.bounds.most_entries || bytes > settings.bounds.most_bytes {
        return Ok(true);
    }
    let pages = pages(connection)?;
    Ok(pages.free > FEW_PAGES.max(pages.all / 4) || !over(connection, settings, now)?.is_empty())
}

/// Looks after the file.
pub(super) fn maintain(
    file: &CacheFile,
    settings: &Settings,
    now: Timestamp,
    extent: Extent,
) -> Result<Maintained, Without> {
    let mut done = file.change(&mut |connection| in_transaction(connection, settings, now, extent))?;
    file.outside(&mut |connection| {
        reclaim(connection, extent)?;
        let pages = pages(connection)?;
        done.file_bytes_after = pages.all * pages.bytes_each;
        Ok(())
    })?;
    Ok(done)
}

fn in_transaction(
    connection: &Connection,
    settings: &Settings,
    now: Timestamp,
    extent: Extent,
) -> Result<Maintained, Trouble> {
    let pages = pages(connection)?;
    let bytes_before = evict::total(connection)?.1;
    let mut done =
        Maintained { bytes_before, file_bytes_before: pages.all * pages.bytes_each, ..Maintained::default() };
    if extent == Extent::All {
        done.orphans = connection.execute(sql::DELETE_ENTRY_ORPHANS, [])? as u64;
        done.orphans += connection.execute(sql::DELETE_BODY_ORPHANS, [])? as u64;
        connection.execute(sql::RECOUNT, [])?;
    }
    done.expired = expire(connection, settings, now)?;
    done.evicted = evict::to_bounds(connection, settings.bounds)?;
    if extent == Extent::All {
        for statement in [sql::FOLD_COUNTERS, sql::DELETE_COUNTERS, sql::DELETE_STORES] {
            connection.execute(statement, [])?;
        }
    }
    done.bytes_after = evict::total(connection)?.1;
    Ok(done)
}

/// Heads whose time is over, with the stores they are of.
fn over(connection: &Connection, settings: &Settings, now: Timestamp) -> Result<Vec<(i64, Digest)>, Trouble> {
    let ttl = &settings.head_ttl;
    if ttl.default.is_none() && ttl.of.values().all(Option::is_none) {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached(sql::HEADS)?;
    let mut rows = statement.query([])?;
    let mut over = Vec::new();
    while let Some(row) = rows.next()? {
        let document_type = row.get::<_, String>(1)?.into();
        // A time that is none is damage.
        let at = Timestamp::from_millis(row.get(2)?);
        if at.is_none_or(|at| ttl.is_over(&document_type, at, now)) {
            over.push((row.get(0)?, rows::digest_of(row, 3).unwrap_or_default()));
        }
    }
    Ok(over)
}

/// Lets entries whose time as heads is over be heads no longer.
fn expire(connection: &Connection, settings: &Settings, now: Timestamp) -> Result<u64, Trouble> {
    let mut expired: BTreeMap<Digest, TierStats> = BTreeMap::new();
    let over = over(connection, settings, now)?;
    let mut delete = connection.prepare_cached(sql::DELETE_HEAD)?;
    for (entry, store) in &over {
        delete.execute([entry])?;
        expired.entry(*store).or_default().count_dropped(Cause::Expired, 1);
    }
    for (store, stats) in &expired {
        counters::add(connection, store, stats)?;
    }
    Ok(over.len() as u64)
}

/// Gives free pages back (<https://www.sqlite.org/pragma.html#pragma_incremental_vacuum>), and brings the log into the file as
/// far as readers let it.
fn reclaim(connection: &Connection, extent: Extent) -> Result<(), Trouble> {
    /// So many at a time when somebody waits.
    const SOME_PAGES: u64 = 1024;
    let free = match extent {
        Extent::Some => pages(connection)?.free.min(SOME_PAGES),
        Extent::All => pages(connection)?.free,
    };
    if free > 0 {
        // Each row that is asked for is a page.
        let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({free})"))?;
        let mut pages = vacuum.query([])?;
        while pages.next()?.is_some() {}
    }
    if extent == Extent::All {
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    Ok(())
}

struct Pages {
    all: u64,
    free: u64,
    bytes_each: u64,
}

fn pages(connection: &Connection) -> Result<Pages, Trouble> {
    let n = |row: &rusqlite::Row<'_>, column| row.get(column).map(|n: i64| u64::try_from(n).unwrap_or_default());
    let pages = connection
        .prepare_cached(sql::PAGES)?
        .query_row(params![], |row| Ok(Pages { all: n(row, 0)?, free: n(row, 1)?, bytes_each: n(row, 2)? }))?;
    Ok(pages)
}
