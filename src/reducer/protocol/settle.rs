//! Bringing the running state to what a replay from the initial state would give, with as few calls of a reducer as
//! the kept states allow.

use super::document::Document;
use super::history::{History, Place, Plan};
use super::step::{Part, part, scope_of};
use super::{Actions, ProtocolError};
use crate::model::ids::{OpIndex, Scope};
use crate::model::operation::Action;
use crate::model::state::State;

/// What JavaScript says of an operation without an action.
const LOST: &str = "Cannot read properties of undefined (reading 'id')";

/// What it says of an initial state that is not there.
const NO_INITIAL: &str = "Cannot read properties of undefined (reading 'auth')";

/// An operation of a history that is applied again.
#[derive(Clone, Copy, Debug)]
struct Stop {
    entry: usize,
    /// Where the state after it is kept.
    keep: Option<Place>,
}

impl Document {
    /// Brings the fold to the state that a replay of what stands in a history, and in all others, gives, and returns
    /// it.
    pub(super) fn settle(&mut self, at: usize, source: &mut dyn Actions) -> Result<State, ProtocolError> {
        // The history at hand is replayed last here; the reference takes the scopes in the order they came up.
        if self.loads && at + 1 < self.histories.len() {
            return self.settle_in_order(source);
        }
        let root = self.root(at, source)?;
        let Plan { from, apply } = self.histories[at].plan();
        self.fold.restore(&from.unwrap_or(root))?;
        let history = &self.histories[at];
        let stops: Vec<Stop> =
            apply.iter().map(|&place| Stop { entry: history.position(place), keep: Some(place) }).collect();
        self.again(at, &stops, source)?;
        self.histories[at].align();
        Ok(self.fold.checkpoint()?)
    }

    /// The same where scopes depend on each other, so that their order counts: without any of the states that are
    /// kept.
    fn settle_in_order(&mut self, source: &mut dyn Actions) -> Result<State, ProtocolError> {
        self.invalidate();
        self.restore_initial()?;
        for at in 0..self.histories.len() {
            self.again_unkept(at, &self.histories[at].path(), source)?;
        }
        Ok(self.fold.checkpoint()?)
    }

    /// Goes back to the initial state.
    pub(super) fn restore_initial(&mut self) -> Result<(), ProtocolError> {
        if self.initial_lost {
            return Err(ProtocolError::Thrown(NO_INITIAL.to_owned()));
        }
        Ok(self.fold.restore(&self.initial)?)
    }

    /// The state from which a history is replayed: the initial state with the histories of all other scopes.
    fn root(&mut self, at: usize, source: &mut dyn Actions) -> Result<State, ProtocolError> {
        if let Some(root) = &self.histories[at].root {
            return Ok(root.clone());
        }
        self.restore_initial()?;
        for other in (0..self.histories.len()).filter(|&other| other != at) {
            self.again_unkept(other, &self.histories[other].path(), source)?;
        }
        let root = self.fold.checkpoint()?;
        self.histories[at].root = Some(root.clone());
        Ok(root)
    }

    /// Applies entries of a history again, and keeps none of the states after them.
    pub(super) fn again_unkept(
        &mut self,
        at: usize,
        entries: &[usize],
        source: &mut dyn Actions,
    ) -> Result<(), ProtocolError> {
        let stops: Vec<Stop> = entries.iter().map(|&entry| Stop { entry, keep: None }).collect();
        self.again(at, &stops, source)
    }

    /// Applies operations of a history again, those that the document has itself and those that the stream has.
    fn again(&mut self, at: usize, stops: &[Stop], source: &mut dyn Actions) -> Result<(), ProtocolError> {
        /// Operations between two looks at the clock.
        const STRIDE: usize = 256;
        let mut rest = stops;
        while let Some(&first) = rest.first() {
            if rest.len().is_multiple_of(STRIDE) {
                source.check()?;
            }
            let entries = &self.histories[at].entries;
            if entries[first.entry].lost {
                return Err(ProtocolError::Thrown(LOST.to_owned()));
            }
            if let Some(recorded) = &entries[first.entry].recorded {
                let action = recorded.action.clone();
                self.again_one(at, first, &action)?;
                rest = &rest[1..];
                continue;
            }
            let entries = rest.iter().map(|stop| &entries[stop.entry]);
            let rows: Vec<OpIndex> =
                entries.take_while(|entry| entry.recorded.is_none()).map(|entry| entry.row).collect();
            let mut stops = rest[..rows.len()].iter();
            source.again(&rows, &mut |action| match stops.next() {
                Some(&stop) => self.again_one(at, stop, action),
                None => Ok(()),
            })?;
            rest = &rest[rows.len()..];
        }
        Ok(())
    }

    fn again_one(&mut self, at: usize, stop: Stop, action: &Action<'_>) -> Result<(), ProtocolError> {
        if part(action) == Part::Level {
            self.apply_level_again(action, self.histories[at].entries[stop.entry].slot.skip)?;
        } else {
            self.apply(&scope_of(action)?, action)?;
        }
        if let Some(place) = stop.keep {
            let state = self.fold.checkpoint()?;
            self.histories[at].replayed(place, state);
        }
        Ok(())
    }

    /// The history of a scope; a new one is aligned if a replay would start from the present state.
    pub(super) fn history(&mut self, scope: &Scope, source: &mut dyn Actions) -> Result<usize, ProtocolError> {
        if let Some(at) = self.histories.iter().position(|history| history.scope == *scope) {
            return Ok(at);
        }
        let at = self.insert(History::new(scope.clone()));
        if self.is_irregular() {
            return Ok(at);
        }
        let state = self.fold.checkpoint()?;
        let root = match self.root(at, source) {
            // Whether a replay is possible does not matter before there is one.
            Err(ProtocolError::Thrown(_)) => None,
            root => Some(root?),
        };
        self.fold.restore(&state)?;
        if root.is_some_and(|root| state.is(&root) || same(&state, &root)) {
            self.histories[at].align();
        }
        Ok(at)
    }

    /// Adds a history where JavaScript has the key: behind those that are there, but names that are array indices come
    /// first, by their numbers.
    pub(super) fn insert(&mut self, history: History) -> usize {
        let index = array_index(&history.scope);
        let comes_first =
            |other: &History| index.is_none_or(|index| array_index(&other.scope).is_some_and(|other| other < index));
        let at = self.histories.iter().take_while(|other| comes_first(other)).count();
        self.histories.insert(at, history);
        at
    }

    /// A history has changed: what replays of the others start from is another state now.
    pub(super) fn others_changed(&mut self, at: usize) {
        if self.histories.len() > 1 {
            self.histories
                .iter_mut()
                .enumerate()
                .filter(|(other, _)| *other != at)
                .for_each(|(_, history)| history.invalidate());
        }
    }
}

/// The number that a name is as an array index, in its canonical form.
fn array_index(scope: &Scope) -> Option<u32> {
    let number: u32 = scope.as_str().parse().ok().filter(|number| *number < u32::MAX)?;
    (number.to_string() == scope.as_str()).then_some(number)
}

/// Whether two states have the same value.
pub(super) fn same(a: &State, b: &State) -> bool {
    a.scopes() == b.scopes()
        && a.scopes().iter().all(|scope| a.canonical(scope.as_str()) == b.canonical(scope.as_str()))
}

/// Whether two states have the same value outside one scope.
pub(super) fn same_but(a: &State, b: &State, scope: &Scope) -> bool {
    let (left, right) = (a.scopes(), b.scopes());
    let others = |scopes: &[Scope]| scopes.iter().filter(|other| *other != scope).cloned().collect::<Vec<_>>();
    let others = (others(&left), others(&right));
    others.0 == others.1 && others.0.iter().all(|scope| a.canonical(scope.as_str()) == b.canonical(scope.as_str()))
}
