//! `snapctl keyframe tune`: what it says of a store, and that reads then take what it has foretold.

use std::num::NonZeroU64;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};
use snapctl::keyframe::tune::{self, Pattern, Subject};
use snapctl::model::ids::{OpIndex, Revision, StreamKey};
use snapctl::model::json::{Json, Object, canonical};
use snapctl::model::progress::{Progress, Silent, Stop};
use snapctl::model::time::Timestamp;
use snapctl::reducer::Registry;
use snapctl::replay::{Base, Goal, Position, Snapshot, Sources, Trust, state_at};
use snapctl::store::{Access, Codec, Detail, Flow, NewKeyframe, Options, Read, Store, sqlite};

use crate::support::{Operation, TestEnv};

const DRIVE: &str = "powerhouse/document-drive";

/// A drive with so many folders, and another one with a few.
fn drives(n_folders: u32) -> TestEnv {
    TestEnv::with_store(|store| {
        store.sql("BEGIN");
        store.drive("d1", "One", 0);
        for n in 0..n_folders {
            let input = json!({ "id": format!("folder-{n}"), "name": format!("Folder {n}") });
            store.operation(&Operation { minute: n % 600, ..Operation::new("d1", "global", n, "ADD_FOLDER", input) });
        }
        store.drive("d2", "Two", 12);
        store.sql("COMMIT");
    })
}

/// A drive with a few folders that are renamed so many times: however slow this build and machine are, keyframes are worth
/// their bytes.
fn renamed(n_operations: u32) -> TestEnv {
    const FOLDERS: u32 = 10;
    TestEnv::with_store(|store| {
        store.sql("BEGIN");
        store.drive("d1", "One", 0);
        for n in 0..n_operations {
            let (id, name) = (format!("folder-{}", n % FOLDERS), format!("Folder {n}"));
            let (kind, input) = ("ADD_FOLDER", json!({ "id": id, "name": name }));
            let kind = if n < FOLDERS { kind } else { "UPDATE_NODE" };
            store.operation(&Operation { minute: n % 600, ..Operation::new("d1", "global", n, kind, input) });
        }
        store.drive("d2", "Two", 12);
        store.sql("COMMIT");
    })
}

fn tune(env: &TestEnv, options: &[&str]) -> Value {
    env.read(&[&["keyframe", "tune", "--json"], options].concat()).json()
}

fn points(frontier: &Value) -> Vec<&Value> {
    frontier["points"].as_array().unwrap().iter().collect()
}

#[test]
fn the_frontier_has_all_spacings_up_to_the_longest_stream() {
    let env = drives(400);
    let found = tune(&env, &[]);
    assert_eq!(
        (&found["pattern"], &found["streams"], &found["complete"]),
        (&json!("uniform"), &json!(2), &json!(true))
    );
    assert_eq!(found["measured"][0]["stream"], json!({ "document": "d1", "scope": "global", "branch": "main" }));
    assert_eq!(found["measured"][0]["operations"], 400);
    let frontier = &found["frontiers"][0];
    let spacings: Vec<u64> = points(frontier).iter().map(|point| point["spacing"].as_u64().unwrap()).collect();
    assert_eq!(spacings, [10, 20, 40, 80, 160, 320]);
    // Revisions 10, 20, …, 390 of one, and 10 of the other.
    assert_eq!(frontier["points"][0]["keyframes"], 40);
    assert_eq!((&frontier["without"]["spacing"], &frontier["without"]["worstOperations"]), (&Value::Null, &json!(400)));
    for pair in points(frontier).windows(2) {
        assert!(pair[0]["sizeBytes"].as_u64() >= pair[1]["sizeBytes"].as_u64(), "{frontier:#}");
        assert!(pair[0]["worstOperations"].as_u64() <= pair[1]["worstOperations"].as_u64(), "{frontier:#}");
    }
    let spacing = frontier["recommendedSpacing"].as_u64().unwrap();
    assert!(spacings.contains(&spacing));
    let recommended = points(frontier).into_iter().find(|point| point["spacing"] == spacing).unwrap();
    assert_eq!(recommended["onFrontier"], true);
    assert_eq!(frontier["command"], format!("snapctl --store ops.db keyframe compact --keep-every {spacing}"));
    assert_eq!(frontier["settings"], format!("[keyframes.policies.tuned]\nkeep-every = {spacing}\n"));
}

#[test]
fn codecs_are_compared_and_targets_are_quoted() {
    let env = drives(200);
    let found = tune(&env, &["d1", "--codec", "zstd-delta", "--codec", "json", "--codec", "zstd", "--codec", "json"]);
    let codecs: Vec<&str> =
        found["frontiers"].as_array().unwrap().iter().map(|frontier| frontier["codec"].as_str().unwrap()).collect();
    assert_eq!(codecs, ["json", "zstd", "zstd-delta"]);
    let bytes = |n: usize| found["frontiers"][n]["points"][0]["sizeBytes"].as_u64().unwrap();
    assert!(bytes(0) > 4 * bytes(1) && bytes(1) > 2 * bytes(2), "{found:#}");
    assert!(found["frontiers"][2]["command"].as_str().unwrap().ends_with(" --codec zstd-delta"));
    assert!(found["frontiers"][2]["settings"].as_str().unwrap().ends_with("\ncodec = \"zstd-delta\"\n"));
    assert_eq!(found["streams"], 1);
    let command = found["frontiers"][0]["command"].as_str().unwrap();
    assert!(command.starts_with("snapctl --store ops.db keyframe compact d1 --keep-every "), "{command}");
    std::fs::rename(env.path("ops.db"), env.path("it's mine.db")).unwrap();
    let found = env.run(&["keyframe", "tune", "--json", "--store", "it's mine.db"]).json();
    let command = found["frontiers"][0]["command"].as_str().unwrap();
    assert!(command.starts_with(r"snapctl --store 'it'\''s mine.db' keyframe compact "), "{command}");
}

#[test]
fn people_get_a_table_and_a_picture_where_there_is_a_terminal() {
    let env = renamed(400);
    let run = env.read(&["keyframe", "tune"]);
    let text = run.ok();
    assert!(text.starts_with("measured 2 of 2 streams:\n  d1/global  400 operations\n    json: a read "), "{text}");
    assert!(text.contains("\nspacing  keyframes"), "{text}");
    assert!(text.contains("\n  $ snapctl --store ops.db keyframe compact --keep-every "), "{text}");
    assert!(text.contains("\n  [keyframes.policies.tuned]\n  keep-every = "), "{text}");
    assert!(!text.contains("mean read"), "no picture: {text}");
    let run = env.read(&["keyframe", "tune", "--plot"]);
    assert!(run.ok().contains("\nmean read\n") && run.stdout.contains('●'), "{}", run.stdout);
    assert!(run.stdout.lines().all(|line| line.chars().count() <= 120), "{}", run.stdout);
    let mut dumb = env.snapctl(&["keyframe", "tune", "--plot", "--store", "ops.db"]);
    let output = dumb.env("TERM", "dumb").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let picture = text.split("\nmean read\n").nth(1).unwrap().split("\n\n").next().unwrap();
    assert!(picture.is_ascii() && picture.contains('#'), "{text}");
}

#[test]
fn reads_may_come_from_a_trace() {
    let env = drives(200);
    let lines = [
        r#"{"document":"d1"}"#,
        "",
        r#"{"document":"d1","scope":"global","branch":"main","revision":15,"at":"noted"}"#,
        r#"{"document":"d1","revision":999}"#,
        r#"{"document":"d9"}"#,
    ];
    std::fs::write(env.path("trace"), lines.join("\n")).unwrap();
    let run = env.read(&["keyframe", "tune", "--json", "--trace", "trace"]);
    let found = run.json();
    assert_eq!((&found["pattern"], &found["ignoredReads"]), (&json!("trace"), &json!(2)));
    let warning = "2 reads of the trace are of streams or revisions that are not among those";
    assert!(run.stderr.contains(warning), "{}", run.stderr);
    // The head alone is served by a keyframe directly before it.
    std::fs::write(env.path("trace"), lines[0]).unwrap();
    let head = tune(&env, &["--trace", "trace"]);
    let mean = |found: &Value| found["frontiers"][0]["points"][0]["meanReadMs"].as_f64().unwrap();
    assert!(mean(&head) > 0.0, "{head:#}");
    assert_eq!(head["ignoredReads"], 0);
    for (text, status, said) in [
        ("{\"scope\":\"global\"}", 2, "trace, line 1: missing field `document`"),
        ("{\"document\":\"d1\"}\nnothing", 2, "trace, line 2: expected"),
        ("{\"document\":\"d9\"}", 4, "no read of the trace is of a stream that could be tuned"),
        ("", 4, "no read of the trace is of a stream that could be tuned"),
    ] {
        std::fs::write(env.path("trace"), text).unwrap();
        let run = env.read(&["keyframe", "tune", "--trace", "trace"]);
        assert!(run.fails(status).contains(said), "{run:?}");
    }
    assert!(env.read(&["keyframe", "tune", "--trace", "none"]).fails(3).contains("cannot read none"));
    assert_eq!(env.read(&["keyframe", "tune", "--trace", "trace", "--pattern", "uniform"]).status, 2);
}

#[test]
fn what_cannot_be_tuned_says_so() {
    let env = TestEnv::with_store(|store| store.drive("d1", "One", 10));
    let error = env.read(&["keyframe", "tune", "--json"]).error(4);
    assert_eq!(error["code"], "nothing-to-tune");
    let env = drives(30);
    assert_eq!(env.read(&["keyframe", "tune", "--json", "--max-duration", "0s"]).error(5)["code"], "timed-out");
    assert_eq!(env.read(&["keyframe", "tune", "--json", "nowhere"]).error(4)["code"], "no-document");
    assert_eq!(env.run(&["keyframe", "tune", "--json", "--store", "none.db"]).error(10)["code"], "store-missing");
    // A stream whose every keyframe is looked behind.
    let connection = Connection::open(env.path("ops.db")).unwrap();
    connection.execute_batch(r#"UPDATE "Operation" SET "action" = 'x' WHERE "documentId" = 'd2'"#).unwrap();
    drop(connection);
    let found = tune(&env, &[]);
    assert_eq!(found["useless"][0]["stream"]["document"], "d2", "{found:#}");
    let error = env.read(&["keyframe", "tune", "--json", "d2"]).error(4);
    assert!(error["message"].as_str().unwrap().starts_with("keyframes are of no use to d2/"), "{error}");
}

/// Stops after some questions.
struct Few(std::cell::Cell<u32>);

impl Progress for Few {
    fn check(&self) -> Result<(), Stop> {
        self.0.set(self.0.get().saturating_sub(1));
        if self.0.get() == 0 { Err(Stop::TimedOut) } else { Ok(()) }
    }
}

#[test]
fn a_measurement_can_end_at_any_moment() {
    let env = drives(60);
    let store = open(&env.path("ops.db"), Access::Read);
    let (read, registry) = (store.read().unwrap(), Registry::built_in());
    let mut complete = 0;
    for most in [1, 2, 10, 50, 200, 100_000] {
        let progress = Few(most.into());
        let sources = Sources { read: &*read, registry: &registry, trust: Trust::Verified, progress: &progress };
        let measured = tune::measure(&sources, &[subject(60)], &Codec::ALL).unwrap();
        assert_eq!(measured.stopped.is_none(), measured.streams.len() == 1, "{most}");
        complete += measured.streams.len();
    }
    assert!((1..6).contains(&complete));
}

fn open(path: &Path, access: Access) -> sqlite::SqliteStore {
    sqlite::open(path, &Options { access, ..Options::default() }).unwrap()
}

fn stream() -> StreamKey {
    StreamKey { document: "d1".into(), scope: "global".into(), branch: "main".into() }
}

fn subject(operations: u64) -> Subject {
    Subject { stream: stream(), document_type: DRIVE.into(), operations }
}

fn at(revision: u64) -> Revision {
    Revision::of(OpIndex::new(revision))
}

fn rebuild(read: &dyn Read, registry: &Registry, revision: u64, trust: Trust) -> Snapshot {
    let StreamKey { document, scope, branch } = &stream();
    let sources = Sources { read, registry, trust, progress: &Silent };
    state_at(&sources, Goal { document, branch, scope, position: Position::At(Some(at(revision))) }).unwrap()
}

/// A keyframe as a program would write it.
fn body(snapshot: &Snapshot) -> Vec<u8> {
    let state: Object<'static> = snapshot
        .state
        .scopes()
        .into_iter()
        .map(|scope| (scope.as_str().to_owned().into(), snapshot.state.scope(scope.as_str()).unwrap()))
        .collect();
    let members = [("header", snapshot.header.clone()), ("state", state)];
    canonical(&Json::Object(members.into_iter().map(|(name, it)| (name.to_owned().into(), Json::Object(it))).collect()))
}

/// Operations of the drive whose reads are timed, and from one of its keyframes to the next.
const OPERATIONS: u32 = 1200;
const SPACING: u64 = 160;

/// Puts the keyframes in the place of those that are there, and says how many bytes they take.
fn store_keyframes(path: &Path, bodies: &[(u64, Vec<u8>)], codec: Codec) -> u64 {
    let store = open(path, Access::Change);
    let mut write = store.write().unwrap();
    for (revision, document) in bodies {
        let (stream, revision, document_type) = (&stream(), at(*revision), &DRIVE.into());
        let created = Timestamp::from_millis(0).unwrap();
        write.delete_keyframe(stream, revision).unwrap();
        let keyframe = NewKeyframe { stream, revision, document_type, document, created };
        write.put_keyframe_as(&keyframe, codec).unwrap();
    }
    write.commit().unwrap();
    let mut stored = 0;
    let read = store.read().unwrap();
    read.keyframes(&"d1".into(), Detail::Label, &mut |entry| {
        stored += entry.size_bytes;
        Flow::Continue(())
    })
    .unwrap();
    stored
}

/// How long reads of revisions all over the stream take on average, in nanoseconds.
fn mean_of_reads(path: &Path, registry: &Registry) -> f64 {
    let store = open(path, Access::Read);
    let (mut total, mut n) = (Duration::ZERO, 0_u32);
    for revision in (0..OPERATIONS.into()).step_by(37) {
        let mut least = Duration::MAX;
        for _ in 0..5 {
            // A transaction keeps what it has decompressed.
            let read = store.read().unwrap();
            let started = Instant::now();
            let snapshot = rebuild(&*read, registry, revision, Trust::Any);
            least = least.min(started.elapsed());
            let expected = revision / SPACING * SPACING;
            let base = if expected == 0 { Base::Genesis } else { Base::Keyframe(at(expected)) };
            assert_eq!(snapshot.explain.base, base);
        }
        (total, n) = (total + least, n + 1);
    }
    total.as_secs_f64() * 1e9 / f64::from(n)
}

#[test]
fn reads_take_what_was_foretold() {
    /// What the noise of a machine with other work allows.
    const FACTOR: f64 = 2.0;
    /// Noise comes and goes; a model that is wrong about what is done is off every time.
    const ATTEMPTS: u32 = 6;
    let env = drives(OPERATIONS);
    let path = env.path("ops.db");
    let registry = Registry::built_in();
    let subjects = [subject(OPERATIONS.into())];
    let store = open(&path, Access::Read);
    let measure = || {
        let read = store.read().unwrap();
        let sources = Sources { read: &*read, registry: &registry, trust: Trust::Verified, progress: &Silent };
        let measured = tune::measure(&sources, &subjects, &Codec::ALL).unwrap();
        assert_eq!((measured.streams.len(), &measured.useless, measured.stopped), (1, &vec![], None));
        measured
    };
    let bodies: Vec<(u64, Vec<u8>)> = (SPACING..OPERATIONS.into())
        .step_by(160)
        .map(|revision| (revision, body(&rebuild(&*store.read().unwrap(), &registry, revision, Trust::None))))
        .collect();
    for codec in Codec::ALL {
        let stored = store_keyframes(&path, &bodies, codec);
        let mut ratios = Vec::new();
        for _ in 0..ATTEMPTS {
            let (_, streams): (Vec<_>, Vec<_>) = measure().model(&subjects, codec).into_iter().unzip();
            let foretold = tune::point(&streams, &Pattern::Uniform, NonZeroU64::new(SPACING));
            assert_eq!(foretold.keyframes, bodies.len() as u64);
            #[expect(clippy::cast_precision_loss, reason = "a few bytes")]
            let bytes = foretold.bytes / stored as f64;
            assert!((0.6..1.6).contains(&bytes), "{codec}: {} bytes foretold, {stored} stored", foretold.bytes);
            ratios.push(foretold.mean_ns / mean_of_reads(&path, &registry));
            if ratios.last().is_some_and(|ratio| (1.0 / FACTOR..FACTOR).contains(ratio)) {
                break;
            }
        }
        let last = ratios[ratios.len() - 1];
        assert!((1.0 / FACTOR..FACTOR).contains(&last), "{codec}: foretold times by measured ones: {ratios:?}");
    }
}
