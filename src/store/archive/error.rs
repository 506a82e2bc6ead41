//! Why a file is no archive that can be read.

use crate::model::archive::{ArchiveFault, Entry};

/// Why a file is no archive that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// It is something else than a zip archive.
    #[error("it does not begin as a zip archive does")]
    NotZip,
    /// It is a zip archive of something else.
    #[error("it is a zip archive with none of the files of a document at its root")]
    Foreign,
    /// An entry is not there. The text is the reference's.
    #[error("{}", missing(*.0))]
    Missing(Entry),
    /// The container is damaged, or of a kind that is not read.
    #[error("{0}")]
    Container(String),
    /// An entry is damaged, or of a kind that is not read.
    #[error("{entry}: {reason}")]
    Unreadable {
        /// Its name, as far as it can be shown.
        entry: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A text is not what the entry has to hold.
    #[error(transparent)]
    Text(#[from] ArchiveFault),
    /// What the document scope would have to be made of is not in the header.
    #[error("there are no operations of scope document, and none can be made: {0}")]
    NoOrigin(String),
}

fn missing(entry: Entry) -> &'static str {
    match entry {
        Entry::State | Entry::CurrentState => "Initial state not found",
        Entry::Header => "Document header not found - file format may be outdated",
        Entry::Operations => "Operations history not found",
    }
}
