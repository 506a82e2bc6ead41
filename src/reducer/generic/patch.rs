//! JSON Patch (RFC 6902).

use std::sync::Arc;

use super::node::Node;
use super::pointer::{Pointer, shown, shown_value};
use crate::model::json::{Json, Text};

/// Applies the steps of a patch in order, up to the first that fails; the state is then of no further use.
///
/// # Errors
/// Which step fails, by its pointer in the patch, and why.
pub(super) fn apply(state: &mut Node, patch: &Json<'_>) -> Result<(), String> {
    let Some(steps) = patch.as_array() else {
        return Err(format!("a JSON Patch is an array of steps, this is {}", Node::described_json(patch)));
    };
    steps.iter().enumerate().try_for_each(|(n, step)| {
        let before = state.weight();
        // A copy shares what it copies, so that a state which is too large now takes no more room than before.
        apply_step(state, step).and_then(|()| state.check_growth(before)).map_err(|why| format!("/{n}: {why}"))
    })
}

fn apply_step(state: &mut Node, step: &Json<'_>) -> Result<(), String> {
    if step.as_object().is_none() {
        return Err(format!("a step of a patch is an object, this is {}", Node::described_json(step)));
    }
    let op = text(step, "op")?;
    let path = Pointer::parse(text(step, "path")?)?;
    let failed = |why: String| format!("cannot {op} {}: {why}", path.shown());
    match op.as_bytes() {
        b"add" => add(state, &path, Node::from(value(step)?)).map_err(failed),
        b"remove" => remove(state, &path).map(drop).map_err(failed),
        b"replace" => {
            let value = Node::from(value(step)?);
            path.edit(state, |old| *old = value).map_err(failed)
        }
        b"move" => {
            let from = Pointer::parse(text(step, "from")?)?;
            let failed = |why: String| format!("cannot move {} to {}: {why}", from.shown(), path.shown());
            relocate(state, &from, &path).map_err(failed)
        }
        b"copy" => {
            let from = Pointer::parse(text(step, "from")?)?;
            let failed = |why: String| format!("cannot copy {} to {}: {why}", from.shown(), path.shown());
            let source = from.find(state).map_err(failed)?.clone();
            add(state, &path, source).map_err(failed)
        }
        b"test" => {
            let expected = value(step)?;
            let found = path.find(state).map_err(|why| format!("the test of {} failed: {why}", path.shown()))?;
            if found.is(expected) {
                return Ok(());
            }
            let (found, expected) = (shown_value(found), shown_value(&Node::from(expected)));
            Err(format!("the test of {} failed: it is {found}, not {expected}", path.shown()))
        }
        _ => Err(format!("\"op\" is {}, which is none of add, remove, replace, move, copy, test", shown(op))),
    }
}

/// Adds a member, inserts an item, or replaces a member or the whole state (RFC 6902 section 4.1).
fn add(state: &mut Node, path: &Pointer<'_>, value: Node) -> Result<(), String> {
    if path.is_root() {
        *state = value;
        return Ok(());
    }
    path.edit_parent(state, |parent, key| match parent {
        Node::Object(members) => {
            Arc::make_mut(members).insert(key, value);
            Ok(())
        }
        Node::Array(list) => {
            let place = path.place(path.last(), list)?;
            Arc::make_mut(list).insert(place, value);
            Ok(())
        }
        other => Err(path.no_container(path.last(), other)),
    })
}

/// Removes what is there (section 4.2). The whole state cannot go: a scope has one from its first action on.
fn remove(state: &mut Node, path: &Pointer<'_>) -> Result<Node, String> {
    if path.is_root() {
        return Err("the whole state can be replaced, not removed".to_owned());
    }
    path.edit_parent(state, |parent, key| match parent {
        Node::Object(members) => Arc::make_mut(members).remove(key).ok_or_else(|| path.no_member(path.last())),
        Node::Array(list) => {
            let index = path.index(path.last(), list)?;
            Ok(Arc::make_mut(list).remove(index))
        }
        other => Err(path.no_container(path.last(), other)),
    })
}

/// Moves a value (section 4.4): removes it, and adds it elsewhere, so that indices in `path` count without it.
fn relocate(state: &mut Node, from: &Pointer<'_>, path: &Pointer<'_>) -> Result<(), String> {
    if path.is_inside(from) {
        return Err("it cannot become a part of itself".to_owned());
    }
    if path.is(from) {
        return from.find(state).map(drop);
    }
    let value = remove(state, from)?;
    add(state, path, value)
}

/// The member of a step that has to be a text.
fn text<'s>(step: &'s Json<'_>, name: &str) -> Result<&'s Text<'s>, String> {
    match step.get(name) {
        Some(Json::String(text)) => Ok(text),
        Some(other) => Err(format!("\"{name}\" is {}, not a string", Node::described_json(other))),
        None => Err(format!("\"{name}\" is missing")),
    }
}

/// The member `value`, which may be `null` but not absent.
fn value<'s, 'a>(step: &'s Json<'a>) -> Result<&'s Json<'a>, String> {
    step.get("value").ok_or_else(|| "\"value\" is missing".to_owned())
}
