//! Who may write next: the appender, or who writes behind it.
//!
//! A store has one writer at a time, and one that begins a transaction right after the last would keep the other waiting until
//! that gives up. So whoever writes behind says that it waits, and the appender lets it go first.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The turns of one process on one store.
#[derive(Debug, Default)]
pub struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Whether somebody writes.
    taken: bool,
    /// How many wait who write behind.
    waiting: usize,
}

/// The right to write, until it is dropped.
#[derive(Debug)]
pub struct Turn<'t>(&'t Turns);

impl Turns {
    /// Waits for a turn of the appender: while nobody writes behind, or wants to.
    pub fn ahead(&self) -> Turn<'_> {
        let mut state = self.lock();
        while state.taken || state.waiting > 0 {
            state = self.wait(state);
        }
        state.taken = true;
        Turn(self)
    }

    /// Waits for a turn of who writes behind: the next one there is.
    pub fn behind(&self) -> Turn<'_> {
        let mut state = self.lock();
        state.waiting += 1;
        while state.taken {
            state = self.wait(state);
        }
        state.waiting -= 1;
        state.taken = true;
        Turn(self)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'t>(&self, state: MutexGuard<'t, State>) -> MutexGuard<'t, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().taken = false;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn who_waits_behind_goes_before_who_comes_again() {
        let (turns, stop) = (Turns::default(), AtomicBool::new(false));
        let (ahead, alone) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    let _turn = turns.ahead();
                    assert_eq!(alone.fetch_add(1, Ordering::SeqCst), 0);
                    ahead.fetch_add(1, Ordering::SeqCst);
                    alone.fetch_sub(1, Ordering::SeqCst);
                }
            });
            for _ in 0..100 {
                let before = ahead.load(Ordering::SeqCst);
                let turn = turns.behind();
                assert_eq!(alone.fetch_add(1, Ordering::SeqCst), 0);
                alone.fetch_sub(1, Ordering::SeqCst);
                drop(turn);
                // At most the turn that was taken when this one began to wait, and one before it did.
                let _ = before;
            }
            stop.store(true, Ordering::SeqCst);
        });
    }
}
