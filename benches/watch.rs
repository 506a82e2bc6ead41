//! What following costs: a look at a store in which nothing happens, one that finds an operation, and all of a log.
//!
//! `--test` runs everything once on small data.
#![expect(clippy::print_stdout, reason = "figures are what a bench is for")]

mod support;

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use snapctl::store::Selection;
use snapctl::watch::{Follower, Position, Start};

use support::{Shape, generate, open};

fn main() {
    let short = std::env::args().any(|arg| arg == "--test");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let shape = Shape::Changing { nodes: 300, operations: 100_000 };
    let shape = if short { shape.short() } else { shape };
    for journal in ["DELETE", "WAL"] {
        let path = directory.path().join(journal);
        drop(generate(&path, shape));
        let writer = Connection::open(&path).expect("a store");
        writer.pragma_update(None, "journal_mode", journal).expect("a journal");
        follow(journal, &path, &writer, if short { 10 } else { 2_000 });
    }
}

/// Follows the store at `path`, in which a writer with a connection of its own adds an operation every now and then.
fn follow(name: &str, path: &Path, writer: &Connection, looks: u32) {
    let store = open(path);
    let mut follower = Follower::new(Selection::default(), Start::At(Position::START));
    let (started, mut operations) = (Instant::now(), 0);
    loop {
        let page = follower.poll(&*store).expect("a page");
        operations += page.told.len();
        if !page.more {
            break;
        }
    }
    let catching_up = started.elapsed();
    let idle = mean(looks, || {
        black_box(follower.poll(&*store).expect("nothing"));
    });
    let transaction = mean(looks, || {
        black_box(store.read().and_then(|read| read.stamp()).expect("a stamp"));
    });
    let mut found = Duration::ZERO;
    for _ in 0..looks.min(500) {
        let copied = writer.execute(COPY_LAST, []).expect("an operation");
        let started = Instant::now();
        let page = follower.poll(&*store).expect("a page");
        found += started.elapsed();
        assert_eq!((copied, page.told.len()), (1, 1));
    }
    let found = found / looks.min(500);
    let rate = f64::from(u32::try_from(operations).unwrap_or(u32::MAX)) / catching_up.as_secs_f64();
    println!(
        "{name:6}  idle look {idle:?} (an empty transaction {transaction:?}), look that finds one {found:?}, \
         {operations} operations at {rate:.0}/s"
    );
}

/// The last operation again, behind itself.
const COPY_LAST: &str = r#"INSERT INTO "Operation" ("jobId", "opId", "prevOpId", "writeTimestampUtcMs", "documentId", "documentType",
    "scope", "branch", "timestampUtcMs", "index", "action", "skip", "error", "hash")
    SELECT "jobId", "opId", "prevOpId", "writeTimestampUtcMs", "documentId", "documentType", "scope", "branch",
    "timestampUtcMs", "index" + 1, "action", "skip", "error", "hash" FROM "Operation" ORDER BY "id" DESC LIMIT 1"#;

fn mean(times: u32, mut work: impl FnMut()) -> Duration {
    let started = Instant::now();
    for _ in 0..times {
        work();
    }
    started.elapsed() / times
}
