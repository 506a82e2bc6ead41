//! Our own tables with values as no snapctl writes them: an error that says where, and never a panic.

use rusqlite::Connection;
use snapctl::model::checksum::Checksum;
use snapctl::model::json::hash_canonical;
use snapctl::model::seal::Seal;
use snapctl::model::time::Timestamp;
use snapctl::store::history::{BodyBefore, MutationKind, NewMutation};
use snapctl::store::records::{Check, NewRecord, Pin, Proof, StreamSeal, Verdict, Within, removal};
use snapctl::store::{Codec, Detail, Flow, Options, Selection, Serial, Store, StoreError, sqlite};

use crate::store_conformance::{Subject, at, key, put, sqlite as sqlite_subject};

/// A store with something in every table and column.
fn subject() -> Subject {
    let subject = sqlite_subject(&[]);
    let stream = key("doc", "global", "main");
    let now = Timestamp::from_millis(7).unwrap();
    let mut write = subject.store.write().unwrap();
    for revision in 0..6 {
        put(&mut *write, &stream, revision, &format!(r#"{{"r":{revision},"text":"{}"}}"#, "text ".repeat(40)));
        write.recode(&stream, at(revision), if revision < 5 { Codec::ZstdDelta } else { Codec::Json }).unwrap();
    }
    let proof = Proof {
        operation_id: "op".into(),
        seal: Seal::from_bytes([1; 32]),
        newest: Some(now),
        state_hash: hash_canonical(None),
    };
    let check = Check { checked: now, fingerprint: "f".into(), verdict: Verdict::Ok(proof) };
    let pin = Pin { reason: "p".into(), expires: Some(now) };
    for revision in [2, 5] {
        let text = write.keyframe_document(&stream, at(revision)).unwrap().unwrap();
        let (checksum, body_bytes) = (Checksum::of(&text), text.len() as u64);
        let (check, pin) = (Some(&check), Some(&pin));
        let record = NewRecord { stream: &stream, revision: at(revision), checksum, body_bytes, check, pin };
        assert!(write.records_mut().unwrap().put_record(&record).unwrap());
    }
    let seal = StreamSeal {
        stream: stream.clone(),
        revision: at(3),
        seal: Seal::EMPTY,
        state_hash: hash_canonical(None),
        fingerprint: "f".into(),
        checked: now,
    };
    write.records_mut().unwrap().put_seal(&seal).unwrap();
    let history = write.history_mut().unwrap();
    let run = history.begin_run("command", now).unwrap();
    let kind = MutationKind::Deleted;
    let note = NewMutation { run, at: now, kind, stream: &stream, revision: at(2), body: BodyBefore::Keep };
    let id = history.note(&note).unwrap();
    history.finish_run(run, now).unwrap();
    history.mark_undone(id, run).unwrap();
    write.commit().unwrap();
    subject
}

/// Reads all that there is, and tells the errors.
fn everything(store: &dyn Store) -> Vec<StoreError> {
    let read = store.read().unwrap();
    let (records, history) = (read.records(), read.history());
    let stream = key("doc", "global", "main");
    let go_on = Flow::Continue(());
    let mut results = vec![
        records.tables().map(drop),
        records.keyframe_records(Within::Everything, &mut |_| go_on),
        records.inventory(Within::Stream(&stream), &mut |_| go_on),
        records.newest_sound(&stream, at(9)).map(drop),
        records.stream_seals(Within::Everything, &mut |_| go_on),
        records.totals().map(drop),
        removal(&*read).map(drop),
        history.runs(&mut |_| go_on),
        history.mutations(None, &mut |mutation| {
            let _ = history.mutation_body(mutation.id);
            go_on
        }),
        read.nearest_keyframe(&stream, at(9)).map(drop),
        read.keyframes(&"doc".into(), Detail::Created, &mut |_| go_on),
        read.inserted_keyframes(&Selection::default(), Serial::START, &mut |_| go_on),
        read.orphans().map(drop),
        read.info().map(drop),
    ];
    for revision in 0..6 {
        results.push(records.keyframe_record(&stream, at(revision)).map(drop));
        results.push(read.keyframe_document(&stream, at(revision)).map(drop));
    }
    results.into_iter().filter_map(Result::err).collect()
}

#[test]
fn no_value_in_our_tables_is_believed_or_feared() {
    let sound = subject();
    assert!(everything(&*sound.store).is_empty());
    let connection = Connection::open(sound.path()).unwrap();
    let mut columns_of = connection
        .prepare(
            "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c
             WHERE t.type = 'table' AND t.name LIKE 'snapctl\\_%' ESCAPE '\\' ORDER BY 1, 2",
        )
        .unwrap();
    let columns: Vec<(String, String)> =
        columns_of.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
    assert!(columns.len() > 50);
    let values = [
        "NULL",
        "-1",
        "9223372036854775807",
        "1e300",
        "'text'",
        "''",
        "x'00ff'",
        "CAST(x'ff' AS TEXT)",
        "zeroblob(32)",
    ];
    drop(columns_of);
    drop(connection);
    let directory = tempfile::tempdir().unwrap();
    let mut refused = 0;
    for (n, (table, column)) in columns.iter().enumerate() {
        for (nth, value) in values.iter().enumerate() {
            let path = directory.path().join(format!("{n}-{nth}.db"));
            std::fs::copy(sound.path(), &path).unwrap();
            let connection = Connection::open(&path).unwrap();
            if connection.execute_batch(&format!(r#"UPDATE OR IGNORE "{table}" SET "{column}" = {value}"#)).is_err() {
                // The table does not take it.
                continue;
            }
            drop(connection);
            let store = sqlite::open(&path, &Options::default()).unwrap();
            for error in everything(&store) {
                refused += 1;
                let told = matches!(
                    &error,
                    StoreError::Corrupt { .. } | StoreError::Unsupported { .. } | StoreError::Damaged { .. }
                );
                assert!(told, "{table}.{column} = {value}: {error:?}");
            }
            std::fs::remove_file(&path).unwrap();
        }
    }
    assert!(refused > 500, "{refused}");
}
