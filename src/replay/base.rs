//! Which keyframe a rebuild may start from.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::page::{PAGE_ROWS, pages};
use super::vouch::{FingerprintAt, Row, Vouched, row_at};
use super::{Considered, ReplayError, Sources, Trust, Warning};
use crate::model::checksum::Checksum;
use crate::model::ids::{NextIndex, OpIndex, Revision, Scope, Span, StreamKey};
use crate::model::json::{Json, Object, Text, canonical, hash_canonical, parse};
use crate::reducer::protocol::check_row;
use crate::store::{Codec, KeyframeEntry, StoreError};

/// How many passed-over keyframes an explanation lists.
const LISTED: usize = 5;

/// A keyframe that a rebuild starts from.
pub(super) struct Chosen {
    /// The last operation that its state includes.
    pub(super) revision: Revision,
    /// The state to take over, by scope; `None` where it has none.
    pub(super) state: BTreeMap<Scope, Option<Json<'static>>>,
    /// Which scopes of the keyframe these are.
    pub(super) extent: Extent,
    /// `header.name` as of the revision, if the stream can change it.
    pub(super) name: Option<Json<'static>>,
    /// `header.meta` as of the revision, if the stream can change it.
    pub(super) meta: Option<Json<'static>>,
}

/// What the document scope says about bases.
pub(super) struct Terrain<'a> {
    /// Whether the document scope begins with the creation of the document.
    pub(super) created: bool,
    /// The next index of the document scope.
    pub(super) document_next: NextIndex,
    /// The last upgrade that may have replaced the state that a rebuild starts from.
    pub(super) last_upgrade: Option<OpIndex>,
    /// Whether the model changes its version on the way.
    pub(super) changes_version: bool,
    /// Digest of the models that make the state at an operation of this time; `None` if there are none.
    pub(super) fingerprint: &'a FingerprintAt<'a>,
}

/// How much of a keyframe is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All scopes: nothing happened in the document scope since.
    Whole,
    /// The stream's own scope; the rest comes from the log.
    OwnScope,
}

/// What was looked at on the way to a base.
#[derive(Default)]
pub(super) struct Search {
    pub(super) considered: Vec<Considered>,
    pub(super) warnings: Vec<Warning>,
    pub(super) bytes: u64,
}

/// A keyframe that is not used, and why.
struct Refused {
    reason: String,
    remedy: Option<String>,
    damaged: bool,
}

/// What a stored document says, as far as a base needs it.
struct Body<'t> {
    document: Json<'t>,
    revision: Revision,
    document_next: NextIndex,
}

/// What the operations up to a base did outside their scope's state.
struct Prefix {
    name: Option<Json<'static>>,
    /// The first operation that changed other scopes, and how.
    leak: Option<(OpIndex, &'static str)>,
}

impl Refused {
    fn found_wrong(stream: &StreamKey, code: &str) -> Self {
        Refused {
            reason: format!("it was found to be wrong ({code})"),
            remedy: Some(format!("snapctl verify --record {stream}")),
            damaged: false,
        }
    }
}

impl Search {
    /// The newest keyframe of a stream at or below `at_most` from which `target` can be reached.
    ///
    /// A base is safe where no operation after it looks back behind it: any skip recomputes from the initial state
    /// and needs the complete history (reactor format §6.9).
    pub(super) fn choose(
        &mut self,
        sources: &Sources<'_>,
        stream: &StreamKey,
        at_most: Revision,
        target: Revision,
        terrain: &Terrain<'_>,
    ) -> Result<Option<Chosen>, ReplayError> {
        if sources.trust == Trust::None {
            return Ok(None);
        }
        let mut at_most = at_most;
        loop {
            let entry = match self.next(sources, stream, at_most) {
                Ok(Some(entry)) => entry,
                Ok(None) => break,
                // Without its label there is no telling what lies below it.
                Err(error @ StoreError::Corrupt { .. }) => {
                    let (stream, reason) = (stream.clone(), error.to_string());
                    self.warnings.push(Warning::BadKeyframe { stream, revision: at_most, reason });
                    break;
                }
                Err(error) => return Err(error.into()),
            };
            let Some(label) = u64::try_from(entry.label).ok().map(|label| Revision::of(OpIndex::new(label))) else {
                break;
            };
            match self.examine(sources, &entry, label, target, terrain)? {
                Ok(chosen) => return Ok(Some(chosen)),
                Err(refused) => {
                    let looks_back = refused.reason.ends_with(LOOKS_BACK);
                    self.refuse(stream, label, refused);
                    // What looks behind this one looks behind all older ones.
                    if looks_back || self.considered.len() >= 2 * LISTED {
                        break;
                    }
                }
            }
            match label.checked_sub(1) {
                Some(older) => at_most = older,
                None => break,
            }
        }
        Ok(None)
    }

    /// The next keyframe to look at: the newest few that there are, whatever is known of them, and then, where trust needs
    /// a record, the newest few that were found right. None further down is found faster than a replay runs.
    fn next(
        &self,
        sources: &Sources<'_>,
        stream: &StreamKey,
        at_most: Revision,
    ) -> Result<Option<KeyframeEntry>, StoreError> {
        if self.considered.len() < LISTED {
            return sources.read.nearest_keyframe(stream, at_most);
        }
        if sources.trust != Trust::Verified {
            return Ok(None);
        }
        let mut at_most = at_most;
        loop {
            // Without records there is nothing to look for.
            let sound = match sources.read.records().newest_sound(stream, at_most) {
                Err(StoreError::Unsupported { .. } | StoreError::Corrupt { .. }) => None,
                sound => sound?,
            };
            let Some(sound) = sound else { return Ok(None) };
            let nearest = sources.read.nearest_keyframe(stream, sound.revision)?;
            let is_it = |entry: &KeyframeEntry| u64::try_from(entry.label) == Ok(sound.revision.get());
            match nearest.filter(is_it) {
                Some(entry) => return Ok(Some(entry)),
                // Another program has deleted it.
                None => match sound.revision.checked_sub(1) {
                    Some(older) => at_most = older,
                    None => return Ok(None),
                },
            }
        }
    }

    fn refuse(&mut self, stream: &StreamKey, revision: Revision, refused: Refused) {
        let Refused { reason, remedy, damaged } = refused;
        if damaged {
            self.warnings.push(Warning::BadKeyframe { stream: stream.clone(), revision, reason: reason.clone() });
        }
        self.considered.push(Considered { stream: stream.clone(), revision, reason, remedy });
    }

    fn examine(
        &mut self,
        sources: &Sources<'_>,
        entry: &KeyframeEntry,
        label: Revision,
        target: Revision,
        terrain: &Terrain<'_>,
    ) -> Result<Result<Chosen, Refused>, ReplayError> {
        let stream = &entry.stream;
        let refused = |reason: &str, remedy: Option<&str>| {
            Ok(Err(Refused { reason: reason.to_owned(), remedy: remedy.map(str::to_owned), damaged: false }))
        };
        let record = match sources.trust {
            Trust::Verified | Trust::Hashed => Some(Vouched::look(sources, stream, label, terrain.fingerprint)?),
            Trust::None | Trust::Any => None,
        };
        match &record {
            Some(Vouched::Wrong { code, .. }) if sources.trust == Trust::Verified => {
                return Ok(Err(Refused::found_wrong(stream, code)));
            }
            Some(Vouched::Not(reason)) if sources.trust == Trust::Verified => {
                return refused(reason, Some(&format!("snapctl verify --record {stream}")));
            }
            _ => {}
        }
        if let Some(row) =
            sources.read.skips(stream, Span::between(Some(label), Some(target)))?.iter().find(|row| !row.denied)
        {
            return refused(&format!("operation {} {LOOKS_BACK}", row.index), None);
        }
        let text = match sources.read.keyframe_document(stream, label) {
            Ok(Some(text)) => text,
            Ok(None) => return refused("it is gone", None),
            Err(error @ StoreError::Corrupt { .. }) => {
                return Ok(Err(Refused { reason: error.to_string(), remedy: None, damaged: true }));
            }
            Err(error) => return Err(error.into()),
        };
        self.bytes += text.len() as u64;
        let vouched = match &record {
            None => true,
            Some(Vouched::Not(_)) => false,
            Some(Vouched::Sound(checksum) | Vouched::Wrong { checksum, .. }) => {
                // What a store keeps compressed it has compared already.
                let same = entry.codec != Codec::Json || Checksum::of(&text) == *checksum;
                match &record {
                    Some(Vouched::Wrong { code, .. }) if same => {
                        return Ok(Err(Refused::found_wrong(stream, code)));
                    }
                    Some(Vouched::Sound(_)) if !same && sources.trust == Trust::Verified => {
                        let remedy = format!("snapctl verify --record {stream}");
                        return refused("its body is another one than was checked", Some(&remedy));
                    }
                    sound => same && matches!(sound, Some(Vouched::Sound(_))),
                }
            }
        };
        let body = match Body::read(&text, &stream.scope, label, terrain) {
            Ok(body) => body,
            Err(reason) => return Ok(Err(Refused { reason, remedy: None, damaged: true })),
        };
        let own = body.document.get("state").and_then(|state| state.get(stream.scope.as_str()));
        let Some(Row { hash, .. }) = row_at(sources, stream, body.revision)? else {
            return refused("its operation is not in the log", None);
        };
        if !vouched {
            if own.is_none() {
                return refused("it has no state of its scope that a hash could vouch for", None);
            }
            if hash != hash_canonical(own.map(canonical).as_deref()).to_string() {
                return refused("its state does not have the hash that its operation recorded", None);
            }
        }
        let skipped = body.revision < label
            && sources
                .read
                .skips(stream, Span::between(Some(body.revision), Some(label)))?
                .iter()
                .any(|row| !row.denied);
        if skipped {
            return refused("an operation between its state and its label looks back", None);
        }
        if terrain.last_upgrade.is_some_and(|upgrade| upgrade >= body.document_next.index()) {
            return refused("an upgrade was recorded after it", None);
        }
        if vouched && body.document_next == terrain.document_next {
            return Ok(Ok(body.whole()));
        }
        if terrain.changes_version {
            return refused("the document changes its version, which the state of one scope does not show", None);
        }
        let prefix = Prefix::read(sources, stream, body.revision, &mut self.bytes)?;
        if let Some((index, what)) = prefix.leak {
            return refused(&format!("operation {index} before it {what}, which its own scope does not show"), None);
        }
        Ok(Ok(body.own_scope(stream, prefix.name)))
    }
}

const LOOKS_BACK: &str = "looks back behind it";

impl<'t> Body<'t> {
    /// Reads a stored document. Its position is the lesser of what its header and its label say, which is right for
    /// all conventions that were ever written (reactor format §2.2).
    fn read(text: &'t [u8], scope: &Scope, label: Revision, terrain: &Terrain<'_>) -> Result<Self, String> {
        let document = parse(text).map_err(|error| format!("its document is not JSON: {error}"))?;
        let next = |scope: &str| {
            let next =
                document.pointer("/header/revision").and_then(|revision| revision.get(scope)).and_then(Json::as_number);
            let next = next.ok_or_else(|| format!("its header carries no {scope} revision"))?;
            NextIndex::from_number(next).ok_or_else(|| format!("its header carries {next} as {scope} revision"))
        };
        let own = next(scope.as_str())?;
        let document_next = match next("document") {
            // A document that nobody created may be without that scope.
            Err(_) if !terrain.created => NextIndex::default(),
            next => next?,
        };
        let held = own.last_applied().ok_or_else(|| format!("its header carries 0 as {scope} revision"))?;
        Ok(Body { revision: held.min(label), document_next, document })
    }

    fn whole(mut self) -> Chosen {
        let header = |name: &str| self.document.get("header").and_then(|header| header.get(name));
        let [name, meta] = [header("name"), header("meta")].map(|value| value.map(Json::to_owned_json));
        let member = |(scope, value): (Text<'_>, Json<'_>)| Some((scope.as_str()?.into(), Some(value.into_owned())));
        let state = self.take_state().into_members().filter_map(member).collect();
        Chosen { revision: self.revision, state, extent: Extent::Whole, name, meta }
    }

    fn own_scope(mut self, stream: &StreamKey, name: Option<Json<'static>>) -> Chosen {
        let own = self.take_state().remove(stream.scope.as_str()).map(Json::into_owned);
        let state = [(stream.scope.clone(), own)].into();
        Chosen { revision: self.revision, state, extent: Extent::OwnScope, name, meta: None }
    }

    /// The state, which is not copied: it may be most of what there is.
    fn take_state(&mut self) -> Object<'t> {
        let Json::Object(document) = &mut self.document else { return Object::new() };
        match document.remove("state") {
            Some(Json::Object(state)) => state,
            _ => Object::new(),
        }
    }
}

impl Prefix {
    /// Reads the operations up to `last` without reducing them.
    fn read(sources: &Sources<'_>, stream: &StreamKey, last: Revision, bytes: &mut u64) -> Result<Self, ReplayError> {
        let mut prefix = Prefix { name: None, leak: None };
        let mut expected = NextIndex::default();
        pages::<ReplayError>(sources, stream, Span::between(None, Some(last)), PAGE_ROWS, &mut |page| {
            *bytes += page.bytes();
            let (actions, parsed) = page.actions(stream);
            parsed?;
            for (head, action) in page.heads().iter().zip(&actions) {
                let gap = head.index != std::mem::replace(&mut expected, head.index.next()).index();
                let what = match action.kind.as_bytes() {
                    _ if gap => "comes after a gap",
                    // A denied row retracts nothing in a rebuild, but did for the program that wrote the hashes.
                    _ if head.skip > 0 => "looks back",
                    _ if head.denied => continue,
                    _ if action.scope != *stream.scope.as_str() => "acts on another scope",
                    b"LOAD_STATE" => "loads a whole state",
                    b"SET_PREFERRED_EDITOR" => "changes the header",
                    _ if check_row(head.skip, action).is_err() => "cannot be replayed",
                    b"SET_NAME" => {
                        prefix.name = action.input.get("name").map(Json::to_owned_json);
                        continue;
                    }
                    _ => continue,
                };
                prefix.leak = Some((head.index, what));
                return Ok(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(prefix)
    }
}
