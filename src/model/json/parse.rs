//! Parsing JSON text as `JSON.parse` does (ECMA-262 §25.5.1).

use super::number::{LONG_TOKEN, parse_long};
use super::{Json, Object, Text};

/// How deeply arrays and objects may be nested. SQLite's own JSON functions stop at the same depth.
pub const MAX_DEPTH: usize = 1000;

/// Why a text is not JSON, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct ParseError {
    /// Bytes before the fault.
    pub offset: usize,
    /// What is wrong.
    pub kind: ParseErrorKind,
}

/// What is wrong with a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseErrorKind {
    /// The text stops inside a value.
    #[error("unexpected end of JSON text")]
    Truncated,
    /// A character that cannot stand here.
    #[error("unexpected character in JSON text")]
    Unexpected,
    /// Something follows the value.
    #[error("text after the JSON value")]
    Trailing,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("JSON nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// The bytes are not UTF-8.
    #[error("invalid UTF-8")]
    InvalidUtf8,
    /// A control character, or a `\` that no known escape follows, inside a string.
    #[error("invalid character or escape in a JSON string")]
    InvalidString,
}

/// Parses one JSON value; white space around it is allowed.
///
/// # Errors
/// The first fault in the text, with its byte offset.
pub fn parse(text: &[u8]) -> Result<Json<'_>, ParseError> {
    if let Err(error) = std::str::from_utf8(text) {
        return Err(ParseError { offset: error.valid_up_to(), kind: ParseErrorKind::InvalidUtf8 });
    }
    let mut parser = Parser::new(text);
    let value = parser.value()?;
    parser.end()?;
    Ok(value)
}

/// Walks a text that is known to be UTF-8.
pub(in crate::model) struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
}

type Parsed<T> = Result<T, ParseError>;

impl<'a> Parser<'a> {
    /// `text` must be UTF-8.
    pub(in crate::model) fn new(text: &'a [u8]) -> Self {
        Parser { text, at: 0, depth: 0 }
    }

    /// Parses the value that starts here.
    pub(in crate::model) fn value(&mut self) -> Parsed<Json<'a>> {
        self.skip_space();
        match self.peek() {
            Some(b'"') => self.string().map(Json::String),
            Some(b'{') => {
                let mut members = Vec::new();
                self.members(&mut |parser, key| {
                    members.push((key, parser.value()?));
                    Ok(())
                })?;
                Ok(Json::Object(Object::from_members(members)))
            }
            Some(b'[') => self.array(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'n') => self.word(b"null", Json::Null),
            Some(b't') => self.word(b"true", Json::Bool(true)),
            Some(b'f') => self.word(b"false", Json::Bool(false)),
            _ => Err(self.unexpected()),
        }
    }

    /// Parses the object that starts here; `member` is called after each key and must parse the value.
    /// Returns `false`, having read nothing, when the value is not an object.
    pub(in crate::model) fn members(
        &mut self,
        member: &mut dyn FnMut(&mut Self, Text<'a>) -> Parsed<()>,
    ) -> Parsed<bool> {
        self.skip_space();
        if self.peek() != Some(b'{') {
            return Ok(false);
        }
        self.descend()?;
        self.skip_space();
        if !self.take(b'}') {
            loop {
                self.skip_space();
                if self.peek() != Some(b'"') {
                    return Err(self.unexpected());
                }
                let key = self.string()?;
                self.skip_space();
                if !self.take(b':') {
                    return Err(self.unexpected());
                }
                member(self, key)?;
                self.skip_space();
                if self.take(b'}') {
                    break;
                }
                if !self.take(b',') {
                    return Err(self.unexpected());
                }
            }
        }
        self.depth -= 1;
        Ok(true)
    }

    /// Checks that nothing but white space is left.
    pub(in crate::model) fn end(&mut self) -> Parsed<()> {
        self.skip_space();
        if self.at < self.text.len() { Err(self.fault(ParseErrorKind::Trailing)) } else { Ok(()) }
    }

    fn array(&mut self) -> Parsed<Json<'a>> {
        let mut items = Vec::new();
        self.items(&mut |parser| {
            items.push(parser.value()?);
            Ok(())
        })?;
        Ok(Json::Array(items))
    }

    /// Parses the array that starts here; `item` must parse each of its values. Returns `false`, having read nothing,
    /// when the value is not an array.
    pub(in crate::model) fn items(&mut self, item: &mut dyn FnMut(&mut Self) -> Parsed<()>) -> Parsed<bool> {
        self.skip_space();
        if self.peek() != Some(b'[') {
            return Ok(false);
        }
        self.descend()?;
        self.skip_space();
        if !self.take(b']') {
            loop {
                item(self)?;
                self.skip_space();
                if self.take(b']') {
                    break;
                }
                if !self.take(b',') {
                    return Err(self.unexpected());
                }
            }
        }
        self.depth -= 1;
        Ok(true)
    }

    /// Passes over the value that starts here, and returns its text. It may be nested as deeply as a text of its own.
    pub(in crate::model) fn raw(&mut self) -> Parsed<&'a [u8]> {
        self.skip_space();
        let start = self.at;
        let outside = std::mem::take(&mut self.depth);
        self.pass()?;
        self.depth = outside;
        Ok(&self.text[start..self.at])
    }

    /// Passes over the value that starts here, without holding it.
    pub(in crate::model) fn pass(&mut self) -> Parsed<()> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.members(&mut |parser, _| parser.pass()).map(drop),
            Some(b'[') => self.items(&mut Self::pass).map(drop),
            _ => self.value().map(drop),
        }
    }

    /// Bytes before what comes next.
    pub(in crate::model) fn offset(&mut self) -> usize {
        self.skip_space();
        self.at
    }

    fn number(&mut self) -> Parsed<Json<'a>> {
        let start = self.at;
        let negative = self.take(b'-');
        let digits = self.at;
        if !self.take(b'0') && self.digits() == 0 {
            return Err(self.unexpected());
        }
        let mut whole = self.at - digits <= 15;
        if self.take(b'.') {
            whole = false;
            if self.digits() == 0 {
                return Err(self.unexpected());
            }
        }
        if let Some(b'e' | b'E') = self.peek() {
            whole = false;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(self.unexpected());
            }
        }
        let token = &self.text[start..self.at];
        if whole {
            // Fifteen digits are exact in a double.
            let magnitude =
                self.text[digits..self.at].iter().fold(0.0, |sum, digit| sum * 10.0 + f64::from(digit - b'0'));
            return Ok(Json::Number(if negative { -magnitude } else { magnitude }));
        }
        let parsed = if token.len() > LONG_TOKEN {
            parse_long(token)
        } else {
            std::str::from_utf8(token).ok().and_then(|token| token.parse().ok())
        };
        parsed.map(Json::Number).ok_or(ParseError { offset: start, kind: ParseErrorKind::Unexpected })
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        self.at - start
    }

    /// Parses the string whose opening quote is here.
    fn string(&mut self) -> Parsed<Text<'a>> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let bytes = &self.text[start..self.at];
                    self.at += 1;
                    return Ok(Text::borrowed_wtf8(bytes));
                }
                Some(b'\\') => return self.escaped_string(start),
                Some(0x20..) => self.at += 1,
                Some(_) => return Err(self.fault(ParseErrorKind::InvalidString)),
                None => return Err(self.fault(ParseErrorKind::Truncated)),
            }
        }
    }

    /// Continues a string at its first `\`; the text from `start` to here is plain.
    fn escaped_string(&mut self, start: usize) -> Parsed<Text<'a>> {
        let mut out = self.text[start..self.at].to_vec();
        loop {
            let byte = self.peek().ok_or(self.fault(ParseErrorKind::Truncated))?;
            self.at += 1;
            match byte {
                b'"' => return Ok(Text::from_wtf8(out)),
                b'\\' => self.escape(&mut out)?,
                0x20.. => out.push(byte),
                _ => {
                    self.at -= 1;
                    return Err(self.fault(ParseErrorKind::InvalidString));
                }
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Parsed<()> {
        let kind = self.peek().ok_or(self.fault(ParseErrorKind::Truncated))?;
        let plain = match kind {
            b'"' | b'\\' | b'/' => kind,
            b'b' => 0x08,
            b'f' => 0x0C,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                self.at += 1;
                let unit = self.hex4()?;
                let mut code = unit;
                if (0xD800..0xDC00).contains(&unit) && self.text[self.at..].starts_with(b"\\u") {
                    let before = self.at;
                    self.at += 2;
                    let low = self.hex4()?;
                    if (0xDC00..0xE000).contains(&low) {
                        code = 0x1_0000 + ((code & 0x3FF) << 10 | low & 0x3FF);
                    } else {
                        self.at = before;
                    }
                }
                push_wtf8(code, out);
                return Ok(());
            }
            _ => return Err(self.fault(ParseErrorKind::InvalidString)),
        };
        self.at += 1;
        out.push(plain);
        Ok(())
    }

    fn hex4(&mut self) -> Parsed<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            let byte = self.peek().ok_or(self.fault(ParseErrorKind::Truncated))?;
            let digit = char::from(byte).to_digit(16).ok_or(self.fault(ParseErrorKind::InvalidString))?;
            unit = unit << 4 | digit;
            self.at += 1;
        }
        Ok(unit)
    }

    fn word(&mut self, word: &[u8], value: Json<'a>) -> Parsed<Json<'a>> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            return Ok(value);
        }
        let good = self.text[self.at..].iter().zip(word).take_while(|(a, b)| a == b).count();
        self.at += good;
        Err(self.unexpected())
    }

    fn descend(&mut self) -> Parsed<()> {
        if self.depth == MAX_DEPTH {
            return Err(self.fault(ParseErrorKind::TooDeep));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let here = self.peek() == Some(byte);
        self.at += usize::from(here);
        here
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn unexpected(&self) -> ParseError {
        let end = self.at >= self.text.len();
        self.fault(if end { ParseErrorKind::Truncated } else { ParseErrorKind::Unexpected })
    }

    fn fault(&self, kind: ParseErrorKind) -> ParseError {
        ParseError { offset: self.at, kind }
    }
}

/// Appends a code point, which may be a surrogate.
fn push_wtf8(code: u32, out: &mut Vec<u8>) {
    if let Some(char) = char::from_u32(code) {
        out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        let [_, _, high, low] = code.to_be_bytes();
        out.extend_from_slice(&[0xE0 | high >> 4, 0x80 | (high & 0xF) << 2 | low >> 6, 0x80 | low & 0x3F]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (usize, ParseErrorKind) {
        let error = parse(text.as_bytes()).unwrap_err();
        (error.offset, error.kind)
    }

    #[test]
    fn names_the_first_fault_and_its_byte() {
        use ParseErrorKind::*;
        assert_eq!(fault(""), (0, Truncated));
        assert_eq!(fault("{\"a\":1"), (6, Truncated));
        assert_eq!(fault("{\"a\" 1}"), (5, Unexpected));
        assert_eq!(fault("[1,]"), (3, Unexpected));
        assert_eq!(fault("01"), (1, Trailing));
        assert_eq!(fault("nul"), (3, Truncated));
        assert_eq!(fault("\"\\x\""), (2, InvalidString));
        assert_eq!(fault("\"a\nb\""), (2, InvalidString));
        assert_eq!(fault("-"), (1, Truncated));
        assert_eq!(fault("1.e5"), (2, Unexpected));
        assert_eq!(parse(b"\"\xff\"").unwrap_err(), ParseError { offset: 1, kind: InvalidUtf8 });
    }

    #[test]
    fn depth_is_bounded_and_a_million_brackets_do_not_overflow() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(fault(&nested(MAX_DEPTH + 1)), (MAX_DEPTH, ParseErrorKind::TooDeep));
        assert_eq!(fault(&nested(1_000_000)), (MAX_DEPTH, ParseErrorKind::TooDeep));
    }

    #[test]
    fn surrogates_pair_up_across_escapes_only_when_adjacent() {
        let Json::Array(texts) = parse(br#"["\ud83d\ude00","\ud83dx\ude00","\ud83d\ud83d\ude00"]"#).unwrap() else {
            panic!("not an array")
        };
        let units: Vec<Vec<u16>> = texts.iter().map(|text| text.as_text().unwrap().utf16().collect()).collect();
        assert_eq!(units[0], [0xD83D, 0xDE00]);
        assert_eq!(units[1], [0xD83D, u16::from(b'x'), 0xDE00]);
        assert_eq!(units[2], [0xD83D, 0xD83D, 0xDE00]);
        assert_eq!(texts[0].as_text().unwrap().as_str(), Some("\u{1F600}"));
    }
}
