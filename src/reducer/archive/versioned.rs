//! The version-aware loader.

use super::{Load, LoadError, Loaded, head, with_revisions};
use crate::model::archive::ArchivedOperation;
use crate::model::ids::{NextIndex, Scope};
use crate::model::json::{Json, Object, write_number};
use crate::model::operation::Action;
use crate::model::state::JsonState;
use crate::model::time::Timestamp;
use crate::reducer::protocol::{Document, ProtocolError};
use crate::reducer::{ModelId, RegistryError};

/// An operation of the document scope.
struct Spine<'a> {
    operation: &'a ArchivedOperation,
    action: Action<'a>,
}

impl Spine<'_> {
    fn is_upgrade(&self) -> bool {
        self.action.kind == *"UPGRADE_DOCUMENT"
    }

    fn number(&self, member: &str) -> f64 {
        self.action.input.get(member).and_then(Json::as_number).unwrap_or(f64::NAN)
    }

    /// Whether it leads from one version to a later one.
    fn changes_version(&self) -> bool {
        let (from, to) = (self.number("fromVersion"), self.number("toVersion"));
        self.is_upgrade() && 0.0 < from && from < to
    }

    /// The state that it carries.
    fn snapshot(&self) -> Option<&Object<'_>> {
        let given = |member| self.action.input.get(member).filter(|state: &&Json<'_>| !state.is_falsy());
        given("initialState").or_else(|| given("state")).and_then(Json::as_object)
    }
}

impl<'a> Load<'a, '_> {
    pub(super) fn versioned(self) -> Result<Loaded<'a>, LoadError> {
        require_version(self.archive)?;
        let spine = self.spine()?;
        let Some(seed) = spine.iter().find(|item| item.is_upgrade()) else { return self.plain() };
        let Some(snapshot) = seed.snapshot().filter(|_| seed.number("fromVersion") == 0.0) else {
            if seed.number("fromVersion") == 0.0 && spine.iter().any(Spine::changes_version) {
                let text = "the first upgrade carries no initial state, so that those after it have none to start from";
                return Err(LoadError::Thrown(text.to_owned()));
            }
            return self.plain();
        };
        let mut state = JsonState::default();
        for (scope, value) in snapshot.iter() {
            let name = scope.as_str().ok_or_else(|| LoadError::Thrown("a scope name holds a lone surrogate".into()))?;
            state.set(name.into(), value.to_owned_json());
        }
        let mut document = self.document(&self.model(seed.number("toVersion"))?, state)?;
        let mut done = vec![0; self.operations.len()];
        let mut rest = &spine[..];
        let mut upgraded = false;
        loop {
            let next = rest.iter().position(Spine::changes_version);
            let upgrade = next.map(|at| &rest[at]);
            for (n, (scope, list)) in self.operations.iter().enumerate().filter(|(_, (scope, _))| !is_document(scope)) {
                let end = upgrade.map_or(list.len(), |upgrade| boundary(upgrade, scope, list)).max(done[n]);
                self.replay(&mut document, &list[done[n]..end])?;
                done[n] = end;
            }
            for item in &rest[..next.unwrap_or(rest.len())] {
                between(&mut document, item)?;
            }
            let Some((at, upgrade)) = next.zip(upgrade) else { break };
            self.upgrade(&mut document, upgrade)?;
            upgraded = true;
            rest = &rest[at + 1..];
        }
        let last = spine.last().map_or(NextIndex::default(), |last| last.operation.index.next());
        if upgraded {
            document.header_mut().set_revision(&Scope::document(), last);
        }
        let header = self.header(&document);
        self.loaded(header, document)
    }

    /// The operations of the document scope, by index.
    fn spine(&self) -> Result<Vec<Spine<'a>>, LoadError> {
        let list = self.operations.iter().filter(|(scope, _)| is_document(scope)).flat_map(|(_, list)| list);
        list.map(|operation| Ok(Spine { operation, action: Action::parse(&operation.action)? })).collect()
    }

    /// The model of a version, which is not made any other here: 0 is none.
    fn model(&self, version: f64) -> Result<ModelId, LoadError> {
        let document_type = self.archive.document_type.clone();
        let first = ModelId { document_type: document_type.clone(), version: 1 };
        let served = self.versions();
        if served.is_empty() {
            // A model that serves all versions has none of them.
            return Ok(self.registry.model(&first).map(|_| first)?);
        }
        if let Some(&version) = served.iter().find(|served| number(f64::from(**served)) == number(version)) {
            return Ok(ModelId { document_type, version });
        }
        let served: Vec<String> = served.iter().map(ToString::to_string).collect();
        let (version, served) = (number(version), served.join(", "));
        let text = format!("No reducer registered for document version {version}. Available versions: {served}");
        Err(LoadError::Thrown(text))
    }

    /// Applies an upgrade that changes the version: first its transitions, then what it carries.
    fn upgrade(&self, document: &mut Document, upgrade: &Spine<'_>) -> Result<(), LoadError> {
        let (from, to) = (upgrade.number("fromVersion"), upgrade.number("toVersion"));
        let missing = |_: RegistryError| {
            let (from, to) = (number(from), number(to));
            LoadError::Thrown(format!("No upgrade manifest provided for transition from version {from} to {to}"))
        };
        let path = self.registry.upgrade_path(&self.archive.document_type, whole(from), whole(to)).map_err(missing)?;
        for step in path {
            let state = document.state()?;
            document.transition(&step.upgrade(&state))?;
        }
        document.upgrade(&upgrade.action.input)?;
        let fold = self.registry.model(&self.model(to)?)?.fold()?;
        Ok(document.set_fold(fold)?)
    }

    /// The header with what operations have changed in it.
    fn header(&self, document: &Document) -> Object<'static> {
        let mut header = Object::clone(document.header().members());
        for member in ["revision", "lastModifiedAtUtcIso"] {
            if let Some(value) = self.archive.header.get(member) {
                header.insert(member.into(), value.clone());
            }
        }
        with_revisions(header, document)
    }
}

/// Fails as the reference does for a header that does not say which base protocol the document follows.
fn require_version(archive: &crate::model::archive::Archive) -> Result<(), LoadError> {
    let version = archive.header.get("protocolVersions").and_then(|versions| versions.get("base-reducer"));
    if version.and_then(Json::as_number).is_some() {
        return Ok(());
    }
    let id = &archive.document;
    Err(LoadError::Thrown(format!("Document {id} carries no base-reducer protocol version")))
}

/// Takes an operation of the document scope between two upgrades.
fn between(document: &mut Document, item: &Spine<'_>) -> Result<(), LoadError> {
    if item.operation.denied.is_some() {
        return Ok(());
    }
    match item.action.kind.as_bytes() {
        b"CREATE_DOCUMENT" | b"UPGRADE_DOCUMENT" => Ok(()),
        b"DELETE_DOCUMENT" => {
            let time = item.operation.timestamp.to_string().into();
            let at = if item.action.timestamp.is_empty() { &time } else { &item.action.timestamp };
            Ok(document.delete(at)?)
        }
        _ => {
            let revision = document.header().revision().iter().find(|(scope, _)| is_document(scope));
            let next = revision.map_or(NextIndex::default(), |(_, next)| *next);
            let head = head(item.operation);
            if head.index.get().saturating_sub(u64::from(head.skip)) > next.get() {
                return Err(ProtocolError::Thrown(format!(
                    "Missing operations: expected {next} with skip 0 or equivalent, got index {index} with skip {skip}",
                    next = next.get(),
                    index = head.index,
                    skip = head.skip
                ))
                .into());
            }
            document.load(head, &item.action)?;
            Ok(())
        }
    }
}

/// How many operations of a scope come before an upgrade.
fn boundary(upgrade: &Spine<'_>, scope: &Scope, list: &[&ArchivedOperation]) -> usize {
    let revision = upgrade.action.input.get("revision").filter(|revision| !revision.is_falsy());
    if let Some(revision) = revision {
        let next = revision.get(scope.as_str()).and_then(Json::as_number).unwrap_or(0.0);
        return list.iter().filter(|operation| as_number(operation) < next).count();
    }
    let time: Timestamp = upgrade.operation.timestamp;
    list.iter().position(|operation| operation.timestamp >= time).unwrap_or(list.len())
}

#[expect(clippy::cast_precision_loss, reason = "the reference compares doubles")]
fn as_number(operation: &ArchivedOperation) -> f64 {
    operation.index.get() as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast saturates, and no model has such a version"
)]
fn whole(version: f64) -> u32 {
    version as u32
}

fn is_document(scope: &Scope) -> bool {
    *scope == Scope::document()
}

/// A number as JavaScript puts it into a text.
fn number(number: f64) -> String {
    if number.is_nan() {
        return "undefined".to_owned();
    }
    let mut text = Vec::new();
    write_number(number, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}
