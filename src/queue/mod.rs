//! The write-behind queue: bounded, batching, retrying. Knows what to call, not what it carries.
//!
//! A producer [pushes](WriteBehind::push) and goes on; one thread of the queue's own hands batches to a [`Sink`].
//! Nothing that was pushed is dropped: at any time each item is exactly one of
//!
//! - *pending*: it waits, or is in the batch that is being written;
//! - *written*: the sink took it;
//! - *coalesced*: a newer item of its group took its place, which made it superfluous;
//! - *parked*: the sink would not have it. It can be [looked at](WriteBehind::parked) and
//!   [tried again](WriteBehind::retry_parked), and [`WriteBehind::shutdown`] gives it back.
//!
//! **When.** A batch is taken when there are enough items for one, when the oldest has waited for
//! [`Limits::flush_after`], when somebody waits for a [flush](WriteBehind::flush), or when the queue is about to end.
//! When [`Limits::pending_items`] are pending, producers wait.
//!
//! **Order.** Items of one [group](Item::group) are written in the order in which they were pushed, and a later one is
//! never tried while an earlier one waits for a retry. A parked item does not hold up its group: later ones go on
//! without it, and once it is tried again it comes after all that is queued then.
//!
//! **Failures.** A batch that fails with [`SinkError::Passing`] is tried again as it is, after 1, 2 and 4 seconds; if
//! that does not help, or at once after [`SinkError::Permanent`], its items go one by one, so that only those that fail
//! by themselves are parked. One by one, too, what fails with a passing error has the retries that are left of the
//! batch's: a batch is never waited for longer than all its delays, however many of its items fail. A sink that panics
//! has failed permanently.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use std::time::Duration;
//! use snapctl::queue::{Ended, Flushed, Item, Limits, Sink, SinkError, WriteBehind};
//!
//! struct Reading {
//!     sensor: String,
//!     value: i32,
//! }
//!
//! impl Item for Reading {
//!     type Group = String;
//!
//!     fn group(&self) -> &String {
//!         &self.sensor
//!     }
//! }
//!
//! struct Log(Arc<Mutex<Vec<i32>>>);
//!
//! impl Sink<Reading> for Log {
//!     fn write(&mut self, batch: &[Arc<Reading>]) -> Result<(), SinkError> {
//!         let mut log = self.0.lock().map_err(|_| SinkError::permanent("the log is broken"))?;
//!         log.extend(batch.iter().map(|reading| reading.value));
//!         Ok(())
//!     }
//! }
//!
//! let log = Arc::new(Mutex::new(Vec::new()));
//! let orphaned = |ended: Ended<Reading>| eprintln!("{} readings are not written", ended.counts.pending());
//! let queue = WriteBehind::start(Limits::default(), Log(log.clone()), orphaned)?;
//! for value in 0..3 {
//!     queue.push(Reading { sensor: "attic".to_owned(), value })?;
//! }
//! assert_eq!(queue.flush(Duration::from_secs(60)), Flushed::All);
//! let ended = queue.shutdown(Duration::from_secs(60));
//! assert!(ended.is_complete());
//! assert_eq!((ended.counts.queued, ended.counts.written), (3, 3));
//! assert_eq!(*log.lock().unwrap(), [0, 1, 2]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod flight;
mod limits;
mod report;
mod state;
#[cfg(test)]
mod tests;
mod waiting;
mod write_behind;

use std::hash::Hash;
use std::sync::Arc;

pub use error::{Panicked, Refused, SinkError};
pub use limits::Limits;
pub use report::{Counts, Ended, Flushed, Parked};
pub use write_behind::WriteBehind;

/// What can be queued.
pub trait Item: Send + Sync + 'static {
    /// Names what has an order of its own, such as a stream.
    type Group: Clone + Eq + Hash + Send + 'static;

    /// The group the item is of; always the same for one item.
    fn group(&self) -> &Self::Group;

    /// Whether there is no need to write `earlier` once this one is written. It is of the same group and was pushed
    /// before; if so, this one takes its place in the queue.
    ///
    /// Only the newest of the group that no batch has yet is ever asked about. Called with the queue locked, so it must
    /// be quick.
    fn supersedes(&self, earlier: &Self) -> bool {
        let _ = earlier;
        false
    }
}

/// Where items go.
pub trait Sink<T>: Send + 'static {
    /// Writes all of a batch or, if it fails or panics, nothing of it. There is at least one item, and items are in the
    /// order in which they are to be written.
    ///
    /// Never called for an item again once it has succeeded with it. It may take its time: producers are not held up by
    /// it before the queue is full.
    ///
    /// # Errors
    /// [`SinkError::Passing`] if the same batch may succeed later; [`SinkError::Permanent`] if it would fail again.
    fn write(&mut self, batch: &[Arc<T>]) -> Result<(), SinkError>;
}
