//! Answers through the tiers of a cache are those without them, whatever came before.

use std::num::NonZeroU32;
use std::sync::Arc;

use proptest::prelude::*;
use snapctl::cache::disk::{self, DiskCache};
use snapctl::cache::memory::{Bounds, MemoryTier};
use snapctl::cache::rules::{Change, Rules};
use snapctl::cache::{Cause, NAMESPACE, StoreIdentity, Tier, Which};
use snapctl::model::ids::{Branch, OpIndex, Revision, Scope};
use snapctl::model::json::{Json, canonical};
use snapctl::model::operation::OperationRow;
use snapctl::model::progress::Silent;
use snapctl::model::target::Target;
use snapctl::reducer::Registry;
use snapctl::reducer::generic::GenericKind;
use snapctl::replay::{self, Base, Goal, Position, ReplayError, Snapshot, Sources, Takes, Tiers, Trust};
use snapctl::store::memory::MemoryStore;
use snapctl::store::{Access, NewOperation, Options, Previous, Store};
use tempfile::TempDir;

use crate::support::logs::{Row, add, genesis, noop, row, stream, time};
use crate::support::naive::DRIVE;

/// A store that grows, and the tiers in front of it.
struct Subject {
    store: MemoryStore,
    registry: Registry,
    tiers: Tiers,
    bounds: Bounds,
    /// The folder of a disk tier behind the memory tier, and its bounds.
    disk: Option<(TempDir, disk::Bounds)>,
    lengths: [usize; 3],
}

const SCOPES: [&str; 3] = ["document", "global", "local"];

fn bounds(ring: usize, streams: usize) -> Bounds {
    Bounds { ring: ring.try_into().unwrap(), streams: streams.try_into().unwrap(), bytes: 1 << 20 }
}

impl Subject {
    fn new(bounds: Bounds) -> Self {
        let store = MemoryStore::new(&Options { access: Access::Change, ..Options::default() });
        let tiers = Tiers::new(vec![Arc::new(MemoryTier::new(bounds))]);
        let mut subject = Subject { store, registry: Registry::built_in(), tiers, bounds, disk: None, lengths: [0; 3] };
        for row in &genesis(2) {
            subject.append("document", row);
        }
        subject
    }

    fn append(&mut self, scope: &'static str, row: &Row) {
        let n = SCOPES.iter().position(|name| *name == scope).unwrap();
        let at = self.lengths[n];
        self.lengths[n] += 1;
        let (id, text) = (format!("{scope}-{at}"), row.text(at));
        let operation = NewOperation {
            row: OperationRow {
                index: OpIndex::new(at as u64),
                skip: NonZeroU32::new(row.skip),
                id: &id,
                previous_id: "",
                document_type: DRIVE,
                // Not in the order of positions.
                timestamp: time((at * 7919) % 101),
                hash: "",
                error: None,
                denied: row.denied.then_some("denied by grant"),
                action: text.as_bytes(),
            },
            written: time(at),
            job_id: "job",
        };
        let mut write = self.store.write().unwrap();
        assert!(write.add(&stream(scope), &operation, Previous::Derived).unwrap());
        write.commit().unwrap();
    }

    fn with<T>(&self, work: impl FnOnce(&Sources<'_>) -> T) -> T {
        let read = self.store.read().unwrap();
        let sources = Sources { read: &*read, registry: &self.registry, trust: Trust::default(), progress: &Silent };
        work(&sources)
    }

    fn part(&self, scope: &str, position: Position) -> [Result<Snapshot, ReplayError>; 2] {
        let (document, branch, scope) = ("d".into(), Branch::main(), Scope::from(scope));
        let goal = Goal { document: &document, branch: &branch, scope: &scope, position };
        self.with(|sources| {
            let streams = sources.read.streams(&document).unwrap();
            let through = replay::entry_at(sources, &self.tiers, goal, &streams);
            [through.map(|rebuilt| rebuilt.into_snapshot(position)), replay::state_at(sources, goal)]
        })
    }

    fn target(&self, text: &str) -> [Result<Snapshot, ReplayError>; 2] {
        let target: Target = text.parse().unwrap();
        self.with(|sources| {
            let resolved = replay::resolve(sources.read, &target).unwrap();
            [replay::rebuild_through(sources, &self.tiers, &resolved), replay::rebuild(sources, &resolved)]
        })
    }

    /// The memory tier is gone, the file of the disk tier is not.
    fn restart(&mut self) {
        self.tiers = Tiers::new(vec![Arc::new(MemoryTier::new(self.bounds))]);
        if let Some((folder, bounds)) = &self.disk {
            let settings = disk::Settings { bounds: *bounds, ..disk::Settings::new(Arc::new(|| time(0))) };
            let disk = DiskCache::open(folder.path(), settings).tier(StoreIdentity::new("memory", ""));
            self.tiers = std::mem::take(&mut self.tiers).and(Arc::new(disk), Takes::ALL);
        }
    }

    fn on(&mut self, event: Event) {
        match event {
            Event::Append(scope, row) => self.append(scope, &row),
            Event::Read(scope, n) => {
                let length = SCOPES.iter().position(|name| *name == scope).map_or(0, |n| self.lengths[n]) as u64;
                // One more than there are: the state before operation 0, too.
                let position = match n % (length + 1) {
                    0 => Position::At(None),
                    n => at(n - 1),
                };
                assert_same(&self.part(scope, position));
            }
            Event::Head(scope) => assert_same(&self.part(scope, Position::Head)),
            Event::Whole(target) => assert_same(&self.target(target)),
            Event::Drop(scope) => {
                self.tiers.drop_entries(&Which::Scope("d".into(), scope.into()), Cause::Asked);
            }
            Event::Restart => self.restart(),
        }
    }
}

/// All that an answer says, but for how it came about.
fn told(answer: &Result<Snapshot, ReplayError>) -> String {
    let snapshot = match answer {
        Ok(snapshot) => snapshot,
        Err(error) => return format!("{error:?}"),
    };
    let text = |json: &Json<'_>| String::from_utf8(canonical(json)).unwrap();
    let Snapshot { document, scope, branch, revision, document_type, header, state, warnings, .. } = snapshot;
    let header = text(&Json::Object(header.clone()));
    format!("{document} {scope:?} {branch} {revision:?} {document_type} {header} {state:?} {warnings:?}")
}

fn assert_same([through, without]: &[Result<Snapshot, ReplayError>; 2]) {
    assert_eq!(told(through), told(without));
}

fn at(index: u64) -> Position {
    Position::At(Some(Revision::of(OpIndex::new(index))))
}

fn base(answers: &[Result<Snapshot, ReplayError>; 2]) -> Base {
    assert_same(answers);
    answers[0].as_ref().unwrap().explain.base
}

#[test]
fn what_was_read_before_is_not_read_again() {
    let mut subject = Subject::new(Bounds::default());
    for at in 0..20 {
        subject.append("global", &add(&at.to_string(), 0));
    }
    let memory = |index| Base::Tier(snapctl::cache::TierName::Memory, Some(Revision::of(OpIndex::new(index))));
    assert_eq!(base(&subject.part("global", Position::Head)), Base::Genesis);
    assert_eq!(base(&subject.part("global", Position::Head)), memory(19));
    assert_eq!(base(&subject.part("global", at(19))), memory(19));
    assert_eq!(base(&subject.part("global", at(5))), Base::Genesis, "it is older than all there is");
    assert_eq!(base(&subject.part("global", at(8))), memory(5));
    subject.append("global", &add("20", 0));
    let [through, _] = subject.part("global", Position::Head);
    let explain = through.unwrap().explain;
    assert_eq!((explain.base, explain.operations_read), (memory(19), 1));
    subject.append("local", &row("SET_SHARING_TYPE", "local", r#"{"type":"public"}"#, 0));
    assert_eq!(base(&subject.part("global", Position::Head)), memory(20), "only the header says so");
    subject.append("global", &noop(1));
    assert_eq!(base(&subject.part("global", Position::Head)), Base::Genesis, "an undo needs the history");
    subject.append("document", &row("DELETE_DOCUMENT", "document", r#"{"documentId":"d"}"#, 0));
    assert_eq!(base(&subject.part("global", Position::Head)), Base::Genesis, "the document scope moved");
}

#[test]
fn a_log_that_is_another_one_is_not_taken_for_the_old() {
    let mut subject = Subject::new(Bounds::default());
    (0..5).for_each(|at| subject.append("global", &add(&at.to_string(), 0)));
    subject.part("global", Position::Head).iter().for_each(|answer| assert!(answer.is_ok()));
    let mut other = Subject::new(Bounds::default());
    other.tiers = std::mem::take(&mut subject.tiers);
    (0..9).for_each(|at| other.append("global", &row("SET_DRIVE_NAME", "global", r#"{"name":"x"}"#, at % 2)));
    // The ids are those of other operations there.
    assert_eq!(base(&other.part("global", at(3))), Base::Genesis);
}

#[test]
fn what_a_model_made_that_is_another_one_now_is_dropped_by_its_rule() {
    let mut subject = Subject::new(Bounds::default());
    subject.append("global", &add("1", 0));
    subject.part("global", Position::Head).iter().for_each(|answer| assert!(answer.is_ok()));
    assert_eq!(subject.tiers.outdated(&subject.registry), [].into());
    let mut registry = Registry::built_in();
    registry.serve(&DRIVE.into(), GenericKind::Set);
    let outdated = subject.tiers.outdated(&registry);
    assert_eq!(outdated.len(), 1);
    let rules = Rules::new(NAMESPACE, []);
    for (of, fingerprint) in outdated {
        for fired in rules.fired_by(&Change::Model(of, fingerprint)) {
            assert_eq!(fired.cause, Cause::ModelChanged);
            assert!(subject.tiers.drop_entries(&fired.which, fired.cause) > 0);
        }
    }
    assert_eq!(subject.tiers.outdated(&registry), [].into());
    assert_eq!(base(&subject.part("global", Position::Head)), Base::Genesis);
}

/// What happens to a store and its tiers.
#[derive(Clone, Debug)]
enum Event {
    Append(&'static str, Row),
    Read(&'static str, u64),
    Head(&'static str),
    Whole(&'static str),
    Drop(&'static str),
    Restart,
}

fn global_row() -> impl Strategy<Value = Row> {
    let skip = prop_oneof![12 => Just(0_u32), 1 => 1..4_u32];
    let plain = (0..6_u8, skip, prop::bool::weighted(0.05)).prop_map(|(id, skip, denied)| {
        let row = add(&id.to_string(), skip);
        if denied { row.denied() } else { row }
    });
    prop_oneof![
        10 => plain,
        2 => Just(row("DELETE_NODE", "global", r#"{"id":"3"}"#, 0)),
        2 => (0..9_u8).prop_map(|n| row("SET_NAME", "global", &format!(r#"{{"name":"n{n}"}}"#), 0)),
        1 => Just(noop(1)),
        1 => Just(row("NO_SUCH_ACTION", "global", "{}", 0)),
    ]
}

fn document_row() -> impl Strategy<Value = Row> {
    prop_oneof![
        4 => Just(row("ADD_RELATIONSHIP", "document", r#"{"sourceId":"d","targetId":"e","relationshipType":"child"}"#, 0)),
        1 => Just(row("DELETE_DOCUMENT", "document", r#"{"documentId":"d"}"#, 0)),
        1 => Just(row("UPGRADE_DOCUMENT", "document", r#"{"fromVersion":0,"toVersion":1}"#, 0)),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let scope = prop_oneof![5 => Just("global"), 1 => Just("local"), 1 => Just("document"), 1 => Just("none")];
    prop_oneof![
        8 => global_row().prop_map(|row| Event::Append("global", row)),
        1 => Just(Event::Append("local", row("SET_SHARING_TYPE", "local", r#"{"type":"public"}"#, 0))),
        1 => document_row().prop_map(|row| Event::Append("document", row)),
        6 => (scope.clone(), any::<u64>()).prop_map(|(scope, n)| Event::Read(scope, n)),
        4 => scope.prop_map(Event::Head),
        3 => prop_oneof![Just("d"), Just("d:initial"), Just("d:@2025-01-01T00:00:00.050Z")].prop_map(Event::Whole),
        1 => prop_oneof![Just("global"), Just("document")].prop_map(Event::Drop),
        1 => Just(Event::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Appends, reads at any position, drops, evictions and restarts in any order.
    #[test]
    fn tiers_on_equals_tiers_off(events in proptest::collection::vec(event(), 1..60), ring in 1..4_usize, streams in 1..4_usize) {
        let mut subject = Subject::new(bounds(ring, streams));
        for event in events {
            subject.on(event);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// The same with a file behind the memory tier, that survives restarts and holds much, little, or nothing.
    #[test]
    fn a_file_behind_them_changes_no_answer(events in proptest::collection::vec(event(), 1..60), most_entries in 0..12_u64) {
        let mut subject = Subject::new(bounds(2, 2));
        let bounds = disk::Bounds { most_entries, ..disk::Bounds::default() };
        subject.disk = Some((tempfile::tempdir().unwrap(), bounds));
        subject.restart();
        for event in events {
            subject.on(event);
        }
    }
}

#[test]
fn threads_that_ask_for_the_same_thing_compute_it_once() {
    let mut subject = Subject::new(Bounds::default());
    (0..2_000).for_each(|at| subject.append("global", &add(&at.to_string(), 0)));
    let memory = Arc::new(MemoryTier::new(Bounds::default()));
    subject.tiers = Tiers::new(vec![memory.clone()]);
    let bases: Vec<Base> = std::thread::scope(|scope| {
        let ask = || {
            let [through, _] = subject.part("global", Position::Head);
            through.unwrap().explain.base
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(bases.iter().filter(|base| **base == Base::Genesis).count(), 1, "{bases:?}");
    assert_eq!(memory.stats().puts, 1);
}
