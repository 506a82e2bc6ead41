//! `snapctl append`.

use serde_json::{Value, json};

use crate::support::TestEnv;

/// A store with a drive of three folders.
fn one() -> TestEnv {
    TestEnv::with_store(|store| store.drive("d1", "One", 3))
}

pub(crate) fn add(id: &str) -> String {
    json!({ "type": "ADD_FOLDER", "input": { "id": id, "name": id } }).to_string()
}

fn append(env: &TestEnv, args: &[&str], lines: &[String]) -> crate::support::Run {
    let mut all = vec!["append"];
    all.extend_from_slice(args);
    env.read_with_input(&all, lines.join("\n"))
}

fn n_operations(env: &TestEnv) -> usize {
    env.on_store(&["log", "d1/global", "--ndjson"]).lines().len()
}

#[test]
fn an_action_becomes_an_operation_that_a_replay_confirms() {
    let env = one();
    let lines = append(&env, &["d1", "--ndjson"], &[add("x"), add("x"), add("y")]).lines();
    let told = |line: &Value| json!([line["line"], line["index"], line["skip"], line["repeated"]]);
    assert_eq!(
        lines.iter().map(told).collect::<Vec<_>>(),
        [json!([1, 3, 0, false]), json!([2, 4, 0, false]), json!([3, 5, 0, false])]
    );
    assert_eq!(lines[1]["error"], "Node with id x already exists!");
    let rebuilt = env.on_store(&["rebuild", "d1/global", "--json"]).json();
    assert_eq!(lines[2]["hash"], rebuilt["hash"]["global"]);
    env.on_store(&["verify", "d1", "--ignore", "OPERATION_ID"]).ok();
}

#[test]
fn a_document_and_its_store_are_made_on_request() {
    let env = TestEnv::new();
    let run =
        append(&env, &["new", "--type", "powerhouse/document-drive", "--name", "N", "--init", "--ndjson"], &[add("a")]);
    let lines = run.lines();
    let told: Vec<_> = lines.iter().map(|line| json!([line["line"], line["scope"], line["index"]])).collect();
    assert_eq!(told, [json!([null, "document", 0]), json!([null, "document", 1]), json!([1, "global", 0])]);
    assert_eq!(env.on_store(&["rebuild", "new", "--json"]).json()["header"]["name"], "N");
    // It is there now, and its type is not asked again.
    let again = append(&env, &["new", "--type", "powerhouse/document-drive", "--ndjson"], &[add("b")]).lines();
    assert_eq!((again.len(), &again[0]["index"]), (1, &json!(1)));
    let unknown = append(&env, &["other", "--type", "no/such"], &[add("a")]);
    assert_eq!(unknown.status, 14, "{unknown:?}");
}

#[test]
fn an_undo_takes_back_the_last_operation_that_stands() {
    let env = one();
    let before = env.on_store(&["rebuild", "d1/global:1", "--hash"]).ok().to_owned();
    let undone = append(&env, &["d1/global", "--undo", "--ndjson"], &[]).lines();
    assert_eq!((&undone[0]["index"], &undone[0]["skip"], &undone[0]["hash"]), (&json!(3), &json!(1), &json!(null)));
    assert_eq!(env.on_store(&["rebuild", "d1/global", "--hash"]).ok(), before);
}

#[test]
fn what_is_refused_is_told_and_the_rest_is_appended() {
    let env = one();
    let lines = [
        r#"{"type":"REDO","input":1}"#.to_owned(),
        "garbage".to_owned(),
        String::new(),
        r#"{"type":"SET_NAME","input":{"name":1}}"#.to_owned(),
        r#"{"type":"ADD_FOLDER","input":{},"timestampUtcMs":"yesterday"}"#.to_owned(),
        add("z"),
    ];
    let run = append(&env, &["d1", "--ndjson"], &lines);
    assert_eq!(run.status, 1, "{run:?}");
    let told: Vec<Value> = run.lines().iter().map(|line| json!([line["line"], line["error"]["code"]])).collect();
    let refused = |line, code: Option<&str>| json!([line, code]);
    let all = [
        refused(1, Some("refused")),
        refused(2, Some("bad-line")),
        refused(4, Some("refused")),
        refused(5, Some("bad-line")),
        refused(6, None),
    ];
    assert_eq!(told, all);
    assert_eq!(n_operations(&env), 4);
}

#[test]
fn all_or_nothing_and_only_if_nothing_has_happened() {
    let env = one();
    let run = append(&env, &["d1", "--atomic", "--reject-errors", "--ndjson"], &[add("x"), add("x")]);
    let codes: Vec<Value> = run.lines().iter().map(|line| line["error"]["code"].clone()).collect();
    assert_eq!((run.status, codes), (1, vec![json!("with-others"), json!("reducer-failed")]));
    assert_eq!(n_operations(&env), 3);
    let moved = append(&env, &["d1/global", "--expect-revision", "1", "--ndjson"], &[add("x"), add("y")]);
    assert_eq!((moved.status, moved.lines().len()), (15, 1), "{moved:?}");
    assert_eq!(n_operations(&env), 3);
    append(&env, &["d1/global", "--expect-revision", "2"], &[add("x")]).ok();
    assert_eq!(n_operations(&env), 4);
    assert_eq!(append(&env, &["d1", "--expect-revision", "3"], &[add("y")]).status, 2, "of which scope?");
}

#[test]
fn a_run_that_was_stopped_can_be_begun_again() {
    let env = one();
    let lines: Vec<String> = (0..9)
        .map(|n| json!({ "document": "d1", "action": { "id": format!("a{n}"), "type": "ADD_FOLDER", "input": { "id": format!("n{n}"), "name": "N" } } }).to_string())
        .collect();
    append(&env, &["--documents"], &lines[..4]).ok();
    let again = append(&env, &["--documents", "--skip-known", "--batch", "4", "--ndjson"], &lines).lines();
    let repeated: Vec<bool> = again.iter().map(|line| line["repeated"] == true).collect();
    assert_eq!(repeated, [true, true, true, true, false, false, false, false, false]);
    assert_eq!(n_operations(&env), 12);
    let strange = append(&env, &["--documents"], &[r#"{"document":"nobody","action":{"type":"NOOP"}}"#.to_owned()]);
    assert_eq!(strange.status, 1, "{strange:?}");
}

#[test]
fn keyframes_are_written_behind_and_counted() {
    let env = one();
    let lines: Vec<String> = (0..400).map(|n| add(&format!("n{n}"))).collect();
    let run = append(&env, &["d1", "--batch", "7", "--ndjson"], &lines);
    run.ok();
    let summary: Value = serde_json::from_str(run.stderr.lines().last().unwrap()).unwrap();
    let counts = &summary["keyframes"];
    assert_eq!(counts["queued"], counts["written"]);
    let listed = env.on_store(&["keyframe", "list", "--ndjson"]).lines();
    assert_eq!(json!(listed.len()), counts["written"]);
    assert!(listed.len() >= 2 && listed.iter().all(|line| line["verdict"] == "ok"), "{listed:?}");
    env.on_store(&["verify", "d1", "--ignore", "OPERATION_ID"]).ok();
    let none = append(&env, &["d1", "--keyframe-every", "0", "--ndjson"], &[add("last")]);
    let summary: Value = serde_json::from_str(&none.stderr).unwrap();
    assert_eq!((none.status, &summary["keyframes"]), (0, &Value::Null), "{none:?}");
    assert_eq!(summary["tiers"][0]["puts"], 2, "{summary}");
}

/// Something that depends on nothing having happened happens as a whole or not at all.
#[test]
fn an_expectation_that_fails_refuses_all_that_came_with_it() {
    let lines = [add("a"), add("b"), add("c")];
    for (args, status) in [(&["--batch", "10"][..], 15), (&["--batch", "2"], 15), (&["--atomic"], 15), (&[], 15)] {
        let env = one();
        let before = n_operations(&env);
        let all = [&["d1/global", "--expect-revision", "0", "--ndjson"], args].concat();
        let run = append(&env, &all, &lines);
        assert_eq!((run.status, n_operations(&env)), (status, before), "{args:?}: {run:?}");
        let bad = [add("a"), "{\"bad\":1}".to_owned(), add("c"), add("d")];
        let run = append(&env, &all, &bad);
        // All or nothing was not even tried with a line that is no action.
        let status = if args == ["--atomic"] { 1 } else { status };
        assert_eq!((run.status, n_operations(&env)), (status, before), "{args:?}: {run:?}");
    }
}

/// Keyframes come as often whether a process appends much or little.
#[test]
fn a_process_an_action_writes_keyframes_too() {
    let counts = [1, 150].map(|at_once| {
        let env = one();
        let lines: Vec<String> = (0..150).map(|n| add(&format!("n{n}"))).collect();
        for lines in lines.chunks(at_once) {
            append(&env, &["d1"], lines).ok();
        }
        env.on_store(&["keyframe", "list", "--ndjson"]).lines().len()
    });
    assert!(counts[0] > 0 && counts[0].abs_diff(counts[1]) <= 1, "{counts:?}");
}
