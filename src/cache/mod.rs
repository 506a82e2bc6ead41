//! Tiers that keep rebuilt documents: containers with bounds and counters.
//!
//! A tier knows neither store nor fold. What it keeps are [`Entry`]s: a document as of a revision of one of its streams,
//! with the [`Facts`] that say what that depends on. Whether an entry still holds is not for the tier to say: whoever
//! looks for one brings a test of its facts ([`Want::fits`]). So a tier can lose anything at any time, be emptied, or be
//! out of reach, and answers stay the same; only the time they take changes.
//!
//! - [`memory`]: recent states in this process. The model's own form of a state is shared, so that a hit costs no more
//!   than finding it.
//! - [`disk`]: compressed states in one file that any number of processes use at once.
//! - [`drops`]: what is dropped, and why; [`rules`]: what makes it be dropped; [`stats`]: what became of requests.
//! - [`trace`]: what was read and made, in order; [`simulate`]: what tiers of other sizes would have made of that.

pub mod disk;
pub mod drops;
mod entry;
mod identity;
pub mod memory;
pub mod rules;
pub mod simulate;
pub mod stats;
pub mod trace;

use std::fmt;
use std::sync::Arc;

use crate::model::ids::{Revision, StreamKey};
use crate::model::stamp::Stamp;

pub use drops::{Cause, Which};
pub use entry::{Cost, Entry, FORMAT, Facts, Head, NAMESPACE};
pub use identity::StoreIdentity;
pub use stats::{Reads, TierStats};

/// A keyframe has to be parsed, which takes as long as the replay of so many operations at least: one is not worth it that is
/// nearer than an entry by less.
pub const KEYFRAME_WORTH: u64 = 64;

/// A container of entries of one store. Shared by threads.
///
/// None of its methods fails: what is broken, full, locked or read-only has nothing, takes nothing, and says so in its own
/// way.
pub trait Tier: Send + Sync {
    /// Which it is, as users see it.
    fn name(&self) -> TierName;

    /// The entry at the revision that is wanted, or else the newest below it, among those whose facts fit. The newest is
    /// asked first, and none after the first that fits; bodies are not touched until then.
    fn find(&self, want: &Want<'_>) -> Lookup;

    /// The entry at the very revision that is wanted, if its facts fit. That it is not there is not counted: whoever asks
    /// goes on to [`Tier::find`]. For tiers that answer at once; the others have nothing here.
    fn find_exact(&self, want: &Want<'_>) -> Option<Arc<Entry>> {
        let _ = want;
        None
    }

    /// [`Tier::find`] for each of several, which describe one moment of the tier.
    fn find_all(&self, wants: &[Want<'_>]) -> Vec<Lookup> {
        wants.iter().map(|want| self.find(want)).collect()
    }

    /// The entry that was the head of its stream when the store had this stamp: it is the head still, and all that a
    /// header says of other streams holds. That it is not there is not counted: whoever asks goes on to [`Tier::find`].
    fn find_head(&self, stream: &StreamKey, stamp: &Stamp) -> Option<Arc<Entry>>;

    /// Counts that a head was not here and was found further away, so that nobody goes on to [`Tier::find`].
    fn missed_head(&self);

    /// Keeps entries, all of them or, if it cannot, none. One with the same stream and revision is replaced.
    fn put(&self, puts: &[Put]);

    /// Drops what `which` includes, and says how many entries those were.
    fn drop_entries(&self, which: &Which, cause: Cause) -> u64;

    /// Visits what is kept, by stream and revision.
    fn list(&self, visit: &mut dyn FnMut(&Listed<'_>));

    /// What became of requests, and what is kept now.
    fn stats(&self) -> TierStats;
}

/// The tiers there are, nearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TierName {
    /// In this process.
    Memory,
    /// In a file of the user's cache directory.
    Disk,
}

/// What is looked for.
pub struct Want<'a> {
    /// The stream.
    pub stream: &'a StreamKey,
    /// The last operation that the state may include; `None` is the state before operation 0.
    pub revision: Option<Revision>,
    /// Whether an entry with these facts may be used. It may cost a look into the store.
    pub fits: &'a dyn Fn(&Facts) -> bool,
}

/// What a lookup found.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// The state itself.
    Exact(Arc<Entry>),
    /// An older one.
    Below(Arc<Entry>),
    /// Nothing.
    Miss,
}

/// An entry to keep.
#[derive(Clone, Debug)]
pub struct Put {
    /// What is kept.
    pub entry: Arc<Entry>,
    /// The stamp of the store in which it is the head of its stream; `None` for an entry that is not known to be one.
    pub head: Option<Stamp>,
}

/// What a tier keeps, as a listing shows it.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// What it is.
    pub facts: &'a Facts,
    /// Whether it was a head when it was put.
    pub head: bool,
    /// What it takes of the tier's budget, in bytes. The sum of all is what [`TierStats::bytes`] says.
    pub size_bytes: u64,
    /// How often it was found.
    pub reads: u64,
}

impl TierName {
    /// As users see it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            TierName::Memory => "memory",
            TierName::Disk => "disk",
        }
    }
}

impl fmt::Display for TierName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
