//! What clap has to say: help, the version, and why a command line is wrong.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};

use clap::error::ErrorKind;

use super::exit::{ExitStatus, Report};
use super::ui::{Format, Out, Talk, Volume, color_on_stderr};
use crate::settings::ColorWhen;

/// Prints what clap answers instead of a command line.
pub(crate) fn answer(error: &clap::Error, args: &[OsString]) -> ExitStatus {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return print_help(error);
    }
    let talk = Talk::new(wants_json(args), Volume::Normal, color_on_stderr(ColorWhen::Auto));
    let mut report = report(error);
    if error.kind() == ErrorKind::InvalidUtf8
        && let Some((n, arg)) = args.iter().enumerate().find(|(_, arg)| arg.to_str().is_none())
    {
        report.message = format!("argument {n}, \"{}\", is not UTF-8", arg.to_string_lossy());
    }
    talk.error(&report);
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

/// clap's text has paragraphs: what is wrong, maybe tips, the usage, and where to find help.
fn report(error: &clap::Error) -> Report {
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
    let hint = if tips.is_empty() { usage } else { Some(tips.join("; ")) };
    let missing = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    let (message, hint) = if missing {
        ("no command given".to_owned(), Some("`snapctl --help` lists the commands".to_owned()))
    } else {
        (words(first.strip_prefix("error:").unwrap_or(first)), hint)
    };
    Report { code: "usage", exit: ExitStatus::Usage as u8, message, hint, causes: Vec::new() }
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report_of(args: &[&str]) -> Report {
        let error = crate::cli::command().try_get_matches_from(args).unwrap_err();
        report(&error)
    }

    #[test]
    fn a_misspelt_option_is_named_with_the_one_meant() {
        let found = report_of(&["snapctl", "ls", "--jsn"]);
        assert_eq!(found.message, "unexpected argument '--jsn' found");
        assert_eq!(found.hint.as_deref(), Some("a similar argument exists: '--json'"));
        let found = report_of(&["snapctl", "rebuild"]);
        assert!(found.message.contains("<TARGET>"), "{}", found.message);
        assert!(found.hint.unwrap().starts_with("usage: snapctl rebuild"));
        assert_eq!(report_of(&["snapctl"]).message, "no command given");
    }

    #[test]
    fn the_words_decide_about_json() {
        let wants = |words: &[&str]| wants_json(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert!(wants(&["snapctl", "ls", "--ndjson", "--no"]));
        assert!(!wants(&["snapctl", "ls", "--", "--json"]));
    }
}
