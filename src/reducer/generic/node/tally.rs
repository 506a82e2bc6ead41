//! What the values in an array or object weigh together.

use super::Weight;

/// Kept up to date by whoever adds, removes or changes a value.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Bytes of all values, with keys and colons, without commas.
    bytes: usize,
    /// Depth of the deepest value.
    depth: u32,
}

impl Tally {
    /// What an array or object of `len` such values weighs.
    pub(super) fn weight(self, len: usize) -> Weight {
        Weight { bytes: 2 + self.bytes + len.saturating_sub(1), depth: 1 + self.depth }
    }

    /// A value was added.
    pub(super) fn put_on(&mut self, weight: Weight) {
        self.bytes += weight.bytes;
        self.depth = self.depth.max(weight.depth);
    }

    /// A value changed, or went. `deepest` looks at all that are there now, and is asked only if the deepest of them got
    /// shallower.
    pub(super) fn exchange(&mut self, before: Weight, after: Weight, deepest: impl FnOnce() -> u32) {
        self.bytes = self.bytes + after.bytes - before.bytes;
        if after.depth >= self.depth {
            self.depth = after.depth;
        } else if before.depth == self.depth {
            self.depth = deepest();
        }
    }
}
