//! `snapctl cache simulate`.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::TestEnv;

/// An environment with the trace of the fixtures.
fn traced() -> TestEnv {
    let env = TestEnv::new();
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/trace.ndjson"), env.path("trace.ndjson"))
        .unwrap();
    env
}

fn simulated(env: &TestEnv, options: &[&str]) -> Vec<Value> {
    let answer = env.run(&[&["cache", "simulate", "trace.ndjson", "--json"], options].concat()).json();
    answer.as_array().unwrap().clone()
}

#[test]
fn more_memory_answers_more() {
    let found = simulated(&traced(), &["--memory", "512KiB,1MiB,4MiB"]);
    let sizes: Vec<&Value> = found.iter().map(|one| &one["memoryBytes"]).collect();
    assert_eq!(sizes, [&json!(512 << 10), &json!(1 << 20), &json!(4 << 20)]);
    for pair in found.windows(2) {
        let of = |n: usize, member: &str| pair[n][member].as_f64().unwrap();
        assert!(of(0, "hitRatio") < of(1, "hitRatio") && of(0, "estimatedMs") > of(1, "estimatedMs"), "{pair:?}");
    }
    for one in &found {
        assert!(one["memory"]["exact"].as_u64() <= one["optimum"]["exact"].as_u64(), "{one}");
        assert!(one["memory"]["peakBytes"].as_u64() <= one["memoryBytes"].as_u64(), "{one}");
        assert_eq!((&one["ring"], &one["streams"], &one["diskBytes"]), (&json!(10), &json!(10000), &Value::Null));
    }
}

#[test]
fn every_combination_is_a_line_in_order() {
    let env = traced();
    let options = ["--memory", "2MB,1MB,1000KB", "--disk", "8MiB,none", "--keyframe-every", "100,none,10"];
    let run = env.run(&[&["cache", "simulate", "trace.ndjson", "--ndjson"][..], &options].concat());
    let named = |one: &Value| (one["diskBytes"].as_u64(), one["memoryBytes"].as_u64(), one["keyframeEvery"].as_u64());
    let found: Vec<_> = run.lines().iter().map(named).collect();
    assert!(found.len() == 12 && found.is_sorted(), "{found:?}");
    let lines = run.lines();
    // Keyframes change what is replayed, not what tiers keep.
    assert_eq!(lines[0]["memory"], lines[2]["memory"]);
    let replayed = |n: usize| lines[n]["replayedOperations"].as_u64().unwrap();
    assert!(replayed(0) > 5 * replayed(1), "{lines:?}");
    let begun = |n: usize| ["fromNothing", "fromKeyframe"].map(|member| lines[n][member].as_u64().unwrap());
    assert!(begun(0)[1] == 0 && begun(1)[0] < 5 && begun(1)[1] > 100, "{lines:?}");
    assert!(lines[6]["disk"]["exact"].as_u64().unwrap() > 0);
}

#[test]
fn a_trace_comes_from_stdin_and_costs_from_options() {
    let env = TestEnv::new();
    let line = r#"{"document":"d","revision":99,"sizeBytes":1000}"#;
    let options = ["cache", "simulate", "-", "--memory", "1MB", "--keyframe-every", "60", "--json"];
    let costs = ["--operation-us", "10", "--load-us", "500", "--load-byte-ns", "1000"];
    let mut command = env.snapctl(&[&options[..], &costs].concat());
    let output = command.write_stdin(format!("\n{line}\n{line}\n")).output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    // One keyframe, 39 operations; then the state is there.
    assert_eq!((&found[0]["estimatedMs"], &found[0]["replayedOperations"]), (&json!(1.89), &json!(39)));
    assert_eq!((&found[0]["hitRatio"], &found[0]["optimum"]["exact"]), (&json!(0.5), &json!(1)));
}

#[test]
fn people_get_a_table_of_what_differs() {
    let env = traced();
    let run = env.run(&["cache", "simulate", "trace.ndjson", "--memory", "1MiB,4MiB"]);
    let lines: Vec<&str> = run.ok().lines().collect();
    assert_eq!(lines[0], "541 reads and 59 appends of 24 streams");
    assert_eq!(lines[1], "all with 10 states of a stream, 10000 streams, no disk tier, no keyframes");
    assert!(lines[3].starts_with("memory    hits  at most  replayed"), "{}", lines[3]);
    assert!(lines[4].starts_with("  1MiB  34.9 %   65.8 %  ") && lines[4].ends_with("▍........."), "{}", lines[4]);
    assert_eq!(lines.len(), 6);
    let mut plain = env.snapctl(&["cache", "simulate", "trace.ndjson", "--memory", "1MiB"]);
    let output = plain.env("NO_COLOR", "1").output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("#####..."));
}

#[test]
fn a_bad_line_is_named() {
    let env = TestEnv::new();
    for (text, exit, message) in [
        (
            "{\"document\":\"d\",\"revision\":1,\"sizeBytes\":1}\nnothing",
            2,
            "trace, line 2: expected an object, at byte 1",
        ),
        ("{\"document\":\"d\",\"revision\":1}", 2, "trace, line 1: it has no sizeBytes"),
        ("{\"document\":\"d\",\"sizeBytes\":1}", 2, "trace, line 1: it has no revision"),
        ("{\"revision\":1,\"sizeBytes\":1}", 2, "trace, line 1: missing field `document`, at byte 28"),
        ("{\"document\":\"d\",\"revision\":\"x\",\"sizeBytes\":1}", 2, "trace, line 1: invalid value: string \"x\""),
        ("{\"document\":\"d\",\"revision\":1,\"sizeBytes\":1e9}", 2, "trace, line 1: invalid type: floating point"),
        ("{\"document\":\"d\",\"revision\":1,\"sizeBytes\":99999999999999999}", 2, "its sizeBytes is not possible"),
        ("", 4, "there is no read in trace"),
        ("{\"document\":\"d\",\"revision\":1,\"sizeBytes\":1,\"access\":\"append\"}", 4, "there is no read in trace"),
    ] {
        std::fs::write(env.path("trace"), text).unwrap();
        let run = env.run(&["cache", "simulate", "trace"]);
        assert!(run.fails(exit).contains(message), "{text}: {run:?}");
    }
    std::fs::write(env.path("trace"), "{".repeat(2 << 20)).unwrap();
    assert!(
        env.run(&["cache", "simulate", "trace"]).fails(2).contains("line 1: the line is longer than 1048576 bytes")
    );
    assert!(env.run(&["cache", "simulate", "none"]).fails(3).contains("cannot read none"));
    let error = env.run(&["cache", "simulate", "trace", "--json"]).error(2);
    assert_eq!(error["code"], "bad-line");
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    let env = traced();
    for (option, value, message) in [
        ("--memory", "5X", "a size is a whole number and a unit, like 64KiB, 50MB or 1GiB"),
        ("--memory", "1MiB,,2MiB", "a size is a whole number"),
        ("--ring", "0", "it has to be a whole number from 1"),
        ("--streams", "-1", "unexpected argument '-1'"),
        ("--disk", "some", "a size is a whole number"),
        ("--keyframe-every", "10,x", "it has to be a whole number from 1"),
        ("--operation-us", "NaN", "it has to be a number from 0"),
        ("--disk-ratio", "0.5", "it has to be a number from 1"),
    ] {
        let run = env.run(&["cache", "simulate", "trace.ndjson", option, value]);
        assert!(run.fails(2).contains(message), "{option} {value}: {run:?}");
    }
    let many: Vec<String> = (1..=40).map(|n| n.to_string()).collect();
    let many = many.join(",");
    let run = env.run(&["cache", "simulate", "trace.ndjson", "--ring", &many, "--streams", &many]);
    assert!(run.fails(2).contains("these are 8000 combinations; 1000 are the most"), "{run:?}");
    assert_eq!(env.run(&["cache", "simulate"]).status, 2);
    let run = env.run(&["cache", "simulate", "trace.ndjson", "--timeout", "0s"]);
    assert_eq!(run.status, 5, "{run:?}");
}

#[test]
fn the_largest_sizes_do_no_harm() {
    let env = TestEnv::new();
    let line = r#"{"document":"d","revision":18446744073709551615,"sizeBytes":281474976710656}"#;
    std::fs::write(env.path("trace"), format!("{line}\n{line}\n")).unwrap();
    let sizes =
        ["--memory", "18446744073709551615,0", "--disk", "18446744073709551615", "--ring", "18446744073709551615"];
    let found = env.run(&[&["cache", "simulate", "trace", "--json"], &sizes[..]].concat()).json();
    assert_eq!((&found[0]["memory"]["exact"], &found[1]["memory"]["exact"]), (&json!(0), &json!(1)));
}
