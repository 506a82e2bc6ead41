//! A directory, an empty environment, and snapctl in it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

use super::StoreFile;

/// Where a test runs.
pub(crate) struct TestEnv {
    dir: TempDir,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl TestEnv {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let above = dir.path().ancestors().map(|folder| folder.join("snapctl.toml")).find(|file| file.exists());
        assert_eq!(above, None, "settings that every test would find");
        TestEnv { dir }
    }

    /// An environment with a store in `ops.db`.
    pub(crate) fn with_store(fill: impl FnOnce(&StoreFile)) -> Self {
        let env = TestEnv::new();
        fill(&StoreFile::create(&env.path("ops.db")));
        env
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// snapctl, here, with nothing in its environment but a home without settings.
    pub(crate) fn snapctl(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_snapctl"));
        command.current_dir(self.dir.path()).env_clear().env("HOME", self.path("home")).args(args);
        command
    }

    /// Runs snapctl.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        Run::of(&mut self.snapctl(args))
    }

    /// Runs snapctl on `ops.db`, and checks that it has changed nothing in the directory.
    pub(crate) fn read(&self, args: &[&str]) -> Run {
        let before = self.files();
        let run = Run::of(self.snapctl(args).env("SNAPCTL_STORE", "ops.db"));
        assert_eq!(self.files(), before, "reading changes nothing");
        run
    }

    /// The same, with lines on stdin.
    pub(crate) fn read_with_input(&self, args: &[&str], input: impl Into<Vec<u8>>) -> Run {
        Run::of(self.snapctl(args).env("SNAPCTL_STORE", "ops.db").write_stdin(input))
    }

    /// Runs snapctl with `ops.db` as its store.
    pub(crate) fn on_store(&self, args: &[&str]) -> Run {
        Run::of(self.snapctl(args).env("SNAPCTL_STORE", "ops.db"))
    }

    /// Every file with its bytes.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = std::fs::read_dir(self.dir.path()).expect("the directory");
        let files = entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_file());
        files.map(|path| (path.clone(), std::fs::read(path).expect("a file"))).collect()
    }
}

impl Run {
    /// Runs a command that is ready.
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().expect("snapctl runs");
        Run {
            status: output.status.code().expect("snapctl ends by itself"),
            stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
        }
    }

    /// The answer, after a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> &str {
        assert_eq!(self.status, 0, "{self:?}");
        &self.stdout
    }

    /// The answer as JSON, after a success.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.ok()).expect("stdout is JSON")
    }

    /// The answers as JSON, a line each, whatever the status.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }

    /// What is said, after a failure that has printed nothing.
    #[track_caller]
    pub(crate) fn fails(&self, status: i32) -> &str {
        assert_eq!((self.status, &*self.stdout), (status, ""), "{self:?}");
        &self.stderr
    }

    /// The error object, after a failure with `--json` or `--ndjson`.
    #[track_caller]
    pub(crate) fn error(&self, status: i32) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        let line = self.stderr.lines().last().expect("something is said");
        let value: Value = serde_json::from_str(line).expect("the last line is JSON");
        assert_eq!(value["error"]["exit"], status);
        value["error"].clone()
    }
}
