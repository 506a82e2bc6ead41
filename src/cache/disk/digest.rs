//! What rows are known by, and what they are checked with: SHA-256 of all that they say.

use sha2::{Digest as _, Sha256};

use super::wire::Out;
use crate::cache::{FORMAT, Facts};
use crate::model::ids::NextIndex;

pub(super) type Digest = [u8; 32];

/// The key of an entry: everything that the answer depends on and that a lookup could know. See the module's notes on the
/// seal.
pub(super) fn entry_key(store: &Digest, facts: &Facts) -> Digest {
    let Facts { stream, revision, operation, fingerprint, .. } = facts;
    let mut out = Out::default();
    out.text("snapctl cache entry");
    out.number(u64::from(FORMAT));
    out.bytes(store);
    for name in [stream.document.as_str(), stream.scope.as_str(), stream.branch.as_str(), fingerprint.as_str()] {
        out.text(name);
    }
    out.number(NextIndex::from(*revision).get());
    out.option(operation.as_ref(), |out, operation| out.text(operation.as_str()));
    Sha256::digest(out.0).into()
}

/// The key of a body: what it holds.
pub(super) fn body_key(text: &[u8]) -> Digest {
    Sha256::digest(text).into()
}

/// Checks the bytes of a body: they are those that were stored for that key. As strong as a digest of the text itself, of
/// which they are a fraction.
pub(super) fn body_sum(key: &[u8], packed: &[u8]) -> Digest {
    Sha256::new()
        .chain_update((key.len() as u64).to_le_bytes())
        .chain_update(key)
        .chain_update(packed)
        .finalize()
        .into()
}

/// Checks what an entry refers to: its header, and which states are its own.
pub(super) fn contents(header: &[u8], state: &[u8], initial: &[u8]) -> Digest {
    all(&[header, state, initial])
}

/// Checks what an entry says.
pub(super) fn entry_sum(store: &Digest, facts: &[u8], contents: &[u8], size: i64) -> Digest {
    all(&[store, facts, contents, &size.to_le_bytes()])
}

/// Checks that the entry with this sum was the head of its stream.
pub(super) fn head_sum(entry: &[u8], stamp: &str, at_ms: i64) -> Digest {
    all(&[entry, stamp.as_bytes(), &at_ms.to_le_bytes()])
}

fn all(parts: &[&[u8]]) -> Digest {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_le_bytes());
        sha.update(part);
    }
    sha.finalize().into()
}
