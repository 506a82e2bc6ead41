//! Changing one keyframe in an open transaction.

use std::collections::BTreeSet;

use super::{Done, Present, find};
use crate::model::checksum::Checksum;
use crate::model::ids::{Fingerprint, NextIndex, Revision, Span, StreamKey};
use crate::model::time::Timestamp;
use crate::store::history::{BodyBefore, MutationKind, NewMutation, RunId};
use crate::store::{Codec, Flow, Order, StoreError, Write};

/// A transaction with changes that are not committed.
pub(super) struct Open<'a> {
    pub(super) write: Box<dyn Write + 'a>,
    pub(super) done: Done,
    pub(super) n_changes: u64,
    n_seen: u64,
    bytes: u64,
}

/// A transaction ends after so many changes, so that others get their turn.
const MOST_CHANGES: u64 = 256;
/// It also ends when so many keyframes were looked at, changed or not.
const MOST_SEEN: u64 = 4096;
/// It also ends when so many bytes of bodies were looked at.
const MOST_BYTES: u64 = 16 << 20;

/// What is to be done to a keyframe.
#[derive(Clone, Copy)]
pub(super) enum Task {
    Drop(Revision),
    Recode(Revision, Codec),
}

impl<'a> Open<'a> {
    pub(super) fn new(write: Box<dyn Write + 'a>) -> Self {
        Open { write, done: Done::default(), n_changes: 0, n_seen: 0, bytes: 0 }
    }

    /// Whether it is time to commit.
    pub(super) fn is_full(&self) -> bool {
        self.n_changes >= MOST_CHANGES || self.n_seen >= MOST_SEEN || self.bytes >= MOST_BYTES
    }
}

/// A moment in a transaction.
pub(super) struct At<'o, 'a> {
    pub(super) open: &'o mut Open<'a>,
    pub(super) run: &'o mut Option<RunId>,
    pub(super) models: &'o BTreeSet<Fingerprint>,
    pub(super) command: &'o str,
    pub(super) now: Timestamp,
}

impl At<'_, '_> {
    /// Does what is to be done to one keyframe, and notes it before.
    pub(super) fn run(&mut self, stream: &StreamKey, present: &[Present], task: Task) -> Result<(), StoreError> {
        let revision = match task {
            Task::Drop(revision) | Task::Recode(revision, _) => revision,
        };
        let found = i64::try_from(revision.get()).ok().and_then(|label| find(present, label));
        self.open.n_seen += 1;
        match (task, found) {
            (Task::Drop(_), None) => self.open.done.gone += 1,
            (Task::Drop(_), Some(_)) => self.drop(stream, revision)?,
            (Task::Recode(_, codec), Some(found)) if found.codec != codec => self.recode(stream, revision, codec)?,
            (Task::Recode(..), _) => {}
        }
        Ok(())
    }

    fn drop(&mut self, stream: &StreamKey, revision: Revision) -> Result<(), StoreError> {
        let body = self.body_before(stream, revision)?;
        self.note(MutationKind::Deleted, stream, revision, body)?;
        self.open.write.delete_keyframe(stream, revision)?;
        self.open.done.dropped += 1;
        self.open.done.bodies_kept += u64::from(body == BodyBefore::Keep);
        Ok(())
    }

    fn recode(&mut self, stream: &StreamKey, revision: Revision, codec: Codec) -> Result<(), StoreError> {
        let body = match self.open.write.keyframe_document(stream, revision) {
            Err(StoreError::Corrupt { .. }) => None,
            body => body?,
        };
        // What is no text has no place in either table but where it is.
        let Some(body) = body.filter(|body| std::str::from_utf8(body).is_ok()) else {
            self.open.done.unreadable += 1;
            return Ok(());
        };
        self.open.bytes += body.len() as u64;
        self.note(MutationKind::Recoded, stream, revision, BodyBefore::Leave)?;
        self.open.write.recode(stream, revision, codec)?;
        self.open.done.recoded += 1;
        Ok(())
    }

    /// Whether the log gives the body: it was checked, it is the one that was checked, the operation is the one of then, and
    /// the models still are there. In all other cases the history keeps it.
    fn body_before(&mut self, stream: &StreamKey, revision: Revision) -> Result<BodyBefore, StoreError> {
        let body = match self.open.write.keyframe_document(stream, revision) {
            Err(StoreError::Corrupt { .. }) => None,
            body => body?,
        };
        self.open.bytes += body.as_ref().map_or(0, |body| body.len() as u64);
        let record = self.open.write.records().keyframe_record(stream, revision)?;
        let (Some(body), Some(record)) = (body, record) else { return Ok(BodyBefore::Keep) };
        let (Some(proof), Some(check)) = (record.proof(), &record.check) else { return Ok(BodyBefore::Keep) };
        let is_sound = record.checksum == Checksum::of(&body)
            && self.models.contains(&check.fingerprint)
            && self.has_operation(stream, revision, proof.operation_id.as_str())?;
        Ok(if is_sound { BodyBefore::Leave } else { BodyBefore::Keep })
    }

    fn has_operation(&self, stream: &StreamKey, revision: Revision, id: &str) -> Result<bool, StoreError> {
        let mut is_same = false;
        let span = Span { from: NextIndex::new(revision.get()), through: Some(revision.last()) };
        self.open.write.operations(stream, span, Order::Forward, &mut |row| {
            is_same = row.id == id;
            Flow::Break(())
        })?;
        Ok(is_same)
    }

    fn note(
        &mut self,
        kind: MutationKind,
        stream: &StreamKey,
        revision: Revision,
        body: BodyBefore,
    ) -> Result<(), StoreError> {
        let history = self.open.write.history_mut()?;
        let run = match *self.run {
            Some(run) => run,
            None => *self.run.insert(history.begin_run(self.command, self.now)?),
        };
        history.note(&NewMutation { run, at: self.now, kind, stream, revision, body })?;
        self.open.n_changes += 1;
        Ok(())
    }
}
