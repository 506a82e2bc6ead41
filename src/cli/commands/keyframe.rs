//! `snapctl keyframe`.

mod history;
mod undo;
mod write;

use clap::Subcommand;

use crate::cli::ctx::Ctx;
use crate::cli::exit::ExitStatus;
use crate::cli::ui::Ui;

pub(in crate::cli) use history::Item as HistoryItem;
pub(crate) use history::PAGE as HISTORY_PAGE;
pub(crate) use undo::PAGE as UNDO_PAGE;
pub(in crate::cli) use undo::UndoneView;
pub(crate) use write::PAGE as WRITE_PAGE;
pub(in crate::cli) use write::{LineView, WholeView};

/// What can be done with keyframes.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyframeCommand {
    Write(write::WriteArgs),
    History(history::HistoryArgs),
    Undo(undo::UndoArgs),
}

/// Runs `snapctl keyframe`.
///
/// # Errors
/// Those of its commands.
pub(crate) fn run(command: &KeyframeCommand, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    match command {
        KeyframeCommand::Write(args) => write::run(args, ctx, ui),
        KeyframeCommand::History(args) => history::run(args, ctx, ui),
        KeyframeCommand::Undo(args) => undo::run(args, ctx, ui),
    }
}
