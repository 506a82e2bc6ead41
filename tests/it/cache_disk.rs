//! One disk tier under many threads and processes at once: no wrong answer, no error, nothing counted that was not.
//!
//! Each process has eight threads, which put, find, drop, list and look after the file at random, in a budget that is always
//! too small. What an entry has to be follows from where it is, so that each answer is checked by whoever gets it.
//!
//! The suite does that for some seconds in three processes. The long form is
//!
//! ```text
//! SNAPCTL_CACHE_SECONDS=60 cargo test --locked --test it cache_disk -- --nocapture
//! ```
#![expect(clippy::print_stdout, reason = "a process says so what it has done")]

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::smallvec;
use snapctl::cache::disk::{Bounds, DiskCache, DiskTier, Settings};
use snapctl::cache::{Cause, Cost, Entry, Facts, Head, Lookup, Put, StoreIdentity, Tier as _, Want, Which};
use snapctl::model::ids::{OpIndex, Revision, Scope, StreamKey};
use snapctl::model::json::{Json, canonical};
use snapctl::model::stamp::Stamp;
use snapctl::model::state::{JsonState, State};
use snapctl::model::time::Timestamp;
use snapctl::object;

const THREADS: u64 = 8;
const PROCESSES: u64 = 3;
const SECONDS: u64 = 3;
const DOCUMENTS: u64 = 40;
const REVISIONS: u64 = 30;
const BOUNDS: Bounds = Bounds { most_bytes: 2 << 20, most_entries: 400 };

#[test]
fn threads_and_processes_on_one_file_get_right_answers_and_no_error() {
    let seconds = number("SNAPCTL_CACHE_SECONDS").unwrap_or(SECONDS);
    let folder = tempfile::tempdir().unwrap();
    let spawn = |seed: u64| {
        Command::new(std::env::current_exe().unwrap())
            .args(["cache_disk::a_process_of_many_threads", "--exact", "--nocapture"])
            .env("SNAPCTL_CACHE_FOLDER", folder.path())
            .env("SNAPCTL_CACHE_SECONDS", seconds.to_string())
            .env("SNAPCTL_CACHE_SEED", seed.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let processes: Vec<_> = (0..PROCESSES).map(spawn).collect();
    let mut done = Done::default();
    for process in processes {
        let output = process.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        done.add(Done::parse(&text));
    }
    println!("{done:?}");
    assert!(done.requests > 500 && done.hits > done.requests / 20 && done.puts > 100, "{done:?}");
    done.check(&open(folder.path()));
}

/// Alone for a moment, or as one of several.
#[test]
fn a_process_of_many_threads() {
    let folder = std::env::var_os("SNAPCTL_CACHE_FOLDER");
    let own = tempfile::tempdir().unwrap();
    let path = folder.as_ref().map_or(own.path(), Path::new);
    let seconds = if folder.is_some() { number("SNAPCTL_CACHE_SECONDS").unwrap() } else { 1 };
    let until = Instant::now() + Duration::from_secs(seconds);
    let seed = number("SNAPCTL_CACHE_SEED").unwrap_or_default() * THREADS;
    let cache = open(path);
    let mut done = Done::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|n| (Worker::new(&cache, seed + n), scope)).collect();
        let threads: Vec<_> =
            threads.into_iter().map(|(mut worker, scope)| scope.spawn(move || worker.run(until))).collect();
        for thread in threads {
            done.add(thread.join().unwrap());
        }
    });
    assert_eq!(cache.take_warnings(), []);
    assert_eq!(cache.stats().failures, 0);
    drop(cache);
    if folder.is_none() {
        done.check(&open(path));
    }
    println!("done {} {} {}", done.requests, done.hits, done.puts);
}

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    requests: u64,
    hits: u64,
    puts: u64,
}

impl Done {
    fn add(&mut self, other: Done) {
        let Done { requests, hits, puts } = other;
        *self = Done { requests: self.requests + requests, hits: self.hits + hits, puts: self.puts + puts };
    }

    fn parse(text: &str) -> Self {
        let line = text.lines().find_map(|line| line.split_once("done ")).expect("a line that says what was done").1;
        let numbers: Vec<u64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
        Done { requests: numbers[0], hits: numbers[1], puts: numbers[2] }
    }

    /// The file knows of all of it, and is in order.
    fn check(self, cache: &DiskCache) {
        let stats = cache.stats();
        assert_eq!((stats.requests, stats.exact + stats.below, stats.puts), (self.requests, self.hits, self.puts));
        assert_eq!((stats.dropped.get(&Cause::Damaged), stats.failures), (None, 0));
        assert!(
            stats.entries <= BOUNDS.most_entries && stats.bytes <= BOUNDS.most_bytes && stats.entries > 0,
            "{stats:?}"
        );
        let (mut n, mut bytes) = (0, 0);
        cache.list(&mut |_, listed| {
            n += 1;
            bytes += listed.size_bytes;
        });
        assert_eq!((n, bytes), (stats.entries, stats.bytes));
        let maintained = cache.maintain().unwrap();
        assert_eq!((maintained.orphans, maintained.bytes_after), (0, stats.bytes), "{maintained:?}");
        let connection = rusqlite::Connection::open(cache.path()).unwrap();
        let check = connection.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
        assert_eq!(check.unwrap(), "ok");
        assert_eq!(cache.take_warnings(), []);
    }
}

fn open(folder: &Path) -> DiskCache {
    let mut settings = Settings::new(Arc::new(|| Timestamp::from_millis(1_700_000_000_000).unwrap()));
    settings.bounds = BOUNDS;
    settings.patience = Duration::from_secs(60);
    DiskCache::open(folder, settings)
}

/// A thread, its random numbers, and what it did.
struct Worker {
    cache: DiskCache,
    tiers: [DiskTier; 2],
    random: u64,
    done: Done,
}

impl Worker {
    fn new(cache: &DiskCache, seed: u64) -> Self {
        let tiers = ["/a/ops.db", "/b/ops.db"].map(|location| cache.tier(StoreIdentity::new(location, "1")));
        Worker { cache: cache.clone(), tiers, random: hash(seed), done: Done::default() }
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.random = hash(self.random);
        self.random % limit
    }

    fn run(&mut self, until: Instant) -> Done {
        while Instant::now() < until {
            let store = usize::from(self.below(4) == 0);
            match self.below(100) {
                0..45 => self.find(store, 1),
                45..55 => self.find(store, 6),
                55..65 => self.find_head(store),
                65..94 => self.put(store),
                94..96 => self.drop_some(store),
                96..98 => self.tiers[store].list(&mut |listed| assert_eq!(listed.facts.fingerprint, *"f")),
                98 => drop(self.cache.maintain()),
                _ => self.cache.save(),
            }
        }
        self.done
    }

    fn place(&mut self) -> (StreamKey, u64) {
        // Some documents are asked for more often than others.
        let most = 1 + self.below(DOCUMENTS);
        let document = self.below(most);
        (stream(document), self.below(REVISIONS))
    }

    fn find(&mut self, store: usize, n: usize) {
        let places: Vec<_> = (0..n).map(|_| self.place()).collect();
        let wants: Vec<Want<'_>> =
            places.iter().map(|(stream, at)| Want { stream, revision: Some(revision(*at)), fits: &|_| true }).collect();
        for ((stream, at), found) in places.iter().zip(self.tiers[store].find_all(&wants)) {
            self.done.requests += 1;
            let (found, exact) = match found {
                Lookup::Exact(found) => (found, true),
                Lookup::Below(found) => (found, false),
                Lookup::Miss => continue,
            };
            self.done.hits += 1;
            let revision = found.facts.revision.unwrap().get();
            assert!(if exact { revision == *at } else { revision < *at });
            assert_right(&found, store, stream);
        }
    }

    fn find_head(&mut self, store: usize) {
        let (stream, at) = self.place();
        if let Some(found) = self.tiers[store].find_head(&stream, &stamp(at)) {
            self.done.requests += 1;
            self.done.hits += 1;
            assert_eq!(found.facts.revision, Some(revision(at)));
            assert_right(&found, store, &stream);
        }
    }

    fn put(&mut self, store: usize) {
        let n = 1 + self.below(4);
        let (stream, from) = self.place();
        let puts: Vec<Put> = (from..(from + n).min(REVISIONS))
            .map(|at| Put { entry: Arc::new(entry(store, &stream, at)), head: (at % 3 == 0).then(|| stamp(at)) })
            .collect();
        self.tiers[store].put(&puts);
        self.done.puts += puts.len() as u64;
    }

    fn drop_some(&mut self, store: usize) {
        let (stream, _) = self.place();
        let which = match self.below(3) {
            0 => Which::Stream(stream),
            1 => Which::Document(stream.document),
            _ => {
                let pattern = glob::Pattern::new("s:*/global@main:1?:v*").unwrap();
                Which::Glob { namespace: "s".into(), pattern }
            }
        };
        self.tiers[store].drop_entries(&which, Cause::Asked);
    }
}

fn stream(document: u64) -> StreamKey {
    let branch = if document.is_multiple_of(7) { "side" } else { "main" };
    StreamKey { document: format!("document-{document}").into(), scope: Scope::global(), branch: branch.into() }
}

fn revision(at: u64) -> Revision {
    Revision::of(OpIndex::new(at))
}

fn stamp(at: u64) -> Stamp {
    Stamp(format!("at {at}"))
}

/// What an entry at a place has to be. Some revisions share a state.
fn entry(store: usize, stream: &StreamKey, at: u64) -> Entry {
    let mut random = hash((store, stream, at / 2));
    let items = (0..random % 600).map(|_| {
        random = hash(random);
        Json::from(format!("{random:x}"))
    });
    let value: Json<'static> = object! { "items" => Json::Array(items.collect()) }.into();
    let initial = State::new(JsonState::from_iter([(Scope::global(), Json::Object(object! {}))]));
    let facts = Facts {
        stream: stream.clone(),
        revision: Some(revision(at)),
        operation: Some(format!("{at}").into()),
        document_type: "note".into(),
        versions: smallvec![1],
        fingerprint: "f".into(),
        heads: vec![Head { scope: Scope::global(), revision: revision(at), operation: format!("{at}").into() }],
        newest: None,
        seal: None,
        cost: Cost { operations: at + 1, elapsed: Duration::from_micros(hash(at) % 9000) },
    };
    let header = object! { "at" => Json::from(at.to_string()) };
    Entry { facts, header: header.into(), state: State::new(JsonState::from_iter([(Scope::global(), value)])), initial }
}

fn assert_right(found: &Entry, store: usize, stream: &StreamKey) {
    let right = entry(store, stream, found.facts.revision.unwrap().get());
    assert_eq!(found.facts, right.facts);
    assert_eq!(found.header, right.header);
    for (found, right) in [(&found.state, &right.state), (&found.initial, &right.initial)] {
        assert_eq!(found.scopes(), right.scopes());
        assert!(found.scope("global").map(|state| canonical(&state)) == right.canonical("global"));
    }
}

fn hash(what: impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

#[expect(clippy::disallowed_methods, reason = "how long a test takes is up to who runs it")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}
