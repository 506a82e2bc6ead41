//! Reading keyframes.

use std::borrow::Cow;

use rusqlite::types::ValueRef;
use rusqlite::{Row, params};

use super::read::{row_id, too_big};
use super::rows::{self, RowError};
use super::schema::KEYFRAME;
use super::{Transaction, sql};
use crate::model::ids::{DocumentId, Revision, StreamKey};
use crate::store::{Codec, DocumentEntry, Flow, KeyframeEntry, StoreError};

impl Transaction<'_> {
    pub(super) fn find_keyframe(
        &self,
        stream: &StreamKey,
        at_most: Revision,
    ) -> Result<Option<KeyframeEntry>, StoreError> {
        let mut statement = self.prepare(sql::NEAREST_KEYFRAME)?;
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
        let mut after: Option<String> = None;
        loop {
            let mut statement = self.prepare(sql::KEYFRAMED_AFTER)?;
            let mut found = self.driver("read", statement.query(params![after]))?;
            let Some(row) = self.driver("read", found.next())? else { return Ok(orphans) };
            let decode = || -> Result<_, RowError> {
                let id = rows::text(row.get_ref(0)?, "documentId")?.to_owned();
                Ok((id, rows::text(row.get_ref(1)?, "documentType")?.into()))
            };
            let (id, document_type) = decode().map_err(|error| self.row_error(KEYFRAME, error, || row_id(row, 2)))?;
            let mut has_operations = self.prepare(sql::HAS_OPERATIONS)?;
            if !self.driver("read", has_operations.exists([&id]))? {
                orphans.push(DocumentEntry { id: id.as_str().into(), document_type });
            }
            after = Some(id);
        }
    }

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
        statement: &str,
        document: &DocumentId,
        visit: &mut dyn FnMut(&KeyframeEntry) -> Flow,
    ) -> Result<(), StoreError> {
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
                codec: Codec::Json,
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
