//! What tiers keep.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::model::ids::{DocumentType, Fingerprint, OperationId, Revision, Scope, StreamKey};
use crate::model::json::Object;
use crate::model::seal::Seal;
use crate::model::state::State;
use crate::model::target::escape;
use crate::model::time::Timestamp;

/// The form of entries. It goes up when what they hold, or what is made of them, becomes another thing.
pub const FORMAT: u32 = 1;

/// What keys ([`Facts::key`]) begin with, unless something else is wanted.
pub const NAMESPACE: &str = "snapctl";

/// A document as of a revision of one of its streams: what a rebuild gives that ends there. Immutable; its states are
/// shared, never copied.
///
/// There is none where an upgrade is to come that the document scope has already, so that a replay can go on from every one
/// with nothing but operations of its stream.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is, and what it depends on.
    pub facts: Facts,
    /// The members of the header, but for `revision` and `lastModifiedAtUtcIso`, which follow from [`Facts::heads`] and
    /// [`Facts::newest`] (reactor format §6.7).
    pub header: Arc<Object<'static>>,
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
    pub heads: Vec<Head>,
    /// The newest operation time in them.
    pub newest: Option<Timestamp>,
    /// The seal of its stream up to its revision, if it was computed.
    pub seal: Option<Seal>,
    /// What it took to make it from the first operation on, which is what an exact hit saves.
    pub cost: Cost,
}

/// The head of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The scope of the stream.
    pub scope: Scope,
    /// Its last operation.
    pub revision: Revision,
    /// The id of that. A log that was exchanged for another one may be as long.
    pub operation: OperationId,
}

/// What a rebuild took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Operations replayed.
    pub operations: u64,
    /// The time that took.
    pub elapsed: Duration,
}

impl Entry {
    /// About how many bytes of memory it takes, rather too many than too few; states that it shares with others count in
    /// full.
    #[must_use]
    pub fn heap_bytes(&self) -> u64 {
        /// The entry itself with its names, and its place in a tier.
        const FRAME: usize = 1024;
        let header: usize = self.header.iter().map(|(key, value)| key.as_bytes().len() + 64 + value.heap_bytes()).sum();
        (FRAME + header + self.state.heap_bytes() + self.initial.heap_bytes()) as u64
    }
}

impl Facts {
    /// The head of one scope when the entry was made.
    #[must_use]
    pub fn head_of(&self, scope: &str) -> Option<&Head> {
        self.heads.iter().find(|head| head.scope == *scope)
    }

    /// The readable form of its key, `NAMESPACE:TYPE:DOC/SCOPE@BRANCH:REVISION:vFORMAT`, for people and for patterns. Document,
    /// scope and branch are escaped as in targets; the revision before operation 0 is `initial`.
    #[must_use]
    pub fn key(&self, namespace: &str) -> String {
        let Facts { stream, document_type, .. } = self;
        let revision: &dyn fmt::Display = match &self.revision {
            Some(revision) => revision,
            None => &"initial",
        };
        let parts = [stream.document.as_str(), stream.scope.as_str(), stream.branch.as_str()];
        let [document, scope, branch] = parts.map(escape);
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
