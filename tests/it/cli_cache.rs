//! The tiers from outside: the cache file behind `rebuild` and `append`, and the commands that look after it.

use std::fs;

use serde_json::{Value, json};

use crate::cli_append::add;
use crate::support::{Run, TestEnv};

/// A store, and settings with which its states go into the cache file.
fn env() -> TestEnv {
    let env = TestEnv::with_store(|store| {
        for name in ["One", "Two"] {
            let id = format!("d{}", if name == "One" { 1 } else { 2 });
            store.drive(&id, name, 3);
        }
    });
    fs::write(env.path("snapctl.toml"), "[store]\nurl = 'ops.db'\n[cache]\ndisk = 'always'\ndir = 'kept'\n").unwrap();
    env
}

fn json(run: &Run) -> Value {
    serde_json::from_str(run.ok()).unwrap()
}

fn list(env: &TestEnv) -> Vec<Value> {
    json(&env.run(&["cache", "list", "--json"])).as_array().unwrap().clone()
}

fn stats(env: &TestEnv) -> Value {
    json(&env.run(&["cache", "stats", "--json"]))
}

/// What a document is, whatever it was made from.
fn states(run: &Run) -> Vec<Value> {
    let mut answers = run.lines();
    for answer in &mut answers {
        answer.as_object_mut().unwrap().remove("source");
    }
    answers
}

#[test]
fn a_second_process_finds_what_the_first_has_rebuilt() {
    let env = env();
    let args = ["rebuild", "d1", "d1/global:1", "d2/global", "--ndjson"];
    let first = env.run(&args);
    let second = env.run(&args);
    assert_eq!(states(&first), states(&env.run(&[&args[..], &["--no-cache"]].concat())));
    assert_eq!(states(&second), states(&first));
    let tiers = |run: &Run| run.lines().iter().map(|line| line["source"]["tier"].clone()).collect::<Vec<_>>();
    assert_eq!(tiers(&second), ["disk", "disk", "disk"]);
    assert_eq!(tiers(&env.run(&[&args[..], &["--no-cache"]].concat())), ["replay", "replay", "replay"]);
    let stats = stats(&env);
    assert_eq!(stats["reads"]["exactRatio"]["all"], stats["reads"]["requests"]);
    assert!(stats["reads"]["exact"].as_u64() >= Some(3) && stats["reads"]["requests"].as_u64() > Some(5), "{stats}");
    // What others may not believe is not handed to them, and who wants to see the log sees it.
    for distrust in [&["--trust", "any"][..], &["--no-keyframes"]] {
        assert_eq!(tiers(&env.run(&[&["rebuild", "d1/global", "--ndjson"], distrust].concat())), ["replay"]);
    }
}

/// The file is of no store in particular, and is not asked about the wrong one.
#[test]
fn another_store_at_the_same_place_is_another_store() {
    let env = env();
    env.run(&["rebuild", "d1"]).ok();
    let other = TestEnv::with_store(|store| store.drive("d1", "Other", 1));
    fs::remove_file(env.path("ops.db")).unwrap();
    fs::copy(other.path("ops.db"), env.path("ops.db")).unwrap();
    let answer = json(&env.run(&["rebuild", "d1"]));
    assert_eq!((&answer["header"]["name"], &answer["source"]["tier"]), (&json!("Other"), &json!("replay")));
}

#[test]
fn what_is_listed_adds_up_to_what_is_told() {
    let env = env();
    assert_eq!(env.run(&["cache", "list"]).ok(), "");
    assert_eq!(stats(&env)["fileBytes"], json!(null));
    let warm = json(&env.run(&["cache", "warm", "--json"]));
    assert_eq!((&warm["warmed"], &warm["already"], &warm["skipped"]), (&json!(4), &json!(0), &json!(0)));
    let again = json(&env.run(&["cache", "warm", "--json"]));
    assert_eq!((&again["warmed"], &again["already"]), (&json!(0), &json!(4)));
    env.run(&["rebuild", "d1/global:0"]).ok();
    let listed = list(&env);
    let stats = stats(&env);
    let disk = &stats["tiers"][1];
    let sum = |name: &str| listed.iter().map(|entry| entry[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((json!(listed.len()), json!(sum("sizeBytes"))), (disk["entries"].clone(), disk["sizeBytes"].clone()));
    assert_eq!(listed.len(), 5);
    let keys: Vec<&str> = listed.iter().map(|entry| entry["key"].as_str().unwrap()).collect();
    let shown = json(&env.run(&["cache", "show", keys[0]]));
    assert_eq!((&shown["key"], &shown["current"]), (&json!(keys[0]), &json!(true)));
    let wrong = env.run(&["cache", "show", &keys[0].replace(":v1", ":v2")]);
    assert!(wrong.fails(4).contains(&format!("hint: there is {}", keys[0])), "{wrong:?}");
    let table = env.run(&["cache", "list"]);
    assert!(keys.iter().all(|key| table.ok().contains(key)), "{table:?}");
    let exposed = env.run(&["cache", "stats", "--format", "openmetrics"]);
    let samples = crate::cli_stats::exposed(exposed.ok());
    let labels = [("tier".to_owned(), "disk".to_owned())].into();
    assert!((samples[&("snapctl_cache_states".to_owned(), labels)] - 5.0).abs() < 0.1, "{samples:?}");
    assert!(env.run(&["stats", "--format", "openmetrics"]).ok().contains("snapctl_cache_states{tier=\"disk\"} 5\n"));
    assert!(!env.run(&["stats", "--format", "openmetrics", "--no-cache"]).ok().contains("snapctl_cache"));
}

#[test]
fn what_is_dropped_is_counted_with_its_cause() {
    let env = env();
    env.run(&["cache", "warm"]).ok();
    let dropped = |args: &[&str]| json(&env.run(&[&["cache", "drop", "--json"], args].concat()))["dropped"].clone();
    assert_eq!(dropped(&["d1", "--dry-run"]), 2);
    assert_eq!(list(&env).len(), 4);
    assert_eq!(dropped(&["d1/global"]), 1);
    for gone in [&["d1/global@main"][..], &["gone", "d2@other"], &["--fingerprint", "another"]] {
        assert_eq!(env.run(&[&["cache", "drop"], gone].concat()).status, 4);
    }
    assert_eq!(dropped(&["--glob", "*:d2/*"]), 2);
    assert_eq!(dropped(&["--all"]), 1);
    assert_eq!(stats(&env)["tiers"][1]["dropped"], json!({ "asked": 4 }));
    for (args, code) in [
        (&["cache", "drop"][..], 2),
        (&["cache", "drop", "--glob", "["], 2),
        (&["cache", "drop", "d1:3"], 2),
        (&["cache", "drop", "--all", "d1"], 2),
        (&["cache", "list", "d1"], 4),
    ] {
        assert_eq!(env.run(args).status, code, "{args:?}");
    }
    fs::write(env.path("snapctl.toml"), "[cache]\ndir = 'kept'\n").unwrap();
    assert!(env.run(&["cache", "drop", "--all"]).fails(2).contains("no store given"));
    env.run(&["cache", "drop", "--all", "--all-stores"]).ok();
}

#[test]
fn the_hottest_come_first_and_time_ends_it() {
    let env = env();
    env.run(&["cache", "warm", "d2"]).ok();
    env.run(&["rebuild", "d2"]).ok();
    env.run(&["cache", "drop", "d2/global"]).ok();
    let warm = |args: &[&str]| env.run(&[&["cache", "warm", "--json"], args].concat());
    let one = json(&warm(&["--hot", "1"]));
    assert_eq!((&one["warmed"], &one["already"]), (&json!(1), &json!(1)));
    let none = warm(&["--max-duration", "0s"]);
    assert_eq!((none.status, json_of(&none)["skipped"].clone()), (5, json!(4)));
    assert_eq!(warm(&["--changed-since", "2999-01-01T00:00:00Z"]).status, 4);
    assert_eq!((warm(&["--trust", "any"]).status, warm(&["--no-cache"]).status), (2, 2));
    assert_eq!(warm(&["nothing-like-it"]).status, 4);
}

fn json_of(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn too_much_goes_when_the_file_is_looked_after() {
    let env = env();
    env.run(&["cache", "warm"]).ok();
    assert_eq!(json(&env.run(&["cache", "prune", "--dry-run", "--json"]))["needed"], false);
    let settings = fs::read_to_string(env.path("snapctl.toml")).unwrap();
    fs::write(env.path("snapctl.toml"), settings + "disk-entries = 1\n").unwrap();
    assert_eq!(json(&env.run(&["cache", "prune", "--dry-run", "--json"]))["needed"], true);
    let pruned = json(&env.run(&["cache", "prune", "--json"]));
    assert_eq!((&pruned["evicted"], &pruned["dryRun"]), (&json!(3), &json!(false)));
    assert_eq!(list(&env).len(), 1);
}

/// Whatever is wrong with the file, answers are right, and the user hears of it.
#[test]
fn a_cache_that_is_out_of_order_is_a_warning() {
    let env = env();
    let right = states(&env.run(&["rebuild", "d1", "--ndjson", "--no-cache"]));
    fs::write(env.path("kept"), "no folder").unwrap();
    let run = env.run(&["rebuild", "d1", "--ndjson"]);
    assert_eq!((run.status, states(&run)), (0, right.clone()));
    assert!(run.stderr.contains("out of reach"), "{run:?}");
    fs::remove_file(env.path("kept")).unwrap();
    env.run(&["cache", "warm"]).ok();
    let file = env.path("kept/snapshots.sqlite");
    fs::write(&file, vec![7; 8192]).unwrap();
    let run = env.run(&["rebuild", "d1", "--ndjson"]);
    assert_eq!((run.status, states(&run)), (0, right.clone()));
    assert!(run.stderr.contains("it begins anew"), "{run:?}");
    let run = env.run(&["rebuild", "d1", "--ndjson"]);
    assert_eq!((states(&run), run.lines()[0]["source"]["tier"].clone(), &*run.stderr), (right, json!("disk"), ""));
}

fn append(env: &TestEnv, strategy: &str, n: usize) -> Value {
    let lines: Vec<String> = (0..6).map(|k| add(&format!("{strategy}{n}{k}"))).collect();
    let mut command = env.snapctl(&["append", "d1", "--ndjson"]);
    let output = command.env("SNAPCTL_CACHE_WRITE", strategy).write_stdin(lines.join("\n")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    serde_json::from_str(stderr.lines().last().unwrap()).unwrap()
}

/// Each strategy decides what is in the file after an append; the answers are the same.
#[test]
fn appending_writes_as_the_strategy_says() {
    for (strategy, queued, head, answers) in [
        ("write-behind", true, true, "disk"),
        ("write-through", false, true, "disk"),
        // What the append went on from was read, and missed.
        ("read-through", false, false, "disk"),
        ("cache-aside", false, false, "replay"),
    ] {
        let env = env();
        let summary = append(&env, strategy, 0);
        assert_eq!(summary["disk"].is_object(), queued, "{strategy}: {summary}");
        if queued {
            let counts = &summary["disk"];
            let n = |name: &str| counts[name].as_u64().unwrap();
            assert_eq!((n("queued"), n("parked")), (n("written") + n("coalesced"), 0), "{counts}");
        }
        let is_head = |entry: &&Value| entry["scope"] == "global" && entry["revision"] == 8;
        assert_eq!(list(&env).iter().filter(is_head).count(), usize::from(head), "{strategy}: {:?}", list(&env));
        let answer = env.run(&["rebuild", "d1/global", "--ndjson"]);
        assert_eq!(answer.lines()[0]["source"]["tier"], answers, "{strategy}");
        let whole = env.run(&["rebuild", "d1/global", "--ndjson", "--no-cache", "--no-keyframes"]);
        assert_eq!(states(&answer), states(&whole), "{strategy}");
        env.run(&["verify", "d1", "--ignore", "OPERATION_ID"]).ok();
    }
}

#[test]
fn a_type_may_be_left_out() {
    let env = env();
    let settings = fs::read_to_string(env.path("snapctl.toml")).unwrap();
    let type_of = "[cache.type.'powerhouse/document-drive']\ndisk = false\n";
    fs::write(env.path("snapctl.toml"), settings + type_of).unwrap();
    env.run(&["rebuild", "d1"]).ok();
    let warm = env.run(&["cache", "warm", "--json"]);
    assert_eq!((warm.status, json_of(&warm)["skipped"].clone()), (5, json!(4)));
    assert_eq!(list(&env), [json!(null); 0]);
}

/// A keyframe that is written before the answer is there as soon as that is.
#[test]
fn keyframes_may_be_written_before_the_answers() {
    let env = env();
    let lines: Vec<String> = (0..400).map(|n| add(&format!("n{n}"))).collect();
    let mut command = env.snapctl(&["append", "d1", "--batch", "7", "--ndjson"]);
    command.env("SNAPCTL_KEYFRAMES_WRITE", "write-through");
    let output = command.write_stdin(lines.join("\n")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    let summary: Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
    let written = summary["keyframes"]["written"].as_u64().unwrap();
    let listed = env.run(&["keyframe", "list", "--ndjson"]).lines();
    assert!(written >= 2 && listed.len() as u64 == written, "{summary}");
    env.run(&["verify", "d1", "--ignore", "OPERATION_ID"]).ok();
}

/// What a run has noted can be replayed against other sizes.
#[test]
fn what_was_read_and_appended_can_be_simulated() {
    let env = env();
    let lines: Vec<String> = (0..6).map(|n| add(&format!("n{n}"))).collect();
    let mut command = env.snapctl(&["append", "d1", "--record-trace", "appended.ndjson"]);
    assert!(command.write_stdin(lines.join("\n")).output().unwrap().status.success());
    let trace = fs::read_to_string(env.path("appended.ndjson")).unwrap();
    let trace: Vec<Value> = trace.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |access: &str| trace.iter().filter(|line| line["access"] == access).count();
    assert_eq!((of("head"), of("append")), (6, 6), "{trace:?}");
    env.run(&["rebuild", "nosuch", "--record-trace", "none.ndjson"]).fails(4);
    assert!(!env.path("none.ndjson").exists());
    let taken = env.run(&["rebuild", "d1", "--record-trace", "appended.ndjson"]);
    assert!(taken.fails(3).contains("appended.ndjson"), "{taken:?}");
    env.run(&["rebuild", "d1", "d1/global:2", "--no-cache", "--record-trace", "read.ndjson", "--hash"]).ok();
    let lines = fs::read_to_string(env.path("read.ndjson")).unwrap();
    assert_eq!(lines.lines().count(), 3, "{lines}");
    for name in ["appended.ndjson", "read.ndjson"] {
        let simulated = json(&env.run(&["cache", "simulate", name, "--json"]));
        assert!(simulated[0]["memory"]["requests"].as_u64() > Some(2), "{simulated}");
    }
}

/// A backup that is put in its place, in the same file, and goes another way: as many operations, and others.
#[test]
fn a_store_that_was_restored_in_place_is_not_taken_for_the_one_before() {
    let env = env();
    let backup = fs::read(env.path("ops.db")).unwrap();
    let append = |line: &str, args: &[&str]| {
        let mut command = env.snapctl(&[&["append", "d1"], args].concat());
        assert!(command.write_stdin(line).output().unwrap().status.success(), "{line}");
    };
    let name = |name: &str, year: u16| {
        let time = format!("{year}-01-01T00:00:00.000Z");
        json!({ "type": "SET_DRIVE_NAME", "timestampUtcMs": time, "input": { "name": name } }).to_string()
    };
    let delete = r#"{"type":"DELETE_DOCUMENT","scope":"document","input":{"documentId":"d1"}}"#;
    append(&name("A", 2030), &[]);
    append(delete, &[]);
    for target in ["d1", "d1/global", "d1/local"] {
        env.run(&["rebuild", target]).ok();
    }
    fs::write(env.path("ops.db"), &backup).unwrap();
    append(&name("B", 2026), &["--no-cache"]);
    append(r#"{"type":"NOOP","scope":"document","input":{}}"#, &["--no-cache"]);
    for target in ["d1", "d1/global", "d1/local", "d1/document", "d1/global:2"] {
        let through = env.run(&["rebuild", target, "--ndjson"]);
        let whole = env.run(&["rebuild", target, "--ndjson", "--no-cache"]);
        assert_eq!(states(&through), states(&whole), "{target}");
    }
    append(&name("C", 2027), &[]);
    env.run(&["verify", "d1", "--ignore", "OPERATION_ID"]).ok();
}

/// A gap is told whatever the answer comes from, and nothing behind it is kept.
#[test]
fn a_gap_is_told_through_tiers_too() {
    let env = env();
    let file = rusqlite::Connection::open(env.path("ops.db")).unwrap();
    file.execute(r#"DELETE FROM "Operation" WHERE "documentId" = 'd1' AND "scope" = 'global' AND "index" = 1"#, [])
        .unwrap();
    for _ in 0..2 {
        for target in ["d1/global:1", "d1/global:2", "d1/global", "d1"] {
            let strict = env.run(&["rebuild", "d1/global:0", target, "--strict", "--hash"]);
            assert_eq!(strict.status, 13, "{target}: {strict:?}");
            assert_eq!(env.run(&["rebuild", target, "--strict", "--hash"]).status, 13, "{target}");
        }
    }
    let warm = env.run(&["cache", "warm", "d1/global"]);
    assert!(warm.status == 5 && warm.stderr.contains("gap"), "{warm:?}");
}

/// That nothing was kept is told.
#[test]
fn a_file_that_takes_nothing_is_no_success() {
    let env = env();
    fs::write(env.path("kept"), "no folder").unwrap();
    for args in [
        &["cache", "warm"][..],
        &["cache", "list"],
        &["cache", "stats"],
        &["cache", "drop", "--all"],
        &["cache", "prune"],
    ] {
        let run = env.run(args);
        assert!(run.status == 5 && run.stderr.contains("out of reach"), "{args:?}: {run:?}");
    }
}

/// A row of another scope that does not decode is no reason to fail, with tiers as without.
#[test]
fn a_row_beside_that_does_not_decode_changes_no_answer() {
    let env = env();
    let file = rusqlite::Connection::open(env.path("ops.db")).unwrap();
    let beside = r#"INSERT INTO "Operation" ("jobId", "opId", "prevOpId", "writeTimestampUtcMs", "documentId",
          "documentType", "scope", "branch", "timestampUtcMs", "index", "action", "skip", "hash")
        SELECT "jobId", x'ff', "prevOpId", "writeTimestampUtcMs", "documentId", "documentType", 'local', "branch",
          "timestampUtcMs", "index", "action", "skip", "hash"
        FROM "Operation" WHERE "documentId" = 'd1' AND "scope" = 'global' AND "index" = 0"#;
    assert_eq!(file.execute(beside, []).unwrap(), 1);
    for _ in 0..2 {
        for target in ["d1/global", "d1/global:1", "d1/local"] {
            let run = |more: &[&str]| {
                let run = env.run(&[&["rebuild", target, "d2/global", "--ndjson"], more].concat());
                (run.status, run.stdout.lines().count())
            };
            assert_eq!(run(&[]), run(&["--no-cache"]), "{target}");
        }
    }
}
