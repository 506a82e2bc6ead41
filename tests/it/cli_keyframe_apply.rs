//! `snapctl keyframe apply`: a plan is done to what it is of, and to nothing else.

use rusqlite::Connection;
use serde_json::json;

use crate::support::TestEnv;
use crate::support::keyframes::{drives, folder, labels};

fn sql(env: &TestEnv, sql: &str) {
    Connection::open(env.path("ops.db")).unwrap().execute_batch(sql).unwrap();
}

/// A store, and the plan of a prune in `plan.ndjson`.
fn planned() -> TestEnv {
    let env = drives(&[("d1", 40), ("d2", 20)], 5);
    let now = "2026-01-01T00:00:00Z";
    let plan = ["keyframe", "prune", "--keep-every", "20", "--plan", "plan.ndjson", "--now", now];
    let run = env.on_store(&plan);
    assert!(run.ok().contains("; `snapctl keyframe apply plan.ndjson` does it"), "{}", run.stdout);
    env
}

#[test]
fn a_plan_is_the_same_bytes_each_time_and_changes_nothing() {
    let env = planned();
    let first = std::fs::read(env.path("plan.ndjson")).unwrap();
    let before = std::fs::read(env.path("ops.db")).unwrap();
    let again = ["keyframe", "prune", "--keep-every", "20", "--plan", "plan.ndjson", "--now", "2026-01-01T00:00:00Z"];
    assert_eq!(env.on_store(&again).status, 15, "the file is there");
    env.on_store(&[&again[..], &["--force"]].concat()).ok();
    assert_eq!(std::fs::read(env.path("plan.ndjson")).unwrap(), first);
    assert_eq!(std::fs::read(env.path("ops.db")).unwrap(), before);
    let lines: Vec<serde_json::Value> =
        String::from_utf8(first).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["plan"]["version"], &lines[0]["plan"]["policy"]["keepEvery"]), (&json!(1), &json!(20)));
    assert_eq!(lines[1]["stream"]["drop"][0]["reason"], "noRule");
    assert_eq!(lines[3]["end"]["drop"], 9);
}

#[test]
fn a_plan_is_done_once_and_what_came_since_does_not_matter() {
    let env = planned();
    let more: Vec<String> = (40..45).map(|index| folder("d1", index).to_string()).collect();
    assert!(
        env.snapctl(&["import", "--store", "ops.db"]).write_stdin(more.join("\n")).output().unwrap().status.success()
    );
    sql(
        &env,
        r#"INSERT INTO "Keyframe" ("documentId", "documentType", "scope", "branch", "revision", "document", "createdAt")
        SELECT "documentId", "documentType", "scope", "branch", 3, "document", "createdAt" FROM "Keyframe" WHERE "revision" = 4"#,
    );
    let told = env.read(&["keyframe", "apply", "plan.ndjson", "--dry-run", "--json"]).json();
    assert_eq!((&told["total"]["dropped"], &told["total"]["dryRun"]), (&json!(9), &json!(true)));
    let run = env.on_store(&["keyframe", "apply", "plan.ndjson", "--json"]).json();
    assert_eq!((&run["total"]["dropped"], &run["total"]["gone"]), (&json!(9), &json!(0)));
    assert_eq!((labels(&env, "d1"), labels(&env, "d2")), (vec![3, 19, 39], vec![3, 19]));
    let before = std::fs::read(env.path("ops.db")).unwrap();
    let again = env.on_store(&["keyframe", "apply", "plan.ndjson", "--json"]).json();
    assert_eq!((&again["total"]["dropped"], &again["total"]["gone"]), (&json!(0), &json!(9)));
    assert_eq!(std::fs::read(env.path("ops.db")).unwrap(), before);
}

#[test]
fn a_store_that_moved_is_left_alone() {
    for (change, message) in [
        (
            r#"DELETE FROM "Keyframe" WHERE "documentId" = 'd2' AND "revision" = 19"#,
            "keyframe 19, which was to stay, is gone",
        ),
        (
            r#"UPDATE "Keyframe" SET "document" = "document" || ' ' WHERE "documentId" = 'd2' AND "revision" = 9"#,
            "keyframe 9, which was to go, has another body",
        ),
        (
            r#"DELETE FROM "Operation" WHERE "documentId" = 'd2' AND "scope" = 'global' AND "index" = 19"#,
            "it has fewer operations",
        ),
    ] {
        let env = planned();
        sql(&env, change);
        let before = std::fs::read(env.path("ops.db")).unwrap();
        let error = env.on_store(&["keyframe", "apply", "plan.ndjson", "--json"]).error(15);
        assert_eq!(error["code"], "store-moved");
        let message = format!("d2/global is not what it was when the plan was made: {message}");
        assert_eq!(error["message"], message);
        assert_eq!(env.read(&["keyframe", "apply", "plan.ndjson", "--dry-run"]).status, 15);
        assert_eq!(std::fs::read(env.path("ops.db")).unwrap(), before, "also not to the streams before");
    }
    let env = planned();
    env.on_store(&["verify", "--record"]).ok();
    sql(&env, "UPDATE snapctl_keyframe SET pinReason = 'audit' WHERE documentId = 'd1' AND revision = 4");
    let error = env.on_store(&["keyframe", "apply", "plan.ndjson", "--json"]).error(15);
    assert!(error["message"].as_str().unwrap().ends_with("keyframe 4, which was to go, is pinned"), "{error}");
    sql(&env, "UPDATE snapctl_keyframe SET pinReason = NULL");
    env.on_store(&["keyframe", "apply", "plan.ndjson"]).ok();
}

#[test]
fn a_plan_of_another_store_or_none_is_refused() {
    let env = planned();
    let other = drives(&[("other", 10)], 5);
    std::fs::copy(env.path("plan.ndjson"), other.path("plan.ndjson")).unwrap();
    let error = other.on_store(&["keyframe", "apply", "plan.ndjson", "--json"]).error(15);
    assert_eq!(error["code"], "other-store");
    let plan = std::fs::read_to_string(env.path("plan.ndjson")).unwrap();
    let lines: Vec<&str> = plan.lines().collect();
    let version = plan.replace("\"version\":1", "\"version\":2");
    let hostile = [
        String::new(),
        lines[..3].join("\n"),
        [lines[0], lines[3]].join("\n"),
        [lines[0], lines[2], lines[1], lines[3]].join("\n"),
        format!("{plan}{}\n", lines[3]),
        version,
        plan.replace("\"revision\":4,", "\"revision\":44,"),
        "no plan\n".to_owned(),
    ];
    for text in hostile {
        std::fs::write(env.path("bad.ndjson"), &text).unwrap();
        let error = env.on_store(&["keyframe", "apply", "bad.ndjson", "--json"]).error(2);
        assert_eq!(error["code"], "plan-invalid", "{text}");
    }
    assert_eq!(env.on_store(&["keyframe", "apply", "none.ndjson"]).status, 3);
    assert_eq!(labels(&env, "d1").len(), 8);
}

#[test]
fn a_plan_says_whether_space_is_given_back() {
    let env = drives(&[("d1", 300)], 5);
    let compact = ["keyframe", "compact", "--keep-last", "2", "--codec", "zstd"];
    let header = |file: &str| {
        let text = std::fs::read_to_string(env.path(file)).unwrap();
        let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        first["plan"]["vacuum"].clone()
    };
    env.on_store(&[&compact[..], &["--plan", "plain.ndjson"]].concat()).ok();
    let told = env.on_store(&[&compact[..], &["--vacuum", "--plan", "plan.ndjson"]].concat());
    let afterwards = "; afterwards what is free in the file would be given back\n";
    assert!(told.ok().ends_with(afterwards), "{}", told.stdout);
    assert_eq!((header("plain.ndjson"), header("plan.ndjson")), (json!(null), json!(true)));
    for foretold in
        [&["keyframe", "apply", "plan.ndjson", "--dry-run"][..], &[&compact[..], &["--vacuum", "--dry-run"]].concat()]
    {
        let told = env.read(foretold);
        assert!(told.ok().ends_with(afterwards), "{}", told.stdout);
    }
    let size = || std::fs::metadata(env.path("ops.db")).unwrap().len();
    let before = size();
    let done = env.on_store(&["keyframe", "apply", "plain.ndjson", "--json"]).json();
    assert_eq!((&done["total"]["vacuum"], size() >= before), (&json!(null), true));
    let done = env.on_store(&["keyframe", "apply", "plan.ndjson", "--json"]).json();
    assert_eq!((&done["total"]["dropped"], &done["total"]["gone"]), (&json!(0), &json!(58)));
    assert!(size() < before / 2, "{} of {before}", size());
    assert_eq!(done["total"]["vacuum"]["afterBytes"], size());
    env.read(&["verify"]).ok();
}

/// The plan is there; what cannot be made is the copy that is worked with.
#[cfg(unix)]
#[test]
fn a_folder_for_temporary_files_that_is_not_there_is_told_by_its_name() {
    let env = planned();
    let before = std::fs::read(env.path("ops.db")).unwrap();
    for command in
        [&["keyframe", "apply", "plan.ndjson", "--json"][..], &["keyframe", "prune", "--keep-last", "1", "--json"]]
    {
        let run =
            crate::support::Run::of(env.snapctl(command).env("SNAPCTL_STORE", "ops.db").env("TMPDIR", "/nowhere"));
        let error = run.error(3);
        let told = (&error["code"], &error["message"], &error["hint"]);
        let message = json!("cannot write the temporary copy of the plan in /nowhere");
        assert_eq!(told, (&json!("temporary-file"), &message, &json!("name another folder with the variable TMPDIR")));
        assert_eq!(std::fs::read(env.path("ops.db")).unwrap(), before);
    }
    let run = env.on_store(&["keyframe", "apply", "nowhere.ndjson", "--json"]);
    assert_eq!(
        (&run.error(3)["code"], &run.error(3)["message"]),
        (&json!("plan-unreadable"), &json!("cannot read the plan"))
    );
}
