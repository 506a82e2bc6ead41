//! What is found below the documents of a store: in its file, its indexes, and our own tables.
//!
//! What the documents say is the business of `crate::verify`.

mod code;

use crate::model::ids::{Revision, StreamKey};

pub use code::{Code, Severity};

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
