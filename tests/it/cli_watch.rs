//! `snapctl watch`, as a process beside others that write.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use rusqlite::{Connection, params};
use serde_json::{Value, json};

use crate::support::{Operation, StoreFile, TestEnv};

/// A running `snapctl watch`.
struct Watching {
    child: Child,
    lines: Receiver<Value>,
}

/// Nothing here takes that long.
const PATIENCE: Duration = Duration::from_secs(60);

impl Watching {
    /// Follows `ops.db`. Where it begins has to be said: it may look for the first time whenever it likes.
    fn start(env: &TestEnv, args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_snapctl"));
        command.current_dir(env.path("")).env_clear().env("HOME", env.path("home")).env("SNAPCTL_STORE", "ops.db");
        command.args(["watch", "--ndjson", "--interval", "2ms"]).args(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines() {
                let event = serde_json::from_str(&line.unwrap()).unwrap();
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        Watching { child, lines }
    }

    #[track_caller]
    fn next(&self) -> Value {
        self.lines.recv_timeout(PATIENCE).expect("an event")
    }

    /// The next so many events of one kind; others are passed over.
    #[track_caller]
    fn next_of(&self, event: &str, n: usize) -> Vec<Value> {
        std::iter::repeat_with(|| self.next()).filter(|told| told["event"] == event).take(n).collect()
    }

    /// Whether nothing comes for a while.
    fn is_quiet(&self) -> bool {
        matches!(self.lines.recv_timeout(Duration::from_millis(300)), Err(RecvTimeoutError::Timeout))
    }

    /// Interrupts it, and says how it ended, with the rest of what it told and what it said.
    fn interrupt(mut self) -> (i32, Vec<Value>, Vec<Value>) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        self.end()
    }

    fn end(&mut self) -> (i32, Vec<Value>, Vec<Value>) {
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let status = self.child.wait().unwrap().code().unwrap();
        let said = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (status, self.lines.iter().collect(), said)
    }
}

/// A store with a drive of three folders.
fn one() -> TestEnv {
    TestEnv::with_store(|store| store.drive("d1", "One", 3))
}

/// Another program with a connection of its own.
fn writer(env: &TestEnv) -> Connection {
    let connection = Connection::open(env.path("ops.db")).unwrap();
    connection.busy_timeout(PATIENCE).unwrap();
    connection
}

/// Adds an operation as another program does, with the document scope's input where it has one.
fn add(connection: &Connection, document: &str, scope: &str, index: u32, kind: &str, input: &Value) {
    let time = format!("2025-01-02T00:{:02}:{:02}.000Z", index / 60 % 60, index % 60);
    let action = json!({ "id": format!("{document}{scope}{index}"), "type": kind, "scope": scope, "timestampUtcMs": time, "input": input });
    connection
        .execute(
            r#"INSERT INTO "Operation" ("jobId", "opId", "prevOpId", "writeTimestampUtcMs", "documentId", "documentType", "scope",
               "branch", "timestampUtcMs", "index", "action", "skip", "hash")
               VALUES ('j', ?1, '', ?2, ?3, 'powerhouse/document-drive', ?4, 'main', ?2, ?5, ?6, 0, '')"#,
            params![format!("raw.{document}.{scope}.{index}"), time, document, scope, index, action.to_string()],
        )
        .unwrap();
}

fn folder(n: u32) -> Value {
    json!({ "id": format!("n{n}"), "name": format!("N{n}"), "parentFolder": null })
}

/// `[serial, document, scope, revision]` of all operations behind a number, in the order of insertion.
fn stored(env: &TestEnv, after: i64) -> Vec<Value> {
    let connection = writer(env);
    let mut rows = connection
        .prepare(r#"SELECT "id", "documentId", "scope", "index" FROM "Operation" WHERE "id" > ?1 ORDER BY "id""#)
        .unwrap();
    let row = |row: &rusqlite::Row<'_>| {
        Ok(json!([row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get::<_, i64>(3)?]))
    };
    rows.query_map([after], row).unwrap().map(Result::unwrap).collect()
}

fn as_stored(told: &Value) -> Value {
    json!([told["serial"], told["document"], told["scope"], told["revision"]])
}

/// Two programs append in many small transactions while the store is followed.
fn two_writers_at_work(journal: &str) {
    const EACH: u32 = 150;
    let env = one();
    writer(&env).pragma_update(None, "journal_mode", journal).unwrap();
    // A connection that stays keeps the log from going when the other programs end.
    let _open = writer(&env);
    let watching = Watching::start(&env, &["--since", "start"]);
    assert_eq!(watching.next_of("operation", 5).len(), 5);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let lines: Vec<String> = (0..EACH)
                .map(|n| {
                    json!({ "document": "d1", "action": { "type": "ADD_FOLDER", "input": folder(n) } }).to_string()
                })
                .collect();
            let run = env.read_with_input(&["append", "--documents", "--busy-timeout", "60s"], lines.join("\n"));
            run.ok();
        });
        scope.spawn(|| {
            let connection = writer(&env);
            for n in 0..EACH {
                connection.execute_batch("BEGIN IMMEDIATE").unwrap();
                add(&connection, "d2", "global", 2 * n, "ADD_FOLDER", &folder(2 * n));
                add(&connection, "d2", "global", 2 * n + 1, "ADD_FOLDER", &folder(2 * n + 1));
                connection.execute_batch("COMMIT").unwrap();
            }
        });
    });
    let expected = stored(&env, 5);
    assert_eq!(expected.len(), 3 * EACH as usize);
    let told = watching.next_of("operation", expected.len());
    assert_eq!(told.iter().map(as_stored).collect::<Vec<_>>(), expected, "each once, in the order of insertion");
    let (status, rest, said) = watching.interrupt();
    assert_eq!((status, said.last().unwrap()["error"]["code"].as_str()), (130, Some("interrupted")));
    assert!(rest.iter().all(|event| event["event"] == "keyframe"), "{rest:?}");
    let summary = &said[said.len() - 2]["watched"];
    assert_eq!((&summary["operations"], &summary["resets"]), (&json!(expected.len() + 5), &json!(0)));
}

#[test]
fn every_operation_is_told_once_beside_two_writers() {
    two_writers_at_work("DELETE");
}

#[test]
fn every_operation_is_told_once_beside_two_writers_with_a_write_ahead_log() {
    two_writers_at_work("WAL");
}

#[test]
fn keyframes_are_told_as_they_are_written_whatever_goes() {
    let env = TestEnv::with_store(|store| store.drive("d1", "One", 40));
    let watching = Watching::start(&env, &["--since", "42.0.0"]);
    let revisions = |n| {
        let told = watching.next_of("keyframe", n);
        told.iter().map(|event| event["revision"].as_i64().unwrap()).collect::<BTreeSet<_>>()
    };
    env.on_store(&["keyframe", "write", "d1/global", "--every", "10"]).ok();
    let listed = |codec: &str| {
        let lines = env.on_store(&["keyframe", "list", "-l", "--ndjson"]).lines();
        let of_codec = lines.iter().filter(|line| line["codec"] == codec);
        of_codec.map(|line| line["revision"].as_i64().unwrap()).collect::<BTreeSet<_>>()
    };
    let first = listed("json");
    assert!(first.len() > 2, "{first:?}");
    assert_eq!(revisions(first.len()), first);
    // Some of them go; what is written then has new numbers, and some that were given before.
    env.on_store(&["keyframe", "prune", "d1/global", "--keep-last", "2"]).ok();
    let kept = listed("json");
    assert!(watching.is_quiet());
    env.on_store(&["keyframe", "write", "d1/global", "--every", "4"]).ok();
    let second: BTreeSet<i64> = listed("json").difference(&kept).copied().collect();
    assert_eq!(revisions(second.len()), second);
    // Stored in another way, they are told as that; the newest of the others are gone, but so are all.
    env.on_store(&["keyframe", "compact", "d1/global", "--codec", "zstd"]).ok();
    let packed = listed("zstd");
    assert_eq!(revisions(packed.len()), packed);
    // They are back under their old numbers.
    env.on_store(&["keyframe", "compact", "d1/global", "--codec", "json"]).ok();
    assert_eq!(revisions(packed.len()), packed);
    assert!(watching.is_quiet());
    assert_eq!(watching.interrupt().0, 130);
}

#[test]
fn when_the_newest_keyframes_are_gone_all_are_told_again() {
    let env = one();
    let connection = writer(&env);
    let put = |label: u32| {
        let sql = r#"INSERT INTO "Keyframe" ("documentId", "documentType", "scope", "branch", "revision", "document", "createdAt")
            VALUES ('d1', 't', 'global', 'main', ?1, '{}', '2025-01-01T00:00:00.000Z')"#;
        connection.execute(sql, [label]).unwrap();
    };
    (0..2).for_each(put);
    let watching = Watching::start(&env, &["--since", "0.1.0"]);
    assert_eq!(watching.next_of("keyframe", 1)[0]["revision"], 1);
    connection.execute_batch("BEGIN").unwrap();
    connection.execute_batch(r#"DELETE FROM "Keyframe""#).unwrap();
    put(5);
    connection.execute_batch("COMMIT").unwrap();
    let (reset, keyframe) = (watching.next(), watching.next());
    assert_eq!((&reset["event"], &reset["lost"]), (&json!("reset"), &json!("keyframes")));
    assert_eq!((&keyframe["revision"], &keyframe["serial"]), (&json!(5), &json!(1)));
    connection.execute_batch(r#"DELETE FROM "Keyframe""#).unwrap();
    assert!(watching.is_quiet(), "there is nothing to tell");
    put(6);
    assert_eq!(watching.next()["revision"], 6);
    assert_eq!(watching.interrupt().0, 130);
}

#[test]
fn another_file_in_its_place_is_told_from_its_start() {
    let env = one();
    let watching = Watching::start(&env, &["--since", "start"]);
    assert_eq!(watching.next_of("operation", 5).len(), 5);
    StoreFile::create(&env.path("new.db")).drive("d2", "Two", 4);
    std::fs::rename(env.path("new.db"), env.path("ops.db")).unwrap();
    let reset = watching.next();
    assert_eq!(
        (&reset["event"], &reset["lost"], &reset["position"]),
        (&json!("reset"), &json!("log"), &json!("0.0.0"))
    );
    assert_eq!(watching.next()["cause"], "logChanged");
    let told: Vec<Value> = watching.next_of("operation", 6).iter().map(as_stored).collect();
    assert_eq!(told, stored(&env, 0));
    // An older copy, written over it.
    StoreFile::create(&env.path("old.db")).drive("d2", "Two", 1);
    std::fs::copy(env.path("old.db"), env.path("ops.db")).unwrap();
    assert_eq!(watching.next_of("reset", 1)[0]["lost"], "log");
    assert_eq!(watching.next_of("operation", 3).len(), 3);
    // Gone, and back.
    std::fs::rename(env.path("ops.db"), env.path("away.db")).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    std::fs::rename(env.path("away.db"), env.path("ops.db")).unwrap();
    add(&writer(&env), "d2", "global", 1, "ADD_FOLDER", &folder(1));
    assert_eq!(watching.next()["revision"], 1);
    let (status, _, said) = watching.interrupt();
    let warned: Vec<&str> = said.iter().filter_map(|line| line["warning"].as_str()).collect();
    assert_eq!(status, 130);
    assert!(warned.iter().any(|warning| warning.contains("no such store; waiting for it")), "{warned:?}");
}

#[test]
fn following_goes_on_from_any_event() {
    let env = one();
    env.on_store(&["keyframe", "write", "d1/global", "--every", "2"]).ok();
    env.on_store(&["keyframe", "compact", "d1/global", "--codec", "zstd"]).ok();
    env.on_store(&["keyframe", "write", "d1/global", "--every", "1"]).ok();
    let since = |position: &str| env.read(&["watch", "--since", position, "--until-idle", "0s"]).lines();
    let all = since("start");
    let kinds: Vec<&str> = all.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(kinds[..5], ["operation"; 5]);
    assert!(kinds[5..].iter().all(|kind| *kind == "keyframe"), "{kinds:?}");
    let codecs: BTreeSet<&str> = all[5..].iter().map(|event| event["codec"].as_str().unwrap()).collect();
    assert_eq!(codecs, ["json", "zstd"].into());
    for (n, event) in all.iter().enumerate() {
        assert_eq!(since(event["position"].as_str().unwrap()), all[n + 1..], "{event}");
    }
    let behind = since("3");
    assert_eq!(behind.iter().map(|event| event["serial"].as_i64().unwrap()).collect::<Vec<_>>(), [4, 5]);
    assert_eq!(since("6")[0]["lost"], "log", "there is no such operation");
    // A run that is killed loses nothing that was not told.
    let mut watching = Watching::start(&env, &["--since", "start"]);
    let last = watching.next_of("operation", 2).pop().unwrap();
    watching.child.kill().unwrap();
    watching.child.wait().unwrap();
    assert_eq!(since(last["position"].as_str().unwrap()), all[2..]);
}

#[test]
fn rules_fire_when_a_document_is_upgraded_or_deleted() {
    let env = TestEnv::with_store(|store| {
        store.drive("d1", "One", 3);
        store.drive("d2", "Two", 2);
    });
    let settings = "[models.'powerhouse/document-drive@2']\nsame-as = 'powerhouse/document-drive@1'\nupgrade = 'identity'\n\
                    [cache.rules.neighbours]\non = 'document.deleted'\ndrop = '*:d2/*'\n";
    std::fs::write(env.path("snapctl.toml"), settings).unwrap();
    let watching = Watching::start(&env, &["--since", "start", "--warm"]);
    let warmed = watching.next_of("warmed", 2);
    let documents: Vec<&Value> = warmed.iter().map(|event| &event["document"]).collect();
    assert_eq!(documents, ["d2", "d1"], "what changed last comes first");
    assert_eq!(warmed[1]["revision"], json!({ "document": 1, "global": 2 }));
    let connection = writer(&env);
    let upgrade = json!({ "documentId": "d1", "model": "powerhouse/document-drive", "fromVersion": 1, "toVersion": 2 });
    add(&connection, "d1", "document", 2, "UPGRADE_DOCUMENT", &upgrade);
    assert_eq!(watching.next()["type"], "UPGRADE_DOCUMENT");
    let dropped = watching.next();
    let told = |event: &Value| json!([event["event"], event["rule"], event["cause"], event["document"]]);
    assert_eq!(told(&dropped), json!(["drop", "document.upgraded", "documentUpgraded", "d1"]));
    assert!(dropped["entries"].as_u64() > Some(0), "{dropped}");
    assert_eq!(watching.next_of("warmed", 1)[0]["document"], "d1");
    add(&connection, "d1", "document", 3, "DELETE_DOCUMENT", &json!({ "documentId": "d1" }));
    assert_eq!(watching.next()["type"], "DELETE_DOCUMENT");
    let (own, neighbours) = (watching.next(), watching.next());
    assert_eq!(told(&own), json!(["drop", "document.deleted", "documentDeleted", "d1"]));
    assert_eq!(told(&neighbours), json!(["drop", "neighbours", "documentDeleted", "d1"]));
    assert!(neighbours["entries"].as_u64() > Some(0), "{neighbours}");
    let (_, _, said) = watching.interrupt();
    let summary = &said[said.len() - 2]["watched"];
    assert!(summary["entriesDropped"].as_u64() >= Some(2), "{summary}");
}

#[test]
fn what_cannot_be_warmed_is_said_and_the_rest_is() {
    let env = TestEnv::with_store(|store| {
        store.operation(&Operation { document_type: "no/such", ..Operation::new("n", "global", 0, "X", json!({})) });
        store.drive("d1", "One", 3);
    });
    let run = env.read(&["watch", "--since", "start", "--warm", "--until-idle", "0s", "--ndjson"]);
    let warmed: Vec<Value> = run.lines().into_iter().filter(|event| event["event"] == "warmed").collect();
    assert_eq!((run.status, warmed.len(), &warmed[0]["document"]), (0, 1, &json!("d1")));
    assert!(run.stderr.contains(r#"{"warning":"n was not rebuilt"#), "{}", run.stderr);
    assert!(run.stderr.contains(r#""warmed":1,"notWarmed":1"#), "{}", run.stderr);
}

#[test]
fn only_what_is_named_is_told() {
    let env = TestEnv::with_store(|store| {
        store.drive("d1", "One", 3);
        store.drive("d2", "Two", 1);
        store.operation(&Operation { branch: "b", ..Operation::new("d1", "global", 0, "ADD_FOLDER", folder(0)) });
        store.operation(&Operation { document_type: "set", ..Operation::new("s", "global", 0, "X", json!({})) });
    });
    let told = |args: &[&str]| {
        let mut all = vec!["watch", "--since", "start", "--until-idle", "0s"];
        all.extend_from_slice(args);
        env.read(&all).lines().iter().map(as_stored).collect::<Vec<_>>()
    };
    let all = stored(&env, 0);
    assert_eq!(told(&[]), all);
    let of = |wanted: &dyn Fn(&Value) -> bool| all.iter().filter(|row| wanted(row)).cloned().collect::<Vec<_>>();
    assert_eq!(told(&["slug-d1"]), of(&|row| row[1] == "d1"));
    assert_eq!(told(&["d1/global"]), of(&|row| row[1] == "d1" && row[2] == "global" && row[0] != 9));
    assert_eq!(told(&["d1@b", "d2/document"]), of(&|row| row[0] == 9 || row[1] == "d2" && row[2] == "document"));
    assert_eq!(told(&["--type", "set"]), of(&|row| row[1] == "s"));
    assert_eq!(told(&["new", "--scope", "global"]), [] as [Value; 0]);
    // What is not named need not be right.
    let broken = env.path("ops.db");
    let sound = std::fs::read(&broken).unwrap();
    writer(&env)
        .execute_batch(r#"UPDATE "Operation" SET "action" = 1, "skip" = 'x' WHERE "documentId" = 's'"#)
        .unwrap();
    assert_eq!(told(&["d1", "d2"]).len(), 9);
    let all_of_it = env.read(&["watch", "--since", "start", "--until-idle", "0s", "--ndjson"]);
    assert_eq!(all_of_it.error(13)["code"], "row-corrupt");
    std::fs::write(&broken, sound).unwrap();
    // One that is still to come.
    let watching = Watching::start(&env, &["new", "--scope", "global", "--since", "start"]);
    let connection = writer(&env);
    add(&connection, "other", "global", 0, "ADD_FOLDER", &folder(0));
    add(&connection, "new", "document", 0, "CREATE_DOCUMENT", &json!({}));
    add(&connection, "new", "global", 0, "ADD_FOLDER", &folder(0));
    assert_eq!(as_stored(&watching.next()), json!([13, "new", "global", 0]));
    assert_eq!(watching.interrupt().0, 130);
}

#[test]
fn a_locked_store_is_waited_for_and_that_is_said_once() {
    let env = one();
    let watching = Watching::start(&env, &["--since", "start", "--busy-timeout", "20ms"]);
    assert_eq!(watching.next_of("operation", 5).len(), 5);
    let connection = writer(&env);
    connection.execute_batch("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE").unwrap();
    add(&connection, "d1", "global", 3, "ADD_FOLDER", &folder(3));
    connection.cache_flush().unwrap();
    assert!(watching.is_quiet());
    connection.execute_batch("COMMIT").unwrap();
    assert_eq!(watching.next()["revision"], 3);
    let (status, rest, said) = watching.interrupt();
    let warnings = said.iter().filter(|line| line.get("warning").is_some()).count();
    assert_eq!((status, rest.len(), warnings), (130, 0, 1), "{said:?}");
}

#[test]
fn who_follows_an_idle_store_keeps_nobody_from_folding_the_log() {
    let env = one();
    let connection = writer(&env);
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    let watching = Watching::start(&env, &["--since", "start"]);
    for index in 3..20 {
        add(&connection, "d1", "global", index, "ADD_FOLDER", &folder(index));
        assert_eq!(watching.next_of("operation", if index == 3 { 6 } else { 1 }).pop().unwrap()["revision"], index);
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
        let folded = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], row).unwrap();
        assert_eq!(folded, (0, 0), "not busy, and no frame is left");
    }
    assert_eq!(watching.interrupt().0, 130);
}

#[test]
fn it_ends_when_it_is_told_to_and_when_nobody_reads() {
    let env = one();
    let run = env.read(&["watch", "--max-duration", "50ms", "--interval", "1h", "--ndjson"]);
    assert_eq!((run.status, run.stdout.as_str()), (0, ""));
    let summary: Value = serde_json::from_str(&run.stderr).unwrap();
    assert_eq!(summary["watched"]["position"], "5.0.0");
    assert_eq!(env.read(&["watch", "--until-idle", "50ms", "-q"]).ok(), "");
    env.read(&["watch", "--timeout", "50ms", "--ndjson"]).error(5);
    // The reader goes, and nothing comes that could not be written.
    let mut watching = Watching::start(&env, &["--since", "3"]);
    watching.next_of("operation", 2);
    let mut silent = Command::new(env!("CARGO_BIN_EXE_snapctl"))
        .env_clear()
        .args(["--store", env.path("ops.db").to_str().unwrap(), "--config", "/dev/null", "watch", "--ndjson"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(silent.stdout.take());
    let mut said = String::new();
    silent.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((silent.wait().unwrap().code(), said.as_str()), (Some(141), ""));
    watching.child.kill().unwrap();
    watching.child.wait().unwrap();
}

#[test]
fn garbage_is_refused() {
    let env = one();
    let code = |args: &[&str]| {
        let mut all = vec!["watch", "--ndjson", "--until-idle", "0s"];
        all.extend_from_slice(args);
        let run = env.read(&all);
        (run.status, run.error(run.status)["code"].as_str().unwrap().to_owned())
    };
    let usage = (2, "usage".to_owned());
    for args in [
        &["--since", "x"][..],
        &["--since", "1.2"],
        &["--since", "-1"],
        &["--since", "99999999999999999999"],
        &["--interval", "5"],
        &["--interval", ""],
        &["--until-idle", "soon"],
        &["--max-duration", "-1s"],
        &["--warm=yes"],
    ] {
        assert_eq!(code(args), usage, "{args:?}");
    }
    assert_eq!(code(&["d1/global:3"]), (2, "bad-target".to_owned()));
    assert_eq!(code(&["d1", "--at", "3"]), (2, "bad-target".to_owned()));
    assert_eq!(code(&["nobody"]), (4, "no-document".to_owned()));
    assert_eq!(code(&["--store", "none.db"]), (10, "store-missing".to_owned()));
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let archive = std::fs::read_dir(archive).unwrap().map(|entry| entry.unwrap().path());
    let archive = archive.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "phd"));
    if let Some(archive) = archive {
        assert_eq!(code(&["--store", archive.to_str().unwrap()]), (2, "not-followed".to_owned()));
    }
    std::fs::write(env.path("snapctl.toml"), "[cache.rules.a]\non = 'document.created'\n").unwrap();
    assert_eq!(code(&[]).0, 2);
}
