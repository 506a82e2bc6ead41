//! `snapctl import` when the process, the disk, or another program fails it: nothing is lost, nothing is half there.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::support::{StoreFile, TestEnv, dump};

/// Interleaved operations of some documents, and keyframes.
fn lines(n: usize) -> String {
    const DOCUMENTS: usize = 7;
    let mut lines = String::new();
    for at in 0..n {
        let (document, index) = (at % DOCUMENTS, at / DOCUMENTS);
        let filling = "x".repeat(at % 300);
        lines.extend([format!(
            "{{\"documentId\":\"d{document}\",\"documentType\":\"x/y\",\"index\":{index},\"action\":{{\"id\":\"{at}\",\"type\":\"SET\",\
             \"timestampUtcMs\":\"2025-01-01T00:00:00Z\",\"input\":\"{filling}\"}}}}\n"
        )]);
        if at % 50 == 49 {
            lines.extend([format!(
                "{{\"keyframe\":{{\"documentId\":\"d{document}\",\"documentType\":\"x/y\",\"revision\":{index},\
                 \"createdAt\":\"2025-01-01T00:00:00Z\",\"document\":{{\"at\":{at}}}}}}}\n"
            )]);
        }
    }
    lines
}

fn import(env: &TestEnv, store: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snapctl"));
    command.current_dir(env.path(".")).args(["import", "rows.ndjson", "--store", store, "--quiet"]).args(args);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Killed at a random moment, the same import again gives what an uninterrupted one gives: all columns, ids included.
/// `SNAPCTL_KILLS=1000 cargo test --test it killed` tries longer.
#[test]
fn an_import_that_is_killed_is_finished_by_the_next() {
    #[expect(clippy::disallowed_methods, reason = "how long a test takes is up to who runs it")]
    let kills = std::env::var("SNAPCTL_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(50_u32);
    let env = TestEnv::new();
    std::fs::write(env.path("rows.ndjson"), lines(400)).unwrap();
    drop(StoreFile::create(&env.path("empty.db")));
    let fresh = |name: &str| std::fs::copy(env.path("empty.db"), env.path(name)).unwrap();
    fresh("whole.db");
    let start = Instant::now();
    assert!(import(&env, "whole.db", &["--batch", "40"]).status().unwrap().success());
    let whole = start.elapsed();
    let expected = dump(&env.path("whole.db"));
    assert_eq!(expected.len(), 408);
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut interrupted = 0;
    for kill in 0..kills {
        fresh("killed.db");
        let mut child = import(&env, "killed.db", &["--batch", "40"]).spawn().unwrap();
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let part = f64::from(u32::try_from(random >> 32).unwrap()) / f64::from(u32::MAX);
        std::thread::sleep(whole.mul_f64(part));
        // SIGKILL, where there are signals.
        child.kill().unwrap();
        child.wait().unwrap();
        // As a program with the right to write sees it, which undoes what was not committed.
        let left = rows_left(&env.path("killed.db"));
        assert!(left.is_multiple_of(40) || left == expected.len(), "kill {kill}: {left} rows are no number of batches");
        interrupted += u32::from(left > 0 && left < expected.len());
        let output = import(&env, "killed.db", &["--batch", "40"]).output().unwrap();
        assert!(output.status.success(), "kill {kill}: {}", said(&output));
        assert!(dump(&env.path("killed.db")) == expected, "kill {kill}");
    }
    assert!(interrupted > 0, "no kill came in the middle");
}

/// How many rows a copy of the files has, so that the files themselves stay as the killed process left them.
fn rows_left(store: &Path) -> usize {
    let beside = |path: &Path| path.with_extension("db-journal");
    let copy = store.with_extension("copy.db");
    std::fs::copy(store, &copy).unwrap();
    let journal = copy.with_extension("db-journal");
    let _ = std::fs::remove_file(&journal);
    let _ = std::fs::copy(beside(store), &journal);
    let rows = dump(&copy).len();
    let _ = std::fs::remove_file(&journal);
    rows
}

/// Runs an import in a shell that allows files of so many blocks of 512 bytes only.
#[cfg(unix)]
fn import_with_small_files(env: &TestEnv, blocks: u32, args: &str) -> Output {
    let snapctl = env!("CARGO_BIN_EXE_snapctl");
    let script =
        format!("trap '' XFSZ; ulimit -f {blocks}; exec '{snapctl}' import rows.ndjson --store ops.db --quiet {args}");
    Command::new("/bin/sh").current_dir(env.path(".")).args(["-c", &script]).output().unwrap()
}

#[cfg(unix)]
#[test]
fn a_disk_that_is_full_loses_nothing() {
    let env = TestEnv::with_store(|store| store.drive("d", "Drive", 3));
    std::fs::write(env.path("rows.ndjson"), lines(3000)).unwrap();
    let before = dump(&env.path("ops.db"));
    let output = import_with_small_files(&env, 600, "");
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(
        said(&output).contains("cannot write ops.db") && said(&output).contains("nothing was added"),
        "{}",
        said(&output)
    );
    assert!(dump(&env.path("ops.db")) == before);
    // With batches, what was committed stays.
    let output = import_with_small_files(&env, 600, "--batch 100");
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let kept = dump(&env.path("ops.db")).len() - before.len();
    assert!(
        kept > 0 && kept.is_multiple_of(100) && said(&output).contains(&format!("{kept} rows were committed before")),
        "{}",
        said(&output)
    );
    assert!(import(&env, "ops.db", &[]).status().unwrap().success());
    assert_eq!(dump(&env.path("ops.db")).len(), before.len() + 3060);
}

#[test]
fn a_store_that_another_program_holds_is_waited_for_and_then_given_up() {
    let env = TestEnv::with_store(|_| ());
    std::fs::write(env.path("rows.ndjson"), lines(50)).unwrap();
    let other = Connection::open(env.path("ops.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let start = Instant::now();
    let output = import(&env, "ops.db", &["--busy-timeout", "200ms"]).output().unwrap();
    assert_eq!(output.status.code(), Some(11), "{}", said(&output));
    assert!(start.elapsed() >= Duration::from_millis(200));
    other.execute_batch("ROLLBACK; BEGIN; SELECT * FROM Operation").unwrap();
    // A reader keeps the commit from happening, and it is undone.
    let output = import(&env, "ops.db", &["--busy-timeout", "50ms"]).output().unwrap();
    assert_eq!(output.status.code(), Some(11), "{}", said(&output));
    assert!(said(&output).contains("nothing was added"), "{}", said(&output));
    other.execute_batch("COMMIT").unwrap();
    assert!(dump(&env.path("ops.db")).is_empty());
    assert!(import(&env, "ops.db", &[]).status().unwrap().success());
}

#[test]
fn a_file_that_may_not_be_written_is_said_to_be() {
    let env = TestEnv::with_store(|_| ());
    std::fs::write(env.path("rows.ndjson"), lines(50)).unwrap();
    // "Write version" of the header: SQLite reads a file of a version it does not know, and never writes it. Permissions
    // would not keep the superuser from it.
    let mut bytes = std::fs::read(env.path("ops.db")).unwrap();
    bytes[18] = 9;
    std::fs::write(env.path("ops.db"), &bytes).unwrap();
    let output = import(&env, "ops.db", &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("ops.db is read-only"), "{}", said(&output));
    assert_eq!(std::fs::read(env.path("ops.db")).unwrap(), bytes);
}

#[cfg(unix)]
#[test]
fn an_interrupt_while_waiting_for_lines_ends_the_import() {
    let env = TestEnv::with_store(|_| ());
    let mut child = Command::new(env!("CARGO_BIN_EXE_snapctl"))
        .current_dir(env.path("."))
        .args(["import", "--store", "ops.db", "--batch", "10"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(lines(25).as_bytes()).unwrap();
    let give_up = Instant::now() + Duration::from_secs(20);
    while Connection::open(env.path("ops.db"))
        .unwrap()
        .query_row(r#"SELECT count(*) FROM "Operation""#, [], |row| row.get::<_, u32>(0))
        .unwrap_or(0)
        < 20
    {
        assert!(Instant::now() < give_up, "the batches are not committed");
        std::thread::sleep(Duration::from_millis(10));
    }
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("/bin/sh").args(["-c", &kill]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(said(&output).contains("20 rows were committed before"), "{}", said(&output));
    drop(stdin);
    assert_eq!(dump(&env.path("ops.db")).len(), 20);
}

/// The lines are no multiple of the batches and have no end, so that the import cannot be done before its time is up.
#[test]
fn out_of_time_keeps_what_was_committed() {
    let env = TestEnv::with_store(|_| ());
    let rows = lines(20_005);
    let all = rows.lines().count();
    assert!(!all.is_multiple_of(10));
    let mut child = Command::new(env!("CARGO_BIN_EXE_snapctl"))
        .current_dir(env.path("."))
        .args(["import", "--store", "ops.db", "--batch", "10", "--timeout", "1500ms"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It stops reading when its time is up.
    let _ = stdin.write_all(rows.as_bytes());
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    let kept = dump(&env.path("ops.db")).len();
    assert!(0 < kept && kept < all && kept.is_multiple_of(10), "{kept} of {all}");
    assert!(said(&output).contains(&format!("{kept} rows were committed before")), "{}", said(&output));
}
