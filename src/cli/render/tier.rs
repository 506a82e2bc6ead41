//! What became of requests to a tier, as JSON.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cache::stats::Ratio;
use crate::cache::{TierName, TierStats};

/// What became of requests to a tier, and what it keeps.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Tier")]
pub(crate) struct TierView {
    /// Which it is.
    #[schemars(extend("enum" = ["memory", "disk", "total"]))]
    tier: &'static str,
    /// How often something was looked for.
    requests: u64,
    /// How often the state itself was there.
    exact: u64,
    /// How often an older state was there, to go on from.
    below: u64,
    /// How often nothing was there.
    misses: u64,
    /// Exact ones of all requests.
    exact_ratio: RatioView,
    /// Exact and older ones of all requests.
    hit_ratio: RatioView,
    /// States that were put.
    puts: u64,
    /// States that were not taken because they were too large for the budget.
    too_large: u64,
    /// How often the tier was out of order, locked or read-only.
    failures: u64,
    /// States that went, by cause.
    dropped: BTreeMap<&'static str, u64>,
    /// Operations that hits have saved.
    saved_operations: u64,
    /// Time that hits have saved, in milliseconds.
    saved_ms: u64,
    /// What half of the loads did not take longer than, in microseconds; `null` if there were none.
    load_p50_us: Option<u64>,
    /// What 99 of 100 loads did not take longer than, in microseconds; `null` if there were none.
    load_p99_us: Option<u64>,
    /// States kept now.
    entries: u64,
    /// Bytes kept now.
    size_bytes: u64,
    /// The budget, in bytes.
    budget_bytes: u64,
}

/// A share with the numbers it is made of.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
#[schemars(rename = "Ratio")]
pub(crate) struct RatioView {
    /// How many.
    of: u64,
    /// Of how many.
    all: u64,
    /// The share, from 0 to 1; `null` of nothing.
    share: Option<f64>,
}

impl TierView {
    /// Of one tier.
    #[must_use]
    pub(crate) fn of(name: TierName, stats: &TierStats) -> Self {
        Self::named(name.as_str(), stats)
    }

    /// Of several together.
    #[must_use]
    pub(crate) fn total(stats: &TierStats) -> Self {
        Self::named("total", stats)
    }

    fn named(tier: &'static str, stats: &TierStats) -> Self {
        let micros = |percent| {
            let load = stats.loads.percentile(percent)?;
            Some(u64::try_from(load.as_micros()).unwrap_or(u64::MAX))
        };
        TierView {
            tier,
            requests: stats.requests,
            exact: stats.exact,
            below: stats.below,
            misses: stats.misses,
            exact_ratio: Ratio { of: stats.exact, all: stats.requests }.into(),
            hit_ratio: stats.hits().into(),
            puts: stats.puts,
            too_large: stats.too_large,
            failures: stats.failures,
            dropped: stats.dropped.iter().map(|(cause, n)| (cause.as_str(), *n)).collect(),
            saved_operations: stats.saved.operations,
            saved_ms: u64::try_from(stats.saved.elapsed.as_millis()).unwrap_or(u64::MAX),
            load_p50_us: micros(50),
            load_p99_us: micros(99),
            entries: stats.entries,
            size_bytes: stats.bytes,
            budget_bytes: stats.bytes_most,
        }
    }
}

impl From<Ratio> for RatioView {
    fn from(ratio: Ratio) -> Self {
        RatioView { of: ratio.of, all: ratio.all, share: ratio.share() }
    }
}
