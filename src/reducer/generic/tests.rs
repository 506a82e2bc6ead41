use std::ops::Range;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::Value;

use super::node::Node;
use super::*;
use crate::model::ids::Scope;
use crate::model::json::{canonical, parse};
use crate::model::operation::Action;
use crate::model::running_hash::RunningHash;
use crate::model::state::joined;
use crate::reducer::Outcome;

/// Applies inputs to `{}`, one action each, and returns what became of them and the state.
fn run(kind: GenericKind, inputs: &[&str]) -> (Vec<Result<(), String>>, String) {
    let mut fold = Generic(kind).fold().unwrap();
    let texts: Vec<String> = inputs.iter().map(|input| format!(r#"{{"type":"X","input":{input}}}"#)).collect();
    let actions: Vec<Action<'_>> = texts.iter().map(|text| Action::parse(text.as_bytes()).unwrap()).collect();
    let mut outcomes = Vec::new();
    fold.apply(&actions, &mut outcomes).unwrap();
    let outcomes = outcomes.into_iter().map(|outcome| match outcome {
        Outcome::Applied => Ok(()),
        Outcome::Failed(text) => Err(text.to_string()),
    });
    let state = fold.checkpoint().unwrap().canonical("global").unwrap();
    (outcomes.collect(), String::from_utf8(state).unwrap())
}

/// The state that a patch makes of a document, or why it fails; it then has to be the document.
fn patched(document: &str, patch: &str) -> Result<String, String> {
    let whole = format!(r#"[{{"op":"add","path":"","value":{document}}}]"#);
    let (outcomes, state) = run(GenericKind::JsonPatch, &[&whole, patch]);
    if outcomes[1].is_err() {
        assert_eq!(state, plain(document), "{patch} left something behind");
    }
    outcomes[1].clone().map(|()| state)
}

fn plain(text: &str) -> String {
    String::from_utf8(canonical(&parse(text.as_bytes()).unwrap())).unwrap()
}

/// RFC 6902, appendix A, in cases of our own.
#[test]
fn patches_do_what_the_rfc_says() {
    for (document, patch, result) in [
        // A.1 to A.2: members and items are added; A.16: at the end.
        (r#"{"b":1}"#, r#"[{"op":"add","path":"/a","value":2}]"#, r#"{"a":2,"b":1}"#),
        (r#"{"l":["x","z"]}"#, r#"[{"op":"add","path":"/l/1","value":"y"}]"#, r#"{"l":["x","y","z"]}"#),
        ("[0]", r#"[{"op":"add","path":"/-","value":[1]},{"op":"add","path":"/1/1","value":2}]"#, "[0,[1,2]]"),
        // A.3 to A.4: removed.
        (r#"{"a":1,"b":null}"#, r#"[{"op":"remove","path":"/b"}]"#, r#"{"a":1}"#),
        ("[1,2,3]", r#"[{"op":"remove","path":"/1"}]"#, "[1,3]"),
        // A.5: replaced, with another kind of value, and as a whole.
        (r#"{"a":1}"#, r#"[{"op":"replace","path":"/a","value":[null]}]"#, r#"{"a":[null]}"#),
        (r#"{"a":1}"#, r#"[{"op":"replace","path":"","value":"all"}]"#, r#""all""#),
        // A.6 to A.7: moved; indices count without what was taken out.
        (r#"{"a":{"x":1},"b":{}}"#, r#"[{"op":"move","from":"/a/x","path":"/b/y"}]"#, r#"{"a":{},"b":{"y":1}}"#),
        (r#"["a","b","c","d"]"#, r#"[{"op":"move","from":"/1","path":"/3"}]"#, r#"["a","c","d","b"]"#),
        (r#"{"a":1}"#, r#"[{"op":"move","from":"/a","path":"/a"}]"#, r#"{"a":1}"#),
        (r#"{"a":{"b":{"c":1}}}"#, r#"[{"op":"move","from":"/a/b","path":"/a"}]"#, r#"{"a":{"c":1}}"#),
        // A.8: tested; numbers as numbers, objects without order.
        (r#"{"n":10}"#, r#"[{"op":"test","path":"/n","value":1.0e1}]"#, r#"{"n":10}"#),
        ("[-0]", r#"[{"op":"test","path":"","value":[0]}]"#, "[0]"),
        (r#"{"o":{"a":1,"b":2}}"#, r#"[{"op":"test","path":"/o","value":{"b":2,"a":1}}]"#, r#"{"o":{"a":1,"b":2}}"#),
        // A.10: an object in an object. A.11: what is unknown means nothing. A.14: escapes.
        ("{}", r#"[{"op":"add","path":"/a","value":{"b":{}}}]"#, r#"{"a":{"b":{}}}"#),
        ("{}", r#"[{"op":"add","path":"/a","value":1,"why":"because"}]"#, r#"{"a":1}"#),
        (r#"{"/":1,"~1":2}"#, r#"[{"op":"test","path":"/~01","value":2},{"op":"remove","path":"/~1"}]"#, r#"{"~1":2}"#),
        // Copies are apart from what they were copied from.
        (
            r#"{"a":[1]}"#,
            r#"[{"op":"copy","from":"/a","path":"/b"},{"op":"add","path":"/b/-","value":2}]"#,
            r#"{"a":[1],"b":[1,2]}"#,
        ),
        (r#"{"a":1}"#, r#"[{"op":"copy","from":"","path":"/b"}]"#, r#"{"a":1,"b":{"a":1}}"#),
        // An empty name is a name.
        (r#"{"":{"":1}}"#, r#"[{"op":"replace","path":"//","value":2}]"#, r#"{"":{"":2}}"#),
    ] {
        assert_eq!(patched(document, patch).as_deref(), Ok(result), "{patch}");
    }
}

#[test]
fn what_is_wrong_with_a_patch_is_said() {
    for (patch, error) in [
        (r#"{"op":"add"}"#, "a JSON Patch is an array of steps, this is an object"),
        ("null", "a JSON Patch is an array of steps, this is null"),
        ("[[]]", "/0: a step of a patch is an object, this is an array"),
        ("[{}]", "/0: \"op\" is missing"),
        (r#"[{"op":1}]"#, "/0: \"op\" is a number, not a string"),
        (r#"[{"op":"add"}]"#, "/0: \"path\" is missing"),
        (
            r#"[{"op":"spam","path":"/a"}]"#,
            "/0: \"op\" is \"spam\", which is none of add, remove, replace, move, copy, test",
        ),
        (r#"[{"op":"add","path":"/b"}]"#, "/0: \"value\" is missing"),
        (r#"[{"op":"copy","path":"/b"}]"#, "/0: \"from\" is missing"),
        (r#"[{"op":"remove","path":"a"}]"#, "/0: \"a\" is no JSON Pointer: it has to be empty or start with /"),
        (r#"[{"op":"remove","path":"/~2"}]"#, "/0: \"/~2\" is no JSON Pointer: a ~ has to be followed by 0 or 1"),
        (r#"[{"op":"remove","path":"/l~"}]"#, "/0: \"/l~\" is no JSON Pointer: a ~ has to be followed by 0 or 1"),
        (r#"[{"op":"remove","path":""}]"#, "/0: cannot remove \"\": the whole state can be replaced, not removed"),
        (r#"[{"op":"remove","path":"/b"}]"#, "/0: cannot remove \"/b\": the object at \"\" has no member \"b\""),
        (
            r#"[{"op":"add","path":"/b/c","value":1}]"#,
            "/0: cannot add \"/b/c\": the object at \"\" has no member \"b\"",
        ),
        (
            r#"[{"op":"add","path":"/n/c","value":1}]"#,
            "/0: cannot add \"/n/c\": \"/n\" is a number, which holds nothing",
        ),
        (
            r#"[{"op":"replace","path":"/l/2","value":1}]"#,
            "/0: cannot replace \"/l/2\": the array at \"/l\" has 2 items, none at 2",
        ),
        (
            r#"[{"op":"replace","path":"/l/-","value":1}]"#,
            "/0: cannot replace \"/l/-\": - names the item after the last of \"/l\"",
        ),
        (
            r#"[{"op":"add","path":"/l/3","value":1}]"#,
            "/0: cannot add \"/l/3\": the array at \"/l\" ends before 3, at 2",
        ),
        (
            r#"[{"op":"add","path":"/l/01","value":1}]"#,
            "/0: cannot add \"/l/01\": \"01\" is no index of the array at \"/l\"",
        ),
        (
            r#"[{"op":"add","path":"/l/+1","value":1}]"#,
            "/0: cannot add \"/l/+1\": \"+1\" is no index of the array at \"/l\"",
        ),
        (
            r#"[{"op":"add","path":"/l/99999999999999999999","value":1}]"#,
            "/0: cannot add \"/l/99999999999999999999\": \"99999999999999999999\" is no index of the array at \"/l\"",
        ),
        (
            r#"[{"op":"move","from":"/l","path":"/l/0"}]"#,
            "/0: cannot move \"/l\" to \"/l/0\": it cannot become a part of itself",
        ),
        (
            r#"[{"op":"move","from":"/n","path":"/b/c"}]"#,
            "/0: cannot move \"/n\" to \"/b/c\": the object at \"\" has no member \"b\"",
        ),
        (r#"[{"op":"test","path":"/n","value":"1"}]"#, "/0: the test of \"/n\" failed: it is 1, not \"1\""),
        (r#"[{"op":"test","path":"/n","value":true}]"#, "/0: the test of \"/n\" failed: it is 1, not true"),
        (
            r#"[{"op":"test","path":"/n/x","value":1}]"#,
            "/0: the test of \"/n/x\" failed: \"/n\" is a number, which holds nothing",
        ),
        // What went before is taken back.
        (
            r#"[{"op":"remove","path":"/l"},{"op":"add","path":"","value":7},{"op":"test","path":"","value":8}]"#,
            "/2: the test of \"\" failed: it is 7, not 8",
        ),
    ] {
        assert_eq!(patched(r#"{"l":[1,2],"n":1}"#, patch).unwrap_err(), error);
    }
}

#[test]
fn long_names_are_cut_short_in_messages() {
    let error = patched("{}", &format!(r#"[{{"op":"remove","path":"/{}"}}]"#, "é".repeat(5000))).unwrap_err();
    assert!(error.len() < 500 && error.contains('…'), "{error}");
}

/// RFC 7396, appendix A: original, patch, result.
#[test]
fn merge_patches_are_those_of_the_rfc() {
    for (original, patch, result) in [
        (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
        (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
        (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
        (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
        (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
        (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
        (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
        (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
        (r#"{"a":"foo"}"#, "null", "null"),
        (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
        (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"a":1,"e":null}"#),
        ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
        ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
    ] {
        let mut state = Node::from(&parse(original.as_bytes()).unwrap());
        merge::merge(&mut state, &parse(patch.as_bytes()).unwrap());
        assert_eq!(text(&state), result, "{original} {patch}");
    }
}

#[test]
fn set_puts_a_value_where_its_pointer_leads() {
    let (outcomes, state) = run(
        GenericKind::Set,
        &[
            r#"{"pointer":"/a","value":{"l":[1]}}"#,
            r#"{"pointer":"/a/l/-","value":2}"#,
            r#"{"pointer":"/a/l/0","value":{"x":null},"by":"me"}"#,
            r#"{"pointer":"/a/l/0/x","value":3}"#,
        ],
    );
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(state, r#"{"a":{"l":[{"x":3},2]}}"#);
    assert_eq!(run(GenericKind::Set, &[r#"{"pointer":"","value":null}"#]), (vec![Ok(())], "null".to_owned()));
    for (input, error) in [
        ("[]", "the input is an object with \"pointer\" and \"value\", this is an array"),
        (r#"{"value":1}"#, "\"pointer\" is missing"),
        (r#"{"pointer":[],"value":1}"#, "\"pointer\" is an array, not a string"),
        (r#"{"pointer":"a","value":1}"#, "\"a\" is no JSON Pointer: it has to be empty or start with /"),
        (r#"{"pointer":"/l"}"#, "\"value\" is missing"),
        (r#"{"pointer":"/l/1","value":1}"#, "cannot set \"/l/1\": the array at \"/l\" has 1 items, none at 1"),
        (r#"{"pointer":"/l/0/y","value":1}"#, "cannot set \"/l/0/y\": \"/l/0\" is null, which holds nothing"),
        (r#"{"pointer":"/x/y","value":1}"#, "cannot set \"/x/y\": the object at \"\" has no member \"x\""),
    ] {
        let (outcomes, state) = run(GenericKind::Set, &[r#"{"pointer":"/l","value":[null]}"#, input]);
        assert_eq!((outcomes[1].clone(), state.as_str()), (Err(error.to_owned()), r#"{"l":[null]}"#));
    }
}

#[test]
fn lone_surrogates_and_odd_numbers_survive() {
    let document = r#"{"\udfff":"\ud800x","n":1e999,"z":-0,"big":12345678901234567890}"#;
    assert_eq!(
        patched(
            document,
            r#"[{"op":"test","path":"/\udfff","value":"\ud800x"},{"op":"move","from":"/\udfff","path":"/\ud83d"}]"#
        ),
        Ok(r#"{"big":12345678901234567000,"n":null,"z":0,"\ud83d":"\ud800x"}"#.to_owned())
    );
    // A number that is too large is a number still: no member goes for it.
    assert_eq!(run(GenericKind::JsonMergePatch, &[r#"{"n":1}"#, r#"{"n":1e999}"#]).1, r#"{"n":null}"#);
    assert!(patched(document, r#"[{"op":"test","path":"/n","value":null}]"#).is_err());
}

#[test]
fn copies_that_double_a_state_end_at_the_bound() {
    let seed = format!(r#"[{{"op":"add","path":"","value":["{}"]}}]"#, "x".repeat(1000));
    let double = r#"[{"op":"copy","from":"","path":"/-"}]"#;
    let mut inputs = vec![seed.as_str()];
    inputs.extend([double; 60]);
    let (outcomes, state) = run(GenericKind::JsonPatch, &inputs);
    let failed = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    assert_eq!(failed, 60 - 16);
    let error = outcomes.last().unwrap().clone().unwrap_err();
    assert!(
        error.starts_with("/0: the state would be ") && error.ends_with(" bytes of JSON; 67108864 are allowed"),
        "{error}"
    );
    assert!((MAX_STATE_BYTES / 2..=MAX_STATE_BYTES).contains(&state.len()), "{}", state.len());
    // All in one patch, too, which then does nothing.
    let all = format!("[{}]", [&double[1..double.len() - 1]; 60].join(","));
    let (outcomes, state) = run(GenericKind::JsonPatch, &[&seed, &all]);
    assert!(outcomes[1].clone().unwrap_err().starts_with("/16: the state would be "));
    assert_eq!(state.len(), 1004);
}

#[test]
fn depth_ends_at_the_bound_whatever_makes_it() {
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let deepest = MAX_STATE_DEPTH as usize;
    let whole = |levels| format!(r#"{{"pointer":"","value":{}}}"#, deep(levels));
    let (outcomes, state) = run(GenericKind::Set, &[&whole(deepest), &whole(deepest + 1)]);
    assert_eq!(outcomes[1].clone().unwrap_err(), "the state would be nested 993 levels deep; 992 are allowed");
    assert_eq!(state, deep(deepest));
    // Each wraps the state once more.
    let wrap = r#"[{"op":"copy","from":"","path":"/b"},{"op":"move","from":"/b","path":"/a"}]"#;
    let inner = r#"[{"op":"add","path":"","value":{"a":{}}}]"#;
    let mut inputs = vec![inner];
    inputs.extend([r#"[{"op":"copy","from":"","path":"/a"}]"#; 30]);
    let (outcomes, _) = run(GenericKind::JsonPatch, &inputs);
    assert!(outcomes.iter().all(Result::is_ok));
    inputs.extend([wrap; 1000]);
    let (outcomes, state) = run(GenericKind::JsonPatch, &inputs);
    assert!(outcomes.last().unwrap().clone().unwrap_err().contains("levels deep"));
    assert!(parse(state.as_bytes()).is_ok());
    let merge = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
    let (outcomes, _) = run(GenericKind::JsonMergePatch, &[&merge(deepest), &merge(deepest + 1), r#"{"b":1}"#]);
    assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
}

/// A look at all others for each of them is 800 million looks, which take several times as long as is allowed; without
/// any, it is done in a small part of it.
#[test]
fn what_goes_costs_no_look_at_what_stays() {
    type Steps<'a> = &'a dyn Fn(usize) -> String;
    const N: usize = 40_000;
    const ALLOWED: Duration = Duration::from_secs(2);
    let add_item = |_: usize| r#"{"op":"add","path":"/todo/-","value":{"n":1.5}}"#.to_owned();
    let add_member = |at: usize| format!(r#"{{"op":"add","path":"/todo/{at}","value":{{"n":1.5}}}}"#);
    let remove_first = |_: usize| r#"{"op":"remove","path":"/todo/0"}"#.to_owned();
    let remove = |at: usize| format!(r#"{{"op":"remove","path":"/todo/{at}"}}"#);
    let flatten = |at: usize| format!(r#"{{"op":"replace","path":"/todo/{at}","value":7}}"#);
    let shapes: [(&str, &str, Steps<'_>, Steps<'_>); 4] = [
        ("items go", "[]", &add_item, &remove_first),
        ("items get shallower", "[]", &add_item, &flatten),
        ("members go", "{}", &add_member, &remove),
        ("members get shallower", "{}", &add_member, &flatten),
    ];
    for (name, empty, fill, change) in shapes {
        let patch = |step: Steps<'_>| format!("[{}]", (0..N).map(step).collect::<Vec<_>>().join(","));
        let (fill, change) = (patch(fill), patch(change));
        let mut state = Node::from(&parse(format!(r#"{{"todo":{empty}}}"#).as_bytes()).unwrap());
        patch::apply(&mut state, &parse(fill.as_bytes()).unwrap()).unwrap();
        assert_eq!(state.weight().depth, 3, "{name}");
        let change = parse(change.as_bytes()).unwrap();
        let start = Instant::now();
        patch::apply(&mut state, &change).unwrap();
        let took = start.elapsed();
        assert_eq!(state.weight(), measured(&state), "{name}");
        assert_eq!(state.weight().depth, 2, "{name}");
        assert!(took < ALLOWED, "{name}: {took:?}");
    }
}

#[test]
fn the_scope_document_is_left_alone() {
    let mut fold = Generic(GenericKind::JsonMergePatch).fold().unwrap();
    let action = |kind: &str| format!(r#"{{"type":"{kind}","scope":"document","input":{{"version":9}}}}"#);
    let texts = [action("ADD_RELATIONSHIP"), action("EDIT")];
    let actions: Vec<_> = texts.iter().map(|text| Action::parse(text.as_bytes()).unwrap()).collect();
    let mut outcomes = Vec::new();
    fold.apply(&actions, &mut outcomes).unwrap();
    let refused = "the scope \"document\" is not the model's: it has no action \"EDIT\"";
    assert_eq!(outcomes, [Outcome::Applied, Outcome::Failed(refused.into())]);
    assert!(fold.checkpoint().unwrap().scopes().is_empty());
}

fn text(node: &Node) -> String {
    let mut text = Vec::new();
    node.write_canonical(&mut text);
    String::from_utf8(text).unwrap()
}

/// What a node says of its size, measured.
fn measured(node: &Node) -> node::Weight {
    fn depth(value: &Json<'_>) -> u32 {
        let deepest = |depths: &mut dyn Iterator<Item = u32>| 1 + depths.max().unwrap_or(0);
        match value {
            Json::Array(items) => deepest(&mut items.iter().map(depth)),
            Json::Object(object) => deepest(&mut object.iter().map(|(_, value)| depth(value))),
            _ => 0,
        }
    }
    node::Weight { bytes: text(node).len(), depth: depth(&node.to_json()) }
}

/// Small values, with keys that are few.
fn values(sizes: Range<usize>) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..4).prop_map(|n| Value::from(f64::from(n) / 2.0)),
        "[ab~/\"\u{e9}\u{1f600}\n]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), sizes.clone()).prop_map(Value::from),
            prop::collection::btree_map(keys(), inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn keys() -> impl Strategy<Value = String> {
    prop::sample::select(&["a", "b", "a/b", "~", "", "\u{ffff}", "\u{1f600}"][..]).prop_map(ToOwned::to_owned)
}

fn pointers() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        3 => keys().prop_map(|key| key.replace('~', "~0").replace('/', "~1")),
        3 => (0_u8..3).prop_map(|index| index.to_string()),
        1 => prop::sample::select(&["-", "01", "70", "+1"][..]).prop_map(ToOwned::to_owned),
    ];
    prop::collection::vec(token, 0..4).prop_map(|tokens| tokens.iter().flat_map(|token| ["/", token]).collect())
}

fn steps() -> impl Strategy<Value = Value> {
    let op = prop::sample::select(&["add", "add", "remove", "replace", "move", "copy", "test"][..]);
    (op, pointers(), pointers(), values(0..4)).prop_map(|(op, path, from, value)| match op {
        "remove" => serde_json::json!({ "op": op, "path": path }),
        "move" | "copy" => serde_json::json!({ "op": op, "path": path, "from": from }),
        _ => serde_json::json!({ "op": op, "path": path, "value": value }),
    })
}

/// Documents with some arrays and objects that are long.
fn documents() -> impl Strategy<Value = Value> {
    let wide = (60_usize..70).prop_map(|n| {
        let object = (0..n).map(|at| (format!("k{at}"), Value::from(1.0))).collect();
        Value::Array(vec![Value::Array(vec![Value::from(0.0); n]), Value::Object(object)])
    });
    prop_oneof![4 => values(0..4), 1 => wide]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    /// Against a well-known implementation, one step at a time: where a step fails after it moved something, that one
    /// does not bring it back.
    #[test]
    fn patches_agree_with_another_implementation(
        document in documents(),
        steps in prop::collection::vec(steps(), 1..8),
    ) {
        let (mut theirs, mut ours) = (document.clone(), node(&document));
        // They refuse to move the whole document to where it is.
        let moves_nothing = |step: &Value| step["op"] == "move" && step["path"] == "" && step["from"] == "";
        for step in steps.into_iter().filter(|step| !moves_nothing(step)) {
            let patch: json_patch::Patch = serde_json::from_value(Value::Array(vec![step.clone()])).unwrap();
            let mut next = theirs.clone();
            let worked = json_patch::patch_unsafe(&mut next, &patch).is_ok();
            let before = ours.clone();
            let applied = patch::apply(&mut ours, &json(&Value::Array(vec![step.clone()])));
            prop_assert_eq!(applied.is_ok(), worked, "{} on {}: {:?}", step, theirs, applied);
            if worked {
                theirs = next;
            } else {
                ours = before;
            }
            prop_assert_eq!(text(&ours), plain(&theirs.to_string()), "{}", step);
            prop_assert_eq!(ours.weight(), measured(&ours));
        }
    }

    #[test]
    fn merges_agree_with_another_implementation(
        document in documents(),
        patches in prop::collection::vec(documents(), 1..4),
    ) {
        let (mut theirs, mut ours) = (document.clone(), node(&document));
        for patch in patches {
            json_patch::merge(&mut theirs, &patch);
            merge::merge(&mut ours, &json(&patch));
            prop_assert_eq!(text(&ours), plain(&theirs.to_string()));
            prop_assert_eq!(ours.weight(), measured(&ours));
        }
    }

    /// A state is the JSON it was made of, whatever is in its strings, and no two are the same.
    #[test]
    fn states_are_the_values_they_were_made_of(
        units in prop::collection::vec(prop_oneof![0xD7FE_u16..0xE002, 0_u16..0x80, any::<u16>()], 0..6),
        others in prop::collection::vec(prop_oneof![0xD7FE_u16..0xE002, 0_u16..0x80], 0..2),
    ) {
        let escaped = |units: &[u16]| units.iter().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>().concat();
        let (a, b) = (escaped(&units), escaped(&others));
        let value = |text: &str| format!(r#"{{"{text}":["{text}"]}}"#);
        let (left, right) = (value(&a), value(&b));
        let nodes = [&left, &right].map(|text| Node::from(&parse(text.as_bytes()).unwrap()));
        prop_assert_eq!(&nodes[0].to_json(), &parse(left.as_bytes()).unwrap());
        prop_assert_eq!(text(&nodes[0]), plain(&left));
        prop_assert_eq!(nodes[0].is(&nodes[1].to_json()), units == others);
        prop_assert_eq!(nodes[0].weight(), measured(&nodes[0]));
    }
}

fn json(value: &Value) -> Json<'static> {
    parse(value.to_string().as_bytes()).unwrap().into_owned()
}

fn node(value: &Value) -> Node {
    Node::from(&json(value))
}

/// What comes before the next hash.
#[derive(Clone, Debug)]
enum Then {
    Patch(Vec<Value>),
    Back(usize),
    Other(Value),
}

fn thens() -> impl Strategy<Value = Then> {
    prop_oneof![
        12 => prop::collection::vec(steps(), 1..4).prop_map(Then::Patch),
        2 => any::<usize>().prop_map(Then::Back),
        1 => documents().prop_map(Then::Other),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn a_running_hash_is_that_of_each_state(start in documents(), thens in prop::collection::vec(thens(), 1..30)) {
        let (mut fold, scope) = (Generic(GenericKind::JsonPatch).fold().unwrap(), Scope::global());
        fold.set_scope(&scope, Some(json(&start).into_owned())).unwrap();
        let (mut hash, mut kept) = (RunningHash::default(), vec![fold.checkpoint().unwrap()]);
        for then in thens {
            match then {
                Then::Patch(steps) => {
                    let text = serde_json::json!({ "type": "X", "input": steps }).to_string();
                    fold.apply(&[Action::parse(text.as_bytes()).unwrap()], &mut Vec::new()).unwrap();
                }
                Then::Back(n) => fold.restore(&kept[n % kept.len()]).unwrap(),
                Then::Other(document) => fold.set_scope(&scope, Some(json(&document).into_owned())).unwrap(),
            }
            let state = fold.checkpoint().unwrap();
            prop_assert_eq!(joined(&state, "global"), state.canonical("global"));
            prop_assert_eq!(hash.hash(&state, "global"), state.hash("global"));
            kept.push(state);
        }
    }
}

#[test]
fn a_deep_state_is_hashed_on_a_small_stack() {
    let depth = MAX_STATE_DEPTH as usize;
    let state = move |text: &str| {
        let mut fold = Generic(GenericKind::Set).fold().unwrap();
        let nested = format!("{}\"{}\"{}", "[".repeat(depth), text.repeat(5000), "]".repeat(depth));
        let value = parse(nested.as_bytes()).unwrap().into_owned();
        fold.set_scope(&Scope::global(), Some(value)).unwrap();
        fold.checkpoint().unwrap()
    };
    let hash = move || {
        let mut hash = RunningHash::default();
        for text in ["a", "b", "b", "a"] {
            let state = state(text);
            assert_eq!(hash.hash(&state, "global"), state.hash("global"));
        }
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(hash).unwrap().join().unwrap();
}
