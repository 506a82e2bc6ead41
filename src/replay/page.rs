//! Rows on their way from the store to the protocol, a page at a time.

use std::ops::ControlFlow;

use super::{ReplayError, Sources};
use crate::model::ids::{Skip, Span, StreamKey};
use crate::model::operation::{Action, OperationRow};
use crate::model::time::Timestamp;
use crate::reducer::protocol::RowHead;
use crate::store::{Order, StoreError};

/// How many rows a page holds at most; where each step is looked at, as many as the observer lets be read ahead of it.
pub(super) const PAGE_ROWS: usize = 256;

/// How many bytes of actions a page gathers before it counts as full; one row may exceed it.
const PAGE_BYTES: usize = 256 * 1024;

/// A page of rows: their heads, and the texts of their actions in one piece of memory that is used again for
/// the next page.
#[derive(Default)]
pub(super) struct Page {
    text: Vec<u8>,
    ends: Vec<usize>,
    heads: Vec<RowHead>,
    times: Vec<Timestamp>,
}

impl Page {
    pub(super) fn push(&mut self, row: &OperationRow<'_>) {
        self.text.extend_from_slice(row.action);
        self.ends.push(self.text.len());
        self.heads.push(head(row));
        self.times.push(row.timestamp);
    }

    fn is_full(&self, most_rows: usize) -> bool {
        self.ends.len() >= most_rows || self.text.len() >= PAGE_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.heads.clear();
        self.times.clear();
    }

    pub(super) fn heads(&self) -> &[RowHead] {
        &self.heads
    }

    pub(super) fn times(&self) -> &[Timestamp] {
        &self.times
    }

    pub(super) fn bytes(&self) -> u64 {
        self.text.len() as u64
    }

    /// Reads the actions, up to the first text that is none.
    pub(super) fn actions(&self, stream: &StreamKey) -> (Vec<Action<'_>>, Result<(), StoreError>) {
        self.first_actions(stream, self.ends.len())
    }

    /// Reads the first `n` actions, up to the first text that is none.
    pub(super) fn first_actions(&self, stream: &StreamKey, n: usize) -> (Vec<Action<'_>>, Result<(), StoreError>) {
        let mut start = 0;
        let mut actions = Vec::with_capacity(n);
        for (&end, head) in self.ends.iter().zip(&self.heads).take(n) {
            match Action::parse(&self.text[start..end]) {
                Ok(action) => actions.push(action),
                Err(error) => return (actions, Err(StoreError::corrupt_action(stream, head.index, error))),
            }
            start = end;
        }
        (actions, Ok(()))
    }
}

/// Reads a span of a stream in pages of at most `most_rows`. `each` returns `Break` to stop.
pub(super) fn pages<E: From<ReplayError>>(
    sources: &Sources<'_>,
    stream: &StreamKey,
    span: Span,
    most_rows: usize,
    each: &mut dyn FnMut(&Page) -> Result<ControlFlow<()>, E>,
) -> Result<(), E> {
    pages_seen(sources, stream, span, most_rows, &mut |_| {}, each)
}

/// [`pages`], that shows each row with all its columns as it is read, before the page it is on is full.
pub(super) fn pages_seen<E: From<ReplayError>>(
    sources: &Sources<'_>,
    stream: &StreamKey,
    span: Span,
    most_rows: usize,
    seen: &mut dyn FnMut(&OperationRow<'_>),
    each: &mut dyn FnMut(&Page) -> Result<ControlFlow<()>, E>,
) -> Result<(), E> {
    let mut page = Page::default();
    let mut result = Ok(ControlFlow::Continue(()));
    let mut turn = |page: &mut Page| -> Result<ControlFlow<()>, E> {
        sources.progress.check().map_err(ReplayError::from)?;
        let flow = each(page)?;
        sources.progress.advance(page.heads.len() as u64);
        page.clear();
        Ok(flow)
    };
    let visited = sources.read.operations(stream, span, Order::Forward, &mut |row| {
        seen(row);
        page.push(row);
        if page.is_full(most_rows) {
            result = turn(&mut page);
        }
        match result {
            Ok(flow) => flow,
            Err(_) => ControlFlow::Break(()),
        }
    });
    if result?.is_continue() && !page.is_empty() {
        // What comes before a row that does not decode is good.
        let _ = turn(&mut page)?;
    }
    Ok(visited.map_err(ReplayError::from)?)
}

fn head(row: &OperationRow<'_>) -> RowHead {
    RowHead { index: row.index, skip: count(row.skip), denied: row.denied.is_some(), failed: row.error.is_some() }
}

fn count(skip: Skip) -> u32 {
    skip.map_or(0, std::num::NonZeroU32::get)
}
