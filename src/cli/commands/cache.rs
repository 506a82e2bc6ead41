//! `snapctl cache`.

mod simulate;

use clap::Subcommand;

use crate::cli::ctx::Ctx;
use crate::cli::exit::ExitStatus;
use crate::cli::ui::Ui;

pub(in crate::cli) use simulate::ConfigurationView;
pub(crate) use simulate::PAGE as SIMULATE_PAGE;

/// What can be done with the tiers of the cache.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    Simulate(simulate::SimulateArgs),
}

/// Runs `snapctl cache`.
///
/// # Errors
/// Those of its commands.
pub(crate) fn run(command: &CacheCommand, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    match command {
        CacheCommand::Simulate(args) => simulate::run(args, ctx, ui),
    }
}
