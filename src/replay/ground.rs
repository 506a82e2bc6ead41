//! One read through the tiers: what it looks for, what may serve, and what is made of that.

use std::cell::{Cell, RefCell};
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
use crate::cache::{Cause, Cost, Entry, Facts, KEYFRAME_WORTH, Lookup, Put, TierName, Want, Which};
use crate::model::ids::{OperationId, Revision, Scope, Span, StreamKey};
use crate::model::stamp::Stamp;
use crate::model::time::Timestamp;
use crate::reducer::Registry;
use crate::reducer::protocol::Header;
use crate::store::StreamHead;

/// One read, and the moment of the store that it is of.
pub(super) struct Ground<'a> {
    pub(super) sources: &'a Sources<'a>,
    pub(super) stream: &'a StreamKey,
    pub(super) target: Option<Revision>,
    /// The streams of the branch.
    pub(super) heads: Vec<(Scope, Revision)>,
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
        let made = settle(|keep| Pass::new(self.sources, goal, streams, keep).run_whole())?;
        self.keep(tiers, made, begun)
    }

    fn is_current(&self, facts: &Facts) -> bool {
        is_current(self.sources.registry, facts)
    }

    fn fits(&self, facts: &Facts) -> bool {
        if self.failed.borrow().is_some() || !self.is_current(facts) {
            return false;
        }
        let is_spine = self.stream.scope == Scope::document();
        if !is_spine && facts.head_of("document") != head_in(&self.heads, "document") {
            return false;
        }
        // What the document scope does is not done by operations of a stream alone.
        if facts.revision != self.target && is_spine {
            return false;
        }
        match self.is_of_the_log(facts) {
            Ok(holds) => holds,
            Err(error) => {
                *self.failed.borrow_mut() = Some(error);
                false
            }
        }
    }

    /// Whether the log is the one that an entry was made of, and leads on from it to the target.
    fn is_of_the_log(&self, facts: &Facts) -> Result<bool, ReplayError> {
        if let (Some(revision), Some(id)) = (facts.revision, &facts.operation) {
            let row = row_at(self.sources, self.stream, revision)?;
            if row.is_none_or(|row| row.id != *id.as_str()) {
                self.contradicted.set(true);
                return Ok(false);
            }
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
            heads: self.heads.clone(),
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
        if !grounds.is_settled || !is_whole {
            return Ok(Rebuilt::Passing(snapshot));
        }
        let models = Models::new(self.sources.registry, &snapshot.document_type, grounds.versions.iter().copied());
        let Snapshot { explain, warnings, state, document_type, header, .. } = snapshot;
        let facts = Facts {
            stream: self.stream.clone(),
            revision: self.target,
            operation: self.operation()?,
            fingerprint: models.fingerprint()?,
            document_type,
            versions: grounds.versions,
            heads: self.heads.clone(),
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
        let Some(target) = self.target else { return Ok(None) };
        Ok(row_at(self.sources, self.stream, target)?.map(|row| row.id.into()))
    }

    /// The entry, with what its header says of the streams of the branch as of now.
    fn restamped(&self, entry: Arc<Entry>) -> Result<Arc<Entry>, ReplayError> {
        if entry.facts.heads == self.heads {
            return Ok(entry);
        }
        let newest = self.newest_since(&entry.facts)?;
        let mut entry = Arc::unwrap_or_clone(entry);
        entry.facts.heads.clone_from(&self.heads);
        entry.facts.newest = newest;
        Ok(Arc::new(entry))
    }

    /// The newest operation time of the branch, as far as an entry does not know it.
    fn newest_since(&self, facts: &Facts) -> Result<Option<Timestamp>, ReplayError> {
        let mut newest = facts.newest;
        let StreamKey { document, branch, .. } = self.stream;
        for (scope, head) in &self.heads {
            let known = facts.head_of(scope.as_str());
            if known.is_none_or(|known| known < *head) {
                let stream = StreamKey { document: document.clone(), scope: scope.clone(), branch: branch.clone() };
                newest = newest.max(match known {
                    None => newest_time(self.sources, &stream, *head)?,
                    known => self.sources.read.newest_time(&stream, Span::between(known, None))?,
                });
            }
        }
        Ok(newest)
    }

    /// Puts an entry into the `nearest` tiers.
    fn promote(&self, tiers: &Tiers, nearest: usize, entry: &Arc<Entry>) {
        let head = self.is_head.then(|| self.stamp.clone());
        tiers.put_read(nearest, &Put { entry: entry.clone(), head });
    }

    /// What is to be said whatever the answer comes from.
    fn warnings(&self) -> Vec<Warning> {
        if head_in(&self.heads, self.stream.scope.as_str()).is_some() {
            return Vec::new();
        }
        let scopes = self.heads.iter().map(|(scope, _)| scope.clone()).collect();
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

fn head_in(heads: &[(Scope, Revision)], scope: &str) -> Option<Revision> {
    heads.iter().find(|(name, _)| *name == *scope).map(|(_, head)| *head)
}
