//! The text with which the reference refuses a document-level action.

use crate::model::operation::Action;

/// The text for `action`.
pub(super) fn error(action: &Action<'_>) -> String {
    format!("[\n  {{\n    \"code\": \"invalid_union\"\n  }}\n] {}", action.kind)
}
