//! What the rules need of the latest specification, and how they say what becomes of it.

use super::kinds::{Detail, Kind};
use crate::model::json::{Json, Object, Text};
use crate::reducer::coerce::Checked;

/// What the rules need of the latest specification.
///
/// Every method may fail: a form that holds values other than specifications reports what JavaScript would say of
/// them. What a method changed before it failed stays changed, as in JavaScript.
///
/// Reads look as the reference does: an absent specification holds nothing, while a change of one fails.
pub(super) trait Latest {
    /// A module that was found. Good until the lists change.
    type Module: Copy;
    /// An operation that was found. Good until the lists change.
    type Operation: Copy;
    /// An error or example that was found. Good until the lists change.
    type Item;

    /// Whether there is one of that id.
    fn has(&self, kind: Kind, id: &Text<'_>) -> Checked<bool>;

    /// Whether an operation with another id than `except` is called `name`, in upper case, as `name` is.
    fn has_name(&self, name: &Text<'_>, except: Option<&Text<'_>>) -> Checked<bool>;

    /// The first module of that id.
    fn module(&self, id: &Text<'_>) -> Checked<Option<Self::Module>>;

    /// The first operation of that id.
    fn operation(&self, id: &Text<'_>) -> Checked<Option<Self::Operation>>;

    /// How many operations are of that id; there are modules.
    fn n_operations(&self, id: &Text<'_>) -> Checked<usize>;

    /// The errors or examples of that id.
    fn details(&self, detail: Detail, id: &Text<'_>) -> Checked<Found<Self::Item>>;

    /// The states that the specification describes, by scope; `None` if it has no such member.
    fn state(&self) -> Checked<Option<&Json<'static>>>;

    /// The states that the specification describes, to change.
    fn state_mut(&mut self) -> Option<&mut Json<'static>>;

    /// Appends a module, whose id is new. It has no operations.
    fn push_module(&mut self, module: Object<'static>) -> Checked<()>;

    /// Appends an operation, whose id is new, to a module. It has no errors and no examples.
    fn push_operation(&mut self, module: Self::Module, operation: Object<'static>) -> Checked<()>;

    /// Appends an error or example, whose id is new, to an operation.
    fn push_detail(&mut self, operation: Self::Operation, detail: Detail, item: Object<'static>) -> Checked<()>;

    /// Sets a member of a module.
    fn set_module(&mut self, module: Self::Module, member: &'static str, value: Json<'static>);

    /// Sets a member of an operation.
    fn set_operation(&mut self, operation: Self::Operation, member: &'static str, value: Json<'static>);

    /// Sets a member of an error or example.
    fn set_detail(&mut self, item: Self::Item, member: &'static str, value: Json<'static>);

    /// Takes the one operation of that id to the end of a module.
    fn move_operation(&mut self, id: &Text<'_>, module: Self::Module) -> Checked<()>;

    /// Removes the modules of that id, of which there is one at least.
    fn remove_modules(&mut self, id: &Text<'_>) -> Checked<()>;

    /// Removes the operations of that id, of which there is one at least.
    fn remove_operations(&mut self, id: &Text<'_>) -> Checked<()>;

    /// Removes the errors or examples of that id, and says whether there were any.
    fn remove_details(&mut self, detail: Detail, id: &Text<'_>) -> Checked<bool>;

    /// Reorders the modules; see [`super::items::reorder`].
    fn reorder_modules(&mut self, order: &[Json<'_>]) -> Checked<()>;

    /// Reorders the operations of a module.
    fn reorder_operations(&mut self, module: Self::Module, order: &[Json<'_>]) -> Checked<()>;

    /// Reorders the errors or examples of an operation.
    fn reorder_details(&mut self, operation: Self::Operation, detail: Detail, order: &[Json<'_>]) -> Checked<()>;

    /// Appends a copy of the specification, which is the latest then, as the next version.
    fn release(&mut self) -> Checked<()>;
}

/// What a lookup found that minds duplicates.
pub(super) enum Found<T> {
    /// Nothing.
    Nothing,
    /// The only one.
    One(T),
    /// Several.
    Several,
}
