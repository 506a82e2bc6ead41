//! One attempt at a walk: the rows of a scope, from a base to a position.

use std::cell::RefCell;
use std::ops::ControlFlow;

use smallvec::SmallVec;

use super::again::Again;
use super::base::{Chosen, Extent, Search, Terrain};
use super::landing::{Stamp, Watch};
use super::models::Models;
use super::origin::Origin;
use super::page::{PAGE_ROWS, pages_seen};
use super::resolve::head_of;
use super::stored::StoredDocument;
use super::timeline::{Halt, Keep, Timeline, rejected, thrown, version_in};
use super::walk::{Goal, Observer, Start, Step};
use super::{Base, Explain, Position, Rejection, ReplayError, Snapshot, Sources, Warning};
use crate::model::ids::{NextIndex, OpIndex, Revision, Scope, Span, StreamKey};
use crate::model::operation::{Action, OperationRow};
use crate::model::state::State;
use crate::model::time::Timestamp;
use crate::reducer::protocol::{ProtocolError, RowHead, Schedule, Version};
use crate::store::{StoreError, StreamHead};

/// Keeps no more of the history than a pass needs. Most streams have no skips, so nothing is kept for them at first.
pub(super) fn settle<T>(pass: impl Fn(Keep) -> Result<T, Halt>) -> Result<T, ReplayError> {
    let mut result = pass(Keep::Nothing);
    for keep in [Keep::History, Keep::Everything] {
        if !matches!(result, Err(Halt::LooksBack)) {
            break;
        }
        result = pass(keep);
    }
    result.map_err(failure)
}

/// The error that a pass ended with.
pub(super) fn failure(halt: Halt) -> ReplayError {
    match halt {
        Halt::Failed(error) => error,
        // With everything kept nothing looks further back. Only an observer has enough, and only a pass that has to begin at
        // a keyframe misses one.
        Halt::LooksBack | Halt::Enough | Halt::NoBase => StoreError::Moved { location: "the store".to_owned() }.into(),
    }
}

/// One attempt at a walk.
pub(super) struct Pass<'a, 'o> {
    sources: &'a Sources<'a>,
    goal: Goal<'a>,
    streams: &'a [StreamHead],
    keep: Keep,
    start: Start,
    observer: Option<&'o mut (dyn Observer + 'o)>,
    /// The keyframe to start from as the reference does, whatever is trusted.
    stored: Option<&'a StoredDocument>,
    seen: Seen,
    /// The newest operation time of the branch, once the header is stamped.
    newest: Option<Timestamp>,
}

/// What a rebuild stands on, as an entry of a tier has to say it.
pub(super) struct Grounds {
    /// The state that undos go back to.
    pub(super) initial: State,
    /// The versions of the model that ran, in order, if nothing is to come.
    pub(super) versions: SmallVec<[u32; 4]>,
    /// Whether no upgrade is to come that is in the document scope already.
    pub(super) is_settled: bool,
    /// The newest operation time of the branch.
    pub(super) newest: Option<Timestamp>,
}

/// What a pass came to.
pub(super) struct Replayed {
    pub(super) timeline: Timeline,
    explain: Explain,
    warnings: Vec<Warning>,
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

impl<'a, 'o> Pass<'a, 'o> {
    pub(super) fn new(sources: &'a Sources<'a>, goal: Goal<'a>, streams: &'a [StreamHead], keep: Keep) -> Self {
        let (start, observer, stored, seen) = (Start::Base, None, None, Seen::default());
        Pass { sources, goal, streams, keep, start, observer, stored, seen, newest: None }
    }

    /// Lets an observer look at every step, from another start.
    pub(super) fn observed(self, start: Start, observer: &'o mut (dyn Observer + 'o)) -> Self {
        Pass { start, observer: Some(observer), ..self }
    }

    /// Lets the pass start from a keyframe as the reference does, whatever is trusted.
    pub(super) fn from(self, stored: Option<&'a StoredDocument>) -> Self {
        Pass { stored, ..self }
    }

    /// Lets the pass start from nothing but a keyframe above a revision.
    pub(super) fn above(self, revision: Option<Revision>) -> Self {
        Pass { start: Start::BaseAbove(revision), ..self }
    }

    pub(super) fn run(self) -> Result<Snapshot, Halt> {
        Ok(self.run_whole()?.0)
    }

    /// Gives what an entry of a tier needs, too.
    pub(super) fn run_whole(mut self) -> Result<(Snapshot, Grounds), Halt> {
        let mut replayed = self.replay()?;
        let timeline = &mut replayed.timeline;
        let grounds = Grounds {
            initial: timeline.document.initial().clone(),
            versions: timeline.all_versions(),
            is_settled: timeline.first_held().is_none(),
            newest: self.newest,
        };
        Ok((self.snapshot(replayed)?, grounds))
    }

    /// Gives the document with its history, and the newest operation time of the branch.
    pub(super) fn replay_only(mut self) -> Result<(Timeline, Option<Timestamp>), Halt> {
        let replayed = self.replay()?;
        Ok((replayed.timeline, self.newest))
    }

    /// Replays, and stamps the header.
    pub(super) fn replay(&mut self) -> Result<Replayed, Halt> {
        let Pass { sources, goal, keep, .. } = *self;
        let spine = self.stream(&Scope::document());
        let own = *goal.scope == *spine.scope.as_str();
        let stamp = Stamp::new(sources, goal, self.streams);
        let watch = self.observer.take().map(|observer| Watch { observer, stamp: &stamp });
        let (own_watch, watch) = if own { (watch, None) } else { (None, watch) };
        let origin = Origin { scope: goal.scope, streams: self.streams };
        let position = if own { goal.position } else { Position::Head };
        let mut timeline = match self.stored {
            Some(stored) => Timeline::resume(sources, &spine, position, keep, stored)?,
            None => Timeline::read(sources, &spine, position, keep, origin, own_watch)?,
        };
        let mut explain = Explain { operations_read: timeline.rows, bytes_read: timeline.bytes, ..Explain::default() };
        let mut warnings: Vec<Warning> =
            timeline.gap.map(|missing| Warning::Gap { stream: spine.clone(), missing }).into_iter().collect();
        if own {
            timeline.finish(goal.scope, Position::Head)?;
        } else {
            self.scope_rows(&mut timeline, &mut explain, &mut warnings, watch)?;
            timeline.finish(goal.scope, goal.position)?;
        }
        explain.operations_applied = timeline.document.applied();
        if let Some(stored) = self.stored {
            explain.base = stored.base();
            explain.bytes_read += stored.bytes;
        }
        self.stamp(&stamp, &mut timeline)?;
        Ok(Replayed { timeline, explain, warnings })
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
        watch: Option<Watch<'_, '_>>,
    ) -> Result<(), Halt> {
        let sources = self.sources;
        let looks_at_initial = watch.as_ref().is_some_and(|watch| watch.observer.looks_at_initial());
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
        let base = match (self.stored, self.start) {
            (Some(stored), _) => stored.start(),
            // What the initial state is at some revision depends on all upgrades before it.
            (None, _) if looks_at_initial && !timeline.held.is_empty() => None,
            (None, Start::Base) if self.keep != Keep::Everything => {
                self.base(timeline, &stream, target, target, explain, warnings)?
            }
            (None, Start::BaseUpTo(most)) => {
                self.base(timeline, &stream, most.min(target), target, explain, warnings)?
            }
            (None, Start::BaseAbove(least)) => {
                let base = self.base(timeline, &stream, target, target, explain, warnings)?;
                base.filter(|base| Some(*base) > least).map(Some).ok_or(Halt::NoBase)?
            }
            (None, _) => None,
        };
        let span = Span::between(base, Some(target));
        if self.keep == Keep::History {
            let version = timeline.document.version().unwrap_or(Version::V1);
            let retractions = sources.read.skips(&stream, span)?;
            timeline.document.set_schedule(Schedule::forecast(&retractions, version));
        }
        timeline.document.set_stream(&stream.scope);
        let mut expected = span.from;
        sources.progress.expect(target.next().get() - span.from.get());
        let watch = watch.map(RefCell::new);
        let mut most_rows = PAGE_ROWS;
        if let Some(watch) = &watch {
            let observer = &mut watch.borrow_mut().observer;
            observer.start(&mut timeline.document, base)?;
            most_rows = observer.rows_ahead().clamp(1, PAGE_ROWS);
        }
        let mut seen = |row: &OperationRow<'_>| {
            if let Some(watch) = &watch {
                watch.borrow_mut().observer.row(row);
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
                let looked_at = watch.as_ref().and_then(|watch| {
                    let watch = watch.borrow();
                    heads[at..].iter().position(|head| watch.looks_at(head.index))
                });
                let most = looked_at.map_or(heads.len(), |n| at + n + 1);
                let end = (at + 1..most).find(|n| !same(n)).unwrap_or(most);
                let (heads, actions) = (&heads[at..end], &actions[at..end]);
                let versions = timeline.versions(version);
                let mut source = Again { sources, stream: &stream };
                let replayed = timeline.document.replay(heads, actions, &mut source);
                // Those before one that cannot be replayed are good.
                let n_replayed = timeline.document.outcomes().len();
                if let Some(watch) = &watch {
                    let rows = heads.iter().zip(&times[at..]).zip(actions).take(n_replayed);
                    let mut rows = rows.map(|((head, time), action)| (*head, *time, action));
                    self.tell(timeline, &versions, &mut rows, &mut watch.borrow_mut())?;
                }
                if let Err(error) = replayed {
                    let (document, failed) = (&mut timeline.document, n_replayed);
                    let index = heads.get(failed).map(|head| head.index);
                    let rejection =
                        actions.get(failed).map_or(Rejection::Other, |action| Rejection::of(document, action));
                    return Err(wrapped(&stream, index, error).blame(rejection));
                }
                at = end;
            }
            for head in heads {
                if head.index != expected.index() {
                    warn_of_gap(warnings, &stream, expected);
                }
                expected = head.index.next();
            }
            newest = newest.max(times.iter().max().copied());
            explain.operations_read += heads.len() as u64;
            explain.bytes_read += page.bytes();
            parsed?;
            Ok(ControlFlow::Continue(()))
        })?;
        if expected.index() <= target.last() {
            warn_of_gap(warnings, &stream, expected);
        }
        self.seen = Seen { span: Some(span), newest };
        Ok(())
    }

    /// Tells who watches of the rows that were replayed last.
    fn tell(
        &self,
        timeline: &mut Timeline,
        versions: &[u32],
        rows: &mut dyn Iterator<Item = (RowHead, Timestamp, &Action<'_>)>,
        watch: &mut Watch<'_, '_>,
    ) -> Result<(), Halt> {
        for (n, (head, time, action)) in rows.enumerate() {
            let Timeline { document, document_type, .. } = &mut *timeline;
            let outcome = document.outcomes().get(n).cloned().filter(|_| !head.denied);
            let models = Models::new(self.sources.registry, document_type, versions.iter().copied());
            let step = Step { head, time, action, outcome: outcome.as_ref(), models };
            let mut flow = watch.observer.step(&step, document)?;
            if flow.is_continue() && watch.lands_at(head.index) {
                flow = timeline.land(self.sources, self.goal.scope, &step, watch)?;
            }
            if flow.is_break() {
                return Err(Halt::Enough);
            }
        }
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
        let revision = chosen.revision;
        self.resume(timeline, stream, chosen)?;
        explain.base = Base::Keyframe(revision);
        Ok(Some(revision))
    }

    fn resume(&self, timeline: &mut Timeline, stream: &StreamKey, chosen: Chosen) -> Result<(), Halt> {
        if chosen.extent == Extent::Whole {
            let version = version_in(chosen.state.get(Scope::document().as_str()).and_then(Option::as_ref));
            timeline.assume_applied(version);
            timeline.run_version(self.sources, version)?;
        }
        let document = &mut timeline.document;
        for (scope, state) in chosen.state {
            document.resume(&scope, state).map_err(|error| thrown(stream, None, error))?;
        }
        let header = document.header_mut();
        if let Some(name) = chosen.name {
            header.set_name(name);
        }
        if let Some(meta) = chosen.meta {
            header.set_meta(meta);
        }
        Ok(())
    }

    /// Stamps the header, with the newest time of the rows that were read and of those that were not.
    fn stamp(&mut self, stamp: &Stamp<'_>, timeline: &mut Timeline) -> Result<(), Halt> {
        let unread = |head: &StreamHead| {
            if head.scope == *self.goal.scope { self.seen.unread(head.head) } else { [Some(Span::ALL), None] }
        };
        let newest = self.seen.newest.max(stamp.newest_of(&unread)?);
        let newest = newest.or_else(|| self.stored.and_then(|_| Timestamp::from_millis(0)));
        self.newest = newest;
        let held = timeline.first_held();
        stamp.put(timeline.document.header_mut(), self.goal.position, held, newest);
        Ok(())
    }

    /// Takes the state.
    fn snapshot(&self, replayed: Replayed) -> Result<Snapshot, Halt> {
        let Replayed { mut timeline, explain, warnings } = replayed;
        let Goal { document: id, branch, scope, .. } = self.goal;
        let state = timeline.document.state().map_err(|error| thrown(&self.stream(scope), None, error))?;
        Ok(Snapshot {
            document: id.clone(),
            scope: Some(scope.clone()),
            branch: branch.clone(),
            revision: [(scope.clone(), self.revision())].into(),
            document_type: timeline.document_type,
            header: timeline.document.header().to_object(),
            state,
            explain,
            warnings,
        })
    }
}

/// Says that an operation is missing, if none is known to be before it in the stream.
fn warn_of_gap(warnings: &mut Vec<Warning>, stream: &StreamKey, missing: NextIndex) {
    let known = |warning: &Warning| matches!(warning, Warning::Gap { stream: gap, .. } if gap == stream);
    if !warnings.iter().any(known) {
        warnings.push(Warning::Gap { stream: stream.clone(), missing: missing.index() });
    }
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
