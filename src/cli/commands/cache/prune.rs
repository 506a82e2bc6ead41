//! `snapctl cache prune`.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cache::disk::Maintained;
use crate::cli::ctx::Ctx;
use crate::cli::exit::ExitStatus;
use crate::cli::manual::{Example, Page};
use crate::cli::tiers;
use crate::cli::ui::{Format, Ui};

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "cache prune",
    examples: &[
        Example { does: "Bring the cache file within its bounds, and give space back", run: "snapctl cache prune" },
        Example { does: "Whether there is something to do", run: "snapctl cache prune --dry-run --jq .needed" },
    ],
};

/// Look after the cache file: expire, evict, give space back
///
/// Commands that put states there do the urgent part of this by themselves. Heads whose time (cache.ttl) is over answer no
/// longer for the head; what is over cache.disk-bytes or cache.disk-entries goes, what saves least for its size first.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct PruneArgs {
    /// Say whether there is something to do, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// What was done.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CachePruned")]
pub(in crate::cli) struct PrunedView {
    /// Whether there was something to do.
    needed: bool,
    /// Heads that answer no longer for the head of their stream.
    expired: u64,
    /// States that went because there was too much.
    evicted: u64,
    /// States and bodies that went because a damage had left them without the rest.
    orphans: u64,
    /// Bytes kept before, as the budget counts them.
    bytes_before: u64,
    /// Bytes kept after.
    bytes_after: u64,
    /// Size of the file before, in bytes.
    file_bytes_before: u64,
    /// Size of the file after, in bytes.
    file_bytes_after: u64,
    /// Whether nothing was changed.
    dry_run: bool,
}

/// Runs `snapctl cache prune`.
///
/// # Errors
/// When there is no place for a cache file, or stdout cannot be written.
pub(super) fn run(args: PruneArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let disk = tiers::open(ctx.settings())?;
    let needed = disk.needs_maintenance();
    let done = if args.dry_run { None } else { disk.maintain() };
    let status = tiers::warned(&disk, &ui.talk);
    let Maintained { expired, evicted, orphans, bytes_before, bytes_after, file_bytes_before, file_bytes_after } =
        done.unwrap_or_default();
    let view = PrunedView {
        needed,
        expired,
        evicted,
        orphans,
        bytes_before,
        bytes_after,
        file_bytes_before,
        file_bytes_after,
        dry_run: args.dry_run,
    };
    if ui.out.format() != Format::Plain {
        ui.out.json(|out| Ok(serde_json::to_writer(out, &view)?))?;
        return Ok(status);
    }
    let text = match done {
        None if status != ExitStatus::Success => "nothing could be done".to_owned(),
        None if args.dry_run && needed => "there is something to do".to_owned(),
        None => "there is nothing to do".to_owned(),
        Some(_) => format!(
            "{evicted} states evicted, {expired} heads expired; kept {bytes_before} → {bytes_after} bytes, \
             file {file_bytes_before} → {file_bytes_after} bytes"
        ),
    };
    ui.out.line(&text)?;
    Ok(status)
}
