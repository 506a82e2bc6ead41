//! `export DOC --to FILE.phd`: a document in a file as the reference saves it.

use std::path::Path;

use super::FileView;
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::new_file::NewFile;
use crate::cli::selection::Choice;
use crate::cli::ui::Ui;
use crate::model::ids::{Branch, Scope, Span};
use crate::model::json::Json;
use crate::model::target::{At, Target};
use crate::reducer::archive::Loader;
use crate::replay::{self, ReplayError, Snapshot};
use crate::store::archive::ArchiveStore;
use crate::store::{Part, Read, Store, answer};
use crate::transfer::{Archived, Document, write_archive};

/// Writes the archive of the one document that `choices` name, and says what is in it.
///
/// # Errors
/// When they name another number of documents or a part of one, it cannot be rebuilt, is too large, or the file cannot be
/// written.
pub(super) fn write<'a>(
    choices: &[Choice],
    store: &dyn Store,
    (to, force): (&'a str, bool),
    ctx: &Ctx,
    ui: &mut Ui,
) -> anyhow::Result<FileView<'a>> {
    let [choice] = choices else { return Err(one_document(to).into()) };
    // Before any work: it may be there already.
    let mut file = NewFile::create(Path::new(to), force)?;
    let meter = ctx.meter("exporting");
    let (archived, snapshot, others) = answer(store, |read| -> anyhow::Result<_> {
        let part = choice.find(read)?;
        if part.scope.is_some() || part.span != Span::ALL {
            return Err(one_document(to).into());
        }
        let (snapshot, document) = document(&part, read, ctx)?;
        let streams = read.streams(&part.document)?;
        let others = part.branch.is_none() && streams.iter().any(|stream| stream.branch != document.branch);
        Ok((write_archive(read, &document, &meter)?, snapshot, others))
    })?;
    drop(meter);
    if others {
        ui.talk.warning(format_args!("an archive holds one branch: only branch {} is in {to}", snapshot.branch));
    }
    snapshot.warnings.iter().for_each(|warning| ui.talk.warning(warning));
    let Archived { bytes, operations } = archived;
    check(&bytes, to, &snapshot, ctx, ui)?;
    file.bytes(&bytes)?;
    Ok(FileView { file: to, operations, keyframes: 0, size_bytes: file.finish()? })
}

fn one_document(to: &str) -> Refusal {
    Refusal {
        exit: ExitStatus::Usage,
        code: "usage",
        message: format!("{to} is an archive, which holds one document, whole"),
        hint: Some("name it: `snapctl export DOC --to FILE.phd`, or DOC@BRANCH".to_owned()),
    }
}

/// The document as it is at its head, and what of it goes into the archive.
fn document(part: &Part, read: &dyn Read, ctx: &Ctx) -> Result<(Snapshot, Document), ReplayError> {
    let branch = part.branch.clone().unwrap_or_else(Branch::main);
    let meter = ctx.meter("replaying");
    let sources = ctx.sources(read, &meter);
    let target = Target::literal(part.document.as_str(), None, Some(branch.as_str()), At::Head);
    let snapshot = replay::rebuild(&sources, &replay::resolve(read, &target)?)?;
    let initial = replay::initial(&sources, &part.document, &branch)?;
    let mut header = snapshot.header.clone();
    // What the rows of the archive are called when it is read.
    header.insert("id".into(), Json::from(part.document.as_str().to_owned()));
    header.insert("branch".into(), Json::from(branch.as_str().to_owned()));
    if !initial.created {
        // Which is how an import knows that there is nothing to make up.
        header.remove("sig");
    }
    let document =
        Document { id: part.document.clone(), branch, header, initial: initial.state, current: snapshot.state.clone() };
    Ok((snapshot, document))
}

/// Reads the archive as the loaders of the reference do, and warns where one does not return the document as it is here.
fn check(bytes: &[u8], to: &str, snapshot: &Snapshot, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<()> {
    let archive = ArchiveStore::from_bytes(to.to_owned(), bytes)?;
    let meter = ctx.meter("checking");
    for loader in [Loader::Plain, Loader::Versioned] {
        match replay::load(archive.contents(), loader, None, ctx.registry(), &meter) {
            Ok(loaded) => {
                let differs = |scope: &&Scope| {
                    **scope != *"document" && loaded.state.hash(scope.as_str()) != snapshot.state.hash(scope.as_str())
                };
                let scopes = snapshot.state.scopes();
                let differing: Vec<&str> = scopes.iter().filter(differs).map(Scope::as_str).collect();
                if !differing.is_empty() {
                    ui.talk.warning(format_args!(
                        "the {loader} loader makes another state of {to}, in scope {}: undos, skips and upgrades mean something \
                         else to it; an import makes the state that is here",
                        differing.join(", ")
                    ));
                }
            }
            Err(error @ ReplayError::Stopped(_)) => return Err(error.into()),
            Err(error) => ui.talk.warning(error),
        }
    }
    Ok(())
}
