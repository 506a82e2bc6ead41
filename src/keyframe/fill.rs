//! Writing the keyframes of many documents, on several threads, told in their order.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::write::{Filled, Filling, Writer, is_of_stream, stop_of};
use crate::model::ids::{DocumentId, StreamKey};
use crate::model::progress::{Progress, Stop};
use crate::replay::ReplayError;
use crate::store::{Detail, Part, Read, Store, StoreError, StreamHead, answer};

/// How long it takes at most until the next event.
const TICK: Duration = Duration::from_millis(100);

/// What happens meanwhile; told on the thread that called [`fill`].
pub enum FillEvent {
    /// Some time has passed.
    Tick,
    /// A part was gone through, or as far as it was when the work was stopped. In the order of the parts.
    Filled(Vec<Filled>),
}

/// What came of a part.
struct Outcome {
    filled: Vec<Filled>,
    /// What ended it before all was done.
    error: Option<ReplayError>,
}

/// Writes the keyframes that are wanted of the streams of `parts`, `jobs` parts at a time. What cannot be decoded or replayed
/// is told of its stream, and the others are gone on with. Spans of parts are not looked at.
///
/// Returns what has stopped it, if something has: what was told is done.
///
/// # Errors
/// `Store` unless a row is corrupt: what is told before is done. Whatever `heard` returns.
pub fn fill<E: From<ReplayError>>(
    writer: &Writer<'_>,
    store: &dyn Store,
    parts: &[Part],
    jobs: NonZeroUsize,
    progress: &(dyn Progress + Sync),
    heard: &mut dyn FnMut(FillEvent) -> Result<(), E>,
) -> Result<Option<Stop>, E> {
    let (next, (sender, results)) = (AtomicUsize::new(0), mpsc::channel());
    thread::scope(|scope| {
        for _ in 0..jobs.get().min(parts.len()) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(part) = parts.get(at) else { break };
                    let outcome = one(writer, store, part, progress);
                    let is_over = outcome.error.is_some();
                    if is_over {
                        // Nobody begins another.
                        next.store(parts.len(), Ordering::Relaxed);
                    }
                    if sender.send((at, outcome)).is_err() || is_over {
                        break;
                    }
                }
            });
        }
        drop(sender);
        tell(&results, heard)
    })
}

fn tell<E: From<ReplayError>>(
    results: &mpsc::Receiver<(usize, Outcome)>,
    heard: &mut dyn FnMut(FillEvent) -> Result<(), E>,
) -> Result<Option<Stop>, E> {
    let mut early = BTreeMap::new();
    let (mut due, mut ended) = (0, None);
    let mut tell = |outcome: Outcome, heard: &mut dyn FnMut(FillEvent) -> Result<(), E>| {
        ended = ended.take().or(outcome.error);
        heard(FillEvent::Filled(outcome.filled))
    };
    loop {
        match results.recv_timeout(TICK) {
            Ok((at, outcome)) => drop(early.insert(at, outcome)),
            Err(RecvTimeoutError::Timeout) => heard(FillEvent::Tick)?,
            Err(RecvTimeoutError::Disconnected) => break,
        }
        while let Some(outcome) = early.remove(&due) {
            tell(outcome, heard)?;
            due += 1;
        }
    }
    // Between those that were done when the work was stopped some were not begun.
    for outcome in std::mem::take(&mut early).into_values() {
        tell(outcome, heard)?;
    }
    match ended {
        None => Ok(None),
        Some(error) => stop_of(&error).map_or_else(|| Err(error.into()), |stop| Ok(Some(stop))),
    }
}

fn one(writer: &Writer<'_>, store: &dyn Store, part: &Part, progress: &dyn Progress) -> Outcome {
    let mut filled = Vec::new();
    let error = streams(writer, store, part, progress, &mut filled).err();
    Outcome { filled, error }
}

fn streams(
    writer: &Writer<'_>,
    store: &dyn Store,
    part: &Part,
    progress: &dyn Progress,
    filled: &mut Vec<Filled>,
) -> Result<(), ReplayError> {
    progress.check()?;
    let found = answer(store, |read| {
        let heads = read.streams(&part.document)?;
        Ok::<_, StoreError>((heads, labels(read, &part.document)?))
    });
    let (heads, mut labels) = found?;
    for StreamHead { branch, scope, head } in heads {
        if part.scope.as_ref().is_some_and(|wanted| *wanted != scope)
            || part.branch.as_ref().is_some_and(|wanted| *wanted != branch)
        {
            continue;
        }
        let stream = StreamKey { document: part.document.clone(), scope, branch };
        let labels = labels.remove(&stream).unwrap_or_default();
        let mut tally = Filling::default();
        let result = writer.stream(&stream, head, &labels, progress, &mut tally);
        let (failure, error) = match result {
            Err(error) if is_of_stream(&error) => (Some(error), None),
            result => (None, result.err()),
        };
        filled.push(Filled { stream, head, tally, failure });
        error.map_or(Ok(()), Err)?;
    }
    Ok(())
}

/// The labels of the keyframes of each stream, ascending.
fn labels(read: &dyn Read, document: &DocumentId) -> Result<BTreeMap<StreamKey, Vec<i64>>, StoreError> {
    let mut labels = BTreeMap::<StreamKey, Vec<i64>>::new();
    read.keyframes(document, Detail::Label, &mut |entry| {
        match labels.get_mut(&entry.stream) {
            Some(labels) => labels.push(entry.label),
            None => drop(labels.insert(entry.stream.clone(), vec![entry.label])),
        }
        ControlFlow::Continue(())
    })?;
    Ok(labels)
}
