//! Hashes of states that are appended to again and again.

use crate::model::ids::StreamKey;
use crate::model::json::StateHash;
use crate::model::running_hash::{HashCost, RunningHash};
use crate::model::state::State;

/// How many streams keep the text of their last state.
const KEPT: usize = 16;

/// A state has to take so many bytes of memory for its text to be worth keeping.
const WORTH_BYTES: usize = 64 << 10;

/// States that take more are written and hashed anew each time: their texts would take as much again.
const MOST_BYTES: usize = 256 << 20;

/// Hashes the states of streams. Of large ones it keeps the text, so that what is unchanged is neither written nor, up to
/// the first change, hashed again; of a few streams only, those that were used last.
#[derive(Default)]
pub(super) struct Hashes {
    /// The most recently used one last.
    kept: Vec<(StreamKey, RunningHash)>,
    totals: HashTotals,
}

/// What hashing took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HashTotals {
    /// States that were hashed.
    pub states: u64,
    /// Bytes that SHA-1 went over.
    pub hashed_bytes: u64,
    /// Bytes of text that values were turned into.
    pub written_bytes: u64,
}

impl Hashes {
    /// [`State::hash`] of the scope of a stream.
    pub(super) fn hash(&mut self, stream: &StreamKey, state: &State) -> StateHash {
        let scope = stream.scope.as_str();
        self.totals.states += 1;
        if !(WORTH_BYTES..=MOST_BYTES).contains(&state.heap_bytes()) {
            let text = state.canonical(scope);
            let bytes = text.as_ref().map_or(0, Vec::len) as u64;
            self.totals.hashed_bytes += bytes;
            self.totals.written_bytes += bytes;
            return crate::model::json::hash_canonical(text.as_deref());
        }
        let at = self.kept.iter().position(|(kept, _)| kept == stream);
        let (stream, mut running) = match at {
            Some(at) => self.kept.remove(at),
            None => (stream.clone(), RunningHash::default()),
        };
        let before = running.cost();
        let hash = running.hash(state, scope);
        let HashCost { bytes_hashed, bytes_written, .. } = running.cost();
        self.totals.hashed_bytes += bytes_hashed - before.bytes_hashed;
        self.totals.written_bytes += bytes_written - before.bytes_written;
        if self.kept.len() >= KEPT {
            self.kept.remove(0);
        }
        self.kept.push((stream, running));
        hash
    }

    pub(super) fn totals(&self) -> HashTotals {
        self.totals
    }
}
