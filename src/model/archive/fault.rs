//! What is wrong with a text of an archive.

use std::fmt;

use super::Entry;
use crate::model::json::ParseError;

/// What is wrong with a text of an archive, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ArchiveFault {
    /// The entry.
    pub entry: Entry,
    /// Bytes of its text before the place.
    pub byte: usize,
    /// The place as a JSON pointer; empty for the text as a whole.
    pub pointer: String,
    /// What is wrong there.
    pub reason: String,
}

impl fmt::Display for ArchiveFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ArchiveFault { entry, byte, pointer, reason } = self;
        write!(f, "{}, byte {byte}", entry.name())?;
        if !pointer.is_empty() {
            write!(f, ", {pointer}")?;
        }
        write!(f, ": {reason}")
    }
}

impl ArchiveFault {
    /// A text that is no JSON.
    pub(super) fn of_json(entry: Entry, error: ParseError) -> Self {
        let ParseError { offset, kind } = error;
        ArchiveFault { entry, byte: offset, pointer: String::new(), reason: kind.to_string() }
    }
}
