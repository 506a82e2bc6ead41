//! A look at the file itself: whether it is whole, and what could be better.
//!
//! It reads as everything else does, and changes nothing. What is damaged is a finding, and the rest is looked at all the
//! same, as far as it can be.

mod indexes;
mod keys;
mod own;
mod sql;

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use rusqlite::types::ValueRef;

use super::{Transaction, file, rows};
use crate::model::progress::Progress;
use crate::store::StoreError;
use crate::store::check::{AutoVacuum, Code, Condition, Depth, Facts, FileCheck, Finding, Journal, Remedy, Severity};

/// How many rows a finding names.
const EXAMPLES: usize = 5;

/// Bytes in a log that nobody has copied to the main file, from which on it is more than a log in use: four times what
/// SQLite copies at by itself (<https://www.sqlite.org/wal.html>, 2.3).
const PENDING_BYTES: u64 = 16 << 20;
/// From this size on a log that is not needed is worth a note.
const LARGE_LOG_BYTES: u64 = 64 << 20;
/// What disks write at once, and memory is handed out in.
const PAGE_BYTES: u64 = 4096;
/// A smaller file is read at once, whatever its pages.
const LARGE_BYTES: u64 = 4 << 20;
/// From these bytes on, and this part of the file, free pages are worth giving back.
const FREE_BYTES: u64 = 1 << 20;
const FREE_PART: u64 = 4;

/// A check in progress.
struct Check<'c> {
    transaction: &'c Transaction<'c>,
    depth: Depth,
    progress: &'c dyn Progress,
    facts: Facts,
    findings: Vec<Finding>,
}

type Checked = Result<(), StoreError>;

impl Transaction<'_> {
    pub(super) fn look_at_condition(
        &self,
        depth: Depth,
        progress: &(dyn Progress + Sync),
    ) -> Result<Condition, StoreError> {
        self.interruptible(progress, || {
            let mut check = Check { transaction: self, depth, progress, facts: Facts::default(), findings: Vec::new() };
            check.each(&[Check::facts, Check::integrity, Check::foreign_keys, Check::log])?;
            check.layout();
            check.each(&[Check::indexes, Check::statistics, Check::keys, Check::own_tables])?;
            check.sober();
            Ok(Condition { facts: check.facts, findings: check.findings })
        })
    }

    /// Does some work, and ends the statement that is running when `progress` says to stop: one alone may take minutes.
    fn interruptible<T>(&self, progress: &(dyn Progress + Sync), work: impl FnOnce() -> T) -> T {
        const PATIENCE: Duration = Duration::from_millis(50);
        let handle = self.session().connection.get_interrupt_handle();
        let (at_work, ended) = channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(PATIENCE) {
                    if progress.check().is_err() {
                        handle.interrupt();
                    }
                }
            });
            let result = work();
            drop(at_work);
            result
        })
    }
}

impl Check<'_> {
    /// Does what it can, one after the other.
    fn each(&mut self, parts: &[fn(&mut Self) -> Checked]) -> Checked {
        for part in parts {
            let result = part(self);
            self.bear(result)?;
        }
        Ok(())
    }

    /// Makes a finding of what is damaged.
    fn bear(&mut self, result: Checked) -> Checked {
        match result {
            Err(StoreError::Damaged { source, .. }) => {
                if !self.is_damaged() {
                    self.find(Code::Damaged, 1, "the file cannot be read", Some(Remedy::Recover))
                        .examples
                        .push(source.to_string());
                }
                Ok(())
            }
            other => other,
        }
    }

    /// Where the file is damaged, what is in it has to be saved first: nothing else is advised.
    fn sober(&mut self) {
        if self.is_damaged() {
            self.findings.retain(|finding| finding.severity == Severity::Error);
            for finding in self.findings.iter_mut().filter(|finding| finding.code != Code::Damaged) {
                finding.remedy = None;
            }
        }
    }

    fn is_damaged(&self) -> bool {
        self.findings.iter().any(|finding| finding.code == Code::Damaged)
    }

    fn find(&mut self, code: Code, count: u64, message: impl Into<String>, remedy: Option<Remedy>) -> &mut Finding {
        let (severity, message) = (code.severity(), message.into());
        let finding = Finding { code, severity, count, message, examples: Vec::new(), remedy };
        self.findings.push(finding);
        self.findings.last_mut().expect("one was just added")
    }

    fn facts(&mut self) -> Checked {
        let read = self.transaction;
        self.facts.page_size_bytes = read.count(super::sql::PAGE_SIZE)?;
        self.facts.pages = read.count(sql::PAGES)?;
        self.facts.free_pages = read.count(sql::FREE_PAGES)?;
        self.facts.auto_vacuum = match read.count(sql::AUTO_VACUUM)? {
            0 => AutoVacuum::None,
            1 => AutoVacuum::Full,
            _ => AutoVacuum::Incremental,
        };
        self.facts.journal = if read.mark.wants_wal() { Journal::Log } else { Journal::Rollback };
        Ok(())
    }

    fn integrity(&mut self) -> Checked {
        let statement = match self.depth.file {
            FileCheck::Whole => sql::INTEGRITY,
            FileCheck::Quick => sql::QUICK,
        };
        let (said, ended) = self.said(statement)?;
        let lines: Vec<&str> = said.iter().flat_map(|text| text.lines()).filter(|line| *line != "ok").collect();
        let is_of_index = |line: &str| {
            line.contains("missing from index")
                || line.starts_with("wrong # of entries in index")
                || line.starts_with("non-unique entry in index")
        };
        let (of_index, other): (Vec<&str>, Vec<&str>) = lines.into_iter().partition(|line| is_of_index(line));
        for (code, lines, message, remedy) in [
            (Code::Damaged, other, "the pages of the file do not fit together", Remedy::Recover),
            (
                Code::IndexDamaged,
                of_index,
                "indexes do not have the rows of their tables",
                Remedy::Sql("REINDEX".to_owned()),
            ),
        ] {
            if !lines.is_empty() {
                let examples = lines.iter().take(EXAMPLES).map(|line| (*line).to_owned()).collect();
                self.find(code, lines.len() as u64, message, Some(remedy)).examples = examples;
            }
        }
        ended
    }

    /// The lines of a check of SQLite, and whether it came to its end: it may come upon what it cannot read after it has
    /// found something.
    fn said(&self, statement: &str) -> Result<(Vec<String>, Checked), StoreError> {
        let read = self.transaction;
        let mut statement = read.prepare(statement)?;
        let mut found = read.driver("read", statement.query([]))?;
        let mut lines = Vec::new();
        loop {
            match read.driver("read", found.next().map(|row| row.map(|row| row.get_ref(0).map(shown)))) {
                Ok(Some(line)) => lines.push(read.driver("read", line)?),
                Ok(None) => return Ok((lines, Ok(()))),
                Err(error) => return Ok((lines, Err(error))),
            }
        }
    }

    fn foreign_keys(&mut self) -> Checked {
        let (count, examples) = self.listed(sql::FOREIGN_KEYS, EXAMPLES)?;
        if count > 0 {
            let remedy = Remedy::Sql("PRAGMA foreign_key_check".to_owned());
            let message = "rows refer to rows that are not there";
            self.find(Code::ForeignKey, count, message, Some(remedy)).examples = examples;
        }
        Ok(())
    }

    fn log(&mut self) -> Checked {
        let Facts { page_size_bytes, journal, .. } = self.facts;
        if journal == Journal::Rollback {
            let remedy = Remedy::Sql("PRAGMA journal_mode = WAL".to_owned());
            let message = "it has a rollback journal, with which readers and writers wait for each other";
            self.find(Code::RollbackJournal, 1, message, Some(remedy));
        }
        let store = self.transaction.store;
        let log = file::log(&store.path, page_size_bytes).map_err(|source| StoreError::Unavailable {
            location: store.location.clone(),
            action: "read",
            source: source.into(),
        })?;
        let Some(file::Log { size_bytes, pending_pages }) = log else { return Ok(()) };
        (self.facts.log_bytes, self.facts.pending_pages) = (Some(size_bytes), pending_pages);
        let remedy = Some(Remedy::Sql("PRAGMA wal_checkpoint(TRUNCATE)".to_owned()));
        let pending = pending_pages.saturating_mul(page_size_bytes);
        if pending > 0 {
            let message =
                format!("{pending} bytes are in the write-ahead log alone; a checkpoint copies them to the file");
            let finding = self.find(Code::LogPending, pending_pages, message, remedy);
            if pending < PENDING_BYTES {
                finding.severity = Severity::Note;
            }
        } else if size_bytes >= LARGE_LOG_BYTES {
            let message = format!("the write-ahead log takes {size_bytes} bytes, and the file has all that is in it");
            self.find(Code::LogLarge, size_bytes, message, remedy);
        }
        Ok(())
    }

    fn layout(&mut self) {
        let Facts { page_size_bytes, pages, free_pages, auto_vacuum, journal, .. } = self.facts;
        // A file with a write-ahead log keeps its page size (<https://www.sqlite.org/pragma.html#pragma_page_size>).
        let (before, after) = match journal {
            Journal::Log => ("PRAGMA journal_mode = DELETE; ", "; PRAGMA journal_mode = WAL"),
            Journal::Rollback => ("", ""),
        };
        if page_size_bytes < PAGE_BYTES && page_size_bytes > 0 {
            let remedy = Remedy::Sql(format!("{before}PRAGMA page_size = {PAGE_BYTES}; VACUUM{after}"));
            let message = format!("pages have {page_size_bytes} bytes; with {PAGE_BYTES} fewer are read and written");
            let finding = self.find(Code::PageSize, page_size_bytes, message, Some(remedy));
            if pages * page_size_bytes < LARGE_BYTES {
                finding.severity = Severity::Note;
            }
        }
        let free_bytes = free_pages.saturating_mul(page_size_bytes);
        if free_bytes >= FREE_BYTES && free_pages >= pages / FREE_PART {
            let vacuum = if auto_vacuum == AutoVacuum::Incremental { "PRAGMA incremental_vacuum" } else { "VACUUM" };
            let share = free_pages * 100 / pages.max(1);
            let message = format!("{share} % of the file are free pages, {free_bytes} bytes");
            let remedy = Some(Remedy::Sql(vacuum.to_owned()));
            self.find(Code::FreePages, free_pages, message, remedy);
        }
        if auto_vacuum == AutoVacuum::Full {
            let remedy = Remedy::Sql("PRAGMA auto_vacuum = INCREMENTAL".to_owned());
            let message = "every commit moves pages to give free ones back, and scatters the tables";
            self.find(Code::AutoVacuum, 1, message, Some(remedy));
        }
    }

    fn statistics(&mut self) -> Checked {
        let read = self.transaction;
        let exists = |statement| {
            let mut statement = read.prepare(statement)?;
            read.driver("read", statement.exists([]))
        };
        if exists(sql::HAS_OPERATION)? && !(exists(sql::HAS_STATISTICS)? && exists(sql::STATISTICS)?) {
            let message =
                "there are no statistics of the table Operation; without them SQLite guesses how to look for rows";
            let remedy = Remedy::Sql("ANALYZE".to_owned());
            self.find(Code::StatisticsMissing, 1, message, Some(remedy));
        }
        Ok(())
    }

    /// Counts the rows of a statement, and shows the first few.
    fn listed(&self, statement: &str, most: usize) -> Result<(u64, Vec<String>), StoreError> {
        let read = self.transaction;
        let mut statement = read.prepare(statement)?;
        let columns = statement.column_count();
        let mut found = read.driver("read", statement.query([]))?;
        let (mut count, mut examples) = (0, Vec::new());
        while let Some(row) = read.driver("read", found.next())? {
            count += 1;
            if examples.len() < most {
                let cell = |at| row.get_ref(at).map_or_else(|error| error.to_string(), shown);
                examples.push((0..columns).map(cell).collect::<Vec<_>>().join(" "));
            }
        }
        Ok((count, examples))
    }
}

/// A value, texts without quotes.
fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        other => rows::shown(other),
    }
}
