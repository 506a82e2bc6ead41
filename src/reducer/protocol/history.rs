//! The history of one scope: what was appended, what of it stands, and the states along it.

use std::num::NonZeroU32;

use super::Version;
use super::gc::{self, Bound, Slot, Slotted};
use super::spine::Spine;
use crate::model::ids::{OpIndex, Scope};
use crate::model::json::Text;
use crate::model::operation::Action;
use crate::model::state::State;

/// An operation that a document keeps itself.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The action.
    pub action: Action<'static>,
    /// Hash of the scope's state after it; empty for an undo under the second version.
    pub hash: String,
    /// What the reducer said when it failed.
    pub error: Option<Text<'static>>,
}

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
    /// Whether its action is not known, so that it cannot be applied again.
    pub(super) lost: bool,
    /// The operation itself, where it is not a row of the stream that is replayed.
    pub(super) recorded: Option<Box<Recorded>>,
}

impl Slotted for Entry {
    fn slot(&self) -> Slot {
        self.slot
    }
}

/// An operation that stands on certain others: a number in a history's list of these, from 1. A place on top of another
/// is greater. Small, because there is one for every operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(NonZeroU32);

impl Place {
    /// The place that follows `len` others.
    fn after(len: usize) -> Self {
        Place(NonZeroU32::MIN.saturating_add(count(len)))
    }

    fn at(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// # Panics
/// For a history of more than 2³² operations, which memory would not hold.
fn count(n: usize) -> u32 {
    u32::try_from(n).expect("a history has fewer than 2^32 operations")
}

/// What is at a [`Place`].
#[derive(Clone, Debug)]
struct Standing {
    /// Position in the list of entries.
    entry: u32,
    /// What it stands on.
    below: Option<Place>,
    /// The first place that applies, from this one down.
    applying: Option<Place>,
    /// How many operations that apply stand up to and including this one.
    applied: u32,
    /// The first place from here down that is not a NOOP.
    substantial: Option<Place>,
    /// How many denied NOOPs stand up to and including this one that cancel nothing by themselves, but count once a
    /// later NOOP cancels (reactor format §5.7).
    pending: u32,
}

/// The history of one scope.
///
/// Which operations *stand* after each entry (a stack, because an undo cancels the nearest operation that stands) says
/// which of them lead to the state that a replay from the initial state would give. All these stacks share what they
/// have in common: a stack is named by the place on its top, and dropping the last entries is a return to the stack
/// after the one before. The *spine* holds the operations that a replay has applied; what the present stack has in
/// common with it need not be applied again.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) scope: Scope,
    pub(super) entries: Vec<Entry>,
    /// The top of the stack after each entry.
    tops: Vec<Option<Place>>,
    standing: Vec<Standing>,
    spine: Spine,
    /// What the last plan cut off the spine, and where.
    cut: Option<(usize, Spine)>,
    /// Whether the running state is the replay of what stands, so that the spine may grow with it.
    aligned: bool,
    /// The first collection rule would drop nothing from this many entries.
    collected: usize,
    /// Whether the entries are out of the order of their positions, or one of them names another scope. Then nothing else
    /// is known of them.
    irregular: bool,
    /// The state a replay starts from: the initial state and the histories of all other scopes.
    pub(super) root: Option<State>,
}

/// What a collection took from a history.
pub(super) struct Collected {
    /// How many entries it left in place.
    len: usize,
    entries: Vec<Entry>,
    tops: Vec<Option<Place>>,
    /// How many places there were.
    places: usize,
    /// How many entries were known to be collected.
    known: usize,
}

impl Collected {
    /// Whether the history is another one than before.
    pub(super) fn anything(&self) -> bool {
        !self.entries.is_empty()
    }

    /// What it took; what it left again is among it.
    pub(super) fn into_entries(self) -> impl Iterator<Item = Entry> {
        self.entries.into_iter()
    }
}

/// What has to be done for the state that a replay would give.
pub(super) struct Plan {
    /// The state to start from; `None` is the root.
    pub(super) from: Option<State>,
    /// What to apply to it, in this order.
    pub(super) apply: Vec<Place>,
}

impl History {
    pub(super) fn new(scope: Scope) -> Self {
        History {
            scope,
            entries: Vec::new(),
            tops: Vec::new(),
            standing: Vec::new(),
            spine: Spine::default(),
            cut: None,
            aligned: false,
            collected: 0,
            irregular: false,
            root: None,
        }
    }

    /// Declares that the running state is the replay of what stands.
    pub(super) fn align(&mut self) {
        self.aligned = true;
    }

    /// Forgets all states: what a replay starts from has changed.
    pub(super) fn invalidate(&mut self) {
        (self.root, self.spine, self.cut, self.aligned) = (None, Spine::default(), None, false);
    }

    /// Index of the last operation that stands and is not a NOOP.
    pub(super) fn last_standing(&self) -> Option<u64> {
        Some(self.entry(self.at(self.top()?).substantial?).slot.index)
    }

    /// The operation at a place.
    fn entry(&self, place: Place) -> &Entry {
        &self.entries[self.position(place)]
    }

    fn at(&self, place: Place) -> &Standing {
        &self.standing[place.at()]
    }

    fn top(&self) -> Option<Place> {
        self.tops.last().copied().flatten()
    }

    /// Appends an operation that has been applied to the running state, or needs no applying. `state` is the
    /// running state, if it is worth keeping.
    pub(super) fn append(&mut self, entry: Entry, version: Version, state: Option<State>) {
        self.cut = None;
        let (slot, applies) = (entry.slot, entry.applies);
        if self.comes_late(slot) || self.is_foreign(&entry) {
            // Only rows of other streams come late. They are appended all the same: the next collection sorts.
            self.forget();
            self.entries.push(entry);
            return;
        }
        let last = self.entries.last().map(Slotted::slot);
        let keeps_all = last.is_none_or(|last| last.index.saturating_add(u64::from(slot.skip)) < slot.index);
        self.collected += usize::from(self.collected == self.entries.len() && keeps_all);
        self.entries.push(entry);
        self.stand(version);
        match (self.aligned, self.top()) {
            (true, Some(top)) if applies => self.spine.push(top, state),
            (true, _) => state.into_iter().for_each(|state| self.spine.keep(state)),
            _ => {}
        }
    }

    /// Whether an operation with this slot would not follow those that are here, or these are irregular.
    pub(super) fn comes_late(&self, slot: Slot) -> bool {
        let last = self.entries.last().map(Slotted::slot);
        self.irregular || last.is_some_and(|last| (last.index, last.skip) > (slot.index, slot.skip))
    }

    /// Whether an operation names another scope.
    fn is_foreign(&self, entry: &Entry) -> bool {
        entry.recorded.as_ref().is_some_and(|recorded| recorded.action.scope != *self.scope.as_str())
    }

    /// Whether the entries are out of the order of their positions, or one of them names another scope.
    pub(super) fn is_irregular(&self) -> bool {
        self.irregular
    }

    fn forget(&mut self) {
        self.invalidate();
        self.tops.clear();
        self.standing.clear();
        (self.irregular, self.collected) = (true, 0);
    }

    /// Takes back the entry that was appended last.
    pub(super) fn take_last(&mut self) -> Option<Entry> {
        self.forget();
        self.entries.pop()
    }

    /// Sorts the entries and applies the first collection rule to them, which leaves nothing of what was known.
    pub(super) fn tidy(&mut self, version: Version) {
        gc::sort(&mut self.entries);
        gc::collect(&mut self.entries);
        if self.entries.iter().any(|entry| self.is_foreign(entry)) {
            self.forget();
        } else {
            self.restand(version);
            self.invalidate();
        }
    }

    /// Appends an operation of which nothing is known to agree with a replay: it failed where a replay may
    /// succeed.
    pub(super) fn append_apart(&mut self, entry: Entry, version: Version) {
        self.aligned = false;
        self.append(entry, version, None);
    }

    /// Computes what stands after the entry that was pushed last.
    fn stand(&mut self, version: Version) {
        let (top, entry) = (self.top(), self.tops.len());
        let Entry { slot, denied, .. } = self.entries[entry];
        let cancels = version == Version::V2 && slot.noop && slot.skip > 0;
        let top = if cancels && !denied {
            self.aligned = false;
            self.cancel_pending(top).and_then(|top| self.at(top).below)
        } else {
            Some(self.put(entry, top, cancels))
        };
        self.tops.push(top);
    }

    /// Puts an entry on top of a stack.
    fn put(&mut self, entry: usize, below: Option<Place>, pending: bool) -> Place {
        let Entry { slot, applies, .. } = self.entries[entry];
        let place = Place::after(self.standing.len());
        let under = below.map(|below| self.at(below));
        let standing = Standing {
            entry: count(entry),
            below,
            applying: if applies { Some(place) } else { under.and_then(|under| under.applying) },
            applied: under.map_or(0, |under| under.applied) + u32::from(applies),
            substantial: if slot.noop { under.and_then(|under| under.substantial) } else { Some(place) },
            pending: under.map_or(0, |under| under.pending) + u32::from(pending),
        };
        self.standing.push(standing);
        place
    }

    /// Lets the denied NOOPs on a stack cancel what stands below them.
    fn cancel_pending(&mut self, top: Option<Place>) -> Option<Place> {
        let mut above = Vec::new();
        let mut bottom = top;
        while let Some(place) = bottom.filter(|place| self.at(*place).pending > 0) {
            bottom = self.at(place).below;
            above.push(place);
        }
        let mut pending_below = 0;
        for place in above.into_iter().rev() {
            let Standing { entry, pending, .. } = *self.at(place);
            bottom = if pending > pending_below {
                bottom.and_then(|bottom| self.at(bottom).below)
            } else {
                Some(self.put(entry as usize, bottom, false))
            };
            pending_below = pending;
        }
        bottom
    }

    /// Computes what stands anew, from the first entry; they are in order.
    fn restand(&mut self, version: Version) {
        self.tops.clear();
        self.standing.clear();
        (self.spine, self.cut, self.aligned, self.collected) = (Spine::default(), None, false, 0);
        self.irregular = false;
        for _ in 0..self.entries.len() {
            self.stand(version);
        }
    }

    /// Applies the first collection rule to the history followed by an operation at `header`, which is not appended
    /// (reactor format §4.4). What is left goes through the second rule again. Costs as much as was appended since the
    /// last collection or goes.
    pub(super) fn collect(&mut self, header: Option<Slot>, version: Version) -> Collected {
        if self.irregular {
            gc::sort(&mut self.entries);
            self.restand(version);
        }
        let mut bound = header.map_or(Bound::NONE, Bound::of);
        let mut survivors = Vec::new();
        let checked = self.collected;
        for at in (checked..self.entries.len()).rev() {
            if bound.survives(self.entries[at].slot) {
                survivors.push(at);
            }
        }
        // Of what is collected already, only the end can go.
        let mut len = self.entries[..checked].partition_point(|entry| bound.admits(entry.slot));
        if len + survivors.len() == self.entries.len() {
            len = self.entries.len();
            survivors.clear();
        }
        let (entries, tops) = (self.entries.split_off(len), self.tops.split_off(len));
        let taken = Collected { len, entries, tops, places: self.standing.len(), known: self.collected };
        self.aligned &= !taken.anything();
        for at in survivors.into_iter().rev() {
            self.entries.push(taken.entries[at - len].clone());
            self.stand(version);
        }
        self.collected = self.entries.len();
        taken
    }

    /// Undoes a collection, as long as nothing was appended since.
    pub(super) fn restore(&mut self, taken: Collected) {
        self.entries.truncate(taken.len);
        self.tops.truncate(taken.len);
        self.entries.extend(taken.entries);
        self.tops.extend(taken.tops);
        self.standing.truncate(taken.places);
        self.collected = taken.known;
        self.aligned = false;
        self.spine.truncate_before(Place::after(taken.places));
        if let Some((at, cut)) = self.cut.take()
            && self.spine.len() == at
        {
            self.spine.append(cut);
        }
    }

    /// The entries of all operations that stand and apply, in order.
    pub(super) fn path(&self) -> Vec<usize> {
        self.path_after(0).into_iter().map(|place| self.position(place)).collect()
    }

    /// The entry at a place.
    pub(super) fn position(&self, place: Place) -> usize {
        self.at(place).entry as usize
    }

    /// The operations that stand and apply, in order, without the first `len` of them.
    fn path_after(&self, len: usize) -> Vec<Place> {
        let mut path: Vec<Place> = self.downward().take_while(|place| self.applied(*place) > len).collect();
        path.reverse();
        path
    }

    /// The operations that stand and apply, from the last to the first.
    fn downward(&self) -> impl Iterator<Item = Place> + '_ {
        let last = self.top().and_then(|top| self.at(top).applying);
        std::iter::successors(last, |place| self.at(self.at(*place).below?).applying)
    }

    /// How many operations that apply stand up to and including a place.
    fn applied(&self, place: Place) -> usize {
        self.at(place).applied as usize
    }

    /// Cuts the spine down to the last state it has in common with what stands.
    pub(super) fn plan(&mut self) -> Plan {
        let common = self.downward().find(|place| self.spine.place(self.applied(*place)) == Some(*place));
        let common = common.map_or(0, |place| self.applied(place));
        self.cut = Some((common, self.spine.split_off(common)));
        let (len, from) = self.spine.nearest();
        let from = from.cloned();
        drop(self.spine.split_off(len));
        Plan { from, apply: self.path_after(len) }
    }

    /// Takes note that an operation of a plan was applied, and of the state after it.
    pub(super) fn replayed(&mut self, place: Place, state: State) {
        self.spine.push(place, Some(state));
    }
}
