//! What replays cost, in calls of a reducer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use snapctl::model::ids::{Branch, DocumentId, OpIndex, Scope};
use snapctl::model::json::{Json, Text};
use snapctl::model::operation::{Action, Retraction};
use snapctl::model::progress::Silent;
use snapctl::model::state::State;
use snapctl::object;
use snapctl::reducer::native::drive::{self, Drive};
use snapctl::reducer::protocol::{Document, Header, Schedule, Version};
use snapctl::reducer::{Fingerprint, Fold, FoldError, Model, ModelKind, Outcome, Registry};
use snapctl::replay::{Goal, Position, Sources, Trust, walk};
use snapctl::store::Store;

use crate::support::logs::{self, Row, Rows, Source, add, genesis, noop, row};
use crate::support::naive;

/// A drive that counts the actions its reducer is called with.
struct Counting(Arc<AtomicU64>);

struct CountingFold(Box<dyn Fold>, Arc<AtomicU64>);

impl Model for Counting {
    fn kind(&self) -> ModelKind {
        Drive.kind()
    }

    fn fingerprint(&self) -> Fingerprint {
        Drive.fingerprint()
    }

    fn fold(&self) -> Result<Box<dyn Fold>, FoldError> {
        Ok(Box::new(CountingFold(Drive.fold()?, self.0.clone())))
    }
}

impl Fold for CountingFold {
    fn apply(&mut self, actions: &[Action<'_>], outcomes: &mut Vec<Outcome>) -> Result<(), FoldError> {
        self.1.fetch_add(actions.len() as u64, Ordering::Relaxed);
        self.0.apply(actions, outcomes)
    }

    fn checkpoint(&mut self) -> Result<State, FoldError> {
        self.0.checkpoint()
    }

    fn restore(&mut self, state: &State) -> Result<(), FoldError> {
        self.0.restore(state)
    }

    fn restore_scope(&mut self, scope: &Scope, from: &State) -> Result<(), FoldError> {
        self.0.restore_scope(scope, from)
    }

    fn set_scope(&mut self, scope: &Scope, state: Option<Json<'static>>) -> Result<(), FoldError> {
        self.0.set_scope(scope, state)
    }
}

/// Calls that a rebuild of the head makes, and how many of them its explanation admits.
fn walked(version: u8, document: &[Row], rows: &[Row]) -> (u64, u64) {
    let calls = Arc::new(AtomicU64::new(0));
    let mut registry = Registry::built_in();
    registry.insert(drive::id(), Arc::new(Counting(calls.clone())));
    let document: Vec<Row> = genesis(version).into_iter().chain(document.iter().cloned()).collect();
    let store = logs::store(&document, rows, &[]);
    let read = store.read().unwrap();
    let sources = Sources { read: &*read, registry: &registry, trust: Trust::None, progress: &Silent };
    let (document, scope) = (DocumentId::from("d"), Scope::global());
    let goal = Goal { document: &document, branch: &Branch::main(), scope: &scope, position: Position::Head };
    let explained = walk(&sources, goal).unwrap().explain.operations_applied;
    (calls.load(Ordering::Relaxed), explained)
}

/// Whether a replay is told what lies ahead.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Future {
    Known,
    Unknown,
}

/// Calls that a replay makes when the future of the stream is known, or is not.
fn replayed(version: u8, rows: &[Row], future: Future) -> u64 {
    let calls = Arc::new(AtomicU64::new(0));
    let create = Json::Object(object! {
        "documentId" => "d",
        "model" => naive::DRIVE,
        "protocolVersions" => object! { "base-reducer" => f64::from(version) },
    });
    let mut fold = Counting(calls.clone()).fold().unwrap();
    fold.restore(&naive::initial()).unwrap();
    let mut document = Document::start(Header::create(&create, &Text::from("2025")), fold).unwrap();
    let protocol = if version == 1 { Version::V1 } else { Version::V2 };
    if future == Future::Known {
        let retraction = |(at, row): (usize, &Row)| {
            let index = OpIndex::new(at as u64);
            Some(Retraction { index, skip: row.skip.try_into().ok()?, noop: row.kind == "NOOP", denied: row.denied })
        };
        let retractions: Vec<_> = rows.iter().enumerate().filter_map(retraction).collect();
        document.set_schedule(Schedule::forecast(&retractions, protocol));
    }
    let rows = Rows::new(rows);
    document.replay(&rows.heads, &rows.actions, &mut Source(&rows.actions)).unwrap();
    assert_eq!(document.applied(), calls.load(Ordering::Relaxed));
    document.applied()
}

fn node(n: usize, skip: u32) -> Row {
    add(&format!("n{n:06}"), skip)
}

/// The `nth` undo of a chain, in the form each version stores it.
fn undo(version: u8, nth: u32) -> Row {
    noop(if version == 1 { 2 * nth + 1 } else { 1 })
}

/// Additions, then as many undos.
fn chain(version: u8, n: usize) -> Vec<Row> {
    (0..n).map(|at| node(at, 0)).chain((0..).take(n).map(|nth| undo(version, nth))).collect()
}

/// An addition and its undo, time and again, on top of a few additions.
fn alternating(version: u8, n: usize) -> Vec<Row> {
    (0..n).flat_map(|at| [node(at, 0), undo(version, 0)]).collect()
}

/// An addition, and one that replaces it.
fn replacing(_: u8, n: usize) -> Vec<Row> {
    (0..n / 2).flat_map(|at| [node(2 * at, 0), node(2 * at + 1, 1)]).collect()
}

/// Additions; then each one's replacement fails, which retracts nothing.
fn failing(_: u8, n: usize) -> Vec<Row> {
    let fails = row("DELETE_NODE", "global", r#"{"id":"nobody"}"#, 1);
    (0..n / 2).flat_map(|at| [node(at, 0), fails.clone()]).collect()
}

/// Additions, skips that fail, skips that hold, short chains of undos and denied rows, in a fixed disorder.
fn mixed(version: u8, n: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    let (mut seed, mut added) = (12_345_u64, 0);
    while added < n {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let dice = u32::try_from(seed >> 33).unwrap();
        match dice % 20 {
            0..13 => {
                rows.push(node(rows.len(), 0));
                added += 1;
            }
            13 | 14 => {
                rows.push(node(rows.len(), 1 + dice / 20 % 3));
                added += 1;
            }
            15 => rows.push(row("DELETE_NODE", "global", r#"{"id":"nobody"}"#, dice / 20 % 3)),
            16 => rows.push(node(rows.len(), dice / 20 % 2).denied()),
            _ => rows.extend((0..=dice / 20 % 4).map(|nth| undo(version, nth))),
        }
    }
    rows
}

type Shape = fn(u8, usize) -> Vec<Row>;

const SHAPES: [(&str, Shape); 5] =
    [("chain", chain), ("alternating", alternating), ("replacing", replacing), ("failing", failing), ("mixed", mixed)];

#[test]
fn a_replay_calls_the_reducer_at_most_three_times_for_each_addition() {
    let relation = [row("ADD_RELATIONSHIP", "document", "{}", 0)];
    let mut over = Vec::new();
    for (name, shape) in SHAPES {
        for (version, n) in [(1, 10), (2, 10), (1, 300), (2, 300), (1, 3000), (2, 3000)] {
            let rows = shape(version, n);
            let (walked_calls, explained) = walked(version, &[], &rows);
            let counts = [
                ("walk", walked_calls),
                ("explained", explained),
                ("walk with a relationship", walked(version, &relation, &rows).0),
                ("forecast", replayed(version, &rows, Future::Known)),
                ("unknown", replayed(version, &rows, Future::Unknown)),
            ];
            // The relationship is applied now and then, too.
            let most = 3 * n as u64 + 5;
            over.extend(counts.iter().filter(|(_, calls)| *calls > most).map(|count| (version, name, n, *count)));
        }
    }
    assert!(over.is_empty(), "{over:#?}");
}
