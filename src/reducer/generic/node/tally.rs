//! What the values in an array or object weigh together.

use super::Weight;

/// Kept up to date by whoever adds, removes or changes a value, which never costs a look at the others.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Bytes of all values, with keys and colons, without commas.
    bytes: usize,
    /// Depths above 0, ascending, and how many values are of each, which is never none. Few in any real document, and
    /// no more than states may be deep in the worst.
    deep: Vec<(u32, usize)>,
}

impl Tally {
    /// What an array or object of `len` such values weighs.
    pub(super) fn weight(&self, len: usize) -> Weight {
        let deepest = self.deep.last().map_or(0, |(depth, _)| *depth);
        Weight { bytes: 2 + self.bytes + len.saturating_sub(1), depth: 1 + deepest }
    }

    /// A value was added.
    pub(super) fn put_on(&mut self, weight: Weight) {
        self.bytes += weight.bytes;
        if weight.depth == 0 {
            return;
        }
        match self.position(weight.depth) {
            Ok(at) => self.deep[at].1 += 1,
            Err(at) => self.deep.insert(at, (weight.depth, 1)),
        }
    }

    /// A value that had been added, and weighed this much, went.
    pub(super) fn take_off(&mut self, weight: Weight) {
        self.bytes -= weight.bytes;
        let Ok(at) = self.position(weight.depth) else { return };
        self.deep[at].1 -= 1;
        if self.deep[at].1 == 0 {
            self.deep.remove(at);
        }
    }

    /// A value changed.
    pub(super) fn exchange(&mut self, before: Weight, after: Weight) {
        if before.depth == after.depth {
            self.bytes = self.bytes + after.bytes - before.bytes;
        } else {
            self.take_off(before);
            self.put_on(after);
        }
    }

    fn position(&self, depth: u32) -> Result<usize, usize> {
        self.deep.binary_search_by_key(&depth, |(depth, _)| *depth)
    }
}
