//! The check of one document: all its streams, whatever can be replayed of them.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;

use super::code::Code;
use super::finding::{Finding, Findings};
use super::held::Held;
use super::keyframe::unreached;
use super::pass::Pass;
use super::past::Past;
use super::rows::Rows;
use super::spine::Spine;
use super::{Checks, Report, Seals, Tally};
use crate::model::ids::{Branch, DocumentId, DocumentType, NextIndex, OpIndex, Revision, Scope, StreamKey};
use crate::model::target::escape;
use crate::reducer::RegistryError;
use crate::replay::{Goal, Position, Rejection, ReplayError, Sources, Start, walk};
use crate::store::records::{CheckedKeyframe, StreamSeal};
use crate::store::{Detail, StoreError, StreamHead};

/// A document, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The document.
    pub document: DocumentId,
    /// Its type, as its rows name it.
    pub document_type: DocumentType,
    /// One scope of it, or all.
    pub scope: Option<Scope>,
    /// One branch of it, or all.
    pub branch: Option<Branch>,
}

impl Part {
    /// Whether a stream is in it.
    #[must_use]
    pub fn includes(&self, stream: &StreamKey) -> bool {
        self.document == stream.document
            && self.scope.as_ref().is_none_or(|scope| *scope == stream.scope)
            && self.branch.as_ref().is_none_or(|branch| *branch == stream.branch)
    }
}

/// Checks a document in one read transaction, and its past against `seals`. What cannot be decoded or replayed is a
/// finding.
///
/// # Errors
/// `Store` unless a row is corrupt: `Busy`, `Unavailable`, `Moved`; `Stopped`.
pub fn document(
    sources: &Sources<'_>,
    part: &Part,
    checks: &Checks,
    seals: Option<&Seals>,
) -> Result<Report, ReplayError> {
    let (findings, tally) = (Findings::default(), Tally::default());
    let mut check = Check { sources, part, checks, seals, findings, tally, sound: Vec::new(), keyframes: Vec::new() };
    check.run()?;
    let Check { findings, tally, sound, keyframes, .. } = check;
    Ok(Report { findings: findings.into_sorted(), tally, sound, keyframes })
}

struct Check<'a> {
    sources: &'a Sources<'a>,
    part: &'a Part,
    checks: &'a Checks,
    seals: Option<&'a Seals>,
    findings: Findings,
    tally: Tally,
    sound: Vec<StreamSeal>,
    keyframes: Vec<CheckedKeyframe>,
}

/// A stream, and what is known of it before it is checked.
#[derive(Clone, Copy)]
struct Stream<'a> {
    key: &'a StreamKey,
    head: Revision,
    spine: &'a Spine,
    heads: &'a [(Scope, NextIndex)],
    past: &'a Past,
}

/// What a pass expects of a stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// That it has no skips, as most have none: then they need not be read first.
    Plain,
    /// Skips, which decide what stands.
    WithSkips,
}

/// How a pass ended.
enum Passed {
    /// It has looked at everything.
    Whole,
    /// The past is not what was recorded.
    Broken,
    /// There are skips, and none were expected.
    LookedBack,
}

/// What the read model holds of each stream.
type ReadModel = BTreeMap<StreamKey, Held>;

/// The labels of the keyframes of each stream, ascending.
type Labels = BTreeMap<StreamKey, Vec<i64>>;

impl Check<'_> {
    fn run(&mut self) -> Result<(), ReplayError> {
        let heads = match self.sources.read.streams(&self.part.document) {
            Err(error @ StoreError::Corrupt { .. }) => {
                let stream = self.stream(&Branch::main(), &Scope::document());
                self.findings.add(Finding::new(Code::RowCorrupt, &stream, None, error.to_string()));
                return Ok(());
            }
            heads => heads?,
        };
        let mut labels = self.labels()?;
        let mut read_model = self.read_model()?;
        for branch in heads.chunk_by(|a, b| a.branch == b.branch) {
            self.branch(branch, &mut labels, &mut read_model)?;
        }
        // What is left belongs to no stream.
        for (stream, labels) in labels {
            for label in labels {
                self.findings.add(unreached(&stream, label, None));
            }
        }
        for (stream, sealed) in self.seals.into_iter().flat_map(|seals| seals.of_document(&self.part.document)) {
            let is_there = heads.iter().any(|head| head.branch == stream.branch && head.scope == stream.scope);
            if !is_there && self.includes(stream) {
                let message = format!("operations up to {} were sealed, and the stream is gone", sealed.revision);
                self.findings.add(Finding::new(Code::SealAhead, stream, Some(OpIndex::FIRST), message));
            }
        }
        for (stream, held) in read_model {
            self.findings.add(held.ahead(&stream, None));
        }
        Ok(())
    }

    fn stream(&self, branch: &Branch, scope: &Scope) -> StreamKey {
        StreamKey { document: self.part.document.clone(), scope: scope.clone(), branch: branch.clone() }
    }

    fn includes(&self, stream: &StreamKey) -> bool {
        self.part.includes(stream)
    }

    /// What keyframes there are.
    fn labels(&mut self) -> Result<Labels, ReplayError> {
        let mut labels = Labels::new();
        let visited = self.sources.read.keyframes(&self.part.document, Detail::Label, &mut |entry| {
            let is_meant = self.checks.keyframe.is_none_or(|only| u64::try_from(entry.label) == Ok(only.get()));
            if is_meant && self.includes(&entry.stream) {
                match labels.get_mut(&entry.stream) {
                    Some(labels) => labels.push(entry.label),
                    None => drop(labels.insert(entry.stream.clone(), vec![entry.label])),
                }
            }
            ControlFlow::Continue(())
        });
        self.tally.n_keyframes += labels.values().map(|labels| labels.len() as u64).sum::<u64>();
        if let Err(error @ StoreError::Corrupt { .. }) = visited {
            // Those after it are not known.
            let stream = self.stream(&Branch::main(), &Scope::global());
            self.findings.add(Finding::new(Code::KeyframeCorrupt, &stream, None, error.to_string()));
            self.tally.n_keyframes += 1;
            return Ok(labels);
        }
        visited?;
        Ok(labels)
    }

    /// What the read model says, scopes `document` and `header` aside, of which it keeps something else than a state.
    fn read_model(&mut self) -> Result<ReadModel, ReplayError> {
        let mut read_model = ReadModel::new();
        let visited = self.sources.read.read_model(&self.part.document, &mut |row| {
            let state = !matches!(row.stream.scope.as_str(), "document" | "header");
            if state && row.last >= 0 && self.includes(row.stream) {
                read_model.insert(row.stream.clone(), Held::new(row));
            }
            ControlFlow::Continue(())
        });
        if let Err(error @ StoreError::Corrupt { .. }) = visited {
            let stream = self.stream(&Branch::main(), &Scope::document());
            self.findings.add(Finding::new(Code::RowCorrupt, &stream, None, error.to_string()));
            return Ok(read_model);
        }
        visited?;
        Ok(read_model)
    }

    /// Checks the streams of one branch.
    fn branch(
        &mut self,
        heads: &[StreamHead],
        labels: &mut Labels,
        read_model: &mut ReadModel,
    ) -> Result<(), ReplayError> {
        let Some(branch) = heads.first().map(|head| &head.branch) else { return Ok(()) };
        let spine = Spine::read(self.sources.read, &self.stream(branch, &Scope::document()))?;
        let next: Vec<(Scope, NextIndex)> = heads.iter().map(|head| (head.scope.clone(), head.head.next())).collect();
        for head in heads {
            let stream = self.stream(branch, &head.scope);
            let labels = labels.remove(&stream).unwrap_or_default();
            let held = read_model.remove(&stream);
            if self.includes(&stream) {
                self.check_stream((&stream, head.head), (&spine, &next), &labels, held)?;
            }
        }
        Ok(())
    }

    fn check_stream(
        &mut self,
        (stream, head): (&StreamKey, Revision),
        (spine, heads): (&Spine, &[(Scope, NextIndex)]),
        labels: &[i64],
        kept: Option<Held>,
    ) -> Result<(), ReplayError> {
        let Check { sources, checks, .. } = *self;
        self.tally.streams += 1;
        let reachable = |label: &&i64| u64::try_from(**label).is_ok_and(|label| label <= head.get());
        for label in labels.iter().filter(|label| !reachable(label)) {
            self.findings.add(unreached(stream, *label, Some(head)));
            // Its place is known to be wrong, which is all there is to know.
            self.tally.keyframes += 1;
        }
        let kept = kept.filter(|row| {
            let reachable = row.last <= head.last();
            if !reachable {
                self.findings.add(row.ahead(stream, Some(head)));
            }
            reachable
        });
        let due: VecDeque<u64> = labels.iter().filter(reachable).map(|label| label.unsigned_abs()).collect();
        let past = match checks.keyframe {
            None => Past::read(sources.read, stream, checks, self.seals)?,
            Some(_) => Past::default(),
        };
        let goal = Stream { key: stream, head, spine, heads, past: &past };
        let kept_at = kept.as_ref().map(|row| row.last);
        let before = (self.findings.clone(), self.tally);
        let base = match checks.keyframe {
            None => past.base(&due, kept_at).filter(|_| !(checks.anew || checks.signatures)),
            // The state before its label is looked at, too.
            Some(label) => label.checked_sub(2),
        };
        let (mut start, mut way) = (base.map_or(Start::Genesis, Start::BaseUpTo), Way::Plain);
        loop {
            match self.pass(&goal, (start, way), due.clone(), kept.clone())? {
                Passed::Whole => return Ok(()),
                // Once more, from the first operation on, which tells what has changed.
                Passed::Broken => start = Start::Genesis,
                Passed::LookedBack => way = Way::WithSkips,
            }
            (self.findings, self.tally) = before.clone();
        }
    }

    /// One pass over a stream, with what cannot be replayed looked at as rows. If it is not whole, what was found is of no
    /// use.
    fn pass(
        &mut self,
        of: &Stream<'_>,
        (start, way): (Start, Way),
        labels: VecDeque<u64>,
        held: Option<Held>,
    ) -> Result<Passed, ReplayError> {
        let Check { sources, part, checks, .. } = *self;
        let Stream { key: stream, head, spine, heads, past } = *of;
        let n_findings = self.findings.len();
        let mut rows = match way {
            Way::Plain => Rows::plain(stream, &part.document_type),
            Way::WithSkips => Rows::with_skips(sources.read, stream, &part.document_type)?,
        };
        let seals = past.seals();
        if checks.collect.is_some() || !seals.is_empty() {
            rows.compare_with(seals);
        }
        let collected = (&mut self.findings, &mut self.tally);
        let mut pass = Pass::new(sources.read, checks, (stream, head), (spine, heads), rows, labels, collected);
        pass.held = held;
        pass.base = if let Start::BaseUpTo(base) = start { Some(base) } else { None };
        pass.plain = way == Way::Plain;
        let goal =
            Goal { document: &stream.document, branch: &stream.branch, scope: &stream.scope, position: Position::Head };
        let walked = walk(sources, goal, start, &mut pass);
        if pass.broken {
            return Ok(Passed::Broken);
        }
        if !pass.mistaken && walked.is_err() {
            pass.rows_alone(sources.progress)?;
        }
        if pass.mistaken {
            return Ok(Passed::LookedBack);
        }
        let Pass { mut rows, compared, reached, .. } = pass;
        rows.end(&mut self.findings);
        self.tally.n_operations += rows.n_rows();
        self.keyframes.extend(compared);
        match walked {
            Err(error) => self.failed(stream, spine, error)?,
            Ok(_) if self.findings.len() == n_findings => self.sound.extend(reached),
            Ok(_) => {}
        }
        Ok(Passed::Whole)
    }

    /// Makes a finding of what ended a replay, if it is one.
    fn failed(&mut self, stream: &StreamKey, spine: &Spine, error: ReplayError) -> Result<(), ReplayError> {
        let document = self.stream(&stream.branch, &Scope::document());
        let mut assume = false;
        let (code, at, index) = match &error {
            // The pass over the rows alone has told it, of this stream or of the document scope.
            ReplayError::Store(StoreError::Corrupt { .. })
                if self.findings.has(stream, Code::RowCorrupt) || self.includes(&document) =>
            {
                return Ok(());
            }
            ReplayError::Store(StoreError::Corrupt { .. }) => (Code::RowCorrupt, document, None),
            ReplayError::Rejected { stream, index, rejection, .. } => {
                assume = *rejection == Rejection::BaseReducer;
                (Code::Unreplayable, stream.clone(), *index)
            }
            ReplayError::Model(RegistryError::ModelMissing(id) | RegistryError::StepMissing(id)) => {
                (Code::ModelMissing, document, spine.asks_for(id.version))
            }
            ReplayError::Fold(_) => (Code::ModelFailed, stream.clone(), None),
            _ => return Err(error),
        };
        // Every stream of the document fails where its document scope does.
        if !self.findings.has(&at, code) {
            let finding = Finding::new(code, &at, index, error.to_string());
            let command = match index {
                _ if assume => Some(format!("snapctl verify {} --assume-base-reducer 1", escape(at.document.as_str()))),
                index => index.map(|index| format!("snapctl log {at}:{index}")),
            };
            self.findings.add(Finding { command, ..finding });
        }
        Ok(())
    }
}
