//! `verify --seal`: the past of a stream cannot be edited unnoticed.

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use rusqlite::types::Value as Stored;
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use crate::support::{Operation, Run, TestEnv};

/// Three drives whose rows are as the reference writes them as far as seals are concerned.
fn env() -> TestEnv {
    TestEnv::with_store(|store| {
        for document in ["a", "b", "c"] {
            store.drive(document, "n", 12);
        }
        store.operation(&Operation { error: Some("e"), ..Operation::new("c", "global", 12, "NO_SUCH", json!({})) });
    })
}

const VERIFY: [&str; 8] =
    ["verify", "--json", "--seal", "seals.ndjson", "--ignore", "OPERATION_ID", "--ignore", "OUTCOME_DIFFERS"];

fn verify(env: &TestEnv) -> Run {
    env.on_store(&VERIFY)
}

fn findings(run: &Run) -> Vec<Value> {
    let answer: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}"));
    answer["findings"].as_array().unwrap().clone()
}

fn codes(run: &Run) -> Vec<String> {
    findings(run).iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

fn seals(env: &TestEnv) -> String {
    std::fs::read_to_string(env.path("seals.ndjson")).unwrap()
}

/// A copy of the store and the seals as they are.
fn copied(env: &TestEnv) -> TestEnv {
    let copy = TestEnv::new();
    for file in ["ops.db", "seals.ndjson"] {
        std::fs::copy(env.path(file), copy.path(file)).unwrap();
    }
    copy
}

/// Replays of sound streams have ids that are no digests, so those are ignored while sealing, too.
fn sealed() -> TestEnv {
    let env = env();
    // What is ignored in the answer does not count as sound: the ids have to be right.
    let connection = Connection::open(env.path("ops.db")).unwrap();
    let rows: Vec<(i64, String, String, String)> = connection
        .prepare(r#"SELECT "id", "documentId", "scope", "action" FROM "Operation" ORDER BY "documentId", "scope", "index""#)
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let mut previous = (String::new(), String::new(), String::new());
    for (row, document, scope, action) in rows {
        let action: Value = serde_json::from_str(&action).unwrap();
        let id = action["id"].as_str().unwrap();
        let id = snapctl::model::json::operation_id(&document, &scope, "main", id.as_bytes());
        let before = if (&previous.0, &previous.1) == (&document, &scope) { previous.2.clone() } else { String::new() };
        connection
            .execute(r#"UPDATE "Operation" SET "opId" = ?, "prevOpId" = ?, "error" = NULL WHERE "id" = ?"#, params![id, before, row])
            .unwrap();
        previous = (document, scope, id);
    }
    let run = verify(&env);
    assert_eq!((run.status, codes(&run)), (0, vec![]), "{run:?}");
    env
}

#[test]
fn a_file_of_seals_has_a_line_a_stream_and_grows_with_the_log() {
    let env = sealed();
    let before = seals(&env);
    let lines: Vec<Value> = before.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 6);
    assert_eq!((&lines[1]["document"], &lines[1]["scope"], &lines[1]["revision"]), (&json!("a"), &json!("global"), &json!(11)));
    assert_eq!(verify(&env).status, 0);
    assert_eq!(seals(&env), before);
    let line = json!({
        "documentId": "a", "documentType": "powerhouse/document-drive", "scope": "global", "branch": "main", "index": 12,
        "action": { "id": "new", "type": "SET_DRIVE_NAME", "scope": "global", "timestampUtcMs": "2025-01-01T01:00:00.000Z", "input": { "name": "x" } },
    });
    let import = env.snapctl(&["import", "--store", "ops.db"]).write_stdin(line.to_string()).output().unwrap();
    assert!(import.status.success(), "{import:?}");
    let run = verify(&env);
    assert_eq!((run.status, codes(&run)), (0, vec![]), "{run:?}");
    let after: Vec<String> = seals(&env).lines().map(str::to_owned).collect();
    let changed: Vec<usize> = (0..6).filter(|&n| before.lines().nth(n) != Some(&after[n])).collect();
    assert_eq!(changed, [1]);
    assert!(after[1].contains("\"revision\":12"), "{}", after[1]);
}

#[test]
fn what_was_sealed_and_is_gone_is_found_and_the_seals_stay() {
    let env = sealed();
    let before = seals(&env);
    let connection = Connection::open(env.path("ops.db")).unwrap();
    connection.execute(r#"DELETE FROM "Operation" WHERE "documentId" = 'b' AND "scope" = 'global' AND "index" > 8"#, []).unwrap();
    let run = verify(&env);
    assert_eq!((run.status, codes(&run)), (1, vec!["SEAL_AHEAD".to_owned()]), "{run:?}");
    assert_eq!(findings(&run)[0]["target"], "b/global:9");
    assert_eq!(seals(&env), before);
    connection.execute(r#"DELETE FROM "Operation" WHERE "documentId" = 'c'"#, []).unwrap();
    connection.execute(r#"DELETE FROM "Operation" WHERE "documentId" = 'a' AND "scope" = 'global'"#, []).unwrap();
    let targets: Vec<Value> = findings(&verify(&env)).iter().map(|finding| finding["target"].clone()).collect();
    assert_eq!(targets, ["a/global:0", "b/global:9", "c/document:0", "c/global:0"]);
    std::fs::write(env.path("seals.ndjson"), "{}\n").unwrap();
    assert_eq!(verify(&env).error(13)["code"], "bad-seals");
}

/// The columns of a row that a seal covers.
const COLUMNS: [&str; 12] = [
    "opId", "prevOpId", "documentId", "documentType", "scope", "branch", "timestampUtcMs", "index", "action", "skip", "error",
    "hash",
];

/// Flips one bit of a stored value.
fn flipped(value: Stored, at: usize, bit: u8) -> Stored {
    match value {
        Stored::Text(text) if text.is_empty() => Stored::Text("x".to_owned()),
        Stored::Text(text) => {
            let mut bytes = text.into_bytes();
            let at = at % bytes.len();
            // Another ASCII character, so that it stays a text.
            bytes[at] ^= 1 << (bit % 7);
            Stored::Text(String::from_utf8(bytes).unwrap())
        }
        Stored::Integer(number) => Stored::Integer(number ^ 1 << (bit % 4)),
        Stored::Null => Stored::Text("x".to_owned()),
        other => other,
    }
}

#[test]
fn any_flipped_bit_of_a_sealed_row_is_found() {
    let env = sealed();
    let n_rows: i64 = Connection::open(env.path("ops.db"))
        .unwrap()
        .query_row(r#"SELECT count(*) FROM "Operation""#, [], |row| row.get(0))
        .unwrap();
    let config = ProptestConfig { cases: 96, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..ProptestConfig::default() };
    let change = (1..=n_rows, 0..COLUMNS.len(), any::<usize>(), any::<u8>());
    TestRunner::new(config)
        .run(&change, |(row, column, at, bit)| {
            let copy = copied(&env);
            let connection = Connection::open(copy.path("ops.db")).unwrap();
            let column = COLUMNS[column];
            let get = format!(r#"SELECT "{column}" FROM "Operation" WHERE "id" = ?"#);
            let before: Stored = connection.query_row(&get, [row], |row| row.get(0)).unwrap();
            let after = flipped(before.clone(), at, bit);
            let set = format!(r#"UPDATE OR IGNORE "Operation" SET "{column}" = ? WHERE "id" = ?"#);
            connection.execute(&set, params![after, row]).unwrap();
            let now: Stored = connection.query_row(&get, [row], |row| row.get(0)).unwrap();
            drop(connection);
            if now == before || same_time(column, &before, &now) {
                return Ok(());
            }
            let run = verify(&copy);
            prop_assert_eq!(run.status, 1, "row {} column {}: {:?} became {:?}, {:?}", row, column, before, now, run);
            let told = codes(&run);
            let direct = ["SEAL_BROKEN", "SEAL_AHEAD", "ROW_CORRUPT"];
            prop_assert!(told.iter().any(|code| direct.contains(&code.as_str())), "{} of row {}: {:?}", column, row, told);
            Ok(())
        })
        .unwrap();
}

/// Two texts of one time are one row to every reader.
fn same_time(column: &str, a: &Stored, b: &Stored) -> bool {
    let time = |value: &Stored| match value {
        Stored::Text(text) => snapctl::model::time::Timestamp::parse(text),
        _ => None,
    };
    column == "timestampUtcMs" && time(a).is_some() && time(a) == time(b)
}
