//! Stdout: buffered, and every failure to write is told.

use std::io::{self, BufWriter, Write};

use super::{Format, StdoutError};
use crate::cli::render::json::{Layout, Reflow};

/// The answer on its way to stdout.
pub(crate) struct Out {
    stream: BufWriter<Box<dyn Write>>,
    format: Format,
    width: Option<u16>,
}

type Written = Result<(), StdoutError>;

impl Out {
    /// Writes to `stream`; `width` is that of the terminal, if it is one.
    #[must_use]
    pub(crate) fn new(stream: Box<dyn Write>, format: Format, width: Option<u16>) -> Self {
        const BUFFER_BYTES: usize = 64 << 10;
        Out { stream: BufWriter::with_capacity(BUFFER_BYTES, stream), format, width }
    }

    /// The form that was asked for.
    #[must_use]
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Columns of the terminal; `None` when there is none.
    #[must_use]
    pub(crate) fn width(&self) -> Option<u16> {
        self.width
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// When stdout cannot be written; so it is with all methods.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Written {
        self.stream.write_all(bytes).map_err(StdoutError)
    }

    /// Writes a line.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn line(&mut self, line: &str) -> Written {
        self.bytes(line.as_bytes())?;
        self.bytes(b"\n")
    }

    /// Writes one JSON value and a line break: compact with `--ndjson`, indented otherwise.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn json(&mut self, value: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Written {
        let layout = if self.format == Format::Ndjson { Layout::Compact } else { Layout::Indented };
        value(&mut Reflow::new(&mut self.stream, layout)).map_err(StdoutError)?;
        self.bytes(b"\n")
    }

    /// Writes one JSON value on a line, whatever the format.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn json_line(&mut self, value: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Written {
        value(&mut Reflow::new(&mut self.stream, Layout::Compact)).map_err(StdoutError)?;
        self.bytes(b"\n")
    }

    /// Writes what `value` writes, as it is.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn raw(&mut self, value: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Written {
        value(&mut self.stream).map_err(StdoutError)
    }

    /// Begins a list of JSON values: lines with `--ndjson`, an array otherwise. Nothing is written before the first
    /// item or the end.
    pub(crate) fn list(&mut self) -> List<'_> {
        match self.format {
            Format::Ndjson => List::Lines(self),
            Format::Json | Format::Plain => {
                List::Array { items: 0, stream: Reflow::new(&mut self.stream, Layout::Indented) }
            }
        }
    }

    /// Hands over what is still in the buffer.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn flush(&mut self) -> Written {
        self.stream.flush().map_err(StdoutError)
    }
}

/// A list of JSON values that come one at a time.
pub(crate) enum List<'a> {
    /// A value a line.
    Lines(&'a mut Out),
    /// One array.
    Array {
        /// How many items it has so far.
        items: u64,
        /// Where it goes.
        stream: Reflow<&'a mut BufWriter<Box<dyn Write>>>,
    },
}

impl List<'_> {
    /// Writes the next item.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn item(&mut self, value: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Written {
        match self {
            List::Lines(out) => out.json_line(value),
            List::Array { items, stream } => {
                let before: &[u8] = if *items == 0 { b"[" } else { b"," };
                *items += 1;
                stream.write_all(before).and_then(|()| value(stream)).map_err(StdoutError)
            }
        }
    }

    /// Ends the list.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn finish(self) -> Written {
        match self {
            List::Lines(_) => Ok(()),
            List::Array { items, mut stream } => {
                let rest: &[u8] = if items == 0 { b"[]" } else { b"]" };
                stream.write_all(rest).and_then(|()| stream.into_inner().write_all(b"\n")).map_err(StdoutError)
            }
        }
    }

    /// Ends the list after an error: what is there becomes a whole list, and where nothing is there, nothing is written.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn abandon(self) -> Written {
        match self {
            List::Array { items: 0, .. } => Ok(()),
            list => list.finish(),
        }
    }
}
