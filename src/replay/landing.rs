//! What rebuilds that end on the way of a walk give, and what their headers are stamped with.

use std::cell::OnceCell;

use super::newest::newest_of;
use super::timeline::{Halt, Timeline, thrown};
use super::{Goal, Observer, Position, ReplayError, Sources, Step};
use crate::model::ids::{DocumentType, NextIndex, OpIndex, Revision, Scope, Span, StreamKey};
use crate::model::json::{Object, Text};
use crate::model::state::State;
use crate::model::time::Timestamp;
use crate::reducer::ModelId;
use crate::reducer::protocol::{Document, Header};
use crate::store::{Flow, StreamHead};

/// What a rebuild gives that ends at an operation of a walk: the same as [`state_at`](super::state_at) there, from the
/// first operation.
#[derive(Clone, Debug)]
pub struct Landing {
    /// The document type.
    pub document_type: DocumentType,
    /// The header, stamped for a read at that position (reactor format §6.7).
    pub header: Object<'static>,
    /// The state, all scopes of it.
    pub state: State,
    /// The state that undos go back to, all scopes of it.
    pub initial: State,
}

/// What the headers of a pass are stamped with: the heads of the streams of the branch and the newest time in them, wherever
/// the pass ends.
pub(super) struct Stamp<'a> {
    sources: &'a Sources<'a>,
    goal: Goal<'a>,
    streams: &'a [StreamHead],
    newest: OnceCell<Option<Timestamp>>,
}

impl<'a> Stamp<'a> {
    pub(super) fn new(sources: &'a Sources<'a>, goal: Goal<'a>, streams: &'a [StreamHead]) -> Self {
        Stamp { sources, goal, streams, newest: OnceCell::new() }
    }

    fn heads(&self) -> impl Iterator<Item = &'a StreamHead> {
        let branch = self.goal.branch;
        self.streams.iter().filter(move |head| head.branch == *branch)
    }

    /// The newest operation time of the branch, where `unread` says which spans of a stream have to be looked at.
    pub(super) fn newest_of(
        &self,
        unread: &dyn Fn(&StreamHead) -> [Option<Span>; 2],
    ) -> Result<Option<Timestamp>, ReplayError> {
        let mut newest = None;
        for head in self.heads() {
            let Goal { document, branch, .. } = self.goal;
            let stream = StreamKey { document: document.clone(), scope: head.scope.clone(), branch: branch.clone() };
            newest = newest.max(newest_of(self.sources, &stream, head.head, unread(head))?);
        }
        Ok(newest)
    }

    /// The newest operation time of the branch; its times are read once.
    fn newest(&self) -> Result<Option<Timestamp>, ReplayError> {
        if let Some(newest) = self.newest.get() {
            return Ok(*newest);
        }
        let newest = self.newest_of(&|_| [Some(Span::ALL), None])?;
        Ok(*self.newest.get_or_init(|| newest))
    }

    /// Stamps the header of a rebuild that ends at `position` (reactor format §6.7). `held` is the first upgrade that is
    /// not applied there.
    pub(super) fn put(
        &self,
        header: &mut Header,
        position: Position,
        held: Option<OpIndex>,
        newest: Option<Timestamp>,
    ) {
        header.set_revisions(self.heads().map(|head| (head.scope.clone(), head.head.next())).collect());
        if let Position::At(target) = position {
            header.set_revision(self.goal.scope, target.into());
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
    }
}

/// An observer, and what the headers are stamped with that it is handed.
pub(super) struct Watch<'o, 's> {
    pub(super) observer: &'o mut (dyn Observer + 'o),
    pub(super) stamp: &'s Stamp<'s>,
}

impl Watch<'_, '_> {
    /// Whether the document has to be as of an operation when its step is told.
    pub(super) fn looks_at(&self, index: OpIndex) -> bool {
        self.observer.looks_at(index) || self.lands_at(index)
    }

    /// Whether the observer wants to land at an operation.
    pub(super) fn lands_at(&self, index: OpIndex) -> bool {
        self.observer.next_landing() == Some(Revision::of(index))
    }

    /// Hands out what a rebuild that ends at the operation of `step` gives, which is `document`.
    pub(super) fn land(
        &mut self,
        step: &Step<'_>,
        document: &mut Document,
        document_type: &DocumentType,
        held: Option<OpIndex>,
    ) -> Result<Flow, Halt> {
        let Goal { document: id, branch, scope, .. } = self.stamp.goal;
        let stream = || StreamKey { document: id.clone(), scope: scope.clone(), branch: branch.clone() };
        let mut header = document.header().clone();
        let position = Position::At(Some(Revision::of(step.head.index)));
        self.stamp.put(&mut header, position, held, self.stamp.newest()?);
        let landing = Landing {
            document_type: document_type.clone(),
            header: header.to_object(),
            state: document.state().map_err(|error| thrown(&stream(), Some(step.head.index), error))?,
            initial: document.initial().clone(),
        };
        Ok(self.observer.landed(step, landing)?)
    }
}

impl Timeline {
    /// Tells of a row, with the document as a rebuild that ends there gives it: the upgrades that are held back are part of
    /// it.
    pub(super) fn tell(
        &mut self,
        sources: &Sources<'_>,
        step: &Step<'_>,
        watch: &mut Watch<'_, '_>,
    ) -> Result<Flow, Halt> {
        let mut ahead = match self.held.len() {
            0 => None,
            n => Some(self.ahead(sources, n)?),
        };
        let document = ahead.as_mut().unwrap_or(&mut self.document);
        let flow = watch.observer.step(step, document)?;
        if flow.is_break() || !watch.lands_at(step.head.index) {
            return Ok(flow);
        }
        watch.land(step, document, &self.document_type, None)
    }

    /// Hands out what a rebuild gives that ends at a row of `scope`, after its step: upgrades may be due there.
    pub(super) fn land(
        &mut self,
        sources: &Sources<'_>,
        scope: &Scope,
        step: &Step<'_>,
        watch: &mut Watch<'_, '_>,
    ) -> Result<Flow, Halt> {
        let n_due = self.n_due(scope, Position::At(Some(Revision::of(step.head.index))));
        let held = self.held.get(self.applied + n_due).map(|upgrade| upgrade.index);
        let mut ahead = if n_due > 0 { Some(self.ahead(sources, n_due)?) } else { None };
        watch.land(step, ahead.as_mut().unwrap_or(&mut self.document), &self.document_type, held)
    }

    /// The document as it is after the next `n` upgrades that are held back. This one stays where it is.
    fn ahead(&mut self, sources: &Sources<'_>, n: usize) -> Result<Document, Halt> {
        let failed = |index, error| thrown(&self.stream, index, error);
        let model = ModelId { document_type: self.document_type.clone(), version: self.version };
        let fold = sources.registry.model(&model)?.fold()?;
        let mut document = self.document.fork(fold).map_err(|error| failed(None, error))?;
        for upgrade in self.held.iter().skip(self.applied).take(n) {
            upgrade.apply(&mut document).map_err(|error| failed(Some(upgrade.index), error))?;
        }
        Ok(document)
    }
}
