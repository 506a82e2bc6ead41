//! `snapctl rebuild`.

mod batch;
mod loader;
mod part;
mod pointer;
mod view;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use schemars::JsonSchema;
use serde_json::Value;

use crate::cli::args::{Literal, parse_pointer};
use crate::cli::ctx::{Ctx, Reading};
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::tiers::{Appetite, Cached};
use crate::cli::trace::Recording;
use crate::cli::ui::{Format, Talk, Ui};
use crate::model::target::Target;
use crate::replay::{self, Base, Snapshot, Tiers, Warning};
use crate::store::{Store, answer};

pub use batch::batch_target;
pub(in crate::cli) use batch::{Answer as BatchAnswer, Request as BatchRequest};
use loader::LoaderName;
use part::{Part, Selected};
use view::DocumentView;
pub(in crate::cli) use view::NotModifiedView;

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "rebuild",
    examples: &[
        Example { does: "A document as of its last operation, all scopes", run: "snapctl rebuild field-notes" },
        Example { does: "What it was at a time", run: "snapctl rebuild field-notes:@2025-04-01T08:10:00Z" },
        Example {
            does: "A part of a scope after operation 6",
            run: "snapctl rebuild field-notes/global:6 --pointer /nodes/0/name",
        },
        Example {
            does: "The names of all files, sorted",
            run: "snapctl rebuild field-notes/global --state \\\n  | jq -r '.nodes[] | select(.kind == \"file\") | .name' | sort",
        },
        Example {
            does: "Why the answer can be trusted: keyframes looked at, operations read",
            run: "snapctl rebuild field-notes/global --explain | jq .explain",
        },
        Example {
            does: "Nightly: a document whose log does not replay ends the job with an error",
            run: "snapctl ls --ndjson | jq -c '{document, scope: \"global\"}' \\\n  | snapctl rebuild --batch --timeout 10m --quiet | jq -c .hash",
        },
    ],
};

/// Rebuild documents from their operations, as JSON
///
/// Without a scope and at head, initial or @TIME the answer is the whole document, each scope rebuilt alone; with a
/// scope, or at any other position (then scope global unless named), it is that scope's rebuild.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
pub(crate) struct RebuildArgs {
    /// What to rebuild: DOC[/SCOPE][@BRANCH][:REV]
    #[arg(value_name = "TARGET", required_unless_present = "batch")]
    targets: Vec<String>,

    #[command(flatten)]
    literal: Literal,

    /// Print the state alone: the canonical text that its hash is made of, without a line break unless on a terminal
    #[arg(long, group = "part")]
    state: bool,

    /// Print this part of the state, a JSON pointer such as /nodes/0/name
    #[arg(long, group = "part", value_name = "POINTER", value_parser = parse_pointer)]
    pointer: Option<String>,

    /// Print the state hash alone; of a whole document a line with scope and hash for each scope
    #[arg(long, group = "part")]
    hash: bool,

    /// Add how the rebuild was done; elapsedUs is the one field that differs from run to run
    #[arg(long, conflicts_with = "part")]
    explain: bool,

    /// Answer what the reference would, with an empty cache: believe the newest keyframe at or below a position after 0
    ///
    /// The reference neither checks keyframes nor looks behind them for what undos and skips take back, so this may be
    /// another answer than that of the log; --explain says which keyframe it started from. A whole document is read scope by
    /// scope at head, where it uses none.
    #[arg(long, conflicts_with_all = ["trust", "no_keyframes"])]
    as_reactor: bool,

    /// Answer {"notModified":true,"etag":ETAG} if that is the etag of the answer: the states are those the user has
    #[arg(long, value_name = "ETAG", conflicts_with = "batch")]
    if_none_match: Option<String>,

    /// Note what is read, in a new file, for `snapctl cache simulate` and `snapctl keyframe tune`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["as_reactor", "loader"])]
    record_trace: Option<PathBuf>,

    /// Fail with exit code 13 where the log has a gap
    #[arg(long)]
    strict: bool,

    /// Load an archive as the reference would, instead of rebuilding; of undos and skips its loaders make something else
    #[arg(long, value_name = "LOADER", conflicts_with = "batch")]
    loader: Option<LoaderName>,

    /// Read {"document","scope","branch","at","ifNoneMatch"} objects from stdin, a line each, and answer each with a line, also with
    /// --json; documents are named by their exact ids, blank lines are passed over
    #[arg(long, conflicts_with_all = ["targets", "scope", "branch", "at", "part"])]
    batch: bool,
}

/// What `rebuild` prints: one document, or an array of them if there are several targets.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "answers are written as they are made")]
pub(in crate::cli) enum Answer<'a> {
    /// That of the one target.
    One(Item<'a>),
    /// In the order of the targets; with `--ndjson` a line each.
    Several(Vec<Item<'a>>),
}

/// What `rebuild` prints of a target.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "answers are written as they are made")]
pub(in crate::cli) enum Item<'a> {
    /// The document.
    Document(Box<DocumentView<'a>>),
    /// The user has it already (`--if-none-match`).
    NotModified(NotModifiedView),
}

/// What `rebuild --hash` prints.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "answers are written as they are made")]
pub(in crate::cli) enum HashAnswer {
    /// By scope, the hash of its state.
    One(BTreeMap<String, String>),
    /// The same of each target, in their order; with `--ndjson` a line each.
    Several(Vec<BTreeMap<String, String>>),
}

/// What `rebuild --state` prints: the state of the scope that was named, which may be any JSON value; of a whole
/// document an object with the state of each scope; of several targets an array of them.
#[derive(JsonSchema)]
#[serde(transparent)]
#[expect(dead_code, reason = "answers are written as they are made")]
pub(in crate::cli) struct StateAnswer(Value);

/// A snapshot and what only the command line knows of it.
struct Rebuilt {
    snapshot: Snapshot,
    elapsed: Duration,
    assumed_scope: bool,
}

/// What a gap in the log means for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnGap {
    /// It is answered, with a warning.
    Warn,
    /// It is not answered.
    Fail,
}

impl OnGap {
    /// As `--strict` says.
    #[must_use]
    pub(crate) fn strict(strict: bool) -> Self {
        if strict { OnGap::Fail } else { OnGap::Warn }
    }

    /// Says what the user should know, or refuses.
    ///
    /// # Errors
    /// At a gap, when gaps are not accepted.
    pub(crate) fn tell(self, talk: &Talk, warnings: &[Warning]) -> Result<(), Refusal> {
        for warning in warnings {
            if self == OnGap::Fail && matches!(warning, Warning::Gap { .. }) {
                let hint = Some("without --strict it is answered with a warning".to_owned());
                return Err(Refusal { exit: ExitStatus::Undecodable, code: "gap", message: warning.to_string(), hint });
            }
            talk.warning(warning);
        }
        Ok(())
    }
}

/// Runs `snapctl rebuild`.
///
/// # Errors
/// When a target does not parse, does not exist or cannot be rebuilt, or stdout cannot be written.
pub(crate) fn run(args: &RebuildArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    if args.batch {
        return batch::run(args, ctx, ui);
    }
    let targets: Vec<Target> = args.targets.iter().map(|text| args.literal.target(text)).collect::<Result<_, _>>()?;
    let store = ctx.open_store()?;
    let recording = Recording::start(args.record_trace.as_deref())?;
    let cached = Cached::of_reads(ctx, &*store, args.appetite(), recording, &ui.talk);
    let answered = answer_all(args, ctx, ui, &*store, &targets, &cached.tiers);
    cached.end(&ui.talk);
    answered
}

fn answer_all(
    args: &RebuildArgs,
    ctx: &Ctx,
    ui: &mut Ui,
    store: &dyn Store,
    targets: &[Target],
    tiers: &Tiers,
) -> anyhow::Result<ExitStatus> {
    if let [target] = targets {
        let rebuilt = rebuild_told(args, ctx, &ui.talk, store, tiers, target)?;
        let selected = args.select(&rebuilt, args.if_none_match.as_deref())?;
        match ui.out.format() {
            Format::Plain => selected.print(&mut ui.out, None)?,
            _ => ui.out.json(|out| selected.write_json(out))?,
        }
        return Ok(ExitStatus::Success);
    }
    for target in targets {
        // A wrong name among many is told before anything is printed.
        answer(store, |read| replay::resolve(read, target).map(drop))?;
    }
    if ui.out.format() == Format::Plain && args.part().is_text() {
        for target in targets {
            let rebuilt = rebuild_told(args, ctx, &ui.talk, store, tiers, target)?;
            args.select(&rebuilt, args.if_none_match.as_deref())?.print(&mut ui.out, Some(target))?;
        }
        return Ok(ExitStatus::Success);
    }
    let mut list = ui.out.list();
    for target in targets {
        let one = || -> anyhow::Result<Rebuilt> { rebuild_told(args, ctx, &ui.talk, store, tiers, target) };
        let written = one().and_then(|rebuilt| {
            let selected = args.select(&rebuilt, args.if_none_match.as_deref())?;
            Ok(list.item(|out| selected.write_json(out))?)
        });
        if let Err(error) = written {
            // The error counts, not that the list could not be closed.
            let _ = list.abandon();
            return Err(error);
        }
    }
    list.finish()?;
    Ok(ExitStatus::Success)
}

impl RebuildArgs {
    /// Which tiers are of use.
    fn appetite(&self) -> Appetite {
        if self.batch || self.targets.len() > 1 { Appetite::Many } else { Appetite::One }
    }

    /// What of an answer is printed: of one with the etag that the user has, only that.
    fn select<'r>(&self, rebuilt: &'r Rebuilt, known: Option<&str>) -> Result<Selected<'r>, Refusal> {
        match known.filter(|known| *known == view::etag(&rebuilt.snapshot)) {
            Some(etag) => Ok(Selected::NotModified(etag.to_owned())),
            None => self.part().select(rebuilt),
        }
    }

    fn part(&self) -> Part<'_> {
        match &self.pointer {
            Some(pointer) => Part::Pointer(pointer),
            None if self.state => Part::State,
            None if self.hash => Part::Hash,
            None if self.explain => Part::Explained,
            None => Part::Document,
        }
    }
}

/// Rebuilds, and says on stderr what there is to say.
fn rebuild_told(
    args: &RebuildArgs,
    ctx: &Ctx,
    talk: &Talk,
    store: &dyn Store,
    tiers: &Tiers,
    target: &Target,
) -> anyhow::Result<Rebuilt> {
    let started = Instant::now();
    let (snapshot, assumed_scope) = match args.loader {
        Some(loader) => (loader::load(ctx, store, target, loader)?, false),
        None => ctx.rebuild(store, target, if args.as_reactor { Reading::AsReactor } else { Reading::Own }, tiers)?,
    };
    let rebuilt = Rebuilt { snapshot, elapsed: started.elapsed(), assumed_scope };
    if rebuilt.assumed_scope {
        talk.note(format_args!("{target} names no scope; this is scope {}", replayed_scope(&rebuilt.snapshot)));
    }
    OnGap::strict(args.strict).tell(talk, &rebuilt.snapshot.warnings)?;
    let explain = &rebuilt.snapshot.explain;
    let base = match explain.base {
        Base::Genesis => "the first operation".to_owned(),
        Base::Keyframe(revision) => format!("keyframe {revision}"),
        Base::Tier(tier, Some(revision)) => format!("revision {revision} in the {tier} tier"),
        Base::Tier(tier, None) => format!("the state before operation 0 in the {tier} tier"),
        Base::EarlyKeyframe => "a keyframe before operation 0".to_owned(),
    };
    talk.detail(format_args!("{target}: rebuilt from {base}, {} operations read", explain.operations_read));
    Ok(rebuilt)
}

fn replayed_scope(snapshot: &Snapshot) -> &str {
    snapshot.scope.as_ref().map_or("global", |scope| scope.as_str())
}
