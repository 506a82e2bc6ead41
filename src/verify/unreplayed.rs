//! What a pass looks at without replaying it: the rows before a base, and those after the end of a replay that failed.

use std::ops::ControlFlow;

use super::code::Code;
use super::finding::{Finding, Findings};
use super::pass::Pass;
use crate::model::checksum::Checksum;
use crate::model::ids::{NextIndex, OpIndex, Revision, Span, StreamKey};
use crate::model::operation::Action;
use crate::model::progress::Progress;
use crate::replay::ReplayError;
use crate::store::{Order, StoreError};

impl Pass<'_, '_> {
    /// Looks at what lies before a base: rows are digested, keyframes are those that were recorded.
    pub(super) fn look_back(&mut self, base: Revision) -> Result<(), ReplayError> {
        let (rows, findings) = (&mut self.rows, &mut *self.findings);
        let mut skips = false;
        self.read.operations(self.stream, Span::between(None, Some(base)), Order::Forward, &mut |row| {
            skips |= row.skip.is_some();
            rows.row(row, findings);
            ControlFlow::Continue(())
        })?;
        self.mistaken |= self.plain && skips;
        self.broken |= rows.is_broken() || rows.next() != base.next();
        let n_rows = rows.n_rows();
        self.tally.operations += n_rows;
        self.tally.sealed += n_rows;
        self.stepped = base.next();
        while let Some(&label) = self.labels.front().filter(|label| **label <= base.get()) {
            self.labels.pop_front();
            let label = Revision::of(OpIndex::new(label));
            let record = self.read.records().keyframe_record(self.stream, label)?;
            let body = self.read.keyframe_document(self.stream, label)?.unwrap_or_default();
            self.broken |= record.is_none_or(|record| record.checksum != Checksum::of(&body));
            self.tally.keyframes += 1;
            self.tally.bytes += body.len() as u64;
        }
        Ok(())
    }

    /// Leaves out what lies before a base, where a keyframe alone is looked at.
    pub(super) fn pass_over(&mut self, base: Revision) {
        self.rows.pass_over(base.last());
        self.stepped = base.next();
    }

    /// Looks at what follows the operation at which the replay ended: rows alone, as far as they decode. Some of them have
    /// been read ahead, and only their actions have not been looked at.
    ///
    /// # Errors
    /// `Busy`, `Unavailable`, `Stopped`.
    pub(super) fn rows_alone(&mut self, progress: &dyn Progress) -> Result<(), ReplayError> {
        let mut from = self.stepped;
        while from.get() <= self.head.get() {
            let (rows, findings, plain) = (&mut self.rows, &mut *self.findings, self.plain);
            let (mut stopped, mut mistaken) = (Ok(()), false);
            let span = Span { from, through: None };
            let visited = self.read.operations(self.stream, span, Order::Forward, &mut |row| {
                mistaken |= plain && row.skip.is_some();
                if row.index >= rows.next().index() {
                    rows.row(row, findings);
                }
                match Action::parse(row.action) {
                    Ok(action) => rows.action(row.index, row.id, &action, findings),
                    Err(error) => {
                        let error = StoreError::corrupt_action(rows.stream(), row.index, error);
                        add_corrupt(rows.stream(), row.index, &error, findings);
                    }
                }
                progress.advance(1);
                stopped = progress.check();
                if stopped.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            stopped?;
            self.mistaken |= mistaken;
            match visited {
                Ok(()) => break,
                Err(error @ StoreError::Corrupt { .. }) => {
                    let index = self.rows.next().index();
                    add_corrupt(self.stream, index, &error, self.findings);
                    self.rows.pass_over(index);
                    from = NextIndex::new(index.get() + 1);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// The finding for a row that does not decode.
fn add_corrupt(stream: &StreamKey, index: OpIndex, error: &StoreError, findings: &mut Findings) {
    if !findings.again(stream, Code::RowCorrupt) {
        findings.add(Finding::new(Code::RowCorrupt, stream, Some(index), error.to_string()));
    }
}
