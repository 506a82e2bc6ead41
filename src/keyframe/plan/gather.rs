//! Making a plan: the inventory, a stream at a time.

use std::iter::Peekable;
use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::vec;

use super::facts::{self, Facts};
use super::missing::{self, Long};
use super::policy::{
    self, Candidate, Candidates, Exact, KeepReason, Serving, Soundness, Verdict, Which, worst_distance,
};
use super::{Choice, Figures, Missing, PlanError, Planned, Request, Size, Sizes, StreamPlan, WriteReason};
use crate::model::ids::{DocumentId, OpIndex, Revision, Scope, StreamKey};
use crate::model::time::Timestamp;
use crate::replay::Sources;
use crate::store::records::{Kept, Standing, Within};
use crate::store::{Codec, Flow, Part, Read, StoreError};

/// How many sizes [`Sizes::Few`] finds out.
const FEW: u64 = 5000;

/// How many keyframes are looked at between two questions whether to go on.
const STEP: usize = 4096;

/// Plans for every stream that is meant and has keyframes, or gets some, in the order of streams. Bodies are not touched, unless rules
/// ask for the age of keyframes that have no record.
///
/// # Errors
/// `Store`, `Stopped`, and what `each` says.
pub fn plan<E: From<PlanError>>(
    sources: &Sources<'_>,
    request: &Request<'_>,
    each: &mut dyn FnMut(StreamPlan) -> Result<(), E>,
) -> Result<(), E> {
    let mut gathering = Gathering {
        sources,
        request,
        current: None,
        document: None,
        long: Vec::new().into_iter().peekable(),
        sizes_left: if request.sizes == Sizes::All { u64::MAX } else { FEW },
        seen: 0,
    };
    let mut documents: Vec<&DocumentId> = request.parts.iter().map(|part| &part.document).collect();
    documents.sort_unstable();
    documents.dedup();
    if request.parts.is_empty() {
        return gathering.within(Within::Everything, each);
    }
    documents.into_iter().try_for_each(|document| gathering.within(Within::Document(document), each))
}

/// How much a stream has, as [`plan`] counts it.
///
/// # Errors
/// `Busy`, `Unavailable`, `Corrupt`.
pub fn measure(read: &dyn Read, stream: &StreamKey, sizes: Sizes) -> Result<Figures, StoreError> {
    let mut items = Vec::new();
    read.records().inventory(Within::Stream(stream), &mut |kept| {
        items.push(Item::of(kept));
        ControlFlow::Continue(())
    })?;
    let mut left = if sizes == Sizes::All { u64::MAX } else { FEW };
    for item in &mut items {
        item.measure(read, stream, &mut left)?;
    }
    let candidates: Vec<Candidate> = items.iter().map(|item| item.candidate).collect();
    let head = Facts::of(read, &stream.document)?.head(stream);
    let stream = Candidates { keyframes: &candidates, head, upgrades: &[], serving: Serving::All };
    Ok(figures(&stream, &items, |_| true))
}

/// A keyframe, before it is decided on.
pub(super) struct Item {
    pub(super) candidate: Candidate,
    size: Option<Size>,
    codec: Codec,
    /// What it was checked with, if it was found right and anybody wants to know.
    fingerprint: Option<Box<str>>,
    /// Whether it is to be written, because no rebuild starts from it as it is.
    is_written: bool,
}

impl Item {
    /// One that is to be written.
    pub(super) fn new(revision: Revision, now: Timestamp) -> Self {
        let candidate = Candidate {
            label: i64::try_from(revision.get()).unwrap_or(i64::MAX),
            created: Some(now),
            soundness: Soundness::Sound,
            pinned: None,
        };
        Item { candidate, size: None, codec: Codec::Json, fingerprint: None, is_written: true }
    }

    /// Takes note that it is to be written anew.
    pub(super) fn write(&mut self) {
        self.candidate.soundness = Soundness::Sound;
        self.is_written = true;
    }

    fn of(kept: &Kept<'_>) -> Self {
        let known = kept.known.as_ref();
        let candidate = Candidate {
            label: kept.label,
            created: known.map(|known| known.created),
            soundness: known.map_or(Soundness::Unchecked, Soundness::from),
            pinned: known.and_then(|known| known.pinned),
        };
        let size = known.map(|known| Size { stored_bytes: known.stored_bytes, body_bytes: known.body_bytes });
        Item {
            candidate,
            size,
            codec: known.map_or(Codec::Json, |known| known.codec),
            fingerprint: None,
            is_written: false,
        }
    }

    /// Finds out the sizes, if they are not known and `left` allows.
    fn measure(&mut self, read: &dyn Read, stream: &StreamKey, left: &mut u64) -> Result<(), StoreError> {
        let (None, Some(revision), true) = (self.size, self.candidate.revision(), *left > 0) else { return Ok(()) };
        *left -= 1;
        self.size = row_size(read, stream, revision)?;
        Ok(())
    }
}

/// The sizes of a keyframe that has no record, which is stored as it is handed out.
pub(in crate::keyframe) fn row_size(
    read: &dyn Read,
    stream: &StreamKey,
    revision: Revision,
) -> Result<Option<Size>, StoreError> {
    let found = read.nearest_keyframe(stream, revision)?;
    let found = found.filter(|entry| u64::try_from(entry.label) == Ok(revision.get()));
    Ok(found.map(|entry| Size { stored_bytes: entry.size_bytes, body_bytes: entry.size_bytes }))
}

struct Gathering<'a> {
    sources: &'a Sources<'a>,
    request: &'a Request<'a>,
    /// The stream whose keyframes are coming.
    current: Option<(StreamKey, Vec<Item>)>,
    document: Option<Facts>,
    /// The streams that may get keyframes, and have not come.
    long: Peekable<vec::IntoIter<Long>>,
    sizes_left: u64,
    seen: usize,
}

impl Gathering<'_> {
    fn within<E: From<PlanError>>(
        &mut self,
        within: Within<'_>,
        each: &mut dyn FnMut(StreamPlan) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut failed: Option<E> = None;
        let read = self.sources.read;
        if let Some(most) = self.bound() {
            let document = match within {
                Within::Document(document) => Some(document),
                _ => None,
            };
            let mut long = missing::long(read, document, most).map_err(PlanError::from)?;
            long.retain(|long| self.includes(&long.stream));
            self.long = long.into_iter().peekable();
        }
        let visited = read.records().inventory(within, &mut |kept| match self.keyframe(kept, each) {
            Ok(()) => Flow::Continue(()),
            Err(error) => {
                failed = Some(error);
                Flow::Break(())
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        visited.map_err(PlanError::from)?;
        self.finish(each)?;
        self.without_keyframes(None, each)
    }

    /// The most operations that a rebuild may need where keyframes are written for that.
    fn bound(&self) -> Option<u64> {
        match (self.request.missing, &self.request.choice) {
            (Missing::Write, Choice::Policy(policy)) => policy.max_replay_ops.map(NonZeroU64::get),
            _ => None,
        }
    }

    /// Decides on the streams without keyframes before another one, or on all that are left.
    fn without_keyframes<E: From<PlanError>>(
        &mut self,
        before: Option<&StreamKey>,
        each: &mut dyn FnMut(StreamPlan) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(long) = self.long.next_if(|long| before.is_none_or(|before| long.stream < *before)) {
            self.sources.progress.check().map_err(PlanError::from)?;
            each(self.decide(long.stream, Vec::new())?)?;
        }
        self.long.next_if(|long| before == Some(&long.stream));
        Ok(())
    }

    fn keyframe<E: From<PlanError>>(
        &mut self,
        kept: &Kept<'_>,
        each: &mut dyn FnMut(StreamPlan) -> Result<(), E>,
    ) -> Result<(), E> {
        self.seen += 1;
        if self.seen.is_multiple_of(STEP) {
            self.sources.progress.check().map_err(PlanError::from)?;
            self.sources.progress.advance(STEP as u64);
        }
        if self.current.as_ref().is_none_or(|(stream, _)| stream != kept.stream) {
            self.finish(each)?;
            self.without_keyframes(Some(kept.stream), each)?;
            if !self.includes(kept.stream) {
                return Ok(());
            }
            self.current = Some((kept.stream.clone(), Vec::new()));
        }
        let mut item = Item::of(kept);
        let asks_for_models =
            matches!(self.request.choice, Choice::Exact(Which { stale: true, .. })) || self.bound().is_some();
        let Some((_, items)) = &mut self.current else { return Ok(()) };
        if let (true, Some(known)) = (asks_for_models, &kept.known)
            && let Standing::Ok { fingerprint, .. } = known.standing
        {
            item.fingerprint = Some(fingerprint.into());
        }
        items.push(item);
        Ok(())
    }

    /// Whether a stream is meant.
    fn includes(&self, stream: &StreamKey) -> bool {
        self.request.parts.is_empty() || self.request.parts.iter().any(|part| is_in(part, stream))
    }

    /// Decides on the stream whose keyframes have come.
    fn finish<E: From<PlanError>>(&mut self, each: &mut dyn FnMut(StreamPlan) -> Result<(), E>) -> Result<(), E> {
        let Some((stream, items)) = self.current.take() else { return Ok(()) };
        each(self.decide(stream, items)?)
    }

    fn decide(&mut self, stream: StreamKey, mut items: Vec<Item>) -> Result<StreamPlan, PlanError> {
        let read = self.sources.read;
        if self.document.as_ref().is_none_or(|facts| facts.document != stream.document) {
            self.document = None;
        }
        let facts = match &mut self.document {
            Some(facts) => facts,
            none => none.insert(Facts::of(read, &stream.document)?),
        };
        for item in &mut items {
            item.measure(read, &stream, &mut self.sizes_left)?;
            if let (Some(fingerprint), Some(revision)) = (item.fingerprint.take(), item.candidate.revision()) {
                let fingerprint = (&*fingerprint).into();
                item.candidate.soundness = facts.soundness(self.sources, &stream, revision, &fingerprint)?;
            }
        }
        let mut upgrades = Vec::new();
        if let Choice::Policy(policy) = &self.request.choice {
            if policy.asks_for_age() {
                for item in items.iter_mut().filter(|item| item.candidate.created.is_none()) {
                    item.candidate.created = facts.created(read, &stream, item.candidate.label)?;
                }
            }
            if policy.keep_upgrades {
                upgrades = facts::upgrades(read, &stream)?;
            }
        }
        let head = facts.head(&stream);
        let candidates: Vec<Candidate> = items.iter().map(|item| item.candidate).collect();
        let streamed = Candidates { keyframes: &candidates, head, upgrades: &upgrades, serving: Serving::All };
        let before = figures(&streamed, &items, |_| true);
        let had_base = candidates.iter().any(|candidate| streamed.base(candidate).is_some());
        let back;
        let mut serving = Serving::All;
        if let (Some(most), Some(head)) = (self.bound().filter(|_| stream.scope != Scope::document()), head) {
            back = missing::back(read, &stream)?;
            let long = Long { stream: stream.clone(), head };
            missing::add(&mut items, read, &long, &back, most, self.request.now)?;
            serving = Serving::Trusted { back: &back };
        }
        let candidates: Vec<Candidate> = items.iter().map(|item| item.candidate).collect();
        let streamed = Candidates { keyframes: &candidates, head, upgrades: &upgrades, serving };
        let mut verdicts = self.verdicts(&stream, &streamed);
        for (_, verdict) in items.iter().zip(&mut verdicts).filter(|(item, _)| item.is_written) {
            // The rule that wants it keeps it.
            if !verdict.keeps() {
                *verdict = Verdict::Keep(KeepReason::MaxReplayOps.into());
            }
        }
        let after = figures(&streamed, &items, |at| verdicts[at].keeps());
        let is_base = |at: usize| streamed.base(&candidates[at]).is_some();
        let loses_last_base = had_base && !(0..items.len()).any(|at| is_base(at) && verdicts[at].keeps());
        let keyframes = (items.iter().zip(&verdicts))
            .map(|(item, verdict)| Planned {
                label: item.candidate.label,
                verdict: *verdict,
                size: item.size,
                recode: self.request.recode.filter(|codec| {
                    verdict.keeps() && !item.is_written && *codec != item.codec && item.candidate.revision().is_some()
                }),
                write: item.is_written.then_some(WriteReason::MaxReplayOps),
            })
            .collect();
        Ok(StreamPlan { stream, head, keyframes, before, after, loses_last_base })
    }

    fn verdicts(&self, stream: &StreamKey, candidates: &Candidates<'_>) -> Vec<Verdict> {
        let now = self.request.now;
        match &self.request.choice {
            Choice::Policy(policy) => policy::decide(candidates, policy, now),
            Choice::Exact(which) => {
                let chosen: Vec<bool> =
                    candidates.keyframes.iter().map(|keyframe| self.is_chosen(stream, keyframe)).collect();
                policy::select(candidates, &Exact { chosen: &chosen, which: *which }, now)
            }
            Choice::All => {
                let none = vec![false; candidates.keyframes.len()];
                policy::select(candidates, &Exact { chosen: &none, which: Which::default() }, now)
            }
        }
    }

    /// Whether a label is in one of the parts that are meant.
    fn is_chosen(&self, stream: &StreamKey, keyframe: &Candidate) -> bool {
        let Some(revision) = keyframe.revision() else { return false };
        self.request.parts.is_empty() || self.request.parts.iter().any(|part| part.includes(stream, revision.last()))
    }
}

/// Whether a part is of a stream, whatever its span.
fn is_in(part: &Part, stream: &StreamKey) -> bool {
    let from = OpIndex::new(part.span.from.get());
    part.includes(stream, from) || part.span.through.is_some_and(|through| part.includes(stream, through))
}

/// How much there is of those keyframes that stay.
fn figures(stream: &Candidates<'_>, items: &[Item], stays: impl Fn(usize) -> bool) -> Figures {
    let mut figures = Figures::default();
    let kept = || items.iter().enumerate().filter(|(at, _)| stays(*at)).map(|(_, item)| item);
    kept().for_each(|item| figures.count(item.size));
    let bases = kept().filter_map(|item| stream.base(&item.candidate));
    figures.worst_distance = worst_distance(bases, stream.operations());
    figures
}
