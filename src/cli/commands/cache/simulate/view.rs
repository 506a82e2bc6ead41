//! What `cache simulate` answers.

use std::num::NonZeroU64;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cache::memory::Bounds;
use crate::cache::simulate::{Outcome, TierOutcome};
use crate::cache::stats::Ratio;
use crate::cache::trace::Trace;
use crate::cli::commands::import::count;
use crate::cli::render::bar::{self, bar, size};
use crate::cli::render::table::{Align, table};
use crate::cli::ui::ink;
use crate::model::size::ByteSize;

/// What became of a trace in one configuration.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SimulatedConfiguration")]
pub(in crate::cli) struct ConfigurationView {
    /// Bytes of the memory tier.
    memory_bytes: u64,
    /// States that it keeps of a stream.
    ring: u64,
    /// Streams that it keeps.
    streams: u64,
    /// Bytes of the disk tier; `null` is no such tier.
    disk_bytes: Option<u64>,
    /// Operations from one keyframe to the next; `null` is no keyframes.
    keyframe_every: Option<u64>,
    /// Reads of the trace.
    reads: u64,
    /// The share of reads that the memory tier answered exactly.
    hit_ratio: f64,
    /// The most that any memory of this size could have answered.
    optimum: OptimumView,
    /// What the memory tier made of the reads.
    memory: TierView,
    /// What the disk tier made of those that were asked of it; `null` without one.
    disk: Option<TierView>,
    /// Reads that went on from an older state in a tier.
    from_tier: u64,
    /// Reads that went on from a keyframe.
    from_keyframe: u64,
    /// Reads that began at the first operation.
    from_nothing: u64,
    /// Operations that all reads replayed.
    replayed_operations: u64,
    /// About how long all reads took, by the costs given, in milliseconds.
    estimated_ms: f64,
}

/// The most reads that could be answered exactly: an upper bound, which need not be reached.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SimulatedOptimum")]
struct OptimumView {
    /// Reads.
    exact: u64,
    /// Their share of all reads.
    hit_ratio: f64,
}

/// What a tier made of reads.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SimulatedTier")]
struct TierView {
    /// Reads that were asked of it: not those whose head the other tier knew to be one.
    requests: u64,
    /// How often the state was there.
    exact: u64,
    /// How often an older one was there.
    below: u64,
    /// How often nothing was there.
    misses: u64,
    /// States that went because of its bounds.
    dropped: u64,
    /// States that were too large for it.
    too_large: u64,
    /// States that it keeps at the end.
    entries: u64,
    /// What these take.
    size_bytes: u64,
    /// The most they ever took.
    peak_bytes: u64,
}

impl ConfigurationView {
    pub(super) fn new(outcome: &Outcome) -> Self {
        let Outcome { configuration, reads, memory, disk, most_exact, work } = outcome;
        let Bounds { ring, streams, bytes } = configuration.size.memory;
        ConfigurationView {
            memory_bytes: bytes,
            ring: ring.get() as u64,
            streams: streams.get() as u64,
            disk_bytes: configuration.size.disk.map(|disk| disk.most_bytes),
            keyframe_every: configuration.keyframe_every.map(NonZeroU64::get),
            reads: *reads,
            hit_ratio: share(memory.exact, *reads),
            optimum: OptimumView { exact: *most_exact, hit_ratio: share(*most_exact, *reads) },
            memory: memory.into(),
            disk: disk.as_ref().map(TierView::from),
            from_tier: work.from_tier,
            from_keyframe: work.from_keyframe,
            from_nothing: work.from_nothing,
            replayed_operations: work.operations,
            estimated_ms: (work.elapsed_ns / 1e3).round() / 1e3,
        }
    }
}

impl From<&TierOutcome> for TierView {
    fn from(outcome: &TierOutcome) -> Self {
        let TierOutcome { requests, exact, below, misses, dropped, too_large, entries, bytes, bytes_peak } = *outcome;
        TierView {
            requests,
            exact,
            below,
            misses,
            dropped,
            too_large,
            entries,
            size_bytes: bytes,
            peak_bytes: bytes_peak,
        }
    }
}

/// The share of some reads, to four digits. There is at least one read.
fn share(of: u64, all: u64) -> f64 {
    let share = Ratio { of, all }.share().unwrap_or_default();
    (share * 1e4).round() / 1e4
}

/// One of the sizes that a configuration has.
struct Dimension {
    title: &'static str,
    /// As a table shows it.
    cell: fn(&ConfigurationView) -> String,
    /// The same in words.
    words: fn(&ConfigurationView) -> String,
}

const DIMENSIONS: [Dimension; 5] = [
    Dimension {
        title: "memory",
        cell: |view| ByteSize(view.memory_bytes).to_string(),
        words: |view| format!("memory {}", ByteSize(view.memory_bytes)),
    },
    Dimension {
        title: "ring",
        cell: |view| view.ring.to_string(),
        words: |view| format!("{} of a stream", count(view.ring, "state")),
    },
    Dimension { title: "streams", cell: |view| view.streams.to_string(), words: |view| count(view.streams, "stream") },
    Dimension {
        title: "disk",
        cell: |view| view.disk_bytes.map_or("none".to_owned(), |bytes| ByteSize(bytes).to_string()),
        words: |view| view.disk_bytes.map_or("no disk tier".to_owned(), |bytes| format!("disk {}", ByteSize(bytes))),
    },
    Dimension {
        title: "keyframes",
        cell: |view| view.keyframe_every.map_or("none".to_owned(), |every| every.to_string()),
        words: |view| {
            let every = |every| format!("keyframes every {}", count(every, "operation"));
            view.keyframe_every.map_or("no keyframes".to_owned(), every)
        },
    },
];

/// For people: what all configurations share in words, and a table of what they do not.
pub(super) fn text(trace: &Trace, views: &[ConfigurationView], width: Option<u16>) -> String {
    let differs = |dimension: &&Dimension| {
        let first = views.first().map(dimension.cell);
        views.iter().any(|view| Some((dimension.cell)(view)) != first)
    };
    let (differing, same): (Vec<&Dimension>, Vec<&Dimension>) = DIMENSIONS.iter().partition(differs);
    let Some(first) = views.first() else { return String::new() };
    let appended = trace.accesses().len() as u64 - first.reads;
    let (reads, appends) = (count(first.reads, "read"), count(appended, "append"));
    let streams = count(trace.streams().len() as u64, "stream");
    let words: Vec<String> = same.iter().map(|dimension| (dimension.words)(first)).collect();
    let same = if words.is_empty() { String::new() } else { format!("all with {}\n", words.join(", ")) };
    format!("{reads} and {appends} of {streams}\n{same}\n{}", comparison(&differing, views, width))
}

/// A line a configuration, with a bar of its hits and what could be had besides.
fn comparison(differing: &[&Dimension], views: &[ConfigurationView], width: Option<u16>) -> String {
    use Align::{Left, Right};
    let has_disk = views.iter().any(|view| view.disk.is_some());
    let mut columns: Vec<(&str, Align)> = differing.iter().map(|dimension| (dimension.title, Right)).collect();
    columns.extend([("hits", Right), ("at most", Right)]);
    columns.extend(has_disk.then_some(("on disk", Right)));
    columns.extend([("replayed", Right), ("peak", Right), ("time", Right)]);
    let row = |view: &ConfigurationView| {
        let mut cells: Vec<String> = differing.iter().map(|dimension| (dimension.cell)(view)).collect();
        cells.extend([percent(view.hit_ratio), percent(view.optimum.hit_ratio)]);
        let on_disk = |disk: &TierView| percent(share(disk.exact, view.reads));
        cells.extend(has_disk.then(|| view.disk.as_ref().map(on_disk).unwrap_or_default()));
        cells.extend([view.replayed_operations.to_string(), size(view.memory.peak_bytes), time(view.estimated_ms)]);
        cells
    };
    let mut rows: Vec<Vec<String>> = views.iter().map(row).collect();
    let cells: Vec<&[String]> = rows.iter().map(Vec::as_slice).collect();
    if let Some(width) = bar::room(&columns, &cells, width) {
        columns.push(("", Left));
        for (cells, view) in rows.iter_mut().zip(views) {
            cells.push(picture(view, width));
        }
    }
    table(&columns, &rows, width)
}

/// The hits as a bar, and dots up to the optimum.
fn picture(view: &ConfigurationView, width: u16) -> String {
    let mut picture = bar(view.memory.exact, view.reads, width, ink());
    let most = bar(view.optimum.exact, view.reads, width, ink()).chars().count();
    let dots = most.saturating_sub(picture.chars().count());
    picture.extend(std::iter::repeat_n('.', dots));
    picture
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn time(ms: f64) -> String {
    match ms {
        ms if ms < 1.0 => format!("{:.0} µs", ms * 1e3),
        ms if ms < 10_000.0 => format!("{ms:.1} ms"),
        ms => format!("{:.1} s", ms / 1e3),
    }
}
