//! Access traces: read from files and stdin, and written by commands.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;

use super::ctx::Ctx;
use super::exit::{ExitStatus, Refusal};
use super::lines::Bytes;
use super::ui::Talk;
use crate::cache::trace::{AccessLine, BadAccess, Recorder};
use crate::replay::Tiers;
use crate::transfer::Lines;

/// Visits the accesses of a trace, `-` being stdin, in order.
///
/// # Errors
/// When it cannot be read, a line is no access, or `visit` does not take it; the line is named.
pub(crate) fn each_access(
    trace: &str,
    ctx: &Ctx,
    visit: &mut dyn FnMut(&AccessLine<'_>) -> Result<(), BadAccess>,
) -> anyhow::Result<()> {
    const MAX_LINE_BYTES: u64 = 1 << 20;
    /// Lines between two looks whether to go on.
    const AT_ONCE: u64 = 4096;
    let cannot = || format!("cannot read {}", name(trace));
    let go_on = || ctx.check();
    let input: Box<dyn BufRead + '_> = match trace {
        "-" => Box::new(Bytes::of_stdin(&go_on)),
        path => Box::new(BufReader::with_capacity(1 << 16, File::open(path).with_context(cannot)?)),
    };
    let mut lines = Lines::new(input, MAX_LINE_BYTES);
    while let Some(line) = lines.next_line().with_context(cannot)? {
        let number = line.number;
        if number.is_multiple_of(AT_ONCE) {
            ctx.check()?;
        }
        if line.is_blank() {
            continue;
        }
        let text = line.text.map_err(|error| bad_line(trace, number, &error.to_string()))?;
        let added = AccessLine::parse(text).and_then(|access| visit(&access));
        added.map_err(|error| bad_line(trace, number, &error.to_string()))?;
    }
    Ok(())
}

/// A trace, as people call it.
#[must_use]
pub(crate) fn name(trace: &str) -> &str {
    if trace == "-" { "stdin" } else { trace }
}

fn bad_line(trace: &str, number: u64, reason: &str) -> Refusal {
    Refusal {
        exit: ExitStatus::Usage,
        code: "bad-line",
        message: format!("{}, line {number}: {reason}", name(trace)),
        hint: Some("`snapctl schema access-line` describes a line".to_owned()),
    }
}

/// A trace that a command writes, if it is asked to.
pub(crate) struct Recording {
    recorder: Option<(Arc<Recorder>, PathBuf)>,
}

impl Recording {
    /// Nothing is written.
    #[must_use]
    pub(crate) fn none() -> Self {
        Recording { recorder: None }
    }

    /// Begins it, in a new file.
    ///
    /// # Errors
    /// When the file is there already, or cannot be made.
    pub(crate) fn start(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Recording::none()) };
        let file = File::create_new(path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Recording { recorder: Some((Arc::new(Recorder::new(file)), path.to_owned())) })
    }

    /// The tiers, noting what goes through them.
    #[must_use]
    pub(crate) fn of(&self, tiers: Tiers) -> Tiers {
        match &self.recorder {
            Some((recorder, _)) => tiers.recorded(recorder.clone()),
            None => tiers,
        }
    }

    /// Ends it. A trace that could not be written is no reason to fail: answers were given. One of nothing is not left behind.
    pub(crate) fn end(&self, talk: &Talk) {
        let Some((recorder, path)) = &self.recorder else { return };
        let written = recorder.finish();
        if fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() == 0) {
            // If it cannot be removed, whoever wants the name hears of it.
            let _ = fs::remove_file(path);
        }
        if let Err(error) = written {
            talk.warning(format_args!("{} is not the whole trace: {error}", path.display()));
        }
    }
}
