//! Every command that changes keyframes, on a file system that is full: it says so with its exit code, nothing is lost, what is
//! there can be read, and once there is room the same command does it.
#![cfg(unix)]

use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use serde_json::Value;

use crate::keyframe_faults::{COMMANDS, operations, prepared};
use crate::support::{Run, TestEnv, tools};

/// Where temporary files go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Temporary {
    /// Beside the store, where nothing fits, either.
    Here,
    /// Where there is room.
    Elsewhere,
}

/// Runs a command on a file system with little room, and what follows once there is more; `$SNAPCTL` is the program.
const SCRIPT: &str = r#"
set -e
mount -t tmpfs -o size="$SIZE" none disk
cp ops.db plan.ndjson disk/
told() { # NAME COMMAND...
    name="$1"; shift
    set +e
    (cd disk && "$SNAPCTL" --store ops.db "$@") > "$name.out" 2> "$name.err"
    echo "$?" > "$name.status"
    set -e
}
told first "$@" --json
told read verify
mkdir full && cp disk/ops.db* full/
mount -o remount,size=256m disk
told second "$@" --json
told verify verify --anew
cp disk/ops.db* .
"#;

/// What came of it.
struct Ended {
    env: TestEnv,
    /// The command, while there was little room.
    first: Run,
}

impl Ended {
    fn run(&self, name: &str) -> Run {
        of_files(&self.env.path("."), name)
    }
}

fn of_files(folder: &Path, name: &str) -> Run {
    let text = |what: &str| std::fs::read_to_string(folder.join(format!("{name}.{what}"))).unwrap();
    Run { status: text("status").trim().parse().unwrap(), stdout: text("out"), stderr: text("err") }
}

/// Runs a command with so many bytes of room beside the store, and then with plenty.
fn run(way: &[&str], journal: &str, temporary: Temporary, command: &[&str], room: u64) -> Ended {
    const PAGE: u64 = 4096;
    let env = prepared();
    Connection::open(env.path("ops.db")).unwrap().execute_batch(&format!("PRAGMA journal_mode = {journal}")).unwrap();
    let pages = |name: &str| std::fs::metadata(env.path(name)).unwrap().len().div_ceil(PAGE);
    let size = (pages("ops.db") + pages("plan.ndjson")) * PAGE + room;
    std::fs::create_dir(env.path("disk")).unwrap();
    let folder = env.path(if temporary == Temporary::Here { "disk" } else { "." });
    let output = Command::new(way[0])
        .args(&way[1..])
        .args(["/bin/sh", "-c", SCRIPT, "sh"])
        .args(command)
        .current_dir(env.path("."))
        .env("SIZE", size.to_string())
        .env("SNAPCTL", env!("CARGO_BIN_EXE_snapctl"))
        .envs([("TMPDIR", &folder), ("HOME", &env.path("home"))])
        .output()
        .unwrap();
    assert!(output.status.success(), "{command:?} {room}: {output:?}");
    let first = of_files(&env.path("."), "first");
    Ended { env, first }
}

/// Checks that the error says what is wrong, where, and what helps.
fn names_space(run: &Run, what: &dyn std::fmt::Debug) {
    let error = run.error(3);
    let text = |member: &str| error[member].as_str().unwrap_or_default().to_owned();
    let is_told = match &*text("code") {
        // The index of a write-ahead log is made before anything is read.
        "store-unavailable" => ["cannot write ops.db", "cannot open ops.db"].contains(&&*text("message")),
        "temporary-file" => text("message").starts_with("cannot write the temporary copy of the plan in /"),
        _ => false,
    };
    let causes: Vec<&str> = error["causes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let is_of_space = causes.iter().any(|cause| cause.contains("disk is full") || cause.contains("No space left"));
    assert!(is_told && is_of_space && text("hint").contains("make room"), "{what:?}: {error}");
}

#[test]
fn a_full_file_system_loses_nothing() {
    let Some(way) = tools::mounting() else { return };
    for journal in ["DELETE", "WAL"] {
        for temporary in [Temporary::Here, Temporary::Elsewhere] {
            for command in COMMANDS {
                let mut failures = 0;
                for room in [0, 4096, 20 * 1024, 100 * 1024, 500 * 1024, 16 * 1024 * 1024] {
                    let what = (journal, temporary, command, room);
                    let ended = run(&way, journal, temporary, command, room);
                    if ended.first.status == 0 {
                        break;
                    }
                    failures += 1;
                    names_space(&ended.first, &what);
                    let env = &ended.env;
                    let expected = operations(&prepared());
                    for folder in ["full", "."] {
                        let path = env.path(folder).join("ops.db");
                        let check: String = Connection::open(&path)
                            .unwrap()
                            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
                            .unwrap();
                        assert_eq!(check, "ok", "{what:?} {folder}");
                        let rows = crate::support::dump(&path).into_iter().filter(|row| row.len() > 10);
                        assert!(rows.eq(expected.iter().cloned()), "{what:?} {folder}");
                    }
                    for (name, why) in [("read", "what is there is right"), ("second", "there is room"), ("verify", "")]
                    {
                        let run = ended.run(name);
                        assert_eq!(run.status, 0, "{what:?} {why}: {run:?}");
                    }
                }
                assert!((1..6).contains(&failures), "{journal} {temporary:?} {command:?}: {failures} failures");
            }
        }
    }
}
