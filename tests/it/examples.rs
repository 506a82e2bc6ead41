//! Every example of the help and the README, run by a real shell.

use crate::support::tools::{self, Workshop};

const README: &str = include_str!("../../README.md");

/// A line somebody may type, where it is written, and how it ends.
#[derive(Debug)]
struct Example {
    place: String,
    line: String,
    exit: i32,
}

/// The commands that do something, as words, and the program itself.
fn commands() -> Vec<Vec<String>> {
    fn collect(command: &clap::Command, words: &[String], into: &mut Vec<Vec<String>>) {
        into.push(words.to_vec());
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            collect(inner, &[words, &[inner.get_name().to_owned()]].concat(), into);
        }
    }
    let mut commands = Vec::new();
    collect(&snapctl::cli::command(), &[], &mut commands);
    commands
}

/// What help shows under `Examples:`, as a reader takes it: command lines are indented by two, what they do by six.
fn of_help(shop: &Workshop) -> Vec<Example> {
    let mut examples = Vec::new();
    for words in commands() {
        let output = shop.command("snapctl").args(&words).arg("--help").output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        let title = |line: &&str| *line == "Examples:" || line.starts_with("A first session");
        let lines = help.lines().skip_while(|line| !title(line)).skip(1).take_while(|line| !line.is_empty());
        let mut line = String::new();
        let mut does = String::new();
        let place = format!("snapctl {} --help", words.join(" "));
        let mut finish = |line: &mut String, does: &mut String| {
            let exit = does.split_once("(exit ").and_then(|(_, rest)| rest.trim_end_matches(')').parse().ok());
            if !line.is_empty() {
                let line = std::mem::take(line);
                examples.push(Example { place: place.clone(), line, exit: exit.unwrap_or(0) });
            }
            does.clear();
        };
        for text in lines {
            if let Some(what) = text.strip_prefix("      ") {
                does += what;
                continue;
            }
            let more = text.strip_prefix("  ").unwrap();
            if !does.is_empty() {
                finish(&mut line, &mut does);
            }
            line = if line.is_empty() { more.to_owned() } else { format!("{line}\n{more}") };
        }
        finish(&mut line, &mut does);
    }
    examples
}

/// The lines of the README's blocks of shell that run snapctl from the fixtures, without their comments.
fn of_readme() -> Vec<Example> {
    let mut examples = Vec::new();
    for block in README.split("```sh\n").skip(1).map(|rest| rest.split("\n```").next().unwrap()) {
        for line in block.lines().filter(|line| line.starts_with("snapctl ")) {
            let line = line.split(" #").next().unwrap().trim().to_owned();
            examples.push(Example { place: "README.md".into(), line, exit: 0 });
        }
    }
    examples
}

/// Whether a line needs a program that the machine lacks.
fn lacking(line: &str) -> bool {
    line.split_whitespace().any(|word| word == "jq") && !tools::has("jq")
}

fn run_all(examples: &[Example]) {
    let mut failures = Vec::new();
    for example in examples {
        if lacking(&example.line) {
            tools::not_run(&format!("{}: {}", example.place, example.line));
            continue;
        }
        // Each in a fresh folder: none may need what another left.
        let output = Workshop::new().bash(&example.line);
        let error = String::from_utf8_lossy(&output.stderr);
        let silent = output.stdout.is_empty() && !example.line.contains(" > ");
        if output.status.code() != Some(example.exit) || silent || error.contains("error") {
            failures.push(format!("{example:?}: {output:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_example_of_the_help_works() {
    let examples = of_help(&Workshop::new());
    let leaves = commands().len();
    assert!(examples.len() > leaves, "{} examples of {leaves} commands were found", examples.len());
    run_all(&examples);
}

#[test]
fn every_line_of_the_readme_works() {
    let examples = of_readme();
    assert!(examples.len() >= 10 && examples.iter().any(|example| example.line.contains("| jq")), "{examples:?}");
    run_all(&examples);
}

#[test]
fn the_pipeline_of_the_readme_gives_a_hash_for_the_document() {
    let pipeline = of_readme().into_iter().find(|example| example.line.contains("rebuild --batch")).unwrap();
    if lacking(&pipeline.line) {
        return;
    }
    let output = Workshop::new().bash(&pipeline.line);
    let said = String::from_utf8(output.stdout).unwrap();
    let (document, hash) = said.trim_end().split_once('\t').unwrap();
    assert_eq!((document, hash.len()), ("f1e1d0c5-7a3e-4d52-9b60-2c8e41f7a6d3", 28));
}
