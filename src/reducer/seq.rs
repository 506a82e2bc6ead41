//! Values next to each other, few or many.

use std::cmp::Ordering;
use std::sync::Arc;

/// How many values a piece has at most. Half as many are in each after one was divided.
const PIECE: usize = 64;

/// A sequence. A short one is a vector; a long one is cut into pieces that its changed copies share, so that a change
/// copies one piece, and what names the others.
#[derive(Clone, Debug)]
pub(super) enum Seq<T> {
    Few(Vec<T>),
    Many(Pieces<T>),
}

/// Pieces with at least one value each.
#[derive(Clone, Debug)]
pub(super) struct Pieces<T> {
    pieces: Vec<Arc<Vec<T>>>,
    len: usize,
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
            Seq::Many(many) => many.len,
        }
    }

    pub(super) fn get(&self, at: usize) -> Option<&T> {
        match self {
            Seq::Few(few) => few.get(at),
            Seq::Many(many) => {
                let (piece, at) = many.find(at);
                many.pieces.get(piece)?.get(at)
            }
        }
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        match self {
            Seq::Few(few) => few.get_mut(at),
            Seq::Many(many) => {
                let (piece, at) = many.find(at);
                Arc::make_mut(many.pieces.get_mut(piece)?).get_mut(at)
            }
        }
    }

    /// Puts `value` before the one at `at`, or at the end.
    pub(super) fn insert(&mut self, at: usize, value: T) {
        match self {
            Seq::Few(few) => {
                few.insert(at, value);
                if few.len() > PIECE {
                    *self = std::mem::take(few).into_iter().collect();
                }
            }
            Seq::Many(many) => many.insert(at, value),
        }
    }

    /// Takes out the value at `at`.
    ///
    /// # Panics
    /// If there is none.
    pub(super) fn remove(&mut self, at: usize) -> T {
        match self {
            Seq::Few(few) => few.remove(at),
            Seq::Many(many) => many.remove(at),
        }
    }

    pub(super) fn binary_search_by(&self, mut order: impl FnMut(&T) -> Ordering) -> Result<usize, usize> {
        match self {
            Seq::Few(few) => few.binary_search_by(order),
            Seq::Many(many) => {
                let below = |piece: &Arc<Vec<T>>| piece.last().is_some_and(|last| order(last) == Ordering::Less);
                let piece = many.pieces.partition_point(below);
                let before = many.pieces[..piece].iter().map(|piece| piece.len()).sum::<usize>();
                let Some(piece) = many.pieces.get(piece) else { return Err(before) };
                piece.binary_search_by(order).map(|at| before + at).map_err(|at| before + at)
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        let (few, many) = match self {
            Seq::Few(few) => (few.as_slice(), [].as_slice()),
            Seq::Many(many) => ([].as_slice(), many.pieces.as_slice()),
        };
        few.iter().chain(many.iter().flat_map(|piece| piece.iter()))
    }
}

impl<T: Clone> Pieces<T> {
    pub(super) fn pieces(&self) -> &[Arc<Vec<T>>] {
        &self.pieces
    }

    /// The piece that has the value at `at`, and where in it; one past the last piece at the end.
    fn find(&self, mut at: usize) -> (usize, usize) {
        for (n, piece) in self.pieces.iter().enumerate() {
            match at.checked_sub(piece.len()) {
                Some(rest) => at = rest,
                None => return (n, at),
            }
        }
        (self.pieces.len(), at)
    }

    fn insert(&mut self, at: usize, value: T) {
        // What comes to the end goes into the last piece.
        let (n, at) = match self.find(at) {
            (n, 0) if n > 0 => (n - 1, self.pieces[n - 1].len()),
            found => found,
        };
        self.len += 1;
        let Some(piece) = self.pieces.get_mut(n) else { return self.pieces.push(Arc::new(vec![value])) };
        let piece = Arc::make_mut(piece);
        piece.insert(at, value);
        if piece.len() > PIECE {
            let upper = piece.split_off(PIECE / 2);
            self.pieces.insert(n + 1, Arc::new(upper));
        }
    }

    fn remove(&mut self, at: usize) -> T {
        let (n, at) = self.find(at);
        self.len -= 1;
        let piece = Arc::make_mut(&mut self.pieces[n]);
        let value = piece.remove(at);
        if piece.is_empty() {
            self.pieces.remove(n);
        }
        value
    }
}

impl<T: Clone> FromIterator<T> for Seq<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let few: Vec<T> = values.into_iter().collect();
        if few.len() <= PIECE {
            return Seq::Few(few);
        }
        let len = few.len();
        let mut values = few.into_iter();
        let pieces = std::iter::from_fn(|| Some(values.by_ref().take(PIECE).collect::<Vec<T>>()));
        Seq::Many(Pieces { pieces: pieces.take_while(|piece| !piece.is_empty()).map(Arc::new).collect(), len })
    }
}
