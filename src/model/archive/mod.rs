//! A document in a file: what the four entries of an archive say (reactor format §9).

mod decode;
mod fault;

use crate::model::ids::{Branch, DocumentId, DocumentType, OpIndex, Scope, Skip, StreamKey};
use crate::model::json::{Json, Object};
use crate::model::time::Timestamp;

pub use fault::ArchiveFault;

/// An entry of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The header.
    Header,
    /// The initial state.
    State,
    /// The current state, which nobody reads.
    CurrentState,
    /// The operations, by scope.
    Operations,
}

impl Entry {
    /// All of them, in the order in which they are written.
    pub const ALL: [Entry; 4] = [Entry::Header, Entry::State, Entry::CurrentState, Entry::Operations];

    /// The name it has at the root of an archive.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Entry::Header => "header.json",
            Entry::State => "state.json",
            Entry::CurrentState => "current-state.json",
            Entry::Operations => "operations.json",
        }
    }

    /// How many bytes of it are read at most.
    #[must_use]
    pub fn max_bytes(self) -> u64 {
        match self {
            Entry::Header => 1 << 20,
            Entry::State | Entry::CurrentState => 32 << 20,
            Entry::Operations => 128 << 20,
        }
    }
}

/// The texts of the entries that are read.
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a> {
    /// `header.json`.
    pub header: &'a [u8],
    /// `state.json`.
    pub state: &'a [u8],
    /// `operations.json`.
    pub operations: &'a [u8],
}

/// A document as an archive holds it, not replayed.
#[derive(Clone, Debug, PartialEq)]
pub struct Archive {
    /// The document, as the header names it.
    pub document: DocumentId,
    /// Its type, as the header names it.
    pub document_type: DocumentType,
    /// The branch, as the header names it.
    pub branch: Branch,
    /// The header.
    pub header: Object<'static>,
    /// The initial state, by scope, in the order in which JavaScript enumerates it.
    pub state: Vec<(Scope, Json<'static>)>,
    /// The operations, by scope in the order in which JavaScript enumerates them, each list in its own order.
    pub operations: Vec<(Scope, Vec<ArchivedOperation>)>,
}

/// An operation of an archive. Texts are as stored; empty errors and reasons are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedOperation {
    /// Position in the stream.
    pub index: OpIndex,
    /// How many positions directly before it the operation retracts.
    pub skip: Skip,
    /// Operation id.
    pub id: Box<str>,
    /// When the operation happened.
    pub timestamp: Timestamp,
    /// Hash of the state after the operation; may be empty.
    pub hash: Box<str>,
    /// What the reducer said when it failed.
    pub error: Option<Box<str>>,
    /// Why the operation was not let through.
    pub denied: Option<Box<str>>,
    /// The action: JSON without white space around its tokens, known to be one.
    pub action: Box<[u8]>,
}

/// More operations than this are not read into memory.
pub const MAX_OPERATIONS: usize = 500_000;

impl Archive {
    /// Reads the texts of an archive. Members that are not known are passed over.
    ///
    /// A header has to have `id` and `documentType`, an operation `index` and `action`; `branch` is `main`, `skip` 0, `hash`
    /// empty, `timestampUtcMs` that of the action, and `id` derived from the action's (reactor format §3.4) where they are
    /// absent or `null`.
    ///
    /// # Errors
    /// The first thing that is wrong with them: no JSON, of another form, or more than [`MAX_OPERATIONS`].
    pub fn read(texts: Texts<'_>) -> Result<Self, ArchiveFault> {
        decode::archive(texts)
    }

    /// The stream of a scope.
    #[must_use]
    pub fn stream(&self, scope: &Scope) -> StreamKey {
        StreamKey { document: self.document.clone(), scope: scope.clone(), branch: self.branch.clone() }
    }

    /// The operations of a scope, in their order; empty also if the scope is not there.
    #[must_use]
    pub fn operations_of(&self, scope: &Scope) -> &[ArchivedOperation] {
        let list = self.operations.iter().find(|(name, _)| name == scope);
        list.map(|(_, operations)| &**operations).unwrap_or_default()
    }
}
