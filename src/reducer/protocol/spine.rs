//! States along the operations that stand, so that a return to one of them costs nothing.

use super::history::Place;
use crate::model::state::State;

/// How many states are kept at most; beyond that the densest parts are thinned out. States share what they have in
/// common, so one costs about what its operation changed.
const MAX_STATES: usize = 512;

/// How many are left when they are thinned out.
const THINNED_STATES: usize = MAX_STATES * 3 / 4;

/// The operations that lead from a root to a state of a replay, with the states after some of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Spine {
    places: Vec<Place>,
    /// States with the number of operations that lead to each, ascending.
    states: Vec<(usize, State)>,
}

impl Spine {
    /// How many operations it is long.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The last of its first `len` operations.
    pub(super) fn place(&self, len: usize) -> Option<Place> {
        self.places.get(len.checked_sub(1)?).copied()
    }

    /// Lengthens it by an operation; `state` is the one after it, if worth keeping.
    pub(super) fn push(&mut self, place: Place, state: Option<State>) {
        self.places.push(place);
        if let Some(state) = state {
            self.keep(state);
        }
    }

    /// Keeps the state at its end.
    pub(super) fn keep(&mut self, state: State) {
        if self.states.last().is_some_and(|(len, _)| *len == self.len()) || self.len() == 0 {
            return;
        }
        self.states.push((self.len(), state));
        if self.states.len() > MAX_STATES {
            self.thin();
        }
    }

    /// Shortens it to `len` operations, and returns what was cut off.
    pub(super) fn split_off(&mut self, len: usize) -> Spine {
        let states = self.states.partition_point(|(at, _)| *at <= len);
        Spine { places: self.places.split_off(len.min(self.places.len())), states: self.states.split_off(states) }
    }

    /// Shortens it to the operations at places before `place`.
    pub(super) fn truncate_before(&mut self, place: Place) {
        let len = self.places.partition_point(|at| *at < place);
        drop(self.split_off(len));
    }

    /// Puts back what [`Spine::split_off`] cut off.
    pub(super) fn append(&mut self, mut tail: Spine) {
        self.places.append(&mut tail.places);
        self.states.append(&mut tail.states);
    }

    /// The last state that is kept and how many operations lead to it; `(0, None)` for the root.
    pub(super) fn nearest(&self) -> (usize, Option<&State>) {
        self.states.last().map_or((0, None), |(len, state)| (*len, Some(state)))
    }

    /// Lets go of states until the gaps between them are about equal. A return into a gap applies the operations of
    /// that gap again and keeps their states, so going back over the whole spine applies each operation about once
    /// more.
    fn thin(&mut self) {
        let mut gap = 1;
        while self.states.len() > THINNED_STATES {
            gap *= 2;
            let lens: Vec<usize> = self.states.iter().map(|(len, _)| *len).collect();
            let mut next = lens.iter().skip(1);
            self.states.retain(|(len, _)| next.next().is_none_or(|next| next / gap != len / gap));
        }
    }
}
