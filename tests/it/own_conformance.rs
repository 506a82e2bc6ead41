//! What every store promises of our own tables, checked over all of them.

use snapctl::model::checksum::Checksum;
use snapctl::model::ids::{Revision, StreamKey};
use snapctl::model::json::hash_canonical;
use snapctl::model::seal::Seal;
use snapctl::model::time::Timestamp;
use snapctl::store::history::{BodyBefore, Mutation, MutationKind, NewMutation, Run};
use snapctl::store::records::{
    Check, KeyframeRecord, NewRecord, OwnTables, Pin, Proof, Standing, StreamSeal, Totals, Until, VERSION, Verdict,
    Within,
};
use snapctl::store::{Codec, Detail, Flow, Read, Store, Write};

use crate::store_conformance::{Subject, at, conformance_of, key, put};

fn stream() -> StreamKey {
    key("doc", "global", "main")
}

fn time(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

fn sound(millis: i64) -> Check {
    let proof = Proof {
        operation_id: "op-3".into(),
        seal: Seal::from_bytes([7; 32]),
        newest: Some(time(11)),
        state_hash: hash_canonical(Some(b"{}")),
    };
    Check { checked: time(millis), fingerprint: "model-1".into(), verdict: Verdict::Ok(proof) }
}

fn failed(code: &str) -> Check {
    let verdict = Verdict::Failed { code: code.to_owned() };
    Check { checked: time(-5), fingerprint: "model-2".into(), verdict }
}

fn pin(expires: Option<i64>) -> Pin {
    Pin { reason: "before the \"move\"".into(), expires: expires.map(time) }
}

fn record<'a>(stream: &'a StreamKey, revision: u64, body: &str) -> NewRecord<'a> {
    let (checksum, body_bytes) = (Checksum::of(body.as_bytes()), body.len() as u64);
    NewRecord { stream, revision: at(revision), checksum, body_bytes, check: None, pin: None }
}

/// Writes in a transaction of its own.
fn change<T>(store: &dyn Store, change: impl FnOnce(&mut dyn Write) -> T) -> T {
    let mut write = store.write().unwrap();
    let result = change(&mut *write);
    write.commit().unwrap();
    result
}

fn records(read: &dyn Read, within: Within<'_>) -> Vec<KeyframeRecord> {
    let mut records = Vec::new();
    read.records()
        .keyframe_records(within, &mut |record| {
            records.push(record.clone());
            Flow::Continue(())
        })
        .unwrap();
    records
}

/// `DOC/SCOPE:LABEL` of all keyframes there are, with what is known of them.
fn inventory(read: &dyn Read, within: Within<'_>) -> Vec<(String, String)> {
    let mut kept = Vec::new();
    read.records()
        .inventory(within, &mut |keyframe| {
            let standing = keyframe.known.map_or_else(String::new, |known| {
                let standing = match known.standing {
                    Standing::Unchecked => "unchecked".to_owned(),
                    Standing::Ok { fingerprint, .. } => format!("ok {fingerprint}"),
                    Standing::Failed { code, .. } => format!("failed {code}"),
                };
                let pinned = match known.pinned {
                    None => "",
                    Some(Until::Removed) => " pinned",
                    Some(Until::Time(_)) => " pinned for a time",
                };
                format!("{} {standing}{pinned}", known.codec)
            });
            kept.push((format!("{}:{}", keyframe.stream, keyframe.label), standing));
            Flow::Continue(())
        })
        .unwrap();
    kept
}

#[test]
fn own_tables_keep_the_contract() {
    conformance_of(&[
        nothing_is_there_until_something_is_written,
        a_record_comes_back_as_it_was_put,
        records_are_visited_in_order,
        a_record_goes_with_its_keyframe,
        a_new_body_has_not_been_checked,
        the_newest_sound_keyframe_is_at_or_below,
        the_inventory_has_every_keyframe,
        seals_are_kept_by_stream,
        a_change_is_noted_with_what_was_before,
        tables_come_and_go,
        what_is_not_committed_is_not_there,
    ]);
}

fn nothing_is_there_until_something_is_written(subject: &Subject) {
    let store = &*subject.store;
    let empty = |read: &dyn Read| {
        assert_eq!(read.records().tables().unwrap(), OwnTables::Absent);
        assert_eq!(records(read, Within::Everything), []);
        assert_eq!(read.records().keyframe_record(&stream(), at(3)).unwrap(), None);
        assert_eq!(read.records().newest_sound(&stream(), at(u64::MAX)).unwrap(), None);
        assert_eq!(read.records().stream_seal(&stream()).unwrap(), None);
        assert_eq!(read.records().totals().unwrap(), Totals::default());
        read.history().runs(&mut |_| panic!("a run")).unwrap();
        read.history().mutations(None, &mut |_| panic!("a change")).unwrap();
    };
    empty(&*store.read().unwrap());
    // What changes nothing makes no table.
    change(store, |write| {
        let records = write.records_mut().unwrap();
        assert!(!records.delete_record(&stream(), at(3)).unwrap());
        assert!(!records.delete_seal(&stream()).unwrap());
        assert!(records.put_record(&record(&stream(), 3, r#"{"r":3}"#)).unwrap(), "it is there");
        assert!(!records.put_record(&record(&stream(), 4, "{}")).unwrap(), "it is not there");
        assert_eq!(records.remove().unwrap(), snapctl::store::records::Removed::default());
        write.history_mut().unwrap();
        put(write, &stream(), 4, "{}");
        write.delete_keyframe(&stream(), at(4)).unwrap();
        empty(write);
    });
    empty(&*store.read().unwrap());
}

fn a_record_comes_back_as_it_was_put(subject: &Subject) {
    let store = &*subject.store;
    let (checks, pins) = ([None, Some(sound(5)), Some(failed("HASH"))], [None, Some(pin(None)), Some(pin(Some(99)))]);
    for check in &checks {
        for pin in &pins {
            let stream = stream();
            let new = NewRecord { check: check.as_ref(), pin: pin.as_ref(), ..record(&stream, 3, r#"{"r":3}"#) };
            assert!(change(store, |write| write.records_mut().unwrap().put_record(&new)).unwrap());
            let read = store.read().unwrap();
            let found = read.records().keyframe_record(&stream, at(3)).unwrap();
            let Some(found) = found else {
                assert!(check.is_none() && pin.is_none());
                continue;
            };
            assert_eq!((&found.check, &found.pin), (check, pin));
            assert_eq!((&found.stream, found.revision, found.codec), (&stream, at(3), Codec::Json));
            assert_eq!((found.checksum, found.body_bytes), (new.checksum, 7));
            assert_eq!(found.created.as_millis(), 1_700_000_000_003);
            assert!(found.stored_bytes > 0);
            assert_eq!(found.as_new().check, check.as_ref());
            assert_eq!(records(&*read, Within::Everything), [found]);
        }
    }
    let largest = at(u64::MAX);
    assert_eq!(store.read().unwrap().records().keyframe_record(&stream(), largest).unwrap(), None);
    let beyond = NewRecord { revision: largest, ..record(&stream(), 3, "{}") }.stream.clone();
    assert!(!change(store, |write| write.records_mut().unwrap().delete_record(&beyond, largest)).unwrap());
}

fn records_are_visited_in_order(subject: &Subject) {
    let store = &*subject.store;
    let streams = [key("doc", "z", "branch"), key("doc", "global", "main"), key("doc", "a", "main")];
    let (check, places) = (sound(1), [(0, 1), (1, 7), (1, 0), (2, 5), (1, 3)]);
    change(store, |write| {
        for (stream, revision) in places {
            let new = NewRecord { check: Some(&check), ..record(&streams[stream], revision, "{}") };
            assert!(write.records_mut().unwrap().put_record(&new).unwrap());
        }
        let no_operations = key("no operations", "global", "main");
        let new = NewRecord { check: Some(&check), ..record(&no_operations, 1, "{}") };
        assert!(write.records_mut().unwrap().put_record(&new).unwrap());
    });
    let read = store.read().unwrap();
    let shown = |within: Within<'_>| -> Vec<String> {
        records(&*read, within).iter().map(|record| format!("{}:{}", record.stream, record.revision)).collect()
    };
    let of_doc = ["doc/a:5", "doc/global:0", "doc/global:3", "doc/global:7", "doc/z@branch:1"];
    assert_eq!(shown(Within::Document(&"doc".into())), of_doc);
    assert_eq!(shown(Within::Everything), [&of_doc[..], &["no operations/global:1"]].concat());
    assert_eq!(shown(Within::Stream(&stream())), of_doc[1..4]);
    assert_eq!(shown(Within::Document(&"do".into())), [""; 0]);
    assert_eq!(shown(Within::Stream(&key("doc", "global", "branch"))), [""; 0]);
    let mut visits = 0;
    let stop = &mut |_: &KeyframeRecord| {
        visits += 1;
        Flow::Break(())
    };
    read.records().keyframe_records(Within::Everything, stop).unwrap();
    assert_eq!(visits, 1);
    let totals = read.records().totals().unwrap();
    assert_eq!((totals.records, totals.sound, totals.pins, totals.compressed), (6, 6, 0, 0));
}

fn a_record_goes_with_its_keyframe(subject: &Subject) {
    let store = &*subject.store;
    let (check, pin, stream) = (sound(1), pin(None), stream());
    let new = NewRecord { check: Some(&check), pin: Some(&pin), ..record(&stream, 3, r#"{"r":3}"#) };
    change(store, |write| {
        assert!(write.records_mut().unwrap().put_record(&new).unwrap());
        assert!(write.delete_keyframe(&stream, at(3)).unwrap());
    });
    assert_eq!(records(&*store.read().unwrap(), Within::Everything), []);
    change(store, |write| {
        put(write, &stream, 3, r#"{"r":3}"#);
        assert_eq!(records(write, Within::Everything), [], "it is another one");
        assert!(write.records_mut().unwrap().put_record(&new).unwrap());
        assert!(write.records_mut().unwrap().delete_record(&stream, at(3)).unwrap());
        assert!(!write.records_mut().unwrap().delete_record(&stream, at(3)).unwrap());
        assert!(write.keyframe_document(&stream, at(3)).unwrap().is_some(), "the keyframe stays");
    });
}

fn a_new_body_has_not_been_checked(subject: &Subject) {
    let store = &*subject.store;
    let (check, pin, stream) = (sound(1), pin(Some(7)), stream());
    let body = r#"{"r":3}"#;
    let new = NewRecord { check: Some(&check), pin: Some(&pin), ..record(&stream, 3, body) };
    change(store, |write| {
        write.records_mut().unwrap().put_record(&new).unwrap();
        put(write, &stream, 3, body);
        let known = write.records().keyframe_record(&stream, at(3)).unwrap().unwrap();
        assert_eq!(
            (known.check, known.checksum),
            (Some(check.clone()), Checksum::of(body.as_bytes())),
            "it is the same"
        );
        put(write, &stream, 3, "[]");
        let known = write.records().keyframe_record(&stream, at(3)).unwrap().unwrap();
        assert_eq!((known.check, known.pin, known.body_bytes), (None, Some(pin.clone()), 2), "it stays pinned");
        assert_eq!(known.checksum, Checksum::of(b"[]"));
        let new = NewRecord { check: Some(&check), ..record(&stream, 3, "[]") };
        write.records_mut().unwrap().put_record(&new).unwrap();
        put(write, &stream, 3, "{}");
        assert_eq!(write.records().keyframe_record(&stream, at(3)).unwrap(), None);
    });
}

fn the_newest_sound_keyframe_is_at_or_below(subject: &Subject) {
    let store = &*subject.store;
    let (stream, ok, bad, pin) = (stream(), sound(1), failed("X"), pin(None));
    change(store, |write| {
        put(write, &stream, 5, "{}");
        for (revision, check) in [(0, Some(&ok)), (3, Some(&ok)), (5, Some(&bad)), (7, None)] {
            let new = NewRecord { check, pin: Some(&pin), ..record(&stream, revision, "{}") };
            assert!(write.records_mut().unwrap().put_record(&new).unwrap());
        }
    });
    let read = store.read().unwrap();
    let newest = |stream: &StreamKey, revision| {
        read.records().newest_sound(stream, at(revision)).unwrap().map(|record| record.revision.get())
    };
    assert_eq!([0, 2, 3, 6, 9, u64::MAX].map(|revision| newest(&stream, revision)), [0, 0, 3, 3, 3, 3].map(Some));
    assert_eq!(newest(&key("doc", "a", "main"), 9), None);
}

fn the_inventory_has_every_keyframe(subject: &Subject) {
    let store = &*subject.store;
    let plain = |place: &str| (place.to_owned(), String::new());
    let all = ["doc/a:5", "doc/global:0", "doc/global:3", "doc/global:7", "doc/z@branch:1", "no operations/global:1"];
    assert_eq!(inventory(&*store.read().unwrap(), Within::Everything), all.map(plain));
    let (stream, ok, bad, pins) = (stream(), sound(1), failed("X"), [pin(None), pin(Some(1))]);
    change(store, |write| {
        for (revision, check, pin) in [(0, Some(&ok), None), (3, Some(&bad), Some(&pins[0])), (7, None, Some(&pins[1]))]
        {
            let new = NewRecord { check, pin, ..record(&stream, revision, "{}") };
            write.records_mut().unwrap().put_record(&new).unwrap();
        }
    });
    let read = store.read().unwrap();
    let known = [
        ("doc/global:0", "json ok model-1"),
        ("doc/global:3", "json failed X pinned"),
        ("doc/global:7", "json unchecked pinned for a time"),
    ];
    let known = known.map(|(place, known)| (place.to_owned(), known.to_owned()));
    let whole = [&[plain(all[0])][..], &known, &[plain(all[4])]].concat();
    assert_eq!(inventory(&*read, Within::Stream(&stream)), known);
    assert_eq!(inventory(&*read, Within::Document(&"doc".into())), whole);
    assert_eq!(inventory(&*read, Within::Everything), [&whole[..], &[plain(all[5])]].concat());
}

fn seals_are_kept_by_stream(subject: &Subject) {
    let store = &*subject.store;
    let seal = |stream: StreamKey, revision: u64| StreamSeal {
        stream,
        revision: at(revision),
        seal: Seal::from_bytes([u8::try_from(revision).unwrap(); 32]),
        state_hash: hash_canonical(Some(b"{\"a\":1}")),
        fingerprint: "f".into(),
        checked: time(i64::try_from(revision).unwrap()),
    };
    let seals = [seal(key("b", "", "x"), 1), seal(key("b", "s", "main"), 2), seal(stream(), 3)];
    change(store, |write| {
        let records = write.records_mut().unwrap();
        for seal in [&seals[2], &seals[1], &seals[0], &seal(stream(), 9), &seals[2]] {
            records.put_seal(seal).unwrap();
        }
    });
    let read = store.read().unwrap();
    let visited = |within: Within<'_>| {
        let mut visited = Vec::new();
        read.records()
            .stream_seals(within, &mut |seal| {
                visited.push(seal.clone());
                Flow::Continue(())
            })
            .unwrap();
        visited
    };
    assert_eq!(visited(Within::Everything), seals, "the last one of a stream, in order");
    assert_eq!(visited(Within::Document(&"b".into())), seals[..2]);
    assert_eq!(visited(Within::Stream(&stream())), seals[2..]);
    assert_eq!(read.records().stream_seal(&stream()).unwrap().as_ref(), Some(&seals[2]));
    assert_eq!(read.records().stream_seal(&key("b", "s", "x")).unwrap(), None);
    assert_eq!(read.records().totals().unwrap().seals, 3);
    drop(read);
    let deleted = |stream: &StreamKey| change(store, |write| write.records_mut().unwrap().delete_seal(stream)).unwrap();
    assert_eq!([deleted(&stream()), deleted(&stream())], [true, false]);
}

fn runs(read: &dyn Read) -> Vec<Run> {
    let mut runs = Vec::new();
    read.history()
        .runs(&mut |run| {
            runs.push(run.clone());
            Flow::Continue(())
        })
        .unwrap();
    runs
}

fn mutations(read: &dyn Read, run: Option<&Run>) -> Vec<Mutation> {
    let mut mutations = Vec::new();
    read.history()
        .mutations(run.map(|run| run.id), &mut |mutation| {
            mutations.push(mutation.clone());
            Flow::Continue(())
        })
        .unwrap();
    mutations
}

fn a_change_is_noted_with_what_was_before(subject: &Subject) {
    let store = &*subject.store;
    let (stream, check, pin) = (stream(), sound(1), pin(Some(2)));
    let new = NewRecord { check: Some(&check), pin: Some(&pin), ..record(&stream, 3, r#"{"r":3}"#) };
    let (first, second) = change(store, |write| {
        write.records_mut().unwrap().put_record(&new).unwrap();
        let history = write.history_mut().unwrap();
        let run = history.begin_run("keyframe prune \"x\"", time(10)).unwrap();
        let note =
            |revision: Revision, kind, body| NewMutation { run, at: time(11), kind, stream: &stream, revision, body };
        let ids = [
            history.note(&note(at(3), MutationKind::Deleted, BodyBefore::Keep)).unwrap(),
            history.note(&note(at(7), MutationKind::Replaced, BodyBefore::Leave)).unwrap(),
            history.note(&note(at(8), MutationKind::Written, BodyBefore::Keep)).unwrap(),
        ];
        history.finish_run(run, time(12)).unwrap();
        let undo = history.begin_run("keyframe undo", time(13)).unwrap();
        assert!(history.mark_undone(ids[1], undo).unwrap());
        assert!(!history.mark_undone(ids[1], undo).unwrap(), "once");
        assert!(undo > run && ids.is_sorted());
        write.delete_keyframe(&stream, at(3)).unwrap();
        (run, undo)
    });
    let read = store.read().unwrap();
    let all = runs(&*read);
    assert_eq!(all.iter().map(|run| run.id).collect::<Vec<_>>(), [second, first], "the newest first");
    assert_eq!((all[0].finished, all[1].finished), (None, Some(time(12))));
    assert_eq!((all[1].command.as_str(), all[1].started), ("keyframe prune \"x\"", time(10)));
    let noted = mutations(&*read, None);
    assert_eq!(mutations(&*read, Some(&all[1])), noted);
    assert_eq!(mutations(&*read, Some(&all[0])), []);
    let kinds: Vec<_> = noted.iter().map(|noted| (noted.kind, noted.revision.get(), noted.undone)).collect();
    let expected =
        [(MutationKind::Written, 8, None), (MutationKind::Replaced, 7, Some(second)), (MutationKind::Deleted, 3, None)];
    assert_eq!(kinds, expected);
    assert_eq!(noted[0].before, None);
    let before = noted[2].before.as_ref().unwrap();
    assert_eq!((before.document_type.as_str(), before.created.as_millis()), ("type/keyframe", 1_700_000_000_003));
    assert_eq!((before.codec, before.checksum, before.body_bytes), (Codec::Json, Some(new.checksum), 7));
    assert_eq!((&before.check, &before.pin, before.body_kept), (&Some(check), &Some(pin), true));
    let body = |at: usize| read.history().mutation_body(noted[at].id).unwrap();
    assert_eq!([body(0), body(1), body(2)], [None, None, Some(br#"{"r":3}"#.to_vec())]);
    let before = noted[1].before.as_ref().unwrap();
    assert_eq!((before.body_kept, &before.check, before.checksum), (false, &None, Some(Checksum::of(br#"{"r":7}"#))));
    assert_eq!(read.records().totals().unwrap().mutations, 3);
}

fn tables_come_and_go(subject: &Subject) {
    let store = &*subject.store;
    let tables = || store.read().unwrap().records().tables().unwrap();
    let migrated = change(store, |write| write.records_mut().unwrap().migrate()).unwrap();
    assert_eq!((migrated.from, migrated.to, tables()), (OwnTables::Absent, VERSION, OwnTables::Version(VERSION)));
    let again = change(store, |write| write.records_mut().unwrap().migrate()).unwrap();
    assert_eq!((again.from, again.to), (OwnTables::Version(VERSION), VERSION));
    let (check, stream) = (sound(1), stream());
    change(store, |write| {
        let new = NewRecord { check: Some(&check), ..record(&stream, 3, "{}") };
        write.records_mut().unwrap().put_record(&new).unwrap();
    });
    let removed = change(store, |write| write.records_mut().unwrap().remove()).unwrap();
    assert_eq!((removed.lost.records, removed.restored, removed.unreadable), (1, 0, vec![]));
    assert_eq!(tables(), OwnTables::Absent);
    let mut labels = Vec::new();
    store
        .read()
        .unwrap()
        .keyframes(&"doc".into(), Detail::Label, &mut |entry| {
            labels.push(entry.label);
            Flow::Continue(())
        })
        .unwrap();
    assert_eq!(labels, [1, 5, 0, 3, 7]);
    // And again, in one transaction.
    change(store, |write| {
        let records = write.records_mut().unwrap();
        records.migrate().unwrap();
        records.remove().unwrap();
        records.migrate().unwrap();
        assert_eq!(records.totals().unwrap(), Totals::default());
    });
    assert_eq!(tables(), OwnTables::Version(VERSION));
}

fn what_is_not_committed_is_not_there(subject: &Subject) {
    let store = &*subject.store;
    let (check, stream) = (sound(1), stream());
    let stamp = store.read().unwrap().stamp().unwrap();
    let mut write = store.write().unwrap();
    let new = NewRecord { check: Some(&check), ..record(&stream, 3, "{}") };
    assert!(write.records_mut().unwrap().put_record(&new).unwrap());
    assert_eq!(records(&*write, Within::Everything).len(), 1, "it reads its own rows");
    assert_ne!(write.stamp().unwrap(), stamp);
    drop(write);
    let read = store.read().unwrap();
    assert_eq!(read.records().tables().unwrap(), OwnTables::Absent);
    assert_eq!(records(&*read, Within::Everything), []);
}
