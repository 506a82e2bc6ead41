//! Values from JSON text and back. Number texts, the order of members and lone surrogates survive both ways.

use jaq_json::{Map, Num, Val};
use jaq_std::ValT as _;

use super::value::Value;
use crate::model::json::{Text, write_number, write_text};

/// Why a text is no value, and at which of its bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadText {
    pub(super) offset: usize,
    pub(super) reason: &'static str,
}

/// Reads one JSON value (RFC 8259).
///
/// # Errors
/// When the text is none, or nested deeper than [`Value::MAX_DEPTH`].
pub(super) fn read_value(text: &[u8]) -> Result<Value, BadText> {
    let mut reader = Reader { text, at: 0, depth: 0, deepest: 0 };
    let value = reader.value()?;
    reader.space();
    if reader.at < text.len() {
        return Err(reader.bad("something follows the value"));
    }
    Ok(Value::nested(value, reader.deepest))
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
    deepest: usize,
}

impl Reader<'_> {
    fn bad(&self, reason: &'static str) -> BadText {
        BadText { offset: self.at, reason }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self) -> Result<Val, BadText> {
        self.space();
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn nested(&mut self, inside: fn(&mut Self) -> Result<Val, BadText>) -> Result<Val, BadText> {
        if self.depth == Value::MAX_DEPTH {
            return Err(self.bad("it is nested too deeply"));
        }
        self.at += 1;
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        let value = inside(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Result<Val, BadText> {
        let mut members = Map::default();
        self.space();
        if self.eat(b'}') {
            return Ok(Val::obj(members));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.bad("a key was expected"));
            }
            let key = self.string()?;
            self.space();
            if !self.eat(b':') {
                return Err(self.bad("a colon was expected"));
            }
            let value = self.value()?;
            members.insert(key, value);
            self.space();
            if self.eat(b'}') {
                return Ok(Val::obj(members));
            }
            if !self.eat(b',') {
                return Err(self.bad("a comma or } was expected"));
            }
        }
    }

    fn array(&mut self) -> Result<Val, BadText> {
        let mut items = Vec::new();
        self.space();
        if self.eat(b']') {
            return Ok(items.into_iter().collect());
        }
        loop {
            items.push(self.value()?);
            self.space();
            if self.eat(b']') {
                return Ok(items.into_iter().collect());
            }
            if !self.eat(b',') {
                return Err(self.bad("a comma or ] was expected"));
            }
        }
    }

    fn word(&mut self) -> Result<Val, BadText> {
        for (word, value) in [("null", Val::Null), ("true", Val::Bool(true)), ("false", Val::Bool(false))] {
            if self.text[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.bad("a value was expected"))
    }

    /// Integers become integers of any size; everything else keeps its text until one calculates with it.
    fn number(&mut self) -> Result<Val, BadText> {
        let start = self.at;
        self.eat(b'-');
        let digits = |reader: &mut Self| {
            let start = reader.at;
            while matches!(reader.peek(), Some(b'0'..=b'9')) {
                reader.at += 1;
            }
            if reader.at > start { Ok(()) } else { Err(reader.bad("a digit was expected")) }
        };
        if !self.eat(b'0') {
            digits(self)?;
        }
        let mut whole = true;
        if self.eat(b'.') {
            whole = false;
            digits(self)?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            whole = false;
            let _ = self.eat(b'+') || self.eat(b'-');
            digits(self)?;
        }
        let text = String::from_utf8_lossy(&self.text[start..self.at]).into_owned();
        let integer = if whole && text != "-0" { Num::from_str_radix(&text, 10) } else { None };
        Ok(Val::Num(integer.unwrap_or_else(|| Num::Dec(text.into()))))
    }

    fn string(&mut self) -> Result<Val, BadText> {
        self.at += 1;
        let mut text = Vec::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(end) = memchr::memchr2(b'"', b'\\', rest) else {
                self.at = self.text.len();
                return Err(self.bad("a string does not end"));
            };
            if let Some(control) = rest[..end].iter().position(|byte| *byte < 0x20) {
                self.at += control;
                return Err(self.bad("a control character in a string is not escaped"));
            }
            text.extend_from_slice(&rest[..end]);
            self.at += end + 1;
            if rest[end] == b'"' {
                return Ok(Val::utf8_str(text));
            }
            self.escape(&mut text)?;
        }
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Result<(), BadText> {
        let byte = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                self.at += 1;
                let unit = self.hex()?;
                let low = match unit {
                    0xD800..=0xDBFF if self.text[self.at..].starts_with(b"\\u") => self.low_surrogate(),
                    _ => None,
                };
                let code = low.map_or(unit, |low| 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00));
                match char::from_u32(code) {
                    Some(char) => text.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
                    None => text.extend_from_slice(&surrogate_bytes(code)),
                }
                return Ok(());
            }
            _ => return Err(self.bad("an escape sequence was expected")),
        };
        self.at += 1;
        text.push(byte);
        Ok(())
    }

    /// The second half of a pair; if it is none, nothing is read.
    fn low_surrogate(&mut self) -> Option<u32> {
        let before = self.at;
        self.at += 2;
        let low = self.hex().ok().filter(|unit| (0xDC00..0xE000).contains(unit));
        if low.is_none() {
            self.at = before;
        }
        low
    }

    fn hex(&mut self) -> Result<u32, BadText> {
        let digits = self.text.get(self.at..self.at + 4).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let unit = digits.and_then(|digits| u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        let unit = unit.ok_or_else(|| self.bad("four hexadecimal digits were expected"))?;
        self.at += 4;
        Ok(unit)
    }
}

/// A lone surrogate as WTF-8 has it.
fn surrogate_bytes(unit: u32) -> [u8; 3] {
    let low = |shift: u32| 0x80 | u8::try_from((unit >> shift) & 0x3F).unwrap_or_default();
    [0xED, low(6), low(0)]
}

/// Writes a value as compact JSON.
pub(super) fn write_value(value: &Val, out: &mut Vec<u8>) {
    write_start(value, out, usize::MAX);
}

/// Writes a value as compact JSON, and stops when more than `most` bytes are there.
pub(super) fn write_start(value: &Val, out: &mut Vec<u8>, most: usize) {
    if out.len() > most {
        return;
    }
    match value {
        Val::Null => out.extend_from_slice(b"null"),
        Val::Bool(true) => out.extend_from_slice(b"true"),
        Val::Bool(false) => out.extend_from_slice(b"false"),
        Val::Num(number) => write_num(number, out),
        Val::TStr(text) | Val::BStr(text) => write_string(&text[..text.len().min(most)], out),
        Val::Arr(items) => {
            out.push(b'[');
            for (n, item) in items.iter().enumerate().take_while(|(n, _)| *n <= most) {
                if n > 0 {
                    out.push(b',');
                }
                write_start(item, out, most);
            }
            out.push(b']');
        }
        Val::Obj(members) => {
            out.push(b'{');
            for (n, (key, item)) in members.iter().enumerate().take_while(|(n, _)| *n <= most) {
                if n > 0 {
                    out.push(b',');
                }
                write_start(key, out, most);
                out.push(b':');
                write_start(item, out, most);
            }
            out.push(b'}');
        }
    }
}

/// A calculated double is printed as JavaScript does. What JSON has no number for is what jq prints for it.
fn write_num(number: &Num, out: &mut Vec<u8>) {
    match number {
        Num::Float(double) if double.is_infinite() => {
            out.extend_from_slice(if *double > 0.0 { b"1.7976931348623157e+308" } else { b"-1.7976931348623157e+308" });
        }
        Num::Float(double) => write_number(*double, out),
        other => out.extend_from_slice(other.to_string().as_bytes()),
    }
}

/// What is not UTF-8 is a lone surrogate, or was made of one.
fn write_string(mut text: &[u8], out: &mut Vec<u8>) {
    if std::str::from_utf8(text).is_ok() {
        return write_text(&Text::Borrowed(text), out);
    }
    out.push(b'"');
    while !text.is_empty() {
        let valid = std::str::from_utf8(text).map_or_else(|error| error.valid_up_to(), |_| text.len());
        let (good, rest) = text.split_at(valid);
        let mut piece = Vec::new();
        write_text(&Text::Borrowed(good), &mut piece);
        out.extend_from_slice(&piece[1..piece.len() - 1]);
        text = match rest {
            [0xED, high @ 0xA0..=0xBF, low @ 0x80..=0xBF, after @ ..] => {
                let unit = 0xD000 | u32::from(high & 0x3F) << 6 | u32::from(low & 0x3F);
                out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                after
            }
            [_, after @ ..] => {
                out.extend_from_slice("\u{fffd}".as_bytes());
                after
            }
            [] => rest,
        };
    }
    out.push(b'"');
}

/// Writes a result as `jq -r` does: a string is its text, anything else compact JSON.
pub(super) fn write_raw(value: &Val, out: &mut Vec<u8>) {
    match value.as_bytes() {
        Some(text) => out.extend_from_slice(String::from_utf8_lossy(text).as_bytes()),
        None => write_value(value, out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(text: &str) -> String {
        let mut out = Vec::new();
        write_value(&read_value(text.as_bytes()).unwrap().inner, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_value_comes_out_as_it_went_in() {
        for text in [
            r#"{"b":1,"a":[null,true,false,{}],"":[]}"#,
            "[0,-0,-1,9007199254740993,-123456789012345678901234567890,1.0,1e21,1e+21,1E-7,0.1,1e1000,-1e1000]",
            r#"["\ud800","x\udc00y","\ud800\ud800","é😀","\u0001\b\t\"\\/"]"#,
            r#"{"\ud800":1,"z":2,"A":3}"#,
        ] {
            assert_eq!(through(text), text);
        }
        assert_eq!(through("[\"\\ud83d\\ude00\\u0041\\/\" , 1 ]"), r#"["😀A/",1]"#);
        assert_eq!(through(r#"{"a":1,"b":2,"a":3}"#), r#"{"a":3,"b":2}"#);
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        for (text, offset) in [
            ("", 0),
            ("nul", 0),
            ("[1,]", 3),
            ("{1:2}", 1),
            ("{\"a\" 1}", 5),
            ("01", 1),
            ("1.", 2),
            ("-", 1),
            ("\"a", 2),
            ("\"\\x\"", 2),
            ("\"\\u12\"", 3),
            ("\"\u{1}\"", 1),
            ("1 2", 2),
            ("[", 1),
        ] {
            assert_eq!(read_value(text.as_bytes()).map_err(|bad| bad.offset), Err(offset), "{text}");
        }
    }

    #[test]
    fn what_json_cannot_hold_is_what_jq_prints() {
        let mut out = Vec::new();
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 3.0, -0.0, 1e21] {
            write_num(&Num::Float(number), &mut out);
            out.push(b' ');
        }
        assert_eq!(out, b"null 1.7976931348623157e+308 -1.7976931348623157e+308 3 0 1e+21 ");
    }
}
