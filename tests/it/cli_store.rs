//! `snapctl store`.

use crate::support::TestEnv;

#[test]
fn info_counts_what_is_there() {
    let env = TestEnv::with_store(|store| {
        store.drive("d1", "One", 3);
        store.drive("d2", "Two", 0);
    });
    let info = env.read(&["store", "info", "--json"]).json();
    assert_eq!((&info["documents"], &info["operations"], &info["keyframes"]), (&2.into(), &7.into(), &0.into()));
    assert_eq!(info["sizeBytes"], std::fs::metadata(env.path("ops.db")).unwrap().len());
    assert!(info["location"].as_str().unwrap().contains("ops.db"));
    assert!(info["capabilities"]["append"].is_boolean() && info["details"].is_object());
    let text = env.read(&["store", "info"]);
    assert!(text.ok().contains("documents      2\n"), "{}", text.stdout);
    assert_eq!(env.read(&["store", "info", "--ndjson"]).stdout.lines().count(), 1);
}
