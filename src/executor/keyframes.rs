//! Keyframes that are written behind the operations.

use std::sync::Arc;

use crate::cache::{Entry, Facts};

/// Says which states are to become keyframes, and takes them.
pub trait Due: Sync {
    /// Whether the state after an operation is to become a keyframe; `row_bytes` is what its row added to the log. Asked once
    /// for each operation of a stream, in order.
    fn is_due(&self, facts: &Facts, row_bytes: u64) -> bool;

    /// Takes a state whose operation is in the log now. It may wait, and never fails: what cannot be written is a gap
    /// that `keyframe list --gaps` shows.
    fn queue(&self, entry: Arc<Entry>);
}

/// No keyframes.
#[derive(Clone, Copy, Debug, Default)]
pub struct None;

impl Due for None {
    fn is_due(&self, _: &Facts, _: u64) -> bool {
        false
    }

    fn queue(&self, _: Arc<Entry>) {}
}
