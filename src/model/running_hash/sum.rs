//! SHA-1 that can be taken up again in the middle of a text.

use sha1::block_api::compress;

/// What SHA-1 starts with (FIPS 180-4, section 5.3.1).
const START: Words = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0];

/// How many bytes SHA-1 takes at a time.
const BLOCK: usize = 64;

/// How many bytes lie between one mark and the next: a mark is 20 bytes, and half of this many bytes are hashed once
/// more on average.
pub(super) const STRIDE: usize = if cfg!(test) { 2 * BLOCK } else { 8 * BLOCK };

/// All that SHA-1 knows of the blocks before.
type Words = [u32; 5];

/// What SHA-1 had come to after each `STRIDE` bytes of a text.
#[derive(Debug, Default)]
pub(super) struct Marks(Vec<Words>);

/// A sum on its way through a text.
pub(super) struct Sum<'m> {
    marks: &'m mut Vec<Words>,
    words: Words,
    /// How many bytes of whole blocks are in `words`.
    taken: usize,
    /// What came after these.
    block: [u8; BLOCK],
    filled: usize,
}

impl Marks {
    /// Goes back to the last mark in a text that is the same in its first `same` bytes, and says how many bytes are
    /// before it.
    pub(super) fn resume(&mut self, same: usize) -> (usize, Sum<'_>) {
        self.0.truncate(same / STRIDE);
        let (taken, words) = (self.0.len() * STRIDE, self.0.last().copied().unwrap_or(START));
        (taken, Sum { marks: &mut self.0, words, taken, block: [0; BLOCK], filled: 0 })
    }
}

impl Sum<'_> {
    /// Takes what comes next.
    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        if self.filled > 0 {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - self.filled));
            self.fill(now);
            bytes = later;
            if self.filled < BLOCK {
                return;
            }
            self.filled = 0;
            self.compress(&[self.block]);
        }
        let (blocks, rest) = bytes.as_chunks();
        self.compress(blocks);
        self.fill(rest);
    }

    /// The hash of all that came (FIPS 180-4, section 5.1.1: a one, zeros, and the length in bits).
    pub(super) fn finish(mut self) -> Words {
        let n_bits = 8 * (self.taken + self.filled) as u64;
        let mut end = [[0; BLOCK]; 2];
        end[0] = self.block;
        end[0][self.filled..].fill(0);
        end[0][self.filled] = 0x80;
        let n_blocks = if self.filled + 1 + size_of::<u64>() <= BLOCK { 1 } else { 2 };
        end[n_blocks - 1][BLOCK - size_of::<u64>()..].copy_from_slice(&n_bits.to_be_bytes());
        compress(&mut self.words, &end[..n_blocks]);
        self.words
    }

    fn fill(&mut self, bytes: &[u8]) {
        self.block[self.filled..self.filled + bytes.len()].copy_from_slice(bytes);
        self.filled += bytes.len();
    }

    fn compress(&mut self, mut blocks: &[[u8; BLOCK]]) {
        while !blocks.is_empty() {
            let before_mark = (STRIDE - self.taken % STRIDE) / BLOCK;
            let (now, later) = blocks.split_at(before_mark.min(blocks.len()));
            compress(&mut self.words, now);
            self.taken += now.len() * BLOCK;
            if self.taken.is_multiple_of(STRIDE) {
                self.marks.push(self.words);
            }
            blocks = later;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::json::{StateHash, hash_canonical};

    #[test]
    fn takes_up_anywhere_in_texts_of_any_length() {
        let text: Vec<u8> = (0..3 * STRIDE + 70).map(|n| b"abcdefghijklmnopqrstuvw"[n % 23]).collect();
        for (len, piece) in (0..text.len()).flat_map(|len| [(len, 1 + len % 7), (len, 100), (len, len + 1)]) {
            let mut marks = Marks::default();
            let mut changed = text.clone();
            for same in [0, len / 2, len] {
                changed[same] ^= 1;
                let changed = &changed[..len];
                let (from, mut sum) = marks.resume(same);
                changed[from..].chunks(piece).for_each(|piece| sum.update(piece));
                assert_eq!(StateHash::from_words(sum.finish()), hash_canonical(Some(changed)), "{len} {piece} {same}");
                assert!(from <= same && (same == 0 || same - from < STRIDE));
            }
        }
    }
}
