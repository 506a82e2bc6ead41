//! What the disk tier keeps, and for how long.

mod bounds;
mod faults;
mod round_trip;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use smallvec::smallvec;
use tempfile::TempDir;

use super::*;
use crate::cache::{Cost, Entry, Facts, Head, Lookup, Put, Tier as _, Want};
use crate::model::ids::{OpIndex, Revision, Scope, StreamKey};
use crate::model::json::{Json, Object, parse};
use crate::model::stamp::Stamp;
use crate::model::state::{JsonState, State};
use crate::model::time::Timestamp;
use crate::object;

/// A cache in a folder of its own, and what time it is there.
struct Fixture {
    folder: TempDir,
    now: Arc<AtomicI64>,
    settings: Settings,
}

impl Fixture {
    fn new() -> Self {
        let now = Arc::new(AtomicI64::new(1_000_000));
        let clock = Arc::clone(&now);
        let settings = Settings::new(Arc::new(move || at_millis(clock.load(Ordering::Relaxed))));
        Fixture { folder: tempfile::tempdir().unwrap(), now, settings }
    }

    fn bounded(most_bytes: u64, most_entries: u64) -> Self {
        let mut fixture = Self::new();
        fixture.settings.bounds = Bounds { most_bytes, most_entries };
        fixture
    }

    fn cache(&self) -> DiskCache {
        let cache = DiskCache::open(self.folder.path(), self.settings.clone());
        // Nobody waits for the disk.
        *lock(&cache.inner.file.hinder) = Some(|connection| drop(connection.pragma_update(None, "synchronous", "OFF")));
        cache
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join(FILE_NAME)
    }

    fn pass(&self, time: Duration) {
        self.now.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

fn at_millis(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

fn store() -> StoreIdentity {
    StoreIdentity::new("/somewhere/ops.db", "1:2")
}

fn stream(document: &str) -> StreamKey {
    StreamKey { document: document.into(), scope: Scope::global(), branch: "main".into() }
}

#[expect(clippy::unnecessary_wraps, reason = "it is wanted as such")]
fn revision(index: u64) -> Option<Revision> {
    Some(Revision::of(OpIndex::new(index)))
}

fn json(text: &str) -> Json<'static> {
    parse(text.as_bytes()).unwrap().into_owned()
}

fn state(text: &str) -> State {
    State::new(JsonState::from_iter([(Scope::global(), json(text))]))
}

/// A state that compresses to about as many bytes.
fn incompressible(seed: u64, bytes: usize) -> String {
    let mut word = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = String::from("\"");
    // A hexadecimal digit is half a byte.
    while text.len() < 2 * bytes {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        write!(text, "{word:016x}").unwrap();
    }
    text.push('"');
    text
}

fn entry(document: &str, index: u64, text: &str) -> Entry {
    let facts = Facts {
        stream: stream(document),
        revision: revision(index),
        operation: Some(format!("op-{document}-{index}").into()),
        document_type: "test/note".into(),
        versions: smallvec![1],
        fingerprint: "print".into(),
        heads: vec![last("document", 2), last("global", index)],
        newest: Some(at_millis(77)),
        seal: None,
        cost: Cost { operations: index + 1, elapsed: Duration::from_micros(100 * (index % 1000)) },
    };
    Entry {
        facts,
        header: Arc::new(object! { "id" => Json::from(document.to_owned()) }),
        state: state(text),
        initial: state("{}"),
    }
}

fn put(entry: Entry) -> Put {
    Put { entry: Arc::new(entry), head: None }
}

fn head(entry: Entry, stamp: &str) -> Put {
    Put { entry: Arc::new(entry), head: Some(Stamp(stamp.to_owned())) }
}

fn find(tier: &DiskTier, document: &str, index: u64) -> Lookup {
    tier.find(&Want { stream: &stream(document), revision: revision(index), fits: &|_| true })
}

fn is_exact(lookup: &Lookup) -> bool {
    matches!(lookup, Lookup::Exact(_))
}

fn is_miss(lookup: &Lookup) -> bool {
    matches!(lookup, Lookup::Miss)
}

fn indices(tier: &DiskTier) -> Vec<(String, u64)> {
    let mut all = Vec::new();
    tier.list(&mut |listed| {
        let facts = listed.facts;
        all.push((facts.stream.document.as_str().to_owned(), facts.revision.map_or(u64::MAX, Revision::get)));
    });
    all
}

fn scopes(state: &State) -> Vec<(Scope, Json<'static>)> {
    state.scopes().into_iter().map(|scope| (scope.clone(), state.scope(scope.as_str()).unwrap())).collect()
}

/// All numbers, with their bits: `-0` is no `0` here.
fn same(a: &Json<'_>, b: &Json<'_>) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a.to_bits() == b.to_bits(),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => same_members(a, b),
        _ => a == b,
    }
}

fn same_members(a: &Object<'_>, b: &Object<'_>) -> bool {
    a.len() == b.len() && a.iter().zip(b.iter()).all(|((key, a), (other, b))| key == other && same(a, b))
}

fn assert_same(found: &Entry, kept: &Entry) {
    assert_eq!(found.facts, kept.facts);
    assert!(same_members(&found.header, &kept.header), "{:?} {:?}", found.header, kept.header);
    for (found, kept) in [(&found.state, &kept.state), (&found.initial, &kept.initial)] {
        let (found, kept) = (scopes(found), scopes(kept));
        assert_eq!(found.len(), kept.len());
        for ((name, found), (other, kept)) in found.iter().zip(&kept) {
            assert!(name == other && same(found, kept), "{name}: {found:?} {kept:?}");
        }
    }
}

/// What the budget says, what a listing sums up to, and what is counted agree.
fn assert_sums(cache: &DiskCache, tiers: &[&DiskTier]) {
    for tier in tiers {
        let mut sum = (0, 0);
        tier.list(&mut |listed| sum = (sum.0 + 1, sum.1 + listed.size_bytes));
        assert_eq!((tier.stats().entries, tier.stats().bytes), sum);
    }
    let mut sum = (0, 0);
    cache.list(&mut |_, listed| sum = (sum.0 + 1, sum.1 + listed.size_bytes));
    assert_eq!((cache.stats().entries, cache.stats().bytes), sum);
    let total = cache.inner.file.look(&mut |connection| evict::total(connection));
    assert_eq!(total.unwrap_or_default(), sum);
}

fn copy_of(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn last(scope: &str, index: u64) -> Head {
    let revision = Revision::of(OpIndex::new(index));
    Head { scope: scope.into(), revision, operation: format!("{scope}-{index}").into() }
}
