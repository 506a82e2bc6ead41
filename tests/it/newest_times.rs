//! The newest operation time of a stream is what its rows say, also where it was recorded how new those at its beginning are.

use std::ops::ControlFlow;

use proptest::prelude::*;
use snapctl::keyframe::{Made, make};
use snapctl::model::ids::{OpIndex, Revision, Span, StreamKey};
use snapctl::model::json::{Json, canonical};
use snapctl::model::progress::Silent;
use snapctl::model::time::Timestamp;
use snapctl::reducer::Registry;
use snapctl::replay::{Goal, Position, Snapshot, Sources, Trust, newest_time, state_at};
use snapctl::store::memory::MemoryStore;
use snapctl::store::records::{NewRecord, Proof, Verdict};
use snapctl::store::{Read, Store};

use crate::protocol_properties::{config, log};
use crate::support::logs::{self, Row, add, append, stream};

/// Long before and long after every time in these logs.
const EARLY: i64 = 1_000_000_000_000;
const LATE: i64 = 4_000_000_000_000;

fn at(label: u64) -> Revision {
    Revision::of(OpIndex::new(label))
}

fn time(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

fn sources<'a>(read: &'a dyn Read, registry: &'a Registry, trust: Trust) -> Sources<'a> {
    Sources { read, registry, trust, progress: &Silent }
}

/// Writes keyframes of a stream, each with its record after `change` was made to what it proves.
fn record(store: &MemoryStore, stream: &StreamKey, labels: &[u64], change: &dyn Fn(&mut Made)) {
    let (registry, now) = (Registry::built_in(), time(0));
    let wanted: Vec<Revision> = labels.iter().copied().map(at).collect();
    let mut all = Vec::new();
    // Of a log that does not replay there are those before the operation at which it ends.
    let _ = make(&sources(&*store.read().unwrap(), &registry, Trust::None), stream, &wanted, &mut |made| {
        all.push(made);
        Ok(ControlFlow::Continue(()))
    });
    let mut write = store.write().unwrap();
    for mut made in all {
        write.put_keyframe(&made.keyframe(now)).unwrap();
        change(&mut made);
        let check = made.check(now);
        assert!(write.records_mut().unwrap().put_record(&made.record(&check, None)).unwrap());
    }
    write.commit().unwrap();
}

fn text(snapshot: &Snapshot) -> String {
    let header = String::from_utf8(canonical(&Json::Object(snapshot.header.clone()))).unwrap();
    format!("{header}\n{:?}", snapshot.state)
}

fn modified(snapshot: &Snapshot) -> String {
    snapshot.header.get("lastModifiedAtUtcIso").and_then(Json::as_text).unwrap().to_string()
}

fn rebuild(store: &MemoryStore, scope: &str, position: Position, trust: Trust) -> Result<Snapshot, String> {
    let (read, registry, stream) = (store.read().unwrap(), Registry::built_in(), stream(scope));
    let goal = Goal { document: &stream.document, branch: &stream.branch, scope: &stream.scope, position };
    state_at(&sources(&*read, &registry, trust), goal).map_err(|error| error.to_string())
}

/// Compares every revision, and the newest time itself, with what the rows say.
fn agrees(store: &MemoryStore) {
    let (read, registry) = (store.read().unwrap(), Registry::built_in());
    for head in read.streams(&stream("global").document).unwrap() {
        let stream = stream(head.scope.as_str());
        let truth = read.newest_time(&stream, Span::ALL).unwrap();
        for trust in [Trust::None, Trust::Verified, Trust::Hashed, Trust::Any] {
            let sources = sources(&*read, &registry, trust);
            assert_eq!(newest_time(&sources, &stream, head.head).unwrap(), truth, "{stream} {trust:?}");
        }
        for label in 0..=head.head.get() {
            let position = Position::At(Some(at(label)));
            let truth = rebuild(store, head.scope.as_str(), position, Trust::None).map(|snapshot| text(&snapshot));
            let recorded =
                rebuild(store, head.scope.as_str(), position, Trust::Verified).map(|snapshot| text(&snapshot));
            assert_eq!(recorded, truth, "{stream}:{label}");
        }
    }
}

proptest! {
    #![proptest_config(config(250))]

    #[test]
    fn every_answer_is_what_the_rows_say(
        log in log(),
        offsets in prop::collection::vec(-50..50_i64, 1..80),
        (interval, recorded) in (1..9_usize, 0.0..1.0_f64),
    ) {
        // Times that go forth and back, some of them newer than those at the end.
        let times = |at: usize| time(1_735_689_600_000 + i64::try_from(at).unwrap() + offsets[at % offsets.len()]);
        let (document, rows) = (log.document_rows(), &log.rows);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a part of a short log")]
        let n_recorded = (rows.len() as f64 * recorded) as usize;
        let store = logs::store(&[], &[], &[]);
        append(&store, "document", &document, &[], &|at| times(at + 3));
        append(&store, "global", &rows[..n_recorded], &[], &times);
        for (scope, n) in [("document", document.len()), ("global", n_recorded)] {
            let labels: Vec<u64> = (0..n as u64).step_by(interval).collect();
            record(&store, &stream(scope), &labels, &|_| {});
        }
        agrees(&store);
        append(&store, "global", rows, &[], &times);
        agrees(&store);
    }
}

/// A drive of twelve folders with keyframes at three of them, whose records say something else of the times before.
fn subject(newest: &dyn Fn(u64) -> Option<Timestamp>) -> MemoryStore {
    let rows: Vec<Row> = (0..12).map(|n| add(&format!("folder-{n}"), 0)).collect();
    let store = logs::store(&logs::genesis(2), &rows, &[]);
    record(&store, &stream("global"), &[3, 6, 9], &|made| made.proof.newest = newest(made.revision.get()));
    store
}

/// Puts another record in the place of one.
fn change(store: &MemoryStore, label: u64, change: &dyn Fn(&mut Verdict)) {
    let mut write = store.write().unwrap();
    let mut record = write.records().keyframe_record(&stream("global"), at(label)).unwrap().unwrap();
    record.check.iter_mut().for_each(|check| change(&mut check.verdict));
    assert!(write.records_mut().unwrap().put_record(&NewRecord { ..record.as_new() }).unwrap());
    write.commit().unwrap();
}

fn head(store: &MemoryStore, trust: Trust) -> String {
    modified(&rebuild(store, "global", Position::Head, trust).unwrap())
}

#[test]
fn what_was_recorded_is_taken_for_the_rows_unless_nothing_is_trusted() {
    let truth = logs::time(11).to_string();
    let store = subject(&|label| Some(time(LATE + i64::try_from(label).unwrap())));
    for trust in [Trust::Verified, Trust::Hashed, Trust::Any] {
        assert_eq!(head(&store, trust), time(LATE + 9).to_string(), "the newest record, not the rows before it");
    }
    assert_eq!(head(&store, Trust::None), truth);
    for label in [0, 3, 4, 7, 9, 11] {
        let position = Position::At(Some(at(label)));
        let snapshot = rebuild(&store, "global", position, Trust::Verified).unwrap();
        assert_eq!(modified(&snapshot), time(LATE + 9).to_string(), "{label}: the stamp is that of the head");
    }
    // Rows after it are read.
    assert_eq!(head(&subject(&|_| Some(time(EARLY))), Trust::Verified), truth);
    let read = store.read().unwrap();
    let registry = Registry::built_in();
    let newest =
        |label| newest_time(&sources(&*read, &registry, Trust::Verified), &stream("global"), at(label)).unwrap();
    assert_eq!([8, 5, 2].map(newest), [Some(time(LATE + 6)), Some(time(LATE + 3)), Some(logs::time(2))]);
}

#[test]
fn a_record_is_believed_while_the_operation_at_its_revision_is_the_one_it_names() {
    let late = |label| time(LATE + label).to_string();
    let store = subject(&|label| Some(time(LATE + i64::try_from(label).unwrap())));
    let other = |verdict: &mut Verdict| {
        if let Verdict::Ok(Proof { operation_id, .. }) = verdict {
            *operation_id = "another".into();
        }
    };
    change(&store, 9, &other);
    assert_eq!(head(&store, Trust::Verified), late(6));
    change(&store, 6, &|verdict| *verdict = Verdict::Failed { code: "KEYFRAME_DIFFERS".to_owned() });
    assert_eq!(head(&store, Trust::Verified), late(3));
    change(&store, 3, &other);
    assert_eq!(head(&store, Trust::Verified), logs::time(11).to_string());
}

#[test]
fn where_it_was_not_recorded_an_older_record_or_the_rows_say_it() {
    let store = subject(&|label| (label < 9).then(|| time(LATE + i64::try_from(label).unwrap())));
    assert_eq!(head(&store, Trust::Verified), time(LATE + 6).to_string());
    let store = subject(&|_| None);
    assert_eq!(head(&store, Trust::Verified), logs::time(11).to_string());
    // What is made from there has it again.
    let (read, registry, mut newest) = (store.read().unwrap(), Registry::built_in(), Vec::new());
    make(&sources(&*read, &registry, Trust::Verified), &stream("global"), &[at(10), at(11)], &mut |made| {
        newest.push(made.proof.newest);
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    assert_eq!(newest, [10, 11].map(|at| Some(logs::time(at))));
}

#[test]
fn models_and_bodies_do_not_matter() {
    let store = subject(&|_| Some(time(LATE)));
    let mut write = store.write().unwrap();
    let stream = stream("global");
    let mut record = write.records().keyframe_record(&stream, at(9)).unwrap().unwrap();
    record.check.as_mut().unwrap().fingerprint = "another model".into();
    record.checksum = snapctl::model::checksum::Checksum::of(b"another body");
    assert!(write.records_mut().unwrap().put_record(&record.as_new()).unwrap());
    write.commit().unwrap();
    let snapshot = rebuild(&store, "global", Position::Head, Trust::Verified).unwrap();
    assert_eq!(modified(&snapshot), time(LATE).to_string());
    assert_eq!(snapshot.explain.base, snapctl::replay::Base::Keyframe(at(6)), "it is no base any more");
}
