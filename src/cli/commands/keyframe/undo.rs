//! `snapctl keyframe undo`.

use std::fmt::Write as _;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::clock;
use crate::cli::commands::import::count;
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::ui::{Format, Ui};
use crate::keyframe::{Change, Moved, Undo, Undone, last_run, undo};
use crate::model::ids::{Revision, StreamKey};
use crate::settings;
use crate::store::history::RunId;
use crate::store::{Access, Read, Store, answer};

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "keyframe undo",
    examples: &[
        Example {
            does: "Take back the last run that changed keyframes",
            run: "snapctl keyframe write --every 5\nsnapctl keyframe undo",
        },
        Example {
            does: "What taking back a run would do, even where keyframes were changed since",
            run: "snapctl keyframe write --every 5\nsnapctl keyframe undo 1 --force --dry-run",
        },
    ],
};

/// How many keyframes of a list are named.
const NAMED: usize = 10;

/// Take back what a run did to keyframes
///
/// Keyframes that it wrote go, those that it replaced or deleted come back with their pins and checks. The history has the
/// bodies that the log does not give; the others are made of the log, with headers stamped anew. What is done is noted as a
/// run of its own, so that it can be taken back too. Done again, it does nothing more; ended early, it goes on.
///
/// Where somebody has changed one of the keyframes since, nothing is done, and the exit code is 15. It is 1 if some changes
/// cannot be taken back; the others are.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct UndoArgs {
    /// Which run, as `snapctl keyframe history` shows it [default: the newest that is not undone and is no undo itself]
    #[arg(value_name = "RUN")]
    run: Option<u64>,

    /// Put keyframes back even where somebody has changed them since; the history keeps what they are now
    #[arg(long)]
    force: bool,

    /// Tell what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// What `keyframe undo` answers.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Undone")]
pub(in crate::cli) struct UndoneView {
    /// The run that was taken back.
    undone_run: u64,
    /// The run under which the history has that; `null` if nothing was changed.
    run: Option<u64>,
    /// Changes that were taken back.
    changes: u64,
    /// Keyframes that have the body again that they had.
    restored: u64,
    /// Keyframes that are there again, made of the log: they are right, and their headers are stamped anew.
    rebuilt: u64,
    /// Keyframes that had been written, and are gone.
    removed: u64,
    /// Keyframes whose pin, check or way of storing is as it was.
    reset: u64,
    /// Changes that cannot be taken back.
    lost: Vec<LostView>,
    /// Keyframes that somebody had changed since.
    moved: Vec<String>,
    /// Whether nothing was done because that was asked for.
    dry_run: bool,
}

/// A change that cannot be taken back.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "LostChange")]
pub(in crate::cli) struct LostView {
    /// The keyframe, as a target.
    target: String,
    /// Why.
    reason: String,
}

/// Runs `snapctl keyframe undo`.
///
/// # Errors
/// When the store cannot be opened, read or changed, there is no such run, or keyframes were changed since.
pub(super) fn run(args: &UndoArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let access = if args.dry_run { Access::Read } else { Access::Change };
    let store = ctx.open_named(&ctx.store_named()?, access)?;
    let run = chosen(args, &*store)?;
    let meter = ctx.meter("undoing");
    let request = Undo {
        store: &*store,
        registry: ctx.registry(),
        trust: ctx.settings().get(&settings::TRUST),
        run,
        moved: if args.force { Moved::Overwrite } else { Moved::Refuse },
        clock: &clock::now,
        progress: &meter,
    };
    let undone = undo(&request, if args.dry_run { Change::Foretell } else { Change::Make });
    drop(meter);
    let undone = undone?;
    if !args.force && !undone.moved.is_empty() {
        return Err(changed_since(run, &undone.moved).into());
    }
    let view = UndoneView::new(run, &undone, args.dry_run);
    match ui.out.format() {
        Format::Plain => ui.out.line(&view.sentence())?,
        _ => ui.out.json(|out| Ok(serde_json::to_writer(out, &view)?))?,
    }
    for LostView { target, reason } in view.lost.iter().take(NAMED) {
        ui.talk.warning(format_args!("{target} cannot be put back: {reason}"));
    }
    if view.lost.len() > NAMED {
        ui.talk.warning(format_args!("and {} more", view.lost.len() - NAMED));
    }
    Ok(if view.lost.is_empty() { ExitStatus::Success } else { ExitStatus::Findings })
}

fn chosen(args: &UndoArgs, store: &dyn Store) -> anyhow::Result<RunId> {
    let found = answer(store, |read: &dyn Read| match args.run {
        Some(named) => {
            let mut known = None;
            read.history().runs(&mut |run| {
                known = known.or(Some(run.id).filter(|id| id.0 == named));
                if known.is_some() { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
            })?;
            Ok::<_, crate::store::StoreError>(known)
        }
        None => last_run(read),
    })?;
    found.ok_or_else(|| {
        let message = match args.run {
            Some(run) => format!("{} has no run {run}", store.location()),
            None => format!("the history of {} has nothing to undo", store.location()),
        };
        let hint = Some("`snapctl keyframe history` lists the runs".to_owned());
        Refusal { exit: ExitStatus::Nothing, code: "no-run", message, hint }.into()
    })
}

fn changed_since(run: RunId, moved: &[(StreamKey, Revision)]) -> Refusal {
    let named: Vec<String> = moved.iter().take(NAMED).map(target).collect();
    let more = if moved.len() > NAMED { format!(" and {} more", moved.len() - NAMED) } else { String::new() };
    Refusal {
        exit: ExitStatus::Precondition,
        code: "keyframes-moved",
        message: format!("since run {} somebody has changed {}{more}; nothing was undone", run.0, named.join(", ")),
        hint: Some("undo what came after it first, or put them back all the same with --force".to_owned()),
    }
}

fn target((stream, revision): &(StreamKey, Revision)) -> String {
    format!("{stream}:keyframe:{revision}")
}

impl UndoneView {
    fn new(of: RunId, undone: &Undone, dry_run: bool) -> Self {
        let Undone { run, undone: changes, restored, rebuilt, removed, reset, lost, moved } = undone;
        let lost_view = |(stream, revision, reason): &(StreamKey, Revision, String)| LostView {
            target: target(&(stream.clone(), *revision)),
            reason: reason.clone(),
        };
        UndoneView {
            undone_run: of.0,
            run: run.map(|run| run.0),
            changes: *changes,
            restored: *restored,
            rebuilt: *rebuilt,
            removed: *removed,
            reset: *reset,
            lost: lost.iter().map(lost_view).collect(),
            moved: moved.iter().map(target).collect(),
            dry_run,
        }
    }

    fn sentence(&self) -> String {
        let would = if self.dry_run { " would be" } else { "" };
        if self.changes == 0 && self.lost.is_empty() {
            return format!("run {} is undone already", self.undone_run);
        }
        let mut text = format!("run {}: {}{would} undone", self.undone_run, count(self.changes, "change"));
        let parts = [
            (self.removed, "removed"),
            (self.restored, "restored"),
            (self.rebuilt, "made of the log again"),
            (self.reset, "with pin, check or codec as before"),
            (self.lost.len() as u64, "that cannot be put back"),
        ];
        for (n, what) in parts.iter().filter(|(n, _)| *n > 0) {
            // Writing to a string cannot fail.
            let _ = write!(text, ", {} {what}", count(*n, "keyframe"));
        }
        text
    }
}
