//! `snapctl stats`.

mod openmetrics;
mod tables;
mod top;
mod view;

use std::num::NonZeroUsize;
use std::time::Instant;

use clap::Args;

use super::cache::Counted;
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::parts::parts;
use crate::cli::progress::{Meter, Unit};
use crate::cli::render::openmetrics::OtherFormat;
use crate::cli::ui::{Format, Talk, Ui};
use crate::model::ids::StreamKey;
use crate::replay::{Goal, Position, ReplayError, Sources, Trust, state_at};
use crate::stats::{self, DocumentFigures, Paths, Totals};
use crate::store::{Store, StoreError, answer};
use crate::verify::Part;

pub(crate) use top::TopKey;
use top::{Ranked, Top};
pub(in crate::cli) use view::StatsView;

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "stats",
    examples: &[
        Example { does: "What the store holds, and how far rebuilds have to replay", run: "snapctl stats" },
        Example { does: "Also what the bytes of the states at the heads are", run: "snapctl stats --paths" },
        Example { does: "The streams that take most space", run: "snapctl stats --top bytes -n 5" },
        Example { does: "Those whose rebuild takes longest", run: "snapctl stats --top replay-ms -n 3" },
        Example {
            does: "Operations a day, for a spreadsheet",
            run: "snapctl stats --jq '.byDay[] | [.day, .operations, .operationBytes] | @tsv'",
        },
        Example {
            does: "For a node exporter, from a nightly job",
            run: "snapctl stats --format openmetrics > snapctl.prom; tail -n 1 snapctl.prom",
        },
    ],
};

/// Show what a store holds, in figures: totals, growth, replay distances, bytes
///
/// The replay distance of a revision is the number of operations from the nearest keyframe at or below it, or from the
/// beginning: what a read of it has to replay. Percentiles are over all revisions of all streams (nearest rank). Keyframes that
/// were found wrong or are past the head do not count, and scope document is left out, since it is always replayed from its
/// first operation. Bytes of operations are those of their actions; days are those of the operations' times, in UTC.
///
/// A document with a row that does not decode is left out with a warning, and the exit code is then 13.
#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// Which: DOC[/SCOPE][@BRANCH], or what the ids of several documents begin with; all unless named
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,

    /// List the streams that are first by this
    #[arg(long, value_name = "BY", value_enum)]
    top: Option<TopKey>,

    /// How many of them
    #[arg(short = 'n', long, value_name = "N", default_value = "10", requires = "top")]
    limit: NonZeroUsize,

    /// Add the bytes of the states at the heads by top-level path; rebuilds every stream
    #[arg(long)]
    paths: bool,

    /// Print another format: openmetrics is the text that Prometheus and others scrape; what the cache file has counted for the
    /// store is part of it, if there is one, unless --no-cache is given
    #[arg(long, value_name = "FORMAT", value_enum, conflicts_with_all = ["json", "ndjson", "jq", "top"])]
    format: Option<OtherFormat>,
}

/// Everything that was found out.
pub(super) struct Figures {
    pub(super) location: String,
    pub(super) totals: Totals,
    /// Documents that were left out because a row of them does not decode.
    pub(super) unreadable: u64,
    /// Streams at their heads; `None` unless they were asked for.
    pub(super) paths: Option<Paths>,
    /// Streams that could not be rebuilt.
    pub(super) unbuilt: u64,
    /// The streams that are first; `None` unless they were asked for.
    pub(super) top: Option<(TopKey, Vec<Ranked>)>,
}

/// Runs `snapctl stats`.
///
/// # Errors
/// When the store cannot be opened or read, nothing matches, or stdout cannot be written.
pub(crate) fn run(args: &StatsArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let store = ctx.open_store()?;
    let parts = parts(&args.targets, &*store)?;
    let mut gather = Gather {
        ctx,
        store: &*store,
        talk: &ui.talk,
        totals: Totals::default(),
        unreadable: 0,
        paths: args.paths.then(Paths::default),
        unbuilt: 0,
        top: args.top.map(|key| Top::new(key, args.limit)),
    };
    let meter = ctx.meter_of("counting", Unit::Operations);
    for part in &parts {
        gather.document(part, &meter)?;
    }
    drop(meter);
    let figures = gather.end(&args.targets)?;
    let left_out = figures.unreadable > 0;
    match (args.format, ui.out.format()) {
        (Some(OtherFormat::Openmetrics), _) => {
            let cache = Counted::of_file(ctx, &*store);
            ui.out.bytes(openmetrics::text(&figures, cache.as_ref()).as_bytes())?;
        }
        (None, Format::Plain) => tables::print(&figures, &mut ui.out)?,
        (None, _) => {
            let view = StatsView::new(&figures);
            ui.out.json(|out| Ok(serde_json::to_writer(out, &view)?))?;
        }
    }
    Ok(if left_out { ExitStatus::Undecodable } else { ExitStatus::Success })
}

/// Goes through documents and keeps nothing of them but figures.
struct Gather<'a> {
    ctx: &'a Ctx,
    store: &'a dyn Store,
    talk: &'a Talk,
    totals: Totals,
    unreadable: u64,
    paths: Option<Paths>,
    unbuilt: u64,
    top: Option<Top>,
}

impl Gather<'_> {
    fn document(&mut self, part: &Part, meter: &Meter<'_>) -> anyhow::Result<()> {
        self.ctx.check()?;
        let figures = match answer(self.store, |read| stats::document(read, part, meter)) {
            Ok(figures) => figures,
            Err(ReplayError::Store(error @ StoreError::Corrupt { .. })) => {
                self.unreadable += 1;
                self.talk.warning(format_args!("{} is left out: {error}", part.document));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.totals.add(&figures);
        self.rebuild(&figures, meter)?;
        if let Some(mut top) = self.top.take() {
            for stream in &figures.streams {
                let time = || self.replay_us(&stream.stream, meter);
                top.add(&figures.document_type, stream, time)?;
            }
            self.top = Some(top);
        }
        Ok(())
    }

    /// Adds the states at the heads, if they are asked for.
    fn rebuild(&mut self, figures: &DocumentFigures, meter: &Meter<'_>) -> anyhow::Result<()> {
        let Some(mut paths) = self.paths.take() else { return Ok(()) };
        for stream in figures.streams.iter().filter(|stream| stream.head.is_some()) {
            // What was read twice is added once.
            let built = answer(self.store, |read| {
                let mut one = Paths::default();
                one.rebuild(&self.ctx.sources(read, meter), &stream.stream).map(|()| one)
            });
            match built {
                Ok(one) => paths.add_all(one),
                Err(error) => self.not_built(&stream.stream, error)?,
            }
        }
        self.paths = Some(paths);
        Ok(())
    }

    /// How long a rebuild of a stream's head takes from its first operation; `None` if it cannot be rebuilt.
    fn replay_us(&mut self, stream: &StreamKey, meter: &Meter<'_>) -> anyhow::Result<Option<u64>> {
        let StreamKey { document, scope, branch } = stream;
        let timed = answer(self.store, |read| {
            let sources = Sources { trust: Trust::None, ..self.ctx.sources(read, meter) };
            let position = Position::Head;
            let goal = Goal { document, branch, scope, position };
            let started = Instant::now();
            state_at(&sources, goal).map(|_| started.elapsed())
        });
        match timed {
            Ok(time) => Ok(u64::try_from(time.as_micros()).ok()),
            Err(error) => self.not_built(stream, error).map(|()| None),
        }
    }

    /// Passes over a stream that cannot be rebuilt, and says why of the first ones.
    fn not_built(&mut self, stream: &StreamKey, error: ReplayError) -> anyhow::Result<()> {
        /// How many are told one by one.
        const TOLD: u64 = 5;
        let ends_all = match &error {
            ReplayError::Stopped(_) => true,
            ReplayError::Store(error) => !matches!(error, StoreError::Corrupt { .. }),
            _ => false,
        };
        if ends_all {
            return Err(error.into());
        }
        self.unbuilt += 1;
        if self.unbuilt <= TOLD {
            self.talk.warning(format_args!("{stream} cannot be rebuilt: {error}"));
        }
        if self.unbuilt == TOLD + 1 {
            self.talk.warning("there are more streams that cannot be rebuilt");
        }
        Ok(())
    }

    fn end(self, targets: &[String]) -> Result<Figures, Refusal> {
        let location = self.store.location().to_owned();
        let all = self.totals.all();
        if !targets.is_empty() && self.unreadable == 0 && all.streams == 0 && all.keyframes().keyframes == 0 {
            let message = format!("no stream of {location} matches");
            let hint = Some("`snapctl ls -l` lists documents with their scopes".to_owned());
            return Err(Refusal { exit: ExitStatus::Nothing, code: "nothing-matched", message, hint });
        }
        Ok(Figures {
            location,
            totals: self.totals,
            unreadable: self.unreadable,
            paths: self.paths,
            unbuilt: self.unbuilt,
            top: self.top.map(Top::ranked),
        })
    }
}
