//! `snapctl keyframe list`.

use rusqlite::Connection;
use serde_json::{Value, json};
use snapctl::model::ids::{OpIndex, Revision, StreamKey};
use snapctl::store::{Access, Codec, Options, Store as _, Write, sqlite};

use crate::support::TestEnv;
use crate::support::keyframes::{put, sql};

fn fixture(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// The store of a fixture as `ops.db`.
fn with_fixture(name: &str) -> TestEnv {
    let env = TestEnv::new();
    std::fs::copy(fixture(name), env.path("ops.db")).unwrap();
    env
}

/// Changes the store as other commands do.
fn change(env: &TestEnv, change: impl FnOnce(&mut dyn Write)) {
    let options = Options { access: Access::Change, ..Options::default() };
    let store = sqlite::open(&env.path("ops.db"), &options).unwrap();
    let mut write = store.write().unwrap();
    change(&mut *write);
    write.commit().unwrap();
}

fn at(revision: u64) -> Revision {
    Revision::of(OpIndex::new(revision))
}

fn labels(lines: &[Value]) -> Vec<i64> {
    lines.iter().map(|line| line["revision"].as_i64().unwrap()).collect()
}

#[test]
fn what_is_listed_is_what_the_table_holds() {
    let env = TestEnv::with_store(|store| {
        store.drive("d1", "One", 3);
        store.drive("d10", "Ten", 1);
        store.document("d2", "powerhouse/document-drive", "Two", "b");
    });
    for stream in [["d2", "global", "b"], ["d1", "local", "main"], ["d1", "global", "other"], ["d1", "global", "main"]]
    {
        for revision in [7, -3, 0, 2] {
            put(&env, stream, revision, &json!({ "text": format!("é{revision}") }).to_string());
        }
    }
    put(&env, ["d10", "global", "main"], 0, "no JSON");
    put(&env, ["gone", "global", "main"], 5, "{}");
    let connection = Connection::open(env.path("ops.db")).unwrap();
    let mut statement = connection
        .prepare(
            r#"SELECT "documentId", "branch", "scope", "revision", length(CAST("document" AS BLOB)), "createdAt" FROM "Keyframe"
               ORDER BY 1, 2, 3, 4"#,
        )
        .unwrap();
    let expected: Vec<Value> = statement
        .query_map([], |row| {
            let text = |n: usize| row.get::<_, String>(n);
            let number = |n: usize| row.get::<_, i64>(n);
            Ok(json!([text(0)?, text(1)?, text(2)?, number(3)?, number(4)?, text(5)?]))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(expected.len(), 18);
    let listed = |args: &[&str]| -> Vec<Value> {
        let members = ["document", "branch", "scope", "revision", "storedBytes", "createdAt"];
        let pick = |line: &Value| members.iter().map(|name| line[name].clone()).collect();
        env.read(args).lines().iter().map(pick).collect()
    };
    assert_eq!(listed(&["keyframe", "list", "-l", "--ndjson"]), expected);
    let without_times = listed(&["keyframe", "list", "--ndjson"]);
    assert!(without_times.iter().all(|line| line[5].is_null()), "the time stands behind the body");
    assert_eq!(without_times.len(), 18);
    let of = |target: &str| listed(&["keyframe", "list", "--ndjson", target]).len();
    assert_eq!((of("d1"), of("d"), of("d1/global"), of("d1@other"), of("d1/global@other")), (12, 17, 4, 4, 4));
    assert_eq!((of("slug-d10"), of("gone"), of("gone/global")), (1, 1, 1));
    let array = env.read(&["keyframe", "list", "d1", "--json"]).json();
    assert_eq!(array.as_array().unwrap().len(), 12);
    let first = env.read(&["keyframe", "list", "d1/global"]);
    let titles = "revision  codec        stored B     body B  check\nd1/global\n";
    let text = format!("{titles}      -3  json               15         15  unchecked\n");
    assert!(first.ok().starts_with(&text), "{}", first.stdout);
}

#[test]
fn nothing_that_matches_is_told_from_nothing_there() {
    let env = TestEnv::with_store(|store| store.drive("d1", "One", 1));
    assert_eq!(env.read(&["keyframe", "list"]).ok(), "");
    assert_eq!(env.read(&["keyframe", "list", "--json"]).ok(), "[]\n");
    assert!(env.read(&["keyframe", "list", "--pinned"]).fails(4).contains("no keyframe of ops.db matches"));
    assert!(env.read(&["keyframe", "list", "d1"]).fails(4).contains("no keyframe"));
    assert!(env.read(&["keyframe", "list", "d9"]).fails(4).contains("no document \"d9\""));
    assert!(env.read(&["keyframe", "list", "d1:3"]).fails(2).contains("names a position"));
    assert_eq!(env.read(&["keyframe", "list", "--gaps", "--failed"]).status, 2);
    assert_eq!(env.read(&["keyframe", "list", "--max-replay-ops", "5"]).status, 2);
}

#[test]
fn checks_and_pins_are_listed_and_filtered() {
    let env = with_fixture("drive.sqlite");
    let (long, short) = (["keyframe", "list", "-l", "--ndjson"], ["keyframe", "list", "--ndjson"]);
    let verdicts = || -> Vec<Value> { env.read(&short).lines().iter().map(|line| line["verdict"].clone()).collect() };
    let only = |filters: &[&str]| labels(&env.read(&[&short[..], filters].concat()).lines());
    assert_eq!(verdicts(), ["unchecked", "unchecked"]);
    assert_eq!(only(&["--unchecked"]), [10, 20]);
    sql(&env, r#"UPDATE "Keyframe" SET "document" = replace("document", 'spring', 'autumn') WHERE "revision" = 20"#);
    assert_eq!(env.on_store(&["verify", "--record", "-q"]).status, 1);
    let lines = env.read(&short).lines();
    assert_eq!(verdicts(), ["ok", "failed"]);
    assert_eq!(lines[1]["code"], "KEYFRAME_HEADER");
    assert!(lines.iter().all(|line| line["checkedAt"].is_string() && line["createdAt"].is_string()), "{lines:?}");
    assert_eq!(env.on_store(&["keyframe", "pin", "field-notes:10", "--reason", "kept"]).status, 0);
    let lines = env.read(&long).lines();
    assert_eq!((&lines[0]["pin"], &lines[1]["pin"]), (&json!({ "reason": "kept", "expiresAt": null }), &Value::Null));
    assert_eq!((only(&["--failed"]), only(&["--pinned"])), (vec![20], vec![10]));
    assert_eq!(env.read(&["keyframe", "list", "--failed", "--pinned"]).status, 4);
    let text = env.read(&["keyframe", "list"]);
    assert!(text.ok().contains("ok; pinned: kept\n") && text.stdout.contains("failed KEYFRAME_HEADER\n"), "{text:?}");
    sql(&env, r#"UPDATE "snapctl_keyframe" SET "fingerprint" = 'of old' WHERE "revision" = 10"#);
    assert_eq!(verdicts(), ["stale", "failed"]);
    assert_eq!((only(&["--stale"]), only(&["--stale", "--failed"])), (vec![10], vec![10, 20]));
    sql(&env, r#"INSERT INTO "snapctl_schema" VALUES (99)"#);
    let run = env.read(&short);
    assert!(run.stderr.contains("of version 99"), "{run:?}");
    assert_eq!(verdicts(), ["unchecked", "unchecked"]);
}

#[test]
fn compressed_keyframes_have_both_sizes() {
    let env = with_fixture("drive.sqlite");
    let stream = StreamKey {
        document: "f1e1d0c5-7a3e-4d52-9b60-2c8e41f7a6d3".into(),
        scope: "global".into(),
        branch: "main".into(),
    };
    let before = env.read(&["keyframe", "list", "--ndjson"]).lines();
    let mut recoded = None;
    change(&env, |write| recoded = write.recode(&stream, at(20), Codec::Zstd).unwrap());
    let after = env.read(&["keyframe", "list", "--ndjson"]).lines();
    assert_eq!(labels(&after), [10, 20]);
    assert_eq!((&after[1]["codec"], &after[1]["bodyBytes"]), (&json!("zstd"), &before[1]["storedBytes"]));
    assert_eq!(after[1]["storedBytes"], recoded.unwrap().after_bytes);
    assert!(after[1]["storedBytes"].as_u64() < after[1]["bodyBytes"].as_u64());
    let shown = env.read(&["keyframe", "show", "field-notes:20", "--json"]).json();
    assert_eq!((&shown["check"]["verdict"], &shown["codec"]), (&json!("ok"), &json!("zstd")));
}

/// The worst distance of a stream, by looking at each revision.
fn worst(head: u64, bases: &[u64]) -> (u64, u64) {
    let distance = |revision: u64| {
        let base = bases.iter().filter(|base| **base <= revision).max();
        base.map_or(revision + 1, |base| revision - base)
    };
    (0..=head)
        .map(|revision| (distance(revision), revision))
        .max_by_key(|(distance, at)| (*distance, u64::MAX - at))
        .unwrap()
}

#[test]
fn gaps_are_where_a_read_replays_too_much() {
    let env = TestEnv::with_store(|store| {
        store.drive("d1", "One", 30);
        store.drive("d2", "Two", 12);
        store.drive("odd 'id'", "Three", 9);
        store.drive("empty", "Four", 0);
    });
    for revision in [-5, 4, 11, 25, 40] {
        put(&env, ["d1", "global", "main"], revision, "{}");
    }
    put(&env, ["d2", "global", "main"], 5, "{}");
    put(&env, ["gone", "global", "main"], 5, "{}");
    let gaps = |most: &str| env.read(&["keyframe", "list", "--gaps", "--max-replay-ops", most, "--ndjson"]).lines();
    let by_hand = [("d1", worst(29, &[4, 11, 25])), ("d2", worst(11, &[5])), ("odd 'id'", worst(8, &[]))];
    assert_eq!(by_hand.map(|(_, worst)| worst), [(13, 24), (6, 11), (9, 8)]);
    for most in 1..15_u64 {
        let expected: Vec<Value> = by_hand
            .iter()
            .filter(|(_, (distance, _))| *distance > most)
            .map(|(document, (distance, revision))| json!([document, distance, revision]))
            .collect();
        let found: Vec<Value> = gaps(&most.to_string())
            .iter()
            .map(|gap| json!([gap["document"], gap["distance"], gap["revision"]]))
            .collect();
        assert_eq!(found, expected, "{most}");
    }
    let found = gaps("8");
    let d1 = json!({ "document": "d1", "scope": "global", "branch": "main", "documentType": "powerhouse/document-drive",
        "head": 29, "keyframes": 3, "distance": 13, "revision": 24, "from": 11,
        "command": "snapctl keyframe write d1/global --max-replay-ops 8" });
    assert_eq!(found[0], d1);
    assert_eq!(found[1]["from"], Value::Null);
    assert_eq!(found[1]["command"], r"snapctl keyframe write 'odd '\''id'\''/global' --max-replay-ops 8");
    let text = env.read(&["keyframe", "list", "--gaps", "--max-replay-ops", "12"]);
    let expected = "d1/global\n  revision 24 takes 13 operations from keyframe 11\n  do: snapctl keyframe write d1/global \
                    --max-replay-ops 12\n";
    assert_eq!(text.ok(), expected);
    assert!(text.stderr.contains("note: 1 of 3 streams have revisions"), "{}", text.stderr);
    for (most, status) in [("12", 1), ("13", 0)] {
        let args = ["keyframe", "list", "--gaps", "--max-replay-ops", most, "--exit-code"];
        assert_eq!(env.read(&args).status, status);
        assert_eq!(env.read(&args[..5]).status, 0);
    }
    assert_eq!(env.read(&["keyframe", "list", "--gaps"]).ok(), "", "a hundred operations are allowed");
}

#[test]
fn a_keyframe_that_was_found_wrong_closes_no_gap() {
    let env = with_fixture("drive.sqlite");
    let worst = || {
        let lines = env.read(&["keyframe", "list", "--gaps", "--max-replay-ops", "9", "--ndjson"]).lines();
        (lines[0]["distance"].clone(), lines[0]["from"].clone())
    };
    assert_eq!(worst(), (json!(10), Value::Null));
    sql(&env, r#"UPDATE "Keyframe" SET "document" = replace("document", 'spring', 'autumn') WHERE "revision" = 20"#);
    sql(&env, r#"UPDATE "Keyframe" SET "document" = '{}' WHERE "revision" = 10"#);
    assert_eq!(env.on_store(&["verify", "--record", "-q"]).status, 1);
    assert_eq!(worst(), (json!(21), Value::Null));
}
