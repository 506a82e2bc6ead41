//! A persistent B-tree: a clone shares everything with the original, and a change copies the pages on one way
//! down at most.
//!
//! The entries are in the order of a number, and those of equal numbers in an order of their own, which a search
//! is given as a function. The numbers lie next to each other, so that a search looks at an entry only where they
//! are equal. A page that gets empty is removed; pages are not merged before that, which costs little space as
//! long as entries come and go evenly (Johnson and Shasha 1993, B-trees with inserts and deletes: why free-at-empty
//! is better than merge-at-half).

use std::cmp::Ordering;
use std::ops::ControlFlow;
use std::sync::Arc;

use imbl_sized_chunks::sized_chunk::Chunk;
use smallvec::SmallVec;

use super::keys::{Keys, PAGE};
pub(super) use pieces::items;

mod pieces;

/// Entries in order.
#[derive(Clone)]
pub(super) struct BTree<T> {
    root: Page<T>,
    len: usize,
    /// Where a search found nothing since the last change: what it sought is usually inserted next.
    gap: Option<Gap>,
}

/// A number that no entry has, and where it would be.
#[derive(Clone)]
pub(super) struct Gap {
    key: u64,
    way: Way,
}

/// Which page on each level, from the root down, and which entry of the leaf.
type Way = SmallVec<[usize; 8]>;

/// A part of a tree that has all entries of a number, and at least one.
pub(super) struct Located<'t, T> {
    page: &'t Page<T>,
    key: u64,
}

/// A part of the tree, shared by all trees that have it.
#[derive(Clone)]
enum Page<T> {
    Leaf(Arc<Run<T>>),
    Branch(Arc<Branch<T>>),
}

/// Entries next to each other.
#[derive(Clone)]
struct Run<T> {
    keys: Keys,
    entries: Chunk<T, PAGE>,
}

/// Pages next to each other, at least one.
#[derive(Clone)]
struct Branch<T> {
    /// What lies between one page and the next: entries of the first are below it, entries of the second are not.
    bounds: Run<T>,
    pages: Chunk<Page<T>, PAGE>,
}

/// The upper half of a page that was split, and the bound between the two.
type Split<T> = (u64, T, Page<T>);

impl<T: Clone> BTree<T> {
    pub(super) fn new() -> Self {
        BTree { root: Page::Leaf(Arc::new(Run::new())), len: 0, gap: None }
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Looks for the entries of that number.
    ///
    /// # Errors
    /// Where they would be, for [`BTree::remember`].
    #[inline]
    pub(super) fn locate(&self, key: u64) -> Result<Located<'_, T>, Gap> {
        let mut way = Way::new();
        let mut page = &self.root;
        loop {
            let keys = match page {
                Page::Branch(branch) => &branch.bounds.keys,
                Page::Leaf(run) => &run.keys,
            };
            let at = keys.n_below(key);
            if keys.get(at) == Some(&key) {
                return Ok(Located { page, key });
            }
            way.push(at);
            match page {
                Page::Branch(branch) => page = &branch.pages[at],
                Page::Leaf(_) => return Err(Gap { key, way }),
            }
        }
    }

    /// Remembers a gap of this very state of the tree until the next change, to spare an insert the search.
    pub(super) fn remember(&mut self, gap: Gap) {
        self.gap = Some(gap);
    }

    /// Hands the entries of the numbers from `first` through `last` to `each`, in order, until it returns `Break`.
    #[inline]
    pub(super) fn visit<'t, B>(
        &'t self,
        first: u64,
        last: u64,
        mut each: impl FnMut(&'t T) -> ControlFlow<B>,
    ) -> Option<B> {
        self.root.visit(first, last, &mut each).break_value()
    }

    /// The first of the entries of the numbers from `first` through `last` that `is_it` says is sought.
    #[inline]
    pub(super) fn find(&self, first: u64, last: u64, mut is_it: impl FnMut(&T) -> bool) -> Option<&T> {
        self.visit(
            first,
            last,
            |entry| if is_it(entry) { ControlFlow::Break(entry) } else { ControlFlow::Continue(()) },
        )
    }

    /// All entries in order.
    pub(super) fn iter(&self) -> Entries<'_, T> {
        Entries { pages: vec![std::slice::from_ref(&self.root)], entries: &[] }
    }

    /// Puts `entry` in its place; `order` compares another one to it. An equal one is replaced.
    pub(super) fn insert(&mut self, key: u64, entry: T, order: impl Fn(&T, &T) -> Ordering) {
        let place = match self.gap.take() {
            Some(gap) if gap.key == key => Err(gap.way),
            _ => self.root.seek(key, &|other| order(other, &entry)),
        };
        let way = match place {
            Ok(way) => return self.root.replace(&way, entry),
            Err(way) => way,
        };
        self.len += 1;
        if let Some((bound, first, upper)) = self.root.insert(&way, key, entry) {
            let bounds = Run { keys: Keys::new(&[bound]), entries: Chunk::unit(first) };
            let pages = Chunk::pair(self.root.clone(), upper);
            self.root = Page::Branch(Arc::new(Branch { bounds, pages }));
        }
    }

    /// Removes the entry of that number that `order` says is equal.
    pub(super) fn remove(&mut self, key: u64, order: impl Fn(&T) -> Ordering) {
        let Ok(way) = self.root.seek(key, &order) else {
            return;
        };
        self.gap = None;
        self.len -= 1;
        self.root.remove(&way);
        while let Page::Branch(branch) = &self.root {
            match &branch.pages[..] {
                [] => self.root = BTree::new().root,
                [only] => self.root = only.clone(),
                _ => break,
            }
        }
    }
}

impl<'t, T: Clone> Located<'t, T> {
    /// The first of the entries that is not `below` what is sought.
    #[inline]
    pub(super) fn first(&self, below: impl Fn(&T) -> bool) -> Option<&'t T> {
        let order = |entry: &T| if below(entry) { Ordering::Less } else { Ordering::Greater };
        let (mut page, mut next) = (self.page, None);
        loop {
            match page {
                Page::Branch(branch) => {
                    let at = branch.way(self.key, &order);
                    next = branch.pages.get(at + 1).or(next);
                    page = &branch.pages[at];
                }
                Page::Leaf(run) => {
                    let (Ok(at) | Err(at)) = run.seek(self.key, &order);
                    let (run, at) = if at < run.keys.len() { (&**run, at) } else { (next?.first_run(), 0) };
                    return run.entries.get(at).filter(|_| run.keys[at] == self.key);
                }
            }
        }
    }

    /// The first of the entries that `is_it` says is sought.
    #[inline]
    pub(super) fn find(&self, mut is_it: impl FnMut(&T) -> bool) -> Option<&'t T> {
        let mut each = |entry| if is_it(entry) { ControlFlow::Break(entry) } else { ControlFlow::Continue(()) };
        self.page.visit(self.key, self.key, &mut each).break_value()
    }
}

/// Entries in order.
pub(super) struct Entries<'t, T> {
    /// What follows on each level, the lowest level last.
    pages: Vec<&'t [Page<T>]>,
    entries: &'t [T],
}

impl<'t, T> Iterator for Entries<'t, T> {
    type Item = &'t T;

    fn next(&mut self) -> Option<&'t T> {
        loop {
            if let Some((entry, rest)) = self.entries.split_first() {
                self.entries = rest;
                return Some(entry);
            }
            let level = self.pages.last_mut()?;
            match level.split_first() {
                None => drop(self.pages.pop()),
                Some((page, rest)) => {
                    *level = rest;
                    match page {
                        Page::Leaf(run) => self.entries = &run.entries,
                        Page::Branch(branch) => self.pages.push(&branch.pages),
                    }
                }
            }
        }
    }
}

impl<T: Clone> Page<T> {
    fn visit<'t, B>(&'t self, first: u64, last: u64, each: &mut impl FnMut(&'t T) -> ControlFlow<B>) -> ControlFlow<B> {
        match self {
            Page::Leaf(run) => {
                let start = run.keys.n_below(first);
                let found = run.keys.iter().zip(run.entries.iter()).skip(start);
                found.take_while(|(key, _)| **key <= last).try_for_each(|(_, entry)| each(entry))
            }
            Page::Branch(branch) => {
                let start = branch.bounds.keys.n_below(first);
                branch.pages[start].visit(first, last, each)?;
                let rest = branch.bounds.keys.iter().zip(branch.pages.iter().skip(1)).skip(start);
                rest.take_while(|(key, _)| **key <= last).try_for_each(|(_, page)| page.visit(first, last, each))
            }
        }
    }

    /// Where an entry is, or would be.
    fn seek(&self, key: u64, order: &impl Fn(&T) -> Ordering) -> Result<Way, Way> {
        let mut way = Way::new();
        let mut page = self;
        while let Page::Branch(branch) = page {
            let at = branch.way(key, order);
            way.push(at);
            page = &branch.pages[at];
        }
        let found = page.first_run().seek(key, order);
        let (Ok(at) | Err(at)) = found;
        way.push(at);
        if found.is_ok() { Ok(way) } else { Err(way) }
    }

    fn insert(&mut self, way: &[usize], key: u64, entry: T) -> Option<Split<T>> {
        match self {
            Page::Leaf(run) => {
                let upper = Arc::make_mut(run).insert_or_split(way[0], key, entry)?;
                Some((upper.keys[0], upper.entries[0].clone(), Page::Leaf(Arc::new(upper))))
            }
            Page::Branch(branch) => {
                let branch = Arc::make_mut(branch);
                let (bound, first, page) = branch.pages[way[0]].insert(&way[1..], key, entry)?;
                branch.insert(way[0], bound, first, page)
            }
        }
    }

    fn replace(&mut self, way: &[usize], entry: T) {
        match self {
            Page::Leaf(run) => Arc::make_mut(run).entries[way[0]] = entry,
            Page::Branch(branch) => Arc::make_mut(branch).pages[way[0]].replace(&way[1..], entry),
        }
    }

    fn remove(&mut self, way: &[usize]) {
        match self {
            Page::Leaf(run) => Arc::make_mut(run).remove(way[0]),
            Page::Branch(branch) => {
                let (branch, at) = (Arc::make_mut(branch), way[0]);
                branch.pages[at].remove(&way[1..]);
                if branch.pages[at].is_empty() {
                    branch.pages.remove(at);
                    if !branch.bounds.keys.is_empty() {
                        branch.bounds.remove(at.saturating_sub(1));
                    }
                }
            }
        }
    }

    /// The lowest leaf.
    fn first_run(&self) -> &Run<T> {
        match self {
            Page::Leaf(run) => run,
            Page::Branch(branch) => branch.pages[0].first_run(),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Page::Leaf(run) => run.keys.is_empty(),
            Page::Branch(branch) => branch.pages.is_empty(),
        }
    }
}

impl<T: Clone> Branch<T> {
    /// Which page has the place of an entry.
    #[inline]
    fn way(&self, key: u64, order: &impl Fn(&T) -> Ordering) -> usize {
        self.bounds.seek(key, order).map_or_else(|below| below, |at| at + 1)
    }

    /// Inserts the upper half of the page `at` behind it.
    fn insert(&mut self, at: usize, bound: u64, first: T, page: Page<T>) -> Option<Split<T>> {
        if !self.pages.is_full() {
            self.bounds.insert(at, bound, first);
            self.pages.insert(at + 1, page);
            return None;
        }
        let pages = self.pages.split_off(PAGE / 2);
        let mut bounds = self.bounds.split_off(PAGE / 2 - 1);
        let (middle, middle_entry) = (bounds.keys.remove(0), bounds.entries.pop_front());
        let mut upper = Branch { bounds, pages };
        if at < PAGE / 2 {
            self.insert(at, bound, first, page);
        } else {
            upper.insert(at - PAGE / 2, bound, first, page);
        }
        Some((middle, middle_entry, Page::Branch(Arc::new(upper))))
    }
}

impl<T: Clone> Run<T> {
    fn new() -> Self {
        Run { keys: Keys::new(&[]), entries: Chunk::new() }
    }

    /// Where an entry is, or would be.
    #[inline]
    fn seek(&self, key: u64, order: &impl Fn(&T) -> Ordering) -> Result<usize, usize> {
        let start = self.keys.n_below(key);
        let same = self.keys[start..].iter().take_while(|other| **other == key).count();
        if same == 0 {
            return Err(start);
        }
        let found = self.entries[start..start + same].binary_search_by(order);
        found.map(|at| start + at).map_err(|at| start + at)
    }

    /// Inserts where there is space.
    fn insert(&mut self, at: usize, key: u64, entry: T) {
        self.keys.insert(at, key);
        self.entries.insert(at, entry);
    }

    /// Inserts at `at`. A full run is split in two, of which the upper is returned.
    fn insert_or_split(&mut self, at: usize, key: u64, entry: T) -> Option<Self> {
        if !self.keys.is_full() {
            self.insert(at, key, entry);
            return None;
        }
        // What comes in order leaves full pages behind.
        let middle = if at == PAGE { PAGE } else { PAGE / 2 };
        let mut upper = self.split_off(middle);
        if at < middle {
            self.insert(at, key, entry);
        } else {
            upper.insert(at - middle, key, entry);
        }
        Some(upper)
    }

    fn split_off(&mut self, at: usize) -> Self {
        Run { keys: self.keys.split_off(at), entries: self.entries.split_off(at) }
    }

    fn remove(&mut self, at: usize) {
        self.keys.remove(at);
        self.entries.remove(at);
    }
}
