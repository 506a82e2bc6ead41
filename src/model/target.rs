//! What a user points at: `DOC[/SCOPE][@BRANCH][:REV]`.
//!
//! `REV` is `N`, `head`, `head~N`, `initial`, `op:ID`, `keyframe:N` or `@TIME`. The first `:` begins it, so a time
//! may contain colons. `%XX` stands for a byte of UTF-8 in any part; `/`, `@`, `:` and `%` in a document, scope or
//! branch must be written that way.

mod escape;
mod parse;

use std::fmt;

use super::ids::{Branch, DocumentId, OperationId, Revision, Scope};
use super::time::Timestamp;

pub use escape::escape;
pub use parse::{TargetError, TargetPart};

/// The grammar in one line, for hints.
pub const GRAMMAR: &str =
    "DOC[/SCOPE][@BRANCH][:REV], REV is N, head, head~N, initial, op:ID, keyframe:N or @TIME; %XX escapes / @ : %";

/// A target as typed: a document, maybe a scope, a branch, and a position.
///
/// Displays as text that parses back to the same target (a literal document comes back as a typed one). Parts must
/// not be empty for that.
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

impl DocumentRef {
    /// The text as typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            DocumentRef::Literal(id) => id.as_str(),
            DocumentRef::Typed(text) => text,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape(self.document.as_str()))?;
        if let Some(scope) = &self.scope {
            write!(f, "/{}", escape(scope.as_str()))?;
        }
        if self.branch != Branch::main() {
            write!(f, "@{}", escape(self.branch.as_str()))?;
        }
        if self.at == At::Head { Ok(()) } else { write!(f, ":{}", self.at) }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Head => f.write_str("head"),
            At::BeforeHead(distance) => write!(f, "head~{distance}"),
            At::Revision(revision) => write!(f, "{revision}"),
            At::Initial => f.write_str("initial"),
            At::Operation(id) => write!(f, "op:{}", escape(id.as_str())),
            At::Keyframe(revision) => write!(f, "keyframe:{revision}"),
            At::Time(time) => write!(f, "@{time}"),
        }
    }
}
