//! `snapctl keyframe unpin`; the rest of it is in `cli_keyframe_pin.rs`.

use serde_json::json;

use crate::support::TestEnv;

#[test]
fn what_is_not_pinned_stays_as_it_is_and_makes_no_tables() {
    let env = TestEnv::new();
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    std::fs::copy(fixtures.join("drive.sqlite"), env.path("ops.db")).unwrap();
    let answer = env.read(&["keyframe", "unpin", "field-notes:10", "field-notes:20", "--ndjson"]).lines();
    let revisions: Vec<_> = answer.iter().map(|line| (line["revision"].clone(), line["changed"].clone())).collect();
    assert_eq!(revisions, [(json!(10), json!(false)), (json!(20), json!(false))]);
    assert!(env.read(&["store", "migrate", "--dry-run", "--json"]).json()["from"].is_null());
    assert!(env.read(&["keyframe", "unpin", "field-notes:9"]).fails(4).contains("has no keyframe 9"));
    assert_eq!(env.read(&["keyframe", "unpin"]).status, 2);
}
