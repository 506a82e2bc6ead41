//! `snapctl store`.

use serde_json::json;

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
