//! Collection of retracted operations, on positions alone (reactor format §4.3).

use std::fmt;

/// What collection looks at in an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Position in the stream.
    pub index: u64,
    /// How many positions directly before it are retracted.
    pub skip: u32,
    /// Whether the action is a NOOP.
    pub noop: bool,
}

/// Anything that has a [`Slot`].
pub trait Slotted {
    /// Its slot.
    fn slot(&self) -> Slot;
}

impl Slotted for Slot {
    fn slot(&self) -> Slot {
        *self
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}{}", self.index, self.skip, if self.noop { "n" } else { "" })
    }
}

/// Sorts by index, then skip; stable.
pub fn sort<T: Slotted>(operations: &mut [T]) {
    operations.sort_by_key(|operation| (operation.slot().index, operation.slot().skip));
}

/// The first rule (`garbageCollect`): from the end, every survivor retracts the earlier operations whose index
/// is greater than `index − skip − 1`. Keeps the order.
pub fn collect<T: Slotted>(operations: &mut Vec<T>) {
    let mut bound = Bound::NONE;
    let mut keep: Vec<bool> = operations.iter().rev().map(|operation| bound.survives(operation.slot())).collect();
    operations.retain(|_| keep.pop().unwrap_or(false));
}

/// What the first rule demands of the operations before those it has seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound(i128);

impl Bound {
    /// What it demands of the last operation.
    pub(super) const NONE: Self = Bound(i128::MAX);

    /// What it demands of the operations before one that survives.
    pub(super) fn of(slot: Slot) -> Self {
        Bound(i128::from(slot.index) - i128::from(slot.skip))
    }

    /// Whether an operation survives, if it is the next one to be seen.
    pub(super) fn admits(self, slot: Slot) -> bool {
        i128::from(slot.index) < self.0
    }

    /// The same, and sees it.
    pub(super) fn survives(&mut self, slot: Slot) -> bool {
        let survives = self.admits(slot);
        if survives {
            *self = Bound::of(slot);
        }
        survives
    }
}

/// The second rule (`garbageCollectV2`): every NOOP with a skip cancels the nearest operation before it that
/// still stands, whatever the size of the skip. Keeps the order, and the NOOPs.
pub fn collect_v2<T: Slotted>(operations: &mut Vec<T>) {
    let mut standing: Vec<usize> = Vec::new();
    let mut cancelled = vec![false; operations.len()];
    for (at, operation) in operations.iter().enumerate() {
        let Slot { skip, noop, .. } = operation.slot();
        if !(noop && skip > 0) {
            standing.push(at);
        } else if let Some(last) = standing.pop() {
            cancelled[last] = true;
        }
    }
    let mut cancelled = cancelled.into_iter();
    operations.retain(|_| !cancelled.next().unwrap_or(false));
}

/// Checks that the operations that were collected follow each other, as the reference does before it loads them from a file
/// (reactor format §9).
///
/// # Errors
/// With the reference's text, a line for each operation that does not.
pub fn check_collected<T: Slotted>(operations: &[T]) -> Result<(), String> {
    let mut wrong = Vec::new();
    let mut expected: i128 = -1;
    for (at, operation) in operations.iter().enumerate() {
        let Slot { index, skip, .. } = operation.slot();
        expected += 1 + i128::from(skip);
        if expected != i128::from(index) {
            wrong.push(format!("Invalid operation index {index} at position {at}"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// What an operation at `index` with `skip` leaves of a history: everything it does not retract.
///
/// # Errors
/// With the reference's text if `index` lies before the end of the history.
pub fn skip_header_operations<T: Slotted + From<Slot>>(
    mut operations: Vec<T>,
    index: Option<u64>,
    skip: u32,
) -> Result<Vec<T>, String> {
    let last = operations.iter().map(|operation| operation.slot().index).next_back();
    let index = index.unwrap_or_else(|| last.map_or(0, |last| last + 1));
    if let Some(last) = last.filter(|&last| index < last) {
        return Err(format!("The skip header operation index must be greater than or equal to {last}"));
    }
    operations.push(Slot { index, skip, noop: false }.into());
    sort(&mut operations);
    collect(&mut operations);
    operations.pop();
    Ok(operations)
}

/// The skip that the next undo of a history takes under the first protocol version; `None` if nothing is left
/// to undo.
#[must_use]
pub fn next_skip_number<T: Slotted + Clone>(operations: &[T]) -> Option<u32> {
    let mut left = operations.to_vec();
    collect(&mut left);
    let last = left.last()?.slot();
    let before = left.len().checked_sub(2).map_or(0, |at| left[at].slot().skip);
    let next = i128::from(last.skip) + 1 + i128::from(before);
    // Index 0 counts as "none", as it does in the reference.
    let limit = if last.index == 0 { -1 } else { i128::from(last.index) };
    if limit < next { None } else { u32::try_from(next).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::json::{Json, parse};

    fn slots(text: &str) -> Vec<Slot> {
        let slot = |word: &str| {
            let (index, skip) = word.split_once(':').unwrap();
            let noop = skip.ends_with('n');
            Slot { index: index.parse().unwrap(), skip: skip.trim_end_matches('n').parse().unwrap(), noop }
        };
        text.split_whitespace().map(slot).collect()
    }

    fn text(slots: &[Slot]) -> String {
        slots.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    /// Runs `check` on every case of a list of `gc.json`, and returns how many there were.
    fn cases(name: &str, check: impl Fn(&Json<'_>, Vec<Slot>)) -> usize {
        let file = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vectors/gc.json")).unwrap();
        let file = parse(&file).unwrap();
        let list = file.get(name).and_then(Json::as_array).unwrap();
        for case in list {
            check(case, slots(string(case, "in")));
        }
        list.len()
    }

    fn string<'a>(case: &'a Json<'_>, member: &str) -> &'a str {
        case.get(member).and_then(Json::as_text).and_then(|text| text.as_str()).unwrap()
    }

    #[expect(clippy::cast_possible_truncation, reason = "the vectors hold small whole numbers")]
    fn whole(number: f64) -> i64 {
        number as i64
    }

    #[test]
    fn first_rule() {
        let plain = cases("garbage_collect_v1", |case, mut list| {
            collect(&mut list);
            assert_eq!(text(&list), string(case, "out"), "{case:?}");
        });
        let sorted = cases("sort_then_garbage_collect_v1", |case, mut list| {
            sort(&mut list);
            assert_eq!(text(&list), string(case, "sorted"));
            collect(&mut list);
            assert_eq!(text(&list), string(case, "out"), "{case:?}");
        });
        assert!(plain >= 18 && sorted >= 18);
    }

    #[test]
    fn second_rule() {
        let n = cases("garbage_collect_v2", |case, mut list| {
            collect_v2(&mut list);
            assert_eq!(text(&list), string(case, "out"), "{case:?}");
            list.retain(|slot| !slot.noop);
            assert_eq!(text(&list), string(case, "applied"), "{case:?}");
        });
        assert!(n >= 12);
    }

    #[test]
    fn sorting_is_by_index_then_skip_and_stable() {
        let n = cases("sort", |case, mut list| {
            sort(&mut list);
            assert_eq!(text(&list), string(case, "out"), "{case:?}");
        });
        assert!(n >= 3);
    }

    #[test]
    fn next_skip() {
        let n = cases("next_skip_number", |case, list| {
            let expected = case.get("out").and_then(Json::as_number).unwrap();
            assert_eq!(next_skip_number(&list).map_or(-1, i64::from), whole(expected), "{case:?}");
        });
        assert!(n >= 14);
    }

    #[test]
    fn what_was_collected_follows_each_other() {
        let n = cases("validate_operations_after_gc", |case, list| {
            let errors = case.get("errors").and_then(Json::as_array).unwrap();
            let errors: Vec<&str> = errors.iter().map(|text| text.as_text().unwrap().as_str().unwrap()).collect();
            let expected = if errors.is_empty() { Ok(()) } else { Err(errors.join("\n")) };
            assert_eq!(check_collected(&list), expected, "{case:?}");
        });
        assert!(n >= 7);
    }

    #[test]
    fn skip_header() {
        let n = cases("skip_header_operations", |case, list| {
            let number = |name: &str| case.pointer(name).and_then(Json::as_number);
            let (index, skip) = (number("/header/index"), number("/header/skip").unwrap());
            let left = skip_header_operations(
                list,
                index.map(|index| whole(index).unsigned_abs()),
                u32::try_from(whole(skip)).unwrap(),
            );
            match left {
                Ok(left) => assert_eq!(text(&left), string(case, "out"), "{case:?}"),
                Err(error) => assert_eq!(error, string(case, "error"), "{case:?}"),
            }
        });
        assert!(n >= 6);
    }
}
