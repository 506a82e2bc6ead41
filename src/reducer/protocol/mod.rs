//! The base protocol (reactor format §4 and §5): what skips, undos, denied rows, document-level actions,
//! upgrades and deletion mean, on top of a model's fold.
//!
//! - [`Document`] is a running document: header, fold, and per scope the history that a skip can reach.
//! - [`gc`] are the collection rules on positions alone.
//! - [`Actions`] is how a document asks for operations again that it did not keep.
//!
//! The reference replays from the first operation at every undo and skip. Here the state after each operation
//! that may be returned to is kept (states are shared, so that is cheap), and only what no state is kept for
//! is applied again: `spine` holds those states, `schedule` says which are worth keeping.

mod carried;
mod document;
pub mod gc;
mod header;
mod history;
mod irregular;
mod level;
mod live;
mod load;
mod odd;
mod rows;
mod schedule;
mod scopes;
mod settle;
mod spine;
mod step;
mod union;

use crate::model::ids::OpIndex;
use crate::model::operation::Action;
use crate::model::progress::Stop;
use crate::reducer::FoldError;

pub use carried::{Carried, Held};
pub use document::Document;
pub use header::Header;
pub use history::Recorded;
pub use level::{check_row, is_document_level};
pub use live::Undone;
pub use odd::is_history_action;
pub use rows::RowHead;
pub use schedule::Schedule;
pub use scopes::default_document_state;

/// Which generation of the base protocol a document follows (`header.protocolVersions["base-reducer"]`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Undone steps carry a skip that counts positions.
    V1,
    /// Undone steps are NOOPs that cancel one operation each.
    V2,
}

/// Why an operation could not be applied. Failures of a model's reducer are not among them: those are
/// recorded with the operation.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// The reference throws here, with this text; nothing was recorded.
    #[error("{0}")]
    Thrown(String),
    /// An operation looks back, and the [`Schedule`] said that nothing would: its history was not kept. Start over
    /// with a forecast.
    #[error("operation {0} looks back on a history that was not kept")]
    LooksBack(OpIndex),
    /// The engine behind the fold failed.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// The user or the clock stopped it.
    #[error(transparent)]
    Stopped(#[from] Stop),
    /// An operation could not be read again.
    #[error("cannot read operation {index} again")]
    Again {
        /// Which one.
        index: OpIndex,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Reads operations of the stream that is being replayed again.
pub trait Actions {
    /// Calls `each` with the actions of `rows`, which are ascending, in that order.
    ///
    /// # Errors
    /// `Again` if a row cannot be read; what `each` returned.
    fn again(
        &mut self,
        rows: &[OpIndex],
        each: &mut dyn FnMut(&Action<'_>) -> Result<(), ProtocolError>,
    ) -> Result<(), ProtocolError>;

    /// Asked now and then while operations are applied again that need not be read.
    ///
    /// # Errors
    /// `Stopped`.
    fn check(&mut self) -> Result<(), ProtocolError> {
        Ok(())
    }
}

/// For documents that keep their actions themselves.
pub struct NoActions;

impl Actions for NoActions {
    fn again(
        &mut self,
        rows: &[OpIndex],
        _: &mut dyn FnMut(&Action<'_>) -> Result<(), ProtocolError>,
    ) -> Result<(), ProtocolError> {
        match rows.first() {
            None => Ok(()),
            Some(&index) => Err(ProtocolError::Again { index, source: "the operation was not kept".into() }),
        }
    }
}
