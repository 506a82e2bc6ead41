//! Rows become types. A value of the wrong kind is refused, never repaired.

use std::borrow::Cow;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::sql;
use crate::model::ids::{OpIndex, Skip};
use crate::model::operation::OperationRow;
use crate::model::time::Timestamp;
use crate::store::skip_from;

/// A value that does not decode, before it is known in which row it is.
pub(super) struct BadValue {
    pub(super) column: &'static str,
    pub(super) reason: String,
}

/// Why a row was not decoded.
pub(super) enum RowError {
    Value(BadValue),
    Driver(rusqlite::Error),
}

impl From<BadValue> for RowError {
    fn from(bad: BadValue) -> Self {
        RowError::Value(bad)
    }
}

impl From<rusqlite::Error> for RowError {
    fn from(error: rusqlite::Error) -> Self {
        RowError::Driver(error)
    }
}

/// Position of the row's `id` in `sql::OPERATIONS_*`.
pub(super) const OPERATION_ID: usize = 10;

/// Decodes a row of `sql::OPERATIONS_*`. `converted` keeps the text of an action that is stored as JSONB.
pub(super) fn operation<'r>(
    row: &'r Row<'_>,
    connection: &Connection,
    converted: &'r mut Vec<u8>,
) -> Result<OperationRow<'r>, RowError> {
    Ok(OperationRow {
        index: index(row.get_ref(0)?, "index")?,
        skip: skip(row.get_ref(1)?)?,
        id: text(row.get_ref(2)?, "opId")?,
        previous_id: text(row.get_ref(3)?, "prevOpId")?,
        document_type: text(row.get_ref(4)?, "documentType")?,
        timestamp: timestamp(row.get_ref(5)?, "timestampUtcMs")?,
        hash: text(row.get_ref(6)?, "hash")?,
        error: optional_text(row.get_ref(7)?, "error")?,
        denied: optional_text(row.get_ref(8)?, "deniedReason")?,
        action: match json(row.get_ref(9)?, connection)? {
            Some(Cow::Borrowed(text)) => text,
            Some(Cow::Owned(text)) => {
                *converted = text;
                converted
            }
            None => return Err(wrong(row.get_ref(9)?, "action", "JSON").into()),
        },
    })
}

/// A text that must be there.
pub(super) fn text<'r>(value: ValueRef<'r>, column: &'static str) -> Result<&'r str, BadValue> {
    let ValueRef::Text(bytes) = value else { return Err(wrong(value, column, "text")) };
    std::str::from_utf8(bytes)
        .map_err(|error| BadValue { column, reason: format!("invalid UTF-8 at byte {}", error.valid_up_to()) })
}

/// A text that may be absent; an empty one is (reactor format §2.1).
pub(super) fn optional_text<'r>(value: ValueRef<'r>, column: &'static str) -> Result<Option<&'r str>, BadValue> {
    match value {
        ValueRef::Null => Ok(None),
        _ => text(value, column).map(|text| Some(text).filter(|text| !text.is_empty())),
    }
}

/// A position: an integer from 0.
pub(super) fn index(value: ValueRef<'_>, column: &'static str) -> Result<OpIndex, BadValue> {
    let number = integer(value, column)?;
    let index = u64::try_from(number).map_err(|_| BadValue { column, reason: format!("{number} is negative") })?;
    Ok(OpIndex::new(index))
}

/// How many positions a row retracts.
pub(super) fn skip(value: ValueRef<'_>) -> Result<Skip, BadValue> {
    let number = integer(value, "skip")?;
    let skip = u32::try_from(number)
        .map_err(|_| BadValue { column: "skip", reason: format!("{number} is not between 0 and {}", u32::MAX) })?;
    Ok(skip_from(skip))
}

/// A whole number.
pub(super) fn integer(value: ValueRef<'_>, column: &'static str) -> Result<i64, BadValue> {
    match value {
        ValueRef::Integer(number) => Ok(number),
        _ => Err(wrong(value, column, "an integer")),
    }
}

/// A time: text in any form of reactor format §2.4, or milliseconds since the epoch as integer, real or digits.
pub(super) fn timestamp(value: ValueRef<'_>, column: &'static str) -> Result<Timestamp, BadValue> {
    let time = match value {
        ValueRef::Text(_) => {
            let text = text(value, column)?;
            Timestamp::parse(text).or_else(|| Timestamp::from_millis(digits(text)?))
        }
        ValueRef::Integer(millis) => Timestamp::from_millis(millis),
        ValueRef::Real(millis) => whole(millis).and_then(Timestamp::from_millis),
        _ => return Err(wrong(value, column, "a time")),
    };
    time.ok_or_else(|| BadValue { column, reason: format!("{} is not a time", shown(value)) })
}

/// Milliseconds that a text column has turned into text: at least ten digits, so that no date is meant.
fn digits(text: &str) -> Option<i64> {
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    (whole.trim_start_matches('-').len() >= 10).then(|| whole.parse().ok()).flatten()
}

/// A real number cut to its whole part, as JavaScript cuts times.
fn whole(number: f64) -> Option<i64> {
    // The bound is that of JavaScript's dates.
    #[expect(clippy::cast_possible_truncation, reason = "cutting is meant, and the range is checked")]
    (number.abs() <= 8.64e15).then_some(number as i64)
}

/// JSON text from a column that holds it as text, as a blob with the text, or as SQLite's JSONB
/// (<https://www.sqlite.org/jsonb.html>); `None` when it is none of these.
///
/// What is stored here are objects. No JSONB object starts with `{`, which would be an array's first byte.
pub(super) fn json<'r>(value: ValueRef<'r>, connection: &Connection) -> rusqlite::Result<Option<Cow<'r, [u8]>>> {
    match value {
        ValueRef::Text(text) => Ok(Some(Cow::Borrowed(text))),
        ValueRef::Blob(blob) if blob.trim_ascii_start().first() == Some(&b'{') => Ok(Some(Cow::Borrowed(blob))),
        ValueRef::Blob(blob) => {
            let mut statement = connection.prepare_cached(sql::JSONB_TEXT)?;
            // JSONB can hold what is no UTF-8, which whoever parses the text refuses.
            let text = statement.query_row([blob], |row| Ok(row.get_ref(0)?.as_bytes_or_null()?.map(<[u8]>::to_vec)));
            Ok(text.optional()?.flatten().map(Cow::Owned))
        }
        _ => Ok(None),
    }
}

/// Says what a value is instead of what it should be.
pub(super) fn wrong(value: ValueRef<'_>, column: &'static str, wanted: &str) -> BadValue {
    let kind = match value {
        ValueRef::Null => "NULL",
        ValueRef::Integer(_) => "an integer",
        ValueRef::Real(_) => "a real number",
        ValueRef::Text(_) => "text",
        ValueRef::Blob(_) => "a blob",
    };
    BadValue { column, reason: format!("{kind} instead of {wanted}") }
}

/// A value for a message, short.
pub(super) fn shown(value: ValueRef<'_>) -> String {
    const MOST: usize = 60;
    match value {
        ValueRef::Null => "NULL".into(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) => {
            let text = String::from_utf8_lossy(bytes);
            let cut: String = text.chars().take(MOST).collect();
            if cut.len() < text.len() { format!("{cut:?}…") } else { format!("{cut:?}") }
        }
        ValueRef::Blob(bytes) => format!("a blob of {} bytes", bytes.len()),
    }
}
