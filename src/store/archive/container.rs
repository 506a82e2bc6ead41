//! The zip archive around the texts. It is hostile until read: nothing that it declares is believed, and everything is
//! bounded.

use std::io::{Cursor, Read as _};

use zip::read::{ArchiveOffset, Config, ZipFileEntry};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive, ZipReadOptions};

use super::ArchiveError;
use crate::model::archive::Entry;

/// What a zip archive begins with, unless it is empty.
pub const MAGIC: &[u8] = b"PK\x03\x04";

/// A larger file is not read.
pub const MAX_FILE_BYTES: u64 = 128 << 20;

/// An archive with more entries is refused; those of a document have four.
pub const MAX_ENTRIES: usize = 64;

/// What an entry may expand to, as a multiple of the bytes it is kept in. Logs of equal operations stay well below;
/// deflate itself ends at about 1,030.
pub const MAX_RATIO: u64 = 300;

/// Entries up to this size may expand from anything.
pub const ANY_RATIO_BYTES: u64 = 1 << 20;

/// The texts of an archive's entries.
pub(super) struct Entries {
    pub(super) header: Vec<u8>,
    pub(super) state: Vec<u8>,
    pub(super) operations: Vec<u8>,
}

/// Reads the entries of an archive that loaders read, `bytes` being the whole file.
///
/// Entries that nobody reads are looked at only as far as their names, kinds and number go.
///
/// # Errors
/// `NotZip`, `Foreign`, `Missing` (in the order in which the reference looks), `Container`, `Unreadable`.
pub(super) fn read(bytes: &[u8]) -> Result<Entries, ArchiveError> {
    if !bytes.starts_with(MAGIC) {
        return Err(ArchiveError::NotZip);
    }
    let n_entries = count(bytes)?;
    if n_entries > MAX_ENTRIES {
        let reason = format!("it has {n_entries} entries, and more than {MAX_ENTRIES} are not read");
        return Err(ArchiveError::Container(reason));
    }
    // What stands before the first entry is not passed over: no program puts anything there.
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    let container = |error: ZipError| ArchiveError::Container(told(&error));
    let mut archive = ZipArchive::with_config(config, Cursor::new(bytes)).map_err(container)?;
    if archive.has_duplicate_names() {
        return Err(ArchiveError::Container("two of its entries have one name".to_owned()));
    }
    if archive.len() != n_entries {
        return Err(ArchiveError::Container("it has two directories, which differ".to_owned()));
    }
    let mut found = [None; 4];
    for nth in 0..n_entries {
        let entry = archive.by_index_data(nth).map_err(container)?;
        let name = checked_name(&entry)?;
        if let Some(at) = Entry::ALL.iter().position(|known| name == known.name()) {
            found[at] = Some(nth);
        }
    }
    archive.validate_header_consistency().map_err(container)?;
    if found.iter().all(Option::is_none) {
        return Err(ArchiveError::Foreign);
    }
    let [header, state, _, operations] = found;
    let state = state.ok_or(ArchiveError::Missing(Entry::State))?;
    let header = header.ok_or(ArchiveError::Missing(Entry::Header))?;
    let operations = operations.ok_or(ArchiveError::Missing(Entry::Operations))?;
    let mut text = |nth, entry| inflate(&mut archive, nth, entry);
    Ok(Entries {
        header: text(header, Entry::Header)?,
        state: text(state, Entry::State)?,
        operations: text(operations, Entry::Operations)?,
    })
}

/// How many entries the directory at the end of an archive has, before any memory is given to them.
fn count(bytes: &[u8]) -> Result<usize, ArchiveError> {
    // The record at the end (APPNOTE 4.3.16): mark, disks, entries, directory, and a comment, of which it has the length.
    const RECORD_BYTES: usize = 22;
    const MARK: &[u8] = b"PK\x05\x06";
    const MARK_64: &[u8] = b"PK\x06\x07";
    const LOCATOR_BYTES: usize = 20;
    let two = |at: usize| bytes.get(at..at + 2).map(|two| usize::from(u16::from_le_bytes([two[0], two[1]])));
    let ends = |at: &usize| {
        let comment = two(at + RECORD_BYTES - 2);
        bytes[*at..].starts_with(MARK) && comment.is_some_and(|comment| at + RECORD_BYTES + comment == bytes.len())
    };
    let last = bytes.len().saturating_sub(RECORD_BYTES);
    let record = (last.saturating_sub(usize::from(u16::MAX))..=last).rev().find(ends);
    let record = record.ok_or_else(|| ArchiveError::Container("it is cut off, or something follows it".to_owned()))?;
    if record.checked_sub(LOCATOR_BYTES).is_some_and(|at| bytes[at..].starts_with(MARK_64)) {
        return Err(ArchiveError::Container("it is a zip64 archive, which no document needs".to_owned()));
    }
    Ok(two(record + 10).unwrap_or_default())
}

/// The name of an entry, if it is one of a file or folder inside of the archive that can be read.
fn checked_name(entry: &ZipFileEntry<'_>) -> Result<String, ArchiveError> {
    let shown = String::from_utf8_lossy(entry.name_raw()).into_owned();
    let name = entry.name().map_err(|error| unreadable(&shown, &told(&error)))?.into_owned();
    let outside = name.starts_with(['/', '\\'])
        || name.contains(['\0', '\\'])
        || name.split('/').any(|part| part == "..")
        || name.as_bytes().get(1) == Some(&b':');
    let reason = if outside {
        "its name leads out of the archive"
    } else if entry.is_symlink() {
        "it is a symbolic link"
    } else if entry.encrypted() {
        "it is encrypted"
    } else {
        return Ok(name);
    };
    Err(unreadable(&name, reason))
}

/// Reads an entry to its end, as far as it may go.
fn inflate(archive: &mut ZipArchive<Cursor<&[u8]>>, nth: usize, entry: Entry) -> Result<Vec<u8>, ArchiveError> {
    const CHUNK_BYTES: u64 = 256 << 10;
    let wrong = |reason: String| unreadable(entry.name(), &reason);
    let failed = |error: ZipError| wrong(told(&error));
    let file = archive.by_index_data(nth).map_err(failed)?;
    let method = file.compression();
    if !matches!(method, CompressionMethod::Stored | CompressionMethod::Deflated) {
        return Err(wrong(format!("it is compressed by a method that is not read: {method}")));
    }
    let (declared, kept, most) = (file.size(), file.compressed_size(), entry.max_bytes());
    let mut reader = archive.by_index_with_options(nth, ZipReadOptions::new()).map_err(failed)?;
    let mut text = Vec::new();
    loop {
        let read = (&mut reader).take(CHUNK_BYTES).read_to_end(&mut text);
        let read = read.map_err(|error| wrong(format!("it does not decompress: {error}")))?;
        let so_far = text.len() as u64;
        if so_far > most {
            return Err(wrong(format!("it is larger than {most} bytes, the most that is read")));
        }
        if so_far > ANY_RATIO_BYTES && so_far / kept.max(1) > MAX_RATIO {
            return Err(wrong(format!("it expands to more than {MAX_RATIO} times its {kept} bytes")));
        }
        if read == 0 {
            break;
        }
    }
    if text.len() as u64 != declared {
        return Err(wrong(format!("it is declared to have {declared} bytes, and has {}", text.len())));
    }
    Ok(text)
}

fn unreadable(name: &str, reason: &str) -> ArchiveError {
    const MOST: usize = 60;
    let shown: String = name.chars().take(MOST).flat_map(char::escape_debug).collect();
    ArchiveError::Unreadable { entry: shown, reason: reason.to_owned() }
}

/// What the reader of the container says, without what everybody knows here.
fn told(error: &ZipError) -> String {
    match error {
        ZipError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => "it is cut off".to_owned(),
        ZipError::Io(error) => error.to_string(),
        ZipError::InvalidArchive(reason) => format!("it is damaged: {reason}"),
        ZipError::UnsupportedArchive(reason) => format!("it is of a kind that is not read: {reason}"),
        other => other.to_string(),
    }
}
