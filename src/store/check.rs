//! What is found below the documents of a store: in its file, its indexes, and our own tables.
//!
//! What the documents say is the business of `crate::verify`.

use crate::model::ids::{Revision, StreamKey};

/// How much of a store is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// How the file itself is checked.
    pub file: FileCheck,
    /// Whether keyframes are compared with what is recorded of them.
    pub bodies: Bodies,
}

/// How the file itself is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileCheck {
    /// Also whether each index has all rows, and whether keys are unique.
    #[default]
    Whole,
    /// Only whether its pages fit together.
    Quick,
}

/// Whether the bodies of keyframes are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bodies {
    /// No.
    #[default]
    Leave,
    /// All of them.
    Read,
}

/// What a store is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What is neither good nor bad.
    pub facts: Facts,
    /// What could be better, in the order of the checks.
    pub findings: Vec<Finding>,
}

/// Figures of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Bytes a page.
    pub page_size_bytes: u64,
    /// All pages, those that are free included.
    pub pages: u64,
    /// Pages that hold nothing.
    pub free_pages: u64,
    /// How changes are made safe.
    pub journal: Journal,
    /// Whether free pages are given back.
    pub auto_vacuum: AutoVacuum,
    /// Size of the write-ahead log in bytes; `None` if there is no such file.
    pub log_bytes: Option<u64>,
    /// Pages in it that the main file does not have yet.
    pub pending_pages: u64,
    /// The version of our own tables; `None` if there are none.
    pub own_version: Option<u32>,
    /// How many bodies of keyframes were read and compared.
    pub bodies_compared: u64,
}

/// How changes are made safe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Journal {
    /// By a rollback journal: readers and writers wait for each other.
    #[default]
    Rollback,
    /// By a write-ahead log.
    Log,
}

/// Whether a file gives free pages back by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AutoVacuum {
    /// Never.
    #[default]
    None,
    /// At every commit.
    Full,
    /// When it is told to.
    Incremental,
}

/// Something that could be better.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// How many rows, pages, or whatever `message` names.
    pub count: u64,
    /// What was found, as a sentence without full stop.
    pub message: String,
    /// The first few, as a person would look for them.
    pub examples: Vec<String>,
    /// What would help; `None` if that is not known.
    pub remedy: Option<Remedy>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// It costs time or space, or may become an error.
    Warning,
    /// Something is broken or lost.
    Error,
}

/// What would help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// These statements, run by a program that may write to the file.
    Sql(String),
    /// Saving what is left into a new file.
    Recover,
    /// Bringing our own tables up to date.
    Migrate,
    /// Writing a keyframe again.
    Rewrite(StreamKey, Revision),
    /// Checking the keyframes of a stream, and recording what is found.
    Recheck(StreamKey),
    /// Looking at what was done to keyframes.
    History,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident $name:literal,)*) => {
        /// What a finding is. Names never change their meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])* $code,)*
        }

        impl Code {
            /// All of them, in the order of the checks.
            pub const ALL: &[Code] = &[$(Code::$code,)*];

            /// Its name, in kebab case.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Code::$code => $name,)*
                }
            }
        }
    };
}

codes! {
    /// Pages of the file do not fit together, or cannot be read.
    Damaged "file-damaged",
    /// An index does not have the rows of its table.
    IndexDamaged "index-damaged",
    /// Rows refer to rows that are not there.
    ForeignKey "foreign-key",
    /// The main file lacks much of what the write-ahead log has.
    LogPending "log-pending",
    /// The write-ahead log is large, and nothing in it is needed.
    LogLarge "log-large",
    /// Readers and writers wait for each other.
    RollbackJournal "rollback-journal",
    /// Pages are smaller than what disks and memory work with.
    PageSize "page-size",
    /// Much of the file holds nothing.
    FreePages "free-pages",
    /// Every commit moves pages.
    AutoVacuum "auto-vacuum",
    /// An index that the reference makes is missing.
    IndexMissing "index-missing",
    /// An index is the beginning of another.
    IndexRedundant "index-redundant",
    /// The planner does not know how large tables are.
    StatisticsMissing "statistics-missing",
    /// Several operations have one index in a stream.
    DuplicateOperation "duplicate-operation",
    /// Several operations have one id, index and skip.
    DuplicateInstance "duplicate-instance",
    /// Several keyframes have one label in a stream.
    DuplicateKeyframe "duplicate-keyframe",
    /// Our own tables are of an older or a newer version.
    OwnVersion "own-version",
    /// Some of our own tables are missing.
    OwnPartial "own-partial",
    /// A row of our own tables does not decode.
    OwnRow "own-row",
    /// What is recorded is of keyframes that are gone.
    RecordOrphan "record-orphan",
    /// A compressed keyframe has lost its bytes.
    BodyMissing "body-missing",
    /// A compressed keyframe has lost what its bytes are a difference to.
    BaseMissing "base-missing",
    /// Compressed bytes belong to no keyframe.
    BodyOrphan "body-orphan",
    /// A compressed keyframe cannot be read.
    BodyDamaged "body-damaged",
    /// A keyframe has been changed since it was checked.
    RecordStale "record-stale",
    /// A stream that was checked has lost operations.
    SealOrphan "seal-orphan",
    /// Parts of the history belong to nothing.
    HistoryOrphan "history-orphan",
    /// A change of keyframes was not finished.
    RunUnfinished "run-unfinished",
}
