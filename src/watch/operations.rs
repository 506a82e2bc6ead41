//! How far the log has been told.

use crate::cache::rules::Change;
use crate::model::ids::{OpIndex, OperationId, Scope, StreamKey};
use crate::model::operation::Action;
use crate::store::{Flow, InsertedOperation, Read, Selection, Serial, StoreError};

use super::event::SeenOperation;

/// How far the log has been told, and what stood there.
#[derive(Clone, Debug)]
pub(super) struct Operations {
    after: Serial,
    /// The operation at `after`; `None` if no row had that number.
    last: Option<Identity>,
}

/// What tells an operation from any other that may get its number.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    stream: StreamKey,
    index: OpIndex,
    id: OperationId,
}

/// What a look at the log has found.
pub(super) struct Added {
    /// Operations, in the order of insertion.
    pub(super) rows: Vec<SeenOperation>,
    /// Whether there are more.
    pub(super) more: bool,
    /// How far the log has been told once these are.
    pub(super) next: Operations,
}

impl Operations {
    /// Nothing has been told.
    pub(super) const START: Operations = Operations { after: Serial::START, last: None };

    /// Everything up to `after` has been told.
    pub(super) fn up_to(read: &dyn Read, after: Serial) -> Result<Self, StoreError> {
        Ok(Operations { after, last: identity_at(read, after)? })
    }

    /// How far that is.
    pub(super) fn after(&self) -> Serial {
        self.after
    }

    /// Whether the log is still the one that was told: operations are never taken away, nor changed.
    pub(super) fn holds(&self, read: &dyn Read) -> Result<bool, StoreError> {
        if self.after == Serial::START {
            return Ok(true);
        }
        Ok(self.after <= read.last_inserted()? && identity_at(read, self.after)? == self.last)
    }

    /// The next operations of `selection`, at most so many.
    pub(super) fn added(&self, read: &dyn Read, selection: &Selection, most: usize) -> Result<Added, StoreError> {
        let (mut rows, mut more, mut failed) = (Vec::new(), false, None);
        let visited = read.inserted_operations(selection, self.after, &mut |row| {
            more = rows.len() == most;
            if more {
                return Flow::Break(());
            }
            match seen(row) {
                Ok(operation) => rows.push(operation),
                Err(error) => failed = Some(error),
            }
            if failed.is_some() { Flow::Break(()) } else { Flow::Continue(()) }
        });
        match (visited, failed) {
            (Ok(()), None) => {}
            // What comes before a row that does not decode is told first.
            (Err(StoreError::Corrupt { .. }), _) | (Ok(()), Some(_)) if !rows.is_empty() => more = true,
            (Err(error), _) | (Ok(()), Some(error)) => return Err(error),
        }
        // Where all was seen, the rows that are not selected are passed over next time.
        let last = rows.last().filter(|_| more).map(|row| row.serial);
        let after = last.map_or_else(|| read.last_inserted(), Ok)?;
        let next = if after == self.after { self.clone() } else { Operations::up_to(read, after)? };
        Ok(Added { rows, more, next })
    }
}

/// Who has a number, if anybody. Of a row that does not decode that cannot be said: if it is of those that are followed, it
/// is met by whoever tells it.
fn identity_at(read: &dyn Read, serial: Serial) -> Result<Option<Identity>, StoreError> {
    let Some(before) = serial.number().checked_sub(1) else { return Ok(None) };
    let mut found = None;
    let visited = read.inserted_operations(&Selection::default(), Serial::of(before), &mut |row| {
        if row.serial == serial {
            found = Some(Identity { stream: row.stream.clone(), index: row.row.index, id: row.row.id.into() });
        }
        Flow::Break(())
    });
    match visited {
        Ok(()) | Err(StoreError::Corrupt { .. }) => Ok(found),
        Err(error) => Err(error),
    }
}

fn seen(inserted: &InsertedOperation<'_>) -> Result<SeenOperation, StoreError> {
    let InsertedOperation { serial, stream, row, .. } = inserted;
    // What an operation of the document scope is depends on its input; the others may have large ones.
    let action = if stream.scope == Scope::document() { Action::parse } else { Action::parse_head };
    let action = action(row.action).map_err(|error| StoreError::corrupt_action(stream, row.index, error))?;
    let stored = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    Ok(SeenOperation {
        serial: *serial,
        stream: (*stream).clone(),
        index: row.index,
        skip: row.skip,
        id: row.id.into(),
        document_type: row.document_type.into(),
        kind: action.kind.to_string_lossy().into_owned(),
        timestamp: row.timestamp,
        error: stored(row.error),
        denied: stored(row.denied),
        change: Change::of(stream, row, &action),
    })
}
