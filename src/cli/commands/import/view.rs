//! What an import answers.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::ui::{Format, Out, StdoutError};
use crate::transfer::{Report, Tally};

/// What has become of the rows read: all add up to `read`.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ImportReport")]
pub(in crate::cli) struct ReportView {
    /// Lines that are not blank, or rows of other stores.
    read: u64,
    /// Rows that were not chosen.
    not_chosen: u64,
    /// Lines that are no rows.
    unreadable: u64,
    /// Operations.
    operations: TallyView,
    /// Keyframes.
    keyframes: TallyView,
    /// Whether nothing was kept.
    dry_run: bool,
}

/// What has become of the rows of one kind.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Tally")]
struct TallyView {
    /// They are new.
    added: u64,
    /// They were there before.
    present: u64,
    /// The store does not take them.
    failed: u64,
}

impl ReportView {
    pub(in crate::cli::commands) fn new(report: &Report, dry_run: bool) -> Self {
        let Report { read, not_chosen, unreadable, operations, keyframes } = *report;
        let tally = |Tally { added, present, failed }| TallyView { added, present, failed };
        ReportView { read, not_chosen, unreadable, operations: tally(operations), keyframes: tally(keyframes), dry_run }
    }

    /// Whether there was no row to take.
    pub(in crate::cli::commands) fn is_empty(&self) -> bool {
        let of = |tally: &TallyView| tally.added + tally.present + tally.failed;
        of(&self.operations) + of(&self.keyframes) + self.unreadable == 0
    }

    /// Writes the answer: an object, or a sentence.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(in crate::cli::commands) fn answer(&self, out: &mut Out) -> Result<(), StdoutError> {
        match out.format() {
            Format::Plain => out.line(&self.sentence()),
            _ => out.json(|out| Ok(serde_json::to_writer(out, self)?)),
        }
    }

    fn sentence(&self) -> String {
        let TallyView { added: operations, .. } = self.operations;
        let added = if self.dry_run { "would be added" } else { "added" };
        let mut text =
            format!("{} and {} {added}", count(operations, "operation"), count(self.keyframes.added, "keyframe"));
        let present = self.operations.present + self.keyframes.present;
        let failed = self.unreadable + self.operations.failed + self.keyframes.failed;
        for (n, what) in [(present, "there already"), (self.not_chosen, "not chosen"), (failed, "failed")] {
            if n > 0 {
                let _ = write!(text, ", {n} {what}");
            }
        }
        text
    }
}

/// A number of things.
pub(in crate::cli::commands) fn count(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
