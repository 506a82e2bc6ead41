//! Which states of the cache file a command is about.

use clap::Args;

use crate::cache::disk::DiskCache;
use crate::cache::{Cause, Listed, StoreIdentity, Tier as _, Which};
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::tiers;
use crate::model::ids::StreamKey;
use crate::model::target::{At, Target};
use crate::replay::{ReplayError, find_document};
use crate::store::{Store, answer};

/// Options that choose states.
#[derive(Clone, Debug, Args)]
pub(super) struct Choice {
    /// Which: DOC[/SCOPE][@BRANCH]; a document that is gone is named by its exact id
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,

    /// Those whose key matches: * is any text, ? any character
    #[arg(long, value_name = "PATTERN")]
    glob: Option<String>,

    /// Those that models with this fingerprint have made
    #[arg(long, value_name = "FINGERPRINT")]
    fingerprint: Option<String>,

    /// Those of all stores, also if one is named
    #[arg(long, conflicts_with = "targets")]
    all_stores: bool,
}

/// The cache file, and the store whose states are meant; all stores if there is none.
pub(super) struct Place {
    pub(super) disk: DiskCache,
    pub(super) store: Option<StoreIdentity>,
}

impl Choice {
    /// Whether something is said.
    pub(super) fn is_any(&self) -> bool {
        !self.targets.is_empty() || self.glob.is_some() || self.fingerprint.is_some()
    }

    /// Whether the states of all stores are meant.
    pub(super) fn is_of_all_stores(&self) -> bool {
        self.all_stores
    }

    /// Where the states are.
    ///
    /// # Errors
    /// When the store cannot be opened, or there is no place for a cache file.
    pub(super) fn place(&self, ctx: &Ctx) -> anyhow::Result<(Place, Vec<Which>)> {
        let disk = tiers::open(ctx.settings())?;
        let store = if self.all_stores || ctx.store_named().is_err() { None } else { Some(ctx.open_store()?) };
        let chosen = self.which(store.as_deref(), &disk)?;
        Ok((Place { disk, store: store.map(|store| tiers::identity(&*store)) }, chosen))
    }

    fn which(&self, store: Option<&dyn Store>, disk: &DiskCache) -> anyhow::Result<Vec<Which>> {
        let mut chosen = Vec::new();
        for text in &self.targets {
            chosen.push(target(text, store)?);
        }
        if let Some(text) = &self.glob {
            let pattern = glob::Pattern::new(text).map_err(|error| {
                let message = format!("\"{text}\" is no pattern, at character {}: {}", error.pos, error.msg);
                usage(message, "* is any text, ? any character, [ab] one of some")
            })?;
            chosen.push(Which::Glob { namespace: disk.namespace().to_owned(), pattern });
        }
        chosen.extend(self.fingerprint.as_deref().map(|text| Which::Fingerprint(text.into())));
        Ok(chosen)
    }
}

impl Place {
    /// Visits the states that one of `chosen` includes, with the location of their store; all of them if nothing is chosen.
    pub(super) fn visit(&self, chosen: &[Which], visit: &mut dyn FnMut(&str, &Listed<'_>)) {
        let is_chosen =
            |listed: &Listed<'_>| chosen.is_empty() || chosen.iter().any(|which| which.includes(listed.facts));
        match &self.store {
            Some(store) => self.disk.tier(store.clone()).list(&mut |listed| {
                if is_chosen(listed) {
                    visit(store.location(), listed);
                }
            }),
            None => self.disk.list(&mut |location, listed| {
                if is_chosen(listed) {
                    visit(location, listed);
                }
            }),
        }
    }

    /// Drops the states that one of `chosen` includes, and says how many those were.
    pub(super) fn drop_entries(&self, chosen: &[Which], cause: Cause) -> u64 {
        let drop = |which: &Which| match &self.store {
            Some(store) => self.disk.tier(store.clone()).drop_entries(which, cause),
            None => self.disk.drop_entries(which, cause),
        };
        chosen.iter().map(drop).sum()
    }
}

fn target(text: &str, store: Option<&dyn Store>) -> anyhow::Result<Which> {
    let Target { document, scope, branch, at } = text.parse()?;
    if at != At::Head {
        let hint = "leave it out, or name the key with --glob";
        return Err(usage(format!("{text} names a position; whole streams are meant here"), hint).into());
    }
    let found = store.map(|store| answer(store, |read| find_document(read, &document)));
    let document = match found {
        None | Some(Err(ReplayError::NoDocument { .. })) => document.as_str().into(),
        Some(found) => found?,
    };
    match scope {
        None if text.contains('@') => Ok(Which::Branch(document, branch)),
        None => Ok(Which::Document(document)),
        Some(scope) if text.contains('@') => Ok(Which::Stream(StreamKey { document, scope, branch })),
        Some(scope) => Ok(Which::Scope(document, scope)),
    }
}

fn usage(message: String, hint: &str) -> Refusal {
    Refusal { exit: ExitStatus::Usage, code: "usage", message, hint: Some(hint.to_owned()) }
}
