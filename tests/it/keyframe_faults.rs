//! Every command that changes keyframes, when the disk, another program or the store itself fails it: it says so with its exit
//! code, nothing is lost, and the next run is fine.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use serde_json::{Value, json};

use crate::support::keyframes::{drives, labels};
use crate::support::{Run, TestEnv, dump};

/// Each has something to do in a store that is [`prepared`].
pub(crate) const COMMANDS: [&[&str]; 8] = [
    &["keyframe", "write", "--every", "4"],
    &["keyframe", "prune", "--keep-every", "20"],
    &["keyframe", "apply", "plan.ndjson"],
    &["keyframe", "compact", "--keep-every", "20", "--codec", "zstd-delta"],
    &["keyframe", "compact", "--vacuum"],
    &["keyframe", "undo", "1"],
    &["keyframe", "pin", "d1/global:19", "--reason", "audit"],
    &["keyframe", "unpin", "d1/global:14"],
];

/// A drive of 100 folders with a keyframe at every fifth, of which two were dropped and one is pinned, and a plan.
pub(crate) fn prepared() -> TestEnv {
    let env = drives(&[("d1", 100)], 5);
    env.on_store(&["keyframe", "prune", "d1/global:0..10"]).ok();
    env.on_store(&["keyframe", "pin", "d1/global:14", "--reason", "audit"]).ok();
    env.on_store(&["keyframe", "compact", "--keep-every", "20", "--codec", "zstd", "--plan", "plan.ndjson"]).ok();
    env
}

fn sql(env: &TestEnv, sql: &str) {
    Connection::open(env.path("ops.db")).unwrap().execute_batch(sql).unwrap();
}

fn bytes(env: &TestEnv) -> Vec<u8> {
    std::fs::read(env.path("ops.db")).unwrap()
}

pub(crate) fn operations(env: &TestEnv) -> Vec<Vec<Sql>> {
    // The rows of keyframes have fewer columns.
    dump(&env.path("ops.db")).into_iter().filter(|row| row.len() > 10).collect()
}

/// The store is whole, with all operations, and the same command does it now.
fn goes_on(env: &TestEnv, command: &[&str], expected: &[Vec<Sql>]) {
    // As the program would that the file belongs to: whoever may write undoes what was not committed.
    let connection = Connection::open(env.path("ops.db")).unwrap();
    let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok", "{command:?}");
    drop(connection);
    env.read(&["verify"]).ok();
    assert!(operations(env) == expected, "{command:?}");
    env.on_store(command).ok();
    assert!(operations(env) == expected, "{command:?}");
    env.read(&["verify"]).ok();
}

#[test]
fn a_locked_file_is_left_alone() {
    for command in COMMANDS {
        let env = prepared();
        let (before, expected) = (bytes(&env), operations(&env));
        let other = Connection::open(env.path("ops.db")).unwrap();
        for lock in ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"] {
            other.execute_batch(lock).unwrap();
            let run = env.on_store(&[command, &["--busy-timeout", "50ms", "--json"]].concat());
            assert_eq!(run.error(11)["code"], "store-busy", "{command:?}");
            other.execute_batch("ROLLBACK").unwrap();
            assert!(bytes(&env) == before, "{command:?}");
        }
        drop(other);
        goes_on(&env, command, &expected);
    }
}

/// "Write version" of the header: SQLite reads a file of a version it does not know, and never writes it. Permissions would
/// not keep the superuser from it.
#[test]
fn a_read_only_file_is_left_alone() {
    for command in COMMANDS {
        let env = prepared();
        let (mut locked, expected) = (bytes(&env), operations(&env));
        let fresh = std::mem::replace(&mut locked[18], 9);
        std::fs::write(env.path("ops.db"), &locked).unwrap();
        let run = env.on_store(&[command, &["--json"]].concat());
        assert_eq!(run.error(3)["code"], "store-read-only", "{command:?}");
        assert!(bytes(&env) == locked, "{command:?}");
        locked[18] = fresh;
        std::fs::write(env.path("ops.db"), &locked).unwrap();
        goes_on(&env, command, &expected);
    }
}

/// Runs snapctl in a shell, after these words; `exec` in them goes to it.
#[cfg(unix)]
fn in_shell(env: &TestEnv, before: &str, command: &[&str]) -> Run {
    let snapctl = env!("CARGO_BIN_EXE_snapctl");
    let script = format!("{before} '{snapctl}' {} --store ops.db --json", command.join(" "));
    let output =
        std::process::Command::new("/bin/sh").current_dir(env.path(".")).args(["-c", &script]).output().unwrap();
    Run {
        status: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Nobody may make a journal in it. The superuser may do everything, and runs it as somebody else.
#[cfg(unix)]
#[test]
fn a_file_in_a_read_only_folder_is_left_alone() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt as _;
    for command in COMMANDS {
        let env = prepared();
        let (before, expected) = (bytes(&env), operations(&env));
        set_permissions(env.path("ops.db"), Permissions::from_mode(0o666)).unwrap();
        set_permissions(env.path("."), Permissions::from_mode(0o555)).unwrap();
        let is_root = std::fs::write(env.path("probe"), "").is_ok();
        let before_exec = if is_root { "exec setpriv --reuid=65534 --regid=65534 --clear-groups" } else { "exec" };
        let run = in_shell(&env, before_exec, command);
        set_permissions(env.path("."), Permissions::from_mode(0o755)).unwrap();
        let error = run.error(3);
        assert!(["store-read-only", "store-unavailable"].contains(&error["code"].as_str().unwrap()), "{run:?}");
        assert!(error["message"].as_str().unwrap().contains("ops.db"), "{run:?}");
        assert!(bytes(&env) == before, "{command:?}");
        goes_on(&env, command, &expected);
    }
}

/// The shell allows files of so many blocks of 512 bytes only, as if the disk were full beyond that.
#[cfg(unix)]
#[test]
fn a_full_disk_loses_nothing() {
    for command in COMMANDS {
        let mut failures = 0;
        let size = bytes(&prepared()).len() / 512;
        for blocks in [1, 16, size] {
            let env = prepared();
            let expected = operations(&env);
            let run = in_shell(&env, &format!("trap '' XFSZ; ulimit -f {blocks}; exec"), command);
            if run.status != 0 {
                failures += 1;
                let error = run.error(3);
                let told = (error["code"].as_str().unwrap(), error["message"].as_str().unwrap());
                // A plan is kept in a file while it is made.
                let is_told = match told {
                    ("store-unavailable", message) => message == "cannot write ops.db",
                    ("temporary-file", message) => {
                        message.starts_with("cannot write the temporary copy of the plan in ")
                    }
                    _ => false,
                };
                assert!(is_told, "{command:?} {blocks}: {run:?}");
            }
            goes_on(&env, command, &expected);
        }
        assert!(failures > 0, "{command:?}");
    }
}

/// There is room for what is dropped, and none for the journal of a whole file.
#[cfg(unix)]
#[test]
fn what_was_dropped_stays_dropped_without_room_to_vacuum() {
    let env = drives(&[("d1", 300)], 1);
    let expected = operations(&env);
    env.on_store(&["verify", "--record"]).ok();
    env.on_store(&["keyframe", "prune", "d1/global:0..1"]).ok();
    // The journal has some bytes more than each page; those that are free are not in it.
    env.on_store(&["keyframe", "compact", "--vacuum"]).ok();
    let blocks = bytes(&env).len() / 512;
    let command = ["keyframe", "compact", "--keep-last", "297", "--vacuum"];
    let run = in_shell(&env, &format!("trap '' XFSZ; ulimit -f {blocks}; exec"), &command);
    let error = run.error(3);
    assert_eq!((&error["code"], &error["message"]), (&json!("store-unavailable"), &json!("cannot write ops.db")));
    let hint = error["hint"].as_str().unwrap();
    assert!(hint.starts_with("what was done to 1 keyframe before is kept; the same command again goes on"), "{hint}");
    assert_eq!(labels(&env, "d1").len(), 297);
    goes_on(&env, &command, &expected);
    assert_eq!(labels(&env, "d1").len(), 297);
}

/// The clock was ahead when the store was changed: what is noted and checked is in the future, and so are the keyframes.
#[test]
fn a_clock_that_was_set_back_since_does_not_matter() {
    for command in COMMANDS {
        let env = prepared();
        sql(
            &env,
            r#"UPDATE "Keyframe" SET "createdAt" = '2999-01-01T00:00:00.000Z';
               UPDATE snapctl_run SET startedAtMs = 32472144000000, finishedAtMs = 32472144000000;
               UPDATE snapctl_mutation SET atMs = 32472144000000"#,
        );
        let expected = operations(&env);
        goes_on(&env, command, &expected);
    }
    // What is not of the past has no age, and a pin that expires holds until it is over.
    let env = prepared();
    env.on_store(&["keyframe", "pin", "d1/global:19", "--reason", "x", "--expires", "2030-01-01"]).ok();
    let dropped = |now: &str| {
        let prune =
            ["keyframe", "prune", "--keep-within", "1d", "--keep-last", "1", "--dry-run", "--json", "--now", now];
        env.read(&prune).json()["total"]["dropped"].take()
    };
    assert_eq!(dropped("1999-01-01T00:00:00Z"), 0);
    assert_eq!(dropped("2029-12-31T00:00:00Z"), 15);
    assert_eq!(dropped("2030-01-02T00:00:00Z"), 16);
}

#[test]
fn a_damaged_keyframe_is_never_made_worse() {
    for damage in ["'{'", "''", "x'ff00'", r#"replace("document", 'Folder 3', 'Folder X')"#] {
        for command in COMMANDS {
            let env = prepared();
            sql(&env, &format!(r#"UPDATE "Keyframe" SET "document" = {damage} WHERE "revision" = 24"#));
            let (before, n) = (dump(&env.path("ops.db")), labels(&env, "d1").len());
            let expected = operations(&env);
            let found = env.read(&["verify", "--json"]);
            assert_eq!(found.status, 1, "{damage}: {found:?}");
            let run = env.on_store(&[command, &["--json"]].concat());
            // A plan is of the keyframe as it was.
            let is_moved = command[1] == "apply" && run.status == 15;
            assert!(run.status == 0 || is_moved, "{command:?} {damage}: {run:?}");
            assert!(operations(&env) == expected, "{command:?} {damage}");
            if is_moved {
                assert!(dump(&env.path("ops.db")) == before, "{command:?} {damage}");
                continue;
            }
            // Where it was dropped or stored in another way, it comes back as it was.
            if ["prune", "compact", "apply"].contains(&command[1]) && command[2] != "--vacuum" {
                assert_ne!(labels(&env, "d1").len(), n, "{command:?} {damage}");
                let undone = env.on_store(&["keyframe", "undo", "--json"]);
                if damage.starts_with('x') {
                    // What is no text does not; all others do.
                    assert_eq!((undone.status, labels(&env, "d1").len()), (1, n - 1), "{command:?}: {undone:?}");
                    assert!(undone.stderr.contains("d1/global:keyframe:24 cannot be put back"), "{undone:?}");
                    env.on_store(&["keyframe", "write", "--at", "24"]).ok();
                    env.read(&["verify"]).ok();
                    continue;
                }
                undone.ok();
                assert_eq!(labels(&env, "d1").len(), n, "{command:?} {damage}");
            }
            let of = |rows: &[Vec<Sql>]| rows.iter().find(|row| row.len() < 10 && row[5] == Sql::Integer(24)).cloned();
            let after = dump(&env.path("ops.db"));
            assert_eq!(of(&after).unwrap()[6], of(&before).unwrap()[6], "{command:?} {damage}");
            let left = env.on_store(&["verify", "--json"]);
            let counted =
                |run: &Run| serde_json::from_str::<Value>(&run.stdout).unwrap()["findings"].as_array().unwrap().len();
            assert_eq!((left.status, counted(&left)), (1, counted(&found)), "{command:?} {damage}: {left:?}");
            // It can always be made anew.
            env.on_store(&["keyframe", "write", "--at", "24", "--replace"]).ok();
            env.read(&["verify"]).ok();
        }
    }
}

/// Also not by way of a plan, and also where the rules keep what is no base.
#[test]
fn a_policy_that_would_drop_everything_needs_a_yes() {
    let env = drives(&[("d1", 20), ("d2", 10)], 5);
    let before = bytes(&env);
    let expected = operations(&env);
    let everything = ["--max-replay-ops", "1000"];
    env.on_store(&[&["keyframe", "prune", "--plan", "plan.ndjson"], &everything[..]].concat()).ok();
    for command in [
        &["keyframe", "prune", "--max-replay-ops", "1000"][..],
        &["keyframe", "compact", "--max-replay-ops", "1000", "--codec", "zstd", "--vacuum"],
        &["keyframe", "prune", "--keep-within", "1s"],
        &["keyframe", "prune", "d1", "d2", "--all"],
        &["keyframe", "apply", "plan.ndjson"],
    ] {
        let error = env.on_store(&[command, &["--json"]].concat()).error(15);
        assert_eq!(error["code"], "would-lose", "{command:?}");
        assert!(bytes(&env) == before, "{command:?}");
    }
    env.on_store(&["keyframe", "apply", "plan.ndjson", "--yes"]).ok();
    assert_eq!((labels(&env, "d1"), labels(&env, "d2")), (vec![], vec![]));
    assert!(operations(&env) == expected);
    env.read(&["verify"]).ok();
    let undone = env.on_store(&["keyframe", "undo", "--json"]).json();
    assert_eq!((&undone["restored"], labels(&env, "d1").len()), (&json!(6), 4));
    assert!(dump(&env.path("ops.db")).len() == expected.len() + 6 && Path::new(&env.path("plan.ndjson")).exists());
    env.read(&["verify"]).ok();
}
