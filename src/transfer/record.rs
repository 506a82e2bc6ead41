//! A row on its way into a store.

use std::borrow::Cow;

use crate::model::ids::{DocumentType, OpIndex, Revision, Skip, StreamKey};
use crate::model::operation::OperationRow;
use crate::model::time::Timestamp;
use crate::store::{InsertedKeyframe, InsertedOperation, NewKeyframe, NewOperation, Previous};

use super::IMPORT_JOB_ID;

/// A row on its way into a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// An operation.
    Operation(OperationRecord<'a>),
    /// A keyframe.
    Keyframe(KeyframeRecord<'a>),
}

/// An operation on its way into a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationRecord<'a> {
    /// The stream.
    pub stream: StreamKey,
    /// Position in the stream.
    pub index: OpIndex,
    /// How many positions directly before it the operation retracts.
    pub skip: Skip,
    /// Operation id.
    pub id: Cow<'a, str>,
    /// Id of the operation before it; `None`: that of the row before.
    pub previous_id: Option<Cow<'a, str>>,
    /// Type of the document.
    pub document_type: Cow<'a, str>,
    /// When the operation happened.
    pub timestamp: Timestamp,
    /// When the row was written.
    pub written: Timestamp,
    /// What the row was written for.
    pub job_id: Cow<'a, str>,
    /// Hash of the state after the operation; may be empty.
    pub hash: Cow<'a, str>,
    /// What the reducer said when it failed.
    pub error: Option<Cow<'a, str>>,
    /// Why the operation was not let through.
    pub denied: Option<Cow<'a, str>>,
    /// The text of the action; JSON, if the writer kept the rule.
    pub action: Cow<'a, str>,
}

/// A keyframe on its way into a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyframeRecord<'a> {
    /// The stream.
    pub stream: StreamKey,
    /// The label: the last operation included.
    pub revision: Revision,
    /// Type of the document.
    pub document_type: Cow<'a, str>,
    /// When it was written.
    pub created: Timestamp,
    /// The text of the document; JSON, if the writer kept the rule.
    pub document: Cow<'a, str>,
}

impl OperationRecord<'_> {
    /// What a store is given.
    #[must_use]
    pub fn as_new(&self) -> (NewOperation<'_>, Previous) {
        let previous = if self.previous_id.is_some() { Previous::Given } else { Previous::Derived };
        let row = OperationRow {
            index: self.index,
            skip: self.skip,
            id: &self.id,
            previous_id: self.previous_id.as_deref().unwrap_or_default(),
            document_type: &self.document_type,
            timestamp: self.timestamp,
            hash: &self.hash,
            error: self.error.as_deref(),
            denied: self.denied.as_deref(),
            action: self.action.as_bytes(),
        };
        (NewOperation { row, written: self.written, job_id: &self.job_id }, previous)
    }
}

impl<'a> OperationRecord<'a> {
    /// The row as another store gave it; what that store does not have is filled in as for a line.
    ///
    /// # Errors
    /// When the action is not UTF-8: where its text ends.
    pub fn of(row: &InsertedOperation<'a>) -> Result<Self, std::str::Utf8Error> {
        let InsertedOperation { stream, row, previous, written, job_id, .. } = *row;
        Ok(OperationRecord {
            stream: stream.clone(),
            index: row.index,
            skip: row.skip,
            id: row.id.into(),
            previous_id: (previous == Previous::Given).then_some(row.previous_id.into()),
            document_type: row.document_type.into(),
            timestamp: row.timestamp,
            written: written.unwrap_or(row.timestamp),
            job_id: job_id.unwrap_or(IMPORT_JOB_ID).into(),
            hash: row.hash.into(),
            error: row.error.map(Into::into),
            denied: row.denied.map(Into::into),
            action: std::str::from_utf8(row.action)?.into(),
        })
    }
}

impl<'a> KeyframeRecord<'a> {
    /// The row as another store gave it; `None` if its label is negative, which no store takes.
    #[must_use]
    pub fn of(row: &InsertedKeyframe<'a>) -> Option<Self> {
        let revision = Revision::of(OpIndex::new(u64::try_from(row.label).ok()?));
        let InsertedKeyframe { stream, document_type, created, document, .. } = *row;
        let (document_type, document) = (document_type.into(), document.into());
        Some(KeyframeRecord { stream: stream.clone(), revision, document_type, created, document })
    }

    /// What a store is given; `document_type` keeps the type for it.
    #[must_use]
    pub fn as_new<'s>(&'s self, document_type: &'s DocumentType) -> NewKeyframe<'s> {
        NewKeyframe {
            stream: &self.stream,
            revision: self.revision,
            document_type,
            document: self.document.as_bytes(),
            created: self.created,
        }
    }
}
