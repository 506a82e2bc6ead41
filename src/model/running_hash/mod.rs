//! The hashes of many states, one after the other.

mod part;
mod reader;
mod sum;
#[cfg(test)]
mod tests;

use super::json::{StateHash, hash_canonical};
use super::state::State;
use part::{Draft, Known, Part};
use reader::{Reader, first_difference};
use sum::Marks;

/// Hashes states of one scope, each of which has much in common with the one before.
#[derive(Default)]
pub struct RunningHash {
    kept: Option<Kept>,
    known: Known,
    /// Of the text that is kept.
    marks: Marks,
    cost: HashCost,
}

/// The last state.
struct Kept {
    /// The texts are named by what it holds, so it has to live as long as they do.
    _state: State,
    present: bool,
    text: Part,
    hash: StateHash,
}

/// What hashing took so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HashCost {
    /// Bytes after what a text had in common with the one before.
    pub bytes_changed: u64,
    /// Bytes that SHA-1 went over.
    pub bytes_hashed: u64,
    /// Bytes of text that values were turned into.
    pub bytes_written: u64,
}

impl RunningHash {
    /// [`State::hash`] of the same scope, whatever came before.
    pub fn hash(&mut self, state: &State, scope: &str) -> StateHash {
        let old = self.kept.take();
        let nothing = Part::default();
        let old_text = old.as_ref().map_or(&nothing, |old| &old.text);
        let mut draft = Draft::new(Some(old_text), &mut self.known);
        let present = state.pieces(scope, &mut |piece| draft.add(piece, &mut self.known));
        let text = draft.finish();
        let difference = first_difference(old_text, &text);
        let hash = match &old {
            Some(old) if old.present == present && difference.is_none() => old.hash,
            _ => self.hash_text(Some(&text).filter(|_| present), difference.unwrap_or(text.len())),
        };
        if let Some(old) = old {
            self.known.recycle(old.text);
        }
        self.kept = Some(Kept { _state: state.clone(), present, text, hash });
        hash
    }

    /// What hashing took so far.
    #[must_use]
    pub fn cost(&self) -> HashCost {
        HashCost { bytes_written: self.known.written, ..self.cost }
    }

    /// Hashes a text whose first `same` bytes are as they were.
    fn hash_text(&mut self, text: Option<&Part>, same: usize) -> StateHash {
        const LONGEST_FALSY: usize = "false".len();
        let (from, mut sum) = self.marks.resume(same);
        let Some(text) = text.filter(|text| text.len() > LONGEST_FALSY) else {
            let text = text.map(|text| Reader::new(text).flatten().copied().collect::<Vec<u8>>());
            return hash_canonical(text.as_deref());
        };
        self.cost.bytes_changed += (text.len() - same) as u64;
        self.cost.bytes_hashed += (text.len() - from) as u64;
        let mut reader = Reader::new(text);
        reader.pass(from);
        reader.for_each(|text| sum.update(text));
        StateHash::from_words(sum.finish())
    }
}
