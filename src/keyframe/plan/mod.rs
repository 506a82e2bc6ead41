//! What is to be done to the keyframes of a store, found out without doing it.
//!
//! A plan is made a stream at a time, in the order of streams, and can be written to a file ([`Line`]) that
//! [`super::apply`] works through.

mod facts;
mod file;
mod gather;
mod missing;
mod spool;

use serde::{Deserialize, Serialize};

use super::policy::{self, Policy, Verdict, Which};
use crate::model::ids::{Revision, StreamKey};
use crate::model::time::Timestamp;
use crate::replay::ReplayError;
use crate::store::{Codec, Part, StoreError};

pub use file::{Birth, DropStep, End, Header, KeepStep, Line, PlanFileError, Steps, VERSION, WriteReason, WriteStep};
pub(super) use gather::row_size;
pub use gather::{measure, plan};
pub use spool::{Spool, Spooling};

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Of which streams, and, where keyframes are chosen exactly, at which labels; empty is everything.
    pub parts: &'a [Part],
    /// What stays.
    pub choice: Choice,
    /// Whether keyframes are written where those that are there do not keep [`Policy::max_replay_ops`].
    pub missing: Missing,
    /// How the bodies of what stays or is written are to be stored; `None` leaves them as they are, and writes
    /// [`Codec::Json`].
    pub recode: Option<Codec>,
    /// The time that pins and ages are compared with.
    pub now: Timestamp,
    /// Which sizes are found out.
    pub sizes: Sizes,
}

/// What stays.
#[derive(Clone, Debug)]
pub enum Choice {
    /// What a rule keeps.
    Policy(Policy),
    /// What is not chosen.
    Exact(Which),
    /// Everything.
    All,
}

/// What becomes of keyframes that are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// They stay missing: nothing is written.
    Leave,
    /// They are written.
    Write,
}

/// Which sizes are found out of keyframes that snapctl has no record of: each takes a look at its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizes {
    /// Those of the first few thousand, so that a small store is measured wholly and a large one does not wait.
    Few,
    /// All.
    All,
}

/// How much there is, in a stream or in several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Figures")]
pub struct Figures {
    /// Keyframes.
    pub keyframes: u64,
    /// Bytes of their bodies as they are stored, without those that were not measured.
    pub bytes: u64,
    /// Keyframes whose sizes are not known.
    pub unmeasured: u64,
    /// The most operations that a revision is from the keyframe before it, or from the beginning.
    pub worst_distance: u64,
}

/// What is to be done to a stream.
#[derive(Clone, Debug)]
pub struct StreamPlan {
    /// The stream.
    pub stream: StreamKey,
    /// Its newest revision; `None` if it has no operation.
    pub head: Option<Revision>,
    /// Its keyframes by label.
    pub keyframes: Vec<Planned>,
    /// As it is.
    pub before: Figures,
    /// As it will be; sizes of bodies that are stored in another way are taken as they are.
    pub after: Figures,
    /// Whether it has a base, and will have none.
    pub loses_last_base: bool,
}

/// What is to be done to a keyframe.
#[derive(Clone, Copy, Debug)]
pub struct Planned {
    /// The label.
    pub label: i64,
    /// What becomes of it.
    pub verdict: Verdict,
    /// Its sizes, if they are known.
    pub size: Option<Size>,
    /// How its body is to be stored, if in another way than it is.
    pub recode: Option<Codec>,
    /// Why it is to be written, if it is.
    pub write: Option<WriteReason>,
}

/// Sizes of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// As it is stored, in bytes.
    pub stored_bytes: u64,
    /// As it is handed out, in bytes.
    pub body_bytes: u64,
}

/// A plan cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The work was stopped.
    #[error(transparent)]
    Stopped(#[from] crate::model::progress::Stop),
    /// The plan cannot be written down, or read again.
    #[error(transparent)]
    File(#[from] PlanFileError),
}

impl From<ReplayError> for PlanError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Stopped(stop) => PlanError::Stopped(stop),
            ReplayError::Store(error) => PlanError::Store(error),
            // Callers look at the rest themselves: a document that cannot be replayed is no reason not to plan.
            other => PlanError::Store(StoreError::Unavailable {
                location: String::new(),
                action: "replay",
                source: other.to_string().into(),
            }),
        }
    }
}

impl StreamPlan {
    /// Whether there is anything to do.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.keyframes.iter().any(Planned::changes)
    }
}

impl Planned {
    fn changes(&self) -> bool {
        !self.verdict.keeps() || self.recode.is_some() || self.write.is_some()
    }
}

impl Figures {
    /// Adds those of other streams; the worst distance is that of the worst.
    pub fn add(&mut self, other: Figures) {
        self.keyframes += other.keyframes;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.unmeasured += other.unmeasured;
        self.worst_distance = self.worst_distance.max(other.worst_distance);
    }

    /// Counts a keyframe.
    fn count(&mut self, size: Option<Size>) {
        self.keyframes += 1;
        match size {
            Some(size) => self.bytes = self.bytes.saturating_add(size.stored_bytes),
            None => self.unmeasured += 1,
        }
    }
}
