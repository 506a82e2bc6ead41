//! A simulation of the recorded trace says what the tier has counted.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use snapctl::cache::memory::{Bounds, MemoryTier};
use snapctl::cache::simulate::{Costs, Grid, TierOutcome, simulate};
use snapctl::cache::trace::{AccessLine, Recorder, Trace};
use snapctl::cache::{Entry, Put, Tier as _};
use snapctl::model::ids::{Branch, OpIndex, Revision, Scope};
use snapctl::model::progress::Silent;
use snapctl::reducer::Registry;
use snapctl::replay::{self, Goal, Position, Rebuilt, Sources, Tiers, Trust};
use snapctl::store::Store as _;
use snapctl::store::memory::MemoryStore;

use crate::support::logs::{Row, add, append, genesis, row, store, time};

const SCOPES: [&str; 3] = ["global", "local", "document"];

/// What happens: a read of a revision, if the stream has it, or of the head; an operation more.
#[derive(Clone, Copy, Debug)]
enum Event {
    Read(usize, u64),
    Head(usize),
    Append(usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0..3_usize, 0..30_u64).prop_map(|(scope, revision)| Event::Read(scope, revision)),
        3 => (0..3_usize).prop_map(Event::Head),
        1 => (0..2_usize).prop_map(Event::Append),
    ];
    proptest::collection::vec(event, 1..80)
}

/// A store, its tier, and the trace of what goes through it.
struct Subject {
    store: MemoryStore,
    registry: Registry,
    rows: [Vec<Row>; 2],
    memory: Arc<MemoryTier>,
    tiers: Tiers,
    recorder: Recorder,
    written: Written,
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Subject {
    fn new(bounds: Bounds) -> Self {
        let memory = Arc::new(MemoryTier::new(bounds));
        let tiers = Tiers::new(vec![memory.clone()]);
        let written = Written::default();
        let recorder = Recorder::new(written.clone());
        let (store, registry) = (store(&genesis(2), &[], &[]), Registry::built_in());
        let mut subject = Subject { store, registry, rows: [vec![], vec![]], memory, tiers, recorder, written };
        for _ in 0..20 {
            subject.add_row(0);
            subject.add_row(1);
        }
        subject
    }

    fn add_row(&mut self, scope: usize) {
        let rows = &mut self.rows[scope];
        let name = format!("{:05}", rows.len());
        let setting = || row("SET_SHARING_TYPE", "local", &format!(r#"{{"type":"{name}"}}"#), 0);
        rows.push(if scope == 0 { add(&name, 0) } else { setting() });
        append(&self.store, SCOPES[scope], rows, &[], &time);
    }

    fn entry(&self, tiers: &Tiers, scope: usize, position: Position) -> Arc<Entry> {
        let (document, branch, scope) = ("d".into(), Branch::main(), Scope::from(SCOPES[scope]));
        let read = self.store.read().unwrap();
        let sources = Sources { read: &*read, registry: &self.registry, trust: Trust::default(), progress: &Silent };
        let streams = read.streams(&document).unwrap();
        let goal = Goal { document: &document, branch: &branch, scope: &scope, position };
        match replay::entry_at(&sources, tiers, goal, &streams).unwrap() {
            Rebuilt::Kept(found) => found.entry,
            Rebuilt::Passing(_) => panic!("every state of these logs is kept"),
        }
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Head(scope) => self.recorder.read(&self.entry(&self.tiers, scope, Position::Head)),
            Event::Read(scope, revision) => {
                let head = self.rows.get(scope).map_or(1, |rows| rows.len() as u64 - 1);
                let at = Position::At(Some(Revision::of(OpIndex::new(revision.min(head)))));
                self.recorder.read(&self.entry(&self.tiers, scope, at));
            }
            Event::Append(scope) => {
                self.add_row(scope);
                let entry = self.entry(&Tiers::default(), scope, Position::Head);
                self.recorder.append(&entry);
                self.tiers.put(&[Put { entry, head: None }]);
            }
        }
    }

    /// What the tier has counted, and what it would have by the trace.
    fn counted(&self) -> (TierOutcome, TierOutcome) {
        let stats = self.memory.stats();
        self.recorder.finish().unwrap();
        let text = self.written.0.lock().unwrap();
        let mut trace = Trace::default();
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            trace.add(&AccessLine::parse(line).unwrap()).unwrap();
        }
        let Bounds { ring, streams, bytes } = self.memory.bounds();
        let (memory, ring, streams) = (vec![bytes], vec![ring], vec![streams]);
        let grid = Grid { memory, ring, streams, disk: vec![None], keyframes: vec![None] };
        let simulated = simulate(&trace, &grid, &Costs::default(), &Silent).unwrap()[0].memory;
        let real = TierOutcome {
            requests: stats.requests,
            exact: stats.exact,
            below: stats.below,
            misses: stats.misses,
            dropped: stats.dropped.values().sum(),
            too_large: stats.too_large,
            entries: stats.entries,
            bytes: stats.bytes,
            // The tier does not note it.
            bytes_peak: simulated.bytes_peak,
        };
        (real, simulated)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_simulation_counts_what_the_tier_has_counted(
        events in events(), ring in 1..5_usize, streams in 1..4_usize, bytes in prop_oneof![5_000..120_000_u64, Just(1 << 30)],
    ) {
        let at_least_one = |n| NonZeroUsize::new(n).unwrap();
        let mut subject =
            Subject::new(Bounds { ring: at_least_one(ring), streams: at_least_one(streams), bytes });
        for event in events {
            subject.happens(event);
        }
        let (real, simulated) = subject.counted();
        prop_assert_eq!(real, simulated);
    }
}
