//! The JSON Schema of a line.

use serde_json::{Value, json};

/// The JSON Schema (draft 2020-12) of a line, as an export writes it and an import reads it. An export writes every
/// member that a row has; an import derives what is not required.
#[must_use]
pub fn line_schema() -> Value {
    let text = |about: &str| json!({ "description": about, "type": "string" });
    let optional = |about: &str| json!({ "description": about, "type": ["string", "null"] });
    let time = |about: &str| json!({ "description": about, "type": ["string", "number", "null"] });
    let index = |about: &str| json!({ "description": about, "type": "integer", "minimum": 0, "maximum": i64::MAX });
    let stored = |about: &str| json!({ "description": about, "type": ["object", "string"] });
    let document = text("The document's id");
    let document_type = text("The type of the document");
    let branch = optional("The branch; main if absent");
    json!({
        "oneOf": [
            {
                "title": "An operation",
                "type": "object",
                "properties": {
                    "id": { "description": "The row's number in a dump; not read" },
                    "documentId": document,
                    "documentType": document_type,
                    "scope": optional("The scope; the action's if absent, else global"),
                    "branch": branch,
                    "index": index("The position in the stream, from 0"),
                    "opId": optional("The operation's id; derived from the stream and the action's id if absent"),
                    "prevOpId": optional("The id of the operation before it; derived if absent"),
                    "timestampUtcMs": time("When it happened, RFC 3339 or milliseconds since 1970; the action's time if absent"),
                    "writeTimestampUtcMs": time("When the row was written; timestampUtcMs if absent"),
                    "jobId": optional("What the row was written for"),
                    "skip": { "description": "How many positions before it are retracted; 0 if absent", "type": ["integer", "null"], "minimum": 0, "maximum": u32::MAX },
                    "hash": optional("The hash of the state of its scope after it; empty if absent"),
                    "error": optional("What the reducer said when it failed"),
                    "deniedReason": optional("Why it was not let through"),
                    "action": stored("The action, kept byte for byte; as a string it is the text of the action")
                },
                "required": ["documentId", "documentType", "index", "action"]
            },
            {
                "title": "A keyframe",
                "type": "object",
                "properties": {
                    "keyframe": {
                        "description": "The keyframe's row",
                        "type": "object",
                        "properties": {
                            "id": { "description": "The row's number in a dump; not read" },
                            "documentId": document,
                            "documentType": document_type,
                            "scope": optional("The scope; global if absent"),
                            "branch": branch,
                            "revision": index("The last operation that the document includes"),
                            "createdAt": time("When the row was written"),
                            "document": stored("The document, kept byte for byte; as a string it is the text of the document")
                        },
                        "required": ["documentId", "documentType", "revision", "createdAt", "document"]
                    }
                },
                "required": ["keyframe"]
            }
        ]
    })
}
