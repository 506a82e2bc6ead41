//! Where two values differ.

use std::cmp::Ordering;

use super::finding::{Compared, MOST_PATHS};
use crate::model::json::{Json, Object, Place};

/// Places at which two values differ: the first few, and how many there are.
#[derive(Debug, Default)]
pub(super) struct Paths {
    place: Place,
    first: Vec<String>,
    count: u64,
}

impl Paths {
    /// Notes where two values of a member differ, which may be absent: as deep inside as both are of one kind.
    pub(super) fn of(stored: &Json<'_>, replayed: &Json<'_>) -> Self {
        let mut paths = Paths::default();
        paths.compare(Some(stored), Some(replayed));
        paths
    }

    /// Whether nothing differs.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What was found, each place as a pointer into a value that is itself at `root`.
    pub(super) fn compared(self, root: &str, stored: Option<String>, replayed: Option<String>) -> Compared {
        let paths = self.first.into_iter().map(|path| format!("{root}{path}")).collect();
        Compared { stored, replayed, paths, n_paths: self.count }
    }

    fn compare(&mut self, stored: Option<&Json<'_>>, replayed: Option<&Json<'_>>) {
        match (stored, replayed) {
            (Some(Json::Object(a)), Some(Json::Object(b))) => self.compare_members(a, b),
            (Some(Json::Array(a)), Some(Json::Array(b))) => {
                for at in 0..a.len().max(b.len()) {
                    self.place.enter_item(at);
                    self.compare(a.get(at), b.get(at));
                    self.place.leave();
                }
            }
            (a, b) if a == b => {}
            _ => {
                self.count += 1;
                if self.first.len() < MOST_PATHS {
                    self.first.push(self.place.pointer().to_string());
                }
            }
        }
    }

    /// Both have their members in one order.
    fn compare_members(&mut self, a: &Object<'_>, b: &Object<'_>) {
        let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
        loop {
            let order = match (a.peek(), b.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((a, _)), Some((b, _))) => (**a).cmp(*b),
            };
            let stored = if order == Ordering::Greater { None } else { a.next() };
            let replayed = if order == Ordering::Less { None } else { b.next() };
            let Some((key, _)) = stored.or(replayed) else { break };
            self.place.enter_member(key);
            self.compare(stored.map(|(_, value)| value), replayed.map(|(_, value)| value));
            self.place.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::json::parse;

    fn paths(a: &str, b: &str) -> (Vec<String>, u64) {
        let paths = Paths::of(&parse(a.as_bytes()).unwrap(), &parse(b.as_bytes()).unwrap());
        (paths.first, paths.count)
    }

    #[test]
    fn differences_are_named_as_deep_as_they_are() {
        let (found, count) = paths(r#"{"a":{"x/y":1,"z":[1,2]},"c":1}"#, r#"{"a":{"x/y":2,"z":[1]},"b":null,"c":1.0}"#);
        assert_eq!((found, count), (vec!["/a/x~1y".to_owned(), "/a/z/1".to_owned(), "/b".to_owned()], 3));
        assert_eq!(paths("[]", "{}"), (vec![String::new()], 1));
        assert_eq!(paths("{\"a\":[]}", "{\"a\":[]}"), (vec![], 0));
    }

    #[test]
    fn of_many_only_the_first_are_named() {
        let list = |value: u32| format!("[{}]", vec![value.to_string(); 100].join(","));
        let (found, count) = paths(&list(1), &list(2));
        assert_eq!((found.len(), count), (MOST_PATHS, 100));
    }
}
