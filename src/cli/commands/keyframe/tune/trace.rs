//! Reads that were noted.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::Context as _;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::cli::exit::{ExitStatus, Refusal};
use crate::keyframe::tune::{Pattern, Subject};
use crate::transfer::Lines;

/// A read, a line of a trace.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "TracedRead")]
pub(in crate::cli) struct ReadLine {
    /// The exact id of the document.
    document: String,
    /// The scope; `global` without one.
    scope: Option<String>,
    /// The branch; `main` without one.
    branch: Option<String>,
    /// The index of the last operation included; the head without one.
    revision: Option<u64>,
}

/// Reads with how often each was.
#[derive(Debug, Default)]
pub(super) struct Trace {
    reads: BTreeMap<(String, String, String, Option<u64>), u64>,
}

impl Trace {
    /// Reads a file of lines. Other members than those that are known are passed over: a log may have more to say.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        const MAX_LINE_BYTES: u64 = 1 << 20;
        let cannot = || format!("cannot read {}", path.display());
        let file = File::open(path).with_context(cannot)?;
        let mut lines = Lines::new(BufReader::new(file), MAX_LINE_BYTES);
        let mut trace = Trace::default();
        while let Some(line) = lines.next_line().with_context(cannot)? {
            let number = line.number;
            if line.is_blank() {
                continue;
            }
            let too_long = |_| bad_line(path, number, "it is longer than any that is read");
            let text = line.text.map_err(too_long)?;
            let read: ReadLine =
                serde_json::from_slice(text).map_err(|error| bad_line(path, number, &error.to_string()))?;
            let scope = read.scope.unwrap_or_else(|| "global".to_owned());
            let branch = read.branch.unwrap_or_else(|| "main".to_owned());
            *trace.reads.entry((read.document, scope, branch, read.revision)).or_default() += 1;
        }
        Ok(trace)
    }

    /// How many reads there are.
    pub(super) fn len(&self) -> u64 {
        self.reads.values().sum()
    }

    /// The reads by stream, and how many are of none of these streams, or behind their heads.
    pub(super) fn pattern(&self, subjects: &[Subject]) -> (Pattern, u64) {
        let mut reads = vec![Vec::new(); subjects.len()];
        let mut ignored = 0;
        let places: BTreeMap<(&str, &str, &str), usize> = subjects
            .iter()
            .enumerate()
            .map(|(n, Subject { stream, .. })| {
                ((stream.document.as_str(), stream.scope.as_str(), stream.branch.as_str()), n)
            })
            .collect();
        for ((document, scope, branch, revision), times) in &self.reads {
            let place = places.get(&(document.as_str(), scope.as_str(), branch.as_str()));
            let found = place.and_then(|n| {
                let head = subjects[*n].operations.saturating_sub(1);
                Some((*n, revision.unwrap_or(head))).filter(|(_, revision)| *revision <= head)
            });
            match found {
                Some((n, revision)) => reads[n].push((revision, *times)),
                None => ignored += times,
            }
        }
        (Pattern::Trace(reads), ignored)
    }
}

fn bad_line(path: &Path, number: u64, reason: &str) -> Refusal {
    Refusal {
        exit: ExitStatus::Usage,
        code: "bad-line",
        message: format!("{}, line {number}: {reason}", path.display()),
        hint: Some(r#"a line is {"document":ID} with "scope", "branch" and "revision" as needed"#.to_owned()),
    }
}
