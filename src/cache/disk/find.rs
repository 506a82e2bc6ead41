//! Looking for entries.

use std::sync::Arc;

use rusqlite::{Connection, params};

use super::rows;
use super::settings::Settings;
use super::sql;
use super::trouble::Trouble;
use super::{digest, rows::Damage, rows::blob};
use crate::cache::{Entry, StoreIdentity, Want};
use crate::model::ids::{NextIndex, Revision, StreamKey};
use crate::model::stamp::Stamp;
use crate::model::time::Timestamp;

/// What a lookup came to.
#[derive(Default)]
pub(super) struct Found {
    /// The entry, and its row.
    pub(super) entry: Option<(i64, Arc<Entry>)>,
    /// What could not be read on the way.
    pub(super) damaged: Vec<Damage>,
}

/// The place of a revision in its stream, as rows have it; `None` if it is beyond what they can say.
pub(super) fn place(revision: Option<Revision>) -> Option<i64> {
    i64::try_from(NextIndex::from(revision).get()).ok()
}

/// The newest entry that fits at or below a revision. Looks at a few at most, so that a lookup stays one.
pub(super) fn below(connection: &Connection, store: &StoreIdentity, want: &Want<'_>) -> Result<Found, Trouble> {
    let mut found = Found::default();
    let mut statement = connection.prepare_cached(sql::CANDIDATES)?;
    let StreamKey { document, scope, branch } = want.stream;
    let most = place(want.revision).unwrap_or(i64::MAX);
    let place = params![&store.digest()[..], document.as_str(), scope.as_str(), branch.as_str(), most];
    let mut candidates = statement.query(place)?;
    while let Some(row) = candidates.next()? {
        let known = match rows::known(row, Some(store.digest()))? {
            // An index that is damaged may lead to any row.
            Ok(known) if known.facts.stream == *want.stream && known.facts.revision <= want.revision => known,
            Ok(rows::Known { id, .. }) | Err(Damage::Entry(id) | Damage::Body(id)) => {
                found.damaged.push(Damage::Entry(id));
                continue;
            }
        };
        if (want.fits)(&known.facts) {
            drop(candidates);
            found.load(connection, known)?;
            break;
        }
    }
    Ok(found)
}

/// The entry that was the head of its stream when the store had a stamp, unless its time is over.
pub(super) fn head(
    connection: &Connection,
    store: &StoreIdentity,
    stream: &StreamKey,
    stamp: &Stamp,
    settings: &Settings,
) -> Result<Found, Trouble> {
    let mut found = Found::default();
    let mut statement = connection.prepare_cached(sql::HEAD)?;
    let StreamKey { document, scope, branch } = stream;
    let mut heads =
        statement.query(params![&store.digest()[..], document.as_str(), scope.as_str(), branch.as_str()])?;
    let Some(row) = heads.next()? else { return Ok(found) };
    let known = match rows::known(row, Some(store.digest()))? {
        Ok(known) if known.facts.stream == *stream => known,
        Ok(rows::Known { id, .. }) | Err(Damage::Entry(id) | Damage::Body(id)) => {
            found.damaged.push(Damage::Entry(id));
            return Ok(found);
        }
    };
    let holds = || {
        let (text, at) = (row.get_ref(5).ok()?.as_str().ok()?, row.get::<_, i64>(6).ok()?);
        let sound = digest::head_sum(&known.sum, text, at)[..] == *blob(row, 7)?;
        let at = Timestamp::from_millis(at)?;
        let over = settings.head_ttl.is_over(&known.facts.document_type, at, (settings.clock)());
        Some(sound && text == stamp.0 && !over)
    };
    if holds() == Some(true) {
        drop(heads);
        found.load(connection, known)?;
    }
    Ok(found)
}

impl Found {
    fn load(&mut self, connection: &Connection, known: rows::Known) -> Result<(), Trouble> {
        let id = known.id;
        match rows::load(connection, known)? {
            Ok(entry) => self.entry = Some((id, Arc::new(entry))),
            Err(damage) => self.damaged.push(damage),
        }
        Ok(())
    }
}
