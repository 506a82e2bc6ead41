//! What is kept comes back as it was.

use proptest::prelude::*;

use super::*;
use crate::cache::TierName;
use crate::model::seal::Seal;

#[test]
fn odd_entries_read_back() {
    let fixture = Fixture::new();
    let tier = fixture.cache().tier(store());
    let mut odd = entry("odd", 7, "null");
    odd.facts.stream = StreamKey { document: "a/b@c:%\u{0}\u{FFFF}".into(), scope: "".into(), branch: "é\n".into() };
    odd.facts.operation = None;
    odd.facts.versions = smallvec![1, 3, u32::MAX];
    odd.facts.heads = vec![last("\u{0}", 1 << 60)];
    odd.facts.newest = Some(at_millis(-62_000_000_000_000));
    odd.facts.seal = Some(Seal::from_bytes([7; 32]));
    odd.facts.cost = Cost { operations: u64::MAX, elapsed: Duration::from_nanos(u64::MAX) };
    odd.header = Arc::new(
        json(
            r#"{"":{"\ud800":-0},"\u0000":[1e999,-1e999,null],"long":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}"#,
        )
        .as_object()
        .unwrap()
        .clone(),
    );
    let text = json(r#"{"\udfff":"\ud83d\u0000","n":[1e999,-1e999,-0,0,5e-324],"\ud83d\ude00":{"a":[]}}"#);
    odd.state = State::new(JsonState::from_iter([
        ("".into(), text.clone()),
        ("global".into(), Json::Null),
        ("\u{FFFF}".into(), Json::Number(-0.0)),
        ("\u{1F600}".into(), Json::Bool(false)),
    ]));
    odd.initial = State::new(JsonState::default());
    let mut first = entry("odd", 0, "{}");
    first.facts.revision = None;
    first.facts.newest = None;
    first.facts.heads = Vec::new();
    first.state = State::new(JsonState::default());
    first.header = Arc::new(Object::new());
    let nested = format!("{}{}", "[".repeat(990), "]".repeat(990));
    let deep = entry("deep", u64::MAX >> 2, &nested);
    let long = entry("long", 3, &format!("[{}1]", "{\"k\":[1,2,3],\"s\":\"abc\"},".repeat(100_000)));
    let all = [odd, first, deep, long];
    tier.put(&all.clone().map(put));
    let again = fixture.cache().tier(store());
    for kept in &all {
        for tier in [&tier, &again] {
            let want = Want { stream: &kept.facts.stream, revision: kept.facts.revision, fits: &|_| true };
            let Lookup::Exact(found) = tier.find(&want) else { panic!("{:?}", kept.facts.stream) };
            assert_same(&found, kept);
        }
    }
    assert_eq!((tier.stats().puts, tier.stats().too_large, tier.name()), (4, 0, TierName::Disk));
}

#[test]
fn what_would_not_read_back_is_not_kept() {
    let fixture = Fixture::new();
    let tier = fixture.cache().tier(store());
    let nested = (0..=crate::model::json::MAX_DEPTH).fold(Json::Null, |inner, _| Json::Array(vec![inner]));
    for bad in [nested, Json::Number(f64::NAN)] {
        let mut entry = entry("bad", 1, "1");
        entry.state = State::new(JsonState::from_iter([(Scope::global(), bad)]));
        tier.put(&[put(entry)]);
        assert!(is_miss(&find(&tier, "bad", 1)));
    }
    assert_eq!((tier.stats().too_large, tier.stats().entries), (2, 0));
}

#[test]
fn the_newest_that_fits_is_found_and_no_other_is_loaded() {
    let fixture = Fixture::new();
    let tier = fixture.cache().tier(store());
    tier.put(&[1, 4, 6, 9].map(|n| put(entry("a", n, &n.to_string()))));
    tier.put(&[put(entry("b", 5, "5"))]);
    let asked = std::cell::RefCell::new(Vec::new());
    let find = |at, fits: &dyn Fn(u64) -> bool| {
        asked.borrow_mut().clear();
        let fits = |facts: &Facts| {
            let index = facts.revision.unwrap().get();
            asked.borrow_mut().push(index);
            fits(index)
        };
        tier.find(&Want { stream: &stream("a"), revision: at, fits: &fits })
    };
    assert!(matches!(find(revision(6), &|_| true), Lookup::Exact(found) if found.facts.revision == revision(6)));
    assert_eq!(*asked.borrow(), [6]);
    assert!(matches!(find(revision(8), &|n| n < 5), Lookup::Below(found) if found.facts.revision == revision(4)));
    assert_eq!(*asked.borrow(), [6, 4]);
    assert!(is_miss(&find(revision(100), &|_| false)));
    assert_eq!(*asked.borrow(), [9, 6, 4, 1]);
    assert!(is_miss(&find(revision(0), &|_| true)) && is_miss(&find(None, &|_| true)));
    assert!(is_miss(&fixture.cache().tier(StoreIdentity::new("/somewhere/ops.db", "1:3")).find(&Want {
        stream: &stream("a"),
        revision: revision(6),
        fits: &|_| true
    })));
    let stats = tier.stats();
    assert_eq!((stats.requests, stats.exact, stats.below, stats.misses), (5, 1, 1, 3));
    assert_eq!(stats.saved.operations, 7 + 5);
    assert_eq!(stats.loads.count(), 2);
}

#[test]
fn a_lookup_is_no_scan() {
    let fixture = Fixture::new();
    let tier = fixture.cache().tier(store());
    tier.put(&(0..100).map(|n| put(entry("a", n, "1"))).collect::<Vec<_>>());
    let asked = std::cell::Cell::new(0);
    let fits = |_: &Facts| {
        asked.set(asked.get() + 1);
        false
    };
    assert!(is_miss(&tier.find(&Want { stream: &stream("a"), revision: revision(1000), fits: &fits })));
    assert_eq!(asked.get(), 16);
}

#[test]
fn one_state_is_stored_once_and_goes_with_the_last_that_has_it() {
    let fixture = Fixture::new();
    let cache = fixture.cache();
    let (here, there) = (cache.tier(store()), cache.tier(StoreIdentity::new("/elsewhere", "")));
    let text = incompressible(1, 50_000);
    here.put(&[put(entry("a", 1, &text))]);
    let one = cache.stats().bytes;
    here.put(&[put(entry("a", 2, &text)), put(entry("b", 2, &text))]);
    there.put(&[put(entry("a", 1, &text))]);
    let four = cache.stats().bytes;
    assert!(one > 50_000 && four < one + 10_000, "{one} {four}");
    assert_sums(&cache, &[&here, &there]);
    assert!(is_exact(&find(&there, "a", 1)));
    assert_eq!(here.drop_entries(&Which::All, Cause::Asked), 3);
    assert_sums(&cache, &[&here, &there]);
    assert!(is_exact(&find(&there, "a", 1)) && cache.stats().bytes > 50_000);
    assert_eq!(cache.drop_entries(&Which::All, Cause::Asked), 1);
    assert_eq!((cache.stats().entries, cache.stats().bytes), (0, 0));
}

#[test]
fn an_entry_that_is_put_again_replaces_the_one_before() {
    let fixture = Fixture::new();
    let cache = fixture.cache();
    let tier = cache.tier(store());
    tier.put(&[put(entry("a", 1, &incompressible(1, 9000)))]);
    assert!(is_exact(&find(&tier, "a", 1)));
    tier.put(&[put(entry("a", 1, "2"))]);
    let Lookup::Exact(found) = find(&tier, "a", 1) else { panic!("it is there") };
    assert_same(&found, &entry("a", 1, "2"));
    assert_sums(&cache, &[&tier]);
    assert!(cache.stats().bytes < 5000, "the old body is gone");
    cache.save();
    tier.list(&mut |listed| assert_eq!(listed.reads, 2));

    // Another operation at the same place: the log is another one. Another model: both may be wanted.
    let mut other_log = entry("a", 1, "3");
    other_log.facts.operation = Some("other".into());
    let mut other_model = other_log.clone();
    other_model.facts.fingerprint = "other".into();
    tier.put(&[put(other_log.clone()), put(other_model)]);
    assert_eq!(indices(&tier).len(), 2);
    assert_eq!(tier.stats().dropped, [(Cause::LogChanged, 1)].into());
    let fits = |facts: &Facts| facts.fingerprint == other_log.facts.fingerprint;
    let found = tier.find(&Want { stream: &stream("a"), revision: revision(1), fits: &fits });
    assert!(matches!(found, Lookup::Exact(found) if found.facts == other_log.facts));
}

#[test]
fn a_head_answers_for_its_stamp_until_its_time_is_over() {
    let mut fixture = Fixture::new();
    fixture.settings.head_ttl =
        HeadTtl { default: None, of: [("test/short".into(), Some(Duration::from_secs(60)))].into() };
    let cache = fixture.cache();
    let tier = cache.tier(store());
    let stamp = |text: &str| Stamp(text.to_owned());
    let mut short = entry("short", 4, "4");
    short.facts.document_type = "test/short".into();
    tier.put(&[head(entry("a", 3, "3"), "s1"), head(short, "s1"), put(entry("b", 1, "1"))]);
    let found = tier.find_head(&stream("a"), &stamp("s1")).unwrap();
    assert_same(&found, &entry("a", 3, "3"));
    assert!(
        tier.find_head(&stream("a"), &stamp("s2")).is_none() && tier.find_head(&stream("b"), &stamp("s1")).is_none()
    );
    // A newer head of the stream takes its place; the older state stays.
    tier.put(&[head(entry("a", 4, "4"), "s2")]);
    assert!(tier.find_head(&stream("a"), &stamp("s1")).is_none());
    assert_eq!(tier.find_head(&stream("a"), &stamp("s2")).unwrap().facts.revision, revision(4));
    assert!(is_exact(&find(&tier, "a", 3)));

    fixture.pass(Duration::from_secs(59));
    assert!(tier.find_head(&stream("short"), &stamp("s1")).is_some() && !cache.needs_maintenance());
    fixture.pass(Duration::from_secs(1));
    assert!(tier.find_head(&stream("short"), &stamp("s1")).is_none() && cache.needs_maintenance());
    assert!(tier.find_head(&stream("a"), &stamp("s2")).is_some());
    let heads = || {
        let mut heads = Vec::new();
        tier.list(&mut |listed| heads.extend(listed.head.then(|| listed.facts.stream.document.to_string())));
        heads
    };
    assert_eq!(heads(), ["a", "short"]);
    assert_eq!(cache.maintain().unwrap().expired, 1);
    assert_eq!(heads(), ["a"]);
    assert!(is_exact(&find(&tier, "short", 4)), "it is a state still");
    assert_eq!((cache.needs_maintenance(), cache.stats().dropped), (false, [(Cause::Expired, 1)].into()));
}

#[test]
fn a_head_put_again_with_other_heads_beside_it_is_no_head_of_the_old_stamp() {
    let fixture = Fixture::new();
    let tier = fixture.cache().tier(store());
    tier.put(&[head(entry("a", 3, "3"), "s1")]);
    let mut later = entry("a", 3, "3");
    later.facts.heads.push(last("local", 0));
    tier.put(&[put(later)]);
    assert!(tier.find_head(&stream("a"), &Stamp("s1".into())).is_none());
}

#[test]
fn what_is_dropped_is_what_was_asked_for() {
    let fixture = Fixture::new();
    let all = |tier: &DiskTier| {
        let mut entries = Vec::new();
        for document in ["a", "b"] {
            for scope in ["global", "local"] {
                for branch in ["main", "side"] {
                    let mut entry = entry(document, 1, "1");
                    entry.facts.stream.scope = scope.into();
                    entry.facts.stream.branch = branch.into();
                    entry.facts.fingerprint = branch.into();
                    entries.push(put(entry));
                }
            }
        }
        tier.put(&entries);
    };
    let glob =
        |pattern: &str| Which::Glob { namespace: "snapctl".to_owned(), pattern: glob::Pattern::new(pattern).unwrap() };
    let cases = [
        (Which::All, 8),
        (Which::Document("a".into()), 4),
        (Which::Scope("a".into(), "local".into()), 2),
        (Which::Stream(stream("b")), 1),
        (Which::Stream(stream("c")), 0),
        (glob("snapctl:test/note:?/local@main:*"), 2),
        (glob("*:v2"), 0),
        (Which::Fingerprint("side".into()), 4),
    ];
    for (which, n) in cases {
        let cache = fixture.cache();
        let (tier, other) = (cache.tier(store()), cache.tier(StoreIdentity::new("/elsewhere", "")));
        all(&tier);
        all(&other);
        let before = tier.stats();
        let matching = |tier: &DiskTier| {
            let mut matching = 0;
            tier.list(&mut |listed| matching += u64::from(which.includes(listed.facts)));
            matching
        };
        assert_eq!(matching(&tier), n, "{which:?}");
        assert_eq!(tier.drop_entries(&which, Cause::DocumentUpgraded), n, "{which:?}");
        assert_eq!((matching(&tier), tier.stats().entries), (0, 8 - n), "{which:?}");
        assert_eq!((matching(&other), other.stats().entries), (n, 8), "{which:?}: another store");
        let dropped = |stats: &TierStats| stats.dropped.get(&Cause::DocumentUpgraded).copied().unwrap_or_default();
        assert_eq!(dropped(&tier.stats()) - dropped(&before), n, "{which:?}");
        assert_eq!(cache.drop_entries(&which, Cause::Asked), n, "{which:?}: all stores");
        assert_eq!((matching(&other), other.stats().entries), (0, 8 - n), "{which:?}: all stores");
        assert_sums(&cache, &[&tier, &other]);
    }
}

#[test]
fn counters_survive() {
    let fixture = Fixture::new();
    let elsewhere = StoreIdentity::new("/elsewhere", "");
    let (tier_stats, other_stats, all) = {
        let cache = fixture.cache();
        let (tier, other) = (cache.tier(store()), cache.tier(elsewhere.clone()));
        tier.put(&[put(entry("a", 1, "1")), put(entry("a", 2, "2"))]);
        for index in [0, 1, 1, 2, 3] {
            let _ = find(&tier, "a", index);
        }
        let _ = find(&other, "a", 1);
        tier.drop_entries(&Which::Stream(stream("a")), Cause::DocumentDeleted);
        assert_eq!(tier.stats().dropped, [(Cause::DocumentDeleted, 2)].into());
        (tier.stats(), other.stats(), cache.stats())
    };
    assert_eq!((tier_stats.exact, tier_stats.below, tier_stats.misses, tier_stats.puts), (3, 1, 1, 2));
    let cache = fixture.cache();
    assert_eq!((cache.tier(store()).stats(), cache.tier(elsewhere).stats()), (tier_stats, other_stats));
    assert_eq!(cache.stats(), all);
    // Of stores of which nothing is kept, only the sum stays.
    let _ = cache.maintain().unwrap();
    assert_eq!(cache.stats(), all);
    assert_eq!(cache.tier(store()).stats().requests, 0);
}

#[test]
fn hits_write_nothing_until_there_are_many() {
    let fixture = Fixture::new();
    let cache = fixture.cache();
    let tier = cache.tier(store());
    tier.put(&[put(entry("a", 1, "1"))]);
    let changes = || {
        let changes = cache.inner.file.look(&mut |connection| {
            Ok(connection.query_row("SELECT reads FROM entry", [], |row| row.get::<_, i64>(0))?)
        });
        changes.unwrap()
    };
    for _ in 0..200 {
        assert!(is_exact(&find(&tier, "a", 1)));
    }
    assert_eq!(changes(), 0);
    for _ in 0..100 {
        assert!(is_exact(&find(&tier, "a", 1)));
    }
    assert_eq!(changes(), 256);
    drop((tier, cache));
    fixture.cache().tier(store()).list(&mut |listed| assert_eq!(listed.reads, 300));
}

#[test]
fn looking_makes_no_file() {
    let mut fixture = Fixture::new();
    let folder = fixture.folder.path().join("a/b");
    let cache = DiskCache::open(&folder, fixture.settings.clone());
    let tier = cache.tier(store());
    assert!(is_miss(&find(&tier, "a", 1)) && tier.find_head(&stream("a"), &Stamp("s".into())).is_none());
    assert_eq!((tier.drop_entries(&Which::All, Cause::Asked), indices(&tier).len()), (0, 0));
    assert!(cache.maintain().is_none() && !cache.needs_maintenance());
    assert_eq!((tier.stats().requests, tier.stats().misses, tier.stats().failures), (1, 1, 0));
    cache.save();
    assert!(!fixture.folder.path().join("a").exists());
    tier.put(&[put(entry("a", 1, "1"))]);
    assert!(folder.join(FILE_NAME).is_file() && is_exact(&find(&tier, "a", 1)));
    assert_eq!(cache.take_warnings(), []);
    fixture.settings.bounds.most_bytes = 0;
    assert_eq!(DiskCache::open(&folder, fixture.settings.clone()).maintain().unwrap().evicted, 1);
}

fn values() -> impl Strategy<Value = Json<'static>> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<f64>().prop_filter("no text", |n| !n.is_nan()).prop_map(Json::Number),
        ".{0,6}".prop_map(Json::from),
        prop::collection::vec(0xD7F0_u16..0xE010, 0..4).prop_map(|units| {
            let units: Vec<String> = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            json(&format!("\"{}\"", units.concat()))
        }),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::Array),
            prop::collection::vec((".{0,4}", inner), 0..5).prop_map(|members| {
                Json::Object(members.into_iter().map(|(key, value)| (key.into(), value)).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn every_state_reads_back(scopes in prop::collection::vec((".{0,5}", values()), 0..4), header in values()) {
        let state = State::new(scopes.into_iter().map(|(scope, value)| (Scope::from(scope), value)).collect::<JsonState>());
        let mut kept = entry("a", 1, "1");
        kept.state = body::read_state(&body::write_state(&state).unwrap()).unwrap();
        kept.header = Arc::new(object! { "h" => header });
        let found = Entry {
            facts: facts::read(&facts::write(&kept.facts)).unwrap(),
            header: Arc::new(body::read_header(&body::write_header(&kept.header).unwrap()).unwrap()),
            state,
            initial: kept.initial.clone(),
        };
        assert_same(&found, &kept);
    }
}
