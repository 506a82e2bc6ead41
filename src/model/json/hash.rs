//! State hashes and operation ids.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// The hash of a scope's state: SHA-1 of its canonical text (reactor format §3.1).
///
/// Displays as the reference stores it: base64, standard alphabet, with padding.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StateHash([u8; 20]);

impl StateHash {
    /// The bytes of the digest.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// Takes the bytes of a digest.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 20]) -> Self {
        StateHash(bytes)
    }

    /// Whether `text` is how the hash displays.
    #[must_use]
    pub fn displays_as(&self, text: &str) -> bool {
        let mut shown = [0; 28];
        STANDARD.encode_slice(self.0, &mut shown).is_ok() && text.as_bytes() == shown
    }

    /// Takes the five words that SHA-1 ends with.
    pub(in crate::model) fn from_words(words: [u32; 5]) -> Self {
        let mut bytes = [0; 20];
        for (four, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
            *four = word.to_be_bytes();
        }
        StateHash(bytes)
    }
}

impl fmt::Display for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Hashes the canonical text of a scope's state; `None` for a scope that is absent.
///
/// An absent state and every value that JavaScript treats as false hash as the empty string.
#[must_use]
pub fn hash_canonical(text: Option<&[u8]>) -> StateHash {
    const EMPTY: &[u8] = b"\"\"";
    let text = match text {
        None | Some(b"null" | b"false" | b"0") => EMPTY,
        Some(text) => text,
    };
    StateHash(Sha1::digest(text).into())
}

/// Derives an operation id: the first 32 hexadecimal digits of the SHA-1 of
/// `document:scope:branch:action` (reactor format §3.4). The parts are not escaped.
#[must_use]
pub fn operation_id(document: &str, scope: &str, branch: &str, action: &[u8]) -> String {
    OperationIds::new(document, scope, branch).of(action)
}

/// Derives the operation ids of one stream; see [`operation_id`].
#[derive(Clone)]
pub struct OperationIds {
    /// Has taken what all ids of the stream begin with.
    sha: Sha1,
}

impl OperationIds {
    /// Begins with a stream.
    #[must_use]
    pub fn new(document: &str, scope: &str, branch: &str) -> Self {
        let mut sha = Sha1::new();
        for part in [document, scope, branch] {
            sha.update(part);
            sha.update(b":");
        }
        OperationIds { sha }
    }

    /// The id of an operation, from that of its action.
    #[must_use]
    pub fn of(&self, action: &[u8]) -> String {
        self.digits(action).map(char::from).collect()
    }

    /// Whether `id` is the id of an operation, without a text of its own.
    #[must_use]
    pub fn is(&self, id: &str, action: &[u8]) -> bool {
        id.len() == 2 * Self::BYTES && id.bytes().eq(self.digits(action))
    }

    /// How many bytes of the digest an id shows.
    const BYTES: usize = 16;

    fn digits(&self, action: &[u8]) -> impl Iterator<Item = u8> {
        let digest = self.sha.clone().chain_update(action).finalize();
        digest.into_iter().take(Self::BYTES).flat_map(|byte| [byte >> 4, byte & 0xF]).map(hex_digit)
    }
}

fn hex_digit(nibble: u8) -> u8 {
    b"0123456789abcdef"[usize::from(nibble)]
}
