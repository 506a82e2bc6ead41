//! The entries of one store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::file::{Without, lock};
use super::find::{self, Found};
use super::trouble::Trouble;
use super::{Inner, put};
use crate::cache::{Cause, Entry, Listed, Lookup, Put, StoreIdentity, Tier, TierName, TierStats, Want, Which};
use crate::model::ids::StreamKey;
use crate::model::stamp::Stamp;

/// The entries of one store in a [`super::DiskCache`]. Clones are cheap.
#[derive(Clone, Debug)]
pub struct DiskTier {
    pub(super) inner: Arc<Inner>,
    pub(super) store: StoreIdentity,
}

impl Tier for DiskTier {
    fn name(&self) -> TierName {
        TierName::Disk
    }

    fn find(&self, want: &Want<'_>) -> Lookup {
        self.find_all(std::slice::from_ref(want)).pop().unwrap_or(Lookup::Miss)
    }

    fn find_all(&self, wants: &[Want<'_>]) -> Vec<Lookup> {
        let found = self.inner.file.look(&mut |connection| {
            let one = |want| timed(|| find::below(connection, &self.store, want));
            wants.iter().map(one).collect::<Result<Vec<_>, _>>()
        });
        let found = self.had(found, wants.len());
        let lookup = |(want, (found, _)): (&Want<'_>, &(Found, Duration))| match &found.entry {
            Some((_, entry)) if entry.facts.revision == want.revision => Lookup::Exact(Arc::clone(entry)),
            Some((_, entry)) => Lookup::Below(Arc::clone(entry)),
            None => Lookup::Miss,
        };
        let lookups: Vec<Lookup> = wants.iter().zip(&found).map(lookup).collect();
        self.count(&lookups, &found);
        lookups
    }

    fn find_head(&self, stream: &StreamKey, stamp: &Stamp) -> Option<Arc<Entry>> {
        let found = self.inner.file.look(&mut |connection| {
            Ok(vec![timed(|| find::head(connection, &self.store, stream, stamp, &self.inner.settings))?])
        });
        let found = self.had(found, 1);
        let entry = found[0].0.entry.as_ref().map(|(_, entry)| Arc::clone(entry));
        // That it is not there is not counted: whoever asks goes on to `find`.
        match &entry {
            Some(entry) => self.count(&[Lookup::Exact(Arc::clone(entry))], &found),
            None => self.drop_damaged(&found),
        }
        entry
    }

    fn missed_head(&self) {
        lock(&self.inner.pending).stats(&self.store).count(&Lookup::Miss, Duration::ZERO);
    }

    fn put(&self, puts: &[Put]) {
        let Inner { file, settings, .. } = &*self.inner;
        let ready = put::prepare(file, settings, &self.store, puts);
        let mut counted = TierStats { too_large: ready.too_large, ..TierStats::default() };
        if !ready.entries.is_empty() {
            let waiting = std::mem::take(&mut *lock(&self.inner.pending));
            let written = file.change(&mut |connection| {
                let stats = ready.write(connection, &self.store, settings)?;
                waiting.write(connection)?;
                Ok(stats)
            });
            if let Ok(stats) = written {
                counted.absorb(&stats);
            } else {
                counted.failures = 1;
                lock(&self.inner.pending).absorb(waiting);
            }
        }
        lock(&self.inner.pending).stats(&self.store).absorb(&counted);
        self.inner.maintain_now_and_then(counted.puts);
    }

    fn drop_entries(&self, which: &Which, cause: Cause) -> u64 {
        self.inner.drop_entries(Some(&self.store), which, cause)
    }

    fn list(&self, visit: &mut dyn FnMut(&Listed<'_>)) {
        self.inner.list(Some(&self.store), &mut |_, listed| visit(listed));
    }

    fn stats(&self) -> TierStats {
        self.inner.stats(Some(&self.store))
    }
}

impl DiskTier {
    /// What was found, or that nothing was.
    fn had(&self, found: Result<Vec<(Found, Duration)>, Without>, n: usize) -> Vec<(Found, Duration)> {
        if matches!(found, Err(Without::Luck)) {
            lock(&self.inner.pending).stats(&self.store).failures += 1;
        }
        found.unwrap_or_else(|_| std::iter::repeat_with(Default::default).take(n).collect())
    }

    /// Counts lookups, and drops what they found damaged.
    fn count(&self, lookups: &[Lookup], found: &[(Found, Duration)]) {
        let mut pending = lock(&self.inner.pending);
        for (lookup, (found, took)) in lookups.iter().zip(found) {
            pending.stats(&self.store).count(lookup, *took);
            pending.found(found.entry.iter().map(|(id, _)| *id));
        }
        let due = pending.is_due(lookups.len() as u64);
        drop(pending);
        self.drop_damaged(found);
        if due {
            self.inner.save();
        }
    }

    /// Drops what was found damaged.
    fn drop_damaged(&self, found: &[(Found, Duration)]) {
        let damaged = found.iter().flat_map(|(found, _)| &found.damaged).map(|damage| (*damage, *self.store.digest()));
        self.inner.drop_damaged(&damaged.collect::<Vec<_>>());
    }
}

/// How long it took is counted, and decides nothing.
fn timed(find: impl FnOnce() -> Result<Found, Trouble>) -> Result<(Found, Duration), Trouble> {
    let start = Instant::now();
    Ok((find()?, start.elapsed()))
}
