//! Rows, as entries. What is in a row is checked before it is believed.

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::digest::{self, Digest};
use super::trouble::Trouble;
use super::{body, facts, packed, sql};
use crate::cache::{Entry, Facts};
use crate::model::state::State;

/// What a row of the table `entry` says.
pub(super) struct Known {
    pub(super) id: i64,
    pub(super) facts: Facts,
    /// Without the bodies it refers to, in bytes.
    pub(super) size: u64,
    /// What it refers to; see [`digest::contents`].
    contents: Vec<u8>,
    pub(super) sum: Vec<u8>,
}

/// Reads the columns `id, size, contents, sum, facts`, which come first, of an entry of `store`. The inner error is the id
/// of a row that is damaged.
pub(super) fn known(row: &Row<'_>, store: Option<&Digest>) -> Result<Result<Known, i64>, Trouble> {
    let id = row.get(0)?;
    let sound = || {
        let size = row.get::<_, i64>(1).ok()?;
        let (contents, sum, facts) = (blob(row, 2)?, blob(row, 3)?, blob(row, 4)?);
        if digest::entry_sum(store?, facts, contents, size)[..] != *sum {
            return None;
        }
        let (facts, size) = (facts::read(facts)?, u64::try_from(size).ok()?);
        Some(Known { id, facts, size, contents: contents.to_vec(), sum: sum.to_vec() })
    };
    Ok(sound().ok_or(id))
}

/// Loads what an entry refers to; `None` if something of it is damaged or gone.
pub(super) fn load(connection: &Connection, known: Known) -> Result<Option<Entry>, Trouble> {
    let mut statement = connection.prepare_cached(sql::CONTENTS)?;
    let parts = statement.query_row([known.id], |row| Ok(parts(row, &known.contents))).optional()?.flatten();
    Ok(parts.map(|(header, state, initial)| Entry { facts: known.facts, header, state, initial }))
}

fn parts(row: &Row<'_>, contents: &[u8]) -> Option<(crate::model::json::Object<'static>, State, State)> {
    let (header, state_key, initial_key) = (blob(row, 0)?, blob(row, 1)?, blob(row, 4)?);
    if digest::contents(header, state_key, initial_key)[..] != *contents {
        return None;
    }
    let header = body::read_header(&packed::unpack(header)?)?;
    let state = state(state_key, blob(row, 2)?, blob(row, 3)?)?;
    let initial =
        if state_key == initial_key { state.clone() } else { self::state(initial_key, blob(row, 5)?, blob(row, 6)?)? };
    Some((header, state, initial))
}

fn state(key: &[u8], sum: &[u8], packed: &[u8]) -> Option<State> {
    (digest::body_sum(key, packed)[..] == *sum).then(|| body::read_state(&packed::unpack(packed)?))?
}

/// A column that holds bytes; `None` if it holds something else.
pub(super) fn blob<'a>(row: &'a Row<'_>, column: usize) -> Option<&'a [u8]> {
    row.get_ref(column).ok()?.as_blob().ok()
}

/// A column that holds a digest.
pub(super) fn digest_of(row: &Row<'_>, column: usize) -> Option<Digest> {
    blob(row, column)?.try_into().ok()
}
