//! One forward pass over a stream: what every rebuild runs on, and everything that needs each step.

use super::models::Models;
use super::pass::{Pass, failure, settle};
use super::timeline::{Halt, Keep};
use super::{Landing, Position, ReplayError, Snapshot, Sources};
use crate::model::ids::{Branch, DocumentId, Fingerprint, OpIndex, Revision, Scope};
use crate::model::operation::{Action, OperationRow};
use crate::model::time::Timestamp;
use crate::reducer::Outcome;
use crate::reducer::protocol::{Document, RowHead};
use crate::store::{Flow, StreamHead};

/// Hears of every operation of a walk.
pub trait Observer {
    /// How many rows may be read before the step of the first of them; at least 1. More is faster, but reads what a
    /// walk that is ended early did not need.
    fn rows_ahead(&self) -> usize {
        1
    }

    /// Whether nothing in the stream is expected to take back what came before it. Such a walk reads no skips ahead and
    /// keeps no history; at the first operation that does look back it ends with [`Observer::looked_back`].
    fn expects_plain(&self) -> bool {
        false
    }

    /// Called when a walk that expected a plain stream ends because the stream is not plain. What was told so far holds up
    /// to the operation before it.
    fn looked_back(&mut self) {}

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

    /// Whether the document is looked at after the operation at `index`. Asked before it is replayed; the steps of
    /// operations that are passed over may come later than theirs, which is faster.
    fn looks_at(&self, index: OpIndex) -> bool {
        let _ = index;
        true
    }

    /// Called after each operation of the stream, in order; `document` is in the state that a rebuild up to there
    /// gives, or up to a later operation where the observer does not look at it. `Break` ends the walk there.
    ///
    /// # Errors
    /// Whatever ends the walk.
    fn step(&mut self, step: &Step<'_>, document: &mut Document) -> Result<Flow, ReplayError>;

    /// Whether it looks at the initial state of the document; asked once, before the walk. If so, the walk begins with the first
    /// operation where the document changes its version, because keyframes do not say what the initial state would be.
    fn looks_at_initial(&self) -> bool {
        self.next_landing().is_some()
    }

    /// The next revision at which [`Observer::landed`] is to be called; asked before the walk and after each step. Where
    /// operations may be missing, [`Observer::looks_at`] has to name all of them.
    fn next_landing(&self) -> Option<Revision> {
        None
    }

    /// Called after the step of an operation that [`Observer::next_landing`] names, with what a rebuild that ends there
    /// gives. That may be more than the step saw: upgrades that wait between two operations. `Break` ends the walk there.
    ///
    /// # Errors
    /// Whatever ends the walk.
    fn landed(&mut self, step: &Step<'_>, landing: Landing) -> Result<Flow, ReplayError> {
        let _ = (step, landing);
        Ok(Flow::Continue(()))
    }
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
    /// At the best base there is above a revision, or not at all. Only for who has another way.
    BaseAbove(Option<Revision>),
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
    settle(|keep| Pass::new(sources, goal, streams, keep).run())
}

/// Rebuilds one scope of a document, and lets an observer look at every step. `None` if the observer has seen enough, or
/// expected a plain stream and it is not; nothing is read after that.
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
    let plain = observer.expects_plain();
    let pass = Pass::new(sources, goal, streams, if plain { Keep::Nothing } else { Keep::History });
    match pass.observed(start, observer).run() {
        Err(Halt::Enough) => Ok(None),
        Err(Halt::LooksBack) if plain => {
            observer.looked_back();
            Ok(None)
        }
        // What has no skip and looks back cannot be replayed; only the text depends on the history.
        Err(Halt::LooksBack) => Pass::new(sources, goal, streams, Keep::Everything).run().map(Some).map_err(failure),
        result => result.map(Some).map_err(failure),
    }
}
