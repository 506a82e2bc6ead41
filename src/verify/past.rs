//! What was recorded of a stream when it was checked before.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;

use super::{Checks, Seals};
use crate::model::ids::{OpIndex, Revision, StreamKey};
use crate::model::seal::Seal;
use crate::store::records::Within;
use crate::store::{Read, StoreError};

/// Seals of a stream, and the keyframes that were found right.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// By revision.
    seals: BTreeMap<Revision, Seal>,
    /// The labels of keyframes that were found right, ascending.
    right: Vec<Revision>,
    /// How far the stream was found sound.
    sound: Option<Revision>,
}

impl Past {
    /// Reads what is recorded in the store, and in a file. Records that cannot be read are none, and so are, for a check that is
    /// to be recorded, those that lack something that it would add.
    ///
    /// # Errors
    /// `Busy`, `Unavailable`, `Moved`.
    pub(super) fn read(
        read: &dyn Read,
        stream: &StreamKey,
        checks: &Checks,
        seals: Option<&Seals>,
    ) -> Result<Self, StoreError> {
        let mut past = Past::default();
        let recorded = past.read_records(read, stream, checks);
        match recorded {
            Err(StoreError::Unsupported { .. } | StoreError::Corrupt { .. }) => past = Past::default(),
            recorded => recorded?,
        }
        if let Some(sealed) = seals.and_then(|seals| seals.get(stream)) {
            past.seals.insert(sealed.revision, sealed.seal);
        }
        Ok(past)
    }

    fn read_records(&mut self, read: &dyn Read, stream: &StreamKey, checks: &Checks) -> Result<(), StoreError> {
        let records = read.records();
        if let Some(sealed) = records.stream_seal(stream)? {
            self.sound = Some(sealed.revision);
            self.seals.insert(sealed.revision, sealed.seal);
        }
        records.keyframe_records(Within::Stream(stream), &mut |record| {
            if let Some(proof) = record.proof() {
                if proof.newest.is_some() || checks.collect.is_none() {
                    self.right.push(record.revision);
                }
                self.seals.insert(record.revision, proof.seal);
            }
            ControlFlow::Continue(())
        })
    }

    /// The seals, ascending.
    pub(super) fn seals(&self) -> VecDeque<(Revision, Seal)> {
        self.seals.iter().map(|(revision, seal)| (*revision, *seal)).collect()
    }

    /// The newest keyframe from which a check may start: everything up to it was found sound, all keyframes up to it were
    /// found right, and nothing else up to it, as what is `held` elsewhere, has to be compared.
    pub(super) fn base(&self, labels: &VecDeque<u64>, held: Option<OpIndex>) -> Option<Revision> {
        let sound = self.sound?;
        let is_right = |label: u64| self.right.binary_search(&Revision::of(OpIndex::new(label))).is_ok();
        let unchecked = labels.iter().find(|label| !is_right(**label));
        let below = |revision: &Revision| {
            unchecked.is_none_or(|label| revision.get() < *label) && held.is_none_or(|held| revision.last() < held)
        };
        self.right.iter().rev().find(|revision| **revision <= sound && below(revision)).copied()
    }
}
