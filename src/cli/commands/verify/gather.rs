//! What is checked: the targets, and the documents in drives.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::VerifyArgs;
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::ui::Talk;
use crate::model::ids::{DocumentId, DocumentType, Scope};
use crate::model::json::{Json, Text};
use crate::model::target::{At, Target};
use crate::replay::{self, Goal, Position, ReplayError};
use crate::store::{Read, Store, answer};
use crate::verify::{self, Part, Seals};

/// The parts of the store that the command line names, in the order of ids.
pub(super) fn parts(
    args: &VerifyArgs,
    ctx: &Ctx,
    store: &dyn Store,
    seals: Option<&Seals>,
    talk: &Talk,
) -> anyhow::Result<Vec<Part>> {
    if args.targets.is_empty() {
        let mut parts = answer(store, verify::documents)?;
        add_sealed(&mut parts, seals);
        return Ok(parts);
    }
    let mut parts = Vec::new();
    for text in &args.targets {
        let target: Target = text.parse()?;
        if target.at != At::Head {
            let message = format!("{text} names a position; whole streams are checked");
            let hint = Some("leave it out: DOC[/SCOPE][@BRANCH]".to_owned());
            return Err(Refusal { exit: ExitStatus::Usage, code: "bad-target", message, hint }.into());
        }
        let whole = !text.contains(['/', '@']);
        parts.push(answer(store, |read| part(read, &target, whole))?);
    }
    if args.recursive {
        let n_absent = answer(store, |read| Family { ctx, read, seen: BTreeSet::new(), absent: 0 }.gather(&mut parts))?;
        if n_absent > 0 {
            talk.note(format_args!("documents in the drives that this store does not have: {n_absent}"));
        }
    }
    parts.sort_by(|a, b| (&a.document, &a.branch, &a.scope).cmp(&(&b.document, &b.branch, &b.scope)));
    parts.dedup();
    Ok(parts)
}

/// Adds documents that were sealed and are gone.
fn add_sealed(parts: &mut Vec<Part>, seals: Option<&Seals>) {
    let known: BTreeSet<DocumentId> = parts.iter().map(|part| part.document.clone()).collect();
    let gone = seals.into_iter().flat_map(Seals::documents).filter(|document| !known.contains(*document));
    parts.extend(gone.map(|document| Part {
        document: document.clone(),
        document_type: DocumentType::from(""),
        scope: None,
        branch: None,
    }));
    parts.sort_by(|a, b| a.document.cmp(&b.document));
}

fn part(read: &dyn Read, target: &Target, whole: bool) -> Result<Part, ReplayError> {
    let document = replay::find_document(read, &target.document)?;
    let part = named(read, document)?;
    if whole {
        return Ok(part);
    }
    Ok(Part { scope: target.scope.clone(), branch: Some(target.branch.clone()), ..part })
}

/// A whole document, with its type.
fn named(read: &dyn Read, document: DocumentId) -> Result<Part, ReplayError> {
    let mut document_type = DocumentType::from("");
    // Of all ids that start with this one, itself is the least.
    read.documents(document.as_str(), &mut |entry| {
        document_type = entry.document_type;
        ControlFlow::Break(())
    })?;
    Ok(Part { document, document_type, scope: None, branch: None })
}

/// Drives, and what is in them.
struct Family<'a> {
    ctx: &'a Ctx,
    read: &'a dyn Read,
    seen: BTreeSet<DocumentId>,
    /// Files whose documents are not in the store.
    absent: u64,
}

impl Family<'_> {
    /// Adds the documents that the files of drives stand for, and those in these, each once.
    fn gather(mut self, parts: &mut Vec<Part>) -> Result<u64, ReplayError> {
        let mut open: Vec<DocumentId> = parts.iter().map(|part| part.document.clone()).collect();
        self.seen = open.iter().cloned().collect();
        while let Some(document) = open.pop() {
            for child in self.files(&document)? {
                if !self.seen.insert(child.clone()) {
                    continue;
                }
                if self.read.streams(&child)?.is_empty() {
                    self.absent += 1;
                    continue;
                }
                parts.push(named(self.read, child.clone())?);
                open.push(child);
            }
        }
        Ok(self.absent)
    }

    /// The documents that the files of a drive stand for; none if it is no drive, or cannot be replayed, which the check
    /// will say.
    fn files(&self, document: &DocumentId) -> Result<Vec<DocumentId>, ReplayError> {
        let meter = self.ctx.hidden_meter();
        let sources = self.ctx.sources(self.read, &meter);
        let (scope, branch) = (Scope::global(), crate::model::ids::Branch::main());
        let goal = Goal { document, branch: &branch, scope: &scope, position: Position::Head };
        let snapshot = match replay::state_at(&sources, goal) {
            Ok(snapshot) => snapshot,
            Err(error @ (ReplayError::Store(_) | ReplayError::Stopped(_))) => return Err(error),
            Err(_) => return Ok(Vec::new()),
        };
        let state = snapshot.state.scope(scope.as_str()).unwrap_or_default();
        let nodes = state.get("nodes").and_then(Json::as_array).unwrap_or_default();
        let is_file = |node: &&Json<'_>| node.get("kind").and_then(Json::as_text).is_some_and(|kind| *kind == *"file");
        let id = |node: &Json<'_>| node.get("id").and_then(Json::as_text).and_then(Text::as_str).map(DocumentId::from);
        Ok(nodes.iter().filter(is_file).filter_map(id).collect())
    }
}
