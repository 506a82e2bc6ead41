//! Figures of our own tables: planning over a million keyframes, and what compressed bodies cost and save.
//!
//! `--test` runs everything once on small data.
#![expect(clippy::print_stdout, reason = "figures are what a bench is for")]

mod support;

use std::hint::black_box;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use snapctl::keyframe::plan::{Choice, Missing, PlanError, Request, Sizes, plan};
use snapctl::keyframe::policy::Policy;
use snapctl::model::checksum::Checksum;
use snapctl::model::ids::{Branch, OpIndex, Revision, Scope, StreamKey};
use snapctl::model::json::{hash_canonical, parse};
use snapctl::model::progress::Silent;
use snapctl::model::seal::Seal;
use snapctl::model::time::Timestamp;
use snapctl::reducer::Registry;
use snapctl::replay::{Sources, Trust};
use snapctl::store::records::{Check, NewRecord, Proof, Verdict, Within};
use snapctl::store::{Access, Codec, Flow, NewKeyframe, Options, Store, Write, sqlite};

use support::recorded::keyframes_of;
use support::{Random, Shape, generate, stream};

fn main() {
    let short = std::env::args().any(|arg| arg == "--test");
    let directory = tempfile::tempdir().expect("a temporary directory");
    inventory(directory.path(), if short { 10_000 } else { 1_000_000 });
    let shapes: &[(&str, Shape)] = if short {
        &[("growing", Shape::Growing(800)), ("changing", Shape::Changing { nodes: 300, operations: 1_000 })]
    } else {
        &[("growing", Shape::Growing(80_000)), ("changing", Shape::Changing { nodes: 300, operations: 100_000 })]
    };
    for (name, shape) in shapes {
        bodies(directory.path(), name, *shape);
    }
}

fn open(path: &Path) -> Arc<dyn Store> {
    let options = Options { access: Access::Change, ..Options::default() };
    Arc::new(sqlite::open(path, &options).expect("a store"))
}

fn at(revision: u64) -> Revision {
    Revision::of(OpIndex::new(revision))
}

/// Reads what a policy wants to know of many keyframes: recorded ones, ones of another program, and both mixed.
fn inventory(directory: &Path, keyframes: u64) {
    const EACH: u64 = 500;
    for (name, recorded_of) in [("none recorded", 0), ("all recorded", 1), ("half of them recorded", 2)] {
        let path = directory.join("inventory.db");
        drop(sqlite::create(&path).expect("a new store"));
        let store = open(&path);
        let mut random = Random::seeded(3);
        let mut write = store.write().expect("a new store can be written");
        for n in 0..keyframes / EACH {
            let stream = StreamKey { document: random.uuid().into(), scope: Scope::global(), branch: Branch::main() };
            for revision in 0..EACH {
                let recorded = recorded_of == 1 || recorded_of == 2 && (n + revision) % 2 == 0;
                keyframe(&mut *write, &stream, revision * 100, recorded);
            }
        }
        write.commit().expect("a new store can be written");
        drop(store);
        let store = open(&path);
        let mut best = Duration::MAX;
        for _ in 0..3 {
            let start = Instant::now();
            let (mut n, mut bytes, mut known) = (0_u64, 0, 0_u64);
            let read = store.read().expect("a moment");
            read.records()
                .inventory(Within::Everything, &mut |kept| {
                    n += 1;
                    bytes += kept.known.map_or(0, |known| known.stored_bytes);
                    known += u64::from(kept.known.is_some());
                    Flow::Continue(())
                })
                .expect("all of them");
            best = best.min(start.elapsed());
            assert_eq!(n, keyframes);
            black_box((bytes, known));
        }
        println!("inventory of {keyframes} keyframes, {name}: {best:.2?}");
        planning(&path, keyframes, name);
        std::fs::remove_file(&path).expect("the store just written");
    }
}

/// Decides on all of them, as `keyframe prune --dry-run` does.
fn planning(path: &Path, keyframes: u64, name: &str) {
    // Heads, so that there is something to be near to.
    let heads = r#"INSERT INTO "Operation" ("jobId", "opId", "prevOpId", "writeTimestampUtcMs", "documentId", "documentType",
        "scope", "branch", "timestampUtcMs", "index", "action", "skip", "hash")
        SELECT 'job', "documentId", '', '2026-01-01T00:00:00.000Z', "documentId", 'powerhouse/document-drive', 'global',
        'main', '2026-01-01T00:00:00.000Z', 50000, '{}', 0, '' FROM (SELECT DISTINCT "documentId" FROM "Keyframe")"#;
    rusqlite::Connection::open(path).and_then(|store| store.execute_batch(heads)).expect("a head for each");
    let store = open(path);
    let registry = Registry::built_in();
    let policy = Policy {
        keep_log_spaced: NonZeroU64::new(2),
        max_replay_ops: NonZeroU64::new(1000),
        keep_last: NonZeroU64::new(10),
        ..Policy::default()
    };
    let now = Timestamp::from_millis(1_800_000_000_000).expect("a time");
    let choice = Choice::Policy(policy);
    let request = Request { parts: &[], choice, missing: Missing::Leave, recode: None, now, sizes: Sizes::Few };
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let start = Instant::now();
        let (mut n, mut kept) = (0, 0);
        let read = store.read().expect("a moment");
        let sources = Sources { read: &*read, registry: &registry, trust: Trust::default(), progress: &Silent };
        plan(&sources, &request, &mut |stream| -> Result<(), PlanError> {
            n += stream.before.keyframes;
            kept += stream.after.keyframes;
            Ok(())
        })
        .expect("a plan");
        best = best.min(start.elapsed());
        assert!(n == keyframes && 0 < kept && kept < n, "{kept} of {n}");
    }
    println!("plan for {keyframes} keyframes, {name}: {best:.2?}");
}

fn keyframe(write: &mut dyn Write, stream: &StreamKey, revision: u64, recorded: bool) {
    let document = format!(r#"{{"header":{{"revision":{{"global":{revision}}}}},"state":{{}},"initialState":{{}}}}"#);
    let created = Timestamp::from_millis(1_767_225_600_000 + i64::try_from(revision).expect("small")).expect("a time");
    let keyframe = NewKeyframe {
        stream,
        revision: at(revision),
        document_type: &"powerhouse/document-drive".into(),
        document: document.as_bytes(),
        created,
    };
    write.put_keyframe(&keyframe).expect("a keyframe");
    if recorded {
        let proof = Proof {
            operation_id: "0123456789abcdef0123456789abcdef".into(),
            seal: Seal::from_bytes([7; 32]),
            newest: Some(created),
            state_hash: hash_canonical(None),
        };
        let check = Check { checked: created, fingerprint: "native-drive-1".into(), verdict: Verdict::Ok(proof) };
        let (checksum, body_bytes) = (Checksum::of(document.as_bytes()), document.len() as u64);
        let record = NewRecord { stream, revision: at(revision), checksum, body_bytes, check: Some(&check), pin: None };
        assert!(write.records_mut().and_then(|records| records.put_record(&record)).expect("a record"));
    }
}

/// Writes the keyframes of a drive in each way, and compares sizes, and times to load some of them.
fn bodies(directory: &Path, name: &str, shape: Shape) {
    /// Of how many keyframes one is loaded; the others are not written as JSON, which would take gigabytes.
    const LOADED: usize = 25;
    let log = directory.join(format!("{name}.db"));
    let source = generate(&log, shape);
    let stream = stream();
    let paths = Codec::ALL.map(|codec| directory.join(format!("{name}-{codec}.db")));
    let stores = paths.each_ref().map(|path| {
        drop(sqlite::create(path).expect("a new store"));
        open(path)
    });
    let mut writes = stores.each_ref().map(|store| store.write().expect("a new store can be written"));
    let (mut n, mut json_bytes, mut spent) = (0_usize, 0_u64, [Duration::ZERO; 3]);
    let mut loaded = Vec::new();
    let mut put = |revision: Revision, text: &[u8]| {
        n += 1;
        json_bytes += text.len() as u64;
        let keyframe = NewKeyframe {
            stream: &stream,
            revision,
            document_type: &"powerhouse/document-drive".into(),
            document: text,
            created: Timestamp::from_millis(0).expect("a time"),
        };
        for ((write, codec), spent) in writes.iter_mut().zip(Codec::ALL).zip(&mut spent) {
            if codec == Codec::ZstdDelta || n.is_multiple_of(LOADED) {
                let start = Instant::now();
                write.put_keyframe_as(&keyframe, codec).expect("a keyframe");
                *spent += start.elapsed();
            }
        }
        if n.is_multiple_of(LOADED) {
            loaded.push((revision, text.len()));
        }
    };
    keyframes_of(&*source, shape, 100, &mut put);
    for write in writes {
        write.commit().expect("a new store can be written");
    }
    let totals = stores[2].read().expect("a moment").records().totals().expect("totals");
    let loaded_bytes: usize = loaded.iter().map(|(_, bytes)| bytes).sum();
    let zstd = stores[1].read().expect("a moment").records().totals().expect("totals").compressed_bytes;
    println!(
        "{name}: {n} keyframes, {:.1} MB as json; zstd-delta {:.1} MB, {:.1} times smaller, written at {:.0} MB/s; zstd {:.1} times smaller",
        megabytes(json_bytes),
        megabytes(totals.compressed_bytes),
        ratio(json_bytes, totals.compressed_bytes),
        megabytes(json_bytes) / spent[2].as_secs_f64(),
        ratio(loaded_bytes as u64, zstd),
    );
    let mut base = None;
    for (codec, store) in Codec::ALL.into_iter().zip(&stores) {
        let best = (0..3).map(|_| load(&**store, &stream, &loaded)).min().expect("three");
        let base = base.get_or_insert(best);
        println!(
            "{name}: {} bodies of {:.2} MB loaded and parsed, {codec}: {best:.2?}, {:.2} of json",
            loaded.len(),
            megabytes(loaded_bytes as u64) / ratio(loaded.len() as u64, 1),
            best.as_secs_f64() / base.as_secs_f64(),
        );
    }
}

/// Loads bodies, each in a transaction of its own, as rebuilds do.
fn load(store: &dyn Store, stream: &StreamKey, bodies: &[(Revision, usize)]) -> Duration {
    let start = Instant::now();
    for (revision, size) in bodies {
        let read = store.read().expect("a moment");
        let text = read.keyframe_document(stream, *revision).expect("readable").expect("there");
        assert_eq!(text.len(), *size);
        black_box(parse(&text).expect("JSON"));
    }
    start.elapsed()
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b.max(1) as f64
}

fn megabytes(bytes: u64) -> f64 {
    ratio(bytes, 1_000_000)
}
