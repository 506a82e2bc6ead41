//! Compressed bodies: written, read, let go.
//!
//! `snapctl_body` holds bytes by a number that `snapctl_keyframe` names. A body of [`Codec::ZstdDelta`] is either the
//! *base* of its group or names it. Bytes that others need stay until the transaction is committed; then those others get
//! a new base, so that what is stored never needs bytes that belong to no keyframe. Doing that once, at the end, keeps the
//! deletion of a whole group from compressing it again and again.

use std::rc::Rc;

use rusqlite::types::{Value, ValueRef};
use rusqlite::{OptionalExtension as _, Row, params};

use super::records::{KEYFRAME, bytes, codec};
use super::{Place, sql};
use crate::model::checksum::Checksum;
use crate::store::StoreError;
use crate::store::codec::{Codec, CodecError, compress, decompress};
use crate::store::sqlite::Transaction;
use crate::store::sqlite::rows::{self, RowError};
use crate::store::sqlite::session::MAX_VALUE_BYTES;

/// The most that a body may have, compressed or not.
const MOST_BYTES: usize = MAX_VALUE_BYTES as usize;

/// How many keyframes a group has at most, so that no change of one compresses more than that many again.
const MOST_IN_GROUP: u64 = 256;

/// What is known of a compressed body.
#[derive(Clone, Copy)]
pub(in crate::store::sqlite) struct Body {
    /// Its bytes.
    pub(super) id: i64,
    /// Those of the base of its group, if it is not the base itself.
    pub(super) base: Option<i64>,
    pub(super) codec: Codec,
    pub(super) stored_bytes: i64,
    checksum: Checksum,
}

/// A body as it was put away.
pub(super) struct Stored {
    pub(super) id: i64,
    pub(super) base: Option<i64>,
    pub(super) bytes: i64,
}

/// The body that others were last read with, by its number.
pub(in crate::store::sqlite) type Base = Option<(i64, Rc<Vec<u8>>)>;

/// A keyframe of a group, and its body unless that is damaged.
type Member = (Owner, Result<Body, StoreError>);

impl Transaction<'_> {
    /// What is known of the compressed body at a place, also of one that another program's keyframe hides.
    pub(in crate::store::sqlite) fn find_body(
        &self,
        (document, scope, branch, label): Place<'_>,
    ) -> Result<Option<Body>, StoreError> {
        let mut statement = self.prepare(sql::BODY)?;
        let mut found = self.driver("read", statement.query(params![document, scope, branch, label]))?;
        let Some(row) = self.driver("read", found.next())? else { return Ok(None) };
        Body::decode(row, 4).map(Some).map_err(|error| self.own_error(KEYFRAME, error, row))
    }

    /// The text of a compressed body.
    pub(in crate::store::sqlite) fn read_body(&self, place: Place<'_>, body: &Body) -> Result<Vec<u8>, StoreError> {
        let base = body.base.map(|base| self.read_base(place, base)).transpose()?;
        let prefix = base.as_ref().map(|base| base.as_slice());
        let text = decompress(&self.blob(place, body.id)?, prefix, MOST_BYTES);
        let text = text.map_err(|error| damaged(place, &error.to_string()))?;
        if Checksum::of(&text) != body.checksum {
            return Err(damaged(place, "its text does not have the checksum that was recorded"));
        }
        Ok(text)
    }

    /// The text of a base; the last one is kept, because the keyframes of a group mostly follow each other.
    fn read_base(&self, place: Place<'_>, id: i64) -> Result<Rc<Vec<u8>>, StoreError> {
        if let Some((last, text)) = &*self.base.borrow()
            && *last == id
        {
            return Ok(Rc::clone(text));
        }
        let text = decompress(&self.blob(place, id)?, None, MOST_BYTES);
        let text = Rc::new(text.map_err(|error| damaged(place, &format!("its base: {error}")))?);
        *self.base.borrow_mut() = Some((id, Rc::clone(&text)));
        Ok(text)
    }

    fn blob(&self, place: Place<'_>, id: i64) -> Result<Vec<u8>, StoreError> {
        let mut statement = self.prepare(sql::BLOB)?;
        let found = statement.query_row([id], |row| Ok(row.get_ref(0)?.as_blob().map(<[u8]>::to_vec)));
        match self.driver("read", found.optional())? {
            Some(Ok(bytes)) => Ok(bytes),
            Some(Err(_)) => Err(damaged(place, "it is no blob")),
            None => Err(damaged(place, &format!("row {id} is missing"))),
        }
    }

    /// Puts away the body of a keyframe that is to be at a place.
    pub(super) fn put_body(&self, place: Place<'_>, text: &[u8], codec: Codec) -> Result<Stored, StoreError> {
        if text.len() > MOST_BYTES {
            return Err(
                self.unsupported(format!("a body of {} bytes is more than the {MOST_BYTES} that are read", text.len()))
            );
        }
        if codec == Codec::ZstdDelta
            && let Some(group) = self.group_at(place)?
            && let Some(bytes) = self.fitting_delta(place, text, &group)?
        {
            return self.put_blob(&bytes, Some(group.base));
        }
        self.put_blob(&self.compressed(text, None)?, None)
    }

    /// The text, compressed with the base of a group, if it is to be one of the group.
    fn fitting_delta(&self, place: Place<'_>, text: &[u8], group: &Group) -> Result<Option<Vec<u8>>, StoreError> {
        if group.members >= MOST_IN_GROUP {
            return Ok(None);
        }
        let base = match self.read_base(place, group.base) {
            // A damaged base is no reason not to write.
            Err(StoreError::Corrupt { .. }) => return Ok(None),
            base => base?,
        };
        let bytes = self.compressed(text, Some(&base))?;
        // Differences grow with the distance to the base, and the mean over a group, its base included, is least just before
        // the first difference that is larger than it.
        let members = group.members.saturating_add(1);
        let fits = (bytes.len() as u64).saturating_mul(members) <= group.base_bytes.saturating_add(group.delta_bytes);
        Ok(Some(bytes).filter(|_| fits))
    }

    /// The group that a new keyframe at a place may belong to: that of the keyframe before it.
    fn group_at(&self, (document, scope, branch, label): Place<'_>) -> Result<Option<Group>, StoreError> {
        let mut statement = self.prepare(sql::GROUP_AT)?;
        let found = statement.query_row(params![document, scope, branch, label], |row| row.get::<_, i64>(0)).optional();
        let Some(base) = self.driver("read", found)? else { return Ok(None) };
        let mut statement = self.prepare(sql::GROUP)?;
        let number = |row: &Row<'_>, at| row.get::<_, i64>(at).map(i64::unsigned_abs);
        let found = statement.query_row([base], |row| {
            Ok(Group { base, base_bytes: number(row, 0)?, delta_bytes: number(row, 1)?, members: number(row, 2)? })
        });
        self.driver("read", found.optional())
    }

    pub(super) fn compressed(&self, text: &[u8], prefix: Option<&[u8]>) -> Result<Vec<u8>, StoreError> {
        compress(text, prefix).map_err(|error: CodecError| StoreError::Unavailable {
            location: self.store.location.clone(),
            action: "write",
            source: error.into(),
        })
    }

    fn put_blob(&self, bytes: &[u8], base: Option<i64>) -> Result<Stored, StoreError> {
        let put = self.session().connection.prepare_cached(sql::PUT_BLOB).and_then(|mut put| put.insert([bytes]));
        let id = self.driver("write", put)?;
        Ok(Stored { id, base, bytes: i64::try_from(bytes.len()).unwrap_or(i64::MAX) })
    }

    /// Lets go of the compressed body at a place, if there is one, and says whether there was. The caller sees to the row,
    /// whose other columns need not decode.
    pub(super) fn release(&self, place: Place<'_>) -> Result<bool, StoreError> {
        let Some((id, base)) = self.find_bytes(place)? else { return Ok(false) };
        // What is no number names nothing.
        if let (Value::Integer(id), base) = (id, base) {
            if base == Value::Null && self.has_members(id)? {
                self.orphans.borrow_mut().insert(id);
            } else {
                self.drop_blob(id)?;
            }
        }
        Ok(true)
    }

    /// Whether there is a compressed body at a place, also one that another program's keyframe hides.
    pub(super) fn has_body(&self, place: Place<'_>) -> Result<bool, StoreError> {
        Ok(self.find_bytes(place)?.is_some())
    }

    /// The numbers of the bytes at a place and of their base.
    fn find_bytes(&self, (document, scope, branch, label): Place<'_>) -> Result<Option<(Value, Value)>, StoreError> {
        let mut statement = self.prepare(sql::BODY)?;
        let found = statement
            .query_row(params![document, scope, branch, label], |row| Ok((row.get(4)?, row.get(5)?)))
            .optional();
        self.driver("read", found)
    }

    fn has_members(&self, base: i64) -> Result<bool, StoreError> {
        self.driver("read", self.prepare(sql::MEMBERS)?.exists([base]))
    }

    fn drop_blob(&self, id: i64) -> Result<(), StoreError> {
        // Its number may be given to another.
        *self.base.borrow_mut() = None;
        let dropped = self.session().connection.prepare_cached(sql::DROP_BLOB).and_then(|mut drop| drop.execute([id]));
        self.driver("write", dropped).map(drop)
    }

    /// Gives a new base to the keyframes whose base belongs to no keyframe any more: the first of them.
    pub(in crate::store::sqlite) fn settle(&self) -> Result<(), StoreError> {
        let orphans = std::mem::take(&mut *self.orphans.borrow_mut());
        for orphan in orphans {
            let mut first: Option<(i64, Vec<u8>)> = None;
            let mut left = false;
            for (owner, body) in self.members(orphan)? {
                let place = owner.place();
                let read = body.and_then(|body| self.read_body(place, &body).map(|text| (body, text)));
                let (body, text) = match read {
                    // It cannot be read with another base either, and maybe somebody finds out why.
                    Err(StoreError::Corrupt { .. }) => {
                        left = true;
                        continue;
                    }
                    read => read?,
                };
                let bytes = self.compressed(&text, first.as_ref().map(|(_, text)| &text[..]))?;
                self.replace_blob(place, body.id, &bytes, first.as_ref().map(|(id, _)| *id))?;
                first.get_or_insert((body.id, text));
            }
            if !left {
                self.drop_blob(orphan)?;
            }
        }
        Ok(())
    }

    /// The members of a group beside its base, in order.
    fn members(&self, base: i64) -> Result<Vec<Member>, StoreError> {
        let mut statement = self.prepare(sql::MEMBERS)?;
        let mut found = self.driver("read", statement.query([base]))?;
        let mut members = Vec::new();
        while let Some(row) = self.driver("read", found.next())? {
            let owner = (|| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))();
            let (document, scope, branch, label) = self.driver("read", owner)?;
            let body = Body::decode(row, 4).map_err(|error| self.own_error(KEYFRAME, error, row));
            members.push((Owner { document, scope, branch, label }, body));
        }
        Ok(members)
    }

    fn replace_blob(&self, place: Place<'_>, id: i64, bytes: &[u8], base: Option<i64>) -> Result<(), StoreError> {
        let connection = &self.session().connection;
        let (document, scope, branch, label) = place;
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let replaced = connection
            .prepare_cached(sql::REPLACE_BLOB)
            .and_then(|mut replace| replace.execute(params![id, bytes]))
            .and_then(|_| connection.prepare_cached(sql::MOVE_BODY))
            .and_then(|mut change| change.execute(params![document, scope, branch, label, size, base]));
        self.driver("write", replaced).map(drop)
    }
}

impl Body {
    /// Decodes the columns from `at` on: body, base, codec, stored bytes, body bytes, checksum.
    pub(super) fn decode(row: &Row<'_>, at: usize) -> Result<Self, RowError> {
        Ok(Body {
            id: rows::integer(row.get_ref(at)?, "body")?,
            base: match row.get_ref(at + 1)? {
                ValueRef::Null => None,
                value => Some(rows::integer(value, "base")?),
            },
            codec: codec(row.get_ref(at + 2)?)?,
            stored_bytes: rows::integer(row.get_ref(at + 3)?, "storedBytes")?,
            checksum: Checksum::from_bytes(bytes(row.get_ref(at + 4)?, "checksum")?),
        })
    }
}

/// The error for a compressed body that cannot be read.
pub(super) fn damaged((document, scope, branch, label): Place<'_>, reason: &str) -> StoreError {
    let key = format!("document {document}, scope {scope}, branch {branch}, revision {label}");
    StoreError::Corrupt { table: "snapctl_body", key, column: "body", reason: reason.to_owned() }
}

/// The group of a base.
struct Group {
    base: i64,
    base_bytes: u64,
    /// Of all others.
    delta_bytes: u64,
    /// All others.
    members: u64,
}

/// A place that was read.
struct Owner {
    document: String,
    scope: String,
    branch: String,
    label: i64,
}

impl Owner {
    fn place(&self) -> Place<'_> {
        (&self.document, &self.scope, &self.branch, self.label)
    }
}
