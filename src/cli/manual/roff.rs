//! Man pages: what clap knows of a command, with the manual's own sections.

use std::io;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};

use super::exits::exits;
use super::{Example, page, words};
use crate::settings::{CONFIG_VARIABLE, KEYS, PROFILE_VARIABLE};

/// When the manual last changed in substance: a page needs a date, and it is not that of the build.
const EDITION: &str = "2026-11-20";
/// The title of the whole.
const MANUAL: &str = "snapctl manual";

/// What is read from the environment beside the variables of settings.
const ENVIRONMENT: &[(&str, &str)] = &[
    (CONFIG_VARIABLE, "Stands for --config where that is not given."),
    (PROFILE_VARIABLE, "Stands for --profile where that is not given."),
    ("NO_COLOR", "When set, and not empty, nothing is coloured unless --color always asks for it."),
    ("TERM", "On a terminal that is called dumb there are no colours and no progress bars."),
    ("COLUMNS", "How wide help is, from 80 to 110, where stdout is no terminal."),
];

/// The files that snapctl knows by name.
const FILES: &[(&str, &str)] = &[
    ("snapctl.toml", "Settings: the nearest in the working directory and above."),
    (
        "~/.config/snapctl/snapctl.toml",
        "The user's settings, or in XDG_CONFIG_HOME; what the nearer file says wins. snapctl config shows what holds.",
    ),
];

/// What a page is called: `snapctl-store-info`.
#[must_use]
pub(crate) fn page_name(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

/// The page of a built command, as roff.
///
/// # Errors
/// None that can be provoked: it is written to memory.
pub(crate) fn man_page(command: &Command) -> io::Result<String> {
    let name = page_name(command);
    let version = env!("CARGO_PKG_VERSION");
    let only = |positional: bool| {
        let shown = command.clone().mut_args(|arg| {
            let hide = arg.is_hide_set() || arg.is_positional() != positional;
            arg.hide(hide)
        });
        Man::new(shown)
    };
    let man = only(false).title(name.to_uppercase()).date(EDITION).source(format!("snapctl {version}")).manual(MANUAL);
    let mut out = Vec::new();
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    synopsis(command).to_writer(&mut out)?;
    man.render_description_section(&mut out)?;
    if command.has_subcommands() {
        commands(command).to_writer(&mut out)?;
    }
    if command.get_positionals().any(|arg| !arg.is_hide_set()) {
        let mut arguments = Vec::new();
        only(true).render_options_section(&mut arguments)?;
        let arguments = String::from_utf8_lossy(&arguments).replacen(".SH OPTIONS", ".SH ARGUMENTS", 1);
        out.extend_from_slice(arguments.as_bytes());
    }
    man.render_options_section(&mut out)?;
    examples(command).to_writer(&mut out)?;
    exit_status(command).to_writer(&mut out)?;
    facts("ENVIRONMENT", &environment(command)).to_writer(&mut out)?;
    facts("FILES", FILES).to_writer(&mut out)?;
    see_also(command).to_writer(&mut out)?;
    Ok(tidy(&String::from_utf8(out).expect("text makes text")))
}

/// Drops the preambles that each section brings, blank lines and breaks that do nothing; writes the characters that roff
/// would turn into typographical ones so that an example can be copied; and breaks lines that are long.
fn tidy(text: &str) -> String {
    const PREAMBLE: [&str; 2] = [".ie \\n(.g", ".el .ds Aq"];
    let (mut first, mut filled, mut last) = (true, true, String::new());
    let mut out = String::with_capacity(text.len());
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        if PREAMBLE.iter().any(|start| line.starts_with(start)) {
            if first {
                out.push_str(line);
                out.push('\n');
            }
            first = first && !line.starts_with(PREAMBLE[1]);
            continue;
        }
        let idle = line == ".br" && last == ".br" || line == ".PP" && last.starts_with(".SH");
        line.clone_into(&mut last);
        if idle {
            continue;
        }
        filled = if filled { line != ".nf" } else { line == ".fi" };
        let line = line.replace("\\\\", "\\(rs").replace('~', "\\(ti").replace('^', "\\(ha").replace('`', "\\(ga");
        let line: String = line.chars().map(as_ascii).collect();
        if filled && !line.starts_with('.') {
            push_broken(&mut out, &line);
        } else {
            out.push_str(&line);
        }
        out.push('\n');
    }
    out
}

/// A character as it can be written whatever the encoding: roff reads bytes.
fn as_ascii(char: char) -> String {
    if char.is_ascii() { char.to_string() } else { format!("\\[u{:04X}]", u32::from(char)) }
}

/// Adds a line of text, broken where it is long. A line must not begin with what roff takes for a request.
fn push_broken(out: &mut String, line: &str) {
    const MOST: usize = 80;
    let mut length = 0;
    for (at, word) in line.split(' ').enumerate() {
        let width = word.chars().count();
        let breaks = length + 1 + width > MOST && !word.starts_with(['.', '\'']) && !word.is_empty();
        if at > 0 {
            out.push(if breaks { '\n' } else { ' ' });
        }
        length = if at == 0 || breaks { width } else { length + 1 + width };
        out.push_str(word);
    }
}

fn synopsis(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    let usage = command.clone().render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage);
    let name = command.get_bin_name().unwrap_or_default();
    for (line, form) in usage.lines().map(str::trim).enumerate() {
        if line > 0 {
            roff.control("br", []);
        }
        match form.strip_prefix(name) {
            Some(rest) => roff.text([bold(name), roman(rest)]),
            None => roff.text([roman(form)]),
        };
    }
    roff
}

/// The commands in a group.
fn commands(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    for inner in shown(command) {
        roff.control("TP", []);
        roff.text([bold(page_name(inner)), roman("(1)")]);
        roff.text([roman(inner.get_about().map(ToString::to_string).unwrap_or_default())]);
    }
    roff
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|inner| inner.get_name() != "help" && !inner.is_hide_set())
}

fn examples(command: &Command) -> Roff {
    let mut roff = Roff::new();
    let Some(page) = page(words(command)) else { return roff };
    roff.control("SH", ["EXAMPLES"]);
    for Example { does, run } in page.examples {
        roff.control("PP", []);
        roff.text([roman(format!("{does}:"))]);
        roff.control("PP", []);
        roff.control("RS", ["4"]);
        roff.control("nf", []);
        for line in run.lines() {
            roff.text([bold(line)]);
        }
        roff.control("fi", []);
        roff.control("RE", []);
    }
    roff
}

fn exit_status(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in exits(words(command)) {
        roff.control("TP", ["6"]);
        roff.text([bold(code.to_string())]);
        roff.text([roman(sentence(meaning))]);
    }
    roff
}

/// The variables of settings, and those that every command reads. What has no flag is told with the program alone.
fn environment(command: &Command) -> Vec<(String, String)> {
    let of_settings = KEYS.iter().filter_map(|key| {
        let what = match key.flag() {
            Some(flag) => format!("Stands for {flag} and the setting {}, where the flag is not given.", key.name()),
            None if words(command).is_empty() => format!("Stands for the setting {}: {}.", key.name(), key.about()),
            None => return None,
        };
        Some((key.variable().to_owned(), what))
    });
    of_settings.chain(ENVIRONMENT.iter().map(|(name, what)| ((*name).to_owned(), (*what).to_owned()))).collect()
}

fn facts<T: AsRef<str>>(title: &str, facts: &[(T, T)]) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    for (name, what) in facts {
        roff.control("TP", []);
        roff.text([italic(name.as_ref())]);
        roff.text([roman(what.as_ref())]);
    }
    roff
}

/// The group a command is in, and what is in it.
fn see_also(command: &Command) -> Roff {
    let mut pages = Vec::new();
    let name = page_name(command);
    let mut outer = name.as_str();
    while let Some((before, _)) = outer.rsplit_once('-') {
        pages.push(before.to_owned());
        outer = before;
    }
    pages.extend(shown(command).map(page_name));
    pages.sort();
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]);
    let last = pages.len().saturating_sub(1);
    for (at, page) in pages.into_iter().enumerate() {
        roff.text([bold(page), roman(if at == last { "(1)" } else { "(1)," })]);
    }
    roff
}

/// A phrase with a capital and a full stop.
fn sentence(phrase: &str) -> String {
    let mut chars = phrase.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_copied_stays_ascii() {
        assert_eq!(tidy("a~b \\\\ `c`\n\n.PP\n"), "a\\(tib \\(rs \\(gac\\(ga\n.PP\n");
    }

    #[test]
    fn a_preamble_is_kept_once() {
        let once = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";
        assert_eq!(tidy(&format!("{once}one\n{once}two\n")), format!("{once}one\ntwo\n"));
    }

    #[test]
    fn a_phrase_becomes_a_sentence() {
        assert_eq!(sentence("out of time"), "Out of time.");
    }
}
