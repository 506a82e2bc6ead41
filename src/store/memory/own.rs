//! Our own tables in memory.

use std::sync::Arc;

use imbl::OrdMap;

use super::{Body, Moment, first_stream};
use crate::model::checksum::Checksum;
use crate::model::ids::{Revision, StreamKey};
use crate::store::codec::Codec;
use crate::store::history::{Mutation, MutationId, Run, RunId};
use crate::store::records::{
    Check, Kept, KeyframeRecord, Migrated, NewRecord, OwnTables, Pin, Removed, StreamSeal, Totals, VERSION, Within,
};
use crate::store::{Flow, Records, RecordsMut, StoreError};

/// The tables.
#[derive(Clone, Default)]
pub(super) struct Own {
    version: Option<u32>,
    /// Of every keyframe that is checked, pinned or not stored as [`Codec::Json`].
    records: OrdMap<StreamKey, OrdMap<Revision, Arc<Record>>>,
    seals: OrdMap<StreamKey, StreamSeal>,
    pub(super) runs: OrdMap<RunId, Run>,
    pub(super) mutations: OrdMap<MutationId, Arc<Noted>>,
}

/// What is recorded of a keyframe beside what its body says.
struct Record {
    checksum: Checksum,
    check: Option<Check>,
    pin: Option<Pin>,
}

/// A change of a keyframe.
pub(super) struct Noted {
    pub(super) mutation: Mutation,
    /// The body before, if it was kept.
    pub(super) body: Option<Vec<u8>>,
}

impl Own {
    /// Makes the tables if they are absent.
    pub(super) fn make(&mut self) -> &mut Self {
        self.version.get_or_insert(VERSION);
        self
    }

    /// Takes note that a keyframe has the body `document` from now on, stored with `codec`, where it had `former`.
    pub(super) fn written(
        &mut self,
        stream: &StreamKey,
        revision: Revision,
        former: Option<&[u8]>,
        document: &[u8],
        codec: Codec,
    ) {
        let same = former == Some(document);
        let record = self.records.get(stream).and_then(|records| records.get(&revision));
        let check = record.and_then(|record| record.check.clone()).filter(|_| same);
        let pin = record.and_then(|record| record.pin.clone());
        self.put(stream, revision, codec, Record { checksum: Checksum::of(document), check, pin });
    }

    /// Forgets a keyframe.
    pub(super) fn forget(&mut self, stream: &StreamKey, revision: Revision) {
        if let Some(records) = self.records.get_mut(stream) {
            records.remove(&revision);
        }
    }

    fn put(&mut self, stream: &StreamKey, revision: Revision, codec: Codec, record: Record) {
        if codec == Codec::Json && record.check.is_none() && record.pin.is_none() {
            self.forget(stream, revision);
            return;
        }
        self.make().records.entry(stream.clone()).or_default().insert(revision, Arc::new(record));
    }
}

impl Moment<'_> {
    fn body(&self, stream: &StreamKey, revision: Revision) -> Option<&Body> {
        self.tables.keyframes.get(stream).and_then(|bodies| bodies.get(&revision)).map(|body| &**body)
    }

    fn record(&self, stream: &StreamKey, revision: Revision, record: &Record) -> Option<KeyframeRecord> {
        let body = self.body(stream, revision)?;
        let size = body.document.len() as u64;
        Some(KeyframeRecord {
            stream: stream.clone(),
            revision,
            codec: body.codec,
            stored_bytes: size,
            body_bytes: size,
            checksum: record.checksum,
            created: body.created,
            check: record.check.clone(),
            pin: record.pin.clone(),
        })
    }
}

/// The entries of a map that are meant, in order.
fn within<'m, T: Clone>(
    map: &'m OrdMap<StreamKey, T>,
    within: Within<'m>,
) -> impl Iterator<Item = (&'m StreamKey, &'m T)> {
    let first = match within {
        Within::Everything => first_stream(&"".into()),
        Within::Document(document) => first_stream(document),
        Within::Stream(stream) => stream.clone(),
    };
    map.range(first..).take_while(move |(stream, _)| within.includes(stream))
}

impl Records for Moment<'_> {
    fn tables(&self) -> Result<OwnTables, StoreError> {
        Ok(self.tables.own.version.map_or(OwnTables::Absent, OwnTables::Version))
    }

    fn keyframe_record(&self, stream: &StreamKey, revision: Revision) -> Result<Option<KeyframeRecord>, StoreError> {
        let record = self.tables.own.records.get(stream).and_then(|records| records.get(&revision));
        Ok(record.and_then(|record| self.record(stream, revision, record)))
    }

    fn newest_sound(&self, stream: &StreamKey, at_most: Revision) -> Result<Option<KeyframeRecord>, StoreError> {
        let records =
            self.tables.own.records.get(stream).into_iter().flat_map(|records| records.range(..=at_most).rev());
        let mut records = records.filter_map(|(revision, record)| self.record(stream, *revision, record));
        Ok(records.find(|record| record.proof().is_some()))
    }

    fn keyframe_records(
        &self,
        within: Within<'_>,
        visit: &mut dyn FnMut(&KeyframeRecord) -> Flow,
    ) -> Result<(), StoreError> {
        let mut records = self::within(&self.tables.own.records, within).flat_map(|(stream, records)| {
            records.iter().filter_map(|(revision, record)| self.record(stream, *revision, record))
        });
        let _ = records.try_for_each(|record| visit(&record));
        Ok(())
    }

    fn inventory(&self, within: Within<'_>, visit: &mut dyn FnMut(&Kept<'_>) -> Flow) -> Result<(), StoreError> {
        for (stream, bodies) in self::within(&self.tables.keyframes, within) {
            for revision in bodies.keys() {
                let record = self.keyframe_record(stream, *revision)?;
                let label = revision.get().try_into().unwrap_or(i64::MAX);
                let known = record.as_ref().map(KeyframeRecord::known);
                if visit(&Kept { stream, label, known }).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn stream_seal(&self, stream: &StreamKey) -> Result<Option<StreamSeal>, StoreError> {
        Ok(self.tables.own.seals.get(stream).cloned())
    }

    fn stream_seals(&self, within: Within<'_>, visit: &mut dyn FnMut(&StreamSeal) -> Flow) -> Result<(), StoreError> {
        let _ = self::within(&self.tables.own.seals, within).try_for_each(|(_, seal)| visit(seal));
        Ok(())
    }

    fn totals(&self) -> Result<Totals, StoreError> {
        let own = &self.tables.own;
        let mut totals =
            Totals { seals: own.seals.len() as u64, mutations: own.mutations.len() as u64, ..Totals::default() };
        self.keyframe_records(Within::Everything, &mut |record| {
            totals.records += 1;
            totals.checks += u64::from(record.check.is_some());
            totals.sound += u64::from(record.proof().is_some());
            totals.pins += u64::from(record.pin.is_some());
            if record.codec != Codec::Json {
                totals.compressed += 1;
                totals.compressed_bytes += record.stored_bytes;
            }
            Flow::Continue(())
        })?;
        Ok(totals)
    }
}

impl RecordsMut for Moment<'_> {
    fn put_record(&mut self, record: &NewRecord<'_>) -> Result<bool, StoreError> {
        let NewRecord { stream, revision, checksum, body_bytes, check, pin } = *record;
        let Some(body) = self.body(stream, revision) else { return Ok(false) };
        let codec = body.codec;
        let size = body.document.len() as u64;
        if codec != Codec::Json && (size, Checksum::of(&body.document)) != (body_bytes, checksum) {
            return Ok(false);
        }
        let record = Record { checksum, check: check.cloned(), pin: pin.cloned() };
        self.tables.own.put(stream, revision, codec, record);
        self.note_change();
        Ok(true)
    }

    fn delete_record(&mut self, stream: &StreamKey, revision: Revision) -> Result<bool, StoreError> {
        let Some(record) = self.keyframe_record(stream, revision)? else { return Ok(false) };
        let KeyframeRecord { codec, checksum, .. } = record;
        self.tables.own.put(stream, revision, codec, Record { checksum, check: None, pin: None });
        self.note_change();
        Ok(record.check.is_some() || record.pin.is_some())
    }

    fn put_seal(&mut self, seal: &StreamSeal) -> Result<(), StoreError> {
        self.tables.own.make().seals.insert(seal.stream.clone(), seal.clone());
        self.note_change();
        Ok(())
    }

    fn delete_seal(&mut self, stream: &StreamKey) -> Result<bool, StoreError> {
        let deleted = self.tables.own.seals.remove(stream).is_some();
        if deleted {
            self.note_change();
        }
        Ok(deleted)
    }

    fn migrate(&mut self) -> Result<Migrated, StoreError> {
        let from = self.tables()?;
        if from == OwnTables::Absent {
            self.tables.own.make();
            self.note_change();
        }
        Ok(Migrated { from, to: VERSION })
    }

    fn remove(&mut self) -> Result<Removed, StoreError> {
        if self.tables()? == OwnTables::Absent {
            return Ok(Removed::default());
        }
        let lost = self.totals()?;
        let mut keyframes = self.tables.keyframes.clone();
        for (stream, bodies) in &self.tables.keyframes {
            for (revision, body) in bodies.iter().filter(|(_, body)| body.codec != Codec::Json) {
                let body = Arc::new(body.as_codec(Codec::Json));
                keyframes.entry(stream.clone()).or_default().insert(*revision, body);
            }
        }
        self.tables.keyframes = keyframes;
        self.tables.own = Own::default();
        self.note_change();
        Ok(Removed { lost, restored: lost.compressed, unreadable: Vec::new() })
    }
}
