//! Where a check that was ended early can go on: a small file in the user's state directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use etcetera::BaseStrategy as _;
use serde::{Deserialize, Serialize};

use super::VerifyArgs;
use super::view::Counts;
use crate::model::checksum::Checksum;
use crate::verify::Part;

/// What is kept of a check.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Saved {
    /// The form of this file.
    version: u32,
    /// The last part that was told. They are checked by document, branch and scope.
    last: Last,
    /// What was counted up to there.
    counts: Counts,
}

const VERSION: u32 = 1;

/// The last part of a store that was told.
#[derive(Deserialize, Serialize)]
pub(super) struct Last {
    /// The document.
    pub(super) document: String,
    branch: Option<String>,
    scope: Option<String>,
}

impl Last {
    fn of(part: &Part) -> Self {
        Last {
            document: part.document.to_string(),
            branch: part.branch.as_ref().map(ToString::to_string),
            scope: part.scope.as_ref().map(ToString::to_string),
        }
    }

    /// Whether a part has still to be checked.
    pub(super) fn is_before(&self, part: &Part) -> bool {
        let other = Last::of(part);
        (&self.document, &self.branch, &self.scope) < (&other.document, &other.branch, &other.scope)
    }
}

/// Keeps where a check is.
pub(super) struct Bookmark {
    path: Option<PathBuf>,
    written: Instant,
}

impl Bookmark {
    /// How often it is written while a check runs, so that one that is killed loses little.
    const INTERVAL: Duration = Duration::from_secs(5);

    /// That of a check of `location` with these arguments; other checks of the same store have others.
    pub(super) fn new(location: &str, args: &VerifyArgs) -> Self {
        let path = etcetera::choose_base_strategy().ok().map(|strategy| {
            let state = strategy.state_dir().unwrap_or_else(|| strategy.cache_dir());
            state.join("snapctl").join("verify").join(format!("{}.json", name(location, args)))
        });
        Bookmark { path, written: Instant::now() }
    }

    /// What was kept, if anything was.
    pub(super) fn read(&self) -> Option<(Last, Counts)> {
        let text = fs::read(self.path.as_ref()?).ok()?;
        let saved: Saved = serde_json::from_slice(&text).ok().filter(|saved: &Saved| saved.version == VERSION)?;
        Some((saved.last, saved.counts))
    }

    /// Keeps it now and then.
    pub(super) fn pass(&mut self, part: &Part, counts: &Counts) {
        if self.written.elapsed() >= Self::INTERVAL {
            // At the end it is said whether it can be written.
            let _ = self.keep(part, counts);
        }
    }

    /// Keeps where a check ended.
    ///
    /// # Errors
    /// When it cannot be written: the next check starts from the beginning.
    pub(super) fn keep(&mut self, part: &Part, counts: &Counts) -> io::Result<()> {
        let Some(path) = &self.path else { return Err(io::ErrorKind::NotFound.into()) };
        let saved = Saved { version: VERSION, last: Last::of(part), counts: counts.clone() };
        let text = serde_json::to_vec(&saved).map_err(io::Error::other)?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        self.written = Instant::now();
        replace(path, &text)
    }

    /// Forgets it: the check is done.
    pub(super) fn forget(&self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

/// Puts a file in its place at once.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let partial = path.with_extension(format!("{}.partial", std::process::id()));
    fs::write(&partial, text)?;
    fs::rename(&partial, path).inspect_err(|_| drop(fs::remove_file(&partial)))
}

/// Names the check.
fn name(location: &str, args: &VerifyArgs) -> String {
    let place = Path::new(location.strip_prefix("sqlite:").unwrap_or(location));
    let place = place.canonicalize().map_or(location.to_owned(), |path| path.to_string_lossy().into_owned());
    let sample = args.sample.map(|sample| sample.to_string());
    let what =
        format!("{place:?} {:?} {} {:?} {sample:?} {}", args.targets, args.recursive, args.level, args.signatures);
    Checksum::of(what.as_bytes()).to_string()
}
