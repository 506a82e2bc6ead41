//! Why a store did not answer, sorted by what a caller can do about it.

use super::archive::ArchiveError;
use crate::model::ids::{NextIndex, OpIndex, Revision, Skip, StreamKey};
use crate::model::operation::ActionError;

/// Why a store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing is there.
    #[error("{location}: no such store")]
    Missing {
        /// What was asked for.
        location: String,
    },
    /// Something is there, and it is not a store.
    #[error("{location} is not a store: {reason}")]
    NotAStore {
        /// What was opened.
        location: String,
        /// What it is instead.
        reason: String,
    },
    /// A store whose tables are not the ones snapctl reads.
    #[error("{location}: {reason}")]
    Unsupported {
        /// What was opened.
        location: String,
        /// What is missing or different.
        reason: String,
    },
    /// The text that names the store cannot be understood.
    #[error("cannot open \"{text}\": {reason}")]
    BadLocation {
        /// As given, without passwords.
        text: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// Another program holds the store. Trying again later may help.
    #[error("{location} is locked by another program")]
    Busy {
        /// What was asked.
        location: String,
    },
    /// Another program changed the store while it was read without locks: what was read in this transaction may
    /// not fit together. Read everything again; the store then opens the file in a way that waits for the other
    /// program ([`super::answer`] does that).
    #[error("{location} changed while it was being read")]
    Moved {
        /// What was read.
        location: String,
    },
    /// A program stopped in the middle of a change. Reading the store would have to finish or undo that change
    /// first, and reading changes nothing.
    #[error("{location} was left in the middle of a change: {reason}")]
    NeedsRecovery {
        /// What was opened.
        location: String,
        /// What shows it, and who can mend it.
        reason: String,
    },
    /// Something is already where a new store was to be made.
    #[error("{location} exists already")]
    Exists {
        /// Where.
        location: String,
    },
    /// The store cannot be reached or read.
    #[error("cannot {action} {location}")]
    Unavailable {
        /// What was asked.
        location: String,
        /// The step that failed, as a verb: `open`, `read`, `write`.
        action: &'static str,
        /// What the driver or the system says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store does not allow changes.
    #[error("{location} is read-only")]
    ReadOnly {
        /// What was asked.
        location: String,
    },
    /// A row does not decode. Nothing was skipped or guessed.
    #[error("table {table}, {key}: column {column}: {reason}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// Which row, as a person would look for it.
        key: String,
        /// The column.
        column: &'static str,
        /// What is wrong with the value.
        reason: String,
    },
    /// The file is damaged below the level of rows.
    #[error("{location} is damaged")]
    Damaged {
        /// What was read.
        location: String,
        /// What the driver says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An archive is damaged, or more than is read.
    #[error("{location} cannot be read as an archive")]
    BadArchive {
        /// What was opened.
        location: String,
        /// What is wrong with it.
        #[source]
        source: Box<ArchiveError>,
    },
    /// An operation to append does not fit the log.
    #[error("operation {index} of {stream} does not fit: {reason}")]
    Conflict {
        /// The stream.
        stream: StreamKey,
        /// Where the operation was to go.
        index: OpIndex,
        /// What is there instead.
        reason: String,
    },
    /// Another keyframe has the place of one to add.
    #[error("a keyframe of {stream} at revision {revision} is there already, and it is a different one")]
    KeyframeTaken {
        /// The stream.
        stream: StreamKey,
        /// The label.
        revision: Revision,
    },
}

impl StoreError {
    /// An index that leaves a gap or is not there any more to be filled.
    pub(super) fn does_not_follow(stream: &StreamKey, index: OpIndex, next: NextIndex) -> Self {
        let reason = match next.last_applied() {
            Some(last) => format!("the last operation is {last}"),
            None => "the stream is empty".into(),
        };
        StoreError::Conflict { stream: stream.clone(), index, reason }
    }

    /// An index that another operation has.
    pub(super) fn taken(stream: &StreamKey, index: OpIndex, id: &str, skip: Skip) -> Self {
        let skip = skip.map_or(0, std::num::NonZeroU32::get);
        let reason = format!("operation {id} with skip {skip} is there");
        StoreError::Conflict { stream: stream.clone(), index, reason }
    }
}

impl StoreError {
    /// The error for a row whose action is none, as a person would look for the row.
    #[must_use]
    pub fn corrupt_action(stream: &StreamKey, index: OpIndex, error: ActionError) -> Self {
        let StreamKey { document, scope, branch } = stream;
        StoreError::Corrupt {
            table: "Operation",
            key: format!("document {document}, scope {scope}, branch {branch}, index {index}"),
            column: "action",
            reason: error.to_string(),
        }
    }
}
