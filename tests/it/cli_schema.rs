//! `snapctl schema`, and that every command prints what its schema says: all members described, all of them shown once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::support::{Operation, StoreFile, TestEnv};

fn snapctl(args: &[&str]) -> assert_cmd::Command {
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_snapctl"));
    command.current_dir(fixtures()).env_clear().args(args);
    command
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

#[track_caller]
fn stdout(args: &[&str]) -> String {
    let output = snapctl(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The names that there are schemas of.
fn names() -> Vec<String> {
    let list: Value = serde_json::from_str(&stdout(&["schema", "--json"])).unwrap();
    list.as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
}

fn schema(name: &str) -> Value {
    let words: Vec<&str> = ["schema"].into_iter().chain(name.split(' ')).collect();
    serde_json::from_str(&stdout(&words)).unwrap()
}

/// The schema with every object closed that it describes the members of.
fn closed(mut schema: Value) -> Value {
    fn close(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.values_mut().for_each(close);
                if members.get("properties").is_some_and(Value::is_object) && members.contains_key("type") {
                    members.entry("additionalProperties").or_insert(false.into());
                }
            }
            Value::Array(items) => items.iter_mut().for_each(close),
            _ => {}
        }
    }
    close(&mut schema);
    schema
}

/// All schemas, closed, and what has been seen of them.
struct Described {
    schemas: BTreeMap<String, (Value, Validator)>,
    seen: BTreeSet<String>,
}

impl Described {
    fn read() -> Self {
        let compiled = names().into_iter().map(|name| {
            let schema = closed(schema(&name));
            let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
            (name, (schema, validator))
        });
        Described { schemas: compiled.collect(), seen: BTreeSet::new() }
    }

    /// Holds a value against a schema.
    #[track_caller]
    fn hold(&mut self, name: &str, value: &Value) {
        let (schema, validator) = &self.schemas[name];
        if let Err(error) = validator.validate(value) {
            panic!("{name}: {error} at {}\n{value:#}", error.instance_path());
        }
        walk(schema, schema, name, value, &mut self.seen);
    }

    /// Runs a command in all its forms, and holds all it prints against schema `name`.
    #[track_caller]
    fn run(&mut self, name: &str, store: &Path, args: &[&str]) -> i32 {
        let config = ["--config", "snapctl.toml", "--store"];
        let whole = |form: &str, more: &[&str]| {
            let mut command = snapctl(&config);
            command.arg(store).args(args).arg(form).args(more).output().unwrap()
        };
        let indented = whole("--json", &[]);
        let lines = whole("--ndjson", &["--progress", "json", "-v"]);
        assert_eq!(indented.status, lines.status, "{args:?}: {lines:?}");
        if !indented.stdout.is_empty() {
            let value: Value = serde_json::from_slice(&indented.stdout).unwrap();
            self.hold(name, &value);
            let lines: Vec<Value> = lines
                .stdout
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
                .map(|line| serde_json::from_slice(line).unwrap())
                .collect();
            let several = args[0] == "rebuild" && args.get(2).is_some_and(|target| !target.starts_with('-'))
                || matches!(args, ["config" | "explain"] | ["explain", _, _, ..]);
            let is_list = several || self.schemas[name].0["type"] == "array";
            for line in &lines {
                // The schema of a list is that of its array, whose items are the lines.
                self.hold(name, &if is_list { json!([line]) } else { line.clone() });
            }
            if is_list {
                assert_eq!(lines.len(), value.as_array().unwrap().len(), "{args:?}");
            } else {
                assert_eq!(lines.len(), 1, "{args:?}");
            }
        }
        self.said(&indented.stderr);
        self.said(&lines.stderr);
        indented.status.code().unwrap()
    }

    /// Runs `verify`, whose lines are not the items of an array.
    #[track_caller]
    fn verify(&mut self, store: &Path, args: &[&str]) {
        let run = |form: &str| {
            let mut command = snapctl(&["--config", "snapctl.toml", "--store"]);
            command.arg(store).arg("verify").arg(form).args(args).output().unwrap()
        };
        self.hold("verify", &serde_json::from_slice(&run("--json").stdout).unwrap());
        for line in String::from_utf8(run("--ndjson").stdout).unwrap().lines() {
            self.hold("verify-line", &serde_json::from_str(line).unwrap());
        }
    }

    /// Holds what was said on stderr, as JSON, against the schema of each line.
    #[track_caller]
    fn said(&mut self, stderr: &[u8]) {
        for line in String::from_utf8_lossy(stderr).lines() {
            let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            let known = [
                ("error", "error"),
                ("progress", "progress"),
                ("watched", "watch-summary"),
                ("tiers", "append-summary"),
            ];
            let name = known.into_iter().find(|(key, _)| value.get(key).is_some()).map_or("talk", |(_, name)| name);
            self.hold(name, &value);
        }
    }

    #[track_caller]
    fn batch(&mut self, store: &Path, options: &[&str], requests: &[Value]) {
        let requested: Vec<String> = requests.iter().map(Value::to_string).collect();
        let mut command = snapctl(&["rebuild", "--batch", "--ndjson", "--store"]);
        let output =
            command.arg(store).args(options).write_stdin(requested.join("\n") + "\nno request\n").output().unwrap();
        let answers: Vec<Value> =
            String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(answers.len(), requests.len() + 1);
        for request in requests {
            self.hold("rebuild-request", request);
        }
        for answer in &answers {
            self.hold("rebuild-batch", answer);
        }
        self.said(&output.stderr);
    }

    /// The members that were described and never shown.
    fn unseen(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for (name, (schema, _)) in &self.schemas {
            all.extend(members(schema).map(|(place, _)| format!("{name}.{place}")));
        }
        all.difference(&self.seen).cloned().collect()
    }
}

/// Notes every member of the value that the schema describes, unless it is null.
fn walk(root: &Value, schema: &Value, place: &str, value: &Value, seen: &mut BTreeSet<String>) {
    let name = place.split('.').next().unwrap();
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let target = target.strip_prefix("#/$defs/").unwrap();
        return walk(root, &root["$defs"][target], &format!("{name}.{target}"), value, seen);
    }
    for branch in
        ["anyOf", "oneOf"].into_iter().filter_map(|key| schema.get(key)).flat_map(|all| all.as_array().unwrap())
    {
        let mut whole = branch.clone();
        if let (Some(whole), Some(definitions)) = (whole.as_object_mut(), root.get("$defs")) {
            whole.insert("$defs".to_owned(), definitions.clone());
        }
        if jsonschema::is_valid(&whole, value) {
            walk(root, branch, place, value, seen);
        }
    }
    if let Some(items) = schema.get("items") {
        value.as_array().into_iter().flatten().for_each(|item| walk(root, items, place, item, seen));
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (key, member) in properties.into_iter().flatten() {
        if let Some(value) = value.get(key).filter(|value| !value.is_null()) {
            seen.insert(format!("{place}.{key}"));
            walk(root, member, place, value, seen);
        }
    }
}

/// Every member that a schema describes, with its place and its own schema.
fn members(schema: &Value) -> impl Iterator<Item = (String, &Value)> {
    fn collect<'a>(schema: &'a Value, place: &str, found: &mut Vec<(String, &'a Value)>) {
        let Some(keywords) = schema.as_object() else { return };
        for (keyword, value) in keywords {
            match keyword.as_str() {
                "properties" => {
                    for (key, member) in value.as_object().unwrap() {
                        found.push((format!("{place}{key}"), member));
                        collect(member, place, found);
                    }
                }
                "$defs" => {
                    for (name, definition) in value.as_object().unwrap() {
                        collect(definition, &format!("{name}."), found);
                    }
                }
                "items" | "additionalProperties" => collect(value, place, found),
                "anyOf" | "oneOf" => value.as_array().unwrap().iter().for_each(|branch| collect(branch, place, found)),
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    collect(schema, "", &mut found);
    found.into_iter()
}

/// Operations that failed or were denied, a gap, a circle of folders, and folders that are missing.
fn hostile() -> TestEnv {
    TestEnv::with_store(|store: &StoreFile| {
        store.drive("d1", "One", 3);
        store.operation(&Operation::new(
            "d1",
            "global",
            3,
            "MOVE_NODE",
            json!({ "srcFolder": "f0", "targetParentFolder": "f2" }),
        ));
        let failed = Operation::new("d1", "global", 4, "DELETE_NODE", json!({ "id": "none" }));
        store.operation(&Operation { error: Some("no such node"), ..failed });
        let denied = Operation::new("d1", "global", 5, "ADD_FOLDER", json!({ "id": "x", "name": "X" }));
        store.operation(&Operation { denied: Some("not allowed"), ..denied });
        store.operation(&Operation::new("d1", "global", 9, "SET_DRIVE_NAME", json!({ "name": "After a gap" })));
        store.operation(&Operation::new("d1", "global", 10, "DELETE_NODE", json!({ "id": "f1" })));
        store.document("d2", "some/type", "Unknown", "main");
        store.drive("d3", "Lost", 2);
        let orphan = json!({ "id": "o", "name": "Orphan", "parentFolder": "gone" });
        store.operation(&Operation::new("d3", "global", 2, "ADD_FOLDER", orphan));
    })
}

#[test]
fn every_command_prints_what_its_schema_says() {
    let mut described = Described::read();
    for (store, documents) in
        [("drive", &["field-notes"][..]), ("undo", &["sketchbook", "old-sketchbook"]), ("upgrade", &["expo"])]
    {
        let path = fixtures().join(format!("{store}.sqlite"));
        for args in [&["ls"][..], &["ls", "-l"]] {
            assert_eq!(described.run("ls", &path, args), 0);
        }
        assert_eq!(described.run("store info", &path, &["store", "info"]), 0);
        for document in documents {
            every_form(&mut described, &path, document);
        }
    }
    let env = hostile();
    let path = env.path("ops.db");
    for store in [&fixtures().join("drive.sqlite"), &path] {
        described.verify(store, &[]);
        described.verify(store, &["--max-errors", "1"]);
    }
    for document in ["d1", "d2", "d3", "none"] {
        every_form(&mut described, &path, document);
    }
    described.run("ls", &path, &["ls", "-l"]);
    assert_eq!(described.run("ls", &path, &["ls", "x"]), 4);
    assert_eq!(described.run("log", &path, &["log", "d1/global", "--strict"]), 13);
    let missing = env.path("none.db");
    assert_eq!(described.run("ls", &missing, &["ls"]), 10);
    assert_eq!(described.run("model list", &missing, &["model", "list"]), 0);
    assert_eq!(described.run("schema", &missing, &["schema"]), 0);
    about_the_program(&mut described, &missing, &env);
    about_keyframes(&mut described, &env);
    in_and_out(&mut described, &path, &env);
    appended(&mut described);
    cached(&mut described);
    watched(&mut described);
    keyframes_written(&mut described);
    keyframes(&mut described, &env);
    figures(&mut described, &path, &env);
    let unseen: BTreeSet<String> =
        described.unseen().into_iter().filter(|place| !place.starts_with("settings.")).collect();
    assert!(unseen.is_empty(), "members that no run shows: {unseen:?}");
}

/// What says something of the program and its settings.
fn about_the_program(described: &mut Described, missing: &Path, env: &TestEnv) {
    let pages = env.path("man");
    assert_eq!(described.run("completions", missing, &["completions", "bash"]), 0);
    assert_eq!(described.run("man", missing, &["man", "store", "info"]), 0);
    assert_eq!(described.run("man-files", missing, &["man", "--dir", pages.to_str().unwrap()]), 0);
    assert_eq!(described.run("explain", missing, &["explain"]), 0);
    assert_eq!(described.run("explain", missing, &["explain", "gap"]), 0);
    assert_eq!(described.run("explain", missing, &["explain", "gap", "TIME_ORDER"]), 0);
    assert_eq!(described.run("config", missing, &["config"]), 0);
    assert_eq!(described.run("config", missing, &["config", "keyframes.trust"]), 0);
    assert_eq!(described.run("config-files", missing, &["config", "--files"]), 0);
    std::fs::write(env.path("s.toml"), "[limits]\ntimeout = '9s'\n[profiles.p]\nkeyframes.trust = 'any'\n").unwrap();
    let mut every_origin =
        env.snapctl(&["config", "--config", "s.toml", "--profile", "p", "--color", "never", "--json"]);
    let output = every_origin.env("SNAPCTL_STORE", "x.db").output().unwrap();
    described.hold("config", &serde_json::from_slice(&output.stdout).unwrap());
    let one = env.run(&["config", "--config", "s.toml", "limits.timeout", "--json"]).json();
    described.hold("config", &one);
}

/// What says something of keyframes and of the store as a whole.
fn figures(described: &mut Described, path: &Path, env: &TestEnv) {
    let store = env.path("keyframes.db");
    std::fs::copy(fixtures().join("drive.sqlite"), &store).unwrap();
    let sql = r#"UPDATE "Keyframe" SET "document" = replace("document", 'spring', 'autumn') WHERE "revision" = 20"#;
    rusqlite::Connection::open(&store).unwrap().execute_batch(sql).unwrap();
    let mut verify = snapctl(&["verify", "--record", "-q", "--store"]);
    assert_eq!(verify.arg(&store).output().unwrap().status.code(), Some(1));
    let sql = r#"INSERT INTO "Keyframe" ("documentId", "documentType", "scope", "branch", "revision", "document", "createdAt")
        SELECT "documentId", "documentType", "scope", "branch", 2, '{}', "createdAt" FROM "Keyframe" WHERE "revision" = 10"#;
    rusqlite::Connection::open(&store).unwrap().execute_batch(sql).unwrap();
    let pin = ["keyframe", "pin", "field-notes:10", "--reason", "x", "--expires"];
    for expires in ["2099-01-01", "2099-01-02"] {
        assert_eq!(described.run("keyframe pin", &store, &[&pin[..], &[expires]].concat()), 0);
    }
    assert_eq!(described.run("keyframe list", &store, &["keyframe", "list", "-l"]), 0);
    assert_eq!(described.run("keyframe-gaps", &store, &["keyframe", "list", "--gaps", "--max-replay-ops", "3"]), 0);
    assert_eq!(described.run("keyframe show", &store, &["keyframe", "show", "field-notes:10"]), 0);
    assert_eq!(described.run("keyframe show", &store, &["keyframe", "show", "field-notes:20"]), 1);
    let sql = r#"UPDATE "Operation" SET "action" = 'x' WHERE "scope" = 'global' AND "index" = 1"#;
    let broken = env.path("broken.db");
    std::fs::copy(&store, &broken).unwrap();
    rusqlite::Connection::open(&broken).unwrap().execute_batch(sql).unwrap();
    assert_eq!(described.run("keyframe show", &broken, &["keyframe", "show", "field-notes:10"]), 5);
    assert_eq!(described.run("keyframe unpin", &store, &["keyframe", "unpin", "field-notes:10"]), 0);
    for args in [&["stats"][..], &["stats", "--paths", "--top", "replay-ms"]] {
        assert_eq!(described.run("stats", &store, args), 0);
        described.run("stats", path, args);
    }
}

/// What says something of keyframes.
fn about_keyframes(described: &mut Described, env: &TestEnv) {
    let store = StoreFile::create(&env.path("keyframes.db"));
    store.drive("d1", "One", 30);
    store.drive("d2", "Two", 30);
    store.sql(r#"UPDATE "Operation" SET "action" = 'x' WHERE "documentId" = 'd2'"#);
    let (path, trace) = (env.path("keyframes.db"), env.path("trace.ndjson"));
    let read = json!({ "document": "d1", "scope": "global", "branch": "main", "revision": 12 });
    described.hold("access-line", &read);
    let accesses = std::fs::read_to_string(fixtures().join("trace.ndjson")).unwrap();
    for access in accesses.lines() {
        described.hold("access-line", &serde_json::from_str(access).unwrap());
    }
    let sizes = ["--memory", "1MiB,4MiB", "--disk", "none,4MiB", "--keyframe-every", "10"];
    let simulate = [&["cache", "simulate", "trace.ndjson"], &sizes[..]].concat();
    assert_eq!(described.run("cache simulate", &path, &simulate), 0);
    std::fs::write(&trace, read.to_string()).unwrap();
    assert_eq!(described.run("keyframe tune", &path, &["keyframe", "tune", "--trace", trace.to_str().unwrap()]), 0);
    assert_eq!(described.run("keyframe tune", &path, &["keyframe", "tune", "--max-duration", "0s"]), 5);
}

/// What moves rows.
fn in_and_out(described: &mut Described, path: &Path, env: &TestEnv) {
    let drive = fixtures().join("drive.sqlite");
    for store in [path, &drive] {
        let output = snapctl(&["export", "--ndjson", "--store"]).arg(store).output().unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        assert!(lines.lines().count() > 5);
        for line in lines.lines().map(|line| serde_json::from_str(line).unwrap()) {
            described.hold("export", &line);
            described.hold("import-line", &line);
        }
        let array = snapctl(&["export", "--json", "--store"]).arg(store).output().unwrap();
        let array: Value = serde_json::from_slice(&array.stdout).unwrap();
        assert_eq!(array.as_array().unwrap().len(), lines.lines().count());
    }
    let mut dumped: Value = serde_json::from_str(
        r#"{"id":1,"documentId":"d","documentType":"t","index":0,"action":"{}","opId":"o","timestampUtcMs":0}"#,
    )
    .unwrap();
    for name in ["export", "import-line"] {
        described.hold(name, &dumped);
        let keyframe =
            json!({ "id": 1, "documentId": "d", "documentType": "t", "revision": 0, "createdAt": 0, "document": {} });
        described.hold(name, &json!({ "keyframe": keyframe }));
    }
    dumped["index"] = json!(-1);
    assert!(!described.schemas["import-line"].1.is_valid(&dumped));
    let (file, made) = (env.path("out.ndjson"), env.path("made.db"));
    assert_eq!(described.run("export-file", &drive, &["export", "--force", "--to", file.to_str().unwrap()]), 0);
    assert_eq!(described.run("store init", &made, &["store", "init", "--if-missing"]), 0);
    assert_eq!(described.run("store migrate", &made, &["store", "migrate"]), 0);
    assert_eq!(described.run("store info", &made, &["store", "info"]), 0);
    let writer = rusqlite::Connection::open(&made).unwrap();
    writer
        .execute_batch(
            "PRAGMA journal_mode = WAL; DROP INDEX keyframe_lookup; INSERT INTO snapctl_run VALUES (1, 'c', 0, NULL)",
        )
        .unwrap();
    assert_eq!(described.run("store check", &made, &["store", "check"]), 0);
    writer.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())).unwrap();
    drop(writer);
    assert_eq!(described.run("store migrate", &made, &["store", "migrate", "--remove"]), 0);
    assert_eq!(described.run("import", &made, &["import", "--dry-run", file.to_str().unwrap()]), 0);
    assert_eq!(described.run("import", &made, &["import", "--continue", path.to_str().unwrap()]), 1);
}

/// What appends operations.
fn appended(described: &mut Described) {
    let env = crate::cli_keyframe_write::fixture("drive.sqlite");
    let lines = [
        json!({ "document": DRIVE, "branch": "main", "action": { "type": "SET_DRIVE_NAME", "input": { "name": "N" } } }),
        json!({ "document": DRIVE, "action": { "type": "ADD_FOLDER", "input": {} } }),
        json!({ "document": DRIVE, "action": { "type": "REDO", "input": 1 } }),
    ];
    for line in &lines {
        described.hold("append-line", line);
    }
    let text = lines.map(|line| line.to_string()).join("\n");
    let mut command = snapctl(&["append", "--documents", "--ndjson", "--keyframe-every", "1", "--store"]);
    command.env("SNAPCTL_CACHE_DISK", "always").env("SNAPCTL_CACHE_DIR", env.path("cache"));
    let output = command.arg(env.path("ops.db")).write_stdin(text).output().unwrap();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        described.hold("append", &serde_json::from_str(line).unwrap());
    }
    described.said(&output.stderr);
}

/// What looks after the cache file.
fn cached(described: &mut Described) {
    let env = crate::cli_keyframe_write::fixture("drive.sqlite");
    let read = |args: &[&str]| -> Value {
        let mut command = env.snapctl(args);
        let output = command.env("SNAPCTL_STORE", "ops.db").arg("--json").output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    described.hold("cache warm", &read(&["cache", "warm"]));
    read(&["cache", "warm"]);
    described.hold("cache stats", &read(&["cache", "stats", "--all-stores"]));
    described.hold("cache stats", &read(&["cache", "stats"]));
    let list = read(&["cache", "list"]);
    described.hold("cache list", &list);
    described.hold("cache show", &read(&["cache", "show", list[1]["key"].as_str().unwrap()]));
    described.hold("cache drop", &read(&["cache", "drop", "--all"]));
    described.hold("cache prune", &read(&["cache", "prune"]));
}

/// What follows a store: each kind of event, of operations with everything that one can have.
fn watched(described: &mut Described) {
    let env = TestEnv::with_store(|store| {
        store.drive("d1", "One", 2);
        let failed = Operation::new("d1", "global", 2, "ADD_FOLDER", json!({}));
        store.operation(&Operation { error: Some("no"), denied: Some("never"), skip: 1, ..failed });
        store.operation(&Operation::new("d1", "document", 2, "DELETE_DOCUMENT", json!({ "documentId": "d1" })));
    });
    env.on_store(&["keyframe", "write", "d1/global", "--at", "1"]).ok();
    // Behind an operation that is not there: this is another log.
    let run = env.on_store(&["watch", "--since", "99", "--warm", "--until-idle", "0s", "--ndjson"]);
    let mut kinds = BTreeSet::new();
    for line in run.lines() {
        described.hold("watch", &line);
        kinds.insert(line["event"].as_str().unwrap().to_owned());
    }
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["drop", "keyframe", "operation", "reset", "warmed"]);
    described.said(run.stderr.as_bytes());
}

/// The drive of the fixtures.
const DRIVE: &str = "f1e1d0c5-7a3e-4d52-9b60-2c8e41f7a6d3";

/// What writes keyframes and takes that back.
fn keyframes_written(described: &mut Described) {
    let env = crate::cli_keyframe_write::fixture("drive.sqlite");
    let path = env.path("ops.db");
    crate::cli_keyframe_write::import(&env, crate::cli_keyframe_write::lines("other", 0..12));
    let broken = r#"UPDATE "Operation" SET "action" = json_set("action", '$.type', 'PRUNE') WHERE "index" = 7"#;
    let write = ["keyframe", "write", "--every", "2", "--replace"];
    described.hold("keyframe write", &env.on_store(&[&write[..], &["--json"]].concat()).json());
    for line in env.on_store(&["keyframe", "write", "other", "--at", "3", "--ndjson"]).lines() {
        described.hold("keyframe-written", &line);
    }
    crate::cli_keyframe_undo::change(&env, snapctl::store::history::BodyBefore::Leave);
    crate::cli_keyframe_write::sql(&env, broken);
    for more in [&["--dry-run"][..], &["--max-duration", "1ms"], &[]] {
        let run = |form: &str| {
            let mut command = snapctl(&["--store"]);
            command.arg(&path).args(write).args(more).arg(form).output().unwrap().stdout
        };
        described.hold("keyframe write", &serde_json::from_slice(&run("--json")).unwrap());
        for line in String::from_utf8(run("--ndjson")).unwrap().lines() {
            described.hold("keyframe-written", &serde_json::from_str(line).unwrap());
        }
    }
    // Run 1 wrote what run 3 has changed.
    crate::cli_keyframe_write::sql(&env, r#"DELETE FROM "Keyframe" WHERE "revision" = 2"#);
    assert_eq!(described.run("keyframe undo", &path, &["keyframe", "undo", "3", "--force", "--dry-run"]), 1);
    assert_eq!(described.run("keyframe undo", &path, &["keyframe", "undo", "1"]), 15);
    assert_eq!(described.run("keyframe undo", &path, &["keyframe", "undo", "1", "--force", "--dry-run"]), 0);
    let undone = env.on_store(&["keyframe", "undo", "1", "--force", "--json"]).json();
    described.hold("keyframe undo", &undone);
    assert_eq!(described.run("keyframe history", &path, &["keyframe", "history"]), 0);
    let drive = crate::cli_keyframe_write::DRIVE;
    assert_eq!(described.run("keyframe history", &path, &["keyframe", "history", drive]), 0);
}

/// Everything that can be asked of a document, whether or not it can be answered.
fn every_form(described: &mut Described, path: &Path, document: &str) {
    for scope in ["global", "document"] {
        let target = format!("{document}/{scope}");
        described.run("log", path, &["log", &target]);
        described.run("log", path, &["log", &target, "-p"]);
        described.run("log", path, &["log", &target, "--pointer", "/name"]);
        described.run("rebuild", path, &["rebuild", &target, "--explain", "--trust", "any"]);
        described.run("rebuild-state", path, &["rebuild", &target, "--state"]);
    }
    let earlier = format!("{document}/global:2");
    described.run("rebuild", path, &["rebuild", document]);
    described.run("rebuild", path, &["rebuild", document, "--explain", "--trust", "any"]);
    described.run("rebuild", path, &["rebuild", document, &earlier, "--explain"]);
    described.run("rebuild-hash", path, &["rebuild", document, "--hash"]);
    described.run("rebuild-hash", path, &["rebuild", document, &earlier, "--hash"]);
    described.run("rebuild", path, &["rebuild", &format!("{document}:9999")]);
    described.run("ls-tree", path, &["ls", document, "--tree"]);
    let list = snapctl(&["ls", "--ndjson", "--jq", ".document", "--store"]).arg(path).output().unwrap().stdout;
    let ids: Vec<Value> =
        list.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    let mut requests = vec![json!({ "document": document, "scope": "global", "branch": "other", "at": "head~1" })];
    requests.extend(
        ids.iter().flat_map(|id| [json!({ "document": id }), json!({ "document": id, "scope": "global", "at": 1 })]),
    );
    described.batch(path, &[], &requests);
    described.batch(path, &["--explain"], &requests);
    let etag = snapctl(&["rebuild", document, "--jq", ".etag", "--store"]).arg(path).output().unwrap().stdout;
    let etag = String::from_utf8(etag).unwrap();
    described.run("rebuild", path, &["rebuild", document, "--if-none-match", etag.trim_end()]);
    described.batch(path, &[], &[json!({ "document": document, "ifNoneMatch": etag.trim_end() })]);
    described.batch(path, &["--explain", "--trust", "any"], &requests);
}

/// What is done to keyframes, whose lines are not the items of an array.
fn keyframes(described: &mut Described, env: &TestEnv) {
    let store = env.path("keyframes.db");
    std::fs::copy(fixtures().join("drive.sqlite"), &store).unwrap();
    let mut run = |args: &[&str]| {
        let whole = |form: &str| {
            let output = snapctl(&["--store"]).arg(&store).args(args).arg(form).output().unwrap();
            assert!(output.status.success(), "{args:?}: {output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        // All three say the same things.
        for name in ["keyframe prune", "keyframe compact", "keyframe apply"] {
            described.hold(name, &serde_json::from_str(&whole("--json")).unwrap());
        }
        for line in whole("--ndjson").lines() {
            described.hold("keyframe-line", &serde_json::from_str(line).unwrap());
        }
    };
    let plan = env.path("compact.ndjson");
    let file = plan.to_str().unwrap();
    let rules = [
        "--keep-every",
        "7",
        "--keep-last",
        "1",
        "--keep-within",
        "1w",
        "--keep-log-spaced",
        "2",
        "--max-replay-ops",
        "9",
    ];
    let planned =
        [&["keyframe", "compact", "--codec", "zstd", "--vacuum", "--plan", file, "--force", "--explain"], &rules[..]]
            .concat();
    run(&planned);
    let prune = ["keyframe", "prune", "--keep-last", "1", "--dry-run", "--explain"];
    run(&prune);
    run(&["keyframe", "apply", file, "--dry-run", "--explain"]);
    let pruned = env.path("prune.ndjson");
    run(&["keyframe", "prune", "--keep-last", "1", "--force", "--plan", pruned.to_str().unwrap()]);
    run(&["keyframe", "compact", "--codec", "zstd", "--vacuum"]);
    for plan in [&plan, &pruned] {
        for line in std::fs::read_to_string(plan).unwrap().lines() {
            described.hold("keyframe-plan", &serde_json::from_str(line).unwrap());
        }
    }
}

#[test]
fn every_schema_is_valid_and_describes_every_member() {
    let mut ids = BTreeSet::new();
    for name in names() {
        let schema = schema(&name);
        assert!(jsonschema::draft202012::meta::is_valid(&schema), "{name}");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert!(ids.insert(schema["$id"].as_str().unwrap().to_owned()), "{name}");
        assert!(schema["title"].is_string() && schema["description"].is_string(), "{name}");
        for (place, member) in members(&schema) {
            let description = member["description"].as_str().unwrap_or_default();
            assert!(!description.is_empty(), "{name}: {place} is not described");
            assert!(!description.contains('['), "{name}: {place}: {description}");
        }
        // Who validates with it must not stumble over what a later version adds.
        if !matches!(name.as_str(), "settings" | "rebuild-request" | "append-line") {
            assert!(!schema.to_string().contains("\"additionalProperties\":false"), "{name}");
        }
    }
}

#[test]
fn settings_are_what_their_schema_says() {
    let validator = jsonschema::validator_for(&schema("settings")).unwrap();
    let text = std::fs::read_to_string(fixtures().join("snapctl.toml")).unwrap();
    let settings: toml::Table = text.parse().unwrap();
    assert!(validator.is_valid(&serde_json::to_value(settings).unwrap()));
    assert!(!validator.is_valid(&json!({ "modles": {} })));
}

#[test]
fn names_are_given_as_they_are_typed() {
    let env = TestEnv::new();
    assert_eq!(env.run(&["schema", "store", "info"]).json(), env.run(&["schema", "store info"]).json());
    assert_eq!(env.run(&["schema", "ls", "--ndjson"]).ok().lines().count(), 1);
    assert_eq!(env.run(&["schema", "ls", "--jq", ".title"]).ok(), "snapctl ls\n");
    assert!(env.run(&["schema"]).ok().contains("\nstore info        the store\n"), "{}", env.run(&["schema"]).ok());
}

#[test]
fn an_unknown_name_is_told_with_the_one_meant() {
    let env = TestEnv::new();
    for (name, hint) in [
        ("rebild", "hint: did you mean rebuild?"),
        ("store", "hint: there is store check, store info, store init, store migrate"),
        ("rebuild-", "hint: there is rebuild-batch, rebuild-hash, rebuild-request, rebuild-state"),
        ("nonsense", "hint: `snapctl schema` lists the names"),
    ] {
        let run = env.run(&["schema", name]);
        assert_eq!(run.fails(2), format!("error: there is no schema of \"{name}\"\n{hint}\n"));
    }
}
