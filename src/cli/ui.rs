//! Both streams of the process: stdout is the answer and nothing else, stderr is talk.

mod out;
mod reader;
mod talk;

use std::io::{self, IsTerminal as _};

pub(crate) use out::{List, Out};
pub(crate) use reader::check_reader;
pub(crate) use talk::{Failure as FailureLine, Remark, Talk};

use super::args::Global;
use super::jq::Failure;
use super::render::bar::Ink;
use crate::model::progress::Stop;
use crate::settings::ColorWhen;

/// The streams of the process. They are apart so that one can talk while an answer is being written.
pub(crate) struct Ui {
    /// The answer.
    pub(crate) out: Out,
    /// Notes, warnings, hints, errors.
    pub(crate) talk: Talk,
}

/// In which form answers are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Tables and text.
    Plain,
    /// One indented JSON value.
    Json,
    /// One compact JSON value a line.
    Ndjson,
}

/// How much is said on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Volume {
    /// Errors.
    Quiet,
    /// Also warnings and notes.
    Normal,
    /// Also how answers came about.
    Verbose,
}

/// The answer could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StdoutError {
    /// Stdout does not take it.
    #[error("cannot write to stdout")]
    Io(#[source] io::Error),
    /// The filter of `--jq` gave no result.
    #[error(transparent)]
    Filter(Failure),
    /// The command had to stop while the filter ran.
    #[error(transparent)]
    Stopped(Stop),
}

impl Ui {
    /// Takes hold of the streams of the process.
    #[must_use]
    pub(crate) fn new(global: &Global, color: ColorWhen) -> Self {
        let stdout = io::stdout();
        let width = stdout.is_terminal().then(terminal_width);
        let as_json = global.json || global.ndjson;
        let format = match (as_json || global.jq.is_some(), global.ndjson) {
            (_, true) => Format::Ndjson,
            (true, _) => Format::Json,
            _ => Format::Plain,
        };
        let volume = match (global.quiet, global.verbose) {
            (true, _) => Volume::Quiet,
            (_, true) => Volume::Verbose,
            _ => Volume::Normal,
        };
        let out = Out::new(Box::new(stdout.lock()), format, width);
        let talk = Talk::new(as_json, volume, color_on_stderr(color));
        Ui { out, talk }
    }
}

/// Whether talk may be coloured: on demand, or on a capable terminal unless the user said no.
#[must_use]
pub(crate) fn color_on_stderr(when: ColorWhen) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match when {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto => io::stderr().is_terminal() && !set("NO_COLOR") && !dumb_terminal(),
    }
}

/// What bars are made of: plain characters where the user or the terminal wants nothing else.
#[must_use]
pub(crate) fn ink() -> Ink {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if no_color || dumb_terminal() { Ink::Plain } else { Ink::Blocks }
}

/// Whether the terminal knows no control sequences.
#[must_use]
pub(crate) fn dumb_terminal() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

fn terminal_width() -> u16 {
    const USUAL: u16 = 80;
    terminal_size::terminal_size_of(io::stdout()).map_or(USUAL, |(width, _)| width.0)
}
