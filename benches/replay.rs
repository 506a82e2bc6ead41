//! Native replay against its floor: scanning the same rows and decoding them into the replay's own types.

#![allow(missing_docs, reason = "criterion's macros")]
#![expect(clippy::print_stdout, reason = "figures are what a bench is for")]

mod support;

use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use snapctl::model::ids::{Branch, DocumentId, Scope, Span, StreamKey};
use snapctl::model::operation::Action;
use snapctl::model::progress::Silent;
use snapctl::reducer::Registry;
use snapctl::replay::{Goal, Position, Sources, Trust, state_at};
use snapctl::store::{Order, Store};
use support::{DOCUMENT, Shape, generate};

/// Reads and decodes every row, and drops it. Returns how many there were.
fn floor(store: &dyn Store) -> u64 {
    let read = store.read().expect("a store");
    let stream = StreamKey { document: DocumentId::from(DOCUMENT), scope: Scope::global(), branch: Branch::main() };
    let mut rows = 0;
    read.operations(&stream, Span::ALL, Order::Forward, &mut |row| {
        black_box(Action::parse(row.action).expect("an action"));
        rows += 1;
        ControlFlow::Continue(())
    })
    .expect("a scan");
    rows
}

/// Rebuilds the head. Returns how many operations were applied.
fn replay(store: &dyn Store, registry: &Registry) -> u64 {
    let read = store.read().expect("a store");
    let sources = Sources { read: &*read, registry, trust: Trust::None, progress: &Silent };
    let (document, branch, scope) = (DocumentId::from(DOCUMENT), Branch::main(), Scope::global());
    let goal = Goal { document: &document, branch: &branch, scope: &scope, position: Position::Head };
    let snapshot = state_at(&sources, goal).expect("a rebuild");
    black_box(snapshot).explain.operations_applied
}

fn benches(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let registry = Registry::built_in();
    for (name, shape) in [
        ("grow_to_20000_nodes", Shape::Growing(20_000)),
        ("change_300000_times", Shape::Changing { nodes: 300, operations: 300_000 }),
        ("model_with_5000_operations", Shape::Modelling(5000)),
        ("model_with_50000_operations", Shape::Modelling(50_000)),
        ("json_patch_100000_times", Shape::Patching(100_000)),
    ] {
        let store = generate(&directory.path().join(format!("{name}.sqlite")), shape);
        let rows = floor(&*store);
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(rows)).sample_size(10).warm_up_time(Duration::from_millis(500));
        group.bench_function("floor", |bencher| bencher.iter(|| floor(&*store)));
        group.bench_function("replay", |bencher| bencher.iter(|| replay(&*store, &registry)));
        group.finish();
        println!("{name}: {rows} operations, replay at {:.2} of the floor's rate", ratio(&*store, &registry));
    }
}

/// The floor's time over the replay's: the median of pairs measured one after the other, because the machine may be
/// busy with something else at times.
fn ratio(store: &dyn Store, registry: &Registry) -> f64 {
    let mut ratios: Vec<f64> = (0..15)
        .map(|_| {
            let start = Instant::now();
            floor(store);
            let floor = start.elapsed();
            let start = Instant::now();
            replay(store, registry);
            floor.as_secs_f64() / start.elapsed().as_secs_f64()
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

criterion_group!(all, benches);
criterion_main!(all);
