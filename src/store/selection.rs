//! Which rows of a store are meant.

use crate::model::ids::{Branch, DocumentId, DocumentType, OpIndex, Scope, Span, StreamKey};

/// Which rows of a store are meant. Nothing said: all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Rows in any of these parts; empty: in all documents.
    pub parts: Vec<Part>,
    /// Rows that name this type of document.
    pub document_type: Option<DocumentType>,
}

/// A part of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The document.
    pub document: DocumentId,
    /// One scope of it, or all.
    pub scope: Option<Scope>,
    /// One branch of it, or all.
    pub branch: Option<Branch>,
    /// Operations by index, keyframes by label.
    pub span: Span,
}

impl Selection {
    /// Whether a row is meant: an operation with its index, or a keyframe with its label.
    #[must_use]
    pub fn includes(&self, stream: &StreamKey, index: OpIndex, document_type: &str) -> bool {
        self.includes_type(document_type)
            && (self.parts.is_empty() || self.parts.iter().any(|part| part.includes(stream, index)))
    }

    /// Whether rows of this document may be meant.
    #[must_use]
    pub fn includes_document(&self, document: &DocumentId) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|part| part.document == *document)
    }

    /// Whether rows that name this type may be meant.
    #[must_use]
    pub fn includes_type(&self, document_type: &str) -> bool {
        self.document_type.as_ref().is_none_or(|wanted| wanted.as_str() == document_type)
    }
}

impl Part {
    /// Whether the row of a stream at `index` is in it.
    #[must_use]
    pub fn includes(&self, stream: &StreamKey, index: OpIndex) -> bool {
        self.document == stream.document
            && self.scope.as_ref().is_none_or(|scope| *scope == stream.scope)
            && self.branch.as_ref().is_none_or(|branch| *branch == stream.branch)
            && self.span.contains(index)
    }
}
