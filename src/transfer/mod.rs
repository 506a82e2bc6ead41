//! Rows out of a store and into one: as lines of text, or from store to store.
//!
//! A line is a JSON object with the columns of the reference's `Operation` table by name, or `{"keyframe":{…}}` with
//! those of `Keyframe` (reactor format §2.1, §2.2). [`decode()`], [`encode_operation`] and [`encode_keyframe`] are
//! the two directions of that form; [`Importer`] puts rows into a store, wherever they come from; [`export()`] hands out
//! the lines of a store.
//!
//! [`write_archive`] puts one document into a file as the reference saves it; an archive is read as a store.
//!
//! The import of an export gives the same rows, column by column and byte for byte: `action` and `document` stand in a
//! line as the very bytes that are stored, or, where those would not survive that, as a JSON string that holds them.

mod archive;
mod decode;
mod encode;
mod export;
mod import;
mod lines;
mod record;
mod schema;

pub use archive::{ArchiveWriteError, Archived, Document, write_archive};
pub use decode::{Problem, decode};
pub use encode::{encode_keyframe, encode_operation};
pub use export::{Exported, Row, each_row, export};
pub use import::{Commit, ImportError, ImportOptions, Importer, Keyframes, Measure, OnFailure, Place, Report, Tally};
pub use lines::{Line, Lines};
pub use record::{KeyframeRecord, OperationRecord, Record};
pub use schema::line_schema;

/// Longer lines are not read into memory.
pub const MAX_LINE_BYTES: u64 = 256 << 20;

/// Stands for the `jobId` of a row that has none.
pub const IMPORT_JOB_ID: &str = "import";

/// Names and order of the members of an operation's line.
pub(crate) const OPERATION_MEMBERS: [&str; 15] = [
    "documentId",
    "documentType",
    "scope",
    "branch",
    "index",
    "opId",
    "prevOpId",
    "timestampUtcMs",
    "writeTimestampUtcMs",
    "jobId",
    "skip",
    "hash",
    "error",
    "deniedReason",
    "action",
];

/// Names and order of the members of a keyframe.
pub(crate) const KEYFRAME_MEMBERS: [&str; 7] =
    ["documentId", "documentType", "scope", "branch", "revision", "createdAt", "document"];
