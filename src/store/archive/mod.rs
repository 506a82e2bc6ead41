//! A document in a file, as a store that can be read: `.phd`, `.phdm`, `.phdd` and `.zip` (reactor format §9).
//!
//! - `container` is the zip archive, read under bounds; [`crate::model::archive`] says what the texts in it mean;
//! - `rows` makes rows of the operations, and of header and initial state where the file has no document scope;
//! - the rows are held in memory, so a file that changes later makes no difference.

mod container;
mod error;
mod rows;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use super::memory::MemoryStore;
use super::{Access, Capabilities, Options, Read, Store, StoreError, Write};
use crate::model::archive::{Archive, Texts};

pub use container::{ANY_RATIO_BYTES, MAGIC, MAX_ENTRIES, MAX_FILE_BYTES, MAX_RATIO};
pub use error::ArchiveError;
use rows::Rows;

/// A document in a file.
pub struct ArchiveStore {
    /// As given.
    location: String,
    archive: Archive,
    rows: MemoryStore,
    /// How many of the rows are made of header and initial state.
    made_up: u64,
    /// How many operations are not among the rows, because a later one has their index.
    replaced: u64,
}

/// What an archive as a store can do: be read.
pub const CAPABILITIES: Capabilities =
    Capabilities { append: false, keyframes: false, follow: false, transactional: false, durable: false };

/// The endings of names that are taken for archives, without the dot.
const ENDINGS: [&str; 4] = ["phd", "phdm", "phdd", "zip"];

/// Whether a file is an archive by its name.
#[must_use]
pub fn has_archive_name(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

/// Reads the bytes of an archive.
///
/// # Errors
/// What is wrong with them.
pub fn parse(bytes: &[u8]) -> Result<Archive, ArchiveError> {
    let entries = container::read(bytes)?;
    let texts = Texts { header: &entries.header, state: &entries.state, operations: &entries.operations };
    Ok(Archive::read(texts)?)
}

/// Opens an archive to read it. The whole of it is read at once.
///
/// # Errors
/// `Missing`, `NotAStore`, `BadArchive`, `Unavailable`, and `ReadOnly` if it is to be changed.
pub fn open(path: &Path, options: &Options) -> Result<ArchiveStore, StoreError> {
    open_as(path.display().to_string(), path, options)
}

/// [`open`], with the name that messages use.
pub(in crate::store) fn open_as(location: String, path: &Path, options: &Options) -> Result<ArchiveStore, StoreError> {
    let unavailable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StoreError::Missing { location: location.clone() },
        _ => StoreError::Unavailable { location: location.clone(), action: "read", source: source.into() },
    };
    let not_a_store = |reason: &str| StoreError::NotAStore { location: location.clone(), reason: reason.into() };
    let metadata = path.metadata().map_err(unavailable)?;
    if metadata.is_dir() {
        return Err(not_a_store("it is a directory"));
    }
    if !metadata.is_file() {
        return Err(not_a_store("it is not a regular file"));
    }
    if options.access == Access::Change {
        return Err(StoreError::ReadOnly { location });
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)).map_err(unavailable)?;
    ArchiveStore::from_bytes(location, &bytes)
}

impl ArchiveStore {
    /// The store that the bytes of an archive are; messages call it `location`.
    ///
    /// # Errors
    /// `NotAStore` if they are no archive of a document, `BadArchive` if it cannot be read.
    pub fn from_bytes(location: String, bytes: &[u8]) -> Result<Self, StoreError> {
        let failed = |error: ArchiveError| match error {
            ArchiveError::NotZip | ArchiveError::Foreign => {
                StoreError::NotAStore { location: location.clone(), reason: error.to_string() }
            }
            error => StoreError::BadArchive { location: location.clone(), source: Box::new(error) },
        };
        let size_bytes = bytes.len() as u64;
        if size_bytes > MAX_FILE_BYTES {
            let reason = format!("it is larger than {MAX_FILE_BYTES} bytes, the most that is read");
            return Err(failed(ArchiveError::Container(reason)));
        }
        let archive = parse(bytes).map_err(failed)?;
        let name = format!("phd:{}", STANDARD.encode(Sha1::digest(bytes)));
        let Rows { store: rows, made_up, replaced } = Rows::of(&archive, name, size_bytes).map_err(failed)?;
        Ok(ArchiveStore { location, archive, rows, made_up, replaced })
    }

    /// The document as the archive holds it.
    #[must_use]
    pub fn contents(&self) -> &Archive {
        &self.archive
    }

    /// How many of the rows are not in the archive, but made of its header and initial state.
    #[must_use]
    pub fn made_up(&self) -> u64 {
        self.made_up
    }

    /// How many operations of the archive are not among the rows, because a later one has their index.
    #[must_use]
    pub fn replaced(&self) -> u64 {
        self.replaced
    }
}

impl Store for ArchiveStore {
    fn location(&self) -> &str {
        &self.location
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    fn archive(&self) -> Option<&ArchiveStore> {
        Some(self)
    }

    fn read(&self) -> Result<Box<dyn Read + '_>, StoreError> {
        self.rows.read()
    }

    fn write(&self) -> Result<Box<dyn Write + '_>, StoreError> {
        Err(StoreError::ReadOnly { location: self.location.clone() })
    }
}
