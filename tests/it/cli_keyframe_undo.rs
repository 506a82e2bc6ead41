//! `snapctl keyframe undo`: every change can be taken back.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use serde_json::{Value, json};
use snapctl::model::ids::{OpIndex, Revision, StreamKey};
use snapctl::model::time::Timestamp;
use snapctl::store::history::{BodyBefore, MutationKind, NewMutation};
use snapctl::store::records::{NewRecord, Pin};
use snapctl::store::{Access, Codec, Options, Store, sqlite};

use crate::cli_keyframe_write::{DRIVE, fixture, import, lines, sql, total};
use crate::support::{Run, TestEnv, dump};

fn answer(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}"))
}

/// What our tables know of keyframes, without when it was checked.
fn records(path: &Path) -> Vec<Vec<Sql>> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection
        .prepare(
            r#"SELECT "documentId", "scope", "revision", "codec", "checksum", "failure", "fingerprint", "pinReason", "seal",
               "createdAt" FROM "snapctl_keyframe" ORDER BY 1, 2, 3"#,
        )
        .unwrap();
    let rows = statement.query_map([], |row| (0..10).map(|column| row.get(column)).collect()).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn what_was_written_and_replaced_is_as_it_was_byte_for_byte() {
    let env = fixture("drive.sqlite");
    sql(
        &env,
        r#"UPDATE "Keyframe" SET "document" = replace("document", '"name":"', '"name":"X') WHERE "revision" = 20"#,
    );
    let before = dump(&env.path("ops.db"));
    for codec in ["json", "zstd", "zstd-delta"] {
        let args = ["keyframe", "write", "--every", "2", "--replace", "--codec", codec, "--json"];
        let run = env.on_store(&args);
        assert_eq!((run.status, &total(&run)["replaced"]), (0, &json!(1)), "{run:?}");
        let foretold = answer(&env.read(&["keyframe", "undo", "--dry-run", "--json"]));
        let undone = answer(&env.on_store(&["keyframe", "undo", "--json"]));
        for member in ["changes", "restored", "removed", "rebuilt", "reset"] {
            assert_eq!(foretold[member], undone[member], "{member}");
        }
        assert_eq!((&undone["restored"], &undone["rebuilt"], &undone["lost"]), (&json!(1), &json!(0), &json!([])));
        assert!(dump(&env.path("ops.db")) == before, "{codec}");
        assert!(records(&env.path("ops.db")).is_empty(), "{codec}");
        assert_eq!(env.read(&["verify"]).status, 1, "the damage is back");
        // Undone is undone.
        let again = env.on_store(&["keyframe", "undo", &undone["undoneRun"].to_string(), "--json"]);
        assert_eq!((again.status, &answer(&again)["changes"]), (0, &json!(0)));
        assert_eq!(env.on_store(&["keyframe", "undo"]).status, 4);
        assert!(dump(&env.path("ops.db")) == before, "{codec}");
    }
}

#[test]
fn an_undo_can_be_undone() {
    let env = fixture("drive.sqlite");
    env.on_store(&["keyframe", "write", "--every", "2"]).ok();
    let written = dump(&env.path("ops.db")).len();
    let undone = answer(&env.on_store(&["keyframe", "undo", "--json"]));
    let again = answer(&env.on_store(&["keyframe", "undo", &undone["run"].to_string(), "--json"]));
    assert_eq!((&again["restored"], &again["changes"]), (&undone["removed"], &undone["changes"]), "{again}");
    assert_eq!(dump(&env.path("ops.db")).len(), written);
    env.read(&["verify", "--anew"]).ok();
    let target = format!("{DRIVE}/global:13");
    let base = env.read(&["rebuild", &target, "--explain"]).json()["explain"]["base"].take();
    assert_eq!(base, json!({ "kind": "keyframe", "revision": 12 }));
}

/// Deletes keyframes, pins one and stores one in another way, as other commands do.
pub(crate) fn change(env: &TestEnv, body: BodyBefore) {
    let store = sqlite::open(&env.path("ops.db"), &Options { access: Access::Change, ..Options::default() }).unwrap();
    let stream = &StreamKey { document: DRIVE.into(), scope: "global".into(), branch: "main".into() };
    let at = Timestamp::from_millis(1_767_225_600_000).unwrap();
    let revision = |label| Revision::of(OpIndex::new(label));
    let mut write = store.write().unwrap();
    let run = write.history_mut().unwrap().begin_run("keyframe prune", at).unwrap();
    let pin = Pin { reason: "other".to_owned(), expires: None };
    for (kind, label) in [
        (MutationKind::Pinned, 4),
        (MutationKind::Recoded, 6),
        (MutationKind::Deleted, 8),
        (MutationKind::Recoded, 10),
        (MutationKind::Deleted, 10),
    ] {
        let revision = revision(label);
        write.history_mut().unwrap().note(&NewMutation { run, at, kind, stream, revision, body }).unwrap();
        match kind {
            MutationKind::Deleted => assert!(write.delete_keyframe(stream, revision).unwrap()),
            MutationKind::Recoded => drop(write.recode(stream, revision, Codec::Zstd).unwrap().unwrap()),
            _ => {
                let record = write.records().keyframe_record(stream, revision).unwrap().unwrap();
                let record = NewRecord { pin: Some(&pin), ..record.as_new() };
                assert!(write.records_mut().unwrap().put_record(&record).unwrap());
            }
        }
    }
    write.commit().unwrap();
}

#[test]
fn what_others_deleted_recoded_and_pinned_comes_back() {
    for body in [BodyBefore::Keep, BodyBefore::Leave] {
        let env = fixture("drive.sqlite");
        sql(&env, r#"DELETE FROM "Keyframe""#);
        env.on_store(&["keyframe", "write", "--every", "2"]).ok();
        let keyframes = |env: &TestEnv| {
            let connection = Connection::open(env.path("ops.db")).unwrap();
            let mut rows =
                connection.prepare(r#"SELECT "revision", "document", "createdAt" FROM "Keyframe" ORDER BY 1"#).unwrap();
            let rows = rows
                .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)));
            rows.unwrap().map(Result::unwrap).collect::<Vec<_>>()
        };
        let (before, known) = (keyframes(&env), records(&env.path("ops.db")));
        change(&env, body);
        assert_ne!(keyframes(&env), before);
        let undone = answer(&env.on_store(&["keyframe", "undo", "--json"]));
        assert_eq!(undone["changes"], 5, "{undone}");
        // The log gives the same bodies: nothing has happened in the store since they were written.
        assert_eq!((&undone["restored"], &undone["reset"]), (&json!(2), &json!(3)), "{undone}");
        assert_eq!(keyframes(&env), before);
        assert_eq!(records(&env.path("ops.db")), known);
        env.read(&["verify"]).ok();
    }
}

#[test]
fn what_the_log_gives_is_stamped_anew() {
    let env = TestEnv::new();
    import(&env, lines(DRIVE, 0..12));
    env.on_store(&["keyframe", "write", "--every", "2"]).ok();
    change(&env, BodyBefore::Leave);
    import(&env, lines(DRIVE, 12..14));
    let undone = answer(&env.on_store(&["keyframe", "undo", "--json"]));
    assert_eq!((&undone["rebuilt"], &undone["restored"]), (&json!(2), &json!(0)), "{undone}");
    env.read(&["verify", "--anew"]).ok();
    let base = env.read(&["rebuild", &format!("{DRIVE}/global:8"), "--explain"]).json()["explain"]["base"].take();
    assert_eq!(base, json!({ "kind": "keyframe", "revision": 8 }));
}

#[test]
fn what_somebody_else_has_changed_since_is_not_overwritten_unasked() {
    let changes = [
        r#"UPDATE "Keyframe" SET "document" = "document" || ' ' WHERE "revision" = 12"#,
        r#"DELETE FROM "Keyframe" WHERE "revision" = 12"#,
    ];
    for change in changes {
        let env = fixture("drive.sqlite");
        let before = dump(&env.path("ops.db"));
        env.on_store(&["keyframe", "write", "--every", "2"]).ok();
        sql(&env, change);
        let as_found = dump(&env.path("ops.db"));
        let refused = env.on_store(&["keyframe", "undo"]);
        assert!(refused.fails(15).contains("keyframe:12"), "{refused:?}");
        assert!(dump(&env.path("ops.db")) == as_found);
        env.on_store(&["keyframe", "undo", "--force"]).ok();
        assert!(dump(&env.path("ops.db")) == before);
    }
    // A later run of snapctl counts as well.
    let env = fixture("drive.sqlite");
    env.on_store(&["keyframe", "write", "--every", "2"]).ok();
    change(&env, BodyBefore::Keep);
    assert_eq!(env.on_store(&["keyframe", "undo", "1"]).status, 15);
    env.on_store(&["keyframe", "undo"]).ok();
    env.on_store(&["keyframe", "undo", "1"]).ok();
    assert_eq!(env.on_store(&["keyframe", "undo", "77"]).status, 4);
}
