//! What commands say of a state in the cache file.

use schemars::JsonSchema;
use serde::Serialize;

use crate::cache::{Facts, Listed};
use crate::model::ids::Revision;

/// A state in the cache file.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CachedState")]
pub(in crate::cli) struct EntryView {
    /// Its key, `NAMESPACE:TYPE:DOC/SCOPE@BRANCH:REVISION:vFORMAT`.
    pub(super) key: String,
    /// The store that it is of.
    pub(super) store: String,
    /// The document.
    document: String,
    /// The scope.
    scope: String,
    /// The branch.
    branch: String,
    /// The last operation that is included; `null` before operation 0.
    revision: Option<u64>,
    /// The document type.
    document_type: String,
    /// Whether it was the head of its stream when it was put, and may answer for it while the store has not moved.
    head: bool,
    /// What it takes of the budget, in bytes; a body that several share counts with the first of them.
    pub(super) size_bytes: u64,
    /// How often it was found.
    reads: u64,
    /// How many operations it saves.
    operations: u64,
    /// How long those took, in microseconds.
    replay_us: u64,
}

impl EntryView {
    pub(super) fn of(namespace: &str, location: &str, listed: &Listed<'_>) -> Self {
        let Listed { facts, head, size_bytes, reads } = listed;
        let Facts { stream, revision, document_type, cost, .. } = facts;
        EntryView {
            key: facts.key(namespace),
            store: location.to_owned(),
            document: stream.document.as_str().to_owned(),
            scope: stream.scope.as_str().to_owned(),
            branch: stream.branch.as_str().to_owned(),
            revision: revision.map(Revision::get),
            document_type: document_type.as_str().to_owned(),
            head: *head,
            size_bytes: *size_bytes,
            reads: *reads,
            operations: cost.operations,
            replay_us: u64::try_from(cost.elapsed.as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// As cells of a table: key, bytes, reads, operations, whether it is a head.
    pub(super) fn cells(&self) -> [String; 5] {
        let head = if self.head { "head" } else { "" };
        let numbers = [self.size_bytes, self.reads, self.operations].map(|n| n.to_string());
        let [size, reads, operations] = numbers;
        [size, reads, operations, head.to_owned(), self.key.clone()]
    }
}
