//! Appending: what somebody asks of a document becomes operations of its log.
//!
//! The one door through which operations are written: read the head through the tiers, apply the action, hash the state,
//! derive the id, and insert the row, all in one transaction of the store; then put the new state into the tiers and queue
//! a keyframe where one is due. What the tiers hold is put there after the commit, so that nothing that did not happen is
//! ever found in them.
//!
//! - [`request`](Request) is what is asked, [`Appended`] what became of it; `batch` is the transaction;
//! - [`WriteCache`] is all of it in one piece;
//! - `level` appends to the scope `document`, `create` makes documents;
//! - `hashes` keeps the texts of large states that are appended to again and again;
//! - `keyframes` are written behind the operations, in `turns`, or before the answers; tiers that take their time are put into
//!   `behind` them.

mod batch;
mod behind;
mod create;
mod hashes;
mod keyframes;
mod level;
mod request;
mod turns;
mod write_cache;

use std::num::NonZeroU32;

use crate::model::time::Timestamp;
use crate::reducer::Registry;
use crate::replay::{ReplayError, Tiers, Trust};
use crate::store::{Store, StoreError};

pub use batch::Appender;
pub use behind::{TierBehind, Waiting};
pub use create::Creation;
pub use hashes::HashTotals;
pub use keyframes::{KeyframesBehind, KeyframesThrough, Keyframing, NoKeyframes, Spacing};
pub use request::{Appended, Expected, Refusal, Request, RequestError};
pub use turns::{Turn, Turns};
pub use write_cache::{WriteCache, WriteCacheOptions};

/// What appending works with.
pub struct Means<'a> {
    /// The store.
    pub store: &'a dyn Store,
    /// The models.
    pub registry: &'a Registry,
    /// Which keyframes may serve as a base.
    pub trust: Trust,
    /// The tiers that heads are read through.
    pub tiers: &'a Tiers,
    /// Says what time it is.
    pub clock: &'a (dyn Fn() -> Timestamp + Sync),
    /// Makes a new id for an action or a job that has none.
    pub new_id: &'a (dyn Fn() -> String + Sync),
    /// Where keyframes go.
    pub keyframes: &'a dyn Keyframing,
}

/// How appending decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What becomes of an action that its reducer fails.
    pub failed: Failed,
    /// What becomes of an action whose operation is in its stream already.
    pub known: Known,
    /// How much of a batch stands if part of it is refused.
    pub atomic: Atomic,
    /// How often a batch is begun anew when an index was taken meanwhile.
    pub attempts: NonZeroU32,
}

/// What becomes of an action that its reducer fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// It takes its position and records the error, as the reference does (reactor format §4.9).
    Recorded,
    /// It is refused.
    Refused,
}

/// What becomes of an action whose operation is in its stream already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is appended once more: copies share their id.
    Appended,
    /// It is passed over, so that what was interrupted can be begun again.
    PassedOver,
}

/// How much of a batch stands if part of it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Atomic {
    /// All that was not refused.
    No,
    /// Nothing.
    Yes,
}

impl Default for Rules {
    fn default() -> Self {
        let attempts = NonZeroU32::MIN.saturating_add(4);
        Rules { failed: Failed::Recorded, known: Known::Appended, atomic: Atomic::No, attempts }
    }
}

/// Why a batch could not be appended. Nothing of it is in the store.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// A document cannot be read, so that nothing can be added to it.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Others were faster each time.
    #[error("another program took the place of an operation {attempts} times")]
    Overtaken {
        /// How often it was tried.
        attempts: NonZeroU32,
        /// The last time.
        #[source]
        source: StoreError,
    },
}
