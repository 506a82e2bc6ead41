//! What `stats` answers as JSON. Its members and their order are a contract.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Figures, Ranked, TopKey};
use crate::keyframe::Worst;
use crate::model::ids::StreamKey;
use crate::stats::{Counts, Group, Paths};

/// What a store holds, in figures.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Stats")]
pub(in crate::cli) struct StatsView {
    /// Where the store is; never with a password.
    location: String,
    /// Documents with at least one operation.
    documents: u64,
    #[serde(flatten)]
    all: CountsView,
    /// When the newest operation was made; `null` if there is none.
    #[schemars(extend("format" = "date-time"))]
    newest_at: Option<String>,
    /// Documents that were left out because a row of them does not decode.
    unreadable_documents: u64,
    /// How many operations reads have to replay.
    replay_distance: DistanceView,
    /// The same by document type.
    by_type: Vec<TypeView>,
    /// The same by scope.
    by_scope: Vec<ScopeView>,
    /// Keyframes by the way their bodies are stored.
    by_codec: Vec<CodecView>,
    /// Operations by the days of their times, in UTC; days without any are left out.
    by_day: Vec<DayView>,
    /// With --paths: what the bytes of the states at the heads are, the largest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "PathsView")]
    paths: Option<PathsView>,
    /// With --top: the streams that are first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "TopView")]
    top: Option<TopView>,
}

/// How much there is.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
struct CountsView {
    /// Streams with at least one operation.
    streams: u64,
    /// Operations.
    operations: u64,
    /// Bytes of their actions, as stored.
    operation_bytes: u64,
    /// Keyframes.
    keyframes: u64,
    /// Bytes of their bodies, as stored.
    keyframe_bytes: u64,
    /// Bytes of their bodies, as they are handed out.
    keyframe_body_bytes: u64,
}

/// Documents of one type.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TypeStats")]
struct TypeView {
    /// The document type.
    document_type: String,
    /// Documents with at least one operation.
    documents: u64,
    #[serde(flatten)]
    counts: CountsView,
}

/// Streams of one scope.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "ScopeStats")]
struct ScopeView {
    /// The scope.
    scope: String,
    #[serde(flatten)]
    counts: CountsView,
}

/// Keyframes that are stored in one way.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CodecStats")]
struct CodecView {
    /// How their bodies are stored.
    codec: &'static str,
    /// How many there are.
    keyframes: u64,
    /// Bytes of their bodies, as stored.
    stored_bytes: u64,
    /// Bytes of their bodies, as they are handed out.
    body_bytes: u64,
}

/// Operations of one day.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DayStats")]
struct DayView {
    /// The day.
    #[schemars(extend("format" = "date"))]
    day: String,
    /// Operations.
    operations: u64,
    /// Bytes of their actions.
    operation_bytes: u64,
}

/// How many operations reads have to replay.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "ReplayDistance")]
struct DistanceView {
    /// Of how many revisions; scope `document` is left out.
    revisions: u64,
    /// The sum over all of them.
    sum: u64,
    /// Half of them have at most this distance; `null` if there are none.
    p50: Option<u64>,
    /// Nine of ten have at most this.
    p90: Option<u64>,
    /// Ninety-nine of a hundred have at most this.
    p99: Option<u64>,
    /// None has more.
    max: Option<u64>,
    /// Where that is.
    worst: Option<WorstView>,
}

/// The revision that takes the longest replay.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Worst")]
struct WorstView {
    /// The document.
    document: String,
    /// The scope.
    scope: String,
    /// The branch.
    branch: String,
    /// The revision.
    revision: u64,
    /// The keyframe that it is replayed from; `null` is from before the first operation.
    from: Option<u64>,
}

/// What the bytes of the states at the heads are.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Paths")]
struct PathsView {
    /// The paths, the largest first.
    largest: Vec<PathView>,
    /// Bytes at other paths, where there are more than ten thousand.
    other_bytes: u64,
    /// Streams that cannot be rebuilt.
    unbuilt_streams: u64,
}

/// What is at one path.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PathStats")]
struct PathView {
    /// A JSON pointer into the states of a document: scope and member.
    path: String,
    /// In how many streams there is something.
    streams: u64,
    /// Bytes of its canonical texts.
    size_bytes: u64,
}

/// The streams that are first by something.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Top")]
struct TopView {
    /// By what.
    #[schemars(extend("enum" = ["bytes", "operations", "keyframes", "distance", "replay-ms"]))]
    by: &'static str,
    /// The greatest first.
    streams: Vec<StreamView>,
}

/// A stream.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "StreamStats")]
struct StreamView {
    /// The document.
    document: String,
    /// The scope.
    scope: String,
    /// The branch.
    branch: String,
    /// The type of the document.
    document_type: String,
    /// Operations.
    operations: u64,
    /// Bytes of their actions, as stored.
    operation_bytes: u64,
    /// Keyframes.
    keyframes: u64,
    /// Bytes of their bodies, as stored.
    keyframe_bytes: u64,
    /// How many operations have to be replayed for its worst revision; `null` for scope `document`.
    distance: Option<u64>,
    /// With --top replay-ms: milliseconds that a rebuild of its head took from the first operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    replay_ms: Option<f64>,
}

impl StatsView {
    pub(super) fn new(figures: &Figures) -> Self {
        let totals = &figures.totals;
        let all = totals.all();
        let types = totals.by_type().into_iter().map(|(document_type, group)| TypeView {
            documents: totals.documents.get(&document_type).copied().unwrap_or_default(),
            document_type: document_type.to_string(),
            counts: CountsView::new(&group),
        });
        let scopes = totals.by_scope().into_iter();
        let days = totals.days.iter().map(|(day, growth)| DayView {
            day: day.to_string(),
            operations: growth.operations,
            operation_bytes: growth.operation_bytes,
        });
        let codecs = all.counts.keyframes.iter().map(|(codec, bytes)| CodecView {
            codec: codec.name(),
            keyframes: bytes.keyframes,
            stored_bytes: bytes.stored_bytes,
            body_bytes: bytes.body_bytes,
        });
        StatsView {
            location: figures.location.clone(),
            documents: totals.n_documents(),
            all: CountsView::new(&all),
            newest_at: totals.newest.map(|time| time.to_string()),
            unreadable_documents: figures.unreadable,
            replay_distance: DistanceView {
                revisions: totals.distances.revisions(),
                sum: totals.distances.sum(),
                p50: totals.distances.percentile(500),
                p90: totals.distances.percentile(900),
                p99: totals.distances.percentile(990),
                max: totals.distances.max(),
                worst: totals.worst.as_ref().map(|(stream, worst)| WorstView::new(stream, worst)),
            },
            by_type: types.collect(),
            by_scope: scopes
                .map(|(scope, group)| ScopeView { scope: scope.to_string(), counts: CountsView::new(&group) })
                .collect(),
            by_codec: codecs.collect(),
            by_day: days.collect(),
            paths: figures.paths.as_ref().map(|paths| PathsView::new(paths, figures.unbuilt)),
            top: figures.top.as_ref().map(|(key, ranked)| TopView {
                by: key.name(),
                streams: ranked.iter().map(|ranked| StreamView::new(*key, ranked)).collect(),
            }),
        }
    }
}

impl CountsView {
    fn new(Group { streams, counts }: &Group) -> Self {
        let Counts { operations, operation_bytes, .. } = counts;
        let keyframes = counts.all_keyframes();
        CountsView {
            streams: *streams,
            operations: *operations,
            operation_bytes: *operation_bytes,
            keyframes: keyframes.keyframes,
            keyframe_bytes: keyframes.stored_bytes,
            keyframe_body_bytes: keyframes.body_bytes,
        }
    }
}

impl WorstView {
    fn new(stream: &StreamKey, worst: &Worst) -> Self {
        WorstView {
            document: stream.document.to_string(),
            scope: stream.scope.to_string(),
            branch: stream.branch.to_string(),
            revision: worst.at.get(),
            from: worst.from.map(crate::model::ids::Revision::get),
        }
    }
}

impl PathsView {
    fn new(paths: &Paths, unbuilt_streams: u64) -> Self {
        let largest = paths.largest().into_iter().map(|(path, at)| PathView {
            path: path.to_owned(),
            streams: at.streams,
            size_bytes: at.bytes,
        });
        PathsView { largest: largest.collect(), other_bytes: paths.others.bytes, unbuilt_streams }
    }
}

impl StreamView {
    #[expect(clippy::cast_precision_loss, reason = "nobody measures so long")]
    fn new(key: TopKey, ranked: &Ranked) -> Self {
        let StreamKey { document, scope, branch } = &ranked.figures.stream;
        let counts = &ranked.figures.counts;
        let keyframes = counts.all_keyframes();
        StreamView {
            document: document.to_string(),
            scope: scope.to_string(),
            branch: branch.to_string(),
            document_type: ranked.document_type.to_string(),
            operations: counts.operations,
            operation_bytes: counts.operation_bytes,
            keyframes: keyframes.keyframes,
            keyframe_bytes: keyframes.stored_bytes,
            distance: ranked.figures.worst.map(|worst| worst.operations),
            replay_ms: (key == TopKey::ReplayMs).then_some(ranked.value as f64 / 1000.0),
        }
    }
}
