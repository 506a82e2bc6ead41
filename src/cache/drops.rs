//! What is dropped from a tier, and why.

use std::fmt;

use super::Facts;
use crate::model::ids::{Branch, DocumentId, DocumentType, Fingerprint, Scope, StreamKey};

/// Which entries are dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All of the store.
    All,
    /// Those of a document.
    Document(DocumentId),
    /// Those of one scope of a document, on all branches.
    Scope(DocumentId, Scope),
    /// Those of one branch of a document, all scopes.
    Branch(DocumentId, Branch),
    /// Those of a stream.
    Stream(StreamKey),
    /// Those whose key ([`Facts::key`]) matches.
    Glob {
        /// What the keys begin with.
        namespace: String,
        /// `*` is any text, `?` any character, `[…]` one of some.
        pattern: glob::Pattern,
    },
    /// Those that models with this fingerprint made.
    Fingerprint(Fingerprint),
    /// Those of documents of a type that models with this fingerprint made: several types may have one model.
    Model(DocumentType, Fingerprint),
}

impl Which {
    /// Whether an entry is among them.
    #[must_use]
    pub fn includes(&self, facts: &Facts) -> bool {
        let stream = &facts.stream;
        match self {
            Which::All => true,
            Which::Document(document) => stream.document == *document,
            Which::Scope(document, scope) => stream.document == *document && stream.scope == *scope,
            Which::Branch(document, branch) => stream.document == *document && stream.branch == *branch,
            Which::Stream(other) => stream == other,
            Which::Glob { namespace, pattern } => pattern.matches(&facts.key(namespace)),
            Which::Fingerprint(fingerprint) => facts.fingerprint == *fingerprint,
            Which::Model(of, fingerprint) => facts.document_type == *of && facts.fingerprint == *fingerprint,
        }
    }
}

/// Why an entry went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The ring of its stream was full, and it was the oldest in it.
    Ring,
    /// There were too many streams, or too many entries.
    Count,
    /// There were too many bytes.
    Bytes,
    /// Its time was over.
    Expired,
    /// Somebody asked for it.
    Asked,
    /// The document was deleted.
    DocumentDeleted,
    /// The document was upgraded.
    DocumentUpgraded,
    /// The model that made it is another one now.
    ModelChanged,
    /// The log is not the one it was made of.
    LogChanged,
    /// It could not be read.
    Damaged,
}

impl Cause {
    /// All of them.
    pub const ALL: [Cause; 10] = [
        Cause::Ring,
        Cause::Count,
        Cause::Bytes,
        Cause::Expired,
        Cause::Asked,
        Cause::DocumentDeleted,
        Cause::DocumentUpgraded,
        Cause::ModelChanged,
        Cause::LogChanged,
        Cause::Damaged,
    ];

    /// As users see it, and as it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Ring => "ring",
            Cause::Count => "count",
            Cause::Bytes => "bytes",
            Cause::Expired => "expired",
            Cause::Asked => "asked",
            Cause::DocumentDeleted => "documentDeleted",
            Cause::DocumentUpgraded => "documentUpgraded",
            Cause::ModelChanged => "modelChanged",
            Cause::LogChanged => "logChanged",
            Cause::Damaged => "damaged",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
