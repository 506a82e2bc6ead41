//! Seals: the rolling digest of a stream, which proves that its past was not edited.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::hex;
use super::operation::OperationRow;

/// The digest of a stream up to a revision: SHA-256 over the seal before and the row.
///
/// It covers what a rebuild or a check can see of a row: index, skip, operation id, id of the operation before it,
/// document type, time (in milliseconds), hash, error, denial, and the bytes of the action. It does not cover what says
/// nothing about the document: the row's number, job and time of writing. An action that another program has formatted
/// anew has another seal.
///
/// Because each seal is made of the one before it, a stream that grows is sealed by its new rows alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seal([u8; 32]);

impl Seal {
    /// The seal of a stream without operations.
    pub const EMPTY: Seal = Seal([0; 32]);

    /// The seal of a stream that goes on with `row`.
    #[must_use]
    pub fn then(self, row: &OperationRow<'_>) -> Seal {
        let OperationRow { index, skip, id, previous_id, document_type, timestamp, hash, error, denied, action } = *row;
        let mut sha = Sha256::new();
        sha.update(self.0);
        sha.update(index.get().to_le_bytes());
        sha.update(skip.map_or(0, std::num::NonZeroU32::get).to_le_bytes());
        sha.update(timestamp.as_millis().to_le_bytes());
        // An absent text and an empty one are the same row to every reader (reactor format §2.1).
        let (error, denied) = (error.unwrap_or_default(), denied.unwrap_or_default());
        for text in [id, previous_id, document_type, hash, error, denied] {
            sha.update((text.len() as u64).to_le_bytes());
            sha.update(text);
        }
        sha.update(action);
        Seal(sha.finalize().into())
    }

    /// The bytes of the digest.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Takes the bytes of a digest.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Seal(bytes)
    }

    /// Reads the hexadecimal form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        hex::parse(text).map(Seal)
    }
}

impl fmt::Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(&self.0, f)
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::OpIndex;
    use crate::model::time::Timestamp;

    fn row() -> OperationRow<'static> {
        OperationRow {
            index: OpIndex::FIRST,
            skip: None,
            id: "id",
            previous_id: "",
            document_type: "t",
            timestamp: Timestamp::from_millis(7).expect("a time"),
            hash: "h",
            error: None,
            denied: None,
            action: b"{}",
        }
    }

    #[test]
    fn every_part_of_a_row_counts_and_an_empty_text_is_an_absent_one() {
        let row = row();
        let plain = Seal::EMPTY.then(&row);
        let changed = [
            OperationRow { index: OpIndex::new(1), ..row },
            OperationRow { skip: std::num::NonZeroU32::new(1), ..row },
            OperationRow { id: "ie", ..row },
            OperationRow { previous_id: "d", id: "i", ..row },
            OperationRow { document_type: "u", ..row },
            OperationRow { timestamp: Timestamp::from_millis(8).expect("a time"), ..row },
            OperationRow { hash: "i", ..row },
            OperationRow { error: Some("e"), ..row },
            OperationRow { denied: Some("e"), ..row },
            OperationRow { action: b"{} ", ..row },
        ];
        for (n, row) in changed.iter().enumerate() {
            assert_ne!(Seal::EMPTY.then(row), plain, "{n}");
        }
        assert_eq!(Seal::EMPTY.then(&OperationRow { error: Some(""), ..row }), plain);
        assert_ne!(plain.then(&row), plain);
    }

    #[test]
    fn the_hexadecimal_form_reads_back() {
        let seal = Seal::EMPTY.then(&row());
        assert_eq!(Seal::parse(&seal.to_string()), Some(seal));
        assert_eq!(Seal::parse("zz"), None);
        assert_eq!(Seal::parse(&"g".repeat(64)), None);
    }
}
