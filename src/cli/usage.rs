//! What clap has to say: help, the version, and why a command line is wrong.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::exit::{ExitStatus, Report};
use super::manual;
use super::ui::{Format, Out, Talk, Volume, color_on_stderr};
use crate::settings::ColorWhen;

/// Prints what clap answers instead of a command line.
pub(crate) fn answer(error: &clap::Error, args: &[OsString]) -> ExitStatus {
    match error.kind() {
        ErrorKind::DisplayVersion => return print_help(error),
        ErrorKind::DisplayHelp => {
            // The manual is put together only when somebody asks for it.
            let dressed = manual::dress(super::command()).try_get_matches_from(args);
            return print_help(dressed.as_ref().err().unwrap_or(error));
        }
        _ if names_nothing(error, args) && !wants_json(args) => {
            // Nobody listening to stderr is no error.
            let _ = write!(io::stderr(), "{}", manual::dress(super::command()).render_help());
            return ExitStatus::Usage;
        }
        _ => {}
    }
    let talk = Talk::new(wants_json(args), Volume::Normal, color_on_stderr(ColorWhen::Auto));
    talk.error(&report(error, args));
    ExitStatus::Usage
}

fn print_help(error: &clap::Error) -> ExitStatus {
    let text = error.render();
    let styled = io::stdout().is_terminal() && color_on_stderr(ColorWhen::Auto);
    let text = if styled { text.ansi().to_string() } else { text.to_string() };
    let mut out = Out::new(Box::new(io::stdout().lock()), Format::Plain, None);
    let Err(error) = out.bytes(text.as_bytes()).and_then(|()| out.flush()) else { return ExitStatus::Success };
    let (status, report) = Report::of(&error.into());
    if status != ExitStatus::PipeClosed {
        Talk::new(false, Volume::Normal, false).error(&report);
    }
    status
}

/// The command line could not be parsed, so this looks at its words.
fn wants_json(args: &[OsString]) -> bool {
    args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--json" || arg == "--ndjson")
}

/// What is wrong, and what to type instead.
fn report(error: &clap::Error, args: &[OsString]) -> Report {
    let (message, hint) = match error.kind() {
        _ if names_nothing(error, args) => {
            ("no command given".to_owned(), "`snapctl help` lists the commands".to_owned())
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            let group = command_words(args).join(" ");
            let next = group.strip_prefix("snapctl ").unwrap_or_default();
            (format!("`{group}` needs a command behind it"), format!("`snapctl help {next}` lists the commands"))
        }
        ErrorKind::InvalidUtf8 => not_utf8(args),
        _ => told(error, &command_words(args)),
    };
    Report { code: "usage", exit: ExitStatus::Usage as u8, message, hint: Some(hint), causes: Vec::new() }
}

/// Whether no command was named at all.
fn names_nothing(error: &clap::Error, args: &[OsString]) -> bool {
    let missing = [ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand, ErrorKind::MissingSubcommand];
    missing.contains(&error.kind()) && command_words(args).len() == 1
}

/// Names the first argument that is not UTF-8.
fn not_utf8(args: &[OsString]) -> (String, String) {
    let found = args.iter().enumerate().skip(1).find(|(_, arg)| arg.to_str().is_none());
    let message = match found {
        // As it would have to be escaped: what is not UTF-8 cannot be shown as it is.
        Some((number, arg)) => format!("argument {number} is not UTF-8: \"{}\"", arg.as_encoded_bytes().escape_ascii()),
        None => "an argument is not UTF-8".to_owned(),
    };
    (message, "ids, scopes and texts are UTF-8; %XX in a target stands for a byte of it".to_owned())
}

/// The command that a line names, as far as there is one.
fn command_words(args: &[OsString]) -> Vec<String> {
    let program = super::command();
    let mut command = &program;
    let mut words = vec!["snapctl".to_owned()];
    for word in args.iter().skip(1).filter_map(|arg| arg.to_str()) {
        if let Some(inner) = command.find_subcommand(word) {
            command = inner;
            words.push(word.to_owned());
        }
    }
    words
}

/// clap's text has paragraphs: what is wrong, maybe tips, the usage, and where to find help.
fn told(error: &clap::Error, command: &[String]) -> (String, String) {
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
    let first = paragraphs.next().unwrap_or_default();
    let (mut tips, mut usage) = (Vec::new(), None);
    for paragraph in paragraphs {
        if let Some(text) = paragraph.strip_prefix("Usage:") {
            usage = Some(format!("usage: {}", words(text)));
        } else if !paragraph.starts_with("For more information") {
            tips.extend(paragraph.lines().map(|line| words(line.trim().trim_start_matches("tip:"))));
        }
    }
    let suggested = match error.kind() {
        ErrorKind::InvalidSubcommand => error.get(ContextKind::SuggestedSubcommand),
        ErrorKind::UnknownArgument => error.get(ContextKind::SuggestedArg),
        ErrorKind::InvalidValue => error.get(ContextKind::SuggestedValue),
        _ => None,
    };
    let suggested = match suggested {
        Some(ContextValue::String(one)) => Some(one.clone()),
        Some(ContextValue::Strings(several)) => several.first().cloned(),
        _ => nearest_command(error, command),
    };
    let typed = command.join(" ").replace("snapctl help", "snapctl").trim_end().to_owned();
    let group = error.kind() == ErrorKind::InvalidSubcommand;
    let next = match (group, typed.strip_prefix("snapctl ")) {
        (true, None) => "`snapctl help` lists the commands".to_owned(),
        (true, Some(inner)) => format!("`snapctl help {inner}` lists the commands"),
        (false, _) => format!("`{typed} --help` has examples"),
    };
    let near = match suggested {
        Some(near) if group => Some(format!("did you mean `{typed} {near}`?")),
        Some(near) => Some(format!("did you mean {near}?")),
        None if group => None,
        None if !tips.is_empty() => Some(format!("{};", tips.join("; "))),
        None => usage.map(|usage| format!("{usage};")),
    };
    let hint = near.into_iter().chain([next]).collect::<Vec<_>>().join(" ");
    (words(first.strip_prefix("error:").unwrap_or(first)), hint)
}

/// The command in the group that is most like the one that is unknown: clap looks for none behind `help`.
fn nearest_command(error: &clap::Error, group: &[String]) -> Option<String> {
    const NEAR: f64 = 0.7;
    let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let program = super::command();
    let mut words = group.iter().skip(1).filter(|word| *word != "help");
    let command = words.try_fold(&program, |command, word| command.find_subcommand(word))?;
    let names = command.get_subcommands().map(clap::Command::get_name);
    let near = names.map(|name| (strsim::jaro_winkler(unknown, name), name)).filter(|(near, _)| *near >= NEAR);
    near.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, name)| name.to_owned())
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report_of(args: &[&str]) -> Report {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let error = crate::cli::command().try_get_matches_from(&args).unwrap_err();
        report(&error, &args)
    }

    #[test]
    fn what_is_mistyped_is_named_with_what_was_meant() {
        for (args, message, hint) in [
            (
                &["snapctl", "rebuid"][..],
                "unrecognized subcommand 'rebuid'",
                "did you mean `snapctl rebuild`? `snapctl help` lists the commands",
            ),
            (
                &["snapctl", "model", "lst"],
                "unrecognized subcommand 'lst'",
                "did you mean `snapctl model list`? `snapctl help model` lists the commands",
            ),
            (
                &["snapctl", "store"],
                "`snapctl store` needs a command behind it",
                "`snapctl help store` lists the commands",
            ),
            (
                &["snapctl", "ls", "--jsn"],
                "unexpected argument '--jsn' found",
                "did you mean --json? `snapctl ls --help` has examples",
            ),
            (
                &["snapctl", "ls", "--trust", "verifed"],
                "invalid value 'verifed' for '--trust <LEVEL>' [possible values: none, verified, hashed, any]",
                "did you mean verified? `snapctl ls --help` has examples",
            ),
            (
                &["snapctl", "help", "rebuidl"],
                "unrecognized subcommand 'rebuidl'",
                "did you mean `snapctl rebuild`? `snapctl help` lists the commands",
            ),
            (&["snapctl", "qqqq"], "unrecognized subcommand 'qqqq'", "`snapctl help` lists the commands"),
            (&["snapctl"], "no command given", "`snapctl help` lists the commands"),
        ] {
            let found = report_of(args);
            assert_eq!((found.message.as_str(), found.hint.as_deref()), (message, Some(hint)), "{args:?}");
        }
        let found = report_of(&["snapctl", "rebuild"]);
        assert!(found.message.contains("<TARGET>"), "{}", found.message);
        let hint = found.hint.unwrap();
        assert!(
            hint.starts_with("usage: snapctl rebuild") && hint.ends_with("; `snapctl rebuild --help` has examples"),
            "{hint}"
        );
    }

    #[test]
    fn the_words_decide_about_json() {
        let wants = |words: &[&str]| wants_json(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert!(wants(&["snapctl", "ls", "--ndjson", "--no"]));
        assert!(!wants(&["snapctl", "ls", "--", "--json"]));
    }
}
