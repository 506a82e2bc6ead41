//! Changes to the list of grants. Ids are not unique: an initial list may repeat one.

use super::{Checked, MAX_GRANTS, Owner, grant, reach};
use crate::model::json::{Json, Object, Text};
use crate::reducer::coerce::{is_same, items, read, text, to_number, to_text};

/// `SET_GRANT`: replaces every grant of that id where it stands, or else appends one.
pub(super) fn set(auth: &Json<'static>, input: &Object<'_>, owner: &Owner<'_>) -> Checked<Json<'static>> {
    let existing = read(Some(auth), "grants")?;
    let new = input.get("grant");
    grant::check(new, owner)?;
    let new = new.map(Json::to_owned_json).unwrap_or_default();
    let existing = items(existing, "existing", "some")?;
    let id = new.get("id");
    let mut grants = existing.to_vec();
    let mut is_new = true;
    for grant in &mut grants {
        if is_same(read(Some(grant), "id")?, id) {
            *grant = new.clone();
            is_new = false;
        }
    }
    if is_new {
        if existing.len() >= MAX_GRANTS {
            return Err(grant::too_many(&to_text(id)?));
        }
        grants.push(new.clone());
    }
    retain_administration(auth, existing, grants, id)
}

/// `REMOVE_GRANT`: drops every grant of that id.
pub(super) fn remove(auth: &Json<'static>, input: &Object<'_>) -> Checked<Json<'static>> {
    let existing = items(destructured_grants(auth)?, "grants", "some")?;
    let id = input.get("id");
    let mut grants = Vec::with_capacity(existing.len());
    for grant in existing {
        if !is_same(read(Some(grant), "id")?, id) {
            grants.push(grant.clone());
        }
    }
    if grants.len() == existing.len() {
        return Err(not_found(id)?);
    }
    retain_administration(auth, existing, grants, id)
}

/// `MOVE_GRANT`: takes the first grant of that id out of the list and puts it back at `index`.
pub(super) fn relocate(auth: &Json<'static>, input: &Object<'_>) -> Checked<Json<'static>> {
    let existing = items(destructured_grants(auth)?, "grants", "findIndex")?;
    let id = input.get("id");
    let mut from = None;
    for (at, grant) in existing.iter().enumerate() {
        if is_same(read(Some(grant), "id")?, id) {
            from = Some(at);
            break;
        }
    }
    let Some(from) = from else {
        return Err(not_found(id)?);
    };
    let mut grants = existing.to_vec();
    let grant = grants.remove(from);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` cuts, saturates, and NaN is 0")]
    let to = (to_number(input.get("index"))? as usize).min(grants.len());
    grants.insert(to, grant);
    retain_administration(auth, existing, grants, id)
}

/// The state with `grants`, unless they are what takes away the last way to change the policy.
fn retain_administration(
    auth: &Json<'static>,
    existing: &[Json<'_>],
    grants: Vec<Json<'static>>,
    id: Option<&Json<'_>>,
) -> Checked<Json<'static>> {
    if auth.get("creator").is_none() && reach::is_reachable(existing)? && !reach::is_reachable(&grants)? {
        return Err(text![
            "Change to grant \"",
            to_text(id)?,
            "\" would leave no reachable grant permitting execute on the auth scope: \
             a policy with no creator must always retain one"
        ]);
    }
    let mut state = auth.as_object().cloned().unwrap_or_default();
    state.insert("grants".into(), Json::Array(grants));
    Ok(state.into())
}

fn destructured_grants<'v>(auth: &'v Json<'static>) -> Checked<Option<&'v Json<'static>>> {
    if auth.is_null() {
        return Err("Cannot destructure property 'grants' of 'document.state.auth' as it is null.".into());
    }
    Ok(auth.get("grants"))
}

fn not_found(id: Option<&Json<'_>>) -> Checked<Text<'static>> {
    Ok(text!["Grant not found in auth scope: ", to_text(id)?])
}
