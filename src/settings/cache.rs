//! `[cache]`: what its values are, and `[cache.type."TYPE"]`.

use std::collections::BTreeMap;

use super::Value;
use super::file::Name;
use super::group::Group;
use super::key::Member;
use super::value::{Age, Setting, Word};
use crate::model::ids::DocumentType;

/// When the disk tier is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskWhen {
    /// Where rebuilding is slower than a look into a file.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Word for DiskWhen {
    const WORDS: &'static [(Self, &'static str, &'static str)] = &[
        (DiskWhen::Auto, "auto", "For stores that are not files of this machine"),
        (DiskWhen::Always, "always", "Always"),
        (DiskWhen::Never, "never", "Never"),
    ];
}

/// When what appending makes is written besides the operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteStrategy {
    /// A thread writes it later, in batches.
    Behind,
    /// Before the answer.
    Through,
    /// Not by appending; reads that missed it write it.
    ReadThrough,
    /// By commands that are there for it alone.
    Aside,
}

impl Word for WriteStrategy {
    const WORDS: &'static [(Self, &'static str, &'static str)] = &[
        (WriteStrategy::Behind, "write-behind", "Behind the answers, in batches"),
        (WriteStrategy::Through, "write-through", "Before each answer"),
        (WriteStrategy::ReadThrough, "read-through", "Not when appending; when a read has missed it"),
        (WriteStrategy::Aside, "cache-aside", "Only by commands that are there for it"),
    ];
}

/// What `[cache.type."TYPE"]` may say.
pub(super) static OF_CACHED_TYPE: [Member; 3] = [
    Member::new::<Age>("ttl", "For how long the cache file answers for heads of documents of this type"),
    Member::new::<bool>("memory", "Whether states of documents of this type are kept in memory (true unless set)"),
    Member::new::<bool>("disk", "Whether states of documents of this type go into the cache file (true unless set)"),
];

/// How documents of a type are cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachedType {
    /// For how long the disk tier answers for heads, where that is said.
    pub ttl: Option<Age>,
    /// Whether states are kept in memory.
    pub memory: bool,
    /// Whether they go into the file.
    pub disk: bool,
}

/// What is said of each type.
pub(super) fn types(members: &BTreeMap<Name, Value>) -> BTreeMap<DocumentType, CachedType> {
    let names = members.keys().filter_map(|name| match name {
        Name::Member { group: Group::CachedTypes, entry, .. } => Some(entry),
        _ => None,
    });
    names.map(|name| (name.as_str().into(), one(members, name))).collect()
}

fn one(members: &BTreeMap<Name, Value>, name: &str) -> CachedType {
    CachedType {
        ttl: read(members, name, "ttl"),
        memory: read(members, name, "memory").unwrap_or(true),
        disk: read(members, name, "disk").unwrap_or(true),
    }
}

fn read<T: Setting>(members: &BTreeMap<Name, Value>, entry: &str, member: &'static str) -> Option<T> {
    members.get(&Name::Member { group: Group::CachedTypes, entry: entry.to_owned(), member }).map(Value::read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Said, Settings, file};

    #[test]
    fn a_type_says_what_differs_from_the_rest() {
        let text = "[cache.type.'a/b']\nttl = '1d'\n[cache.type.'@c']\ndisk = false\n[cache.type.none]";
        let settings = Settings::of(&Said { files: &[file(text)], ..Said::default() }).unwrap();
        let told = CachedType { ttl: Some(Age(86_400_000)), memory: true, disk: true };
        let kept_off = CachedType { ttl: None, memory: true, disk: false };
        assert_eq!(settings.cached_types(), [("a/b".into(), told), ("@c".into(), kept_off)].into());
        assert_eq!(settings.find("cache.type.x.memory"), Ok(None));
        assert_eq!(settings.find("cache.type.x.memroy").unwrap_err().as_deref(), Some("cache.type.x.memory"));
    }
}
