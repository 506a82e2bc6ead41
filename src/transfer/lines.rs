//! Lines of a stream of bytes, with their places.

use std::io::{self, BufRead, Read as _};

/// A line of an input.
#[derive(Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Counted from 1.
    pub number: u64,
    /// Bytes of input before it.
    pub offset: u64,
    /// Bytes of input up to the next one.
    pub size_bytes: u64,
    /// The line without its line break, or why it cannot be used.
    pub text: Result<&'a [u8], TooLong>,
}

/// A line that was passed over because it is longer than this many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the line is longer than {0} bytes")]
pub struct TooLong(pub u64);

impl Line<'_> {
    /// Whether there is nothing on it.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.text.is_ok_and(|text| text.iter().all(u8::is_ascii_whitespace))
    }
}

/// The lines of an input, in order. Holds one at a time.
pub struct Lines<R> {
    input: R,
    max_bytes: u64,
    number: u64,
    offset: u64,
    text: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// A buffer that a long line has made larger than this is given back.
    const KEPT_BYTES: usize = 1 << 20;

    /// Begins to read; lines longer than `max_bytes` are passed over.
    #[must_use]
    pub fn new(input: R, max_bytes: u64) -> Self {
        Lines { input, max_bytes, number: 0, offset: 0, text: Vec::new() }
    }

    /// The next line, or `None` at the end. A last line needs no line break.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        self.text.clear();
        self.text.shrink_to(Self::KEPT_BYTES);
        let mut start = self.offset;
        // One more than a line may have: its line break.
        let most = self.max_bytes.saturating_add(1);
        let read = self.input.by_ref().take(most).read_until(b'\n', &mut self.text)? as u64;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.offset += read;
        if self.number == 1 && self.text.starts_with(BYTE_ORDER_MARK) {
            // Some editors and shells begin every UTF-8 file with one.
            self.text.drain(..BYTE_ORDER_MARK.len());
            start += BYTE_ORDER_MARK.len() as u64;
        }
        let text = if self.text.ends_with(b"\n") {
            self.text.pop();
            Ok(&self.text[..])
        } else if read == most {
            self.offset += skip_line(&mut self.input)?;
            Err(TooLong(self.max_bytes))
        } else {
            Ok(&self.text[..])
        };
        Ok(Some(Line { number: self.number, offset: start, size_bytes: self.offset - start, text }))
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Passes over the rest of a line; returns how many bytes that were.
fn skip_line(input: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
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

    type Read = (u64, u64, u64, Result<Vec<u8>, TooLong>);

    fn lines(input: &[u8], max_bytes: u64) -> Vec<Read> {
        let mut lines = Lines::new(io::BufReader::with_capacity(7, input), max_bytes);
        std::iter::from_fn(|| {
            let line = lines.next_line().unwrap()?;
            Some((line.number, line.offset, line.size_bytes, line.text.map(<[u8]>::to_vec)))
        })
        .collect()
    }

    #[test]
    fn numbers_lines_and_knows_where_they_begin() {
        let expected = [(1, 0, 2, Ok(b"a".to_vec())), (2, 2, 1, Ok(vec![])), (3, 3, 2, Ok(b" b".to_vec()))];
        assert_eq!(lines(b"a\n\n b", 100), expected);
        assert_eq!(lines(b"", 100), []);
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        let expected = [(1, 0, 6, Ok(b"12345".to_vec())), (2, 6, 41, Err(TooLong(5))), (3, 47, 2, Ok(b"x".to_vec()))];
        let text = format!("12345\n{}\nx\n", "y".repeat(40));
        assert_eq!(lines(text.as_bytes(), 5), expected);
        assert_eq!(lines(b"12345", 5), [(1, 0, 5, Ok(b"12345".to_vec()))]);
        assert_eq!(lines(b"123456", 5), [(1, 0, 6, Err(TooLong(5)))]);
    }
}
