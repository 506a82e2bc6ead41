//! The canonical text of a value (reactor format §3.2): what is hashed, and what is printed.

use super::{Json, Text, write_number};

/// The canonical text of `value`: no white space, sorted keys, JavaScript's numbers.
#[must_use]
pub fn canonical(value: &Json<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    write_canonical(value, &mut out);
    out
}

/// Appends the canonical text of `value`.
pub fn write_canonical(value: &Json<'_>, out: &mut Vec<u8>) {
    match value {
        Json::Null => out.extend_from_slice(b"null"),
        Json::Bool(true) => out.extend_from_slice(b"true"),
        Json::Bool(false) => out.extend_from_slice(b"false"),
        Json::Number(number) => write_number(*number, out),
        Json::String(text) => write_text(text, out),
        Json::Array(items) => {
            out.push(b'[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                write_canonical(item, out);
            }
            out.push(b']');
        }
        Json::Object(object) => {
            out.push(b'{');
            for (n, (key, member)) in object.iter().enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                write_text(key, out);
                out.push(b':');
                write_canonical(member, out);
            }
            out.push(b'}');
        }
    }
}

/// Appends `text` as a JSON string: only `"`, `\`, control characters below U+0020 and lone
/// surrogates are escaped.
pub fn write_text(text: &Text<'_>, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    let mut copied = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        // Lone surrogates are the only characters from 0xED 0xA0 to 0xED 0xBF.
        let surrogate = byte == 0xED && bytes.get(at + 1).is_some_and(|&next| next >= 0xA0);
        if byte >= 0x20 && byte != b'"' && byte != b'\\' && !surrogate {
            continue;
        }
        out.extend_from_slice(&bytes[copied..at]);
        copied = at + 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0C => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            0xED => {
                let low = |at: usize| u16::from(bytes.get(at).copied().unwrap_or(0x80) & 0x3F);
                write_escape(0xD000 | low(at + 1) << 6 | low(at + 2), out);
                copied = bytes.len().min(at + 3);
            }
            control => write_escape(u16::from(control), out),
        }
    }
    out.extend_from_slice(&bytes[copied..]);
    out.push(b'"');
}

fn write_escape(unit: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        out.push(b"0123456789abcdef"[usize::from(unit >> shift & 0xF)]);
    }
}
