//! From rows to lines.

use std::io::Write as _;

use serde_json::value::RawValue;

use crate::model::operation::Action;
use crate::model::time::Timestamp;
use crate::store::{InsertedKeyframe, InsertedOperation, Previous};

/// Appends the line of an operation to `out`, without a line break. What the store does not say is left out.
///
/// # Errors
/// When the action is not UTF-8, which a line cannot hold: where its text ends.
pub fn encode_operation(row: &InsertedOperation<'_>, out: &mut Vec<u8>) -> Result<(), std::str::Utf8Error> {
    let InsertedOperation { stream, row, previous, written, job_id, .. } = row;
    let action = std::str::from_utf8(row.action)?;
    let mut members = Members::open(out);
    members.text("documentId", stream.document.as_str());
    members.text("documentType", row.document_type);
    members.text("scope", stream.scope.as_str());
    members.text("branch", stream.branch.as_str());
    members.number("index", row.index.get());
    members.text("opId", row.id);
    if *previous == Previous::Given {
        members.text("prevOpId", row.previous_id);
    }
    members.time("timestampUtcMs", row.timestamp);
    written.inspect(|written| members.time("writeTimestampUtcMs", *written));
    job_id.inspect(|job_id| members.text("jobId", job_id));
    members.number("skip", row.skip.map_or(0, std::num::NonZeroU32::get));
    members.text("hash", row.hash);
    row.error.inspect(|error| members.text("error", error));
    row.denied.inspect(|denied| members.text("deniedReason", denied));
    members.json("action", action, stands_as_object(action) && Action::parse_head(action.as_bytes()).is_ok());
    members.close();
    Ok(())
}

/// Appends the line of a keyframe to `out`, without a line break.
pub fn encode_keyframe(row: &InsertedKeyframe<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"keyframe\":");
    let mut members = Members::open(out);
    members.text("documentId", row.stream.document.as_str());
    members.text("documentType", row.document_type);
    members.text("scope", row.stream.scope.as_str());
    members.text("branch", row.stream.branch.as_str());
    members.number("revision", row.label);
    members.time("createdAt", row.created);
    members.json("document", row.document, stands_as_object(row.document));
    members.close();
    out.push(b'}');
}

/// Whether a text comes back byte for byte when it stands in a line as it is: a JSON object with nothing around it
/// (white space around a value is not part of it) and on one line.
fn stands_as_object(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.starts_with(b"{")
        && bytes.ends_with(b"}")
        && memchr::memchr2(b'\n', b'\r', bytes).is_none()
        && serde_json::from_str::<&RawValue>(text).is_ok()
}

/// Members of an object, one after the other.
struct Members<'o> {
    out: &'o mut Vec<u8>,
    before: u8,
}

impl<'o> Members<'o> {
    fn open(out: &'o mut Vec<u8>) -> Self {
        Members { out, before: b'{' }
    }

    fn name(&mut self, name: &str) {
        self.out.push(self.before);
        self.before = b',';
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        serde_json::to_writer(&mut *self.out, text).expect("a vector takes everything");
    }

    fn number(&mut self, name: &str, number: impl std::fmt::Display) {
        self.name(name);
        write!(self.out, "{number}").expect("a vector takes everything");
    }

    fn time(&mut self, name: &str, time: Timestamp) {
        self.name(name);
        write!(self.out, "\"{time}\"").expect("a vector takes everything");
    }

    /// A text of JSON: as it is, or in a string.
    fn json(&mut self, name: &str, text: &str, as_it_is: bool) {
        if as_it_is {
            self.name(name);
            self.out.extend_from_slice(text.as_bytes());
        } else {
            self.text(name, text);
        }
    }

    fn close(self) {
        self.out.push(b'}');
    }
}
