//! Out of a store.

use crate::model::progress::{Progress, Stop};
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

/// Visits the rows of a store: operations in the order of their insertion, then keyframes likewise, from one moment if
/// the store can be read that way. When it moves meanwhile, the visit goes on behind the last row visited: rows are only
/// ever added.
///
/// # Errors
/// `StoreError`, `Stop`, and what the visitor says, which ends the visit.
pub fn each_row<E: From<StoreError> + From<Stop>>(
    store: &dyn Store,
    selection: &Selection,
    keyframes: Keyframes,
    progress: &dyn Progress,
    visit: &mut dyn FnMut(Row<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut after = (Serial::START, Serial::START);
    let mut rows = 0_u64;
    // The visitor's error is not the store's, and is told whether the store moved or not.
    let mut failed: Option<E> = None;
    let mut hand = |row: Row<'_>| -> Flow {
        /// Rows between two looks at the clock.
        const STRIDE: u64 = 128;
        rows += 1;
        let checked = if rows.is_multiple_of(STRIDE) { progress.check().map_err(E::from) } else { Ok(()) };
        match checked.and_then(|()| visit(row)) {
            Ok(()) => Flow::Continue(()),
            Err(error) => {
                failed = Some(error);
                Flow::Break(())
            }
        }
    };
    let mut ended = false;
    progress.check()?;
    let read = answer(store, |read: &dyn Read| -> Result<(), StoreError> {
        if ended {
            return Ok(());
        }
        read.inserted_operations(selection, after.0, &mut |row| {
            after.0 = row.serial;
            let flow = hand(Row::Operation(row));
            ended = flow.is_break();
            flow
        })?;
        if ended || keyframes == Keyframes::Leave {
            return Ok(());
        }
        read.inserted_keyframes(selection, after.1, &mut |row| {
            after.1 = row.serial;
            let flow = hand(Row::Keyframe(row));
            ended = flow.is_break();
            flow
        })
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
