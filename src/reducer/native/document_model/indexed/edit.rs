//! The rules' searches and changes, by way of the index.

use std::collections::HashMap;
use std::sync::Arc;

use super::list::Rank;
use super::spec::{Module, Released, id};
use super::{Earlier, Indexed};
use crate::model::json::{Json, Object, Text};
use crate::object;
use crate::reducer::coerce::Checked;
use crate::reducer::native::document_model::items;
use crate::reducer::native::document_model::kinds::{Detail, Kind};
use crate::reducer::native::document_model::latest::{Found, Latest};
use crate::reducer::native::document_model::release;

/// An operation: the rank of its module, and its own.
#[derive(Clone, Copy)]
pub(in crate::reducer::native::document_model) struct Operation(Rank, Rank);

/// An error or example: its operation, its list, and its position.
pub(in crate::reducer::native::document_model) struct Item(Operation, Detail, usize);

impl Latest for Indexed {
    type Module = Rank;
    type Operation = Operation;
    type Item = Item;

    fn has(&self, kind: Kind, id: &Text<'_>) -> Checked<bool> {
        Ok(match kind {
            Kind::Module => self.index.module(id).is_some(),
            Kind::Operation => self.index.operation(id).is_some(),
            Kind::Detail(detail) => self.index.detail(detail, id).is_some(),
        })
    }

    fn has_name(&self, name: &Text<'_>, except: Option<&Text<'_>>) -> Checked<bool> {
        Ok(self.index.has_name(name, except))
    }

    fn module(&self, id: &Text<'_>) -> Checked<Option<Rank>> {
        Ok(self.index.module(id))
    }

    fn operation(&self, id: &Text<'_>) -> Checked<Option<Operation>> {
        Ok(self.index.operation(id).map(|(module, operation)| Operation(module, operation)))
    }

    fn n_operations(&self, id: &Text<'_>) -> Checked<usize> {
        Ok(usize::from(self.index.operation(id).is_some()))
    }

    fn details(&self, detail: Detail, id: &Text<'_>) -> Checked<Found<Item>> {
        let item = self.index.detail(detail, id).and_then(|(module, rank)| {
            let operation = self.latest.modules.get(module)?.operations.get(rank)?;
            let list = operation.get(detail.list())?.as_array()?;
            let at = list.iter().position(|item| item.get("id").and_then(Json::as_text) == Some(id))?;
            Some(Item(Operation(module, rank), detail, at))
        });
        Ok(item.map_or(Found::Nothing, Found::One))
    }

    fn state(&self) -> Checked<Option<&Json<'static>>> {
        Ok(self.latest.state.as_deref())
    }

    fn state_mut(&mut self) -> Option<&mut Json<'static>> {
        self.latest.state.as_mut().map(Arc::make_mut)
    }

    fn push_module(&mut self, mut module: Object<'static>) -> Checked<()> {
        module.remove("operations");
        let module = Arc::new(Module::new(module));
        let rank = self.latest.modules.push(module.clone());
        if let Some(id) = module.id() {
            self.index.put_module(id, rank);
        }
        Ok(())
    }

    fn push_operation(&mut self, module: Rank, operation: Object<'static>) -> Checked<()> {
        let operation = Arc::new(operation);
        self.append(module, &operation);
        let name = operation.get("name").and_then(Json::as_text);
        if let (Some(id), Some(name)) = (id(&operation), name) {
            self.index.put_name(id, name);
        }
        Ok(())
    }

    fn push_detail(&mut self, operation: Operation, detail: Detail, item: Object<'static>) -> Checked<()> {
        let item_id = id(&item).cloned();
        let own = self.edit_operation(operation, |operation| {
            list_mut(operation, detail)?.push(item.into());
            id(operation).cloned()
        });
        if let (Some(item), Some(operation)) = (item_id, own) {
            self.index.put_detail(detail, &item, &operation);
        }
        Ok(())
    }

    fn set_module(&mut self, module: Rank, member: &'static str, value: Json<'static>) {
        self.latest.modules.edit(module, |module| module.change().members.insert(member.into(), value));
    }

    fn set_operation(&mut self, operation: Operation, member: &'static str, value: Json<'static>) {
        let new_name = value.as_text().filter(|_| member == "name").cloned();
        let changed = self.edit_operation(operation, |operation| {
            let old = operation.insert(member.into(), value);
            Some((id(operation)?.clone(), old))
        });
        if let (Some(name), Some((id, old))) = (new_name, changed) {
            if let Some(Json::String(old)) = old {
                self.index.forget_name(&id, &old);
            }
            self.index.put_name(&id, &name);
        }
    }

    fn set_detail(&mut self, Item(operation, detail, at): Item, member: &'static str, value: Json<'static>) {
        self.edit_operation(operation, |operation| match list_mut(operation, detail)?.get_mut(at)? {
            Json::Object(item) => item.insert(member.into(), value),
            _ => None,
        });
    }

    fn move_operation(&mut self, id: &Text<'_>, module: Rank) -> Checked<()> {
        let Some((from, rank)) = self.index.operation(id) else { return Ok(()) };
        let moved = self.latest.modules.edit(from, |module| module.change().operations.remove(rank)).flatten();
        if let Some(operation) = moved {
            self.append(module, &operation);
        }
        Ok(())
    }

    fn remove_modules(&mut self, id: &Text<'_>) -> Checked<()> {
        let removed = self.index.module(id).and_then(|rank| self.latest.modules.remove(rank));
        if let Some(module) = removed {
            self.index.forget_module(&module);
        }
        Ok(())
    }

    fn remove_operations(&mut self, id: &Text<'_>) -> Checked<()> {
        let Some((module, rank)) = self.index.operation(id) else { return Ok(()) };
        let removed = self.latest.modules.edit(module, |module| module.change().operations.remove(rank)).flatten();
        if let Some(operation) = removed {
            self.index.forget_operation(&operation);
        }
        Ok(())
    }

    fn remove_details(&mut self, detail: Detail, id: &Text<'_>) -> Checked<bool> {
        let Found::One(Item(operation, _, at)) = self.details(detail, id)? else { return Ok(false) };
        self.edit_operation(operation, |operation| {
            list_mut(operation, detail)?.remove(at);
            Some(())
        });
        self.index.forget_detail(detail, id);
        Ok(true)
    }

    fn reorder_modules(&mut self, order: &[Json<'_>]) -> Checked<()> {
        let ids = places(order, |id| self.index.module(id).is_some())?;
        let ranks: Vec<Rank> = ids.iter().filter_map(|id| self.index.module(id)).collect();
        let first = self.latest.modules.take_to_front(&ranks);
        ids.iter().zip(first..).for_each(|(id, rank)| self.index.put_module(id, rank));
        Ok(())
    }

    fn reorder_operations(&mut self, module: Rank, order: &[Json<'_>]) -> Checked<()> {
        let in_module = |id: &Text<'_>| self.index.operation(id).filter(|(of, _)| *of == module);
        let ids = places(order, |id| in_module(id).is_some())?;
        let ranks: Vec<Rank> = ids.iter().filter_map(|id| in_module(id)).map(|(_, rank)| rank).collect();
        let moved = self.latest.modules.edit(module, |module| {
            let first = module.change().operations.take_to_front(&ranks);
            Some((first, module.id()?.clone()))
        });
        if let Some((first, module)) = moved.flatten() {
            ids.iter().zip(first..).for_each(|(id, rank)| self.index.put_operation(id, &module, rank));
        }
        Ok(())
    }

    fn reorder_details(&mut self, operation: Operation, detail: Detail, order: &[Json<'_>]) -> Checked<()> {
        let reorder =
            |operation: &mut Object<'static>| list_mut(operation, detail).map(|list| items::reorder(list, order));
        self.edit_operation(operation, reorder).unwrap_or(Ok(()))
    }

    /// The modules are as good as copied: the two specifications share them until one changes.
    fn release(&mut self) -> Checked<()> {
        let state = release::state(self.latest.state.as_deref())?;
        let version = release::next_version(self.latest.members.get("version"))?;
        let released = Earlier::Known(Arc::new(Released::new(self.latest.clone())));
        Arc::make_mut(&mut self.earlier).push(released);
        self.latest.members = Arc::new(object! { "changeLog" => Json::Array(Vec::new()), "version" => version });
        self.latest.state = Some(Arc::new(state));
        Ok(())
    }
}

impl Indexed {
    /// Changes an operation; `None` if there is none, or `change` says so.
    fn edit_operation<R>(
        &mut self,
        Operation(module, rank): Operation,
        change: impl FnOnce(&mut Object<'static>) -> Option<R>,
    ) -> Option<R> {
        self.latest.modules.edit(module, |module| module.change().operations.edit(rank, change))?.flatten()
    }

    /// Appends an operation to a module.
    fn append(&mut self, module: Rank, operation: &Arc<Object<'static>>) {
        let placed = self.latest.modules.edit(module, |module| {
            let rank = module.change().operations.push(operation.clone());
            Some((module.id()?.clone(), rank))
        });
        if let (Some((module, rank)), Some(id)) = (placed.flatten(), id(operation)) {
            self.index.put_operation(id, &module, rank);
        }
    }
}

/// The errors or examples of an operation, to change.
fn list_mut<'o>(operation: &'o mut Object<'static>, detail: Detail) -> Option<&'o mut Vec<Json<'static>>> {
    match operation.get_mut(&detail.list().into())? {
        Json::Array(items) => Some(items),
        _ => None,
    }
}

/// The different ids of an order, those that it repeats in their last place.
///
/// # Errors
/// An id that is not known.
fn places<'o>(order: &'o [Json<'o>], is_known: impl Fn(&Text<'_>) -> bool) -> Checked<Vec<&'o Text<'o>>> {
    let ids: Vec<&Text<'_>> = order.iter().filter_map(Json::as_text).collect();
    if let Some(id) = ids.iter().find(|id| !is_known(id)) {
        return Err(items::unknown(id));
    }
    let last: HashMap<&Text<'_>, usize> = ids.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    Ok(ids.into_iter().enumerate().filter(|(place, id)| last.get(id) == Some(place)).map(|(_, id)| id).collect())
}
