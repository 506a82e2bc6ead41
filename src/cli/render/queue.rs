//! What became of what was written behind, as JSON and in words.

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::ui::Talk;
use crate::queue::{Counts, Ended};

/// What became of what was queued.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "QueueCounts")]
pub(crate) struct QueueView {
    /// How many were queued.
    queued: u64,
    /// How many were written.
    written: u64,
    /// How many were replaced by newer ones before they were written.
    coalesced: u64,
    /// How many could not be written. `keyframe list --gaps` shows what they leave, and `keyframe write` fills it.
    parked: u64,
    /// How many were pending at most.
    high_water: u64,
}

impl QueueView {
    /// Of one queue.
    #[must_use]
    pub(crate) fn of(counts: Counts) -> Self {
        let Counts { queued, written, coalesced, parked, high_water } = counts;
        QueueView { queued, written, coalesced, parked, high_water }
    }
}

/// Says what was not written, and whether all was.
pub(crate) fn tell_left<T>(talk: &Talk, what: &str, ended: &Ended<T>) -> bool {
    for failed in ended.parked.iter().take(3) {
        talk.warning(format_args!("a {what} could not be written: {}", failed.error));
    }
    let late = ended.left.len() + ended.in_flight.len();
    if late > 0 {
        talk.warning(format_args!("not written in time, of each {what}: {late}"));
    }
    ended.is_complete()
}
