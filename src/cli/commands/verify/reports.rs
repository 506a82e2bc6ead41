//! Reports of a check for other programs: `--report junit=FILE`, `--report github`.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::str::FromStr;

use crate::cli::new_file::NewFile;
use crate::verify::report::{DocumentChecked, Ending, Github, Junit, ReportWriter};
use crate::verify::{Part, Report};

/// Where a report goes, and of which kind it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ReportTo {
    /// `JUnit` XML in a file.
    Junit(PathBuf),
    /// Workflow commands of GitHub Actions on stderr.
    Github,
}

/// A text that names no report.
#[derive(Clone, Debug)]
pub(super) struct NoReport;

impl fmt::Display for NoReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a report is written junit=FILE or github")
    }
}

impl std::error::Error for NoReport {}

impl FromStr for ReportTo {
    type Err = NoReport;

    fn from_str(text: &str) -> Result<Self, NoReport> {
        match text.split_once('=') {
            Some(("junit", file)) if !file.is_empty() => Ok(ReportTo::Junit(file.into())),
            None if text == "github" => Ok(ReportTo::Github),
            _ => Err(NoReport),
        }
    }
}

/// The reports that are being written.
pub(super) struct Reports(Vec<Writing>);

/// A report on its way, and the file that it goes to.
struct Writing {
    name: String,
    writer: Box<dyn ReportWriter>,
}

/// A report cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the report {name}")]
pub(super) struct ReportError {
    name: String,
    #[source]
    source: io::Error,
}

/// A file that is put in its place when it is flushed for the last time.
struct Place(Option<NewFile>);

impl Write for Place {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Some(file) => file.bytes(bytes).map(|()| bytes.len()).map_err(io::Error::other),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.take().map_or(Ok(()), |file| file.finish().map(drop).map_err(io::Error::other))
    }
}

impl Reports {
    /// Begins reports on the store at `location`; files that are there are replaced at the end.
    ///
    /// # Errors
    /// When a file cannot be made.
    pub(super) fn begin(wanted: &[ReportTo], location: &str) -> anyhow::Result<Self> {
        let begin = |to: &ReportTo| -> anyhow::Result<Writing> {
            Ok(match to {
                ReportTo::Github => {
                    Writing { name: "github".to_owned(), writer: Box::new(Github::new(io::stderr())) }
                }
                ReportTo::Junit(path) => {
                    let name = path.display().to_string();
                    let failed = |source| ReportError { name: name.clone(), source };
                    let spool: File = tempfile::tempfile().map_err(failed)?;
                    let place = Place(Some(NewFile::create(path, true)?));
                    Writing { name, writer: Box::new(Junit::new(location, spool, place)) }
                }
            })
        };
        Ok(Reports(wanted.iter().map(begin).collect::<anyhow::Result<_>>()?))
    }

    /// Adds a document.
    ///
    /// # Errors
    /// When a report cannot be written.
    pub(super) fn document(&mut self, part: &Part, report: &Report) -> Result<(), ReportError> {
        let checked = DocumentChecked {
            id: &part.document,
            document_type: part.document_type.as_str(),
            verdict: report.verdict(),
            findings: &report.findings,
            operations: report.tally.operations,
            keyframes: report.tally.keyframes,
        };
        for Writing { name, writer } in &mut self.0 {
            writer.document(&checked).map_err(|source| ReportError { name: name.clone(), source })?;
        }
        Ok(())
    }

    /// Ends the reports and puts files in their places.
    ///
    /// # Errors
    /// When a report cannot be written.
    pub(super) fn finish(self, ending: &Ending<'_>) -> Result<(), ReportError> {
        for Writing { name, writer } in self.0 {
            writer.finish(ending).map_err(|source| ReportError { name, source })?;
        }
        Ok(())
    }
}
