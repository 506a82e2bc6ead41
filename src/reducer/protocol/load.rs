//! Operations of a file on their way through the protocol (reactor format §4.10).

use super::document::Document;
use super::gc::Slot;
use super::history::{Entry, Recorded};
use super::rows::RowHead;
use super::step::{Step, scope_of};
use super::{NoActions, ProtocolError, Version, level};
use crate::model::operation::Action;
use crate::reducer::Outcome;

impl Document {
    /// Replays an operation as the loaders of files do: what skips retract was collected beforehand, so that of skips only
    /// those of undos under the second version have an effect. The header counts the operation.
    ///
    /// Operations of all scopes come through here, so the document keeps those itself that a later undo may look back on.
    ///
    /// # Errors
    /// `Thrown` where the reference fails to load; `Fold`. The document is then of no further use.
    pub fn load(&mut self, head: RowHead, action: &Action<'_>) -> Result<Outcome, ProtocolError> {
        let scope = scope_of(action)?;
        let tracked = self.schedule.looks_back_from(head.index);
        let recorded = || {
            let kept = || Recorded { action: action.clone().into_owned(), hash: String::new(), error: None };
            tracked.then(|| Box::new(kept()))
        };
        let noop = action.kind == *"NOOP";
        if head.denied {
            if tracked {
                let slot = Slot { index: head.index.get(), skip: head.skip, noop };
                let entry =
                    Entry { slot, row: head.index, applies: false, denied: true, lost: false, recorded: recorded() };
                let version = self.version()?;
                let at = self.history(&scope, &mut NoActions)?;
                self.histories[at].append(entry, version, None);
                self.others_changed(at);
            }
            self.header.set_revision(&scope, head.index.next());
            return Ok(Outcome::Applied);
        }
        let version = self.version()?;
        level::check_scope(action)?;
        self.header.set_revision(&scope, head.index.next());
        let undoes = noop && version == Version::V2;
        let skip = if undoes { head.skip } else { 0 };
        let step = Step { scope: &scope, index: head.index.get(), skip, row: head.index };
        self.refuse_odd(&step, action)?;
        self.step(&step, action, &mut NoActions, recorded())
    }
}
