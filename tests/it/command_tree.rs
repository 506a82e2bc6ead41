//! What every command has to have, found out by walking all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap::{Arg, Command};

use crate::support::TestEnv;

/// A command that does something, with the words that name it.
struct Leaf {
    words: Vec<String>,
    command: Command,
}

impl Leaf {
    fn name(&self) -> String {
        self.words.join(" ")
    }

    /// Its own arguments, and those of every command; not those that clap adds.
    fn args(&self) -> impl Iterator<Item = &Arg> {
        self.command.get_arguments().filter(|arg| !["help", "version"].contains(&arg.get_id().as_str()))
    }
}

fn leaves() -> Vec<Leaf> {
    fn collect(command: &Command, words: &[String], into: &mut Vec<Leaf>) {
        if !command.has_subcommands() {
            into.push(Leaf { words: words.to_vec(), command: command.clone() });
        }
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help" && !inner.is_hide_set()) {
            collect(inner, &[words, &[inner.get_name().to_owned()]].concat(), into);
        }
    }
    let mut command = snapctl::cli::command();
    command.build();
    let mut leaves = Vec::new();
    collect(&command, &[], &mut leaves);
    leaves
}

fn repository(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn every_command_gives_json() {
    for leaf in leaves() {
        for option in ["json", "ndjson"] {
            assert!(leaf.args().any(|arg| arg.get_long() == Some(option)), "`{}` has no --{option}", leaf.name());
        }
    }
}

#[test]
fn every_text_of_help_is_a_phrase() {
    let phrase = |place: &str, text: Option<String>| {
        let text = text.unwrap_or_else(|| panic!("{place} is not described"));
        let first = text.chars().next().unwrap_or(' ');
        // A name of a thing that is written small is no beginning of a phrase.
        assert!(first.is_uppercase() || !first.is_alphabetic(), "{place} does not begin with a capital: {text}");
        assert!(!text.ends_with('.'), "{place} ends with a full stop: {text}");
        assert!(!text.contains('`') || !text.contains("``"), "{place}: {text}");
    };
    for leaf in leaves() {
        let name = leaf.name();
        phrase(&format!("`{name}`"), leaf.command.get_about().map(ToString::to_string));
        for arg in leaf.args() {
            let place = format!("`{name}`: {arg}");
            phrase(&place, arg.get_help().map(ToString::to_string));
            for value in arg.get_possible_values().iter().filter(|_| arg.get_action().takes_values()) {
                phrase(&format!("{place}: {}", value.get_name()), value.get_help().map(ToString::to_string));
            }
        }
    }
}

#[test]
fn values_are_named_in_capitals() {
    for leaf in leaves() {
        for arg in leaf.args().filter(|arg| arg.get_action().takes_values()) {
            for name in arg.get_value_names().unwrap_or_default() {
                assert!(
                    name.chars().all(|char| char.is_ascii_uppercase() || "_.=|-".contains(char)),
                    "`{}`: {arg} names its value {name}",
                    leaf.name()
                );
            }
        }
    }
}

#[test]
fn one_option_has_one_meaning_and_one_name() {
    // A short letter stands for the same word everywhere, and no two words of a command differ by a hyphen alone.
    let mut letters: BTreeMap<char, String> = BTreeMap::new();
    for leaf in leaves() {
        let mut spoken = BTreeSet::new();
        for arg in leaf.args() {
            let Some(long) = arg.get_long() else { continue };
            assert!(spoken.insert(long.replace('-', "")), "`{}` has --{long} twice", leaf.name());
            assert!(
                arg.get_all_aliases().is_none_or(|names| names.is_empty()),
                "`{}`: --{long} has aliases",
                leaf.name()
            );
            if let Some(short) = arg.get_short() {
                let known = letters.entry(short).or_insert_with(|| long.to_owned());
                assert_eq!(known, long, "-{short} of `{}` means something else elsewhere", leaf.name());
            }
        }
        let texts: Vec<String> = leaf.args().filter_map(|arg| arg.get_help()).map(ToString::to_string).collect();
        let distinct: BTreeSet<&String> = texts.iter().collect();
        assert_eq!(distinct.len(), texts.len(), "two options of `{}` mean the same", leaf.name());
    }
}

#[test]
fn every_command_has_examples_a_page_and_tests() {
    let env = TestEnv::new();
    let tests = include_str!("main.rs");
    for leaf in leaves() {
        let name = leaf.name();
        let words: Vec<&str> = leaf.words.iter().map(String::as_str).collect();
        let help = env.run(&[&words[..], &["--help"]].concat());
        let examples = help.ok().lines().skip_while(|line| *line != "Examples:").take_while(|line| !line.is_empty());
        let n_examples = examples.filter(|line| line.starts_with("      ")).count();
        assert!(n_examples >= 2, "`{name} --help` shows {n_examples} examples; its file needs a `Page` of the manual");

        let page = format!("man/snapctl-{}.1", leaf.words.join("-"));
        assert!(repository(&page).is_file(), "{page} is missing; `SNAPCTL_BLESS=1 cargo test man` writes it");

        // Small commands of a group may share a file that is named after the group.
        let own = format!("cli_{}", leaf.words.join("_").replace('-', "_"));
        let group = format!("cli_{}", leaf.words[0].replace('-', "_"));
        let module = [own.clone(), group].into_iter().find(|module| {
            repository(&format!("tests/it/{module}.rs")).is_file() && tests.contains(&format!("\nmod {module};\n"))
        });
        let module = module.unwrap_or_else(|| panic!("tests/it/{own}.rs is missing, or `mod {own};` in main.rs"));
        let text = std::fs::read_to_string(repository(&format!("tests/it/{module}.rs"))).unwrap();
        let run = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        assert!(text.contains(&run), "tests/it/{module}.rs never runs `{name}`");
    }
}

#[test]
fn every_command_has_a_schema() {
    let env = TestEnv::new();
    for leaf in leaves() {
        let words: Vec<&str> = leaf.words.iter().map(String::as_str).collect();
        env.run(&[&["schema"], &words[..]].concat()).json();
    }
}
