//! The SQL of our own tables, by name. Values are always bound.
//!
//! Nothing here asks more of SQLite than releases of ten years ago can do (`WITHOUT ROWID`, partial indexes): a program
//! that comes with an old one has to be able to open the file.

/// What makes version N of version N − 1, for each N from 1.
pub(super) const MIGRATIONS: [&str; crate::store::records::VERSION as usize] = [r#"
CREATE TABLE "snapctl_schema" ("version" INTEGER PRIMARY KEY);
CREATE TABLE "snapctl_keyframe" (
  "documentId" TEXT NOT NULL,
  "scope" TEXT NOT NULL,
  "branch" TEXT NOT NULL,
  "revision" INTEGER NOT NULL,
  "codec" TEXT NOT NULL,
  "storedBytes" INTEGER NOT NULL,
  "bodyBytes" INTEGER NOT NULL,
  "createdAt" NOT NULL,
  "checkedAtMs" INTEGER,
  "failure" TEXT,
  "fingerprint" TEXT,
  "pinReason" TEXT,
  "pinUntilMs" INTEGER,
  "checksum" BLOB NOT NULL,
  "operationId" TEXT,
  "seal" BLOB,
  "stateHash" BLOB,
  "documentType" TEXT NOT NULL,
  "keyframeId" INTEGER NOT NULL,
  "body" INTEGER,
  "base" INTEGER,
  PRIMARY KEY ("documentId", "scope", "branch", "revision")
) WITHOUT ROWID;
CREATE INDEX "snapctl_keyframe_compressed" ON "snapctl_keyframe" ("documentId", "scope", "branch", "revision")
  WHERE "body" IS NOT NULL;
CREATE INDEX "snapctl_keyframe_base" ON "snapctl_keyframe" ("base") WHERE "base" IS NOT NULL;
CREATE INDEX "snapctl_keyframe_inserted" ON "snapctl_keyframe" ("keyframeId") WHERE "body" IS NOT NULL;
CREATE TABLE "snapctl_body" ("id" INTEGER PRIMARY KEY, "body" BLOB NOT NULL);
CREATE TABLE "snapctl_seal" (
  "documentId" TEXT NOT NULL,
  "scope" TEXT NOT NULL,
  "branch" TEXT NOT NULL,
  "revision" INTEGER NOT NULL,
  "seal" BLOB NOT NULL,
  "stateHash" BLOB NOT NULL,
  "fingerprint" TEXT NOT NULL,
  "checkedAtMs" INTEGER NOT NULL,
  PRIMARY KEY ("documentId", "scope", "branch")
) WITHOUT ROWID;
CREATE TABLE "snapctl_run" (
  "id" INTEGER PRIMARY KEY,
  "command" TEXT NOT NULL,
  "startedAtMs" INTEGER NOT NULL,
  "finishedAtMs" INTEGER
);
CREATE TABLE "snapctl_mutation" (
  "id" INTEGER PRIMARY KEY,
  "run" INTEGER NOT NULL,
  "atMs" INTEGER NOT NULL,
  "kind" TEXT NOT NULL,
  "documentId" TEXT NOT NULL,
  "scope" TEXT NOT NULL,
  "branch" TEXT NOT NULL,
  "revision" INTEGER NOT NULL,
  "undoneBy" INTEGER,
  "codec" TEXT,
  "documentType" TEXT,
  "createdAtMs" INTEGER,
  "checksum" BLOB,
  "bodyBytes" INTEGER,
  "bodyKept" INTEGER,
  "checkedAtMs" INTEGER,
  "failure" TEXT,
  "fingerprint" TEXT,
  "pinReason" TEXT,
  "pinUntilMs" INTEGER,
  "operationId" TEXT,
  "seal" BLOB,
  "stateHash" BLOB
);
CREATE INDEX "snapctl_mutation_run" ON "snapctl_mutation" ("run");
CREATE TABLE "snapctl_mutation_body" ("id" INTEGER PRIMARY KEY, "body" BLOB NOT NULL);
"#];

/// All tables of all versions. Their indexes go with them.
pub(super) const TABLES: [&str; 7] = [
    "snapctl_body",
    "snapctl_keyframe",
    "snapctl_mutation",
    "snapctl_mutation_body",
    "snapctl_run",
    "snapctl_schema",
    "snapctl_seal",
];

pub(super) const FIND_TABLES: &str =
    r#"SELECT "name" FROM sqlite_schema WHERE "name" >= 'snapctl_' AND "name" < 'snapctl`' AND "type" = 'table'"#;
pub(super) const VERSION: &str = r#"SELECT max("version") FROM "snapctl_schema""#;
pub(super) const PUT_VERSION: &str = r#"INSERT INTO "snapctl_schema" ("version") VALUES (?1)"#;

/// A statement for all streams, those of a document (`?1`), and one (`?1` to `?3`), in the order of streams.
pub(super) struct Scoped {
    pub(super) everything: &'static str,
    pub(super) document: &'static str,
    pub(super) stream: &'static str,
}

macro_rules! scoped {
    ($select:expr, $order:expr) => {
        Scoped {
            everything: concat!($select, " ORDER BY ", $order),
            document: concat!($select, r#" WHERE "documentId" = ?1 ORDER BY "#, $order),
            stream: concat!(
                $select,
                r#" WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 ORDER BY "#,
                $order
            ),
        }
    };
}

macro_rules! record {
    () => {
        r#"SELECT "documentId", "scope", "branch", "revision", "codec", "storedBytes", "bodyBytes", "createdAt", "checkedAtMs",
        "failure", "fingerprint", "pinReason", "pinUntilMs", "checksum", "operationId", "seal", "stateHash"
        FROM "snapctl_keyframe""#
    };
}

/// Columns in the order of `records::record`.
pub(super) const RECORDS: Scoped = scoped!(record!(), r#""documentId", "scope", "branch", "revision""#);
pub(super) const RECORD: &str =
    concat!(record!(), r#" WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "revision" = ?4"#);
pub(super) const NEWEST_SOUND: &str = concat!(
    record!(),
    r#" WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "revision" <= ?4
    AND "checkedAtMs" IS NOT NULL AND "failure" IS NULL ORDER BY "revision" DESC LIMIT 1"#
);

/// Columns as those of [`RECORDS`], as far as `records::known` needs them.
pub(super) const KNOWN: Scoped = scoped!(
    r#"SELECT "documentId", "scope", "branch", "revision", "codec", "storedBytes", "bodyBytes", "createdAt", "checkedAtMs",
    "failure", "fingerprint", "pinReason", "pinUntilMs" FROM "snapctl_keyframe""#,
    r#""documentId", "scope", "branch", "revision""#
);
/// Answered by an index alone, without a look at the table and its bodies.
pub(super) const LABELS: Scoped = scoped!(
    r#"SELECT "documentId", "scope", "branch", "revision" FROM "Keyframe""#,
    r#""documentId", "scope", "branch", "revision""#
);

/// Whether the reference's table has a keyframe.
pub(super) const HAS_KEYFRAME: &str = r#"SELECT 1 FROM "Keyframe"
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "revision" = ?4"#;

/// Records what a check found of a keyframe in the reference's table.
pub(super) const PUT_RECORD: &str = r#"INSERT INTO "snapctl_keyframe" ("documentId", "scope", "branch", "revision", "codec",
    "storedBytes", "bodyBytes", "createdAt", "checkedAtMs", "failure", "fingerprint", "pinReason", "pinUntilMs", "checksum",
    "operationId", "seal", "stateHash", "documentType", "keyframeId")
    SELECT "documentId", "scope", "branch", "revision", 'json', octet_length("document"), ?5, "createdAt", ?6, ?7, ?8, ?9, ?10,
    ?11, ?12, ?13, ?14, "documentType", "id" FROM "Keyframe"
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "revision" = ?4
    ON CONFLICT DO UPDATE SET "codec" = excluded."codec", "storedBytes" = excluded."storedBytes",
    "bodyBytes" = excluded."bodyBytes", "createdAt" = excluded."createdAt", "checkedAtMs" = excluded."checkedAtMs",
    "failure" = excluded."failure", "fingerprint" = excluded."fingerprint", "pinReason" = excluded."pinReason",
    "pinUntilMs" = excluded."pinUntilMs", "checksum" = excluded."checksum", "operationId" = excluded."operationId",
    "seal" = excluded."seal", "stateHash" = excluded."stateHash", "documentType" = excluded."documentType",
    "keyframeId" = excluded."keyframeId", "body" = NULL, "base" = NULL"#;
/// Records what a check found of a compressed keyframe, if its body is the one that is meant.
pub(super) const PUT_CHECK: &str = r#"UPDATE "snapctl_keyframe" SET "checkedAtMs" = ?6, "failure" = ?7, "fingerprint" = ?8,
    "pinReason" = ?9, "pinUntilMs" = ?10, "operationId" = ?12, "seal" = ?13, "stateHash" = ?14
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "revision" = ?4 AND "body" IS NOT NULL
    AND "bodyBytes" = ?5 AND "checksum" = ?11"#;
pub(super) const DELETE_RECORD: &str = r#"DELETE FROM "snapctl_keyframe"
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "revision" = ?4"#;

pub(super) const SEALS: Scoped = scoped!(
    r#"SELECT "documentId", "scope", "branch", "revision", "seal", "stateHash", "fingerprint", "checkedAtMs"
    FROM "snapctl_seal""#,
    r#""documentId", "scope", "branch""#
);
pub(super) const PUT_SEAL: &str = r#"INSERT OR REPLACE INTO "snapctl_seal"
    ("documentId", "scope", "branch", "revision", "seal", "stateHash", "fingerprint", "checkedAtMs")
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"#;
pub(super) const DELETE_SEAL: &str =
    r#"DELETE FROM "snapctl_seal" WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3"#;

pub(super) const TOTALS: &str = r#"SELECT count(*), count("checkedAtMs") - count("failure"), count("pinReason"),
    count(nullif("codec", 'json')), coalesce(sum(CASE WHEN "codec" <> 'json' THEN "storedBytes" END), 0)
    FROM "snapctl_keyframe""#;
pub(super) const COUNT_SEALS: &str = r#"SELECT count(*) FROM "snapctl_seal""#;
pub(super) const COUNT_MUTATIONS: &str = r#"SELECT count(*) FROM "snapctl_mutation""#;

pub(super) const RUNS: &str =
    r#"SELECT "id", "command", "startedAtMs", "finishedAtMs" FROM "snapctl_run" ORDER BY "id" DESC"#;
pub(super) const BEGIN_RUN: &str = r#"INSERT INTO "snapctl_run" ("command", "startedAtMs") VALUES (?1, ?2)"#;
pub(super) const FINISH_RUN: &str = r#"UPDATE "snapctl_run" SET "finishedAtMs" = ?2 WHERE "id" = ?1"#;

macro_rules! mutation {
    () => {
        r#"SELECT "id", "run", "atMs", "kind", "documentId", "scope", "branch", "revision", "undoneBy", "codec", "documentType",
        "createdAtMs", "checksum", "bodyBytes", "bodyKept", "checkedAtMs", "failure", "fingerprint", "pinReason", "pinUntilMs",
        "operationId", "seal", "stateHash" FROM "snapctl_mutation""#
    };
}

/// Columns in the order of `history::mutation`.
pub(super) const MUTATIONS: &str = concat!(mutation!(), r#" ORDER BY "id" DESC"#);
pub(super) const MUTATIONS_OF: &str = concat!(mutation!(), r#" WHERE "run" = ?1 ORDER BY "id" DESC"#);
pub(super) const PUT_MUTATION: &str = r#"INSERT INTO "snapctl_mutation" ("run", "atMs", "kind", "documentId", "scope", "branch",
    "revision", "codec", "documentType", "createdAtMs", "checksum", "bodyBytes", "bodyKept", "checkedAtMs", "failure",
    "fingerprint", "pinReason", "pinUntilMs", "operationId", "seal", "stateHash")
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)"#;
pub(super) const MARK_UNDONE: &str =
    r#"UPDATE "snapctl_mutation" SET "undoneBy" = ?2 WHERE "id" = ?1 AND "undoneBy" IS NULL"#;
pub(super) const MUTATION_BODY: &str = r#"SELECT "body" FROM "snapctl_mutation_body" WHERE "id" = ?1"#;
pub(super) const PUT_MUTATION_BODY: &str = r#"INSERT INTO "snapctl_mutation_body" ("id", "body") VALUES (?1, ?2)"#;
pub(super) const FORMER_ROW: &str = r#"SELECT "documentType", "createdAt", 'json' FROM "Keyframe"
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "revision" = ?4"#;
pub(super) const FORMER_COMPRESSED: &str = r#"SELECT "documentType", "createdAt", "codec" FROM "snapctl_keyframe"
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "revision" = ?4 AND "body" IS NOT NULL"#;
