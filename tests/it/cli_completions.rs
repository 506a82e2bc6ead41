//! `snapctl completions`, what the scripts ask snapctl, and the scripts in real shells.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::TestEnv;
use crate::support::tools::{self, Workshop};

const FIELD_NOTES: &str = "f1e1d0c5-7a3e-4d52-9b60-2c8e41f7a6d3";
/// Where bash ends words, beside spaces.
const BREAKS: &str = " \t\n\"'@><=;|&(:";

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("completions")
}

/// What a shell is answered, a line each; nothing may be said, and nothing left behind.
#[track_caller]
fn ask(shop: &Workshop, args: &[&str]) -> Vec<String> {
    let output = shop.command("snapctl").arg("__complete").args(args).output().unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]), "{args:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// The candidates for the last of some words.
#[track_caller]
fn candidates(shop: &Workshop, words: &[&str]) -> Vec<String> {
    let lines = ask(shop, &[&["elvish", "snapctl"], words].concat());
    assert_eq!(lines.first().map(String::as_str), Some("words"), "{words:?}");
    lines[1..].iter().map(|line| line.split_once('\t').expect("a tab").0.to_owned()).collect()
}

#[test]
fn scripts_are_printed_as_they_are_committed() {
    let env = TestEnv::new();
    for (shell, file) in [
        ("bash", "snapctl.bash"),
        ("zsh", "_snapctl"),
        ("fish", "snapctl.fish"),
        ("powershell", "snapctl.ps1"),
        ("elvish", "snapctl.elv"),
    ] {
        let script = std::fs::read_to_string(scripts().join(file)).unwrap();
        assert_eq!(env.run(&["completions", shell]).ok(), script, "{shell}");
        assert!(script.contains(&format!("__complete {shell}")), "{shell} says who it is");
        let json = env.run(&["completions", shell, "--json"]).json();
        assert_eq!((&json["shell"], &json["file"], &json["script"]), (&shell.into(), &file.into(), &script.into()));
    }
    assert_eq!(std::fs::read_dir(scripts()).unwrap().count(), 5, "each script has its shell");
    assert!(env.run(&["completions", "bsh"]).fails(2).contains("did you mean bash?"));
}

#[test]
fn commands_options_and_values_are_completed() {
    let shop = Workshop::new();
    for (words, expected) in [
        (&["re"][..], &["rebuild"][..]),
        (&["store", ""], &["info", "init", "check", "migrate", "help"]),
        (&["model", "l"], &["list"]),
        (&["cache", "sim"], &["simulate"]),
        (&["man", "store", ""], &["info", "init", "check", "migrate"]),
        (&["help", "comp"], &["completions"]),
        (&["schema", "store"], &["store"]),
        (&["schema", "store", ""], &["check", "info", "init", "migrate"]),
        (&["schema", "import"], &["import", "import-line"]),
        (&["schema", "ls", ""], &[]),
        (&["config", "store."], &["store.url", "store.busy-timeout"]),
        (&["config", "keyframes.trust", "output.c"], &["output.color"]),
        (&["explain", "SEAL"], &["SEAL_BROKEN", "SEAL_AHEAD", "SEAL_ORPHAN"]),
        (&["explain", "free"], &["free-pages"]),
        (&["verify", "--only", "SEAL"], &["SEAL_BROKEN", "SEAL_AHEAD"]),
        (&["explain", "GAP", "time-"], &["time-order"]),
        (&["explain", "seal_b"], &["seal_broken"]),
        (&["completions", ""], &["bash", "zsh", "fish", "powershell", "elvish"]),
        (&["ls", "--js"], &["--json"]),
        (&["ls", "--trust", ""], &["none", "verified", "hashed", "any"]),
        (&["--progress=j"], &["--progress=json"]),
        (&["ls", "--sort", "key"], &["keyframes"]),
    ] {
        assert_eq!(candidates(&shop, words), expected, "{words:?}");
    }
    let options = candidates(&shop, &["rebuild", "--"]);
    assert!(["--batch", "--store", "--help"].iter().all(|option| options.iter().any(|known| known == option)));
    for words in
        [&["ls", "--config", ""][..], &["-s", ""], &["--store=x"], &["man", "--dir", "p"], &["cache", "simulate", "t"]]
    {
        assert_eq!(ask(&shop, &[&["elvish", "snapctl"], words].concat()), ["files"], "{words:?}");
    }
}

#[test]
fn targets_are_completed_from_the_store() {
    let shop = Workshop::new();
    for (words, expected) in [
        (&["rebuild", ""][..], &["field-notes", FIELD_NOTES][..]),
        (&["rebuild", "fie"], &["field-notes", "field-notes/"]),
        (&["rebuild", "field-notes", "f1e1"], &[FIELD_NOTES, "f1e1d0c5-7a3e-4d52-9b60-2c8e41f7a6d3/"]),
        (
            &["log", "field-notes/"],
            &["field-notes/document", "field-notes/global", "field-notes/header", "field-notes/local"],
        ),
        (&["log", "f1e1/g"], &["f1e1/global", "f1e1/global:"]),
        (&["log", "field-notes@"], &["field-notes@main"]),
        (&["log", "field-notes/global@"], &["field-notes/global@main"]),
        (&["log", "field-notes/none@"], &[]),
        (
            &["rebuild", "field-notes/global:"],
            &[
                "field-notes/global:head",
                "field-notes/global:initial",
                "field-notes/global:head~",
                "field-notes/global:20",
                "field-notes/global:keyframe:20",
                "field-notes/global:keyframe:10",
                "field-notes/global:op:",
                "field-notes/global:@",
            ],
        ),
        (&["rebuild", "field-notes/local:2"], &[]),
        (&["rebuild", "field-notes/local:3"], &["field-notes/local:3"]),
        (&["rebuild", "field-notes/header:head~"], &["field-notes/header:head~1"]),
        (&["rebuild", "field-notes:op:82"], &["field-notes:op:82ac4ff9ce02bf522e7364cac44432cd"]),
        (&["rebuild", "field-notes:@2025-04-01T08:26"], &["field-notes:@2025-04-01T08:26:00.000Z"]),
        (&["rebuild", FIELD_NOTES, "--scope", "l"], &["local"]),
        (&["rebuild", FIELD_NOTES, "--scope", "local", "--at", "3"], &["3"]),
        (&["rebuild", FIELD_NOTES, "--branch", ""], &["main"]),
        (
            &["ls", "--type", ""],
            &["json-merge-patch", "json-patch", "powerhouse/document-drive", "powerhouse/document-model", "set"],
        ),
        (&["log", "field-notes", "--type", "MO"], &["MOVE_NODE"]),
        (&["rebuild", "nothing"], &[]),
        (&["rebuild", "nothing/"], &[]),
        (&["rebuild", "a%zz/"], &[]),
    ] {
        assert_eq!(candidates(&shop, words), expected, "{words:?}");
    }
}

#[test]
fn the_store_is_the_one_of_the_line() {
    let shop = Workshop::new();
    let slugs = ["old-sketchbook", "sketchbook"];
    for store in [&["-s", "undo.sqlite"][..], &["-sundo.sqlite"], &["--store", "undo.sqlite"], &["--store=undo.sqlite"]]
    {
        assert_eq!(candidates(&shop, &[store, &["rebuild", ""]].concat())[..2], slugs, "{store:?}");
    }
    let late = candidates(&shop, &["rebuild", "--store", "sqlite:undo.sqlite", "sk"]);
    assert_eq!(late, ["sketchbook", "sketchbook/"]);
    let home = candidates(&shop, &["-s", "~/undo.sqlite", "rebuild", "sk"]);
    assert_eq!(home, late, "as a shell hands it over");
}

#[test]
fn names_that_targets_escape_are_escaped() {
    let shop = Workshop::new();
    let file = crate::support::StoreFile::create(&shop.path("odd.sqlite"));
    file.drive("a/b c", "One", 1);
    file.drive("line\nbreak", "Two", 1);
    assert_eq!(candidates(&shop, &["-s", "odd.sqlite", "rebuild", "a"]), ["a%2Fb c", "a%2Fb c/"]);
    assert_eq!(candidates(&shop, &["-s", "odd.sqlite", "rebuild", "a%2Fb c/g"])[0], "a%2Fb c/global");
    assert_eq!(candidates(&shop, &["-s", "odd.sqlite", "rebuild", "line"])[0], "line%0Abreak");
    let line = "snapctl -s odd.sqlite rebuild a";
    assert_eq!(ask(&shop, &["bash", line, BREAKS])[1], "a%2Fb\\ c\tpowerhouse/document-drive");
}

#[test]
fn each_shell_is_answered_in_its_own_form() {
    let shop = Workshop::new();
    let bash = |line| ask(&shop, &["bash", line, BREAKS]);
    assert_eq!(bash("snapctl rebuild field-notes/global:ini"), ["words", "initial\tbefore operation 0"]);
    assert_eq!(bash("snapctl rebuild field-notes@m"), ["words", "@main\t"]);
    assert_eq!(bash("snapctl rebuild 'field-notes/global:ini")[1], "field-notes/global:initial\tbefore operation 0");
    assert_eq!(bash("snapctl --store=undo.sqlite rebuild sketch")[1].split('\t').next(), Some("sketchbook"));
    let zsh = ask(&shop, &["zsh", "snapctl", "rebuild", "\"field-notes/global:ini"]);
    assert_eq!(zsh, ["words", "field-notes/global:initial\tbefore operation 0"]);
    assert_eq!(ask(&shop, &["fish", "snapctl", "rebuild", "field\\-notes/global:ini"]), zsh);
    let line = "snapctl -s 'undo.sqlite' rebuild sketchbook/global:in";
    let mut powershell = shop.command("snapctl");
    powershell.args(["__complete", "powershell"]).env("SNAPCTL_COMPLETE_LINE", line);
    let said = String::from_utf8(powershell.output().unwrap().stdout).unwrap();
    assert_eq!(said, "words\nsketchbook/global:initial\tbefore operation 0\n");
}

#[test]
fn whatever_goes_wrong_completes_nothing_silently() {
    let shop = Workshop::new();
    std::fs::write(shop.path("garbage.sqlite"), vec![b'x'; 9000]).unwrap();
    std::fs::create_dir(shop.path("folder")).unwrap();
    let whole = std::fs::read(shop.path("drive.sqlite")).unwrap();
    std::fs::write(shop.path("half.sqlite"), &whole[..whole.len() / 2]).unwrap();
    for store in
        ["none.sqlite", "garbage.sqlite", "folder", "half.sqlite", "", "postgres://u:p@h/d", "memory:", "/dev/zero"]
    {
        assert!(candidates(&shop, &["-s", store, "rebuild", ""]).is_empty(), "{store}");
    }
    for args in [
        &["bash"][..],
        &["zsh"],
        &["nosuch", "x"],
        &["bash", "snapctl rebuild \"", ""],
        &["fish", "x", "--", "y"],
        &["bash", "\\", "\\"],
    ] {
        ask(&shop, args);
    }
    assert!(!shop.path("none.sqlite").exists());
}

#[test]
fn a_locked_store_is_not_waited_for_and_nothing_is_left_beside_it() {
    let shop = Workshop::new();
    let writer = rusqlite::Connection::open(shop.path("drive.sqlite")).unwrap();
    writer.execute_batch(r#"BEGIN EXCLUSIVE; DELETE FROM "Keyframe""#).unwrap();
    let before = names(&shop);
    let started = Instant::now();
    candidates(&shop, &["rebuild", ""]);
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(names(&shop), before);
    writer.execute_batch("ROLLBACK; PRAGMA journal_mode = WAL").unwrap();
    drop(writer);
    let before = names(&shop);
    assert_eq!(candidates(&shop, &["rebuild", "fie"])[0], "field-notes");
    assert_eq!(names(&shop), before);
}

fn names(shop: &Workshop) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> = std::fs::read_dir(shop.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

/// The words that an interactive shell makes of a line with a tab behind it, and then an x.
#[track_caller]
fn typed(shell: &str, line: &str) -> String {
    let shop = Workshop::new();
    // In the place of snapctl is what also says that it was asked.
    let (program, asked) = (shop.path("snapctl"), shop.path("asked"));
    let wrapper = format!("#!/bin/sh\n'{}' \"$@\"\n: >asked\n", env!("CARGO_BIN_EXE_snapctl"));
    std::fs::write(&program, wrapper).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (file, command): (_, &[&str]) = match shell {
        "bash" => ("snapctl.bash", &["bash", "--norc", "--noprofile", "-i"]),
        "zsh" => ("_snapctl", &["zsh", "-f", "-i"]),
        _ => ("snapctl.fish", &["fish", "--no-config", "-i"]),
    };
    let mut script = scripts().join(file).display().to_string();
    if shell == "zsh" {
        let setup = format!("autoload -U compinit\ncompinit -D -u\nsource '{script}'\n");
        std::fs::write(shop.path("setup.zsh"), setup).unwrap();
        script = shop.path("setup.zsh").display().to_string();
    }
    let mut python = shop.command("python3");
    let path = python.get_envs().find(|(name, _)| *name == "PATH").unwrap().1.unwrap().to_owned();
    let mut folders = vec![shop.path("")];
    folders.extend(std::env::split_paths(&path));
    python.env("PATH", std::env::join_paths(folders).unwrap());
    python.args(["-c", include_str!("support/terminal.py"), &script]).arg(&asked).arg(line).args(command);
    let output = python.output().unwrap();
    assert!(output.status.success(), "{shell}, {line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn completes_in(shell: &str) {
    if !tools::has("python3") || !tools::has(shell) {
        return;
    }
    for (line, expected) in [
        ("snapctl reb", "snapctl rebuild x"),
        // What may go on is not followed by a space.
        ("snapctl rebuild field-n", "snapctl rebuild field-notesx"),
        ("snapctl rebuild field-notes/glo", "snapctl rebuild field-notes/globalx"),
        ("snapctl rebuild field-notes/global:ini", "snapctl rebuild field-notes/global:initial x"),
        ("snapctl rebuild field-notes@m", "snapctl rebuild field-notes@main x"),
        ("snapctl rebuild \"field-notes/global:ini", "snapctl rebuild field-notes/global:initial x"),
        ("snapctl rebuild field-notes:@2025-04-01T08:26", "snapctl rebuild field-notes:@2025-04-01T08:26:00.000Z x"),
        ("snapctl -s undo.sqlite log sk", "snapctl -s undo.sqlite log sketchbookx"),
        ("snapctl ls --trust=ver", "snapctl ls --trust=verified x"),
        ("snapctl --store=und", "snapctl --store=undo.sqlite x"),
        ("snapctl --store und", "snapctl --store undo.sqlite x"),
    ] {
        assert_eq!(typed(shell, line), expected, "{shell}");
    }
}

#[test]
fn bash_completes() {
    completes_in("bash");
}

#[test]
fn zsh_completes() {
    completes_in("zsh");
}

#[test]
fn fish_completes() {
    completes_in("fish");
    if !tools::has("fish") {
        return;
    }
    // Without a terminal, and with what each candidate is.
    let shop = Workshop::new();
    let line =
        format!("source '{}'; complete -C 'snapctl rebuild field-notes/l'", scripts().join("snapctl.fish").display());
    let output = shop.command("fish").args(["--no-config", "-c", &line]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, "field-notes/local\thead 3\nfield-notes/local:\ta position in it\n");
}
