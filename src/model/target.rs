//! What a user points at: `DOC[/SCOPE][@BRANCH][:REV]`.

use super::ids::{Branch, DocumentId, OperationId, Revision, Scope};
use super::time::Timestamp;

/// A target as typed: a document, maybe a scope, a branch, and a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The document.
    pub document: DocumentRef,
    /// The scope; `None` is the composed document, or `global` for a position that needs one.
    pub scope: Option<Scope>,
    /// The branch.
    pub branch: Branch,
    /// The position.
    pub at: At,
}

/// How a document is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DocumentRef {
    /// By exactly this id.
    Literal(DocumentId),
    /// By an id, a unique prefix of one, or (last) a slug.
    Typed(String),
}

/// A position in a stream as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// The newest revision.
    Head,
    /// That many operations before the newest revision.
    BeforeHead(u64),
    /// A revision.
    Revision(Revision),
    /// The state before operation 0.
    Initial,
    /// The newest row with an operation id.
    Operation(OperationId),
    /// A stored keyframe, unreplayed.
    Keyframe(Revision),
    /// The longest prefix whose timestamps are all at or before a time.
    Time(Timestamp),
}

/// Escapes a part of a target: `/`, `@`, `:` and `%` become `%XX`.
#[must_use]
pub fn escape(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    for char in part.chars() {
        match char {
            '/' => out.push_str("%2F"),
            '@' => out.push_str("%40"),
            ':' => out.push_str("%3A"),
            '%' => out.push_str("%25"),
            _ => out.push(char),
        }
    }
    out
}
