use std::cell::RefCell;
use std::time::Duration;

use proptest::prelude::*;
use smallvec::smallvec;

use std::collections::HashMap;

use super::*;
use crate::cache::{Cost, Head};
use crate::model::ids::{OpIndex, Scope};
use crate::model::json::{Json, Object};
use crate::model::state::{JsonState, State};

fn stream(name: &str) -> StreamKey {
    StreamKey { document: name.into(), scope: Scope::global(), branch: "main".into() }
}

#[expect(clippy::unnecessary_wraps, reason = "the revision of an entry may be none")]
fn revision(index: u64) -> Option<Revision> {
    Some(Revision::of(OpIndex::new(index)))
}

/// An entry whose state is a text of so many bytes.
fn entry(name: &str, index: u64, bytes: usize) -> Arc<Entry> {
    let mut state = JsonState::default();
    state.set(Scope::global(), Json::from("x".repeat(bytes)));
    let facts = Facts {
        stream: stream(name),
        revision: revision(index),
        operation: Some("op".into()),
        document_type: "t".into(),
        versions: smallvec![1],
        fingerprint: "f".into(),
        heads: vec![Head {
            scope: Scope::global(),
            revision: Revision::of(OpIndex::new(index)),
            operation: "o".into(),
        }],
        newest: None,
        seal: None,
        cost: Cost { operations: index + 1, elapsed: Duration::from_micros(5) },
    };
    Arc::new(Entry {
        facts,
        header: Arc::new(Object::new()),
        state: State::new(state),
        initial: State::new(JsonState::default()),
    })
}

fn put(tier: &MemoryTier, entry: Arc<Entry>, head: Option<&str>) {
    tier.put(&[Put { entry, head: head.map(|stamp| Stamp(stamp.to_owned())) }]);
}

fn find(tier: &MemoryTier, name: &str, index: u64) -> Lookup {
    tier.find(&Want { stream: &stream(name), revision: revision(index), fits: &|_| true })
}

fn bounds(ring: usize, streams: usize, bytes: u64) -> Bounds {
    Bounds { ring: ring.try_into().unwrap(), streams: streams.try_into().unwrap(), bytes }
}

fn labels(tier: &MemoryTier) -> Vec<String> {
    let mut all = Vec::new();
    tier.list(&mut |listed| all.push(format!("{}:{}", listed.facts.stream.document, listed.facts.revision.unwrap())));
    all
}

#[test]
fn a_state_is_found_at_its_revision_and_above() {
    let tier = MemoryTier::new(Bounds::default());
    put(&tier, entry("a", 5, 0), None);
    put(&tier, entry("a", 3, 0), None);
    assert!(matches!(find(&tier, "a", 5), Lookup::Exact(entry) if entry.facts.revision == revision(5)));
    assert!(matches!(find(&tier, "a", 4), Lookup::Below(entry) if entry.facts.revision == revision(3)));
    assert!(matches!(find(&tier, "a", 2), Lookup::Miss));
    assert!(matches!(find(&tier, "b", 5), Lookup::Miss));
    let stats = tier.stats();
    assert_eq!((stats.requests, stats.exact, stats.below, stats.misses), (4, 1, 1, 2));
    assert_eq!(stats.saved.operations, 6 + 4);
}

#[test]
fn the_newest_that_fits_is_found_and_older_ones_are_not_asked() {
    let tier = MemoryTier::new(Bounds::default());
    (1..=5).for_each(|index| put(&tier, entry("a", index, 0), None));
    let asked = RefCell::new(Vec::new());
    let fits = |facts: &Facts| {
        asked.borrow_mut().push(facts.revision.unwrap().get());
        facts.revision <= revision(3)
    };
    let found = tier.find(&Want { stream: &stream("a"), revision: revision(5), fits: &fits });
    assert!(matches!(found, Lookup::Below(entry) if entry.facts.revision == revision(3)));
    assert_eq!(asked.into_inner(), [5, 4, 3]);
}

#[test]
fn a_head_is_found_while_its_stamp_holds() {
    let tier = MemoryTier::new(Bounds::default());
    put(&tier, entry("a", 5, 0), Some("1"));
    put(&tier, entry("a", 2, 0), None);
    assert_eq!(tier.find_head(&stream("a"), &Stamp("1".into())).unwrap().facts.revision, revision(5));
    assert!(tier.find_head(&stream("a"), &Stamp("2".into())).is_none());
    put(&tier, entry("a", 5, 0), Some("2"));
    assert!(tier.find_head(&stream("a"), &Stamp("1".into())).is_none(), "it was replaced");
    assert_eq!(tier.stats().entries, 2);
}

#[test]
fn a_full_ring_forgets_what_came_first_but_the_newest() {
    let tier = MemoryTier::new(bounds(2, 9, 1 << 20));
    for index in [7, 1, 4] {
        put(&tier, entry("a", index, 0), None);
    }
    assert_eq!(labels(&tier), ["a:4", "a:7"]);
    assert_eq!(tier.stats().dropped, [(Cause::Ring, 1)].into());
}

#[test]
fn the_stream_that_was_not_used_for_longest_goes_first() {
    let tier = MemoryTier::new(bounds(2, 2, 1 << 20));
    put(&tier, entry("a", 1, 0), None);
    put(&tier, entry("b", 1, 0), None);
    find(&tier, "a", 1);
    put(&tier, entry("c", 1, 0), None);
    assert_eq!(labels(&tier), ["a:1", "c:1"]);
    assert_eq!(tier.stats().dropped, [(Cause::Count, 1)].into());
}

#[test]
fn too_many_bytes_cost_streams_and_then_states() {
    let one = entry("a", 0, 4000).heap_bytes();
    let tier = MemoryTier::new(bounds(9, 9, one * 5 / 2));
    put(&tier, entry("a", 1, 4000), None);
    put(&tier, entry("b", 1, 4000), None);
    put(&tier, entry("b", 2, 4000), None);
    assert_eq!(labels(&tier), ["a:1", "b:2"], "an older state goes before a stream");
    put(&tier, entry("c", 3, 4000), None);
    assert_eq!(labels(&tier), ["b:2", "c:3"]);
    put(&tier, entry("c", 4, 400_000), None);
    put(&tier, entry("c", 3, 400_000), None);
    assert_eq!(labels(&tier), ["b:2"], "what it would have replaced is out of date");
    assert_eq!((tier.stats().too_large, tier.stats().dropped), (2, [(Cause::Bytes, 2)].into()));
}

#[test]
fn what_is_dropped_is_counted_by_its_cause() {
    let tier = MemoryTier::new(Bounds::default());
    for name in ["a", "b"] {
        (1..=3).for_each(|index| put(&tier, entry(name, index, 0), None));
    }
    let glob =
        |pattern: &str| Which::Glob { namespace: "snapctl".into(), pattern: glob::Pattern::new(pattern).unwrap() };
    assert_eq!(tier.drop_entries(&glob("*:a/global@main:[12]:*"), Cause::Asked), 2);
    assert_eq!(tier.drop_entries(&Which::Stream(stream("x")), Cause::Asked), 0);
    assert_eq!(tier.drop_entries(&Which::Document("b".into()), Cause::DocumentDeleted), 3);
    assert_eq!(labels(&tier), ["a:3"]);
    assert_eq!(tier.drop_entries(&Which::Fingerprint("f".into()), Cause::ModelChanged), 1);
    assert_eq!(tier.stats().bytes, 0);
    let counted = [(Cause::Asked, 2), (Cause::DocumentDeleted, 3), (Cause::ModelChanged, 1)];
    assert_eq!(tier.stats().dropped, counted.into());
}

/// What is done to a tier.
#[derive(Clone, Debug)]
enum Act {
    Put(u8, u64, usize),
    Find(u8, u64),
    Drop(u8),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => (0..6_u8, 0..20_u64, 0..5000_usize).prop_map(|(name, index, bytes)| Act::Put(name, index, bytes)),
        4 => (0..6_u8, 0..20_u64).prop_map(|(name, index)| Act::Find(name, index)),
        1 => (0..6_u8).prop_map(Act::Drop),
    ];
    proptest::collection::vec(act, 0..200)
}

proptest! {
    /// Whatever happens: the bounds hold, the counters add up, and what is found is what was put last.
    #[test]
    fn bounds_hold_and_counters_add_up(acts in acts(), ring in 1..4_usize, streams in 1..5_usize, bytes in 1..30_000_u64) {
        let tier = MemoryTier::new(bounds(ring, streams, bytes));
        let mut last = HashMap::new();
        for act in acts {
            match act {
                Act::Put(name, index, bytes) => {
                    let entry = entry(&name.to_string(), index, bytes);
                    last.insert((name, index), entry.clone());
                    put(&tier, entry, None);
                }
                Act::Find(name, index) => match find(&tier, &name.to_string(), index) {
                    Lookup::Exact(found) => prop_assert!(Arc::ptr_eq(&found, &last[&(name, index)])),
                    Lookup::Below(found) => {
                        let below = found.facts.revision.unwrap().get();
                        prop_assert!(below < index && Arc::ptr_eq(&found, &last[&(name, below)]));
                    }
                    Lookup::Miss => {}
                },
                Act::Drop(name) => {
                    tier.drop_entries(&Which::Document(name.to_string().as_str().into()), Cause::Asked);
                }
            }
            let stats = tier.stats();
            let (mut entries, mut sum, mut by_stream) = (0, 0, HashMap::<StreamKey, usize>::new());
            tier.list(&mut |listed| {
                (entries, sum) = (entries + 1, sum + listed.size_bytes);
                *by_stream.entry(listed.facts.stream.clone()).or_default() += 1;
            });
            prop_assert_eq!((stats.entries, stats.bytes), (entries, sum));
            prop_assert!(sum <= bytes && by_stream.len() <= streams && by_stream.values().all(|n| *n <= ring));
            prop_assert_eq!(stats.requests, stats.exact + stats.below + stats.misses);
        }
    }
}
