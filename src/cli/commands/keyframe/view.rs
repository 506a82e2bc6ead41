//! A keyframe as `keyframe list` and `keyframe show` know it without its body.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::render::json::Members;
use crate::keyframe::Listed;
use crate::model::ids::{DocumentType, Fingerprint, StreamKey};
use crate::model::time::Timestamp;
use crate::reducer::Registry;
use crate::replay::fingerprints;
use crate::store::records::{Check, Pin, Verdict};

/// A keyframe without its body.
// It describes what `write` writes a member at a time.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename = "Keyframe", rename_all = "camelCase")]
pub(in crate::cli) struct KeyframeView {
    /// The document.
    document: String,
    /// The scope.
    scope: String,
    /// The branch.
    branch: String,
    /// Its label: the index of the last operation that it includes, if the writer kept the rule. Negative ones occur in damaged
    /// stores.
    revision: i64,
    /// The type of the document, as the keyframe names it.
    document_type: String,
    /// How its body is stored.
    #[schemars(extend("enum" = ["json", "zstd", "zstd-delta"]))]
    codec: &'static str,
    /// Bytes of its body as stored.
    stored_bytes: u64,
    /// Bytes of its body as it is handed out.
    body_bytes: u64,
    /// When it was first written; `null` where only a look behind its body would tell (`list` does that with --long).
    #[schemars(extend("format" = "date-time"))]
    created_at: Option<String>,
    /// What the last check that was recorded came to.
    pub(super) verdict: Standing,
    /// The code of what that check found, if it found something wrong; `snapctl explain CODE` describes it.
    code: Option<String>,
    /// When that check was.
    #[schemars(extend("format" = "date-time"))]
    checked_at: Option<String>,
    /// Why it is kept whatever a policy says; `null` if it is not pinned.
    #[schemars(with = "Option<PinView>")]
    pub(super) pin: Option<PinView>,
}

/// What the last recorded check of a keyframe came to: `ok`, `failed`, `stale` (it was made with models that are no longer
/// there), or `unchecked`.
#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub(super) enum Standing {
    /// It was what a replay gives.
    Ok,
    /// It was something else.
    Failed,
    /// It was checked with models that are no longer there.
    Stale,
    /// There was none.
    Unchecked,
}

/// Why a keyframe is kept.
#[derive(Clone, Debug, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Pin")]
pub(super) struct PinView {
    /// In the words of who pinned it.
    reason: String,
    /// Until when; `null` is for ever.
    #[schemars(extend("format" = "date-time"))]
    expires_at: Option<String>,
}

/// Which checks are of the models that there are.
pub(super) struct Models<'a> {
    registry: &'a Registry,
    known: BTreeMap<DocumentType, BTreeSet<Fingerprint>>,
}

impl<'a> Models<'a> {
    pub(super) fn new(registry: &'a Registry) -> Self {
        Models { registry, known: BTreeMap::new() }
    }

    /// What the last check of a keyframe comes to today.
    pub(super) fn standing(&mut self, document_type: &DocumentType, check: Option<&Check>) -> Standing {
        let Some(check) = check else { return Standing::Unchecked };
        if !self.known.contains_key(document_type) {
            self.known.insert(document_type.clone(), fingerprints(self.registry, document_type));
        }
        let is_current = self.known.get(document_type).is_some_and(|known| known.contains(&check.fingerprint));
        match check.verdict {
            _ if !is_current => Standing::Stale,
            Verdict::Ok(_) => Standing::Ok,
            Verdict::Failed { .. } => Standing::Failed,
        }
    }
}

impl KeyframeView {
    pub(super) fn new(keyframe: &Listed<'_>, standing: Standing) -> Self {
        let (entry, check) = (keyframe.entry, keyframe.check());
        let StreamKey { document, scope, branch } = &entry.stream;
        let code = check.and_then(|check| match &check.verdict {
            Verdict::Failed { code } => Some(code.clone()),
            Verdict::Ok(_) => None,
        });
        KeyframeView {
            document: document.to_string(),
            scope: scope.to_string(),
            branch: branch.to_string(),
            revision: entry.label,
            document_type: entry.document_type.to_string(),
            codec: entry.codec.name(),
            stored_bytes: entry.size_bytes,
            body_bytes: keyframe.body_bytes(),
            created_at: keyframe.created().map(|time| time.to_string()),
            verdict: standing,
            code,
            checked_at: check.map(|check| check.checked.to_string()),
            pin: keyframe.record.as_ref().and_then(|record| record.pin.as_ref()).map(PinView::from),
        }
    }

    /// Writes the members. They and their order are a contract.
    pub(super) fn write(&self, members: &mut Members<'_>) -> io::Result<()> {
        members.member("document", &self.document)?;
        members.member("scope", &self.scope)?;
        members.member("branch", &self.branch)?;
        members.member("revision", &self.revision)?;
        members.member("documentType", &self.document_type)?;
        members.member("codec", self.codec)?;
        members.member("storedBytes", &self.stored_bytes)?;
        members.member("bodyBytes", &self.body_bytes)?;
        members.member("createdAt", &self.created_at)?;
        members.member("verdict", &self.verdict)?;
        members.member("code", &self.code)?;
        members.member("checkedAt", &self.checked_at)?;
        members.member("pin", &self.pin)
    }

    /// Revision, codec, bytes as stored and as handed out, time of writing.
    pub(super) fn cells(&self) -> [String; 5] {
        let (stored, body) = (self.stored_bytes.to_string(), self.body_bytes.to_string());
        let created = self.created_at.clone().unwrap_or_default();
        [self.revision.to_string(), self.codec.to_owned(), stored, body, created]
    }

    /// What is known beside its place, by name; what is not known is left out.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let bytes = if self.stored_bytes == self.body_bytes {
            format!("{} bytes", self.body_bytes)
        } else {
            format!("{} bytes stored, {} as handed out", self.stored_bytes, self.body_bytes)
        };
        let recorded = match (self.verdict, &self.code, &self.checked_at) {
            (standing, Some(code), Some(checked)) => format!("{} {code}, {checked}", standing.name()),
            (standing, _, Some(checked)) => format!("{}, {checked}", standing.name()),
            (standing, ..) => standing.name().to_owned(),
        };
        let mut facts = vec![("type", self.document_type.clone()), ("body", format!("{}, {bytes}", self.codec))];
        facts.extend(self.created_at.clone().map(|created| ("written", created)));
        facts.extend(self.pin.as_ref().map(|pin| ("pin", pin.text())));
        facts.push(("last recorded check", recorded));
        facts
    }

    /// What the last check came to and whether it is pinned, in words.
    pub(super) fn state(&self, with_times: bool) -> String {
        let mut text = match (self.verdict, &self.code) {
            (Standing::Failed, Some(code)) => format!("failed {code}"),
            (standing, _) => standing.name().to_owned(),
        };
        if let Some(checked) = self.checked_at.as_ref().filter(|_| with_times) {
            text = format!("{text}, checked {checked}");
        }
        match &self.pin {
            Some(pin) => format!("{text}; {}", pin.text()),
            None => text,
        }
    }
}

impl Standing {
    pub(super) fn name(self) -> &'static str {
        match self {
            Standing::Ok => "ok",
            Standing::Failed => "failed",
            Standing::Stale => "stale",
            Standing::Unchecked => "unchecked",
        }
    }
}

impl From<&Pin> for PinView {
    fn from(pin: &Pin) -> Self {
        PinView { reason: pin.reason.clone(), expires_at: pin.expires.as_ref().map(Timestamp::to_string) }
    }
}

impl PinView {
    /// In words.
    pub(super) fn text(&self) -> String {
        let until = self.expires_at.as_ref().map(|time| format!(" until {time}")).unwrap_or_default();
        match &*self.reason {
            "" => format!("pinned{until}"),
            reason => format!("pinned{until}: {reason}"),
        }
    }
}
