//! `snapctl keyframe list`.

mod gaps;
mod printer;

use std::num::NonZeroU64;
use std::ops::ControlFlow;

use clap::Args;

use super::view::{KeyframeView, Models, Standing};
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::parts::parts;
use crate::cli::ui::{Talk, Ui};
use crate::keyframe::{Listed, listed};
use crate::store::handed::{Handed, Row};
use crate::store::records::OwnTables;
use crate::store::{Detail, Read, Store, StoreError, answer};
use crate::verify::Part;

pub(in crate::cli) use gaps::GapView;
use printer::Printer;

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "keyframe list",
    examples: &[
        Example { does: "All keyframes, by stream and revision", run: "snapctl keyframe list" },
        Example {
            does: "Those of a document, with the times they were written",
            run: "snapctl keyframe list -l field-notes",
        },
        Example {
            does: "How much they take, by scope",
            run: "snapctl keyframe list --ndjson \\\n  | jq -s 'group_by(.scope)[] | [.[0].scope, (map(.storedBytes) | add)]'",
        },
        Example {
            does: "Streams in which a read may replay more than 5 operations",
            run: "snapctl keyframe list --gaps --max-replay-ops 5",
        },
        Example {
            does: "In a nightly job: fail if there are such streams (exit 1)",
            run: "snapctl keyframe list --gaps --max-replay-ops 5 --exit-code",
        },
    ],
};

/// List keyframes without their bodies, by document, branch, scope and revision
///
/// What a check came to is what `snapctl verify --record` has recorded: ok, failed with a code, stale (it was made with models
/// that are no longer there), or unchecked. Of --failed, --stale and --unchecked one has to fit.
///
/// With --gaps it lists streams instead, and the command that writes what is missing. The replay distance of a revision is the
/// number of operations from the nearest keyframe at or below it, or from the beginning; keyframes that were found wrong or are
/// past the head do not count, and scope document is left out, since it is always replayed from its first operation. The
/// exit code is 0 whether or not there are any, unless --exit-code asks for 1.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
pub(crate) struct ListArgs {
    /// Which: DOC[/SCOPE][@BRANCH], or what the ids of several documents begin with; all unless named
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,

    /// Show when each was written and checked; the former is stored behind the body, so that this reads all bodies
    #[arg(short, long)]
    long: bool,

    /// Only keyframes that the last check found wrong
    #[arg(long)]
    failed: bool,

    /// Only keyframes that were checked with models that are no longer there
    #[arg(long)]
    stale: bool,

    /// Only keyframes that were never checked, or written anew since
    #[arg(long)]
    unchecked: bool,

    /// Only keyframes that are pinned
    #[arg(long)]
    pinned: bool,

    /// List the streams whose worst replay distance is more than --max-replay-ops
    #[arg(long, conflicts_with_all = ["long", "failed", "stale", "unchecked", "pinned"])]
    gaps: bool,

    /// How many operations a read may have to replay
    #[arg(long, value_name = "N", default_value = "100", requires = "gaps")]
    max_replay_ops: NonZeroU64,

    /// End with exit code 1 if there are gaps, as `git diff --exit-code` does with differences
    #[arg(long, requires = "gaps")]
    exit_code: bool,
}

/// Runs `snapctl keyframe list`.
///
/// # Errors
/// When the store cannot be opened or read, nothing matches, or stdout cannot be written.
pub(super) fn run(args: &ListArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let store = ctx.open_store()?;
    let parts = parts(&args.targets, &*store)?;
    warn_of_other_tables(&*store, &ui.talk)?;
    if args.gaps {
        return gaps::run(args, &parts, &*store, ctx, ui);
    }
    let mut models = Models::new(ctx.registry());
    let mut printer = Printer::new(&mut ui.out, args.long);
    for part in &parts {
        let mut listing =
            Listing { args, ctx, models: &mut models, printer: &mut printer, handed: Handed::default(), stopped: None };
        let walked = answer(&*store, |read| listing.document(read, part, store.location()));
        if let Err(error) = walked.and_then(|()| listing.stopped.take().map_or(Ok(()), Err)) {
            // The error counts, not that the list could not be closed.
            let _ = printer.abandon();
            return Err(error);
        }
    }
    let nothing = printer.printed() == 0;
    printer.finish()?;
    if nothing && args.filters() {
        let message = format!("no keyframe of {} matches", store.location());
        let hint = Some("without TARGET and filters `snapctl keyframe list` lists all".to_owned());
        return Err(Refusal { exit: ExitStatus::Nothing, code: "nothing-matched", message, hint }.into());
    }
    Ok(ExitStatus::Success)
}

/// What our tables hold is not known where they are of a newer version.
fn warn_of_other_tables(store: &dyn Store, talk: &Talk) -> Result<(), StoreError> {
    let tables = answer(store, |read: &dyn Read| read.records().tables());
    let other = match tables {
        Ok(OwnTables::Version(version)) if OwnTables::Version(version).are_newer() => {
            format!("the tables of snapctl in {} are of version {version}", store.location())
        }
        Ok(_) => return Ok(()),
        Err(error @ StoreError::Unsupported { .. }) => error.to_string(),
        Err(error) => return Err(error),
    };
    talk.warning(format_args!("checks, pins and compressed keyframes are not known: {other}"));
    Ok(())
}

impl ListArgs {
    fn filters(&self) -> bool {
        !self.targets.is_empty() || self.failed || self.stale || self.unchecked || self.pinned
    }

    fn keeps(&self, view: &KeyframeView) -> bool {
        let asked =
            [(self.failed, Standing::Failed), (self.stale, Standing::Stale), (self.unchecked, Standing::Unchecked)];
        let fits = !asked.iter().any(|(wanted, _)| *wanted)
            || asked.iter().any(|(wanted, standing)| *wanted && *standing == view.verdict);
        fits && (!self.pinned || view.pin.is_some())
    }
}

/// The keyframes of one document on their way out. When the store moves, they are read again, and what was printed is passed
/// over if it is still the same.
struct Listing<'a, 'o> {
    args: &'a ListArgs,
    ctx: &'a Ctx,
    models: &'a mut Models<'o>,
    printer: &'a mut Printer<'o>,
    handed: Handed,
    /// Why the visit ended early.
    stopped: Option<anyhow::Error>,
}

impl Listing<'_, '_> {
    fn document(&mut self, read: &dyn Read, part: &Part, location: &str) -> anyhow::Result<()> {
        /// Keyframes between two looks at the clock.
        const STRIDE: u64 = 128;
        self.ctx.check()?;
        if self.stopped.is_some() {
            return Ok(());
        }
        let detail = if self.args.long { Detail::Created } else { Detail::Label };
        let mut handed = std::mem::take(&mut self.handed);
        let mut reading = handed.read();
        let mut seen = 0_u64;
        let visited = listed(read, &part.document, detail, &mut |keyframe| {
            if !part.includes(&keyframe.entry.stream) {
                return ControlFlow::Continue(());
            }
            seen += 1;
            let checked = if seen.is_multiple_of(STRIDE) { self.ctx.check().map_err(Into::into) } else { Ok(()) };
            let shown = checked.and_then(|()| match reading.keyframe_entry(keyframe.entry) {
                Row::New => self.keyframe(keyframe),
                Row::Known => Ok(()),
                Row::Different => Err(StoreError::Moved { location: location.to_owned() }.into()),
            });
            match shown {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    self.stopped = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
        let finished = if visited.is_ok() && self.stopped.is_none() { reading.finish(location) } else { Ok(()) };
        self.handed = handed;
        visited?;
        Ok(finished?)
    }

    fn keyframe(&mut self, keyframe: &Listed<'_>) -> anyhow::Result<()> {
        let standing = self.models.standing(&keyframe.entry.document_type, keyframe.check());
        let view = KeyframeView::new(keyframe, standing);
        if self.args.keeps(&view) {
            self.printer.keyframe(&keyframe.entry.stream, &view)?;
        }
        Ok(())
    }
}
