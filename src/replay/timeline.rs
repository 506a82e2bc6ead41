//! The document scope of a rebuild: creation, upgrades, deletion (reactor format §6.4, steps 1 to 4).
//!
//! A document that a generic model serves need not be created: see [`Origin`].

use std::cell::RefCell;
use std::ops::ControlFlow;

use smallvec::SmallVec;

use super::landing::Watch;
use super::models::Models;
use super::origin::Origin;
use super::page::{PAGE_ROWS, pages_seen};
use super::upgrade::{HeldUpgrade, versions};
use super::{Position, Rejection, ReplayError, Sources, Step};
use crate::model::ids::{DocumentType, NextIndex, OpIndex, Scope, Span, StreamKey};
use crate::model::json::{Json, Text};
use crate::model::operation::{Action, OperationRow};
use crate::model::state::State;
use crate::model::time::Timestamp;
use crate::reducer::protocol::{Document, ProtocolError, RowHead, Schedule};
use crate::reducer::{ModelId, Outcome};
use crate::store::{Order, Read, StoreError};

/// A document after the pass over its document scope, before any row of another scope.
pub(super) struct Timeline {
    /// The document scope.
    pub(super) stream: StreamKey,
    /// The document, at the version its rows of other scopes start with.
    pub(super) document: Document,
    /// Its type, as `CREATE_DOCUMENT` names it, or else its rows.
    pub(super) document_type: DocumentType,
    /// Whether its first operation created it.
    pub(super) created: bool,
    /// The version whose reducer the fold runs.
    pub(super) version: u32,
    /// The version that the first rows of other scopes need.
    pub(super) first_version: u32,
    /// Upgrades that change the version, in order: they apply between rows of the other scopes.
    pub(super) held: Vec<HeldUpgrade>,
    /// The last upgrade that was applied on the spot: it may have replaced the state that other scopes start from.
    pub(super) last_inline: Option<OpIndex>,
    /// How many of the held ones have been applied.
    pub(super) applied: usize,
    /// How many rows were read.
    pub(super) rows: u64,
    /// How many bytes of actions were read.
    pub(super) bytes: u64,
    expected: NextIndex,
    /// The first index that is missing.
    pub(super) gap: Option<OpIndex>,
}

/// Why a pass over a document ended early.
#[derive(Debug)]
pub(super) enum Halt {
    /// An operation looks back on a history that was not kept: start over and keep it.
    LooksBack,
    /// The observer has seen enough.
    Enough,
    /// There is no keyframe above the revision that was named.
    NoBase,
    /// There is no answer.
    Failed(ReplayError),
}

impl<E: Into<ReplayError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Halt::Failed(error.into())
    }
}

impl Halt {
    /// Says what is behind a rejection.
    pub(super) fn blame(mut self, why: Rejection) -> Self {
        if let Halt::Failed(ReplayError::Rejected { rejection, .. }) = &mut self {
            *rejection = why;
        }
        self
    }
}

/// Whether a rebuild keeps what a later operation can reach. Most streams have no skips, so a rebuild starts without
/// and starts over when it meets one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// Nothing: no operation looks back.
    Nothing,
    /// What operations with a skip can reach.
    History,
    /// Everything: an operation without a skip looks back, too, or whoever asked goes on from here.
    Everything,
}

/// The first operation of a stream, if there is one.
pub(super) fn first_action(
    read: &dyn Read,
    stream: &StreamKey,
) -> Result<Option<(OpIndex, Action<'static>)>, ReplayError> {
    let mut first = None;
    read.operations(stream, Span::ALL, Order::Forward, &mut |row| {
        let action = Action::parse(row.action).map(Action::into_owned);
        first = Some((row.index, action.map_err(|error| StoreError::corrupt_action(stream, row.index, error))));
        ControlFlow::Break(())
    })?;
    let Some((index, action)) = first else { return Ok(None) };
    Ok(Some((index, action?)))
}

impl Timeline {
    /// Reads the document scope up to `position`, at least the creation. Who watches hears of its operations, and may
    /// stop. `origin` stands in for a creation that is not there.
    pub(super) fn read(
        sources: &Sources<'_>,
        stream: &StreamKey,
        position: Position,
        keep: Keep,
        origin: Origin<'_>,
        watch: Option<Watch<'_, '_>>,
    ) -> Result<Self, Halt> {
        let mut timeline: Option<Timeline> = None;
        let most_rows = watch.as_ref().map_or(PAGE_ROWS, |watch| watch.observer.rows_ahead().clamp(1, PAGE_ROWS));
        let watch = watch.map(RefCell::new);
        let mut seen = |row: &OperationRow<'_>| {
            if let Some(watch) = &watch {
                watch.borrow_mut().observer.row(row);
            }
        };
        pages_seen::<Halt>(sources, stream, Span::ALL, most_rows, &mut seen, &mut |page| {
            // At least the creation, whatever the position.
            let included = page.heads().iter().take_while(|head| position.includes(head.index)).count();
            let (actions, parsed) = page.first_actions(stream, included.max(usize::from(timeline.is_none())));
            for ((head, action), &time) in page.heads().iter().zip(&actions).zip(page.times()) {
                if timeline.is_none() && action.kind != *"CREATE_DOCUMENT" {
                    timeline = Timeline::uncreated(sources, stream, keep, origin)?;
                    if let (Some(timeline), Some(watch)) = (&mut timeline, &watch) {
                        watch.borrow_mut().observer.start(&mut timeline.document, None)?;
                    }
                    if timeline.is_some() && !position.includes(head.index) {
                        break;
                    }
                }
                let outcome = match &mut timeline {
                    None => {
                        timeline = Some(Timeline::create(sources, stream, head.index, action, time, keep)?);
                        Some(Outcome::Applied)
                    }
                    Some(timeline) => timeline.row(sources, *head, action, time)?,
                };
                if let (Some(timeline), Some(watch)) = (&mut timeline, &watch) {
                    let models = timeline.models(sources)?;
                    let step = Step { head: *head, time, action, outcome: outcome.as_ref(), models };
                    if timeline.tell(sources, &step, &mut watch.borrow_mut())?.is_break() {
                        return Err(Halt::Enough);
                    }
                }
            }
            if let Some(timeline) = &mut timeline {
                timeline.rows += actions.len() as u64;
                timeline.bytes += page.bytes();
            }
            parsed?;
            let more = included == page.heads().len();
            Ok(if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        let missing = || rejected(stream, None, format!("Document {} not found", stream.document));
        let uncreated = || Timeline::uncreated(sources, stream, keep, origin);
        let mut timeline = timeline.map_or_else(uncreated, |timeline| Ok(Some(timeline)))?.ok_or_else(missing)?;
        timeline.first_version = match timeline.held.first() {
            Some(upgrade) => upgrade.from,
            None => timeline.document_version()?,
        };
        Ok(timeline)
    }

    /// Takes the first row, which must create the document.
    fn create(
        sources: &Sources<'_>,
        stream: &StreamKey,
        index: OpIndex,
        create: &Action<'_>,
        time: Timestamp,
        keep: Keep,
    ) -> Result<Self, Halt> {
        let id = &stream.document;
        let failed = |problem: String| {
            Halt::from(rejected(stream, Some(index), format!("Failed to rebuild document {id}: {problem}")))
        };
        if create.kind != *"CREATE_DOCUMENT" {
            let found = &create.kind;
            return Err(failed(format!("first operation in document scope must be CREATE_DOCUMENT, found {found}")));
        }
        let model = create.input.get("model").filter(|model| !model.is_falsy());
        let Some(document_type) = model.and_then(Json::as_text).and_then(Text::as_str) else {
            return Err(failed("CREATE_DOCUMENT action missing model in input".to_owned()));
        };
        let document_type = DocumentType::from(document_type);
        let first = ModelId { document_type: document_type.clone(), version: 1 };
        let fold = sources.registry.model(&first)?.fold()?;
        let created = Text::from(time.to_string());
        let document =
            Document::create(&create.input, &created, fold).map_err(|error| thrown(stream, Some(index), error))?;
        let gap = Some(OpIndex::FIRST).filter(|first| index != *first);
        let timeline = Timeline::start(sources, stream, document, document_type, keep);
        Ok(Timeline { created: true, expected: index.next(), gap, ..timeline })
    }

    /// A document that no operation creates; `None` if it has to be created.
    fn uncreated(
        sources: &Sources<'_>,
        stream: &StreamKey,
        keep: Keep,
        origin: Origin<'_>,
    ) -> Result<Option<Self>, Halt> {
        let Some((document_type, document)) = origin.document(sources, stream)? else { return Ok(None) };
        Ok(Some(Timeline::start(sources, stream, document, document_type, keep)))
    }

    /// A document before any row but its creation.
    pub(super) fn start(
        sources: &Sources<'_>,
        stream: &StreamKey,
        mut document: Document,
        document_type: DocumentType,
        keep: Keep,
    ) -> Self {
        document.assume(sources.registry.base_reducer());
        document.set_schedule(match keep {
            Keep::Nothing => Schedule::plain(),
            Keep::History | Keep::Everything => Schedule::unknown(),
        });
        Timeline {
            stream: stream.clone(),
            document,
            document_type,
            created: false,
            version: 1,
            first_version: 1,
            held: Vec::new(),
            last_inline: None,
            applied: 0,
            rows: 0,
            bytes: 0,
            expected: NextIndex::default(),
            gap: None,
        }
    }

    /// Takes one row after the first; `None` if it is passed over.
    fn row(
        &mut self,
        sources: &Sources<'_>,
        head: RowHead,
        action: &Action<'_>,
        time: Timestamp,
    ) -> Result<Option<Outcome>, Halt> {
        if head.index != self.expected.index() {
            self.gap.get_or_insert(self.expected.index());
        }
        self.expected = head.index.next();
        if head.denied || head.failed {
            return Ok(None);
        }
        match action.kind.as_bytes() {
            b"UPGRADE_DOCUMENT" => self.upgrade(sources, head, action, time)?,
            b"DELETE_DOCUMENT" => self.delete(head.index, action, time)?,
            _ => {
                let outcome = self.document.relate(action, head.skip).map(Some);
                let blamed = |error| {
                    let rejection = Rejection::of(&self.document, action);
                    thrown(&self.stream, Some(head.index), error).blame(rejection)
                };
                return outcome.map_err(blamed);
            }
        }
        Ok(Some(Outcome::Applied))
    }

    fn upgrade(
        &mut self,
        sources: &Sources<'_>,
        head: RowHead,
        action: &Action<'_>,
        time: Timestamp,
    ) -> Result<(), Halt> {
        let (stream, kind) = (&self.stream, &self.document_type);
        let (from, to) = versions(action);
        if from > to {
            let text = format!("Downgrade not supported for {kind}: cannot upgrade from version {from} to {to}");
            return Err(rejected(stream, Some(head.index), text).into());
        }
        let target = ModelId { document_type: kind.clone(), version: normal(to) };
        // Neither is less than the other.
        let no_change = to > 0.0 && from >= to;
        if let Some(upgrade) = HeldUpgrade::read(sources, stream, kind, (head.index, time), action)? {
            self.held.push(upgrade);
        } else if !no_change {
            self.last_inline = Some(head.index);
            self.document.upgrade(&action.input).map_err(|error| thrown(&self.stream, Some(head.index), error))?;
        }
        sources.registry.model(&target)?;
        Ok(())
    }

    /// Marks the document as deleted, now and after each upgrade that is held back.
    pub(super) fn delete(&mut self, index: OpIndex, action: &Action<'_>, time: Timestamp) -> Result<(), Halt> {
        let at =
            if action.timestamp.is_empty() { Text::from(time.to_string()) } else { action.timestamp.to_owned_text() };
        for upgrade in &mut self.held {
            upgrade.deletions.push(at.clone());
        }
        self.document.delete(&at).map_err(|error| thrown(&self.stream, Some(index), error))
    }

    /// The version of the model that a row of scope `scope` is for (reactor format §6.4, step 5).
    pub(super) fn version_at(&self, scope: &Scope, index: OpIndex, time: Timestamp) -> u32 {
        let mut version = self.first_version;
        for upgrade in &self.held {
            if upgrade.is_after(scope, index, time) {
                break;
            }
            version = upgrade.to;
        }
        version
    }

    /// The versions whose models have run when that of `version` has, in order.
    pub(super) fn versions(&self, version: u32) -> SmallVec<[u32; 4]> {
        let upgrades = self.held.iter().map(|upgrade| upgrade.to).take_while(|to| *to <= version);
        std::iter::once(self.first_version).chain(upgrades).collect()
    }

    /// The versions whose models have run when no upgrade is held back any more, in order.
    pub(super) fn all_versions(&self) -> SmallVec<[u32; 4]> {
        std::iter::once(self.first_version).chain(self.held.iter().map(|upgrade| upgrade.to)).collect()
    }

    /// The models that have made the document as of the last row of its scope.
    fn models<'a>(&mut self, sources: &Sources<'a>) -> Result<Models<'a>, Halt> {
        let first = match self.held.first() {
            Some(upgrade) => upgrade.from,
            None => self.document_version()?,
        };
        let upgrades = self.held.iter().map(|upgrade| upgrade.to);
        Ok(Models::new(sources.registry, &self.document_type, std::iter::once(first).chain(upgrades)))
    }

    /// Applies the held-back upgrades up to a version, and runs its model from now on.
    pub(super) fn advance_to(&mut self, sources: &Sources<'_>, version: u32) -> Result<(), Halt> {
        while self.held.get(self.applied).is_some_and(|upgrade| upgrade.to <= version) {
            self.apply_next()?;
        }
        self.run_version(sources, version)
    }

    /// Applies what is left after the last row: at the head everything, at a position what its scope had reached.
    pub(super) fn finish(&mut self, scope: &Scope, position: Position) -> Result<(), Halt> {
        for _ in 0..self.n_due(scope, position) {
            self.apply_next()?;
        }
        Ok(())
    }

    /// How many upgrades that finishing would apply.
    pub(super) fn n_due(&self, scope: &Scope, position: Position) -> usize {
        let is_due = |upgrade: &&HeldUpgrade| match position {
            Position::Head => true,
            Position::At(None) => false,
            Position::At(Some(target)) => {
                upgrade.boundary(scope).is_some_and(|boundary| boundary <= to_number(target.last()))
            }
        };
        self.held.iter().skip(self.applied).take_while(is_due).count()
    }

    /// The first upgrade that has not been applied.
    pub(super) fn first_held(&self) -> Option<OpIndex> {
        self.held.get(self.applied).map(|upgrade| upgrade.index)
    }

    /// Takes note that the upgrades up to a version are part of the state already.
    pub(super) fn assume_applied(&mut self, version: u32) {
        self.applied = self.held.iter().take_while(|upgrade| upgrade.to <= version).count();
    }

    /// Runs the model of a version from now on.
    pub(super) fn run_version(&mut self, sources: &Sources<'_>, version: u32) -> Result<(), Halt> {
        if version != self.version {
            let id = ModelId { document_type: self.document_type.clone(), version };
            let fold = sources.registry.model(&id)?.fold()?;
            self.document.set_fold(fold).map_err(|error| thrown(&self.stream, None, error))?;
            self.version = version;
        }
        Ok(())
    }

    fn apply_next(&mut self) -> Result<(), Halt> {
        let Timeline { stream, document, held, applied, .. } = self;
        let upgrade = &held[*applied];
        *applied += 1;
        upgrade.apply(document).map_err(|error| thrown(stream, Some(upgrade.index), error))
    }

    fn document_version(&mut self) -> Result<u32, Halt> {
        Ok(version_of(&self.document.state().map_err(|error| thrown(&self.stream, None, error))?))
    }
}

/// The version of the model that a state is of.
pub(super) fn version_of(state: &State) -> u32 {
    version_in(state.scope("document").as_ref())
}

/// The version of the model that the state of scope `document` names.
pub(super) fn version_in(document: Option<&Json<'_>>) -> u32 {
    normal(document.and_then(|document| document.get("version")).and_then(Json::as_number).unwrap_or(0.0))
}

/// Versions of 0 and below count as 1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast saturates, and no model has such a version"
)]
pub(super) fn normal(version: f64) -> u32 {
    if version > 0.0 { version as u32 } else { 1 }
}

#[expect(clippy::cast_precision_loss, reason = "the reference compares doubles")]
pub(super) fn to_number(index: OpIndex) -> f64 {
    index.get() as f64
}

/// The error for an operation that cannot be replayed.
pub(super) fn rejected(stream: &StreamKey, index: Option<OpIndex>, message: String) -> ReplayError {
    ReplayError::Rejected { stream: stream.clone(), index, rejection: Rejection::Other, message }
}

/// The error for an operation at which the protocol stopped, with the text it has in the document scope.
pub(super) fn thrown(stream: &StreamKey, index: Option<OpIndex>, error: ProtocolError) -> Halt {
    match error {
        ProtocolError::Thrown(message) => rejected(stream, index, message).into(),
        ProtocolError::Fold(error) => error.into(),
        ProtocolError::Stopped(stop) => stop.into(),
        ProtocolError::LooksBack(_) => Halt::LooksBack,
        ProtocolError::Again { index, source } => match source.downcast::<ReplayError>() {
            Ok(error) => (*error).into(),
            Err(source) => rejected(stream, Some(index), source.to_string()).into(),
        },
    }
}
