//! JSON pointers (RFC 6901) to where a walk through a value is.

use super::Text;

/// A JSON pointer that grows and shrinks as a value is walked.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Well-formed WTF-8: names stay apart by their slashes.
    pointer: Vec<u8>,
    /// The length of the pointer at each level above.
    levels: Vec<usize>,
}

impl Place {
    /// Goes into a member of an object.
    pub fn enter_member(&mut self, key: &Text<'_>) {
        self.enter();
        for &byte in key.as_bytes() {
            match byte {
                b'~' => self.pointer.extend_from_slice(b"~0"),
                b'/' => self.pointer.extend_from_slice(b"~1"),
                byte => self.pointer.push(byte),
            }
        }
    }

    /// Goes into an item of an array.
    pub fn enter_item(&mut self, index: usize) {
        self.enter();
        self.pointer.extend_from_slice(index.to_string().as_bytes());
    }

    /// Goes back to where the last `enter` was called.
    pub fn leave(&mut self) {
        self.pointer.truncate(self.levels.pop().unwrap_or(0));
    }

    /// The pointer to this place; empty at the whole value.
    #[must_use]
    pub fn pointer(&self) -> Text<'static> {
        Text::from_wtf8(self.pointer.clone())
    }

    fn enter(&mut self) {
        self.levels.push(self.pointer.len());
        self.pointer.push(b'/');
    }
}
