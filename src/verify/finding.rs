//! Findings: what is wrong, where, how often.

use std::collections::BTreeMap;

use super::code::{Code, Severity};
use crate::model::ids::{OpIndex, StreamKey};

/// One kind of thing that is wrong with one stream: where it is first, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing.
    pub code: Code,
    /// How bad; at most what the code says.
    pub severity: Severity,
    /// Where.
    pub stream: StreamKey,
    /// The first operation concerned: of an operation its index, of a keyframe its label; `None` where it is about no
    /// operation in particular.
    pub first: Option<OpIndex>,
    /// How many operations or keyframes are concerned.
    pub count: u64,
    /// What is wrong with the first of them; a sentence part in lower case.
    pub message: String,
    /// What was compared, if two things were.
    pub compared: Option<Compared>,
    /// A command that shows more, or helps.
    pub command: Option<String>,
}

/// Two things that are not equal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// What is stored: a hash, an id, a text.
    pub stored: Option<String>,
    /// What the replay gives.
    pub replayed: Option<String>,
    /// JSON pointers into a document, `/state/global/name`, to what differs; of many the first [`MOST_PATHS`].
    pub paths: Vec<String>,
    /// How many such places there are.
    pub n_paths: u64,
}

/// How many places of a difference are named.
pub const MOST_PATHS: usize = 10;

/// What a document or a store is, after a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// All that was looked at fits.
    Ok,
    /// Something could not be looked at, and nothing else is wrong.
    Unverifiable,
    /// Something is wrong.
    Failed,
}

impl Verdict {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Unverifiable => "unverifiable",
            Verdict::Failed => "failed",
        }
    }

    /// What findings make of that in which they were found: notes do not count.
    #[must_use]
    pub fn of(findings: &[Finding]) -> Self {
        let worst = |finding: &Finding| match finding.severity {
            Severity::Note => Verdict::Ok,
            _ if finding.code.is_unverifiable() => Verdict::Unverifiable,
            _ => Verdict::Failed,
        };
        findings.iter().map(worst).max().unwrap_or(Verdict::Ok)
    }
}

impl Finding {
    /// A finding of the severity that its code has, about one operation or keyframe.
    #[must_use]
    pub fn new(code: Code, stream: &StreamKey, first: Option<OpIndex>, message: String) -> Self {
        Finding {
            code,
            severity: code.severity(),
            stream: stream.clone(),
            first,
            count: 1,
            message,
            compared: None,
            command: None,
        }
    }
}

/// Collects findings: of one code and stream the first one stays, and the others are counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    of: BTreeMap<(StreamKey, Code), Finding>,
}

impl Findings {
    /// Counts `n` more of a kind that was found before; `false` if it was not, and [`Findings::add`] is to be called.
    /// What a finding says is only made where it is the first.
    pub(super) fn again(&mut self, stream: &StreamKey, code: Code) -> bool {
        // A lookup needs a key of its own.
        let Some(finding) = self.of.get_mut(&(stream.clone(), code)) else { return false };
        finding.count += 1;
        true
    }

    /// Whether one of a kind was found.
    pub(super) fn has(&self, stream: &StreamKey, code: Code) -> bool {
        self.of.contains_key(&(stream.clone(), code))
    }

    /// How many kinds were found, notes aside.
    pub(super) fn len(&self) -> usize {
        self.of.values().filter(|finding| finding.severity > Severity::Note).count()
    }

    /// Adds the first finding of its kind, or counts one more.
    pub(super) fn add(&mut self, finding: Finding) {
        if !self.again(&finding.stream, finding.code) {
            self.of.insert((finding.stream.clone(), finding.code), finding);
        }
    }

    /// All of them, by branch and scope, then in the order of [`Code::ALL`].
    pub(super) fn into_sorted(self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.of.into_values().collect();
        findings.sort_by(|a, b| {
            let key = |finding: &Finding| (finding.stream.branch.clone(), finding.stream.scope.clone(), finding.code);
            key(a).cmp(&key(b))
        });
        findings
    }
}
