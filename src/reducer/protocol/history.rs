//! The history of one scope: what was appended, what of it stands, and the states along it.

use super::Version;
use super::gc::{self, Slot, Slotted};
use super::live::Recorded;
use super::spine::Spine;
use crate::model::ids::{OpIndex, Scope};
use crate::model::state::State;

/// An operation of the history.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Position, skip and kind.
    pub(super) slot: Slot,
    /// Where the operation is found again in the stream that is replayed.
    pub(super) row: OpIndex,
    /// Whether applying it may change a state: not denied, not a NOOP, not a change of the header.
    pub(super) applies: bool,
    /// Whether it was denied: appended, never applied.
    pub(super) denied: bool,
    /// The operation itself, in documents that keep theirs.
    pub(super) recorded: Option<Box<Recorded>>,
}

impl Slotted for Entry {
    fn slot(&self) -> Slot {
        self.slot
    }
}

/// An operation that stands: appended and neither cancelled nor retracted.
#[derive(Clone, Copy, Debug)]
struct Standing {
    row: OpIndex,
    index: u64,
    noop: bool,
    /// A denied NOOP: it cancels nothing by itself, but counts once a later NOOP cancels (reactor format §5.7).
    pending: bool,
    /// How many operations that apply stand up to and including this one.
    applied: usize,
}

/// The history of one scope.
///
/// What *stands* (a stack, because an undo cancels the nearest operation that stands) says which operations
/// lead to the state that a replay from the initial state would give. The *spine* holds the operations that
/// such a replay has applied so far. `agree` is how many of the former the latter starts with.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) scope: Scope,
    pub(super) entries: Vec<Entry>,
    standing: Vec<Standing>,
    pub(super) spine: Spine,
    agree: usize,
    /// Whether the running state is the replay of what stands, so that the spine may grow with it.
    aligned: bool,
    /// Whether the first collection rule would drop nothing.
    collected: bool,
    /// The state a replay starts from: the initial state and the histories of all other scopes.
    pub(super) root: Option<State>,
}

/// What a retraction took from a history.
pub(super) struct Retracted {
    entries: (usize, Vec<Entry>),
    standing: (usize, Vec<Standing>),
    spine: (usize, Spine),
    agree: usize,
    aligned: bool,
    collected: bool,
}

impl History {
    pub(super) fn new(scope: Scope) -> Self {
        History {
            scope,
            entries: Vec::new(),
            standing: Vec::new(),
            spine: Spine::default(),
            agree: 0,
            aligned: false,
            collected: true,
            root: None,
        }
    }

    /// Declares that the running state is the replay of what stands.
    pub(super) fn align(&mut self) {
        self.aligned = self.agree == self.applied() && self.agree == self.spine.len();
    }

    /// Forgets all states: what a replay starts from has changed.
    pub(super) fn invalidate(&mut self) {
        self.root = None;
        self.spine = Spine::default();
        self.agree = 0;
        self.aligned = false;
    }

    /// How many operations that apply stand.
    pub(super) fn applied(&self) -> usize {
        self.standing.last().map_or(0, |standing| standing.applied)
    }

    /// Index of the last operation that stands and is not a NOOP.
    pub(super) fn last_standing(&self) -> Option<u64> {
        self.standing.iter().rev().find(|standing| !standing.noop).map(|standing| standing.index)
    }

    /// Appends an operation that has been applied to the running state, or needs no applying. `state` is the
    /// running state, if it is worth keeping.
    pub(super) fn append(&mut self, entry: Entry, version: Version, state: Option<State>) {
        let (slot, row, applies, denied) = (entry.slot, entry.row, entry.applies, entry.denied);
        if let Some(last) = self.entries.last().map(Slotted::slot) {
            self.collected &= last.index.saturating_add(u64::from(slot.skip)) < slot.index;
        } else {
            self.collected = true;
        }
        let ascending =
            self.entries.last().is_none_or(|last| (last.slot.index, last.slot.skip) <= (slot.index, slot.skip));
        self.entries.push(entry);
        if !ascending {
            // Only rows of other streams come out of order; start over on the sorted list.
            gc::sort(&mut self.entries);
            self.restand(version);
            return;
        }
        self.stand(slot, row, applies, denied, version);
        if self.aligned && applies {
            self.spine.push(row, state);
            self.agree += 1;
        } else if let (true, Some(state)) = (self.aligned, state) {
            self.spine.keep(self.agree, state);
        }
    }

    /// Appends an operation of which nothing is known to agree with a replay: it failed where a replay may
    /// succeed.
    pub(super) fn append_apart(&mut self, entry: Entry, version: Version) {
        self.aligned = false;
        self.append(entry, version, None);
    }

    fn stand(&mut self, slot: Slot, row: OpIndex, applies: bool, denied: bool, version: Version) {
        let cancels = version == Version::V2 && slot.noop && slot.skip > 0;
        if cancels && !denied {
            self.settle_pending();
            self.standing.pop();
            let applied = self.applied();
            self.aligned &= self.spine.len() == applied;
            self.agree = self.agree.min(applied);
        } else {
            let applied = self.applied() + usize::from(applies);
            self.standing.push(Standing { row, index: slot.index, noop: slot.noop, pending: cancels, applied });
        }
    }

    /// Lets the denied NOOPs on the stack cancel what stood before them.
    fn settle_pending(&mut self) {
        if !self.standing.iter().any(|standing| standing.pending) {
            return;
        }
        let mut applied_before = 0;
        for standing in std::mem::take(&mut self.standing) {
            let applies = standing.applied > applied_before;
            applied_before = standing.applied;
            if standing.pending {
                self.standing.pop();
            } else {
                let applied = self.applied() + usize::from(applies);
                self.standing.push(Standing { applied, ..standing });
            }
        }
        (self.agree, self.aligned) = (0, false);
    }

    /// Computes what stands anew.
    fn restand(&mut self, version: Version) {
        self.standing.clear();
        self.agree = 0;
        self.aligned = false;
        self.spine = Spine::default();
        for at in 0..self.entries.len() {
            let Entry { slot, row, applies, denied, .. } = self.entries[at];
            self.stand(slot, row, applies, denied, version);
        }
    }

    /// Drops what an operation at `index` with `skip` retracts (reactor format §4.4). The operation itself is
    /// not appended.
    pub(super) fn retract(&mut self, slot: Slot, version: Version) -> Retracted {
        let flags = (self.agree, self.aligned, self.collected);
        let plain = self.collected && self.standing.len() == self.entries.len();
        if !plain {
            let entries = self.entries.clone();
            let standing = std::mem::take(&mut self.standing);
            let spine = std::mem::take(&mut self.spine);
            self.entries.push(Entry {
                slot,
                row: OpIndex::new(slot.index),
                applies: false,
                denied: false,
                recorded: None,
            });
            gc::sort(&mut self.entries);
            gc::collect(&mut self.entries);
            self.entries.pop();
            self.restand_collected(version);
            let (agree, aligned, collected) = flags;
            return Retracted {
                entries: (0, entries),
                standing: (0, standing),
                spine: (0, spine),
                agree,
                aligned,
                collected,
            };
        }
        // Nothing but the end can go: the history is collected already.
        let least = slot.index.saturating_sub(u64::from(slot.skip));
        let len = self.entries.partition_point(|entry| entry.slot.index < least);
        let entries = (len, self.entries.split_off(len));
        let standing = (len, self.standing.split_off(len));
        let applied = self.applied();
        let spine = (applied.min(self.spine.len()), self.spine.split_off(applied));
        self.agree = self.agree.min(applied);
        let (agree, aligned, collected) = flags;
        Retracted { entries, standing, spine, agree, aligned, collected }
    }

    /// After the first rule, replays go through the second one again for the NOOPs that are left (reactor
    /// format §4.4).
    fn restand_collected(&mut self, version: Version) {
        self.restand(version);
        self.collected = true;
    }

    /// Undoes a retraction, as long as nothing was appended since.
    pub(super) fn restore(&mut self, retracted: Retracted) {
        let Retracted { entries, standing, spine, agree, aligned, collected } = retracted;
        self.entries.truncate(entries.0);
        self.entries.extend(entries.1);
        self.standing.truncate(standing.0);
        self.standing.extend(standing.1);
        drop(self.spine.split_off(spine.0));
        self.spine.append(spine.1);
        (self.agree, self.aligned, self.collected) = (agree, aligned, collected);
    }

    /// Applies the first collection rule to the whole history, and says whether it dropped anything.
    pub(super) fn collect(&mut self, version: Version) -> bool {
        let before = self.entries.len();
        if !self.collected {
            gc::collect(&mut self.entries);
            self.restand_collected(version);
        }
        self.entries.len() < before
    }

    /// The rows of the operations that stand and apply, in order.
    pub(super) fn standing_rows(&self) -> Vec<OpIndex> {
        let mut applied = 0;
        let applies = self
            .standing
            .iter()
            .filter(|standing| standing.applied > std::mem::replace(&mut applied, standing.applied));
        applies.map(|standing| standing.row).collect()
    }

    /// The operations of `rows`, if the history keeps its operations itself.
    pub(super) fn recorded(&self, rows: &[OpIndex]) -> Option<Vec<Recorded>> {
        let find = |row: &OpIndex| {
            let entry = self.entries.iter().find(|entry| entry.applies && entry.row == *row)?;
            entry.recorded.as_deref().cloned()
        };
        rows.iter().map(find).collect()
    }

    /// Cuts the spine down to where it agrees with what stands, and lengthens it to all of what stands. Returns
    /// how much of it has a state to start from, that state (`None`: the root), and the rows to apply after it.
    pub(super) fn plan(&mut self) -> (usize, Option<State>, Vec<OpIndex>) {
        drop(self.spine.split_off(self.agree));
        let missing = self.applied() - self.agree;
        let mut rows: Vec<OpIndex> = Vec::with_capacity(missing);
        let mut above = self.applied();
        for at in (0..self.standing.len()).rev() {
            if rows.len() == missing {
                break;
            }
            let below = at.checked_sub(1).map_or(0, |at| self.standing[at].applied);
            if below < above {
                rows.push(self.standing[at].row);
            }
            above = below;
        }
        for &row in rows.iter().rev() {
            self.spine.push(row, None);
        }
        self.agree = self.spine.len();
        let (len, state) = self.spine.nearest(self.agree);
        (len, state.cloned(), self.spine.rows(len).collect())
    }
}
