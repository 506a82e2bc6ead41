//! Archives in and out: `export --to FILE.phd`, `import FILE.phd`, `--store FILE.phd` and `rebuild --loader`.

use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};
use snapctl::model::ids::{DocumentId, Span, StreamKey};
use snapctl::store::archive::ArchiveStore;
use snapctl::store::memory::MemoryStore;
use snapctl::store::{Flow, Options, Order, Part, Read, Selection, Serial, Store as _};

use crate::support::archives::{archive_of, drive_archive, folder, header, operation, state, text_of};
use crate::support::{Operation, TestEnv};

/// Every document of the fixtures, with its store.
const DOCUMENTS: [(&str, &str); 7] = [
    ("drive", "field-notes"),
    ("notes", "reading-list"),
    ("notes", "profile"),
    ("notes", "thermostat"),
    ("undo", "sketchbook"),
    ("undo", "old-sketchbook"),
    ("upgrade", "expo"),
];

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// An environment with the fixtures' stores and settings.
fn fixtures() -> TestEnv {
    let env = TestEnv::new();
    for name in ["drive.sqlite", "notes.sqlite", "undo.sqlite", "upgrade.sqlite", "snapctl.toml"] {
        std::fs::copy(fixture(name), env.path(name)).unwrap();
    }
    env
}

/// An environment with an archive in `d.phd`.
fn with_archive(bytes: &[u8]) -> TestEnv {
    let env = TestEnv::new();
    std::fs::write(env.path("d.phd"), bytes).unwrap();
    env
}

/// What an archive keeps of the operations of a document on branch main.
fn operations(path: &Path, document: &str) -> Vec<Vec<rusqlite::types::Value>> {
    let store = Connection::open(path).unwrap();
    let sql = r#"SELECT "documentId", "documentType", "scope", "branch", "index", "opId", "prevOpId", "timestampUtcMs", "skip",
        "hash", nullif("error", ''), nullif("deniedReason", ''), "action" FROM "Operation"
        WHERE "documentId" = ? AND "branch" = 'main' ORDER BY "scope", "index""#;
    let mut statement = store.prepare(sql).unwrap();
    let rows = statement.query_map([document], |row| (0..13).map(|column| row.get(column)).collect()).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn an_export_imports_as_the_same_operations() {
    let env = fixtures();
    for (store, document) in DOCUMENTS {
        let (from, file, to) = (format!("{store}.sqlite"), format!("{document}.phd"), format!("{document}.sqlite"));
        let answer = env.run(&["-s", &from, "export", document, "--to", &file, "--json"]).json();
        let n = answer["operations"].as_u64().unwrap();
        assert_eq!(answer["sizeBytes"], std::fs::metadata(env.path(&file)).unwrap().len());
        let imported = env.run(&["-s", &to, "import", "--init", &file]);
        assert_eq!((imported.ok(), &*imported.stderr), (&*format!("{n} operations and 0 keyframes added\n"), ""));
        let again = env.run(&["-s", &to, "import", &file]);
        assert_eq!(again.ok(), format!("0 operations and 0 keyframes added, {n} there already\n"));
        let id = env.run(&["-s", &to, "ls", "--jq", ".[].document"]).ok().trim_end().to_owned();
        let (before, after) = (operations(&env.path(&from), &id), operations(&env.path(&to), &id));
        assert_eq!(before.len() as u64, n);
        assert_eq!(before, after, "{document}");
        // And what is made of them is the same, from all three.
        let rebuilt = |store: &str| env.run(&["-s", store, "rebuild", document, "--no-keyframes"]).json();
        let expected = rebuilt(&from);
        for store in [&to, &file] {
            assert_eq!(rebuilt(store), expected, "{store}");
        }
        assert_eq!(
            serde_json::from_str::<Value>(&text_of(&std::fs::read(env.path(&file)).unwrap(), "current-state.json"))
                .unwrap(),
            expected["state"]
        );
    }
}

#[test]
fn an_archive_reads_as_a_store() {
    let env = fixtures();
    env.run(&["-s", "undo.sqlite", "export", "sketchbook", "--to", "sketchbook.phd", "-q"]).ok();
    for args in [
        &["log", "sketchbook", "--json"][..],
        &["log", "sketchbook/global", "-p"],
        &["log", "sketchbook/global:3", "--ndjson"],
        &["rebuild", "sketchbook/global:9", "--trust", "any"],
        &["rebuild", "sketchbook:@2025-05-01T08:09:30Z"],
        &["rebuild", "sketchbook/global", "--state"],
        &["ls", "sketchbook", "--tree"],
    ] {
        let [file, store] = ["sketchbook.phd", "undo.sqlite"].map(|store| env.run(&[&["-s", store], args].concat()));
        assert_eq!((file.ok(), &file.stderr), (store.ok(), &store.stderr), "{args:?}");
    }
    let row = &env.run(&["-s", "sketchbook.phd", "ls", "-l", "--json"]).json()[0];
    assert_eq!((&row["name"], &row["operations"]), (&json!("Sketchbook, wild"), &json!(19)), "{row}");
    let info = env.run(&["-s", "phd:sketchbook.phd", "store", "info", "--json"]).json();
    assert_eq!((&info["operations"], &info["keyframes"]), (&json!(19), &json!(0)));
    assert_eq!(info["capabilities"]["append"], false);
    let info = env.run(&["-s", "sketchbook.phd", "store", "info"]);
    assert!(info.ok().contains("none: it is read-only"), "{info:?}");
    let exported = env.run(&["-s", "sketchbook.phd", "export", "--to", "copy.sqlite"]);
    assert_eq!(exported.ok(), "19 operations and 0 keyframes added\n");
    // All of these endings are known, in any case.
    let bytes = std::fs::read(env.path("sketchbook.phd")).unwrap();
    for name in ["a.phdm.phd", "a.PHDD", "a.phdm", "a.zip"] {
        std::fs::write(env.path(name), &bytes).unwrap();
        assert_eq!(env.run(&["-s", name, "ls", "--json"]).json().as_array().unwrap().len(), 1, "{name}");
    }
}

#[test]
fn the_same_document_gives_the_same_bytes() {
    let env = fixtures();
    let export = |to: &str, more: &[&str]| {
        env.run(&[&["-s", "drive.sqlite", "export", "field-notes", "--to", to], more].concat())
    };
    assert_eq!(export("a.phd", &[]).ok(), "28 operations and 0 keyframes in a.phd\n");
    export("b.zip", &["--no-keyframes"]).ok();
    let bytes = std::fs::read(env.path("a.phd")).unwrap();
    assert!(bytes == std::fs::read(env.path("b.zip")).unwrap());
    assert!(bytes == std::fs::read(fixture("field-notes.phd")).unwrap(), "fixtures/field-notes.phd is another");
    // From itself, too.
    env.run(&["-s", "a.phd", "export", "field-notes", "--to", "c.phd"]).ok();
    assert!(bytes == std::fs::read(env.path("c.phd")).unwrap());
    let state = text_of(&bytes, "state.json");
    assert!(state.starts_with("{\n  \"auth\": {\n    \"grants\": [],\n    \"version\": 0\n  },\n"), "{state}");
    let operations = text_of(&bytes, "operations.json");
    let expected = "{\n  \"document\": [\n    {\n      \"id\": \"fc33a39b15b136c60e11b9c3d380767e\",\n      \"index\": 0,\n      \"skip\": 0,\n";
    assert!(operations.starts_with(expected), "{operations}");
    assert!(operations.ends_with("\n      }\n    }\n  ]\n}"), "{operations}");
}

#[test]
fn a_file_is_replaced_only_when_that_is_said_and_whole() {
    let env = fixtures();
    let export = |more: &[&str]| env.run(&[&["-s", "drive.sqlite", "export", "--to", "a.phd"], more].concat());
    export(&["field-notes"]).ok();
    let bytes = std::fs::read(env.path("a.phd")).unwrap();
    assert!(export(&["field-notes"]).fails(15).contains("a.phd exists already\nhint: replace it with --force"));
    // What fails leaves the old file, and nothing beside it.
    Connection::open(env.path("drive.sqlite"))
        .unwrap()
        .execute_batch(r#"UPDATE "Operation" SET "action" = 'x' WHERE "scope" = 'local' AND "index" = 1"#)
        .unwrap();
    assert!(export(&["field-notes", "--force"]).fails(13).contains("action"));
    assert!(bytes == std::fs::read(env.path("a.phd")).unwrap());
    let left = std::fs::read_dir(env.path(".")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!left.into_iter().any(|name| name.contains("partial")));
    assert!(env.run(&["-s", "undo.sqlite", "export", "sketchbook", "--to", "a.phd", "--force"]).status == 0);
    assert!(bytes != std::fs::read(env.path("a.phd")).unwrap());
    // An archive does not take the place of a database either.
    std::fs::copy(env.path("notes.sqlite"), env.path("notes.zip")).unwrap();
    let run = env.run(&["-s", "undo.sqlite", "export", "sketchbook", "--to", "notes.zip", "--force"]);
    assert!(run.fails(2).contains("belongs to a database, which an archive does not replace"), "{run:?}");
    let run = env.run(&["-s", "a.phd", "export", "sketchbook", "--to", "./a.phd", "--force"]);
    assert!(run.fails(2).contains("./a.phd is the store itself"), "{run:?}");
    let run = env.run(&["-s", "b.sqlite", "import", "--init", "notes.zip"]);
    assert!(run.ok().starts_with("24 operations"), "a database by another name: {run:?}");
}

#[test]
fn an_archive_holds_one_document_whole() {
    let env = TestEnv::with_store(|store| {
        store.drive("d1", "One", 2);
        store.drive("d2", "Two", 1);
        store.operation(&Operation { branch: "b", ..Operation::new("d1", "global", 0, "SET", json!({})) });
        store.document("d3", "some/type", "Three", "main");
    });
    for args in [&[][..], &["d1", "d2"], &["d1/global"], &["d1/global:0"], &["d1/global:0..1"]] {
        let run = env.on_store(&[&["export", "--to", "a.phd"], args].concat());
        assert!(run.fails(2).contains("a.phd is an archive, which holds one document, whole"), "{args:?}: {run:?}");
    }
    assert!(env.on_store(&["export", "d1", "--to", "a.phd", "--type", "x"]).fails(2).contains("--type"));
    assert!(env.on_store(&["export", "none", "--to", "a.phd"]).fails(4).contains("no document \"none\""));
    assert!(env.on_store(&["export", "d3", "--to", "a.phd"]).fails(14).contains("some/type"));
    assert!(!env.path("a.phd").exists());
    let run = env.on_store(&["export", "d1", "--to", "a.phd"]);
    assert_eq!(run.ok(), "4 operations and 0 keyframes in a.phd\n");
    assert_eq!(run.stderr, "warning: an archive holds one branch: only branch main is in a.phd\n");
    assert_eq!(env.on_store(&["export", "d1@main", "--to", "b.phd"]).stderr, "");
}

#[test]
fn an_old_file_gets_the_operations_that_a_store_needs() {
    let bytes = drive_archive(&[folder(0, 0), folder(1, 0)]);
    let env = with_archive(&bytes);
    std::fs::write(env.path("no-ending"), &bytes).unwrap();
    let import = |source: &str| env.run(&["-s", "a.sqlite", "import", "--init", source]);
    let run = import("d.phd");
    assert_eq!(run.ok(), "4 operations and 0 keyframes added\n");
    assert_eq!(
        run.stderr,
        "note: d.phd has no operations of scope document; CREATE_DOCUMENT and UPGRADE_DOCUMENT are made of its header.json and \
         state.json\n"
    );
    // Known by what it begins with, and the same rows again.
    assert_eq!(import("no-ending").ok(), "0 operations and 0 keyframes added, 4 there already\n");
    let info = env.run(&["-s", "d.phd", "store", "info", "--json"]).json();
    assert_eq!(info["details"], json!({ "madeUpOperations": 2 }));
    let rebuilt = env.run(&["-s", "a.sqlite", "rebuild", "slug-d"]).json();
    assert_eq!(rebuilt["header"]["name"], "Old");
    assert_eq!(rebuilt["header"]["createdAtUtcIso"], "2025-01-01T00:00:00.000Z");
    let loaded = env.run(&["-s", "d.phd", "rebuild", "d", "--loader", "versioned"]).json();
    assert_eq!(rebuilt["state"]["global"], loaded["state"]["global"]);
    assert_eq!(rebuilt["state"]["global"]["nodes"].as_array().unwrap().len(), 2);
    // Its own operations of that scope are taken as they are.
    let export = env.run(&["-s", "a.sqlite", "export", "d", "--to", "new.phd"]);
    assert_eq!((export.ok(), &*export.stderr), ("4 operations and 0 keyframes in new.phd\n", ""));
    let run = env.run(&["-s", "b.sqlite", "import", "--init", "new.phd"]);
    assert_eq!((run.ok(), &*run.stderr), ("4 operations and 0 keyframes added\n", ""));
    // A part of it, for a store that has a creation of its own.
    let run = env.run(&["-s", "c.sqlite", "import", "--init", "d.phd", "--only", "d/global"]);
    assert_eq!(run.ok(), "2 operations and 0 keyframes added\n");
}

#[test]
fn a_document_that_nothing_created_stays_so() {
    let env = fixtures();
    env.run(&["-s", "notes.sqlite", "export", "reading-list", "--to", "reading-list.phd"]).ok();
    let bytes = std::fs::read(env.path("reading-list.phd")).unwrap();
    let header: Value = serde_json::from_str(&text_of(&bytes, "header.json")).unwrap();
    assert!(header.get("sig").is_none(), "{header}");
    let state: Value = serde_json::from_str(&text_of(&bytes, "state.json")).unwrap();
    assert_eq!((&state["global"], &state["local"]), (&json!({}), &json!({})), "{state}");
    let run = env.run(&["-s", "a.sqlite", "import", "--init", "reading-list.phd"]);
    assert_eq!((run.ok(), &*run.stderr), ("12 operations and 0 keyframes added\n", ""));
    let [file, store] = [
        &["-s", "reading-list.phd", "rebuild", "reading-list", "--loader", "plain"][..],
        &["-s", "notes.sqlite", "rebuild", "reading-list"],
    ]
    .map(|args| env.run(args).json());
    assert_eq!(file["state"]["global"], store["state"]["global"]);
}

#[test]
fn what_others_have_dropped_leaves_gaps_that_no_store_takes() {
    let noop = operation(3, 2, "NOOP", &json!({}));
    let env = with_archive(&drive_archive(&[folder(0, 0), noop]));
    let run = env.run(&["-s", "d.phd", "rebuild", "d/global"]);
    let gap = "warning: d/global has no operation 1: the log has a gap\n";
    assert_eq!((run.status, &*run.stderr), (0, gap));
    assert!(env.run(&["-s", "d.phd", "export", "d", "--to", "e.phd"]).stderr.contains(gap));
    let run = env.run(&["-s", "a.sqlite", "import", "--init", "d.phd"]);
    let said = run.fails(15);
    assert!(
        said.contains("error: d.phd, d/global:3: operation 3 of d/global does not fit: the last operation is 0"),
        "{said}"
    );
    assert!(said.contains("nothing was added; --store d.phd reads the file as it is"), "{said}");
    assert_eq!(env.run(&["-s", "d.phd", "rebuild", "d", "--loader", "plain"]).status, 0);
}

#[test]
fn of_two_operations_with_one_index_the_later_counts() {
    let env = with_archive(&drive_archive(&[folder(0, 0), folder(1, 0), folder(1, 1)]));
    let run = env.run(&["-s", "a.sqlite", "import", "--init", "d.phd"]);
    assert_eq!(run.ok(), "4 operations and 0 keyframes added\n");
    assert!(run.stderr.ends_with("note: 1 operation of d.phd left out: later ones have their indices\n"), "{run:?}");
    let ids = env.run(&["-s", "d.phd", "log", "d/global", "--jq", ".[].id"]);
    assert_eq!(ids.ok(), "op-0-0\nop-1-1\n");
}

#[test]
fn an_archive_is_only_read() {
    let env = with_archive(&drive_archive(&[folder(0, 0)]));
    std::fs::copy(fixture("drive.sqlite"), env.path("drive.sqlite")).unwrap();
    let before = std::fs::read(env.path("d.phd")).unwrap();
    let said = env.run(&["-s", "d.phd", "import", "drive.sqlite"]);
    let expected = "error: d.phd is read-only\nhint: `snapctl import d.phd --init --store FILE` makes a store of it\n";
    assert_eq!(said.fails(3), expected);
    for args in [&["-s", "d.phd", "import", "--init", "drive.sqlite"][..], &["-s", "new.phd", "store", "init"]] {
        assert!(env.run(args).fails(2).contains("an archive is no store to fill"), "{args:?}");
    }
    assert!(env.run(&["-s", "phd://host/d.phd", "ls"]).fails(2).contains("a file has no host; write phd:PATH"));
    assert!(
        env.run(&["-s", "phd:d.phd?busy-timeout-ms=1", "ls"]).fails(2).contains("phd has no option busy-timeout-ms")
    );
    assert!(env.run(&["-s", "e.phd", "ls"]).fails(10).contains("e.phd: no such store"));
    assert!(before == std::fs::read(env.path("d.phd")).unwrap());
    assert!(!env.path("new.phd").exists());
    // As a setting, it is beside the settings.
    std::fs::create_dir(env.path("sub")).unwrap();
    std::fs::write(env.path("snapctl.toml"), "[store]\nurl = \"phd:d.phd\"\n").unwrap();
    let mut command = env.snapctl(&["ls", "--jq", ".[].document"]);
    assert_eq!(crate::support::Run::of(command.current_dir(env.path("sub"))).ok(), "d\n");
}

/// What differs between a rebuild and a loader, of one file: the states of scopes, and the name.
fn loaded(env: &TestEnv, loader: &str) -> Value {
    env.run(&["-s", "d.phd", "rebuild", "d", "--loader", loader]).json()
}

fn folders(answer: &Value) -> Vec<&str> {
    answer["state"]["global"]["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap()).collect()
}

/// A file with a document scope, to which `more` is added, and these operations in scope global.
fn seeded(more: &[Value], global: &[Value]) -> TestEnv {
    let action = |index: usize, kind: &str, input: Value| {
        let time = format!("2025-01-01T00:00:0{index}.000Z");
        let action = json!({ "id": format!("s{index}"), "type": kind, "scope": "document", "timestampUtcMs": time, "input": input });
        json!({ "index": index, "skip": 0, "hash": "", "timestampUtcMs": time, "action": action })
    };
    let create =
        json!({ "model": "powerhouse/document-drive", "documentId": "d", "protocolVersions": { "base-reducer": 2 } });
    let upgrade = json!({ "fromVersion": 0, "toVersion": 1, "initialState": state() });
    let mut document = vec![action(0, "CREATE_DOCUMENT", create), action(1, "UPGRADE_DOCUMENT", upgrade)];
    for (n, kind) in more.iter().enumerate() {
        document.push(action(n + 2, kind.as_str().unwrap(), json!({ "sourceId": "d", "targetId": "e" })));
    }
    let operations = json!({ "document": document, "global": global });
    with_archive(&archive_of(&header().to_string(), &state().to_string(), &operations.to_string()))
}

/// The table of differences in reactor format §9.
#[test]
fn loaders_differ_from_a_rebuild_where_the_reference_does() {
    let undo = |index| operation(index, 1, "NOOP", &json!({}));
    let three = [folder(0, 0), folder(1, 0), folder(2, 0)];
    let rebuilt = |env: &TestEnv| env.run(&["-s", "d.phd", "rebuild", "d"]).json();

    // One undo: it is collected first, then takes another one away.
    let env = seeded(&[], &[&three[..], &[undo(3)]].concat());
    assert_eq!(folders(&rebuilt(&env)), ["f0", "f1"]);
    for loader in ["plain", "versioned"] {
        let answer = loaded(&env, loader);
        assert_eq!((folders(&answer), &answer["header"]["revision"]["global"]), (vec!["f0"], &json!(1)), "{loader}");
    }
    // Two undos: the first is itself collected.
    let env = seeded(&[], &[&three[..], &[undo(3), undo(4)]].concat());
    assert_eq!(folders(&rebuilt(&env)), ["f0"]);
    assert_eq!(folders(&loaded(&env, "plain")), ["f0", "f1"]);
    assert_eq!(folders(&loaded(&env, "versioned")), ["f0", "f1"]);
    // The version stays as it is in the file.
    let version = |answer: &Value| answer["state"]["document"]["version"].clone();
    assert_eq!(
        [rebuilt(&env), loaded(&env, "plain"), loaded(&env, "versioned")].map(|answer| version(&answer)),
        [1, 0, 0]
    );
    // A deletion.
    let env = seeded(&[json!("DELETE_DOCUMENT")], &three);
    let deleted = |answer: &Value| answer["state"]["document"]["isDeleted"] == true;
    assert_eq!(
        [rebuilt(&env), loaded(&env, "plain"), loaded(&env, "versioned")].map(|answer| deleted(&answer)),
        [true, false, true]
    );
    // An ordinary skip: collected beforehand here, replayed there; the answer is the same.
    let env = seeded(&[], &[&three[..], &[folder(3, 2)]].concat());
    for answer in [rebuilt(&env), loaded(&env, "plain"), loaded(&env, "versioned")] {
        assert_eq!(folders(&answer), ["f0", "f3"]);
    }
    // A name.
    let env = seeded(&[], &[operation(0, 0, "SET_NAME", &json!({ "name": "New" }))]);
    let name = |answer: Value| answer["header"]["name"].clone();
    assert_eq!([rebuilt(&env), loaded(&env, "plain"), loaded(&env, "versioned")].map(name), ["New", "Old", "New"]);
    // Operations that failed are run again, those that were denied never.
    let with = |mut operation: Value, member: &str| {
        operation[member] = json!("no");
        operation
    };
    let env = seeded(&[], &[with(folder(0, 0), "error"), with(folder(1, 0), "deniedReason"), folder(2, 0)]);
    for answer in [rebuilt(&env), loaded(&env, "plain"), loaded(&env, "versioned")] {
        assert_eq!(folders(&answer), ["f0", "f2"]);
    }
    // A relationship is not for the version-aware one.
    let env = seeded(&[json!("ADD_RELATIONSHIP")], &three);
    assert_eq!(
        (folders(&rebuilt(&env)), folders(&loaded(&env, "plain"))),
        (vec!["f0", "f1", "f2"], vec!["f0", "f1", "f2"])
    );
    let run = env.run(&["-s", "d.phd", "rebuild", "d", "--loader", "versioned", "--json"]);
    let error = run.error(13);
    assert_eq!(error["code"], "unloadable");
    assert_eq!(
        error["message"],
        "the versioned loader refuses document d: Missing operations: expected 0 with skip 0 or equivalent, got index 2 with \
         skip 0"
    );
}

#[test]
fn an_undo_goes_back_over_other_scopes_too() {
    // What a second undo leaves of scope local is replayed with the rest of the document.
    let mut local = operation(0, 0, "SET_SHARING_TYPE", &json!({ "type": "PUBLIC" }));
    local["action"]["scope"] = json!("local");
    let operations = json!({
        "local": [local],
        "global": [folder(0, 0), folder(1, 0), operation(2, 1, "NOOP", &json!({})), folder(3, 0)],
    });
    let env = with_archive(&archive_of(&header().to_string(), &state().to_string(), &operations.to_string()));
    for loader in ["plain", "versioned"] {
        let answer = loaded(&env, loader);
        assert_eq!(folders(&answer), ["f3"], "{loader}: collected once, undone once");
        assert_eq!(answer["state"]["local"]["sharingType"], "PUBLIC");
        assert_eq!(answer["header"]["revision"], json!({ "global": 4, "local": 1 }));
    }
}

#[test]
fn a_loader_answers_in_every_form_of_a_rebuild() {
    let env = with_archive(&drive_archive(&[folder(0, 0)]));
    let run = |args: &[&str]| env.run(&[&["-s", "d.phd", "rebuild", "--loader", "plain"], args].concat());
    let answer = run(&["d", "--explain"]).json();
    assert_eq!(answer["target"], json!({ "document": "d", "scope": null, "branch": "main" }));
    assert_eq!((&answer["revision"], &answer["explain"]["operationsApplied"]), (&json!({ "global": 0 }), &json!(1)));
    let answer = run(&["slug-d/local"]).json();
    assert_eq!((&answer["target"]["scope"], &answer["revision"]), (&json!("local"), &json!({ "local": null })));
    assert_eq!(run(&["d/global", "--pointer", "/nodes/0/id"]).json(), "f0");
    assert_eq!(run(&["d/global", "--hash"]).ok().lines().count(), 1);
    assert_eq!(run(&["d", "d/global"]).json().as_array().unwrap().len(), 2);
    assert!(run(&["d/global:0"]).fails(2).contains("a loader returns the document as of its last operation"));
    assert!(run(&["--batch"]).fails(2).contains("cannot be used with"));
    assert!(run(&["x"]).fails(4).contains("no document \"x\""));
    let checked = env.run(&["-s", "d.phd", "rebuild", "d", "--loader", "checked"]);
    assert!(checked.fails(13).contains("Hash mismatch on document d, scope global, index 0"), "{checked:?}");
    std::fs::copy(fixture("drive.sqlite"), env.path("drive.sqlite")).unwrap();
    let run = env.run(&["-s", "drive.sqlite", "rebuild", "field-notes", "--loader", "plain"]);
    assert!(run.fails(2).contains("--loader reads archives, and drive.sqlite is another store"), "{run:?}");
}

#[test]
fn an_export_says_what_the_loaders_will_make_of_it() {
    let env = fixtures();
    let run = env.run(&["-s", "undo.sqlite", "export", "sketchbook", "--to", "a.phd"]);
    assert_eq!(run.status, 0);
    for loader in ["plain", "versioned"] {
        let said = format!("warning: the {loader} loader makes another state of a.phd, in scope global: undos");
        assert!(run.stderr.contains(&said), "{run:?}");
    }
    let run = env.run(&["-s", "upgrade.sqlite", "export", "expo", "--to", "b.phd"]);
    assert!(run.stderr.contains("warning: the versioned loader refuses document"), "{run:?}");
    assert!(run.stderr.contains("Missing operations: expected 0 with skip 0 or equivalent, got index 2"), "{run:?}");
}

/// Everything that can be read of a document.
fn everything(read: &dyn Read, document: &DocumentId) -> Vec<String> {
    let mut all = Vec::new();
    let go_on = || Flow::Continue(());
    read.documents("", &mut |entry| {
        all.push(format!("{entry:?}"));
        go_on()
    })
    .unwrap();
    let streams = read.streams(document).unwrap();
    for head in &streams {
        all.push(format!("{head:?}"));
        let stream = StreamKey { document: document.clone(), scope: head.scope.clone(), branch: head.branch.clone() };
        let mut ids = Vec::new();
        for order in [Order::Forward, Order::Backward] {
            read.operations(&stream, Span::ALL, order, &mut |row| {
                all.push(format!("{row:?}"));
                ids.push(row.id.to_owned());
                go_on()
            })
            .unwrap();
        }
        for id in ids {
            let found = read.find_operation(document, &head.branch, Some(&head.scope), &(*id).into()).unwrap();
            all.push(format!("{found:?}"));
        }
        let span = Span { from: head.head.last().next(), through: None };
        all.push(format!("{:?}", read.skips(&stream, Span::ALL).unwrap()));
        all.push(format!("{:?} {:?}", read.newest_time(&stream, Span::ALL), read.newest_time(&stream, span)));
        all.push(format!("{:?}", read.nearest_keyframe(&stream, head.head).unwrap()));
    }
    let part = Part { document: document.clone(), scope: None, branch: None, span: Span::ALL };
    for selection in [Selection::default(), Selection { parts: vec![part], document_type: None }] {
        read.inserted_operations(&selection, Serial::START, &mut |row| {
            all.push(format!("{row:?}"));
            go_on()
        })
        .unwrap();
    }
    let info = read.info().unwrap();
    all.push(format!("{} {} {}", info.documents, info.operations, info.keyframes));
    all
}

/// An archive is read as the store is that its rows are put into: [`crate::store_conformance`] says what that promises.
#[test]
fn an_archive_keeps_the_contract_of_a_reader() {
    use snapctl::model::progress::Silent;
    use snapctl::transfer::{Commit, ImportOptions, Importer, Keyframes, OnFailure};
    let env = fixtures();
    for (store, document) in DOCUMENTS {
        let file = format!("{document}.phd");
        env.run(&["-s", &format!("{store}.sqlite"), "export", document, "--to", &file, "-q"]).ok();
        let bytes = std::fs::read(env.path(&file)).unwrap();
        let archive = ArchiveStore::from_bytes(file.clone(), &bytes).unwrap();
        let copy = MemoryStore::default();
        let options = ImportOptions {
            selection: Selection::default(),
            keyframes: Keyframes::Take,
            commit: Commit::Once,
            on_failure: OnFailure::Stop,
        };
        let mut warn = |_: &_| ();
        let mut importer = Importer::new(&copy, &options, &Silent, &mut warn);
        importer.rows_of(&archive).unwrap();
        importer.finish().unwrap();
        let id = &archive.contents().document;
        let (read, of_copy) = (archive.read().unwrap(), copy.read().unwrap());
        assert_eq!(everything(&*read, id), everything(&*of_copy, id), "{document}");
        // The same content has one name, whoever reads it.
        let again = ArchiveStore::from_bytes("elsewhere".into(), &bytes).unwrap();
        assert_eq!(read.stamp().unwrap(), again.read().unwrap().stamp().unwrap());
        assert_ne!(read.stamp().unwrap(), of_copy.stamp().unwrap());
        assert!(matches!(archive.write().err(), Some(snapctl::store::StoreError::ReadOnly { .. })));
        read.finish().unwrap();
    }
    let missing = snapctl::store::archive::open(Path::new("/none/a.phd"), &Options::default());
    assert!(matches!(missing.err(), Some(snapctl::store::StoreError::Missing { .. })));
}
