//! Which model serves a document type at a version, and the steps from one version to the next.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Model, ModelId};
use crate::model::ids::DocumentType;
use crate::model::state::State;

/// Changes a state from one version of a model to the next (reactor format §5.2).
pub trait UpgradeStep: Send + Sync {
    /// The state after the step.
    fn upgrade(&self, state: &State) -> State;
}

/// The steps of one upgrade, in order; may be empty when the action carries the new state.
pub type UpgradePath = Vec<Arc<dyn UpgradeStep>>;

/// The models that are known. Built once, then shared.
#[derive(Clone, Default)]
pub struct Registry {
    models: BTreeMap<ModelId, Entry>,
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
        registry.insert(super::native::drive::id(), Arc::new(super::native::drive::Drive));
        registry
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

    /// The model that serves `id`.
    ///
    /// # Errors
    /// `ModelMissing` if there is none; never a neighbouring version.
    pub fn model(&self, id: &ModelId) -> Result<Arc<dyn Model>, RegistryError> {
        self.models.get(id).map(|entry| entry.model.clone()).ok_or_else(|| RegistryError::ModelMissing(id.clone()))
    }

    /// The steps that lead from version `from` to version `to` of a type.
    ///
    /// # Errors
    /// `StepMissing` naming the first version that no step leads to.
    pub fn upgrade_path(&self, document_type: &DocumentType, from: u32, to: u32) -> Result<UpgradePath, RegistryError> {
        let step = |version| {
            let id = ModelId { document_type: document_type.clone(), version };
            let step = self.models.get(&id).and_then(|entry| entry.step.clone());
            step.ok_or(RegistryError::StepMissing(id))
        };
        (from.saturating_add(1)..=to).map(step).collect()
    }

    /// All models, by type and version, each with the one it is a synonym of.
    pub fn models(&self) -> impl Iterator<Item = (&ModelId, &dyn Model, Option<&ModelId>)> {
        self.models.iter().map(|(id, entry)| (id, &*entry.model, entry.same_as.as_ref()))
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
