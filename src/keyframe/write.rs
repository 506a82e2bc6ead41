//! Writing keyframes that were made: noted in the history, read back, and recorded, in short transactions.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError, RwLock};

use super::make::{Made, make};
use super::place::Place;
use super::rule::Rule;
use crate::model::ids::{Revision, StreamKey};
use crate::model::json::parse;
use crate::model::progress::{Progress, Stop};
use crate::model::time::Timestamp;
use crate::reducer::Registry;
use crate::replay::{ReplayError, Sources, Trust};
use crate::store::history::{BodyBefore, MutationKind, NewMutation, RunId};
use crate::store::records::NewRecord;
use crate::store::{Codec, Read, Store, StoreError, Write, answer};

/// So many bytes of keyframes are made before they are written; one keyframe may exceed it.
const MADE_BYTES: usize = 64 << 20;

/// A transaction ends after so many keyframes, so that other programs get their turn.
const MOST_KEYFRAMES: usize = 256;
/// It also ends after so many bytes of them.
const MOST_BYTES: usize = 8 << 20;

/// What is to be written, and how.
pub struct Task<'a> {
    /// The store.
    pub store: &'a dyn Store,
    /// The models.
    pub registry: &'a Registry,
    /// Whether passes may begin at verified keyframes: [`Trust::None`] says no, everything else yes.
    pub trust: Trust,
    /// Which keyframes are wanted.
    pub rule: Rule,
    /// What becomes of keyframes that are there and differ from what the log gives.
    pub different: Different,
    /// How bodies are stored; `None` is [`Codec::Json`], and for one that is replaced as it was.
    pub codec: Option<Codec>,
    /// Whether anything is changed.
    pub change: Change,
    /// What the history says was done.
    pub command: String,
    /// Says what time it is.
    pub clock: &'a (dyn Fn() -> Timestamp + Sync),
}

/// What becomes of keyframes that differ from what the log gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Different {
    /// They stay.
    Leave,
    /// They are replaced; the history keeps them.
    Replace,
}

/// Whether anything is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Yes.
    Make,
    /// No: everything is made and compared, and nothing is written.
    Foretell,
}

/// What came of writing the keyframes of one stream.
#[derive(Debug)]
pub struct Filled {
    /// The stream.
    pub stream: StreamKey,
    /// Its head.
    pub head: Revision,
    /// How many of what.
    pub tally: Filling,
    /// Why not all was done, if so: what cannot be decoded or replayed.
    pub failure: Option<ReplayError>,
}

/// How many keyframes were written, and how many not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filling {
    /// They are new.
    pub written: u64,
    /// They were there and differed from what the log gives, and were replaced.
    pub replaced: u64,
    /// They were there already and are right, which was not recorded before.
    pub recorded: u64,
    /// They were there already.
    pub present: u64,
    /// They are there and differ from what the log gives.
    pub different: u64,
    /// There is no operation at their revisions.
    pub absent: u64,
    /// Size of the bodies that were written, as they are handed out.
    pub body_bytes: u64,
    /// Size of the bodies that were written, as they are stored; where nothing was written, as they are handed out.
    pub stored_bytes: u64,
}

/// Writes keyframes for a task. Shared by threads; each works on streams of its own, and one of them writes at a time.
pub struct Writer<'a> {
    task: &'a Task<'a>,
    /// Begun with the first change.
    run: Mutex<Option<RunId>>,
    /// Whoever reads keeps a writer waiting, as some stores do that of themselves, and not for ever.
    turns: RwLock<()>,
}

impl<'a> Writer<'a> {
    /// A writer that has not written yet.
    #[must_use]
    pub fn new(task: &'a Task<'a>) -> Self {
        Writer { task, run: Mutex::new(None), turns: RwLock::new(()) }
    }

    /// A writer that goes on with a run of the history, if it has begun.
    #[must_use]
    pub(super) fn of_run(task: &'a Task<'a>, run: Option<RunId>) -> Self {
        Writer { task, run: Mutex::new(run), turns: RwLock::new(()) }
    }

    /// The run under which the history has what was done; `None` if nothing was.
    #[must_use]
    pub fn run(&self) -> Option<RunId> {
        *self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says in the history that the work has ended.
    ///
    /// # Errors
    /// `Busy`, `Unavailable`, `ReadOnly`.
    pub fn finish(&self) -> Result<(), StoreError> {
        let Some(run) = self.run() else { return Ok(()) };
        let mut write = self.task.store.write()?;
        write.history_mut()?.finish_run(run, (self.task.clock)())?;
        write.commit()
    }

    /// Writes the keyframes that are wanted of a stream with this head; `labels` are those that it has, ascending. Says in
    /// `tally` how far it came, also if it fails.
    ///
    /// # Errors
    /// As [`make`], and whatever the store says to changes.
    pub fn stream(
        &self,
        stream: &StreamKey,
        head: Revision,
        labels: &[i64],
        progress: &dyn Progress,
        tally: &mut Filling,
    ) -> Result<(), ReplayError> {
        let mut due = answer(self.task.store, |read| self.task.rule.wanted(read, stream, head))?;
        let looks_at_all = self.task.different == Different::Replace || matches!(self.task.rule, Rule::MaxReplayOps(_));
        if !looks_at_all {
            let wanted = due.len();
            due.retain(|revision| {
                i64::try_from(revision.get()).is_ok_and(|label| labels.binary_search(&label).is_err())
            });
            tally.present += (wanted - due.len()) as u64;
        }
        while !due.is_empty() {
            let mut made = Vec::new();
            let result = self.make(stream, &due, progress, &mut made);
            let last = made.last().map(|made| made.revision);
            // What was made is right, whatever ended the pass.
            self.put(&made, tally)?;
            let is_whole = result?;
            due.drain(..last.map_or(0, |last| due.partition_point(|revision| *revision <= last)));
            if is_whole {
                tally.absent += due.len() as u64;
                break;
            }
            progress.check()?;
        }
        Ok(())
    }

    /// Makes what fits in memory, and says whether that is all there is.
    fn make(
        &self,
        stream: &StreamKey,
        due: &[Revision],
        progress: &dyn Progress,
        all: &mut Vec<Made>,
    ) -> Result<bool, ReplayError> {
        let _turn = self.turns.read().unwrap_or_else(PoisonError::into_inner);
        answer(self.task.store, |read| {
            all.clear();
            let Task { registry, trust, .. } = *self.task;
            let sources = Sources { read, registry, trust, progress };
            let mut bytes = 0;
            make(&sources, stream, due, &mut |made| {
                bytes += made.body.len();
                all.push(made);
                Ok(if bytes < MADE_BYTES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
            })
            .map(|_| bytes < MADE_BYTES)
        })
    }

    /// Writes what was made.
    pub(super) fn put(&self, made: &[Made], tally: &mut Filling) -> Result<(), StoreError> {
        let _turn = self.turns.write().unwrap_or_else(PoisonError::into_inner);
        let mut left = made;
        while !left.is_empty() {
            let mut bytes = 0;
            let fits = |made: &&Made| {
                let fits = bytes < MOST_BYTES;
                bytes += made.body.len();
                fits
            };
            let n = left.iter().take(MOST_KEYFRAMES).take_while(fits).count().max(1);
            let (batch, rest) = left.split_at(n);
            left = rest;
            let mut done = *tally;
            match self.task.change {
                Change::Make => self.put_batch(batch, &mut done)?,
                Change::Foretell => answer(self.task.store, |read| {
                    done = *tally;
                    batch.iter().try_for_each(|made| self.foretell(read, made, &mut done))
                })?,
            }
            *tally = done;
        }
        Ok(())
    }

    fn foretell(&self, read: &dyn Read, made: &Made, tally: &mut Filling) -> Result<(), StoreError> {
        let mut bytes = made.body.len() as u64;
        match (Place::of(made, read)?, self.task.different) {
            (Place::Empty, _) => tally.written += 1,
            (Place::Different, Different::Replace) => tally.replaced += 1,
            (place, _) => {
                bytes = 0;
                match place {
                    Place::Sound => tally.present += 1,
                    Place::Unrecorded { .. } => tally.recorded += 1,
                    _ => tally.different += 1,
                }
            }
        }
        tally.body_bytes += bytes;
        tally.stored_bytes += bytes;
        Ok(())
    }

    /// Writes in one transaction.
    fn put_batch(&self, batch: &[Made], tally: &mut Filling) -> Result<(), StoreError> {
        let mut write = self.task.store.write()?;
        let mut run = self.run();
        let mut before = *tally;
        for made in batch {
            match (Place::of(made, &*write)?, self.task.different) {
                (Place::Sound, _) => {
                    tally.present += 1;
                    before.present += 1;
                }
                (Place::Different, Different::Leave) => {
                    tally.different += 1;
                    before.different += 1;
                }
                (Place::Empty, _) => {
                    self.note(&mut *write, &mut run, made, MutationKind::Written, BodyBefore::Leave)?;
                    tally.stored_bytes += self.put_body(&mut *write, made, self.task.codec.unwrap_or_default())?;
                    tally.body_bytes += made.body.len() as u64;
                    tally.written += 1;
                }
                (Place::Different, Different::Replace) => {
                    self.note(&mut *write, &mut run, made, MutationKind::Replaced, BodyBefore::Keep)?;
                    let known = write.nearest_keyframe(&made.stream, made.revision)?.map(|entry| entry.codec);
                    let codec = self.task.codec.or(known).unwrap_or_default();
                    tally.stored_bytes += self.put_body(&mut *write, made, codec)?;
                    tally.body_bytes += made.body.len() as u64;
                    tally.replaced += 1;
                }
                (Place::Unrecorded { checksum, body_bytes, pin }, _) => {
                    self.note(&mut *write, &mut run, made, MutationKind::Recorded, BodyBefore::Leave)?;
                    let check = made.check((self.task.clock)());
                    let new = NewRecord { checksum, body_bytes, ..made.record(&check, pin.as_ref()) };
                    write.records_mut()?.put_record(&new)?;
                    tally.recorded += 1;
                }
            }
        }
        if *tally == before {
            return Ok(());
        }
        write.commit()?;
        *self.run.lock().unwrap_or_else(PoisonError::into_inner) = run;
        Ok(())
    }

    fn note(
        &self,
        write: &mut dyn Write,
        run: &mut Option<RunId>,
        made: &Made,
        kind: MutationKind,
        body: BodyBefore,
    ) -> Result<(), StoreError> {
        let at = (self.task.clock)();
        let history = write.history_mut()?;
        let run = match *run {
            Some(run) => run,
            None => *run.insert(history.begin_run(&self.task.command, at)?),
        };
        let Made { stream, revision, .. } = made;
        history.note(&NewMutation { run, at, kind, stream, revision: *revision, body }).map(drop)
    }

    /// Writes a keyframe, reads it back, and records it. Returns how many bytes it takes.
    fn put_body(&self, write: &mut dyn Write, made: &Made, codec: Codec) -> Result<u64, StoreError> {
        let Made { stream, revision, body, .. } = made;
        let pin = write.records().keyframe_record(stream, *revision)?.and_then(|record| record.pin);
        let now = (self.task.clock)();
        write.put_keyframe_as(&made.keyframe(now), codec)?;
        let stored = write.keyframe_document(stream, *revision)?;
        let is_recorded = write.records_mut()?.put_record(&made.record(&made.check(now), pin.as_ref()))?;
        let problem = match stored {
            Some(stored) if stored != *body => Some("it does not read back as it was written".to_owned()),
            None => Some("it is not there after it was written".to_owned()),
            Some(stored) => parse(&stored).err().map(|error| format!("it was written, and is not JSON: {error}")),
        };
        let problem = problem.or_else(|| (!is_recorded).then(|| "it has another body than was written".to_owned()));
        if let Some(reason) = problem {
            let key = format!("keyframe {revision} of {stream}");
            return Err(StoreError::Corrupt { table: "Keyframe", key, column: "document", reason });
        }
        let record = write.records().keyframe_record(stream, *revision)?;
        Ok(record.map_or(body.len() as u64, |record| record.stored_bytes))
    }
}

impl Filling {
    /// Adds what came of another stream.
    pub fn add(&mut self, other: &Filling) {
        let Filling { written, replaced, recorded, present, different, absent, body_bytes, stored_bytes } = other;
        self.written += written;
        self.replaced += replaced;
        self.recorded += recorded;
        self.present += present;
        self.different += different;
        self.absent += absent;
        self.body_bytes += body_bytes;
        self.stored_bytes += stored_bytes;
    }

    /// Whether there was nothing to write or to compare.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.written + self.replaced + self.recorded + self.present + self.different == 0
    }
}

/// Whether an error is about one stream, so that others can be gone on with.
pub(super) fn is_of_stream(error: &ReplayError) -> bool {
    matches!(
        error,
        ReplayError::Rejected { .. }
            | ReplayError::Model(_)
            | ReplayError::Fold(_)
            | ReplayError::Store(StoreError::Corrupt { .. })
    )
}

/// The reason to stop, if an error is one.
pub(super) fn stop_of(error: &ReplayError) -> Option<Stop> {
    match error {
        ReplayError::Stopped(stop) => Some(*stop),
        _ => None,
    }
}
