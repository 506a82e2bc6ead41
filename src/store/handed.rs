//! What was handed out while a store was read.
//!
//! An answer that is handed out row by row cannot be taken back when the store turns out to have moved meanwhile. The rows
//! are then read again, and compared with those that went out: if they are the same, the rest follows.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use super::{InsertedKeyframe, InsertedOperation, KeyframeEntry, StoreError};
use crate::model::ids::StreamKey;
use crate::model::operation::OperationRow;

/// The rows that went out: how many, and a digest of them. It lives as long as the process and is never stored.
#[derive(Clone, Debug, Default)]
pub struct Handed {
    rows: u64,
    digest: u64,
}

/// One reading of rows, from the first on.
#[derive(Debug)]
pub struct Reading<'h> {
    handed: &'h mut Handed,
    seen: DefaultHasher,
    /// How many of the rows that went out have not been read again yet.
    owing: u64,
    differs: bool,
}

/// What to do with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// It has not gone out yet.
    New,
    /// It has gone out before.
    Known,
    /// Other rows than these have gone out: end the reading.
    Different,
}

impl Handed {
    /// Begins to read the rows from the first on.
    pub fn read(&mut self) -> Reading<'_> {
        let owing = self.rows;
        Reading { handed: self, seen: DefaultHasher::new(), owing, differs: false }
    }
}

impl Reading<'_> {
    /// Looks at the next operation of a stream. A new one counts as handed out.
    pub fn operation(&mut self, row: &OperationRow<'_>) -> Row {
        hash_operation(row, &mut self.seen);
        self.looked()
    }

    /// The same for an operation with all its columns.
    pub fn inserted_operation(&mut self, row: &InsertedOperation<'_>) -> Row {
        hash_stream(row.stream, &mut self.seen);
        hash_operation(&row.row, &mut self.seen);
        (row.written, row.job_id).hash(&mut self.seen);
        self.looked()
    }

    /// The same for a keyframe.
    pub fn inserted_keyframe(&mut self, row: &InsertedKeyframe<'_>) -> Row {
        hash_stream(row.stream, &mut self.seen);
        (row.label, row.document_type, row.created, row.document).hash(&mut self.seen);
        self.looked()
    }

    /// The same for a keyframe without its body.
    pub fn keyframe_entry(&mut self, entry: &KeyframeEntry) -> Row {
        let KeyframeEntry { stream, document_type, label, created, size_bytes, codec } = entry;
        hash_stream(stream, &mut self.seen);
        (label, document_type.as_str(), created, size_bytes, codec).hash(&mut self.seen);
        self.looked()
    }

    /// Whether there are rows that went out and have not been read again.
    #[must_use]
    pub fn is_owing(&self) -> bool {
        self.owing > 0
    }

    /// Ends a reading.
    ///
    /// # Errors
    /// `Moved` if other rows have gone out than were read now, or more.
    pub fn finish(self, location: &str) -> Result<(), StoreError> {
        if self.differs || self.is_owing() {
            return Err(StoreError::Moved { location: location.to_owned() });
        }
        Ok(())
    }

    fn looked(&mut self) -> Row {
        let digest = self.seen.finish();
        if self.owing == 0 {
            self.handed.rows += 1;
            self.handed.digest = digest;
            return Row::New;
        }
        self.owing -= 1;
        if self.owing == 0 && digest != self.handed.digest {
            self.differs = true;
            return Row::Different;
        }
        Row::Known
    }
}

fn hash_stream(stream: &StreamKey, into: &mut DefaultHasher) {
    (stream.document.as_str(), stream.scope.as_str(), stream.branch.as_str()).hash(into);
}

fn hash_operation(row: &OperationRow<'_>, into: &mut DefaultHasher) {
    let OperationRow { index, skip, id, previous_id, document_type, timestamp, hash, error, denied, action } = *row;
    (index, skip, id, previous_id, document_type, timestamp).hash(into);
    (hash, error, denied, action).hash(into);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::OpIndex;
    use crate::model::time::Timestamp;

    fn row(index: u64, hash: &str) -> OperationRow<'_> {
        OperationRow {
            index: OpIndex::new(index),
            skip: None,
            id: "id",
            previous_id: "",
            document_type: "t",
            timestamp: Timestamp::from_millis(0).unwrap(),
            hash,
            error: None,
            denied: None,
            action: b"{}",
        }
    }

    #[test]
    fn what_went_out_is_passed_over_if_it_is_still_there() {
        let mut handed = Handed::default();
        let mut first = handed.read();
        assert_eq!([first.operation(&row(0, "a")), first.operation(&row(1, "b"))], [Row::New, Row::New]);
        first.finish("x").unwrap();
        let mut second = handed.read();
        let rows = [row(0, "a"), row(1, "b"), row(2, "c")].map(|row| second.operation(&row));
        assert_eq!(rows, [Row::Known, Row::Known, Row::New]);
        second.finish("x").unwrap();
    }

    #[test]
    fn what_went_out_and_is_no_more_is_noticed() {
        let mut handed = Handed::default();
        let mut first = handed.read();
        for index in 0..3 {
            first.operation(&row(index, "a"));
        }
        let mut second = handed.read();
        let rows = [row(0, "a"), row(1, "changed"), row(2, "a")].map(|row| second.operation(&row));
        assert_eq!(rows, [Row::Known, Row::Known, Row::Different]);
        assert!(second.finish("x").is_err());
        let mut third = handed.read();
        third.operation(&row(0, "a"));
        assert!(third.finish("x").is_err(), "rows are missing");
    }
}
