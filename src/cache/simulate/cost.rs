//! What work takes.

/// What the steps of a read take. An exact hit in memory takes nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costs {
    /// The replay of an operation, in nanoseconds, where the trace does not say.
    pub operation_ns: f64,
    /// Finding and reading a keyframe or an entry of the disk tier, whatever its size, in nanoseconds.
    pub load_ns: f64,
    /// Parsing it, in nanoseconds per byte that it takes in memory.
    pub load_byte_ns: f64,
    /// How many bytes a state takes in memory for one that it takes in the disk tier.
    pub disk_ratio: f64,
}

/// A drive of some hundred nodes: an operation takes two microseconds, a load a hundred and as long as parsing. Texts are a
/// third of what a state takes in memory, and compress to a third of that.
impl Default for Costs {
    fn default() -> Self {
        Costs { operation_ns: 2_000.0, load_ns: 100_000.0, load_byte_ns: 2.0, disk_ratio: 8.0 }
    }
}

impl Costs {
    /// The load of a state that takes so many bytes in memory, in nanoseconds.
    pub(super) fn load_ns(&self, size_bytes: u64) -> f64 {
        self.load_ns + real(size_bytes) * self.load_byte_ns
    }

    /// What a state takes in the disk tier, in bytes.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is no longer than in memory")]
    pub(super) fn stored_bytes(&self, size_bytes: u64) -> u64 {
        /// Rows and indexes.
        const FRAME: u64 = 700;
        FRAME + (real(size_bytes) / self.disk_ratio) as u64
    }
}

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
pub(super) fn real(n: u64) -> f64 {
    n as f64
}
