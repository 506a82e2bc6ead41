//! Stderr: what is said about an answer. That nobody listens is no error.

use std::fmt::Display;
use std::io::{self, Write as _};

use serde::Serialize;

use super::Volume;
use crate::cli::exit::Report;

/// What is said on stderr.
pub(crate) struct Talk {
    errors_as_json: bool,
    volume: Volume,
    color: bool,
}

const RED: &str = "1;31";
const YELLOW: &str = "1;33";
const CYAN: &str = "36";

impl Talk {
    /// Says as much as `volume` allows.
    #[must_use]
    pub(crate) fn new(errors_as_json: bool, volume: Volume, color: bool) -> Self {
        Talk { errors_as_json, volume, color }
    }

    /// How an answer came about; said on demand.
    pub(crate) fn detail(&self, text: impl Display) {
        if self.volume >= Volume::Verbose {
            self.say("note", CYAN, &text.to_string());
        }
    }

    /// How a request was understood.
    pub(crate) fn note(&self, text: impl Display) {
        if self.volume >= Volume::Normal {
            self.say("note", CYAN, &text.to_string());
        }
    }

    /// What the user should know about an answer.
    pub(crate) fn warning(&self, text: impl Display) {
        if self.volume >= Volume::Normal {
            self.say("warning", YELLOW, &text.to_string());
        }
    }

    /// Why there is no answer.
    pub(crate) fn error(&self, report: &Report) {
        #[derive(Serialize)]
        struct ErrorLine<'a> {
            error: &'a Report,
        }
        if self.errors_as_json {
            let line = serde_json::to_string(&ErrorLine { error: report }).expect("a report is plain text");
            let _ = writeln!(io::stderr(), "{line}");
            return;
        }
        self.say("error", RED, &report.message);
        for cause in &report.causes {
            let _ = writeln!(io::stderr(), "  because: {}", harmless(cause));
        }
        if let Some(hint) = &report.hint {
            self.say("hint", CYAN, hint);
        }
    }

    fn say(&self, kind: &str, color: &str, text: &str) {
        let text = harmless(text);
        let _ = if self.color {
            writeln!(io::stderr(), "\u{1b}[{color}m{kind}:\u{1b}[0m {text}")
        } else {
            writeln!(io::stderr(), "{kind}: {text}")
        };
    }
}

/// Stored text may hold what a terminal obeys; it is shown instead.
fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() && char != '\n' { out.extend(char.escape_unicode()) } else { out.push(char) }
    }
    out
}
