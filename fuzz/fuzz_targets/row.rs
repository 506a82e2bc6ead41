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
use snapctl::model::target::Target;
use snapctl::reducer::Registry;
use snapctl::replay::{ReplayError, Sources, Trust, rebuild, resolve};
use snapctl::store::{Detail, Flow, Options, Order, Read, Store, StoreError, Stores, answer};

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
        let _ = std::fs::remove_file(&path);
        let writer = Connection::open(&path).expect("a new file");
        writer.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF").expect("an ordinary file");
        writer.execute_batch(include_str!("../row.sql")).expect("the rows");
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

    fn read_all(&self, table: &'static str) {
        let stream = StreamKey { document: "d".into(), scope: "global".into(), branch: "main".into() };
        let forward = self.operations(table, &stream, Order::Forward);
        let backward = self.operations(table, &stream, Order::Backward);
        if let (Some(mut forward), Some(backward)) = (forward, backward) {
            forward.reverse();
            assert_eq!(forward, backward);
        }
        self.look(table, |read| read.skips(&stream, Span::ALL).map(drop));
        self.look(table, |read| read.newest_time(&stream, Span::ALL).map(drop));
        self.look(table, |read| read.streams(&stream.document).map(drop));
        self.look(table, |read| read.documents("", &mut |_| Flow::Continue(())));
        self.look(table, |read| read.find_operation(&stream.document, &OperationId::from("o")).map(drop));
        self.look(table, |read| read.keyframes(&stream.document, Detail::Created, &mut |_| Flow::Continue(())));
        self.look(table, |read| {
            let newest = read.nearest_keyframe(&stream, Revision::of(OpIndex::new(u64::MAX)))?;
            let label = newest.and_then(|keyframe| u64::try_from(keyframe.label).ok());
            label.map_or(Ok(()), |label| read.keyframe_document(&stream, Revision::of(OpIndex::new(label))).map(drop))
        });
        for trust in [Trust::None, Trust::Any] {
            for target in ["d/global", "d", "d/global:keyframe:1", "d:@2025-01-01T12:00:00Z"] {
                self.rebuild(table, target, trust);
            }
        }
    }

    /// The operations of a stream, unless a row is refused.
    fn operations(
        &self,
        table: &'static str,
        stream: &StreamKey,
        order: Order,
    ) -> Option<Vec<(OpIndex, String, Vec<u8>)>> {
        self.look(table, |read| {
            let mut rows = Vec::new();
            read.operations(stream, Span::ALL, order, &mut |row| {
                assert!(row.error != Some("") && row.denied != Some(""));
                rows.push((row.index, row.id.to_owned(), row.action.to_vec()));
                Flow::Continue(())
            })?;
            Ok(rows)
        })
    }

    fn look<T>(&self, table: &'static str, ask: impl Fn(&dyn Read) -> Result<T, StoreError>) -> Option<T> {
        answer(&*self.store, ask).map_err(|error| judge(&error, table)).ok()
    }

    fn rebuild(&self, table: &'static str, target: &str, trust: Trust) {
        let target: Target = target.parse().expect("a target");
        let run = || {
            answer(&*self.store, |read| {
                let sources = Sources { read, registry: &self.registry, trust, progress: &Silent };
                rebuild(&sources, &resolve(read, &target)?)
            })
        };
        match (run(), run()) {
            (Ok(one), Ok(two)) => {
                for scope in one.state.scopes() {
                    assert_eq!(one.state.canonical(scope.as_str()), two.state.canonical(scope.as_str()));
                }
            }
            (Err(one), Err(two)) => {
                assert_eq!(one.to_string(), two.to_string());
                if let ReplayError::Store(error) = &one {
                    judge(error, table);
                }
            }
            (one, two) => panic!("once {:?}, once {:?}", one.is_ok(), two.is_ok()),
        }
    }
}

/// A value that does not decode is refused by table and column; nothing else can be wrong with the store.
fn judge(error: &StoreError, changed: &str) {
    let StoreError::Corrupt { table, key, column, reason } = error else { panic!("{error:?}") };
    assert!(*table == changed && (key.starts_with("document d") || key.starts_with("keyframe")), "{error}");
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
