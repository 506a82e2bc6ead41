//! All keyframes, of both tables, as a policy looks at them.

use std::cmp::Ordering;

use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::records::{self, codec, millis, query, size};
use super::sql;
use crate::model::ids::StreamKey;
use crate::store::codec::Codec;
use crate::store::records::{Kept, Known, Standing, Until, Within};
use crate::store::sqlite::Transaction;
use crate::store::sqlite::inserted::same_stream;
use crate::store::sqlite::rows::{self, RowError};
use crate::store::sqlite::schema::KEYFRAME;
use crate::store::{Flow, StoreError};

impl Transaction<'_> {
    /// Merges the labels of the reference's table, which an index has, with our records, which have no bodies: both are
    /// read once, in one order. (A join would look into one of the two for each row of the other.)
    pub(super) fn visit_inventory(
        &self,
        within: Within<'_>,
        visit: &mut dyn FnMut(&Kept<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        let mut labels = self.prepare_if(self.session().schema.keyframes, sql::LABELS.of(within))?;
        let mut records = self.prepare_if(self.has_own()?, sql::KNOWN.of(within))?;
        let labels = labels.as_mut().map(|labels| query(labels, within)).transpose();
        let records = records.as_mut().map(|records| query(records, within)).transpose();
        let mut labels = self.open_cursor(KEYFRAME, labels)?;
        let mut records = self.open_cursor(records::KEYFRAME, records)?;
        let mut last = None;
        loop {
            let order = match (labels.row(), records.row()) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(label), Some(record)) => {
                    compare(label, record).map_err(|error| self.own_error(KEYFRAME, error, label))?
                }
            };
            let (cursor, is_labelled) = if order.is_le() { (&labels, true) } else { (&records, false) };
            let record = if order.is_ge() { records.row() } else { None };
            if let Some(row) = cursor.row() {
                let flow = shown(&mut last, row, record, is_labelled, visit);
                if flow.map_err(|error| self.own_error(cursor.table, error, row))?.is_break() {
                    return Ok(());
                }
            }
            if order.is_le() {
                self.driver("read", labels.advance())?;
            }
            if order.is_ge() {
                self.driver("read", records.advance())?;
            }
        }
    }
}

/// Which of two rows comes first, by document, scope, branch and label, which both begin with.
fn compare(a: &Row<'_>, b: &Row<'_>) -> Result<Ordering, RowError> {
    for (at, column) in [(0, "documentId"), (1, "scope"), (2, "branch")] {
        let order = rows::text(a.get_ref(at)?, column)?.cmp(rows::text(b.get_ref(at)?, column)?);
        if order.is_ne() {
            return Ok(order);
        }
    }
    Ok(rows::integer(a.get_ref(3)?, "revision")?.cmp(&rows::integer(b.get_ref(3)?, "revision")?))
}

/// Shows the keyframe whose place is in `row`, with its record; a record of a keyframe that is not there is passed over.
fn shown(
    last: &mut Option<StreamKey>,
    row: &Row<'_>,
    record: Option<&Row<'_>>,
    is_labelled: bool,
    visit: &mut dyn FnMut(&Kept<'_>) -> Flow,
) -> Result<Flow, RowError> {
    let mut known = record.map(known).transpose()?;
    match &mut known {
        // A compressed keyframe in whose place another program has written one.
        Some(known) if is_labelled && known.codec != Codec::Json => {
            (known.codec, known.stored_bytes) = (Codec::Json, known.body_bytes);
        }
        Some(known) if !is_labelled && known.codec == Codec::Json => return Ok(Flow::Continue(())),
        _ => {}
    }
    let stream = same_stream(last, row, 0)?;
    Ok(visit(&Kept { stream, label: rows::integer(row.get_ref(3)?, "revision")?, known }))
}

/// Decodes what [`sql::KNOWN`] selects.
fn known<'r>(row: &'r Row<'_>) -> Result<Known<'r>, RowError> {
    let standing = match (row.get_ref(8)?, row.get_ref(9)?) {
        (ValueRef::Null, _) => Standing::Unchecked,
        (checked, failure) => {
            let checked = millis(checked, "checkedAtMs")?;
            let fingerprint = rows::text(row.get_ref(10)?, "fingerprint")?;
            match failure {
                ValueRef::Null => Standing::Ok { checked, fingerprint },
                code => Standing::Failed { checked, fingerprint, code: rows::text(code, "failure")? },
            }
        }
    };
    let pinned = match (row.get_ref(11)?, row.get_ref(12)?) {
        (ValueRef::Null, _) => None,
        (_, ValueRef::Null) => Some(Until::Removed),
        (_, until) => Some(Until::Time(millis(until, "pinUntilMs")?)),
    };
    Ok(Known {
        codec: codec(row.get_ref(4)?)?,
        stored_bytes: size(row.get_ref(5)?, "storedBytes")?,
        body_bytes: size(row.get_ref(6)?, "bodyBytes")?,
        created: rows::timestamp(row.get_ref(7)?, "createdAt")?,
        standing,
        pinned,
    })
}
