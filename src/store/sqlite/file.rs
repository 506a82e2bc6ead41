//! The files of a store as the file system shows them, without SQLite.
//!
//! A file that SQLite may have locked is never closed by us: closing any descriptor of a file drops every POSIX
//! lock that the process holds on it, also those of connections that are not ours
//! (<https://www.sqlite.org/howtocorrupt.html>, 2.2). Descriptors are therefore shared by all stores of the
//! process and kept until the file is deleted.

use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

use crate::model::stamp::Stamp;

/// What the files of a store look like from outside. Equal marks: nobody has changed anything in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    main: Seen,
    header: Header,
    wal: Option<Seen>,
    /// Header of the shared index of the write-ahead log; it changes with every commit.
    shm: Option<[u8; 48]>,
    journal: Option<Seen>,
}

/// What of the database header matters here (<https://www.sqlite.org/fileformat2.html#the_database_header>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
struct Header {
    magic: bool,
    wal: bool,
    change_counter: u32,
    /// Bytes a page.
    page_size: u64,
    /// How many pages the file has by its own account; 0 if it does not say.
    pages: u64,
}

/// A file's identity and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    device: u64,
    inode: u64,
    size: u64,
    modified_ns: i128,
    /// Not of logs and journals, whose owner SQLite sets when it opens them as root.
    changed_ns: Option<i128>,
}

impl Header {
    fn read(header: &[u8; 100]) -> Self {
        let number = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let change_counter = number(24);
        let page_size = match u16::from_be_bytes([header[16], header[17]]) {
            1 => 65_536,
            size => u64::from(size),
        };
        // The size in the header holds only if the program that changed the file last kept it.
        let pages = if number(92) == change_counter { u64::from(number(28)) } else { 0 };
        let magic = header.starts_with(b"SQLite format 3\0");
        Header { magic, wal: header[19] == 2, change_counter, page_size, pages }
    }
}

impl Mark {
    /// Looks at the store whose main file is `path`.
    pub(super) fn look(path: &Path) -> io::Result<Mark> {
        let mut header = [0; 100];
        let main = read_start(path, &mut header)?;
        let wal = seen(&beside(path, "-wal"))?;
        let mut index = [0; 48];
        let shm = if wal.is_none() { None } else { present(read_start(&beside(path, "-shm"), &mut index))? };
        Ok(Mark {
            main,
            header: Header::read(&header),
            wal,
            shm: shm.map(|_| index),
            journal: seen(&beside(path, "-journal"))?,
        })
    }

    /// Whether both marks are of one main file, whatever is in it.
    pub(super) fn is_same_file(&self, other: &Mark) -> bool {
        (self.main.device, self.main.inode) == (other.main.device, other.main.inode)
    }

    /// What the file lacks at its end, as a sentence part; `None` if it is as long as its header says, or a log beside
    /// it has the rest.
    pub(super) fn truncated(&self) -> Option<String> {
        let Header { page_size, pages, .. } = self.header;
        let missing = self.header.magic && self.wal.is_none() && self.main.size < page_size * pages;
        missing.then(|| {
            let size = self.main.size;
            format!(
                "it is {size} bytes long, where its header says {pages} pages of {page_size} bytes: the end is missing"
            )
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.main.size == 0
    }

    /// Whether the file starts as SQLite files do.
    pub(super) fn has_magic(&self) -> bool {
        self.header.magic
    }

    /// Whether the file asks for a write-ahead log, present or not.
    pub(super) fn wants_wal(&self) -> bool {
        self.header.wal
    }

    pub(super) fn has_wal(&self) -> bool {
        self.wal.is_some()
    }

    pub(super) fn has_shm(&self) -> bool {
        self.shm.is_some()
    }

    pub(super) fn has_journal(&self) -> bool {
        self.journal.is_some()
    }

    /// Bytes in all files that hold content.
    pub(super) fn size_bytes(&self) -> u64 {
        let size = |file: &Option<Seen>| file.map_or(0, |seen| seen.size);
        self.main.size + size(&self.wal) + size(&self.journal)
    }

    /// The mark as a stamp: identity, sizes, times, change counter, and the head of the log's index. A log without
    /// content says nothing, so that connecting to a store does not look like a change.
    pub(super) fn stamp(&self) -> Stamp {
        use std::fmt::Write as _;
        let mut text = format!("{}{:x}", self.main.to_text(), self.header.change_counter);
        if let Some(log) = self.wal.filter(|log| log.size > 0) {
            let _ = write!(text, "+wal:{}", log.to_text());
            for byte in self.shm.iter().flatten() {
                let _ = write!(text, "{byte:02x}");
            }
        }
        if let Some(journal) = self.journal {
            let _ = write!(text, "+journal:{}", journal.to_text());
        }
        Stamp(text)
    }
}

impl Seen {
    fn to_text(self) -> String {
        let Seen { device, inode, size, modified_ns, changed_ns } = self;
        format!("{device:x}:{inode:x}:{size:x}:{modified_ns:x}:{:x}:", changed_ns.unwrap_or(0))
    }
}

/// What a write-ahead log holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Log {
    /// The length of its file.
    pub(super) size_bytes: u64,
    /// Pages in it that the main file does not have yet; at most so many where no shared index says it.
    pub(super) pending_pages: u64,
}

/// Looks at the write-ahead log of the store at `path`; `None` if there is none. The shared index has the number of the last
/// frame at byte 16, and how many were copied to the main file at byte 96, both in the order of the machine
/// (<https://www.sqlite.org/walformat.html>, 2.2 and 2.3).
pub(super) fn log(path: &Path, page_size: u64) -> io::Result<Option<Log>> {
    const HEADER_BYTES: u64 = 32;
    const FRAME_HEADER_BYTES: u64 = 24;
    let Some(log) = seen(&beside(path, "-wal"))? else { return Ok(None) };
    let mut index = [0; 100];
    let pending_pages = match present(read_start(&beside(path, "-shm"), &mut index))? {
        Some(_) => {
            let number = |at: usize| u32::from_ne_bytes([index[at], index[at + 1], index[at + 2], index[at + 3]]);
            u64::from(number(16).saturating_sub(number(96)))
        }
        None => log.size.saturating_sub(HEADER_BYTES) / (page_size + FRAME_HEADER_BYTES),
    };
    Ok(Some(Log { size_bytes: log.size, pending_pages }))
}

/// The name of a file that belongs to the store at `path`: `-wal`, `-shm` or `-journal`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Whether the rollback journal beside `path` has something to roll back: its first byte is not 0
/// (`hasHotJournal` in SQLite's pager.c). Nobody locks journals, so it may be opened and closed.
pub(super) fn has_hot_journal(path: &Path) -> bool {
    let mut first = [0];
    std::fs::File::open(beside(path, "-journal"))
        .and_then(|mut file| io::Read::read_exact(&mut file, &mut first))
        .is_ok_and(|()| first != [0])
}

/// `path` as SQLite's URI form (<https://www.sqlite.org/uri.html>), with `query` after the question mark.
pub(super) fn uri(path: &Path, query: &str) -> String {
    use std::fmt::Write as _;
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                uri.push(char::from(byte));
            }
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri.push('?');
    uri.push_str(query);
    uri
}

fn present<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn seen(path: &Path) -> io::Result<Option<Seen>> {
    present(path.metadata().map(|metadata| Seen { changed_ns: None, ..Seen::from(&metadata) }))
}

#[cfg(unix)]
impl From<&Metadata> for Seen {
    fn from(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        let nanos = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Seen {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified_ns: nanos(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: Some(nanos(metadata.ctime(), metadata.ctime_nsec())),
        }
    }
}

/// Fills `bytes` from the start of a file, as far as it goes, and says how the file looked before.
#[cfg(unix)]
fn read_start(path: &Path, bytes: &mut [u8]) -> io::Result<Seen> {
    use std::os::unix::fs::FileExt as _;
    let seen = Seen::from(&path.metadata()?);
    let file = held::file(path, (seen.device, seen.inode))?;
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], filled as u64)? {
            0 => break,
            n => filled += n,
        }
    }
    Ok(seen)
}

#[cfg(unix)]
mod held {
    //! Descriptors that outlive their users; see the head of the file.

    use std::fs::File;
    use std::io;
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Path;
    use std::sync::{Arc, Mutex, PoisonError};

    type Identity = (u64, u64);

    static HELD: Mutex<Vec<(Identity, Arc<File>)>> = Mutex::new(Vec::new());

    /// The file at `path`, opened once in the life of the process.
    pub(super) fn file(path: &Path, identity: Identity) -> io::Result<Arc<File>> {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, file)) = held.iter().find(|(known, _)| *known == identity) {
            return Ok(Arc::clone(file));
        }
        // Nobody can find a deleted file any more.
        held.retain(|(_, file)| file.metadata().is_ok_and(|metadata| metadata.nlink() > 0));
        let file = Arc::new(File::open(path)?);
        let metadata = file.metadata()?;
        // The file may have been replaced since it was looked at; then this one is a second descriptor, and kept.
        held.push(((metadata.dev(), metadata.ino()), Arc::clone(&file)));
        Ok(file)
    }
}

#[cfg(not(unix))]
impl From<&Metadata> for Seen {
    fn from(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let modified_ns = modified.and_then(|age| age.as_nanos().try_into().ok()).unwrap_or(0);
        Seen { device: 0, inode: 0, size: metadata.len(), modified_ns, changed_ns: None }
    }
}

/// Fills `bytes` from the start of a file, as far as it goes, and says how the file looked before. Locks belong to
/// handles here, so nothing needs to be held.
#[cfg(not(unix))]
fn read_start(path: &Path, bytes: &mut [u8]) -> io::Result<Seen> {
    use std::io::Read as _;
    let seen = Seen::from(&path.metadata()?);
    let mut start = Vec::new();
    std::fs::File::open(path)?.take(bytes.len() as u64).read_to_end(&mut start)?;
    bytes[..start.len()].copy_from_slice(&start);
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_that_means_something_in_a_uri_is_escaped() {
        assert_eq!(uri(Path::new("/a b/ü?x=1#%.db"), "mode=ro"), "file:/a%20b/%C3%BC%3Fx%3D1%23%25.db?mode=ro");
    }
}
