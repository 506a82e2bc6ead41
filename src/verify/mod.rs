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
//! The answer never depends on a keyframe or a cache: every state that something is compared with comes from the log.
//! Where seals say that the past is as it was when it was checked, only the rest is reduced.

mod code;
mod document;
mod finding;
mod held;
mod keyframe;
mod order;
mod pass;
mod paths;
mod portable;
pub mod report;
mod rows;
mod run;
mod seals;
mod select;
pub mod signature;
mod spine;

use sha2::{Digest as _, Sha256};

use crate::model::ids::{OperationId, Revision, StreamKey};
use crate::model::json::StateHash;
use crate::model::seal::Seal;

pub use code::{Code, Explanation, Severity, UnknownCode};
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
    /// Whether the report has what can be recorded: seals, and what is known of keyframes that passed.
    pub collect: bool,
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
    /// Where the streams stand that were replayed to their heads and in which nothing was found, by branch and scope;
    /// empty unless [`Checks::collect`] was asked for.
    pub sound: Vec<Sound>,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Streams.
    pub streams: u64,
    /// Operations that were replayed.
    pub operations: u64,
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

/// A stream in which nothing was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// The stream.
    pub stream: StreamKey,
    /// Its head.
    pub head: Revision,
    /// The seal up to there.
    pub seal: Seal,
    /// The hash of the state there.
    pub hash: StateHash,
    /// Its keyframes that passed, ascending.
    pub keyframes: Vec<Passed>,
}

/// A keyframe in which nothing was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Its label.
    pub revision: Revision,
    /// The id of the operation there.
    pub operation_id: OperationId,
    /// The seal of its stream up to there.
    pub seal: Seal,
    /// The hash of its scope's state.
    pub hash: StateHash,
    /// SHA-256 of its document's JSON text.
    pub checksum: [u8; 32],
    /// How long that text is.
    pub body_bytes: u64,
}

impl Passed {
    fn new(revision: Revision, operation_id: OperationId, seal: Seal, hash: StateHash, body: &[u8]) -> Self {
        let (checksum, body_bytes) = (Sha256::digest(body).into(), body.len() as u64);
        Passed { revision, operation_id, seal, hash, checksum, body_bytes }
    }
}

impl Tally {
    /// Adds what another check looked at.
    pub fn add(&mut self, other: &Tally) {
        let Tally { streams, operations, n_operations, keyframes, n_keyframes, hashes, signatures, bytes } = other;
        self.streams += streams;
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
