//! The wall clock, for what is recorded. No answer depends on it.

use crate::model::time::Timestamp;

/// Now, or the epoch if the clock is out of all reason.
#[must_use]
pub(crate) fn now() -> Timestamp {
    let epoch = Timestamp::from_millis(0).expect("the epoch is a time");
    Timestamp::from_millis(jiff::Timestamp::now().as_millisecond()).unwrap_or(epoch)
}
