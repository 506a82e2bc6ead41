//! Keyframes of what is appended, written behind the operations or before the answers.

use std::collections::HashMap;
use std::io;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::turns::{Turn, Turns};
use crate::cache::Entry;
use crate::keyframe::{Due, KeyframeSink};
use crate::model::ids::StreamKey;
use crate::queue::{Counts, Ended, Flushed, Limits, Parked, Sink, SinkError, WriteBehind};

/// Says which states are to become keyframes, and takes them.
pub trait Keyframing: Sync {
    /// Whether the state after an operation is to become a keyframe; `row_bytes` is what its action added to the log, `newest`
    /// the label of the newest keyframe that the stream has. Asked once for each operation of a scope other than `document`, in
    /// the order of each stream.
    fn is_due(&self, entry: &Entry, row_bytes: u64, newest: &dyn Fn() -> Option<u64>) -> bool;

    /// Takes a state whose operation is in the log now. It may wait, and never fails: what cannot be written is a gap
    /// that `keyframe list --gaps` shows.
    fn take(&self, entry: Arc<Entry>);

    /// Waits until the store is free for a transaction of the appender, and keeps it so; `None` if nobody else of this process
    /// writes.
    fn turn(&self) -> Option<Turn<'_>> {
        None
    }
}

/// No keyframes.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoKeyframes;

impl Keyframing for NoKeyframes {
    fn is_due(&self, _: &Entry, _: u64, _: &dyn Fn() -> Option<u64>) -> bool {
        false
    }

    fn take(&self, _: Arc<Entry>) {}
}

/// Which revisions get keyframes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spacing {
    /// Those whose label is a multiple of this, but not 0, as in the reference (reactor format §6.1): 10.
    pub every: NonZeroU64,
    /// But not before the log has grown so much that keyframes take at most so many bytes for each of its bytes: 1. Large
    /// states that change little get fewer keyframes.
    pub bytes_per_log_byte: NonZeroU64,
}

impl Default for Spacing {
    fn default() -> Self {
        let number = |n| NonZeroU64::new(n).expect("it is not 0");
        Spacing { every: number(10), bytes_per_log_byte: number(1) }
    }
}

/// How much logs have grown.
#[derive(Debug)]
struct Growth {
    spacing: Spacing,
    /// How many bytes the log of each stream has grown since its last keyframe.
    grown: Mutex<HashMap<StreamKey, u64>>,
}

impl Growth {
    /// Streams whose growth is known; beyond that it is forgotten, and their keyframes come later.
    const MOST_STREAMS: usize = 100_000;

    fn new(spacing: Spacing) -> Self {
        Growth { spacing, grown: Mutex::default() }
    }

    /// Whether the state after an operation is to become a keyframe. Of a stream that was not appended to before, the
    /// operations since its newest keyframe are taken to be as large as this one.
    fn is_due(&self, entry: &Entry, row_bytes: u64, newest: &dyn Fn() -> Option<u64>) -> bool {
        let Some(revision) = entry.facts.revision else { return false };
        let is_label = revision.get() > 0 && revision.get() % self.spacing.every == 0;
        let mut grown = self.grown.lock().unwrap_or_else(PoisonError::into_inner);
        let stream = &entry.facts.stream;
        let bytes = match grown.get(stream) {
            Some(before) => before.saturating_add(row_bytes),
            None if is_label => {
                let since = newest().map_or(revision.get() + 1, |newest| revision.get().saturating_sub(newest));
                row_bytes.saturating_mul(since)
            }
            None => return false,
        };
        if is_label && bytes.saturating_mul(self.spacing.bytes_per_log_byte.get()) >= keyframe_bytes(entry) {
            grown.insert(stream.clone(), 0);
            return true;
        }
        if grown.len() >= Self::MOST_STREAMS && !grown.contains_key(stream) {
            grown.clear();
        }
        grown.insert(stream.clone(), bytes);
        false
    }
}

/// About what a keyframe takes in a store: its text, which is a fifth of what its values take in memory, and the pages that it
/// changes in tables and indexes, which for small states are more.
fn keyframe_bytes(entry: &Entry) -> u64 {
    const PAGES: u64 = 8 << 10;
    PAGES + entry.heap_bytes() / 5
}

/// Keyframes that are written before the answers.
pub struct KeyframesThrough {
    growth: Growth,
    sink: Mutex<(KeyframeSink, Ended<Due>)>,
}

impl KeyframesThrough {
    /// Keyframes go to `sink`.
    #[must_use]
    pub fn new(spacing: Spacing, sink: KeyframeSink) -> Self {
        let nothing = Ended { counts: Counts::default(), parked: Vec::new(), left: Vec::new(), in_flight: Vec::new() };
        KeyframesThrough { growth: Growth::new(spacing), sink: Mutex::new((sink, nothing)) }
    }

    /// What became of keyframes: what could not be written is parked.
    #[must_use]
    pub fn end(self) -> Ended<Due> {
        self.sink.into_inner().unwrap_or_else(PoisonError::into_inner).1
    }
}

impl Keyframing for KeyframesThrough {
    fn is_due(&self, entry: &Entry, row_bytes: u64, newest: &dyn Fn() -> Option<u64>) -> bool {
        self.growth.is_due(entry, row_bytes, newest)
    }

    fn take(&self, entry: Arc<Entry>) {
        /// So many of those that could not be written are kept; all are counted.
        const MOST_PARKED: usize = 100;
        let due = Arc::new(Due { entry, stays: true });
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        let (sink, ended) = &mut *sink;
        ended.counts.queued += 1;
        ended.counts.high_water = 1;
        match sink.write(std::slice::from_ref(&due)) {
            Ok(()) => ended.counts.written += 1,
            Err(error) => {
                ended.counts.parked += 1;
                if ended.parked.len() < MOST_PARKED {
                    ended.parked.push(Parked { item: due, error: Arc::new(error), at: Duration::ZERO });
                }
            }
        }
    }
}

/// Keyframes that a thread of its own writes.
pub struct KeyframesBehind {
    growth: Growth,
    queue: WriteBehind<Due>,
    turns: Arc<Turns>,
}

/// Writes when it is its turn.
struct InTurn {
    turns: Arc<Turns>,
    sink: KeyframeSink,
}

impl Sink<Due> for InTurn {
    fn write(&mut self, batch: &[Arc<Due>]) -> Result<(), SinkError> {
        let ready = {
            // Who reads where there is no write-ahead log keeps the appender from its commit.
            let _turn = (!self.sink.makes_beside_writers()).then(|| self.turns.behind());
            self.sink.make(batch)?
        };
        let _turn = self.turns.behind();
        self.sink.put(&ready)
    }
}

impl KeyframesBehind {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system gives none.
    pub fn start(spacing: Spacing, limits: Limits, sink: KeyframeSink) -> io::Result<Self> {
        let turns = Arc::new(Turns::default());
        let sink = InTurn { turns: turns.clone(), sink };
        // A keyframe that is not written is a gap, which is seen and filled later.
        let queue = WriteBehind::start(limits, sink, |_| {})?;
        Ok(KeyframesBehind { growth: Growth::new(spacing), queue, turns })
    }

    /// Waits until all that was taken is written, for so long at most.
    pub fn flush(&self, within: Duration) -> Flushed {
        self.queue.flush(within)
    }

    /// What became of keyframes so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.queue.counts()
    }

    /// Writes what is left, for so long at most, and ends.
    #[must_use]
    pub fn shutdown(self, within: Duration) -> Ended<Due> {
        self.queue.shutdown(within)
    }
}

impl Keyframing for KeyframesBehind {
    fn is_due(&self, entry: &Entry, row_bytes: u64, newest: &dyn Fn() -> Option<u64>) -> bool {
        self.growth.is_due(entry, row_bytes, newest)
    }

    fn take(&self, entry: Arc<Entry>) {
        // The queue takes nothing more when too much of it failed; then there is a gap, as there is for what is parked.
        let _ = self.queue.push(Due { entry, stays: true });
    }

    fn turn(&self) -> Option<Turn<'_>> {
        Some(self.turns.ahead())
    }
}
