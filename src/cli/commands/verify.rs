//! `snapctl verify`.

mod gather;
mod resume;
mod view;
mod watch;

use std::num::{NonZeroU64, NonZeroUsize};
use std::ops::ControlFlow;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::progress::Unit;
use crate::cli::ui::{Format, Talk, Ui};
use crate::model::progress::{Progress as _, Stop};
use crate::settings::Setting as _;
use crate::verify::{self, Checks, Code, End, Event, Level, Part, Plan, Report, Sample, Severity};

use resume::Bookmark;
use view::{FindingView, Summary};
pub(in crate::cli) use view::{LineView, SummaryView};
use watch::Watch;

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "verify",
    examples: &[
        Example { does: "Everything in the store", run: "snapctl verify" },
        Example { does: "One document, and what its operations say of keyframes", run: "snapctl verify field-notes -v" },
        Example {
            does: "In CI: what is wrong, as annotations of a pull request",
            run: "snapctl verify --json | jq -r '.findings[] | [.code, .target, .message] | @tsv'",
        },
        Example {
            does: "Nightly: a seventh of the documents, for at most ten minutes",
            run: "snapctl verify --sample 3/7 --max-duration 10m --quiet",
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
    #[arg(long, value_name = "N/T|P%")]
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

    /// Tell only findings with this code; may be repeated
    #[arg(long, value_name = "CODE", conflicts_with = "ignore")]
    only: Vec<Code>,

    /// Leave findings with this code out; may be repeated
    #[arg(long, value_name = "CODE")]
    ignore: Vec<Code>,
}

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
/// When the store cannot be opened or read, nothing matches, or stdout cannot be written.
pub(crate) fn run(args: &VerifyArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let store = ctx.open_store()?;
    let mut parts = gather::parts(args, ctx, &*store, &ui.talk)?;
    let n_documents = parts.len();
    if let Some(sample) = args.sample {
        sample.thin(&mut parts);
    }
    if parts.is_empty() {
        return Err(nothing(store.location(), n_documents).into());
    }
    let meter = ctx.meter_of("verifying", Unit::Documents);
    let watch = Watch::new(ctx.limits(), args.max_duration);
    let mut summary = Summary::new(parts.len() as u64, n_documents as u64);
    let mut bookmark = Bookmark::new(store.location(), args);
    if args.resume {
        resume(&bookmark, &mut parts, &mut summary, &ui.talk);
    }
    let plan = Plan { store: &*store, registry: ctx.registry(), parts: &parts, checks: args.checks(), seals: None, jobs: args.jobs() };
    let mut teller = Teller { args, ui, summary: &mut summary, bookmark: &mut bookmark, last: None, failed: None };
    meter.expect(parts.len() as u64);
    let end = verify::run(&plan, &watch, &mut |event| match event {
        Event::Tick => {
            meter.refresh();
            ControlFlow::Continue(())
        }
        Event::Checked(part, report) => {
            meter.advance(1);
            teller.tell(part, &report)
        }
    });
    let (failed, last) = (teller.failed.take(), teller.last.take());
    drop(meter);
    if let Some(error) = failed {
        return Err(error);
    }
    summary.end(end?, args.max_errors, args.max_duration.is_some());
    answer(&summary, ui)?;
    match last {
        _ if !summary.is_early() => bookmark.forget(),
        // What an earlier run kept still holds.
        None => {}
        Some(last) => match bookmark.keep(&last, summary.counts()) {
            Ok(()) => ui.talk.note("the same command with --resume goes on from here"),
            Err(error) => ui.talk.warning(format_args!("--resume will start from the beginning: {error}")),
        },
    }
    Ok(summary.status())
}

/// Leaves out what another run has checked.
fn resume(bookmark: &Bookmark, parts: &mut Vec<Part>, summary: &mut Summary, talk: &Talk) {
    let Some((last, counts)) = bookmark.read() else {
        return talk.note("no check was ended early; this one starts from the beginning");
    };
    parts.retain(|part| last.is_before(part));
    talk.note(format_args!("going on after document {}", last.document));
    summary.go_on(counts);
}

impl VerifyArgs {
    fn checks(&self) -> Checks {
        let level = match self.level {
            LevelArg::Quick => Level::Quick,
            LevelArg::Full => Level::Full,
        };
        Checks { level, signatures: self.signatures, collect: false }
    }

    fn jobs(&self) -> NonZeroUsize {
        let processors = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.jobs.unwrap_or_else(processors)
    }

    fn tells(&self, code: Code) -> bool {
        (self.only.is_empty() || self.only.contains(&code)) && !self.ignore.contains(&code)
    }
}

/// Tells what was found in a document after the other.
struct Teller<'a> {
    args: &'a VerifyArgs,
    ui: &'a mut Ui,
    summary: &'a mut Summary,
    bookmark: &'a mut Bookmark,
    /// The last document that was told.
    last: Option<Part>,
    failed: Option<anyhow::Error>,
}

impl Teller<'_> {
    fn tell(&mut self, part: &Part, report: &Report) -> ControlFlow<()> {
        let told = Report {
            findings: report.findings.iter().filter(|finding| self.args.tells(finding.code)).cloned().collect(),
            ..report.clone()
        };
        self.summary.add(&told);
        for finding in &told.findings {
            let view = FindingView::new(part, finding);
            let written = match self.ui.out.format() {
                // One object at the end.
                Format::Json => {
                    self.summary.keep(view);
                    Ok(())
                }
                Format::Ndjson => self.ui.out.json_line(|out| Ok(serde_json::to_writer(out, &view)?)),
                Format::Plain if finding.severity == Severity::Note && !self.ui.talk.is_verbose() => Ok(()),
                Format::Plain => view.print(&mut self.ui.out),
            };
            if let Err(error) = written {
                self.failed = Some(error.into());
                return ControlFlow::Break(());
            }
        }
        self.bookmark.pass(part, self.summary.counts());
        self.last = Some(part.clone());
        let enough = self.args.max_errors.is_some_and(|most| self.summary.errors() >= most.get());
        if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn answer(summary: &Summary, ui: &mut Ui) -> anyhow::Result<()> {
    match ui.out.format() {
        Format::Plain => ui.out.bytes(summary.text(ui.talk.is_verbose()).as_bytes())?,
        Format::Json => ui.out.json(|out| Ok(serde_json::to_writer(out, &SummaryView::whole(summary))?))?,
        Format::Ndjson => ui.out.json_line(|out| Ok(serde_json::to_writer(out, &SummaryView::last(summary))?))?,
    }
    Ok(())
}

fn nothing(location: &str, n_documents: usize) -> Refusal {
    let (message, hint) = if n_documents == 0 {
        (format!("{location} holds no document to check"), "`snapctl ls` lists the documents")
    } else {
        (format!("none of {n_documents} documents is in the sample"), "choose a larger one")
    };
    Refusal { exit: ExitStatus::Nothing, code: "nothing-checked", message, hint: Some(hint.to_owned()) }
}

/// How a run ended, by name.
fn ended(end: End, by_errors: bool, by_budget: bool) -> Option<&'static str> {
    match end {
        End::Whole => None,
        End::Enough => by_errors.then_some("maxErrors"),
        End::Stopped(Stop::Interrupted) => Some("interrupted"),
        End::Stopped(Stop::TimedOut) => Some(if by_budget { "maxDuration" } else { "timeout" }),
    }
}
