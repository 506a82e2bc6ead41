//! `snapctl rebuild`.

use serde_json::{Value, json};

use crate::support::{Operation, TestEnv};

fn two_drives() -> TestEnv {
    TestEnv::with_store(|store| {
        store.drive("d1", "One", 3);
        store.drive("e2", "Two", 0);
    })
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn the_answer_is_one_object_with_documented_members() {
    let env = two_drives();
    let run = env.read(&["rebuild", "d1"]);
    let order = ["target", "revision", "documentType", "header", "state", "hash", "source"];
    let places: Vec<_> = order.iter().map(|key| run.ok().find(&format!("\n  \"{key}\": ")).unwrap()).collect();
    assert!(places.is_sorted() && run.stdout.ends_with("}\n"), "{}", run.stdout);
    let document = run.json();
    assert_eq!(document["target"], json!({ "document": "d1", "scope": null, "branch": "main" }));
    assert_eq!(document["revision"], json!({ "document": 1, "global": 2 }));
    assert_eq!(document["documentType"], "powerhouse/document-drive");
    assert_eq!(document["header"]["name"], "One");
    assert_eq!(document["header"]["revision"], json!({ "document": 2, "global": 3 }));
    assert_eq!(document["source"], json!({ "tier": "replay", "stale": false }));
    assert_eq!(keys(&document["state"]), ["auth", "document", "global", "local"]);
    assert_eq!(keys(&document["hash"]), ["auth", "document", "global", "local"]);
    assert_eq!(document["state"]["global"]["nodes"][2]["parentFolder"], "f1");
}

#[test]
fn several_targets_make_an_array_or_lines() {
    let env = two_drives();
    let array = env.read(&["rebuild", "d1/global:1", "e2"]).json();
    let lines = env.read(&["rebuild", "--ndjson", "d1/global:1", "e2"]).lines();
    assert_eq!(array.as_array().unwrap(), &lines);
    assert_eq!(array[0]["revision"], json!({ "global": 1 }));
    // A name that is wrong is told before anything is printed.
    env.read(&["rebuild", "d1", "nothing"]).fails(4);
}

#[test]
fn the_hash_is_that_of_the_bytes_of_the_state() {
    use base64::Engine as _;
    use sha1::Digest as _;
    let env = two_drives();
    for scope in ["global", "local", "document", "auth", "no-such-scope"] {
        let target = format!("d1/{scope}");
        let state = env.read(&["rebuild", "--state", &target]);
        let digest = sha1::Sha1::digest(state.ok().as_bytes());
        let hash = base64::engine::general_purpose::STANDARD.encode(digest);
        assert_eq!(env.read(&["rebuild", "--hash", &target]).ok(), format!("{hash}\n"));
        assert_eq!(env.read(&["rebuild", &target]).json()["hash"][scope], hash);
        assert_eq!(env.read(&["rebuild", "--hash", "--json", &target]).json(), json!({ scope: hash }));
    }
    assert_eq!(env.read(&["rebuild", "--state", "--json", "d1/no-such-scope"]).ok(), "null\n");
    let all = env.read(&["rebuild", "--hash", "d1"]);
    let scopes: Vec<_> = all.ok().lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(scopes, ["auth", "document", "global", "local"]);
    let state = env.read(&["rebuild", "--state", "d1"]);
    assert!(state.ok().starts_with("{\"auth\":{") && !state.ok().ends_with('\n'));
}

#[test]
fn a_pointer_leads_to_a_part_or_nowhere() {
    let env = two_drives();
    assert_eq!(env.read(&["rebuild", "d1/global", "--pointer", "/nodes/1/name"]).ok(), "\"Folder 1\"\n");
    assert_eq!(env.read(&["rebuild", "d1", "--pointer", "/global/nodes/1/name"]).ok(), "\"Folder 1\"\n");
    assert_eq!(env.read(&["rebuild", "d1/global", "--pointer", "/icon"]).ok(), "null\n");
    let said = env.read(&["rebuild", "d1/global", "--pointer", "/nodes/9"]);
    let list = "hint: /nodes is a list: its items are /nodes/0 to /nodes/2\n";
    assert_eq!(said.fails(4), format!("error: d1/global has nothing at /nodes/9\n{list}"));
}

#[test]
fn an_explanation_is_added_on_demand() {
    let env = two_drives();
    let explain = &env.read(&["rebuild", "--explain", "--no-keyframes", "--no-cache", "d1/global:1"]).json()["explain"];
    assert_eq!(explain["base"], json!({ "kind": "genesis", "revision": null }));
    assert_eq!(explain["considered"], json!([]));
    assert!(explain["operationsRead"].as_u64().unwrap() >= 2 && explain["elapsedUs"].is_u64());
}

#[test]
fn past_the_head_the_head_is_named() {
    let run = two_drives().read(&["rebuild", "d1/global:9"]);
    let said = run.fails(4);
    assert!(said.contains("d1/global has no revision 9: its head is 2"), "{said}");
    assert!(said.contains("hint: the newest is `snapctl rebuild d1/global:head`"), "{said}");
}

#[test]
fn a_gap_is_a_warning_and_under_strict_an_error() {
    let env = TestEnv::with_store(|store| {
        store.drive("d1", "One", 2);
        store.operation(&Operation::new("d1", "global", 4, "SET_DRIVE_NAME", json!({ "name": "late" })));
    });
    let run = env.read(&["rebuild", "d1/global"]);
    assert_eq!(run.json()["state"]["global"]["name"], "late");
    assert_eq!(run.stderr, "warning: d1/global has no operation 2: the log has a gap\n");
    let error = env.read(&["rebuild", "--strict", "--json", "d1/global"]).error(13);
    assert_eq!(error["code"], "gap");
}

#[test]
fn output_is_the_same_every_time() {
    let env = two_drives();
    let once = env.read(&["rebuild", "d1", "e2"]);
    assert_eq!(env.read(&["rebuild", "--trust", "any", "d1", "e2", "--color", "always", "-v"]).ok(), once.ok());
}

#[test]
fn a_failure_among_several_leaves_a_whole_array() {
    let env = TestEnv::with_store(|store| {
        store.drive("d1", "One", 1);
        store.drive("e2", "Two", 2);
        store.sql(
            "UPDATE \"Operation\" SET action = '[]' WHERE documentId = 'e2' AND scope = 'global' AND \"index\" = 1",
        );
    });
    let run = env.read(&["rebuild", "d1", "e2", "d1", "--json"]);
    assert!(run.error(13)["message"].as_str().unwrap().contains("action"), "{run:?}");
    assert_eq!(serde_json::from_str::<Value>(&run.stdout).unwrap().as_array().unwrap().len(), 1);
}

#[test]
fn with_json_whatever_is_said_is_json() {
    let env = two_drives();
    let run = env.read(&["rebuild", "d1:1", "--json", "-v"]);
    let notes: Vec<Value> = run.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(notes[0], json!({ "note": "d1:1 names no scope; this is scope global" }));
    assert!(notes[1]["note"].as_str().unwrap().contains("rebuilt from the first operation"));
}
