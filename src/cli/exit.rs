//! Exit codes, and how an error becomes one: the code, a stable name, a message, its causes, and a hint.

use std::path::Path;

use anyhow::Error;
use schemars::JsonSchema;
use serde::Serialize;

use super::ui::StdoutError;
use crate::model::archive::ArchiveFault;
use crate::model::ids::{Branch, DocumentId, OpIndex, Revision, StreamKey};
use crate::model::progress::Stop;
use crate::model::similar::{Similar, nearest};
use crate::model::target::{GRAMMAR, TargetError};
use crate::reducer::{ModelId, RegistryError};
use crate::replay::{Rejection, ReplayError};
use crate::settings::SettingsError;
use crate::store::archive::{ArchiveError, has_archive_name};
use crate::store::{StoreError, location_path};
use crate::transfer::{ArchiveWriteError, ImportError};

/// How a command ends. The numbers are a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// Done, clean.
    Success = 0,
    /// Findings, differences, no match, failed lines in a batch.
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
            Self::Findings => "findings, differences, or failed lines in a batch",
            Self::Usage => "the command line is wrong",
            Self::Failed => "the environment or I/O failed; nothing was decided",
            Self::Nothing => "nothing matched, or the position is past the head",
            Self::Incomplete => "out of time (--timeout)",
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

/// How an error is sorted.
struct Class(ExitStatus, &'static str, Option<String>);

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

fn classify(error: &(dyn std::error::Error + 'static)) -> Option<Class> {
    if let Some(refusal) = error.downcast_ref::<Refusal>() {
        return Some(Class(refusal.exit, refusal.code, refusal.hint.clone()));
    }
    if let Some(Retold { refusal, .. }) = error.downcast_ref() {
        return Some(Class(refusal.exit, refusal.code, refusal.hint.clone()));
    }
    if let Some(error) = error.downcast_ref() {
        return Some(of_stdout(error));
    }
    None.or_else(|| error.downcast_ref().map(of_replay))
        .or_else(|| error.downcast_ref().map(of_store))
        .or_else(|| error.downcast_ref().map(of_import))
        .or_else(|| error.downcast_ref().map(of_archive))
        .or_else(|| error.downcast_ref().map(of_registry))
        .or_else(|| error.downcast_ref().copied().map(of_stop))
        .or_else(|| error.downcast_ref().map(of_settings))
        .or_else(|| error.downcast_ref().map(of_target))
}

fn of_stdout(error: &StdoutError) -> Class {
    match error {
        StdoutError::Io(cause) if cause.kind() == std::io::ErrorKind::BrokenPipe => {
            Class(ExitStatus::PipeClosed, "pipe-closed", None)
        }
        StdoutError::Io(_) => Class(ExitStatus::Failed, "stdout-failed", None),
        StdoutError::Filter(failure) => {
            // jaq's own errors are about types; the others are the expression's, or bounds.
            let hint =
                failure.reason.starts_with("cannot ").then_some("in an expression, EXPR? passes over what fails");
            Class(ExitStatus::Usage, "jq-failed", hint.map(str::to_owned))
        }
        StdoutError::Stopped(stop) => of_stop(*stop),
    }
}

fn of_replay(error: &ReplayError) -> Class {
    use ExitStatus as Exit;
    match error {
        ReplayError::NoDocument { similar, .. } => {
            let meant = match &similar[..] {
                [] => String::new(),
                names => format!("did you mean {}? ", names.join(" or ")),
            };
            Class(Exit::Nothing, "no-document", Some(format!("{meant}`snapctl ls` lists the documents")))
        }
        ReplayError::Ambiguous { examples, count, .. } => {
            Class(Exit::Usage, "ambiguous-document", Some(format!("type more of it: {}", listed(examples, *count))))
        }
        ReplayError::NoBranch { branches, .. } => {
            let names: Vec<&str> = branches.iter().map(Branch::as_str).collect();
            Class(
                Exit::Nothing,
                "no-branch",
                Some(format!("it has {}", names.join(", "))).filter(|_| !names.is_empty()),
            )
        }
        ReplayError::PastHead { stream, .. } => {
            Class(Exit::Nothing, "past-head", Some(format!("the newest is `snapctl rebuild {stream}:head`")))
        }
        ReplayError::NoOperation { .. } => {
            hinted(Exit::Nothing, "no-operation", "`snapctl log DOC/SCOPE --json` shows the ids")
        }
        ReplayError::NotYet { created, .. } => {
            let hint = created.map(|created| format!("the earliest state is at @{created}"));
            Class(Exit::Nothing, "not-yet", hint)
        }
        ReplayError::NoKeyframe { .. } => {
            hinted(Exit::Nothing, "no-keyframe", "without `keyframe:` the revision is rebuilt from the log")
        }
        ReplayError::Store(error) => of_store(error),
        ReplayError::Model(error) => of_registry(error),
        ReplayError::Rejected { stream, index, rejection, .. } => of_rejection(stream, *index, *rejection),
        ReplayError::Unloadable { .. } => hinted(
            Exit::Undecodable,
            "unloadable",
            "without --loader it is rebuilt from its operations, as a store would be",
        ),
        ReplayError::Fold(_) => Class(Exit::Undecodable, "model-failed", None),
        ReplayError::Stopped(stop) => of_stop(*stop),
    }
}

/// What cannot be replayed, and what still can.
fn of_rejection(stream: &StreamKey, index: Option<OpIndex>, rejection: Rejection) -> Class {
    let before = index.map(|index| match Revision::of(index).checked_sub(1) {
        Some(revision) => format!("`snapctl rebuild {stream}:{revision}` gives the state before it"),
        None => format!("`snapctl rebuild {stream}:initial` gives the state before it"),
    });
    let (code, hint) = match rejection {
        Rejection::BaseReducer => (
            "no-base-reducer",
            Some("--assume-base-reducer 1 replays it as releases 6.0 to 6.2.1 did; 6.2.2 refuses it".to_owned()),
        ),
        Rejection::HistoryAction => ("history-action", before),
        Rejection::BadForm => ("bad-form", before),
        Rejection::Other => ("rejected", None),
    };
    Class(ExitStatus::Undecodable, code, hint)
}

fn of_store(error: &StoreError) -> Class {
    use ExitStatus as Exit;
    match error {
        StoreError::Missing { location } => Class(Exit::NoStore, "store-missing", Some(like_files(location))),
        StoreError::NotAStore { location, .. } => {
            let is_named = has_archive_name(location_path(location));
            let hint = is_named.then(|| {
                format!(
                    "by its ending it is an archive, with header.json, state.json and operations.json at its root; an SQLite \
                     file of that name is sqlite:{location}"
                )
            });
            Class(Exit::NoStore, "not-a-store", hint)
        }
        StoreError::Unsupported { .. } => Class(Exit::Unsupported, "schema-unsupported", None),
        StoreError::BadLocation { .. } => Class(Exit::Usage, "bad-store-location", None),
        StoreError::Busy { .. } => hinted(Exit::Busy, "store-busy", "wait longer with --busy-timeout, for example 30s"),
        StoreError::Unavailable { .. } => Class(Exit::Failed, "store-unavailable", None),
        StoreError::ReadOnly { location } => {
            let is_archive = has_archive_name(location_path(location));
            let hint =
                is_archive.then(|| format!("`snapctl import {location} --init --store FILE` makes a store of it"));
            Class(Exit::Failed, "store-read-only", hint)
        }
        StoreError::BadArchive { location, source } => {
            let hint = match **source {
                ArchiveError::Missing(_) | ArchiveError::Foreign => format!(
                    "header.json, state.json and operations.json have to be at its root; `unzip -l {location}` shows what is in it"
                ),
                ArchiveError::Text(ArchiveFault { .. }) | ArchiveError::NoOrigin(_) => {
                    "save the document again with the program that it is from".to_owned()
                }
                _ => format!("get it again from where it came; `unzip -t {location}` tests it"),
            };
            Class(Exit::Undecodable, "archive-unreadable", Some(hint))
        }
        StoreError::Corrupt { .. } => Class(Exit::Undecodable, "row-corrupt", None),
        StoreError::Damaged { .. } => Class(Exit::Undecodable, "store-damaged", None),
        StoreError::Moved { .. } => hinted(Exit::Busy, "store-moved", "try again when the other program is less busy"),
        StoreError::NeedsRecovery { .. } => hinted(
            Exit::Busy,
            "store-needs-recovery",
            "let the program that writes the file open it once (after an import that was killed: the same import again)",
        ),
        StoreError::Exists { .. } => Class(Exit::Precondition, "store-exists", None),
        StoreError::Conflict { .. } => Class(Exit::Precondition, "conflict", None),
        StoreError::KeyframeTaken { .. } => Class(Exit::Precondition, "keyframe-conflict", None),
    }
}

/// What is refused by a store, or stopped, is sorted by its cause.
fn of_import(error: &ImportError) -> Class {
    match error {
        ImportError::Unreadable { .. } => Class(ExitStatus::Undecodable, "bad-record", None),
        ImportError::Source { .. } => Class(ExitStatus::Failed, "input-unreadable", None),
        ImportError::Refused { source, .. } | ImportError::Store(source) => of_store(source),
        ImportError::Stopped(stop) => of_stop(*stop),
    }
}

fn of_archive(error: &ArchiveWriteError) -> Class {
    match error {
        ArchiveWriteError::TooLarge { .. } => hinted(
            ExitStatus::Failed,
            "archive-too-large",
            "lines and stores hold any number of operations: --to FILE.ndjson",
        ),
        ArchiveWriteError::Container(_) => Class(ExitStatus::Failed, "failed", None),
        ArchiveWriteError::Store(error) => of_store(error),
        ArchiveWriteError::Stopped(stop) => of_stop(*stop),
    }
}

/// What to do about a file that is not there: maybe its name was mistyped.
fn like_files(location: &str) -> String {
    let path = location_path(location);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut similar = Similar::to(&name);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        similar.consider(&entry.file_name().to_string_lossy());
    }
    match &similar.into_names()[..] {
        [] if has_archive_name(path) => format!("`snapctl export DOC --to {location}` writes one"),
        [] => format!("`snapctl --store {location} store init` makes an empty one"),
        names => format!("did you mean {}?", names.join(" or ")),
    }
}

fn of_registry(error: &RegistryError) -> Class {
    match error {
        RegistryError::ModelMissing(id) => Class(ExitStatus::ModelMissing, "model-missing", Some(how_to_map(id))),
        RegistryError::StepMissing(id) => {
            let hint = format!(
                "if {id} changed nothing, say so in the settings file: [models.\"{id}\"] with upgrade = \"identity\""
            );
            Class(ExitStatus::ModelMissing, "upgrade-step-missing", Some(hint))
        }
    }
}

fn how_to_map(id: &ModelId) -> String {
    let kind = &id.document_type;
    format!(
        "if its operations are patches, say which with --model {kind}=json-patch (or json-merge-patch, set); a version that \
         behaves like another is mapped in snapctl.toml: [models.\"{id}\"] with same-as = \"{kind}@VERSION\"; \
         `snapctl model list` shows the models there are"
    )
}

fn of_stop(stop: Stop) -> Class {
    match stop {
        Stop::Interrupted => Class(ExitStatus::Interrupted, "interrupted", None),
        Stop::TimedOut => hinted(ExitStatus::Incomplete, "timed-out", "allow more with --timeout"),
    }
}

fn of_settings(error: &SettingsError) -> Class {
    match error {
        SettingsError::Unreadable { .. } => {
            hinted(ExitStatus::Failed, "settings-unreadable", "--config FILE reads another, --config /dev/null none")
        }
        SettingsError::UnknownKey { meant, .. } => {
            let hint = meant.as_ref().map(|meant| format!("did you mean {meant}?"));
            let all = || Some("`snapctl config --config /dev/null` lists the settings there are".to_owned());
            Class(ExitStatus::Usage, "settings-unknown-key", hint.or_else(all))
        }
        SettingsError::NoProfile { name, known, .. } => {
            let names: Vec<&str> = known.iter().map(String::as_str).collect();
            let hint = match nearest(name, &names) {
                Some(near) => format!("did you mean {near}?"),
                None if names.is_empty() => format!("the settings files that were read have no [profiles.{name}]"),
                None => format!("there is {}", names.join(", ")),
            };
            Class(ExitStatus::Usage, "no-profile", Some(hint))
        }
        SettingsError::Model { source, .. } => of_registry(source),
        SettingsError::Syntax { .. } | SettingsError::BadValue { .. } => {
            Class(ExitStatus::Usage, "settings-invalid", None)
        }
    }
}

fn of_target(_: &TargetError) -> Class {
    hinted(ExitStatus::Usage, "bad-target", GRAMMAR)
}

fn hinted(exit: ExitStatus, code: &'static str, hint: &str) -> Class {
    Class(exit, code, Some(hint.to_owned()))
}

fn listed(examples: &[DocumentId], count: usize) -> String {
    let mut text = examples.iter().map(DocumentId::as_str).collect::<Vec<_>>().join(", ");
    if count > examples.len() {
        text.push_str(", …");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::model::ids::StreamKey;

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
