//! Documents that changed, rebuilt into tiers.

use std::collections::VecDeque;

use crate::model::ids::{Branch, DocumentId};
use crate::model::target::{At, DocumentRef, Target};
use crate::replay::{ReplayError, Snapshot, Sources, Tiers, rebuild_through, resolve};

/// Documents that have changed and are not warm yet, the newest first. Of too many, the oldest are forgotten: what is not
/// warmed is only slower.
#[derive(Debug, Default)]
pub struct Pending {
    newest_first: VecDeque<(DocumentId, Branch)>,
}

/// How many documents wait at most.
const MOST: usize = 1000;

impl Pending {
    /// Takes note that a document has changed.
    pub fn changed(&mut self, document: &DocumentId, branch: &Branch) {
        self.newest_first.retain(|(other, on)| (other, on) != (document, branch));
        self.newest_first.push_front((document.clone(), branch.clone()));
        self.newest_first.truncate(MOST);
    }

    /// The document that has changed last of those that are left.
    pub fn take(&mut self) -> Option<(DocumentId, Branch)> {
        self.newest_first.pop_front()
    }

    /// Whether none is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.newest_first.is_empty()
    }
}

/// Rebuilds a document at its head, all scopes of it, so that the tiers have them.
///
/// # Errors
/// As [`resolve`] and [`rebuild_through`]; the tiers are as they were.
pub fn warm(
    sources: &Sources<'_>,
    tiers: &Tiers,
    document: &DocumentId,
    branch: &Branch,
) -> Result<Snapshot, ReplayError> {
    let document = DocumentRef::Literal(document.clone());
    let target = Target { document, scope: None, branch: branch.clone(), at: At::Head };
    rebuild_through(sources, tiers, &resolve(sources.read, &target)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_last_comes_first_and_once() {
        let mut pending = Pending::default();
        let on = |branch: &str| Branch::from(branch);
        for (document, branch) in [("a", "main"), ("b", "main"), ("a", "x"), ("a", "main")] {
            pending.changed(&document.into(), &on(branch));
        }
        let taken: Vec<_> = std::iter::from_fn(|| pending.take()).collect();
        let taken: Vec<_> = taken.iter().map(|(document, branch)| (document.as_str(), branch.as_str())).collect();
        assert_eq!(taken, [("a", "main"), ("a", "x"), ("b", "main")]);
        assert!(pending.is_empty());
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut pending = Pending::default();
        for n in 0..=MOST {
            pending.changed(&format!("d{n}").as_str().into(), &"main".into());
        }
        let taken: Vec<_> = std::iter::from_fn(|| pending.take()).collect();
        assert_eq!((taken.len(), taken[MOST - 1].0.as_str()), (MOST, "d1"));
    }
}
