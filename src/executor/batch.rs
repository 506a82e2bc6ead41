//! One batch: one transaction of the store.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use super::hashes::{HashTotals, Hashes};
use super::request::{id_of, stored_text};
use super::{Appended, Atomic, ExecuteError, Expected, Failed, Known, Means, Refusal, Request, Rules, Turn};
use crate::cache::{Cost, Entry, Facts, Head, Put, Want};
use crate::model::ids::{NextIndex, Revision, Scope, StreamKey};
use crate::model::operation::{Action, OperationRow};
use crate::model::progress::Progress;
use crate::model::time::Timestamp;
use crate::reducer::Outcome;
use crate::reducer::protocol::{RowHead, Undone};
use crate::replay::{
    EntryPlace, Goal, Next, Position, Rebuilt, ReplayError, Running, Sources, Tiers, entry_at, is_current,
};
use crate::store::{NewOperation, Previous, Read, StoreError, StreamHead, Write};

/// Appends batches. It keeps what makes the next one cheaper.
pub struct Appender<'a> {
    means: &'a Means<'a>,
    rules: Rules,
    hashes: Hashes,
}

/// A batch under way.
pub(super) struct Batch<'b> {
    pub(super) means: &'b Means<'b>,
    pub(super) rules: Rules,
    /// Let go of after the transaction.
    pub(super) write: Box<dyn Write + 'b>,
    turn: Option<Turn<'b>>,
    pub(super) progress: &'b dyn Progress,
    hashes: &'b mut Hashes,
    /// The tiers, for reads after the first change.
    unkept: Tiers,
    now: Timestamp,
    job: String,
    /// The newest state of each stream that was appended to.
    staged: HashMap<StreamKey, Arc<Entry>>,
    /// States that are to become keyframes.
    due: Vec<Arc<Entry>>,
    /// Whether anything was added.
    pub(super) is_changed: bool,
}

/// Why a batch has to be begun anew, or given up.
pub(super) enum Trouble {
    /// An operation of the document scope turned out to be impossible after it was inserted.
    Refused(usize, Refusal),
    /// There is no going on.
    Failed(ExecuteError),
}

impl<E: Into<ExecuteError>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Trouble::Failed(error.into())
    }
}

/// What is known of each request.
type Results = Vec<Result<Appended, Refusal>>;

impl<'a> Appender<'a> {
    /// An appender that has nothing yet.
    #[must_use]
    pub fn new(means: &'a Means<'a>, rules: Rules) -> Self {
        Appender { means, rules, hashes: Hashes::default() }
    }

    /// What hashing took so far.
    #[must_use]
    pub fn hashed(&self) -> HashTotals {
        self.hashes.totals()
    }

    /// Appends a batch in one transaction, and says of each request what became of it, in order. It is in the store when
    /// this returns.
    ///
    /// # Errors
    /// `Replay`, `Store`, `Overtaken`: nothing of the batch was appended, and the tiers are as they were.
    pub fn append(&mut self, requests: &[Request<'_>], progress: &dyn Progress) -> Result<Results, ExecuteError> {
        let mut refused = BTreeMap::new();
        let mut attempts = 0;
        loop {
            match self.attempt(requests, &refused, progress) {
                Ok(results) => return Ok(results),
                Err(Trouble::Refused(n, refusal)) => {
                    refused.insert(n, refusal);
                }
                Err(Trouble::Failed(ExecuteError::Store(source @ StoreError::Conflict { .. }))) => {
                    attempts += 1;
                    if attempts >= self.rules.attempts.get() {
                        return Err(ExecuteError::Overtaken { attempts: self.rules.attempts, source });
                    }
                }
                Err(Trouble::Failed(error)) => return Err(error),
            }
        }
    }

    /// One transaction. `refused` are the requests that are known to be impossible.
    fn attempt(
        &mut self,
        requests: &[Request<'_>],
        refused: &BTreeMap<usize, Refusal>,
        progress: &dyn Progress,
    ) -> Result<Results, Trouble> {
        let means = self.means;
        let mut batch = Batch {
            means,
            rules: self.rules,
            turn: means.keyframes.turn(),
            write: means.store.write()?,
            progress,
            hashes: &mut self.hashes,
            unkept: means.tiers.unkept(),
            now: (means.clock)(),
            job: (means.new_id)(),
            staged: HashMap::new(),
            due: Vec::new(),
            is_changed: false,
        };
        let mut results = Vec::with_capacity(requests.len());
        for (n, request) in requests.iter().enumerate() {
            progress.check().map_err(ReplayError::from)?;
            let result = match refused.get(&n) {
                Some(refusal) => Err(refusal.clone()),
                None => match batch.one(n, request) {
                    // The other documents of the batch have nothing to do with it.
                    Err(Trouble::Failed(ExecuteError::Replay(error))) if is_of_document(&error) => {
                        Err(Refusal::Unreplayable(error.to_string()))
                    }
                    result => result?,
                },
            };
            results.push(result);
        }
        // What was asked for on a condition goes as one.
        let has_moved = results.iter().any(|result| matches!(result, Err(Refusal::Moved { .. })));
        if has_moved || self.rules.atomic == Atomic::Yes && results.iter().any(Result::is_err) {
            results.iter_mut().filter(|result| result.is_ok()).for_each(|result| *result = Err(Refusal::WithOthers));
            return Ok(results);
        }
        batch.finish()?;
        Ok(results)
    }
}

impl Batch<'_> {
    /// Appends what one request asks.
    fn one(&mut self, n: usize, request: &Request<'_>) -> Result<Result<Appended, Refusal>, Trouble> {
        let Some(stream) = request.stream() else {
            return Ok(Err(Refusal::Closed("the scope of the action holds a lone surrogate".to_owned())));
        };
        let head = self.write.last_operation(&stream)?.map(|(head, _)| head);
        if let Expected::At(expected) = request.expect
            && expected != head
        {
            return Ok(Err(Refusal::Moved { stream, expected, actual: head }));
        }
        if self.rules.known == Known::PassedOver
            && let Some(appended) = self.known(&stream, &request.action)?
        {
            return Ok(Ok(appended));
        }
        if stream.scope == Scope::document() {
            return self.level(n, &stream, head, request);
        }
        self.scoped(&stream, head, request)
    }

    /// Appends to a scope other than `document`.
    fn scoped(
        &mut self,
        stream: &StreamKey,
        head: Option<Revision>,
        request: &Request<'_>,
    ) -> Result<Result<Appended, Refusal>, Trouble> {
        let begun = Instant::now();
        let index = NextIndex::from(head).index();
        let is_undo = request.action.kind == *"UNDO";
        let base = if is_undo { None } else { self.base(stream)? };
        let resumed = match &base {
            Some(base) => Some(Running::resume(self.means.registry, base)?),
            None => self.read(stream)?,
        };
        let Some(mut running) = resumed else {
            let text = format!("an upgrade of document {} is to come before operations of {stream}", stream.document);
            return Ok(Err(Refusal::Closed(text)));
        };
        if let Some(text) = closed(&mut running)? {
            return Ok(Err(Refusal::Closed(text)));
        }
        let undone = if is_undo { Some(running.undo(&request.action)) } else { None };
        let (action, skip) = match &undone {
            None => (&request.action, 0),
            Some(Ok(Undone { index: place, .. })) if *place != index => {
                let text = format!(
                    "an undo right after another one takes its place under the first version of the protocol, and operation {place} \
                     of {stream} is stored already"
                );
                return Ok(Err(Refusal::Closed(text)));
            }
            Some(Ok(Undone { action, skip, .. })) => (action, *skip),
            Some(Err(text)) => return Ok(Err(Refusal::Thrown(text.clone()))),
        };
        let row = RowHead { index, skip, denied: false, failed: false };
        let mut next = self.apply(&mut running, row, action)?;
        if next == Next::LooksBack && base.is_some() {
            let Some(read) = self.read(stream)? else { return Ok(Err(Refusal::Closed("it looks back".to_owned()))) };
            running = read;
            next = self.apply(&mut running, row, action)?;
        }
        let error = match next {
            Next::Done(Outcome::Applied) => None,
            Next::Done(Outcome::Failed(text)) => Some(text.to_string_lossy().into_owned()),
            Next::Refused(text) => return Ok(Err(Refusal::Thrown(text))),
            Next::LooksBack => return Ok(Err(Refusal::Thrown("it looks back on operations that are gone".to_owned()))),
        };
        if let (Some(text), Failed::Refused) = (&error, self.rules.failed) {
            return Ok(Err(Refusal::Failed(text.clone())));
        }
        let state = running.state()?;
        // A NOOP that takes back what was done has none under the second version of the protocol.
        let has_hash = !(is_undo && running.takes_back_by_count());
        let hash = has_hash.then(|| self.hashes.hash(stream, &state));
        let document_type = running.document_type().clone();
        let mut appended = Appended {
            stream: stream.clone(),
            index,
            skip,
            operation: id_of(stream, action),
            action: action.id.to_string_lossy().into_owned(),
            hash,
            error,
            repeated: false,
        };
        let bytes = self.insert(&mut appended, document_type.as_str(), action, request.time)?;
        let heads = match &base {
            Some(base) => base.facts.heads.clone(),
            None => self.heads(stream)?,
        };
        let place = EntryPlace {
            revision: Revision::of(index),
            operation: appended.operation.clone(),
            heads: with_head(
                heads,
                Head {
                    scope: stream.scope.clone(),
                    revision: Revision::of(index),
                    operation: appended.operation.clone(),
                },
            ),
            newest: Some(request.time),
            cost: Cost { operations: 1, elapsed: begun.elapsed() },
        };
        let entry = Arc::new(running.entry(self.means.registry, place)?);
        let write = &*self.write;
        let newest = || {
            let newest = write.nearest_keyframe(stream, Revision::of(index)).ok().flatten()?;
            u64::try_from(newest.label).ok()
        };
        if self.means.keyframes.is_due(&entry, bytes, &newest) {
            self.due.push(entry.clone());
        }
        self.staged.insert(stream.clone(), entry);
        Ok(Ok(appended))
    }

    /// Inserts the row of an operation, and says how many bytes its action has.
    pub(super) fn insert(
        &mut self,
        appended: &mut Appended,
        document_type: &str,
        action: &Action<'_>,
        time: Timestamp,
    ) -> Result<u64, Trouble> {
        let Appended { stream, index, skip, operation, hash, error, .. } = &*appended;
        let text = stored_text(action);
        let hash = hash.map_or_else(String::new, |hash| hash.to_string());
        let operation = NewOperation {
            row: OperationRow {
                index: *index,
                skip: NonZeroU32::new(*skip),
                id: operation.as_str(),
                previous_id: "",
                document_type,
                timestamp: time,
                hash: &hash,
                error: error.as_deref(),
                denied: None,
                action: &text,
            },
            written: self.now,
            job_id: &self.job,
        };
        let added = self.write.add(stream, &operation, Previous::Derived)?;
        appended.repeated = !added;
        self.is_changed = true;
        Ok(text.len() as u64)
    }

    /// The streams of a branch, as this transaction sees them.
    fn streams(&self, stream: &StreamKey) -> Result<Vec<StreamHead>, StoreError> {
        let mut streams = self.write.streams(&stream.document)?;
        streams.retain(|known| known.branch == stream.branch);
        Ok(streams)
    }

    /// The heads of the streams of a branch.
    fn heads(&mut self, stream: &StreamKey) -> Result<Vec<Head>, StoreError> {
        let mut heads = Vec::new();
        for StreamHead { scope, .. } in self.streams(stream)? {
            let last = self.write.last_operation(&StreamKey { scope: scope.clone(), ..stream.clone() })?;
            heads.extend(last.map(|(revision, operation)| Head { scope, revision, operation }));
        }
        Ok(heads)
    }

    /// The state that a stream is in; `None` where only the log can tell.
    fn base(&mut self, stream: &StreamKey) -> Result<Option<Arc<Entry>>, Trouble> {
        if let Some(staged) = self.staged.get(stream) {
            return Ok(Some(staged.clone()));
        }
        if let Some(entry) = self.at_hand(stream)? {
            return Ok(Some(entry));
        }
        match self.rebuilt(stream)? {
            Rebuilt::Kept(found) => Ok(Some(found.entry)),
            Rebuilt::Passing(_) => Ok(None),
        }
    }

    /// The head of a stream, if a tier has it at hand: then the last operations of two streams are all that has to be looked
    /// up.
    fn at_hand(&mut self, stream: &StreamKey) -> Result<Option<Arc<Entry>>, Trouble> {
        let Some((head, operation)) = self.write.last_operation(stream)? else { return Ok(None) };
        let spine = StreamKey { scope: Scope::document(), ..stream.clone() };
        let document = self.write.last_operation(&spine)?;
        let registry = self.means.registry;
        let fits = |facts: &Facts| {
            facts.operation.as_ref() == Some(&operation)
                && facts.head_of("document").map(|head| (head.revision, &head.operation))
                    == document.as_ref().map(|(revision, operation)| (*revision, operation))
                && is_current(registry, facts)
        };
        let want = Want { stream, revision: Some(head), fits: &fits };
        Ok(self.means.tiers.find_exact(&want))
    }

    /// Rebuilds the head of a stream through the tiers, as this transaction sees it.
    pub(super) fn rebuilt(&mut self, stream: &StreamKey) -> Result<Rebuilt, Trouble> {
        let streams = self.streams(stream)?;
        let tiers = if self.is_changed { &self.unkept } else { self.means.tiers };
        Ok(entry_at(&self.sources(), tiers, goal(stream), &streams)?)
    }

    /// Reads a stream with its history; `None` if an upgrade is to come.
    fn read(&mut self, stream: &StreamKey) -> Result<Option<Running>, Trouble> {
        let streams = self.streams(stream)?;
        Ok(Running::read(&self.sources(), goal(stream), &streams)?)
    }

    fn apply(&self, running: &mut Running, row: RowHead, action: &Action<'_>) -> Result<Next, Trouble> {
        Ok(running.apply(&self.sources(), row, action)?)
    }

    fn sources(&self) -> Sources<'_> {
        let read: &dyn Read = &*self.write;
        Sources { read, registry: self.means.registry, trust: self.means.trust, progress: self.progress }
    }

    /// The operation of an action that is in its stream already.
    fn known(&mut self, stream: &StreamKey, action: &Action<'_>) -> Result<Option<Appended>, Trouble> {
        let id = id_of(stream, action);
        let found = self.write.find_operation(&stream.document, &stream.branch, Some(&stream.scope), &id)?;
        Ok(found.map(|(_, index)| Appended {
            stream: stream.clone(),
            index,
            skip: 0,
            operation: id,
            action: action.id.to_string_lossy().into_owned(),
            hash: None,
            error: None,
            repeated: true,
        }))
    }

    /// Forgets the states of a document whose document scope has moved: they are no base any more.
    pub(super) fn unstage(&mut self, stream: &StreamKey) {
        self.staged.retain(|other, _| other.document != stream.document || other.branch != stream.branch);
    }

    /// Commits, and then lets the tiers know.
    fn finish(self) -> Result<(), Trouble> {
        let Batch { means, write, staged, due, is_changed, turn, .. } = self;
        if !is_changed {
            return Ok(());
        }
        write.commit()?;
        let puts: Vec<Put> = staged.into_values().map(|entry| Put { entry, head: None }).collect();
        means.tiers.put(&puts);
        // The queue may be full, and its thread waits for a turn.
        drop(turn);
        for entry in due {
            means.keyframes.take(entry);
        }
        Ok(())
    }
}

/// Whether an error says that a document cannot be rebuilt, and not that reading failed.
fn is_of_document(error: &ReplayError) -> bool {
    matches!(
        error,
        ReplayError::Rejected { .. } | ReplayError::Model(_) | ReplayError::Store(StoreError::Corrupt { .. })
    )
}

/// Why nothing goes into the log of a document any more, if that is so.
fn closed(running: &mut Running) -> Result<Option<String>, Trouble> {
    let document = running.state()?.scope("document");
    let is_deleted = document.as_ref().and_then(|document| document.get("isDeleted"));
    Ok(is_deleted.filter(|deleted| !deleted.is_falsy()).map(|_| "the document was deleted".to_owned()))
}

/// The heads of streams, one of which has moved. They are by scope.
fn with_head(mut heads: Vec<Head>, moved: Head) -> Vec<Head> {
    match heads.binary_search_by(|known| known.scope.cmp(&moved.scope)) {
        Ok(at) => heads[at] = moved,
        Err(at) => heads.insert(at, moved),
    }
    heads
}

fn goal(stream: &StreamKey) -> Goal<'_> {
    Goal { document: &stream.document, branch: &stream.branch, scope: &stream.scope, position: Position::Head }
}
