mod failures;
mod schedules;
mod sim;
mod state;
mod threads;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// An item with a number of its own; numbers of a group rise.
#[derive(Debug)]
struct Part {
    id: u32,
    group: u8,
    /// Whether a newer one makes it superfluous.
    draft: bool,
}

impl Item for Part {
    type Group = u8;

    fn group(&self) -> &u8 {
        &self.group
    }

    fn supersedes(&self, earlier: &Self) -> bool {
        assert!(self.group == earlier.group && self.id > earlier.id, "{self:?} was pushed after {earlier:?}");
        earlier.draft
    }
}

type Outcome = Result<(), SinkError>;

fn items(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

fn ids<'a>(parts: impl IntoIterator<Item = &'a Arc<Part>>) -> Vec<u32> {
    parts.into_iter().map(|part| part.id).collect()
}

fn passing() -> SinkError {
    SinkError::passing("locked")
}

fn permanent() -> SinkError {
    SinkError::permanent("too large")
}

/// Holds what has become of all that was pushed against what was to become of it: each is one of written, coalesced,
/// parked and left, once, and counted so. A group is written in the order of its numbers, but for `out_of_turn`: what
/// was parked at some time.
fn assert_accounted(pushed: &[Arc<Part>], written: &[u32], ended: &Ended<Part>, out_of_turn: &[u32]) {
    let parked = ids(ended.parked.iter().map(|parked| &parked.item));
    let (left, in_flight) = (ids(&ended.left), ids(&ended.in_flight));
    let mut places: HashMap<u32, Vec<&str>> = pushed.iter().map(|part| (part.id, Vec::new())).collect();
    assert_eq!(places.len(), pushed.len(), "numbers are used once");
    for (place, ids) in [("written", written), ("parked", &parked), ("left", &left), ("in flight", &in_flight)] {
        for id in ids {
            places.get_mut(id).unwrap_or_else(|| panic!("{id} was never pushed")).push(place);
        }
    }
    let drafts: HashMap<u32, bool> = pushed.iter().map(|part| (part.id, part.draft)).collect();
    let mut coalesced = 0;
    for (id, places) in &places {
        match places.as_slice() {
            [_] => {}
            [] if drafts[id] => coalesced += 1,
            _ => panic!("{id} is {places:?}"),
        }
    }
    let counts = ended.counts;
    assert_eq!(
        (counts.queued, counts.written, counts.coalesced, counts.parked, counts.pending()),
        (
            pushed.len() as u64,
            written.len() as u64,
            coalesced,
            parked.len() as u64,
            (left.len() + in_flight.len()) as u64
        )
    );
    let groups: HashMap<u32, u8> = pushed.iter().map(|part| (part.id, part.group)).collect();
    let mut last: HashMap<u8, u32> = HashMap::new();
    for id in written.iter().filter(|id| !out_of_turn.contains(id)) {
        let before = last.insert(groups[id], *id);
        assert!(before.is_none_or(|before| before < *id), "{id} was written after {before:?}");
    }
}

#[test]
fn limits_are_those_that_are_promised() {
    let limits = Limits::default();
    assert_eq!((limits.batch_items.get(), limits.pending_items.get(), limits.retries), (100, 10_000, 3));
    assert_eq!((limits.flush_after, limits.retry_after), (5 * SECOND, SECOND));
    assert_eq!(limits.delays().collect::<Vec<_>>(), [SECOND, 2 * SECOND, 4 * SECOND]);
    let limits = Limits { retries: 9, ..limits };
    assert_eq!(limits.delays().last(), Some(60 * SECOND));
    let limits = Limits { retry_after: 90 * SECOND, ..limits };
    assert_eq!(limits.delays().next(), Some(60 * SECOND));
    let limits = Limits { retry_after: Duration::MAX, retry_after_at_most: Duration::MAX, ..limits };
    assert_eq!(limits.delays().collect::<Vec<_>>(), [Duration::MAX; 9]);
}

#[test]
fn errors_say_what_the_sink_said() {
    assert_eq!(permanent().to_string(), "too large");
    let text = String::from("no room");
    let error = SinkError::panicked(&text);
    assert_eq!(error.to_string(), "the writer panicked: no room");
    assert!(matches!(error, SinkError::Permanent(_)));
    let error = Refused::TooManyParked { item: Arc::new(1), parked: 7 };
    assert_eq!(error.to_string(), "7 items are parked already, and the queue keeps no more");
    assert_eq!(*error.into_item(), 1);
}
