//! The follower over stores that change in any way: nothing is told twice, nothing is missed.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use snapctl::model::ids::StreamKey;
use snapctl::store::{Codec, Flow, Order, Read, Selection, Serial, Storage, Store};
use snapctl::watch::{Event, Follower, Lost, Page, Position, Start};

use crate::store_conformance::{Op, Subject, append, at, key, memory, op, put, sqlite};

/// What happens between two looks.
#[derive(Clone, Debug)]
enum Step {
    /// So many operations are appended to a stream.
    Append { stream: usize, n: u64 },
    /// A keyframe is written, at a label that may be taken.
    Put { stream: usize, label: u64 },
    /// A keyframe goes, if it is there.
    Delete { stream: usize, label: u64 },
    /// All keyframes go.
    Clear,
    /// A keyframe is stored in another way, if it is there.
    Recode { stream: usize, label: u64, codec: Codec },
    /// The follower looks.
    Look,
    /// Another follower goes on where it is.
    Resume,
}

const STREAMS: usize = 3;
const LABELS: u64 = 6;

fn stream(n: usize) -> StreamKey {
    key(&format!("d{n}"), "global", "main")
}

fn step() -> impl Strategy<Value = Step> {
    let place = || (0..STREAMS, 0..LABELS);
    let codec = prop_oneof![Just(Codec::Json), Just(Codec::Zstd), Just(Codec::ZstdDelta)];
    prop_oneof![
        4 => (0..STREAMS, 1_u64..4).prop_map(|(stream, n)| Step::Append { stream, n }),
        4 => place().prop_map(|(stream, label)| Step::Put { stream, label }),
        3 => place().prop_map(|(stream, label)| Step::Delete { stream, label }),
        1 => Just(Step::Clear),
        2 => (place(), codec).prop_map(|((stream, label), codec)| Step::Recode { stream, label, codec }),
        6 => Just(Step::Look),
        1 => Just(Step::Resume),
    ]
}

/// What tells a keyframe from all others there have been.
type Place = (Storage, Serial, String, i64);

fn keyframes(read: &dyn Read) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for storage in [Storage::Plain, Storage::Compressed] {
        read.numbered_keyframes(storage, Serial::START, Order::Forward, &mut |serial, entry| {
            found.insert(shown(&(storage, serial, entry.stream.to_string(), entry.label)));
            Flow::Continue(())
        })
        .unwrap();
    }
    found
}

fn shown(place: &Place) -> String {
    format!("{place:?}")
}

fn operations(read: &dyn Read) -> Vec<String> {
    let mut found = Vec::new();
    read.inserted_operations(&Selection::default(), Serial::START, &mut |row| {
        found.push(format!("{:?} {}:{} {}", row.serial, row.stream, row.row.index, row.row.id));
        Flow::Continue(())
    })
    .unwrap();
    found
}

/// Reads all that has come since, in any number of pages.
fn look(follower: &mut Follower, store: &dyn Store) -> Page {
    let mut all = Page::default();
    loop {
        let page = follower.poll(store).unwrap();
        all.told.extend(page.told);
        if !page.more {
            return all;
        }
    }
}

/// What a follower has told.
#[derive(Default)]
struct Heard {
    operations: Vec<String>,
    /// Those that are there, as far as was told.
    keyframes: BTreeSet<String>,
}

impl Heard {
    fn hear(&mut self, page: Page, there: &BTreeSet<String>) {
        // What went, and what came and went, is not told.
        self.keyframes.retain(|keyframe| there.contains(keyframe));
        let mut new = BTreeSet::new();
        for told in page.told {
            match told.event {
                Event::Operation(row) => {
                    self.operations.push(format!("{:?} {}:{} {}", row.serial, row.stream, row.index, row.id));
                }
                Event::Keyframe { serial, entry } => {
                    let storage = Storage::of(entry.codec);
                    let keyframe = shown(&(storage, serial, entry.stream.to_string(), entry.label));
                    assert!(new.insert(keyframe.clone()), "told twice: {keyframe}");
                    assert!(self.keyframes.insert(keyframe.clone()), "told again: {keyframe}");
                }
                Event::Reset(Lost::Keyframes) => self.keyframes.retain(|keyframe| new.contains(keyframe)),
                Event::Reset(Lost::Log) => panic!("it is the same log"),
            }
        }
    }
}

fn run(subject: &Subject, steps: &[Step]) {
    let store = &*subject.store;
    let mut follower = Follower::new(Selection::default(), Start::At(Position::START));
    let (mut heard, mut next) = (Heard::default(), BTreeMap::<usize, u64>::new());
    for step in steps.iter().chain([&Step::Look]) {
        let mut write = store.write().unwrap();
        match *step {
            Step::Append { stream: n, n: many } => {
                let next = next.entry(n).or_default();
                let rows: Vec<_> =
                    (*next..*next + many).map(|index| Op { id: format!("{n}-{index}"), ..op(index) }).collect();
                *next += many;
                append(&mut *write, &stream(n), &rows).unwrap();
            }
            Step::Put { stream: n, label } => put(&mut *write, &stream(n), label, &format!(r#"{{"r":{label}}}"#)),
            Step::Delete { stream: n, label } => assert!(write.delete_keyframe(&stream(n), at(label)).is_ok()),
            Step::Clear => (0..STREAMS)
                .flat_map(|n| (0..LABELS).map(move |label| (n, label)))
                .for_each(|(n, label)| assert!(write.delete_keyframe(&stream(n), at(label)).is_ok())),
            Step::Recode { stream: n, label, codec } => assert!(write.recode(&stream(n), at(label), codec).is_ok()),
            Step::Look | Step::Resume => {
                drop(write);
                if let Step::Resume = step {
                    // What is new is told first: of what has gone since, a position cannot tell.
                    heard.hear(look(&mut follower, store), &keyframes(&*store.read().unwrap()));
                    let position = follower.position().unwrap().to_string();
                    follower = Follower::new(Selection::default(), Start::At(position.parse().unwrap()));
                }
                let page = look(&mut follower, store);
                let read = store.read().unwrap();
                let there = keyframes(&*read);
                heard.hear(page, &there);
                assert_eq!(heard.operations, operations(&*read));
                assert_eq!(heard.keyframes, there);
                continue;
            }
        }
        write.commit().unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_follower_tells_what_is_there_in_memory(steps in prop::collection::vec(step(), 1..60)) {
        run(&memory(), &steps);
    }

    #[test]
    fn a_follower_tells_what_is_there_in_a_file(steps in prop::collection::vec(step(), 1..60)) {
        run(&sqlite(&[]), &steps);
    }
}
