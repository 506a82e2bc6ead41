//! `snapctl keyframe show`.

use serde_json::{Value, json};

use crate::cli_keyframe_write::fixture as with_fixture;
use crate::support::keyframes::{put, sql};
use crate::support::{Operation, StoreFile, TestEnv};

/// Adds a keyframe that is what the replay gives.
fn put_right(env: &TestEnv, document: &str, revision: u64) {
    let rebuilt = env.read(&["rebuild", &format!("{document}/global:{revision}"), "--no-keyframes"]).json();
    let initial = env.read(&["rebuild", &format!("{document}/global:initial")]).json();
    let body = json!({ "header": rebuilt["header"], "state": rebuilt["state"], "initialState": initial["state"],
        "operations": {}, "clipboard": [] });
    put(env, [document, "global", "main"], revision.try_into().unwrap(), &body.to_string());
}

#[test]
fn a_keyframe_is_checked_against_the_replay() {
    let env = TestEnv::with_store(|store| store.drive("d1", "One", 12));
    for revision in [3, 6, 9] {
        put_right(&env, "d1", revision);
    }
    sql(&env, r#"UPDATE "Keyframe" SET "document" = replace("document", 'Folder 2', 'Folder X') WHERE "revision" = 6"#);
    let show = |target: &str| env.read(&["keyframe", "show", target, "--json"]);
    for target in ["d1:3", "d1/global:keyframe:3", "d1:head~8", "d1/global:op:d1.global.main.3"] {
        let shown = show(target).json();
        let found = (&shown["revision"], &shown["check"], &shown["createdAt"]);
        let check = json!({ "verdict": "ok", "reason": null, "findings": [] });
        assert_eq!(found, (&json!(3), &check, &json!("2025-02-01T00:00:00.003Z")), "{target}");
    }
    let rebuilt = env.read(&["rebuild", "d1/global:3"]).json();
    let shown = show("d1:3").json();
    assert_eq!((&shown["header"], &shown["hash"]), (&rebuilt["header"], &rebuilt["hash"]));
    let size = |path: &str| {
        let part = shown["parts"].as_array().unwrap().iter().find(|part| part["path"] == path).cloned();
        part.unwrap()["sizeBytes"].as_u64().unwrap()
    };
    let state = env.read(&["rebuild", "d1/global:3", "--state", "--ndjson"]);
    assert_eq!(size("/state/global"), state.ok().trim_end().len() as u64);
    // The newest of the stream.
    assert_eq!(show("d1").json()["revision"], 9);
    let wrong = show("d1:6");
    assert_eq!(wrong.status, 1, "{wrong:?}");
    let wrong: Value = serde_json::from_str(&wrong.stdout).unwrap();
    assert_eq!(wrong["check"]["verdict"], "failed");
    let finding = &wrong["check"]["findings"][0];
    assert_eq!(
        (&finding["code"], &finding["paths"]),
        (&json!("KEYFRAME_STATE"), &json!(["/state/global/nodes/2/name"]))
    );
    let text = env.read(&["keyframe", "show", "d1:6"]);
    assert!(text.stdout.contains("check, now           failed: it is not what the replay gives\n"), "{}", text.stdout);
    assert!(text.stdout.contains("\n  error KEYFRAME_STATE  "), "{}", text.stdout);
}

#[test]
fn the_body_is_printed_as_it_is_stored() {
    let env = TestEnv::with_store(|store| store.drive("d1", "One", 3));
    for (revision, body) in [(0, "{ \"a\" : 1.50 }"), (1, "no JSON")] {
        put(&env, ["d1", "global", "main"], revision, body);
        let run = env.read(&["keyframe", "show", &format!("d1:{revision}"), "--body"]);
        assert_eq!(run.ok(), format!("{body}\n"));
    }
    let shown = env.read(&["keyframe", "show", "d1:1", "--json"]);
    assert_eq!(shown.status, 1);
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!((&shown["header"], &shown["parts"]), (&Value::Null, &json!([])));
    assert_eq!(shown["check"]["findings"][0]["code"], "KEYFRAME_CORRUPT");
}

#[test]
fn there_may_be_no_such_keyframe_or_no_way_to_check_it() {
    let env = TestEnv::with_store(|store: &StoreFile| {
        store.drive("d1", "One", 8);
        store.document("d2", "some/type", "Unknown", "main");
        store.operation(&Operation {
            document_type: "some/type",
            ..Operation::new("d2", "global", 0, "ADD", json!({}))
        });
    });
    for (stream, revision) in
        [(["d1", "global", "main"], 3), (["d2", "global", "main"], 0), (["d1", "global", "main"], 50)]
    {
        put(&env, stream, revision, r#"{"header":{},"state":{}}"#);
    }
    put(&env, ["gone", "global", "main"], 2, "{}");
    for target in ["d1:4", "d1/local", "d1:keyframe:0", "d1@other:3", "none:3", "d1:initial"] {
        let error = env.read(&["keyframe", "show", target, "--json"]).error(4);
        assert!(error["hint"].is_string(), "{target}: {error}");
        assert_eq!(env.read(&["keyframe", "show", target, "--body"]).status, 4, "{target}");
    }
    let message = env.read(&["keyframe", "show", "d1:4"]);
    let text = "error: d1/global has no keyframe 4\nhint: `snapctl keyframe list` lists the keyframes\n";
    assert_eq!(message.fails(4), text);
    let check = |target: &str| -> (i32, Value) {
        let run = env.read(&["keyframe", "show", target, "--json"]);
        let shown: Value = serde_json::from_str(&run.stdout).unwrap();
        (run.status, shown["check"].clone())
    };
    let (status, found) = check("d2:0");
    assert_eq!((status, &found["verdict"]), (5, &json!("unverifiable")));
    assert!(found["reason"].as_str().unwrap().contains("some/type"), "{found}");
    for (target, code) in [("d1:50", "KEYFRAME_AHEAD"), ("gone:2", "KEYFRAME_ORPHAN")] {
        let (status, found) = check(target);
        assert_eq!((status, &found["findings"][0]["code"]), (1, &json!(code)), "{found}");
    }
    // The log breaks off behind it, and before it.
    sql(&env, r#"UPDATE "Operation" SET "action" = 'x' WHERE "index" = 5 AND "scope" = 'global'"#);
    assert_eq!(check("d1:3").0, 1, "what follows does not matter");
    sql(&env, r#"UPDATE "Operation" SET "action" = 'x' WHERE "index" = 2 AND "scope" = 'global'"#);
    let (status, found) = check("d1:3");
    assert_eq!((status, &found["verdict"]), (5, &json!("unverifiable")), "{found}");
}

/// What a check says, from wherever it begins.
fn checked(env: &TestEnv, target: &str, options: &[&str]) -> Value {
    let run = env.read(&[&["keyframe", "show", target, "--config", "snapctl.toml", "--json"], options].concat());
    let shown: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{target}: {run:?}"));
    json!([run.status, shown["check"]])
}

#[test]
fn a_check_begins_at_a_keyframe_before_and_says_the_same() {
    let settings = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/snapctl.toml")).unwrap();
    let mut verdicts = std::collections::BTreeMap::new();
    for fixture in ["drive.sqlite", "undo.sqlite", "upgrade.sqlite", "notes.sqlite"] {
        let env = with_fixture(fixture);
        std::fs::write(env.path("snapctl.toml"), &settings).unwrap();
        env.on_store(&["keyframe", "write", "--at", "0,1,2,3,4,5,6,7,8,9,10,11,12", "--config", "snapctl.toml"]).ok();
        let keyframes = env.read(&["keyframe", "list", "--json"]).json();
        // As they are, with another name, and with the state of the one before.
        for damage in ["\"document\"", "replace(\"document\", '\"name\":\"', '\"name\":\"X')", BEFORE] {
            let copy = with_fixture(fixture);
            std::fs::copy(env.path("ops.db"), copy.path("ops.db")).unwrap();
            std::fs::write(copy.path("snapctl.toml"), &settings).unwrap();
            for keyframe in keyframes.as_array().unwrap() {
                let text = |member: &str| keyframe[member].as_str().unwrap();
                let (document, scope, branch) = (text("document"), text("scope"), text("branch"));
                let revision = keyframe["revision"].as_u64().unwrap();
                let place = format!(
                    r#""documentId" = '{document}' AND "scope" = '{scope}' AND "branch" = '{branch}' AND "revision" = {revision}"#
                );
                sql(
                    &copy,
                    &format!(r#"UPDATE "Keyframe" SET "document" = coalesce({damage}, "document") WHERE {place}"#),
                );
                let target = format!("{document}/{scope}@{branch}:{revision}");
                let here = checked(&copy, &target, &[]);
                assert_eq!(here, checked(&copy, &target, &["--no-keyframes"]), "{fixture} {target}: {damage}");
                *verdicts.entry(here[1]["verdict"].as_str().unwrap().to_owned()).or_insert(0) += 1;
                let original = format!("ATTACH '{}' AS original;", env.path("ops.db").display());
                let back = format!(
                    r#"{original} UPDATE "Keyframe" SET "document" = (SELECT "document" FROM original."Keyframe" WHERE {place})
                       WHERE {place}"#
                );
                sql(&copy, &back);
            }
        }
    }
    assert!(verdicts["ok"] > 50 && verdicts["failed"] > 50, "{verdicts:?}");
}

/// The document of the keyframe before, with the header of this one.
const BEFORE: &str = r#"json_set((SELECT before."document" FROM "Keyframe" AS before
    WHERE before."documentId" = "Keyframe"."documentId" AND before."scope" = "Keyframe"."scope"
    AND before."branch" = "Keyframe"."branch" AND before."revision" = "Keyframe"."revision" - 1),
    '$.header', json_extract("document", '$.header'))"#;

/// A log that does not replay shows where a replay begins.
#[test]
fn a_check_begins_at_the_newest_that_was_found_right_and_never_at_the_one_it_checks() {
    let env = TestEnv::with_store(|store| store.drive("d1", "One", 12));
    env.on_store(&["keyframe", "write", "--at", "4,8,9,10"]).ok();
    let undo = |index: u64| {
        sql(
            &env,
            &format!(
                r#"UPDATE "Operation" SET "action" = json_set("action", '$.type', 'UNDO') WHERE "scope" = 'global' AND "index" = {index}"#
            ),
        );
    };
    let verdict = |label: u64, options: &[&str]| {
        let run = env.read(&[&["keyframe", "show", &format!("d1:{label}"), "--json"], options].concat());
        serde_json::from_str::<Value>(&run.stdout).unwrap()["check"]["verdict"].as_str().unwrap().to_owned()
    };
    undo(2);
    let verdicts = |options: &[&str]| [4, 8, 9, 10].map(|label| verdict(label, options));
    assert_eq!(verdicts(&[]), ["unverifiable", "ok", "ok", "ok"]);
    assert_eq!(verdicts(&["--trust", "none"]), ["unverifiable"; 4]);
    // One that no check has found right is none to begin with, whatever is trusted.
    sql(&env, r#"DELETE FROM "snapctl_keyframe" WHERE "revision" = 4"#);
    assert_eq!(verdicts(&["--trust", "any"]), ["unverifiable", "unverifiable", "unverifiable", "ok"]);
    undo(9);
    assert_eq!(verdict(10, &[]), "unverifiable");
}
