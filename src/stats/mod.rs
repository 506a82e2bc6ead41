//! What a store holds, in figures: how much of what, since when, and how far its rebuilds have to replay.
//!
//! [`document`] counts one document in one read transaction and one pass over its rows; [`Totals`] adds such figures up. Of
//! operations nothing is kept but counts, by day and by scope.

mod document;
mod paths;
mod totals;

pub use document::{Bytes, Counts, DocumentFigures, StreamFigures, document};
pub use paths::{PathBytes, Paths};
pub use totals::{Group, Totals};

use std::fmt;

use crate::model::time::Timestamp;

/// A day in UTC. Displays as `2025-01-31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i64);

impl Day {
    /// The day of a time.
    #[must_use]
    pub fn of(time: Timestamp) -> Self {
        Day(time.as_millis().div_euclid(86_400_000))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begin = self.0.checked_mul(86_400_000).and_then(Timestamp::from_millis);
        let text = begin.map(|begin| begin.to_string()).unwrap_or_default();
        f.write_str(text.split('T').next().unwrap_or_default())
    }
}

/// How much was added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Growth {
    /// Operations.
    pub operations: u64,
    /// Bytes of their actions.
    pub operation_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_at_midnight_utc() {
        let day = |text: &str| Day::of(Timestamp::parse(text).unwrap()).to_string();
        assert_eq!(day("2025-01-31T23:59:59.999Z"), "2025-01-31");
        assert_eq!(day("2025-02-01T00:00:00.000Z"), "2025-02-01");
        assert_eq!(day("1969-12-31T23:59:59.999Z"), "1969-12-31");
        assert_eq!(day("2025-01-31T23:30:00-01:00"), "2025-02-01");
    }
}
