//! The SQL of our own tables, by name. Values are always bound.
//!
//! Nothing here asks more of SQLite than releases of ten years ago can do (`WITHOUT ROWID`, partial indexes): a program
//! that comes with an old one has to be able to open the file.

/// What makes version N of version N − 1, for each N from 1.
pub(super) const MIGRATIONS: [&str; crate::store::records::VERSION as usize] = [
    r#"
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
  "keyframeId" INTEGER,
  "body" INTEGER,
  "base" INTEGER,
  PRIMARY KEY ("documentId", "scope", "branch", "revision")
) WITHOUT ROWID;
CREATE INDEX "snapctl_keyframe_compressed" ON "snapctl_keyframe" ("documentId", "scope", "branch", "revision")
  WHERE "body" IS NOT NULL;
CREATE INDEX "snapctl_keyframe_base" ON "snapctl_keyframe" ("base", "storedBytes") WHERE "base" IS NOT NULL;
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
"#,
    r#"
ALTER TABLE "snapctl_keyframe" ADD COLUMN "newestTimeMs" INTEGER;
ALTER TABLE "snapctl_mutation" ADD COLUMN "newestTimeMs" INTEGER;
"#,
];

/// Columns that tables of older versions lack, each with the version that added it. Only statements that go through
/// `Transaction::prepare_own`, and such as run after `Transaction::make_own`, may name them.
pub(super) const ADDED: [(u32, &str); 1] = [(2, "newestTimeMs")];

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
        "failure", "fingerprint", "pinReason", "pinUntilMs", "checksum", "operationId", "seal", "stateHash", "newestTimeMs"
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
    "operationId", "seal", "stateHash", "newestTimeMs", "documentType", "keyframeId")
    SELECT "documentId", "scope", "branch", "revision", 'json', octet_length("document"), ?5, "createdAt", ?6, ?7, ?8, ?9, ?10,
    ?11, ?12, ?13, ?14, ?15, "documentType", "id" FROM "Keyframe"
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "revision" = ?4
    ON CONFLICT DO UPDATE SET "codec" = excluded."codec", "storedBytes" = excluded."storedBytes",
    "bodyBytes" = excluded."bodyBytes", "createdAt" = excluded."createdAt", "checkedAtMs" = excluded."checkedAtMs",
    "failure" = excluded."failure", "fingerprint" = excluded."fingerprint", "pinReason" = excluded."pinReason",
    "pinUntilMs" = excluded."pinUntilMs", "checksum" = excluded."checksum", "operationId" = excluded."operationId",
    "seal" = excluded."seal", "stateHash" = excluded."stateHash", "newestTimeMs" = excluded."newestTimeMs",
    "documentType" = excluded."documentType",
    "keyframeId" = excluded."keyframeId", "body" = NULL, "base" = NULL"#;
/// Records what a check found of a compressed keyframe, if its body is the one that is meant.
pub(super) const PUT_CHECK: &str = r#"UPDATE "snapctl_keyframe" SET "checkedAtMs" = ?6, "failure" = ?7, "fingerprint" = ?8,
    "pinReason" = ?9, "pinUntilMs" = ?10, "operationId" = ?12, "seal" = ?13, "stateHash" = ?14, "newestTimeMs" = ?15
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

// Sizes are added with total(): a damaged one must not make the sum overflow, which is an error of sum().
pub(super) const TOTALS: &str = r#"SELECT count(*), count("checkedAtMs"), count("checkedAtMs") - count("failure"), count("pinReason"),
    count(nullif("codec", 'json')), CAST(total(CASE WHEN "codec" <> 'json' THEN "storedBytes" END) AS INTEGER)
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
        "operationId", "seal", "stateHash", "newestTimeMs" FROM "snapctl_mutation""#
    };
}

/// Columns in the order of `history::mutation`.
pub(super) const MUTATIONS: &str = concat!(mutation!(), r#" ORDER BY "id" DESC"#);
pub(super) const MUTATIONS_OF: &str = concat!(mutation!(), r#" WHERE "run" = ?1 ORDER BY "id" DESC"#);
pub(super) const PUT_MUTATION: &str = r#"INSERT INTO "snapctl_mutation" ("run", "atMs", "kind", "documentId", "scope", "branch",
    "revision", "codec", "documentType", "createdAtMs", "checksum", "bodyBytes", "bodyKept", "checkedAtMs", "failure",
    "fingerprint", "pinReason", "pinUntilMs", "operationId", "seal", "stateHash", "newestTimeMs")
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)"#;
pub(super) const MARK_UNDONE: &str =
    r#"UPDATE "snapctl_mutation" SET "undoneBy" = ?2 WHERE "id" = ?1 AND "undoneBy" IS NULL"#;
pub(super) const MUTATION_BODY: &str = r#"SELECT "body" FROM "snapctl_mutation_body" WHERE "id" = ?1"#;
pub(super) const PUT_MUTATION_BODY: &str = r#"INSERT INTO "snapctl_mutation_body" ("id", "body") VALUES (?1, ?2)"#;
pub(super) const FORMER_ROW: &str = r#"SELECT "documentType", "createdAt", 'json' FROM "Keyframe"
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "revision" = ?4"#;
pub(super) const FORMER_COMPRESSED: &str = r#"SELECT "documentType", "createdAt", "codec" FROM "snapctl_keyframe"
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "revision" = ?4 AND "body" IS NOT NULL"#;

/// Compressed keyframes, for the readers of keyframes: columns as those of the statements with the same names for the
/// reference's table.
pub(in crate::store::sqlite) const NEAREST_COMPRESSED: &str = r#"SELECT "scope", "branch", "revision", NULL, "storedBytes",
    "keyframeId", "documentType", "codec" FROM "snapctl_keyframe" INDEXED BY "snapctl_keyframe_compressed"
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "revision" >= 0 AND "revision" <= ?4
    AND "body" IS NOT NULL ORDER BY "revision" DESC LIMIT 1"#;

macro_rules! not_hidden {
    () => {
        r#""own"."body" IS NOT NULL AND NOT EXISTS (SELECT 1 FROM "Keyframe" AS "row"
        WHERE "row"."documentId" = "own"."documentId" AND "row"."scope" = "own"."scope"
        AND "row"."branch" = "own"."branch" AND "row"."revision" = "own"."revision")"#
    };
}

pub(in crate::store::sqlite) const KEYFRAME_LABELS: &str = concat!(
    r#"SELECT "scope", "branch", "revision", NULL, octet_length("document"), "id", "documentType", 'json' FROM "Keyframe"
    WHERE "documentId" = ?1
    UNION ALL SELECT "scope", "branch", "revision", NULL, "storedBytes", "keyframeId", "documentType", "codec"
    FROM "snapctl_keyframe" AS "own" WHERE "documentId" = ?1 AND "#,
    not_hidden!(),
    r#" ORDER BY 2, 1, 3"#
);
pub(in crate::store::sqlite) const KEYFRAMES: &str = concat!(
    r#"SELECT "scope", "branch", "revision", "createdAt", octet_length("document"), "id", "documentType", 'json'
    FROM "Keyframe" WHERE "documentId" = ?1
    UNION ALL SELECT "scope", "branch", "revision", "createdAt", "storedBytes", "keyframeId", "documentType", "codec"
    FROM "snapctl_keyframe" AS "own" WHERE "documentId" = ?1 AND "#,
    not_hidden!(),
    r#" ORDER BY 2, 1, 3"#
);
pub(in crate::store::sqlite) const KEYFRAMED_AFTER: &str = r#"SELECT "documentId", "documentType", "keyframeId"
    FROM "snapctl_keyframe" INDEXED BY "snapctl_keyframe_compressed"
    WHERE "body" IS NOT NULL AND "documentId" > ?1 ORDER BY "documentId" LIMIT 1"#;
pub(in crate::store::sqlite) const KEYFRAMED_FROM: &str = r#"SELECT "documentId", "documentType", "keyframeId"
    FROM "snapctl_keyframe" INDEXED BY "snapctl_keyframe_compressed"
    WHERE "body" IS NOT NULL AND "documentId" >= ?1 ORDER BY "documentId" LIMIT 1"#;
pub(in crate::store::sqlite) const COUNT_COMPRESSED: &str =
    concat!(r#"SELECT count(*) FROM "snapctl_keyframe" AS "own" WHERE "#, not_hidden!());

macro_rules! inserted {
    () => {
        r#"SELECT "keyframeId", "documentId", "scope", "branch", "documentType", "revision", "createdAt", "body", "base",
        "codec", "storedBytes", "checksum" FROM "snapctl_keyframe" AS "own""#
    };
}

/// In the order of insertion. Columns begin as those of the reference's table, without the document.
pub(in crate::store::sqlite) const INSERTED: &str = concat!(
    inserted!(),
    r#" INDEXED BY "snapctl_keyframe_inserted" WHERE "keyframeId" >= ?1 AND "#,
    not_hidden!(),
    r#" ORDER BY "keyframeId", "documentId", "scope", "branch", "revision""#
);
pub(in crate::store::sqlite) const INSERTED_ONE: &str = concat!(
    inserted!(),
    r#" WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "revision" = ?4 AND "body" IS NOT NULL"#
);
pub(in crate::store::sqlite) const INSERTED_PLACES: &str = concat!(
    r#"SELECT "keyframeId", "documentId", "scope", "branch", "revision" FROM "snapctl_keyframe" AS "own"
    WHERE "documentId" = ?1 AND (?2 IS NULL OR "scope" = ?2) AND (?3 IS NULL OR "branch" = ?3) AND "revision" >= ?4
    AND "revision" <= ?5 AND "keyframeId" >= ?6 AND "#,
    not_hidden!()
);

macro_rules! numbered {
    () => {
        concat!(
            r#"SELECT "scope", "branch", "revision", NULL, "storedBytes", "keyframeId", "documentType", "codec", "documentId"
            FROM "snapctl_keyframe" AS "own" INDEXED BY "snapctl_keyframe_inserted" WHERE "keyframeId" >= ?1 AND "#,
            not_hidden!(),
            r#" ORDER BY "keyframeId""#
        )
    };
}

/// As the statements of these names for the reference's table.
pub(in crate::store::sqlite) const NUMBERED_FORWARD: &str = numbered!();
pub(in crate::store::sqlite) const NUMBERED_BACKWARD: &str = concat!(numbered!(), " DESC");

macro_rules! body {
    () => {
        r#"SELECT "documentId", "scope", "branch", "revision", "body", "base", "codec", "storedBytes", "checksum"
        FROM "snapctl_keyframe""#
    };
}

/// Columns in the order of `bodies::Body`, after the place.
pub(super) const BODY: &str = concat!(
    body!(),
    r#" WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "revision" = ?4 AND "body" IS NOT NULL"#
);
pub(super) const COMPRESSED: &str =
    concat!(body!(), r#" WHERE "body" IS NOT NULL ORDER BY "documentId", "scope", "branch", "revision""#);
/// Those that need a base.
pub(super) const MEMBERS: &str =
    concat!(body!(), r#" WHERE "base" = ?1 ORDER BY "documentId", "scope", "branch", "revision""#);

pub(super) const BLOB: &str = r#"SELECT "body" FROM "snapctl_body" WHERE "id" = ?1"#;
pub(super) const PUT_BLOB: &str = r#"INSERT INTO "snapctl_body" ("body") VALUES (?1)"#;
pub(super) const REPLACE_BLOB: &str = r#"UPDATE "snapctl_body" SET "body" = ?2 WHERE "id" = ?1"#;
pub(super) const DROP_BLOB: &str = r#"DELETE FROM "snapctl_body" WHERE "id" = ?1"#;

/// The base of the nearest keyframe before a place that has one or is one.
pub(super) const GROUP_AT: &str = r#"SELECT coalesce("base", "body") FROM "snapctl_keyframe"
    INDEXED BY "snapctl_keyframe_compressed" WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "revision" < ?4
    AND "body" IS NOT NULL AND "codec" = 'zstd-delta' ORDER BY "revision" DESC LIMIT 1"#;
pub(super) const GROUP: &str = r#"SELECT octet_length("body"),
    (SELECT CAST(total("storedBytes") AS INTEGER) FROM "snapctl_keyframe" WHERE "base" = ?1),
    (SELECT count(*) FROM "snapctl_keyframe" WHERE "base" = ?1)
    FROM "snapctl_body" WHERE "id" = ?1"#;

/// A compressed keyframe that no other is in the place of. It goes behind all others in the order of insertion.
pub(super) const PUT_COMPRESSED: &str = r#"INSERT INTO "snapctl_keyframe" ("documentId", "scope", "branch", "revision", "codec",
    "storedBytes", "bodyBytes", "checksum", "body", "base", "documentType", "createdAt", "keyframeId")
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 1 + max(coalesce((SELECT max("id") FROM "Keyframe"), 0),
    coalesce((SELECT max("keyframeId") FROM "snapctl_keyframe" INDEXED BY "snapctl_keyframe_inserted" WHERE "body" IS NOT NULL), 0)))
    ON CONFLICT DO UPDATE SET "codec" = excluded."codec", "storedBytes" = excluded."storedBytes",
    "bodyBytes" = excluded."bodyBytes", "body" = excluded."body", "base" = excluded."base", "checksum" = excluded."checksum",
    "checkedAtMs" = CASE WHEN "checksum" = excluded."checksum" THEN "checkedAtMs" END,
    "failure" = CASE WHEN "checksum" = excluded."checksum" THEN "failure" END,
    "fingerprint" = CASE WHEN "checksum" = excluded."checksum" THEN "fingerprint" END,
    "operationId" = CASE WHEN "checksum" = excluded."checksum" THEN "operationId" END,
    "seal" = CASE WHEN "checksum" = excluded."checksum" THEN "seal" END,
    "stateHash" = CASE WHEN "checksum" = excluded."checksum" THEN "stateHash" END,
    "newestTimeMs" = CASE WHEN "checksum" = excluded."checksum" THEN "newestTimeMs" END"#;
pub(super) const NAME_BODY: &str = r#"UPDATE "snapctl_keyframe" SET "codec" = ?5, "storedBytes" = ?6, "body" = ?7, "base" = ?8
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "revision" = ?4"#;
pub(super) const MOVE_BODY: &str = r#"UPDATE "snapctl_keyframe" SET "storedBytes" = ?5, "base" = ?6
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "revision" = ?4"#;
/// With the number that it had, unless another has got that.
pub(super) const RESTORE_KEYFRAME: &str = r#"INSERT INTO "Keyframe"
    ("id", "documentId", "scope", "branch", "revision", "document", "documentType", "createdAt")
    SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM "Keyframe" WHERE "id" = "own"."keyframeId") THEN "keyframeId" END,
    "documentId", "scope", "branch", "revision", ?5, "documentType", "createdAt" FROM "snapctl_keyframe" AS "own"
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "revision" = ?4 AND "body" IS NOT NULL"#;
pub(super) const ROW_BYTES: &str = r#"SELECT octet_length("document") FROM "Keyframe"
    WHERE "documentId" = ?1 AND "scope" = ?2 AND "branch" = ?3 AND "revision" = ?4"#;
