use std::time::Duration;

use serde_json::json;

use super::*;
use crate::replay::Trust;

fn vars(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn profile(name: &str) -> (String, Origin) {
    (name.to_owned(), Origin::Flag("--profile"))
}

fn flag(key: &'static dyn AnyKey, name: &'static str, text: &str) -> Vec<Flag> {
    vec![Flag { key, name, text: text.to_owned() }]
}

/// The trust that holds, and who says so.
fn trust(said: &Said<'_>) -> (Trust, String) {
    let settings = Settings::of(said).unwrap();
    let origin = settings.find("keyframes.trust").unwrap().unwrap().origin.to_string();
    (settings.get(&TRUST), origin)
}

#[test]
fn each_layer_wins_over_the_one_before() {
    let user = File::parse(b"[keyframes]\ntrust = 'none'\n[profiles.p.keyframes]\ntrust = 'none'", Path::new("u"));
    let near = File::parse(b"\n[keyframes]\ntrust = 'hashed'\n[profiles.p.keyframes]\ntrust = 'any'", Path::new("n"));
    let files = [user.unwrap(), near.unwrap()];
    let variables = vars(&[("SNAPCTL_TRUST", "verified")]);
    let mut said = Said::default();
    assert_eq!(trust(&said), (Trust::Verified, "default".to_owned()));
    said.files = &files[..1];
    assert_eq!(trust(&said), (Trust::None, "u:2:1".to_owned()));
    said.files = &files;
    assert_eq!(trust(&said), (Trust::Hashed, "n:3:1".to_owned()));
    said.profile = Some(profile("p"));
    assert_eq!(trust(&said), (Trust::Any, "n:5:1 (profile p)".to_owned()));
    said.variables = &variables;
    assert_eq!(trust(&said), (Trust::Verified, "SNAPCTL_TRUST".to_owned()));
    said.flags = flag(&TRUST, "--no-keyframes", "none");
    assert_eq!(trust(&said), (Trust::None, "--no-keyframes".to_owned()));
}

#[test]
fn the_profile_of_the_weakest_file_wins_over_the_strongest_file() {
    let files = [file("[profiles.p.keyframes]\ntrust = 'any'"), file("[keyframes]\ntrust = 'none'")];
    assert_eq!(trust(&Said { files: &files, profile: Some(profile("p")), ..Said::default() }).0, Trust::Any);
}

#[test]
fn an_empty_text_says_nothing_in_a_variable_and_unsets_elsewhere() {
    let files = [file("[store]\nurl = 'a.db'\n[limits]\ntimeout = '1s'\n[profiles.free.limits]\ntimeout = ''")];
    let variables = vars(&[("SNAPCTL_STORE", ""), ("SNAPCTL_TIMEOUT", ""), ("SNAPCTL_TRUST", "")]);
    let mut said = Said { files: &files, variables: &variables, ..Said::default() };
    let settings = Settings::of(&said).unwrap();
    assert_eq!(settings.get(&STORE_URL), Some(Location("dir/a.db".to_owned())));
    assert_eq!(settings.get(&TIMEOUT), Some(Duration::from_secs(1)));
    said.profile = Some(profile("free"));
    said.flags = flag(&STORE_URL, "--store", "");
    let settings = Settings::of(&said).unwrap();
    assert_eq!((settings.get(&STORE_URL), settings.get(&TIMEOUT)), (None, None));
    assert_eq!(settings.find("store.url").unwrap().unwrap().origin, &Origin::Flag("--store"));
}

#[test]
fn paths_of_files_are_beside_them_and_others_are_not() {
    let files = [file("[store]\nurl = 'sqlite:a.db'")];
    let variables = vars(&[("SNAPCTL_STORE", "sqlite:b.db")]);
    let mut said = Said { files: &files, ..Said::default() };
    let url = |said: &Said<'_>| Settings::of(said).unwrap().get(&STORE_URL).unwrap().0;
    assert_eq!(url(&said), "sqlite:dir/a.db");
    said.variables = &variables;
    assert_eq!(url(&said), "sqlite:b.db");
    said.flags = flag(&STORE_URL, "--store", "c.db");
    assert_eq!(url(&said), "c.db");
}

#[test]
fn what_is_wrong_names_who_says_it() {
    let error = |said: &Said<'_>| Settings::of(said).unwrap_err().to_string();
    let variables = vars(&[("SNAPCTL_TIMEOUT", "soon")]);
    assert_eq!(
        error(&Said { variables: &variables, ..Said::default() }),
        "SNAPCTL_TIMEOUT: limits.timeout: a duration is a number and a unit, like 500ms, 10s, 2m or 1h"
    );
    let flags = flag(&COLOR, "--color", "red");
    assert_eq!(
        error(&Said { flags, ..Said::default() }),
        "--color: output.color: \"red\" is not one of auto, always, never"
    );
    assert_eq!(error(&Said { profile: Some(profile("x")), ..Said::default() }), "--profile: there is no profile \"x\"");
}

#[test]
fn a_password_is_never_shown() {
    let files = [file("[store]\nurl = 'postgres://me:secret@host/db?password=secret'")];
    let settings = Settings::of(&Said { files: &files, ..Said::default() }).unwrap();
    let entry = settings.find("store.url").unwrap().unwrap();
    assert_eq!((entry.value.as_deref(), entry.masked), (Some("postgres://me@host/db"), true));
    assert!(settings.get(&STORE_URL).unwrap().0.contains("me:secret@"));
    assert!(!format!("{settings:?} {:?} {files:?}", settings.get(&STORE_URL)).contains("secret"));
}

#[test]
fn a_setting_is_found_without_quotes() {
    let files = [file("[models.\"a/b@2\"]\nsame-as = \"a/b@1\"")];
    let settings = Settings::of(&Said { files: &files, ..Said::default() }).unwrap();
    for key in ["models.\"a/b@2\".same-as", "models.a/b@2.same-as"] {
        assert_eq!(settings.find(key).unwrap().unwrap().value.as_deref(), Some("a/b@1"));
    }
    for key in ["models.a/b@2.upgrade", "models.c.kind", "models.x@3.same-as"] {
        assert_eq!(settings.find(key), Ok(None), "{key}");
    }
    for (key, meant) in [
        ("store.ur", Some("store.url")),
        ("trust", Some("keyframes.trust")),
        ("colour", Some("output.color")),
        ("models.c.same-as", Some("models.\"TYPE@VERSION\".same-as")),
        ("models.c@1.kind", Some("models.\"TYPE\".kind")),
        ("sync", None),
    ] {
        assert_eq!(settings.find(key), Err(meant.map(str::to_owned)), "{key}");
    }
}

#[test]
fn a_variable_that_means_nothing_names_the_one_meant() {
    let variables = vars(&[
        ("SNAPCTL_TRSUT", "any"),
        ("SNAPCTL_X", "1"),
        ("SNAPCTL_NONE", ""),
        ("HOME", "/"),
        ("SNAPCTL_CONFIG", "a"),
    ]);
    let found: Vec<_> = strangers(&variables).iter().map(|stranger| (stranger.name, stranger.meant)).collect();
    assert_eq!(found, [("SNAPCTL_TRSUT", Some("SNAPCTL_TRUST")), ("SNAPCTL_X", None)]);
}

#[test]
fn suggests_only_what_is_near() {
    assert_eq!(nearest("same_as", &["same-as", "upgrade"]), Some("same-as"));
    assert_eq!(nearest("upgarde", &["same-as", "upgrade"]), Some("upgrade"));
    assert_eq!(nearest("colour", &["same-as", "upgrade"]), None);
}

#[test]
fn no_two_settings_share_a_name() {
    for (n, key) in KEYS.iter().enumerate() {
        for other in &KEYS[n + 1..] {
            assert!(key.name() != other.name() && key.variable() != other.variable());
            assert!(key.flag().is_none() || key.flag() != other.flag());
        }
        assert!(key.default_text().is_none_or(|text| key.check(&text).is_ok()), "{key:?}");
    }
}

/// The schema accepts a file exactly when the program does.
#[test]
fn the_schema_says_what_a_file_may_say() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    assert!(jsonschema::meta::is_valid(&schema()));
    for (text, right) in [
        ("", true),
        (include_str!("../../fixtures/snapctl.toml"), true),
        ("[store]\nurl = 'a.db'\nbusy-timeout = '5s'\n[keyframes]\ntrust = 'any'\n[limits]\ntimeout = ''", true),
        ("[store]\nurl = ''", true),
        ("[output]\ncolor = 'never'\nprogress = 'json'", true),
        ("[models.'a/b']\nkind = 'set'\n[models.'@a/b']\nkind = 'json-patch'\n[models.'a@b@2']\nsame-as = 'a@1'", true),
        ("[profiles.p.models.'a@2']\nsame-as = 'a@1'\nupgrade = 'none'\n[profiles.q]", true),
        ("[cache.rules.a]\non = 'document.deleted'\ndrop = '*:acme/note:*'\n[cache.rules.b]", true),
        ("[cache.rules.a]\non = 'document.created'", false),
        ("[cache.rules.a]\non = 'model.changed'\ndrop = 'everything'", false),
        ("[store]\nurl = 1", false),
        ("[store]\nbusy-timeout = ''", false),
        ("[store]\nbusy-timeout = '5'", false),
        ("[keyframes]\ntrust = 'some'", false),
        ("[models.'a@0']\nsame-as = 'a@1'", false),
        ("[models.'a@']\nkind = 'set'", false),
        ("[models.'a']\nsame-as = 'a@1'", false),
        ("[models.'a@2']\nkind = 'set'", false),
        ("[models.'a@2']\nsame-as = 'a'", false),
        ("[models.'a']\nkind = 'sets'", false),
        ("[sync]", false),
        ("store = 'a.db'", false),
        ("[profiles]\nstore = 'a.db'", false),
        ("[profiles.p.profiles.q]", false),
    ] {
        let value = serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap();
        let ours = File::parse(text.as_bytes(), Path::new("s")).is_ok();
        assert_eq!((validator.is_valid(&value), ours), (right, right), "{text}");
    }
    assert_eq!(schema()["properties"]["keyframes"]["properties"]["trust"]["default"], json!("verified"));
}

#[test]
fn the_key_of_an_entry_may_stand_in_a_file() {
    let name = "a\n\t\"b\\'\u{7f}\u{9b}ä";
    let text = |key: &str| format!("{key} = \"set\"\n");
    let files = [file(&text("models.\"a\\n\\t\\\"b\\\\'\\u007f\\u009bä\".kind"))];
    let settings = Settings::of(&Said { files: &files, ..Said::default() }).unwrap();
    let key = settings.entries().last().unwrap().key;
    assert!(!key.contains(char::is_control), "{key:?}");
    let again = [file(&text(&key))];
    let again = Settings::of(&Said { files: &again, ..Said::default() }).unwrap();
    assert_eq!(again.entries().last().unwrap().key, key);
    let mut registry = Registry::built_in();
    again.register(&mut registry).unwrap();
    let id = crate::reducer::ModelId { document_type: name.into(), version: 1 };
    assert!(registry.model(&id).is_ok());
}

#[test]
fn an_error_stays_short_whatever_the_names_are() {
    let name = "x".repeat(5000);
    for text in [
        format!("[profiles.{name}.models.\"{name}@2\"]\nupgrade = 'none'"),
        format!("[profiles.{name}.models.\"{name}@2\"]\nsame-as = '{name}@1'"),
    ] {
        let files = [file(&text)];
        let said = Said { files: &files, profile: Some(profile(&name)), ..Said::default() };
        let settings = Settings::of(&said).and_then(|settings| settings.register(&mut Registry::built_in()));
        let error = settings.unwrap_err().to_string();
        assert!(error.starts_with("dir/s.toml:2:1 (profile xxx") && error.len() < 500, "{error}");
    }
}

#[test]
fn a_key_as_it_is_shown_finds_its_own_entry() {
    let files = [file("[models]\n\"x'\".kind = 'set'\nx.kind = 'json-patch'\n\"x\\\"\".kind = 'json-merge-patch'")];
    let settings = Settings::of(&Said { files: &files, ..Said::default() }).unwrap();
    for entry in settings.entries() {
        assert_eq!(settings.find(&entry.key), Ok(Some(entry)));
    }
}
