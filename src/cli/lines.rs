//! Lines of stdin, read ahead on a thread of their own, so that waiting for the next one can be interrupted.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

use crate::model::progress::Stop;

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
    /// How often a wait looks whether it should end.
    const PATIENCE: Duration = Duration::from_millis(50);

    /// Begins to read stdin.
    #[must_use]
    pub(crate) fn of_stdin() -> Self {
        Lines::of(io::stdin())
    }

    fn of(input: impl Read + Send + 'static) -> Self {
        let (writer, reader) = sync_channel(Self::AHEAD);
        // Not joined: it may wait for input that never comes, and ends with the process.
        thread::spawn(move || {
            let mut input = BufReader::new(input);
            let (mut number, mut offset) = (0, 0);
            loop {
                number += 1;
                let line = read_line(&mut input, number, &mut offset).transpose();
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
            match self.reader.recv_timeout(Self::PATIENCE) {
                Ok(line) => self.ahead = Some(line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            }
        }
    }
}

fn read_line(input: &mut impl BufRead, number: u64, offset: &mut u64) -> io::Result<Option<Line>> {
    let mut text = Vec::new();
    let start = *offset;
    let read = input.by_ref().take(Lines::MAX_LINE_BYTES).read_until(b'\n', &mut text)?;
    if read == 0 {
        return Ok(None);
    }
    *offset += read as u64;
    if text.ends_with(b"\n") {
        text.pop();
    } else if read as u64 == Lines::MAX_LINE_BYTES {
        *offset += skip_line(input)?;
        let reason = format!("the line is longer than {} bytes", Lines::MAX_LINE_BYTES);
        return Ok(Some(Line { number, offset: start, text: Err(reason) }));
    }
    Ok(Some(Line { number, offset: start, text: Ok(text) }))
}

/// Passes over the rest of a line; returns how many bytes that were.
fn skip_line(input: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = input.fill_buf()?;
        let end = memchr::memchr(b'\n', buffer).map(|at| at + 1);
        let used = end.unwrap_or(buffer.len());
        input.consume(used);
        skipped += used as u64;
        if end.is_some() || used == 0 {
            return Ok(skipped);
        }
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
        let found: Vec<_> = lines(b"a\n\n b").into_iter().map(|line| (line.number, line.offset, line.text.unwrap())).collect();
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
