//! `auth_actions.json`, and `auth_corners.json`: what the published reference answers to hostile input.

use snapctl::model::json::{Json, Text, canonical, hash_canonical, parse};
use snapctl::model::operation::Action;
use snapctl::reducer::auth::{Owner, backfill, default_state, reduce, refusal, resolve_snapshot};

const ACTIONS: &str = include_str!("../../fixtures/vectors/auth_actions.json");
const CORNERS: &str = include_str!("../../fixtures/vectors/auth_corners.json");

fn list<'v, 'a>(value: &'v Json<'a>, key: &str) -> &'v [Json<'a>] {
    value.get(key).and_then(Json::as_array).unwrap_or_else(|| panic!("no list {key}"))
}

fn str<'v>(value: &'v Json<'_>, key: &str) -> &'v str {
    value.get(key).and_then(|text| text.as_text()?.as_str()).unwrap_or_else(|| panic!("no text {key}"))
}

fn action<'a>(value: &Json<'a>) -> Action<'a> {
    let text = |key| value.get(key).and_then(Json::as_text).cloned().unwrap_or(Text::from(""));
    Action {
        id: text("id"),
        kind: text("type"),
        scope: text("scope"),
        timestamp: text("timestampUtcMs"),
        input: value.get("input").cloned().unwrap_or_default(),
        context: value.get("context").cloned(),
    }
}

fn document_type<'v>(value: &'v Json<'_>) -> &'v str {
    let text = value.get("documentType").and_then(Json::as_text).and_then(Text::as_str);
    text.unwrap_or("powerhouse/document-drive")
}

/// A recorded text as the vector has it: `null` for none.
fn recorded(text: Option<Text<'static>>) -> Json<'static> {
    text.map_or(Json::Null, Json::String)
}

fn expected(step: &Json<'_>, key: &str) -> Json<'static> {
    step.get(key).map(Json::to_owned_json).unwrap_or_default()
}

#[test]
fn actions() {
    let vectors = parse(ACTIONS.as_bytes()).unwrap();
    let mut n_steps = 0;
    for case in list(&vectors, "cases") {
        let owner = Owner {
            document_id: "doc-1",
            document_type: document_type(case),
            public_key: case.get("header_public_key"),
        };
        let mut auth = default_state();
        for (n, step) in list(case, "steps").iter().enumerate() {
            let at = format!("{}, step {n}", str(case, "name"));
            let (action, expect) = (action(step.get("action").unwrap()), step.get("expect").unwrap());
            n_steps += 1;
            let refused = refusal(&action.kind);
            assert_eq!(recorded(refused.clone()), expected(expect, "throws"), "{at}");
            if refused.is_some() {
                continue;
            }
            let outcome = reduce(&auth, &action, &owner);
            assert_eq!(recorded(outcome.clone().err()), expected(expect, "error"), "{at}");
            auth = outcome.ok().flatten().unwrap_or(auth);
            assert_eq!(Some(&auth), expect.get("auth"), "{at}");
            assert_eq!(hash_canonical(Some(&canonical(&auth))).to_string(), str(expect, "hash"), "{at}");
        }
    }
    assert_eq!((list(&vectors, "cases").len(), n_steps), (45, 87));
}

#[test]
fn snapshots() {
    let vectors = parse(ACTIONS.as_bytes()).unwrap();
    for case in list(&vectors, "snapshot_auth") {
        snapshot(case, str(case, "name"));
    }
    assert_eq!(list(&vectors, "snapshot_auth").len(), 9);
}

#[test]
fn corners() {
    let vectors = parse(CORNERS.as_bytes()).unwrap();
    for (n, case) in list(&vectors, "actions").iter().enumerate() {
        let owner =
            Owner { document_id: "doc-1", document_type: document_type(case), public_key: case.get("publicKey") };
        let auth = case.get("auth").map_or_else(default_state, Json::to_owned_json);
        let at = || format!("action {n}: {}", String::from_utf8_lossy(&canonical(case)));
        match reduce(&auth, &action(case), &owner) {
            Err(text) => assert_eq!(Some(&Json::String(text)), case.get("error"), "{}", at()),
            Ok(state) => assert_eq!(Some(&state.unwrap_or(auth)), case.get("result"), "{}", at()),
        }
    }
    for (n, case) in list(&vectors, "snapshots").iter().enumerate() {
        snapshot(case, &format!("snapshot {n}"));
    }
    for (n, case) in list(&vectors, "backfills").iter().enumerate() {
        assert_eq!(Some(&backfill(case.get("auth"))), case.get("result"), "backfill {n}");
    }
}

fn snapshot(case: &Json<'_>, name: &str) {
    let owner = Owner { document_id: "doc-1", document_type: document_type(case), public_key: None };
    let current = expected(case, "current");
    let outcome = resolve_snapshot(&current, case.get("incoming"), &owner);
    assert_eq!(recorded(outcome.clone().err()), expected(case, "throws"), "{name}");
    assert_eq!(outcome.ok().unwrap_or_default(), expected(case, "result"), "{name}");
}
