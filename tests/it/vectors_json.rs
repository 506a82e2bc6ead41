//! `hash.json`, `numbers.json`, `opid.json`: the way from JSON text to hash.

use snapctl::model::json::{Json, canonical, hash_canonical, operation_id, parse};
use snapctl::object;

const HASH: &str = include_str!("../../fixtures/vectors/hash.json");
const NUMBERS: &str = include_str!("../../fixtures/vectors/numbers.json");
const OPERATION_IDS: &str = include_str!("../../fixtures/vectors/opid.json");

/// JavaScript values without a counterpart: a [`Json`] has no member that is there and undefined, no Date, function,
/// symbol or `BigInt`, and no methods. Whoever builds a state leaves such members out, or puts in what they print.
const NO_COUNTERPART: &[&str] = &[
    "undefined member dropped; undefined array item becomes null",
    "Date member",
    "function and symbol members",
    "bigint",
    "toJSON",
];

fn vectors<'v, 'a>(file: &'v Json<'a>, key: &str) -> &'v [Json<'a>] {
    file.get(key).and_then(Json::as_array).unwrap_or_else(|| panic!("no list {key}"))
}

fn str<'v>(value: &'v Json<'_>, key: &str) -> &'v str {
    value.get(key).and_then(|text| text.as_text()?.as_str()).unwrap_or_else(|| panic!("no text {key}"))
}

/// Checks the canonical text, where the vector shows that of the value and not of the `""` it stands for, and the hash.
fn check(value: Option<&Json<'_>>, vector: &Json<'_>) {
    let name = str(vector, "name");
    let text = value.map(canonical);
    if let Some(value) = value.filter(|value| !value.is_falsy()) {
        assert_eq!(String::from_utf8_lossy(&canonical(value)), str(vector, "canonical"), "{name}");
    } else {
        assert_eq!(str(vector, "canonical"), "\"\"", "{name}");
    }
    assert_eq!(hash_canonical(text.as_deref()).to_string(), str(vector, "hash"), "{name}");
}

#[test]
fn hashes() {
    let file = parse(HASH.as_bytes()).unwrap();
    for vector in vectors(&file, "vectors") {
        let value = parse(str(vector, "input_json").as_bytes()).unwrap();
        check(Some(&value), vector);
        check(Some(&value.into_owned()), vector);
    }
    assert_eq!(vectors(&file, "vectors").len(), 24);
}

#[test]
fn hashes_of_values_that_json_text_cannot_express() {
    let file = parse(HASH.as_bytes()).unwrap();
    let mut skipped = Vec::new();
    for vector in vectors(&file, "js_only") {
        let value = match str(vector, "name") {
            "NaN and infinities" => {
                let infinities = [f64::INFINITY, f64::NEG_INFINITY].map(Json::Number);
                Some(object! { "a" => f64::NAN, "b" => Json::Array(infinities.to_vec()) }.into())
            }
            "missing scope" => None,
            "NaN scope" => Some(Json::Number(f64::NAN)),
            "same object twice is not circular" => {
                let shared = object! { "x" => 1.0 };
                Some(object! { "a" => shared.clone(), "b" => shared }.into())
            }
            name => {
                skipped.push(name);
                continue;
            }
        };
        check(value.as_ref(), vector);
    }
    assert_eq!(skipped, NO_COUNTERPART);
}

#[test]
fn numbers() {
    let file = parse(NUMBERS.as_bytes()).unwrap();
    for vector in vectors(&file, "vectors") {
        let token = str(vector, "token");
        let printed = canonical(&parse(token.as_bytes()).unwrap());
        assert_eq!(String::from_utf8(printed).unwrap(), str(vector, "printed"), "{token}");
    }
    assert_eq!(vectors(&file, "vectors").len(), 32);
}

#[test]
fn operation_ids() {
    let file = parse(OPERATION_IDS.as_bytes()).unwrap();
    for vector in vectors(&file, "vectors") {
        let [document, scope, branch, action] =
            ["documentId", "scope", "branch", "actionId"].map(|key| str(vector, key));
        let id = operation_id(document, scope, branch, action.as_bytes());
        assert_eq!(id, str(vector, "opId"), "{document}:{scope}:{branch}:{action}");
    }
    assert_eq!(vectors(&file, "vectors").len(), 10);
}
