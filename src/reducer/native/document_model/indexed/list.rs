//! Lists whose changed copies share what stays the same.

use std::sync::Arc;

use crate::reducer::seq::Seq;

/// Where an item is in its list: ascending, but not without gaps. It stays the same while other items come and go.
pub(super) type Rank = i64;

/// Items in order.
#[derive(Clone)]
pub(super) struct List<T>(Seq<Ranked<T>>);

#[derive(Clone)]
struct Ranked<T> {
    rank: Rank,
    item: Arc<T>,
}

impl<T: Clone> List<T> {
    pub(super) fn new() -> Self {
        List(Seq::default())
    }

    /// The items in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        self.0.iter().map(|ranked| &ranked.item)
    }

    /// The items in order, with their ranks.
    pub(super) fn ranked(&self) -> impl Iterator<Item = (Rank, &Arc<T>)> {
        self.0.iter().map(|ranked| (ranked.rank, &ranked.item))
    }

    /// The item of a rank.
    pub(super) fn get(&self, rank: Rank) -> Option<&Arc<T>> {
        let at = self.position(rank)?;
        self.0.get(at).map(|ranked| &ranked.item)
    }

    /// Changes the item of a rank; `None` if there is none.
    pub(super) fn edit<R>(&mut self, rank: Rank, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        let at = self.position(rank)?;
        self.0.get_mut(at).map(|ranked| change(Arc::make_mut(&mut ranked.item)))
    }

    /// Appends an item, and returns its rank.
    pub(super) fn push(&mut self, item: Arc<T>) -> Rank {
        let len = self.0.len();
        let rank = len.checked_sub(1).and_then(|last| self.0.get(last)).map_or(0, |last| last.rank + 1);
        self.0.insert(len, Ranked { rank, item });
        rank
    }

    /// Takes out the item of a rank.
    pub(super) fn remove(&mut self, rank: Rank) -> Option<Arc<T>> {
        let at = self.position(rank)?;
        Some(self.0.remove(at).item)
    }

    /// Takes the items of these ranks to the front, in this order. Returns the rank of the first; those of the others
    /// follow without a gap.
    pub(super) fn take_to_front(&mut self, ranks: &[Rank]) -> Rank {
        let mut first = self.0.get(0).map_or(0, |first| first.rank);
        let items: Vec<Arc<T>> = ranks.iter().filter_map(|rank| self.remove(*rank)).collect();
        for item in items.into_iter().rev() {
            first -= 1;
            self.0.insert(0, Ranked { rank: first, item });
        }
        first
    }

    fn position(&self, rank: Rank) -> Option<usize> {
        self.0.binary_search_by(|ranked| ranked.rank.cmp(&rank)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(list: &List<usize>) -> Vec<usize> {
        list.iter().map(|item| **item).collect()
    }

    #[test]
    fn ranks_outlive_what_happens_to_other_items() {
        let mut list = List::new();
        let ranks: Vec<Rank> = (0..200).map(|item| list.push(Arc::new(item))).collect();
        let before = list.clone();
        let first = list.take_to_front(&[ranks[150], ranks[0]]);
        list.remove(ranks[1]);
        assert_eq!(list.get(first).map(|item| **item), Some(150));
        assert_eq!(list.get(first + 1).map(|item| **item), Some(0));
        assert_eq!(list.edit(ranks[199], |item| *item += 1), Some(()));
        assert_eq!(list.push(Arc::new(1000)), ranks[199] + 1);
        assert!(list.get(ranks[1]).is_none() && list.get(ranks[150]).is_none());
        let expected: Vec<usize> = [150, 0].into_iter().chain(2..150).chain(151..199).chain([200, 1000]).collect();
        assert_eq!(items(&list), expected);
        assert_eq!(items(&before), (0..200).collect::<Vec<_>>());
    }
}
