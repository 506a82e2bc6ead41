//! Texts that were written once.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use super::super::state::{Piece, VisitPieces};

/// From how many bytes on a value has a part of its own, instead of a place in the text of the one around it: that one
/// is copied when another of its values changes.
const OWN_PART: usize = if cfg!(test) { 24 } else { 1024 };

/// How far after the last value that was found again the next one is sought: as far as what lies next to each other
/// is usually counted. (Unit tests have it all small, so that little text has many parts.)
const WINDOW: usize = if cfg!(test) { 6 } else { 64 };

/// How many parts that are no longer used are kept for the memory they have.
const MAX_SPARE: usize = if cfg!(test) { 2 } else { 8 };

/// The text of a value, or of several next to each other.
#[derive(Default)]
pub(super) struct Part {
    /// All but the texts of the parts in it.
    text: Vec<u8>,
    /// The small values in `text`, in order.
    values: Vec<Value>,
    /// The parts in it, in order.
    nested: Vec<Nested>,
    len: usize,
}

/// Where in the text of a part a small value is.
#[derive(Clone, Copy)]
struct Value {
    id: usize,
    start: u32,
    end: u32,
}

/// A part in another one, before the text at `at`.
pub(super) struct Nested {
    pub(super) at: usize,
    id: usize,
    pub(super) part: Arc<Part>,
}

impl Part {
    /// How long its text is, with that of the parts in it.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Its own text.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The parts in it, in order.
    pub(super) fn nested(&self) -> &[Nested] {
        &self.nested
    }
}

/// The parts that have a name.
#[derive(Default)]
pub(super) struct Known {
    /// Those that are no longer used stay until the next clean-up.
    parts: HashMap<usize, Weak<Part>>,
    /// From how many entries on there is one.
    clean_up_at: usize,
    /// Empty ones.
    spare: Vec<Part>,
    /// How many bytes were written, ever.
    pub(super) written: u64,
}

impl Known {
    /// Takes back what is no longer used.
    pub(super) fn recycle(&mut self, mut part: Part) {
        for nested in part.nested.drain(..) {
            if let Some(part) = Arc::into_inner(nested.part)
                && self.spare.len() < MAX_SPARE
            {
                self.recycle(part);
            }
        }
        if self.spare.len() < MAX_SPARE {
            part.text.clear();
            part.values.clear();
            part.len = 0;
            self.spare.push(part);
        }
    }

    fn get(&self, id: usize) -> Option<Arc<Part>> {
        self.parts.get(&id)?.upgrade()
    }

    fn insert(&mut self, id: usize, part: Part) -> Arc<Part> {
        if self.parts.len() >= self.clean_up_at {
            self.parts.retain(|_, part| part.strong_count() > 0);
            self.clean_up_at = 2 * self.parts.len() + WINDOW;
        }
        let part = Arc::new(part);
        self.parts.insert(id, Arc::downgrade(&part));
        part
    }
}

/// A part that is being put together.
pub(super) struct Draft<'o> {
    part: Part,
    /// The one that was in its place before: what it has is probably what comes.
    old: Old<'o>,
}

/// What of an old part has not been found again, nor anything after it.
struct Old<'o> {
    text: &'o [u8],
    values: &'o [Value],
    nested: &'o [Nested],
}

impl<'o> Draft<'o> {
    pub(super) fn new(old: Option<&'o Part>, known: &mut Known) -> Self {
        let mut part = known.spare.pop().unwrap_or_default();
        let old = old.map_or(Old { text: &[], values: &[], nested: &[] }, |old| {
            part.text.reserve(old.text.len() + old.text.len() / 8);
            Old { text: &old.text, values: &old.values, nested: &old.nested }
        });
        Draft { part, old }
    }

    /// Takes the next piece, and writes of it what is not known.
    #[expect(clippy::needless_pass_by_value, reason = "a piece is a few words, and is handed out once")]
    pub(super) fn add(&mut self, piece: Piece<'_>, known: &mut Known) {
        let id = match piece {
            Piece::Text(text) => {
                known.written += text.len() as u64;
                return self.part.text.extend_from_slice(text);
            }
            Piece::Shared { id, .. } | Piece::Group { id, .. } => id,
        };
        if let Some(text) = self.old.value(id) {
            return self.put(id, text);
        }
        if let Some(part) = self.old.part(id).or_else(|| known.get(id)) {
            return self.nest(id, part);
        }
        let part = match piece {
            Piece::Group { pieces, .. } => self.open(pieces, known),
            Piece::Shared { write, .. } => write_part(write, known),
            Piece::Text(_) => return,
        };
        if part.len < OWN_PART && part.nested.is_empty() {
            self.put(id, &part.text);
            known.recycle(part);
        } else {
            self.nest(id, known.insert(id, part));
        }
    }

    /// Puts the pieces of a group together that is not known as a whole.
    fn open(&mut self, pieces: &VisitPieces<'_>, known: &mut Known) -> Part {
        let before = self.old.nested.first().map(|nested| &*nested.part);
        let mut draft = Draft::new(before, known);
        pieces(&mut |piece| draft.add(piece, known));
        // Of what was divided in two, the other half is still to come.
        let n_left = draft.old.values.len() + draft.old.nested.len();
        if before.is_some_and(|before| 2 * n_left < (before.values.len() + before.nested.len()).max(1)) {
            self.old.nested = &self.old.nested[1..];
        }
        draft.finish()
    }

    /// Puts the text of a small value where it belongs.
    fn put(&mut self, id: usize, text: &[u8]) {
        let start = self.part.text.len();
        self.part.text.extend_from_slice(text);
        // What starts so far back that its place does not fit is written again, should it be met again.
        if let (Ok(start), Ok(end)) = (start.try_into(), self.part.text.len().try_into()) {
            self.part.values.push(Value { id, start, end });
        }
    }

    /// The part with all pieces.
    pub(super) fn finish(mut self) -> Part {
        self.part.len += self.part.text.len();
        if self.part.text.capacity() > self.part.text.len() + self.part.text.len() / 4 + OWN_PART {
            self.part.text.shrink_to_fit();
        }
        self.part
    }

    fn nest(&mut self, id: usize, part: Arc<Part>) {
        self.part.len += part.len;
        self.part.nested.push(Nested { at: self.part.text.len(), id, part });
    }
}

/// Writes a value that is not known.
fn write_part(write: &dyn Fn(&mut Vec<u8>), known: &mut Known) -> Part {
    let mut draft = Draft::new(None, known);
    write(&mut draft.part.text);
    known.written += draft.part.text.len() as u64;
    draft.finish()
}

impl<'o> Old<'o> {
    fn value(&mut self, id: usize) -> Option<&'o [u8]> {
        let at = self.values.iter().take(WINDOW).position(|value| value.id == id)?;
        let value = self.values[at];
        self.values = &self.values[at + 1..];
        self.text.get(value.start as usize..value.end as usize)
    }

    fn part(&mut self, id: usize) -> Option<Arc<Part>> {
        let at = self.nested.iter().take(WINDOW).position(|nested| nested.id == id)?;
        let part = self.nested[at].part.clone();
        self.nested = &self.nested[at + 1..];
        Some(part)
    }
}
