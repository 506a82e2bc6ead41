//! Keyframes made in one pass are what a rebuild gives at each of their revisions, from wherever the pass begins.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use proptest::prelude::*;
use rusqlite::Connection;
use snapctl::keyframe::{Made, every, make};
use snapctl::model::checksum::Checksum;
use snapctl::model::ids::{OpIndex, Revision, Span, StreamKey};
use snapctl::model::json::{Json, canonical, parse};
use snapctl::model::progress::Silent;
use snapctl::model::seal::Seal;
use snapctl::model::time::Timestamp;
use snapctl::reducer::{AliasStep, ModelId, Registry, native::drive};
use snapctl::replay::{Base, Goal, Position, ReplayError, Snapshot, Sources, Trust, document_as_reactor, state_at};
use snapctl::store::{Access, Codec, Options, Order, Read, Store, sqlite};

use crate::protocol_properties::{config, log};
use crate::support::logs::{self, scopes};
use crate::vectors_rebuild::{self as vectors, list};

fn at(label: u64) -> Revision {
    Revision::of(OpIndex::new(label))
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000).unwrap()
}

fn sources<'a>(read: &'a dyn Read, registry: &'a Registry, trust: Trust) -> Sources<'a> {
    Sources { read, registry, trust, progress: &Silent }
}

fn goal(stream: &StreamKey, at: Revision) -> Goal<'_> {
    let StreamKey { document, scope, branch } = stream;
    Goal { document, branch, scope, position: Position::At(Some(at)) }
}

fn streams(read: &dyn Read) -> Vec<(StreamKey, Revision)> {
    let mut documents = Vec::new();
    read.documents("", &mut |entry| {
        documents.push(entry.id);
        ControlFlow::Continue(())
    })
    .unwrap();
    let mut streams = Vec::new();
    for document in documents {
        for head in read.streams(&document).unwrap() {
            let stream = StreamKey { document: document.clone(), scope: head.scope, branch: head.branch };
            if !has_two_at_one_index(read, &stream) {
                streams.push((stream, head.head));
            }
        }
    }
    streams
}

/// Whether a stream is as one of the vectors has it and no store with the keys of the reference can.
fn has_two_at_one_index(read: &dyn Read, stream: &StreamKey) -> bool {
    let (mut last, mut found) = (None, false);
    let _ = read.operations(stream, Span::ALL, Order::Forward, &mut |row| {
        found |= last.replace(row.index) == Some(row.index);
        ControlFlow::Continue(())
    });
    found
}

/// Makes keyframes, and says also what ended that.
fn made(
    store: &dyn Store,
    registry: &Registry,
    trust: Trust,
    stream: &StreamKey,
    wanted: &[Revision],
) -> (Vec<Made>, Result<Vec<Revision>, ReplayError>) {
    let read = store.read().unwrap();
    let mut all = Vec::new();
    let making = make(&sources(&*read, registry, trust), stream, wanted, &mut |made| {
        all.push(made);
        Ok(ControlFlow::Continue(()))
    });
    assert!(making.as_ref().map_or(true, |making| making.made == all.len() as u64));
    (all, making.map(|making| making.absent))
}

/// The seal after each row.
fn seals(read: &dyn Read, stream: &StreamKey) -> BTreeMap<Revision, (String, Seal)> {
    let (mut seal, mut seals) = (Seal::EMPTY, BTreeMap::new());
    let _ = read.operations(stream, Span::ALL, Order::Forward, &mut |row| {
        seal = seal.then(row);
        seals.insert(Revision::of(row.index), (row.id.to_owned(), seal));
        ControlFlow::Continue(())
    });
    seals
}

fn compare(made: &Made, truth: &Snapshot, initial: Option<Json<'static>>) {
    let text = |value: &Json<'_>| String::from_utf8(canonical(value)).unwrap();
    let document = parse(&made.body).unwrap();
    assert_eq!(text(&document), String::from_utf8_lossy(&made.body), "canonical");
    let member = |name: &str| text(document.get(name).unwrap());
    assert_eq!(member("header"), text(&Json::Object(truth.header.clone())), "{}:{}", made.stream, made.revision);
    assert_eq!(member("state"), text(&Json::Object(scopes(&truth.state))), "{}:{}", made.stream, made.revision);
    if let Some(initial) = initial {
        assert_eq!(member("initialState"), text(&initial), "{}:{}", made.stream, made.revision);
    }
    assert_eq!((member("operations"), member("clipboard")), ("{}".to_owned(), "[]".to_owned()));
    assert_eq!(made.checksum, Checksum::of(&made.body));
    assert_eq!(made.proof.state_hash, truth.state.hash(made.stream.scope.as_str()));
    assert_eq!(made.document_type, truth.document_type);
}

/// Compares the keyframes of all revisions with rebuilds. Returns how many there were.
fn check(store: &dyn Store, registry: &Registry) -> usize {
    let mut n = 0;
    let read = store.read().unwrap();
    let from_scratch = sources(&*read, registry, Trust::None);
    for (stream, head) in streams(&*read) {
        let wanted: Vec<Revision> = (0..=head.get() + 1).map(at).collect();
        let (keyframes, ended) = made(store, registry, Trust::None, &stream, &wanted);
        let rows = seals(&*read, &stream);
        let has_keyframes = read.nearest_keyframe(&stream, head).unwrap().is_some();
        let mut keyframes = keyframes.iter();
        for revision in rows.keys() {
            let truth = match (state_at(&from_scratch, goal(&stream, *revision)), &ended) {
                (Ok(truth), _) => truth,
                (Err(error), Err(found)) => {
                    assert_eq!(error.to_string(), found.to_string());
                    break;
                }
                (Err(error), Ok(_)) => panic!("{stream}:{revision} was made, and a rebuild says {error}"),
            };
            let keyframe = keyframes.next().unwrap_or_else(|| panic!("{stream}:{revision} was not made: {ended:?}"));
            assert_eq!(keyframe.revision, *revision);
            assert_eq!((&*keyframe.proof.operation_id.to_string(), keyframe.proof.seal), {
                let (id, seal) = &rows[revision];
                (id.as_str(), *seal)
            });
            let initial = (!has_keyframes).then(|| {
                let document = document_as_reactor(&from_scratch, goal(&stream, *revision)).unwrap();
                Json::Object(scopes(document.initial()))
            });
            compare(keyframe, &truth, initial);
            n += 1;
        }
        assert!(keyframes.next().is_none());
        if let Ok(absent) = ended {
            let gaps: Vec<Revision> = wanted.into_iter().filter(|revision| !rows.contains_key(revision)).collect();
            assert_eq!(absent, gaps);
        }
    }
    n
}

/// Writes every `interval`-th keyframe with what proves it, and makes the others beside these, each alone: the same come out.
/// Returns for how many the pass began at a keyframe.
fn check_bases(store: &dyn Store, registry: &Registry, interval: u64) -> usize {
    let mut n = 0;
    let streams = streams(&*store.read().unwrap());
    for (stream, head) in streams {
        let wanted: Vec<Revision> = (1..=head.get()).map(at).collect();
        let (keyframes, _) = made(store, registry, Trust::None, &stream, &wanted);
        let mut write = store.write().unwrap();
        for keyframe in keyframes.iter().filter(|keyframe| keyframe.revision.get() % interval == 0) {
            write.put_keyframe_as(&keyframe.keyframe(now()), Codec::Json).unwrap();
            let check = keyframe.check(now());
            assert!(write.records_mut().unwrap().put_record(&keyframe.record(&check, None)).unwrap());
        }
        write.commit().unwrap();
        let read = store.read().unwrap();
        for keyframe in &keyframes {
            let (again, _) = made(store, registry, Trust::Any, &stream, &[keyframe.revision]);
            assert_eq!(again, std::slice::from_ref(keyframe), "{stream}:{}", keyframe.revision);
            let truth =
                state_at(&sources(&*read, registry, Trust::Verified), goal(&stream, keyframe.revision)).unwrap();
            n += usize::from(truth.explain.base != Base::Genesis);
            compare(keyframe, &truth, None);
        }
    }
    n
}

fn without_keyframes(fixture: &str, folder: &Path) -> sqlite::SqliteStore {
    let path = folder.join(fixture);
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(fixture), &path).unwrap();
    Connection::open(&path).unwrap().execute_batch(r#"DELETE FROM "Keyframe""#).unwrap();
    sqlite::open(&path, &Options { access: Access::Change, ..Options::default() }).unwrap()
}

fn registry() -> Registry {
    let mut registry = Registry::built_in();
    registry.alias(ModelId { version: 2, ..drive::id() }, &drive::id(), AliasStep::Identity).unwrap();
    registry
}

#[test]
fn every_keyframe_of_the_fixtures_is_what_a_rebuild_gives() {
    let folder = tempfile::tempdir().unwrap();
    let mut n = [0, 0];
    for fixture in ["drive.sqlite", "notes.sqlite", "undo.sqlite", "upgrade.sqlite"] {
        let store = without_keyframes(fixture, folder.path());
        n[0] += check(&store, &registry());
        n[1] += check_bases(&store, &registry(), 4);
    }
    assert!(n[0] > 90 && n[1] > 30, "{n:?}");
}

#[test]
fn every_keyframe_of_the_vectors_is_what_a_rebuild_gives() {
    let folder = tempfile::tempdir().unwrap();
    let random =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vectors/reactor.json")).unwrap();
    let (mut n, mut from_bases) = (0, 0);
    for (name, text) in [("rebuild", vectors::VECTORS), ("reactor", &random)] {
        let all = parse(text.as_bytes()).unwrap();
        for (s, scenario) in list(&all, "scenarios").iter().enumerate() {
            let store = vectors::store(scenario, &folder.path().join(format!("{name}-{s}.sqlite")));
            let registry = vectors::registry(scenario);
            n += check(&*store, &registry);
            if list(scenario, "keyframes").is_empty() && s % 4 == 0 {
                from_bases += check_bases(&*store, &registry, 3);
            }
        }
    }
    assert!(n > 1000 && from_bases > 40, "{n}, {from_bases}");
}

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn every_keyframe_of_a_random_log_is_what_a_rebuild_gives(log in log()) {
        let store = logs::store(&log.document_rows(), &log.rows, &[]);
        check(&store, &Registry::built_in());
        check_bases(&store, &Registry::built_in(), 5);
    }
}

#[test]
fn the_reference_writes_at_multiples_of_the_interval() {
    let labels = |interval: u64, head| -> Vec<u64> {
        every(interval.try_into().unwrap(), at(head)).map(Revision::get).collect()
    };
    assert_eq!(labels(10, 30), [10, 20, 30]);
    assert_eq!(labels(10, 9), [0_u64; 0]);
    assert_eq!(labels(1, 2), [1, 2]);
    assert_eq!(labels(u64::MAX, 5), [0_u64; 0]);
}

#[test]
fn nothing_is_made_of_what_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = without_keyframes("drive.sqlite", folder.path());
    let (stream, head) = streams(&*store.read().unwrap()).remove(0);
    let absent = |stream: &StreamKey, wanted: &[Revision]| {
        let (made, absent) = made(&store, &registry(), Trust::Verified, stream, wanted);
        (made.len(), absent.unwrap())
    };
    assert_eq!(absent(&stream, &[]), (0, vec![]));
    let beyond = [head, at(head.get() + 1), at(u64::MAX)];
    assert_eq!(absent(&stream, &beyond), (1, beyond[1..].to_vec()));
    let nowhere = StreamKey { scope: "nowhere".into(), ..stream };
    assert_eq!(absent(&nowhere, &[at(0)]), (0, vec![at(0)]));
}
