//! `--jq`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Run, StoreFile, TestEnv};

fn two() -> TestEnv {
    TestEnv::with_store(|store| {
        store.drive("d1", "One", 3);
        store.drive("d2", "Two", 1);
    })
}

/// What an expression makes of the list of documents, in a store with none.
fn of_nothing(expression: &str) -> Run {
    let env = TestEnv::new();
    env.run(&["schema", "ls", "--timeout", "60s", "--jq", expression])
}

/// What an expression prints, whatever the answer is.
#[track_caller]
fn prints(expression: &str, lines: &[&str]) {
    let run = of_nothing(expression);
    assert_eq!(run.ok().lines().collect::<Vec<_>>(), lines, "{expression}");
}

#[test]
fn it_has_the_meaning_of_a_pipe() {
    let env = two();
    let jq = |args: &[&str]| env.read(args).ok().to_owned();
    // Alone: the whole list, texts as they are.
    assert_eq!(jq(&["ls", "--jq", ".[].document"]), "d1\nd2\n");
    assert_eq!(jq(&["ls", "--jq", "length, map(.document)"]), "2\n[\"d1\",\"d2\"]\n");
    assert_eq!(jq(&["ls", "--json", "--jq", "map(.document)"]), "[\n  \"d1\",\n  \"d2\"\n]\n");
    assert_eq!(jq(&["ls", "--json", "--jq", ".[0].document"]), "\"d1\"\n");
    assert_eq!(jq(&["ls", "--ndjson", "--jq", ".document"]), "\"d1\"\n\"d2\"\n");
    assert_eq!(
        jq(&["log", "d1/global", "--ndjson", "--jq", "[.index, .type]"]).lines().last(),
        Some("[2,\"ADD_FOLDER\"]")
    );
    // Several results, none, and an expression that is empty.
    assert_eq!(jq(&["ls", "--ndjson", "--jq", "select(.document == \"d2\") | 1, 2"]), "1\n2\n");
    assert_eq!(jq(&["ls", "--jq", "empty"]), "");
    assert_eq!(jq(&["ls", "--json", "--jq", ""]), jq(&["ls", "--json"]));
    assert_eq!(jq(&["rebuild", "d1", "d2", "--jq", ".[].target.document"]), "d1\nd2\n");
    assert_eq!(jq(&["rebuild", "d1/global", "--hash", "--jq", ".global"]), jq(&["rebuild", "d1/global", "--hash"]));
    assert_eq!(jq(&["rebuild", "d1/global", "--state", "--jq", ".nodes | length"]), "3\n");
    assert_eq!(jq(&["rebuild", "d1/global", "--pointer", "/nodes/0/name", "--jq", "."]), "Folder 0\n");
    assert_eq!(jq(&["store", "info", "--jq", ".documents"]), "2\n");
    assert_eq!(jq(&["ls", "d1", "--tree", "--jq", ".nodes[0].children[0].name"]), "Folder 1\n");
    assert!(jq(&["model", "list", "--jq", ".[].documentType"]).contains("powerhouse/document-drive\n"));
}

#[test]
fn a_batch_is_filtered_line_by_line() {
    let input = "{\"document\":\"d1\"}\n{\"document\":\"x\"}\n{\"document\":\"d2\"}\n";
    let run = two().read_with_input(&["rebuild", "--batch", "--jq", ".error.code // .header.name"], input);
    assert_eq!((run.status, &*run.stdout), (1, "One\nno-document\nTwo\n"));
}

#[test]
fn whoever_asks_one_thing_at_a_time_is_answered_at_once() {
    let env = two();
    let mut child = start(&env, &["rebuild", "--batch", "--jq", ".revision.global"]);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for at in [0, 1, 2] {
        writeln!(stdin, "{{\"document\":\"d1\",\"scope\":\"global\",\"at\":{at}}}").unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, format!("{at}\n"));
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn an_expression_is_compiled_before_anything_else() {
    let env = TestEnv::new();
    for (expression, said) in [
        ("[.[] |", "error: --jq, at the end: a closing bracket was expected"),
        (". as $x | |", "error: --jq, character 11, at `|`: term was expected"),
        (".a | mpa(.b)", "error: --jq, character 6, at `mpa(.b)`: there is no filter mpa/1\nhint: did you mean map?"),
        (
            "map(1; 2)",
            "error: --jq, character 1, at `map(1; 2)`: there is no filter map/2\nhint: map takes 1 argument, ",
        ),
        ("é | $x", "error: --jq, character 1, at `é | $x`: a token was expected"),
        ("\"é\" | $x", "error: --jq, character 7, at `$x`: there is no variable $x"),
        ("documents", "hint: a member is written .documents, a text \"documents\""),
        ("import \"a\" as a; .", "there are no modules in --jq"),
    ] {
        let run = env.run(&["ls", "--store", "none.db", "--jq", expression]);
        assert!(run.fails(2).contains(said), "{expression}: {}", run.stderr);
    }
    let error = env.run(&["ls", "--json", "--jq", "nonsense(1)"]).error(2);
    assert_eq!(error["code"], "jq-invalid");
    let deep = "[".repeat(40_000);
    assert!(env.run(&["schema", "--jq", &deep]).fails(2).contains("longer than 32768 bytes"));
    for open in ["[", "(", "-", "{a:", "try ", "if ", "def f: "] {
        env.run(&["schema", "--jq", &open.repeat(32_000 / open.len())]).fails(2);
    }
    let text = format!("{}1{}", "[".repeat(16_000), "]".repeat(16_000));
    assert!(env.run(&["schema", "--jq", &text]).fails(2).contains("nested deeper than 10000 levels"));
}

#[test]
fn nothing_is_read_or_said_behind_the_answer() {
    let env = TestEnv::new();
    for name in [
        "now",
        "localtime",
        "strflocaltime(\"%Y\")",
        "env",
        "$ENV",
        "env.PATH",
        "input",
        "inputs",
        "input_filename",
        "input_line_number",
        "debug",
        "debug(1)",
        "stderr",
        "halt",
        "halt_error",
        "halt_error(1)",
        "get_search_list",
    ] {
        let run = env.run(&["schema", "--jq", name]);
        let said = run.fails(2);
        assert!(said.contains("is not there in --jq") && said.contains("\nhint: "), "{name}: {said}");
    }
}

#[test]
fn what_fails_is_named_with_its_line_and_shortened() {
    let env = two();
    let run =
        env.read(&["ls", "--ndjson", "--jq", ".document, if .document == \"d2\" then .document.x else empty end"]);
    assert_eq!(run.stdout, "\"d1\"\n\"d2\"\n");
    let error = run.error(2);
    assert_eq!(
        (&error["code"], &error["message"]),
        (&json!("jq-failed"), &json!("--jq, line 2: cannot index \"d2\" with \"x\""))
    );
    assert_eq!(error["hint"], "in an expression, EXPR? passes over what fails");
    let run = env.read(&["rebuild", "d1", "--jq", "1, .state + 1"]);
    assert_eq!((run.status, &*run.stdout), (2, "1\n"));
    assert!(
        run.stderr.contains("error: --jq: cannot calculate {\"auth\":") && run.stderr.contains('…'),
        "{}",
        run.stderr
    );
    assert!(run.stderr.len() < 300, "{}", run.stderr);
    assert_eq!(of_nothing("error(\"so\")").fails(2), "error: --jq: so\n");
    assert_eq!(of_nothing("error({a: 1})").fails(2), "error: --jq: {\"a\":1} (not a string)\n");
    assert!(of_nothing("error(\"x\" * 5000)").fails(2).len() < 400);
    prints(
        "try error(\"so\") catch \"\\(.)!\", (.title.a? // \"none\"), (try (1 + {}) catch .)",
        &["so!", "none", "cannot calculate 1 + {}"],
    );
}

/// In every store of `fixtures/` every answer comes through unchanged, to the byte.
#[test]
fn the_identity_changes_nothing() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let env = TestEnv::new();
    for (store, document) in [("drive", "field-notes"), ("undo", "sketchbook"), ("upgrade", "expo")] {
        let store = fixtures.join(format!("{store}.sqlite"));
        let config = fixtures.join("snapctl.toml");
        let global = ["--store", store.to_str().unwrap(), "--config", config.to_str().unwrap()];
        for args in [
            &["ls", "-l"][..],
            &["ls", document, "--tree"],
            &["log", document],
            &["log", document, "-p"],
            &["rebuild", document],
            &["rebuild", document, document],
            &["rebuild", document, "--state"],
            &["rebuild", document, "--hash"],
            &["store", "info"],
            &["schema", "log"],
        ] {
            for form in ["--json", "--ndjson"] {
                let args = [&global[..], args, &[form]].concat();
                let plain = env.run(&args);
                assert_eq!(env.run(&[&args[..], &["--jq", "."]].concat()).ok(), plain.ok(), "{args:?}");
            }
        }
    }
}

#[test]
fn numbers_texts_and_the_order_of_keys_survive() {
    let input = r#"{"z":[1.0,9007199254740993,123456789012345678901234567890,1e1000,-0,1E5,0.10],"a":"\ud800 é😀\u0001","\udc00":{}}"#;
    let env = TestEnv::with_store(|store: &StoreFile| {
        store.drive("d1", "One", 1);
        let action = format!(
            r#"{{"id":"i","type":"T","timestampUtcMs":"2025-01-01T00:00:00.000Z","scope":"global","input":{input}}}"#
        );
        store.sql(&format!("UPDATE \"Operation\" SET action = '{action}' WHERE scope = 'global'"));
    });
    let plain = env.read(&["log", "d1/global", "--ndjson"]);
    assert!(plain.ok().contains(input), "{}", plain.stdout);
    assert_eq!(env.read(&["log", "d1/global", "--ndjson", "--jq", "."]).ok(), plain.ok());
    let read = |expression: &str| env.read(&["log", "d1/global", "--ndjson", "--jq", expression]).ok().to_owned();
    assert_eq!(
        read(".action.input.z | map(. + 1)"),
        "[2,9007199254740994,123456789012345678901234567891,1.7976931348623157e+308,1,100001,1.1]\n"
    );
    assert_eq!(read(".action.input | keys"), "[\"a\",\"z\",\"\\udc00\"]\n");
}

#[test]
fn filters_do_what_those_of_jq_do() {
    prints(
        "[1, -5 % 3, 10 / 4, 0.1 + 0.2, (7 / 2 | floor), pow(2; 10)], infinite, nan, -1",
        &["[1,-2,2.5,0.30000000000000004,3,1024]", "1.7976931348623157e+308", "null", "-1"],
    );
    prints(
        "{a: 1, b: 2, c: 3} | del(.a), del(.x.y), del(.a, .b), (.d.e = 1), to_entries[0], with_entries(.value += 1)",
        &[
            r#"{"b":2,"c":3}"#,
            r#"{"a":1,"b":2,"c":3}"#,
            r#"{"c":3}"#,
            r#"{"a":1,"b":2,"c":3,"d":{"e":1}}"#,
            r#"{"key":"a","value":1}"#,
            r#"{"a":2,"b":3,"c":4}"#,
        ],
    );
    prints(
        "[1, 2, 3, 4] | del(.[0, 1]), del(.[-1]), del(.[1:3]), (.[1:3] = [\"x\"]), .[1.0], .[:length / 2], (.[5] = 1)",
        &["[3,4]", "[1,2,3]", "[1,4]", r#"[1,"x",4]"#, "2", "[1,2]", "[1,2,3,4,null,1]"],
    );
    prints(
        "[\"a\\tb\", \"c\\\"d\", 1, null, true] | @tsv, @csv, (map(tostring) | @sh), @json",
        &[
            "a\\tb\tc\"d\t1\t\ttrue",
            r#""a	b","c""d",1,,true"#,
            "'a\tb' 'c\"d' '1' 'null' 'true'",
            r#"["a\tb","c\"d",1,null,true]"#,
        ],
    );
    prints(
        "\"2025-01-02T03:04:05Z\" | fromdate, (fromdate | todate), (strptime(\"%Y-%m-%dT%H:%M:%SZ\") | mktime)",
        &["1735787045", "2025-01-02T03:04:05Z", "1735787045"],
    );
    prints(
        "\"foo bar\" | test(\"O\"; \"i\"), [scan(\"[a-z]+\")], gsub(\"o\"; \"0\"), @base64, (@base64 | @base64d), @uri, split(\" \")",
        &["true", r#"["foo","bar"]"#, "f00 bar", "Zm9vIGJhcg==", "foo bar", "foo%20bar", r#"["foo","bar"]"#],
    );
    prints(
        "[{a: 1, b: 2}, {a: 1, b: 3}] | group_by(.a) | length, (.[0] | map(.b) | add, min, max), (flatten | unique_by(.a) | length)",
        &["1", "5", "2", "3", "1"],
    );
    prints(
        "[limit(3; repeat(1))], [paths], ([3, 1, 2] | sort, index(1), contains([2])), (null | length), ([[1], 2] | flatten)",
        &["[1,1,1]", of_nothing("[paths]").ok().trim_end(), "[1,2,3]", "1", "true", "0", "[1,2]"],
    );
}

#[test]
fn characters_and_repetitions_are_those_of_jq() {
    prints(
        "\"ab\" * (2.0, 1.5, 0.5, 3, 0, -1.5, nan), 2.0 * \"ab\"",
        &["abab", "ab", "ab", "ababab", "null", "null", "null", "abab"],
    );
    prints(
        "([-1, 65.7, 55296, 1114112, 1e300, 8364] | implode), (\"é😀\" | explode | implode)",
        &["\u{fffd}A\u{fffd}\u{fffd}\u{fffd}€", "é😀"],
    );
    for (expression, said) in [
        ("[\"a\"] | implode", "cannot implode [\"a\"]: characters are numbers"),
        ("\"a\" | implode", "cannot use \"a\" as array"),
        ("\"x\" * 1e300", "cannot calculate \"x\" * 1"),
    ] {
        let run = of_nothing(expression);
        assert!(run.fails(2).contains(said), "{expression}: {}", run.stderr);
    }
}

#[test]
fn what_never_ends_is_ended_by_the_clock() {
    for expression in
        ["[repeat(.)]", "last(range(1e18))", "def f: f; f", "reduce range(1e18) as $i (0; . + 1)", "until(false; .)"]
    {
        let started = Instant::now();
        let env = TestEnv::new();
        let run = env.run(&["schema", "--timeout", "300ms", "--jq", expression]);
        assert_eq!(run.fails(5), "error: the time allowed is over\nhint: allow more with --timeout\n", "{expression}");
        assert!(started.elapsed() < Duration::from_secs(10), "{expression}");
    }
}

#[test]
fn what_never_ends_is_ended_by_an_interrupt_and_by_its_reader() {
    let env = two();
    let mut child = start(&env, &["ls", "--jq", "\"begun\", last(repeat(1))"]);
    // It listens for interrupts before it filters.
    std::thread::sleep(Duration::from_millis(300));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), &*said), (Some(130), "error: interrupted\n"));

    let mut child = start(&env, &["ls", "--jq", "repeat(\"on and on\")"]);
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "on and on\n");
    assert_eq!(child.wait().unwrap().code(), Some(141));
}

fn start(env: &TestEnv, args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snapctl"));
    command.env_clear().env("SNAPCTL_STORE", env.path("ops.db")).args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn nothing_overflows() {
    for (expression, said) in [
        ("def f: [f]; f", "calls itself too deeply"),
        ("def f: 1 + f; f", "calls itself too deeply"),
        ("try (def f: [f]; f) catch 1", "calls itself too deeply"),
        ("reduce range(1e6) as $i (0; [.])", "nested deeper than 10000 levels"),
        ("reduce range(1e6) as $i (0; {a: .}) | tojson", "nested deeper than 10000 levels"),
        ("reduce range(1e6) as $i ({}; .a = .)", "nested deeper than 10000 levels"),
        ("last(recurse([.]))", "nested deeper than 10000 levels"),
        ("\"[\" * 100000 | fromjson", "nested too deeply at byte 10000"),
        ("\"x\" * 1000000000", "cannot calculate \"x\" * 1000000000"),
        ("\"x\" * 9000000000000000000", "cannot calculate"),
        ("[] | .[1e15] = 1", "out of bounds"),
        ("1 % 0", "cannot calculate 1 % 0"),
        ("[\"a\", 1] | join(1)", "cannot"),
        ("\"(\" as $x | test($x)", "invalid regex"),
    ] {
        let run = of_nothing(expression);
        assert!(run.fails(2).contains(said), "{expression}: {}", run.stderr);
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    }
    // Up to the bounds everything works.
    prints("def f(n): if n == 0 then 0 else 1 + f(n - 1) end; f(500)", &["500"]);
    prints("reduce range(9990) as $i (0; [.]) | tojson | length, (fromjson == 1)", &["19981", "false"]);
    prints("reduce range(20000) as $i ({a: 1}; .a = [.b]) | tojson", &[r#"{"a":[null]}"#]);
}
