//! Stopping long work, and showing how far it is. The only place that knows indicatif.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use schemars::JsonSchema;
use serde::Serialize;

use super::ui::dumb_terminal;
use crate::model::progress::{Progress, Stop};
use crate::settings::ProgressWhen;

/// What may end a command before its work is done: the user, or the clock.
#[derive(Clone)]
pub(crate) struct Limits {
    interrupted: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl Limits {
    /// Starts to listen for interrupts; the clock runs from now. A second interrupt ends the process at once.
    ///
    /// # Errors
    /// When the signal handler cannot be installed.
    pub(crate) fn start(timeout: Option<Duration>) -> Result<Self, ctrlc::Error> {
        let interrupted = Arc::new(AtomicBool::new(false));
        let flag = interrupted.clone();
        ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        })?;
        Ok(Limits { interrupted, deadline: timeout.and_then(|timeout| Instant::now().checked_add(timeout)) })
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// The reason to stop.
    pub(crate) fn check(&self) -> Result<(), Stop> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(Stop::Interrupted);
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(Stop::TimedOut),
            _ => Ok(()),
        }
    }
}

impl Progress for Limits {
    fn check(&self) -> Result<(), Stop> {
        Limits::check(self)
    }
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Display {
    /// Not at all.
    Hidden,
    /// As a bar on the terminal.
    Bar,
    /// As lines of JSON on stderr.
    Events,
}

impl Display {
    /// What was asked for, as far as stderr can show it.
    #[must_use]
    pub(crate) fn choose(when: ProgressWhen, quiet: bool) -> Self {
        match when {
            ProgressWhen::Json => Display::Events,
            ProgressWhen::Auto if !quiet && io::stderr().is_terminal() && !dumb_terminal() => Display::Bar,
            ProgressWhen::Auto | ProgressWhen::None => Display::Hidden,
        }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Unit {
    /// Operations, or rows of any kind.
    Operations,
    /// Documents.
    Documents,
    /// Bytes.
    Bytes,
    /// Keyframes.
    Keyframes,
    /// Accesses of a trace.
    Accesses,
}

/// Measures one piece of work. What it has put on the screen goes when it is dropped.
pub(crate) struct Meter<'a> {
    limits: &'a Limits,
    display: Display,
    step: &'static str,
    unit: Unit,
    started: Instant,
    shown: Cell<Option<Instant>>,
    done: Cell<u64>,
    expected: Cell<u64>,
    bar: RefCell<Option<ProgressBar>>,
}

/// A line of `--progress json`.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    /// What is being done.
    progress: &'static str,
    /// What `done`, `expected` and `perSecond` count.
    unit: Unit,
    /// How many are done.
    done: u64,
    /// How many are expected, as far as that is known by now; 0 if it is not.
    expected: u64,
    /// Milliseconds since it began.
    elapsed_ms: u64,
    /// How many a second, since it began.
    per_second: u64,
    /// Whether this is the last event of it; it may also have failed.
    finished: bool,
}

impl<'a> Meter<'a> {
    /// Work that has not taken this long is not worth a bar.
    const PATIENCE: Duration = Duration::from_millis(400);
    /// Time between two signs of life.
    const INTERVAL: Duration = Duration::from_millis(200);

    /// Begins to measure the work called `step`.
    #[must_use]
    pub(crate) fn new(limits: &'a Limits, display: Display, step: &'static str, unit: Unit) -> Self {
        Meter {
            limits,
            display,
            step,
            unit,
            started: Instant::now(),
            shown: Cell::default(),
            done: Cell::default(),
            expected: Cell::default(),
            bar: RefCell::default(),
        }
    }

    /// Shows that it still runs.
    pub(crate) fn refresh(&self) {
        if self.display != Display::Hidden {
            self.show();
        }
    }

    fn show(&self) {
        let now = Instant::now();
        let due = match self.shown.get() {
            None => now - self.started >= Self::PATIENCE,
            Some(last) => now - last >= Self::INTERVAL,
        };
        if !due {
            return;
        }
        self.shown.set(Some(now));
        match self.display {
            Display::Hidden => {}
            Display::Events => self.event(false),
            Display::Bar => {
                let mut bar = self.bar.borrow_mut();
                let bar = bar.get_or_insert_with(|| self.new_bar());
                if self.expected.get() > 0 {
                    bar.set_length(self.expected.get().max(self.done.get()));
                }
                bar.set_position(self.done.get());
            }
        }
    }

    fn event(&self, finished: bool) {
        let elapsed = self.started.elapsed();
        let event = Event {
            progress: self.step,
            unit: self.unit,
            done: self.done.get(),
            expected: self.expected.get(),
            elapsed_ms: elapsed.as_millis().try_into().unwrap_or(u64::MAX),
            per_second: per_second(self.done.get(), elapsed),
            finished,
        };
        let line = serde_json::to_string(&event).expect("an event is numbers and text");
        let _ = writeln!(io::stderr(), "{line}");
    }
}

impl Meter<'_> {
    /// A bar that has already run for as long as the work has, with the rate and, where the end is known, the time left.
    fn new_bar(&self) -> ProgressBar {
        let template = match (self.unit, self.expected.get() > 0) {
            (Unit::Operations, true) => "{msg} {bar:30} {human_pos}/{human_len} operations, {rate}/s, {eta} left",
            (Unit::Operations, false) => "{msg} {human_pos} operations, {rate}/s",
            (Unit::Documents, true) => "{msg} {bar:30} {human_pos}/{human_len} documents, {eta} left",
            (Unit::Documents, false) => "{msg} {human_pos} documents",
            (Unit::Keyframes, true) => "{msg} {bar:30} {human_pos}/{human_len} keyframes, {eta} left",
            (Unit::Keyframes, false) => "{msg} {human_pos} keyframes, {rate}/s",
            (Unit::Accesses, true) => "{msg} {bar:30} {human_pos}/{human_len} accesses, {rate}/s, {eta} left",
            (Unit::Accesses, false) => "{msg} {human_pos} accesses, {rate}/s",
            (Unit::Bytes, true) => "{msg} {bar:30} {bytes}/{total_bytes}, {binary_bytes_per_sec}, {eta} left",
            (Unit::Bytes, false) => "{msg} {bytes}, {binary_bytes_per_sec}",
        };
        let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = write!(out, "{}", HumanCount(per_second(state.pos(), state.elapsed())));
        };
        let style = ProgressStyle::with_template(template).expect("the template is well formed").with_key("rate", rate);
        let length = Some(self.expected.get()).filter(|expected| *expected > 0);
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
        bar.set_style(style);
        bar.with_elapsed(self.started.elapsed()).with_message(self.step)
    }
}

fn per_second(n: u64, elapsed: Duration) -> u64 {
    u128::from(n)
        .saturating_mul(1_000_000)
        .checked_div(elapsed.as_micros())
        .map_or(0, |rate| rate.try_into().unwrap_or(u64::MAX))
}

impl Progress for Meter<'_> {
    fn expect(&self, n: u64) {
        self.expected.set(self.expected.get().saturating_add(n));
    }

    fn advance(&self, n: u64) {
        self.done.set(self.done.get().saturating_add(n));
        if self.display != Display::Hidden {
            self.show();
        }
    }

    fn check(&self) -> Result<(), Stop> {
        self.limits.check()
    }
}

impl Drop for Meter<'_> {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.get_mut().take() {
            bar.finish_and_clear();
        }
        if self.display == Display::Events {
            self.event(true);
        }
    }
}
