//! Out of a store.

use crate::model::progress::{Progress, Stop};
use crate::store::handed::{self, Handed};
use crate::store::{Flow, InsertedKeyframe, InsertedOperation, Read, Selection, Serial, Store, StoreError, answer};

use super::import::Keyframes;
use super::{encode_keyframe, encode_operation};

/// How many rows an export has handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Operations.
    pub operations: u64,
    /// Keyframes.
    pub keyframes: u64,
}

/// A row of a store.
#[derive(Clone, Copy, Debug)]
pub enum Row<'a> {
    /// An operation.
    Operation(&'a InsertedOperation<'a>),
    /// A keyframe.
    Keyframe(&'a InsertedKeyframe<'a>),
}

/// Hands out the rows of a store as lines without line breaks: operations in the order of their insertion, then
/// keyframes likewise. Holds one line at a time.
///
/// # Errors
/// `StoreError` (`Corrupt` for an action that is not UTF-8), `Stop`, and what `write` says.
pub fn export<E: From<StoreError> + From<Stop>>(
    store: &dyn Store,
    selection: &Selection,
    keyframes: Keyframes,
    progress: &dyn Progress,
    write: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<Exported, E> {
    let mut exported = Exported::default();
    let mut line = Vec::new();
    each_row(store, selection, keyframes, progress, &mut |row| {
        /// A buffer that a long line has made larger than this is given back.
        const KEPT_BYTES: usize = 1 << 20;
        line.clear();
        line.shrink_to(KEPT_BYTES);
        match row {
            Row::Operation(row) => {
                encode_operation(row, &mut line).map_err(|error| not_text(row, error))?;
                exported.operations += 1;
            }
            Row::Keyframe(row) => {
                encode_keyframe(row, &mut line);
                exported.keyframes += 1;
            }
        }
        progress.advance(1);
        write(&line)
    })?;
    Ok(exported)
}

/// Visits the rows of a store as of one moment: operations in the order of their insertion, then keyframes likewise. When
/// the store turns out to have moved, the rows are read again, behind a lock where there are locks, and the visit goes
/// on behind those that were visited.
///
/// # Errors
/// `StoreError` (`Moved` if rows were visited that are not in the store after all), `Stop`, and what the visitor says,
/// which ends the visit.
pub fn each_row<E: From<StoreError> + From<Stop>>(
    store: &dyn Store,
    selection: &Selection,
    keyframes: Keyframes,
    progress: &dyn Progress,
    visit: &mut dyn FnMut(Row<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut handed = Handed::default();
    let mut rows = 0_u64;
    // The visitor's error is not the store's, and is told whether the store moved or not.
    let mut failed: Option<E> = None;
    let mut hand = |known: handed::Row, row: Row<'_>| -> Flow {
        /// Rows between two looks at the clock.
        const STRIDE: u64 = 128;
        rows += 1;
        let checked = if rows.is_multiple_of(STRIDE) { progress.check().map_err(E::from) } else { Ok(()) };
        let visited = checked.and_then(|()| if known == handed::Row::New { visit(row) } else { Ok(()) });
        match visited {
            Ok(()) if known != handed::Row::Different => Flow::Continue(()),
            Ok(()) => Flow::Break(()),
            Err(error) => {
                failed = Some(error);
                Flow::Break(())
            }
        }
    };
    progress.check()?;
    let mut ended = false;
    let read = answer(store, |read: &dyn Read| -> Result<(), StoreError> {
        let moved = || StoreError::Moved { location: store.location().to_owned() };
        if ended {
            return Err(moved());
        }
        let mut reading = handed.read();
        let mut stopped = false;
        read.inserted_operations(selection, Serial::START, &mut |row| {
            let flow = hand(reading.inserted_operation(row), Row::Operation(row));
            stopped = flow.is_break();
            flow
        })?;
        if !stopped && keyframes == Keyframes::Take {
            read.inserted_keyframes(selection, Serial::START, &mut |row| {
                let flow = hand(reading.inserted_keyframe(row), Row::Keyframe(row));
                stopped = flow.is_break();
                flow
            })?;
        }
        if stopped {
            // Either the visitor has failed, or other rows have gone out.
            ended = true;
            return Err(moved());
        }
        reading.finish(store.location())
    });
    match failed {
        Some(error) => Err(error),
        None => Ok(read?),
    }
}

/// The error for an operation whose action is not UTF-8.
pub(super) fn not_text(row: &InsertedOperation<'_>, error: std::str::Utf8Error) -> StoreError {
    let stream = row.stream;
    StoreError::Corrupt {
        table: "Operation",
        key: format!(
            "document {}, scope {}, branch {}, index {}",
            stream.document, stream.scope, stream.branch, row.row.index
        ),
        column: "action",
        reason: format!("invalid UTF-8 at byte {}", error.valid_up_to()),
    }
}
