//! The thread a filter runs on.

use std::any::Any;
use std::hint::black_box;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread;

use jaq_core::data::HasLut;
use jaq_core::{Ctx, DataT, Exn, Filter, Lut, Vars};
use jaq_json::Val;

use super::compile::compile;
use super::text::{read_value, write_raw, write_value};
use super::value::Value;
use super::{Failure, Fault, Results};
use crate::cli::exit::Refusal;
use crate::cli::render::json::{Layout, Reflow};

/// A value on its way into the filter.
pub(super) struct Input {
    /// Which line it is; `None` is the one value of an answer.
    pub(super) line: Option<u64>,
    pub(super) text: Vec<u8>,
}

/// What a filter tells.
pub(super) enum Event {
    /// The expression is compiled.
    Ready,
    /// It cannot be.
    Refused(Refusal),
    /// A piece of the results.
    Text(Vec<u8>),
    /// All values of a batch are through.
    Done,
    /// There will be nothing more.
    Failed(Failure),
}

const NAME: &str = "jq";
const STACK_BYTES: usize = 256 << 20;
/// What is left of the stack when recursion is stopped: enough for jaq to walk the deepest value there may be.
const RESERVE_BYTES: usize = 96 << 20;
/// Results are handed over in pieces of this size, or when the batch is through.
const PIECE_BYTES: usize = 32 << 10;

/// Starts the thread. It ends when nobody sends or listens any more, or with the process.
///
/// # Errors
/// When the system gives no thread.
pub(super) fn spawn(
    expression: String,
    results: Results,
    inputs: Receiver<Vec<Input>>,
    events: SyncSender<Event>,
) -> std::io::Result<()> {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        // What jaq panics on is told as an error.
        if thread::current().name() != Some(NAME) {
            usual(info);
        }
    }));
    let work = move || {
        let filter = match compile::<Data>(&expression) {
            Ok(filter) => filter,
            Err(refusal) => return drop(events.send(Event::Refused(refusal))),
        };
        let floor = here().saturating_sub(STACK_BYTES - RESERVE_BYTES);
        let mut run = Run { filter: &filter, floor, results, events: &events, piece: Vec::new() };
        if events.send(Event::Ready).is_err() {
            return;
        }
        for batch in inputs {
            if run.batch(batch).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name(NAME.to_owned()).stack_size(STACK_BYTES).spawn(work)?;
    Ok(())
}

/// Where on the stack this is.
fn here() -> usize {
    let mark = 0_u8;
    std::ptr::from_ref(black_box(&mark)).addr()
}

/// What jaq is told about our values.
struct Data;

impl DataT for Data {
    type V<'a> = Value;
    type Data<'a> = Env<'a>;
}

/// What natives and terms can get at. jaq asks it for the terms at every step of an evaluation, which makes it the
/// place to notice that the stack is nearly used up.
#[derive(Clone)]
struct Env<'a> {
    lut: &'a Lut<Data>,
    floor: usize,
}

impl<'a> HasLut<'a, Data> for Env<'a> {
    fn lut(&self) -> &'a Lut<Data> {
        if here() < self.floor {
            Fault::Recursion.throw();
        }
        self.lut
    }
}

struct Run<'a> {
    filter: &'a Filter<Data>,
    floor: usize,
    results: Results,
    events: &'a SyncSender<Event>,
    piece: Vec<u8>,
}

/// There is nothing more to do.
struct Ended;

impl Run<'_> {
    fn batch(&mut self, batch: Vec<Input>) -> Result<(), Ended> {
        for Input { line, text } in batch {
            let outcome = catch_unwind(AssertUnwindSafe(|| self.one(&text)));
            let reason = match outcome {
                Ok(Ok(())) => continue,
                Ok(Err(Stopped::Unheard)) => return Err(Ended),
                Ok(Err(Stopped::Failed(reason))) => reason,
                Err(payload) => reason_of(&*payload),
            };
            self.hand_over()?;
            let _ = self.events.send(Event::Failed(Failure { line, reason }));
            return Err(Ended);
        }
        self.hand_over()?;
        self.events.send(Event::Done).map_err(|_| Ended)
    }

    fn one(&mut self, text: &[u8]) -> Result<(), Stopped> {
        let value =
            read_value(text).map_err(|bad| Stopped::Failed(format!("{} at byte {}", bad.reason, bad.offset)))?;
        let env = Env { lut: &self.filter.lut, floor: self.floor };
        let results = self.filter.id.run((Ctx::<Data>::new(env, Vars::new([])), value));
        for result in results {
            let result = result.map_err(|exception| Stopped::Failed(reason(exception)))?;
            self.write(&result.inner);
            if self.piece.len() >= PIECE_BYTES {
                self.hand_over().map_err(|Ended| Stopped::Unheard)?;
            }
        }
        Ok(())
    }

    fn write(&mut self, result: &Val) {
        match self.results {
            Results::Raw => write_raw(result, &mut self.piece),
            Results::Compact => write_value(result, &mut self.piece),
            Results::Indented => {
                let mut text = Vec::new();
                write_value(result, &mut text);
                let written = Reflow::new(&mut self.piece, Layout::Indented).write_all(&text);
                written.expect("memory can be written");
            }
        }
        self.piece.push(b'\n');
    }

    fn hand_over(&mut self) -> Result<(), Ended> {
        if self.piece.is_empty() {
            return Ok(());
        }
        self.events.send(Event::Text(std::mem::take(&mut self.piece))).map_err(|_| Ended)
    }
}

enum Stopped {
    Failed(String),
    /// Nobody listens any more.
    Unheard,
}

/// What the filter says. A text is said as it is, anything else as JSON; both shortened.
fn reason(exception: Exn<'_, Value>) -> String {
    const LONGEST: usize = 300;
    let Ok(error) = exception.get_err() else { return "the expression ended in a way that is not known".to_owned() };
    let value = error.into_val();
    let Val::TStr(text) = &value.inner else { return format!("{value} (not a string)") };
    let mut text = String::from_utf8_lossy(text).into_owned();
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Why the thread left the filter.
fn reason_of(payload: &(dyn Any + Send)) -> String {
    if let Some(fault) = payload.downcast_ref::<Fault>() {
        return match fault {
            Fault::TooDeep => format!("a value is nested deeper than {} levels", Value::MAX_DEPTH),
            Fault::Recursion => "the expression calls itself too deeply".to_owned(),
        };
    }
    let said = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
    format!("the filter cannot go on: {}", said.unwrap_or("no reason is known"))
}
