//! `snapctl cache simulate`: what tiers of other sizes would have made of an access trace.

mod sizes;
mod view;

use clap::Args;

use crate::cache::simulate::{Costs, Grid, simulate};
use crate::cache::trace::Trace;
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::progress::Unit;
use crate::cli::trace::each_access;
use crate::cli::ui::{Format, Ui};
use crate::model::size::ByteSize;

use sizes::{Cost, Count, Maybe, Shrink, distinct};
pub(in crate::cli) use view::ConfigurationView;

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "cache simulate",
    examples: &[
        Example {
            does: "What memory tiers of some sizes would answer of the reads of a trace",
            run: "snapctl cache simulate trace.ndjson --memory 512KiB,1MiB,2MiB,4MiB",
        },
        Example {
            does: "Also with rings of other lengths, and keyframes at other distances",
            run: "snapctl cache simulate trace.ndjson --memory 1MiB --ring 1,10 \\\n  --keyframe-every none,10,100",
        },
        Example {
            does: "A disk tier behind a small memory",
            run: "snapctl cache simulate trace.ndjson --memory 1MiB --disk none,1MiB,8MiB",
        },
        Example {
            does: "The smallest memory that answers 60 % of the reads exactly",
            run: "snapctl cache simulate trace.ndjson --memory 1MB,2MB,4MB,8MB \\\n  --jq 'map(select(.hitRatio > 0.6)) | min_by(.memoryBytes).memoryBytes'",
        },
    ],
};

/// Simulate tiers of other sizes on an access trace
///
/// The reads of a trace are replayed against every combination of the sizes given. For each it is told how many reads the
/// memory tier answers exactly, beside an upper bound: more no memory of that size can answer, whatever it keeps; how many
/// operations are replayed for the others, and about how long all that takes. Several sizes have commas between them.
///
/// A line of a trace is an object with document, scope, branch, revision, access, sizeBytes, operationUs and atMs; `snapctl
/// schema access-line` describes it. No store is looked at.
#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// The trace; - for stdin
    #[arg(value_name = "FILE")]
    trace: String,

    /// Bytes of the memory tier, such as 64KiB, 50MB or 1GiB
    #[arg(long, value_name = "SIZE", value_delimiter = ',', default_value = "10MiB,25MiB,50MiB,100MiB,200MiB")]
    memory: Vec<ByteSize>,

    /// States that the memory tier keeps of a stream
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "10")]
    ring: Vec<Count>,

    /// Streams that the memory tier keeps
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "10000")]
    streams: Vec<Count>,

    /// Bytes of a disk tier behind it, or none
    #[arg(long, value_name = "SIZE", value_delimiter = ',', default_value = "none")]
    disk: Vec<Maybe<ByteSize>>,

    /// Operations from one keyframe to the next, or none
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "none")]
    keyframe_every: Vec<Maybe<Count>>,

    /// What an operation takes to replay, in microseconds, where the trace does not say
    #[arg(long, value_name = "US", default_value = "2")]
    operation_us: Cost,

    /// What a keyframe or an entry on disk takes to load, in microseconds, whatever its size
    #[arg(long, value_name = "US", default_value = "100")]
    load_us: Cost,

    /// What it takes besides, in nanoseconds per byte of the state in memory
    #[arg(long, value_name = "NS", default_value = "2")]
    load_byte_ns: Cost,

    /// How many times smaller a state is on disk than in memory
    #[arg(long, value_name = "FACTOR", default_value = "8")]
    disk_ratio: Shrink,
}

/// Runs `snapctl cache simulate`.
///
/// # Errors
/// When the trace cannot be read, has no read, or there are too many combinations.
pub(crate) fn run(args: &SimulateArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let grid = args.grid()?;
    let mut trace = Trace::default();
    each_access(&args.trace, ctx, &mut |line| trace.add(line))?;
    if trace.reads() == 0 {
        return Err(nothing_read(&args.trace).into());
    }
    let outcomes = simulate(&trace, &grid, &args.costs(), &ctx.meter_of("simulating", Unit::Accesses))?;
    let views: Vec<ConfigurationView> = outcomes.iter().map(ConfigurationView::new).collect();
    if ui.out.format() == Format::Plain {
        ui.out.bytes(view::text(&trace, &views, ui.out.width()).as_bytes())?;
        return Ok(ExitStatus::Success);
    }
    let mut list = ui.out.list();
    for view in &views {
        list.item(|out| Ok(serde_json::to_writer(out, view)?))?;
    }
    list.finish()?;
    Ok(ExitStatus::Success)
}

impl SimulateArgs {
    fn grid(&self) -> Result<Grid, Refusal> {
        /// More lines than these nobody reads.
        const MOST: usize = 1000;
        let grid = Grid {
            memory: distinct(self.memory.iter().map(|size| size.0)),
            ring: distinct(self.ring.iter().map(|count| count.size())),
            streams: distinct(self.streams.iter().map(|count| count.size())),
            disk: distinct(self.disk.iter().map(|disk| disk.0.map(|size| size.0))),
            keyframes: distinct(self.keyframe_every.iter().map(|every| every.0.map(|count| count.0))),
        };
        if grid.len() > MOST {
            return Err(Refusal {
                exit: ExitStatus::Usage,
                code: "too-many-configurations",
                message: format!("these are {} combinations; {MOST} are the most", grid.len()),
                hint: Some(
                    "give fewer of --memory, --ring, --streams, --disk or --keyframe-every at a time".to_owned(),
                ),
            });
        }
        Ok(grid)
    }

    fn costs(&self) -> Costs {
        Costs {
            operation_ns: self.operation_us.0 * 1e3,
            load_ns: self.load_us.0 * 1e3,
            load_byte_ns: self.load_byte_ns.0,
            disk_ratio: self.disk_ratio.0,
        }
    }
}

fn nothing_read(trace: &str) -> Refusal {
    Refusal {
        exit: ExitStatus::Nothing,
        code: "nothing-read",
        message: format!("there is no read in {}", crate::cli::trace::name(trace)),
        hint: Some(
            "a line is a read unless its \"access\" is \"append\"; `snapctl schema access-line` has more".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches as _;

    use super::*;
    use crate::cache::memory::Bounds;

    #[test]
    fn defaults_are_those_of_the_tiers() {
        let command = SimulateArgs::augment_args(clap::Command::new("simulate"));
        let args = SimulateArgs::from_arg_matches(&command.get_matches_from(["simulate", "-"])).unwrap();
        let (grid, usual) = (args.grid().unwrap(), Bounds::default());
        assert_eq!((&grid.ring[..], &grid.streams[..]), (&[usual.ring][..], &[usual.streams][..]));
        assert!(grid.memory.contains(&usual.bytes));
        assert_eq!(args.costs(), Costs::default());
    }
}
