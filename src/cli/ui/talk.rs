//! Stderr: what is said about an answer. That nobody listens is no error.
//!
//! With `--json` and `--ndjson` every line is a JSON object: `{"note":TEXT}`, `{"warning":TEXT}` or `{"error":{…}}`.

use std::fmt::Display;
use std::io::{self, Write as _};

use schemars::JsonSchema;
use serde::Serialize;

use super::Volume;
use crate::cli::exit::Report;

/// What is said about an answer, with `--json` and `--ndjson` a line each.
#[derive(JsonSchema, Serialize)]
#[serde(untagged)]
pub(crate) enum Remark<'a> {
    /// A note.
    Note {
        /// How a request was understood, or how an answer came about.
        note: &'a str,
    },
    /// A warning.
    Warning {
        /// What one should know about an answer.
        warning: &'a str,
    },
}

/// Why there is no answer, or no more of it; with `--json` and `--ndjson` the last line.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Failure<'a> {
    /// The error.
    error: &'a Report,
}

/// What is said on stderr.
pub(crate) struct Talk {
    as_json: bool,
    volume: Volume,
    color: bool,
}

const RED: &str = "1;31";
const YELLOW: &str = "1;33";
const CYAN: &str = "36";

impl Talk {
    /// Says as much as `volume` allows.
    #[must_use]
    pub(crate) fn new(as_json: bool, volume: Volume, color: bool) -> Self {
        Talk { as_json, volume, color }
    }

    /// Whether the user wants to know how answers come about.
    #[must_use]
    pub(crate) fn is_verbose(&self) -> bool {
        self.volume >= Volume::Verbose
    }

    /// How an answer came about; said on demand.
    pub(crate) fn detail(&self, text: impl Display) {
        if self.volume >= Volume::Verbose {
            self.remark(&Remark::Note { note: &text.to_string() });
        }
    }

    /// How a request was understood.
    pub(crate) fn note(&self, text: impl Display) {
        if self.volume >= Volume::Normal {
            self.remark(&Remark::Note { note: &text.to_string() });
        }
    }

    /// Whether it is said as JSON.
    #[must_use]
    pub(crate) fn is_json(&self) -> bool {
        self.as_json
    }

    /// What a run came to besides its answer: a JSON object, or `text` for people.
    pub(crate) fn summary(&self, view: &impl Serialize, text: impl Display) {
        if self.as_json && self.volume >= Volume::Normal {
            say_json(view);
        } else {
            self.note(text);
        }
    }

    /// What the user should know about an answer.
    pub(crate) fn warning(&self, text: impl Display) {
        if self.volume >= Volume::Normal {
            self.remark(&Remark::Warning { warning: &text.to_string() });
        }
    }

    /// Why there is no answer.
    pub(crate) fn error(&self, report: &Report) {
        if self.as_json {
            return say_json(&Failure { error: report });
        }
        self.say("error", RED, &report.message);
        for cause in &report.causes {
            let _ = writeln!(io::stderr(), "  because: {}", harmless(cause));
        }
        if let Some(hint) = &report.hint {
            self.say("hint", CYAN, hint);
        }
    }

    fn remark(&self, remark: &Remark<'_>) {
        match remark {
            _ if self.as_json => say_json(remark),
            Remark::Note { note } => self.say("note", CYAN, note),
            Remark::Warning { warning } => self.say("warning", YELLOW, warning),
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

fn say_json(what: &impl Serialize) {
    let line = serde_json::to_string(what).expect("talk is plain text");
    let _ = writeln!(io::stderr(), "{line}");
}

/// Stored text may hold what a terminal obeys; it is shown instead.
fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() && char != '\n' { out.extend(char.escape_unicode()) } else { out.push(char) }
    }
    out
}
