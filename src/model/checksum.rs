//! Checksums of stored texts.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::hex;

/// SHA-256 of the JSON text of a keyframe's document, as a store hands it out. Displays as hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checksum([u8; 32]);

impl Checksum {
    /// The checksum of a text.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        Checksum(Sha256::digest(text).into())
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Takes the bytes of a checksum.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Checksum(bytes)
    }

    /// Reads the hexadecimal form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        hex::parse(text).map(Checksum)
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(&self.0, f)
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_sha_256_and_reads_back() {
        let sum = Checksum::of(b"abc");
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((sum.to_string().as_str(), Checksum::parse(text)), (text, Some(sum)));
        assert_eq!(Checksum::parse(&text[1..]), None);
    }
}
