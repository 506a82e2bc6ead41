//! Reading keyframes.

use std::borrow::Cow;

use rusqlite::types::ValueRef;
use rusqlite::{Row, params};

use super::read::{row_id, too_big};
use super::rows::{self, RowError};
use super::schema::{KEYFRAME, SNAPSHOT};
use super::{Transaction, own, sql};
use crate::model::ids::{DocumentId, Revision, StreamKey};
use crate::store::{Detail, DocumentEntry, Flow, KeyframeEntry, Order, ReadModelRow, Serial, Storage, StoreError};

impl Transaction<'_> {
    pub(super) fn find_nearest(
        &self,
        stream: &StreamKey,
        at_most: Revision,
    ) -> Result<Option<KeyframeEntry>, StoreError> {
        let row = self.find_keyframe(sql::NEAREST_KEYFRAME, stream, at_most)?;
        let compressed =
            if self.reads_own()? { self.find_keyframe(own::sql::NEAREST_COMPRESSED, stream, at_most)? } else { None };
        // Of two in one place the row is the newer one.
        Ok(match (row, compressed) {
            (Some(row), Some(compressed)) if compressed.label > row.label => Some(compressed),
            (row, compressed) => row.or(compressed),
        })
    }

    fn find_keyframe(
        &self,
        statement: &str,
        stream: &StreamKey,
        at_most: Revision,
    ) -> Result<Option<KeyframeEntry>, StoreError> {
        let mut statement = self.prepare(statement)?;
        let StreamKey { document, scope, branch } = stream;
        let at_most = i64::try_from(at_most.get()).unwrap_or(i64::MAX);
        let mut found =
            self.driver("read", statement.query(params![document.as_str(), scope.as_str(), branch.as_str(), at_most]))?;
        let Some(row) = self.driver("read", found.next())? else { return Ok(None) };
        self.keyframe_entry(document, row).map(Some)
    }

    /// Documents that have keyframes and no operations.
    pub(super) fn find_orphans(&self) -> Result<Vec<DocumentEntry>, StoreError> {
        let mut orphans = Vec::new();
        let has_own = self.reads_own()?;
        let mut next = self.next_keyframed(None, has_own)?;
        while let Some(entry) = next {
            let mut has_operations = self.prepare(sql::HAS_OPERATIONS)?;
            let known = self.driver("read", has_operations.exists([entry.id.as_str()]))?;
            next = self.next_keyframed(Some(&entry.id), has_own)?;
            if !known {
                orphans.push(entry);
            }
        }
        Ok(orphans)
    }

    /// The next document with keyframes, by id, of both tables.
    fn next_keyframed(&self, after: Option<&DocumentId>, has_own: bool) -> Result<Option<DocumentEntry>, StoreError> {
        let statements = match after {
            None => [sql::KEYFRAMED_FROM, own::sql::KEYFRAMED_FROM],
            Some(_) => [sql::KEYFRAMED_AFTER, own::sql::KEYFRAMED_AFTER],
        };
        let mut least: Option<DocumentEntry> = None;
        for statement in &statements[..if has_own { 2 } else { 1 }] {
            let mut statement = self.prepare(statement)?;
            let mut found = self.driver("read", statement.query([after.map_or("", DocumentId::as_str)]))?;
            let Some(row) = self.driver("read", found.next())? else { continue };
            let decode = || -> Result<_, RowError> {
                let id = rows::text(row.get_ref(0)?, "documentId")?.into();
                Ok(DocumentEntry { id, document_type: rows::text(row.get_ref(1)?, "documentType")?.into() })
            };
            let entry = decode().map_err(|error| self.row_error(KEYFRAME, error, || row_id(row, 2)))?;
            if least.as_ref().is_none_or(|least| entry.id < least.id) {
                least = Some(entry);
            }
        }
        Ok(least)
    }

    pub(super) fn find_document(&self, stream: &StreamKey, revision: Revision) -> Result<Option<Vec<u8>>, StoreError> {
        match (self.find_keyframe_document(stream, revision)?, own::place(stream, revision)) {
            (None, Some(place)) => self.find_compressed(place),
            (row, _) => Ok(row),
        }
    }

    pub(super) fn count_keyframes(&self) -> Result<u64, StoreError> {
        if !self.session().schema.keyframes {
            return Ok(0);
        }
        let compressed = if self.reads_own()? { self.count(own::sql::COUNT_COMPRESSED)? } else { 0 };
        Ok(self.count(sql::COUNT_KEYFRAMES)? + compressed)
    }

    /// The document of a keyframe in the reference's table.
    pub(super) fn find_keyframe_document(
        &self,
        stream: &StreamKey,
        revision: Revision,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let mut statement = self.prepare(sql::KEYFRAME_DOCUMENT)?;
        let StreamKey { document, scope, branch } = stream;
        let Ok(label) = i64::try_from(revision.get()) else { return Ok(None) };
        let mut found =
            self.driver("read", statement.query(params![document.as_str(), scope.as_str(), branch.as_str(), label]))?;
        let row = match found.next() {
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::TooBig) => {
                let key = format!("document {document}, scope {scope}, branch {branch}, revision {revision}");
                return Err(StoreError::Corrupt { table: KEYFRAME, key, column: "document", reason: too_big() });
            }
            next => self.driver("read", next)?,
        };
        let Some(row) = row else { return Ok(None) };
        let body = row.get_ref(0).map_err(RowError::from).and_then(|stored| self.body(stored));
        body.map(Some).map_err(|error| self.row_error(KEYFRAME, error, || keyframe_key(stream, row, 1, 2)))
    }

    /// The body of a keyframe as text; as it is stored if that is not possible.
    pub(super) fn body(&self, stored: ValueRef<'_>) -> Result<Vec<u8>, RowError> {
        let text = match (rows::json(stored, &self.session().connection)?, stored) {
            (Some(text), _) => text,
            (None, ValueRef::Blob(blob)) => Cow::Borrowed(blob),
            (None, other) => Cow::Owned(rows::shown(other).into_bytes()),
        };
        Ok(text.into_owned())
    }

    pub(super) fn visit_keyframes(
        &self,
        document: &DocumentId,
        detail: Detail,
        visit: &mut dyn FnMut(&KeyframeEntry) -> Flow,
    ) -> Result<(), StoreError> {
        let statement = match (detail, self.reads_own()?) {
            (Detail::Label, false) => sql::KEYFRAME_LABELS,
            (Detail::Created, false) => sql::KEYFRAMES,
            (Detail::Label, true) => own::sql::KEYFRAME_LABELS,
            (Detail::Created, true) => own::sql::KEYFRAMES,
        };
        let mut statement = self.prepare(statement)?;
        let mut found = self.driver("read", statement.query([document.as_str()]))?;
        while let Some(row) = self.driver("read", found.next())? {
            let entry = self.keyframe_entry(document, row)?;
            if visit(&entry).is_break() {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn visit_numbered(
        &self,
        storage: Storage,
        from: Serial,
        order: Order,
        visit: &mut dyn FnMut(Serial, &KeyframeEntry) -> Flow,
    ) -> Result<(), StoreError> {
        let is_there = match storage {
            Storage::Plain => self.session().schema.keyframes,
            Storage::Compressed => self.reads_own()?,
        };
        if !is_there {
            return Ok(());
        }
        let mut statement = self.prepare(match (storage, order) {
            (Storage::Plain, Order::Forward) => sql::NUMBERED_FORWARD,
            (Storage::Plain, Order::Backward) => sql::NUMBERED_BACKWARD,
            (Storage::Compressed, Order::Forward) => own::sql::NUMBERED_FORWARD,
            (Storage::Compressed, Order::Backward) => own::sql::NUMBERED_BACKWARD,
        })?;
        let mut found = self.driver("read", statement.query([from.row]))?;
        while let Some(row) = self.driver("read", found.next())? {
            let place = || -> Result<_, RowError> {
                let document = rows::text(row.get_ref(8)?, "documentId")?.into();
                Ok((document, Serial::of(rows::integer(row.get_ref(5)?, "id")?)))
            };
            let place = place().map_err(|error| self.row_error(KEYFRAME, error, || row_id(row, 5)));
            let (document, serial) = place?;
            if visit(serial, &self.keyframe_entry(&document, row)?).is_break() {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn visit_read_model(
        &self,
        document: &DocumentId,
        visit: &mut dyn FnMut(&ReadModelRow<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        let mut statement = self.prepare(sql::SNAPSHOTS)?;
        let mut found = self.driver("read", statement.query([document.as_str()]))?;
        while let Some(row) = self.driver("read", found.next())? {
            let decode = || -> Result<_, RowError> {
                let scope = rows::text(row.get_ref(0)?, "scope")?.into();
                let branch = rows::text(row.get_ref(1)?, "branch")?.into();
                let last = rows::integer(row.get_ref(2)?, "lastOperationIndex")?;
                let stream = StreamKey { document: document.clone(), scope, branch };
                Ok((stream, last, self.body(row.get_ref(3)?)?))
            };
            let (stream, last, content) =
                decode().map_err(|error| self.row_error(SNAPSHOT, error, || format!("document {document}")))?;
            if visit(&ReadModelRow { stream: &stream, last, content: &content }).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Decodes what [`sql::KEYFRAMES`] and [`sql::NEAREST_KEYFRAME`] select.
    fn keyframe_entry(&self, document: &DocumentId, row: &Row<'_>) -> Result<KeyframeEntry, StoreError> {
        let decode = || -> Result<KeyframeEntry, RowError> {
            let scope = rows::text(row.get_ref(0)?, "scope")?.into();
            let branch = rows::text(row.get_ref(1)?, "branch")?.into();
            Ok(KeyframeEntry {
                stream: StreamKey { document: document.clone(), scope, branch },
                document_type: rows::text(row.get_ref(6)?, "documentType")?.into(),
                label: rows::integer(row.get_ref(2)?, "revision")?,
                created: match row.get_ref(3)? {
                    ValueRef::Null => None,
                    value => Some(rows::timestamp(value, "createdAt")?),
                },
                size_bytes: row.get::<_, Option<i64>>(4)?.map_or(0, i64::unsigned_abs),
                codec: own::codec(row.get_ref(7)?)?,
            })
        };
        decode().map_err(|error| {
            let part = |column| row.get_ref(column).map_or_else(|error| error.to_string(), rows::shown);
            self.row_error(KEYFRAME, error, || {
                format!(
                    "document {document}, scope {}, branch {}, revision {}, {}",
                    part(0),
                    part(1),
                    part(2),
                    row_id(row, 5)
                )
            })
        })
    }
}

fn keyframe_key(stream: &StreamKey, row: &Row<'_>, revision: usize, id: usize) -> String {
    let revision = row.get_ref(revision).map_or_else(|error| error.to_string(), rows::shown);
    let StreamKey { document, scope, branch } = stream;
    format!("document {document}, scope {scope}, branch {branch}, revision {revision}, {}", row_id(row, id))
}

/// The document of a keyframe as text, which is what the reference's table holds.
pub(super) fn as_text<'d>(stream: &StreamKey, revision: Revision, document: &'d [u8]) -> Result<&'d str, StoreError> {
    let StreamKey { document: id, scope, branch } = stream;
    std::str::from_utf8(document).map_err(|error| StoreError::Corrupt {
        table: KEYFRAME,
        key: format!("document {id}, scope {scope}, branch {branch}, revision {revision}"),
        column: "document",
        reason: error.to_string(),
    })
}
