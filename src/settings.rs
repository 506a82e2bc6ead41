//! Settings from a file, checked as a whole: an unknown key is an error that names the nearest known one.
//!
//! What the file may say so far:
//!
//! ```toml
//! [models."powerhouse/document-drive@2"]      # the version that is not built in
//! same-as = "powerhouse/document-drive@1"     # the model that serves it
//! upgrade = "identity"                        # or "none" (default): no upgrade step is known
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use crate::reducer::{AliasStep, ModelId, Registry, RegistryError};

/// What a settings file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    aliases: BTreeMap<ModelId, Alias>,
}

/// A version of a model that another version's model serves.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Alias {
    same_as: ModelId,
    step: AliasStep,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read settings file {path}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path}, line {line}: {reason}")]
    Syntax {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
    /// The file has a key that means nothing.
    #[error("{path}: unknown key {key}")]
    UnknownKey {
        /// The file.
        path: String,
        /// The whole key, from the top of the file.
        key: String,
        /// The known key that is most like it.
        nearest: Option<&'static str>,
    },
    /// A value is not what it has to be.
    #[error("{path}: {key}: {reason}")]
    BadValue {
        /// The file.
        path: String,
        /// The whole key, from the top of the file.
        key: String,
        /// What it has to be.
        reason: String,
    },
}

impl Settings {
    /// Reads a settings file.
    ///
    /// # Errors
    /// `Unreadable`, or as [`Settings::parse`].
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let shown = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Settings::parse(&text, &shown),
            Err(source) => Err(SettingsError::Unreadable { path: shown, source }),
        }
    }

    /// Parses the text of a settings file; `path` names it in errors.
    ///
    /// # Errors
    /// `Syntax`, `UnknownKey`, `BadValue`: the first of them.
    pub fn parse(text: &str, path: &str) -> Result<Self, SettingsError> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| SettingsError::Syntax {
            path: path.to_owned(),
            line: text[..error.span().map_or(0, |span| span.start).min(text.len())].matches('\n').count() + 1,
            reason: error.message().to_owned(),
        })?;
        let top = Section { path, name: String::new(), table: &table };
        top.allow(&["models"])?;
        let mut settings = Settings::default();
        let Some(models) = top.section("models")? else { return Ok(settings) };
        for key in models.table.keys() {
            let Some(id) = parse_model_id(key) else { return Err(models.bad(key, "a model is named TYPE@VERSION")) };
            let Some(model) = models.section(key)? else { continue };
            settings.aliases.insert(id, parse_alias(&model)?);
        }
        Ok(settings)
    }

    /// Makes the models known that the settings name.
    ///
    /// # Errors
    /// `ModelMissing` if nothing serves the model that an alias points to, be it absent or a circle of aliases.
    pub fn register(&self, registry: &mut Registry) -> Result<(), RegistryError> {
        let mut waiting: Vec<(&ModelId, &Alias)> = self.aliases.iter().collect();
        while let Some(&(_, first)) = waiting.first() {
            // An alias of an alias has to come after it.
            let named = |id: &ModelId| waiting.iter().any(|(other, _)| *other == id);
            let ready: Vec<bool> = waiting.iter().map(|(_, alias)| !named(&alias.same_as)).collect();
            if !ready.contains(&true) {
                return Err(RegistryError::ModelMissing(first.same_as.clone()));
            }
            let mut later = Vec::new();
            for (&(id, alias), ready) in waiting.iter().zip(ready) {
                if ready {
                    registry.alias(id.clone(), &alias.same_as, alias.step)?;
                } else {
                    later.push((id, alias));
                }
            }
            waiting = later;
        }
        Ok(())
    }
}

/// The known word that is most like `word`, if one is near enough to be meant.
#[must_use]
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let scored = known.iter().map(|known| (strsim::damerau_levenshtein(word, known), *known));
    scored.min_by_key(|(distance, _)| *distance).filter(|(distance, known)| *distance <= 1 + known.len() / 3).map(|(_, known)| known)
}

fn parse_alias(model: &Section<'_>) -> Result<Alias, SettingsError> {
    model.allow(&["same-as", "upgrade"])?;
    let same_as = model.text("same-as")?.ok_or_else(|| model.bad("same-as", "it is missing"))?;
    let Some(same_as) = parse_model_id(same_as) else { return Err(model.bad("same-as", "a model is named TYPE@VERSION")) };
    let step = match model.text("upgrade")? {
        None | Some("none") => AliasStep::Unknown,
        Some("identity") => AliasStep::Identity,
        Some(other) => return Err(model.bad("upgrade", &format!("\"{other}\" is neither \"identity\" nor \"none\""))),
    };
    Ok(Alias { same_as, step })
}

/// `TYPE@VERSION`; versions start at 1 and have no leading zeros.
fn parse_model_id(text: &str) -> Option<ModelId> {
    let (document_type, version) = text.rsplit_once('@')?;
    let plain = version.bytes().all(|byte| byte.is_ascii_digit()) && !version.starts_with('0') && !document_type.is_empty();
    let version = version.parse().ok().filter(|_| plain)?;
    Some(ModelId { document_type: document_type.into(), version })
}

/// A table of the file, with the way to it.
struct Section<'a> {
    path: &'a str,
    name: String,
    table: &'a Table,
}

impl<'a> Section<'a> {
    fn key(&self, key: &str) -> String {
        let bare = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        let key = if bare { key.to_owned() } else { format!("\"{key}\"") };
        if self.name.is_empty() { key } else { format!("{}.{key}", self.name) }
    }

    fn allow(&self, known: &[&'static str]) -> Result<(), SettingsError> {
        let Some(key) = self.table.keys().find(|key| !known.contains(&key.as_str())) else { return Ok(()) };
        Err(SettingsError::UnknownKey { path: self.path.to_owned(), key: self.key(key), nearest: nearest(key, known) })
    }

    fn section(&self, key: &str) -> Result<Option<Section<'a>>, SettingsError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::Table(table)) => Ok(Some(Section { path: self.path, name: self.key(key), table })),
            Some(_) => Err(self.bad(key, "it has to be a table")),
        }
    }

    fn text(&self, key: &str) -> Result<Option<&'a str>, SettingsError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.bad(key, "it has to be a string")),
        }
    }

    fn bad(&self, key: &str, reason: &str) -> SettingsError {
        SettingsError::BadValue { path: self.path.to_owned(), key: self.key(key), reason: reason.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(version: u32) -> ModelId {
        ModelId { document_type: "powerhouse/document-drive".into(), version }
    }

    fn error(text: &str) -> String {
        Settings::parse(text, "s.toml").unwrap_err().to_string()
    }

    #[test]
    fn an_alias_of_an_alias_is_registered_after_it() {
        let text = r#"
            [models."powerhouse/document-drive@2"]
            same-as = "powerhouse/document-drive@3"
            upgrade = "identity"
            [models."powerhouse/document-drive@3"]
            same-as = "powerhouse/document-drive@1"
        "#;
        let mut registry = Registry::built_in();
        Settings::parse(text, "s.toml").unwrap().register(&mut registry).unwrap();
        assert!(registry.model(&id(2)).is_ok());
        assert_eq!(registry.upgrade_path(&id(2).document_type, 1, 2).map(|path| path.len()), Ok(1));
        assert!(registry.upgrade_path(&id(2).document_type, 2, 3).is_err());
    }

    #[test]
    fn a_circle_of_aliases_and_an_absent_model_are_refused() {
        for target in [2, 3, 9] {
            let text = format!(
                "[models.\"powerhouse/document-drive@2\"]\nsame-as = \"powerhouse/document-drive@{target}\"\n\
                 [models.\"powerhouse/document-drive@3\"]\nsame-as = \"powerhouse/document-drive@2\"\n"
            );
            let settings = Settings::parse(&text, "s.toml").unwrap();
            assert!(settings.register(&mut Registry::built_in()).is_err(), "{target}");
        }
    }

    #[test]
    fn says_which_key_is_wrong() {
        assert_eq!(error("a = "), "s.toml, line 1: string values must be quoted, expected literal string");
        assert_eq!(error("[model]"), "s.toml: unknown key model");
        assert_eq!(error("models = 1"), "s.toml: models: it has to be a table");
        assert_eq!(error("[models.x]"), "s.toml: models.x: a model is named TYPE@VERSION");
        assert_eq!(error("[models.\"x@1\"]"), "s.toml: models.\"x@1\".same-as: it is missing");
        assert_eq!(error("[models.\"x@1\"]\nsame_as = 1"), "s.toml: unknown key models.\"x@1\".same_as");
        assert_eq!(
            error("[models.\"x@2\"]\nsame-as = \"x@1\"\nupgrade = \"all\""),
            "s.toml: models.\"x@2\".upgrade: \"all\" is neither \"identity\" nor \"none\""
        );
        for name in ["x@0", "x@01", "@1", "x@+1", "x@", "x"] {
            assert_eq!(parse_model_id(name), None, "{name}");
        }
    }

    #[test]
    fn suggests_only_what_is_near() {
        assert_eq!(nearest("same_as", &["same-as", "upgrade"]), Some("same-as"));
        assert_eq!(nearest("upgarde", &["same-as", "upgrade"]), Some("upgrade"));
        assert_eq!(nearest("colour", &["same-as", "upgrade"]), None);
    }
}
