//! The entries of the indices, and what is looked up in them. They compare by numbers where they can:
//! following a pointer to a text costs more.

use std::cmp::Ordering;
use std::sync::Arc;

use equivalent::{Comparable, Equivalent};

use super::node::StoredNode;
use crate::model::json::Text;
use crate::reducer::native::collation::{Weights, cmp_weighted};
use crate::reducer::native::drive::names::CopyName;
use crate::reducer::native::drive::nodes::NodeKind;

/// An entry of the sorted list: by id, then serial number.
#[derive(Clone)]
pub(super) struct Sorted {
    weights: Weights,
    pub(super) node: Arc<StoredNode>,
}

/// An entry of the siblings: by slot, then serial number.
#[derive(Clone)]
pub(super) struct Sibling {
    slot: Slot,
    pub(super) node: Arc<StoredNode>,
}

/// Finds a place among the entries whose order starts with a key; the key itself finds any one of them.
pub(super) enum Seek<K> {
    /// The place before all of them.
    Before(K),
    /// The place after all of them.
    After(K),
    /// The one of that serial number.
    Exactly(K, u64),
}

impl<K> Seek<K> {
    /// Compares to an entry, given its serial number and how the key compares.
    #[inline]
    fn compare_to(&self, serial: impl FnOnce() -> u64, key: impl FnOnce(&K) -> Ordering) -> Ordering {
        match self {
            Seek::Before(own) => key(own).then(Ordering::Less),
            Seek::After(own) => key(own).then(Ordering::Greater),
            Seek::Exactly(own, number) => key(own).then_with(|| number.cmp(&serial())),
        }
    }
}

/// An id with its weights.
#[derive(Clone, Copy)]
pub(super) struct Id<'a> {
    weights: Weights,
    text: &'a Text<'a>,
}

impl<'a> Id<'a> {
    pub(super) fn new(text: &'a Text<'a>) -> Self {
        Id { weights: Weights::of(text), text }
    }
}

impl Sorted {
    pub(super) fn new(node: Arc<StoredNode>) -> Self {
        Sorted { weights: node.weights, node }
    }
}

impl Comparable<Sorted> for Id<'_> {
    #[inline]
    fn compare(&self, entry: &Sorted) -> Ordering {
        let text = || cmp_weighted((self.weights, self.text), (entry.weights, &entry.node.id()));
        self.weights.cmp_alone(entry.weights).unwrap_or_else(text)
    }
}

impl Comparable<Sorted> for Seek<Id<'_>> {
    fn compare(&self, entry: &Sorted) -> Ordering {
        self.compare_to(|| entry.node.serial, |id| id.compare(entry))
    }
}

impl Ord for Sorted {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.weights.cmp_alone(other.weights).unwrap_or_else(|| {
            let (a, b) = (&self.node, &other.node);
            cmp_weighted((a.weights, &a.id()), (b.weights, &b.id())).then(a.serial.cmp(&b.serial))
        })
    }
}

impl Sibling {
    pub(super) fn new(node: Arc<StoredNode>) -> Self {
        Sibling { slot: node.slot, node }
    }
}

impl Comparable<Sibling> for Slot {
    #[inline]
    fn compare(&self, entry: &Sibling) -> Ordering {
        self.cmp(&entry.slot)
    }
}

impl Comparable<Sibling> for Seek<Slot> {
    #[inline]
    fn compare(&self, entry: &Sibling) -> Ordering {
        self.compare_to(|| entry.node.serial, |slot| slot.cmp(&entry.slot))
    }
}

impl Ord for Sibling {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.slot.cmp(&other.slot).then_with(|| self.node.serial.cmp(&other.node.serial))
    }
}

macro_rules! ordered {
    ($entry:ident: $($key:ty),*) => {
        impl PartialOrd for $entry {
            #[inline]
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl PartialEq for $entry {
            fn eq(&self, other: &Self) -> bool {
                self.cmp(other) == Ordering::Equal
            }
        }

        impl Eq for $entry {}

        $(impl Equivalent<$entry> for $key {
            fn equivalent(&self, entry: &$entry) -> bool {
                self.compare(entry) == Ordering::Equal
            }
        })*
    };
}

ordered!(Sorted: Id<'_>, Seek<Id<'_>>);
ordered!(Sibling: Slot, Seek<Slot>);

/// Folder, kind, base name and copy number, the texts as hashes: what is found in a slot may belong to other
/// texts of the same hash, and only the texts decide.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    parent: u64,
    /// The lowest bit is the kind.
    base: u64,
    /// Bits of a number that is not negative: they compare as the number does.
    number: u64,
}

impl Slot {
    pub(super) fn new(parent: Option<&Text<'_>>, kind: NodeKind, name: CopyName<'_>) -> Self {
        let base = hash(name.base) << 1 | u64::from(kind == NodeKind::Folder);
        Slot { parent: hash_parent(parent), base, number: name.number.to_bits() }
    }

    /// The first and the last slot of a folder.
    pub(super) fn of_folder(parent: &Text<'_>) -> (Slot, Slot) {
        let parent = hash_parent(Some(parent));
        (Slot { parent, base: 0, number: 0 }, Slot { parent, base: u64::MAX, number: u64::MAX })
    }
}

fn hash_parent(parent: Option<&Text<'_>>) -> u64 {
    parent.map_or(0, |parent| hash(parent.as_bytes()))
}

/// What is kept of a hash. Unit tests keep next to nothing, so that texts share slots all the time.
const HASH_MASK: u64 = if cfg!(test) { 7 } else { u64::MAX };

/// Spreads a text over 64 bits: words folded in by a long multiplication. The same on every machine.
fn hash(text: &[u8]) -> u64 {
    let (words, rest) = text.as_chunks::<8>();
    let mut last = [0; 8];
    for (place, byte) in last.iter_mut().zip(rest) {
        *place = *byte;
    }
    let hash = words.iter().fold(text.len() as u64 ^ 0x5851_F42D_4C95_7F2D, |hash, word| fold(hash, *word));
    fold(hash, last) & HASH_MASK
}

#[expect(clippy::cast_possible_truncation, reason = "the halves of the product are meant")]
fn fold(hash: u64, word: [u8; 8]) -> u64 {
    let product = u128::from(hash ^ u64::from_le_bytes(word)) * 0x9E37_79B9_7F4A_7C15;
    (product >> 64) as u64 ^ product as u64
}
