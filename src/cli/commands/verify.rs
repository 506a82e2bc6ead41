//! `snapctl verify`.

mod gather;
mod reports;
mod resume;
mod sealing;
mod teller;
mod view;
mod watch;

use std::num::{NonZeroU64, NonZeroUsize};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::clock;
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::progress::Unit;
use crate::cli::ui::Ui;
use crate::keyframe::Recorded;
use crate::model::progress::Progress as _;
use crate::replay::Trust;
use crate::settings::{self, Setting as _};
use crate::store::Access;
use crate::verify::{self, Checks, Code, Event, Level, Plan, Sample};

use reports::{ReportTo, Reports};
use resume::Bookmark;
use sealing::SealFile;
use teller::Teller;
use view::Summary;
pub(in crate::cli) use view::{LineView, WholeView};
pub(in crate::cli::commands) use watch::Watch;

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "verify",
    examples: &[
        Example { does: "Everything in the store", run: "snapctl verify" },
        Example {
            does: "A drive and the documents in it, notes among what is told",
            run: "snapctl verify field-notes --recursive -v",
        },
        Example { does: "How much was looked at, of how much there is", run: "snapctl verify --json | jq -c .checked" },
        Example {
            does: "In CI: the past must be what it was; the file of seals is in version control",
            run: "snapctl verify --seal seals.ndjson --report junit=verify.xml",
        },
        Example {
            does: "Nightly: only what is new is replayed, for at most ten minutes",
            run: "snapctl verify --record --max-duration 10m --quiet",
        },
    ],
};

/// Check documents against their operations: hashes, keyframes, ids, order
///
/// One pass over each stream replays it from the first operation and compares the stored hash and outcome of every
/// operation and every keyframe at its label with the replay. `snapctl explain CODE` describes what a code means.
///
/// The exit code is 1 if there are errors or warnings, 5 if something could not be checked and nothing else is wrong, and
/// 0 only if everything was checked. Notes do not count.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
pub(crate) struct VerifyArgs {
    /// What to check: DOC[/SCOPE][@BRANCH]; everything unless named
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,

    /// Check also the documents that stand as files in the drives named, and so on
    #[arg(long, requires = "targets")]
    recursive: bool,

    /// How much is compared
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = LevelArg::Full)]
    level: LevelArg,

    /// Check a part of the documents: N/T is the Nth of T parts, P% about so many of a hundred; always the same ones
    #[arg(long, value_name = "PART")]
    sample: Option<Sample>,

    /// Check the signatures of actions, too
    #[arg(long)]
    signatures: bool,

    /// How many documents to check at a time [default: the processors there are]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Stop after this time, and tell what was found
    #[arg(long, value_name = "DURATION", value_parser = Duration::parse)]
    max_duration: Option<Duration>,

    /// Go on where a check with the same targets and options was ended early, if one was
    #[arg(long)]
    resume: bool,

    /// Stop after so many errors
    #[arg(long, value_name = "N")]
    max_errors: Option<NonZeroU64>,

    /// Compare the past of each stream with the seals in this file, and seal there what was checked and found right
    #[arg(long, value_name = "FILE")]
    seal: Option<PathBuf>,

    /// Record in the store what was checked: keyframes that passed may be bases from now on, and the next check replays only
    /// what is new
    #[arg(long)]
    record: bool,

    /// Replay every operation, even where records say that the past is as it was when it was checked
    #[arg(long)]
    anew: bool,

    #[arg(long, value_name = "KIND", help = REPORTS)]
    report: Vec<ReportTo>,

    /// Tell only findings with this code; may be repeated
    #[arg(long, value_name = "CODE", conflicts_with = "ignore")]
    only: Vec<Code>,

    /// Leave findings with this code out; may be repeated
    #[arg(long, value_name = "CODE")]
    ignore: Vec<Code>,
}

const REPORTS: &str =
    "Write a report, too: junit=FILE is JUnit XML, github is workflow commands on stderr; may be repeated";

/// How much is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LevelArg {
    /// States at keyframes and heads
    Quick,
    /// The state after every operation
    Full,
}

/// Runs `snapctl verify`.
///
/// # Errors
/// When the store cannot be opened or read, nothing matches, or stdout or a report cannot be written.
pub(crate) fn run(args: &VerifyArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let access = if args.record { Access::Change } else { Access::Read };
    let store = ctx.open_named(&ctx.store_named()?, access)?;
    let seal_file = args.seal.as_deref().map(SealFile::read).transpose()?;
    let seals = seal_file.as_ref().and_then(SealFile::seals);
    let mut parts = gather::parts(args, ctx, &*store, seals.as_ref(), &ui.talk)?;
    let n_documents = parts.len();
    if let Some(sample) = args.sample {
        sample.thin(&mut parts);
    }
    if parts.is_empty() {
        return Err(nothing(store.location(), n_documents).into());
    }
    let mut teller = Teller {
        args,
        summary: Summary::new(parts.len() as u64, n_documents as u64),
        bookmark: Bookmark::new(store.location(), args),
        reports: Reports::begin(&args.report, store.location())?,
        seal_file,
        record_in: args.record.then_some(&*store),
        recorded: Recorded::default(),
        last: None,
        ui,
    };
    if args.resume {
        teller.resume(&mut parts);
    }
    let checks = args.checks(ctx);
    let (registry, seals, jobs) = (ctx.registry(), seals.as_ref(), args.jobs());
    let plan = Plan { store: &*store, registry, parts: &parts, checks, seals, jobs };
    let meter = ctx.meter_of("verifying", Unit::Documents);
    meter.expect(parts.len() as u64);
    let mut failed = None;
    let end = verify::run(&plan, &Watch::new(ctx.limits(), args.max_duration), &mut |event| match event {
        Event::Tick => {
            meter.refresh();
            ControlFlow::Continue(())
        }
        Event::Checked(part, report) => {
            meter.advance(1);
            teller.tell(part, &report).unwrap_or_else(|error| {
                failed = Some(error);
                ControlFlow::Break(())
            })
        }
    });
    drop(meter);
    match failed {
        Some(error) => Err(error),
        None => teller.end(end?),
    }
}

impl VerifyArgs {
    fn checks(&self, ctx: &Ctx) -> Checks {
        let level = match self.level {
            LevelArg::Quick => Level::Quick,
            LevelArg::Full => Level::Full,
        };
        let collect = (self.seal.is_some() || self.record).then(clock::now);
        let anew = self.anew || ctx.settings().get(&settings::TRUST) == Trust::None;
        Checks { level, signatures: self.signatures, anew, collect, keyframe: None }
    }

    fn jobs(&self) -> NonZeroUsize {
        let processors = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.jobs.unwrap_or_else(processors)
    }

    fn tells(&self, code: Code) -> bool {
        (self.only.is_empty() || self.only.contains(&code)) && !self.ignore.contains(&code)
    }
}

fn nothing(location: &str, n_documents: usize) -> Refusal {
    let (message, hint) = if n_documents == 0 {
        (format!("{location} holds no document to check"), "`snapctl ls` lists the documents")
    } else {
        (format!("none of {n_documents} documents is in the sample"), "choose a larger one")
    };
    Refusal { exit: ExitStatus::Nothing, code: "nothing-checked", message, hint: Some(hint.to_owned()) }
}
