//! `snapctl store check`: what is found in a file, and that the advice helps.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::process::Command;

use rusqlite::Connection;
use serde_json::{Value, json};
use snapctl::model::checksum::Checksum;
use snapctl::model::ids::{OpIndex, Revision, StreamKey};
use snapctl::model::time::Timestamp;
use snapctl::store::records::{NewRecord, Pin, StreamSeal};
use snapctl::store::{Access, Codec, NewKeyframe, Options, Store as _, Write, sqlite};

use crate::support::TestEnv;
use crate::support::tools;

const CHECK: [&str; 3] = ["store", "check", "--json"];

/// A drive with twenty folders, and statistics.
fn sound() -> TestEnv {
    TestEnv::with_store(|store| {
        store.drive("d1", "One", 20);
        store.sql("ANALYZE");
    })
}

fn sql(env: &TestEnv, sql: &str) {
    Connection::open(env.path("ops.db")).unwrap().execute_batch(sql).unwrap();
}

fn check(env: &TestEnv, options: &[&str]) -> (i32, Value) {
    let run = env.read(&[&CHECK, options].concat());
    (run.status, serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}")))
}

/// The codes of what counts.
fn codes(found: &Value) -> Vec<String> {
    let findings = found["findings"].as_array().unwrap().iter();
    findings.filter(|it| it["severity"] != "note").map(|it| it["code"].as_str().unwrap().to_owned()).collect()
}

/// The finding with a code; one that counts, if there is one.
fn finding<'f>(found: &'f Value, code: &str) -> &'f Value {
    let findings = found["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == code);
    let worst = findings.min_by_key(|finding| finding["severity"] == "note");
    worst.unwrap_or_else(|| panic!("no {code}: {found:#}"))
}

/// Finds `code`, follows the advice, and finds it no more.
fn is_mended(env: &TestEnv, code: &str) {
    let (status, found) = check(env, &["--bodies"]);
    assert_eq!(status, 1, "{found:#}");
    let advice = finding(&found, code)["advice"].as_str().unwrap();
    if !tools::has("sqlite3") {
        return tools::not_run(advice);
    }
    let output = Command::new("sh").args(["-c", advice]).current_dir(env.path(".")).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{advice}: {output:?}");
    let (_, found) = check(env, &["--bodies"]);
    assert!(!codes(&found).contains(&code.to_owned()), "{advice}: {found:#}");
}

#[test]
fn a_sound_store_is_clean_and_notes_do_not_count() {
    let env = sound();
    let run = env.read(&["store", "check"]);
    assert!(run.ok().ends_with("\n\nops.db: 2 notes\n"), "{}", run.stdout);
    assert!(run.stdout.starts_with("location           ops.db\npages "), "{}", run.stdout);
    for options in [&[][..], &["--quick"], &["--bodies"]] {
        let (status, found) = check(&env, options);
        assert_eq!((status, codes(&found), &found["notes"]), (0, vec![], &json!(2)), "{found:#}");
        let known = finding(&found, "index-redundant");
        assert!(known["message"].as_str().unwrap().contains("keyframe_lookup"), "{known}");
    }
    sql(&env, "DROP INDEX keyframe_lookup; PRAGMA journal_mode = WAL");
    let text = env.read(&["store", "check"]);
    assert!(text.ok().ends_with("\nops.db: nothing to complain about\n"), "{}", text.stdout);
}

#[test]
fn every_fixture_is_sound() {
    for name in ["drive", "notes", "undo", "upgrade"] {
        let file = format!("{}/fixtures/{name}.sqlite", env!("CARGO_MANIFEST_DIR"));
        let run = TestEnv::new().run(&["store", "check", "--bodies", "--json", "--store", &file]);
        assert_eq!(run.json()["errors"], 0, "{name}");
    }
}

#[test]
fn indexes_that_are_missing_or_of_no_use_are_told() {
    let env = sound();
    sql(&env, r#"DROP INDEX "streamOperations"; CREATE INDEX mine ON "Operation" ("documentId", "scope")"#);
    sql(&env, r#"CREATE INDEX partly ON "Operation" ("documentId") WHERE "error" IS NOT NULL"#);
    sql(&env, r#"CREATE INDEX folded ON "Operation" ("documentId" COLLATE NOCASE)"#);
    sql(
        &env,
        r#"CREATE INDEX down ON "Operation" ("documentId" DESC); CREATE INDEX expr ON "Operation" (length("hash"))"#,
    );
    let (status, found) = check(&env, &[]);
    assert_eq!(
        (status, codes(&found)),
        (1, vec!["index-missing".to_owned(), "index-redundant".to_owned()]),
        "{found:#}"
    );
    let missing = "table Operation lacks the index streamOperations";
    assert_eq!(finding(&found, "index-missing")["message"], missing);
    let redundant = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["severity"] == "warning" && it["code"] == "index-redundant");
    assert!(
        redundant.unwrap()["message"].as_str().unwrap().starts_with("index mine of table Operation does nothing that")
    );
    is_mended(&env, "index-missing");
    sql(&env, "DROP INDEX mine");
    assert_eq!(check(&env, &[]).0, 0);
    // Two that are the same: one of them goes.
    sql(&env, r#"CREATE INDEX a ON "Operation" ("timestampUtcMs"); CREATE INDEX b ON "Operation" ("timestampUtcMs")"#);
    let (_, found) = check(&env, &[]);
    assert_eq!(codes(&found), ["index-redundant"], "{found:#}");
    is_mended(&env, "index-redundant");
    assert_eq!(check(&env, &[]).0, 0);
}

/// Makes the table of operations anew, without its unique keys.
fn without_keys(env: &TestEnv) {
    sql(
        env,
        r#"CREATE TABLE copy AS SELECT * FROM "Operation"; DROP TABLE "Operation"; ALTER TABLE copy RENAME TO "Operation";
           ANALYZE"#,
    );
}

#[test]
fn rows_that_break_unique_keys_are_found_where_nothing_keeps_them_out() {
    let env = sound();
    without_keys(&env);
    let (_, found) = check(&env, &["--quick"]);
    assert_eq!(codes(&found), vec!["index-missing"; 4], "{found:#}");
    sql(&env, r#"INSERT INTO "Operation" SELECT * FROM "Operation" WHERE "index" < 3 AND "scope" = 'global'"#);
    for options in [&[][..], &["--quick"]] {
        let (status, found) = check(&env, options);
        assert_eq!(status, 1);
        assert_eq!(finding(&found, "duplicate-operation")["count"], 3, "{found:#}");
        assert_eq!(finding(&found, "duplicate-operation")["examples"][0], "d1 global main 0 2");
        assert_eq!(finding(&found, "duplicate-instance")["count"], 3);
    }
}

#[test]
fn space_that_is_free_and_rows_that_refer_to_nothing_are_told() {
    let env = sound();
    sql(&env, "CREATE TABLE waste (bytes BLOB); INSERT INTO waste VALUES (zeroblob(4000000)); DROP TABLE waste");
    let (_, found) = check(&env, &[]);
    assert_eq!(codes(&found), ["free-pages"]);
    assert!(found["facts"]["freeShare"].as_f64().unwrap() > 0.9, "{found:#}");
    is_mended(&env, "free-pages");
    sql(
        &env,
        "PRAGMA foreign_keys = OFF; CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a REFERENCES a (id));
         INSERT INTO b VALUES (7)",
    );
    let (_, found) = check(&env, &["--quick"]);
    assert_eq!(codes(&found), ["foreign-key"]);
    assert_eq!(finding(&found, "foreign-key")["examples"], json!(["b 1 a"]));
}

#[test]
fn a_log_that_was_not_copied_is_told_while_its_writer_is_there() {
    let env = sound();
    let writer = Connection::open(env.path("ops.db")).unwrap();
    writer.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE w (b BLOB)").unwrap();
    let (status, found) = check(&env, &[]);
    assert_eq!((status, &finding(&found, "log-pending")["severity"]), (0, &json!("note")));
    writer.execute_batch("INSERT INTO w VALUES (zeroblob(20000000))").unwrap();
    let (status, found) = check(&env, &[]);
    assert_eq!((status, codes(&found)), (1, vec!["log-pending".to_owned()]));
    assert!(found["facts"]["logPendingPages"].as_u64().unwrap() > 4_800, "{found:#}");
    assert!(found["facts"]["logBytes"].as_u64().unwrap() > 20_000_000);
    writer.query_row("PRAGMA wal_checkpoint(FULL)", [], |_| Ok(())).unwrap();
    let (status, found) = check(&env, &[]);
    assert_eq!((status, &found["facts"]["logPendingPages"]), (0, &json!(0)), "{found:#}");
    writer.execute_batch("INSERT INTO w VALUES (zeroblob(20000000))").unwrap();
    // Without the shared index, as after a crash or in a copy.
    for ending in ["", "-wal"] {
        std::fs::copy(env.path(&format!("ops.db{ending}")), env.path(&format!("copy.db{ending}"))).unwrap();
    }
    let run = env.run(&["store", "check", "--store", "copy.db", "--json"]);
    assert_eq!(run.status, 1, "{run:?}");
    assert!(!env.path("copy.db-shm").exists(), "nothing is made");
}

fn stream() -> StreamKey {
    StreamKey { document: "d1".into(), scope: "global".into(), branch: "main".into() }
}

fn at(revision: u64) -> Revision {
    Revision::of(OpIndex::new(revision))
}

fn change(env: &TestEnv, change: impl FnOnce(&mut dyn Write)) {
    let options = Options { access: Access::Change, ..Options::default() };
    let store = sqlite::open(&env.path("ops.db"), &options).unwrap();
    let mut write = store.write().unwrap();
    change(&mut *write);
    write.commit().unwrap();
}

/// With keyframes of all codecs, records, a seal and a history.
fn kept() -> TestEnv {
    let env = sound();
    change(&env, |write| {
        let created = Timestamp::from_millis(7).unwrap();
        for (revision, codec) in [(1, Codec::Json), (2, Codec::Zstd), (3, Codec::ZstdDelta), (4, Codec::ZstdDelta)] {
            let document = format!(r#"{{"header":{{}},"state":"{}","n":{revision}}}"#, "text ".repeat(60));
            let (document_type, document) = ("powerhouse/document-drive".into(), document.as_bytes());
            let (stream, document_type) = (&stream(), &document_type);
            let keyframe = NewKeyframe { stream, revision: at(revision), document_type, document, created };
            write.put_keyframe_as(&keyframe, codec).unwrap();
            let (checksum, body_bytes) = (Checksum::of(document), document.len() as u64);
            let pin = Pin { reason: "kept".into(), expires: None };
            let record =
                NewRecord { stream, revision: at(revision), checksum, body_bytes, check: None, pin: Some(&pin) };
            assert!(write.records_mut().unwrap().put_record(&record).unwrap());
        }
        let seal = StreamSeal {
            stream: stream(),
            revision: at(3),
            seal: snapctl::model::seal::Seal::EMPTY,
            state_hash: snapctl::model::json::hash_canonical(None),
            fingerprint: "f".into(),
            checked: created,
        };
        write.records_mut().unwrap().put_seal(&seal).unwrap();
        let run = write.history_mut().unwrap().begin_run("keyframe prune", created).unwrap();
        write.history_mut().unwrap().finish_run(run, created).unwrap();
    });
    let (status, found) = check(&env, &["--bodies"]);
    assert_eq!((status, codes(&found)), (0, vec![]), "{found:#}");
    assert_eq!((&found["facts"]["keyframesCompared"], &found["facts"]["ownTablesVersion"]), (&json!(4), &json!(2)));
    env
}

#[test]
fn what_is_wrong_in_our_own_tables_is_told_with_what_helps() {
    let env = kept();
    sql(&env, r#"DELETE FROM "Keyframe" WHERE "revision" = 1"#);
    let (status, found) = check(&env, &[]);
    assert_eq!((status, codes(&found)), (1, vec!["record-orphan".to_owned()]));
    assert_eq!(finding(&found, "record-orphan")["examples"], json!(["d1/global:1"]));
    is_mended(&env, "record-orphan");

    let env = kept();
    sql(&env, "INSERT INTO snapctl_body (body) VALUES (x'00')");
    is_mended(&env, "body-orphan");

    let env = kept();
    sql(&env, "INSERT INTO snapctl_mutation_body VALUES (99, x'00')");
    is_mended(&env, "history-orphan");

    let env = kept();
    sql(&env, "UPDATE snapctl_run SET finishedAtMs = NULL");
    let (status, found) = check(&env, &[]);
    assert_eq!((status, &finding(&found, "run-unfinished")["examples"][0]), (0, &json!("1: keyframe prune")));

    let env = kept();
    sql(&env, r#"DELETE FROM "Operation" WHERE "scope" = 'global' AND "index" >= 2"#);
    let (_, found) = check(&env, &[]);
    assert_eq!(codes(&found), ["seal-orphan"]);
    assert_eq!(finding(&found, "seal-orphan")["advice"], "snapctl --store ops.db verify --record d1/global");

    let env = kept();
    sql(&env, "DELETE FROM snapctl_body WHERE id IN (SELECT body FROM snapctl_keyframe WHERE revision IN (2, 3))");
    let (_, found) = check(&env, &[]);
    assert_eq!(codes(&found), ["body-missing", "base-missing"]);
    assert_eq!(finding(&found, "body-missing")["count"], 2);
    let advice = "snapctl --store ops.db keyframe write d1/global --at 2 --replace";
    assert_eq!(finding(&found, "body-missing")["advice"], advice);
}

#[test]
fn bodies_are_compared_when_asked() {
    let env = kept();
    sql(
        &env,
        "UPDATE snapctl_body SET body = x'28b52ffd' WHERE id = (SELECT body FROM snapctl_keyframe WHERE revision = 2)",
    );
    sql(&env, r#"UPDATE "Keyframe" SET "document" = '{}'"#);
    assert_eq!(check(&env, &[]).0, 0, "bodies are not read");
    let (status, found) = check(&env, &["--bodies"]);
    assert_eq!((status, codes(&found)), (1, vec!["body-damaged".to_owned(), "record-stale".to_owned()]), "{found:#}");
    let example = finding(&found, "body-damaged")["examples"][0].as_str().unwrap().to_owned();
    assert!(example.starts_with("d1/global:2: it cannot be decompressed"), "{example}");
    sql(&env, "UPDATE snapctl_keyframe SET checksum = x'00' WHERE revision = 3");
    let (_, found) = check(&env, &["--bodies"]);
    assert!(codes(&found).contains(&"own-row".to_owned()), "{found:#}");
}

#[test]
fn other_versions_and_parts_of_our_tables_are_told() {
    let env = kept();
    sql(&env, "INSERT INTO snapctl_schema VALUES (9)");
    let (status, found) = check(&env, &["--bodies"]);
    assert_eq!((status, codes(&found)), (1, vec!["own-version".to_owned()]));
    assert_eq!(finding(&found, "own-version")["advice"], Value::Null);
    sql(&env, "DELETE FROM snapctl_schema WHERE version = 9; DROP TABLE snapctl_seal");
    let (status, found) = check(&env, &[]);
    assert_eq!((status, codes(&found)), (1, vec!["own-partial".to_owned()]));
}

#[test]
fn a_damaged_file_gives_findings_and_never_a_panic() {
    let env = kept();
    let whole = std::fs::read(env.path("ops.db")).unwrap();
    let mut seen = 0;
    for page in 0..whole.len() / 4096 {
        for (at, bytes) in [(0, vec![0xff; 64]), (8, vec![0; 600]), (2000, vec![0xa5; 2096])] {
            let mut damaged = whole.clone();
            let at = page * 4096 + at;
            damaged[at..at + bytes.len()].copy_from_slice(&bytes);
            std::fs::write(env.path("ops.db"), &damaged).unwrap();
            let run = env.read(&[&CHECK[..], &["--bodies"]].concat());
            assert!(matches!(run.status, 0 | 1 | 10 | 12 | 13), "page {page}, {at}: {run:?}");
            assert!(!run.stderr.contains("panicked"), "{run:?}");
            seen += u32::from(run.status == 1);
            let found: Value = serde_json::from_str(&run.stdout).unwrap_or_default();
            let findings = found["findings"].as_array().cloned().unwrap_or_default();
            if findings.iter().any(|finding| finding["code"] == "file-damaged") {
                let is_sober = |it: &Value| {
                    it["severity"] == "error" && it["advice"].as_str().is_none_or(|it| it.contains(".recover"))
                };
                assert!(findings.iter().all(is_sober), "nothing is tidied up before the rest is saved: {found:#}");
            }
        }
    }
    assert!(seen > 20, "{seen} of damaged files were found");
    for length in (0..whole.len()).step_by(5_000) {
        std::fs::write(env.path("ops.db"), &whole[..length]).unwrap();
        let run = env.read(&CHECK);
        assert!(matches!(run.status, 1 | 10), "{length}: {run:?}");
    }
    std::fs::write(env.path("ops.db"), &whole[..20_000]).unwrap();
    let (_, found) = check(&env, &[]);
    let example = finding(&found, "file-damaged")["examples"][0].as_str().unwrap();
    assert!(example.starts_with("it is 20000 bytes long, where its header says"), "{example}");
    assert_eq!(finding(&found, "file-damaged")["advice"], "sqlite3 ops.db .recover | sqlite3 ops.db.recovered");
    assert_eq!(found["facts"], Value::Null);
}

#[test]
fn an_index_that_lost_a_row_is_told_and_mended() {
    let env = sound();
    let connection = Connection::open(env.path("ops.db")).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE t (a TEXT); CREATE INDEX ta ON t (a); INSERT INTO t VALUES ('needle-one'), ('needle-two');",
        )
        .unwrap();
    let root: u64 = connection
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'ta'", [], |row| row.get::<_, i64>(0))
        .unwrap()
        .unsigned_abs();
    drop(connection);
    let bytes = std::fs::read(env.path("ops.db")).unwrap();
    let start = usize::try_from((root - 1) * 4096).unwrap();
    let at = start + bytes[start..].windows(10).position(|text| text == b"needle-two").unwrap();
    let mut file = std::fs::OpenOptions::new().write(true).open(env.path("ops.db")).unwrap();
    file.seek(SeekFrom::Start(at as u64)).unwrap();
    file.write_all(b"noodle-two").unwrap();
    drop(file);
    assert_eq!(check(&env, &["--quick"]).0, 0, "a quick check does not look into indexes");
    let (status, found) = check(&env, &[]);
    assert_eq!((status, codes(&found)), (1, vec!["index-damaged".to_owned()]), "{found:#}");
    is_mended(&env, "index-damaged");
}

#[test]
fn advice_can_be_copied_whatever_the_name_of_the_file() {
    let env = TestEnv::new();
    // What has the name of an archive is an SQLite file only if that is said.
    let names =
        [("", "my ops.db"), ("", "it's \"here\".db"), ("", "$HOME;ls.db"), ("", "-v.db"), ("sqlite:", "old.zip")];
    for (scheme, name) in names {
        let sign = format!("--store={scheme}{name}");
        crate::support::StoreFile::create(&env.path(name)).drive("d", "D", 2);
        let drop = r#"DROP INDEX "branchlessStreamOperations""#;
        Connection::open(env.path(name)).unwrap().execute_batch(drop).unwrap();
        let run = env.run(&["store", "check", "--json", &sign]);
        let found: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}"));
        assert_eq!((run.status, codes(&found)), (1, vec!["index-missing".to_owned()]));
        let advice = finding(&found, "index-missing")["advice"].as_str().unwrap();
        if !tools::has("sqlite3") {
            tools::not_run(advice);
            continue;
        }
        let output = Command::new("sh").args(["-c", advice]).current_dir(env.path(".")).output().unwrap();
        assert!(output.status.success(), "{advice}: {output:?}");
        assert_eq!(env.run(&["store", "check", &sign]).status, 0, "{name}");
    }
}

#[test]
fn what_cannot_be_checked_says_so() {
    let env = sound();
    let codes = |args: &[&str]| {
        let error = env.run(&[&CHECK, args].concat());
        (error.status, error.error(error.status)["code"].as_str().unwrap().to_owned())
    };
    assert_eq!(codes(&["--store", "none.db"]), (10, "store-missing".to_owned()));
    let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/field-notes.phd");
    assert_eq!(codes(&["--store", archive]), (12, "check-unsupported".to_owned()));
    assert_eq!(codes(&["--store", "memory:"]), (12, "check-unsupported".to_owned()));
    std::fs::write(env.path("text.db"), "some notes").unwrap();
    assert_eq!(codes(&["--store", "text.db"]), (10, "not-a-store".to_owned()));
    let writer = Connection::open(env.path("ops.db")).unwrap();
    writer.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert_eq!(codes(&["--store", "ops.db", "--busy-timeout", "20ms"]), (11, "store-busy".to_owned()));
    let run = env.run(&["store", "check", "--store", "ops.db", "--timeout", "1ms"]);
    assert!(matches!(run.status, 5 | 11), "{run:?}");
}
