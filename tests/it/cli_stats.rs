//! `snapctl stats`: every figure against the same one found by SQL, or by looking at every revision.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{Operation, TestEnv};

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn with_fixture(name: &str) -> TestEnv {
    let env = TestEnv::new();
    std::fs::copy(fixture(name), env.path("ops.db")).unwrap();
    std::fs::copy(fixture("snapctl.toml"), env.path("snapctl.toml")).unwrap();
    env
}

/// The rows that a query gives, each an array.
fn query(env: &TestEnv, sql: &str) -> Vec<Value> {
    let connection = Connection::open(env.path("ops.db")).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let n = statement.column_count();
    let cell = |value: rusqlite::types::Value| match value {
        rusqlite::types::Value::Null => Value::Null,
        rusqlite::types::Value::Integer(number) => json!(number),
        rusqlite::types::Value::Text(text) => json!(text),
        other => panic!("{other:?}"),
    };
    let rows = statement.query_map([], |row| (0..n).map(|n| Ok(cell(row.get(n)?))).collect()).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Members of an object, in an array.
fn pick(value: &Value, members: &[&str]) -> Value {
    members.iter().map(|name| value[*name].clone()).collect()
}

fn picked(list: &Value, members: &[&str]) -> Vec<Value> {
    list.as_array().unwrap().iter().map(|item| pick(item, members)).collect()
}

/// The replay distance of every revision, from the definition.
fn distances(env: &TestEnv) -> Vec<u64> {
    let streams = query(
        env,
        r#"SELECT o."documentId", o."scope", o."branch", max(o."index"),
           (SELECT group_concat(k."revision") FROM "Keyframe" k WHERE k."documentId" = o."documentId" AND k."scope" = o."scope"
            AND k."branch" = o."branch" AND k."revision" >= 0)
           FROM "Operation" o WHERE o."scope" <> 'document' GROUP BY 1, 2, 3"#,
    );
    let mut all = Vec::new();
    for stream in streams {
        let bases: Vec<u64> =
            stream[4].as_str().unwrap_or_default().split(',').filter_map(|label| label.parse().ok()).collect();
        for revision in 0..=stream[3].as_u64().unwrap() {
            let base = bases.iter().filter(|base| **base <= revision).max();
            all.push(base.map_or(revision + 1, |base| revision - base));
        }
    }
    all.sort_unstable();
    all
}

const COUNTS: [&str; 5] = ["operations", "operationBytes", "keyframes", "keyframeBytes", "keyframeBodyBytes"];

/// Everything that SQL can say.
fn is_what_sql_says(env: &TestEnv) {
    let stats = env.read(&["stats", "--json"]).json();
    let counts = |filter: &str, group: &str| {
        format!(
            r#"SELECT {group}, coalesce(sum(n), 0), coalesce(sum(bytes), 0), coalesce(sum(k), 0), coalesce(sum(kb), 0),
               coalesce(sum(kb), 0) FROM (
                 SELECT "documentType", "scope", 1 n, octet_length("action") bytes, 0 k, 0 kb FROM "Operation"
                 UNION ALL SELECT (SELECT min(o."documentType") FROM "Operation" o WHERE o."documentId" = k."documentId"),
                   "scope", 0, 0, 1, octet_length("document") FROM "Keyframe" k) {filter}"#
        )
    };
    let all = &query(env, &counts("", "1"))[0];
    assert_eq!(pick(&stats, &COUNTS), all.as_array().unwrap()[1..].iter().cloned().collect::<Value>());
    for (list, column, name) in [("byType", "documentType", "documentType"), ("byScope", "scope", "scope")] {
        let column = format!("\"{column}\"");
        let expected = query(env, &counts("GROUP BY 1 ORDER BY 1", &column));
        assert_eq!(picked(&stats[list], &[&[name], &COUNTS[..]].concat()), expected, "{list}");
    }
    let documents =
        query(env, r#"SELECT "documentType", count(DISTINCT "documentId") FROM "Operation" GROUP BY 1 ORDER BY 1"#);
    assert_eq!(picked(&stats["byType"], &["documentType", "documents"]), documents);
    assert_eq!(stats["documents"], documents.iter().map(|row| row[1].as_u64().unwrap()).sum::<u64>());
    let streams = query(
        env,
        r#"SELECT "scope", count(*) FROM (SELECT DISTINCT "documentId", "scope", "branch" FROM "Operation") GROUP BY 1 ORDER BY 1"#,
    );
    assert_eq!(picked(&stats["byScope"], &["scope", "streams"]), streams);
    let days = query(
        env,
        r#"SELECT substr("timestampUtcMs", 1, 10), count(*), sum(octet_length("action")) FROM "Operation" GROUP BY 1 ORDER BY 1"#,
    );
    assert_eq!(picked(&stats["byDay"], &["day", "operations", "operationBytes"]), days);
    let newest = &query(env, r#"SELECT max("timestampUtcMs") FROM "Operation""#)[0][0];
    assert_eq!(&stats["newestAt"], newest);
    let distances = distances(env);
    let rank = |percent: usize| distances[(distances.len() * percent).div_ceil(100) - 1];
    let found = pick(&stats["replayDistance"], &["revisions", "sum", "p50", "p90", "p99", "max"]);
    let sum: u64 = distances.iter().sum();
    assert_eq!(found, json!([distances.len(), sum, rank(50), rank(90), rank(99), rank(100)]));
    let info = env.read(&["store", "info", "--json"]).json();
    assert_eq!(
        pick(&stats, &["documents", "operations", "keyframes"]),
        pick(&info, &["documents", "operations", "keyframes"])
    );
}

#[test]
fn figures_are_what_sql_says() {
    for name in ["drive.sqlite", "notes.sqlite", "undo.sqlite", "upgrade.sqlite"] {
        is_what_sql_says(&with_fixture(name));
    }
}

/// Several types, branches and days, keyframes everywhere.
fn mixed() -> TestEnv {
    TestEnv::with_store(|store| {
        store.drive("d1", "One", 130);
        store.drive("d2", "Two", 7);
        store.document("d3", "json-patch", "Three", "b");
        for index in 0..9 {
            let patch = json!([{ "op": "add", "path": format!("/m{index}"), "value": "x".repeat(index as usize) }]);
            let row = Operation { document_type: "json-patch", ..Operation::new("d3", "notes", index, "PATCH", patch) };
            store.operation(&Operation { branch: "b", minute: 60 + index, ..row });
        }
        let insert = r#"INSERT INTO "Keyframe" ("documentId", "documentType", "scope", "branch", "revision", "document", "createdAt")"#;
        let mut keyframes = Vec::new();
        for (document, scope, branch, labels) in [
            ("d1", "global", "main", &[-2, 0, 10, 11, 57, 129, 500][..]),
            ("d1", "document", "main", &[1]),
            ("d2", "global", "main", &[6]),
            ("d3", "notes", "b", &[2, 4]),
        ] {
            for label in labels {
                let body = format!("{{\"é\":{label}}}");
                keyframes.push(format!(
                    "('{document}', 't', '{scope}', '{branch}', {label}, '{body}', '2025-01-01T00:00:00.000Z')"
                ));
            }
        }
        store.sql(&format!("{insert} VALUES {}", keyframes.join(",")));
        store.sql(r#"UPDATE "Operation" SET "timestampUtcMs" = replace("timestampUtcMs", '2025-01-01', '2024-02-29') WHERE "index" % 5 = 1"#);
    })
}

#[test]
fn figures_of_many_streams_are_what_sql_says() {
    let env = mixed();
    is_what_sql_says(&env);
    let stats = env.read(&["stats", "--json"]).json();
    let worst = &stats["replayDistance"]["worst"];
    assert_eq!(worst, &json!({ "document": "d1", "scope": "global", "branch": "main", "revision": 128, "from": 57 }));
    for (target, operations, keyframes) in [("d", 152, 11), ("d1", 132, 8), ("d1/global", 130, 7), ("d3@b", 11, 2)] {
        let stats = env.read(&["stats", target, "--json"]).json();
        assert_eq!(pick(&stats, &["operations", "keyframes"]), json!([operations, keyframes]), "{target}");
    }
    let both = env.read(&["stats", "d1", "d1/global", "--json"]).json();
    assert_eq!(both["operations"], 132, "nothing is counted twice");
    assert!(env.read(&["stats", "d1/none"]).fails(4).contains("no stream of ops.db matches"));
    assert_eq!(env.read(&["stats", "x"]).status, 4);
}

#[test]
fn the_first_streams_are_ranked_by_what_is_asked() {
    let env = mixed();
    let expected = |column: &str| {
        query(
            &env,
            &format!(
                r#"SELECT d, s FROM (SELECT "documentId" d, "scope" s, sum(n) n, sum(b) b, sum(k) k FROM (
                     SELECT "documentId", "scope", 1 n, octet_length("action") b, 0 k FROM "Operation"
                     UNION ALL SELECT "documentId", "scope", 0, octet_length("document"), 1 FROM "Keyframe") GROUP BY 1, 2)
                   ORDER BY {column} DESC, d, s LIMIT 3"#
            ),
        )
    };
    for (key, column) in [("bytes", "b"), ("operations", "n"), ("keyframes", "k")] {
        let stats = env.read(&["stats", "--top", key, "-n", "3", "--json"]).json();
        assert_eq!(stats["top"]["by"], key);
        assert_eq!(picked(&stats["top"]["streams"], &["document", "scope"]), expected(column), "{key}");
    }
    let stats = env.read(&["stats", "--top", "distance", "--json"]).json();
    let found = picked(&stats["top"]["streams"], &["document", "scope", "distance"]);
    assert_eq!(found, [json!(["d1", "global", 71]), json!(["d2", "global", 6]), json!(["d3", "notes", 4])]);
    let stats = env.read(&["stats", "--top", "replay-ms", "-n", "4", "--json"]).json();
    let times: Vec<f64> =
        stats["top"]["streams"].as_array().unwrap().iter().map(|stream| stream["replayMs"].as_f64().unwrap()).collect();
    assert!(times.len() == 4 && times.is_sorted_by(|a, b| a >= b) && times[3] > 0.0, "{times:?}");
    assert_eq!(env.read(&["stats", "-n", "3"]).status, 2);
}

#[test]
fn paths_are_the_members_of_the_rebuilt_states() {
    for (env, types) in [(with_fixture("drive.sqlite"), 1), (with_fixture("notes.sqlite"), 3), (mixed(), 2)] {
        let stats = env.read(&["stats", "--paths", "--json"]).json();
        assert_eq!(stats["byType"].as_array().unwrap().len(), types);
        let mut expected: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        let streams = query(&env, r#"SELECT DISTINCT "documentId", "scope", "branch" FROM "Operation""#);
        for stream in streams {
            let [document, scope, branch] = [0, 1, 2].map(|n| stream[n].as_str().unwrap());
            let rebuilt = env.read(&["rebuild", document, "--scope", scope, "--branch", branch, "--state", "--ndjson"]);
            // A scope may have operations and no state.
            let members: Option<BTreeMap<String, Box<serde_json::value::RawValue>>> =
                serde_json::from_str(rebuilt.ok()).unwrap();
            for (member, text) in members.unwrap_or_default() {
                let at = expected.entry(format!("/{scope}/{member}")).or_default();
                *at = (at.0 + 1, at.1 + text.get().len() as u64);
            }
        }
        let found: BTreeMap<String, (u64, u64)> = stats["paths"]["largest"]
            .as_array()
            .unwrap()
            .iter()
            .map(|at| {
                (
                    at["path"].as_str().unwrap().to_owned(),
                    (at["streams"].as_u64().unwrap(), at["sizeBytes"].as_u64().unwrap()),
                )
            })
            .collect();
        assert_eq!(found, expected);
        let sizes: Vec<u64> =
            stats["paths"]["largest"].as_array().unwrap().iter().map(|at| at["sizeBytes"].as_u64().unwrap()).collect();
        assert!(sizes.is_sorted_by(|a, b| a >= b));
    }
}

#[test]
fn what_cannot_be_read_or_rebuilt_is_left_out_and_said() {
    let env = TestEnv::with_store(|store| {
        store.drive("d1", "One", 3);
        store.drive("d2", "Two", 4);
        store.document("d3", "some/type", "Unknown", "main");
        store.sql(r#"UPDATE "Operation" SET "timestampUtcMs" = 'no time' WHERE "documentId" = 'd1' AND "index" = 2"#);
    });
    let run = env.read(&["stats", "--paths", "--json"]);
    assert_eq!(run.status, 13, "{run:?}");
    let stats: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(pick(&stats, &["documents", "operations", "unreadableDocuments"]), json!([2, 8, 1]));
    assert_eq!(stats["paths"]["unbuiltStreams"], 1);
    assert!(
        run.stderr.contains("d1 is left out: ") && run.stderr.contains("d3/document cannot be rebuilt"),
        "{}",
        run.stderr
    );
    let text = env.read(&["stats", "--paths"]);
    assert!(text.stdout.contains("left out          1 document that cannot be read\n"), "{}", text.stdout);
    assert!(text.stdout.contains("left out: 1 stream that cannot be rebuilt\n"), "{}", text.stdout);
    let empty = TestEnv::with_store(|_| {});
    let stats = empty.read(&["stats", "--json"]).json();
    assert_eq!(
        stats["replayDistance"],
        json!({ "revisions": 0, "sum": 0, "p50": null, "p90": null, "p99": null, "max": null, "worst": null })
    );
    let text = empty.read(&["stats", "--paths", "--top", "bytes"]);
    assert_eq!(text.ok().lines().count(), 5, "{}", text.stdout);
    exposed(empty.read(&["stats", "--format", "openmetrics", "--paths"]).ok());
}

#[test]
fn people_see_tables_with_bars() {
    let env = mixed();
    let blocks = env.read(&["stats"]);
    let bar = |run: &str, name: &str| {
        let line = run.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {run}"));
        line.chars().filter(|char| "█#▏▎▍▌▋▊▉".contains(*char)).count()
    };
    assert_eq!(bar(blocks.ok(), "2025-01-01"), 30, "{}", blocks.stdout);
    assert!(!blocks.stdout.contains('#'));
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let plain = crate::support::Run::of(env.snapctl(&["stats", "--store", "ops.db"]).env(name, value));
        assert!(plain.ok().is_ascii(), "{}", plain.stdout);
        assert_eq!(bar(&plain.stdout, "2025-01-01"), 30);
        let share = bar(&plain.stdout, "2024-02-29");
        assert!((1..15).contains(&share), "{}", plain.stdout);
    }
    // With one row there is nothing to compare.
    assert_eq!(bar(blocks.ok(), "json    "), 0, "{}", blocks.stdout);
    let text = "worst: d1/global:128 takes 71 operations from keyframe 57\n";
    assert!(blocks.stdout.contains(text), "{}", blocks.stdout);
}

#[test]
fn openmetrics_says_the_same() {
    for env in [with_fixture("drive.sqlite"), with_fixture("notes.sqlite"), mixed()] {
        let stats = env.read(&["stats", "--paths", "--json"]).json();
        let run = env.read(&["stats", "--format", "openmetrics", "--paths"]);
        let samples = exposed(run.ok());
        let sum =
            |name: &str| samples.iter().filter(|((sample, _), _)| sample == name).map(|(_, value)| *value).sum::<f64>();
        for (member, name) in [
            ("documents", "snapctl_documents"),
            ("streams", "snapctl_streams"),
            ("operations", "snapctl_operations"),
            ("operationBytes", "snapctl_operation_bytes"),
            ("keyframes", "snapctl_keyframes"),
            ("keyframeBytes", "snapctl_keyframe_stored_bytes"),
            ("keyframeBodyBytes", "snapctl_keyframe_body_bytes"),
        ] {
            assert_eq!(stats[member].as_f64(), Some(sum(name)), "{name}");
        }
        let distance = &stats["replayDistance"];
        let of = |name: &str, quantile: Option<&str>| {
            let labels = quantile.map(|quantile| ("quantile".to_owned(), quantile.to_owned())).into_iter().collect();
            samples.get(&(format!("snapctl_replay_distance_operations{name}"), labels)).copied()
        };
        assert_eq!((of("_sum", None), of("_count", None)), (distance["sum"].as_f64(), distance["revisions"].as_f64()));
        let quantiles = ["0.5", "0.9", "0.99", "1.0"].map(|quantile| of("", Some(quantile)));
        assert_eq!(quantiles, ["p50", "p90", "p99", "max"].map(|name| distance[name].as_f64()));
        let paths: f64 =
            stats["paths"]["largest"].as_array().unwrap().iter().map(|at| at["sizeBytes"].as_f64().unwrap()).sum();
        assert!((sum("snapctl_state_bytes") - paths).abs() < f64::EPSILON);
    }
    assert_eq!(mixed().read(&["stats", "--format", "openmetrics", "--json"]).status, 2);
}

#[test]
fn any_text_is_a_label() {
    let odd = "a\"b\\c\nd{é}\t\u{1}=,";
    let env = TestEnv::with_store(|store| {
        store.operation(&Operation { document_type: odd, ..Operation::new("d1", odd, 0, "X", json!({})) });
    });
    let samples = exposed(env.read(&["stats", "--format", "openmetrics"]).ok());
    let labels = [("document_type".to_owned(), odd.to_owned()), ("scope".to_owned(), odd.to_owned())].into();
    assert!(samples.contains_key(&("snapctl_operations".to_owned(), labels)), "{samples:?}");
    let text = env.read(&["stats"]);
    assert!(!text.ok().contains('\u{1}'), "{}", text.stdout);
}

type Labels = BTreeMap<String, String>;

/// Reads an exposition by the grammar and the rules of OpenMetrics 1.0, and panics where it breaks one.
#[track_caller]
pub(crate) fn exposed(text: &str) -> BTreeMap<(String, Labels), f64> {
    let body = text.strip_suffix("# EOF\n").expect("it ends with # EOF and a line break");
    let mut families: BTreeMap<String, BTreeMap<&str, String>> = BTreeMap::new();
    let mut current = String::new();
    let mut begun = BTreeSet::new();
    let mut samples = BTreeMap::new();
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (kind, name, value) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or_default());
            assert!(["TYPE", "UNIT", "HELP"].contains(&kind), "{line}");
            assert!(is_name(name, true), "{line}");
            if current != name {
                assert!(!families.contains_key(name), "families are not interleaved: {line}");
                name.clone_into(&mut current);
            }
            assert!(!begun.contains(name), "metadata come before samples: {line}");
            let before = families.entry(name.to_owned()).or_default().insert(kind, value.to_owned());
            assert_eq!(before, None, "each once: {line}");
            match kind {
                "TYPE" => assert!(["gauge", "counter", "summary"].contains(&value), "{line}"),
                "UNIT" => assert!(name.ends_with(&format!("_{value}")), "{line}"),
                _ => assert!(!unescaped(value).is_empty(), "{line}"),
            }
            continue;
        }
        let (name, labels, value) = sample(line);
        let family = &families[&current];
        let number = value.parse::<f64>().unwrap();
        assert!(number.is_finite() && !value.contains(['e', 'E', '_']), "{line}");
        match (family["TYPE"].as_str(), name.strip_prefix(current.as_str())) {
            ("gauge", Some("")) => {}
            ("counter", Some("_total")) => assert!(number >= 0.0, "{line}"),
            ("summary", Some("")) => {
                assert!((0.0..=1.0).contains(&labels["quantile"].parse::<f64>().unwrap()), "{line}");
            }
            ("summary", Some("_sum" | "_count")) => {
                assert!(!labels.contains_key("quantile") && number >= 0.0, "{line}");
            }
            _ => panic!("it is not of {current}: {line}"),
        }
        assert!(family.contains_key("HELP"), "{line}");
        begun.insert(current.clone());
        assert!(samples.insert((name, labels), number).is_none(), "{line} is there twice");
    }
    samples
}

fn is_name(name: &str, with_colon: bool) -> bool {
    let fits = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == ':' && with_colon;
    name.chars().all(fits) && !name.is_empty() && !name.starts_with(|char: char| char.is_ascii_digit())
}

/// `name{label="value",…} number`, with single spaces and no time.
fn sample(line: &str) -> (String, Labels, &str) {
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name, true), "{line}");
    let mut labels = Labels::new();
    if let Some(mut inner) = rest.strip_prefix('{') {
        loop {
            let (label, value) = inner.split_once("=\"").unwrap();
            assert!(is_name(label, false), "{line}");
            let mut escaped = false;
            let end = value
                .char_indices()
                .find(|(_, char)| {
                    let ends = *char == '"' && !escaped;
                    escaped = *char == '\\' && !escaped;
                    ends
                })
                .unwrap()
                .0;
            assert!(labels.insert(label.to_owned(), unescaped(&value[..end])).is_none(), "{line}");
            inner = &value[end + 1..];
            match inner.strip_prefix(',') {
                Some(more) => inner = more,
                None => break,
            }
        }
        rest = inner.strip_prefix('}').unwrap();
    }
    let value = rest.strip_prefix(' ').unwrap();
    assert!(!value.is_empty() && !value.contains(' '), "{line}");
    (name.to_owned(), labels, value)
}

fn unescaped(text: &str) -> String {
    let (mut out, mut chars) = (String::new(), text.chars());
    while let Some(char) = chars.next() {
        match char {
            '\\' => out.push(match chars.next().unwrap() {
                'n' => '\n',
                same @ ('\\' | '"') => same,
                other => panic!("\\{other} is no escape"),
            }),
            '"' | '\n' => panic!("{char:?} has to be escaped: {text}"),
            char => out.push(char),
        }
    }
    out
}
