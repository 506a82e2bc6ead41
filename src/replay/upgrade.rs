//! Upgrades that change the version of the model: they apply between the rows of other scopes (reactor format §5.2, §6.4).

use super::Sources;
use super::timeline::{Halt, normal, rejected, to_number};
use crate::model::ids::{DocumentType, OpIndex, Scope, StreamKey};
use crate::model::json::{Json, Text};
use crate::model::operation::Action;
use crate::model::time::Timestamp;
use crate::reducer::UpgradePath;
use crate::reducer::protocol::{Document, ProtocolError};

/// An upgrade that changes the version of the model, until it is applied.
pub(super) struct HeldUpgrade {
    /// Its row in the document scope.
    pub(super) index: OpIndex,
    pub(super) time: Timestamp,
    input: Json<'static>,
    pub(super) from: u32,
    pub(super) to: u32,
    path: UpgradePath,
    /// Times of the deletions recorded after it.
    pub(super) deletions: Vec<Text<'static>>,
}

/// The versions that an `UPGRADE_DOCUMENT` leads from and to; not a number where it does not say.
pub(super) fn versions(upgrade: &Action<'_>) -> (f64, f64) {
    let number = |name| upgrade.input.get(name).and_then(Json::as_number).unwrap_or(f64::NAN);
    (number("fromVersion"), number("toVersion"))
}

impl HeldUpgrade {
    /// Reads an upgrade at `index` of the document scope `stream`; `None` if it changes no version.
    pub(super) fn read(
        sources: &Sources<'_>,
        stream: &StreamKey,
        kind: &DocumentType,
        (index, time): (OpIndex, Timestamp),
        action: &Action<'_>,
    ) -> Result<Option<Self>, Halt> {
        let (from, to) = versions(action);
        if !(0.0 < from && from < to) {
            return Ok(None);
        }
        let path = match sources.registry.upgrade_path(kind, normal(from), normal(to)) {
            Ok(path) => path,
            Err(_) if action.input.get("initialState").is_some() => UpgradePath::new(),
            Err(_) => {
                let id = &stream.document;
                let text = format!(
                    "Failed to rebuild document {id}: no upgrade manifest for {kind} v{from}→v{to} and no initialState \
                     snapshot. Upgrade manifest not found for type: {kind}"
                );
                return Err(rejected(stream, Some(index), text).into());
            }
        };
        let (input, deletions) = (action.input.to_owned_json(), Vec::new());
        Ok(Some(HeldUpgrade { index, time, input, from: normal(from), to: normal(to), path, deletions }))
    }

    pub(super) fn apply(&self, document: &mut Document) -> Result<(), ProtocolError> {
        for step in &self.path {
            let state = document.state()?;
            document.transition(&step.upgrade(&state))?;
        }
        document.upgrade(&self.input)?;
        self.deletions.iter().try_for_each(|at| document.delete(at))
    }

    /// The first index of a scope that is after the upgrade, if the upgrade says.
    pub(super) fn boundary(&self, scope: &Scope) -> Option<f64> {
        let revision = self.input.get("revision").filter(|revision| !revision.is_falsy())?;
        Some(revision.get(scope.as_str()).and_then(Json::as_number).unwrap_or(0.0))
    }

    /// Whether a row of a scope comes before it.
    pub(super) fn is_after(&self, scope: &Scope, index: OpIndex, time: Timestamp) -> bool {
        match self.boundary(scope) {
            Some(boundary) => to_number(index) < boundary,
            None => time < self.time,
        }
    }
}
