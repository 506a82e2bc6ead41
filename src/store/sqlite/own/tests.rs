use super::sql::{self, MIGRATIONS};
use crate::store::sqlite::sql as reference;
use crate::store::sqlite::tests::plan;

#[test]
fn no_statement_sorts_or_reads_more_than_it_answers() {
    const PLACE: &str = "(documentId=? AND scope=? AND branch=? AND revision";
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    connection.execute_batch(reference::CREATE).unwrap();
    for step in MIGRATIONS {
        connection.execute_batch(step).unwrap();
    }
    let expected = [
        (sql::RECORD, format!("SEARCH snapctl_keyframe USING PRIMARY KEY {PLACE}=?)")),
        (sql::NEWEST_SOUND, format!("SEARCH snapctl_keyframe USING PRIMARY KEY {PLACE}<?)")),
        (sql::RECORDS.everything, "SCAN snapctl_keyframe".into()),
        (sql::RECORDS.document, "SEARCH snapctl_keyframe USING PRIMARY KEY (documentId=?)".into()),
        (sql::KNOWN.everything, "SCAN snapctl_keyframe".into()),
        (sql::LABELS.everything, "SCAN Keyframe USING COVERING INDEX keyframe_lookup".into()),
        (sql::LABELS.document, "SEARCH Keyframe USING COVERING INDEX keyframe_lookup (documentId=?)".into()),
        (sql::SEALS.everything, "SCAN snapctl_seal".into()),
        (sql::BODY, format!("SEARCH snapctl_keyframe USING PRIMARY KEY {PLACE}=?)")),
        (sql::MUTATIONS, "SCAN snapctl_mutation".into()),
    ];
    for (statement, whole) in expected {
        assert_eq!(plan(&connection, statement), whole, "{statement}");
    }
    let beginnings = [
        (sql::NEAREST_COMPRESSED, "SEARCH snapctl_keyframe USING INDEX snapctl_keyframe_compressed "),
        (sql::GROUP_AT, "SEARCH snapctl_keyframe USING INDEX snapctl_keyframe_compressed "),
        (sql::KEYFRAMED_AFTER, "SEARCH snapctl_keyframe USING INDEX snapctl_keyframe_compressed (documentId>?)"),
        (sql::INSERTED, "SEARCH own USING INDEX snapctl_keyframe_inserted (keyframeId>?)"),
        (sql::MUTATIONS_OF, "SEARCH snapctl_mutation USING INDEX snapctl_mutation_run (run=?)"),
    ];
    for (statement, beginning) in beginnings {
        let plan = plan(&connection, statement);
        assert!(plan.starts_with(beginning) && !plan.contains("TEMP B-TREE"), "{statement}: {plan}");
    }
    let group = plan(&connection, sql::GROUP);
    assert!(group.contains("snapctl_keyframe USING COVERING INDEX snapctl_keyframe_base (base=?)"), "{group}");
}

#[test]
fn every_table_and_index_of_ours_is_known_by_its_name() {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    for step in MIGRATIONS {
        connection.execute_batch(step).unwrap();
    }
    let mut names = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(names, sql::TABLES, "what is not there is not dropped");
    let foreign = "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'snapctl\\_%' ESCAPE '\\'
        AND name NOT LIKE 'sqlite\\_autoindex\\_snapctl\\_%' ESCAPE '\\'";
    let foreign: i64 = connection.query_row(foreign, [], |row| row.get(0)).unwrap();
    assert_eq!(foreign, 0);
}
