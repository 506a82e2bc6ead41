//! One pass of a trace through tiers of one size.

use std::num::NonZeroU64;

use super::cost::{Costs, real};
use super::disk::{DiskPut, DiskTier};
use super::grid::Sizes;
use super::{TierOutcome, Work};
use crate::cache::KEYFRAME_WORTH;
use crate::cache::memory::{Rings, Slot};
use crate::cache::trace::{Access, AccessKind, StreamId, Trace};
use crate::model::ids::Revision;
use crate::model::progress::{Progress, Stop};

/// A state, by what names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct StateId {
    pub(super) stream: StreamId,
    pub(super) revision: Option<Revision>,
}

/// The tiers, and how far the trace has come.
pub(super) struct Run<'a> {
    trace: &'a Trace,
    costs: &'a Costs,
    memory: Rings<StreamId, Held>,
    counted: TierOutcome,
    disk: Option<DiskTier>,
    /// How often something was appended: heads are known to be heads for as long as nothing is.
    stamp: u64,
}

/// What is known of a state in memory.
struct Held {
    revision: Option<Revision>,
    /// The stamp at which it was the head.
    head: Option<u64>,
}

/// How a tier answers.
enum Found {
    Exact,
    Below(Option<Revision>),
    Nothing,
}

/// What a read has to do that no memory has answered.
enum Todo {
    /// Load a state of the disk tier.
    Load,
    /// Replay, from the nearest state in a tier if there is one.
    Replay(Option<Base>),
}

/// Where a replay may begin.
struct Base {
    revision: Option<Revision>,
    is_on_disk: bool,
}

impl StateId {
    pub(super) fn of(access: &Access) -> Self {
        StateId { stream: access.stream, revision: access.revision }
    }
}

impl<'a> Run<'a> {
    pub(super) fn new(trace: &'a Trace, size: Sizes, costs: &'a Costs) -> Self {
        let memory = Rings::new(size.memory);
        let disk = size.disk.map(DiskTier::new);
        Run { trace, costs, memory, counted: TierOutcome::default(), disk, stamp: 0 }
    }

    /// Replays the trace, and says what that takes with keyframes at each of these spacings.
    pub(super) fn through(
        mut self,
        spacings: &[Option<NonZeroU64>],
        progress: &dyn Progress,
    ) -> Result<(Self, Vec<Work>), Stop> {
        const AT_ONCE: usize = 4096;
        let mut works = vec![Work::default(); spacings.len()];
        for accesses in self.trace.accesses().chunks(AT_ONCE) {
            progress.check()?;
            for access in accesses {
                let Some(todo) = self.access(access) else { continue };
                for (work, spacing) in works.iter_mut().zip(spacings) {
                    work.add(access, &todo, self.spacing(access, *spacing), self.costs);
                }
            }
            progress.advance(accesses.len() as u64);
        }
        Ok((self, works))
    }

    pub(super) fn memory(&self) -> TierOutcome {
        let dropped = self.memory.dropped().values().sum();
        TierOutcome { dropped, entries: self.memory.entries(), bytes: self.memory.bytes(), ..self.counted }
    }

    pub(super) fn disk(&self) -> Option<TierOutcome> {
        self.disk.as_ref().map(|disk| disk.counted)
    }

    /// No read of scope `document` begins at a keyframe.
    fn spacing(&self, access: &Access, spacing: Option<NonZeroU64>) -> Option<NonZeroU64> {
        spacing.filter(|_| !self.trace.is_spine(access.stream))
    }

    /// Does what an access does to the tiers; `None` if that is all.
    fn access(&mut self, access: &Access) -> Option<Todo> {
        if access.kind == AccessKind::Append {
            self.stamp += 1;
            self.put_in_memory(access, access.size_bytes, None);
            self.put_on_disk(access, None);
            return None;
        }
        let state = StateId::of(access);
        let head = (access.kind == AccessKind::Head).then_some(self.stamp);
        if head.is_some() {
            let stamp = self.stamp;
            let is_it = |held: &Held| held.revision == access.revision && held.head == Some(stamp);
            if self.memory.touch(&access.stream, is_it).is_some() {
                self.counted.count(&Found::Exact);
                return None;
            }
            if let Some(disk) = self.disk.as_mut().filter(|disk| disk.is_head(state, stamp)) {
                disk.touch(state);
                disk.counted.count(&Found::Exact);
                self.put_in_memory(access, access.size_bytes, head);
                return Some(Todo::Load);
            }
        }
        self.find(access, state, head)
    }

    /// Looks for the nearest state in both tiers, and puts what was found or made into those nearer.
    fn find(&mut self, access: &Access, state: StateId, head: Option<u64>) -> Option<Todo> {
        let (in_memory, kept_bytes) = self.find_in_memory(access);
        self.counted.count(&in_memory);
        let mut base = None;
        match in_memory {
            Found::Exact => {
                self.put_in_memory(access, kept_bytes, head);
                return None;
            }
            Found::Below(revision) => base = Some(Base { revision, is_on_disk: false }),
            Found::Nothing => {}
        }
        match self.find_on_disk(state) {
            Some(Found::Exact) => {
                self.put_in_memory(access, access.size_bytes, head);
                self.put_on_disk(access, head);
                return Some(Todo::Load);
            }
            Some(Found::Below(revision)) if base.as_ref().is_none_or(|base| base.revision < revision) => {
                base = Some(Base { revision, is_on_disk: true });
            }
            _ => {}
        }
        self.put_in_memory(access, access.size_bytes, head);
        self.put_on_disk(access, head);
        Some(Todo::Replay(base))
    }

    /// What the memory has, and the bytes of that.
    fn find_in_memory(&mut self, access: &Access) -> (Found, u64) {
        let fits = |slot: &&Slot<Held>| slot.revision <= access.revision;
        let newest = self.memory.slots(&access.stream).filter(fits).max_by_key(|slot| slot.revision);
        let Some(Slot { revision, bytes, .. }) = newest else { return (Found::Nothing, 0) };
        let (revision, bytes) = (*revision, *bytes);
        let found = self.found(StateId::of(access), revision);
        if !matches!(found, Found::Nothing) {
            self.memory.touch(&access.stream, |held| held.revision == revision);
        }
        (found, bytes)
    }

    fn find_on_disk(&mut self, state: StateId) -> Option<Found> {
        let newest = self.disk.as_ref()?.newest(state);
        let found = newest.map_or(Found::Nothing, |newest| self.found(state, newest.revision));
        let disk = self.disk.as_mut()?;
        if let Some(newest) = newest.filter(|_| !matches!(found, Found::Nothing)) {
            disk.touch(newest);
        }
        disk.counted.count(&found);
        Some(found)
    }

    /// No replay of scope `document` begins at an older state.
    fn found(&self, state: StateId, newest: Option<Revision>) -> Found {
        if newest == state.revision {
            Found::Exact
        } else if self.trace.is_spine(state.stream) {
            Found::Nothing
        } else {
            Found::Below(newest)
        }
    }

    fn put_in_memory(&mut self, access: &Access, bytes: u64, head: Option<u64>) {
        let item = Held { revision: access.revision, head };
        if self.memory.put(&access.stream, access.revision, bytes, item).is_err() {
            self.counted.too_large += 1;
        }
        self.counted.bytes_peak = self.counted.bytes_peak.max(self.memory.bytes());
    }

    fn put_on_disk(&mut self, access: &Access, head: Option<u64>) {
        let Some(disk) = &mut self.disk else { return };
        disk.put(&DiskPut {
            state: StateId::of(access),
            stored_bytes: self.costs.stored_bytes(access.size_bytes),
            cost_us: operation_ns(access, self.costs) * real(operations(None, access.revision)) / 1e3,
            head,
        });
    }
}

impl TierOutcome {
    fn count(&mut self, found: &Found) {
        self.requests += 1;
        match found {
            Found::Exact => self.exact += 1,
            Found::Below(_) => self.below += 1,
            Found::Nothing => self.misses += 1,
        }
    }
}

impl Work {
    /// Adds what a read takes with keyframes at a spacing. A keyframe is taken to be as large as the state that is read.
    fn add(&mut self, access: &Access, todo: &Todo, spacing: Option<NonZeroU64>, costs: &Costs) {
        let load_ns = costs.load_ns(access.size_bytes);
        let base = match todo {
            Todo::Load => {
                self.elapsed_ns += load_ns;
                return;
            }
            Todo::Replay(base) => base,
        };
        let from = match (base, keyframe(access.revision, spacing)) {
            (None, None) => {
                self.from_nothing += 1;
                None
            }
            (Some(base), keyframe) if !is_worth(keyframe, base) => {
                self.from_tier += 1;
                self.elapsed_ns += if base.is_on_disk { load_ns } else { 0.0 };
                base.revision
            }
            (_, keyframe) => {
                self.from_keyframe += 1;
                self.elapsed_ns += load_ns;
                keyframe
            }
        };
        let operations = operations(from, access.revision);
        self.operations += operations;
        self.elapsed_ns += real(operations) * operation_ns(access, costs);
    }
}

/// The newest keyframe at or below a revision. There is none of the states before operation 1.
fn keyframe(revision: Option<Revision>, spacing: Option<NonZeroU64>) -> Option<Revision> {
    let (revision, spacing) = (revision?, spacing?);
    let beyond = revision.get() % spacing;
    revision.checked_sub(beyond).filter(|keyframe| keyframe.get() > 0)
}

/// Whether a keyframe is nearer than a base by enough.
fn is_worth(keyframe: Option<Revision>, base: &Base) -> bool {
    let from = base.revision.map_or(0, Revision::get);
    keyframe.is_some_and(|keyframe| keyframe.get() >= from.saturating_add(KEYFRAME_WORTH))
}

/// How many operations lead from one state to another.
fn operations(from: Option<Revision>, to: Option<Revision>) -> u64 {
    let next = |revision: Option<Revision>| revision.map_or(0, |revision| revision.next().get());
    next(to) - next(from)
}

fn operation_ns(access: &Access, costs: &Costs) -> f64 {
    access.operation_us.map_or(costs.operation_ns, |us| f64::from(us) * 1e3)
}
