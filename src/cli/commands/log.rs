//! `snapctl log`.

mod gaps;
mod view;

use std::ops::ControlFlow;

use clap::Args;

use super::rebuild::OnGap;
use crate::cli::args::{Literal, parse_time};
use crate::cli::ctx::Ctx;
use crate::store::answer;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::ui::Ui;
use crate::model::ids::{OpIndex, Revision, Scope, Span, StreamKey};
use crate::model::operation::{Action, OperationRow};
use crate::model::target::Target;
use crate::model::time::Timestamp;
use crate::replay::{self, Position, Resolved, View};
use crate::store::{Order, Read, StoreError};

use gaps::Gaps;
use view::Printer;

/// List the operations of a stream, oldest first, up to the target's position
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// Which stream, and up to where: DOC[/SCOPE][@BRANCH][:REV]; SCOPE is global unless named
    #[arg(value_name = "TARGET")]
    target: String,

    #[command(flatten)]
    literal: Literal,

    /// List the newest first
    #[arg(long)]
    reverse: bool,

    /// Stop after this many
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<u64>,

    /// Only operations at or after this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<Timestamp>,

    /// Only operations at or before this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Timestamp>,

    /// Only actions of this type; may be repeated
    #[arg(long = "type", value_name = "ACTION_TYPE")]
    types: Vec<String>,

    /// Fail with exit code 13 where the log has a gap
    #[arg(long)]
    strict: bool,
}

/// Runs `snapctl log`.
///
/// # Errors
/// When the target does not parse or exist, a row does not decode, or stdout cannot be written.
pub(crate) fn run(args: &LogArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let mut target: Target = args.literal.target(&args.target)?;
    let store = ctx.open_store()?;
    if target.scope.is_none() {
        target.scope = Some(Scope::global());
        ui.talk.note(format_args!("{} names no scope; this is scope global", args.target));
    }
    let mut walk = Walk { args, ctx, last: None, printed: 0, gaps: Gaps::default(), stopped: None };
    let mut printer = Printer::new(&mut ui.out);
    let walked = answer(&*store, |read| walk.run(read, &target, &mut printer));
    if let Err(error) = walked.and_then(|()| walk.stopped.take().map_or(Ok(()), Err)) {
        // The error counts, not that the list could not be closed.
        let _ = printer.abandon();
        return Err(error);
    }
    let nothing = walk.printed == 0 && args.filters();
    printer.finish()?;
    if let Some(gap) = walk.gaps.first() {
        OnGap::Warn.tell(&ui.talk, &[gap])?;
    }
    if nothing {
        let message = format!("no operation of {target} matches");
        return Err(Refusal { exit: ExitStatus::Nothing, code: "nothing-matched", message, hint: None }.into());
    }
    Ok(ExitStatus::Success)
}

impl LogArgs {
    fn filters(&self) -> bool {
        self.since.is_some() || self.until.is_some() || !self.types.is_empty()
    }

    fn order(&self) -> Order {
        if self.reverse { Order::Backward } else { Order::Forward }
    }

    fn wants(&self, row: &OperationRow<'_>, action: &Action<'_>) -> bool {
        self.since.is_none_or(|since| row.timestamp >= since)
            && self.until.is_none_or(|until| row.timestamp <= until)
            && (self.types.is_empty() || self.types.iter().any(|kind| action.kind == **kind))
    }
}

/// The one pass over the rows. It holds none of them; when the store moves, it goes on where it was.
struct Walk<'a> {
    args: &'a LogArgs,
    ctx: &'a Ctx,
    /// The row that was visited last.
    last: Option<OpIndex>,
    printed: u64,
    gaps: Gaps,
    /// Why the pass ended early, if that is an error.
    stopped: Option<anyhow::Error>,
}

impl Walk<'_> {
    fn run(&mut self, read: &dyn Read, target: &Target, printer: &mut Printer<'_>) -> anyhow::Result<()> {
        /// Rows between two looks at the clock.
        const STRIDE: u64 = 128;
        let (stream, whole) = span(&replay::resolve(read, target)?);
        let Some(span) = whole.and_then(|whole| self.rest(whole)) else { return Ok(()) };
        self.ctx.check()?;
        let (args, mut visited, mut complete) = (self.args, 0_u64, true);
        if args.limit == Some(0) {
            return Ok(());
        }
        read.operations(&stream, span, args.order(), &mut |row| {
            visited += 1;
            let checked = if visited.is_multiple_of(STRIDE) { self.ctx.check().map_err(Into::into) } else { Ok(()) };
            if let Err(error) = checked.and_then(|()| self.visit(&stream, span, row, printer)) {
                self.stopped = Some(error);
            }
            let full = args.limit.is_some_and(|limit| self.printed >= limit);
            complete = !full && self.stopped.is_none();
            if complete { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if complete {
            self.gaps.end(&stream, span, args.order());
            self.refuse_gap()?;
        }
        Ok(())
    }

    /// What is left of the stream after the last row visited.
    fn rest(&self, whole: Span) -> Option<Span> {
        match (self.last, self.args.order()) {
            (None, _) => Some(whole),
            (Some(last), Order::Forward) => Some(Span { from: last.next(), ..whole }),
            (Some(last), Order::Backward) => {
                Revision::of(last).checked_sub(1).map(|before| Span { through: Some(before.last()), ..whole })
            }
        }
    }

    fn visit(
        &mut self,
        stream: &StreamKey,
        span: Span,
        row: &OperationRow<'_>,
        printer: &mut Printer<'_>,
    ) -> anyhow::Result<()> {
        self.gaps.visit(stream, span, row.index, self.args.order());
        self.refuse_gap()?;
        let action = Action::parse(row.action).map_err(|error| StoreError::Corrupt {
            table: "Operation",
            key: format!("{stream}:{}", row.index),
            column: "action",
            reason: error.to_string(),
        })?;
        if self.args.wants(row, &action) {
            printer.row(row, &action)?;
            self.printed += 1;
        }
        self.last = Some(row.index);
        Ok(())
    }

    fn refuse_gap(&self) -> anyhow::Result<()> {
        let Some(gap) = self.gaps.first().filter(|_| self.args.strict) else { return Ok(()) };
        let hint = Some("without --strict it is listed with a warning".to_owned());
        Err(Refusal { exit: ExitStatus::Undecodable, code: "gap", message: gap.to_string(), hint }.into())
    }
}

/// The stream, and which part of it; `None` is nothing of it.
fn span(resolved: &Resolved) -> (StreamKey, Option<Span>) {
    let through = |revision: Revision| Some(Span { through: Some(revision.last()), ..Span::ALL });
    let (scope, span) = match resolved.view() {
        View::Composed(_) => (Scope::global(), Some(Span::ALL)),
        View::Scoped(scope, Position::Head) => (scope.clone(), Some(Span::ALL)),
        View::Scoped(scope, Position::At(revision)) => (scope.clone(), revision.and_then(through)),
        View::Keyframe(scope, revision) => (scope.clone(), through(*revision)),
    };
    (StreamKey { document: resolved.document().clone(), scope, branch: resolved.branch().clone() }, span)
}
