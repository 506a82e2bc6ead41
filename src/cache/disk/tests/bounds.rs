//! How much is kept, and what goes first.

use proptest::prelude::*;

use super::*;

fn seed(document: &str) -> u64 {
    document.bytes().fold(1, |seed, byte| seed * 31 + u64::from(byte))
}

fn costs(document: &str, bytes: usize, cost: Duration) -> Put {
    let mut entry = entry(document, 1, &incompressible(seed(document), bytes));
    entry.facts.cost = Cost { operations: 1, elapsed: cost };
    put(entry)
}

fn documents(tier: &DiskTier) -> Vec<String> {
    indices(tier).into_iter().map(|(document, _)| document).collect()
}

#[test]
fn what_is_large_and_cheap_goes_first() {
    let fixture = Fixture::bounded(200_000, 1000);
    let cache = fixture.cache();
    let tier = cache.tier(store());
    let ms = Duration::from_millis;
    tier.put(&[
        costs("large cheap", 20_000, ms(1)),
        costs("large dear", 20_000, ms(500)),
        costs("small cheap", 2_000, ms(1)),
        costs("small dear", 2_000, ms(500)),
    ]);
    for n in 0.. {
        if documents(&tier).len() < n + 4 {
            break;
        }
        tier.put(&[costs(&format!("z{n:02}"), 15_000, ms(100))]);
    }
    assert!(!documents(&tier).contains(&"large cheap".to_owned()), "{:?}", documents(&tier));
    let kept = ["large dear", "small cheap", "small dear"];
    assert!(kept.iter().all(|kept| documents(&tier).contains(&(*kept).to_owned())), "{:?}", documents(&tier));
    assert_eq!(tier.stats().dropped, [(Cause::Bytes, 1)].into());
    // What was not used for long goes in the end, however dear it was.
    for n in 0..400 {
        tier.put(&[costs(&format!("y{n:03}"), 15_000, ms(100))]);
    }
    assert!(documents(&tier).iter().all(|document| document.starts_with('y')), "{:?}", documents(&tier));
}

#[test]
fn what_is_found_often_stays() {
    let fixture = Fixture::bounded(100_000_000, 32);
    let cache = fixture.cache();
    let tier = cache.tier(store());
    for n in 0..200 {
        tier.put(&[costs(&format!("d{n:03}"), 500, Duration::from_millis(1))]);
        assert!(is_exact(&find(&tier, "d000", 1)), "{n}");
    }
    let stats = tier.stats();
    assert!(stats.entries <= 32 && stats.dropped[&Cause::Count] == 200 - stats.entries, "{stats:?}");
}

#[test]
fn what_is_too_large_is_not_taken() {
    let fixture = Fixture::bounded(80_000, 100);
    let cache = fixture.cache();
    let tier = cache.tier(store());
    tier.put(&[costs("small", 5_000, Duration::ZERO), costs("large", 11_000, Duration::from_secs(9))]);
    assert_eq!(documents(&tier), ["small"]);
    assert_eq!((tier.stats().puts, tier.stats().too_large), (1, 1));
    // Whose state is shared is no smaller for it.
    let mut settings = fixture.settings.clone();
    settings.bounds.most_bytes = 8_000;
    let tighter = DiskCache::open(fixture.folder.path(), settings).tier(store());
    tighter.put(&[put(entry("other", 1, &incompressible(seed("small"), 5_000)))]);
    assert_eq!(tighter.stats().too_large, 1);
}

#[test]
fn the_file_stays_near_its_budget_and_gives_space_back() {
    const BUDGET: u64 = 1 << 20;
    let fixture = Fixture::bounded(BUDGET, 10_000);
    let cache = fixture.cache();
    let tier = cache.tier(store());
    let file_bytes = || std::fs::metadata(fixture.file()).unwrap().len();
    for (bytes, n) in [(300, 3000), (20_000, 300), (3_000, 800)] {
        for k in 0..n {
            tier.put(&[costs(&format!("{bytes}-{k}"), bytes, Duration::from_micros(k))]);
        }
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        let done = cache.inner.file.outside(&mut |connection| Ok(connection.query_row(checkpoint, [], |_| Ok(()))?));
        done.unwrap();
        let (file, kept) = (file_bytes(), cache.stats().bytes);
        assert!(kept <= BUDGET && kept > BUDGET * 3 / 4, "{bytes}: {kept}");
        assert!(file < BUDGET * 3 / 2, "{bytes}: the file has {file} bytes for {kept}");
        assert_sums(&cache, &[&tier]);
    }
    let full = file_bytes();
    tier.drop_entries(&Which::All, Cause::Asked);
    assert!(cache.needs_maintenance());
    let done = cache.maintain().unwrap();
    assert_eq!((done.bytes_before, done.bytes_after, done.orphans), (0, 0, 0));
    assert!(done.file_bytes_before >= full && done.file_bytes_after < 200_000, "{done:?}");
    assert_eq!((file_bytes(), cache.needs_maintenance()), (done.file_bytes_after, false));
}

#[test]
fn a_smaller_budget_is_kept_by_the_next_that_looks_after_the_file() {
    let mut fixture = Fixture::bounded(1 << 20, 1000);
    fixture
        .cache()
        .tier(store())
        .put(&(0..20).map(|n| costs(&format!("{n}"), 10_000, Duration::ZERO)).collect::<Vec<_>>());
    fixture.settings.bounds.most_bytes = 50_000;
    let cache = fixture.cache();
    assert!(cache.needs_maintenance());
    let done = cache.maintain().unwrap();
    assert!(done.bytes_before > 200_000 && done.bytes_after <= 50_000 && done.evicted >= 15, "{done:?}");
    assert!(!cache.needs_maintenance() && cache.maintain().unwrap().evicted == 0);
    assert_sums(&cache, &[&cache.tier(store())]);
}

#[test]
fn puts_look_after_the_file_by_themselves() {
    let fixture = Fixture::bounded(4 << 20, 10_000);
    let cache = fixture.cache();
    let tier = cache.tier(store());
    tier.put(&(0..200).map(|n| costs(&format!("{n}"), 15_000, Duration::ZERO)).collect::<Vec<_>>());
    tier.drop_entries(&Which::All, Cause::Asked);
    assert!(cache.needs_maintenance());
    for n in 0..300 {
        tier.put(&[costs(&format!("{n}"), 100, Duration::ZERO)]);
    }
    assert!(!cache.needs_maintenance());
}

#[derive(Clone, Debug)]
enum Step {
    Put { document: u8, index: u64, bytes: usize, cost: u64, head: bool },
    Find { document: u8, index: u64 },
    Drop { document: u8 },
    Maintain,
    Reopen,
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..6_u8, 0..8_u64, 1..6_000_usize, 0..100_000_u64, any::<bool>())
            .prop_map(|(document, index, bytes, cost, head)| Step::Put { document, index, bytes, cost, head }),
        4 => (0..6_u8, 0..8_u64).prop_map(|(document, index)| Step::Find { document, index }),
        1 => (0..6_u8).prop_map(|document| Step::Drop { document }),
        1 => Just(Step::Maintain),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// After any sequence, nothing is over its bound, all sums agree, and what is found is what was put last.
    #[test]
    fn bounds_hold_and_sums_agree(steps in prop::collection::vec(steps(), 1..60)) {
        let fixture = Fixture::bounded(40_000, 12);
        let mut cache = fixture.cache();
        let mut kept = std::collections::HashMap::new();
        for step in steps {
            let tier = cache.tier(store());
            match step {
                Step::Put { document, index, bytes, cost, head } => {
                    let name = document.to_string();
                    let mut new = entry(&name, index, &incompressible(bytes as u64 % 5, bytes));
                    new.facts.cost.elapsed = Duration::from_micros(cost);
                    kept.insert((document, index), new.clone());
                    let stamp = head.then(|| Stamp(format!("{index}")));
                    let too_large = tier.stats().too_large;
                    tier.put(&[Put { entry: Arc::new(new.clone()), head: stamp }]);
                    if tier.stats().too_large > too_large {
                        // What was not taken leaves what was there.
                        kept.remove(&(document, index));
                        tier.drop_entries(&Which::Stream(stream(&name)), Cause::Asked);
                    }
                }
                Step::Find { document, index } => {
                    match find(&tier, &document.to_string(), index) {
                        Lookup::Exact(found) => assert_same(&found, &kept[&(document, index)]),
                        Lookup::Below(found) => {
                            let below = found.facts.revision.unwrap().get();
                            prop_assert!(below < index);
                            assert_same(&found, &kept[&(document, below)]);
                        }
                        Lookup::Miss => {}
                    }
                }
                Step::Drop { document } => {
                    let name = document.to_string();
                    let there = indices(&tier).iter().filter(|(document, _)| *document == name).count() as u64;
                    prop_assert_eq!(tier.drop_entries(&Which::Document(name.as_str().into()), Cause::Asked), there);
                }
                Step::Maintain => drop(cache.maintain()),
                Step::Reopen => cache = fixture.cache(),
            }
            let stats = cache.stats();
            prop_assert!(stats.bytes <= 40_000 && stats.entries <= 12, "{:?}", stats);
            assert_sums(&cache, &[&cache.tier(store())]);
            prop_assert_eq!(cache.take_warnings(), []);
        }
    }
}
