//! `snapctl keyframe write`: what it writes is right, trusted, whole at every moment, and nothing else is touched.

use std::fmt::Write as _;
use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{Run, TestEnv, dump};

pub(crate) const DRIVE: &str = "f1e1d0c5-7a3e-4d52-9b60-2c8e41f7a6d3";

/// A copy of a fixture, with its settings.
pub(crate) fn fixture(name: &str) -> TestEnv {
    let env = TestEnv::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    std::fs::copy(folder.join(name), env.path("ops.db")).unwrap();
    std::fs::copy(folder.join("snapctl.toml"), env.path("snapctl.toml")).unwrap();
    env
}

pub(crate) fn sql(env: &TestEnv, sql: &str) {
    Connection::open(env.path("ops.db")).unwrap().execute_batch(sql).unwrap();
}

pub(crate) fn total(run: &Run) -> Value {
    let answer: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}"));
    answer["total"].clone()
}

/// A time of day for an operation, a minute each.
fn time(minute: usize) -> String {
    format!("2025-01-{:02}T{:02}:{:02}:00.000Z", 1 + minute / 1440, minute / 60 % 24, minute % 60)
}

/// The lines of a drive with folders from one number to another; the first lines make it.
pub(crate) fn lines(document: &str, folders: std::ops::Range<usize>) -> String {
    let mut lines = String::new();
    let mut line = |index: usize, scope: &str, at: usize, kind: &str, input: Value| {
        let action = json!({ "id": format!("{document}-{scope}-{index}"), "type": kind, "scope": scope,
            "timestampUtcMs": time(at), "input": input });
        let row = json!({ "documentId": document, "documentType": "powerhouse/document-drive", "scope": scope,
            "index": index, "action": action });
        writeln!(lines, "{row}").unwrap();
    };
    if folders.start == 0 {
        let signing = json!({ "signature": document, "publicKey": {}, "nonce": "", "createdAtUtcIso": time(0),
            "documentType": "powerhouse/document-drive" });
        let create = json!({ "model": "powerhouse/document-drive", "version": 0, "documentId": document, "slug": document,
            "name": "Drive", "branch": "main", "meta": {}, "protocolVersions": { "base-reducer": 2 }, "signing": signing });
        line(0, "document", 0, "CREATE_DOCUMENT", create);
        let initial = json!({
            "auth": { "version": 0, "grants": [] },
            "document": { "version": 0, "hash": { "algorithm": "sha1", "encoding": "base64" } },
            "global": { "name": "", "nodes": [], "icon": null },
            "local": { "listeners": [], "triggers": [], "sharingType": "private", "availableOffline": false },
        });
        let upgrade = json!({ "model": "powerhouse/document-drive", "documentId": document, "fromVersion": 0,
            "toVersion": 1, "initialState": initial });
        line(1, "document", 1, "UPGRADE_DOCUMENT", upgrade);
    }
    for n in folders {
        let input = json!({ "id": format!("f{n}"), "name": format!("Folder {n} of the drive"), "parentFolder": null });
        line(n, "global", n + 2, "ADD_FOLDER", input);
    }
    lines
}

pub(crate) fn import(env: &TestEnv, text: String) {
    let args = ["import", "--init", "--busy-timeout", "60s"];
    Run::of(env.snapctl(&args).env("SNAPCTL_STORE", "ops.db").write_stdin(text)).ok();
}

#[test]
fn what_is_written_is_what_a_rebuild_gives_and_a_base_at_once() {
    for (name, document) in [("drive.sqlite", DRIVE), ("undo.sqlite", "sketchbook"), ("upgrade.sqlite", "expo")] {
        for codec in ["json", "zstd-delta"] {
            let env = fixture(name);
            sql(&env, r#"DELETE FROM "Keyframe""#);
            let run = env.on_store(&["keyframe", "write", "--every", "1", "--codec", codec, "--json"]);
            let written = total(&run)["written"].as_u64().unwrap();
            assert!(run.status == 0 && written > 10, "{run:?}");
            for level in ["quick", "full"] {
                let checked = env.read(&["verify", "--anew", "--level", level, "--json"]).json();
                assert_eq!(checked["checked"]["keyframes"], written, "{name}");
                assert_eq!(checked["findings"], json!([]), "{name}");
            }
            let rebuilt = |at: &str| {
                let target = format!("{document}/global:{at}");
                let mut answer = env.read(&["rebuild", &target, "--explain"]).json();
                (answer["header"].take(), answer["state"].take(), answer["explain"]["base"].take())
            };
            // Before an upgrade that changes the version no keyframe is a base.
            let labels = if name == "upgrade.sqlite" { &[9][..] } else { &[1, 4, 9] };
            for label in labels {
                let (header, state, base) = rebuilt(&label.to_string());
                let (stored_header, stored_state, _) = rebuilt(&format!("keyframe:{label}"));
                assert_eq!((header, state), (stored_header, stored_state), "{name} {label}");
                assert_eq!(base, json!({ "kind": "keyframe", "revision": label }), "{name}");
            }
            let again = env.on_store(&["keyframe", "write", "--every", "1", "--replace", "--json"]);
            let again = total(&again);
            assert_eq!((&again["present"], &again["run"]), (&json!(written), &Value::Null), "{name}: {again}");
        }
    }
}

#[test]
fn a_second_run_changes_no_byte() {
    let env = fixture("drive.sqlite");
    env.on_store(&["keyframe", "write", "--every", "3"]).ok();
    for args in [&["--every", "3"][..], &["--every", "3", "--replace"], &["--at", "3,6", "--jobs", "2"]] {
        let before = std::fs::read(env.path("ops.db")).unwrap();
        let run = env.on_store(&[&["keyframe", "write", "--json"], args].concat());
        assert_eq!((run.status, &total(&run)["run"]), (0, &Value::Null), "{run:?}");
        assert!(std::fs::read(env.path("ops.db")).unwrap() == before, "{args:?}");
    }
}

#[test]
fn a_dry_run_foretells_and_writes_nothing() {
    let env = fixture("drive.sqlite");
    let args = ["keyframe", "write", "--every", "2", "--json"];
    let mut foretold = env.read(&[&args[..], &["--dry-run"]].concat()).json();
    let mut done = env.on_store(&args).json();
    assert_eq!((&foretold["total"]["dryRun"], &foretold["total"]["run"]), (&json!(true), &Value::Null));
    for answer in [&mut foretold, &mut done] {
        answer["total"]["dryRun"].take();
        answer["total"]["run"].take();
    }
    assert_eq!(foretold, done);
}

#[test]
fn a_damaged_one_stays_unless_it_is_to_be_replaced() {
    let env = fixture("drive.sqlite");
    env.on_store(&["keyframe", "write", "--every", "5", "--json"]).ok();
    sql(
        &env,
        r#"UPDATE "Keyframe" SET "document" = replace("document", '"name":"', '"name":"X') WHERE "revision" = 15"#,
    );
    sql(&env, r#"UPDATE "Keyframe" SET "document" = '{' WHERE "revision" = 5"#);
    assert_eq!(env.read(&["verify"]).status, 1);
    let before = dump(&env.path("ops.db"));
    assert_eq!(total(&env.on_store(&["keyframe", "write", "--every", "5", "--json"]))["present"], 4);
    let bounded = env.on_store(&["keyframe", "write", "--every", "5", "--replace", "--dry-run", "--json"]);
    assert_eq!(total(&bounded)["replaced"], 2);
    assert!(dump(&env.path("ops.db")) == before);
    let run = env.on_store(&["keyframe", "write", "--every", "5", "--replace", "--json"]);
    assert_eq!((run.status, &total(&run)["replaced"]), (0, &json!(2)), "{run:?}");
    env.read(&["verify", "--anew"]).ok();
}

#[test]
fn no_revision_is_farther_than_was_asked_for() {
    const SKETCHBOOK: &str = "2ba5e0f1-93c4-4e08-8d17-5b6a0c2e9f44";
    for (name, document, n) in [("drive.sqlite", DRIVE, 21), ("undo.sqlite", SKETCHBOOK, 16)] {
        let env = fixture(name);
        sql(&env, r#"DELETE FROM "Keyframe""#);
        env.on_store(&["keyframe", "write", document, "--max-replay-ops", "3"]).ok();
        let mut input = String::new();
        for at in 0..n {
            writeln!(input, "{}", json!({ "document": document, "scope": "global", "at": at })).unwrap();
        }
        for (at, answer) in env.read_with_input(&["rebuild", "--batch", "--explain"], input).lines().iter().enumerate()
        {
            let base = answer["explain"]["base"]["revision"].as_u64().map_or(0, |base| base + 1);
            assert!(at as u64 + 1 - base <= 3, "{name} {at}: {}", answer["explain"]);
        }
        let again = env.on_store(&["keyframe", "write", document, "--max-replay-ops", "3", "--json"]);
        assert_eq!(total(&again)["run"], Value::Null, "{again:?}");
    }
}

#[test]
fn a_stream_that_cannot_be_replayed_does_not_keep_the_others_from_it() {
    let env = fixture("drive.sqlite");
    import(&env, lines("other", 0..12));
    sql(
        &env,
        r#"UPDATE "Operation" SET "action" = json_set("action", '$.type', 'PRUNE')
           WHERE "scope" = 'global' AND "index" = 7 AND "documentId" <> 'other'"#,
    );
    let run = env.on_store(&["keyframe", "write", "--every", "2", "--json"]);
    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stderr.contains("keyframes of ") && run.stderr.contains("operation 7 of "), "{run:?}");
    let answer: Value = serde_json::from_str(&run.stdout).unwrap();
    let of = |document: &str| {
        let streams = answer["streams"].as_array().unwrap();
        streams.iter().find(|stream| stream["document"] == document && stream["scope"] == "global").unwrap()
    };
    // What comes before the operation is right.
    assert_eq!(of(DRIVE)["written"], 3);
    assert!(of(DRIVE)["failure"].as_str().unwrap().contains("operation 7"));
    assert_eq!((&of("other")["written"], &of("other")["failure"]), (&json!(5), &Value::Null));
}

#[test]
fn what_was_asked_for_has_to_be_there() {
    let env = fixture("drive.sqlite");
    let write = |args: &[&str]| env.on_store(&[&["keyframe", "write"], args].concat());
    assert_eq!(write(&[DRIVE, "--at", "500"]).status, 4);
    assert_eq!(write(&["nobody", "--every", "2"]).status, 4);
    assert_eq!(write(&["--every", "0"]).status, 2);
    assert_eq!(write(&["--every", "2", "--at", "3"]).status, 2);
    assert_eq!(write(&[]).status, 2);
    assert_eq!(write(&["--at", "tail"]).status, 2);
    assert_eq!(write(&[&format!("{DRIVE}/global:3"), "--every", "2"]).status, 2);
    let run = write(&[&format!("{DRIVE}/global"), "--at", "head", "head~3", "7", "--json"]);
    assert_eq!(total(&run)["written"].as_u64().unwrap() + total(&run)["present"].as_u64().unwrap(), 3, "{run:?}");
    let timed = write(&["--every", "1", "--max-duration", "0s", "--json"]);
    assert!(timed.status == 5 || timed.status == 2, "{timed:?}");
}

#[cfg(unix)]
#[test]
fn a_store_that_does_not_change_is_left_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let env = fixture("drive.sqlite");
    let holder = Connection::open(env.path("ops.db")).unwrap();
    holder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let locked = env.on_store(&["keyframe", "write", "--every", "2", "--busy-timeout", "50ms"]);
    assert_eq!(locked.status, 11, "{locked:?}");
    holder.execute_batch("ROLLBACK; BEGIN IMMEDIATE").unwrap();
    let locked = env.on_store(&["keyframe", "write", "--every", "2", "--busy-timeout", "50ms"]);
    assert_eq!(locked.status, 11, "{locked:?}");
    drop(holder);
    let before = dump(&env.path("ops.db"));
    assert_eq!(env.on_store(&["keyframe", "write", "/", "--every", "2"]).status, 2);
    for mode in [0o444, 0o644] {
        let file = env.path("ops.db");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let is_root = std::fs::OpenOptions::new().append(true).open(&file).is_ok();
        let run = env.on_store(&["keyframe", "write", "--every", "2"]);
        if mode == 0o444 && !is_root {
            assert_eq!(run.status, 3, "{run:?}");
            assert!(dump(&file) == before);
        } else {
            run.ok();
        }
    }
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/field-notes.phd");
    let run = env.run(&["keyframe", "write", "--every", "2", "--store", archive.to_str().unwrap()]);
    assert_eq!(run.status, 3, "{run:?}");
}
