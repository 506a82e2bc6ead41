//! `snapctl keyframe write`.

mod view;

use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use clap::Args;

use crate::cli::clock;
use crate::cli::commands::verify::Watch;
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::progress::Unit;
use crate::cli::selection::Choice;
use crate::cli::ui::Ui;
use crate::keyframe::{Change, Different, FillEvent, Label, Rule, Task, Writer, fill};
use crate::model::ids::{OpIndex, Revision, Span};
use crate::model::progress::{Progress as _, Stop};
use crate::settings::{self, Setting as _};
use crate::store::{Access, Codec, Part, Store, answer};
use crate::verify;

use view::Teller;
pub(in crate::cli) use view::{LineView, WholeView};

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "keyframe write",
    examples: &[
        Example { does: "At every hundredth revision of all streams", run: "snapctl keyframe write --every 100" },
        Example {
            does: "The fewest, so that no revision of a drive takes more than 50 operations",
            run: "snapctl keyframe write field-notes/global --max-replay-ops 50 --codec zstd",
        },
        Example {
            does: "What would be repaired, and how large it is",
            run: "snapctl keyframe write field-notes --every 10 --replace --dry-run",
        },
        Example { does: "Where a document is now", run: "snapctl keyframe write field-notes/global --at head --json" },
        Example {
            does: "Nightly, for ten minutes at most; the next run goes on",
            run: "snapctl keyframe write --every 100 --max-duration 10m --quiet",
        },
    ],
};

/// Write keyframes that are missing: what a rebuild gives at some revisions, where rebuilds may begin
///
/// A keyframe is the whole document as of a revision. They are made in one pass over each stream, and each is read back and
/// recorded as checked, so that --trust verified, the default, takes it. Keyframes that are there stay as they are, unless
/// --replace is given and they differ from what the log gives.
///
/// Everything is done in short transactions, so that programs that write to the store meanwhile wait only briefly. It can be
/// ended at any time, even killed: what was written is whole, and the same command goes on from there. `snapctl keyframe undo`
/// takes it back.
///
/// The exit code is 1 if a stream cannot be replayed, or a keyframe that is there differs and was left; the others are
/// written. It is 5 if time was up.
#[derive(Debug, Args)]
pub(crate) struct WriteArgs {
    /// Of which streams: DOC[/SCOPE][@BRANCH]; of all unless named
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,

    #[command(flatten)]
    rule: RuleArgs,

    /// Also make those that are there, and replace them where they differ from what the log gives
    #[arg(long)]
    replace: bool,

    /// How they are stored: json is what every program reads, zstd and zstd-delta are smaller and only snapctl reads them
    /// [default: json; those that are replaced as they were]
    #[arg(long, value_name = "CODEC", value_parser = codec)]
    codec: Option<Codec>,

    /// Make everything, tell what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,

    /// How many documents to replay at a time [default: the processors there are]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Stop after this time; what was written by then stays
    #[arg(long, value_name = "DURATION", value_parser = Duration::parse)]
    max_duration: Option<Duration>,
}

/// Which keyframes are wanted.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct RuleArgs {
    /// At every revision that is a multiple of N, but not 0, as the reference does
    #[arg(long, value_name = "N")]
    every: Option<NonZeroU64>,

    /// At these revisions: N, head, head~N
    #[arg(long, value_name = "REV", num_args = 1.., value_delimiter = ',', value_parser = label)]
    at: Vec<Label>,

    /// At so few that no revision takes more than N operations from a keyframe that is trusted; scope document is left out,
    /// since no rebuild of it begins at a keyframe
    #[arg(long, value_name = "N")]
    max_replay_ops: Option<NonZeroU64>,
}

fn codec(name: &str) -> Result<Codec, String> {
    Codec::parse(name).ok_or_else(|| format!("there is {}", Codec::ALL.map(Codec::name).join(", ")))
}

fn label(text: &str) -> Result<Label, String> {
    let number = |text: &str| text.parse().map_err(|_| "it is none of N, head, head~N".to_owned());
    match text.strip_prefix("head") {
        Some("") => Ok(Label::BeforeHead(0)),
        Some(rest) => rest.strip_prefix('~').map_or_else(|| number(text), number).map(Label::BeforeHead),
        None => number(text).map(|label| Label::Revision(Revision::of(OpIndex::new(label)))),
    }
}

/// Runs `snapctl keyframe write`.
///
/// # Errors
/// When the store cannot be opened, read or changed, a target is not there, or stdout cannot be written.
pub(super) fn run(args: &WriteArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let access = if args.dry_run { Access::Read } else { Access::Change };
    let store = ctx.open_named(&ctx.store_named()?, access)?;
    let parts = parts(args, &*store)?;
    if parts.is_empty() {
        return Err(Refusal {
            exit: ExitStatus::Nothing,
            code: "nothing-selected",
            message: format!("{} holds no document", store.location()),
            hint: Some("`snapctl ls` lists the documents".to_owned()),
        }
        .into());
    }
    let task = Task {
        store: &*store,
        registry: ctx.registry(),
        trust: ctx.settings().get(&settings::TRUST),
        rule: args.rule(),
        different: if args.replace { Different::Replace } else { Different::Leave },
        codec: args.codec,
        change: if args.dry_run { Change::Foretell } else { Change::Make },
        command: args.command(),
        clock: &clock::now,
    };
    let writer = Writer::new(&task);
    let meter = ctx.meter_of("writing keyframes", Unit::Documents);
    meter.expect(parts.len() as u64);
    let mut teller = Teller::new(ui, args.dry_run);
    let watch = Watch::new(ctx.limits(), args.max_duration);
    let stop = fill(&writer, &*store, &parts, args.jobs(), &watch, &mut |event| {
        match event {
            FillEvent::Tick => meter.refresh(),
            FillEvent::Filled(streams) => {
                meter.advance(1);
                teller.tell(streams)?;
            }
        }
        Ok::<_, anyhow::Error>(())
    });
    drop(meter);
    // What was done is done, also if something else ended it.
    let finished = writer.finish();
    let stop = stop?;
    finished?;
    let reason = stop.map(|stop| match stop {
        Stop::Interrupted => "interrupted",
        Stop::TimedOut if args.max_duration.is_some() => "maxDuration",
        Stop::TimedOut => "timeout",
    });
    teller.end(writer.run(), reason)
}

/// The parts of the store that the command line names, by document, each once.
fn parts(args: &WriteArgs, store: &dyn Store) -> anyhow::Result<Vec<Part>> {
    if args.targets.is_empty() {
        let documents = answer(store, verify::documents)?;
        let whole = |part: verify::Part| Part { document: part.document, scope: None, branch: None, span: Span::ALL };
        return Ok(documents.into_iter().map(whole).collect());
    }
    let mut parts = Vec::new();
    for text in &args.targets {
        if text.contains(':') {
            let message = format!("{text} names a position; keyframes are written in whole streams");
            let hint = Some("leave it out, and say where with --at".to_owned());
            return Err(Refusal { exit: ExitStatus::Usage, code: "bad-target", message, hint }.into());
        }
        let choice = Choice::parse(text, &crate::cli::args::Literal::default())?;
        parts.push(answer(store, |read| choice.find(read))?);
    }
    parts.sort_by(|a, b| (&a.document, &a.branch, &a.scope).cmp(&(&b.document, &b.branch, &b.scope)));
    parts.dedup();
    Ok(parts)
}

impl WriteArgs {
    fn rule(&self) -> Rule {
        match (self.rule.every, self.rule.max_replay_ops) {
            (Some(interval), _) => Rule::Every(interval),
            (_, Some(most)) => Rule::MaxReplayOps(most),
            _ => Rule::At(self.rule.at.clone()),
        }
    }

    fn jobs(&self) -> NonZeroUsize {
        let processors = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.jobs.unwrap_or_else(processors)
    }

    /// What the history says was done: what decides what is written, and no location, which may have a password.
    fn command(&self) -> String {
        let mut words = vec!["keyframe write".to_owned()];
        words.extend(self.targets.iter().cloned());
        words.push(match self.rule() {
            Rule::Every(interval) => format!("--every {interval}"),
            Rule::MaxReplayOps(most) => format!("--max-replay-ops {most}"),
            Rule::At(labels) => {
                let text = |label: &Label| match label {
                    Label::Revision(revision) => revision.to_string(),
                    Label::BeforeHead(0) => "head".to_owned(),
                    Label::BeforeHead(distance) => format!("head~{distance}"),
                };
                format!("--at {}", labels.iter().map(text).collect::<Vec<_>>().join(","))
            }
        });
        words.extend(self.replace.then(|| "--replace".to_owned()));
        words.extend(self.codec.map(|codec| format!("--codec {codec}")));
        words.join(" ")
    }
}
