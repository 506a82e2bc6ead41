//! A queue with the thread that writes what is in it.

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::state::{Pushed, State, Step, Wake};
use super::{Counts, Ended, Flushed, Item, Limits, Parked, Refused, Sink, SinkError};

/// A queue whose items are written by a thread of its own. Shared by producers.
///
/// Its owner ends it with [`shutdown`](WriteBehind::shutdown). One that is dropped goes on for [`Limits::drop_within`]
/// at most, and then hands what is not written to the function that [`start`](WriteBehind::start) was given.
pub struct WriteBehind<T: Item> {
    shared: Arc<Shared<T>>,
    /// What is called with what is left if nobody calls `shutdown`; `None` once somebody has.
    orphaned: Option<Box<Orphaned<T>>>,
    drop_within: Duration,
}

type Orphaned<T> = dyn FnOnce(Ended<T>) + Send + Sync;

/// What the thread and its queue both see.
struct Shared<T: Item> {
    started: Instant,
    state: Mutex<State<T>>,
    /// There is something to do for the thread.
    work: Condvar,
    /// The thread has done something.
    done: Condvar,
}

impl<T: Item> WriteBehind<T> {
    /// Starts an empty queue. `orphaned` is called on the thread that drops a queue nobody has shut down, if something
    /// is not written by then: with what `shutdown` would have returned.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(
        limits: Limits,
        sink: impl Sink<T>,
        orphaned: impl FnOnce(Ended<T>) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            started: Instant::now(),
            state: Mutex::new(State::new(limits)),
            work: Condvar::new(),
            done: Condvar::new(),
        });
        let theirs = shared.clone();
        // Not joined: a sink that hangs would hang whoever waits for it. The thread says when it is done.
        thread::Builder::new().name("write-behind".to_owned()).spawn(move || write_all(&theirs, sink))?;
        Ok(WriteBehind { shared, orphaned: Some(Box::new(orphaned)), drop_within: limits.drop_within })
    }

    /// Adds an item. It takes the place of another of its group if it [supersedes](Item::supersedes) that; otherwise
    /// waits as long as the queue is full. Takes a microsecond or less where it need not wait.
    ///
    /// # Errors
    /// The item, if [`Limits::parked_items`] are parked or the thread of the queue is gone.
    pub fn push(&self, item: impl Into<Arc<T>>) -> Result<(), Refused<T>> {
        self.push_within(item, Duration::MAX)
    }

    /// [`push`](WriteBehind::push), for producers that have to look up from time to time: waits for so long at most.
    ///
    /// # Errors
    /// As [`push`](WriteBehind::push), and [`Refused::Full`] if there was no room all the time.
    pub fn push_within(&self, item: impl Into<Arc<T>>, within: Duration) -> Result<(), Refused<T>> {
        let mut item = item.into();
        let mut until = None;
        let mut state = self.shared.lock();
        loop {
            let now = self.shared.now();
            let pushed = state.push(item, now)?;
            item = match pushed {
                Pushed::Full(item) => item,
                Pushed::Added(Wake::NotNeeded) => return Ok(()),
                Pushed::Added(Wake::Needed) => {
                    drop(state);
                    self.shared.work.notify_one();
                    return Ok(());
                }
                Pushed::Replaced(superseded) => {
                    drop(state);
                    drop(superseded);
                    return Ok(());
                }
            };
            let left = until.get_or_insert(now.saturating_add(within)).saturating_sub(now);
            if left.is_zero() {
                return Err(Refused::Full(item));
            }
            state = wait_for(&self.shared.done, state, left);
        }
    }

    /// Waits until all that was pushed before is written, coalesced or parked, for so long at most.
    #[must_use = "the time may have been over"]
    pub fn flush(&self, within: Duration) -> Flushed {
        let until = self.shared.now().saturating_add(within);
        let mut state = self.shared.lock();
        let position = state.hurry();
        self.shared.work.notify_one();
        while !state.is_settled(position) {
            let left = until.saturating_sub(self.shared.now());
            if left.is_zero() || state.is_ended() {
                return Flushed::NotAll;
            }
            state = wait_for(&self.shared.done, state, left);
        }
        Flushed::All
    }

    /// What became of items so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.lock().counts()
    }

    /// What could not be written, in the order in which it was given up.
    #[must_use]
    pub fn parked(&self) -> Vec<Parked<T>> {
        self.shared.lock().parked()
    }

    /// Queues parked items again, behind all others, and says how many: the oldest, as many as there is room for.
    #[must_use = "there may have been room for some only"]
    pub fn retry_parked(&self) -> usize {
        let n = self.shared.lock().retry_parked(self.shared.now());
        self.shared.work.notify_one();
        n
    }

    /// Writes what is pending, for so long at most, and ends the queue. What a sink does that has not come back by then
    /// has no effect on what is returned; its thread ends with it.
    ///
    /// Until then failures have their retries, except those that would have to wait for longer than there is time.
    #[must_use = "what is not written is in it"]
    pub fn shutdown(mut self, within: Duration) -> Ended<T> {
        self.orphaned = None;
        self.shared.end(within)
    }
}

/// Ends the queue as [`WriteBehind::shutdown`] does, with the time of [`Limits::drop_within`].
impl<T: Item> Drop for WriteBehind<T> {
    fn drop(&mut self) {
        let Some(orphaned) = self.orphaned.take() else { return };
        let ended = self.shared.end(self.drop_within);
        if !ended.is_complete() {
            // A panic here would end the process if it is one that dropped the queue.
            let _ = panic::catch_unwind(AssertUnwindSafe(|| orphaned(ended)));
        }
    }
}

impl<T: Item> Shared<T> {
    /// The state holds whatever code of an item did in the middle of a call, see [`Waiting`](super::waiting::Waiting):
    /// a lock that a panic has poisoned is as good as any.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn end(&self, within: Duration) -> Ended<T> {
        let deadline = self.now().saturating_add(within);
        let mut state = self.lock();
        state.close(deadline);
        self.work.notify_one();
        while !state.is_ended() {
            let left = deadline.saturating_sub(self.now());
            if left.is_zero() {
                break;
            }
            state = wait_for(&self.done, state, left);
        }
        state.end()
    }
}

fn wait<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condition.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

fn wait_for<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>, most: Duration) -> MutexGuard<'a, T> {
    condition.wait_timeout(guard, most).unwrap_or_else(PoisonError::into_inner).0
}

/// What the thread of a queue does.
fn write_all<T: Item>(shared: &Shared<T>, mut sink: impl Sink<T>) {
    let _gone = Gone(shared);
    let mut state = shared.lock();
    loop {
        match state.next(shared.now()) {
            Step::Write(batch) => {
                drop(state);
                let result = panic::catch_unwind(AssertUnwindSafe(|| sink.write(&batch)));
                let result = result.unwrap_or_else(|payload| Err(SinkError::panicked(&*payload)));
                state = shared.lock();
                state.came_back(result, shared.now());
                drop(state);
                shared.done.notify_all();
                // The last to hold them, and not with the lock: to drop an item may take long.
                drop(batch);
                state = shared.lock();
            }
            Step::Wait(most) => state = wait_for(&shared.work, state, most),
            Step::Sleep => state = wait(&shared.work, state),
            Step::End => break,
        }
    }
    drop(state);
    // A queue has ended when its sink has: closing a file is part of writing it.
    drop(sink);
}

/// Says that the thread is gone, however it went.
struct Gone<'a, T: Item>(&'a Shared<T>);

impl<T: Item> Drop for Gone<'_, T> {
    fn drop(&mut self) {
        self.0.lock().writer_is_gone();
        self.0.done.notify_all();
    }
}
