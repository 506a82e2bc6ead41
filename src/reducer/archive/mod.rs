//! Documents in files, as the reference's loaders read them (reactor format §9).
//!
//! They do not agree with a rebuild from a store: operations that others retract are dropped before anything is replayed,
//! and what an undo means is then applied once more. Here that is done on purpose.

mod versioned;

use std::fmt;

use super::protocol::gc::{self, Slot, Slotted};
use super::protocol::{Document, Header, ProtocolError, RowHead, Schedule, Version};
use super::{FoldError, ModelId, Registry, RegistryError, auth};
use crate::model::archive::{Archive, ArchivedOperation};
use crate::model::ids::{DocumentType, NextIndex, Scope};
use crate::model::json::{Json, Object, Text};
use crate::model::operation::{Action, ActionError};
use crate::model::progress::{Progress, Stop};
use crate::model::state::{JsonState, State};

/// A loader of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loader {
    /// All scopes but `document`, replayed from the initial state of the file.
    Plain,
    /// The same, which then compares the last hash of each scope with its state (`checkHashes: false`, which turns the
    /// check on).
    Checked,
    /// The version-aware one of generated models: from the state that the first upgrade carries, version by version.
    Versioned,
}

impl fmt::Display for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Loader::Plain => "plain",
            Loader::Checked => "checked",
            Loader::Versioned => "versioned",
        })
    }
}

/// A document as a loader returns it.
#[derive(Clone, Debug)]
pub struct Loaded<'a> {
    /// The header.
    pub header: Object<'static>,
    /// The state.
    pub state: State,
    /// The operations that were left to replay, by scope in the order of the file.
    pub operations: Vec<(Scope, Vec<&'a ArchivedOperation>)>,
    /// Calls of a reducer.
    pub applied: u64,
}

/// Why a loader returns no document.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The reference throws here, with this text.
    #[error("{0}")]
    Thrown(String),
    /// No model serves the type.
    #[error(transparent)]
    Model(#[from] RegistryError),
    /// The engine behind a model failed.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// An action is none.
    #[error(transparent)]
    Action(#[from] ActionError),
    /// The user or the clock stopped it.
    #[error(transparent)]
    Stopped(#[from] Stop),
}

impl From<ProtocolError> for LoadError {
    fn from(error: ProtocolError) -> Self {
        match error {
            ProtocolError::Fold(error) => error.into(),
            // Everything is kept that is looked back on, so only the first of the others comes up.
            error => LoadError::Thrown(error.to_string()),
        }
    }
}

/// Loads the document of an archive.
///
/// # Errors
/// Where the reference throws, and what the models say.
pub fn load<'a>(
    archive: &'a Archive,
    loader: Loader,
    registry: &Registry,
    progress: &dyn Progress,
) -> Result<Loaded<'a>, LoadError> {
    let operations = collected(archive)?;
    let all = operations.iter().map(|(_, list)| list.len() as u64).sum();
    progress.expect(all);
    let load = Load { archive, registry, progress, operations };
    match loader {
        Loader::Plain => load.plain(),
        Loader::Checked => {
            let document = load.plain()?;
            check_hashes(archive, &document)?;
            Ok(document)
        }
        Loader::Versioned => load.versioned(),
    }
}

impl Slotted for &ArchivedOperation {
    fn slot(&self) -> Slot {
        let skip = self.skip.map_or(0, std::num::NonZeroU32::get);
        // Collection does not ask for it.
        Slot { index: self.index.get(), skip, noop: false }
    }
}

/// What is left of each scope after the first collection rule; what is left has to be without gaps.
fn collected(archive: &Archive) -> Result<Vec<(Scope, Vec<&ArchivedOperation>)>, LoadError> {
    let mut wrong = Vec::new();
    let lists = archive.operations.iter().map(|(scope, operations)| {
        let mut list: Vec<&ArchivedOperation> = operations.iter().collect();
        gc::sort(&mut list);
        gc::collect(&mut list);
        wrong.extend(gc::check_collected(&list).err());
        (scope.clone(), list)
    });
    let lists = lists.collect();
    if wrong.is_empty() { Ok(lists) } else { Err(LoadError::Thrown(wrong.join("\n"))) }
}

/// A load on its way.
struct Load<'a, 'e> {
    archive: &'a Archive,
    registry: &'e Registry,
    progress: &'e dyn Progress,
    operations: Vec<(Scope, Vec<&'a ArchivedOperation>)>,
}

impl<'a> Load<'a, '_> {
    fn plain(self) -> Result<Loaded<'a>, LoadError> {
        let id = ModelId { document_type: self.archive.document_type.clone(), version: self.newest_version() };
        let mut document = self.document(&id, self.archive.state.iter().cloned().collect())?;
        for (_, list) in self.operations.iter().filter(|(scope, _)| *scope != Scope::document()) {
            self.replay(&mut document, list)?;
        }
        let header = with_revisions(self.archive.header.clone(), &document);
        self.loaded(header, document)
    }

    /// The newest version that a model serves; 1 for one that serves all.
    fn newest_version(&self) -> u32 {
        self.versions().into_iter().max().unwrap_or(1)
    }

    /// The versions of the document's type that are served, each by a model of its own; ascending.
    fn versions(&self) -> Vec<u32> {
        let own = |document_type: &DocumentType| *document_type == self.archive.document_type;
        let models = self.registry.models().into_iter().filter(|known| own(known.document_type));
        models.filter_map(|known| known.version).collect()
    }

    /// A document with the header of the archive in a state, which is also its initial one.
    fn document(&self, id: &ModelId, mut state: JsonState) -> Result<Document, LoadError> {
        let mut fold = self.registry.model(id)?.fold()?;
        state.set("auth".into(), auth::backfill(state.get("auth")));
        fold.restore(&State::new(state))?;
        let mut document = Document::start(Header::stored(&self.archive.header), fold)?;
        if !self.looks_back(&document) {
            document.set_schedule(Schedule::plain());
        }
        Ok(document)
    }

    /// Whether an operation goes back to the initial state.
    fn looks_back(&self, document: &Document) -> bool {
        let noop = |operation: &ArchivedOperation| {
            Action::parse_head(&operation.action).is_ok_and(|action| action.kind == *"NOOP")
        };
        matches!(document.version(), Ok(Version::V2))
            && self
                .operations
                .iter()
                .flat_map(|(_, list)| list)
                .any(|operation| operation.skip.is_some() && noop(operation))
    }

    fn replay(&self, document: &mut Document, list: &[&ArchivedOperation]) -> Result<(), LoadError> {
        /// Operations between two looks at the clock.
        const STRIDE: usize = 128;
        for operations in list.chunks(STRIDE) {
            self.progress.check()?;
            for operation in operations {
                document.load(head(operation), &Action::parse(&operation.action)?)?;
            }
            self.progress.advance(operations.len() as u64);
        }
        Ok(())
    }

    fn loaded(self, header: Object<'static>, mut document: Document) -> Result<Loaded<'a>, LoadError> {
        let (state, applied) = (document.state()?, document.applied());
        Ok(Loaded { header, state, operations: self.operations, applied })
    }
}

fn head(operation: &ArchivedOperation) -> RowHead {
    RowHead {
        index: operation.index,
        skip: operation.slot().skip,
        denied: operation.denied.is_some(),
        failed: operation.error.is_some(),
    }
}

/// A header with the next indices of the scopes that a document has replayed; those of others stay.
#[expect(clippy::cast_precision_loss, reason = "headers store indices as JSON numbers")]
fn with_revisions(mut header: Object<'static>, document: &Document) -> Object<'static> {
    let mut revision = match header.remove("revision") {
        Some(Json::Object(revision)) => revision,
        _ => Object::new(),
    };
    for (scope, next) in document.header().revision() {
        revision.insert(Text::from(scope.as_str()).into_owned(), Json::Number(NextIndex::get(*next) as f64));
    }
    header.insert("revision".into(), Json::Object(revision));
    header
}

/// Compares the last hash of each scope of the state, as the file has it, with the state.
fn check_hashes(archive: &Archive, loaded: &Loaded<'_>) -> Result<(), LoadError> {
    let document = Scope::document();
    let last = |scope: &Scope| loaded.operations.iter().find(|(name, _)| name == scope)?.1.last();
    for scope in archive.state.iter().map(|(scope, _)| scope).filter(|scope| **scope != document) {
        let Some(last) = last(scope) else { continue };
        if *last.hash != *loaded.state.hash(scope.as_str()).to_string() {
            let (id, index) = (&archive.document, last.index);
            return Err(LoadError::Thrown(format!("Hash mismatch on document {id}, scope {scope}, index {index}")));
        }
    }
    Ok(())
}
