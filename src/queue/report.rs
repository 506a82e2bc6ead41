//! What a queue tells of itself.

use std::sync::Arc;
use std::time::Duration;

use super::SinkError;

/// What became of items so far. What is not among the others of `queued` is [pending](Counts::pending).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Items that were accepted, in all.
    pub queued: u64,
    /// Those that were written.
    pub written: u64,
    /// Those whose place a newer one took.
    pub coalesced: u64,
    /// Those that are parked now.
    pub parked: u64,
    /// The most that were ever pending at a time.
    pub high_water: u64,
}

/// An item that could not be written.
#[derive(Debug)]
pub struct Parked<T> {
    /// The item.
    pub item: Arc<T>,
    /// Why not: what its last try failed with.
    pub error: Arc<SinkError>,
    /// When that was, as the time since the start of the queue.
    pub at: Duration,
}

/// How a flush ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// All that was pushed before is written, coalesced or parked.
    All,
    /// The time was over, or the thread of the queue is gone.
    NotAll,
}

/// What is left of a queue that has ended. What was written or coalesced is only counted, all else is here.
#[derive(Debug)]
pub struct Ended<T> {
    /// What became of items.
    pub counts: Counts,
    /// What could not be written, in the order in which it was given up.
    pub parked: Vec<Parked<T>>,
    /// What is not written because the time was over: it was never tried, or was to be tried again. In the order in
    /// which it would have been.
    pub left: Vec<Arc<T>>,
    /// What the sink was given by a call that has not come back. It may or may not be written; the sink knows.
    pub in_flight: Vec<Arc<T>>,
}

impl Counts {
    /// How many items wait or are being written.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.queued.saturating_sub(self.written + self.coalesced + self.parked)
    }
}

impl<T> Ended<T> {
    /// Whether all that was pushed is written or coalesced.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.parked.is_empty() && self.left.is_empty() && self.in_flight.is_empty()
    }
}

// Derived, it would ask for items that can be cloned.
impl<T> Clone for Parked<T> {
    fn clone(&self) -> Self {
        Parked { item: self.item.clone(), error: self.error.clone(), at: self.at }
    }
}
