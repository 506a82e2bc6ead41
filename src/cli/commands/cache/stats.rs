//! `snapctl cache stats`.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cache::disk::DiskCache;
use crate::cache::{Reads, StoreIdentity, Tier as _, TierName, TierStats};
use crate::cli::ctx::Ctx;
use crate::cli::exit::ExitStatus;
use crate::cli::manual::{Example, Page};
use crate::cli::render::openmetrics::{Exposition, OtherFormat};
use crate::cli::render::table::{Align, table};
use crate::cli::render::tier::{ReadsView, TierView, expose};
use crate::cli::tiers;
use crate::cli::ui::{Format, Out, StdoutError, Ui};
use crate::store::Store;

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "cache stats",
    examples: &[
        Example { does: "What the tiers were asked, had, and hold", run: "snapctl cache stats" },
        Example {
            does: "How many reads were answered by a tier, from 0 to 1",
            run: "snapctl cache stats --jq '.reads.hitRatio.share'",
        },
        Example { does: "For Prometheus", run: "snapctl cache stats --all-stores --format openmetrics" },
    ],
};

/// Show what the tiers of the cache were asked, had, and hold
///
/// The counters are kept in the cache file, those of the memory tier as well: each process that uses both adds what it
/// counted when it ends. What is in memory is gone with its process.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct StatsArgs {
    /// Of all stores together, also if one is named
    #[arg(long)]
    all_stores: bool,

    /// Print another format: openmetrics is the text that Prometheus and others scrape
    #[arg(long, value_name = "FORMAT", value_enum, conflicts_with_all = ["json", "ndjson", "jq"])]
    format: Option<OtherFormat>,
}

/// What the tiers were asked, had, and hold.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CacheStats")]
pub(in crate::cli) struct StatsView {
    /// The cache file.
    path: String,
    /// Its size in bytes; `null` if it is not there.
    file_bytes: Option<u64>,
    /// The store; `null` for all.
    store: Option<String>,
    /// Of all tiers together.
    reads: ReadsView,
    /// Each tier, the nearest first.
    tiers: Vec<TierView>,
}

/// What was counted.
pub(in crate::cli) struct Counted {
    /// Of all tiers together.
    pub(in crate::cli) reads: Reads,
    /// Each tier, the nearest first.
    pub(in crate::cli) tiers: [(TierName, TierStats); 2],
}

impl Counted {
    /// What the cache file knows of a store, or of all.
    pub(in crate::cli) fn of(disk: &DiskCache, store: Option<&StoreIdentity>) -> Self {
        let (memory, reads) = disk.runs(store);
        let kept = store.map_or_else(|| disk.stats(), |store| disk.tier(store.clone()).stats());
        Counted { reads, tiers: [(TierName::Memory, memory), (TierName::Disk, kept)] }
    }

    /// What the cache file knows of a store, if there is one and it may be looked into.
    pub(in crate::cli) fn of_file(ctx: &Ctx, store: &dyn Store) -> Option<Self> {
        let disk = tiers::open(ctx.settings()).ok().filter(|disk| !ctx.no_cache() && disk.path().exists())?;
        Some(Self::of(&disk, Some(&tiers::identity(store))))
    }

    /// Adds it to an exposition.
    pub(in crate::cli) fn expose(&self, out: &mut Exposition) {
        expose(self.reads, &self.tiers, out);
    }
}

/// Runs `snapctl cache stats`.
///
/// # Errors
/// When the store cannot be opened, or stdout cannot be written.
pub(super) fn run(args: StatsArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let disk = tiers::open(ctx.settings())?;
    let named = !args.all_stores && ctx.store_named().is_ok();
    let store = if named { Some(tiers::identity(&*ctx.open_store()?)) } else { None };
    let counted = Counted::of(&disk, store.as_ref());
    let status = tiers::warned(&disk, &ui.talk);
    if args.format.is_some() {
        let mut exposition = Exposition::default();
        counted.expose(&mut exposition);
        ui.out.bytes(exposition.end().as_bytes())?;
        return Ok(status);
    }
    let view = StatsView {
        path: disk.path().display().to_string(),
        file_bytes: std::fs::metadata(disk.path()).ok().map(|file| file.len()),
        store: store.map(|store| store.location().to_owned()),
        reads: counted.reads.into(),
        tiers: counted.tiers.iter().map(|(name, stats)| TierView::of(*name, stats)).collect(),
    };
    if ui.out.format() == Format::Plain {
        print(&view, &counted, &mut ui.out)?;
    } else {
        ui.out.json(|out| Ok(serde_json::to_writer(out, &view)?))?;
    }
    Ok(status)
}

fn print(view: &StatsView, counted: &Counted, out: &mut Out) -> Result<(), StdoutError> {
    let file = match view.file_bytes {
        Some(bytes) => format!("{} ({bytes} bytes)", view.path),
        None => format!("{} (not there yet)", view.path),
    };
    out.line(&format!("file   {file}"))?;
    out.line(&format!("store  {}", view.store.as_deref().unwrap_or("all")))?;
    out.line("")?;
    let rows: Vec<Vec<String>> = view.tiers.iter().map(TierView::cells).chain([view.reads.cells()]).collect();
    let columns = [
        ("tier", Align::Left),
        ("requests", Align::Right),
        ("exact", Align::Right),
        ("older", Align::Right),
        ("hits", Align::Right),
        ("kept", Align::Right),
        ("bytes", Align::Right),
        ("saved operations", Align::Right),
        ("p50", Align::Right),
        ("p99", Align::Right),
    ];
    out.bytes(table(&columns, &rows, out.width()).as_bytes())?;
    for (name, stats) in &counted.tiers {
        if !stats.dropped.is_empty() {
            let causes: Vec<String> = stats.dropped.iter().map(|(cause, n)| format!("{cause} {n}")).collect();
            out.line(&format!("\ndropped from {name}: {}", causes.join(", ")))?;
        }
    }
    Ok(())
}
