//! The JSON Schema of a settings file.

use serde_json::{Map, Value, json};

use super::cache::OF_CACHED_TYPE;
use super::key::{AnyKey, KEYS, Member, OF_TYPE, OF_VERSION};
use super::policies::OF_POLICY;
use super::rules::OF_RULE;
use super::value::Kind;

/// The JSON Schema (draft 2020-12) of a settings file, for editors and for documentation. What it accepts is read; of
/// what it does not say, only that the model a version is mapped to exists, that the place of a store does, and that patterns
/// and rules make sense.
#[must_use]
pub fn schema() -> Value {
    let mut top = sections();
    top.insert(
        "profiles".to_owned(),
        json!({
            "description": "Overlays by name: what the one that --profile or SNAPCTL_PROFILE names says wins over the rest of the files",
            "type": "object",
            "additionalProperties": object(&sections()),
        }),
    );
    let mut schema = object(&top);
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "snapctl.toml".into();
    schema["description"] = "Settings of snapctl".into();
    schema
}

/// The sections that stand at the top and in profiles.
fn sections() -> Map<String, Value> {
    let mut sections: Map<String, Value> = Map::new();
    for key in KEYS {
        let (section, name) = key.place();
        let object = sections.entry(section).or_insert_with(|| described(section));
        object["properties"][name] = of_key(key);
    }
    let members = |members: &[Member]| {
        let properties = members.iter().map(|member| (member.name.to_owned(), of_kind(&(member.kind)(), member.about)));
        object(&properties.collect())
    };
    sections["keyframes"]["properties"]["policies"] = json!({
        "description": "Rules for keyframes by name, which keyframe prune and keyframe compact take with --policy",
        "type": "object",
        "additionalProperties": members(&OF_POLICY),
    });
    sections["cache"]["properties"]["type"] = json!({
        "description": "What holds for documents of one type, by \"TYPE\"",
        "type": "object",
        "additionalProperties": members(&OF_CACHED_TYPE),
    });
    sections["cache"]["properties"]["rules"] = json!({
        "description": "What is dropped from the cache when something happens, by a name of your own",
        "type": "object",
        "additionalProperties": members(&OF_RULE),
    });
    sections.insert(
        "models".to_owned(),
        json!({
            "description": "Models by \"TYPE@VERSION\", for versions that another one serves, and by \"TYPE\"",
            "type": "object",
            "patternProperties": {
                "^.+@[1-9][0-9]*$": members(&OF_VERSION),
                "^(?!.*@[-+0-9][^@]*$)(?!.*@$).+$": members(&OF_TYPE),
            },
            "additionalProperties": false,
        }),
    );
    sections
}

fn object(properties: &Map<String, Value>) -> Value {
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

/// An empty section of the file.
fn described(section: &str) -> Value {
    let mut schema = object(&Map::new());
    schema["description"] = match section {
        "store" => "The store that commands work on",
        "keyframes" => "How keyframes are used and written",
        "cache" => "Which rebuilt states are kept, and where",
        "limits" => "How long commands may take",
        "output" => "How answers and remarks look",
        other => other,
    }
    .into();
    schema
}

fn of_key(key: &dyn AnyKey) -> Value {
    let mut schema = of_kind(&key.kind(), key.about());
    if let Some(default) = key.default_text() {
        schema["default"] = default.into();
    }
    if key.optional() {
        // An empty text is nothing.
        match key.kind() {
            Kind::Location | Kind::Folder => schema["minLength"] = 0.into(),
            Kind::Duration => schema["pattern"] = format!("^$|{DURATION}").into(),
            Kind::Age => schema["pattern"] = format!("^$|{AGE}").into(),
            Kind::Model | Kind::Words(_) | Kind::Count { .. } | Kind::Flag | Kind::Size | Kind::Pattern => {}
        }
    }
    schema["x-environmentVariable"] = key.variable().into();
    if let Some(flag) = key.flag() {
        schema["x-flag"] = flag.into();
    }
    schema
}

const DURATION: &str = "^[0-9]+(ms|s|m|h)$";
const AGE: &str = "^[0-9]+(ms|s|m|h|d|w)$";

fn of_kind(kind: &Kind, about: &str) -> Value {
    let mut schema = json!({ "type": "string", "description": about });
    match kind {
        Kind::Location | Kind::Folder => schema["minLength"] = 1.into(),
        Kind::Pattern => schema["pattern"] = r"^(document|model|.*[:*?\[].*)$".into(),
        Kind::Duration => schema["pattern"] = DURATION.into(),
        Kind::Model => schema["pattern"] = "^.+@[1-9][0-9]*$".into(),
        Kind::Count { least } => (schema["type"], schema["minimum"]) = ("integer".into(), (*least).into()),
        Kind::Flag => schema["type"] = "boolean".into(),
        Kind::Age => schema["pattern"] = AGE.into(),
        Kind::Size => schema["pattern"] = "^[0-9]+([bB]|[kKmMgGtT][iI]?[bB])?$".into(),
        Kind::Words(words) => schema["enum"] = words.iter().map(|(name, _)| *name).collect(),
    }
    schema
}
