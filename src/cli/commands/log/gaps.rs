//! Noticing that a log lacks operations, while its rows pass.

use crate::model::ids::{NextIndex, OpIndex, Span, StreamKey};
use crate::replay::Warning;
use crate::store::Order;

/// Watches the indices of one stream.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    before: Option<OpIndex>,
    first: Option<Warning>,
}

impl Gaps {
    /// The first gap that was met.
    pub(super) fn first(&self) -> Option<Warning> {
        self.first.clone()
    }

    /// A gap was met elsewhere.
    pub(super) fn notice(&mut self, gap: Warning) {
        self.first.get_or_insert(gap);
    }

    /// A row passes.
    pub(super) fn visit(&mut self, stream: &StreamKey, span: Span, index: OpIndex, order: Order) {
        let (low, high) = match (order, self.before) {
            (Order::Forward, None) => (span.from, Some(index)),
            (Order::Forward, Some(before)) => (before.next(), Some(index)),
            (Order::Backward, before) => (index.next(), before),
        };
        if let Some(high) = high {
            self.compare(stream, low, high);
        }
        self.before = Some(index);
    }

    /// All rows have passed.
    pub(super) fn end(&mut self, stream: &StreamKey, span: Span, order: Order) {
        match (order, self.before, span.through) {
            (Order::Forward, Some(before), Some(through)) => {
                self.compare(stream, before.next(), through.next().index());
            }
            (Order::Backward, Some(before), _) => self.compare(stream, span.from, before),
            _ => {}
        }
    }

    /// `found` should have been the index `expected`.
    fn compare(&mut self, stream: &StreamKey, expected: NextIndex, found: OpIndex) {
        if expected.index() < found && self.first.is_none() {
            self.first = Some(Warning::Gap { stream: stream.clone(), missing: expected.index() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(indices: &[u64], through: Option<u64>, order: Order) -> Option<u64> {
        let stream = StreamKey { document: "d".into(), scope: "s".into(), branch: "b".into() };
        let span = Span { through: through.map(OpIndex::new), ..Span::ALL };
        let mut gaps = Gaps::default();
        for &index in indices {
            gaps.visit(&stream, span, OpIndex::new(index), order);
        }
        gaps.end(&stream, span, order);
        gaps.first().map(|gap| match gap {
            Warning::Gap { missing, .. } => missing.get(),
            other => panic!("only gaps are noticed: {other}"),
        })
    }

    #[test]
    fn a_missing_index_is_named_in_both_directions() {
        assert_eq!(first(&[0, 1, 2], None, Order::Forward), None);
        assert_eq!(first(&[0, 1, 4, 7], None, Order::Forward), Some(2));
        assert_eq!(first(&[1], None, Order::Forward), Some(0));
        assert_eq!(first(&[0, 1], Some(2), Order::Forward), Some(2));
        assert_eq!(first(&[2, 1, 0], None, Order::Backward), None);
        assert_eq!(first(&[4, 2, 1, 0], None, Order::Backward), Some(3));
        assert_eq!(first(&[2, 1], None, Order::Backward), Some(0));
        assert_eq!(first(&[], None, Order::Forward), None);
    }
}
