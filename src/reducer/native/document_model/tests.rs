//! The indexed form against plain JSON: the same random actions on the same random state must give the same.

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::form::ModelState;
use crate::model::ids::Scope;
use crate::model::json::{Json, Object, Text, canonical, parse};
use crate::model::state::{Piece, State};
use crate::object;
use crate::reducer::native::scopes::{Form, Scopes, apply, with_global as fold};
use crate::reducer::{Fold, Outcome};

const IDS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "", "\u{e9}"];
/// Among them: equal in upper case only, invalid, reserved.
const NAMES: [&str; 10] = ["OP_A", "OP_B", "op_a", "", "\u{df}", "SS", "newOp", "UNDO", "A1", "\u{c9}"];
const TEXTS: [&str; 4] = ["", "x", "global", "local"];

/// Actions by kind, with the members of their inputs: `i` is an id, `n` a name, `t` a text, `o` a list of ids, `s` a scope;
/// a capital letter is a member that may be absent or `null`.
const ACTIONS: [(&str, &str); 41] = [
    ("SET_MODEL_NAME", "name:t"),
    ("SET_AUTHOR_NAME", "authorName:t"),
    ("SET_AUTHOR_WEBSITE", "authorWebsite:t"),
    ("ADD_MODULE", "id:i name:t description:T"),
    ("ADD_MODULE", "id:i name:t description:T"),
    ("SET_MODULE_NAME", "id:i name:T"),
    ("SET_MODULE_DESCRIPTION", "id:i description:T"),
    ("DELETE_MODULE", "id:i"),
    ("REORDER_MODULES", "order:o"),
    ("ADD_OPERATION", "id:i moduleId:i name:n description:T schema:T template:T reducer:T scope:T"),
    ("ADD_OPERATION", "id:i moduleId:i name:n description:T schema:T template:T reducer:T scope:T"),
    ("ADD_OPERATION", "id:i moduleId:i name:n description:T schema:T template:T reducer:T scope:T"),
    ("SET_OPERATION_NAME", "id:i name:N"),
    ("SET_OPERATION_NAME", "id:i name:N"),
    ("SET_OPERATION_SCOPE", "id:i scope:s"),
    ("SET_OPERATION_SCHEMA", "id:i schema:T"),
    ("SET_OPERATION_TEMPLATE", "id:i template:T"),
    ("MOVE_OPERATION", "operationId:i newModuleId:i"),
    ("MOVE_OPERATION", "operationId:i newModuleId:i"),
    ("DELETE_OPERATION", "id:i"),
    ("REORDER_MODULE_OPERATIONS", "moduleId:i order:o"),
    ("ADD_OPERATION_ERROR", "id:i operationId:i errorCode:T errorName:T errorDescription:T errorTemplate:T"),
    ("ADD_OPERATION_ERROR", "id:i operationId:i errorCode:T errorName:T errorDescription:T errorTemplate:T"),
    ("SET_OPERATION_ERROR_CODE", "id:i errorCode:T"),
    ("SET_OPERATION_ERROR_NAME", "id:i errorName:T"),
    ("DELETE_OPERATION_ERROR", "id:i"),
    ("REORDER_OPERATION_ERRORS", "operationId:i order:o"),
    ("ADD_OPERATION_EXAMPLE", "id:i operationId:i example:t"),
    ("ADD_OPERATION_EXAMPLE", "id:i operationId:i example:t"),
    ("UPDATE_OPERATION_EXAMPLE", "id:i example:t"),
    ("DELETE_OPERATION_EXAMPLE", "id:i"),
    ("REORDER_OPERATION_EXAMPLES", "operationId:i order:o"),
    ("SET_STATE_SCHEMA", "scope:s schema:t"),
    ("SET_INITIAL_STATE", "scope:s initialValue:t"),
    ("ADD_STATE_EXAMPLE", "scope:s id:i example:t insertBefore:T"),
    ("UPDATE_STATE_EXAMPLE", "scope:s id:i newExample:t"),
    ("DELETE_STATE_EXAMPLE", "scope:s id:i"),
    ("REORDER_STATE_EXAMPLES", "scope:s order:o"),
    ("DELETE_CHANGE_LOG_ITEM", "id:i"),
    ("RELEASE_NEW_VERSION", ""),
    ("RELEASE_NEW_VERSION", "more:T"),
];

/// A choice for each member of an input, made before it is known what the member is.
type Choices = Vec<(prop::sample::Index, Vec<prop::sample::Index>)>;

fn choices() -> impl Strategy<Value = Choices> {
    let order = prop::collection::vec(any::<prop::sample::Index>(), 0..4);
    prop::collection::vec((any::<prop::sample::Index>(), order), 8)
}

fn action() -> impl Strategy<Value = (&'static str, Json<'static>)> {
    (prop::sample::select(&ACTIONS[..]), choices()).prop_map(|((kind, members), choices)| {
        let mut input = Object::new();
        for (member, (choice, order)) in members.split_whitespace().zip(choices) {
            let (key, of) = member.split_once(':').unwrap();
            let pick = |from: &[&'static str]| Json::from(*choice.get(from));
            let value = match of.to_ascii_lowercase().as_str() {
                "i" => pick(&IDS),
                "n" => pick(&NAMES),
                "t" => pick(&TEXTS),
                "s" => pick(&["global", "global", "local", "x", ""]),
                _ => Json::Array(order.iter().map(|id| Json::from(*id.get(&IDS[..5]))).collect()),
            };
            match choice.index(5) {
                0 if of.starts_with(char::is_uppercase) => {}
                1 if of.starts_with(char::is_uppercase) => drop(input.insert(key.into(), Json::Null)),
                _ => drop(input.insert(key.into(), value)),
            }
        }
        (kind, input.into())
    })
}

/// A usual state, with a few modules, operations, errors and examples.
fn usual() -> impl Strategy<Value = Json<'static>> {
    let shape = prop::collection::vec((0..3_usize, 0..3_usize, 0..3_usize, prop::sample::select(&NAMES[..])), 0..5);
    (shape, 0..3_usize).prop_map(|(shape, versions)| {
        let mut ids = IDS.iter().cycle();
        let mut details = (IDS.iter(), IDS.iter());
        let modules = shape.iter().zip(IDS).map(|((operations, errors, examples, name), id)| {
            let operations = (0..*operations).map(|n| {
                let id = format!("{}{n}", ids.next().unwrap());
                let errors = details.0.by_ref().take(*errors);
                let examples = details.1.by_ref().take(*examples);
                object! {
                    "errors" => Json::Array(errors.map(|id| object! { "code" => "", "id" => *id }.into()).collect()),
                    "examples" => Json::Array(examples.map(|id| object! { "id" => *id, "value" => "" }.into()).collect()),
                    "id" => id,
                    "name" => *name,
                    "scope" => "global",
                }
                .into()
            });
            object! { "id" => id, "name" => "n", "operations" => Json::Array(operations.collect()) }.into()
        });
        let scope = |id: &'static str| {
            let example = object! { "id" => id, "value" => "v" };
            object! { "schema" => "", "initialValue" => "", "examples" => Json::Array(vec![example.into()]) }
        };
        let spec: Json<'_> = object! {
            "changeLog" => Json::Array(Vec::new()),
            "modules" => Json::Array(modules.collect()),
            "state" => object! { "global" => scope("a"), "local" => scope("b") },
            "version" => 1.0,
        }
        .into();
        object! {
            "author" => object! { "name" => "", "website" => Json::Null },
            "id" => "",
            "name" => "",
            "specifications" => Json::Array(vec![spec; versions + 1]),
            "zoom" => 1.0,
        }
        .into()
    })
}

/// What a part of a state becomes.
#[derive(Clone, Debug)]
enum Odd {
    Gone,
    Instead(&'static str),
}

/// A state of any shape: a usual one of which a few parts became something else.
fn state() -> impl Strategy<Value = Json<'static>> {
    let value = prop::sample::select(&["null", "5", "\"a\"", "[]", "{}", "true", "[{\"id\":\"a\"}]", "\"OP_A\""][..]);
    let odd = prop_oneof![Just(Odd::Gone), value.prop_map(Odd::Instead)];
    let parts = prop::collection::vec((any::<prop::sample::Index>(), odd), 0..3);
    (usual(), parts).prop_map(|(mut state, parts)| {
        for (part, odd) in parts {
            let mut at = part.index(n_parts(&state));
            spoil(&mut state, &mut at, &odd);
        }
        state
    })
}

fn n_parts(value: &Json<'static>) -> usize {
    match value {
        Json::Array(items) => 1 + items.iter().map(n_parts).sum::<usize>(),
        Json::Object(object) => 1 + object.iter().map(|(_, value)| n_parts(value)).sum::<usize>(),
        _ => 1,
    }
}

/// Changes the part number `at`; a part counts before those in it.
fn spoil(value: &mut Json<'static>, at: &mut usize, odd: &Odd) -> bool {
    let new = match odd {
        Odd::Gone => Json::Null,
        Odd::Instead(text) => parse(text.as_bytes()).unwrap().into_owned(),
    };
    if *at == 0 {
        *value = new;
        return true;
    }
    *at -= 1;
    match value {
        Json::Array(items) => items.iter_mut().any(|item| spoil(item, at, odd)),
        Json::Object(object) => {
            let keys: Vec<Text<'static>> = object.iter().map(|(key, _)| key.clone()).collect();
            keys.iter().any(|key| {
                if *at == 0 && matches!(odd, Odd::Gone) {
                    return object.remove(key.as_str().unwrap()).is_some();
                }
                object.get_mut(key).is_some_and(|value| spoil(value, at, odd))
            })
        }
        _ => false,
    }
}

fn read(state: &Json<'static>) -> ModelState {
    ModelState::read(&Scope::global(), state.clone())
}

fn is_indexed(fold: &Scopes<ModelState>) -> bool {
    matches!(fold.get("global"), Some(ModelState::Indexed(_)))
}

/// The canonical text, which the value has to have, too. Texts are compared because no NaN is like another.
fn global(state: &State) -> String {
    let text = state.canonical("global").unwrap();
    assert_eq!(text, canonical(&state.scope("global").unwrap()));
    String::from_utf8(text).unwrap()
}

/// Checks that the pieces are the canonical text, and that those of one name have one text, in all states so far.
fn check_pieces(state: &State, known: &mut HashMap<usize, Vec<u8>>) {
    let mut whole = Vec::new();
    state.pieces("global", &mut |piece| match piece {
        Piece::Text(text) => whole.extend_from_slice(text),
        Piece::Shared { id, write } => {
            let mut text = Vec::new();
            write(&mut text);
            assert_eq!(known.entry(id).or_insert_with(|| text.clone()), &text);
            whole.extend_from_slice(&text);
        }
        Piece::Group { .. } => unreachable!("the model has none"),
    });
    assert_eq!(whole, state.canonical("global").unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_indexed_form_does_as_plain_json_does(
        start in prop_oneof![usual(), state()],
        actions in prop::collection::vec((action(), 0..8u8), 1..40),
    ) {
        let mut indexed = fold(read(&start));
        let mut plain = fold(ModelState::Json(Arc::new(start.clone())));
        let mut kept: Vec<(State, State)> = Vec::new();
        let mut known = HashMap::new();
        let fits = is_indexed(&indexed);
        for ((kind, input), then) in actions {
            prop_assert_eq!(apply(&mut indexed, kind, &input), apply(&mut plain, kind, &input), "{} {:?}", kind, input);
            prop_assert_eq!(is_indexed(&indexed), fits);
            let now = indexed.checkpoint().unwrap();
            prop_assert_eq!(global(&now), global(&plain.checkpoint().unwrap()), "{} {:?}", kind, input);
            match then {
                0 => {
                    kept.push((now.clone(), plain.checkpoint().unwrap()));
                    check_pieces(&now, &mut known);
                }
                1 => {
                    if let Some((indexed_state, plain_state)) = kept.last() {
                        indexed.restore(indexed_state).unwrap();
                        plain.restore(plain_state).unwrap();
                    }
                }
                // Through JSON: what fits once fits again.
                2 if fits => {
                    indexed.set_scope(&Scope::global(), now.scope("global")).unwrap();
                    prop_assert!(is_indexed(&indexed));
                }
                _ => {}
            }
        }
        for (indexed_state, plain_state) in kept {
            prop_assert_eq!(global(&indexed_state), global(&plain_state));
            check_pieces(&indexed_state, &mut known);
        }
    }
}

/// The vectors go by way of the indexed form where they can; here they do not.
#[test]
fn the_vectors_hold_for_plain_json_too() {
    let vectors = parse(include_bytes!("../../../../fixtures/vectors/document_model_actions.json")).unwrap();
    let text = |value: &Json<'static>, key| value.get(key).and_then(Json::as_text).cloned();
    let cases = vectors.get("cases").and_then(Json::as_array).unwrap();
    for case in cases {
        let start = text(case, "state_before").map_or_else(|| "base".to_owned(), |name| name.to_string());
        let start = vectors.get("states_before").unwrap().get(&start).unwrap();
        let mut plain = fold(ModelState::Json(Arc::new(start.clone())));
        let kind = text(case, "type").unwrap().to_string().leak();
        let outcome = apply(&mut plain, kind, case.get("input").unwrap_or(&Json::Null));
        let expect = case.get("expect").unwrap();
        assert_eq!(outcome, text(expect, "error").map_or(Outcome::Applied, Outcome::Failed), "{case:?}");
        if text(case, "scope").unwrap() == *"global" {
            let hash = plain.checkpoint().unwrap().hash("global").to_string();
            assert_eq!(hash, text(expect, "hash").unwrap().to_string());
        }
    }
}

/// A released version keeps the pieces that the latest had, and so does everything in the latest that does not change.
#[test]
fn what_stays_the_same_keeps_its_pieces() {
    const OPERATIONS: usize = 300;
    let long = "x".repeat(400);
    let operation = |module: usize, n: usize| {
        let none = Json::Array(Vec::new());
        object! { "id" => format!("o{module}-{n}"), "name" => "", "schema" => long.clone(), "errors" => none.clone(), "examples" => none }
    };
    let module = |module: usize, operations: usize| {
        let operations = (0..operations).map(|n| operation(module, n).into()).collect();
        object! { "id" => format!("m{module}"), "name" => "n", "operations" => Json::Array(operations) }.into()
    };
    let scope = || object! { "examples" => Json::Array(Vec::new()), "schema" => "s".repeat(1000) };
    // One module that is large enough to be given out in operations, and some that are not.
    let modules = std::iter::once(module(0, OPERATIONS)).chain((1..20).map(|n| module(n, 3))).collect();
    let spec = object! {
        "modules" => Json::Array(modules),
        "state" => object! { "global" => scope(), "local" => scope() },
        "version" => 1.0,
    };
    let start = object! { "specifications" => Json::Array(vec![spec.into()]) };
    let mut fold = fold(read(&start.into()));
    let mut states = vec![fold.checkpoint().unwrap()];
    let mut step = |kind, input: &str| {
        assert_eq!(apply(&mut fold, kind, &parse(input.as_bytes()).unwrap().into_owned()), Outcome::Applied);
        states.push(fold.checkpoint().unwrap());
        let [.., before, after] = &states[..] else { unreachable!("there are two states") };
        let (before, after) = (shared(before), shared(after));
        let new = after.iter().filter(|(id, _)| !before.contains_key(id));
        new.map(|(_, text)| text.len()).collect::<Vec<_>>()
    };
    assert_eq!(step("SET_OPERATION_SCHEMA", r#"{"id":"o0-7","schema":"y"}"#).len(), 1);
    let changed = step("SET_OPERATION_REDUCER", r#"{"id":"o3-1","reducer":"y"}"#);
    assert!(matches!(changed[..], [1200..1600]), "{changed:?}");
    // The copy of the described states is all that is new.
    assert_eq!(step("RELEASE_NEW_VERSION", "{}").len(), 1);
    assert_eq!(step("SET_STATE_SCHEMA", r#"{"scope":"local","schema":"z"}"#).len(), 1);
    assert_eq!(step("REORDER_MODULES", r#"{"order":["m3","m2"]}"#).len(), 0);
    assert_eq!(step("MOVE_OPERATION", r#"{"operationId":"o0-9","newModuleId":"m5"}"#).len(), 1);
    assert_eq!(step("DELETE_OPERATION", r#"{"id":"o0-8"}"#).len(), 0);
    assert_eq!(step("SET_MODEL_NAME", r#"{"name":"z"}"#).len(), 0);
}

/// The shared pieces of a state by name, none of which is much longer than 16 KiB.
fn shared(state: &State) -> HashMap<usize, Vec<u8>> {
    let mut shared = HashMap::new();
    state.pieces("global", &mut |piece| {
        if let Piece::Shared { id, write } = piece {
            let mut text = Vec::new();
            write(&mut text);
            assert!(text.len() < 20_000);
            shared.insert(id, text);
        }
    });
    check_pieces(state, &mut HashMap::new());
    shared
}
