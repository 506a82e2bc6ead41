//! Which store entries are of.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

/// Names a store, so that entries of one are never taken for those of another: where it is, and what tells the file there
/// from another file at the same place. Two of them are equal if both texts are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreIdentity {
    digest: [u8; 32],
    location: Arc<str>,
}

impl StoreIdentity {
    /// Names the store at `location`, an absolute path or a URL without secrets; `file` is what changes when another file
    /// takes its place, such as device, inode and birth time, or nothing where there is no such thing.
    #[must_use]
    pub fn new(location: &str, file: &str) -> Self {
        let mut sha = Sha256::new();
        sha.update((location.len() as u64).to_le_bytes());
        sha.update(location);
        sha.update(file);
        StoreIdentity { digest: sha.finalize().into(), location: location.into() }
    }

    /// Where the store is, for people.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    /// SHA-256 of both texts.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

impl fmt::Debug for StoreIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.location, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_file_at_the_same_place_is_another_store() {
        let store = StoreIdentity::new("/a/ops.db", "1:2");
        assert_eq!(store, StoreIdentity::new("/a/ops.db", "1:2"));
        for other in [("/a/ops.db", "1:3"), ("/a/ops.d", "b1:2"), ("/a/ops.db1:2", "")] {
            assert_ne!(store.digest(), StoreIdentity::new(other.0, other.1).digest(), "{other:?}");
        }
    }
}
