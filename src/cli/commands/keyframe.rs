//! `snapctl keyframe`.

mod apply;
mod compact;
mod outcome;
mod prune;
mod reasons;
mod rules;
mod work;

use clap::Subcommand;

use crate::cli::ctx::Ctx;
use crate::cli::exit::ExitStatus;
use crate::cli::ui::Ui;

pub(crate) use apply::PAGE as APPLY_PAGE;
pub(crate) use compact::PAGE as COMPACT_PAGE;
pub(in crate::cli) use outcome::{LineView, PlanLineView, ReportView};
pub(crate) use prune::PAGE as PRUNE_PAGE;

/// What can be done with keyframes.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyframeCommand {
    Prune(prune::PruneArgs),
    Compact(compact::CompactArgs),
    Apply(apply::ApplyArgs),
}

/// Runs `snapctl keyframe`.
///
/// # Errors
/// Those of its commands.
pub(crate) fn run(command: &KeyframeCommand, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    match command {
        KeyframeCommand::Prune(args) => prune::run(args, ctx, ui),
        KeyframeCommand::Compact(args) => compact::run(args, ctx, ui),
        KeyframeCommand::Apply(args) => apply::run(args, ctx, ui),
    }
}
