//! Which models make the states of a document now, without replaying more than its document scope.

use super::models::Models;
use super::origin::Origin;
use super::pass::failure;
use super::timeline::{Keep, Timeline};
use super::{Position, ReplayError, Sources};
use crate::model::ids::{Branch, DocumentId, Fingerprint, OpIndex, Scope, StreamKey};
use crate::model::time::Timestamp;
use crate::reducer::Registry;

/// The versions that a branch of a document has had.
pub struct Lineage(Timeline);

impl Lineage {
    /// Reads the document scope of a branch.
    ///
    /// # Errors
    /// As a rebuild of that scope.
    pub fn read(sources: &Sources<'_>, document: &DocumentId, branch: &Branch) -> Result<Self, ReplayError> {
        let streams = sources.read.streams(document)?;
        let scope = Scope::document();
        let spine = StreamKey { document: document.clone(), scope: scope.clone(), branch: branch.clone() };
        let origin = Origin { scope: &scope, streams: &streams };
        let timeline = Timeline::read(sources, &spine, Position::Head, Keep::History, origin, None);
        timeline.map(Lineage).map_err(failure)
    }

    /// Whether one version is all there has been, so that the time of an operation does not matter.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.0.held.is_empty()
    }

    /// Digest of the models that make the state of a scope at an operation of this time, as records name it; `None` if
    /// there is no such model.
    #[must_use]
    pub fn fingerprint(
        &self,
        registry: &Registry,
        scope: &Scope,
        index: OpIndex,
        time: Timestamp,
    ) -> Option<Fingerprint> {
        let versions = self.0.versions(self.0.version_at(scope, index, time));
        Models::new(registry, &self.0.document_type, versions).fingerprint().ok()
    }
}
