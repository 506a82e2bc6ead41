//! The SQL, by name. Values are always bound.
//!
//! Statements that read columns which may be absent go through `Schema::adapt`.

/// Makes the tables of reactor format §2.1 and §2.2 in the form of §2.4.
pub(super) const CREATE: &str = r#"
CREATE TABLE "Operation" (
  "id" INTEGER PRIMARY KEY,
  "jobId" TEXT NOT NULL,
  "opId" TEXT NOT NULL,
  "prevOpId" TEXT NOT NULL,
  "writeTimestampUtcMs" TEXT NOT NULL,
  "documentId" TEXT NOT NULL,
  "documentType" TEXT NOT NULL,
  "scope" TEXT NOT NULL,
  "branch" TEXT NOT NULL,
  "timestampUtcMs" TEXT NOT NULL,
  "index" INTEGER NOT NULL,
  "action" TEXT NOT NULL,
  "skip" INTEGER NOT NULL,
  "error" TEXT,
  "hash" TEXT NOT NULL,
  "deniedReason" TEXT,
  CONSTRAINT "unique_revision" UNIQUE ("documentId", "scope", "branch", "index"),
  CONSTRAINT "unique_operation_instance" UNIQUE ("opId", "index", "skip")
);
CREATE TABLE "Keyframe" (
  "id" INTEGER PRIMARY KEY,
  "documentId" TEXT NOT NULL,
  "documentType" TEXT NOT NULL,
  "scope" TEXT NOT NULL,
  "branch" TEXT NOT NULL,
  "revision" INTEGER NOT NULL,
  "document" TEXT NOT NULL,
  "createdAt" TEXT NOT NULL,
  CONSTRAINT "unique_keyframe" UNIQUE ("documentId", "scope", "branch", "revision")
);
CREATE INDEX "streamOperations" ON "Operation" ("documentId", "scope", "branch", "id");
CREATE INDEX "branchlessStreamOperations" ON "Operation" ("documentId", "scope", "id");
CREATE INDEX "keyframe_lookup" ON "Keyframe" ("documentId", "scope", "branch", "revision");
"#;

pub(super) const COLUMNS: &str = r"SELECT name FROM pragma_table_xinfo(?1)";
pub(super) const ENCODING: &str = "PRAGMA encoding";
pub(super) const PAGE_SIZE: &str = "PRAGMA page_size";

/// Takes a shared lock and lets go of it.
pub(super) const TOUCH: &str = "SELECT 1 FROM sqlite_schema LIMIT 1";
pub(super) const BEGIN: &str = "BEGIN";
pub(super) const BEGIN_IMMEDIATE: &str = "BEGIN IMMEDIATE";
/// Fixes the moment of a transaction, which `BEGIN` alone does not.
pub(super) const PIN: &str = "SELECT 1 FROM sqlite_schema LIMIT 1";
pub(super) const COMMIT: &str = "COMMIT";
pub(super) const ROLLBACK: &str = "ROLLBACK";
pub(super) const VACUUM: &str = "VACUUM";
/// Does nothing to a file without a write-ahead log.
pub(super) const CHECKPOINT: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// Documents, scopes and branches are listed by asking for the next greater one: a step per answer instead of
/// one per row (a "loose index scan", which SQLite's planner does not make of a DISTINCT over a prefix).
pub(super) const DOCUMENT_FROM: &str =
    r#"SELECT "documentId" FROM "Operation" WHERE "documentId" >= ?1 ORDER BY "documentId" LIMIT 1"#;
pub(super) const DOCUMENT_AFTER: &str =
    r#"SELECT "documentId" FROM "Operation" WHERE "documentId" > ?1 ORDER BY "documentId" LIMIT 1"#;
pub(super) const SCOPE_FROM: &str =
    r#"SELECT "scope" FROM "Operation" WHERE "documentId" = ?1 AND "scope" >= ?2 ORDER BY "scope" LIMIT 1"#;
pub(super) const SCOPE_AFTER: &str =
    r#"SELECT "scope" FROM "Operation" WHERE "documentId" = ?1 AND "scope" > ?2 ORDER BY "scope" LIMIT 1"#;
pub(super) const BRANCH_FROM: &str = r#"SELECT "branch" FROM "Operation"
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" >= ?3 ORDER BY "branch" LIMIT 1"#;
pub(super) const BRANCH_AFTER: &str = r#"SELECT "branch" FROM "Operation"
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" > ?3 ORDER BY "branch" LIMIT 1"#;

/// The first row of a stream by insertion.
pub(super) const FIRST_ROW: &str = r#"SELECT "id" FROM "Operation"
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 ORDER BY "id" LIMIT 1"#;
pub(super) const DOCUMENT_TYPE: &str =
    r#"SELECT "documentType" FROM "Operation" WHERE "id" = ?1 AND +"documentId" = ?2"#;
pub(super) const HEAD: &str = r#"SELECT "index", "id" FROM "Operation"
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 ORDER BY "index" DESC LIMIT 1"#;

/// Columns in the order of `rows::operation`.
pub(super) const OPERATIONS_FORWARD: &str = r#"SELECT
    "index", "skip", "opId", "prevOpId", "documentType", "timestampUtcMs", "hash", "error", "deniedReason", "action", "id"
    FROM "Operation"
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "index" >= ?4 AND "index" <= ?5 ORDER BY "index""#;
pub(super) const OPERATIONS_BACKWARD: &str = r#"SELECT
    "index", "skip", "opId", "prevOpId", "documentType", "timestampUtcMs", "hash", "error", "deniedReason", "action", "id"
    FROM "Operation"
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "index" >= ?4 AND "index" <= ?5 ORDER BY "index" DESC"#;
pub(super) const SKIPS: &str = r#"SELECT "index", "skip", "deniedReason", "action", "id" FROM "Operation"
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "index" >= ?4 AND "index" <= ?5
    AND "skip" IS NOT 0 ORDER BY "index""#;
/// The first row with a value larger than SQLite hands out, and in which of [`TEXT_COLUMNS`]. Sizes are read from the
/// record's header, without the values.
pub(super) const OVERSIZED: &str = r#"SELECT * FROM (SELECT "index", "id", CASE
    WHEN octet_length("action") > ?6 THEN 0 WHEN octet_length("error") > ?6 THEN 1
    WHEN octet_length("deniedReason") > ?6 THEN 2 WHEN octet_length("hash") > ?6 THEN 3
    WHEN octet_length("opId") > ?6 THEN 4 WHEN octet_length("prevOpId") > ?6 THEN 5
    WHEN octet_length("documentType") > ?6 THEN 6 WHEN octet_length("timestampUtcMs") > ?6 THEN 7 END AS "column"
    FROM "Operation"
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "index" >= ?4 AND "index" <= ?5)
    WHERE "column" IS NOT NULL ORDER BY "index" LIMIT 1"#;
pub(super) const TEXT_COLUMNS: [&str; 8] =
    ["action", "error", "deniedReason", "hash", "opId", "prevOpId", "documentType", "timestampUtcMs"];
pub(super) const TIMES: &str = r#"SELECT "index", "timestampUtcMs", "id" FROM "Operation"
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "index" >= ?4 AND "index" <= ?5"#;
/// By the index on the ids, which few rows share.
pub(super) const COPIES: &str = r#"SELECT
    "index", "skip", "opId", "prevOpId", "documentType", "timestampUtcMs", "hash", "error", "deniedReason", "action", "id"
    FROM "Operation"
    WHERE "opId" = ?1 AND +"documentId" = ?2 AND +"scope" = ?3 AND +"branch" = ?4 ORDER BY "index""#;
/// The plus sign keeps the planner from walking the whole document instead of the few rows with the id.
pub(super) const FIND_OPERATION: &str = r#"SELECT "scope", "index", "id" FROM "Operation"
    WHERE "opId" = ?2 AND +"documentId" = ?1 AND +"branch" = ?3 AND (?4 IS NULL OR +"scope" = ?4)
    ORDER BY "id" DESC LIMIT 1"#;

/// `octet_length` reads the size from the record's header, without the body; `createdAt` is stored behind it.
pub(super) const NEAREST_KEYFRAME: &str = r#"SELECT "scope", "branch", "revision", NULL, octet_length("document"), "id",
    "documentType", 'json' FROM "Keyframe" WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "revision" >= 0 AND "revision" <= ?4
    ORDER BY "revision" DESC LIMIT 1"#;
pub(super) const KEYFRAME_LABELS: &str = r#"SELECT "scope", "branch", "revision", NULL, octet_length("document"), "id",
    "documentType", 'json' FROM "Keyframe" WHERE "documentId" = ?1 ORDER BY "branch", "scope", "revision""#;
pub(super) const KEYFRAMES: &str = r#"SELECT "scope", "branch", "revision", "createdAt", octet_length("document"), "id",
    "documentType", 'json' FROM "Keyframe" WHERE "documentId" = ?1 ORDER BY "branch", "scope", "revision""#;
/// The next document, by id, with keyframes and its first one's type; a step per document as with [`DOCUMENT_FROM`].
pub(super) const KEYFRAMED_FROM: &str = r#"SELECT "documentId", "documentType", "id" FROM "Keyframe"
    WHERE "documentId" >= ?1 ORDER BY "documentId" LIMIT 1"#;
pub(super) const KEYFRAMED_AFTER: &str = r#"SELECT "documentId", "documentType", "id" FROM "Keyframe"
    WHERE "documentId" > ?1 ORDER BY "documentId" LIMIT 1"#;
pub(super) const HAS_OPERATIONS: &str = r#"SELECT 1 FROM "Operation" WHERE "documentId" = ?1 LIMIT 1"#;
pub(super) const KEYFRAME_DOCUMENT: &str = r#"SELECT "document", "revision", "id" FROM "Keyframe"
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "revision" = ?4"#;

pub(super) const SNAPSHOTS: &str = r#"SELECT "scope", "branch", "lastOperationIndex", "content" FROM "DocumentSnapshot"
    WHERE "documentId" = ?1 ORDER BY "branch", "scope""#;

/// How a table is read in the order of insertion.
pub(super) struct Inserted {
    /// All rows after an id.
    pub(super) all: &'static str,
    /// The ids in a part of a document.
    pub(super) ids: &'static str,
    /// One row.
    pub(super) one: &'static str,
}

/// Columns begin as those of `rows::operation`.
pub(super) const INSERTED_OPERATIONS: Inserted = Inserted {
    all: r#"SELECT "index", "skip", "opId", "prevOpId", "documentType", "timestampUtcMs", "hash", "error", "deniedReason",
        "action", "id", "documentId", "scope", "branch", "writeTimestampUtcMs", "jobId"
        FROM "Operation" WHERE "id" > ?1 ORDER BY "id""#,
    ids: r#"SELECT "id" FROM "Operation" WHERE "documentId" = ?1 AND (?2 IS NULL OR "scope" = ?2)
        AND (?3 IS NULL OR "branch" = ?3) AND "index" >= ?4 AND "index" <= ?5 AND "id" > ?6"#,
    one: r#"SELECT "index", "skip", "opId", "prevOpId", "documentType", "timestampUtcMs", "hash", "error", "deniedReason",
        "action", "id", "documentId", "scope", "branch", "writeTimestampUtcMs", "jobId"
        FROM "Operation" WHERE "id" = ?1"#,
};
pub(super) const INSERTED_KEYFRAMES: Inserted = Inserted {
    all: r#"SELECT "id", "documentId", "scope", "branch", "documentType", "revision", "createdAt", "document"
        FROM "Keyframe" WHERE "id" > ?1 ORDER BY "id""#,
    ids: r#"SELECT "id" FROM "Keyframe" WHERE "documentId" = ?1 AND (?2 IS NULL OR "scope" = ?2)
        AND (?3 IS NULL OR "branch" = ?3) AND "revision" >= ?4 AND "revision" <= ?5 AND "id" > ?6"#,
    one: r#"SELECT "id", "documentId", "scope", "branch", "documentType", "revision", "createdAt", "document"
        FROM "Keyframe" WHERE "id" = ?1"#,
};
/// The greatest number of an operation; NULL if there is none.
pub(super) const LAST_INSERTED: &str = r#"SELECT max("id") FROM "Operation""#;
/// By number, columns as those of [`KEYFRAMES`], and the document.
pub(super) const NUMBERED_FORWARD: &str = r#"SELECT "scope", "branch", "revision", NULL, octet_length("document"), "id",
    "documentType", 'json', "documentId" FROM "Keyframe" WHERE "id" >= ?1 ORDER BY "id""#;
pub(super) const NUMBERED_BACKWARD: &str = r#"SELECT "scope", "branch", "revision", NULL, octet_length("document"), "id",
    "documentType", 'json', "documentId" FROM "Keyframe" WHERE "id" >= ?1 ORDER BY "id" DESC"#;

pub(super) const COUNT_TABLES: &str = "SELECT count(*) FROM sqlite_schema";
pub(super) const COUNT_OPERATIONS: &str = r#"SELECT count(*) FROM "Operation""#;
pub(super) const COUNT_KEYFRAMES: &str = r#"SELECT count(*) FROM "Keyframe""#;
/// Strictly checked, because `json` alone accepts some malformed JSONB. NULL for anything that is not JSON.
pub(super) const JSONB_TEXT: &str = "SELECT CASE WHEN json_valid(?1, 8) THEN json(?1) END";

pub(super) const LAST_OPERATION: &str = r#"SELECT "index", "opId" FROM "Operation"
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 ORDER BY "index" DESC LIMIT 1"#;
pub(super) const OPERATION_AT: &str = r#"SELECT "opId", "skip", "hash", "error", "deniedReason", "action"
    FROM "Operation" WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "index" = ?4"#;
/// Columns that may be absent come before the last one, so that the number of parameters stays the same.
pub(super) const INSERT_OPERATION: [(&str, &str); 15] = [
    (r#""jobId""#, "?1"),
    (r#""prevOpId""#, "?2"),
    (r#""writeTimestampUtcMs""#, "?3"),
    (r#""error""#, "?4"),
    (r#""deniedReason""#, "?5"),
    (r#""opId""#, "?6"),
    (r#""documentId""#, "?7"),
    (r#""documentType""#, "?8"),
    (r#""scope""#, "?9"),
    (r#""branch""#, "?10"),
    (r#""timestampUtcMs""#, "?11"),
    (r#""index""#, "?12"),
    (r#""action""#, "?13"),
    (r#""skip""#, "?14"),
    (r#""hash""#, "?15"),
];
pub(super) const REPLACE_KEYFRAME: &str = r#"UPDATE "Keyframe" SET "document" = ?5
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "revision" = ?4"#;
pub(super) const INSERT_KEYFRAME: &str = r#"INSERT INTO "Keyframe"
    ("documentId", "scope", "branch", "revision", "document", "documentType", "createdAt")
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"#;
pub(super) const DELETE_KEYFRAME: &str = r#"DELETE FROM "Keyframe"
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "revision" = ?4"#;
