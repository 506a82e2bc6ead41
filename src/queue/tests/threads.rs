//! Queues with their threads. Nothing sleeps here: where one thread waits for another, it is told.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use super::*;

/// Long enough to be taken for never.
const LONG: Duration = Duration::from_secs(120);

/// A sink that calls a function before it writes.
struct Script {
    written: Written,
    before: Box<Before>,
}

type Before = dyn FnMut(&[u32]) -> Outcome + Send;
type Written = Arc<Mutex<Vec<u32>>>;

fn look(written: &Written) -> MutexGuard<'_, Vec<u32>> {
    written.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sink<Part> for Script {
    fn write(&mut self, batch: &[Arc<Part>]) -> Outcome {
        let batch = ids(batch);
        (self.before)(&batch)?;
        look(&self.written).extend(batch);
        Ok(())
    }
}

/// A queue, and what its sink has written.
fn start(limits: Limits, before: impl FnMut(&[u32]) -> Outcome + Send + 'static) -> (WriteBehind<Part>, Written) {
    let written = Written::default();
    let sink = Script { written: written.clone(), before: Box::new(before) };
    (WriteBehind::start(limits, sink, drop).unwrap(), written)
}

/// Batches of four, ten pending, retries at once; nothing is written only because it is old.
fn quick() -> Limits {
    let (flush_after, retry_after) = (LONG, Duration::ZERO);
    Limits { batch_items: items(4), pending_items: items(10), flush_after, retry_after, ..Limits::default() }
}

fn part(id: u32) -> Arc<Part> {
    Arc::new(Part { id, group: 0, draft: false })
}

/// Four producers with 60 items each, every seventh of which may be superseded, at once.
fn produce(queue: &WriteBehind<Part>) -> Vec<Arc<Part>> {
    thread::scope(|scope| {
        let producers: Vec<_> = (0..4)
            .map(|group| {
                scope.spawn(move || {
                    let parts = (0..60).map(|n| Part { id: u32::from(group) * 1000 + n, group, draft: n % 7 == 0 });
                    let parts: Vec<_> = parts.map(Arc::new).collect();
                    for part in &parts {
                        queue.push(part.clone()).unwrap();
                    }
                    parts
                })
            })
            .collect();
        producers.into_iter().flat_map(|producer| producer.join().unwrap()).collect()
    })
}

#[test]
fn several_producers_meet_a_sink_that_fails_every_nth_time() {
    for n in 1..=25 {
        for kind in 0..3 {
            let mut calls = 0;
            let (queue, written) = start(quick(), move |_| {
                calls += 1;
                match kind {
                    _ if calls % n != 0 => Ok(()),
                    0 => Err(passing()),
                    1 => Err(permanent()),
                    _ => panic!("call {calls}"),
                }
            });
            let pushed = produce(&queue);
            assert_eq!(queue.flush(LONG), Flushed::All);
            let parked = ids(queue.parked().iter().map(|parked| &parked.item));
            assert_eq!(queue.counts().pending(), 0);
            let ended = queue.shutdown(LONG);
            assert_eq!(ids(ended.parked.iter().map(|parked| &parked.item)), parked);
            assert!((1..=10).contains(&ended.counts.high_water));
            assert_accounted(&pushed, &look(&written), &ended, &parked);
        }
    }
}

#[test]
fn a_sink_that_panics_parks_what_it_was_given_and_is_called_again() {
    let (queue, written) = start(quick(), |batch| {
        assert!(!batch.contains(&2), "two");
        Ok(())
    });
    for id in 0..9 {
        queue.push(part(id)).unwrap();
    }
    assert_eq!(queue.flush(LONG), Flushed::All);
    assert_eq!(queue.parked()[0].error.to_string(), "the writer panicked: two");
    assert_eq!(queue.retry_parked(), 1);
    assert_eq!(queue.flush(LONG), Flushed::All);
    let ended = queue.shutdown(LONG);
    assert_eq!((ended.parked.len(), ended.parked[0].item.id), (1, 2));
    assert_eq!(*look(&written), [0, 1, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn a_producer_waits_while_the_queue_is_full_and_goes_on_then() {
    let (permits, gate) = mpsc::channel::<()>();
    let (called, calls) = mpsc::channel();
    let (queue, written) = start(quick(), move |batch| {
        called.send(batch.len()).unwrap();
        gate.recv().unwrap();
        Ok(())
    });
    thread::scope(|scope| {
        scope.spawn(|| (0..40).for_each(|id| queue.push(part(id)).unwrap()));
        let mut written_items = 0;
        while written_items < 40 {
            let batch = calls.recv_timeout(LONG).unwrap();
            // The sink is slow: the producer fills the queue meanwhile, and no more than that.
            let full = (written_items + 10).min(40) as u64;
            while queue.counts().queued < full {
                thread::yield_now();
            }
            assert_eq!(queue.counts().queued, full);
            permits.send(()).unwrap();
            written_items += batch;
        }
    });
    let ended = queue.shutdown(LONG);
    assert!(ended.is_complete());
    assert_eq!((ended.counts.high_water, look(&written).len()), (10, 40));
}

#[test]
fn items_are_written_when_they_are_old_enough_without_a_nudge() {
    let (called, calls) = mpsc::channel();
    let limits = Limits { flush_after: Duration::from_millis(1), ..quick() };
    let mut well = false;
    let (queue, _) = start(limits, move |batch| {
        called.send(batch.to_vec()).map_err(SinkError::permanent)?;
        if std::mem::replace(&mut well, true) { Ok(()) } else { Err(permanent()) }
    });
    for id in 0..3 {
        queue.push(part(id)).unwrap();
        assert_eq!(calls.recv_timeout(LONG), Ok(vec![id]));
    }
    assert_eq!(queue.retry_parked(), 1);
    assert_eq!(calls.recv_timeout(LONG), Ok(vec![0]));
    assert!(queue.shutdown(LONG).is_complete());
}

#[test]
fn a_flush_waits_for_its_items_and_not_for_longer_than_it_may() {
    let (permits, gate) = mpsc::channel::<()>();
    let (queue, written) = start(quick(), move |_| gate.recv().map_err(SinkError::permanent));
    assert_eq!(queue.flush(Duration::ZERO), Flushed::All, "there is nothing");
    queue.push(part(0)).unwrap();
    assert_eq!(queue.flush(Duration::ZERO), Flushed::NotAll);
    assert_eq!(queue.flush(Duration::from_millis(5)), Flushed::NotAll);
    thread::scope(|scope| {
        let flush = scope.spawn(|| queue.flush(Duration::MAX));
        permits.send(()).unwrap();
        assert_eq!(flush.join().unwrap(), Flushed::All);
    });
    assert_eq!(*look(&written), [0]);
    drop(permits);
    assert!(queue.shutdown(LONG).is_complete());
}

/// A sink that hangs until the sender is gone, and tells of each call.
fn hanging() -> (Box<Before>, Sender<()>, Receiver<()>) {
    let (release, gate) = mpsc::channel::<()>();
    let (called, calls) = mpsc::channel();
    let hang = move |_: &[u32]| {
        let _ = called.send(());
        let _ = gate.recv();
        Ok(())
    };
    (Box::new(hang), release, calls)
}

#[test]
fn neither_push_nor_shutdown_waits_too_long_for_a_sink_that_hangs() {
    for within in [Duration::ZERO, Duration::from_millis(20)] {
        let (hang, release, calls) = hanging();
        let (queue, written) = start(quick(), hang);
        let pushed: Vec<_> = (0..10).map(part).collect();
        for part in &pushed {
            queue.push(part.clone()).unwrap();
        }
        calls.recv_timeout(LONG).unwrap();
        let began = Instant::now();
        let refused = queue.push_within(part(10), within).unwrap_err();
        assert!(matches!(&refused, Refused::Full(_)) && refused.into_item().id == 10);
        let ended = queue.shutdown(within);
        assert!((2 * within..LONG).contains(&began.elapsed()));
        assert_eq!((ids(&ended.in_flight), ids(&ended.left)), ((0..4).collect(), (4..10).collect()));
        assert_accounted(&pushed, &look(&written), &ended, &[]);
        drop(release);
        // The sink goes when its call has come back, and nothing more is asked of it.
        assert_eq!(calls.recv_timeout(LONG), Err(mpsc::RecvTimeoutError::Disconnected));
        assert_eq!(*look(&written), [0, 1, 2, 3]);
    }
}

#[test]
fn shutdown_does_not_wait_for_retries_of_a_sink_that_is_gone() {
    let (failed, failures) = mpsc::channel();
    let (queue, _) = start(Limits { retry_after: LONG, retry_after_at_most: LONG, ..quick() }, move |_| {
        failed.send(()).map_err(SinkError::permanent)?;
        Err(passing())
    });
    (0..9).for_each(|id| queue.push(part(id)).unwrap());
    failures.recv_timeout(LONG).unwrap();
    let began = Instant::now();
    let ended = queue.shutdown(LONG / 2);
    assert!(began.elapsed() < LONG / 2);
    assert_eq!((ended.parked.len(), ended.counts.parked, ended.counts.written), (9, 9, 0));
}

#[test]
fn a_sink_is_dropped_before_shutdown_returns() {
    struct Closing(Written);

    impl Sink<Part> for Closing {
        fn write(&mut self, batch: &[Arc<Part>]) -> Outcome {
            look(&self.0).extend(ids(batch));
            Ok(())
        }
    }

    impl Drop for Closing {
        fn drop(&mut self) {
            look(&self.0).push(u32::MAX);
            panic!("even so");
        }
    }

    let written = Written::default();
    let queue = WriteBehind::start(quick(), Closing(written.clone()), drop).unwrap();
    queue.push(part(0)).unwrap();
    assert!(queue.shutdown(LONG).is_complete());
    assert_eq!(*look(&written), [0, u32::MAX]);
}

#[test]
fn what_a_dropped_queue_has_not_written_is_handed_over() {
    let (hang, release, calls) = hanging();
    let (sender, orphans) = mpsc::channel();
    let limits = Limits { drop_within: Duration::from_millis(5), ..quick() };
    let sink = Script { written: Written::default(), before: hang };
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let queue = WriteBehind::start(limits, sink, move |ended| {
            sender.send(ended).unwrap();
            panic!("a second panic would end the process");
        });
        let queue = queue.unwrap();
        (0..5).for_each(|id| queue.push(part(id)).unwrap());
        calls.recv_timeout(LONG).unwrap();
        panic!("the owner fails");
    }));
    assert!(unwound.is_err());
    let ended = orphans.try_recv().unwrap();
    assert_eq!((ids(&ended.in_flight), ids(&ended.left)), ((0..4).collect(), vec![4]));
    drop(release);
}

#[test]
fn a_dropped_queue_writes_what_it_can() {
    for bad in [None, Some(7)] {
        let (sender, orphans) = mpsc::channel();
        let written = Written::default();
        let before =
            move |batch: &[u32]| if batch.iter().any(|id| Some(*id) == bad) { Err(permanent()) } else { Ok(()) };
        let sink = Script { written: written.clone(), before: Box::new(before) };
        let limits = Limits { drop_within: LONG, ..quick() };
        let queue = WriteBehind::start(limits, sink, move |ended| sender.send(ended).unwrap()).unwrap();
        (0..9).for_each(|id| queue.push(part(id)).unwrap());
        drop(queue);
        let handed = orphans.try_recv().ok().map(|ended| ids(ended.parked.iter().map(|parked| &parked.item)));
        assert_eq!(handed, bad.map(|id| vec![id]), "nothing is handed over where all is written");
        assert_eq!(look(&written).len(), 9 - handed.map_or(0, |ids| ids.len()));
    }
}

/// An item that cannot be grouped by the thread that writes it.
struct Treacherous;

#[derive(Clone, PartialEq, Eq)]
struct Name;

impl Hash for Name {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {
        assert_ne!(thread::current().name(), Some("write-behind"));
    }
}

impl Item for Treacherous {
    type Group = Name;

    fn group(&self) -> &Name {
        &Name
    }
}

impl Sink<Treacherous> for () {
    fn write(&mut self, _: &[Arc<Treacherous>]) -> Outcome {
        unreachable!("no batch can be taken")
    }
}

#[test]
fn nobody_waits_for_a_thread_that_is_gone() {
    let queue = WriteBehind::start(quick(), (), drop).unwrap();
    let mut accepted = 0;
    let refused = loop {
        match queue.push(Treacherous) {
            Ok(()) => accepted += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, Refused::Ended(_)) && (4..=10).contains(&accepted));
    let began = Instant::now();
    assert_eq!((queue.flush(LONG), queue.retry_parked()), (Flushed::NotAll, 0));
    let ended = queue.shutdown(LONG);
    assert!(began.elapsed() < LONG);
    assert_eq!((ended.left.len(), ended.in_flight.len()), (accepted, 0));
}
