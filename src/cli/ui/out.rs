//! Stdout: buffered, and every failure to write is told.

use std::io::{self, BufWriter, Write};

use super::{Format, StdoutError};
use crate::cli::jq::{Jq, Results};
use crate::cli::progress::Limits;
use crate::cli::render::json::{Layout, Reflow};

/// The answer on its way to stdout.
pub(crate) struct Out {
    stream: BufWriter<Box<dyn Write>>,
    format: Format,
    width: Option<u16>,
    /// The filter that every JSON value goes through.
    jq: Option<Jq>,
    /// Whether nobody said which form the filter gets.
    form_is_free: bool,
}

type Written = Result<(), StdoutError>;

impl Out {
    /// Writes to `stream`; `width` is that of the terminal, if it is one.
    #[must_use]
    pub(crate) fn new(stream: Box<dyn Write>, format: Format, width: Option<u16>) -> Self {
        const BUFFER_BYTES: usize = 64 << 10;
        Out { stream: BufWriter::with_capacity(BUFFER_BYTES, stream), format, width, jq: None, form_is_free: false }
    }

    /// Sends every JSON value through the filter of `--jq` from now on, if there is one.
    ///
    /// # Errors
    /// When the expression cannot be compiled.
    pub(crate) fn filter(&mut self, expression: Option<&str>, results: Results, limits: &Limits) -> anyhow::Result<()> {
        self.jq = expression.map(|expression| Jq::start(expression, results, limits.clone())).transpose()?;
        self.form_is_free = self.jq.is_some() && results == Results::Raw;
        Ok(())
    }

    /// Whether an answer that is lines unless `--json` is given is to be an array.
    #[must_use]
    pub(crate) fn wants_array(&self) -> bool {
        self.format == Format::Json && !self.form_is_free
    }

    /// Writes a line that is a JSON value, as it is where no filter gets it.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn stored_line(&mut self, line: &[u8]) -> Written {
        match &mut self.jq {
            Some(jq) => jq.line(line.to_vec(), &mut self.stream),
            None => self.bytes(line).and_then(|()| self.bytes(b"\n")),
        }
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
        self.stream.write_all(bytes).map_err(StdoutError::Io)
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
        if let Some(jq) = &mut self.jq {
            return jq.value(text(value)?, &mut self.stream);
        }
        let layout = if self.format == Format::Ndjson { Layout::Compact } else { Layout::Indented };
        value(&mut Reflow::new(&mut self.stream, layout)).map_err(StdoutError::Io)?;
        self.bytes(b"\n")
    }

    /// Writes one JSON value on a line, whatever the format.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn json_line(&mut self, value: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Written {
        if let Some(jq) = &mut self.jq {
            return jq.line(text(value)?, &mut self.stream);
        }
        value(&mut Reflow::new(&mut self.stream, Layout::Compact)).map_err(StdoutError::Io)?;
        self.bytes(b"\n")
    }

    /// Writes what `value` writes, as it is.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn raw(&mut self, value: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Written {
        value(&mut self.stream).map_err(StdoutError::Io)
    }

    /// Begins a list of JSON values: lines with `--ndjson`, an array otherwise. Nothing is written before the first
    /// item or the end.
    pub(crate) fn list(&mut self) -> List<'_> {
        match self.format {
            Format::Ndjson => List::Lines(self),
            Format::Json | Format::Plain if self.jq.is_some() => List::Collected { text: vec![b'['], out: self },
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
        let filtered = self.jq.as_mut().map_or(Ok(()), |jq| jq.drain(&mut self.stream));
        // What came before a failure is part of the answer.
        self.stream.flush().map_err(StdoutError::Io).and(filtered)
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
    /// One array that the filter of `--jq` gets when it is whole.
    Collected {
        /// What is there of it.
        text: Vec<u8>,
        /// Where it goes.
        out: &'a mut Out,
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
                stream.write_all(before).and_then(|()| value(stream)).map_err(StdoutError::Io)
            }
            List::Collected { text, .. } => {
                if text.len() > 1 {
                    text.push(b',');
                }
                value(text).map_err(StdoutError::Io)
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
                stream.write_all(rest).and_then(|()| stream.into_inner().write_all(b"\n")).map_err(StdoutError::Io)
            }
            List::Collected { mut text, out } => {
                text.push(b']');
                out.json(|out| out.write_all(&text))
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
            List::Collected { text, .. } if text.len() == 1 => Ok(()),
            list => list.finish(),
        }
    }
}

/// A value as text.
fn text(value: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<Vec<u8>, StdoutError> {
    let mut text = Vec::new();
    value(&mut text).map_err(StdoutError::Io)?;
    Ok(text)
}
