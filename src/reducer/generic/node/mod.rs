//! States as persistent trees.

mod list;
mod members;
mod pieces;
mod tally;

use std::sync::Arc;

use super::{MAX_STATE_BYTES, MAX_STATE_DEPTH};
use crate::model::json::{Json, Object, Text, write_canonical, write_number, write_text};

pub(super) use list::List;
pub(super) use members::Members;

/// A value. A clone shares everything; a change copies what lies on the way to it.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Number(f64),
    /// A string, and how long its canonical text is in bytes.
    String(Text<'static>, u32),
    Array(Arc<List>),
    Object(Arc<Members>),
}

/// How large a value is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Weight {
    /// Length of its canonical text.
    pub(super) bytes: usize,
    /// How many arrays and objects are nested in each other at most; 0 for anything else.
    pub(super) depth: u32,
}

impl Node {
    /// `{}`.
    pub(super) fn empty() -> Self {
        Node::Object(Arc::default())
    }

    /// How large it is, which it knows.
    pub(super) fn weight(&self) -> Weight {
        let scalar = |bytes| Weight { bytes, depth: 0 };
        match self {
            Node::Null => scalar(4),
            Node::Bool(bool) => scalar(if *bool { 4 } else { 5 }),
            Node::Number(number) => {
                let mut text = Vec::with_capacity(24);
                write_number(*number, &mut text);
                scalar(text.len())
            }
            Node::String(_, bytes) => scalar(*bytes as usize),
            Node::Array(list) => list.weight(),
            Node::Object(members) => members.weight(),
        }
    }

    /// Checks the bounds of a state that was of the weight `before`: one that is past a bound already may shrink.
    pub(super) fn check_growth(&self, before: Weight) -> Result<(), String> {
        let Weight { bytes, depth } = self.weight();
        if depth > MAX_STATE_DEPTH && depth > before.depth {
            return Err(format!("the state would be nested {depth} levels deep; {MAX_STATE_DEPTH} are allowed"));
        }
        if bytes > MAX_STATE_BYTES && bytes > before.bytes {
            return Err(format!("the state would be {bytes} bytes of JSON; {MAX_STATE_BYTES} are allowed"));
        }
        Ok(())
    }

    /// What kind of value it is, for messages.
    pub(super) fn described(&self) -> &'static str {
        match self {
            Node::Null => "null",
            Node::Bool(_) => "a boolean",
            Node::Number(_) => "a number",
            Node::String(..) => "a string",
            Node::Array(_) => "an array",
            Node::Object(_) => "an object",
        }
    }

    /// What kind of value it would be.
    pub(super) fn described_json(value: &Json<'_>) -> &'static str {
        match value {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::String(_) => "a string",
            Json::Array(_) => "an array",
            Json::Object(_) => "an object",
        }
    }

    /// Whether both are the same value: numbers as numbers, objects without order.
    pub(super) fn is(&self, other: &Json<'_>) -> bool {
        match (self, other) {
            (Node::Null, Json::Null) => true,
            (Node::Bool(a), Json::Bool(b)) => a == b,
            #[expect(clippy::float_cmp, reason = "JSON numbers are compared exactly")]
            (Node::Number(a), Json::Number(b)) => a == b,
            (Node::String(a, _), Json::String(b)) => a == b,
            (Node::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is(b)),
            (Node::Object(a), Json::Object(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|((x, a), (y, b))| x == y && a.is(b))
            }
            _ => false,
        }
    }

    /// The value as JSON.
    pub(super) fn to_json(&self) -> Json<'static> {
        match self {
            Node::Null => Json::Null,
            Node::Bool(bool) => Json::Bool(*bool),
            Node::Number(number) => Json::Number(*number),
            Node::String(text, _) => Json::String(text.clone()),
            Node::Array(list) => Json::Array(list.iter().map(Node::to_json).collect()),
            Node::Object(members) => {
                Json::Object(members.iter().map(|(key, value)| (key.clone(), value.to_json())).collect::<Object<'_>>())
            }
        }
    }

    /// Appends the canonical text.
    pub(super) fn write_canonical(&self, out: &mut Vec<u8>) {
        let comma = |n: usize, out: &mut Vec<u8>| {
            if n > 0 {
                out.push(b',');
            }
        };
        match self {
            Node::Null => write_canonical(&Json::Null, out),
            Node::Bool(bool) => write_canonical(&Json::Bool(*bool), out),
            Node::Number(number) => write_number(*number, out),
            Node::String(text, _) => write_text(text, out),
            Node::Array(list) => {
                out.push(b'[');
                for (n, item) in list.iter().enumerate() {
                    comma(n, out);
                    item.write_canonical(out);
                }
                out.push(b']');
            }
            Node::Object(members) => {
                out.push(b'{');
                for (n, (key, member)) in members.iter().enumerate() {
                    comma(n, out);
                    write_text(key, out);
                    out.push(b':');
                    member.write_canonical(out);
                }
                out.push(b'}');
            }
        }
    }
}

impl From<&Json<'_>> for Node {
    fn from(value: &Json<'_>) -> Self {
        match value {
            Json::Null => Node::Null,
            Json::Bool(bool) => Node::Bool(*bool),
            Json::Number(number) => Node::Number(*number),
            Json::String(text) => Node::String(text.to_owned_text(), text_bytes(text)),
            Json::Array(items) => Node::Array(Arc::new(items.iter().map(Node::from).collect())),
            Json::Object(object) => Node::Object(Arc::new(
                object.iter().map(|(key, value)| (key.to_owned_text(), Node::from(value))).collect(),
            )),
        }
    }
}

/// Length of the canonical text of a string.
fn text_bytes(text: &Text<'_>) -> u32 {
    let mut out = Vec::new();
    write_text(text, &mut out);
    u32::try_from(out.len()).unwrap_or(u32::MAX)
}
