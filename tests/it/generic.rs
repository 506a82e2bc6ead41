//! Documents that a generic model serves: no creation, any type, and the protocol as everywhere.

use proptest::prelude::*;
use serde_json::{Value, json};
use snapctl::model::ids::{Branch, DocumentId, OpIndex, Revision, Scope};
use snapctl::model::json::{Json, Object};
use snapctl::model::progress::Silent;
use snapctl::model::state::{JsonState, State};
use snapctl::reducer::generic::{Generic, GenericKind};
use snapctl::reducer::protocol::{Document, Version};
use snapctl::reducer::{Registry, auth};
use snapctl::replay::{
    Base, Goal, Observer, Position, ReplayError, Snapshot, Sources, Start, Step, Trust, state_at, walk,
};
use snapctl::store::memory::MemoryStore;
use snapctl::store::{Flow, Store};

use crate::support::logs::{self, Row, noop, row};
use crate::support::naive::{DRIVE, Naive};
use crate::support::{Operation, StoreFile, TestEnv};

static JSON_PATCH: Generic = Generic(GenericKind::JsonPatch);

/// The state that a document without a creation starts from.
fn initial() -> State {
    let mut state = JsonState::default();
    let parsed = |text: &[u8]| snapctl::model::json::parse(text).unwrap().into_owned();
    state.set("auth".into(), auth::default_state());
    state.set(Scope::document(), parsed(br#"{"version":0,"hash":{"algorithm":"sha1","encoding":"base64"}}"#));
    state.set(Scope::global(), Json::Object(Object::new()));
    State::new(state)
}

/// Name and state after a row.
type After = (String, String);

fn described(name: String, state: &State) -> After {
    (name, format!("{state:?}"))
}

/// Notes every state of a walk.
#[derive(Default)]
struct Notes(Vec<String>);

impl Observer for Notes {
    fn step(&mut self, _: &Step<'_>, document: &mut Document) -> Result<Flow, ReplayError> {
        self.0.push(format!("{:?}", document.state().unwrap()));
        Ok(Flow::Continue(()))
    }
}

fn rebuild(store: &MemoryStore, trust: Trust, position: Position, notes: Option<&mut Notes>) -> Snapshot {
    let read = store.read().unwrap();
    let mut registry = Registry::built_in();
    registry.serve(&DRIVE.into(), GenericKind::JsonPatch);
    let sources = Sources { read: &*read, registry: &registry, trust, progress: &Silent };
    let (document, scope) = (DocumentId::from("d"), Scope::global());
    let goal = Goal { document: &document, branch: &Branch::main(), scope: &scope, position };
    match notes {
        None => state_at(&sources, goal).unwrap(),
        Some(notes) => walk(&sources, goal, Start::Genesis, notes).unwrap().unwrap(),
    }
}

fn after(snapshot: &Snapshot) -> After {
    let name = snapshot.header.get("name").and_then(Json::as_text).unwrap();
    described(name.to_string(), &snapshot.state)
}

fn at(n: usize) -> Position {
    Position::At(Some(Revision::of(OpIndex::new(n as u64))))
}

/// Few places, so that patches meet what others made, and some fail.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    let place = || prop::sample::select(&["/a", "/l", "/l/-", "/l/0", "/a/b", ""][..]);
    let value = || prop::sample::select(&["1", "[]", r#"{"b":2}"#, "{}", "null"][..]);
    let step = prop_oneof![
        4 => (place(), value()).prop_map(|(path, value)| format!(r#"{{"op":"add","path":"{path}","value":{value}}}"#)),
        1 => (place(), value()).prop_map(|(path, value)| format!(r#"{{"op":"test","path":"{path}","value":{value}}}"#)),
        1 => place().prop_map(|path| format!(r#"{{"op":"remove","path":"{path}"}}"#)),
        1 => (place(), place()).prop_map(|(from, path)| format!(r#"{{"op":"copy","from":"{from}","path":"{path}"}}"#)),
        1 => (place(), place()).prop_map(|(from, path)| format!(r#"{{"op":"move","from":"{from}","path":"{path}"}}"#)),
    ];
    let patch = prop::collection::vec(step, 1..3).prop_map(|steps| format!("[{}]", steps.join(",")));
    let skip = || prop_oneof![4 => Just(0_u32), 1 => 1..4_u32];
    let action = prop_oneof![
        6 => (patch, skip()).prop_map(|(patch, skip)| row("PATCH", "global", &patch, skip)),
        2 => (1..3_u32).prop_map(noop),
        1 => Just(row("SET_NAME", "global", r#"{"name":"n"}"#, 0)),
        1 => Just(row("PATCH", "global", r#"[{"op":"add","path":"/denied","value":1}]"#, 0).denied()),
    ];
    // A skip on the first operation throws if that fails, which is another matter.
    prop::collection::vec(action, 1..12).prop_map(|mut rows| {
        rows.insert(0, row("PATCH", "global", r#"[{"op":"add","path":"/l","value":[]}]"#, 0));
        rows
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn undos_and_skips_are_what_a_replay_from_the_start_gives(rows in rows(), pick in any::<prop::sample::Index>()) {
        let mut naive = Naive::of(&JSON_PATCH, Version::V2, &initial());
        let mut truth = Vec::new();
        for (n, row) in rows.iter().enumerate() {
            naive.row(&row.operation(n)).unwrap();
            truth.push(naive.clone());
        }
        let expected: Vec<After> = truth.iter().map(|naive| described(naive.name.clone(), &naive.state)).collect();
        let undo = |row: &Row| row.kind == "NOOP" && row.skip > 0;
        let hash = |(row, naive): (&Row, &Naive)| if undo(row) { String::new() } else { naive.state.hash("global").to_string() };
        let hashes: Vec<String> = rows.iter().zip(&truth).map(hash).collect();
        let store = logs::store(&[], &rows, &hashes);
        let mut notes = Notes::default();
        rebuild(&store, Trust::None, Position::Head, Some(&mut notes));
        let keyframe = pick.index(rows.len());
        logs::put_keyframe(&store, keyframe, 0, &truth[keyframe]);
        for (n, expected) in expected.iter().enumerate() {
            prop_assert_eq!(&notes.0[n], &expected.1, "observed, {}", n);
            for trust in [Trust::None, Trust::Hashed, Trust::Any] {
                prop_assert_eq!(&after(&rebuild(&store, trust, at(n), None)), expected, "{:?}, {}", trust, n);
            }
        }
        let looks_back = rows[keyframe + 1..].iter().any(|row| row.skip > 0 && !row.denied);
        let base = rebuild(&store, Trust::Any, Position::Head, None).explain.base;
        prop_assert_eq!(base == Base::Genesis, looks_back, "{:?}", base);
    }
}

fn note(scope: &str, index: u32, input: Value) -> Operation<'_> {
    Operation { document_type: "acme/note", ..Operation::new("n1", scope, index, "EDIT", input) }
}

fn notes(store: &StoreFile) {
    store.operation(&note("global", 0, json!([{ "op": "add", "path": "/text", "value": "hello" }])));
    store.operation(&note("global", 1, json!([{ "op": "remove", "path": "/none" }])));
    store.operation(&note("cursor", 0, json!([{ "op": "add", "path": "/line", "value": 3 }])));
}

#[test]
fn a_type_is_mapped_on_the_command_line() {
    let env = TestEnv::with_store(notes);
    let error = env.read(&["rebuild", "n1", "--json"]).error(14);
    assert_eq!(error["code"], "model-missing");
    assert!(error["message"].as_str().unwrap().contains("acme/note"), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("--model acme/note=json-patch"), "{error}");
    let whole = env.read(&["rebuild", "n1", "--model", "acme/note=json-patch"]).json();
    assert_eq!(whole["state"]["global"], json!({ "text": "hello" }));
    assert_eq!(whole["state"]["cursor"], json!({ "line": 3 }));
    assert_eq!(whole["revision"], json!({ "cursor": 0, "global": 1 }));
    assert_eq!(whole["header"]["documentType"], "acme/note");
    assert_eq!(whole["header"]["createdAtUtcIso"], "2025-01-01T00:10:00.000Z");
    // The last one counts.
    let merged = ["--model", "acme/note=set", "--model", "acme/note=json-merge-patch"];
    let merged = env.read(&[&["rebuild", "n1/global:0"][..], &merged].concat()).json();
    assert_eq!(merged["state"]["global"][0]["op"], "add");
    let list = env.read(&["ls", "-l", "--ndjson", "--model", "acme/note=json-patch"]);
    assert_eq!((list.lines()[0]["name"].clone(), list.stderr.as_str()), (json!(""), ""));
}

#[test]
fn a_mapped_type_is_listed_and_wins_over_settings() {
    let env = TestEnv::new();
    let settings = "[models.\"acme/note@1\"]\nsame-as = \"powerhouse/document-drive@1\"\n";
    std::fs::write(env.path("snapctl.toml"), settings).unwrap();
    let list = env.run(&["model", "list", "--json", "--config", "snapctl.toml", "--model", "acme/note=set"]).json();
    let mapped: Vec<_> = list.as_array().unwrap().iter().filter(|model| model["documentType"] == "acme/note").collect();
    assert_eq!(mapped.len(), 1);
    let (version, kind, same_as) = (&mapped[0]["version"], &mapped[0]["kind"], &mapped[0]["sameAs"]);
    assert_eq!((version, kind, same_as), (&Value::Null, &json!("generic"), &json!("set")));
    assert_eq!(mapped[0]["fingerprint"], "generic-set-1");
    let table = env.run(&["model", "list", "--model", "acme/note=set"]);
    assert!(table.ok().contains("acme/note                      any  generic  generic-set-1"), "{}", table.stdout);
}

#[test]
fn a_mapping_says_what_is_wrong_with_it() {
    let env = TestEnv::new();
    let text = env.run(&["model", "list", "--model", "acme/note=json"]);
    assert!(text.fails(2).contains("\"json\" is none of json-patch, json-merge-patch, set"), "{text:?}");
    let text = env.run(&["model", "list", "--model", "acme/note"]);
    assert!(text.fails(2).contains("TYPE=KIND"), "{text:?}");
}

#[test]
fn a_document_that_was_created_is_what_its_creation_says() {
    let env = TestEnv::with_store(|store| {
        let row = |scope, index, kind, input| Operation {
            document_type: "json-merge-patch",
            ..Operation::new("made", scope, index, kind, input)
        };
        let create = json!({
            "documentId": "made", "model": "json-merge-patch", "slug": "by-hand", "name": "By hand",
            "protocolVersions": { "base-reducer": 2 },
        });
        store.operation(&row("document", 0, "CREATE_DOCUMENT", create));
        let upgrade = json!({ "fromVersion": 1, "toVersion": 4_000_000_000_u32 });
        store.operation(&row("document", 1, "UPGRADE_DOCUMENT", upgrade));
        store.operation(&row("global", 0, "EDIT", json!({ "a": 1 })));
        store.operation(&row("global", 1, "EDIT", json!({ "b": 2 })));
        store.operation(&Operation { skip: 1, ..row("global", 2, "NOOP", json!({})) });
    });
    let answer = env.read(&["rebuild", "by-hand"]).json();
    assert_eq!((&answer["header"]["name"], &answer["state"]["global"]), (&json!("By hand"), &json!({ "a": 1 })));
    assert_eq!(answer["state"]["document"]["version"], 4_000_000_000_u32);
    // Its creation gave it no state of that scope.
    assert_eq!(env.read(&["rebuild", "made/global:initial"]).json()["state"].get("global"), None);
}

#[test]
fn branches_and_times_have_origins_of_their_own() {
    let env = TestEnv::with_store(|store| {
        notes(store);
        let edit = json!([{ "op": "add", "path": "/text", "value": "draft" }]);
        store.operation(&Operation { branch: "draft", minute: 30, ..note("global", 0, edit) });
        store.operation(&Operation { minute: 40, kind: "DELETE_DOCUMENT", ..note("document", 0, json!({})) });
    });
    let read = |target: &str| env.read(&["rebuild", target, "--model", "acme/note=json-patch"]);
    let draft = read("n1@draft").json();
    assert_eq!((&draft["header"]["branch"], &draft["state"]["global"]["text"]), (&json!("draft"), &json!("draft")));
    assert_eq!(draft["header"]["createdAtUtcIso"], "2025-01-01T00:30:00.000Z");
    assert_eq!(read("n1").json()["state"]["document"]["isDeleted"], true);
    let before = read("n1:@2025-01-01T00:10:30Z").json();
    assert_eq!(before["state"]["document"].get("isDeleted"), None);
    assert_eq!(before["revision"], json!({ "cursor": 0, "document": null, "global": 0 }));
    assert_eq!(read("n1/document:initial").json()["state"]["document"].get("isDeleted"), None);
    read("n1:@2025-01-01T00:09:00Z").fails(4);
    let log = env.read(&["log", "-p", "n1/document", "--json", "--model", "acme/note=json-patch"]).json();
    assert_eq!(log[0]["patch"].as_array().unwrap().len(), 2, "{log}");
}

#[test]
fn other_documents_still_have_to_be_created() {
    let env = TestEnv::with_store(|store| {
        store.operation(&Operation::new("d", "global", 0, "ADD_FOLDER", json!({})));
        store.operation(&Operation::new("e", "document", 0, "DELETE_DOCUMENT", json!({})));
    });
    assert!(env.read(&["rebuild", "d"]).fails(13).contains("Document d not found"));
    assert!(env.read(&["rebuild", "e"]).fails(13).contains("must be CREATE_DOCUMENT, found DELETE_DOCUMENT"));
}
