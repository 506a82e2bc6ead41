//! White space between the tokens of a JSON text. The tokens stay as they are written: the order of members, the digits
//! of numbers, the escapes of strings.

use std::io::{self, Write};

/// Appends `text`, which has to be JSON, without white space between its tokens.
pub fn write_compact(text: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let end = token_end(text, at);
        if !is_space(byte) {
            out.extend_from_slice(&text[at..end]);
        }
        at = end;
    }
}

/// Writes `text`, which has to be JSON, as `JSON.stringify(value, null, 2)` lays it out (ECMA-262 §25.5.2) where it
/// stands `level` levels deep. The first line is not indented.
///
/// Deeply nested texts become much longer, so whoever has to bound that counts what is written.
///
/// # Errors
/// What `out` says.
pub fn write_pretty(text: &[u8], level: usize, out: &mut dyn Write) -> io::Result<()> {
    let mut level = level;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let end = token_end(text, at);
        match byte {
            byte if is_space(byte) => {}
            b'{' | b'[' => {
                out.write_all(&[byte])?;
                let next = text[end..].iter().position(|byte| !is_space(*byte)).map_or(text.len(), |n| end + n);
                if let Some(close @ (b'}' | b']')) = text.get(next) {
                    out.write_all(&[*close])?;
                    at = next + 1;
                    continue;
                }
                level += 1;
                new_line(level, out)?;
            }
            b'}' | b']' => {
                level = level.saturating_sub(1);
                new_line(level, out)?;
                out.write_all(&[byte])?;
            }
            b',' => {
                out.write_all(b",")?;
                new_line(level, out)?;
            }
            b':' => out.write_all(b": ")?,
            _ => out.write_all(&text[at..end])?,
        }
        at = end;
    }
    Ok(())
}

fn new_line(level: usize, out: &mut dyn Write) -> io::Result<()> {
    const SPACES: &[u8] = &[b' '; 64];
    out.write_all(b"\n")?;
    let mut left = level * 2;
    while left > 0 {
        let n = left.min(SPACES.len());
        out.write_all(&SPACES[..n])?;
        left -= n;
    }
    Ok(())
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Where the token that starts at `at` ends: a string, a piece of punctuation or of white space, or a run of anything
/// else.
fn token_end(text: &[u8], at: usize) -> usize {
    let punctuation = |byte: u8| matches!(byte, b'{' | b'}' | b'[' | b']' | b',' | b':' | b'"') || is_space(byte);
    match text[at] {
        b'"' => {
            let mut end = at + 1;
            while let Some(&byte) = text.get(end) {
                match byte {
                    b'"' => return end + 1,
                    b'\\' => end += 2,
                    _ => end += 1,
                }
            }
            text.len()
        }
        byte if punctuation(byte) => at + 1,
        _ => text[at..].iter().position(|byte| punctuation(*byte)).map_or(text.len(), |n| at + n),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compact(text: &str) -> String {
        let mut out = Vec::new();
        write_compact(text.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    fn pretty(text: &str, level: usize) -> String {
        let mut out = Vec::new();
        write_pretty(text.as_bytes(), level, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_white_space_between_tokens_changes() {
        let odd = " {\t\"b\" : [ 1.50 , -0,\r\n1E400 ] , \"b\":{ } ,\n\"a\\\" b\" :\"\\ud800 [ , ]\" } ";
        let plain = r#"{"b":[1.50,-0,1E400],"b":{},"a\" b":"\ud800 [ , ]"}"#;
        assert_eq!(compact(odd), plain);
        assert_eq!(compact(&pretty(plain, 3)), plain);
        assert_eq!(pretty(odd, 0), pretty(plain, 0));
    }

    #[test]
    fn two_spaces_a_level_and_nothing_within_what_is_empty() {
        let expected = "{\n  \"a\": [\n    1,\n    [],\n    {}\n  ],\n  \"b\": {\n    \"c\": null\n  }\n}";
        assert_eq!(pretty(r#"{"a":[1,[ ],{ }],"b":{"c":null}}"#, 0), expected);
        assert_eq!(pretty("[1]", 2), "[\n      1\n    ]");
        assert_eq!(pretty("true", 5), "true");
        // What serde_json writes agrees with JavaScript here.
        let value: serde_json::Value = serde_json::from_str(expected).unwrap();
        assert_eq!(serde_json::to_string_pretty(&value).unwrap(), expected);
    }

    #[test]
    fn what_is_no_json_is_no_panic() {
        for text in ["\"", "\"\\", "]]}}", "{", "{ ", ":,", "\"a\\\"", ""] {
            compact(text);
            pretty(text, 0);
        }
    }
}
