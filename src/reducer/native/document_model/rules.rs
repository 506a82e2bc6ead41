//! The rules on the latest specification, each once, over either form of it.

use super::kinds::{Detail, Kind};
use super::latest::{Found, Latest};
use super::names;
use super::spec_state::{self, StateRule};
use crate::model::json::{Json, Object, Text};
use crate::object;
use crate::reducer::coerce::Checked;
use crate::reducer::native::engine::Failure;

/// A member, and the member of the input that it is set to.
#[derive(Clone, Copy)]
pub(super) struct Field(pub(super) &'static str, pub(super) &'static str);

/// What an action does.
#[derive(Clone, Copy)]
pub(super) enum Rule {
    /// Sets a member of the state, of the same name as in the input.
    SetModel(&'static str),
    /// Sets a member of the author.
    SetAuthor(Field),
    /// `ADD_MODULE`
    AddModule,
    /// Sets a member of a module, of the same name as in the input.
    SetModule(&'static str),
    /// `DELETE_MODULE`
    DeleteModule,
    /// `REORDER_MODULES`
    ReorderModules,
    /// `ADD_OPERATION`
    AddOperation,
    /// `SET_OPERATION_NAME`
    RenameOperation,
    /// `SET_OPERATION_SCOPE`
    SetOperationScope,
    /// Sets a member of an operation, of the same name as in the input.
    SetOperation(&'static str),
    /// `MOVE_OPERATION`
    MoveOperation,
    /// `DELETE_OPERATION`
    DeleteOperation,
    /// `REORDER_MODULE_OPERATIONS`
    ReorderOperations,
    /// `ADD_OPERATION_ERROR`, `ADD_OPERATION_EXAMPLE`
    AddDetail(Detail),
    /// Sets a member of an error or example.
    SetDetail(Detail, Field),
    /// `DELETE_OPERATION_ERROR`, `DELETE_OPERATION_EXAMPLE`
    DeleteDetail(Detail),
    /// `REORDER_OPERATION_ERRORS`, `REORDER_OPERATION_EXAMPLES`
    ReorderDetails(Detail),
    /// An action on the states that the specification describes.
    State(StateRule),
    /// `RELEASE_NEW_VERSION`
    Release,
    /// Fails: the reference has no such reducer yet.
    NotImplemented(&'static str),
}

/// Applies `rule` to the latest specification; `input` is valid.
///
/// # Errors
/// The text that the operation records.
pub(super) fn apply<L: Latest>(latest: &mut L, rule: Rule, input: &Json<'_>) -> Result<(), Failure> {
    match rule {
        // Not of a specification: see `header`.
        Rule::SetModel(_) | Rule::SetAuthor(_) => Ok(()),
        Rule::AddModule => {
            expect_new(latest, Kind::Module, given(input, "id"))?;
            latest.push_module(new_module(input))
        }
        Rule::SetModule(member) => {
            let module = module(latest, given(input, "id"))?;
            latest.set_module(module, member, text(input, member));
            Ok(())
        }
        Rule::DeleteModule => {
            module(latest, given(input, "id"))?;
            latest.remove_modules(given(input, "id"))
        }
        Rule::ReorderModules => latest.reorder_modules(order(input)),

        Rule::AddOperation => {
            check_name(latest, input, None)?;
            expect_new(latest, Kind::Operation, given(input, "id"))?;
            let module = module(latest, given(input, "moduleId"))?;
            latest.push_operation(module, new_operation(input))
        }
        Rule::RenameOperation => {
            check_name(latest, input, Some(given(input, "id")))?;
            let operation = operation(latest, given(input, "id"))?;
            latest.set_operation(operation, "name", text(input, "name"));
            Ok(())
        }
        Rule::SetOperationScope => {
            let operation = operation(latest, given(input, "id"))?;
            let scope = given(input, "scope");
            if !scope.is_empty() {
                spec_state::check_scope(latest.state()?, scope)?;
            }
            latest.set_operation(operation, "scope", scope_or_global(input));
            Ok(())
        }
        Rule::SetOperation(member) => {
            let operation = operation(latest, given(input, "id"))?;
            latest.set_operation(operation, member, text(input, member));
            Ok(())
        }
        Rule::MoveOperation => {
            let module = module(latest, given(input, "newModuleId"))?;
            let id = given(input, "operationId");
            match latest.n_operations(id)? {
                0 => Err(Kind::Operation.missing(id)),
                1 => latest.move_operation(id, module),
                _ => Err(Kind::Operation.duplicated(id)),
            }
        }
        Rule::DeleteOperation => {
            operation(latest, given(input, "id"))?;
            latest.remove_operations(given(input, "id"))
        }
        Rule::ReorderOperations => {
            let module = module(latest, given(input, "moduleId"))?;
            latest.reorder_operations(module, order(input))
        }

        Rule::AddDetail(detail) => {
            let operation = operation(latest, given(input, "operationId"))?;
            expect_new(latest, Kind::Detail(detail), given(input, "id"))?;
            latest.push_detail(operation, detail, new_detail(detail, input))
        }
        Rule::SetDetail(detail, Field(member, from)) => {
            let id = given(input, "id");
            match latest.details(detail, id)? {
                Found::Nothing => Err(Kind::Detail(detail).missing(id)),
                Found::One(item) => {
                    latest.set_detail(item, member, text(input, from));
                    Ok(())
                }
                Found::Several => Err(Kind::Detail(detail).duplicated(id)),
            }
        }
        Rule::DeleteDetail(detail) => {
            let id = given(input, "id");
            if latest.remove_details(detail, id)? { Ok(()) } else { Err(Kind::Detail(detail).missing(id)) }
        }
        Rule::ReorderDetails(detail) => {
            let operation = operation(latest, given(input, "operationId"))?;
            latest.reorder_details(operation, detail, order(input))
        }

        Rule::State(rule) => {
            spec_state::check_scope(latest.state()?, given(input, "scope"))?;
            latest.state_mut().map_or(Ok(()), |state| spec_state::apply(state, rule, input))
        }
        Rule::Release => latest.release(),
        Rule::NotImplemented(reducer) => Err(format!("Reducer \"{reducer}\" not yet implemented").into()),
    }
}

fn expect_new<L: Latest>(latest: &L, kind: Kind, id: &Text<'_>) -> Checked<()> {
    if latest.has(kind, id)? { Err(kind.exists(id)) } else { Ok(()) }
}

fn module<L: Latest>(latest: &L, id: &Text<'_>) -> Checked<L::Module> {
    latest.module(id)?.ok_or_else(|| Kind::Module.missing(id))
}

fn operation<L: Latest>(latest: &L, id: &Text<'_>) -> Checked<L::Operation> {
    latest.operation(id)?.ok_or_else(|| Kind::Operation.missing(id))
}

/// The rule for names, which an absent or empty one need not follow. An operation whose own id is empty counts as another.
fn check_name<L: Latest>(latest: &L, input: &Json<'_>, own: Option<&Text<'_>>) -> Checked<()> {
    match input.get("name").and_then(Json::as_text).filter(|name| !name.is_empty()) {
        Some(name) => names::check(name, || latest.has_name(name, own.filter(|id| !id.is_empty()))),
        None => Ok(()),
    }
}

fn new_module(input: &Json<'_>) -> Object<'static> {
    object! {
        "description" => text(input, "description"),
        "id" => text(input, "id"),
        "name" => text(input, "name"),
        "operations" => Json::Array(Vec::new()),
    }
}

fn new_operation(input: &Json<'_>) -> Object<'static> {
    let template = if is_given(input, "template") { "template" } else { "description" };
    object! {
        "description" => text(input, "description"),
        "errors" => Json::Array(Vec::new()),
        "examples" => Json::Array(Vec::new()),
        "id" => text(input, "id"),
        "name" => text(input, "name"),
        "reducer" => text(input, "reducer"),
        "schema" => text(input, "schema"),
        "scope" => scope_or_global(input),
        "template" => text(input, template),
    }
}

fn new_detail(detail: Detail, input: &Json<'_>) -> Object<'static> {
    match detail {
        Detail::Error => object! {
            "code" => text(input, "errorCode"),
            "description" => text(input, "errorDescription"),
            "id" => text(input, "id"),
            "name" => text(input, "errorName"),
            "template" => text(input, "errorTemplate"),
        },
        Detail::Example => object! { "id" => text(input, "id"), "value" => text(input, "example") },
    }
}

fn scope_or_global(input: &Json<'_>) -> Json<'static> {
    if is_given(input, "scope") { text(input, "scope") } else { "global".into() }
}

/// Whether a member of the input is a text that is not empty.
fn is_given(input: &Json<'_>, member: &str) -> bool {
    input.get(member).and_then(Json::as_text).is_some_and(|text| !text.is_empty())
}

/// A copy of a text of the input; `""` for an absent one and for `null`.
pub(super) fn text(input: &Json<'_>, member: &str) -> Json<'static> {
    match input.get(member).and_then(Json::as_text) {
        Some(text) => text.to_owned_text().into(),
        None => "".into(),
    }
}

/// A text that the input has, since it is valid.
pub(super) fn given<'a>(input: &'a Json<'a>, member: &str) -> &'a Text<'a> {
    input.get(member).and_then(Json::as_text).expect("the input was found to be valid")
}

/// The ids that the input lists, since it is valid.
pub(super) fn order<'a>(input: &'a Json<'a>) -> &'a [Json<'a>] {
    input.get("order").and_then(Json::as_array).expect("the input was found to be valid")
}
