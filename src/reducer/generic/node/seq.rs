//! Values next to each other, few or many.

use std::cmp::Ordering;

use imbl::Vector;

/// From how many on a change no longer copies all of them.
const MANY: usize = 64;

/// A sequence whose changed copies share what they have in common once it is long. Most are short, and take no more
/// room than they need.
#[derive(Clone, Debug)]
pub(super) enum Seq<T> {
    Few(Vec<T>),
    Many(Vector<T>),
}

impl<T> Default for Seq<T> {
    fn default() -> Self {
        Seq::Few(Vec::new())
    }
}

impl<T: Clone> Seq<T> {
    pub(super) fn len(&self) -> usize {
        match self {
            Seq::Few(few) => few.len(),
            Seq::Many(many) => many.len(),
        }
    }

    pub(super) fn get(&self, at: usize) -> Option<&T> {
        match self {
            Seq::Few(few) => few.get(at),
            Seq::Many(many) => many.get(at),
        }
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        match self {
            Seq::Few(few) => few.get_mut(at),
            Seq::Many(many) => many.get_mut(at),
        }
    }

    /// Puts `value` before the one at `at`, or at the end.
    pub(super) fn insert(&mut self, at: usize, value: T) {
        match self {
            Seq::Few(few) if few.len() < MANY => few.insert(at, value),
            Seq::Few(few) => {
                let mut many: Vector<T> = std::mem::take(few).into_iter().collect();
                many.insert(at, value);
                *self = Seq::Many(many);
            }
            Seq::Many(many) => many.insert(at, value),
        }
    }

    pub(super) fn remove(&mut self, at: usize) -> T {
        match self {
            Seq::Few(few) => few.remove(at),
            Seq::Many(many) => many.remove(at),
        }
    }

    pub(super) fn binary_search_by(&self, order: impl FnMut(&T) -> Ordering) -> Result<usize, usize> {
        match self {
            Seq::Few(few) => few.binary_search_by(order),
            Seq::Many(many) => many.binary_search_by(order),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        let (few, many) = match self {
            Seq::Few(few) => (Some(few.iter()), None),
            Seq::Many(many) => (None, Some(many.iter())),
        };
        few.into_iter().flatten().chain(many.into_iter().flatten())
    }
}

impl<T: Clone> FromIterator<T> for Seq<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let few: Vec<T> = values.into_iter().collect();
        if few.len() <= MANY { Seq::Few(few) } else { Seq::Many(few.into_iter().collect()) }
    }
}
