//! Targets that choose streams: `DOC[/SCOPE][@BRANCH]`, or the beginning of the ids of several documents.

use std::ops::ControlFlow;

use super::exit::{ExitStatus, Refusal};
use crate::model::ids::DocumentId;
use crate::model::target::{At, DocumentRef, Target};
use crate::replay::{self, ReplayError};
use crate::store::{DocumentEntry, Read, Store, StoreError, answer};
use crate::verify::{self, Part};

/// The parts of a store that are named, by document, branch and scope, each once; without names all of it. A text without `/`
/// and `@` is the id of one document, or what the ids of several begin with, or a slug.
///
/// # Errors
/// When a text is no such target, or nothing answers to it.
pub(crate) fn parts(texts: &[String], store: &dyn Store) -> anyhow::Result<Vec<Part>> {
    if texts.is_empty() {
        return Ok(answer(store, verify::documents)?);
    }
    let mut parts = Vec::new();
    for text in texts {
        let target: Target = text.parse()?;
        if target.at != At::Head {
            let message = format!("{text} names a position; whole streams are meant here");
            let hint = Some("leave it out: DOC[/SCOPE][@BRANCH]".to_owned());
            return Err(Refusal { exit: ExitStatus::Usage, code: "bad-target", message, hint }.into());
        }
        if text.contains(['/', '@']) {
            parts.push(answer(store, |read| stream(read, &target))?);
        } else {
            parts.extend(answer(store, |read| beginning(read, target.document.as_str()))?);
        }
    }
    parts.sort_by(|a, b| (&a.document, &a.branch, &a.scope).cmp(&(&b.document, &b.branch, &b.scope)));
    // A whole document has all of its parts.
    parts.dedup_by(|part, before| part.document == before.document && (part == before || is_whole(before)));
    Ok(parts)
}

fn is_whole(part: &Part) -> bool {
    part.scope.is_none() && part.branch.is_none()
}

/// The document that is meant, also one that has keyframes and no operations.
///
/// # Errors
/// As [`replay::find_document`].
pub(crate) fn document(read: &dyn Read, named: &DocumentRef) -> Result<DocumentId, ReplayError> {
    match replay::find_document(read, named) {
        Err(error @ ReplayError::NoDocument { .. }) => {
            let orphan = read.orphans()?.into_iter().find(|orphan| orphan.id == *named.as_str());
            orphan.map(|orphan| orphan.id).ok_or(error)
        }
        found => found,
    }
}

fn stream(read: &dyn Read, target: &Target) -> Result<Part, ReplayError> {
    let id = document(read, &target.document)?;
    let part = entries(read, id.as_str())?.into_iter().find(|entry| entry.id == id).map(whole);
    let part = part.ok_or_else(|| ReplayError::NoDocument { name: id.to_string(), similar: Vec::new() })?;
    Ok(Part { scope: target.scope.clone(), branch: Some(target.branch.clone()), ..part })
}

/// The document with this id; else those whose ids begin so; else the one with this slug.
fn beginning(read: &dyn Read, text: &str) -> Result<Vec<Part>, ReplayError> {
    let mut found = entries(read, text)?;
    if let Some(exact) = found.iter().position(|entry| entry.id == *text) {
        return Ok(vec![whole(found.swap_remove(exact))]);
    }
    if found.is_empty() {
        let id = replay::find_document(read, &DocumentRef::Typed(text.to_owned()))?;
        found = entries(read, id.as_str())?;
        found.retain(|entry| entry.id == id);
    }
    Ok(found.into_iter().map(whole).collect())
}

fn entries(read: &dyn Read, prefix: &str) -> Result<Vec<DocumentEntry>, StoreError> {
    let mut entries = Vec::new();
    read.documents(prefix, &mut |entry| {
        entries.push(entry);
        ControlFlow::Continue(())
    })?;
    entries.extend(read.orphans()?.into_iter().filter(|orphan| orphan.id.as_str().starts_with(prefix)));
    Ok(entries)
}

fn whole(DocumentEntry { id, document_type }: DocumentEntry) -> Part {
    Part { document: id, document_type, scope: None, branch: None }
}
