//! The check of many documents, on several threads, in their order.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::{Checks, Part, Report, Seals, document};
use crate::model::progress::{Progress, Stop};
use crate::reducer::Registry;
use crate::replay::{ReplayError, Sources, Trust};
use crate::store::{Flow, Store, answer};

/// What to check, and with how much.
pub struct Plan<'a> {
    /// The store.
    pub store: &'a dyn Store,
    /// The models.
    pub registry: &'a Registry,
    /// The documents, in the order in which they are told.
    pub parts: &'a [Part],
    /// What is looked at.
    pub checks: Checks,
    /// What was sealed before.
    pub seals: Option<&'a Seals>,
    /// How many documents are checked at a time, each on a thread of its own and in a read transaction of its own.
    pub jobs: NonZeroUsize,
}

/// What happens during a run; told on the thread that called [`run`].
pub enum Event<'a> {
    /// Some time has passed.
    Tick,
    /// A document was checked. Documents are told in the order of the plan.
    Checked(&'a Part, Report),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All documents were checked.
    Whole,
    /// Whoever heard of the events had enough.
    Enough,
    /// The user or the clock stopped it; documents that were not told were not checked.
    Stopped(Stop),
}

/// How long a run waits at most between two events.
const TICK: Duration = Duration::from_millis(100);

/// Checks documents. `heard` says whether to go on.
///
/// # Errors
/// As [`document`], for the first document in the order of the plan that fails with one; the documents before it have
/// been told.
pub fn run(
    plan: &Plan<'_>,
    progress: &(dyn Progress + Sync),
    heard: &mut dyn FnMut(Event<'_>) -> Flow,
) -> Result<End, ReplayError> {
    let (next, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let worker = Worker { progress, over: &over };
    let (sender, results) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..plan.jobs.get().min(plan.parts.len()) {
            let (sender, next, worker) = (sender.clone(), &next, &worker);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(part) = plan.parts.get(at) else { break };
                    let result = worker.check().map_err(Into::into).and_then(|()| one(plan, part, worker));
                    let failed = result.is_err();
                    if sender.send((at, result)).is_err() || failed {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let end = tell(plan, &results, heard);
        over.store(true, Ordering::Relaxed);
        end
    })
}

/// Tells results in the order of the plan as they come in.
fn tell(
    plan: &Plan<'_>,
    results: &mpsc::Receiver<(usize, Result<Report, ReplayError>)>,
    heard: &mut dyn FnMut(Event<'_>) -> Flow,
) -> Result<End, ReplayError> {
    let mut early = BTreeMap::new();
    let mut due = 0;
    while due < plan.parts.len() {
        match results.recv_timeout(TICK) {
            Ok((at, result)) => drop(early.insert(at, result)),
            Err(RecvTimeoutError::Timeout) => {
                if heard(Event::Tick).is_break() {
                    return Ok(End::Enough);
                }
            }
            // Only a thread that panicked leaves a document untold; joining it passes the panic on.
            Err(RecvTimeoutError::Disconnected) => break,
        }
        while let Some(result) = early.remove(&due) {
            match result {
                Err(ReplayError::Stopped(stop)) => return Ok(End::Stopped(stop)),
                result => {
                    if heard(Event::Checked(&plan.parts[due], result?)).is_break() {
                        return Ok(End::Enough);
                    }
                }
            }
            due += 1;
        }
    }
    Ok(End::Whole)
}

fn one(plan: &Plan<'_>, part: &Part, progress: &dyn Progress) -> Result<Report, ReplayError> {
    answer(plan.store, |read| {
        let sources = Sources { read, registry: plan.registry, trust: Trust::Verified, progress };
        document(&sources, part, &plan.checks, plan.seals)
    })
}

/// Stops a thread when nobody wants its results any more.
struct Worker<'a> {
    progress: &'a (dyn Progress + Sync),
    over: &'a AtomicBool,
}

impl Progress for Worker<'_> {
    fn expect(&self, n: u64) {
        self.progress.expect(n);
    }

    fn advance(&self, n: u64) {
        self.progress.advance(n);
    }

    fn check(&self) -> Result<(), Stop> {
        if self.over.load(Ordering::Relaxed) { Err(Stop::Interrupted) } else { self.progress.check() }
    }
}
