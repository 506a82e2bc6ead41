//! What each error of the library means for whoever typed the command: an exit code, a stable name, and what to do.

use std::io;
use std::path::Path;

use super::{ExitStatus, Refusal, Retold};
use crate::cli::quote;
use crate::cli::ui::StdoutError;
use crate::keyframe::apply::ApplyError;
use crate::keyframe::plan::PlanFileError;
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

/// How an error is sorted: exit code, stable name, hint.
pub(super) struct Class(pub(super) ExitStatus, pub(super) &'static str, pub(super) Option<String>);

/// Sorts an error by what it is itself; `None` if only its cause may say.
pub(super) fn classify(error: &(dyn std::error::Error + 'static)) -> Option<Class> {
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
        .or_else(|| error.downcast_ref().map(of_apply))
        .or_else(|| error.downcast_ref().map(of_plan_file))
        .or_else(|| error.downcast_ref().map(of_registry))
        .or_else(|| error.downcast_ref().copied().map(of_stop))
        .or_else(|| error.downcast_ref().map(of_settings))
        .or_else(|| error.downcast_ref().map(of_target))
}

fn of_stdout(error: &StdoutError) -> Class {
    match error {
        StdoutError::Io(cause) if cause.kind() == io::ErrorKind::BrokenPipe => {
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
        ReplayError::PastHead { stream, .. } => Class(
            Exit::Nothing,
            "past-head",
            Some(format!("the newest is `snapctl rebuild {}`", quote::word(&format!("{stream}:head")))),
        ),
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
        Some(revision) => format!("{stream}:{revision}"),
        None => format!("{stream}:initial"),
    });
    let before = before.map(|target| format!("`snapctl rebuild {}` gives the state before it", quote::word(&target)));
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
                     file of that name is {}",
                    quote::word(&format!("sqlite:{location}"))
                )
            });
            Class(Exit::NoStore, "not-a-store", hint)
        }
        StoreError::Unsupported { .. } => Class(Exit::Unsupported, "schema-unsupported", None),
        StoreError::BadLocation { .. } => Class(Exit::Usage, "bad-store-location", None),
        StoreError::Busy { .. } => hinted(Exit::Busy, "store-busy", "wait longer with --busy-timeout, for example 30s"),
        StoreError::Unavailable { source, .. } => {
            let is_full = source.downcast_ref().is_some_and(is_of_space);
            let hint = is_full.then(|| "make room on its disk, and run the command again".to_owned());
            Class(Exit::Failed, "store-unavailable", hint)
        }
        StoreError::ReadOnly { location } => {
            let is_archive = has_archive_name(location_path(location));
            let hint = is_archive
                .then(|| format!("`snapctl import {} --init --store FILE` makes a store of it", of_path(location)));
            Class(Exit::Failed, "store-read-only", hint)
        }
        StoreError::BadArchive { location, source } => {
            let hint = match **source {
                ArchiveError::Missing(_) | ArchiveError::Foreign => format!(
                    "header.json, state.json and operations.json have to be at its root; `unzip -l {}` shows what is in it",
                    of_path(location)
                ),
                ArchiveError::Text(ArchiveFault { .. }) | ArchiveError::NoOrigin(_) => {
                    "save the document again with the program that it is from".to_owned()
                }
                _ => format!("get it again from where it came; `unzip -t {}` tests it", of_path(location)),
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

fn of_apply(error: &ApplyError) -> Class {
    match error {
        ApplyError::Store(error) => of_store(error),
        ApplyError::Plan(error) => of_plan_file(error),
        ApplyError::Replay(error) => of_replay(error),
        ApplyError::Stopped(stop) => of_stop(*stop),
        ApplyError::OtherStore { .. } => {
            hinted(ExitStatus::Precondition, "other-store", "name the store of the plan with --store, or plan anew")
        }
        ApplyError::Moved { .. } => {
            hinted(ExitStatus::Precondition, "store-moved", "plan anew; what a plan says is done only to what it is of")
        }
    }
}

fn of_plan_file(error: &PlanFileError) -> Class {
    match error {
        PlanFileError::Unreadable { .. } => Class(ExitStatus::Failed, "plan-unreadable", None),
        PlanFileError::Copy { source, .. } => {
            let room = if is_of_space(source) { "make room there, or name" } else { "name" };
            let hint = format!("{room} another folder with the variable TMPDIR");
            Class(ExitStatus::Failed, "temporary-file", Some(hint))
        }
        PlanFileError::Line { .. } | PlanFileError::Version { .. } | PlanFileError::CutOff => hinted(
            ExitStatus::Usage,
            "plan-invalid",
            "`snapctl keyframe prune … --plan FILE` writes a plan; `snapctl schema keyframe-plan` describes it",
        ),
    }
}

/// Whether the system had no space left.
fn is_of_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The file of a location, as a word of a command line.
fn of_path(location: &str) -> String {
    quote::path(location_path(location))
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
        [] if has_archive_name(path) => format!("`snapctl export DOC {}` writes one", quote::option("--to", location)),
        [] => format!("`snapctl {} store init` makes an empty one", quote::option("--store", location)),
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
