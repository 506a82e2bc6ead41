//! Specifications, their modules and operations.

use std::sync::{Arc, OnceLock};

use super::list::List;
use crate::model::json::{Json, Object, Text};

/// A specification.
#[derive(Clone)]
pub(super) struct Spec {
    /// Its members other than `modules` and `state`.
    pub(super) members: Arc<Object<'static>>,
    /// The states that it describes.
    pub(super) state: Option<Arc<Json<'static>>>,
    pub(super) modules: List<Module>,
}

/// A module.
#[derive(Clone)]
pub(super) struct Module {
    /// Its members other than `operations`.
    pub(super) members: Object<'static>,
    /// Its operations, each with its errors and examples.
    pub(super) operations: List<Object<'static>>,
    /// About how long its text is, once somebody asked.
    bytes: OnceLock<usize>,
}

/// A specification that is not the latest any more: it stays as it is.
pub(super) struct Released {
    pub(super) spec: Spec,
    /// About how long its text is, once somebody asked.
    bytes: OnceLock<usize>,
}

impl Spec {
    /// Reads a specification; `None` if its modules and operations are not what they should be.
    pub(super) fn read(spec: &Json<'static>) -> Option<Self> {
        let mut members = spec.as_object()?.clone();
        let modules = members.remove("modules")?;
        let state = members.remove("state").map(Arc::new);
        let mut spec = Spec { members: Arc::new(members), state, modules: List::new() };
        for module in modules.as_array()? {
            let mut members = module.as_object()?.clone();
            let Some(Json::Array(operations)) = members.remove("operations") else { return None };
            let mut module = Module::new(members);
            for operation in operations {
                let Json::Object(operation) = operation else { return None };
                module.operations.push(Arc::new(operation));
            }
            spec.modules.push(Arc::new(module));
        }
        Some(spec)
    }

    /// The specification as JSON.
    pub(super) fn to_json(&self) -> Json<'static> {
        let mut spec = Object::clone(&self.members);
        spec.insert("modules".into(), Json::Array(self.modules.iter().map(|module| module.to_json()).collect()));
        if let Some(state) = &self.state {
            spec.insert("state".into(), Json::clone(state));
        }
        spec.into()
    }
}

impl Module {
    /// A module without operations.
    pub(super) fn new(members: Object<'static>) -> Self {
        Module { members, operations: List::new(), bytes: OnceLock::new() }
    }

    /// Its id.
    pub(super) fn id(&self) -> Option<&Text<'static>> {
        id(&self.members)
    }

    /// About how long its text is, in bytes.
    pub(super) fn bytes(&self) -> usize {
        *self.bytes.get_or_init(|| {
            bytes_of(&self.members) + self.operations.iter().map(|operation| bytes_of(operation)).sum::<usize>()
        })
    }

    /// What it is made of is about to change.
    pub(super) fn change(&mut self) -> &mut Self {
        self.bytes = OnceLock::new();
        self
    }

    fn to_json(&self) -> Json<'static> {
        let mut module = self.members.clone();
        let operations = self.operations.iter().map(|operation| Object::clone(operation).into());
        module.insert("operations".into(), Json::Array(operations.collect()));
        module.into()
    }
}

impl Released {
    pub(super) fn new(spec: Spec) -> Self {
        Released { spec, bytes: OnceLock::new() }
    }

    /// About how long its text is, in bytes.
    pub(super) fn bytes(&self) -> usize {
        *self.bytes.get_or_init(|| {
            let Spec { members, state, modules } = &self.spec;
            let state = state.as_ref().map_or(0, |state| bytes(state));
            bytes_of(members) + state + modules.iter().map(|module| module.bytes()).sum::<usize>()
        })
    }
}

/// The id of an object, if it has one that is a string.
pub(super) fn id<'o>(object: &'o Object<'static>) -> Option<&'o Text<'static>> {
    object.get("id").and_then(Json::as_text)
}

/// About how long the text of a value is.
fn bytes(value: &Json<'static>) -> usize {
    const SHORT: usize = 6;
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => SHORT,
        Json::String(text) => SHORT + text.as_bytes().len(),
        Json::Array(items) => SHORT + items.iter().map(bytes).sum::<usize>(),
        Json::Object(object) => bytes_of(object),
    }
}

fn bytes_of(object: &Object<'static>) -> usize {
    object.iter().map(|(key, value)| key.as_bytes().len() + bytes(value)).sum()
}
