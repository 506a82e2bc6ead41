//! JSON Merge Patch (RFC 7396).

use std::sync::Arc;

use super::node::Node;
use crate::model::json::Json;

/// Merges a patch into a value as section 2 says: an object changes the members it names, `null` removes one, and
/// anything else takes the place of what was there. Never fails.
pub(super) fn merge(target: &mut Node, patch: &Json<'_>) {
    let Json::Object(changes) = patch else {
        *target = Node::from(patch);
        return;
    };
    if !matches!(target, Node::Object(_)) {
        *target = Node::empty();
    }
    let Node::Object(members) = target else { return };
    let members = Arc::make_mut(members);
    for (key, change) in changes.iter() {
        if change.is_null() {
            members.remove(key);
        } else if members.edit(key, |member| merge(member, change)).is_none() {
            let mut member = Node::Null;
            merge(&mut member, change);
            members.insert(key, member);
        }
    }
}
