//! Stdin, read ahead on a thread of its own, so that waiting for more can be interrupted.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

use crate::model::progress::Stop;
use crate::transfer;

/// How often a wait looks whether it should end.
const PATIENCE: Duration = Duration::from_millis(50);

/// A line of the input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Counted from 1.
    pub(crate) number: u64,
    /// Bytes of input before it.
    pub(crate) offset: u64,
    /// The line without its line break, or why it cannot be used.
    pub(crate) text: Result<Vec<u8>, String>,
}

impl Line {
    /// Whether there is nothing on it.
    #[must_use]
    pub(crate) fn is_blank(&self) -> bool {
        self.text.as_ref().is_ok_and(|text| text.iter().all(u8::is_ascii_whitespace))
    }
}

/// The lines of an input, in order.
pub(crate) struct Lines {
    ahead: Option<io::Result<Line>>,
    reader: Receiver<io::Result<Line>>,
}

impl Lines {
    /// Longer lines are not read into memory.
    const MAX_LINE_BYTES: u64 = 1 << 20;
    /// How many lines are read ahead.
    const AHEAD: usize = 16;
    /// Begins to read stdin.
    #[must_use]
    pub(crate) fn of_stdin() -> Self {
        Lines::of(io::stdin())
    }

    fn of(input: impl Read + Send + 'static) -> Self {
        let (writer, reader) = sync_channel(Self::AHEAD);
        // Not joined: it may wait for input that never comes, and ends with the process.
        thread::spawn(move || {
            let mut lines = transfer::Lines::new(BufReader::new(input), Self::MAX_LINE_BYTES);
            loop {
                let line = lines.next_line().map(|line| line.map(Line::from)).transpose();
                let Some(line) = line else { return };
                let failed = line.is_err();
                if writer.send(line).is_err() || failed {
                    return;
                }
            }
        });
        Lines { ahead: None, reader }
    }

    /// Whether the next line is there already.
    pub(crate) fn ready(&mut self) -> bool {
        if self.ahead.is_none() {
            self.ahead = self.reader.try_recv().ok();
        }
        self.ahead.is_some()
    }

    /// Waits for the next line; `None` at the end. `check` is asked now and then whether to go on.
    ///
    /// # Errors
    /// When stdin cannot be read, or the wait was stopped.
    pub(crate) fn next(&mut self, check: &dyn Fn() -> Result<(), Stop>) -> anyhow::Result<Option<Line>> {
        loop {
            check()?;
            if let Some(line) = self.ahead.take() {
                return line.map(Some).context("cannot read stdin");
            }
            match self.reader.recv_timeout(PATIENCE) {
                Ok(line) => self.ahead = Some(line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            }
        }
    }
}

impl From<transfer::Line<'_>> for Line {
    fn from(line: transfer::Line<'_>) -> Self {
        let text = line.text.map(<[u8]>::to_vec).map_err(|error| error.to_string());
        Line { number: line.number, offset: line.offset, text }
    }
}

/// The bytes of stdin, read ahead on a thread of their own. A wait that is to end fails the read.
pub(crate) struct Bytes<'c> {
    check: &'c dyn Fn() -> Result<(), Stop>,
    reader: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    /// Bytes of the chunk that are used up.
    used: usize,
}

impl<'c> Bytes<'c> {
    /// Bytes in a chunk, at most.
    const CHUNK_BYTES: usize = 128 << 10;
    /// How many chunks are read ahead.
    const AHEAD: usize = 4;

    /// Begins to read stdin; `check` is asked now and then whether to go on.
    #[must_use]
    pub(crate) fn of_stdin(check: &'c dyn Fn() -> Result<(), Stop>) -> Self {
        Bytes::of(io::stdin(), check)
    }

    fn of(mut input: impl Read + Send + 'static, check: &'c dyn Fn() -> Result<(), Stop>) -> Self {
        let (writer, reader) = sync_channel(Self::AHEAD);
        // Not joined: it may wait for input that never comes, and ends with the process.
        thread::spawn(move || {
            let mut buffer = vec![0; Self::CHUNK_BYTES];
            loop {
                let chunk = match input.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(read) => Ok(buffer[..read].to_vec()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let failed = chunk.is_err();
                if writer.send(chunk).is_err() || failed {
                    return;
                }
            }
        });
        Bytes { check, reader, chunk: Vec::new(), used: 0 }
    }
}

impl BufRead for Bytes<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.used == self.chunk.len() {
            match self.reader.recv_timeout(PATIENCE) {
                Ok(chunk) => (self.chunk, self.used) = (chunk?, 0),
                Err(RecvTimeoutError::Timeout) => (self.check)().map_err(io::Error::other)?,
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        Ok(&self.chunk[self.used..])
    }

    fn consume(&mut self, used: usize) {
        self.used += used;
    }
}

impl Read for Bytes<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &'static [u8]) -> Vec<Line> {
        let mut lines = Lines::of(input);
        std::iter::from_fn(|| lines.next(&|| Ok(())).unwrap()).collect()
    }

    #[test]
    fn numbers_lines_and_knows_where_they_begin() {
        let found: Vec<_> =
            lines(b"a\n\n b").into_iter().map(|line| (line.number, line.offset, line.text.unwrap())).collect();
        assert_eq!(found, [(1, 0, b"a".to_vec()), (2, 2, vec![]), (3, 3, b" b".to_vec())]);
    }

    #[test]
    fn a_line_without_end_is_passed_over() {
        let mut text = vec![b'x'; 3 << 20];
        text.extend_from_slice(b"\nnext\n");
        let found = lines(text.leak());
        assert_eq!(found[0].text, Err("the line is longer than 1048576 bytes".to_owned()));
        assert_eq!((found[1].number, found[1].offset, &found[1].text), (2, (3 << 20) + 1, &Ok(b"next".to_vec())));
    }

    #[test]
    fn bytes_come_as_they_are_and_a_wait_for_them_can_be_stopped() {
        let go_on = || Ok(());
        let mut text = Vec::new();
        Bytes::of(&b"one\ntwo"[..], &go_on).read_to_end(&mut text).unwrap();
        assert_eq!(text, b"one\ntwo");
        let (reader, _writer) = io::pipe().unwrap();
        let stop = || Err(Stop::Interrupted);
        let error = Bytes::of(reader, &stop).read_to_end(&mut text).unwrap_err();
        assert_eq!(error.to_string(), "interrupted");
    }

    #[test]
    fn a_wait_can_be_stopped() {
        let (reader, _writer) = io::pipe().unwrap();
        let mut lines = Lines::of(reader);
        assert!(!lines.ready());
        let asked = std::cell::Cell::new(0);
        let check = || {
            asked.set(asked.get() + 1);
            if asked.get() > 2 { Err(Stop::TimedOut) } else { Ok(()) }
        };
        assert!(lines.next(&check).unwrap_err().is::<Stop>());
    }
}
