//! Where rows come from.

use std::fs::File;
use std::io::{self, BufReader, IsTerminal as _, Read as _, Seek as _};
use std::path::Path;
use std::sync::Arc;

use super::{count, is_same_file, n_rows};
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::lines::Bytes;
use crate::store::{Access, Store, archive, has_scheme};
use crate::transfer::{ImportError, ImportOptions, Importer, Measure};

/// Where rows come from.
pub(super) enum Source {
    /// Lines on stdin.
    Stdin,
    /// Lines of a file.
    File {
        /// As given.
        name: String,
        /// At its start.
        file: File,
        /// `None` if that says nothing: a pipe.
        size_bytes: Option<u64>,
    },
    /// Another store.
    Store(Arc<dyn Store>),
}

/// What a path leads to.
enum Found {
    Lines(Source),
    /// A store, by what names it.
    Store(String),
}

/// What SQLite files start with.
const SQLITE_MAGIC: [u8; 16] = *b"SQLite format 3\0";

impl Source {
    /// Opens what `text` names.
    ///
    /// # Errors
    /// When it is not there, or cannot be read.
    pub(super) fn open(text: &str, ctx: &Ctx) -> anyhow::Result<Self> {
        if text == "-" {
            return Ok(Source::Stdin);
        }
        if has_scheme(text) {
            return Ok(Source::Store(ctx.open_named(text, Access::Read)?));
        }
        let open = || -> io::Result<Found> {
            let mut file = File::open(text)?;
            let metadata = file.metadata()?;
            if metadata.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            if metadata.is_file() {
                let mut start = Vec::new();
                (&mut file).take(SQLITE_MAGIC.len() as u64).read_to_end(&mut start)?;
                if start == SQLITE_MAGIC {
                    return Ok(Found::Store(format!("sqlite:{text}")));
                }
                if start.starts_with(archive::MAGIC) || archive::has_archive_name(Path::new(text)) {
                    return Ok(Found::Store(format!("phd:{text}")));
                }
                file.rewind()?;
            }
            let size_bytes = metadata.is_file().then_some(metadata.len());
            Ok(Found::Lines(Source::File { name: text.to_owned(), file, size_bytes }))
        };
        match open() {
            Ok(Found::Lines(source)) => Ok(source),
            Ok(Found::Store(named)) => Ok(Source::Store(ctx.open_named(&named, Access::Read)?)),
            Err(source) => Err(ImportError::Source { source_name: text.to_owned(), source }.into()),
        }
    }

    /// Refuses a store as its own source.
    ///
    /// # Errors
    /// When it is that.
    pub(super) fn check_is_not(&self, store: &dyn Store) -> Result<(), Refusal> {
        let Source::Store(source) = self else { return Ok(()) };
        if !is_same_file(source.location(), store.location()) {
            return Ok(());
        }
        Err(Refusal {
            exit: ExitStatus::Usage,
            code: "usage",
            message: format!("{} is the store itself", source.location()),
            hint: Some("--store names the store that takes the rows".to_owned()),
        })
    }

    /// What of an archive is not as it is in the file, to be said.
    pub(super) fn remarks(&self) -> Vec<String> {
        let Source::Store(store) = self else { return Vec::new() };
        let Some(archive) = store.archive() else { return Vec::new() };
        let mut remarks = Vec::new();
        if archive.made_up() > 0 {
            remarks.push(format!(
                "{} has no operations of scope document; CREATE_DOCUMENT and UPGRADE_DOCUMENT are made of its header.json and \
                 state.json",
                store.location()
            ));
        }
        if archive.replaced() > 0 {
            let replaced = count(archive.replaced(), "operation");
            remarks.push(format!("{replaced} of {} left out: later ones have their indices", store.location()));
        }
        remarks
    }

    /// How many bytes it has, if it is counted in bytes and that is known.
    pub(super) fn size_bytes(&self) -> Option<u64> {
        match self {
            Source::File { size_bytes, .. } => *size_bytes,
            Source::Stdin | Source::Store(_) => None,
        }
    }

    /// How many rows it has, if that is known.
    pub(super) fn rows(&self, options: &ImportOptions) -> Option<u64> {
        match self {
            Source::Store(store) if options.selection.parts.is_empty() => Some(n_rows(&**store, options.keyframes)),
            _ => None,
        }
    }

    /// Hands all of it to an importer.
    ///
    /// # Errors
    /// Those of [`Importer::lines`].
    pub(super) fn give(&self, importer: &mut Importer<'_>, measure: Measure, ctx: &Ctx) -> Result<(), ImportError> {
        const BUFFER_BYTES: usize = 256 << 10;
        match self {
            Source::Stdin => importer.lines("stdin", Bytes::of_stdin(&|| ctx.check()), measure),
            Source::File { name, file, .. } => {
                importer.lines(name, BufReader::with_capacity(BUFFER_BYTES, file), measure)
            }
            Source::Store(store) => importer.rows_of(&**store),
        }
    }

    /// Whether somebody has to type the lines.
    pub(super) fn is_terminal(&self) -> bool {
        matches!(self, Source::Stdin) && io::stdin().is_terminal()
    }
}
