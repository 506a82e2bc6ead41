//! What a record says of a keyframe, and whether it still holds.

use std::ops::ControlFlow;

use super::{ReplayError, Sources};
use crate::model::checksum::Checksum;
use crate::model::ids::{Fingerprint, NextIndex, OpIndex, Revision, Span, StreamKey};
use crate::model::time::Timestamp;
use crate::store::records::{Check, Verdict};
use crate::store::{Order, StoreError};

/// Digest of the models that make the state at an operation of this time; `None` if there are none.
pub(super) type FingerprintAt<'a> = dyn Fn(OpIndex, Timestamp) -> Option<Fingerprint> + 'a;

/// What the record of a keyframe says of it.
pub(super) enum Vouched {
    /// It was found right, if it has this body, and nothing that it depends on has changed.
    Sound(Checksum),
    /// It was found wrong, if it has this body.
    Wrong { checksum: Checksum, code: String },
    /// Nothing that holds.
    Not(String),
}

impl Vouched {
    /// Looks at a record, and at what it depends on beside the body.
    pub(super) fn look(
        sources: &Sources<'_>,
        stream: &StreamKey,
        label: Revision,
        fingerprint_at: &FingerprintAt<'_>,
    ) -> Result<Self, ReplayError> {
        let not = |reason: &str| Ok(Vouched::Not(reason.to_owned()));
        let record = match sources.read.records().keyframe_record(stream, label) {
            Err(error @ (StoreError::Unsupported { .. } | StoreError::Corrupt { .. })) => {
                return not(&format!("its record cannot be read: {error}"));
            }
            record => record?,
        };
        let Some((checksum, Check { fingerprint, verdict, .. })) =
            record.and_then(|record| Some((record.checksum, record.check?)))
        else {
            return not("snapctl has neither written nor checked it");
        };
        let proof = match verdict {
            Verdict::Ok(proof) => proof,
            Verdict::Failed { code } => return Ok(Vouched::Wrong { checksum, code }),
        };
        let Some(row) = row_at(sources, stream, label)? else { return not("its operation is not in the log") };
        if proof.operation_id != *row.id {
            return not("the operation at its revision is another one than when it was checked");
        }
        if fingerprint_at(label.last(), row.time) != Some(fingerprint) {
            return not("it was checked with another model than there is now");
        }
        Ok(Vouched::Sound(checksum))
    }
}

/// What is needed of one operation.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) hash: String,
    time: Timestamp,
}

pub(super) fn row_at(
    sources: &Sources<'_>,
    stream: &StreamKey,
    revision: Revision,
) -> Result<Option<Row>, ReplayError> {
    let mut found = None;
    let span = Span { from: NextIndex::new(revision.get()), through: Some(revision.last()) };
    sources.read.operations(stream, span, Order::Forward, &mut |row| {
        found = Some(Row { id: row.id.to_owned(), hash: row.hash.to_owned(), time: row.timestamp });
        ControlFlow::Break(())
    })?;
    Ok(found)
}
