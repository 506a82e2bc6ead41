//! What the README shows is what happens.

use assert_cmd::Command;
use predicates::prelude::*;

const README: &str = include_str!("../../README.md");

/// `snapctl`, in `fixtures/`.
fn snapctl() -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("snapctl"));
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures")).env_clear().env("HOME", "/nonexistent");
    command
}

/// The lines of the tour that run snapctl, without their comments.
fn tour() -> Vec<&'static str> {
    let tour = README.split("## A short tour").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    let lines = tour.lines().filter(|line| line.starts_with("snapctl ") && !line.contains('|'));
    lines.map(|line| line.split(" #").next().unwrap().trim()).collect()
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
fn every_line_of_the_tour_works() {
    let lines = tour();
    assert!(lines.len() >= 10, "{lines:?}");
    for line in lines {
        let said = predicate::str::contains("error").not();
        snapctl()
            .env("SNAPCTL_STORE", "drive.sqlite")
            .args(line.split(' ').skip(1).filter(|word| !word.is_empty()))
            .assert()
            .success()
            .stdout(predicate::str::is_empty().not())
            .stderr(said);
    }
}

#[test]
fn every_setting_is_in_its_table() {
    for key in snapctl::settings::KEYS {
        let default = key.default_text().map_or(String::new(), |text| format!("`{text}`"));
        let line = README.lines().find(|line| line.starts_with(&format!("| `{}` |", key.name()))).unwrap();
        for text in [key.variable(), key.flag(), &default] {
            assert!(line.contains(text), "{line}: {text}");
        }
    }
}
