//! Keyframes whose bodies are compressed: every reader sees them as if they were not.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rusqlite::Connection;
use snapctl::model::checksum::Checksum;
use snapctl::model::ids::StreamKey;
use snapctl::model::json::hash_canonical;
use snapctl::model::seal::Seal;
use snapctl::model::time::Timestamp;
use snapctl::store::records::{Check, NewRecord, OwnTables, Pin, Proof, Verdict, Within};
use snapctl::store::{
    Codec, Detail, Flow, NewKeyframe, Options, Part, Read, Selection, Serial, Store, StoreError, Write, sqlite,
};

use crate::store_conformance::{Subject, at, conformance_of, key, memory, put, sqlite as sqlite_subject};

fn stream() -> StreamKey {
    key("doc", "global", "main")
}

fn time(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

/// A document that differs a little from that of the revision before.
fn document(revision: u64) -> String {
    let nodes: Vec<String> =
        (0..revision % 97 + 20).map(|n| format!(r#"{{"id":"{:x}"}}"#, n * 0x9e37_79b9_7f4a)).collect();
    format!(r#"{{"r":{revision},"ü":[{}]}}"#, nodes.join(","))
}

fn put_as(write: &mut dyn Write, stream: &StreamKey, revision: u64, document: &str, codec: Codec) {
    let keyframe = NewKeyframe {
        stream,
        revision: at(revision),
        document_type: &"type/compressed".into(),
        document: document.as_bytes(),
        created: time(i64::try_from(revision).unwrap()),
    };
    write.put_keyframe_as(&keyframe, codec).unwrap();
}

fn change<T>(store: &dyn Store, change: impl FnOnce(&mut dyn Write) -> T) -> T {
    let mut write = store.write().unwrap();
    let result = change(&mut *write);
    write.commit().unwrap();
    result
}

/// All keyframes of the store with their documents, as an export has them.
fn exported(read: &dyn Read, selection: &Selection) -> Vec<(String, String, i64, String)> {
    let (mut rows, mut last) = (Vec::new(), Serial::START);
    read.inserted_keyframes(selection, Serial::START, &mut |row| {
        assert!(row.serial > last);
        last = row.serial;
        let place = format!("{}:{}", row.stream, row.label);
        rows.push((place, row.document_type.to_owned(), row.created.as_millis(), row.document.to_owned()));
        Flow::Continue(())
    })
    .unwrap();
    rows
}

/// Everything that is told of a document's keyframes but how they are stored.
fn told(read: &dyn Read, document: &str) -> Vec<(String, i64, Option<i64>, String)> {
    let mut told = Vec::new();
    for detail in [Detail::Label, Detail::Created] {
        read.keyframes(&document.into(), detail, &mut |entry| {
            assert!(entry.size_bytes > 0);
            let created = entry.created.map(Timestamp::as_millis);
            told.push((entry.stream.to_string(), entry.label, created, entry.document_type.to_string()));
            Flow::Continue(())
        })
        .unwrap();
    }
    told
}

fn codec_of(read: &dyn Read, stream: &StreamKey, revision: u64) -> Option<Codec> {
    let found = read.nearest_keyframe(stream, at(revision)).unwrap();
    found.filter(|entry| entry.label.unsigned_abs() == revision).map(|entry| entry.codec)
}

fn body(read: &dyn Read, stream: &StreamKey, revision: u64) -> Option<String> {
    read.keyframe_document(stream, at(revision)).unwrap().map(|body| String::from_utf8(body).unwrap())
}

#[test]
fn compressed_keyframes_keep_the_contract() {
    conformance_of(&[
        how_a_body_is_stored_shows_nowhere,
        a_keyframe_can_be_written_compressed,
        what_is_known_stays_when_a_body_is_recoded,
        a_base_can_go_before_its_group,
        removal_loses_no_keyframe,
    ]);
}

fn how_a_body_is_stored_shows_nowhere(subject: &Subject) {
    let store = &*subject.store;
    let part = Part {
        document: "doc".into(),
        scope: Some("global".into()),
        branch: None,
        span: snapctl::model::ids::Span::ALL,
    };
    let selections = [Selection::default(), Selection { parts: vec![part], document_type: None }];
    let look = |read: &dyn Read| {
        let exported = selections.each_ref().map(|selection| exported(read, selection));
        let orphans: Vec<String> = read.orphans().unwrap().iter().map(|entry| format!("{entry:?}")).collect();
        let nearest = [0, 2, 3, 6, 9].map(|at_most| {
            let entry = read.nearest_keyframe(&stream(), at(at_most)).unwrap();
            entry.map(|entry| (entry.label, entry.created, entry.document_type))
        });
        (exported, told(read, "doc"), told(read, "no operations"), orphans, nearest, read.info().unwrap().keyframes)
    };
    let before = look(&*store.read().unwrap());
    let places = [
        (stream(), 0),
        (stream(), 3),
        (stream(), 7),
        (key("doc", "a", "main"), 5),
        (key("no operations", "global", "main"), 1),
    ];
    for codec in [Codec::Zstd, Codec::ZstdDelta, Codec::Zstd, Codec::Json, Codec::ZstdDelta, Codec::Json] {
        for (stream, revision) in &places {
            let recoded = change(store, |write| write.recode(stream, at(*revision), codec)).unwrap().unwrap();
            assert!(recoded.before_bytes > 0 && recoded.after_bytes > 0);
            let read = store.read().unwrap();
            assert_eq!(codec_of(&*read, stream, *revision), Some(codec));
            assert_eq!(look(&*read), before, "{codec} {stream}:{revision}");
            read.finish().unwrap();
        }
        let again = change(store, |write| write.recode(&stream(), at(3), codec)).unwrap().unwrap();
        assert_eq!((again.from, again.before_bytes), (codec, again.after_bytes));
    }
    assert_eq!(change(store, |write| write.recode(&stream(), at(4), Codec::Zstd)).unwrap(), None);
    assert_eq!(change(store, |write| write.recode(&stream(), at(u64::MAX), Codec::Zstd)).unwrap(), None);
}

fn a_keyframe_can_be_written_compressed(subject: &Subject) {
    let store = &*subject.store;
    let stream = stream();
    for (n, codec) in Codec::ALL.into_iter().cycle().take(9).enumerate() {
        let text = document(n as u64);
        change(store, |write| put_as(write, &stream, 8, &text, codec));
        let read = store.read().unwrap();
        assert_eq!((body(&*read, &stream, 8), codec_of(&*read, &stream, 8)), (Some(text), Some(codec)));
        let told = told(&*read, "doc");
        let created = told.iter().find(|(_, label, created, _)| *label == 8 && created.is_some()).unwrap();
        assert_eq!((created.2, created.3.as_str()), (Some(8), "type/compressed"), "only the document is replaced");
        let exported = exported(&*read, &Selection::default());
        assert_eq!(exported.iter().position(|row| row.0 == "doc/global:8"), Some(6), "it came last, and stays there");
    }
    // A keyframe that is there keeps its type and time, however both are stored.
    change(store, |write| put_as(write, &stream, 3, "{}", Codec::ZstdDelta));
    let read = store.read().unwrap();
    assert!(told(&*read, "doc").contains(&("doc/global".into(), 3, Some(1_700_000_000_003), "type/keyframe".into())));
    drop(read);
    assert!(change(store, |write| write.delete_keyframe(&stream, at(3))).unwrap());
    assert!(!change(store, |write| write.delete_keyframe(&stream, at(3))).unwrap());
    let read = store.read().unwrap();
    assert_eq!((body(&*read, &stream, 3), codec_of(&*read, &stream, 3)), (None, None));
    let bad = NewKeyframe {
        stream: &stream,
        revision: at(1),
        document_type: &"t".into(),
        document: b"\xff",
        created: time(0),
    };
    drop(read);
    let mut write = store.write().unwrap();
    assert!(matches!(write.put_keyframe_as(&bad, Codec::Zstd), Err(StoreError::Corrupt { .. })));
}

fn sound() -> Check {
    let proof = Proof {
        operation_id: "op".into(),
        seal: Seal::from_bytes([1; 32]),
        newest: Some(time(3)),
        state_hash: hash_canonical(None),
    };
    Check { checked: time(1), fingerprint: "f".into(), verdict: Verdict::Ok(proof) }
}

fn what_is_known_stays_when_a_body_is_recoded(subject: &Subject) {
    let store = &*subject.store;
    let (stream, check, pin) = (stream(), sound(), Pin { reason: String::new(), expires: None });
    let text = body(&*store.read().unwrap(), &stream, 3).unwrap();
    let (checksum, body_bytes) = (Checksum::of(text.as_bytes()), text.len() as u64);
    let new =
        NewRecord { stream: &stream, revision: at(3), checksum, body_bytes, check: Some(&check), pin: Some(&pin) };
    change(store, |write| assert!(write.records_mut().unwrap().put_record(&new).unwrap()));
    for codec in [Codec::Zstd, Codec::Json, Codec::ZstdDelta, Codec::Zstd] {
        change(store, |write| write.recode(&stream, at(3), codec)).unwrap();
        let known = store.read().unwrap().records().keyframe_record(&stream, at(3)).unwrap().unwrap();
        assert_eq!((known.codec, known.check.as_ref(), known.pin.as_ref()), (codec, Some(&check), Some(&pin)));
        assert_eq!(
            (known.checksum, known.body_bytes, known.created.as_millis()),
            (checksum, body_bytes, 1_700_000_000_003)
        );
    }
    change(store, |write| {
        let other = NewRecord { checksum: Checksum::of(b"other"), ..new };
        assert!(!write.records_mut().unwrap().put_record(&other).unwrap(), "the body is another one");
        assert!(write.records_mut().unwrap().delete_record(&stream, at(3)).unwrap());
        let known = write.records().keyframe_record(&stream, at(3)).unwrap().unwrap();
        assert_eq!((known.codec, known.check, known.pin), (Codec::Zstd, None, None), "it is the keyframe itself");
        assert!(write.records_mut().unwrap().put_record(&new).unwrap());
        // The same document is as sound as before, another is not.
        put_as(write, &stream, 3, &text, Codec::ZstdDelta);
        assert!(write.records().keyframe_record(&stream, at(3)).unwrap().unwrap().proof().is_some());
        put_as(write, &stream, 3, "[]", Codec::ZstdDelta);
        let known = write.records().keyframe_record(&stream, at(3)).unwrap().unwrap();
        assert_eq!((known.check, known.pin.as_ref(), known.checksum), (None, Some(&pin), Checksum::of(b"[]")));
        put(write, &stream, 3, "[]");
        let known = write.records().keyframe_record(&stream, at(3)).unwrap().unwrap();
        assert_eq!((known.codec, known.pin.as_ref()), (Codec::Json, Some(&pin)));
    });
}

fn a_base_can_go_before_its_group(subject: &Subject) {
    let store = &*subject.store;
    let stream = key("doc", "grouped", "main");
    let fill = |write: &mut dyn Write| (0..12).for_each(|n| put_as(write, &stream, n, &document(n), Codec::ZstdDelta));
    let whole = |read: &dyn Read, gone: &[u64]| {
        for n in (0..12).filter(|n| !gone.contains(n)) {
            assert_eq!(body(read, &stream, n), Some(document(n)), "{n}");
        }
    };
    change(store, fill);
    let goes: [fn(&mut dyn Write, &StreamKey); 5] = [
        |write, stream| assert!(write.delete_keyframe(stream, at(0)).unwrap()),
        |write, stream| assert!(write.recode(stream, at(0), Codec::Json).unwrap().is_some()),
        |write, stream| assert!(write.recode(stream, at(0), Codec::Zstd).unwrap().is_some()),
        |write, stream| put_as(write, stream, 0, "{}", Codec::ZstdDelta),
        |write, stream| put(write, stream, 0, "{}"),
    ];
    for go in goes {
        change(store, fill);
        change(store, |write| {
            go(write, &stream);
            whole(write, &[0]);
            // One of the group that is written meanwhile.
            put_as(write, &stream, 5, &document(5), Codec::ZstdDelta);
            whole(write, &[0]);
        });
        whole(&*store.read().unwrap(), &[0]);
    }
    // All but the last, in one transaction and in many.
    change(store, |write| (0..11).for_each(|n| assert!(write.delete_keyframe(&stream, at(n)).unwrap())));
    whole(&*store.read().unwrap(), &(0..11).collect::<Vec<_>>());
    change(store, fill);
    for n in 0..11 {
        change(store, |write| assert!(write.delete_keyframe(&stream, at(n)).unwrap()));
        whole(&*store.read().unwrap(), &(0..=n).collect::<Vec<_>>());
    }
}

fn removal_loses_no_keyframe(subject: &Subject) {
    let store = &*subject.store;
    let stream = key("doc", "grouped", "main");
    let before = exported(&*store.read().unwrap(), &Selection::default());
    change(store, |write| {
        for (revision, codec) in [(0, Codec::Zstd), (3, Codec::ZstdDelta), (7, Codec::ZstdDelta)] {
            write.recode(&self::stream(), at(revision), codec).unwrap().unwrap();
        }
    });
    let removed = change(store, |write| write.records_mut().unwrap().remove()).unwrap();
    assert_eq!((removed.restored, removed.lost.compressed, removed.unreadable), (3, 3, vec![]));
    let read = store.read().unwrap();
    assert_eq!(exported(&*read, &Selection::default()), before, "in their places");
    assert_eq!(read.records().tables().unwrap(), OwnTables::Absent);
    drop(read);
    change(store, |write| (0..12).for_each(|n| put_as(write, &stream, n, &document(n), Codec::ZstdDelta)));
    assert_eq!(change(store, |write| write.records_mut().unwrap().remove()).unwrap().restored, 12);
    (0..12).for_each(|n| assert_eq!(body(&*store.read().unwrap(), &stream, n), Some(document(n))));
}

/// What somebody does to a keyframe.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Put(Codec),
    Recode(Codec),
    Delete,
    Record,
    Forget,
    Commit,
    RollBack,
    Remove,
}

fn deeds() -> impl Strategy<Value = Vec<(u64, u64, Deed)>> {
    let codec = prop::sample::select(&Codec::ALL[..]);
    let deed = prop_oneof![
        8 => codec.clone().prop_map(Deed::Put),
        6 => codec.prop_map(Deed::Recode),
        5 => Just(Deed::Delete),
        2 => Just(Deed::Record),
        1 => Just(Deed::Forget),
        4 => Just(Deed::Commit),
        1 => Just(Deed::RollBack),
        1 => Just(Deed::Remove),
    ];
    prop::collection::vec((0..8_u64, 0..40_u64, deed), 1..60)
}

/// Does it, and checks what is there against what has to be.
fn live(store: &dyn Store, deeds: &[(u64, u64, Deed)]) {
    let stream = stream();
    let mut committed: BTreeMap<u64, (String, bool)> = BTreeMap::new();
    let mut now = committed.clone();
    let mut write = store.write().unwrap();
    let check = |read: &dyn Read, now: &BTreeMap<u64, (String, bool)>| {
        for revision in 0..8 {
            let pinned =
                read.records().keyframe_record(&stream, at(revision)).unwrap().is_some_and(|known| known.pin.is_some());
            let found = body(read, &stream, revision).map(|text| (text, pinned));
            assert_eq!(found.as_ref(), now.get(&revision), "{revision}");
        }
        let labels: Vec<i64> = now.keys().map(|revision| i64::try_from(*revision).unwrap()).collect();
        let mut listed = Vec::new();
        read.records()
            .inventory(Within::Everything, &mut |kept| {
                listed.push(kept.label);
                Flow::Continue(())
            })
            .unwrap();
        assert_eq!(listed, labels);
        assert_eq!(exported(read, &Selection::default()).len(), labels.len());
    };
    for &(revision, n, deed) in deeds {
        match deed {
            Deed::Put(codec) => {
                put_as(&mut *write, &stream, revision, &document(n), codec);
                now.entry(revision).or_default().0 = document(n);
            }
            Deed::Recode(codec) => {
                let recoded = write.recode(&stream, at(revision), codec).unwrap();
                assert_eq!(recoded.is_some(), now.contains_key(&revision));
            }
            Deed::Delete => {
                assert_eq!(write.delete_keyframe(&stream, at(revision)).unwrap(), now.remove(&revision).is_some());
            }
            Deed::Record | Deed::Forget => {
                let pin = Some(Pin { reason: "p".into(), expires: None }).filter(|_| matches!(deed, Deed::Record));
                if let Some((text, pinned)) = now.get_mut(&revision) {
                    let (checksum, body_bytes) = (Checksum::of(text.as_bytes()), text.len() as u64);
                    let (check, pin) = (None, pin.as_ref());
                    let new = NewRecord { stream: &stream, revision: at(revision), checksum, body_bytes, check, pin };
                    assert!(write.records_mut().unwrap().put_record(&new).unwrap());
                    *pinned = pin.is_some();
                }
            }
            Deed::Remove => {
                let removed = write.records_mut().unwrap().remove().unwrap();
                assert_eq!(removed.unreadable, []);
                for (_, pinned) in now.values_mut() {
                    *pinned = false;
                }
            }
            Deed::Commit | Deed::RollBack => {
                check(&*write, &now);
                if matches!(deed, Deed::Commit) {
                    write.commit().unwrap();
                    committed.clone_from(&now);
                } else {
                    drop(write);
                    now.clone_from(&committed);
                }
                check(&*store.read().unwrap(), &committed);
                write = store.write().unwrap();
            }
        }
    }
    check(&*write, &now);
    write.commit().unwrap();
    check(&*store.read().unwrap(), &now);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_every_body_can_be_read(deeds in deeds()) {
        live(&*memory().store, &deeds);
        let subject = sqlite_subject(&["PRAGMA journal_mode = MEMORY"]);
        live(&*subject.store, &deeds);
        let connection = Connection::open(subject.path()).unwrap();
        let there: bool = connection
            .query_row("SELECT count(*) > 0 FROM sqlite_schema WHERE name = 'snapctl_body'", [], |row| row.get(0))
            .unwrap();
        if there {
            let lost: i64 = connection
                .query_row(
                    "SELECT count(*) FROM snapctl_body WHERE id NOT IN (SELECT body FROM snapctl_keyframe WHERE body IS NOT NULL)",
                    [],
                    |row| row.get(0),
                )
                .unwrap();
            prop_assert_eq!(lost, 0, "bytes that belong to no keyframe");
            let deep: i64 = connection
                .query_row(
                    "SELECT count(*) FROM snapctl_keyframe WHERE base IS NOT NULL
                     AND base NOT IN (SELECT body FROM snapctl_keyframe WHERE body IS NOT NULL AND base IS NULL)",
                    [],
                    |row| row.get(0),
                )
                .unwrap();
            prop_assert_eq!(deep, 0, "a base that is none");
        }
    }
}

// What other programs do.

/// A file with `n` keyframes of a stream, compressed in groups.
fn compressed_file(n: u64) -> Subject {
    let subject = sqlite_subject(&[]);
    let stream = stream();
    change(&*subject.store, |write| (0..n).for_each(|n| put_as(write, &stream, n, &document(n), Codec::ZstdDelta)));
    subject
}

#[test]
fn a_foreign_reader_sees_fewer_keyframes_and_never_broken_ones() {
    let subject = compressed_file(6);
    change(&*subject.store, |write| put(write, &stream(), 9, r#"{"r":9}"#));
    let connection = Connection::open(subject.path()).unwrap();
    let rows: Vec<(i64, String)> = connection
        .prepare(r#"SELECT "revision", "document" FROM "Keyframe""#)
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(rows, [(9, r#"{"r":9}"#.to_owned())]);
    let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

#[test]
fn a_keyframe_that_another_program_writes_has_the_place_of_a_compressed_one() {
    let subject = compressed_file(6);
    let connection = Connection::open(subject.path()).unwrap();
    let insert = r#"INSERT INTO "Keyframe" ("documentId", "documentType", "scope", "branch", "revision", "document", "createdAt")
        VALUES ('doc', 'other', 'global', 'main', 0, '{"other":true}', '2025-01-01 00:00:00+00')"#;
    connection.execute_batch(insert).unwrap();
    let store = &*subject.store;
    let read = store.read().unwrap();
    assert_eq!(body(&*read, &stream(), 0).as_deref(), Some(r#"{"other":true}"#));
    assert_eq!(codec_of(&*read, &stream(), 0), Some(Codec::Json));
    assert_eq!(read.info().unwrap().keyframes, 6);
    let exported = exported(&*read, &Selection::default());
    assert_eq!(exported.iter().filter(|row| row.0 == "doc/global:0").count(), 1);
    (1..6).for_each(|n| assert_eq!(body(&*read, &stream(), n), Some(document(n)), "its group still has its base"));
    drop(read);
    // Whatever is done to it is done to the one that is seen, and the other goes.
    change(store, |write| write.recode(&stream(), at(0), Codec::ZstdDelta)).unwrap().unwrap();
    let read = store.read().unwrap();
    assert_eq!(body(&*read, &stream(), 0).as_deref(), Some(r#"{"other":true}"#));
    (1..6).for_each(|n| assert_eq!(body(&*read, &stream(), n), Some(document(n))));
    drop(read);
    connection.execute_batch(insert).unwrap();
    assert!(change(store, |write| write.delete_keyframe(&stream(), at(0))).unwrap());
    assert_eq!(body(&*store.read().unwrap(), &stream(), 0), None, "both are gone");
}

#[test]
fn a_damaged_body_is_corrupt_and_the_rest_can_be_read() {
    let damages = [
        r#"UPDATE "snapctl_body" SET "body" = x'28b52ffd' || substr("body", 5, 20) WHERE "id" = ID"#,
        r#"UPDATE "snapctl_body" SET "body" = zeroblob(100) WHERE "id" = ID"#,
        r#"UPDATE "snapctl_body" SET "body" = 'text' WHERE "id" = ID"#,
        r#"UPDATE "snapctl_body" SET "body" = (SELECT "body" FROM "snapctl_body" WHERE "id" = 1) WHERE "id" = ID"#,
        r#"DELETE FROM "snapctl_body" WHERE "id" = ID"#,
        r#"UPDATE "snapctl_keyframe" SET "checksum" = zeroblob(32) WHERE "body" = ID"#,
        r#"UPDATE "snapctl_keyframe" SET "checksum" = zeroblob(31) WHERE "body" = ID"#,
        r#"UPDATE "snapctl_keyframe" SET "base" = 99 WHERE "body" = ID"#,
        r#"UPDATE "snapctl_keyframe" SET "codec" = 'lzma' WHERE "body" = ID"#,
    ];
    for damage in damages {
        let subject = compressed_file(6);
        let connection = Connection::open(subject.path()).unwrap();
        connection.execute_batch(&damage.replace("ID", "4")).unwrap();
        let store = &*subject.store;
        let read = store.read().unwrap();
        let error = read.keyframe_document(&stream(), at(3)).unwrap_err();
        assert!(matches!(&error, StoreError::Corrupt { key, .. } if key.contains("revision 3")), "{damage}: {error}");
        for n in [0, 1, 2, 4, 5] {
            assert_eq!(body(&*read, &stream(), n), Some(document(n)), "{damage}");
        }
        drop(read);
        // It can be deleted, and replaced, and the rest goes on when its base goes.
        change(store, |write| write.delete_keyframe(&stream(), at(0))).unwrap();
        let read = store.read().unwrap();
        assert!(read.keyframe_document(&stream(), at(3)).is_err(), "{damage}");
        for n in [1, 2, 4, 5] {
            assert_eq!(body(&*read, &stream(), n), Some(document(n)), "{damage}");
        }
        drop(read);
        change(store, |write| put_as(write, &stream(), 3, &document(3), Codec::ZstdDelta));
        assert_eq!(body(&*store.read().unwrap(), &stream(), 3), Some(document(3)));
        // What is left without an owner is nobody's, and does no harm.
        let removed = change(store, |write| write.records_mut().unwrap().remove()).unwrap();
        assert_eq!((removed.restored, removed.unreadable.len()), (5, 0));
    }
    let subject = compressed_file(3);
    let connection = Connection::open(subject.path()).unwrap();
    connection.execute_batch(r#"UPDATE "snapctl_body" SET "body" = x'00' WHERE "id" = 2"#).unwrap();
    let removed = change(&*subject.store, |write| write.records_mut().unwrap().remove()).unwrap();
    assert_eq!((removed.restored, removed.unreadable), (2, vec![(stream(), at(1))]));
}

#[test]
fn tables_of_another_version_are_left_alone_and_the_rest_is_read() {
    let subject = compressed_file(2);
    change(&*subject.store, |write| put(write, &stream(), 9, r#"{"r":9}"#));
    let connection = Connection::open(subject.path()).unwrap();
    connection.execute_batch(r#"INSERT INTO "snapctl_schema" VALUES (7)"#).unwrap();
    let store = sqlite::open(subject.path(), &Options { access: snapctl::store::Access::Change, ..Options::default() })
        .unwrap();
    let read = store.read().unwrap();
    assert_eq!(read.records().tables().unwrap(), OwnTables::Version(7));
    assert_eq!(body(&*read, &stream(), 9).as_deref(), Some(r#"{"r":9}"#));
    assert_eq!(body(&*read, &stream(), 1), None);
    assert_eq!(told(&*read, "doc").len(), 2, "the reference's, at both levels of detail");
    assert_eq!(read.info().unwrap().keyframes, 1);
    let unsupported = |result: Result<(), StoreError>| {
        let error = result.unwrap_err();
        assert!(matches!(error, StoreError::Unsupported { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("version 7, and this program knows 2: use a newer snapctl"), "{text}");
    };
    unsupported(read.records().keyframe_record(&stream(), at(0)).map(drop));
    unsupported(read.records().inventory(Within::Everything, &mut |_| Flow::Continue(())));
    unsupported(read.history().runs(&mut |_| Flow::Continue(())));
    unsupported(read.inserted_keyframes(&Selection::default(), Serial::START, &mut |_| Flow::Continue(())));
    drop(read);
    let mut write = store.write().unwrap();
    unsupported(write.records_mut().unwrap().migrate().map(drop));
    unsupported(write.records_mut().unwrap().remove().map(drop));
    unsupported(write.delete_keyframe(&stream(), at(9)).map(drop));
    unsupported(write.recode(&stream(), at(9), Codec::Zstd).map(drop));
    let keyframe = NewKeyframe {
        stream: &stream(),
        revision: at(9),
        document_type: &"t".into(),
        document: b"{}",
        created: time(0),
    };
    unsupported(write.put_keyframe(&keyframe));
    let operation = crate::store_conformance::op(0);
    crate::store_conformance::append(&mut *write, &stream(), &[operation]).unwrap();
    write.commit().unwrap();
    let n: i64 = connection.query_row(r#"SELECT count(*) FROM "snapctl_keyframe""#, [], |row| row.get(0)).unwrap();
    assert_eq!(n, 2, "untouched");
}
