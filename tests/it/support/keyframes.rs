//! Stores with drives and right keyframes, as `verify` finds them clean.

use std::fmt::Write as _;

use rusqlite::{Connection, params};
use serde_json::{Value, json};

use super::TestEnv;

const DRIVE: &str = "powerhouse/document-drive";

/// Runs statements on the store in `ops.db`, as another program may.
pub(crate) fn sql(env: &TestEnv, text: &str) {
    Connection::open(env.path("ops.db")).unwrap().execute_batch(text).unwrap();
}

/// Adds a keyframe with any text as its document to the store in `ops.db`.
pub(crate) fn put(env: &TestEnv, stream: [&str; 3], revision: i64, document: &str) {
    let [id, scope, branch] = stream;
    let connection = Connection::open(env.path("ops.db")).unwrap();
    let insert = r#"INSERT INTO "Keyframe" ("documentId", "documentType", "scope", "branch", "revision", "document", "createdAt")
        VALUES (?, 'powerhouse/document-drive', ?, ?, ?, ?, ?)"#;
    let created = format!("2025-02-01T00:00:00.{:03}Z", revision.unsigned_abs());
    connection.execute(insert, params![id, scope, branch, revision, document, created]).unwrap();
}

/// A line of an import: folder `index` of a drive.
pub(crate) fn folder(document: &str, index: u64) -> Value {
    let (minute, second) = (10 + index / 60 % 50, index % 60);
    json!({ "documentId": document, "documentType": DRIVE, "index": index, "action": {
        "id": format!("{document}-{index}"), "type": "ADD_FOLDER",
        "timestampUtcMs": format!("2025-01-01T00:{minute:02}:{second:02}.000Z"),
        "input": { "id": format!("f{index}"), "name": format!("Folder {index}") },
    } })
}

/// The lines of a drive with so many folders.
fn drive(document: &str, folders: u64) -> Vec<Value> {
    let create = json!({
        "model": DRIVE, "version": 0, "documentId": document, "slug": format!("slug-{document}"), "name": document,
        "branch": "main", "meta": {}, "protocolVersions": { "base-reducer": 2 },
        "signing": { "signature": document, "publicKey": {}, "nonce": "", "documentType": DRIVE,
            "createdAtUtcIso": "2025-01-01T00:00:00.000Z" },
    });
    let upgrade = json!({
        "model": DRIVE, "documentId": document, "fromVersion": 0, "toVersion": 1, "initialState": {
            "auth": { "version": 0, "grants": [] },
            "document": { "version": 0, "hash": { "algorithm": "sha1", "encoding": "base64" } },
            "global": { "name": "", "nodes": [], "icon": null },
            "local": { "listeners": [], "triggers": [], "sharingType": "private", "availableOffline": false },
        },
    });
    let row = |index: u64, kind: &str, input: Value| {
        json!({ "documentId": document, "documentType": DRIVE, "scope": "document", "index": index, "action": {
            "id": format!("{document}-d{index}"), "type": kind, "scope": "document",
            "timestampUtcMs": format!("2025-01-01T00:00:0{index}.000Z"), "input": input } })
    };
    let mut rows = vec![row(0, "CREATE_DOCUMENT", create), row(1, "UPGRADE_DOCUMENT", upgrade)];
    rows.extend((0..folders).map(|index| folder(document, index)));
    rows
}

/// A store with drives of so many folders, and keyframes of each at every `every`th revision, as the reference would have
/// written them: no record says anything of them.
pub(crate) fn drives(drives: &[(&str, u64)], every: u64) -> TestEnv {
    let env = TestEnv::new();
    let mut lines = String::new();
    for (document, folders) in drives {
        for row in drive(document, *folders) {
            writeln!(lines, "{row}").expect("memory");
        }
    }
    let imported = env.snapctl(&["import", "--init", "--store", "ops.db"]).write_stdin(lines).output().expect("a run");
    assert!(imported.status.success(), "{imported:?}");
    let mut requests = String::new();
    for (document, folders) in drives {
        for at in (0..*folders).filter(|at| (at + 1) % every == 0) {
            writeln!(requests, "{}", json!({ "document": document, "scope": "global", "at": at })).expect("memory");
        }
    }
    let states = env.read_with_input(&["rebuild", "--batch"], requests).lines();
    let mut connection = Connection::open(env.path("ops.db")).expect("the store");
    let transaction = connection.transaction().expect("a transaction");
    for state in states {
        let document = json!({ "header": state["header"], "state": state["state"] }).to_string();
        let (id, revision) = (state["target"]["document"].as_str(), state["revision"]["global"].as_i64());
        transaction
            .execute(
                r#"INSERT INTO "Keyframe" ("documentId", "documentType", "scope", "branch", "revision", "document", "createdAt")
                   VALUES (?, ?, 'global', 'main', ?, ?, '2025-06-01T00:00:00.000Z')"#,
                params![id.expect("an id"), DRIVE, revision.expect("a revision"), document],
            )
            .expect("the row is new");
    }
    transaction.commit().expect("a commit");
    env
}

/// The labels of all keyframes of a document, of both tables.
pub(crate) fn labels(env: &TestEnv, document: &str) -> Vec<i64> {
    let connection = Connection::open(env.path("ops.db")).expect("the store");
    let has_own = connection.prepare("SELECT 1 FROM snapctl_keyframe").is_ok();
    let mut labels = Vec::new();
    for (table, only, wanted) in [("Keyframe", "1", true), ("snapctl_keyframe", "body IS NOT NULL", has_own)] {
        if wanted {
            let sql = format!("SELECT revision FROM \"{table}\" WHERE documentId = ? AND {only}");
            let mut statement = connection.prepare(&sql).expect("the table");
            let found = statement.query_map([document], |row| row.get::<_, i64>(0)).expect("rows");
            labels.extend(found.map(|label| label.expect("a number")));
        }
    }
    labels.sort_unstable();
    labels
}
