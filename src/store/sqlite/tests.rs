use super::*;

/// The plan of a statement, as `EXPLAIN QUERY PLAN` describes it.
pub(super) fn plan(connection: &rusqlite::Connection, statement: &str) -> String {
    let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
    let nulls = vec![rusqlite::types::Null; explain.parameter_count()];
    let lines = explain.query_map(rusqlite::params_from_iter(nulls), |row| row.get::<_, String>(3)).unwrap();
    lines.map(Result::unwrap).collect::<Vec<_>>().join("; ")
}

#[test]
fn no_statement_sorts_or_scans_more_than_it_answers() {
    const STREAM: &str = "(documentId=? AND scope=? AND branch=?";
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    connection.execute_batch(sql::CREATE).unwrap();
    let expected = [
        (sql::DOCUMENT_FROM, "(documentId>?)".into()),
        (sql::DOCUMENT_AFTER, "(documentId>?)".into()),
        (sql::SCOPE_FROM, "(documentId=? AND scope>?)".into()),
        (sql::SCOPE_AFTER, "(documentId=? AND scope>?)".into()),
        (sql::BRANCH_FROM, "(documentId=? AND scope=? AND branch>?)".into()),
        (sql::BRANCH_AFTER, "(documentId=? AND scope=? AND branch>?)".into()),
        (sql::FIRST_ROW, format!("{STREAM})")),
        (sql::HEAD, format!("{STREAM})")),
        (sql::LAST_OPERATION, format!("{STREAM})")),
        (sql::OPERATION_AT, format!("{STREAM} AND index=?)")),
        (sql::OPERATIONS_FORWARD, format!("{STREAM} AND index>? AND index<?)")),
        (sql::OPERATIONS_BACKWARD, format!("{STREAM} AND index>? AND index<?)")),
        (sql::SKIPS, format!("{STREAM} AND index>? AND index<?)")),
        (sql::TIMES, format!("{STREAM} AND index>? AND index<?)")),
        (sql::NEAREST_KEYFRAME, format!("{STREAM} AND revision>? AND revision<?)")),
    ];
    for (statement, columns) in expected {
        let plan = plan(&connection, statement);
        assert!(plan.starts_with("SEARCH ") && plan.ends_with(&columns), "{statement}: {plan}");
    }
    let found = plan(&connection, sql::FIND_OPERATION);
    assert!(found.contains("(opId=?)"), "{found}");
    let listed = plan(&connection, sql::KEYFRAMES);
    assert!(listed.starts_with("SEARCH Keyframe USING INDEX") && listed.contains("(documentId=?)"), "{listed}");
}
