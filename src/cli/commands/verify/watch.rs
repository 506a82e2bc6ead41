//! What may end a check before it is done.

use std::time::{Duration, Instant};

use crate::cli::progress::Limits;
use crate::model::progress::{Progress, Stop};

/// Asked by all threads of a check.
pub(in crate::cli::commands) struct Watch<'a> {
    limits: &'a Limits,
    deadline: Option<Instant>,
}

impl<'a> Watch<'a> {
    /// Ends with the command, or after `most` from now.
    pub(in crate::cli::commands) fn new(limits: &'a Limits, most: Option<Duration>) -> Self {
        Watch { limits, deadline: most.and_then(|most| Instant::now().checked_add(most)) }
    }
}

impl Progress for Watch<'_> {
    fn check(&self) -> Result<(), Stop> {
        self.limits.check()?;
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(Stop::TimedOut),
            _ => Ok(()),
        }
    }
}
