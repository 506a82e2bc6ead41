//! `snapctl log`.

mod gaps;
mod replayed;
mod told;
mod view;

use std::ops::ControlFlow;

use clap::Args;

use super::rebuild::OnGap;
use crate::cli::args::{Literal, parse_pointer, parse_time};
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::ui::Ui;
use crate::model::ids::{OpIndex, Revision, Scope, Span, StreamKey};
use crate::model::json::Text;
use crate::model::operation::{Action, OperationRow};
use crate::model::target::Target;
use crate::model::time::Timestamp;
use crate::replay::{self, Position, Resolved, View, Warning};
use crate::store::handed::{self, Handed};
use crate::store::{Order, Read, StoreError, answer};

use gaps::Gaps;
use told::Told;
use view::Printer;

pub(in crate::cli) use view::OperationView;

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "log",
    examples: &[
        Example {
            does: "The operations of a document, with what failed and why",
            run: "snapctl log field-notes/global",
        },
        Example {
            does: "What each of the last three did to the state",
            run: "snapctl log field-notes/global -p --ndjson \\\n  | tail -n 3 | jq -c '[.index, .patch]'",
        },
        Example {
            does: "When and by which operations the name of a drive was changed",
            run: "snapctl log field-notes/global --pointer /name",
        },
        Example {
            does: "The newest five; skip is how many before it one takes back",
            run: "snapctl log sketchbook/global --store undo.sqlite --reverse -n 5",
        },
        Example {
            does: "The operations that failed, for a report",
            run: "snapctl log field-notes/global --ndjson \\\n  | jq -r 'select(.error) | [.index, .type, .error] | @tsv'",
        },
    ],
};

/// List the operations of a stream, oldest first, up to the target's position
///
/// With --patch and --pointer the stream is replayed from its first operation, and ends with the error of rebuild where it
/// cannot be. What an operation did is the difference between the states of its scope at the revision before it and at
/// its own; a new version of the model that takes effect with it counts as its doing.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// Which stream, and up to where: DOC[/SCOPE][@BRANCH][:REV]; SCOPE is global unless named
    #[arg(value_name = "TARGET")]
    target: String,

    #[command(flatten)]
    literal: Literal,

    /// Show what each operation did to the state of its scope, as a JSON Patch, or why it failed
    #[arg(short, long)]
    patch: bool,

    /// Only operations that changed this part of the state, a JSON pointer such as /name, with its value before and after
    #[arg(long, value_name = "POINTER", value_parser = parse_pointer)]
    pointer: Option<String>,

    /// List the newest first; not with --patch or --pointer
    #[arg(long)]
    reverse: bool,

    /// Stop after this many
    #[arg(short = 'n', long, value_name = "N", allow_negative_numbers = true)]
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
    args.check()?;
    let target: Target = args.literal.target(&args.target)?;
    let in_scope = Target { scope: Some(target.scope.clone().unwrap_or_else(Scope::global)), ..target.clone() };
    let store = ctx.open_store()?;
    let mut untold = true;
    let terminal = ui.out.width().is_some();
    let location = store.location();
    let mut walk = Walk {
        args,
        ctx,
        location,
        terminal,
        first: None,
        last: None,
        handed: Handed::default(),
        printed: 0,
        gaps: Gaps::default(),
        stopped: None,
    };
    let mut printer = Printer::new(&mut ui.out);
    let walked = answer(&*store, |read| {
        let resolved = replay::resolve(read, &in_scope)?;
        if std::mem::take(&mut untold) {
            if target.scope.is_none() {
                ui.talk.note(format_args!("{} names no scope; this is scope global", args.target));
            }
            if let Some(warning) = empty_scope(read, &resolved)? {
                ui.talk.warning(warning);
            }
        }
        walk.run(read, &resolved, &mut printer)
    });
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
        let message = format!("no operation of {in_scope} matches");
        return Err(Refusal { exit: ExitStatus::Nothing, code: "nothing-matched", message, hint: None }.into());
    }
    Ok(ExitStatus::Success)
}

impl LogArgs {
    fn check(&self) -> Result<(), Refusal> {
        if !(self.reverse && self.replays()) {
            return Ok(());
        }
        let option = if self.patch { "--patch" } else { "--pointer" };
        Err(Refusal {
            exit: ExitStatus::Usage,
            code: "usage",
            message: format!("--reverse cannot be used with {option}"),
            hint: Some(
                "what an operation did is found by replaying forward: leave out --reverse, or narrow it with --since"
                    .to_owned(),
            ),
        })
    }

    /// Whether what is asked for takes a replay.
    fn replays(&self) -> bool {
        self.patch || self.pointer.is_some()
    }

    fn filters(&self) -> bool {
        self.since.is_some() || self.until.is_some() || !self.types.is_empty() || self.pointer.is_some()
    }

    fn order(&self) -> Order {
        if self.reverse { Order::Backward } else { Order::Forward }
    }

    fn wants(&self, time: Timestamp, kind: &Text<'_>) -> bool {
        self.since.is_none_or(|since| time >= since)
            && self.until.is_none_or(|until| time <= until)
            && (self.types.is_empty() || self.types.iter().any(|wanted| *kind == **wanted))
    }
}

/// The one pass over the rows. It holds none of them; when the store moves, it reads them again, and goes on where it was
/// if they are the same.
struct Walk<'a> {
    args: &'a LogArgs,
    ctx: &'a Ctx,
    /// Where the store is.
    location: &'a str,
    /// Whether the rows go to a terminal.
    terminal: bool,
    /// The row that was visited first.
    first: Option<OpIndex>,
    /// The row that was visited last.
    last: Option<OpIndex>,
    /// The rows visited so far.
    handed: Handed,
    printed: u64,
    gaps: Gaps,
    /// Why the pass ended early, if that is an error.
    stopped: Option<anyhow::Error>,
}

impl Walk<'_> {
    fn run(&mut self, read: &dyn Read, resolved: &Resolved, printer: &mut Printer<'_>) -> anyhow::Result<()> {
        /// Rows between two looks at the clock.
        const STRIDE: u64 = 128;
        let (stream, whole) = span(resolved);
        let Some(whole) = whole else { return Ok(()) };
        self.ctx.check()?;
        if self.is_full() && self.first.is_none() || self.stopped.is_some() {
            return Ok(());
        }
        let args = self.args;
        if args.replays() {
            if self.printed > 0 {
                // What was printed was made of a state that may never have been.
                return Err(self.moved().into());
            }
            return replayed::run(self, read, &stream, whole, printer);
        }
        let span = self.since_first(whole);
        let (mut visited, mut complete) = (0_u64, true);
        let mut handed = std::mem::take(&mut self.handed);
        let mut reading = handed.read();
        let rows = read.operations(&stream, span, args.order(), &mut |row| {
            visited += 1;
            let checked = if visited.is_multiple_of(STRIDE) { self.ctx.check().map_err(Into::into) } else { Ok(()) };
            let seen = checked.and_then(|()| match reading.operation(row) {
                handed::Row::New => self.visit(&stream, span, row, printer),
                handed::Row::Known => Ok(()),
                handed::Row::Different => Err(self.moved().into()),
            });
            if let Err(error) = seen {
                self.stopped = Some(error);
            }
            complete = self.stopped.is_none() && (!self.is_full() || reading.is_owing());
            if complete { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        let finished = if rows.is_ok() && self.stopped.is_none() { reading.finish(self.location) } else { Ok(()) };
        self.handed = handed;
        rows?;
        finished?;
        if complete {
            self.gaps.end(&stream, span, args.order());
            self.refuse_gap()?;
        }
        Ok(())
    }

    fn moved(&self) -> StoreError {
        StoreError::Moved { location: self.location.to_owned() }
    }

    /// The rows of an earlier reading and what follows them; newest first, what has come since then is left out.
    fn since_first(&self, whole: Span) -> Span {
        match (self.first, self.args.order()) {
            (Some(first), Order::Backward) => Span { through: Some(first), ..whole },
            _ => whole,
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
        if self.args.wants(row.timestamp, &action.kind) {
            printer.row(row, &action, &Told::default())?;
            self.printed += 1;
        }
        self.first.get_or_insert(row.index);
        self.last = Some(row.index);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.args.limit.is_some_and(|limit| self.printed >= limit)
    }

    fn refuse_gap(&self) -> anyhow::Result<()> {
        let Some(gap) = self.gaps.first().filter(|_| self.args.strict) else { return Ok(()) };
        let hint = Some("without --strict it is listed with a warning".to_owned());
        Err(Refusal { exit: ExitStatus::Undecodable, code: "gap", message: gap.to_string(), hint }.into())
    }
}

/// What to say of a stream without operations: maybe its scope was misspelt.
fn empty_scope(read: &dyn Read, resolved: &Resolved) -> Result<Option<Warning>, StoreError> {
    let (stream, _) = span(resolved);
    let streams = read.streams(&stream.document)?;
    let scopes: Vec<Scope> =
        streams.into_iter().filter(|head| head.branch == stream.branch).map(|head| head.scope).collect();
    Ok((!scopes.contains(&stream.scope)).then_some(Warning::EmptyScope { stream, scopes }))
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
