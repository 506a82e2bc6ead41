//! From a request to an answer: plan, and unless that is all, apply. One way for `prune`, `compact` and `apply`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;

use super::outcome::{Outcome, Vacuum};
use crate::cli::args::parse_time;
use crate::cli::clock;
use crate::cli::commands::import::count;
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal, Retold};
use crate::cli::new_file::NewFile;
use crate::cli::progress::{Limits, Meter, Unit};
use crate::cli::ui::Ui;
use crate::keyframe::apply::{self, Application, ApplyError, Done};
use crate::keyframe::plan::{Header, PlanError, Request, Sizes, Spool, Steps, VERSION, plan};
use crate::keyframe::policy::Policy;
use crate::model::progress::{Progress, Stop};
use crate::model::time::Timestamp;
use crate::settings::{self, Setting as _};
use crate::store::{Access, Read, Store, Vacuumed, answer};

/// What is done with a plan.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "How")]
pub(super) struct Doing {
    /// Tell what would be done, and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,

    /// Write the plan to this file, and do nothing; keyframe apply does it
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,

    /// Replace the file of the plan if it is there
    #[arg(long, requires = "plan")]
    force: bool,

    /// Compare ages and pins with this time instead of now, so that a plan is the same at any time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    now: Option<Timestamp>,

    /// Measure also keyframes without a record when there are many: it takes a look at the row of each
    #[arg(long)]
    sizes: bool,

    #[command(flatten)]
    pub(super) applying: Applying,
}

/// How a plan is applied.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "How")]
pub(super) struct Applying {
    /// Go on even if a stream loses its last base
    #[arg(long)]
    pub(super) yes: bool,

    /// Tell of every keyframe why it stays or goes
    #[arg(long)]
    pub(super) explain: bool,

    /// Stop after this time with exit code 5; the same command again goes on
    #[arg(long, value_name = "DURATION", value_parser = Duration::parse)]
    pub(super) max_duration: Option<Duration>,
}

/// What is to become of the file afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    /// It stays as large as it is.
    Leave,
    /// What is free in it is given back.
    GiveBack,
}

impl Doing {
    /// The time that ages and pins are compared with.
    pub(super) fn now(&self) -> Timestamp {
        self.now.unwrap_or_else(clock::now)
    }

    /// Which sizes are found out.
    pub(super) fn sizes(&self) -> Sizes {
        if self.sizes { Sizes::All } else { Sizes::Few }
    }

    /// How the store is opened.
    pub(super) fn access(&self) -> Access {
        if self.dry_run || self.plan.is_some() { Access::Read } else { Access::Change }
    }
}

/// A command at work.
pub(super) struct Work<'a> {
    pub(super) ctx: &'a Ctx,
    pub(super) ui: &'a mut Ui,
    pub(super) store: &'a dyn Store,
    /// As it may be typed, for the history.
    pub(super) command: String,
}

impl Work<'_> {
    /// Plans, and applies unless that is not wanted.
    pub(super) fn run(
        mut self,
        request: &Request<'_>,
        policy: Option<&Policy>,
        doing: &Doing,
        space: Space,
    ) -> anyhow::Result<ExitStatus> {
        let spool = self.plan(request, policy, space)?;
        if let Some(path) = &doing.plan {
            write_file(&spool, path, doing.force)?;
        }
        if doing.dry_run || doing.plan.is_some() {
            let plan = doing.plan.as_ref().map(|path| path.display().to_string());
            let outcome = Outcome { plan, ..Outcome::foretold(&spool, self.store) };
            outcome.answer(self.ui, doing.applying.explain)?;
            return Ok(ExitStatus::Success);
        }
        self.apply(&spool, &doing.applying)
    }

    /// Finds out what is to be done.
    fn plan(&self, request: &Request<'_>, policy: Option<&Policy>, space: Space) -> anyhow::Result<Spool> {
        let meter = self.ctx.meter_of("planning", Unit::Keyframes);
        let spool = answer(self.store, |read: &dyn Read| -> Result<Spool, PlanError> {
            let header = Header {
                version: VERSION,
                command: self.command.clone(),
                now: request.now.to_string(),
                birth: apply::birth(read)?,
                policy: policy.cloned(),
                vacuum: space == Space::GiveBack,
            };
            let mut spool = Spool::begin(header)?;
            plan(&self.ctx.sources(read, &meter), request, &mut |stream| -> Result<(), PlanError> {
                if stream.changes() {
                    spool.push(Steps::of(&stream, request.recode))?;
                } else {
                    spool.end_mut().pass(&stream);
                }
                Ok(())
            })?;
            Ok(spool.finish()?)
        });
        spool.map_err(|error| match error {
            PlanError::Store(error) => error.into(),
            PlanError::Stopped(stop) => stop.into(),
            PlanError::File(error) => error.into(),
        })
    }

    /// Does what a plan says, and tells what came of it.
    pub(super) fn apply(&mut self, spool: &Spool, options: &Applying) -> anyhow::Result<ExitStatus> {
        let end = *spool.end();
        if end.last_bases > 0 && !options.yes {
            return Err(last_bases(spool)?.into());
        }
        let clock = || clock::now();
        let meter = self.ctx.meter_of("applying", Unit::Keyframes);
        meter.expect(end.write + end.drop + end.recode);
        let budget = Budget::new(self.ctx.limits(), &meter, options.max_duration);
        let mut application = Application::new(
            self.store,
            (self.ctx.registry(), self.ctx.settings().get(&settings::TRUST)),
            &self.command,
            &clock,
            &budget,
        );
        let ended = run(&mut application, spool);
        let done = application.done();
        let failed: Vec<String> =
            application.failed().iter().map(|(stream, error)| format!("keyframes of {stream}: {error}")).collect();
        drop(application);
        let is_spent = budget.is_spent();
        drop(meter);
        let stopped = match ended {
            Ok(()) => None,
            Err(ApplyError::Stopped(Stop::TimedOut)) if is_spent => Some(Stop::TimedOut),
            Err(error) => return Err(told(plainly(error), done)),
        };
        let gives_back = spool.header().vacuum && stopped.is_none();
        let vacuum = gives_back.then(|| self.store.vacuum().map_err(|error| told(error.into(), done))).transpose()?;
        let vacuum = vacuum.map(|Vacuumed { before_bytes, after_bytes }| Vacuum { before_bytes, after_bytes });
        let outcome = Outcome {
            done: Some(done),
            failed: failed.len() as u64,
            complete: stopped.is_none(),
            vacuum,
            ..Outcome::foretold(spool, self.store)
        };
        outcome.answer(self.ui, options.explain)?;
        for failure in &failed {
            self.ui.talk.warning(failure);
        }
        if stopped.is_some() {
            self.ui.talk.warning("the time allowed is over; the same command again goes on");
            return Ok(ExitStatus::Incomplete);
        }
        if done.unreadable > 0 {
            let n = done.unreadable;
            self.ui.talk.warning(format_args!(
                "keyframes that are damaged stay as they are stored: {n}; `snapctl verify` names them"
            ));
        }
        Ok(if failed.is_empty() { ExitStatus::Success } else { ExitStatus::Findings })
    }
}

fn run(application: &mut Application<'_>, spool: &Spool) -> Result<(), ApplyError> {
    let worked = spool
        .steps()
        .map_err(ApplyError::from)
        .and_then(|mut steps| steps.try_for_each(|steps| application.stream(&steps?)));
    match worked {
        // What was done until then is kept.
        Ok(()) | Err(ApplyError::Stopped(_)) => application.finish().and(worked),
        failed => failed,
    }
}

/// The error itself, where another is only handed on.
pub(super) fn plainly(error: ApplyError) -> anyhow::Error {
    match error {
        ApplyError::Store(error) => error.into(),
        ApplyError::Plan(error) => error.into(),
        ApplyError::Replay(error) => error.into(),
        ApplyError::Stopped(stop) => stop.into(),
        error => error.into(),
    }
}

fn write_file(spool: &Spool, path: &Path, force: bool) -> anyhow::Result<()> {
    let mut file = NewFile::create(path, force)?;
    spool.copy(|bytes| -> anyhow::Result<()> { Ok(file.bytes(bytes)?) })?;
    file.finish().map(drop)
}

/// Says which streams would lose their last base.
fn last_bases(spool: &Spool) -> anyhow::Result<Refusal> {
    let n = spool.end().last_bases;
    let mut first = None;
    for steps in spool.steps()? {
        let steps = steps?;
        if steps.loses_last_base {
            first = Some(steps.stream());
            break;
        }
    }
    let first = first.map(|stream| stream.to_string()).unwrap_or_default();
    let whom = if n == 1 { first } else { format!("{n} streams, {first} among them,") };
    Ok(Refusal {
        exit: ExitStatus::Precondition,
        code: "would-lose",
        message: format!("{whom} would lose the last keyframe that a rebuild can start from"),
        hint: Some("--dry-run shows all; --yes drops them all the same: operations are never touched".to_owned()),
    })
}

/// The error with how much was done before.
fn told(error: anyhow::Error, done: Done) -> anyhow::Error {
    let n = done.written + done.dropped + done.recoded;
    if n == 0 {
        return error;
    }
    let kept = format!("what was done to {} before is kept; the same command again goes on", count(n, "keyframe"));
    Retold::with_hint(error, |hint| hint.map_or(kept.clone(), |hint| format!("{kept}; {hint}"))).into()
}

/// What may end an application before it is done.
struct Budget<'a> {
    limits: &'a Limits,
    meter: &'a Meter<'a>,
    deadline: Option<Instant>,
}

impl<'a> Budget<'a> {
    fn new(limits: &'a Limits, meter: &'a Meter<'a>, most: Option<Duration>) -> Self {
        Budget { limits, meter, deadline: most.and_then(|most| Instant::now().checked_add(most)) }
    }

    /// Whether `--max-duration` is over.
    fn is_spent(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

impl Progress for Budget<'_> {
    fn advance(&self, n: u64) {
        self.meter.advance(n);
    }

    fn check(&self) -> Result<(), Stop> {
        self.limits.check()?;
        if self.is_spent() { Err(Stop::TimedOut) } else { Ok(()) }
    }
}
