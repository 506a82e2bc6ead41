//! One read through the tiers: what it looks for, what may serve, and what is made of that.

use std::cell::{Cell, OnceCell, RefCell};
use std::sync::Arc;
use std::time::Instant;

use super::models::Models;
use super::newest::newest_time;
use super::pass::{Grounds, Pass, failure, settle};
use super::running::Running;
use super::tiered::{Found, Rebuilt, Tiers};
use super::timeline::{Halt, Keep};
use super::vouch::row_at;
use super::{Base, Explain, Goal, ReplayError, Snapshot, Sources, Trust, Warning};
use crate::cache::{Cause, Cost, Entry, Facts, Head, KEYFRAME_WORTH, Lookup, Put, TierName, Want, Which};
use crate::model::ids::{OperationId, Revision, Scope, Span, StreamKey};
use crate::model::stamp::Stamp;
use crate::model::time::Timestamp;
use crate::reducer::Registry;
use crate::reducer::protocol::Header;
use crate::store::{StoreError, StreamHead};

/// One read, and the moment of the store that it is of.
pub(super) struct Ground<'a> {
    pub(super) sources: &'a Sources<'a>,
    pub(super) stream: &'a StreamKey,
    pub(super) target: Option<Revision>,
    /// The streams of the branch, by scope, with their heads.
    pub(super) streams: Vec<(Scope, Revision)>,
    /// The same with the ids of their last operations, once somebody has asked.
    pub(super) heads: OnceCell<Vec<Head>>,
    pub(super) stamp: Stamp,
    /// Whether the target is the head of the stream, now.
    pub(super) is_head: bool,
    /// What went wrong while an entry was looked at.
    pub(super) failed: RefCell<Option<ReplayError>>,
    /// Whether an entry was met that the log contradicts.
    pub(super) contradicted: Cell<bool>,
}

impl Ground<'_> {
    /// Looks for the state itself.
    pub(super) fn find(&self, tiers: &Tiers) -> Option<Found> {
        for (n, tier) in tiers.all().enumerate() {
            if !self.is_head {
                break;
            }
            if let Some(entry) = tier.find_head(self.stream, &self.stamp)
                && entry.facts.revision == self.target
                && self.is_current(&entry.facts)
            {
                self.promote(tiers, n, &entry);
                tiers.all().take(n).for_each(|nearer| nearer.missed_head());
                return Some(self.found(entry, tier.name()));
            }
        }
        None
    }

    /// Looks for the nearest state, and goes on from it, or from a keyframe, or from nothing.
    pub(super) fn make(&self, tiers: &Tiers, goal: Goal<'_>, streams: &[StreamHead]) -> Result<Rebuilt, ReplayError> {
        let begun = Instant::now();
        let whole = || settle(|keep| Pass::new(self.sources, goal, streams, keep).run_whole());
        if self.heads()?.len() < self.streams.len() {
            // What cannot be said of the last operations of the branch is nothing to build on.
            return Ok(Rebuilt::Passing(whole()?.0));
        }
        let mut below: Option<(TierName, Arc<Entry>)> = None;
        for (n, tier) in tiers.all().enumerate() {
            let want = Want { stream: self.stream, revision: self.target, fits: &|facts| self.fits(facts) };
            let lookup = tier.find(&want);
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            if self.contradicted.take() {
                tier.drop_entries(&Which::Stream(self.stream.clone()), Cause::LogChanged);
            }
            match lookup {
                Lookup::Exact(entry) => {
                    let entry = self.restamped(entry)?;
                    self.promote(tiers, n + 1, &entry);
                    return Ok(Rebuilt::Kept(self.found(entry, tier.name())));
                }
                Lookup::Below(entry) => {
                    let is_nearer = below.as_ref().is_none_or(|(_, other)| other.facts.revision < entry.facts.revision);
                    if is_nearer {
                        below = Some((tier.name(), entry));
                    }
                }
                Lookup::Miss => {}
            }
        }
        if let Some((tier, base)) = below {
            let nearer = self.keyframe_above(&base)?;
            let jumped = if nearer { self.jump_to_keyframe(goal, streams, &base)? } else { None };
            let gone_on = match jumped {
                Some(made) => Some(self.keep(tiers, made, begun)?),
                None => self.go_on(tiers, tier, &base, begun)?,
            };
            if let Some(found) = gone_on {
                return Ok(found);
            }
        }
        self.keep(tiers, whole()?, begun)
    }

    fn is_current(&self, facts: &Facts) -> bool {
        is_current(self.sources.registry, facts)
    }

    fn fits(&self, facts: &Facts) -> bool {
        if self.failed.borrow().is_some() || !self.is_current(facts) {
            return false;
        }
        let is_spine = self.stream.scope == Scope::document();
        // What the document scope does is not done by operations of a stream alone.
        if facts.revision != self.target && is_spine {
            return false;
        }
        let holds = || Ok((is_spine || self.is_spine_of(facts)?) && self.is_of_the_log(facts)?);
        holds().unwrap_or_else(|error| {
            *self.failed.borrow_mut() = Some(error);
            false
        })
    }

    /// Whether the document scope is where it was when an entry was made.
    fn is_spine_of(&self, facts: &Facts) -> Result<bool, ReplayError> {
        let now = self.heads()?.iter().find(|head| head.scope == *"document");
        Ok(facts.head_of("document") == now)
    }

    /// The heads of the streams of the branch, by scope. A stream whose last operation does not decode, or is not there, has
    /// none.
    fn heads(&self) -> Result<&[Head], ReplayError> {
        if let Some(heads) = self.heads.get() {
            return Ok(heads);
        }
        let mut heads = Vec::with_capacity(self.streams.len());
        for (scope, revision) in &self.streams {
            let operation = match self.operation_at(&self.beside(scope), *revision) {
                Err(ReplayError::Store(StoreError::Corrupt { .. })) => None,
                operation => operation?,
            };
            heads.extend(operation.map(|operation| Head { scope: scope.clone(), revision: *revision, operation }));
        }
        Ok(self.heads.get_or_init(|| heads))
    }

    /// Another stream of the branch.
    fn beside(&self, scope: &Scope) -> StreamKey {
        StreamKey { scope: scope.clone(), ..self.stream.clone() }
    }

    /// Whether the log is the one that an entry was made of, and leads on from it to the target.
    fn is_of_the_log(&self, facts: &Facts) -> Result<bool, ReplayError> {
        if let Some(revision) = facts.revision
            && self.operation_at(self.stream, revision)? != facts.operation
        {
            self.contradicted.set(true);
            return Ok(false);
        }
        if facts.revision == self.target {
            return Ok(true);
        }
        let skips = self.sources.read.skips(self.stream, Span::between(facts.revision, self.target))?;
        Ok(skips.iter().all(|row| row.denied))
    }

    /// Whether there is a keyframe between an entry and the target.
    fn keyframe_above(&self, base: &Entry) -> Result<bool, ReplayError> {
        let (Some(target), trust) = (self.target, self.sources.trust) else { return Ok(false) };
        let from = base.facts.revision.map_or(0, Revision::get);
        if trust == Trust::None || target.get() < from + KEYFRAME_WORTH {
            return Ok(false);
        }
        let nearest = self.sources.read.nearest_keyframe(self.stream, target)?;
        Ok(nearest
            .and_then(|entry| u64::try_from(entry.label).ok())
            .is_some_and(|label| label >= from + KEYFRAME_WORTH))
    }

    fn jump_to_keyframe(
        &self,
        goal: Goal<'_>,
        streams: &[StreamHead],
        base: &Entry,
    ) -> Result<Option<(Snapshot, Grounds)>, ReplayError> {
        let pass = Pass::new(self.sources, goal, streams, Keep::Nothing);
        match pass.above(base.facts.revision).run_whole() {
            Ok(made) => Ok(Some(made)),
            Err(Halt::NoBase | Halt::LooksBack) => Ok(None),
            Err(halt) => Err(failure(halt)),
        }
    }

    /// Goes on from an older entry; `None` if only the log can tell.
    fn go_on(
        &self,
        tiers: &Tiers,
        tier: TierName,
        base: &Arc<Entry>,
        begun: Instant,
    ) -> Result<Option<Rebuilt>, ReplayError> {
        let mut running = Running::resume(self.sources.registry, base)?;
        self.sources
            .progress
            .expect(self.target.map_or(0, Revision::get) - base.facts.revision.map_or(0, Revision::get));
        let replayed = match running.catch_up(self.sources, base.facts.revision, self.target) {
            Ok(replayed) => replayed,
            Err(Halt::LooksBack) => return Ok(None),
            Err(halt) => return Err(failure(halt)),
        };
        let newest = self.newest_since(&base.facts)?;
        let facts = Facts {
            revision: self.target,
            operation: self.operation()?,
            heads: self.heads()?.to_vec(),
            newest,
            seal: None,
            cost: base.facts.cost.and(Cost { operations: replayed.rows, elapsed: begun.elapsed() }),
            ..base.facts.clone()
        };
        let (state, header) = (running.state()?, running.header().clone());
        let entry = Arc::new(Entry { facts, header, state, initial: base.initial.clone() });
        self.promote(tiers, usize::MAX, &entry);
        let explain = Explain {
            base: Base::Tier(tier, base.facts.revision),
            operations_read: replayed.rows,
            operations_applied: replayed.rows,
            bytes_read: replayed.bytes,
            ..Explain::default()
        };
        Ok(Some(Rebuilt::Kept(Found { entry, explain, warnings: self.warnings() })))
    }

    /// Makes an entry of a rebuild, and keeps it, if there can be one.
    fn keep(
        &self,
        tiers: &Tiers,
        (snapshot, grounds): (Snapshot, Grounds),
        begun: Instant,
    ) -> Result<Rebuilt, ReplayError> {
        let is_whole = !snapshot.warnings.iter().any(|warning| matches!(warning, Warning::Gap { .. }));
        let operation = self.operation()?;
        let is_there = operation.is_some() == self.target.is_some();
        if !grounds.is_settled || !is_whole || !is_there {
            return Ok(Rebuilt::Passing(snapshot));
        }
        let models = Models::new(self.sources.registry, &snapshot.document_type, grounds.versions.iter().copied());
        let Snapshot { explain, warnings, state, document_type, header, .. } = snapshot;
        let facts = Facts {
            stream: self.stream.clone(),
            revision: self.target,
            operation,
            fingerprint: models.fingerprint()?,
            document_type,
            versions: grounds.versions,
            heads: self.heads()?.to_vec(),
            newest: grounds.newest,
            seal: None,
            cost: Cost { operations: self.target.map_or(0, |revision| revision.get() + 1), elapsed: begun.elapsed() },
        };
        let header = Header::stored(&header).members().clone();
        let entry = Arc::new(Entry { facts, header, state, initial: grounds.initial });
        self.promote(tiers, usize::MAX, &entry);
        Ok(Rebuilt::Kept(Found { entry, explain, warnings }))
    }

    /// The id of the operation at the target.
    fn operation(&self) -> Result<Option<OperationId>, ReplayError> {
        self.target.map_or(Ok(None), |target| self.operation_at(self.stream, target))
    }

    fn operation_at(&self, stream: &StreamKey, revision: Revision) -> Result<Option<OperationId>, ReplayError> {
        Ok(row_at(self.sources, stream, revision)?.map(|row| row.id.into()))
    }

    /// The entry, with what its header says of the streams of the branch as of now.
    fn restamped(&self, entry: Arc<Entry>) -> Result<Arc<Entry>, ReplayError> {
        if entry.facts.heads == self.heads()? {
            return Ok(entry);
        }
        let newest = self.newest_since(&entry.facts)?;
        let mut entry = Arc::unwrap_or_clone(entry);
        entry.facts.heads = self.heads()?.to_vec();
        entry.facts.newest = newest;
        Ok(Arc::new(entry))
    }

    /// The newest operation time of the branch, as far as an entry does not know it.
    fn newest_since(&self, facts: &Facts) -> Result<Option<Timestamp>, ReplayError> {
        let is_known = self.is_before(facts)?;
        let mut newest = facts.newest.filter(|_| is_known);
        for head in self.heads()? {
            let stream = self.beside(&head.scope);
            let known = facts.head_of(head.scope.as_str()).filter(|_| is_known);
            if known == Some(head) {
                continue;
            }
            newest = newest.max(match known {
                None => newest_time(self.sources, &stream, head.revision)?,
                Some(known) => self.sources.read.newest_time(&stream, Span::between(Some(known.revision), None))?,
            });
        }
        Ok(newest)
    }

    /// Whether each head that an entry knows is an operation of the log still, so that what it knows of their times holds.
    fn is_before(&self, facts: &Facts) -> Result<bool, ReplayError> {
        for known in &facts.heads {
            let is_head = self.heads()?.contains(known);
            let stream = self.beside(&known.scope);
            if !is_head && self.operation_at(&stream, known.revision)?.as_ref() != Some(&known.operation) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Puts an entry into the `nearest` tiers.
    fn promote(&self, tiers: &Tiers, nearest: usize, entry: &Arc<Entry>) {
        let head = self.is_head.then(|| self.stamp.clone());
        tiers.put_read(nearest, &Put { entry: entry.clone(), head });
    }

    /// What is to be said whatever the answer comes from.
    fn warnings(&self) -> Vec<Warning> {
        // Of the document scope a replay says nothing either.
        let is_there = |(scope, _): &(Scope, Revision)| *scope == self.stream.scope;
        if self.stream.scope == Scope::document() || self.streams.iter().any(is_there) {
            return Vec::new();
        }
        let scopes = self.streams.iter().map(|(scope, _)| scope.clone()).collect();
        vec![Warning::EmptyScope { stream: self.stream.clone(), scopes }]
    }

    fn found(&self, entry: Arc<Entry>, tier: TierName) -> Found {
        let explain = Explain { base: Base::Tier(tier, entry.facts.revision), ..Explain::default() };
        Found { entry, explain, warnings: self.warnings() }
    }
}

/// Whether an entry is made with the models there are.
#[must_use]
pub fn is_current(registry: &Registry, facts: &Facts) -> bool {
    let models = Models::new(registry, &facts.document_type, facts.versions.iter().copied());
    models.fingerprint().is_ok_and(|fingerprint| fingerprint == facts.fingerprint)
}
