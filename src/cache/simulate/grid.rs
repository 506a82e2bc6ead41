//! The configurations that are compared.

use std::num::{NonZeroU64, NonZeroUsize};

use crate::cache::{disk, memory};

/// Every combination of some sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Bytes of the memory tier.
    pub memory: Vec<u64>,
    /// States that it keeps of a stream.
    pub ring: Vec<NonZeroUsize>,
    /// Streams that it keeps.
    pub streams: Vec<NonZeroUsize>,
    /// Bytes of the disk tier; `None` is no such tier.
    pub disk: Vec<Option<u64>>,
    /// Operations from one keyframe to the next; `None` is no keyframes.
    pub keyframes: Vec<Option<NonZeroU64>>,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// The tiers.
    pub size: Sizes,
    /// Operations from one keyframe to the next; `None` is no keyframes.
    pub keyframe_every: Option<NonZeroU64>,
}

/// How much tiers keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The memory tier.
    pub memory: memory::Bounds,
    /// The disk tier, if there is one.
    pub disk: Option<disk::Bounds>,
}

impl Grid {
    /// How many configurations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        let tiers = [self.memory.len(), self.ring.len(), self.streams.len(), self.disk.len(), self.keyframes.len()];
        tiers.into_iter().fold(1, usize::saturating_mul)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sizes of tiers, those of the memory varying fastest.
    pub(super) fn sizes(&self) -> Vec<Sizes> {
        let mut sizes = Vec::new();
        for disk in &self.disk {
            let disk = disk.map(|bytes| disk::Bounds { most_bytes: bytes.min(MOST_BYTES), ..disk::Bounds::default() });
            for &streams in &self.streams {
                for &ring in &self.ring {
                    for bytes in &self.memory {
                        let memory = memory::Bounds { ring, streams, bytes: (*bytes).min(MOST_BYTES) };
                        sizes.push(Sizes { memory, disk });
                    }
                }
            }
        }
        sizes
    }
}

/// More than any machine has: sums of sizes stay in range.
const MOST_BYTES: u64 = 1 << 62;
