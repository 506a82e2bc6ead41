//! Operations with what each of them did: a replay from the first one on, of which two states are held at a time.

use std::cell::OnceCell;
use std::ops::ControlFlow;

use super::Walk;
use super::told::{Fate, Made, Told};
use super::view::Printer;
use crate::cli::ctx::Ctx;
use crate::cli::ui::StdoutError;
use crate::history::{Edit, diff};
use crate::model::ids::{Revision, Span, StreamKey};
use crate::model::json::Json;
use crate::model::progress::{Progress, Stop};
use crate::model::state::State;
use crate::reducer::Outcome;
use crate::reducer::protocol::{Document, ProtocolError};
use crate::replay::{Goal, Observer, Position, Rejection, ReplayError, Sources, Start, Step, Warning, walk};
use crate::store::{Flow, Order, Read, StoreError};

/// Replays the stream up to the end of `span`, and prints what is wanted of it and has not been printed yet.
pub(super) fn run(
    listing: &mut Walk<'_>,
    read: &dyn Read,
    stream: &StreamKey,
    span: Span,
    printer: &mut Printer<'_>,
) -> anyhow::Result<()> {
    let ctx = listing.ctx;
    let meter = ctx.meter("replaying");
    let sources = ctx.sources(read, &meter);
    // A bar would get between the rows.
    let sources = if listing.terminal { Sources { progress: &Quiet(ctx), ..sources } } else { sources };
    let StreamKey { document, scope, branch } = stream;
    let position = span.through.map_or(Position::Head, |last| Position::At(Some(Revision::of(last))));
    let goal = Goal { document, branch, scope, position };
    let mut replayed = Replayed { listing, read, stream, span, printer, now: Moment::default() };
    if let Some(snapshot) = walk(&sources, goal, Start::Genesis, &mut replayed)? {
        listing.gaps.end(stream, span, Order::Forward);
        // What follows builds on scope document, which may have gaps of its own.
        let mut warnings = snapshot.warnings.into_iter();
        if let Some(gap) = warnings.find(|warning| matches!(warning, Warning::Gap { .. })) {
            listing.gaps.notice(gap);
        }
        listing.refuse_gap()?;
    }
    Ok(())
}

/// Stops with the command, and shows nothing.
struct Quiet<'a>(&'a Ctx);

impl Progress for Quiet<'_> {
    fn check(&self) -> Result<(), Stop> {
        self.0.check()
    }
}

/// The scope between two operations. Its JSON is made when it is asked for.
#[derive(Default)]
struct Moment {
    /// `None` before the document is created.
    state: Option<State>,
    json: OnceCell<Option<Json<'static>>>,
}

impl Moment {
    fn json(&self, stream: &StreamKey) -> Option<&Json<'static>> {
        self.json.get_or_init(|| self.state.as_ref()?.scope(stream.scope.as_str())).as_ref()
    }
}

/// Prints operations while they are replayed.
struct Replayed<'p, 'w, 'o> {
    listing: &'p mut Walk<'w>,
    read: &'p dyn Read,
    stream: &'p StreamKey,
    span: Span,
    printer: &'p mut Printer<'o>,
    now: Moment,
}

impl Observer for Replayed<'_, '_, '_> {
    fn start(&mut self, document: &mut Document, _: Option<Revision>) -> Result<(), ReplayError> {
        self.now = self.moment(document)?;
        Ok(())
    }

    fn step(&mut self, step: &Step<'_>, document: &mut Document) -> Result<Flow, ReplayError> {
        let now = self.moment(document)?;
        let before = std::mem::replace(&mut self.now, now);
        if self.listing.last.is_some_and(|last| step.head.index <= last) {
            return Ok(ControlFlow::Continue(()));
        }
        self.listing.gaps.visit(self.stream, self.span, step.head.index, Order::Forward);
        let wanted = self.listing.args.wants(step.time, &step.action.kind);
        let shown = self.listing.refuse_gap().and_then(|()| if wanted { self.show(step, &before) } else { Ok(()) });
        match shown.map_err(anyhow::Error::downcast::<ReplayError>) {
            Ok(()) => self.listing.last = Some(step.head.index),
            Err(Ok(error)) => return Err(error),
            Err(Err(error)) => self.listing.stopped = Some(error),
        }
        if self.listing.is_full() || self.listing.stopped.is_some() {
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl Replayed<'_, '_, '_> {
    fn moment(&self, document: &mut Document) -> Result<Moment, ReplayError> {
        let state = document.state().map_err(|error| match error {
            ProtocolError::Fold(error) => ReplayError::Fold(error),
            error => {
                let message = error.to_string();
                ReplayError::Rejected { stream: self.stream.clone(), index: None, rejection: Rejection::Other, message }
            }
        })?;
        Ok(Moment { state: Some(state), json: OnceCell::new() })
    }

    /// Prints an operation, unless it left alone what is asked for. The row is read again, because the replay knows
    /// only what it needs of it.
    fn show(&mut self, step: &Step<'_>, before: &Moment) -> anyhow::Result<()> {
        self.listing.ctx.check().map_err(ReplayError::from)?;
        let args = self.listing.args;
        let (old, new) = (before.json(self.stream), self.now.json(self.stream));
        let mut told = Told::default();
        if let Some(pointer) = &args.pointer {
            let (old, new) = (old.and_then(|old| old.pointer(pointer)), new.and_then(|new| new.pointer(pointer)));
            let Some(edit) = Edit::between(old, new) else { return Ok(()) };
            told.value = Some((pointer, edit));
        }
        if args.patch {
            told.made = Some(Made { patch: diff(old, new), fate: fate(step) });
        }
        let index = step.head.index;
        let mut written: Option<Result<(), StdoutError>> = None;
        let own = Span { through: Some(index), ..Span::between(Revision::of(index).checked_sub(1), None) };
        let printer = &mut *self.printer;
        self.read
            .operations(self.stream, own, Order::Forward, &mut |row| {
                written = Some(printer.row(row, step.action, &told));
                ControlFlow::Break(())
            })
            .map_err(ReplayError::from)?;
        let moved = || ReplayError::from(StoreError::Moved { location: "the store".to_owned() });
        written.ok_or_else(moved)??;
        self.listing.printed += 1;
        Ok(())
    }
}

fn fate<'a>(step: &Step<'a>) -> Fate<'a> {
    match step.outcome {
        _ if step.head.denied => Fate::Denied,
        Some(Outcome::Applied) => Fate::Applied,
        Some(Outcome::Failed(text)) => Fate::Failed(Some(text)),
        None => Fate::Failed(None),
    }
}
