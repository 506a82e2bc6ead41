//! When to look again, and when to end.

use std::time::{Duration, Instant};

use crate::cli::ctx::Ctx;
use crate::cli::ui::check_reader;

/// When to look again, and when to end.
pub(super) struct Pace {
    interval: Duration,
    idle: Option<Duration>,
    end: Option<Instant>,
    news: Instant,
}

impl Pace {
    /// A store is not looked at without a pause.
    const LEAST: Duration = Duration::from_millis(1);
    /// Whoever ends it does not wait longer than this.
    const BREATH: Duration = Duration::from_millis(100);

    /// Looks every `interval`, and ends once nothing has come for `idle`, or after `most`.
    pub(super) fn start(interval: Duration, idle: Option<Duration>, most: Option<Duration>) -> Self {
        let now = Instant::now();
        Pace { interval: interval.max(Self::LEAST), idle, end: most.and_then(|most| now.checked_add(most)), news: now }
    }

    /// Takes note that something has come.
    pub(super) fn news(&mut self) {
        self.news = Instant::now();
    }

    /// Whether the time that was given is over.
    pub(super) fn is_over(&self) -> bool {
        self.end.is_some_and(|end| Instant::now() >= end)
    }

    /// Whether nothing has come for long enough.
    pub(super) fn is_idle(&self) -> bool {
        self.idle.is_some_and(|idle| self.news.elapsed() >= idle)
    }

    /// Waits until it is time to look again.
    ///
    /// # Errors
    /// The reason to stop, which may be that nobody reads stdout any more.
    pub(super) fn wait(&self, ctx: &Ctx) -> anyhow::Result<()> {
        let until = Instant::now() + self.idle.map_or(self.interval, |idle| self.interval.min(idle).max(Self::LEAST));
        loop {
            ctx.check()?;
            check_reader()?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.is_over() {
                return Ok(());
            }
            std::thread::sleep(left.min(Self::BREATH));
        }
    }
}
