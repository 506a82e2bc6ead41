//! JSON Pointers (RFC 6901) into a state.

use std::sync::Arc;

use super::node::{List, Node};
use crate::model::json::Text;

/// How many bytes of a pointer or a value a message shows.
const SHOWN_BYTES: usize = 80;

/// A place in a state, as a patch names it.
pub(super) struct Pointer<'a> {
    text: &'a Text<'a>,
    /// Its tokens, without their escapes.
    tokens: Vec<Text<'a>>,
}

impl<'a> Pointer<'a> {
    /// Reads a pointer.
    ///
    /// # Errors
    /// When it neither is empty nor starts with `/`, or a `~` is not followed by `0` or `1` (RFC 6901 section 3).
    pub(super) fn parse(text: &'a Text<'a>) -> Result<Self, String> {
        let bytes = text.as_bytes();
        let no_pointer = |why| Err(format!("{} is no JSON Pointer: {why}", shown(text)));
        match bytes.split_first() {
            None => Ok(Pointer { text, tokens: Vec::new() }),
            Some((b'/', rest)) => match rest.split(|&byte| byte == b'/').map(unescape).collect() {
                Some(tokens) => Ok(Pointer { text, tokens }),
                None => no_pointer("a ~ has to be followed by 0 or 1"),
            },
            Some(_) => no_pointer("it has to be empty or start with /"),
        }
    }

    /// Whether it leads to the whole state.
    pub(super) fn is_root(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Whether it leads to the same place.
    pub(super) fn is(&self, other: &Pointer<'_>) -> bool {
        self.tokens == other.tokens
    }

    /// Whether it leads to something inside of where `other` leads.
    pub(super) fn is_inside(&self, other: &Pointer<'_>) -> bool {
        self.tokens.len() > other.tokens.len() && self.tokens.starts_with(&other.tokens)
    }

    /// What it leads to.
    ///
    /// # Errors
    /// Where there is nothing, and why.
    pub(super) fn find<'n>(&self, root: &'n Node) -> Result<&'n Node, String> {
        let mut node = root;
        for (at, token) in self.tokens.iter().enumerate() {
            node = match node {
                Node::Object(members) => members.get(token).ok_or_else(|| self.no_member(at))?,
                Node::Array(list) => list.get(self.index(at, list)?).ok_or_else(|| self.no_member(at))?,
                other => return Err(self.no_container(at, other)),
            };
        }
        Ok(node)
    }

    /// Changes what it leads to.
    ///
    /// # Errors
    /// Where there is nothing, and why.
    pub(super) fn edit<T>(&self, root: &mut Node, change: impl FnOnce(&mut Node) -> T) -> Result<T, String> {
        self.descend(root, 0, self.tokens.len(), |node| Ok(change(node)))
    }

    /// Changes the array or object that holds what it leads to, which need not exist; `change` is given the last token.
    ///
    /// # Errors
    /// Where there is nothing, and why; what `change` returned. The state is as before then.
    ///
    /// # Panics
    /// At the root, which nothing holds.
    pub(super) fn edit_parent<T>(
        &self,
        root: &mut Node,
        change: impl FnOnce(&mut Node, &Text<'a>) -> Result<T, String>,
    ) -> Result<T, String> {
        let (last, parents) = self.tokens.split_last().expect("it does not lead to the root");
        self.descend(root, 0, parents.len(), |parent| change(parent, last))
    }

    fn descend<T, F: FnOnce(&mut Node) -> Result<T, String>>(
        &self,
        node: &mut Node,
        at: usize,
        end: usize,
        change: F,
    ) -> Result<T, String> {
        if at == end {
            return change(node);
        }
        let down = |node: &mut Node| self.descend(node, at + 1, end, change);
        match node {
            Node::Object(members) => {
                Arc::make_mut(members).edit(&self.tokens[at], down).ok_or_else(|| self.no_member(at))?
            }
            Node::Array(list) => {
                let index = self.index(at, list)?;
                Arc::make_mut(list).edit(index, down).ok_or_else(|| self.no_member(at))?
            }
            other => Err(self.no_container(at, other)),
        }
    }

    /// The item that token `at` names in an array.
    ///
    /// # Errors
    /// When it is no index, or there is no such item.
    pub(super) fn index(&self, at: usize, list: &List) -> Result<usize, String> {
        let token = &self.tokens[at];
        match parse_index(token) {
            Some(index) if index < list.len() => Ok(index),
            Some(_) => Err(format!("the array at {} has {} items, none at {token}", self.up_to(at), list.len())),
            None if *token == *"-" => Err(format!("- names the item after the last of {}", self.up_to(at))),
            None => Err(self.no_index(at)),
        }
    }

    /// The place in an array where token `at` lets an item be put: an index up to its length, or `-` for the end.
    ///
    /// # Errors
    /// When it is neither, or there is a gap before it.
    pub(super) fn place(&self, at: usize, list: &List) -> Result<usize, String> {
        let token = &self.tokens[at];
        match parse_index(token) {
            Some(index) if index <= list.len() => Ok(index),
            Some(_) => Err(format!("the array at {} ends before {token}, at {}", self.up_to(at), list.len())),
            None if *token == *"-" => Ok(list.len()),
            None => Err(self.no_index(at)),
        }
    }

    /// The position of the last token.
    pub(super) fn last(&self) -> usize {
        self.tokens.len() - 1
    }

    /// The pointer, for messages.
    pub(super) fn shown(&self) -> String {
        shown(self.text)
    }

    pub(super) fn no_member(&self, at: usize) -> String {
        format!("the object at {} has no member {}", self.up_to(at), shown(&self.tokens[at]))
    }

    pub(super) fn no_container(&self, at: usize, found: &Node) -> String {
        format!("{} is {}, which holds nothing", self.up_to(at), found.described())
    }

    fn no_index(&self, at: usize) -> String {
        format!("{} is no index of the array at {}", shown(&self.tokens[at]), self.up_to(at))
    }

    /// The pointer up to token `at`, for messages.
    fn up_to(&self, at: usize) -> String {
        let slashes = self.text.as_bytes().iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let end = slashes.map(|(position, _)| position).nth(at).unwrap_or(self.text.as_bytes().len());
        shown(&Text::Borrowed(&self.text.as_bytes()[..end]))
    }
}

/// A text in quotes, cut short, for messages.
pub(super) fn shown(text: &Text<'_>) -> String {
    let text = text.to_string_lossy();
    let end = (0..=SHOWN_BYTES.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    let (start, more) = (&text[..end], if end < text.len() { "…" } else { "" });
    format!("\"{start}{more}\"")
}

/// A value as JSON if that is short, or else its kind, for messages.
pub(super) fn shown_value(value: &Node) -> String {
    if value.weight().bytes > SHOWN_BYTES {
        return value.described().to_owned();
    }
    let mut text = Vec::new();
    value.write_canonical(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// An index without leading zeros or signs (RFC 6901 section 4).
fn parse_index(token: &Text<'_>) -> Option<usize> {
    let digits = token.as_str()?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    digits.parse().ok().filter(|_| plain)
}

/// A token without its escapes; `None` if there is another one than `~0` and `~1`.
fn unescape(token: &[u8]) -> Option<Text<'_>> {
    if !token.contains(&b'~') {
        return Some(Text::Borrowed(token));
    }
    let mut parts = token.split(|&byte| byte == b'~');
    let mut plain = parts.next().unwrap_or_default().to_vec();
    for part in parts {
        let (escape, rest) = part.split_first()?;
        plain.push(match escape {
            b'0' => b'~',
            b'1' => b'/',
            _ => return None,
        });
        plain.extend_from_slice(rest);
    }
    Some(Text::Shared(plain.into()))
}
