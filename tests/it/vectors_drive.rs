//! The drive against its vectors (`fixtures/vectors/drive_actions.json`): one action each, through the fold.

use snapctl::model::ids::Scope;
use snapctl::model::json::{Json, Text, canonical, parse};
use snapctl::model::operation::Action;
use snapctl::model::state::State;
use snapctl::object;
use snapctl::reducer::native::drive::Drive;
use snapctl::reducer::protocol::Document;
use snapctl::reducer::{Fold, Model, Outcome};

const VECTORS: &[u8] = include_bytes!("../../fixtures/vectors/drive_actions.json");

fn text<'j>(value: &'j Json<'static>, key: &str) -> &'j str {
    value.get(key).and_then(Json::as_text).and_then(Text::as_str).unwrap()
}

/// A fold on the state that a case starts from. The cases in scope `auth` never reach a fold; see below.
fn before(case: &Json<'static>, vectors: &Json<'static>) -> Box<dyn Fold> {
    let mut fold = Drive.fold().unwrap();
    for (scope, default) in [("global", "default_global"), ("local", "default_local")] {
        let state = case.get(scope).or_else(|| vectors.get(default)).cloned();
        fold.set_scope(&Scope::from(scope), state).unwrap();
    }
    let document = object! { "version" => 0.0, "hash" => object! { "algorithm" => "sha1", "encoding" => "base64" } };
    fold.set_scope(&Scope::document(), Some(document.into())).unwrap();
    fold
}

fn action(case: &Json<'static>) -> Action<'static> {
    Action {
        id: "a".into(),
        kind: text(case, "type").to_owned().into(),
        scope: text(case, "scope").to_owned().into(),
        timestamp: "2025-01-01T00:00:00.000Z".into(),
        input: case.get("input").cloned().unwrap_or_default(),
        context: None,
    }
}

fn same(state: &State, scope: &str, expected: &Json<'static>, name: &str) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    assert_eq!(text(state.canonical(scope).unwrap()), text(canonical(expected)), "{name}: {scope}");
    assert_eq!(state.scope(scope).as_ref(), Some(expected), "{name}: {scope}");
}

#[test]
fn every_case_gives_the_error_the_states_and_the_hash_of_the_reference() {
    let vectors = parse(VECTORS).unwrap();
    let cases = vectors.get("cases").and_then(Json::as_array).unwrap();
    let cases: Vec<_> = cases.iter().filter(|case| text(case, "scope") != "auth").collect();
    assert_eq!(cases.len(), 119);
    for case in cases {
        let name = format!("{} {}", text(case, "type"), text(case, "name"));
        let mut fold = before(case, &vectors);
        let old = fold.checkpoint().unwrap();
        let mut outcomes = Vec::new();
        fold.apply(&[action(case)], &mut outcomes).unwrap();

        let expect = case.get("expect").unwrap();
        let error = expect.get("error").and_then(Json::as_text).cloned();
        assert_eq!(outcomes, [error.clone().map_or(Outcome::Applied, Outcome::Failed)], "{name}");
        let new = fold.checkpoint().unwrap();
        let unchanged = error.is_some() || expect.get("unchanged") == Some(&Json::Bool(true));
        for scope in ["global", "local", "document"] {
            let before = old.scope(scope).unwrap();
            let expected = expect.get(scope).filter(|_| !unchanged);
            same(&new, scope, expected.unwrap_or(&before), &name);
        }
        assert_eq!(new.hash(text(case, "scope")).to_string(), text(expect, "hash"), "{name}");
    }
}

#[test]
fn a_state_outlives_what_the_fold_does_next_and_comes_back() {
    let vectors = parse(VECTORS).unwrap();
    let case = &vectors.get("cases").and_then(Json::as_array).unwrap()[0];
    let mut fold = before(case, &vectors);
    let empty = fold.checkpoint().unwrap();
    fold.apply(&[action(case)], &mut Vec::new()).unwrap();
    let one = fold.checkpoint().unwrap();
    assert_eq!(empty.hash("global").to_string(), "ufp4PcsrsEbXLBqwQAW6BLAg338=");
    fold.restore_scope(&Scope::global(), &empty).unwrap();
    assert_eq!(fold.checkpoint().unwrap().hash("global"), empty.hash("global"));
    fold.restore(&one).unwrap();
    assert_eq!(fold.checkpoint().unwrap().hash("global"), one.hash("global"));
    fold.set_scope(&Scope::global(), None).unwrap();
    assert!(fold.checkpoint().unwrap().scope("global").is_none());
    assert_eq!(one.scopes().len(), 3);
}

/// The protocol hands actions of scope `auth` to the auth reducer, whatever the model.
#[test]
fn the_case_in_scope_auth_changes_nothing() {
    let vectors = parse(VECTORS).unwrap();
    let cases = vectors.get("cases").and_then(Json::as_array).unwrap();
    let cases: Vec<_> = cases.iter().filter(|case| text(case, "scope") == "auth").collect();
    assert_eq!(cases.len(), 1);
    for case in cases {
        let create = Json::Object(object! { "protocolVersions" => object! { "base-reducer" => 2.0 } });
        let mut document = Document::create(&create, &"".into(), Drive.fold().unwrap()).unwrap();
        let action = object! { "type" => text(case, "type"), "scope" => "auth", "input" => case.get("input").cloned() };
        let action = canonical(&Json::Object(action));
        document.reduce(&Action::parse(&action).unwrap(), 0).unwrap();
        let recorded: Vec<_> = document.operations("auth").map(|(_, recorded)| recorded.clone()).collect();
        assert_eq!(recorded.len(), 1);
        assert_eq!(
            (recorded[0].error.is_none(), &*recorded[0].hash),
            (true, text(case.get("expect").unwrap(), "hash"))
        );
    }
}
