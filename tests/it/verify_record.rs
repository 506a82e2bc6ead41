//! `verify --record`: what was checked may be a base, and is not replayed again.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{Run, TestEnv};

const DRIVE: &str = "f1e1d0c5-7a3e-4d52-9b60-2c8e41f7a6d3";

/// A copy of the fixture, recorded.
fn recorded() -> TestEnv {
    let env = TestEnv::new();
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/drive.sqlite");
    std::fs::copy(fixture, env.path("ops.db")).unwrap();
    let run = env.on_store(&["verify", "--record"]);
    assert!(run.stderr.contains("recorded: 2 keyframes and 4 streams"), "{run:?}");
    run.ok();
    env
}

fn sql(env: &TestEnv, sql: &str) {
    Connection::open(env.path("ops.db")).unwrap().execute_batch(sql).unwrap();
}

fn answer(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}"))
}

fn codes(run: &Run) -> Vec<String> {
    let answer = answer(run);
    answer["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_recorded_keyframe_is_a_base_and_the_answer_is_the_same() {
    let env = recorded();
    let target = format!("{DRIVE}/global");
    let rebuilt = env.read(&["rebuild", &target, "--explain"]).json();
    assert_eq!(rebuilt["explain"]["base"], json!({ "kind": "keyframe", "revision": 20 }));
    assert_eq!(rebuilt["explain"]["operationsRead"], 2, "the two of the document scope");
    let plain = env.read(&["rebuild", &target, "--no-keyframes", "--explain"]).json();
    assert_eq!(plain["explain"]["base"]["kind"], "genesis");
    assert_eq!((&rebuilt["state"], &rebuilt["header"]), (&plain["state"], &plain["header"]));
}

#[test]
fn only_what_is_new_is_replayed() {
    let env = recorded();
    let run = env.read(&["verify", "--json"]);
    assert_eq!(run.json()["checked"]["sealed"], 21);
    assert_eq!(answer(&run)["checked"]["operations"], 28);
    assert_eq!(answer(&run)["checked"]["keyframes"], 2);
    for anew in [&["verify", "--json", "--anew"][..], &["verify", "--json", "--no-keyframes"]] {
        assert_eq!(env.read(anew).json()["checked"]["sealed"], 0);
    }
}

#[test]
fn an_edited_past_is_found_and_then_replayed_whole() {
    let env = recorded();
    sql(
        &env,
        r#"UPDATE "Operation" SET "action" = replace("action", '"name":"', '"name":"x') WHERE "scope" = 'global' AND "index" = 2"#,
    );
    let run = env.read(&["verify", "--json"]);
    assert_eq!(run.status, 1);
    assert_eq!(codes(&run)[..2], ["HASH_DIFFERS", "SEAL_BROKEN"]);
    let findings = answer(&run)["findings"].clone();
    assert_eq!(findings[1]["message"], "operations 0 to 10 are not those that were sealed");
    assert_eq!(findings[0]["target"], format!("{DRIVE}/global:2"));
}

#[test]
fn a_keyframe_that_changed_since_is_told_and_compared_again() {
    let env = recorded();
    sql(
        &env,
        r#"UPDATE "Keyframe" SET "document" = json_set("document", '$.state.global.name', 'x') WHERE "revision" = 10"#,
    );
    let run = env.read(&["verify", "--json"]);
    assert_eq!((run.status, codes(&run)), (1, vec!["KEYFRAME_CHECKSUM".to_owned(), "KEYFRAME_STATE".to_owned()]));
    let env = recorded();
    sql(&env, r#"UPDATE "Keyframe" SET "document" = "document" || ' ' WHERE "revision" = 10"#);
    let run = env.read(&["verify", "--json"]);
    assert_eq!((run.status, codes(&run)), (0, vec!["KEYFRAME_CHECKSUM".to_owned()]), "its state is right: a note");
}

#[test]
fn a_wrong_keyframe_is_recorded_as_wrong_and_never_a_base() {
    let env = TestEnv::new();
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/drive.sqlite"), env.path("ops.db")).unwrap();
    sql(
        &env,
        r#"UPDATE "Keyframe" SET "document" = json_set("document", '$.state.global.name', 'x') WHERE "revision" = 20"#,
    );
    let run = env.on_store(&["verify", "--record", "--json"]);
    assert_eq!((run.status, codes(&run)), (1, vec!["KEYFRAME_STATE".to_owned()]));
    let rebuilt = env.read(&["rebuild", &format!("{DRIVE}/global"), "--explain"]);
    assert_eq!(rebuilt.json()["explain"]["base"], json!({ "kind": "keyframe", "revision": 10 }));
    let considered = rebuilt.json()["explain"]["considered"][0].clone();
    assert_eq!(considered["reason"], "it was found to be wrong (KEYFRAME_STATE)");
    // A stream with a finding is not sealed.
    assert_eq!(answer(&env.read(&["verify", "--json"]))["checked"]["sealed"], 0);
}

/// Where a document changes its version, no keyframe says what the initial state is of those after it.
#[test]
fn a_new_keyframe_after_an_upgrade_is_compared_with_the_initial_state_that_the_log_gives() {
    let env = crate::cli_keyframe_write::fixture("upgrade.sqlite");
    let settings = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/snapctl.toml");
    let with = |args: &[&str]| env.on_store(&[&["--config", settings], args].concat());
    with(&["keyframe", "write", "expo", "--at", "4,5,6,7,8"]).ok();
    with(&["verify", "--record"]).ok();
    sql(&env, r#"DELETE FROM "snapctl_keyframe" WHERE "revision" = 8"#);
    let checked = |args: &[&str]| with(&[&["verify", "--json"], args].concat()).json()["checked"].take();
    assert_eq!(checked(&[])["keyframes"], checked(&["--anew"])["keyframes"]);
    // And once nothing is new, the past is not replayed.
    with(&["verify", "--record"]).ok();
    assert!(checked(&[])["sealed"].as_u64().unwrap() > 0);
}
