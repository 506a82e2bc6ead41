//! One value at one place: `{"pointer": "/a/b", "value": …}`.

use std::sync::Arc;

use super::node::Node;
use super::pointer::Pointer;
use crate::model::json::Json;

/// Puts `value` where `pointer` leads. All but its last token has to exist. The last is a member of an object, there
/// already or not, an index of an array whose item is replaced, or `-`, which appends to an array. The empty pointer
/// replaces the whole state. Other members of the input mean nothing.
///
/// # Errors
/// What is wrong with the input, or where the pointer does not lead.
pub(super) fn set(state: &mut Node, input: &Json<'_>) -> Result<(), String> {
    if input.as_object().is_none() {
        let found = Node::described_json(input);
        return Err(format!("the input is an object with \"pointer\" and \"value\", this is {found}"));
    }
    let text = match input.get("pointer") {
        Some(Json::String(text)) => text,
        Some(other) => return Err(format!("\"pointer\" is {}, not a string", Node::described_json(other))),
        None => return Err("\"pointer\" is missing".to_owned()),
    };
    let pointer = Pointer::parse(text)?;
    let value = Node::from(input.get("value").ok_or("\"value\" is missing")?);
    if pointer.is_root() {
        *state = value;
        return Ok(());
    }
    let placed = pointer.edit_parent(state, |parent, key| match parent {
        Node::Object(members) => {
            Arc::make_mut(members).insert(key, value);
            Ok(())
        }
        Node::Array(list) if *key == *"-" => {
            let end = list.len();
            Arc::make_mut(list).insert(end, value);
            Ok(())
        }
        Node::Array(list) => {
            let index = pointer.index(pointer.last(), list)?;
            Arc::make_mut(list).edit(index, |item| *item = value);
            Ok(())
        }
        other => Err(pointer.no_container(pointer.last(), other)),
    });
    placed.map_err(|why| format!("cannot set {}: {why}", pointer.shown()))
}
