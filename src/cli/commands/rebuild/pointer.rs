//! What `--pointer` leads to, and what it may have meant where it leads nowhere.

use crate::model::ids::Scope;
use crate::model::json::{Json, Place, Text, canonical};
use crate::model::similar::Similar;
use crate::replay::Snapshot;

/// The canonical text of what a pointer leads to: within the state of the scope, or within `{scope: state}` of a whole
/// document.
pub(super) fn follow(snapshot: &Snapshot, pointer: &str) -> Option<Vec<u8>> {
    let (scope, rest) = root(snapshot, pointer);
    snapshot.state.scope(&scope)?.pointer(rest).map(canonical)
}

/// What to type instead of a pointer that leads nowhere, if that can be guessed.
pub(super) fn hint(snapshot: &Snapshot, pointer: &str) -> Option<String> {
    let (scope, rest) = root(snapshot, pointer);
    let Some(state) = snapshot.state.scope(&scope) else { return scope_hint(snapshot, pointer) };
    // The way that exists, and where it ends.
    let mut end = 0;
    let ends = rest.match_indices('/').map(|(at, _)| at).skip(1).chain([rest.len()]);
    for next in ends {
        match state.pointer(&rest[..next]) {
            Some(_) => end = next,
            None => break,
        }
    }
    let way = &pointer[..pointer.len() - rest.len() + end];
    let place = if way.is_empty() { "the state".to_owned() } else { way.to_owned() };
    match state.pointer(&rest[..end])? {
        Json::Object(object) => {
            let missing = rest[end + 1..].split('/').next().unwrap_or_default();
            let names = object.iter().map(|(key, _)| token(key));
            Some(members_hint(way, &place, missing, names))
        }
        Json::Array(items) if items.is_empty() => Some(format!("{place} is an empty list")),
        Json::Array(items) => Some(format!("{place} is a list: its items are {way}/0 to {way}/{}", items.len() - 1)),
        other => Some(format!("{place} is a {}, which has no parts", other.type_name())),
    }
}

/// The scope that a pointer starts in, and the pointer within its state.
fn root<'a>(snapshot: &Snapshot, pointer: &'a str) -> (String, &'a str) {
    if let Some(scope) = &snapshot.scope {
        return (scope.to_string(), pointer);
    }
    let (scope, rest) = pointer[1..].find('/').map_or((&pointer[1..], ""), |at| pointer[1..].split_at(at));
    (scope.replace("~1", "/").replace("~0", "~"), rest)
}

/// In a whole document the first step is a scope.
fn scope_hint(snapshot: &Snapshot, pointer: &str) -> Option<String> {
    if snapshot.scope.is_some() {
        return None;
    }
    let scopes = snapshot.state.scopes();
    let tokens = || scopes.iter().map(|scope: &Scope| token(&Text::from(scope.as_str())));
    let inside = scopes
        .iter()
        .zip(tokens())
        .find(|(scope, _)| snapshot.state.scope(scope.as_str()).is_some_and(|state| state.pointer(pointer).is_some()));
    if let Some((_, scope)) = inside {
        return Some(format!("in a whole document a pointer starts with the scope: /{scope}{pointer}"));
    }
    let missing = pointer[1..].split('/').next().unwrap_or_default();
    Some(members_hint("", "the document", missing, tokens()))
}

/// Names the members that are like the one that is missing, or else the first few.
fn members_hint(way: &str, place: &str, missing: &str, names: impl Iterator<Item = String>) -> String {
    const SHOWN: usize = 6;
    let (mut similar, mut first, mut count) = (Similar::to(missing), Vec::new(), 0);
    for name in names {
        similar.consider(&name);
        count += 1;
        if first.len() < SHOWN {
            first.push(name);
        }
    }
    let full = |names: Vec<String>| names.into_iter().map(|name| format!("{way}/{name}")).collect::<Vec<_>>();
    match full(similar.into_names()) {
        names if !names.is_empty() => format!("did you mean {}?", names.join(" or ")),
        _ if count == 0 => format!("{place} has no members"),
        _ => format!("{place} has {}{}", full(first).join(", "), if count > SHOWN { ", …" } else { "" }),
    }
}

/// A name as it stands in a pointer.
fn token(name: &Text<'_>) -> String {
    let mut place = Place::default();
    place.enter_member(name);
    place.pointer().to_string().split_off(1)
}
