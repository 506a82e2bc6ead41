//! What is asked, and what became of it.

use crate::model::ids::{Branch, DocumentId, OpIndex, OperationId, Revision, StreamKey};
use crate::model::json::{Json, Object, StateHash, Text, canonical, operation_id};
use crate::model::operation::{Action, ActionError};
use crate::model::time::Timestamp;

/// An action that somebody asks of a document.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The document.
    pub document: DocumentId,
    /// The branch.
    pub branch: Branch,
    /// The action, with an id and a time.
    pub action: Action<'a>,
    /// When it happens, by its own account.
    pub time: Timestamp,
    /// Where its stream has to be for it to be appended.
    pub expect: Expected,
}

/// Where a stream has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// Anywhere.
    #[default]
    Anywhere,
    /// At this revision; `None` is before its first operation.
    At(Option<Revision>),
}

/// Why a text is no request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It is no action.
    #[error(transparent)]
    Action(#[from] ActionError),
    /// Its time is none.
    #[error(
        "member \"timestampUtcMs\" of the action is \"{0}\", which is no time (RFC 3339, for example 2025-04-01T08:00:00.000Z)"
    )]
    Time(String),
}

/// An operation that was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The stream.
    pub stream: StreamKey,
    /// Its position.
    pub index: OpIndex,
    /// How many positions before it, or operations, it takes back.
    pub skip: u32,
    /// Its id.
    pub operation: OperationId,
    /// The id of its action.
    pub action: String,
    /// The hash of the state after it; `None` where the reference records none (reactor format §1.3).
    pub hash: Option<StateHash>,
    /// What the reducer said when it failed.
    pub error: Option<String>,
    /// Whether the same operation was there already, so that nothing was added.
    pub repeated: bool,
}

/// Why a request was refused: nothing was recorded of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The reducer failed, and failures are not to be recorded.
    #[error("the reducer fails: {0}")]
    Failed(String),
    /// The reference throws here, with this text.
    #[error("{0}")]
    Thrown(String),
    /// The stream is at another revision than was expected.
    #[error("{stream} is at {}, not at {}", shown(*.actual), shown(*.expected))]
    Moved {
        /// The stream.
        stream: StreamKey,
        /// Where it should be.
        expected: Option<Revision>,
        /// Where it is.
        actual: Option<Revision>,
    },
    /// Its document cannot be rebuilt, so that nothing can be applied to it: it is not there, its log cannot be replayed, or
    /// there is no model for it.
    #[error("{0}")]
    Unreplayable(String),
    /// Nothing goes into a log like this one any more.
    #[error("{0}")]
    Closed(String),
    /// Another request of its batch was refused, and the batch is to stand as a whole or not at all.
    #[error("nothing of its batch was appended")]
    WithOthers,
}

impl<'a> Request<'a> {
    /// Reads an action from its JSON text, for the head of a document. An id and a time that it lacks are made.
    ///
    /// # Errors
    /// `Action`, `Time`.
    pub fn parse(
        document: DocumentId,
        branch: Branch,
        text: &'a [u8],
        new_id: &dyn Fn() -> String,
        now: Timestamp,
    ) -> Result<Self, RequestError> {
        Self::of(document, branch, Action::parse(text)?, new_id, now)
    }

    /// [`Request::parse`] for an action that was read already.
    ///
    /// # Errors
    /// `Time`.
    pub fn of(
        document: DocumentId,
        branch: Branch,
        mut action: Action<'a>,
        new_id: &dyn Fn() -> String,
        now: Timestamp,
    ) -> Result<Self, RequestError> {
        if action.id.is_empty() {
            action.id = Text::from(new_id());
        }
        let time = if action.timestamp.is_empty() {
            action.timestamp = Text::from(now.to_string());
            now
        } else {
            let text = action.timestamp.to_string_lossy();
            Timestamp::parse(&text).ok_or_else(|| RequestError::Time(text.into_owned()))?
        };
        Ok(Request { document, branch, action, time, expect: Expected::Anywhere })
    }

    /// The stream that the operation goes to; `None` if the scope is one that no stream has.
    #[must_use]
    pub(super) fn stream(&self) -> Option<StreamKey> {
        let scope = self.action.scope.as_str()?.into();
        Some(StreamKey { document: self.document.clone(), scope, branch: self.branch.clone() })
    }
}

/// The id of the operation that an action becomes in a stream (reactor format §3.4).
pub(super) fn id_of(stream: &StreamKey, action: &Action<'_>) -> OperationId {
    let StreamKey { document, scope, branch } = stream;
    operation_id(document.as_str(), scope.as_str(), branch.as_str(), action.id.as_bytes()).into()
}

/// The text that is stored of an action: the members that the reference keeps, in canonical order (reactor format §1.2).
pub(super) fn stored_text(action: &Action<'_>) -> Vec<u8> {
    let Action { id, kind, scope, timestamp, input, context } = action;
    let mut members = vec![
        (Text::from("id"), Json::String(id.clone())),
        ("input".into(), input.clone()),
        ("scope".into(), Json::String(scope.clone())),
        ("timestampUtcMs".into(), Json::String(timestamp.clone())),
        ("type".into(), Json::String(kind.clone())),
    ];
    if let Some(context) = context {
        members.push(("context".into(), context.clone()));
    }
    canonical(&Json::Object(Object::from_members(members)))
}

fn shown(revision: Option<Revision>) -> String {
    revision.map_or_else(|| "no operation".to_owned(), |revision| format!("revision {revision}"))
}
