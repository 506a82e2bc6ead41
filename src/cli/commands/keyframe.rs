//! `snapctl keyframe`.

mod found;
mod list;
mod pin;
mod show;
mod view;

use clap::Subcommand;

use crate::cli::ctx::Ctx;
use crate::cli::exit::ExitStatus;
use crate::cli::ui::Ui;

pub(in crate::cli) use list::GapView;
pub(crate) use list::PAGE as LIST_PAGE;
pub(crate) use pin::{PIN_PAGE, UNPIN_PAGE};
pub(in crate::cli) use pin::{PinnedView, UnpinnedView};
pub(crate) use show::PAGE as SHOW_PAGE;
pub(in crate::cli) use show::ShownView;
pub(in crate::cli) use view::KeyframeView;

/// What can be done with keyframes.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyframeCommand {
    List(list::ListArgs),
    Show(show::ShowArgs),
    Pin(pin::PinArgs),
    Unpin(pin::UnpinArgs),
}

/// Runs `snapctl keyframe`.
///
/// # Errors
/// Those of its commands.
pub(crate) fn run(command: &KeyframeCommand, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    match command {
        KeyframeCommand::List(args) => list::run(args, ctx, ui),
        KeyframeCommand::Show(args) => show::run(args, ctx, ui),
        KeyframeCommand::Pin(args) => pin::pin(args, ctx, ui),
        KeyframeCommand::Unpin(args) => pin::unpin(args, ctx, ui),
    }
}
