//! Items that no batch has yet.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::Item;

/// A line of items, each with a position. Positions rise by one from 0 on and are never used again; an item that takes
/// the place of another takes its position and its age, too.
///
/// Each method that calls code of an item does so before it moves one, so that a panic there loses nothing.
pub(super) struct Waiting<T: Item> {
    places: VecDeque<Place<T>>,
    /// Position of the first place, or of the next one if there is none.
    first: u64,
    /// Where the newest item of each group is. One that was parked before is not among them: it is older than it looks.
    newest: HashMap<T::Group, u64>,
}

struct Place<T> {
    item: Arc<T>,
    since: Duration,
}

impl<T: Item> Waiting<T> {
    pub(super) fn new() -> Self {
        Waiting { places: VecDeque::new(), first: 0, newest: HashMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The position of the first item, or of the next one if there is none.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// The position of the next item.
    pub(super) fn end(&self) -> u64 {
        self.first + self.places.len() as u64
    }

    /// Since when the first item, which is the oldest, waits.
    pub(super) fn since(&self) -> Option<Duration> {
        self.places.front().map(|place| place.since)
    }

    /// Puts an item in the place of the newest of its group, if it supersedes that one, and returns that one.
    ///
    /// # Errors
    /// The item itself, if it supersedes nothing.
    pub(super) fn replace(&mut self, item: Arc<T>) -> Result<Arc<T>, Arc<T>> {
        let place = self.newest.get(item.group()).and_then(|at| at.checked_sub(self.first));
        let place = place.and_then(|place| self.places.get_mut(usize::try_from(place).ok()?));
        match place {
            Some(place) if item.supersedes(&place.item) => Ok(mem::replace(&mut place.item, item)),
            _ => Err(item),
        }
    }

    /// Adds an item at the end.
    pub(super) fn add(&mut self, item: Arc<T>, now: Duration) {
        let end = self.end();
        // Names of groups may be long: they are copied once as long as the group has items.
        match self.newest.get_mut(item.group()) {
            Some(at) => *at = end,
            None => drop(self.newest.insert(item.group().clone(), end)),
        }
        self.places.push_back(Place { item, since: now });
    }

    /// Adds an item at the end that was parked before.
    pub(super) fn add_again(&mut self, item: Arc<T>, now: Duration) {
        self.places.push_back(Place { item, since: now });
    }

    /// Takes the first items, at most as many.
    pub(super) fn take(&mut self, most: usize) -> VecDeque<Arc<T>> {
        let n = most.min(self.places.len());
        for (place, at) in self.places.iter().take(n).zip(self.first..) {
            if self.newest.get(place.item.group()) == Some(&at) {
                self.newest.remove(place.item.group());
            }
        }
        self.first += n as u64;
        self.places.drain(..n).map(|place| place.item).collect()
    }

    /// Takes all items, and calls no code of theirs.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Arc<T>> {
        self.newest.clear();
        self.first = self.end();
        self.places.drain(..).map(|place| place.item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A group, and a number; all may be superseded.
    struct Draft(u8, u32);

    impl Item for Draft {
        type Group = u8;

        fn group(&self) -> &u8 {
            &self.0
        }

        fn supersedes(&self, earlier: &Self) -> bool {
            earlier.0 == self.0
        }
    }

    fn numbers(items: impl IntoIterator<Item = Arc<Draft>>) -> Vec<u32> {
        items.into_iter().map(|item| item.1).collect()
    }

    #[test]
    fn groups_are_known_as_long_as_they_wait() {
        let mut line = Waiting::new();
        let draft = |group, number| Arc::new(Draft(group, number));
        for (group, number) in [(0, 1), (0, 2), (1, 3)] {
            line.add(draft(group, number), Duration::ZERO);
        }
        assert_eq!(numbers(line.take(1)), [1]);
        // The newest of group 0 is there still.
        assert_eq!(line.replace(draft(0, 4)).map(|old| old.1).ok(), Some(2));
        line.add_again(draft(2, 5), Duration::ZERO);
        assert!(line.replace(draft(2, 6)).is_err());
        assert_eq!((line.first(), line.end(), numbers(line.take(2))), (1, 4, vec![4, 3]));
        assert_eq!((line.newest.len(), line.len()), (0, 1));
        line.add(draft(0, 7), Duration::ZERO);
        assert_eq!(numbers(line.take_all()), [5, 7]);
        assert_eq!((line.newest.len(), line.first(), line.end()), (0, 5, 5));
    }
}
