//! What JavaScript does with a value of the wrong type: reads, conversions and their `TypeError`s.

use crate::model::json::{Json, Text};

/// A result, or the text of what JavaScript throws.
pub(super) type Checked<T> = Result<T, Text<'static>>;

/// Concatenates texts. A part that may start or end with a lone surrogate must not touch another such part, or the
/// two halves would have to become one character.
macro_rules! text {
    ($($part:expr),+ $(,)?) => {
        $crate::model::json::Text::Shared([$($part.as_bytes()),+].concat().into())
    };
}
pub(super) use text;

/// `value.key`; `None` is `undefined`.
///
/// # Errors
/// The `TypeError` of reading a member of `undefined` or `null`.
pub(super) fn read<'v, 'a>(value: Option<&'v Json<'a>>, key: &str) -> Checked<Option<&'v Json<'a>>> {
    match value {
        None => Err(unreadable("undefined", key)),
        Some(Json::Null) => Err(unreadable("null", key)),
        Some(value) => Ok(value.get(key)),
    }
}

/// `key in value`.
///
/// # Errors
/// The `TypeError` for a value that is neither an object nor an array.
pub(super) fn has(value: Option<&Json<'_>>, key: &str) -> Checked<bool> {
    match value {
        Some(Json::Object(object)) => Ok(object.get(key).is_some()),
        Some(Json::Array(_)) => Ok(false),
        _ => Err(text!["Cannot use 'in' operator to search for '", key, "' in ", to_text(value)?]),
    }
}

/// The items of an array on which `method` is about to be called; `name` is what the reference calls the array.
///
/// # Errors
/// The `TypeError` of calling `method` on anything else.
pub(super) fn items<'v, 'a>(value: Option<&'v Json<'a>>, name: &str, method: &str) -> Checked<&'v [Json<'a>]> {
    match value {
        Some(Json::Array(items)) => Ok(items),
        Some(Json::Null) => Err(unreadable("null", method)),
        None => Err(unreadable("undefined", method)),
        Some(_) => Err(not_a_function(name, method)),
    }
}

/// The `TypeError` of reading `key` of `null` or `undefined`.
pub(super) fn unreadable(value: &str, key: &str) -> Text<'static> {
    text!["Cannot read properties of ", value, " (reading '", key, "')"]
}

/// The `TypeError` of calling a method that the value called `name` does not have.
pub(super) fn not_a_function(name: &str, method: &str) -> Text<'static> {
    text![name, ".", method, " is not a function"]
}

/// `a === b`; two values from different places are never the same object.
pub(super) fn is_same(a: Option<&Json<'_>>, b: Option<&Json<'_>>) -> bool {
    !matches!(a, Some(Json::Array(_) | Json::Object(_))) && a == b
}

/// `value == text` (ECMA-262 §7.2.13).
///
/// # Errors
/// As for [`to_text`].
pub(super) fn equals_text(value: Option<&Json<'_>>, text: &Text<'_>) -> Checked<bool> {
    Ok(match value {
        None | Some(Json::Null) => false,
        Some(Json::String(value)) => value == text,
        #[expect(clippy::float_cmp, reason = "that is what the operator does")]
        Some(Json::Bool(_) | Json::Number(_)) => to_number(value)? == text.as_str().map_or(f64::NAN, parse_number),
        Some(Json::Array(_) | Json::Object(_)) => to_text(value)? == *text,
    })
}

/// `String(value)` (ECMA-262 §7.1.17).
///
/// # Errors
/// The `TypeError` for an object whose own `toString`, being JSON, cannot be called.
pub(super) fn to_text(value: Option<&Json<'_>>) -> Checked<Text<'static>> {
    /// Arrays print flat, whatever their nesting, so that a list of what is left replaces recursion.
    enum Piece<'v, 'a> {
        Comma,
        Value(&'v Json<'a>),
    }
    let value = match value {
        None => return Ok("undefined".into()),
        Some(Json::Null) => return Ok("null".into()),
        Some(value) => value,
    };
    let mut out = Vec::new();
    let mut pending = vec![Piece::Value(value)];
    while let Some(piece) = pending.pop() {
        match piece {
            Piece::Comma => out.push(b','),
            Piece::Value(Json::Null) => {}
            Piece::Value(Json::Bool(bool)) => out.extend_from_slice(bool.to_string().as_bytes()),
            Piece::Value(Json::Number(number)) => out.extend_from_slice(number_text(*number).as_bytes()),
            Piece::Value(Json::String(text)) => out.extend_from_slice(text.as_bytes()),
            Piece::Value(Json::Array(items)) => {
                for (n, item) in items.iter().enumerate().rev() {
                    pending.push(Piece::Value(item));
                    if n > 0 {
                        pending.push(Piece::Comma);
                    }
                }
            }
            Piece::Value(Json::Object(object)) if object.get("toString").is_some() => {
                return Err("Cannot convert object to primitive value".into());
            }
            Piece::Value(Json::Object(_)) => out.extend_from_slice(b"[object Object]"),
        }
    }
    Ok(Text::Shared(out.into()))
}

/// `Number(value)` (ECMA-262 §7.1.4).
///
/// # Errors
/// As for [`to_text`].
pub(super) fn to_number(value: Option<&Json<'_>>) -> Checked<f64> {
    Ok(match value {
        None => f64::NAN,
        Some(Json::Null) => 0.0,
        Some(Json::Bool(bool)) => f64::from(u8::from(*bool)),
        Some(Json::Number(number)) => *number,
        Some(_) => to_text(value)?.as_str().map_or(f64::NAN, parse_number),
    })
}

/// The own members that `{...value}` copies: of a string, its UTF-16 code units.
pub(super) fn spread(value: &Json<'_>) -> Vec<(Text<'static>, Json<'static>)> {
    let index = |n: usize| Text::from(n.to_string());
    match value {
        Json::Object(object) => {
            object.iter().map(|(key, value)| (key.to_owned_text(), value.to_owned_json())).collect()
        }
        Json::Array(items) => items.iter().enumerate().map(|(n, item)| (index(n), item.to_owned_json())).collect(),
        Json::String(text) => text.utf16().enumerate().map(|(n, unit)| (index(n), unit_text(unit).into())).collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) => Vec::new(),
    }
}

/// `String(number)`.
pub(super) fn number_text(number: f64) -> String {
    ryu_js::Buffer::new().format(number).to_owned()
}

/// A string as a number (ECMA-262 §7.1.4.1.1); digits of another radix are cut at 2⁶⁴.
fn parse_number(text: &str) -> f64 {
    let text = text.trim_matches(|char: char| {
        // JavaScript's white space is Unicode's without U+0085 and with the byte order mark.
        char == '\u{FEFF}' || (char != '\u{85}' && char.is_whitespace())
    });
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if text.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(prefix)) {
            let digits = &text[2..];
            if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
                return f64::NAN;
            }
            #[expect(clippy::cast_precision_loss, reason = "JavaScript rounds, too")]
            return u64::from_str_radix(digits, radix).unwrap_or(u64::MAX) as f64;
        }
    }
    match text {
        "" => 0.0,
        "Infinity" | "+Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        // Rust also reads "inf" and "nan", JavaScript only digits.
        _ if text.contains(|char: char| !matches!(char, '0'..='9' | '.' | 'e' | 'E' | '+' | '-')) => f64::NAN,
        _ => text.parse().unwrap_or(f64::NAN),
    }
}

fn unit_text(unit: u16) -> Text<'static> {
    char::from_u32(u32::from(unit)).map_or_else(|| surrogate(unit), |char| char.to_string().into())
}

/// A lone surrogate in WTF-8: three bytes, like any other character of its size.
fn surrogate(unit: u16) -> Text<'static> {
    let [high, low] = unit.to_be_bytes();
    let middle = (high & 0x0F) << 2 | low >> 6;
    Text::Shared([0xE0 | high >> 4, 0x80 | middle, 0x80 | (low & 0x3F)].into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::json::parse;

    #[test]
    fn values_print_as_javascript_prints_them() {
        let print = |text: &str| to_text(Some(&parse(text.as_bytes()).unwrap())).unwrap().to_string();
        assert_eq!(print("[1e23,null,[true],{},\"x\"]"), "1e+23,,true,[object Object],x");
        assert_eq!(print("-0"), "0");
        assert_eq!(print("1e999"), "Infinity");
        assert_eq!(to_text(Some(&f64::NAN.into())).unwrap().to_string(), "NaN");
    }
}
