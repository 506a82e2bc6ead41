//! The actions: what their inputs must look like, and the rule that each follows.

use super::form::ModelState;
use super::kinds::Detail;
use super::rules::{Field, Rule};
use super::spec_state::StateRule;
use crate::model::json::Json;
use crate::reducer::native::engine::Failure;
use crate::reducer::validation::{
    Schema::{self, Nullable, Object, OneOf, Optional},
    check,
};

const TEXT: Schema = Schema::Text;
const MAYBE: Schema = Schema::NULLISH_TEXT;
const ORDER: Schema = Schema::List(&TEXT);

/// An action on the lists of changes, which the reference declares and does not implement.
macro_rules! change_log {
    ($input:literal, $reducer:literal, $($field:literal => $schema:expr),+) => {
        (&Object(&[("__typename", Optional(&OneOf(&[$input]))), $(($field, $schema)),+]), Rule::NotImplemented($reducer))
    };
}

/// Applies an action of type `kind` to the global state. An unknown type changes nothing.
///
/// # Errors
/// The text that the operation records.
pub(super) fn apply(kind: &[u8], input: &Json<'_>, state: Option<&mut ModelState>) -> Result<(), Failure> {
    if kind == b"RELEASE_NEW_VERSION" {
        expect_empty(input)?;
        return ModelState::apply(state, Rule::Release, input);
    }
    let Some((schema, rule)) = lookup(kind) else {
        return Ok(());
    };
    check(schema, input)?;
    ModelState::apply(state, rule, input)
}

/// Checks that `Object.keys(input)` is empty.
fn expect_empty(input: &Json<'_>) -> Result<(), Failure> {
    let empty = match input {
        Json::Null => return Err("Cannot convert undefined or null to object".into()),
        Json::Object(object) => object.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::String(text) => text.is_empty(),
        Json::Bool(_) | Json::Number(_) => true,
    };
    if empty { Ok(()) } else { Err("Expected empty input for action RELEASE_NEW_VERSION".into()) }
}

/// Members are in the order in which the reference reports what is wrong with them.
#[expect(clippy::too_many_lines, reason = "a line an action")]
fn lookup(kind: &[u8]) -> Option<(&'static Schema, Rule)> {
    use Detail::{Error, Example};
    Some(match kind {
        b"SET_MODEL_NAME" => (&Object(&[("name", TEXT)]), Rule::SetModel("name")),
        b"SET_MODEL_ID" => (&Object(&[("id", TEXT)]), Rule::SetModel("id")),
        b"SET_MODEL_EXTENSION" => (&Object(&[("extension", TEXT)]), Rule::SetModel("extension")),
        b"SET_MODEL_DESCRIPTION" => (&Object(&[("description", TEXT)]), Rule::SetModel("description")),
        b"SET_AUTHOR_NAME" => (&Object(&[("authorName", TEXT)]), Rule::SetAuthor(Field("name", "authorName"))),
        b"SET_AUTHOR_WEBSITE" => {
            (&Object(&[("authorWebsite", TEXT)]), Rule::SetAuthor(Field("website", "authorWebsite")))
        }

        b"ADD_MODULE" => (&Object(&[("description", MAYBE), ("id", TEXT), ("name", TEXT)]), Rule::AddModule),
        b"SET_MODULE_NAME" => (&Object(&[("id", TEXT), ("name", MAYBE)]), Rule::SetModule("name")),
        b"SET_MODULE_DESCRIPTION" => (&Object(&[("description", MAYBE), ("id", TEXT)]), Rule::SetModule("description")),
        b"DELETE_MODULE" => (&Object(&[("id", TEXT)]), Rule::DeleteModule),
        b"REORDER_MODULES" => (&Object(&[("order", ORDER)]), Rule::ReorderModules),

        b"ADD_OPERATION" => (
            &Object(&[
                ("description", MAYBE),
                ("id", TEXT),
                ("moduleId", TEXT),
                ("name", TEXT),
                ("reducer", MAYBE),
                ("schema", MAYBE),
                ("template", MAYBE),
                ("scope", MAYBE),
            ]),
            Rule::AddOperation,
        ),
        b"SET_OPERATION_NAME" => (&Object(&[("id", TEXT), ("name", MAYBE)]), Rule::RenameOperation),
        b"SET_OPERATION_SCOPE" => (&Object(&[("id", TEXT), ("scope", TEXT)]), Rule::SetOperationScope),
        b"SET_OPERATION_SCHEMA" => (&Object(&[("id", TEXT), ("schema", MAYBE)]), Rule::SetOperation("schema")),
        b"SET_OPERATION_DESCRIPTION" => {
            (&Object(&[("description", MAYBE), ("id", TEXT)]), Rule::SetOperation("description"))
        }
        b"SET_OPERATION_TEMPLATE" => (&Object(&[("id", TEXT), ("template", MAYBE)]), Rule::SetOperation("template")),
        b"SET_OPERATION_REDUCER" => (&Object(&[("id", TEXT), ("reducer", MAYBE)]), Rule::SetOperation("reducer")),
        b"MOVE_OPERATION" => (&Object(&[("newModuleId", TEXT), ("operationId", TEXT)]), Rule::MoveOperation),
        b"DELETE_OPERATION" => (&Object(&[("id", TEXT)]), Rule::DeleteOperation),
        b"REORDER_MODULE_OPERATIONS" => (&Object(&[("moduleId", TEXT), ("order", ORDER)]), Rule::ReorderOperations),

        b"ADD_OPERATION_ERROR" => (
            &Object(&[
                ("errorCode", MAYBE),
                ("errorDescription", MAYBE),
                ("errorName", MAYBE),
                ("errorTemplate", MAYBE),
                ("id", TEXT),
                ("operationId", TEXT),
            ]),
            Rule::AddDetail(Error),
        ),
        b"SET_OPERATION_ERROR_CODE" => {
            (&Object(&[("errorCode", MAYBE), ("id", TEXT)]), Rule::SetDetail(Error, Field("code", "errorCode")))
        }
        b"SET_OPERATION_ERROR_NAME" => {
            (&Object(&[("errorName", MAYBE), ("id", TEXT)]), Rule::SetDetail(Error, Field("name", "errorName")))
        }
        b"SET_OPERATION_ERROR_DESCRIPTION" => (
            &Object(&[("errorDescription", MAYBE), ("id", TEXT)]),
            Rule::SetDetail(Error, Field("description", "errorDescription")),
        ),
        b"SET_OPERATION_ERROR_TEMPLATE" => (
            &Object(&[("errorTemplate", MAYBE), ("id", TEXT)]),
            Rule::SetDetail(Error, Field("template", "errorTemplate")),
        ),
        b"DELETE_OPERATION_ERROR" => (&Object(&[("id", TEXT)]), Rule::DeleteDetail(Error)),
        b"REORDER_OPERATION_ERRORS" => {
            (&Object(&[("operationId", TEXT), ("order", ORDER)]), Rule::ReorderDetails(Error))
        }

        b"ADD_OPERATION_EXAMPLE" => {
            (&Object(&[("example", TEXT), ("id", TEXT), ("operationId", TEXT)]), Rule::AddDetail(Example))
        }
        b"UPDATE_OPERATION_EXAMPLE" => {
            (&Object(&[("example", TEXT), ("id", TEXT)]), Rule::SetDetail(Example, Field("value", "example")))
        }
        b"DELETE_OPERATION_EXAMPLE" => (&Object(&[("id", TEXT)]), Rule::DeleteDetail(Example)),
        b"REORDER_OPERATION_EXAMPLES" => {
            (&Object(&[("operationId", TEXT), ("order", ORDER)]), Rule::ReorderDetails(Example))
        }

        b"SET_STATE_SCHEMA" => (&Object(&[("scope", TEXT), ("schema", TEXT)]), Rule::State(StateRule::Set("schema"))),
        b"SET_INITIAL_STATE" => {
            (&Object(&[("scope", TEXT), ("initialValue", TEXT)]), Rule::State(StateRule::Set("initialValue")))
        }
        b"ADD_STATE_EXAMPLE" => (
            &Object(&[("scope", TEXT), ("example", TEXT), ("id", TEXT), ("insertBefore", MAYBE)]),
            Rule::State(StateRule::AddExample),
        ),
        b"UPDATE_STATE_EXAMPLE" => {
            (&Object(&[("scope", TEXT), ("id", TEXT), ("newExample", TEXT)]), Rule::State(StateRule::UpdateExample))
        }
        b"DELETE_STATE_EXAMPLE" => (&Object(&[("scope", TEXT), ("id", TEXT)]), Rule::State(StateRule::DeleteExample)),
        b"REORDER_STATE_EXAMPLES" => {
            (&Object(&[("scope", TEXT), ("order", ORDER)]), Rule::State(StateRule::ReorderExamples))
        }

        b"ADD_CHANGE_LOG_ITEM" => change_log!(
            "AddChangeLogItemInput",
            "addChangeLogItemOperation",
            "content" => TEXT, "id" => TEXT, "insertBefore" => Nullable(&TEXT)
        ),
        b"UPDATE_CHANGE_LOG_ITEM" => change_log!(
            "UpdateChangeLogItemInput",
            "updateChangeLogItemOperation",
            "id" => TEXT, "newContent" => TEXT
        ),
        b"DELETE_CHANGE_LOG_ITEM" => {
            change_log!("DeleteChangeLogItemInput", "deleteChangeLogItemOperation", "id" => TEXT)
        }
        b"REORDER_CHANGE_LOG_ITEMS" => {
            change_log!("ReorderChangeLogItemsInput", "reorderChangeLogItemsOperation", "order" => ORDER)
        }
        _ => return None,
    })
}
