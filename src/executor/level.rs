//! The scope `document`: creation, upgrades, deletion, relationships.
//!
//! What such an operation does is known to who replays the document scope, from its first row on, and these scopes are
//! short. So the row is inserted first, and the document is read as it is then; if it cannot be read, the transaction is
//! given up, and begun anew without the row.

use super::batch::{Batch, Trouble};
use super::request::id_of;
use super::{Appended, ExecuteError, Refusal, Request};
use crate::model::ids::{NextIndex, Revision, StreamKey};
use crate::model::json::{Json, Text};
use crate::replay::{Rebuilt, ReplayError};

impl Batch<'_> {
    /// Appends to the document scope. `n` names the request.
    pub(super) fn level(
        &mut self,
        n: usize,
        stream: &StreamKey,
        head: Option<Revision>,
        request: &Request<'_>,
    ) -> Result<Result<Appended, Refusal>, Trouble> {
        let action = &request.action;
        let is_creation = action.kind == *"CREATE_DOCUMENT";
        if is_creation && head.is_some() {
            return Ok(Err(Refusal::Closed(format!("document {} exists already", stream.document))));
        }
        let document_type = if is_creation {
            let named = action.input.get("model").and_then(Json::as_text).and_then(Text::as_str);
            named.unwrap_or_default().to_owned()
        } else {
            self.document_type(stream)?
        };
        let mut appended = Appended {
            stream: stream.clone(),
            index: NextIndex::from(head).index(),
            skip: 0,
            operation: id_of(stream, action),
            action: action.id.to_string_lossy().into_owned(),
            hash: None,
            error: None,
            repeated: false,
        };
        self.insert(&mut appended, &document_type, action, request.time)?;
        self.unstage(stream);
        match self.rebuilt(stream) {
            Ok(_) => Ok(Ok(appended)),
            Err(Trouble::Failed(ExecuteError::Replay(ReplayError::Rejected { message, .. }))) => {
                Err(Trouble::Refused(n, Refusal::Thrown(message)))
            }
            Err(Trouble::Failed(ExecuteError::Replay(ReplayError::Model(error)))) => {
                Err(Trouble::Refused(n, Refusal::Closed(error.to_string())))
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// The type of a document, by its own account.
    fn document_type(&mut self, stream: &StreamKey) -> Result<String, Trouble> {
        let document_type = match self.rebuilt(stream)? {
            Rebuilt::Kept(found) => found.entry.facts.document_type.clone(),
            Rebuilt::Passing(snapshot) => snapshot.document_type,
        };
        Ok(document_type.as_str().to_owned())
    }
}
