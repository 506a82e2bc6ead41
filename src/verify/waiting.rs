//! What is needed of a row until its step.

use std::collections::VecDeque;

use crate::model::operation::OperationRow;
use crate::model::prefix::Prefix;

/// Rows that were read and not replayed, in order. Their texts are in one piece of memory that is used again when there
/// are none left.
#[derive(Default)]
pub(super) struct Waiting {
    texts: String,
    rows: VecDeque<Ends>,
    /// Where the texts of the first row begin.
    start: usize,
}

/// Where texts of a row end.
struct Ends {
    id: usize,
    hash: usize,
    error: Option<usize>,
    prefix: Option<Prefix>,
}

/// What is needed of a row.
#[derive(Clone, Copy)]
pub(super) struct Stored<'a> {
    pub(super) id: &'a str,
    pub(super) hash: &'a str,
    pub(super) error: Option<&'a str>,
    /// What the rows up to it come to, if rows are sealed.
    pub(super) prefix: Option<Prefix>,
}

impl Waiting {
    /// Adds a row at the end.
    pub(super) fn push(&mut self, row: &OperationRow<'_>, prefix: Option<Prefix>) {
        if self.rows.is_empty() {
            self.texts.clear();
            self.start = 0;
        }
        let mut end = |text: &str| {
            self.texts.push_str(text);
            self.texts.len()
        };
        let ends = Ends { id: end(row.id), hash: end(row.hash), error: row.error.map(end), prefix };
        self.rows.push_back(ends);
    }

    /// Takes the first row.
    pub(super) fn pop(&mut self) -> Option<Stored<'_>> {
        let Ends { id, hash, error, prefix } = self.rows.pop_front()?;
        let start = std::mem::replace(&mut self.start, error.unwrap_or(hash));
        let text = |from: usize, to: usize| self.texts.get(from..to).unwrap_or_default();
        Some(Stored { id: text(start, id), hash: text(id, hash), error: error.map(|end| text(hash, end)), prefix })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::OpIndex;
    use crate::model::time::Timestamp;

    #[test]
    fn rows_come_back_in_their_order_with_their_texts() {
        let mut waiting = Waiting::default();
        let row = |id: &'static str, hash: &'static str, error| OperationRow {
            index: OpIndex::FIRST,
            skip: None,
            id,
            previous_id: "",
            document_type: "t",
            timestamp: Timestamp::from_millis(0).unwrap(),
            hash,
            error,
            denied: None,
            action: b"{}",
        };
        let rows = [row("a", "", None), row("bb", "hash", Some("failed")), row("", "h", Some(""))];
        let told = |row: &OperationRow<'_>, stored: Option<Stored<'_>>| {
            let stored = stored.unwrap();
            assert_eq!((stored.id, stored.hash, stored.error), (row.id, row.hash, row.error));
        };
        for _ in 0..2 {
            rows[..2].iter().for_each(|row| waiting.push(row, None));
            told(&rows[0], waiting.pop());
            waiting.push(&rows[2], None);
            told(&rows[1], waiting.pop());
            told(&rows[2], waiting.pop());
            assert!(waiting.pop().is_none());
        }
    }
}
