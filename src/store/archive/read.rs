//! A transaction on an archive: one on its rows, but for what belongs to the file.

use crate::model::ids::{Branch, DocumentId, OpIndex, OperationId, Revision, Scope, Span, StreamKey};
use crate::model::operation::{OperationRow, Retraction};
use crate::model::time::Timestamp;
use crate::store::{
    Detail, DocumentEntry, Flow, InsertedKeyframe, InsertedOperation, KeyframeEntry, Order, Read, Selection, Serial,
    Stamp, StoreError, StoreInfo, StreamHead,
};

use super::ArchiveStore;

/// A transaction on an archive.
pub(super) struct Moment<'s> {
    pub(super) store: &'s ArchiveStore,
    pub(super) rows: Box<dyn Read + 's>,
}

impl Read for Moment<'_> {
    fn documents(&self, prefix: &str, visit: &mut dyn FnMut(DocumentEntry) -> Flow) -> Result<(), StoreError> {
        self.rows.documents(prefix, visit)
    }

    fn orphans(&self) -> Result<Vec<DocumentEntry>, StoreError> {
        self.rows.orphans()
    }

    fn streams(&self, document: &DocumentId) -> Result<Vec<StreamHead>, StoreError> {
        self.rows.streams(document)
    }

    fn operations(
        &self,
        stream: &StreamKey,
        span: Span,
        order: Order,
        visit: &mut dyn FnMut(&OperationRow<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        self.rows.operations(stream, span, order, visit)
    }

    fn skips(&self, stream: &StreamKey, span: Span) -> Result<Vec<Retraction>, StoreError> {
        self.rows.skips(stream, span)
    }

    fn find_operation(
        &self,
        document: &DocumentId,
        branch: &Branch,
        scope: Option<&Scope>,
        id: &OperationId,
    ) -> Result<Option<(Scope, OpIndex)>, StoreError> {
        self.rows.find_operation(document, branch, scope, id)
    }

    fn copies(
        &self,
        stream: &StreamKey,
        id: &OperationId,
        visit: &mut dyn FnMut(&OperationRow<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        self.rows.copies(stream, id, visit)
    }

    fn newest_time(&self, stream: &StreamKey, span: Span) -> Result<Option<Timestamp>, StoreError> {
        self.rows.newest_time(stream, span)
    }

    fn nearest_keyframe(&self, stream: &StreamKey, at_most: Revision) -> Result<Option<KeyframeEntry>, StoreError> {
        self.rows.nearest_keyframe(stream, at_most)
    }

    fn keyframe_document(&self, stream: &StreamKey, revision: Revision) -> Result<Option<Vec<u8>>, StoreError> {
        self.rows.keyframe_document(stream, revision)
    }

    fn keyframes(
        &self,
        document: &DocumentId,
        detail: Detail,
        visit: &mut dyn FnMut(&KeyframeEntry) -> Flow,
    ) -> Result<(), StoreError> {
        self.rows.keyframes(document, detail, visit)
    }

    fn inserted_operations(
        &self,
        selection: &Selection,
        after: Serial,
        visit: &mut dyn FnMut(&InsertedOperation<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        self.rows.inserted_operations(selection, after, visit)
    }

    fn inserted_keyframes(
        &self,
        selection: &Selection,
        after: Serial,
        visit: &mut dyn FnMut(&InsertedKeyframe<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        self.rows.inserted_keyframes(selection, after, visit)
    }

    fn info(&self) -> Result<StoreInfo, StoreError> {
        self.rows.info().map(|of_rows| self.store.info(&of_rows))
    }

    fn stamp(&self) -> Result<Stamp, StoreError> {
        Ok(Stamp(format!("phd:{}", self.store.digest)))
    }

    fn finish(self: Box<Self>) -> Result<(), StoreError> {
        self.rows.finish()
    }
}
