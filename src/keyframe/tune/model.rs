//! What keyframes at a spacing cost and bring.
//!
//! Keyframes of a stream are at the revisions that are multiples of the spacing, 0 left out, as the reference writes them.
//! A read of a revision loads the nearest keyframe at or below it, if there is one, and replays the operations after it.
//!
//! Of two spacings, the greater of which is a multiple of the other, the greater never takes more bytes where each body
//! is stored by itself, because its keyframes are among those of the other. Reads need not become slower: where a body
//! takes longer to load than the operations before it to replay, dense keyframes are a loss, and the model shows it.

use std::num::NonZeroU64;

/// What reading costs, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costs {
    /// Any read, before an operation is replayed or a body loaded.
    pub read_ns: f64,
    /// An operation that is replayed.
    pub operation_ns: f64,
    /// A byte of a body, as it is handed out: found, decompressed, compared with its checksum, parsed and taken for the state.
    pub byte_ns: f64,
}

/// A size in bytes along the revisions of a stream: known at some, and in between on a straight line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sizes(Vec<(u64, f64)>);

impl Sizes {
    /// From sizes at revisions, in any order.
    #[must_use]
    pub fn new(mut known: Vec<(u64, f64)>) -> Self {
        known.sort_by_key(|(revision, _)| *revision);
        known.dedup_by_key(|(revision, _)| *revision);
        Sizes(known)
    }

    /// The size at a revision. Outside of what is known it is that of the nearest that is; 0 where nothing is known.
    #[must_use]
    pub fn at(&self, revision: u64) -> f64 {
        let after = self.0.partition_point(|(known, _)| *known <= revision);
        match (after.checked_sub(1).and_then(|before| self.0.get(before)), self.0.get(after)) {
            (Some((from, a)), Some((to, b))) => a + (b - a) * real(revision - from) / real(to - from),
            (Some((_, only)), None) | (None, Some((_, only))) => *only,
            (None, None) => 0.0,
        }
    }

    /// The largest size that is known.
    #[must_use]
    pub fn largest(&self) -> f64 {
        self.0.iter().map(|(_, bytes)| *bytes).fold(0.0, f64::max)
    }
}

/// A size that grows with a distance.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Line {
    /// At distance 0.
    pub start: f64,
    /// For each step.
    pub slope: f64,
}

/// How the bodies of a stream are stored.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// Each by itself, with these sizes.
    Alone(Sizes),
    /// In groups, whose first body is stored by itself and all others as differences to it, which grow with the distance in
    /// operations.
    Groups {
        /// Of the first body of a group.
        first: Sizes,
        /// Of the others.
        difference: Line,
    },
}

/// A stream as the model sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// How many operations it has.
    pub operations: u64,
    /// What it costs to read.
    pub costs: Costs,
    /// Sizes of bodies as they are handed out.
    pub text: Sizes,
    /// Sizes of bodies as they are stored.
    pub stored: Stored,
}

/// Which revisions are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Every revision of every stream as often as any other.
    Uniform,
    /// Every stream as often as any other, and in it a revision the less, the farther it is from the head: one that is N
    /// operations before it in proportion to 1/(N+1).
    HeadHeavy,
    /// These, for each stream in order: a revision, and how often. Such as the stream does not have are left out.
    Trace(Vec<Vec<(u64, u64)>>),
}

/// What keyframes at a spacing cost and bring.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Operations from one to the next; `None` is no keyframes at all.
    pub spacing: Option<NonZeroU64>,
    /// How many keyframes there are.
    pub keyframes: u64,
    /// Bytes of all bodies as they are stored.
    pub bytes: f64,
    /// The most operations that a read of any revision replays.
    pub worst_operations: u64,
    /// The longest that a read of any revision takes.
    pub worst_ns: f64,
    /// How long a read takes on average, by the pattern; 0 if nothing is read.
    pub mean_ns: f64,
}

/// The most that a group holds beside its first body; see `store::codec`.
const MOST_IN_GROUP: u64 = 256;

/// What keyframes at a spacing cost and bring. Takes time in proportion to the keyframes, and to the length of a trace.
#[must_use]
pub fn point(streams: &[Stream], pattern: &Pattern, spacing: Option<NonZeroU64>) -> Point {
    let mut point = Point { spacing, keyframes: 0, bytes: 0.0, worst_operations: 0, worst_ns: 0.0, mean_ns: 0.0 };
    let (mut total, mut weight) = (0.0, 0.0);
    for (n, stream) in streams.iter().enumerate() {
        let mut read = (0.0, 0.0);
        for piece in stream.pieces(spacing) {
            point.worst_operations = point.worst_operations.max(piece.replayed(piece.end - 1));
            point.worst_ns = point.worst_ns.max(stream.read_ns(&piece, piece.end - 1));
            let (times, replayed) = match pattern {
                Pattern::Uniform => piece.uniform(),
                Pattern::HeadHeavy => piece.head_heavy(stream.operations),
                Pattern::Trace(_) => continue,
            };
            read.0 += times * (stream.costs.read_ns + stream.load_ns(&piece)) + replayed * stream.costs.operation_ns;
            read.1 += times;
        }
        if let Pattern::Trace(reads) = pattern {
            let reads = reads.get(n).into_iter().flatten();
            for (revision, times) in reads.filter(|(revision, _)| *revision < stream.operations) {
                read.0 += stream.read_ns(&Piece::of(*revision, spacing), *revision) * real(*times);
                read.1 += real(*times);
            }
        }
        // Streams are read equally often, whatever their weights add up to.
        let share = if matches!(pattern, Pattern::HeadHeavy) && read.1 > 0.0 { 1.0 / read.1 } else { 1.0 };
        total += read.0 * share;
        weight += read.1 * share;
        let (keyframes, bytes) = stream.stored_bytes(spacing);
        point.keyframes += keyframes;
        point.bytes += bytes;
    }
    point.mean_ns = if weight > 0.0 { total / weight } else { 0.0 };
    point
}

/// The revisions that are read from one base.
struct Piece {
    /// The keyframe; 0 is the state before operation 0.
    base: u64,
    /// The revision after the last.
    end: u64,
}

impl Piece {
    /// The one that a read of a revision alone is.
    fn of(revision: u64, spacing: Option<NonZeroU64>) -> Self {
        Piece { base: spacing.map_or(0, |step| revision / step * step.get()), end: revision + 1 }
    }

    /// How many operations a read of a revision replays.
    fn replayed(&self, revision: u64) -> u64 {
        if self.base == 0 { revision + 1 } else { revision - self.base }
    }

    /// How many reads there are, and how many operations they replay, if each revision is read once.
    fn uniform(&self) -> (f64, f64) {
        let (first, last) = (self.replayed(self.base), self.replayed(self.end - 1));
        let n = real(self.end - self.base);
        (n, n * (real(first) + real(last)) / 2.0)
    }

    /// The same, with the weight of [`Pattern::HeadHeavy`] in a stream of so many operations.
    fn head_heavy(&self, operations: u64) -> (f64, f64) {
        let n = real(self.end - self.base);
        let weight = harmonic(operations - self.base) - harmonic(operations - self.end);
        // The sum of (r - base) / (operations - r), and operation 0 where it is replayed, too.
        let replayed = real(operations - self.base) * weight - n;
        (weight, if self.base == 0 { replayed + weight } else { replayed })
    }
}

impl Stream {
    fn pieces(&self, spacing: Option<NonZeroU64>) -> impl Iterator<Item = Piece> + '_ {
        let step = spacing.map_or(u64::MAX, NonZeroU64::get);
        let mut base = Some(0_u64).filter(|_| self.operations > 0);
        std::iter::from_fn(move || {
            let start = base?;
            let next = start.checked_add(step).filter(|next| *next < self.operations);
            base = next;
            Some(Piece { base: start, end: next.unwrap_or(self.operations) })
        })
    }

    fn load_ns(&self, piece: &Piece) -> f64 {
        if piece.base == 0 { 0.0 } else { self.text.at(piece.base) * self.costs.byte_ns }
    }

    fn read_ns(&self, piece: &Piece, revision: u64) -> f64 {
        self.costs.read_ns + self.load_ns(piece) + real(piece.replayed(revision)) * self.costs.operation_ns
    }

    /// How many keyframes there are, and their bytes.
    fn stored_bytes(&self, spacing: Option<NonZeroU64>) -> (u64, f64) {
        let mut bases = self.pieces(spacing).map(|piece| piece.base).filter(|base| *base > 0);
        match &self.stored {
            Stored::Alone(sizes) => bases.fold((0, 0.0), |(n, bytes), base| (n + 1, bytes + sizes.at(base))),
            Stored::Groups { first, difference } => {
                let Some(mut start) = bases.next() else { return (0, 0.0) };
                // As the store makes them: a group ends before a difference that is larger than the mean so far.
                let (mut n, mut bytes, mut group, mut members) = (1, 0.0, first.at(start), 0_u64);
                for base in bases {
                    n += 1;
                    let larger = difference.start + difference.slope * real(base - start);
                    if members < MOST_IN_GROUP && larger * real(members + 1) <= group {
                        members += 1;
                        group += larger;
                    } else {
                        bytes += group;
                        (start, group, members) = (base, first.at(base), 0);
                    }
                }
                (n, bytes + group)
            }
        }
    }
}

/// 1 + 1/2 + … + 1/n, to more digits than a measurement has.
fn harmonic(n: u64) -> f64 {
    /// Euler's constant.
    const GAMMA: f64 = 0.577_215_664_901_532_9;
    if n < 64 {
        return (1..=n).rev().map(|k| 1.0 / real(k)).sum();
    }
    let n = real(n);
    n.ln() + GAMMA + 1.0 / (2.0 * n) - 1.0 / (12.0 * n * n)
}

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "no stream has 2^53 operations")]
pub(super) fn real(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spacing(n: u64) -> Option<NonZeroU64> {
        NonZeroU64::new(n)
    }

    fn stream(operations: u64, costs: (f64, f64, f64), sizes: &[(u64, f64)]) -> Stream {
        let (read_ns, operation_ns, byte_ns) = costs;
        let text = Sizes::new(sizes.to_vec());
        let stored = Stored::Alone(text.clone());
        Stream { operations, costs: Costs { read_ns, operation_ns, byte_ns }, text, stored }
    }

    /// The mean by reading every revision one by one.
    fn mean_by_hand(streams: &[Stream], spacing: u64, weight: impl Fn(&Stream, u64) -> f64, per_stream: bool) -> f64 {
        let (mut total, mut sum) = (0.0, 0.0);
        for stream in streams {
            let (mut own, mut weights) = (0.0, 0.0);
            for revision in 0..stream.operations {
                let base = revision / spacing * spacing;
                let Costs { read_ns, operation_ns, byte_ns } = stream.costs;
                let load = if base == 0 { operation_ns } else { stream.text.at(base) * byte_ns };
                let weight = weight(stream, revision);
                own += weight * (read_ns + load + real(revision - base) * operation_ns);
                weights += weight;
            }
            let share = if per_stream { 1.0 / weights } else { 1.0 };
            total += own * share;
            sum += weights * share;
        }
        total / sum
    }

    #[test]
    fn a_stream_worked_out_by_hand() {
        // Keyframes at 10 and 20 of revisions 0 to 24, of 100 and 200 bytes.
        let streams = [stream(25, (1000.0, 10.0, 1.0), &[(0, 0.0), (20, 200.0)])];
        let found = point(&streams, &Pattern::Uniform, spacing(10));
        assert_eq!((found.keyframes, found.worst_operations), (2, 10));
        assert!((found.bytes - 300.0).abs() < 1e-9, "{found:?}");
        // Revision 24 loads 200 bytes and replays 4; 19 loads 100 and replays 9; 9 replays 10.
        assert!((found.worst_ns - 1240.0).abs() < 1e-9, "{found:?}");
        let trace = Pattern::Trace(vec![vec![(9, 1), (20, 2), (99, 7)]]);
        let mean = point(&streams, &trace, spacing(10)).mean_ns;
        assert!((mean - (1100.0 + 2.0 * 1200.0) / 3.0).abs() < 1e-9, "{mean}");
        let none = point(&streams, &Pattern::Uniform, None);
        assert_eq!((none.keyframes, none.worst_operations), (0, 25));
        assert!(point(&[], &Pattern::HeadHeavy, spacing(10)).mean_ns.abs() < 1e-9);
    }

    #[test]
    fn groups_end_where_the_store_ends_them() {
        let mut only = stream(1001, (0.0, 1.0, 0.0), &[(0, 1000.0)]);
        only.stored = Stored::Groups { first: only.text.clone(), difference: Line { start: 10.0, slope: 1.0 } };
        let found = point(&[only.clone()], &Pattern::Uniform, spacing(10));
        assert_eq!(found.keyframes, 100);
        assert!(found.bytes < 100.0 * 1000.0 / 4.0, "{found:?}");
        only.stored = Stored::Groups { first: only.text.clone(), difference: Line { start: 5000.0, slope: 0.0 } };
        let alone = point(&[only], &Pattern::Uniform, spacing(10)).bytes;
        assert!((alone - 100_000.0).abs() < 1e-6, "no difference is worth it");
    }

    fn streams() -> impl Strategy<Value = Vec<Stream>> {
        let sizes = prop::collection::vec((0..3000_u64, 0.0..1e6_f64), 1..6);
        let one = (1..3000_u64, (0.0..1e5_f64, 1.0..1e5_f64, 0.0..20.0_f64), sizes);
        let one = one.prop_map(|(operations, costs, sizes)| stream(operations, costs, &sizes));
        prop::collection::vec(one, 1..4)
    }

    fn patterns() -> impl Strategy<Value = Pattern> {
        let reads = prop::collection::vec(prop::collection::vec((0..4000_u64, 1..9_u64), 0..9), 4);
        prop_oneof![Just(Pattern::Uniform), Just(Pattern::HeadHeavy), reads.prop_map(Pattern::Trace)]
    }

    proptest! {
        #[test]
        fn sums_are_those_of_all_revisions(streams in streams(), n in 1..500_u64) {
            for (pattern, by_hand) in [
                (Pattern::Uniform, mean_by_hand(&streams, n, |_, _| 1.0, false)),
                (Pattern::HeadHeavy, mean_by_hand(&streams, n, |stream, r| 1.0 / real(stream.operations - r), true)),
            ] {
                let mean = point(&streams, &pattern, spacing(n)).mean_ns;
                prop_assert!((mean - by_hand).abs() <= 1e-6 * by_hand.max(1.0), "{pattern:?}: {mean}, {by_hand}");
            }
        }

        #[test]
        fn a_multiple_never_takes_more_bytes(
            streams in streams(), pattern in patterns(), n in 1..300_u64, times in 2..9_u64,
        ) {
            let (dense, sparse) = (point(&streams, &pattern, spacing(n)), point(&streams, &pattern, spacing(n * times)));
            prop_assert!(sparse.bytes <= dense.bytes && sparse.keyframes <= dense.keyframes);
            prop_assert!(point(&streams, &pattern, None).bytes.abs() < 1e-9);
        }

        #[test]
        fn the_longest_replay_grows_with_the_spacing(streams in streams(), n in 1..3000_u64, more in 0..500_u64) {
            let (dense, sparse) = (spacing(n), spacing(n + more));
            let worst = |spacing| point(&streams, &Pattern::Uniform, spacing).worst_operations;
            prop_assert!(worst(dense) <= worst(sparse));
            prop_assert!(worst(sparse) <= worst(None));
            prop_assert!(worst(dense) <= n.max(1));
        }

        #[test]
        fn reads_grow_with_the_spacing_where_keyframes_are_worth_loading(
            streams in streams(), pattern in patterns(), n in 1..300_u64, times in 2..9_u64,
        ) {
            // A body loads in no more time than the operations of a spacing replay in.
            let streams: Vec<Stream> = streams.into_iter().map(|mut stream| {
                let most = stream.costs.operation_ns * real(n) / stream.text.largest().max(1.0);
                stream.costs.byte_ns = stream.costs.byte_ns.min(most);
                stream
            }).collect();
            let (dense, sparse) = (point(&streams, &pattern, spacing(n)), point(&streams, &pattern, spacing(n * times)));
            let rounding = 1.0 + 1e-9;
            prop_assert!(dense.worst_ns <= sparse.worst_ns * rounding);
            prop_assert!(dense.mean_ns <= sparse.mean_ns * rounding);
            prop_assert!(sparse.worst_ns <= point(&streams, &pattern, None).worst_ns * rounding);
        }
    }
}
