//! Completion: what could be typed at the end of a command line.
//!
//! The scripts of `completions/` call `snapctl __complete SHELL …` with what stands before the cursor, and get lines: first
//! `words` or `files` (the shell knows best how to complete those), then a candidate a line, with a tab and what it
//! is. clap's engine finds what belongs in the place; a value is completed by the name that help shows for it, so that a
//! command has nothing to do for it.
//!
//! **Invariant:** whatever goes wrong, nothing is said and the exit code is 0; nothing is written; nothing is waited for.

mod asked;
mod line;
mod shell;
mod stored;

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::sync::Arc;

use clap::ValueHint;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, complete};

use super::commands::explain::Code;
use super::exit::ExitStatus;
use super::ui::{Format, Out};
use asked::Asked;
use line::{Line, Word};
pub(crate) use shell::Shell;

/// The word after the program's name that asks for completion.
const COMMAND: &str = "__complete";
/// Stands for "the names of files" among candidates.
const FILES: &str = "\u{1}files";
/// More candidates than this are of use to nobody.
const MOST: usize = 300;

/// Answers a shell that asks for completion; `None` when `args` are an ordinary command line.
pub(crate) fn answer(args: &[OsString]) -> Option<ExitStatus> {
    let [_, command, shell, rest @ ..] = args else { return None };
    if command != COMMAND {
        return None;
    }
    let text = shell.to_str().and_then(Shell::named).map(|shell| respond(shell, rest)).unwrap_or_default();
    let mut out = Out::new(Box::new(std::io::stdout().lock()), Format::Plain, None);
    // Nobody can be told.
    let _ = out.bytes(text.as_bytes()).and_then(|()| out.flush());
    Some(ExitStatus::Success)
}

/// What the shell gets to read.
fn respond(shell: Shell, rest: &[OsString]) -> String {
    let Line { before, current } = shell.line(rest);
    let candidates = candidates(before, &current);
    if candidates.iter().any(|candidate| candidate.value.ends_with(FILES)) {
        return "files\n".to_owned();
    }
    let mut text = "words\n".to_owned();
    for candidate in candidates {
        if let Some(value) = shell.insert(&candidate.value, &current) {
            let _ = writeln!(text, "{value}\t{}", candidate.help);
        }
    }
    text
}

/// Something that may be typed.
struct Candidate {
    value: String,
    /// What it is, on one line.
    help: String,
}

/// What may stand in the place of the current word, which begins each of them.
fn candidates(before: Vec<String>, current: &Word) -> Vec<Candidate> {
    let asked = Arc::new(Asked::new(&before));
    let mut command = attach(super::command(), &asked);
    let mut words: Vec<OsString> = before.into_iter().map(OsString::from).collect();
    words.push(OsString::from(&current.value));
    let index = words.len() - 1;
    let found = complete(&mut command, words, index, None).unwrap_or_default();
    let mut candidates: Vec<_> = found.iter().filter_map(candidate).collect();
    let is_option = |candidate: &Candidate| candidate.value.starts_with('-');
    // Where a value belongs, options are offered to who begins one.
    if current.value.is_empty() && (asked.was_asked() || !candidates.iter().all(is_option)) {
        candidates.retain(|candidate| !is_option(candidate));
    }
    candidates.truncate(MOST);
    candidates
}

fn candidate(found: &CompletionCandidate) -> Option<Candidate> {
    let value = found.get_value().to_str()?.to_owned();
    if value.chars().any(char::is_control) && !value.ends_with(FILES) {
        return None;
    }
    let help = found.get_help().map(ToString::to_string).unwrap_or_default();
    let help = help.lines().next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    Some(Candidate { value, help })
}

/// Says of every argument how its values are found.
fn attach(command: clap::Command, asked: &Arc<Asked>) -> clap::Command {
    command
        .mut_args(|arg| match completer(&arg, asked) {
            Some(completer) => arg.add(completer),
            None => arg,
        })
        .mut_subcommands(|inner| attach(inner, asked))
}

/// How the values of an argument are found, by the name that help shows for them.
fn completer(arg: &clap::Arg, asked: &Arc<Asked>) -> Option<ArgValueCompleter> {
    if !arg.get_possible_values().is_empty() {
        return None;
    }
    let name = arg.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
    let find: fn(&Asked, &str) -> Vec<CompletionCandidate> = match name {
        "TARGET" | "A" | "B" => Asked::targets,
        "PREFIX" | "DOC" | "DOCUMENT" | "DRIVE" => Asked::documents,
        "SCOPE" => Asked::scopes,
        "BRANCH" => Asked::branches,
        "REV" => Asked::positions,
        "TYPE" | "MODEL" => Asked::document_types,
        "ACTION_TYPE" => Asked::action_types,
        "COMMAND" => commands,
        "KEY" => settings,
        "CODE" if arg.is_positional() => |_, typed| codes(&Code::all(), typed),
        "CODE" => |_, typed| codes(&Code::of_verify(), typed),
        "NAME" if arg.is_positional() => schemas,
        "URL" | "FILE" | "DIR" | "PATH" => files,
        _ if matches!(arg.get_value_hint(), ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath) => files,
        _ => return None,
    };
    let asked = Arc::clone(asked);
    Some(ArgValueCompleter::new(move |typed: &OsStr| {
        asked.note();
        typed.to_str().map(|typed| find(&asked, typed)).unwrap_or_default()
    }))
}

/// The shell completes files.
fn files(_: &Asked, _: &str) -> Vec<CompletionCandidate> {
    vec![CompletionCandidate::new(FILES)]
}

/// Settings by their keys.
fn settings(asked: &Asked, typed: &str) -> Vec<CompletionCandidate> {
    let settings = asked.settings();
    // Keys are understood without the quotes that a file needs.
    let entries = settings.entries().map(|entry| (entry.key.replace('"', ""), entry.about));
    let fitting = entries.filter(|(key, _)| key.starts_with(typed));
    fitting.map(|(key, about)| CompletionCandidate::new(key).help(Some(about.into()))).collect()
}

/// Codes of findings, written as the one that is begun: in capitals and with underscores, or not.
fn codes(codes: &[Code], typed: &str) -> Vec<CompletionCandidate> {
    let first = typed.chars().find(char::is_ascii_alphabetic);
    let (upper, lower) =
        (first.is_some_and(|first| first.is_ascii_uppercase()), first.is_some_and(|first| first.is_ascii_lowercase()));
    let written = |code: &Code| {
        let name = match code.name() {
            name if typed.contains('-') => name.replace('_', "-"),
            name if upper || typed.contains('_') => name.replace('-', "_"),
            name => name.to_owned(),
        };
        match (upper, lower) {
            (true, _) => name.to_ascii_uppercase(),
            (_, true) => name.to_ascii_lowercase(),
            _ => name,
        }
    };
    let all = codes.iter().map(|code| (written(code), code.explanation().title));
    let fitting = all.filter(|(name, _)| name.starts_with(typed));
    fitting.map(|(name, title)| CompletionCandidate::new(name).help(Some(title.into()))).collect()
}

/// Names of schemas, which may have several words: the next one behind the words before.
fn schemas(asked: &Asked, typed: &str) -> Vec<CompletionCandidate> {
    let words = asked.words().skip_while(|word| *word != "schema").skip(1).filter(|word| !word.starts_with('-'));
    let before: String = words.flat_map(|word| [word, " "]).collect();
    let mut found: Vec<CompletionCandidate> = Vec::new();
    for entry in super::schema::ENTRIES {
        let Some(rest) = entry.name.strip_prefix(&before).filter(|rest| rest.starts_with(typed)) else { continue };
        let (word, more) = rest.split_once(' ').map_or((rest, false), |(word, _)| (word, true));
        if found.last().is_some_and(|last| last.get_value() == word) {
            continue;
        }
        found.push(CompletionCandidate::new(word).help((!more).then(|| entry.about.into())));
    }
    found
}

/// Commands as words: those in the group that the words before name.
fn commands(asked: &Asked, typed: &str) -> Vec<CompletionCandidate> {
    let program = super::command();
    let mut words = asked.words().filter(|word| !word.starts_with('-'));
    let mut group = &program;
    // The command that is asked about stands behind the one that asks.
    while group.has_subcommands() {
        let Some(inner) = words.next().and_then(|word| group.find_subcommand(word)) else { return Vec::new() };
        group = inner;
    }
    let mut group = &program;
    for word in words {
        let Some(inner) = group.find_subcommand(word) else { return Vec::new() };
        group = inner;
    }
    let inner = group.get_subcommands().filter(|inner| inner.get_name().starts_with(typed) && !inner.is_hide_set());
    inner.map(|inner| CompletionCandidate::new(inner.get_name()).help(inner.get_about().cloned())).collect()
}
