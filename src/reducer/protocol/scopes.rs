//! What changes a document outside its operations: upgrades, deletion, and state snapshots (reactor format §5).

use super::ProtocolError;
use super::document::Document;
use super::settle::same;
use crate::model::ids::Scope;
use crate::model::json::{Json, Object, Text};
use crate::model::state::State;
use crate::object;
use crate::reducer::auth;

impl Document {
    /// Applies an `UPGRADE_DOCUMENT` whose transitions have been applied already (reactor format §5.2): installs
    /// the snapshot the action carries, if any, and sets the version.
    ///
    /// # Errors
    /// `Thrown` if the snapshot's auth policy cannot be installed.
    pub fn upgrade(&mut self, input: &Json<'_>) -> Result<(), ProtocolError> {
        let before = self.fold.checkpoint()?;
        let snapshot = input.get("initialState").filter(|state| !state.is_falsy());
        let snapshot = snapshot.or_else(|| input.get("state").filter(|state| !state.is_falsy()));
        let mut shared = !self.parted && (before.is(&self.initial) || same(&before, &self.initial));
        if let Some(snapshot) = snapshot.and_then(Json::as_object) {
            self.overlay(snapshot)?;
            self.initial = self.fold.checkpoint()?;
            (self.parted, self.initial_lost, shared) = (false, false, true);
        }
        let version = input.get("toVersion").map_or(Json::Null, Json::to_owned_json);
        self.edit_document(|document| {
            document.insert("version".into(), version.clone());
        })?;
        if shared {
            // State and initial state are one object at this point, so the version changes in both.
            self.initial = self.fold.checkpoint()?;
        }
        self.invalidate();
        Ok(())
    }

    /// Replaces the state by the result of an upgrade step.
    ///
    /// # Errors
    /// `Fold` if the fold does not take it.
    pub fn transition(&mut self, state: &State) -> Result<(), ProtocolError> {
        self.fold.restore(state)?;
        self.invalidate();
        Ok(())
    }

    /// Marks the document as deleted (reactor format §5.3).
    ///
    /// # Errors
    /// `Fold` if the fold does not take it.
    pub fn delete(&mut self, at: &Text<'_>) -> Result<(), ProtocolError> {
        self.edit_document(|document| {
            document.insert("isDeleted".into(), true.into());
            document.insert("deletedAtUtcIso".into(), Json::String(at.to_owned_text()));
        })?;
        self.invalidate();
        Ok(())
    }

    /// Lays a state snapshot over the present state, scope by scope; `auth` by its own rules (reactor format
    /// §5.6).
    pub(super) fn overlay(&mut self, snapshot: &Object<'_>) -> Result<(), ProtocolError> {
        let current = auth::backfill(self.scope("auth")?.as_ref());
        for (scope, state) in snapshot.iter() {
            let name =
                scope.as_str().ok_or_else(|| ProtocolError::Thrown("a scope name holds a lone surrogate".into()))?;
            if name != "auth" {
                self.fold.set_scope(&name.into(), Some(state.to_owned_json()))?;
            }
        }
        let auth = self.resolve_auth(&current, snapshot.get("auth"))?;
        self.fold.set_scope(&"auth".into(), Some(auth))?;
        Ok(())
    }

    /// Which policy stands after a snapshot that carries `incoming` (reactor format §5.6).
    pub(super) fn resolve_auth(
        &self,
        current: &Json<'static>,
        incoming: Option<&Json<'_>>,
    ) -> Result<Json<'static>, ProtocolError> {
        let resolved = self.header.with_owner(|owner| auth::resolve_snapshot(current, incoming, owner));
        resolved.map_err(|text| ProtocolError::Thrown(text.to_string()))
    }

    /// Changes `state.document`.
    fn edit_document(&mut self, edit: impl FnOnce(&mut Object<'static>)) -> Result<(), ProtocolError> {
        let mut document = match self.scope("document")? {
            Some(Json::Object(document)) => document,
            _ => Object::new(),
        };
        edit(&mut document);
        self.fold.set_scope(&Scope::document(), Some(Json::Object(document)))?;
        Ok(())
    }
}

/// The state of scope `document` before anything happened (reactor format §1.4).
#[must_use]
pub fn default_document_state() -> Json<'static> {
    let hash = object! { "algorithm" => "sha1", "encoding" => "base64" };
    Json::Object(object! { "version" => 0.0, "hash" => hash })
}
