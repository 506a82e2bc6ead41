//! Command lines that are wrong, or ask for help.

use crate::support::TestEnv;

#[test]
fn without_a_store_the_hint_says_how_to_name_one() {
    let env = TestEnv::new();
    for args in [
        &["ls"][..],
        &["log", "d"],
        &["rebuild", "d"],
        &["rebuild", "--batch"],
        &["store", "info"],
        &["store", "init"],
        &["import"],
        &["export"],
        &["ls", "d", "--tree"],
    ] {
        let run = env.run(args);
        let said = run.fails(2);
        let hint = "hint: name one with --store PATH, SNAPCTL_STORE, or url in [store] of snapctl.toml";
        assert_eq!(said, format!("error: no store given\n{hint}\n"), "{args:?}");
    }
    assert!(env.run(&["ls", "--store", ""]).fails(2).contains("no store given"));
}

#[test]
fn usage_errors_are_json_when_json_is_asked_for() {
    let env = TestEnv::new();
    let error = env.run(&["rebuild", "--ndjson"]).error(2);
    assert_eq!(error["code"], "usage");
    assert!(error["message"].as_str().unwrap().contains("<TARGET>"));
    assert!(error["hint"].as_str().unwrap().starts_with("usage: snapctl rebuild"));
    let error = env.run(&["ls", "--json"]).error(2);
    assert_eq!((&error["code"], &error["causes"]), (&"no-store".into(), &serde_json::json!([])));
    let run = env.run(&["ls", "--jsn"]);
    assert_eq!(
        run.fails(2),
        "error: unexpected argument '--jsn' found\nhint: did you mean --json? `snapctl ls --help` has examples\n"
    );
}

#[test]
fn values_that_cannot_be_are_refused() {
    let env = TestEnv::new();
    for args in [
        &["ls", "--timeout", "10"][..],
        &["ls", "--busy-timeout", "-1s"],
        &["ls", "--trust", "some"],
        &["ls", "--trust", "any", "--no-keyframes"],
        &["ls", "--json", "--ndjson"],
        &["ls", "-q", "-v"],
        &["ls", "--changed-since", "yesterday"],
        &["ls", "--tree"],
        &["rebuild", "d", "--pointer", "nodes"],
        &["rebuild", "d", "--state", "--hash"],
        &["rebuild", "d", "--hash", "--explain"],
        &["rebuild", "d", "--batch"],
        &["log", "d", "-n", "x"],
        &["import", "--batch", "0"],
        &["import", "--batch", "5", "--dry-run"],
        &["import", "--only", "d:head~1"],
        &["import", "--only", "d/s:5..3"],
        &["export", "--scope", "global"],
        &["export", "--force"],
        &["nonsense"],
        &[],
    ] {
        assert_eq!(env.run(args).status, 2, "{args:?}");
    }
}

#[test]
fn help_and_version_are_answers() {
    let env = TestEnv::new();
    for args in [&["--help"][..], &["-h"], &["help"], &["rebuild", "--help"], &["--version"]] {
        let run = env.run(args);
        assert!(!run.ok().is_empty() && run.stderr.is_empty(), "{run:?}");
    }
    assert!(env.run(&["--help"]).ok().contains("Exit codes:"));
}

#[test]
fn a_password_in_the_environment_is_not_shown_by_help() {
    let env = TestEnv::new();
    let output = env.snapctl(&["ls", "--help"]).env("SNAPCTL_STORE", "postgres://u:secret@h/db").output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stdout).contains("secret"));
}
