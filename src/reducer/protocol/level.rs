//! Document-level actions: those the protocol applies itself (reactor format §4.7, §4.8).

use super::document::Document;
use super::{ProtocolError, odd, union};
use crate::model::ids::Scope;
use crate::model::json::{Json, Object, Text};
use crate::model::operation::Action;
use crate::model::state::{JsonState, State};
use crate::reducer::auth;

/// Whether an action is the protocol's own, whatever the model.
#[must_use]
pub fn is_document_level(kind: &Text<'_>) -> bool {
    matches!(
        kind.as_bytes(),
        b"NOOP" | b"SET_NAME" | b"SET_PREFERRED_EDITOR" | b"LOAD_STATE" | b"UNDO" | b"REDO" | b"PRUNE"
    )
}

/// Refuses history actions on the auth scope.
pub(super) fn check_scope(action: &Action<'_>) -> Result<(), ProtocolError> {
    match auth::refusal(&action.kind).filter(|_| action.scope == *"auth") {
        Some(text) => Err(ProtocolError::Thrown(text.to_string())),
        None => Ok(()),
    }
}

/// Checks what of a stored row needs no document: that it is no history action, and of the form its type demands.
///
/// # Errors
/// `Thrown` with the text that a rebuild fails with; of some history actions the text depends on the document, and is
/// the most common one here.
pub fn check_row(skip: u32, action: &Action<'_>) -> Result<(), ProtocolError> {
    check_scope(action)?;
    let thrown = |text: &str| Err(ProtocolError::Thrown(text.to_owned()));
    match action.kind.as_bytes() {
        b"UNDO" => thrown(odd::ENDLESS),
        b"REDO" => {
            redo_count(skip, action)?;
            thrown(odd::NOTHING_TO_REDO)
        }
        _ if !is_valid(action) => Err(ProtocolError::Thrown(union::error(action))),
        b"PRUNE" => thrown(odd::PRUNED),
        _ => Ok(()),
    }
}

/// Checks what a REDO asks for (reactor format §4.6).
pub(super) fn redo_count(skip: u32, action: &Action<'_>) -> Result<(), ProtocolError> {
    let thrown = |text: &str| Err(ProtocolError::Thrown(text.to_owned()));
    if skip > 0 {
        return thrown("Cannot redo: skip value from reducer cannot be used with REDO action");
    }
    match action.input.get("count").unwrap_or(&action.input).as_number() {
        Some(count) if count > 1.0 => thrown("Cannot redo: you can only redo one operation at a time"),
        None => thrown("Cannot redo: you can only redo one operation at a time"),
        Some(count) if count < 1.0 => thrown("Invalid REDO action: invalid redo input value"),
        Some(_) => Ok(()),
    }
}

impl Document {
    /// Validates a document-level action and does what it asks for.
    pub(super) fn apply_level(&mut self, action: &Action<'_>) -> Result<(), ProtocolError> {
        if action.kind == *"NOOP" {
            return Ok(());
        }
        if !is_valid(action) {
            return Err(ProtocolError::Thrown(union::error(action)));
        }
        let input = &action.input;
        match action.kind.as_bytes() {
            b"SET_NAME" => self.header.set_name(input.get("name").map_or(Json::Null, Json::to_owned_json)),
            b"SET_PREFERRED_EDITOR" => {
                let editor = input.get("preferredEditor").filter(|editor| !editor.is_falsy());
                self.header.set_preferred_editor(editor.map(Json::to_owned_json));
            }
            b"LOAD_STATE" => {
                self.load_state(action)?;
                self.header.set_name(input.pointer("/state/name").map_or(Json::Null, Json::to_owned_json));
            }
            b"PRUNE" => return Err(ProtocolError::Thrown(self.pruned(action))),
            _ => {}
        }
        Ok(())
    }

    /// Does again what a document-level action asks for, as an internal replay does: the header stays. Only what a
    /// document carries can fail here, because nobody has looked at it before.
    pub(super) fn apply_level_again(&mut self, action: &Action<'_>, skip: u32) -> Result<(), ProtocolError> {
        check_row(skip, action)?;
        if action.kind == *"LOAD_STATE" { self.load_state(action) } else { Ok(()) }
    }

    /// Replaces the whole state by the one a `LOAD_STATE` carries.
    fn load_state(&mut self, action: &Action<'_>) -> Result<(), ProtocolError> {
        let data = action.input.pointer("/state/data");
        let name = match data {
            None => "undefined",
            Some(Json::Null) => "null",
            Some(_) => "",
        };
        if !name.is_empty() {
            return Err(ProtocolError::Thrown(format!("Cannot read properties of {name} (reading 'auth')")));
        }
        let none = Object::new();
        let data = data.and_then(Json::as_object).unwrap_or(&none);
        let current = auth::backfill(self.scope("auth")?.as_ref());
        let policy = self.resolve_auth(&current, data.get("auth"))?;
        let mut state = JsonState::default();
        for (scope, value) in data.iter() {
            if let Some(scope) = scope.as_str() {
                state.set(Scope::from(scope), value.to_owned_json());
            }
        }
        state.set("auth".into(), policy);
        self.fold.restore(&State::new(state))?;
        Ok(())
    }
}

/// Whether a document-level action does anything when it is replayed: it loads a state, or fails.
pub(super) fn matters_again(action: &Action<'_>) -> bool {
    action.kind == *"LOAD_STATE" || check_row(0, action).is_err()
}

/// Whether an action has the form that its type demands, if that is one of the protocol's.
pub(super) fn is_valid(action: &Action<'_>) -> bool {
    let input = &action.input;
    let text = |value: Option<&Json<'_>>| matches!(value, Some(Json::String(_)));
    let number_or_null = |name| matches!(input.get(name), None | Some(Json::Null | Json::Number(_)));
    match action.kind.as_bytes() {
        b"SET_NAME" => is_datetime(&action.timestamp) && action.scope == *"global" && text(input.get("name")),
        b"SET_PREFERRED_EDITOR" => {
            is_datetime(&action.timestamp)
                && action.scope == *"header"
                && matches!(input.get("preferredEditor"), Some(Json::String(_) | Json::Null))
        }
        b"LOAD_STATE" => {
            let state = input.get("state");
            input.get("operations").is_some_and(|n| n.as_number().is_some())
                && state.is_some_and(|state| text(state.get("name")))
        }
        b"PRUNE" => input.as_object().is_some() && number_or_null("start") && number_or_null("end"),
        _ => true,
    }
}

/// `YYYY-MM-DDThh:mm[:ss[.fraction]]Z` on a real day (reactor format §4.8).
fn is_datetime(text: &Text<'_>) -> bool {
    let digits = |bytes: &[u8]| {
        bytes.iter().try_fold(0_u32, |n, byte| byte.is_ascii_digit().then(|| n * 10 + u32::from(byte - b'0')))
    };
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', i0, i1, rest @ ..] = text.as_bytes() else {
        return false;
    };
    let date = (digits(&[*y0, *y1, *y2, *y3]), digits(&[*m0, *m1]), digits(&[*d0, *d1]));
    let (Some(year), Some(month), Some(day)) = date else { return false };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => 0,
    };
    let below = |bytes: &[u8], limit| digits(bytes).is_some_and(|n| n < limit);
    let seconds = match rest {
        [b'Z'] => true,
        [b':', s0, s1, b'Z'] => below(&[*s0, *s1], 60),
        [b':', s0, s1, b'.', fraction @ .., b'Z'] => {
            below(&[*s0, *s1], 60) && !fraction.is_empty() && fraction.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    };
    (1..=days).contains(&day) && below(&[*h0, *h1], 24) && below(&[*i0, *i1], 60) && seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datetime_is_a_real_day_in_utc() {
        for good in ["2025-01-01T00:00Z", "2024-02-29T23:59:59Z", "2000-02-29T00:00:00.123456Z"] {
            assert!(is_datetime(&good.into()), "{good}");
        }
        for bad in [
            "",
            "2025-02-30T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2025-01-01T24:00:00Z",
            "2025-01-01T00:00:00",
            "2025-01-01T00:00:00+00:00",
            "2025-01-01t00:00:00Z",
            "2025-01-01T00:00:00.Z",
            "2025-13-01T00:00:00Z",
        ] {
            assert!(!is_datetime(&bad.into()), "{bad}");
        }
    }
}
