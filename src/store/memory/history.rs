//! The history of keyframes in memory.

use std::sync::Arc;

use super::Moment;
use super::own::Noted;
use crate::model::checksum::Checksum;
use crate::model::ids::{Revision, StreamKey};
use crate::model::time::Timestamp;
use crate::store::history::{BodyBefore, Former, Mutation, MutationId, NewMutation, Run, RunId};
use crate::store::{Flow, History, HistoryMut, Records as _, StoreError};

impl Moment<'_> {
    /// A keyframe as it is now, and its body.
    fn former(&self, stream: &StreamKey, revision: Revision) -> Result<Option<(Former, &[u8])>, StoreError> {
        let Some(body) = self.tables.keyframes.get(stream).and_then(|bodies| bodies.get(&revision)) else {
            return Ok(None);
        };
        let record = self.keyframe_record(stream, revision)?;
        let (check, pin) = record.map_or((None, None), |record| (record.check, record.pin));
        let former = Former {
            document_type: body.document_type.clone(),
            created: body.created,
            codec: body.codec,
            checksum: Some(Checksum::of(&body.document)),
            body_bytes: body.document.len() as u64,
            body_kept: false,
            check,
            pin,
        };
        Ok(Some((former, &body.document)))
    }
}

impl History for Moment<'_> {
    fn runs(&self, visit: &mut dyn FnMut(&Run) -> Flow) -> Result<(), StoreError> {
        let _ = self.tables.own.runs.values().rev().try_for_each(visit);
        Ok(())
    }

    fn mutations(&self, run: Option<RunId>, visit: &mut dyn FnMut(&Mutation) -> Flow) -> Result<(), StoreError> {
        let mutations = self.tables.own.mutations.values().rev().map(|noted| &noted.mutation);
        let _ = mutations.filter(|mutation| run.is_none_or(|run| mutation.run == run)).try_for_each(visit);
        Ok(())
    }

    fn mutation_body(&self, id: MutationId) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.tables.own.mutations.get(&id).and_then(|noted| noted.body.clone()))
    }
}

impl HistoryMut for Moment<'_> {
    fn begin_run(&mut self, command: &str, started: Timestamp) -> Result<RunId, StoreError> {
        let own = self.tables.own.make();
        let id = RunId(own.runs.get_max().map_or(1, |(last, _)| last.0 + 1));
        own.runs.insert(id, Run { id, command: command.to_owned(), started, finished: None });
        self.note_change();
        Ok(id)
    }

    fn finish_run(&mut self, id: RunId, finished: Timestamp) -> Result<(), StoreError> {
        if let Some(run) = self.tables.own.runs.get_mut(&id) {
            run.finished = Some(finished);
            self.note_change();
        }
        Ok(())
    }

    fn note(&mut self, mutation: &NewMutation<'_>) -> Result<MutationId, StoreError> {
        let NewMutation { run, at, kind, stream, revision, body } = *mutation;
        let (before, kept) = match self.former(stream, revision)? {
            None => (None, None),
            Some((former, _)) if body == BodyBefore::Leave => (Some(former), None),
            Some((former, body)) => (Some(Former { body_kept: true, ..former }), Some(body.to_vec())),
        };
        let own = self.tables.own.make();
        let id = MutationId(own.mutations.get_max().map_or(1, |(last, _)| last.0 + 1));
        let mutation = Mutation { id, run, at, kind, stream: stream.clone(), revision, before, undone: None };
        own.mutations.insert(id, Arc::new(Noted { mutation, body: kept }));
        self.note_change();
        Ok(id)
    }

    fn mark_undone(&mut self, id: MutationId, by: RunId) -> Result<bool, StoreError> {
        let own = &mut self.tables.own;
        let Some(noted) = own.mutations.get(&id).filter(|noted| noted.mutation.undone.is_none()) else {
            return Ok(false);
        };
        let mutation = Mutation { undone: Some(by), ..noted.mutation.clone() };
        let noted = Arc::new(Noted { mutation, body: noted.body.clone() });
        own.mutations.insert(id, noted);
        self.note_change();
        Ok(true)
    }
}
