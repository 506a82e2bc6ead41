//! Rows, as entries. What is in a row is checked before it is believed.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::digest::{self, Digest};
use super::trouble::Trouble;
use super::{body, facts, packed, sql};
use crate::cache::{Entry, Facts};
use crate::model::json::Object;
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

/// Reads the columns `id, size, contents, sum, facts`, which come first, of an entry of `store`. The inner error is the
/// row, which is damaged.
pub(super) fn known(row: &Row<'_>, store: Option<&Digest>) -> Result<Result<Known, Damage>, Trouble> {
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
    Ok(sound().ok_or(Damage::Entry(id)))
}

/// What cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// An entry, by row.
    Entry(i64),
    /// A body, by row, and so every entry that refers to it: the next that is put with that state would do so again.
    Body(i64),
}

/// Loads what an entry refers to.
pub(super) fn load(connection: &Connection, known: Known) -> Result<Result<Entry, Damage>, Trouble> {
    let mut statement = connection.prepare_cached(sql::CONTENTS)?;
    let parts = statement.query_row([known.id], |row| Ok(parts(row, &known))).optional()?;
    let parts = parts.unwrap_or(Err(Damage::Entry(known.id)));
    Ok(parts.map(|(header, state, initial)| Entry { facts: known.facts, header: Arc::new(header), state, initial }))
}

fn parts(row: &Row<'_>, known: &Known) -> Result<(Object<'static>, State, State), Damage> {
    let itself = Damage::Entry(known.id);
    let (header, state, initial) = (blob(row, 0), blob(row, 2), blob(row, 6));
    let (Some(header), Some(state), Some(initial)) = (header, state, initial) else { return Err(itself) };
    if digest::contents(header, state, initial)[..] != *known.contents {
        return Err(itself);
    }
    let header = packed::unpack(header).and_then(|text| body::read_header(&text)).ok_or(itself)?;
    let is_one = state == initial;
    let state = body(row, 1)?;
    let initial = if is_one { state.clone() } else { body(row, 5)? };
    Ok((header, state, initial))
}

/// The state in the columns `id, key, sum, packed`, of which the first is given.
fn body(row: &Row<'_>, first: usize) -> Result<State, Damage> {
    let state = || {
        let (key, sum, packed) = (blob(row, first + 1)?, blob(row, first + 2)?, blob(row, first + 3)?);
        (digest::body_sum(key, packed)[..] == *sum).then(|| body::read_state(&packed::unpack(packed)?))?
    };
    state().ok_or_else(|| Damage::Body(row.get(first).unwrap_or_default()))
}

/// A column that holds bytes; `None` if it holds something else.
pub(super) fn blob<'a>(row: &'a Row<'_>, column: usize) -> Option<&'a [u8]> {
    row.get_ref(column).ok()?.as_blob().ok()
}

/// A column that holds a digest.
pub(super) fn digest_of(row: &Row<'_>, column: usize) -> Option<Digest> {
    blob(row, column)?.try_into().ok()
}
