//! Workflow commands of GitHub Actions: a line on stdout of a step becomes an annotation of the run.
//!
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands> says what there is, and the
//! toolkit of actions (`packages/core/src/command.ts`) how values are escaped. GitHub shows ten annotations of each level
//! a step; all of them are in its log.

use std::io::{self, Write};

use super::{DocumentChecked, Ending, ReportWriter, details, headline, left_out, printable, shortened};
use crate::verify::code::Severity;

/// Writes a line for each finding: `::error title=CODE DOC/SCOPE::message`.
#[derive(Debug)]
pub struct Github<W> {
    out: W,
    n_checked: u64,
}

impl<W: Write> Github<W> {
    /// Writes to `out`, which gets a whole line at a time.
    pub fn new(out: W) -> Self {
        Github { out, n_checked: 0 }
    }

    fn command(&mut self, level: &str, title: &str, message: &str) -> io::Result<()> {
        let mut line = format!("::{level} title=");
        escape(title, Place::Property, &mut line);
        line.push_str("::");
        escape(message, Place::Message, &mut line);
        line.push('\n');
        self.out.write_all(line.as_bytes())
    }
}

impl<W: Write> ReportWriter for Github<W> {
    fn document(&mut self, checked: &DocumentChecked<'_>) -> io::Result<()> {
        self.n_checked += 1;
        for finding in checked.findings {
            let level = match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Note => "notice",
            };
            let title = format!("{} {}", finding.code, shortened(&finding.stream.to_string()));
            let lines: Vec<String> = std::iter::once(headline(finding)).chain(details(finding)).collect();
            self.command(level, &title, &lines.join("\n"))?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, ending: &Ending<'_>) -> io::Result<()> {
        if let Some(left_out) = left_out(self.n_checked, ending) {
            self.command("warning", "snapctl verify", &left_out)?;
        }
        self.out.flush()
    }
}

/// Where a value of a command stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between `title=` and `::`, where `:` and `,` mean something.
    Property,
    /// Behind `::`.
    Message,
}

/// Appends a value: what would end it, or the line, becomes `%` and two hexadecimal digits.
fn escape(value: &str, place: Place, line: &mut String) {
    for char in value.chars().map(printable) {
        match char {
            '%' => line.push_str("%25"),
            '\r' => line.push_str("%0D"),
            '\n' => line.push_str("%0A"),
            ':' if place == Place::Property => line.push_str("%3A"),
            ',' if place == Place::Property => line.push_str("%2C"),
            char => line.push(char),
        }
    }
}
