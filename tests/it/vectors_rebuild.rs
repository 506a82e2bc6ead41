//! `rebuild.json`: stored rows and keyframes in, documents out.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, params};
use snapctl::model::ids::{Branch, DocumentId, OpIndex, Revision, Scope};
use snapctl::model::json::{Json, Object, canonical, operation_id, parse};
use snapctl::model::progress::Silent;
use snapctl::model::state::State;
use snapctl::reducer::{AliasStep, ModelId, Registry, native::drive};
use snapctl::replay::{Goal, Position, ReplayError, Snapshot, Sources, Trust, state_at};
use snapctl::store::{Access, Options, Store, Stores};

use crate::support::logs::scopes;
use crate::support::ring::{Ring, Sizes, Snapshot as Cached, shown};

pub(crate) const VECTORS: &str = include_str!("../../fixtures/vectors/rebuild.json");

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

pub(crate) fn list<'v, 'a>(value: &'v Json<'a>, key: &str) -> &'v [Json<'a>] {
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
pub(crate) fn store(scenario: &Json<'_>, file: &Path) -> Arc<dyn Store> {
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
    let options = Options { access: Access::Change, ..Options::default() };
    Stores::built_in().open(file.to_str().unwrap(), &options).unwrap()
}

const TABLES: &str = r#"
    CREATE TABLE "Operation" ("id" INTEGER PRIMARY KEY, "jobId" TEXT, "opId" TEXT, "prevOpId" TEXT DEFAULT '',
        "writeTimestampUtcMs" TEXT, "documentId" TEXT, "documentType" TEXT, "scope" TEXT, "branch" TEXT,
        "timestampUtcMs" TEXT, "index" INTEGER, "action" TEXT, "skip" INTEGER, "error" TEXT, "hash" TEXT,
        "deniedReason" TEXT);
    CREATE TABLE "Keyframe" ("id" INTEGER PRIMARY KEY, "documentId" TEXT, "documentType" TEXT, "scope" TEXT,
        "branch" TEXT, "revision" INTEGER, "document" TEXT, "createdAt" TEXT);"#;

pub(crate) fn registry(scenario: &Json<'_>) -> Registry {
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

/// A document that was read.
struct Answer<'a> {
    header: &'a Object<'static>,
    state: &'a State,
}

/// What differs between an answer and what a vector expects; empty if nothing does.
fn differences(answer: Result<Answer<'_>, &ReplayError>, request: &Json<'_>) -> Vec<String> {
    let expect = request.get("expect").unwrap();
    let thrown = expect.get("throws").and_then(|throws| text(throws, "message"));
    let answer = match (answer, thrown) {
        (Err(ReplayError::Rejected { message, .. }), Some(thrown)) if message == thrown => return Vec::new(),
        // Where the reference wraps the text around it that it wraps around all failures in a scope, it says the same.
        (Err(ReplayError::Model(error)), Some(thrown)) if thrown.ends_with(&error.to_string()) => return Vec::new(),
        (Err(error), _) => return vec![format!("failed: {error}")],
        (Ok(_), Some(thrown)) => return vec![format!("did not fail with {thrown}")],
        (Ok(answer), None) => answer,
    };
    let mut differences = Vec::new();
    let mut expected_header = expect.get("header").and_then(Json::as_object).cloned().unwrap();
    let mut header = answer.header.clone();
    if text(request, "note").is_some_and(|note| note.contains("createdAtUtcIso")) {
        expected_header.remove("createdAtUtcIso");
        header.remove("createdAtUtcIso");
    }
    let (header, expected_header) = (Json::Object(header), Json::Object(expected_header));
    if header != expected_header {
        differences.push(format!("header: {header:?} instead of {expected_header:?}"));
    }
    let state = Json::Object(scopes(answer.state));
    let expected_state = expect.get("state").unwrap();
    if state != *expected_state {
        differences.push(format!("state: {state:?} instead of {expected_state:?}"));
    }
    let hash = answer.state.hash(text(request, "scope").unwrap()).to_string();
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
                let answer = answer.as_ref().map(|answer| Answer { header: &answer.header, state: &answer.state });
                let differences = differences(answer, request);
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

/// What differs between the operations of an answer and the expected ones. Compared are index, skip, type, and whether an
/// operation was denied; of long lists their length, the first and the last.
fn different_operations(cached: &Cached, request: &Json<'_>) -> Option<String> {
    let expected = request.get("expect")?.get("operations")?.as_object()?;
    let expected_of = |operation: &Json<'_>| {
        let (index, skip) = (number(operation, "index").unwrap(), number(operation, "skip").unwrap());
        let kind = text(operation, "type").unwrap_or_default().to_owned();
        (index.unsigned_abs(), u32::try_from(skip).unwrap(), kind, operation.get("deniedReason").is_some())
    };
    let of = |scope: &str| {
        let operations = cached.operations.iter().find(|(name, _)| *name == *scope);
        operations.map(|(_, operations)| operations.iter().map(shown).collect::<Vec<_>>()).unwrap_or_default()
    };
    for (scope, list) in expected.iter() {
        let found = of(scope.as_str().unwrap());
        let equal = if let Some(list) = list.as_array() {
            list.iter().map(expected_of).collect::<Vec<_>>() == found
        } else {
            let (first, last) = (list.get("first").map(expected_of), list.get("last").map(expected_of));
            i64::try_from(found.len()).ok() == number(list, "length")
                && found.first().cloned() == first
                && found.last().cloned() == last
        };
        if !equal {
            return Some(format!("operations of {scope}: {found:?} instead of {list:?}"));
        }
    }
    let extra =
        cached.operations.iter().find(|(scope, list)| !list.is_empty() && expected.get(scope.as_str()).is_none());
    extra.map(|(scope, _)| format!("operations of {scope}"))
}

/// Sends all requests of a file through the emulated cache, and returns how many were answered as expected.
fn through_the_cache(vectors: &str) -> (usize, Vec<String>) {
    let vectors = parse(vectors.as_bytes()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (mut equal, mut wrong) = (0, Vec::new());
    for (s, scenario) in list(&vectors, "scenarios").iter().enumerate() {
        let file = directory.path().join(format!("{s}.sqlite"));
        let (store, registry) = (store(scenario, &file), registry(scenario));
        let sizes = Sizes::default();
        let config = |name, default| scenario.get("config").and_then(|c| number(c, name)).unwrap_or(default);
        let sizes = Sizes {
            keyframe_interval: config("keyframeInterval", sizes.keyframe_interval),
            ring: usize::try_from(config("ringBufferSize", 10)).unwrap(),
            streams: usize::try_from(config("maxDocuments", 100)).unwrap(),
        };
        let mut ring = Ring::new(&*store, &registry, sizes);
        for (r, request) in list(scenario, "requests").iter().enumerate() {
            let scope = Scope::from(text(request, "scope").unwrap());
            if request.get("invalidate") == Some(&Json::Bool(true)) {
                ring.invalidate(&scope);
            }
            let answer = ring.get(&scope, number(request, "target"));
            let found = answer.as_ref().map(|cached| Answer { header: &cached.header, state: &cached.state });
            let mut differences = differences(found, request);
            differences.extend(answer.ok().and_then(|cached| different_operations(&cached, request)));
            let written = request.get("expect").map_or(&[][..], |expect| list(expect, "keyframes_written"));
            let written: Vec<_> = written.iter().filter_map(|text| text.as_text()?.as_str()).collect();
            if written != ring.written {
                differences.push(format!("keyframes {:?} instead of {written:?}", ring.written));
            }
            if differences.is_empty() {
                equal += 1;
            } else {
                let name = text(scenario, "name").unwrap_or_default();
                wrong.push(format!("({s}, {r}) {name}: {}", differences.join("; ")));
            }
        }
    }
    (equal, wrong)
}

#[test]
fn every_request_in_sequence_through_the_cache() {
    let (equal, wrong) = through_the_cache(VECTORS);
    assert!(wrong.is_empty(), "equal {equal}, different:\n{}", wrong.join("\n"));
    assert_eq!(equal, 160);
}

/// Random logs of all kinds of rows, odd ones among them, and what release 6.2.2 answered.
#[test]
fn random_logs_through_the_cache() {
    let vectors = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vectors/reactor.json"));
    let (equal, wrong) = through_the_cache(&vectors.unwrap());
    assert!(wrong.is_empty(), "equal {equal}, different {}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(equal > 0);
}
