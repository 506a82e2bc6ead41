//! Programs that tests drive, and that a machine may lack.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// Whether a program is there. Where it is not, that is said; where nothing may be left out, which the variables `CI` and
/// `SNAPCTL_TEST_ALL` say, it is a failure.
#[track_caller]
pub(crate) fn has(program: &str) -> bool {
    let found = search_path().iter().any(|folder| folder.join(program).is_file());
    if !found {
        lacks(&format!("{program} is missing; `apt-get install {program}` (or the like) installs it"));
    }
    found
}

/// The words that run a program which may mount file systems that nobody else sees; `None`, as [`has`] says it, where that is
/// not permitted.
#[track_caller]
pub(crate) fn mounting() -> Option<Vec<&'static str>> {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let ways = [vec!["unshare", "--mount"], vec!["unshare", "--map-root-user", "--mount"]];
    let may = |way: &Vec<&str>| {
        let mut command = Command::new(way[0]);
        command.args(&way[1..]).args(["mount", "-t", "tmpfs", "-o", "size=4096", "none"]).arg(folder.path());
        command.output().is_ok_and(|output| output.status.success())
    };
    let found = ways.into_iter().find(may);
    if found.is_none() {
        lacks("no file system can be mounted, so that none is ever full; root may, and who may make user namespaces");
    }
    found
}

/// Says what this machine lacks, which is a failure where nothing may be left out.
#[track_caller]
fn lacks(what: &str) {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    assert!(!set("CI") && !set("SNAPCTL_TEST_ALL"), "{what}");
    not_run(what);
}

/// Says what was left out, past what keeps the output of tests that succeed.
pub(crate) fn not_run(what: &str) {
    let _ = writeln!(std::io::stderr(), "NOT RUN: {what}");
}

fn search_path() -> Vec<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect()
}

/// A copy of `fixtures/`, and programs in it that find snapctl as users do.
pub(crate) struct Workshop {
    dir: TempDir,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        for entry in std::fs::read_dir(fixtures).expect("the fixtures") {
            let from = entry.expect("an entry").path();
            if from.is_file() {
                std::fs::copy(&from, dir.path().join(from.file_name().expect("a name"))).expect("a copy");
            }
        }
        // Where fish looks for completions in a home that has been used.
        std::fs::create_dir_all(dir.path().join(".config/fish/completions")).expect("a folder");
        Workshop { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A program, in the copy, with snapctl before everything else on its path and little else in its environment.
    pub(crate) fn command(&self, program: &str) -> Command {
        let built = Path::new(env!("CARGO_BIN_EXE_snapctl")).parent().expect("a folder").to_owned();
        let path: OsString = std::env::join_paths(std::iter::once(built).chain(search_path())).expect("a path");
        let mut command = Command::new(program);
        command.current_dir(self.dir.path()).env_clear().env("PATH", path).env("HOME", self.dir.path());
        command.env("SNAPCTL_STORE", "drive.sqlite").env("LC_ALL", "C.UTF-8").env("TERM", "dumb");
        command
    }

    /// Runs a line of bash.
    pub(crate) fn bash(&self, line: &str) -> Output {
        self.command("bash").args(["--norc", "-o", "pipefail", "-c", line]).output().expect("bash runs")
    }
}
