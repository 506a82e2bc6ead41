//! How many exact hits any memory of a size can have.
//!
//! The best choice of what to keep is known only where all states are of one size (L. A. Belady, *A study of replacement
//! algorithms for a virtual-storage computer*, IBM Systems Journal 5, 1966); with sizes it is NP-hard. So what is computed is
//! an **upper bound**, the least of three. Each leaves out all rules of a tier but one, and solves what is left:
//!
//! - *bytes*: to answer a read exactly, the state has to stay from its last access until then. That takes its bytes times
//!   the accesses in between, of as much as there is: at each moment the budget, or what all states take that will be read
//!   again, if that is less. The reads that take least, as many as fit together, are at least as many as any cache answers
//!   (PFOO-L of D. S. Berger, N. Beckmann, M. Harchol-Balter, *Practical Bounds on Optimal Caching with Variable Object
//!   Sizes*, Proc. ACM Meas. Anal. Comput. Syst. 2, 2018).
//! - *ring*: of each stream no more than so many states are kept: what is read again last goes, or is not kept at all. Without
//!   regard to sizes this is the best choice.
//! - *streams*: the same for streams, which have to stay as long as any state of them.
//!
//! A state that was read or made may be kept or not; none is there before it was. Of several sizes of the same state the
//! smallest counts.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroUsize;

use super::run::StateId;
use crate::cache::memory::Bounds;
use crate::cache::trace::{AccessKind, Trace};

/// Bounds for one trace.
pub(super) struct Optimum {
    n_accesses: usize,
    /// What has to stay for reads of states that were accessed before, what takes least first.
    waits: Vec<Wait>,
    /// The same, stream by stream, in the order in which they begin.
    by_stream: Vec<Vec<Span>>,
    /// How long streams have to stay for these reads, in the order in which they begin.
    of_streams: Vec<Span>,
    bytes: BTreeMap<u64, u64>,
    ring: BTreeMap<NonZeroUsize, u64>,
    streams: BTreeMap<NonZeroUsize, u64>,
}

/// A state that has to stay for a read.
#[derive(Clone, Copy)]
struct Wait {
    span: Span,
    size_bytes: u64,
}

/// From one access until another, by their places in the trace.
#[derive(Clone, Copy)]
struct Span {
    from: usize,
    until: usize,
}

impl Optimum {
    pub(super) fn new(trace: &Trace) -> Self {
        let mut sizes: HashMap<StateId, u64> = HashMap::new();
        for access in trace.accesses() {
            let size = sizes.entry(StateId::of(access)).or_insert(access.size_bytes);
            *size = access.size_bytes.min(*size);
        }
        let n_streams = trace.streams().len();
        let mut last: HashMap<StateId, usize> = HashMap::with_capacity(sizes.len());
        let mut last_of_stream = vec![0; n_streams];
        let (mut waits, mut by_stream, mut of_streams) = (Vec::new(), vec![Vec::new(); n_streams], Vec::new());
        for (until, access) in trace.accesses().iter().enumerate() {
            let (state, stream) = (StateId::of(access), access.stream.index());
            let before = last.insert(state, until).filter(|_| access.kind != AccessKind::Append);
            if let Some(from) = before {
                let span = Span { from, until };
                waits.push(Wait { span, size_bytes: sizes[&state] });
                by_stream[stream].push(span);
                of_streams.push(Span { from: last_of_stream[stream], until });
            }
            last_of_stream[stream] = until;
        }
        waits.sort_unstable_by_key(Wait::cost);
        by_stream.iter_mut().chain([&mut of_streams]).for_each(|spans| spans.sort_unstable_by_key(|span| span.from));
        let (bytes, ring, streams) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Optimum { n_accesses: trace.accesses().len(), waits, by_stream, of_streams, bytes, ring, streams }
    }

    /// The least of the bounds.
    pub(super) fn most_exact(&mut self, bounds: &Bounds) -> u64 {
        let Optimum { n_accesses, waits, by_stream, of_streams, bytes, ring, streams } = self;
        let by_ring = || by_stream.iter().map(|spans| by_count(spans, bounds.ring)).sum();
        let bytes = *bytes.entry(bounds.bytes).or_insert_with(|| by_bytes(waits, *n_accesses, bounds.bytes));
        let ring = *ring.entry(bounds.ring).or_insert_with(by_ring);
        let streams = *streams.entry(bounds.streams).or_insert_with(|| by_count(of_streams, bounds.streams));
        bytes.min(ring).min(streams)
    }
}

impl Wait {
    /// Bytes times accesses.
    fn cost(&self) -> u128 {
        u128::from(self.size_bytes) * (self.span.until - self.span.from) as u128
    }
}

/// How many states that wait fit into a budget of bytes, as if they could be cut over time.
fn by_bytes(waits: &[Wait], n_accesses: usize, budget: u64) -> u64 {
    let fitting = || waits.iter().filter(|wait| wait.size_bytes <= budget);
    // What more is waiting for from one moment to the next.
    let mut changes = vec![0_i128; n_accesses + 1];
    for Wait { span, size_bytes } in fitting() {
        changes[span.from] += i128::from(*size_bytes);
        changes[span.until] -= i128::from(*size_bytes);
    }
    let (mut waiting, mut room) = (0, 0_u128);
    for change in changes {
        waiting += change;
        room += waiting.min(i128::from(budget)).unsigned_abs();
    }
    let mut taken = 0;
    let fits = |wait: &&Wait| {
        taken += wait.cost();
        taken <= room
    };
    fitting().take_while(fits).count() as u64
}

/// The most spans, in the order of their beginnings, of which no more than `most` overlap anywhere. Of too many the one that
/// ends last goes.
fn by_count(spans: &[Span], most: NonZeroUsize) -> u64 {
    let mut open: BTreeSet<usize> = BTreeSet::new();
    let mut gone = 0;
    for Span { from, until } in spans {
        while open.first().is_some_and(|end| end <= from) {
            open.pop_first();
        }
        open.insert(*until);
        if open.len() > most.get() {
            open.pop_last();
            gone += 1;
        }
    }
    spans.len() as u64 - gone
}
