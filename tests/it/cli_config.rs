//! `snapctl config`.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::support::TestEnv;

const SETTINGS: &str =
    "[keyframes]\ntrust = 'hashed'\n[models.'a/b']\nkind = 'set'\n[profiles.p.limits]\n  timeout = '90s'\n";

fn env() -> TestEnv {
    let env = TestEnv::new();
    fs::write(env.path("snapctl.toml"), SETTINGS).unwrap();
    env
}

/// The settings file, as an answer names it.
fn file(env: &TestEnv) -> String {
    fs::canonicalize(env.path("snapctl.toml")).unwrap().display().to_string()
}

#[test]
fn every_value_is_listed_with_its_origin() {
    let env = env();
    let output = env
        .snapctl(&["config", "--json", "--profile", "p", "--no-keyframes"])
        .env("SNAPCTL_BUSY_TIMEOUT", "1s")
        .output()
        .unwrap();
    let list: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let path = file(&env);
    let expected = [
        ("store.url", Value::Null, json!({ "kind": "default" })),
        ("store.busy-timeout", json!("1s"), json!({ "kind": "environment", "variable": "SNAPCTL_BUSY_TIMEOUT" })),
        ("keyframes.trust", json!("none"), json!({ "kind": "flag", "flag": "--no-keyframes" })),
        (
            "limits.timeout",
            json!("90s"),
            json!({ "kind": "profile", "path": path, "line": 6, "column": 3, "profile": "p" }),
        ),
        ("output.color", json!("auto"), json!({ "kind": "default" })),
        ("output.progress", json!("auto"), json!({ "kind": "default" })),
        ("models.\"a/b\".kind", json!("set"), json!({ "kind": "file", "path": path, "line": 4, "column": 1 })),
    ];
    let is_told = |entry: &&Value| expected.iter().any(|(key, ..)| entry["key"] == *key);
    let told: Vec<Value> = list.iter().filter(is_told).cloned().collect();
    let told_as = |(key, value, origin)| json!({ "key": key, "value": value, "masked": false, "origin": origin });
    assert_eq!(told, expected.clone().map(told_as));
    let rest = list.iter().filter(|entry| !is_told(entry));
    assert!(rest.clone().all(|entry| entry["origin"] == json!({ "kind": "default" })) && rest.count() > 5, "{list:?}");
    assert_eq!(env.run(&["config", "--ndjson"]).lines().len(), list.len());
}

#[test]
fn the_table_reads_as_the_json_does() {
    let env = env();
    let table = env.run(&["config"]).ok().to_owned();
    assert!(table.starts_with("key "), "{table}");
    let line = table.lines().find(|line| line.starts_with("keyframes.trust")).unwrap();
    let cells: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(cells, ["keyframes.trust", "hashed", &format!("{}:2:1", file(&env))]);
    assert_eq!(table.lines().count(), 1 + env.run(&["config", "--ndjson"]).lines().len());
}

#[test]
fn named_settings_are_printed_bare() {
    let env = env();
    assert_eq!(env.run(&["config", "keyframes.trust"]).ok(), "hashed\n");
    assert_eq!(env.run(&["config", "models.a/b.kind", "store.busy-timeout"]).ok(), "set\n5s\n");
    let one = env.run(&["config", "keyframes.trust", "--json"]).json();
    assert_eq!((&one["key"], &one["value"]), (&"keyframes.trust".into(), &"hashed".into()));
    let two = env.run(&["config", "keyframes.trust", "output.color", "--json"]).json();
    assert_eq!(two.as_array().unwrap().len(), 2);
}

#[test]
fn what_is_not_set_or_not_known_is_told_apart() {
    let env = env();
    for key in ["store.url", "models.x@2.upgrade", "models.\"x\".kind"] {
        assert!(env.run(&["config", "keyframes.trust", key]).fails(4).contains("is not set"), "{key}");
    }
    let said = env.run(&["config", "keyframe.trust"]);
    assert_eq!(said.fails(2), "error: there is no setting keyframe.trust\nhint: did you mean keyframes.trust?\n");
    assert_eq!(env.run(&["config", "nonsense", "--json"]).error(2)["code"], "unknown-setting");
    assert_eq!(env.run(&["config", "store.url", "--json"]).error(4)["code"], "setting-unset");
    assert_eq!(env.run(&["config", "store.url", "--files"]).status, 2);
}

#[test]
fn files_that_were_looked_for_are_listed() {
    let env = env();
    fs::create_dir(env.path("w")).unwrap();
    let output = env.snapctl(&["config", "--files", "--json"]).current_dir(env.path("w")).output().unwrap();
    let list: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let places: Vec<_> =
        list.iter().map(|file| (file["place"].as_str().unwrap(), file["found"].as_bool().unwrap())).collect();
    assert_eq!(places, [("project", false), ("project", true), ("user", false)]);
    assert_eq!(list[1]["path"], file(&env));
    assert!(list[2]["path"].as_str().unwrap().ends_with("home/.config/snapctl/snapctl.toml"));
    let table = env.run(&["config", "--files", "--config", "snapctl.toml"]);
    let lines: Vec<Vec<&str>> = table.ok().lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines, [vec!["file", "place"], vec!["snapctl.toml", "named", "read"]]);
}

#[test]
fn a_password_is_not_shown() {
    let env = TestEnv::new();
    fs::write(env.path("snapctl.toml"), "[store]\nurl = 'postgres://me:geheim@host/db?key=geheim'").unwrap();
    for args in [
        &["config"][..],
        &["config", "--json"],
        &["config", "store.url"],
        &["config", "store.url", "--ndjson"],
        &["config", "--files"],
    ] {
        let run = env.run(args);
        assert!(!run.ok().contains("geheim") && !run.stderr.contains("geheim"), "{run:?}");
    }
    let run = env.run(&["config", "store.url"]);
    assert_eq!(
        (run.ok(), &*run.stderr),
        ("postgres://me@host/db\n", "note: store.url is shown without its password and options\n",)
    );
    assert_eq!(env.run(&["config", "store.url", "--json"]).json()["masked"], true);
    let wrong = env.run(&["ls"]);
    assert!(wrong.status == 2 && !wrong.stderr.contains("geheim"), "{wrong:?}");
}

/// Whoever reads the settings of one program has those of the next: every key of the list is a key of a file.
#[test]
fn what_is_listed_can_be_written_back() {
    let env = env();
    let listed = |env: &TestEnv| -> Vec<Value> { serde_json::from_str(env.run(&["config", "--json"]).ok()).unwrap() };
    let values = |list: &[Value]| -> BTreeSet<String> {
        list.iter().map(|entry| format!("{} = {}", entry["key"].as_str().unwrap(), entry["value"])).collect()
    };
    let before = listed(&env);
    let set = before.iter().filter(|entry| entry["value"].is_string());
    let bare = |value: &Value| {
        let text = value.as_str().unwrap();
        if text.parse::<u64>().is_ok() { text.to_owned() } else { value.to_string() }
    };
    let lines: Vec<String> =
        set.map(|entry| format!("{} = {}", entry["key"].as_str().unwrap(), bare(&entry["value"]))).collect();
    fs::write(env.path("snapctl.toml"), lines.join("\n")).unwrap();
    assert_eq!(values(&listed(&env)), values(&before));
}
