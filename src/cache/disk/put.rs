//! Keeping entries.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::digest::{self, Digest};
use super::file::CacheFile;
use super::settings::Settings;
use super::trouble::{Trouble, WarningKind};
use super::{body, evict, facts, find, packed, sql};
use crate::cache::{Cause, Cost, Entry, Facts, Put, StoreIdentity, TierStats};
use crate::model::ids::StreamKey;
use crate::model::state::State;

/// Entries that are ready to be written, and how many of those that came are not among them.
pub(super) struct Ready<'a> {
    pub(super) entries: Vec<ReadyEntry<'a>>,
    pub(super) too_large: u64,
}

pub(super) struct ReadyEntry<'a> {
    put: &'a Put,
    key: Digest,
    place: i64,
    facts: Vec<u8>,
    header: Vec<u8>,
    state: Body,
    initial: Body,
    /// Without the bodies, in bytes.
    size: i64,
    /// What it is worth to have it; see [`evict`].
    weight: f64,
}

/// A state that is ready to be written.
#[derive(Clone)]
struct Body {
    key: Digest,
    /// `None` if the file has it already.
    packed: Option<Vec<u8>>,
    size: i64,
}

/// Does what takes time, outside of the transaction that changes the file: others wait for that.
pub(super) fn prepare<'a>(file: &CacheFile, settings: &Settings, store: &StoreIdentity, puts: &'a [Put]) -> Ready<'a> {
    let mut bodies = Bodies { file, sizes: BTreeMap::new() };
    let mut ready = Ready { entries: Vec::new(), too_large: 0 };
    for put in puts {
        match entry(&mut bodies, settings, store, put) {
            Some(entry) => ready.entries.push(entry),
            None => ready.too_large += 1,
        }
    }
    ready
}

/// `None` for one that is too large, or cannot be written down so that it reads back.
fn entry<'a>(
    bodies: &mut Bodies<'_>,
    settings: &Settings,
    store: &StoreIdentity,
    put: &'a Put,
) -> Option<ReadyEntry<'a>> {
    let Entry { facts, header, state, initial } = &*put.entry;
    let place = find::place(facts.revision)?;
    let key = digest::entry_key(store.digest(), facts);
    let header = packed::pack(&body::write_header(header)?)?;
    let state = bodies.body(state)?;
    let initial = bodies.body(initial)?;
    let cost = facts.cost;
    let facts = facts::write(facts);
    let size = i64::try_from(sql::ENTRY_BYTES + header.len() + 3 * facts.len()).ok()?;
    let most = i64::try_from(settings.bounds.largest()).unwrap_or(i64::MAX);
    let all = size.saturating_add(state.size).saturating_add(if state.key == initial.key { 0 } else { initial.size });
    let weight = weight(cost, size.saturating_add(state.size));
    (all <= most).then_some(ReadyEntry { put, key, place, facts, header, state, initial, size, weight })
}

/// What an entry saves by the byte, in microseconds. An operation counts as one at least: clocks may be coarse.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn weight(cost: Cost, size: i64) -> f64 {
    let micros = u64::try_from(cost.elapsed.as_micros()).unwrap_or(u64::MAX);
    micros.max(cost.operations).max(1) as f64 / size.max(1) as f64
}

/// Makes bodies, each once.
struct Bodies<'a> {
    file: &'a CacheFile,
    /// Of those made so far, or known to the file, in bytes.
    sizes: BTreeMap<Digest, i64>,
}

impl Bodies<'_> {
    fn body(&mut self, state: &State) -> Option<Body> {
        let text = body::write_state(state)?;
        let key = digest::body_key(&text);
        let known = self.sizes.get(&key).copied().or_else(|| {
            let stored = self.file.look(&mut |connection| Ok(stored(connection, &key)?.map(|(_, size)| size)));
            stored.ok().flatten()
        });
        let body = match known {
            Some(size) => Body { key, packed: None, size },
            None => Body::pack(key, &text)?,
        };
        self.sizes.insert(key, body.size);
        Some(body)
    }
}

impl Body {
    fn pack(key: Digest, text: &[u8]) -> Option<Self> {
        let packed = packed::pack(text)?;
        let size = i64::try_from(packed.len() + sql::BODY_BYTES).ok()?;
        Some(Body { key, packed: Some(packed), size })
    }

    /// The row of the body, which is made if there is none.
    fn row(&self, connection: &Connection, state: &State) -> Result<i64, Trouble> {
        if let Some((id, _)) = stored(connection, &self.key)? {
            return Ok(id);
        }
        // It was known, and somebody evicted it since.
        let again = || Body::pack(self.key, &body::write_state(state)?);
        let body = if self.packed.is_some() { Some(self.clone()) } else { again() };
        let Some(Body { key, packed: Some(packed), size }) = body else {
            return Err(Trouble::Told(WarningKind::OutOfReach, "out of memory".to_owned()));
        };
        let sum = digest::body_sum(&key, &packed);
        connection.prepare_cached(sql::ADD_BODY)?.execute(params![&key[..], &sum[..], size, packed])?;
        Ok(connection.last_insert_rowid())
    }
}

fn stored(connection: &Connection, key: &Digest) -> Result<Option<(i64, i64)>, Trouble> {
    let mut statement = connection.prepare_cached(sql::BODY)?;
    Ok(statement.query_row([&key[..]], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

impl Ready<'_> {
    /// Writes all of them, evicts what has to go, and returns what the store has to count.
    pub(super) fn write(
        &self,
        connection: &Connection,
        store: &StoreIdentity,
        settings: &Settings,
    ) -> Result<TierStats, Trouble> {
        let mut stats = TierStats::default();
        let digest = &store.digest()[..];
        connection.prepare_cached(sql::ADD_STORE)?.execute(params![digest, store.location()])?;
        let row: i64 = connection.prepare_cached(sql::STORE)?.query_row([digest], |row| row.get(0))?;
        for entry in &self.entries {
            entry.write(connection, (store, row), settings, &mut stats)?;
        }
        evict::to_bounds(connection, settings.bounds)?;
        Ok(stats)
    }
}

impl ReadyEntry<'_> {
    fn write(
        &self,
        connection: &Connection,
        (store, store_row): (&StoreIdentity, i64),
        settings: &Settings,
        counted: &mut TierStats,
    ) -> Result<(), Trouble> {
        let Put { entry, head } = self.put;
        let StreamKey { document, scope, branch } = &entry.facts.stream;
        let (document, scope, branch) = (document.as_str(), scope.as_str(), branch.as_str());
        let state = self.state.row(connection, &entry.state)?;
        let initial = self.initial.row(connection, &entry.initial)?;
        let contents = digest::contents(&self.header, &self.state.key, &self.initial.key);
        let sum = digest::entry_sum(store.digest(), &self.facts, &contents, self.size);
        connection.prepare_cached(sql::PUT_ENTRY)?.execute(params![
            &self.key[..],
            store_row,
            document,
            scope,
            branch,
            self.place,
            entry.facts.key(&settings.namespace),
            state,
            initial,
            self.size,
            self.weight,
            &contents[..],
            &sum[..],
            self.facts,
            self.header,
        ])?;
        let id: i64 = connection.prepare_cached(sql::ENTRY)?.query_row([&self.key[..]], |row| row.get(0))?;
        counted.puts += 1;
        let place = params![store_row, document, scope, branch, self.place, id];
        let outdated = outdated(connection, place, &entry.facts)?;
        counted.count_dropped(Cause::LogChanged, outdated);
        if let Some(stamp) = head {
            let at = (settings.clock)().as_millis();
            let sum = digest::head_sum(&sum, &stamp.0, at);
            let document_type = entry.facts.document_type.as_str();
            connection.prepare_cached(sql::PUT_HEAD)?.execute(params![
                id,
                store_row,
                document,
                scope,
                branch,
                document_type,
                stamp.0,
                at,
                &sum[..]
            ])?;
        }
        Ok(())
    }
}

/// Deletes what was made of another operation at the same place, and says how many entries those were: the log is not the
/// one they were made of. Those of other models stay: whoever has such a model wants them.
fn outdated(connection: &Connection, place: &[&dyn rusqlite::ToSql], kept: &Facts) -> Result<u64, Trouble> {
    let mut statement = connection.prepare_cached(sql::SAME_PLACE)?;
    let mut rows = statement.query(place)?;
    let mut outdated = Vec::new();
    while let Some(row) = rows.next()? {
        let other = super::rows::blob(row, 1).and_then(facts::read);
        if other.is_none_or(|other| other.operation != kept.operation) {
            outdated.push(row.get::<_, i64>(0)?);
        }
    }
    drop(rows);
    evict::delete(connection, &outdated)
}
