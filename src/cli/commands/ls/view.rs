//! A document as `ls` shows it.

use schemars::JsonSchema;
use serde::Serialize;

use super::describe::{Facts, shown_head};
use crate::cli::render::table::{Align, table};
use crate::cli::ui::{Format, Out, StdoutError};
use crate::store::DocumentEntry;

/// A document; the details are there with `-l`.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Document")]
pub(in crate::cli) struct DocumentView<'a> {
    /// The id of the document.
    document: &'a str,
    /// Its type.
    document_type: &'a str,
    #[serde(flatten)]
    details: Option<DetailsView<'a>>,
}

/// What `-l` adds.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
struct DetailsView<'a> {
    /// With `-l`: its name; `null` when the document cannot be rebuilt.
    name: Option<String>,
    /// With `-l`: the newest revision of each of its streams.
    heads: Vec<HeadView<'a>>,
    /// With `-l`: how many operations it has, by the heads of its streams.
    operations: u64,
    /// With `-l`: how many keyframes it has; `null` when they cannot be read.
    keyframes: Option<u64>,
    /// With `-l`: the stored bytes of all its keyframes; `null` when they cannot be read.
    keyframe_bytes: Option<u64>,
    /// With `-l`: when its newest operation was made.
    #[schemars(extend("format" = "date-time"))]
    changed_at: Option<String>,
}

/// The newest revision of a stream.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Head")]
struct HeadView<'a> {
    /// The branch.
    branch: &'a str,
    /// The scope.
    scope: &'a str,
    /// The index of its last operation.
    revision: u64,
}

/// Prints the list.
pub(super) fn print(documents: &[(DocumentEntry, Facts)], long: bool, out: &mut Out) -> Result<(), StdoutError> {
    if out.format() != Format::Plain {
        let mut list = out.list();
        for (entry, facts) in documents {
            list.item(|out| Ok(serde_json::to_writer(out, &view(entry, facts, long))?))?;
        }
        return list.finish();
    }
    if documents.is_empty() {
        return Ok(());
    }
    let text = if long { long_table(documents, out.width()) } else { short_table(documents, out.width()) };
    out.bytes(text.as_bytes())
}

fn view<'a>(entry: &'a DocumentEntry, facts: &'a Facts, long: bool) -> DocumentView<'a> {
    let head = |stream: &'a crate::store::StreamHead| HeadView {
        branch: stream.branch.as_str(),
        scope: stream.scope.as_str(),
        revision: stream.head.get(),
    };
    let details = || DetailsView {
        name: facts.name.as_ref().map(ToString::to_string),
        heads: facts.heads.iter().map(head).collect(),
        operations: facts.operations(),
        keyframes: facts.keyframes.map(|kept| kept.keyframes),
        keyframe_bytes: facts.keyframes.map(|kept| kept.bytes),
        changed_at: facts.changed.map(|time| time.to_string()),
    };
    DocumentView {
        document: entry.id.as_str(),
        document_type: entry.document_type.as_str(),
        details: long.then(details),
    }
}

fn short_table(documents: &[(DocumentEntry, Facts)], width: Option<u16>) -> String {
    let rows: Vec<_> =
        documents.iter().map(|(entry, _)| vec![entry.id.to_string(), entry.document_type.to_string()]).collect();
    table(&[("", Align::Left), ("", Align::Left)], &rows, width)
}

fn long_table(documents: &[(DocumentEntry, Facts)], width: Option<u16>) -> String {
    let columns = [
        ("id", Align::Left),
        ("type", Align::Left),
        ("name", Align::Left),
        ("head", Align::Left),
        ("operations", Align::Right),
        ("keyframes", Align::Right),
        ("bytes", Align::Right),
        ("changed", Align::Left),
    ];
    let row = |(entry, facts): &(DocumentEntry, Facts)| {
        vec![
            entry.id.to_string(),
            entry.document_type.to_string(),
            known(facts.name.as_ref()),
            facts.heads.iter().map(shown_head).collect::<Vec<_>>().join(" "),
            facts.operations().to_string(),
            known(facts.keyframes.map(|kept| kept.keyframes)),
            known(facts.keyframes.map(|kept| kept.bytes)),
            facts.changed.map(|time| time.to_string()).unwrap_or_default(),
        ]
    };
    table(&columns, &documents.iter().map(row).collect::<Vec<_>>(), width)
}

fn known(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "?".to_owned(), |value| value.to_string())
}
