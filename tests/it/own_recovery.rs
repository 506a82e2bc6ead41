//! A process that is killed while it changes our tables leaves a store that everybody can read, with all that was in it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rusqlite::Connection;
use snapctl::model::ids::{Revision, StreamKey};
use snapctl::model::time::Timestamp;
use snapctl::store::{Access, Codec, NewKeyframe, Options, Read, Store as _, StoreError, answer, sqlite};

use crate::store_conformance::{at, key};

const KILLED: &str = "SNAPCTL_TEST_KILLED";
const N_KEYFRAMES: u64 = 24;

fn stream() -> StreamKey {
    key("doc", "global", "main")
}

fn document(revision: u64) -> String {
    let nodes: Vec<String> = (0..revision * 30 + 200)
        .map(|n| format!(r#"{{"id":"{:x}"}}"#, n.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .collect();
    format!(r#"{{"r":{revision},"nodes":[{}]}}"#, nodes.join(","))
}

fn options() -> Options {
    Options { access: Access::Change, ..Options::default() }
}

/// Not a test: what the process that is killed runs. It stores every body in one way and another, in small transactions and
/// large ones, and makes and drops the tables.
#[test]
fn process_to_be_killed() {
    let Some(path) = std::env::var_os(KILLED) else { return };
    let store = sqlite::open(Path::new(&path), &options()).unwrap();
    let revisions: Vec<Revision> = (0..N_KEYFRAMES).map(at).collect();
    for codec in Codec::ALL.into_iter().cycle() {
        for some in revisions.chunks(if codec == Codec::Zstd { 1 } else { 7 }) {
            let mut write = store.write().unwrap();
            for revision in some {
                write.recode(&stream(), *revision, codec).unwrap().unwrap();
            }
            write.commit().unwrap();
        }
        if codec == Codec::ZstdDelta {
            let mut write = store.write().unwrap();
            write.records_mut().unwrap().remove().unwrap();
            write.commit().unwrap();
            let mut write = store.write().unwrap();
            write.records_mut().unwrap().migrate().unwrap();
            write.commit().unwrap();
        }
    }
}

/// Checks that everything is there.
fn whole(path: &Path) {
    // As the program would that the file belongs to: whoever may write finishes or undoes what was begun.
    let connection = Connection::open(path).unwrap();
    let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let foreign: Vec<(i64, String)> = connection
        .prepare(r#"SELECT "revision", "document" FROM "Keyframe""#)
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(
        foreign.into_iter().all(|(revision, text)| text == document(revision.unsigned_abs())),
        "another reader sees a broken one"
    );
    drop(connection);
    let store = sqlite::open(path, &Options::default()).unwrap();
    answer::<_, StoreError>(&store, |read: &dyn Read| {
        for revision in 0..N_KEYFRAMES {
            let text = read.keyframe_document(&stream(), at(revision))?.expect("it is there");
            assert!(text == document(revision).as_bytes(), "{revision}");
        }
        assert_eq!(read.info()?.keyframes, N_KEYFRAMES);
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_kill_at_any_moment_loses_nothing() {
    const ROUNDS: u64 = 10;
    for journal in ["DELETE", "WAL"] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        let store = sqlite::create(&path).unwrap();
        let mut write = store.write().unwrap();
        for revision in 0..N_KEYFRAMES {
            let document = document(revision);
            let keyframe = NewKeyframe {
                stream: &stream(),
                revision: at(revision),
                document_type: &"t".into(),
                document: document.as_bytes(),
                created: Timestamp::from_millis(0).unwrap(),
            };
            write.put_keyframe(&keyframe).unwrap();
        }
        write.commit().unwrap();
        drop(store);
        Connection::open(&path).unwrap().execute_batch(&format!("PRAGMA journal_mode = {journal}")).unwrap();
        for round in 0..ROUNDS {
            let mut process = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "own_recovery::process_to_be_killed", "--nocapture"])
                .env(KILLED, &path)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            // From the start of the process to some rounds of its work.
            std::thread::sleep(Duration::from_millis(20 + round * round * 7 % 200));
            process.kill().unwrap();
            assert!(!process.wait().unwrap().success(), "it runs until it is killed");
            whole(&path);
        }
    }
}
