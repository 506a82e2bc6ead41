//! What our tables know.

use super::super::codec::Codec;
use crate::model::checksum::Checksum;
use crate::model::ids::{DocumentId, Fingerprint, OperationId, Revision, StreamKey};
use crate::model::json::StateHash;
use crate::model::seal::Seal;
use crate::model::time::Timestamp;

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
    /// The newest operation time of its stream up to there: it follows from the rows that are sealed, whatever the models are.
    /// `None` where it was recorded before tables of version 2.
    pub newest: Option<Timestamp>,
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

impl OwnTables {
    /// Whether this program cannot read them, because they are of a newer version than [`VERSION`](super::VERSION).
    #[must_use]
    pub fn are_newer(self) -> bool {
        matches!(self, OwnTables::Version(version) if version > super::VERSION)
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
