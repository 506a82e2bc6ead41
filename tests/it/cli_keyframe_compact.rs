//! `snapctl keyframe compact`.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::cli_keyframe_write::fixture;
use crate::support::TestEnv;
use crate::support::keyframes::{drives, labels};

#[test]
fn bodies_get_smaller_and_back_and_stay_right() {
    let env = drives(&[("d1", 200)], 5);
    let told = env.read(&["keyframe", "compact", "--codec", "zstd-delta", "--dry-run", "--json"]).json();
    assert_eq!((&told["total"]["recoded"], &told["total"]["dropped"]), (&json!(40), &json!(0)));
    let compact = ["keyframe", "compact", "--max-replay-ops", "20", "--codec", "zstd-delta", "--json"];
    let run = env.on_store(&compact).json();
    let (before, after) = (&run["streams"][0]["before"], &run["streams"][0]["after"]);
    assert!(before["bytes"].as_u64().unwrap() > 20 * after["bytes"].as_u64().unwrap(), "{run}");
    assert!(after["worstDistance"].as_u64().unwrap() <= 20);
    assert_eq!(env.on_store(&compact).json()["streams"], json!([]), "a second run does nothing");
    let left = labels(&env, "d1");
    env.read(&["verify"]).ok();
    let vacuumed = env.on_store(&["keyframe", "compact", "--vacuum", "--json"]).json();
    let vacuum = &vacuumed["total"]["vacuum"];
    assert!(vacuum["beforeBytes"].as_u64().unwrap() > vacuum["afterBytes"].as_u64().unwrap(), "{vacuum}");
    let size = std::fs::metadata(env.path("ops.db")).unwrap().len();
    assert_eq!(vacuum["afterBytes"], size);
    env.on_store(&["keyframe", "compact", "--codec", "json"]).ok();
    assert_eq!(labels(&env, "d1"), left);
    env.read(&["verify"]).ok();
    assert_eq!(env.read(&["keyframe", "compact"]).status, 2);
}

#[test]
fn a_damaged_body_stays_as_it_is_and_is_told() {
    let env = drives(&[("d1", 20)], 5);
    env.on_store(&["keyframe", "compact", "--codec", "zstd"]).ok();
    let connection = rusqlite::Connection::open(env.path("ops.db")).unwrap();
    connection.execute_batch("UPDATE snapctl_body SET body = x'00' WHERE id = 2").unwrap();
    drop(connection);
    let run = env.on_store(&["keyframe", "compact", "--codec", "json", "--json"]);
    assert_eq!((&run.json()["total"]["recoded"], &run.json()["total"]["unreadable"]), (&json!(3), &json!(1)));
    assert!(run.stderr.contains("damaged"), "{run:?}");
    assert_eq!(labels(&env, "d1").len(), 4);
}

/// The shell allows files of so many blocks of 512 bytes only.
#[cfg(unix)]
#[test]
fn a_full_disk_loses_nothing() {
    let env = drives(&[("d1", 100)], 1);
    let before = labels(&env, "d1");
    let blocks = std::fs::metadata(env.path("ops.db")).unwrap().len() / 512 + 8;
    let snapctl = env!("CARGO_BIN_EXE_snapctl");
    let script = format!(
        "trap '' XFSZ; ulimit -f {blocks}; exec '{snapctl}' keyframe compact --codec zstd --store ops.db --quiet"
    );
    let run = std::process::Command::new("/bin/sh").current_dir(env.path(".")).args(["-c", &script]).output().unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(3), "{said}");
    assert!(said.contains("cannot write ops.db"), "{said}");
    assert_eq!(labels(&env, "d1"), before);
    env.read(&["verify"]).ok();
    env.on_store(&["keyframe", "compact", "--codec", "zstd"]).ok();
}

fn sql(env: &TestEnv, sql: &str) {
    Connection::open(env.path("ops.db")).unwrap().execute_batch(sql).unwrap();
}

fn count(env: &TestEnv, sql: &str) -> u64 {
    let connection = Connection::open(env.path("ops.db")).unwrap();
    connection.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap().into()
}

/// Rebuilds revisions of a stream, and says how many operations of it were read for the one that took the most.
fn most_read(env: &TestEnv, stream: &str, revisions: impl Iterator<Item = u64>) -> u64 {
    let mut most = 0;
    for revision in revisions {
        let answer = env.read(&["rebuild", &format!("{stream}:{revision}"), "--explain"]).json();
        let base = answer["explain"]["base"]["revision"].as_u64();
        most = most.max(revision + 1 - base.map_or(0, |base| base + 1));
        assert_eq!(answer["explain"]["base"]["kind"] == "keyframe", base.is_some(), "{answer}");
    }
    most
}

#[test]
fn what_is_missing_is_written_and_every_revision_is_near() {
    // One with keyframes that nobody checked, one with none, one that needs none.
    let env = drives(&[("d1", 60), ("d2", 35), ("d3", 8)], 7);
    sql(&env, r#"DELETE FROM "Keyframe" WHERE "documentId" = 'd2'"#);
    let compact = ["keyframe", "compact", "--max-replay-ops", "10", "--codec", "zstd-delta", "--yes", "--json"];
    let bytes = std::fs::read(env.path("ops.db")).unwrap();
    let told = env.read(&[&compact[..], &["--dry-run", "--explain"]].concat()).json();
    assert!(std::fs::read(env.path("ops.db")).unwrap() == bytes, "a dry run changes no byte");
    let (first, second) = (&told["streams"][0], &told["streams"][1]);
    assert_eq!((&first["document"], &first["write"], &first["drop"]), (&json!("d1"), &json!(5), &json!(8)));
    assert_eq!((&second["document"], &second["write"], &second["drop"]), (&json!("d2"), &json!(3), &json!(0)));
    assert_eq!((&second["before"]["worstDistance"], &second["after"]["worstDistance"]), (&json!(35), &json!(10)));
    let new = json!({ "revision": 10, "kept": null, "dropped": null, "written": "maxReplayOps" });
    assert_eq!(second["keyframes"][0], new);
    assert_eq!((&told["total"]["written"], &told["total"]["dropped"]), (&json!(8), &json!(9)));
    let text = env.read(&["keyframe", "compact", "--max-replay-ops", "10", "--dry-run", "--explain"]);
    assert!(
        text.ok().contains("d2/global        32  new   --max-replay-ops: no keyframe before it"),
        "{}",
        text.stdout
    );
    assert!(text.ok().ends_with("8 keyframes would be written, 9 keyframes would be dropped\n"), "{}", text.stdout);

    let run = env.on_store(&compact).json();
    assert_eq!((&run["total"]["written"], &run["total"]["dropped"]), (&json!(8), &json!(9)), "{run}");
    assert_eq!((&run["total"]["failedStreams"], &run["total"]["after"]["unmeasured"]), (&json!(0), &json!(0)));
    assert_eq!((labels(&env, "d1"), labels(&env, "d2")), (vec![10, 21, 32, 43, 54], vec![10, 21, 32]));
    assert_eq!(labels(&env, "d3"), [0_i64; 0]);
    assert_eq!(count(&env, r#"SELECT count(*) FROM "Keyframe""#), 0, "all are compressed");
    assert_eq!(count(&env, "SELECT count(DISTINCT run) FROM snapctl_mutation"), 1, "one run");
    assert_eq!(count(&env, "SELECT count(*) FROM snapctl_run WHERE finishedAtMs NOT NULL"), 1);
    assert_eq!(most_read(&env, "d1/global", 0..60), 10);
    assert_eq!(most_read(&env, "d2/global", (0..35).step_by(2)), 10);
    for args in [&["verify"][..], &["verify", "--anew"]] {
        env.read(args).ok();
    }
    let bytes = std::fs::read(env.path("ops.db")).unwrap();
    let again = env.on_store(&compact).json();
    assert_eq!((&again["streams"], &again["total"]["written"]), (&json!([]), &json!(0)));
    assert!(std::fs::read(env.path("ops.db")).unwrap() == bytes, "a second run does nothing");
    // All of it is taken back.
    env.on_store(&["keyframe", "undo"]).ok();
    assert_eq!((labels(&env, "d1").len(), labels(&env, "d2").len(), labels(&env, "d3").len()), (8, 0, 1));
    env.read(&["verify"]).ok();
}

#[test]
fn what_is_there_and_trusted_is_not_written_again_and_prune_writes_nothing() {
    let env = drives(&[("d1", 60)], 7);
    env.on_store(&["verify", "--record"]).ok();
    let run = env.on_store(&["keyframe", "compact", "--max-replay-ops", "20", "--keep-last", "1", "--json"]).json();
    assert_eq!((&run["total"]["written"], &run["total"]["dropped"]), (&json!(0), &json!(5)), "{run}");
    assert_eq!(labels(&env, "d1"), [20, 41, 55]);
    let pruned = env.on_store(&["keyframe", "prune", "--max-replay-ops", "5", "--json"]).json();
    assert_eq!((&pruned["total"]["written"], labels(&env, "d1").len()), (&json!(0), 3));
    // Between those that are there the fewest are added, and then some of them are not needed.
    let run = env.on_store(&["keyframe", "compact", "--max-replay-ops", "10", "--json"]).json();
    assert_eq!((&run["total"]["written"], &run["total"]["dropped"]), (&json!(3), &json!(1)), "{run}");
    assert_eq!(labels(&env, "d1"), [10, 20, 31, 41, 52]);
    assert!(most_read(&env, "d1/global", 0..60) <= 10);
}

#[test]
fn one_that_is_wrong_is_replaced_where_one_is_needed() {
    let env = drives(&[("d1", 40)], 11);
    let damage =
        r#"UPDATE "Keyframe" SET "document" = json_set("document", '$.state.global.name', 'x') WHERE "revision" = 10"#;
    sql(&env, damage);
    let run = env.on_store(&["keyframe", "compact", "--max-replay-ops", "10", "--json"]).json();
    assert_eq!((&run["total"]["written"], &run["total"]["dropped"]), (&json!(3), &json!(0)), "{run}");
    assert_eq!(labels(&env, "d1"), [10, 21, 32]);
    assert_eq!(most_read(&env, "d1/global", 0..40), 10);
    env.read(&["verify", "--anew"]).ok();
    let again = env.on_store(&["keyframe", "compact", "--max-replay-ops", "10", "--json"]).json();
    assert_eq!(again["streams"], json!([]));
    // What was there is in the history.
    env.on_store(&["keyframe", "undo"]).ok();
    assert_eq!(env.read(&["verify", "--anew"]).status, 1);
}

#[test]
fn a_stream_that_looks_back_is_bounded_too() {
    let env = fixture("undo.sqlite");
    sql(&env, r#"DELETE FROM "Keyframe""#);
    let head = env.read(&["rebuild", "sketchbook/global", "--explain"]).json();
    let head = head["revision"]["global"].as_u64().unwrap_or_else(|| panic!("{head}"));
    env.on_store(&["keyframe", "compact", "--max-replay-ops", "2", "--yes"]).ok();
    assert!(most_read(&env, "sketchbook/global", 0..=head) <= 2);
    env.read(&["verify", "--anew"]).ok();
    let again = env.on_store(&["keyframe", "compact", "--max-replay-ops", "2", "--yes", "--json"]).json();
    assert_eq!(again["streams"], json!([]), "{again}");
}

#[test]
fn a_stream_that_cannot_be_replayed_is_left_as_it_is() {
    let env = drives(&[("d1", 30), ("d2", 30)], 7);
    sql(
        &env,
        r#"UPDATE "Operation" SET "action" = '{' WHERE "documentId" = 'd1' AND "scope" = 'global' AND "index" = 15"#,
    );
    let run = env.on_store(&["keyframe", "compact", "--max-replay-ops", "10", "--json"]);
    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stderr.contains("keyframes of d1/global: "), "{run:?}");
    let total = serde_json::from_str::<Value>(&run.stdout).unwrap()["total"].clone();
    assert_eq!((&total["failedStreams"], &total["dropped"]), (&json!(1), &json!(4)), "{total}");
    assert_eq!((labels(&env, "d1"), labels(&env, "d2")), (vec![6, 10, 13, 20, 27], vec![10, 21]));
}

#[test]
fn a_plan_writes_once_and_is_refused_where_the_store_moved() {
    let env = drives(&[("d1", 60)], 7);
    let plan = ["keyframe", "compact", "--max-replay-ops", "10", "--codec", "zstd", "--plan", "plan.ndjson"];
    env.on_store(&plan).ok();
    let text = std::fs::read_to_string(env.path("plan.ndjson")).unwrap();
    let steps: Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    assert_eq!(steps["stream"]["write"][0], json!({ "revision": 10, "reason": "maxReplayOps", "codec": "zstd" }));
    let whole = text.replace("\"codec\":\"zstd\"}", "\"codec\":\"gzip\"}");
    std::fs::write(env.path("bad.ndjson"), whole).unwrap();
    assert_eq!(env.on_store(&["keyframe", "apply", "bad.ndjson", "--json"]).error(2)["code"], "plan-invalid");
    let run = env.on_store(&["keyframe", "apply", "plan.ndjson", "--json"]).json();
    assert_eq!((&run["total"]["written"], &run["total"]["dropped"]), (&json!(5), &json!(8)), "{run}");
    let bytes = std::fs::read(env.path("ops.db")).unwrap();
    let again = env.on_store(&["keyframe", "apply", "plan.ndjson", "--json"]).json();
    assert_eq!((&again["total"]["written"], &again["total"]["present"]), (&json!(0), &json!(5)));
    assert!(std::fs::read(env.path("ops.db")).unwrap() == bytes);
    sql(&env, r#"DELETE FROM "Operation" WHERE "documentId" = 'd1' AND "scope" = 'global' AND "index" = 59"#);
    assert_eq!(env.on_store(&["keyframe", "apply", "plan.ndjson", "--json"]).error(15)["code"], "store-moved");
}

/// Starts snapctl, and kills it after a while.
fn killed(env: &TestEnv, args: &[&str], after: Duration) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snapctl"));
    command.current_dir(env.path(".")).env_clear().env("SNAPCTL_STORE", "ops.db").args(args);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(after);
    // SIGKILL, where there are signals.
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Killed at all kinds of moments; `SNAPCTL_KILLS=200 cargo test --test it compact_that_is_killed` tries longer.
#[test]
fn a_compact_that_is_killed_is_finished_by_the_next() {
    #[expect(clippy::disallowed_methods, reason = "how long a test takes is up to who runs it")]
    let kills = std::env::var("SNAPCTL_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(8_u32);
    let documents: Vec<String> = (0..12).map(|n| format!("d{n:02}")).collect();
    let sizes: Vec<(&str, u64)> = documents.iter().map(|document| (document.as_str(), 60)).collect();
    let env = drives(&sizes, 7);
    let fresh = std::fs::read(env.path("ops.db")).unwrap();
    let compact = ["keyframe", "compact", "--max-replay-ops", "10", "--codec", "zstd-delta"];
    let start = Instant::now();
    env.on_store(&compact).ok();
    let whole = start.elapsed();
    let mut interrupted = 0;
    for kill in 1..=kills {
        std::fs::write(env.path("ops.db"), &fresh).unwrap();
        for journal in ["ops.db-journal", "ops.db-wal", "ops.db-shm"] {
            let _ = std::fs::remove_file(env.path(journal));
        }
        killed(&env, &compact, whole.mul_f64(f64::from(kill) / f64::from(kills + 1)));
        let left: Vec<usize> = documents.iter().map(|document| labels(&env, document).len()).collect();
        interrupted += u32::from(left.iter().any(|n| *n != 5) && left.iter().any(|n| *n != 8));
        env.read(&["verify"]).ok();
        env.on_store(&compact).ok();
        for document in &documents {
            assert_eq!(labels(&env, document), [10, 21, 32, 43, 54], "kill {kill}");
        }
        let verified = env.read(&["verify", "--json"]).json();
        assert_eq!(verified["checked"]["operations"], 12 * 62, "kill {kill}: no operation is missing");
        assert_eq!(env.on_store(&[&compact[..], &["--json"]].concat()).json()["streams"], json!([]), "kill {kill}");
    }
    assert!(interrupted > 0, "no kill came in the middle");
}

fn settings(env: &TestEnv, text: &str) {
    std::fs::write(env.path("snapctl.toml"), text).unwrap();
}

#[test]
fn a_policy_of_the_settings_holds_where_no_option_says_otherwise() {
    let env = drives(&[("d1", 60)], 7);
    settings(
        &env,
        "[keyframes.policies.nightly]\nmax-replay-ops = 20\nkeep-last = 2\nkeep-upgrades = true\ncodec = 'zstd'\n\
         [keyframes.policies.old]\nkeep-within = '8w'\nkeep-log-spaced = 2\nkeep-every = 10\n\
         [profiles.p.keyframes.policies.nightly]\nmax-replay-ops = 30\n",
    );
    let told = |args: &[&str]| {
        let args = [&["keyframe", "compact", "--dry-run", "--plan", "plan.ndjson", "--force"], args].concat();
        let args: Vec<&str> = args.into_iter().filter(|arg| *arg != "--dry-run").collect();
        env.on_store(&args).ok();
        let text = std::fs::read_to_string(env.path("plan.ndjson")).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let (policy, codec) = (lines[0]["plan"]["policy"].clone(), lines[1]["stream"]["write"][0]["codec"].clone());
        (policy["maxReplayOps"].clone(), policy["keepLast"].clone(), policy["keepUpgrades"].clone(), codec)
    };
    assert_eq!(told(&["--policy", "nightly"]), (json!(20), json!(2), json!(true), json!("zstd")));
    let other = ["--policy", "nightly", "--max-replay-ops", "9", "--codec", "zstd-delta"];
    assert_eq!(told(&other), (json!(9), json!(2), json!(true), json!("zstd-delta")));
    assert_eq!(told(&["--policy", "nightly", "--profile", "p"]), (json!(30), json!(2), json!(true), json!("zstd")));
    let shown = env.run(&["config", "keyframes.policies.nightly.max-replay-ops", "--json"]).json();
    assert_eq!((&shown["value"], &shown["origin"]["line"]), (&json!("20"), &json!(2)), "{shown}");
    let dropped = |now: &str| {
        let args = ["keyframe", "prune", "--policy", "old", "--dry-run", "--json", "--now", now];
        env.read(&args).json()["total"]["dropped"].clone()
    };
    // Within eight weeks all; later those at distances 53, 25, 11 and 4 from the head, and the one labelled 20.
    assert_eq!((dropped("2025-06-02T00:00:00Z"), dropped("2026-01-01T00:00:00Z")), (json!(0), json!(3)));
    let absent = env.read(&["keyframe", "prune", "--policy", "nigthly", "--json"]).error(2);
    assert_eq!((&absent["code"], &absent["hint"]), (&json!("no-policy"), &json!("did you mean nightly?")));
    env.on_store(&["keyframe", "compact", "--policy", "nightly"]).ok();
    assert_eq!(env.on_store(&["keyframe", "compact", "--policy", "nightly", "--json"]).json()["streams"], json!([]));
    let history = env.read(&["keyframe", "history", "--json"]);
    assert!(history.ok().contains("keyframe compact --policy nightly"), "{}", history.stdout);
}

#[test]
fn what_a_policy_cannot_say_is_refused_with_its_place() {
    let env = drives(&[("d1", 10)], 5);
    for (line, message) in [
        ("keep-evry = 1", "unknown key keyframes.policies.a.keep-evry"),
        ("keep-every = 0", "keyframes.policies.a.keep-every: it has to be a whole number from 1"),
        ("keep-every = '5'", "keyframes.policies.a.keep-every: it has to be a whole number, not a string"),
        ("keep-log-spaced = 1", "keyframes.policies.a.keep-log-spaced: it has to be a whole number from 2"),
        ("keep-within = '3y'", "keyframes.policies.a.keep-within: a duration is a number and a unit"),
        ("keep-upgrades = 1", "keyframes.policies.a.keep-upgrades: it has to be true or false, not an integer"),
        ("codec = 'zst'", "did you mean zstd?"),
    ] {
        settings(&env, &format!("[keyframes.policies.a]\n{line}\n"));
        let run = env.read(&["keyframe", "prune", "--policy", "a"]);
        assert!(run.status == 2 && run.stderr.contains(message) && run.stderr.contains("snapctl.toml:2:"), "{run:?}");
        assert!(!line.contains("evry") || run.stderr.contains("keep-every"), "{run:?}");
    }
    let described = env.run(&["schema", "settings"]).json();
    let policies =
        &described["properties"]["keyframes"]["properties"]["policies"]["additionalProperties"]["properties"];
    assert_eq!(
        (&policies["keep-every"]["type"], &policies["keep-upgrades"]["type"]),
        (&json!("integer"), &json!("boolean"))
    );
}

#[test]
fn what_tune_prints_works_as_pasted() {
    let env = drives(&[("d1", 300)], 10);
    let tuned = env.read(&["keyframe", "tune", "--json", "--codec", "zstd-delta"]).json();
    let frontier = &tuned["frontiers"].as_array().unwrap()[0];
    settings(&env, frontier["settings"].as_str().unwrap());
    let codec = env.run(&["config", "keyframes.policies.tuned.codec"]).ok().trim().to_owned();
    env.on_store(&["keyframe", "compact", "--policy", "tuned", "--yes"]).ok();
    assert_eq!(codec, "zstd-delta");
    assert_eq!(count(&env, r#"SELECT count(*) FROM "Keyframe""#), 0, "all are compressed");
    env.read(&["verify"]).ok();
}
