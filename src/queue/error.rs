//! What can go wrong on both sides of a queue.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Why a sink did not write.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The same may succeed later: a lock, a connection, a full disk.
    #[error(transparent)]
    Passing(Box<dyn Error + Send + Sync>),
    /// The same would fail again: something in the batch cannot be written.
    #[error(transparent)]
    Permanent(Box<dyn Error + Send + Sync>),
}

/// A sink panicked.
#[derive(Debug, thiserror::Error)]
#[error("the writer panicked: {message}")]
pub struct Panicked {
    /// What it said.
    pub message: String,
}

/// Why an item was not accepted. It is given back.
#[derive(thiserror::Error)]
pub enum Refused<T> {
    /// There is no room for it, and was none for as long as it could wait.
    #[error("the queue is full")]
    Full(Arc<T>),
    /// The thread of the queue is gone, because code of the item panicked in it.
    #[error("the queue has ended")]
    Ended(Arc<T>),
    /// As many items are parked as the queue keeps: what it writes to fails all the time.
    #[error("{parked} items are parked already, and the queue keeps no more")]
    TooManyParked {
        /// The item.
        item: Arc<T>,
        /// How many are parked.
        parked: usize,
    },
}

impl SinkError {
    /// The same may succeed later.
    pub fn passing(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        SinkError::Passing(cause.into())
    }

    /// The same would fail again.
    pub fn permanent(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        SinkError::Permanent(cause.into())
    }

    /// Makes a failure of what a panic carries.
    pub(super) fn panicked(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        SinkError::permanent(Panicked { message: text.unwrap_or_else(|| "it did not say why".to_owned()) })
    }
}

impl<T> Refused<T> {
    /// The item.
    #[must_use]
    pub fn into_item(self) -> Arc<T> {
        match self {
            Refused::Full(item) | Refused::Ended(item) | Refused::TooManyParked { item, .. } => item,
        }
    }
}

// Without the item: that may be large, and need not be printable.
impl<T> fmt::Debug for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Full(_) => f.write_str("Full(..)"),
            Refused::Ended(_) => f.write_str("Ended(..)"),
            Refused::TooManyParked { parked, .. } => write!(f, "TooManyParked {{ parked: {parked}, .. }}"),
        }
    }
}
