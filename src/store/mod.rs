//! Rows in, rows out. A store holds operation logs and keyframes; it never reduces, prints, or knows which
//! command asked.
//!
//! Three traits: a [`Store`] is opened once and shared between threads; [`Read`] is one read transaction, used
//! by one thread, so that head, keyframe and tail of one answer fit each other; [`Write`] is a read
//! transaction that may also change things and does so only at [`Write::commit`].

pub mod archive;
pub mod codec;
mod error;
pub mod handed;
pub mod history;
pub mod memory;
mod open;
pub mod records;
mod repeat;
mod selection;
pub mod sqlite;

use std::num::NonZeroU64;
use std::ops::ControlFlow;

use crate::model::ids::{
    Branch, DocumentId, DocumentType, OpIndex, OperationId, Revision, Scope, Skip, Span, StreamKey,
};
use crate::model::operation::{OperationRow, Retraction};
use crate::model::time::Timestamp;

pub use codec::Codec;
pub use error::StoreError;
pub use history::{History, HistoryMut};
pub use open::{
    Access, BUSY_TIMEOUT, Backend, Location, Open, Options, Stores, has_scheme, location_path, relative_to,
    without_password,
};
pub use records::{Records, RecordsMut};
pub use selection::{Part, Selection};

/// What a visitor of rows says: go on, or stop the visit (which is not an error).
pub type Flow = ControlFlow<()>;

/// A place that holds operation logs and keyframes.
pub trait Store: Send + Sync {
    /// Where it is, for messages; never with a password.
    fn location(&self) -> &str;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// The document as an archive holds it, if this store is one.
    fn archive(&self) -> Option<&archive::ArchiveStore> {
        None
    }

    /// Begins a read transaction. Cheap after the first: what it needs is kept for the next.
    ///
    /// # Errors
    /// `Busy` if another program holds the store, `Unavailable` if it cannot be reached, `NotAStore` if it is
    /// no longer what was opened.
    fn read(&self) -> Result<Box<dyn Read + '_>, StoreError>;

    /// Begins a transaction that may change the store. At most one at a time; a second waits, and fails as
    /// `Busy` after the time that [`Options::busy_timeout_ms`] allows.
    ///
    /// # Errors
    /// As [`Store::read`], and `ReadOnly` if it was not opened with [`Access::Change`].
    fn write(&self) -> Result<Box<dyn Write + '_>, StoreError>;
}

/// What a backend can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "a list of independent capabilities")]
pub struct Capabilities {
    /// Operations can be added.
    pub append: bool,
    /// Keyframes can be kept.
    pub keyframes: bool,
    /// What others write shows up in a new read transaction.
    pub follow: bool,
    /// A write is all or nothing.
    pub transactional: bool,
    /// What was committed survives a crash.
    pub durable: bool,
}

/// One read transaction. All answers describe the same moment, once [`Read::finish`] has said so.
///
/// Any method fails with `Moved` when it notices that another program changed the store in a way that this
/// transaction is not shielded from.
pub trait Read {
    /// Visits the documents whose id starts with `prefix`, by id in ascending byte order. Documents that have
    /// keyframes and no operations are not visited.
    ///
    /// # Errors
    /// `Corrupt` if a row does not decode; `Busy`, `Unavailable`.
    fn documents(&self, prefix: &str, visit: &mut dyn FnMut(DocumentEntry) -> Flow) -> Result<(), StoreError>;

    /// The documents that have keyframes and no operations, by id in ascending byte order, with the type that their first
    /// keyframe names.
    ///
    /// # Errors
    /// `Corrupt` if a row does not decode; `Busy`, `Unavailable`.
    fn orphans(&self) -> Result<Vec<DocumentEntry>, StoreError>;

    /// The streams of a document, by branch and scope in ascending byte order, each with its head; empty if the
    /// document is not there.
    ///
    /// # Errors
    /// `Corrupt` if a row does not decode; `Busy`, `Unavailable`.
    fn streams(&self, document: &DocumentId) -> Result<Vec<StreamHead>, StoreError>;

    /// Visits the operations of a stream within `span`, by index, until the visitor stops. A missing stream has
    /// none. Gaps are not noticed here.
    ///
    /// # Errors
    /// `Corrupt` naming row and column if a row does not decode; rows before it have been visited.
    /// `Busy`, `Unavailable`.
    fn operations(
        &self,
        stream: &StreamKey,
        span: Span,
        order: Order,
        visit: &mut dyn FnMut(&OperationRow<'_>) -> Flow,
    ) -> Result<(), StoreError>;

    /// The operations of a stream within `span` whose skip is not 0, by index: a compact index for deciding
    /// which base is safe.
    ///
    /// # Errors
    /// As [`Read::operations`].
    fn skips(&self, stream: &StreamKey, span: Span) -> Result<Vec<Retraction>, StoreError>;

    /// The newest row (by insertion) of a document's branch that carries an operation id; with `scope`, of that scope
    /// alone.
    ///
    /// # Errors
    /// As [`Read::operations`].
    fn find_operation(
        &self,
        document: &DocumentId,
        branch: &Branch,
        scope: Option<&Scope>,
        id: &OperationId,
    ) -> Result<Option<(Scope, OpIndex)>, StoreError>;

    /// Visits the operations of a stream that carry an operation id, by index: copies that were appended anew share it.
    ///
    /// # Errors
    /// As [`Read::operations`].
    fn copies(
        &self,
        stream: &StreamKey,
        id: &OperationId,
        visit: &mut dyn FnMut(&OperationRow<'_>) -> Flow,
    ) -> Result<(), StoreError>;

    /// The newest operation time of a stream within `span`; `None` if there is no operation.
    ///
    /// # Errors
    /// As [`Read::operations`].
    fn newest_time(&self, stream: &StreamKey, span: Span) -> Result<Option<Timestamp>, StoreError>;

    /// The newest keyframe of a stream at or below `at_most` by its label, without its body, or `None` if the stream
    /// has none that old. Older ones follow by asking again below the one found. Negative labels are passed over.
    /// When it was written is left out, as with [`Detail::Label`].
    ///
    /// # Errors
    /// `Corrupt` if the row does not decode; `Busy`, `Unavailable`.
    fn nearest_keyframe(&self, stream: &StreamKey, at_most: Revision) -> Result<Option<KeyframeEntry>, StoreError>;

    /// The stored document of a keyframe as JSON text (reactor format §2.2), not looked at any further; `None` if
    /// there is no such keyframe.
    ///
    /// # Errors
    /// `Corrupt` if the row does not decode; a body that is not JSON is handed out as it is stored; `Busy`, `Unavailable`.
    fn keyframe_document(&self, stream: &StreamKey, revision: Revision) -> Result<Option<Vec<u8>>, StoreError>;

    /// Visits what is known of a document's keyframes, by branch, scope and revision, without handing out their
    /// bodies.
    ///
    /// # Errors
    /// `Corrupt` if a row does not decode; `Busy`, `Unavailable`.
    fn keyframes(
        &self,
        document: &DocumentId,
        detail: Detail,
        visit: &mut dyn FnMut(&KeyframeEntry) -> Flow,
    ) -> Result<(), StoreError>;

    /// Visits the rows of a document in the reference's read model, table `DocumentSnapshot` (reactor format §2.5), by
    /// branch and scope; none if the store has no such table.
    ///
    /// # Errors
    /// `Corrupt` if a row does not decode; `Busy`, `Unavailable`.
    fn read_model(
        &self,
        document: &DocumentId,
        visit: &mut dyn FnMut(&ReadModelRow<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        let _ = (document, visit);
        Ok(())
    }

    /// Visits the operations of all streams that `selection` includes, in the order of their insertion, until the
    /// visitor stops; those at or before `after` are passed over. Their texts are as stored, empty ones too.
    ///
    /// Without parts in the selection this is one scan in constant memory; with parts it holds a number a row.
    ///
    /// # Errors
    /// As [`Read::operations`].
    fn inserted_operations(
        &self,
        selection: &Selection,
        after: Serial,
        visit: &mut dyn FnMut(&InsertedOperation<'_>) -> Flow,
    ) -> Result<(), StoreError>;

    /// Visits the keyframes that `selection` includes by stream and label, in the order of their insertion, until the
    /// visitor stops; those at or before `after` are passed over.
    ///
    /// # Errors
    /// `Corrupt` if a row does not decode, or its document is not UTF-8; `Busy`, `Unavailable`.
    fn inserted_keyframes(
        &self,
        selection: &Selection,
        after: Serial,
        visit: &mut dyn FnMut(&InsertedKeyframe<'_>) -> Flow,
    ) -> Result<(), StoreError>;

    /// What snapctl itself keeps in the store: records of keyframes, and how far streams were checked.
    fn records(&self) -> &dyn Records {
        &records::NoRecords
    }

    /// What snapctl has done to the keyframes of the store.
    fn history(&self) -> &dyn History {
        &history::NoHistory
    }

    /// What holds for the store as a whole. Counting takes as long as the store is large.
    ///
    /// # Errors
    /// `Busy`, `Unavailable`.
    fn info(&self) -> Result<StoreInfo, StoreError>;

    /// Names the content that this transaction sees: it changes whenever anything in the store may have changed,
    /// and when two stamps of one store are equal, nothing did, whichever process or transaction took them.
    ///
    /// # Errors
    /// `Busy`, `Unavailable`.
    fn stamp(&self) -> Result<Stamp, StoreError>;

    /// Ends the transaction and confirms that its answers belong to one moment. Dropping it instead ends it
    /// unconfirmed. A [`Write`] is ended without a commit.
    ///
    /// # Errors
    /// `Moved` if another program changed the store meanwhile and the answers may not fit together: forget them
    /// and read everything again in a new transaction, as [`answer`] does.
    fn finish(self: Box<Self>) -> Result<(), StoreError>;
}

/// A transaction that may change the store. Dropped without [`Write::commit`] it changes nothing.
pub trait Write: Read {
    /// Adds operations to the end of a stream, in order. A row that is there already, with the same id,
    /// index, skip, hash, error, denial and action (as JSON), is passed over, so that a repeated append does nothing. Returns
    /// how many were added.
    ///
    /// # Errors
    /// `Conflict` if an index is taken by another operation or does not follow the last, or if the same id, index
    /// and skip are in another stream; nothing of the transaction is then worth committing. `Corrupt` if the
    /// action is not UTF-8, `Unsupported` if the store has no column for a value. `Busy`, `Unavailable`,
    /// `ReadOnly`.
    fn append(&mut self, stream: &StreamKey, operations: &[NewOperation<'_>]) -> Result<usize, StoreError> {
        let mut added = 0;
        for operation in operations {
            added += usize::from(self.add(stream, operation, Previous::Derived)?);
        }
        Ok(added)
    }

    /// Adds one operation to the end of a stream as [`Write::append`] does, and says whether it was added or is there
    /// already. The end of a stream is looked up once in a transaction, so that streams may come interleaved.
    ///
    /// # Errors
    /// As [`Write::append`]; after `Conflict`, `Corrupt` and `Unsupported` nothing has changed, and the transaction can
    /// go on.
    fn add(&mut self, stream: &StreamKey, operation: &NewOperation<'_>, previous: Previous)
    -> Result<bool, StoreError>;

    /// Writes a keyframe as [`Codec::Json`].
    ///
    /// # Errors
    /// As [`Write::put_keyframe_as`].
    fn put_keyframe(&mut self, keyframe: &NewKeyframe<'_>) -> Result<(), StoreError> {
        self.put_keyframe_as(keyframe, Codec::Json)
    }

    /// Writes a keyframe. If there is one with the same stream and revision, only its document is replaced
    /// (reactor format §2.2), and how that is stored; it stays pinned. What a check found is forgotten, unless the
    /// document is the same.
    ///
    /// # Errors
    /// `Unsupported` if the store has no place for keyframes, or our tables are of another version; `Corrupt` if the
    /// document is not UTF-8; `Busy`, `Unavailable`, `ReadOnly`.
    fn put_keyframe_as(&mut self, keyframe: &NewKeyframe<'_>, codec: Codec) -> Result<(), StoreError>;

    /// Stores the body of a keyframe in another way, and says how large it was and is; `None` if there is no such keyframe.
    /// Everything else about it stays as it is.
    ///
    /// # Errors
    /// As [`Write::put_keyframe_as`], and `Corrupt` if the body cannot be read.
    fn recode(&mut self, stream: &StreamKey, revision: Revision, codec: Codec) -> Result<Option<Recoded>, StoreError>;

    /// Deletes a keyframe with all that is recorded of it, and says whether there was one.
    ///
    /// # Errors
    /// `Unsupported` if our tables are of another version; `Busy`, `Unavailable`, `ReadOnly`.
    fn delete_keyframe(&mut self, stream: &StreamKey, revision: Revision) -> Result<bool, StoreError>;

    /// What snapctl itself keeps in the store, to change it. Asking for it makes no table.
    ///
    /// # Errors
    /// `Unsupported` if the store cannot have our tables.
    fn records_mut(&mut self) -> Result<&mut dyn RecordsMut, StoreError>;

    /// What snapctl does to the keyframes of the store, to note it. Asking for it makes no table.
    ///
    /// # Errors
    /// `Unsupported` if the store cannot have our tables.
    fn history_mut(&mut self) -> Result<&mut dyn HistoryMut, StoreError>;

    /// Makes everything durable and ends the transaction.
    ///
    /// # Errors
    /// `Busy`, `Unavailable`; nothing has changed then.
    fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// In which direction rows are visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// From the first operation to the last.
    Forward,
    /// From the last operation to the first.
    Backward,
}

/// How much [`Read::keyframes`] tells.
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
    row: i64,
    /// Which it is of several with that number: a number may be given again when its row has gone elsewhere.
    nth: u32,
}

impl Serial {
    /// Before all rows.
    pub const START: Serial = Serial::of(i64::MIN);

    /// The place of the only row with a number.
    #[must_use]
    pub const fn of(row: i64) -> Self {
        Serial { row, nth: 0 }
    }
}

/// An operation as [`Read::inserted_operations`] shows it.
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

/// A keyframe as [`Read::inserted_keyframes`] shows it.
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

/// A store's answer to "has anything moved?".
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stamp(pub String);

/// The skip of a row as a [`Skip`]: `None` for 0.
#[must_use]
pub fn skip_from(skip: u32) -> Skip {
    std::num::NonZeroU32::new(skip)
}

/// Reads an answer from one moment of a store: runs `read` in a read transaction, and again in a new one when
/// the store moved meanwhile. An answer is handed out only when it holds; what `read` does besides answering
/// may happen more than once.
///
/// # Errors
/// What `read` or the store says; `Moved` when the store moved each of [`MAX_ANSWERS`] times.
pub fn answer<T, E>(store: &dyn Store, mut read: impl FnMut(&dyn Read) -> Result<T, E>) -> Result<T, E>
where
    E: From<StoreError>,
{
    let mut attempts = 1..=MAX_ANSWERS;
    loop {
        let last = attempts.next().is_none_or(|attempt| attempt == MAX_ANSWERS);
        let transaction = store.read()?;
        let result = read(&*transaction);
        match transaction.finish() {
            Ok(()) => return result,
            Err(StoreError::Moved { .. }) if !last => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// How often [`answer`] reads before it gives up.
pub const MAX_ANSWERS: u32 = 5;

/// A bound on waiting for a store that is busy, in milliseconds; `None` fails at once.
pub type BusyTimeoutMs = Option<NonZeroU64>;
