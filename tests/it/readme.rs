//! What the README shows first is what happens; `examples.rs` runs the rest.

use assert_cmd::Command;
use predicates::prelude::*;

const README: &str = include_str!("../../README.md");

/// `snapctl`, in `fixtures/`.
fn snapctl() -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("snapctl"));
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures")).env_clear().env("HOME", "/nonexistent");
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

#[test]
fn every_setting_is_in_its_table() {
    for key in snapctl::settings::KEYS {
        let default = key.default_text().map_or(String::new(), |text| format!("`{text}`"));
        let line = README.lines().find(|line| line.starts_with(&format!("| `{}` |", key.name()))).unwrap();
        for text in [key.variable(), key.flag().unwrap_or_default(), &default] {
            assert!(line.contains(text), "{line}: {text}");
        }
    }
}
