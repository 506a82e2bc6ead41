//! Exit codes, and how an error becomes one: the code, a stable name, a message, its causes, and a hint.

mod class;

use anyhow::Error;
use schemars::JsonSchema;
use serde::Serialize;

use class::{Class, classify};

/// How a command ends. The numbers are a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// Done, clean.
    Success = 0,
    /// Findings, differences, no match, or a part that failed: lines of a batch, streams.
    Findings = 1,
    /// Usage.
    Usage = 2,
    /// Environment or I/O; nothing was decided.
    Failed = 3,
    /// Nothing matched, or past the head.
    Nothing = 4,
    /// The budget ended, or only what cannot be verified is left.
    Incomplete = 5,
    /// The store is missing, or not a store.
    NoStore = 10,
    /// The store is locked or busy.
    Busy = 11,
    /// The schema is not supported.
    Unsupported = 12,
    /// Stored data cannot be decoded or replayed.
    Undecodable = 13,
    /// No model for a document type.
    ModelMissing = 14,
    /// The store moved, or a conflict.
    Precondition = 15,
    /// Interrupted.
    Interrupted = 130,
    /// The reader of the pipe went away.
    PipeClosed = 141,
}

impl ExitStatus {
    /// All of them, ascending.
    pub(crate) const ALL: [ExitStatus; 14] = [
        Self::Success,
        Self::Findings,
        Self::Usage,
        Self::Failed,
        Self::Nothing,
        Self::Incomplete,
        Self::NoStore,
        Self::Busy,
        Self::Unsupported,
        Self::Undecodable,
        Self::ModelMissing,
        Self::Precondition,
        Self::Interrupted,
        Self::PipeClosed,
    ];

    /// What it means, in a line for the manual.
    #[must_use]
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Success => "done",
            Self::Findings => "findings, differences, or a part that failed",
            Self::Usage => "the command line is wrong",
            Self::Failed => "the environment or I/O failed; nothing was decided",
            Self::Nothing => "nothing matched, or the position is past the head",
            Self::Incomplete => "out of time, or something could not be checked",
            Self::NoStore => "the store is missing, or is not a store",
            Self::Busy => "the store is locked or busy",
            Self::Unsupported => "the schema of the store is not supported",
            Self::Undecodable => "stored data cannot be decoded or replayed",
            Self::ModelMissing => "there is no model for a document type",
            Self::Precondition => "a precondition failed: the store moved, or a conflict",
            Self::Interrupted => "interrupted",
            Self::PipeClosed => "the reader of the pipe went away",
        }
    }
}

/// An error that only the command line knows.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Refusal {
    /// How the command ends.
    pub(crate) exit: ExitStatus,
    /// A stable name.
    pub(crate) code: &'static str,
    /// What and where.
    pub(crate) message: String,
    /// What to do.
    pub(crate) hint: Option<String>,
}

/// An error that is told in another way than its cause would be, mostly with a better hint.
#[derive(Debug, thiserror::Error)]
#[error("{refusal}")]
pub(crate) struct Retold {
    refusal: Refusal,
    #[source]
    cause: Box<dyn std::error::Error + Send + Sync>,
}

impl Retold {
    /// `error` as it is, with what `hint` makes of its hint.
    pub(crate) fn with_hint(error: Error, hint: impl FnOnce(Option<String>) -> String) -> Self {
        let (exit, report) = Report::of(&error);
        let refusal = Refusal { exit, code: report.code, message: report.message, hint: Some(hint(report.hint)) };
        Retold { refusal, cause: error.into() }
    }
}

/// An error as users see it.
#[derive(Clone, Debug, JsonSchema, PartialEq, Eq, Serialize)]
#[schemars(rename = "Error")]
pub(crate) struct Report {
    /// A stable name in kebab case; there may be more of them some day.
    #[schemars(regex(pattern = "^[a-z]+(-[a-z]+)*$"))]
    pub(crate) code: &'static str,
    /// The exit code.
    #[schemars(range(min = 1))]
    pub(crate) exit: u8,
    /// What happened, and where.
    pub(crate) message: String,
    /// What to do; `null` if that is not known.
    pub(crate) hint: Option<String>,
    /// Why, from the nearest cause to the farthest.
    pub(crate) causes: Vec<String>,
}

impl Report {
    /// Sorts an error by the first of its causes that is known.
    #[must_use]
    pub(crate) fn of(error: &Error) -> (ExitStatus, Self) {
        let known = error.chain().find_map(classify);
        let Class(exit, code, hint) = known.unwrap_or(Class(ExitStatus::Failed, "failed", None));
        let mut texts: Vec<String> = error.chain().map(ToString::to_string).collect();
        // An error that passes on its cause's text, or a cause that only adds a number to it, has said it already.
        texts.dedup_by(|cause, outer| outer.ends_with(cause.as_str()) || cause.ends_with(outer.as_str()));
        let message = texts.remove(0);
        (exit, Report { code, exit: exit as u8, message, hint, causes: texts })
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::cli::ui::StdoutError;
    use crate::model::ids::{DocumentId, StreamKey};
    use crate::model::progress::Stop;
    use crate::reducer::{ModelId, RegistryError};
    use crate::replay::{Rejection, ReplayError};
    use crate::store::StoreError;
    use crate::store::archive::ArchiveError;

    fn report(error: impl Into<Error>) -> Report {
        Report::of(&error.into()).1
    }

    fn stream() -> StreamKey {
        StreamKey { document: "d".into(), scope: "global".into(), branch: "main".into() }
    }

    #[test]
    fn every_error_of_a_store_has_its_exit_code() {
        let location = || "ops.db".to_owned();
        let text = String::new;
        let source = || Box::new(io::Error::other("disk on fire"));
        for (error, exit, code) in [
            (StoreError::Missing { location: location() }, 10, "store-missing"),
            (StoreError::NotAStore { location: location(), reason: text() }, 10, "not-a-store"),
            (StoreError::Unsupported { location: location(), reason: text() }, 12, "schema-unsupported"),
            (StoreError::BadLocation { text: location(), reason: text() }, 2, "bad-store-location"),
            (StoreError::Busy { location: location() }, 11, "store-busy"),
            (
                StoreError::Unavailable { location: location(), action: "read", source: source() },
                3,
                "store-unavailable",
            ),
            (StoreError::ReadOnly { location: location() }, 3, "store-read-only"),
            (StoreError::Corrupt { table: "t", key: text(), column: "c", reason: text() }, 13, "row-corrupt"),
            (StoreError::Damaged { location: location(), source: source() }, 13, "store-damaged"),
            (StoreError::Exists { location: location() }, 15, "store-exists"),
            (
                StoreError::BadArchive { location: location(), source: Box::new(ArchiveError::Foreign) },
                13,
                "archive-unreadable",
            ),
            (
                StoreError::KeyframeTaken {
                    stream: stream(),
                    revision: crate::model::ids::Revision::of(crate::model::ids::OpIndex::FIRST),
                },
                15,
                "keyframe-conflict",
            ),
            (
                StoreError::Conflict { stream: stream(), index: crate::model::ids::OpIndex::FIRST, reason: text() },
                15,
                "conflict",
            ),
        ] {
            let found = report(ReplayError::Store(error));
            assert_eq!((found.exit, found.code), (exit, code));
        }
    }

    #[test]
    fn every_error_of_a_replay_has_its_exit_code() {
        let model = || ModelId { document_type: "x/y".into(), version: 2 };
        let (document, branch) = (DocumentId::from("d"), "b".into());
        let revision = crate::model::ids::Revision::of(crate::model::ids::OpIndex::FIRST);
        for (error, exit) in [
            (ReplayError::NoDocument { name: "d".into(), similar: vec![] }, 4),
            (ReplayError::Ambiguous { prefix: "d".into(), count: 2, examples: vec![] }, 2),
            (ReplayError::NoBranch { document: document.clone(), branch, branches: vec![] }, 4),
            (ReplayError::PastHead { stream: stream(), asked: "9".into(), head: Some(revision) }, 4),
            (ReplayError::NoOperation { document, id: "o".into() }, 4),
            (ReplayError::NoKeyframe { stream: stream(), revision }, 4),
            (ReplayError::Model(RegistryError::ModelMissing(model())), 14),
            (ReplayError::Model(RegistryError::StepMissing(model())), 14),
            (
                ReplayError::Rejected {
                    stream: stream(),
                    index: None,
                    rejection: Rejection::Other,
                    message: String::new(),
                },
                13,
            ),
            (
                ReplayError::Unloadable {
                    document: "d".into(),
                    loader: crate::reducer::archive::Loader::Plain,
                    message: String::new(),
                },
                13,
            ),
            (ReplayError::Fold(crate::reducer::FoldError::Limit("step")), 13),
            (ReplayError::Stopped(Stop::Interrupted), 130),
            (ReplayError::Stopped(Stop::TimedOut), 5),
        ] {
            assert_eq!(report(error).exit, exit);
        }
    }

    #[test]
    fn a_closed_pipe_is_told_from_a_full_disk() {
        assert_eq!(report(StdoutError::Io(io::ErrorKind::BrokenPipe.into())).exit, 141);
        let full = report(StdoutError::Io(io::ErrorKind::StorageFull.into()));
        assert_eq!((full.exit, full.message.as_str()), (3, "cannot write to stdout"));
        assert_eq!(full.causes, ["no storage space"]);
    }

    #[test]
    fn causes_are_told_once() {
        let cause = StoreError::Unavailable {
            location: "ops.db".into(),
            action: "read",
            source: Box::new(io::Error::other("gone")),
        };
        let found = report(Error::from(ReplayError::Store(cause)).context("rebuilding d"));
        assert_eq!(found.message, "rebuilding d");
        assert_eq!(found.causes, ["cannot read ops.db", "gone"]);
        assert_eq!((found.exit, found.code), (3, "store-unavailable"));
    }

    #[test]
    fn hints_name_what_to_type() {
        let past = report(ReplayError::PastHead { stream: stream(), asked: "9".into(), head: None });
        assert_eq!(past.hint.as_deref(), Some("the newest is `snapctl rebuild d/global:head`"));
        let examples = vec![DocumentId::from("da"), "db".into()];
        let found = report(ReplayError::Ambiguous { prefix: "d".into(), count: 3, examples });
        assert_eq!(found.hint.as_deref(), Some("type more of it: da, db, …"));
    }
}
