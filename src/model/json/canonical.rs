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
    let mut rest = text.as_bytes();
    out.reserve(rest.len() + 2);
    out.push(b'"');
    loop {
        let (plain, special) = rest.split_at(n_plain(rest));
        out.extend_from_slice(plain);
        let Some((&byte, mut after)) = special.split_first() else { break };
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0C => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            0xED => match after {
                // Lone surrogates are the only characters from 0xED 0xA0 to 0xED 0xBF.
                [second, third, others @ ..] if *second >= 0xA0 => {
                    let low = |byte: &u8| u16::from(byte & 0x3F);
                    write_escape(0xD000 | low(second) << 6 | low(third), out);
                    after = others;
                }
                _ => out.push(byte),
            },
            control => write_escape(u16::from(control), out),
        }
        rest = after;
    }
    out.push(b'"');
}

/// How many bytes come before the first that may have to be escaped. Looks at eight of them at a time.
fn n_plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let special = |byte: u8| byte < 0x20 || matches!(byte, b'"' | b'\\' | 0xED);
    let (words, _) = bytes.as_chunks();
    let is_plain = |word: &&[u8; 8]| {
        let word = u64::from_ne_bytes(**word);
        // High bits of bytes below `n`; where a lower byte is one, a higher one may be taken for one, too.
        let below = |word: u64, n: u64| word.wrapping_sub(ONES * n) & !word;
        let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
        (below(word, 0x20) | is(b'"') | is(b'\\') | is(0xED)) & HIGH == 0
    };
    let start = 8 * words.iter().take_while(is_plain).count();
    start + bytes[start..].iter().take_while(|byte| !special(**byte)).count()
}

fn write_escape(unit: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        out.push(b"0123456789abcdef"[usize::from(unit >> shift & 0xF)]);
    }
}
