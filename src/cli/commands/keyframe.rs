//! `snapctl keyframe`.

mod apply;
mod compact;
mod found;
mod history;
mod list;
mod outcome;
mod pin;
mod prune;
mod reasons;
mod rules;
mod show;
pub(crate) mod tune;
mod undo;
mod view;
mod work;
mod write;

use clap::Subcommand;

use crate::cli::ctx::Ctx;
use crate::cli::exit::ExitStatus;
use crate::cli::ui::Ui;

pub(crate) use apply::PAGE as APPLY_PAGE;
pub(crate) use compact::PAGE as COMPACT_PAGE;
pub(in crate::cli) use history::Item as HistoryItem;
pub(crate) use history::PAGE as HISTORY_PAGE;
pub(in crate::cli) use list::GapView;
pub(crate) use list::PAGE as LIST_PAGE;
pub(in crate::cli) use outcome::{LineView, PlanLineView, ReportView};
pub(crate) use pin::{PIN_PAGE, UNPIN_PAGE};
pub(in crate::cli) use pin::{PinnedView, UnpinnedView};
pub(crate) use prune::PAGE as PRUNE_PAGE;
pub(crate) use show::PAGE as SHOW_PAGE;
pub(in crate::cli) use show::ShownView;
pub(crate) use undo::PAGE as UNDO_PAGE;
pub(in crate::cli) use undo::UndoneView;
pub(in crate::cli) use view::KeyframeView;
pub(crate) use write::PAGE as WRITE_PAGE;
pub(in crate::cli) use write::{LineView as WrittenLine, WholeView as WrittenView};

/// What can be done with keyframes.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyframeCommand {
    Write(write::WriteArgs),
    History(history::HistoryArgs),
    Undo(undo::UndoArgs),
    Prune(prune::PruneArgs),
    Compact(compact::CompactArgs),
    Apply(apply::ApplyArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Pin(pin::PinArgs),
    Unpin(pin::UnpinArgs),
    Tune(tune::TuneArgs),
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
        KeyframeCommand::Prune(args) => prune::run(args, ctx, ui),
        KeyframeCommand::Compact(args) => compact::run(args, ctx, ui),
        KeyframeCommand::Apply(args) => apply::run(args, ctx, ui),
        KeyframeCommand::List(args) => list::run(args, ctx, ui),
        KeyframeCommand::Show(args) => show::run(args, ctx, ui),
        KeyframeCommand::Pin(args) => pin::pin(args, ctx, ui),
        KeyframeCommand::Unpin(args) => pin::unpin(args, ctx, ui),
        KeyframeCommand::Tune(args) => tune::run(args, ctx, ui),
    }
}
