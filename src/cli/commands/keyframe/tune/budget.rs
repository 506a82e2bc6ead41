//! How long may be measured.

use std::time::{Duration, Instant};

use crate::cli::progress::Meter;
use crate::model::progress::{Progress, Stop};

/// Ends a measurement, and shows how far it is.
pub(super) struct Budget<'a> {
    meter: &'a Meter<'a>,
    deadline: Option<Instant>,
}

impl<'a> Budget<'a> {
    /// Ends with the command, or after `most` from now.
    pub(super) fn new(meter: &'a Meter<'a>, most: Duration) -> Self {
        Budget { meter, deadline: Instant::now().checked_add(most) }
    }
}

impl Progress for Budget<'_> {
    fn expect(&self, n: u64) {
        self.meter.expect(n);
    }

    fn advance(&self, n: u64) {
        self.meter.advance(n);
    }

    fn check(&self) -> Result<(), Stop> {
        self.meter.check()?;
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(Stop::TimedOut),
            _ => Ok(()),
        }
    }
}
