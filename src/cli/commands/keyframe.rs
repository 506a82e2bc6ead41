//! `snapctl keyframe`: keyframes as a whole.

pub(crate) mod tune;

use clap::Subcommand;

use crate::cli::ctx::Ctx;
use crate::cli::exit::ExitStatus;
use crate::cli::ui::Ui;

/// What is done with keyframes.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyframeCommand {
    Tune(tune::TuneArgs),
}

/// Runs `snapctl keyframe`.
///
/// # Errors
/// Those of the command.
pub(crate) fn run(command: &KeyframeCommand, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    match command {
        KeyframeCommand::Tune(args) => tune::run(args, ctx, ui),
    }
}
