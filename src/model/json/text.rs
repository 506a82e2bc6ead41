//! Strings as JavaScript has them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A JavaScript string: Unicode text in which lone surrogates may occur.
///
/// Held as WTF-8 (<https://simonsapin.github.io/wtf-8/>): UTF-8 in which a lone surrogate is three
/// bytes starting with `0xED`; a surrogate *pair* is always the four bytes of its code point, so equal
/// strings are equal bytes. A text read from a row borrows the row; an owned one is shared, so a clone
/// never copies.
///
/// The order is that of UTF-16 code units, as JavaScript sorts keys (reactor format §3.2).
#[derive(Clone)]
pub enum Text<'a> {
    /// A piece of the row or file it was read from.
    Borrowed(&'a [u8]),
    /// An owned text, shared by its clones.
    Shared(Arc<[u8]>),
}

impl<'a> Text<'a> {
    /// The WTF-8 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Text::Borrowed(bytes) => bytes,
            Text::Shared(bytes) => bytes,
        }
    }

    /// The text as a Rust string, or `None` when it holds a lone surrogate.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()).ok()
    }

    /// The text with lone surrogates replaced by U+FFFD, for people.
    #[must_use]
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }

    /// Whether there is no character at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// The same text, owned.
    #[must_use]
    pub fn into_owned(self) -> Text<'static> {
        match self {
            Text::Borrowed(bytes) => Text::Shared(bytes.into()),
            Text::Shared(bytes) => Text::Shared(bytes),
        }
    }

    /// An owned copy; shares the bytes when they are shared already.
    #[must_use]
    pub fn to_owned_text(&self) -> Text<'static> {
        self.clone().into_owned()
    }

    /// Wraps bytes that are known to be well-formed WTF-8.
    pub(super) fn from_wtf8(bytes: Vec<u8>) -> Text<'static> {
        Text::Shared(bytes.into())
    }

    /// Wraps bytes that are known to be well-formed WTF-8.
    pub(super) fn borrowed_wtf8(bytes: &'a [u8]) -> Self {
        Text::Borrowed(bytes)
    }

    /// This text followed by `suffix`. The suffix must not start with a lone low surrogate, or the
    /// result would not be well-formed; a Rust string never does.
    #[must_use]
    pub fn with_suffix(&self, suffix: &str) -> Text<'static> {
        Text::Shared([self.as_bytes(), suffix.as_bytes()].concat().into())
    }

    /// Length in UTF-16 code units, as JavaScript's `length` counts.
    #[must_use]
    pub fn len_utf16(&self) -> usize {
        self.as_bytes()
            .iter()
            .map(|byte| match byte {
                0x80..=0xBF => 0,
                0xF0..=0xFF => 2,
                _ => 1,
            })
            .sum()
    }

    /// The UTF-16 code units, in order.
    pub fn utf16(&self) -> impl Iterator<Item = u16> + '_ {
        Utf16 { bytes: self.as_bytes(), low: None }
    }
}

impl From<String> for Text<'static> {
    fn from(text: String) -> Self {
        Text::Shared(text.into_bytes().into())
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Text::Borrowed(text.as_bytes())
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Text<'_> {}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Hash for Text<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl Ord for Text<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        cmp_utf16(self.as_bytes(), other.as_bytes())
    }
}

impl PartialOrd for Text<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string_lossy(), f)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_string_lossy(), f)
    }
}

/// Compares two WTF-8 texts by UTF-16 code units.
///
/// Byte order is code point order, which differs from code unit order only where a character above
/// U+FFFF (a lead byte of `0xF0` or more) meets one from U+D800 to U+FFFF (`0xED`, `0xEE`, `0xEF`).
pub(super) fn cmp_utf16(a: &[u8], b: &[u8]) -> Ordering {
    let Some(at) = a.iter().zip(b).position(|(x, y)| x != y) else {
        return a.len().cmp(&b.len());
    };
    if a[at] < 0xED && b[at] < 0xED {
        return a[at].cmp(&b[at]);
    }
    let start = (0..=at).rev().find(|&i| a[i] & 0xC0 != 0x80).unwrap_or(0);
    let units = |bytes| Utf16 { bytes, low: None };
    units(&a[start..]).cmp(units(&b[start..]))
}

/// Decodes WTF-8 into UTF-16 code units.
struct Utf16<'a> {
    bytes: &'a [u8],
    low: Option<u16>,
}

impl Iterator for Utf16<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        if let Some(low) = self.low.take() {
            return Some(low);
        }
        let (&lead, _) = self.bytes.split_first()?;
        let (len, bits) = match lead {
            0x00..=0x7F => (1, u32::from(lead)),
            0x80..=0xDF => (2, u32::from(lead & 0x1F)),
            0xE0..=0xEF => (3, u32::from(lead & 0x0F)),
            _ => (4, u32::from(lead & 0x07)),
        };
        let len = len.min(self.bytes.len());
        let (char, rest) = self.bytes.split_at(len);
        self.bytes = rest;
        let code = char[1..].iter().fold(bits, |code, byte| code << 6 | u32::from(byte & 0x3F));
        let Some(above) = code.checked_sub(0x1_0000) else { return u16::try_from(code).ok() };
        let unit = |base: u16, bits: u32| u16::try_from(bits & 0x3FF).map(|bits| base | bits).ok();
        self.low = unit(0xDC00, above);
        unit(0xD800, above >> 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_by_utf16_code_units_not_code_points() {
        let mut keys = ["\u{FFFF}", "\u{1F600}", "é", "a", "B", "9", "10", "", "\u{1F601}"].map(Text::from);
        keys.sort();
        assert_eq!(keys, ["", "10", "9", "B", "a", "é", "\u{1F600}", "\u{1F601}", "\u{FFFF}"].map(Text::from));
    }

    #[test]
    fn a_lone_surrogate_sorts_among_the_code_units_of_pairs() {
        let low = Text::from_wtf8(vec![0xED, 0xB0, 0x80]);
        let high = Text::from_wtf8(vec![0xED, 0xA0, 0x80]);
        let pair = Text::from("\u{1F600}");
        assert!(high < pair && pair < low);
        assert_eq!(pair.utf16().collect::<Vec<_>>(), [0xD83D, 0xDE00]);
        assert_eq!(pair.len_utf16(), 2);
        assert!(low.as_str().is_none());
    }
}
