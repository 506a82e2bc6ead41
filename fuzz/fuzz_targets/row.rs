//! Rows of an SQLite file: arbitrary values in every column are read, or refused naming table and column, and the
//! document they are in is rebuilt or refused.
//!
//! The input names a row in its first line: `create`, `upgrade`, `folder`, `file` (operations) or `keyframe`. Each line
//! behind it is a value, `n` (NULL), `iDIGITS`, `rDIGITS`, `tTEXT` or `bBYTES`, and anything else leaves the value as it is.
//! They are those of [`OPERATION`] or [`KEYFRAME`], and the last of them takes all the rest.
#![no_main]

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use libfuzzer_sys::fuzz_target;
use rusqlite::Connection;
use rusqlite::types::Value;
use snapctl::model::ids::{OpIndex, OperationId, Revision, Span, StreamKey};
use snapctl::model::progress::Silent;
use snapctl::model::state::State;
use snapctl::model::target::Target;
use snapctl::reducer::Registry;
use snapctl::replay::{ReplayError, Sources, Trust, rebuild, resolve};
use snapctl::store::{Detail, Flow, Options, Order, Read, Selection, Serial, Store, StoreError, Stores, answer};

/// A store with a drive of four operations, and what changes it.
struct Bench {
    writer: Connection,
    store: Arc<dyn Store>,
    registry: Registry,
}

const OPERATION: [&str; 10] =
    ["index", "skip", "opId", "prevOpId", "documentType", "timestampUtcMs", "hash", "error", "deniedReason", "action"];
const KEYFRAME: [&str; 4] = ["revision", "documentType", "createdAt", "document"];

/// The rows that are changed.
const ROWS: [(&[u8], Row); 5] = [
    (b"create", Row { table: "Operation", id: 1, columns: &OPERATION }),
    (b"upgrade", Row { table: "Operation", id: 2, columns: &OPERATION }),
    (b"folder", Row { table: "Operation", id: 3, columns: &OPERATION }),
    (b"file", Row { table: "Operation", id: 4, columns: &OPERATION }),
    (b"keyframe", Row { table: "Keyframe", id: 1, columns: &KEYFRAME }),
];

struct Row {
    table: &'static str,
    id: u32,
    columns: &'static [&'static str],
}

fuzz_target!(|input: &[u8]| {
    static BENCH: OnceLock<Mutex<Bench>> = OnceLock::new();
    let mut parts = input.splitn(2, |&byte| byte == b'\n');
    let named = parts.next().unwrap_or_default();
    let Some((_, row)) = ROWS.iter().find(|(name, _)| *name == named) else { return };
    let bench = BENCH.get_or_init(|| Mutex::new(Bench::new()));
    bench.lock().unwrap_or_else(PoisonError::into_inner).try_row(row, parts.next().unwrap_or_default());
});

impl Bench {
    fn new() -> Self {
        let path = path();
        for beside in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{beside}", path.display()));
        }
        let writer = Connection::open(&path).expect("a new file");
        // With a shared log, the store keeps its connection when the file changes; without, it opens one an input.
        writer.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF").expect("an ordinary file");
        writer.execute_batch(include_str!("../row.sql")).expect("the rows");
        // Each column has a statement for each form of a value.
        writer.set_prepared_statement_cache_capacity(64);
        let store = Stores::built_in().open(path.to_str().expect("a plain path"), &Options::default());
        Bench { writer, store: store.expect("a store"), registry: Registry::built_in() }
    }

    /// Puts values into a row, reads all there is, and puts the row back.
    fn try_row(&self, row: &Row, input: &[u8]) {
        let Row { table, id, columns } = row;
        let mut texts = input.splitn(columns.len(), |&byte| byte == b'\n');
        for column in *columns {
            let Some((form, value)) = texts.next().and_then(value) else { continue };
            let change = format!("UPDATE OR IGNORE \"{table}\" SET \"{column}\" = {form} WHERE id = {id}");
            self.writer
                .prepare_cached(&change)
                .and_then(|mut change| change.execute([value]))
                .expect("only keys collide");
        }
        self.read_all(table);
        let restore = format!("INSERT OR REPLACE INTO \"{table}\" SELECT * FROM \"{table}Kept\" WHERE id = {id}");
        self.writer.prepare_cached(&restore).and_then(|mut restore| restore.execute([])).expect("the row as it was");
    }

    /// Reads all there is, in one transaction: beginning one costs more than most reads.
    fn read_all(&self, table: &'static str) {
        let read_all = |read: &dyn Read| {
            Bench::read_rows(read, table);
            for trust in [Trust::None, Trust::Any] {
                let sources = Sources { read, registry: &self.registry, trust, progress: &Silent };
                for target in ["d/global", "d/global:keyframe:1", "d:@2025-01-01T12:00:00Z"] {
                    if let Err(error) = rebuilt(&sources, target) {
                        judge_replay(&error, table);
                    }
                }
                same_twice(&sources, "d", table);
            }
            Ok::<(), StoreError>(())
        };
        look(answer(&*self.store, read_all), table);
    }

    fn read_rows(read: &dyn Read, table: &'static str) {
        let stream = StreamKey { document: "d".into(), scope: "global".into(), branch: "main".into() };
        let forward = look(operations(read, &stream, Order::Forward), table);
        let backward = look(operations(read, &stream, Order::Backward), table);
        if let (Some(mut forward), Some(backward)) = (forward, backward) {
            forward.reverse();
            assert_eq!(forward, backward);
        }
        let StreamKey { document, branch, .. } = &stream;
        look(read.skips(&stream, Span::ALL), table);
        look(read.newest_time(&stream, Span::ALL), table);
        look(read.streams(document), table);
        look(read.documents("", &mut |_| Flow::Continue(())), table);
        look(read.find_operation(document, branch, None, &OperationId::from("o")), table);
        look(read.keyframes(document, Detail::Created, &mut |_| Flow::Continue(())), table);
        look(read.inserted_operations(&Selection::default(), Serial::START, &mut |_| Flow::Continue(())), table);
        look(read.inserted_keyframes(&Selection::default(), Serial::START, &mut |_| Flow::Continue(())), table);
        let newest = look(read.nearest_keyframe(&stream, Revision::of(OpIndex::new(u64::MAX))), table).flatten();
        if let Some(label) = newest.and_then(|keyframe| u64::try_from(keyframe.label).ok()) {
            look(read.keyframe_document(&stream, Revision::of(OpIndex::new(label))), table);
        }
    }
}

/// What is there, unless a row is refused.
fn look<T>(found: Result<T, StoreError>, table: &'static str) -> Option<T> {
    found.map_err(|error| judge(&error, table)).ok()
}

/// The operations of a stream.
fn operations(
    read: &dyn Read,
    stream: &StreamKey,
    order: Order,
) -> Result<Vec<(OpIndex, String, Vec<u8>)>, StoreError> {
    let mut rows = Vec::new();
    read.operations(stream, Span::ALL, order, &mut |row| {
        assert!(row.error != Some("") && row.denied != Some(""));
        rows.push((row.index, row.id.to_owned(), row.action.to_vec()));
        Flow::Continue(())
    })?;
    Ok(rows)
}

fn rebuilt(sources: &Sources<'_>, target: &str) -> Result<State, ReplayError> {
    let target: Target = target.parse().expect("a target");
    Ok(rebuild(sources, &resolve(sources.read, &target)?)?.state)
}

fn same_twice(sources: &Sources<'_>, target: &str, table: &'static str) {
    match (rebuilt(sources, target), rebuilt(sources, target)) {
        (Ok(one), Ok(two)) => {
            for scope in one.scopes() {
                assert_eq!(one.canonical(scope.as_str()), two.canonical(scope.as_str()));
            }
        }
        (Err(one), Err(two)) => {
            assert_eq!(one.to_string(), two.to_string());
            judge_replay(&one, table);
        }
        (one, two) => panic!("once {:?}, once {:?}", one.is_ok(), two.is_ok()),
    }
}

fn judge_replay(error: &ReplayError, table: &'static str) {
    if let ReplayError::Store(error) = error {
        judge(error, table);
    }
}

/// A value that does not decode is refused by table and column; nothing else can be wrong with the store.
fn judge(error: &StoreError, changed: &str) {
    let StoreError::Corrupt { table, key, column, reason } = error else { panic!("{error:?}") };
    assert!(*table == changed && (key.starts_with("document ") || key.starts_with("keyframe")), "{error}");
    assert!(OPERATION.contains(column) || KEYFRAME.contains(column), "{error}");
    assert!(!reason.is_empty() && key.len() + reason.len() < 2000, "{error}");
}

/// A value as the input has it, and how SQL makes it of that.
fn value(text: &[u8]) -> Option<(&'static str, Value)> {
    let (kind, rest) = text.split_first()?;
    let digits = || std::str::from_utf8(rest).ok();
    Some(match kind {
        b'n' => ("?", Value::Null),
        b'i' => ("?", Value::Integer(digits()?.parse().ok()?)),
        b'r' => ("?", Value::Real(digits()?.parse().ok()?)),
        b't' => ("CAST(? AS TEXT)", Value::Blob(rest.to_vec())),
        b'b' => ("?", Value::Blob(rest.to_vec())),
        _ => return None,
    })
}

fn path() -> PathBuf {
    std::env::temp_dir().join(format!("snapctl-fuzz-row-{}.db", std::process::id()))
}
