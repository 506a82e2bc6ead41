//! A queue without threads and clock: what it holds, and what is to be done next.
//!
//! Times are the time since the start of the queue; whoever calls says what time it is. So schedules can be tried that
//! take no time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::flight::{Flight, Next, Remains};
use super::waiting::Waiting;
use super::{Counts, Ended, Item, Limits, Parked, Refused, SinkError};

/// What a queue holds.
pub(super) struct State<T: Item> {
    limits: Limits,
    waiting: Waiting<T>,
    flight: Option<Flight<T>>,
    parked: VecDeque<Parked<T>>,
    counts: Counts,
    /// Items before this position are not waited with.
    flush_to: u64,
    /// When the queue ends, once that is known.
    deadline: Option<Duration>,
    /// Whether there is nobody any more who writes.
    ended: bool,
}

/// What became of an item that was pushed.
#[derive(Debug)]
pub(super) enum Pushed<T> {
    /// It waits in the place of this one.
    Replaced(Arc<T>),
    /// It waits.
    Added(Wake),
    /// There is no room for it.
    Full(Arc<T>),
}

/// Whether the writer has something to do earlier than it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wake {
    Needed,
    NotNeeded,
}

/// What the writer has to do.
pub(super) enum Step<T> {
    /// Hand this to the sink, and tell what it says.
    Write(Vec<Arc<T>>),
    /// Ask again after so long, or earlier.
    Wait(Duration),
    /// Ask again when woken.
    Sleep,
    /// Nothing ever again.
    End,
}

impl<T: Item> State<T> {
    pub(super) fn new(limits: Limits) -> Self {
        State {
            limits,
            waiting: Waiting::new(),
            flight: None,
            parked: VecDeque::new(),
            counts: Counts::default(),
            flush_to: 0,
            deadline: None,
            ended: false,
        }
    }

    /// Adds an item, if there is room or another that it supersedes.
    ///
    /// # Errors
    /// The item, if waiting for room would be in vain.
    pub(super) fn push(&mut self, item: Arc<T>, now: Duration) -> Result<Pushed<T>, Refused<T>> {
        if self.ended {
            return Err(Refused::Ended(item));
        }
        let item = match self.waiting.replace(item) {
            Ok(superseded) => {
                self.counts.queued += 1;
                self.counts.coalesced += 1;
                return Ok(Pushed::Replaced(superseded));
            }
            Err(item) => item,
        };
        if self.parked.len() >= self.limits.parked_items.get() {
            return Err(Refused::TooManyParked { item, parked: self.parked.len() });
        }
        if self.room() == 0 {
            return Ok(Pushed::Full(item));
        }
        self.waiting.add(item, now);
        self.counts.queued += 1;
        self.note_high_water();
        // Between these two the writer waits for the first one's age.
        let due = self.waiting.len() == 1 || self.waiting.len() == self.full();
        Ok(Pushed::Added(if due && self.flight.is_none() { Wake::Needed } else { Wake::NotNeeded }))
    }

    /// What the writer has to do now.
    pub(super) fn next(&mut self, now: Duration) -> Step<T> {
        if self.flight.is_none() {
            let Some(since) = self.waiting.since() else {
                return if self.deadline.is_some() { Step::End } else { Step::Sleep };
            };
            let due = since.saturating_add(self.limits.flush_after);
            let at_once = self.waiting.len() >= self.full() || self.waiting.first() < self.flush_to;
            if !at_once && self.deadline.is_none() && due > now {
                return Step::Wait(due.saturating_sub(now));
            }
            let start = self.waiting.first();
            self.flight = Some(Flight::new(start, self.waiting.take(self.limits.batch_items.get()), &self.limits));
        }
        match self.flight.as_mut().map(|flight| flight.next(now, self.deadline)) {
            Some(Next::Write(batch)) => Step::Write(batch),
            Some(Next::Wait(delay)) => Step::Wait(delay),
            None => Step::Sleep,
        }
    }

    /// Takes what the sink said of what it was given. Nobody asks any more if the queue was [ended](State::end)
    /// meanwhile.
    pub(super) fn came_back(&mut self, result: Result<(), SinkError>, now: Duration) {
        let Some(flight) = &mut self.flight else { return };
        let settled = flight.came_back(result, now);
        self.counts.written += settled.written as u64;
        self.parked.extend(settled.parked);
        if flight.len() == 0 {
            self.flight = None;
        }
    }

    /// Hurries what waits, and says up to which position that is.
    pub(super) fn hurry(&mut self) -> u64 {
        self.flush_to = self.waiting.end();
        self.flush_to
    }

    /// Whether all items before a position are written, coalesced or parked.
    pub(super) fn is_settled(&self, position: u64) -> bool {
        self.flight.as_ref().map_or(self.waiting.first(), Flight::start) >= position
    }

    /// Lets parked items wait again, oldest first, as many as there is room for, and says how many.
    pub(super) fn retry_parked(&mut self, now: Duration) -> usize {
        let n = self.room().min(self.parked.len());
        for parked in self.parked.drain(..n) {
            self.waiting.add_again(parked.item, now);
        }
        self.note_high_water();
        n
    }

    pub(super) fn parked(&self) -> Vec<Parked<T>> {
        self.parked.iter().cloned().collect()
    }

    pub(super) fn counts(&self) -> Counts {
        Counts { parked: self.parked.len() as u64, ..self.counts }
    }

    /// From now on nothing is waited with, and nothing is begun that ends after the deadline.
    pub(super) fn close(&mut self, deadline: Duration) {
        self.deadline = Some(deadline);
    }

    /// Notes that there is nobody any more who writes.
    pub(super) fn writer_is_gone(&mut self) {
        self.ended = true;
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Ends the queue, and gives out what is left of it.
    pub(super) fn end(&mut self) -> Ended<T> {
        self.ended = true;
        let counts = self.counts();
        let Remains { in_flight, mut left } =
            self.flight.take().map_or(Remains { in_flight: Vec::new(), left: Vec::new() }, Flight::into_remains);
        left.extend(self.waiting.take_all());
        Ended { counts, parked: self.parked.drain(..).collect(), left, in_flight }
    }

    /// How many items wait when a batch is taken at once: enough for one, or as many as there can be.
    fn full(&self) -> usize {
        self.limits.batch_items.min(self.limits.pending_items).get()
    }

    fn pending(&self) -> usize {
        self.waiting.len() + self.flight.as_ref().map_or(0, Flight::len)
    }

    fn room(&self) -> usize {
        self.limits.pending_items.get().saturating_sub(self.pending())
    }

    fn note_high_water(&mut self) {
        self.counts.high_water = self.counts.high_water.max(self.pending() as u64);
    }
}
