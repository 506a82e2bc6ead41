//! What a new version is made of: copies, one level of objects at a time, of what the reference knows of.

use crate::model::json::{Json, Object};
use crate::object;
use crate::reducer::coerce::{Checked, items, read, spread, to_text};

/// The member that counts versions, in the version after that of `version`; `None` is `undefined`.
///
/// # Errors
/// The `TypeError` for an object that does not become a text.
pub(super) fn next_version(version: Option<&Json<'static>>) -> Checked<Json<'static>> {
    Ok(match version {
        None => f64::NAN.into(),
        Some(Json::Null) => 1.0.into(),
        Some(Json::Bool(bool)) => (1.0 + f64::from(u8::from(*bool))).into(),
        Some(Json::Number(number)) => (number + 1.0).into(),
        Some(other) => to_text(Some(other))?.with_suffix("1").into(),
    })
}

/// A copy of the states that a specification describes: those of the scopes `global` and `local`.
///
/// # Errors
/// The `TypeError` for a state without examples.
pub(super) fn state(state: Option<&Json<'static>>) -> Checked<Json<'static>> {
    let scope = |scope, examples| -> Checked<Object<'static>> {
        let scope = read(state, scope)?;
        let examples = list(scope, "examples", examples, |example| Ok(shallow(Some(example)).into()))?;
        let mut copy = shallow(scope);
        copy.insert("examples".into(), examples);
        Ok(copy)
    };
    let global = scope("global", "latestSpec.state.global.examples")?;
    let local = scope("local", "latestSpec.state.local.examples")?;
    Ok(object! { "global" => global, "local" => local }.into())
}

/// A copy of the modules of a specification.
///
/// # Errors
/// The `TypeError` for what should have been a list.
pub(super) fn modules(specification: &Json<'static>) -> Checked<Json<'static>> {
    list(Some(specification), "modules", "latestSpec.modules", |module| {
        let operations = list(Some(module), "operations", "module.operations", operation)?;
        let mut copy = shallow(Some(module));
        copy.insert("operations".into(), operations);
        Ok(copy.into())
    })
}

fn operation(operation: &Json<'static>) -> Checked<Json<'static>> {
    let mut copy = shallow(Some(operation));
    for (detail, name) in [("errors", "op.errors"), ("examples", "op.examples")] {
        let items = list(Some(operation), detail, name, |item| Ok(shallow(Some(item)).into()))?;
        copy.insert(detail.into(), items);
    }
    Ok(copy.into())
}

/// `of[member].map(copy)`; `name` is what the reference calls `of[member]`.
fn list(
    of: Option<&Json<'static>>,
    member: &'static str,
    name: &str,
    copy: impl Fn(&Json<'static>) -> Checked<Json<'static>>,
) -> Checked<Json<'static>> {
    let items = items(read(of, member)?, name, "map")?;
    Ok(Json::Array(items.iter().map(copy).collect::<Checked<_>>()?))
}

/// `{...value}`
fn shallow(value: Option<&Json<'static>>) -> Object<'static> {
    value.map(spread).unwrap_or_default().into_iter().collect()
}
