//! Into a store.

use std::fmt;
use std::io::{self, BufRead};
use std::num::NonZeroU64;

use crate::model::ids::StreamKey;
use crate::model::progress::{Progress, Stop};
use crate::store::{Selection, Store, StoreError, Write};

use super::MAX_LINE_BYTES;
use super::decode::{Problem, decode};
use super::export::{Row, each_row, not_text};
use super::lines::Lines;
use super::record::{KeyframeRecord, OperationRecord, Record};

/// How rows are put into a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportOptions {
    /// Which rows are taken.
    pub selection: Selection,
    /// Whether keyframes are.
    pub keyframes: Keyframes,
    /// When what was taken is made durable.
    pub commit: Commit,
    /// What becomes of the rest when one row cannot be taken.
    pub on_failure: OnFailure,
}

/// Whether keyframes are meant, or operations alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyframes {
    /// Keyframes too.
    Take,
    /// Operations alone.
    Leave,
}

/// When what was taken is made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// At the end, all or nothing.
    Once,
    /// Whenever this many rows were added, and at the end.
    Every(NonZeroU64),
    /// Never: everything is tried, and nothing is kept.
    Never,
}

/// What becomes of the rest when one row cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// It ends the import, and what is not yet committed is undone.
    Stop,
    /// The row is told and passed over.
    PassOver,
}

/// In what the progress of reading lines is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Lines.
    Lines,
    /// Bytes.
    Bytes,
}

/// What has become of the rows read so far: all add up to `read`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Lines that are not blank, or rows of a store.
    pub read: u64,
    /// Rows that were not chosen.
    pub not_chosen: u64,
    /// Lines that are no rows.
    pub unreadable: u64,
    /// Operations.
    pub operations: Tally,
    /// Keyframes.
    pub keyframes: Tally,
}

/// What has become of the rows of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// They are new.
    pub added: u64,
    /// They were there before.
    pub present: u64,
    /// The store does not take them, because they do not fit what is there.
    pub failed: u64,
}

impl Report {
    /// Rows added.
    #[must_use]
    pub fn added(&self) -> u64 {
        self.operations.added + self.keyframes.added
    }

    /// Rows that are in the store now, or were refused by it.
    #[must_use]
    pub fn taken(&self) -> u64 {
        let of = |tally: Tally| tally.added + tally.present + tally.failed;
        of(self.operations) + of(self.keyframes)
    }

    /// Lines and rows that could not be taken.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.unreadable + self.operations.failed + self.keyframes.failed
    }
}

/// Where a row comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line of a file.
    Line {
        /// The file, or `stdin`.
        source: String,
        /// Counted from 1.
        line: u64,
        /// Bytes of the file before it.
        byte: u64,
    },
    /// A row of a store.
    Row {
        /// The store.
        source: String,
        /// The stream.
        stream: StreamKey,
        /// An operation's index, or a keyframe's label.
        at: i64,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line { source, line, byte } => write!(f, "{source}, line {line}, byte {byte}"),
            Place::Row { source, stream, at } => write!(f, "{source}, {stream}:{at}"),
        }
    }
}

/// Why an import ended, or a row was passed over.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A line is no row.
    #[error("{place}: {reason}")]
    Unreadable {
        /// Where; for a line, down to the byte.
        place: Place,
        /// What is wrong, and with which member.
        reason: String,
    },
    /// The store does not take a row.
    #[error("{place}: {source}")]
    Refused {
        /// Where the row comes from.
        place: Place,
        /// Why.
        #[source]
        source: Box<StoreError>,
    },
    /// A source cannot be read.
    #[error("cannot read {source_name}")]
    Source {
        /// The source.
        source_name: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The store that takes the rows failed, or one that gives them.
    #[error(transparent)]
    Store(Box<StoreError>),
    /// It was stopped.
    #[error(transparent)]
    Stopped(#[from] Stop),
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> Self {
        ImportError::Store(Box::new(error))
    }
}

impl ImportError {
    /// Whether the import can go on without the row.
    fn is_of_one_row(&self) -> bool {
        matches!(self, ImportError::Unreadable { .. } | ImportError::Refused { .. })
    }
}

/// Puts rows into a store. Dropped without [`Importer::finish`], what is not yet committed is undone.
///
/// Rows of a stream come in the order of their indices. One that is there already, with the same id, index and skip
/// (a keyframe: with the same document), is passed over, so that an import that was stopped can be run again from the
/// start. Nothing is ever overwritten.
pub struct Importer<'a> {
    store: &'a dyn Store,
    options: &'a ImportOptions,
    progress: &'a dyn Progress,
    /// Hears of rows that are passed over.
    warn: &'a mut dyn FnMut(&ImportError),
    /// Begun with the first row.
    write: Option<Box<dyn Write + 'a>>,
    report: Report,
    committed: Report,
    /// Rows that were added or found since the transaction began.
    since: u64,
}

impl<'a> Importer<'a> {
    /// Begins an import. The store is not touched before the first row.
    #[must_use]
    pub fn new(
        store: &'a dyn Store,
        options: &'a ImportOptions,
        progress: &'a dyn Progress,
        warn: &'a mut dyn FnMut(&ImportError),
    ) -> Self {
        let (report, committed) = (Report::default(), Report::default());
        Importer { store, options, progress, warn, write: None, report, committed, since: 0 }
    }

    /// What was durable at the last commit.
    #[must_use]
    pub fn committed(&self) -> &Report {
        &self.committed
    }

    /// Takes the lines of an input that messages call `name`.
    ///
    /// # Errors
    /// `Unreadable` and `Refused`, unless such rows are passed over; `Source`, `Store`, `Stopped`.
    pub fn lines(&mut self, name: &str, input: impl BufRead, measure: Measure) -> Result<(), ImportError> {
        let mut lines = Lines::new(input, MAX_LINE_BYTES);
        loop {
            let line = match lines.next_line() {
                Ok(Some(line)) => line,
                Ok(None) => return Ok(()),
                Err(source) => {
                    // A wait that was ended is no failure of the source.
                    self.progress.check()?;
                    return Err(ImportError::Source { source_name: name.to_owned(), source });
                }
            };
            let place = |byte: usize| Place::Line {
                source: name.to_owned(),
                line: line.number,
                byte: line.offset + byte as u64,
            };
            if !line.is_blank() {
                let record = match line.text {
                    Ok(text) => decode(text),
                    Err(too_long) => Err(Problem { byte: 0, reason: too_long.to_string() }),
                };
                let record =
                    record.map_err(|Problem { byte, reason }| ImportError::Unreadable { place: place(byte), reason });
                self.row(record, || place(0))?;
            }
            self.progress.advance(match measure {
                Measure::Lines => 1,
                Measure::Bytes => line.size_bytes,
            });
        }
    }

    /// Takes the rows of another store.
    ///
    /// # Errors
    /// As [`Importer::lines`].
    pub fn rows_of(&mut self, source: &dyn Store) -> Result<(), ImportError> {
        let options = self.options;
        each_row(source, &options.selection, options.keyframes, self.progress, &mut |row| {
            let place = |stream: &StreamKey, at| Place::Row {
                source: source.location().to_owned(),
                stream: stream.clone(),
                at,
            };
            match row {
                Row::Operation(row) => {
                    let record = OperationRecord::of(row).map_err(|error| not_text(row, error))?;
                    let at = i64::try_from(row.row.index.get()).unwrap_or(i64::MAX);
                    self.row(Ok(Record::Operation(record)), || place(row.stream, at))?;
                }
                Row::Keyframe(row) => {
                    let record = KeyframeRecord::of(row).map(Record::Keyframe).ok_or_else(|| {
                        let reason = "a keyframe's revision is not negative".to_owned();
                        ImportError::Unreadable { place: place(row.stream, row.label), reason }
                    });
                    self.row(record, || place(row.stream, row.label))?;
                }
            }
            self.progress.advance(1);
            Ok(())
        })
    }

    /// Commits what is left to commit, and says what has become of all rows.
    ///
    /// # Errors
    /// `Store`; what is not yet committed is undone then.
    pub fn finish(mut self) -> Result<Report, ImportError> {
        self.commit()?;
        Ok(self.report)
    }

    /// Takes one row, or what is wrong with it.
    fn row(&mut self, record: Result<Record<'_>, ImportError>, place: impl Fn() -> Place) -> Result<(), ImportError> {
        /// Rows between two looks at the clock.
        const STRIDE: u64 = 128;
        self.report.read += 1;
        if self.report.read.is_multiple_of(STRIDE) {
            self.progress.check()?;
        }
        let taken = record.and_then(|record| self.take(&record, place));
        match taken {
            Err(error) if self.options.on_failure == OnFailure::PassOver && error.is_of_one_row() => {
                if matches!(error, ImportError::Unreadable { .. }) {
                    self.report.unreadable += 1;
                }
                (self.warn)(&error);
                Ok(())
            }
            other => other,
        }
    }

    fn take(&mut self, record: &Record<'_>, place: impl Fn() -> Place) -> Result<(), ImportError> {
        if !self.is_chosen(record) {
            self.report.not_chosen += 1;
            return Ok(());
        }
        let write = match &mut self.write {
            Some(write) => write,
            none => none.insert(self.store.write()?),
        };
        let (added, tally) = match record {
            Record::Operation(record) => {
                let (operation, previous) = record.as_new();
                (write.add(&record.stream, &operation, previous), &mut self.report.operations)
            }
            Record::Keyframe(record) => (put(&mut **write, record), &mut self.report.keyframes),
        };
        match added {
            Ok(true) => tally.added += 1,
            Ok(false) => tally.present += 1,
            Err(source) if is_of_one_row(&source) => {
                tally.failed += 1;
                return Err(ImportError::Refused { place: place(), source: Box::new(source) });
            }
            Err(error) => return Err(error.into()),
        }
        self.since += 1;
        match self.options.commit {
            // Rows that are there count, too: others wait for the store.
            Commit::Every(batch) if self.since >= batch.get() => self.commit(),
            _ => Ok(()),
        }
    }

    fn is_chosen(&self, record: &Record<'_>) -> bool {
        let selection = &self.options.selection;
        match record {
            Record::Operation(record) => selection.includes(&record.stream, record.index, &record.document_type),
            Record::Keyframe(record) => {
                self.options.keyframes == Keyframes::Take
                    && selection.includes(&record.stream, record.revision.last(), &record.document_type)
            }
        }
    }

    fn commit(&mut self) -> Result<(), ImportError> {
        self.since = 0;
        if let Some(write) = self.write.take().filter(|_| self.options.commit != Commit::Never) {
            write.commit()?;
            self.committed = self.report;
        }
        Ok(())
    }
}

/// Whether the transaction can go on without the row that the store does not take ([`Write::add`]).
fn is_of_one_row(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Conflict { .. }
            | StoreError::KeyframeTaken { .. }
            | StoreError::Corrupt { .. }
            | StoreError::Unsupported { .. }
    )
}

/// Writes a keyframe, unless it is there. Says whether it is new.
fn put(write: &mut dyn Write, record: &KeyframeRecord<'_>) -> Result<bool, StoreError> {
    match write.keyframe_document(&record.stream, record.revision)? {
        None => {
            write.put_keyframe(&record.as_new(&(*record.document_type).into()))?;
            Ok(true)
        }
        Some(document) if document == record.document.as_bytes() => Ok(false),
        Some(_) => Err(StoreError::KeyframeTaken { stream: record.stream.clone(), revision: record.revision }),
    }
}
