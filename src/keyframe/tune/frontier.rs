//! Which spacings are worth a thought, and which one to take.

use std::num::NonZeroU64;

use super::model::{Pattern, Point, Stream, point};

/// A spacing, and whether another one is better in every way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// What it costs and brings.
    pub point: Point,
    /// Whether no other takes less space without slower reads on average, or has faster reads without more space.
    pub on_frontier: bool,
}

/// All spacings that were looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Frontier {
    /// Ascending by spacing.
    pub candidates: Vec<Candidate>,
    /// Which of them to take.
    pub recommended: usize,
    /// How it was chosen.
    pub method: Method,
    /// What reads take without any keyframe.
    pub without: Point,
}

/// How a spacing was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The bend of the frontier: with both bytes and mean on logarithmic scales from the least to the most of the frontier,
    /// the point whose two coordinates add up to the least, which is the one farthest below the line between the ends.
    Knee,
    /// One is better than all others in every way.
    Only,
    /// All are slower on average than reads without any keyframe.
    NoneHelps,
}

/// The least spacing that is looked at: what the reference writes.
const LEAST: u64 = 10;

/// 10 and its doubles, as long as they leave the longest stream a keyframe. Each divides the next.
#[must_use]
pub fn spacings(longest: u64) -> Vec<NonZeroU64> {
    let doubles =
        std::iter::successors(NonZeroU64::new(LEAST), |last| last.checked_mul(NonZeroU64::MIN.saturating_add(1)));
    doubles.take_while(|spacing| spacing.get() < longest).collect()
}

/// Works out all spacings; `None` if every stream is too short for any.
#[must_use]
pub fn frontier(streams: &[Stream], pattern: &Pattern) -> Option<Frontier> {
    let longest = streams.iter().map(|stream| stream.operations).max().unwrap_or_default();
    let points: Vec<Point> =
        spacings(longest).into_iter().map(|spacing| point(streams, pattern, Some(spacing))).collect();
    let better = |a: &Point, b: &Point| {
        a.bytes <= b.bytes && a.mean_ns <= b.mean_ns && (a.bytes < b.bytes || a.mean_ns < b.mean_ns)
    };
    let is_beaten = |it: &Point| points.iter().any(|other| better(other, it));
    let candidates: Vec<Candidate> =
        points.iter().map(|point| Candidate { point: *point, on_frontier: !is_beaten(point) }).collect();
    let without = point(streams, pattern, None);
    let recommended = knee(&candidates)?;
    let n_on_frontier = candidates.iter().filter(|candidate| candidate.on_frontier).count();
    let none_helps = candidates.iter().all(|candidate| candidate.point.mean_ns >= without.mean_ns);
    let method = match n_on_frontier {
        _ if none_helps => Method::NoneHelps,
        1 => Method::Only,
        _ => Method::Knee,
    };
    Some(Frontier { candidates, recommended, method, without })
}

/// The point of the frontier to take; of several that are as good, the one with the fewest keyframes.
fn knee(candidates: &[Candidate]) -> Option<usize> {
    let on_frontier = || candidates.iter().enumerate().filter(|(_, candidate)| candidate.on_frontier);
    let scaled = |value: fn(&Point) -> f64| {
        let log = move |point: &Point| value(point).max(1.0).ln();
        let (least, most) = on_frontier()
            .map(|(_, candidate)| log(&candidate.point))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), log| (least.min(log), most.max(log)));
        move |point: &Point| if most > least { (log(point) - least) / (most - least) } else { 0.0 }
    };
    let (bytes, mean) = (scaled(|point| point.bytes), scaled(|point| point.mean_ns));
    let sum = |(_, candidate): &(usize, &Candidate)| bytes(&candidate.point) + mean(&candidate.point);
    on_frontier().rev().min_by(|a, b| sum(a).total_cmp(&sum(b))).map(|(n, _)| n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyframe::tune::model::{Costs, Sizes, Stored};

    fn stream(operations: u64, operation_ns: f64, byte_ns: f64) -> Stream {
        let text = Sizes::new(vec![(0, 1000.0), (operations, 500_000.0)]);
        let costs = Costs { read_ns: 100_000.0, operation_ns, byte_ns };
        Stream { operations, costs, stored: Stored::Alone(text.clone()), text }
    }

    fn spacing(frontier: &Frontier) -> u64 {
        frontier.candidates[frontier.recommended].point.spacing.map_or(0, NonZeroU64::get)
    }

    #[test]
    fn spacings_double_up_to_the_longest_stream() {
        let spacings = |longest| spacings(longest).into_iter().map(NonZeroU64::get).collect::<Vec<_>>();
        assert_eq!(spacings(10), [0; 0]);
        assert_eq!(spacings(11), [10]);
        assert_eq!(spacings(81), [10, 20, 40, 80]);
        assert_eq!(spacings(u64::MAX).len(), 61);
    }

    #[test]
    fn the_knee_is_on_the_frontier_and_within() {
        let found = frontier(&[stream(20_000, 10_000.0, 0.1)], &Pattern::Uniform).unwrap();
        assert_eq!(found.method, Method::Knee);
        assert!(found.candidates[found.recommended].on_frontier);
        assert!(spacing(&found) > 10 && spacing(&found) < 10_240, "{found:?}");
        // Where replaying costs next to nothing, few keyframes are enough.
        let faster = frontier(&[stream(20_000, 10.0, 0.1)], &Pattern::Uniform).unwrap();
        assert!(spacing(&faster) >= spacing(&found), "{faster:?}");
    }

    #[test]
    fn where_loading_is_slow_few_keyframes_win_in_every_way() {
        let found = frontier(&[stream(1000, 100.0, 50.0)], &Pattern::Uniform).unwrap();
        assert_eq!(found.method, Method::NoneHelps, "{found:?}");
        assert_eq!((found.recommended, spacing(&found)), (found.candidates.len() - 1, 640));
        assert_eq!(found.candidates.iter().filter(|candidate| candidate.on_frontier).count(), 1);
    }

    #[test]
    fn short_streams_have_no_frontier() {
        assert_eq!(frontier(&[stream(10, 1.0, 1.0)], &Pattern::Uniform), None);
        assert_eq!(frontier(&[], &Pattern::HeadHeavy), None);
    }
}
