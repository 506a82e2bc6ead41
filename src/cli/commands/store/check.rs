//! `snapctl store check`: the file of a store, its indexes, and snapctl's own tables.

mod view;

use std::sync::Arc;

use clap::Args;

use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::ui::{Format, Ui};
use crate::store::check::{Bodies, Code, Condition, Depth, Facts, FileCheck, Finding, Remedy, Severity};
use crate::store::{Access, Read, Store, StoreError, answer, without_password};

pub(in crate::cli) use view::CheckView;

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "store check",
    examples: &[
        Example { does: "Is the file whole, and what could be better", run: "snapctl store check" },
        Example {
            does: "The same of a large file, without a look into every index",
            run: "snapctl store check --quick",
        },
        Example { does: "Compare also keyframes with what is recorded of them", run: "snapctl store check --bodies" },
        Example {
            does: "What it advises, as commands and nothing else",
            run: "snapctl store check --jq '.findings[].advice // empty'",
        },
    ],
};

/// Check the file of the store: integrity, log, indexes, free pages, snapctl's own tables
///
/// Nothing is changed. Each finding comes with a command that would help. The exit code is 1 if there are errors or
/// warnings, and 0 if there are none; notes do not count. `snapctl explain CODE` says what a finding means. What documents and
/// keyframes say is checked by `snapctl verify`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct CheckArgs {
    /// Leave out what reads every index: whether it has all rows, and whether keys are unique
    #[arg(long)]
    quick: bool,

    /// Read the keyframes that something is recorded of, and compare them with their checksums
    #[arg(long)]
    bodies: bool,
}

/// Runs `snapctl store check`.
///
/// # Errors
/// When the store cannot be opened or read, or has no file to check. What is damaged is a finding.
pub(super) fn run(args: CheckArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let named = ctx.store_named()?;
    let depth = Depth {
        file: if args.quick { FileCheck::Quick } else { FileCheck::Whole },
        bodies: if args.bodies { Bodies::Read } else { Bodies::Leave },
    };
    let opened = ctx.open_named(&named, Access::Read);
    let meter = ctx.meter("checking");
    let (location, condition) = match opened {
        Ok(store) => (store.location().to_owned(), look(&store, depth, ctx)?),
        Err(StoreError::Damaged { location, source }) => (location, Some(unreadable(source.to_string()))),
        Err(error) => return Err(error.into()),
    };
    drop(meter);
    let Some(condition) = condition else { return Err(no_file(&location).into()) };
    let view = CheckView::new(&without_password(&named), location, args.quick, condition);
    if ui.out.format() == Format::Plain {
        let text = view.text(ui.out.width());
        ui.out.bytes(text.as_bytes())?;
    } else {
        ui.out.json(|out| Ok(serde_json::to_writer(out, &view)?))?;
    }
    Ok(if view.is_clean() { ExitStatus::Success } else { ExitStatus::Findings })
}

fn look(store: &Arc<dyn Store>, depth: Depth, ctx: &Ctx) -> anyhow::Result<Option<Condition>> {
    let found = answer(&**store, |read: &dyn Read| read.condition(depth, ctx.limits()));
    // A statement that was ended early fails as if the file could not be read.
    ctx.check()?;
    match found {
        Err(StoreError::Damaged { source, .. }) => Ok(Some(unreadable(source.to_string()))),
        found => Ok(found?),
    }
}

/// What is to be said of a file that is so damaged that nothing else can be looked at.
fn unreadable(reason: String) -> Condition {
    let finding = Finding {
        code: Code::Damaged,
        severity: Severity::Error,
        count: 1,
        message: "the file cannot be read".to_owned(),
        examples: vec![reason],
        remedy: Some(Remedy::Recover),
    };
    Condition { facts: Facts::default(), findings: vec![finding] }
}

fn no_file(location: &str) -> Refusal {
    Refusal {
        exit: ExitStatus::Unsupported,
        code: "check-unsupported",
        message: format!("{location} has no file that could be checked: it is no SQLite store"),
        hint: Some("`snapctl verify` checks its documents".to_owned()),
    }
}
