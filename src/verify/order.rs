//! The order of times in a stream (reactor format §10).

use crate::model::ids::{OpIndex, Scope};
use crate::model::operation::Retraction;
use crate::model::time::Timestamp;

/// Finds the first pair of neighbours, among the operations that stand, whose times are out of order.
///
/// What stands is what the first collection rule leaves (reactor format §4.3), which is known from the rows with a skip
/// alone: so the rows are looked at in one forward pass, and nothing is kept of them.
#[derive(Debug)]
pub struct TimeOrder {
    strict: bool,
    /// What was retracted, as ranges of indices, ascending; consumed from the front.
    retracted: std::iter::Peekable<std::vec::IntoIter<(u64, u64)>>,
    /// The newest operation that stands.
    last: Option<(OpIndex, u32, Timestamp)>,
    found: Option<Disorder>,
}

/// Two neighbours whose times are out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disorder {
    /// How.
    pub kind: DisorderKind,
    /// The operation before.
    pub previous: (OpIndex, u32),
    /// The operation that is too early, and its skip.
    pub current: (OpIndex, u32),
}

/// How two times are out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisorderKind {
    /// The later operation is earlier.
    Descending,
    /// Both are of one time, where that is not allowed.
    Tied,
}

impl TimeOrder {
    /// Begins with a stream of `scope` whose rows with a skip are `skips`, by index. Scope `auth` allows no ties.
    #[must_use]
    pub fn new(scope: &Scope, skips: &[Retraction]) -> Self {
        let mut retracted = Vec::new();
        let mut lowest = u64::MAX;
        for row in skips.iter().rev() {
            let index = row.index.get();
            if index <= lowest {
                let first = index.saturating_sub(u64::from(row.skip.get()));
                if first < index {
                    retracted.push((first, index - 1));
                }
                // Before the first operation nothing stands.
                lowest = match first.checked_sub(1) {
                    Some(lowest) => lowest,
                    None => break,
                };
            }
        }
        retracted.reverse();
        TimeOrder { strict: *scope == *"auth", retracted: retracted.into_iter().peekable(), last: None, found: None }
    }

    /// Finds nothing: for streams whose skips are not known.
    #[must_use]
    pub fn none() -> Self {
        let all = vec![(0, u64::MAX)];
        TimeOrder { strict: false, retracted: all.into_iter().peekable(), last: None, found: None }
    }

    /// Takes the next row, by index.
    pub fn row(&mut self, index: OpIndex, skip: u32, time: Timestamp) {
        if self.found.is_some() {
            return;
        }
        while self.retracted.next_if(|(_, last)| *last < index.get()).is_some() {}
        if self.retracted.peek().is_some_and(|(first, _)| *first <= index.get()) {
            return;
        }
        if let Some((previous, its_skip, before)) = self.last {
            let kind = match time.cmp(&before) {
                std::cmp::Ordering::Less => Some(DisorderKind::Descending),
                std::cmp::Ordering::Equal if self.strict => Some(DisorderKind::Tied),
                _ => None,
            };
            self.found = kind.map(|kind| Disorder { kind, previous: (previous, its_skip), current: (index, skip) });
        }
        self.last = Some((index, skip, time));
    }

    /// The first pair so far.
    #[must_use]
    pub fn found(&self) -> Option<Disorder> {
        self.found
    }
}
