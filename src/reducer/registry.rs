//! Which model serves a document type at a version, and the steps from one version to the next.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::generic::{Generic, GenericKind};
use super::protocol::Version;
use super::{Model, ModelId, ModelKind, native};
use crate::model::ids::DocumentType;
use crate::model::state::State;

/// Changes a state from one version of a model to the next (reactor format §5.2).
pub trait UpgradeStep: Send + Sync {
    /// The state after the step.
    fn upgrade(&self, state: &State) -> State;
}

/// The steps of one upgrade, in order; may be empty when the action carries the new state.
pub type UpgradePath = Vec<Arc<dyn UpgradeStep>>;

/// The models that are known, and what is assumed where a document does not say. Built once, then shared.
#[derive(Clone, Default)]
pub struct Registry {
    models: BTreeMap<ModelId, Entry>,
    /// What serves all versions of a type that `models` does not name.
    generic: BTreeMap<DocumentType, (GenericKind, Arc<dyn Model>)>,
    base_reducer: Option<Version>,
}

/// A model as the registry knows it.
pub struct Known<'a> {
    /// The document type.
    pub document_type: &'a DocumentType,
    /// The version; `None` is every version.
    pub version: Option<u32>,
    /// The model.
    pub model: &'a dyn Model,
    /// What the type or version is mapped to: `TYPE@VERSION`, or the name of a generic model.
    pub same_as: Option<String>,
}

#[derive(Clone)]
struct Entry {
    model: Arc<dyn Model>,
    same_as: Option<ModelId>,
    /// How a state of the version before becomes one of this version, where that is known.
    step: Option<Arc<dyn UpgradeStep>>,
}

/// Why the registry has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// No model serves the type at that version. The text is the reference's.
    #[error("Document model module not found for type: {} version {}", .0.document_type, .0.version)]
    ModelMissing(ModelId),
    /// No step leads to that version.
    #[error("no upgrade step leads to {0}")]
    StepMissing(ModelId),
}

/// Leaves a state as it is: for a version that changed nothing but its number.
struct Identity;

impl UpgradeStep for Identity {
    fn upgrade(&self, state: &State) -> State {
        state.clone()
    }
}

impl Registry {
    /// A registry without models.
    #[must_use]
    pub fn empty() -> Self {
        Registry::default()
    }

    /// The models that are built in.
    #[must_use]
    pub fn built_in() -> Self {
        let mut registry = Registry::empty();
        registry.insert(native::drive::id(), Arc::new(native::drive::Drive));
        registry.insert(native::document_model::id(), Arc::new(native::document_model::DocumentModel));
        for kind in GenericKind::ALL {
            registry.serve(&DocumentType::from(kind.name()), kind);
        }
        registry
    }

    /// Lets a generic model serve all versions of a document type, in place of whatever served it before. No version
    /// changes anything: an upgrade leaves the state as it is, unless its action carries another.
    pub fn serve(&mut self, document_type: &DocumentType, kind: GenericKind) {
        self.models.retain(|id, _| id.document_type != *document_type);
        self.generic.insert(document_type.clone(), (kind, Arc::new(Generic(kind))));
    }

    /// Adds a model, or replaces the one that was there.
    pub fn insert(&mut self, id: ModelId, model: Arc<dyn Model>) {
        self.models.insert(id, Entry { model, same_as: None, step: None });
    }

    /// Lets the model of `same_as` serve `id`, too. With `identity`, the step to `id` changes nothing;
    /// without, no step to it is known.
    ///
    /// # Errors
    /// `ModelMissing` if nothing serves `same_as`.
    pub fn alias(&mut self, id: ModelId, same_as: &ModelId, step: AliasStep) -> Result<(), RegistryError> {
        let model = self.model(same_as)?;
        let step: Option<Arc<dyn UpgradeStep>> = match step {
            AliasStep::Identity => Some(Arc::new(Identity)),
            AliasStep::Unknown => None,
        };
        self.models.insert(id, Entry { model, same_as: Some(same_as.clone()), step });
        Ok(())
    }

    /// Says which base protocol documents follow that do not say it themselves, as those of old releases do (reactor
    /// format §11). `None`: no operation can be applied to them.
    pub fn assume_base_reducer(&mut self, version: Option<Version>) {
        self.base_reducer = version;
    }

    /// What was said with [`Registry::assume_base_reducer`].
    #[must_use]
    pub fn base_reducer(&self) -> Option<Version> {
        self.base_reducer
    }

    /// The model that serves `id`.
    ///
    /// # Errors
    /// `ModelMissing` if there is none; never a neighbouring version.
    pub fn model(&self, id: &ModelId) -> Result<Arc<dyn Model>, RegistryError> {
        let exact = self.models.get(id).map(|entry| &entry.model);
        let model = exact.or_else(|| self.generic.get(&id.document_type).map(|(_, model)| model));
        model.cloned().ok_or_else(|| RegistryError::ModelMissing(id.clone()))
    }

    /// Whether documents of a type need no `CREATE_DOCUMENT`: a generic model serves them from their first version on.
    ///
    /// # Errors
    /// `ModelMissing` if nothing serves the type.
    pub fn is_generic(&self, document_type: &DocumentType) -> Result<bool, RegistryError> {
        let first = ModelId { document_type: document_type.clone(), version: 1 };
        Ok(self.model(&first)?.kind() == ModelKind::Generic)
    }

    /// The steps that lead from version `from` to version `to` of a type.
    ///
    /// # Errors
    /// `StepMissing` naming the first version that no step leads to.
    pub fn upgrade_path(&self, document_type: &DocumentType, from: u32, to: u32) -> Result<UpgradePath, RegistryError> {
        let id = |version| ModelId { document_type: document_type.clone(), version };
        let step_to = |id: ModelId| {
            let step = self.models.get(&id).and_then(|entry| entry.step.clone());
            step.ok_or(RegistryError::StepMissing(id))
        };
        let Some(first) = from.checked_add(1).filter(|first| *first <= to) else { return Ok(UpgradePath::new()) };
        if self.generic.contains_key(document_type) {
            // Versions that nothing was said of are all the same.
            return self.models.range(id(first)..=id(to)).map(|(id, _)| step_to(id.clone())).collect();
        }
        (first..=to).map(|version| step_to(id(version))).collect()
    }

    /// All models, by type and version; one for every version comes before those of single versions.
    #[must_use]
    pub fn models(&self) -> Vec<Known<'_>> {
        let generic = self.generic.iter().map(|(document_type, (kind, model))| Known {
            document_type,
            version: None,
            model: &**model,
            same_as: Some(kind.to_string()).filter(|name| **name != *document_type.as_str()),
        });
        let exact = self.models.iter().map(|(id, entry)| Known {
            document_type: &id.document_type,
            version: Some(id.version),
            model: &*entry.model,
            same_as: entry.same_as.as_ref().map(ToString::to_string),
        });
        let mut known: Vec<Known<'_>> = generic.chain(exact).collect();
        known.sort_by_key(|known| (known.document_type, known.version));
        known
    }
}

/// How a state reaches a version that is served by another version's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AliasStep {
    /// The version changed nothing: the state stays as it is.
    Identity,
    /// No step is known: an upgrade needs the new state in its action.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(version: u32) -> ModelId {
        ModelId { document_type: "t".into(), version }
    }

    fn kind(registry: &Registry, version: u32) -> Option<ModelKind> {
        registry.model(&id(version)).ok().map(|model| model.kind())
    }

    #[test]
    fn a_generic_model_serves_every_version_and_upgrades_change_nothing() {
        let mut registry = Registry::built_in();
        assert_eq!(kind(&registry, 1), None);
        registry.serve(&"t".into(), GenericKind::Set);
        assert_eq!([1, 7, u32::MAX].map(|version| kind(&registry, version)), [Some(ModelKind::Generic); 3]);
        assert_eq!(registry.upgrade_path(&"t".into(), 1, u32::MAX).map(|path| path.len()), Ok(0));
        assert_eq!(registry.is_generic(&"t".into()), Ok(true));
        assert_eq!(registry.is_generic(&crate::reducer::native::drive::id().document_type), Ok(false));
        assert!(registry.is_generic(&"u".into()).is_err());
    }

    #[test]
    fn what_is_said_later_counts() {
        let mut registry = Registry::built_in();
        let drive = super::super::native::drive::id();
        registry.serve(&"t".into(), GenericKind::Set);
        registry.alias(id(2), &drive, AliasStep::Unknown).unwrap();
        assert_eq!([1, 2].map(|version| kind(&registry, version)), [Some(ModelKind::Generic), Some(ModelKind::Native)]);
        assert_eq!(registry.upgrade_path(&"t".into(), 1, 9).err(), Some(RegistryError::StepMissing(id(2))));
        assert_eq!(registry.upgrade_path(&"t".into(), 2, 9).map(|path| path.len()), Ok(0));
        registry.serve(&"t".into(), GenericKind::JsonPatch);
        assert_eq!(kind(&registry, 2), Some(ModelKind::Generic));
        registry.serve(&drive.document_type, GenericKind::JsonPatch);
        assert_eq!(registry.is_generic(&drive.document_type), Ok(true));
    }

    #[test]
    fn every_version_is_listed_as_one() {
        let mut registry = Registry::built_in();
        registry.serve(&"t".into(), GenericKind::JsonPatch);
        let shown = |known: Known<'_>| (known.document_type.to_string(), known.version, known.same_as);
        let listed: Vec<_> = registry.models().into_iter().map(shown).collect();
        let own = |name: &str, version| (name.to_owned(), version, None);
        assert_eq!(
            listed,
            [
                own("json-merge-patch", None),
                own("json-patch", None),
                own("powerhouse/document-drive", Some(1)),
                own("powerhouse/document-model", Some(1)),
                own("set", None),
                ("t".to_owned(), None, Some("json-patch".to_owned())),
            ]
        );
    }
}
