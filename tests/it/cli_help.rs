//! `--help`, `-h`, `snapctl help`, and what is said to those who mistype.

use crate::support::TestEnv;

/// The places of texts, which have to be in this order.
#[track_caller]
fn in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part:?} is missing, or too early, in:\n{text}"));
        rest = &rest[at + part.len()..];
    }
}

#[test]
fn help_begins_with_examples_and_ends_with_exit_codes() {
    let env = TestEnv::new();
    let help = env.run(&["rebuild", "--help"]);
    in_order(
        help.ok(),
        &[
            "Rebuild documents from their operations, as JSON\n\nExamples:\n  snapctl rebuild field-notes\n      A document",
            "\n\nWithout a scope",
            "\nUsage: snapctl rebuild",
            "\nArguments:",
            "\nOptions:",
            "--batch",
            "\nGlobal options:\n  -s, --store <URL>  ",
            "\n      --json    ",
            "\nExit codes:\n    0  done\n",
            "   14  there is no model",
        ],
    );
    assert!(!help.ok().contains("\n   15  "), "rebuild never fails with a conflict");
    let help = env.run(&["--help"]);
    in_order(
        help.ok(),
        &["A first session", "\n  snapctl store info\n", "\nA target is DOC", "\nCommands:", "\n   15  "],
    );
}

#[test]
fn the_short_help_is_short() {
    let env = TestEnv::new();
    let (short, long) = (env.run(&["ls", "-h"]), env.run(&["ls", "--help"]));
    assert!(!short.ok().contains("Examples:") && !short.ok().contains("Exit codes:"));
    assert!(short.ok().lines().count() * 3 < long.ok().lines().count() * 2);
    assert!(short.ok().ends_with("`snapctl ls --help` says more, with examples\n"));
}

#[test]
fn help_of_a_command_is_the_same_however_it_is_asked_for() {
    let env = TestEnv::new();
    for words in [&["rebuild"][..], &["store", "info"], &["store"], &[]] {
        let asked = env.run(&[&["help"], words].concat());
        assert_eq!(asked.ok(), env.run(&[words, &["--help"]].concat()).ok(), "{words:?}");
    }
}

#[test]
fn help_is_as_wide_as_it_is_easy_to_read() {
    let env = TestEnv::new();
    let widest = |columns: &str| {
        let output = env.snapctl(&["log", "--help"]).env("COLUMNS", columns).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().map(|line| line.chars().count()).max().unwrap()
    };
    let (narrow, wide) = (widest("20"), widest("1000"));
    assert!(narrow <= 80 && narrow > 70, "{narrow}");
    assert!(wide <= 110 && wide > 90, "{wide}");
    assert_eq!(widest("nonsense"), narrow);
}

#[test]
fn without_a_command_the_short_help_goes_to_stderr() {
    let env = TestEnv::new();
    let nothing = env.run(&[]);
    assert!(nothing.fails(2).contains("\nCommands:\n  ls "));
    let store = env.snapctl(&[]).env("SNAPCTL_STORE", "ops.db").output().unwrap();
    assert_eq!(String::from_utf8(store.stderr).unwrap(), nothing.stderr, "a store is no command");
    let error = env.run(&["--json"]).error(2);
    assert_eq!((&error["code"], &error["message"]), (&"usage".into(), &"no command given".into()));
}

#[test]
fn a_hint_names_what_was_meant_and_what_to_type_next() {
    let env = TestEnv::new();
    for (args, hint) in [
        (&["rebuid", "d"][..], "did you mean `snapctl rebuild`? `snapctl help` lists the commands"),
        (&["model", "lst"], "did you mean `snapctl model list`? `snapctl help model` lists the commands"),
        (&["help", "rebuid"], "did you mean `snapctl rebuild`? `snapctl help` lists the commands"),
        (&["ls", "--trust", "verifed"], "did you mean verified? `snapctl ls --help` has examples"),
        (&["store"], "`snapctl help store` lists the commands"),
    ] {
        let run = env.run(args);
        assert!(run.fails(2).ends_with(&format!("\nhint: {hint}\n")), "{args:?}: {run:?}");
        let error = env.run(&[args, &["--json"]].concat()).error(2);
        assert_eq!((&error["code"], &error["hint"]), (&"usage".into(), &hint.into()), "{args:?}");
    }
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_not_utf8_is_named() {
    use std::os::unix::ffi::OsStrExt as _;
    let env = TestEnv::new();
    let odd = std::ffi::OsStr::from_bytes(b"fie\xffld");
    let output = env.snapctl(&["rebuild"]).arg(odd).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("error: argument 2 is not UTF-8: \"fie\\xffld\"\nhint: "), "{said}");
    let output = env.snapctl(&["rebuild", "--json"]).arg(odd).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains(r#""exit":2,"message":"argument 3 is not UTF-8"#));
}
