//! `undo_redo_v1.json` and `undo_redo_v2.json`: the base reducer driven action by action.

use snapctl::model::ids::{NextIndex, Scope};
use snapctl::model::json::{Json, Object, Text, canonical, parse};
use snapctl::model::operation::Action;
use snapctl::model::state::{JsonState, State};
use snapctl::object;
use snapctl::reducer::protocol::gc::Slot;
use snapctl::reducer::protocol::{Document, Header, ProtocolError, Recorded};
use snapctl::reducer::{Model, native::drive::Drive};

fn text<'v>(value: &'v Json<'_>, key: &str) -> &'v str {
    value.get(key).and_then(|text| text.as_text()?.as_str()).unwrap_or_else(|| panic!("no text {key}"))
}

fn list<'v, 'a>(value: &'v Json<'a>, key: &str) -> &'v [Json<'a>] {
    value.get(key).and_then(Json::as_array).unwrap_or_else(|| panic!("no list {key}"))
}

fn canonical_number(number: &Json<'_>) -> u32 {
    String::from_utf8(canonical(number)).unwrap().parse().unwrap()
}

/// An empty drive that follows a version of the base protocol.
fn drive(version: f64) -> Document {
    let create = Json::Object(object! {
        "documentId" => "doc-1",
        "model" => "powerhouse/document-drive",
        "protocolVersions" => object! { "base-reducer" => version },
    });
    let mut header = Header::create(&create, &Text::from("2025-01-01T00:00:00.000Z"));
    header.set_revision(&Scope::document(), NextIndex::default());
    let mut state = JsonState::default();
    for (scope, json) in [
        ("auth", r#"{"version":0,"grants":[]}"#),
        ("document", r#"{"version":0,"hash":{"algorithm":"sha1","encoding":"base64"}}"#),
        ("global", r#"{"name":"","nodes":[],"icon":null}"#),
        ("local", r#"{"listeners":[],"triggers":[],"sharingType":"private","availableOffline":false}"#),
    ] {
        state.set(scope.into(), parse(json.as_bytes()).unwrap());
    }
    let mut fold = Drive.fold().unwrap();
    fold.restore(&State::new(state)).unwrap();
    Document::start(header, fold).unwrap()
}

fn operation((slot, recorded): (Slot, &Recorded), with_input: bool) -> Object<'static> {
    let mut object = object! {
        "index" => f64::from(u32::try_from(slot.index).unwrap()),
        "skip" => f64::from(slot.skip),
        "type" => recorded.action.kind.clone(),
        "hash" => recorded.hash.clone(),
    };
    if with_input {
        object.insert("input".into(), recorded.action.input.clone());
    }
    if let Some(error) = &recorded.error {
        object.insert("error".into(), error.clone().into());
    }
    object
}

/// What a step of a vector says of the document after it.
fn describe(document: &mut Document, expected: &Json<'_>) -> Json<'static> {
    let operations = |scope: &str, with_input| {
        Json::Array(document.operations(scope).map(|found| operation(found, with_input).into()).collect())
    };
    let all_scopes: Object<'static> = expected
        .get("all_scopes")
        .and_then(Json::as_object)
        .into_iter()
        .flat_map(Object::iter)
        .map(|(scope, _)| (scope.to_owned_text(), operations(scope.as_str().unwrap(), false)))
        .collect();
    let clipboard = document.clipboard().map(|found| {
        let mut object = operation(found, true);
        object.remove("hash");
        object.remove("error");
        object.into()
    });
    let header = document.header().to_object();
    let member = |name: &str| header.get(name).cloned().unwrap_or_default();
    Json::Object(object! {
        "header_meta" => member("meta"),
        "header_name" => member("name"),
        "header_revision" => member("revision"),
        "operations" => operations("global", true),
        "all_scopes" => all_scopes,
        "clipboard" => Json::Array(clipboard.collect()),
        "state_global" => document.scope("global").unwrap(),
    })
}

fn run(vectors: &str) -> usize {
    let vectors = parse(vectors.as_bytes()).unwrap();
    let mut n_steps = 0;
    for suite in list(&vectors, "suites") {
        let mut document = drive(suite.get("protocolVersion").and_then(Json::as_number).unwrap());
        for (n, step) in list(suite, "steps").iter().enumerate() {
            let at = format!("{}, step {n}", text(suite, "name"));
            let action = canonical(step.get("action").unwrap());
            let action = Action::parse(&action).unwrap();
            let skip = step.get("skip").map_or(0, canonical_number);
            n_steps += 1;
            match document.reduce(&action, skip) {
                Ok(()) => {
                    let expected = step.get("after").unwrap_or_else(|| panic!("{at}: should throw"));
                    assert_eq!(describe(&mut document, expected), *expected, "{at}");
                }
                Err(ProtocolError::Thrown(message)) => {
                    let expected = step.get("throws").and_then(|text| text.as_text()?.as_str());
                    assert_eq!(Some(message.as_str()), expected, "{at}");
                }
                Err(error) => panic!("{at}: {error}"),
            }
        }
    }
    n_steps
}

#[test]
fn undo_and_redo_under_the_first_version() {
    assert!(run(include_str!("../../fixtures/vectors/undo_redo_v1.json")) > 100);
}

#[test]
fn undo_and_redo_under_the_second_version() {
    assert!(run(include_str!("../../fixtures/vectors/undo_redo_v2.json")) > 100);
}
