//! `snapctl verify`, on copies of a fixture that are damaged in one place each.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{Operation, Run, TestEnv};

const DRIVE: &str = "f1e1d0c5-7a3e-4d52-9b60-2c8e41f7a6d3";

/// A copy of the fixture in `ops.db`, changed by SQL.
fn drive(sql: &str) -> TestEnv {
    let env = TestEnv::new();
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/drive.sqlite");
    std::fs::copy(fixture, env.path("ops.db")).unwrap();
    sqlite(&env, sql);
    env
}

fn sqlite(env: &TestEnv, sql: &str) {
    let connection = Connection::open(env.path("ops.db")).unwrap();
    connection.execute_batch(sql).unwrap();
}

/// What was found: severity, code, target and count.
fn found(run: &Run) -> Vec<(String, String, String, u64)> {
    let answer: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}"));
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().replace(DRIVE, "drive");
    let findings = answer["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| {
            let count = finding["count"].as_u64().unwrap();
            (text(finding, "severity"), text(finding, "code"), text(finding, "target"), count)
        })
        .collect()
}

#[track_caller]
fn expect(sql: &str, status: i32, expected: &[(&str, &str, &str, u64)]) -> Run {
    let env = drive(sql);
    let run = env.read(&["verify", "--json"]);
    let found = found(&run);
    let found: Vec<_> = found.iter().map(|(a, b, c, n)| (a.as_str(), b.as_str(), c.as_str(), *n)).collect();
    assert_eq!((run.status, &found[..]), (status, expected), "{sql}");
    run
}

#[test]
fn what_is_right_is_ok_and_counted() {
    let run = drive("").read(&["verify", "--json"]);
    let answer = run.json();
    assert_eq!(answer["verdict"], "ok");
    assert_eq!(answer["complete"], true);
    let checked = json!({
        "documents": 1, "ofDocuments": 1, "streams": 4, "operations": 28, "sealed": 0, "ofOperations": 28,
        "keyframes": 2, "ofKeyframes": 2, "hashes": 26, "signatures": 0,
    });
    assert_eq!(answer["checked"], checked);
    let text = drive("").read(&["verify"]);
    assert_eq!(
        text.ok(),
        "checked 1 of 1 document: 28 of 28 operations, 2 of 2 keyframes\n\
         1 ok, 0 failed, 0 unverifiable; 0 errors, 0 warnings\n"
    );
}

#[test]
fn an_edited_operation_is_named_with_what_follows_from_it() {
    let edit = r#"UPDATE "Operation" SET "action" = replace("action", '"name":"', '"name":"x') WHERE "scope" = 'global' AND "index" = 2"#;
    let run = drive(edit).read(&["verify", "--json"]);
    let first = &found(&run)[0];
    assert_eq!((run.status, &first.1[..], &first.2[..]), (1, "HASH_DIFFERS", "drive/global:2"));
    let answer: Value = serde_json::from_str(&run.stdout).unwrap();
    let command = answer["findings"][0]["command"].as_str().unwrap();
    assert_eq!(command, format!("snapctl log -p {DRIVE}/global:2"));
    assert!(found(&run).iter().any(|(_, code, target, _)| code == "KEYFRAME_STATE" && target == "drive/global:10"));
}

#[test]
fn a_hash_that_was_overwritten_is_one_operation_alone() {
    expect(
        r#"UPDATE "Operation" SET "hash" = 'AAAA' WHERE "scope" = 'global' AND "index" = 5"#,
        1,
        &[("error", "HASH_DIFFERS", "drive/global:5", 1)],
    );
}

#[test]
fn rows_out_of_place_are_found_beside_the_replay() {
    let missing = r#"DELETE FROM "Operation" WHERE "scope" = 'local' AND "index" = 2"#;
    let run = drive(missing).read(&["verify", "--json"]);
    assert_eq!(&found(&run)[0].1[..], "GAP");
    assert_eq!(&found(&run)[0].2[..], "drive/local:2");
    expect(
        r#"UPDATE "Operation" SET "prevOpId" = 'another' WHERE "scope" = 'local' AND "index" = 2"#,
        1,
        &[("warning", "PREVIOUS_ID", "drive/local:2", 1)],
    );
    expect(
        r#"UPDATE "Operation" SET "timestampUtcMs" = '2020-01-01T00:00:00.000Z' WHERE "scope" = 'local' AND "index" = 3"#,
        1,
        &[("warning", "TIME_ORDER", "drive/local:3", 1)],
    );
    expect(
        r#"UPDATE "Operation" SET "documentType" = 'other' WHERE "scope" = 'local' AND "index" = 3"#,
        1,
        &[("warning", "TYPE_DIFFERS", "drive/local:3", 1)],
    );
}

#[test]
fn a_row_that_does_not_decode_is_a_finding_and_hides_no_other() {
    let sql = r#"UPDATE "Operation" SET "action" = '{"type"' WHERE "scope" = 'global' AND "index" = 7;
        UPDATE "Operation" SET "timestampUtcMs" = 'never' WHERE "scope" = 'global' AND "index" = 9;
        UPDATE "Operation" SET "prevOpId" = 'x' WHERE "scope" = 'global' AND "index" = 15"#;
    let run = drive(sql).read(&["verify", "--json"]);
    let of =
        |code: &str| found(&run).into_iter().find(|finding| finding.1 == code).map(|finding| (finding.2, finding.3));
    assert_eq!(run.status, 1);
    assert_eq!(of("ROW_CORRUPT"), Some(("drive/global:7".to_owned(), 2)));
    assert_eq!(of("PREVIOUS_ID"), Some(("drive/global:15".to_owned(), 1)));
    let answer: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(answer["complete"], false);
    assert_eq!(answer["checked"]["keyframes"], 0, "nothing behind the row was replayed");
}

#[test]
fn keyframes_are_compared_whole() {
    let edit = |path: &str, value: &str| {
        format!(
            r#"UPDATE "Keyframe" SET "document" = json_set("document", '{path}', json('{value}')) WHERE "revision" = 10"#
        )
    };
    for (path, value, code, pointer) in [
        ("$.state.global.name", "\"x\"", "KEYFRAME_STATE", "/state/global/name"),
        ("$.state.local.sharingType", "\"x\"", "KEYFRAME_OTHER_SCOPE", "/state/local/sharingType"),
        ("$.header.name", "\"x\"", "KEYFRAME_HEADER", "/header/name"),
        ("$.initialState.global.icon", "1", "KEYFRAME_INITIAL", "/initialState/global/icon"),
    ] {
        let run = expect(&edit(path, value), 1, &[("error", code, "drive/global:10", 1)]);
        let answer: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(answer["findings"][0]["paths"], json!([pointer]));
    }
    expect(&edit("$.header.revision.global", "9"), 1, &[("error", "KEYFRAME_LABEL", "drive/global:10", 1)]);
    expect(&edit("$.header.revision.global", "21"), 0, &[("note", "KEYFRAME_CONVENTION", "drive/global:10", 1)]);
    expect(&edit("$.header.revision.local", "99"), 1, &[("error", "KEYFRAME_AHEAD", "drive/local:4", 1)]);
    expect(&edit("$.header", "null"), 1, &[("error", "KEYFRAME_CORRUPT", "drive/global:10", 1)]);
    expect(
        r#"UPDATE "Keyframe" SET "document" = substr("document", 1, 100) WHERE "revision" = 20"#,
        1,
        &[("error", "KEYFRAME_CORRUPT", "drive/global:20", 1)],
    );
}

#[test]
fn keyframes_that_no_replay_reaches_are_found() {
    expect(
        r#"UPDATE "Keyframe" SET "revision" = 500 WHERE "revision" = 20"#,
        1,
        &[("error", "KEYFRAME_AHEAD", "drive/global:500", 1)],
    );
    expect(
        r#"UPDATE "Keyframe" SET "revision" = -1 WHERE "revision" = 20"#,
        1,
        &[("error", "KEYFRAME_LABEL", "drive/global", 1)],
    );
    expect(r#"UPDATE "Keyframe" SET "scope" = 'x'"#, 1, &[("error", "KEYFRAME_ORPHAN", "drive/x:10", 2)]);
    expect(
        r#"UPDATE "Keyframe" SET "documentId" = 'gone' WHERE "revision" = 20"#,
        1,
        &[("error", "KEYFRAME_ORPHAN", "gone/global:20", 1)],
    );
}

#[test]
fn the_read_model_is_compared_at_the_operation_it_names() {
    let table = r#"CREATE TABLE "DocumentSnapshot" ("documentId" TEXT, "scope" TEXT, "branch" TEXT, "content" TEXT,
        "lastOperationIndex" INTEGER);"#;
    let insert = |index: i32, content: &str| {
        format!(r#"{table} INSERT INTO "DocumentSnapshot" VALUES ('{DRIVE}', 'local', 'main', '{content}', {index})"#)
    };
    let state = drive("").read(&["rebuild", &format!("{DRIVE}/local:2"), "--state"]).stdout;
    expect(&insert(2, &state), 0, &[]);
    let run = expect(&insert(3, &state), 1, &[("error", "SNAPSHOT_DIFFERS", "drive/local:3", 1)]);
    assert!(run.stdout.contains("\"stored\""), "{run:?}");
    expect(&insert(4, &state), 1, &[("error", "SNAPSHOT_AHEAD", "drive/local:4", 1)]);
    expect(&insert(3, "{"), 1, &[("error", "SNAPSHOT_DIFFERS", "drive/local:3", 1)]);
}

#[test]
fn what_cannot_be_checked_is_not_clean() {
    let env = TestEnv::with_store(|store| store.document("d", "acme/unknown", "n", "main"));
    let run = env.read(&["verify", "--json", "--ignore", "OPERATION_ID"]);
    assert_eq!((run.status, &found(&run)[0].1[..]), (5, "MODEL_MISSING"));
    let answer: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&answer["verdict"], &answer["complete"]), (&json!("unverifiable"), &json!(false)));
    let env = TestEnv::with_store(|_| {});
    assert!(env.read(&["verify"]).fails(4).contains("holds no document to check"));
}

#[test]
fn notes_do_not_count_and_are_told_on_demand() {
    let env = TestEnv::with_store(|store| {
        store.drive("d", "n", 0);
        store.operation(&Operation::new("d", "global", 0, "NO_SUCH_ACTION", json!({ "text": "\u{0}" })));
        store.sql(r#"UPDATE "Operation" SET "opId" = lower(hex(zeroblob(16)) || "id")"#);
    });
    let ignored = ["verify", "--ignore", "operation-id", "--ignore", "PREVIOUS_ID"];
    let run = env.read(&ignored);
    assert!(run.ok().contains("0 errors, 0 warnings, 1 note (-v tells them)"), "{run:?}");
    assert!(!run.stdout.contains("NOT_PORTABLE"));
    let run = env.read(&[&ignored[..], &["-v"]].concat());
    assert!(run.ok().contains("note NOT_PORTABLE  d/global:0\n  operation 0 holds U+0000"), "{run:?}");
    let run = env.read(&["verify", "--only", "OPERATION_ID", "--json"]);
    assert_eq!((run.status, found(&run).len()), (1, 2));
    assert!(env.read(&["verify", "--only", "OPERATIONID"]).fails(2).contains("did you mean OPERATION_ID?"));
}

/// A store with `n` drives of which those with a number in `bad` have a wrong hash.
fn drives(n: u32, bad: &[u32]) -> TestEnv {
    TestEnv::with_store(|store| {
        for document in 0..n {
            store.drive(&format!("d{document:03}"), "n", 3);
            if bad.contains(&document) {
                store.sql(&format!(
                    r#"UPDATE "Operation" SET "hash" = 'AAAA' WHERE "documentId" = 'd{document:03}' AND "index" = 1 AND "scope" = 'global'"#
                ));
            }
        }
        store.sql(r#"UPDATE "Operation" SET "prevOpId" = ''"#);
    })
}

const QUIET: [&str; 4] = ["--ignore", "OPERATION_ID", "--ignore", "PREVIOUS_ID"];

#[test]
fn the_answer_does_not_depend_on_the_number_of_threads() {
    let env = drives(40, &[3, 17, 39]);
    let run = |jobs: &str| env.read(&[&["verify", "--ndjson", "--jobs", jobs], &QUIET[..]].concat());
    let one = run("1");
    assert_eq!(one.status, 1);
    let targets: Vec<_> = one.lines().iter().filter_map(|line| Some(line["target"].as_str()?.to_owned())).collect();
    assert_eq!(targets, ["d003/global:1", "d017/global:1", "d039/global:1"]);
    for jobs in ["2", "3", "16"] {
        assert_eq!(run(jobs).stdout, one.stdout);
    }
}

#[test]
fn samples_share_the_work_and_say_so() {
    let env = drives(40, &[]);
    let mut checked = 0;
    for n in 1..=3 {
        let run = env.read(&[&["verify", "--json", "--sample", &format!("{n}/3")], &QUIET[..]].concat());
        let answer = run.json();
        assert_eq!(answer["checked"]["ofDocuments"], 40);
        checked += answer["checked"]["documents"].as_u64().unwrap();
    }
    assert_eq!(checked, 40);
    let run = env.read(&[&["verify", "--sample", "10%"], &QUIET[..]].concat());
    assert!(run.ok().contains("of 40 documents") && run.stdout.contains("(a sample of "), "{run:?}");
    assert!(env.read(&["verify", "--sample", "0/3"]).fails(2).contains("a sample is written N/T"));
}

#[test]
fn a_check_ends_after_enough_errors_and_goes_on_with_resume() {
    let env = drives(20, &[4, 9, 15]);
    let arguments = [&["verify", "--ndjson", "--jobs", "1", "--max-errors", "2"], &QUIET[..]].concat();
    let run = env.on_store(&arguments);
    assert_eq!(run.status, 1);
    assert!(run.stderr.contains("--resume goes on from here"), "{run:?}");
    let last = run.lines().pop().unwrap();
    assert_eq!((&last["ended"], &last["checked"]["documents"]), (&json!("maxErrors"), &json!(10)));
    let resumed = env.on_store(&[&["verify", "--ndjson", "--jobs", "1", "--resume"], &QUIET[..]].concat());
    let lines = resumed.lines();
    assert_eq!(lines[0]["target"], "d015/global:1", "{resumed:?}");
    assert_eq!(lines[1]["checked"]["documents"], 20, "what was checked before counts");
    assert_eq!(lines[1]["counts"]["error"], 3);
    let again = env.on_store(&[&["verify", "--ndjson", "--jobs", "1", "--resume"], &QUIET[..]].concat());
    assert!(again.stderr.contains("starts from the beginning"), "{again:?}");
    assert_eq!(again.lines().len(), 4);
}

#[test]
fn a_budget_of_no_time_leaves_everything_unchecked() {
    let env = drives(3, &[]);
    let run = env.on_store(&["verify", "--json", "--max-duration", "0s"]);
    assert_eq!(run.status, 5, "{run:?}");
    let answer: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&answer["ended"], &answer["checked"]["documents"]), (&json!("maxDuration"), &json!(0)));
}

#[test]
fn a_drive_is_checked_with_what_is_in_it() {
    let env = TestEnv::with_store(|store| {
        store.drive("top", "n", 0);
        let file = |id: &str| json!({ "id": id, "name": id, "documentType": "powerhouse/document-drive" });
        store.operation(&Operation::new("top", "global", 0, "ADD_FILE", file("inner")));
        store.operation(&Operation::new("top", "global", 1, "ADD_FILE", file("absent")));
        store.drive("inner", "n", 0);
        store.operation(&Operation::new("inner", "global", 0, "ADD_FILE", file("top")));
        store.drive("other", "n", 0);
        store.sql(r#"UPDATE "Operation" SET "prevOpId" = ''"#);
    });
    let run = env.read(&[&["verify", "top", "--recursive", "--json"], &QUIET[..]].concat());
    assert_eq!(run.json()["checked"]["documents"], 2);
    assert!(run.stderr.contains("documents in the drives that this store does not have: 1"), "{run:?}");
    assert!(env.read(&["verify", "top:1"]).fails(2).contains("whole streams are checked"));
    let run = env.read(&[&["verify", "top/global", "--json"], &QUIET[..]].concat());
    assert_eq!(run.json()["checked"]["streams"], 1);
}
