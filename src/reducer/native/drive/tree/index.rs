//! The keys of the indices. They compare by numbers where they can: following a pointer to a text costs more.

use std::borrow::Borrow;

use super::node::StoredNode;
use crate::model::json::Text;
use crate::reducer::native::collation::SortKey;
use crate::reducer::native::drive::names::CopyName;
use crate::reducer::native::drive::rules::NodeKind;

/// Where a node is in the sorted list: by id, then serial number.
///
/// Borrows as its id's key, so that a search by id alone finds *a* node whose id compares as equal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    id: SortKey<'static>,
    serial: u64,
}

impl Place {
    pub(super) fn of(node: &StoredNode) -> Self {
        Place { id: SortKey::new(node.id.clone()), serial: node.serial }
    }

    /// The first place for ids that compare as equal to `id`.
    pub(super) fn first(id: &Text<'_>) -> Self {
        Place { id: SortKey::new(id.to_owned_text()), serial: 0 }
    }
}

impl<'a> Borrow<SortKey<'a>> for Place {
    fn borrow(&self) -> &SortKey<'a> {
        &self.id
    }
}

/// Where a node is among its siblings: by its slot, then serial number.
///
/// Borrows as its slot, so that a search by slot alone finds *a* node in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SiblingKey {
    slot: Slot,
    serial: u64,
}

impl SiblingKey {
    pub(super) fn of(node: &StoredNode) -> Self {
        let slot = Slot::new(node.parent.as_ref(), node.kind, CopyName::read(node.name.as_bytes()));
        SiblingKey { slot, serial: node.serial }
    }

    /// The first key in `slot`.
    pub(super) fn first(slot: Slot) -> Self {
        SiblingKey { slot, serial: 0 }
    }

    /// The last key in `slot`.
    pub(super) fn last(slot: Slot) -> Self {
        SiblingKey { slot, serial: u64::MAX }
    }
}

impl Borrow<Slot> for SiblingKey {
    fn borrow(&self) -> &Slot {
        &self.slot
    }
}

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
const HASH_MASK: u64 = if cfg!(test) { 1 } else { u64::MAX };

/// Spreads a text over 64 bits: words folded in by a long multiplication. The same on every machine.
fn hash(text: &[u8]) -> u64 {
    const FACTOR: u128 = 0x9E37_79B9_7F4A_7C15;
    let hash = text.chunks(8).fold(text.len() as u64 ^ 0x5851_F42D_4C95_7F2D, |hash, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        let product = u128::from(hash ^ u64::from_le_bytes(word)) * FACTOR;
        (product >> 64) as u64 ^ product as u64
    });
    hash & HASH_MASK
}
