//! `snapctl log`.

use serde_json::{Value, json};

use crate::support::{Operation, TestEnv};

fn varied() -> TestEnv {
    TestEnv::with_store(|store| {
        store.drive("d1", "One", 3);
        let name = |index| Operation::new("d1", "global", index, "SET_DRIVE_NAME", json!({ "name": "n" }));
        store.operation(&Operation { error: Some("[\n  {\n    \"code\": 1\n  }\n]"), ..name(3) });
        store.operation(&Operation { denied: Some("not yours"), ..name(4) });
        store.operation(&Operation { skip: 2, error: Some(""), ..name(5) });
    })
}

fn indices(lines: &[Value]) -> Vec<u64> {
    lines.iter().map(|line| line["index"].as_u64().unwrap()).collect()
}

#[test]
fn rows_are_listed_for_people() {
    let run = varied().read(&["log", "d1"]);
    let expected = "  index  skip  time                      type                      id        outcome
      0     0  2025-01-01T00:10:00.000Z  ADD_FOLDER                d1.globa  ok
      1     0  2025-01-01T00:11:00.000Z  ADD_FOLDER                d1.globa  ok
      2     0  2025-01-01T00:12:00.000Z  ADD_FOLDER                d1.globa  ok
      3     0  2025-01-01T00:13:00.000Z  SET_DRIVE_NAME            d1.globa  failed: [ { \"code\": 1 } ]
      4     0  2025-01-01T00:14:00.000Z  SET_DRIVE_NAME            d1.globa  denied: not yours
      5     2  2025-01-01T00:15:00.000Z  SET_DRIVE_NAME            d1.globa  ok
";
    assert_eq!(run.ok(), expected);
    assert_eq!(run.stderr, "note: d1 names no scope; this is scope global\n");
}

#[test]
fn json_has_every_column() {
    let env = varied();
    let lines = env.read(&["log", "d1/global", "--ndjson"]).lines();
    assert_eq!(
        lines[5],
        json!({
            "index": 5, "skip": 2, "id": "d1.global.main.5", "previousId": "d1.global.main.4",
            "timestampUtcMs": "2025-01-01T00:15:00.000Z", "type": "SET_DRIVE_NAME", "scope": "global", "hash": "",
            "error": null, "deniedReason": null,
            "action": {
                "id": "d1-global-main-5", "input": { "name": "n" }, "scope": "global",
                "timestampUtcMs": "2025-01-01T00:15:00.000Z", "type": "SET_DRIVE_NAME",
            },
        })
    );
    assert_eq!(env.read(&["log", "d1/global", "--json"]).json().as_array().unwrap(), &lines);
}

#[test]
fn the_list_can_be_bounded_filtered_and_turned() {
    let env = varied();
    let listed = |args: &[&str]| indices(&env.read(&[&["log", "--ndjson"], args].concat()).lines());
    assert_eq!(listed(&["d1/global:2"]), [0, 1, 2]);
    assert_eq!(listed(&["d1/global:head~4"]), [0, 1]);
    assert_eq!(listed(&["d1/global:initial"]), [0_u64; 0]);
    assert_eq!(listed(&["d1/global", "--reverse", "-n", "2"]), [5, 4]);
    assert_eq!(listed(&["d1/global", "-n", "2"]), [0, 1]);
    assert_eq!(listed(&["d1/global", "-n", "0"]), [0_u64; 0]);
    assert_eq!(listed(&["d1/global:3", "--reverse", "--type", "ADD_FOLDER"]), [2, 1, 0]);
    assert_eq!(listed(&["d1/global", "--since", "2025-01-01T00:11:30Z", "--until", "2025-01-01T00:14:00Z"]), [2, 3, 4]);
    assert_eq!(listed(&["d1/document"]), [0, 1]);
    assert_eq!(listed(&["d1/local"]), [0_u64; 0]);
    assert_eq!(env.read(&["log", "d1/global", "--type", "NOOP", "--json"]).error(4)["code"], "nothing-matched");
}

#[test]
fn a_gap_is_a_warning_and_under_strict_an_error() {
    let env = TestEnv::with_store(|store| {
        store.drive("d1", "One", 2);
        store.operation(&Operation::new("d1", "global", 3, "NOOP", json!({})));
    });
    for order in [&["log", "d1/global"][..], &["log", "d1/global", "--reverse"]] {
        let run = env.read(order);
        assert_eq!(
            (run.ok().lines().count(), &*run.stderr),
            (4, "warning: d1/global has no operation 2: the log has a gap\n")
        );
    }
    let run = env.read(&["log", "d1/global", "--strict", "--json"]);
    assert_eq!(run.error(13)["code"], "gap");
    assert_eq!(serde_json::from_str::<Value>(&run.stdout).unwrap().as_array().unwrap().len(), 2);
}

/// A drive whose log has something of everything: a name that is set, undone and set again, folders that come and go,
/// operations that fail and one that was denied.
fn lived() -> TestEnv {
    TestEnv::with_store(|store| {
        store.drive("d1", "One", 2);
        let row = |index, kind, input| Operation::new("d1", "global", index, kind, input);
        store.operation(&row(2, "SET_DRIVE_NAME", json!({ "name": "A" })));
        store.operation(&row(3, "SET_DRIVE_NAME", json!({ "name": "B" })));
        store.operation(&Operation { skip: 1, ..row(4, "NOOP", json!({})) });
        store.operation(&row(5, "UPDATE_NODE", json!({ "id": "f1", "name": "Renamed" })));
        store.operation(&Operation { denied: Some("not yours"), ..row(6, "SET_DRIVE_NAME", json!({ "name": "C" })) });
        let again = |index| row(index, "ADD_FOLDER", json!({ "id": "f1", "name": "Again" }));
        store.operation(&Operation { error: Some("Node with id f1 already exists!"), ..again(7) });
        store.operation(&Operation { error: Some("something else"), ..again(8) });
        store.operation(&Operation { error: Some("x"), ..row(9, "SET_DRIVE_NAME", json!({ "name": "D" })) });
        store.operation(&row(10, "DELETE_NODE", json!({ "id": "f0" })));
    })
}

#[test]
fn patches_are_readable() {
    let run = lived().read(&["log", "d1/global", "-p"]);
    let expected = r#"  index  skip  time                      type                      id        outcome
      0     0  2025-01-01T00:10:00.000Z  ADD_FOLDER                d1.globa  ok
    + /nodes/0  {"id":"f0","kind":"folder","name":"Folder 0","parentFolder":null}
      1     0  2025-01-01T00:11:00.000Z  ADD_FOLDER                d1.globa  ok
    + /nodes/1  {"id":"f1","kind":"folder","name":"Folder 1","parentFolder":"f0"}
      2     0  2025-01-01T00:12:00.000Z  SET_DRIVE_NAME            d1.globa  ok
    ~ /name  "" -> "A"
      3     0  2025-01-01T00:13:00.000Z  SET_DRIVE_NAME            d1.globa  ok
    ~ /name  "A" -> "B"
      4     1  2025-01-01T00:14:00.000Z  NOOP                      d1.globa  ok
    ~ /name  "B" -> "A"
      5     0  2025-01-01T00:15:00.000Z  UPDATE_NODE               d1.globa  ok
    ~ /nodes/1/name  "Folder 1" -> "Renamed"
      6     0  2025-01-01T00:16:00.000Z  SET_DRIVE_NAME            d1.globa  denied: not yours
    ! denied: not yours
    (no change)
      7     0  2025-01-01T00:17:00.000Z  ADD_FOLDER                d1.globa  failed: Node with id f1 already exists!
    ! failed: Node with id f1 already exists!
    (no change)
      8     0  2025-01-01T00:18:00.000Z  ADD_FOLDER                d1.globa  failed: something else
    ! failed: Node with id f1 already exists!
    ! but the log says failed: something else
    (no change)
      9     0  2025-01-01T00:19:00.000Z  SET_DRIVE_NAME            d1.globa  failed: x
    ! applied, but the log says failed: x
    ~ /name  "A" -> "D"
     10     0  2025-01-01T00:20:00.000Z  DELETE_NODE               d1.globa  ok
    - /nodes/1  {"id":"f1","kind":"folder","name":"Renamed","parentFolder":"f0"}
    - /nodes/0  {"id":"f0","kind":"folder","name":"Folder 0","parentFolder":null}
"#;
    assert_eq!(run.ok(), expected);
}

#[test]
fn patches_are_json_patches() {
    let env = lived();
    let lines = env.read(&["log", "d1/global", "-p", "--ndjson"]).lines();
    assert_eq!(lines[5]["patch"], json!([{ "op": "replace", "path": "/nodes/1/name", "value": "Renamed" }]));
    assert_eq!(
        lines[10]["patch"],
        json!([{ "op": "remove", "path": "/nodes/1" }, { "op": "remove", "path": "/nodes/0" }])
    );
    let outcome = |at: usize| json!([lines[at]["patch"], lines[at]["outcome"], lines[at]["replayError"]]);
    assert_eq!(outcome(6), json!([null, "denied", null]));
    assert_eq!(outcome(7), json!([[], "failed", "Node with id f1 already exists!"]));
    assert_eq!(outcome(9), json!([[{ "op": "replace", "path": "/name", "value": "D" }], "applied", null]));
    // The other members, and what comes before them, stay as they are without it.
    let raw = env.read(&["log", "d1/global:2", "-p", "--ndjson"]);
    let plain = env.read(&["log", "d1/global:2", "--ndjson"]);
    for (raw, plain) in raw.ok().lines().zip(plain.ok().lines()) {
        assert!(raw.starts_with(plain.strip_suffix('}').unwrap()), "{raw}");
    }
    let end = r#","patch":[{"op":"replace","path":"/name","value":"A"}],"outcome":"applied","replayError":null}"#;
    assert!(raw.ok().lines().last().unwrap().ends_with(end));
    assert_eq!(env.read(&["log", "d1/global", "-p", "--json"]).json().as_array().unwrap(), &lines);
}

/// Makes the changes of each operation, and compares with what a rebuild says.
#[track_caller]
fn follows(env: &TestEnv, scope: &str, options: &[&str], mut state: Value) {
    let stream = format!("d1/{scope}");
    for line in env.read(&[&["log", &stream, "-p", "--ndjson"], options].concat()).lines() {
        if !line["patch"].is_null() {
            json_patch::patch(&mut state, &serde_json::from_value::<json_patch::Patch>(line["patch"].clone()).unwrap())
                .unwrap();
        }
        let at = format!("{stream}:{}", line["index"]);
        assert_eq!(env.read(&[&["rebuild", &at, "--pointer", ""], options].concat()).json(), state, "{at}");
    }
}

#[test]
fn patches_lead_from_one_rebuild_to_the_next() {
    let env = lived();
    let initial = env.read(&["rebuild", "d1/global:initial", "--pointer", ""]).json();
    follows(&env, "global", &[], initial);
    follows(&env, "document", &[], Value::Null);
}

/// A drive that a second version of its model takes over between operations 1 and 2, and that is deleted.
fn upgraded() -> TestEnv {
    let env = TestEnv::with_store(|store| {
        store.drive("d1", "One", 2);
        let upgrade = json!({
            "model": "powerhouse/document-drive", "documentId": "d1", "fromVersion": 1, "toVersion": 2,
            "initialState": { "global": { "name": "Two", "nodes": [], "icon": null } }, "revision": { "global": 2 },
        });
        store.operation(&Operation::new("d1", "document", 2, "UPGRADE_DOCUMENT", upgrade));
        store.operation(&Operation { error: Some("no"), ..Operation::new("d1", "document", 3, "NOOP", json!({})) });
        store.operation(&Operation::new("d1", "document", 4, "DELETE_DOCUMENT", json!({ "documentId": "d1" })));
        store.operation(&Operation::new("d1", "global", 2, "SET_DRIVE_ICON", json!({ "icon": "i" })));
    });
    let model =
        "[models.\"powerhouse/document-drive@2\"]\nsame-as = \"powerhouse/document-drive@1\"\nupgrade = \"identity\"";
    std::fs::write(env.path("s.toml"), model).unwrap();
    env
}

#[test]
fn an_upgrade_counts_with_the_operation_it_takes_effect_with() {
    let (env, config) = (upgraded(), ["--config", "s.toml"]);
    let initial = env.read(&["rebuild", "d1/global:initial", "--pointer", "", "--config", "s.toml"]).json();
    follows(&env, "global", &config, initial);
    follows(&env, "document", &config, Value::Null);
    let names = env.read(&["log", "d1/global", "--pointer", "/name", "--ndjson", "--config", "s.toml"]).lines();
    assert_eq!((indices(&names), &names[0]["after"]), (vec![2], &json!("Two")));
}

#[test]
fn scope_document_has_patches_too() {
    let run = upgraded().read(&["log", "d1/document", "-p", "--config", "s.toml", "--ndjson"]);
    run.ok();
    let lines = run.lines();
    let paths = |at: usize| -> Vec<String> {
        let patch = lines[at]["patch"].as_array().unwrap().iter();
        patch.map(|change| format!("{} {}", change["op"], change["path"]).replace('"', "")).collect()
    };
    assert_eq!(paths(0), ["add "]);
    assert_eq!(paths(1), ["replace /version"]);
    assert_eq!(paths(2), ["replace /version"]);
    assert_eq!(paths(3), [""; 0]);
    assert_eq!((&lines[3]["outcome"], &lines[3]["replayError"]), (&json!("failed"), &Value::Null));
    assert_eq!(paths(4), ["add /deletedAtUtcIso", "add /isDeleted"]);
}

#[test]
fn a_pointer_tells_the_history_of_a_value() {
    let env = lived();
    let run = env.read(&["log", "d1/global", "--pointer", "/name"]);
    let expected = r#"  index  skip  time                      type                      id        outcome
      2     0  2025-01-01T00:12:00.000Z  SET_DRIVE_NAME            d1.globa  ok
    /name  "" -> "A"
      3     0  2025-01-01T00:13:00.000Z  SET_DRIVE_NAME            d1.globa  ok
    /name  "A" -> "B"
      4     1  2025-01-01T00:14:00.000Z  NOOP                      d1.globa  ok
    /name  "B" -> "A"
      9     0  2025-01-01T00:19:00.000Z  SET_DRIVE_NAME            d1.globa  failed: x
    /name  "A" -> "D"
"#;
    assert_eq!(run.ok(), expected);
    let came_and_went = env.read(&["log", "d1/global", "--pointer", "/nodes/1/name", "--ndjson"]).lines();
    let told = |line: &Value| json!([line["index"], line["before"], line["after"], line["change"], line.get("patch")]);
    assert_eq!(
        came_and_went.iter().map(told).collect::<Vec<_>>(),
        [
            json!([1, null, "Folder 1", "add", null]),
            json!([5, "Folder 1", "Renamed", "replace", null]),
            json!([10, "Renamed", null, "remove", null]),
        ]
    );
    let run = env.read(&["log", "d1/global", "--pointer", "/nodes/1", "--type", "DELETE_NODE"]);
    let went = r#"    /nodes/1  {"id":"f1","kind":"folder","name":"Renamed","parentFolder":"f0"} -> (nothing)"#;
    assert_eq!(run.ok().lines().last(), Some(went));
    let nothing = env.read(&["log", "d1/global", "--pointer", "/icon", "--ndjson"]);
    assert_eq!(nothing.error(4)["code"], "nothing-matched");
    let both = env.read(&["log", "d1/global", "-p", "--pointer", "/nodes", "--ndjson"]).lines();
    assert_eq!(indices(&both), [0, 1, 5, 10]);
    let members: Vec<&str> = ["patch", "outcome", "replayError", "before", "after", "change"].into();
    assert!(members.iter().all(|member| both[0].get(member).is_some()), "{}", both[0]);
}

#[test]
fn a_replayed_list_can_be_bounded_and_filtered() {
    let env = lived();
    let listed = |args: &[&str]| {
        let lines = env.read(&[&["log", "-p", "--ndjson"], args].concat()).lines();
        lines.iter().map(|line| (line["index"].as_u64().unwrap(), line["patch"].to_string())).collect::<Vec<_>>()
    };
    let all = listed(&["d1/global"]);
    let some = |indices: &[usize]| indices.iter().map(|&index| all[index].clone()).collect::<Vec<_>>();
    assert_eq!(listed(&["d1/global:4"]), all[..5]);
    assert_eq!(listed(&["d1/global:initial"]), []);
    assert_eq!(listed(&["d1/local"]), []);
    assert_eq!(listed(&["d1/global", "-n", "2"]), all[..2]);
    assert_eq!(listed(&["d1/global", "-n", "0"]), []);
    assert_eq!(listed(&["d1/document", "-n", "1"]).len(), 1);
    assert_eq!(listed(&["d1/global", "--type", "NOOP", "--type", "DELETE_NODE"]), some(&[4, 10]));
    assert_eq!(
        listed(&["d1/global", "--since", "2025-01-01T00:12:30Z", "--until", "2025-01-01T00:15:00Z"]),
        some(&[3, 4, 5])
    );
    assert_eq!(env.read(&["log", "d1/global", "-p", "--type", "NONE", "--json"]).error(4)["code"], "nothing-matched");
}

#[test]
fn what_a_replay_cannot_do_is_a_usage_error() {
    let env = lived();
    for (args, option) in [(&["-p"][..], "--patch"), (&["--pointer", "/name"], "--pointer")] {
        let run = env.read(&[&["log", "d1/global", "--reverse"], args].concat());
        assert!(run.fails(2).starts_with(&format!("error: --reverse cannot be used with {option}\nhint: ")), "{run:?}");
    }
    assert!(
        env.read(&["log", "d1/global", "--pointer", "name"]).fails(2).contains("a JSON pointer is empty or starts")
    );
}

#[test]
fn a_log_that_cannot_be_replayed_ends_with_the_error_of_rebuild() {
    let env = TestEnv::with_store(|store| {
        store.drive("d1", "One", 2);
        store.operation(&Operation::new("d1", "global", 2, "UNDO", json!({})));
        store.operation(&Operation::new("d1", "global", 3, "NOOP", json!({})));
    });
    let (run, rebuilt) =
        (env.read(&["log", "d1/global", "-p", "--json"]), env.read(&["rebuild", "d1/global", "--json"]));
    assert_eq!(run.error(13), rebuilt.error(13));
    assert_eq!(serde_json::from_str::<Value>(&run.stdout).unwrap().as_array().unwrap().len(), 2);
    // Nobody gets as far as the error when enough has been shown before it.
    assert_eq!(env.read(&["log", "d1/global", "-p", "-n", "2", "--ndjson"]).ok().lines().count(), 2);
}

#[test]
fn nothing_is_read_after_the_last_row_shown() {
    let env = TestEnv::with_store(|store| {
        store.drive("d1", "One", 3);
        store.sql(r#"UPDATE "Operation" SET "timestampUtcMs" = 'soon' WHERE "scope" = 'global' AND "index" = 2"#);
    });
    let run = env.read(&["log", "d1/global", "-p", "-n", "2", "--ndjson"]);
    assert_eq!(indices(&run.lines()), [0, 1], "{run:?}");
}

#[test]
fn a_replay_warns_of_gaps_too() {
    let env = TestEnv::with_store(|store| {
        store.drive("d1", "One", 2);
        store.operation(&Operation::new("d1", "global", 3, "NOOP", json!({})));
        store.operation(&Operation::new("d1", "document", 5, "NOOP", json!({})));
    });
    let run = env.read(&["log", "d1/global", "-p", "--ndjson"]);
    assert_eq!(run.ok().lines().count(), 3);
    assert!(run.stderr.contains("d1/global has no operation 2: the log has a gap"), "{run:?}");
    let run = env.read(&["log", "d1/global", "-p", "--strict", "--ndjson"]);
    assert_eq!((&run.error(13)["code"], run.stdout.lines().count()), (&json!("gap"), 2));
    let run = env.read(&["log", "d1/local", "-p"]);
    let empty = "warning: d1/local has no operations; the document has scopes document, global\n";
    let gap = "warning: d1/document has no operation 2: the log has a gap\n";
    assert_eq!((run.ok(), run.stderr.clone()), ("", format!("{empty}{gap}")));
}
