//! `JUnit` XML, as build servers read it: a test suite a store, a test case a document.
//!
//! No standard says what it is. What is written here is what the common readers agree on: attributes of suites are totals,
//! and a case has at most one `failure` or `skipped`, which names the first of what is worst and lists the rest in its text.

use std::fmt::Write as _;
use std::io::{self, BufWriter, Read, Seek, Write};

use super::{DocumentChecked, Ending, ReportWriter, details, headline, is_failure, left_out, printable};
use crate::verify::finding::{Finding, Verdict};

/// Writes test cases into a spool, since what comes before them are totals, and then the whole into its place.
///
/// The spool is as long as the report: a temporary file, or bytes in memory where there are few documents.
#[derive(Debug)]
pub struct Junit<S: Write, W> {
    store: String,
    spool: BufWriter<S>,
    out: W,
    totals: Totals,
}

#[derive(Debug, Default)]
struct Totals {
    tests: u64,
    failures: u64,
    skipped: u64,
    operations: u64,
    keyframes: u64,
}

impl<S: Read + Write + Seek, W: Write> Junit<S, W> {
    /// A report on the store of that name, without passwords. `spool` is empty; nothing is written to `out` before the end.
    pub fn new(store: &str, spool: S, out: W) -> Self {
        Junit { store: store.to_owned(), spool: BufWriter::new(spool), out, totals: Totals::default() }
    }

    /// Begins a test case.
    fn case(&mut self, class: &str, name: &str) -> io::Result<()> {
        self.totals.tests += 1;
        let (class, name) = (attribute(class), attribute(name));
        writeln!(self.spool, "    <testcase classname=\"{class}\" name=\"{name}\">")
    }

    /// What keeps a test case from being passed.
    fn failure(&mut self, findings: &[&Finding]) -> io::Result<()> {
        self.totals.failures += 1;
        let Some(worst) = worst(findings) else { return Ok(()) };
        let (code, message) = (worst.code, attribute(&summary(worst, findings.len())));
        write!(self.spool, "      <failure type=\"{code}\" message=\"{message}\">")?;
        writeln!(self.spool, "{}</failure>", text(&listed(findings)))
    }

    fn skipped(&mut self, message: &str) -> io::Result<()> {
        self.totals.skipped += 1;
        writeln!(self.spool, "      <skipped message=\"{}\"/>", attribute(message))
    }

    fn end_case(&mut self) -> io::Result<()> {
        writeln!(self.spool, "    </testcase>")
    }
}

impl<S: Read + Write + Seek, W: Write> ReportWriter for Junit<S, W> {
    fn document(&mut self, checked: &DocumentChecked<'_>) -> io::Result<()> {
        let of = |wanted: &dyn Fn(&&Finding) -> bool| checked.findings.iter().filter(wanted).collect::<Vec<_>>();
        let wrong = of(&|finding| is_failure(finding));
        let unverifiable = of(&|finding| finding.code.is_unverifiable());
        let verdict = checked.verdict;
        self.case(checked.document_type, checked.id.as_str())?;
        match (verdict, worst(&unverifiable)) {
            (Verdict::Ok, _) | (Verdict::Unverifiable, None) => {}
            (Verdict::Failed, _) => self.failure(&wrong)?,
            (Verdict::Unverifiable, Some(first)) => {
                self.skipped(&format!("{} {}", first.code, summary(first, unverifiable.len())))?;
            }
        }
        self.totals.operations += checked.operations;
        self.totals.keyframes += checked.keyframes;
        // What is said elsewhere is not said again.
        let rest = of(&|finding| !is_failure(finding));
        let said = format!("checked {} operations and {} keyframes\n", checked.operations, checked.keyframes);
        writeln!(self.spool, "      <system-out>{}</system-out>", text(&(said + &listed(&rest))))?;
        self.end_case()
    }

    fn finish(mut self: Box<Self>, ending: &Ending<'_>) -> io::Result<()> {
        // Whoever looks at the totals alone must not take what was not checked for clean.
        if let Some(left_out) = left_out(self.totals.tests, ending) {
            self.case("snapctl", "verify")?;
            self.skipped(&left_out)?;
            self.end_case()?;
        }
        let Junit { store, spool, mut out, totals } = *self;
        let mut spool = spool.into_inner().map_err(io::IntoInnerError::into_error)?;
        spool.rewind()?;
        let Totals { tests, failures, skipped, operations, keyframes } = totals;
        let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\"");
        writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        writeln!(out, "<testsuites name=\"snapctl verify\" {counts}>")?;
        writeln!(out, "  <testsuite name=\"{}\" {counts}>", attribute(&store))?;
        writeln!(out, "    <properties>")?;
        for (name, value) in [("operations", operations), ("keyframes", keyframes)] {
            writeln!(out, "      <property name=\"{name}\" value=\"{value}\"/>")?;
        }
        writeln!(out, "    </properties>")?;
        io::copy(&mut spool, &mut out)?;
        writeln!(out, "  </testsuite>\n</testsuites>")?;
        out.flush()
    }
}

/// The first of those that are worst.
fn worst<'a>(findings: &[&'a Finding]) -> Option<&'a Finding> {
    // Of equals, `max_by_key` gives the last.
    findings.iter().rev().max_by_key(|finding| finding.severity).copied()
}

/// A finding on one line, and how many there are beside it.
fn summary(finding: &Finding, n_findings: usize) -> String {
    match n_findings {
        0 | 1 => headline(finding),
        2 => format!("{}; and another finding", headline(finding)),
        n => format!("{}; and {} more findings", headline(finding), n - 1),
    }
}

/// Findings as lines, what more there is to each indented below it.
fn listed(findings: &[&Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} {} {}", finding.severity, finding.code, headline(finding));
        for line in details(finding) {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

/// A text as the value of an attribute. White space that a reader would turn into spaces is a reference.
fn attribute(text: &str) -> String {
    escaped(text, true)
}

/// A text between tags.
fn text(text: &str) -> String {
    escaped(text, false)
}

fn escaped(text: &str, in_attribute: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars().map(printable) {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if in_attribute => out.push_str("&quot;"),
            '\n' if in_attribute => out.push_str("&#10;"),
            '\t' if in_attribute => out.push_str("&#9;"),
            // A reader takes it for a line break even between tags.
            '\r' => out.push_str("&#13;"),
            char => out.push(char),
        }
    }
    out
}
