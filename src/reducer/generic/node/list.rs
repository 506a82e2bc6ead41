//! Arrays.

use super::tally::Tally;
use super::{Node, Weight};
use crate::reducer::seq::Seq;

/// The items of an array, with what they weigh.
#[derive(Clone, Debug, Default)]
pub(in crate::reducer::generic) struct List {
    items: Seq<Node>,
    tally: Tally,
}

impl List {
    pub(in crate::reducer::generic) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn weight(&self) -> Weight {
        self.tally.weight(self.len())
    }

    pub(in crate::reducer::generic) fn get(&self, at: usize) -> Option<&Node> {
        self.items.get(at)
    }

    pub(super) fn items(&self) -> &Seq<Node> {
        &self.items
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Node> {
        self.items.iter()
    }

    /// Puts an item before the one at `at`, which is at most the length.
    pub(in crate::reducer::generic) fn insert(&mut self, at: usize, item: Node) {
        self.tally.put_on(item.weight());
        self.items.insert(at, item);
    }

    /// Takes out the item at `at`, which is below the length.
    pub(in crate::reducer::generic) fn remove(&mut self, at: usize) -> Node {
        let item = self.items.remove(at);
        self.tally.take_off(item.weight());
        item
    }

    /// Changes the item at `at`; `None` if there is none.
    pub(in crate::reducer::generic) fn edit<T>(&mut self, at: usize, change: impl FnOnce(&mut Node) -> T) -> Option<T> {
        let item = self.items.get_mut(at)?;
        let before = item.weight();
        let result = change(item);
        let after = item.weight();
        self.tally.exchange(before, after);
        Some(result)
    }
}

impl FromIterator<Node> for List {
    fn from_iter<I: IntoIterator<Item = Node>>(items: I) -> Self {
        let items: Seq<Node> = items.into_iter().collect();
        let mut tally = Tally::default();
        items.iter().for_each(|item| tally.put_on(item.weight()));
        List { items, tally }
    }
}
