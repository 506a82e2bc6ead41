//! A state as plain JSON: any value at all, searched from its start each time, as JavaScript does.
//!
//! The texts name values as the reference's code does, because its engine does.

use std::borrow::Cow;
use std::sync::Arc;

use super::items;
use super::kinds::{Detail, Kind};
use super::latest::{Found, Latest};
use super::release;
use crate::model::json::{Json, Object, Text};
use crate::object;
use crate::reducer::coerce::{Checked, items as items_of, not_a_function, number_text, read, to_number, unreadable};

/// A state, or none.
pub(super) struct Loose<'s>(pub(super) Option<&'s mut Arc<Json<'static>>>);

/// Where the modules of the latest specification are, for reads that an absent specification does not trip.
const MODULES: &str = "state.specifications[(state.specifications.length - 1)]?.modules";

/// A module: its position.
type Module = usize;

/// An operation: the positions of its module and in it.
#[derive(Clone, Copy)]
pub(super) struct Operation(Module, usize);

/// An error or example: its operation, its list, and its position.
pub(super) struct Item(Operation, Detail, usize);

impl Loose<'_> {
    /// `state.specifications[state.specifications.length - 1]`
    fn latest(&self) -> Checked<Option<&Json<'static>>> {
        /// Stands for any value without members.
        static PRIMITIVE: Json<'static> = Json::Bool(true);
        let all = read(self.0.as_deref().map(|state| &**state), "specifications")?;
        Ok(match all {
            None => return Err(unreadable("undefined", "length")),
            Some(Json::Null) => return Err(unreadable("null", "length")),
            Some(Json::Array(all)) => all.last(),
            Some(Json::String(text)) if !text.is_empty() => Some(&PRIMITIVE),
            Some(Json::Object(all)) => {
                let last = to_number(all.get("length"))? - 1.0;
                all.get(&number_text(last))
            }
            Some(_) => None,
        })
    }

    /// The latest specification, to change.
    fn latest_mut(&mut self) -> Option<&mut Json<'static>> {
        let Json::Object(state) = Arc::make_mut(self.0.as_deref_mut()?) else { return None };
        match state.get_mut(&"specifications".into())? {
            Json::Array(all) => all.last_mut(),
            Json::Object(all) => {
                let last = to_number(all.get("length")).ok()? - 1.0;
                all.get_mut(&number_text(last).into())
            }
            _ => None,
        }
    }

    /// `MODULES.method`, of which there are none if there is no specification.
    fn some_modules(&self, method: &str) -> Checked<&[Json<'static>]> {
        match self.latest()? {
            None | Some(Json::Null) => Ok(&[]),
            latest => items_of(read(latest, "modules")?, MODULES, method),
        }
    }

    /// What `for (… of latestSpec.modules)` visits; nothing if the specification is falsy.
    fn each_module(&self) -> Checked<Cow<'_, [Json<'static>]>> {
        match self.latest()?.filter(|latest| !latest.is_falsy()) {
            None => Ok(Cow::Borrowed(&[])),
            latest => iterate(read(latest, "modules")?, "latestSpec.modules"),
        }
    }

    /// `latestSpec.modules`, an array, to change.
    fn modules_mut(&mut self) -> Option<&mut Vec<Json<'static>>> {
        list_mut(self.latest_mut()?, "modules")
    }

    fn module_mut(&mut self, module: Module) -> Option<&mut Json<'static>> {
        self.modules_mut()?.get_mut(module)
    }

    fn operation_mut(&mut self, Operation(module, at): Operation) -> Option<&mut Json<'static>> {
        list_mut(self.module_mut(module)?, "operations")?.get_mut(at)
    }
}

impl Latest for Loose<'_> {
    type Module = Module;
    type Operation = Operation;
    type Item = Item;

    fn has(&self, kind: Kind, id: &Text<'_>) -> Checked<bool> {
        let modules = self.some_modules("some")?;
        match kind {
            Kind::Module => items::some(modules, id),
            Kind::Operation => any(modules, |module| {
                items::some(items_of(read(Some(module), "operations")?, "m.operations", "some")?, id)
            }),
            Kind::Detail(detail) => any(modules, |module| {
                let operations = items_of(read(Some(module), "operations")?, "m.operations", "some")?;
                any(operations, |operation| items::some(details_of(operation, detail, "o", "some")?, id))
            }),
        }
    }

    /// Looks at all names before it compares one.
    fn has_name(&self, name: &Text<'_>, except: Option<&Text<'_>>) -> Checked<bool> {
        let mut taken = false;
        for module in &*self.each_module()? {
            for operation in &*iterate(read(Some(module), "operations")?, "module.operations")? {
                if let Some(id) = except
                    && items::has_id(operation, id)?
                {
                    continue;
                }
                match read(Some(operation), "name")? {
                    Some(Json::String(other)) => {
                        taken |= other.as_str().is_some_and(|other| *name == *other.to_uppercase());
                    }
                    Some(other) if !other.is_falsy() => return Err(not_a_function("operation.name", "toUpperCase")),
                    _ => {}
                }
            }
        }
        Ok(taken)
    }

    fn module(&self, id: &Text<'_>) -> Checked<Option<Module>> {
        items::position(self.some_modules("find")?, id, items::has_id)
    }

    fn operation(&self, id: &Text<'_>) -> Checked<Option<Operation>> {
        for (at, module) in self.each_module()?.iter().enumerate() {
            let operations = items_of(read(Some(module), "operations")?, "mod.operations", "find")?;
            if let Some(found) = items::position(operations, id, items::has_id)? {
                return Ok(Some(Operation(at, found)));
            }
        }
        Ok(None)
    }

    fn n_operations(&self, id: &Text<'_>) -> Checked<usize> {
        let mut n = 0;
        for module in self.some_modules("flatMap")? {
            for operation in items_of(read(Some(module), "operations")?, "mod.operations", "filter")? {
                n += usize::from(items::has_id(operation, id)?);
            }
        }
        Ok(n)
    }

    fn details(&self, detail: Detail, id: &Text<'_>) -> Checked<Found<Item>> {
        let mut found = Found::Nothing;
        for (module, value) in self.some_modules("flatMap")?.iter().enumerate() {
            let operations = items_of(read(Some(value), "operations")?, "mod.operations", "flatMap")?;
            for (at, operation) in operations.iter().enumerate() {
                for (n, item) in details_of(operation, detail, "op", "filter")?.iter().enumerate() {
                    if items::has_id(item, id)? {
                        found = match found {
                            Found::Nothing => Found::One(Item(Operation(module, at), detail, n)),
                            Found::One(_) | Found::Several => Found::Several,
                        };
                    }
                }
            }
        }
        Ok(found)
    }

    fn state(&self) -> Checked<Option<&Json<'static>>> {
        read(self.latest()?, "state")
    }

    fn state_mut(&mut self) -> Option<&mut Json<'static>> {
        match self.latest_mut()? {
            Json::Object(latest) => latest.get_mut(&"state".into()),
            _ => None,
        }
    }

    fn push_module(&mut self, module: Object<'static>) -> Checked<()> {
        read(self.latest()?, "modules")?;
        if let Some(modules) = self.modules_mut() {
            modules.push(module.into());
        }
        Ok(())
    }

    fn push_operation(&mut self, module: Module, operation: Object<'static>) -> Checked<()> {
        if let Some(operations) = self.module_mut(module).and_then(|module| list_mut(module, "operations")) {
            operations.push(operation.into());
        }
        Ok(())
    }

    fn push_detail(&mut self, operation: Operation, detail: Detail, item: Object<'static>) -> Checked<()> {
        if let Some(items) = self.operation_mut(operation).and_then(|operation| list_mut(operation, detail.list())) {
            items.push(item.into());
        }
        Ok(())
    }

    fn set_module(&mut self, module: Module, member: &'static str, value: Json<'static>) {
        set(self.module_mut(module), member, value);
    }

    fn set_operation(&mut self, operation: Operation, member: &'static str, value: Json<'static>) {
        set(self.operation_mut(operation), member, value);
    }

    fn set_detail(&mut self, Item(operation, detail, at): Item, member: &'static str, value: Json<'static>) {
        let items = self.operation_mut(operation).and_then(|operation| list_mut(operation, detail.list()));
        set(items.and_then(|items| items.get_mut(at)), member, value);
    }

    fn move_operation(&mut self, id: &Text<'_>, module: Module) -> Checked<()> {
        let Some(modules) = self.modules_mut() else { return Ok(()) };
        let mut moved = None;
        for operations in modules.iter_mut().filter_map(|module| list_mut(module, "operations")) {
            if let Some(at) = items::position(operations, id, items::has_id)? {
                moved = Some(operations.remove(at));
            }
        }
        let target = modules.get_mut(module).and_then(|module| list_mut(module, "operations"));
        if let (Some(operations), Some(operation)) = (target, moved) {
            operations.push(operation);
        }
        Ok(())
    }

    fn remove_modules(&mut self, id: &Text<'_>) -> Checked<()> {
        self.modules_mut().map_or(Ok(()), |modules| items::remove(modules, id))
    }

    fn remove_operations(&mut self, id: &Text<'_>) -> Checked<()> {
        for module in self.modules_mut().into_iter().flatten() {
            items_of(read(Some(module), "operations")?, "mod.operations", "filter")?;
            list_mut(module, "operations").map_or(Ok(()), |operations| items::remove(operations, id))?;
        }
        Ok(())
    }

    fn remove_details(&mut self, detail: Detail, id: &Text<'_>) -> Checked<bool> {
        let modules = items_of(read(self.latest()?, "modules")?, "latestSpec.modules", "some")?;
        let known = any(modules, |module| {
            let operations = items_of(read(Some(module), "operations")?, "mod.operations", "some")?;
            any(operations, |operation| items::some(details_of(operation, detail, "op", "some")?, id))
        })?;
        if !known {
            return Ok(false);
        }
        for module in self.modules_mut().into_iter().flatten() {
            if let Cow::Owned(chars) = iterate(read(Some(module), "operations")?, "mod.operations")? {
                chars.iter().try_for_each(|char| details_of(char, detail, "op", "filter").map(drop))?;
            }
            for operation in list_mut(module, "operations").into_iter().flatten() {
                details_of(operation, detail, "op", "filter")?;
                list_mut(operation, detail.list()).map_or(Ok(()), |items| items::remove(items, id))?;
            }
        }
        Ok(true)
    }

    fn reorder_modules(&mut self, order: &[Json<'_>]) -> Checked<()> {
        items_of(read(self.latest()?, "modules")?, "items", "map")?;
        self.modules_mut().map_or(Ok(()), |modules| items::reorder(modules, order))
    }

    fn reorder_operations(&mut self, module: Module, order: &[Json<'_>]) -> Checked<()> {
        self.module_mut(module).map_or(Ok(()), |module| reorder(module, "operations", order))
    }

    fn reorder_details(&mut self, operation: Operation, detail: Detail, order: &[Json<'_>]) -> Checked<()> {
        self.operation_mut(operation).map_or(Ok(()), |operation| reorder(operation, detail.list(), order))
    }

    fn release(&mut self) -> Checked<()> {
        let Some(latest) = self.latest()? else { return Err(unreadable("undefined", "modules")) };
        let modules = release::modules(latest)?;
        let state = release::state(read(Some(latest), "state")?)?;
        let version = release::next_version(latest.get("version"))?;
        let next = object! {
            "changeLog" => Json::Array(Vec::new()), "modules" => modules, "state" => state, "version" => version
        };
        let all = match self.0.as_deref_mut().map(Arc::make_mut) {
            Some(Json::Object(state)) => state.get_mut(&"specifications".into()),
            _ => None,
        };
        match all {
            Some(Json::Array(all)) => {
                all.push(next.into());
                Ok(())
            }
            _ => Err(not_a_function("state.specifications", "push")),
        }
    }
}

/// `items.some(is_it)`
fn any(items: &[Json<'static>], is_it: impl Fn(&Json<'static>) -> Checked<bool>) -> Checked<bool> {
    for item in items {
        if is_it(item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The errors or examples of an operation that the reference calls `name`; `method` is called of them.
fn details_of<'o>(
    operation: &'o Json<'static>,
    detail: Detail,
    name: &str,
    method: &str,
) -> Checked<&'o [Json<'static>]> {
    let list = detail.list();
    items_of(read(Some(operation), list)?, &format!("{name}.{list}"), method)
}

/// What `for (… of value)` visits; `name` is what the reference calls the value.
fn iterate<'v>(value: Option<&'v Json<'static>>, name: &str) -> Checked<Cow<'v, [Json<'static>]>> {
    match value {
        Some(Json::Array(items)) => Ok(Cow::Borrowed(items)),
        Some(Json::String(text)) => {
            let chars = text.to_string_lossy();
            Ok(Cow::Owned(chars.chars().map(|char| Json::from(char.to_string())).collect()))
        }
        _ => Err(format!("{name} is not iterable").into()),
    }
}

/// `value[member]`, if it is an array.
fn list_mut<'v>(value: &'v mut Json<'static>, member: &'static str) -> Option<&'v mut Vec<Json<'static>>> {
    match value {
        Json::Object(object) => match object.get_mut(&member.into())? {
            Json::Array(items) => Some(items),
            _ => None,
        },
        _ => None,
    }
}

/// Reorders the list `value[member]`.
fn reorder(value: &mut Json<'static>, member: &'static str, order: &[Json<'_>]) -> Checked<()> {
    items_of(read(Some(value), member)?, "items", "map")?;
    list_mut(value, member).map_or(Ok(()), |items| items::reorder(items, order))
}

/// Sets a member of an object, which whatever has an id is.
#[expect(clippy::needless_pass_by_value, reason = "a borrow that may be absent")]
fn set(value: Option<&mut Json<'static>>, member: &'static str, new: Json<'static>) {
    if let Some(Json::Object(object)) = value {
        object.insert(member.into(), new);
    }
}
