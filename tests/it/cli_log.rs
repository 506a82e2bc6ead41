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
        store.operation(&row(7, "ADD_FOLDER", json!({ "id": "f1", "name": "Again" })));
        store.operation(&Operation { error: Some("something else"), ..row(8, "UPDATE_NODE", json!({ "id": "zz" })) });
        store.operation(&Operation { error: Some("x"), ..row(9, "SET_DRIVE_NAME", json!({ "name": "D" })) });
        store.operation(&row(10, "DELETE_NODE", json!({ "id": "f0" })));
    })
}

#[test]
fn patches_are_readable() {
    let run = lived().read(&["log", "d1/global", "-p"]);
    println!("{}", run.ok());
    assert_eq!(run.ok(), "");
}
