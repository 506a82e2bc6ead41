//! SQLite files as another program writes them (reactor format §2.4).

use std::path::Path;

use rusqlite::{Connection, params};
use serde_json::{Value, json};

/// The tables of a reactor store.
const SCHEMA: &str = r#"
CREATE TABLE "Operation" (
  "id" INTEGER PRIMARY KEY, "jobId" TEXT NOT NULL, "opId" TEXT NOT NULL, "prevOpId" TEXT NOT NULL,
  "writeTimestampUtcMs" TEXT NOT NULL, "documentId" TEXT NOT NULL, "documentType" TEXT NOT NULL,
  "scope" TEXT NOT NULL, "branch" TEXT NOT NULL, "timestampUtcMs" TEXT NOT NULL, "index" INTEGER NOT NULL,
  "action" TEXT NOT NULL, "skip" INTEGER NOT NULL, "error" TEXT, "hash" TEXT NOT NULL, "deniedReason" TEXT,
  CONSTRAINT "unique_revision" UNIQUE ("documentId", "scope", "branch", "index"),
  CONSTRAINT "unique_operation_instance" UNIQUE ("opId", "index", "skip")
);
CREATE TABLE "Keyframe" (
  "id" INTEGER PRIMARY KEY, "documentId" TEXT NOT NULL, "documentType" TEXT NOT NULL, "scope" TEXT NOT NULL,
  "branch" TEXT NOT NULL, "revision" INTEGER NOT NULL, "document" TEXT NOT NULL, "createdAt" TEXT NOT NULL,
  CONSTRAINT "unique_keyframe" UNIQUE ("documentId", "scope", "branch", "revision")
);
CREATE INDEX "streamOperations" ON "Operation" ("documentId", "scope", "branch", "id");
CREATE INDEX "branchlessStreamOperations" ON "Operation" ("documentId", "scope", "id");
CREATE INDEX "keyframe_lookup" ON "Keyframe" ("documentId", "scope", "branch", "revision");
"#;

/// The document type that every build of snapctl knows.
const DRIVE: &str = "powerhouse/document-drive";

/// A store that is being filled.
pub(crate) struct StoreFile {
    connection: Connection,
}

/// A row of the log; what is not set is as usual.
#[derive(Clone, Debug)]
pub(crate) struct Operation<'a> {
    pub(crate) document: &'a str,
    pub(crate) document_type: &'a str,
    pub(crate) scope: &'a str,
    pub(crate) branch: &'a str,
    pub(crate) index: u32,
    pub(crate) skip: u32,
    pub(crate) minute: u32,
    pub(crate) kind: &'a str,
    pub(crate) input: Value,
    pub(crate) error: Option<&'a str>,
    pub(crate) denied: Option<&'a str>,
}

impl<'a> Operation<'a> {
    pub(crate) fn new(document: &'a str, scope: &'a str, index: u32, kind: &'a str, input: Value) -> Self {
        let minute = if scope == "document" { index } else { 10 + index };
        Operation {
            document,
            document_type: DRIVE,
            scope,
            branch: "main",
            index,
            skip: 0,
            minute,
            kind,
            input,
            error: None,
            denied: None,
        }
    }
}

impl StoreFile {
    /// Creates the file with empty tables.
    pub(crate) fn create(path: &Path) -> Self {
        let connection = Connection::open(path).expect("a new SQLite file");
        connection.execute_batch(SCHEMA).expect("the tables");
        StoreFile { connection }
    }

    /// Runs SQL, for what no program should have written.
    pub(crate) fn sql(&self, sql: &str) {
        self.connection.execute_batch(sql).expect("the SQL is well formed");
    }

    /// Adds a row.
    pub(crate) fn operation(&self, row: &Operation<'_>) {
        let Operation { document, scope, branch, index, minute, .. } = row;
        let time = format!("2025-01-01T{:02}:{:02}:00.000Z", minute / 60, minute % 60);
        let action = json!({
            "id": format!("{document}-{scope}-{branch}-{index}"), "type": row.kind, "scope": scope,
            "timestampUtcMs": time, "input": row.input,
        });
        let id = |index: u32| format!("{document}.{scope}.{branch}.{index}");
        let previous = index.checked_sub(1).map_or(String::new(), id);
        self.connection
            .execute(
                r#"INSERT INTO "Operation" ("jobId", "opId", "prevOpId", "writeTimestampUtcMs", "documentId",
                   "documentType", "scope", "branch", "timestampUtcMs", "index", "action", "skip", "error", "hash",
                   "deniedReason") VALUES ('job', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?)"#,
                params![
                    id(*index), previous, time, document, row.document_type, scope, branch, time, index,
                    action.to_string(), row.skip, row.error, row.denied
                ],
            )
            .expect("the row is new");
    }

    /// Adds a drive called `name` with folders `f0`, `f1`, …, each in the one before it.
    pub(crate) fn drive(&self, document: &str, name: &str, n_folders: u32) {
        self.document(document, DRIVE, name, "main");
        for n in 0..n_folders {
            let parent = n.checked_sub(1).map(|parent| format!("f{parent}"));
            let input = json!({ "id": format!("f{n}"), "name": format!("Folder {n}"), "parentFolder": parent });
            self.operation(&Operation::new(document, "global", n, "ADD_FOLDER", input));
        }
    }

    /// Adds the two operations that begin a document.
    pub(crate) fn document(&self, document: &str, document_type: &str, name: &str, branch: &str) {
        let created = "2025-01-01T00:00:00.000Z";
        let create = json!({
            "model": document_type, "version": 0, "documentId": document, "slug": format!("slug-{document}"), "name": name,
            "branch": branch, "meta": {}, "protocolVersions": { "base-reducer": 2 },
            "signing": {
                "signature": document, "publicKey": {}, "nonce": "", "createdAtUtcIso": created, "documentType": document_type,
            },
        });
        let upgrade = json!({
            "model": document_type, "documentId": document, "fromVersion": 0, "toVersion": 1,
            "initialState": {
                "auth": { "version": 0, "grants": [] },
                "document": { "version": 0, "hash": { "algorithm": "sha1", "encoding": "base64" } },
                "global": { "name": "", "nodes": [], "icon": null },
                "local": { "listeners": [], "triggers": [], "sharingType": "private", "availableOffline": false },
            },
        });
        let row = |index, kind, input| {
            Operation { document_type, branch, ..Operation::new(document, "document", index, kind, input) }
        };
        self.operation(&row(0, "CREATE_DOCUMENT", create));
        self.operation(&row(1, "UPGRADE_DOCUMENT", upgrade));
    }
}
