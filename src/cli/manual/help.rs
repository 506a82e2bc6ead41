//! What `--help` shows: what a command does, examples, then all of the rest; the options of every command come last and
//! tersely, so that they do not drown its own.

use std::fmt::Write as _;
use std::io;

use clap::{Arg, Command};

use super::exits::exits;
use super::{Example, FIRST_SESSION, page, words};
use crate::cli::render::prose::wrap;

/// The heading that options of every command stand under.
const GLOBAL: &str = "Global options";
/// Where the text beside a global option begins.
const COLUMN: usize = 29;
/// The most columns that are easy to read, and the fewest that hold an example.
const WIDTHS: std::ops::RangeInclusive<usize> = 80..=110;

/// The width that help is written for: that of the terminal, or `COLUMNS`, within reason; 80 where there is neither.
#[must_use]
pub(crate) fn help_width() -> usize {
    let terminal = || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
    let columns = || std::env::var_os("COLUMNS").and_then(|columns| columns.to_str()?.parse().ok());
    terminal().or_else(columns).unwrap_or(*WIDTHS.start()).clamp(*WIDTHS.start(), *WIDTHS.end())
}

/// Adds the manual to the help of every command.
#[must_use]
pub(crate) fn dress(mut command: Command) -> Command {
    let width = help_width();
    command = command.term_width(width).mut_args(hide_global);
    // Names are known, and options of every command everywhere, once it is built.
    command.build();
    let block = global_options(&command, width);
    dress_each(command, &block, width)
}

/// Options of every command are listed by [`global_options`].
fn hide_global(arg: Arg) -> Arg {
    let hide = arg.get_help_heading() == Some(GLOBAL);
    arg.hide_long_help(hide).hide_short_help(hide)
}

fn dress_each(command: Command, block: &str, width: usize) -> Command {
    let name = words(&command).to_owned();
    if name == "help" || name.ends_with(" help") {
        return command;
    }
    let about = long_about(&command, &name);
    let after = format!("{block}\n{}", exit_codes(&name));
    let more = if name.is_empty() { "COMMAND".to_owned() } else { name.clone() };
    let hint = match page(&name) {
        Some(_) => format!("`snapctl {more} --help` says more, with examples"),
        None => format!("`snapctl {more} COMMAND --help` says more, with examples"),
    };
    command
        .term_width(width)
        .long_about(about)
        .after_help(format!("{block}\n{hint}"))
        .after_long_help(after)
        .mut_subcommands(|inner| dress_each(inner, block, width))
}

/// What the command does in a line, its examples, and then what more is to say.
fn long_about(command: &Command, name: &str) -> String {
    let short = command.get_about().map(ToString::to_string).unwrap_or_default();
    let long = command.get_long_about().map(ToString::to_string).unwrap_or_default();
    let rest = long.strip_prefix(&short).unwrap_or(&long).trim_start();
    let mut text = short.clone();
    if let Some(page) = page(name) {
        let title = if name.is_empty() { FIRST_SESSION } else { "Examples" };
        let _ = write!(text, "\n\n{title}:\n{}", examples(page.examples));
    }
    if !rest.is_empty() {
        let _ = write!(text, "\n\n{rest}");
    }
    text
}

/// Command lines, each with what it does below it.
fn examples(examples: &[Example]) -> String {
    let one = |example: &Example| {
        let lines: Vec<_> = example.run.lines().map(|line| format!("  {line}")).collect();
        format!("{}\n      {}", lines.join("\n"), example.does)
    };
    examples.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// The options of every command, a line or two each.
fn global_options(command: &Command, width: usize) -> String {
    let mut text = format!("{GLOBAL}:\n");
    let globals = command.get_arguments().filter(|arg| arg.get_help_heading() == Some(GLOBAL) && !arg.is_hide_set());
    for arg in globals {
        let short = arg.get_short().map_or("    ".to_owned(), |short| format!("-{short}, "));
        let mut option = format!("  {short}--{}", arg.get_long().unwrap_or_default());
        for name in arg.get_value_names().filter(|_| arg.get_action().takes_values()).unwrap_or_default() {
            let _ = write!(option, " <{name}>");
        }
        let wrapped = wrap(&explained(arg), width.saturating_sub(COLUMN));
        let mut lines = wrapped.iter();
        if option.len() + 2 <= COLUMN {
            let _ = writeln!(text, "{option:COLUMN$}{}", lines.next().map_or("", String::as_str));
        } else {
            let _ = writeln!(text, "{option}");
        }
        for line in lines {
            let _ = writeln!(text, "{:COLUMN$}{line}", "");
        }
    }
    text
}

/// What an option is for, and what it may be.
fn explained(arg: &Arg) -> String {
    let mut text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let mut facts = Vec::new();
    if arg.get_action().takes_values() {
        let values = arg.get_possible_values();
        let names: Vec<&str> =
            values.iter().filter(|value| !value.is_hide_set()).map(clap::builder::PossibleValue::get_name).collect();
        if !names.is_empty() {
            facts.push(names.join(", "));
        }
        let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        if !defaults.is_empty() {
            facts.push(format!("default: {}", defaults.join(", ")));
        }
    }
    if !facts.is_empty() {
        let _ = write!(text, " [{}]", facts.join("; "));
    }
    text
}

/// The exit codes that a command can give.
fn exit_codes(name: &str) -> String {
    let lines = exits(name).into_iter().map(|(code, meaning)| format!("  {code:>3}  {meaning}"));
    format!("Exit codes:\n{}", lines.collect::<Vec<_>>().join("\n"))
}
