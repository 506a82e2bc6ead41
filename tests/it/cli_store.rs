//! `snapctl store`.

use rusqlite::Connection;
use serde_json::{Value, json};
use snapctl::model::checksum::Checksum;
use snapctl::model::ids::{OpIndex, Revision, StreamKey};
use snapctl::model::time::Timestamp;
use snapctl::store::records::{Check, NewRecord, Pin, StreamSeal, Verdict};
use snapctl::store::{Access, Codec, NewKeyframe, Options, Store as _, Write, sqlite};

use crate::support::{StoreFile, TestEnv, dump};

#[test]
fn info_counts_what_is_there() {
    let env = TestEnv::with_store(|store| {
        store.drive("d1", "One", 3);
        store.drive("d2", "Two", 0);
    });
    let info = env.read(&["store", "info", "--json"]).json();
    assert_eq!((&info["documents"], &info["operations"], &info["keyframes"]), (&2.into(), &7.into(), &0.into()));
    assert_eq!(info["sizeBytes"], std::fs::metadata(env.path("ops.db")).unwrap().len());
    assert!(info["location"].as_str().unwrap().contains("ops.db"));
    assert!(info["capabilities"]["append"].is_boolean());
    let details = json!({ "absent": [], "journal": "rollback", "opened": "immutable", "pageSizeBytes": 4096 });
    assert_eq!(info["details"], details);
    let text = env.read(&["store", "info"]);
    assert!(text.ok().contains("\ndocuments      2\n"), "{}", text.stdout);
    assert_eq!(env.read(&["store", "info", "--ndjson"]).stdout.lines().count(), 1);
}

#[test]
fn init_makes_the_tables_of_the_reference_once() {
    let env = TestEnv::new();
    assert_eq!(env.on_store(&["store", "init"]).ok(), "made ops.db\n");
    StoreFile::create(&env.path("reference.db"));
    let columns = |file: &str| -> Vec<String> {
        let connection = rusqlite::Connection::open(env.path(file)).unwrap();
        let mut statement = connection
            .prepare(
                "SELECT t.name || '.' || c.name || ' ' || c.type || c.\"notnull\" || c.pk
                 FROM sqlite_schema t, pragma_table_xinfo(t.name) c WHERE t.type = 'table' ORDER BY 1",
            )
            .unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(columns("ops.db"), columns("reference.db"));
    let error = env.on_store(&["store", "init", "--json"]).error(15);
    assert_eq!((&error["code"], &error["message"]), (&"store-exists".into(), &"ops.db exists already".into()));
    assert_eq!(env.on_store(&["store", "init", "--if-missing"]).ok(), "ops.db was there already\n");
    let answer = env.on_store(&["store", "init", "--if-missing", "--json"]).json();
    assert_eq!(answer, json!({ "location": "ops.db", "created": false }));
    let answer = env.run(&["store", "init", "--store", "sqlite:new.db", "--ndjson"]).json();
    assert_eq!(answer, json!({ "location": "new.db", "created": true }));
    assert_eq!(env.on_store(&["ls", "--ndjson"]).ok(), "");
}

#[test]
fn init_leaves_what_is_something_else_alone() {
    for (bytes, if_missing) in [(&b"some notes"[..], 10), (b"SQLite format 3\0", 13)] {
        let env = TestEnv::new();
        std::fs::write(env.path("ops.db"), bytes).unwrap();
        assert_eq!(env.on_store(&["store", "init"]).status, 15);
        assert_eq!(env.on_store(&["store", "init", "--if-missing"]).status, if_missing);
        assert_eq!(std::fs::read(env.path("ops.db")).unwrap(), bytes);
    }
    let env = TestEnv::new();
    let other = rusqlite::Connection::open(env.path("ops.db")).unwrap();
    other.execute_batch("CREATE TABLE notes (text TEXT)").unwrap();
    assert_eq!(env.on_store(&["store", "init", "--if-missing"]).status, 10);
    assert!(env.run(&["store", "init", "--store", "none/ops.db"]).fails(3).contains("cannot create none/ops.db"));
    assert!(env.run(&["store", "init", "--store", "sqlit:x"]).fails(2).contains("did you mean sqlite:?"));
}

#[test]
fn many_processes_make_one_store() {
    let env = TestEnv::new();
    let runs: Vec<_> = (0..8)
        .map(|_| {
            std::process::Command::new(env!("CARGO_BIN_EXE_snapctl"))
                .current_dir(env.path("."))
                .args(["store", "init", "--if-missing", "--ndjson", "--store", "ops.db"])
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let answers: Vec<String> = runs
        .into_iter()
        .map(|run| {
            let output = run.wait_with_output().unwrap();
            assert!(output.status.success());
            String::from_utf8(output.stdout).unwrap()
        })
        .collect();
    assert_eq!(answers.iter().filter(|answer| answer.contains("\"created\":true")).count(), 1, "{answers:?}");
    assert!(dump(&env.path("ops.db")).is_empty());
}

fn stream() -> StreamKey {
    StreamKey { document: "d1".into(), scope: "global".into(), branch: "main".into() }
}

fn at(revision: u64) -> Revision {
    Revision::of(OpIndex::new(revision))
}

/// Changes the store in `ops.db` as other commands will.
fn change(env: &TestEnv, change: impl FnOnce(&mut dyn Write)) {
    let options = Options { access: Access::Change, ..Options::default() };
    let store = sqlite::open(&env.path("ops.db"), &options).unwrap();
    let mut write = store.write().unwrap();
    change(&mut *write);
    write.commit().unwrap();
}

fn put(write: &mut dyn Write, revision: u64, codec: Codec) {
    let document = format!(r#"{{"r":{revision},"text":"{}"}}"#, "some text ".repeat(50));
    let keyframe = NewKeyframe {
        stream: &stream(),
        revision: at(revision),
        document_type: &"powerhouse/document-drive".into(),
        document: document.as_bytes(),
        created: Timestamp::from_millis(1_735_689_600_000).unwrap(),
    };
    write.put_keyframe_as(&keyframe, codec).unwrap();
}

/// The statements that make what is in the file.
fn schema(env: &TestEnv) -> Vec<String> {
    let connection = Connection::open(env.path("ops.db")).unwrap();
    let mut statement = connection.prepare("SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY name").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn migrate_makes_tables_once_and_removes_them_without_a_trace() {
    let env = TestEnv::with_store(|store| {
        store.drive("d1", "One", 3);
        // What only looks like ours.
        store.sql("CREATE TABLE snapctl_notes (text TEXT); CREATE INDEX notes ON snapctl_notes (text)");
    });
    change(&env, |write| (0..3).for_each(|revision| put(write, revision, Codec::Json)));
    let before = (schema(&env), dump(&env.path("ops.db")));
    let made = json!({ "location": "ops.db", "from": null, "to": 2, "dryRun": false, "restoredKeyframes": 0,
        "lost": { "checks": 0, "pins": 0, "seals": 0, "mutations": 0, "unreadableKeyframes": 0 } });
    let foretold = env.read(&["store", "migrate", "--dry-run", "--json"]).json();
    assert_eq!((&foretold["to"], &foretold["dryRun"]), (&json!(2), &json!(true)));
    assert_eq!(env.on_store(&["store", "migrate", "--json"]).json(), made);
    let text = env.on_store(&["store", "migrate"]);
    assert_eq!(text.ok(), "the tables of snapctl in ops.db are of version 2\n");
    change(&env, |write| {
        for (revision, codec) in [(1, Codec::Zstd), (2, Codec::ZstdDelta)] {
            write.recode(&stream(), at(revision), codec).unwrap().unwrap();
        }
    });
    let info = env.read(&["store", "info", "--json"]).json();
    assert_eq!((&info["keyframes"], &info["details"]["compressedKeyframes"]), (&json!(3), &json!(2)));
    assert_eq!(info["details"]["ownTablesVersion"], 2);
    let listed = env.read(&["ls", "-l", "--json"]).json();
    assert_eq!(listed[0]["keyframes"], 3);
    let foretold = env.read(&["store", "migrate", "--remove", "--dry-run"]);
    let text = "the tables of snapctl would be removed from ops.db; 2 compressed keyframes would be put back\n";
    assert_eq!(foretold.ok(), text);
    let removed = env.on_store(&["store", "migrate", "--remove", "--json"]).json();
    assert_eq!((&removed["from"], &removed["to"], &removed["restoredKeyframes"]), (&json!(2), &json!(null), &json!(2)));
    assert_eq!((schema(&env), dump(&env.path("ops.db"))), before);
    let text = env.on_store(&["store", "migrate", "--remove"]);
    assert_eq!(text.ok(), "ops.db has no tables of snapctl\n");
}

#[test]
fn what_would_be_lost_is_told_before_it_is() {
    let env = TestEnv::with_store(|store| store.drive("d1", "One", 3));
    change(&env, |write| {
        (0..3).for_each(|revision| put(write, revision, Codec::Zstd));
        let text = write.keyframe_document(&stream(), at(0)).unwrap().unwrap();
        let (checksum, body_bytes) = (Checksum::of(&text), text.len() as u64);
        let now = Timestamp::from_millis(0).unwrap();
        let check = Check { checked: now, fingerprint: "f".into(), verdict: Verdict::Failed { code: "X".into() } };
        let pin = Pin { reason: "audit".into(), expires: None };
        let (check, pin) = (Some(&check), Some(&pin));
        let new = NewRecord { stream: &stream(), revision: at(0), checksum, body_bytes, check, pin };
        assert!(write.records_mut().unwrap().put_record(&new).unwrap());
        let seal = StreamSeal {
            stream: stream(),
            revision: at(2),
            seal: snapctl::model::seal::Seal::EMPTY,
            state_hash: snapctl::model::json::hash_canonical(None),
            fingerprint: "f".into(),
            checked: now,
        };
        write.records_mut().unwrap().put_seal(&seal).unwrap();
    });
    let connection = Connection::open(env.path("ops.db")).unwrap();
    connection.execute_batch("UPDATE snapctl_body SET body = x'00' WHERE id = 2").unwrap();
    drop(connection);
    let before = schema(&env);
    let error = env.on_store(&["store", "migrate", "--remove", "--json"]).error(15);
    let lost = "1 check, 1 pin, 1 seal, 1 damaged keyframe";
    assert_eq!(error["code"], "would-lose");
    assert_eq!(error["message"], format!("without the tables of snapctl ops.db would lose {lost}"));
    assert_eq!(error["hint"], "remove them all the same with --yes");
    assert_eq!(schema(&env), before, "nothing was done");
    let foretold = env.read(&["store", "migrate", "--remove", "--dry-run"]);
    assert!(foretold.ok().ends_with(&format!("; 2 compressed keyframes would be put back; {lost} would be lost\n")));
    let removed = env.on_store(&["store", "migrate", "--remove", "--yes", "--json"]).json();
    let lost = json!({ "checks": 1, "pins": 1, "seals": 1, "mutations": 0, "unreadableKeyframes": 1 });
    assert_eq!((&removed["restoredKeyframes"], &removed["lost"]), (&json!(2), &lost));
    assert!(schema(&env).iter().all(|sql| !sql.contains("snapctl_")));
    assert_eq!(env.on_store(&["store", "migrate", "--yes"]).status, 2);
}

#[test]
fn tables_of_a_newer_snapctl_are_left_alone() {
    let env = TestEnv::with_store(|store| store.drive("d1", "One", 3));
    assert_eq!(env.on_store(&["store", "migrate"]).status, 0);
    let connection = Connection::open(env.path("ops.db")).unwrap();
    connection.execute_batch("INSERT INTO snapctl_schema VALUES (9)").unwrap();
    drop(connection);
    for args in [&[][..], &["--dry-run"], &["--remove"], &["--remove", "--yes"], &["--remove", "--dry-run"]] {
        let error = env.on_store(&[&["store", "migrate", "--json"], args].concat()).error(12);
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("are of version 9, and this program knows 2: use a newer snapctl"), "{message}");
    }
    // What the reference has is read as ever.
    assert_eq!(env.read(&["rebuild", "d1/global", "--json"]).status, 0);
    assert_eq!(env.read(&["ls", "-l"]).status, 0);
    let info = env.read(&["store", "info", "--json"]).json();
    assert_eq!(info["details"]["ownTablesVersion"], 9);
    let connection = Connection::open(env.path("ops.db")).unwrap();
    connection.execute_batch("DROP TABLE snapctl_seal").unwrap();
    connection.execute_batch("DELETE FROM snapctl_schema WHERE version = 9").unwrap();
    let error = env.on_store(&["store", "migrate", "--json"]).error(12);
    assert!(error["message"].as_str().unwrap().contains("some of the tables of snapctl are missing"), "{error}");
    assert_eq!(env.read(&["rebuild", "d1/global", "--json"]).status, 0);
}

#[test]
fn many_processes_migrate_one_store() {
    let env = TestEnv::with_store(|store| store.drive("d1", "One", 3));
    let runs: Vec<_> = (0..8)
        .map(|_| {
            std::process::Command::new(env!("CARGO_BIN_EXE_snapctl"))
                .current_dir(env.path("."))
                .args(["store", "migrate", "--ndjson", "--store", "ops.db", "--busy-timeout", "60s"])
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let from = |run: std::process::Child| -> Value {
        let output = run.wait_with_output().unwrap();
        assert!(output.status.success());
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["from"].clone()
    };
    let mut from: Vec<Value> = runs.into_iter().map(from).collect();
    from.retain(Value::is_null);
    assert_eq!(from.len(), 1, "one has made them");
}
