//! States along the operations that stand, so that a return to one of them costs nothing.

use crate::model::ids::OpIndex;
use crate::model::state::State;

/// How many states are kept at most; beyond that every second one is let go. States share what they have in
/// common, so one costs about what its operation changed.
const MAX_STATES: usize = 512;

/// The operations that lead from a root to the current state of a replay, with the states after some of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Spine {
    items: Vec<Item>,
    states: usize,
}

#[derive(Clone, Debug)]
struct Item {
    row: OpIndex,
    state: Option<State>,
}

impl Spine {
    /// How many operations it is long.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Lengthens it by an operation; `state` is the one after it, if worth keeping.
    pub(super) fn push(&mut self, row: OpIndex, state: Option<State>) {
        self.items.push(Item { row, state: None });
        if let Some(state) = state {
            self.keep(self.items.len(), state);
        }
    }

    /// Keeps the state after the first `len` operations.
    pub(super) fn keep(&mut self, len: usize, state: State) {
        let Some(item) = len.checked_sub(1).and_then(|at| self.items.get_mut(at)) else { return };
        self.states += usize::from(item.state.replace(state).is_none());
        if self.states > MAX_STATES {
            self.thin();
        }
    }

    /// Shortens it to `len` operations, and returns what was cut off.
    pub(super) fn split_off(&mut self, len: usize) -> Spine {
        let items = self.items.split_off(len.min(self.items.len()));
        let states = items.iter().filter(|item| item.state.is_some()).count();
        self.states -= states;
        Spine { items, states }
    }

    /// Puts back what [`Spine::split_off`] cut off.
    pub(super) fn append(&mut self, tail: Spine) {
        self.items.extend(tail.items);
        self.states += tail.states;
    }

    /// The longest prefix of at most `len` operations whose state is kept: its length and that state, or
    /// `(0, None)` for the root.
    pub(super) fn nearest(&self, len: usize) -> (usize, Option<&State>) {
        let items = self.items[..len.min(self.items.len())].iter().enumerate().rev();
        items.filter_map(|(at, item)| Some((at + 1, Some(item.state.as_ref()?)))).next().unwrap_or((0, None))
    }

    /// The rows of the operations from position `from` on.
    pub(super) fn rows(&self, from: usize) -> impl Iterator<Item = OpIndex> + '_ {
        self.items[from.min(self.items.len())..].iter().map(|item| item.row)
    }

    /// Lets go of every second state. A return into a gap applies the operations of that gap again and keeps
    /// their states, so going back over the whole spine applies each operation about once more.
    fn thin(&mut self) {
        let mut odd = false;
        for item in &mut self.items {
            odd ^= item.state.is_some();
            if odd && item.state.take().is_some() {
                self.states -= 1;
            }
        }
    }
}
