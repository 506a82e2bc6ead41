//! `--jq`: a filter between an answer and stdout, with the meaning of a pipe to jq.
//!
//! The filter runs on a thread of its own: its stack is large, and whoever waits for it can stop waiting. It gets the
//! texts of values and gives back the text of its results, so nothing of jaq passes between threads.

mod compile;
mod library;
mod text;
mod value;
mod worker;

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::exit::Refusal;
use super::progress::Limits;
use super::ui::StdoutError;
use worker::{Event, Input};

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Results {
    /// As `jq -r -c`: strings as they are, everything else compact.
    Raw,
    /// As `jq -c`.
    Compact,
    /// As `jq`.
    Indented,
}

/// Why a filter gave no result for a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--jq{}: {reason}", .line.map(|line| format!(", line {line}")).unwrap_or_default())]
pub(crate) struct Failure {
    /// Which line of the output it would have been, from 1; `None` where there is one value.
    pub(crate) line: Option<u64>,
    /// What the filter says.
    pub(crate) reason: String,
}

/// What ends a filter from within, whatever the expression catches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// A value is nested too deeply.
    TooDeep,
    /// The expression calls itself too often.
    Recursion,
}

impl Fault {
    /// Leaves the filter. The thread catches it; it is no panic, and nothing is said on stderr.
    fn throw(self) -> ! {
        std::panic::resume_unwind(Box::new(self))
    }
}

/// A compiled expression, and the values that wait for it.
pub(crate) struct Jq {
    limits: Limits,
    inputs: SyncSender<Vec<Input>>,
    events: Receiver<Event>,
    waiting: Vec<Input>,
    waiting_bytes: usize,
    lines: u64,
    /// It has failed, or nobody wants to hear of it.
    ended: bool,
    memory: Memory,
}

/// What the process holds, and when that was looked at last.
struct Memory {
    at_start: u64,
    most_growth: u64,
    looked: Instant,
}

impl Jq {
    /// Values are handed over in batches of this many bytes, or this many values.
    const BATCH_BYTES: usize = 64 << 10;
    const BATCH_VALUES: usize = 256;
    /// How often a wait looks whether it should end, and at how much memory the filter takes.
    const PATIENCE: Duration = Duration::from_millis(50);
    /// By how much the process may grow while a filter runs, where the system tells.
    const MAX_GROWTH_BYTES: u64 = 2 << 30;

    /// Compiles an expression.
    ///
    /// # Errors
    /// When it cannot be compiled, or the command has to stop.
    pub(crate) fn start(expression: &str, results: Results, limits: Limits) -> anyhow::Result<Self> {
        let (inputs, to_filter) = sync_channel(1);
        let (from_filter, events) = sync_channel(4);
        worker::spawn(expression.to_owned(), results, to_filter, from_filter)?;
        let memory = Memory::of_now(Self::MAX_GROWTH_BYTES);
        let waiting = Vec::new();
        let mut jq = Jq { limits, inputs, events, waiting, waiting_bytes: 0, lines: 0, ended: false, memory };
        match jq.event()? {
            Event::Refused(refusal) => Err(Refusal::into(refusal)),
            _ => Ok(jq),
        }
    }

    /// Filters the one value of an answer.
    ///
    /// # Errors
    /// When the filter fails, the command has to stop, or `out` fails; so it is with all methods.
    pub(crate) fn value(&mut self, text: Vec<u8>, out: &mut dyn std::io::Write) -> Result<(), StdoutError> {
        self.push(Input { line: None, text }, out)
    }

    /// Filters the next line.
    ///
    /// # Errors
    /// When the filter fails, the command has to stop, or `out` fails.
    pub(crate) fn line(&mut self, text: Vec<u8>, out: &mut dyn std::io::Write) -> Result<(), StdoutError> {
        self.lines += 1;
        self.push(Input { line: Some(self.lines), text }, out)
    }

    fn push(&mut self, input: Input, out: &mut dyn std::io::Write) -> Result<(), StdoutError> {
        self.waiting_bytes += input.text.len();
        self.waiting.push(input);
        if self.waiting_bytes >= Self::BATCH_BYTES || self.waiting.len() >= Self::BATCH_VALUES {
            self.drain(out)?;
        }
        Ok(())
    }

    /// Waits for the results of all values so far, and writes them.
    ///
    /// # Errors
    /// When the filter fails, the command has to stop, or `out` fails.
    pub(crate) fn drain(&mut self, out: &mut dyn std::io::Write) -> Result<(), StdoutError> {
        let batch = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        if batch.is_empty() || self.ended {
            return Ok(());
        }
        let passed = self.pass(batch, out);
        self.ended = passed.is_err();
        passed
    }

    fn pass(&mut self, batch: Vec<Input>, out: &mut dyn std::io::Write) -> Result<(), StdoutError> {
        let line = batch.first().and_then(|input| input.line);
        let gone = || StdoutError::Filter(Failure { line, reason: "the filter ended by itself".to_owned() });
        self.inputs.send(batch).map_err(|_| gone())?;
        loop {
            match self.event()? {
                Event::Text(text) => out.write_all(&text).map_err(StdoutError::Io)?,
                Event::Done => return Ok(()),
                Event::Failed(failure) => return Err(StdoutError::Filter(failure)),
                Event::Ready | Event::Refused(_) => return Err(gone()),
            }
        }
    }

    /// Waits for the filter, as long as that is allowed.
    fn event(&mut self) -> Result<Event, StdoutError> {
        let failed = |reason: &str| StdoutError::Filter(Failure { line: None, reason: reason.to_owned() });
        loop {
            self.limits.check().map_err(StdoutError::Stopped)?;
            // Also while there is output: what prints may grow.
            if self.memory.is_exceeded(Instant::now()) {
                return Err(failed("the expression takes more than 2 GiB of memory"));
            }
            match self.events.recv_timeout(Self::PATIENCE) {
                Ok(event) => return Ok(event),
                Err(RecvTimeoutError::Disconnected) => return Err(failed("the filter ended by itself")),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl Memory {
    /// What the process holds now, and by how much that may grow.
    fn of_now(most_growth: u64) -> Self {
        Memory { at_start: resident_bytes().unwrap_or_default(), most_growth, looked: Instant::now() }
    }

    /// Whether it has grown by too much, if it is time to look again.
    fn is_exceeded(&mut self, now: Instant) -> bool {
        if now.duration_since(self.looked) < Jq::PATIENCE {
            return false;
        }
        self.looked = now;
        resident_bytes().unwrap_or_default().saturating_sub(self.at_start) > self.most_growth
    }
}

/// How much memory the process holds, where the system tells.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(kib.split_whitespace().next()?.parse::<u64>().ok()? << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only Linux tells how much memory a process holds.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_grows_while_it_prints_is_ended() {
        // Every round prints what is a piece of its own, and takes 4 MiB more; all of them take 2 GiB.
        let grow = "foreach range(512) as $i ([]; . + [\"x\" * 4194304 + \"\\($i)\"]; \"y\" * 40000)";
        let limits = Limits::start(None).unwrap();
        let mut jq = Jq::start(grow, Results::Raw, limits).unwrap();
        jq.memory.most_growth = 256 << 20;
        let mut out = Vec::new();
        jq.value(b"null".to_vec(), &mut out).unwrap();
        let failed = jq.drain(&mut out).unwrap_err();
        assert!(matches!(&failed, StdoutError::Filter(failure) if failure.reason.contains("memory")), "{failed}");
        assert!(!out.is_empty() && out.len() < 500 * 40_001, "{} bytes", out.len());
    }
}
