use proptest::prelude::*;

use super::*;

fn time(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

const NOW: i64 = 1_000_000;

fn keyframe(label: i64) -> Candidate {
    Candidate { label, created: Some(time(NOW - 100)), soundness: Soundness::Sound, pinned: None }
}

fn n(number: u64) -> Option<NonZeroU64> {
    NonZeroU64::new(number)
}

fn head(head: u64) -> Revision {
    Revision::of(OpIndex::new(head))
}

/// The labels that are kept, of keyframes at `labels`.
fn kept(labels: &[i64], newest: u64, policy: &Policy) -> Vec<i64> {
    let keyframes: Vec<Candidate> = labels.iter().map(|label| keyframe(*label)).collect();
    let stream = Candidates {
        keyframes: &keyframes,
        head: Some(head(newest)),
        upgrades: &[OpIndex::new(50)],
        serving: Serving::All,
    };
    let verdicts = decide(&stream, policy, time(NOW));
    labels.iter().zip(verdicts).filter(|(_, verdict)| verdict.keeps()).map(|(label, _)| *label).collect()
}

#[test]
fn multiples_are_those_of_operations_and_else_those_of_labels() {
    let every = |every| Policy { keep_every: n(every), ..Policy::default() };
    let own: Vec<i64> = (1..=10).map(|n| n * 10 - 1).collect();
    let reference: Vec<i64> = (0..=10).map(|n| n * 10).collect();
    assert_eq!(kept(&own, 120, &every(50)), [49, 99]);
    assert_eq!(kept(&reference, 120, &every(50)), [50, 100]);
    let mut both = [own, reference].concat();
    both.sort_unstable();
    assert_eq!(kept(&both, 120, &every(50)), [49, 99], "one for each");
    assert_eq!(kept(&[0, 1, 2], 5, &every(1)), [0, 1, 2]);
}

#[test]
fn distances_to_the_head_grow_by_powers() {
    let policy = Policy { keep_log_spaced: n(2), ..Policy::default() };
    let labels: Vec<i64> = (0..=100).collect();
    // Distances 0, 1, 2 to 3, 4 to 7, …, the oldest of each.
    assert_eq!(kept(&labels, 100, &policy), [0, 37, 69, 85, 93, 97, 99, 100]);
}

#[test]
fn the_newest_and_those_after_an_upgrade_are_kept() {
    let policy = Policy { keep_last: n(2), keep_upgrades: true, ..Policy::default() };
    assert_eq!(kept(&[10, 49, 60, 70, 80, 90], 95, &policy), [60, 80, 90]);
    assert_eq!(kept(&[10, 50, 60, 70, 80, 90], 95, &policy), [50, 80, 90]);
}

#[test]
fn a_clock_that_runs_backwards_drops_nothing_that_is_younger() {
    let policy = Policy { keep_within_ms: Some(1000), ..Policy::default() };
    let of = |created: Option<i64>| Candidate { created: created.map(time), ..keyframe(1) };
    let keyframes = [of(Some(NOW + 1)), of(None), of(Some(NOW)), of(Some(NOW - 1000)), of(Some(NOW - 1001))];
    let stream = Candidates { keyframes: &keyframes, head: Some(head(9)), upgrades: &[], serving: Serving::All };
    let keep = |reason: KeepReason| Verdict::Keep(reason.into());
    assert_eq!(
        decide(&stream, &policy, time(NOW)),
        [
            keep(KeepReason::Future),
            keep(KeepReason::AgeUnknown),
            keep(KeepReason::Within),
            keep(KeepReason::Within),
            Verdict::Drop(DropReason::NoRule),
        ]
    );
}

#[test]
fn what_is_no_base_counts_for_no_rule() {
    let policy = Policy { keep_last: n(1), ..Policy::default() };
    let until = |millis| Some(Until::Time(time(millis)));
    let keyframes = [
        keyframe(-3),
        Candidate { pinned: until(NOW + 1), ..keyframe(2) },
        Candidate { pinned: until(NOW), ..keyframe(3) },
        Candidate { pinned: Some(Until::Removed), soundness: Soundness::Failed, ..keyframe(4) },
        keyframe(5),
        Candidate { soundness: Soundness::Failed, ..keyframe(6) },
        keyframe(10),
    ];
    let stream = Candidates { keyframes: &keyframes, head: Some(head(9)), upgrades: &[], serving: Serving::All };
    let keep = |reason: KeepReason| Verdict::Keep(reason.into());
    assert_eq!(
        decide(&stream, &policy, time(NOW)),
        [
            keep(KeepReason::NegativeLabel),
            keep(KeepReason::Pinned),
            Verdict::Drop(DropReason::NoRule),
            keep(KeepReason::Pinned),
            keep(KeepReason::Last),
            Verdict::Drop(DropReason::Failed),
            keep(KeepReason::PastHead),
        ]
    );
    let none = Candidates { head: None, ..stream };
    assert!(decide(&none, &policy, time(NOW))[4..].iter().all(|verdict| match verdict {
        Verdict::Keep(reasons) => reasons.contains(KeepReason::PastHead),
        Verdict::Drop(_) => false,
    }));
}

#[test]
fn exactly_what_was_chosen_goes_but_pins_stay() {
    let keyframes = [
        keyframe(-1),
        Candidate { pinned: Some(Until::Removed), ..keyframe(1) },
        Candidate { soundness: Soundness::Failed, ..keyframe(2) },
        Candidate { soundness: Soundness::Stale, ..keyframe(3) },
        keyframe(4),
    ];
    let stream = Candidates { keyframes: &keyframes, head: Some(head(3)), upgrades: &[], serving: Serving::All };
    let gone = |chosen: [bool; 5], failed, stale| -> Vec<i64> {
        let verdicts = select(&stream, &Exact { chosen: &chosen, which: Which { failed, stale } }, time(NOW));
        keyframes
            .iter()
            .zip(verdicts)
            .filter(|(_, verdict)| !verdict.keeps())
            .map(|(keyframe, _)| keyframe.label)
            .collect()
    };
    assert_eq!(gone([true; 5], false, false), [2, 3, 4]);
    assert_eq!(gone([true; 5], true, false), [2]);
    assert_eq!(gone([true; 5], true, true), [2, 3]);
    assert_eq!(gone([false, true, false, true, true], true, true), [3]);
}

#[test]
fn a_gap_that_no_keyframe_closes_is_not_made_worse() {
    let policy = Policy { max_replay_ops: n(10), ..Policy::default() };
    // Between 20 and 90 there is nothing.
    assert_eq!(kept(&[5, 9, 12, 20, 90, 95, 99], 100, &policy), [9, 20, 90]);
    assert_eq!(kept(&[], 100, &policy), Vec::<i64>::new());
    assert_eq!(kept(&[3, 6, 9], 9, &policy), Vec::<i64>::new(), "the beginning is near enough");
}

prop_compose! {
    fn candidates()(
        places in prop::collection::btree_map(-2_i64..60, (0_u8..8, prop::option::of(-5_i64..5), 0_u8..6), 0..24),
    ) -> Vec<Candidate> {
        places.into_iter().map(|(label, (soundness, age, pin))| Candidate {
            label,
            created: age.map(|age| time(NOW - age * 100)),
            soundness: match soundness {
                0 => Soundness::Failed,
                1 => Soundness::Stale,
                2..4 => Soundness::Unchecked,
                _ => Soundness::Sound,
            },
            pinned: match pin {
                0 => Some(Until::Removed),
                1 => Some(Until::Time(time(NOW + 1))),
                2 => Some(Until::Time(time(NOW))),
                _ => None,
            },
        }).collect()
    }
}

prop_compose! {
    fn policies()(
        every in prop::option::of(1_u64..12),
        last in prop::option::of(1_u64..5),
        within in prop::option::of(0_u64..500),
        spaced in prop::option::of(1_u64..4),
        upgrades: bool,
        ops in prop::option::of(1_u64..20),
    ) -> Policy {
        let number = |number: Option<u64>| number.and_then(NonZeroU64::new);
        Policy {
            keep_every: number(every),
            keep_last: number(last),
            keep_within_ms: within,
            keep_log_spaced: number(spaced),
            keep_upgrades: upgrades,
            max_replay_ops: number(ops),
        }
    }
}

/// Whether `bases` leave each state as near as it can be, or as `most` allows.
fn is_bounded(bases: &[u64], all: &[u64], operations: u64, most: u64) -> bool {
    let distance = |bases: &[u64], state: u64| state - bases.iter().filter(|base| **base <= state).max().unwrap_or(&0);
    (0..=operations).all(|state| distance(bases, state) <= most.max(distance(all, state)))
}

proptest! {
    #[test]
    fn no_rule_is_violated(
        keyframes in candidates(), policy in policies(), newest in prop::option::of(0_u64..60),
        upgrades in prop::collection::btree_set(0_u64..60, 0..4),
    ) {
        let upgrades: Vec<OpIndex> = upgrades.into_iter().map(OpIndex::new).collect();
        let stream = Candidates { keyframes: &keyframes, head: newest.map(head), upgrades: &upgrades, serving: Serving::All };
        let verdicts = decide(&stream, &policy, time(NOW));
        prop_assert_eq!(&verdicts, &decide(&stream, &policy, time(NOW)), "the same again");
        let decided = || keyframes.iter().zip(&verdicts);
        let all: Vec<u64> = keyframes.iter().filter_map(|keyframe| stream.base(keyframe)).collect();
        let left: Vec<u64> = decided().filter(|(_, verdict)| verdict.keeps()).filter_map(|(keyframe, _)| stream.base(keyframe)).collect();
        let operations = stream.operations();
        for (keyframe, verdict) in decided() {
            let reason = match verdict {
                Verdict::Keep(reasons) => {
                    prop_assert!(!reasons.is_empty());
                    let by_rule = reasons.iter().any(KeepReason::is_rule);
                    prop_assert!(!by_rule || stream.base(keyframe).is_some());
                    continue;
                }
                Verdict::Drop(reason) => *reason,
            };
            prop_assert!(!keyframe.is_pinned(time(NOW)) && keyframe.label >= 0 && keyframe.revision() <= stream.head);
            prop_assert_eq!(reason == DropReason::Failed, keyframe.soundness == Soundness::Failed);
            let Some(base) = stream.base(keyframe) else { continue };
            if let (Some(within), Some(created)) = (policy.keep_within_ms, keyframe.created) {
                prop_assert!(NOW - created.as_millis() > i64::try_from(within).unwrap());
            }
            prop_assert!(policy.keep_within_ms.is_none() || keyframe.created.is_some());
            if let Some(every) = policy.keep_every {
                prop_assert!(!base.is_multiple_of(every.get()));
                prop_assert!(base % every != 1 || base < every.get() || all.contains(&(base - 1)));
            }
            if let Some(last) = policy.keep_last {
                let newer = left.iter().filter(|other| **other > base).count();
                prop_assert!(newer as u64 >= last.get());
            }
            if let Some(spacing) = policy.keep_log_spaced.filter(|spacing| spacing.get() > 1) {
                let bucket = |base: u64| (operations - base).checked_ilog(spacing.get());
                prop_assert!(left.iter().any(|other| *other < base && bucket(*other) == bucket(base)));
            }
        }
        if policy.keep_upgrades {
            for upgrade in &upgrades {
                let first = |bases: &[u64]| bases.iter().find(|base| **base >= upgrade.next().get()).copied();
                prop_assert_eq!(first(&all), first(&left));
            }
        }
        if let Some(most) = policy.max_replay_ops {
            prop_assert!(is_bounded(&left, &all, operations, most.get()), "{:?} of {:?}", left, all);
        }
    }

    #[test]
    fn deciding_again_drops_nothing(
        keyframes in candidates(), policy in policies(), newest in prop::option::of(0_u64..60),
        upgrades in prop::collection::btree_set(0_u64..60, 0..4),
    ) {
        let upgrades: Vec<OpIndex> = upgrades.into_iter().map(OpIndex::new).collect();
        let stream = Candidates { keyframes: &keyframes, head: newest.map(head), upgrades: &upgrades, serving: Serving::All };
        let verdicts = decide(&stream, &policy, time(NOW));
        let left: Vec<Candidate> =
            keyframes.iter().zip(&verdicts).filter(|(_, verdict)| verdict.keeps()).map(|(keyframe, _)| *keyframe).collect();
        let again = decide(&Candidates { keyframes: &left, ..stream }, &policy, time(NOW));
        prop_assert!(again.iter().all(|verdict| verdict.keeps()), "{:?}", again);
    }

    /// All sets of bases are tried: none with fewer does as well.
    #[test]
    fn no_smaller_set_keeps_the_bound(
        places in prop::collection::btree_map(1_u64..30, prop::bool::weighted(0.2), 0..10), operations in 0_u64..32,
        most in 1_u64..12,
    ) {
        let bases: Vec<(u64, bool)> = places.into_iter().filter(|(base, _)| *base <= operations).collect();
        let all: Vec<u64> = bases.iter().map(|(base, _)| *base).collect();
        let forced = bases.iter().enumerate().fold(0_u32, |set, (at, (_, kept))| set | u32::from(*kept) << at);
        let mut chosen = forced;
        cover::cover(&bases, &[], operations, most, |at| chosen |= 1 << at);
        let of = |set: u32| -> Vec<u64> {
            all.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1).map(|(_, base)| *base).collect()
        };
        prop_assert!(is_bounded(&of(chosen), &all, operations, most));
        let fewest = (0..1_u32 << bases.len())
            .filter(|set| set & forced == forced && is_bounded(&of(*set), &all, operations, most))
            .map(u32::count_ones)
            .min();
        prop_assert_eq!(Some(chosen.count_ones()), fewest);
    }

    #[test]
    fn the_worst_distance_is_that_of_some_state(
        bases in prop::collection::btree_set(1_u64..40, 0..8), operations in 0_u64..40,
    ) {
        let distance = |state: u64| state - bases.iter().filter(|base| **base <= state).max().unwrap_or(&0);
        prop_assert_eq!(worst_distance(bases.iter().copied(), operations), (0..=operations).map(distance).max().unwrap());
    }
}
