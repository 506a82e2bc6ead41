//! `import` against plain inserts of the same rows: one prepared statement in one transaction, into the same tables and
//! indexes, in the same run. Also its peak memory over the length of the input, and the rates of a rerun and of `export`.
//!
//! `--test` runs everything once on small data; a number is how many operations there are (1,000,000).
#![expect(clippy::print_stdout, reason = "figures are what a bench is for")]

mod support;

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use snapctl::model::json::operation_id;
use snapctl::model::time::Timestamp;
use snapctl::store::sqlite;
use support::Random;

const SNAPCTL: &str = env!("CARGO_BIN_EXE_snapctl");
/// Documents whose operations come interleaved.
const DOCUMENTS: usize = 2_000;

fn main() {
    let short = std::env::args().any(|arg| arg == "--test");
    let operations = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(1_000_000);
    let (operations, rounds) = if short { (2_000, 1) } else { (operations, 3) };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let at = |name: &str| directory.path().join(name);
    let lines = at("rows.ndjson");
    write_lines(&lines, operations);
    println!("{operations} operations, {} bytes of lines", fs::metadata(&lines).expect("the lines").len());
    for round in 1..=rounds {
        let plain = insert_plainly(&at("plain.sqlite"), operations, None);
        let roomy = insert_plainly(&at("roomy.sqlite"), operations, Some(32 << 10));
        drop(sqlite::create(&at("import.sqlite")).expect("a new store"));
        let (imported, peak) = run(&["import", "rows.ndjson", "--store", "import.sqlite"], directory.path());
        let (again, _) = run(&["import", "rows.ndjson", "--store", "import.sqlite"], directory.path());
        let (exported, _) = run(&["export", "--to", "out.ndjson", "--store", "import.sqlite"], directory.path());
        let same = fs::read(&lines).expect("the lines") == fs::read(at("out.ndjson")).expect("the lines again");
        assert!(same, "the export of the import is what was imported");
        let rate = |time: Duration| f64::from(u32::try_from(operations).unwrap_or(u32::MAX)) / time.as_secs_f64();
        println!(
            "round {round}: plain inserts {:.0}/s (with the same page cache {:.0}/s), import {:.0}/s: {:.2} of plain ({:.2}); \
             peak {peak} KiB; rerun {:.0}/s; export {:.0}/s",
            rate(plain),
            rate(roomy),
            rate(imported),
            rate(imported) / rate(plain),
            rate(imported) / rate(roomy),
            rate(again),
            rate(exported),
        );
        for name in ["plain.sqlite", "roomy.sqlite", "import.sqlite", "out.ndjson"] {
            fs::remove_file(at(name)).expect("a file just written");
        }
    }
    fs::remove_file(&lines).expect("the lines");
    for part in [10, 1] {
        write_lines(&lines, operations / part);
        drop(sqlite::create(&at("import.sqlite")).expect("a new store"));
        let (_, once) = run(&["import", "rows.ndjson", "--store", "import.sqlite"], directory.path());
        fs::remove_file(at("import.sqlite")).expect("the store");
        println!("import of {} operations: peak memory {once} KiB", operations / part);
    }
}

/// A row of the log.
struct Row {
    document: String,
    index: i64,
    id: String,
    previous_id: String,
    time: String,
    action: String,
}

/// Rows of many documents, interleaved: the same for the same length.
struct Rows {
    random: Random,
    documents: Vec<(String, i64, String)>,
    written: usize,
}

impl Rows {
    fn new() -> Self {
        let mut random = Random::seeded(11);
        let documents = (0..DOCUMENTS).map(|_| (random.uuid(), 0, String::new())).collect();
        Rows { random, documents, written: 0 }
    }
}

impl Iterator for Rows {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        let at = self.random.below(DOCUMENTS);
        let (action_id, node, parent, name) =
            (self.random.uuid(), self.random.uuid(), self.random.uuid(), self.random.below(100_000));
        let millis = 1_767_225_600_000 + i64::try_from(self.written).expect("a length") * 137;
        let time = Timestamp::from_millis(millis).expect("a time of this century").to_string();
        self.written += 1;
        let (document, next, previous) = &mut self.documents[at];
        let action = format!(
            r#"{{"id":"{action_id}","type":"ADD_FILE","scope":"global","timestampUtcMs":"{time}","input":{{"id":"{node}","name":"report {name}","documentType":"powerhouse/budget-statement","parentFolder":"{parent}"}}}}"#
        );
        let id = operation_id(document, "global", "main", action_id.as_bytes());
        let previous_id = std::mem::replace(previous, id.clone());
        let index = *next;
        *next += 1;
        Some(Row { document: document.clone(), index, id, previous_id, time, action })
    }
}

const TYPE: &str = "powerhouse/document-drive";
const JOB: &str = "11111111-2222-4333-8444-555555555555";
const HASH: &str = "rtomnN6DyHoFItKTvk/Y5RbB0gA=";

fn write_lines(path: &Path, operations: usize) {
    let mut out = BufWriter::new(File::create(path).expect("a new file"));
    for Row { document, index, id, previous_id, time, action } in Rows::new().take(operations) {
        writeln!(
            out,
            r#"{{"documentId":"{document}","documentType":"{TYPE}","scope":"global","branch":"main","index":{index},"opId":"{id}","prevOpId":"{previous_id}","timestampUtcMs":"{time}","writeTimestampUtcMs":"{time}","jobId":"{JOB}","skip":0,"hash":"{HASH}","action":{action}}}"#
        )
        .expect("room on the disk");
    }
    out.flush().expect("room on the disk");
}

/// The time that the inserts and the commit take; making the rows does not count.
fn insert_plainly(path: &Path, operations: usize, cache_kib: Option<i64>) -> Duration {
    const CHUNK: usize = 10_000;
    drop(sqlite::create(path).expect("a new store"));
    let mut connection = Connection::open(path).expect("the store");
    if let Some(kib) = cache_kib {
        connection.pragma_update(None, "cache_size", -kib).expect("a pragma");
    }
    let mut rows = Rows::new().take(operations);
    let mut spent = Duration::ZERO;
    let transaction = connection.transaction().expect("a transaction");
    {
        let mut insert = transaction
            .prepare(
                r#"INSERT INTO "Operation" ("jobId", "opId", "prevOpId", "writeTimestampUtcMs", "documentId", "documentType",
                "scope", "branch", "timestampUtcMs", "index", "action", "skip", "error", "hash", "deniedReason")
                VALUES (?, ?, ?, ?, ?, ?, 'global', 'main', ?, ?, ?, 0, NULL, ?, NULL)"#,
            )
            .expect("a statement");
        loop {
            let chunk: Vec<Row> = rows.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                break;
            }
            let start = Instant::now();
            for row in &chunk {
                let Row { document, index, id, previous_id, time, action } = row;
                insert
                    .execute(params![JOB, id, previous_id, time, document, TYPE, time, index, action, HASH])
                    .expect("a new row");
            }
            spent += start.elapsed();
        }
    }
    let start = Instant::now();
    transaction.commit().expect("a commit");
    spent + start.elapsed()
}

/// Runs a whole process: the time it takes, and its greatest resident size in KiB (from `/proc`, so Linux only).
fn run(args: &[&str], folder: &Path) -> (Duration, u64) {
    let start = Instant::now();
    let mut child =
        Command::new(SNAPCTL).current_dir(folder).args(args).stdout(Stdio::null()).spawn().expect("snapctl");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        peak = peak.max(high_water_kib(&status));
        if let Some(ended) = child.try_wait().expect("a child") {
            break ended;
        }
        thread::sleep(Duration::from_millis(2));
    };
    assert!(ended.success(), "{args:?}");
    (start.elapsed(), peak)
}

fn high_water_kib(status: &str) -> u64 {
    let text = fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
