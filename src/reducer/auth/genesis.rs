//! The first policy of a document: by `INITIALIZE_AUTH`, or as part of a state snapshot.

use super::{Checked, Owner, default_state, grant, invalid_input, key, reach};
use crate::model::json::{Json, Object, Text, canonical};
use crate::object;
use crate::reducer::coerce::{read, text, to_text};

/// `INITIALIZE_AUTH`: replaces the state by the input's policy.
pub(super) fn initialize(
    auth: &Json<'static>,
    input: &Object<'_>,
    context: Option<&Json<'_>>,
    owner: &Owner<'_>,
) -> Checked<Json<'static>> {
    let version = input.get("version");
    let number = version.and_then(Json::as_number).filter(|number| number.fract() == 0.0 && *number >= 1.0);
    let Some(number) = number else {
        return Err(text![
            "Invalid auth policy version ",
            to_text(version)?,
            " for document ",
            owner.document_id,
            ": INITIALIZE_AUTH requires an integer version >= 1"
        ]);
    };
    if read(Some(auth), "version")?.and_then(Json::as_number) != Some(0.0) {
        return Err(text![
            "Auth scope already initialized for document ",
            owner.document_id,
            ": INITIALIZE_AUTH is valid only at auth revision zero"
        ]);
    }
    let grants = grant_list(input.get("grants"))?;
    let creator = key::creator(context, owner)?;
    check_policy(grants, creator.as_ref(), owner)?;
    let mut policy = object! {
        "version" => number,
        "grants" => Json::Array(grants.iter().map(Json::to_owned_json).collect()),
    };
    if let Some(creator) = creator {
        policy.insert("creator".into(), creator.into());
    }
    Ok(policy.into())
}

/// The state of the scope after the document took over a snapshot of another state (`UPGRADE_DOCUMENT` with an
/// initial state, `LOAD_STATE`) whose `auth` is `incoming`.
///
/// # Errors
/// The text that is thrown when `incoming` is not the policy that is in force, or is not a valid first one.
pub fn resolve_snapshot(
    current: &Json<'static>,
    incoming: Option<&Json<'_>>,
    owner: &Owner<'_>,
) -> Checked<Json<'static>> {
    let current = if current.is_null() { &default_state() } else { current };
    let is_policy = |auth: &&Json<'_>| auth.get("version").is_some_and(|version| !version.is_falsy());
    let Some(incoming) = incoming.filter(is_policy) else {
        return Ok(current.clone());
    };
    if current.get("version").and_then(Json::as_number) == Some(0.0) {
        check_policy(grant_list(incoming.get("grants"))?, incoming.get("creator"), owner)?;
    } else if canonical(current) != canonical(incoming) {
        return Err(text![
            "Duplicating document ",
            owner.document_id,
            " would not preserve its auth policy: the copy loses the policy version or its creator binding"
        ]);
    }
    Ok(incoming.to_owned_json())
}

fn grant_list<'v, 'a>(grants: Option<&'v Json<'a>>) -> Checked<&'v [Json<'a>]> {
    grants.and_then(Json::as_array).ok_or_else(|| invalid_input("grants", "must be an array"))
}

/// A creator can always change the policy; its mere presence counts, whatever it is.
fn check_policy<C>(grants: &[Json<'_>], creator: Option<&C>, owner: &Owner<'_>) -> Checked<()> {
    if grants.len() > super::MAX_GRANTS {
        return Err(grant::too_many(&Text::from("")));
    }
    grants.iter().try_for_each(|grant| grant::check(Some(grant), owner))?;
    if creator.is_none() && !reach::is_reachable(grants)? {
        return Err("Initial grants include no reachable grant permitting execute on the auth scope: \
                    a policy with no creator must always include one"
            .into());
    }
    Ok(())
}
