//! Where in the latest specification what has an id is.

use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use imbl::GenericHashMap;
use imbl::shared_ptr::DefaultSharedPtr;
use smallvec::SmallVec;

use super::list::Rank;
use super::spec::{Module, Spec, id};
use crate::model::json::{Json, Object, Text};
use crate::reducer::native::document_model::kinds::Detail;
use crate::reducer::native::document_model::names;

/// An id, or a name: the bytes of a text. Hashed alike on every machine.
pub(super) type Key = Arc<[u8]>;
type Map<V> = GenericHashMap<Key, V, BuildHasherDefault<DefaultHasher>, DefaultSharedPtr>;

/// Where an operation is.
#[derive(Clone)]
struct Place {
    /// The id of its module.
    module: Key,
    rank: Rank,
}

/// Where everything is: ids are different from each other. A clone shares everything.
#[derive(Clone, Default)]
pub(super) struct Index {
    modules: Map<Rank>,
    operations: Map<Place>,
    /// The id of the operation of an error.
    errors: Map<Key>,
    /// The id of the operation of an example.
    examples: Map<Key>,
    /// The ids of the operations of a name, by that name in upper case, as far as it may be the name of another.
    names: Map<SmallVec<[Key; 1]>>,
}

impl Index {
    /// Indexes a specification; `None` if something in it has no id, shares it, or is not what it should be.
    pub(super) fn build(spec: &Spec) -> Option<Self> {
        let mut index = Index::default();
        for (rank, module) in spec.modules.ranked() {
            let module_id = key(module.id()?);
            if index.modules.insert(module_id.clone(), rank).is_some() {
                return None;
            }
            for (rank, operation) in module.operations.ranked() {
                index.read_operation(&module_id, rank, operation)?;
            }
        }
        Some(index)
    }

    fn read_operation(&mut self, module: &Key, rank: Rank, operation: &Object<'static>) -> Option<()> {
        let own = key(id(operation)?);
        let place = Place { module: module.clone(), rank };
        if self.operations.insert(own.clone(), place).is_some() {
            return None;
        }
        match operation.get("name") {
            None | Some(Json::Null) => {}
            Some(Json::String(name)) => self.add_name(&own, name),
            Some(_) => return None,
        }
        for detail in [Detail::Error, Detail::Example] {
            for item in operation.get(detail.list())?.as_array()? {
                let item = key(id(item.as_object()?)?);
                if self.details_mut(detail).insert(item, own.clone()).is_some() {
                    return None;
                }
            }
        }
        Some(())
    }

    /// The rank of a module.
    pub(super) fn module(&self, id: &Text<'_>) -> Option<Rank> {
        self.modules.get(id.as_bytes()).copied()
    }

    /// The ranks of an operation's module and of the operation in it.
    pub(super) fn operation(&self, id: &Text<'_>) -> Option<(Rank, Rank)> {
        self.operation_of(id.as_bytes())
    }

    /// The ranks of the operation of an error or example.
    pub(super) fn detail(&self, detail: Detail, id: &Text<'_>) -> Option<(Rank, Rank)> {
        self.operation_of(self.details(detail).get(id.as_bytes())?)
    }

    /// Whether an operation with another id than `except` has the name, which is one in upper case.
    pub(super) fn has_name(&self, name: &Text<'_>, except: Option<&Text<'_>>) -> bool {
        let is_other = |id: &Key| except.is_none_or(|except| except.as_bytes() != &**id);
        self.names.get(name.as_bytes()).is_some_and(|ids| ids.iter().any(is_other))
    }

    pub(super) fn put_module(&mut self, id: &Text<'_>, rank: Rank) {
        self.modules.insert(key(id), rank);
    }

    pub(super) fn put_operation(&mut self, id: &Text<'_>, module: &Text<'_>, rank: Rank) {
        self.operations.insert(key(id), Place { module: key(module), rank });
    }

    pub(super) fn put_detail(&mut self, detail: Detail, id: &Text<'_>, operation: &Text<'_>) {
        self.details_mut(detail).insert(key(id), key(operation));
    }

    /// An operation is called `name` from now on.
    pub(super) fn put_name(&mut self, operation: &Text<'_>, name: &Text<'_>) {
        self.add_name(&key(operation), name);
    }

    /// An operation is not called `name` any more.
    pub(super) fn forget_name(&mut self, operation: &Text<'_>, name: &Text<'_>) {
        let Some(upper) = names::in_upper_case(name) else { return };
        let Some(ids) = self.names.get_mut(upper.as_bytes()) else { return };
        ids.retain(|id| **id != *operation.as_bytes());
        if ids.is_empty() {
            self.names.remove(upper.as_bytes());
        }
    }

    /// A module is gone, with everything in it.
    pub(super) fn forget_module(&mut self, module: &Module) {
        if let Some(id) = module.id() {
            self.modules.remove(id.as_bytes());
        }
        module.operations.iter().for_each(|operation| self.forget_operation(operation));
    }

    /// An operation is gone, with everything in it.
    pub(super) fn forget_operation(&mut self, operation: &Object<'static>) {
        let Some(own) = id(operation) else { return };
        self.operations.remove(own.as_bytes());
        if let Some(name) = operation.get("name").and_then(Json::as_text) {
            self.forget_name(own, name);
        }
        for detail in [Detail::Error, Detail::Example] {
            for item in operation.get(detail.list()).and_then(Json::as_array).unwrap_or_default() {
                if let Some(id) = item.as_object().and_then(id) {
                    self.forget_detail(detail, id);
                }
            }
        }
    }

    /// An error or example is gone.
    pub(super) fn forget_detail(&mut self, detail: Detail, id: &Text<'_>) {
        self.details_mut(detail).remove(id.as_bytes());
    }

    fn operation_of(&self, id: &[u8]) -> Option<(Rank, Rank)> {
        let place = self.operations.get(id)?;
        Some((*self.modules.get(&*place.module)?, place.rank))
    }

    fn add_name(&mut self, operation: &Key, name: &Text<'_>) {
        if let Some(upper) = names::in_upper_case(name) {
            self.names.entry(upper.into_bytes().into()).or_default().push(operation.clone());
        }
    }

    fn details(&self, detail: Detail) -> &Map<Key> {
        match detail {
            Detail::Error => &self.errors,
            Detail::Example => &self.examples,
        }
    }

    fn details_mut(&mut self, detail: Detail) -> &mut Map<Key> {
        match detail {
            Detail::Error => &mut self.errors,
            Detail::Example => &mut self.examples,
        }
    }
}

/// The bytes of a text, shared if they are shared already.
fn key(text: &Text<'_>) -> Key {
    match text {
        Text::Shared(bytes) => bytes.clone(),
        Text::Borrowed(bytes) => (*bytes).into(),
    }
}
