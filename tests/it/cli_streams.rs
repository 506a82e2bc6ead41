//! Pipes that close, disks that are full, interrupts, and the clock.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::TestEnv;

fn start(env: &TestEnv, args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snapctl"));
    command.env_clear().env("SNAPCTL_CONFIG", "/dev/null").env("SNAPCTL_STORE", env.path("ops.db")).args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn end(mut child: Child) -> (i32, String) {
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code().unwrap(), said)
}

fn full_disk(env: &TestEnv, args: &[&str]) -> (i32, String) {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_snapctl"));
    command.env("SNAPCTL_CONFIG", "/dev/null");
    let output = command.env("SNAPCTL_STORE", env.path("ops.db")).args(args).stdout(full).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_full_disk_is_told() {
    let env = TestEnv::with_store(|store| store.drive("d1", "One", 300));
    for args in [
        &["--help"][..],
        &["model", "list"],
        &["model", "list", "--json"],
        &["ls"],
        &["log", "d1/global"],
        &["log", "d1/global", "--json"],
        &["rebuild", "d1"],
        &["store", "info"],
    ] {
        let (status, said) = full_disk(&env, args);
        assert_eq!(status, 3, "{args:?}: {said}");
        assert!(said.contains("cannot write to stdout") && said.contains("No space left"), "{args:?}: {said}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let env = TestEnv::with_store(|store| store.drive("d1", "One", 3000));
    for args in [&["log", "d1/global", "--ndjson"][..], &["log", "d1/global", "-p", "--ndjson"]] {
        let mut child = start(&env, args);
        let mut line = String::new();
        BufReader::with_capacity(1, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("{\"index\":0,"));
        assert_eq!(end(child), (141, String::new()));
    }
}

#[test]
fn an_interrupt_ends_a_wait_for_input() {
    let env = TestEnv::with_store(|store| store.drive("d1", "One", 1));
    let mut child = start(&env, &["rebuild", "--batch", "--json"]);
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"{\"document\":\"d1\"}\n").unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let (status, said) = end(child);
    assert_eq!(status, 130, "{said}");
    assert!(said.contains("\"code\":\"interrupted\",\"exit\":130"), "{said}");
}

#[test]
fn the_clock_ends_a_wait_for_input() {
    let env = TestEnv::with_store(|store| store.drive("d1", "One", 1));
    let started = Instant::now();
    let child = start(&env, &["rebuild", "--batch", "--timeout", "200ms"]);
    let (status, said) = end_with_open_stdin(child);
    assert_eq!(status, 5, "{said}");
    assert!(said.contains("error: the time allowed is over\nhint: allow more with --timeout"), "{said}");
    assert!(started.elapsed() < Duration::from_secs(10));
}

fn end_with_open_stdin(mut child: Child) -> (i32, String) {
    // `wait` would close it.
    let stdin = child.stdin.take();
    let result = end(child);
    drop(stdin);
    result
}

#[test]
fn no_time_at_all_is_too_little() {
    let env = TestEnv::with_store(|store| store.drive("d1", "One", 1));
    for args in [&["rebuild", "d1"][..], &["log", "d1/global"], &["ls"], &["rebuild", "--batch"]] {
        env.read(&[args, &["--timeout", "0s"]].concat()).fails(5);
    }
}

#[test]
fn progress_events_are_json_on_stderr() {
    let env = TestEnv::with_store(|store| store.drive("d1", "One", 3));
    let run = env.read(&["rebuild", "d1/global", "--progress", "json"]);
    let event: serde_json::Value = serde_json::from_str(run.stderr.lines().last().unwrap()).unwrap();
    assert_eq!((&event["progress"], &event["finished"]), (&"replaying".into(), &true.into()));
    assert_eq!(env.read(&["rebuild", "d1/global", "--progress", "none"]).stderr, "");
}

#[test]
fn colour_is_for_terminals_or_on_demand() {
    let env = TestEnv::new();
    assert!(!env.run(&["ls"]).stderr.contains('\u{1b}'));
    assert!(env.run(&["ls", "--color", "always"]).stderr.contains("\u{1b}[1;31merror:\u{1b}[0m no store"));
}
