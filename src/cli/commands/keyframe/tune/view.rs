//! What `keyframe tune` answers.

use std::fmt::Write as _;
use std::num::NonZeroU64;

use schemars::JsonSchema;
use serde::Serialize;

use super::{PatternArg, TuneArgs};
use crate::cli::commands::import::count;
use crate::cli::quote;
use crate::cli::render::table::{Align, one_line, table};
use crate::keyframe::tune::{Frontier, Measured, Method, Point};
use crate::model::ids::StreamKey;
use crate::model::progress::Stop;
use crate::store::Codec;

/// What was measured, and what follows from it.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Tuning")]
pub(in crate::cli) struct TuneView {
    /// Where the store is; never with a password.
    location: String,
    /// Which revisions are read: `uniform`, `head-heavy` or `trace`.
    pattern: &'static str,
    /// Reads of the trace that are of none of the streams, or behind their heads; 0 without a trace.
    ignored_reads: u64,
    /// How many streams with more than 10 operations there are among those asked for.
    streams: u64,
    /// Whether every kind of stream was measured in the time there was.
    complete: bool,
    /// Those that were measured, the longest first; the others are taken to be like them.
    measured: Vec<MeasuredView>,
    /// Those for which keyframes are of no use; they are left out.
    useless: Vec<UselessView>,
    /// What keyframes at each spacing bring, a frontier for each way to store bodies.
    frontiers: Vec<FrontierView>,
}

/// A stream as it is named.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TunedStream")]
struct StreamView {
    /// The document.
    document: String,
    /// The scope.
    scope: String,
    /// The branch.
    branch: String,
}

/// What a stream costs.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "MeasuredStream")]
struct MeasuredView {
    /// The stream.
    stream: StreamView,
    /// The type of its document.
    document_type: String,
    /// How many operations it has.
    operations: u64,
    /// What a read of it costs, for each way to store bodies.
    costs: Vec<CostsView>,
}

/// What a read costs.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ReadCosts")]
struct CostsView {
    /// How bodies are stored.
    codec: &'static str,
    /// Any read, before it replays or loads anything, in nanoseconds.
    read_ns: f64,
    /// An operation that is replayed, in nanoseconds.
    operation_ns: f64,
    /// A byte of a body that is loaded, as long as it is when it is handed out, in nanoseconds.
    byte_ns: f64,
    /// The largest body that was measured, as it is handed out.
    largest_body_bytes: u64,
}

/// A stream without use for keyframes.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "UselessStream")]
struct UselessView {
    /// The stream.
    stream: StreamView,
    /// Why.
    reason: String,
}

/// What keyframes at each spacing bring.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TuningFrontier")]
struct FrontierView {
    /// How bodies are stored.
    codec: &'static str,
    /// By spacing, ascending.
    points: Vec<PointView>,
    /// The same without any keyframe.
    without: PointView,
    /// The spacing to take.
    recommended_spacing: u64,
    /// How it was chosen: `knee`, `only` or `noneHelps`.
    method: &'static str,
    /// The same as a sentence.
    reason: &'static str,
    /// A command that leaves such keyframes.
    command: String,
    /// Lines for `snapctl.toml` that say the same.
    settings: String,
}

/// What keyframes at a spacing cost and bring.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TuningPoint")]
struct PointView {
    /// Operations from one keyframe to the next; `null` is no keyframes.
    spacing: Option<u64>,
    /// How many keyframes there are.
    keyframes: u64,
    /// Bytes of all bodies as they are stored.
    size_bytes: u64,
    /// The most operations that a read replays.
    worst_operations: u64,
    /// The longest that a read of any revision takes, in milliseconds.
    worst_read_ms: f64,
    /// How long a read takes on average, in milliseconds.
    mean_read_ms: f64,
    /// Whether no other spacing is better in every way.
    on_frontier: bool,
}

/// What was asked for.
pub(super) struct Asked<'a> {
    pub(super) args: &'a TuneArgs,
    /// The store, as it is named on a command line.
    pub(super) store: &'a str,
    pub(super) ignored: u64,
    pub(super) streams: usize,
}

impl TuneView {
    pub(super) fn new(asked: &Asked<'_>, location: &str, measured: &Measured, frontiers: &[(Codec, Frontier)]) -> Self {
        let pattern = match (&asked.args.trace, asked.args.pattern) {
            (Some(_), _) => "trace",
            (None, PatternArg::Uniform) => "uniform",
            (None, PatternArg::HeadHeavy) => "head-heavy",
        };
        let costs = |stream: &crate::keyframe::tune::MeasuredStream| {
            let costs = stream.costs.iter().map(|(codec, costs, _)| CostsView {
                codec: codec.name(),
                read_ns: tenths(costs.read_ns),
                operation_ns: tenths(costs.operation_ns),
                byte_ns: (costs.byte_ns * 1e3).round() / 1e3,
                largest_body_bytes: whole(stream.text.largest()),
            });
            costs.collect()
        };
        TuneView {
            location: location.to_owned(),
            pattern,
            ignored_reads: asked.ignored,
            streams: asked.streams as u64,
            complete: measured.stopped != Some(Stop::TimedOut),
            measured: measured
                .streams
                .iter()
                .map(|stream| MeasuredView {
                    stream: StreamView::of(&stream.subject.stream),
                    document_type: stream.subject.document_type.to_string(),
                    operations: stream.subject.operations,
                    costs: costs(stream),
                })
                .collect(),
            useless: measured
                .useless
                .iter()
                .map(|(stream, reason)| UselessView { stream: StreamView::of(stream), reason: reason.clone() })
                .collect(),
            frontiers: frontiers.iter().map(|(codec, frontier)| FrontierView::of(asked, *codec, frontier)).collect(),
        }
    }

    /// For people; `picture` draws the frontier of a codec, if one is wanted.
    pub(super) fn text(&self, width: Option<u16>, picture: &dyn Fn(&str) -> Option<String>) -> String {
        let mut text = self.costs();
        for useless in &self.useless {
            let UselessView { stream, reason } = useless;
            let (document, scope, branch) = (&stream.document, &stream.scope, &stream.branch);
            // Writing to a string cannot fail.
            let _ = writeln!(text, "left out: {}", one_line(&format!("{document}/{scope}@{branch}: {reason}")));
        }
        for frontier in &self.frontiers {
            let _ = writeln!(text, "\n{} keyframes, reads {}:\n", frontier.codec, self.reads());
            text += &frontier.text(width);
            if let Some(picture) = picture(frontier.codec) {
                let _ = write!(text, "\n{picture}");
            }
            let _ = write!(
                text,
                "\nevery {} operations: {}\n  $ {}\nor in snapctl.toml:\n",
                frontier.recommended_spacing,
                frontier.reason,
                one_line(&frontier.command)
            );
            for line in frontier.settings.lines() {
                let _ = writeln!(text, "  {line}");
            }
        }
        text
    }

    fn reads(&self) -> &'static str {
        match self.pattern {
            "trace" => "as in the trace",
            "head-heavy" => "mostly near the head",
            _ => "of all revisions alike",
        }
    }

    /// What was measured, a stream and its costs in lines that fit a terminal.
    fn costs(&self) -> String {
        let mut text = format!("measured {} of {}:\n", self.measured.len(), count(self.streams, "stream"));
        for MeasuredView { stream, operations, costs, .. } in &self.measured {
            let _ = writeln!(text, "  {}  {}", one_line(&stream.to_text()), count(*operations, "operation"));
            for CostsView { codec, read_ns, operation_ns, byte_ns, .. } in costs {
                let (read, operation) = (read_ns / 1e3, operation_ns / 1e3);
                let _ = writeln!(
                    text,
                    "    {codec}: a read {read:.1} µs, an operation {operation:.3} µs, a byte of a keyframe {byte_ns:.2} ns"
                );
            }
        }
        text
    }
}

impl StreamView {
    fn of(stream: &StreamKey) -> Self {
        let StreamKey { document, scope, branch } = stream;
        StreamView { document: document.to_string(), scope: scope.to_string(), branch: branch.to_string() }
    }

    fn to_text(&self) -> String {
        let (document, scope, branch) =
            (self.document.as_str().into(), self.scope.as_str().into(), self.branch.as_str().into());
        StreamKey { document, scope, branch }.to_string()
    }
}

impl FrontierView {
    fn of(asked: &Asked<'_>, codec: Codec, frontier: &Frontier) -> Self {
        let points: Vec<PointView> = frontier
            .candidates
            .iter()
            .map(|candidate| PointView::of(&candidate.point, candidate.on_frontier))
            .collect();
        let spacing = points.get(frontier.recommended).and_then(|point| point.spacing).unwrap_or_default();
        let (method, reason) = match frontier.method {
            Method::Knee => {
                ("knee", "the bend of the frontier: on logarithmic scales, bytes and mean time are least together")
            }
            Method::Only => ("only", "no other takes less space, and none makes reads faster"),
            Method::NoneHelps => {
                ("noneHelps", "reads without any keyframe are no slower than with these, so the fewest will do")
            }
        };
        let mut command = format!("snapctl {} keyframe compact", quote::option("--store", asked.store));
        for target in &asked.args.targets {
            let _ = write!(command, " {}", quote::word(target));
        }
        let mut settings = format!("[keyframes.policies.tuned]\nkeep-every = {spacing}\n");
        let _ = write!(command, " --keep-every {spacing}");
        if codec != Codec::Json {
            let _ = write!(command, " --codec {codec}");
            let _ = writeln!(settings, "codec = \"{codec}\"");
        }
        FrontierView {
            codec: codec.name(),
            points,
            without: PointView::of(&frontier.without, true),
            recommended_spacing: spacing,
            method,
            reason,
            command,
            settings,
        }
    }

    fn text(&self, width: Option<u16>) -> String {
        let columns = [
            ("spacing", Align::Right),
            ("keyframes", Align::Right),
            ("bytes", Align::Right),
            ("worst replay", Align::Right),
            ("worst ms", Align::Right),
            ("mean ms", Align::Right),
            ("", Align::Left),
        ];
        let row = |point: &PointView| {
            let mark = match point.spacing {
                Some(spacing) if spacing == self.recommended_spacing => "recommended",
                Some(_) if point.on_frontier => "frontier",
                _ => "",
            };
            vec![
                point.spacing.map_or("none".to_owned(), |spacing| spacing.to_string()),
                point.keyframes.to_string(),
                point.size_bytes.to_string(),
                point.worst_operations.to_string(),
                format!("{:.3}", point.worst_read_ms),
                format!("{:.3}", point.mean_read_ms),
                mark.to_owned(),
            ]
        };
        let rows: Vec<Vec<String>> = self.points.iter().chain([&self.without]).map(row).collect();
        table(&columns, &rows, width)
    }
}

impl PointView {
    fn of(point: &Point, on_frontier: bool) -> Self {
        PointView {
            spacing: point.spacing.map(NonZeroU64::get),
            keyframes: point.keyframes,
            size_bytes: whole(point.bytes),
            worst_operations: point.worst_operations,
            worst_read_ms: (point.worst_ns / 1e3).round() / 1e3,
            mean_read_ms: (point.mean_ns / 1e3).round() / 1e3,
            on_frontier,
        }
    }
}

/// Nanoseconds as milliseconds, to a microsecond.
pub(super) fn millis(ns: f64) -> String {
    format!("{:.3}", ns / 1e6)
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes are not negative, and far below 2^64"
)]
fn whole(value: f64) -> u64 {
    value.round() as u64
}
