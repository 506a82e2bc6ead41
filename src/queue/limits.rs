//! How much a queue holds, and how long it tries.

use std::num::NonZeroUsize;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// Bounds of a queue. The defaults are those of `snapctl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most items in a batch: 100.
    pub batch_items: NonZeroUsize,
    /// How long an item waits at most until a batch is taken, if none is being written: 5 seconds.
    pub flush_after: Duration,
    /// The most items that are pending, those of the batch that is being written included: 10,000. Producers wait then.
    pub pending_items: NonZeroUsize,
    /// From how many parked items on nothing new is accepted: 10,000. What is pending then may still be parked, so no
    /// more than this and `pending_items` are ever held.
    pub parked_items: NonZeroUsize,
    /// How often a batch is tried again after a passing failure: 3 times.
    pub retries: usize,
    /// How long the first retry waits: 1 second. Each further one waits twice as long as the one before.
    pub retry_after: Duration,
    /// How long a retry waits at most: 60 seconds.
    pub retry_after_at_most: Duration,
    /// How long a queue that is dropped without [`shutdown`](super::WriteBehind::shutdown) goes on writing: 5 seconds.
    pub drop_within: Duration,
}

impl Limits {
    /// How long to wait before each retry.
    ///
    /// There is no jitter: one queue is one writer, so there is no crowd whose retries would have to be spread.
    pub(super) fn delays(&self) -> ExponentialBackoff {
        ExponentialBuilder::new()
            .with_factor(2.0)
            .with_min_delay(self.retry_after.min(self.retry_after_at_most))
            .with_max_delay(self.retry_after_at_most)
            .with_max_times(self.retries)
            .build()
    }
}

impl Default for Limits {
    fn default() -> Self {
        let items = |n| NonZeroUsize::new(n).expect("limits are above zero");
        Limits {
            batch_items: items(100),
            flush_after: Duration::from_secs(5),
            pending_items: items(10_000),
            parked_items: items(10_000),
            retries: 3,
            retry_after: Duration::from_secs(1),
            retry_after_at_most: Duration::from_secs(60),
            drop_within: Duration::from_secs(5),
        }
    }
}
