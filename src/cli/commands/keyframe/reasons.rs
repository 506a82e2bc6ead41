//! Why keyframes stay and go, in words.

use crate::keyframe::plan::WriteReason;
use crate::keyframe::policy::{DropReason, KeepReason};

/// Why a keyframe stays, for people.
pub(super) fn kept_because(reason: KeepReason) -> &'static str {
    match reason {
        KeepReason::Pinned => "it is pinned",
        KeepReason::Every => "--keep-every",
        KeepReason::Last => "--keep-last",
        KeepReason::Within => "--keep-within",
        KeepReason::Future => "it was written after now: a clock runs backwards",
        KeepReason::AgeUnknown => "nobody knows when it was written",
        KeepReason::LogSpaced => "--keep-log-spaced",
        KeepReason::Upgrade => "--keep-upgrades",
        KeepReason::MaxReplayOps => "--max-replay-ops",
        KeepReason::PastHead => "it is past the head of the log",
        KeepReason::NegativeLabel => "its label is no revision",
        KeepReason::NotChosen => "it is not among those to drop",
    }
}

/// Why a keyframe goes, for people.
pub(super) fn dropped_because(reason: DropReason) -> &'static str {
    match reason {
        DropReason::NoRule => "no rule keeps it",
        DropReason::Failed => "its check found it wrong",
        DropReason::Stale => "it was checked with other models",
        DropReason::Chosen => "it is among those to drop",
    }
}

/// Why a keyframe is written, for people.
pub(super) fn written_because(reason: WriteReason) -> &'static str {
    match reason {
        WriteReason::MaxReplayOps => "--max-replay-ops: no keyframe before it is trusted and near enough",
    }
}
