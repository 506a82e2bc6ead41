//! What became of requests to a tier, as JSON.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cache::stats::Ratio;
use crate::cache::{Reads, TierName, TierStats};
use crate::cli::render::openmetrics::Exposition;

/// What became of requests to a tier, and what it keeps.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Tier")]
pub(crate) struct TierView {
    /// Which it is.
    #[schemars(extend("enum" = ["memory", "disk"]))]
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

/// What became of reads through all tiers together.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Reads")]
pub(crate) struct ReadsView {
    /// How many there were, each of one scope of a document.
    requests: u64,
    /// Those whose state a tier had.
    exact: u64,
    /// Those that went on from an older state that a tier had.
    below: u64,
    /// Exact ones of all.
    exact_ratio: RatioView,
    /// Exact and older ones of all.
    hit_ratio: RatioView,
    /// Rows of operations that were read from the store.
    operations_read: u64,
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
        let micros = |percent| {
            let load = stats.loads.percentile(percent)?;
            Some(u64::try_from(load.as_micros()).unwrap_or(u64::MAX))
        };
        TierView {
            tier: name.as_str(),
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

impl From<Reads> for ReadsView {
    fn from(reads: Reads) -> Self {
        let Reads { requests, exact, below, operations_read } = reads;
        let of = |of| Ratio { of, all: requests }.into();
        ReadsView { requests, exact, below, exact_ratio: of(exact), hit_ratio: of(exact + below), operations_read }
    }
}

impl From<Ratio> for RatioView {
    fn from(ratio: Ratio) -> Self {
        RatioView { of: ratio.of, all: ratio.all, share: ratio.share() }
    }
}

impl TierView {
    /// As cells of a table: tier, requests, exact, older, hits, kept, bytes, saved operations, p50, p99.
    #[must_use]
    pub(crate) fn cells(&self) -> Vec<String> {
        let time = |micros: Option<u64>| micros.map(|micros| format!("{micros} µs")).unwrap_or_default();
        vec![
            self.tier.to_owned(),
            self.requests.to_string(),
            self.exact.to_string(),
            self.below.to_string(),
            self.hit_ratio.percent(),
            self.entries.to_string(),
            self.size_bytes.to_string(),
            self.saved_operations.to_string(),
            time(self.load_p50_us),
            time(self.load_p99_us),
        ]
    }
}

impl ReadsView {
    /// As cells of the same table.
    #[must_use]
    pub(crate) fn cells(&self) -> Vec<String> {
        let ReadsView { requests, exact, below, hit_ratio, .. } = self;
        let mut cells: Vec<String> =
            vec!["all".to_owned(), requests.to_string(), exact.to_string(), below.to_string(), hit_ratio.percent()];
        cells.resize(10, String::new());
        cells
    }
}

impl RatioView {
    fn percent(&self) -> String {
        self.share.map(|share| format!("{:.1} %", share * 100.0)).unwrap_or_default()
    }
}

/// A figure of a tier.
type Figure = fn(&TierStats) -> u64;

/// The counters of all tiers together, and of each.
pub(crate) fn expose(reads: Reads, tiers: &[(TierName, TierStats)], out: &mut Exposition) {
    let Reads { requests, exact, below, operations_read } = reads;
    let by_outcome = |exact, below, requests: u64| {
        [("exact", exact), ("below", below), ("miss", requests.saturating_sub(exact + below))]
    };
    out.family("snapctl_cache_reads", "counter", "", "Reads through all tiers, by what came of them.");
    for (outcome, n) in by_outcome(exact, below, requests) {
        out.sample("snapctl_cache_reads_total", &[("outcome", outcome)], n);
    }
    let name = "snapctl_cache_read_operations";
    out.family(name, "counter", "operations", "Rows of operations that these reads took from stores.");
    out.sample(&format!("{name}_total"), &[], operations_read);
    out.family("snapctl_cache_requests", "counter", "", "Requests to a tier, by what came of them.");
    for (tier, stats) in tiers {
        for (outcome, n) in by_outcome(stats.exact, stats.below, stats.requests) {
            out.sample("snapctl_cache_requests_total", &[("tier", tier.as_str()), ("outcome", outcome)], n);
        }
    }
    out.family("snapctl_cache_dropped_states", "counter", "states", "States that went, by cause.");
    for (tier, stats) in tiers {
        for (cause, n) in &stats.dropped {
            let labels = [("tier", tier.as_str()), ("cause", cause.as_str())];
            out.sample("snapctl_cache_dropped_states_total", &labels, *n);
        }
    }
    let counters: [(&str, &str, &str, Figure); 4] = [
        ("snapctl_cache_put_states", "states", "States that were put.", |stats| stats.puts),
        ("snapctl_cache_too_large_states", "states", "States that were larger than the budget allows.", |stats| {
            stats.too_large
        }),
        ("snapctl_cache_failures", "", "How often a tier was out of order.", |stats| stats.failures),
        ("snapctl_cache_saved_operations", "operations", "Operations that hits have saved.", |stats| {
            stats.saved.operations
        }),
    ];
    for (name, unit, help, figure) in counters {
        out.family(name, "counter", unit, help);
        for (tier, stats) in tiers {
            out.sample(&format!("{name}_total"), &[("tier", tier.as_str())], figure(stats));
        }
    }
    let gauges: [(&str, &str, &str, Figure); 2] = [
        ("snapctl_cache_states", "states", "States kept.", |stats| stats.entries),
        ("snapctl_cache_kept_bytes", "bytes", "Bytes that these take of the budget.", |stats| stats.bytes),
    ];
    for (name, unit, help, figure) in gauges {
        out.family(name, "gauge", unit, help);
        for (tier, stats) in tiers {
            out.sample(name, &[("tier", tier.as_str())], figure(stats));
        }
    }
}
