//! `--config`.

use crate::support::TestEnv;

fn with(text: &str) -> TestEnv {
    let env = TestEnv::new();
    std::fs::write(env.path("s.toml"), text).unwrap();
    env
}

#[test]
fn a_mapped_model_is_listed() {
    let env = with("[models.\"powerhouse/document-drive@2\"]\nsame-as = \"powerhouse/document-drive@1\"\nupgrade = \"identity\"\n");
    let models = env.run(&["model", "list", "--json", "--config", "s.toml"]).json();
    let mapped = models.as_array().unwrap().iter().find(|model| model["version"] == 2).unwrap();
    assert_eq!(mapped["sameAs"], "powerhouse/document-drive@1");
    assert_eq!(mapped["documentType"], "powerhouse/document-drive");
}

#[test]
fn settings_that_cannot_be_used_are_refused_whatever_the_command() {
    let list = ["model", "list", "--config", "s.toml"];
    let said = |text: &str, status: i32| with(text).run(&list).fails(status).to_owned();
    assert_eq!(said("[model]", 2), "error: s.toml: unknown key model\nhint: did you mean models?\n");
    assert!(said("models = 3", 2).contains("models: it has to be a table"));
    assert!(said("[models", 2).starts_with("error: s.toml, line 1: "));
    let dangling = said("[models.\"a/b@2\"]\nsame-as = \"a/b@1\"\n", 14);
    assert!(dangling.contains("s.toml") && dangling.contains("a/b"), "{dangling}");
    let missing = TestEnv::new().run(&list).fails(3).to_owned();
    assert!(missing.starts_with("error: cannot read settings file s.toml\n  because: No such file"), "{missing}");
}
