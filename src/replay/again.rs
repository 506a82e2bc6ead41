//! Rows that the protocol asks for again.

use std::ops::ControlFlow;

use super::{ReplayError, Sources};
use crate::model::ids::{NextIndex, OpIndex, Span, StreamKey};
use crate::model::operation::{Action, OperationRow};
use crate::reducer::protocol::{Actions, ProtocolError};
use crate::store::{Order, StoreError};

/// Reads rows of the stream again, for the protocol.
pub(super) struct Again<'a> {
    pub(super) sources: &'a Sources<'a>,
    pub(super) stream: &'a StreamKey,
}

impl Actions for Again<'_> {
    fn check(&mut self) -> Result<(), ProtocolError> {
        Ok(self.sources.progress.check()?)
    }

    fn again(
        &mut self,
        rows: &[OpIndex],
        each: &mut dyn FnMut(&Action<'_>) -> Result<(), ProtocolError>,
    ) -> Result<(), ProtocolError> {
        let (Some(&first), Some(&last)) = (rows.first(), rows.last()) else { return Ok(()) };
        let failed = |index, error: ReplayError| ProtocolError::Again { index, source: Box::new(error) };
        let mut wanted = rows.iter().copied().peekable();
        let mut result = Ok(());
        let span = Span { from: NextIndex::new(first.get()), through: Some(last) };
        let mut take =
            |row: &OperationRow<'_>| {
                if wanted.next_if_eq(&row.index).is_none() {
                    return Ok(());
                }
                self.sources.progress.check()?;
                let action = Action::parse(row.action);
                each(&action.map_err(|error| {
                    failed(row.index, StoreError::corrupt_action(self.stream, row.index, error).into())
                })?)
            };
        let visited = self.sources.read.operations(self.stream, span, Order::Forward, &mut |row| {
            result = take(row);
            if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        visited.map_err(|error| failed(first, error.into()))?;
        result?;
        match wanted.next() {
            None => Ok(()),
            Some(index) => Err(ProtocolError::Again { index, source: "the operation is gone".into() }),
        }
    }
}
