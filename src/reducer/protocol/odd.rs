//! Stored rows of the types UNDO, REDO and PRUNE, which no reactor stores (reactor format §6.8): all of them end a
//! rebuild. This is with which text.

use super::document::Document;
use super::gc::{self, Slot, Slotted};
use super::history::History;
use super::level::{is_valid, redo_count};
use super::step::Step;
use super::{ProtocolError, Version};
use crate::model::ids::Scope;
use crate::model::json::Json;
use crate::model::operation::Action;

/// The reference replays what an UNDO leaves, and that has the UNDO in it.
pub(super) const ENDLESS: &str = "Maximum call stack size exceeded";
pub(super) const NOTHING_TO_REDO: &str = "Cannot redo: no operations in the clipboard";
pub(super) const PRUNED: &str = "Cannot read properties of undefined (reading 'auth')";
/// The first version sorts the history of the scope, which there has to be.
pub(super) const NO_HISTORY: &str = "document.operations[scope] is not iterable";
const NOTHING_TO_PRUNE: &str = "No global operations found";

/// Why nothing is left to undo.
pub(super) fn nothing_to_undo(version: Version) -> &'static str {
    match version {
        Version::V1 => "Cannot undo: you can't undo more operations than the ones in the scope history",
        Version::V2 => "Cannot undo: no more operations to undo in scope history",
    }
}

/// Whether an action is of a type that no reactor stores: UNDO, REDO or PRUNE.
#[must_use]
pub fn is_history_action(action: &Action<'_>) -> bool {
    matches!(action.kind.as_bytes(), b"UNDO" | b"REDO" | b"PRUNE")
}

impl Document {
    /// Refuses a row of an odd type.
    ///
    /// # Errors
    /// `LooksBack` if the history was not kept that the text depends on, else `Thrown`.
    pub(super) fn refuse_odd(&self, step: &Step<'_>, action: &Action<'_>) -> Result<(), ProtocolError> {
        if !is_history_action(action) {
            return Ok(());
        }
        if action.kind == *"REDO" {
            redo_count(step.skip, action)?;
            return Err(ProtocolError::Thrown(NOTHING_TO_REDO.to_owned()));
        }
        if !is_valid(action) {
            return Ok(());
        }
        if !self.schedule.looks_back_from(step.row) {
            return Err(ProtocolError::LooksBack(step.row));
        }
        let text = match (action.kind.as_bytes(), self.version()?) {
            (b"UNDO", Version::V1) => self.undone_v1(step),
            (b"UNDO", Version::V2) => self.undone_v2(step),
            _ => self.pruned(action),
        };
        Err(ProtocolError::Thrown(text))
    }

    fn slots_of(&self, scope: &Scope) -> Option<Vec<Slot>> {
        let history = self.histories.iter().find(|history| history.scope == *scope)?;
        Some(history.entries.iter().map(Slotted::slot).collect())
    }

    fn undone_v2(&self, step: &Step<'_>) -> String {
        let mut slots = self.slots_of(step.scope).unwrap_or_default();
        gc::sort(&mut slots);
        let undone = slots.iter().rev().take_while(|slot| slot.noop).count();
        let substantial = slots.iter().filter(|slot| !slot.noop).count();
        slots.push(Slot { index: step.index, skip: 1, noop: false });
        gc::sort(&mut slots);
        gc::collect_v2(&mut slots);
        let standing = slots.iter().filter(|slot| !slot.noop).count();
        // The UNDO itself is among what stands.
        let nothing = substantial <= undone || standing <= 1;
        if nothing { nothing_to_undo(Version::V2).to_owned() } else { ENDLESS.to_owned() }
    }

    /// Every turn replays what the UNDO of the turn before has left.
    fn undone_v1(&self, step: &Step<'_>) -> String {
        let Some(mut slots) = self.slots_of(step.scope) else {
            return NO_HISTORY.to_owned();
        };
        let mut replaying = false;
        loop {
            let mut sorted = slots.clone();
            gc::sort(&mut sorted);
            let last = sorted.last().copied();
            let next = last.map_or(0, |last| last.index + 1);
            let again = last.filter(|last| last.noop);
            if again.is_none() {
                sorted.push(Slot { index: next, skip: 0, noop: false });
            }
            let Some(skip) = gc::next_skip_number(&sorted) else { return nothing_to_undo(Version::V1).to_owned() };
            let skip = skip + u32::from(last.is_some_and(|last| skip > last.skip + 1));
            let undo = Slot { index: step.index, skip, noop: false };
            if let Some(text) = missing(undo, again.map_or(next, |last| last.index)).filter(|_| replaying) {
                return text;
            }
            let mut left = slots.clone();
            left.push(undo);
            gc::sort(&mut left);
            gc::collect(&mut left);
            left.pop();
            let mut earlier = self.histories.iter().take_while(|history| history.scope != *step.scope);
            let others = earlier.find_map(|history| missing_when_collected(marked(history)));
            if let Some(text) = others.or_else(|| first_missing(left.iter().map(|&slot| (slot, false)))) {
                return text;
            }
            if left == slots {
                return ENDLESS.to_owned();
            }
            (slots, replaying) = (left, true);
        }
    }

    /// Why an undo under the first version, which replays everything with a look at the indices, cannot be done.
    pub(super) fn missing_for_undo(&self, scope: &Scope, undo: Slot) -> Option<String> {
        let new = self.histories.iter().all(|history| history.scope != *scope);
        let with_undo = |history: &History| {
            let undo = (history.scope == *scope).then_some((undo, false));
            missing_when_collected(marked(history).into_iter().chain(undo).collect())
        };
        let missing = self.histories.iter().find_map(with_undo);
        missing.or_else(|| missing_when_collected(vec![(undo, false)]).filter(|_| new))
    }

    /// The operations that are to be pruned are replayed, and what they give is loaded from a place where it is not.
    pub(super) fn pruned(&self, prune: &Action<'_>) -> String {
        let number = |name| prune.input.get(name).and_then(Json::as_number).filter(|number| *number != 0.0);
        if !self.histories.iter().any(|history| history.scope == Scope::global()) {
            return NOTHING_TO_PRUNE.to_owned();
        }
        let replayed = self.histories.iter().find_map(|history| {
            let slots = marked(history);
            if history.scope != Scope::global() {
                return first_missing(slots.into_iter());
            }
            let len = slots.len();
            #[expect(clippy::cast_precision_loss, reason = "lists are shorter than 2^53")]
            let whole = len as f64;
            let start = place(number("start").unwrap_or(0.0), len);
            let end = place(number("end").unwrap_or(whole), len);
            let pruned = slots.get(start..end).unwrap_or_default();
            first_missing(slots[..start].iter().chain(pruned).copied())
        });
        replayed.unwrap_or_else(|| PRUNED.to_owned())
    }
}

/// The operations of a history, and whether each was denied.
fn marked(history: &History) -> Vec<(Slot, bool)> {
    history.entries.iter().map(|entry| (entry.slot, entry.denied)).collect()
}

impl Slotted for (Slot, bool) {
    fn slot(&self) -> Slot {
        self.0
    }
}

/// The same text for what the first collection rule leaves of them.
fn missing_when_collected(mut slots: Vec<(Slot, bool)>) -> Option<String> {
    gc::sort(&mut slots);
    gc::collect(&mut slots);
    first_missing(slots.into_iter())
}

/// The first text with which a replay of operations that checks their indices fails. Denied ones are not checked.
fn first_missing(slots: impl Iterator<Item = (Slot, bool)>) -> Option<String> {
    let mut next = 0;
    slots
        .into_iter()
        .find_map(|(slot, denied)| missing(slot, std::mem::replace(&mut next, slot.index + 1)).filter(|_| !denied))
}

/// Why an operation cannot be appended where `next` is due (reactor format §4.2).
fn missing(Slot { index, skip, .. }: Slot, next: u64) -> Option<String> {
    (index > next.saturating_add(u64::from(skip))).then(|| {
        format!("Missing operations: expected {next} with skip 0 or equivalent, got index {index} with skip {skip}")
    })
}

/// A place in a list of `len` items as JavaScript's `slice` takes it: fractions are cut, negative ones count from the end.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast saturates, and lists are shorter than 2^53"
)]
fn place(number: f64, len: usize) -> usize {
    if number < 0.0 { len.saturating_sub(-number.trunc() as usize) } else { (number as usize).min(len) }
}
