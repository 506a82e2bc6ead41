//! Pins: keyframes that are kept whatever a policy says.

use crate::model::checksum::Checksum;
use crate::model::ids::{Revision, StreamKey};
use crate::model::time::Timestamp;
use crate::replay::ReplayError;
use crate::store::history::{BodyBefore, MutationKind, NewMutation};
use crate::store::records::{NewRecord, Pin};
use crate::store::{Store, Write};

/// What became of the pin of a keyframe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// The stream.
    pub stream: StreamKey,
    /// The label.
    pub revision: Revision,
    /// The pin that it had.
    pub before: Option<Pin>,
    /// The pin that it has.
    pub after: Option<Pin>,
}

impl Pinned {
    /// Whether something has changed.
    #[must_use]
    pub fn changed(&self) -> bool {
        self.before != self.after
    }
}

/// Gives keyframes a pin, in place of any other, or takes it from them: all of them in one transaction, with the history of
/// it under `command`. Where nothing would change, nothing is written.
///
/// What was found by a check stays recorded.
///
/// # Errors
/// `NoKeyframe` if one is not there; nothing has changed then. `Store`: `Corrupt` if nothing is recorded of a keyframe yet and
/// its body cannot be read, `ReadOnly`, `Unsupported` if the store cannot have our tables or has those of a newer version;
/// `Busy`, `Unavailable`.
pub fn set_pin(
    store: &dyn Store,
    keyframes: &[(StreamKey, Revision)],
    pin: Option<&Pin>,
    now: Timestamp,
    command: &str,
) -> Result<Vec<Pinned>, ReplayError> {
    let mut write = store.write()?;
    let mut pinned = Vec::with_capacity(keyframes.len());
    let mut run = None;
    for (stream, revision) in keyframes {
        let before = pin_of(&*write, stream, *revision)?;
        let change = Pinned { stream: stream.clone(), revision: *revision, before, after: pin.cloned() };
        if change.changed() {
            let run = match run {
                Some(run) => run,
                None => *run.insert(write.history_mut()?.begin_run(command, now)?),
            };
            let kind = if pin.is_some() { MutationKind::Pinned } else { MutationKind::Unpinned };
            let body = BodyBefore::Leave;
            write.history_mut()?.note(&NewMutation { run, at: now, kind, stream, revision: *revision, body })?;
            put(&mut *write, stream, *revision, pin)?;
        }
        pinned.push(change);
    }
    if let Some(run) = run {
        write.history_mut()?.finish_run(run, now)?;
        write.commit()?;
    }
    Ok(pinned)
}

/// The pin that a keyframe has.
fn pin_of(write: &dyn Write, stream: &StreamKey, revision: Revision) -> Result<Option<Pin>, ReplayError> {
    let nearest = write.nearest_keyframe(stream, revision)?;
    if nearest.is_none_or(|nearest| u64::try_from(nearest.label) != Ok(revision.get())) {
        return Err(ReplayError::NoKeyframe { stream: stream.clone(), revision });
    }
    Ok(write.records().keyframe_record(stream, revision)?.and_then(|record| record.pin))
}

fn put(write: &mut dyn Write, stream: &StreamKey, revision: Revision, pin: Option<&Pin>) -> Result<(), ReplayError> {
    // A record stays what it is of: if the body was changed since, its checksum shows that.
    let known = write.records().keyframe_record(stream, revision)?;
    let is_recorded = if let Some(known) = known {
        write.records_mut()?.put_record(&NewRecord { pin, ..known.as_new() })?
    } else {
        let body = write.keyframe_document(stream, revision)?.unwrap_or_default();
        let (checksum, body_bytes) = (Checksum::of(&body), body.len() as u64);
        write.records_mut()?.put_record(&NewRecord { stream, revision, checksum, body_bytes, check: None, pin })?
    };
    if is_recorded { Ok(()) } else { Err(ReplayError::NoKeyframe { stream: stream.clone(), revision }) }
}
