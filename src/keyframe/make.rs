//! Making keyframes from the log: one pass over a stream for all that are wanted of it.

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::ops::ControlFlow;

use super::body::Bodies;
use crate::model::checksum::Checksum;
use crate::model::ids::{DocumentType, Fingerprint, OpIndex, OperationId, Revision, Span, StreamKey};
use crate::model::operation::OperationRow;
use crate::model::prefix::Prefix;
use crate::model::time::Timestamp;
use crate::reducer::protocol::Document;
use crate::replay::{Goal, Landing, Observer, Position, ReplayError, Sources, Start, Step, Trust, walk};
use crate::store::records::{Check, NewRecord, Pin, Proof, Verdict};
use crate::store::{Flow, NewKeyframe};

/// A keyframe as the log gives it, and what proves that it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The stream.
    pub stream: StreamKey,
    /// The label: the last operation included.
    pub revision: Revision,
    /// The document type.
    pub document_type: DocumentType,
    /// The document as the reference files it, as canonical JSON text (reactor format §2.2): what a rebuild from the first
    /// operation gives at that revision, stamped with the heads that the other scopes have now.
    pub body: Vec<u8>,
    /// Of the body.
    pub checksum: Checksum,
    /// With which models it was made.
    pub fingerprint: Fingerprint,
    /// What it is equal to.
    pub proof: Proof,
}

/// What came of making keyframes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Making {
    /// How many were handed out.
    pub made: u64,
    /// Those that no operation of the log leads to, ascending: they are past the head, or in a gap.
    pub absent: Vec<Revision>,
    /// Operation rows of the stream that were read.
    pub operations: u64,
}

/// The revisions up to `head` at which the reference writes a keyframe if it does so at each `interval`-th one (reactor
/// format §6.1): those whose label, the index of the last operation included, is a multiple of it, but not 0.
pub fn every(interval: NonZeroU64, head: Revision) -> impl Iterator<Item = Revision> {
    let step = usize::try_from(interval.get()).unwrap_or(usize::MAX);
    (interval.get()..=head.get()).step_by(step).map(|label| Revision::of(OpIndex::new(label)))
}

/// Makes the keyframes of a stream at `wanted` revisions, which are ascending, in one pass, and hands out each as it comes.
/// `Break` ends the pass there.
///
/// The pass begins at the newest keyframe before them that was verified and that a rebuild would start from too, or at the
/// first operation; with [`Trust::None`] always there. No other trust is given: what is written will be trusted itself. It
/// holds one state and one page of operations.
///
/// # Errors
/// As [`walk`]: for what cannot be read or replayed. Those before it have been handed out, and are right.
pub fn make(
    sources: &Sources<'_>,
    stream: &StreamKey,
    wanted: &[Revision],
    each: &mut dyn FnMut(Made) -> Result<Flow, ReplayError>,
) -> Result<Making, ReplayError> {
    let StreamKey { document, scope, branch } = stream;
    let head = sources.read.streams(document)?.into_iter().find(|head| head.branch == *branch && head.scope == *scope);
    let reachable = wanted.partition_point(|revision| head.as_ref().is_some_and(|head| *revision <= head.head));
    let (wanted, beyond) = wanted.split_at(reachable);
    let mut making = Making { absent: Vec::new(), ..Making::default() };
    if let (Some(first), Some(last)) = (wanted.first(), wanted.last()) {
        let trust = if sources.trust == Trust::None { Trust::None } else { Trust::Verified };
        let sources = Sources { trust, ..*sources };
        let goal = Goal { document, branch, scope, position: Position::At(Some(*last)) };
        let start = first.checked_sub(1).map_or(Start::Genesis, Start::BaseUpTo);
        let mut maker = Maker::new(&sources, stream, wanted, &mut *each);
        walk(&sources, goal, start, &mut maker)?;
        if maker.is_sealless {
            maker = Maker::new(&sources, stream, wanted, &mut *each);
            walk(&sources, goal, Start::Genesis, &mut maker)?;
        }
        let Maker { making: reached, wanted: left, is_stopped, .. } = maker;
        making = reached;
        if is_stopped {
            return Ok(making);
        }
        // What was not reached has no operation.
        making.absent.extend_from_slice(left);
    }
    making.absent.extend_from_slice(beyond);
    Ok(making)
}

/// Lands where a keyframe is wanted.
struct Maker<'a, 'e> {
    sources: &'a Sources<'a>,
    stream: &'a StreamKey,
    /// Those that have not been reached.
    wanted: &'a [Revision],
    /// Those whose rows have not been read.
    unread: &'a [Revision],
    /// The rows that were read, and those before them.
    prefix: Prefix,
    /// What was read of operations that have not been stepped over.
    waiting: VecDeque<(OpIndex, OperationId, Prefix)>,
    bodies: Bodies,
    each: &'e mut dyn FnMut(Made) -> Result<Flow, ReplayError>,
    making: Making,
    /// Whether the pass began at a keyframe of which no seal is recorded, so that it has to begin with the first operation.
    is_sealless: bool,
    is_stopped: bool,
}

impl<'a, 'e> Maker<'a, 'e> {
    fn new(
        sources: &'a Sources<'a>,
        stream: &'a StreamKey,
        wanted: &'a [Revision],
        each: &'e mut dyn FnMut(Made) -> Result<Flow, ReplayError>,
    ) -> Self {
        Maker {
            sources,
            stream,
            wanted,
            unread: wanted,
            prefix: Prefix::EMPTY,
            waiting: VecDeque::new(),
            bodies: Bodies::new(&stream.scope),
            each,
            making: Making::default(),
            is_sealless: false,
            is_stopped: false,
        }
    }
}

impl Observer for Maker<'_, '_> {
    fn rows_ahead(&self) -> usize {
        usize::MAX
    }

    fn start(&mut self, _: &mut Document, base: Option<Revision>) -> Result<(), ReplayError> {
        let Some(base) = base else { return Ok(()) };
        let record = self.sources.read.records().keyframe_record(self.stream, base)?;
        let Some(proof) = record.as_ref().and_then(|record| record.proof()) else {
            self.is_sealless = true;
            return Ok(());
        };
        let newest = match proof.newest {
            None => self.sources.read.newest_time(self.stream, Span::between(None, Some(base)))?,
            newest => newest,
        };
        self.prefix = Prefix { seal: proof.seal, newest };
        Ok(())
    }

    fn row(&mut self, row: &OperationRow<'_>) {
        self.making.operations += 1;
        self.prefix = self.prefix.then(row);
        let passed = self.unread.partition_point(|revision| revision.last() < row.index);
        self.unread = &self.unread[passed..];
        if self.unread.first().is_some_and(|revision| revision.last() == row.index) {
            self.waiting.push_back((row.index, row.id.into(), self.prefix));
        }
    }

    fn looks_at(&self, index: OpIndex) -> bool {
        self.wanted.first().is_some_and(|first| first.last() <= index)
            && self.wanted.binary_search(&Revision::of(index)).is_ok()
    }

    fn step(&mut self, step: &Step<'_>, _: &mut Document) -> Result<Flow, ReplayError> {
        let passed = self.wanted.partition_point(|revision| revision.last() < step.head.index);
        let (absent, wanted) = self.wanted.split_at(passed);
        self.making.absent.extend_from_slice(absent);
        self.wanted = wanted;
        Ok(if self.wanted.is_empty() || self.is_sealless { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    fn next_landing(&self) -> Option<Revision> {
        self.wanted.first().copied()
    }

    fn landed(&mut self, step: &Step<'_>, landing: Landing) -> Result<Flow, ReplayError> {
        let index = step.head.index;
        while self.waiting.front().is_some_and(|(waiting, ..)| *waiting < index) {
            self.waiting.pop_front();
        }
        // There is a row for each step.
        let Some((_, operation_id, Prefix { seal, newest })) = self.waiting.pop_front() else {
            return Ok(ControlFlow::Continue(()));
        };
        self.wanted = &self.wanted[1..];
        let (body, state_hash) = self.bodies.write(&landing);
        let made = Made {
            stream: self.stream.clone(),
            revision: Revision::of(index),
            document_type: landing.document_type,
            checksum: Checksum::of(&body),
            body,
            fingerprint: step.fingerprint()?,
            proof: Proof { operation_id, seal, newest, state_hash },
        };
        self.making.made += 1;
        let flow = (self.each)(made)?;
        self.is_stopped = flow.is_break();
        Ok(if self.wanted.is_empty() { ControlFlow::Break(()) } else { flow })
    }
}

impl Made {
    /// To be written, as of `created`.
    #[must_use]
    pub fn keyframe(&self, created: Timestamp) -> NewKeyframe<'_> {
        let Made { stream, revision, document_type, body, .. } = self;
        NewKeyframe { stream, revision: *revision, document_type, document: body, created }
    }

    /// What a check at that time would find.
    #[must_use]
    pub fn check(&self, checked: Timestamp) -> Check {
        Check { checked, fingerprint: self.fingerprint.clone(), verdict: Verdict::Ok(self.proof.clone()) }
    }

    /// To be recorded once it is written.
    #[must_use]
    pub fn record<'a>(&'a self, check: &'a Check, pin: Option<&'a Pin>) -> NewRecord<'a> {
        let Made { stream, revision, checksum, body, .. } = self;
        NewRecord {
            stream,
            revision: *revision,
            checksum: *checksum,
            body_bytes: body.len() as u64,
            check: Some(check),
            pin,
        }
    }
}
