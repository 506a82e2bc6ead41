//! What another database could not store as it is (reactor format §2.1: jsonb of PostgreSQL).

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::model::json::{Json, Text, parse};

/// What of an action's text another database would refuse or change; `None` if nothing.
pub(super) fn unportable(action: &[u8]) -> Option<&'static str> {
    if !may_be_unportable(action) {
        return None;
    }
    find(&parse(action).ok()?)
}

/// Whether it is worth the while to parse: characters that JSON text can hold as escapes only, and a minus before a zero
/// where a number may begin.
fn may_be_unportable(action: &[u8]) -> bool {
    static ESCAPE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\\u"));
    static MINUS_ZERO: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"-0"));
    ESCAPE.find(action).is_some()
        || MINUS_ZERO.find_iter(action).any(|at| {
            let before = action[..at]
                .last()
                .is_some_and(|byte| matches!(byte, b':' | b',' | b'[' | b' ' | b'\n' | b'\t' | b'\r'));
            let after = action.get(at + 2).is_none_or(|byte| !byte.is_ascii_digit());
            before && after
        })
}

fn find(value: &Json<'_>) -> Option<&'static str> {
    match value {
        Json::Null | Json::Bool(_) => None,
        Json::Number(number) => (*number == 0.0 && number.is_sign_negative()).then_some("-0, which becomes 0"),
        Json::String(text) => find_in_text(text),
        Json::Array(items) => items.iter().find_map(find),
        Json::Object(members) => members.iter().find_map(|(key, value)| find_in_text(key).or_else(|| find(value))),
    }
}

fn find_in_text(text: &Text<'_>) -> Option<&'static str> {
    if text.as_bytes().contains(&0) {
        return Some("U+0000, which is refused");
    }
    text.as_str().is_none().then_some("half a surrogate pair, which is refused")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_jsonb_cannot_hold_is_found() {
        for (text, found) in [
            (r#"{"a":"2025-01-01 , -0 "}"#, None),
            (r#"{"a":-0}"#, Some("-0, which becomes 0")),
            (r"[1, -0.000]", Some("-0, which becomes 0")),
            (r"[1, -0.5]", None),
            (r#"{"\u0000":1}"#, Some("U+0000, which is refused")),
            (r#"["\u0001","\ud83d\ude00"]"#, None),
            (r#"["\ud83d"]"#, Some("half a surrogate pair, which is refused")),
        ] {
            assert_eq!(unportable(text.as_bytes()), found, "{text}");
        }
    }
}
