//! A settings file: TOML, checked key by key, with the place of each.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml_parser::Source;
use toml_parser::lexer::TokenKind;

use super::error::SettingsError;
use super::key::{AnyKey, KEYS, Member, OF_TYPE, OF_VERSION};
use super::origin::{Origin, Position};
use super::policies::OF_POLICY;
use super::rules::OF_RULE;
use super::value::Kind;
use super::{brief, quoted};
use crate::model::similar::nearest;

/// A settings file that has been checked.
#[derive(Clone)]
pub struct File {
    /// The file, as it was named.
    pub(super) path: String,
    /// What paths in it are relative to.
    pub(super) dir: PathBuf,
    /// What it says, outside of profiles and in them.
    pub(super) entries: Vec<Entry>,
    /// The profiles it has, also empty ones.
    pub(super) profiles: Vec<String>,
}

/// One setting of a file.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) name: Name,
    pub(super) text: String,
    pub(super) at: Position,
    pub(super) profile: Option<String>,
}

/// What is set. The order is that of the table of settings, then of models.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    /// One of [`KEYS`], by its place there.
    Key(usize),
    /// A member of an entry of `[keyframes.policies]`.
    Policy {
        /// The name of the policy.
        policy: String,
        /// The name of the member.
        member: &'static str,
    },
    /// A member of an entry of `[cache.rules]`.
    Rule {
        /// The name of the rule.
        rule: String,
        /// The name of the member.
        member: &'static str,
    },
    /// A member of an entry of `[models]`.
    Member {
        /// `TYPE` or `TYPE@VERSION`.
        model: String,
        /// The name of the member.
        member: &'static str,
    },
}

/// The whole key, as it may stand in a file.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Key(n) => f.write_str(KEYS[*n].name()),
            Name::Policy { policy, member } => write!(f, "{KEYFRAMES}.{POLICIES}.{}.{member}", quoted(policy)),
            Name::Rule { rule, member } => write!(f, "{CACHE}.{RULES}.{}.{member}", quoted(rule)),
            Name::Member { model, member } => write!(f, "{MODELS}.{}.{member}", quoted(model)),
        }
    }
}

const MODELS: &str = "models";
const PROFILES: &str = "profiles";
const KEYFRAMES: &str = "keyframes";
const POLICIES: &str = "policies";
const CACHE: &str = "cache";
const RULES: &str = "rules";

impl File {
    /// Checks the bytes of a settings file. `path` names it in errors and origins; what it says of paths is relative
    /// to the folder that `path` is in.
    ///
    /// # Errors
    /// `Syntax`, `UnknownKey`, `BadValue`: the first of them in a table.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, SettingsError> {
        let shown = path.display().to_string();
        let syntax = |text: &str, byte, reason: &str| SettingsError::Syntax {
            path: shown.clone(),
            at: Position::of(byte, text),
            reason: reason.to_owned(),
        };
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let (valid, _) = bytes.split_at(error.valid_up_to());
            syntax(&String::from_utf8_lossy(valid), valid.len(), "this is not UTF-8 text")
        })?;
        if let Some(byte) = endless_key(text) {
            return Err(syntax(text, byte, "a key cannot have so many parts"));
        }
        let table = DeTable::parse(text)
            .map_err(|error| syntax(text, error.span().map_or(0, |span| span.start), error.message()))?;
        let mut reader = Reader { path: &shown, text, profile: None, entries: Vec::new() };
        let mut profiles = Vec::new();
        for (key, value) in by_position(table.get_ref()) {
            if key.get_ref() == PROFILES {
                for (key, value) in by_position(reader.table(PROFILES, value)?) {
                    let name = key.get_ref().to_string();
                    reader.profile = Some(name.clone());
                    let path = format!("{PROFILES}.{}", quoted(&name));
                    for (key, value) in by_position(reader.table(&path, value)?) {
                        reader.section(key, value)?;
                    }
                    profiles.push(name);
                }
                reader.profile = None;
            } else {
                reader.section(key, value)?;
            }
        }
        let entries = reader.entries;
        Ok(File { dir: path.parent().unwrap_or(Path::new("")).to_owned(), path: shown, entries, profiles })
    }
}

/// Its name alone: what it says may hold passwords.
impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Entry {
    /// Where a file called `path` says so.
    pub(super) fn origin(&self, path: &str) -> Origin {
        Origin::File { path: path.to_owned(), at: self.at, profile: self.profile.clone() }
    }
}

/// The first key with more parts than any that means something. Each part is a level of the parsed tree, and nothing
/// else bounds how deep a key of a few kilobytes makes it.
fn endless_key(text: &str) -> Option<usize> {
    const MAX_DOTS: u32 = 16;
    let mut dots = 0;
    for token in Source::new(text).lex() {
        match token.kind() {
            TokenKind::Dot => dots += 1,
            TokenKind::Atom | TokenKind::Whitespace | TokenKind::BasicString | TokenKind::LiteralString => {}
            _ => dots = 0,
        }
        if dots > MAX_DOTS {
            return Some(token.span().start());
        }
    }
    None
}

type Pair<'a, 'i> = (&'a Spanned<Cow<'i, str>>, &'a Spanned<DeValue<'i>>);

/// The members of a table, as they stand in the file.
fn by_position<'a, 'i>(table: &'a DeTable<'i>) -> Vec<Pair<'a, 'i>> {
    let mut pairs: Vec<Pair<'a, 'i>> = table.iter().collect();
    pairs.sort_by_key(|(key, _)| key.span().start);
    pairs
}

/// Walks the tables of a file.
struct Reader<'a> {
    path: &'a str,
    text: &'a str,
    profile: Option<String>,
    entries: Vec<Entry>,
}

impl Reader<'_> {
    /// A table of the top, or of a profile.
    fn section(&mut self, key: &Spanned<Cow<'_, str>>, value: &Spanned<DeValue<'_>>) -> Result<(), SettingsError> {
        let section = key.get_ref().as_ref();
        if section == MODELS {
            return self.models(value);
        }
        if section == CACHE {
            return self.cache(value);
        }
        let known: Vec<&dyn AnyKey> = KEYS.iter().copied().filter(|key| key.place().0 == section).collect();
        if known.is_empty() {
            let meant = meant_at_top(section, self.profile.is_some()).map(|meant| self.whole(&meant));
            return Err(self.unknown(key, &self.whole(&quoted(section)), meant));
        }
        for (key, value) in by_position(self.table(&self.whole(section), value)?) {
            let name = key.get_ref().as_ref();
            if (section, name) == (KEYFRAMES, POLICIES) {
                self.policies(value)?;
                continue;
            }
            let Some(index) = KEYS.iter().position(|key| key.place() == (section, name)) else {
                let mut names: Vec<&str> = known.iter().map(|key| key.place().1).collect();
                names.extend((section == KEYFRAMES).then_some(POLICIES));
                let near = nearest(name, &names).map(|near| format!("{section}.{near}"));
                let whole = self.whole(&format!("{section}.{}", quoted(name)));
                return Err(self.unknown(
                    key,
                    &whole,
                    near.or_else(|| elsewhere(name)).map(|meant| self.whole(&meant)),
                ));
            };
            self.add(Name::Key(index), key.span().start, value, &KEYS[index].kind(), |text| KEYS[index].check(text))?;
        }
        Ok(())
    }

    fn models(&mut self, value: &Spanned<DeValue<'_>>) -> Result<(), SettingsError> {
        for (key, value) in by_position(self.table(&self.whole(MODELS), value)?) {
            let model = key.get_ref().as_ref();
            let path = self.whole(&format!("{MODELS}.{}", quoted(model)));
            let members = Member::of(model).map_err(|reason| self.bad(key.span().start, &path, reason))?;
            for (key, value) in by_position(self.table(&path, value)?) {
                let name = key.get_ref().as_ref();
                let Some(member) = members.iter().find(|member| member.name == name) else {
                    let names: Vec<&str> = members.iter().map(|member| member.name).collect();
                    let meant = nearest(name, &names).map(|near| format!("{path}.{near}"));
                    return Err(self.unknown(
                        key,
                        &format!("{path}.{}", quoted(name)),
                        meant.or_else(|| form_with(name)),
                    ));
                };
                let name = Name::Member { model: model.to_owned(), member: member.name };
                self.add(name, key.span().start, value, &(member.kind)(), member.check)?;
            }
        }
        Ok(())
    }

    fn policies(&mut self, value: &Spanned<DeValue<'_>>) -> Result<(), SettingsError> {
        let name = |policy: &str, member| Name::Policy { policy: policy.to_owned(), member };
        self.entries(&format!("{KEYFRAMES}.{POLICIES}"), &OF_POLICY, &name, value)
    }

    fn cache(&mut self, value: &Spanned<DeValue<'_>>) -> Result<(), SettingsError> {
        for (key, value) in by_position(self.table(&self.whole(CACHE), value)?) {
            let name = key.get_ref().as_ref();
            if name != RULES {
                let meant = nearest(name, &[RULES]).map(|near| format!("{CACHE}.{near}")).or_else(|| elsewhere(name));
                let whole = self.whole(&format!("{CACHE}.{}", quoted(name)));
                return Err(self.unknown(key, &whole, meant.map(|meant| self.whole(&meant))));
            }
            let name = |rule: &str, member| Name::Rule { rule: rule.to_owned(), member };
            self.entries(&format!("{CACHE}.{RULES}"), &OF_RULE, &name, value)?;
        }
        Ok(())
    }

    /// The entries of a table, which have names of their own and the same members.
    fn entries(
        &mut self,
        table: &str,
        members: &'static [Member],
        member_of: &dyn Fn(&str, &'static str) -> Name,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), SettingsError> {
        let path = self.whole(table);
        for (key, value) in by_position(self.table(&path, value)?) {
            let entry = key.get_ref().as_ref();
            let path = format!("{path}.{}", quoted(entry));
            for (key, value) in by_position(self.table(&path, value)?) {
                let name = key.get_ref().as_ref();
                let Some(member) = members.iter().find(|member| member.name == name) else {
                    let names: Vec<&str> = members.iter().map(|member| member.name).collect();
                    let meant = nearest(name, &names).map(|near| format!("{path}.{near}"));
                    return Err(self.unknown(key, &format!("{path}.{}", quoted(name)), meant));
                };
                let name = member_of(entry, member.name);
                self.add(name, key.span().start, value, &(member.kind)(), member.check)?;
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        name: Name,
        byte: usize,
        value: &Spanned<DeValue<'_>>,
        wanted: &Kind,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<(), SettingsError> {
        let key = self.whole(&name.to_string());
        let (text, form) = match (value.get_ref(), wanted) {
            (DeValue::Integer(number), Kind::Count { .. }) if number.radix() == 10 => (number.as_str(), ""),
            (DeValue::Boolean(flag), Kind::Flag) => (if *flag { "true" } else { "false" }, ""),
            (_, Kind::Count { .. }) => ("", "a whole number"),
            (_, Kind::Flag) => ("", "true or false"),
            (DeValue::String(text), _) => (text.as_ref(), ""),
            _ => ("", "a string"),
        };
        if !form.is_empty() {
            return Err(self.bad(value.span().start, &key, format!("it has to be {form}, not {}", kind(value))));
        }
        check(text).map_err(|reason| self.bad(value.span().start, &key, reason))?;
        let at = Position::of(byte, self.text);
        self.entries.push(Entry { name, text: text.to_owned(), at, profile: self.profile.clone() });
        Ok(())
    }

    fn table<'v, 'i>(&self, path: &str, value: &'v Spanned<DeValue<'i>>) -> Result<&'v DeTable<'i>, SettingsError> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(table),
            _ => Err(self.bad(value.span().start, path, format!("it has to be a table, not {}", kind(value)))),
        }
    }

    /// A key from the top of the file.
    fn whole(&self, key: &str) -> String {
        match &self.profile {
            Some(profile) => format!("{PROFILES}.{}.{key}", quoted(profile)),
            None => key.to_owned(),
        }
    }

    fn unknown(&self, key: &Spanned<Cow<'_, str>>, whole: &str, meant: Option<String>) -> SettingsError {
        let at = Position::of(key.span().start, self.text);
        SettingsError::UnknownKey {
            path: self.path.to_owned(),
            at,
            key: brief(whole),
            meant: meant.map(|meant| brief(&meant)),
        }
    }

    fn bad(&self, byte: usize, key: &str, reason: String) -> SettingsError {
        // The key says already which profile it is in.
        let origin = Origin::File { path: self.path.to_owned(), at: Position::of(byte, self.text), profile: None };
        SettingsError::BadValue { origin, key: brief(key), reason }
    }
}

/// The key that may be meant by `name` where a section should be.
fn meant_at_top(name: &str, in_profile: bool) -> Option<String> {
    let mut known: Vec<&str> = KEYS.iter().map(|key| key.place().0).collect();
    known.extend([CACHE, MODELS]);
    if !in_profile {
        known.push(PROFILES);
    }
    nearest(name, &known).map(str::to_owned).or_else(|| elsewhere(name))
}

/// The setting that is called `name` in whatever section.
fn elsewhere(name: &str) -> Option<String> {
    KEYS.iter().find(|key| key.place().1 == name).map(|key| key.name().to_owned())
}

/// A key of `[models]` that ends with `name`, if any does.
pub(super) fn form_with(name: &str) -> Option<String> {
    let has = |members: &[Member]| members.iter().any(|member| member.name == name);
    let model = match () {
        () if has(&OF_VERSION) => "TYPE@VERSION",
        () if has(&OF_TYPE) => "TYPE",
        () => return None,
    };
    Some(format!("{MODELS}.\"{model}\".{name}"))
}

fn kind(value: &Spanned<DeValue<'_>>) -> &'static str {
    match value.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests;
