//! Shared, immutable states.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::ids::Scope;
use super::json::{Json, StateHash, Text, canonical, hash_canonical, write_canonical};

/// The state of a document, all scopes of it: immutable, shared by its clones, and cheap to take from a
/// running fold, so that a rebuild can keep many of them.
///
/// How a state is held is the business of the model that made it (a typed index, a JavaScript heap, plain
/// JSON); what others see of it is JSON.
#[derive(Clone)]
pub struct State(Arc<dyn StateParts>);

/// What a model's own form of a state must offer.
pub trait StateParts: Any + Send + Sync {
    /// The scopes that have a state, in ascending order of UTF-16 code units.
    fn scopes(&self) -> Vec<Scope>;

    /// The state of one scope; `None` if the scope has none.
    fn scope(&self, scope: &str) -> Option<Json<'static>>;

    /// The canonical text of one scope's state; `None` if the scope has none.
    fn canonical(&self, scope: &str) -> Option<Vec<u8>> {
        self.scope(scope).map(|state| canonical(&state))
    }

    /// About how many bytes of memory all scopes take, rather too many than too few: what is shared with other states
    /// counts in full. Cheap, where a form can help it.
    fn heap_bytes(&self) -> usize {
        let of = |scope: Scope| self.scope(scope.as_str()).map_or(0, |state| state.heap_bytes());
        self.scopes().into_iter().map(of).sum()
    }

    /// Visits the canonical text of one scope's state in pieces, in order, and says whether the scope has a state. Put
    /// together, the pieces are what [`StateParts::canonical`] gives.
    ///
    /// A form that shares values between states hands these out as [`Piece::Shared`] and [`Piece::Group`], so that
    /// whoever has met one need not write it again.
    fn pieces(&self, scope: &str, each: &mut dyn FnMut(Piece<'_>)) -> bool {
        let text = self.canonical(scope);
        if let Some(text) = &text {
            each(Piece::Text(text));
        }
        text.is_some()
    }
}

/// Visits pieces, in order.
pub type VisitPieces<'a> = dyn Fn(&mut dyn FnMut(Piece<'_>)) + 'a;

/// A piece of the canonical text of a state.
pub enum Piece<'a> {
    /// Text that belongs to this state alone: what holds the shared values together.
    Text(&'a [u8]),
    /// The text of one or more values that other states may share.
    Shared {
        /// Names the text; see [`piece_id`].
        id: usize,
        /// Appends their text.
        write: &'a dyn Fn(&mut Vec<u8>),
    },
    /// Values that other states may share, worth some kilobytes of text together, of which another state may have some
    /// and not others: the items of a long array, a page of a search tree.
    Group {
        /// Names the text; see [`piece_id`].
        id: usize,
        /// Visits the pieces that the text is made of, in order, as [`StateParts::pieces`] does. The recursion is the
        /// visitor's, too, so groups in groups should be a few dozen at most.
        pieces: &'a VisitPieces<'a>,
    },
}

/// Names the text of what `shared` holds, as its address does: as long as a state with it lives, nothing else has the
/// name, and its text has to stay the same. `form`, less than the size of a `T`, tells texts of one value apart, such as
/// that with and that without a comma before it.
#[must_use]
pub fn piece_id<T>(shared: &Arc<T>, form: usize) -> usize {
    debug_assert!(form < size_of::<T>(), "the next bytes in memory may be another value's");
    Arc::as_ptr(shared).addr() + form
}

impl State {
    /// Shares `parts`.
    pub fn new(parts: impl StateParts) -> Self {
        State(Arc::new(parts))
    }

    /// The scopes that have a state, in ascending order of UTF-16 code units.
    #[must_use]
    pub fn scopes(&self) -> Vec<Scope> {
        self.0.scopes()
    }

    /// The state of one scope; `None` if the scope has none. Costs as much as the state is large.
    #[must_use]
    pub fn scope(&self, scope: &str) -> Option<Json<'static>> {
        self.0.scope(scope)
    }

    /// The canonical text of one scope's state; `None` if the scope has none.
    #[must_use]
    pub fn canonical(&self, scope: &str) -> Option<Vec<u8>> {
        self.0.canonical(scope)
    }

    /// Visits the canonical text of one scope's state in pieces; see [`StateParts::pieces`].
    pub fn pieces(&self, scope: &str, each: &mut dyn FnMut(Piece<'_>)) -> bool {
        self.0.pieces(scope, each)
    }

    /// The state hash of one scope (reactor format §3.1); an absent scope has one, too.
    #[must_use]
    pub fn hash(&self, scope: &str) -> StateHash {
        hash_canonical(self.canonical(scope).as_deref())
    }

    /// About how many bytes of memory it takes; see [`StateParts::heap_bytes`].
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.0.heap_bytes()
    }

    /// The model's own form, if it is a `T`.
    #[must_use]
    pub fn downcast<T: StateParts>(&self) -> Option<&T> {
        let parts: &dyn Any = &*self.0;
        parts.downcast_ref()
    }

    /// Whether both are one and the same state in memory; `false` says nothing about their values.
    #[must_use]
    pub fn is(&self, other: &State) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The text that the pieces of a state make, for tests.
#[cfg(test)]
pub(crate) fn joined(state: &State, scope: &str) -> Option<Vec<u8>> {
    #[expect(clippy::needless_pass_by_value, reason = "a piece is handed out once")]
    fn join(piece: Piece<'_>, text: &mut Vec<u8>) {
        match piece {
            Piece::Text(own) => text.extend_from_slice(own),
            Piece::Shared { write, .. } => write(text),
            Piece::Group { pieces, .. } => pieces(&mut |piece| join(piece, text)),
        }
    }
    let mut text = Vec::new();
    state.pieces(scope, &mut |piece| join(piece, &mut text)).then_some(text)
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text =
            |scope: &Scope| self.canonical(scope.as_str()).map(|text| String::from_utf8_lossy(&text).into_owned());
        f.debug_map().entries(self.scopes().iter().map(|scope| (scope, text(scope)))).finish()
    }
}

/// A state held as plain JSON, one value a scope.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JsonState(BTreeMap<Scope, Arc<Json<'static>>>);

impl JsonState {
    /// The state of one scope.
    #[must_use]
    pub fn get(&self, scope: &str) -> Option<&Json<'static>> {
        self.0.get(scope).map(|state| &**state)
    }

    /// Replaces the state of one scope.
    pub fn set(&mut self, scope: Scope, state: Json<'static>) {
        self.0.insert(scope, Arc::new(state));
    }

    /// Removes one scope.
    pub fn remove(&mut self, scope: &str) {
        self.0.remove(scope);
    }

    /// The state of one scope, to change; `None` if the scope has none.
    pub fn get_mut(&mut self, scope: &str) -> Option<&mut Json<'static>> {
        self.0.get_mut(scope).map(Arc::make_mut)
    }
}

impl FromIterator<(Scope, Json<'static>)> for JsonState {
    fn from_iter<I: IntoIterator<Item = (Scope, Json<'static>)>>(scopes: I) -> Self {
        JsonState(scopes.into_iter().map(|(scope, state)| (scope, Arc::new(state))).collect())
    }
}

impl StateParts for JsonState {
    fn scopes(&self) -> Vec<Scope> {
        let mut scopes: Vec<Scope> = self.0.keys().cloned().collect();
        scopes.sort_by(|a, b| Text::from(a.as_str()).cmp(&Text::from(b.as_str())));
        scopes
    }

    fn scope(&self, scope: &str) -> Option<Json<'static>> {
        self.get(scope).cloned()
    }

    fn canonical(&self, scope: &str) -> Option<Vec<u8>> {
        self.get(scope).map(canonical)
    }

    fn heap_bytes(&self) -> usize {
        self.0.values().map(|state| state.heap_bytes()).sum()
    }

    fn pieces(&self, scope: &str, each: &mut dyn FnMut(Piece<'_>)) -> bool {
        let Some(state) = self.0.get(scope) else { return false };
        each(Piece::Shared { id: piece_id(state, 0), write: &|out| write_canonical(state, out) });
        true
    }
}

impl From<&State> for JsonState {
    fn from(state: &State) -> Self {
        if let Some(parts) = state.downcast::<JsonState>() {
            return parts.clone();
        }
        let value = |scope: Scope| state.scope(scope.as_str()).map(|value| (scope, Arc::new(value)));
        JsonState(state.scopes().into_iter().filter_map(value).collect())
    }
}
