//! The file of a plan: lines of JSON, the same bytes for the same store, request and time.
//!
//! The first line is `{"plan":…}`, then come streams in order, each `{"stream":…}`, and `{"end":…}` is the last: a file
//! without it was cut off, and is refused. Streams to which nothing is to be done have no line.

use std::io;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::policy::{DropReason, KeepReason, Policy, Verdict};
use super::{Figures, StreamPlan};
use crate::model::ids::{OpIndex, Revision, StreamKey};
use crate::store::Codec;

/// The version of the form of a plan.
pub const VERSION: u32 = 1;

/// A line of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Line {
    /// The first line.
    Plan(Header),
    /// What is to be done to a stream.
    Stream(Steps),
    /// The last line.
    End(End),
}

/// What a plan is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Plan")]
pub struct Header {
    /// The version of the form of the plan.
    pub version: u32,
    /// The command that has made it.
    pub command: String,
    /// The time that pins and ages were compared with.
    #[schemars(extend("format" = "date-time"))]
    pub now: String,
    /// The first operation of the store, which copies of the store share; null if it has none.
    pub birth: Option<Birth>,
    /// The rules; null if keyframes were chosen exactly, or none is dropped.
    pub policy: Option<Policy>,
    /// Whether the space that is free in the store is given back afterwards; left out if not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub vacuum: bool,
}

/// The first operation of a store, in the order of insertion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Birth")]
pub struct Birth {
    /// The document.
    pub document: String,
    /// Its id.
    pub operation_id: String,
}

/// What is to be done to a stream: write, then drop, then store in another way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "StreamSteps")]
pub struct Steps {
    /// The document.
    pub document: String,
    /// The scope.
    pub scope: String,
    /// The branch.
    pub branch: String,
    /// Its newest revision; null if it has no operation.
    pub head: Option<u64>,
    /// Keyframes that are written, by revision: nothing is dropped if one of them cannot be.
    pub write: Vec<WriteStep>,
    /// Keyframes that go, by revision.
    pub drop: Vec<DropStep>,
    /// Keyframes that stay, by revision. Nothing is dropped if one of them is not there any more.
    pub keep: Vec<KeepStep>,
    /// As it is.
    pub before: Figures,
    /// As it will be, but for bodies that are stored in another way.
    pub after: Figures,
    /// Whether it has a base, and will have none.
    pub loses_last_base: bool,
}

/// A keyframe that is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WriteStep")]
pub struct WriteStep {
    /// Its label.
    pub revision: u64,
    /// Why it is written.
    pub reason: WriteReason,
    /// How its body is to be stored, if not as JSON or as the one that it replaces: json, zstd or zstd-delta.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codec: Option<String>,
}

/// Why a keyframe is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WriteReason", inline)]
pub enum WriteReason {
    /// Without it a revision would have too many operations to replay from a keyframe that is trusted.
    MaxReplayOps,
}

/// A keyframe that goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DropStep")]
pub struct DropStep {
    /// Its label.
    pub revision: u64,
    /// Size of its body in bytes, uncompressed; null if that was not measured.
    pub body_bytes: Option<u64>,
    /// Why it goes.
    pub reason: DropReason,
}

/// A keyframe that stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "KeepStep")]
pub struct KeepStep {
    /// Its label; negative ones occur in damaged stores.
    pub revision: i64,
    /// Why it stays.
    pub reasons: Vec<KeepReason>,
    /// How its body is to be stored, if in another way than it is: json, zstd or zstd-delta.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recode: Option<String>,
}

/// What a plan comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PlanEnd")]
pub struct End {
    /// Streams to which something is to be done.
    pub streams: u64,
    /// Keyframes that are written.
    #[serde(default)]
    pub write: u64,
    /// Keyframes that go.
    pub drop: u64,
    /// Keyframes that are stored in another way.
    pub recode: u64,
    /// Streams that have a base, and will have none.
    pub last_bases: u64,
    /// Streams that were looked at, and to which nothing is to be done.
    pub untouched_streams: u64,
    /// What those have.
    pub untouched: Figures,
}

/// A file is no plan, or cannot be read, or a plan cannot be kept while it is worked through.
#[derive(Debug, thiserror::Error)]
pub enum PlanFileError {
    /// The system does not let it be read.
    #[error("cannot read the plan")]
    Unreadable {
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The system does not let the copy be made or read that is worked with.
    #[error("cannot {action} the temporary copy of the plan in {}", folder.display())]
    Copy {
        /// The step that failed, as a verb.
        action: &'static str,
        /// Where it is.
        folder: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A line is no line of a plan.
    #[error("line {line} is no line of a plan: {reason}")]
    Line {
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The form is of another version.
    #[error("the plan is of version {found}, and this program knows {VERSION}")]
    Version {
        /// What the plan says.
        found: u32,
    },
    /// Its end is missing, or does not fit its lines.
    #[error("the plan is not whole: its last line is missing or does not fit the others")]
    CutOff,
}

impl Steps {
    /// The steps of a plan for a stream; `codec` is how what is written is stored.
    #[must_use]
    pub fn of(plan: &StreamPlan, codec: Option<Codec>) -> Self {
        let StreamKey { document, scope, branch } = &plan.stream;
        let mut steps = Steps {
            document: document.as_str().to_owned(),
            scope: scope.as_str().to_owned(),
            branch: branch.as_str().to_owned(),
            head: plan.head.map(Revision::get),
            before: plan.before,
            after: plan.after,
            loses_last_base: plan.loses_last_base,
            ..Steps::default()
        };
        for keyframe in &plan.keyframes {
            if let (Some(reason), Ok(revision)) = (keyframe.write, u64::try_from(keyframe.label)) {
                let codec = codec.map(|codec| codec.name().to_owned());
                steps.write.push(WriteStep { revision, reason, codec });
                continue;
            }
            match (keyframe.verdict, u64::try_from(keyframe.label)) {
                (Verdict::Drop(reason), Ok(revision)) => {
                    let body_bytes = keyframe.size.map(|size| size.body_bytes);
                    steps.drop.push(DropStep { revision, body_bytes, reason });
                }
                // What has no revision is never dropped.
                (Verdict::Drop(_), Err(_)) => {}
                (Verdict::Keep(reasons), _) => steps.keep.push(KeepStep {
                    revision: keyframe.label,
                    reasons: reasons.iter().collect(),
                    recode: keyframe.recode.map(|codec| codec.name().to_owned()),
                }),
            }
        }
        steps
    }

    /// The stream.
    #[must_use]
    pub fn stream(&self) -> StreamKey {
        let (document, scope, branch) = (&*self.document, &*self.scope, &*self.branch);
        StreamKey { document: document.into(), scope: scope.into(), branch: branch.into() }
    }

    /// The keyframes that are stored in another way, each with how.
    pub fn recodings(&self) -> impl Iterator<Item = (Revision, Codec)> {
        self.keep.iter().filter_map(KeepStep::recoding)
    }

    /// How what is written is to be stored.
    pub(crate) fn codec(&self) -> Option<Codec> {
        self.write.first().and_then(|write| Codec::parse(write.codec.as_deref()?))
    }

    /// What is wrong with it, if anything is.
    pub(super) fn fault(&self) -> Option<String> {
        let drops_ascend = self.drop.is_sorted_by(|a, b| a.revision < b.revision);
        let keeps_ascend = self.keep.is_sorted_by(|a, b| a.revision < b.revision);
        let writes_ascend = self.write.is_sorted_by(|a, b| a.revision < b.revision);
        if !drops_ascend || !keeps_ascend || !writes_ascend {
            return Some("its keyframes are not in order".to_owned());
        }
        let is_written = |label| self.write.binary_search_by_key(&label, |write| write.revision).is_ok();
        if let Some(drop) = self.drop.iter().find(|drop| is_written(drop.revision)) {
            return Some(format!("keyframe {} is written and dropped", drop.revision));
        }
        let (codec, is_bad) = (self.write.first().and_then(|write| write.codec.as_ref()), self.codec().is_none());
        if codec.is_some() && is_bad || self.write.iter().any(|write| write.codec.as_ref() != codec) {
            return Some("its keyframes cannot be written as it says".to_owned());
        }
        let bad = self.keep.iter().find(|keep| keep.recode.is_some() && keep.recoding().is_none());
        bad.map(|keep| format!("keyframe {} cannot be stored as it says", keep.revision))
    }
}

impl WriteStep {
    /// The label.
    #[must_use]
    pub fn label(&self) -> Revision {
        Revision::of(OpIndex::new(self.revision))
    }
}

impl DropStep {
    /// The label.
    #[must_use]
    pub fn label(&self) -> Revision {
        Revision::of(OpIndex::new(self.revision))
    }
}

impl KeepStep {
    /// Whether it stays as a base.
    #[must_use]
    pub fn is_base(&self) -> bool {
        self.reasons.iter().any(|reason| reason.is_rule())
    }

    fn recoding(&self) -> Option<(Revision, Codec)> {
        let codec = Codec::parse(self.recode.as_deref()?)?;
        Some((Revision::of(OpIndex::new(u64::try_from(self.revision).ok()?)), codec))
    }
}

impl End {
    /// Counts a stream.
    pub fn count(&mut self, steps: &Steps) {
        self.streams += 1;
        self.write += steps.write.len() as u64;
        self.drop += steps.drop.len() as u64;
        self.recode += steps.recodings().count() as u64;
        self.last_bases += u64::from(steps.loses_last_base);
    }

    /// Counts a stream to which nothing is done.
    pub fn pass(&mut self, plan: &StreamPlan) {
        self.untouched_streams += 1;
        self.untouched.add(plan.before);
    }
}
