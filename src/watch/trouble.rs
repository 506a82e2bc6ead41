//! Errors that pass.

use crate::store::StoreError;

/// Whether a follower that has met an error can expect to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// Another program is at work on the store, and may be for long.
    Busy,
    /// The store is out of reach, or not whole: its file is being exchanged, or it is gone.
    Away,
    /// It will be the same next time.
    Lasting,
}

/// What is to be expected after an error.
#[must_use]
pub fn outlook(error: &StoreError) -> Outlook {
    match error {
        StoreError::Busy { .. } | StoreError::Moved { .. } => Outlook::Busy,
        StoreError::Missing { .. }
        | StoreError::NotAStore { .. }
        | StoreError::Damaged { .. }
        | StoreError::NeedsRecovery { .. }
        | StoreError::Unavailable { .. } => Outlook::Away,
        StoreError::Unsupported { .. }
        | StoreError::BadLocation { .. }
        | StoreError::Exists { .. }
        | StoreError::ReadOnly { .. }
        | StoreError::Corrupt { .. }
        | StoreError::BadArchive { .. }
        | StoreError::Conflict { .. }
        | StoreError::KeyframeTaken { .. } => Outlook::Lasting,
    }
}
