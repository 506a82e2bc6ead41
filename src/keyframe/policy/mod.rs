//! Which keyframes of a stream are kept: a pure function of the keyframes, the head, the rules and the time.
//!
//! Every keyframe gets a verdict with its reasons, kept and dropped alike. What is no base by its nature is dealt with first:
//!
//! - A label below 0 names no revision: kept, because nothing can name it to drop it.
//! - A label past the head is of operations that are not in the log, which may be missing by mistake: kept.
//! - A keyframe that failed its last check is no base: no rule keeps it, and it counts for none.
//! - A pin that has not expired keeps any keyframe; one that has expired is no pin.
//!
//! All others are *bases*, and each rule of a [`Policy`] keeps some of them. What no rule keeps is dropped. Deciding again on
//! what was kept, with the same head and time, drops nothing.
//!
//! Whether a base is safe after a skip, and whether it is trusted, is looked at only where [`Serving::Trusted`] says so, and
//! only for `max_replay_ops`: all other rules speak of operations between revisions alone.

mod cover;
mod rules;
#[cfg(test)]
mod tests;

use std::num::NonZeroU64;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::ids::{OpIndex, Revision};
use crate::model::time::Timestamp;
use crate::store::records::{Known, Standing, Until};

pub use cover::worst_distance;

/// Rules; each keeps some keyframes, and what none keeps is dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(rename = "Policy")]
pub struct Policy {
    /// Keep one keyframe for every so many operations: the one whose state includes exactly a multiple of them, which is
    /// labelled one less, or, where there is none, the one that is labelled with the multiple, as the reference does.
    pub keep_every: Option<NonZeroU64>,
    /// Keep so many of the newest ones, by label.
    pub keep_last: Option<NonZeroU64>,
    /// Keep those that were first written within so many milliseconds before now.
    pub keep_within_ms: Option<u64>,
    /// Keep one for each power of this base, by how many operations it is behind the head.
    pub keep_log_spaced: Option<NonZeroU64>,
    /// Keep the first at or after each upgrade that changes the version of the model.
    pub keep_upgrades: bool,
    /// Keep the fewest that leave no revision with more operations to replay than this, unless it has more already.
    pub max_replay_ops: Option<NonZeroU64>,
}

/// A keyframe as a policy looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// As stored; negative ones occur in damaged stores.
    pub label: i64,
    /// When it was first written; `None` if that is not known.
    pub created: Option<Timestamp>,
    /// What its last check found, if there was one.
    pub soundness: Soundness,
    /// Until when it is pinned, if it is.
    pub pinned: Option<Until>,
}

/// What the last check of a keyframe found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Soundness {
    /// There was none.
    Unchecked,
    /// It was right.
    Sound,
    /// It was right, and depends on models that are not there any more, or are others now.
    Stale,
    /// It was wrong.
    Failed,
}

/// A stream, as a policy looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Candidates<'a> {
    /// Its keyframes by label, ascending.
    pub keyframes: &'a [Candidate],
    /// Its newest revision; `None` if it has no operation.
    pub head: Option<Revision>,
    /// The first operation after each upgrade that changes the version, ascending.
    pub upgrades: &'a [OpIndex],
    /// Which bases count for [`Policy::max_replay_ops`].
    pub serving: Serving<'a>,
}

/// Which bases count where replay is bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Serving<'a> {
    /// All, wherever they are.
    #[default]
    All,
    /// Those that a rebuild starts from: they were found right, and no operation after them looks back behind them.
    Trusted {
        /// The operations that look back, ascending.
        back: &'a [OpIndex],
    },
}

/// What becomes of a keyframe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays.
    Keep(Reasons),
    /// It goes.
    Drop(DropReason),
}

/// Why a keyframe stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "KeepReason", inline)]
#[repr(u16)]
pub enum KeepReason {
    /// Somebody has pinned it.
    Pinned = 1,
    /// It is at a multiple.
    Every = 1 << 1,
    /// It is among the newest.
    Last = 1 << 2,
    /// It is young enough.
    Within = 1 << 3,
    /// It was written after now, so that a clock runs backwards and its age is not known.
    Future = 1 << 4,
    /// Nobody knows when it was written.
    AgeUnknown = 1 << 5,
    /// It is the oldest at its distance to the head.
    LogSpaced = 1 << 6,
    /// It is the first after an upgrade.
    Upgrade = 1 << 7,
    /// Without it a revision would have too many operations to replay.
    MaxReplayOps = 1 << 8,
    /// It is past the head.
    PastHead = 1 << 9,
    /// Its label is no revision.
    NegativeLabel = 1 << 10,
    /// It is none of those that were to be dropped.
    NotChosen = 1 << 11,
}

/// Why a keyframe goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DropReason", inline)]
pub enum DropReason {
    /// No rule keeps it.
    NoRule,
    /// Its last check found it wrong.
    Failed,
    /// It was checked with other models than there are now.
    Stale,
    /// It is one of those that were to be dropped.
    Chosen,
}

/// A set of [`KeepReason`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reasons(u16);

/// Keyframes that are dropped exactly, whatever rules there may be. Pinned ones stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exact<'a> {
    /// Whether a label is among those that are meant.
    pub chosen: &'a [bool],
    /// Which of them go.
    pub which: Which,
}

/// Which keyframes go, of those that are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Which {
    /// Those that failed their last check.
    pub failed: bool,
    /// Those that were checked with other models than there are now.
    pub stale: bool,
}

impl Policy {
    /// Whether there is no rule, so that everything would go.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Policy::default()
    }

    /// Whether the rules depend on when keyframes were written.
    #[must_use]
    pub fn asks_for_age(&self) -> bool {
        self.keep_within_ms.is_some()
    }

    /// How far back [`Policy::keep_within_ms`] reaches.
    #[must_use]
    pub fn keep_within(&self) -> Option<Duration> {
        self.keep_within_ms.map(Duration::from_millis)
    }
}

/// Decides which keyframes of a stream are kept; the verdicts are in the order of the keyframes.
#[must_use]
pub fn decide(stream: &Candidates<'_>, policy: &Policy, now: Timestamp) -> Vec<Verdict> {
    let mut kept: Vec<Reasons> = stream.keyframes.iter().map(|keyframe| stream.natural(keyframe, now)).collect();
    rules::apply(stream, policy, now, &mut kept);
    let verdict = |(keyframe, reasons): (&Candidate, Reasons)| match reasons {
        Reasons(0) if keyframe.soundness == Soundness::Failed => Verdict::Drop(DropReason::Failed),
        Reasons(0) => Verdict::Drop(DropReason::NoRule),
        reasons => Verdict::Keep(reasons),
    };
    stream.keyframes.iter().zip(kept).map(verdict).collect()
}

/// Chooses exactly those keyframes that were asked for; with neither kind in [`Which`], all that are meant.
#[must_use]
pub fn select(stream: &Candidates<'_>, exact: &Exact<'_>, now: Timestamp) -> Vec<Verdict> {
    let Which { failed, stale } = exact.which;
    let all = !failed && !stale;
    let verdict = |(keyframe, chosen): (&Candidate, &bool)| {
        let reason = match keyframe.soundness {
            _ if !chosen => None,
            Soundness::Failed if failed => Some(DropReason::Failed),
            Soundness::Stale if stale => Some(DropReason::Stale),
            _ if all => Some(DropReason::Chosen),
            _ => None,
        };
        let mut kept = Reasons::default();
        if keyframe.revision().is_none() {
            kept.add(KeepReason::NegativeLabel);
        }
        if keyframe.is_pinned(now) {
            kept.add(KeepReason::Pinned);
        }
        match reason {
            Some(reason) if kept.is_empty() => Verdict::Drop(reason),
            None if kept.is_empty() => Verdict::Keep(KeepReason::NotChosen.into()),
            _ => Verdict::Keep(kept),
        }
    };
    stream.keyframes.iter().zip(exact.chosen).map(verdict).collect()
}

impl Candidates<'_> {
    /// Why a keyframe stays by its nature.
    fn natural(&self, keyframe: &Candidate, now: Timestamp) -> Reasons {
        let mut reasons = Reasons::default();
        match keyframe.revision() {
            None => reasons.add(KeepReason::NegativeLabel),
            revision if revision > self.head => reasons.add(KeepReason::PastHead),
            _ => {}
        }
        if keyframe.is_pinned(now) {
            reasons.add(KeepReason::Pinned);
        }
        reasons
    }

    /// How many operations a base includes; `None` for what is no base.
    #[must_use]
    pub fn base(&self, keyframe: &Candidate) -> Option<u64> {
        let within = keyframe.revision().filter(|revision| Some(*revision) <= self.head);
        within.filter(|_| keyframe.soundness != Soundness::Failed).map(|revision| revision.next().get())
    }

    /// Whether a base counts where replay is bounded.
    fn serves(&self, keyframe: &Candidate) -> bool {
        self.serving == Serving::All || keyframe.soundness == Soundness::Sound
    }

    /// How many operations there are.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.head.map_or(0, |head| head.next().get())
    }
}

impl<'a> Serving<'a> {
    fn back(self) -> &'a [OpIndex] {
        match self {
            Serving::All => &[],
            Serving::Trusted { back } => back,
        }
    }
}

impl Candidate {
    /// The revision that the label names; `None` if it is negative.
    #[must_use]
    pub fn revision(&self) -> Option<Revision> {
        u64::try_from(self.label).ok().map(|label| Revision::of(OpIndex::new(label)))
    }

    /// Whether a pin keeps it.
    #[must_use]
    pub fn is_pinned(&self, now: Timestamp) -> bool {
        self.pinned.is_some_and(|until| holds(until, now))
    }
}

/// Whether a pin has not expired.
#[must_use]
pub fn holds(until: Until, now: Timestamp) -> bool {
    match until {
        Until::Removed => true,
        Until::Time(until) => until > now,
    }
}

impl From<&Known<'_>> for Soundness {
    fn from(known: &Known<'_>) -> Self {
        match known.standing {
            Standing::Unchecked => Soundness::Unchecked,
            Standing::Ok { .. } => Soundness::Sound,
            Standing::Failed { .. } => Soundness::Failed,
        }
    }
}

impl KeepReason {
    /// All of them.
    pub const ALL: [KeepReason; 12] = [
        Self::Pinned,
        Self::Every,
        Self::Last,
        Self::Within,
        Self::Future,
        Self::AgeUnknown,
        Self::LogSpaced,
        Self::Upgrade,
        Self::MaxReplayOps,
        Self::PastHead,
        Self::NegativeLabel,
        Self::NotChosen,
    ];

    /// Whether it is that of a rule, which keeps a keyframe as a base.
    #[must_use]
    pub fn is_rule(self) -> bool {
        !matches!(self, Self::Pinned | Self::PastHead | Self::NegativeLabel | Self::NotChosen)
    }
}

impl Reasons {
    /// Adds a reason.
    pub fn add(&mut self, reason: KeepReason) {
        self.0 |= reason as u16;
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a reason is among them.
    #[must_use]
    pub fn contains(self, reason: KeepReason) -> bool {
        self.0 & reason as u16 != 0
    }

    /// The reasons, in the order of [`KeepReason::ALL`].
    pub fn iter(self) -> impl Iterator<Item = KeepReason> {
        KeepReason::ALL.into_iter().filter(move |reason| self.contains(*reason))
    }
}

impl From<KeepReason> for Reasons {
    fn from(reason: KeepReason) -> Self {
        Reasons(reason as u16)
    }
}

impl FromIterator<KeepReason> for Reasons {
    fn from_iter<I: IntoIterator<Item = KeepReason>>(reasons: I) -> Self {
        let mut set = Reasons::default();
        reasons.into_iter().for_each(|reason| set.add(reason));
        set
    }
}

impl Verdict {
    /// Whether the keyframe stays.
    #[must_use]
    pub fn keeps(self) -> bool {
        matches!(self, Verdict::Keep(_))
    }
}
