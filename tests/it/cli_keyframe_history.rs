//! `snapctl keyframe history`: what was done to keyframes, by run and by keyframe.

use serde_json::json;

use crate::cli_keyframe_write::{DRIVE, fixture};

#[test]
fn the_history_says_what_was_done() {
    let env = fixture("drive.sqlite");
    assert_eq!(env.read(&["keyframe", "history", "--json"]).json(), json!([]));
    env.on_store(&["keyframe", "write", "--every", "5"]).ok();
    env.on_store(&["keyframe", "undo"]).ok();
    let runs = env.read(&["keyframe", "history", "--json"]).json();
    assert_eq!((&runs[0]["command"], &runs[0]["changes"]), (&json!("keyframe undo 1"), &json!({ "deleted": 2 })));
    assert_eq!((&runs[1]["command"], &runs[1]["undone"]), (&json!("keyframe write --every 5"), &json!(2)));
    assert!(runs[1]["finishedAt"].is_string());
    let changes = env.read(&["keyframe", "history", "--run", "1", "--json"]).json();
    assert_eq!((changes.as_array().unwrap().len(), &changes[0]["undoneBy"]), (2, &json!(2)));
    let of_one = env.read(&["keyframe", "history", &format!("{DRIVE}/global:5..5"), "--ndjson"]).lines();
    assert_eq!(of_one.len(), 2);
    assert_eq!((&of_one[0]["change"], &of_one[0]["before"]["bodyKept"]), (&json!("deleted"), &json!(false)));
    assert_eq!(env.read(&["keyframe", "history", "--run", "9"]).status, 4);
    assert!(env.read(&["keyframe", "history"]).ok().contains("undone by 2"));
}
