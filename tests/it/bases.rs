//! Whatever is wrong with a store, a keyframe never makes an answer other than the log does.

use std::path::PathBuf;

use rusqlite::Connection;

use crate::support::TestEnv;

const DOCUMENT: &str = "f1e1d0c5-7a3e-4d52-9b60-2c8e41f7a6d3";

/// A copy of the drive fixture, changed by `sql`.
fn changed(sql: &str) -> TestEnv {
    let env = TestEnv::new();
    let fixture = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/drive.sqlite");
    std::fs::copy(fixture, env.path("ops.db")).unwrap();
    let connection = Connection::open(env.path("ops.db")).unwrap();
    connection.execute_batch(sql).unwrap();
    env
}

/// Exit code and hash of a rebuild at one level of trust.
fn hash(env: &TestEnv, target: &str, trust: &str) -> (Option<i32>, String) {
    let target = format!("{DOCUMENT}/{target}");
    let run = env.snapctl(&["--store", "ops.db", "--trust", trust, "rebuild", "--hash", &target]).output().unwrap();
    (run.status.code(), String::from_utf8(run.stdout).unwrap())
}

/// Checks that all levels but `any` say the same as a rebuild without keyframes, and returns its exit code.
fn agree(sql: &str) -> Option<i32> {
    let env = changed(sql);
    let truth = hash(&env, "global:18", "none");
    for trust in ["verified", "hashed"] {
        assert_eq!(hash(&env, "global:18", trust), truth, "{trust}: {sql}");
    }
    truth.0
}

#[test]
fn a_sound_keyframe_is_used_and_agrees() {
    assert_eq!(agree(""), Some(0));
    let env = changed("");
    let run = env
        .snapctl(&["--store", "ops.db", "--trust", "hashed", "rebuild", "--explain", &format!("{DOCUMENT}/global:18")])
        .output()
        .unwrap();
    assert!(String::from_utf8(run.stdout).unwrap().contains("\"kind\": \"keyframe\""));
}

#[test]
fn a_gap_before_a_keyframe() {
    assert_eq!(agree(r#"DELETE FROM "Operation" WHERE "scope" = 'global' AND "index" = 3"#), Some(0));
}

#[test]
fn a_log_that_cannot_be_replayed_before_a_keyframe() {
    let of = |kind: &str, input: &str| {
        let set = r#""action" = json_set("action", '$.type', "#;
        format!(r#"UPDATE "Operation" SET {set}'{kind}', '$.input', {input}) WHERE "scope" = 'global' AND "index" = 2"#)
    };
    for sql in [of("UNDO", "json('{}')"), of("PRUNE", "json('{}')"), of("SET_NAME", "'text'")] {
        assert_eq!(agree(&sql), Some(13));
    }
    let versions = r#"UPDATE "Operation" SET "action" = json_remove("action", '$.input.protocolVersions')
        WHERE "scope" = 'document' AND "index" = 0"#;
    assert_eq!(agree(versions), Some(13));
}

#[test]
fn a_keyframe_row_that_does_not_decode() {
    for change in [r#""documentType" = x'ff'"#, r#""document" = x'ff'"#, r#""document" = '{"header":{}}'"#] {
        assert_eq!(agree(&format!(r#"UPDATE "Keyframe" SET {change}"#)), Some(0));
    }
}

#[test]
fn an_upgrade_recorded_after_a_keyframe() {
    let again = r#"INSERT INTO "Operation" SELECT NULL, "jobId", 'again', "prevOpId", "writeTimestampUtcMs", "documentId",
        "documentType", "scope", "branch", "timestampUtcMs", 2, json_set("action", '$.input.initialState.global.name', 'again'),
        "skip", "error", "hash", "deniedReason" FROM "Operation" WHERE "scope" = 'document' AND "index" = 1"#;
    assert_eq!(agree(again), Some(0));
}

#[test]
fn a_position_in_a_gap_is_told() {
    let env = changed(r#"DELETE FROM "Operation" WHERE "scope" = 'global' AND "index" = 5"#);
    let target = format!("{DOCUMENT}/global:5");
    let lax = env.snapctl(&["--store", "ops.db", "rebuild", "--hash", &target]).output().unwrap();
    let said = String::from_utf8(lax.stderr).unwrap();
    assert!(lax.status.success() && said.contains("has no operation 5"), "{said}");
    let strict = env.snapctl(&["--store", "ops.db", "rebuild", "--hash", "--strict", &target]).output().unwrap();
    assert_eq!(strict.status.code(), Some(13));
}
