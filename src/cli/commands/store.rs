//! `snapctl store`: a store as a whole.

mod check;
mod migrate;

use std::collections::BTreeMap;

use clap::Subcommand;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::ctx::Ctx;
use crate::cli::exit::ExitStatus;
use crate::cli::manual::{Example, Page};
use crate::cli::render::table::{Align, table};
use crate::cli::ui::{Format, Ui};
use crate::store::{Access, Capabilities, Fact, Read, StoreError, answer};

pub(in crate::cli) use check::CheckView;
pub(crate) use check::PAGE as CHECK_PAGE;
pub(in crate::cli) use migrate::MigrateView;
pub(crate) use migrate::PAGE as MIGRATE_PAGE;

/// The manual page of `store info`.
pub(crate) const INFO_PAGE: Page = Page {
    command: "store info",
    examples: &[
        Example { does: "Where the store is, and what it holds", run: "snapctl store info" },
        Example { does: "Another store than that of the environment", run: "snapctl store info --store undo.sqlite" },
        Example {
            does: "Nightly: one line of figures",
            run: "snapctl store info --json \\\n  | jq -r '[.documents, .operations, .keyframes, .sizeBytes] | @tsv'",
        },
    ],
};

/// The manual page of `store init`.
pub(crate) const INIT_PAGE: Page = Page {
    command: "store init",
    examples: &[
        Example { does: "Make an empty store", run: "snapctl store init --store new.sqlite" },
        Example {
            does: "Make one unless it is there, as a script would",
            run: "snapctl store init --if-missing --store ops.sqlite",
        },
    ],
};

/// What is known of the store.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Show where the store is, what it holds, and what it can do
    Info,
    /// Make an empty store, with the tables of the reference
    Init {
        /// A store that is there already will do
        #[arg(long)]
        if_missing: bool,
    },
    Check(check::CheckArgs),
    Migrate(migrate::MigrateArgs),
}

/// What `store init` answers.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "NewStore")]
pub(in crate::cli) struct InitView {
    /// Where the store is; never with a password.
    location: String,
    /// Whether it is new.
    created: bool,
}

/// A store as `store info` shows it.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Store")]
pub(in crate::cli) struct InfoView {
    /// Where it is; never with a password.
    location: String,
    /// How many documents it has with at least one operation.
    documents: u64,
    /// How many operations it has.
    operations: u64,
    /// How many keyframes it has.
    keyframes: u64,
    /// The bytes of all its files; 0 when it has none.
    size_bytes: u64,
    /// What it can do.
    capabilities: CapabilitiesView,
    /// By name, facts that only this backend has.
    details: BTreeMap<&'static str, FactView>,
}

/// A fact about a store.
#[derive(JsonSchema, Serialize)]
#[serde(untagged)]
enum FactView {
    Word(&'static str),
    Number(u64),
    Names(Vec<String>),
}

/// What a store can do.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Capabilities")]
#[expect(clippy::struct_excessive_bools, reason = "a list of independent capabilities")]
struct CapabilitiesView {
    /// Whether operations can be added to it.
    append: bool,
    /// Whether it holds keyframes.
    keyframes: bool,
    /// Whether new operations are noticed.
    follow: bool,
    /// Whether a change is made wholly or not at all.
    transactional: bool,
    /// Whether a change outlives the process.
    durable: bool,
}

/// Runs `snapctl store`.
///
/// # Errors
/// When the store cannot be opened, read, made or changed, or stdout not written.
pub(crate) fn run(command: StoreCommand, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    match command {
        StoreCommand::Info => info(ctx, ui),
        StoreCommand::Init { if_missing } => init(if_missing, ctx, ui),
        StoreCommand::Check(args) => check::run(args, ctx, ui),
        StoreCommand::Migrate(args) => migrate::run(args, ctx, ui),
    }
}

/// Makes a store.
fn init(if_missing: bool, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let named = &ctx.store_named()?;
    let (store, created) = match ctx.create_named(named) {
        Err(StoreError::Exists { .. }) if if_missing => (ctx.open_named(named, Access::Change)?, false),
        made => (made?, true),
    };
    let view = InitView { location: store.location().to_owned(), created };
    match ui.out.format() {
        Format::Plain if created => ui.out.line(&format!("made {}", view.location))?,
        Format::Plain => ui.out.line(&format!("{} was there already", view.location))?,
        _ => ui.out.json(|out| Ok(serde_json::to_writer(out, &view)?))?,
    }
    Ok(ExitStatus::Success)
}

fn info(ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let store = ctx.open_store()?;
    let info = answer(&*store, |read: &dyn Read| -> Result<_, StoreError> { read.info() })?;
    let view = InfoView {
        location: store.location().to_owned(),
        documents: info.documents,
        operations: info.operations,
        keyframes: info.keyframes,
        size_bytes: info.size_bytes,
        capabilities: capabilities(store.capabilities()),
        details: info.details.into_iter().map(|(name, fact)| (name, fact.into())).collect(),
    };
    if ui.out.format() == Format::Plain {
        let text = table(&[("", Align::Left), ("", Align::Left)], &rows(view), ui.out.width());
        ui.out.bytes(text.as_bytes())?;
    } else {
        ui.out.json(|out| Ok(serde_json::to_writer(out, &view)?))?;
    }
    Ok(ExitStatus::Success)
}

fn capabilities(can: Capabilities) -> CapabilitiesView {
    let Capabilities { append, keyframes, follow, transactional, durable } = can;
    CapabilitiesView { append, keyframes, follow, transactional, durable }
}

fn rows(view: InfoView) -> Vec<Vec<String>> {
    let can = view.capabilities;
    let named = [
        (can.append, "append"),
        (can.keyframes, "keyframes"),
        (can.follow, "follow"),
        (can.transactional, "transactional"),
        (can.durable, "durable"),
    ];
    let capabilities: Vec<&str> = named.iter().filter(|(can, _)| *can).map(|(_, name)| *name).collect();
    let facts = [
        ("location", view.location),
        ("documents", view.documents.to_string()),
        ("operations", view.operations.to_string()),
        ("keyframes", view.keyframes.to_string()),
        ("size in bytes", view.size_bytes.to_string()),
        (
            "capabilities",
            if capabilities.is_empty() { "none: it is read-only".to_owned() } else { capabilities.join(", ") },
        ),
    ];
    // What is not there is no news.
    let details = view.details.into_iter().map(|(name, fact)| (name, fact.text())).filter(|(_, text)| !text.is_empty());
    facts.into_iter().chain(details).map(|(name, value)| vec![name.to_owned(), value]).collect()
}

impl From<Fact> for FactView {
    fn from(fact: Fact) -> Self {
        match fact {
            Fact::Word(word) => FactView::Word(word),
            Fact::Number(number) => FactView::Number(number),
            Fact::Names(names) => FactView::Names(names),
        }
    }
}

impl FactView {
    fn text(self) -> String {
        match self {
            FactView::Word(word) => word.to_owned(),
            FactView::Number(number) => number.to_string(),
            FactView::Names(names) => names.join(", "),
        }
    }
}
