//! The SQL of checks, by name. Values are always bound.

pub(super) const INTEGRITY: &str = "PRAGMA integrity_check(100)";
pub(super) const QUICK: &str = "PRAGMA quick_check(100)";
pub(super) const FOREIGN_KEYS: &str = "SELECT \"table\", rowid, parent FROM pragma_foreign_key_check";
pub(super) const PAGES: &str = "PRAGMA page_count";
pub(super) const FREE_PAGES: &str = "PRAGMA freelist_count";
pub(super) const AUTO_VACUUM: &str = "PRAGMA auto_vacuum";

/// Tables of others.
pub(super) const TABLES: &str = r"SELECT name FROM sqlite_schema WHERE type = 'table'
    AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE 'snapctl\_%' ESCAPE '\' ORDER BY name";
/// The column that is another name of the row's number, if a table has one.
pub(super) const ROWID: &str = r"SELECT max(name) FROM pragma_table_xinfo(?1) WHERE pk > 0
    GROUP BY NULL HAVING count(*) = 1 AND upper(max(type)) = 'INTEGER'";
pub(super) const INDEXES: &str =
    r#"SELECT name, "unique", origin, partial FROM pragma_index_list(?1) ORDER BY origin = 'c', seq DESC"#;
pub(super) const INDEX_COLUMNS: &str =
    r#"SELECT name, "desc", coll FROM pragma_index_xinfo(?1) WHERE "key" = 1 ORDER BY seqno"#;
/// Bytes of all pages of an index.
pub(super) const INDEX_BYTES: &str = "SELECT pgsize FROM dbstat WHERE name = ?1 AND aggregate = TRUE";

pub(super) const HAS_STATISTICS: &str = "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'";
pub(super) const STATISTICS: &str = "SELECT 1 FROM sqlite_stat1 WHERE tbl = 'Operation' LIMIT 1";
pub(super) const HAS_OPERATION: &str = r#"SELECT 1 FROM "Operation" LIMIT 1"#;

/// Rows that have what must be unique in common: its parts, and how many rows.
pub(super) const DUPLICATE_OPERATIONS: &str = r#"SELECT "documentId", "scope", "branch", "index", count(*) FROM "Operation"
    GROUP BY "documentId", "scope", "branch", "index" HAVING count(*) > 1"#;
pub(super) const DUPLICATE_INSTANCES: &str = r#"SELECT "opId", "index", "skip", count(*) FROM "Operation"
    GROUP BY "opId", "index", "skip" HAVING count(*) > 1"#;
pub(super) const DUPLICATE_KEYFRAMES: &str = r#"SELECT "documentId", "scope", "branch", "revision", count(*) FROM "Keyframe"
    GROUP BY "documentId", "scope", "branch", "revision" HAVING count(*) > 1"#;

/// Records without `body` are of keyframes in the reference's table.
pub(super) const RECORD_ORPHANS: &str = r#"SELECT "documentId", "scope", "branch", "revision" FROM "snapctl_keyframe" AS "own"
    WHERE "body" IS NULL AND NOT EXISTS (SELECT 1 FROM "Keyframe" AS "row" WHERE "row"."documentId" = "own"."documentId"
    AND "row"."scope" = "own"."scope" AND "row"."branch" = "own"."branch" AND "row"."revision" = "own"."revision")"#;
pub(super) const FORGET_RECORD_ORPHANS: &str = r#"DELETE FROM "snapctl_keyframe" AS "own" WHERE "body" IS NULL AND NOT EXISTS (SELECT 1 FROM "Keyframe" AS "row" WHERE "row"."documentId" = "own"."documentId" AND "row"."scope" = "own"."scope" AND "row"."branch" = "own"."branch" AND "row"."revision" = "own"."revision")"#;
pub(super) const BODIES_MISSING: &str = r#"SELECT "documentId", "scope", "branch", "revision" FROM "snapctl_keyframe"
    WHERE "body" IS NOT NULL AND "body" NOT IN (SELECT "id" FROM "snapctl_body")"#;
pub(super) const BASES_MISSING: &str = r#"SELECT "documentId", "scope", "branch", "revision" FROM "snapctl_keyframe"
    WHERE "base" IS NOT NULL AND "base" NOT IN (SELECT "id" FROM "snapctl_body")"#;
pub(super) const BODY_ORPHANS: &str = r#"SELECT "id" FROM "snapctl_body" WHERE "id" NOT IN (
    SELECT "body" FROM "snapctl_keyframe" WHERE "body" IS NOT NULL
    UNION ALL SELECT "base" FROM "snapctl_keyframe" WHERE "base" IS NOT NULL)"#;
pub(super) const DROP_BODY_ORPHANS: &str = r#"DELETE FROM "snapctl_body" WHERE "id" NOT IN (SELECT "body" FROM "snapctl_keyframe" WHERE "body" IS NOT NULL UNION ALL SELECT "base" FROM "snapctl_keyframe" WHERE "base" IS NOT NULL)"#;
pub(super) const SEAL_ORPHANS: &str = r#"SELECT "documentId", "scope", "branch", "revision" FROM "snapctl_seal" AS "own"
    WHERE NOT EXISTS (SELECT 1 FROM "Operation" AS "row" WHERE "row"."documentId" = "own"."documentId"
    AND "row"."scope" = "own"."scope" AND "row"."branch" = "own"."branch" AND "row"."index" = "own"."revision")"#;
pub(super) const HISTORY_ORPHANS: &str = r#"SELECT 'change ' || "id" FROM "snapctl_mutation"
    WHERE "run" NOT IN (SELECT "id" FROM "snapctl_run") UNION ALL SELECT 'body ' || "id" FROM "snapctl_mutation_body"
    WHERE "id" NOT IN (SELECT "id" FROM "snapctl_mutation")"#;
pub(super) const DROP_HISTORY_ORPHANS: &str = r#"DELETE FROM "snapctl_mutation" WHERE "run" NOT IN (SELECT "id" FROM "snapctl_run"); DELETE FROM "snapctl_mutation_body" WHERE "id" NOT IN (SELECT "id" FROM "snapctl_mutation")"#;
pub(super) const RUNS_UNFINISHED: &str =
    r#"SELECT "id" || ': ' || "command" FROM "snapctl_run" WHERE "finishedAtMs" IS NULL ORDER BY "id""#;
