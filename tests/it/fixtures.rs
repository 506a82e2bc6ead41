//! The stores in `fixtures/`, and what snapctl says of them.
//!
//! `fixtures/golden` records every revision (`NAME.ndjson`) and some commands with their output (`NAME.txt`). With
//! `SNAPCTL_BLESS=1` the tests write these files instead of comparing. What the answers have to be, whatever is recorded,
//! is in the tests that name nodes and versions.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

/// Every store, and the documents in it.
const STORES: [(&str, &[&str]); 4] = [
    ("drive", &["field-notes"]),
    ("notes", &["reading-list", "profile", "thermostat"]),
    ("undo", &["sketchbook", "old-sketchbook"]),
    ("upgrade", &["expo"]),
];

/// A position, as a stored operation or keyframe names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    scope: String,
    revision: u32,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// snapctl in the folder of the fixtures, with nothing in its environment but their settings.
fn snapctl(args: &[&str]) -> assert_cmd::Command {
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_snapctl"));
    command.current_dir(folder()).env_clear().args(["--config", "snapctl.toml"]).args(args);
    command
}

/// The answer to one `rebuild`.
#[track_caller]
fn rebuild(store: &str, target: &str) -> Value {
    let output = snapctl(&["-s", &format!("{store}.sqlite"), "rebuild", target]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The ids of the nodes in the global state after revision `at`, in their order there.
#[track_caller]
fn nodes(store: &str, document: &str, at: u32) -> Vec<String> {
    let answer = rebuild(store, &format!("{document}/global:{at}"));
    let nodes = answer["state"]["global"]["nodes"].as_array().unwrap();
    nodes.iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect()
}

/// The node `id` of a state.
#[track_caller]
fn node<'a>(answer: &'a Value, id: &str) -> &'a Value {
    answer["state"]["global"]["nodes"].as_array().unwrap().iter().find(|node| node["id"] == id).expect(id)
}

fn open(store: &str) -> Connection {
    let path = folder().join(format!("{store}.sqlite"));
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// The places of a document whose rows `table` has, with one column of each.
fn rows(store: &str, slug: &str, table: &str, revision: &str, column: &str) -> BTreeMap<Place, String> {
    let sql = format!(
        r#"SELECT "scope", "{revision}", "{column}" FROM "{table}" WHERE "documentId" = (SELECT "documentId"
           FROM "Operation" WHERE "action" ->> '$.input.slug' = ?1 OR "documentId" = ?1)"#
    );
    let store = open(store);
    let mut statement = store.prepare(&sql).unwrap();
    let rows = statement
        .query_map([slug], |row| Ok((Place { scope: row.get(0)?, revision: row.get(1)? }, row.get(2)?)))
        .unwrap();
    rows.map(Result::unwrap).collect()
}

fn operations(store: &str, slug: &str, column: &str) -> BTreeMap<Place, String> {
    rows(store, slug, "Operation", "index", column)
}

/// What `rebuild --batch` says of every revision, with `options`.
fn all_revisions(store: &str, slug: &str, options: &[&str]) -> Vec<(Place, Value)> {
    let ids = operations(store, slug, "documentId");
    let mut input = String::new();
    for (Place { scope, revision }, id) in &ids {
        writeln!(input, "{}", json!({ "document": id, "scope": scope, "at": revision })).unwrap();
    }
    let file = format!("{store}.sqlite");
    let args = [&["-s", &*file, "rebuild", "--batch"], options].concat();
    let output = snapctl(&args).write_stdin(input).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), ids.len());
    ids.into_keys().zip(answers).collect()
}

/// What of an answer is recorded for every revision: all that may differ between two of them, the state by its hash.
fn golden_line(slug: &str, place: &Place, answer: &Value) -> String {
    let (Place { scope, revision }, header) = (place, &answer["header"]);
    let fields = [
        ("target", json!(format!("{slug}/{scope}:{revision}"))),
        ("hash", answer["hash"][scope].clone()),
        ("version", answer["state"]["document"]["version"].clone()),
        ("deleted", json!(answer["state"]["document"]["isDeleted"] == true)),
        ("name", header["name"].clone()),
        ("meta", header["meta"].clone()),
        ("revision", header["revision"].clone()),
        ("lastModifiedAtUtcIso", header["lastModifiedAtUtcIso"].clone()),
    ];
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}\n", fields.join(","))
}

/// Compares with what is recorded, or records it.
#[track_caller]
fn golden(name: &str, said: &str) {
    let path = folder().join("golden").join(name);
    if blessing() {
        fs::write(&path, said).unwrap();
        return;
    }
    let recorded = fs::read_to_string(&path).unwrap_or_default();
    if let Some(diff) = difference(&recorded, said) {
        panic!(
            "fixtures/golden/{name} (-) is not what snapctl says (+):\n{diff}\
             If the new behaviour is right, `SNAPCTL_BLESS=1 cargo test fixtures` records it; review what it changes."
        );
    }
}

/// Whether the golden answers are to be written.
fn blessing() -> bool {
    std::env::var_os("SNAPCTL_BLESS").is_some_and(|value| value == "1")
}

/// The lines that differ, between the first and the last of them, or `None`.
fn difference(old: &str, new: &str) -> Option<String> {
    if old == new {
        return None;
    }
    let (old, new): (Vec<_>, Vec<_>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let start = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let rest = old.len().min(new.len()) - start;
    let end = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(old, new)| old == new).count();
    let mut diff = format!("@@ line {} @@\n", start + 1);
    for (sign, lines) in [('-', &old[start..old.len() - end]), ('+', &new[start..new.len() - end])] {
        for line in lines {
            writeln!(diff, "{sign} {}", line.trim_end_matches('\n')).unwrap();
        }
    }
    Some(diff)
}

#[test]
fn every_revision_is_as_recorded() {
    for (store, documents) in STORES {
        let said_with = |options: &[&str]| {
            let mut said = String::new();
            for slug in documents {
                for (place, answer) in all_revisions(store, slug, options) {
                    said.push_str(&golden_line(slug, &place, &answer));
                }
            }
            said
        };
        let said = said_with(&[]);
        for trust in ["none", "hashed", "any"] {
            assert_eq!(difference(&said, &said_with(&["--trust", trust])), None, "{store} with --trust {trust}");
        }
        golden(&format!("{store}.ndjson"), &said);
    }
}

#[test]
fn commands_say_what_is_recorded() {
    for name in STORES.iter().map(|(store, _)| *store).chain(["archives"]) {
        let name = format!("{name}.txt");
        let recorded = fs::read_to_string(folder().join("golden").join(&name)).unwrap();
        let mut said = String::new();
        for line in recorded.lines().filter(|line| line.starts_with("$ snapctl ")) {
            let args: Vec<&str> = line.split(' ').skip(2).collect();
            let output = snapctl(&args).output().unwrap();
            let (stdout, stderr) =
                (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
            write!(said, "{line}\n{stderr}{stdout}").unwrap();
            if !said.ends_with('\n') {
                said.push('\n');
            }
            if !output.status.success() {
                writeln!(said, "[exit {}]", output.status.code().unwrap()).unwrap();
            }
            said.push('\n');
        }
        assert!(!said.is_empty(), "{name} has no line that begins with `$ snapctl `");
        golden(&name, &said);
    }
}

#[test]
fn the_stored_hashes_are_those_of_the_states() {
    for (store, documents) in STORES {
        for slug in documents {
            let (stored, actions) = (operations(store, slug, "hash"), operations(store, slug, "action"));
            let mut n_checked = 0;
            for (place, answer) in all_revisions(store, slug, &["--no-keyframes"]) {
                let undone = actions[&place].contains(r#""type":"NOOP""#);
                let protocol = &answer["header"]["protocolVersions"]["base-reducer"];
                if place.scope == "document" || undone && protocol == 2 {
                    assert_eq!(stored[&place], "", "{slug} {place:?}");
                } else {
                    assert_eq!(answer["hash"][&place.scope], stored[&place], "{slug} {place:?}");
                    n_checked += 1;
                }
            }
            assert!(n_checked >= 5, "{slug}: {n_checked}");
        }
    }
}

#[test]
fn the_stored_keyframes_are_the_states_that_operations_make() {
    for (store, documents) in STORES {
        for slug in documents {
            let keyframes = rows(store, slug, "Keyframe", "revision", "document");
            assert!(!keyframes.is_empty(), "{slug}");
            for (Place { scope, revision }, document) in keyframes {
                let document: Value = serde_json::from_str(&document).unwrap();
                let stored = rebuild(store, &format!("{slug}/{scope}:keyframe:{revision}"));
                let replayed = rebuild(store, &format!("{slug}/{scope}:{revision}"));
                assert_eq!(document["state"][&scope], replayed["state"][&scope], "{slug}/{scope}:{revision}");
                assert_eq!(stored["hash"][&scope], replayed["hash"][&scope], "{slug}/{scope}:{revision}");
                assert_eq!(document["header"]["revision"][&scope], revision + 1, "{slug}/{scope}:{revision}");
            }
        }
    }
}

#[test]
fn the_drive_is_what_its_log_tells() {
    let at = |revision: u32| rebuild("drive", &format!("field-notes/global:{revision}"));
    // The name is taken by the heron in the same folder, until the next operation settles it.
    assert_eq!(node(&at(6), "kingfisher")["name"], "Grey heron (copy) 1");
    assert_eq!(node(&at(7), "kingfisher")["name"], "Kingfisher, female");
    assert_eq!(node(&at(8), "heron")["parentFolder"], "birds");
    assert_eq!(node(&at(9), "heron")["parentFolder"], "wetland");
    // A copy has a name that is free and a slug.
    let heron = node(&at(10), "heron-dusk").clone();
    assert_eq!((&heron["name"], &heron["slug"]), (&json!("Grey heron (copy) 1"), &json!("heron-dusk")));
    // A folder does not move into itself: an operation that failed changes nothing.
    assert_eq!(at(11)["state"], at(10)["state"]);
    // A folder takes what is in it along.
    let (before, after) = (nodes("drive", "field-notes", 13), nodes("drive", "field-notes", 14));
    assert!(before.contains(&"sketches".to_owned()) && before.contains(&"orchid-pencil".to_owned()));
    assert_eq!(after, nodes("drive", "field-notes", 11));
    // The name of the document is not in its state.
    assert_eq!(
        (&at(15)["header"]["name"], &at(16)["header"]["name"]),
        (&json!("Field notes"), &json!("Field notes, spring 2025"))
    );
    assert_eq!(at(16)["hash"], at(15)["hash"]);
    // That id is taken.
    assert_eq!(node(&at(18), "orchid")["name"], "Bee orchid");
    assert_eq!(node(&at(18), "route")["documentType"], "fieldwork/map");
    assert_eq!(node(&at(19), "route")["documentType"], "fieldwork/route");

    let whole = rebuild("drive", "field-notes");
    let ids = ["birds", "heron", "heron-dusk", "kingfisher", "orchid", "otter", "plants", "route", "wetland"];
    assert_eq!(nodes("drive", "field-notes", 20), ids);
    assert_eq!(whole["state"]["global"], at(20)["state"]["global"]);
    assert_eq!(whole["header"]["meta"], json!({ "preferredEditor": "notebook-editor" }));
    assert_eq!(whole["header"]["revision"], json!({ "document": 2, "global": 21, "header": 1, "local": 4 }));
    let local = &whole["state"]["local"];
    assert_eq!((&local["sharingType"], &local["availableOffline"]), (&json!("shared"), &json!(true)));
    assert_eq!(local["listeners"][0]["listenerId"], "field-laptop");
    assert_eq!(local["triggers"][0]["data"]["interval"], "86400000");
}

#[test]
fn undone_operations_are_gone_in_either_protocol() {
    let sketchbook: [(u32, &[&str]); 11] = [
        (3, &["animals", "dodo", "fox"]),
        // Takes the place of the one before it.
        (4, &["animals", "fox", "hare"]),
        (5, &["animals", "fox", "hare", "owl"]),
        (6, &["animals", "fox", "hare"]),
        (8, &["animals", "fox", "hare", "moth", "wren"]),
        // A chain, each with a skip of 1: the moth, the wren, and past the undone owl the hare. The dodo stays replaced.
        (9, &["animals", "fox", "hare", "wren"]),
        (10, &["animals", "fox", "hare"]),
        (11, &["animals", "fox"]),
        // Denied.
        (12, &["animals", "fox"]),
        (13, &["animals", "fox", "lynx"]),
        (15, &["animals", "fox", "lynx"]),
    ];
    for (revision, ids) in sketchbook {
        assert_eq!(nodes("undo", "sketchbook", revision), ids, "sketchbook:{revision}");
    }
    // The name of the document is no part of the state, so that an undo leaves it.
    assert_eq!(rebuild("undo", "sketchbook/global:13")["header"]["name"], "Sketchbook");
    assert_eq!(rebuild("undo", "sketchbook/global:14")["header"]["name"], "Sketchbook, wild");
    assert_eq!(rebuild("undo", "sketchbook/global:15")["header"]["name"], "Sketchbook, wild");
    assert_eq!(rebuild("undo", "sketchbook")["state"]["auth"]["grants"][1]["id"], "no-bears");

    let old_sketchbook: [(u32, &[&str]); 7] = [
        (3, &["elm", "oak", "trees"]),
        (4, &["oak", "trees"]),
        (6, &["ash", "oak", "trees", "yew"]),
        // One operation takes two back.
        (7, &["oak", "trees"]),
        (8, &["larch", "oak", "trees"]),
        (9, &["larch", "oak", "trees"]),
        (10, &["larch", "oak", "trees"]),
    ];
    for (revision, ids) in old_sketchbook {
        assert_eq!(nodes("undo", "old-sketchbook", revision), ids, "old-sketchbook:{revision}");
    }
    assert_eq!(node(&rebuild("undo", "old-sketchbook/global:9"), "oak")["name"], "Old oak");
    assert_eq!(node(&rebuild("undo", "old-sketchbook/global:10"), "oak")["name"], "Oak");
    // An undo is of one scope.
    assert_eq!(rebuild("undo", "old-sketchbook")["state"]["local"]["availableOffline"], true);
}

#[test]
fn an_upgrade_counts_from_the_revision_it_names() {
    let at = |revision: u32| rebuild("upgrade", &format!("expo/global:{revision}"));
    let (before, after) = (at(4), at(5));
    assert_eq!(
        (&before["state"]["document"]["version"], &after["state"]["document"]["version"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(before["state"]["global"]["icon"], "https://example.org/expo.svg");
    assert_eq!(after["state"]["global"]["icon"], "https://example.org/expo-2.svg");
    assert_eq!(node(&before, "halls")["name"], "Halls");
    assert_eq!(node(&after, "halls")["name"], "Halls (migrated)");
    // A position before the upgrade does not include its operation in the document scope, which is number 3.
    assert_eq!(
        (&before["header"]["revision"]["document"], &after["header"]["revision"]["document"]),
        (&json!(3), &json!(7))
    );

    let mural = "c0ffee00-8b1d-4f37-a6e2-19d4c5307be8";
    let hall = "ba5eba11-2f6c-4d1a-9e83-c47d05b6f1a2";
    assert_eq!(nodes("upgrade", "expo", 4), [hall, mural, "halls"]);
    assert_eq!(node(&after, mural)["parentFolder"], "halls");
    assert_eq!(nodes("upgrade", "expo", 7), ["archive", mural, "halls"]);
    assert_eq!(node(&at(8), "archive")["name"], "Archive 2025");
}

#[test]
fn a_deletion_is_in_the_document_scope_and_leaves_the_rest() {
    let at = |revision: u32| rebuild("upgrade", &format!("expo/document:{revision}"))["state"]["document"].clone();
    let versions: Vec<_> = (0..7).map(|revision| at(revision)["version"].clone()).collect();
    assert_eq!(versions, [0, 1, 1, 2, 2, 2, 2]);
    assert_eq!(at(5).get("isDeleted"), None);
    assert_eq!((&at(6)["isDeleted"], &at(6)["deletedAtUtcIso"]), (&json!(true), &json!("2025-06-01T08:16:00.000Z")));
    // The document scope is not bounded by a position in another scope.
    assert_eq!(rebuild("upgrade", "expo/global:0")["state"]["document"]["isDeleted"], true);
    // What came later was denied.
    let (last, late) = (rebuild("upgrade", "expo/global:9"), rebuild("upgrade", "expo/global:10"));
    assert_eq!(late["state"], last["state"]);
    let whole = rebuild("upgrade", "expo");
    assert_eq!(
        (&whole["state"]["document"]["isDeleted"], &whole["header"]["name"]),
        (&json!(true), &json!("Expo, closed"))
    );
    assert_eq!(whole["state"]["global"], late["state"]["global"]);
    assert_eq!(whole["state"]["local"]["availableOffline"], true);
}

#[test]
fn documents_without_a_creation_are_what_their_logs_tell() {
    let at = |target: &str| rebuild("notes", target)["state"].clone();
    let titles = |revision: u32| -> Vec<String> {
        let state = at(&format!("reading-list/global:{revision}"));
        let books = state["global"]["books"].as_array().unwrap();
        books.iter().map(|book| book["title"].as_str().unwrap().to_owned()).collect()
    };
    let (levi, calvino) = ("The Periodic Table", "Invisible Cities");
    assert_eq!(titles(2), [levi, calvino]);
    // A test that fails, in the first step of two, changes nothing.
    assert_eq!(at("reading-list/global:3"), at("reading-list/global:2"));
    // Sorted, and the sorting undone.
    assert_eq!([titles(5), titles(6)], [[calvino, levi], [levi, calvino]]);
    assert_eq!(titles(8), [levi, levi, calvino]);
    // What replaces the two before it finds the list as it was before them.
    assert_eq!(titles(9), [levi, "The Periodic Table, again"]);
    assert_eq!(at("reading-list/local:0")["local"], json!({ "page/book": 12 }));
    assert_eq!(at("reading-list/local:initial")["local"], json!({}));
    let profile = at("profile/global:2");
    let merged = json!({ "name": "R. Ortiz", "languages": ["es", "en", "pt"], "remote": true });
    assert_eq!(profile["global"], merged);
    // The undo brings the address back; what was denied changed nothing.
    let address = json!({ "city": "Valparaíso", "street": "Almirante Montt 12" });
    assert_eq!(at("profile")["global"]["address"], address);
    assert_eq!(at("profile")["global"]["languages"], merged["languages"]);
    assert_eq!(at("profile")["draft"], json!({ "name": "Rosa Ortiz" }));
    let thermostat = at("thermostat");
    let set = json!({ "target": 21.5, "schedule": ["06:30", "22:00", "23:15"], "rooms": { "kitchen": 19 } });
    assert_eq!((&thermostat["global"], &thermostat["document"]["isDeleted"]), (&set, &json!(true)));
    let header = &rebuild("notes", "thermostat/global:0")["header"];
    assert_eq!([&header["id"], &header["slug"]], ["thermostat"; 2]);
    assert_eq!((&header["documentType"], &header["name"]), (&json!("set"), &json!("")));
}

/// The stores are what their logs say, told by a program that shares no code with this one.
#[test]
fn the_stores_come_from_their_logs() {
    let mut generate = Command::new("python3");
    generate.arg(folder().join("generate.py")).args(["--check", env!("CARGO_BIN_EXE_snapctl")]);
    let output = generate.output().expect("this test needs python3");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("4 stores, 3 archives and a trace compared, 0 values differ"),
        "{output:?}"
    );
}

#[test]
fn a_difference_is_shown_with_its_lines() {
    assert_eq!(difference("a\nb\nc\n", "a\nb\nc\n"), None);
    assert_eq!(difference("a\nb\nc\n", "a\nx\ny\nc\n").unwrap(), "@@ line 2 @@\n- b\n+ x\n+ y\n");
    assert_eq!(difference("", "a\n").unwrap(), "@@ line 1 @@\n+ a\n");
    assert_eq!(difference("a\na\n", "a\n").unwrap(), "@@ line 2 @@\n- a\n");
}
