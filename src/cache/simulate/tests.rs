use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::num::{NonZeroU64, NonZeroUsize};

use proptest::prelude::*;

use super::*;
use crate::cache::trace::AccessLine;
use crate::model::progress::Silent;

fn trace(lines: &[String]) -> Trace {
    let mut trace = Trace::default();
    for line in lines {
        trace.add(&AccessLine::parse(line.as_bytes()).unwrap()).unwrap();
    }
    trace
}

fn line(document: &str, revision: u64, access: &str, size: u64) -> String {
    format!(
        r#"{{"document":"{document}","revision":{revision},"access":"{access}","sizeBytes":{size},"operationUs":1}}"#
    )
}

fn count(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

fn grid(memory: u64, ring: usize, streams: usize) -> Grid {
    Grid {
        memory: vec![memory],
        ring: vec![count(ring)],
        streams: vec![count(streams)],
        disk: vec![None],
        keyframes: vec![None],
    }
}

const COSTS: Costs = Costs { operation_ns: 9e9, load_ns: 10.0, load_byte_ns: 1.0, disk_ratio: 1.0 };

fn simulated(lines: &[String], grid: &Grid) -> Vec<Outcome> {
    simulate(&trace(lines), grid, &COSTS, &Silent).unwrap()
}

fn nanos(work: &Work, expected: f64) {
    assert!((work.elapsed_ns - expected).abs() < 1e-6, "{work:?}");
}

#[test]
fn a_trace_worked_out_by_hand() {
    let lines = [
        line("a", 9, "read", 100),
        line("a", 12, "head", 100),
        line("a", 12, "head", 100),
        line("a", 13, "append", 100),
        line("a", 13, "head", 100),
        line("b", 200, "read", 300),
        line("a", 9, "read", 100),
    ];
    let spacings = |n: &[u64]| n.iter().map(|n| NonZeroU64::new(*n)).collect();
    let everything = Grid { keyframes: spacings(&[0, 100, 5]), ..grid(10_000, 10, 10) };
    let [none, far, near] = &simulated(&lines, &everything)[..] else { panic!("three configurations") };
    let memory = none.memory;
    assert_eq!((none.reads, memory.requests, memory.exact, memory.below, memory.misses), (6, 6, 3, 1, 2));
    assert_eq!((memory.entries, memory.bytes, memory.bytes_peak, memory.dropped), (4, 600, 600, 0));
    assert_eq!((none.work.from_tier, none.work.from_keyframe, none.work.from_nothing), (1, 0, 2));
    assert_eq!((none.work.operations, none.most_exact), (10 + 3 + 201, 3));
    nanos(&none.work, 214_000.0);
    assert_eq!((far.work.from_tier, far.work.from_keyframe, far.work.from_nothing), (1, 1, 1));
    nanos(&far.work, 10_000.0 + 3_000.0 + 310.0);
    // An older state is as good as a keyframe that is a little nearer.
    assert_eq!((near.work.from_tier, near.work.from_keyframe, near.work.operations), (1, 2, 4 + 3));
    nanos(&near.work, 4_000.0 + 110.0 + 3_000.0 + 310.0);

    let small = &simulated(&lines, &grid(250, 10, 10))[0];
    assert_eq!((small.memory.too_large, small.memory.dropped, small.memory.exact), (1, 2, 2));
    assert_eq!((small.most_exact, small.memory.bytes_peak), (3, 200));
}

#[test]
fn a_disk_tier_answers_what_the_memory_has_lost() {
    let lines =
        [line("a", 9, "read", 100), line("b", 9, "read", 100), line("a", 9, "read", 100), line("a", 11, "read", 100)];
    let disk = Grid { disk: vec![None, Some(100_000)], ..grid(150, 10, 10) };
    let [without, with] = &simulated(&lines, &disk)[..] else { panic!("two configurations") };
    assert_eq!((without.work.operations, without.disk), (10 + 10 + 10 + 2, None));
    let found = with.disk.unwrap();
    assert_eq!((found.requests, found.exact, found.below, found.misses), (4, 1, 1, 2));
    assert_eq!((found.entries, found.bytes, with.memory.exact), (3, 3 * 800, 0));
    assert_eq!((with.work.operations, with.work.from_tier), (10 + 10 + 2, 1));
    nanos(&with.work, 22_000.0 + 110.0);
}

#[test]
fn the_document_scope_is_replayed_as_a_whole() {
    let of_scope = |line: String| line.replacen('{', r#"{"scope":"document","#, 1);
    let lines = [of_scope(line("a", 9, "read", 100)), of_scope(line("a", 11, "read", 100))];
    let every = Grid { keyframes: vec![NonZeroU64::new(5)], disk: vec![Some(100_000)], ..grid(1000, 10, 10) };
    let outcome = &simulated(&lines, &every)[0];
    assert_eq!((outcome.memory.misses, outcome.work.from_nothing, outcome.work.operations), (2, 2, 10 + 12));
}

#[test]
fn work_can_be_stopped() {
    struct Stopped;
    impl Progress for Stopped {
        fn check(&self) -> Result<(), Stop> {
            Err(Stop::Interrupted)
        }
    }
    let trace = trace(&[line("a", 9, "read", 100)]);
    assert_eq!(simulate(&trace, &grid(1, 1, 1), &COSTS, &Stopped), Err(Stop::Interrupted));
}

/// An access of a tiny trace: stream, revision, whether it is a read, size.
type Tiny = (u8, u64, bool, u64);

fn tiny() -> impl Strategy<Value = Vec<Tiny>> {
    proptest::collection::vec((0..3_u8, 0..3_u64, prop::bool::weighted(0.8), 1..6_u64), 1..11)
}

fn lines(accesses: &[Tiny]) -> Vec<String> {
    let one = |(stream, revision, is_read, size): &Tiny| {
        line(&stream.to_string(), *revision, if *is_read { "read" } else { "append" }, *size)
    };
    accesses.iter().map(one).collect()
}

/// The most exact hits that any choice of what to keep has: all of them are tried.
fn best(accesses: &[Tiny], memory: u64, ring: usize, streams: usize) -> u64 {
    type State = (u8, u64);
    let fits = |kept: &BTreeMap<State, u64>| {
        let mut of_stream: BTreeMap<u8, usize> = BTreeMap::new();
        for (stream, _) in kept.keys() {
            *of_stream.entry(*stream).or_default() += 1;
        }
        kept.values().sum::<u64>() <= memory && of_stream.len() <= streams && of_stream.values().all(|n| *n <= ring)
    };
    let mut choices: BTreeMap<BTreeMap<State, u64>, u64> = [(BTreeMap::new(), 0)].into();
    for (stream, revision, is_read, size) in accesses {
        let state = (*stream, *revision);
        let mut next: BTreeMap<BTreeMap<State, u64>, u64> = BTreeMap::new();
        for (mut kept, hits) in choices {
            let hits = hits + u64::from(*is_read && kept.contains_key(&state));
            if !is_read || !kept.contains_key(&state) {
                kept.insert(state, *size);
            }
            for subset in subsets(&kept).into_iter().filter(&fits) {
                let most = next.entry(subset).or_default();
                *most = hits.max(*most);
            }
        }
        choices = next;
    }
    choices.into_values().max().unwrap()
}

fn subsets(all: &BTreeMap<(u8, u64), u64>) -> HashSet<BTreeMap<(u8, u64), u64>> {
    let none: HashSet<_> = [BTreeMap::new()].into();
    all.iter().fold(none, |subsets, (state, size)| {
        let with = subsets.iter().map(|subset| {
            let mut with = subset.clone();
            with.insert(*state, *size);
            with
        });
        let with: Vec<_> = with.collect();
        subsets.into_iter().chain(with).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// No choice has more hits than the bound, and the tier makes one of the choices.
    #[test]
    fn the_optimum_is_no_less_than_the_best_and_the_tier_no_better(
        accesses in tiny(), memory in 1..12_u64, ring in 1..4_usize, streams in 1..4_usize,
    ) {
        let outcome = &simulated(&lines(&accesses), &grid(memory, ring, streams))[0];
        let best = best(&accesses, memory, ring, streams);
        prop_assert!(best <= outcome.most_exact, "{best} of {}", outcome.most_exact);
        prop_assert!(outcome.memory.exact <= best, "{} of {best}", outcome.memory.exact);
    }

    /// Where one rule alone binds that has no sizes, the bound is the best choice.
    #[test]
    fn counts_have_an_exact_optimum(accesses in tiny(), n in 1..4_usize) {
        let most = |ring, streams| simulated(&lines(&accesses), &grid(1000, ring, streams))[0].most_exact;
        prop_assert_eq!(most(n, 9), best(&accesses, 1000, n, 9));
        let heads: Vec<Tiny> = accesses.iter().map(|(stream, _, is_read, size)| (*stream, 0, *is_read, *size)).collect();
        let most = simulated(&lines(&heads), &grid(1000, 1, n))[0].most_exact;
        prop_assert_eq!(most, best(&heads, 1000, 1, n));
    }

    /// What more room brings to the bound, and that the counters add up.
    #[test]
    fn more_room_never_lowers_the_optimum(accesses in tiny(), ring in 1..4_usize, streams in 1..4_usize) {
        let ladder = Grid { memory: (1..12).collect(), ..grid(0, ring, streams) };
        let outcomes = simulated(&lines(&accesses), &ladder);
        prop_assert!(outcomes.is_sorted_by_key(|outcome| outcome.most_exact));
        let reads = accesses.iter().filter(|(_, _, is_read, _)| *is_read).count() as u64;
        for Outcome { memory, work, .. } in &outcomes {
            prop_assert_eq!(memory.requests, reads);
            prop_assert_eq!(memory.exact + memory.below + memory.misses, reads);
            prop_assert_eq!(work.from_tier + work.from_nothing, memory.below + memory.misses);
            prop_assert!(memory.bytes <= memory.bytes_peak && memory.bytes_peak < 12);
        }
        let distinct: BTreeSet<(u8, u64)> = accesses.iter().map(|(stream, revision, ..)| (*stream, *revision)).collect();
        prop_assert!(outcomes.iter().all(|outcome| outcome.memory.entries <= distinct.len() as u64));
    }
}
