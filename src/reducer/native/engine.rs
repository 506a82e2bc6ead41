//! What the JavaScript engine says when a reducer trips over a value (V8's texts), and how an action's error
//! text is put together.

use crate::model::json::{Json, Text};

/// The text that a failed action records.
pub(super) type Failure = Text<'static>;

/// Joins parts to one text. Lone surrogates must not meet where two parts do; next to ASCII they cannot.
pub(super) fn failure(parts: &[&[u8]]) -> Failure {
    Text::Shared(parts.concat().into())
}

/// A property was read of `undefined` or `null`.
pub(super) fn cannot_read(of: &str, property: &str) -> Failure {
    format!("Cannot read properties of {of} (reading '{property}')").into()
}

/// A property was set on `undefined` or `null`.
pub(super) fn cannot_set(of: &str, property: &str) -> Failure {
    format!("Cannot set properties of {of} (setting '{property}')").into()
}

/// A member that is no index was set on an array: the drafts that reducers work on refuse that.
pub(super) fn cannot_set_on_array() -> Failure {
    Text::from("Only supports setting array indices and the 'length' property.")
}

/// A property was set on a string, number or boolean.
pub(super) fn cannot_create(property: &str, on: &Json<'_>) -> Failure {
    let value = to_js_string(Some(on));
    failure(&[
        b"Cannot create property '",
        property.as_bytes(),
        b"' on ",
        on.type_name().as_bytes(),
        b" '",
        value.as_bytes(),
        b"'",
    ])
}

/// Something that is not a function was called.
pub(super) fn not_a_function(expression: &str) -> Failure {
    format!("{expression} is not a function").into()
}

/// A recursion did not end.
pub(super) fn stack_exceeded() -> Failure {
    Text::from("Maximum call stack size exceeded")
}

/// The member `key` of `value` as an expression reads it: absent on other primitives than `null`.
///
/// # Errors
/// When `value` is `null`.
pub(super) fn member<'v>(value: &'v Json<'static>, key: &str) -> Result<Option<&'v Json<'static>>, Failure> {
    if value.is_null() { Err(cannot_read("null", key)) } else { Ok(value.get(key)) }
}

/// `a === b` for values read from different places: no array or object is the same as another.
pub(super) fn strictly_equal(a: Option<&Json<'_>>, b: Option<&Json<'_>>) -> bool {
    match (a, b) {
        (Some(Json::Array(_) | Json::Object(_)), _) => false,
        (Some(a), Some(b)) => a == b,
        (None, None) => true,
        _ => false,
    }
}

/// `String(value)`.
pub(super) fn to_js_string(value: Option<&Json<'_>>) -> Text<'static> {
    match value {
        None => Text::from("undefined"),
        Some(Json::Null) => Text::from("null"),
        Some(Json::Bool(bool)) => bool.to_string().into(),
        Some(Json::Number(number)) => number_text(*number).into(),
        Some(Json::String(text)) => text.to_owned_text(),
        Some(Json::Array(items)) => {
            let items = items.iter().map(|item| match item {
                Json::Null => Text::from(""),
                item => to_js_string(Some(item)),
            });
            failure(&[&items.map(|item| item.as_bytes().to_vec()).collect::<Vec<_>>().join(&b',')])
        }
        Some(Json::Object(_)) => Text::from("[object Object]"),
    }
}

/// `String(number)`.
pub(super) fn number_text(number: f64) -> String {
    ryu_js::Buffer::new().format(number).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::json::parse;

    #[test]
    fn values_print_as_javascript_prints_them() {
        let print = |text: &str| to_js_string(Some(&parse(text.as_bytes()).unwrap())).to_string();
        assert_eq!(print("[1e23,null,[true],{},\"x\"]"), "1e+23,,true,[object Object],x");
        assert_eq!(print("-0"), "0");
        assert_eq!(print("1e999"), "Infinity");
        assert_eq!(
            cannot_create("name", &Json::Number(5.0)).to_string(),
            "Cannot create property 'name' on number '5'"
        );
    }
}
