//! Whether somebody can still change a policy that has no creator.

use std::collections::HashSet;

use super::Checked;
use crate::model::json::Json;
use crate::reducer::coerce::{has, not_a_function, read, unreadable};

/// The scope and the action that administration is about.
const SCOPE: &str = "auth";
const OPERATION: &str = "SET_GRANT";

/// Whether `grants` let anyone, or somebody with an address, set a grant without further conditions.
///
/// Later grants win. Groups and matches do not count: whether they hold anybody is not known here.
///
/// # Errors
/// The `TypeError` that a grant which was never checked runs into.
pub(super) fn is_reachable(grants: &[Json<'_>]) -> Checked<bool> {
    let mut decided = HashSet::new();
    for grant in grants.iter().rev() {
        let grant = Some(grant);
        if read(grant, "where")?.is_some() || !covers_administration(read(grant, "capability")?)? {
            continue;
        }
        let principal = read(grant, "principal")?;
        let allows = || read(grant, "effect").map(|effect| is_text(effect, "allow"));
        if has(principal, "anyone")? {
            return allows();
        }
        if has(principal, "address")? {
            let first = decided.insert(lower_case(read(principal, "address")?)?);
            if first && allows()? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn covers_administration(capability: Option<&Json<'_>>) -> Checked<bool> {
    if !is_text(read(capability, "can")?, "execute") {
        return Ok(false);
    }
    let scope = read(capability, "scope")?;
    if scope.is_some() && !is_text(scope, "*") && !is_text(scope, SCOPE) {
        return Ok(false);
    }
    match read(capability, "operation")? {
        None => Ok(true),
        Some(Json::Array(operations)) => Ok(operations.iter().any(|name| is_text(Some(name), OPERATION))),
        // A string has `includes`, too.
        Some(Json::String(text)) => Ok(memchr::memmem::find(text.as_bytes(), OPERATION.as_bytes()).is_some()),
        Some(Json::Null) => Err(unreadable("null", "includes")),
        Some(_) => Err(not_a_function("capability.operation", "includes")),
    }
}

fn is_text(value: Option<&Json<'_>>, expected: &str) -> bool {
    value.and_then(Json::as_text).is_some_and(|text| *text == *expected)
}

/// The lower-cased address as WTF-8. A lone surrogate has no case, and ends a word like a space does.
fn lower_case(address: Option<&Json<'_>>) -> Checked<Vec<u8>> {
    match address {
        Some(Json::String(text)) => {
            let chunks = text.as_bytes().utf8_chunks();
            Ok(chunks.flat_map(|chunk| [chunk.valid().to_lowercase().as_bytes(), chunk.invalid()].concat()).collect())
        }
        None => Err(unreadable("undefined", "toLowerCase")),
        Some(Json::Null) => Err(unreadable("null", "toLowerCase")),
        Some(_) => Err(not_a_function("grant.principal.address", "toLowerCase")),
    }
}
