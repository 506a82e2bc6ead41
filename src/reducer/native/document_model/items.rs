//! Lists of JSON values with ids.

use std::collections::{HashMap, HashSet};

use crate::model::json::{Json, Text};
use crate::reducer::coerce::{Checked, equals_text, read};
use crate::reducer::native::engine::{Failure, failure};

/// `item.id === id`
///
/// # Errors
/// The `TypeError` for an item that is `null`.
pub(super) fn has_id(item: &Json<'static>, id: &Text<'_>) -> Checked<bool> {
    Ok(read(Some(item), "id")?.and_then(Json::as_text) == Some(id))
}

/// `item.id == id`, which the reference writes here and there: the id may be of another type.
///
/// # Errors
/// The `TypeError` for an item that is `null`, or for an id that does not become a text.
pub(super) fn has_like_id(item: &Json<'static>, id: &Text<'_>) -> Checked<bool> {
    equals_text(read(Some(item), "id")?, id)
}

/// `items.some(item => item.id === id)`
///
/// # Errors
/// The `TypeError` for an item before that one that is `null`.
pub(super) fn some(items: &[Json<'static>], id: &Text<'_>) -> Checked<bool> {
    Ok(position(items, id, has_id)?.is_some())
}

/// Where the first item is that `has` the id.
///
/// # Errors
/// What `has` fails with.
pub(super) fn position(
    items: &[Json<'static>],
    id: &Text<'_>,
    has: impl Fn(&Json<'static>, &Text<'_>) -> Checked<bool>,
) -> Checked<Option<usize>> {
    for (at, item) in items.iter().enumerate() {
        if has(item, id)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// `items.filter(item => item.id != id)`
///
/// # Errors
/// As for [`has_like_id`]; nothing was removed then.
pub(super) fn remove(items: &mut Vec<Json<'static>>, id: &Text<'_>) -> Checked<()> {
    let removed: Vec<bool> = items.iter().map(|item| has_like_id(item, id)).collect::<Checked<_>>()?;
    let mut removed = removed.into_iter();
    items.retain(|_| !removed.next().unwrap_or(false));
    Ok(())
}

/// Sorts items by the place of their ids in `order`, stably; those that it does not name come last. An id that it names
/// twice has its last place.
///
/// # Errors
/// An item that is `null`, or an id in `order` that no item has.
pub(super) fn reorder(items: &mut [Json<'static>], order: &[Json<'_>]) -> Checked<()> {
    let mut known = HashSet::with_capacity(items.len());
    for item in &*items {
        known.extend(read(Some(item), "id")?.and_then(Json::as_text));
    }
    let ids = || order.iter().filter_map(Json::as_text);
    if let Some(id) = ids().find(|id| !known.contains(id)) {
        return Err(unknown(id));
    }
    let places: HashMap<&Text<'_>, usize> = ids().enumerate().map(|(place, id)| (id, place)).collect();
    let place = |item: &Json<'static>| item.get("id").and_then(Json::as_text).and_then(|id| places.get(id));
    items.sort_by_key(|item| place(item).copied().unwrap_or(usize::MAX));
    Ok(())
}

/// An order names an id that is not there.
pub(super) fn unknown(id: &Text<'_>) -> Failure {
    failure(&[b"Cannot reorder: unknown id \"", id.as_bytes(), b"\""])
}
