//! `snapctl keyframe apply`.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use clap::Args;

use super::outcome::Outcome;
use super::work::{Applying, Work, plainly};
use crate::cli::clock;
use crate::cli::ctx::Ctx;
use crate::cli::exit::ExitStatus;
use crate::cli::manual::{Example, Page};
use crate::cli::progress::Unit;
use crate::cli::ui::Ui;
use crate::keyframe::apply::check;
use crate::keyframe::plan::{PlanFileError, Spool};
use crate::store::Access;

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "keyframe apply",
    examples: &[
        Example {
            does: "Do what a plan says that was looked at",
            run: "snapctl keyframe prune --keep-last 1 --plan prune.ndjson\nsnapctl keyframe apply prune.ndjson",
        },
        Example {
            does: "Whether the store is still as it was planned for, and what would go",
            run: "snapctl keyframe prune --keep-last 1 --plan prune.ndjson --quiet\nsnapctl keyframe apply prune.ndjson --dry-run --explain",
        },
    ],
};

/// Do what a plan of keyframe prune or keyframe compact says
///
/// Before anything is done the whole plan is compared with the store: that it is the same store, that every keyframe that is to
/// stay is there, and that those that are to go are what they were and are not pinned; if not, the exit code is 15 and nothing
/// is done. New operations and keyframes do not matter. What was done before is passed over, so that a plan can be applied
/// again after an interruption. A plan of `keyframe compact --vacuum` gives space back at its end.
#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// The file of the plan; - is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Compare the plan with the store, tell what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    applying: Applying,
}

/// Runs `snapctl keyframe apply`.
///
/// # Errors
/// When the plan cannot be read or is none, the store cannot be opened or changed or is not what it was, or a stream would
/// lose its last base.
pub(super) fn run(args: &ApplyArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let spool = if args.file.as_os_str() == "-" {
        Spool::take(io::stdin().lock())?
    } else {
        let opened = File::open(&args.file).map_err(|source| PlanFileError::Unreadable { source });
        Spool::take(opened?)?
    };
    let access = if args.dry_run { Access::Read } else { Access::Change };
    let store = ctx.open_named(&ctx.store_named()?, access)?;
    let meter = ctx.meter_of("comparing", Unit::Keyframes);
    check(&*store, spool.header(), spool.steps()?, clock::now(), &meter).map_err(plainly)?;
    drop(meter);
    if args.dry_run {
        Outcome::foretold(&spool, &*store).answer(ui, args.applying.explain)?;
        return Ok(ExitStatus::Success);
    }
    let command = spool.header().command.clone();
    let mut work = Work { ctx, ui, store: &*store, command };
    work.apply(&spool, &args.applying)
}
