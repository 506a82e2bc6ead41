//! Whether an operation that is to be added is there already.

use std::borrow::Cow;

use super::StoreError;
use crate::model::ids::{Skip, StreamKey};
use crate::model::json::parse;
use crate::model::operation::OperationRow;

/// What is stored where an operation is to be added.
pub(super) struct Stored<'a> {
    pub(super) id: &'a str,
    pub(super) skip: Skip,
    pub(super) hash: &'a str,
    /// Empty texts count as absent.
    pub(super) error: Option<&'a str>,
    pub(super) denied: Option<&'a str>,
    pub(super) action: Cow<'a, [u8]>,
}

impl Stored<'_> {
    /// Accepts an operation that is there already: the reference asks for the same id, index and skip (reactor format
    /// §2.1); an operation that says something else all the same is another one.
    ///
    /// # Errors
    /// `Conflict` for another operation.
    pub(super) fn repeats(&self, stream: &StreamKey, row: &OperationRow<'_>) -> Result<(), StoreError> {
        if (self.id, self.skip) != (row.id, row.skip) {
            return Err(StoreError::taken(stream, row.index, self.id, self.skip));
        }
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let differing = [
            ("action", !same_json(&self.action, row.action)),
            ("hash", self.hash != row.hash),
            ("error", text(self.error) != text(row.error)),
            ("deniedReason", text(self.denied) != text(row.denied)),
        ];
        let Some((column, _)) = differing.into_iter().find(|(_, differs)| *differs) else { return Ok(()) };
        let reason = format!("operation {} is there with another {column}", self.id);
        Err(StoreError::Conflict { stream: stream.clone(), index: row.index, reason })
    }
}

/// Whether two texts are the same JSON: a database may have reordered the members.
fn same_json(a: &[u8], b: &[u8]) -> bool {
    a == b || matches!((parse(a), parse(b)), (Ok(a), Ok(b)) if a == b)
}
