//! An operation as `log` shows it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};

use schemars::JsonSchema;
use serde_json::Value;

use super::told::{Told, ToldView};
use crate::cli::render::json::Members;
use crate::cli::render::table::{Align, Rows};
use crate::cli::ui::{Format, List, Out, StdoutError};
use crate::model::json::{Json, canonical};
use crate::model::operation::{Action, OperationRow};

/// An operation.
// It describes what `write_operation` writes a member at a time.
#[derive(JsonSchema)]
#[schemars(rename = "Operation", rename_all = "camelCase")]
#[expect(dead_code, reason = "rows are written as they are read")]
pub(in crate::cli) struct OperationView {
    /// Its position in the stream, from 0.
    index: u64,
    /// How many operations before it are taken back.
    skip: u32,
    /// Its id.
    id: String,
    /// The id of the operation before it, as stored; empty where there is none.
    previous_id: String,
    /// When it was made.
    #[schemars(extend("format" = "date-time"))]
    timestamp_utc_ms: String,
    /// The type of its action.
    #[serde(rename = "type")]
    kind: String,
    /// The scope that its action names.
    scope: String,
    /// The hash of the state after it, as stored.
    hash: String,
    /// Why it failed, as stored; `null` if it did not.
    error: Option<String>,
    /// Why it was denied, as stored; `null` if it was not.
    denied_reason: Option<String>,
    /// The action as stored; its numbers have the texts that they are stored with.
    action: BTreeMap<String, Value>,
    #[serde(flatten)]
    told: ToldView,
}

/// Prints rows as they come.
pub(super) enum Printer<'a> {
    /// As lines of text; whether the titles have been printed.
    Text(&'a mut Out, Rows<'static>, bool),
    /// As JSON.
    List(List<'a>),
}

const COLUMNS: &[(&str, usize, Align)] = &[
    ("index", 7, Align::Right),
    ("skip", 4, Align::Right),
    ("time", 24, Align::Left),
    ("type", 24, Align::Left),
    ("id", 8, Align::Left),
    ("outcome", 0, Align::Left),
];

impl<'a> Printer<'a> {
    pub(super) fn new(out: &'a mut Out) -> Self {
        if out.format() != Format::Plain {
            return Printer::List(out.list());
        }
        let rows = Rows::new(COLUMNS, out.width());
        Printer::Text(out, rows, false)
    }

    pub(super) fn row(
        &mut self,
        row: &OperationRow<'_>,
        action: &Action<'_>,
        told: &Told<'_>,
    ) -> Result<(), StdoutError> {
        match self {
            Printer::List(list) => list.item(|out| write_operation(out, row, action, told)),
            Printer::Text(out, rows, titled) => {
                if !std::mem::replace(titled, true) {
                    out.line(&rows.titles())?;
                }
                out.line(&rows.row(&cells(row, action)))?;
                told.lines(row.error, row.denied, out.width()).iter().try_for_each(|line| out.line(line))
            }
        }
    }

    pub(super) fn finish(self) -> Result<(), StdoutError> {
        match self {
            Printer::Text(..) => Ok(()),
            Printer::List(list) => list.finish(),
        }
    }

    pub(super) fn abandon(self) -> Result<(), StdoutError> {
        match self {
            Printer::Text(..) => Ok(()),
            Printer::List(list) => list.abandon(),
        }
    }
}

fn cells<'a>(row: &OperationRow<'a>, action: &'a Action<'_>) -> [Cow<'a, str>; 6] {
    let short = row.id.char_indices().nth(8).map_or(row.id, |(at, _)| &row.id[..at]);
    let outcome = match (row.denied, row.error) {
        (Some(reason), _) => format!("denied: {reason}").into(),
        (None, Some(error)) => format!("failed: {error}").into(),
        (None, None) => Cow::Borrowed("ok"),
    };
    [
        row.index.to_string().into(),
        row.skip.map_or(0, std::num::NonZeroU32::get).to_string().into(),
        row.timestamp.to_string().into(),
        action.kind.to_string_lossy(),
        short.into(),
        outcome,
    ]
}

/// The members and their order are a contract. `action` is the stored text, without its white space.
fn write_operation(
    out: &mut dyn Write,
    row: &OperationRow<'_>,
    action: &Action<'_>,
    told: &Told<'_>,
) -> io::Result<()> {
    let mut members = Members::open(out)?;
    members.member("index", &row.index.get())?;
    members.member("skip", &row.skip.map_or(0, std::num::NonZeroU32::get))?;
    members.member("id", row.id)?;
    members.member("previousId", row.previous_id)?;
    members.member("timestampUtcMs", &row.timestamp.to_string())?;
    members.raw("type", &canonical(&Json::String(action.kind.clone())))?;
    members.raw("scope", &canonical(&Json::String(action.scope.clone())))?;
    members.member("hash", row.hash)?;
    members.member("error", &row.error)?;
    members.member("deniedReason", &row.denied)?;
    members.raw("action", row.action)?;
    told.write(&mut members)?;
    members.close()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::OpIndex;
    use crate::model::time::Timestamp;

    const ACTION: &[u8] = br#"{"id":"a","type":"ADD_FILE","scope":"global","input":{"n":1.0}}"#;

    fn row(error: Option<&'static str>, denied: Option<&'static str>) -> OperationRow<'static> {
        OperationRow {
            index: OpIndex::new(3),
            skip: crate::store::skip_from(2),
            id: "0123456789abcdef",
            previous_id: "",
            document_type: "t",
            timestamp: Timestamp::from_millis(0).unwrap(),
            hash: "h",
            error,
            denied,
            action: ACTION,
        }
    }

    #[test]
    fn members_come_in_the_order_of_the_contract() {
        let mut out = Vec::new();
        write_operation(&mut out, &row(Some("no"), None), &Action::parse(ACTION).unwrap(), &Told::default()).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"index":3,"skip":2,"id":"0123456789abcdef","previousId":"","timestampUtcMs":"1970-01-01T00:00:00.000Z","#
                .to_owned()
                + r#""type":"ADD_FILE","scope":"global","hash":"h","error":"no","deniedReason":null,"#
                + r#""action":{"id":"a","type":"ADD_FILE","scope":"global","input":{"n":1.0}}}"#
        );
    }

    #[test]
    fn a_denied_operation_is_denied_whatever_else_it_says() {
        let outcome = |error, denied| cells(&row(error, denied), &Action::parse(ACTION).unwrap())[5].to_string();
        assert_eq!(outcome(None, None), "ok");
        assert_eq!(outcome(Some("x"), None), "failed: x");
        assert_eq!(outcome(Some("x"), Some("y")), "denied: y");
    }
}
