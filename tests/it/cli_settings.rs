//! Settings: where they are found, which of them holds, and what is said of those that cannot.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;

use crate::support::TestEnv;

const MAPPED: &str =
    "[models.\"powerhouse/document-drive@2\"]\nsame-as = \"powerhouse/document-drive@1\"\nupgrade = \"identity\"\n";

fn with(text: impl AsRef<[u8]>) -> TestEnv {
    let env = TestEnv::new();
    fs::write(env.path("s.toml"), text).unwrap();
    env
}

/// Writes settings in a folder of its own.
fn put(env: &TestEnv, file: &str, text: &str) {
    let path = env.path(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// `snapctl config KEY` in a folder.
fn config(env: &TestEnv, folder: &str, key: &str) -> Command {
    fs::create_dir_all(env.path(folder)).unwrap();
    let mut command = env.snapctl(&["config", key]);
    command.current_dir(env.path(folder));
    command
}

fn answer(output: &Output) -> &str {
    assert!(output.status.success(), "{output:?}");
    std::str::from_utf8(&output.stdout).unwrap().trim_end()
}

#[test]
fn a_mapped_model_is_listed() {
    let env = with(MAPPED);
    let models = env.run(&["model", "list", "--json", "--config", "s.toml"]).json();
    let mapped = models.as_array().unwrap().iter().find(|model| model["version"] == 2).unwrap();
    assert_eq!(mapped["sameAs"], "powerhouse/document-drive@1");
    assert_eq!(mapped["documentType"], "powerhouse/document-drive");
}

#[test]
fn settings_that_cannot_be_used_are_refused_whatever_the_command() {
    let list = ["model", "list", "--config", "s.toml"];
    let said = |text: &str, status: i32| with(text).run(&list).fails(status).to_owned();
    assert_eq!(said("[model]", 2), "error: s.toml:1:2: unknown key model\nhint: did you mean models?\n");
    assert!(said("models = 3", 2).contains("s.toml:1:10: models: it has to be a table, not an integer"));
    assert!(said("[models", 2).starts_with("error: s.toml:1:"));
    let unknown = said("[sync]\n", 2);
    assert!(unknown.contains("`snapctl config --config /dev/null` lists the settings there are"), "{unknown}");
    let dangling = said("[models.\"a/b@2\"]\nsame-as = \"a/b@1\"\n", 14);
    assert!(dangling.contains("s.toml:2:1") && dangling.contains("a/b"), "{dangling}");
    let missing = TestEnv::new().run(&list).fails(3).to_owned();
    assert!(missing.starts_with("error: cannot read settings file s.toml\n  because: No such file"), "{missing}");
    let error = with("[store]\nurll = 'a'").run(&["ls", "--json", "--config", "s.toml"]).error(2);
    assert_eq!((&error["code"], &error["hint"]), (&"settings-unknown-key".into(), &"did you mean store.url?".into()));
}

#[test]
fn garbage_is_refused_without_a_panic() {
    let deep = 60_000;
    for text in [
        b"\x7fELF\0\xff\xfe\x01\x02".to_vec(),
        vec![0; 4096],
        vec![b'a'; 200_000],
        [b"url = \"".to_vec(), vec![b'x'; 200_000]].concat(),
        format!("a{}=1", ".a".repeat(deep)).into_bytes(),
        format!("[a{}]", ".a".repeat(deep)).into_bytes(),
        "[".repeat(deep).into_bytes(),
        format!("a = {}", "[".repeat(deep)).into_bytes(),
        format!("a = {}", "{a=".repeat(deep)).into_bytes(),
        format!("a = {}", "{a.a.a.a.a.a.a.a.a.a.a.a.a.a=".repeat(7_000)).into_bytes(),
    ] {
        let run = with(&text).run(&["config", "--config", "s.toml"]);
        let said = run.fails(2);
        assert!(said.starts_with("error: s.toml:1:") && said.len() < 200, "{said}");
    }
    for line in ["", "[store] # "] {
        let run = with(line.to_owned() + &"x".repeat(1_000_000)).run(&["config", "--config", "s.toml"]);
        assert!(run.fails(3).len() < 300);
    }
    let large = with(vec![b'\n'; (256 << 10) + 1]).run(&["config", "--config", "s.toml"]).fails(3).to_owned();
    assert!(large.contains("larger than 256 KiB"), "{large}");
    assert_eq!(TestEnv::new().run(&["config", "--config", "/dev/zero"]).status, 3);
}

#[test]
fn the_nearest_file_upward_wins_over_the_users() {
    let env = TestEnv::new();
    put(&env, "home/.config/snapctl/snapctl.toml", "[keyframes]\ntrust = 'none'\n[output]\ncolor = 'never'");
    let trust = |folder: &str| answer(&config(&env, folder, "keyframes.trust").output().unwrap()).to_owned();
    assert_eq!(trust("w/a/b"), "none");
    put(&env, "w/snapctl.toml", "[keyframes]\ntrust = 'hashed'");
    assert_eq!(trust("w/a/b"), "hashed");
    put(&env, "w/a/snapctl.toml", "[keyframes]\ntrust = 'any'");
    assert_eq!(trust("w/a/b"), "any");
    // Further up nothing is read, and what the nearest does not say, the user's file does.
    put(&env, "w/snapctl.toml", "garbage");
    assert_eq!(trust("w/a"), "any");
    assert_eq!(answer(&config(&env, "w/a/b", "output.color").output().unwrap()), "never");
    // In its own folder the user's file is read once.
    assert_eq!(trust("home/.config/snapctl"), "none");
}

#[test]
fn the_users_file_is_where_xdg_says() {
    let env = TestEnv::new();
    put(&env, "xdg/snapctl/snapctl.toml", "[keyframes]\ntrust = 'any'");
    let output = config(&env, "w", "keyframes.trust").env("XDG_CONFIG_HOME", env.path("xdg")).output().unwrap();
    assert_eq!(answer(&output), "any");
    // A home that is none has no file.
    for home in ["/dev/null", "/nonexistent", ""] {
        assert_eq!(answer(&config(&env, "w", "keyframes.trust").env("HOME", home).output().unwrap()), "verified");
    }
}

#[test]
fn a_named_file_is_the_only_one() {
    let env = with("[output]\ncolor = 'always'");
    put(&env, "snapctl.toml", "[keyframes]\ntrust = 'any'");
    put(&env, "home/.config/snapctl/snapctl.toml", "not even toml");
    let run = |args: &[&str], variable: &str| {
        answer(&env.snapctl(args).env("SNAPCTL_CONFIG", variable).output().unwrap()).to_owned()
    };
    let both = ["config", "keyframes.trust", "output.color"];
    assert_eq!(run(&both, "s.toml"), "verified\nalways");
    assert_eq!(run(&both, "/dev/null"), "verified\nauto");
    assert_eq!(run(&[&both[..], &["--config", "s.toml"]].concat(), "nowhere"), "verified\nalways");
    // The empty variable is none, so the search finds the broken file.
    let output = env.snapctl(&both).env("SNAPCTL_CONFIG", "").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("home/.config/snapctl/snapctl.toml:1:"), "{output:?}");
    let output = env.snapctl(&both).env("SNAPCTL_CONFIG", "nowhere").output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("settings file nowhere (SNAPCTL_CONFIG)"), "{output:?}");
}

#[test]
fn each_layer_wins_over_the_one_before() {
    let env = TestEnv::new();
    put(&env, "w/snapctl.toml", "[keyframes]\ntrust = 'none'\n[profiles.p.keyframes]\ntrust = 'hashed'");
    let run = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = config(&env, "w", "keyframes.trust");
        answer(&command.args(args).envs(variables.iter().copied()).output().unwrap()).to_owned()
    };
    assert_eq!(run(&[], &[]), "none");
    assert_eq!(run(&["--profile", "p"], &[]), "hashed");
    assert_eq!(run(&[], &[("SNAPCTL_PROFILE", "p")]), "hashed");
    assert_eq!(run(&["--profile", "p"], &[("SNAPCTL_TRUST", "any"), ("SNAPCTL_PROFILE", "q")]), "any");
    assert_eq!(run(&["--profile", "p", "--trust", "verified"], &[("SNAPCTL_TRUST", "any")]), "verified");
    assert_eq!(run(&["--no-keyframes"], &[("SNAPCTL_TRUST", "any")]), "none");
    assert_eq!(run(&[], &[("SNAPCTL_TRUST", ""), ("SNAPCTL_PROFILE", "")]), "none");
}

#[test]
fn a_profile_that_nobody_has_is_refused() {
    let env = TestEnv::new();
    assert_eq!(env.run(&["config", "--profile", "ci"]).status, 2);
    put(&env, "snapctl.toml", "[profiles.ci]\n[profiles.nightly]");
    env.run(&["config", "--profile", "ci"]).ok();
    let run = env.run(&["config", "--profile", "nightyl"]);
    assert_eq!(run.fails(2), "error: --profile: there is no profile \"nightyl\"\nhint: did you mean nightly?\n");
    let output = env.snapctl(&["config"]).env("SNAPCTL_PROFILE", "x").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("SNAPCTL_PROFILE: there is no profile \"x\"\nhint: there is ci, nightly"), "{said}");
}

#[test]
fn a_store_in_a_file_is_beside_it_and_is_opened() {
    let env = TestEnv::with_store(|store| store.drive("d1", "One", 3));
    for url in ["ops.db", "sqlite:ops.db", "./ops.db", "sqlite:ops.db?busy-timeout-ms=10"] {
        put(&env, "snapctl.toml", &format!("[store]\nurl = '{url}'"));
        let mut command = env.snapctl(&["ls", "--ndjson"]);
        fs::create_dir_all(env.path("w/a")).unwrap();
        let output = command.current_dir(env.path("w/a")).output().unwrap();
        assert!(answer(&output).contains("\"d1\""), "{url}");
    }
    // A variable is relative to the working directory.
    let output = env.snapctl(&["ls"]).current_dir(env.path("w")).env("SNAPCTL_STORE", "ops.db").output().unwrap();
    assert_eq!(output.status.code(), Some(10));
    let output = env.snapctl(&["ls"]).current_dir(env.path("w")).env("SNAPCTL_STORE", "../ops.db").output().unwrap();
    assert!(answer(&output).contains("d1"));
    // A named file is in a folder, too.
    let mut command = env.snapctl(&["ls", "--config", "../snapctl.toml"]);
    assert!(answer(&command.current_dir(env.path("w")).output().unwrap()).contains("d1"));
}

#[test]
fn what_is_set_has_its_effect() {
    let env = TestEnv::with_store(|store| store.drive("d1", "One", 3));
    put(&env, "snapctl.toml", "[limits]\ntimeout = '0s'\n[profiles.slow.limits]\ntimeout = ''");
    assert_eq!(env.read(&["rebuild", "d1/global"]).status, 5);
    env.read(&["rebuild", "d1/global", "--profile", "slow"]).ok();
    env.read(&["rebuild", "d1/global", "--timeout", "1m"]).ok();
    put(&env, "snapctl.toml", "[output]\ncolor = 'always'\nprogress = 'json'");
    let run = env.read(&["rebuild", "d1/global"]);
    assert!(run.stderr.contains("\"progress\":\"replaying\""), "{run:?}");
    assert!(env.read(&["rebuild", "none"]).fails(4).contains("\u{1b}[1;31m"));
    let said = env.read(&["rebuild", "none", "--color", "never"]);
    assert!(!said.fails(4).contains('\u{1b}'), "{said:?}");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/drive.sqlite");
    fs::copy(fixture, env.path("ops.db")).unwrap();
    let base = || env.read(&["rebuild", "field-notes/global", "--explain"]).json()["explain"]["base"]["kind"].clone();
    put(&env, "snapctl.toml", "");
    assert_eq!(base(), "genesis");
    put(&env, "snapctl.toml", "[keyframes]\ntrust = 'hashed'");
    assert_eq!(base(), "keyframe");
}

#[test]
fn a_wrong_variable_is_an_error_and_an_unknown_one_a_warning() {
    let env = TestEnv::new();
    let run = |name: &str, text: &str, args: &[&str]| {
        let output = env.snapctl(&[&["config"][..], args].concat()).env(name, text).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    for name in ["SNAPCTL_BUSY_TIMEOUT", "SNAPCTL_TRUST", "SNAPCTL_TIMEOUT", "SNAPCTL_COLOR", "SNAPCTL_PROGRESS"] {
        let (status, said) = run(name, "10", &[]);
        assert!(status == 2 && said.starts_with(&format!("error: {name}: ")), "{said}");
        assert_eq!(run(name, "", &[]), (0, String::new()));
    }
    let warning = "the environment variable SNAPCTL_TRSUT means nothing; did you mean SNAPCTL_TRUST?";
    assert_eq!(run("SNAPCTL_TRSUT", "any", &[]), (0, format!("warning: {warning}\n")));
    assert_eq!(run("SNAPCTL_TRSUT", "any", &["--json"]), (0, format!("{{\"warning\":\"{warning}\"}}\n")));
    assert_eq!(run("SNAPCTL_TRSUT", "any", &["-q"]), (0, String::new()));
    assert_eq!(run("SNAPCTL_TRSUT", "", &[]), (0, String::new()));
}

#[test]
fn what_stands_in_the_place_of_a_file_is_an_error() {
    let env = TestEnv::new();
    let said = || env.run(&["model", "list"]).fails(3).to_owned();
    fs::create_dir(env.path("snapctl.toml")).unwrap();
    assert!(
        said().contains("snapctl.toml\n  because: Is a directory") || said().contains("is a directory"),
        "{}",
        said()
    );
    fs::remove_dir(env.path("snapctl.toml")).unwrap();
    symlink("nowhere", env.path("snapctl.toml")).unwrap();
    assert!(said().contains("cannot read settings file") && said().contains("No such file"), "{}", said());
    fs::remove_file(env.path("snapctl.toml")).unwrap();
    // A pipe without a writer would be waited for for ever.
    assert!(std::process::Command::new("mkfifo").arg(env.path("snapctl.toml")).status().unwrap().success());
    assert!(said().contains("it is no regular file"), "{}", said());
    fs::remove_file(env.path("snapctl.toml")).unwrap();
    fs::write(env.path("snapctl.toml"), "").unwrap();
    fs::set_permissions(env.path("snapctl.toml"), fs::Permissions::from_mode(0o000)).unwrap();
    // Root may read everything.
    if fs::read(env.path("snapctl.toml")).is_err() {
        assert!(said().contains("ermission denied"), "{}", said());
    }
}

#[test]
fn the_settings_of_the_fixtures_are_found_in_their_folder() {
    let env = TestEnv::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut command = env.snapctl(&["model", "list", "--ndjson"]);
    let output = command.current_dir(fixtures).output().unwrap();
    assert!(answer(&output).contains("\"sameAs\":\"powerhouse/document-drive@1\""), "{output:?}");
}

#[test]
fn what_describes_the_program_needs_no_good_settings() {
    let env = TestEnv::new();
    for text in ["this is no TOML", "[models.\"a@2\"]\nsame-as = \"nobody@1\"\n"] {
        std::fs::write(env.path("snapctl.toml"), text).unwrap();
        for args in [&["man"][..], &["schema"], &["schema", "ls"], &["completions", "bash"], &["--help"]] {
            assert_eq!(env.run(args).status, 0, "{args:?}: {text}");
        }
        assert_ne!(env.run(&["model", "list"]).status, 0, "{text}");
    }
}
