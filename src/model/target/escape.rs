//! `%XX` in the parts of a target.

use std::fmt::Write as _;

/// Escapes a part of a target: `/`, `@`, `:`, `%` and control characters become `%XX`, one for each byte of UTF-8.
#[must_use]
pub fn escape(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    for char in part.chars() {
        if !matches!(char, '/' | '@' | ':' | '%') && !char.is_control() {
            out.push(char);
            continue;
        }
        for byte in char.encode_utf8(&mut [0; 4]).bytes() {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Replaces `%XX` by the byte it stands for; the reason as text when there is no such byte or the result is not UTF-8.
pub(super) fn unescape(part: &str) -> Result<String, String> {
    let mut pieces = part.split('%');
    let mut out = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let digits = piece.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
            let shown: String = piece.chars().take(2).collect();
            return Err(format!("\"%{shown}\" is no escape: two hexadecimal digits follow a %, which itself is %25"));
        };
        out.push(byte);
        out.extend_from_slice(&piece.as_bytes()[2..]);
    }
    String::from_utf8(out).map_err(|_| "its %XX escapes do not make UTF-8 text".to_owned())
}
