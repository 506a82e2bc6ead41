//! Why a plan is not applied.

use crate::keyframe::plan::PlanFileError;
use crate::model::ids::StreamKey;
use crate::model::progress::Stop;
use crate::replay::ReplayError;
use crate::store::StoreError;

/// Why a plan is not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The store does not answer or does not change.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The plan cannot be read.
    #[error(transparent)]
    Plan(#[from] PlanFileError),
    /// The plan is of another store.
    #[error("the plan is not of {location}: that store begins with another operation")]
    OtherStore {
        /// The store.
        location: String,
    },
    /// A stream is not what it was when the plan was made.
    #[error("{stream} is not what it was when the plan was made: {moved}")]
    Moved {
        /// The stream.
        stream: StreamKey,
        /// What is different.
        moved: Moved,
    },
    /// What is missing cannot be made.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The work was stopped. What was done is kept.
    #[error(transparent)]
    Stopped(#[from] Stop),
}

/// What is different from what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Moved {
    /// Operations are gone.
    #[error("it has fewer operations")]
    Shorter,
    /// A keyframe that was to stay is gone.
    #[error("keyframe {0}, which was to stay, is gone")]
    Gone(i64),
    /// A keyframe that was to stay as a base is none.
    #[error("keyframe {0}, which was to stay, was found wrong")]
    Wrong(i64),
    /// A keyframe that was to go is pinned.
    #[error("keyframe {0}, which was to go, is pinned")]
    Pinned(u64),
    /// A keyframe that was to go is another one.
    #[error("keyframe {0}, which was to go, has another body")]
    Replaced(u64),
}
