//! Replay with the hash of every state, against its floor: replay, and SHA-1 of the bytes after each operation's first
//! change, which no way of hashing can spare.

#![allow(missing_docs, reason = "a program")]
#![expect(clippy::print_stdout, reason = "figures are what a bench is for")]

mod support;

use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Instant;

use sha1::{Digest, Sha1};
use snapctl::model::progress::Silent;
use snapctl::model::running_hash::{HashCost, RunningHash};
use snapctl::model::state::State;
use snapctl::reducer::Registry;
use snapctl::reducer::protocol::Document;
use snapctl::replay::{Goal, Observer, Position, ReplayError, Sources, Start, Step, Trust, state_at, walk};
use snapctl::store::{Flow, Store};
use support::{Shape, generate, stream};

const SCOPE: &str = "global";

/// Up to how many bytes of text a log's first changes are found in the plain way, too.
const MAX_PLAIN: usize = 4 << 30;

/// What is done after each operation.
enum Each {
    Nothing,
    /// Takes a state, and lets the one before go.
    Checkpoint(Option<State>),
    Hash(RunningHash),
    /// Notes how many bytes are after the first change.
    Measure(RunningHash, Vec<usize>),
    /// The same with the whole texts.
    Plain(Vec<u8>, Vec<usize>),
}

impl Observer for Each {
    fn rows_ahead(&self) -> usize {
        usize::MAX
    }

    fn step(&mut self, _: &Step<'_>, document: &mut Document) -> Result<Flow, ReplayError> {
        let mut state = || document.state().expect("a compiled model has a state");
        match self {
            Each::Nothing => {}
            Each::Checkpoint(last) => *last = Some(state()),
            Each::Hash(hash) => drop(black_box(hash.hash(&state(), SCOPE))),
            Each::Measure(hash, changed) => {
                let before = hash.cost().bytes_changed;
                hash.hash(&state(), SCOPE);
                changed.push(usize::try_from(hash.cost().bytes_changed - before).expect("less than a text"));
            }
            Each::Plain(last, changed) => {
                let text = state().canonical(SCOPE).expect("a state");
                let same = text.iter().zip(&*last).take_while(|(a, b)| a == b).count();
                changed.push(if text == *last { 0 } else { text.len() - same });
                *last = text;
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// A log.
struct Log<'a> {
    store: &'a dyn Store,
    registry: &'a Registry,
}

impl Log<'_> {
    /// Rebuilds the head, and returns how many seconds that took.
    fn replay(&self, each: Option<&mut Each>) -> f64 {
        let start = Instant::now();
        let read = self.store.read().expect("a store");
        let sources = Sources { read: &*read, registry: self.registry, trust: Trust::None, progress: &Silent };
        let stream = stream();
        let goal =
            Goal { document: &stream.document, branch: &stream.branch, scope: &stream.scope, position: Position::Head };
        match each {
            Some(each) => drop(black_box(walk(&sources, goal, Start::Genesis, each).expect("a rebuild"))),
            None => drop(black_box(state_at(&sources, goal).expect("a rebuild"))),
        }
        start.elapsed().as_secs_f64()
    }

    /// How many bytes are after each operation's first change, and what finding that took.
    fn changes(&self) -> (Vec<usize>, HashCost) {
        let mut measure = Each::Measure(RunningHash::default(), Vec::new());
        self.replay(Some(&mut measure));
        let Each::Measure(hash, changed) = measure else { unreachable!("it measured") };
        if changed.len() * changed.iter().max().copied().unwrap_or_default() <= MAX_PLAIN {
            let mut plain = Each::Plain(Vec::new(), Vec::new());
            self.replay(Some(&mut plain));
            assert!(matches!(plain, Each::Plain(_, plain) if plain == changed), "first changes are where they are");
        }
        (changed, hash.cost())
    }

    /// Compares one after the other as often as `rounds` says, because the machine may be busy with something else at
    /// times; prints medians.
    fn compare(&self, name: &str, rounds: usize) {
        let (changed, cost) = self.changes();
        let text = vec![b'x'; changed.iter().max().copied().unwrap_or_default()];
        let times: Vec<[f64; 5]> = (0..rounds)
            .map(|_| {
                let replay = self.replay(None);
                let start = Instant::now();
                for len in &changed {
                    black_box(Sha1::digest(&text[..*len]));
                }
                let sha = start.elapsed().as_secs_f64();
                let idle = self.replay(Some(&mut Each::Nothing));
                let checkpoint = self.replay(Some(&mut Each::Checkpoint(None)));
                [replay, sha, idle, checkpoint, self.replay(Some(&mut Each::Hash(RunningHash::default())))]
            })
            .collect();
        let median = |figure: &dyn Fn(&[f64; 5]) -> f64| {
            let mut figures: Vec<f64> = times.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures[rounds / 2]
        };
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let each = |total: f64| total / changed.len() as f64;
        let micros = |n: usize| 1e6 * each(median(&|times| times[n]));
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let bytes = |total: u64| each(total as f64);
        println!(
            "{name}: {} operations, each with its hash {:.2} times the floor ({:.2} times SHA-1 and a walk that looks at nothing)",
            changed.len(),
            median(&|[replay, sha, .., hash]| hash / (replay + sha)),
            median(&|[_, sha, idle, _, hash]| hash / (idle + sha)),
        );
        println!(
            "    microseconds an operation: replay {:.2}, SHA-1 {:.2}; walk {:.2}, with a state {:.2}, with its hash {:.2}",
            micros(0),
            micros(1),
            micros(2),
            micros(3),
            micros(4),
        );
        println!(
            "    bytes an operation: {:.0} after the first change, {:.0} hashed, {:.0} written",
            bytes(cost.bytes_changed),
            bytes(cost.bytes_hashed),
            bytes(cost.bytes_written),
        );
    }
}

/// `--test` tries everything once, with short logs; a word picks the logs that have it in their name.
fn main() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let test = arguments.iter().any(|argument| argument == "--test");
    let word = arguments.iter().find(|argument| !argument.starts_with('-'));
    let registry = Registry::built_in();
    for (name, shape, rounds) in [
        ("change_20_nodes_20000_times", Shape::Changing { nodes: 20, operations: 20_000 }, 15),
        ("change_60_nodes_20000_times", Shape::Changing { nodes: 60, operations: 20_000 }, 15),
        ("change_300_nodes_5000_times", Shape::Changing { nodes: 300, operations: 5_000 }, 15),
        ("json_patch_20000_times", Shape::Patching(20_000), 9),
        ("grow_to_20000_nodes", Shape::Growing(20_000), 3),
    ] {
        if word.is_some_and(|word| !name.contains(&**word)) {
            continue;
        }
        let (shape, rounds) = if test { (shape.short(), 1) } else { (shape, rounds) };
        let store = generate(&directory.path().join(format!("{name}.sqlite")), shape);
        Log { store: &*store, registry: &registry }.compare(name, rounds);
    }
}
