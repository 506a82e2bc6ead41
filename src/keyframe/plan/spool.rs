//! A plan on disk while it is worked through, so that it need not be in memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read as _, Seek as _, Write as _};

use super::{End, Header, Line, PlanFileError, Steps, VERSION};

/// A whole plan, in a file that nobody else sees and that goes with it.
pub struct Spool {
    file: File,
    header: Header,
    end: End,
}

/// A plan that is being written.
pub struct Spooling {
    file: BufWriter<File>,
    header: Header,
    end: End,
}

/// Longer lines are not read into memory: it has room for millions of keyframes in a stream.
const MAX_LINE_BYTES: u64 = 1 << 30;

impl Spool {
    /// Begins a plan.
    ///
    /// # Errors
    /// `Copy`.
    pub fn begin(header: Header) -> Result<Spooling, PlanFileError> {
        let file = tempfile::tempfile().map_err(writing)?;
        let mut spooling = Spooling { file: BufWriter::with_capacity(BUFFER_BYTES, file), header, end: End::default() };
        spooling.put(&Line::Plan(spooling.header.clone()))?;
        Ok(spooling)
    }

    /// Takes over a plan from a file, and checks that it is one and whole.
    ///
    /// # Errors
    /// `Unreadable`, `Copy`, `Line`, `Version`, `CutOff`.
    pub fn take(mut source: impl io::Read) -> Result<Self, PlanFileError> {
        let mut file = tempfile::tempfile().map_err(writing)?;
        // Not io::copy, which does not say on which side it failed.
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let n = match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(PlanFileError::Unreadable { source }),
            };
            file.write_all(&buffer[..n]).map_err(writing)?;
        }
        let mut lines = Lines::of(&file)?;
        let header = match lines.next_line()? {
            Some(Line::Plan(header)) if header.version == VERSION => header,
            Some(Line::Plan(header)) => return Err(PlanFileError::Version { found: header.version }),
            Some(_) => return Err(lines.fails("it has to begin with what the plan is of")),
            None => return Err(PlanFileError::CutOff),
        };
        let mut counted = End::default();
        let mut last = None;
        loop {
            match lines.next_line()?.ok_or(PlanFileError::CutOff)? {
                Line::Stream(steps) => {
                    if let Some(fault) = steps.fault() {
                        return Err(lines.fails(&fault));
                    }
                    let stream = steps.stream();
                    if last.as_ref().is_some_and(|last| *last >= stream) {
                        return Err(lines.fails("its streams are not in order"));
                    }
                    last = Some(stream);
                    counted.count(&steps);
                }
                Line::End(end) => {
                    let (untouched_streams, untouched) = (end.untouched_streams, end.untouched);
                    if end != (End { untouched_streams, untouched, ..counted }) || lines.next_line()?.is_some() {
                        return Err(PlanFileError::CutOff);
                    }
                    drop(lines);
                    return Ok(Spool { file, header, end });
                }
                Line::Plan(_) => return Err(lines.fails("a plan begins once")),
            }
        }
    }

    /// What it is of.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What it comes to.
    #[must_use]
    pub fn end(&self) -> &End {
        &self.end
    }

    /// The streams, in order; one who reads them at a time, because the file has one position.
    ///
    /// # Errors
    /// `Copy`; later also for each item.
    pub fn steps(&self) -> Result<impl Iterator<Item = Result<Steps, PlanFileError>> + '_, PlanFileError> {
        let mut lines = Lines::of(&self.file)?;
        Ok(std::iter::from_fn(move || {
            loop {
                match lines.next_line() {
                    Ok(Some(Line::Stream(steps))) => return Some(Ok(steps)),
                    Ok(Some(Line::Plan(_))) => {}
                    Ok(Some(Line::End(_)) | None) => return None,
                    Err(error) => return Some(Err(error)),
                }
            }
        }))
    }

    /// Hands out the bytes of the plan.
    ///
    /// # Errors
    /// `Copy`, and what `take` says.
    pub fn copy<E: From<PlanFileError>>(&self, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut file = &self.file;
        file.rewind().map_err(reading)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match file.read(&mut buffer).map_err(reading)? {
                0 => return Ok(()),
                read => take(&buffer[..read])?,
            }
        }
    }
}

impl Spooling {
    /// Adds a stream; they have to come in order.
    ///
    /// # Errors
    /// `Copy`.
    pub fn push(&mut self, steps: Steps) -> Result<(), PlanFileError> {
        self.end.count(&steps);
        self.put(&Line::Stream(steps))
    }

    /// What it comes to so far.
    pub fn end_mut(&mut self) -> &mut End {
        &mut self.end
    }

    /// Ends the plan.
    ///
    /// # Errors
    /// `Copy`.
    pub fn finish(mut self) -> Result<Spool, PlanFileError> {
        self.put(&Line::End(self.end))?;
        let Spooling { file, header, end } = self;
        let file = file.into_inner().map_err(|error| writing(error.into_error()))?;
        Ok(Spool { file, header, end })
    }

    fn put(&mut self, line: &Line) -> Result<(), PlanFileError> {
        let written = serde_json::to_writer(&mut self.file, line).map_err(io::Error::from);
        let written = written.and_then(|()| self.file.write_all(b"\n"));
        written.map_err(writing)
    }
}

/// The copy could not be written.
fn writing(source: io::Error) -> PlanFileError {
    PlanFileError::Copy { action: "write", folder: tempfile::env::temp_dir(), source }
}

/// The copy could not be read.
fn reading(source: io::Error) -> PlanFileError {
    PlanFileError::Copy { action: "read", folder: tempfile::env::temp_dir(), source }
}

const BUFFER_BYTES: usize = 256 << 10;

/// The lines of a plan.
struct Lines<'a> {
    reader: BufReader<&'a File>,
    number: u64,
    text: Vec<u8>,
}

impl<'a> Lines<'a> {
    fn of(mut file: &'a File) -> Result<Self, PlanFileError> {
        file.rewind().map_err(reading)?;
        Ok(Lines { reader: BufReader::with_capacity(BUFFER_BYTES, file), number: 0, text: Vec::new() })
    }

    fn next_line(&mut self) -> Result<Option<Line>, PlanFileError> {
        self.text.clear();
        let read = (&mut self.reader).take(MAX_LINE_BYTES).read_until(b'\n', &mut self.text);
        if read.map_err(reading)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        serde_json::from_slice(&self.text).map(Some).map_err(|error| self.fails(&error.to_string()))
    }

    fn fails(&self, reason: &str) -> PlanFileError {
        PlanFileError::Line { line: self.number, reason: reason.to_owned() }
    }
}
