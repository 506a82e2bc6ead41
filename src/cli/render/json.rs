//! JSON on its way out. Everything is written compact, and laid out as it passes: documents are never parsed into a
//! tree to be printed.

use std::io::{self, Write};

use serde::Serialize;

use crate::model::ids::Scope;
use crate::model::json::Text;

/// How JSON is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Two spaces a level, a member or an item a line.
    Indented,
    /// No white space at all.
    Compact,
}

/// Lays out JSON text that is written to it in pieces of any size. White space between tokens does not matter.
pub(crate) struct Reflow<W> {
    inner: W,
    layout: Layout,
    depth: usize,
    inside: Inside,
    /// A bracket has been opened and nothing has followed yet.
    opened: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Nothing,
    String,
    Escape,
}

impl<W: Write> Reflow<W> {
    /// Writes to `inner` what passes.
    pub(crate) fn new(inner: W, layout: Layout) -> Self {
        Reflow { inner, layout, depth: 0, inside: Inside::Nothing, opened: false }
    }

    /// Where it writes to.
    pub(crate) fn into_inner(self) -> W {
        self.inner
    }

    fn line_break(&mut self) -> io::Result<()> {
        const SPACES: &[u8] = &[b' '; 64];
        if self.layout == Layout::Compact {
            return Ok(());
        }
        self.inner.write_all(b"\n")?;
        let mut width = 2 * self.depth;
        while width > 0 {
            let now = width.min(SPACES.len());
            self.inner.write_all(&SPACES[..now])?;
            width -= now;
        }
        Ok(())
    }

    /// Passes on the rest of a string, as far as it is there; returns how many bytes that were.
    fn string(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut at = 0;
        while at < bytes.len() && self.inside != Inside::Nothing {
            if self.inside == Inside::Escape {
                self.inside = Inside::String;
                at += 1;
                continue;
            }
            at = memchr::memchr2(b'"', b'\\', &bytes[at..]).map_or(bytes.len(), |found| {
                self.inside = if bytes[at + found] == b'"' { Inside::Nothing } else { Inside::Escape };
                at + found + 1
            });
        }
        self.inner.write_all(&bytes[..at])?;
        Ok(at)
    }

    fn token(&mut self, byte: u8) -> io::Result<()> {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => return Ok(()),
            b']' | b'}' => {
                self.depth = self.depth.saturating_sub(1);
                if !std::mem::take(&mut self.opened) {
                    self.line_break()?;
                }
            }
            _ if std::mem::take(&mut self.opened) => self.line_break()?,
            _ => {}
        }
        self.inner.write_all(&[byte])?;
        match byte {
            b'[' | b'{' => {
                self.depth += 1;
                self.opened = true;
            }
            b',' => self.line_break()?,
            b':' if self.layout == Layout::Indented => self.inner.write_all(b" ")?,
            b'"' => self.inside = Inside::String,
            _ => {}
        }
        Ok(())
    }
}

impl<W: Write> Write for Reflow<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut at = 0;
        while at < bytes.len() {
            if self.inside == Inside::Nothing {
                self.token(bytes[at])?;
                at += 1;
            } else {
                at += self.string(&bytes[at..])?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Writes the members of an object one after the other, in the order they come.
pub(crate) struct Members<'a> {
    out: &'a mut dyn Write,
    first: bool,
}

impl<'a> Members<'a> {
    /// Opens an object.
    ///
    /// # Errors
    /// Those of `out`; so it is with all methods.
    pub(crate) fn open(out: &'a mut dyn Write) -> io::Result<Self> {
        out.write_all(b"{")?;
        Ok(Members { out, first: true })
    }

    /// Writes a member that snapctl describes itself.
    ///
    /// # Errors
    /// Those of the output.
    pub(crate) fn member(&mut self, key: &str, value: &(impl Serialize + ?Sized)) -> io::Result<()> {
        serde_json::to_writer(self.key(key)?, value).map_err(io::Error::from)
    }

    /// Writes a member whose value is JSON text already.
    ///
    /// # Errors
    /// Those of the output.
    pub(crate) fn raw(&mut self, key: &str, value: &[u8]) -> io::Result<()> {
        self.key(key)?.write_all(value)
    }

    /// Begins a member; its value must be written next.
    ///
    /// # Errors
    /// Those of the output.
    pub(crate) fn key(&mut self, key: &str) -> io::Result<&mut dyn Write> {
        if !std::mem::take(&mut self.first) {
            self.out.write_all(b",")?;
        }
        serde_json::to_writer(&mut *self.out, key).map_err(io::Error::from)?;
        self.out.write_all(b":")?;
        Ok(&mut *self.out)
    }

    /// Closes the object.
    ///
    /// # Errors
    /// Those of the output.
    pub(crate) fn close(self) -> io::Result<()> {
        self.out.write_all(b"}")
    }
}

/// Something for each of several scopes; serialised as an object in canonical key order.
pub(crate) struct ByScope<T>(Vec<(Scope, T)>);

impl<T> FromIterator<(Scope, T)> for ByScope<T> {
    fn from_iter<I: IntoIterator<Item = (Scope, T)>>(members: I) -> Self {
        let mut members: Vec<(Scope, T)> = members.into_iter().collect();
        members.sort_by(|(a, _), (b, _)| Text::from(a.as_str()).cmp(&Text::from(b.as_str())));
        members.dedup_by(|(a, _), (b, _)| a == b);
        ByScope(members)
    }
}

impl<T> ByScope<T> {
    /// The members in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Scope, &T)> {
        self.0.iter().map(|(scope, value)| (scope, value))
    }
}

impl<T: Serialize> Serialize for ByScope<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(scope, value)| (scope.as_str(), value)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn reflowed(text: &[u8], piece: usize, layout: Layout) -> String {
        let mut out = Reflow::new(Vec::new(), layout);
        for piece in text.chunks(piece) {
            out.write_all(piece).unwrap();
        }
        String::from_utf8(out.inner).unwrap()
    }

    #[test]
    fn empty_brackets_stay_together_and_strings_untouched() {
        let text = br#"{"a":[],"b":{ } ,"c":[1,{"d,:{}":"\"[ \\"}]}"#;
        let expected = "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n    {\n      \"d,:{}\": \"\\\"[ \\\\\"\n    }\n  ]\n}";
        assert_eq!(reflowed(text, 100, Layout::Indented), expected);
        assert_eq!(reflowed(text, 1, Layout::Indented), expected);
        assert_eq!(reflowed(expected.as_bytes(), 3, Layout::Compact), r#"{"a":[],"b":{},"c":[1,{"d,:{}":"\"[ \\"}]}"#);
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[\\\\\"{}\\[\\],: a\u{e9}\n]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map("[\\\\\"{:,a ]{0,4}", inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn lays_out_as_serde_json_does(value in values(), piece in 1..9_usize) {
            let (compact, pretty) = (value.to_string(), serde_json::to_string_pretty(&value).unwrap());
            prop_assert_eq!(&reflowed(compact.as_bytes(), piece, Layout::Indented), &pretty);
            prop_assert_eq!(&reflowed(pretty.as_bytes(), piece, Layout::Compact), &compact);
            prop_assert_eq!(&reflowed(pretty.as_bytes(), piece, Layout::Indented), &pretty);
        }
    }
}
