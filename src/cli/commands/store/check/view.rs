//! What `store check` answers.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::commands::import::count;
use crate::cli::quote;
use crate::cli::render::table::{Align, one_line, table};
use crate::store::check::{AutoVacuum, Condition, Facts, Finding, Journal, Remedy, Severity};
use crate::store::location_path;

/// What a store is like.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Checked")]
pub(in crate::cli) struct CheckView {
    /// Where it is; never with a password.
    location: String,
    /// Whether indexes and keys were left out.
    quick: bool,
    /// Figures; `null` if the file cannot be read.
    facts: Option<FactsView>,
    /// What was found, in the order of the checks.
    findings: Vec<FindingView>,
    /// How many findings are errors: something is broken or lost.
    errors: u64,
    /// How many are warnings: it costs time or space, or may become an error.
    warnings: u64,
    /// How many are notes, which do not count for the exit code.
    notes: u64,
}

/// Figures of the file.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FileFacts")]
struct FactsView {
    /// Bytes a page.
    page_size_bytes: u64,
    /// All pages, those that are free included.
    pages: u64,
    /// Pages that hold nothing.
    free_pages: u64,
    /// Which part of all pages they are, between 0 and 1.
    free_share: f64,
    /// How changes are made safe: `rollback` or `writeAheadLog`.
    journal: &'static str,
    /// Whether free pages are given back: `none`, `full` (at every commit) or `incremental` (when told to).
    auto_vacuum: &'static str,
    /// Size of the write-ahead log; `null` if there is none.
    log_bytes: Option<u64>,
    /// Pages in the log that the main file does not have yet.
    log_pending_pages: u64,
    /// The version of snapctl's own tables; `null` if there are none.
    own_tables_version: Option<u32>,
    /// How many keyframes were compared with what is recorded of them.
    keyframes_compared: u64,
}

/// Something that could be better.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FileFinding")]
struct FindingView {
    /// A stable name in kebab case; there may be more of them some day.
    code: &'static str,
    /// How bad it is: `error`, `warning` or `note`.
    severity: &'static str,
    /// How many there are of what the message names.
    count: u64,
    /// What was found.
    message: String,
    /// The first few.
    examples: Vec<String>,
    /// A command that would help; `null` if none is known.
    advice: Option<String>,
}

impl CheckView {
    /// Describes a store, which was given as `named`.
    pub(super) fn new(named: &str, location: String, quick: bool, condition: Condition) -> Self {
        let Condition { facts, findings } = condition;
        let n = |severity| findings.iter().filter(|finding| finding.severity == severity).count() as u64;
        CheckView {
            quick,
            errors: n(Severity::Error),
            warnings: n(Severity::Warning),
            notes: n(Severity::Note),
            facts: (facts.page_size_bytes > 0).then(|| FactsView::of(&facts)),
            findings: findings.into_iter().map(|finding| FindingView::of(finding, named, &location)).collect(),
            location,
        }
    }

    /// Whether nothing was found that counts.
    pub(super) fn is_clean(&self) -> bool {
        self.errors + self.warnings == 0
    }

    /// For people: figures, findings, and what it comes to.
    pub(super) fn text(&self, width: Option<u16>) -> String {
        let mut text = self.facts.as_ref().map(|facts| facts.text(&self.location, width)).unwrap_or_default();
        for finding in &self.findings {
            let FindingView { code, severity, message, examples, advice, .. } = finding;
            // Writing to a string cannot fail.
            let _ = write!(text, "\n{severity}: {} ({code})\n", one_line(&finding.counted(message)));
            for example in examples {
                let _ = writeln!(text, "  {}", one_line(example));
            }
            if let Some(advice) = advice {
                // Whole, on a line of its own, to be copied.
                let _ = writeln!(text, "  $ {}", one_line(advice));
            }
        }
        let counts = [(self.errors, "error"), (self.warnings, "warning"), (self.notes, "note")];
        let found: Vec<String> = counts.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| count(n, what)).collect();
        let found = if found.is_empty() { "nothing to complain about".to_owned() } else { found.join(", ") };
        let _ = writeln!(text, "\n{}: {found}", one_line(&self.location));
        text
    }
}

impl FactsView {
    fn of(facts: &Facts) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a share is no exact number")]
        let free_share = facts.free_pages as f64 / facts.pages.max(1) as f64;
        FactsView {
            page_size_bytes: facts.page_size_bytes,
            pages: facts.pages,
            free_pages: facts.free_pages,
            free_share: (free_share * 1e4).round() / 1e4,
            journal: match facts.journal {
                Journal::Rollback => "rollback",
                Journal::Log => "writeAheadLog",
            },
            auto_vacuum: match facts.auto_vacuum {
                AutoVacuum::None => "none",
                AutoVacuum::Full => "full",
                AutoVacuum::Incremental => "incremental",
            },
            log_bytes: facts.log_bytes,
            log_pending_pages: facts.pending_pages,
            own_tables_version: facts.own_version,
            keyframes_compared: facts.bodies_compared,
        }
    }

    fn text(&self, location: &str, width: Option<u16>) -> String {
        let pages = format!("{} of {} bytes, {} free", self.pages, self.page_size_bytes, self.free_pages);
        let journal = match self.log_bytes {
            None if self.journal == "rollback" => "rollback journal".to_owned(),
            None => "write-ahead log, empty".to_owned(),
            Some(bytes) => format!("write-ahead log, {bytes} bytes, {} pages pending", self.log_pending_pages),
        };
        let own = self.own_tables_version.map_or("none".to_owned(), |version| format!("version {version}"));
        let mut rows = vec![
            ("location", location.to_owned()),
            ("pages", pages),
            ("journal", journal),
            ("auto-vacuum", self.auto_vacuum.to_owned()),
            ("tables of snapctl", own),
        ];
        if self.keyframes_compared > 0 {
            rows.push(("keyframes compared", self.keyframes_compared.to_string()));
        }
        let rows: Vec<Vec<String>> = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
        table(&[("", Align::Left), ("", Align::Left)], &rows, width)
    }
}

impl FindingView {
    fn of(finding: Finding, named: &str, location: &str) -> Self {
        let Finding { code, severity, count, message, examples, remedy } = finding;
        FindingView {
            code: code.name(),
            severity: match severity {
                Severity::Note => "note",
                Severity::Warning => "warning",
                Severity::Error => "error",
            },
            count,
            message,
            examples,
            advice: remedy.map(|remedy| advice(&remedy, named, location)),
        }
    }

    /// The message, with how many there are where that is more than one thing.
    fn counted(&self, message: &str) -> String {
        let is_list = !self.examples.is_empty() && self.count > 1;
        if is_list { format!("{message}: {}", self.count) } else { message.to_owned() }
    }
}

/// A command that would help a store.
fn advice(remedy: &Remedy, named: &str, location: &str) -> String {
    let path = location_path(location);
    let file = quote::path(path);
    let snapctl = || format!("snapctl {}", quote::option("--store", named));
    match remedy {
        Remedy::Sql(statement) => format!("sqlite3 {file} {}", quote::word(statement)),
        Remedy::Recover => {
            let mut saved = path.as_os_str().to_owned();
            saved.push(".recovered");
            format!("sqlite3 {file} .recover | sqlite3 {}", quote::path(saved.as_ref()))
        }
        Remedy::Migrate => format!("{} store migrate", snapctl()),
        Remedy::Rewrite(stream, revision) => {
            format!("{} keyframe write {} --at {revision} --replace", snapctl(), quote::word(&stream.to_string()))
        }
        Remedy::Recheck(stream) => format!("{} verify --record {}", snapctl(), quote::word(&stream.to_string())),
        Remedy::History => format!("{} keyframe history", snapctl()),
    }
}
