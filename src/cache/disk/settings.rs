//! How a disk tier is set up.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::cache::NAMESPACE;
use crate::model::ids::DocumentType;
use crate::model::time::Timestamp;

/// Says what time it is. Only for how long heads are answered, and when the file was looked after.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How a disk tier is set up.
#[derive(Clone)]
pub struct Settings {
    /// How much is kept, of all stores together.
    pub bounds: Bounds,
    /// What readable keys begin with.
    pub namespace: String,
    /// For how long heads are answered.
    pub head_ttl: HeadTtl,
    /// How long a lock that another process has is waited for. What cannot be had by then is a miss.
    pub patience: Duration,
    /// The time.
    pub clock: Clock,
}

/// How much a disk tier keeps. What is over a bound goes, the cheapest first; see [`super`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Compressed bodies, headers, and what rows and indexes take, in bytes.
    pub most_bytes: u64,
    /// Entries.
    pub most_entries: u64,
}

/// For how long an entry answers for the head of its stream, by document type. As a state at its revision it stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeadTtl {
    /// Of types that are not named; `None` is for as long as the stamp holds.
    pub default: Option<Duration>,
    /// Of the others.
    pub of: BTreeMap<DocumentType, Option<Duration>>,
}

impl Settings {
    /// With nothing set.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Settings {
            bounds: Bounds::default(),
            namespace: NAMESPACE.to_owned(),
            head_ttl: HeadTtl::default(),
            patience: Duration::from_millis(100),
            clock,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { bounds, namespace, head_ttl, patience, clock: _ } = self;
        let mut all = f.debug_struct("Settings");
        all.field("bounds", bounds).field("namespace", namespace).field("head_ttl", head_ttl);
        all.field("patience", patience).finish_non_exhaustive()
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { most_bytes: 512 << 20, most_entries: 100_000 }
    }
}

impl Bounds {
    /// Larger entries are not admitted, in bytes: one of them would push out too many others.
    #[must_use]
    pub fn largest(&self) -> u64 {
        self.most_bytes / 8
    }
}

impl HeadTtl {
    /// Whether an entry that was put at `at` answers no longer at `now`.
    #[must_use]
    pub fn is_over(&self, document_type: &DocumentType, at: Timestamp, now: Timestamp) -> bool {
        let ttl = self.of.get(document_type).copied().unwrap_or(self.default);
        let age = now.as_millis().saturating_sub(at.as_millis());
        // A clock that was set back makes nothing old.
        ttl.is_some_and(|ttl| u128::try_from(age).is_ok_and(|age| age >= ttl.as_millis().max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_over_by_type() {
        let at = |millis| Timestamp::from_millis(millis).unwrap();
        let ttl = HeadTtl {
            default: Some(Duration::from_millis(10)),
            of: [("never".into(), None), ("soon".into(), Some(Duration::ZERO))].into(),
        };
        for (document_type, age, over) in [
            ("any", 9, false),
            ("any", 10, true),
            ("any", -5, false),
            ("never", i64::MAX / 2, false),
            ("soon", 1, true),
        ] {
            let now = Timestamp::from_millis(1000 + age.min(1 << 40)).unwrap();
            assert_eq!(ttl.is_over(&document_type.into(), at(1000), now), over, "{document_type} {age}");
        }
    }
}
