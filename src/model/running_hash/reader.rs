//! The text of a part from its beginning to its end.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::part::Part;

/// A place in the text of a part.
pub(super) struct Reader<'p> {
    /// The part, the one in it that the place is in, and so on.
    open: SmallVec<[Open<'p>; 8]>,
}

/// A place in a part.
struct Open<'p> {
    part: &'p Part,
    /// How much of its own text is before.
    at: usize,
    /// How many of the parts in it are before.
    n_nested: usize,
}

/// What comes next; a text is never empty.
#[derive(Clone, Copy)]
enum Next<'p> {
    Text(&'p [u8]),
    Part(&'p Arc<Part>),
    End,
}

impl<'p> Reader<'p> {
    pub(super) fn new(part: &'p Part) -> Self {
        Reader { open: smallvec![Open { part, at: 0, n_nested: 0 }] }
    }

    /// Goes over `n` bytes.
    pub(super) fn pass(&mut self, mut n: usize) {
        while n > 0 {
            match self.peek() {
                Next::Text(text) => {
                    let now = n.min(text.len());
                    self.pass_text(now);
                    n -= now;
                }
                Next::Part(part) if part.len() <= n => {
                    self.pass_part();
                    n -= part.len();
                }
                Next::Part(part) => self.enter(part),
                Next::End => return,
            }
        }
    }

    fn peek(&mut self) -> Next<'p> {
        while let Some(open) = self.open.last() {
            let nested = open.part.nested().get(open.n_nested);
            let text = open.part.text();
            let text = &text[open.at..nested.map_or(text.len(), |nested| nested.at)];
            match nested {
                _ if !text.is_empty() => return Next::Text(text),
                Some(nested) => return Next::Part(&nested.part),
                None => drop(self.open.pop()),
            }
        }
        Next::End
    }

    fn pass_text(&mut self, n: usize) {
        if let Some(open) = self.open.last_mut() {
            open.at += n;
        }
    }

    fn pass_part(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.n_nested += 1;
        }
    }

    fn enter(&mut self, part: &'p Part) {
        self.pass_part();
        self.open.push(Open { part, at: 0, n_nested: 0 });
    }
}

/// The rest of the text, from the place on.
impl<'p> Iterator for Reader<'p> {
    type Item = &'p [u8];

    fn next(&mut self) -> Option<&'p [u8]> {
        loop {
            match self.peek() {
                Next::Text(text) => {
                    self.pass_text(text.len());
                    return Some(text);
                }
                Next::Part(part) => self.enter(part),
                Next::End => return None,
            }
        }
    }
}

/// How many bytes two texts start with in common; `None` if they are the same. Looks at no part that both have in the
/// same place.
pub(super) fn first_difference(a: &Part, b: &Part) -> Option<usize> {
    let (mut a, mut b, mut at) = (Reader::new(a), Reader::new(b), 0);
    loop {
        match (a.peek(), b.peek()) {
            (Next::End, Next::End) => return None,
            (Next::Part(x), Next::Part(y)) if Arc::ptr_eq(x, y) => {
                at += x.len();
                a.pass_part();
                b.pass_part();
            }
            // The longer one may hold the other one.
            (Next::Part(x), Next::Part(y)) if x.len() < y.len() => b.enter(y),
            (Next::Part(x), _) => a.enter(x),
            (_, Next::Part(y)) => b.enter(y),
            (Next::Text(x), Next::Text(y)) => {
                let same = n_same(x, y);
                at += same;
                if same < x.len().min(y.len()) {
                    return Some(at);
                }
                a.pass_text(same);
                b.pass_text(same);
            }
            (Next::End, Next::Text(_)) | (Next::Text(_), Next::End) => return Some(at),
        }
    }
}

/// How many bytes two slices start with in common.
fn n_same(a: &[u8], b: &[u8]) -> usize {
    let chunks = n_same_chunks::<256>(a, b);
    let words = chunks + n_same_chunks::<8>(&a[chunks..], &b[chunks..]);
    words + n_same_chunks::<1>(&a[words..], &b[words..])
}

/// How many bytes that is in whole chunks.
fn n_same_chunks<const N: usize>(a: &[u8], b: &[u8]) -> usize {
    N * a.as_chunks::<N>().0.iter().zip(b.as_chunks::<N>().0).take_while(|(a, b)| a == b).count()
}
