//! Any schedule of pushes, failures, flushes and retries.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::super::state::Step;
use super::sim::Sim;
use super::*;

#[derive(Clone, Debug)]
enum Act {
    Push(u8, bool),
    Pass(u64),
    Step(Reply),
    Flush,
    Retry,
}

#[derive(Clone, Copy, Debug)]
enum Reply {
    Ok,
    Passing,
    Permanent,
}

fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![3 => Just(Reply::Ok), 2 => Just(Reply::Passing), 1 => Just(Reply::Permanent)]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0..3_u8, any::<bool>()).prop_map(|(group, draft)| Act::Push(group, draft)),
        2 => (0..4000_u64).prop_map(Act::Pass),
        6 => reply().prop_map(Act::Step),
        1 => Just(Act::Flush),
        1 => Just(Act::Retry),
    ]
}

proptest! {
    /// Bad items fail with every batch that has them, everything else as the schedule says.
    #[test]
    fn each_item_becomes_one_thing(
        acts in vec(act(), 0..120),
        rest in vec(reply(), 0..40),
        bad in vec(0..60_u32, 0..4),
        (batch, pending, retries) in (1..6_usize, 1..12_usize, 0..4_usize),
        close_at in option::of(0..20_000_u64),
    ) {
        let limits = Limits { batch_items: items(batch), pending_items: items(pending), retries, ..Limits::default() };
        let mut sim = Sim::new(limits);
        let answer = |reply, batch: &[u32]| match reply {
            _ if batch.iter().any(|id| bad.contains(id)) => Err(permanent()),
            Reply::Ok => Ok(()),
            Reply::Passing => Err(passing()),
            Reply::Permanent => Err(permanent()),
        };
        let mut flushed_to = None;
        for act in acts {
            match act {
                Act::Push(group, draft) => drop(sim.push(group, draft)),
                Act::Pass(millis) => sim.now += Duration::from_millis(millis),
                Act::Step(reply) => {
                    let step = sim.step(&mut |batch| answer(reply, batch));
                    let longest = limits.flush_after.max(4 * SECOND);
                    prop_assert!(!matches!(step, Step::Wait(delay) if delay > longest));
                }
                Act::Flush => flushed_to = Some((sim.state.hurry(), sim.pushed.len())),
                Act::Retry => drop(sim.state.retry_parked(sim.now)),
            }
            let counts = sim.state.counts();
            prop_assert!(counts.pending() <= pending as u64 && counts.high_water <= pending as u64);
            if let Some((position, pushed)) = flushed_to {
                let settled = sim.pushed[..pushed].iter().all(|part| sim.is_settled(part.id));
                prop_assert!(settled || !sim.state.is_settled(position), "a flush has ended early");
                prop_assert!(counts.pending() > 0 || sim.state.is_settled(position), "a flush never ends");
            }
        }
        let closed = close_at.map(Duration::from_millis);
        if let Some(deadline) = closed {
            sim.state.close(sim.now + deadline);
        }
        let began = sim.now;
        let mut rest = rest.into_iter();
        sim.run(&mut |batch| answer(rest.next().unwrap_or(Reply::Ok), batch));
        prop_assert!(closed.is_none_or(|deadline| sim.now <= began + deadline));
        sim.assert_accounted();
    }
}
