//! All that is kept: listed, summed up, dropped.

use std::collections::{BTreeMap, HashSet};

use rusqlite::{Connection, params};

use super::digest::Digest;
use super::rows::Damage;
use super::trouble::Trouble;
use super::{counters, evict, rows, sql};
use crate::cache::{Cause, Listed, StoreIdentity, TierStats, Which};

/// What a listing visits: where the store is, and what is kept of it.
pub(super) type Visit<'a> = &'a mut dyn FnMut(&str, &Listed<'_>);

/// What a listing came to.
#[derive(Debug, Default)]
pub(super) struct Sum {
    pub(super) entries: u64,
    pub(super) bytes: u64,
    /// Rows that are damaged, with the stores they are of.
    pub(super) damaged: Vec<(Damage, Digest)>,
    /// Bodies that were counted.
    bodies: HashSet<i64>,
}

/// Visits what is kept of a store, by stream and revision. A body that several entries share counts with the first of them.
pub(super) fn list(connection: &Connection, store: &Digest, sum: &mut Sum, visit: Visit<'_>) -> Result<(), Trouble> {
    let mut statement = connection.prepare_cached(sql::LIST)?;
    let mut rows = statement.query([&store[..]])?;
    while let Some(row) = rows.next()? {
        let known = match rows::known(row, Some(store))? {
            Ok(known) => known,
            Err(damage) => {
                sum.damaged.push((damage, *store));
                continue;
            }
        };
        let mut body =
            |id: i64, size: i64| if sum.bodies.insert(id) { u64::try_from(size).unwrap_or_default() } else { 0 };
        let (state, initial): (Option<i64>, Option<i64>) = (row.get(9)?, row.get(11)?);
        let (Some(state), Some(initial)) = (state, initial) else {
            sum.damaged.push((Damage::Entry(known.id), *store));
            continue;
        };
        let size_bytes = known.size + body(row.get(8)?, state) + body(row.get(10)?, initial);
        let reads = u64::try_from(row.get::<_, i64>(7)?).unwrap_or_default();
        let location: String = row.get(6)?;
        sum.entries += 1;
        sum.bytes += size_bytes;
        visit(&location, &Listed { facts: &known.facts, head: row.get(12)?, size_bytes, reads });
    }
    Ok(())
}

/// The stores of which something is kept or was counted, by location.
pub(super) fn stores(connection: &Connection) -> Result<Vec<Digest>, Trouble> {
    let mut statement = connection.prepare_cached(sql::STORES)?;
    let mut rows = statement.query([])?;
    let mut stores = Vec::new();
    while let Some(row) = rows.next()? {
        stores.extend(rows::digest_of(row, 0));
    }
    Ok(stores)
}

/// Drops what cannot be read, and says how many entries went with it.
pub(super) fn drop_damaged(connection: &Connection, damage: Damage) -> Result<u64, Trouble> {
    let (entries, body) = match damage {
        Damage::Entry(id) => (vec![id], None),
        Damage::Body(id) => {
            let mut statement = connection.prepare_cached(sql::WITH_BODY)?;
            (statement.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?, Some(id))
        }
    };
    let dropped = evict::delete(connection, &entries)?;
    if let Some(body) = body {
        connection.prepare_cached(sql::DELETE_BODY)?.execute([body])?;
    }
    Ok(dropped)
}

/// Drops what `which` includes, of a store or of all of them, counts it in the file, and says how many entries those were.
pub(super) fn drop_entries(
    connection: &Connection,
    store: Option<&StoreIdentity>,
    which: &Which,
    cause: Cause,
) -> Result<u64, Trouble> {
    let mut dropped: BTreeMap<Digest, TierStats> = BTreeMap::new();
    let mut entries = Vec::new();
    for (id, store, included) in candidates(connection, store, which)? {
        let cause = match included {
            Some(true) => cause,
            Some(false) => continue,
            None => Cause::Damaged,
        };
        entries.push(id);
        dropped.entry(store).or_default().count_dropped(cause, 1);
    }
    evict::delete(connection, &entries)?;
    for (store, stats) in &dropped {
        counters::add(connection, store, stats)?;
    }
    let dropped = dropped.values().filter_map(|stats| stats.dropped.get(&cause));
    Ok(dropped.sum())
}

/// What may be among them, with their stores, and whether it is; `None` for a damaged row.
fn candidates(
    connection: &Connection,
    store: Option<&StoreIdentity>,
    which: &Which,
) -> Result<Vec<(i64, Digest, Option<bool>)>, Trouble> {
    let document = match which {
        Which::Document(document) | Which::Scope(document, _) | Which::Branch(document, _) => Some(document),
        Which::Stream(stream) => Some(&stream.document),
        Which::All | Which::Glob { .. } | Which::Fingerprint(_) | Which::Model(..) => None,
    };
    let (text, params): (_, &[&dyn rusqlite::ToSql]) = match (store, document) {
        (None, _) => (sql::DROP_ANY, params![]),
        (Some(store), None) => (sql::DROP_STORE, params![&store.digest()[..]]),
        (Some(store), Some(document)) => (sql::DROP_DOCUMENT, params![&store.digest()[..], document.as_str()]),
    };
    let mut statement = connection.prepare_cached(text)?;
    let mut rows = statement.query(params)?;
    let mut candidates = Vec::new();
    while let Some(row) = rows.next()? {
        let store = rows::digest_of(row, 5);
        let (id, included) = match rows::known(row, store.as_ref())? {
            Ok(known) => (known.id, Some(which.includes(&known.facts))),
            Err(Damage::Entry(id) | Damage::Body(id)) => (id, None),
        };
        candidates.push((id, store.unwrap_or_default(), included));
    }
    Ok(candidates)
}
