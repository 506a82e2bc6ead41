//! One forward pass over a stream: what every rebuild runs on, and everything that needs each step.

use std::cell::RefCell;
use std::ops::ControlFlow;

use super::base::{Chosen, Extent, Search, Terrain};
use super::models::Models;
use super::origin::Origin;
use super::page::{PAGE_ROWS, pages_seen};
use super::resolve::head_of;
use super::timeline::{Halt, Keep, Timeline, rejected, thrown, version_of};
use super::{Base, Explain, Position, ReplayError, Snapshot, Sources, Warning};
use crate::model::ids::{Branch, DocumentId, Fingerprint, NextIndex, OpIndex, Revision, Scope, Span, StreamKey};
use crate::model::json::Text;
use crate::model::operation::{Action, OperationRow};
use crate::model::time::Timestamp;
use crate::reducer::Outcome;
use crate::reducer::protocol::{Actions, Document, ProtocolError, RowHead, Schedule, Version};
use crate::store::{Flow, Order, StoreError, StreamHead};

/// Hears of every operation of a walk.
pub trait Observer {
    /// How many rows may be read before the step of the first of them; at least 1. More is faster, but reads what a
    /// walk that is ended early did not need.
    fn rows_ahead(&self) -> usize {
        1
    }

    /// Called once before the first operation of the stream, with the revision the walk starts from; `None` is the state
    /// before operation 0. Not called for scope `document` where its first operation makes the document.
    ///
    /// # Errors
    /// Whatever ends the walk.
    fn start(&mut self, document: &mut Document, base: Option<Revision>) -> Result<(), ReplayError> {
        let _ = (document, base);
        Ok(())
    }

    /// Called for each row of the stream as it is read, before its step, with all its columns. Rows and steps come in
    /// one order.
    fn row(&mut self, row: &OperationRow<'_>) {
        let _ = row;
    }

    /// Called after each operation of the stream, in order; `document` is in the state that a rebuild up to there
    /// gives. `Break` ends the walk there.
    ///
    /// # Errors
    /// Whatever ends the walk.
    fn step(&mut self, step: &Step<'_>, document: &mut Document) -> Result<Flow, ReplayError>;
}

/// One operation of a walk.
pub struct Step<'a> {
    /// Its position and skip.
    pub head: RowHead,
    /// When it happened, by its row.
    pub time: Timestamp,
    /// What it did.
    pub action: &'a Action<'a>,
    /// What became of it; `None` if it was not run: it was denied, or is one of scope `document` that had failed.
    pub outcome: Option<&'a Outcome>,
    pub(super) models: Models<'a>,
}

impl Step<'_> {
    /// Digest of the models that have made the state after it, which is what a record of that state has to name.
    ///
    /// # Errors
    /// `Model` if there is none for a version.
    pub fn fingerprint(&self) -> Result<Fingerprint, ReplayError> {
        Ok(self.models.fingerprint()?)
    }
}

/// Where a walk starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Before the first operation.
    Genesis,
    /// At the best base there is, as [`state_at`] does. Scope `document` has none.
    Base,
    /// The same, at or below a revision.
    BaseUpTo(Revision),
}

/// The stream and position a walk leads to.
#[derive(Clone, Copy, Debug)]
pub struct Goal<'a> {
    /// The document.
    pub document: &'a DocumentId,
    /// The branch.
    pub branch: &'a Branch,
    /// The scope.
    pub scope: &'a Scope,
    /// The position.
    pub position: Position,
}

/// Rebuilds one scope of a document, from the best base there is.
///
/// # Errors
/// `Store`, `Model`, `Rejected`, `Fold`, `Stopped`.
pub fn state_at(sources: &Sources<'_>, goal: Goal<'_>) -> Result<Snapshot, ReplayError> {
    part_at(sources, goal, &sources.read.streams(goal.document)?)
}

/// [`state_at`], with a header that knows of `streams` only.
pub(super) fn part_at(sources: &Sources<'_>, goal: Goal<'_>, streams: &[StreamHead]) -> Result<Snapshot, ReplayError> {
    let pass =
        |keep| Pass { sources, goal, streams, keep, start: Start::Base, observer: None, seen: Seen::default() }.run();
    // Most streams have no skips, so nothing is kept for them at first.
    match pass(Keep::Nothing) {
        Err(Halt::LooksBack) => pass(Keep::History).map_err(failure),
        result => result.map_err(failure),
    }
}

/// Rebuilds one scope of a document, and lets an observer look at every step. `None` if the observer has seen enough;
/// nothing is read after that.
///
/// # Errors
/// `Store`, `Model`, `Rejected`, `Fold`, `Stopped`; what the observer returned.
pub fn walk(
    sources: &Sources<'_>,
    goal: Goal<'_>,
    start: Start,
    observer: &mut dyn Observer,
) -> Result<Option<Snapshot>, ReplayError> {
    let streams = &sources.read.streams(goal.document)?;
    let (keep, seen) = (Keep::History, Seen::default());
    match (Pass { sources, goal, streams, keep, start, observer: Some(observer), seen }.run()) {
        Err(Halt::Enough) => Ok(None),
        result => result.map(Some).map_err(failure),
    }
}

/// The error that a pass ended with.
pub(super) fn failure(halt: Halt) -> ReplayError {
    match halt {
        Halt::Failed(error) => error,
        // The forecast has every row that looks back; only a store that answers differently twice gets here. Only an
        // observer has enough.
        Halt::LooksBack | Halt::Enough => StoreError::Moved { location: "the store".to_owned() }.into(),
    }
}

/// One attempt at a walk.
struct Pass<'a, 'o> {
    sources: &'a Sources<'a>,
    goal: Goal<'a>,
    streams: &'a [StreamHead],
    keep: Keep,
    start: Start,
    observer: Option<&'o mut (dyn Observer + 'o)>,
    seen: Seen,
}

/// Which rows of its stream a pass has read.
#[derive(Clone, Copy, Default)]
struct Seen {
    span: Option<Span>,
    newest: Option<Timestamp>,
}

impl Seen {
    /// What of a stream that ends at `head` was not read.
    fn unread(self, head: Revision) -> [Option<Span>; 2] {
        let Some(Span { from, through: Some(last) }) = self.span else { return [Some(Span::ALL), None] };
        let before = from.last_applied().map(|last| Span { from: NextIndex::default(), through: Some(last.last()) });
        let after = (last < head.last()).then(|| Span { from: last.next(), through: None });
        [before, after]
    }
}

impl Pass<'_, '_> {
    fn run(mut self) -> Result<Snapshot, Halt> {
        let Pass { sources, goal, keep, .. } = self;
        let spine = self.stream(&Scope::document());
        let own = *goal.scope == *spine.scope.as_str();
        let observer = if own { self.observer.take() } else { None };
        let origin = Origin { scope: goal.scope, streams: self.streams };
        let position = if own { goal.position } else { Position::Head };
        let mut timeline = Timeline::read(sources, &spine, position, keep, origin, observer)?;
        let mut explain = Explain { operations_read: timeline.rows, bytes_read: timeline.bytes, ..Explain::default() };
        let mut warnings: Vec<Warning> =
            timeline.gap.map(|missing| Warning::Gap { stream: spine.clone(), missing }).into_iter().collect();
        if own {
            timeline.finish(goal.scope, Position::Head)?;
        } else {
            self.scope_rows(&mut timeline, &mut explain, &mut warnings)?;
            timeline.finish(goal.scope, goal.position)?;
        }
        let newest = self.newest_time()?;
        explain.operations_applied = timeline.document.applied();
        self.snapshot(timeline, newest, explain, warnings)
    }

    fn stream(&self, scope: &Scope) -> StreamKey {
        StreamKey { document: self.goal.document.clone(), scope: scope.clone(), branch: self.goal.branch.clone() }
    }

    fn head(&self, scope: &Scope) -> Option<Revision> {
        head_of(self.streams, self.goal.branch, scope)
    }

    /// The revision that the goal is; `None` before operation 0, and for a scope without operations.
    fn revision(&self) -> Option<Revision> {
        match self.goal.position {
            Position::Head => self.head(self.goal.scope),
            Position::At(revision) => revision,
        }
    }

    /// Replays the rows of the scope asked for.
    fn scope_rows(
        &mut self,
        timeline: &mut Timeline,
        explain: &mut Explain,
        warnings: &mut Vec<Warning>,
    ) -> Result<(), Halt> {
        let sources = self.sources;
        let stream = self.stream(self.goal.scope);
        let target = self.revision();
        let Some(target) = target else {
            if self.head(self.goal.scope).is_none() {
                let on_branch = self.streams.iter().filter(|head| head.branch == *self.goal.branch);
                let scopes = on_branch.map(|head| head.scope.clone()).collect();
                warnings.push(Warning::EmptyScope { stream, scopes });
            }
            return Ok(());
        };
        let base = match self.start {
            Start::Genesis => None,
            Start::Base => self.base(timeline, &stream, target, target, explain, warnings)?,
            Start::BaseUpTo(most) => self.base(timeline, &stream, most.min(target), target, explain, warnings)?,
        };
        let span = Span::between(base, Some(target));
        if self.keep == Keep::History {
            let version = timeline.document.version().unwrap_or(Version::V1);
            let retractions = sources.read.skips(&stream, span)?;
            timeline.document.set_schedule(Schedule::forecast(&retractions, version));
        }
        let mut expected = span.from;
        sources.progress.expect(target.next().get() - span.from.get());
        let observer = self.observer.take().map(RefCell::new);
        let mut most_rows = PAGE_ROWS;
        if let Some(observer) = &observer {
            let mut observer = observer.borrow_mut();
            observer.start(&mut timeline.document, base)?;
            most_rows = observer.rows_ahead().clamp(1, PAGE_ROWS);
        }
        let mut seen = |row: &OperationRow<'_>| {
            if let Some(observer) = &observer {
                observer.borrow_mut().row(row);
            }
        };
        let mut newest = None;
        pages_seen::<Halt>(sources, &stream, span, most_rows, &mut seen, &mut |page| {
            let (actions, parsed) = page.actions(&stream);
            let (heads, times) = (&page.heads()[..actions.len()], page.times());
            let mut at = 0;
            while at < heads.len() {
                let version = timeline.version_at(self.goal.scope, heads[at].index, times[at]);
                timeline.advance_to(sources, version)?;
                let same = |n: &usize| timeline.version_at(self.goal.scope, heads[*n].index, times[*n]) == version;
                let most = if observer.is_some() { at + 1 } else { heads.len() };
                let end = (at + 1..most).find(|n| !same(n)).unwrap_or(most);
                let (heads, actions) = (&heads[at..end], &actions[at..end]);
                let versions = timeline.versions(version);
                let Timeline { document, document_type, .. } = &mut *timeline;
                let mut source = Again { sources, stream: &stream };
                if let Err(error) = document.replay(heads, actions, &mut source) {
                    let index = heads.get(document.outcomes().len()).map(|head| head.index);
                    return Err(wrapped(&stream, index, error));
                }
                if let (Some(observer), Some(outcome)) = (&observer, document.outcomes().first().cloned()) {
                    let outcome = Some(&outcome).filter(|_| !heads[0].denied);
                    let models = Models::new(sources.registry, document_type, versions.iter().copied());
                    let step = Step { head: heads[0], time: times[at], action: &actions[0], outcome, models };
                    if observer.borrow_mut().step(&step, document)?.is_break() {
                        return Err(Halt::Enough);
                    }
                }
                at = end;
            }
            for head in heads {
                if head.index != expected.index() && !warnings.iter().any(|warning| is_gap_of(warning, &stream)) {
                    warnings.push(Warning::Gap { stream: stream.clone(), missing: expected.index() });
                }
                expected = head.index.next();
            }
            newest = newest.max(times.iter().max().copied());
            explain.operations_read += heads.len() as u64;
            explain.bytes_read += page.bytes();
            parsed?;
            Ok(ControlFlow::Continue(()))
        })?;
        if expected.index() <= target.last() && !warnings.iter().any(|warning| is_gap_of(warning, &stream)) {
            warnings.push(Warning::Gap { stream: stream.clone(), missing: expected.index() });
        }
        self.seen = Seen { span: Some(span), newest };
        Ok(())
    }

    /// Looks for a keyframe at or below `at_most` to start from, and puts the document there.
    fn base(
        &self,
        timeline: &mut Timeline,
        stream: &StreamKey,
        at_most: Revision,
        target: Revision,
        explain: &mut Explain,
        warnings: &mut Vec<Warning>,
    ) -> Result<Option<Revision>, Halt> {
        if timeline.document.version().is_err() {
            // No operation can be applied, so none may be taken as applied.
            return Ok(None);
        }
        let terrain = Terrain {
            created: timeline.created,
            document_next: NextIndex::from(self.head(&Scope::document())),
            last_upgrade: timeline.last_inline,
            changes_version: !timeline.held.is_empty(),
            fingerprint: &|index, time| {
                let version = timeline.version_at(self.goal.scope, index, time);
                let versions = timeline.versions(version);
                Models::new(self.sources.registry, &timeline.document_type, versions).fingerprint().ok()
            },
        };
        let mut search = Search::default();
        let chosen = search.choose(self.sources, stream, at_most, target, &terrain)?;
        explain.considered = search.considered;
        explain.bytes_read += search.bytes;
        warnings.extend(search.warnings);
        let Some(chosen) = chosen else { return Ok(None) };
        self.resume(timeline, stream, &chosen)?;
        explain.base = Base::Keyframe(chosen.revision);
        Ok(Some(chosen.revision))
    }

    fn resume(&self, timeline: &mut Timeline, stream: &StreamKey, chosen: &Chosen) -> Result<(), Halt> {
        let scopes = match chosen.extent {
            Extent::Whole => {
                let version = version_of(&chosen.state);
                timeline.assume_applied(version);
                timeline.run_version(self.sources, version)?;
                chosen.state.scopes()
            }
            Extent::OwnScope => vec![stream.scope.clone()],
        };
        let document = &mut timeline.document;
        for scope in &scopes {
            document.resume(scope, &chosen.state).map_err(|error| thrown(stream, None, error))?;
        }
        let header = document.header_mut();
        if let Some(name) = &chosen.name {
            header.set_name(name.clone());
        }
        if let Some(meta) = &chosen.meta {
            header.set_meta(meta.clone());
        }
        Ok(())
    }

    /// The newest operation time of the document on its branch: of the rows that were read, and of those that were
    /// not.
    fn newest_time(&self) -> Result<Option<Timestamp>, Halt> {
        let mut newest = self.seen.newest;
        for head in self.streams.iter().filter(|head| head.branch == *self.goal.branch) {
            let stream = self.stream(&head.scope);
            let spans =
                if head.scope == *self.goal.scope { self.seen.unread(head.head) } else { [Some(Span::ALL), None] };
            for span in spans.into_iter().flatten() {
                newest = newest.max(self.sources.read.newest_time(&stream, span)?);
            }
        }
        Ok(newest)
    }

    /// Stamps the header (reactor format §6.7) and takes the state.
    fn snapshot(
        &self,
        mut timeline: Timeline,
        newest: Option<Timestamp>,
        explain: Explain,
        warnings: Vec<Warning>,
    ) -> Result<Snapshot, Halt> {
        let Goal { document: id, branch, scope, position } = self.goal;
        let held = timeline.first_held();
        let state = timeline.document.state().map_err(|error| thrown(&self.stream(scope), None, error))?;
        let heads = self.streams.iter().filter(|head| head.branch == *branch);
        let header = timeline.document.header_mut();
        header.set_revisions(heads.map(|head| (head.scope.clone(), head.head.next())).collect());
        if let Position::At(target) = position {
            header.set_revision(scope, target.into());
        }
        if let Some(index) = held {
            let document = Scope::document();
            let stamped = header.revision().iter().find(|(name, _)| *name == document).map(|(_, next)| *next);
            let held = NextIndex::new(index.get());
            header.set_revision(&document, stamped.map_or(held, |next| next.min(held)));
        }
        if let Some(newest) = newest {
            header.set_last_modified(Text::from(newest.to_string()));
        }
        Ok(Snapshot {
            document: id.clone(),
            scope: Some(scope.clone()),
            branch: branch.clone(),
            revision: [(scope.clone(), self.revision())].into(),
            document_type: timeline.document_type,
            header: header.to_object(),
            state,
            explain,
            warnings,
        })
    }
}

fn is_gap_of(warning: &Warning, stream: &StreamKey) -> bool {
    matches!(warning, Warning::Gap { stream: gap, .. } if gap == stream)
}

/// The error for a row outside the document scope, with the text the reference wraps around it.
fn wrapped(stream: &StreamKey, index: Option<OpIndex>, error: ProtocolError) -> Halt {
    match error {
        ProtocolError::Thrown(message) => {
            rejected(stream, index, format!("Failed to rebuild document {}: {message}", stream.document)).into()
        }
        error => thrown(stream, index, error),
    }
}

/// Reads rows of the stream again, for the protocol.
struct Again<'a> {
    sources: &'a Sources<'a>,
    stream: &'a StreamKey,
}

impl Actions for Again<'_> {
    fn again(
        &mut self,
        rows: &[OpIndex],
        each: &mut dyn FnMut(&Action<'_>) -> Result<(), ProtocolError>,
    ) -> Result<(), ProtocolError> {
        let (Some(&first), Some(&last)) = (rows.first(), rows.last()) else { return Ok(()) };
        let failed = |index, error: ReplayError| ProtocolError::Again { index, source: Box::new(error) };
        let mut wanted = rows.iter().copied().peekable();
        let mut result = Ok(());
        let span = Span { from: NextIndex::new(first.get()), through: Some(last) };
        let mut take =
            |row: &OperationRow<'_>| {
                if wanted.next_if_eq(&row.index).is_none() {
                    return Ok(());
                }
                self.sources.progress.check().map_err(|stop| failed(row.index, stop.into()))?;
                let action = Action::parse(row.action);
                each(&action.map_err(|error| {
                    failed(row.index, StoreError::corrupt_action(self.stream, row.index, error).into())
                })?)
            };
        let visited = self.sources.read.operations(self.stream, span, Order::Forward, &mut |row| {
            result = take(row);
            if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        visited.map_err(|error| failed(first, error.into()))?;
        result?;
        match wanted.next() {
            None => Ok(()),
            Some(index) => Err(ProtocolError::Again { index, source: "the operation is gone".into() }),
        }
    }
}
