//! Compressed keyframes.

use super::{Place, sql};
use crate::model::checksum::Checksum;
use crate::model::ids::{Revision, StreamKey};
use crate::store::StoreError;
use crate::store::records::{NewRecord, Removed};
use crate::store::sqlite::Transaction;

impl Transaction<'_> {
    /// Lets go of the compressed body at a place, if there is one.
    pub(super) fn release(&self, _place: Place<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    /// Deletes our row at a place with its body, and says whether there was one.
    pub(in crate::store::sqlite) fn forget_own(&self, place: Place<'_>) -> Result<bool, StoreError> {
        if !self.has_own()? {
            return Ok(false);
        }
        self.release(place)?;
        Ok(self.change_at(sql::DELETE_RECORD, place)? > 0)
    }

    /// Drops our tables, once what they hold of keyframes is in the reference's table again.
    pub(super) fn remove_own(&self) -> Result<Removed, StoreError> {
        let lost = self.count_own()?;
        let connection = &self.session().connection;
        for table in sql::TABLES {
            self.driver("write", connection.execute_batch(&format!("DROP TABLE \"{table}\"")))?;
        }
        self.own.set(None);
        Ok(Removed { lost, restored: 0, unreadable: Vec::new() })
    }

    /// Takes note that the keyframe in the reference's table got the body `document`: what was found of another body does not
    /// hold for it.
    pub(in crate::store::sqlite) fn row_written(
        &self,
        stream: &StreamKey,
        revision: Revision,
        document: &[u8],
    ) -> Result<(), StoreError> {
        if !self.has_own()? {
            return Ok(());
        }
        let Some(record) = self.find_record(sql::RECORD, stream, revision)? else { return Ok(()) };
        let Some(place) = super::place(stream, revision) else { return Ok(()) };
        self.release(place)?;
        let (checksum, body_bytes) = (Checksum::of(document), document.len() as u64);
        let check = record.check.as_ref().filter(|_| record.checksum == checksum);
        let record = NewRecord { checksum, body_bytes, check, ..record.as_new() };
        if record.check.is_none() && record.pin.is_none() {
            return self.forget_own(place).map(drop);
        }
        self.put_known(sql::PUT_RECORD, &record).map(drop)
    }
}
