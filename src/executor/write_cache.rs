//! The write cache, in one piece: what a program that executes jobs keeps in front of its store.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::{Appender, KeyframesBehind, Keyframing, Means, NoKeyframes, Rules, Spacing};
use crate::cache::memory::{Bounds, MemoryTier};
use crate::cache::{Cause, Entry, Put, Tier, Which};
use crate::keyframe::{Due, KeyframeSink};
use crate::model::ids::{Branch, DocumentId, Scope, StreamKey};
use crate::model::progress::Progress;
use crate::model::stamp::Stamp;
use crate::model::time::Timestamp;
use crate::queue::{Ended, Limits};
use crate::reducer::Registry;
use crate::replay::{Goal, Position, ReplayError, Snapshot, Sources, Takes, Tiers, Trust, entry_at};
use crate::store::{Store, answer};

/// Recent states in memory, other tiers behind them, and keyframes that are written behind what is appended. Shared by threads.
///
/// ```
/// use std::sync::Arc;
/// use snapctl::executor::{Rules, WriteCache, WriteCacheOptions};
/// use snapctl::model::ids::{Branch, Scope, StreamKey};
/// use snapctl::model::progress::Silent;
/// use snapctl::model::time::Timestamp;
/// use snapctl::reducer::Registry;
/// use snapctl::replay::Position;
/// use snapctl::store::memory::MemoryStore;
/// use snapctl::store::{Access, Options};
///
/// let clock = || Timestamp::from_millis(1_750_000_000_000).expect("a time");
/// let store = Arc::new(MemoryStore::new(&Options { access: Access::Change, ..Options::default() }));
/// let cache = WriteCache::startup(store, Arc::new(Registry::built_in()), WriteCacheOptions::new(clock))?;
/// let creation = snapctl::executor::Creation {
///     document_type: "powerhouse/document-drive".into(),
///     name: "Notes".to_owned(),
///     slug: String::new(),
/// };
/// let requests = creation.requests(&"d".into(), &Branch::main(), cache.registry(), clock(), &|| "an-id".to_owned())?;
/// let appended = cache.with_appender(Rules::default(), &|| "a-job".to_owned(), |appender| {
///     appender.append(&requests, &Silent)
/// })?;
/// assert!(appended.iter().all(Result::is_ok));
///
/// let stream = StreamKey { document: "d".into(), scope: Scope::document(), branch: Branch::main() };
/// let snapshot = cache.get_state(&stream, Position::Head, &Silent)?;
/// assert_eq!(snapshot.document_type, *"powerhouse/document-drive");
/// assert!(cache.invalidate(&"d".into(), None, None) > 0);
/// assert!(cache.shutdown(std::time::Duration::from_secs(60)).is_none_or(|ended| ended.is_complete()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct WriteCache {
    store: Arc<dyn Store>,
    registry: Arc<Registry>,
    trust: Trust,
    clock: fn() -> Timestamp,
    tiers: Tiers,
    keyframes: Option<KeyframesBehind>,
}

/// How a write cache is set up.
#[derive(Clone)]
pub struct WriteCacheOptions {
    /// How much is kept in memory.
    pub memory: Bounds,
    /// What is asked when memory has nothing, the nearest first: such as a [disk tier](crate::cache::disk).
    pub behind: Vec<Arc<dyn Tier>>,
    /// Which keyframes may serve as a base.
    pub trust: Trust,
    /// Which revisions get keyframes; `None` is none.
    pub keyframes: Option<Spacing>,
    /// Says what time it is, for what is recorded.
    pub clock: fn() -> Timestamp,
}

impl WriteCacheOptions {
    /// The defaults: 50 MiB in memory, keyframes at every tenth revision, no other tier.
    #[must_use]
    pub fn new(clock: fn() -> Timestamp) -> Self {
        WriteCacheOptions {
            memory: Bounds::default(),
            behind: Vec::new(),
            trust: Trust::default(),
            keyframes: Some(Spacing::default()),
            clock,
        }
    }
}

impl WriteCache {
    /// Starts with empty memory. A store that has no place for keyframes gets none.
    ///
    /// # Errors
    /// If the system gives no thread for keyframes.
    pub fn startup(store: Arc<dyn Store>, registry: Arc<Registry>, options: WriteCacheOptions) -> io::Result<Self> {
        let WriteCacheOptions { memory, behind, trust, keyframes, clock } = options;
        let tiers = Tiers::new(vec![Arc::new(MemoryTier::new(memory))]);
        let tiers = behind.into_iter().fold(tiers, |tiers, tier| tiers.and(tier, Takes::ALL));
        let spacing = keyframes.filter(|_| store.capabilities().keyframes);
        let start = |spacing| {
            let sink = KeyframeSink::new(store.clone(), "snapctl::executor".to_owned(), clock);
            KeyframesBehind::start(spacing, Limits::default(), sink)
        };
        let keyframes = spacing.map(start).transpose()?;
        Ok(WriteCache { store, registry, trust, clock, tiers, keyframes })
    }

    /// The models.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The tiers.
    #[must_use]
    pub fn tiers(&self) -> &Tiers {
        &self.tiers
    }

    /// The state of a stream, of whatever tier or of the log. It is shared with the tier and cannot be written through.
    ///
    /// # Errors
    /// As [`entry_at`]; `Stopped` between two pages of the log when `progress` says so. The tiers are as they were.
    pub fn get_state(
        &self,
        stream: &StreamKey,
        position: Position,
        progress: &dyn Progress,
    ) -> Result<Snapshot, ReplayError> {
        let StreamKey { document, scope, branch } = stream;
        answer(&*self.store, |read| {
            let sources = Sources { read, registry: &self.registry, trust: self.trust, progress };
            let streams = read.streams(document)?;
            let rebuilt = entry_at(&sources, &self.tiers, Goal { document, branch, scope, position }, &streams)?;
            Ok(rebuilt.into_snapshot(position))
        })
    }

    /// Puts a state into all tiers; with a stamp, as the head of its stream while the store has that.
    pub fn put_state(&self, entry: Arc<Entry>, head: Option<Stamp>) {
        self.tiers.put(&[Put { entry, head }]);
    }

    /// Drops what is kept of a document: of one scope, of one branch, or of both. Says how many states those were.
    pub fn invalidate(&self, document: &DocumentId, scope: Option<&Scope>, branch: Option<&Branch>) -> u64 {
        let document = document.clone();
        let which = match (scope.cloned(), branch.cloned()) {
            (None, None) => Which::Document(document),
            (Some(scope), None) => Which::Scope(document, scope),
            (None, Some(branch)) => Which::Branch(document, branch),
            (Some(scope), Some(branch)) => Which::Stream(StreamKey { document, scope, branch }),
        };
        self.tiers.drop_entries(&which, Cause::Asked)
    }

    /// Drops all that is kept, and says how many states those were.
    pub fn clear(&self) -> u64 {
        self.tiers.drop_entries(&Which::All, Cause::Asked)
    }

    /// Does some work with an appender, whose states go into the tiers and whose keyframes are written behind it.
    pub fn with_appender<T>(
        &self,
        rules: Rules,
        new_id: &(dyn Fn() -> String + Sync),
        work: impl FnOnce(&mut Appender<'_>) -> T,
    ) -> T {
        let means = Means {
            store: &*self.store,
            registry: &self.registry,
            trust: self.trust,
            tiers: &self.tiers,
            clock: &self.clock,
            new_id,
            keyframes: self.keyframes.as_ref().map_or(&NoKeyframes as &dyn Keyframing, |behind| behind),
        };
        work(&mut Appender::new(&means, rules))
    }

    /// Writes the keyframes that wait, for so long at most, and says what became of all of them; `None` if none were wanted.
    #[must_use]
    pub fn shutdown(self, within: Duration) -> Option<Ended<Due>> {
        self.keyframes.map(|keyframes| keyframes.shutdown(within))
    }
}
