//! What tiers keep.

use std::fmt;
use std::time::Duration;

use smallvec::SmallVec;

use crate::model::ids::{DocumentType, Fingerprint, OperationId, Revision, Scope, StreamKey};
use crate::model::json::Object;
use crate::model::seal::Seal;
use crate::model::state::State;
use crate::model::time::Timestamp;

/// The form of entries. It goes up when what they hold, or what is made of them, becomes another thing.
pub const FORMAT: u32 = 1;

/// A document as of a revision of one of its streams: what a rebuild gives that ends there. Immutable; its states are
/// shared, never copied.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is, and what it depends on.
    pub facts: Facts,
    /// The header, stamped with what [`Facts::heads`] and [`Facts::newest`] say (reactor format §6.7).
    pub header: Object<'static>,
    /// The state, all scopes of it.
    pub state: State,
    /// The state that undos go back to, all scopes of it.
    pub initial: State,
}

/// What an entry is, and what it depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The stream whose operations made it.
    pub stream: StreamKey,
    /// The last operation included; `None` before operation 0.
    pub revision: Option<Revision>,
    /// The id of that operation.
    pub operation: Option<OperationId>,
    /// The document type.
    pub document_type: DocumentType,
    /// The versions of the model that ran, in order.
    pub versions: SmallVec<[u32; 4]>,
    /// Digest of the models of these versions.
    pub fingerprint: Fingerprint,
    /// The heads of the streams of the branch when it was made, by scope. Streams without operations are not listed.
    pub heads: Vec<(Scope, Revision)>,
    /// The newest operation time in them.
    pub newest: Option<Timestamp>,
    /// The seal of its stream up to its revision, if it was computed.
    pub seal: Option<Seal>,
    /// What it took to make it from the first operation on, which is what an exact hit saves.
    pub cost: Cost,
}

/// What a rebuild took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Operations replayed.
    pub operations: u64,
    /// The time that took.
    pub elapsed: Duration,
}

impl Facts {
    /// Whether a replay can go on from it: nothing that is still to come, other than operations of its own stream, is
    /// part of its state. That is so unless the document changes the version of its model.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        self.versions.len() == 1
    }

    /// The head of one scope when the entry was made.
    #[must_use]
    pub fn head_of(&self, scope: &str) -> Option<Revision> {
        self.heads.iter().find(|(name, _)| *name == *scope).map(|(_, head)| *head)
    }

    /// The readable form of its key, `NAMESPACE:TYPE:DOC/SCOPE@BRANCH:REVISION:vFORMAT`, for people and for patterns. The
    /// parts are as they are stored; the revision before operation 0 is `initial`.
    #[must_use]
    pub fn key(&self, namespace: &str) -> String {
        let Facts { stream, document_type, .. } = self;
        let revision: &dyn fmt::Display = match &self.revision {
            Some(revision) => revision,
            None => &"initial",
        };
        let (document, scope, branch) = (&stream.document, &stream.scope, &stream.branch);
        format!("{namespace}:{document_type}:{document}/{scope}@{branch}:{revision}:v{FORMAT}")
    }
}

impl Cost {
    /// Both together, or the most that can be said.
    #[must_use]
    pub fn and(self, other: Cost) -> Cost {
        Cost {
            operations: self.operations.saturating_add(other.operations),
            elapsed: self.elapsed.saturating_add(other.elapsed),
        }
    }
}
