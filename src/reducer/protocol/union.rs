//! The text with which the reference refuses a document-level action: what each kind of them would demand.

use crate::model::json::Json;
use crate::model::operation::Action;
use crate::object;
use crate::reducer::validation::{Schema, union_error};

const COUNT: Schema = Schema::Object(&[("count", Schema::Number)]);

/// The kinds in the order in which they are tried.
const KINDS: [Schema; 6] = [
    Schema::Object(&[
        ID,
        TIME,
        (
            "input",
            Schema::Object(&[("operations", Schema::Number), ("state", Schema::Object(&[("name", Schema::Text)]))]),
        ),
        ("type", Schema::OneOf(&["LOAD_STATE"])),
        ("scope", Schema::Text),
    ]),
    Schema::Object(&[
        ID,
        TIME,
        ("input", Schema::Object(&[("start", NULLISH_NUMBER), ("end", NULLISH_NUMBER)])),
        ("type", Schema::OneOf(&["PRUNE"])),
        ("scope", Schema::Text),
    ]),
    Schema::Object(&[ID, TIME, ("input", COUNT), ("type", Schema::OneOf(&["REDO"])), ("scope", Schema::Text)]),
    Schema::Object(&[
        ID,
        TIME,
        ("input", Schema::Object(&[("name", Schema::Text)])),
        ("type", Schema::OneOf(&["SET_NAME"])),
        ("scope", Schema::OneOf(&["global"])),
    ]),
    Schema::Object(&[
        ID,
        TIME,
        ("input", Schema::Object(&[("preferredEditor", Schema::Nullable(&Schema::Text))])),
        ("type", Schema::OneOf(&["SET_PREFERRED_EDITOR"])),
        ("scope", Schema::OneOf(&["header"])),
    ]),
    Schema::Object(&[ID, TIME, ("input", COUNT), ("type", Schema::OneOf(&["UNDO"])), ("scope", Schema::Text)]),
];

const ID: (&str, Schema) = ("id", Schema::Text);
const TIME: (&str, Schema) = ("timestampUtcMs", Schema::Text);
const NULLISH_NUMBER: Schema = Schema::Nullish(&Schema::Number);

/// The text for `action`, which fits none of the kinds. A time that is text but no datetime is not told apart from
/// the rest of what is wrong.
pub(super) fn error(action: &Action<'_>) -> String {
    let value = Json::Object(object! {
        "id" => action.id.clone(),
        "type" => action.kind.clone(),
        "timestampUtcMs" => action.timestamp.clone(),
        "scope" => action.scope.clone(),
        "input" => action.input.clone(),
    });
    union_error(&KINDS, &value).to_string()
}
