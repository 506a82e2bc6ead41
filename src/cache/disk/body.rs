//! States and headers, as they are stored.

use super::exact;
use super::packed::MOST_TEXT;
use super::wire::{In, Out};
use crate::model::ids::Scope;
use crate::model::json::{Json, Object, parse};
use crate::model::state::{JsonState, State};

/// The text of a state, all scopes of it: name and exact JSON text of each. Equal states have equal texts. `None` for a
/// state that has none (see [`exact::write`]) or a longer one than is kept.
pub(super) fn write_state(state: &State) -> Option<Vec<u8>> {
    let (mut out, mut text) = (Out::default(), Vec::new());
    let plain = state.downcast::<JsonState>();
    for scope in state.scopes() {
        text.clear();
        match plain.and_then(|plain| plain.get(scope.as_str())) {
            Some(value) => exact::write(value, &mut text)?,
            None => exact::write(&state.scope(scope.as_str())?, &mut text)?,
        }
        out.text(scope.as_str());
        out.bytes(&text);
        if out.0.len() > MOST_TEXT {
            return None;
        }
    }
    Some(out.0)
}

/// The state with that text.
pub(super) fn read_state(text: &[u8]) -> Option<State> {
    let mut text = In(text);
    let mut state = JsonState::default();
    while !text.is_empty() {
        let scope = Scope::from(text.text()?);
        state.set(scope, parse(text.bytes()?).ok()?.into_owned());
    }
    Some(State::new(state))
}

/// The text of a header; `None` if it has none.
pub(super) fn write_header(header: &Object<'_>) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    exact::write_object(header, &mut text)?;
    Some(text)
}

/// The header with that text.
pub(super) fn read_header(text: &[u8]) -> Option<Object<'static>> {
    match parse(text).ok()? {
        Json::Object(header) => Some(header.into_owned()),
        _ => None,
    }
}
