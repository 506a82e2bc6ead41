//! Stores and rows that cannot be read: each with its exit code, a message that names what and where, nothing printed,
//! nothing written.

use serde_json::{Value, json};

use crate::support::{Operation, StoreFile, TestEnv};

/// What every reading command says about `ops.db`.
fn each_command(env: &TestEnv, status: i32, about: &[&str]) {
    for args in [&["ls"][..], &["log", "d1/global"], &["rebuild", "d1"], &["store", "info"]] {
        let run = env.read(args);
        let said = run.fails(status);
        assert!(said.starts_with("error: "), "{args:?}: {said}");
        for words in about {
            assert!(said.contains(words), "{args:?}: {said}");
        }
    }
}

fn with_file(bytes: &[u8]) -> TestEnv {
    let env = TestEnv::new();
    std::fs::write(env.path("ops.db"), bytes).unwrap();
    env
}

fn one_drive_but(sql: &str) -> TestEnv {
    TestEnv::with_store(|store| {
        store.drive("d1", "One", 3);
        store.sql(sql);
    })
}

#[test]
fn a_missing_file() {
    each_command(&TestEnv::new(), 10, &["ops.db", "no such store"]);
}

#[test]
fn a_directory() {
    let env = TestEnv::new();
    std::fs::create_dir(env.path("ops.db")).unwrap();
    each_command(&env, 10, &["ops.db is not a store"]);
}

#[test]
fn an_empty_file() {
    each_command(&with_file(b""), 10, &["ops.db is not a store"]);
}

#[test]
fn a_text_file() {
    each_command(&with_file(&b"some notes that are no database at all\n".repeat(99)), 10, &["ops.db is not a store"]);
}

#[test]
fn a_sqlite_file_without_the_tables() {
    let env = TestEnv::new();
    let file = rusqlite::Connection::open(env.path("ops.db")).unwrap();
    file.execute_batch("CREATE TABLE notes (text TEXT)").unwrap();
    let run = env.read(&["ls"]);
    assert!(matches!(run.status, 10 | 12), "{run:?}");
    assert!(run.fails(run.status).contains("Operation"), "{run:?}");
}

#[test]
fn a_column_of_the_wrong_type() {
    let env = one_drive_but("UPDATE \"Operation\" SET \"index\" = 'one' WHERE scope = 'global' AND \"index\" = 1");
    let run = env.read(&["log", "d1/global"]);
    assert_eq!(run.status, 13, "{run:?}");
    assert!(run.stderr.contains("table Operation") && run.stderr.contains("column index"), "{run:?}");
}

#[test]
fn a_file_truncated_in_the_middle() {
    let whole = TestEnv::with_store(|store| store.drive("d1", "One", 500));
    let bytes = std::fs::read(whole.path("ops.db")).unwrap();
    let env = with_file(&bytes[..bytes.len() / 2 + 100]);
    for args in [&["log", "d1/global", "--json"][..], &["rebuild", "d1", "--json"]] {
        let run = env.read(args);
        assert!(matches!(run.status, 10 | 13), "{run:?}");
        assert!(run.error(run.status)["message"].as_str().unwrap().contains("ops.db"), "{run:?}");
    }
}

#[test]
fn malformed_json_in_an_action() {
    let env = one_drive_but("UPDATE \"Operation\" SET action = '{\"type\":}' WHERE scope = 'global' AND \"index\" = 1");
    let run = env.read(&["rebuild", "d1/global"]);
    let said = run.fails(13);
    assert!(said.contains("action") && said.contains("byte 8") && said.contains("d1"), "{said}");
    let run = env.read(&["log", "d1/global", "--json"]);
    let said = run.error(13)["message"].as_str().unwrap().to_owned();
    assert_eq!(said, "table Operation, d1/global:1: column action: unexpected character in JSON text at byte 8");
    assert_eq!(serde_json::from_str::<Value>(&run.stdout).unwrap().as_array().unwrap().len(), 1);
    // What does not need the row is answered.
    env.read(&["rebuild", "d1/global:0"]).ok();
}

#[test]
fn text_that_is_not_utf8() {
    let env = one_drive_but(
        "UPDATE \"Operation\" SET action = CAST(X'7B22FF227D' AS TEXT) WHERE scope = 'global' AND \"index\" = 1",
    );
    for args in [&["rebuild", "d1/global"][..], &["log", "d1/global"]] {
        let run = env.read(args);
        assert_eq!(run.status, 13, "{run:?}");
        assert!(run.stderr.contains("UTF-8") && run.stderr.contains("action"), "{run:?}");
    }
}

#[test]
fn an_unknown_document_type() {
    let env = TestEnv::with_store(|store| {
        store.document("d1", "some/type", "x", "main");
        let row = Operation::new("d1", "global", 0, "SET", json!({}));
        store.operation(&Operation { document_type: "some/type", ..row });
    });
    let run = env.read(&["rebuild", "d1/global"]);
    let said = run.fails(14);
    assert!(said.contains("some/type") && said.contains("same-as = \"some/type@VERSION\""), "{said}");
    assert_eq!(env.read(&["rebuild", "d1", "--json"]).error(14)["code"], "model-missing");
}

#[test]
fn an_ambiguous_prefix_and_an_unknown_name() {
    let env = TestEnv::with_store(|store| {
        store.drive("abc1", "One", 1);
        store.drive("abc2", "Two", 1);
    });
    for command in ["rebuild", "log"] {
        let run = env.read(&[command, "abc"]);
        assert_eq!(run.fails(2).lines().last(), Some("hint: type more of it: abc1, abc2"));
        assert!(env.read(&[command, "x"]).fails(4).contains("no document \"x\""));
    }
}

#[test]
fn an_unknown_branch() {
    let env = TestEnv::with_store(|store| store.drive("d1", "One", 1));
    for command in ["rebuild", "log"] {
        let run = env.read(&[command, "d1@feature"]);
        let said = run.fails(4);
        assert!(said.contains("document d1 has no branch \"feature\"") && said.contains("hint: it has main"), "{said}");
    }
}

#[test]
fn a_locked_file() {
    let env = TestEnv::new();
    let path = env.path("ops.db");
    StoreFile::create(&path).drive("d1", "One", 1);
    let writer = rusqlite::Connection::open(&path).unwrap();
    writer.execute_batch("BEGIN EXCLUSIVE; UPDATE \"Operation\" SET hash = 'x';").unwrap();
    for args in [&["ls"][..], &["rebuild", "d1"]] {
        let output = env.snapctl(args).args(["--store", "ops.db", "--busy-timeout", "50ms"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(11), "{said}");
        assert!(said.contains("ops.db") && said.contains("--busy-timeout"), "{said}");
        // Where the time for everything ends first, that is what is told.
        let said = env.run(&[args, &["--store", "ops.db", "--timeout", "50ms"]].concat());
        assert!(said.fails(5).contains("--timeout"), "{said:?}");
    }
}

#[test]
fn a_location_that_cannot_be() {
    let env = TestEnv::new();
    let run = env.run(&["ls", "--store", "sqlit:ops.db"]);
    assert!(run.fails(2).contains("sqlit"), "{run:?}");
}
