//! `snapctl rebuild --batch`.

use serde_json::{Value, json};

use crate::support::TestEnv;

fn one() -> TestEnv {
    TestEnv::with_store(|store| store.drive("d1", "One", 3))
}

#[test]
fn every_line_is_answered_in_order_and_failures_count() {
    let input = concat!(
        "{\"document\":\"d1\",\"scope\":\"global\",\"at\":1}\n",
        "\n",
        "{\"document\":\"d1\",\"scope\":\"global\",\"at\":\"op:d1.global.main.0\"}\n",
        "{\"document\":\"d\"}\n",
        "{\"document\":\"d1\",\"rev\":1}\n",
        "not json\n",
        "{\"document\":\"d1\",\"scope\":\"global\",\"at\":99}\n",
        "{\"document\":\"d1\"}",
    );
    let env = one();
    let run = env.read_with_input(&["rebuild", "--batch"], input);
    assert_eq!(run.status, 1, "{run:?}");
    let lines = run.lines();
    assert_eq!(lines.len(), 7);
    assert_eq!(lines[0], env.read(&["rebuild", "d1/global:1"]).json());
    assert_eq!(lines[1]["revision"], json!({ "global": 0 }));
    assert_eq!(lines[2]["error"]["exit"], 4);
    assert_eq!(lines[2]["target"], json!({ "document": "d", "scope": null, "branch": "main" }));
    assert_eq!(lines[3]["error"]["code"], "bad-line");
    assert!(lines[3]["error"]["message"].as_str().unwrap().starts_with("line 5, byte 1"), "{}", lines[3]);
    assert_eq!((&lines[4]["target"], &lines[4]["error"]["exit"]), (&json!(null), &json!(2)));
    assert_eq!((&lines[5]["error"]["code"], &lines[5]["target"]["scope"]), (&json!("past-head"), &json!("global")));
    assert_eq!(lines[6]["source"], json!({ "tier": "memory", "stale": false }));
    assert_eq!(without_source(&lines[6]), without_source(&env.read(&["rebuild", "d1"]).json()));
    let anew = env.read_with_input(&["rebuild", "--batch", "--no-cache"], input);
    assert_eq!(anew.lines()[6], env.read(&["rebuild", "d1"]).json());
}

fn without_source(answer: &Value) -> Value {
    let mut answer = answer.clone();
    answer.as_object_mut().unwrap().remove("source");
    answer
}

/// Of an answer that the user has, only its etag comes.
#[test]
fn a_line_may_say_which_answer_is_known() {
    let env = one();
    let answer = env.read(&["rebuild", "d1/global:1"]).json();
    let etag = answer["etag"].clone();
    assert_eq!(etag, answer["hash"]["global"]);
    let line =
        |known: &Value| json!({ "document": "d1", "scope": "global", "at": 1, "ifNoneMatch": known }).to_string();
    let input = [line(&etag), line(&json!("other"))].join("\n");
    let lines = env.read_with_input(&["rebuild", "--batch", "--no-cache"], input).lines();
    assert_eq!(lines, [json!({ "notModified": true, "etag": etag }), answer]);
}

#[test]
fn an_empty_batch_is_done_at_once() {
    let env = one();
    assert_eq!(env.read_with_input(&["rebuild", "--batch"], "").ok(), "");
    assert_eq!(env.read_with_input(&["rebuild", "--batch", "--json"], "\n \n").ok(), "");
}

#[test]
fn a_line_that_is_not_utf8_or_too_long_is_one_failure() {
    let mut input = b"{\"document\":\"\xff\"}\n".to_vec();
    input.extend(vec![b' '; 2 << 20]);
    input.extend_from_slice(b"\n{\"document\":\"d1\"}\n");
    let run = one().read_with_input(&["rebuild", "--batch", "--explain"], input);
    let lines = run.lines();
    assert_eq!((run.status, lines.len()), (1, 3));
    assert!(lines[0]["error"]["message"].as_str().unwrap().starts_with("line 1, byte 1"));
    assert!(lines[1]["error"]["message"].as_str().unwrap().starts_with("line 2, byte 17: the line is longer"));
    assert!(lines[2]["explain"]["elapsedUs"].is_u64());
}

#[test]
fn whoever_asks_one_thing_at_a_time_is_answered_at_once() {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::process::{Command, Stdio};
    let env = one();
    let mut child = Command::new(env!("CARGO_BIN_EXE_snapctl"))
        .args(["rebuild", "--batch", "--store"])
        .arg(env.path("ops.db"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for at in [0, 1, 2] {
        writeln!(stdin, "{{\"document\":\"d1\",\"scope\":\"global\",\"at\":{at}}}").unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap()["revision"]["global"], at);
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}
