//! `[models]`: which model serves which document type.

use std::collections::{BTreeMap, BTreeSet};

use super::file::Name;
use super::group::Group;
use super::origin::Origin;
use super::value::Setting as _;
use super::{SettingsError, Value, brief};
use crate::model::ids::DocumentType;
use crate::reducer::generic::GenericKind;
use crate::reducer::{AliasStep, ModelId, Registry, RegistryError};

/// What the settings say of models.
#[derive(Clone, Debug, Default)]
pub(super) struct Models {
    aliases: BTreeMap<ModelId, Alias>,
    generic: BTreeMap<DocumentType, GenericKind>,
}

/// A version of a model that another version's model serves.
#[derive(Clone, Debug)]
struct Alias {
    same_as: ModelId,
    step: AliasStep,
    /// Who says `same-as`.
    origin: Origin,
}

impl Models {
    /// Gathers what is said of each model.
    ///
    /// # Errors
    /// `BadValue` for a version that is not said to be the same as another.
    pub(super) fn of(members: &BTreeMap<Name, Value>) -> Result<Self, SettingsError> {
        let mut models = Models::default();
        for (name, Value { text, origin }) in members {
            let (Name::Member { group: Group::Models, entry: model, member }, Some(text)) = (name, text) else {
                continue;
            };
            let text_of = |member| members.get(&of_model(model, member));
            let bad =
                |reason| SettingsError::BadValue { origin: origin.clone(), key: brief(&name.to_string()), reason };
            match *member {
                "kind" => {
                    models.generic.insert(model.as_str().into(), GenericKind::parse(text).map_err(bad)?);
                }
                "same-as" => {
                    let step = text_of("upgrade").and_then(|value| value.text.as_deref());
                    let step = step.map_or(Ok(AliasStep::Unknown), AliasStep::parse).map_err(bad)?;
                    let same_as = ModelId::parse(text).map_err(bad)?;
                    let alias = Alias { same_as, step, origin: origin.clone() };
                    models.aliases.insert(ModelId::parse(model).map_err(bad)?, alias);
                }
                _ if text_of("same-as").is_none() => {
                    let missing = of_model(model, "same-as");
                    let missing = brief(&missing.to_string());
                    return Err(bad(format!("it says nothing without {missing}, which is missing")));
                }
                _ => {}
            }
        }
        Ok(models)
    }

    /// Makes the models known to `registry`.
    ///
    /// # Errors
    /// `Model` if nothing serves what a version is mapped to.
    pub(super) fn register(&self, registry: &mut Registry) -> Result<(), SettingsError> {
        for (document_type, kind) in &self.generic {
            registry.serve(document_type, *kind);
        }
        let mut known = BTreeSet::new();
        for start in &self.aliases {
            // An alias of an alias has to come after it.
            let mut chain = Vec::new();
            let mut next = Some(start);
            while let Some((id, alias)) = next.filter(|(id, _)| !known.contains(id)) {
                if chain.len() == self.aliases.len() {
                    let (id, alias) = start;
                    return Err(alias.fails(id, RegistryError::ModelMissing(alias.same_as.clone())));
                }
                chain.push((id, alias));
                next = self.aliases.get_key_value(&alias.same_as);
            }
            for (id, alias) in chain.into_iter().rev() {
                registry.alias(id.clone(), &alias.same_as, alias.step).map_err(|source| alias.fails(id, source))?;
                known.insert(id);
            }
        }
        Ok(())
    }
}

fn of_model(model: &str, member: &'static str) -> Name {
    Name::Member { group: Group::Models, entry: model.to_owned(), member }
}

impl Alias {
    fn fails(&self, id: &ModelId, source: RegistryError) -> SettingsError {
        let key = of_model(&id.to_string(), "same-as").to_string();
        SettingsError::Model { origin: self.origin.clone(), key: brief(&key), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Said, Settings, file};

    fn settings(text: &str) -> Result<Settings, SettingsError> {
        Settings::of(&Said { files: &[file(text)], ..Said::default() })
    }

    fn id(version: u32) -> ModelId {
        ModelId { document_type: "powerhouse/document-drive".into(), version }
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
        settings(text).unwrap().register(&mut registry).unwrap();
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
            let error = settings(&text).unwrap().register(&mut Registry::built_in()).unwrap_err().to_string();
            assert_eq!(error, "dir/s.toml:2:1: models.\"powerhouse/document-drive@2\".same-as", "{target}");
        }
    }

    #[test]
    fn a_long_chain_of_aliases_is_no_work() {
        let name = "powerhouse/document-drive";
        let alias =
            |n: u32| format!("[models.'{name}@{n}']\nsame-as = '{name}@{}'\n", if n == 3000 { 1 } else { n + 1 });
        let text: String = (2..=3000).map(alias).collect();
        let mut registry = Registry::built_in();
        settings(&text).unwrap().register(&mut registry).unwrap();
        assert!((1..=3000).all(|version| registry.model(&id(version)).is_ok()));
    }

    #[test]
    fn an_upgrade_needs_to_say_what_serves_the_version() {
        let error = settings("[models.\"x@2\"]\nupgrade = \"identity\"").unwrap_err().to_string();
        assert_eq!(
            error,
            "dir/s.toml:2:1: models.\"x@2\".upgrade: it says nothing without models.\"x@2\".same-as, which is missing"
        );
    }

    #[test]
    fn a_type_has_a_kind() {
        let models =
            settings("[models.\"a/b\"]\nkind = \"json-merge-patch\"\n[models.\"@a/b\"]\nkind = 'set'").unwrap().models;
        assert_eq!(models.generic.get(&DocumentType::from("a/b")), Some(&GenericKind::JsonMergePatch));
        assert_eq!(models.generic.get(&DocumentType::from("@a/b")), Some(&GenericKind::Set));
    }
}
