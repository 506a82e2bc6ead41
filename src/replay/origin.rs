//! Where a document comes from that no operation creates.
//!
//! An application with its own operation log has no `CREATE_DOCUMENT`. Where a generic model serves the type of its
//! rows, the document is there with its first operation: base protocol 2, the default states of `auth` and `document`,
//! and `{}` for `global` and the scope that is rebuilt.

use std::ops::ControlFlow;

use super::timeline::{Halt, thrown};
use super::{ReplayError, Sources};
use crate::model::ids::{Branch, DocumentId, DocumentType, Scope, Span, StreamKey};
use crate::model::json::{Json, Object, Text};
use crate::model::operation::Action;
use crate::model::time::Timestamp;
use crate::object;
use crate::reducer::ModelId;
use crate::reducer::protocol::Document;
use crate::store::{Order, Read, StoreError, StreamHead};

/// What is known of a document besides its document scope.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    /// The scope that is rebuilt.
    pub(super) scope: &'a Scope,
    /// The streams of the document.
    pub(super) streams: &'a [StreamHead],
}

impl Origin<'_> {
    /// The document before its first operation, and its type as `ls` names it. `None` if no generic model serves the
    /// type, or the document has no operations: then it has to be created.
    pub(super) fn document(
        self,
        sources: &Sources<'_>,
        spine: &StreamKey,
    ) -> Result<Option<(DocumentType, Document)>, Halt> {
        let Some(document_type) = type_of(sources.read, &spine.document)? else { return Ok(None) };
        if !sources.registry.is_generic(&document_type)? {
            return Ok(None);
        }
        let created = born(sources.read, &spine.document, &spine.branch, self.streams)?;
        let created = Text::from(created.map_or_else(String::new, |time| time.to_string()));
        let text = |text: &str| Json::from(text.to_owned());
        // Read as the input of a CREATE_DOCUMENT.
        let input = Json::Object(object! {
            "documentId" => text(spine.document.as_str()),
            "model" => text(document_type.as_str()),
            "branch" => text(spine.branch.as_str()),
            "protocolVersions" => object! { "base-reducer" => 2.0 },
        });
        let fold = sources.registry.model(&ModelId { document_type: document_type.clone(), version: 1 })?.fold()?;
        let mut scopes = vec![Scope::global()];
        if !matches!(self.scope.as_str(), "document" | "auth" | "header") {
            scopes.push(self.scope.clone());
        }
        let states = scopes.into_iter().map(|scope| (scope, Json::Object(Object::new())));
        let document = Document::create_with(&input, &created, states, fold);
        Ok(Some((document_type, document.map_err(|error| thrown(spine, None, error))?)))
    }
}

/// The type of a document, as its first row (by insertion) names it.
fn type_of(read: &dyn Read, document: &DocumentId) -> Result<Option<DocumentType>, StoreError> {
    let mut found = None;
    // Of all ids that start with this one, itself is the least.
    read.documents(document.as_str(), &mut |entry| {
        found = Some(entry).filter(|entry| entry.id == *document).map(|entry| entry.document_type);
        ControlFlow::Break(())
    })?;
    Ok(found)
}

/// When a document came to be on a branch: with its `CREATE_DOCUMENT`, or, if its document scope does not begin with
/// one, with the earliest of the operations that its streams begin with. `None` if it has none.
pub(super) fn born(
    read: &dyn Read,
    document: &DocumentId,
    branch: &Branch,
    streams: &[StreamHead],
) -> Result<Option<Timestamp>, ReplayError> {
    let mut earliest: Option<Timestamp> = None;
    let (own, others): (Vec<&StreamHead>, Vec<_>) =
        streams.iter().filter(|head| head.branch == *branch).partition(|head| head.scope == Scope::document());
    for head in own.into_iter().chain(others) {
        let stream = StreamKey { document: document.clone(), scope: head.scope.clone(), branch: branch.clone() };
        let mut first = None;
        read.operations(&stream, Span::ALL, Order::Forward, &mut |row| {
            // Whoever replays a row that does not decode will say so.
            let creates = || Action::parse(row.action).map_or(true, |action| action.kind == *"CREATE_DOCUMENT");
            first = Some((row.timestamp, stream.scope == Scope::document() && creates()));
            ControlFlow::Break(())
        })?;
        match first {
            Some((time, true)) => return Ok(Some(time)),
            Some((time, false)) => earliest = Some(earliest.map_or(time, |earliest| earliest.min(time))),
            None => {}
        }
    }
    Ok(earliest)
}
