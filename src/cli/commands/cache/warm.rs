//! `snapctl cache warm`.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cache::{Tier, TierName};
use crate::cli::args::parse_time;
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::parts::parts;
use crate::cli::progress::Unit;
use crate::cli::tiers;
use crate::cli::ui::{Format, Ui};
use crate::executor::TierBehind;
use crate::model::ids::{DocumentId, StreamKey};
use crate::model::progress::Progress;
use crate::model::time::Timestamp;
use crate::replay::{Base, Goal, Position, Rebuilt, ReplayError, Takes, Tiers, entry_at, newest_time};
use crate::settings::Setting as _;
use crate::store::{Store, StoreError, StreamHead, answer};

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "cache warm",
    examples: &[
        Example { does: "A document, all scopes at their heads", run: "snapctl cache warm field-notes" },
        Example { does: "The ten documents that were read most", run: "snapctl cache warm --hot 10" },
        Example {
            does: "Nightly: what has changed since yesterday, for ten minutes at most",
            run: "snapctl cache warm --changed-since 2025-04-01T00:00:00Z --max-duration 10m",
        },
    ],
};

/// Rebuild heads into the cache file, before they are asked for
///
/// The documents that were read most from the cache file come first, then those with the most operations. What is there
/// already, and holds, is not rebuilt. If something had to be skipped, the exit code is 5.
#[derive(Clone, Debug, Args)]
pub(crate) struct WarmArgs {
    /// Which: DOC[/SCOPE][@BRANCH], or what the ids of several documents begin with; all unless named
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,

    /// Only so many documents
    #[arg(long, value_name = "N")]
    hot: Option<NonZeroUsize>,

    /// Only streams that have an operation at or after this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    changed_since: Option<Timestamp>,

    /// Stop after this long; what is warm by then stays
    #[arg(long, value_name = "DURATION", value_parser = Duration::parse)]
    max_duration: Option<Duration>,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Warmed")]
pub(in crate::cli) struct WarmedView {
    /// States that were put into the cache file.
    warmed: u64,
    /// States that were there already.
    already: u64,
    /// States that were not put there: they cannot be rebuilt, or the time was over.
    skipped: u64,
    /// How long that took, in milliseconds.
    elapsed_ms: u64,
}

/// A stream to warm.
struct Stream {
    key: StreamKey,
    operations: u64,
}

/// Runs `snapctl cache warm`.
///
/// # Errors
/// When the store cannot be opened or read, or stdout cannot be written.
pub(super) fn run(args: &WarmArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    /// How long states are waited for that are to be written.
    const SHUTDOWN: Duration = Duration::from_secs(60);
    let begun = Instant::now();
    tiers::may_be_warmed(ctx)?;
    let store = ctx.open_store()?;
    let disk = tiers::open(ctx.settings())?;
    let tier: Arc<dyn Tier> = Arc::new(disk.tier(tiers::identity(&*store)));
    let streams = args.streams(&*store, &*tier, ctx)?;
    if streams.is_empty() && (!args.targets.is_empty() || args.changed_since.is_some()) {
        let message = format!("no stream of {} matches", store.location());
        let hint = Some("without TARGET and filters `snapctl cache warm` warms all".to_owned());
        return Err(Refusal { exit: ExitStatus::Nothing, code: "nothing-matched", message, hint }.into());
    }
    let puts_before = tier.stats().puts;
    let behind = Arc::new(TierBehind::start(tier.clone())?);
    let takes = Takes { reads: true, appends: false, without: tiers::without_disk(ctx.settings()) };
    let tiers = Tiers::default().and(behind.clone(), takes);
    let mut view = WarmedView::default();
    let mut is_over = false;
    let meter = ctx.meter_of("warming", Unit::Operations);
    meter.expect(streams.iter().map(|stream| stream.operations).sum());
    for stream in &streams {
        is_over = is_over || args.max_duration.is_some_and(|most| begun.elapsed() >= most);
        if is_over {
            view.skipped += 1;
            continue;
        }
        match warm(&*store, ctx, &tiers, &stream.key) {
            Ok(Warm::Now) => view.warmed += 1,
            Ok(Warm::Already) => view.already += 1,
            Ok(Warm::Not) => {
                view.skipped += 1;
                let why = "its log has a gap, or an upgrade is to come; no tier keeps it";
                ui.talk.warning(format_args!("{} is left out: {why}", stream.key));
            }
            Err(ReplayError::Stopped(stop)) => return Err(stop.into()),
            Err(ReplayError::Store(error)) if !matches!(error, StoreError::Corrupt { .. }) => return Err(error.into()),
            Err(error) => {
                view.skipped += 1;
                ui.talk.warning(format_args!("{} is left out: {error}", stream.key));
            }
        }
        meter.advance(stream.operations);
    }
    drop(meter);
    drop(tiers);
    drop(Arc::into_inner(behind).map(|behind| behind.shutdown(SHUTDOWN)));
    // A tier never fails; what it did not take it has not counted.
    let kept = tier.stats().puts.saturating_sub(puts_before).min(view.warmed);
    let lost = view.warmed - kept;
    tiers::warn(&disk, &ui.talk);
    if lost > 0 {
        ui.talk.warning(format_args!("states that were rebuilt and could not be kept: {lost}"));
        view.warmed = kept;
        view.skipped += lost;
    }
    view.elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    if ui.out.format() == Format::Plain {
        let WarmedView { warmed, already, skipped, elapsed_ms } = view;
        ui.out.line(&format!("{warmed} states warmed, {already} were, {skipped} skipped, in {elapsed_ms} ms"))?;
    } else {
        ui.out.json(|out| Ok(serde_json::to_writer(out, &view)?))?;
    }
    Ok(if view.skipped > 0 { ExitStatus::Incomplete } else { ExitStatus::Success })
}

/// What became of a stream.
enum Warm {
    Now,
    Already,
    Not,
}

fn warm(store: &dyn Store, ctx: &Ctx, tiers: &Tiers, key: &StreamKey) -> Result<Warm, ReplayError> {
    let meter = ctx.hidden_meter();
    answer(store, |read| {
        let streams = read.streams(&key.document)?;
        let StreamKey { document, scope, branch } = key;
        let goal = Goal { document, branch, scope, position: Position::Head };
        Ok(match entry_at(&ctx.sources(read, &meter), tiers, goal, &streams)? {
            Rebuilt::Kept(found) => match found.explain.base {
                Base::Tier(TierName::Disk, revision) if revision == found.entry.facts.revision => Warm::Already,
                _ => Warm::Now,
            },
            Rebuilt::Passing(_) => Warm::Not,
        })
    })
}

impl WarmArgs {
    /// The streams to warm, the hottest first.
    fn streams(&self, store: &dyn Store, tier: &dyn Tier, ctx: &Ctx) -> anyhow::Result<Vec<Stream>> {
        let mut reads: HashMap<DocumentId, u64> = HashMap::new();
        tier.list(&mut |listed| *reads.entry(listed.facts.stream.document.clone()).or_default() += listed.reads);
        let mut documents: Vec<(u64, u64, Vec<Stream>)> = Vec::new();
        for part in parts(&self.targets, store)? {
            ctx.check()?;
            let streams = answer(store, |read| read.streams(&part.document))?;
            let is_meant = |stream: &StreamHead| {
                part.scope.as_ref().is_none_or(|scope| stream.scope == *scope)
                    && part.branch.as_ref().is_none_or(|branch| stream.branch == *branch)
            };
            let mut meant = Vec::new();
            for head in streams.into_iter().filter(is_meant) {
                if self.is_recent(store, &part.document, &head, ctx)? {
                    let key = StreamKey { document: part.document.clone(), scope: head.scope, branch: head.branch };
                    meant.push(Stream { key, operations: head.head.next().get() });
                }
            }
            let operations = meant.iter().map(|stream| stream.operations).sum();
            if !meant.is_empty() {
                documents.push((reads.get(&part.document).copied().unwrap_or_default(), operations, meant));
            }
        }
        documents.sort_by_key(|(reads, operations, _)| std::cmp::Reverse((*reads, *operations)));
        documents.truncate(self.hot.map_or(usize::MAX, NonZeroUsize::get));
        Ok(documents.into_iter().flat_map(|(_, _, streams)| streams).collect())
    }

    fn is_recent(
        &self,
        store: &dyn Store,
        document: &DocumentId,
        head: &StreamHead,
        ctx: &Ctx,
    ) -> Result<bool, ReplayError> {
        let Some(since) = self.changed_since else { return Ok(true) };
        let key = StreamKey { document: document.clone(), scope: head.scope.clone(), branch: head.branch.clone() };
        let meter = ctx.hidden_meter();
        let newest = answer(store, |read| newest_time(&ctx.sources(read, &meter), &key, head.head))?;
        Ok(newest.is_some_and(|newest| newest >= since))
    }
}
