//! The rules of a policy, one by one.

use std::num::NonZeroU64;

use super::cover::cover;
use super::{Candidate, Candidates, KeepReason, Policy, Reasons};
use crate::model::ids::OpIndex;
use crate::model::time::Timestamp;

/// A base: its place among the keyframes, and how many operations it includes.
#[derive(Clone, Copy)]
struct Base {
    at: usize,
    operations: u64,
}

/// Adds the reasons of all rules to those that keyframes have already.
pub(super) fn apply(stream: &Candidates<'_>, policy: &Policy, now: Timestamp, kept: &mut [Reasons]) {
    let bases: Vec<Base> = (stream.keyframes.iter().enumerate())
        .filter_map(|(at, keyframe)| stream.base(keyframe).map(|operations| Base { at, operations }))
        .collect();
    if let Some(every) = policy.keep_every {
        keep_every(&bases, every, kept);
    }
    if let Some(last) = policy.keep_last {
        let n = usize::try_from(last.get()).unwrap_or(usize::MAX);
        bases.iter().rev().take(n).for_each(|base| kept[base.at].add(KeepReason::Last));
    }
    if let Some(within) = policy.keep_within_ms {
        for base in &bases {
            if let Some(reason) = age(&stream.keyframes[base.at], within, now) {
                kept[base.at].add(reason);
            }
        }
    }
    if let Some(spacing) = policy.keep_log_spaced {
        keep_log_spaced(&bases, stream.operations(), spacing, kept);
    }
    if policy.keep_upgrades {
        keep_upgrades(&bases, stream.upgrades, kept);
    }
    // The last, because what others keep is a base as well.
    if let Some(most) = policy.max_replay_ops {
        let (mut bases, back) = (bases, stream.serving.back());
        bases.retain(|base| stream.serves(&stream.keyframes[base.at]));
        let all: Vec<(u64, bool)> = bases.iter().map(|base| (base.operations, !kept[base.at].is_empty())).collect();
        cover(&all, back, stream.operations(), most.get(), |n| kept[bases[n].at].add(KeepReason::MaxReplayOps));
    }
}

/// For each multiple the base that includes so many operations, or else the one that is labelled so.
fn keep_every(bases: &[Base], every: NonZeroU64, kept: &mut [Reasons]) {
    let mut last = None;
    for base in bases {
        let (quotient, rest) = (base.operations / every, base.operations % every);
        // With every operation a multiple, none is only labelled with one.
        let is_next_to = rest == 1 && quotient > 0 && every.get() > 1;
        if rest == 0 || is_next_to && last != Some(quotient) {
            kept[base.at].add(KeepReason::Every);
            last = Some(quotient);
        }
    }
}

/// Why the age of a keyframe keeps it, if it does.
fn age(keyframe: &Candidate, within_ms: u64, now: Timestamp) -> Option<KeepReason> {
    let Some(created) = keyframe.created else { return Some(KeepReason::AgeUnknown) };
    let age_ms = now.as_millis().saturating_sub(created.as_millis());
    match u64::try_from(age_ms) {
        Err(_) => Some(KeepReason::Future),
        Ok(age_ms) => (age_ms <= within_ms).then_some(KeepReason::Within),
    }
}

/// The oldest base of each distance: the head itself, and then up to each power of `spacing`.
///
/// The oldest, because it is the next to move on to a greater distance as the head moves: the newest would be replaced by
/// newer ones for ever, and nothing would ever get old.
fn keep_log_spaced(bases: &[Base], operations: u64, spacing: NonZeroU64, kept: &mut [Reasons]) {
    let mut last = None;
    for base in bases {
        let distance = operations.saturating_sub(base.operations);
        // A base below 2 has no powers to speak of: each distance is one of its own.
        let bucket =
            if spacing.get() < 2 { Some(distance) } else { distance.checked_ilog(spacing.get()).map(u64::from) };
        if last != Some(bucket) {
            kept[base.at].add(KeepReason::LogSpaced);
            last = Some(bucket);
        }
    }
}

/// The first base that includes the operation after each upgrade.
fn keep_upgrades(bases: &[Base], upgrades: &[OpIndex], kept: &mut [Reasons]) {
    for upgrade in upgrades {
        let first = bases.partition_point(|base| base.operations < upgrade.next().get());
        if let Some(base) = bases.get(first) {
            kept[base.at].add(KeepReason::Upgrade);
        }
    }
}
