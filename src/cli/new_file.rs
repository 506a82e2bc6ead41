//! A file that is there whole or not at all.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use crate::cli::exit::{ExitStatus, Refusal};

/// A file on its way: written beside its place and put there at the end. What is no regular file, such as a pipe, is
/// written as it is. Dropped before the end, nothing is left.
pub(crate) struct NewFile {
    /// As given.
    name: String,
    /// Where it goes; `None` if it is written in its place.
    place: Option<PathBuf>,
    /// Where it is until then.
    partial: Option<PathBuf>,
    file: BufWriter<File>,
    size_bytes: u64,
    force: bool,
}

/// A file cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {name}")]
pub(crate) struct FileError {
    name: String,
    #[source]
    source: io::Error,
}

impl NewFile {
    /// Begins to write the file that is to be at `path`.
    ///
    /// # Errors
    /// When there is one already and it is not to be replaced, or it cannot be made.
    pub(crate) fn create(path: &Path, force: bool) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let failed = |source| FileError { name: name.clone(), source };
        let there = path.metadata();
        if there.as_ref().is_ok_and(|there| !there.is_file() && !there.is_dir()) {
            let file = OpenOptions::new().write(true).open(path).map_err(failed)?;
            return Ok(NewFile { name, place: None, partial: None, file: buffered(file), size_bytes: 0, force });
        }
        if there.is_ok() && !force {
            return Err(exists(&name).into());
        }
        // A link goes on pointing to the file that it points to.
        let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let Some(file_name) = place.file_name() else {
            return Err(failed(io::ErrorKind::IsADirectory.into()).into());
        };
        let (partial, file) = beside(&place, file_name).map_err(failed)?;
        let (place, partial) = (Some(place), Some(partial));
        Ok(NewFile { name, place, partial, file: buffered(file), size_bytes: 0, force })
    }

    /// Writes a line.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn line(&mut self, line: &[u8]) -> Result<(), FileError> {
        self.bytes(line)?;
        self.bytes(b"\n")
    }

    /// Writes bytes.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.size_bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|source| FileError { name: self.name.clone(), source })
    }

    /// Makes the file durable and puts it in its place. Returns its size in bytes.
    ///
    /// # Errors
    /// When it cannot be written, or another file has its place by now.
    pub(crate) fn finish(mut self) -> anyhow::Result<u64> {
        let failed = |source| FileError { name: self.name.clone(), source };
        self.file.flush().map_err(failed)?;
        let (Some(place), Some(partial)) = (&self.place, &self.partial) else { return Ok(self.size_bytes) };
        if self.force
            && let Ok(replaced) = place.metadata()
        {
            // Who could not read the old file is not to read the new one.
            let _ = std::fs::set_permissions(partial, replaced.permissions());
        }
        self.file.get_ref().sync_all().map_err(failed)?;
        if self.force {
            std::fs::rename(partial, place).map_err(failed)?;
        } else {
            // Unlike a rename, a link never takes the place of another file.
            match std::fs::hard_link(partial, place) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(exists(&self.name).into()),
                // Not all file systems have links.
                Err(_) => std::fs::rename(partial, place).map_err(failed)?,
            }
        }
        if let Some(folder) = place.parent().and_then(|folder| File::open(folder).ok()) {
            // As far as the system allows: not all can do that for a folder.
            let _ = folder.sync_all();
        }
        Ok(self.size_bytes)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(partial) = &self.partial {
            let _ = std::fs::remove_file(partial);
        }
    }
}

/// Makes a new file beside `place`, under a name that nothing has: one that was killed may have left its own there.
fn beside(place: &Path, file_name: &OsStr) -> io::Result<(PathBuf, File)> {
    const MOST: u32 = 1000;
    let mut last = io::ErrorKind::AlreadyExists.into();
    for attempt in 0..MOST {
        let mut partial = OsString::from(".");
        partial.push(file_name);
        partial.push(format!(".{}-{attempt}.partial", std::process::id()));
        let partial = place.with_file_name(partial);
        match OpenOptions::new().write(true).create_new(true).open(&partial) {
            Ok(file) => return Ok((partial, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

fn buffered(file: File) -> BufWriter<File> {
    const BUFFER_BYTES: usize = 256 << 10;
    BufWriter::with_capacity(BUFFER_BYTES, file)
}

fn exists(name: &str) -> Refusal {
    Refusal {
        exit: ExitStatus::Precondition,
        code: "file-exists",
        message: format!("{name} exists already"),
        hint: Some("replace it with --force".to_owned()),
    }
}
