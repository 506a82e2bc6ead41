//! The document of an archive as a loader of the reference returns it, instead of a rebuild of its rows.

use super::{Explain, ReplayError, Snapshot};
use crate::model::archive::{Archive, ArchivedOperation};
use crate::model::ids::{Revision, Scope};
use crate::model::progress::Progress;
use crate::reducer::Registry;
use crate::reducer::archive::{self, LoadError, Loader};

/// Loads the document of an archive; with a scope, what is said of that scope alone.
///
/// # Errors
/// `Unloadable` where the reference throws; `Model`, `Fold`, `Stopped`.
pub fn load(
    archive: &Archive,
    loader: Loader,
    scope: Option<&Scope>,
    registry: &Registry,
    progress: &dyn Progress,
) -> Result<Snapshot, ReplayError> {
    let document = archive::load(archive, loader, registry, progress).map_err(|error| match error {
        LoadError::Model(error) => error.into(),
        LoadError::Fold(error) => error.into(),
        LoadError::Stopped(stop) => stop.into(),
        LoadError::Thrown(_) | LoadError::Action(_) => {
            ReplayError::Unloadable { document: archive.document.clone(), loader, message: error.to_string() }
        }
    })?;
    let head = |(name, list): &(Scope, Vec<&ArchivedOperation>)| {
        (name.clone(), list.last().map(|last| Revision::of(last.index)))
    };
    let mut revision: std::collections::BTreeMap<_, _> = document.operations.iter().map(head).collect();
    if let Some(scope) = scope {
        revision.retain(|name, _| name == scope);
        revision.entry(scope.clone()).or_default();
    }
    let operations = archive.operations.iter().flat_map(|(_, list)| list);
    let explain = Explain {
        operations_read: operations.clone().count() as u64,
        operations_applied: document.applied,
        bytes_read: operations.map(|operation| operation.action.len() as u64).sum(),
        ..Explain::default()
    };
    Ok(Snapshot {
        document: archive.document.clone(),
        scope: scope.cloned(),
        branch: archive.branch.clone(),
        revision,
        document_type: archive.document_type.clone(),
        header: document.header,
        state: document.state,
        explain,
        warnings: Vec::new(),
    })
}
