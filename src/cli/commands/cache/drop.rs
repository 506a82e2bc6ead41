//! `snapctl cache drop`.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::choice::Choice;
use crate::cache::{Cause, Which};
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::tiers;
use crate::cli::ui::{Format, Ui};

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "cache drop",
    examples: &[
        Example { does: "All that is kept of a document", run: "snapctl cache warm && snapctl cache drop field-notes" },
        Example {
            does: "How much that would be",
            run: "snapctl cache warm && snapctl cache drop field-notes/global --dry-run",
        },
        Example {
            does: "All drives, of whatever store",
            run: "snapctl cache warm \\\n  && snapctl cache drop --all-stores --glob '*:powerhouse/document-drive:*'",
        },
        Example { does: "Everything that is kept of the store", run: "snapctl cache drop --all" },
    ],
};

/// Drop states from the cache file
///
/// Nothing is lost: what is dropped is rebuilt when it is asked for. What was dropped is counted in `snapctl cache stats`.
#[derive(Clone, Debug, Args)]
pub(crate) struct DropArgs {
    #[command(flatten)]
    choice: Choice,

    /// All states of the store, or with --all-stores of all
    #[arg(long, conflicts_with_all = ["targets", "glob", "fingerprint"])]
    all: bool,

    /// Say what would be dropped, and drop nothing
    #[arg(long)]
    dry_run: bool,
}

/// What was dropped, or would be.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Dropped")]
pub(in crate::cli) struct DroppedView {
    /// States that were dropped, or would be.
    dropped: u64,
    /// Whether nothing was changed.
    dry_run: bool,
}

/// Runs `snapctl cache drop`.
///
/// # Errors
/// When nothing is chosen, the store cannot be opened, or stdout cannot be written.
pub(super) fn run(args: &DropArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    if !args.all && !args.choice.is_any() {
        let message = "nothing is chosen".to_owned();
        let hint = Some("name a TARGET, --glob or --fingerprint; --all is everything of the store".to_owned());
        return Err(Refusal { exit: ExitStatus::Usage, code: "usage", message, hint }.into());
    }
    let (place, mut chosen) = args.choice.place(ctx)?;
    if place.store.is_none() && !args.choice.is_of_all_stores() {
        let message = "no store given".to_owned();
        let hint = Some("name one with --store PATH; --all-stores is every store".to_owned());
        return Err(Refusal { exit: ExitStatus::Usage, code: "no-store", message, hint }.into());
    }
    if args.all {
        chosen.push(Which::All);
    }
    let dropped = if args.dry_run {
        let mut n = 0;
        place.visit(&chosen, &mut |_, _| n += 1);
        n
    } else {
        place.drop_entries(&chosen, Cause::Asked)
    };
    let status = tiers::warned(&place.disk, &ui.talk);
    if dropped == 0 && status == ExitStatus::Success && args.choice.is_any() {
        let message = format!("nothing in {} matches", place.disk.path().display());
        let hint = Some("`snapctl cache list` lists what is there".to_owned());
        return Err(Refusal { exit: ExitStatus::Nothing, code: "nothing-matched", message, hint }.into());
    }
    let view = DroppedView { dropped, dry_run: args.dry_run };
    if ui.out.format() == Format::Plain {
        let would = if args.dry_run { "would be dropped" } else { "dropped" };
        ui.out.line(&format!("{dropped} {} {would}", if dropped == 1 { "state" } else { "states" }))?;
    } else {
        ui.out.json(|out| Ok(serde_json::to_writer(out, &view)?))?;
    }
    Ok(status)
}
