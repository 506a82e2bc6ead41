//! `snapctl keyframe history`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::args::Literal;
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::render::table::{Align, table};
use crate::cli::selection::Choice;
use crate::cli::ui::{Format, Ui};
use crate::store::history::{Mutation, Run, RunId};
use crate::store::{Part, Store, StoreError, answer};

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "keyframe history",
    examples: &[
        Example {
            does: "The runs that changed keyframes, the newest first",
            run: "snapctl keyframe write --every 5\nsnapctl keyframe history",
        },
        Example {
            does: "What one of them did",
            run: "snapctl keyframe write --every 5\nsnapctl keyframe history --run 1",
        },
        Example {
            does: "Runs that were killed, of a drive the changes, as JSON",
            run: "snapctl keyframe history --json --jq 'map(select(.finishedAt == null))'\nsnapctl keyframe history field-notes --json",
        },
    ],
};

/// Show what was done to keyframes, the newest first
///
/// Every change of a keyframe by snapctl is noted before it happens. Without a target and --run these are runs, which are
/// commands that were given, with how many keyframes each changed; otherwise the changes themselves.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Changes of these keyframes: DOC[/SCOPE][@BRANCH], and :N or :A..B as needed
    #[arg(value_name = "TARGET")]
    target: Option<String>,

    /// Changes of this run
    #[arg(long, value_name = "RUN")]
    run: Option<u64>,
}

/// What `keyframe history` lists.
#[derive(JsonSchema, Serialize)]
#[serde(untagged)]
pub(in crate::cli) enum Item {
    /// A run.
    Run(RunView),
    /// A change.
    Change(ChangeView),
}

/// A command that changed keyframes.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Run")]
pub(in crate::cli) struct RunView {
    /// Its number.
    run: u64,
    /// What was typed, without the store.
    command: String,
    /// When it began.
    started_at: String,
    /// When it ended; `null` if it has not, or was killed.
    finished_at: Option<String>,
    /// How many changes it made, by kind.
    changes: BTreeMap<&'static str, u64>,
    /// How many of them are undone.
    undone: u64,
    /// The runs that have undone them.
    undone_by: BTreeSet<u64>,
}

/// A change of a keyframe.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "KeyframeChange")]
pub(in crate::cli) struct ChangeView {
    /// The run.
    run: u64,
    /// When.
    at: String,
    /// What was done.
    #[schemars(extend("enum" = ["written", "replaced", "deleted", "recoded", "pinned", "unpinned", "recorded"]))]
    change: &'static str,
    /// The keyframe, as a target.
    target: String,
    /// The document.
    document: String,
    /// The scope.
    scope: String,
    /// The branch.
    branch: String,
    /// The label.
    revision: u64,
    /// The keyframe as it was before; `null` if there was none.
    before: Option<FormerView>,
    /// The run that has undone it; `null` if none has.
    undone_by: Option<u64>,
}

/// A keyframe as it was.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FormerKeyframe")]
pub(in crate::cli) struct FormerView {
    /// When it was first written.
    created_at: String,
    /// How its body was stored.
    #[schemars(extend("enum" = ["json", "zstd", "zstd-delta"]))]
    codec: &'static str,
    /// SHA-256 of its body, in hexadecimal digits; `null` if that could not be read.
    checksum: Option<String>,
    /// Size of its body.
    body_bytes: u64,
    /// Whether the history has the body; otherwise it is made of the log.
    body_kept: bool,
    /// Why it was pinned; `null` if it was not.
    pin_reason: Option<String>,
}

/// Runs `snapctl keyframe history`.
///
/// # Errors
/// When the store cannot be opened or read, a target or the run is not there, or stdout cannot be written.
pub(super) fn run(args: &HistoryArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let store = ctx.open_store()?;
    if args.target.is_none() && args.run.is_none() {
        let views = answer(&*store, |read| runs(read))?;
        if ui.out.format() == Format::Plain {
            let rows: Vec<Vec<String>> = views.iter().map(RunView::row).collect();
            if rows.is_empty() {
                ui.talk.note("nothing was done to keyframes");
                return Ok(ExitStatus::Success);
            }
            ui.out.bytes(table(RUN_COLUMNS, &rows, ui.out.width()).as_bytes())?;
        } else {
            list(ui, views.into_iter().map(Item::Run))?;
        }
        return Ok(ExitStatus::Success);
    }
    let views = changes(args, &*store)?;
    if ui.out.format() == Format::Plain {
        let rows: Vec<Vec<String>> = views.iter().map(ChangeView::row).collect();
        if rows.is_empty() {
            ui.talk.note("nothing was done to these keyframes");
            return Ok(ExitStatus::Success);
        }
        ui.out.bytes(table(CHANGE_COLUMNS, &rows, ui.out.width()).as_bytes())?;
    } else {
        list(ui, views.into_iter().map(Item::Change))?;
    }
    Ok(ExitStatus::Success)
}

fn list(ui: &mut Ui, items: impl Iterator<Item = Item>) -> anyhow::Result<()> {
    let mut list = ui.out.list();
    for item in items {
        list.item(|out| Ok(serde_json::to_writer(out, &item)?))?;
    }
    Ok(list.finish()?)
}

/// The runs, the newest first, with what each did.
fn runs(read: &dyn crate::store::Read) -> Result<Vec<RunView>, StoreError> {
    let mut views = Vec::new();
    let mut at = BTreeMap::new();
    read.history().runs(&mut |run: &Run| {
        at.insert(run.id, views.len());
        views.push(RunView {
            run: run.id.0,
            command: run.command.clone(),
            started_at: run.started.to_string(),
            finished_at: run.finished.map(|finished| finished.to_string()),
            changes: BTreeMap::new(),
            undone: 0,
            undone_by: BTreeSet::new(),
        });
        ControlFlow::Continue(())
    })?;
    read.history().mutations(None, &mut |mutation| {
        if let Some(view) = at.get(&mutation.run).and_then(|at| views.get_mut(*at)) {
            *view.changes.entry(mutation.kind.name()).or_default() += 1;
            view.undone += u64::from(mutation.undone.is_some());
            view.undone_by.extend(mutation.undone.map(|run| run.0));
        }
        ControlFlow::Continue(())
    })?;
    Ok(views)
}

fn changes(args: &HistoryArgs, store: &dyn Store) -> anyhow::Result<Vec<ChangeView>> {
    let choice = args.target.as_ref().map(|text| Choice::parse(text, &Literal::default())).transpose()?;
    let run = args.run.map(RunId);
    answer(store, |read| {
        if let Some(run) = run {
            let mut is_there = false;
            read.history().runs(&mut |known| {
                is_there |= known.id == run;
                if is_there { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            if !is_there {
                return Err(Refusal {
                    exit: ExitStatus::Nothing,
                    code: "no-run",
                    message: format!("{} has no run {}", store.location(), run.0),
                    hint: Some("`snapctl keyframe history` lists the runs".to_owned()),
                }
                .into());
            }
        }
        let part: Option<Part> = choice.as_ref().map(|choice| choice.find(read)).transpose()?;
        let mut views = Vec::new();
        read.history().mutations(run, &mut |mutation| {
            if part.as_ref().is_none_or(|part| part.includes(&mutation.stream, mutation.revision.last())) {
                views.push(ChangeView::new(mutation));
            }
            ControlFlow::Continue(())
        })?;
        anyhow::Ok(views)
    })
}

const RUN_COLUMNS: &[(&str, Align)] = &[
    ("run", Align::Right),
    ("started", Align::Left),
    ("changes", Align::Left),
    ("state", Align::Left),
    ("command", Align::Left),
];

const CHANGE_COLUMNS: &[(&str, Align)] = &[
    ("run", Align::Right),
    ("at", Align::Left),
    ("change", Align::Left),
    ("keyframe", Align::Left),
    ("bytes before", Align::Right),
    ("undone by", Align::Right),
];

impl RunView {
    fn row(&self) -> Vec<String> {
        let total: u64 = self.changes.values().sum();
        let changes: Vec<String> = self.changes.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        let by: Vec<String> = self.undone_by.iter().map(ToString::to_string).collect();
        let state = match self.undone {
            0 if self.finished_at.is_none() => "not finished".to_owned(),
            0 => String::new(),
            n if n == total => format!("undone by {}", by.join(", ")),
            n => format!("{n} undone by {}", by.join(", ")),
        };
        vec![self.run.to_string(), self.started_at.clone(), changes.join(", "), state, self.command.clone()]
    }
}

impl ChangeView {
    fn new(mutation: &Mutation) -> Self {
        let Mutation { run, at, kind, stream, revision, before, undone, .. } = mutation;
        ChangeView {
            run: run.0,
            at: at.to_string(),
            change: kind.name(),
            target: format!("{stream}:keyframe:{revision}"),
            document: stream.document.to_string(),
            scope: stream.scope.to_string(),
            branch: stream.branch.to_string(),
            revision: revision.get(),
            before: before.as_ref().map(|before| FormerView {
                created_at: before.created.to_string(),
                codec: before.codec.name(),
                checksum: before.checksum.map(|checksum| checksum.to_string()),
                body_bytes: before.body_bytes,
                body_kept: before.body_kept,
                pin_reason: before.pin.as_ref().map(|pin| pin.reason.clone()),
            }),
            undone_by: undone.map(|run| run.0),
        }
    }

    fn row(&self) -> Vec<String> {
        let bytes = self.before.as_ref().map_or_else(String::new, |before| before.body_bytes.to_string());
        let undone = self.undone_by.map_or_else(String::new, |run| run.to_string());
        vec![self.run.to_string(), self.at.clone(), self.change.to_owned(), self.target.clone(), bytes, undone]
    }
}
