//! The check of documents: one forward pass over each stream that looks at everything at once.
//!
//! - `rows` is what a row shows beside its neighbours: gaps, ids, the chain of ids, times, what is not portable.
//! - `pass` replays and compares: the stored hash of every operation, its outcome, every keyframe at its label, the rows
//!   of the read model, and on request signatures.
//! - `document` takes the streams of a document through that, and goes on where a replay cannot: what cannot be decoded
//!   or replayed is a finding and not an error.
//! - `run` takes the documents of a store through that, on several threads, within a budget.
//! - [`Code`] are the kinds of findings, [`Finding`] is one.
//!
//! Every state that something is compared with comes from the log, never from a cache. A keyframe serves as a base only
//! where it was checked before and its seal says that the rows up to it are those of then: they are digested, and only
//! the rest is reduced.

mod code;
mod document;
mod finding;
mod held;
mod keyframe;
mod order;
mod pass;
mod past;
mod paths;
mod portable;
pub mod report;
mod rows;
mod run;
mod seals;
mod select;
pub mod signature;
mod spine;
mod unreplayed;
mod waiting;

use crate::model::ids::Revision;
use crate::model::time::Timestamp;
use crate::store::records::{CheckedKeyframe, StreamSeal};

pub use crate::model::explanation::Explanation;
pub use code::{Code, Severity, UnknownCode};
pub use document::{Part, document};
pub use finding::{Compared, Finding, MOST_PATHS, Verdict};
pub use order::{Disorder, DisorderKind, TimeOrder};
pub use run::{End, Event, Plan, run};
pub use seals::{BadSeal, Sealed, Seals};
pub use select::{NoSample, Sample, documents};

/// What a check looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Checks {
    /// How many states are compared.
    pub level: Level,
    /// Whether signatures are checked.
    pub signatures: bool,
    /// Whether streams are replayed from the first operation on, even where records say that their past is as it was
    /// when it was checked.
    pub anew: bool,
    /// Whether the report has what can be recorded, and the time to record it with.
    pub collect: Option<Timestamp>,
    /// Of keyframes, only those with this label; streams are then replayed no further, and from the newest keyframe that is
    /// trusted and lies before the operation before it. What lies before that is not looked at.
    pub keyframe: Option<Revision>,
}

/// How many states are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Level {
    /// At keyframes and heads.
    Quick,
    /// After every operation.
    #[default]
    Full,
}

/// What came of the check of one document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What was found, by branch, scope and code.
    pub findings: Vec<Finding>,
    /// What was looked at.
    pub tally: Tally,
    /// How far streams are sound: those that were replayed to their heads and in which nothing was found, by branch and
    /// scope; empty unless [`Checks::collect`] was asked for.
    pub sound: Vec<StreamSeal>,
    /// The keyframes that were compared, by branch, scope and label; empty unless [`Checks::collect`] was asked for.
    pub keyframes: Vec<CheckedKeyframe>,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Streams.
    pub streams: u64,
    /// Operations that were replayed, or are before a recorded keyframe and as they were when it was checked.
    pub operations: u64,
    /// Those of them that were not replayed.
    pub sealed: u64,
    /// Operations there are.
    pub n_operations: u64,
    /// Keyframes that were compared.
    pub keyframes: u64,
    /// Keyframes there are.
    pub n_keyframes: u64,
    /// Stored hashes that were compared.
    pub hashes: u64,
    /// Signatures that were checked.
    pub signatures: u64,
    /// Bytes of keyframes that were read.
    pub bytes: u64,
}

impl Tally {
    /// Adds what another check looked at.
    pub fn add(&mut self, other: &Tally) {
        let Tally { streams, operations, sealed, n_operations, keyframes, n_keyframes, hashes, signatures, bytes } =
            other;
        self.streams += streams;
        self.sealed += sealed;
        self.operations += operations;
        self.n_operations += n_operations;
        self.keyframes += keyframes;
        self.n_keyframes += n_keyframes;
        self.hashes += hashes;
        self.signatures += signatures;
        self.bytes += bytes;
    }

    /// Whether there was something that was not looked at.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.operations < self.n_operations || self.keyframes < self.n_keyframes
    }
}

impl Report {
    /// What the document is.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let unlooked = if self.tally.is_partial() { Verdict::Unverifiable } else { Verdict::Ok };
        Verdict::of(&self.findings).max(unlooked)
    }
}
