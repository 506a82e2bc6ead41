//! Settings: files, environment and flags as one checked value, each part of which knows where it comes from.
//!
//! ```toml
//! [store]
//! url = "ops.db"                              # relative to the folder that this file is in
//!
//! [models."powerhouse/document-drive@2"]      # a version that is not built in
//! same-as = "powerhouse/document-drive@1"     # the model that serves it
//! upgrade = "identity"                        # or "none" (default): no upgrade step is known
//!
//! [keyframes.policies.nightly]                # what `keyframe compact --policy nightly` does
//! max-replay-ops = 50
//!
//! [cache.type."powerhouse/document-drive"]    # how documents of this type are cached
//! ttl = "10m"
//!
//! [cache.rules.index]                         # when a document is deleted, these are dropped from the tiers
//! on = "document.deleted"
//! drop = "*:acme/index:*"
//!
//! [profiles.ci.limits]                        # holds with `--profile ci`
//! timeout = "10m"
//! ```
//!
//! What there is to set is the table in `key.rs`, and the groups of entries with names of their own in `group.rs`. Nothing here reads a file, the environment or a directory: callers
//! hand over texts.

mod cache;
mod error;
mod file;
mod group;
mod key;
mod models;
mod origin;
mod policies;
mod rules;
mod schema;
mod value;

use std::collections::BTreeMap;
use std::fmt;
#[cfg(test)]
use std::path::Path;

pub use cache::{CachedType, DiskWhen, WriteStrategy};
pub use error::SettingsError;
pub use file::File;
pub use key::{
    AnyKey, BUSY_TIMEOUT, CACHE_DIR, CACHE_DISK, CACHE_DISK_BYTES, CACHE_DISK_ENTRIES, CACHE_MEMORY_BYTES,
    CACHE_MEMORY_RING, CACHE_MEMORY_STREAMS, CACHE_TTL, CACHE_WRITE, COLOR, CONFIG_VARIABLE, KEYFRAMES_EVERY,
    KEYFRAMES_GROWTH, KEYFRAMES_WRITE, KEYS, Key, PROFILE_VARIABLE, PROGRESS, STORE_URL, TIMEOUT, TRUST,
};
pub use origin::{Origin, Position};
pub use policies::NamedPolicy;
pub use schema::schema;
pub use value::{Age, Base, ColorWhen, Folder, Kind, Location, ProgressWhen, Setting, Word};

use file::Name;
use group::Group;
use models::Models;

use crate::cache::rules::Rule;
use crate::model::ids::DocumentType;
use crate::model::similar::nearest;
use crate::reducer::Registry;
use crate::store;

/// What is called a settings file, wherever it is.
pub const FILE_NAME: &str = "snapctl.toml";

/// What of the environment is about settings.
pub const VARIABLE_PREFIX: &str = "SNAPCTL_";

/// All that is said about settings. Later parts win over earlier ones.
#[derive(Clone, Default)]
pub struct Said<'a> {
    /// Files, the weakest first.
    pub files: &'a [File],
    /// The profile of the files that holds, and who asks for it.
    pub profile: Option<(String, Origin)>,
    /// The environment, or what of it begins with [`VARIABLE_PREFIX`]. An empty variable says nothing.
    pub variables: &'a [(String, String)],
    /// Flags of the command line.
    pub flags: Vec<Flag>,
}

/// A flag that was given.
#[derive(Clone)]
pub struct Flag {
    /// What it sets.
    pub key: &'static dyn AnyKey,
    /// As it is called, with its dashes: more than one may set the same.
    pub name: &'static str,
    /// The text of the value.
    pub text: String,
}

/// What holds.
#[derive(Clone)]
pub struct Settings {
    /// In the order of [`KEYS`].
    keys: Vec<Value>,
    members: BTreeMap<Name, Value>,
    models: Models,
    rules: Vec<Rule>,
}

/// The text of a setting, and who says so; `None` is nothing.
#[derive(Clone)]
struct Value {
    text: Option<String>,
    origin: Origin,
}

/// A setting as users see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The whole key, as it may stand in a file.
    pub key: String,
    /// Its text, without passwords; `None` for nothing.
    pub value: Option<String>,
    /// Whether the value has more to it than is shown: a password, or options of a store.
    pub masked: bool,
    /// Where it comes from.
    pub origin: &'a Origin,
    /// What it does, in a line.
    pub about: &'static str,
}

impl Value {
    fn read<T: Setting>(&self) -> T {
        T::parse(self.text.as_deref().unwrap_or_default()).expect("it was checked when it was set")
    }
}

impl Settings {
    /// Lays what is said over the defaults.
    ///
    /// # Errors
    /// `BadValue` for a variable, a flag, or an entry of `[models]` or `[cache.rules]` that lacks something; `NoProfile`.
    pub fn of(said: &Said<'_>) -> Result<Self, SettingsError> {
        let keys = KEYS.iter().map(|key| Value { text: key.default_text(), origin: Origin::Default }).collect();
        let mut settings = Settings { keys, members: BTreeMap::new(), models: Models::default(), rules: Vec::new() };
        settings.add_files(said.files, None);
        if let Some((name, origin)) = &said.profile {
            let mut known: Vec<&String> = said.files.iter().flat_map(|file| &file.profiles).collect();
            if !known.contains(&name) {
                known.sort();
                known.dedup();
                let known = known.into_iter().cloned().collect();
                return Err(SettingsError::NoProfile { origin: origin.clone(), name: name.clone(), known });
            }
            settings.add_files(said.files, Some(name));
        }
        for (n, key) in KEYS.iter().enumerate() {
            let variable = said.variables.iter().find(|(name, text)| name == key.variable() && !text.is_empty());
            if let Some((_, text)) = variable {
                settings.set(n, text, Origin::Variable(key.variable()))?;
            }
        }
        for flag in &said.flags {
            settings.set(place_of(flag.key), &flag.text, Origin::Flag(flag.name))?;
        }
        settings.models = Models::of(&settings.members)?;
        settings.rules = rules::rules(&settings.members)?;
        Ok(settings)
    }

    fn add_files(&mut self, files: &[File], profile: Option<&String>) {
        for file in files {
            for entry in file.entries.iter().filter(|entry| entry.profile.as_ref() == profile) {
                let origin = entry.origin(&file.path);
                match &entry.name {
                    Name::Key(n) if KEYS[*n].kind() == Kind::Location => {
                        let text = store::relative_to(&entry.text, &file.dir);
                        self.keys[*n] = Value { text: Some(text).filter(|text| !text.is_empty()), origin };
                    }
                    Name::Key(n) if KEYS[*n].kind() == Kind::Folder && !entry.text.is_empty() => {
                        let path = file.dir.join(&entry.text);
                        self.keys[*n] = Value { text: Some(path.to_string_lossy().into_owned()), origin };
                    }
                    Name::Key(n) => {
                        let text = Some(entry.text.clone()).filter(|text| !text.is_empty());
                        self.keys[*n] = Value { text, origin };
                    }
                    member @ Name::Member { .. } => {
                        self.members.insert(member.clone(), Value { text: Some(entry.text.clone()), origin });
                    }
                }
            }
        }
    }

    fn set(&mut self, n: usize, text: &str, origin: Origin) -> Result<(), SettingsError> {
        if let Err(reason) = KEYS[n].check(text) {
            return Err(SettingsError::BadValue { origin, key: KEYS[n].name().to_owned(), reason });
        }
        self.keys[n] = Value { text: Some(text.to_owned()).filter(|text| !text.is_empty()), origin };
        Ok(())
    }

    /// The value of a setting.
    #[must_use]
    pub fn get<T: Setting>(&self, key: &'static Key<T>) -> T {
        let value = &self.keys[place_of(key)];
        if value.origin == Origin::Default { key.default.clone() } else { value.read() }
    }

    /// The policy for keyframes of that name.
    ///
    /// # Errors
    /// When there is none: the names of those that there are.
    pub fn policy(&self, name: &str) -> Result<NamedPolicy, Vec<&str>> {
        NamedPolicy::of(&self.members, name).ok_or_else(|| {
            let mut known: Vec<&str> = policies::names(&self.members).collect();
            known.dedup();
            known
        })
    }

    /// What is said of how documents of each type are cached.
    #[must_use]
    pub fn cached_types(&self) -> BTreeMap<DocumentType, CachedType> {
        cache::types(&self.members)
    }

    /// The rules by which entries are dropped from the tiers, besides those that always are.
    #[must_use]
    pub fn cache_rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Makes the models known that the settings name.
    ///
    /// # Errors
    /// `Model` if nothing serves the model that a version is mapped to, be it absent or a circle of mappings.
    pub fn register(&self, registry: &mut Registry) -> Result<(), SettingsError> {
        self.models.register(registry)
    }

    /// Every setting: those of the table in its order, then models by their names.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let keys = KEYS.iter().zip(&self.keys).map(|(key, value)| {
            let location = key.kind() == Kind::Location;
            let text = value.text.clone();
            let shown = if location { text.as_deref().map(store::without_password) } else { text.clone() };
            Entry {
                key: key.name().to_owned(),
                masked: shown != text,
                value: shown,
                origin: &value.origin,
                about: key.about(),
            }
        });
        let members = self.members.iter().map(|(name, value)| {
            let (key, value, origin) = (name.to_string(), value.text.clone(), &value.origin);
            Entry { key, value, masked: false, origin, about: name.about() }
        });
        keys.chain(members)
    }

    /// The setting that is called `key`, with or without quotes around the names of models.
    ///
    /// # Errors
    /// When there can be no such setting: the known one that may be meant.
    pub fn find(&self, key: &str) -> Result<Option<Entry<'_>>, Option<String>> {
        let plain = |text: &str| text.replace(['"', '\''], "");
        let wanted = plain(key);
        // Names may have quotes of their own.
        let exact = self.entries().find(|entry| entry.key == key);
        if let Some(entry) = exact.or_else(|| self.entries().find(|entry| plain(&entry.key) == wanted)) {
            return Ok(Some(entry));
        }
        for group in Group::ALL {
            let of_group = wanted.strip_prefix(&format!("{group}.")).and_then(|rest| rest.rsplit_once('.'));
            let Some((name, member)) = of_group else { continue };
            let members = group.members(name).unwrap_or_default();
            if members.iter().any(|known| known.name == member) {
                return Ok(None);
            }
            let names: Vec<&str> = members.iter().map(|member| member.name).collect();
            let near = nearest(member, &names).map(|near| format!("{group}.{}.{near}", quoted(name)));
            if let Some(meant) = near.or_else(|| group.form_with(member)) {
                return Err(Some(meant));
            }
        }
        let known: Vec<String> = self.entries().map(|entry| entry.key).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let leaves: Vec<&str> = KEYS.iter().map(|key| key.place().1).collect();
        let by_leaf = || {
            let near = nearest(key, &leaves)?;
            KEYS.iter().map(|key| key.name()).find(|name| name.ends_with(&format!(".{near}")))
        };
        Err(nearest(key, &known).or_else(by_leaf).map(str::to_owned))
    }
}

/// Where in [`KEYS`] a key is.
fn place_of(key: &dyn AnyKey) -> usize {
    KEYS.iter().position(|other| other.name() == key.name()).expect("keys are made in the file of the table alone")
}

/// Without passwords.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries()).finish()
    }
}

impl Name {
    fn about(&self) -> &'static str {
        match self {
            Name::Key(n) => KEYS[*n].about(),
            Name::Member { group, member, .. } => group.about(member),
        }
    }
}

/// A variable that looks like one of snapctl's, and is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger<'a> {
    /// The variable.
    pub name: &'a str,
    /// The variable that may be meant.
    pub meant: Option<&'static str>,
}

/// The variables that begin as snapctl's do, are not empty, and mean nothing.
#[must_use]
pub fn strangers(variables: &[(String, String)]) -> Vec<Stranger<'_>> {
    let known: Vec<&'static str> =
        KEYS.iter().map(|key| key.variable()).chain([CONFIG_VARIABLE, PROFILE_VARIABLE]).collect();
    let set = variables.iter().filter(|(name, text)| name.starts_with(VARIABLE_PREFIX) && !text.is_empty());
    let unknown = set.filter(|(name, _)| !known.contains(&name.as_str()));
    unknown.map(|(name, _)| Stranger { name, meant: nearest_variable(name, &known) }).collect()
}

/// The prefix, which they all have, makes none of them alike.
fn nearest_variable(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let rest = |name: &'static str| name.strip_prefix(VARIABLE_PREFIX).unwrap_or(name);
    let rests: Vec<&str> = known.iter().map(|name| rest(name)).collect();
    let near = nearest(name.strip_prefix(VARIABLE_PREFIX).unwrap_or(name), &rests)?;
    known.iter().copied().find(|name| rest(name) == near)
}

/// A part of a key, with quotes and escapes if it needs them (<https://toml.io/en/v1.0.0#keys>).
fn quoted(part: &str) -> String {
    let bare = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if bare {
        return part.to_owned();
    }
    let mut text = String::from('"');
    for char in part.chars() {
        match char {
            '"' | '\\' => text.extend(['\\', char]),
            // TOML allows no line break in a key, and a terminal obeys the others.
            char if char.is_control() => text.extend(format!("\\u{:04x}", u32::from(char)).chars()),
            char => text.push(char),
        }
    }
    text.push('"');
    text
}

/// A text of a file as a message shows it: not longer than one can read.
fn brief(text: &str) -> String {
    const LONGEST: usize = 100;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Reads a file's text from memory; for tests.
#[cfg(test)]
fn file(text: &str) -> File {
    File::parse(text.as_bytes(), Path::new("dir/s.toml")).expect("the text is right")
}

#[cfg(test)]
mod tests;
