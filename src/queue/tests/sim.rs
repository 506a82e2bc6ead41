//! A queue whose clock is a number, so that schedules take no time.

use super::super::state::{Pushed, State, Step};
use super::*;

pub(super) type Answer<'a> = &'a mut dyn FnMut(&[u32]) -> Outcome;

/// A queue, its clock, and what its sink has written.
pub(super) struct Sim {
    pub(super) state: State<Part>,
    pub(super) now: Duration,
    pub(super) pushed: Vec<Arc<Part>>,
    pub(super) written: Vec<u32>,
    /// What another took the place of.
    pub(super) coalesced: Vec<u32>,
    /// The calls of the sink: when, and with what.
    pub(super) calls: Vec<(u64, Vec<u32>)>,
    /// What was parked at some time.
    pub(super) ever_parked: Vec<u32>,
    batch_items: usize,
}

impl Sim {
    pub(super) fn new(limits: Limits) -> Self {
        Sim {
            state: State::new(limits),
            now: Duration::ZERO,
            pushed: Vec::new(),
            written: Vec::new(),
            coalesced: Vec::new(),
            calls: Vec::new(),
            ever_parked: Vec::new(),
            batch_items: limits.batch_items.get(),
        }
    }

    /// Pushes the next number, and says whether that was possible.
    pub(super) fn push(&mut self, group: u8, draft: bool) -> bool {
        let part = Arc::new(Part { id: u32::try_from(self.pushed.len()).unwrap(), group, draft });
        match self.state.push(part.clone(), self.now) {
            Ok(Pushed::Added(_)) => {}
            Ok(Pushed::Replaced(superseded)) => self.coalesced.push(superseded.id),
            Ok(Pushed::Full(_)) | Err(_) => return false,
        }
        self.pushed.push(part);
        true
    }

    pub(super) fn push_all(&mut self, groups: &[u8]) {
        for group in groups {
            assert!(self.push(*group, false));
        }
    }

    /// Does what is to be done next. Returns what that was, without the batch.
    pub(super) fn step(&mut self, answer: Answer<'_>) -> Step<()> {
        match self.state.next(self.now) {
            Step::Write(batch) => {
                self.assert_in_turn(&batch);
                let batch = ids(&batch);
                self.calls.push((u64::try_from(self.now.as_millis()).unwrap(), batch.clone()));
                let result = answer(&batch);
                if result.is_ok() {
                    self.written.extend(&batch);
                }
                self.state.came_back(result, self.now);
                self.ever_parked.extend(ids(self.state.parked().iter().map(|parked| &parked.item)));
                Step::Write(Vec::new())
            }
            Step::Wait(delay) => {
                assert!(!delay.is_zero());
                Step::Wait(delay)
            }
            Step::Sleep => {
                assert_eq!(self.state.counts().pending(), 0, "nobody sleeps while there is something to do");
                Step::Sleep
            }
            Step::End => Step::End,
        }
    }

    /// Whether an item is none of what is pending, or was parked once.
    pub(super) fn is_settled(&self, id: u32) -> bool {
        [&self.written, &self.coalesced, &self.ever_parked].into_iter().any(|ids| ids.contains(&id))
    }

    /// Nothing is written before what was pushed before it in its group, unless it was parked once.
    fn assert_in_turn(&self, batch: &[Arc<Part>]) {
        assert!((1..=self.batch_items).contains(&batch.len()));
        for (n, part) in batch.iter().enumerate().filter(|(_, part)| !self.ever_parked.contains(&part.id)) {
            let before = self.pushed.iter().filter(|other| other.group == part.group && other.id < part.id);
            for other in before.filter(|other| !batch[..n].iter().any(|part| part.id == other.id)) {
                assert!(self.is_settled(other.id), "{other:?} waits while {part:?} is written");
            }
        }
    }

    /// Goes on until there is nothing to do, as time passes.
    pub(super) fn run(&mut self, answer: Answer<'_>) {
        loop {
            match self.step(answer) {
                Step::Write(_) => {}
                Step::Wait(delay) => self.now += delay,
                Step::Sleep | Step::End => return,
            }
        }
    }

    pub(super) fn parked(&self) -> Vec<u32> {
        ids(self.state.parked().iter().map(|parked| &parked.item))
    }

    pub(super) fn assert_accounted(mut self) -> Ended<Part> {
        let ended = self.state.end();
        assert_eq!(ended.counts.coalesced, self.coalesced.len() as u64);
        assert_accounted(&self.pushed, &self.written, &ended, &self.ever_parked);
        ended
    }
}

/// Batches of four, ten pending.
pub(super) fn small() -> Limits {
    Limits { batch_items: items(4), pending_items: items(10), ..Limits::default() }
}

#[expect(clippy::unnecessary_wraps, reason = "it stands for a sink")]
pub(super) fn ok(_: &[u32]) -> Outcome {
    Ok(())
}

/// Fails with every batch that has the item.
pub(super) fn bad(id: u32, error: fn() -> SinkError) -> impl FnMut(&[u32]) -> Outcome {
    move |batch| if batch.contains(&id) { Err(error()) } else { Ok(()) }
}
