//! What the bytes of states are, at the heads of documents.

use std::collections::BTreeMap;

use crate::model::ids::{Scope, StreamKey};
use crate::model::json::{Json, canonical};
use crate::replay::{Goal, Position, ReplayError, Sources, state_at};

/// Bytes of the states at heads, by top-level path: `/SCOPE/MEMBER`, or `/SCOPE` for a state that is no object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// By path; at most [`Paths::MOST`].
    pub paths: BTreeMap<String, PathBytes>,
    /// What is at other paths.
    pub others: PathBytes,
}

/// How much is at a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathBytes {
    /// In how many streams; of [`Paths::others`] how often something was met.
    pub streams: u64,
    /// Bytes of the canonical texts.
    pub bytes: u64,
}

impl Paths {
    /// How many paths are told apart: documents that a generic model serves may have a path of their own each.
    pub const MOST: usize = 10_000;

    /// Rebuilds a stream at its head, and adds its state.
    ///
    /// # Errors
    /// As [`state_at`]; nothing is added then.
    pub fn rebuild(&mut self, sources: &Sources<'_>, stream: &StreamKey) -> Result<(), ReplayError> {
        let StreamKey { document, scope, branch } = stream;
        let snapshot = state_at(sources, Goal { document, branch, scope, position: Position::Head })?;
        if let Some(state) = snapshot.state.scope(scope.as_str()) {
            self.add(scope, &state);
        }
        Ok(())
    }

    /// Adds what was found elsewhere.
    pub fn add_all(&mut self, other: Paths) {
        for (path, at) in other.paths {
            self.at(path).add(at);
        }
        self.others.add(other.others);
    }

    fn add(&mut self, scope: &Scope, state: &Json<'_>) {
        let Some(members) = state.as_object() else {
            return self.put(format!("/{}", escaped(scope.as_str())), state);
        };
        for (name, value) in members.iter() {
            self.put(format!("/{}/{}", escaped(scope.as_str()), escaped(&name.to_string_lossy())), value);
        }
    }

    fn put(&mut self, path: String, value: &Json<'_>) {
        let bytes = canonical(value).len() as u64;
        self.at(path).add(PathBytes { streams: 1, bytes });
    }

    fn at(&mut self, path: String) -> &mut PathBytes {
        let is_full = self.paths.len() >= Self::MOST && !self.paths.contains_key(&path);
        if is_full { &mut self.others } else { self.paths.entry(path).or_default() }
    }

    /// The paths with most bytes first; those with as many by name.
    #[must_use]
    pub fn largest(&self) -> Vec<(&str, PathBytes)> {
        let mut largest: Vec<_> = self.paths.iter().map(|(path, at)| (path.as_str(), *at)).collect();
        largest.sort_by_key(|(_, at)| std::cmp::Reverse(at.bytes));
        largest
    }
}

impl PathBytes {
    fn add(&mut self, other: PathBytes) {
        self.streams += other.streams;
        self.bytes += other.bytes;
    }
}

/// A name in a JSON pointer (RFC 6901 section 3).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::json::parse;

    #[test]
    fn members_are_paths_and_what_has_none_is_one() {
        let mut paths = Paths::default();
        for text in [r#"{"a/b":[1,2],"c":"x"}"#, r#"{"c":null}"#, "[]"] {
            paths.add(&Scope::global(), &parse(text.as_bytes()).unwrap());
        }
        let bytes = |streams, bytes| PathBytes { streams, bytes };
        let expected = [("/global/c", bytes(2, 7)), ("/global/a~1b", bytes(1, 5)), ("/global", bytes(1, 2))];
        assert_eq!(paths.largest(), expected);
    }

    #[test]
    fn with_too_many_paths_the_rest_is_one_figure() {
        let mut paths = Paths::default();
        for n in 0..Paths::MOST + 3 {
            paths.add(&Scope::global(), &parse(format!(r#"{{"m{n}":1}}"#).as_bytes()).unwrap());
        }
        assert_eq!((paths.paths.len(), paths.others), (Paths::MOST, PathBytes { streams: 3, bytes: 3 }));
    }
}
