//! `keyframe list --gaps`: streams in which a read may have to replay too much.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use schemars::JsonSchema;
use serde::Serialize;

use super::ListArgs;
use crate::cli::ctx::Ctx;
use crate::cli::exit::ExitStatus;
use crate::cli::quote;
use crate::cli::render::table::one_line;
use crate::cli::ui::{Format, List, Out, StdoutError, Ui};
use crate::keyframe::{StreamDistances, Worst, listed};
use crate::model::ids::{Branch, Revision, Scope, StreamKey};
use crate::model::progress::Progress as _;
use crate::replay::ReplayError;
use crate::store::{Detail, Read, Store, answer};
use crate::verify::Part;

/// A stream in which a read may have to replay more operations than it should.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Gap")]
pub(in crate::cli) struct GapView {
    /// The document.
    document: String,
    /// The scope.
    scope: String,
    /// The branch.
    branch: String,
    /// The type of the document.
    document_type: String,
    /// The index of its last operation.
    head: u64,
    /// How many of its keyframes a replay may start from.
    keyframes: u64,
    /// The worst replay distance: how many operations have to be replayed for one revision.
    distance: u64,
    /// The revision that it is the distance of.
    revision: u64,
    /// The keyframe that this revision is replayed from; `null` is from before the first operation.
    from: Option<u64>,
    /// A command that writes what is missing.
    command: String,
}

/// The distances of one stream.
struct Found {
    stream: StreamKey,
    head: Revision,
    keyframes: u64,
    worst: Worst,
}

/// Lists the streams whose worst replay distance is more than what is allowed.
pub(super) fn run(
    args: &ListArgs,
    parts: &[Part],
    store: &dyn Store,
    ctx: &Ctx,
    ui: &mut Ui,
) -> anyhow::Result<ExitStatus> {
    let most = args.max_replay_ops.get();
    let mut printer = match ui.out.format() {
        Format::Plain => Printer::Text(&mut ui.out),
        _ => Printer::List(ui.out.list()),
    };
    let (mut n_streams, mut n_gaps) = (0_u64, 0_u64);
    for part in parts {
        let streams = match answer(store, |read| distances(read, part, ctx)) {
            Ok(streams) => streams,
            Err(error) => {
                let _ = printer.abandon();
                return Err(error.into());
            }
        };
        n_streams += streams.len() as u64;
        for found in streams.iter().filter(|found| found.worst.operations > most) {
            n_gaps += 1;
            printer.gap(&view(found, part, most))?;
        }
    }
    printer.end()?;
    let bound = format_args!("more than {most} operation{} to be replayed", if most == 1 { "" } else { "s" });
    match (n_gaps, n_streams) {
        (0, _) => ui.talk.note(format_args!("no revision of {n_streams} streams takes {bound}")),
        _ => ui.talk.note(format_args!("{n_gaps} of {n_streams} streams have revisions that take {bound}")),
    }
    Ok(if n_gaps > 0 && args.exit_code { ExitStatus::Findings } else { ExitStatus::Success })
}

/// The distances of the streams of a document, by branch and scope.
fn distances(read: &dyn Read, part: &Part, ctx: &Ctx) -> Result<Vec<Found>, ReplayError> {
    /// Keyframes between two looks at the clock.
    const STRIDE: u64 = 256;
    let meter = ctx.hidden_meter();
    meter.check()?;
    let mut streams: BTreeMap<(Branch, Scope), (StreamKey, Revision, StreamDistances)> = BTreeMap::new();
    for head in read.streams(&part.document)? {
        let (scope, branch) = (head.scope, head.branch);
        let stream = StreamKey { document: part.document.clone(), scope: scope.clone(), branch: branch.clone() };
        if scope != Scope::document() && part.includes(&stream) {
            streams.insert((branch, scope), (stream, head.head, StreamDistances::new(head.head)));
        }
    }
    let (mut seen, mut stopped) = (0_u64, Ok(()));
    listed(read, &part.document, Detail::Label, &mut |keyframe| {
        let StreamKey { scope, branch, .. } = &keyframe.entry.stream;
        if let (Some(base), Some((.., distances))) =
            (keyframe.revision().filter(|_| keyframe.is_base()), streams.get_mut(&(branch.clone(), scope.clone())))
        {
            distances.base(base);
        }
        seen += 1;
        stopped = if seen.is_multiple_of(STRIDE) { meter.check() } else { Ok(()) };
        if stopped.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    stopped?;
    let found = streams.into_values().map(|(stream, head, distances)| {
        let (keyframes, worst, _) = distances.finish();
        Found { stream, head, keyframes, worst }
    });
    Ok(found.collect())
}

fn view(found: &Found, part: &Part, most: u64) -> GapView {
    let Found { stream, head, keyframes, worst } = found;
    let target = stream.to_string();
    GapView {
        document: stream.document.to_string(),
        scope: stream.scope.to_string(),
        branch: stream.branch.to_string(),
        document_type: part.document_type.to_string(),
        head: head.get(),
        keyframes: *keyframes,
        distance: worst.operations,
        revision: worst.at.get(),
        from: worst.from.map(Revision::get),
        command: format!("snapctl keyframe write {} --max-replay-ops {most}", quote::word(&target)),
    }
}

enum Printer<'a> {
    Text(&'a mut Out),
    List(List<'a>),
}

impl Printer<'_> {
    fn gap(&mut self, gap: &GapView) -> Result<(), StdoutError> {
        match self {
            Printer::List(list) => list.item(|out| Ok(serde_json::to_writer(out, gap)?)),
            Printer::Text(out) => {
                let target = StreamKey {
                    document: gap.document.as_str().into(),
                    scope: gap.scope.as_str().into(),
                    branch: gap.branch.as_str().into(),
                };
                let from = match gap.from {
                    Some(base) => format!("from keyframe {base}"),
                    None if gap.keyframes == 0 => "from the beginning: there is no keyframe".to_owned(),
                    None => "from the beginning".to_owned(),
                };
                out.line(&one_line(&target.to_string()))?;
                out.line(&format!("  revision {} takes {} operations {from}", gap.revision, gap.distance))?;
                out.line(&format!("  do: {}", one_line(&gap.command)))
            }
        }
    }

    fn end(self) -> Result<(), StdoutError> {
        match self {
            Printer::Text(_) => Ok(()),
            Printer::List(list) => list.finish(),
        }
    }

    fn abandon(self) -> Result<(), StdoutError> {
        match self {
            Printer::Text(_) => Ok(()),
            Printer::List(list) => list.abandon(),
        }
    }
}
