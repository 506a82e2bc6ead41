//! Names that are not there: what is said, and what may have been meant.

use crate::support::{Operation, TestEnv};
use serde_json::json;

fn notes() -> TestEnv {
    TestEnv::with_store(|store| {
        store.drive("f1e1d0c5-0001", "Field Notes", 2);
        store.drive("f1e1d0c5-0002", "Sketches", 1);
        // One operation is on two branches.
        let copy = Operation::new("f1e1d0c5-0001", "global", 0, "NOOP", json!({}));
        store.operation(&Operation { branch: "draft", ..copy });
        store.sql(
            "UPDATE \"Operation\" SET opId = 'shared' WHERE scope = 'global' AND (branch = 'draft' OR \"index\" = 1)",
        );
    })
}

/// The hint that a command ends with.
fn hint(env: &TestEnv, status: i32, args: &[&str]) -> String {
    let said = env.read(args).fails(status).to_owned();
    said.lines().find_map(|line| line.strip_prefix("hint: ")).unwrap_or_else(|| panic!("no hint: {said}")).to_owned()
}

#[test]
fn a_mistyped_document_is_recognised_by_id_and_by_slug() {
    let env = notes();
    let found = hint(&env, 4, &["rebuild", "f1e1d0c6-0001"]);
    assert!(found.starts_with("did you mean f1e1d0c5-0001 or f1e1d0c5-0002?"), "{found}");
    let found = hint(&env, 4, &["log", "f1f1d0c5"]);
    assert!(found.starts_with("did you mean f1e1d0c5-0001"), "the beginning of an id is enough: {found}");
    assert_eq!(hint(&env, 4, &["rebuild", "nothing-like-it"]), "`snapctl ls` lists the documents");
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/drive.sqlite");
    let said = TestEnv::new().run(&["--store", fixture, "rebuild", "feild-notes"]);
    assert!(said.fails(4).contains("did you mean field-notes?"), "{said:?}");
}

#[test]
fn a_pointer_that_leads_nowhere_says_where_it_ends() {
    let env = notes();
    let at = |target, pointer| hint(&env, 4, &["rebuild", target, "--pointer", pointer]);
    assert_eq!(at("f1e1d0c5-0001/global", "/nodse"), "did you mean /nodes?");
    assert_eq!(at("f1e1d0c5-0001/global", "/nodes/0/nmae/x"), "did you mean /nodes/0/name?");
    assert_eq!(at("f1e1d0c5-0001/global", "/nodes/0/name/x"), "/nodes/0/name is a string, which has no parts");
    assert_eq!(
        at("f1e1d0c5-0001", "/nodes/0/name"),
        "in a whole document a pointer starts with the scope: /global/nodes/0/name"
    );
    assert_eq!(at("f1e1d0c5-0001", "/globl"), "did you mean /global?");
    assert!(at("f1e1d0c5-0001/global", "/zzzzzz").starts_with("the state has /"), "the members are named");
}

#[test]
fn a_scope_without_operations_is_answered_with_a_warning() {
    let run = notes().read(&["log", "f1e1d0c5-0001/gobal"]);
    assert_eq!(run.ok(), "");
    let warning = "warning: f1e1d0c5-0001/gobal has no operations; the document has scopes document, global\n";
    assert_eq!(run.stderr, warning);
}

#[test]
fn an_operation_is_looked_for_where_the_target_says() {
    let env = notes();
    for (target, revision) in [("f1e1d0c5-0001:op:shared", 1), ("f1e1d0c5-0001/global:op:shared", 1)] {
        assert_eq!(env.read(&["rebuild", target]).json()["revision"]["global"], revision, "{target}");
    }
    assert_eq!(env.read(&["rebuild", "f1e1d0c5-0001/document:op:shared"]).status, 4);
}

#[test]
fn a_mistyped_file_is_recognised() {
    let env = notes();
    let said = env.run(&["--store", "opps.db", "ls"]);
    assert!(said.fails(10).contains("hint: did you mean ops.db?"), "{said:?}");
    let said = env.run(&["--store", "elsewhere/x.db", "ls"]);
    assert!(said.fails(10).contains("`snapctl --store elsewhere/x.db store init` makes an empty one"), "{said:?}");
}

#[test]
fn a_keyframe_row_that_cannot_be_read_hides_no_document() {
    let env = notes();
    let file = rusqlite::Connection::open(env.path("ops.db")).unwrap();
    let row = "'f1e1d0c5-0002', 't', 'global', 'main', 'one', '{}', '2025-01-01T00:00:00.000Z'";
    let columns = "documentId, documentType, scope, branch, revision, document, createdAt";
    file.execute_batch(&format!("INSERT INTO \"Keyframe\" ({columns}) VALUES ({row})")).unwrap();
    drop(file);
    let run = env.read(&["ls", "-l", "--json"]);
    let documents = run.json();
    assert_eq!((&documents[0]["keyframes"], &documents[1]["keyframes"]), (&json!(0), &json!(null)));
    assert_eq!(documents[1]["keyframeBytes"], json!(null));
    assert!(run.stderr.contains("the keyframes of f1e1d0c5-0002 are not known"), "{run:?}");
}

#[test]
fn a_negative_limit_is_no_option() {
    let said = notes().read(&["log", "f1e1d0c5-0001", "-n", "-1"]);
    assert!(said.fails(2).contains("invalid value '-1' for '--limit <N>'"), "{said:?}");
}
