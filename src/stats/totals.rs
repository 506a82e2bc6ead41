//! The figures of many documents together.

use std::collections::BTreeMap;

use super::{Bytes, Counts, Day, DocumentFigures, Growth};
use crate::keyframe::{Distances, Worst};
use crate::model::ids::{DocumentType, Scope, StreamKey};
use crate::model::time::Timestamp;

/// The figures of all documents that were added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Documents with at least one operation, by type.
    pub documents: BTreeMap<DocumentType, u64>,
    /// What is in the streams, by document type and scope.
    pub groups: BTreeMap<(DocumentType, Scope), Group>,
    /// Operations by the days of their times.
    pub days: BTreeMap<Day, Growth>,
    /// The replay distances of all revisions.
    pub distances: Distances,
    /// Where the greatest of them is.
    pub worst: Option<(StreamKey, Worst)>,
    /// The time of the newest operation.
    pub newest: Option<Timestamp>,
}

/// Streams of one kind, and what is in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Streams with at least one operation.
    pub streams: u64,
    /// How much there is in these, and of keyframes in others.
    pub counts: Counts,
}

impl Totals {
    /// Adds a document.
    pub fn add(&mut self, document: &DocumentFigures) {
        let document_type = &document.document_type;
        *self.documents.entry(document_type.clone()).or_default() += u64::from(document.has_operations());
        for stream in &document.streams {
            let group = self.groups.entry((document_type.clone(), stream.stream.scope.clone())).or_default();
            group.streams += u64::from(stream.head.is_some());
            group.counts.add(&stream.counts);
            if let Some(worst) = stream.worst
                && self.worst.as_ref().is_none_or(|(_, known)| worst.operations > known.operations)
            {
                self.worst = Some((stream.stream.clone(), worst));
            }
        }
        for (day, growth) in &document.days {
            self.days.entry(*day).or_default().add(*growth);
        }
        self.distances.add(&document.distances);
        self.newest = self.newest.max(document.newest);
    }

    /// How many documents there are.
    #[must_use]
    pub fn n_documents(&self) -> u64 {
        self.documents.values().sum()
    }

    /// Everything in one.
    #[must_use]
    pub fn all(&self) -> Group {
        let mut all = Group::default();
        self.groups.values().for_each(|group| all.add(group));
        all
    }

    /// What is in the streams, by document type.
    #[must_use]
    pub fn by_type(&self) -> BTreeMap<DocumentType, Group> {
        let mut types: BTreeMap<DocumentType, Group> =
            self.documents.keys().map(|document_type| (document_type.clone(), Group::default())).collect();
        for ((document_type, _), group) in &self.groups {
            types.entry(document_type.clone()).or_default().add(group);
        }
        types
    }

    /// What is in the streams, by scope.
    #[must_use]
    pub fn by_scope(&self) -> BTreeMap<Scope, Group> {
        let mut scopes: BTreeMap<Scope, Group> = BTreeMap::new();
        for ((_, scope), group) in &self.groups {
            scopes.entry(scope.clone()).or_default().add(group);
        }
        scopes
    }
}

impl Group {
    /// Adds other streams.
    pub fn add(&mut self, other: &Group) {
        self.streams += other.streams;
        self.counts.add(&other.counts);
    }

    /// All keyframes.
    #[must_use]
    pub fn keyframes(&self) -> Bytes {
        self.counts.all_keyframes()
    }
}
