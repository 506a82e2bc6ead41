use super::*;
use crate::model::ids::{Revision, StreamKey};
use crate::model::operation::OperationRow;
use crate::model::time::Timestamp;
use crate::store::memory::MemoryStore;
use crate::store::{Access, NewKeyframe, NewOperation, Options, Write};

fn store() -> MemoryStore {
    MemoryStore::new(&Options { access: Access::Change, busy_timeout_ms: None })
}

fn stream(document: &str) -> StreamKey {
    StreamKey { document: document.into(), scope: "global".into(), branch: "main".into() }
}

fn time() -> Timestamp {
    Timestamp::from_millis(0).unwrap()
}

fn append(write: &mut dyn Write, document: &str, index: u64) {
    let row = OperationRow {
        index: OpIndex::new(index),
        skip: None,
        id: &format!("{document}{index}"),
        previous_id: "",
        document_type: document,
        timestamp: time(),
        hash: "",
        error: None,
        denied: None,
        action: br#"{"type":"X"}"#,
    };
    write.append(&stream(document), &[NewOperation { row, written: time(), job_id: "" }]).unwrap();
}

fn put(write: &mut dyn Write, document: &str, label: u64) {
    let (stream, revision) = (stream(document), Revision::of(OpIndex::new(label)));
    let document_type = &document.into();
    write
        .put_keyframe(&NewKeyframe { stream: &stream, revision, document_type, document: b"{}", created: time() })
        .unwrap();
}

fn change(store: &MemoryStore, change: impl FnOnce(&mut dyn Write)) {
    let mut write = store.write().unwrap();
    change(&mut *write);
    write.commit().unwrap();
}

/// Operations and keyframes of two documents, in turns.
fn fill(store: &MemoryStore) {
    change(store, |write| {
        for index in 0..5 {
            append(write, "a", index);
            append(write, "b", index);
            put(write, "a", index);
        }
    });
}

fn told(page: &Page) -> Vec<String> {
    let text = |told: &Told| match &told.event {
        Event::Operation(operation) => format!("{}:{}", operation.stream.document, operation.index),
        Event::Keyframe { entry, .. } => format!("keyframe {}:{}", entry.stream.document, entry.label),
        Event::Reset(lost) => format!("{lost:?}"),
    };
    page.told.iter().map(text).collect()
}

#[test]
fn pages_of_any_size_tell_the_same() {
    let store = store();
    fill(&store);
    let selections = [Selection::default(), Selection { document_type: Some("b".into()), ..Selection::default() }];
    for selection in &selections {
        let read = store.read().unwrap();
        let whole = State::New(Start::At(Position::START)).look(&*read, selection, 1000).unwrap().0;
        for most in 1..7 {
            let (mut state, mut all) = (State::New(Start::At(Position::START)), Vec::new());
            loop {
                let (page, running) = state.look(&*read, selection, most).unwrap();
                assert!(page.told.len() <= 3 * most);
                all.extend(page.told);
                state = State::Running(running);
                if !page.more {
                    break;
                }
            }
            assert_eq!(all, whole.told, "{most}");
        }
    }
}

#[test]
fn only_what_comes_after_the_start_is_told() {
    let store = store();
    fill(&store);
    let behind = {
        let mut serials = Vec::new();
        let mut all = Follower::new(Selection::default(), Start::At(Position::START));
        for told in all.poll(&store).unwrap().told {
            if let Event::Operation(operation) = told.event {
                serials.push(operation.serial);
            }
        }
        serials[7]
    };
    let mut now = Follower::new(Selection::default(), Start::Now);
    let mut later = Follower::new(Selection::default(), Start::Behind(behind));
    assert_eq!(now.position(), None, "it has not looked");
    assert_eq!(told(&now.poll(&store).unwrap()), [] as [&str; 0]);
    assert_eq!(told(&later.poll(&store).unwrap()), ["a:4", "b:4"]);
    change(&store, |write| {
        append(write, "a", 5);
        put(write, "b", 0);
    });
    for follower in [&mut now, &mut later] {
        assert_eq!(told(&follower.poll(&store).unwrap()), ["a:5", "keyframe b:0"]);
        assert_eq!(follower.poll(&store).unwrap(), Page::default());
    }
    assert_eq!(now.position(), later.position());
}

#[test]
fn another_log_is_told_from_its_start() {
    let (first, second) = (store(), store());
    fill(&first);
    change(&second, |write| {
        append(write, "c", 0);
        put(write, "c", 0);
    });
    let mut follower = Follower::new(Selection::default(), Start::Now);
    follower.poll(&first).unwrap();
    let page = follower.poll(&second).unwrap();
    assert_eq!(told(&page), ["Log", "c:0", "keyframe c:0"]);
    assert_eq!(page.told[0].position, Position::START);
    // As long, and with other operations.
    let third = store();
    change(&third, |write| append(write, "d", 0));
    assert_eq!(told(&follower.poll(&third).unwrap()), ["Log", "d:0"]);
    // The one that was told, and more.
    change(&third, |write| append(write, "d", 1));
    assert_eq!(told(&follower.poll(&third).unwrap()), ["d:1"]);
}

#[test]
fn the_newest_keyframes_may_go() {
    let store = store();
    fill(&store);
    let mut follower = Follower::new(Selection::default(), Start::Now);
    follower.poll(&store).unwrap();
    let delete = |labels: std::ops::Range<u64>| {
        change(&store, |write| {
            for label in labels {
                assert!(write.delete_keyframe(&stream("a"), Revision::of(OpIndex::new(label))).unwrap());
            }
        });
    };
    delete(1..5);
    change(&store, |write| put(write, "a", 3));
    assert_eq!(told(&follower.poll(&store).unwrap()), ["keyframe a:3"], "one that is known is there");
    delete(0..1);
    delete(3..4);
    change(&store, |write| put(write, "b", 3));
    assert_eq!(told(&follower.poll(&store).unwrap()), ["Keyframes", "keyframe b:3"]);
    assert_eq!(follower.poll(&store).unwrap(), Page::default());
}
