//! Names and positions. The stored format says "revision" for two different numbers; here each has its
//! own type, and this file is the only place that converts between the two.

use std::borrow::Borrow;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text as stored.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                $name(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                $name(text.into())
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                *self.0 == *other
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

name! {
    /// Identifies a document; any text.
    DocumentId
}
name! {
    /// A part of a document with operations of its own: `document`, `global`, `local`, `auth`, `header`, or any text.
    Scope
}
name! {
    /// A branch; `main` in practice, any text in principle.
    Branch
}
name! {
    /// What kind of document it is, for example `powerhouse/document-drive`.
    DocumentType
}
name! {
    /// Identifies an operation (reactor format §3.4); re-appended copies share it.
    OperationId
}

name! {
    /// Digest of everything a model's results depend on (type, version, code); any text without white space. Part of every
    /// cache key.
    Fingerprint
}

impl Scope {
    /// The scope of creation, upgrades, deletion and relationships.
    #[must_use]
    pub fn document() -> Self {
        "document".into()
    }

    /// The scope of shared model state.
    #[must_use]
    pub fn global() -> Self {
        "global".into()
    }
}

impl Branch {
    /// The branch that is meant when none is named.
    #[must_use]
    pub fn main() -> Self {
        "main".into()
    }
}

/// A stream: the operations of one scope of one document on one branch, numbered from 0 without gaps.
///
/// Displays as a target that parses back: `DOC/SCOPE`, with `@BRANCH` when it is not `main`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey {
    /// The document.
    pub document: DocumentId,
    /// The scope.
    pub scope: Scope,
    /// The branch.
    pub branch: Branch,
}

impl fmt::Display for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escape = super::target::escape;
        write!(f, "{}/{}", escape(self.document.as_str()), escape(self.scope.as_str()))?;
        if self.branch == *"main" { Ok(()) } else { write!(f, "@{}", escape(self.branch.as_str())) }
    }
}

/// Position of an operation in its stream; the first is `0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpIndex(u64);

/// A state, named by the last operation it includes, as a keyframe row stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(OpIndex);

/// Index the next operation will take, as a document header stores it; `0` for an empty stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NextIndex(u64);

impl OpIndex {
    /// The first operation of a stream.
    pub const FIRST: OpIndex = OpIndex(0);

    /// Wraps a stored index.
    #[must_use]
    pub fn new(index: u64) -> Self {
        OpIndex(index)
    }

    /// The number as stored.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// The index that follows in a stream without gaps.
    #[must_use]
    pub fn next(self) -> NextIndex {
        NextIndex(self.0.saturating_add(1))
    }
}

impl Revision {
    /// The state after `last`.
    #[must_use]
    pub fn of(last: OpIndex) -> Self {
        Revision(last)
    }

    /// The last operation the state includes.
    #[must_use]
    pub fn last(self) -> OpIndex {
        self.0
    }

    /// The number as a keyframe row stores it.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// The next index of a stream that ends at this revision.
    #[must_use]
    pub fn next(self) -> NextIndex {
        self.0.next()
    }

    /// The revision `distance` operations earlier, or `None` when that is before the first operation.
    #[must_use]
    pub fn checked_sub(self, distance: u64) -> Option<Revision> {
        self.get().checked_sub(distance).map(|index| Revision(OpIndex(index)))
    }
}

impl NextIndex {
    /// Wraps a number as a header stores it.
    #[must_use]
    pub fn new(next: u64) -> Self {
        NextIndex(next)
    }

    /// Takes a number of a header's JSON; `None` unless it is a whole one that a log can reach.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be a whole number in range"
    )]
    pub fn from_number(number: f64) -> Option<Self> {
        const LIMIT: f64 = 9e15;
        ((0.0..LIMIT).contains(&number) && number.fract() == 0.0).then_some(NextIndex(number as u64))
    }

    /// The number as a header stores it.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// The index itself: where the next operation goes.
    #[must_use]
    pub fn index(self) -> OpIndex {
        OpIndex(self.0)
    }

    /// The last applied revision, or `None` for an empty stream.
    #[must_use]
    pub fn last_applied(self) -> Option<Revision> {
        self.0.checked_sub(1).map(|last| Revision(OpIndex(last)))
    }
}

impl From<Option<Revision>> for NextIndex {
    fn from(revision: Option<Revision>) -> Self {
        revision.map_or(NextIndex(0), Revision::next)
    }
}

impl fmt::Display for OpIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// How many positions directly before an operation it retracts (reactor format §4.3); `None` for none.
pub type Skip = Option<NonZeroU32>;

/// A contiguous piece of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first index that is included.
    pub from: NextIndex,
    /// The last index that is included; `None` is the end of the stream.
    pub through: Option<OpIndex>,
}

impl Span {
    /// The whole stream.
    pub const ALL: Span = Span { from: NextIndex(0), through: None };

    /// The operations that lead from `base` (`None`: the state before operation 0) to `target`.
    #[must_use]
    pub fn between(base: Option<Revision>, target: Option<Revision>) -> Self {
        Span { from: base.into(), through: target.map(Revision::last) }
    }

    /// What of it comes after a revision; `None` if it ends there or before.
    #[must_use]
    pub fn after(self, revision: Revision) -> Option<Self> {
        let rest = Span { from: self.from.max(revision.next()), ..self };
        rest.through.is_none_or(|last| rest.from.index() <= last).then_some(rest)
    }

    /// Whether the span includes `index`.
    #[must_use]
    pub fn contains(self, index: OpIndex) -> bool {
        index.0 >= self.from.0 && self.through.is_none_or(|last| index <= last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_index_of_a_revision_leads_back_to_it() {
        let revision = Revision::of(OpIndex::new(41));
        assert_eq!(revision.next().get(), 42);
        assert_eq!(revision.next().last_applied(), Some(revision));
        assert_eq!(NextIndex::default().last_applied(), None);
        assert_eq!(NextIndex::from(None), NextIndex::new(0));
    }

    #[test]
    fn a_span_starts_after_its_base() {
        let at = |index| Revision::of(OpIndex::new(index));
        let span = Span::between(Some(at(9)), Some(at(12)));
        assert!(!span.contains(at(9).last()) && span.contains(at(10).last()) && span.contains(at(12).last()));
        assert!(!span.contains(at(13).last()));
        assert!(Span::between(None, None).contains(OpIndex::FIRST));
    }

    #[test]
    fn what_comes_after_a_revision_is_the_end_of_a_span() {
        let at = |index| Revision::of(OpIndex::new(index));
        let span = Span::between(Some(at(9)), Some(at(12)));
        assert_eq!([5, 9].map(|index| span.after(at(index))), [Some(span); 2]);
        assert_eq!(span.after(at(11)), Some(Span::between(Some(at(11)), Some(at(12)))));
        assert_eq!([12, 13].map(|index| span.after(at(index))), [None; 2]);
        assert_eq!(Span::ALL.after(at(7)), Some(Span::between(Some(at(7)), None)));
    }
}
