//! `snapctl keyframe pin`, and how it goes together with `keyframe unpin`.

use std::ops::ControlFlow;

use rusqlite::Connection;
use serde_json::{Value, json};
use snapctl::model::time::Timestamp;
use snapctl::store::history::MutationKind;
use snapctl::store::{Options, Store as _, sqlite};

use crate::support::TestEnv;

/// A drive with keyframes at 10 and 20.
fn env() -> TestEnv {
    let env = TestEnv::new();
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    std::fs::copy(fixtures.join("drive.sqlite"), env.path("ops.db")).unwrap();
    env
}

fn bytes(env: &TestEnv) -> Vec<u8> {
    std::fs::read(env.path("ops.db")).unwrap()
}

/// The runs and the changes in the history, the newest first.
fn history(env: &TestEnv) -> (Vec<String>, Vec<(MutationKind, u64)>) {
    let store = sqlite::open(&env.path("ops.db"), &Options::default()).unwrap();
    let read = store.read().unwrap();
    let (mut runs, mut changes) = (Vec::new(), Vec::new());
    read.history()
        .runs(&mut |run| {
            assert!(run.finished.is_some());
            runs.push(run.command.clone());
            ControlFlow::Continue(())
        })
        .unwrap();
    read.history()
        .mutations(None, &mut |change| {
            changes.push((change.kind, change.revision.get()));
            ControlFlow::Continue(())
        })
        .unwrap();
    (runs, changes)
}

fn listed(env: &TestEnv) -> Vec<Value> {
    let lines = env.read(&["keyframe", "list", "--ndjson"]).lines();
    lines.iter().map(|line| json!([line["revision"], line["verdict"], line["pin"]["reason"]])).collect()
}

const DRIVE: &str = "f1e1d0c5-7a3e-4d52-9b60-2c8e41f7a6d3";

#[test]
fn a_pin_is_noted_and_comes_and_goes_once() {
    let env = env();
    let pin = ["keyframe", "pin", "field-notes:10", "--reason", "before the import"];
    let run = env.on_store(&pin);
    assert_eq!(run.ok(), format!("{DRIVE}/global:keyframe:10  pinned: before the import\n"));
    let command = format!("snapctl keyframe pin {DRIVE}/global:10 --reason 'before the import'");
    assert_eq!(history(&env), (vec![command.clone()], vec![(MutationKind::Pinned, 10)]));
    assert_eq!(listed(&env), [json!([10, "unchecked", "before the import"]), json!([20, "unchecked", null])]);
    let before = bytes(&env);
    let again = env.on_store(&pin);
    assert_eq!(again.ok(), format!("{DRIVE}/global:keyframe:10  was pinned: before the import already\n"));
    assert_eq!(
        env.on_store(&["keyframe", "unpin", "field-notes:20"]).ok(),
        format!("{DRIVE}/global:keyframe:20  was not pinned\n")
    );
    assert!(bytes(&env) == before, "what changes nothing writes nothing");
    let moved =
        env.on_store(&["keyframe", "pin", "field-notes:10", "--reason", "audit", "--expires", "2099-01-01", "--json"]);
    let former = json!({ "reason": "before the import", "expiresAt": null });
    let latter = json!({ "reason": "audit", "expiresAt": "2099-01-01T00:00:00.000Z" });
    assert_eq!(
        moved.json(),
        json!([{ "document": DRIVE, "scope": "global", "branch": "main", "revision": 10, "changed": true, "before": former,
            "pin": latter }])
    );
    let gone = env.on_store(&["keyframe", "unpin", "field-notes:10", "--json"]).json();
    assert_eq!((&gone[0]["pin"], &gone[0]["before"]["reason"]), (&Value::Null, &json!("audit")));
    let kinds: Vec<_> = history(&env).1.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [MutationKind::Unpinned, MutationKind::Pinned, MutationKind::Pinned]);
    assert_eq!(listed(&env), [json!([10, "unchecked", null]), json!([20, "unchecked", null])]);
    let rows: i64 = Connection::open(env.path("ops.db"))
        .unwrap()
        .query_row(r#"SELECT count(*) FROM "snapctl_keyframe""#, [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 0, "nothing is known of it any more");
}

#[test]
fn what_a_check_found_stays_recorded() {
    let env = env();
    assert_eq!(env.on_store(&["verify", "--record", "-q"]).status, 0);
    let two = ["field-notes:10", "field-notes/global:keyframe:20", "field-notes:20"];
    let run = env.on_store(&[&["keyframe", "pin"], &two[..], &["--reason", "x", "--ndjson"]].concat());
    assert_eq!(run.lines().len(), 2, "each once");
    assert_eq!(listed(&env), [json!([10, "ok", "x"]), json!([20, "ok", "x"])]);
    assert_eq!(history(&env).0.len(), 1, "one run");
    assert_eq!(env.on_store(&["keyframe", "unpin", "field-notes:20"]).status, 0);
    assert_eq!(listed(&env), [json!([10, "ok", "x"]), json!([20, "ok", null])]);
    // A keyframe that was changed since it was checked is still one that was changed.
    let sql = r#"UPDATE "Keyframe" SET "document" = replace("document", 'spring', 'autumn') WHERE "revision" = 20"#;
    Connection::open(env.path("ops.db")).unwrap().execute_batch(sql).unwrap();
    assert_eq!(env.on_store(&["keyframe", "pin", "field-notes:20", "--reason", "evidence"]).status, 0);
    let verified = env.read(&["verify", "--anew", "--only", "KEYFRAME_CHECKSUM", "--ndjson"]);
    assert!(verified.stdout.contains("KEYFRAME_CHECKSUM"), "{verified:?}");
}

#[test]
fn all_are_pinned_or_none() {
    let env = env();
    let before = bytes(&env);
    for targets in [&["field-notes:10", "field-notes:11"][..], &["field-notes:11"], &["none:10"]] {
        for rest in [&["keyframe", "pin", "--reason", "x"][..], &["keyframe", "unpin"]] {
            assert_eq!(env.on_store(&[rest, targets].concat()).status, 4, "{targets:?}");
        }
    }
    for (when, message) in [("2001-01-01", "is over already"), ("soon", "it is a time, like"), ("3x", "it is a time")] {
        let run = env.on_store(&["keyframe", "pin", "field-notes:10", "--reason", "x", "--expires", when]);
        assert!(run.fails(2).contains(message), "{run:?}");
    }
    assert_eq!(env.on_store(&["keyframe", "pin", "field-notes:10"]).status, 2, "a pin has a reason");
    assert!(bytes(&env) == before);
    let archive = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/field-notes.phd");
    let run = env.run(&["--store", archive.to_str().unwrap(), "keyframe", "pin", "field-notes", "--reason", "x"]);
    assert!(run.fails(3).contains("is read-only"), "{run:?}");
}

#[test]
fn a_pin_can_hold_for_a_while() {
    let env = env();
    let run =
        env.on_store(&["keyframe", "pin", "field-notes:10", "--reason", "audit", "--expires", "14d", "--json"]).json();
    let expires = run[0]["pin"]["expiresAt"].as_str().unwrap();
    let until = Timestamp::parse(expires).unwrap().as_millis();
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let left = u128::try_from(until).unwrap().abs_diff(now);
    assert!((13 * DAY..=14 * DAY).contains(&left), "{expires}");
}

const DAY: u128 = 86_400_000;
