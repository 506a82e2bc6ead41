//! Targets on the command line.

use serde_json::json;

use crate::support::{Operation, TestEnv};

#[test]
fn a_text_that_is_no_target_is_named_with_its_part_and_the_grammar() {
    let env = TestEnv::new();
    for (text, part) in [
        ("", "document \"\": it is empty"),
        ("d/", "scope \"\": it is empty"),
        ("d@", "branch \"\": it is empty"),
        ("d:", "position \"\": it is empty"),
        ("d/a/b", "scope \"a/b\": a / in a name is written %2F"),
        ("d:hea", "position \"hea\": it is none of N, head, head~N"),
        ("d:1..4", "position \"1..4\": a range is not accepted here"),
        ("d%4", "document \"d%4\": \"%4\" is no escape"),
        ("d:@noon", "position \"@noon\": a time is written like"),
    ] {
        for command in ["rebuild", "log"] {
            let run = env.run(&[command, "--store", "none.db", "--", text]);
            let said = run.fails(2);
            assert!(said.starts_with("error: ") && said.contains(part), "{said}");
            assert!(said.contains("hint: DOC[/SCOPE][@BRANCH][:REV]"), "{said}");
        }
    }
    let error = env.run(&["rebuild", "d:x", "--json", "--store", "none.db"]).error(2);
    assert_eq!(error["code"], "bad-target");
}

#[test]
fn names_with_special_characters_are_escaped_or_given_literally() {
    let env = TestEnv::with_store(|store| {
        store.document("a/b:c@d%", "powerhouse/document-drive", "odd", "x/y @1");
        let input = json!({ "name": "odder" });
        let row = Operation::new("a/b:c@d%", "global", 0, "SET_DRIVE_NAME", input);
        store.operation(&Operation { branch: "x/y @1", ..row });
    });
    let escaped = env.read(&["rebuild", "a%2Fb%3Ac%40d%25/global@x%2Fy %401:0"]).json();
    let literal =
        env.read(&["rebuild", "a/b:c@d%", "--scope", "global", "--branch", "x/y @1", "--at", "0"]).json();
    assert_eq!(escaped, literal);
    assert_eq!(escaped["state"]["global"]["name"], "odder");
    assert_eq!(escaped["target"], json!({ "document": "a/b:c@d%", "scope": "global", "branch": "x/y @1" }));
    // A prefix is not enough when a part is literal.
    env.read(&["rebuild", "a/b", "--branch", "x/y @1"]).fails(4);
}

#[test]
fn every_position_leads_somewhere() {
    let env = TestEnv::with_store(|store| store.drive("d1", "Drive", 5));
    let n_nodes = |target: &str| env.read(&["rebuild", target]).json()["state"]["global"]["nodes"].as_array().map(Vec::len);
    assert_eq!(n_nodes("d1/global"), Some(5));
    assert_eq!(n_nodes("d1/global:head"), Some(5));
    assert_eq!(n_nodes("d1/global:head~2"), Some(3));
    assert_eq!(n_nodes("d1/global:0"), Some(1));
    assert_eq!(n_nodes("d1/global:initial"), Some(0));
    assert_eq!(n_nodes("d1/global:op:d1.global.main.3"), Some(4));
    assert_eq!(n_nodes("d1/global:@2025-01-01T00:12:30Z"), Some(3));
    assert_eq!(n_nodes("d1:@2025-01-01T01:12:30+01:00"), Some(3));
    assert_eq!(n_nodes("d"), Some(5));
    assert_eq!(n_nodes("slug-d1"), Some(5));
}

#[test]
fn a_position_without_scope_means_global_and_says_so() {
    let env = TestEnv::with_store(|store| store.drive("d1", "Drive", 5));
    let run = env.read(&["rebuild", "d1:2"]);
    assert_eq!(run.json()["target"]["scope"], "global");
    assert_eq!(run.stderr, "note: d1:2 names no scope; this is scope global\n");
    assert_eq!(env.read(&["rebuild", "-q", "d1:2"]).stderr, "");
    assert_eq!(env.read(&["rebuild", "d1"]).json()["target"]["scope"], json!(null));
}
