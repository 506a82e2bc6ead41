//! What writing keyframes answers.

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::commands::import::count;
use crate::cli::exit::ExitStatus;
use crate::cli::render::table::{Align, table};
use crate::cli::ui::{Format, Ui};
use crate::keyframe::{Filled, Filling};
use crate::store::history::RunId;

/// How many keyframes were written, and how many not.
#[derive(Clone, Copy, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Filling")]
pub(in crate::cli) struct FillingView {
    /// They are new.
    written: u64,
    /// They were there and differed from what the log gives, and were replaced.
    replaced: u64,
    /// They were there and are right, which was not recorded before.
    recorded: u64,
    /// They were there already.
    present: u64,
    /// They are there, differ from what the log gives, and were left.
    different: u64,
    /// There is no operation at their revisions.
    absent: u64,
    /// Size of the bodies that were written, as they are handed out.
    body_bytes: u64,
    /// Size of the bodies that were written, as they are stored.
    stored_bytes: u64,
}

/// What became of the keyframes of one stream.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FilledStream")]
pub(in crate::cli) struct StreamView {
    /// The stream, as a target.
    target: String,
    /// The document.
    document: String,
    /// The scope.
    scope: String,
    /// The branch.
    branch: String,
    /// The newest revision.
    head: u64,
    #[serde(flatten)]
    filling: FillingView,
    /// Why not all was done; `null` if it was.
    failure: Option<String>,
}

/// What it all came to.
#[derive(Clone, Copy, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FilledTotal")]
pub(in crate::cli) struct TotalView {
    /// Streams that were gone through.
    streams: u64,
    /// Those of them that cannot be replayed, or not up to all revisions that were wanted.
    failed: u64,
    #[serde(flatten)]
    filling: FillingView,
    /// The run that `keyframe undo` takes back; `null` if nothing was changed.
    run: Option<u64>,
    /// Whether nothing was written because that was asked for.
    dry_run: bool,
    /// What ended it early; `null` if nothing did.
    #[schemars(extend("enum" = ["interrupted", "maxDuration", "timeout", null]))]
    ended: Option<&'static str>,
}

/// What `keyframe write --json` answers.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "WrittenKeyframes")]
pub(in crate::cli) struct WholeView {
    /// By document, branch and scope.
    streams: Vec<StreamView>,
    /// All of them together.
    total: TotalView,
}

/// A line of `keyframe write --ndjson`.
#[derive(JsonSchema, Serialize)]
#[serde(untagged)]
#[schemars(rename = "WrittenKeyframesLine")]
pub(in crate::cli) enum LineView {
    /// What became of the keyframes of one stream.
    Stream(StreamView),
    /// What it all came to; the last line.
    Total(TotalView),
}

/// Tells what was written, as it comes.
pub(super) struct Teller<'a> {
    ui: &'a mut Ui,
    dry_run: bool,
    streams: Vec<StreamView>,
    n_streams: u64,
    n_failed: u64,
    total: Filling,
    /// How the whole ends for a stream that failed.
    failed: Option<ExitStatus>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(ui: &'a mut Ui, dry_run: bool) -> Self {
        let (streams, total) = (Vec::new(), Filling::default());
        Teller { ui, dry_run, streams, n_streams: 0, n_failed: 0, total, failed: None }
    }

    /// Tells of streams.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(super) fn tell(&mut self, streams: Vec<Filled>) -> anyhow::Result<()> {
        for filled in streams {
            self.n_streams += 1;
            self.total.add(&filled.tally);
            let failure = filled.failure.as_ref().map(ToString::to_string);
            if let Some(failure) = &failure {
                self.n_failed += 1;
                self.failed = Some(ExitStatus::Findings);
                self.ui.talk.warning(format_args!("keyframes of {}: {failure}", filled.stream));
            }
            let view = StreamView {
                target: filled.stream.to_string(),
                document: filled.stream.document.to_string(),
                scope: filled.stream.scope.to_string(),
                branch: filled.stream.branch.to_string(),
                head: filled.head.get(),
                filling: filled.tally.into(),
                failure,
            };
            match self.ui.out.format() {
                Format::Ndjson => {
                    let line = LineView::Stream(view);
                    self.ui.out.json_line(|out| Ok(serde_json::to_writer(out, &line)?))?;
                }
                Format::Plain if view.is_quiet() => {}
                Format::Plain | Format::Json => self.streams.push(view),
            }
        }
        Ok(())
    }

    /// Tells what it all came to.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(super) fn end(self, run: Option<RunId>, ended: Option<&'static str>) -> anyhow::Result<ExitStatus> {
        let Teller { ui, dry_run, streams, n_streams, n_failed, total, failed } = self;
        let view = TotalView {
            streams: n_streams,
            failed: n_failed,
            filling: total.into(),
            run: run.map(|run| run.0),
            dry_run,
            ended,
        };
        match ui.out.format() {
            Format::Json => {
                let whole = WholeView { streams, total: view };
                ui.out.json(|out| Ok(serde_json::to_writer(out, &whole)?))?;
            }
            Format::Ndjson => {
                let line = LineView::Total(view);
                ui.out.json_line(|out| Ok(serde_json::to_writer(out, &line)?))?;
            }
            Format::Plain => {
                if !streams.is_empty() {
                    let rows: Vec<Vec<String>> = streams.iter().map(StreamView::row).collect();
                    let text = table(COLUMNS, &rows, ui.out.width());
                    ui.out.bytes(text.as_bytes())?;
                }
                ui.out.line(&view.sentence())?;
            }
        }
        if total.different > 0 {
            ui.talk.note("what differs from the log: --replace replaces it; `snapctl verify` says more");
        }
        if let (Some(run), Format::Plain) = (run, ui.out.format()) {
            ui.talk.detail(format_args!("`snapctl keyframe undo {}` takes it back", run.0));
        }
        Ok(match (ended, failed) {
            (Some("interrupted"), _) => ExitStatus::Interrupted,
            (_, Some(failed)) => failed,
            _ if total.different > 0 => ExitStatus::Findings,
            (Some(_), _) => ExitStatus::Incomplete,
            _ if total.absent > 0 && total.is_idle() => {
                ui.talk.warning("none of the streams has an operation at these revisions");
                ExitStatus::Nothing
            }
            _ => ExitStatus::Success,
        })
    }
}

const COLUMNS: &[(&str, Align)] = &[
    ("stream", Align::Left),
    ("head", Align::Right),
    ("written", Align::Right),
    ("replaced", Align::Right),
    ("there", Align::Right),
    ("different", Align::Right),
    ("bytes", Align::Right),
];

impl StreamView {
    /// Whether there is nothing to tell people.
    fn is_quiet(&self) -> bool {
        let FillingView { written, replaced, recorded, different, absent, .. } = self.filling;
        written + replaced + recorded + different + absent == 0 && self.failure.is_none()
    }

    fn row(&self) -> Vec<String> {
        let FillingView { written, replaced, recorded, present, different, stored_bytes, .. } = self.filling;
        let numbers = [self.head, written, replaced, present + recorded, different, stored_bytes];
        std::iter::once(self.target.clone()).chain(numbers.map(|number| number.to_string())).collect()
    }
}

impl TotalView {
    fn sentence(&self) -> String {
        let FillingView { written, replaced, recorded, present, different, absent, stored_bytes, .. } = self.filling;
        let mut parts = Vec::new();
        let would = if self.dry_run { "would be " } else { "" };
        parts.push(format!("{} {would}written ({stored_bytes} bytes)", count(written + replaced, "keyframe")));
        let others = [
            (replaced, "of them in place of another"),
            (present + recorded, "there already"),
            (recorded, "of these newly recorded as right"),
            (different, "different and left"),
            (absent, "without an operation"),
        ];
        parts.extend(others.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")));
        if self.failed > 0 {
            parts.push(format!("{} failed", count(self.failed, "stream")));
        }
        if self.ended.is_some() {
            parts.push("ended early".to_owned());
        }
        parts.join(", ")
    }
}

impl From<Filling> for FillingView {
    fn from(filling: Filling) -> Self {
        let Filling { written, replaced, recorded, present, different, absent, body_bytes, stored_bytes } = filling;
        FillingView { written, replaced, recorded, present, different, absent, body_bytes, stored_bytes }
    }
}
