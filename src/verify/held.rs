//! A row of the reference's read model beside the replay.

use super::code::Code;
use super::finding::Finding;
use super::paths::Paths;
use crate::model::ids::{OpIndex, Revision, StreamKey};
use crate::model::json::{canonical, hash_canonical, parse};
use crate::model::state::State;
use crate::store::ReadModelRow;

/// What the read model holds of a stream.
#[derive(Clone)]
pub(super) struct Held {
    /// The last operation it includes.
    pub(super) last: OpIndex,
    content: Vec<u8>,
}

impl Held {
    /// Keeps a row; its index is not negative.
    pub(super) fn new(row: &ReadModelRow<'_>) -> Self {
        Held { last: OpIndex::new(row.last.unsigned_abs()), content: row.content.to_vec() }
    }

    /// Compares it with the state after the last operation that it includes.
    pub(super) fn compare(&self, stream: &StreamKey, state: &State) -> Option<Finding> {
        let last = self.last;
        let found = |message| Some(Finding::new(Code::SnapshotDiffers, stream, Some(last), message));
        let stored = match parse(&self.content) {
            Ok(stored) => stored,
            Err(error) => return found(format!("the read model's row for operation {last} is not JSON: {error}")),
        };
        let (hash, replayed) = (hash_canonical(Some(&canonical(&stored))), state.hash(stream.scope.as_str()));
        if hash == replayed {
            return None;
        }
        let paths = Paths::of(&stored, &state.scope(stream.scope.as_str()).unwrap_or_default());
        let compared = Some(paths.compared("", Some(hash.to_string()), Some(replayed.to_string())));
        let message = format!("the read model's row for operation {last} holds another state than the replay gives");
        Some(Finding { compared, ..Finding::new(Code::SnapshotDiffers, stream, Some(last), message) })
    }

    /// The finding for a row about an operation that is not there.
    pub(super) fn ahead(&self, stream: &StreamKey, head: Option<Revision>) -> Finding {
        let has = head.map_or("no operations".to_owned(), |head| format!("the head {head}"));
        let message = format!("the read model includes operation {}, the log has {has}", self.last);
        Finding::new(Code::SnapshotAhead, stream, Some(self.last), message)
    }
}
