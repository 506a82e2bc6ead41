//! Tells what was found, one document after the other, to everybody who wants to know.

use std::ops::ControlFlow;

use super::VerifyArgs;
use super::reports::Reports;
use super::resume::Bookmark;
use super::sealing::SealFile;
use super::view::{FindingView, Summary, SummaryView, WholeView};
use crate::cli::commands::import::count;
use crate::cli::exit::ExitStatus;
use crate::cli::ui::{Format, Ui};
use crate::keyframe::{self, Recorded};
use crate::model::progress::Stop;
use crate::store::Store;
use crate::verify::{End, Part, Report, Severity};

/// What is made of the results of a check.
pub(super) struct Teller<'a> {
    pub(super) args: &'a VerifyArgs,
    pub(super) ui: &'a mut Ui,
    pub(super) summary: Summary,
    pub(super) bookmark: Bookmark,
    pub(super) reports: Reports,
    pub(super) seal_file: Option<SealFile<'a>>,
    /// The store, if what was found is to be recorded in it.
    pub(super) record_in: Option<&'a dyn Store>,
    pub(super) recorded: Recorded,
    /// The last document that was told.
    pub(super) last: Option<Part>,
}

impl Teller<'_> {
    /// Leaves out of `parts` what another run has checked.
    pub(super) fn resume(&mut self, parts: &mut Vec<Part>) {
        let Some((last, counts)) = self.bookmark.read() else {
            return self.ui.talk.note("no check was ended early; this one starts from the beginning");
        };
        parts.retain(|part| last.is_before(part));
        self.ui.talk.note(format_args!("going on after document {}", last.document));
        self.summary.go_on(counts);
    }

    /// Tells of a document, and says whether to go on.
    ///
    /// # Errors
    /// When stdout or a report cannot be written.
    pub(super) fn tell(&mut self, part: &Part, report: &Report) -> anyhow::Result<ControlFlow<()>> {
        let findings = report.findings.iter().filter(|finding| self.args.tells(finding.code)).cloned().collect();
        let told = Report { findings, tally: report.tally, ..Report::default() };
        self.summary.add(&told);
        self.reports.document(part, &told)?;
        if let Some(seal_file) = &mut self.seal_file {
            seal_file.add(&report.sound);
        }
        if let Some(store) = self.record_in {
            self.recorded.add(keyframe::record(store, &report.keyframes, &report.sound)?);
        }
        for finding in &told.findings {
            let view = FindingView::new(part, finding);
            match self.ui.out.format() {
                // One object at the end.
                Format::Json => self.summary.keep(view),
                Format::Ndjson => self.ui.out.json_line(|out| Ok(serde_json::to_writer(out, &view)?))?,
                Format::Plain if finding.severity == Severity::Note && !self.ui.talk.is_verbose() => {}
                Format::Plain => view.print(&mut self.ui.out)?,
            }
        }
        self.bookmark.pass(part, self.summary.counts());
        self.last = Some(part.clone());
        let enough = self.args.max_errors.is_some_and(|most| self.summary.errors() >= most.get());
        Ok(if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// Tells what it all came to.
    ///
    /// # Errors
    /// When stdout, a report or the file of seals cannot be written.
    pub(super) fn end(mut self, end: End) -> anyhow::Result<ExitStatus> {
        self.summary.end(match end {
            End::Whole => None,
            End::Enough => Some("maxErrors"),
            End::Stopped(Stop::Interrupted) => Some("interrupted"),
            End::Stopped(Stop::TimedOut) if self.args.max_duration.is_some() => Some("maxDuration"),
            End::Stopped(Stop::TimedOut) => Some("timeout"),
        });
        self.answer()?;
        let Teller { ui, summary, mut bookmark, reports, seal_file, recorded, last, .. } = self;
        if self.record_in.is_some() {
            let Recorded { keyframes, moved, seals } = recorded;
            ui.talk.note(format_args!("recorded: {} and {}", count(keyframes, "keyframe"), count(seals, "stream")));
            if moved > 0 {
                ui.talk.warning(format_args!("{} changed while they were checked", count(moved, "keyframe")));
            }
        }
        reports.finish(&summary.ending())?;
        if let Some(seal_file) = seal_file {
            seal_file.write(&ui.talk)?;
        }
        match last {
            _ if !summary.is_early() => bookmark.forget(),
            // What an earlier run kept still holds.
            None => {}
            Some(last) => match bookmark.keep(&last, summary.counts()) {
                Ok(()) => ui.talk.note("the same command with --resume goes on from here"),
                Err(error) => ui.talk.warning(format_args!("--resume will start from the beginning: {error}")),
            },
        }
        Ok(summary.status())
    }

    fn answer(&mut self) -> anyhow::Result<()> {
        let (out, summary) = (&mut self.ui.out, &self.summary);
        match out.format() {
            Format::Plain => out.bytes(summary.text(self.ui.talk.is_verbose()).as_bytes())?,
            Format::Json => out.json(|out| Ok(serde_json::to_writer(out, &WholeView::new(summary))?))?,
            Format::Ndjson => out.json_line(|out| Ok(serde_json::to_writer(out, &SummaryView::new(summary))?))?,
        }
        Ok(())
    }
}
