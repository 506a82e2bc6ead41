//! The import of an export is the identity: over the fixtures, over odd texts, and over any rows at all.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::path::Path;

use proptest::prelude::*;
use snapctl::model::ids::{OpIndex, Revision, StreamKey};
use snapctl::model::operation::OperationRow;
use snapctl::model::progress::{Silent, Stop};
use snapctl::model::time::Timestamp;
use snapctl::store::memory::MemoryStore;
use snapctl::store::{NewKeyframe, NewOperation, Previous, Selection, Store, StoreError, Stores, sqlite};
use snapctl::transfer::{Commit, ImportOptions, Importer, Keyframes, Measure, OnFailure, Report, export};

use crate::support::{dump, odd_store};

const ONCE: ImportOptions = ImportOptions {
    selection: Selection { parts: Vec::new(), document_type: None },
    keyframes: Keyframes::Take,
    commit: Commit::Once,
    on_failure: OnFailure::Stop,
};

/// Why a test cannot go on.
#[derive(Debug)]
struct Failed(#[expect(dead_code, reason = "it is shown")] String);

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Failed(error.to_string())
    }
}

impl From<Stop> for Failed {
    fn from(stop: Stop) -> Self {
        Failed(stop.to_string())
    }
}

fn lines(store: &dyn Store) -> Vec<u8> {
    let mut lines = Vec::new();
    export(store, &Selection::default(), Keyframes::Take, &Silent, &mut |line: &[u8]| -> Result<(), Failed> {
        assert!(!line.contains(&b'\n') && !line.contains(&b'\r'));
        lines.extend_from_slice(line);
        lines.push(b'\n');
        Ok(())
    })
    .unwrap();
    lines
}

fn import(store: &dyn Store, lines: &[u8]) -> Report {
    let (options, mut warn) = (ONCE, |error: &_| panic!("{error}"));
    let mut importer = Importer::new(store, &options, &Silent, &mut warn);
    importer.lines("lines", lines, Measure::Lines).unwrap();
    importer.finish().unwrap()
}

/// Copies a store as lines, and row by row; both have to give the same rows, ids included.
fn check(original: &Path) {
    let store = Stores::built_in().open(original.to_str().unwrap(), &snapctl::store::Options::default()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let by_lines = directory.path().join("lines.db");
    let copy = sqlite::create(&by_lines).unwrap();
    let exported = lines(&*store);
    let report = import(&copy, &exported);
    assert_eq!(report.read, report.added());
    let by_rows = directory.path().join("rows.db");
    let other = sqlite::create(&by_rows).unwrap();
    let (options, mut warn) = (ONCE, |error: &_| panic!("{error}"));
    let mut importer = Importer::new(&other, &options, &Silent, &mut warn);
    importer.rows_of(&*store).unwrap();
    importer.finish().unwrap();
    let rows = dump(original);
    assert_eq!(rows.len() as u64, report.read);
    for copy in [&by_lines, &by_rows] {
        for (copied, row) in dump(copy).iter().zip(&rows) {
            assert!(copied == row, "{copied:.300?}\n{row:.300?}");
        }
        assert_eq!(dump(copy).len(), rows.len());
    }
    assert!(lines(&copy) == exported);
    assert_eq!(import(&copy, &exported).added(), 0, "again, it does nothing");
}

#[test]
fn every_fixture_comes_back() {
    let fixtures = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
    let mut checked = 0;
    for entry in std::fs::read_dir(fixtures).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "sqlite") {
            check(&path);
            checked += 1;
        }
    }
    assert!(checked >= 3);
}

#[test]
fn odd_texts_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("odd.db");
    odd_store(&path);
    check(&path);
}

/// Texts, with many that look like JSON.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,12}",
        r#"[\[\]{}":,\\ \n\r\t0-9eE.+-]{0,16}"#,
        r#"[ \n]?\{("type"|"a|\\u00e[0-9]"|"")[ ]?:(1|"X"|"\\ud8[0-9]0"|\{\})(,"type":"[XY]")?\}[ \r]?"#,
        r#"\{"type":"X","input":[ ]?(-?[0-9]{1,30}(\.[0-9]{1,9})?|"(\\u[0-9a-f]{4}|é|\\n){0,5}")\}"#,
    ]
}

proptest! {
    /// From a store in memory, into another or into a file.
    #[test]
    fn any_rows_come_back(
        rows in proptest::collection::vec(
            (0..3_usize, texts(), texts(), texts(), proptest::option::of(texts()), proptest::option::of(texts()), any::<u32>(), 0..250_000_000_000_000_i64),
            1..12,
        ),
        keyframes in proptest::collection::vec((any::<proptest::sample::Index>(), 0..1000_u64, texts(), 0..250_000_000_000_000_i64), 0..4),
        into_file in any::<bool>(),
    ) {
        let original = MemoryStore::default();
        let mut write = original.write().unwrap();
        let mut instances = HashSet::new();
        let mut streams: Vec<(StreamKey, u64)> = Vec::new();
        let mut added = 0;
        for (stream, id, hash, action, error, denied, skip, millis) in &rows {
            let key = StreamKey { document: id.as_str().into(), scope: hash.as_str().into(), branch: stream.to_string().into() };
            let known = streams.iter().position(|(known, _)| *known == key);
            let at = known.unwrap_or_else(|| {
                streams.push((key.clone(), 0));
                streams.len() - 1
            });
            let index = streams[at].1;
            let row = OperationRow {
                index: OpIndex::new(index),
                skip: NonZeroU32::new(*skip),
                id,
                previous_id: hash,
                document_type: action,
                timestamp: Timestamp::from_millis(*millis).unwrap(),
                hash,
                error: error.as_deref(),
                denied: denied.as_deref(),
                action: action.as_bytes(),
            };
            let new = NewOperation { row, written: Timestamp::from_millis(*millis / 2).unwrap(), job_id: id };
            // Only one row in a store has an id, index and skip.
            let is_new = instances.insert((id, index, *skip));
            prop_assert_eq!(write.add(&key, &new, Previous::Given).is_ok(), is_new);
            if is_new {
                streams[at].1 += 1;
                added += 1;
            }
        }
        let mut labels = HashSet::new();
        for (stream, label, document, millis) in &keyframes {
            let (stream, _) = stream.get(&streams);
            let document_type = document.as_str().into();
            let (revision, created) = (Revision::of(OpIndex::new(*label)), Timestamp::from_millis(*millis).unwrap());
            let document = document.as_bytes();
            write.put_keyframe(&NewKeyframe { stream, revision, document_type: &document_type, document, created }).unwrap();
            labels.insert((stream, label));
        }
        write.commit().unwrap();
        prop_assert!(added > 0);
        let exported = lines(&original);
        let directory = tempfile::tempdir().unwrap();
        let copy: Box<dyn Store> = if into_file {
            Box::new(sqlite::create(&directory.path().join("copy.db")).unwrap())
        } else {
            Box::new(MemoryStore::default())
        };
        let report = import(&*copy, &exported);
        prop_assert_eq!((report.read, report.added()), (added + labels.len() as u64, report.read));
        prop_assert_eq!(String::from_utf8(lines(&*copy)).unwrap(), String::from_utf8(exported).unwrap());
    }

    #[test]
    fn no_line_panics(line in r#"[{}\[\]":,a-z0-9\\ é-]{0,40}|\{"(documentId|index|action|keyframe|skip)":(1|"x"|null|\{\}|-1|\[\])(,"[a-zA-Z]{2,12}":(0|""|\{"type":"X"\})){0,5}\}"#) {
        let _ = snapctl::transfer::decode(line.as_bytes());
    }
}
