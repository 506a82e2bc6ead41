//! The check of one document: all its streams, whatever can be replayed of them.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;

use super::code::Code;
use super::finding::{Finding, Findings};
use super::keyframe::unreached;
use super::pass::{Pass, add_corrupt};
use super::rows::Rows;
use super::spine::Spine;
use super::{Checks, Report, Sound, Tally};
use crate::model::ids::{Branch, DocumentId, DocumentType, OpIndex, Revision, Scope, StreamKey};
use crate::replay::{Goal, Position, ReplayError, Snapshot, Sources, Start, walk};
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

/// Checks a document in one read transaction. What cannot be decoded or replayed is a finding.
///
/// # Errors
/// `Store` unless a row is corrupt: `Busy`, `Unavailable`, `Moved`; `Stopped`.
pub fn document(sources: &Sources<'_>, part: &Part, checks: &Checks) -> Result<Report, ReplayError> {
    let mut check =
        Check { sources, part, checks, findings: Findings::default(), tally: Tally::default(), sound: Vec::new() };
    check.run()?;
    let Check { findings, tally, sound, .. } = check;
    Ok(Report { findings: findings.into_sorted(), tally, sound })
}

struct Check<'a> {
    sources: &'a Sources<'a>,
    part: &'a Part,
    checks: &'a Checks,
    findings: Findings,
    tally: Tally,
    sound: Vec<Sound>,
}

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
        for branch in heads.chunk_by(|a, b| a.branch == b.branch) {
            self.branch(branch, &mut labels)?;
        }
        // What is left belongs to no stream.
        for (stream, labels) in labels {
            for label in labels {
                self.findings.add(unreached(&stream, label, None));
            }
        }
        Ok(())
    }

    fn stream(&self, branch: &Branch, scope: &Scope) -> StreamKey {
        StreamKey { document: self.part.document.clone(), scope: scope.clone(), branch: branch.clone() }
    }

    fn includes(&self, stream: &StreamKey) -> bool {
        let Part { scope, branch, .. } = self.part;
        scope.as_ref().is_none_or(|scope| *scope == stream.scope)
            && branch.as_ref().is_none_or(|branch| *branch == stream.branch)
    }

    /// What keyframes there are.
    fn labels(&mut self) -> Result<Labels, ReplayError> {
        let mut labels = Labels::new();
        let visited = self.sources.read.keyframes(&self.part.document, Detail::Label, &mut |entry| {
            if self.includes(&entry.stream) {
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

    /// Checks the streams of one branch.
    fn branch(&mut self, heads: &[StreamHead], labels: &mut Labels) -> Result<(), ReplayError> {
        let Some(branch) = heads.first().map(|head| &head.branch) else { return Ok(()) };
        let spine = Spine::read(self.sources.read, &self.stream(branch, &Scope::document()))?;
        for head in heads {
            let stream = self.stream(branch, &head.scope);
            let labels = labels.remove(&stream).unwrap_or_default();
            if self.includes(&stream) {
                self.check_stream(&stream, head.head, &spine, &labels)?;
            }
        }
        Ok(())
    }

    fn check_stream(
        &mut self,
        stream: &StreamKey,
        head: Revision,
        spine: &Spine,
        labels: &[i64],
    ) -> Result<(), ReplayError> {
        let Check { sources, part, checks, .. } = *self;
        self.tally.streams += 1;
        let reachable = |label: &&i64| u64::try_from(**label).is_ok_and(|label| label <= head.get());
        for label in labels.iter().filter(|label| !reachable(label)) {
            self.findings.add(unreached(stream, *label, Some(head)));
            // Its place is known to be wrong, which is all there is to know.
            self.tally.keyframes += 1;
        }
        let due: VecDeque<u64> = labels.iter().filter(reachable).map(|label| label.unsigned_abs()).collect();
        let n_findings = self.findings.len();
        let rows = match Rows::new(sources.read, stream, &part.document_type) {
            Err(StoreError::Corrupt { .. }) => Rows::without_order(stream, &part.document_type),
            rows => rows?,
        };
        let collected = (&mut self.findings, &mut self.tally);
        let mut pass = Pass::new(sources.read, checks, (stream, head), spine, rows, due, collected);
        let goal =
            Goal { document: &stream.document, branch: &stream.branch, scope: &stream.scope, position: Position::Head };
        let walked = walk(sources, goal, Start::Genesis, &mut pass);
        if walked.is_err() {
            pass.rows_alone(sources.progress)?;
        }
        let (n_rows, seal, passed) = (pass.rows.n_rows(), pass.rows.seal(), std::mem::take(&mut pass.passed));
        let reached = pass.rows.next();
        self.tally.n_operations += n_rows;
        match walked {
            Ok(snapshot) => {
                if let (Some(snapshot), true) = (snapshot, checks.collect && self.findings.len() == n_findings) {
                    self.sound.push(sound(stream, head, seal, &snapshot, passed));
                }
            }
            Err(error) => self.failed(stream, reached.last_applied(), error)?,
        }
        Ok(())
    }

    /// Makes a finding of what ended a replay, if it is one.
    fn failed(&mut self, stream: &StreamKey, reached: Option<Revision>, error: ReplayError) -> Result<(), ReplayError> {
        let spine = self.stream(&stream.branch, &Scope::document());
        let (code, at, index) = match &error {
            ReplayError::Store(error @ StoreError::Corrupt { .. }) => {
                // The pass over the rows alone has told it, unless it is about a row of the document scope.
                if !self.findings.has(stream, Code::RowCorrupt) {
                    let index = reached.map_or(OpIndex::FIRST, Revision::last);
                    add_corrupt(stream, index, error, &mut self.findings);
                }
                return Ok(());
            }
            ReplayError::Rejected { stream, index, .. } => (Code::Unreplayable, stream.clone(), *index),
            ReplayError::Model(_) => (Code::ModelMissing, spine, None),
            ReplayError::Fold(_) => (Code::ModelFailed, stream.clone(), None),
            _ => return Err(error),
        };
        // Every stream of the document fails where its document scope does.
        if !self.findings.has(&at, code) {
            let finding = Finding::new(code, &at, index, error.to_string());
            let command = index.map(|index| format!("snapctl log {at}:{index}"));
            self.findings.add(Finding { command, ..finding });
        }
        Ok(())
    }
}

fn sound(
    stream: &StreamKey,
    head: Revision,
    seal: crate::model::seal::Seal,
    snapshot: &Snapshot,
    keyframes: Vec<super::Passed>,
) -> Sound {
    Sound { stream: stream.clone(), head, seal, hash: snapshot.state.hash(stream.scope.as_str()), keyframes }
}
