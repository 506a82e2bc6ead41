//! Recording what a check found.

use crate::store::records::{CheckedKeyframe, NewRecord, StreamSeal};
use crate::store::{Store, StoreError};

/// What was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Keyframes.
    pub keyframes: u64,
    /// Keyframes that were changed or deleted since they were checked; nothing is recorded of them.
    pub moved: u64,
    /// Streams that are sealed up to the head they had.
    pub seals: u64,
}

/// Records what a check found of keyframes and streams, in one transaction. Pins stay.
///
/// What was appended meanwhile does not matter: a seal is of the operations up to its revision. A keyframe that has another
/// body by now is left out.
///
/// # Errors
/// `ReadOnly`, `Unsupported` if the store cannot have our tables or has those of a newer version; `Busy`, `Unavailable`.
pub fn record(store: &dyn Store, keyframes: &[CheckedKeyframe], seals: &[StreamSeal]) -> Result<Recorded, StoreError> {
    let mut recorded = Recorded::default();
    if keyframes.is_empty() && seals.is_empty() {
        return Ok(recorded);
    }
    let mut write = store.write()?;
    let records = write.records_mut()?;
    for CheckedKeyframe { stream, revision, checksum, body_bytes, check } in keyframes {
        let before = records.keyframe_record(stream, *revision)?;
        let pin = before.as_ref().and_then(|before| before.pin.as_ref());
        let (checksum, body_bytes) = (*checksum, *body_bytes);
        let record = NewRecord { stream, revision: *revision, checksum, body_bytes, check: Some(check), pin };
        if records.put_record(&record)? { recorded.keyframes += 1 } else { recorded.moved += 1 }
    }
    for seal in seals {
        records.put_seal(seal)?;
        recorded.seals += 1;
    }
    write.commit()?;
    Ok(recorded)
}

impl Recorded {
    /// Adds what else was recorded.
    pub fn add(&mut self, other: Recorded) {
        self.keyframes += other.keyframes;
        self.moved += other.moved;
        self.seals += other.seals;
    }
}
