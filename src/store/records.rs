//! What snapctl itself keeps in a store: what is known of keyframes, and how far streams were checked.
//!
//! It is in tables of our own, which are made when something is first written to them and never by reading. Where they
//! are absent, there are no records. Where they are of an older version, they are read as they are, and brought to the newest
//! in the transaction that first writes what that knows. Where they are of a newer one, everything here fails as
//! `Unsupported`, and the reference's tables are read all the same.
//!
//! Order is that of [`StreamKey`] everywhere: by document, scope and branch, then by revision.

mod known;

use super::codec::Codec;
use super::{Flow, Read, StoreError};
use crate::model::ids::{OpIndex, Revision, StreamKey};

pub use known::{
    Check, CheckedKeyframe, Kept, KeyframeRecord, Known, Migrated, NewRecord, OwnTables, Pin, Proof, Removed, Standing,
    StreamSeal, Totals, Until, Verdict, Within,
};

/// The newest version of our tables that this program knows.
pub const VERSION: u32 = 2;

/// Our tables, for reading. Every method but [`Records::tables`] fails as `Unsupported` where they are of a newer version than
/// [`VERSION`], as `Corrupt` if a row does not decode, and as `Busy` and `Unavailable`. What tables of an older version have no
/// place for is unknown.
pub trait Records {
    /// Whether our tables are there, and in which version.
    ///
    /// # Errors
    /// `Busy`, `Unavailable`; `Unsupported` if only parts of them are there.
    fn tables(&self) -> Result<OwnTables, StoreError>;

    /// What is recorded of a keyframe; `None` if nothing is. The keyframe itself may be gone when another program has
    /// deleted it.
    ///
    /// # Errors
    /// As all methods.
    fn keyframe_record(&self, stream: &StreamKey, revision: Revision) -> Result<Option<KeyframeRecord>, StoreError>;

    /// The record of the newest keyframe of a stream at or below `at_most` that was checked and found right. The keyframe
    /// itself may be gone.
    ///
    /// # Errors
    /// As all methods.
    fn newest_sound(&self, stream: &StreamKey, at_most: Revision) -> Result<Option<KeyframeRecord>, StoreError>;

    /// Visits what is recorded of keyframes, in order; bodies are not touched.
    ///
    /// # Errors
    /// As all methods; rows before a bad one have been visited.
    fn keyframe_records(
        &self,
        within: Within<'_>,
        visit: &mut dyn FnMut(&KeyframeRecord) -> Flow,
    ) -> Result<(), StoreError>;

    /// Visits all keyframes that there are, recorded or not, in order, with what a policy may want to know of them;
    /// bodies are not touched. A million takes less than a second.
    ///
    /// # Errors
    /// As all methods; rows before a bad one have been visited.
    fn inventory(&self, within: Within<'_>, visit: &mut dyn FnMut(&Kept<'_>) -> Flow) -> Result<(), StoreError>;

    /// How far a stream was checked; `None` if that is not known.
    ///
    /// # Errors
    /// As all methods.
    fn stream_seal(&self, stream: &StreamKey) -> Result<Option<StreamSeal>, StoreError>;

    /// Visits how far streams were checked, in order.
    ///
    /// # Errors
    /// As all methods; rows before a bad one have been visited.
    fn stream_seals(&self, within: Within<'_>, visit: &mut dyn FnMut(&StreamSeal) -> Flow) -> Result<(), StoreError>;

    /// How much there is. Takes as long as our tables are large, bodies not counted.
    ///
    /// # Errors
    /// As all methods.
    fn totals(&self) -> Result<Totals, StoreError>;
}

/// Our tables, for changing. Writing makes them where they are absent and brings them to [`VERSION`] where they are older, and
/// nothing is there before [`super::Write::commit`].
///
/// All methods fail as `Unsupported` where the tables are of a newer version, and as `Busy`,
/// `Unavailable` and `ReadOnly`.
pub trait RecordsMut: Records {
    /// Records what is known of a keyframe, in place of what was recorded of it. Returns whether there is such a keyframe:
    /// if not, or if the store knows that its body is another one than was meant, nothing is recorded.
    ///
    /// # Errors
    /// As all methods.
    fn put_record(&mut self, record: &NewRecord<'_>) -> Result<bool, StoreError>;

    /// Forgets what a check found and that a keyframe is pinned, and says whether there was a record. The keyframe stays.
    ///
    /// # Errors
    /// As all methods.
    fn delete_record(&mut self, stream: &StreamKey, revision: Revision) -> Result<bool, StoreError>;

    /// Records how far a stream was checked, in place of what was recorded.
    ///
    /// # Errors
    /// As all methods.
    fn put_seal(&mut self, seal: &StreamSeal) -> Result<(), StoreError>;

    /// Forgets how far a stream was checked, and says whether that was known.
    ///
    /// # Errors
    /// As all methods.
    fn delete_seal(&mut self, stream: &StreamKey) -> Result<bool, StoreError>;

    /// Brings our tables to [`VERSION`], step by step, or makes them. Never goes back.
    ///
    /// # Errors
    /// As all methods; `Unsupported` also if another program has tables of the same names.
    fn migrate(&mut self) -> Result<Migrated, StoreError>;

    /// Drops our tables. Keyframes whose bodies are compressed go to the reference's table first. Afterwards the store is
    /// as if they had never been there.
    ///
    /// # Errors
    /// As all methods; `Unsupported` if there are compressed keyframes and the reference's table is gone.
    fn remove(&mut self) -> Result<Removed, StoreError>;
}

/// What [`RecordsMut::remove`] would do, found out without doing it: reads every compressed keyframe.
///
/// # Errors
/// As all methods of [`Records`].
pub fn removal(read: &dyn Read) -> Result<Removed, StoreError> {
    let mut removed = Removed { lost: read.records().totals()?, ..Removed::default() };
    let mut failed = None;
    read.records().inventory(Within::Everything, &mut |kept| {
        let label = u64::try_from(kept.label).ok().map(|label| Revision::of(OpIndex::new(label)));
        let (Some(label), true) = (label, kept.known.is_some_and(|known| known.codec != Codec::Json)) else {
            return Flow::Continue(());
        };
        match read.keyframe_document(kept.stream, label) {
            Ok(_) => removed.restored += 1,
            Err(StoreError::Corrupt { .. }) => removed.unreadable.push((kept.stream.clone(), label)),
            Err(error) => {
                failed = Some(error);
                return Flow::Break(());
            }
        }
        Flow::Continue(())
    })?;
    failed.map_or(Ok(removed), Err)
}

/// No tables of our own: for stores that cannot have any.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRecords;

impl Records for NoRecords {
    fn tables(&self) -> Result<OwnTables, StoreError> {
        Ok(OwnTables::Absent)
    }

    fn keyframe_record(&self, _: &StreamKey, _: Revision) -> Result<Option<KeyframeRecord>, StoreError> {
        Ok(None)
    }

    fn newest_sound(&self, _: &StreamKey, _: Revision) -> Result<Option<KeyframeRecord>, StoreError> {
        Ok(None)
    }

    fn keyframe_records(&self, _: Within<'_>, _: &mut dyn FnMut(&KeyframeRecord) -> Flow) -> Result<(), StoreError> {
        Ok(())
    }

    fn inventory(&self, _: Within<'_>, _: &mut dyn FnMut(&Kept<'_>) -> Flow) -> Result<(), StoreError> {
        Ok(())
    }

    fn stream_seal(&self, _: &StreamKey) -> Result<Option<StreamSeal>, StoreError> {
        Ok(None)
    }

    fn stream_seals(&self, _: Within<'_>, _: &mut dyn FnMut(&StreamSeal) -> Flow) -> Result<(), StoreError> {
        Ok(())
    }

    fn totals(&self) -> Result<Totals, StoreError> {
        Ok(Totals::default())
    }
}
