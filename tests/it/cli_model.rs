//! `snapctl model`.

use crate::support::TestEnv;

#[test]
fn models_are_listed_without_a_store() {
    let env = TestEnv::new();
    let models = env.run(&["model", "list", "--json"]).json();
    let drive = &models.as_array().unwrap()[0];
    assert_eq!(drive["documentType"], "powerhouse/document-drive");
    assert_eq!((&drive["version"], &drive["kind"], &drive["sameAs"]), (&1.into(), &"native".into(), &().into()));
    assert!(!drive["fingerprint"].as_str().unwrap().is_empty());
    let lines = env.run(&["model", "list", "--ndjson"]).lines();
    assert_eq!(models.as_array().unwrap(), &lines);
    let table = env.run(&["model", "list"]);
    assert!(table.ok().starts_with("type ") && table.ok().contains("powerhouse/document-drive"));
}
