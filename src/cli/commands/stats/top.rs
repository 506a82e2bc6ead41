//! The streams that are first by something, without holding the others.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::num::NonZeroUsize;

use clap::ValueEnum;

use crate::model::ids::{DocumentType, StreamKey};
use crate::stats::StreamFigures;

/// What streams are ranked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TopKey {
    /// Bytes of operations and of keyframes as stored
    Bytes,
    /// Operations
    Operations,
    /// Keyframes
    Keyframes,
    /// The worst replay distance: operations to be replayed for one revision
    Distance,
    /// The time that a rebuild of the head takes from the first operation, here and now
    ReplayMs,
}

/// A stream with its figures.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Ranked {
    pub(super) figures: StreamFigures,
    pub(super) document_type: DocumentType,
    /// What it is ranked by; times are in microseconds.
    pub(super) value: u64,
}

/// The first streams so far.
pub(super) struct Top {
    key: TopKey,
    limit: NonZeroUsize,
    /// By rank; of those that have the same value the ones that come first stay.
    kept: BinaryHeap<Reverse<(u64, Reverse<StreamKey>, usize)>>,
    ranked: Vec<Option<Ranked>>,
}

impl TopKey {
    pub(super) fn name(self) -> &'static str {
        match self {
            TopKey::Bytes => "bytes",
            TopKey::Operations => "operations",
            TopKey::Keyframes => "keyframes",
            TopKey::Distance => "distance",
            TopKey::ReplayMs => "replay-ms",
        }
    }
}

impl Top {
    pub(super) fn new(key: TopKey, limit: NonZeroUsize) -> Self {
        Top { key, limit, kept: BinaryHeap::new(), ranked: Vec::new() }
    }

    /// Looks at a stream; `time` measures its rebuild in microseconds, where that is asked for.
    pub(super) fn add<E>(
        &mut self,
        document_type: &DocumentType,
        figures: &StreamFigures,
        time: impl FnOnce() -> Result<Option<u64>, E>,
    ) -> Result<(), E> {
        let counts = &figures.counts;
        let value = match self.key {
            TopKey::Bytes => Some(counts.bytes()),
            TopKey::Operations => Some(counts.operations),
            TopKey::Keyframes => Some(counts.all_keyframes().keyframes),
            TopKey::Distance => figures.worst.map(|worst| worst.operations),
            TopKey::ReplayMs if figures.head.is_none() => None,
            TopKey::ReplayMs => time()?,
        };
        let Some(value) = value else { return Ok(()) };
        let ranked = Ranked { figures: figures.clone(), document_type: document_type.clone(), value };
        let place = if self.ranked.len() < self.limit.get() {
            self.ranked.push(None);
            self.ranked.len() - 1
        } else {
            let rank = (value, Reverse(figures.stream.clone()));
            let is_first = |Reverse((value, stream, _)): &Reverse<(u64, Reverse<StreamKey>, usize)>| {
                rank > (*value, stream.clone())
            };
            if !self.kept.peek().is_some_and(is_first) {
                return Ok(());
            }
            let Some(Reverse((_, _, place))) = self.kept.pop() else { return Ok(()) };
            place
        };
        self.ranked[place] = Some(ranked);
        self.kept.push(Reverse((value, Reverse(figures.stream.clone()), place)));
        Ok(())
    }

    /// What they are ranked by, and the streams, the greatest first.
    pub(super) fn ranked(self) -> (TopKey, Vec<Ranked>) {
        let mut ranked: Vec<Ranked> = self.ranked.into_iter().flatten().collect();
        ranked.sort_by(|a, b| b.value.cmp(&a.value).then_with(|| a.figures.stream.cmp(&b.figures.stream)));
        (self.key, ranked)
    }
}
