//! Taking back what a run did to keyframes.
//!
//! Changes are taken back from the newest to the oldest, in short transactions: each puts keyframes back, notes that as
//! changes of a new run, and says of the changes that they are undone. After an interruption the rest is still to be undone.

mod body;
mod moved;

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::make::{Made, make};
use super::write::{Change, is_of_stream};
use crate::model::checksum::Checksum;
use crate::model::ids::{Revision, StreamKey};
use crate::model::progress::Progress;
use crate::model::time::Timestamp;
use crate::reducer::Registry;
use crate::replay::{ReplayError, Sources, Trust};
use crate::store::history::{BodyBefore, Former, Mutation, MutationId, MutationKind, NewMutation, RunId};
use crate::store::records::NewRecord;
use crate::store::{NewKeyframe, Read, Store, StoreError, Write, answer};
use body::{Body, body, needs_log};
use moved::{is_proven, is_there, moved, undos};

/// How the command of a run begins that takes back another.
pub const UNDO: &str = "keyframe undo";

/// So many changes are looked at before they are taken back.
const LOOKED_AT: usize = 4096;
/// A transaction ends after so many changes, so that other programs get their turn.
const MOST_CHANGES: usize = 256;
/// It also ends after so many bytes of bodies.
const MOST_BYTES: u64 = 8 << 20;
/// So many bytes of keyframes are made of the log before they are put back; one keyframe may exceed it.
const MADE_BYTES: usize = 64 << 20;

/// What is to be taken back, and how.
pub struct Undo<'a> {
    /// The store.
    pub store: &'a dyn Store,
    /// The models.
    pub registry: &'a Registry,
    /// Whether passes may begin at verified keyframes; see [`make`].
    pub trust: Trust,
    /// The run to take back.
    pub run: RunId,
    /// What becomes of keyframes that somebody else has changed since.
    pub moved: Moved,
    /// Says what time it is.
    pub clock: &'a dyn Fn() -> Timestamp,
    /// May stop it.
    pub progress: &'a dyn Progress,
}

/// What becomes of keyframes that somebody else has changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// Nothing is undone.
    Refuse,
    /// They are put back, too; the history keeps what they are now.
    Overwrite,
}

/// What was taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undone {
    /// The run under which the history has it; `None` if nothing was changed.
    pub run: Option<RunId>,
    /// Changes that were taken back.
    pub undone: u64,
    /// Keyframes that are there again, or as they were, with the body they had.
    pub restored: u64,
    /// Those that are there again with a body made of the log: it is right, and its header is stamped anew.
    pub rebuilt: u64,
    /// Keyframes that were written and are gone again.
    pub removed: u64,
    /// Keyframes whose pin, check or way of storing is as it was.
    pub reset: u64,
    /// Changes that cannot be taken back, each with the reason.
    pub lost: Vec<(StreamKey, Revision, String)>,
    /// Keyframes that somebody else has changed since; with [`Moved::Refuse`] nothing was undone then.
    pub moved: Vec<(StreamKey, Revision)>,
}

/// The run that is undone where none is named: the newest with a change that is not undone, and that is no undo itself.
///
/// # Errors
/// `Unsupported`, `Corrupt`, `Busy`, `Unavailable`.
pub fn last_run(read: &dyn Read) -> Result<Option<RunId>, StoreError> {
    let undos = undos(read)?;
    let mut found = None;
    read.history().mutations(None, &mut |mutation| {
        if mutation.undone.is_none() && !undos.contains(&mutation.run) {
            found = Some(mutation.run);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// Takes back a run, or says what that would do.
///
/// # Errors
/// `Store`: `ReadOnly`, `Unsupported`, `Busy`, `Unavailable`, and `Corrupt` if the history does not decode; `Stopped`, when
/// what was undone stays undone.
pub fn undo(undo: &Undo<'_>, change: Change) -> Result<Undone, ReplayError> {
    let mut undone = Undone::default();
    answer(undo.store, |read| {
        undone.moved = moved(read, undo.run)?;
        Ok::<_, StoreError>(())
    })?;
    if undo.moved == Moved::Refuse && !undone.moved.is_empty() {
        return Ok(undone);
    }
    let mut after = None;
    loop {
        undo.progress.check()?;
        let pending = answer(undo.store, |read| pending(read, undo.run, after, LOOKED_AT))?;
        let Some(last) = pending.last() else { break };
        // What cannot be undone is looked at once.
        after = Some(last.id);
        undo.round(&pending, change, &mut undone)?;
    }
    if let Some(run) = undone.run {
        let mut write = undo.store.write()?;
        write.history_mut()?.finish_run(run, (undo.clock)())?;
        write.commit()?;
    }
    Ok(undone)
}

/// The newest changes of a run that are not undone and older than `before`.
fn pending(read: &dyn Read, run: RunId, before: Option<MutationId>, most: usize) -> Result<Vec<Mutation>, StoreError> {
    let mut pending = Vec::new();
    read.history().mutations(Some(run), &mut |mutation| {
        if mutation.undone.is_none() && before.is_none_or(|before| mutation.id < before) {
            pending.push(mutation.clone());
        }
        if pending.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(pending)
}

/// A keyframe, by its place.
pub(super) type Key = (StreamKey, Revision);

impl Undo<'_> {
    /// Takes back changes, which are given from the newest to the oldest.
    fn round(&self, pending: &[Mutation], change: Change, undone: &mut Undone) -> Result<(), ReplayError> {
        let mut left = pending;
        while !left.is_empty() {
            self.progress.check()?;
            let (mut made, mut failures) = (HashMap::new(), HashMap::new());
            let n = self.make(left, &mut made, &mut failures)?;
            let (chunk, rest) = left.split_at(n);
            left = rest;
            let mut batch = chunk;
            while !batch.is_empty() {
                batch = if change == Change::Foretell {
                    let before = undone.clone();
                    answer(self.store, |read| {
                        // A store that moved is read again.
                        undone.clone_from(&before);
                        batch.iter().try_for_each(|mutation| foretell(read, mutation, &made, &failures, undone))
                    })?;
                    &[]
                } else {
                    self.take_back(batch, &made, &failures, undone)?
                };
            }
        }
        Ok(())
    }

    /// Makes the bodies that the log has to give for the first of these changes, as many as fit in memory, and says for how
    /// many changes that is enough.
    fn make(
        &self,
        changes: &[Mutation],
        made: &mut HashMap<Key, Made>,
        failures: &mut HashMap<StreamKey, String>,
    ) -> Result<usize, ReplayError> {
        let mut bytes = 0;
        let mut n = 0;
        // The changes of one stream mostly follow each other.
        while let Some(first) = changes.get(n) {
            let run = changes[n..].iter().take_while(|change| change.stream == first.stream).count();
            let needs = |change: &&Mutation| needs_log(change);
            let of_stream = &changes[n..n + run];
            let mut wanted: Vec<Revision> = of_stream.iter().filter(needs).map(|change| change.revision).collect();
            // From the newest on, as many as fit.
            let size = |change: &Mutation| change.before.as_ref().map_or(0, |before| before.body_bytes);
            let mut taken = 0;
            for change in of_stream {
                if needs_log(change) && bytes > 0 && bytes + size(change) > MADE_BYTES as u64 {
                    break;
                }
                bytes += if needs_log(change) { size(change) } else { 0 };
                taken += 1;
            }
            if taken < run {
                wanted = of_stream[..taken].iter().filter(needs).map(|change| change.revision).collect();
            }
            wanted.sort_unstable();
            wanted.dedup();
            if !wanted.is_empty() {
                let result = answer(self.store, |read| {
                    let Undo { registry, trust, progress, .. } = *self;
                    make(&Sources { read, registry, trust, progress }, &first.stream, &wanted, &mut |new| {
                        made.insert((new.stream.clone(), new.revision), new);
                        Ok(ControlFlow::Continue(()))
                    })
                });
                match result {
                    Err(error) if is_of_stream(&error) => {
                        failures.insert(first.stream.clone(), error.to_string());
                    }
                    result => drop(result?),
                }
            }
            n += taken;
            if taken < run || bytes >= MADE_BYTES as u64 {
                break;
            }
        }
        Ok(n.max(1))
    }

    /// Takes back the first of these changes in one transaction, and returns the others.
    fn take_back<'m>(
        &self,
        changes: &'m [Mutation],
        made: &HashMap<Key, Made>,
        failures: &HashMap<StreamKey, String>,
        undone: &mut Undone,
    ) -> Result<&'m [Mutation], ReplayError> {
        let mut write = self.store.write()?;
        let mut done = undone.clone();
        let (mut n, mut bytes) = (0, 0);
        for mutation in changes {
            if n >= MOST_CHANGES || bytes >= MOST_BYTES {
                break;
            }
            n += 1;
            bytes += mutation.before.as_ref().map_or(0, |before| before.body_bytes);
            match body(&*write, mutation, made, failures)? {
                Err(reason) => done.lost.push((mutation.stream.clone(), mutation.revision, reason)),
                Ok(body) => {
                    let run = if let Some(run) = done.run {
                        run
                    } else {
                        let command = format!("{UNDO} {}", self.run.0);
                        *done.run.insert(write.history_mut()?.begin_run(&command, (self.clock)())?)
                    };
                    if !write.history_mut()?.mark_undone(mutation.id, run)? {
                        // Another undo was faster.
                        continue;
                    }
                    self.put_back(&mut *write, run, mutation, body.as_ref())?;
                    done.count(mutation, body.as_ref());
                }
            }
        }
        if done.undone > undone.undone {
            write.commit()?;
            *undone = done;
        } else {
            undone.lost = done.lost;
        }
        Ok(&changes[n..])
    }

    /// Puts a keyframe back as it was before a change.
    fn put_back(
        &self,
        write: &mut dyn Write,
        run: RunId,
        mutation: &Mutation,
        body: Option<&Body<'_>>,
    ) -> Result<(), StoreError> {
        let Mutation { kind, stream, revision, before, .. } = mutation;
        let (at, revision, is_there) = ((self.clock)(), *revision, is_there(write, stream, *revision)?);
        let inverse = match (kind, before, body) {
            (_, None, _) => MutationKind::Deleted,
            (_, Some(_), Some(_)) if is_there => MutationKind::Replaced,
            (_, Some(_), Some(_)) => MutationKind::Written,
            (MutationKind::Recoded, ..) => MutationKind::Recoded,
            (MutationKind::Recorded, ..) => MutationKind::Recorded,
            (_, Some(Former { pin: Some(_), .. }), None) => MutationKind::Pinned,
            (_, Some(_), None) => MutationKind::Unpinned,
        };
        if is_there || body.is_some() {
            let body = match inverse {
                MutationKind::Deleted if is_proven(write, stream, revision)? => BodyBefore::Leave,
                MutationKind::Deleted | MutationKind::Replaced => BodyBefore::Keep,
                _ => BodyBefore::Leave,
            };
            let note = NewMutation { run, at, kind: inverse, stream, revision, body };
            write.history_mut()?.note(&note)?;
        }
        let Some(former) = before else {
            write.delete_keyframe(stream, revision)?;
            return Ok(());
        };
        if let Some(body) = body {
            let document = body.text();
            let Former { document_type, created, codec, .. } = former;
            let keyframe = NewKeyframe { stream, revision, document_type, document, created: *created };
            write.put_keyframe_as(&keyframe, *codec)?;
            if write.keyframe_document(stream, revision)?.as_deref() != Some(document) {
                return Err(StoreError::Corrupt {
                    table: "Keyframe",
                    key: format!("keyframe {revision} of {stream}"),
                    column: "document",
                    reason: "it does not read back as it was written".to_owned(),
                });
            }
        } else if *kind == MutationKind::Recoded {
            write.recode(stream, revision, former.codec)?;
        }
        self.put_record_back(write, mutation, former, body)
    }

    fn put_record_back(
        &self,
        write: &mut dyn Write,
        mutation: &Mutation,
        former: &Former,
        body: Option<&Body<'_>>,
    ) -> Result<(), StoreError> {
        let Mutation { stream, revision, .. } = mutation;
        // What was found of another text does not hold for one that was made anew, and that it is right is known.
        let made = body.and_then(|body| body.made(former)).map(|made| made.check((self.clock)()));
        let (check, pin) = (made.as_ref().or(former.check.as_ref()), former.pin.as_ref());
        if check.is_none() && pin.is_none() {
            write.records_mut()?.delete_record(stream, *revision)?;
            return Ok(());
        }
        let Some(text) = write.keyframe_document(stream, *revision)? else { return Ok(()) };
        let (checksum, body_bytes) = (Checksum::of(&text), text.len() as u64);
        let check = check.filter(|_| made.is_some() || former.checksum == Some(checksum));
        let record = NewRecord { stream, revision: *revision, checksum, body_bytes, check, pin };
        write.records_mut()?.put_record(&record).map(drop)
    }
}

/// Counts what taking back a change would do.
fn foretell(
    read: &dyn Read,
    mutation: &Mutation,
    made: &HashMap<Key, Made>,
    failures: &HashMap<StreamKey, String>,
    undone: &mut Undone,
) -> Result<(), StoreError> {
    match body(read, mutation, made, failures)? {
        Err(reason) => undone.lost.push((mutation.stream.clone(), mutation.revision, reason)),
        Ok(body) => undone.count(mutation, body.as_ref()),
    }
    Ok(())
}

impl Undone {
    fn count(&mut self, mutation: &Mutation, body: Option<&Body<'_>>) {
        self.undone += 1;
        match (&mutation.before, body) {
            (None, _) => self.removed += 1,
            (Some(former), Some(body)) if body.made(former).is_some() => self.rebuilt += 1,
            (Some(_), Some(_)) => self.restored += 1,
            (Some(_), None) => self.reset += 1,
        }
    }
}
