use super::*;

fn error(text: impl AsRef<[u8]>) -> String {
    File::parse(text.as_ref(), Path::new("s.toml")).unwrap_err().to_string()
}

fn meant(text: &str) -> Option<String> {
    match File::parse(text.as_bytes(), Path::new("s.toml")) {
        Err(SettingsError::UnknownKey { meant, .. }) => meant,
        _ => None,
    }
}

#[test]
fn says_which_key_is_wrong_and_where() {
    assert_eq!(error("a = "), "s.toml:1:5: string values must be quoted, expected literal string");
    assert_eq!(error("[model]"), "s.toml:1:2: unknown key model");
    assert_eq!(error("\nmodels = 1"), "s.toml:2:10: models: it has to be a table, not an integer");
    assert_eq!(error("[store]\nurl = 1"), "s.toml:2:7: store.url: it has to be a string, not an integer");
    assert_eq!(error("[models.\"x@1\"]\nsame_as = 1"), "s.toml:2:1: unknown key models.\"x@1\".same_as");
    assert_eq!(
        error("[models.\"x@2\"]\nsame-as = \"x@1\"\nupgrade = \"all\""),
        "s.toml:3:11: models.\"x@2\".upgrade: \"all\" is not one of identity, none"
    );
    assert_eq!(
        error("[models.\"x@0\"]"),
        "s.toml:1:9: models.\"x@0\": a model is named TYPE@VERSION, and versions start at 1"
    );
    assert_eq!(
        error("[profiles.p.keyframes]\ntrust = \"no\"").split(';').next(),
        Some("s.toml:2:9: profiles.p.keyframes.trust: \"no\" is not one of none, verified, hashed, any")
    );
    assert_eq!(error("[profiles.p.profiles.q]"), "s.toml:1:13: unknown key profiles.p.profiles");
    assert_eq!(error("[store]\n'ä' = 1"), "s.toml:2:1: unknown key store.\"ä\"");
    assert_eq!(error("'ä' = '\u{1f9c0}' a"), "s.toml:1:11: unexpected key or value, expected newline, `#`");
}

#[test]
fn an_unknown_key_names_the_one_meant() {
    for (text, key) in [
        ("[modles]", Some("models")),
        ("[profile.x]", Some("profiles")),
        ("trust = 'any'", Some("keyframes.trust")),
        ("[store]\nurll = 'a'", Some("store.url")),
        ("[store]\ntimeout = '1s'", Some("store.busy-timeout")),
        ("[output]\ntimeout = '1s'", Some("limits.timeout")),
        ("[profiles.p.output]\ncolour = 'never'", Some("profiles.p.output.color")),
        ("[models.'a@2']\nsame_as = 'a@1'", Some("models.\"a@2\".same-as")),
        ("[models.'a@2']\nkind = 'set'", Some("models.\"TYPE\".kind")),
        ("[models.a]\nupgrade = 'none'", Some("models.\"TYPE@VERSION\".upgrade")),
        ("[sync]", None),
        ("[cashe]", Some("cache")),
        ("[cache]\nruls = 1", Some("cache.rules")),
        ("[cache.rules.a]\nwhen = 'x'", None),
        ("[profiles.p.cache.rules.a]\ndrp = 'x'", Some("profiles.p.cache.rules.a.drop")),
    ] {
        assert_eq!(meant(text).as_deref(), key, "{text}");
    }
}

#[test]
fn garbage_is_refused_at_its_place() {
    assert_eq!(error(b"a\n\xff\xfe"), "s.toml:2:1: this is not UTF-8 text");
    assert_eq!(error("\0\u{1}\u{2}"), "s.toml:1:4: key with no value, expected `=`");
    let long = "a".repeat(1 << 20);
    assert!(error(&long).starts_with("s.toml:1:"));
    assert!(error(format!("[store]\nurl = \"{long}")).starts_with("s.toml:2:"));
    for text in [
        format!("{long} = 1"),
        format!("[store]\n{long} = 1"),
        format!("[keyframes]\ntrust = '{long}'"),
        format!("[profiles.{long}.store]\nurll = 'a'"),
        format!("[models.{long}]\nkind = 1"),
    ] {
        let said = format!("{} {:?}", error(&text), meant(&text));
        assert!(said.contains('…') && said.len() < 400, "{said}");
    }
}

#[test]
fn depth_is_bounded() {
    let deep = 100_000;
    for text in [
        format!("a{} = 1", ".a".repeat(deep)),
        format!("[a{}]", ".\"a\"".repeat(deep)),
        format!("[[a{}]]", " . 'a'".repeat(deep)),
        format!("a = {{ b{} = 1 }}", ".a".repeat(deep)),
        "[".repeat(deep),
        format!("a = {}", "[".repeat(deep)),
        format!("a = {}1{}", "[".repeat(deep), "]".repeat(deep)),
        format!("a = {}", "{a=".repeat(deep)),
        format!("a = {}", "{a.a.a.a.a.a.a.a.a.a.a.a=".repeat(deep)),
        format!("{}1", "a.".repeat(deep)),
    ] {
        assert!(error(&text).starts_with("s.toml:1:"), "{}", &text[..20]);
    }
    File::parse(
        b"# ....................................\n[store] # ................\nurl = '.................'",
        Path::new("s"),
    )
    .unwrap();
}

#[test]
fn an_empty_file_says_nothing() {
    for text in ["", "\n", "# x", "\u{feff}", "[store]", "[profiles.p]", "[models]", "[models.\"x@1\"]"] {
        assert!(File::parse(text.as_bytes(), Path::new("s")).unwrap().entries.is_empty(), "{text:?}");
    }
}
