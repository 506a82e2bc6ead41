//! JSON as JavaScript sees it: doubles, UTF-16 key order, lone surrogates, the last duplicate key.
//!
//! Two programs agree on a state's hash only if they agree on every byte of its canonical text, so this
//! module owns the whole way from bytes to hash: [`parse`], the value [`Json`], the canonical text
//! (reactor format §3.2), number printing (§3.3) and the state hash (§3.1). `serde_json` appears only where
//! snapctl describes itself (views, settings), never on the way of a document.

mod canonical;
mod hash;
mod layout;
mod number;
mod parse;
mod pointer;
mod text;

pub use canonical::{canonical, write_canonical, write_text};
pub use hash::{OperationIds, StateHash, hash_canonical, operation_id};
pub use layout::{write_compact, write_pretty};
pub use number::write_number;
pub(super) use parse::Parser;
pub use parse::{MAX_DEPTH, ParseError, ParseErrorKind, parse};
pub use pointer::Place;
pub use text::Text;

/// A JSON value. It borrows the text it was parsed from until [`Json::into_owned`] is called.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Json<'a> {
    /// `null`, and JavaScript's `undefined` where the difference does not show.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An IEEE double. Overflowing tokens are infinite; infinities and NaN print as `null`.
    Number(f64),
    /// A string.
    String(Text<'a>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object.
    Object(Object<'a>),
}

/// The members of an object: unique keys in ascending order of UTF-16 code units.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Object<'a>(Vec<(Text<'a>, Json<'a>)>);

impl<'a> Json<'a> {
    /// The member `key` of an object, or `None` for an absent member or any other value.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Json<'a>> {
        self.as_object()?.get(key)
    }

    /// The members, if this is an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&Object<'a>> {
        match self {
            Json::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The text, if this is a string.
    #[must_use]
    pub fn as_text(&self) -> Option<&Text<'a>> {
        match self {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if this is one.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Json::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The items, if this is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Json<'a>]> {
        match self {
            Json::Array(items) => Some(items),
            _ => None,
        }
    }

    /// Whether this is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Json::Null)
    }

    /// Whether JavaScript treats the value as false: `null`, `false`, `0`, `NaN`, `""`.
    #[must_use]
    pub fn is_falsy(&self) -> bool {
        match self {
            Json::Null => true,
            Json::Bool(bool) => !bool,
            Json::Number(number) => *number == 0.0 || number.is_nan(),
            Json::String(text) => text.is_empty(),
            Json::Array(_) | Json::Object(_) => false,
        }
    }

    /// What zod calls the value's type in its messages.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "boolean",
            Json::Number(_) => "number",
            Json::String(_) => "string",
            Json::Array(_) => "array",
            Json::Object(_) => "object",
        }
    }

    /// The same value, owning all its texts.
    #[must_use]
    pub fn into_owned(self) -> Json<'static> {
        match self {
            Json::Null => Json::Null,
            Json::Bool(bool) => Json::Bool(bool),
            Json::Number(number) => Json::Number(number),
            Json::String(text) => Json::String(text.into_owned()),
            Json::Array(items) => Json::Array(items.into_iter().map(Json::into_owned).collect()),
            Json::Object(object) => Json::Object(object.into_owned()),
        }
    }

    /// An owned copy.
    #[must_use]
    pub fn to_owned_json(&self) -> Json<'static> {
        self.clone().into_owned()
    }

    /// Follows a JSON pointer (RFC 6901). `None` if it leads nowhere or does not start with `/`.
    #[must_use]
    pub fn pointer(&self, pointer: &str) -> Option<&Json<'a>> {
        if pointer.is_empty() {
            return Some(self);
        }
        pointer.strip_prefix('/')?.split('/').try_fold(self, |value, token| {
            let token = token.replace("~1", "/").replace("~0", "~");
            match value {
                Json::Object(object) => object.get(&token),
                Json::Array(items) => {
                    let canonical = token == "0" || !(token.is_empty() || token.starts_with(['0', '+']));
                    items.get(token.parse::<usize>().ok().filter(|_| canonical)?)
                }
                _ => None,
            }
        })
    }
}

impl Json<'_> {
    /// About how many bytes of memory it takes, itself included: what an allocator adds is counted by a guess, and a text
    /// that others share in full.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        /// What an allocation takes besides what is asked for, counters of a shared one included.
        const ALLOCATION: usize = 32;
        let inner = match self {
            Json::Null | Json::Bool(_) | Json::Number(_) => 0,
            Json::String(text) => text.as_bytes().len() + ALLOCATION,
            Json::Array(items) => items.iter().map(Json::heap_bytes).sum::<usize>() + ALLOCATION,
            Json::Object(object) => {
                let member = |(key, value): (&Text<'_>, &Json<'_>)| {
                    size_of::<Text<'_>>() + key.as_bytes().len() + ALLOCATION + value.heap_bytes()
                };
                object.iter().map(member).sum::<usize>() + ALLOCATION
            }
        };
        size_of::<Self>() + inner
    }
}

impl<'a> From<&'a str> for Json<'a> {
    fn from(text: &'a str) -> Self {
        Json::String(text.into())
    }
}

impl From<String> for Json<'static> {
    fn from(text: String) -> Self {
        Json::String(text.into())
    }
}

impl<'a> From<Text<'a>> for Json<'a> {
    fn from(text: Text<'a>) -> Self {
        Json::String(text)
    }
}

impl From<bool> for Json<'_> {
    fn from(bool: bool) -> Self {
        Json::Bool(bool)
    }
}

impl From<f64> for Json<'_> {
    fn from(number: f64) -> Self {
        Json::Number(number)
    }
}

impl<'a> From<Object<'a>> for Json<'a> {
    fn from(object: Object<'a>) -> Self {
        Json::Object(object)
    }
}

impl<'a, T: Into<Json<'a>>> From<Option<T>> for Json<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Json::Null, Into::into)
    }
}

impl<'a> Object<'a> {
    /// An object without members.
    #[must_use]
    pub fn new() -> Self {
        Object(Vec::new())
    }

    /// Sorts members that came in any order; of equal keys the last one stays.
    #[must_use]
    pub fn from_members(mut members: Vec<(Text<'a>, Json<'a>)>) -> Self {
        if !members.is_sorted_by(|(a, _), (b, _)| a < b) {
            // Stable, so that the last of equal keys is the last of its run.
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            members.dedup_by(|later, earlier| {
                let same = later.0 == earlier.0;
                if same {
                    std::mem::swap(later, earlier);
                }
                same
            });
        }
        Object(members)
    }

    /// The member `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Json<'a>> {
        const LINEAR: usize = 8;
        if self.0.len() <= LINEAR {
            return self.0.iter().find(|(name, _)| *name == *key).map(|(_, value)| value);
        }
        self.position(&Text::from(key)).ok().map(|at| &self.0[at].1)
    }

    /// The member of any key, also one with a lone surrogate.
    #[must_use]
    pub fn find(&self, key: &Text<'_>) -> Option<&Json<'a>> {
        self.position(key).ok().map(|at| &self.0[at].1)
    }

    /// The member `key`, to change.
    pub fn get_mut(&mut self, key: &Text<'_>) -> Option<&mut Json<'a>> {
        self.position(key).ok().map(|at| &mut self.0[at].1)
    }

    /// Sets a member, and returns what it was before.
    pub fn insert(&mut self, key: Text<'a>, value: Json<'a>) -> Option<Json<'a>> {
        match self.position(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// Removes a member, and returns it.
    pub fn remove(&mut self, key: &str) -> Option<Json<'a>> {
        let at = self.position(&Text::from(key)).ok()?;
        Some(self.0.remove(at).1)
    }

    /// The members, by key in ascending order of UTF-16 code units.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Text<'a>, &Json<'a>)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// The members themselves, in the same order.
    pub fn into_members(self) -> impl Iterator<Item = (Text<'a>, Json<'a>)> {
        self.0.into_iter()
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same object, owning all its texts.
    #[must_use]
    pub fn into_owned(self) -> Object<'static> {
        Object(self.0.into_iter().map(|(key, value)| (key.into_owned(), value.into_owned())).collect())
    }

    fn position(&self, key: &Text<'_>) -> Result<usize, usize> {
        self.0.binary_search_by(|(name, _)| name.cmp(key))
    }
}

impl<'a> FromIterator<(Text<'a>, Json<'a>)> for Object<'a> {
    fn from_iter<I: IntoIterator<Item = (Text<'a>, Json<'a>)>>(members: I) -> Self {
        Object::from_members(members.into_iter().collect())
    }
}

/// Builds an [`Object`] from literal keys: `object! { "version" => 0.0, "grants" => Json::Array(vec![]) }`.
#[macro_export]
macro_rules! object {
    ($($key:expr => $value:expr),* $(,)?) => {
        $crate::model::json::Object::from_members(vec![$(($key.into(), $value.into())),*])
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_duplicate_keys_the_last_one_stays() {
        let object = object! { "b" => 1.0, "a" => 1.0, "b" => 2.0, "b" => 3.0, "a" => 4.0 };
        let members: Vec<_> = object.iter().map(|(key, value)| (key.to_string(), value.clone())).collect();
        assert_eq!(members, [("a".into(), Json::Number(4.0)), ("b".into(), Json::Number(3.0))]);
    }

    #[test]
    fn pointers_follow_rfc_6901() {
        let value = parse(br#"{"a/b":{"m~n":[1,{"":2}]},"01":3}"#).unwrap();
        assert_eq!(value.pointer("/a~1b/m~0n/1/"), Some(&Json::Number(2.0)));
        assert_eq!(value.pointer("/01"), Some(&Json::Number(3.0)));
        assert_eq!(value.pointer("/a~1b/m~0n/01"), None);
        assert_eq!(value.pointer("/a~1b/m~0n/-"), None);
        assert_eq!(value.pointer("a"), None);
        assert_eq!(value.pointer(""), Some(&value));
    }
}
