//! `snapctl keyframe compact`.

use serde_json::json;

use crate::support::keyframes::{drives, labels};

#[test]
fn bodies_get_smaller_and_back_and_stay_right() {
    let env = drives(&[("d1", 200)], 5);
    let told = env.read(&["keyframe", "compact", "--codec", "zstd-delta", "--dry-run", "--json"]).json();
    assert_eq!((&told["total"]["recoded"], &told["total"]["dropped"]), (&json!(40), &json!(0)));
    let compact = ["keyframe", "compact", "--max-replay-ops", "20", "--codec", "zstd-delta", "--json"];
    let run = env.on_store(&compact).json();
    let (before, after) = (&run["streams"][0]["before"], &run["streams"][0]["after"]);
    assert!(before["bytes"].as_u64().unwrap() > 20 * after["bytes"].as_u64().unwrap(), "{run}");
    assert!(after["worstDistance"].as_u64().unwrap() <= 20);
    assert_eq!(env.on_store(&compact).json()["streams"], json!([]), "a second run does nothing");
    let left = labels(&env, "d1");
    env.read(&["verify"]).ok();
    let vacuumed = env.on_store(&["keyframe", "compact", "--vacuum", "--json"]).json();
    let vacuum = &vacuumed["total"]["vacuum"];
    assert!(vacuum["beforeBytes"].as_u64().unwrap() > vacuum["afterBytes"].as_u64().unwrap(), "{vacuum}");
    let size = std::fs::metadata(env.path("ops.db")).unwrap().len();
    assert_eq!(vacuum["afterBytes"], size);
    env.on_store(&["keyframe", "compact", "--codec", "json"]).ok();
    assert_eq!(labels(&env, "d1"), left);
    env.read(&["verify"]).ok();
    assert_eq!(env.read(&["keyframe", "compact"]).status, 2);
}

#[test]
fn a_damaged_body_stays_as_it_is_and_is_told() {
    let env = drives(&[("d1", 20)], 5);
    env.on_store(&["keyframe", "compact", "--codec", "zstd"]).ok();
    let connection = rusqlite::Connection::open(env.path("ops.db")).unwrap();
    connection.execute_batch("UPDATE snapctl_body SET body = x'00' WHERE id = 2").unwrap();
    drop(connection);
    let run = env.on_store(&["keyframe", "compact", "--codec", "json", "--json"]);
    assert_eq!((&run.json()["total"]["recoded"], &run.json()["total"]["unreadable"]), (&json!(3), &json!(1)));
    assert!(run.stderr.contains("damaged"), "{run:?}");
    assert_eq!(labels(&env, "d1").len(), 4);
}

/// The shell allows files of so many blocks of 512 bytes only.
#[cfg(unix)]
#[test]
fn a_full_disk_loses_nothing() {
    let env = drives(&[("d1", 100)], 1);
    let before = labels(&env, "d1");
    let blocks = std::fs::metadata(env.path("ops.db")).unwrap().len() / 512 + 8;
    let snapctl = env!("CARGO_BIN_EXE_snapctl");
    let script = format!(
        "trap '' XFSZ; ulimit -f {blocks}; exec '{snapctl}' keyframe compact --codec zstd --store ops.db --quiet"
    );
    let run = std::process::Command::new("/bin/sh").current_dir(env.path(".")).args(["-c", &script]).output().unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(3), "{said}");
    assert!(said.contains("cannot write ops.db"), "{said}");
    assert_eq!(labels(&env, "d1"), before);
    env.read(&["verify"]).ok();
    env.on_store(&["keyframe", "compact", "--codec", "zstd"]).ok();
}
