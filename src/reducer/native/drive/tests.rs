//! The tree against plain JSON: the same random actions on the same random state must give the same.

use std::sync::Arc;

use proptest::prelude::*;

use super::scope::ScopeState;
use crate::model::ids::Scope;
use crate::model::json::{Json, Text, parse};
use crate::model::running_hash::RunningHash;
use crate::model::state::{State, joined};
use crate::object;
use crate::reducer::native::scopes::{Form, Scopes, apply, with_global as fold};
use crate::reducer::{Fold, Outcome};

/// Among them: equal but for case, for an ignored character, for normalisation, or after sixteen characters.
const IDS: [&str; 14] = [
    "a",
    "A",
    "b",
    "a\u{1}",
    "",
    "\u{e9}",
    "e\u{301}",
    "e",
    "E",
    "0123456789abcdef-1",
    "0123456789abcdef-2",
    "0123456789ABCDEF-1",
    "-",
    "\u{6f22}",
];

const NAMES: [&str; 10] = [
    "n",
    "n (copy)",
    "n (copy) 1",
    "n (copy) 3",
    "n (copy) 03",
    "m",
    "",
    " ",
    "n (copy) 1 (copy) 2",
    "n (copy) 99999999999999999999999",
];

fn id() -> impl Strategy<Value = Json<'static>> {
    prop::sample::select(&IDS[..]).prop_map(Json::from)
}

fn name() -> impl Strategy<Value = Json<'static>> {
    prop::sample::select(&NAMES[..]).prop_map(Json::from)
}

/// An optional member: absent, `null`, or a value.
fn maybe(value: impl Strategy<Value = Json<'static>>) -> impl Strategy<Value = Option<Json<'static>>> {
    prop_oneof![Just(None), Just(Some(Json::Null)), value.prop_map(Some)]
}

fn with(members: Vec<(&'static str, Option<Json<'static>>)>) -> Json<'static> {
    let members = members.into_iter().filter_map(|(key, value)| Some((Text::from(key), value?)));
    Json::Object(members.collect())
}

fn node() -> impl Strategy<Value = Json<'static>> {
    let kind = prop::sample::select(&["file", "folder"][..]).prop_map(Json::from);
    let parent = prop_oneof![Just(Json::Null), id()];
    (id(), name(), kind, parent, maybe(name()), maybe(name())).prop_map(|(id, name, kind, parent, kept, extra)| {
        let parts = [("id", id), ("name", name), ("kind", kind), ("parentFolder", parent)];
        let mut members: Vec<_> = parts.into_iter().map(|(key, value)| (key, Some(value))).collect();
        members.extend([("documentType", kept), ("lateExtra", extra.clone()), ("zExtra", extra)]);
        with(members)
    })
}

fn state() -> impl Strategy<Value = Json<'static>> {
    prop::collection::vec(node(), 0..8).prop_map(|mut nodes| {
        let mut seen = Vec::new();
        nodes.retain(|node| {
            let id = node.get("id").cloned();
            let new = !seen.contains(&id);
            seen.push(id);
            new
        });
        object! { "icon" => Json::Null, "name" => "", "nodes" => Json::Array(nodes), "zoom" => 1.0 }.into()
    })
}

fn action() -> impl Strategy<Value = (&'static str, Json<'static>)> {
    let kind = prop::sample::select(
        &[
            "ADD_FILE",
            "ADD_FOLDER",
            "DELETE_NODE",
            "UPDATE_FILE",
            "UPDATE_NODE",
            "COPY_NODE",
            "MOVE_NODE",
            "SET_DRIVE_NAME",
        ][..],
    );
    (kind, id(), id(), maybe(name()), maybe(id()), maybe(name())).prop_map(|(kind, id, other, name, parent, extra)| {
        let given = |value: &Option<Json<'static>>| Some(value.clone().filter_null().unwrap_or_else(|| "n".into()));
        let members = match kind {
            "ADD_FILE" | "ADD_FOLDER" => vec![
                ("id", Some(id)),
                ("name", given(&name)),
                ("parentFolder", parent),
                ("documentType", given(&extra)),
                ("more", extra),
            ],
            "COPY_NODE" => {
                vec![
                    ("srcId", Some(id)),
                    ("targetId", Some(other)),
                    ("targetName", name),
                    ("targetParentFolder", parent),
                ]
            }
            "MOVE_NODE" => vec![("srcFolder", Some(id)), ("targetParentFolder", parent)],
            "SET_DRIVE_NAME" => vec![("name", given(&name))],
            _ => vec![("id", Some(id)), ("name", name), ("parentFolder", parent), ("documentType", extra)],
        };
        (kind, with(members))
    })
}

trait FilterNull {
    fn filter_null(self) -> Self;
}

impl FilterNull for Option<Json<'static>> {
    fn filter_null(self) -> Self {
        self.filter(|value| !value.is_null())
    }
}

/// A fold that keeps `state` as plain JSON.
fn loose(state: &Json<'static>) -> Scopes<ScopeState> {
    fold(ScopeState::Json(Arc::new(state.clone())))
}

fn global(state: &State) -> (Json<'static>, String) {
    (state.scope("global").unwrap(), String::from_utf8(state.canonical("global").unwrap()).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_tree_does_as_plain_json_does(
        start in state(),
        actions in prop::collection::vec((action(), 0..8u8), 1..40),
    ) {
        let mut tree = fold(ScopeState::read(&Scope::global(), start.clone()));
        prop_assert!(matches!(tree.get("global"), Some(ScopeState::Tree(_))));
        let mut plain = loose(&start);
        let mut kept = Vec::new();
        let mut hash = RunningHash::default();
        for ((kind, input), then) in actions {
            prop_assert_eq!(apply(&mut tree, kind, &input), apply(&mut plain, kind, &input), "{} {:?}", kind, input);
            let now = tree.checkpoint().unwrap();
            prop_assert_eq!(global(&now), global(&plain.checkpoint().unwrap()), "{} {:?}", kind, input);
            prop_assert_eq!(joined(&now, "global"), now.canonical("global"), "{} {:?}", kind, input);
            prop_assert_eq!(hash.hash(&now, "global"), now.hash("global"), "{} {:?}", kind, input);
            match then {
                0 => kept.push((now.clone(), plain.checkpoint().unwrap())),
                1 => {
                    if let Some((tree_state, plain_state)) = kept.last() {
                        prop_assert_eq!(hash.hash(plain_state, "global"), tree_state.hash("global"));
                        tree.restore(tree_state).unwrap();
                        plain.restore(plain_state).unwrap();
                    }
                }
                2 => {
                    // Through JSON: serial numbers start anew, the order must not notice.
                    let scope = Scope::global();
                    tree.set_scope(&scope, now.scope("global")).unwrap();
                    prop_assert!(matches!(tree.get("global"), Some(ScopeState::Tree(_))));
                }
                _ => {}
            }
        }
        for (tree_state, plain_state) in kept {
            prop_assert_eq!(global(&tree_state), global(&plain_state));
        }
    }
}

#[test]
fn the_vectors_hold_for_plain_json_too() {
    let vectors = parse(include_bytes!("../../../../fixtures/vectors/drive_actions.json")).unwrap();
    let text = |value: &Json<'static>, key| value.get(key).and_then(Json::as_text).cloned();
    let mut tried = 0;
    for case in vectors.get("cases").and_then(Json::as_array).unwrap() {
        if text(case, "scope").unwrap() != *"global" {
            continue;
        }
        tried += 1;
        let start = case.get("global").or_else(|| vectors.get("default_global")).unwrap();
        let mut plain = loose(start);
        let kind = text(case, "type").unwrap().to_string().leak();
        let outcome = apply(&mut plain, kind, case.get("input").unwrap_or(&Json::Null));
        let expect = case.get("expect").unwrap();
        assert_eq!(outcome, text(expect, "error").map_or(Outcome::Applied, Outcome::Failed), "{case:?}");
        assert_eq!(plain.checkpoint().unwrap().hash("global").to_string(), text(expect, "hash").unwrap().to_string());
    }
    assert!(tried > 90);
}

/// Applies one action to a global state of any form.
fn on(state: &str, kind: &'static str, input: &str) -> (String, Json<'static>) {
    let mut fold = fold(ScopeState::read(&Scope::global(), parse(state.as_bytes()).unwrap().into_owned()));
    let outcome = apply(&mut fold, kind, &parse(input.as_bytes()).unwrap().into_owned());
    let text = match outcome {
        Outcome::Applied => String::new(),
        Outcome::Failed(text) => text.to_string(),
    };
    (text, fold.checkpoint().unwrap().scope("global").unwrap())
}

#[test]
fn states_of_other_forms_fail_as_javascript_does() {
    let file = r#"{"id":"x","name":"n","documentType":"t"}"#;
    for (state, text) in [
        ("null", "Cannot read properties of null (reading 'nodes')"),
        ("5", "Cannot read properties of undefined (reading 'find')"),
        ("[]", "Cannot read properties of undefined (reading 'find')"),
        ("{}", "Cannot read properties of undefined (reading 'find')"),
        (r#"{"nodes":null}"#, "Cannot read properties of null (reading 'find')"),
        (r#"{"nodes":{}}"#, "state.nodes.find is not a function"),
        (r#"{"nodes":[null]}"#, "Cannot read properties of null (reading 'id')"),
    ] {
        let before = parse(state.as_bytes()).unwrap();
        assert_eq!(on(state, "ADD_FILE", file), (text.to_owned(), before), "{state}");
    }
    assert_eq!(on("null", "SET_DRIVE_NAME", r#"{"name":"n"}"#).0, "Cannot set properties of null (setting 'name')");
    assert_eq!(on("\"s\"", "SET_DRIVE_NAME", r#"{"name":"n"}"#).0, "Cannot create property 'name' on string 's'");
    let array = "Only supports setting array indices and the 'length' property.";
    assert_eq!(on("[1]", "SET_DRIVE_NAME", r#"{"name":"n"}"#), (array.to_owned(), parse(b"[1]").unwrap()));
    assert_eq!(
        on("{}", "REMOVE_TRIGGER", r#"{"triggerId":"n"}"#).0,
        "Cannot read properties of undefined (reading 'filter')"
    );
}

#[test]
fn an_id_that_is_no_string_fails_the_sort_after_the_node_was_pushed() {
    let (text, state) = on(r#"{"nodes":[{"id":"b"},{"id":5}]}"#, "ADD_FOLDER", r#"{"id":"a","name":"n"}"#);
    assert_eq!(text, "a.id.localeCompare is not a function");
    let ids: Vec<_> =
        state.get("nodes").and_then(Json::as_array).unwrap().iter().map(|node| node.get("id").cloned()).collect();
    assert_eq!(ids, [Some("b".into()), Some(5.0.into()), Some("a".into())]);
}

#[test]
fn duplicate_ids_are_removed_together_and_changed_one_by_one() {
    let twins = r#"{"nodes":[{"id":"b","name":"n"},{"id":"a","name":"1"},{"id":"a","name":"2","parentFolder":"b"}]}"#;
    let (text, state) = on(twins, "UPDATE_NODE", r#"{"id":"a","name":"3"}"#);
    let expected =
        r#"{"nodes":[{"id":"a","name":"3"},{"id":"a","name":"2","parentFolder":"b"},{"id":"b","name":"n"}]}"#;
    assert_eq!((text.as_str(), state), ("", parse(expected.as_bytes()).unwrap()));
    let (text, state) = on(twins, "DELETE_NODE", r#"{"id":"b"}"#);
    assert_eq!((text.as_str(), state), ("", parse(br#"{"nodes":[]}"#).unwrap()));
}

/// Twenty thousand folders, each in the one before: no search may recurse.
#[test]
fn a_deep_chain_of_folders_is_no_problem() {
    const DEPTH: usize = 20_000;
    let folder = |n: usize| {
        let parent = n.checked_sub(1).map(|parent| Json::from(format!("{parent:05}")));
        object! { "id" => format!("{n:05}"), "kind" => "folder", "name" => "n", "parentFolder" => parent }.into()
    };
    let nodes: Vec<Json<'static>> = (0..DEPTH).map(folder).collect();
    let mut fold = fold(ScopeState::read(&Scope::global(), object! { "nodes" => Json::Array(nodes) }.into()));
    let mut text = |kind, input: &str| apply(&mut fold, kind, &parse(input.as_bytes()).unwrap().into_owned());
    let below = Outcome::Failed("Circular Reference Error: Cannot move a folder to one of its descendants".into());
    assert_eq!(text("MOVE_NODE", r#"{"srcFolder":"00000","targetParentFolder":"19999"}"#), below);
    assert_eq!(text("MOVE_NODE", r#"{"srcFolder":"19999","targetParentFolder":"00000"}"#), Outcome::Applied);
    assert_eq!(text("DELETE_NODE", r#"{"id":"00001"}"#), Outcome::Applied);
    assert_eq!(fold.checkpoint().unwrap().scope("global").unwrap().get("nodes").unwrap().as_array().unwrap().len(), 2);
}
