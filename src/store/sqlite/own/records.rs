//! What is known of keyframes and streams.

use rusqlite::types::ValueRef;
use rusqlite::{Row, Rows, params};

use super::sql::{self, Scoped};
use super::{Forgotten, Own, place};
use crate::model::checksum::Checksum;
use crate::model::ids::{OpIndex, Revision, StreamKey};
use crate::model::json::StateHash;
use crate::model::seal::Seal;
use crate::model::time::Timestamp;
use crate::store::codec::Codec;
use crate::store::records::{
    Check, Kept, KeyframeRecord, Migrated, NewRecord, OwnTables, Pin, Proof, Removed, StreamSeal, Totals, Verdict,
    Within,
};
use crate::store::sqlite::Transaction;
use crate::store::sqlite::inserted::same_stream;
use crate::store::sqlite::rows::{self, BadValue, RowError};
use crate::store::{Flow, Records, RecordsMut, StoreError};

pub(super) const KEYFRAME: &str = "snapctl_keyframe";
const SEAL: &str = "snapctl_seal";

impl Records for Transaction<'_> {
    fn tables(&self) -> Result<OwnTables, StoreError> {
        self.still(self.own().and_then(|own| match own {
            Own::Absent => Ok(OwnTables::Absent),
            Own::Present(version) | Own::Newer(version) => Ok(OwnTables::Version(version)),
            Own::Partial => Err(self.partial()),
        }))
    }

    fn keyframe_record(&self, stream: &StreamKey, revision: Revision) -> Result<Option<KeyframeRecord>, StoreError> {
        self.still(self.find_record(sql::RECORD, stream, revision))
    }

    fn newest_sound(&self, stream: &StreamKey, at_most: Revision) -> Result<Option<KeyframeRecord>, StoreError> {
        let at_most = at_most.min(Revision::of(OpIndex::new(i64::MAX as u64)));
        self.still(self.find_record(sql::NEWEST_SOUND, stream, at_most))
    }

    fn keyframe_records(
        &self,
        within: Within<'_>,
        visit: &mut dyn FnMut(&KeyframeRecord) -> Flow,
    ) -> Result<(), StoreError> {
        let mut last = None;
        self.still(self.visit_own(&sql::RECORDS, within, &mut |row| {
            let decoded = same_stream(&mut last, row, 0).and_then(|stream| record(row, stream));
            let mut record = decoded.map_err(|error| self.own_error(KEYFRAME, error, row))?;
            self.unhide(&mut record)?;
            Ok(visit(&record))
        }))
    }

    fn inventory(&self, within: Within<'_>, visit: &mut dyn FnMut(&Kept<'_>) -> Flow) -> Result<(), StoreError> {
        self.still(self.visit_inventory(within, visit))
    }

    fn stream_seal(&self, stream: &StreamKey) -> Result<Option<StreamSeal>, StoreError> {
        let mut found = None;
        self.stream_seals(Within::Stream(stream), &mut |seal| {
            found = Some(seal.clone());
            Flow::Break(())
        })?;
        Ok(found)
    }

    fn stream_seals(&self, within: Within<'_>, visit: &mut dyn FnMut(&StreamSeal) -> Flow) -> Result<(), StoreError> {
        let mut last = None;
        self.still(self.visit_own(&sql::SEALS, within, &mut |row| {
            let decoded = same_stream(&mut last, row, 0).and_then(|stream| seal(row, stream));
            Ok(visit(&decoded.map_err(|error| self.own_error(SEAL, error, row))?))
        }))
    }

    fn totals(&self) -> Result<Totals, StoreError> {
        self.still(self.count_own())
    }
}

impl RecordsMut for Transaction<'_> {
    fn put_record(&mut self, record: &NewRecord<'_>) -> Result<bool, StoreError> {
        let NewRecord { stream, revision, check, pin, .. } = *record;
        let Some(place) = place(stream, revision) else { return Ok(false) };
        let has_own = self.has_own()?;
        let statement = if !self.has_row(place)? {
            if !has_own {
                return Ok(false);
            }
            sql::PUT_CHECK
        } else if check.is_none() && pin.is_none() {
            // Nothing of it is worth a row.
            if has_own && self.forget_own(place)? != Forgotten::Nothing {
                self.note_change();
            }
            return Ok(true);
        } else {
            self.make_own()?;
            self.release(place)?;
            sql::PUT_RECORD
        };
        let changed = self.put_known(statement, record)?;
        if changed {
            self.note_change();
        }
        Ok(changed)
    }

    fn delete_record(&mut self, stream: &StreamKey, revision: Revision) -> Result<bool, StoreError> {
        let Some(known) = self.find_record(sql::RECORD, stream, revision)? else { return Ok(false) };
        let Some(place) = place(stream, revision) else { return Ok(false) };
        if known.codec == Codec::Json {
            self.forget_own(place)?;
        } else {
            self.put_known(sql::PUT_CHECK, &NewRecord { check: None, pin: None, ..known.as_new() })?;
        }
        self.note_change();
        Ok(known.check.is_some() || known.pin.is_some())
    }

    fn put_seal(&mut self, seal: &StreamSeal) -> Result<(), StoreError> {
        let StreamSeal { stream, revision, seal, state_hash, fingerprint, checked } = seal;
        self.make_own()?;
        let revision = self.column_number(revision.get())?;
        let put = self.session().connection.prepare_cached(sql::PUT_SEAL).and_then(|mut put| {
            put.execute(params![
                stream.document.as_str(),
                stream.scope.as_str(),
                stream.branch.as_str(),
                revision,
                seal.bytes(),
                state_hash.bytes(),
                fingerprint.as_str(),
                checked.as_millis()
            ])
        });
        self.driver("write", put)?;
        self.note_change();
        Ok(())
    }

    fn delete_seal(&mut self, stream: &StreamKey) -> Result<bool, StoreError> {
        if !self.has_own()? {
            return Ok(false);
        }
        let StreamKey { document, scope, branch } = stream;
        let deleted = self
            .session()
            .connection
            .prepare_cached(sql::DELETE_SEAL)
            .and_then(|mut delete| delete.execute([document.as_str(), scope.as_str(), branch.as_str()]));
        let deleted = self.driver("write", deleted)? > 0;
        if deleted {
            self.note_change();
        }
        Ok(deleted)
    }

    fn migrate(&mut self) -> Result<Migrated, StoreError> {
        let migrated = self.migrate_own()?;
        if migrated.from != OwnTables::Version(migrated.to) {
            self.note_change();
        }
        Ok(migrated)
    }

    fn remove(&mut self) -> Result<Removed, StoreError> {
        if !self.has_own()? {
            return Ok(Removed::default());
        }
        let removed = self.remove_own()?;
        self.note_change();
        Ok(removed)
    }
}

impl Transaction<'_> {
    /// The record that a statement of [`sql::RECORDS`]' columns finds.
    pub(super) fn find_record(
        &self,
        statement: &str,
        stream: &StreamKey,
        revision: Revision,
    ) -> Result<Option<KeyframeRecord>, StoreError> {
        let (Some((document, scope, branch, label)), true) = (place(stream, revision), self.has_own()?) else {
            return Ok(None);
        };
        let mut statement = self.prepare_own(statement)?;
        let mut found = self.driver("read", statement.query(params![document, scope, branch, label]))?;
        let Some(row) = self.driver("read", found.next())? else { return Ok(None) };
        let mut record = record(row, stream).map_err(|error| self.own_error(KEYFRAME, error, row))?;
        self.unhide(&mut record)?;
        Ok(Some(record))
    }

    /// If another program has written a keyframe in the place of a compressed one, that is meant.
    fn unhide(&self, record: &mut KeyframeRecord) -> Result<(), StoreError> {
        if record.codec == Codec::Json {
            return Ok(());
        }
        if let Some(place) = place(&record.stream, record.revision)
            && self.has_row(place)?
        {
            (record.codec, record.stored_bytes) = (Codec::Json, record.body_bytes);
        }
        Ok(())
    }

    /// Visits the rows of one of our tables.
    pub(super) fn visit_own(
        &self,
        statements: &Scoped,
        within: Within<'_>,
        visit: &mut dyn FnMut(&Row<'_>) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError> {
        if !self.has_own()? {
            return Ok(());
        }
        let mut statement = self.prepare_own(statements.of(within))?;
        let mut found = self.driver("read", query(&mut statement, within))?;
        while let Some(row) = self.driver("read", found.next())? {
            if visit(row)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The error for a row of ours, which begins with its place.
    pub(super) fn own_error(&self, table: &'static str, error: RowError, row: &Row<'_>) -> StoreError {
        self.row_error(table, error, || {
            let part = |column| row.get_ref(column).map_or_else(|error| error.to_string(), rows::shown);
            format!("document {}, scope {}, branch {}, revision {}", part(0), part(1), part(2), part(3))
        })
    }

    /// Runs [`sql::PUT_RECORD`] or [`sql::PUT_CHECK`], and says whether there was a row to change.
    pub(super) fn put_known(&self, statement: &str, record: &NewRecord<'_>) -> Result<bool, StoreError> {
        let NewRecord { stream, revision, checksum, body_bytes, check, pin } = *record;
        let Some((document, scope, branch, label)) = place(stream, revision) else { return Ok(false) };
        let body_bytes = self.column_number(body_bytes)?;
        self.make_own()?;
        let (proof, failure) = match check.map(|check| &check.verdict) {
            Some(Verdict::Ok(proof)) => (Some(proof), None),
            Some(Verdict::Failed { code }) => (None, Some(code)),
            None => (None, None),
        };
        let put = self.session().connection.prepare_cached(statement).and_then(|mut put| {
            put.execute(params![
                document,
                scope,
                branch,
                label,
                body_bytes,
                check.map(|check| check.checked.as_millis()),
                failure,
                check.map(|check| check.fingerprint.as_str()),
                pin.map(|pin| &pin.reason),
                pin.and_then(|pin| pin.expires).map(Timestamp::as_millis),
                checksum.bytes(),
                proof.map(|proof| proof.operation_id.as_str()),
                proof.map(|proof| proof.seal.bytes()),
                proof.map(|proof| proof.state_hash.bytes()),
                proof.and_then(|proof| proof.newest).map(Timestamp::as_millis),
            ])
        });
        Ok(self.driver("write", put)? > 0)
    }

    pub(super) fn count_own(&self) -> Result<Totals, StoreError> {
        if !self.has_own()? {
            return Ok(Totals::default());
        }
        let mut statement = self.prepare(sql::TOTALS)?;
        let counted = statement.query_row([], |row| {
            let number = |at| row.get::<_, i64>(at).map(i64::unsigned_abs);
            Ok([number(0)?, number(1)?, number(2)?, number(3)?, number(4)?, number(5)?])
        });
        let [records, checks, sound, pins, compressed, compressed_bytes] = self.driver("read", counted)?;
        let (seals, mutations) = (self.count(sql::COUNT_SEALS)?, self.count(sql::COUNT_MUTATIONS)?);
        Ok(Totals { records, checks, sound, pins, compressed, compressed_bytes, seals, mutations })
    }
}

impl Scoped {
    pub(super) fn of(&self, within: Within<'_>) -> &'static str {
        match within {
            Within::Everything => self.everything,
            Within::Document(_) => self.document,
            Within::Stream(_) => self.stream,
        }
    }
}

/// Runs a statement of [`Scoped`].
pub(super) fn query<'s>(statement: &'s mut rusqlite::Statement<'_>, within: Within<'_>) -> rusqlite::Result<Rows<'s>> {
    match within {
        Within::Everything => statement.query([]),
        Within::Document(document) => statement.query([document.as_str()]),
        Within::Stream(StreamKey { document, scope, branch }) => {
            statement.query([document.as_str(), scope.as_str(), branch.as_str()])
        }
    }
}

/// Decodes what [`sql::RECORDS`] selects.
fn record(row: &Row<'_>, stream: &StreamKey) -> Result<KeyframeRecord, RowError> {
    Ok(KeyframeRecord {
        stream: stream.clone(),
        revision: Revision::of(rows::index(row.get_ref(3)?, "revision")?),
        codec: codec(row.get_ref(4)?)?,
        stored_bytes: size(row.get_ref(5)?, "storedBytes")?,
        body_bytes: size(row.get_ref(6)?, "bodyBytes")?,
        checksum: Checksum::from_bytes(bytes(row.get_ref(13)?, "checksum")?),
        created: rows::timestamp(row.get_ref(7)?, "createdAt")?,
        check: check(row, [8, 9, 10, 14, 15, 16, 17])?,
        pin: pin(row, [11, 12])?,
    })
}

/// Decodes what [`sql::SEALS`] selects.
fn seal(row: &Row<'_>, stream: &StreamKey) -> Result<StreamSeal, RowError> {
    Ok(StreamSeal {
        stream: stream.clone(),
        revision: Revision::of(rows::index(row.get_ref(3)?, "revision")?),
        seal: Seal::from_bytes(bytes(row.get_ref(4)?, "seal")?),
        state_hash: StateHash::from_bytes(bytes(row.get_ref(5)?, "stateHash")?),
        fingerprint: rows::text(row.get_ref(6)?, "fingerprint")?.into(),
        checked: millis(row.get_ref(7)?, "checkedAtMs")?,
    })
}

/// Decodes what a check found: when, failure, fingerprint, operation id, seal, hash, newest time.
pub(super) fn check(row: &Row<'_>, at: [usize; 7]) -> Result<Option<Check>, RowError> {
    let checked = match row.get_ref(at[0])? {
        ValueRef::Null => return Ok(None),
        value => millis(value, "checkedAtMs")?,
    };
    let verdict = match row.get_ref(at[1])? {
        ValueRef::Null => Verdict::Ok(Proof {
            operation_id: rows::text(row.get_ref(at[3])?, "operationId")?.into(),
            seal: Seal::from_bytes(bytes(row.get_ref(at[4])?, "seal")?),
            newest: match row.get_ref(at[6])? {
                ValueRef::Null => None,
                value => Some(millis(value, "newestTimeMs")?),
            },
            state_hash: StateHash::from_bytes(bytes(row.get_ref(at[5])?, "stateHash")?),
        }),
        value => Verdict::Failed { code: rows::text(value, "failure")?.to_owned() },
    };
    let fingerprint = rows::text(row.get_ref(at[2])?, "fingerprint")?.into();
    Ok(Some(Check { checked, fingerprint, verdict }))
}

/// Decodes a pin: reason, until when.
pub(super) fn pin(row: &Row<'_>, at: [usize; 2]) -> Result<Option<Pin>, RowError> {
    let reason = match row.get_ref(at[0])? {
        ValueRef::Null => return Ok(None),
        value => rows::text(value, "pinReason")?.to_owned(),
    };
    let expires = match row.get_ref(at[1])? {
        ValueRef::Null => None,
        value => Some(millis(value, "pinUntilMs")?),
    };
    Ok(Some(Pin { reason, expires }))
}

pub(in crate::store::sqlite) fn codec(value: ValueRef<'_>) -> Result<Codec, BadValue> {
    let name = rows::text(value, "codec")?;
    Codec::parse(name).ok_or_else(|| BadValue { column: "codec", reason: format!("there is no codec {name:?}") })
}

pub(super) fn size(value: ValueRef<'_>, column: &'static str) -> Result<u64, BadValue> {
    let number = rows::integer(value, column)?;
    u64::try_from(number).map_err(|_| BadValue { column, reason: format!("{number} is negative") })
}

pub(super) fn millis(value: ValueRef<'_>, column: &'static str) -> Result<Timestamp, BadValue> {
    let millis = rows::integer(value, column)?;
    Timestamp::from_millis(millis).ok_or_else(|| BadValue { column, reason: format!("{millis} is not a time") })
}

/// A digest.
pub(super) fn bytes<const N: usize>(value: ValueRef<'_>, column: &'static str) -> Result<[u8; N], BadValue> {
    let ValueRef::Blob(blob) = value else { return Err(rows::wrong(value, column, "a blob")) };
    blob.try_into().map_err(|_| BadValue { column, reason: format!("{} bytes instead of {N}", blob.len()) })
}
