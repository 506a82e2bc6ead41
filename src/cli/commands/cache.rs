//! `snapctl cache`.

mod choice;
mod drop;
mod list;
mod prune;
mod show;
mod simulate;
mod stats;
mod view;
mod warm;

use clap::Subcommand;

use crate::cli::ctx::Ctx;
use crate::cli::exit::ExitStatus;
use crate::cli::ui::Ui;

pub(in crate::cli) use drop::DroppedView;
pub(crate) use drop::PAGE as DROP_PAGE;
pub(crate) use list::PAGE as LIST_PAGE;
pub(crate) use prune::PAGE as PRUNE_PAGE;
pub(in crate::cli) use prune::PrunedView;
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
    Drop(drop::DropArgs),
    Prune(prune::PruneArgs),
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
        CacheCommand::Drop(args) => drop::run(args, ctx, ui),
        CacheCommand::Prune(args) => prune::run(*args, ctx, ui),
        CacheCommand::Simulate(args) => simulate::run(args, ctx, ui),
    }
}
