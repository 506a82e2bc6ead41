//! What a follower tells.

use super::Position;
use crate::cache::rules::Change;
use crate::model::ids::{DocumentType, OpIndex, OperationId, Skip, StreamKey};
use crate::model::time::Timestamp;
use crate::store::{KeyframeEntry, Serial};

/// Something that has happened, and how far the follower is with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What has happened.
    pub event: Event,
    /// Where to go on if this event was the last that was heard.
    pub position: Position,
}

/// Something that has happened in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An operation was added.
    Operation(SeenOperation),
    /// A keyframe was added. One that is stored in another way may be told again as it is stored now.
    Keyframe {
        /// Its number among those that are stored as it is.
        serial: Serial,
        /// What is known of it; not when it was written.
        entry: KeyframeEntry,
    },
    /// What was told before is not what is there. What is there follows, all of it.
    Reset(Lost),
}

/// An operation that was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenOperation {
    /// Its place in the order of insertion.
    pub serial: Serial,
    /// The stream.
    pub stream: StreamKey,
    /// Its position in the stream.
    pub index: OpIndex,
    /// How many positions before it it takes back.
    pub skip: Skip,
    /// Its id.
    pub id: OperationId,
    /// Type of the document, as its row names it.
    pub document_type: DocumentType,
    /// The type of its action; lone surrogates, which no type should have, are replaced.
    pub kind: String,
    /// When it was made.
    pub timestamp: Timestamp,
    /// Why it failed, as stored.
    pub error: Option<String>,
    /// Why it was denied, as stored.
    pub denied: Option<String>,
    /// What it is to the tiers of a cache.
    pub change: Option<Change>,
}

/// Which of what was told is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The operation that was told last is not there: this is another log.
    Log,
    /// All the keyframes that were told last are gone, so that numbers do not say which of the others are new.
    Keyframes,
}
