//! Keyframes that were checked serve as bases while their record holds, and never make an answer other than the log's.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use snapctl::model::checksum::Checksum;
use snapctl::model::ids::{Branch, OpIndex, Revision, Scope, StreamKey};
use snapctl::model::json::{Json, Object, canonical};
use snapctl::model::operation::OperationRow;
use snapctl::model::progress::Silent;
use snapctl::model::seal::Seal;
use snapctl::model::time::Timestamp;
use snapctl::reducer::generic::GenericKind;
use snapctl::reducer::protocol::Document;
use snapctl::reducer::{ModelId, Registry, native::drive};
use snapctl::replay::{
    Base, Goal, Observer, Position, ReplayError, Snapshot, Sources, Start, Step, Trust, state_at, walk,
};
use snapctl::store::records::{Check, NewRecord, Proof, Verdict};
use snapctl::store::{Access, Codec, Flow, NewKeyframe, Options, Store, sqlite};
use tempfile::TempDir;

const DRIVE: &str = "f1e1d0c5-7a3e-4d52-9b60-2c8e41f7a6d3";
const SKETCHBOOK: &str = "2ba5e0f1-93c4-4e08-8d17-5b6a0c2e9f44";

/// A copy of a fixture without its keyframes, and one document of it.
struct Subject {
    _directory: TempDir,
    path: PathBuf,
    store: sqlite::SqliteStore,
    stream: StreamKey,
    registry: Registry,
}

fn at(revision: u64) -> Revision {
    Revision::of(OpIndex::new(revision))
}

impl Subject {
    fn new(fixture: &str, document: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ops.db");
        std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(fixture), &path).unwrap();
        Connection::open(&path).unwrap().execute_batch(r#"DELETE FROM "Keyframe""#).unwrap();
        let store = sqlite::open(&path, &Options { access: Access::Change, ..Options::default() }).unwrap();
        let stream = StreamKey { document: document.into(), scope: Scope::global(), branch: Branch::main() };
        Subject { _directory: directory, path, store, stream, registry: Registry::built_in() }
    }

    fn sql(&self, sql: &str) {
        Connection::open(&self.path).unwrap().execute_batch(sql).unwrap();
    }

    fn rebuild(&self, position: Position, trust: Trust) -> Result<Snapshot, ReplayError> {
        let read = self.store.read()?;
        let sources = Sources { read: &*read, registry: &self.registry, trust, progress: &Silent };
        state_at(&sources, self.goal(position))
    }

    fn goal(&self, position: Position) -> Goal<'_> {
        let StreamKey { document, scope, branch } = &self.stream;
        Goal { document, branch, scope, position }
    }

    /// Writes keyframes at some revisions, each with a record as a check that found nothing makes it.
    fn record(&self, revisions: &[u64], codec: Codec) {
        let mut write = self.store.write().unwrap();
        for &revision in revisions {
            let snapshot = self.rebuild(Position::At(Some(at(revision))), Trust::None).unwrap();
            let body = keyframe(&snapshot);
            let (check, checksum) = (self.checked(revision), Checksum::of(&body));
            let (stream, body_bytes) = (&self.stream, body.len() as u64);
            let (document_type, created) = (&snapshot.document_type, Timestamp::from_millis(0).unwrap());
            let (revision, check) = (at(revision), Some(&check));
            let keyframe = NewKeyframe { stream, revision, document_type, document: &body, created };
            write.put_keyframe_as(&keyframe, codec).unwrap();
            let record = NewRecord { stream, revision, checksum, body_bytes, check, pin: None };
            assert!(write.records_mut().unwrap().put_record(&record).unwrap());
        }
        write.commit().unwrap();
    }

    /// What a check of the operations up to a revision finds.
    fn checked(&self, revision: u64) -> Check {
        let read = self.store.read().unwrap();
        let sources = Sources { read: &*read, registry: &self.registry, trust: Trust::None, progress: &Silent };
        let mut last = Last { id: String::new(), seal: Seal::EMPTY, found: None };
        let goal = self.goal(Position::At(Some(at(revision))));
        walk(&sources, goal, Start::Genesis, &mut last).unwrap();
        let (fingerprint, state_hash) = last.found.unwrap();
        let proof = Proof { operation_id: last.id.as_str().into(), seal: last.seal, newest: None, state_hash };
        Check { checked: Timestamp::from_millis(1).unwrap(), fingerprint, verdict: Verdict::Ok(proof) }
    }

    /// Checks that a rebuild of the head says what the log says, and returns how it was done.
    fn head(&self, trust: Trust) -> Snapshot {
        let truth = self.rebuild(Position::Head, Trust::None).unwrap();
        let snapshot = self.rebuild(Position::Head, trust).unwrap();
        assert_eq!(text(&snapshot), text(&truth));
        assert_eq!(snapshot.revision, truth.revision);
        snapshot
    }

    /// The reason why the newest keyframe is not used.
    fn refusal(&self) -> (String, Option<String>) {
        let explain = self.head(Trust::Verified).explain;
        assert_eq!(explain.base, Base::Genesis, "{explain:?}");
        let considered = explain.considered.into_iter().next().expect("it was looked at");
        (considered.reason, considered.remedy)
    }
}

/// What the last step of a walk says.
struct Last {
    id: String,
    seal: Seal,
    found: Option<(snapctl::model::ids::Fingerprint, snapctl::model::json::StateHash)>,
}

impl Observer for Last {
    fn row(&mut self, row: &OperationRow<'_>) {
        row.id.clone_into(&mut self.id);
        self.seal = self.seal.then(row);
    }

    fn step(&mut self, step: &Step<'_>, document: &mut Document) -> Result<Flow, ReplayError> {
        self.found = Some((step.fingerprint()?, document.state().expect("a state").hash("global")));
        Ok(Flow::Continue(()))
    }
}

fn scopes(snapshot: &Snapshot) -> Object<'static> {
    let scopes = snapshot.state.scopes().into_iter();
    scopes.map(|scope| (scope.as_str().to_owned().into(), snapshot.state.scope(scope.as_str()).unwrap())).collect()
}

fn text(snapshot: &Snapshot) -> String {
    let (header, state) = (Json::Object(snapshot.header.clone()), Json::Object(scopes(snapshot)));
    [header, state].map(|part| String::from_utf8(canonical(&part)).unwrap()).join("\n")
}

/// The document as the reference files it under the revision.
fn keyframe(snapshot: &Snapshot) -> Vec<u8> {
    let document: Object<'static> = [
        ("header", Json::Object(snapshot.header.clone())),
        ("state", Json::Object(scopes(snapshot))),
        ("initialState", Json::Object(Object::new())),
        ("operations", Json::Object(Object::new())),
        ("clipboard", Json::Array(Vec::new())),
    ]
    .into_iter()
    .map(|(name, value)| (name.into(), value))
    .collect();
    canonical(&Json::Object(document))
}

#[test]
fn a_checked_keyframe_is_a_base_however_it_is_stored() {
    for codec in Codec::ALL {
        let subject = Subject::new("drive.sqlite", DRIVE);
        subject.record(&[4, 9, 14], codec);
        let whole = subject.head(Trust::None).explain;
        for trust in [Trust::Verified, Trust::Hashed, Trust::Any] {
            let explain = subject.head(trust).explain;
            assert_eq!((explain.base, &explain.considered[..]), (Base::Keyframe(at(14)), &[][..]), "{codec} {trust:?}");
            assert!(explain.operations_applied < whole.operations_applied);
        }
        let earlier = Position::At(Some(at(12)));
        let snapshot = subject.rebuild(earlier, Trust::Verified).unwrap();
        assert_eq!(snapshot.explain.base, Base::Keyframe(at(9)));
        assert_eq!(text(&snapshot), text(&subject.rebuild(earlier, Trust::None).unwrap()));
    }
}

#[test]
fn whatever_does_not_fit_is_told_and_passed_over() {
    let verify = || Some(format!("snapctl verify --record {DRIVE}/global"));
    let of_14 = r#"WHERE "documentId" = 'f1e1d0c5-7a3e-4d52-9b60-2c8e41f7a6d3' AND "scope" = 'global'"#;
    let other_body = "its body is another one than was checked";
    let other_operation = "the operation at its revision is another one than when it was checked";
    let cases = [
        (r#"DELETE FROM "snapctl_keyframe""#.to_owned(), "snapctl has neither written nor checked it", verify()),
        (
            r#"UPDATE "snapctl_keyframe" SET "checkedAtMs" = NULL"#.to_owned(),
            "snapctl has neither written nor checked it",
            verify(),
        ),
        (r#"UPDATE "snapctl_keyframe" SET "checksum" = zeroblob(32)"#.to_owned(), other_body, verify()),
        (
            format!(r#"UPDATE "Keyframe" SET "document" = replace("document", 'name', 'mane') {of_14}"#),
            other_body,
            verify(),
        ),
        (format!(r#"UPDATE "Keyframe" SET "document" = "document" || ' ' {of_14}"#), other_body, verify()),
        (r#"UPDATE "snapctl_keyframe" SET "operationId" = 'x'"#.to_owned(), other_operation, verify()),
        (format!(r#"UPDATE "Operation" SET "opId" = 'x' {of_14} AND "index" = 14"#), other_operation, verify()),
        (
            r#"UPDATE "snapctl_keyframe" SET "fingerprint" = 'native-drive-0'"#.to_owned(),
            "it was checked with another model than there is now",
            verify(),
        ),
        (
            r#"UPDATE "snapctl_keyframe" SET "failure" = 'KEYFRAME_DIFFERS'"#.to_owned(),
            "it was found to be wrong (KEYFRAME_DIFFERS)",
            verify(),
        ),
        (format!(r#"DELETE FROM "Operation" {of_14} AND "index" = 14"#), "its operation is not in the log", verify()),
        (r#"INSERT INTO "snapctl_schema" VALUES (7)"#.to_owned(), "its record cannot be read: ", verify()),
        (
            r#"UPDATE "snapctl_keyframe" SET "seal" = x'00'"#.to_owned(),
            "its record cannot be read: table snapctl_keyframe, document ",
            verify(),
        ),
    ];
    for (damage, reason, remedy) in cases {
        let subject = Subject::new("drive.sqlite", DRIVE);
        subject.record(&[14], Codec::Json);
        assert_eq!(subject.head(Trust::Verified).explain.base, Base::Keyframe(at(14)));
        subject.sql(&damage);
        let (told, help) = subject.refusal();
        if reason.ends_with(' ') {
            assert!(told.starts_with(reason), "{damage}: {told}");
        } else {
            assert_eq!(told, reason, "{damage}");
        }
        assert_eq!(help, remedy, "{damage}");
        subject.head(Trust::Hashed);
    }
}

#[test]
fn a_damaged_compressed_body_is_passed_over_with_a_warning() {
    for codec in [Codec::Zstd, Codec::ZstdDelta] {
        let subject = Subject::new("drive.sqlite", DRIVE);
        subject.record(&[9, 14], codec);
        subject.sql(r#"UPDATE "snapctl_body" SET "body" = zeroblob(100) WHERE "id" = 2"#);
        let snapshot = subject.head(Trust::Verified);
        assert_eq!(snapshot.explain.base, Base::Keyframe(at(9)), "the next older one");
        let warning = snapshot.warnings[0].to_string();
        assert!(warning.contains("keyframe 14 of ") && warning.contains("table snapctl_body"), "{warning}");
    }
}

#[test]
fn another_model_makes_a_keyframe_stale_and_the_same_one_does_not() {
    let mut subject = Subject::new("drive.sqlite", DRIVE);
    subject.record(&[14], Codec::Json);
    // The same reducer under another name for the version.
    let second = ModelId { version: 2, ..drive::id() };
    subject.registry.alias(second, &drive::id(), snapctl::reducer::AliasStep::Identity).unwrap();
    assert_eq!(subject.head(Trust::Verified).explain.base, Base::Keyframe(at(14)));
    subject.registry.serve(&drive::id().document_type, GenericKind::JsonMergePatch);
    let explain = subject.rebuild(Position::Head, Trust::Verified).unwrap().explain;
    assert_eq!(explain.base, Base::Genesis);
    assert_eq!(explain.considered[0].reason, "it was checked with another model than there is now");
}

#[test]
fn what_looks_back_is_not_answered_from_a_checked_keyframe() {
    let subject = Subject::new("undo.sqlite", SKETCHBOOK);
    subject.record(&[2, 5, 8, 13], Codec::Json);
    let expected = [(3, 2), (14, 13)];
    for revision in 0..16 {
        let position = Position::At(Some(at(revision)));
        let truth = subject.rebuild(position, Trust::None).unwrap();
        let snapshot = subject.rebuild(position, Trust::Verified).unwrap();
        assert_eq!(text(&snapshot), text(&truth), "{revision}");
        if let Some((_, base)) = expected.iter().find(|(at, _)| *at == revision) {
            assert_eq!(snapshot.explain.base, Base::Keyframe(at(*base)), "{revision}");
        }
    }
    // Operation 9 retracts operation 8.
    let explain = subject.rebuild(Position::At(Some(at(10))), Trust::Verified).unwrap().explain;
    assert_eq!(explain.base, Base::Genesis);
    assert!(explain.considered[0].reason.ends_with("looks back behind it"), "{:?}", explain.considered);
}

#[test]
fn a_checked_keyframe_is_found_behind_many_that_were_not() {
    let subject = Subject::new("drive.sqlite", DRIVE);
    subject.record(&[1, 2, 3], Codec::Json);
    let mut write = subject.store.write().unwrap();
    for revision in 4..18 {
        let keyframe = NewKeyframe {
            stream: &subject.stream,
            revision: at(revision),
            document_type: &drive::id().document_type,
            document: b"{}",
            created: Timestamp::from_millis(0).unwrap(),
        };
        write.put_keyframe(&keyframe).unwrap();
    }
    write.commit().unwrap();
    let explain = subject.head(Trust::Verified).explain;
    assert_eq!(explain.base, Base::Keyframe(at(3)));
    assert_eq!(explain.considered.len(), 5, "the newest few");
    // Another program has deleted it, and the record is still there.
    subject.sql(r#"DELETE FROM "Keyframe" WHERE "revision" = 3"#);
    assert_eq!(subject.head(Trust::Verified).explain.base, Base::Keyframe(at(2)));
    subject.sql(r#"UPDATE "snapctl_keyframe" SET "fingerprint" = 'x'"#);
    let explain = subject.head(Trust::Verified).explain;
    assert_eq!((explain.base, explain.considered.len()), (Base::Genesis, 7));
}

#[test]
fn a_keyframe_found_wrong_is_not_believed_for_its_hash() {
    let subject = Subject::new("drive.sqlite", DRIVE);
    subject.record(&[14], Codec::Json);
    subject.sql(r#"DELETE FROM "snapctl_keyframe""#);
    assert_eq!(subject.head(Trust::Hashed).explain.base, Base::Keyframe(at(14)));
    subject.record(&[14], Codec::Json);
    subject.sql(r#"UPDATE "snapctl_keyframe" SET "failure" = 'HEADER'"#);
    let explain = subject.head(Trust::Hashed).explain;
    assert_eq!(
        (explain.base, explain.considered[0].reason.as_str()),
        (Base::Genesis, "it was found to be wrong (HEADER)")
    );
    // It was another body that was found wrong.
    subject.sql(r#"UPDATE "Keyframe" SET "document" = "document" || ' '"#);
    assert_eq!(subject.head(Trust::Hashed).explain.base, Base::Keyframe(at(14)));
}
