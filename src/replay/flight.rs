//! Identical rebuilds that run at once are computed once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::model::progress::{Progress, Stop};

/// Work that is under way, by what it will answer. Whoever comes second waits, and then takes what the first one made from
/// where that put it, or begins anew if there is nothing.
#[derive(Debug)]
pub(super) struct Flights<K> {
    under_way: Mutex<HashMap<K, Arc<Flight>>>,
}

#[derive(Debug, Default)]
struct Flight {
    is_over: Mutex<bool>,
    over: Condvar,
}

/// The right to do a piece of work; while it lives, others wait for it.
pub(super) struct Lead<'f, K: Eq + Hash> {
    flights: &'f Flights<K>,
    key: K,
}

impl<K> Default for Flights<K> {
    fn default() -> Self {
        Flights { under_way: Mutex::default() }
    }
}

impl<K: Eq + Hash + Clone> Flights<K> {
    /// Takes the lead in a piece of work, or waits until whoever has it is done: then `None`.
    ///
    /// # Errors
    /// When `progress` says so while this waits.
    pub(super) fn lead(&self, key: &K, progress: &dyn Progress) -> Result<Option<Lead<'_, K>>, Stop> {
        /// How often a wait looks at whether it should end.
        const TICK: Duration = Duration::from_millis(20);
        let flight = {
            let mut under_way = locked(&self.under_way);
            let Some(flight) = under_way.get(key) else {
                under_way.insert(key.clone(), Arc::default());
                return Ok(Some(Lead { flights: self, key: key.clone() }));
            };
            flight.clone()
        };
        let mut is_over = locked(&flight.is_over);
        while !*is_over {
            progress.check()?;
            is_over = flight.over.wait_timeout(is_over, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(None)
    }
}

impl<K: Eq + Hash> Drop for Lead<'_, K> {
    fn drop(&mut self) {
        if let Some(flight) = locked(&self.flights.under_way).remove(&self.key) {
            *locked(&flight.is_over) = true;
            flight.over.notify_all();
        }
    }
}

/// What is behind these locks is whole whenever they are free.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;
    use crate::model::progress::Silent;

    #[test]
    fn one_works_and_the_others_wait() {
        let flights = Flights::default();
        let worked = AtomicUsize::new(0);
        let (begun, has_begun) = mpsc::channel();
        std::thread::scope(|scope| {
            let lead = flights.lead(&"a", &Silent).unwrap().unwrap();
            for _ in 0..4 {
                let (flights, worked, begun) = (&flights, &worked, begun.clone());
                scope.spawn(move || {
                    begun.send(()).unwrap();
                    if flights.lead(&"a", &Silent).unwrap().is_some() {
                        worked.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            (0..4).for_each(|_| has_begun.recv().unwrap());
            assert!(flights.lead(&"b", &Silent).unwrap().is_some(), "other work goes on");
            while Arc::strong_count(&locked(&flights.under_way)["a"]) < 5 {
                std::thread::yield_now();
            }
            drop(lead);
        });
        assert_eq!(worked.into_inner(), 0);
        assert!(flights.lead(&"a", &Silent).unwrap().is_some(), "it is over");
    }

    #[test]
    fn a_wait_can_be_ended() {
        struct Impatient;
        impl Progress for Impatient {
            fn check(&self) -> Result<(), Stop> {
                Err(Stop::TimedOut)
            }
        }
        let flights = Flights::default();
        let _lead = flights.lead(&"a", &Silent).unwrap().unwrap();
        assert_eq!(flights.lead(&"a", &Impatient).err(), Some(Stop::TimedOut));
    }
}
