//! Why a log cannot be replayed, as far as there is something to do about it.

use crate::model::operation::Action;
use crate::reducer::protocol::{Document, check_row, is_history_action};

/// What is behind a [`ReplayError::Rejected`](super::ReplayError::Rejected).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The document does not say which base protocol it follows: it was created by a release before 6.0, or by a client
    /// of 6.0 to 6.2.1 that left it out (reactor format §11).
    BaseReducer,
    /// The row is an UNDO, REDO or PRUNE, which no reactor stores (reactor format §6.8).
    HistoryAction,
    /// The row is one of the protocol's own actions and not of the form that its type demands: releases before 6.0 stored
    /// `SET_NAME` with a text (reactor format §4.8, §11).
    BadForm,
    /// Anything else.
    Other,
}

impl Rejection {
    /// Why `action` could not be applied to `document`.
    pub(super) fn of(document: &Document, action: &Action<'_>) -> Self {
        if document.version().is_err() {
            Rejection::BaseReducer
        } else if is_history_action(action) {
            Rejection::HistoryAction
        } else if check_row(0, action).is_err() {
            Rejection::BadForm
        } else {
            Rejection::Other
        }
    }
}
