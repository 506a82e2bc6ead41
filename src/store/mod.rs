//! Rows in, rows out. A store holds operation logs and keyframes; it never reduces, prints, or knows which
//! command asked.
//!
//! Three traits: a [`Store`] is opened once and shared between threads; [`Read`] is one read transaction, used
//! by one thread, so that head, keyframe and tail of one answer fit each other; [`Write`] is a read
//! transaction that may also change things and does so only at [`Write::commit`].

pub mod archive;
pub mod check;
pub mod codec;
mod error;
pub mod handed;
pub mod history;
pub mod memory;
mod open;
pub mod records;
mod repeat;
mod rows;
mod selection;
pub mod sqlite;

use std::num::NonZeroU64;
use std::ops::ControlFlow;

use crate::model::ids::{Branch, DocumentId, OpIndex, OperationId, Revision, Scope, Skip, Span, StreamKey};
use crate::model::operation::{OperationRow, Retraction};
use crate::model::progress::Progress;
use crate::model::time::Timestamp;

pub use crate::model::stamp::Stamp;
pub use codec::Codec;
pub use error::StoreError;
pub use history::{History, HistoryMut};
pub use open::{
    Access, BUSY_TIMEOUT, Backend, Location, Open, Options, Stores, has_scheme, location_path, relative_to,
    without_password,
};
pub use records::{Records, RecordsMut};
pub use rows::{
    Detail, DocumentEntry, Fact, InsertedKeyframe, InsertedOperation, KeyframeEntry, NewKeyframe, NewOperation, Order,
    Previous, ReadModelRow, Recoded, Serial, Storage, StoreInfo, StreamHead, Vacuumed,
};
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

    /// Names the content that a transaction which begins now will see, or one that is older: what [`Read::stamp`] says of
    /// it, for whoever asks again and again. It takes no lock that could keep a writer waiting, if the store can do without.
    ///
    /// # Errors
    /// As [`Store::read`].
    fn stamp(&self) -> Result<Stamp, StoreError> {
        self.read()?.stamp()
    }

    /// Whether whoever reads keeps no writer waiting, as things are now.
    fn reads_beside_writers(&self) -> bool {
        false
    }

    /// Begins a transaction that may change the store. At most one at a time; a second waits, and fails as
    /// `Busy` after the time that [`Options::busy_timeout_ms`] allows.
    ///
    /// # Errors
    /// As [`Store::read`], and `ReadOnly` if it was not opened with [`Access::Change`].
    fn write(&self) -> Result<Box<dyn Write + '_>, StoreError>;

    /// Gives back the space that deleted rows took, outside of any transaction of this process. It may take as much space
    /// again while it runs, and keeps others from writing.
    ///
    /// # Errors
    /// `Unsupported` if the store has no such space; `ReadOnly`; `Busy`; `Unavailable`, also for lack of space: nothing
    /// has changed then.
    fn vacuum(&self) -> Result<Vacuumed, StoreError> {
        let reason = "it has no free space to give back".to_owned();
        Err(StoreError::Unsupported { location: self.location().to_owned(), reason })
    }
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
    /// Without parts in the selection, or where few rows follow, this is one scan in constant memory; with parts it holds a
    /// number a row otherwise. Rows of documents that are not selected need not decode.
    ///
    /// # Errors
    /// As [`Read::operations`].
    fn inserted_operations(
        &self,
        selection: &Selection,
        after: Serial,
        visit: &mut dyn FnMut(&InsertedOperation<'_>) -> Flow,
    ) -> Result<(), StoreError>;

    /// The place of the operation that was inserted last; [`Serial::START`] if there is none. A step, however many there are.
    ///
    /// # Errors
    /// `Busy`, `Unavailable`.
    fn last_inserted(&self) -> Result<Serial, StoreError>;

    /// Visits what is known of the keyframes that are stored in one way, without their bodies, by number, from `from` on
    /// or, backward, down to it. A number is given again once the keyframes with it and after it are deleted or stored in
    /// the other way, and one that is stored in another way keeps its number: several may have the same.
    /// When they were written is left out, as with [`Detail::Label`].
    ///
    /// # Errors
    /// `Corrupt` if a row does not decode; `Busy`, `Unavailable`.
    fn numbered_keyframes(
        &self,
        storage: Storage,
        from: Serial,
        order: Order,
        visit: &mut dyn FnMut(Serial, &KeyframeEntry) -> Flow,
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

    /// Looks at what is below the documents: the file, its indexes, and our own tables. `None` where nothing of the kind can
    /// be looked at: in memory, and in an archive. When `progress` says to stop, it ends soon, with any error.
    ///
    /// # Errors
    /// `Busy`, `Unavailable`. What is damaged is a finding.
    fn condition(
        &self,
        depth: check::Depth,
        progress: &(dyn Progress + Sync),
    ) -> Result<Option<check::Condition>, StoreError> {
        let _ = (depth, progress);
        Ok(None)
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

    /// The last operation of a stream and its id, as this transaction sees it; `None` for an empty stream. It is looked up once
    /// in a transaction, and [`Write::add`] need not look then.
    ///
    /// # Errors
    /// `Corrupt` if the row does not decode; `Busy`, `Unavailable`.
    fn last_operation(&mut self, stream: &StreamKey) -> Result<Option<(Revision, OperationId)>, StoreError>;

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
    /// `Unsupported` if the store has no place for keyframes, or our tables are of a newer version; `Corrupt` if the
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
    /// `Unsupported` if our tables are of a newer version; `Busy`, `Unavailable`, `ReadOnly`.
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
