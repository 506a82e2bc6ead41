//! What tiers of other sizes would have made of an access trace.
//!
//! No clock and no I/O: the same trace, sizes and costs give the same figures. The memory tier is the real one without its
//! states ([`memory`](super::memory) has the rules, over whatever has a size), the disk tier one by the same rules as the real
//! one. What is found in them goes the way of a read ([`replay::tiered`](crate::replay)): the nearest state in a tier, a
//! keyframe where it is nearer by enough, or the whole log.
//!
//! A trace knows sizes and positions, no operations. So what only the log can tell is not simulated: that an undo reaches
//! behind a state, or that the document scope has moved and older states of a document hold no longer. Then a real tier has
//! a few hits fewer.
//!
//! A replay takes about a sixth of a microsecond per access and size (a million accesses, two busy cores); keyframe spacings
//! are counted in the same pass.

mod cost;
mod disk;
mod grid;
mod optimum;
mod run;
#[cfg(test)]
mod tests;

use crate::cache::trace::Trace;
use crate::model::progress::{Progress, Stop};

pub use cost::Costs;
pub use grid::{Configuration, Grid};
use optimum::Optimum;
use run::Run;

/// What became of a trace in one configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The configuration.
    pub configuration: Configuration,
    /// Reads of the trace.
    pub reads: u64,
    /// What the memory tier made of them.
    pub memory: TierOutcome,
    /// What the disk tier made of those that were asked of it.
    pub disk: Option<TierOutcome>,
    /// More exact hits no memory of this size can have, whatever it keeps: an upper bound, which need not be reached (the
    /// module `optimum` says how it comes about). With a disk tier, too, it is that of the memory.
    pub most_exact: u64,
    /// Where reads began that no tier answered exactly, and what they took.
    pub work: Work,
}

/// What a tier made of reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TierOutcome {
    /// Reads that were asked of it: not those whose head the other tier knew to be one.
    pub requests: u64,
    /// The state was there.
    pub exact: u64,
    /// An older state was there.
    pub below: u64,
    /// Nothing was there.
    pub misses: u64,
    /// States that were dropped because of its bounds.
    pub dropped: u64,
    /// States that were too large for it.
    pub too_large: u64,
    /// States that it keeps at the end.
    pub entries: u64,
    /// What these take, in bytes.
    pub bytes: u64,
    /// The most they ever took, in bytes.
    pub bytes_peak: u64,
}

/// What reads took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Reads that went on from an older state in a tier.
    pub from_tier: u64,
    /// Reads that went on from a keyframe.
    pub from_keyframe: u64,
    /// Reads that began at the first operation.
    pub from_nothing: u64,
    /// Operations replayed.
    pub operations: u64,
    /// The time by the cost model, in nanoseconds.
    pub elapsed_ns: f64,
}

/// Replays a trace in every configuration of a grid, in its order.
///
/// # Errors
/// When it is stopped.
pub fn simulate(trace: &Trace, grid: &Grid, costs: &Costs, progress: &dyn Progress) -> Result<Vec<Outcome>, Stop> {
    let sizes = grid.sizes();
    progress.expect((sizes.len() * trace.accesses().len()) as u64);
    let mut optimum = Optimum::new(trace);
    let reads = trace.reads();
    let mut outcomes = Vec::new();
    for size in sizes {
        let (run, works) = Run::new(trace, size, costs).through(&grid.keyframes, progress)?;
        let most_exact = optimum.most_exact(&size.memory);
        for (keyframe_every, work) in grid.keyframes.iter().copied().zip(works) {
            let configuration = Configuration { size, keyframe_every };
            outcomes.push(Outcome { configuration, reads, memory: run.memory(), disk: run.disk(), most_exact, work });
        }
    }
    Ok(outcomes)
}
