//! `rebuild.json`: stored rows and keyframes in, documents out.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, params};
use snapctl::model::ids::{Branch, DocumentId, OpIndex, Revision, Scope};
use snapctl::model::json::{Json, canonical, operation_id, parse};
use snapctl::model::progress::Silent;
use snapctl::reducer::{AliasStep, ModelId, Registry, native::drive};
use snapctl::replay::{Goal, Position, ReplayError, Snapshot, Sources, Trust, state_at};
use snapctl::store::{Options, Store, Stores};

const VECTORS: &str = include_str!("../../fixtures/vectors/rebuild.json");

/// Requests that the reference answers from a truncated history, or from a keyframe it cannot read: scenario and
/// request, both from 0. The from-scratch answer is the truth there.
const NOT_FROM_SCRATCH: &[(usize, usize)] = &[
    // Warm rebuilds over undos and skips: the cache keeps only the last operation.
    (5, 1),
    (5, 2),
    (5, 3),
    (11, 1),
    (11, 2),
    // The same from keyframes.
    (6, 1),
    (6, 2),
    (6, 3),
    (12, 1),
    (12, 2),
    // Keyframes that the reference refuses to read.
    (36, 0),
    (37, 0),
    // Keyframes that say something else than the log, and are believed.
    (38, 2),
    (38, 3),
    (40, 0),
];

fn text<'v>(value: &'v Json<'_>, key: &str) -> Option<&'v str> {
    value.get(key).and_then(|text| text.as_text()?.as_str())
}

fn list<'v, 'a>(value: &'v Json<'a>, key: &str) -> &'v [Json<'a>] {
    value.get(key).and_then(Json::as_array).unwrap_or_default()
}

fn number(value: &Json<'_>, key: &str) -> Option<i64> {
    value
        .get(key)
        .filter(|number| !number.is_null())
        .map(|number| String::from_utf8(canonical(number)).unwrap().parse().unwrap())
}

/// The scenario's rows in a SQLite file. The tables have the reference's columns and not its unique keys, because
/// one scenario has two rows at one index.
fn store(scenario: &Json<'_>, file: &Path) -> Arc<dyn Store> {
    let connection = Connection::open(file).unwrap();
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY;").unwrap();
    connection.execute_batch(TABLES).unwrap();
    let insert = r#"INSERT INTO "Operation" ("opId", "documentId", "documentType", "scope", "branch", "timestampUtcMs",
        "index", "action", "skip", "error", "hash", "deniedReason")
        VALUES (?1, 'd', 'powerhouse/document-drive', ?2, 'main', ?3, ?4, ?5, ?6, ?7, ?8, ?9)"#;
    for row in list(scenario, "rows") {
        let scope = text(row, "scope").unwrap();
        let action = row.get("action").unwrap();
        let id = operation_id("d", scope, "main", text(action, "id").unwrap_or_default().as_bytes());
        let hash = text(row, "hash").unwrap_or_default();
        let action = String::from_utf8(canonical(action)).unwrap();
        let (index, skip) = (number(row, "index"), number(row, "skip"));
        let (error, denied) = (text(row, "error"), text(row, "deniedReason"));
        let row = params![id, scope, text(row, "timestampUtcMs"), index, action, skip, error, hash, denied];
        connection.execute(insert, row).unwrap();
    }
    for keyframe in list(scenario, "keyframes") {
        let document = String::from_utf8(canonical(keyframe.get("document").unwrap())).unwrap();
        let insert = r#"INSERT INTO "Keyframe" VALUES (NULL, 'd', 'powerhouse/document-drive', ?1, 'main', ?2, ?3, '2025-01-01')"#;
        let row = params![text(keyframe, "scope"), number(keyframe, "revision"), document];
        connection.execute(insert, row).unwrap();
    }
    drop(connection);
    Stores::built_in().open(file.to_str().unwrap(), &Options::default()).unwrap()
}

const TABLES: &str = r#"
    CREATE TABLE "Operation" ("id" INTEGER PRIMARY KEY, "jobId" TEXT, "opId" TEXT, "prevOpId" TEXT DEFAULT '',
        "writeTimestampUtcMs" TEXT, "documentId" TEXT, "documentType" TEXT, "scope" TEXT, "branch" TEXT,
        "timestampUtcMs" TEXT, "index" INTEGER, "action" TEXT, "skip" INTEGER, "error" TEXT, "hash" TEXT,
        "deniedReason" TEXT);
    CREATE TABLE "Keyframe" ("id" INTEGER PRIMARY KEY, "documentId" TEXT, "documentType" TEXT, "scope" TEXT,
        "branch" TEXT, "revision" INTEGER, "document" TEXT, "createdAt" TEXT);"#;

fn registry(scenario: &Json<'_>) -> Registry {
    let mut registry = Registry::built_in();
    if list(scenario, "registry_versions").contains(&Json::Number(2.0)) {
        registry.alias(ModelId { version: 2, ..drive::id() }, &drive::id(), AliasStep::Unknown).unwrap();
    }
    registry
}

fn rebuild(store: &dyn Store, registry: &Registry, trust: Trust, request: &Json<'_>) -> Result<Snapshot, ReplayError> {
    let read = store.read().unwrap();
    let position = match number(request, "target") {
        None => Position::Head,
        Some(target) => Position::At(u64::try_from(target).ok().map(|target| Revision::of(OpIndex::new(target)))),
    };
    let goal = Goal {
        document: &DocumentId::from("d"),
        branch: &Branch::main(),
        scope: &Scope::from(text(request, "scope").unwrap()),
        position,
    };
    state_at(&Sources { read: &*read, registry, trust, progress: &Silent }, goal)
}

/// What differs between an answer and what a vector expects; empty if nothing does.
fn differences(answer: &Result<Snapshot, ReplayError>, request: &Json<'_>) -> Vec<String> {
    let expect = request.get("expect").unwrap();
    let thrown = expect.get("throws").and_then(|throws| text(throws, "message"));
    let snapshot = match (answer, thrown) {
        (Err(ReplayError::Rejected { message, .. }), Some(thrown)) if message == thrown => return Vec::new(),
        (Err(ReplayError::Model(error)), Some(thrown)) if error.to_string() == thrown => return Vec::new(),
        (Err(error), _) => return vec![format!("failed: {error}")],
        (Ok(_), Some(thrown)) => return vec![format!("did not fail with {thrown}")],
        (Ok(snapshot), None) => snapshot,
    };
    let mut differences = Vec::new();
    let mut expected_header = expect.get("header").and_then(Json::as_object).cloned().unwrap();
    let mut header = snapshot.header.clone();
    if text(request, "note").is_some_and(|note| note.contains("createdAtUtcIso")) {
        expected_header.remove("createdAtUtcIso");
        header.remove("createdAtUtcIso");
    }
    let (header, expected_header) = (Json::Object(header), Json::Object(expected_header));
    if header != expected_header {
        differences.push(format!("header: {header:?} instead of {expected_header:?}"));
    }
    let state = snapshot.state.scopes().into_iter().map(|scope| {
        let value = snapshot.state.scope(scope.as_str()).unwrap();
        (scope.as_str().to_owned().into(), value)
    });
    let state = Json::Object(state.collect());
    let expected_state = expect.get("state").unwrap();
    if state != *expected_state {
        differences.push(format!("state: {state:?} instead of {expected_state:?}"));
    }
    let hash = snapshot.state.hash(text(request, "scope").unwrap()).to_string();
    if Some(hash.as_str()) != text(expect, "state_hash") {
        differences.push(format!("hash: {hash}"));
    }
    differences
}

#[test]
fn every_request_that_a_rebuild_from_scratch_answers() {
    let vectors = parse(VECTORS.as_bytes()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (mut equal, mut wrong) = (0, Vec::new());
    for (s, scenario) in list(&vectors, "scenarios").iter().enumerate() {
        let file = directory.path().join(format!("{s}.sqlite"));
        let (store, registry) = (store(scenario, &file), registry(scenario));
        for (r, request) in list(scenario, "requests").iter().enumerate() {
            for trust in [Trust::None, Trust::Verified, Trust::Hashed] {
                let answer = rebuild(&*store, &registry, trust, request);
                let differences = differences(&answer, request);
                let excepted = NOT_FROM_SCRATCH.contains(&(s, r));
                match (differences.is_empty(), excepted) {
                    (true, false) => equal += 1,
                    (false, true) => {}
                    (true, true) => wrong.push(format!("({s}, {r}) is listed as different and is not")),
                    (false, false) => {
                        let name = text(scenario, "name").unwrap();
                        wrong.push(format!("({s}, {r}) {name}, trust {trust:?}: {}", differences.join("; ")));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "equal {equal}, different:\n{}", wrong.join("\n"));
    assert_eq!(equal, 3 * 145);
}
