//! `snapctl cache show`.

use std::collections::BTreeMap;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::choice::Place;
use super::view::EntryView;
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::tiers;
use crate::cli::ui::Ui;
use crate::model::similar::nearest;
use crate::replay::is_current;
use crate::store::Access;

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "cache show",
    examples: &[
        Example {
            does: "What is known of the first state",
            run: "snapctl cache warm \\\n  && snapctl cache show \"$(snapctl cache list --jq '.[0].key')\"",
        },
        Example {
            does: "Whether it was made with the models that there are",
            run: "snapctl cache warm && key=$(snapctl cache list --jq '.[0].key') \\\n  && snapctl cache show \"$key\" --jq .current",
        },
    ],
};

/// Show what a state in the cache file depends on
#[derive(Clone, Debug, Args)]
pub(crate) struct ShowArgs {
    /// The key, as `snapctl cache list` prints it
    #[arg(value_name = "KEY")]
    key: String,
}

/// What a state in the cache file depends on.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CachedStateShown")]
pub(in crate::cli) struct ShownView {
    #[serde(flatten)]
    entry: EntryView,
    /// The id of the operation at its revision; `null` before operation 0.
    operation_id: Option<String>,
    /// The versions of the model that ran.
    versions: Vec<u32>,
    /// Digest of the models of these versions.
    fingerprint: String,
    /// Whether these are the models that there are. A state of others is no answer.
    current: bool,
    /// By scope, the last operation of the branch when it was made.
    heads: BTreeMap<String, u64>,
    /// The newest operation time in them; `null` if there is none.
    newest: Option<String>,
}

/// Runs `snapctl cache show`.
///
/// # Errors
/// When there is no such state, or stdout cannot be written.
pub(super) fn run(args: &ShowArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let place = Place { disk: tiers::open(ctx.settings())?, store: None };
    let namespace = place.disk.namespace().to_owned();
    let store = match ctx.store_named() {
        Ok(named) => Some(tiers::identity(&*ctx.open_named(&named, Access::Read)?)),
        Err(_) => None,
    };
    let mut found: Vec<ShownView> = Vec::new();
    let mut keys = Vec::new();
    place.visit(&[], &mut |location, listed| {
        let facts = listed.facts;
        let key = facts.key(&namespace);
        if key == args.key {
            found.push(ShownView {
                entry: EntryView::of(&namespace, location, listed),
                operation_id: facts.operation.as_ref().map(|id| id.as_str().to_owned()),
                versions: facts.versions.to_vec(),
                fingerprint: facts.fingerprint.as_str().to_owned(),
                current: is_current(ctx.registry(), facts),
                heads: facts.heads.iter().map(|head| (head.scope.as_str().to_owned(), head.revision.get())).collect(),
                newest: facts.newest.map(|time| time.to_string()),
            });
        } else {
            keys.push(key);
        }
    });
    tiers::warn(&place.disk, &ui.talk);
    // Of several stores, the one that is named.
    let is_named = |view: &ShownView| store.as_ref().is_some_and(|store| view.entry.store == store.location());
    let at = found.iter().position(is_named).unwrap_or_default();
    let Some(view) = found.get(at) else {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let near = nearest(&args.key, &keys).map(|near| format!("there is {near}"));
        let message = format!("{} is not in {}", args.key, place.disk.path().display());
        let hint = Some(near.unwrap_or_else(|| "`snapctl cache list` lists the keys".to_owned()));
        return Err(Refusal { exit: ExitStatus::Nothing, code: "nothing-matched", message, hint }.into());
    };
    ui.out.json(|out| Ok(serde_json::to_writer(out, view)?))?;
    Ok(ExitStatus::Success)
}
