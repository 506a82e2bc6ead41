//! `snapctl model`.

use crate::support::TestEnv;

#[test]
fn models_are_listed_without_a_store() {
    let env = TestEnv::new();
    let models = env.run(&["model", "list", "--json"]).json();
    let of =
        |kind: &str| models.as_array().unwrap().iter().find(|model| model["documentType"] == kind).unwrap().clone();
    let drive = of("powerhouse/document-drive");
    assert_eq!((&drive["version"], &drive["kind"], &drive["sameAs"]), (&1.into(), &"native".into(), &().into()));
    assert!(!drive["fingerprint"].as_str().unwrap().is_empty());
    let model = of("powerhouse/document-model");
    assert_eq!((&model["version"], &model["kind"], &model["sameAs"]), (&1.into(), &"native".into(), &().into()));
    assert_eq!(model["fingerprint"], "native-document-model-1");
    for kind in ["json-merge-patch", "json-patch", "set"] {
        let generic = of(kind);
        assert_eq!(
            (&generic["version"], &generic["kind"], &generic["sameAs"]),
            (&().into(), &"generic".into(), &().into())
        );
    }
    let lines = env.run(&["model", "list", "--ndjson"]).lines();
    assert_eq!(models.as_array().unwrap(), &lines);
    let table = env.run(&["model", "list"]);
    assert!(table.ok().starts_with("type ") && table.ok().contains("powerhouse/document-drive"));
}
