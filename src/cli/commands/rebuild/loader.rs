//! `rebuild --loader`: an archive as a loader of the reference reads it.

use clap::ValueEnum;

use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::model::target::Target;
use crate::reducer::archive::Loader;
use crate::replay::{self, Moment, Position, Snapshot, View};
use crate::store::{Store, answer};

/// A loader of the reference, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LoaderName {
    /// From state.json, every scope but document
    Plain,
    /// The same, with its check that the last hash of each scope is that of the state
    Checked,
    /// The version-aware one, from the state that the first upgrade carries
    Versioned,
}

impl From<LoaderName> for Loader {
    fn from(name: LoaderName) -> Self {
        match name {
            LoaderName::Plain => Loader::Plain,
            LoaderName::Checked => Loader::Checked,
            LoaderName::Versioned => Loader::Versioned,
        }
    }
}

/// Loads the document of an archive; a loader knows no position but the head.
///
/// # Errors
/// When the store is no archive, the target is not in it or says more than that, or the loader throws.
pub(super) fn load(ctx: &Ctx, store: &dyn Store, target: &Target, loader: LoaderName) -> anyhow::Result<Snapshot> {
    let Some(archive) = store.archive() else {
        return Err(Refusal {
            exit: ExitStatus::Usage,
            code: "usage",
            message: format!("--loader reads archives, and {} is another store", store.location()),
            hint: Some("`snapctl export DOC --to FILE.phd` writes one".to_owned()),
        }
        .into());
    };
    ctx.check()?;
    let resolved = answer(store, |read| replay::resolve(read, target))?;
    let scope = match resolved.view() {
        View::Composed(Moment::Head) => None,
        View::Scoped(scope, Position::Head) => Some(scope),
        _ => {
            return Err(Refusal {
                exit: ExitStatus::Usage,
                code: "bad-target",
                message: format!("{target} is a position, and a loader returns the document as of its last operation"),
                hint: Some("DOC is all of it, DOC/SCOPE one scope".to_owned()),
            }
            .into());
        }
    };
    let meter = ctx.meter("loading");
    Ok(replay::load(archive.contents(), loader.into(), scope, ctx.registry(), &meter)?)
}
