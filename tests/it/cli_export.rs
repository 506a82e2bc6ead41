//! `snapctl export`.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Operation, TestEnv, dump};

fn two_drives() -> TestEnv {
    TestEnv::with_store(|store| {
        store.drive("d1", "One", 3);
        store.drive("d2", "Two", 2);
        store.operation(&Operation { branch: "b", ..Operation::new("d1", "global", 0, "SET", json!({})) });
        store.sql(
            r#"INSERT INTO "Keyframe" VALUES (7, 'd1', 'powerhouse/document-drive', 'global', 'main', 1, '{"a": 1}', '2025-01-01'),
            (8, 'lost', 'other', 'global', 'main', 0, '{}', '2025-01-01')"#,
        );
    })
}

/// `DOC/SCOPE@BRANCH:INDEX` of every line.
fn names(lines: &[Value]) -> Vec<String> {
    let name = |line: &Value| {
        let (row, at) = match line.get("keyframe") {
            Some(row) => (row, format!("k{}", row["revision"])),
            None => (line, line["index"].to_string()),
        };
        let text = |member: &str| row[member].as_str().unwrap().to_owned();
        format!("{}/{}@{}:{at}", text("documentId"), text("scope"), text("branch"))
    };
    lines.iter().map(name).collect()
}

fn exported(env: &TestEnv, args: &[&str]) -> Vec<String> {
    names(&env.read(&[&["export"], args].concat()).lines())
}

#[test]
fn rows_come_in_the_order_of_insertion_then_keyframes() {
    let env = two_drives();
    let document = |name: &str| [0, 1].map(|index| format!("{name}/document@main:{index}"));
    let global = |name: &str, n: u32| (0..n).map(|index| format!("{name}/global@main:{index}")).collect::<Vec<_>>();
    let expected = [
        document("d1").to_vec(),
        global("d1", 3),
        document("d2").to_vec(),
        global("d2", 2),
        vec!["d1/global@b:0".into(), "d1/global@main:k1".into(), "lost/global@main:k0".into()],
    ]
    .concat();
    assert_eq!(exported(&env, &[]), expected);
    assert_eq!(exported(&env, &["--ndjson"]), expected);
    assert_eq!(exported(&env, &["--no-keyframes"]), expected[..10]);
    let array = env.read(&["export", "--json"]).json();
    assert_eq!(names(array.as_array().unwrap()), expected);
}

#[test]
fn a_line_has_the_columns_in_their_order() {
    let env = two_drives();
    let lines = env.read(&["export", "d1/global:1..1"]);
    let lines: Vec<&str> = lines.ok().lines().collect();
    assert_eq!(
        lines[0],
        concat!(
            r#"{"documentId":"d1","documentType":"powerhouse/document-drive","scope":"global","branch":"main","index":1,"#,
            r#""opId":"d1.global.main.1","prevOpId":"d1.global.main.0","timestampUtcMs":"2025-01-01T00:11:00.000Z","#,
            r#""writeTimestampUtcMs":"2025-01-01T00:11:00.000Z","jobId":"job","skip":0,"hash":"","action":{"id":"d1-global-main-1","#,
            r#""input":{"id":"f1","name":"Folder 1","parentFolder":"f0"},"scope":"global","#,
            r#""timestampUtcMs":"2025-01-01T00:11:00.000Z","type":"ADD_FOLDER"}}"#
        )
    );
    assert_eq!(
        lines[1..],
        [concat!(
            r#"{"keyframe":{"documentId":"d1","documentType":"powerhouse/document-drive","scope":"global","branch":"main","#,
            r#""revision":1,"createdAt":"2025-01-01T00:00:00.000Z","document":{"a": 1}}}"#
        )]
    );
}

#[test]
fn targets_choose_documents_streams_and_ranges() {
    let env = two_drives();
    assert_eq!(exported(&env, &["d1"]).len(), 7, "all scopes and branches, and a keyframe");
    assert_eq!(exported(&env, &["slug-d1"]), exported(&env, &["d1"]));
    assert_eq!(exported(&env, &["d1@b"]), ["d1/global@b:0"]);
    let range = ["d1/global@main:1", "d1/global@main:2", "d1/global@main:k1"];
    assert_eq!(exported(&env, &["d1/global:1.."]), range);
    assert_eq!(exported(&env, &["d1/global:1..2", "d1/global:2..2"]), range);
    assert_eq!(exported(&env, &["d1/global:head~2"]), ["d1/global@main:0"]);
    assert_eq!(exported(&env, &["d1/global:@2025-01-01T00:10:30Z"]), ["d1/global@main:0"]);
    assert_eq!(exported(&env, &["d1/global:keyframe:1"]), ["d1/global@main:1", "d1/global@main:k1"]);
    assert!(exported(&env, &["d1/global:initial"]).is_empty());
    assert_eq!(exported(&env, &["d1", "--scope", "global", "--at", "0"]), ["d1/global@main:0"]);
    assert_eq!(exported(&env, &["--type", "other"]), ["lost/global@main:k0"]);
    let run = env.read(&["export", "d1:0"]);
    assert_eq!(
        (names(&run.lines()), run.stderr.as_str()),
        (vec!["d1/global@main:0".into()], "note: d1:0 names no scope; this is scope global\n")
    );
    assert!(env.read(&["export", "nothing"]).fails(4).contains("nothing"));
    assert!(env.read(&["export", "d1/global:1..9"]).fails(4).contains('9'));
    assert!(env.read(&["export", "d1:@2025-01-01T00:10:30Z"]).fails(2).contains("name a scope"));
}

#[test]
fn a_file_is_there_whole_and_never_replaced_unasked() {
    let env = two_drives();
    let lines = env.read(&["export"]).stdout;
    let answer = env.on_store(&["export", "--to", "out.ndjson", "--json"]).json();
    assert_eq!(answer, json!({ "file": "out.ndjson", "operations": 10, "keyframes": 2, "sizeBytes": lines.len() }));
    assert_eq!(std::fs::read_to_string(env.path("out.ndjson")).unwrap(), lines);
    let said = env.on_store(&["export", "d1", "--to", "out.ndjson"]);
    assert!(said.fails(15).contains("out.ndjson exists already\nhint: replace it with --force"), "{said:?}");
    assert_eq!(
        env.on_store(&["export", "d1@b", "--to", "out.ndjson", "--force"]).ok(),
        "1 operation and 0 keyframes in out.ndjson\n"
    );
    assert_eq!(std::fs::read_to_string(env.path("out.ndjson")).unwrap().lines().count(), 1);
    // What fails leaves the old file, and nothing beside it.
    rusqlite::Connection::open(env.path("ops.db"))
        .unwrap()
        .execute_batch(r#"UPDATE "Operation" SET "index" = 'x' WHERE "id" = 5"#)
        .unwrap();
    assert!(env.on_store(&["export", "--to", "out.ndjson", "--force"]).fails(13).contains("index"));
    assert_eq!(std::fs::read_to_string(env.path("out.ndjson")).unwrap().lines().count(), 1);
    let files: Vec<_> = std::fs::read_dir(env.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(env.on_store(&["export", "--to", "none/out.ndjson"]).fails(3).contains("cannot write none/out.ndjson"));
    assert!(env.on_store(&["export", "--to", "."]).status != 0);
}

#[test]
fn a_store_is_made_or_filled() {
    let env = two_drives();
    assert_eq!(env.on_store(&["export", "d1", "--to", "copy.sqlite"]).ok(), "6 operations and 1 keyframe added\n");
    let answer = env.on_store(&["export", "--to", "sqlite:copy.sqlite", "--json"]).json();
    assert_eq!(answer["operations"], json!({ "added": 4, "present": 6, "failed": 0 }));
    assert_eq!(dump(&env.path("copy.sqlite")).len(), 12);
    assert!(env.on_store(&["export", "--to", "ops.db"]).fails(2).contains("ops.db is the store itself"));
    rusqlite::Connection::open(env.path("copy.sqlite"))
        .unwrap()
        .execute_batch(r#"UPDATE "Operation" SET "opId" = 'another' WHERE "id" = 3"#)
        .unwrap();
    let error = env.on_store(&["export", "--to", "copy.sqlite", "--json"]).error(15);
    assert!(error["message"].as_str().unwrap().starts_with("ops.db, d1/global:0: operation 0 of d1/global"), "{error}");
}

#[test]
fn a_pipe_that_closes_early_ends_quietly() {
    let env = TestEnv::with_store(|store| {
        store.drive("d1", "One", 1000);
    });
    let mut child = Command::new(env!("CARGO_BIN_EXE_snapctl"))
        .args(["export", "--store"])
        .arg(env.path("ops.db"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with("{\"documentId\":\"d1\""));
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(141), ""));
}

#[test]
fn lines_never_take_the_place_of_a_database() {
    let env = two_drives();
    std::fs::copy(env.path("ops.db"), env.path("store.data")).unwrap();
    std::fs::copy(env.path("ops.db"), env.path("other.data")).unwrap();
    std::os::unix::fs::symlink("store.data", env.path("link.ndjson")).unwrap();
    std::fs::write(env.path("store.data-wal"), "").unwrap();
    let before = std::fs::read(env.path("store.data")).unwrap();
    for to in ["store.data", "./store.data", "link.ndjson", "other.data", "store.data-wal"] {
        let run = env.run(&["export", "--store", "store.data", "--force", "--to", to]);
        let said = run.fails(2);
        assert!(said.contains("belongs to a database"), "{to}: {said}");
    }
    assert_eq!(std::fs::read(env.path("store.data")).unwrap(), before);
    assert_eq!(std::fs::read(env.path("other.data")).unwrap(), before);
}

#[test]
fn what_was_asked_for_and_is_not_there_is_no_export() {
    let env = two_drives();
    for args in [&["d1/globl"][..], &["--type", "nope"], &["d1/globl", "--to", "out.ndjson"]] {
        let run = env.run(&[&["export", "--store", "ops.db"], args].concat());
        assert!(run.fails(4).contains("no rows that are asked for"), "{args:?}: {run:?}");
    }
    assert!(!env.path("out.ndjson").exists());
}

#[test]
fn what_a_killed_export_left_is_in_nobodys_way() {
    let env = two_drives();
    let left = env.path(".out.ndjson.1-0.partial");
    std::fs::write(&left, "half").unwrap();
    assert_eq!(env.run(&["export", "--store", "ops.db", "--to", "out.ndjson"]).status, 0);
    let names: Vec<_> = std::fs::read_dir(env.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.iter().filter(|name| name.to_string_lossy().ends_with(".partial")).count(), 1, "{names:?}");
}
