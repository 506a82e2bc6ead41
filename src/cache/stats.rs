//! What became of requests to a tier.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Cause, Cost};

/// What became of requests to a tier, and what it keeps. Of two tiers, or of two runs, the sums hold as well
/// ([`TierStats::absorb`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TierStats {
    /// How often something was looked for.
    pub requests: u64,
    /// How often it was there.
    pub exact: u64,
    /// How often an older state was there.
    pub below: u64,
    /// How often nothing was there.
    pub misses: u64,
    /// Entries that were put.
    pub puts: u64,
    /// Entries that were not taken because they were too large for the budget.
    pub too_large: u64,
    /// How often the tier was out of order, locked, or read-only, and so had nothing or took nothing.
    pub failures: u64,
    /// Entries that went, by cause.
    pub dropped: BTreeMap<Cause, u64>,
    /// What hits saved.
    pub saved: Cost,
    /// How long it took to load what was found.
    pub loads: Latencies,
    /// Entries kept now.
    pub entries: u64,
    /// Bytes kept now.
    pub bytes: u64,
    /// The budget, in bytes.
    pub bytes_most: u64,
}

/// What became of reads through all tiers together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// How many there were, each of one scope of a document.
    pub requests: u64,
    /// Those whose state a tier had.
    pub exact: u64,
    /// Those that went on from an older state that a tier had.
    pub below: u64,
    /// Rows of operations that were read from the store.
    pub operations_read: u64,
}

/// A share of some whole, which is told together: 3 of 4 is not 300 of 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    /// How many.
    pub of: u64,
    /// Of how many.
    pub all: u64,
}

/// How long things took, in steps of a quarter of a power of two: enough for a percentile, and never more than 256 numbers.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    /// How many took less than the upper bound of a step and not less than that of the step before; by step, as far as there
    /// was one.
    steps: Vec<u64>,
}

impl TierStats {
    /// Counts a request.
    pub fn count(&mut self, lookup: &super::Lookup, took: Duration) {
        use super::Lookup::{Below, Exact, Miss};
        match lookup {
            Exact(entry) => self.count_exact(entry.facts.cost, took),
            Below(entry) => {
                self.below += 1;
                self.count_found(entry.facts.cost, took);
            }
            Miss => {
                self.misses += 1;
                self.requests += 1;
            }
        }
    }

    /// Counts a request for what was there and took `cost` to make.
    pub fn count_exact(&mut self, cost: Cost, took: Duration) {
        self.exact += 1;
        self.count_found(cost, took);
    }

    fn count_found(&mut self, cost: Cost, took: Duration) {
        self.requests += 1;
        self.saved = self.saved.and(cost);
        self.loads.add(took);
    }

    /// Counts entries that went.
    pub fn count_dropped(&mut self, cause: Cause, entries: u64) {
        if entries > 0 {
            *self.dropped.entry(cause).or_default() += entries;
        }
    }

    /// How many requests were answered from an entry, exact or older.
    #[must_use]
    pub fn hits(&self) -> Ratio {
        Ratio { of: self.exact + self.below, all: self.requests }
    }

    /// Adds what another tier, or another run, counted.
    pub fn absorb(&mut self, other: &TierStats) {
        let TierStats { requests, exact, below, misses, puts, too_large, failures, .. } = other;
        self.requests += requests;
        self.exact += exact;
        self.below += below;
        self.misses += misses;
        self.puts += puts;
        self.too_large += too_large;
        self.failures += failures;
        other.dropped.iter().for_each(|(cause, n)| self.count_dropped(*cause, *n));
        self.saved = self.saved.and(other.saved);
        self.loads.absorb(&other.loads);
        self.entries += other.entries;
        self.bytes += other.bytes;
        self.bytes_most += other.bytes_most;
    }
}

impl Ratio {
    /// The share, from 0 to 1; `None` of nothing.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "it is a share")]
    pub fn share(self) -> Option<f64> {
        (self.all > 0).then(|| self.of as f64 / self.all as f64)
    }
}

impl Latencies {
    /// Adds one.
    pub fn add(&mut self, took: Duration) {
        *self.at(step(took)) += 1;
    }

    /// Adds those of another.
    pub fn absorb(&mut self, other: &Latencies) {
        for (step, n) in other.steps() {
            *self.at(step) += n;
        }
    }

    fn at(&mut self, step: u8) -> &mut u64 {
        let step = usize::from(step);
        if self.steps.len() <= step {
            self.steps.resize(step + 1, 0);
        }
        &mut self.steps[step]
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.steps.iter().sum()
    }

    /// What `percent` of them did not exceed, from above by at most a fifth; `None` of nothing.
    #[must_use]
    pub fn percentile(&self, percent: u64) -> Option<Duration> {
        let rank = (self.count() * percent).div_ceil(100).max(1);
        let mut seen = 0;
        self.steps().find_map(|(step, n)| {
            seen += n;
            (seen >= rank).then(|| bound(step))
        })
    }

    /// The steps that are not empty, for keeping; see [`Latencies::from_steps`].
    pub fn steps(&self) -> impl Iterator<Item = (u8, u64)> {
        self.steps.iter().zip(0..=u8::MAX).filter(|(n, _)| **n > 0).map(|(n, step)| (step, *n))
    }

    /// What [`Latencies::steps`] gave.
    pub fn from_steps(steps: impl IntoIterator<Item = (u8, u64)>) -> Self {
        let mut latencies = Latencies::default();
        for (step, n) in steps {
            *latencies.at(step) += n;
        }
        latencies
    }
}

impl PartialEq for Latencies {
    fn eq(&self, other: &Self) -> bool {
        self.steps().eq(other.steps())
    }
}

impl Eq for Latencies {}

/// Four steps for each power of two nanoseconds.
fn step(took: Duration) -> u8 {
    let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(4);
    let power = nanos.ilog2();
    let quarter = (nanos >> (power - 2)) & 3;
    u8::try_from(u64::from(power) * 4 + quarter).unwrap_or(u8::MAX)
}

/// The upper bound of a step.
fn bound(step: u8) -> Duration {
    let (power, quarter) = (u32::from(step / 4), u64::from(step % 4));
    let nanos = (quarter + 5).checked_shl(power.saturating_sub(2)).unwrap_or(u64::MAX);
    Duration::from_nanos(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_exact_to_a_fifth() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentile(50), None);
        for micros in 1..=1_000 {
            latencies.add(Duration::from_micros(micros));
        }
        for (percent, micros) in [(50, 500), (99, 990), (100, 1_000)] {
            let told = latencies.percentile(percent).unwrap();
            let exact = Duration::from_micros(micros);
            assert!(told >= exact && told <= exact * 5 / 4, "{percent}: {told:?}");
        }
        let mut twice = latencies.clone();
        twice.absorb(&Latencies::from_steps(latencies.steps()));
        assert_eq!((twice.count(), twice.percentile(50)), (2_000, latencies.percentile(50)));
    }

    #[test]
    fn a_ratio_of_nothing_is_none() {
        assert_eq!(TierStats::default().hits().share(), None);
        assert_eq!(Ratio { of: 3, all: 4 }.share(), Some(0.75));
    }
}
