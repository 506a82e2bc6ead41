//! Whole tables, as SQLite shows them.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, params};

use super::StoreFile;

/// Every value of every row of both tables, with its type, by id.
pub(crate) fn dump(path: &Path) -> Vec<Vec<Value>> {
    let connection = Connection::open(path).expect("a store");
    let mut rows = Vec::new();
    for table in ["Operation", "Keyframe"] {
        let mut statement = connection.prepare(&format!("SELECT * FROM \"{table}\" ORDER BY id")).expect("a table");
        let columns = statement.column_count();
        let read = statement.query_map([], |row| (0..columns).map(|column| row.get(column)).collect());
        rows.extend(read.expect("rows").map(|row| row.expect("a row")));
    }
    rows
}

/// A store with texts as no well-behaved program writes them.
pub(crate) fn odd_store(path: &Path) {
    drop(StoreFile::create(path));
    let mut connection = Connection::open(path).expect("a store");
    let transaction = connection.transaction().expect("a transaction");
    let digits = "7".repeat(1_000_000);
    let deep = format!(r#"{{"type":"X","input":{}1{}}}"#, "[".repeat(5000), "]".repeat(5000));
    let actions = [
        r#"{"type":"X","input":{}}"#,
        r#"  {"type":"X"}"#,
        "{\"type\":\"X\"}\t",
        "{\n  \"type\": \"X\",\r\n  \"input\": 1 }",
        "{\"type\":\r\"X\"}",
        "{ \"type\" : \"X\" ,\t\"input\" : [ 1.50 , -0 , 1E400 ] }",
        r#"{"type":"X","type":"Y","a":1,"a":2}"#,
        r#"{"type":"\u0058","input":"\/\ud800 \udc00\ud800 \u0000 \uD83D\uDE00"}"#,
        "{\"type\":\"X\",\"input\":\"\u{2028}é\u{1F600}\u{7f}\"}",
        &format!(r#"{{"type":"X","input":{digits}}}"#),
        &format!(r#"{{"type":"X","input":-{digits}.{digits}e-{digits}}}"#),
        &deep,
        r#"{"type":1}"#,
        r#"{"input":"no type"}"#,
        r#"{"type":"X"}}"#,
        r#"{"type":"X",}"#,
        "{\"type\":\"a\tb\"}",
        "{\"type\":\"a\u{0}b\"}",
        "[]",
        "null",
        "\"text\"",
        "7",
        "",
        " ",
        "{",
        "}",
        "{}",
        "no JSON\nat all \u{0} \u{1b}[0m \\ \"",
    ];
    let names = ["", " ", "\n", "\"", "\\", "a/b@c:d%", "\u{0}", "é\u{1F600}\u{fffd}", "null", "main"];
    let text = |at: usize| names[at % names.len()];
    for (at, action) in actions.iter().enumerate() {
        let index = u32::try_from(at).expect("a few");
        for (nth, document) in names.iter().enumerate() {
            let optional = |which: usize| [None, Some(""), Some("it \"failed\"\n")][(at + nth + which) % 3];
            transaction
                .execute(
                    r#"INSERT INTO "Operation" ("jobId", "opId", "prevOpId", "writeTimestampUtcMs", "documentId",
                    "documentType", "scope", "branch", "timestampUtcMs", "index", "action", "skip", "error", "hash",
                    "deniedReason") VALUES (?, ?, ?, '2025-01-01T00:00:00.001Z', ?, ?, ?, ?, '0000-01-01T00:00:00.000Z', ?,
                    ?, ?, ?, ?, ?)"#,
                    params![
                        text(at),
                        format!("{}-{nth}", text(at + nth)),
                        text(at + 1),
                        document,
                        text(nth + 1),
                        text(nth + 2),
                        text(nth + 3),
                        index,
                        action,
                        if at == 5 { u32::MAX } else { 0 },
                        optional(0),
                        text(at + 4),
                        optional(1)
                    ],
                )
                .expect("a new row");
        }
        transaction
            .execute(
                r#"INSERT INTO "Keyframe" ("documentId", "documentType", "scope", "branch", "revision", "document",
                "createdAt") VALUES (?, ?, ?, 'main', ?, ?, '9999-12-28T23:59:59.999Z')"#,
                params![text(at), text(at + 1), text(at + 2), index, action],
            )
            .expect("a new row");
    }
    transaction.commit().expect("rows");
}
