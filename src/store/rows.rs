//! What goes into a store and comes out of it.

use super::Codec;
use crate::model::ids::{Branch, DocumentId, DocumentType, Revision, Scope, StreamKey};
use crate::model::operation::OperationRow;
use crate::model::time::Timestamp;

/// In which direction rows are visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// From the first operation to the last.
    Forward,
    /// From the last operation to the first.
    Backward,
}

/// Where the bodies of keyframes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In the reference's table, as JSON: [`Codec::Json`].
    Plain,
    /// In ours, with any other codec.
    Compressed,
}

impl Storage {
    /// Where bodies with this codec are.
    #[must_use]
    pub fn of(codec: Codec) -> Self {
        if codec == Codec::Json { Storage::Plain } else { Storage::Compressed }
    }
}

/// How much [`super::Read::keyframes`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Stream, type, label and size. Bodies are not touched.
    Label,
    /// Also when the row was written. Where that is stored behind the body, as in SQLite, this passes over all
    /// bodies and takes about as long as reading them.
    Created,
}

/// A document as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentEntry {
    /// The document.
    pub id: DocumentId,
    /// Its type, as its first row (by insertion) names it.
    pub document_type: DocumentType,
}

/// The newest revision of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamHead {
    /// The branch.
    pub branch: Branch,
    /// The scope.
    pub scope: Scope,
    /// The greatest index stored.
    pub head: Revision,
}

/// What is known of a stored keyframe without reading its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyframeEntry {
    /// The stream.
    pub stream: StreamKey,
    /// Type of the document, as the row names it.
    pub document_type: DocumentType,
    /// The label: the last operation included, if the writer kept the rule; negative labels occur in damaged
    /// stores.
    pub label: i64,
    /// When the row was first written; `None` also if [`Detail::Label`] was asked for.
    pub created: Option<Timestamp>,
    /// Size of the stored body in bytes.
    pub size_bytes: u64,
    /// How the body is stored.
    pub codec: Codec,
}

/// What came of storing a body in another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recoded {
    /// How it was stored before.
    pub from: Codec,
    /// Size of the stored body before, in bytes.
    pub before_bytes: u64,
    /// Size of the stored body now, in bytes. Bodies that are stored as differences to it may have changed their sizes.
    pub after_bytes: u64,
}

/// What the reference's read model holds of a stream.
#[derive(Clone, Copy, Debug)]
pub struct ReadModelRow<'a> {
    /// The stream.
    pub stream: &'a StreamKey,
    /// The index of the last operation it includes, as stored; negative for none.
    pub last: i64,
    /// The state of the scope as JSON text, if the writer kept the rule.
    pub content: &'a [u8],
}

/// An operation to append.
#[derive(Clone, Copy, Debug)]
pub struct NewOperation<'a> {
    /// The row's fields; what becomes of `previous_id` is said beside it ([`Previous`]).
    pub row: OperationRow<'a>,
    /// When the row is written.
    pub written: Timestamp,
    /// Groups rows that were written for one job; any text.
    pub job_id: &'a str,
}

/// Where the id of the operation before a new one comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Previous {
    /// The row before it in the stream; empty for the first. What is given is ignored.
    Derived,
    /// It is stored as given.
    Given,
}

/// A row's place in the order of insertion. Numbers of operations and of keyframes have nothing to do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Serial {
    /// The row's number.
    pub(super) row: i64,
    /// Which it is of several with that number: a number may be given again when its row has gone elsewhere.
    pub(super) nth: u32,
}

impl Serial {
    /// Before all rows.
    pub const START: Serial = Serial::of(i64::MIN);

    /// The place of the only row with a number.
    #[must_use]
    pub const fn of(row: i64) -> Self {
        Serial { row, nth: 0 }
    }

    /// The row's number.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.row
    }
}

/// An operation as [`super::Read::inserted_operations`] shows it.
#[derive(Clone, Copy, Debug)]
pub struct InsertedOperation<'a> {
    /// Its place in the order of insertion.
    pub serial: Serial,
    /// The stream.
    pub stream: &'a StreamKey,
    /// The row's fields; `error` and `denied` may be empty texts here.
    pub row: OperationRow<'a>,
    /// Whether the store has a `previous_id` to give.
    pub previous: Previous,
    /// When the row was written; `None` if the store does not say.
    pub written: Option<Timestamp>,
    /// What the row was written for; `None` if the store does not say.
    pub job_id: Option<&'a str>,
}

/// A keyframe as [`super::Read::inserted_keyframes`] shows it.
#[derive(Clone, Copy, Debug)]
pub struct InsertedKeyframe<'a> {
    /// Its place in the order of insertion.
    pub serial: Serial,
    /// The stream.
    pub stream: &'a StreamKey,
    /// The label; negative labels occur in damaged stores.
    pub label: i64,
    /// Type of the document, as the row names it.
    pub document_type: &'a str,
    /// When the row was first written.
    pub created: Timestamp,
    /// The stored document; JSON, if the writer kept the rule.
    pub document: &'a str,
}

/// A keyframe to write.
#[derive(Clone, Copy, Debug)]
pub struct NewKeyframe<'a> {
    /// The stream.
    pub stream: &'a StreamKey,
    /// The label: the last operation included.
    pub revision: Revision,
    /// Type of the document.
    pub document_type: &'a DocumentType,
    /// The document as JSON text (reactor format §2.2).
    pub document: &'a [u8],
    /// When it is written.
    pub created: Timestamp,
}

/// What giving space back came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vacuumed {
    /// Size of the store before, all files of it, in bytes.
    pub before_bytes: u64,
    /// Size of the store now, in bytes.
    pub after_bytes: u64,
}

/// What holds for a store as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreInfo {
    /// Documents with at least one operation.
    pub documents: u64,
    /// Operation rows.
    pub operations: u64,
    /// Keyframe rows.
    pub keyframes: u64,
    /// Size of the store, all files of it, in bytes; 0 when it has none.
    pub size_bytes: u64,
    /// Facts that only this backend has, by name (camelCase, with units) in ascending order: journal, page size,
    /// columns absent.
    pub details: Vec<(&'static str, Fact)>,
}

/// A fact about a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A word.
    Word(&'static str),
    /// A number, in the unit that the fact's name says.
    Number(u64),
    /// Names in ascending order.
    Names(Vec<String>),
}
