//! A document into an archive (reactor format §9), such that both of the reference's loaders and an import take it.

use std::io::{self, Cursor, Write};
use std::ops::ControlFlow;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use crate::model::archive::{Entry, MAX_OPERATIONS};
use crate::model::ids::{Branch, DocumentId, Scope, Span, StreamKey};
use crate::model::json::{Json, Object, canonical, write_pretty};
use crate::model::operation::{Action, OperationRow};
use crate::model::progress::{Progress, Stop};
use crate::model::state::State;
use crate::store::{Order, Read, StoreError};

/// What an archive has beside operations.
#[derive(Clone, Debug)]
pub struct Document {
    /// The document.
    pub id: DocumentId,
    /// The branch, all streams of which go into the archive.
    pub branch: Branch,
    /// Its header.
    pub header: Object<'static>,
    /// Its state before its operations.
    pub initial: State,
    /// Its state after them.
    pub current: State,
}

/// Why there is no archive.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveWriteError {
    /// The document is more than an archive holds.
    #[error("document {document} is too large for an archive: {reason}")]
    TooLarge {
        /// The document.
        document: DocumentId,
        /// What is too large.
        reason: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The writer of the container failed; it writes to memory.
    #[error("cannot write the archive")]
    Container(#[from] io::Error),
    /// It was stopped.
    #[error(transparent)]
    Stopped(#[from] Stop),
}

/// An archive in memory.
#[derive(Clone, Debug)]
pub struct Archived {
    /// The file.
    pub bytes: Vec<u8>,
    /// Operations in it.
    pub operations: u64,
}

/// Writes the archive of a document. The same document gives the same bytes, whenever and wherever.
///
/// An action stands in it as it is stored, but for white space between its tokens.
///
/// # Errors
/// `TooLarge`; `Store` (`Corrupt` for an action that is no JSON); `Stopped`.
pub fn write_archive(
    read: &dyn Read,
    document: &Document,
    progress: &dyn Progress,
) -> Result<Archived, ArchiveWriteError> {
    let mut writer = Writer { zip: ZipWriter::new(Cursor::new(Vec::new())), document };
    writer.entry(Entry::Header, &mut |out| pretty(&document.header.clone().into(), out))?;
    writer.entry(Entry::State, &mut |out| pretty(&whole(&document.initial), out))?;
    writer.entry(Entry::CurrentState, &mut |out| pretty(&whole(&document.current), out))?;
    let mut n_operations = 0;
    writer.entry(Entry::Operations, &mut |out| {
        n_operations = operations(read, document, progress, out)?;
        Ok(())
    })?;
    let bytes = writer.zip.finish().map_err(io::Error::from)?.into_inner();
    Ok(Archived { bytes, operations: n_operations })
}

/// A state as one JSON object.
fn whole(state: &State) -> Json<'static> {
    let scopes = state.scopes().into_iter();
    let members = scopes.filter_map(|scope| Some((scope.as_str().to_owned().into(), state.scope(scope.as_str())?)));
    Json::Object(members.collect())
}

fn pretty(value: &Json<'_>, out: &mut dyn Write) -> Result<(), ArchiveWriteError> {
    Ok(write_pretty(&canonical(value), 0, out)?)
}

/// Writes the operations of all scopes, those of scope `document` first, and returns how many there are.
fn operations(
    read: &dyn Read,
    document: &Document,
    progress: &dyn Progress,
    out: &mut dyn Write,
) -> Result<u64, ArchiveWriteError> {
    let streams = read.streams(&document.id)?;
    let mut scopes: Vec<Scope> =
        streams.into_iter().filter(|stream| stream.branch == document.branch).map(|stream| stream.scope).collect();
    scopes.sort_by_key(|scope| *scope != Scope::document());
    let mut n_operations = 0;
    let mut before: &[u8] = b"{";
    for scope in scopes {
        out.write_all(before)?;
        before = b",";
        out.write_all(b"\n  ")?;
        serde_json::to_writer(&mut *out, scope.as_str()).map_err(io::Error::from)?;
        out.write_all(b": ")?;
        let stream = StreamKey { document: document.id.clone(), scope, branch: document.branch.clone() };
        let mut list = List { stream: &stream, out, before: b"[", text: Vec::new() };
        let mut written = Ok(());
        read.operations(&stream, Span::ALL, Order::Forward, &mut |row| {
            n_operations += 1;
            written = progress.check().map_err(ArchiveWriteError::from).and_then(|()| list.operation(row));
            progress.advance(1);
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        written?;
        list.close()?;
        if n_operations > MAX_OPERATIONS as u64 {
            return Err(document.too_large(format!("it has more than {MAX_OPERATIONS} operations")));
        }
    }
    out.write_all(if before == b"{" { b"{}" } else { b"\n}" })?;
    Ok(n_operations)
}

/// The operations of a scope on their way into the text.
struct List<'a> {
    stream: &'a StreamKey,
    out: &'a mut dyn Write,
    before: &'static [u8],
    text: Vec<u8>,
}

impl List<'_> {
    fn operation(&mut self, row: &OperationRow<'_>) -> Result<(), ArchiveWriteError> {
        /// How deeply an operation stands in the text.
        const LEVEL: usize = 2;
        Action::parse_head(row.action).map_err(|error| StoreError::corrupt_action(self.stream, row.index, error))?;
        self.text.clear();
        let text = &mut self.text;
        write!(text, "{{\"id\":{},", quoted(row.id)?)?;
        let skip = row.skip.map_or(0, std::num::NonZeroU32::get);
        write!(text, "\"index\":{},\"skip\":{skip},\"hash\":{},", row.index, quoted(row.hash)?)?;
        write!(text, "\"timestampUtcMs\":\"{}\",", row.timestamp)?;
        for (name, value) in [("error", row.error), ("deniedReason", row.denied)] {
            if let Some(value) = value {
                write!(text, "\"{name}\":{},", quoted(value)?)?;
            }
        }
        text.extend_from_slice(b"\"action\":");
        text.extend_from_slice(row.action);
        text.push(b'}');
        self.out.write_all(self.before)?;
        self.before = b",";
        self.out.write_all(b"\n    ")?;
        Ok(write_pretty(text, LEVEL, self.out)?)
    }

    fn close(self) -> io::Result<()> {
        self.out.write_all(if self.before == b"[" { b"[]" } else { b"\n  ]" })
    }
}

fn quoted(text: &str) -> io::Result<String> {
    serde_json::to_string(text).map_err(io::Error::from)
}

impl Document {
    fn too_large(&self, reason: String) -> ArchiveWriteError {
        ArchiveWriteError::TooLarge { document: self.id.clone(), reason }
    }
}

/// An archive on its way.
struct Writer<'a> {
    zip: ZipWriter<Cursor<Vec<u8>>>,
    document: &'a Document,
}

impl Writer<'_> {
    fn entry(
        &mut self,
        entry: Entry,
        write: &mut dyn FnMut(&mut dyn Write) -> Result<(), ArchiveWriteError>,
    ) -> Result<(), ArchiveWriteError> {
        // Nothing of the machine or the clock.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(6))
            .last_modified_time(DateTime::default())
            .system(System::Unix)
            .unix_permissions(0o644);
        self.zip.start_file(entry.name(), options).map_err(io::Error::from)?;
        let mut out = Bounded { out: &mut self.zip, left: entry.max_bytes() };
        let written = write(&mut out);
        if out.left == 0 {
            let reason = format!("its {} would have more than {} bytes", entry.name(), entry.max_bytes() - 1);
            return Err(self.document.too_large(reason));
        }
        written
    }
}

/// Takes so many bytes that one is left.
struct Bounded<'a> {
    out: &'a mut ZipWriter<Cursor<Vec<u8>>>,
    left: u64,
}

impl Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self.left.saturating_sub(bytes.len() as u64);
        if self.left == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.out.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
