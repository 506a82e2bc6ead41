//! What a store costs to replay and to load.
//!
//! A stream is rebuilt at some revisions from the first operation, and again from a keyframe of just that revision, which is
//! made in memory. Both are done as every rebuild is done, so that all that a read needs is in the times. Each is done a
//! few times, and the least time counts: what else the machine does only ever adds.

use std::time::{Duration, Instant};

use super::model::{Costs, Line, Sizes, Stored, Stream, real};
use super::overlay::{Body, Overlay};
use crate::model::ids::{DocumentType, OpIndex, Revision, StreamKey};
use crate::model::json::{Json, Object, canonical};
use crate::model::progress::Stop;
use crate::replay::{Base, Goal, Position, ReplayError, Snapshot, Sources, Trust, state_at};
use crate::store::codec::compress;
use crate::store::{Codec, StoreError};

/// A stream that may be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The stream.
    pub stream: StreamKey,
    /// The type of its document.
    pub document_type: DocumentType,
    /// How many operations it has.
    pub operations: u64,
}

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// Streams whose costs are known.
    pub streams: Vec<MeasuredStream>,
    /// Streams for which keyframes are of no use, and why not: a sentence part.
    pub useless: Vec<(StreamKey, String)>,
    /// Why it ended before all was measured.
    pub stopped: Option<Stop>,
}

/// What a stream costs.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredStream {
    /// The stream.
    pub subject: Subject,
    /// By codec, as it was asked for: what reading costs, and how large bodies are.
    pub costs: Vec<(Codec, Costs, Stored)>,
    /// Sizes of bodies as they are handed out.
    pub text: Sizes,
}

/// At how many revisions a stream is measured.
const SAMPLES: u64 = 8;
/// How many streams of a type and scope are measured, the longest first.
const MOST_ALIKE: usize = 2;
/// How often something is done at most, and for how long it is done again.
const TRIES: u32 = 12;
const PATIENCE: Duration = Duration::from_millis(15);
/// Distances over which differences are measured beside those between samples.
const NEAR: [u64; 3] = [10, 40, 160];

/// Measures the longest streams of each type and scope, until `sources.progress` says to stop: what was measured by then is
/// handed out.
///
/// # Errors
/// `Store`, `Model`. A stream that cannot be replayed is of no use.
pub fn measure(sources: &Sources<'_>, subjects: &[Subject], codecs: &[Codec]) -> Result<Measured, ReplayError> {
    let mut measured = Measured::default();
    let mut order: Vec<&Subject> = subjects.iter().collect();
    order.sort_by(|a, b| b.operations.cmp(&a.operations).then_with(|| a.stream.cmp(&b.stream)));
    for subject in order {
        let alike = |other: &&MeasuredStream| subject.is_like(&other.subject);
        if measured.streams.iter().filter(alike).count() >= MOST_ALIKE {
            continue;
        }
        match (Bench { sources, subject, codecs }).measure() {
            Ok(Ok(stream)) => measured.streams.push(stream),
            Ok(Err(reason)) => measured.useless.push((subject.stream.clone(), reason)),
            Err(ReplayError::Stopped(stop)) => {
                measured.stopped = Some(stop);
                break;
            }
            Err(error @ (ReplayError::Rejected { .. } | ReplayError::Fold(_) | ReplayError::Model(_))) => {
                measured.useless.push((subject.stream.clone(), error.to_string()));
            }
            Err(ReplayError::Store(error @ StoreError::Corrupt { .. })) => {
                measured.useless.push((subject.stream.clone(), error.to_string()));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(measured)
}

impl Subject {
    fn is_like(&self, other: &Subject) -> bool {
        self.document_type == other.document_type && self.stream.scope == other.stream.scope
    }
}

impl Measured {
    /// The streams as the model sees them: those that were measured, and others as the one of the same type and scope, or any
    /// if there is none, whose length is the nearest. Streams for which keyframes are of no use are left out.
    #[must_use]
    pub fn model(&self, subjects: &[Subject], codec: Codec) -> Vec<(Subject, Stream)> {
        let useful = |subject: &&Subject| !self.useless.iter().any(|(stream, _)| *stream == subject.stream);
        let modelled = subjects.iter().filter(useful).filter_map(|subject| {
            let nearest = |stream: &&MeasuredStream| {
                let same = stream.subject.stream == subject.stream;
                let distance = stream.subject.operations.abs_diff(subject.operations);
                (!same, !stream.subject.is_like(subject), distance)
            };
            let known = self.streams.iter().min_by_key(nearest)?;
            let (_, costs, stored) = known.costs.iter().find(|(of, ..)| *of == codec)?;
            let (costs, text, stored) = (*costs, known.text.clone(), stored.clone());
            Some((subject.clone(), Stream { operations: subject.operations, costs, text, stored }))
        });
        modelled.collect()
    }
}

/// A stream being measured.
struct Bench<'b> {
    sources: &'b Sources<'b>,
    subject: &'b Subject,
    codecs: &'b [Codec],
}

/// A revision with its body, and the time that a replay up to it took.
struct Sample {
    revision: Revision,
    text: Vec<u8>,
    replayed: Duration,
}

impl Bench<'_> {
    /// The costs, or why keyframes are of no use.
    fn measure(&self) -> Result<Result<MeasuredStream, String>, ReplayError> {
        let last = self.subject.operations.saturating_sub(1);
        let none = Sources { trust: Trust::None, ..*self.sources };
        // What is read first comes from the disk; and it tells what a read costs before it replays.
        let (_, before) = self.time(|| self.rebuild(&none, Revision::of(OpIndex::FIRST)))?;
        let mut samples: Vec<Sample> = Vec::new();
        for n in 1..=SAMPLES {
            let revision = Revision::of(OpIndex::new((last * n).div_ceil(SAMPLES)));
            if samples.last().is_some_and(|sample| sample.revision == revision) {
                continue;
            }
            samples.push(self.sample(&none, revision)?);
        }
        let replayed: f64 = samples.iter().map(|sample| nanos(sample.replayed.saturating_sub(before))).sum();
        let operations: f64 = samples.iter().map(|sample| real(sample.revision.get())).sum();
        let operation_ns = (replayed / operations.max(1.0)).max(1.0);
        let read_ns = (nanos(before) - operation_ns).max(0.0);
        let mut costs = Vec::new();
        for codec in self.codecs {
            let (mut loaded, mut bytes) = (0.0, 0.0);
            for (n, sample) in samples.iter().enumerate() {
                let base = n.checked_sub(1).map(|before| &samples[before].text[..]);
                match self.load(sample, *codec, base)? {
                    Ok(took) => loaded += (nanos(took) - read_ns).max(0.0),
                    Err(reason) => return Ok(Err(reason)),
                }
                bytes += real(sample.text.len() as u64);
            }
            let stored = self.stored(*codec, &samples, &none)?;
            costs.push((*codec, Costs { read_ns, operation_ns, byte_ns: loaded / bytes.max(1.0) }, stored));
        }
        let size = |sample: &Sample| (sample.revision.get(), real(sample.text.len() as u64));
        let text = Sizes::new(samples.iter().map(size).collect());
        Ok(Ok(MeasuredStream { subject: self.subject.clone(), costs, text }))
    }

    fn sample(&self, none: &Sources<'_>, revision: Revision) -> Result<Sample, ReplayError> {
        let (snapshot, replayed) = self.time(|| self.rebuild(none, revision))?;
        Ok(Sample { revision, text: body(&snapshot), replayed })
    }

    /// The time that a read of a revision takes from its own keyframe, or why it is not used.
    fn load(
        &self,
        sample: &Sample,
        codec: Codec,
        base: Option<&[u8]>,
    ) -> Result<Result<Duration, String>, ReplayError> {
        let base = base.filter(|_| codec == Codec::ZstdDelta);
        let body = match Body::store(&sample.text, codec, base) {
            Ok(body) => body,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let overlay = Overlay {
            read: self.sources.read,
            stream: self.subject.stream.clone(),
            revision: sample.revision,
            document_type: self.subject.document_type.clone(),
            body,
        };
        let sources = Sources { read: &overlay, trust: Trust::Any, ..*self.sources };
        let (snapshot, took) = self.time(|| self.rebuild(&sources, sample.revision))?;
        if snapshot.explain.base == Base::Keyframe(sample.revision) {
            return Ok(Ok(took));
        }
        let reason = snapshot.explain.considered.into_iter().next().map(|considered| considered.reason);
        Ok(Err(format!("no keyframe can be its base: {}", reason.unwrap_or_else(|| "it is not looked for".to_owned()))))
    }

    /// How bodies are stored with a codec.
    fn stored(&self, codec: Codec, samples: &[Sample], none: &Sources<'_>) -> Result<Stored, ReplayError> {
        let compressed = |text: &[u8], prefix: Option<&[u8]>| {
            compress(text, prefix).map_or_else(|_| text.len(), |bytes| bytes.len()) as u64
        };
        let alone = |of: &dyn Fn(&[u8]) -> u64| {
            Sizes::new(samples.iter().map(|sample| (sample.revision.get(), real(of(&sample.text)))).collect())
        };
        match codec {
            Codec::Json => return Ok(Stored::Alone(alone(&|text| text.len() as u64))),
            Codec::Zstd => return Ok(Stored::Alone(alone(&|text| compressed(text, None)))),
            Codec::ZstdDelta => {}
        }
        let mut differences = Vec::new();
        let mut compare = |a: &Sample, b: &Sample| {
            let distance = b.revision.get() - a.revision.get();
            differences.push((real(distance), real(compressed(&b.text, Some(&a.text)))));
        };
        for pair in samples.windows(2) {
            compare(&pair[0], &pair[1]);
        }
        if let Some(middle) = samples.get(samples.len() / 2) {
            for revision in NEAR.iter().filter_map(|distance| middle.revision.checked_sub(*distance)) {
                compare(&self.sample(none, revision)?, middle);
            }
        }
        Ok(Stored::Groups { first: alone(&|text| compressed(text, None)), difference: line(&differences) })
    }

    fn rebuild(&self, sources: &Sources<'_>, revision: Revision) -> Result<Snapshot, ReplayError> {
        let StreamKey { document, scope, branch } = &self.subject.stream;
        state_at(sources, Goal { document, branch, scope, position: Position::At(Some(revision)) })
    }

    /// Does something at least once, and says how long it took when it was fastest.
    fn time<T>(&self, work: impl Fn() -> Result<T, ReplayError>) -> Result<(T, Duration), ReplayError> {
        let (mut result, mut least, mut spent) = (None, Duration::MAX, Duration::ZERO);
        for _ in 0..TRIES {
            self.sources.progress.check()?;
            let started = Instant::now();
            let value = work()?;
            let took = started.elapsed();
            (result, least, spent) = (Some(value), least.min(took), spent + took);
            if spent > PATIENCE {
                break;
            }
        }
        Ok((result.expect("it was done once at least"), least))
    }
}

/// The document as a keyframe holds it (reactor format §2.2), but for its initial state, which is small.
fn body(snapshot: &Snapshot) -> Vec<u8> {
    let scopes = snapshot.state.scopes().into_iter();
    let state: Object<'static> = scopes
        .filter_map(|scope| Some((scope.as_str().to_owned().into(), snapshot.state.scope(scope.as_str())?)))
        .collect();
    let members = [
        ("header", Json::Object(snapshot.header.clone())),
        ("state", Json::Object(state)),
        ("initialState", Json::Object(Object::new())),
        ("operations", Json::Object(Object::new())),
        ("clipboard", Json::Array(Vec::new())),
    ];
    canonical(&Json::Object(members.into_iter().map(|(name, value)| (name.to_owned().into(), value)).collect()))
}

/// The line that fits best, near points more than far ones; it never falls.
fn line(points: &[(f64, f64)]) -> Line {
    let (mut weights, mut mean_x, mut mean_y) = (0.0, 0.0, 0.0);
    for (x, y) in points {
        let weight = 1.0 / x.max(1.0);
        weights += weight;
        mean_x += weight * x;
        mean_y += weight * y;
    }
    if weights == 0.0 {
        return Line::default();
    }
    (mean_x, mean_y) = (mean_x / weights, mean_y / weights);
    let (mut xx, mut xy) = (0.0, 0.0);
    for (x, y) in points {
        let weight = 1.0 / x.max(1.0);
        xx += weight * (x - mean_x) * (x - mean_x);
        xy += weight * (x - mean_x) * (y - mean_y);
    }
    let slope = if xx > 0.0 { (xy / xx).max(0.0) } else { 0.0 };
    let start = mean_y - slope * mean_x;
    // Through the origin where the line would begin below it.
    if start < 0.0 { Line { start: 0.0, slope: mean_y / mean_x.max(1.0) } } else { Line { start, slope } }
}

fn nanos(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_through_points_that_are_on_one() {
        let found = line(&[(10.0, 120.0), (40.0, 180.0), (160.0, 420.0)]);
        assert!((found.start - 100.0).abs() < 1e-6 && (found.slope - 2.0).abs() < 1e-6, "{found:?}");
        assert_eq!(line(&[]), Line::default());
        assert!(line(&[(10.0, 50.0), (20.0, 30.0)]).slope.abs() < 1e-9, "nothing shrinks with the distance");
        let found = line(&[(10.0, 1.0), (20.0, 50.0)]);
        assert!(found.start >= 0.0 && found.slope > 0.0, "{found:?}");
    }
}
