//! One forward pass over a stream: what every rebuild runs on, and everything that needs each step.

use std::ops::ControlFlow;

use super::base::{Chosen, Extent, Search};
use super::page::{corrupt_action, pages};
use super::resolve::head_of;
use super::timeline::{Halt, History, Timeline, rejected, thrown};
use super::{Base, Explain, Position, ReplayError, Snapshot, Sources, Warning};
use crate::model::ids::{Branch, DocumentId, NextIndex, OpIndex, Revision, Scope, Span, StreamKey};
use crate::model::json::Text;
use crate::model::operation::Action;
use crate::model::time::Timestamp;
use crate::reducer::Outcome;
use crate::reducer::protocol::{Actions, Document, ProtocolError, RowHead, Schedule, Version};
use crate::store::{Order, StoreError, StreamHead};

/// Hears of every operation of a walk.
pub trait Observer {
    /// Called after each operation of the stream, in order.
    ///
    /// # Errors
    /// Whatever ends the walk.
    fn step(&mut self, step: &Step<'_>, document: &mut Document) -> Result<(), ReplayError>;
}

/// One operation of a walk.
pub struct Step<'a> {
    /// Its position and skip.
    pub head: RowHead,
    /// When it happened, by its row.
    pub time: Timestamp,
    /// What it did.
    pub action: &'a Action<'a>,
    /// What became of it.
    pub outcome: &'a Outcome,
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

/// Rebuilds one scope of a document. With an observer the walk starts at the first operation; without, at the best
/// base there is.
///
/// # Errors
/// `Store`, `Model`, `Rejected`, `Fold`, `Stopped`; what the observer returned.
pub fn walk(
    sources: &Sources<'_>,
    goal: Goal<'_>,
    observer: Option<&mut dyn Observer>,
) -> Result<Snapshot, ReplayError> {
    let streams = sources.read.streams(goal.document)?;
    let pass =
        |history, observer| Pass { sources, goal, streams: &streams, history, observer, seen: Seen::default() }.run();
    let Some(observer) = observer else {
        // Most streams have no skips, so nothing is kept for them at first.
        return match pass(History::NotKept, None) {
            Err(Halt::LooksBack) => ended(pass(History::Kept, None)),
            result => ended(result),
        };
    };
    ended(pass(History::Kept, Some(observer)))
}

/// The result of a pass that keeps the history, or did not need it.
fn ended(result: Result<Snapshot, Halt>) -> Result<Snapshot, ReplayError> {
    result.map_err(|halt| match halt {
        Halt::Failed(error) => error,
        // The forecast has every row that looks back; only a store that answers differently twice gets here.
        Halt::LooksBack => StoreError::Moved { location: "the store".to_owned() }.into(),
    })
}

/// One attempt at a walk.
struct Pass<'a, 'o> {
    sources: &'a Sources<'a>,
    goal: Goal<'a>,
    streams: &'a [StreamHead],
    history: History,
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
        let Pass { sources, goal, history, .. } = self;
        let bound = match goal.position {
            Position::Head => None,
            Position::At(revision) => Some(revision),
        };
        let spine = self.stream(&Scope::document());
        let own = *goal.scope == *spine.scope.as_str();
        let mut timeline = Timeline::read(sources, &spine, bound.filter(|_| own), history)?;
        let mut explain = Explain { operations_read: timeline.rows, bytes_read: timeline.bytes, ..Explain::default() };
        let mut warnings: Vec<Warning> =
            timeline.gap.map(|missing| Warning::Gap { stream: spine.clone(), missing }).into_iter().collect();
        if own {
            timeline.finish(goal.scope, None)?;
        } else {
            self.scope_rows(&mut timeline, bound, &mut explain, &mut warnings)?;
            timeline.finish(goal.scope, bound)?;
        }
        let newest = self.newest_time()?;
        explain.operations_applied = timeline.document.applied();
        self.snapshot(timeline, bound, newest, explain, warnings)
    }

    fn stream(&self, scope: &Scope) -> StreamKey {
        StreamKey { document: self.goal.document.clone(), scope: scope.clone(), branch: self.goal.branch.clone() }
    }

    fn head(&self, scope: &Scope) -> Option<Revision> {
        head_of(self.streams, self.goal.branch, scope)
    }

    /// Replays the rows of the scope asked for.
    fn scope_rows(
        &mut self,
        timeline: &mut Timeline,
        bound: Option<Option<Revision>>,
        explain: &mut Explain,
        warnings: &mut Vec<Warning>,
    ) -> Result<(), Halt> {
        let sources = self.sources;
        let stream = self.stream(self.goal.scope);
        let target = bound.unwrap_or_else(|| self.head(self.goal.scope));
        let Some(target) = target else { return Ok(()) };
        let base =
            if self.observer.is_some() { None } else { self.base(timeline, &stream, target, explain, warnings)? };
        let span = Span::between(base, Some(target));
        if self.history == History::Kept {
            let version = timeline.document.version().unwrap_or(Version::V1);
            let retractions = sources.read.skips(&stream, span)?;
            timeline.document.set_schedule(Schedule::forecast(&retractions, version));
        }
        let mut expected = span.from;
        sources.progress.expect(target.next().get() - span.from.get());
        let mut observer = self.observer.take();
        let mut newest = None;
        pages::<Halt>(sources, &stream, span, &mut |page| {
            let actions = page.actions(&stream)?;
            let (heads, times) = (page.heads(), page.times());
            let mut at = 0;
            while at < heads.len() {
                let version = timeline.version_at(self.goal.scope, heads[at].index, times[at]);
                timeline.advance_to(sources, version)?;
                let same = |n: &usize| timeline.version_at(self.goal.scope, heads[*n].index, times[*n]) == version;
                let most = if observer.is_some() { at + 1 } else { heads.len() };
                let end = (at + 1..most).find(|n| !same(n)).unwrap_or(most);
                let (heads, actions) = (&heads[at..end], &actions[at..end]);
                let document = &mut timeline.document;
                let mut source = Again { sources, stream: &stream };
                if let Err(error) = document.replay(heads, actions, &mut source) {
                    let index = heads.get(document.outcomes().len()).map(|head| head.index);
                    return Err(wrapped(&stream, index, error));
                }
                if let (Some(observer), Some(outcome)) = (&mut observer, document.outcomes().first().cloned()) {
                    let step = Step { head: heads[0], time: times[at], action: &actions[0], outcome: &outcome };
                    observer.step(&step, document)?;
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
            Ok(ControlFlow::Continue(()))
        })?;
        self.seen = Seen { span: Some(span), newest };
        Ok(())
    }

    /// Looks for a keyframe to start from, and puts the document there.
    fn base(
        &self,
        timeline: &mut Timeline,
        stream: &StreamKey,
        target: Revision,
        explain: &mut Explain,
        warnings: &mut Vec<Warning>,
    ) -> Result<Option<Revision>, Halt> {
        let document_next = NextIndex::from(self.head(&Scope::document()));
        let mut search = Search::default();
        let chosen = search.choose(self.sources, stream, target, document_next)?;
        explain.considered = search.considered;
        explain.bytes_read += search.bytes;
        warnings.extend(search.warnings);
        let Some(chosen) = chosen else { return Ok(None) };
        self.resume(timeline, stream, &chosen)?;
        explain.base = Base::Keyframe(chosen.revision);
        Ok(Some(chosen.revision))
    }

    fn resume(&self, timeline: &mut Timeline, stream: &StreamKey, chosen: &Chosen) -> Result<(), Halt> {
        let version = timeline.version_at(&stream.scope, chosen.revision.last(), chosen.time);
        let scopes = match chosen.extent {
            Extent::Whole => {
                timeline.assume_applied(version);
                timeline.run_version(self.sources, version)?;
                chosen.state.scopes()
            }
            Extent::OwnScope => {
                timeline.advance_to(self.sources, version)?;
                vec![stream.scope.clone()]
            }
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
        bound: Option<Option<Revision>>,
        newest: Option<Timestamp>,
        explain: Explain,
        warnings: Vec<Warning>,
    ) -> Result<Snapshot, Halt> {
        let Goal { document: id, branch, scope, .. } = self.goal;
        let held = timeline.first_held();
        let state = timeline.document.state().map_err(|error| thrown(&self.stream(scope), None, error))?;
        let heads = self.streams.iter().filter(|head| head.branch == *branch);
        let header = timeline.document.header_mut();
        header.set_revisions(heads.map(|head| (head.scope.clone(), head.head.next())).collect());
        if let Some(target) = bound {
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
        let revision = bound.unwrap_or_else(|| self.head(scope));
        Ok(Snapshot {
            document: id.clone(),
            scope: Some(scope.clone()),
            branch: branch.clone(),
            revision: [(scope.clone(), revision)].into(),
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
        let mut take = |row: &crate::model::operation::OperationRow<'_>| {
            if wanted.next_if_eq(&row.index).is_none() {
                return Ok(());
            }
            self.sources.progress.check().map_err(|stop| failed(row.index, stop.into()))?;
            let action = Action::parse(row.action);
            each(&action.map_err(|error| failed(row.index, corrupt_action(self.stream, row.index, error).into()))?)
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
