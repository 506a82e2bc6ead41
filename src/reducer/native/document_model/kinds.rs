//! What has an id within a specification, and the texts about it.

use crate::model::json::Text;
use crate::reducer::native::engine::{Failure, failure};

/// What has an id within a specification.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A module.
    Module,
    /// An operation of a module.
    Operation,
    /// An error or example of an operation.
    Detail(Detail),
}

/// What an operation has lists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// An error that the operation may fail with.
    Error,
    /// An example of its input.
    Example,
}

impl Detail {
    /// The member of an operation that lists them.
    pub(super) fn list(self) -> &'static str {
        match self {
            Detail::Error => "errors",
            Detail::Example => "examples",
        }
    }
}

impl Kind {
    fn noun(self) -> &'static [u8] {
        match self {
            Kind::Module => b"Module",
            Kind::Operation => b"Operation",
            Kind::Detail(Detail::Error) => b"Operation error",
            Kind::Detail(Detail::Example) => b"Operation example",
        }
    }

    /// There is none of that id.
    pub(super) fn missing(self, id: &Text<'_>) -> Failure {
        self.fails(id, b"not found")
    }

    /// There is one of that id already.
    pub(super) fn exists(self, id: &Text<'_>) -> Failure {
        self.fails(id, b"already exists")
    }

    /// There are several of that id.
    pub(super) fn duplicated(self, id: &Text<'_>) -> Failure {
        self.fails(id, b"is duplicated")
    }

    fn fails(self, id: &Text<'_>, what: &[u8]) -> Failure {
        failure(&[self.noun(), b" \"", id.as_bytes(), b"\" ", what, b" in the latest specification"])
    }
}
