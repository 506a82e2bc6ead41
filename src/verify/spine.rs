//! What the document scope says of keyframes of other scopes.

use std::ops::ControlFlow;

use crate::model::ids::{NextIndex, OpIndex, Span, StreamKey};
use crate::model::json::{Json, Text};
use crate::model::operation::Action;
use crate::store::{Order, Read, StoreError};

/// The operations of a document scope that keyframes of other scopes depend on.
#[derive(Debug, Default)]
pub(super) struct Spine {
    /// Whether its first operation created the document.
    pub(super) created: bool,
    /// Whether the creation carries the creator's signing; if not, the time of creation is that of each rebuild.
    pub(super) signed: bool,
    /// The last upgrade that applies on the spot and not between operations of other scopes: one from version 0.
    pub(super) last_inline: Option<OpIndex>,
    /// Upgrades, with the version each leads to.
    upgrades: Vec<(OpIndex, f64)>,
    /// When the document was deleted.
    deletions: Vec<(OpIndex, Text<'static>)>,
}

impl Spine {
    /// Reads it. Rows that do not decode are left to the check of the scope itself.
    ///
    /// # Errors
    /// `Busy`, `Unavailable`.
    pub(super) fn read(read: &dyn Read, stream: &StreamKey) -> Result<Self, StoreError> {
        let mut spine = Spine::default();
        let visited = read.operations(stream, Span::ALL, Order::Forward, &mut |row| {
            if let Ok(action) = Action::parse(row.action)
                && row.denied.is_none()
                && row.error.is_none()
            {
                spine.take(row.index, &action, &row.timestamp.to_string());
            }
            ControlFlow::Continue(())
        });
        match visited {
            Ok(()) | Err(StoreError::Corrupt { .. }) => Ok(spine),
            Err(error) => Err(error),
        }
    }

    fn take(&mut self, index: OpIndex, action: &Action<'_>, time: &str) {
        match action.kind.as_bytes() {
            b"CREATE_DOCUMENT" if index == OpIndex::FIRST => {
                self.created = true;
                self.signed = action.input.get("signing").is_some_and(|signing| !signing.is_falsy());
            }
            b"UPGRADE_DOCUMENT" => {
                let from = action.input.get("fromVersion").and_then(Json::as_number);
                let to = action.input.get("toVersion").and_then(Json::as_number);
                self.upgrades.push((index, to.unwrap_or(f64::NAN)));
                if from.is_none_or(|from| from <= 0.0) {
                    self.last_inline = Some(index);
                }
            }
            b"DELETE_DOCUMENT" => {
                let at = if action.timestamp.is_empty() { Text::from(time) } else { action.timestamp.clone() };
                self.deletions.push((index, at.into_owned()));
            }
            _ => {}
        }
    }

    /// The operation that makes a version necessary: an upgrade to it, or the creation.
    pub(super) fn asks_for(&self, version: u32) -> Option<OpIndex> {
        let upgrade = self.upgrades.iter().find(|(_, to)| version > 1 && (*to - f64::from(version)).abs() < 0.5);
        upgrade.map(|(index, _)| *index).or(self.created.then_some(OpIndex::FIRST))
    }

    /// Takes back what deletions at or after `next` did to the state of scope `document`: whoever wrote a keyframe before
    /// them did not know of them.
    pub(super) fn undelete(&self, document: &mut Json<'static>, next: NextIndex) {
        let known = self.deletions.iter().rev().find(|(index, _)| *index < next.index());
        let Json::Object(members) = document else { return };
        if members.get("isDeleted").is_none() {
            return;
        }
        if let Some((_, at)) = known {
            members.insert("deletedAtUtcIso".into(), Json::String(at.clone()));
        } else {
            members.remove("isDeleted");
            members.remove("deletedAtUtcIso");
        }
    }
}
