//! `verify` against its floor: replay, reading and parsing the keyframes, and SHA-1 of the bytes after each operation's
//! first change, which no way of checking can spare; and `verify --level quick` against replay.
//!
//! `--test` runs everything once on short logs; a word picks the logs that have it in their name.

#![expect(clippy::print_stdout, reason = "figures are what a bench is for")]

mod support;

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::time::Instant;

use sha1::{Digest, Sha1};
use snapctl::model::json::parse;
use snapctl::model::progress::Silent;
use snapctl::model::running_hash::{HashCost, RunningHash};
use snapctl::reducer::Registry;
use snapctl::reducer::protocol::Document;
use snapctl::replay::{Goal, Observer, Position, ReplayError, Sources, Step, Trust, state_at};
use snapctl::store::{Detail, Flow, Store};
use snapctl::verify::{Checks, Event, Level, Part, Plan, Tally, Verdict, run};
use support::recorded::{record, walk_all};
use support::{Shape, stream};

/// Finds how many bytes of each state are after its first change.
#[derive(Default)]
struct Changes {
    hash: RunningHash,
    /// One for each operation.
    bytes: Vec<usize>,
}

impl Changes {
    fn cost(&self) -> HashCost {
        self.hash.cost()
    }
}

impl Observer for Changes {
    fn step(&mut self, _: &Step<'_>, document: &mut Document) -> Result<Flow, ReplayError> {
        let before = self.cost().bytes_changed;
        self.hash.hash(&document.state().expect("a compiled model has a state"), "global");
        self.bytes.push(usize::try_from(self.cost().bytes_changed - before).expect("less than a text"));
        Ok(ControlFlow::Continue(()))
    }
}

/// A store with one document.
struct Subject<'a> {
    store: &'a dyn Store,
    registry: &'a Registry,
    part: Part,
}

impl Subject<'_> {
    /// Rebuilds the head.
    fn replay(&self) {
        let stream = stream();
        let read = self.store.read().expect("a moment");
        let sources = Sources { read: &*read, registry: self.registry, trust: Trust::None, progress: &Silent };
        let goal =
            Goal { document: &stream.document, branch: &stream.branch, scope: &stream.scope, position: Position::Head };
        black_box(state_at(&sources, goal).expect("a rebuild"));
    }

    /// Reads every keyframe and parses it.
    fn keyframes(&self) {
        let read = self.store.read().expect("a moment");
        let mut labels = Vec::new();
        read.keyframes(&self.part.document, Detail::Created, &mut |entry| {
            labels.push(entry.label);
            ControlFlow::Continue(())
        })
        .expect("keyframes");
        for label in labels {
            let label = u64::try_from(label).expect("a label");
            let label = snapctl::model::ids::Revision::of(snapctl::model::ids::OpIndex::new(label));
            let body = read.keyframe_document(&stream(), label).expect("a keyframe").expect("a body");
            black_box(parse(&body).expect("JSON"));
        }
    }

    fn verify(&self, level: Level) -> Tally {
        let checks = Checks { level, ..Checks::default() };
        let plan = Plan {
            store: self.store,
            registry: self.registry,
            parts: std::slice::from_ref(&self.part),
            checks,
            seals: None,
            jobs: NonZeroUsize::MIN,
        };
        let mut tally = Tally::default();
        run(&plan, &Silent, &mut |event| {
            if let Event::Checked(_, report) = event {
                assert_eq!(report.verdict(), Verdict::Ok, "{:?}", report.findings);
                tally.add(&report.tally);
            }
            ControlFlow::Continue(())
        })
        .expect("a check");
        tally
    }
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// Compares one after the other as often as `rounds` says, because the machine may be busy with something else at times;
/// prints medians.
fn compare(name: &str, subject: &Subject<'_>, rounds: usize) {
    let mut changes = Changes::default();
    walk_all(subject.store, subject.registry, &mut changes);
    let text = vec![b'x'; changes.bytes.iter().max().copied().unwrap_or_default()];
    let sha = || changes.bytes.iter().for_each(|len| _ = black_box(Sha1::digest(&text[..*len])));
    let tally = subject.verify(Level::Full);
    let times: Vec<[f64; 5]> = (0..rounds)
        .map(|_| {
            [
                seconds(|| subject.replay()),
                seconds(|| subject.keyframes()),
                seconds(sha),
                seconds(|| _ = black_box(subject.verify(Level::Quick))),
                seconds(|| _ = black_box(subject.verify(Level::Full))),
            ]
        })
        .collect();
    let median = |figure: &dyn Fn(&[f64; 5]) -> f64| {
        let mut figures: Vec<f64> = times.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[rounds / 2]
    };
    println!(
        "{name}: full {:.2} times its floor, quick {:.2} times replay, {:.2} times replay and keyframes",
        median(&|[replay, keyframes, sha, _, full]| full / (replay + keyframes + sha)),
        median(&|[replay, .., quick, _]| quick / replay),
        median(&|[replay, keyframes, _, quick, _]| quick / (replay + keyframes)),
    );
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let each = |total: f64| 1e6 * total / tally.operations as f64;
    println!(
        "    {} operations, {} keyframes; microseconds an operation: replay {:.2}, keyframes {:.2}, SHA-1 {:.2}; quick {:.2}, full {:.2}",
        tally.operations,
        tally.keyframes,
        each(median(&|times| times[0])),
        each(median(&|times| times[1])),
        each(median(&|times| times[2])),
        each(median(&|times| times[3])),
        each(median(&|times| times[4])),
    );
    let HashCost { bytes_changed, bytes_hashed, bytes_written } = changes.cost();
    println!("    bytes after first changes {bytes_changed}, hashed {bytes_hashed}, written {bytes_written}");
}

fn main() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let test = arguments.iter().any(|argument| argument == "--test");
    let word = arguments.iter().find(|argument| !argument.starts_with('-'));
    let registry = Registry::built_in();
    for (name, shape, every, rounds) in [
        ("change_5_nodes_100000_times", Shape::Changing { nodes: 5, operations: 100_000 }, 1000, 15),
        ("change_60_nodes_50000_times", Shape::Changing { nodes: 60, operations: 50_000 }, 1000, 11),
        ("change_300_nodes_20000_times", Shape::Changing { nodes: 300, operations: 20_000 }, 100, 7),
        ("grow_to_8000_nodes", Shape::Growing(8_000), 100, 3),
        ("model_with_5000_operations", Shape::Modelling(5_000), 100, 5),
        ("json_patch_20000_times", Shape::Patching(20_000), 1000, 3),
    ] {
        if word.is_some_and(|word| !name.contains(&**word)) {
            continue;
        }
        let (shape, rounds) = if test { (shape.short(), 1) } else { (shape, rounds) };
        let store = record(&directory.path().join(format!("{name}.sqlite")), shape, every);
        let (document, document_type) = (stream().document, shape.document_type().into());
        let part = Part { document, document_type, scope: None, branch: None };
        compare(name, &Subject { store: &*store, registry: &registry, part }, rounds);
    }
}
