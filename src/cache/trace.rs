//! Access traces: which states were read and made, in order, a line of JSON each.
//!
//! ```text
//! {"document":"d1","scope":"global","branch":"main","revision":41,"access":"head","sizeBytes":20480,"operationUs":2.5,"atMs":17}
//! ```
//!
//! [`Recorder`] writes them, [`AccessLine`] is one of them, [`Trace`] holds what a simulation needs of all. There is one
//! format: who wants to know only which revisions are read, as `keyframe tune` does, reads lines with no more than a document.

mod recorder;
mod sequence;

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::ids::{OpIndex, Revision};

pub use recorder::Recorder;
pub use sequence::{Access, StreamId, Trace};

/// One access, a line of a trace. Other members than these are passed over.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Access")]
pub struct AccessLine<'a> {
    /// The exact id of the document.
    #[serde(borrow)]
    pub document: Cow<'a, str>,
    /// The scope; `global` without one.
    pub scope: Option<Cow<'a, str>>,
    /// The branch; `main` without one.
    pub branch: Option<Cow<'a, str>>,
    /// The index of the last operation included, or `initial`; the head without one.
    pub revision: Option<StateAt>,
    /// What was done; `read` unless said.
    #[serde(default)]
    pub access: AccessKind,
    /// What the state takes in memory, in bytes; `cache simulate` needs it.
    pub size_bytes: Option<u64>,
    /// What the replay of an operation of the stream takes, in microseconds.
    pub operation_us: Option<f64>,
    /// When it was, in milliseconds from the start of the trace.
    pub at_ms: Option<u64>,
}

/// What was done to a state.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AccessKind {
    /// It was read.
    #[default]
    Read,
    /// It was read, and was the newest of its stream.
    Head,
    /// Operations were appended, which made it.
    Append,
}

/// The revision of a state; none is the state before operation 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StateAt(pub Option<Revision>);

/// A line that is no access, or not all that is needed of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAccess {
    /// It does not parse.
    #[error("{reason}, at byte {byte}")]
    Malformed {
        /// Why.
        reason: String,
        /// Where in the line, counted from 1.
        byte: usize,
    },
    /// Something is not there that whoever reads it needs.
    #[error("it has no {0}")]
    Lacking(&'static str),
    /// A number is out of any range that occurs.
    #[error("its {0} is not possible")]
    Impossible(&'static str),
}

impl<'a> AccessLine<'a> {
    /// Reads a line.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn parse(line: &'a [u8]) -> Result<Self, BadAccess> {
        if !line.trim_ascii_start().starts_with(b"{") {
            // A list of the values would do for serde.
            return Err(BadAccess::Malformed { reason: "expected an object".to_owned(), byte: 1 });
        }
        serde_json::from_slice(line).map_err(|error| {
            let text = error.to_string();
            // It ends with a position that takes the line for all there is.
            let reason = text.rsplit_once(" at line ").map_or(&text[..], |(reason, _)| reason);
            BadAccess::Malformed { reason: brief(reason), byte: error.column() }
        })
    }

    /// The scope that is meant.
    #[must_use]
    pub fn scope(&self) -> &str {
        self.scope.as_deref().unwrap_or("global")
    }

    /// The branch that is meant.
    #[must_use]
    pub fn branch(&self) -> &str {
        self.branch.as_deref().unwrap_or("main")
    }
}

/// The beginning of a text that may quote all of a line.
fn brief(text: &str) -> String {
    const MOST_CHARS: usize = 200;
    match text.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// How the state before operation 0 is written.
const INITIAL: &str = "initial";

impl Serialize for StateAt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(revision) => serializer.serialize_u64(revision.get()),
            None => serializer.serialize_str(INITIAL),
        }
    }
}

impl<'de> Deserialize<'de> for StateAt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = StateAt;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an index or \"{INITIAL}\"")
            }

            fn visit_u64<E: de::Error>(self, index: u64) -> Result<StateAt, E> {
                Ok(StateAt(Some(Revision::of(OpIndex::new(index)))))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<StateAt, E> {
                if text == INITIAL {
                    Ok(StateAt(None))
                } else {
                    Err(E::invalid_value(de::Unexpected::Str(text), &self))
                }
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for StateAt {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "StateAt".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "const": INITIAL }] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(line: &str) -> String {
        AccessLine::parse(line.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_document_is_enough_and_more_is_passed_over() {
        let line = AccessLine::parse(br#" {"document":"a\u0062","user":{"name":"x"}}"#).unwrap();
        assert_eq!((&*line.document, line.scope(), line.branch()), ("ab", "global", "main"));
        assert_eq!((line.revision, line.access, line.size_bytes), (None, AccessKind::Read, None));
    }

    #[test]
    fn a_revision_is_an_index_or_before_all() {
        let revision = |text| AccessLine::parse(text).unwrap().revision;
        assert_eq!(revision(br#"{"document":"d","revision":0}"#), Some(StateAt(Some(Revision::of(OpIndex::FIRST)))));
        assert_eq!(revision(br#"{"document":"d","revision":"initial"}"#), Some(StateAt(None)));
        assert_eq!(revision(br#"{"document":"d","revision":null}"#), None);
        let bad = message(r#"{"document":"d","revision":"head"}"#);
        assert!(bad.starts_with("invalid value: string \"head\", expected an index or \"initial\""), "{bad}");
        assert!(message(r#"{"document":"d","revision":-1}"#).contains("expected an index"));
    }

    #[test]
    fn a_bad_line_says_why_and_where() {
        assert_eq!(message("{\"document\":}"), "expected value, at byte 13");
        assert_eq!(message("[\"d\"]"), "expected an object, at byte 1");
        assert_eq!(message("{}"), "missing field `document`, at byte 2");
        assert!(message(r#"{"document":"d","access":"write"}"#).starts_with("unknown variant `write`"));
        assert!(message(&format!(r#"{{"document":"d","access":"{}"}}"#, "x".repeat(1 << 20))).len() < 300);
    }
}
