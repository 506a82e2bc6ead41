//! Logs as releases before 6.2.2 wrote them (reactor format §11): what can be replayed without guessing is, everything
//! else ends with an error that says what to do.

use serde_json::{Value, json};

use crate::support::{Operation, StoreFile, TestEnv};

/// A drive with folders, and what happened to it since.
fn drive(store: &StoreFile, document: &str, since: &[(&str, Value, u32)]) {
    store.drive(document, "One", 3);
    for (index, (kind, input, skip)) in (3..).zip(since) {
        let operation = Operation::new(document, "global", index, kind, input.clone());
        store.operation(&Operation { skip: *skip, ..operation });
    }
}

/// A store with a drive `d`, changed by `sql`.
fn changed(since: &[(&str, Value, u32)], sql: &str) -> TestEnv {
    TestEnv::with_store(|store| {
        drive(store, "d", since);
        store.sql(sql);
    })
}

fn add(id: &str) -> (&'static str, Value, u32) {
    ("ADD_FOLDER", json!({ "id": id, "name": id }), 0)
}

/// `UPDATE` of the action in a row of the document `d`.
fn edit(scope: &str, index: u32, json: &str) -> String {
    format!(
        r#"UPDATE "Operation" SET "action" = {json} WHERE "documentId" = 'd' AND "scope" = '{scope}' AND "index" = {index};"#
    )
}

/// What a client of releases before 6.0 left out.
fn unversioned() -> String {
    edit("document", 0, r#"json_remove("action", '$.input.protocolVersions')"#)
}

fn says_version(version: u32) -> String {
    edit("document", 0, &format!(r#"json_set("action", '$.input.protocolVersions."base-reducer"', {version})"#))
}

/// Rows on which the two base protocols disagree.
fn undone() -> [(&'static str, Value, u32); 4] {
    [add("x"), ("NOOP", json!({}), 2), add("y"), ("NOOP", json!({}), 1)]
}

fn names(env: &TestEnv, args: &[&str]) -> Vec<String> {
    let nodes = env.read(args).json()["nodes"].clone();
    nodes.as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_document_without_a_base_reducer_takes_an_assumption() {
    let env = changed(&undone(), &unversioned());
    let message = "Failed to rebuild document d: Document d carries no base-reducer protocol version";
    for args in
        [&["rebuild", "d"][..], &["rebuild", "d/global"], &["log", "-p", "d"], &["rebuild", "--as-reactor", "d/global"]]
    {
        let error = env.read(&[args, &["--ndjson"]].concat()).error(13);
        assert_eq!(
            (&error["code"], error["message"].as_str().unwrap().ends_with(message)),
            (&json!("no-base-reducer"), true)
        );
        let hint = error["hint"].as_str().unwrap();
        assert!(hint.starts_with("--assume-base-reducer 1 "), "{hint}");
    }
    // Nothing of these is applied.
    for target in ["d/document", "d/local", "d/global:initial"] {
        env.read(&["rebuild", target]).ok();
    }
    env.read(&["log", "d"]).ok();
    for version in [1, 2] {
        let said = changed(&undone(), &says_version(version));
        let assumed = version.to_string();
        for args in
            [&["rebuild", "d/global", "--state"][..], &["rebuild", "d", "--hash"], &["log", "-p", "d", "--ndjson"]]
        {
            let truth = said.read(args);
            let assuming = env.read(&[args, &["--assume-base-reducer", &assumed]].concat());
            // The rows are the same but for what the first one says.
            assert_eq!(assuming.ok(), truth.ok(), "{args:?}, {version}");
        }
        // What a document says itself counts.
        let other = (3 - version).to_string();
        let contrary = said.read(&["rebuild", "d/global", "--state", "--assume-base-reducer", &other]);
        assert_eq!(contrary.ok(), said.read(&["rebuild", "d/global", "--state"]).ok());
        // The answer does not claim that it was said.
        let header = env.read(&["rebuild", "d/global", "--assume-base-reducer", &assumed]).json()["header"].clone();
        assert_eq!(header.get("protocolVersions"), None);
    }
    let rebuilt = |version: &str| names(&env, &["rebuild", "d/global", "--state", "--assume-base-reducer", version]);
    assert_ne!(rebuilt("1"), rebuilt("2"));
    for version in ["0", "3", "v1"] {
        env.read(&["rebuild", "d/global", "--assume-base-reducer", version]).fails(2);
    }
}

#[test]
fn an_assumption_holds_for_every_line_of_a_batch() {
    let env = changed(&undone(), &unversioned());
    let lines = "{\"document\":\"d\",\"scope\":\"global\"}\n{\"document\":\"d\",\"scope\":\"global\",\"at\":2}\n";
    let refused = env.read_with_input(&["rebuild", "--batch"], lines);
    assert_eq!(refused.status, 1);
    assert!(refused.lines().iter().all(|line| line["error"]["code"] == "no-base-reducer"), "{refused:?}");
    let run = env.read_with_input(&["rebuild", "--batch", "--assume-base-reducer", "1"], lines);
    assert_eq!((run.status, run.lines().len()), (0, 2));
}

#[test]
fn inputs_of_older_releases_end_a_replay() {
    let old = [
        ("SET_NAME", json!("Two"), "bad-form", "invalid_union"),
        ("UNDO", json!(1), "history-action", "Maximum call stack size exceeded"),
        ("REDO", json!(1), "history-action", "Cannot redo: no operations in the clipboard"),
        (
            "PRUNE",
            json!({ "start": 0, "end": 1 }),
            "history-action",
            "Cannot read properties of undefined (reading 'auth')",
        ),
    ];
    for (kind, input, code, words) in old {
        let env = changed(&[add("x"), (kind, input, 0), add("y")], "");
        for args in [
            &["rebuild", "d/global"][..],
            &["rebuild", "d"],
            &["log", "-p", "d"],
            &["rebuild", "d/global", "--as-reactor"],
        ] {
            let error = env.read(&[args, &["--ndjson"]].concat()).error(13);
            let (message, hint) = (error["message"].as_str().unwrap(), error["hint"].as_str().unwrap());
            assert!(error["code"] == code && message.contains(words), "{error}");
            assert_eq!(hint, "`snapctl rebuild d/global:3` gives the state before it");
        }
        assert_eq!(names(&env, &["rebuild", "d/global:3", "--state"]), ["f0", "f1", "f2", "x"]);
    }
}

/// A keyframe of `global` at 3 with its whole history, as releases before 6.0 stored it; `next` is what its header says.
fn full_keyframe(env: &TestEnv, label: u32, next: u32) -> String {
    let answer = env.read(&["rebuild", "d/global:3"]).json();
    let mut header = answer["header"].clone();
    header["revision"]["global"] = json!(next);
    let operation = |index: u32| {
        json!({ "index": index, "skip": 0, "hash": "", "id": "random", "timestampUtcMs": "2025-01-01T00:10:00.000Z",
            "action": { "id": "a", "type": "ADD_FOLDER", "scope": "global", "timestampUtcMs": "",
                "input": { "id": format!("f{index}"), "name": "n" } } })
    };
    let mut state = answer["state"].clone();
    state["auth"] = json!({});
    let body = json!({ "header": header, "state": state, "initialState": { "auth": {} , "global": { "name": "", "nodes": [] } },
        "operations": { "global": [operation(0), operation(1), operation(2), operation(3)], "local": [] }, "clipboard": [] });
    format!(
        r#"INSERT INTO "Keyframe" VALUES (NULL, 'd', 'powerhouse/document-drive', 'global', 'main', {label}, '{}', '2025-01-01T00:10:00.000Z')"#,
        body.to_string().replace('\'', "''")
    )
}

#[test]
fn keyframes_with_a_whole_history_and_labels_of_all_conventions_are_read() {
    let rows = [add("x"), add("y"), add("z")];
    let truth = changed(&rows, "");
    // The label is the last index, or one more; or the header names the head of the store.
    for (label, next) in [(3, 4), (4, 4), (3, 6)] {
        let keyframe = full_keyframe(&truth, label, next);
        let env = changed(&rows, &keyframe);
        for args in [&["--trust", "any"][..], &["--as-reactor"], &[]] {
            let run = env.read(&[&["rebuild", "d/global:5", "--explain"], args].concat()).json();
            let used = run["explain"]["base"] == json!({ "kind": "keyframe", "revision": 3 });
            assert_eq!(used, !args.is_empty(), "{args:?}: {}", run["explain"]);
            let hash = &truth.read(&["rebuild", "d/global:5"]).json()["hash"]["global"];
            assert_eq!(run["hash"]["global"], *hash, "{args:?}");
        }
    }
}

#[test]
fn a_read_as_the_reference_does_it_has_the_history_that_the_keyframe_leaves() {
    let rows = [add("x"), add("y"), ("NOOP", json!({}), 1)];
    let truth = changed(&rows, "");
    let env = changed(&rows, &full_keyframe(&truth, 3, 4));
    assert_eq!(names(&env, &["rebuild", "d/global:5", "--state"]), ["f0", "f1", "f2", "x"]);
    // The operation at the label is all that is left to be replayed.
    assert_eq!(names(&env, &["rebuild", "d/global:5", "--state", "--as-reactor"]), ["x"]);
    // At head, and at operation 0, no keyframe is looked for.
    for target in ["d/global", "d/global:0", "d"] {
        let plain = env.read(&["rebuild", target]).json();
        assert_eq!(env.read(&["rebuild", target, "--as-reactor"]).json(), plain, "{target}");
    }
    for option in [&["--trust", "any"][..], &["--no-keyframes"]] {
        env.read(&[&["rebuild", "d/global:5", "--as-reactor"], option].concat()).fails(2);
    }
    let line = "{\"document\":\"d\",\"scope\":\"global\",\"at\":5}\n";
    let batch = env.read_with_input(&["rebuild", "--batch", "--as-reactor"], line).lines();
    assert_eq!(batch[0]["state"]["global"]["nodes"].as_array().unwrap().len(), 1);
}

#[test]
fn keyframes_that_the_reference_refuses_are_refused() {
    let rows = [add("x"), add("y")];
    let truth = changed(&rows, "");
    let keyframe = full_keyframe(&truth, 3, 4);
    let without =
        |member: &str| format!(r#"; UPDATE "Keyframe" SET "document" = json_remove("document", '$.header.{member}')"#);
    let corrupt = "Corrupt keyframe for document d at revision 3: header carries no";
    for (member, words) in [
        ("revision.global", format!("{corrupt} global revision")),
        ("revision.document", format!("{corrupt} document revision")),
        ("revision", "Cannot read properties of undefined (reading 'global')".to_owned()),
    ] {
        let env = changed(&rows, &(keyframe.clone() + &without(member)));
        let error = env.read(&["rebuild", "d/global:4", "--as-reactor", "--json"]).error(13);
        assert!(error["message"].as_str().unwrap().ends_with(&words), "{error}");
        env.read(&["rebuild", "d/global:4", "--trust", "any"]).ok();
    }
    let env = changed(&rows, &(keyframe + r#"; UPDATE "Keyframe" SET "document" = '{'"#));
    let error = env.read(&["rebuild", "d/global:4", "--as-reactor", "--json"]).error(13);
    assert_eq!(error["code"], "row-corrupt");
}

#[test]
fn what_older_releases_left_out_is_filled_in() {
    let truth = changed(&[add("x"), ("NOOP", json!({}), 1)], "");
    let hash = |env: &TestEnv, target: &str| env.read(&["rebuild", target]).json()["hash"].clone();
    for sql in [
        // No auth state before 6.2.2.
        edit("document", 1, r#"json_set("action", '$.input.initialState.auth', json('{}'))"#),
        edit("document", 1, r#"json_remove("action", '$.input.initialState.auth')"#),
        // The key of the snapshot was another one.
        edit(
            "document",
            1,
            r#"json_remove(json_set("action", '$.input.state', json_extract("action", '$.input.initialState')), '$.input.initialState')"#,
        ),
        // No denials, and ids that follow from nothing.
        r#"ALTER TABLE "Operation" DROP COLUMN "deniedReason";"#.to_owned(),
        r#"UPDATE "Operation" SET "opId" = lower(hex(randomblob(16))), "prevOpId" = '';"#.to_owned(),
        // Migration 019 gives actions without an id a new one.
        r#"UPDATE "Operation" SET "action" = json_set("action", '$.id', lower(hex(randomblob(16))));"#.to_owned(),
    ] {
        let env = changed(&[add("x"), ("NOOP", json!({}), 1)], &sql);
        for target in ["d", "d/global", "d/document", "d/global:3"] {
            assert_eq!(hash(&env, target), hash(&truth, target), "{target}: {sql}");
        }
    }
}

#[test]
fn an_operation_with_a_random_id_is_found_by_it() {
    let env =
        changed(&[add("x")], r#"UPDATE "Operation" SET "opId" = 'b7f1' WHERE "scope" = 'global' AND "index" = 1;"#);
    assert_eq!(names(&env, &["rebuild", "d/global:op:b7f1", "--state"]), ["f0", "f1"]);
}

#[test]
fn a_seed_to_version_0_is_served_by_version_1() {
    let seed = edit("document", 1, r#"json_set("action", '$.input.toVersion', 0)"#);
    let env = changed(&[add("x")], &seed);
    let answer = env.read(&["rebuild", "d/global"]).json();
    assert_eq!(answer["state"]["document"]["version"], 0);
    assert_eq!(answer["state"]["global"]["nodes"].as_array().unwrap().len(), 4);
    let truth = changed(&[add("x")], "");
    assert_eq!(answer["hash"]["global"], truth.read(&["rebuild", "d/global"]).json()["hash"]["global"]);
}

#[test]
fn a_file_is_added_whatever_it_was_synchronised_with() {
    let plain = json!({ "id": "n", "name": "n", "documentType": "t", "parentFolder": null });
    let mut old = plain.clone();
    old["synchronizationUnits"] = json!([{ "syncId": "1", "scope": "global", "branch": "main" }]);
    old["document"] = json!({ "state": {} });
    let answer =
        |input| changed(&[("ADD_FILE", input, 0)], "").read(&["rebuild", "d/global", "--state"]).ok().to_owned();
    assert_eq!(answer(old), answer(plain));
}
