//! The numbers of one page of the B-tree.

use std::ops::Deref;

/// How much a page holds at most: few levels for a search, little to copy for a change of a shared page. Unit tests
/// have it split all the time.
pub(super) const PAGE: usize = if cfg!(test) { 4 } else { 48 };

/// Numbers in order.
#[derive(Clone)]
pub(super) struct Keys {
    len: usize,
    /// All from `len` on are `u64::MAX`: a search need not know how many count.
    padded: [u64; PAGE],
}

impl Keys {
    /// Takes numbers in order, at most `PAGE`.
    pub(super) fn new(keys: &[u64]) -> Self {
        let mut padded = [u64::MAX; PAGE];
        padded[..keys.len()].copy_from_slice(keys);
        Keys { len: keys.len(), padded }
    }

    /// How many are below `key`. Counts instead of halving: first one number of each cache line, then those of one
    /// line, so that no look waits for the one before it.
    #[inline]
    pub(super) fn n_below(&self, key: u64) -> usize {
        const LINE: usize = if PAGE < 8 { PAGE } else { 8 };
        let (lines, _) = self.padded.as_chunks::<LINE>();
        let full = lines.iter().filter(|line| line[LINE - 1] < key).count();
        LINE * full + lines.get(full).map_or(0, |line| line.iter().filter(|other| **other < key).count())
    }

    /// Whether there is no space for another one.
    pub(super) fn is_full(&self) -> bool {
        self.len == PAGE
    }

    /// Inserts where there is space.
    pub(super) fn insert(&mut self, at: usize, key: u64) {
        self.padded.copy_within(at..self.len, at + 1);
        self.padded[at] = key;
        self.len += 1;
    }

    /// Removes one, and returns it.
    pub(super) fn remove(&mut self, at: usize) -> u64 {
        let key = self[at];
        self.padded.copy_within(at + 1..self.len, at);
        self.len -= 1;
        self.padded[self.len] = u64::MAX;
        key
    }

    /// Keeps those before `at`, and returns the others.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let upper = Keys::new(&self[at..]);
        *self = Keys::new(&self[..at]);
        upper
    }
}

impl Deref for Keys {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        &self.padded[..self.len]
    }
}
