//! `stats --format openmetrics`: the text format of OpenMetrics 1.0
//! (<https://prometheus.io/docs/specs/om/open_metrics_spec/>). What a store holds is a gauge: it may become less.

use super::Figures;
use crate::cli::commands::cache::Counted;
use crate::cli::render::openmetrics::Exposition;
use crate::stats::{Bytes, Group};

/// A figure of streams.
type Figure = fn(&Group) -> u64;
/// A figure of keyframes.
type Size = fn(&Bytes) -> u64;

/// The whole exposition, with its end.
pub(super) fn text(figures: &Figures, cache: Option<&Counted>) -> String {
    let totals = &figures.totals;
    let mut out = Exposition::default();
    out.family("snapctl_documents", "gauge", "", "Documents with at least one operation.");
    for (document_type, n) in &totals.documents {
        out.sample("snapctl_documents", &[("document_type", document_type.as_str())], *n);
    }
    out.family("snapctl_unreadable_documents", "gauge", "", "Documents left out because a row does not decode.");
    out.sample("snapctl_unreadable_documents", &[], figures.unreadable);
    let groups: [(&str, &str, &str, Figure); 3] = [
        ("snapctl_streams", "", "Streams with at least one operation.", |group| group.streams),
        ("snapctl_operations", "", "Operations.", |group| group.counts.operations),
        ("snapctl_operation_bytes", "bytes", "Bytes of the actions of operations, as stored.", |group| {
            group.counts.operation_bytes
        }),
    ];
    for (name, unit, help, figure) in groups {
        out.family(name, "gauge", unit, help);
        for ((document_type, scope), group) in &totals.groups {
            let labels = [("document_type", document_type.as_str()), ("scope", scope.as_str())];
            out.sample(name, &labels, figure(group));
        }
    }
    let keyframes: [(&str, &str, &str, Size); 3] = [
        ("snapctl_keyframes", "", "Keyframes.", |bytes| bytes.keyframes),
        ("snapctl_keyframe_stored_bytes", "bytes", "Bytes of keyframes, as stored.", |bytes| bytes.stored_bytes),
        ("snapctl_keyframe_body_bytes", "bytes", "Bytes of keyframes, as they are handed out.", |bytes| {
            bytes.body_bytes
        }),
    ];
    for (name, unit, help, figure) in keyframes {
        out.family(name, "gauge", unit, help);
        for ((document_type, scope), group) in &totals.groups {
            for (codec, bytes) in &group.counts.keyframes {
                let stream = [("document_type", document_type.as_str()), ("scope", scope.as_str())];
                out.sample(name, &[stream[0], stream[1], ("codec", codec.name())], figure(bytes));
            }
        }
    }
    distances(figures, &mut out);
    if let Some(newest) = totals.newest {
        let name = "snapctl_newest_operation_timestamp_seconds";
        out.family(name, "gauge", "seconds", "Time of the newest operation, since the epoch.");
        let millis = newest.as_millis();
        let sign = if millis < 0 { "-" } else { "" };
        let (seconds, rest) = (millis.unsigned_abs() / 1000, millis.unsigned_abs() % 1000);
        out.sample(name, &[], format_args!("{sign}{seconds}.{rest:03}"));
    }
    if let Some(paths) = &figures.paths {
        let name = "snapctl_state_bytes";
        out.family(name, "gauge", "bytes", "Bytes of the states at the heads of streams, by top-level path.");
        for (path, at) in paths.largest() {
            out.sample(name, &[("path", path)], at.bytes);
        }
        out.family("snapctl_unbuilt_streams", "gauge", "", "Streams that cannot be rebuilt.");
        out.sample("snapctl_unbuilt_streams", &[], figures.unbuilt);
    }
    if let Some(cache) = cache {
        cache.expose(&mut out);
    }
    out.end()
}

fn distances(figures: &Figures, out: &mut Exposition) {
    let (name, distances) = ("snapctl_replay_distance_operations", &figures.totals.distances);
    out.family(
        name,
        "summary",
        "operations",
        "Operations that a read of a revision has to replay, over all revisions.",
    );
    for (per_mille, quantile) in [(500, "0.5"), (900, "0.9"), (990, "0.99"), (1000, "1.0")] {
        if let Some(value) = distances.percentile(per_mille) {
            out.sample(name, &[("quantile", quantile)], value);
        }
    }
    out.sample(&format!("{name}_sum"), &[], distances.sum());
    out.sample(&format!("{name}_count"), &[], distances.revisions());
}
