//! What was done to keyframes, or would be, as users see it.

use std::cell::RefCell;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;
use serde::ser::{Error as _, SerializeSeq as _, SerializeStruct as _, Serializer};

use super::reasons::{dropped_because, kept_because, written_because};
use crate::cli::commands::import::count;
use crate::cli::render::table::{Align, table};
use crate::cli::ui::{Format, Out, Ui};
use crate::keyframe::apply::Done;
use crate::keyframe::plan::{
    DropStep, End, Figures, Header, KeepStep, Sizes, Spool, Steps, WriteReason, WriteStep, measure,
};
use crate::keyframe::policy::{DropReason, KeepReason};
use crate::model::ids::StreamKey;
use crate::store::{Read, Store, StoreError, answer};

/// What came of a plan.
pub(super) struct Outcome<'a> {
    pub(super) spool: &'a Spool,
    pub(super) store: &'a dyn Store,
    /// What was done; `None` if nothing was to be.
    pub(super) done: Option<Done>,
    /// Streams to which nothing was done, because what is missing of them cannot be made.
    pub(super) failed: u64,
    /// Whether all was done that was to be.
    pub(super) complete: bool,
    /// Where the plan is.
    pub(super) plan: Option<String>,
    pub(super) vacuum: Option<Vacuum>,
}

/// What giving space back came to.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Vacuum {
    /// Size of the files of the store before anything was done, in bytes.
    pub(super) before_bytes: u64,
    /// Size of them now, in bytes.
    pub(super) after_bytes: u64,
}

/// What `keyframe prune`, `compact` and `apply` answer.
#[derive(JsonSchema)]
#[schemars(rename = "KeyframeReport", rename_all = "camelCase")]
#[expect(dead_code, reason = "it is what `Whole` writes, whose streams are never together in memory")]
pub(in crate::cli) struct ReportView {
    /// The streams to which something is done, in order.
    streams: Vec<StreamView>,
    /// All together.
    total: TotalView,
}

/// A line of `--ndjson`.
#[derive(JsonSchema, Serialize)]
#[serde(untagged)]
#[schemars(rename = "KeyframeLine")]
pub(in crate::cli) enum LineView {
    /// A stream.
    Stream {
        /// A stream to which something is done.
        stream: StreamView,
    },
    /// The last line.
    Total {
        /// All together.
        total: TotalView,
    },
}

/// A line of a plan, described. A plan is written and read as [`crate::keyframe::plan::Line`], which is the same.
#[derive(JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "PlanLine")]
#[expect(dead_code, reason = "it is a description")]
pub(in crate::cli) enum PlanLineView {
    /// The first line.
    Plan {
        /// What the plan is of, on the first line.
        plan: Header,
    },
    /// A stream.
    Stream {
        /// What is to be done to a stream.
        stream: Steps,
    },
    /// The last line.
    End {
        /// What the plan comes to, on the last line.
        end: End,
    },
}

/// A stream to which something is done.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "KeyframeStream")]
pub(in crate::cli) struct StreamView {
    /// The document.
    document: String,
    /// The scope.
    scope: String,
    /// The branch.
    branch: String,
    /// Its newest revision; `null` if it has no operation.
    head: Option<u64>,
    /// Keyframes that are written.
    write: u64,
    /// Keyframes that go.
    drop: u64,
    /// Keyframes that are stored in another way.
    recode: u64,
    /// Whether it has a base, and will have none.
    loses_last_base: bool,
    /// As it was when the plan was made.
    before: Figures,
    /// As it is now; where nothing was done, as it would be, with bodies stored as they are.
    after: Figures,
    /// With `--explain`, its keyframes.
    #[serde(skip_serializing_if = "Option::is_none")]
    keyframes: Option<Vec<DecisionView>>,
}

/// What becomes of a keyframe.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "KeyframeDecision")]
struct DecisionView {
    /// The label; negative ones occur in damaged stores.
    revision: i64,
    /// Why it stays; `null` if it goes.
    kept: Option<Vec<KeepReason>>,
    /// Why it goes; `null` if it stays.
    dropped: Option<DropReason>,
    /// Why it is written; left out if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<WriteReason>,
}

/// What all comes to.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "KeyframeTotal")]
pub(in crate::cli) struct TotalView {
    /// Where the store is; never with a password.
    location: String,
    /// Whether nothing was done.
    dry_run: bool,
    /// Whether all was done that was to be.
    complete: bool,
    /// The file of the plan, if it was written.
    plan: Option<String>,
    /// Streams that were looked at and have keyframes.
    streams: u64,
    /// Streams to which something is done.
    changed_streams: u64,
    /// Streams to which nothing was done, because what is missing of them cannot be made from the log.
    failed_streams: u64,
    /// Keyframes that were written, or would be: those that were there and right are recorded as such.
    written: u64,
    /// Keyframes that were to be written and had been before.
    present: u64,
    /// Keyframes that went, or would go.
    dropped: u64,
    /// Keyframes that were to go and had gone before.
    gone: u64,
    /// Keyframes that are stored in another way, or would be.
    recoded: u64,
    /// Keyframes that were to be stored in another way and are damaged.
    unreadable: u64,
    /// Bodies that the history keeps for `keyframe undo`, because no check has found that the log gives them.
    bodies_kept: u64,
    /// As they were when the plan was made.
    before: Figures,
    /// As they are now, or would be.
    after: Figures,
    /// What giving space back came to; `null` if it was not asked for, or nothing was done.
    vacuum: Option<Vacuum>,
}

impl<'a> Outcome<'a> {
    /// What would come of a plan.
    pub(super) fn foretold(spool: &'a Spool, store: &'a dyn Store) -> Self {
        Outcome { spool, store, done: None, failed: 0, complete: true, plan: None, vacuum: None }
    }

    /// Writes the answer.
    pub(super) fn answer(&self, ui: &mut Ui, explain: bool) -> anyhow::Result<()> {
        let out = &mut ui.out;
        match out.format() {
            Format::Plain => self.plain(out, explain),
            Format::Json => {
                let total = RefCell::new(self.total());
                let streams = RefCell::new(self.streams(&total, explain)?);
                Ok(out.json(|out| Ok(serde_json::to_writer(out, &Whole { streams: &streams, total: &total })?))?)
            }
            Format::Ndjson => {
                let total = RefCell::new(self.total());
                for stream in self.streams(&total, explain)? {
                    let line = LineView::Stream { stream: stream? };
                    out.json_line(|out| Ok(serde_json::to_writer(out, &line)?))?;
                }
                let line = LineView::Total { total: total.into_inner() };
                Ok(out.json_line(|out| Ok(serde_json::to_writer(out, &line)?))?)
            }
        }
    }

    /// The total without the streams to which something is done.
    fn total(&self) -> TotalView {
        let end = self.spool.end();
        let planned = Done { written: end.write, dropped: end.drop, recoded: end.recode, ..Done::default() };
        let Done { written, present, dropped, gone, recoded, unreadable, bodies_kept } = self.done.unwrap_or(planned);
        TotalView {
            location: self.store.location().to_owned(),
            dry_run: self.done.is_none(),
            complete: self.complete,
            plan: self.plan.clone(),
            streams: end.streams + end.untouched_streams,
            changed_streams: end.streams,
            failed_streams: self.failed,
            written,
            present,
            dropped,
            gone,
            recoded,
            unreadable,
            bodies_kept,
            before: end.untouched,
            after: end.untouched,
            vacuum: self.vacuum,
        }
    }

    /// The streams to which something is done, which are added to the total as they come.
    fn streams<'o>(
        &'o self,
        total: &'o RefCell<TotalView>,
        explain: bool,
    ) -> anyhow::Result<impl Iterator<Item = anyhow::Result<StreamView>> + 'o> {
        Ok(self.spool.steps()?.map(move |steps| {
            let view = self.view(&steps?, explain)?;
            let mut total = total.borrow_mut();
            total.before.add(view.before);
            total.after.add(view.after);
            Ok(view)
        }))
    }

    fn view(&self, steps: &Steps, explain: bool) -> Result<StreamView, StoreError> {
        let after = match self.done {
            None => steps.after,
            Some(_) => answer(self.store, |read: &dyn Read| measure(read, &steps.stream(), Sizes::Few))?,
        };
        Ok(StreamView {
            document: steps.document.clone(),
            scope: steps.scope.clone(),
            branch: steps.branch.clone(),
            head: steps.head,
            write: steps.write.len() as u64,
            drop: steps.drop.len() as u64,
            recode: steps.recodings().count() as u64,
            loses_last_base: steps.loses_last_base,
            before: steps.before,
            after,
            keyframes: explain.then(|| decisions(steps)),
        })
    }

    fn plain(&self, out: &mut Out, explain: bool) -> anyhow::Result<()> {
        let total = RefCell::new(self.total());
        let mut rows = Vec::new();
        let mut reasons = Vec::new();
        for view in self.streams(&total, explain)? {
            let view = view?;
            let (document, scope, branch) = (&*view.document, &*view.scope, &*view.branch);
            let stream = StreamKey { document: document.into(), scope: scope.into(), branch: branch.into() };
            let name = stream.to_string();
            for decision in view.keyframes.iter().flatten() {
                reasons.push(decision.row(&name));
            }
            rows.push(row(name, view.before, view.after));
        }
        let total = total.into_inner();
        let gives_back = self.done.is_none() && self.spool.header().vacuum;
        let then = if gives_back { "; afterwards what is free in the file would be given back" } else { "" };
        if !rows.is_empty() {
            let n_others = total.streams - total.changed_streams;
            let others = if n_others == 0 { "all".to_owned() } else { format!("all, with {n_others} as they are") };
            if rows.len() > 1 || n_others > 0 {
                rows.push(row(others, total.before, total.after));
            }
            let columns = [
                ("stream", Align::Left),
                ("keyframes", Align::Right),
                ("bytes", Align::Right),
                ("worst replay", Align::Right),
            ];
            out.bytes(table(&columns, &rows, out.width()).as_bytes())?;
            out.line("")?;
        }
        if !reasons.is_empty() {
            let columns =
                [("stream", Align::Left), ("keyframe", Align::Right), ("", Align::Left), ("why", Align::Left)];
            out.bytes(table(&columns, &reasons, out.width()).as_bytes())?;
            out.line("")?;
        }
        Ok(out.line(&(total.sentence() + then))?)
    }
}

fn row(name: String, before: Figures, after: Figures) -> Vec<String> {
    let arrow = |before: String, after: String| format!("{before} → {after}");
    let bytes = |figures: Figures| match (figures.unmeasured, figures.bytes) {
        (0, bytes) => bytes.to_string(),
        (_, 0) => "?".to_owned(),
        (_, bytes) => format!("≥{bytes}"),
    };
    vec![
        name,
        arrow(before.keyframes.to_string(), after.keyframes.to_string()),
        arrow(bytes(before), bytes(after)),
        arrow(before.worst_distance.to_string(), after.worst_distance.to_string()),
    ]
}

fn decisions(steps: &Steps) -> Vec<DecisionView> {
    let dropped = |drop: &DropStep| DecisionView {
        revision: i64::try_from(drop.revision).unwrap_or(i64::MAX),
        kept: None,
        dropped: Some(drop.reason),
        written: None,
    };
    let kept = |keep: &KeepStep| DecisionView {
        revision: keep.revision,
        kept: Some(keep.reasons.clone()),
        dropped: None,
        written: None,
    };
    let written = |write: &WriteStep| DecisionView {
        revision: i64::try_from(write.revision).unwrap_or(i64::MAX),
        kept: None,
        dropped: None,
        written: Some(write.reason),
    };
    let there = steps.drop.iter().map(dropped).chain(steps.keep.iter().map(kept));
    let mut all: Vec<DecisionView> = there.chain(steps.write.iter().map(written)).collect();
    all.sort_by_key(|decision| decision.revision);
    all
}

impl DecisionView {
    fn row(&self, name: &str) -> Vec<String> {
        let (what, why) = match (&self.kept, self.dropped) {
            _ if self.written.is_some() => ("new", self.written.map(written_because).unwrap_or_default().to_owned()),
            (Some(kept), _) => {
                ("stays", kept.iter().map(|reason| kept_because(*reason)).collect::<Vec<_>>().join(", "))
            }
            (None, dropped) => ("goes", dropped.map(dropped_because).unwrap_or_default().to_owned()),
        };
        vec![name.to_owned(), self.revision.to_string(), what.to_owned(), why]
    }
}

impl TotalView {
    fn sentence(&self) -> String {
        let TotalView { written, present, dropped, gone, recoded, bodies_kept, failed_streams, location, .. } = self;
        let failed = match failed_streams {
            0 => String::new(),
            n => format!("; {} failed and left as they are", count(*n, "stream")),
        };
        if written + dropped + recoded == 0 {
            let kept = match self.after.keyframes {
                0 => format!("there is no keyframe in {location}"),
                1 => format!("1 keyframe in {location} stays as it is"),
                n => format!("{n} keyframes in {location} stay as they are"),
            };
            let gone = if *gone > 0 { format!("; {gone} to drop were gone already") } else { String::new() };
            let present = if *present > 0 { format!("; {present} to write were there already") } else { String::new() };
            let what = if failed.is_empty() { "nothing to do" } else { "nothing done" };
            return format!("{what}: {kept}{gone}{present}{failed}{}", self.freed());
        }
        let mut did = Vec::new();
        for (n, done, would) in [
            (*written, "written", "be written"),
            (*dropped, "dropped", "be dropped"),
            (*recoded, "stored anew", "be stored anew"),
        ] {
            if n > 0 {
                let what = if self.dry_run { format!("would {would}") } else { done.to_owned() };
                did.push(format!("{} {what}", count(n, "keyframe")));
            }
        }
        let mut text = did.join(", ");
        if *bodies_kept > 0 {
            let _ = write!(text, "; the history keeps {bodies_kept} of them, which no check has found right");
        }
        if let Some(plan) = &self.plan {
            let _ = write!(text, "; `snapctl keyframe apply {plan}` does it");
        }
        text + &failed + &self.freed()
    }

    fn freed(&self) -> String {
        self.vacuum.map_or_else(String::new, |Vacuum { before_bytes, after_bytes }| {
            format!("; the store took {before_bytes} bytes and takes {after_bytes}")
        })
    }
}

/// An answer whose streams are written as they come.
struct Whole<'a, I> {
    streams: &'a RefCell<I>,
    total: &'a RefCell<TotalView>,
}

struct Streams<'a, I>(&'a RefCell<I>);

impl<I: Iterator<Item = anyhow::Result<StreamView>>> Serialize for Whole<'_, I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut whole = serializer.serialize_struct("KeyframeReport", 2)?;
        whole.serialize_field("streams", &Streams(self.streams))?;
        whole.serialize_field("total", &*self.total.borrow())?;
        whole.end()
    }
}

impl<I: Iterator<Item = anyhow::Result<StreamView>>> Serialize for Streams<'_, I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for stream in &mut *self.0.borrow_mut() {
            list.serialize_element(&stream.map_err(S::Error::custom)?)?;
        }
        list.end()
    }
}
