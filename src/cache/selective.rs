//! A tier that does without documents of some types.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Cause, Entry, Listed, Lookup, Put, Tier, TierName, TierStats, Want, Which};
use crate::model::ids::{DocumentType, StreamKey};
use crate::model::stamp::Stamp;

/// A tier in which nothing is put of some document types. What it has of them already stays an answer.
pub struct Selective {
    tier: Arc<dyn Tier>,
    without: BTreeSet<DocumentType>,
}

impl Selective {
    /// `tier`, without the types that are named; the tier itself if none is.
    #[must_use]
    pub fn of(tier: Arc<dyn Tier>, without: BTreeSet<DocumentType>) -> Arc<dyn Tier> {
        if without.is_empty() { tier } else { Arc::new(Selective { tier, without }) }
    }
}

impl Tier for Selective {
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
        let is_taken = |put: &&Put| !self.without.contains(&put.entry.facts.document_type);
        let taken: Vec<Put> = puts.iter().filter(is_taken).cloned().collect();
        if !taken.is_empty() {
            self.tier.put(&taken);
        }
    }

    fn drop_entries(&self, which: &Which, cause: Cause) -> u64 {
        self.tier.drop_entries(which, cause)
    }

    fn list(&self, visit: &mut dyn FnMut(&Listed<'_>)) {
        self.tier.list(visit);
    }

    fn stats(&self) -> TierStats {
        self.tier.stats()
    }
}
