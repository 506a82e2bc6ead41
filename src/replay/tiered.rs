//! Rebuilds through the tiers of a cache: the nearest state that still holds, and what is missing from there.
//!
//! The way of a read: memory, disk, keyframe, the whole log. What was found further away than it might have been is put into
//! the nearer tiers. Identical rebuilds that run at once are computed once.
//!
//! An entry holds while three things do. Its models are the ones there are. The document scope has not moved: what happens
//! there is part of every other scope's state, whatever the revision (reactor format §6.4). And the operation at its
//! revision is the one that was there: logs only grow, but a file can be exchanged for another, or for an older one that goes
//! another way. So the last operations are compared by their ids, not by their number. What a header says of other streams is
//! stamped anew.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::compose::composed;
use super::flight::Flights;
use super::ground::Ground;
use super::models::fingerprints;
use super::resolve::head_of;
use super::{Base, Explain, Goal, Position, ReplayError, Resolved, Snapshot, Sources, View, Warning};
use crate::cache::trace::Recorder;
use crate::cache::{Cause, Entry, Facts, Put, Reads, Tier, TierName, Want, Which};
use crate::model::ids::{DocumentType, Fingerprint, Revision, StreamKey};
use crate::model::json::Object;
use crate::reducer::Registry;
use crate::reducer::protocol::Header;
use crate::store::StreamHead;

/// The tiers in front of a store, and the rebuilds that run behind them. Shared by threads.
#[derive(Default)]
pub struct Tiers {
    nearest_first: Vec<Layer>,
    puts: Puts,
    flights: Flights<(StreamKey, Option<Revision>)>,
    counted: Arc<Counted>,
    /// Where reads and appends are noted.
    recorder: Option<Arc<Recorder>>,
}

/// [`Reads`], counted by several threads.
#[derive(Debug, Default)]
struct Counted {
    requests: AtomicU64,
    exact: AtomicU64,
    below: AtomicU64,
    operations_read: AtomicU64,
}

/// A tier, and what is put into it.
#[derive(Clone)]
struct Layer {
    tier: Arc<dyn Tier>,
    takes: Takes,
}

/// What is put into a tier by itself. What it has of the rest stays an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Takes {
    /// What reads have found or rebuilt.
    pub reads: bool,
    /// What was appended.
    pub appends: bool,
    /// But nothing of documents of these types.
    pub without: BTreeSet<DocumentType>,
}

impl Takes {
    /// All of it.
    pub const ALL: Takes = Takes { reads: true, appends: true, without: BTreeSet::new() };

    fn has(&self, put: &Put) -> bool {
        !self.without.contains(&put.entry.facts.document_type)
    }
}

/// Whether answers of reads are put into the tiers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Puts {
    #[default]
    OfReads,
    Never,
}

/// A part of a document as it was found or rebuilt.
#[derive(Clone, Debug)]
pub struct Found {
    /// What it is.
    pub entry: Arc<Entry>,
    /// How it came about.
    pub explain: Explain,
    /// What the user should know about it.
    pub warnings: Vec<Warning>,
}

impl Tiers {
    /// Tiers that take all there is, the nearest first.
    #[must_use]
    pub fn new(tiers: Vec<Arc<dyn Tier>>) -> Self {
        tiers.into_iter().fold(Tiers::default(), |tiers, tier| tiers.and(tier, Takes::ALL))
    }

    /// These tiers, and one behind them.
    #[must_use]
    pub fn and(mut self, tier: Arc<dyn Tier>, takes: Takes) -> Self {
        self.nearest_first.push(Layer { tier, takes });
        self
    }

    /// The same tiers, which note what is read and appended. There may be none of them.
    #[must_use]
    pub fn recorded(self, recorder: Arc<Recorder>) -> Self {
        Tiers { recorder: Some(recorder), ..self }
    }

    /// The same tiers for reads whose answers are not kept: those of a transaction that has changed something and may yet
    /// fail.
    #[must_use]
    pub fn unkept(&self) -> Self {
        Tiers {
            nearest_first: self.nearest_first.clone(),
            puts: Puts::Never,
            flights: Flights::default(),
            counted: self.counted.clone(),
            recorder: self.recorder.clone(),
        }
    }

    /// The tiers, the nearest first.
    pub fn all(&self) -> impl Iterator<Item = &Arc<dyn Tier>> {
        self.nearest_first.iter().map(|layer| &layer.tier)
    }

    /// Whether there is no tier, and nobody who notes what is read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nearest_first.is_empty() && self.recorder.is_none()
    }

    /// The entry at the very revision that is wanted, if a tier has it at once and its facts fit.
    #[must_use]
    pub fn find_exact(&self, want: &Want<'_>) -> Option<Arc<Entry>> {
        let found = self.all().find_map(|tier| tier.find_exact(want))?;
        self.count(Base::Tier(TierName::Memory, want.revision), want.revision, 0);
        self.note(&found);
        Some(found)
    }

    fn note(&self, read: &Entry) {
        if let Some(recorder) = &self.recorder {
            recorder.read(read);
        }
    }

    /// What became of reads so far.
    #[must_use]
    pub fn reads(&self) -> Reads {
        let Counted { requests, exact, below, operations_read } = &*self.counted;
        let n = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Reads { requests: n(requests), exact: n(exact), below: n(below), operations_read: n(operations_read) }
    }

    /// Counts a read of the state at `target` that began at `base`.
    fn count(&self, base: Base, target: Option<Revision>, operations_read: u64) {
        let add = |counter: &AtomicU64, n| counter.fetch_add(n, Ordering::Relaxed);
        add(&self.counted.requests, 1);
        add(&self.counted.operations_read, operations_read);
        match base {
            Base::Tier(_, revision) if revision == target => add(&self.counted.exact, 1),
            Base::Tier(..) => add(&self.counted.below, 1),
            _ => 0,
        };
    }

    /// Puts what was appended into the tiers that take such.
    pub fn put(&self, puts: &[Put]) {
        if let Some(recorder) = &self.recorder {
            for put in puts {
                recorder.append(&put.entry);
            }
        }
        for Layer { tier, takes } in self.nearest_first.iter().filter(|layer| layer.takes.appends) {
            if takes.without.is_empty() {
                tier.put(puts);
            } else {
                let taken: Vec<Put> = puts.iter().filter(|put| takes.has(put)).cloned().collect();
                tier.put(&taken);
            }
        }
    }

    /// Puts what was read into those of the `nearest` tiers that take such.
    pub(super) fn put_read(&self, nearest: usize, put: &Put) {
        if self.puts == Puts::OfReads {
            let is_for = |layer: &&Layer| layer.takes.reads && layer.takes.has(put);
            let layers = self.nearest_first.iter().take(nearest).filter(is_for);
            layers.for_each(|layer| layer.tier.put(std::slice::from_ref(put)));
        }
    }

    /// The document types and fingerprints of entries that none of the models of `registry` makes. All that the tiers keep is looked through.
    #[must_use]
    pub fn outdated(&self, registry: &Registry) -> BTreeSet<(DocumentType, Fingerprint)> {
        let (mut kept, mut outdated) = (BTreeMap::new(), BTreeSet::new());
        for tier in self.all() {
            tier.list(&mut |listed| {
                let Facts { document_type, fingerprint, .. } = listed.facts;
                let of_type =
                    kept.entry(document_type.clone()).or_insert_with(|| fingerprints(registry, document_type));
                if !of_type.contains(fingerprint) {
                    outdated.insert((document_type.clone(), fingerprint.clone()));
                }
            });
        }
        outdated
    }

    /// Drops entries from all tiers, and says how many those were.
    pub fn drop_entries(&self, which: &Which, cause: Cause) -> u64 {
        self.all().map(|tier| tier.drop_entries(which, cause)).sum()
    }
}

/// What came of a rebuild through the tiers.
#[derive(Clone, Debug)]
pub enum Rebuilt {
    /// A part of a document that the tiers have now.
    Kept(Found),
    /// One that no tier keeps: the log has a gap, or an upgrade is to come.
    Passing(Snapshot),
}

/// Rebuilds what `resolved` points at, through the tiers. The answer is that of [`rebuild`](super::rebuild).
///
/// # Errors
/// As [`entry_at`].
pub fn rebuild_through(sources: &Sources<'_>, tiers: &Tiers, resolved: &Resolved) -> Result<Snapshot, ReplayError> {
    let streams = sources.read.streams(resolved.document())?;
    let part = |sources: &Sources<'_>, goal: Goal<'_>| {
        let rebuilt = entry_at(sources, tiers, goal, &streams)?;
        Ok(rebuilt.into_snapshot(goal.position))
    };
    match resolved.view() {
        View::Composed(moment) => composed(sources, resolved, *moment, &|sources, goal, _| part(sources, goal)),
        View::Scoped(scope, position) => {
            let goal = Goal { document: resolved.document(), branch: resolved.branch(), scope, position: *position };
            part(sources, goal)
        }
        View::Keyframe(..) => super::rebuild(sources, resolved),
    }
}

/// Rebuilds one scope of a document through the tiers. `streams` are those of the document.
///
/// # Errors
/// `Store`, `Model`, `Rejected`, `Fold`, `Stopped`. The tiers are as they were.
pub fn entry_at(
    sources: &Sources<'_>,
    tiers: &Tiers,
    goal: Goal<'_>,
    streams: &[StreamHead],
) -> Result<Rebuilt, ReplayError> {
    let Goal { document, branch, scope, position } = goal;
    let stream = StreamKey { document: document.clone(), scope: scope.clone(), branch: branch.clone() };
    let head = head_of(streams, branch, scope);
    let target = match position {
        Position::Head => head,
        Position::At(revision) => revision,
    };
    let of_branch = streams.iter().filter(|head| head.branch == *branch);
    let ground = Ground {
        sources,
        stream: &stream,
        target,
        streams: of_branch.map(|head| (head.scope.clone(), head.head)).collect(),
        heads: OnceCell::new(),
        stamp: sources.read.stamp()?,
        is_head: target == head,
        failed: RefCell::new(None),
        contradicted: Cell::new(false),
    };
    // Of two that look for the same thing, the second finds what the first one has put, if that could be put.
    let key = (stream.clone(), target);
    let mut lead = None;
    for _ in 0..2 {
        if let Some(found) = ground.find(tiers) {
            tiers.count(found.explain.base, target, 0);
            tiers.note(&found.entry);
            return Ok(Rebuilt::Kept(found));
        }
        lead = tiers.flights.lead(&key, sources.progress)?;
        if lead.is_some() {
            break;
        }
    }
    let made = ground.make(tiers, goal, streams);
    drop(lead);
    if let Ok(made) = &made {
        let explain = made.explain();
        tiers.count(explain.base, target, explain.operations_read);
        if let Rebuilt::Kept(found) = made {
            tiers.note(&found.entry);
        }
    }
    made
}

impl Rebuilt {
    /// How it came about.
    #[must_use]
    pub fn explain(&self) -> &Explain {
        match self {
            Rebuilt::Kept(found) => &found.explain,
            Rebuilt::Passing(snapshot) => &snapshot.explain,
        }
    }

    /// As an answer; `position` is what was asked for.
    #[must_use]
    pub fn into_snapshot(self, position: Position) -> Snapshot {
        match self {
            Rebuilt::Kept(found) => found.snapshot(position),
            Rebuilt::Passing(snapshot) => snapshot,
        }
    }
}

impl Found {
    /// As an answer; `position` is what was asked for, which headers tell (reactor format §6.7).
    #[must_use]
    pub fn snapshot(self, position: Position) -> Snapshot {
        let Found { entry, explain, warnings } = self;
        let Facts { stream, revision, document_type, .. } = &entry.facts;
        Snapshot {
            document: stream.document.clone(),
            scope: Some(stream.scope.clone()),
            branch: stream.branch.clone(),
            revision: [(stream.scope.clone(), *revision)].into(),
            document_type: document_type.clone(),
            header: stamped_header(&entry, position),
            state: entry.state.clone(),
            explain,
            warnings,
        }
    }
}

/// The header of an entry, stamped for a read at `position` (reactor format §6.7).
#[must_use]
pub fn stamped_header(entry: &Entry, position: Position) -> Object<'static> {
    let facts = &entry.facts;
    let mut header = Header::unstamped(entry.header.clone());
    header.set_revisions(facts.heads.iter().map(|head| (head.scope.clone(), head.revision.next())).collect());
    if let Position::At(target) = position {
        header.set_revision(&facts.stream.scope, target.into());
    }
    if let Some(newest) = facts.newest {
        header.set_last_modified(newest.to_string().into());
    }
    header.to_object()
}
