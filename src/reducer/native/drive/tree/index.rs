//! The numbers that the indices are ordered by. Different texts may have the same number, so only texts decide
//! what is equal.

use std::cmp::Ordering;

use super::node::StoredNode;
use crate::model::json::Text;
use crate::reducer::native::collation::locale_compare;
use crate::reducer::native::drive::names::CopyName;
use crate::reducer::native::drive::nodes::NodeKind;

/// Compares ids as the sort does.
#[inline]
pub(super) fn cmp_ids(a: &Text<'_>, b: &Text<'_>) -> Ordering {
    if a == b { Ordering::Equal } else { locale_compare(a, b) }
}

/// Compares two nodes as the sort does.
pub(super) fn cmp_nodes(a: &StoredNode, b: &StoredNode) -> Ordering {
    cmp_ids(&a.id(), &b.id()).then(a.serial.cmp(&b.serial))
}

/// How many bits of a slot each part takes. Unit tests keep next to nothing, so that texts share slots all the time.
const PARENT_BITS: u32 = if cfg!(test) { 2 } else { 22 };
const BASE_BITS: u32 = if cfg!(test) { 1 } else { 21 };
const NUMBER_BITS: u32 = if cfg!(test) { 2 } else { 20 };

/// The greatest copy number that has a slot of its own; all greater ones share one with it.
const LAST_NUMBER: u64 = (1 << NUMBER_BITS) - 1;

/// Folder, base name, kind and copy number in one number, from the most significant bit on: the texts as hashes,
/// the greatest number first.
pub(super) fn slot(parent: Option<&Text<'_>>, kind: NodeKind, name: CopyName<'_>) -> u64 {
    let base = hash(name.base) >> (u64::BITS - BASE_BITS);
    let kind = u64::from(kind == NodeKind::Folder);
    (hash_parent(parent) << BASE_BITS | base) << (NUMBER_BITS + 1) | kind << NUMBER_BITS | inverted(name.number)
}

/// The first and the last slot of a folder.
pub(super) fn slots_of_folder(parent: &Text<'_>) -> (u64, u64) {
    const SHIFT: u32 = BASE_BITS + NUMBER_BITS + 1;
    let first = hash_parent(Some(parent)) << SHIFT;
    (first, first | ((1 << SHIFT) - 1))
}

/// Whether the slot of this copy number has no other.
#[expect(clippy::cast_precision_loss, reason = "exact: few bits")]
pub(super) fn has_own_slot(number: f64) -> bool {
    number < LAST_NUMBER as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "never negative; saturates")]
fn inverted(number: f64) -> u64 {
    LAST_NUMBER - (number as u64).min(LAST_NUMBER)
}

fn hash_parent(parent: Option<&Text<'_>>) -> u64 {
    parent.map_or(0, |parent| hash(parent.as_bytes()) >> (u64::BITS - PARENT_BITS))
}

/// Spreads a text over 64 bits: words folded in by a long multiplication. The same on every machine.
fn hash(text: &[u8]) -> u64 {
    let (words, rest) = text.as_chunks::<8>();
    let mut last = [0; 8];
    for (place, byte) in last.iter_mut().zip(rest) {
        *place = *byte;
    }
    let hash = words.iter().fold(text.len() as u64 ^ 0x5851_F42D_4C95_7F2D, |hash, word| fold(hash, *word));
    fold(hash, last)
}

#[expect(clippy::cast_possible_truncation, reason = "the halves of the product are meant")]
fn fold(hash: u64, word: [u8; 8]) -> u64 {
    let product = u128::from(hash ^ u64::from_le_bytes(word)) * 0x9E37_79B9_7F4A_7C15;
    (product >> 64) as u64 ^ product as u64
}
