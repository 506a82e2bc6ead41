//! Actions and JSON: what parses prints canonical text that parses to the same, and serde_json agrees about what is JSON.
//! Signatures are worth the same after printing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snapctl::model::json::{Json, canonical, parse};
use snapctl::model::operation::{Action, ActionError};
use snapctl::object;
use snapctl::verify::signature::check;

fuzz_target!(|text: &[u8]| {
    let value = parse(text);
    judge(text, value.as_ref().is_ok());
    if let Ok(value) = &value {
        let printed = canonical(value);
        let again = parse(&printed).expect("canonical text is JSON");
        assert_eq!(canonical(&again), printed, "canonical text is its own canonical text");
        assert!(again == *value || has_infinity(value), "printing lost something");
        assert_eq!(canonical(&value.to_owned_json()), printed);
    }
    match (Action::parse(text), &value) {
        (Ok(action), Ok(value)) => {
            assert_eq!(value.get("type").and_then(Json::as_text), Some(&action.kind));
            same_after_printing(&action);
        }
        (Ok(_), Err(error)) => panic!("an action that is not JSON: {error}"),
        (Err(ActionError::Json(error)), Err(same)) => assert_eq!(error, *same),
        (Err(ActionError::Json(error)), Ok(_)) => panic!("JSON, but not for an action: {error}"),
        (Err(ActionError::NotAnObject(kind)), value) => assert_eq!(value.as_ref().map(Json::type_name), Ok(kind)),
        (Err(ActionError::NotText(member)), value) => {
            let value = value.as_ref().expect("its members were read");
            assert!(value.get(member).is_none_or(|value| value.as_text().is_none()), "{member}");
        }
    }
});

/// What serde_json takes is JSON, and what it refuses is so only for what JavaScript allows beyond it.
fn judge(text: &[u8], accepted: bool) {
    let Err(error) = serde_json::from_slice::<serde_json::Value>(text) else {
        return assert!(accepted, "serde_json takes it");
    };
    let reason = error.to_string();
    let beyond = ["number out of range", "recursion limit exceeded", "surrogate", "hex escape"];
    assert!(!accepted || beyond.iter().any(|known| reason.contains(known)), "serde_json says {reason}");
}

fn same_after_printing(action: &Action<'_>) {
    let Action { id, kind, scope, timestamp, input, context } = action.clone();
    let value = Json::Object(object! {
        "id" => id, "type" => kind, "scope" => scope, "timestampUtcMs" => timestamp, "input" => input, "context" => context,
    });
    let text = canonical(&value);
    let again = Action::parse(&text).expect("a printed action is one");
    assert!(again.id == action.id && again.kind == action.kind && again.scope == action.scope);
    assert!(again.timestamp == action.timestamp && canonical(&again.input) == canonical(&action.input));
    assert_eq!(
        again.context.as_ref().map(canonical),
        action.context.as_ref().map(canonical).filter(|text| text != b"null")
    );
    let (before, after) = (check("d", action), check("d", &again));
    assert!(before == after || action.context.as_ref().is_some_and(has_infinity), "{before:?} became {after:?}");
}

/// Numbers beyond the range of doubles are infinite, and infinities print as `null`.
fn has_infinity(value: &Json<'_>) -> bool {
    match value {
        Json::Number(number) => number.is_infinite(),
        Json::Array(items) => items.iter().any(has_infinity),
        Json::Object(object) => object.iter().any(|(_, value)| has_infinity(value)),
        _ => false,
    }
}
