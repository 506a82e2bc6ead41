//! What snapctl itself keeps in a store: what is known of keyframes, and how far streams were checked.
//!
//! It is in tables of our own, which are made when something is first written to them and never by reading. Where they
//! are absent, there are no records. Where they are of another version of snapctl, everything here fails as
//! `Unsupported`, and the reference's tables are read all the same.
//!
//! Order is that of [`StreamKey`] everywhere: by document, scope and branch, then by revision.

use super::codec::Codec;
use super::{Flow, Read, StoreError};
use crate::model::checksum::Checksum;
use crate::model::ids::{DocumentId, Fingerprint, OpIndex, OperationId, Revision, StreamKey};
use crate::model::json::StateHash;
use crate::model::seal::Seal;
use crate::model::time::Timestamp;

/// The newest version of our tables that this program knows.
pub const VERSION: u32 = 1;

/// What is known of a keyframe beside its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyframeRecord {
    /// The stream.
    pub stream: StreamKey,
    /// The label.
    pub revision: Revision,
    /// How the body is stored.
    pub codec: Codec,
    /// Size of the body as it is stored, in bytes; for one in the reference's table, as it was when this was recorded.
    pub stored_bytes: u64,
    /// Size of the body as it is handed out, in bytes.
    pub body_bytes: u64,
    /// Of the body as it is handed out. A body in the reference's table may have been changed since by another program:
    /// what was checked holds only for a body with this checksum.
    pub checksum: Checksum,
    /// When the keyframe was first written.
    pub created: Timestamp,
    /// What came of the last check; `None` if there was none since the body was written.
    pub check: Option<Check>,
    /// Whether it is to be kept whatever a policy says.
    pub pin: Option<Pin>,
}

/// What came of the check of a keyframe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// When.
    pub checked: Timestamp,
    /// With which models.
    pub fingerprint: Fingerprint,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of the check of a keyframe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is what a replay gives.
    Ok(Proof),
    /// It is something else.
    Failed {
        /// The code of the finding.
        code: String,
    },
}

/// What a keyframe was found to be equal to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The id of the operation at its revision.
    pub operation_id: OperationId,
    /// The seal of its stream up to there.
    pub seal: Seal,
    /// The hash of its scope's state.
    pub state_hash: StateHash,
}

/// Why a keyframe is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// In the user's words; may be empty.
    pub reason: String,
    /// Until when; `None` is for ever. A pin that has expired is still there.
    pub expires: Option<Timestamp>,
}

/// A keyframe as a check found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedKeyframe {
    /// The stream.
    pub stream: StreamKey,
    /// The label.
    pub revision: Revision,
    /// Of the body that was checked, as it was handed out.
    pub checksum: Checksum,
    /// Size of that body, in bytes.
    pub body_bytes: u64,
    /// What came of it.
    pub check: Check,
}

/// What is to be recorded of a keyframe. What the store knows by itself is not said here.
#[derive(Clone, Copy, Debug)]
pub struct NewRecord<'a> {
    /// The stream.
    pub stream: &'a StreamKey,
    /// The label.
    pub revision: Revision,
    /// Of the body that is meant, as it was handed out.
    pub checksum: Checksum,
    /// Size of that body, in bytes.
    pub body_bytes: u64,
    /// What came of its last check.
    pub check: Option<&'a Check>,
    /// Whether it is to be kept whatever a policy says.
    pub pin: Option<&'a Pin>,
}

/// The newest prefix of a stream that was checked and found sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSeal {
    /// The stream.
    pub stream: StreamKey,
    /// The end of the prefix.
    pub revision: Revision,
    /// Its seal.
    pub seal: Seal,
    /// The hash of the scope's state there.
    pub state_hash: StateHash,
    /// With which models it was checked.
    pub fingerprint: Fingerprint,
    /// When.
    pub checked: Timestamp,
}

/// Of which streams something is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within<'a> {
    /// Of all.
    Everything,
    /// Of those of a document.
    Document(&'a DocumentId),
    /// Of one.
    Stream(&'a StreamKey),
}

/// A keyframe as a policy looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// The stream.
    pub stream: &'a StreamKey,
    /// The label; negative labels occur in damaged stores.
    pub label: i64,
    /// What is recorded of it; `None` if nothing is, as of those that another program has written.
    pub known: Option<Known<'a>>,
}

/// What a policy may want to know of a keyframe; see [`KeyframeRecord`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known<'a> {
    /// How the body is stored.
    pub codec: Codec,
    /// Size of the body as it is stored, in bytes.
    pub stored_bytes: u64,
    /// Size of the body as it is handed out, in bytes.
    pub body_bytes: u64,
    /// When the keyframe was first written.
    pub created: Timestamp,
    /// What came of the last check.
    pub standing: Standing<'a>,
    /// Until when it is pinned, if it is.
    pub pinned: Option<Until>,
}

/// What came of the last check of a keyframe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// There was none.
    Unchecked,
    /// It was what a replay gives.
    Ok {
        /// When it was checked.
        checked: Timestamp,
        /// With which models.
        fingerprint: &'a str,
    },
    /// It was something else.
    Failed {
        /// When it was checked.
        checked: Timestamp,
        /// With which models.
        fingerprint: &'a str,
        /// The code of the finding.
        code: &'a str,
    },
}

/// How long a pin holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// For ever.
    Removed,
    /// Until then.
    Time(Timestamp),
}

/// Whether our tables are in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnTables {
    /// They are not.
    Absent,
    /// They are, in this version, which need not be one that this program knows.
    Version(u32),
}

/// How much our tables hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Keyframes with a record, compressed ones among them.
    pub records: u64,
    /// Keyframes that were checked.
    pub checks: u64,
    /// Those of them that were found right.
    pub sound: u64,
    /// Keyframes that are pinned.
    pub pins: u64,
    /// Keyframes whose bodies are compressed.
    pub compressed: u64,
    /// Bytes that the bodies of those take.
    pub compressed_bytes: u64,
    /// Streams of which a prefix was checked.
    pub seals: u64,
    /// Changes of keyframes in the history.
    pub mutations: u64,
}

/// What a migration did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// What was there before.
    pub from: OwnTables,
    /// What is there now.
    pub to: u32,
}

/// What went when our tables were removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// What our tables held.
    pub lost: Totals,
    /// Keyframes that were compressed and are in the reference's table again.
    pub restored: u64,
    /// Keyframes that were compressed, and whose bodies could not be read: they are gone.
    pub unreadable: Vec<(StreamKey, Revision)>,
}

/// Our tables, for reading. Every method but [`Records::tables`] fails as `Unsupported` where they are of another version
/// than [`VERSION`], as `Corrupt` if a row does not decode, and as `Busy` and `Unavailable`.
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

/// Our tables, for changing. Writing makes them where they are absent, and nothing is there before
/// [`super::Write::commit`].
///
/// All methods but [`RecordsMut::migrate`] fail as `Unsupported` where the tables are of another version, and as `Busy`,
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
    /// `Unsupported` if they are of a newer version, or another program has tables of the same names.
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

impl KeyframeRecord {
    /// The same, to be recorded again.
    #[must_use]
    pub fn as_new(&self) -> NewRecord<'_> {
        NewRecord {
            stream: &self.stream,
            revision: self.revision,
            checksum: self.checksum,
            body_bytes: self.body_bytes,
            check: self.check.as_ref(),
            pin: self.pin.as_ref(),
        }
    }

    /// What a check found the keyframe to be equal to; `None` if it was not checked or found wrong.
    #[must_use]
    pub fn proof(&self) -> Option<&Proof> {
        match self.check.as_ref()?.verdict {
            Verdict::Ok(ref proof) => Some(proof),
            Verdict::Failed { .. } => None,
        }
    }

    /// As a policy looks at it.
    #[must_use]
    pub fn known(&self) -> Known<'_> {
        Known {
            codec: self.codec,
            stored_bytes: self.stored_bytes,
            body_bytes: self.body_bytes,
            created: self.created,
            standing: self.check.as_ref().map_or(Standing::Unchecked, Check::standing),
            pinned: self.pin.as_ref().map(|pin| pin.expires.map_or(Until::Removed, Until::Time)),
        }
    }
}

impl Check {
    /// As a policy looks at it.
    #[must_use]
    pub fn standing(&self) -> Standing<'_> {
        let (checked, fingerprint) = (self.checked, self.fingerprint.as_str());
        match &self.verdict {
            Verdict::Ok(_) => Standing::Ok { checked, fingerprint },
            Verdict::Failed { code } => Standing::Failed { checked, fingerprint, code },
        }
    }
}

impl Within<'_> {
    /// Whether a stream is meant.
    #[must_use]
    pub fn includes(&self, stream: &StreamKey) -> bool {
        match self {
            Within::Everything => true,
            Within::Document(document) => stream.document == **document,
            Within::Stream(wanted) => stream == *wanted,
        }
    }
}
