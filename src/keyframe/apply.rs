//! Doing what a plan says: in short transactions, each noted in the history before it changes anything.
//!
//! A stream is compared with the plan in the transaction that changes it, so that nothing is done to keyframes that are not
//! what they were. What is done already is passed over: a plan can be applied again after any interruption.

mod change;
mod error;

use std::collections::BTreeSet;

use super::plan::{Birth, Header, PlanFileError, Steps, WriteStep, row_size};
use super::policy::holds;
use super::rule::{Label, Rule};
use super::write::{self, Change, Different, Filling, Writer, is_of_stream};
use crate::model::ids::{Fingerprint, Revision, StreamKey};
use crate::model::progress::{Progress, Stop};
use crate::model::time::Timestamp;
use crate::reducer::Registry;
use crate::replay::{ReplayError, Trust};
use crate::store::history::RunId;
use crate::store::records::{Standing, Until, Within};
use crate::store::{Codec, Flow, Read, Selection, Serial, Store, StoreError, answer};

use change::{At, Open, Task};
pub use error::{ApplyError, Moved};

/// A plan is being applied.
pub struct Application<'a> {
    store: &'a dyn Store,
    registry: &'a Registry,
    trust: Trust,
    /// The fingerprints of the models there are.
    models: BTreeSet<Fingerprint>,
    command: &'a str,
    clock: &'a (dyn Fn() -> Timestamp + Sync),
    progress: &'a dyn Progress,
    open: Option<Open<'a>>,
    run: Option<RunId>,
    committed: Done,
    failed: Vec<(StreamKey, ReplayError)>,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Keyframes that were written, or recorded as right where they were there.
    pub written: u64,
    /// Keyframes that were to be written, and had been already.
    pub present: u64,
    /// Keyframes that went.
    pub dropped: u64,
    /// Keyframes that were to go, and were gone already.
    pub gone: u64,
    /// Keyframes that are stored in another way.
    pub recoded: u64,
    /// Keyframes that were to be stored in another way, and cannot be read.
    pub unreadable: u64,
    /// Bodies that the history keeps, because nobody has checked that the log gives them.
    pub bodies_kept: u64,
}

/// A keyframe as it is now, as far as a plan may depend on it.
#[derive(Clone, Copy)]
struct Present {
    label: i64,
    /// `None` if it has no record.
    body_bytes: Option<u64>,
    codec: Codec,
    failed: bool,
    pinned: bool,
}

/// The first operation of a store, in the order of insertion: copies of a store have the same.
///
/// # Errors
/// `Busy`, `Unavailable`, `Corrupt`.
pub fn birth(read: &dyn Read) -> Result<Option<Birth>, StoreError> {
    let mut first = None;
    read.inserted_operations(&Selection::default(), Serial::START, &mut |row| {
        let (document, operation_id) = (row.stream.document.as_str().to_owned(), row.row.id.to_owned());
        first = Some(Birth { document, operation_id });
        Flow::Break(())
    })?;
    Ok(first)
}

/// Compares a whole plan with the store, and changes nothing.
///
/// # Errors
/// `OtherStore`, `Moved`, `Store`, `Plan`, `Stopped`.
pub fn check(
    store: &dyn Store,
    header: &Header,
    steps: impl Iterator<Item = Result<Steps, PlanFileError>>,
    now: Timestamp,
    progress: &dyn Progress,
) -> Result<(), ApplyError> {
    if answer(store, birth)? != header.birth {
        return Err(ApplyError::OtherStore { location: store.location().to_owned() });
    }
    for steps in steps {
        progress.check()?;
        let steps = steps?;
        answer(store, |read| compare(read, &steps, now).map(drop))?;
    }
    Ok(())
}

/// Compares a stream with its plan, and shows its keyframes by label.
fn compare(read: &dyn Read, steps: &Steps, now: Timestamp) -> Result<Vec<Present>, ApplyError> {
    let stream = steps.stream();
    let moved = |moved| Err(ApplyError::Moved { stream: stream.clone(), moved });
    let streams = read.streams(&stream.document)?;
    let head = streams.iter().find(|head| head.scope == stream.scope && head.branch == stream.branch);
    if head.map(|head| head.head.get()) < steps.head {
        return moved(Moved::Shorter);
    }
    let mut present = Vec::new();
    read.records().inventory(Within::Stream(&stream), &mut |kept| {
        let known = kept.known;
        present.push(Present {
            label: kept.label,
            body_bytes: known.map(|known| known.body_bytes),
            codec: known.map_or(Codec::Json, |known| known.codec),
            failed: known.is_some_and(|known| matches!(known.standing, Standing::Failed { .. })),
            pinned: known.and_then(|known| known.pinned).is_some_and(|until: Until| holds(until, now)),
        });
        Flow::Continue(())
    })?;
    for keep in &steps.keep {
        match find(&present, keep.revision) {
            None => return moved(Moved::Gone(keep.revision)),
            Some(found) if found.failed && keep.is_base() => return moved(Moved::Wrong(keep.revision)),
            Some(_) => {}
        }
    }
    for drop in &steps.drop {
        // One that is gone is what was wanted.
        let Some(found) = i64::try_from(drop.revision).ok().and_then(|label| find(&present, label)) else { continue };
        if found.pinned {
            return moved(Moved::Pinned(drop.revision));
        }
        let Some(planned) = drop.body_bytes else { continue };
        let bytes = match found.body_bytes {
            Some(bytes) => Some(bytes),
            None => row_size(read, &stream, drop.label())?.map(|size| size.body_bytes),
        };
        if bytes.is_some_and(|bytes| bytes != planned) {
            return moved(Moved::Replaced(drop.revision));
        }
    }
    Ok(present)
}

fn find(present: &[Present], label: i64) -> Option<Present> {
    present.binary_search_by_key(&label, |found| found.label).ok().map(|at| present[at])
}

impl<'a> Application<'a> {
    /// Begins to apply a plan; nothing is changed yet. `command` is what the history calls the run. With [`Trust::None`]
    /// what is written is made from the first operation.
    #[must_use]
    pub fn new(
        store: &'a dyn Store,
        (registry, trust): (&'a Registry, Trust),
        command: &'a str,
        clock: &'a (dyn Fn() -> Timestamp + Sync),
        progress: &'a dyn Progress,
    ) -> Self {
        let models = registry.models().into_iter().map(|known| known.model.fingerprint()).collect();
        Application {
            store,
            registry,
            trust,
            models,
            command,
            clock,
            progress,
            open: None,
            run: None,
            committed: Done::default(),
            failed: Vec::new(),
        }
    }

    /// The streams whose keyframes cannot be written, each with why. Nothing was done to them.
    #[must_use]
    pub fn failed(&self) -> &[(StreamKey, ReplayError)] {
        &self.failed
    }

    /// What was done, and is durable.
    #[must_use]
    pub fn done(&self) -> Done {
        self.committed
    }

    /// Does what the plan says of a stream. Part of it may be durable before, and some of it only after
    /// [`Application::finish`]. What is dropped may have to be served by what is written: if that cannot be written, nothing
    /// else is done, and [`Application::failed`] tells why.
    ///
    /// # Errors
    /// `Moved`, `Store`, `Replay`: what was done in the last transaction is not done. `Stopped`: it is kept.
    pub fn stream(&mut self, steps: &Steps) -> Result<(), ApplyError> {
        let stream = steps.stream();
        if !steps.write.is_empty() && !self.write(&stream, steps)? {
            return Ok(());
        }
        let dropped = steps.drop.iter().map(|drop| Task::Drop(drop.label()));
        let recoded = steps.recodings().map(|(revision, codec)| Task::Recode(revision, codec));
        // What was there and right is only recorded when it is written.
        let written = steps.write.iter().filter_map(|write| Some(Task::Recode(write.label(), steps.codec()?)));
        let tasks: Vec<Task> = dropped.chain(recoded).chain(written).collect();
        let mut next = 0;
        while next < tasks.len() {
            if let Err(stop) = self.progress.check() {
                self.commit()?;
                return Err(stop.into());
            }
            let now = (self.clock)();
            let open = match &mut self.open {
                Some(open) => open,
                none => none.insert(Open::new(self.store.write()?)),
            };
            let present = compare(&*open.write, steps, now)?;
            let mut passed = 0_u64;
            while next < tasks.len() && !open.is_full() && self.progress.check().is_ok() {
                let mut at = At { open, run: &mut self.run, models: &self.models, command: self.command, now };
                at.run(&stream, &present, tasks[next])?;
                next += 1;
                passed += 1;
            }
            self.progress.advance(passed);
            if open.is_full() {
                self.commit()?;
            }
        }
        Ok(())
    }

    /// Writes what is missing of a stream, and says whether it is all there.
    fn write(&mut self, stream: &StreamKey, steps: &Steps) -> Result<bool, ApplyError> {
        // One of two transactions would wait for the other for ever.
        self.commit()?;
        let (store, now) = (self.store, (self.clock)());
        let due = answer(store, |read| {
            let present = compare(read, steps, now)?;
            let mut due = Vec::new();
            for revision in steps.write.iter().map(WriteStep::label) {
                let is_there = i64::try_from(revision.get()).is_ok_and(|label| find(&present, label).is_some());
                if !is_there || !self.is_sound(read, stream, revision)? {
                    due.push(revision);
                }
            }
            Ok::<_, ApplyError>(due)
        })?;
        self.committed.present += (steps.write.len() - due.len()) as u64;
        let Some(last) = due.last().copied() else { return Ok(true) };
        let task = write::Task {
            store,
            registry: self.registry,
            trust: self.trust,
            rule: Rule::At(due.into_iter().map(Label::Revision).collect()),
            different: Different::Replace,
            codec: steps.codec(),
            change: Change::Make,
            command: self.command.to_owned(),
            clock: self.clock,
        };
        let writer = Writer::of_run(&task, self.run);
        let mut tally = Filling::default();
        let ended = writer.stream(stream, last, &[], &Quiet(self.progress), &mut tally);
        self.run = writer.run();
        self.committed.written += tally.written + tally.replaced + tally.recorded;
        self.committed.present += tally.present;
        self.progress.advance(steps.write.len() as u64);
        match ended {
            Ok(()) if tally.absent > 0 => Err(ApplyError::Moved { stream: stream.clone(), moved: Moved::Shorter }),
            Ok(()) => Ok(true),
            Err(error) if is_of_stream(&error) => {
                self.failed.push((stream.clone(), error));
                Ok(false)
            }
            Err(ReplayError::Store(error)) => Err(error.into()),
            Err(ReplayError::Stopped(stop)) => Err(stop.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a keyframe was found right with models that there are.
    fn is_sound(&self, read: &dyn Read, stream: &StreamKey, revision: Revision) -> Result<bool, StoreError> {
        let record = match read.records().keyframe_record(stream, revision) {
            Err(StoreError::Corrupt { .. }) => None,
            record => record?,
        };
        let record = record.filter(|record| record.proof().is_some());
        Ok(record.and_then(|record| record.check).is_some_and(|check| self.models.contains(&check.fingerprint)))
    }

    /// Makes everything durable.
    ///
    /// # Errors
    /// `Store`.
    pub fn finish(&mut self) -> Result<(), ApplyError> {
        self.commit()?;
        if let Some(run) = self.run.take() {
            let mut write = self.store.write()?;
            write.history_mut()?.finish_run(run, (self.clock)())?;
            write.commit()?;
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), ApplyError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        if open.n_changes > 0 {
            open.write.commit()?;
        }
        self.committed.add(open.done);
        Ok(())
    }
}

/// Counts no operations where keyframes are counted.
struct Quiet<'a>(&'a dyn Progress);

impl Progress for Quiet<'_> {
    fn advance(&self, _: u64) {}

    fn check(&self) -> Result<(), Stop> {
        self.0.check()
    }
}

impl Done {
    /// Adds what else was done.
    fn add(&mut self, other: Done) {
        let Done { written, present, dropped, gone, recoded, unreadable, bodies_kept } = other;
        self.written += written;
        self.present += present;
        self.dropped += dropped;
        self.gone += gone;
        self.recoded += recoded;
        self.unreadable += unreadable;
        self.bodies_kept += bodies_kept;
    }
}
