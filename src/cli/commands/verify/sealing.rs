//! The file of `--seal`.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context as _;

use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::new_file::NewFile;
use crate::cli::ui::Talk;
use crate::store::records::StreamSeal;
use crate::verify::Seals;

/// Seals as a file has them, and as they will be.
pub(super) struct SealFile<'a> {
    path: &'a Path,
    before: Option<Seals>,
    after: Seals,
}

impl<'a> SealFile<'a> {
    /// Reads a file; one that is not there seals nothing yet.
    ///
    /// # Errors
    /// When it cannot be read, or holds something else than seals.
    pub(super) fn read(path: &'a Path) -> anyhow::Result<Self> {
        let before = match fs::read(path) {
            Ok(text) => Some(Seals::parse(&text).map_err(|error| Refusal {
                exit: ExitStatus::Undecodable,
                code: "bad-seals",
                message: format!("{}: {error}", path.display()),
                hint: Some("a file of seals is written by `snapctl verify --seal`; remove it to seal anew".to_owned()),
            })?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("cannot read the seals in {}", path.display())),
        };
        let after = before.clone().unwrap_or_default();
        Ok(SealFile { path, before, after })
    }

    /// What was sealed.
    pub(super) fn seals(&self) -> Option<Seals> {
        self.before.clone()
    }

    /// Seals streams in which nothing was found.
    pub(super) fn add(&mut self, sound: &[StreamSeal]) {
        self.after.seal(sound);
    }

    /// Writes what has changed.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn write(self, talk: &Talk) -> anyhow::Result<()> {
        if self.before.as_ref() == Some(&self.after) {
            return Ok(());
        }
        let mut file = NewFile::create(self.path, true)?;
        let text = self.after.to_text();
        for line in text.lines() {
            file.line(line.as_bytes())?;
        }
        file.finish()?;
        talk.note(format_args!("{} streams are sealed in {}", text.lines().count(), self.path.display()));
        Ok(())
    }
}
