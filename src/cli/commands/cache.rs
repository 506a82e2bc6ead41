//! `snapctl cache`.

mod choice;
mod clean;
mod forget;
mod list;
mod show;
mod simulate;
mod stats;
mod view;
mod warm;

use clap::Subcommand;

use crate::cli::ctx::Ctx;
use crate::cli::exit::ExitStatus;
use crate::cli::ui::Ui;

pub(crate) use clean::PAGE as PRUNE_PAGE;
pub(in crate::cli) use clean::PrunedView;
pub(in crate::cli) use forget::DroppedView;
pub(crate) use forget::PAGE as DROP_PAGE;
pub(crate) use list::PAGE as LIST_PAGE;
pub(crate) use show::PAGE as SHOW_PAGE;
pub(in crate::cli) use show::ShownView;
pub(in crate::cli) use simulate::ConfigurationView;
pub(crate) use simulate::PAGE as SIMULATE_PAGE;
pub(crate) use stats::PAGE as STATS_PAGE;
pub(in crate::cli) use stats::{Counted, StatsView};
pub(in crate::cli) use view::EntryView;
pub(crate) use warm::PAGE as WARM_PAGE;
pub(in crate::cli) use warm::WarmedView;

/// What can be done with the tiers.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    List(list::ListArgs),
    Show(show::ShowArgs),
    Stats(stats::StatsArgs),
    Warm(warm::WarmArgs),
    Drop(forget::DropArgs),
    Prune(clean::PruneArgs),
    Simulate(simulate::SimulateArgs),
}

/// Runs `snapctl cache`.
///
/// # Errors
/// Those of its commands.
pub(crate) fn run(command: &CacheCommand, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    match command {
        CacheCommand::List(args) => list::run(args, ctx, ui),
        CacheCommand::Show(args) => show::run(args, ctx, ui),
        CacheCommand::Stats(args) => stats::run(*args, ctx, ui),
        CacheCommand::Warm(args) => warm::run(args, ctx, ui),
        CacheCommand::Drop(args) => forget::run(args, ctx, ui),
        CacheCommand::Prune(args) => clean::run(*args, ctx, ui),
        CacheCommand::Simulate(args) => simulate::run(args, ctx, ui),
    }
}
