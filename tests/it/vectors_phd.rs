//! `phd_files.json` and `sample.phdd.phd`: documents in files, as the reference's loaders read them.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};

use serde_json::Value;
use serde_json::value::RawValue;
use snapctl::model::archive::ArchivedOperation;
use snapctl::model::json::{Json, Object, canonical, parse};
use snapctl::model::progress::Silent;
use snapctl::model::state::State;
use snapctl::reducer::archive::{LoadError, Loader, load};
use snapctl::reducer::{AliasStep, ModelId, Registry, native::drive};
use snapctl::store::archive;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const VECTORS: &str = include_str!("../../fixtures/vectors/phd_files.json");
const SAMPLE: &[u8] = include_bytes!("../../fixtures/vectors/sample.phdd.phd");

/// A case. The texts of entries are kept as they are: the order of scopes counts.
#[derive(serde::Deserialize)]
struct Case<'a> {
    name: String,
    #[serde(borrow)]
    entries: BTreeMap<String, &'a RawValue>,
    load: Value,
    load_checking_hashes: Value,
    load_versioned: Value,
    versioned_reducers: Vec<u32>,
}

#[derive(serde::Deserialize)]
struct Vectors<'a> {
    #[serde(borrow)]
    cases: Vec<Case<'a>>,
}

fn zipped(entries: &BTreeMap<String, &RawValue>) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in entries {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.get().as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn registry(versions: &[u32]) -> Registry {
    let mut registry = Registry::built_in();
    for &version in versions.iter().filter(|version| **version != 1) {
        registry.alias(ModelId { version, ..drive::id() }, &drive::id(), AliasStep::Unknown).unwrap();
    }
    registry
}

fn state(state: &State) -> Json<'static> {
    let scopes = state.scopes().into_iter();
    let members = scopes.map(|scope| (scope.as_str().to_owned().into(), state.scope(scope.as_str()).unwrap()));
    Json::Object(members.collect::<Object<'_>>())
}

/// What a loader makes of a file, as the vectors describe it.
fn loaded(bytes: &[u8], loader: Loader, registry: &Registry) -> Value {
    let thrown = |message: String| serde_json::json!({ "throws": message });
    let archive = match archive::parse(bytes) {
        Ok(archive) => archive,
        Err(error) => return thrown(error.to_string()),
    };
    let document = match load(&archive, loader, registry, &Silent) {
        Ok(document) => document,
        Err(error @ LoadError::Thrown(_)) => return thrown(error.to_string()),
        Err(error) => panic!("{error:?}"),
    };
    let text = |json: Json<'_>| serde_json::from_slice::<Value>(&canonical(&json)).unwrap();
    let shown = |operation: &&ArchivedOperation| {
        let action: Value = serde_json::from_slice(&operation.action).unwrap();
        let skip = operation.skip.map_or(0, std::num::NonZeroU32::get);
        format!("{}:{skip} {}", operation.index, action["type"].as_str().unwrap())
    };
    let operations = document.operations.iter().map(|(scope, list)| (scope.as_str(), list.iter().map(shown).collect()));
    let operations: BTreeMap<&str, Vec<String>> = operations.collect();
    serde_json::json!({
        "header": text(Json::Object(document.header.clone())),
        "state": text(state(&document.state)),
        "operations": operations,
    })
}

#[test]
fn every_file_loads_as_in_the_reference() {
    let vectors: Vectors<'_> = serde_json::from_str(VECTORS).unwrap();
    assert_eq!(vectors.cases.len(), 26);
    let mut wrong = Vec::new();
    for case in &vectors.cases {
        let bytes = zipped(&case.entries);
        let variants = [
            (Loader::Plain, &case.load),
            (Loader::Checked, &case.load_checking_hashes),
            (Loader::Versioned, &case.load_versioned),
        ];
        for (loader, expected) in variants {
            let expected = if expected == "same as load" { &case.load } else { expected };
            let expected = match expected.get("throws") {
                Some(thrown) => serde_json::json!({ "throws": thrown["message"] }),
                None => expected.clone(),
            };
            let found = loaded(&bytes, loader, &registry(&case.versioned_reducers));
            // Numbers are doubles.
            let same = |value: &Value| canonical(&parse(value.to_string().as_bytes()).unwrap());
            if same(&found) != same(&expected) {
                wrong.push(format!("{}, {loader}: {found}\ninstead of {expected}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_file_that_the_reference_wrote_loads() {
    let found = loaded(SAMPLE, Loader::Versioned, &Registry::built_in());
    assert_eq!(found["state"]["global"]["nodes"][0]["id"], "f0", "{found}");
    assert_eq!(found["operations"]["global"], serde_json::json!(["0:0 ADD_FOLDER"]));
}
