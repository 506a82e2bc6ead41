//! Cancellation and progress: parameters of everything that may take long.

/// Hears how far a long piece of work has come, and may stop it.
pub trait Progress {
    /// More work has turned up: `n` further operations will be read, or whatever else the work is counted in.
    fn expect(&self, n: u64) {
        let _ = n;
    }

    /// `n` operations more are done, or whatever else the work is counted in.
    fn advance(&self, n: u64) {
        let _ = n;
    }

    /// Asked at least once in a few hundred operations.
    ///
    /// # Errors
    /// The reason to stop; the work ends with it and leaves nothing half done.
    fn check(&self) -> Result<(), Stop> {
        Ok(())
    }
}

/// Why work was stopped before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The user interrupted it.
    #[error("interrupted")]
    Interrupted,
    /// The time allowed for it is over.
    #[error("the time allowed is over")]
    TimedOut,
}

/// Hears nothing and never stops.
pub struct Silent;

impl Progress for Silent {}
