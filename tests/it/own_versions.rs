//! Tables of snapctl of every version that there was: they are read as they are, and brought to the newest by the first change.

use std::path::PathBuf;

use rusqlite::Connection;
use serde_json::{Value, json};
use snapctl::model::ids::{OpIndex, Revision, StreamKey};
use snapctl::store::records::{OwnTables, VERSION};
use snapctl::store::{Access, Codec, Options, Store, sqlite};

use crate::cli_keyframe_write::{DRIVE, fixture, sql};
use crate::support::{TestEnv, dump};

/// A copy of the drive fixture with the tables of an old version.
fn old(version: u32) -> TestEnv {
    let env = fixture("drive.sqlite");
    let tables = format!("fixtures/own/version-{version}.sql");
    let tables = std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(tables)).unwrap();
    sql(&env, &tables);
    env
}

fn version(env: &TestEnv) -> Value {
    env.read(&["store", "info", "--json"]).json()["details"]["ownTablesVersion"].take()
}

/// Names and types of the columns of our tables.
fn columns(env: &TestEnv) -> Vec<(String, String, String)> {
    let connection = Connection::open(env.path("ops.db")).unwrap();
    let mut statement = connection
        .prepare(
            "SELECT tables.name, columns.name, columns.type FROM sqlite_schema AS tables
             JOIN pragma_table_info(tables.name) AS columns WHERE tables.name LIKE 'snapctl%' ORDER BY 1, 2",
        )
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

/// What a rebuild says, wherever it starts.
fn rebuilt(env: &TestEnv, label: u64, options: &[&str]) -> Value {
    let target = format!("{DRIVE}/global:{label}");
    let mut answer = env.read(&[&["rebuild", &target], options].concat()).json();
    answer.as_object_mut().unwrap().remove("source").expect("it is told");
    answer
}

/// What commands that read say.
fn told(env: &TestEnv) -> Vec<String> {
    let commands: [&[&str]; 9] = [
        &["keyframe", "list", "--json"],
        &["keyframe", "list", "--gaps", "--max-replay-ops", "3", "--json"],
        &["keyframe", "show", "field-notes:16", "--json"],
        &["keyframe", "history", "--json"],
        &["rebuild", "field-notes", "--json"],
        &["rebuild", "field-notes/global:17", "--json"],
        &["export"],
        &["verify", "--json"],
        &["stats", "--json"],
    ];
    commands.into_iter().map(|args| env.read(args).ok().to_owned()).collect()
}

#[test]
fn they_are_read_as_they_are() {
    for n in 1..VERSION {
        let env = old(n);
        let target = format!("{DRIVE}/global:17");
        let base = env.read(&["rebuild", &target, "--explain"]).json()["explain"]["base"].take();
        assert_eq!(base, json!({ "kind": "keyframe", "revision": 16 }), "a compressed one, by its record");
        assert_eq!(rebuilt(&env, 17, &[]), rebuilt(&env, 17, &["--no-keyframes"]));
        let before = told(&env);
        assert_eq!(version(&env), n);
        let condition = env.read(&["store", "check", "--json"]).json();
        let found = condition["findings"].as_array().unwrap().iter().find(|found| found["code"] == "own-version");
        let found = found.expect("it is told");
        let advice = json!("snapctl --store ops.db store migrate");
        assert_eq!((&found["severity"], &found["advice"]), (&json!("note"), &advice));
        let foretold = env.read(&["store", "migrate", "--dry-run", "--json"]).json();
        assert_eq!((&foretold["from"], &foretold["to"]), (&json!(n), &json!(VERSION)));
        let migrated = env.on_store(&["store", "migrate"]);
        assert_eq!(
            migrated.ok(),
            format!("the tables of snapctl in ops.db were brought from version {n} to {VERSION}\n")
        );
        assert_eq!(told(&env), before, "all is there");
        let fresh = fixture("drive.sqlite");
        fresh.on_store(&["store", "migrate"]).ok();
        assert_eq!(columns(&env), columns(&fresh));
    }
}

#[test]
fn the_first_change_that_has_more_to_tell_brings_them_along() {
    let changes: [&[&str]; 6] = [
        &["keyframe", "write", "field-notes/global", "--every", "5"],
        &["keyframe", "pin", "field-notes:16", "--reason", "r"],
        &["keyframe", "undo"],
        &["keyframe", "prune", "field-notes", "--keep-last", "1"],
        &["keyframe", "compact", "--codec", "zstd"],
        &["verify", "--record", "--anew"],
    ];
    for n in 1..VERSION {
        for change in changes {
            let env = old(n);
            let before = dump(&env.path("ops.db")).len();
            env.on_store(change).ok();
            assert_eq!(version(&env), VERSION, "{change:?}");
            env.read(&["verify", "--anew"]).ok();
            for label in [3, 9, 13, 19, 20] {
                assert_eq!(rebuilt(&env, label, &[]), rebuilt(&env, label, &["--no-keyframes"]), "{change:?}");
            }
            assert!(before > 0 && dump(&env.path("ops.db")).len() > 20, "no operation is lost");
        }
        let env = old(n);
        for run in ["3", "2", "1"] {
            env.on_store(&["keyframe", "undo", run]).ok();
        }
        assert_eq!(env.read(&["keyframe", "list", "--json"]).json().as_array().unwrap().len(), 2, "as it began");
        env.on_store(&["store", "migrate", "--remove", "--yes"]).ok();
        assert_eq!(columns(&env), []);
        env.read(&["verify"]).ok();
    }
}

#[test]
fn a_change_that_is_given_up_leaves_them_in_their_version() {
    for n in 1..VERSION {
        let env = old(n);
        let store =
            sqlite::open(&env.path("ops.db"), &Options { access: Access::Change, ..Options::default() }).unwrap();
        let stream = StreamKey { document: DRIVE.into(), scope: "global".into(), branch: "main".into() };
        let mut write = store.write().unwrap();
        write.recode(&stream, Revision::of(OpIndex::new(20)), Codec::Zstd).unwrap().unwrap();
        assert_eq!(write.records().tables().unwrap(), OwnTables::Version(VERSION));
        drop(write);
        assert_eq!(store.read().unwrap().records().tables().unwrap(), OwnTables::Version(n));
        assert_eq!(version(&env), n);
        assert_eq!(told(&env), told(&old(n)));
    }
}

#[test]
fn what_was_not_recorded_then_is_recorded_by_the_next_check() {
    let newest = |env: &TestEnv| -> Vec<Option<i64>> {
        let connection = Connection::open(env.path("ops.db")).unwrap();
        let mut statement =
            connection.prepare(r#"SELECT "newestTimeMs" FROM "snapctl_keyframe" ORDER BY "revision""#).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let env = old(1);
    env.on_store(&["store", "migrate"]).ok();
    assert_eq!(newest(&env), [None; 3]);
    env.on_store(&["verify", "--record"]).ok();
    let recorded = newest(&env);
    assert!(recorded.iter().all(Option::is_some) && recorded.is_sorted(), "{recorded:?}");
}
