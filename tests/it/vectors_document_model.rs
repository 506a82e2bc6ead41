//! The document-model against its vectors (`fixtures/vectors/document_model_*.json`), through the fold: what each action
//! does to a usual state, and what it does to states that nobody should have.

use snapctl::model::ids::Scope;
use snapctl::model::json::{Json, Text, canonical, parse};
use snapctl::model::operation::Action;
use snapctl::model::state::{Piece, State};
use snapctl::object;
use snapctl::reducer::native::document_model::DocumentModel;
use snapctl::reducer::{Fold, Model, Outcome};

const ACTIONS: &[u8] = include_bytes!("../../fixtures/vectors/document_model_actions.json");
const CORNERS: &[u8] = include_bytes!("../../fixtures/vectors/document_model_corners.json");

fn text<'j>(value: &'j Json<'static>, key: &str) -> &'j str {
    value.get(key).and_then(Json::as_text).and_then(Text::as_str).unwrap()
}

fn cases<'j>(vectors: &'j Json<'static>) -> &'j [Json<'static>] {
    vectors.get("cases").and_then(Json::as_array).unwrap()
}

fn fold_on(global: &Json<'static>) -> Box<dyn Fold> {
    let mut fold = DocumentModel.fold().unwrap();
    fold.set_scope(&Scope::global(), Some(global.clone())).unwrap();
    fold.set_scope(&Scope::from("local"), Some(object! {}.into())).unwrap();
    fold
}

fn apply(fold: &mut dyn Fold, scope: &str, action: &Json<'static>) -> Outcome {
    let action = Action {
        id: "a".into(),
        kind: text(action, "type").to_owned().into(),
        scope: scope.to_owned().into(),
        timestamp: "2025-01-01T00:00:00.000Z".into(),
        input: action.get("input").cloned().unwrap_or_default(),
        context: None,
    };
    let mut outcomes = Vec::new();
    fold.apply(&[action], &mut outcomes).unwrap();
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

/// What a vector says of an action's outcome.
fn outcome(expect: &Json<'static>) -> Outcome {
    expect.get("error").and_then(Json::as_text).cloned().map_or(Outcome::Applied, Outcome::Failed)
}

/// The global state, of which the text in pieces, the canonical text and the value have to be the same.
fn global(state: &State) -> Json<'static> {
    let (mut pieces, text, value) = (Vec::new(), state.canonical("global").unwrap(), state.scope("global").unwrap());
    state.pieces("global", &mut |piece| match piece {
        Piece::Text(text) => pieces.extend_from_slice(text),
        Piece::Shared { write, .. } => write(&mut pieces),
        Piece::Group { .. } => unreachable!("the model has none"),
    });
    assert_eq!(pieces, text);
    assert_eq!(canonical(&value), text);
    value
}

#[test]
fn every_case_gives_the_error_the_state_and_the_hash_of_the_reference() {
    let vectors = parse(ACTIONS).unwrap();
    assert_eq!(cases(&vectors).len(), 153);
    for case in cases(&vectors) {
        let name = format!("{} {}", text(case, "type"), text(case, "name"));
        let start = case.get("state_before").map_or("base", |_| text(case, "state_before"));
        let start = vectors.get("states_before").unwrap().get(start).unwrap();
        let mut fold = fold_on(start);
        let before = fold.checkpoint().unwrap();
        let expect = case.get("expect").unwrap();
        assert_eq!(apply(&mut *fold, text(case, "scope"), case), outcome(expect), "{name}");

        let after = fold.checkpoint().unwrap();
        let unchanged = expect.get("error").is_some() || expect.get("unchanged") == Some(&Json::Bool(true));
        let expected = expect.get("global").filter(|_| !unchanged).unwrap_or(start);
        assert_eq!(global(&after), *expected, "{name}");
        assert_eq!(after.scope("local"), Some(object! {}.into()), "{name}");
        assert_eq!(after.hash(text(case, "scope")).to_string(), text(expect, "hash"), "{name}");
        assert_eq!(global(&before), *start, "{name}: the state before");
    }
}

#[test]
fn states_of_odd_shapes_give_what_the_reference_gives() {
    let vectors = parse(CORNERS).unwrap();
    assert!(cases(&vectors).len() > 500);
    for (at, case) in cases(&vectors).iter().enumerate() {
        let mut fold = fold_on(case.get("global").unwrap());
        let list = |key| case.get(key).and_then(Json::as_array).unwrap();
        assert_eq!(list("actions").len(), list("expect").len());
        for (action, expect) in list("actions").iter().zip(list("expect")) {
            assert_eq!(apply(&mut *fold, "global", action), outcome(expect), "case {at}: {action:?}");
            let state = fold.checkpoint().unwrap();
            global(&state);
            assert_eq!(state.hash("global").to_string(), text(expect, "hash"), "case {at}: {action:?}");
        }
    }
}

#[test]
fn without_a_global_state_there_is_nothing_to_read() {
    let mut fold = DocumentModel.fold().unwrap();
    let mut error = |kind: &str, input: &str| {
        let action = object! { "type" => kind.to_owned(), "input" => parse(input.as_bytes()).unwrap().into_owned() };
        match apply(&mut *fold, "global", &action.into()) {
            Outcome::Applied => String::new(),
            Outcome::Failed(text) => text.to_string(),
        }
    };
    let setting = "Cannot set properties of undefined (setting 'name')";
    assert_eq!(error("SET_MODEL_NAME", r#"{"name":"n"}"#), setting);
    let reading = "Cannot read properties of undefined (reading 'author')";
    assert_eq!(error("SET_AUTHOR_NAME", r#"{"authorName":"n"}"#), reading);
    let reading = "Cannot read properties of undefined (reading 'specifications')";
    assert_eq!(error("ADD_MODULE", r#"{"id":"m","name":"n"}"#), reading);
    assert_eq!(error("RELEASE_NEW_VERSION", "{}"), reading);
    assert_eq!(error("ANYTHING", "{}"), "");
}

#[test]
fn a_state_outlives_what_the_fold_does_next_and_comes_back() {
    let vectors = parse(ACTIONS).unwrap();
    let base = vectors.get("states_before").unwrap().get("base").unwrap();
    let mut fold = fold_on(base);
    let before = fold.checkpoint().unwrap();
    let delete = object! { "type" => "DELETE_MODULE", "input" => object! { "id" => "m1" } };
    assert_eq!(apply(&mut *fold, "global", &delete.into()), Outcome::Applied);
    let one = fold.checkpoint().unwrap();
    assert_ne!(before.hash("global"), one.hash("global"));
    fold.restore_scope(&Scope::global(), &before).unwrap();
    assert_eq!(fold.checkpoint().unwrap().hash("global"), before.hash("global"));
    fold.restore(&one).unwrap();
    assert_eq!(fold.checkpoint().unwrap().hash("global"), one.hash("global"));
    fold.set_scope(&Scope::global(), None).unwrap();
    assert!(fold.checkpoint().unwrap().scope("global").is_none());
    assert_eq!(global(&before), *base);
}
