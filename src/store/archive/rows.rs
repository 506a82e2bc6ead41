//! The rows that an archive stands for.

use super::ArchiveError;
use crate::model::archive::{Archive, ArchivedOperation};
use crate::model::ids::{OpIndex, Scope, StreamKey};
use crate::model::json::{Json, Object, canonical, operation_id};
use crate::model::operation::OperationRow;
use crate::model::time::Timestamp;
use crate::object;
use crate::store::memory::{About, MemoryStore};
use crate::store::{Fact, NewOperation};

/// The rows of an archive.
pub(super) struct Rows {
    /// The rows, those of the document scope first, then scope by scope as in the archive.
    pub(super) store: MemoryStore,
    /// How many of them are made of header and initial state.
    pub(super) made_up: u64,
    /// How many operations are not among them.
    pub(super) replaced: u64,
}

/// What the rows of an archive were written for.
const JOB_ID: &str = "archive";

/// The same for rows that it does not have.
const MADE_UP_JOB_ID: &str = "archive:made-up";

impl Rows {
    /// Makes rows of an archive of that size, whose content has that name. Nothing is taken from the clock, so that the same archive gives the same rows.
    ///
    /// Of several operations with one index the last by skip is taken, as all loaders do (reactor format §4.3). Without
    /// operations of scope `document` a document could not be rebuilt: they are made of the header and the initial state
    /// then (reactor format §6.10), with action ids that say so. A header without `sig` is that of a document that nothing
    /// ever created, as generic models allow; it stays without.
    ///
    /// # Errors
    /// `NoOrigin` if these operations would have no time.
    pub(super) fn of(archive: &Archive, name: String, size_bytes: u64) -> Result<Self, ArchiveError> {
        let document = Scope::document();
        let made_up = made_up(archive)?;
        let mut replaced = 0;
        let mut lists: Vec<(StreamKey, Vec<&ArchivedOperation>)> = Vec::new();
        for (scope, operations) in &archive.operations {
            let mut list: Vec<&ArchivedOperation> = operations.iter().collect();
            list.sort_by_key(|operation| (operation.index, operation.skip));
            // Kept is the first of equal neighbours, so the list is turned around.
            list.reverse();
            list.dedup_by_key(|operation| operation.index);
            list.reverse();
            replaced += (operations.len() - list.len()) as u64;
            lists.push((archive.stream(scope), list));
        }
        lists.sort_by_key(|(stream, _)| stream.scope != document);
        let stream = archive.stream(&document);
        let made_up_rows = rows(archive, &stream, made_up.iter(), MADE_UP_JOB_ID);
        let others = lists.iter().flat_map(|(stream, list)| rows(archive, stream, list.iter().copied(), JOB_ID));
        let n_made_up = made_up.len() as u64;
        // What is not there is no news.
        let facts = [("madeUpOperations", n_made_up), ("replacedOperations", replaced)].into_iter();
        let details = facts.filter(|(_, n)| *n > 0).map(|(fact, n)| (fact, Fact::Number(n))).collect();
        let store = MemoryStore::holding(made_up_rows.chain(others), About { name, size_bytes, details });
        Ok(Rows { store, made_up: n_made_up, replaced })
    }
}

/// The rows of a stream.
fn rows<'a>(
    archive: &'a Archive,
    stream: &'a StreamKey,
    operations: impl Iterator<Item = &'a ArchivedOperation>,
    job_id: &'a str,
) -> impl Iterator<Item = (&'a StreamKey, NewOperation<'a>)> {
    let mut previous_id = "";
    operations.map(move |operation| {
        let row = OperationRow {
            index: operation.index,
            skip: operation.skip,
            id: &operation.id,
            previous_id,
            document_type: archive.document_type.as_str(),
            timestamp: operation.timestamp,
            hash: &operation.hash,
            error: operation.error.as_deref(),
            denied: operation.denied.as_deref(),
            action: &operation.action,
        };
        previous_id = &operation.id;
        (stream, NewOperation { row, written: operation.timestamp, job_id })
    })
}

/// The creation and the first upgrade of a document whose archive does not have them; empty if it does.
fn made_up(archive: &Archive) -> Result<Vec<ArchivedOperation>, ArchiveError> {
    let created_by_nobody = archive.header.get("sig").is_none_or(Json::is_null);
    if created_by_nobody || !archive.operations_of(&Scope::document()).is_empty() {
        return Ok(Vec::new());
    }
    let time = created(archive)?;
    Ok(vec![
        operation(archive, 0, "CREATE_DOCUMENT", create_input(archive), time),
        operation(archive, 1, "UPGRADE_DOCUMENT", upgrade_input(archive), time),
    ])
}

/// When the document was created: as its header says, or else no later than its first operation.
fn created(archive: &Archive) -> Result<Timestamp, ArchiveError> {
    let time = |member: &str| archive.header.get(member)?.as_text()?.as_str().and_then(Timestamp::parse);
    let first = || archive.operations.iter().flat_map(|(_, list)| list).map(|operation| operation.timestamp).min();
    time("createdAtUtcIso")
        .filter(|time| time.is_writable())
        .or_else(first)
        .or_else(|| time("lastModifiedAtUtcIso").filter(|time| time.is_writable()))
        .ok_or_else(|| ArchiveError::NoOrigin("header.json has no createdAtUtcIso that is a time".to_owned()))
}

fn operation(archive: &Archive, index: u64, kind: &str, input: Object<'static>, time: Timestamp) -> ArchivedOperation {
    let document = Scope::document();
    let action_id = format!("made-up:{kind}");
    let action = object! {
        "id" => action_id.clone(),
        "type" => kind.to_owned(),
        "scope" => document.as_str().to_owned(),
        "timestampUtcMs" => time.to_string(),
        "input" => input,
    };
    let id = operation_id(archive.document.as_str(), document.as_str(), archive.branch.as_str(), action_id.as_bytes());
    ArchivedOperation {
        index: OpIndex::new(index),
        skip: None,
        id: id.into(),
        timestamp: time,
        hash: "".into(),
        error: None,
        denied: None,
        action: canonical(&Json::Object(action)).into(),
    }
}

fn create_input(archive: &Archive) -> Object<'static> {
    let header = |member: &str| archive.header.get(member).cloned();
    let signed = |member: &str| archive.header.get("sig").and_then(|sig| sig.get(member)).cloned();
    let text = |text: &str| Json::from(text.to_owned());
    let mut signing = object! {
        "signature" => text(archive.document.as_str()),
        "documentType" => text(archive.document_type.as_str()),
    };
    let mut input = object! {
        "model" => text(archive.document_type.as_str()),
        "version" => 0.0,
        "documentId" => text(archive.document.as_str()),
        "branch" => text(archive.branch.as_str()),
    };
    let given = |object: &mut Object<'static>, member: &'static str, value: Option<Json<'static>>| {
        if let Some(value) = value {
            object.insert(member.into(), value);
        }
    };
    given(&mut signing, "publicKey", signed("publicKey"));
    given(&mut signing, "nonce", signed("nonce"));
    given(&mut signing, "createdAtUtcIso", header("createdAtUtcIso"));
    input.insert("signing".into(), Json::Object(signing));
    for member in ["slug", "name", "meta", "protocolVersions"] {
        given(&mut input, member, header(member));
    }
    input
}

fn upgrade_input(archive: &Archive) -> Object<'static> {
    let state = archive.state.iter().map(|(scope, state)| (scope.as_str().to_owned().into(), state.clone()));
    let state: Object<'static> = state.collect();
    // As the reference seeds a document: a model without versions is at its first.
    let version = state.get("document").and_then(|document| document.get("version")).and_then(Json::as_number);
    object! {
        "model" => archive.document_type.as_str().to_owned(),
        "documentId" => archive.document.as_str().to_owned(),
        "fromVersion" => 0.0,
        "toVersion" => version.unwrap_or(0.0).max(1.0),
        "initialState" => state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::archive::Texts;

    fn archive(header: &str, operations: &str) -> Archive {
        let (header, state, operations) = (header.as_bytes(), br#"{"document":{"version":0}}"#, operations.as_bytes());
        Archive::read(Texts { header, state, operations }).unwrap()
    }

    #[test]
    fn what_is_made_up_depends_on_the_archive_alone() {
        let header = r#"{"id":"d","documentType":"t","sig":{"nonce":"n"},"createdAtUtcIso":"2025-01-01T00:00:00Z"}"#;
        let [create, upgrade] = &made_up(&archive(header, "{}")).unwrap()[..] else { panic!("not two") };
        assert_eq!(
            String::from_utf8_lossy(&create.action),
            concat!(
                r#"{"id":"made-up:CREATE_DOCUMENT","input":{"branch":"main","documentId":"d","model":"t","signing":"#,
                r#"{"createdAtUtcIso":"2025-01-01T00:00:00Z","documentType":"t","nonce":"n","signature":"d"},"version":0},"#,
                r#""scope":"document","timestampUtcMs":"2025-01-01T00:00:00.000Z","type":"CREATE_DOCUMENT"}"#,
            )
        );
        assert_eq!(
            String::from_utf8_lossy(&upgrade.action),
            concat!(
                r#"{"id":"made-up:UPGRADE_DOCUMENT","input":{"documentId":"d","fromVersion":0,"initialState":"#,
                r#"{"document":{"version":0}},"model":"t","toVersion":1},"#,
                r#""scope":"document","timestampUtcMs":"2025-01-01T00:00:00.000Z","type":"UPGRADE_DOCUMENT"}"#,
            )
        );
        assert_eq!(&*create.id, operation_id("d", "document", "main", b"made-up:CREATE_DOCUMENT"));
    }

    #[test]
    fn nothing_is_made_up_where_something_is_or_nobody_signed() {
        let header = r#"{"id":"d","documentType":"t"}"#;
        assert!(made_up(&archive(header, "{}")).unwrap().is_empty());
        let header = r#"{"id":"d","documentType":"t","sig":{}}"#;
        let one =
            r#"{"document":[{"index":0,"action":{"id":"a","type":"X","timestampUtcMs":"2025-01-01T00:00:00Z"}}]}"#;
        assert!(made_up(&archive(header, one)).unwrap().is_empty());
        let error = made_up(&archive(header, "{}")).unwrap_err();
        assert!(matches!(error, ArchiveError::NoOrigin(_)), "{error}");
        let elsewhere = one.replace("document", "global");
        assert_eq!(made_up(&archive(header, &elsewhere)).unwrap().len(), 2);
    }
}
