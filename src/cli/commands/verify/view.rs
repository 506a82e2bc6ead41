//! What a check answers.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cli::commands::import::count;
use crate::cli::exit::ExitStatus;
use crate::cli::render::table::one_line;
use crate::cli::ui::{Out, StdoutError};
use crate::verify::report::Ending;
use crate::verify::{Finding, Part, Report, Severity, Verdict};

/// One kind of thing that is wrong with one stream.
#[derive(Clone, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Finding")]
pub(in crate::cli) struct FindingView {
    /// What kind of thing; `snapctl explain CODE` describes it. There may be more codes some day.
    #[schemars(regex(pattern = "^[A-Z]+(_[A-Z]+)*$"))]
    code: &'static str,
    /// How bad it is; a `note` does not count.
    #[schemars(extend("enum" = ["error", "warning", "note"]))]
    severity: &'static str,
    /// Where, as a target: a stream, with the first operation if there is one.
    target: String,
    /// The document.
    document: String,
    /// Its type.
    document_type: String,
    /// The scope.
    scope: String,
    /// The branch.
    branch: String,
    /// The index of the first operation concerned, or the label of the first keyframe; `null` if it is about none.
    first: Option<u64>,
    /// How many operations or keyframes are concerned.
    count: u64,
    /// What is wrong with the first.
    message: String,
    /// What is stored: a hash, an id, a text; `null` if that is not one thing.
    stored: Option<String>,
    /// What the replay gives instead; `null` likewise.
    replayed: Option<String>,
    /// JSON pointers to what differs in the first keyframe concerned; of many the first ten.
    paths: Vec<String>,
    /// How many there are.
    n_paths: u64,
    /// A command that shows more, or helps; `null` if there is none.
    command: Option<String>,
}

impl FindingView {
    pub(super) fn new(part: &Part, finding: &Finding) -> Self {
        let Finding { code, severity, stream, first, count, message, compared, command } = finding;
        let compared = compared.clone().unwrap_or_default();
        FindingView {
            code: code.name(),
            severity: severity.name(),
            target: first.map_or_else(|| stream.to_string(), |first| format!("{stream}:{first}")),
            document: stream.document.to_string(),
            document_type: part.document_type.to_string(),
            scope: stream.scope.to_string(),
            branch: stream.branch.to_string(),
            first: first.map(crate::model::ids::OpIndex::get),
            count: *count,
            message: message.clone(),
            stored: compared.stored,
            replayed: compared.replayed,
            paths: compared.paths,
            n_paths: compared.n_paths,
            command: command.clone(),
        }
    }

    /// Prints it as a few lines.
    pub(super) fn print(&self, out: &mut Out) -> Result<(), StdoutError> {
        let more = if self.count > 1 { format!(", and {} more", self.count - 1) } else { String::new() };
        out.line(&one_line(&format!("{} {}  {}{more}", self.severity, self.code, self.target)))?;
        out.line(&format!("  {}", one_line(&self.message)))?;
        for (what, value) in [("stored", &self.stored), ("replayed", &self.replayed)] {
            if let Some(value) = value {
                out.line(&format!("  {what}: {}", one_line(value)))?;
            }
        }
        if let Some(command) = &self.command {
            out.line(&format!("  look: {}", one_line(command)))?;
        }
        Ok(())
    }
}

/// What was counted of documents that were checked.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Counts {
    documents: u64,
    /// Documents that are ok, unverifiable, failed.
    by_verdict: [u64; 3],
    /// Notes, warnings, errors.
    by_severity: [u64; 3],
    tally: Tallied,
}

/// What was looked at.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Tallied {
    streams: u64,
    operations: u64,
    sealed: u64,
    n_operations: u64,
    keyframes: u64,
    n_keyframes: u64,
    hashes: u64,
    signatures: u64,
}

impl Counts {
    fn add(&mut self, report: &Report) {
        self.documents += 1;
        self.by_verdict[report.verdict() as usize] += 1;
        for finding in &report.findings {
            self.by_severity[finding.severity as usize] += 1;
        }
        let (sum, more) = (&mut self.tally, &report.tally);
        sum.streams += more.streams;
        sum.operations += more.operations;
        sum.sealed += more.sealed;
        sum.n_operations += more.n_operations;
        sum.keyframes += more.keyframes;
        sum.n_keyframes += more.n_keyframes;
        sum.hashes += more.hashes;
        sum.signatures += more.signatures;
    }

    fn worst(&self) -> Verdict {
        match self.by_verdict {
            [_, 0, 0] => Verdict::Ok,
            [_, _, 0] => Verdict::Unverifiable,
            _ => Verdict::Failed,
        }
    }
}

/// What all documents came to.
pub(super) struct Summary {
    chosen: u64,
    n_documents: u64,
    counts: Counts,
    ended: Option<&'static str>,
    findings: Vec<FindingView>,
}

impl Summary {
    pub(super) fn new(chosen: u64, n_documents: u64) -> Self {
        Summary { chosen, n_documents, counts: Counts::default(), ended: None, findings: Vec::new() }
    }

    /// Goes on with what another run counted.
    pub(super) fn go_on(&mut self, counts: Counts) {
        self.counts = counts;
    }

    pub(super) fn add(&mut self, report: &Report) {
        self.counts.add(report);
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What reports say at their end.
    pub(super) fn ending(&self) -> Ending<'static> {
        Ending { selected: Some(self.chosen), cut_short: self.ended.map(why) }
    }

    /// Whether it was ended before all was checked.
    pub(super) fn is_early(&self) -> bool {
        self.ended.is_some()
    }

    pub(super) fn keep(&mut self, finding: FindingView) {
        self.findings.push(finding);
    }

    pub(super) fn errors(&self) -> u64 {
        self.counts.by_severity[Severity::Error as usize]
    }

    /// Notes what ended it early.
    pub(super) fn end(&mut self, ended: Option<&'static str>) {
        self.ended = ended;
    }

    /// Findings beat what is incomplete.
    pub(super) fn status(&self) -> ExitStatus {
        match (self.counts.worst(), self.ended) {
            (_, Some("interrupted")) => ExitStatus::Interrupted,
            (Verdict::Failed, _) => ExitStatus::Findings,
            (Verdict::Unverifiable, _) | (_, Some(_)) => ExitStatus::Incomplete,
            (Verdict::Ok, None) => ExitStatus::Success,
        }
    }

    /// Two or three sentences.
    pub(super) fn text(&self, verbose: bool) -> String {
        let Counts { documents, by_verdict, by_severity, tally } = &self.counts;
        let Tallied { operations, sealed, n_operations, keyframes, n_keyframes, signatures, .. } = *tally;
        let mut text = format!("checked {documents} of {}", count(self.n_documents, "document"));
        let _ = write!(text, ": {operations} of {}", count(n_operations, "operation"));
        let _ = write!(text, ", {keyframes} of {}", count(n_keyframes, "keyframe"));
        if sealed > 0 {
            let _ = write!(text, ", {sealed} operations as sealed");
        }
        if signatures > 0 {
            let _ = write!(text, ", {}", count(signatures, "signature"));
        }
        if self.chosen < self.n_documents {
            let _ = write!(text, " (a sample of {})", self.chosen);
        }
        text.push('\n');
        let [ok, unverifiable, failed] = by_verdict;
        let _ = write!(text, "{ok} ok, {failed} failed, {unverifiable} unverifiable");
        let [notes, warnings, errors] = *by_severity;
        let _ = write!(text, "; {}, {}", count(errors, "error"), count(warnings, "warning"));
        if notes > 0 {
            let _ = write!(text, ", {}{}", count(notes, "note"), if verbose { "" } else { " (-v tells them)" });
        }
        text.push('\n');
        if let Some(ended) = self.ended {
            let _ = writeln!(text, "not finished: {}", why(ended));
        }
        text
    }
}

/// Why a check was not finished.
fn why(ended: &str) -> &'static str {
    match ended {
        "maxErrors" => "there were enough errors (--max-errors)",
        "maxDuration" => "the time was over (--max-duration)",
        "timeout" => "the time was over (--timeout)",
        _ => "it was interrupted",
    }
}

/// What was checked, and what came of it.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Verification")]
pub(in crate::cli) struct SummaryView {
    /// `failed` if something is wrong, `unverifiable` if something could not be checked, else `ok`.
    #[schemars(extend("enum" = ["ok", "unverifiable", "failed"]))]
    verdict: &'static str,
    /// Whether all that was chosen was looked at.
    complete: bool,
    /// What ended it early: `maxErrors`, `maxDuration`, `timeout`, `interrupted`; `null` if nothing did.
    ended: Option<&'static str>,
    /// How much was looked at.
    checked: CheckedView,
    /// Documents by verdict.
    documents: VerdictsView,
    /// Findings by severity.
    counts: SeveritiesView,
}

/// What was checked, and what was found.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WholeVerification")]
pub(in crate::cli) struct WholeView<'a> {
    /// What came of it.
    #[serde(flatten)]
    summary: SummaryView,
    /// What was found, by document.
    findings: &'a [FindingView],
}

/// How much was looked at, of how much there is.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Checked")]
struct CheckedView {
    /// Documents that were checked.
    documents: u64,
    /// Documents there are, or were named.
    of_documents: u64,
    /// Streams of these documents.
    streams: u64,
    /// Operations that were replayed and compared, or are as they were sealed.
    operations: u64,
    /// Those of them that are before a recorded keyframe and were digested, not replayed.
    sealed: u64,
    /// Operations there are in these documents.
    of_operations: u64,
    /// Keyframes that were compared.
    keyframes: u64,
    /// Keyframes there are of these documents.
    of_keyframes: u64,
    /// Stored hashes that were compared.
    hashes: u64,
    /// Signatures that were checked.
    signatures: u64,
}

/// Documents by verdict.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Verdicts")]
struct VerdictsView {
    /// All that was looked at fits.
    ok: u64,
    /// Something is wrong.
    failed: u64,
    /// Something could not be looked at.
    unverifiable: u64,
}

/// Findings by severity.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Severities")]
struct SeveritiesView {
    /// Something is wrong.
    error: u64,
    /// Something does not fit, or could not be checked.
    warning: u64,
    /// Worth knowing.
    note: u64,
}

/// A line of `verify --ndjson`: a finding, or at the end what was checked.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "lines are written as they are made")]
pub(in crate::cli) enum LineView {
    /// A finding.
    Finding(Box<FindingView>),
    /// What was checked, and what came of it; the last line.
    Summary(Box<SummaryView>),
}

impl<'a> WholeView<'a> {
    pub(super) fn new(summary: &'a Summary) -> Self {
        WholeView { summary: SummaryView::new(summary), findings: &summary.findings }
    }
}

impl SummaryView {
    pub(super) fn new(summary: &Summary) -> Self {
        let Counts { documents, by_verdict: [ok, unverifiable, failed], by_severity: [note, warning, error], tally } =
            summary.counts.clone();
        let Tallied { streams, operations, sealed, n_operations, keyframes, n_keyframes, hashes, signatures } = tally;
        let partial = operations < n_operations || keyframes < n_keyframes;
        SummaryView {
            verdict: summary.counts.worst().name(),
            complete: summary.ended.is_none() && !partial,
            ended: summary.ended,
            checked: CheckedView {
                documents,
                of_documents: summary.n_documents,
                streams,
                operations,
                sealed,
                of_operations: n_operations,
                keyframes,
                of_keyframes: n_keyframes,
                hashes,
                signatures,
            },
            documents: VerdictsView { ok, failed, unverifiable },
            counts: SeveritiesView { error, warning, note },
        }
    }
}
