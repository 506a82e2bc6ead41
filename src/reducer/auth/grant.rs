//! The rules for one grant.

use super::{Checked, Owner, condition};
use crate::model::json::{Json, Object, Text};
use crate::reducer::coerce::text;

/// Documents that list the members of a group; their own policy must not ask another group.
const GROUP_DOCUMENT: &str = "powerhouse/reactor-group";

/// How many operations a capability may name.
const MAX_OPERATIONS: usize = 100;

/// Checks a grant, rule by rule in the reference's order.
///
/// # Errors
/// The recorded text for the first rule that is violated. It names the grant, by the empty id if it has none.
pub(super) fn check(grant: Option<&Json<'_>>, owner: &Owner<'_>) -> Checked<()> {
    let id = grant.and_then(|grant| grant.get("id")?.as_text());
    let id = id.map_or(Text::from(""), Text::clone);
    shape(grant).map_err(|problem| invalid(&id, &problem))?;
    let names_group = grant.and_then(|grant| grant.get("principal")?.get("group")).is_some();
    if names_group && owner.document_type == GROUP_DOCUMENT {
        return Err(text![
            "Grant \"",
            id,
            "\" uses a group principal on a group document: a group's auth scope cannot reference other groups"
        ]);
    }
    Ok(())
}

/// The recorded text for a policy that has become too long by the grant `id`.
pub(super) fn too_many(id: &Text<'_>) -> Text<'static> {
    invalid(id, &Text::from("policy exceeds 100 grants"))
}

fn invalid(id: &Text<'_>, problem: &Text<'_>) -> Text<'static> {
    text!["Invalid grant \"", id, "\": ", problem]
}

fn shape(grant: Option<&Json<'_>>) -> Checked<()> {
    const KEYS: &[&str] = &["id", "description", "effect", "principal", "capability", "where"];
    let grant = grant.and_then(Json::as_object).ok_or("grant must be an object")?;
    if let Some(key) = unknown_key(grant, KEYS) {
        return Err(text!["unknown grant key \"", key, "\""]);
    }
    if !is_filled_text(grant.get("id")) {
        return Err("id must be a non-empty string".into());
    }
    if !matches!(grant.get("description"), Some(Json::String(_))) {
        return Err("description must be a string".into());
    }
    if !is_one_of(grant.get("effect"), ["allow", "deny"]) {
        return Err("effect must be allow or deny".into());
    }
    let capability = grant.get("capability").and_then(Json::as_object).ok_or("capability must be an object")?;
    check_capability(capability)?;
    let covered = capability.get("scope").and_then(Json::as_text);
    check_principal(grant.get("principal"), covered)?;
    grant.get("where").map_or(Ok(()), |tree| condition::check(tree, covered))
}

fn check_capability(capability: &Object<'_>) -> Checked<()> {
    if !is_one_of(capability.get("can"), ["read", "execute"]) {
        return Err("capability.can must be read or execute".into());
    }
    let keys: &[&str] =
        if is_one_of(capability.get("can"), ["execute"]) { &["can", "scope", "operation"] } else { &["can", "scope"] };
    if let Some(key) = unknown_key(capability, keys) {
        return Err(text!["unknown capability key \"", key, "\""]);
    }
    if capability.get("scope").is_some() && !is_filled_text(capability.get("scope")) {
        return Err("capability.scope must be a non-empty string".into());
    }
    let Some(operations) = capability.get("operation") else {
        return Ok(());
    };
    let operations = operations.as_array().ok_or("capability.operation must be an array")?;
    if operations.len() > MAX_OPERATIONS {
        return Err("capability.operation exceeds 100 entries".into());
    }
    if !operations.iter().all(|name| is_filled_text(Some(name))) {
        return Err("capability.operation entries must be non-empty strings".into());
    }
    Ok(())
}

fn check_principal(principal: Option<&Json<'_>>, covered: Option<&Text<'_>>) -> Checked<()> {
    let principal = principal.and_then(Json::as_object).ok_or("principal must be an object")?;
    let mut members = principal.iter().map(|(key, value)| (key.as_bytes(), value));
    match (members.next(), members.next()) {
        (Some((b"anyone", value)), None) => match value {
            Json::Bool(true) => Ok(()),
            _ => Err("anyone must be true".into()),
        },
        (Some((b"address", value)), None) if is_filled_text(Some(value)) => Ok(()),
        (Some((b"address", _)), None) => Err("address must be a non-empty string".into()),
        (Some((b"group", value)), None) if is_filled_text(Some(value)) => Ok(()),
        (Some((b"group", _)), None) => Err("group must be a non-empty string".into()),
        (Some((b"match", tree)), None) => condition::check(tree, covered),
        _ => Err("principal must have exactly one of anyone, address, group, or match".into()),
    }
}

/// The first key, in sort order, that is not one of `known`.
fn unknown_key<'v, 'a>(object: &'v Object<'a>, known: &[&str]) -> Option<&'v Text<'a>> {
    object.iter().map(|(key, _)| key).find(|key| !known.iter().any(|known| **key == **known))
}

fn is_filled_text(value: Option<&Json<'_>>) -> bool {
    value.and_then(Json::as_text).is_some_and(|text| !text.is_empty())
}

fn is_one_of<const N: usize>(value: Option<&Json<'_>>, expected: [&str; N]) -> bool {
    value.and_then(Json::as_text).is_some_and(|text| expected.iter().any(|expected| *text == **expected))
}
