//! `snapctl keyframe prune`.

use clap::Args;

use super::rules::{Rules, Targets, refuse_ranges};
use super::work::{Doing, Space, Work};
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::ui::Ui;
use crate::keyframe::plan::{Choice, Missing, Request};
use crate::keyframe::policy::Which;
use crate::model::ids::Span;

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "keyframe prune",
    examples: &[
        Example {
            does: "What would go if no revision may need more than 50 operations",
            run: "snapctl keyframe prune --max-replay-ops 50 --dry-run",
        },
        Example {
            does: "Why each keyframe of a document stays or goes",
            run: "snapctl keyframe prune field-notes --keep-last 1 --dry-run --explain",
        },
        Example {
            does: "A plan to look at, done later unless the store moved",
            run: "snapctl keyframe prune --keep-last 2 --plan prune.ndjson",
        },
        Example {
            does: "Nightly: dense near the head, sparse behind, for at most ten minutes",
            run: "snapctl keyframe prune --keep-log-spaced 2 --keep-upgrades \\\n  --max-duration 10m",
        },
        Example { does: "Exactly those that the last check found wrong", run: "snapctl keyframe prune --failed" },
    ],
};

/// Drop keyframes that no rule keeps, or exactly those that are named
///
/// With rules, a keyframe stays if one of them keeps it. Pinned ones stay, and so do those past the head of the log and those
/// whose labels are no revisions. Those that failed their last check are no bases: no rule keeps them.
///
/// Without rules a range (DOC/SCOPE:A..B), --failed, --stale or --all says exactly what goes; pinned ones stay.
///
/// Operations are never touched, so that every revision can be rebuilt as before, only slower. What goes is noted before it
/// goes, and `keyframe undo` brings it back. A run that is killed has dropped nothing or a part; the same command again goes on.
#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    /// Which keyframes to look at: DOC[/SCOPE][@BRANCH], or DOC/SCOPE:A..B to drop those; everything unless named
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,

    #[command(flatten)]
    rules: Rules,

    /// Drop all that are named
    #[arg(long, requires = "targets", help_heading = "What goes")]
    all: bool,

    /// Drop those that failed their last check
    #[arg(long, help_heading = "What goes")]
    failed: bool,

    /// Drop those that were checked with other models than there are now
    #[arg(long, help_heading = "What goes")]
    stale: bool,

    #[command(flatten)]
    doing: Doing,
}

/// Runs `snapctl keyframe prune`.
///
/// # Errors
/// When it is not said what stays or goes, the store cannot be opened or changed, a stream would lose its last base, or the
/// plan cannot be written.
pub(super) fn run(args: &PruneArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let policy = args.rules.with(ctx.settings())?.0.policy();
    let says_exactly = args.all || args.failed || args.stale;
    if says_exactly && !policy.is_empty() {
        return Err(usage(
            "rules say what stays, and --all, --failed and --stale what goes: both together say nothing",
            "prune twice",
        ));
    }
    // A policy that cannot be meant is refused before anything is opened; a range is known only by looking at the target.
    if !says_exactly && policy.is_empty() && !args.targets.iter().any(|target| target.contains(':')) {
        return Err(usage(
            "nothing says what stays: without a rule everything would go",
            "give a rule, such as --max-replay-ops 100; or say exactly what goes: DOC/SCOPE:A..B, --failed, --stale, DOC --all",
        ));
    }
    let store = ctx.open_named(&ctx.store_named()?, args.doing.access())?;
    let targets = Targets::find(&*store, &args.targets, &ui.talk)?;
    let choice = if policy.is_empty() {
        if !says_exactly && !targets.parts.iter().all(|part| part.span != Span::ALL) {
            return Err(usage("a target without a range says nothing of what goes", "give it a range, or --all"));
        }
        Choice::Exact(Which { failed: args.failed, stale: args.stale })
    } else {
        refuse_ranges(&targets)?;
        Choice::Policy(policy.clone())
    };
    let request = Request {
        parts: &targets.parts,
        choice,
        missing: Missing::Leave,
        recode: None,
        now: args.doing.now(),
        sizes: args.doing.sizes(),
    };
    let policy = Some(policy).filter(|policy| !policy.is_empty());
    let work = Work { ctx, ui, store: &*store, command: args.command() };
    work.run(&request, policy.as_ref(), &args.doing, Space::Leave)
}

impl PruneArgs {
    fn command(&self) -> String {
        let words = ["keyframe prune".to_owned()].into_iter().chain(self.targets.iter().cloned());
        let exact = [(self.all, "--all"), (self.failed, "--failed"), (self.stale, "--stale")];
        let exact = exact.iter().filter(|(given, _)| *given).map(|(_, name)| (*name).to_owned());
        words.chain(self.rules.typed()).chain(exact).collect::<Vec<_>>().join(" ")
    }
}

fn usage(message: &str, hint: &str) -> anyhow::Error {
    let (message, hint) = (message.to_owned(), Some(hint.to_owned()));
    Refusal { exit: ExitStatus::Usage, code: "empty-policy", message, hint }.into()
}
