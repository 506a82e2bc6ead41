//! Rows that no reactor stores, few and very many of them: they end a rebuild with one clear error or are replayed as the
//! reference replays them (reactor format §6.8), in bounded time.

use serde_json::json;

use crate::hostile::{fill, run, store};
use crate::support::{Operation, TestEnv};

const MANY: i64 = 100_000;

fn action(id: i64, kind: &str, scope: &str, input: &str) -> String {
    format!(r#"{{"id":"x{id}","type":"{kind}","scope":"{scope}","timestampUtcMs":"","input":{input}}}"#)
}

/// A drive with two folders, and `MANY` rows more in a stream that name a scope.
fn many(stream: &str, scope: &str, first: i64, row: impl Fn(i64) -> (u32, &'static str, &'static str)) -> TestEnv {
    store(|file| {
        file.execute_batch(r#"DELETE FROM "Keyframe""#).unwrap();
        let row = |n: i64| {
            let (skip, kind, input) = row(n);
            ("d".to_owned(), stream.to_owned(), n, skip, action(n, kind, scope, input))
        };
        fill(file, (first..first + MANY).map(row));
    })
}

#[test]
fn a_hundred_thousand_history_actions() {
    for (kind, input, words) in [
        (
            "UNDO",
            r#"{"count":1}"#,
            "operation 2 of d/global: Failed to rebuild document d: Maximum call stack size exceeded",
        ),
        ("REDO", r#"{"count":1}"#, "Cannot redo: no operations in the clipboard"),
        ("PRUNE", "{}", "Cannot read properties of undefined (reading 'auth')"),
    ] {
        let env = many("global", "global", 2, |_| (0, kind, input));
        for args in ["rebuild d/global", "rebuild d", "log -p d/global", "rebuild d/global:50000 --as-reactor"] {
            let run = run(&env, args);
            assert!(run.status == 13 && run.stderr.contains(words), "{args}: {run:?}");
        }
        assert_eq!(run(&env, "rebuild d/global:1 --hash").status, 0);
        assert_eq!(run(&env, "log d/global --ndjson").ok().lines().count(), 100_002);
    }
}

#[test]
fn a_hundred_thousand_undos_of_relationships() {
    // In the document scope an UNDO is run, not replayed: there it undoes.
    let (relation, undo) = ((0, "ADD_RELATIONSHIP", "{}"), (0, "UNDO", r#"{"count":1}"#));
    let alternating = many("document", "document", 2, |n| if n % 2 == 0 { relation } else { undo });
    let chain = many("document", "document", 2, |n| if n < MANY / 2 + 2 { relation } else { undo });
    for env in [alternating, chain] {
        assert_eq!(run(&env, "rebuild d/global:1 --hash").status, 0);
    }
}

#[test]
fn a_hundred_thousand_relationships_with_skips() {
    for kind in ["ADD_RELATIONSHIP", "NOOP", "SET_DRIVE_NAME"] {
        let env = many("document", "document", 2, |n| (u32::try_from(n % 4).unwrap(), kind, r#"{"name":"n"}"#));
        for args in ["rebuild d/global", "rebuild d/document", "rebuild d --hash", "log -p d/document -n 1"] {
            assert_eq!(run(&env, args).status, 0, "{kind} {args}");
        }
    }
}

#[test]
fn a_hundred_thousand_rows_of_another_scope() {
    for (scope, skips) in [("local", 3), ("document", 1), ("header", 2), ("other", 3)] {
        let env = many("global", scope, 2, |n| match n % 5 {
            4 => (u32::try_from(n % skips).unwrap(), "NOOP", "{}"),
            _ => (0, "SET_SHARING_TYPE", r#"{"type":"s"}"#),
        });
        for args in ["rebuild d/global", "rebuild d", "log -p d/global -n 1"] {
            assert_eq!(run(&env, args).status, 0, "{scope} {args}");
        }
    }
}

#[test]
fn a_history_out_of_order_stops_with_the_time_allowed() {
    // Each undo replays what came out of order, as in the reference; a run may take long, and can be stopped.
    let env = many("document", "document", 2, |_| (0, "ADD_RELATIONSHIP", "{}"));
    let file = rusqlite::Connection::open(env.path("ops.db")).unwrap();
    let row = |n: i64| {
        let kind = if n % 2 == 0 { "ADD_RELATIONSHIP" } else { "NOOP" };
        let skip = u32::try_from(n % 2).unwrap();
        ("d".to_owned(), "global".to_owned(), n, skip, action(n + MANY * 2, kind, "document", "{}"))
    };
    file.execute_batch(r#"DELETE FROM "Operation" WHERE "scope" = 'global'"#).unwrap();
    super::hostile::fill_after(&file, MANY, (0..2000).map(row));
    let started = std::time::Instant::now();
    let stopped = env.read(&["rebuild", "d/global", "--timeout", "500ms"]);
    assert!([0, 5].contains(&stopped.status) && started.elapsed().as_secs() < 10, "{stopped:?}");
    assert_eq!(run(&env, "rebuild d/global:100 --hash").status, 0);
}

#[test]
fn parents_that_lead_in_circles() {
    let nodes: Vec<_> = (0..20_000)
        .map(|n| json!({ "id": format!("n{n}"), "name": "n", "kind": "folder", "parentFolder": format!("n{}", (n + 1) % 20_000) }))
        .collect();
    let loaded = json!({ "operations": 1, "state": { "name": "l", "data": {
        "auth": { "version": 0, "grants": [] }, "document": { "version": 1 },
        "global": { "name": "", "icon": null, "nodes": nodes },
        "local": { "listeners": [], "triggers": [], "sharingType": "p", "availableOffline": false },
    } } });
    let env = TestEnv::with_store(|store| {
        store.document("d", "powerhouse/document-drive", "One", "main");
        let rows = [
            ("LOAD_STATE", loaded),
            ("MOVE_NODE", json!({ "srcFolder": "n5", "targetParentFolder": "n3" })),
            ("COPY_NODE", json!({ "srcId": "n5", "targetId": "c", "targetParentFolder": "n7" })),
            ("MOVE_NODE", json!({ "srcFolder": "n5", "targetParentFolder": "n5" })),
            ("DELETE_NODE", json!({ "id": "n9" })),
            ("NOOP", json!({})),
            ("NOOP", json!({})),
        ];
        for (index, (kind, input)) in (0..).zip(rows) {
            let skip = u32::from(kind == "NOOP");
            store.operation(&Operation { skip, ..Operation::new("d", "global", index, kind, input) });
        }
    });
    for args in
        ["rebuild d/global", "rebuild d", "rebuild d/global:4", "log -p d/global", "rebuild d/global:3 --as-reactor"]
    {
        assert_eq!(run(&env, args).status, 0, "{args}");
    }
}

#[test]
fn rows_in_any_order_and_twice() {
    let truth = TestEnv::with_store(|store| store.drive("d", "One", 4));
    let hash = |env: &TestEnv| env.read(&["rebuild", "d/global", "--hash"]).ok().to_owned();
    // Their order in the table does not count.
    let shuffled = TestEnv::with_store(|store| {
        store.drive("d", "One", 4);
        store.sql(r#"UPDATE "Operation" SET "id" = 100 - "id""#);
    });
    assert_eq!(hash(&shuffled), hash(&truth));
    // Ids may come twice; a store without unique keys may have two rows at one index, which are both run.
    let twice = TestEnv::with_store(|store| {
        store.drive("d", "One", 4);
        store.sql(
            r#"CREATE TABLE "Copy" AS SELECT * FROM "Operation"; DROP TABLE "Operation";
               ALTER TABLE "Copy" RENAME TO "Operation"; UPDATE "Operation" SET "opId" = 'same';
               INSERT INTO "Operation" SELECT * FROM "Operation" WHERE "scope" = 'global' AND "index" = 2;
               UPDATE "Operation" SET "action" = json_set("action", '$.input.id', 'again', '$.input.name', 'again')
                   WHERE "rowid" = (SELECT max("rowid") FROM "Operation");"#,
        );
    });
    let answer = twice.read(&["rebuild", "d/global"]);
    assert!(answer.json()["state"]["global"]["nodes"].as_array().unwrap().iter().any(|node| node["id"] == "again"));
    // An undo of the last one leaves both: which one it was asked for again is not lost.
    let undone = TestEnv::with_store(|store| {
        store.drive("d", "One", 4);
        store.operation(&Operation { skip: 1, ..Operation::new("d", "global", 4, "NOOP", json!({})) });
        store.sql(
            r#"CREATE TABLE "Copy" AS SELECT * FROM "Operation"; DROP TABLE "Operation";
               ALTER TABLE "Copy" RENAME TO "Operation";
               INSERT INTO "Operation" SELECT * FROM "Operation" WHERE "scope" = 'global' AND "index" = 2;
               UPDATE "Operation" SET "action" = json_set("action", '$.input.id', 'again', '$.input.name', 'again')
                   WHERE "rowid" = (SELECT max("rowid") FROM "Operation");"#,
        );
    });
    let nodes = undone.read(&["rebuild", "d/global", "--state"]).json()["nodes"].clone();
    let ids: Vec<&str> = nodes.as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["again", "f0", "f1", "f2"]);
}
