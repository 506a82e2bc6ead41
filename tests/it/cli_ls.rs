//! `snapctl ls`.

use serde_json::json;

use crate::support::{Operation, TestEnv};

fn three() -> TestEnv {
    TestEnv::with_store(|store| {
        store.drive("ab1", "Beta", 3);
        store.drive("ab2", "Alpha", 5);
        store.document("c", "some/other", "Gamma", "main");
        store.sql(
            "INSERT INTO \"Keyframe\" (documentId, documentType, scope, branch, revision, document, createdAt)
             VALUES ('ab1', 'powerhouse/document-drive', 'global', 'main', 1, '{}', '2025-01-01T00:00:00.000Z')",
        );
    })
}

#[test]
fn documents_are_listed_by_id() {
    let env = three();
    let expected = "ab1  powerhouse/document-drive\nab2  powerhouse/document-drive\nc    some/other\n";
    assert_eq!(env.read(&["ls"]).ok(), expected);
    assert_eq!(env.read(&["ls", "ab2"]).ok(), "ab2  powerhouse/document-drive\n");
    let lines = env.read(&["ls", "--ndjson", "ab"]).lines();
    assert_eq!(lines[0], json!({ "document": "ab1", "documentType": "powerhouse/document-drive" }));
    assert_eq!(lines.len(), 2);
}

#[test]
fn details_come_with_l_and_a_document_without_model_spoils_nothing() {
    let env = three();
    let run = env.read(&["ls", "-l", "--json"]);
    let list = run.json();
    assert_eq!(
        list[0],
        json!({
            "document": "ab1", "documentType": "powerhouse/document-drive", "name": "Beta",
            "heads": [
                { "branch": "main", "scope": "document", "revision": 1 }, { "branch": "main", "scope": "global", "revision": 2 },
            ],
            "operations": 5, "keyframes": 1, "keyframeBytes": 2, "changedAt": "2025-01-01T00:12:00.000Z",
        })
    );
    assert_eq!(list[2]["name"], json!(null));
    assert!(run.stderr.starts_with("{\"warning\":\"the name of c is not known: "), "{}", run.stderr);
    let table = env.read(&["ls", "-l"]);
    let lines: Vec<&str> = table.ok().lines().collect();
    assert!(lines[0].starts_with("id ") && lines[0].ends_with("changed"));
    assert!(lines[1].contains("Beta") && lines[1].contains("document:1 global:2") && lines[3].contains(" ? "));
}

#[test]
fn the_list_is_filtered_and_sorted() {
    let env = three();
    let ids = |args: &[&str]| -> Vec<String> {
        let run = env.read(&[&["ls", "--ndjson", "-q"], args].concat());
        run.lines().iter().map(|line| line["document"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&["--type", "some/other"]), ["c"]);
    assert_eq!(ids(&["--scope", "global"]), ["ab1", "ab2"]);
    assert_eq!(ids(&["--changed-since", "2025-01-01T00:12:00Z"]), ["ab1", "ab2"]);
    assert_eq!(ids(&["--changed-since", "2025-01-01T00:12:01Z"]), ["ab2"]);
    assert_eq!(ids(&["--sort", "operations"]), ["ab2", "ab1", "c"]);
    assert_eq!(ids(&["--sort", "changed"]), ["ab2", "ab1", "c"]);
    assert_eq!(ids(&["--sort", "keyframes"]), ["ab1", "ab2", "c"]);
    assert_eq!(ids(&["--sort", "bytes"]), ["ab1", "ab2", "c"]);
    assert_eq!(ids(&["--sort", "name", "ab"]), ["ab2", "ab1"]);
    assert_eq!(ids(&["--sort", "type"]), ["ab1", "ab2", "c"]);
}

#[test]
fn nothing_is_an_answer_unless_something_was_asked_for() {
    let env = three();
    env.read(&["ls", "zz"]).fails(4);
    env.read(&["ls", "--type", "t"]).fails(4);
    let run = env.read(&["ls", "--json", "zz"]);
    assert_eq!((&run.error(4)["code"], &*run.stdout), (&json!("nothing-matched"), "[]\n"));
    let empty = TestEnv::with_store(|_| {});
    assert_eq!(empty.read(&["ls"]).ok(), "");
    assert_eq!(empty.read(&["ls", "--json"]).ok(), "[]\n");
}

#[test]
fn a_drive_is_shown_as_a_tree() {
    let env = TestEnv::with_store(|store| {
        store.drive("d1", "One", 2);
        let file = json!({ "id": "x", "name": "File\u{1b}", "documentType": "some/type", "parentFolder": "f0" });
        store.operation(&Operation::new(
            "d1",
            "global",
            2,
            "ADD_FILE",
            json!({ "id": "y", "name": "Top", "documentType": "t" }),
        ));
        store.operation(&Operation::new("d1", "global", 3, "SET_DRIVE_NAME", json!({ "name": "My drive" })));
        // A name with a control character is refused; the log records why.
        store.operation(&Operation { error: Some("no"), ..Operation::new("d1", "global", 4, "ADD_FILE", file) });
    });
    let tree = env.read(&["ls", "d1", "--tree"]);
    assert_eq!(tree.ok(), "My drive\n  Folder 0/\n    Folder 1/\n  Top  (t)\n");
    let value = env.read(&["ls", "d1", "--tree", "--json"]).json();
    assert_eq!((&value["document"], &value["name"]), (&json!("d1"), &json!("My drive")));
    assert_eq!(value["nodes"][0]["children"][0]["name"], "Folder 1");
    assert_eq!(
        value["nodes"][1],
        json!({ "id": "y", "name": "Top", "kind": "file", "documentType": "t", "problem": null, "children": [] })
    );
    assert_eq!(env.read(&["ls", "d1:0", "--tree"]).ok(), "d1\n  Folder 0/\n");
    env.read(&["ls", "nothing", "--tree"]).fails(4);
}

#[test]
fn a_slug_stands_for_its_document() {
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/drive.sqlite");
    let env = TestEnv::new();
    let by_slug = env.run(&["ls", "field-notes", "--store", fixture]);
    assert_eq!(by_slug.ok(), env.run(&["ls", "--store", fixture]).ok());
    assert_eq!(env.run(&["ls", "field-notes", "--type", "other", "--store", fixture]).status, 4);
    assert_eq!(env.run(&["ls", "field-note", "--store", fixture]).status, 4, "a slug is not begun");
}
