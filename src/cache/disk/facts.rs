//! Facts, as they are stored.

use std::time::Duration;

use super::wire::{In, Out};
use crate::cache::{Cost, Facts, Head};
use crate::model::ids::{OpIndex, Revision, StreamKey};
use crate::model::seal::Seal;
use crate::model::time::Timestamp;

/// All of them, as bytes.
pub(super) fn write(facts: &Facts) -> Vec<u8> {
    let Facts { stream, revision, operation, document_type, versions, fingerprint, heads, newest, seal, cost } = facts;
    let mut out = Out::default();
    for name in [stream.document.as_str(), stream.scope.as_str(), stream.branch.as_str()] {
        out.text(name);
    }
    out.option(*revision, |out, revision| out.number(revision.get()));
    out.option(operation.as_ref(), |out, operation| out.text(operation.as_str()));
    out.text(document_type.as_str());
    out.number(versions.len() as u64);
    versions.iter().for_each(|version| out.number(u64::from(*version)));
    out.text(fingerprint.as_str());
    out.number(heads.len() as u64);
    for Head { scope, revision, operation } in heads {
        out.text(scope.as_str());
        out.number(revision.get());
        out.text(operation.as_str());
    }
    out.option(*newest, |out, time| out.number(time.as_millis().cast_unsigned()));
    out.option(seal.as_ref(), |out, seal| out.bytes(seal.bytes()));
    out.number(cost.operations);
    out.number(u64::try_from(cost.elapsed.as_nanos()).unwrap_or(u64::MAX));
    out.0
}

/// What [`write()`] wrote; `None` for anything else.
pub(super) fn read(bytes: &[u8]) -> Option<Facts> {
    let mut bytes = In(bytes);
    let bytes = &mut bytes;
    let facts = Facts {
        stream: StreamKey { document: bytes.text()?.into(), scope: bytes.text()?.into(), branch: bytes.text()?.into() },
        revision: bytes.option(revision)?,
        operation: bytes.option(In::text)?.map(Into::into),
        document_type: bytes.text()?.into(),
        versions: several(bytes, |bytes| u32::try_from(bytes.number()?).ok())?,
        fingerprint: bytes.text()?.into(),
        heads: several(bytes, head)?,
        newest: bytes.option(|bytes| Timestamp::from_millis(bytes.number()?.cast_signed()))?,
        seal: bytes.option(|bytes| Some(Seal::from_bytes(bytes.bytes()?.try_into().ok()?)))?,
        cost: Cost { operations: bytes.number()?, elapsed: Duration::from_nanos(bytes.number()?) },
    };
    bytes.is_empty().then_some(facts)
}

fn head(bytes: &mut In<'_>) -> Option<Head> {
    Some(Head { scope: bytes.text()?.into(), revision: revision(bytes)?, operation: bytes.text()?.into() })
}

fn revision(bytes: &mut In<'_>) -> Option<Revision> {
    bytes.number().map(|index| Revision::of(OpIndex::new(index)))
}

/// As many as the number before them says, if they are there.
fn several<'a, T, C: Default + Extend<T>>(bytes: &mut In<'a>, one: impl Fn(&mut In<'a>) -> Option<T>) -> Option<C> {
    let mut all = C::default();
    for _ in 0..bytes.number()? {
        all.extend([one(bytes)?]);
    }
    Some(all)
}
