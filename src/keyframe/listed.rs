//! Keyframes with what is recorded of them, without their bodies.

use crate::model::ids::{DocumentId, OpIndex, Revision};
use crate::model::time::Timestamp;
use crate::store::records::{Check, KeyframeRecord, Verdict};
use crate::store::{Codec, Detail, Flow, KeyframeEntry, Read, StoreError};

/// A keyframe, and what is recorded of it.
#[derive(Clone, Debug)]
pub struct Listed<'a> {
    /// What the store says of it.
    pub entry: &'a KeyframeEntry,
    /// What snapctl has recorded of it, if anything.
    pub record: Option<KeyframeRecord>,
}

/// Visits the keyframes of a document, by branch, scope and label, each with what is recorded of it. Bodies are not touched,
/// unless [`Detail::Created`] is asked for. Where our tables are of a newer version, nothing is recorded.
///
/// # Errors
/// `Corrupt` if a row does not decode, `Busy`, `Unavailable`; rows before it have been visited.
pub fn listed(
    read: &dyn Read,
    document: &DocumentId,
    detail: Detail,
    visit: &mut dyn FnMut(&Listed<'_>) -> Flow,
) -> Result<(), StoreError> {
    let records = match read.records().tables() {
        Ok(tables) if !tables.are_newer() => Some(read.records()),
        Ok(_) | Err(StoreError::Unsupported { .. }) => None,
        Err(error) => return Err(error),
    };
    let mut failed = None;
    read.keyframes(document, detail, &mut |entry| {
        let record = match (records, revision(entry)) {
            (Some(records), Some(revision)) => records.keyframe_record(&entry.stream, revision),
            _ => Ok(None),
        };
        match record {
            Ok(record) => visit(&Listed { entry, record }),
            Err(error) => {
                failed = Some(error);
                Flow::Break(())
            }
        }
    })?;
    failed.map_or(Ok(()), Err)
}

/// The label of a keyframe, unless it is negative.
fn revision(entry: &KeyframeEntry) -> Option<Revision> {
    u64::try_from(entry.label).ok().map(|label| Revision::of(OpIndex::new(label)))
}

impl Listed<'_> {
    /// The label, unless it is negative.
    #[must_use]
    pub fn revision(&self) -> Option<Revision> {
        revision(self.entry)
    }

    /// Size of the body as it is handed out, in bytes.
    #[must_use]
    pub fn body_bytes(&self) -> u64 {
        match &self.record {
            Some(record) if self.entry.codec != Codec::Json => record.body_bytes,
            _ => self.entry.size_bytes,
        }
    }

    /// When the keyframe was first written, as far as that was asked for or is recorded.
    #[must_use]
    pub fn created(&self) -> Option<Timestamp> {
        self.entry.created.or_else(|| self.record.as_ref().map(|record| record.created))
    }

    /// The last check.
    #[must_use]
    pub fn check(&self) -> Option<&Check> {
        self.record.as_ref()?.check.as_ref()
    }

    /// Whether a replay may start from it: its label is no negative one, and the last check did not find it wrong. One that
    /// was never checked counts, as readers of the reference take it.
    #[must_use]
    pub fn is_base(&self) -> bool {
        let failed = self.check().is_some_and(|check| matches!(check.verdict, Verdict::Failed { .. }));
        self.entry.label >= 0 && !failed
    }
}
