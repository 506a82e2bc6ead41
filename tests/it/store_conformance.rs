//! What every store promises, checked over all of them.

use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};

use snapctl::model::ids::{DocumentType, NextIndex, OpIndex, Revision, Scope, Span, StreamKey};
use snapctl::model::operation::OperationRow;
use snapctl::model::time::Timestamp;
use snapctl::store::memory::MemoryStore;
use snapctl::store::{
    Access, Codec, Detail, Flow, NewKeyframe, NewOperation, Options, Order, Part, Previous, Read, Selection, Serial,
    Storage, Store, StoreError, Write, answer, sqlite,
};

/// A store to test, and what recodes its content once it is written.
pub(crate) struct Subject {
    pub(crate) store: Box<dyn Store>,
    recode: Box<dyn Fn()>,
    file: Option<(tempfile::TempDir, PathBuf)>,
}

impl Subject {
    /// Where the file is, of a store that is one.
    pub(crate) fn path(&self) -> &Path {
        &self.file.as_ref().expect("a store in a file").1
    }
}

/// A short time, because some checks wait for it to pass.
fn options() -> Options {
    Options { access: Access::Change, busy_timeout_ms: NonZeroU64::new(50) }
}

pub(crate) fn memory() -> Subject {
    Subject { store: Box::new(MemoryStore::new(&options())), recode: Box::new(|| ()), file: None }
}

pub(crate) fn sqlite(recode: &'static [&'static str]) -> Subject {
    let directory = tempfile::tempdir().unwrap();
    let path: PathBuf = directory.path().join("it's 100% a/store?.db".replace('/', "_"));
    sqlite::create(&path).unwrap();
    let store = Box::new(sqlite::open(&path, &options()).unwrap());
    let file = path.clone();
    let recode = Box::new(move || {
        let connection = rusqlite::Connection::open(&file).unwrap();
        for statement in recode {
            connection.execute_batch(statement).unwrap();
        }
    });
    Subject { store, recode, file: Some((directory, path)) }
}

const BLOBS: &[&str] = &[
    r#"UPDATE "Operation" SET "action" = CAST("action" AS BLOB)"#,
    r#"UPDATE "Keyframe" SET "document" = CAST("document" AS BLOB)"#,
];
const JSONB: &[&str] = &[
    r#"UPDATE "Operation" SET "action" = jsonb("action")"#,
    r#"UPDATE "Keyframe" SET "document" = jsonb("document")"#,
];
const WAL: &[&str] = &["PRAGMA journal_mode = WAL"];
const BARE: &[&str] = &[
    r#"DROP INDEX "streamOperations""#,
    r#"DROP INDEX "branchlessStreamOperations""#,
    r#"DROP INDEX "keyframe_lookup""#,
];

#[test]
fn memory_keeps_the_contract() {
    conformance(&memory);
}

#[test]
fn sqlite_with_text_keeps_the_contract() {
    conformance(&|| sqlite(&[]));
}

#[test]
fn sqlite_with_blobs_keeps_the_contract() {
    conformance(&|| sqlite(BLOBS));
}

#[test]
fn sqlite_with_jsonb_keeps_the_contract() {
    conformance(&|| sqlite(JSONB));
}

#[test]
fn sqlite_with_a_write_ahead_log_keeps_the_contract() {
    conformance(&|| sqlite(WAL));
}

#[test]
fn sqlite_without_secondary_indexes_keeps_the_contract() {
    conformance(&|| sqlite(BARE));
}

/// What a reader relies on, on an archive with the ten operations of [`fill`]; `archives` compares the rest with a store
/// that the archive was imported into.
#[test]
fn an_archive_keeps_the_contract_as_far_as_it_holds_one_document() {
    let operation = |Op { index, skip, id, kind, millis, error, denied }: Op| {
        serde_json::json!({
            "index": index, "skip": skip, "id": id, "timestampUtcMs": millis, "hash": "hash=", "error": error,
            "deniedReason": denied, "action": { "id": format!("a{index}"), "type": kind, "scope": "global" },
        })
    };
    let operations = serde_json::json!({ "global": ten().map(operation) }).to_string();
    let header = r#"{"id":"doc","documentType":"type/first"}"#;
    let bytes = crate::support::archives::archive_of(header, "{}", &operations);
    let store = snapctl::store::archive::ArchiveStore::from_bytes("doc.phd".into(), &bytes).unwrap();
    for check in [
        order_and_span_choose_the_rows,
        skips_are_an_index_of_retractions,
        the_newest_time_is_the_greatest_not_the_last,
    ] {
        check(&store);
    }
    let read = store.read().unwrap();
    assert_eq!((documents(&*read, ""), documents(&*read, "e")), (vec!["doc".to_owned()], vec![]));
    let streams = read.streams(&"doc".into()).unwrap();
    let shown: Vec<_> =
        streams.iter().map(|head| (head.branch.as_str(), head.scope.as_str(), head.head.get())).collect();
    assert_eq!(shown, [("main", "global", 9)]);
    assert!(matches!(store.write().err(), Some(StoreError::ReadOnly { .. })));
}

/// Runs checks over all stores, each on a store of its own that holds what [`fill`] has put there.
pub(crate) fn conformance_of(checks: &[fn(&Subject)]) {
    let subjects: [&dyn Fn() -> Subject; 6] =
        [&memory, &|| sqlite(&[]), &|| sqlite(BLOBS), &|| sqlite(JSONB), &|| sqlite(WAL), &|| sqlite(BARE)];
    for subject in subjects {
        for check in checks {
            let subject = subject();
            fill(&*subject.store);
            (subject.recode)();
            check(&subject);
        }
    }
}

/// Runs every check, each on a store of its own that holds [`fill`].
fn conformance(subject: &dyn Fn() -> Subject) {
    let checks: [fn(&dyn Store); 23] = [
        rows_come_back_as_they_were_written,
        order_and_span_choose_the_rows,
        a_visit_stops_when_the_visitor_says_so,
        an_append_makes_no_gap,
        skips_are_an_index_of_retractions,
        an_operation_is_found_where_it_was_inserted_last,
        the_newest_time_is_the_greatest_not_the_last,
        the_nearest_keyframe_is_at_or_below,
        keyframes_are_listed_by_branch_scope_and_revision,
        a_keyframe_is_replaced_and_deleted,
        documents_are_listed_by_prefix,
        a_write_knows_where_streams_end,
        streams_are_listed_with_their_heads,
        unusual_names_are_names,
        rows_are_shown_as_they_were_inserted,
        a_selection_chooses_rows,
        keyframes_are_shown_by_number,
        an_id_before_is_stored_as_given,
        a_repeated_append_does_nothing,
        an_append_that_does_not_fit_is_a_conflict,
        a_dropped_write_changes_nothing,
        a_reader_keeps_its_moment,
        a_stamp_changes_with_the_content,
    ];
    for check in checks {
        let subject = subject();
        fill(&*subject.store);
        (subject.recode)();
        check(&*subject.store);
    }
    let empty = subject();
    an_empty_store_has_nothing(&*empty.store);
}

/// A row to append, with everything that checks do not care about filled in.
#[derive(Clone)]
pub(crate) struct Op {
    pub(crate) index: u64,
    pub(crate) skip: u32,
    pub(crate) id: String,
    pub(crate) kind: &'static str,
    pub(crate) millis: i64,
    pub(crate) error: Option<&'static str>,
    pub(crate) denied: Option<&'static str>,
}

pub(crate) fn op(index: u64) -> Op {
    let millis = 1_700_000_000_000 + i64::try_from(index % 1000).unwrap() * 1000;
    Op { index, skip: 0, id: format!("op-{index}"), kind: "SET", millis, error: None, denied: None }
}

pub(crate) fn key(document: &str, scope: &str, branch: &str) -> StreamKey {
    StreamKey { document: document.into(), scope: scope.into(), branch: branch.into() }
}

pub(crate) fn append(write: &mut dyn Write, stream: &StreamKey, ops: &[Op]) -> Result<usize, StoreError> {
    let actions: Vec<String> = ops
        .iter()
        .map(|op| {
            format!(
                r#"{{"id":"a{}","type":"{}","scope":"{}","input":{{"ü":[1,2.50]}}}}"#,
                op.index, op.kind, stream.scope
            )
        })
        .collect();
    let rows: Vec<NewOperation<'_>> = ops
        .iter()
        .zip(&actions)
        .map(|(op, action)| NewOperation {
            row: OperationRow {
                index: OpIndex::new(op.index),
                skip: NonZeroU32::new(op.skip),
                id: &op.id,
                previous_id: "ignored",
                document_type: if op.index == 0 { "type/first" } else { "type/later" },
                timestamp: time(op.millis),
                hash: "hash=",
                error: op.error,
                denied: op.denied,
                action: action.as_bytes(),
            },
            written: time(op.millis + 1),
            job_id: "job",
        })
        .collect();
    write.append(stream, &rows)
}

fn time(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

pub(crate) fn at(revision: u64) -> Revision {
    Revision::of(OpIndex::new(revision))
}

pub(crate) fn put(write: &mut dyn Write, stream: &StreamKey, revision: u64, document: &str) {
    let document_type = DocumentType::from("type/keyframe");
    let (document, created) = (document.as_bytes(), time(1_700_000_000_000 + i64::try_from(revision).unwrap()));
    write
        .put_keyframe(&NewKeyframe { stream, revision: at(revision), document_type: &document_type, document, created })
        .unwrap();
}

/// Ten operations, some of which retract, failed or were denied.
fn ten() -> [Op; 10] {
    let mut ops: [Op; 10] = std::array::from_fn(|index| op(index as u64));
    ops[3] = Op { error: Some("it failed"), ..ops[3].clone() };
    ops[4] = Op { error: Some(""), denied: Some(""), ..ops[4].clone() };
    ops[5] = Op { skip: 2, ..ops[5].clone() };
    ops[6] = Op { skip: 1, kind: "NOOP", millis: 1_800_000_000_000, ..ops[6].clone() };
    ops[7] = Op { skip: u32::MAX, denied: Some("no"), ..ops[7].clone() };
    ops
}

fn main_stream() -> StreamKey {
    key("doc", "global", "main")
}

/// Ten operations in `doc/global`, and a little around them.
fn fill(store: &dyn Store) {
    let mut write = store.write().unwrap();
    let created = Op { id: "create".into(), kind: "CREATE_DOCUMENT", ..op(0) };
    append(&mut *write, &key("doc", "document", "main"), &[created]).unwrap();
    append(&mut *write, &main_stream(), &ten()).unwrap();
    let copies = [Op { id: "op-1".into(), ..op(0) }, Op { id: "x".into(), ..op(1) }];
    append(&mut *write, &key("doc", "global", "branch"), &copies).unwrap();
    for revision in [0, 3, 7] {
        put(&mut *write, &main_stream(), revision, &format!(r#"{{"r":{revision}}}"#));
    }
    put(&mut *write, &key("doc", "a", "main"), 5, r#"{"r":5}"#);
    put(&mut *write, &key("doc", "z", "branch"), 1, r#"{"r":1}"#);
    put(&mut *write, &key("no operations", "global", "main"), 1, r#"{"r":1}"#);
    let other = Op { id: "other".into(), ..op(0) };
    append(&mut *write, &key("doc2", "global", "main"), &[other]).unwrap();
    write.commit().unwrap();
}

fn span(from: u64, through: Option<u64>) -> Span {
    Span { from: NextIndex::new(from), through: through.map(OpIndex::new) }
}

fn indices(read: &dyn Read, stream: &StreamKey, span: Span, order: Order) -> Vec<u64> {
    let mut indices = Vec::new();
    read.operations(stream, span, order, &mut |row| {
        indices.push(row.index.get());
        Flow::Continue(())
    })
    .unwrap();
    indices
}

fn documents(read: &dyn Read, prefix: &str) -> Vec<String> {
    let mut documents = Vec::new();
    read.documents(prefix, &mut |entry| {
        documents.push(entry.id.as_str().to_owned());
        Flow::Continue(())
    })
    .unwrap();
    documents
}

fn rows_come_back_as_they_were_written(store: &dyn Store) {
    let read = store.read().unwrap();
    let mut rows = Vec::new();
    read.operations(&main_stream(), Span::ALL, Order::Forward, &mut |row| {
        let action = String::from_utf8(row.action.to_vec()).unwrap();
        let texts = [row.id, row.previous_id, row.document_type, row.hash].map(str::to_owned);
        let outcome = [row.error, row.denied].map(|text| text.map(str::to_owned));
        rows.push((texts, row.skip.map(NonZeroU32::get), row.timestamp.as_millis(), outcome, action));
        Flow::Continue(())
    })
    .unwrap();
    assert_eq!(rows.len(), 10);
    assert_eq!(rows[0].0, ["op-0", "", "type/first", "hash="]);
    assert_eq!(rows[1].0, ["op-1", "op-0", "type/later", "hash="]);
    assert_eq!(rows[9].0[1], "op-8");
    assert_eq!(rows[3].3, [Some("it failed".into()), None]);
    assert_eq!(rows[4].3, [None, None], "an empty text counts as absent");
    assert_eq!(rows[7].3, [None, Some("no".into())]);
    assert_eq!([rows[4].1, rows[5].1, rows[7].1], [None, Some(2), Some(u32::MAX)]);
    assert_eq!(rows[6].2, 1_800_000_000_000);
    assert_eq!(rows[2].4, r#"{"id":"a2","type":"SET","scope":"global","input":{"ü":[1,2.50]}}"#);
    read.finish().unwrap();
}

fn order_and_span_choose_the_rows(store: &dyn Store) {
    let read = store.read().unwrap();
    let stream = main_stream();
    let forward = |span| indices(&*read, &stream, span, Order::Forward);
    assert_eq!(forward(Span::ALL), (0..10).collect::<Vec<_>>());
    assert_eq!(forward(span(3, Some(5))), [3, 4, 5]);
    assert_eq!(forward(span(8, None)), [8, 9]);
    assert_eq!(forward(span(0, Some(0))), [0]);
    for empty in [span(10, None), span(5, Some(4)), span(u64::MAX, None), span(u64::MAX, Some(u64::MAX))] {
        assert!(forward(empty).is_empty(), "{empty:?}");
    }
    assert_eq!(forward(span(9, Some(u64::MAX))), [9]);
    assert_eq!(indices(&*read, &stream, span(3, Some(5)), Order::Backward), [5, 4, 3]);
    assert_eq!(indices(&*read, &stream, Span::ALL, Order::Backward), (0..10).rev().collect::<Vec<_>>());
    assert!(indices(&*read, &key("doc", "none", "main"), Span::ALL, Order::Forward).is_empty());
}

fn a_visit_stops_when_the_visitor_says_so(store: &dyn Store) {
    let read = store.read().unwrap();
    for order in [Order::Forward, Order::Backward] {
        let mut visits = 0;
        read.operations(&main_stream(), Span::ALL, order, &mut |_| {
            visits += 1;
            if visits == 3 { Flow::Break(()) } else { Flow::Continue(()) }
        })
        .unwrap();
        assert_eq!(visits, 3);
    }
    let (mut documents, mut keyframes) = (0, 0);
    read.documents("", &mut |_| {
        documents += 1;
        Flow::Break(())
    })
    .unwrap();
    read.keyframes(&"doc".into(), Detail::Label, &mut |_| {
        keyframes += 1;
        Flow::Break(())
    })
    .unwrap();
    assert_eq!((documents, keyframes), (1, 1));
    // A visitor may ask the same transaction other things, even the same.
    let mut seen = Vec::new();
    read.operations(&main_stream(), span(0, Some(1)), Order::Forward, &mut |_| {
        seen.extend(indices(&*read, &main_stream(), span(8, None), Order::Forward));
        Flow::Continue(())
    })
    .unwrap();
    assert_eq!(seen, [8, 9, 8, 9]);
}

fn an_append_makes_no_gap(store: &dyn Store) {
    let mut write = store.write().unwrap();
    let stream = key("gap", "global", "main");
    let late = append(&mut *write, &stream, &[Op { id: "late".into(), ..op(4) }]);
    assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
    drop(write);
    assert!(indices(&*store.read().unwrap(), &stream, Span::ALL, Order::Forward).is_empty());
}

fn skips_are_an_index_of_retractions(store: &dyn Store) {
    let read = store.read().unwrap();
    let show = |span| -> Vec<(u64, u32, bool, bool)> {
        let skips = read.skips(&main_stream(), span).unwrap();
        skips.iter().map(|entry| (entry.index.get(), entry.skip.get(), entry.noop, entry.denied)).collect()
    };
    assert_eq!(show(Span::ALL), [(5, 2, false, false), (6, 1, true, false), (7, u32::MAX, false, true)]);
    assert_eq!(show(span(6, Some(6))), [(6, 1, true, false)]);
    assert_eq!(show(span(8, None)), []);
}

fn an_operation_is_found_where_it_was_inserted_last(store: &dyn Store) {
    let read = store.read().unwrap();
    let find = |document: &str, branch: &str, scope: Option<&str>, id: &str| {
        let scope = scope.map(Scope::from);
        let found = read.find_operation(&document.into(), &branch.into(), scope.as_ref(), &id.into()).unwrap();
        found.map(|(scope, index)| (scope.to_string(), index.get()))
    };
    let global = |index| Some(("global".to_owned(), index));
    // It is on two branches.
    assert_eq!(find("doc", "branch", None, "op-1"), global(0));
    assert_eq!(find("doc", "main", None, "op-1"), global(1));
    assert_eq!(find("doc", "main", None, "op-2"), global(2));
    assert_eq!(find("doc", "main", Some("global"), "op-2"), global(2));
    assert_eq!(find("doc", "main", Some("local"), "op-2"), None);
    assert_eq!(find("doc", "elsewhere", None, "op-2"), None);
    assert_eq!(find("doc", "main", None, "other"), None);
    assert_eq!(find("doc2", "main", None, "other"), global(0));
}

fn the_newest_time_is_the_greatest_not_the_last(store: &dyn Store) {
    let read = store.read().unwrap();
    let newest = |span| read.newest_time(&main_stream(), span).unwrap().map(Timestamp::as_millis);
    assert_eq!(newest(Span::ALL), Some(1_800_000_000_000));
    assert_eq!(newest(span(0, Some(5))), Some(1_700_000_005_000));
    assert_eq!(newest(span(10, None)), None);
}

fn the_nearest_keyframe_is_at_or_below(store: &dyn Store) {
    let read = store.read().unwrap();
    let nearest = |stream: &StreamKey, revision| {
        let found = read.nearest_keyframe(stream, at(revision)).unwrap();
        found.map(|keyframe| {
            let document = read.keyframe_document(stream, at(keyframe.label.unsigned_abs())).unwrap().unwrap();
            (keyframe.label.unsigned_abs(), String::from_utf8(document).unwrap(), keyframe.codec)
        })
    };
    let stream = main_stream();
    let labels = |revision| nearest(&stream, revision).map(|(label, ..)| label);
    assert_eq!([0, 2, 3, 6, 7, u64::MAX].map(labels), [0, 0, 3, 3, 7, 7].map(Some));
    assert_eq!(nearest(&stream, 5), Some((3, r#"{"r":3}"#.into(), Codec::Json)));
    assert_eq!(nearest(&key("doc", "a", "main"), 4), None);
    assert_eq!(nearest(&key("doc", "none", "main"), 4), None);
    let keyframe = read.nearest_keyframe(&stream, at(3)).unwrap().unwrap();
    assert_eq!(keyframe.document_type.as_str(), "type/keyframe");
}

fn listed(read: &dyn Read, document: &str) -> Vec<(String, i64, Option<i64>)> {
    let mut entries = Vec::new();
    read.keyframes(&document.into(), Detail::Created, &mut |entry| {
        assert!(entry.size_bytes > 0);
        entries.push((entry.stream.to_string(), entry.label, entry.created.map(Timestamp::as_millis)));
        Flow::Continue(())
    })
    .unwrap();
    entries
}

fn keyframes_are_listed_by_branch_scope_and_revision(store: &dyn Store) {
    let read = store.read().unwrap();
    let entries = listed(&*read, "doc");
    let created = |revision: i64| Some(1_700_000_000_000 + revision);
    let expected = [("doc/z@branch", 1), ("doc/a", 5), ("doc/global", 0), ("doc/global", 3), ("doc/global", 7)];
    assert_eq!(entries, expected.map(|(stream, label)| (stream.to_owned(), label, created(label))));
    assert_eq!(listed(&*read, "doc2"), []);
    let mut labels = Vec::new();
    read.keyframes(&"doc".into(), Detail::Label, &mut |entry| {
        labels.push((entry.label, entry.created, entry.size_bytes > 0));
        Flow::Continue(())
    })
    .unwrap();
    assert_eq!(labels, expected.map(|(_, label)| (label, None, true)));
}

fn a_keyframe_is_replaced_and_deleted(store: &dyn Store) {
    let mut write = store.write().unwrap();
    put(&mut *write, &main_stream(), 3, r#"{"new":true}"#);
    write
        .put_keyframe(&NewKeyframe {
            stream: &main_stream(),
            revision: at(3),
            document_type: &"type/new".into(),
            document: br#"{"newer":true}"#,
            created: time(1),
        })
        .unwrap();
    assert!(write.delete_keyframe(&main_stream(), at(7)).unwrap());
    assert!(!write.delete_keyframe(&main_stream(), at(7)).unwrap());
    assert!(!write.delete_keyframe(&main_stream(), at(u64::MAX)).unwrap());
    write.commit().unwrap();
    let read = store.read().unwrap();
    let keyframe = read.nearest_keyframe(&main_stream(), at(9)).unwrap().unwrap();
    assert_eq!(keyframe.label, 3);
    assert_eq!(read.keyframe_document(&main_stream(), at(3)).unwrap().unwrap(), br#"{"newer":true}"#);
    assert_eq!(read.keyframe_document(&main_stream(), at(4)).unwrap(), None);
    assert_eq!(keyframe.document_type.as_str(), "type/keyframe", "only the document is replaced");
    assert!(listed(&*read, "doc").contains(&("doc/global".into(), 3, Some(1_700_000_000_003))));
}

fn documents_are_listed_by_prefix(store: &dyn Store) {
    let read = store.read().unwrap();
    assert_eq!(documents(&*read, ""), ["doc", "doc2"]);
    assert_eq!(documents(&*read, "doc2"), ["doc2"]);
    assert!(documents(&*read, "do%").is_empty() && documents(&*read, "e").is_empty());
    let mut types = Vec::new();
    read.documents("", &mut |entry| {
        types.push(entry.document_type.as_str().to_owned());
        Flow::Continue(())
    })
    .unwrap();
    assert_eq!(types, ["type/first", "type/first"]);
    let info = read.info().unwrap();
    assert_eq!((info.documents, info.operations, info.keyframes), (2, 14, 6));
}

fn a_write_knows_where_streams_end(store: &dyn Store) {
    let mut write = store.write().unwrap();
    let (head, id) = write.last_operation(&main_stream()).unwrap().expect("it has operations");
    let streams = write.streams(&main_stream().document).unwrap();
    let listed =
        streams.iter().find(|known| known.scope == main_stream().scope && known.branch == main_stream().branch);
    assert_eq!(listed.unwrap().head, head);
    let found = write.find_operation(&main_stream().document, &main_stream().branch, Some(&main_stream().scope), &id);
    assert_eq!(found.unwrap(), Some((main_stream().scope, head.last())));
    let empty = StreamKey { scope: "nothing".into(), ..main_stream() };
    assert_eq!(write.last_operation(&empty).unwrap(), None);
    assert_eq!(write.last_operation(&empty).unwrap(), None, "asked twice");
}

fn streams_are_listed_with_their_heads(store: &dyn Store) {
    let read = store.read().unwrap();
    let streams = read.streams(&"doc".into()).unwrap();
    let shown: Vec<_> =
        streams.iter().map(|head| (head.branch.as_str(), head.scope.as_str(), head.head.get())).collect();
    assert_eq!(shown, [("branch", "global", 1), ("main", "document", 0), ("main", "global", 9)]);
    assert!(read.streams(&"no operations".into()).unwrap().is_empty());
}

fn unusual_names_are_names(store: &dyn Store) {
    let names =
        ["", " ", "'", "\"", "%", "/", "a%", "aé", "a\u{10ffff}", "a\u{1f600}b", "a_", "ǆ:@%2F", "\u{1}", "\u{fffd}"];
    let mut write = store.write().unwrap();
    for (n, name) in names.iter().enumerate() {
        append(&mut *write, &key(name, name, name), &[Op { id: format!("odd {n}"), ..op(0) }]).unwrap();
        put(&mut *write, &key(name, name, name), 0, "{}");
    }
    write.commit().unwrap();
    let read = store.read().unwrap();
    let mut sorted: Vec<&str> = names.into_iter().chain(["doc", "doc2"]).collect();
    sorted.sort_unstable();
    assert_eq!(documents(&*read, ""), sorted);
    assert_eq!(documents(&*read, "a"), ["a%", "a_", "aé", "a\u{1f600}b", "a\u{10ffff}"]);
    assert_eq!(documents(&*read, "a%"), ["a%"]);
    for (n, name) in names.iter().enumerate() {
        let stream = key(name, name, name);
        assert_eq!(indices(&*read, &stream, Span::ALL, Order::Forward), [0], "{name:?}");
        let streams = read.streams(&stream.document).unwrap();
        assert_eq!((streams.len(), &streams[0].scope, &streams[0].branch), (1, &stream.scope, &stream.branch));
        assert!(read.nearest_keyframe(&stream, at(0)).unwrap().is_some(), "{name:?}");
        let id = format!("odd {n}").into();
        let found = read.find_operation(&stream.document, &stream.branch, None, &id).unwrap();
        assert_eq!(found, Some((stream.scope, OpIndex::FIRST)));
    }
}

/// `DOC/SCOPE:INDEX` of operations and keyframes, in the order of insertion.
fn inserted(read: &dyn Read, selection: &Selection, after: Serial) -> (Vec<String>, Vec<String>) {
    let (mut operations, mut keyframes) = (Vec::new(), Vec::new());
    let mut last = after;
    read.inserted_operations(selection, after, &mut |row| {
        assert!(row.serial > last);
        last = row.serial;
        operations.push(format!("{}:{}", row.stream, row.row.index));
        Flow::Continue(())
    })
    .unwrap();
    let mut last = after;
    read.inserted_keyframes(selection, after, &mut |row| {
        assert!(row.serial > last);
        last = row.serial;
        keyframes.push(format!("{}:{}", row.stream, row.label));
        Flow::Continue(())
    })
    .unwrap();
    (operations, keyframes)
}

fn rows_are_shown_as_they_were_inserted(store: &dyn Store) {
    let read = store.read().unwrap();
    let (operations, keyframes) = inserted(&*read, &Selection::default(), Serial::START);
    let main = (0..10).map(|index| format!("doc/global:{index}"));
    let rest = ["doc/global@branch:0", "doc/global@branch:1", "doc2/global:0"].map(str::to_owned);
    assert_eq!(operations, ["doc/document:0".to_owned()].into_iter().chain(main).chain(rest).collect::<Vec<_>>());
    assert_eq!(
        keyframes,
        ["doc/global:0", "doc/global:3", "doc/global:7", "doc/a:5", "doc/z@branch:1", "no operations/global:1"]
    );
    let mut seen = Vec::new();
    read.inserted_operations(&Selection::default(), Serial::START, &mut |row| {
        seen.push((
            row.serial,
            row.written.map(Timestamp::as_millis),
            row.job_id.map(str::to_owned),
            row.row.error.is_some(),
        ));
        if seen.len() == 6 { Flow::Break(()) } else { Flow::Continue(()) }
    })
    .unwrap();
    assert_eq!(seen.len(), 6, "a visit stops when the visitor says so");
    let (serial, written, job, error) = seen.pop().unwrap();
    assert_eq!(
        (written, job.as_deref(), error),
        (Some(1_700_000_004_001), Some("job"), true),
        "an empty text is a text"
    );
    assert_eq!(inserted(&*read, &Selection::default(), serial).0[0], "doc/global:5");
    let mut bodies = Vec::new();
    read.inserted_keyframes(&Selection::default(), Serial::START, &mut |row| {
        bodies.push((row.document.to_owned(), row.document_type.to_owned(), row.created.as_millis()));
        Flow::Break(())
    })
    .unwrap();
    assert_eq!(bodies, [(r#"{"r":0}"#.to_owned(), "type/keyframe".to_owned(), 1_700_000_000_000)]);
}

fn a_selection_chooses_rows(store: &dyn Store) {
    let read = store.read().unwrap();
    let part = |scope: Option<&str>, branch: Option<&str>, span| Part {
        document: "doc".into(),
        scope: scope.map(Into::into),
        branch: branch.map(Into::into),
        span,
    };
    let chosen =
        |parts: &[Part]| inserted(&*read, &Selection { parts: parts.to_vec(), document_type: None }, Serial::START);
    assert_eq!(chosen(&[part(None, None, Span::ALL)]).0.len(), 13);
    assert_eq!(chosen(&[part(None, Some("branch"), Span::ALL)]).0, ["doc/global@branch:0", "doc/global@branch:1"]);
    let global = |from, through| part(Some("global"), Some("main"), span(from, through));
    let several = [global(8, None), global(0, Some(1)), global(1, Some(2)), part(Some("document"), None, Span::ALL)];
    let (operations, keyframes) = chosen(&several);
    let expected = ["doc/document:0", "doc/global:0", "doc/global:1", "doc/global:2", "doc/global:8", "doc/global:9"];
    assert_eq!(operations, expected, "each once, in the order of insertion");
    assert_eq!(keyframes, ["doc/global:0"]);
    assert_eq!(chosen(&[Part { document: "none".into(), ..global(0, None) }]), (vec![], vec![]));
    let mut serials = Vec::new();
    read.inserted_operations(&Selection::default(), Serial::START, &mut |row| {
        serials.push(row.serial);
        Flow::Continue(())
    })
    .unwrap();
    let selection = Selection { parts: several.to_vec(), document_type: None };
    assert_eq!(inserted(&*read, &selection, serials[2]).0, expected[3..], "behind a row");
    let typed = |kind: &str| Selection { parts: vec![], document_type: Some(kind.into()) };
    assert_eq!(inserted(&*read, &typed("type/first"), Serial::START).0.len(), 4);
    assert_eq!(inserted(&*read, &typed("type/keyframe"), Serial::START).1.len(), 6);
    assert_eq!(inserted(&*read, &typed("none"), Serial::START), (vec![], vec![]));
}

/// `SERIAL DOC/SCOPE:LABEL` of the keyframes that are stored in one way.
fn numbered(read: &dyn Read, storage: Storage, from: Serial, order: Order) -> Vec<(Serial, String)> {
    let mut shown = Vec::new();
    read.numbered_keyframes(storage, from, order, &mut |serial, entry| {
        assert_eq!((Storage::of(entry.codec), entry.created), (storage, None));
        shown.push((serial, format!("{}:{}", entry.stream, entry.label)));
        Flow::Continue(())
    })
    .unwrap();
    shown
}

fn keyframes_are_shown_by_number(store: &dyn Store) {
    let read = store.read().unwrap();
    let mut all = numbered(&*read, Storage::Plain, Serial::START, Order::Forward);
    let names: Vec<&str> = all.iter().map(|(_, name)| name.as_str()).collect();
    let expected =
        ["doc/global:0", "doc/global:3", "doc/global:7", "doc/a:5", "doc/z@branch:1", "no operations/global:1"];
    assert_eq!(names, expected);
    assert!(all.is_sorted() && all.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert_eq!(numbered(&*read, Storage::Plain, all[2].0, Order::Forward), all[2..], "from a number on");
    assert_eq!(numbered(&*read, Storage::Compressed, Serial::START, Order::Forward), []);
    let mut first = None;
    read.numbered_keyframes(Storage::Plain, Serial::START, Order::Backward, &mut |serial, _| {
        first = Some(serial);
        Flow::Break(())
    })
    .unwrap();
    assert_eq!(first, Some(all[5].0), "a visit stops when the visitor says so");
    let mut last = None;
    read.inserted_operations(&Selection::default(), Serial::START, &mut |row| {
        last = Some(row.serial);
        Flow::Continue(())
    })
    .unwrap();
    assert_eq!(Some(read.last_inserted().unwrap()), last);
    drop(read);
    // One that is stored in another way keeps its number.
    let mut write = store.write().unwrap();
    write.recode(&main_stream(), at(3), Codec::Zstd).unwrap();
    write.commit().unwrap();
    let read = store.read().unwrap();
    let moved = all.remove(1);
    assert_eq!(numbered(&*read, Storage::Compressed, Serial::START, Order::Forward), [moved]);
    assert_eq!(numbered(&*read, Storage::Plain, Serial::START, Order::Forward), all);
    all.reverse();
    assert_eq!(numbered(&*read, Storage::Plain, Serial::START, Order::Backward), all);
    assert_eq!(numbered(&*read, Storage::Plain, all[1].0, Order::Backward), all[..2], "down to a number");
}

fn an_id_before_is_stored_as_given(store: &dyn Store) {
    let mut write = store.write().unwrap();
    let mut add = |index, previous_id, previous| {
        let id = format!("given-{index}");
        let row = OperationRow {
            index: OpIndex::new(index),
            skip: None,
            id: &id,
            previous_id,
            document_type: "t",
            timestamp: time(1),
            hash: "",
            error: None,
            denied: None,
            action: b"any text",
        };
        write.add(&key("given", "s", "b"), &NewOperation { row, written: time(2), job_id: "" }, previous)
    };
    assert!(add(0, "before", Previous::Given).unwrap());
    assert!(add(1, "", Previous::Given).unwrap());
    assert!(!add(1, "", Previous::Given).unwrap(), "it is there");
    assert!(matches!(add(3, "", Previous::Given), Err(StoreError::Conflict { .. })));
    assert!(add(2, "ignored", Previous::Derived).unwrap(), "a conflict of one row leaves the transaction as it was");
    write.commit().unwrap();
    let mut previous = Vec::new();
    store
        .read()
        .unwrap()
        .operations(&key("given", "s", "b"), Span::ALL, Order::Forward, &mut |row| {
            previous.push(row.previous_id.to_owned());
            Flow::Continue(())
        })
        .unwrap();
    assert_eq!(previous, ["before", "", "given-1"]);
}

fn a_repeated_append_does_nothing(store: &dyn Store) {
    let repeated = [Op { skip: u32::MAX, denied: Some("no"), ..op(7) }, op(8), op(9)];
    let stamp = store.read().unwrap().stamp().unwrap();
    let mut write = store.write().unwrap();
    assert_eq!(append(&mut *write, &main_stream(), &repeated).unwrap(), 0);
    let (overlapping, added) = ([op(9), op(10), op(11), op(11)], [9, 10, 11]);
    assert_eq!(append(&mut *write, &main_stream(), &overlapping).unwrap(), 2);
    assert_eq!(indices(&*write, &main_stream(), span(9, None), Order::Forward), added, "it reads its own rows");
    write.commit().unwrap();
    let read = store.read().unwrap();
    assert_eq!(indices(&*read, &main_stream(), span(9, None), Order::Forward), added);
    assert_ne!(read.stamp().unwrap(), stamp);
}

fn an_append_that_does_not_fit_is_a_conflict(store: &dyn Store) {
    let unfit = [
        (op(11), "operation 11 of doc/global does not fit: the last operation is 9"),
        (Op { id: "y".into(), ..op(9) }, "operation 9 of doc/global does not fit: operation op-9 with skip 0 is there"),
        (Op { skip: 1, ..op(9) }, "operation 9 of doc/global does not fit: operation op-9 with skip 0 is there"),
        (
            Op { kind: "X", ..op(9) },
            "operation 9 of doc/global does not fit: operation op-9 is there with another action",
        ),
        (
            Op { error: Some("e"), ..op(9) },
            "operation 9 of doc/global does not fit: operation op-9 is there with another error",
        ),
        (op(u64::MAX), "operation 18446744073709551615 of doc/global does not fit: the last operation is 9"),
    ];
    for (op, message) in unfit {
        let mut write = store.write().unwrap();
        let error = append(&mut *write, &main_stream(), &[op]).unwrap_err();
        assert!(matches!(error, StoreError::Conflict { .. }));
        assert_eq!(error.to_string(), message);
    }
    // The same id, index and skip, elsewhere.
    let mut write = store.write().unwrap();
    let error = append(&mut *write, &key("doc3", "global", "main"), &[op(0)]).unwrap_err();
    assert!(matches!(error, StoreError::Conflict { .. }), "{error}");
    drop(write);
    assert_eq!(indices(&*store.read().unwrap(), &main_stream(), span(8, None), Order::Forward), [8, 9]);
}

fn a_dropped_write_changes_nothing(store: &dyn Store) {
    let before = store.read().unwrap().info().unwrap();
    for end in [|write: Box<dyn Write>| drop(write), |write: Box<dyn Write>| (write as Box<dyn Read>).finish().unwrap()]
    {
        let mut write = store.write().unwrap();
        append(&mut *write, &main_stream(), &[op(10)]).unwrap();
        put(&mut *write, &main_stream(), 9, "{}");
        write.delete_keyframe(&main_stream(), at(0)).unwrap();
        assert_eq!(write.info().unwrap().operations, before.operations + 1);
        end(write);
    }
    let read = store.read().unwrap();
    let after = read.info().unwrap();
    assert_eq!((before.operations, before.keyframes), (after.operations, after.keyframes));
    assert!(read.nearest_keyframe(&main_stream(), at(0)).unwrap().is_some());
}

fn a_reader_keeps_its_moment(store: &dyn Store) {
    let count = |read: &dyn Read| indices(read, &main_stream(), Span::ALL, Order::Forward).len();
    let before = store.read().unwrap();
    let mut write = store.write().unwrap();
    assert!(matches!(store.write().err(), Some(StoreError::Busy { .. })), "one writer at a time");
    append(&mut *write, &main_stream(), &[op(10)]).unwrap();
    assert_eq!(count(&*store.read().unwrap()), 10, "not committed yet");
    // A store whose readers and writers take turns says so, and has not changed then.
    let committed = match write.commit() {
        Ok(()) => true,
        Err(StoreError::Busy { .. }) => false,
        Err(error) => panic!("{error}"),
    };
    assert_eq!(count(&*before), 10);
    before.finish().unwrap();
    assert_eq!(count(&*store.read().unwrap()), if committed { 11 } else { 10 });
}

fn a_stamp_changes_with_the_content(store: &dyn Store) {
    let stamp = || {
        let stamp = store.read().unwrap().stamp().unwrap();
        assert_eq!(store.stamp().unwrap(), stamp, "also without a transaction");
        stamp
    };
    let mut stamps = vec![stamp()];
    assert_eq!(stamp(), stamps[0]);
    for index in 10..15 {
        let mut write = store.write().unwrap();
        append(&mut *write, &main_stream(), &[op(index)]).unwrap();
        let uncommitted = write.stamp().unwrap();
        assert!(!stamps.contains(&uncommitted));
        write.commit().unwrap();
        assert!(!stamps.contains(&stamp()));
        stamps.push(stamp());
    }
    let read = store.read().unwrap();
    assert_eq!(Some(&read.stamp().unwrap()), stamps.last());
}

fn an_empty_store_has_nothing(store: &dyn Store) {
    let found = answer::<_, StoreError>(store, |read| {
        assert!(documents(read, "").is_empty());
        assert!(read.streams(&"doc".into())?.is_empty());
        assert!(read.skips(&main_stream(), Span::ALL)?.is_empty());
        assert_eq!(read.info()?.operations, 0);
        assert_eq!(read.last_inserted()?, Serial::START);
        assert_eq!(numbered(read, Storage::Plain, Serial::START, Order::Backward), []);
        read.newest_time(&main_stream(), Span::ALL)
    });
    assert_eq!(found.unwrap(), None);
}
