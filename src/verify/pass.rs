//! The pass over one stream: what each row and each keyframe is checked for while the operations are replayed.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use super::code::{Code, Severity};
use super::finding::{Compared, Finding, Findings};
use super::held::Held;
use super::keyframe::{self, Replayed};
use super::rows::Rows;
use super::signature::{self, Signature};
use super::spine::Spine;
use super::waiting::{Stored, Waiting};
use super::{Checks, Level, Tally};
use crate::model::checksum::Checksum;
use crate::model::ids::{NextIndex, OpIndex, Revision, Scope, StreamKey};
use crate::model::json::StateHash;
use crate::model::operation::OperationRow;
use crate::model::prefix::Prefix;
use crate::model::running_hash::RunningHash;
use crate::model::state::State;
use crate::reducer::Outcome;
use crate::reducer::protocol::{Document, ProtocolError};
use crate::replay::{Observer, ReplayError, Step};
use crate::store::records::{Check, CheckedKeyframe, Proof, StreamSeal, Verdict};
use crate::store::{Flow, Read, StoreError};

/// Checks a stream while it is walked.
pub(super) struct Pass<'a, 's> {
    pub(super) read: &'a dyn Read,
    pub(super) checks: &'a Checks,
    pub(super) stream: &'a StreamKey,
    pub(super) head: Revision,
    pub(super) spine: &'a Spine,
    pub(super) heads: &'a [(Scope, NextIndex)],
    pub(super) rows: Rows<'a>,
    pub(super) findings: &'s mut Findings,
    pub(super) tally: &'s mut Tally,
    /// Labels of keyframes up to the head that have not been reached, ascending.
    pub(super) labels: VecDeque<u64>,
    /// The newest keyframe from which the pass may begin, if not with the first operation.
    pub(super) base: Option<Revision>,
    /// What the read model holds of the stream, until it was compared.
    pub(super) held: Option<Held>,
    /// The keyframes that were compared, if they are to be recorded.
    pub(super) compared: Vec<CheckedKeyframe>,
    /// What can be recorded of the head, once it was reached.
    pub(super) reached: Option<StreamSeal>,
    /// Whether the past is not what was recorded, so that the pass has to begin with the first operation.
    pub(super) broken: bool,
    /// Whether the stream is taken for one without skips, and is none.
    pub(super) mistaken: bool,
    /// Whether the stream is taken for one without skips.
    pub(super) plain: bool,
    waiting: Waiting,
    /// Where the next step is.
    pub(super) stepped: NextIndex,
    /// A denied operation with a skip, after which the program that recorded the log had another state than a rebuild has;
    /// until both agree again.
    denied_skip: Option<OpIndex>,
    /// Hashes the states of the stream's own scope.
    hashes: RunningHash,
    /// The state after the last operation, where it may be asked for.
    last: Option<State>,
}

impl<'a, 's> Pass<'a, 's> {
    pub(super) fn new(
        read: &'a dyn Read,
        checks: &'a Checks,
        (stream, head): (&'a StreamKey, Revision),
        (spine, heads): (&'a Spine, &'a [(Scope, NextIndex)]),
        rows: Rows<'a>,
        labels: VecDeque<u64>,
        (findings, tally): (&'s mut Findings, &'s mut Tally),
    ) -> Self {
        Pass {
            read,
            checks,
            stream,
            head,
            spine,
            heads,
            rows,
            findings,
            tally,
            labels,
            base: None,
            held: None,
            compared: Vec::new(),
            reached: None,
            broken: false,
            mistaken: false,
            plain: false,
            waiting: Waiting::default(),
            stepped: NextIndex::default(),
            denied_skip: None,
            hashes: RunningHash::default(),
            last: None,
        }
    }

    /// Compares the stored hash of an operation with that of the state after it.
    fn compare_hash(&mut self, index: OpIndex, stored: Stored<'_>, replayed: StateHash) -> Result<(), ReplayError> {
        self.tally.hashes += 1;
        if replayed.displays_as(stored.hash) {
            self.denied_skip = None;
            return Ok(());
        }
        let (first, code, what) = if self.is_carried(index, stored)? {
            (index, Code::HashCarried, "kept the hash of its first place")
        } else if let Some(denied) = self.denied_skip {
            (denied, Code::DeniedSkip, "was denied and has a skip, and the hashes after it are of another state")
        } else {
            (index, Code::HashDiffers, "recorded another hash than the replayed state has")
        };
        if !self.findings.again(self.stream, code) {
            let compared = (Some(stored.hash.to_owned()), Some(replayed.to_string()));
            self.found(code, first, format!("operation {first} {what}"), compared);
        }
        Ok(())
    }

    /// Whether an operation is the copy of one before it, with the hash of that one.
    fn is_carried(&self, index: OpIndex, stored: Stored<'_>) -> Result<bool, ReplayError> {
        let mut carried = false;
        self.read.copies(self.stream, &stored.id.into(), &mut |row| {
            carried = row.index < index && row.hash == stored.hash;
            if carried || row.index >= index { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(carried)
    }

    fn compare_outcome(&mut self, index: OpIndex, stored: Option<&str>, outcome: &Outcome) {
        let (what, replayed) = match (stored, outcome) {
            (None, Outcome::Applied) => return,
            (Some(_), Outcome::Applied) => ("failed when it was recorded, and works in a replay", None),
            (None, Outcome::Failed(text)) => {
                ("worked when it was recorded, and fails in a replay", Some(text.to_string()))
            }
            (Some(stored), Outcome::Failed(text)) if *text == *stored => return,
            (Some(_), Outcome::Failed(text)) => ("fails with another error in a replay", Some(text.to_string())),
        };
        let (first, code) = match self.denied_skip {
            Some(denied) => (denied, Code::DeniedSkip),
            None => (index, Code::OutcomeDiffers),
        };
        if !self.findings.again(self.stream, code) {
            self.found(code, first, format!("operation {index} {what}"), (stored.map(str::to_owned), replayed));
        }
    }

    fn found(&mut self, code: Code, index: OpIndex, message: String, compared: (Option<String>, Option<String>)) {
        let (stored, replayed) = compared;
        let compared = Compared { stored, replayed, ..Compared::default() };
        let command = format!("snapctl log -p {}:{index}", self.stream);
        let finding = Finding::new(code, self.stream, Some(index), message);
        self.findings.add(Finding { compared: Some(compared), command: Some(command), ..finding });
    }

    /// Compares a keyframe with what is recorded of it. `is_right` is whether it is what the replay gives.
    fn compare_record(
        &mut self,
        label: Revision,
        body: &[u8],
        step: &Step<'_>,
        is_right: bool,
    ) -> Result<(), ReplayError> {
        let record = match self.read.records().keyframe_record(self.stream, label) {
            Err(StoreError::Unsupported { .. } | StoreError::Corrupt { .. }) => return Ok(()),
            record => record?,
        };
        let Some(record) = record else { return Ok(()) };
        let found = |code, message| Finding::new(code, self.stream, Some(label.last()), message);
        if record.checksum != Checksum::of(body) {
            let message = format!("keyframe {label} was changed since it was recorded");
            let finding = found(Code::KeyframeChecksum, message);
            let severity = if is_right { Severity::Note } else { finding.severity };
            self.findings.add(Finding { severity, ..finding });
        }
        let fingerprint = step.fingerprint()?;
        if record.check.is_some_and(|check| check.fingerprint != fingerprint) {
            self.findings.add(found(Code::KeyframeStale, format!("keyframe {label} was recorded for another model")));
        }
        Ok(())
    }

    fn compare_keyframe(
        &mut self,
        step: &Step<'_>,
        stored: Stored<'_>,
        state: &State,
        document: &Document,
    ) -> Result<(), ReplayError> {
        let label = Revision::of(step.head.index);
        let body = match self.read.keyframe_document(self.stream, label) {
            Ok(Some(body)) => body,
            Ok(None) => return Ok(()),
            Err(error @ StoreError::Corrupt { .. }) => {
                let message = format!("keyframe {label}: {error}");
                self.findings.add(Finding::new(Code::KeyframeCorrupt, self.stream, Some(label.last()), message));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.tally.keyframes += 1;
        self.tally.bytes += body.len() as u64;
        let replayed = Replayed {
            state,
            before: self.last.as_ref(),
            initial: document.initial(),
            header: document.header(),
            spine: self.spine,
            heads: self.heads,
        };
        let checked = keyframe::check(self.stream, label, &body, &replayed);
        let wrong =
            checked.findings.iter().find(|finding| finding.severity > Severity::Note).map(|finding| finding.code);
        self.compare_record(label, &body, step, wrong.is_none())?;
        if let Some(now) = self.checks.collect {
            let (checksum, fingerprint) = (Checksum::of(&body), step.fingerprint()?);
            let verdict = match (wrong, checked.hash(), stored.prefix) {
                (None, Some(state_hash), Some(Prefix { seal, newest })) => {
                    Verdict::Ok(Proof { operation_id: stored.id.into(), seal, newest, state_hash })
                }
                (code, ..) => Verdict::Failed { code: code.unwrap_or(Code::KeyframeCorrupt).to_string() },
            };
            self.compared.push(CheckedKeyframe {
                stream: self.stream.clone(),
                revision: label,
                checksum,
                body_bytes: body.len() as u64,
                check: Check { checked: now, fingerprint, verdict },
            });
        }
        for mut finding in checked.findings {
            finding.command.get_or_insert_with(|| format!("snapctl rebuild {}:keyframe:{label}", self.stream));
            self.findings.add(finding);
        }
        Ok(())
    }

    fn look_at_signature(&mut self, step: &Step<'_>) {
        let index = step.head.index;
        let signature = signature::check(self.stream.document.as_str(), step.action);
        self.tally.signatures += match signature {
            Signature::None => 0,
            Signature::Valid { n } => n as u64,
            Signature::Invalid { .. } | Signature::Malformed { .. } => 1,
        };
        if let Some(code) = signature.code()
            && !self.findings.again(self.stream, code)
        {
            let finding = Finding::new(code, self.stream, Some(index), format!("operation {index}: {signature}"));
            let command = Some(format!("snapctl log {}:{index} --json", self.stream));
            self.findings.add(Finding { compared: signature.compared(), command, ..finding });
        }
    }

    /// Whether the state after an operation is compared with anything.
    fn hashes_at(&self, index: OpIndex) -> bool {
        self.checks.level == Level::Full
            || index == self.head.last()
            || self.has_label(index.get())
            || self.held.as_ref().is_some_and(|held| held.last == index)
    }

    /// Whether the next operation's keyframe may have to be compared with the state as it is now.
    fn is_before_label(&self, index: OpIndex) -> bool {
        self.has_label(index.next().get())
    }

    fn has_label(&self, label: u64) -> bool {
        self.labels.front().is_some_and(|first| *first <= label) && self.labels.binary_search(&label).is_ok()
    }
}

impl Observer for Pass<'_, '_> {
    fn rows_ahead(&self) -> usize {
        usize::MAX
    }

    fn expects_plain(&self) -> bool {
        self.plain
    }

    fn looked_back(&mut self) {
        self.mistaken = true;
    }

    fn looks_at_initial(&self) -> bool {
        self.labels.back().is_some_and(|last| self.base.is_none_or(|base| *last > base.get()))
    }

    fn start(&mut self, _: &mut Document, base: Option<Revision>) -> Result<(), ReplayError> {
        match base {
            None => Ok(()),
            Some(base) if self.checks.keyframe.is_some() => {
                self.pass_over(base);
                Ok(())
            }
            Some(base) => self.look_back(base),
        }
    }

    fn row(&mut self, row: &OperationRow<'_>) {
        self.mistaken |= self.plain && row.skip.is_some();
        self.rows.row(row, self.findings);
        self.waiting.push(row, self.rows.prefix());
    }

    fn looks_at(&self, index: OpIndex) -> bool {
        self.hashes_at(index) || self.is_before_label(index)
    }

    fn step(&mut self, step: &Step<'_>, document: &mut Document) -> Result<Flow, ReplayError> {
        if self.broken || self.mistaken {
            return Ok(ControlFlow::Break(()));
        }
        // A row for each step.
        let mut waiting = std::mem::take(&mut self.waiting);
        let flow = waiting.pop().map(|stored| self.look(step, stored, document));
        self.waiting = waiting;
        flow.unwrap_or(Ok(ControlFlow::Continue(())))
    }
}

impl Pass<'_, '_> {
    /// Looks at an operation, and where [`Observer::looks_at`] says so at the document after it.
    fn look(&mut self, step: &Step<'_>, stored: Stored<'_>, document: &mut Document) -> Result<Flow, ReplayError> {
        let index = step.head.index;
        self.tally.operations += 1;
        self.stepped = index.next();
        self.rows.action(index, stored.id, step.action, self.findings);
        if self.checks.signatures {
            self.look_at_signature(step);
        }
        if step.head.denied && step.head.skip > 0 {
            self.denied_skip = Some(index);
        }
        if let Some(outcome) = step.outcome {
            self.compare_outcome(index, stored.error, outcome);
        }
        while self.labels.front().is_some_and(|label| *label < index.get()) {
            // There is no operation at that label; the gap is told.
            self.labels.pop_front();
        }
        let hashed = self.hashes_at(index);
        if !(hashed || self.is_before_label(index)) {
            self.last = None;
            return Ok(ControlFlow::Continue(()));
        }
        let state = document.state().map_err(failed)?;
        if hashed && !stored.hash.is_empty() {
            // An action's own scope is hashed, whatever stream it is in (reactor format §4.1).
            let scope = step.action.scope.as_str().unwrap_or_default();
            let hash =
                if *scope == *self.stream.scope.as_str() { self.hashes.hash(&state, scope) } else { state.hash(scope) };
            self.compare_hash(index, stored, hash)?;
        }
        if let Some(held) = self.held.take_if(|held| held.last == index) {
            held.compare(self.stream, &state).into_iter().for_each(|finding| self.findings.add(finding));
        }
        if self.labels.front() == Some(&index.get()) {
            self.labels.pop_front();
            self.compare_keyframe(step, stored, &state, document)?;
            if self.checks.keyframe.is_some() {
                return Ok(ControlFlow::Break(()));
            }
        }
        if index == self.head.last() {
            // What a rebuild does after its last operation is about a header that nobody asked for.
            self.reached = match self.checks.collect.zip(stored.prefix) {
                None => None,
                Some((checked, Prefix { seal, .. })) => Some(StreamSeal {
                    stream: self.stream.clone(),
                    revision: self.head,
                    seal,
                    state_hash: self.hashes.hash(&state, self.stream.scope.as_str()),
                    fingerprint: step.fingerprint()?,
                    checked,
                }),
            };
            return Ok(ControlFlow::Break(()));
        }
        self.last = Some(state);
        Ok(ControlFlow::Continue(()))
    }
}

/// Taking a state fails only with the fold.
fn failed(error: ProtocolError) -> ReplayError {
    match error {
        ProtocolError::Fold(error) => error.into(),
        error => {
            StoreError::Unavailable { location: "the state".to_owned(), action: "take", source: error.into() }.into()
        }
    }
}
