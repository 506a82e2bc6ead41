//! What a row shows by itself and beside its neighbours, without reducing anything.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use super::code::{Code, Severity};
use super::finding::{Compared, Finding, Findings};
use super::order::{Disorder, DisorderKind, TimeOrder};
use super::portable::unportable;
use crate::model::ids::{DocumentType, NextIndex, OpIndex, Revision, Span, StreamKey};
use crate::model::json::OperationIds;
use crate::model::operation::{Action, OperationRow};
use crate::model::prefix::Prefix;
use crate::model::seal::Seal;
use crate::store::{Read, StoreError};

/// Looks at the rows of a stream in order.
pub(super) struct Rows<'a> {
    stream: &'a StreamKey,
    document_type: &'a DocumentType,
    ids: OperationIds,
    next: NextIndex,
    previous_id: String,
    order: TimeOrder,
    /// What the rows so far come to; `None` if nobody asks for it.
    prefix: Option<Prefix>,
    /// Seals that were recorded, ascending; each goes when it was compared.
    recorded: VecDeque<(Revision, Seal)>,
    /// Where the next operation goes after the last seal that fits.
    sealed: NextIndex,
    broken: bool,
    count: u64,
}

impl<'a> Rows<'a> {
    /// Begins with a stream that is expected to have no skips.
    pub(super) fn plain(stream: &'a StreamKey, document_type: &'a DocumentType) -> Self {
        Self::with_order(stream, document_type, TimeOrder::new(&stream.scope, &[]))
    }

    /// Begins with a stream, of which it reads the skips; if they cannot be read, no order of times is looked for.
    ///
    /// # Errors
    /// `Busy`, `Unavailable`.
    pub(super) fn with_skips(
        read: &dyn Read,
        stream: &'a StreamKey,
        document_type: &'a DocumentType,
    ) -> Result<Self, StoreError> {
        let order = match read.skips(stream, Span::ALL) {
            Err(StoreError::Corrupt { .. }) => TimeOrder::none(),
            skips => TimeOrder::new(&stream.scope, &skips?),
        };
        Ok(Self::with_order(stream, document_type, order))
    }

    fn with_order(stream: &'a StreamKey, document_type: &'a DocumentType, order: TimeOrder) -> Self {
        Rows {
            stream,
            document_type,
            ids: OperationIds::new(stream.document.as_str(), stream.scope.as_str(), stream.branch.as_str()),
            next: NextIndex::default(),
            previous_id: String::new(),
            order,
            prefix: None,
            recorded: VecDeque::new(),
            sealed: NextIndex::default(),
            broken: false,
            count: 0,
        }
    }

    /// Seals the rows, and compares with seals that were recorded, ascending by revision.
    pub(super) fn compare_with(&mut self, recorded: VecDeque<(Revision, Seal)>) {
        self.prefix = Some(Prefix::EMPTY);
        self.recorded = recorded;
    }

    /// Whether a row is not what was sealed.
    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Looks at what is missing at the end.
    pub(super) fn end(&mut self, findings: &mut Findings) {
        if let Some((sealed, _)) = self.recorded.pop_front() {
            let at = self.next.index();
            self.note(findings, Code::SealAhead, at, || {
                format!("operations up to {sealed} were sealed, and {at} is missing")
            });
        }
    }

    /// The stream.
    pub(super) fn stream(&self) -> &'a StreamKey {
        self.stream
    }

    /// Where the rows have got to.
    pub(super) fn next(&self) -> NextIndex {
        self.next
    }

    /// How many there were.
    pub(super) fn n_rows(&self) -> u64 {
        self.count
    }

    /// What the rows so far come to, if rows are sealed.
    pub(super) fn prefix(&self) -> Option<Prefix> {
        self.prefix
    }

    /// Passes over a row that does not decode.
    pub(super) fn pass_over(&mut self, index: OpIndex) {
        self.next = index.next();
        self.previous_id.clear();
    }

    /// Looks at the next row.
    pub(super) fn row(&mut self, row: &OperationRow<'_>, findings: &mut Findings) {
        let index = row.index;
        let expected = std::mem::replace(&mut self.next, index.next());
        self.count += 1;
        if let Some(prefix) = self.prefix {
            let prefix = prefix.then(row);
            self.prefix = Some(prefix);
            self.compare_seal(index, prefix.seal, findings);
        }
        if index != expected.index() {
            self.note(findings, Code::Gap, expected.index(), || gap(expected, index));
        } else if row.previous_id != self.previous_id && (index != OpIndex::FIRST || !row.previous_id.is_empty()) {
            let compared = || Compared {
                stored: Some(row.previous_id.to_owned()),
                replayed: Some(self.previous_id.clone()),
                ..Compared::default()
            };
            // After a row that did not decode, and in logs without the column, there is nothing to compare with.
            let known = index == OpIndex::FIRST || !(self.previous_id.is_empty() || row.previous_id.is_empty());
            if known && !findings.again(self.stream, Code::PreviousId) {
                let message = format!("operation {index} does not name the one before it");
                let finding = self.finding(Code::PreviousId, index, message);
                findings.add(Finding { compared: Some(compared()), ..finding });
            }
        }
        if row.document_type != self.document_type.as_str() {
            self.note(findings, Code::TypeDiffers, index, || {
                format!("operation {index} is of a {}, the document is a {}", row.document_type, self.document_type)
            });
        }
        self.look_at_time(row, findings);
        if let Some(what) = unportable(row.action) {
            self.note(findings, Code::NotPortable, index, || format!("operation {index} holds {what}"));
        }
        self.previous_id.clear();
        self.previous_id.push_str(row.id);
    }

    /// Looks at the action of a row with the id `id`.
    pub(super) fn action(&self, index: OpIndex, id: &str, action: &Action<'_>, findings: &mut Findings) {
        let scope = &self.stream.scope;
        if action.scope != *scope.as_str() {
            self.note(findings, Code::ScopeDiffers, index, || {
                format!("operation {index} has an action of scope \"{}\"", action.scope)
            });
        }
        if self.ids.is(id, action.id.as_bytes()) || findings.again(self.stream, Code::OperationId) {
            return;
        }
        // A migration of the reference gave an id to actions that had none, and left their operations as they were.
        let migrated = [&b""[..], b"undefined"].into_iter().any(|absent| self.ids.is(id, absent));
        let finding =
            self.finding(Code::OperationId, index, format!("operation {index} has another id than its action gives"));
        findings.add(Finding {
            severity: if migrated { Severity::Note } else { finding.severity },
            compared: Some(Compared {
                stored: Some(id.to_owned()),
                replayed: Some(self.ids.of(action.id.as_bytes())),
                ..Compared::default()
            }),
            ..finding
        });
    }

    fn compare_seal(&mut self, index: OpIndex, seal: Seal, findings: &mut Findings) {
        while let Some(&(revision, recorded)) = self.recorded.front().filter(|(revision, _)| revision.last() <= index) {
            self.recorded.pop_front();
            if revision.last() == index && recorded == seal {
                self.sealed = revision.next();
                continue;
            }
            let first = self.sealed.index();
            self.note(findings, Code::SealBroken, first, || {
                format!("operations {first} to {revision} are not those that were sealed")
            });
            self.broken = true;
            // What was sealed later is built on it.
            self.recorded.clear();
        }
    }

    fn look_at_time(&mut self, row: &OperationRow<'_>, findings: &mut Findings) {
        let before = self.order.found();
        self.order.row(row.index, row.skip.map_or(0, NonZeroU32::get), row.timestamp);
        if let (None, Some(Disorder { kind, previous: (previous, _), current: (index, _) })) =
            (before, self.order.found())
        {
            self.note(findings, Code::TimeOrder, index, || match kind {
                DisorderKind::Descending => format!("operation {index} is earlier than operation {previous}"),
                DisorderKind::Tied => format!("operation {index} is of the same time as operation {previous}"),
            });
        }
    }

    fn note(&self, findings: &mut Findings, code: Code, index: OpIndex, message: impl FnOnce() -> String) {
        if !findings.again(self.stream, code) {
            findings.add(self.finding(code, index, message()));
        }
    }

    fn finding(&self, code: Code, index: OpIndex, message: String) -> Finding {
        Finding::new(code, self.stream, Some(index), message)
    }
}

fn gap(expected: NextIndex, found: OpIndex) -> String {
    match found.get().checked_sub(expected.get()) {
        Some(1) => format!("operation {} is missing", expected.get()),
        Some(_) => format!("operations {} to {} are missing", expected.get(), found.get() - 1),
        // Without the unique key of the reference's table.
        None => format!("operation {found} is there again"),
    }
}
