//! SQLite files as they occur: foreign, damaged, and with another program at work.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::SystemTime;

use rusqlite::Connection;
use snapctl::model::ids::{Span, StreamKey};
use snapctl::model::time::Timestamp;
use snapctl::store::records::{OwnTables, VERSION, Within};
use snapctl::store::{Codec, Detail, Fact, Flow, Options, Order, Read, Store, StoreError, Stores, answer, sqlite};

use crate::store_conformance::{append, at, key, op, put};

/// A store with one stream of `operations` operations and a keyframe, in a directory of its own.
struct Fixture {
    directory: tempfile::TempDir,
    path: PathBuf,
}

fn stream() -> StreamKey {
    key("doc", "global", "main")
}

impl Fixture {
    fn new(operations: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a store.db");
        let store = sqlite::create(&path).unwrap();
        let mut write = store.write().unwrap();
        append(&mut *write, &stream(), &(0..operations).map(op).collect::<Vec<_>>()).unwrap();
        put(&mut *write, &stream(), 1, r#"{"r":1}"#);
        write.commit().unwrap();
        Fixture { directory, path }
    }

    /// The same, changed behind the store's back.
    fn changed(statements: &str) -> Self {
        let fixture = Fixture::new(4);
        fixture.sql(statements);
        fixture
    }

    fn sql(&self, statements: &str) {
        Connection::open(&self.path).unwrap().execute_batch(statements).unwrap();
    }

    fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        let options = Options { busy_timeout_ms: NonZeroU64::new(50), ..Options::default() };
        Stores::built_in().open(self.path.to_str().unwrap(), &options)
    }

    /// Every file in the directory with its content and time.
    fn files(&self) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
        let entries = fs::read_dir(self.directory.path()).unwrap().map(|entry| entry.unwrap());
        entries
            .map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                // Not the file itself: closing it would drop the locks of connections in this process.
                let content = if name.ends_with("-shm") || entry.path() == self.path {
                    cat(&entry.path())
                } else {
                    fs::read(entry.path()).unwrap()
                };
                (name, (content, entry.metadata().unwrap().modified().unwrap()))
            })
            .collect()
    }

    fn names(&self) -> Vec<String> {
        self.files().into_keys().collect()
    }
}

/// Reads a file in another process.
fn cat(path: &Path) -> Vec<u8> {
    Command::new("cat").arg(path).output().unwrap().stdout
}

fn count(read: &dyn Read) -> Result<usize, StoreError> {
    let mut n = 0;
    read.operations(&stream(), Span::ALL, Order::Forward, &mut |_| {
        n += 1;
        Flow::Continue(())
    })?;
    Ok(n)
}

/// The message of the error of anything that is read from the fixture.
fn refusal(fixture: &Fixture) -> StoreError {
    match fixture.open() {
        Ok(store) => everything(&*store).expect_err("something is wrong"),
        Err(error) => error,
    }
}

/// Reads all there is.
fn everything(store: &dyn Store) -> Result<(), StoreError> {
    answer(store, |read| {
        let mut ids = Vec::new();
        read.documents("", &mut |entry| {
            ids.push(entry.id);
            Flow::Continue(())
        })?;
        for document in ids {
            for head in read.streams(&document)? {
                let stream = StreamKey { document: document.clone(), scope: head.scope, branch: head.branch };
                for order in [Order::Forward, Order::Backward] {
                    read.operations(&stream, Span::ALL, order, &mut |_| Flow::Continue(()))?;
                }
                read.skips(&stream, Span::ALL)?;
                read.newest_time(&stream, Span::ALL)?;
                read.nearest_keyframe(&stream, at(u64::MAX))?;
            }
            read.keyframes(&document, Detail::Created, &mut |_| Flow::Continue(()))?;
        }
        read.records().tables()?;
        read.records().keyframe_records(Within::Everything, &mut |_| Flow::Continue(()))?;
        read.records().inventory(Within::Everything, &mut |_| Flow::Continue(()))?;
        read.records().stream_seals(Within::Everything, &mut |_| Flow::Continue(()))?;
        read.history().runs(&mut |_| Flow::Continue(()))?;
        read.info().map(|_| ())
    })
}

#[test]
fn what_is_not_a_store_is_refused_by_cause() {
    let directory = tempfile::tempdir().unwrap();
    let open = |name: &str| {
        let path = directory.path().join(name);
        let error = sqlite::open(&path, &Options::default()).err().expect("refused");
        (error.to_string().replace(path.to_str().unwrap(), "PATH"), error)
    };
    assert!(matches!(open("none"), (message, StoreError::Missing { .. }) if message == "PATH: no such store"));
    assert!(fs::read_dir(directory.path()).unwrap().next().is_none(), "nothing was created");
    fs::write(directory.path().join("empty"), "").unwrap();
    fs::write(directory.path().join("text"), "hello, world\n".repeat(100)).unwrap();
    fs::create_dir(directory.path().join("folder")).unwrap();
    Connection::open(directory.path().join("other")).unwrap().execute_batch("CREATE TABLE operations (a)").unwrap();
    for (name, reason) in [
        ("empty", "the file is empty"),
        ("text", "the file is not an SQLite database"),
        ("folder", "it is a directory"),
        ("other", "an SQLite file without a table Operation"),
    ] {
        let (message, error) = open(name);
        assert!(matches!(error, StoreError::NotAStore { .. }), "{name}: {error:?}");
        assert_eq!(message, format!("PATH is not a store: {reason}"));
    }
    assert!(matches!(open("text/store.db").1, StoreError::Missing { .. }));
    assert!(matches!(sqlite::create(&directory.path().join("text")), Err(StoreError::Exists { .. })));
    assert!(matches!(sqlite::create(&directory.path().join("none/store.db")), Err(StoreError::Unavailable { .. })));
    // An empty file holds nothing, and a process that was stopped while it made a store leaves one.
    sqlite::create(&directory.path().join("empty")).unwrap();
    assert!(matches!(sqlite::create(&directory.path().join("empty")), Err(StoreError::Exists { .. })));
}

#[test]
fn a_table_without_a_needed_column_is_not_supported() {
    let message = |statements: &str| {
        let fixture = Fixture::changed(statements);
        let error = refusal(&fixture);
        assert!(matches!(error, StoreError::Unsupported { .. }), "{error:?}");
        error.to_string().replace(fixture.path.to_str().unwrap(), "PATH")
    };
    assert_eq!(message(r#"ALTER TABLE "Operation" DROP COLUMN "hash""#), "PATH: table Operation has no column hash");
    assert_eq!(
        message(r#"ALTER TABLE "Operation" DROP COLUMN "hash"; ALTER TABLE "Operation" RENAME "action" TO "x""#),
        "PATH: table Operation has no columns action, hash"
    );
    assert_eq!(
        message(r#"ALTER TABLE "Keyframe" RENAME "document" TO "x""#),
        "PATH: table Keyframe has no column document"
    );
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("utf16.db");
    Connection::open(&path).unwrap().execute_batch("PRAGMA encoding = 'UTF-16le'; CREATE TABLE Operation (a)").unwrap();
    let error = sqlite::open(&path, &Options::default()).err().expect("refused");
    assert!(matches!(error, StoreError::Unsupported { .. }), "{error}");
}

#[test]
fn what_may_be_absent_or_different_is_tolerated() {
    let fixture = Fixture::changed(
        r#"ALTER TABLE "Operation" DROP COLUMN "deniedReason"; ALTER TABLE "Operation" DROP COLUMN "error";
        ALTER TABLE "Operation" DROP COLUMN "jobId"; ALTER TABLE "Operation" DROP COLUMN "prevOpId";
        ALTER TABLE "Operation" DROP COLUMN "writeTimestampUtcMs"; ALTER TABLE "Operation" ADD "extra" DEFAULT 1;
        ALTER TABLE "Operation" RENAME "opId" TO "OPID"; DROP TABLE "Keyframe"; CREATE TABLE "Other" (a)"#,
    );
    let store = fixture.open().unwrap();
    everything(&*store).unwrap();
    let read = store.read().unwrap();
    assert_eq!(count(&*read).unwrap(), 4);
    assert!(read.nearest_keyframe(&stream(), at(9)).unwrap().is_none());
    let columns = ["jobId", "prevOpId", "writeTimestampUtcMs", "error", "deniedReason"];
    let absent = columns.map(|column| format!("Operation.{column}")).into_iter().chain(["table Keyframe".to_owned()]);
    assert_eq!(read.info().unwrap().details[0], ("absent", Fact::Names(absent.collect())));

    // Appending fills the columns that there are, and refuses what it has no place for.
    let store = sqlite::open(&fixture.path, &change()).unwrap();
    let mut write = store.write().unwrap();
    assert_eq!(append(&mut *write, &stream(), &[op(4)]).unwrap(), 1);
    let denied = crate::store_conformance::Op { denied: Some("no"), ..op(5) };
    assert!(matches!(append(&mut *write, &stream(), &[denied]), Err(StoreError::Unsupported { .. })));
}

fn change() -> Options {
    Options { access: snapctl::store::Access::Change, busy_timeout_ms: NonZeroU64::new(50) }
}

#[test]
fn gaps_and_any_order_of_columns_are_handed_out() {
    let fixture = Fixture::changed(
        r#"CREATE TABLE "New" ("skip", "action", "index", "id", "hash", "timestampUtcMs", "opId", "branch", "scope", "documentType", "documentId");
        INSERT INTO "New" SELECT "skip", "action", "index", "id", "hash", "timestampUtcMs", "opId", "branch", "scope", "documentType", "documentId" FROM "Operation";
        DROP TABLE "Operation"; ALTER TABLE "New" RENAME TO "Operation"; DELETE FROM "Operation" WHERE "index" = 2"#,
    );
    let store = fixture.open().unwrap();
    everything(&*store).unwrap();
    assert_eq!(count(&*store.read().unwrap()).unwrap(), 3);
}

#[test]
fn a_value_that_does_not_decode_is_named() {
    let cases = [
        (r#""index" = -1"#, "index", "-1 is negative", "index -1"),
        (r#""index" = 'x'"#, "index", "text instead of an integer", "index \"x\""),
        (r#""index" = 1e30"#, "index", "a real number instead of an integer", "index 1000000000000000000000000000000"),
        (r#""index" = x'01'"#, "index", "a blob instead of an integer", "index a blob of 1 bytes"),
        (r#""skip" = -2"#, "skip", "-2 is not between 0 and 4294967295", "index 3"),
        (r#""skip" = 4294967296"#, "skip", "4294967296 is not between 0 and 4294967295", "index 3"),
        (r#""skip" = 'x'"#, "skip", "text instead of an integer", "index 3"),
        (r#""timestampUtcMs" = 'soon'"#, "timestampUtcMs", "\"soon\" is not a time", "index 3"),
        (r#""timestampUtcMs" = x'00'"#, "timestampUtcMs", "a blob instead of a time", "index 3"),
        (r#""timestampUtcMs" = 1e99"#, "timestampUtcMs", "\"1.0e+99\" is not a time", "index 3"),
        (r#""hash" = CAST(x'61ff' AS TEXT)"#, "hash", "invalid UTF-8 at byte 1", "index 3"),
        (r#""opId" = x'61'"#, "opId", "a blob instead of text", "index 3"),
        (r#""error" = x'61'"#, "error", "a blob instead of text", "index 3"),
        (r#""action" = x'00ff'"#, "action", "a blob instead of JSON", "index 3"),
        (r#""action" = x'ac0102'"#, "action", "a blob instead of JSON", "index 3"),
        (
            r#""skip" = 1, "action" = '{"type":1}'"#,
            "action",
            "member \"type\" of the action is not a string",
            "index 3",
        ),
        (r#""skip" = 1, "action" = '{'"#, "action", "the text ends too early at byte 1", "index 3"),
    ];
    for (set, column, reason, place) in cases {
        let fixture = Fixture::changed(&format!(r#"UPDATE "Operation" SET {set} WHERE "index" = 3"#));
        let error = refusal(&fixture);
        let StoreError::Corrupt { table, key, column: found, reason: why } = &error else { panic!("{set}: {error:?}") };
        assert_eq!((*table, *found), ("Operation", column), "{set}");
        if column != "action" {
            assert_eq!(why, reason, "{set}");
        }
        // The head is the row with the wrong index, when it sorts last.
        assert_eq!(key, &format!("document doc, scope global, branch main, {place}, id 4"), "{set}");
    }
    for (set, column) in
        [(r#""documentId" = x'61'"#, "documentId"), (r#""scope" = x'61'"#, "scope"), (r#""branch" = x'61'"#, "branch")]
    {
        let fixture = Fixture::changed(&format!(r#"UPDATE "Operation" SET {set} WHERE "index" = 3"#));
        let error = refusal(&fixture);
        assert!(matches!(&error, StoreError::Corrupt { column: found, .. } if *found == column), "{error:?}");
    }
    for (set, column) in [
        (r#""revision" = 'x'"#, "revision"),
        (r#""createdAt" = 'x'"#, "createdAt"),
        (r#""documentType" = x'00'"#, "documentType"),
    ] {
        let fixture = Fixture::changed(&format!(r#"UPDATE "Keyframe" SET {set}"#));
        let error = refusal(&fixture);
        let StoreError::Corrupt { table: "Keyframe", key, column: found, .. } = &error else {
            panic!("{set}: {error:?}")
        };
        assert_eq!(*found, column);
        assert!(key.starts_with("document doc, scope ") && key.ends_with(", id 1"), "{key}");
    }
}

#[test]
fn rows_before_a_bad_one_are_visited() {
    let fixture = Fixture::changed(r#"UPDATE "Operation" SET "hash" = x'' WHERE "index" = 2"#);
    let store = fixture.open().unwrap();
    let mut seen = Vec::new();
    let result = store.read().unwrap().operations(&stream(), Span::ALL, Order::Forward, &mut |row| {
        seen.push(row.index.get());
        Flow::Continue(())
    });
    assert!(result.is_err());
    assert_eq!(seen, [0, 1]);
}

#[test]
fn a_keyframe_that_is_no_json_can_be_passed_over() {
    for body in ["x'00ff'", "'{'", "5", "x'ac0102'", "CAST(x'ff' AS TEXT)"] {
        let fixture = Fixture::changed(&format!(r#"UPDATE "Keyframe" SET "document" = {body}, "revision" = 2"#));
        let store = fixture.open().unwrap();
        let read = store.read().unwrap();
        let keyframe = read.nearest_keyframe(&stream(), at(9)).unwrap().unwrap();
        assert_eq!(keyframe.label, 2, "{body}");
        assert!(read.keyframe_document(&stream(), at(2)).unwrap().is_some(), "{body}");
    }
    let fixture = Fixture::changed(r#"UPDATE "Keyframe" SET "revision" = -1"#);
    let read = fixture.open().unwrap();
    let read = read.read().unwrap();
    assert!(read.nearest_keyframe(&stream(), at(9)).unwrap().is_none());
    let mut labels = Vec::new();
    read.keyframes(&"doc".into(), Detail::Label, &mut |entry| {
        labels.push(entry.label);
        Flow::Continue(())
    })
    .unwrap();
    assert_eq!(labels, [-1]);
}

#[test]
fn times_may_have_any_known_form() {
    let expected = Timestamp::parse("2025-01-02T03:04:05.678Z");
    for stored in ["'2025-01-02 03:04:05.678+00'", "1735787045678", "1735787045678.9", "'1735787045678'"] {
        let fixture = Fixture::changed(&format!(r#"UPDATE "Operation" SET "timestampUtcMs" = {stored}"#));
        let store = fixture.open().unwrap();
        assert_eq!(store.read().unwrap().newest_time(&stream(), Span::ALL).unwrap(), expected, "{stored}");
    }
    // A column without a type keeps numbers as they are.
    let fixture = Fixture::changed(
        r#"ALTER TABLE "Operation" DROP COLUMN "timestampUtcMs"; ALTER TABLE "Operation" ADD "timestampUtcMs";
        UPDATE "Operation" SET "timestampUtcMs" = CASE "index" % 2 WHEN 0 THEN 1735787045678 ELSE 1735787045678.9 END"#,
    );
    let store = fixture.open().unwrap();
    assert_eq!(store.read().unwrap().newest_time(&stream(), Span::ALL).unwrap(), expected);
}

#[test]
fn a_damaged_file_is_damaged() {
    let damaged = |change: fn(&mut Vec<u8>)| {
        let fixture = Fixture::new(500);
        let mut bytes = fs::read(&fixture.path).unwrap();
        change(&mut bytes);
        fs::write(&fixture.path, bytes).unwrap();
        let before = fixture.files();
        let error = refusal(&fixture);
        assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
        assert!(error.to_string().contains("a store.db"));
        assert_eq!(fixture.files(), before);
    };
    damaged(|bytes| bytes.truncate(bytes.len() / 2));
    damaged(|bytes| bytes.truncate(bytes.len() / 2 + 1000));
    damaged(|bytes| bytes.truncate(300));
    damaged(|bytes| bytes.truncate(4096));
    damaged(|bytes| {
        let middle = bytes.len() / 3;
        bytes[middle..].fill(0xa5);
    });
    damaged(|bytes| bytes[4096..].fill(0));
}

// Other programs at work.

/// Another process with a connection to the file. It runs what it is told, and keeps its transactions.
struct Other {
    process: Child,
    say: ChildStdin,
    hear: BufReader<ChildStdout>,
}

const OTHER: &str = "SNAPCTL_TEST_OTHER";

/// Not a test: what the other process runs.
#[test]
fn other_process() {
    let Some(path) = std::env::var_os(OTHER) else { return };
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(std::time::Duration::ZERO).unwrap();
    for statements in std::io::stdin().lines() {
        let answer =
            connection.execute_batch(&statements.unwrap()).map_or_else(|error| error.to_string(), |()| "done".into());
        writeln!(std::io::stdout(), "\nanswer: {answer}").unwrap();
    }
}

impl Other {
    fn new(fixture: &Fixture) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sqlite_reading::other_process", "--nocapture"])
            .env(OTHER, &fixture.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (say, hear) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        Other { process, say, hear }
    }

    fn try_sql(&mut self, statements: &str) -> String {
        writeln!(self.say, "{statements}").unwrap();
        let mut lines = (&mut self.hear).lines().map(Result::unwrap);
        lines.find_map(|line| line.strip_prefix("answer: ").map(str::to_owned)).expect("it lives")
    }

    fn sql(&mut self, statements: &str) {
        assert_eq!(self.try_sql(statements), "done", "{statements}");
    }

    fn crash(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn leave(mut self) {
        drop(self.say);
        assert!(self.process.wait().unwrap().success());
    }
}

/// Statements that add an operation to the stream.
fn add(index: u64) -> String {
    format!(
        r#"INSERT INTO "Operation" SELECT NULL, "jobId", 'added-{index}', "prevOpId", "writeTimestampUtcMs", "documentId", "documentType", "scope", "branch", "timestampUtcMs", {index}, "action", "skip", "error", "hash", "deniedReason" FROM "Operation" WHERE "index" = 0;"#
    )
}

fn count_now(store: &dyn Store) -> usize {
    answer::<_, StoreError>(store, count).unwrap()
}

fn way(store: &dyn Store) -> &'static str {
    let info = store.read().unwrap().info().unwrap();
    let Some((_, Fact::Word(way))) = info.details.into_iter().find(|(name, _)| *name == "opened") else {
        panic!("every store says how it was opened");
    };
    way
}

#[test]
fn reading_a_resting_file_leaves_no_trace() {
    for journal in ["delete", "wal", "truncate"] {
        let fixture = Fixture::new(4);
        fixture.sql(&format!("PRAGMA journal_mode = {journal}"));
        let before = fixture.files();
        assert_eq!(before.len(), 1);
        let store = fixture.open().unwrap();
        let read = store.read().unwrap();
        assert_eq!(count(&*read).unwrap(), 4);
        assert_eq!(fixture.files(), before, "{journal}");
        read.finish().unwrap();
        assert_eq!(way(&*store), "immutable");
        assert!(matches!(store.write().err(), Some(StoreError::ReadOnly { .. })));
        everything(&*store).unwrap();
        drop(store);
        assert_eq!(fixture.files(), before, "{journal}");
    }
}

#[test]
fn reading_our_own_tables_leaves_no_trace() {
    for journal in ["delete", "wal"] {
        let fixture = Fixture::new(4);
        fixture.sql(&format!("PRAGMA journal_mode = {journal}"));
        let store = sqlite::open(&fixture.path, &change()).unwrap();
        let mut write = store.write().unwrap();
        write.recode(&stream(), at(1), Codec::ZstdDelta).unwrap().unwrap();
        write.commit().unwrap();
        drop(store);
        let before = fixture.files();
        assert_eq!(before.len(), 1, "{journal}");
        let store = fixture.open().unwrap();
        everything(&*store).unwrap();
        let read = store.read().unwrap();
        assert_eq!(read.records().tables().unwrap(), OwnTables::Version(VERSION));
        assert_eq!(read.keyframe_document(&stream(), at(1)).unwrap().unwrap(), br#"{"r":1}"#);
        drop(read);
        drop(store);
        assert_eq!(fixture.files(), before, "{journal}");
    }
}

#[test]
fn our_own_tables_may_come_and_go_while_a_store_is_open() {
    let fixture = Fixture::new(4);
    let (reading, writing) = (fixture.open().unwrap(), sqlite::open(&fixture.path, &change()).unwrap());
    let tables = || {
        answer::<_, StoreError>(&*reading, |read| {
            let text = read.keyframe_document(&stream(), at(1))?;
            assert_eq!(text.unwrap(), br#"{"r":1}"#);
            read.records().tables()
        })
        .unwrap()
    };
    for _ in 0..3 {
        assert_eq!(tables(), OwnTables::Absent);
        let mut write = writing.write().unwrap();
        write.recode(&stream(), at(1), Codec::Zstd).unwrap().unwrap();
        write.commit().unwrap();
        assert_eq!(tables(), OwnTables::Version(VERSION));
        let mut write = writing.write().unwrap();
        assert_eq!(write.records_mut().unwrap().remove().unwrap().restored, 1);
        write.commit().unwrap();
    }
}

#[test]
fn reading_beside_a_writer_with_a_log() {
    let fixture = Fixture::new(4);
    let mut other = Other::new(&fixture);
    other.sql("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = OFF");
    other.sql(&add(4));
    let before = fixture.files();
    assert_eq!(before.len(), 3);
    let store = fixture.open().unwrap();
    assert_eq!(way(&*store), "sharedLog");
    let read = store.read().unwrap();
    let stamp = read.stamp().unwrap();
    assert_eq!(count(&*read).unwrap(), 5);
    assert_eq!(fixture.files(), before, "not even the index of the log is written");

    other.sql(&add(5));
    other.try_sql("PRAGMA wal_checkpoint(TRUNCATE)");
    other.sql(&format!("BEGIN; {}", add(6)));
    assert_eq!(count(&*read).unwrap(), 5, "its moment");
    assert_eq!(read.stamp().unwrap(), stamp);
    read.finish().unwrap();
    let newer = store.read().unwrap();
    assert_eq!(count(&*newer).unwrap(), 6, "what is committed");
    assert_ne!(newer.stamp().unwrap(), stamp);
    drop(newer);
    other.sql("COMMIT");
    other.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    assert_eq!(count_now(&*store), 7);
    // Many changes within one tick of the file system's clock, in a log that does not grow.
    let mut stamps = Vec::new();
    for index in 7..40 {
        other.sql(&format!("{} PRAGMA wal_checkpoint(RESTART)", add(index)));
        let read = store.read().unwrap();
        let stamp = read.stamp().unwrap();
        assert!(!stamps.contains(&stamp));
        stamps.push(stamp);
        assert_eq!(count(&*read).unwrap() as u64, index + 1);
    }
    let elsewhere = fixture.open().unwrap();
    assert_eq!(elsewhere.read().unwrap().stamp().ok(), stamps.pop(), "stamps are the same everywhere");
    assert_eq!(fixture.names(), before.into_keys().collect::<Vec<_>>());
    drop((store, elsewhere));
    other.leave();
    assert_eq!(fixture.names(), ["a store.db"], "the writer could clean up");
    assert_eq!(count_now(&*fixture.open().unwrap()), 40);
}

#[test]
fn a_writer_with_a_log_may_come_and_go() {
    let fixture = Fixture::new(4);
    fixture.sql("PRAGMA journal_mode = WAL");
    let store = fixture.open().unwrap();
    let read = store.read().unwrap();
    assert_eq!(count(&*read).unwrap(), 4);
    let mut other = Other::new(&fixture);
    other.sql(&add(4));
    assert!(matches!(read.finish(), Err(StoreError::Moved { .. })));
    assert_eq!(way(&*store), "sharedLog");
    assert_eq!(count_now(&*store), 5);
    drop(store);
    let store = fixture.open().unwrap();
    other.leave();
    // The connection that waits in the store is no reason to miss what happens to the file.
    assert_eq!(count_now(&*store), 5);
    drop(store);
    fixture.sql("PRAGMA journal_mode = DELETE");
    assert_eq!(fixture.names(), ["a store.db"]);
}

#[test]
fn a_log_left_by_a_crash_is_read_where_it_is() {
    for index in [true, false] {
        let fixture = Fixture::new(4);
        let mut other = Other::new(&fixture);
        other.sql("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0");
        other.sql(&add(4));
        other.crash();
        if !index {
            fs::remove_file(fixture.directory.path().join("a store.db-shm")).unwrap();
        }
        let before = fixture.files();
        assert_eq!(before.len(), if index { 3 } else { 2 });
        let store = fixture.open().unwrap();
        assert_eq!(way(&*store), if index { "sharedLog" } else { "logIndexedInMemory" });
        let (read, second) = (store.read().unwrap(), store.read().unwrap());
        assert_eq!(count(&*read).unwrap(), 5, "the log counts");
        assert_eq!(count(&*second).unwrap(), 5, "several readers at once");
        assert_eq!(fixture.files(), before);
        second.finish().unwrap();
        everything(&*store).unwrap();

        // The program comes back while it is being read.
        let mut other = Other::new(&fixture);
        other.sql(&add(5));
        match read.finish() {
            Ok(()) => assert!(index),
            Err(error) => assert!(matches!(error, StoreError::Moved { .. }) && !index, "{error}"),
        }
        assert_eq!(count_now(&*store), 6);
        drop(store);
        other.leave();
        assert_eq!(fixture.names(), ["a store.db"]);
        assert_eq!(count_now(&*fixture.open().unwrap()), 6);
    }
}

#[test]
fn a_crash_leaves_nothing_behind_when_it_was_only_read() {
    let fixture = Fixture::new(4);
    let mut other = Other::new(&fixture);
    other.sql("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0");
    other.sql(&add(4));
    other.crash();
    fs::remove_file(fixture.directory.path().join("a store.db-shm")).unwrap();
    let before = fixture.files();
    for _ in 0..3 {
        let store = fixture.open().unwrap();
        assert_eq!(count_now(&*store), 5);
        assert_eq!(fixture.files(), before);
        drop(store);
        assert_eq!(fixture.files(), before);
    }
}

#[test]
fn an_empty_log_is_no_log() {
    for journal in ["delete", "wal"] {
        let fixture = Fixture::new(4);
        fixture.sql(&format!("PRAGMA journal_mode = {journal}"));
        fs::write(fixture.directory.path().join("a store.db-wal"), "").unwrap();
        let before = fixture.files();
        let store = fixture.open().unwrap();
        let read = store.read().unwrap();
        assert_eq!(count(&*read).unwrap(), 4);
        assert_eq!(fixture.files(), before);
        read.finish().unwrap();
        drop(store);
        assert_eq!(fixture.files(), before);
    }
}

#[test]
fn an_answer_that_may_be_torn_is_not_confirmed() {
    let fixture = Fixture::new(400);
    let store = fixture.open().unwrap();
    let mut other = Other::new(&fixture);
    let mut attempts = 0;
    let counted = answer::<_, StoreError>(&*store, |read| {
        attempts += 1;
        let mut n = 0;
        read.operations(&stream(), Span::ALL, Order::Forward, &mut |_| {
            n += 1;
            if attempts == 1 && n == 10 {
                other.sql(&add(400));
            }
            Flow::Continue(())
        })?;
        Ok(n)
    });
    assert_eq!((counted.unwrap(), attempts), (401, 2));
    // From now on the store takes turns with writers.
    assert_eq!(way(&*store), "locked");
    let read = store.read().unwrap();
    assert_eq!(other.try_sql(&add(401)), "database is locked");
    assert_eq!(count(&*read).unwrap(), 401);
    read.finish().unwrap();
    other.sql(&add(401));
    assert_eq!(count_now(&*store), 402);
    other.sql("BEGIN EXCLUSIVE");
    assert!(matches!(store.read().err(), Some(StoreError::Busy { .. })));
    other.sql("COMMIT");
    assert_eq!(count_now(&*store), 402);
    other.leave();
    assert_eq!(fixture.names(), ["a store.db"]);
}

#[test]
fn a_writer_that_shows_by_its_lock_only_is_waited_for() {
    let fixture = Fixture::new(400);
    let store = fixture.open().unwrap();
    assert_eq!(way(&*store), "immutable");
    let mut other = Other::new(&fixture);
    other.sql("BEGIN EXCLUSIVE");
    assert!(matches!(store.read().err(), Some(StoreError::Busy { .. })));
    // No journal beside the file, and half of a change in it.
    other.sql("ROLLBACK; PRAGMA journal_mode = MEMORY; PRAGMA cache_size = 1; PRAGMA cache_spill = 1");
    other.sql(r#"BEGIN; UPDATE "Operation" SET "hash" = "hash" || 'more'"#);
    assert_eq!(fixture.names(), ["a store.db"]);
    assert!(matches!(store.read().err(), Some(StoreError::Busy { .. })));
    other.sql("COMMIT");
    assert_eq!(count_now(&*store), 400);
    other.leave();
    assert_eq!(fixture.names(), ["a store.db"]);
}

#[test]
fn a_file_whose_end_is_missing_is_refused_before_it_is_read() {
    let fixture = Fixture::new(40);
    let whole = fs::read(&fixture.path).unwrap();
    for missing in [1, 100, 5000] {
        fs::write(&fixture.path, &whole[..whole.len() - missing]).unwrap();
        let error = fixture.open().err().unwrap();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(matches!(error, StoreError::Damaged { .. }) && source.contains("the end is missing"), "{error:?}");
    }
}

#[test]
fn a_file_that_is_replaced_is_read_anew() {
    let (fixture, longer) = (Fixture::new(4), Fixture::new(9));
    let store = fixture.open().unwrap();
    let read = store.read().unwrap();
    assert_eq!(count(&*read).unwrap(), 4);
    fs::rename(&longer.path, &fixture.path).unwrap();
    assert!(matches!(read.finish(), Err(StoreError::Moved { .. })));
    assert_eq!(count_now(&*store), 9);
    fs::remove_file(&fixture.path).unwrap();
    assert!(matches!(store.read().err(), Some(StoreError::Missing { .. })));
}

#[test]
fn an_unfinished_change_is_left_to_who_made_it() {
    let fixture = Fixture::new(400);
    let mut other = Other::new(&fixture);
    other.sql(&format!("BEGIN IMMEDIATE; {}", add(400)));
    let before = fixture.names();
    assert_eq!(before, ["a store.db", "a store.db-journal"]);
    let store = fixture.open().unwrap();
    assert_eq!(way(&*store), "locked");
    assert_eq!(count_now(&*store), 400, "beside a writer that has not committed");
    assert_eq!(fixture.names(), before);
    // So small a cache that changes reach the file before the commit.
    other.sql(r#"PRAGMA cache_size = 1; PRAGMA cache_spill = 1; UPDATE "Operation" SET "hash" = "hash" || 'more'"#);
    assert!(matches!(store.read().err(), Some(StoreError::Busy { .. })));
    other.crash();
    let before = fixture.files();
    for result in [fixture.open().map(|_| ()), store.read().map(|_| ())] {
        let error = result.unwrap_err();
        assert!(matches!(error, StoreError::NeedsRecovery { .. }), "{error:?}");
        assert!(
            error.to_string().contains("a store.db was left in the middle of a change: a -journal file"),
            "{error}"
        );
    }
    assert_eq!(fixture.files(), before);
    // Whoever may write finishes it.
    let writing = sqlite::open(&fixture.path, &change()).unwrap();
    assert_eq!(count_now(&writing), 400);
}

#[test]
fn a_journal_kept_for_later_is_no_obstacle() {
    let fixture = Fixture::new(4);
    let mut other = Other::new(&fixture);
    other.sql(&format!("PRAGMA journal_mode = PERSIST; {}", add(4)));
    other.leave();
    let before = fixture.files();
    assert_eq!(before.len(), 2);
    let store = fixture.open().unwrap();
    assert_eq!(count_now(&*store), 5);
    assert_eq!(fixture.files(), before);
}
