use proptest::prelude::*;

use super::*;
use crate::model::json::parse;

const UNSIGNED: Owner<'static> =
    Owner { document_id: "doc-1", document_type: "powerhouse/document-drive", public_key: None };

/// Reduces an action given as JSON text, and answers with JSON text or the recorded text.
fn reduced(auth: &str, kind: &str, input: &str) -> Result<String, String> {
    let auth = parse(auth.as_bytes()).unwrap().into_owned();
    let action = action(kind, parse(input.as_bytes()).unwrap());
    match reduce(&auth, &action, &UNSIGNED) {
        Ok(state) => Ok(String::from_utf8(crate::model::json::canonical(&state.unwrap_or(auth))).unwrap()),
        Err(text) => Err(String::from_utf8_lossy(text.as_bytes()).into_owned()),
    }
}

fn action<'a>(kind: &str, input: Json<'a>) -> Action<'a> {
    Action {
        id: "a".into(),
        kind: Text::from(kind.to_owned()),
        scope: "auth".into(),
        timestamp: "2025-01-01T00:00:00.000Z".into(),
        input,
        context: None,
    }
}

fn ids(state: &str) -> String {
    let state = parse(state.as_bytes()).unwrap();
    let grants = state.get("grants").and_then(Json::as_array).unwrap();
    grants.iter().map(|grant| grant.get("id").unwrap().as_text().unwrap().to_string()).collect()
}

const PERMISSIVE: &str =
    r#""description":"","effect":"allow","principal":{"anyone":true},"capability":{"can":"execute"}"#;

/// A policy of grants that all permit everything.
fn policy(ids: &[&str]) -> String {
    let grants: Vec<_> = ids.iter().map(|id| format!(r#"{{"id":"{id}",{PERMISSIVE}}}"#)).collect();
    format!(r#"{{"version":1,"grants":[{}]}}"#, grants.join(","))
}

#[test]
fn genesis_checks_version_then_state_then_list_then_grants_then_length_of_the_list() {
    let error = |auth: &str, input: &str| reduced(auth, "INITIALIZE_AUTH", input).unwrap_err();
    let version = "Invalid auth policy version 1,,[object Object] for document doc-1: \
                   INITIALIZE_AUTH requires an integer version >= 1";
    assert_eq!(error(r#"{"version":1}"#, r#"{"version":[1,[null],{}],"grants":0}"#), version);
    assert!(error(r#"{"version":1}"#, r#"{"version":1,"grants":0}"#).starts_with("Auth scope already"));
    assert!(error(r#"{"version":0}"#, r#"{"version":1,"grants":0}"#).ends_with("\"must be an array\"\n}"));
    assert_eq!(
        error("{\"version\":0}", r#"{"version":1,"grants":[0]}"#),
        "Invalid grant \"\": grant must be an object"
    );
    let long = format!(r#"{{"version":1,"grants":[{}0]}}"#, "0,".repeat(100));
    assert_eq!(error("{\"version\":0}", &long), "Invalid grant \"\": policy exceeds 100 grants");
}

#[test]
fn a_grant_is_checked_before_the_length_of_the_list_and_that_before_the_lockout() {
    let full: Vec<_> = (0..100).map(|n| n.to_string()).collect();
    let full = policy(&full.iter().map(String::as_str).collect::<Vec<_>>());
    let error = |grant: &str| reduced(&full, "SET_GRANT", &format!(r#"{{"grant":{{{grant}}}}}"#)).unwrap_err();
    assert_eq!(error(r#""id":"x""#), "Invalid grant \"x\": description must be a string");
    let denying = PERMISSIVE.replace("allow", "deny");
    assert_eq!(error(&format!(r#""id":"x",{denying}"#)), "Invalid grant \"x\": policy exceeds 100 grants");
    assert!(error(&format!(r#""id":"99",{denying}"#)).starts_with("Change to grant \"99\" would leave no reachable"));
}

#[test]
fn repeated_ids_are_replaced_and_removed_together_but_moved_one_by_one() {
    let auth = policy(&["a", "b", "c", "b"]);
    let moved = reduced(&auth, "MOVE_GRANT", r#"{"id":"b","index":9}"#).unwrap();
    assert_eq!(ids(&moved), "acbb");
    assert_eq!(ids(&reduced(&auth, "REMOVE_GRANT", r#"{"id":"b"}"#).unwrap()), "ac");
    let set = reduced(&auth, "SET_GRANT", &format!(r#"{{"grant":{{"id":"b",{PERMISSIVE},"where":{{"and":[]}}}}}}"#));
    assert_eq!(set.unwrap().matches("where").count(), 2);
}

#[test]
fn an_index_is_converted_as_javascript_does() {
    let auth = policy(&["a", "b", "c", "d"]);
    let moved = |index: &str| ids(&reduced(&auth, "MOVE_GRANT", &format!(r#"{{"id":"d","index":{index}}}"#)).unwrap());
    for first in ["null", "{}", "[1,2]", "\"x\"", "\"inf\"", "\"0x\"", "\"+0x2\"", "-5", "-0.5", "\"\""] {
        assert_eq!(moved(first), "dabc", "{first}");
    }
    for third in ["2.9", "\" 2\\n\"", "[[2]]", "\"0X2\"", "\"0b10\"", "\"\\ufeff2.\""] {
        assert_eq!(moved(third), "abdc", "{third}");
    }
    for last in ["1e400", "\"Infinity\"", "1e15"] {
        assert_eq!(moved(last), "abcd", "{last}");
    }
}

#[test]
fn lone_surrogates_survive_in_recorded_texts() {
    let input = parse(br#"{"id":"\ud800"}"#).unwrap();
    let error = reduce(&default_state(), &action("REMOVE_GRANT", input), &UNSIGNED).unwrap_err();
    assert_eq!(error.as_bytes(), b"Grant not found in auth scope: \xED\xA0\x80");
}

#[test]
fn backfill_spreads_whatever_it_is_given() {
    let backfilled = |text: &str| {
        let auth = parse(text.as_bytes()).unwrap();
        String::from_utf8(crate::model::json::canonical(&backfill(Some(&auth)))).unwrap()
    };
    assert_eq!(backfill(None), default_state());
    assert_eq!(backfilled("{}"), r#"{"grants":[],"version":0}"#);
    assert_eq!(backfilled(r#"{"version":2,"x":1}"#), r#"{"grants":[],"version":2,"x":1}"#);
    assert_eq!(backfilled("[7]"), r#"{"0":7,"grants":[],"version":0}"#);
    assert_eq!(backfilled("\"é😀\""), r#"{"0":"é","1":"\ud83d","2":"\ude00","grants":[],"version":0}"#);
}

/// Any value, with the words of the format more often than chance would have it.
fn any_json() -> impl Strategy<Value = Json<'static>> {
    let word = prop::sample::select(vec![
        "id",
        "description",
        "effect",
        "principal",
        "capability",
        "where",
        "can",
        "scope",
        "operation",
        "anyone",
        "address",
        "group",
        "match",
        "eq",
        "in",
        "and",
        "not",
        "exists",
        "attr",
        "lit",
        "version",
        "grants",
        "grant",
        "index",
        "creator",
        "signer",
        "app",
        "key",
        "kty",
        "x",
        "y",
        "toString",
        "allow",
        "deny",
        "execute",
        "read",
        "auth",
        "*",
        "SET_GRANT",
        "doc.global.a",
        "did:key:z",
        "",
    ]);
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<f64>().prop_map(Json::Number),
        (0..3_u8).prop_map(|n| Json::Number(f64::from(n))),
        word.clone().prop_map(Json::from),
        any::<String>().prop_map(Json::from),
        Just(Json::String(Text::Shared([0xED, 0xA0, 0x80].into()))),
    ];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        let members = prop::collection::vec((word.clone(), inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(Json::Array),
            members.prop_map(|members| {
                members.into_iter().map(|(key, value)| (Text::from(key), value)).collect::<Object<'_>>().into()
            }),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_panics(
        values in (any_json(), any_json(), any_json(), any_json()),
        kind in prop::sample::select(vec!["INITIALIZE_AUTH", "SET_GRANT", "REMOVE_GRANT", "MOVE_GRANT"]),
        grants in prop::collection::vec(any_json(), 0..4),
    ) {
        let (auth, input, context, key) = values;
        let owner = Owner { public_key: Some(&key), ..UNSIGNED };
        let list = object! { "version" => 1.0, "id" => "id", "grant" => input.clone(), "grants" => Json::Array(grants) };
        let auths = [auth.clone(), backfill(Some(&auth)), default_state(), list.clone().into()];
        for input in [input, list.into()] {
            let action = Action { context: Some(context.clone()), ..action(kind, input.clone()) };
            for auth in &auths {
                let _ = reduce(auth, &action, &owner);
                let _ = resolve_snapshot(auth, Some(&input), &owner);
            }
        }
    }
}
