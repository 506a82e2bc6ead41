//! The tiers of a command, as the settings say.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use etcetera::BaseStrategy as _;

use super::clock;
use super::ctx::Ctx;
use super::exit::{ExitStatus, Refusal};
use super::trace::Recording;
use super::ui::Talk;
use crate::cache::disk::{self, DiskCache, DiskTier, HeadTtl, WarningKind};
use crate::cache::memory::{self, MemoryTier};
use crate::cache::{Reads, StoreIdentity, Tier, TierName, TierStats};
use crate::executor::{TierBehind, Waiting};
use crate::model::ids::DocumentType;
use crate::queue::Ended;
use crate::replay::{Takes, Tiers, Trust};
use crate::settings::{self, CachedType, DiskWhen, Settings, WriteStrategy};
use crate::store::{Store, location_path};

/// The tiers of a command.
pub(crate) struct Cached {
    /// To be read through.
    pub(crate) tiers: Arc<Tiers>,
    memory: Option<Arc<MemoryTier>>,
    disk: Option<(DiskCache, StoreIdentity)>,
    behind: Option<Arc<TierBehind>>,
    recording: Recording,
}

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appetite {
    /// It reads one state.
    One,
    /// It reads many, which may be near each other.
    Many,
}

/// What became of requests to the tiers of a command.
pub(crate) struct Ran {
    memory: Option<Arc<MemoryTier>>,
    disk: Option<DiskTier>,
    /// Of all tiers together.
    pub(crate) reads: Reads,
    /// What was put into the disk tier behind the answers; `None` if nothing was to be.
    pub(crate) behind: Option<Ended<Waiting>>,
}

impl Cached {
    /// No tier yet.
    fn none(recording: Recording) -> Self {
        Cached { tiers: Arc::default(), memory: None, disk: None, behind: None, recording }
    }

    /// The tiers of a command that reads.
    #[must_use]
    pub(crate) fn of_reads(
        ctx: &Ctx,
        store: &dyn Store,
        appetite: Appetite,
        recording: Recording,
        talk: &Talk,
    ) -> Self {
        let mut cached = Cached::none(recording);
        if ctx.no_cache() {
            return cached.with(Tiers::default());
        }
        let mut tiers = Tiers::default();
        if appetite == Appetite::Many {
            tiers = cached.with_memory(ctx, tiers);
        }
        let reads = ctx.settings().get(&settings::CACHE_WRITE) != WriteStrategy::Aside;
        let takes = Takes { reads, appends: false, without: without_disk(ctx.settings()) };
        if let Some(disk) = cached.open_disk(ctx, store, talk) {
            tiers = tiers.and(disk, takes);
        }
        cached.with(tiers)
    }

    /// The tier of a command that looks after what others read: the cache file, whatever the settings say of its use. Looking
    /// and dropping make no file.
    #[must_use]
    pub(crate) fn of_watch(ctx: &Ctx, store: &dyn Store, talk: &Talk) -> Self {
        let mut cached = Cached::none(Recording::none());
        let opened = if ctx.no_cache() { None } else { cached.open_shared(ctx, store, talk) };
        let Some(disk) = opened else { return cached };
        let disk = cached.behind(disk);
        let takes = Takes { reads: true, appends: false, without: without_disk(ctx.settings()) };
        cached.with(Tiers::default().and(disk, takes))
    }

    /// The tiers of a command that appends.
    #[must_use]
    pub(crate) fn of_appends(ctx: &Ctx, store: &dyn Store, recording: Recording, talk: &Talk) -> Self {
        let mut cached = Cached::none(recording);
        if ctx.no_cache() {
            return cached.with(Tiers::default());
        }
        let mut tiers = cached.with_memory(ctx, Tiers::default());
        if let Some(disk) = cached.open_disk(ctx, store, talk) {
            let strategy = ctx.settings().get(&settings::CACHE_WRITE);
            let takes = Takes {
                reads: strategy != WriteStrategy::Aside,
                appends: matches!(strategy, WriteStrategy::Behind | WriteStrategy::Through),
                without: without_disk(ctx.settings()),
            };
            let tier = if strategy == WriteStrategy::Behind { cached.behind(disk) } else { disk };
            tiers = tiers.and(tier, takes);
        }
        cached.with(tiers)
    }

    fn with(mut self, tiers: Tiers) -> Self {
        self.tiers = Arc::new(self.recording.of(tiers));
        self
    }

    fn with_memory(&mut self, ctx: &Ctx, tiers: Tiers) -> Tiers {
        let bounds = memory_bounds(ctx.settings());
        if bounds.bytes == 0 {
            return tiers;
        }
        let tier = Arc::new(MemoryTier::new(bounds));
        self.memory = Some(tier.clone());
        tiers.and(tier, Takes { without: without(ctx.settings(), |cached| cached.memory), ..Takes::ALL })
    }

    /// The disk tier, if it is to be used with this store.
    fn open_disk(&mut self, ctx: &Ctx, store: &dyn Store, talk: &Talk) -> Option<Arc<dyn Tier>> {
        let wanted = match ctx.settings().get(&settings::CACHE_DISK) {
            DiskWhen::Always => true,
            DiskWhen::Never => false,
            DiskWhen::Auto => !is_local(store),
        };
        if wanted { self.open_shared(ctx, store, talk) } else { None }
    }

    /// The disk tier, unless what this command rebuilds is not for others.
    fn open_shared(&mut self, ctx: &Ctx, store: &dyn Store, talk: &Talk) -> Option<Arc<dyn Tier>> {
        if !is_shareable(ctx) {
            return None;
        }
        let disk = told(open(ctx.settings()), talk)?;
        let identity = identity(store);
        let tier = Arc::new(disk.tier(identity.clone()));
        self.disk = Some((disk, identity));
        Some(tier)
    }

    /// The tier, written behind the answers if there is a thread for that.
    fn behind(&mut self, tier: Arc<dyn Tier>) -> Arc<dyn Tier> {
        let Ok(behind) = TierBehind::start(tier.clone()) else { return tier };
        let behind = Arc::new(behind);
        self.behind = Some(behind.clone());
        behind
    }

    /// Writes down what waits, says what is to be said, and tells what became of requests.
    pub(crate) fn end(self, talk: &Talk) -> Ran {
        /// How long states are waited for that are to be put into the disk tier.
        const WITHIN: Duration = Duration::from_secs(30);
        let Cached { tiers, memory, disk, behind, recording } = self;
        recording.end(talk);
        let reads = tiers.reads();
        drop(tiers);
        let behind = behind.and_then(Arc::into_inner).map(|behind| behind.shutdown(WITHIN));
        let disk = disk.map(|(disk, identity)| {
            if reads.requests > 0 {
                disk.count_run(&identity, memory.as_ref().map(|memory| memory.stats()).as_ref(), reads);
            }
            disk.save();
            warn(&disk, talk);
            disk.tier(identity)
        });
        let ran = Ran { memory, disk, reads, behind };
        if talk.is_verbose() {
            for (name, stats) in &ran.stats() {
                talk.detail(Told(*name, stats));
            }
        }
        ran
    }
}

impl Ran {
    /// By tier, the nearest first. All that the cache file keeps of the store is looked through for it.
    #[must_use]
    pub(crate) fn stats(&self) -> Vec<(TierName, TierStats)> {
        let memory = self.memory.as_ref().map(|tier| (tier.name(), tier.stats()));
        memory.into_iter().chain(self.disk.as_ref().map(|tier| (tier.name(), tier.stats()))).collect()
    }
}

/// The file of the disk tier, whether or not commands use it by themselves.
///
/// # Errors
/// When no folder is set, and the user has no cache directory.
pub(crate) fn open(settings: &Settings) -> Result<DiskCache, NoFolder> {
    let folder = match settings.get(&settings::CACHE_DIR) {
        Some(folder) => PathBuf::from(folder.0),
        None => etcetera::choose_base_strategy().map_err(|_| NoFolder)?.cache_dir().join("snapctl"),
    };
    let mut disk = disk::Settings::new(Arc::new(clock::now));
    disk.bounds = disk::Bounds {
        most_bytes: settings.get(&settings::CACHE_DISK_BYTES).0,
        most_entries: settings.get(&settings::CACHE_DISK_ENTRIES).get(),
    };
    let of_types = settings.cached_types().into_iter();
    disk.head_ttl = HeadTtl {
        default: settings.get(&settings::CACHE_TTL).map(|age| Duration::from_millis(age.0)),
        of: of_types.filter_map(|(name, cached)| Some((name, Some(Duration::from_millis(cached.ttl?.0))))).collect(),
    };
    Ok(DiskCache::open(&folder, disk))
}

/// There is no place for the file of the disk tier.
#[derive(Debug, thiserror::Error)]
#[error("there is no cache directory: HOME is not set")]
pub(crate) struct NoFolder;

fn told(opened: Result<DiskCache, NoFolder>, talk: &Talk) -> Option<DiskCache> {
    opened.map_err(|error| talk.warning(format_args!("the disk cache is not used: {error}"))).ok()
}

/// Says what was wrong with the file.
pub(crate) fn warn(disk: &DiskCache, talk: &Talk) {
    let _ = warned(disk, talk);
}

/// Says what was wrong with the file, and how a command ends that was about nothing else: what could not be read or changed
/// is not done.
#[must_use]
pub(crate) fn warned(disk: &DiskCache, talk: &Talk) -> ExitStatus {
    let warnings = disk.take_warnings();
    for warning in &warnings {
        talk.warning(warning);
    }
    // One that was emptied is in order again.
    let is_mended = |kind| matches!(kind, WarningKind::Outdated | WarningKind::Damaged);
    if warnings.iter().all(|warning| is_mended(warning.kind)) { ExitStatus::Success } else { ExitStatus::Incomplete }
}

/// How much is kept in memory.
#[must_use]
pub(crate) fn memory_bounds(settings: &Settings) -> memory::Bounds {
    let many = |n: NonZeroU64| NonZeroUsize::try_from(n).unwrap_or(NonZeroUsize::MAX);
    memory::Bounds {
        ring: many(settings.get(&settings::CACHE_MEMORY_RING)),
        streams: many(settings.get(&settings::CACHE_MEMORY_STREAMS)),
        bytes: settings.get(&settings::CACHE_MEMORY_BYTES).0,
    }
}

/// Which store this is: where it is, and which file is there.
#[must_use]
pub(crate) fn identity(store: &dyn Store) -> StoreIdentity {
    let location = store.location();
    let path = location_path(location);
    let Ok(whole) = fs::canonicalize(path) else { return StoreIdentity::new(location, "") };
    #[cfg(unix)]
    let number = |file: &fs::Metadata| {
        use std::os::unix::fs::MetadataExt as _;
        format!("{}:{}", file.dev(), file.ino())
    };
    #[cfg(not(unix))]
    let number = |_: &fs::Metadata| String::new();
    // The number of a file that was removed is given to the next one.
    let made = |file: &fs::Metadata| {
        let made = file.created().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(made.as_nanos().to_string())
    };
    let file = fs::metadata(&whole).map(|file| format!("{}:{}", number(&file), made(&file).unwrap_or_default()));
    StoreIdentity::new(&whole.to_string_lossy(), &file.unwrap_or_default())
}

fn is_local(store: &dyn Store) -> bool {
    location_path(store.location()).exists()
}

/// Whether others may be handed what this command rebuilds, and it what others have: not what comes of keyframes that they
/// may not believe, or of an assumption that they may not share; and who wants no keyframes wants no cache in their place.
fn is_shareable(ctx: &Ctx) -> bool {
    ctx.settings().get(&settings::TRUST) == Trust::Verified && ctx.registry().base_reducer().is_none()
}

/// Whether a command that is there to fill the cache file may do so.
///
/// # Errors
/// When the user wants no cache, or what would come of the options is not for others.
pub(crate) fn may_be_warmed(ctx: &Ctx) -> Result<(), Refusal> {
    let refused = |message: &str, hint: &str| {
        Err(Refusal {
            exit: ExitStatus::Usage,
            code: "not-warmed",
            message: message.to_owned(),
            hint: Some(hint.to_owned()),
        })
    };
    if ctx.no_cache() {
        return refused("with --no-cache there is nothing to warm", "leave --no-cache away");
    }
    if !is_shareable(ctx) {
        let message = "what comes of these options is not for others: it does not go into the cache file";
        return refused(message, "leave --trust, --no-keyframes and --assume-base-reducer away");
    }
    Ok(())
}

/// The document types of which nothing goes into the disk tier.
#[must_use]
pub(crate) fn without_disk(settings: &Settings) -> BTreeSet<DocumentType> {
    without(settings, |cached| cached.disk)
}

fn without(settings: &Settings, has: impl Fn(&CachedType) -> bool) -> BTreeSet<DocumentType> {
    let types = settings.cached_types();
    types.into_iter().filter(|(_, cached)| !has(cached)).map(|(document_type, _)| document_type).collect()
}

/// What became of requests to a tier, in a line.
struct Told<'a>(TierName, &'a TierStats);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Told(name, TierStats { requests, exact, below, entries, bytes, .. }) = self;
        write!(f, "{name}: {requests} looked for, {exact} there, {below} older ones there; ")?;
        write!(f, "{entries} kept, {bytes} bytes")
    }
}
