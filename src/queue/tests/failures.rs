//! Retries, and what is given up.

use super::super::state::Step;
use super::sim::{Sim, bad, ok, small};
use super::*;

#[test]
fn a_batch_is_tried_again_as_a_whole_and_then_one_by_one() {
    let mut sim = Sim::new(small());
    sim.push_all(&[0, 0, 1, 1]);
    sim.run(&mut |_| Err(passing()));
    let whole = vec![0, 1, 2, 3];
    let mut calls: Vec<_> = [0, 1000, 3000, 7000].into_iter().map(|at| (at, whole.clone())).collect();
    calls.extend((0..4).map(|id| (7000, vec![id])));
    assert_eq!((&sim.calls, sim.parked()), (&calls, whole));
    let ended = sim.assert_accounted();
    assert_eq!((ended.parked[0].error.to_string(), ended.parked[0].at), ("locked".to_owned(), 7 * SECOND));
}

#[test]
fn one_bad_item_parks_alone() {
    for (error, at) in [(permanent as fn() -> SinkError, 0), (passing, 7000)] {
        for id in 0..4 {
            let mut sim = Sim::new(small());
            sim.push_all(&[0, 0, 0, 0, 1, 0]);
            sim.run(&mut bad(id, error));
            assert_eq!((sim.parked(), sim.written.len()), (vec![id], 5));
            assert_eq!(sim.state.parked()[0].at.as_millis(), at);
            sim.assert_accounted();
        }
    }
    let mut sim = Sim::new(small());
    sim.push_all(&[0]);
    sim.run(&mut bad(0, passing));
    let tries: Vec<_> = sim.calls.iter().map(|(at, _)| *at).collect();
    assert_eq!((tries, sim.parked()), (vec![5000, 6000, 8000, 12_000], vec![0]));
}

#[test]
fn one_by_one_a_group_waits_for_its_first() {
    let mut sim = Sim::new(small());
    sim.push_all(&[7, 8, 7, 8]);
    let mut calls = 0;
    // The batch cannot be written; then group 7 is locked for two more calls.
    sim.run(&mut |batch| {
        calls += 1;
        match (calls, batch) {
            (1, _) => Err(permanent()),
            (_, [0]) if calls < 6 => Err(passing()),
            _ => Ok(()),
        }
    });
    let calls: Vec<_> = [(0, 0), (0, 1), (0, 3), (1000, 0), (3000, 0), (3000, 2)].map(|(at, id)| (at, vec![id])).into();
    assert_eq!(sim.calls[1..], calls);
    assert_eq!(sim.written, [1, 3, 0, 2]);
    sim.assert_accounted();
}

#[test]
fn a_parked_item_does_not_hold_up_its_group() {
    let mut sim = Sim::new(Limits { retries: 1, ..small() });
    sim.push_all(&[7, 7, 7, 7, 7]);
    sim.run(&mut bad(1, passing));
    assert_eq!((sim.written.as_slice(), sim.parked()), ([0, 2, 3, 4].as_slice(), vec![1]));
    sim.assert_accounted();
}

#[test]
fn nothing_is_waited_for_beyond_the_end() {
    // Closed before, while, and after the first wait begins.
    for close_at in [0, 1, 2] {
        let mut sim = Sim::new(small());
        sim.push_all(&[0, 1, 2, 3, 4]);
        for _ in 0..close_at {
            sim.step(&mut |_| Err(passing()));
        }
        sim.state.close(3 * SECOND);
        sim.run(&mut bad(1, passing));
        assert_eq!((sim.now, sim.parked()), (SECOND, vec![1]), "two seconds more would have been too long");
        assert_eq!(sim.written, [0, 2, 3, 4]);
        sim.assert_accounted();
    }
    let mut sim = Sim::new(small());
    sim.push_all(&[0, 1]);
    let Step::Wait(_) = sim.step(&mut ok) else { panic!("nothing is due") };
    sim.state.hurry();
    sim.step(&mut |_| Err(passing()));
    let Step::Wait(_) = sim.step(&mut ok) else { panic!("a retry is due later") };
    sim.state.close(SECOND / 2);
    sim.run(&mut bad(0, passing));
    assert_eq!(sim.calls, [(0, vec![0, 1]), (0, vec![0]), (0, vec![1])], "once more, one by one");
    assert_eq!((sim.written.as_slice(), sim.parked()), ([1].as_slice(), vec![0]));
    sim.assert_accounted();
}

/// Pushes 40 items of three groups as fast as there is room, with a sink that answers so to its nth call.
fn forty(answer: &mut dyn FnMut(u32) -> Outcome) -> Sim {
    let mut sim = Sim::new(small());
    let mut calls = 0;
    let mut answer = |_: &[u32]| {
        calls += 1;
        answer(calls)
    };
    while sim.pushed.len() < 40 {
        let n = sim.pushed.len();
        if !sim.push(u8::try_from(n % 3).unwrap(), n.is_multiple_of(5))
            && let Step::Wait(delay) = sim.step(&mut answer)
        {
            sim.now += delay;
        }
    }
    sim.run(&mut answer);
    sim
}

#[test]
fn nothing_is_lost_where_every_nth_call_fails() {
    for (error, retried) in [(passing as fn() -> SinkError, true), (permanent, false)] {
        for n in 1..=40 {
            let sim = forty(&mut |call| if call % n == 0 { Err(error()) } else { Ok(()) });
            let ended = sim.assert_accounted();
            assert_eq!(ended.counts.written == 0, n == 1);
            assert!(!retried || n == 1 || ended.is_complete(), "the next call succeeds");
            assert_eq!((ended.counts.pending(), ended.counts.high_water), (0, 10));
        }
    }
}

#[test]
fn nothing_is_lost_where_the_sink_disappears_or_comes_back() {
    for n in 1..=40 {
        let sim = forty(&mut |call| if call >= n { Err(passing()) } else { Ok(()) });
        assert!(n > sim.calls.len().try_into().unwrap() || !sim.parked().is_empty());
        sim.assert_accounted();
        let mut sim = forty(&mut |call| if call < n { Err(passing()) } else { Ok(()) });
        while sim.state.retry_parked(sim.now) > 0 {
            sim.run(&mut ok);
        }
        assert!(sim.assert_accounted().is_complete());
    }
}
