//! `snapctl keyframe tune`: how far apart keyframes should be.

mod budget;
mod plot;
mod trace;
mod view;

use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::args::Literal;
use crate::cli::ctx::Ctx;
use crate::cli::exit::{ExitStatus, Refusal};
use crate::cli::manual::{Example, Page};
use crate::cli::selection::Choice;
use crate::cli::ui::{Format, Ui, dumb_terminal};
use crate::keyframe::tune::{self, Frontier, Measured, Pattern, Subject};
use crate::model::ids::{DocumentType, Scope, StreamKey};
use crate::model::progress::Stop;
use crate::replay::Sources;
use crate::settings::Setting as _;
use crate::store::{Codec, Flow, Part, Read, Selection, answer, without_password};

use budget::Budget;
use trace::Trace;
pub(in crate::cli) use view::TuneView;

/// The manual page.
pub(crate) const PAGE: Page = Page {
    command: "keyframe tune",
    examples: &[
        Example {
            does: "Measure the store, and show what keyframes at each spacing would bring",
            run: "snapctl keyframe tune",
        },
        Example {
            does: "For reads that are mostly of the newest revisions, with a picture",
            run: "snapctl keyframe tune --pattern head-heavy --plot",
        },
        Example {
            does: "For the reads that were noted, with other ways to store bodies",
            run: "echo '{\"document\":\"f1e1d0c5-7a3e-4d52-9b60-2c8e41f7a6d3\"}' > reads.ndjson\n\
                  snapctl keyframe tune --trace reads.ndjson --codec json --codec zstd",
        },
        Example {
            does: "The lines for snapctl.toml",
            run: "snapctl keyframe tune field-notes --jq '.frontiers[].settings'",
        },
    ],
};

/// Measure how far apart keyframes should be
///
/// The longest streams of each document type and scope are rebuilt at some revisions, from the first operation and from
/// keyframes in memory. From what that takes, and how large the keyframes are, it is worked out how much space keyframes
/// every 10, 20, 40 and so on operations take, and how long reads then last. Nothing in the store is changed.
#[derive(Debug, Args)]
pub(crate) struct TuneArgs {
    /// Which streams: DOC[/SCOPE][@BRANCH]; all unless named
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,

    /// Which revisions are read
    #[arg(long, value_name = "PATTERN", value_enum, default_value_t = PatternArg::Uniform, conflicts_with = "trace")]
    pattern: PatternArg,

    /// Take the reads from an access trace, - for stdin: a line each, {"document","scope","branch","revision"}, all but
    /// the first as needed
    #[arg(long, value_name = "FILE")]
    trace: Option<String>,

    /// How bodies are stored; may be repeated, to compare
    #[arg(long, value_name = "CODEC", value_enum, default_value = "json")]
    codec: Vec<CodecArg>,

    /// Measure no longer than this, and work with what is known by then
    #[arg(long, value_name = "DURATION", value_parser = Duration::parse, default_value = "30s")]
    max_duration: Duration,

    /// Draw the picture also where there is no terminal
    #[arg(long)]
    plot: bool,
}

/// Which revisions are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PatternArg {
    /// Every revision of every stream as often as any other
    Uniform,
    /// Each stream as often, and in it the one N operations before the head in proportion to 1/(N+1)
    HeadHeavy,
}

/// How bodies are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum CodecArg {
    /// JSON text, where every program finds it
    Json,
    /// Compressed, where only snapctl finds it
    Zstd,
    /// Compressed as differences to the first of a group
    ZstdDelta,
}

impl From<CodecArg> for Codec {
    fn from(codec: CodecArg) -> Self {
        match codec {
            CodecArg::Json => Codec::Json,
            CodecArg::Zstd => Codec::Zstd,
            CodecArg::ZstdDelta => Codec::ZstdDelta,
        }
    }
}

/// Runs `snapctl keyframe tune`.
///
/// # Errors
/// When the store or the trace cannot be read, nothing is there to be tuned, or there was no time to measure anything.
pub(crate) fn run(args: &TuneArgs, ctx: &Ctx, ui: &mut Ui) -> anyhow::Result<ExitStatus> {
    let choices: Vec<Choice> =
        args.targets.iter().map(|text| Choice::parse(text, &Literal::default())).collect::<Result<_, _>>()?;
    let trace = args.trace.as_deref().map(|trace| Trace::read(trace, ctx)).transpose()?;
    let named = ctx.store_named()?;
    let store = ctx.open_store()?;
    let mut codecs: Vec<CodecArg> = args.codec.clone();
    codecs.sort_unstable();
    codecs.dedup();
    let codecs: Vec<Codec> = codecs.into_iter().map(Codec::from).collect();
    let meter = ctx.meter("measuring");
    let budget = Budget::new(&meter, args.max_duration);
    let (subjects, measured) = answer(&*store, |read| -> anyhow::Result<(Vec<Subject>, Measured)> {
        let subjects = subjects(read, &choices)?;
        let sources = Sources { progress: &budget, ..ctx.sources(read, &meter) };
        let measured = tune::measure(&sources, &subjects, &codecs)?;
        Ok((subjects, measured))
    })?;
    drop(meter);
    // What ends the command is no budget of a measurement.
    ctx.check()?;
    if measured.streams.is_empty() {
        return Err(nothing(&subjects, &measured).into());
    }
    let (mut frontiers, mut ignored) = (Vec::new(), 0);
    for codec in codecs {
        let (modelled, streams): (Vec<_>, Vec<_>) = measured.model(&subjects, codec).into_iter().unzip();
        let pattern = match (&trace, args.pattern) {
            (Some(trace), _) => {
                let (pattern, left_out) = trace.pattern(&modelled);
                ignored = left_out;
                pattern
            }
            (None, PatternArg::Uniform) => Pattern::Uniform,
            (None, PatternArg::HeadHeavy) => Pattern::HeadHeavy,
        };
        if trace.as_ref().is_some_and(|trace| trace.len() == ignored) {
            return Err(nothing_read().into());
        }
        if let Some(frontier) = tune::frontier(&streams, &pattern) {
            frontiers.push((codec, frontier));
        }
    }
    if measured.stopped == Some(Stop::TimedOut) {
        ui.talk.note("not all kinds of streams were measured; --max-duration allows more time");
    }
    if ignored > 0 {
        ui.talk.warning(format!("{ignored} reads of the trace are of streams or revisions that are not among those"));
    }
    let asked = view::Asked { args, store: &without_password(&named), ignored, streams: subjects.len() };
    let view = TuneView::new(&asked, store.location(), &measured, &frontiers);
    if ui.out.format() != Format::Plain {
        ui.out.json(|out| Ok(serde_json::to_writer(out, &view)?))?;
        return Ok(ExitStatus::Success);
    }
    let text = view.text(ui.out.width(), &|codec| picture(args, ui.out.width(), &frontiers, codec));
    ui.out.bytes(text.as_bytes())?;
    Ok(ExitStatus::Success)
}

/// The picture of a frontier, if one is wanted.
fn picture(args: &TuneArgs, width: Option<u16>, frontiers: &[(Codec, Frontier)], codec: &str) -> Option<String> {
    let (_, frontier) = frontiers.iter().find(|(of, _)| of.name() == codec)?;
    (args.plot || width.is_some()).then(|| plot::plot(frontier, width, dumb_terminal()))
}

/// The streams that are meant and long enough. Scope `document` is replayed for every read, and has no base.
fn subjects(read: &dyn Read, choices: &[Choice]) -> anyhow::Result<Vec<Subject>> {
    const SHORTEST: u64 = 11;
    let parts: Vec<Part> = choices.iter().map(|choice| choice.find(read)).collect::<Result<_, _>>()?;
    let mut documents = Vec::new();
    let mut prefixes: Vec<&str> = parts.iter().map(|part| part.document.as_str()).collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    if choices.is_empty() {
        prefixes.push("");
    }
    for prefix in prefixes {
        read.documents(prefix, &mut |entry| {
            if prefix.is_empty() || entry.id.as_str() == prefix {
                documents.push(entry);
            }
            Flow::Continue(())
        })?;
    }
    let selection = Selection { parts, document_type: None };
    let mut subjects = Vec::new();
    for entry in documents {
        let document_type: DocumentType = entry.document_type;
        for head in read.streams(&entry.id)? {
            let stream = StreamKey { document: entry.id.clone(), scope: head.scope, branch: head.branch };
            let operations = head.head.next().get();
            let is_meant = selection.includes(&stream, head.head.last(), document_type.as_str());
            if is_meant && operations >= SHORTEST && stream.scope != Scope::document() {
                subjects.push(Subject { stream, document_type: document_type.clone(), operations });
            }
        }
    }
    Ok(subjects)
}

/// Why there is no answer, where nothing was measured.
fn nothing(subjects: &[Subject], measured: &Measured) -> Refusal {
    let (exit, code, message, hint) = match (measured.useless.first(), measured.stopped) {
        _ if subjects.is_empty() => (
            ExitStatus::Nothing,
            "nothing-to-tune",
            "no stream has more than 10 operations, which replay faster than a keyframe loads".to_owned(),
            None,
        ),
        (Some((stream, reason)), _) => {
            (ExitStatus::Nothing, "nothing-to-tune", format!("keyframes are of no use to {stream}: {reason}"), None)
        }
        (None, _) => (
            ExitStatus::Incomplete,
            "timed-out",
            "there was no time to measure a stream".to_owned(),
            Some("allow more with --max-duration, or name a shorter stream".to_owned()),
        ),
    };
    Refusal { exit, code, message, hint }
}

fn nothing_read() -> Refusal {
    Refusal {
        exit: ExitStatus::Nothing,
        code: "nothing-read",
        message: "no read of the trace is of a stream that could be tuned".to_owned(),
        hint: Some(
            r#"a line is {"document":ID} with "scope" (global unless said), "branch" and "revision" as needed"#
                .to_owned(),
        ),
    }
}
