//! What the rows of a stream up to a revision come to.

use super::operation::OperationRow;
use super::seal::Seal;
use super::time::Timestamp;

/// What the rows of a stream from the first one up to a revision come to; it grows with each row.
///
/// Whoever knows the seal of a beginning and the rows that follow knows the newest time of all as soon as that of the beginning
/// was kept with its seal: times are part of what is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The seal.
    pub seal: Seal,
    /// The newest operation time; `None` without rows.
    pub newest: Option<Timestamp>,
}

impl Prefix {
    /// That of a stream without operations.
    pub const EMPTY: Prefix = Prefix { seal: Seal::EMPTY, newest: None };

    /// That of a stream that goes on with `row`.
    #[must_use]
    pub fn then(self, row: &OperationRow<'_>) -> Prefix {
        Prefix { seal: self.seal.then(row), newest: self.newest.max(Some(row.timestamp)) }
    }
}
