//! Giving free space back.

use super::{Access, SqliteStore, fault, sql};
use crate::store::{StoreError, Vacuumed};

impl SqliteStore {
    /// Writes the file anew without its free pages, outside of any transaction (<https://www.sqlite.org/lang_vacuum.html>),
    /// and brings what that leaves in a write-ahead log into the file, as far as readers let it.
    pub(super) fn rewrite(&self) -> Result<Vacuumed, StoreError> {
        if self.options.access == Access::Read {
            return Err(StoreError::ReadOnly { location: self.location.clone() });
        }
        let before_bytes = self.look("write")?.size_bytes();
        let (session, _) = self.session()?;
        let rewritten = session.connection.execute_batch(sql::VACUUM).and_then(|()| {
            // Whether it was busy, and how much it did: what a reader keeps it from, the next writer does.
            session.connection.query_row(sql::CHECKPOINT, [], |_| Ok(()))
        });
        rewritten.map_err(|error| fault::sort(&self.location, "write", error))?;
        self.pool.put(session);
        Ok(Vacuumed { before_bytes, after_bytes: self.look("write")?.size_bytes() })
    }
}
