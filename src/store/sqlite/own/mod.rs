//! Our own tables: whether they are there, how they come and how they go.
//!
//! They begin with `snapctl_` and are made, or brought to the newest version, in the transaction that first writes to them. They are looked for in each
//! transaction that needs them, because other processes may make and drop them at any time.
//!
//! A keyframe is in one of two places: in the reference's table as JSON, where `snapctl_keyframe` may have a record of it
//! (without `body`), or compressed, where `snapctl_keyframe` is the keyframe itself and `body` names its bytes in
//! `snapctl_body`. If another program writes a keyframe where there is a compressed one, it has the place: it is newer.

mod bodies;
mod cursor;
mod history;
mod inserted;
mod inventory;
mod keyframes;
mod records;
pub(super) mod sql;

use std::borrow::Cow;

use rusqlite::{CachedStatement, OptionalExtension as _, params};

pub(super) use bodies::Base;
pub(super) use keyframes::Forgotten;
pub(super) use records::codec;

use super::{Transaction, fault};
use crate::model::ids::{Revision, StreamKey};
use crate::store::records::{Migrated, OwnTables, VERSION};
use crate::store::{Fact, StoreError};

/// Whether our tables can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    /// There are none.
    Absent,
    /// They are there, in a version that this program knows.
    Present(u32),
    /// They are there, in a newer version.
    Newer(u32),
    /// Some of them are there.
    Partial,
}

/// The place of a keyframe in the tables: document, scope, branch, revision.
pub(super) type Place<'a> = (&'a str, &'a str, &'a str, i64);

/// The place of a keyframe; `None` if its label is beyond what a column holds, so that it has none.
pub(super) fn place(stream: &StreamKey, revision: Revision) -> Option<Place<'_>> {
    let label = i64::try_from(revision.get()).ok()?;
    Some((stream.document.as_str(), stream.scope.as_str(), stream.branch.as_str(), label))
}

impl Transaction<'_> {
    /// Whether our tables can be used.
    pub(super) fn own(&self) -> Result<Own, StoreError> {
        if let Some(own) = self.own.get() {
            return Ok(own);
        }
        let own = self.driver("read", self.look_for_own())?;
        self.own.set(Some(own));
        Ok(own)
    }

    fn look_for_own(&self) -> rusqlite::Result<Own> {
        let connection = &self.session().connection;
        let mut find = connection.prepare_cached(sql::FIND_TABLES)?;
        let names: Vec<String> = find.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        // Other names that begin in the same way are none of ours.
        let n_found = names.iter().filter(|name| sql::TABLES.contains(&name.as_str())).count();
        if n_found == 0 {
            return Ok(Own::Absent);
        }
        if !names.iter().any(|name| name == "snapctl_schema") {
            return Ok(Own::Partial);
        }
        let version: Option<i64> = connection.prepare_cached(sql::VERSION)?.query_row([], |row| row.get(0))?;
        Ok(match version.and_then(|version| u32::try_from(version).ok()) {
            Some(version) if version > VERSION => Own::Newer(version),
            // All versions have the same tables.
            Some(version) if version > 0 && n_found == sql::TABLES.len() => Own::Present(version),
            _ => Own::Partial,
        })
    }

    /// Whether our tables are there.
    ///
    /// # Errors
    /// `Unsupported` if they cannot be used.
    pub(super) fn has_own(&self) -> Result<bool, StoreError> {
        match self.own()? {
            Own::Absent => Ok(false),
            Own::Present(_) => Ok(true),
            Own::Newer(version) => Err(self.newer_version(version)),
            Own::Partial => Err(self.partial()),
        }
    }

    /// Makes our tables if they are absent, and brings them to the newest version.
    fn make_own(&self) -> Result<(), StoreError> {
        self.migrate_own().map(drop)
    }

    /// Prepares a statement that reads columns which older versions of our tables lack: there, what they hold is unknown.
    pub(super) fn prepare_own(&self, statement: &str) -> Result<CachedStatement<'_>, StoreError> {
        let version = if let Own::Present(version) = self.own()? { version } else { VERSION };
        let absent = sql::ADDED.iter().filter(|(added, _)| *added > version);
        let statement = absent.fold(Cow::Borrowed(statement), |statement, (_, column)| {
            Cow::Owned(statement.replace(&format!("\"{column}\""), "NULL"))
        });
        self.prepare(&statement)
    }

    fn migrate_from(&self, version: u32) -> Result<(), StoreError> {
        let connection = &self.session().connection;
        for (step, to) in sql::MIGRATIONS.iter().zip(1_i64..).skip(version as usize) {
            let made = connection.execute_batch(step).and_then(|()| connection.execute(sql::PUT_VERSION, [to]));
            self.driver("write", made)?;
        }
        self.own.set(None);
        Ok(())
    }

    fn migrate_own(&self) -> Result<Migrated, StoreError> {
        let from = if self.has_own()? { self.own()? } else { Own::Absent };
        let (version, from) = match from {
            Own::Present(version) => (version, OwnTables::Version(version)),
            _ => (0, OwnTables::Absent),
        };
        if version < VERSION {
            self.migrate_from(version)?;
        }
        Ok(Migrated { from, to: VERSION })
    }

    fn newer_version(&self, version: u32) -> StoreError {
        let reason = format!(
            "its tables of snapctl are of version {version}, and this program knows {VERSION}: use a newer snapctl, or drop \
             them with that one's `snapctl store migrate --remove`"
        );
        StoreError::Unsupported { location: self.store.location.clone(), reason }
    }

    fn partial(&self) -> StoreError {
        let reason = "some of the tables of snapctl are missing or not its own; without all tables that begin with \
                      snapctl_ it works as before"
            .to_owned();
        StoreError::Unsupported { location: self.store.location.clone(), reason }
    }

    /// Runs a statement that changes something at a place, and says how many rows it changed.
    pub(super) fn change_at(
        &self,
        statement: &str,
        (document, scope, branch, label): Place<'_>,
    ) -> Result<usize, StoreError> {
        let changed = self
            .session()
            .connection
            .prepare_cached(statement)
            .and_then(|mut statement| statement.execute(params![document, scope, branch, label]));
        self.driver("write", changed)
    }

    /// Whether the reference's table has a keyframe.
    fn has_row(&self, (document, scope, branch, label): Place<'_>) -> Result<bool, StoreError> {
        if !self.session().schema.keyframes {
            return Ok(false);
        }
        let mut statement = self.prepare(sql::HAS_KEYFRAME)?;
        let found = statement.query_row(params![document, scope, branch, label], |_| Ok(())).optional();
        Ok(self.driver("read", found)?.is_some())
    }

    /// What there is to tell of our tables.
    pub(super) fn own_facts(&self) -> Result<Vec<(&'static str, Fact)>, StoreError> {
        let version = match self.own()? {
            Own::Absent | Own::Partial => return Ok(Vec::new()),
            Own::Present(version) => version,
            Own::Newer(version) => return Ok(vec![("ownTablesVersion", Fact::Number(version.into()))]),
        };
        let compressed = self.count(sql::COUNT_COMPRESSED)?;
        Ok(vec![("compressedKeyframes", Fact::Number(compressed)), ("ownTablesVersion", Fact::Number(version.into()))])
    }

    pub(super) fn count(&self, statement: &str) -> Result<u64, StoreError> {
        let mut statement = self.prepare(statement)?;
        let counted = statement.query_row([], |row| row.get::<_, i64>(0));
        counted.map(i64::unsigned_abs).map_err(|error| fault::sort(&self.store.location, "read", error))
    }
}

#[cfg(test)]
mod tests;
