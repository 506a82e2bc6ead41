//! Appending: what the reference would store is stored, tiers change nothing, and what fails leaves no trace.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use rusqlite::Connection;
use snapctl::cache::memory::{Bounds, MemoryTier};
use snapctl::cache::{Facts, Tier};
use snapctl::executor::{
    Appended, Appender, Atomic, Creation, ExecuteError, Expected, Failed, Known, Means, NoKeyframes, Refusal, Request,
    Rules,
};
use snapctl::model::ids::{Branch, DocumentId, Fingerprint, OpIndex, Revision, Scope};
use snapctl::model::json::Json;
use snapctl::model::operation::Action;
use snapctl::model::progress::Silent;
use snapctl::model::state::State;
use snapctl::model::time::Timestamp;
use snapctl::reducer::native::drive;
use snapctl::reducer::{Fold, FoldError, Model, ModelKind, Outcome, Registry};
use snapctl::replay::{Goal, Position, Sources, Tiers, Trust, state_at};
use snapctl::store::{Access, Options, Selection, Serial, Store, Stores, sqlite};
use tempfile::TempDir;

/// A store, and all that appending works with. Ids and times are the same in every run.
struct Subject {
    directory: TempDir,
    store: Arc<dyn Store>,
    registry: Registry,
    memory: Option<Arc<MemoryTier>>,
    tiers: Tiers,
    rules: Rules,
    ids: AtomicU64,
    time: AtomicI64,
}

const DRIVE: &str = "powerhouse/document-drive";

impl Subject {
    fn new(bounds: Option<Bounds>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ops.db");
        let options = Options { access: Access::Change, ..Options::default() };
        let store = Stores::built_in().create(path.to_str().unwrap(), &options).unwrap();
        let memory = bounds.map(|bounds| Arc::new(MemoryTier::new(bounds)));
        let tiers = Tiers::new(memory.iter().map(|tier| tier.clone() as Arc<dyn Tier>).collect());
        let (registry, rules) = (Registry::built_in(), Rules::default());
        Subject { directory, store, registry, memory, tiers, rules, ids: 0.into(), time: 0.into() }
    }

    fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("ops.db")
    }

    fn id(&self) -> String {
        format!("id-{}", self.ids.fetch_add(1, Ordering::SeqCst))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_750_000_000_000 + self.time.fetch_add(1, Ordering::SeqCst)).unwrap()
    }

    fn append(&self, requests: &[Request<'_>]) -> Result<Vec<Result<Appended, Refusal>>, ExecuteError> {
        let (clock, new_id) = (|| self.now(), || self.id());
        let means = Means {
            store: &*self.store,
            registry: &self.registry,
            trust: Trust::default(),
            tiers: &self.tiers,
            clock: &clock,
            new_id: &new_id,
            keyframes: &NoKeyframes,
        };
        Appender::new(&means, self.rules).append(requests, &Silent)
    }

    fn create(&self, document: &str) -> Vec<Appended> {
        let creation = Creation { document_type: DRIVE.into(), name: "A".into(), slug: String::new() };
        let (branch, new_id) = (Branch::main(), || self.id());
        let requests = creation.requests(&document.into(), &branch, &self.registry, self.now(), &new_id).unwrap();
        self.append(&requests).unwrap().into_iter().map(Result::unwrap).collect()
    }

    fn request(&self, document: &str, scope: &str, kind: &str, input: &str) -> Request<'static> {
        let text = format!(r#"{{"type":"{kind}","scope":"{scope}","input":{input}}}"#);
        let action = Action::parse(text.as_bytes()).unwrap().into_owned();
        Request::of(document.into(), Branch::main(), action, &|| self.id(), self.now()).unwrap()
    }

    fn one(&self, document: &str, scope: &str, kind: &str, input: &str) -> Result<Appended, Refusal> {
        self.append(&[self.request(document, scope, kind, input)]).unwrap().remove(0)
    }

    /// All rows, as SQLite shows them.
    fn rows(&self) -> Vec<String> {
        let file = Connection::open(self.path()).unwrap();
        let sql = r#"SELECT json_array("documentId","scope","branch","index","skip","opId","prevOpId","hash","error","timestampUtcMs","action","documentType") FROM "Operation" ORDER BY "id""#;
        let mut select = file.prepare(sql).unwrap();
        select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn hash(&self, document: &str, scope: &str, index: u64) -> String {
        let (document, branch, scope) = (DocumentId::from(document), Branch::main(), Scope::from(scope));
        let position = Position::At(Some(Revision::of(OpIndex::new(index))));
        let goal = Goal { document: &document, branch: &branch, scope: &scope, position };
        let read = self.store.read().unwrap();
        let (registry, trust) = (&self.registry, Trust::None);
        let snapshot = state_at(&Sources { read: &*read, registry, trust, progress: &Silent }, goal).unwrap();
        snapshot.state.hash(scope.as_str()).to_string()
    }

    /// What the tiers hold.
    fn kept(&self) -> Vec<(Facts, u64)> {
        let mut kept = Vec::new();
        let memory = self.memory.as_ref().unwrap();
        memory.list(&mut |listed| kept.push((listed.facts.clone(), listed.size_bytes)));
        kept
    }
}

fn folder(id: u64) -> String {
    format!(r#"{{"id":"{id}","name":"{id}"}}"#)
}

#[test]
fn a_document_is_made_and_appended_to() {
    let subject = Subject::new(Some(Bounds::default()));
    let made = subject.create("d");
    assert_eq!(made.iter().map(|row| (row.index.get(), row.hash)).collect::<Vec<_>>(), [(0, None), (1, None)]);
    for n in 0..5 {
        let appended = subject.one("d", "global", "ADD_FOLDER", &folder(n)).unwrap();
        assert_eq!((appended.index.get(), appended.error.clone()), (n, None));
        assert_eq!(appended.hash.unwrap().to_string(), subject.hash("d", "global", n));
    }
    let failed = subject.one("d", "global", "ADD_FOLDER", &folder(3)).unwrap();
    assert_eq!(failed.error.as_deref(), Some("Node with id 3 already exists!"));
    assert_eq!(failed.hash.unwrap().to_string(), subject.hash("d", "global", 4), "it changed nothing");
    let undone = subject.one("d", "global", "UNDO", "null").unwrap();
    assert_eq!((undone.index.get(), undone.skip, undone.hash), (6, 1, None));
    let after = subject.one("d", "global", "ADD_FOLDER", &folder(9)).unwrap();
    assert_eq!(after.hash.unwrap().to_string(), subject.hash("d", "global", 7));
    let refused = subject.one("d", "global", "REDO", "1").unwrap_err();
    assert!(matches!(refused, Refusal::Thrown(_)), "{refused:?}");
    let renamed = subject.one("d", "global", "SET_NAME", r#"{"name":7}"#).unwrap_err();
    assert!(matches!(renamed, Refusal::Thrown(text) if text.contains("invalid_union")));
    assert_eq!(subject.rows().len(), 10);
}

#[test]
fn documents_of_any_json_are_made_and_appended_to() {
    let subject = Subject::new(Some(Bounds::default()));
    let creation = Creation { document_type: "json-merge-patch".into(), name: String::new(), slug: "n".into() };
    let (branch, new_id) = (Branch::main(), || subject.id());
    let requests = creation.requests(&"n".into(), &branch, &subject.registry, subject.now(), &new_id).unwrap();
    assert_eq!(requests.len(), 1);
    subject.append(&requests).unwrap().remove(0).unwrap();
    for (n, patch) in [r#"{"a":1}"#, r#"{"b":[2]}"#, r#"{"a":null}"#].into_iter().enumerate() {
        let appended = subject.one("n", "global", "PATCH", patch).unwrap();
        assert_eq!(appended.hash.unwrap().to_string(), subject.hash("n", "global", n as u64));
    }
    let undone = subject.one("n", "global", "UNDO", "null").unwrap();
    assert_eq!((undone.index.get(), undone.skip), (3, 1));
}

#[test]
fn the_document_scope_is_tried_before_it_is_kept() {
    let subject = Subject::new(Some(Bounds::default()));
    let lost = subject.one("d", "document", "UPGRADE_DOCUMENT", r#"{"fromVersion":0,"toVersion":1}"#).unwrap_err();
    assert!(matches!(lost, Refusal::Unreplayable(_)), "{lost:?}");
    subject.create("d");
    subject.one("d", "global", "ADD_FOLDER", &folder(1)).unwrap();
    let batch = [
        subject.request("d", "global", "ADD_FOLDER", &folder(2)),
        subject.request("d", "document", "UPGRADE_DOCUMENT", r#"{"fromVersion":3,"toVersion":1}"#),
        subject.request(
            "d",
            "document",
            "ADD_RELATIONSHIP",
            r#"{"sourceId":"d","targetId":"e","relationshipType":"c"}"#,
        ),
        subject.request("d", "global", "ADD_FOLDER", &folder(3)),
    ];
    let results = subject.append(&batch).unwrap();
    let kinds: Vec<bool> = results.iter().map(Result::is_ok).collect();
    assert_eq!(kinds, [true, false, true, true], "{results:?}");
    let again = subject.create_again("d");
    assert!(matches!(again, Refusal::Closed(_)), "{again:?}");
    subject.one("d", "document", "DELETE_DOCUMENT", r#"{"documentId":"d"}"#).unwrap();
    let late = subject.one("d", "global", "ADD_FOLDER", &folder(4)).unwrap_err();
    assert_eq!(late, Refusal::Closed("the document was deleted".into()));
    assert_eq!(subject.hash("d", "global", 2).len(), 28);
}

impl Subject {
    fn create_again(&self, document: &str) -> Refusal {
        let creation = Creation { document_type: DRIVE.into(), name: String::new(), slug: String::new() };
        let (branch, new_id) = (Branch::main(), || self.id());
        let requests = creation.requests(&document.into(), &branch, &self.registry, self.now(), &new_id).unwrap();
        self.append(&requests[..1]).unwrap().remove(0).unwrap_err()
    }
}

#[test]
fn an_expected_revision_holds_or_nothing_happens() {
    let subject = Subject::new(Some(Bounds::default()));
    subject.create("d");
    let at = |expected: Option<u64>| {
        let mut request = subject.request("d", "global", "ADD_FOLDER", &folder(7));
        request.expect = Expected::At(expected.map(|index| Revision::of(OpIndex::new(index))));
        subject.append(&[request]).unwrap().remove(0)
    };
    assert!(matches!(at(Some(0)), Err(Refusal::Moved { actual: None, .. })));
    assert!(at(None).is_ok());
    assert!(matches!(at(None), Err(Refusal::Moved { actual: Some(_), .. })));
    assert!(at(Some(0)).is_ok());
}

#[test]
fn rules_say_what_becomes_of_failures_and_copies() {
    let mut subject = Subject::new(Some(Bounds::default()));
    subject.create("d");
    let first = subject.request("d", "global", "ADD_FOLDER", &folder(1));
    subject.append(std::slice::from_ref(&first)).unwrap()[0].as_ref().unwrap();
    subject.rules = Rules { failed: Failed::Refused, known: Known::PassedOver, ..Rules::default() };
    let again = subject.append(std::slice::from_ref(&first)).unwrap().remove(0).unwrap();
    assert!(again.repeated && again.index == OpIndex::FIRST);
    let fails = subject.request("d", "global", "ADD_FOLDER", &folder(1));
    assert!(matches!(subject.append(std::slice::from_ref(&fails)).unwrap()[0], Err(Refusal::Failed(_))));
    subject.rules.atomic = Atomic::Yes;
    let before = subject.rows();
    let batch = [subject.request("d", "global", "ADD_FOLDER", &folder(2)), fails];
    let results = subject.append(&batch).unwrap();
    assert!(matches!(results[..], [Err(Refusal::WithOthers), Err(Refusal::Failed(_))]), "{results:?}");
    assert_eq!(subject.rows(), before);
}

/// What stands in the logs of a fixture, asked for anew: of documents that hold nothing but what was appended to them.
fn asked(path: &str) -> Vec<(Request<'static>, Vec<String>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path);
    let store = sqlite::open(&path, &Options::default()).unwrap();
    let mut all = Vec::new();
    let read = store.read().unwrap();
    read.inserted_operations(&Selection::default(), Serial::START, &mut |operation| {
        let (stream, row) = (operation.stream, &operation.row);
        let mut action = Action::parse(row.action).unwrap().into_owned();
        if row.skip.is_some() && action.kind == *"NOOP" {
            action.kind = "UNDO".into();
        }
        let request = Request {
            document: stream.document.clone(),
            branch: stream.branch.clone(),
            action,
            time: row.timestamp,
            expect: Expected::Anywhere,
        };
        let skip = row.skip.map_or(0, std::num::NonZeroU32::get);
        let error = row.error.unwrap_or_default().to_owned();
        let told = [row.index.to_string(), skip.to_string(), row.id.to_owned(), row.hash.to_owned(), error];
        if row.denied.is_none() {
            all.push((request, told.to_vec()));
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    all
}

#[test]
fn what_was_stored_is_stored_again() {
    let asked = asked("drive.sqlite");
    assert!(asked.len() > 20, "{}", asked.len());
    for batch in [1, 7] {
        let subject = Subject::new(Some(Bounds::default()));
        for chunk in asked.chunks(batch) {
            let requests: Vec<_> = chunk.iter().map(|(request, _)| request.clone()).collect();
            for (result, (request, told)) in subject.append(&requests).unwrap().into_iter().zip(chunk) {
                let Appended { index, skip, operation, hash, error, .. } =
                    result.unwrap_or_else(|refusal| panic!("{request:?}: {refusal}"));
                let hash = hash.map_or_else(String::new, |hash| hash.to_string());
                let error = error.unwrap_or_default();
                let appended = [index.to_string(), skip.to_string(), operation.as_str().to_owned(), hash, error];
                assert_eq!(appended[..], told[..], "{request:?}");
            }
        }
    }
}

/// What somebody asks of one of two drives.
fn ask() -> impl Strategy<Value = (&'static str, &'static str, &'static str, String)> {
    let document = prop_oneof![3 => Just("a"), 1 => Just("b")];
    let what = prop_oneof![
        8 => (0..8_u64).prop_map(|id| ("global", "ADD_FOLDER", folder(id))),
        2 => (0..8_u64).prop_map(|id| ("global", "DELETE_NODE", format!(r#"{{"id":"{id}"}}"#))),
        1 => (0..4_u64).prop_map(|n| ("global", "SET_NAME", format!(r#"{{"name":"n{n}"}}"#))),
        2 => Just(("global", "UNDO", "null".to_owned())),
        1 => Just(("local", "SET_SHARING_TYPE", r#"{"type":"public"}"#.to_owned())),
        1 => Just(("local", "UNDO", "null".to_owned())),
        1 => Just(("document", "ADD_RELATIONSHIP", r#"{"sourceId":"a","targetId":"e","relationshipType":"c"}"#.to_owned())),
        1 => Just(("global", "REDO", "1".to_owned())),
        1 => Just(("header", "SET_PREFERRED_EDITOR", r#"{"preferredEditor":"e"}"#.to_owned())),
    ];
    (document, what).prop_map(|(document, (scope, kind, input))| (document, scope, kind, input))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The same requests, in batches of any sizes, with tiers of any bounds and without any: the same rows; and their hashes
    /// are those of a replay.
    #[test]
    fn tiers_and_batches_change_nothing(
        asks in proptest::collection::vec(ask(), 1..50),
        sizes in proptest::collection::vec(1..6_usize, 50),
        ring in 1..3_usize,
        streams in 1..4_usize,
    ) {
        let bounds = Bounds { ring: ring.try_into().unwrap(), streams: streams.try_into().unwrap(), bytes: 1 << 20 };
        let run = |bounds: Option<Bounds>, sizes: &[usize]| {
            let subject = Subject::new(bounds);
            subject.create("a");
            subject.create("b");
            let requests: Vec<_> =
                asks.iter().map(|(document, scope, kind, input)| subject.request(document, scope, kind, input)).collect();
            let mut rest = &requests[..];
            for size in sizes {
                let (batch, more) = rest.split_at((*size).min(rest.len()));
                subject.append(batch).unwrap();
                rest = more;
            }
            subject
        };
        let plain = run(None, &[1; 50]);
        let rows = plain.rows();
        let tiered = run(Some(bounds), &[1; 50]).rows();
        prop_assert_eq!(&tiered, &rows);
        let mut batched = run(Some(bounds), &sizes).rows();
        prop_assert_eq!(batched.len(), rows.len());
        prop_assert_eq!(&batched, &rows);
        batched.clear();
        for row in &rows {
            let row: serde_json::Value = serde_json::from_str(row).unwrap();
            let hash = row[7].as_str().unwrap();
            if !hash.is_empty() {
                let index = row[3].as_u64().unwrap();
                prop_assert_eq!(plain.hash(row[0].as_str().unwrap(), row[1].as_str().unwrap(), index), hash);
            }
        }
    }
}

#[test]
fn a_store_that_fails_at_any_row_leaves_everything_as_it_was() {
    for n in 0..6 {
        let subject = Subject::new(Some(Bounds::default()));
        subject.create("a");
        subject.one("a", "global", "ADD_FOLDER", &folder(0)).unwrap();
        let (kept, rows) = (subject.kept(), subject.rows());
        let trigger = format!(
            r#"CREATE TRIGGER full BEFORE INSERT ON "Operation" WHEN (SELECT count(*) FROM "Operation") >= {}
               BEGIN SELECT RAISE(ABORT, 'no more'); END"#,
            rows.len() + n
        );
        Connection::open(subject.path()).unwrap().execute_batch(&trigger).unwrap();
        let batch: Vec<_> = (1..=6).map(|id| subject.request("a", "global", "ADD_FOLDER", &folder(id))).collect();
        let error = subject.append(&batch).unwrap_err();
        // What a trigger refuses looks like a conflict, so it is tried again.
        assert!(matches!(error, ExecuteError::Store(_) | ExecuteError::Overtaken { .. }), "{error:?}");
        assert_eq!((subject.kept(), subject.rows()), (kept, rows), "insert {n}");
        Connection::open(subject.path()).unwrap().execute_batch("DROP TRIGGER full").unwrap();
        assert!(subject.append(&batch).unwrap().iter().all(Result::is_ok));
        assert_eq!(subject.rows().len(), 9);
    }
}

/// A drive whose engine breaks at the call that was said.
struct Breaking {
    calls: Arc<Mutex<Option<u32>>>,
}

struct BreakingFold {
    inner: Box<dyn Fold>,
    calls: Arc<Mutex<Option<u32>>>,
}

impl BreakingFold {
    fn call(&self) -> Result<(), FoldError> {
        let mut left = self.calls.lock().unwrap();
        match &mut *left {
            Some(0) => Err(FoldError::Limit("step")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Model for Breaking {
    fn kind(&self) -> ModelKind {
        ModelKind::Native
    }

    fn fingerprint(&self) -> Fingerprint {
        "breaking".into()
    }

    fn initial(&self) -> Vec<(Scope, Json<'static>)> {
        drive::Drive.initial()
    }

    fn fold(&self) -> Result<Box<dyn Fold>, FoldError> {
        Ok(Box::new(BreakingFold { inner: drive::Drive.fold()?, calls: self.calls.clone() }))
    }
}

impl Fold for BreakingFold {
    fn apply(&mut self, actions: &[Action<'_>], outcomes: &mut Vec<Outcome>) -> Result<(), FoldError> {
        self.call()?;
        self.inner.apply(actions, outcomes)
    }

    fn checkpoint(&mut self) -> Result<State, FoldError> {
        self.call()?;
        self.inner.checkpoint()
    }

    fn restore(&mut self, state: &State) -> Result<(), FoldError> {
        self.call()?;
        self.inner.restore(state)
    }

    fn set_scope(&mut self, scope: &Scope, state: Option<Json<'static>>) -> Result<(), FoldError> {
        self.call()?;
        self.inner.set_scope(scope, state)
    }
}

#[test]
fn a_fold_that_fails_at_any_call_leaves_everything_as_it_was() {
    let failed = Cell::new(0);
    for n in 0.. {
        let mut subject = Subject::new(Some(Bounds::default()));
        let calls = Arc::new(Mutex::new(None));
        subject.registry.insert(drive::id(), Arc::new(Breaking { calls: calls.clone() }));
        subject.create("a");
        (0..3).for_each(|id| drop(subject.one("a", "global", "ADD_FOLDER", &folder(id)).unwrap()));
        let (kept, rows) = (subject.kept(), subject.rows());
        let batch = [
            subject.request("a", "global", "ADD_FOLDER", &folder(5)),
            subject.request("a", "local", "SET_SHARING_TYPE", r#"{"type":"public"}"#),
            subject.request("a", "global", "UNDO", "null"),
            subject.request("a", "global", "ADD_FOLDER", &folder(6)),
        ];
        *calls.lock().unwrap() = Some(n);
        let result = subject.append(&batch);
        *calls.lock().unwrap() = None;
        match result {
            Ok(results) => {
                assert!(results.iter().all(Result::is_ok), "{results:?}");
                break;
            }
            Err(error) => {
                failed.set(failed.get() + 1);
                assert!(matches!(error, ExecuteError::Replay(_)), "{error:?}");
                assert_eq!(subject.rows(), rows, "call {n}");
                // What was read before the first change may be kept; it is true.
                let now = subject.kept();
                assert!(kept.iter().all(|entry| now.contains(entry)), "call {n}");
                assert!(subject.append(&batch).unwrap().iter().all(Result::is_ok), "call {n}");
            }
        }
    }
    assert!(failed.get() > 20, "{}", failed.get());
}
