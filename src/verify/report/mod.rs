//! Reports of a check for other programs: `JUnit` XML, and the workflow commands of GitHub Actions.
//!
//! A report takes one document after the other and keeps none of them, so that a store may have any number. What it writes
//! depends on what was found alone: no times, no durations.

mod github;
mod junit;

use std::fmt::Write as _;
use std::io;

pub use github::Github;
pub use junit::Junit;

use super::code::Severity;
use super::finding::{Finding, Verdict};
use crate::model::ids::DocumentId;

/// What came of checking a document.
#[derive(Clone, Copy, Debug)]
pub struct DocumentChecked<'a> {
    /// The document.
    pub id: &'a DocumentId,
    /// Its type; empty where no row could be read that says so.
    pub document_type: &'a str,
    /// What it is.
    pub verdict: Verdict,
    /// What was found, of all its streams.
    pub findings: &'a [Finding],
    /// How many operations were looked at.
    pub operations: u64,
    /// How many keyframes were looked at.
    pub keyframes: u64,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ending<'a> {
    /// How many documents were to be checked, if that is known.
    pub selected: Option<u64>,
    /// Why not all of them were checked, as `out of time`; `None` where all were.
    pub cut_short: Option<&'a str>,
}

/// A report that is being written.
pub trait ReportWriter {
    /// Adds a document.
    ///
    /// # Errors
    /// When the report cannot be written.
    fn document(&mut self, checked: &DocumentChecked<'_>) -> io::Result<()>;

    /// Ends the report. One that is not ended is not to be used.
    ///
    /// # Errors
    /// When the report cannot be written.
    fn finish(self: Box<Self>, ending: &Ending<'_>) -> io::Result<()>;
}

/// Whether a finding says that something is wrong.
fn is_failure(finding: &Finding) -> bool {
    finding.severity > Severity::Note && !finding.code.is_unverifiable()
}

/// Characters of a text after which it is cut. What is longer, an error text or an id, does not help anybody in a report.
const LONGEST: usize = 2_000;

/// Where and what, on one line: `DOC/global:12: the message (3 in all)`.
fn headline(finding: &Finding) -> String {
    let mut line = shortened(&finding.stream.to_string());
    // Writing to a string cannot fail.
    if let Some(first) = finding.first {
        let _ = write!(line, ":{first}");
    }
    let _ = write!(line, ": {}", shortened(&finding.message));
    if finding.count > 1 {
        let _ = write!(line, " ({} in all)", finding.count);
    }
    line
}

/// What more there is to a finding, a line each.
fn details(finding: &Finding) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(compared) = &finding.compared {
        let sides = [("stored", &compared.stored), ("replayed", &compared.replayed)];
        lines.extend(sides.iter().filter_map(|(side, text)| Some(format!("{side}: {}", shortened(text.as_deref()?)))));
        if let [first, others @ ..] = &compared.paths[..] {
            let mut line = format!("differs at: {}", shortened(first));
            for path in others {
                let _ = write!(line, ", {}", shortened(path));
            }
            if compared.n_paths > compared.paths.len() as u64 {
                let _ = write!(line, ", … ({} in all)", compared.n_paths);
            }
            lines.push(line);
        }
    }
    lines.extend(finding.command.as_deref().map(|command| format!("see: {}", shortened(command))));
    lines
}

/// What was not checked, if not everything was.
fn left_out(n_checked: u64, ending: &Ending<'_>) -> Option<String> {
    let reason = ending.cut_short?;
    let of = ending.selected.map_or_else(String::new, |selected| format!(" of {selected}"));
    Some(format!("checked {n_checked}{of} documents: {reason}"))
}

/// The text on one line, cut where it is longer than anybody reads.
fn shortened(text: &str) -> String {
    let (text, more) = match text.char_indices().nth(LONGEST) {
        Some((end, _)) => (&text[..end], "…"),
        None => (text, ""),
    };
    text.replace(['\n', '\r', '\t'], " ") + more
}

/// The character, or what stands for one that XML 1.0 forbids (<https://www.w3.org/TR/xml/#charsets>) or a terminal obeys.
fn printable(char: char) -> char {
    match char {
        '\t' | '\n' | '\r' => char,
        '\u{FFFE}' | '\u{FFFF}' => char::REPLACEMENT_CHARACTER,
        _ if char.is_control() => char::REPLACEMENT_CHARACTER,
        _ => char,
    }
}

#[cfg(test)]
mod tests;
