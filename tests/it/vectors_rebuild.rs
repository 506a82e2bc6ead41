//! `rebuild.json`: stored rows and keyframes in, documents out.

use std::num::NonZeroU32;

use snapctl::model::ids::{Branch, DocumentId, DocumentType, OpIndex, Revision, Scope, StreamKey};
use snapctl::model::json::{Json, canonical, operation_id, parse};
use snapctl::model::operation::OperationRow;
use snapctl::model::progress::Silent;
use snapctl::model::time::Timestamp;
use snapctl::reducer::{AliasStep, ModelId, Registry, native::drive};
use snapctl::replay::{Goal, Position, ReplayError, Snapshot, Sources, Trust, walk};
use snapctl::store::memory::MemoryStore;
use snapctl::store::{NewKeyframe, NewOperation, Store};

const VECTORS: &str = include_str!("../../fixtures/vectors/rebuild.json");

/// Requests that the reference answers from a truncated history, or from a keyframe it cannot read: scenario and
/// request, both from 0. The from-scratch answer is the truth there.
const NOT_FROM_SCRATCH: &[(usize, usize)] = &[];

fn text<'v>(value: &'v Json<'_>, key: &str) -> Option<&'v str> {
    value.get(key).and_then(|text| text.as_text()?.as_str())
}

fn list<'v, 'a>(value: &'v Json<'a>, key: &str) -> &'v [Json<'a>] {
    value.get(key).and_then(Json::as_array).unwrap_or_default()
}

fn number(value: &Json<'_>, key: &str) -> Option<i64> {
    value.get(key).and_then(Json::as_number).map(|number| number as i64)
}

fn stream(scope: &str) -> StreamKey {
    StreamKey { document: DocumentId::from("d"), scope: scope.into(), branch: Branch::main() }
}

fn store(scenario: &Json<'_>) -> MemoryStore {
    let store = MemoryStore::new(&Default::default());
    let mut write = store.write().unwrap();
    for row in list(scenario, "rows") {
        let scope = text(row, "scope").unwrap();
        let action = row.get("action").unwrap();
        let id = operation_id("d", scope, "main", text(action, "id").unwrap_or_default().as_bytes());
        let time = Timestamp::parse(text(row, "timestampUtcMs").unwrap()).unwrap();
        let nonempty = |key| text(row, key).filter(|text| !text.is_empty());
        let operation = OperationRow {
            index: OpIndex::new(number(row, "index").unwrap() as u64),
            skip: NonZeroU32::new(number(row, "skip").unwrap() as u32),
            id: &id,
            previous_id: "",
            document_type: "powerhouse/document-drive",
            timestamp: time,
            hash: text(row, "hash").unwrap_or_default(),
            error: nonempty("error"),
            denied: nonempty("deniedReason"),
            action: &canonical(action),
        };
        write.append(&stream(scope), &[NewOperation { row: operation, written: time, job_id: "" }]).unwrap();
    }
    for keyframe in list(scenario, "keyframes") {
        let stream = stream(text(keyframe, "scope").unwrap());
        write
            .put_keyframe(&NewKeyframe {
                stream: &stream,
                revision: Revision::of(OpIndex::new(number(keyframe, "revision").unwrap() as u64)),
                document_type: &DocumentType::from("powerhouse/document-drive"),
                document: &canonical(keyframe.get("document").unwrap()),
                created: Timestamp::from_millis(0).unwrap(),
            })
            .unwrap();
    }
    write.commit().unwrap();
    store
}

fn registry(scenario: &Json<'_>) -> Registry {
    let mut registry = Registry::built_in();
    for version in list(scenario, "registry_versions").iter().filter_map(Json::as_number).filter(|version| *version > 1.0) {
        let id = ModelId { version: version as u32, ..drive::id() };
        registry.alias(id, &drive::id(), AliasStep::Unknown).unwrap();
    }
    registry
}

fn rebuild(store: &MemoryStore, registry: &Registry, trust: Trust, request: &Json<'_>) -> Result<Snapshot, ReplayError> {
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
    walk(&Sources { read: &*read, registry, trust, progress: &Silent }, goal, None)
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
    let (mut equal, mut wrong) = (0, Vec::new());
    for (s, scenario) in list(&vectors, "scenarios").iter().enumerate() {
        let (store, registry) = (store(scenario), registry(scenario));
        for (r, request) in list(scenario, "requests").iter().enumerate() {
            for trust in [Trust::None, Trust::Verified, Trust::Hashed] {
                let answer = rebuild(&store, &registry, trust, request);
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
    assert!(equal >= 3 * 150, "{equal}");
}
