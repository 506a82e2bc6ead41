//! A tier that is written behind the answers.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crate::cache::{Cause, Entry, Listed, Lookup, Put, Tier, TierName, TierStats, Want, Which};
use crate::model::ids::StreamKey;
use crate::model::stamp::Stamp;
use crate::queue::{Ended, Item, Limits, Sink, SinkError, WriteBehind};

/// A tier into which a thread of its own puts what is put here. Lookups see what it has written.
///
/// Of the states of a stream that wait, the newest is enough: older ones are what an undo would want, and those the memory tier
/// has.
pub struct TierBehind {
    tier: Arc<dyn Tier>,
    queue: WriteBehind<Waiting>,
}

/// What waits to be put.
#[derive(Debug)]
pub struct Waiting(Put);

impl Item for Waiting {
    type Group = StreamKey;

    fn group(&self) -> &StreamKey {
        &self.0.entry.facts.stream
    }

    fn supersedes(&self, _: &Self) -> bool {
        true
    }
}

struct TierSink(Arc<dyn Tier>);

impl Sink<Waiting> for TierSink {
    fn write(&mut self, batch: &[Arc<Waiting>]) -> Result<(), SinkError> {
        let puts: Vec<Put> = batch.iter().map(|waiting| waiting.0.clone()).collect();
        self.0.put(&puts);
        Ok(())
    }
}

impl TierBehind {
    /// States that wait: fewer than a queue may hold, since each keeps a document in memory.
    const WAITING: NonZeroUsize = NonZeroUsize::new(256).expect("it is not 0");

    /// How long a drop waits for what was put before.
    const BEFORE_DROP: Duration = Duration::from_secs(5);

    /// Starts the thread.
    ///
    /// # Errors
    /// If the system gives none.
    pub fn start(tier: Arc<dyn Tier>) -> io::Result<Self> {
        let limits = Limits { pending_items: Self::WAITING, ..Limits::default() };
        // A tier may lack anything.
        let queue = WriteBehind::start(limits, TierSink(tier.clone()), |_| {})?;
        Ok(TierBehind { tier, queue })
    }

    /// Writes what waits, for so long at most, and says what became of all that was put.
    #[must_use]
    pub fn shutdown(self, within: Duration) -> Ended<Waiting> {
        self.queue.shutdown(within)
    }
}

impl Tier for TierBehind {
    fn name(&self) -> TierName {
        self.tier.name()
    }

    fn find(&self, want: &Want<'_>) -> Lookup {
        self.tier.find(want)
    }

    fn find_exact(&self, want: &Want<'_>) -> Option<Arc<Entry>> {
        self.tier.find_exact(want)
    }

    fn find_all(&self, wants: &[Want<'_>]) -> Vec<Lookup> {
        self.tier.find_all(wants)
    }

    fn find_head(&self, stream: &StreamKey, stamp: &Stamp) -> Option<Arc<Entry>> {
        self.tier.find_head(stream, stamp)
    }

    fn missed_head(&self) {
        self.tier.missed_head();
    }

    fn put(&self, puts: &[Put]) {
        for put in puts {
            // A queue that takes nothing more is a tier that keeps nothing more.
            let _ = self.queue.push(Waiting(put.clone()));
        }
    }

    fn drop_entries(&self, which: &Which, cause: Cause) -> u64 {
        // What it does not wait for any longer is put behind it, and found out by whoever looks.
        let _ = self.queue.flush(Self::BEFORE_DROP);
        self.tier.drop_entries(which, cause)
    }

    fn list(&self, visit: &mut dyn FnMut(&Listed<'_>)) {
        self.tier.list(visit);
    }

    fn stats(&self) -> TierStats {
        self.tier.stats()
    }
}
