//! Whether keyframes are as a run left them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use super::UNDO;
use crate::model::checksum::Checksum;
use crate::model::ids::{Revision, StreamKey};
use crate::store::history::{MutationKind, RunId};
use crate::store::{Read, StoreError};

/// The runs that have taken back others.
pub(super) fn undos(read: &dyn Read) -> Result<BTreeSet<RunId>, StoreError> {
    let mut undos = BTreeSet::new();
    read.history().runs(&mut |run| {
        if run.command.starts_with(UNDO) {
            undos.insert(run.id);
        }
        ControlFlow::Continue(())
    })?;
    Ok(undos)
}

/// The keyframes that are not as a run left them: a later run has changed them, or another program.
pub(super) fn moved(read: &dyn Read, run: RunId) -> Result<Vec<(StreamKey, Revision)>, StoreError> {
    let mut oldest = None;
    read.history().mutations(Some(run), &mut |mutation| {
        if mutation.undone.is_none() {
            oldest = Some(mutation.id);
        }
        ControlFlow::Continue(())
    })?;
    let Some(oldest) = oldest else { return Ok(Vec::new()) };
    let undos = undos(read)?;
    let mut later = BTreeSet::new();
    // Of several changes of one keyframe the newest says how the run left it.
    let mut left = BTreeMap::new();
    read.history().mutations(None, &mut |mutation| {
        if mutation.id < oldest {
            return ControlFlow::Break(());
        }
        let key = (mutation.stream.clone(), mutation.revision);
        if mutation.undone.is_some() {
            return ControlFlow::Continue(());
        }
        if mutation.run == run {
            left.entry(key).or_insert_with(|| (mutation.kind, mutation.before.as_ref().and_then(|b| b.checksum)));
        } else if !undos.contains(&mutation.run) && !left.contains_key(&key) {
            later.insert(key);
        }
        ControlFlow::Continue(())
    })?;
    let mut moved = Vec::new();
    for ((stream, revision), (kind, before)) in left {
        let key = (stream, revision);
        if later.contains(&key) || !is_as_left(read, &key.0, revision, kind, before)? {
            moved.push(key);
        }
    }
    Ok(moved)
}

fn is_as_left(
    read: &dyn Read,
    stream: &StreamKey,
    revision: Revision,
    kind: MutationKind,
    before: Option<Checksum>,
) -> Result<bool, StoreError> {
    if kind == MutationKind::Deleted {
        return Ok(!is_there(read, stream, revision)?);
    }
    let body = match read.keyframe_document(stream, revision) {
        // What was not readable before is not expected to be now.
        Err(StoreError::Corrupt { .. }) => return Ok(before.is_none()),
        body => body?,
    };
    let Some(body) = body else { return Ok(false) };
    let checksum = Checksum::of(&body);
    Ok(match kind {
        MutationKind::Written | MutationKind::Replaced => {
            let record = read.records().keyframe_record(stream, revision)?;
            record.is_some_and(|record| record.checksum == checksum)
        }
        _ => before.is_none_or(|before| before == checksum),
    })
}

pub(super) fn is_there(read: &dyn Read, stream: &StreamKey, revision: Revision) -> Result<bool, StoreError> {
    let nearest = read.nearest_keyframe(stream, revision)?;
    Ok(nearest.is_some_and(|nearest| u64::try_from(nearest.label) == Ok(revision.get())))
}

/// Whether a keyframe is known to be what the log gives.
pub(super) fn is_proven(read: &dyn Read, stream: &StreamKey, revision: Revision) -> Result<bool, StoreError> {
    let Some(record) = read.records().keyframe_record(stream, revision)? else { return Ok(false) };
    let body = match read.keyframe_document(stream, revision) {
        Err(StoreError::Corrupt { .. }) => return Ok(false),
        body => body?,
    };
    Ok(record.proof().is_some() && body.is_some_and(|body| Checksum::of(&body) == record.checksum))
}
