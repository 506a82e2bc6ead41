//! Operations as rows, and the actions in them.

use std::num::NonZeroU32;

use super::ids::{OpIndex, Skip};
use super::json::Parser;
use super::json::{Json, ParseError, Text, parse};
use super::time::Timestamp;

/// One row of the operation log, borrowed from the store for the time of a visit.
///
/// Texts are as stored; an empty `error` or `deniedReason` has become `None` (reactor format §2.1).
#[derive(Clone, Copy, Debug)]
pub struct OperationRow<'a> {
    /// Position in the stream.
    pub index: OpIndex,
    /// How many positions directly before it the operation retracts.
    pub skip: Skip,
    /// Stored operation id.
    pub id: &'a str,
    /// Stored id of the operation before it; empty for the first.
    pub previous_id: &'a str,
    /// Type of the document, as this row names it.
    pub document_type: &'a str,
    /// When the operation happened.
    pub timestamp: Timestamp,
    /// Stored hash of the state after the operation; may be empty.
    pub hash: &'a str,
    /// What the reducer said when it failed.
    pub error: Option<&'a str>,
    /// Why the operation was not let through.
    pub denied: Option<&'a str>,
    /// The action, as JSON text; not yet parsed.
    pub action: &'a [u8],
}

/// A row that retracts others: its skip is not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retraction {
    /// Its position.
    pub index: OpIndex,
    /// How many positions directly before it are retracted.
    pub skip: NonZeroU32,
    /// Whether the action is a NOOP, which is how undone steps are stored.
    pub noop: bool,
    /// Whether the row was denied; a denied row retracts nothing when rebuilding (reactor format §5.7).
    pub denied: bool,
}

/// What somebody asked of a document (reactor format §1.2). Unknown members are ignored.
#[derive(Clone, Debug)]
pub struct Action<'a> {
    /// Chosen by the client; empty when absent.
    pub id: Text<'a>,
    /// What to do, for example `ADD_FILE`.
    pub kind: Text<'a>,
    /// The scope it acts on.
    pub scope: Text<'a>,
    /// ISO text from the client; kept as given because it is compared as text.
    pub timestamp: Text<'a>,
    /// The argument; `null` when absent.
    pub input: Json<'a>,
    /// Signer and the like; only the auth scope looks at it.
    pub context: Option<Json<'a>>,
}

/// Why a stored text is not an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// Not JSON at all.
    #[error(transparent)]
    Json(#[from] ParseError),
    /// JSON, but not an object.
    #[error("an action is a JSON object, this is {0}")]
    NotAnObject(&'static str),
    /// A member that must be a string is absent or something else.
    #[error("member \"{0}\" of the action is not a string")]
    NotText(&'static str),
}

impl<'a> Action<'a> {
    /// Reads an action from its JSON text. Of duplicate members the last one counts, as in JavaScript.
    ///
    /// # Errors
    /// When the text is not JSON, or `type` is not a string, or `id`, `scope` or `timestampUtcMs` are
    /// there and not strings. An absent `scope` is `global`.
    pub fn parse(text: &'a [u8]) -> Result<Self, ActionError> {
        Self::parse_as(text, Parser::value)
    }

    /// The same in memory that does not grow with what the action asks for: `input` and `context` are checked, and left
    /// out.
    ///
    /// # Errors
    /// As [`Action::parse`].
    pub fn parse_head(text: &'a [u8]) -> Result<Self, ActionError> {
        Self::parse_as(text, |parser| parser.pass().map(|()| Json::Null))
    }

    fn parse_as(
        text: &'a [u8],
        large: impl Fn(&mut Parser<'a>) -> Result<Json<'a>, ParseError>,
    ) -> Result<Self, ActionError> {
        if std::str::from_utf8(text).is_err() {
            parse(text)?;
        }
        let (mut id, mut kind, mut scope, mut timestamp) = (None, None, None, None);
        let (mut input, mut context) = (Json::Null, None);
        let mut parser = Parser::new(text);
        let object = parser.members(&mut |parser, key| {
            match key.as_bytes() {
                b"id" => id = Some(parser.value()?),
                b"type" => kind = Some(parser.value()?),
                b"scope" => scope = Some(parser.value()?),
                b"timestampUtcMs" => timestamp = Some(parser.value()?),
                b"input" => input = large(parser)?,
                b"context" => context = Some(large(parser)?).filter(|value| !value.is_null()),
                _ => parser.pass()?,
            }
            Ok(())
        })?;
        if !object {
            return Err(ActionError::NotAnObject(parse(text)?.type_name()));
        }
        parser.end()?;
        let text = |value: Option<Json<'a>>, member, default: Option<&'static str>| match (value, default) {
            (Some(Json::String(text)), _) => Ok(text),
            (None, Some(default)) => Ok(Text::from(default)),
            _ => Err(ActionError::NotText(member)),
        };
        Ok(Action {
            id: text(id, "id", Some(""))?,
            kind: text(kind, "type", None)?,
            scope: text(scope, "scope", Some("global"))?,
            timestamp: text(timestamp, "timestampUtcMs", Some(""))?,
            input,
            context,
        })
    }

    /// The same action, owning all its texts.
    #[must_use]
    pub fn into_owned(self) -> Action<'static> {
        Action {
            id: self.id.into_owned(),
            kind: self.kind.into_owned(),
            scope: self.scope.into_owned(),
            timestamp: self.timestamp.into_owned(),
            input: self.input.into_owned(),
            context: self.context.map(Json::into_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_members_it_knows_and_passes_over_the_rest() {
        let text = br#" {"type":"X","extra":[1],"id":"a","type":"Y","input":{"n":1},"context":null} "#;
        let action = Action::parse(text).unwrap();
        assert_eq!((action.kind.as_str(), action.id.as_str()), (Some("Y"), Some("a")));
        assert_eq!(action.input.get("n"), Some(&Json::Number(1.0)));
        assert_eq!((action.scope.as_str(), action.context), (Some("global"), None));
    }

    #[test]
    fn says_what_is_wrong_with_a_text_that_is_no_action() {
        let message = |text: &[u8]| Action::parse(text).unwrap_err().to_string();
        assert_eq!(message(b"null"), "an action is a JSON object, this is null");
        assert_eq!(message(b"{}"), "member \"type\" of the action is not a string");
        assert_eq!(message(br#"{"type":"X","id":1}"#), "member \"id\" of the action is not a string");
        assert_eq!(message(br#"{"type":"X"}}"#), "text after the JSON value at byte 12");
        assert_eq!(message(b"{\"type\":\"\xff\"}"), "invalid UTF-8 at byte 9");
    }
}
