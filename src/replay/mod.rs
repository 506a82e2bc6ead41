//! From what was typed to a document: resolve, choose a base, fold forward.

mod again;
mod base;
mod compose;
mod flight;
mod ground;
mod initial;
mod landing;
mod lineage;
mod load;
mod models;
mod newest;
mod origin;
mod page;
mod pass;
mod reactor;
mod rejection;
mod resolve;
mod running;
mod stored;
mod tiered;
mod timeline;
mod upgrade;
mod vouch;
mod walk;

use std::collections::BTreeMap;

use crate::cache::TierName;
use crate::model::ids::{Branch, DocumentId, DocumentType, OpIndex, Revision, Scope, StreamKey};
use crate::model::json::Object;
use crate::model::progress::{Progress, Stop};
use crate::model::state::State;
use crate::model::time::Timestamp;
use crate::reducer::archive::Loader;
use crate::reducer::{FoldError, Registry, RegistryError};
use crate::store::{Read, StoreError};

pub use compose::rebuild;
pub use ground::is_current;
pub use initial::{Initial, initial};
pub use landing::Landing;
pub use lineage::Lineage;
pub use load::load;
pub use models::fingerprints;
pub use newest::newest_time;
pub use reactor::{as_reactor, document_as_reactor, state_as_reactor};
pub use rejection::Rejection;
pub use resolve::{find_document, resolve, slug};
pub use running::{EntryPlace, Next, Running};
pub use tiered::{Found, Rebuilt, Takes, Tiers, entry_at, rebuild_through, stamped_header};
pub use walk::{Goal, Observer, Start, Step, state_at, walk};

/// What a target means in a store: it exists, and its position is known. Only [`resolve`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    document: DocumentId,
    branch: Branch,
    view: View,
    assumed_scope: bool,
}

/// Which part of the document is asked for, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    /// The document composed of all its scopes.
    Composed(Moment),
    /// One scope's rebuild.
    Scoped(Scope, Position),
    /// A stored keyframe, unreplayed.
    Keyframe(Scope, Revision),
}

/// A moment in the life of a whole document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Now.
    Head,
    /// Before the first operation of each scope.
    Initial,
    /// In each scope, the longest prefix whose timestamps are all at or before this time.
    Time(Timestamp),
}

/// A position in a stream that is known to exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The newest revision; the scope may have no operation at all.
    Head,
    /// A revision at or before the head; `None` is the state before operation 0.
    At(Option<Revision>),
}

impl Position {
    /// Whether the state at this position includes an operation.
    fn includes(self, index: OpIndex) -> bool {
        match self {
            Position::Head => true,
            Position::At(revision) => revision.is_some_and(|revision| index <= revision.last()),
        }
    }
}

/// Which keyframes may serve as a base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Trust {
    /// None: every rebuild starts from the first operation.
    None,
    /// Those this program wrote or checked.
    #[default]
    Verified,
    /// Also foreign ones whose state hash equals the stored hash of their operation.
    Hashed,
    /// All that decode and fit their label.
    Any,
}

/// A rebuilt document.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The document.
    pub document: DocumentId,
    /// The scope asked for; `None` for a composed document.
    pub scope: Option<Scope>,
    /// The branch.
    pub branch: Branch,
    /// For each scope asked for, the last operation included; `None` before operation 0.
    pub revision: BTreeMap<Scope, Option<Revision>>,
    /// The document type.
    pub document_type: DocumentType,
    /// The header as the reference returns it.
    pub header: Object<'static>,
    /// The state.
    pub state: State,
    /// How the rebuild was done.
    pub explain: Explain,
    /// What the user should know about the answer.
    pub warnings: Vec<Warning>,
}

/// How a rebuild was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explain {
    /// What it started from.
    pub base: Base,
    /// Bases that were looked at and not used, newest first.
    pub considered: Vec<Considered>,
    /// Operation rows read.
    pub operations_read: u64,
    /// Calls of a reducer in the pass that gave the answer.
    pub operations_applied: u64,
    /// Bytes of actions and keyframes read.
    pub bytes_read: u64,
}

/// What a rebuild started from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Base {
    /// The state before operation 0.
    #[default]
    Genesis,
    /// A stored keyframe.
    Keyframe(Revision),
    /// A state that a tier of the cache had, which is the answer itself or older.
    Tier(TierName, Option<Revision>),
    /// A stored keyframe that says it is from before operation 0. Only [`as_reactor`] believes one.
    EarlyKeyframe,
}

/// A base that was not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Considered {
    /// Its stream.
    pub stream: StreamKey,
    /// Its label.
    pub revision: Revision,
    /// Why it was not used; a sentence part in lower case.
    pub reason: String,
    /// A command that would make it usable, if there is one.
    pub remedy: Option<String>,
}

/// Something the user should know about an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// The log lacks operations.
    #[error("{stream} has no operation {missing}: the log has a gap")]
    Gap {
        /// The stream.
        stream: StreamKey,
        /// The first index that is missing.
        missing: OpIndex,
    },
    /// The scope asked for has no operations; maybe it was misspelt.
    #[error("{stream} has no operations; the document has scopes {}", listed(scopes))]
    EmptyScope {
        /// The stream.
        stream: StreamKey,
        /// The scopes that have operations on that branch, in ascending byte order.
        scopes: Vec<Scope>,
    },
    /// A keyframe was passed over because it is damaged.
    #[error("keyframe {revision} of {stream} was passed over: {reason}")]
    BadKeyframe {
        /// The stream.
        stream: StreamKey,
        /// The label.
        revision: Revision,
        /// What is wrong with it.
        reason: String,
    },
}

fn listed(scopes: &[Scope]) -> String {
    scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(", ")
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// No document answers to that name.
    #[error("no document \"{name}\"")]
    NoDocument {
        /// As typed.
        name: String,
        /// Ids and slugs that may have been meant, the most alike first; only where one could be typed.
        similar: Vec<String>,
    },
    /// Several documents answer to that name.
    #[error("\"{prefix}\" is the beginning of {count} document ids")]
    Ambiguous {
        /// As typed.
        prefix: String,
        /// How many there are.
        count: usize,
        /// The first few of them, in ascending order.
        examples: Vec<DocumentId>,
    },
    /// The document has no operations on that branch.
    #[error("document {document} has no branch \"{branch}\"")]
    NoBranch {
        /// The document.
        document: DocumentId,
        /// As asked for.
        branch: Branch,
        /// The branches it has.
        branches: Vec<Branch>,
    },
    /// The position is past the head.
    #[error("{stream} has no revision {asked}: its head is {}", .head.map_or("empty".to_owned(), |head| head.to_string()))]
    PastHead {
        /// The stream.
        stream: StreamKey,
        /// As asked for; for `head~N` the distance.
        asked: String,
        /// The head.
        head: Option<Revision>,
    },
    /// No row carries that operation id.
    #[error("document {document} has no operation {id}")]
    NoOperation {
        /// The document.
        document: DocumentId,
        /// As asked for.
        id: String,
    },
    /// The document did not exist at that time.
    #[error("document {document} did not exist at {time}: its first operation is of {}", .created.map_or("no time".to_owned(), |time| time.to_string()))]
    NotYet {
        /// The document.
        document: DocumentId,
        /// As asked for.
        time: Timestamp,
        /// When it was created.
        created: Option<Timestamp>,
    },
    /// There is no such keyframe.
    #[error("{stream} has no keyframe {revision}")]
    NoKeyframe {
        /// The stream.
        stream: StreamKey,
        /// As asked for.
        revision: Revision,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No model serves a document type at a version.
    #[error("{0}")]
    Model(#[from] RegistryError),
    /// The log cannot be replayed. The text is the reference's where the reference fails, too.
    #[error("{}{stream}: {message}", .index.map_or_else(String::new, |index| format!("operation {index} of ")))]
    Rejected {
        /// The stream.
        stream: StreamKey,
        /// The operation that could not be replayed, if one is to blame.
        index: Option<OpIndex>,
        /// What is behind it.
        rejection: Rejection,
        /// Why.
        message: String,
    },
    /// A loader of the reference does not take an archive. The text is the reference's.
    #[error("the {loader} loader refuses document {document}: {message}")]
    Unloadable {
        /// The document.
        document: DocumentId,
        /// The loader.
        loader: Loader,
        /// Why.
        message: String,
    },
    /// The engine behind a model failed.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// The user or the clock stopped it.
    #[error(transparent)]
    Stopped(#[from] Stop),
}

impl Resolved {
    /// The document.
    #[must_use]
    pub fn document(&self) -> &DocumentId {
        &self.document
    }

    /// The branch.
    #[must_use]
    pub fn branch(&self) -> &Branch {
        &self.branch
    }

    /// What is asked for.
    #[must_use]
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Whether no scope was named and `global` was assumed, because the position needs one.
    #[must_use]
    pub fn assumed_scope(&self) -> bool {
        self.assumed_scope
    }
}

/// What a rebuild reads from and how: one read transaction, the models, and the trust in keyframes.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The read transaction.
    pub read: &'a dyn Read,
    /// The models.
    pub registry: &'a Registry,
    /// Which keyframes may serve as a base.
    pub trust: Trust,
    /// Hears of progress, and may stop the work.
    pub progress: &'a dyn Progress,
}
