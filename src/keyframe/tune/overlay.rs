//! A store with one keyframe more, which is only in memory.

use std::hint::black_box;

use crate::model::checksum::Checksum;
use crate::model::ids::{Branch, DocumentId, DocumentType, OpIndex, OperationId, Revision, Scope, Span, StreamKey};
use crate::model::operation::{OperationRow, Retraction};
use crate::model::time::Timestamp;
use crate::store::codec::{self, Codec, CodecError};
use crate::store::{
    Detail, DocumentEntry, Flow, InsertedKeyframe, InsertedOperation, KeyframeEntry, Order, Read, Selection, Serial,
    Stamp, Storage, StoreError, StoreInfo, StreamHead,
};

/// Rows are those of a store. To a rebuild, which asks for the nearest keyframe and its body, there is none but the one that is
/// held here; what lists keyframes goes through to the store, and no record is known.
pub(super) struct Overlay<'a> {
    pub(super) read: &'a dyn Read,
    pub(super) stream: StreamKey,
    pub(super) revision: Revision,
    pub(super) document_type: DocumentType,
    pub(super) body: Body,
}

/// A body as a store holds it.
pub(super) struct Body {
    pub(super) codec: Codec,
    pub(super) bytes: Vec<u8>,
    /// What it is a difference to, compressed by itself.
    pub(super) base: Option<Vec<u8>>,
    /// How long it is when it is handed out.
    pub(super) text_bytes: usize,
}

impl Body {
    /// Stores a text, for [`Codec::ZstdDelta`] as a difference to another one.
    pub(super) fn store(text: &[u8], codec: Codec, base: Option<&[u8]>) -> Result<Self, CodecError> {
        let bytes = if codec == Codec::Json { text.to_vec() } else { codec::compress(text, base)? };
        let base = base.filter(|_| codec == Codec::ZstdDelta).map(|base| codec::compress(base, None)).transpose()?;
        Ok(Body { codec, bytes, base, text_bytes: text.len() })
    }

    /// The text, by the same steps as a store takes.
    fn text(&self) -> Result<Vec<u8>, CodecError> {
        /// No body is larger than the one it was made of.
        const MOST_BYTES: usize = usize::MAX;
        let text = match (self.codec, &self.base) {
            (Codec::Json, _) => self.bytes.clone(),
            (_, None) => codec::decompress(&self.bytes, None, MOST_BYTES)?,
            (_, Some(base)) => {
                codec::decompress(&self.bytes, Some(&codec::decompress(base, None, MOST_BYTES)?), MOST_BYTES)?
            }
        };
        // A body that is trusted for its record is compared with it.
        black_box(Checksum::of(&text));
        Ok(text)
    }
}

impl Read for Overlay<'_> {
    fn nearest_keyframe(&self, stream: &StreamKey, at_most: Revision) -> Result<Option<KeyframeEntry>, StoreError> {
        if *stream != self.stream || at_most < self.revision {
            return Ok(None);
        }
        Ok(Some(KeyframeEntry {
            stream: self.stream.clone(),
            document_type: self.document_type.clone(),
            label: i64::try_from(self.revision.get()).unwrap_or(i64::MAX),
            created: None,
            size_bytes: self.body.text_bytes as u64,
            codec: self.body.codec,
        }))
    }

    fn keyframe_document(&self, stream: &StreamKey, revision: Revision) -> Result<Option<Vec<u8>>, StoreError> {
        if *stream != self.stream || revision != self.revision {
            return Ok(None);
        }
        self.body.text().map(Some).map_err(|error| StoreError::Unavailable {
            location: "a keyframe in memory".to_owned(),
            action: "read",
            source: error.into(),
        })
    }

    fn documents(&self, prefix: &str, visit: &mut dyn FnMut(DocumentEntry) -> Flow) -> Result<(), StoreError> {
        self.read.documents(prefix, visit)
    }

    fn orphans(&self) -> Result<Vec<DocumentEntry>, StoreError> {
        self.read.orphans()
    }

    fn streams(&self, document: &DocumentId) -> Result<Vec<StreamHead>, StoreError> {
        self.read.streams(document)
    }

    fn operations(
        &self,
        stream: &StreamKey,
        span: Span,
        order: Order,
        visit: &mut dyn FnMut(&OperationRow<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        self.read.operations(stream, span, order, visit)
    }

    fn skips(&self, stream: &StreamKey, span: Span) -> Result<Vec<Retraction>, StoreError> {
        self.read.skips(stream, span)
    }

    fn find_operation(
        &self,
        document: &DocumentId,
        branch: &Branch,
        scope: Option<&Scope>,
        id: &OperationId,
    ) -> Result<Option<(Scope, OpIndex)>, StoreError> {
        self.read.find_operation(document, branch, scope, id)
    }

    fn copies(
        &self,
        stream: &StreamKey,
        id: &OperationId,
        visit: &mut dyn FnMut(&OperationRow<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        self.read.copies(stream, id, visit)
    }

    fn newest_time(&self, stream: &StreamKey, span: Span) -> Result<Option<Timestamp>, StoreError> {
        self.read.newest_time(stream, span)
    }

    fn keyframes(
        &self,
        document: &DocumentId,
        detail: Detail,
        visit: &mut dyn FnMut(&KeyframeEntry) -> Flow,
    ) -> Result<(), StoreError> {
        self.read.keyframes(document, detail, visit)
    }

    fn inserted_operations(
        &self,
        selection: &Selection,
        after: Serial,
        visit: &mut dyn FnMut(&InsertedOperation<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        self.read.inserted_operations(selection, after, visit)
    }

    fn inserted_keyframes(
        &self,
        selection: &Selection,
        after: Serial,
        visit: &mut dyn FnMut(&InsertedKeyframe<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        self.read.inserted_keyframes(selection, after, visit)
    }

    fn last_inserted(&self) -> Result<Serial, StoreError> {
        self.read.last_inserted()
    }

    fn numbered_keyframes(
        &self,
        storage: Storage,
        from: Serial,
        order: Order,
        visit: &mut dyn FnMut(Serial, &KeyframeEntry) -> Flow,
    ) -> Result<(), StoreError> {
        self.read.numbered_keyframes(storage, from, order, visit)
    }

    fn info(&self) -> Result<StoreInfo, StoreError> {
        self.read.info()
    }

    fn stamp(&self) -> Result<Stamp, StoreError> {
        self.read.stamp()
    }

    fn finish(self: Box<Self>) -> Result<(), StoreError> {
        // The store is finished by whoever began to read it.
        Ok(())
    }
}
