//! What the README shows first is what happens; `examples.rs` runs the rest.

use assert_cmd::Command;
use predicates::prelude::*;

const README: &str = include_str!("../../README.md");

/// `snapctl`, in `fixtures/`.
fn snapctl() -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("snapctl"));
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures")).env_clear();
    command
}

#[test]
fn the_first_command_shows_the_document() {
    assert!(README.contains("-- --store fixtures/drive.sqlite rebuild field-notes\n"));
    snapctl()
        .args(["--store", "drive.sqlite", "rebuild", "field-notes"])
        .assert()
        .success()
        .stdout(predicate::str::contains("\"name\": \"Field notes, spring 2025\""))
        .stderr(predicate::str::is_empty());
}
