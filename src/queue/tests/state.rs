//! Batches, coalescing, bounds.

use super::super::state::{Pushed, Step, Wake};
use super::sim::{Sim, bad, ok, small};
use super::*;

#[test]
fn a_batch_is_taken_when_it_is_full_or_old_or_asked_for() {
    let mut sim = Sim::new(small());
    assert!(matches!(sim.step(&mut ok), Step::Sleep));
    sim.push_all(&[0, 1]);
    sim.now += 3 * SECOND;
    sim.push_all(&[2]);
    assert!(matches!(sim.step(&mut ok), Step::Wait(delay) if delay == 2 * SECOND));
    sim.run(&mut ok);
    sim.push_all(&[0; 9]);
    sim.run(&mut ok);
    sim.push_all(&[0]);
    let position = sim.state.hurry();
    sim.push_all(&[0]);
    assert!(!sim.state.is_settled(position));
    sim.run(&mut ok);
    assert!(sim.state.is_settled(position));
    sim.push_all(&[0]);
    sim.run(&mut ok);
    let batch = |ids: std::ops::Range<u32>| ids.collect::<Vec<_>>();
    let calls = [
        (5000, batch(0..3)),
        (5000, batch(3..7)),
        (5000, batch(7..11)),
        (10_000, batch(11..12)),
        (10_000, batch(12..14)),
        (15_000, batch(14..15)),
    ];
    assert_eq!(sim.calls, calls);
    sim.assert_accounted();
}

#[test]
fn the_writer_is_woken_when_it_would_sleep_too_long() {
    let mut sim = Sim::new(small());
    let mut woken = |draft| {
        let part = Part { id: u32::try_from(sim.pushed.len()).unwrap(), group: 0, draft };
        sim.pushed.push(Arc::new(part));
        match sim.state.push(sim.pushed.last().unwrap().clone(), sim.now) {
            Ok(Pushed::Added(wake)) => Some(wake),
            Ok(Pushed::Replaced(_)) => None,
            other => panic!("{other:?}"),
        }
    };
    let woken: Vec<_> = [false, false, true, false, false, false].into_iter().map(&mut woken).collect();
    let no = Some(Wake::NotNeeded);
    assert_eq!(woken, [Some(Wake::Needed), no, no, None, Some(Wake::Needed), no]);
}

#[test]
fn a_queue_smaller_than_a_batch_is_full_all_the_same() {
    let mut sim = Sim::new(Limits { batch_items: items(100), ..small() });
    sim.push_all(&[0; 10]);
    assert!(!sim.push(0, false));
    sim.run(&mut ok);
    assert_eq!(sim.calls, [(0, (0..10).collect::<Vec<_>>())]);
}

#[test]
fn parked_items_can_be_tried_again_behind_the_others() {
    let mut sim = Sim::new(small());
    sim.push_all(&[0, 1, 2]);
    sim.run(&mut |_| Err(permanent()));
    assert_eq!((sim.parked(), sim.state.counts().parked), (vec![0, 1, 2], 3));
    sim.push_all(&[0; 8]);
    assert_eq!(sim.state.retry_parked(sim.now), 2, "there is room for two");
    assert!(!sim.push(5, false));
    assert_eq!((sim.parked(), sim.state.counts().high_water), (vec![2], 10));
    let position = sim.state.hurry();
    sim.run(&mut bad(0, permanent));
    assert!(sim.state.is_settled(position));
    assert_eq!(sim.written, [3, 4, 5, 6, 7, 8, 9, 10, 1]);
    assert_eq!(sim.parked(), [2, 0]);
    assert_eq!(sim.state.retry_parked(sim.now), 2);
    sim.run(&mut ok);
    assert!(sim.assert_accounted().is_complete());
}

#[test]
fn a_newer_item_takes_the_place_of_what_it_makes_superfluous() {
    let mut sim = Sim::new(small());
    for (group, draft) in [(0, true), (1, false), (0, true), (1, true), (0, false), (0, true)] {
        assert!(sim.push(group, draft));
        sim.now += SECOND / 2;
    }
    // 2 takes the place of 0, and 4 that of 2; 1 is wanted, and so is 4.
    assert_eq!(sim.state.counts(), Counts { queued: 6, coalesced: 2, high_water: 4, ..Counts::default() });
    assert!(sim.push(2, false), "a batch has not been taken");
    sim.run(&mut ok);
    assert_eq!(sim.calls, [(3000, vec![4, 1, 3, 5]), (3000 + 5000, vec![6])]);
    sim.assert_accounted();
}

#[test]
fn what_takes_a_place_needs_no_room_and_what_is_being_written_keeps_its_own() {
    let mut sim = Sim::new(Limits { batch_items: items(2), pending_items: items(3), ..small() });
    for group in [0, 1, 2] {
        assert!(sim.push(group, true));
    }
    let Step::Write(batch) = sim.state.next(sim.now) else { panic!("a batch is full") };
    assert_eq!(ids(&batch), [0, 1]);
    assert!(!sim.push(0, true), "0 is being written");
    assert!(sim.push(2, true));
    sim.state.came_back(Err(permanent()), sim.now);
    sim.run(&mut |_| Err(permanent()));
    assert_eq!(sim.parked(), [0, 1, 3]);
    sim.state.retry_parked(sim.now);
    assert!(!sim.push(0, true), "0 was parked");
    sim.run(&mut ok);
    assert_eq!(sim.state.counts().high_water, 3);
    sim.assert_accounted();
}

#[test]
fn no_more_is_accepted_where_too_much_is_parked() {
    let mut sim = Sim::new(Limits { parked_items: items(3), ..small() });
    sim.push_all(&[0; 6]);
    sim.run(&mut |_| Err(permanent()));
    let part = Arc::new(Part { id: 6, group: 0, draft: false });
    let refused = sim.state.push(part.clone(), sim.now).unwrap_err();
    assert!(matches!(&refused, Refused::TooManyParked { item, parked: 6 } if Arc::ptr_eq(item, &part)));
    sim.state.retry_parked(sim.now);
    sim.run(&mut ok);
    sim.push_all(&[0]);
    sim.assert_accounted();
}

#[test]
fn what_is_left_is_given_back() {
    let mut sim = Sim::new(small());
    sim.push_all(&[0, 0, 1, 2, 3]);
    sim.step(&mut |_| Err(permanent()));
    sim.step(&mut |_| Err(passing()));
    let Step::Write(batch) = sim.state.next(sim.now) else { panic!("there is more in the batch") };
    let ended = sim.state.end();
    assert_eq!((ids(&batch), ids(&ended.in_flight), ids(&ended.left)), (vec![2], vec![2], vec![0, 1, 3, 4]));
    sim.state.came_back(Ok(()), sim.now);
    assert_eq!(sim.state.counts().written, 0, "whoever asked has his answer");
    assert!(matches!(
        sim.state.push(Arc::new(Part { id: 9, group: 0, draft: false }), sim.now),
        Err(Refused::Ended(_))
    ));
    assert_accounted(&sim.pushed, &sim.written, &ended, &[]);
}
