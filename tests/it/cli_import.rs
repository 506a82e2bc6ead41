//! `snapctl import`.

use serde_json::json;

use crate::support::{StoreFile, TestEnv, dump};

/// A line with what is required, and an action that says the rest.
fn line(document: &str, index: u32) -> String {
    format!(
        r#"{{"documentId":"{document}","documentType":"x/y","index":{index},"action":{{"id":"{document}-{index}","type":"SET","timestampUtcMs":"2025-01-01T00:00:00Z","input":{{"n":{index}}}}}}}"#
    )
}

fn empty() -> TestEnv {
    TestEnv::with_store(|_| ())
}

fn with_lines(env: &TestEnv, name: &str, lines: &[String]) {
    std::fs::write(env.path(name), lines.join("\n") + "\n").unwrap();
}

/// What is said about one line.
#[track_caller]
fn refused(text: &str) -> String {
    let env = empty();
    let run = env.read_with_input(&["import", "--json"], format!("\n{text}\n"));
    let message = run.error(13)["message"].as_str().unwrap().to_owned();
    assert!(dump(&env.path("ops.db")).is_empty());
    message
}

#[test]
fn what_a_line_does_not_say_follows_from_the_rest() {
    let env = empty();
    let lines = [line("doc-1", 0), line("doc-1", 1)].join("\n");
    let run = env.read_with_input(&["import"], lines);
    assert_eq!(run.ok(), "2 operations and 0 keyframes added\n");
    let connection = rusqlite::Connection::open(env.path("ops.db")).unwrap();
    let row = |id: u32| -> Vec<String> {
        connection
            .query_row(
                r#"SELECT "opId", "prevOpId", "jobId", "scope", "branch", "timestampUtcMs", "writeTimestampUtcMs", "skip", "hash",
                ifnull("error", 'NULL'), ifnull("deniedReason", 'NULL') FROM "Operation" WHERE "id" = ?"#,
                [id],
                |row| (0..11).map(|column| row.get_ref(column)?.as_str().map(str::to_owned).or_else(|_| row.get::<_, i64>(column).map(|number| number.to_string()))).collect(),
            )
            .unwrap()
    };
    let time = "2025-01-01T00:00:00.000Z";
    let (first, second) = (row(1), row(2));
    assert_eq!(first[1..], ["", "import", "global", "main", time, time, "0", "", "NULL", "NULL"]);
    assert_eq!(second[1], first[0], "the id of the row before");
    let derived = snapctl::model::json::operation_id("doc-1", "global", "main", b"doc-1-1");
    assert_eq!(second[0], derived);
}

#[test]
fn dumps_of_other_tools_load() {
    let env = empty();
    // row_to_json of PostgreSQL, and the rows that `sqlite3 -json` prints.
    let lines = concat!(
        r#"{"id":17,"jobId":"j","opId":"o0","prevOpId":"","writeTimestampUtcMs":"2025-01-01T00:00:00.5+00:00","documentId":"d","documentType":"x/y","scope":"global","branch":"main","timestampUtcMs":"2025-01-01 00:00:00+00","index":0,"action":{"id": "a", "type": "SET"},"skip":0,"error":null,"hash":"h","deniedReason":null}"#,
        "\r\n",
        r#"{"id":18,"jobId":"j","opId":"o1","prevOpId":"o0","writeTimestampUtcMs":1735689600000,"documentId":"d","documentType":"x/y","scope":"global","branch":"main","timestampUtcMs":"2025-01-01T00:00:00.000Z","index":1,"action":"{\"id\": \"b\",\n\"type\":\"SET\"}","skip":0,"error":"","hash":""}"#,
        "\n",
        r#"{"keyframe":{"id":1,"documentId":"d","documentType":"x/y","scope":"global","branch":"main","revision":1,"document":"{\"header\":1}","createdAt":"2025-01-01"}}"#,
    );
    assert_eq!(env.read_with_input(&["import"], lines).ok(), "2 operations and 1 keyframe added\n");
    let connection = rusqlite::Connection::open(env.path("ops.db")).unwrap();
    let one = |sql: &str| -> String { connection.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(one(r#"SELECT "action" FROM "Operation" WHERE "index" = 0"#), r#"{"id": "a", "type": "SET"}"#);
    assert_eq!(one(r#"SELECT "action" FROM "Operation" WHERE "index" = 1"#), "{\"id\": \"b\",\n\"type\":\"SET\"}");
    assert_eq!(one(r#"SELECT "writeTimestampUtcMs" FROM "Operation" WHERE "index" = 0"#), "2025-01-01T00:00:00.500Z");
    assert_eq!(one(r#"SELECT "error" FROM "Operation" WHERE "index" = 1"#), "");
    assert_eq!(one(r#"SELECT "document" || "createdAt" FROM "Keyframe""#), r#"{"header":1}2025-01-01T00:00:00.000Z"#);
}

#[test]
fn a_bad_line_is_named_by_line_byte_and_member_and_nothing_is_written() {
    let with = |member: &str| line("d", 0).replace("\"index\":0", member);
    assert_eq!(
        refused("{"),
        "stdin, line 2, byte 1: the object goes on behind the line: `jq -c .` puts each on a line of its own"
    );
    assert_eq!(refused("nonsense"), "stdin, line 2, byte 2: expected ident");
    assert_eq!(refused("[1]").split(": ").next(), Some("stdin, line 2, byte 1"));
    assert_eq!(refused("{} {}"), "stdin, line 2, byte 4: trailing characters");
    assert_eq!(refused("{}"), "stdin, line 2, byte 1: \"documentId\" is missing");
    assert_eq!(
        refused(&with("\"documentTyp\":0")),
        "stdin, line 2, byte 54: there is no member \"documentTyp\" in a line; did you mean \"documentType\"?"
    );
    assert_eq!(refused(&with("\"index\":0,\"index\":0")), "stdin, line 2, byte 58: \"index\" is there twice");
    for (value, wrong) in
        [("\"0\"", "\"0\""), ("-1", "-1"), ("0.5", "0.5"), ("9223372036854775808", "9223372036854775808")]
    {
        let expected =
            format!("stdin, line 2, byte 48: \"index\": {wrong} is not a whole number from 0 to 9223372036854775807");
        assert_eq!(refused(&with(&format!("\"index\":{value}"))), expected);
    }
    let members = [
        ("\"skip\":4294967296", "\"skip\": 4294967296 is not a whole number from 0 to 4294967295"),
        ("\"hash\":1", "\"hash\": it is a number, not a string"),
        ("\"opId\":\"\\ud800\"", "\"opId\": it is not Unicode text: "),
        ("\"timestampUtcMs\":\"noon\"", "\"timestampUtcMs\": \"noon\" is not a time"),
        ("\"timestampUtcMs\":\"-000001-01-01\"", "is not a time"),
        ("\"writeTimestampUtcMs\":-99999999999999", "is not a time"),
        ("\"keyframe\":{}", "\"documentId\": it stands beside \"keyframe\""),
    ];
    for (member, reason) in members {
        let said = refused(&with(&format!("\"index\":0,{member}")));
        assert!(said.contains(reason), "{said}");
    }
    let action = |action: &str| format!(r#"{{"documentId":"d","documentType":"t","index":0,"action":{action}}}"#);
    for (text, reason) in [
        ("{}", "\"action\": member \"type\" of the action is not a string"),
        ("[]", "\"action\": it is an array, neither an object nor a string with its text"),
        (r#"{"type":"X"}"#, "\"timestampUtcMs\" is missing and the action has no timestampUtcMs to take instead"),
        (
            r#"{"type":"X","timestampUtcMs":"2025-01-01"}"#,
            "\"opId\" is missing and the action has no id to derive it from",
        ),
        (r#""no JSON""#, "\"action\": "),
        ("null", "\"action\" is missing"),
    ] {
        let said = refused(&action(text));
        assert!(said.contains(reason), "{said}");
    }
    let keyframe =
        r#"{"keyframe":{"documentId":"d","documentType":"t","revision":-1,"createdAt":"2025-01-01","document":{}}}"#;
    assert!(refused(keyframe).contains("byte 61: \"revision\": -1 is not a whole number"));
    assert!(refused(&keyframe.replace("revision", "revison")).contains("did you mean \"revision\"?"));
}

#[test]
fn invalid_utf8_is_named_by_its_byte() {
    let env = empty();
    let mut input = line("d", 0).into_bytes();
    input.push(b'\n');
    let good = input.len();
    input.extend_from_slice(b"{\"documentId\":\"\xff\"}");
    let run = env.read_with_input(&["import"], input);
    let said = run.fails(13);
    assert!(said.contains(&format!("stdin, line 2, byte {}: the line is not UTF-8", good + 15)), "{said}");
    assert!(said.contains("hint: nothing was added"), "{said}");
    assert!(dump(&env.path("ops.db")).is_empty());
}

#[test]
fn what_cannot_be_taken_is_told_and_passed_over_on_demand() {
    let env = empty();
    let lines = [line("d", 0), "{}".into(), line("d", 2), line("d", 1), line("d", 0), line("d", 1).replace("d-1", "x")];
    let run = env.read_with_input(&["import", "--continue", "--json"], lines.join("\n"));
    assert_eq!(run.status, 1);
    let answer: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        answer,
        json!({
            "read": 6, "notChosen": 0, "unreadable": 1, "operations": { "added": 2, "present": 1, "failed": 2 },
            "keyframes": { "added": 0, "present": 0, "failed": 0 }, "dryRun": false,
        })
    );
    let warnings: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(warnings.len(), 3);
    assert!(warnings[0].contains("line 2, byte") && warnings[1].contains("line 3, byte"), "{warnings:?}");
    assert!(warnings[1].contains("operation 2 of d/global does not fit: the last operation is 0"), "{warnings:?}");
    assert!(warnings[2].contains("line 6") && warnings[2].contains("does not fit: operation "), "{warnings:?}");
    assert_eq!(dump(&env.path("ops.db")).len(), 2);
}

#[test]
fn a_conflict_and_a_gap_are_refused() {
    let env = TestEnv::with_store(|store| store.drive("d1", "One", 2));
    let before = dump(&env.path("ops.db"));
    let taken = line("d1", 1);
    let error = env.read_with_input(&["import", "--json"], [line("new", 0), taken].join("\n")).error(15);
    assert_eq!(error["code"], "conflict");
    assert!(error["message"].as_str().unwrap().starts_with("stdin, line 2, byte "), "{error}");
    assert_eq!(error["hint"], "nothing was added");
    let error = env.read_with_input(&["import", "--json"], line("d1", 3)).error(15);
    assert!(
        error["message"].as_str().unwrap().ends_with("operation 3 of d1/global does not fit: the last operation is 1")
    );
    assert_eq!(dump(&env.path("ops.db")), before);
}

#[test]
fn a_keyframe_is_never_overwritten() {
    let env = empty();
    let keyframe = |document: &str| {
        format!(
            r#"{{"keyframe":{{"documentId":"d","documentType":"t","revision":1,"createdAt":"2025-01-01","document":{document}}}}}"#
        )
    };
    assert_eq!(env.read_with_input(&["import"], keyframe("{}")).ok(), "0 operations and 1 keyframe added\n");
    let again = env.read_with_input(&["import"], keyframe("{}"));
    assert_eq!(again.ok(), "0 operations and 0 keyframes added, 1 there already\n");
    let error = env.read_with_input(&["import", "--json"], keyframe("{ }")).error(15);
    assert_eq!(error["code"], "keyframe-conflict");
    assert!(error["message"].as_str().unwrap().contains("a keyframe of d/global at revision 1 is there already"));
}

#[test]
fn batches_are_kept_and_the_same_import_goes_on() {
    let env = empty();
    let mut lines: Vec<String> = (0..5).flat_map(|index| [line("a", index), line("b", index)]).collect();
    lines.insert(7, "{\"documentId\":".into());
    with_lines(&env, "rows.ndjson", &lines);
    let run = env.on_store(&["import", "--batch", "3", "rows.ndjson"]);
    let said = run.fails(13);
    assert!(said.contains("rows.ndjson, line 8, byte"), "{said}");
    assert!(said.contains("hint: 6 rows were committed before; the same import again passes over them"), "{said}");
    assert_eq!(dump(&env.path("ops.db")).len(), 6);
    lines.remove(7);
    with_lines(&env, "rows.ndjson", &lines);
    let run = env.on_store(&["import", "--batch", "3", "rows.ndjson"]);
    assert_eq!(run.ok(), "4 operations and 0 keyframes added, 6 there already\n");
}

#[test]
fn sources_are_files_stdin_and_stores() {
    let env = TestEnv::with_store(|store| store.drive("d1", "One", 2));
    StoreFile::create(&env.path("other.bin")).drive("d2", "Two", 3);
    with_lines(&env, "rows.ndjson", &[line("d3", 0)]);
    let run = env.read_with_input(&["import", "other.bin", "-", "rows.ndjson", "sqlite:other.bin"], line("d4", 0));
    assert_eq!(run.ok(), "7 operations and 0 keyframes added, 5 there already\n");
    let ids = env.on_store(&["ls", "--ndjson"]);
    assert_eq!(
        ids.lines().iter().map(|line| line["document"].as_str().unwrap().to_owned()).collect::<Vec<_>>(),
        ["d1", "d2", "d3", "d4"]
    );
    assert!(env.on_store(&["import", "ops.db"]).fails(2).contains("ops.db is the store itself"));
    assert!(env.on_store(&["import", "rows.ndjson", "none.ndjson"]).fails(3).contains("cannot read none.ndjson"));
    assert!(env.on_store(&["import", "."]).fails(3).contains("cannot read ."));
    assert!(env.on_store(&["import", "sqlit:x"]).fails(2).contains("did you mean sqlite:?"));
}

#[test]
fn a_store_is_made_on_demand_only() {
    let env = TestEnv::new();
    with_lines(&env, "rows.ndjson", &[line("d", 0)]);
    let said = env.on_store(&["import", "rows.ndjson"]);
    assert!(said.fails(10).contains("hint: make it with --init"), "{said:?}");
    assert!(!env.path("ops.db").exists());
    assert_eq!(env.on_store(&["import", "--init", "none.ndjson"]).status, 3);
    assert!(!env.path("ops.db").exists(), "a source that is not there is told first");
    assert_eq!(env.on_store(&["import", "--init", "rows.ndjson"]).ok(), "1 operation and 0 keyframes added\n");
    assert_eq!(
        env.on_store(&["import", "--init", "rows.ndjson"]).ok(),
        "0 operations and 0 keyframes added, 1 there already\n"
    );
}

#[test]
fn only_what_is_named_is_taken() {
    let env = empty();
    let mut lines: Vec<String> = (0..4).flat_map(|index| [line("a", index), line("a/b", index)]).collect();
    lines.push(
        r#"{"keyframe":{"documentId":"a","documentType":"t","revision":1,"createdAt":"2025-01-01","document":{}}}"#
            .into(),
    );
    with_lines(&env, "rows.ndjson", &lines);
    let run = env.on_store(&["import", "rows.ndjson", "--only", "a:0..1", "--only", "a%2Fb/global:2"]);
    assert_eq!(run.ok(), "5 operations and 1 keyframe added, 3 not chosen\n");
    let run = env.on_store(&["import", "rows.ndjson", "--only", "a", "--no-keyframes"]);
    assert_eq!(run.ok(), "2 operations and 0 keyframes added, 2 there already, 5 not chosen\n");
    let run = env.on_store(&["import", "rows.ndjson", "--only", "none"]);
    assert_eq!(run.status, 4);
    assert!(run.stderr.contains("none of the rows read"), "{run:?}");
}

#[test]
fn a_dry_run_tries_everything_and_keeps_nothing() {
    let env = empty();
    with_lines(&env, "rows.ndjson", &[line("a", 0), line("a", 1)]);
    let run = env.on_store(&["import", "--dry-run", "rows.ndjson"]);
    assert_eq!(run.ok(), "2 operations and 0 keyframes would be added\n");
    assert!(dump(&env.path("ops.db")).is_empty());
    with_lines(&env, "gap.ndjson", &[line("a", 0), line("a", 2)]);
    assert_eq!(env.on_store(&["import", "--dry-run", "gap.ndjson"]).status, 15);
}

#[test]
fn progress_says_what_is_counted_and_how_fast() {
    let env = empty();
    with_lines(&env, "rows.ndjson", &[line("a", 0), line("a", 1)]);
    let size = std::fs::metadata(env.path("rows.ndjson")).unwrap().len();
    let run = env.on_store(&["import", "--progress", "json", "rows.ndjson"]);
    let event: serde_json::Value = serde_json::from_str(run.stderr.lines().last().unwrap()).unwrap();
    assert_eq!((&event["progress"], &event["unit"]), (&"importing".into(), &"bytes".into()));
    assert_eq!((event["done"].as_u64(), event["expected"].as_u64()), (Some(size), Some(size)));
    assert!(event["perSecond"].as_u64().unwrap() > 0 && event["finished"] == true);
    let run = env.read_with_input(&["import", "--progress", "json"], line("a", 2));
    let event: serde_json::Value = serde_json::from_str(run.stderr.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&event["unit"], event["done"].as_u64(), event["expected"].as_u64()),
        (&"operations".into(), Some(1), Some(0))
    );
}

#[test]
fn another_content_under_the_same_id_is_a_conflict() {
    let env = TestEnv::with_store(|store| store.drive("d1", "One", 3));
    let lines = env.read(&["export"]).ok().to_owned();
    let run = |lines: String| env.read_with_input(&["import"], lines);
    assert_eq!(run(lines.clone()).ok(), "0 operations and 0 keyframes added, 5 there already\n");
    let reordered: String =
        lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap().to_string() + "\n").collect();
    assert_ne!(reordered, lines);
    assert_eq!(run(reordered).status, 0, "JSON has no order of members");
    for (from, to, column) in [("Folder 1", "Folder X", "action"), ("\"hash\":\"\"", "\"hash\":\"x\"", "hash")] {
        let changed = lines.replacen(from, to, 1);
        assert_ne!(changed, lines, "{from}");
        let said = run(changed);
        assert!(said.fails(15).contains(&format!("is there with another {column}")), "{said:?}");
    }
}

#[test]
fn what_is_no_lines_of_objects_is_recognised() {
    let env = TestEnv::with_store(|_| {});
    for (input, what) in [
        (&b"\x1f\x8b\x08\0"[..], "gunzip -c"),
        (b"\xff\xfe{\0", "iconv"),
        (b"[\n{}]", "jq -c '.[]'"),
        (b"{\n\"documentId\":1}", "jq -c ."),
    ] {
        let run = env.read_with_input(&["import"], input);
        assert!(run.fails(13).contains(what), "{run:?}");
    }
    let line = br#"{"documentId":"d","documentType":"set","index":0,"action":{"id":"a","type":"SET","timestampUtcMs":"2025-01-31T12:00:00.000Z","input":{"pointer":"/title","value":"Notes"}}}"#;
    let marked = [&b"\xef\xbb\xbf"[..], line].concat();
    assert_eq!(env.read_with_input(&["import"], marked).ok(), "1 operation and 0 keyframes added\n");
    assert_eq!(env.read(&["rebuild", "d/global", "--state"]).ok(), "{\"title\":\"Notes\"}");
}

#[test]
fn a_choice_that_nothing_fits_is_told() {
    let env = TestEnv::with_store(|store| store.drive("d1", "One", 1));
    let run = env.run(&["import", "--store", "new.db", "--init", "--only", "nope", "ops.db"]);
    assert_eq!(run.status, 4, "{run:?}");
    assert!(run.stderr.contains("none of the rows read is one that --only names"), "{run:?}");
}
