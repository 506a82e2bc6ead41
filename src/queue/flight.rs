//! A batch on its way: as a whole, then one by one, with retries.

use std::collections::VecDeque;
use std::iter::Peekable;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use backon::ExponentialBackoff;

use super::{Item, Limits, Parked, SinkError};

/// The items of a batch that are neither written nor parked yet.
pub(super) struct Flight<T> {
    /// Position of the first item the batch had.
    start: u64,
    /// What is to be tried in this round, in order.
    rest: VecDeque<Arc<T>>,
    /// What failed in this round and will be tried in the next one, with what is held back for its sake, in order.
    kept: VecDeque<Arc<T>>,
    stage: Stage,
    /// When the next round begins, if that has to be waited for.
    wait_until: Option<Duration>,
    /// What is left of the retries; rounds of both stages share them.
    delays: Peekable<ExponentialBackoff>,
    /// Whether this is the last round.
    last: bool,
    /// How many of `rest` the sink was given by the call that has not come back.
    calling: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Whole,
    OneByOne,
}

/// What is to be done with a batch.
pub(super) enum Next<T> {
    /// Hand this to the sink.
    Write(Vec<Arc<T>>),
    /// Wait for so long.
    Wait(Duration),
}

/// What a call of the sink settled.
pub(super) struct Settled<T> {
    /// How many items were written.
    pub(super) written: usize,
    /// What was given up.
    pub(super) parked: Option<Parked<T>>,
}

/// What is left of a batch, in order.
pub(super) struct Remains<T> {
    /// What the sink was given by a call that has not come back.
    pub(super) in_flight: Vec<Arc<T>>,
    /// What was to be tried, or tried again.
    pub(super) left: Vec<Arc<T>>,
}

impl<T: Item> Flight<T> {
    /// A batch of at least one item, the first of which had this position.
    pub(super) fn new(start: u64, items: VecDeque<Arc<T>>, limits: &Limits) -> Self {
        // A batch of one is one item by itself.
        let stage = if items.len() > 1 { Stage::Whole } else { Stage::OneByOne };
        let mut delays = limits.delays().peekable();
        let last = delays.peek().is_none();
        Flight { start, rest: items, kept: VecDeque::new(), stage, wait_until: None, delays, last, calling: 0 }
    }

    /// Position of the first item the batch had.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// How many items are neither written nor parked.
    pub(super) fn len(&self) -> usize {
        self.rest.len() + self.kept.len()
    }

    /// What to do now. What would have to wait until the queue ends, or longer, is tried at once instead, item by item
    /// and for the last time.
    pub(super) fn next(&mut self, now: Duration, deadline: Option<Duration>) -> Next<T> {
        self.hold_back();
        if self.rest.is_empty() {
            mem::swap(&mut self.rest, &mut self.kept);
            self.wait(now);
        }
        if let Some(until) = self.wait_until.filter(|until| *until > now) {
            if deadline.is_none_or(|deadline| until < deadline) {
                return Next::Wait(until.saturating_sub(now));
            }
            self.last = true;
            self.stage = Stage::OneByOne;
        }
        self.wait_until = None;
        self.calling = match self.stage {
            Stage::Whole => self.rest.len(),
            Stage::OneByOne => 1,
        };
        Next::Write(self.rest.iter().take(self.calling).cloned().collect())
    }

    /// Takes what the sink said of what it was given.
    pub(super) fn came_back(&mut self, result: Result<(), SinkError>, now: Duration) -> Settled<T> {
        let mut settled = Settled { written: 0, parked: None };
        let given = mem::take(&mut self.calling);
        let again = !self.last && matches!(result, Err(SinkError::Passing(_)));
        match (result, self.stage) {
            (Ok(()), _) => settled.written = self.rest.drain(..given).count(),
            (Err(_), Stage::Whole) if again => self.wait(now),
            (Err(_), Stage::Whole) => self.stage = Stage::OneByOne,
            (Err(_), Stage::OneByOne) if again => self.kept.extend(self.rest.pop_front()),
            (Err(error), Stage::OneByOne) => {
                let error = Arc::new(error);
                settled.parked = self.rest.pop_front().map(|item| Parked { item, error, at: now });
            }
        }
        settled
    }

    /// Takes apart what is left.
    pub(super) fn into_remains(mut self) -> Remains<T> {
        let in_flight = self.rest.drain(..self.calling).collect();
        Remains { in_flight, left: self.kept.into_iter().chain(self.rest).collect() }
    }

    /// Keeps the next items for the next round as long as something before them in their group is kept.
    fn hold_back(&mut self) {
        while self.rest.front().is_some_and(|next| self.kept.iter().any(|kept| kept.group() == next.group())) {
            self.kept.extend(self.rest.pop_front());
        }
    }

    /// Lets the next round begin after the next delay.
    fn wait(&mut self, now: Duration) {
        self.wait_until = self.delays.next().map(|delay| now.saturating_add(delay));
        self.last = self.delays.peek().is_none();
    }
}
