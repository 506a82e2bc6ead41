//! `snapctl keyframe prune`.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::cli_keyframe_write::fixture;
use crate::support::TestEnv;
use crate::support::keyframes::{drives, labels};

fn sql(env: &TestEnv, sql: &str) {
    Connection::open(env.path("ops.db")).unwrap().execute_batch(sql).unwrap();
}

fn pin(env: &TestEnv, revision: u64, until_ms: Option<i64>) {
    let until = until_ms.map_or("NULL".to_owned(), |until| until.to_string());
    sql(
        env,
        &format!("UPDATE snapctl_keyframe SET pinReason = 'audit', pinUntilMs = {until} WHERE revision = {revision}"),
    );
}

#[test]
fn a_dry_run_tells_all_and_changes_nothing() {
    let env = drives(&[("d1", 60), ("d2", 20)], 5);
    let run = env.read(&["keyframe", "prune", "--max-replay-ops", "20", "--dry-run", "--json"]).json();
    let streams = run["streams"].as_array().unwrap();
    assert_eq!(streams.len(), 2);
    assert_eq!((&streams[0]["before"]["keyframes"], &streams[0]["before"]["worstDistance"]), (&json!(12), &json!(4)));
    assert!(streams[0]["after"]["worstDistance"].as_u64().unwrap() <= 20, "{run}");
    assert_eq!((&streams[1]["losesLastBase"], &streams[1]["after"]["worstDistance"]), (&json!(true), &json!(20)));
    assert_eq!((&run["total"]["dryRun"], &run["total"]["before"]["keyframes"]), (&json!(true), &json!(16)));
    let lines = env.read(&["keyframe", "prune", "--keep-last", "1", "--dry-run", "--ndjson", "--explain"]).lines();
    assert_eq!(lines.len(), 3);
    let keyframes = lines[0]["stream"]["keyframes"].as_array().unwrap();
    assert_eq!(keyframes[0], json!({ "revision": 4, "kept": null, "dropped": "noRule" }));
    assert_eq!(keyframes[11], json!({ "revision": 59, "kept": ["last"], "dropped": null }));
    assert_eq!(lines[2]["total"]["dropped"], 14);
    let text = env.read(&["keyframe", "prune", "--keep-every", "20", "--dry-run", "--explain"]);
    assert!(text.ok().starts_with("stream     keyframes"), "{}", text.stdout);
    assert!(text.ok().contains("\nd1/global     12 → 3"), "{}", text.stdout);
    assert!(text.ok().contains("d1/global        59  stays  --keep-every\n"), "{}", text.stdout);
    assert!(text.ok().ends_with("12 keyframes would be dropped\n"), "{}", text.stdout);
}

#[test]
fn what_goes_is_gone_once_and_every_revision_is_still_there() {
    let env = drives(&[("d1", 60), ("d2", 20)], 5);
    let prune = ["keyframe", "prune", "--keep-every", "20", "--json"];
    let run = env.on_store(&prune).json();
    assert_eq!(
        (&run["total"]["dropped"], &run["total"]["bodiesKept"]),
        (&json!(12), &json!(12)),
        "nothing was checked"
    );
    assert_eq!((labels(&env, "d1"), labels(&env, "d2")), (vec![19, 39, 59], vec![19]));
    assert_eq!(run["streams"][0]["after"]["keyframes"], 3);
    assert!(run["total"]["after"]["bytes"].as_u64().unwrap() < run["total"]["before"]["bytes"].as_u64().unwrap());
    let before = std::fs::read(env.path("ops.db")).unwrap();
    let again = env.on_store(&prune).json();
    assert_eq!((&again["total"]["dropped"], &again["streams"]), (&json!(0), &json!([])));
    assert_eq!(std::fs::read(env.path("ops.db")).unwrap(), before, "a second run does nothing");
    env.read(&["verify"]).ok();
    let connection = Connection::open(env.path("ops.db")).unwrap();
    let noted: (i64, i64, i64) = connection
        .query_row("SELECT count(*), count(DISTINCT run), (SELECT count(*) FROM snapctl_run WHERE finishedAtMs NOT NULL) FROM snapctl_mutation",
            [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap();
    assert_eq!(noted, (12, 1, 1));
}

#[test]
fn what_a_check_found_right_is_not_kept_twice() {
    let env = drives(&[("d1", 20)], 5);
    env.on_store(&["verify", "--record"]).ok();
    // One got another body since.
    sql(&env, r#"UPDATE "Keyframe" SET "document" = "document" || ' ' WHERE "revision" = 9"#);
    let run = env.on_store(&["keyframe", "prune", "--keep-last", "1", "--json"]).json();
    assert_eq!((&run["total"]["dropped"], &run["total"]["bodiesKept"]), (&json!(3), &json!(1)));
}

#[test]
fn an_empty_policy_and_mixed_wishes_are_refused() {
    let env = drives(&[("d1", 10)], 5);
    for args in
        [&[][..], &["d1"], &["d1/global"], &["--keep-last", "1", "--failed"], &["d1/global:0..5", "--keep-last", "1"]]
    {
        let run = env.read(&[&["keyframe", "prune"], args].concat());
        run.fails(2);
    }
    assert!(env.read(&["keyframe", "prune"]).fails(2).contains("without a rule everything would go"));
    assert_eq!(env.read(&["keyframe", "prune", "--keep-last", "0"]).status, 2);
    assert_eq!(env.read(&["keyframe", "prune", "--keep-log-spaced", "1"]).status, 2);
    assert_eq!(env.read(&["keyframe", "prune", "none", "--keep-last", "1"]).status, 4);
}

#[test]
fn the_last_base_goes_only_with_a_yes() {
    let env = drives(&[("d1", 10), ("d2", 5)], 5);
    let before = std::fs::read(env.path("ops.db")).unwrap();
    let run = env.on_store(&["keyframe", "prune", "--max-replay-ops", "100", "--json"]);
    let error = run.error(15);
    assert_eq!(error["code"], "would-lose");
    assert!(error["message"].as_str().unwrap().starts_with("2 streams, d1/global among them, would lose"), "{error}");
    assert_eq!(std::fs::read(env.path("ops.db")).unwrap(), before);
    env.on_store(&["keyframe", "prune", "--max-replay-ops", "100", "--yes"]).ok();
    assert_eq!((labels(&env, "d1"), labels(&env, "d2")), (vec![], vec![]));
    env.read(&["verify"]).ok();
    assert!(
        env.on_store(&["keyframe", "prune", "--max-replay-ops", "100"]).ok().contains("there is no keyframe in ops.db")
    );
}

#[test]
fn exactly_what_is_named_goes() {
    let env = drives(&[("d1", 40), ("d2", 10)], 5);
    env.on_store(&["keyframe", "prune", "d1/global:5..15"]).ok();
    assert_eq!(labels(&env, "d1"), [4, 19, 24, 29, 34, 39]);
    let run = env.on_store(&["keyframe", "prune", "d1:20.."]);
    assert!(run.stderr.contains("d1:20.. names no scope; this is scope global"), "{run:?}");
    assert_eq!(labels(&env, "d1"), [4, 19]);
    assert_eq!(env.on_store(&["keyframe", "prune", "d1/global:5..99"]).status, 4, "past the head");
    env.on_store(&["keyframe", "prune", "d2", "--all", "--yes"]).ok();
    assert_eq!((labels(&env, "d1"), labels(&env, "d2")), (vec![4, 19], vec![]));
}

#[test]
fn failed_ones_and_those_of_other_models_are_found_by_their_records() {
    let env = drives(&[("d1", 20)], 5);
    sql(
        &env,
        r#"UPDATE "Keyframe" SET "document" = json_set("document", '$.state.global.name', 'x') WHERE "revision" = 9"#,
    );
    assert_eq!(env.on_store(&["verify", "--record"]).status, 1);
    let failed = ["keyframe", "prune", "--failed", "--dry-run", "--ndjson", "--explain"];
    let keyframes = env.read(&failed).lines()[0]["stream"]["keyframes"].clone();
    assert_eq!(keyframes[1], json!({ "revision": 9, "kept": null, "dropped": "failed" }));
    assert_eq!(keyframes[0]["kept"], json!(["notChosen"]));
    // It is no base: the last base is another.
    let run = env.read(&["keyframe", "prune", "d1/global:0..8", "d1/global:14..", "--dry-run", "--json"]).json();
    assert_eq!(run["streams"][0]["losesLastBase"], true);
    env.on_store(&["keyframe", "prune", "--failed"]).ok();
    assert_eq!(labels(&env, "d1"), [4, 14, 19]);
    assert_eq!(env.read(&["keyframe", "prune", "--stale", "--dry-run", "--json"]).json()["total"]["dropped"], 0);
    sql(&env, "UPDATE snapctl_keyframe SET fingerprint = 'old' WHERE revision = 14");
    env.on_store(&["keyframe", "prune", "--stale"]).ok();
    assert_eq!(labels(&env, "d1"), [4, 19]);
}

#[test]
fn pins_hold_until_they_expire() {
    let env = drives(&[("d1", 20)], 5);
    env.on_store(&["verify", "--record"]).ok();
    pin(&env, 4, None);
    pin(&env, 9, Some(1_000));
    let run = env.on_store(&["keyframe", "prune", "--keep-last", "1", "--explain", "--json"]).json();
    assert_eq!(run["streams"][0]["keyframes"][0]["kept"], json!(["pinned"]));
    assert_eq!(labels(&env, "d1"), [4, 19]);
    env.on_store(&["keyframe", "prune", "d1", "--all", "--yes"]).ok();
    assert_eq!(labels(&env, "d1"), [4], "also where it is named");
}

#[test]
fn a_clock_that_runs_backwards_keeps_what_it_cannot_judge() {
    let env = drives(&[("d1", 20)], 5);
    let prune = |now: &str| -> Value {
        env.read(&["keyframe", "prune", "--keep-within", "1d", "--dry-run", "--json", "--explain", "--now", now]).json()
    };
    let run = prune("2020-01-01T00:00:00Z");
    assert_eq!(run["total"]["dropped"], 0);
    let table = env.read(&["keyframe", "prune", "--keep-within", "1d", "--dry-run", "--now", "2025-06-01T12:00:00Z"]);
    assert!(table.ok().contains("nothing to do: 4 keyframes in ops.db stay as they are"), "{}", table.stdout);
    assert_eq!(prune("2025-06-03T00:00:00Z")["total"]["dropped"], 4);
}

#[test]
fn labels_that_are_no_revisions_of_the_log_stay() {
    let env = drives(&[("d1", 20)], 5);
    sql(
        &env,
        r#"UPDATE "Keyframe" SET "revision" = -7 WHERE "revision" = 4; UPDATE "Keyframe" SET "revision" = 99 WHERE "revision" = 9"#,
    );
    let run = env.on_store(&["keyframe", "prune", "--keep-last", "1", "--explain", "--json"]).json();
    let keyframes = &run["streams"][0]["keyframes"];
    assert_eq!((&keyframes[0]["kept"], &keyframes[3]["kept"]), (&json!(["negativeLabel"]), &json!(["pastHead"])));
    assert_eq!(labels(&env, "d1"), [-7, 19, 99]);
}

#[test]
fn a_file_that_is_read_only_or_locked_is_left_alone() {
    let env = drives(&[("d1", 20)], 5);
    let other = Connection::open(env.path("ops.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let run = env.on_store(&["keyframe", "prune", "--keep-last", "1", "--busy-timeout", "50ms"]);
    assert_eq!((run.status, labels(&env, "d1").len()), (11, 4), "{run:?}");
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    // "Write version" of the header: SQLite reads a file of a version it does not know, and never writes it.
    let mut bytes = std::fs::read(env.path("ops.db")).unwrap();
    bytes[18] = 9;
    std::fs::write(env.path("ops.db"), &bytes).unwrap();
    let run = env.on_store(&["keyframe", "prune", "--keep-last", "1"]);
    assert!(run.fails(3).contains("ops.db is read-only"), "{run:?}");
    assert_eq!(std::fs::read(env.path("ops.db")).unwrap(), bytes);
}

#[test]
fn a_budget_that_ends_keeps_what_was_done() {
    let env = drives(&[("d1", 20)], 5);
    let run = env.on_store(&["keyframe", "prune", "--keep-last", "1", "--max-duration", "0s", "--json"]);
    assert_eq!(run.status, 5, "{run:?}");
    assert_eq!(serde_json::from_str::<Value>(&run.stdout).unwrap()["total"]["complete"], false);
    assert_eq!(labels(&env, "d1").len(), 4);
    env.on_store(&["keyframe", "prune", "--keep-last", "1"]).ok();
    assert_eq!(labels(&env, "d1"), [19]);
}

/// `expo` becomes version 2 between operations 4 and 5 of its global scope.
#[test]
fn keep_upgrades_keeps_the_first_keyframe_of_a_version() {
    let settings = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/snapctl.toml");
    for (written, kept) in [("0,1,2,3,4,5,6,7,8,9", 5), ("2,4,6,7,9", 6), ("1,4", 10)] {
        let env = fixture("upgrade.sqlite");
        let with = |args: &[&str]| env.on_store(&[&["--config", settings], args].concat());
        let rebuilt = |label: u64, options: &[&str]| {
            let target = format!("expo/global:{label}");
            let mut answer = with(&[&["rebuild", &target], options].concat()).json();
            answer.as_object_mut().unwrap().remove("source").expect("it is told");
            answer
        };
        // The keyframe at 10 is there, and one of version 1 in scope local.
        with(&["keyframe", "write", "expo/global", "--at", written]).ok();
        let version = |label| rebuilt(label, &["--no-keyframes"])["state"]["document"]["version"].take();
        assert_eq!([4, 5].map(version), [1, 2]);
        let prune = ["keyframe", "prune", "expo/global", "--keep-upgrades", "--yes", "--json"];
        let foretold = with(&[&prune[..], &["--dry-run"]].concat()).json();
        let done = with(&prune).json();
        assert_eq!(foretold["streams"], done["streams"]);
        let labels = with(&["keyframe", "list", "expo/global", "--jq", ".[].revision"]);
        assert_eq!(labels.ok(), format!("{kept}\n"), "{written}");
        for label in 0..=10 {
            assert_eq!(rebuilt(label, &[]), rebuilt(label, &["--no-keyframes"]), "{written}: {label}");
        }
        with(&["verify"]).ok();
        assert_eq!(with(&prune).json()["total"]["dropped"], 0);
    }
    // A document that never changes its version has no such keyframe, and none is kept without another rule.
    let env = fixture("drive.sqlite");
    let prune = ["keyframe", "prune", "--keep-upgrades", "--json"];
    assert_eq!(env.on_store(&prune).error(15)["code"], "would-lose");
    let both = [&prune[..], &["--keep-last", "1", "--dry-run"]].concat();
    assert_eq!(env.read(&both).json()["total"]["dropped"], 1);
}
