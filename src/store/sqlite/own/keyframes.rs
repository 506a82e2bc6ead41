//! Keyframes whose bodies are compressed: their rows, and their way from and to the reference's table.

use rusqlite::params;

use super::bodies::{Body, Stored, damaged};
use super::records::KEYFRAME;
use super::{Own, Place, place, sql};
use crate::model::checksum::Checksum;
use crate::model::ids::{OpIndex, Revision, StreamKey};
use crate::store::records::{NewRecord, Removed};
use crate::store::sqlite::keyframes::as_text;
use crate::store::sqlite::{Transaction, sql as reference};
use crate::store::{Codec, NewKeyframe, Recoded, StoreError};

impl Transaction<'_> {
    /// Whether compressed keyframes can be read: those of a newer version cannot, and are as good as not there.
    pub(in crate::store::sqlite) fn reads_own(&self) -> Result<bool, StoreError> {
        Ok(matches!(self.own()?, Own::Present(_)))
    }

    /// The text of a compressed keyframe.
    pub(in crate::store::sqlite) fn find_compressed(&self, place: Place<'_>) -> Result<Option<Vec<u8>>, StoreError> {
        if !self.reads_own()? {
            return Ok(None);
        }
        self.find_body(place)?.map(|body| self.read_body(place, &body)).transpose()
    }

    /// Writes a keyframe with a compressed body, in place of any other.
    pub(in crate::store::sqlite) fn put_compressed(
        &self,
        keyframe: &NewKeyframe<'_>,
        codec: Codec,
    ) -> Result<(), StoreError> {
        let NewKeyframe { stream, revision, document_type, document, created } = *keyframe;
        let label = self.column_number(revision.get())?;
        let place @ (document_id, scope, branch, _) =
            (stream.document.as_str(), stream.scope.as_str(), stream.branch.as_str(), label);
        self.make_own()?;
        if self.has_row(place)? {
            return self.compress_row(stream, revision, place, document, codec);
        }
        let checksum = Checksum::of(document);
        if !self.release(place)? {
            // What may be known is of a keyframe that another program has deleted.
            self.change_at(sql::DELETE_RECORD, place)?;
        }
        let stored = self.put_body(place, document, codec)?;
        let connection = &self.session().connection;
        // A keyframe that was there keeps its type, its time, its number and its pin, and its check if the text is the same.
        let written = connection.prepare_cached(sql::PUT_COMPRESSED).and_then(|mut put| {
            put.execute(params![
                document_id,
                scope,
                branch,
                label,
                codec.name(),
                stored.bytes,
                i64::try_from(document.len()).unwrap_or(i64::MAX),
                checksum.bytes(),
                stored.id,
                stored.base,
                document_type.as_str(),
                created.to_string(),
            ])
        });
        self.driver("write", written).map(drop)
    }

    /// Stores a keyframe of the reference's table as ours, with the text `document`.
    fn compress_row(
        &self,
        stream: &StreamKey,
        revision: Revision,
        place: Place<'_>,
        document: &[u8],
        codec: Codec,
    ) -> Result<(), StoreError> {
        self.release(place)?;
        // Takes type, time and number of the row, and forgets a check of another text.
        self.put_row_record(stream, revision, document, Keep::Row)?;
        let stored = self.put_body(place, document, codec)?;
        self.name_body(place, codec, &stored)?;
        self.change_at(reference::DELETE_KEYFRAME, place).map(drop)
    }

    fn name_body(&self, place: Place<'_>, codec: Codec, stored: &Stored) -> Result<(), StoreError> {
        let (document, scope, branch, label) = place;
        let named = self.session().connection.prepare_cached(sql::NAME_BODY).and_then(|mut name| {
            name.execute(params![document, scope, branch, label, codec.name(), stored.bytes, stored.id, stored.base])
        });
        self.driver("write", named).map(drop)
    }

    /// Records of a keyframe in the reference's table that it has the text `document`. Its pin stays, and its check if that
    /// was of the same text; without both the record goes, unless it is to be kept.
    fn put_row_record(
        &self,
        stream: &StreamKey,
        revision: Revision,
        document: &[u8],
        keep: Keep,
    ) -> Result<(), StoreError> {
        let Some(place) = place(stream, revision) else { return Ok(()) };
        let known = self.find_record(sql::RECORD, stream, revision)?;
        let (checksum, body_bytes) = (Checksum::of(document), document.len() as u64);
        let check = known.as_ref().and_then(|known| known.check.as_ref().filter(|_| known.checksum == checksum));
        let pin = known.as_ref().and_then(|known| known.pin.as_ref());
        if check.is_none() && pin.is_none() && keep == Keep::Worth {
            return self.change_at(sql::DELETE_RECORD, place).map(drop);
        }
        let record = NewRecord { stream, revision, checksum, body_bytes, check, pin };
        self.put_known(sql::PUT_RECORD, &record).map(drop)
    }

    /// Takes note that a keyframe in the reference's table got the text `document`, in place of any compressed one.
    pub(in crate::store::sqlite) fn row_written(
        &self,
        stream: &StreamKey,
        revision: Revision,
        document: &[u8],
    ) -> Result<(), StoreError> {
        if let (Some(place), true) = (place(stream, revision), self.has_own()?) {
            self.release(place)?;
            self.put_row_record(stream, revision, document, Keep::Worth)?;
        }
        Ok(())
    }

    /// Puts a text in the place of a compressed keyframe, as JSON, and says whether there is one. It keeps its type, time
    /// and number.
    pub(in crate::store::sqlite) fn put_in_place(&self, place: Place<'_>, text: &[u8]) -> Result<bool, StoreError> {
        if !self.has_own()? || !self.has_body(place)? {
            return Ok(false);
        }
        self.insert_row(place, text).map(|()| true)
    }

    /// Deletes our row at a place with its body, and says what there was.
    pub(in crate::store::sqlite) fn forget_own(&self, place: Place<'_>) -> Result<Forgotten, StoreError> {
        if !self.has_own()? {
            return Ok(Forgotten::Nothing);
        }
        let had_body = self.release(place)?;
        let had_row = self.change_at(sql::DELETE_RECORD, place)? > 0;
        Ok(match (had_body, had_row) {
            (true, _) => Forgotten::Keyframe,
            (false, true) => Forgotten::Record,
            (false, false) => Forgotten::Nothing,
        })
    }

    /// Stores the body of a keyframe in another way.
    pub(in crate::store::sqlite) fn recode_keyframe(
        &self,
        stream: &StreamKey,
        revision: Revision,
        codec: Codec,
    ) -> Result<Option<Recoded>, StoreError> {
        let Some(place) = place(stream, revision) else { return Ok(None) };
        let has_own = self.has_own()?;
        if self.has_row(place)? {
            let before_bytes = self.row_bytes(place)?;
            let mut after_bytes = before_bytes;
            if codec != Codec::Json {
                let Some(text) = self.find_keyframe_document(stream, revision)? else { return Ok(None) };
                as_text(stream, revision, &text)?;
                self.make_own()?;
                self.compress_row(stream, revision, place, &text, codec)?;
                after_bytes = self.find_body(place)?.map_or(0, |body| body.stored_bytes.unsigned_abs());
            }
            return Ok(Some(Recoded { from: Codec::Json, before_bytes, after_bytes }));
        }
        let Some(body) = (if has_own { self.find_body(place)? } else { None }) else { return Ok(None) };
        let before_bytes = body.stored_bytes.unsigned_abs();
        let after_bytes = match codec {
            same if same == body.codec => before_bytes,
            Codec::Json => self.restore(stream, revision, place, &body)?,
            _ => {
                let text = self.read_body(place, &body)?;
                self.release(place)?;
                let stored = self.put_body(place, &text, codec)?;
                self.name_body(place, codec, &stored)?;
                stored.bytes.unsigned_abs()
            }
        };
        Ok(Some(Recoded { from: body.codec, before_bytes, after_bytes }))
    }

    /// Size of a row's document, as it is stored.
    fn row_bytes(&self, (document, scope, branch, label): Place<'_>) -> Result<u64, StoreError> {
        let mut statement = self.prepare(sql::ROW_BYTES)?;
        let size = statement.query_row(params![document, scope, branch, label], |row| row.get::<_, Option<i64>>(0));
        Ok(self.driver("read", size)?.map_or(0, i64::unsigned_abs))
    }

    /// Puts a compressed keyframe into the reference's table, and says how large its text is.
    fn restore(
        &self,
        stream: &StreamKey,
        revision: Revision,
        place: Place<'_>,
        body: &Body,
    ) -> Result<u64, StoreError> {
        let text = self.read_body(place, body)?;
        self.insert_row(place, &text)?;
        self.release(place)?;
        self.put_row_record(stream, revision, &text, Keep::Worth)?;
        Ok(text.len() as u64)
    }

    fn insert_row(&self, place: Place<'_>, text: &[u8]) -> Result<(), StoreError> {
        if !self.session().schema.keyframes {
            return Err(self.unsupported("there is no table Keyframe to put compressed keyframes into".to_owned()));
        }
        let (document, scope, branch, label) = place;
        let text = std::str::from_utf8(text).map_err(|error| damaged(place, &error.to_string()))?;
        let connection = &self.session().connection;
        let inserted = connection
            .prepare_cached(sql::RESTORE_KEYFRAME)
            .and_then(|mut restore| restore.execute(params![document, scope, branch, label, text]));
        self.driver("write", inserted).map(drop)
    }

    /// Drops our tables, once what they hold of keyframes is in the reference's table again.
    pub(super) fn remove_own(&self) -> Result<Removed, StoreError> {
        let lost = self.count_own()?;
        let mut removed = Removed { lost, ..Removed::default() };
        self.restore_all(&mut removed)?;
        *self.base.borrow_mut() = None;
        self.orphans.borrow_mut().clear();
        let connection = &self.session().connection;
        for table in sql::TABLES {
            self.driver("write", connection.execute_batch(&format!("DROP TABLE \"{table}\"")))?;
        }
        self.own.set(None);
        Ok(removed)
    }

    fn restore_all(&self, removed: &mut Removed) -> Result<(), StoreError> {
        let mut statement = self.prepare(sql::COMPRESSED)?;
        let mut found = self.driver("read", statement.query([]))?;
        while let Some(row) = self.driver("read", found.next())? {
            let texts = (|| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)))();
            let (document, scope, branch) = self.driver("read", texts)?;
            let label: i64 = self.driver("read", row.get(3))?;
            let place = (document.as_str(), scope.as_str(), branch.as_str(), label);
            if self.has_row(place)? {
                continue;
            }
            let body = Body::decode(row, 4).map_err(|error| self.own_error(KEYFRAME, error, row));
            match body.and_then(|body| self.read_body(place, &body)) {
                Ok(text) => {
                    self.insert_row(place, &text)?;
                    removed.restored += 1;
                }
                Err(StoreError::Corrupt { .. }) => {
                    let stream = StreamKey { document: document.into(), scope: scope.into(), branch: branch.into() };
                    removed.unreadable.push((stream, Revision::of(OpIndex::new(label.unsigned_abs()))));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// What was deleted of our tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store::sqlite) enum Forgotten {
    Nothing,
    /// What was known of a keyframe.
    Record,
    /// A compressed keyframe.
    Keyframe,
}

/// When a record of a keyframe in the reference's table is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// If there is something to know.
    Worth,
    /// Always: it is about to become the keyframe.
    Row,
}
