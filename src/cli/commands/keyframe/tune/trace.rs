//! Reads that were noted.

use std::collections::BTreeMap;

use crate::cache::trace::{AccessKind, AccessLine, StateAt};
use crate::cli::ctx::Ctx;
use crate::cli::trace::each_access;
use crate::keyframe::tune::{Pattern, Subject};
use crate::model::ids::Revision;

/// Reads with how often each was.
#[derive(Debug, Default)]
pub(super) struct Trace {
    reads: BTreeMap<(String, String, String, Option<StateAt>), u64>,
}

impl Trace {
    /// Reads a trace. What it says of appended operations is passed over.
    pub(super) fn read(path: &str, ctx: &Ctx) -> anyhow::Result<Self> {
        let mut trace = Trace::default();
        each_access(path, ctx, &mut |line: &AccessLine<'_>| {
            if line.access != AccessKind::Append {
                let (document, scope, branch) = (&*line.document, line.scope(), line.branch());
                let stream = (document.to_owned(), scope.to_owned(), branch.to_owned(), line.revision);
                *trace.reads.entry(stream).or_default() += 1;
            }
            Ok(())
        })?;
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
                let revision = match revision {
                    None => Some(head),
                    // The state before operation 0 is never replayed.
                    Some(StateAt(revision)) => revision.map(Revision::get),
                };
                revision.filter(|revision| *revision <= head).map(|revision| (*n, revision))
            });
            match found {
                Some((n, revision)) => reads[n].push((revision, *times)),
                None => ignored += times,
            }
        }
        (Pattern::Trace(reads), ignored)
    }
}
