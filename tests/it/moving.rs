//! Rows that are handed out while another program writes: what was never committed is never passed off as an answer.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, params};
use serde_json::{Value, json};

use crate::support::{Operation, StoreFile, TestEnv};

const ROWS: u32 = 3_000;

fn store() -> TestEnv {
    TestEnv::with_store(|store: &StoreFile| {
        store.drive("d1", "One", 1);
        store.sql("BEGIN");
        for index in 1..ROWS {
            let row = Operation::new("d1", "global", index, "NOOP", json!({ "filling": "x".repeat(400) }));
            store.operation(&Operation { minute: index % 1_440, ..row });
        }
        store.sql("COMMIT");
    })
}

fn insert(file: &Connection, index: u32, hash: &str) {
    let action = json!({ "id": format!("a{index}"), "type": "NOOP", "scope": "global", "timestampUtcMs": "2025-01-01T00:00:00.000Z", "input": { "filling": "y".repeat(400) } });
    file.execute(
        "INSERT INTO \"Operation\" (jobId, opId, prevOpId, writeTimestampUtcMs, documentId, documentType, scope, branch, timestampUtcMs, \"index\", action, skip, hash)
         VALUES ('j', ?1, '', '2025-01-01T00:00:00.000Z', 'd1', 'powerhouse/document-drive', 'global', 'main', '2025-01-01T00:00:00.000Z', ?2, ?3, 0, ?4)",
        params![format!("op-{hash}-{index}"), index, action.to_string(), hash],
    )
    .unwrap();
}

/// A command that waits for its output to be read, after its first line.
fn begun(env: &TestEnv, args: &[&str]) -> (Child, BufReader<std::process::ChildStdout>, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_snapctl"));
    command.current_dir(env.path(".")).env_clear().env("SNAPCTL_STORE", "ops.db").args(args);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::with_capacity(4096, child.stdout.take().unwrap());
    let mut first = String::new();
    lines.read_line(&mut first).unwrap();
    (child, lines, first)
}

/// While a command waits, rows are written and taken back, and others put in their place. Returns how the command ended,
/// and the hashes of the rows of stream d1/global that it told of.
fn beside_a_writer(env: &TestEnv, args: &[&str]) -> (i32, Vec<String>, String) {
    let (mut child, mut lines, first) = begun(env, args);
    let file = Connection::open(env.path("ops.db")).unwrap();
    file.execute_batch("PRAGMA cache_size = 5; BEGIN IMMEDIATE").unwrap();
    for index in ROWS..ROWS + 500 {
        insert(&file, index, "never");
    }
    let reader = thread::spawn(move || {
        let mut rest = String::new();
        lines.read_to_string(&mut rest).unwrap();
        first + &rest
    });
    thread::sleep(Duration::from_millis(300));
    file.execute_batch("ROLLBACK; BEGIN IMMEDIATE").unwrap();
    for index in ROWS..ROWS + 20 {
        insert(&file, index, "second");
    }
    file.execute_batch("COMMIT").unwrap();
    let text = reader.join().unwrap();
    let status = child.wait().unwrap().code().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let in_stream = |row: &Value| row.get("scope").is_none_or(|scope| scope == "global");
    let hashes = rows.filter(in_stream).map(|row| row["hash"].as_str().unwrap_or_default().to_owned()).collect();
    (status, hashes, said)
}

#[test]
fn rows_that_were_taken_back_are_no_answer() {
    for args in [&["export", "--ndjson"][..], &["log", "d1/global", "--ndjson"]] {
        let env = store();
        let (status, hashes, said) = beside_a_writer(&env, args);
        match status {
            // Nothing of the other rows had gone out: the answer is what is stored.
            0 => {
                assert!(!hashes.iter().any(|hash| hash == "never"), "{args:?}: rows that never were");
                let expected = usize::try_from(ROWS).unwrap();
                assert!([expected, expected + 20].contains(&hashes.len()), "{args:?}: {} rows", hashes.len());
            }
            11 => assert!(said.contains("changed while it was being read"), "{args:?}: {said}"),
            other => panic!("{args:?} ended with {other}: {said}"),
        }
    }
}
